"""The staff pages' doors: who may pass which, what each shows, and what stays another brand's."""

import re
from datetime import time, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from nightdesk.access.matrix import VERBS
from nightdesk.access.models import Role, User
from nightdesk.access.queries import OPERATOR
from nightdesk.base.actors import Door
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Invalid
from nightdesk.channels.links import make_link
from nightdesk.channels.models import Attempt, Delivery, Route
from nightdesk.console.tests.company import Company
from nightdesk.console.urls import console
from nightdesk.console.views.settings.mappings import PRESETS
from nightdesk.customers.models import Customer
from nightdesk.journal.models import Entry
from nightdesk.mailroom import actions as mailroom
from nightdesk.mailroom.models import Address, Mail, Mailbox
from nightdesk.mailroom.oauth import Token
from nightdesk.mailroom.queries import fronts, refresh_token_of
from nightdesk.paging.formats.mapping import mapping_from_json
from nightdesk.paging.models import DigestLine, Integration, Page
from nightdesk.paging.queries import mail_rules
from nightdesk.people.models import Person

READ = {
    "bureau": "read_bureau",
    "bureau_messages": "read_bureau",
    "bureau_messages_csv": "read_bureau",
    "bureau_message": "read_bureau",
    "bureau_clients": "read_bureau",
    "bureau_client": "read_bureau",
    "script": "read_bureau",
    "bureau_counts": "read_bureau",
    "bureau_counts_csv": "read_bureau",
    "service_figures": "read_figures",
    "service_figures_csv": "read_figures",
    "service_figure": "read_figures",
    "service_figure_csv": "read_figures",
    "desks_compared": "read_figures",
    "desks_compared_csv": "read_figures",
    "figure_mails": "save_figure_mail",
    "figure_mails_csv": "save_figure_mail",
    "line_figures": "read_line_figures",
    "line_figures_csv": "read_line_figures",
    "line_hours_csv": "read_line_figures",
    "choosing": "read_comparisons",
    "choosing_csv": "read_comparisons",
    "comparison": "read_comparisons",
    "comparison_csv": "read_comparisons",
    "comparison_lines_csv": "read_comparisons",
    "comparison_after_csv": "read_comparisons",
    "outages": "read_outages",
    "outages_csv": "read_outages",
    "outage": "read_outages",
    "outage_update": "read_outage_room",
    "outage_report": "read_outage_room",
    "outage_report_csv": "read_outage_room",
    "outage_rules": "read_outage_room",
    "statements_csv": "read_outage_room",
    "tell_preview": "write_update",
    "my_digest": "read_pages",
    "digest_csv": "read_pages",
    "tonight": "read_pages",
    "find": "read_pages",
    "pages": "read_pages",
    "pages_csv": "read_pages",
    "page": "read_pages",
    "tickets": "read_tickets",
    "tickets_csv": "read_tickets",
    "ticket": "read_tickets",
    "attachment": "read_tickets",
    "entry_html": "read_tickets",
    "who_calls": "open_ticket",
    "promise": "open_ticket",
    "desk_settings": "read_tickets",
    "ticket_clocks": "read_tickets",
    "ticket_clocks_csv": "read_tickets",
    "next": "read_promises",
    "next_csv": "read_promises",
    "journal": "read_journal",
    "night": "read_journal",
    "coming_on": "read_journal",
    "incidents": "read_incident_reports",
    "incidents_csv": "read_incident_reports",
    "incident": "read_incident_reports",
    "incident_file": "read_incident_reports",
    "credits_csv": "read_incident_reports",
    "journal_csv": "read_journal",
    "entry": "read_journal",
    "people": "read_people",
    "me": "edit_own_contacts",
    "let_through": "edit_own_contacts",
    "card": "edit_own_contacts",
    "trigger_cost": "trigger_page",
    "person": "read_people",
    "load": "edit_own_contacts",
    "load_csv": "edit_own_contacts",
    "pay": "edit_own_contacts",
    "pay_csv": "edit_own_contacts",
    "person_hours": "read_people",
    "person_hours_csv": "read_people",
    "working_time": "read_rota",
    "exemptions_csv": "read_rota",
    "rota": "read_rota",
    "coverage": "read_skills",
    "coverage_csv": "read_skills",
    "scarce_skills": "read_scarce_skills",
    "scarce_csv": "read_scarce_skills",
    "skills": "read_skills",
    "skills_csv": "read_skills",
    "skill_needs": "read_skills",
    "skill_needs_csv": "read_skills",
    "newcomers": "read_skills",
    "newcomer": "read_skills",
    "seen_csv": "sign_off_newcomer",
    "one_rota": "read_rota",
    "plans": "read_plans",
    "plans_csv": "read_plans",
    "plan": "read_plans",
    "plan_csv": "read_plans",
    "burdens_csv": "read_plans",
    "wishes": "note_wish",
    "wishes_of": "note_wish",
    "cover": "read_cover",
    "cover_csv": "read_cover",
    "cover_search": "read_cover",
    "handovers": "read_handover",
    "handover": "read_handover",
    "past_handovers": "read_handover",
    "past_handovers_csv": "read_handover",
    "past_handover": "read_handover",
    "overrides_csv": "read_rota",
    "swaps_csv": "read_rota",
    "turns_csv": "read_rota",
    "who_csv": "read_rota",
    "pocket": "read_pages",
    "mails": "read_mails",
    "mails_csv": "read_mails",
    "mail": "read_mails",
    "mail_raw": "read_mails",
    "mail_file": "read_mails",
    "sign_in_mailbox": "sign_in_mailbox",
    "signed_in_mailbox": "sign_in_mailbox",
    "mailboxes": "save_mailbox",
    "messages": "read_deliveries",
    "messages_csv": "read_deliveries",
    "message": "read_deliveries",
    "providers": "read_deliveries",
    "providers_csv": "read_deliveries",
    "search": "read_tickets",
    "search_csv": "read_tickets",
    "worked": "read_tickets",
    "worked_csv": "read_tickets",
    "surveys": "read_surveys",
    "surveys_csv": "read_surveys",
    "suppliers": "save_supplier",
    "calls": "read_calls",
    "calls_csv": "read_calls",
    "call": "read_calls",
    "ringing": "read_calls",
    "left_messages": "read_calls",
    "left_messages_csv": "read_calls",
    "left_message": "read_calls",
    "recording": "hear_recording",
    "walk_line": "read_lines",
    "walk_line_csv": "read_lines",
    "lines": "read_lines",
    "lines_csv": "read_lines",
    "line": "read_lines",
    "telephones": "read_lines",
    "telephones_csv": "read_lines",
    "settings": "read_customers",
    "integrations": "make_integration",
    "raw_alarms": "read_alarms",
    "raw_alarms_csv": "read_alarms",
    "raw_alarm": "read_alarms",
    "raw_alarm_file": "read_alarms",
    "policies": "save_policy",
    "routes": "save_route",
    "tokens": "make_token",
    "sessions": "read_sessions",
    "sessions_csv": "read_sessions",
    "personal": "erase_person",
    "my_sessions": "read_own_sessions",
    "my_readings": "read_own_readings",
    "my_readings_csv": "read_own_readings",
    "my_sessions_csv": "read_own_sessions",
    "keeping": "read_backups",
    "keeping_csv": "read_backups",
    "brands": "edit_brand",
    "users": "make_user",
    "user": "make_user",
    "customers": "read_customers",
    "customer": "read_customers",
    "all_hours": "edit_hours",
    "shadow": "read_shadow",
    "shadow_csv": "read_shadow",
    "second_site": "read_second_site",
    "drills_csv": "read_second_site",
    "heartbeats": "read_heartbeats",
    "heartbeats_csv": "read_heartbeats",
    "heartbeat": "read_heartbeats",
    "quiet": "read_silences",
    "quiet_csv": "read_silences",
    "visits": "read_visits",
    "visits_csv": "read_visits",
    "visit": "read_visits",
    "sites": "read_sites",
    "sites_csv": "read_sites",
    "site": "read_sites",
    "maintenance": "read_work",
    "maintenance_csv": "read_work",
    "one_maintenance": "read_work",
    "maintnote_file": "read_work",
    "carriers": "read_carriers",
    "work_settings": "read_customers",
    "procedures": "read_procedures",
    "procedures_csv": "read_procedures",
    "procedure": "read_procedures",
    "procedure_version": "read_procedures",
    "proposal": "read_procedures",
    "sayings": "read_sayings",
    "sayings_csv": "read_sayings",
    "briefings": "read_briefings",
    "briefings_csv": "read_briefings",
    "briefing": "read_briefings",
    "spares": "read_spares",
    "spares_csv": "read_spares",
    "spare": "read_spares",
    "templates": "read_templates",
    "templates_csv": "read_templates",
    "phrases": "read_templates",
    "phrases_csv": "read_templates",
    "parts": "read_parts",
    "parts_csv": "read_parts",
    "part": "read_parts",
    "service_needs_list": "read_parts",
    "service_needs_csv": "read_parts",
    "what_if": "read_parts",
    "weak_points_csv": "read_parts",
}
FORMS = {
    "edit_incident": "edit_incident_report",
    "incident_rules": "save_incident_rules",
    "new_bureau_client": "save_bureau_client",
    "change_bureau_client": "save_bureau_client",
    "bureau_ladder": "set_bureau_ladder",
    "new_script": "save_script",
    "change_script": "save_script",
    "new_rota": "make_rota",
    "edit_rota": "edit_rota",
    "edit_seat": "edit_seat",
    "set_layers": "set_layers",
    "import_turns": "import_turns",
    "ask_swap": "ask_swap",
    "seat_brands": "set_seat_brands",
    "new_skill": "save_skill",
    "one_skill": "save_skill",
    "import_skills": "set_person_skill",
    "need": "set_skill_needs",
    "import_needs": "set_skill_needs",
    "way_parts": "edit_own_contacts",
    "new_outage": "propose_outage",
    "tell": "write_update",
    "change_outage": "edit_outage",
    "outage_parts": "set_failed_parts",
    "brand_outage_rules": "save_outage_rules",
    "new_statement": "save_statement_template",
    "statement": "save_statement_template",
    "new_confirm_rule": "save_confirm_rule",
    "new_phrase": "save_phrase",
    "phrase": "read_templates",
    "new_part": "save_part",
    "change_part": "save_part",
    "part_needs": "save_needs",
    "service_needs": "read_parts",
    "subscription_needs": "save_needs",
    "reach": "save_reach",
    "import_old_tickets": "import_tickets",
    "import_parts": "apply_parts_import",
    "import_netbox": "apply_parts_import",
    "new_ticket": "open_ticket",
    "desk_rules": "save_desk_rules",
    "team_rule": "save_team_rule",
    "new_queue": "save_queue",
    "queue": "save_queue",
    "new_macro": "save_macro",
    "macro": "save_macro",
    "trigger": "trigger_page",
    "person_terms": "set_terms",
    "pay_rates": "save_pay_rates",
    "new_comparison": "save_comparison",
    "change_comparison": "save_comparison",
    "figures": "save_figures",
    "desk_supplier": "save_desk_supplier",
    "new_figure_mail": "save_figure_mail",
    "figure_mail": "save_figure_mail",
    "seat_counting": "set_counting",
    "new_person": "make_person",
    "change_person": "edit_person",
    "new_integration": "make_integration",
    "mapping": "save_mapping",
    "mail_rules": "save_mail_rules",
    "new_mailbox": "save_mailbox",
    "mailbox": "save_mailbox",
    "front": "save_front",
    "new_address": "add_address",
    "new_policy": "save_policy",
    "policy": "save_policy",
    "set_rules": "edit_own_contacts",
    "digest": "read_pages",
    "new_route": "save_route",
    "new_line": "save_line",
    "change_line": "save_line",
    "new_telephone": "save_telephone",
    "telephone": "save_telephone",
    "contact_pin": "set_pin",
    "person_pin": "edit_own_contacts",
    "new_supplier": "save_supplier",
    "supplier": "save_supplier",
    "route": "save_route",
    "new_token": "make_token",
    "new_brand": "make_brand",
    "brand": "edit_brand",
    "new_user": "make_user",
    "new_customer": "make_customer",
    "import_customers": "apply_import",
    "change_customer": "edit_customer",
    "contact": "set_contact_standing",
    "own_sign_in": "set_identity_provider",
    "new_hours": "make_hours",
    "hours": "edit_hours",
    "declare_visit": "declare_visit",
    "declare_drill": "declare_visit",
    "edit_visit": "edit_visit",
    "duress_word": "set_duress_word",
    "new_site": "add_site",
    "edit_site": "edit_site",
    "pair_site": "pair_second_site",
    "edit_second_site": "edit_second_site",
    "new_heartbeat": "make_heartbeat",
    "edit_heartbeat": "edit_heartbeat",
    "new_silence": "make_silence",
    "new_work": "plan_work",
    "extend_work": "extend_work",
    "draft_work": "draft_work",
    "edit_work": "edit_work",
    "prolong_work": "prolong_work",
    "call_off_work": "call_off_work",
    "dismiss_work": "dismiss_work",
    "new_carrier": "save_carrier",
    "carrier": "save_carrier",
    "work_rules": "save_work_rules",
    "new_freeze": "save_freeze",
    "set_notice": "save_work_terms",
    "give_maintnote": "set_maintnote_wish",
    "seat_shifts": "set_shifts",
    "draft_shift": "make_draft",
    "seek_cover": "seek_cover",
    "new_procedure": "make_procedure",
    "save_procedure": "save_procedure",
    "edit_procedure": "edit_procedure",
    "propose_change": "propose_change",
    "new_call_kind": "add_call_kind",
    "new_saying": "save_saying",
    "saying": "save_saying",
    "new_briefing": "make_briefing",
    "new_spare": "save_spare",
    "change_spare": "save_spare",
    "new_template": "save_template",
    "template": "read_templates",
}
POSTS = {
    "write_journal_note": "write_journal_note",
    "renew_journal_feed": "renew_journal_feed",
    "draft_incident": "draft_incident_report",
    "approve_incident": "approve_incident_report",
    "publish_incident": "publish_incident_report",
    "incident_follow_up": "add_follow_up",
    "assess_incident": "assess_incident",
    "regulator_told": "note_regulator_told",
    "report_term": "save_report_term",
    "regulator_waived": "waive_regulator_duty",
    "send_figure_mail": "send_figure_mail",
    "copy_comparison": "save_comparison",
    "delete_comparison": "delete_comparison",
    "restore_comparison": "delete_comparison",
    "choose_approach": "choose_approach",
    "ask_backup": "ask_backup",
    "bureau_sign_in": "sign_in_taker",
    "bureau_pause": "pause_taker",
    "bureau_sign_out": "sign_in_taker",
    "bureau_here": "sign_in_taker",
    "bureau_begin": "open_bureau_message",
    "bureau_take": "take_desk_call",
    "bureau_answer": "answer_step",
    "bureau_put_through": "put_caller_through",
    "bureau_save": "save_bureau_message",
    "bureau_wrap_up": "wrap_up_bureau_message",
    "bureau_relay": "relay_bureau_message",
    "bureau_resend": "resend_bureau_message",
    "bureau_code": "read_out_bureau_message",
    "bureau_read_out": "read_out_bureau_message",
    "bureau_spoken": "acknowledge_bureau_message",
    "bureau_set_back": "set_back_bureau_message",
    "bureau_close": "close_bureau_message",
    "bureau_note": "set_note_of_the_day",
    "retire_script": "save_script",
    "test_script": "open_bureau_message",
    "approve_script": "approve_script",
    "check_line_divert": "check_divert",
    "call_back": "call_back",
    "note_call_outcome": "note_outcome",
    "close_left_message": "close_message",
    "cancel_left_message": "cancel_message",
    "bring_into_call": "add_to_call",
    "leave_call": "leave_call",
    "hold_call": "hold_call",
    "take_off_hold": "take_off_hold",
    "park_call": "park_call",
    "take_parked_call": "take_parked_call",
    "pause_recording": "pause_recording",
    "hang_up_call": "hang_up_call",
    "retire_line": "retire_line",
    "keep_line_prompt": "keep_prompt",
    "remove_line_prompt": "remove_prompt",
    "remove_telephone": "remove_telephone",
    "no_contact_pin": "clear_pin",
    "no_person_pin": "edit_own_contacts",
    "record_absence": "edit_own_contacts",
    "cancel_absence": "edit_own_contacts",
    "record_restriction": "edit_own_contacts",
    "cancel_restriction": "edit_own_contacts",
    "note_called": "edit_own_contacts",
    "give_rest": "give_rest",
    "confirm_late_start": "confirm_late_start",
    "decline_late_start": "decline_late_start",
    "set_skills": "set_person_skill",
    "no_skill": "remove_skill",
    "begin_as_newcomer": "begin_as_newcomer",
    "pair_newcomer": "pair_newcomer",
    "sign_off_newcomer": "sign_off_newcomer",
    "end_pairing": "end_pairing",
    "say_no_change": "write_update",
    "confirm_outage": "confirm_outage",
    "withdraw_outage": "withdraw_outage",
    "take_role": "edit_outage",
    "approve_update": "write_update",
    "drop_update": "drop_update",
    "remove_statement": "remove_statement_template",
    "remove_confirm_rule": "remove_confirm_rule",
    "change_tickets": "change_tickets",
    "undo_change": "undo_change",
    "save_view": "save_view",
    "remove_view": "remove_view",
    "reply": "reply_to_customer",
    "note_ticket": "note_ticket",
    "keep_draft": "keep_draft",
    "note_presence": "note_presence",
    "assign_ticket": "assign_ticket",
    "escalate_ticket": "escalate_functionally",
    "raise_ticket": "escalate_hierarchically",
    "wait_ticket": "wait_ticket",
    "set_next_step": "set_next_step",
    "resolve_ticket": "resolve_ticket",
    "cancel_ticket": "cancel_ticket",
    "reopen_ticket": "reopen_ticket",
    "edit_ticket": "edit_ticket",
    "prove_identity": "prove_identity",
    "set_party": "set_party",
    "watch_ticket": "watch_ticket",
    "apply_macro": "apply_macro",
    "remove_macro": "remove_macro",
    "link_ticket": "link_tickets",
    "unlink_ticket": "link_tickets",
    "merge_ticket": "merge_ticket",
    "unmerge_ticket": "merge_ticket",
    "split_ticket": "split_ticket",
    "rejoin_ticket": "split_ticket",
    "propose_major": "propose_major",
    "accept_major": "accept_major",
    "reject_major": "accept_major",
    "join_major": "add_child",
    "leave_major": "add_child",
    "tell_children": "tell_children",
    "return_answer": "return_answer",
    "confirm_lesson": "read_tickets",
    "resend": "resend_message",
    "acknowledge": "acknowledge_page",
    "resolve": "resolve_page",
    "escalate": "escalate_page",
    "reassign": "reassign_page",
    "snooze": "snooze_page",
    "note": "note_page",
    "defer": "defer_page",
    "retry": "retry_promise",
    "void": "void_promise",
    "leave": "deactivate_person",
    "come_back": "reactivate_person",
    "add_contact": "edit_own_contacts",
    "remove_contact": "edit_own_contacts",
    "test_contact": "edit_own_contacts",
    "confirm_contact": "confirm_contact_method",
    "add_override": "add_override",
    "add_seat": "add_seat",
    "remove_seat": "remove_seat",
    "apply_turns": "import_turns",
    "undo_layers": "set_layers",
    "renew_feed": "renew_feed",
    "renew_my_feed": "edit_own_contacts",
    "accept_swap": "accept_swap",
    "decline_swap": "accept_swap",
    "approve_swap": "approve_swap",
    "refuse_swap": "approve_swap",
    "cancel_swap": "ask_swap",
    "cancel_override": "cancel_override",
    "accept_duty": "accept_duty",
    "make_draft": "make_draft",
    "draft_repair": "make_draft",
    "stop_draft": "make_draft",
    "discard_draft": "make_draft",
    "copy_plan": "make_draft",
    "publish_plan": "publish_plan",
    "add_wish": "note_wish",
    "remove_plan_wish": "note_wish",
    "take_cover": "take_cover",
    "turn_down_cover": "turn_down_cover",
    "call_off_cover": "seek_cover",
    "take_duty": "take_duty",
    "pass_duty": "pass_duty",
    "set_first_holder": "set_first_holder",
    "pocket_take": "acknowledge_page",
    "pocket_pass": "escalate_page",
    "pocket_morning": "defer_page",
    "set_quiet": "edit_own_contacts",
    "end_quiet": "edit_own_contacts",
    "send_digest": "read_pages",
    "push_key": "add_device",
    "push_look": "add_device",
    "push_add": "add_device",
    "replace_push_key": "replace_push_key",
    "revoke_integration": "revoke_integration",
    "no_mapping": "save_mapping",
    "retry_alarm": "retry_alarm",
    "retry_mail": "retry_mail",
    "remove_mailbox": "remove_mailbox",
    "remove_address": "remove_address",
    "test_route": "save_route",
    "remove_route": "remove_route",
    "revoke_token": "revoke_token",
    "end_session": "end_session",
    "export_personal": "export_person",
    "fetch_personal": "export_person",
    "erase_personal": "erase_person",
    "end_my_session": "end_own_session",
    "end_my_other_sessions": "end_own_session",
    "grant_role": "grant_role",
    "revoke_role": "revoke_role",
    "apply_customers": "apply_import",
    "new_contact": "make_contact",
    "ask_supplier": "open_supplier_ticket",
    "supplier_word": "chase_supplier",
    "log_time": "log_time",
    "withdraw_time": "log_time",
    "invite_contact": "invite_contact",
    "confirm_customers_contact": "confirm_contact",
    "no_mobile": "remove_mobile",
    "contact_left": "mark_contact_left",
    "company_rule": "set_company_rule",
    "no_own_sign_in": "remove_identity_provider",
    "settle_unsubscribe": "decide_unsubscribe",
    "new_contract": "make_contract",
    "new_subscription": "make_subscription",
    "silence": "silence_page",
    "start_shadow": "start_shadow",
    "end_shadow": "end_shadow",
    "import_old_pager": "import_old_pager",
    "check_in_visit": "check_in_visit",
    "call_for_help": "call_for_help",
    "vouch_for_visitor": "vouch_for_visitor",
    "end_visit": "end_visit",
    "cancel_visit": "cancel_visit",
    "retire_site": "retire_site",
    "note_beat": "note_beat",
    "end_second_site": "revoke_second_site",
    "agree_to_drill": "agree_to_drill",
    "start_drill": "start_drill",
    "pause_heartbeat": "pause_heartbeat",
    "resume_heartbeat": "resume_heartbeat",
    "rotate_heartbeat": "rotate_heartbeat",
    "write_note": "write_note",
    "add_watch_item": "add_watch_item",
    "tick_watch_item": "tick_watch_item",
    "accept_offer": "accept_duty",
    "refuse_offer": "refuse_turn",
    "refuse_turn": "refuse_turn",
    "go_out_of_reach": "go_out_of_reach",
    "in_reach_again": "go_out_of_reach",
    "save_handover_rules": "save_handover_rules",
    "set_standby": "set_standby",
    "remove_heartbeat": "remove_heartbeat",
    "end_silence": "end_silence",
    "start_work": "start_work",
    "complete_work": "complete_work",
    "cancel_work": "cancel_work",
    "announce_work": "announce_work",
    "open_work": "open_work",
    "close_work": "close_work",
    "take_carrier_change": "take_carrier_change",
    "drop_carrier_change": "drop_carrier_change",
    "settle_objection": "settle_objection",
    "remove_carrier": "remove_carrier",
    "remove_freeze": "remove_freeze",
    "no_maintnote": "set_maintnote_wish",
    "publish_procedure": "publish_procedure",
    "restore_procedure": "restore_procedure",
    "review_procedure": "review_procedure",
    "retire_procedure": "retire_procedure",
    "confirm_reading": "confirm_reading",
    "accept_proposal": "accept_proposal",
    "decline_proposal": "decline_proposal",
    "open_procedure": "open_procedure",
    "settle_step": "settle_step",
    "approve_saying": "approve_saying",
    "remove_saying": "remove_saying",
    "confirm_briefing": "confirm_briefing",
    "remind_briefing": "remind_briefing",
    "close_briefing": "close_briefing",
    "take_spare": "take_spare",
    "return_spare": "return_spare",
    "count_spare": "count_spare",
    "remove_spare": "remove_spare",
    "remove_template": "remove_template",
    "remove_phrase": "remove_phrase",
    "retire_part": "retire_part",
    "apply_old_tickets": "import_tickets",
    "apply_parts": "apply_parts_import",
}
TABLE = READ | FORMS | POSTS
"""Every address of the console and the verb that opens it: written here once more, so that a slip there is seen."""

OF_EVERY_BRAND = {
    "new_brand",
    "replace_push_key",
    "front",
    "keeping",
    "keeping_csv",
    "ask_backup",
    "end_second_site",
    "personal",
    "export_personal",
    "fetch_personal",
    "erase_personal",
}
"""Needs the role in every brand, which nobody has who works for one."""
OWN_PAGE = {
    "person_pin",
    "no_person_pin",
    "record_absence",
    "record_restriction",
    "note_called",
    "set_rules",
    "set_quiet",
    "end_quiet",
    "send_digest",
    "add_contact",
    "remove_contact",
    "test_contact",
}
FRAGMENTS = {"tell_preview", "outage_update", "trigger_cost", "who_calls", "promise", "entry_html"}
"""Parts that a page asks for later."""
AWAY = {"sign_in_mailbox", "signed_in_mailbox"}
"""To a service and back."""
VIEWS = {pattern.name: pattern for pattern in console}


OF_THE_BUREAU = {"client_id": "bureau_client_id", "message_id": "bureau_message_id", "key": "bureau_key"}
"""What is called by these names in an address below /bureau/."""


def url_of(name: str, ids: dict[str, Any]) -> str:
    if str(VIEWS[name].pattern).startswith("bureau/"):
        ids = ids | {key: ids[of_bureau] for key, of_bureau in OF_THE_BUREAU.items()}
    return reverse(f"console:{name}", kwargs={key: ids[key] for key in VIEWS[name].pattern.converters})


def ids_of(company: Company, user: User | None = None) -> dict[str, Any]:
    """One of everything in Quay; its own page where everybody may change only that."""
    entry = Entry.objects.filter(brand_id=company.quay.brand.id).latest("at")
    return company.quay.ids | {"entry_id": entry.id}


def ask(client: Client, name: str, url: str) -> Any:
    """The address asked for as a browser would, and nothing of it kept."""
    with transaction.atomic():
        answer = client.post(url) if name in POSTS else client.get(url)
        transaction.set_rollback(True)
    return answer


def test_every_address_stands_in_the_table_with_its_verb():
    assert {name: pattern.callback.verb for name, pattern in VIEWS.items()} == TABLE


@pytest.mark.parametrize("role", Role.values)
def test_a_role_passes_the_doors_that_the_matrix_opens_and_no_other(company, role, monkeypatch):
    # What stands on the page is for other tests; drawing it would be most of the work.
    monkeypatch.setattr("django.template.backends.django.Template.render", lambda *_args, **_how: "")
    user = company.reader(role)
    client = company.client(user)
    ids = ids_of(company)
    mine = Person.objects.get(user=user)
    passed = {}
    for name, verb in TABLE.items():
        url = url_of(name, ids | ({"person_id": mine.id} if name in OWN_PAGE else {}))
        passed[name] = (ask(client, name, url).status_code != 403, role in VERBS[verb] and name not in OF_EVERY_BRAND)
    assert {name: got for name, (got, wanted) in passed.items() if got != wanted} == {}


def test_whoever_is_not_signed_in_is_sent_to_the_log_in_and_nothing_happens(company):
    ids = ids_of(company)
    for name in TABLE:
        answer = ask(company.client(), name, url_of(name, ids))
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, reverse("account_login")), name


def test_a_program_without_a_session_is_told_so_in_json(company):
    answer = company.client().get(reverse("console:pages"), headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not-signed-in"


def test_no_form_is_taken_without_its_csrf_token(company):
    client = company.client(company.everything(), enforce_csrf_checks=True)
    ids = ids_of(company)
    assert {name: client.post(url_of(name, ids)).status_code for name in POSTS | FORMS} == dict.fromkeys(
        POSTS | FORMS, 403
    )
    assert Page.objects.get(id=company.quay.page.id).state == "triggered"


def test_what_only_changes_is_not_done_by_a_get(company):
    client = company.client(company.everything())
    ids = ids_of(company)
    asked = POSTS.keys() - OF_EVERY_BRAND
    assert {name: client.get(url_of(name, ids)).status_code for name in asked} == dict.fromkeys(asked, 405)


# ---- Another brand's ------------------------------------------------------------------------------------------------


def test_what_belongs_to_another_brand_is_not_there(company):
    client = company.client(company.everything())
    theirs = company.pier.ids | {"entry_id": Entry.objects.filter(brand_id=company.pier.brand.id).latest("at").id}
    named = [name for name, pattern in VIEWS.items() if set(pattern.pattern.converters) - {"driver", "way", "figure"}]
    assert {name: ask(client, name, url_of(name, theirs)).status_code for name in named} == dict.fromkeys(named, 404)


def test_the_palette_finds_what_is_ours_alone(company):
    found = company.client(company.everything()).get(reverse("console:find"), {"q": "i"}).json()
    assert {each["label"] for each in found} >= {"Quay router is dark", "Quay nights"}
    assert not [each for each in found if "Pier" in each["label"]]


# ---- What every page is made of -------------------------------------------------------------------------------------


class Reading(HTMLParser):
    """Headings of the main part, and whatever a content security policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.headings, self.refused, self.labels = 0, 0, [], set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.main += tag == "main"
        self.headings += tag == "h1" and self.main
        self.refused += [f"<{tag} {name}>" for name in given if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.refused.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        self.main -= tag == "main"


def unguarded(answer: Any) -> list[str]:
    """What is missing of what a browser is told about an answer; what is opened in a sandbox has a policy of its own."""
    policy = answer["Content-Security-Policy"]
    if "sandbox" in policy:
        wanted, never = ("default-src 'none'",), ("allow-scripts", "script-src", "'unsafe-eval'")
    else:
        wanted = ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")
        never = ("'unsafe-inline'", "'unsafe-eval'", "script-src *")
    wrong = [part for part in wanted if part not in policy] + [word for word in never if word in policy]
    wrong += [] if answer["X-Frame-Options"] in ("DENY", "SAMEORIGIN") else ["X-Frame-Options"]
    wrong += [] if answer["X-Content-Type-Options"] == "nosniff" else ["nosniff"]
    return wrong + ([] if answer["Referrer-Policy"] in ("same-origin", "no-referrer") else ["Referrer-Policy"])


def test_every_page_names_nothing_of_another_brand_has_one_heading_and_nothing_inline(company):
    client = company.client(company.everything())
    ids = ids_of(company)
    told = {}
    for name in READ | FORMS:
        answer = client.get(url_of(name, ids))
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if b"Pier" in body and name not in OF_EVERY_BRAND | {"find"}:
            told[name] = body[body.index(b"Pier") - 60 :][:120]
        assert (name, unguarded(answer)) == (name, [])
        if not answer["Content-Type"].startswith("text/html") or name in OF_EVERY_BRAND | FRAGMENTS | AWAY:
            continue
        reading = Reading()
        reading.feed(body.decode())
        assert (name, answer.status_code, reading.headings, reading.refused) == (name, 200, 1, [])
    assert told == {}


def test_every_page_says_who_is_on_call(company):
    text = company.client(company.everything()).get(reverse("console:settings")).content.decode()
    assert "Bo is on call" in " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_a_fragment_that_says_nothing_new_is_not_sent_again(company):
    client = company.client(company.everything())
    url = reverse("console:tonight") + "?part=waiting"
    first = client.get(url)
    assert b"<html" not in first.content
    again = client.get(url, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    client.post(reverse("console:acknowledge", args=[company.quay.page.id]))
    assert client.get(url, headers={"If-None-Match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize("name", ["pages_csv", "next_csv", "journal_csv", "mails_csv"])
def test_a_download_calculates_nothing(company, name):
    Page.objects.filter(id=company.quay.page.id).update(title="=HYPERLINK(0)")
    Promise.objects.filter(brand_id=company.quay.brand.id).update(why="=HYPERLINK(0)")
    Mail.objects.filter(brand_id=company.quay.brand.id).update(title="=HYPERLINK(0)", outcome="@x")
    answer = company.client(company.everything()).get(reverse(f"console:{name}"))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert answer["Content-Disposition"].startswith("attachment")
    assert not re.search(r'(^|,)"?[=+@]', text, re.MULTILINE)
    assert len(text.splitlines()) > 1


# ---- Tonight --------------------------------------------------------------------------------------------------------


def words(answer: Any) -> str:
    main = answer.content.decode()
    main = main[main.find("<main") : main.find("</main>")]
    return " ".join(re.sub(r"<[^>]+>", " ", main).replace("&#x27;", "'").split())


def test_tonight_says_first_what_nobody_has_and_warns_of_what_could_go_wrong(company):
    company.quay.number.delete()
    text = words(company.client(company.everything()).get(reverse("console:tonight")))
    assert text.startswith("1 page unanswered")
    assert "Quay router is dark" in text
    assert "1 promise was given up" in text
    assert "Bo Quay is on duty and has no working phone or text number." in text


def test_tonight_is_calm_when_nothing_waits(company):
    client = company.client(company.everything())
    Page.objects.filter(id=company.quay.page.id).update(state="resolved", resolved_at=company.at)
    assert words(client.get(reverse("console:tonight"))).startswith("Nothing is waiting")


def test_who_answers_phones_for_us_sees_the_page_but_not_what_happens_next(company):
    text = words(company.client(company.reader("bureau")).get(reverse("console:tonight")))
    assert "Quay router is dark" in text
    assert "What happens next" not in text
    assert "I've got it" not in text


# ---- Mail in --------------------------------------------------------------------------------------------------------


def test_a_mail_is_found_by_its_words_and_shows_no_html_of_a_stranger(company):
    client = company.client(company.everything())
    text = words(client.get(reverse("console:mails"), {"q": "about Quay"}))
    assert "A letter about Quay" in text
    assert "Nobody here takes mail to that address" in text
    assert "A letter about Quay" not in words(client.get(reverse("console:mails"), {"q": "nonsense"}))
    assert "A letter about Quay" not in words(client.get(reverse("console:mails"), {"standing": "done"}))
    page = client.get(reverse("console:mail", args=[company.quay.ids["mail_id"]])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    raw = client.get(reverse("console:mail_raw", args=[company.quay.ids["mail_id"]]))
    assert raw["Content-Type"] == "application/octet-stream"
    assert raw["Content-Disposition"].startswith("attachment")


def test_html_of_a_stranger_is_shown_safe_with_its_files_and_nothing_from_elsewhere(company):
    client = company.client(company.everything())
    png = b"\x89PNG\r\n\x1a\n..."
    html = (
        b"<p onclick=x()>Hello<script>alert(1)</script><img src=cid:logo@x alt=logo><img src=https://spy.example/p.gif alt=spy>"
        b"<blockquote>" + b"quoted<br>" * 9 + b"</blockquote>"
    )
    raw = (
        b"From: a@b.example\r\nSubject: In colour\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n" + html + b"\r\n"
        b"--b\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo@x>\r\n\r\n" + png + b"\r\n"
        b"--b\r\nContent-Type: text/html; name=evil.html\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n"
    )
    mailbox = Mailbox.objects.get(id=company.quay.ids["mailbox_id"])
    mail = mailroom.receive_mail(way="imap", raw=raw, mailbox=mailbox, **company.doing)
    mailroom.read_mail(mail_id=mail.id, **company.doing)
    url = reverse("console:mail", args=[mail.id])
    answer = client.get(url)
    page = answer.content.decode()
    logo, evil = (reverse("console:mail_file", args=[mail.id, number]) for number in (0, 1))
    assert f'src="{logo}"' in page
    assert "alert(1)" not in page
    assert 'src="https://spy.example' not in page
    assert '<details class="quoted">' in page
    assert "1 image lies elsewhere" in page
    assert "spy.example" not in answer["Content-Security-Policy"]
    assert "img-src 'self' data:;" in answer["Content-Security-Policy"].replace(" ;", ";") + ";"
    asked = client.get(url, {"images": "1"})
    assert 'src="https://spy.example/p.gif"' in asked.content.decode()
    assert "https:" in asked["Content-Security-Policy"]
    shown, kept = client.get(logo), client.get(evil)
    assert (shown["Content-Type"], shown.content) == ("image/png", png)
    assert (kept["Content-Type"], kept["Content-Disposition"]) == (
        "application/octet-stream",
        'attachment; filename="evil.html"',
    )
    assert kept["X-Content-Type-Options"] == "nosniff"
    assert client.get(reverse("console:mail_file", args=[mail.id, 7])).status_code == 404


def test_a_mailbox_is_signed_in_for_and_only_by_whoever_began(company, monkeypatch):
    client = company.client(company.everything())
    given = {"name": "m365", "host": "outlook.office365.com", "security": "tls", "user": "noc@quay.example", "folder": "INBOX",
             "after": "seen", "auth": "microsoft", "tenant": "quay.example", "client_id": "c-1",
             "brand": str(company.quay.brand.id), "client_secret": "s", "enabled": "on",
             "authserv_id": "microsoft365"}  # fmt: skip
    assert client.post(reverse("console:new_mailbox"), given | {"client_id": ""}).status_code == 422
    assert client.post(reverse("console:new_mailbox"), given).status_code == 302
    box = Mailbox.objects.get(name="m365")
    page = words(client.get(reverse("console:mailbox", args=[box.id])))
    assert "Nobody has signed in for it yet" in page
    away = client.get(reverse("console:sign_in_mailbox", args=[box.id]))
    assert away["Location"].startswith("https://login.microsoftonline.com/quay.example/oauth2/v2.0/authorize?")
    asked = parse_qs(urlsplit(away["Location"]).query)
    back = reverse("console:signed_in_mailbox")
    assert asked["redirect_uri"] == [f"{settings.PUBLIC_URL}{back}"]
    monkeypatch.setattr(
        "nightdesk.console.views.settings.mailboxes.exchange_code",
        lambda us, **more: Token("access", company.at, f"lasts {more['code']} {us.client_secret}"),
    )
    assert client.get(back, {"state": "another", "code": "x"}).status_code == 422
    assert (
        client.get(back, {"state": asked["state"][0], "code": "x"}).status_code == 422
    )  # a sign-in is used up by its first return
    again = parse_qs(urlsplit(client.get(reverse("console:sign_in_mailbox", args=[box.id]))["Location"]).query)
    assert client.get(back, {"state": again["state"][0], "code": "x"}).status_code == 302
    assert refresh_token_of(box.id) == "lasts x s"
    assert Entry.objects.filter(kind="mailbox.signed_in", subject_id=str(box.id)).count() == 1


def test_whose_checks_of_senders_are_believed_is_said_by_an_admin_of_every_brand(company):
    mailroom.save_front(way="lmtp", authserv_id="MX.Quay.example", by=OPERATOR, via=Door.CLI, at=company.at)
    assert fronts() == {"smtp": "", "lmtp": "mx.quay.example", "pipe": ""}
    with pytest.raises(Invalid):
        mailroom.save_front(way="lmtp", authserv_id="two names", by=OPERATOR, via=Door.CLI, at=company.at)
    mailroom.save_front(way="lmtp", authserv_id="", by=OPERATOR, via=Door.CLI, at=company.at)
    assert fronts()["lmtp"] == ""


def test_a_mail_that_was_only_kept_is_read_again_on_the_web(company):
    client = company.client(company.everything())
    mail_id = company.quay.ids["mail_id"]
    assert client.post(reverse("console:retry_mail", args=[mail_id])).status_code == 302
    assert Mail.objects.get(id=mail_id).standing == "waiting"


def test_a_mailbox_is_set_up_changed_and_removed_on_the_web_and_its_password_never_shown(company):
    client = company.client(company.everything())
    brand = str(company.quay.brand.id)
    given = {"name": "desk", "brand": brand, "host": "imap.example.net", "security": "tls", "user": "desk",
             "password": "quite a secret", "folder": "INBOX", "after": "seen", "enabled": "on"}  # fmt: skip
    assert client.post(reverse("console:new_mailbox"), given).status_code == 302
    made = Mailbox.objects.get(name="desk")
    page = client.get(reverse("console:mailbox", args=[made.id])).content.decode()
    assert "quite a secret" not in page
    assert (
        client.post(reverse("console:mailbox", args=[made.id]), given | {"password": "", "user": "other"}).status_code
        == 302
    )
    changed = Mailbox.objects.get(id=made.id)
    assert (changed.user, bytes(changed.password)) == ("other", bytes(made.password))
    assert client.post(reverse("console:remove_mailbox", args=[made.id])).status_code == 302
    assert not Mailbox.objects.filter(id=made.id).exists()
    assert (
        client.post(reverse("console:new_address"), {"address": "desk@quay.example", "brand": brand}).status_code == 302
    )
    assert Address.objects.get(address="desk@quay.example").brand_id == company.quay.brand.id


def test_rules_for_mail_are_tried_and_saved_on_the_web(company):
    client = company.client(company.everything())
    url = reverse("console:mail_rules", args=[company.quay.ids["integration_id"]])
    one = {"count": "1", "rule0-place": "1", "rule0-does": "ignore", "rule0-severity": "", "rule0-where0": "subject",
           "rule0-how0": "matches", "rule0-value0": "(a+)+", "rule0-where1": "body", "rule0-how1": "contains"}  # fmt: skip
    assert "cannot be used" in words(client.post(url, one))
    fits = one | {"rule0-value0": "weekly"}
    assert client.post(url, fits | {"do": "try"}).status_code == 200
    assert mail_rules(company.quay.ids["integration_id"]) == ()
    assert client.post(url, fits | {"do": "save"}).status_code == 302
    (rule,) = mail_rules(company.quay.ids["integration_id"])
    assert (rule.does, rule.conditions[0].value) == ("ignore", "weekly")
    assert "weekly" in client.get(url).content.decode()


# ---- Pages ----------------------------------------------------------------------------------------------------------


def test_the_second_to_take_a_page_is_told_who_has_it(company):
    bo = company.client(User.objects.get(email="bo@quay.example"))
    url = reverse("console:acknowledge", args=[company.quay.page.id])
    assert bo.post(url).status_code == 302
    second = company.client(company.everything()).post(url)
    assert second.status_code == 409
    assert "Bo Quay has had it since" in words(second)
    toast = company.client(company.everything()).post(url, headers={"HX-Request": "true"})
    assert (toast.status_code, toast["HX-Retarget"]) == (409, "#toasts")
    assert b"Bo Quay has had it since" in toast.content
    assert b"<html" not in toast.content


def test_a_page_is_followed_to_its_end_on_the_web(company):
    client = company.client(company.everything())
    page = company.quay.page

    def post(name: str, **values: str) -> None:
        answer = client.post(reverse(f"console:{name}", args=[page.id]), values)
        assert answer.status_code == 302, words(answer)

    post("acknowledge", next="/")
    post("note", **{"note-text": "Looking at the console"})
    post("snooze", **{"snooze-minutes": "at", "snooze-until": "06:30"})
    page.refresh_from_db()
    assert f"{page.snoozed_until:%d %H:%M}" == "15 05:30"  # 06:30 on British clocks in summer
    post("reassign", to=str(company.quay.bo.id))
    post("resolve", **{"resolve-resolution": "Swapped the power supply"})
    page.refresh_from_db()
    assert (page.state, page.resolution) == ("resolved", "Swapped the power supply")
    text = words(client.get(reverse("console:page", args=[page.id])))
    assert "This page is resolved" in text
    assert "Looking at the console" in text
    assert "Everything took it" in text


def test_a_form_that_is_not_filled_in_is_refused_with_what_is_missing(company):
    answer = company.client(company.everything()).post(reverse("console:note", args=[company.quay.page.id]))
    assert answer.status_code == 422
    assert "Note: This field is required." in words(answer)


def test_a_next_address_of_another_site_is_not_followed(company):
    client = company.client(company.everything())
    answer = client.post(reverse("console:acknowledge", args=[company.quay.page.id]), {"next": "https://evil.example/"})
    assert answer["Location"] == reverse("console:page", args=[company.quay.page.id])


def test_a_page_raised_by_hand_rings(company):
    client = company.client(company.everything())
    form = {"brand": company.quay.brand.id, "title": "The cellar is wet", "priority": "P1", "policy": "", "service": ""}
    assert client.post(reverse("console:trigger"), form).status_code == 302
    assert Page.objects.get(title="The cellar is wet").rung > 0


def test_what_was_given_up_is_tried_again(company):
    client = company.client(company.everything())
    dead = company.quay.ids["promise_id"]
    assert "duty passes" in words(client.get(reverse("console:next"), {"state": "dead"}))
    assert client.post(reverse("console:retry", args=[dead])).status_code == 302
    assert Promise.objects.get(id=dead).ended_at is None


# ---- People ---------------------------------------------------------------------------------------------------------


def test_a_removed_number_can_be_had_back_for_a_while(company):
    bo = company.quay.bo
    client = company.client(User.objects.get(email="bo@quay.example"))
    url = reverse("console:remove_contact", args=[bo.id, company.quay.number.id])
    page = client.post(url, follow=True)
    assert not bo.contact_methods.filter(channel="sms").exists()
    undo = re.search(r'<div class="undo".*?</form>', page.content.decode(), re.DOTALL)
    assert undo
    fields = dict(re.findall(r'name="(contact-\w+)" value="([^"]*)"', undo[0]))
    assert client.post(reverse("console:add_contact", args=[bo.id]), fields).status_code == 302
    assert bo.contact_methods.get(channel="sms").address == "+447700900001"


def test_nobody_changes_how_another_is_reached_without_the_right(company):
    client = company.client(company.reader("engineer"))
    bo, number = company.quay.bo, company.quay.number
    for name, args in (
        ("remove_contact", [bo.id, number.id]),
        ("test_contact", [bo.id, number.id]),
        ("set_rules", [bo.id]),
    ):
        assert client.post(reverse(f"console:{name}", args=args)).status_code == 403
    assert bo.contact_methods.filter(id=number.id).exists()


def test_notify_rules_are_lines_of_a_form_and_shown_in_words(company):
    bo, number = company.quay.bo, company.quay.number
    client = company.client(User.objects.get(email="bo@quay.example"))
    url = reverse("console:set_rules", args=[bo.id])
    night = {"rule1-opens": "22:00", "rule1-closes": "07:00", "rule1-days": "01234"}
    lines = {"lines": 3, "rule1-method": number.id, "rule1-urgency": "high", "rule1-after": 0, **night}
    lines |= {"rule2-method": number.id, "rule2-urgency": "high", "rule2-after": 5, "rule3-method": ""}
    lines |= {"rule3-urgency": "high"}
    assert client.post(url, lines).status_code == 302
    kept = [
        (rule.after.total_seconds(), rule.opens, rule.closes, rule.weekdays)
        for rule in bo.notify_rules.order_by("after")
    ]
    assert kept == [(0, time(22), time(7), [0, 1, 2, 3, 4]), (300, None, None, list(range(7)))]
    told = words(client.get(reverse("console:me")))
    assert "at once 22:00 - 07:00, Monday to Friday" in told
    assert "If a P1 came now: " in told
    assert client.post(url, lines | {"rule1-closes": ""}).status_code == 200, "one end is missing: shown again"
    assert bo.notify_rules.count() == 2
    assert client.get(url).status_code == 200


def test_only_a_manager_sees_the_rules_of_another(company):
    url = reverse("console:set_rules", args=[company.quay.bo.id])
    assert company.client(company.reader("engineer")).get(url).status_code == 403
    assert company.client(company.everything()).get(url).status_code == 200


def test_tonight_says_in_red_that_nobody_takes_a_page(company):
    page = company.quay.page
    page.state, page.owner, page.acknowledged_at = "triggered", None, None
    page.everybody_at = company.at - timedelta(minutes=42)
    page.save(update_fields=["state", "owner", "acknowledged_at", "everybody_at"])
    since = page.everybody_at.astimezone(ZoneInfo("Europe/London"))
    said = f"Nobody has taken this page; everybody is rung every 10 minutes since {since:%H:%M}."
    client = company.client(company.everything())
    text = client.get(reverse("console:tonight")).content.decode()
    assert f'<p class="fire"><b>{said}</b></p>' in text
    assert said in client.get(reverse("console:page", args=[page.id])).content.decode()


def test_a_page_left_till_morning_is_no_longer_among_the_unanswered(company):
    page = company.quay.page
    page.state, page.owner, page.acknowledged_at, page.priority = "triggered", None, None, 2
    page.save(update_fields=["state", "owner", "acknowledged_at", "priority"])
    client = company.client(company.everything())
    before = words(client.get(reverse("console:tonight")))
    assert "Leave it till morning" in before
    assert client.post(reverse("console:defer", args=[page.id])).status_code == 302
    after = words(client.get(reverse("console:tonight")))
    assert "Left until the opening" in after
    assert "Waits for the opening at" in after
    assert "Leave it till morning" not in words(client.get(reverse("console:page", args=[page.id])))


def test_who_asked_for_quiet_stands_on_tonight_and_may_take_it_back(company):
    bo = company.quay.bo
    client = company.client(User.objects.get(email="bo@quay.example"))
    assert "Quiet until" in words(client.get(reverse("console:pocket")))
    assert client.post(reverse("console:set_quiet")).status_code == 302
    bo.refresh_from_db()
    assert bo.quiet_until > company.at
    assert "only a P1 rings you until" in words(client.get(reverse("console:pocket")))
    told = words(company.client(company.everything()).get(reverse("console:tonight")))
    assert "Bo Quay: quiet until" in told
    assert client.post(reverse("console:end_quiet")).status_code == 302
    bo.refresh_from_db()
    assert bo.quiet_until is None


def test_the_steps_of_a_policy_are_added_moved_and_removed_without_being_saved(company):
    client = company.client(company.everything())
    url = reverse("console:policy", args=[company.quay.ids["policy_id"]])
    seat = f"seat:{company.quay.seat_key}"
    form = {
        "repeat": 1, "again_after": 5, "nag_every": 10, "steps": 2,
        "step1-targets": [seat], "step1-delay": 0,
        "step2-targets": ["manager:"], "step2-delay": 7, "step2-when": "between", "step2-opens": "22:00",
        "step2-closes": "07:00", "step2-in_turn": "on",
    }  # fmt: skip

    def steps(answer):
        return [[step["delay"].value(), step["targets"].value()] for step in answer.context["steps"]]

    added = client.post(url, form | {"do": "add"})
    assert steps(added) == [["0", [seat]], ["7", ["manager:"]], ["5", []]]
    assert steps(client.post(url, form | {"do": "up-2"})) == [["7", ["manager:"]], ["0", [seat]]]
    assert steps(client.post(url, form | {"do": "down-1"})) == [["7", ["manager:"]], ["0", [seat]]]
    assert steps(client.post(url, form | {"do": "remove-1"})) == [["7", ["manager:"]]]
    preview = client.post(url, form | {"do": "preview", "preview-at": "2026-08-16T03:00", "preview-priority": 1})
    assert "If a P1 came Sun 16 Aug 03:00" in words(preview)
    assert client.post(url, form | {"do": "save", "step2-closes": ""}).status_code == 200
    assert client.post(url, form | {"do": "save"}).status_code == 302
    told = client.get(reverse("console:policies")).content.decode()
    assert "after 7 min one of the manager in turn (22:00-07:00)" in told
    again = client.get(url)
    assert [step["when"].value() for step in again.context["steps"]] == [None, "between"]


def test_a_digest_is_read_set_and_sent_on_its_own_page(company):
    bo, page = company.quay.bo, company.quay.page
    DigestLine.objects.create(person=bo, page=page, added_at=company.at)
    client = company.client(User.objects.get(email="bo@quay.example"))
    url = reverse("console:digest", args=[bo.id])
    assert "1 page waits for Bo Quay until" in words(client.get(url))
    assert client.post(url, {"times": "7:30, 18:00"}).status_code == 302
    bo.refresh_from_db()
    assert (bo.digest_at, bo.digest_resolved) == (["07:30", "18:00"], False)
    assert client.post(url, {"times": "noon"}).status_code == 200
    assert client.post(reverse("console:send_digest", args=[bo.id])).status_code == 302
    assert page.code in client.get(reverse("console:digest_csv", args=[bo.id])).getvalue().decode()


# ---- Rota and pocket ------------------------------------------------------------------------------------------------


def test_the_month_names_its_gap_and_why(company):
    text = words(company.client(company.everything()).get(reverse("console:one_rota", args=[company.quay.rota.id])))
    assert text.startswith("Rotas August 2026 has 2 gaps")  # before the first turn, and the day off
    assert "Bo Quay was taken off, nobody came on" in text


def test_the_plan_is_changed_for_a_while_and_changed_back(company):
    client = company.client(company.everything())
    stand_in = Person.objects.get(name="Everything")
    form = {
        "seat": company.quay.seat_key,
        "member": stand_in.id,
        "instead_of": company.quay.bo.id,
        "starts": "2026-08-20T18:00",
        "ends": "2026-08-21T18:00",
    }
    assert client.post(reverse("console:add_override", args=[company.quay.rota.id]), form).status_code == 302
    text = words(client.get(reverse("console:one_rota", args=[company.quay.rota.id])))
    assert "Everything instead of Bo Quay" in text
    cancelled = client.post(reverse("console:cancel_override", args=[company.quay.override.id]))
    assert cancelled.status_code == 302
    company.quay.override.refresh_from_db()
    assert company.quay.override.cancelled_at is not None


def test_the_pocket_page_calls_whoever_was_rung_and_takes_their_word(company):
    client = company.client(User.objects.get(email="bo@quay.example"))
    shown = client.get(reverse("console:pocket"))
    assert words(shown).startswith("You are needed")
    company.quay.bo.refresh_from_db()
    assert company.quay.bo.last_sign_at is None  # a phone on a table shows it, too
    assert client.post(reverse("console:pocket_take", args=[company.quay.page.id])).status_code == 302
    page = Page.objects.get(id=company.quay.page.id)
    assert (page.state, page.owner) == ("acknowledged", company.quay.bo)


def test_the_pocket_page_does_not_call_whoever_was_not_rung(company):
    assert words(company.client(company.everything()).get(reverse("console:pocket"))).startswith("Nobody needs you now")


# ---- Settings -------------------------------------------------------------------------------------------------------


def test_a_secret_is_shown_once_and_kept_nowhere(company):
    client = company.client(company.everything())
    form = {"name": "Wallboard", "scopes": ["read"], "brand": company.quay.brand.id}
    made = client.post(reverse("console:new_token"), form)
    secret = re.search(r"<pre[^>]*>(ndt_[^<]+)</pre>", made.content.decode())
    assert secret
    assert made["Cache-Control"] == "no-store"
    assert secret[1] not in client.get(reverse("console:tokens")).content.decode()
    assert secret[1] not in str(dict(client.session))


def test_an_integration_s_key_opens_its_door(company):
    client = company.client(company.everything())
    form = {
        "brand": company.quay.brand.id,
        "name": "Alertmanager",
        "format": "alertmanager",
        "policy": company.quay.ids["policy_id"],
        "may_wake": ["P1"],
        "storm_limit": 5,
    }
    made = client.post(reverse("console:new_integration"), form)
    assert re.search(r"/hooks/alertmanager/[0-9a-f]{32}", made.content.decode())


def test_a_mapping_is_tried_on_what_came_saved_and_then_reads_what_had_failed(company):
    client = company.client(company.everything())
    url = reverse("console:mapping", args=[company.quay.ids["integration_id"]])
    assert "Quay door is open" in client.get(url).content.decode()
    form = {"summary": "{msg}", "actions": "0 = trigger", "dedup_key": "{msg}"}
    tried = client.post(url, form | {"try": "1"}).content.decode()
    assert "trigger · ? · Quay door is open" in tried
    assert Integration.objects.get(id=company.quay.ids["integration_id"]).mapping is None
    assert client.post(url, form).status_code == 302
    saved = Integration.objects.get(id=company.quay.ids["integration_id"]).mapping
    assert saved == {"summary": "{msg}", "dedup_key": "{msg}", "actions": {"0": "trigger"}}
    raw = reverse("console:raw_alarm", args=[company.quay.ids["raw_id"]])
    assert f'action="{raw}/retry"' in client.get(raw).content.decode()
    assert client.post(f"{raw}/retry").status_code == 302
    shown = client.get(raw).content.decode()
    assert "taken in by hand" in shown
    assert f'action="{raw}/retry"' not in shown
    assert str(Page.objects.get(title="Quay door is open").id) in shown
    assert client.post(reverse("console:no_mapping", args=[company.quay.ids["integration_id"]])).status_code == 302
    assert Integration.objects.get(id=company.quay.ids["integration_id"]).mapping is None


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"summary": "{"}, "a place in braces"),
        ({"summary": "x", "actions": "OK"}, "should be a word, =, and what it means"),
        ({"summary": "x", "severities": "5 = terrible"}, "is none of critical, error, info, warning"),
        ({"summary": ""}, "required"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_not_saved_and_says_where(company, form, said):
    client = company.client(company.everything())
    answer = client.post(reverse("console:mapping", args=[company.quay.ids["integration_id"]]), form)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert Integration.objects.get(id=company.quay.ids["integration_id"]).mapping is None


def test_each_mapping_to_begin_with_is_one():
    for _label, told in PRESETS.values():
        assert mapping_from_json(told).as_json() == told


def test_what_came_in_is_found_by_its_fault_and_comes_as_csv(company):
    client = company.client(company.everything())
    url = reverse("console:raw_alarms")
    text = client.get(url).content.decode()
    assert "Quay monitor" in text
    assert "Pier monitor" not in text
    assert "Quay monitor" in client.get(f"{url}?q=is+missing&state=not-taken").content.decode()
    assert "Nothing that came is like that" in client.get(f"{url}?q=nonsense").content.decode()
    assert "Nothing that came is like that" in client.get(f"{url}?state=taken").content.decode()
    lines = b"".join(client.get(reverse("console:raw_alarms_csv")).streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert "Quay monitor" in lines[1]
    body = client.get(reverse("console:raw_alarm_file", args=[company.quay.ids["raw_id"]]))
    assert body.content == b'{"msg": "Quay door is open"}'


def test_a_policy_is_read_back_as_it_was_written(company):
    client = company.client(company.everything())
    url = reverse("console:policy", args=[company.quay.ids["policy_id"]])
    form = {
        "repeat": 2, "again_after": 5, "nag_every": 10,
        "steps": 2,
        "step1-targets": [f"seat:{company.quay.seat_key}"], "step1-delay": 0,
        "step2-targets": ["manager:", "everybody:"], "step2-delay": 7,
    }  # fmt: skip
    assert client.post(url, form).status_code == 302
    text = client.get(reverse("console:policies")).content.decode()
    assert "Quay duty (Quay nights); after 7 min the manager, everybody" in text


def test_a_file_of_customers_is_shown_before_it_is_written(company):
    client = company.client(company.everything())
    file = b"customer,customer_ref,contract,may_wake\nHarbour Foods,HF-1,Office,P1\nBroken,HF-2,Office,P9\n"
    with transaction.atomic():
        shown = client.post(
            reverse("console:import_customers"),
            {"brand": company.quay.brand.id, "file": _upload("customers.csv", file)},
        )
    text = words(shown)
    assert "1 line would be left out" in text
    assert "P9" in text
    assert not Customer.objects.filter(ref="HF-1").exists()
    content = re.search(r'name="content" value="([^"]+)"', shown.content.decode())
    assert content
    applied = client.post(reverse("console:apply_customers"), {"brand": company.quay.brand.id, "content": content[1]})
    assert applied.status_code == 302
    assert Customer.objects.get(ref="HF-1").brand == company.quay.brand


def _upload(name: str, content: bytes) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile(name, content, "text/csv")


def test_a_route_s_secret_is_never_shown_and_stays_when_left_empty(company):
    client = company.client(company.everything())
    form = {
        "name": "Twilio", "channel": "sms", "brand": company.quay.brand.id, "position": 1, "enabled": "on",
        "set-account_sid": "AC1", "set-auth_token": "very secret", "set-from": "+447700900999", "set-parts": "3",
        "set-base_url": "https://api.example",
    }  # fmt: skip
    made = client.post(reverse("console:new_route", args=["twilio"]), form)
    assert made.status_code == 302, words(made)
    shown = client.get(made["Location"])
    assert b"very secret" not in shown.content
    again = client.post(made["Location"], form | {"set-auth_token": "", "name": "Twilio UK"})
    assert again.status_code == 302, words(again)


def test_support_hours_are_written_as_people_write_them(company):
    client = company.client(company.everything())
    form = {
        "name": "Shop",
        "zone": "Europe/London",
        "brand": company.quay.brand.id,
        "exceptions": "2026-12-24 09:00-12:00",
    }
    form |= {f"day-{day}": "09:00-12:30, 13:30-17:30" for day in range(5)}
    assert client.post(reverse("console:new_hours"), form).status_code == 302
    wrong = client.post(reverse("console:new_hours"), form | {"name": "Other", "day-0": "nine to five"})
    assert wrong.status_code == 200
    assert "Write it as 09:00-17:30" in words(wrong)


# ---- Logging in -----------------------------------------------------------------------------------------------------


def test_somebody_signs_in_and_is_taken_where_they_were_going(company):
    client = company.client()
    asked = client.get(reverse("console:pages"))
    form = {"login": "bo@quay.example", "password": "a quiet harbour"}
    done = client.post(asked["Location"], form)
    assert (done.status_code, done["Location"]) == (302, reverse("console:pages"))
    company.quay.bo.refresh_from_db()
    assert company.quay.bo.last_sign_at == company.at


def test_whoever_guesses_passwords_is_locked_out(company, settings):
    client = company.client()
    url = reverse("account_login")
    for _guess in range(settings.AXES_FAILURE_LIMIT):
        last = client.post(url, {"login": "bo@quay.example", "password": "wrong"})
    assert last.status_code == 429
    right = client.post(url, {"login": "bo@quay.example", "password": "a quiet harbour"})
    assert right.status_code == 429


def test_a_message_shows_its_link_to_its_own_recipient_only(company):
    """Whoever has the link answers as that person, so colleagues read the message without it."""
    delivery = company.delivery(company.quay.page, company.quay.bo)
    link = make_link(delivery.id, delivery.month)
    shown = {
        name: company.client(user).get(reverse("console:message", args=[delivery.id])).content.decode()
        for name, user in {"bo": company.quay.bo.user, "colleague": company.everything()}.items()
    }
    assert all("Quay router is dark" in html for html in shown.values())
    assert link in shown["bo"]
    assert link not in shown["colleague"]


def test_messages_are_found_by_what_they_say_whom_they_went_to_and_what_became_of_them(company):
    delivery = company.delivery(company.quay.page, company.quay.bo)
    client = company.client(company.everything())

    def found(query):
        html = client.get(f"{reverse('console:messages')}?{query}").content.decode()
        return str(delivery.id) in html

    day = delivery.created_at.date().isoformat()
    person = f"to=person:{company.quay.bo.id}"
    page = f"about=page:{company.quay.page.id}"
    for query in ("", "q=router+is+dark", f"q={delivery.address[-6:]}", person, page, f"from={day}&until={day}"):
        assert found(query), query
    for query in ("q=no+such+words", "to=person:0", "about=page:x", "until=2001-01-01", "state=lost", "route=999999"):
        assert not found(query), query
    Delivery.objects.filter(id=delivery.id).update(state="failed")
    assert found("state=lost")


def test_the_outbox_is_what_no_provider_has_sent(company):
    delivery = company.delivery(company.quay.page, company.quay.bo)
    kept = f"{reverse('console:messages')}?state=kept"
    client = company.client(company.everything())
    Delivery.objects.filter(id=delivery.id).update(attempt=1, accepted_at=company.at, route_id=None)
    assert str(delivery.id) in client.get(kept).content.decode()
    Delivery.objects.filter(id=delivery.id).update(route_id=999_999)
    assert str(delivery.id) not in client.get(kept).content.decode()


def test_a_message_is_sent_again_by_a_button(company):
    delivery = company.delivery(company.quay.page, company.quay.bo)
    client = company.client(company.everything())
    page = client.get(reverse("console:message", args=[delivery.id])).content.decode()
    assert "Send it again" in page
    before = set(Delivery.objects.values_list("id", flat=True))
    client.post(reverse("console:resend", args=[delivery.id]), {"again-where": "0"})
    again = Delivery.objects.exclude(id__in=before).get()
    assert (again.message_id, again.recipient_id) == (delivery.message_id, delivery.recipient_id)
    assert (again.address, again.state) == (delivery.address, "queued")


def test_the_providers_page_says_what_waits_and_what_went_wrong_last(company):
    route = Route.objects.get(name="Quay outbox")
    Attempt.objects.create(
        month=company.at.date().replace(day=1), delivery_id=uuid7(), number=1, route_id=route.id, route_name=route.name,
        at=company.at, took_ms=70, outcome="failed_for_now", reason="the line is cut",
    )  # fmt: skip
    url = reverse("console:providers")
    html = company.client(company.everything()).get(url).content.decode()
    assert "Quay outbox" in html
    assert "the line is cut" in html
    assert "0 (0 %)" in html
