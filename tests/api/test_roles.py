"""Every operation x every role x nobody x another brand's things: a walk over the API's own description."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.db import transaction

from nightdesk.access.matrix import VERBS
from nightdesk.access.models import Brand, Role
from nightdesk.api import limits
from nightdesk.api.v1 import api
from tests.api import standing
from tests.api.conftest import Caller, token_for, user_with
from tests.api.world import WEEK

AT = "2026-11-14T06:00:00Z"

SUBSCRIPTION = {
    "endpoint": "https://push.example.net/send/1",
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}

LINE = {
    "brand_id": "{brand_id}",
    "name": "Support",
    "numbers": ["{line_number}"],
    "shown_number": "{line_number}",
    "pager_number": "{line_number}",
}
TONE = b"RIFF$\x1f\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00@\x1f\x00\x00\x01\x00\x08\x00data\x00\x1f\x00\x00"
TONE += bytes(range(0, 250, 25)) * 794 + bytes(3)
"""About a second of a hum, as 8-bit WAV."""

# operation -> the verb that its caller needs, and a body that fits. {name} stands for that id of the brand asked about.
OPERATIONS: dict[str, tuple[str, Any]] = {
    "list_brands": ("read_pages", None),
    "list_deliveries": ("read_deliveries", None),
    "read_delivery": ("read_deliveries", None),
    "resend_message": ("resend_message", {}),
    "list_providers": ("read_deliveries", None),
    "estimate_text": ("trigger_page", None),
    "list_entries": ("read_journal", None),
    "search_journal": ("read_journal", None),
    "write_journal_note": ("write_journal_note", {"words": "The fan is loud", "brand_id": "{brand_id}"}),
    "list_incident_reports": ("read_incident_reports", None),
    "read_incident_report": ("read_incident_reports", None),
    "read_incident_document": ("read_incident_reports", None),
    "list_credits": ("read_incident_reports", None),
    "draft_incident_report": ("draft_incident_report", None),
    "edit_incident_report": ("edit_incident_report", {"seen": 1, "words": {"cause": "A fan"}}),
    "approve_incident_report": ("approve_incident_report", {"seen": 1}),
    "publish_incident_report": ("publish_incident_report", None),
    "add_follow_up": ("add_follow_up", {"title": "A new fan", "owner_id": "{person_id}", "due_on": "2027-12-01"}),
    "assess_incident": ("assess_incident", {"pack": "data-protection", "answer": True}),
    "note_regulator_told": ("note_regulator_told", {"reference": "R-1"}),
    "waive_regulator_duty": ("waive_regulator_duty", {"why": "It is below"}),
    "read_incident_rules": ("read_incident_reports", None),
    "save_incident_rules": ("save_incident_rules", {"customer_days": 5}),
    "save_report_term": ("save_report_term", {"working_days": 5}),
    "read_entry": ("read_journal", None),
    "erase_entry": ("erase_text", None),
    "list_pages": ("read_pages", None),
    "trigger_page": ("trigger_page", {"brand_id": "{brand_id}", "title": "Down", "priority": "P2"}),
    "read_page": ("read_pages", None),
    "read_story": ("read_pages", None),
    "acknowledge_page": ("acknowledge_page", None),
    "resolve_page": ("resolve_page", {}),
    "escalate_page": ("escalate_page", None),
    "reassign_page": ("reassign_page", {"to_person_id": "{person_id}"}),
    "snooze_page": ("snooze_page", {"until": AT}),
    "defer_page": ("defer_page", None),
    "note_page": ("note_page", {"text": "Looking"}),
    "list_outages": ("read_outages", None),
    "propose_outage": (
        "propose_outage",
        {"brand_id": "{brand_id}", "title": "Dark", "parts": [{"part_id": "{part_id}"}]},
    ),
    "read_outage": ("read_outages", None),
    "edit_outage": ("edit_outage", {"cause": "A fuse"}),
    "confirm_outage": ("confirm_outage", {}),
    "withdraw_outage": ("withdraw_outage", {}),
    "set_failed_parts": ("set_failed_parts", {"parts": [{"part_id": "{part_id}", "effect": "degraded"}]}),
    "list_affected": ("read_outage_room", None),
    "list_told": ("read_outage_room", None),
    "write_update": ("write_update", {"state": "identified", "texts": {"en-gb": "We found it."}}),
    "preview_update": ("write_update", {"state": "identified", "texts": {"en-gb": "We found it."}}),
    "say_no_change": ("write_update", {}),
    "approve_update": ("write_update", None),
    "drop_update": ("drop_update", None),
    "list_statements": ("read_outage_room", None),
    "make_statement": (
        "save_statement_template",
        {"brand_id": "{brand_id}", "name": "Found", "goes_to": "identified", "texts": {"en-gb": "Ours."}},
    ),
    "save_statement": (
        "save_statement_template",
        {"name": "Hold on", "goes_to": "investigating", "texts": {"en-gb": "Ours."}},
    ),
    "remove_statement": ("remove_statement_template", None),
    "list_confirm_rules": ("read_outage_room", None),
    "make_confirm_rule": (
        "save_confirm_rule",
        {"brand_id": "{brand_id}", "part_ids": ["{part_id}"], "template_id": "{statement_id}"},
    ),
    "remove_confirm_rule": ("remove_confirm_rule", None),
    "read_outage_rules": ("read_outage_room", None),
    "save_outage_rules": ("save_outage_rules", {"update_every_minutes": 20}),
    "list_wishes": ("read_customers", None),
    "save_wish": ("save_wish", {"channels": []}),
    "remove_wish": ("remove_wish", None),
    "list_unsubscribe_requests": ("read_customers", None),
    "decide_unsubscribe": ("decide_unsubscribe", {"agreed": False}),
    "list_promises": ("read_promises", None),
    "read_promise": ("read_promises", None),
    "retry_promise": ("retry_promise", None),
    "void_promise": ("void_promise", None),
    "list_backups": ("read_backups", None),
    "read_backup_standing": ("read_backups", None),
    "ask_backup": ("ask_backup", None),
    "list_tokens": ("make_token", None),
    "make_token": ("make_token", {"name": "x", "scopes": ["read"], "brand_id": "{brand_id}"}),
    "revoke_token": ("revoke_token", None),
    "list_sessions": ("read_sessions", None),
    "end_session": ("end_session", None),
    "read_personal_data": ("erase_person", None),
    "export_personal_data": ("export_person", {"of": "number:+441632960001"}),
    "list_personal_exports": ("export_person", None),
    "read_personal_export": ("export_person", None),
    "fetch_personal_export": ("export_person", None),
    "erase_personal_data": ("erase_person", {"of": "number:+441632960001"}),
    "list_personal_erasures": ("erase_person", None),
    "read_personal_erasure": ("erase_person", None),
    "list_own_readings": ("read_own_readings", None),
    "list_own_sessions": ("read_own_sessions", None),
    "end_own_session": ("end_own_session", None),
    "end_own_sessions": ("end_own_session", None),
    "list_customers": ("read_customers", None),
    "make_customer": ("make_customer", {"brand_id": "{brand_id}", "name": "Mill", "ref": "C-2"}),
    "import_customers": ("apply_import", b"customer,customer_ref\nMill,C-3\n"),
    "read_customer": ("read_customers", None),
    "edit_customer": ("edit_customer", {"name": "Mill"}),
    "read_promised": ("read_customers", None),
    "list_contacts": ("read_customers", None),
    "make_contact": ("make_contact", {"name": "Lee"}),
    "edit_contact": ("edit_contact", {"role": "Owner"}),
    "set_contact_standing": ("set_contact_standing", {"may_call": False}),
    "confirm_contact": ("confirm_contact", None),
    "remove_mobile": ("remove_mobile", None),
    "remove_contact": ("remove_contact", None),
    "read_identity_provider": ("read_customers", None),
    "set_identity_provider": (
        "set_identity_provider",
        {"issuer": "https://id.example", "client_id": "us", "client_secret": "s", "domains": ["mill.example"]},
    ),
    "remove_identity_provider": ("remove_identity_provider", None),
    "list_contracts": ("read_customers", None),
    "make_contract": (
        "make_contract",
        {"name": "Old", "hours_id": "{hours_id}", "valid_from": "2025-01-01", "valid_until": "2025-06-01"},
    ),
    "list_subscriptions": ("read_customers", None),
    "make_subscription": ("make_subscription", {"service_id": "{service_id}", "label": "LON"}),
    "end_subscription": ("end_subscription", None),
    "list_hours": ("read_customers", None),
    "make_hours": ("make_hours", {"brand_id": "{brand_id}", "name": "Late", "zone": "UTC", "week": WEEK}),
    "list_services": ("read_customers", None),
    "make_service": ("make_service", {"brand_id": "{brand_id}", "key": "web", "name": "Web"}),
    "list_peers": ("read_customers", None),
    "make_peer": ("make_peer", {"brand_id": "{brand_id}", "name": "IX", "as_number": 64501}),
    "list_rotas": ("read_rota", None),
    "make_rota": (
        "make_rota",
        {"brand_id": "{brand_id}", "name": "Days", "zone": "UTC", "seats": [{"key": "day", "name": "Day"}]},
    ),
    "read_rota": ("read_rota", None),
    "edit_rota": ("edit_rota", {"name": "Nights"}),
    "add_seat": ("add_seat", {"name": "Backup"}),
    "edit_seat": ("edit_seat", {"name": "First line"}),
    "remove_seat": ("remove_seat", None),
    "set_layers": ("set_layers", {"layers": []}),
    "undo_layers": ("set_layers", None),
    "list_turns": ("read_rota", None),
    "preview_layers": ("read_rota", {"layers": []}),
    "add_override": (
        "add_override",
        {
            "kind": "add",
            "starts_at": "2026-11-20T06:00:00Z",
            "ends_at": "2026-11-20T09:00:00Z",
            "member_id": "{person_id}",
        },
    ),
    "cancel_override": ("cancel_override", None),
    "list_swaps": ("read_rota", None),
    "ask_swap": (
        "ask_swap",
        {
            "seat_key": "{seat_key}",
            "starts_at": "2026-11-20T06:00:00Z",
            "ends_at": "2026-11-20T09:00:00Z",
            "asked_id": "{person_id}",
        },
    ),
    "accept_swap": ("accept_swap", None),
    "decline_swap": ("accept_swap", None),
    "approve_swap": ("approve_swap", {"override_reason": ""}),
    "refuse_swap": ("approve_swap", {"why": "No."}),
    "cancel_swap": ("ask_swap", None),
    "import_turns": ("import_turns", {"content": "seat,person,starts_at,ends_at\n", "dry_run": True}),
    "renew_feed": ("renew_feed", None),
    "renew_persons_feed": ("renew_feed", None),
    "who_is_on": ("read_rota", None),
    "accept_duty": ("accept_duty", {"turn_at": AT, "person_id": "{person_id}"}),
    "pass_duty": ("pass_duty", {"person_id": "{person_id}"}),
    "take_duty": ("take_duty", None),
    "set_shifts": (
        "set_shifts",
        {"team_id": "{team_id}", "shifts": [{"weekdays": [0], "opens": "20:00", "closes": "08:00"}]},
    ),
    "list_plans": ("read_plans", None),
    "make_draft": ("make_draft", {"starts_on": "2026-12-01", "ends_on": "2026-12-08"}),
    "draft_repair": (
        "make_draft",
        {"person_id": "{person_id}", "since": "2026-12-01T00:00:00Z", "until": "2026-12-03T00:00:00Z"},
    ),
    "read_plan": ("read_plans", None),
    "list_plan_shifts": ("read_plans", None),
    "compare_plan": ("read_plans", None),
    "set_draft_shift": (
        "make_draft",
        {"seat_key": "{seat_key}", "starts_at": "2026-12-02T20:00:00Z", "person_id": "{person_id}"},
    ),
    "stop_draft": ("make_draft", None),
    "discard_draft": ("make_draft", None),
    "copy_plan": ("make_draft", None),
    "publish_plan": ("publish_plan", {}),
    "list_plan_wishes": ("note_wish", None),
    "note_wish": (
        "note_wish",
        {"starts_at": "2026-12-24T12:00:00Z", "ends_at": "2026-12-26T12:00:00Z", "wants": "avoid"},
    ),
    "drop_wish": ("note_wish", None),
    "list_cover": ("read_cover", None),
    "seek_cover": ("seek_cover", {"until": "2026-11-14T20:00:00Z"}),
    "read_cover": ("read_cover", None),
    "take_cover": ("take_cover", {"person_id": "{person_id}"}),
    "turn_down_cover": ("turn_down_cover", {"person_id": "{person_id}"}),
    "call_off_cover": ("seek_cover", None),
    "set_first_holder": ("set_first_holder", {"person_id": "{person_id}"}),
    "list_load": ("read_load", None),
    "list_pay": ("read_load", None),
    "list_line_figures": ("read_line_figures", None),
    "list_service_figures": ("read_figures", None),
    "list_figure_parts": ("read_figures", None),
    "list_figure_trend": ("read_figures", None),
    "list_desks": ("read_figures", None),
    "save_desk_supplier": ("save_desk_supplier", {"supplier_id": "{supplier_id}"}),
    "list_figure_mails": ("save_figure_mail", None),
    "make_figure_mail": ("save_figure_mail", {"name": "Month", "every": "month", "people": ["{person_id}"]}),
    "change_figure_mail": ("save_figure_mail", {"name": "Month", "every": "month", "people": ["{person_id}"]}),
    "send_figure_mail": ("send_figure_mail", None),
    "save_pay_rates": ("save_pay_rates", {"standby_hour": "3.50"}),
    "save_figures": ("save_figures", {"off": ["woken"]}),
    "list_comparisons": ("read_comparisons", None),
    "make_comparison": ("save_comparison", {"brand_id": "{brand_id}", "name": "Next winter", "inputs": {"team": 4}}),
    "reckon_comparison": ("read_comparisons", {"brand_id": "{brand_id}", "inputs": {"team": 4}}),
    "read_comparison": ("read_comparisons", None),
    "edit_comparison": ("save_comparison", {"name": "This winter", "inputs": {"team": 5}}),
    "copy_comparison": ("save_comparison", None),
    "choose_approach": ("choose_approach", {"approach": "bureau"}),
    "read_outcomes": ("read_comparisons", None),
    "read_afterwards": ("read_comparisons", None),
    "restore_comparison": ("delete_comparison", None),
    "delete_comparison": ("delete_comparison", None),
    "list_absences": ("read_people", None),
    "record_absence": (
        "record_absence",
        {"absence": "sickness", "starts_at": AT, "ends_at": "2027-01-05T08:00:00Z"},
    ),
    "cancel_absence": ("cancel_absence", None),
    "list_restrictions": ("read_hours", None),
    "record_restriction": ("record_restriction", {"restriction": "no_nights", "starts_on": "2026-12-01"}),
    "cancel_restriction": ("cancel_restriction", None),
    "read_terms": ("read_hours", None),
    "set_terms": ("set_terms", {"weekly_hours": "37.5"}),
    "list_findings": ("read_people", None),
    "list_hours_worked": ("read_hours", None),
    "note_hours": ("note_hours", {"starts_at": "2026-11-10T09:00:00Z", "ends_at": "2026-11-10T17:00:00Z"}),
    "note_called": ("note_called", {"minutes": 20}),
    "strike_hours": ("strike_hours", {"why": "noted twice"}),
    "list_rest_owed": ("read_hours", None),
    "give_rest": ("give_rest", {"minutes": 30}),
    "read_counting": ("read_rota", None),
    "set_counting": ("set_counting", {"counts": "called_only", "why": "agreed"}),
    "list_exemptions": ("read_rota", None),
    "list_late_starts": ("read_rota", None),
    "confirm_late_start": ("confirm_late_start", None),
    "decline_late_start": ("decline_late_start", None),
    "set_late_start_rule": ("set_late_start_rule", {"by_rule": False}),
    "list_rule_packs": ("read_rota", None),
    "read_coverage": ("read_skills", None),
    "list_scarce_skills": ("read_scarce_skills", None),
    "set_seat_brands": ("set_seat_brands", {"brand_ids": []}),
    "list_skills": ("read_skills", None),
    "make_skill": ("save_skill", {"brand_id": "{brand_id}", "key": "voip", "name": "Telephony"}),
    "save_skill": ("save_skill", {"brand_id": "{brand_id}", "key": "mpls", "name": "MPLS"}),
    "remove_skill": ("remove_skill", None),
    "list_person_skills": ("read_skills", None),
    "set_person_skill": ("set_person_skill", {"level": 3}),
    "import_person_skills": ("set_person_skill", b"person,mpls\n"),
    "list_skill_needs": ("read_skills", None),
    "set_brand_needs": ("set_skill_needs", {"needs": [{"skill_id": "{skill_id}"}]}),
    "set_customer_needs": ("set_skill_needs", {"needs": []}),
    "set_service_needs": ("set_skill_needs", {"needs": [{"skill_id": "{skill_id}", "level": 3}]}),
    "import_skill_needs": ("set_skill_needs", b"kind,key,skill,level\nservice,mail,mpls,2\n"),
    "begin_as_newcomer": ("begin_as_newcomer", None),
    "sign_off_newcomer": ("sign_off_newcomer", None),
    "list_pairings": ("read_skills", None),
    "pair_newcomer": (
        "pair_newcomer",
        {"seat_key": "{seat_key}", "from": AT, "until": "2026-11-15T06:00:00Z"},
    ),
    "end_pairing": ("end_pairing", None),
    "list_seen": ("sign_off_newcomer", None),
    "save_way_parts": ("save_way_parts", {"part_ids": ["{part_id}"]}),
    "list_cut_ways": ("read_people", None),
    "read_handover": ("read_handover", None),
    "write_note": ("write_note", {"words": "Quiet so far."}),
    "list_watch_items": ("read_handover", None),
    "add_watch_item": ("add_watch_item", {"words": "Fan 3"}),
    "tick_watch_item": ("tick_watch_item", None),
    "refuse_turn": ("refuse_turn", {"turn_at": AT, "reason": "Ill."}),
    "accept_offer": ("accept_duty", None),
    "refuse_offer": ("refuse_turn", {"reason": "On a train."}),
    "set_standby": ("set_standby", {"standby_key": None}),
    "save_handover_rules": ("save_handover_rules", {"note_minutes": 45}),
    "list_handovers": ("read_handover", None),
    "read_past_handover": ("read_handover", None),
    "go_out_of_reach": ("go_out_of_reach", {"until": AT}),
    "come_back": ("go_out_of_reach", None),
    "read_reach": ("read_people", None),
    "test_contact_method": ("note_contact_tested", None),
    "set_quiet": ("set_quiet", {"until": AT}),
    "end_quiet": ("set_quiet", None),
    "set_digest": ("set_digest", {"times": ["08:30"]}),
    "list_digest": ("read_people", None),
    "send_digest": ("send_digest", None),
    "list_reach_warnings": ("read_people", None),
    "preview_policy": ("read_pages", None),
    "list_integrations": ("make_integration", None),
    "make_integration": (
        "make_integration",
        {"brand_id": "{brand_id}", "name": "Zabbix", "format": "generic", "policy_id": "{policy_id}"},
    ),
    "revoke_integration": ("revoke_integration", None),
    "save_mapping": ("save_mapping", {"mapping": {"summary": "{title}"}}),
    "try_mapping": ("save_mapping", {"mapping": {"summary": "{title}"}}),
    "list_raw_alarms": ("read_alarms", None),
    "read_raw_alarm": ("read_alarms", None),
    "retry_alarm": ("retry_alarm", None),
    "read_mail_rules": ("make_integration", None),
    "save_mail_rules": (
        "save_mail_rules",
        {"rules": [{"conditions": [{"where": "subject", "how": "contains", "value": "x"}], "does": "ignore"}]},
    ),
    "list_mails": ("read_mails", None),
    "read_mail": ("read_mails", None),
    "list_mail_files": ("read_mails", None),
    "read_mail_file": ("read_mails", None),
    "list_fronts": ("save_front", None),
    "save_front": ("save_front", {"authserv_id": "mx.example.net"}),
    "retry_mail": ("retry_mail", None),
    "list_mailboxes": ("save_mailbox", None),
    "make_mailbox": ("save_mailbox", {"name": "noc", "host": "x", "user": "y", "brand_id": "{brand_id}"}),
    "save_mailbox": ("save_mailbox", {"name": "noc", "host": "x", "user": "y", "brand_id": "{brand_id}"}),
    "remove_mailbox": ("remove_mailbox", None),
    "list_addresses": ("add_address", None),
    "add_address": ("add_address", {"address": "desk@example.net", "brand_id": "{brand_id}"}),
    "remove_address": ("remove_address", None),
    "silence_page": ("silence_page", {"until": "2026-11-14T05:00:00Z"}),
    "read_second_site": ("read_second_site", None),
    "pair_second_site": ("pair_second_site", {"name": "Leeds"}),
    "edit_second_site": ("edit_second_site", {"silent_after_s": 90}),
    "revoke_second_site": ("revoke_second_site", None),
    "list_drills": ("read_second_site", None),
    "agree_to_drill": ("agree_to_drill", None),
    "start_drill": ("start_drill", None),
    "list_heartbeats": ("read_heartbeats", None),
    "make_heartbeat": ("make_heartbeat", {"brand_id": "{brand_id}", "name": "Backup", "every_seconds": 3600}),
    "read_heartbeat": ("read_heartbeats", None),
    "list_beats": ("read_heartbeats", None),
    "edit_heartbeat": ("edit_heartbeat", {"name": "Backup", "cron": "0 2 * * *"}),
    "note_beat": ("note_beat", {}),
    "rotate_heartbeat": ("rotate_heartbeat", None),
    "pause_heartbeat": ("pause_heartbeat", None),
    "resume_heartbeat": ("resume_heartbeat", None),
    "remove_heartbeat": ("remove_heartbeat", None),
    "list_silences": ("read_silences", None),
    "make_silence": (
        "make_silence",
        {"brand_id": "{brand_id}", "part": "sw2", "until": "2026-11-14T05:00:00Z", "reason": "x"},
    ),
    "end_silence": ("end_silence", None),
    "list_work": ("read_silences", None),
    "plan_work": (
        "plan_work",
        {"brand_id": "{brand_id}", "title": "Swap", "parts": ["sw2"], "from": AT, "until": "2026-11-14T07:00:00Z"},
    ),
    "read_work": ("read_silences", None),
    "start_work": ("start_work", None),
    "extend_work": ("extend_work", {"until": "2026-11-14T09:00:00Z"}),
    "complete_work": ("complete_work", None),
    "cancel_work": ("cancel_work", {}),
    "list_maintenance": ("read_work", None),
    "draft_work": (
        "draft_work",
        {
            "brand_id": "{brand_id}",
            "title": "Move it",
            "from": AT,
            "until": "2026-11-14T07:00:00Z",
            "parts": [{"key": "{part_key}"}],
        },
    ),
    "read_maintenance": ("read_work", None),
    "edit_work": ("edit_work", {"title": "Move it"}),
    "announce_work": ("announce_work", {}),
    "open_work": ("open_work", {}),
    "prolong_work": ("prolong_work", {"until": "2026-11-14T09:00:00Z"}),
    "close_work": ("close_work", {}),
    "call_off_work": ("call_off_work", {}),
    "dismiss_work": ("dismiss_work", {"why": "None of ours."}),
    "take_carrier_change": ("take_carrier_change", {}),
    "drop_carrier_change": ("drop_carrier_change", None),
    "list_notices": ("read_work", None),
    "read_maintnote": ("read_work", None),
    "settle_objection": ("settle_objection", None),
    "list_carriers": ("read_carriers", None),
    "save_carrier": ("save_carrier", {"brand_id": "{brand_id}", "name": "Southline"}),
    "edit_carrier": ("save_carrier", {"brand_id": "{brand_id}", "name": "Northline"}),
    "remove_carrier": ("remove_carrier", None),
    "list_carrier_notes": ("read_carriers", None),
    "read_work_rules": ("read_work", None),
    "save_work_rules": ("save_work_rules", {"notice_days": 5}),
    "list_freezes": ("read_work", None),
    "save_freeze": (
        "save_freeze",
        {"brand_id": "{brand_id}", "name": "Trade", "first_day": "2026-12-15", "last_day": "2026-12-31"},
    ),
    "remove_freeze": ("remove_freeze", None),
    "save_work_terms": ("save_work_terms", {"notice_days": 5}),
    "set_maintnote_wish": ("set_maintnote_wish", {"wanted": True}),
    "read_ticket_clocks": ("read_tickets", None),
    "share_outage": ("share_outage", {"days": 3}),
    "share_archive": ("share_archive", {}),
    "list_lines": ("read_lines", None),
    "save_line": (
        "save_line",
        LINE | {"name": "New line", "numbers": ["+442079460222"], "shown_number": "+442079460222"},
    ),
    "read_line": ("read_lines", None),
    "edit_line": ("save_line", LINE),
    "retire_line": ("retire_line", None),
    "check_line_divert": ("check_divert", None),
    "list_divert_checks": ("read_lines", None),
    "keep_prompt": ("keep_prompt", TONE),
    "remove_prompt": ("remove_prompt", None),
    "list_telephones": ("read_lines", None),
    "save_telephone": ("save_telephone", {"brand_id": "{brand_id}", "name": "new-phone"}),
    "edit_telephone": ("save_telephone", {"brand_id": "{brand_id}", "name": "their-desk"}),
    "remove_telephone": ("remove_telephone", None),
    "set_contact_pin": ("set_pin", {}),
    "clear_contact_pin": ("clear_pin", None),
    "set_person_pin": ("set_pin", {}),
    "clear_person_pin": ("clear_pin", None),
    "list_suppliers": ("read_tickets", None),
    "save_supplier": ("save_supplier", {"brand_id": "{brand_id}", "name": "New carrier"}),
    "edit_supplier": ("save_supplier", {"brand_id": "{brand_id}", "name": "Carrier"}),
    "list_supplier_tickets": ("read_tickets", None),
    "read_supplier_ticket": ("read_tickets", None),
    "open_supplier_ticket": ("open_supplier_ticket", {"supplier_id": "{supplier_id}"}),
    "note_supplier_answer": ("note_supplier_answer", {"text": "They look."}),
    "chase_supplier": ("chase_supplier", {}),
    "close_supplier_ticket": ("close_supplier_ticket", {}),
    "list_time": ("read_tickets", None),
    "read_worked": ("read_tickets", None),
    "log_time": ("log_time", {"minutes": 5, "on": "2026-11-01", "person_id": "{person_id}"}),
    "withdraw_time": ("log_time", None),
    "list_prepaid": ("read_tickets", None),
    "save_prepaid": ("save_prepaid", {"minutes": 60, "valid_from": "2026-11-01"}),
    "remove_prepaid": ("save_prepaid", None),
    "list_surveys": ("read_surveys", None),
    "read_satisfaction": ("read_surveys", None),
    "start_shadow": ("start_shadow", {}),
    "preview_live": ("read_shadow", None),
    "end_shadow": ("end_shadow", None),
    "import_old_pager": ("import_old_pager", {"text": "time,alarm\n2026-11-14T02:00:00Z,x\n"}),
    "compare_pagers": ("read_shadow", None),
    "list_policies": ("read_pages", None),
    "save_policy": ("save_policy", {"brand_id": "{brand_id}", "name": "Day", "steps": []}),
    "list_tickets": ("read_tickets", None),
    "open_ticket": ("open_ticket", {"brand_id": "{brand_id}", "title": "Slow", "text": "It crawls."}),
    "read_ticket": ("read_tickets", None),
    "edit_ticket": ("edit_ticket", {"impact": "high", "tags": ["dig"]}),
    "read_ticket_story": ("read_tickets", None),
    "read_attachment_file": ("read_tickets", None),
    "list_calls": ("read_calls", None),
    "read_call": ("read_calls", None),
    "read_call_story": ("read_calls", None),
    "read_call_legs": ("read_calls", None),
    "list_rung_now": ("read_calls", None),
    "add_to_call": ("add_to_call", {"person_id": "{person_id}"}),
    "let_listen": ("let_listen", {"person_id": "{person_id}"}),
    "transfer_call": ("transfer_call", {"person_id": "{person_id}"}),
    "leave_call": ("leave_call", None),
    "hold_call": ("hold_call", None),
    "take_off_hold": ("take_off_hold", None),
    "park_call": ("park_call", None),
    "take_parked_call": ("take_parked_call", None),
    "pause_recording": ("pause_recording", {}),
    "hang_up_call": ("hang_up_call", None),
    "list_caller_messages": ("read_calls", None),
    "read_caller_message": ("read_calls", None),
    "leave_message": ("leave_message", {"brand_id": "{brand_id}", "number": "+442079460888", "text": "Ring me."}),
    "call_back": ("call_back", None),
    "note_outcome": ("note_outcome", {"outcome": "Done"}),
    "cancel_message": ("cancel_message", None),
    "close_message": ("close_message", {"why": "Nothing"}),
    "hear_recording": ("hear_recording", None),
    "delete_recording": ("delete_recording", None),
    "list_call_outs": ("read_calls", None),
    "take_message": ("take_message", {"text": "It works again."}),
    "reply_to_customer": ("reply_to_customer", {"text": "Since when?", "contact_kind": "question"}),
    "note_ticket": ("note_ticket", {"text": "The optic was swapped."}),
    "assign_ticket": ("assign_ticket", {"person_id": "{person_id}"}),
    "escalate_functionally": ("escalate_functionally", {"team_id": "{team_id}", "why": "The router."}),
    "escalate_hierarchically": ("escalate_hierarchically", {"why": "The third time."}),
    "start_ticket": ("start_ticket", None),
    "wait_ticket": ("wait_ticket", {"reason": "awaiting_supplier", "next_step": "Ask", "next_step_at": AT}),
    "resolve_ticket": ("resolve_ticket", {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}),
    "close_ticket": ("close_ticket", None),
    "cancel_ticket": ("cancel_ticket", {"why": "Spam."}),
    "reopen_ticket": ("reopen_ticket", {"why": "Again."}),
    "set_next_step": ("set_next_step", {"next_step": "Ask", "next_step_at": AT}),
    "prove_identity": ("prove_identity", {"how": "call_back", "said": "Kim"}),
    "watch_ticket": ("watch_ticket", {"person_id": "{person_id}"}),
    "unwatch_ticket": ("watch_ticket", None),
    "set_party": ("set_party", {"address": "rod@example.net", "role": "cc"}),
    "list_ticket_links": ("read_tickets", None),
    "link_tickets": ("link_tickets", {"other_id": "{other_ticket_id}", "kind": "related"}),
    "unlink_tickets": ("link_tickets", None),
    "merge_ticket": ("merge_ticket", {"into_id": "{other_ticket_id}"}),
    "unmerge_ticket": ("merge_ticket", None),
    "split_ticket": ("split_ticket", {"entry_ids": ["{said_id}"], "title": "The telephones"}),
    "rejoin_ticket": ("split_ticket", None),
    "propose_major": ("propose_major", {"why": "Many ask."}),
    "accept_major": ("accept_major", None),
    "reject_major": ("accept_major", {"why": "It is one customer's."}),
    "add_child": ("add_child", {"parent_id": "{other_ticket_id}"}),
    "remove_child": ("add_child", None),
    "tell_children": ("tell_children", {"text": "It works again."}),
    "return_answer": ("return_answer", {"answer": "Clean the optic."}),
    "list_lessons": ("read_tickets", None),
    "confirm_lesson": ("note_ticket", {}),
    "change_tickets": ("change_tickets", {"ticket_ids": ["{ticket_id}"], "verb": "tag", "values": {"add": ["dig"]}}),
    "undo_change": ("undo_change", None),
    "search_tickets": ("read_tickets", None),
    "list_macros": ("read_tickets", None),
    "make_macro": ("save_macro", {"brand_id": "{brand_id}", "name": "Late", "steps": [{"verb": "take"}]}),
    "save_macro": ("save_macro", {"name": "Later", "steps": [{"verb": "take"}]}),
    "remove_macro": ("remove_macro", None),
    "apply_macro": ("apply_macro", {"ticket_ids": ["{ticket_id}"]}),
    "import_old_tickets": ("import_tickets", b"number,title,opened\n4711,Line down,2025-07-14T09:00:00Z\n"),
    "list_queues": ("read_tickets", None),
    "make_queue": ("save_queue", {"brand_id": "{brand_id}", "name": "Late"}),
    "save_queue": ("save_queue", {"name": "Late"}),
    "list_team_rules": ("read_tickets", None),
    "save_team_rule": ("save_team_rule", {"level": "2", "contact_kinds": ["question"]}),
    "read_desk_rules": ("read_tickets", None),
    "save_desk_rules": ("save_desk_rules", {"closes_after_days": 7}),
    "list_people": ("read_people", None),
    "make_person": ("make_person", {"name": "Al", "brand_id": "{brand_id}"}),
    "read_person": ("read_people", None),
    "edit_person": ("edit_person", {"zone": "Europe/Madrid"}),
    "deactivate_person": ("deactivate_person", None),
    "reactivate_person": ("reactivate_person", None),
    "add_contact_method": ("add_contact_method", {"channel": "sms", "address": "+447700900123"}),
    "remove_contact_method": ("remove_contact_method", None),
    "set_notify_rules": ("set_notify_rules", {"rules": []}),
    "list_devices": ("read_people", None),
    "add_device": ("add_device", SUBSCRIPTION),
    "make_push_key": ("add_device", None),
    "replace_push_key": ("replace_push_key", None),
    "list_teams": ("read_people", None),
    "list_procedures": ("read_procedures", None),
    "make_procedure": ("make_procedure", {"brand_id": "{brand_id}", "title": "New", "body": "- [ ] Look"}),
    "find_fitting": ("read_procedures", None),
    "read_procedure": ("read_procedures", None),
    "edit_procedure": ("edit_procedure", {"calls": ["alarm"]}),
    "list_versions": ("read_procedures", None),
    "save_procedure": ("save_procedure", {"title": "Line is down", "body": "Ring.", "over": 2}),
    "restore_procedure": ("restore_procedure", {"number": 1}),
    "publish_procedure": ("publish_procedure", {"number": 2}),
    "review_procedure": ("review_procedure", None),
    "retire_procedure": ("retire_procedure", None),
    "confirm_reading": ("confirm_reading", {"number": 1}),
    "list_call_kinds": ("read_procedures", None),
    "add_call_kind": ("add_call_kind", {"brand_id": "{brand_id}", "key": "visit", "name": "Visit"}),
    "list_proposals": ("read_procedures", None),
    "propose_change": ("propose_change", {"body": "Do nothing.", "why": "It heals", "over": 1}),
    "accept_proposal": ("accept_proposal", {}),
    "decline_proposal": ("decline_proposal", {"word": "No"}),
    "list_runs": ("read_procedures", None),
    "open_procedure": ("open_procedure", {"subject_kind": "page", "subject_id": "{page_id}"}),
    "settle_step": ("settle_step", {"outcome": "done"}),
    "list_sayings": ("read_sayings", None),
    "make_saying": ("save_saying", {"brand_id": "{brand_id}", "title": "Mail", "text": "It is late."}),
    "save_saying": ("save_saying", {"brand_id": "{brand_id}", "title": "Mail", "text": "It is late."}),
    "approve_saying": ("approve_saying", None),
    "remove_saying": ("remove_saying", None),
    "list_templates": ("read_templates", None),
    "make_template": (
        "save_template",
        {"brand_id": "{brand_id}", "use": "auto_reply", "name": "Come", "body": "It has come."},
    ),
    "save_template": (
        "save_template",
        {"brand_id": "{brand_id}", "use": "auto_reply", "name": "Come", "body": "It has come."},
    ),
    "remove_template": ("remove_template", None),
    "list_parts": ("read_parts", None),
    "make_part": ("save_part", {"brand_id": "{brand_id}", "key": "sw9", "name": "Switch 9", "kind": "device"}),
    "read_part": ("read_parts", None),
    "save_part": ("save_part", {"brand_id": "{brand_id}", "key": "sw9", "name": "Switch 9", "kind": "device"}),
    "retire_part": ("retire_part", None),
    "read_part_needs": ("read_parts", None),
    "save_part_needs": ("save_needs", {"needs": []}),
    "read_service_needs": ("read_parts", None),
    "save_service_needs": ("save_needs", {"needs": [{"parts": ["sw2"]}]}),
    "read_subscription_needs": ("read_parts", None),
    "save_subscription_needs": ("save_needs", {"needs": [{"parts": ["sw2"], "at_least": 1}]}),
    "read_reaches": ("read_parts", None),
    "save_reaches": ("save_reach", {"channel": "email", "subscription_ids": ["{subscription_id}"]}),
    "import_parts": ("apply_parts_import", b"key,kind\nsw8,device\n"),
    "import_netbox_lists": ("apply_parts_import", {"sites": [{"id": 1, "name": "Dock Street", "slug": "dock"}]}),
    "import_from_netbox": (
        "apply_parts_import",
        {"brand_id": "{brand_id}", "url": "http://127.0.0.1:9", "token": "x", "dry_run": True},
    ),
    "what_if": ("read_parts", None),
    "list_weak_points": ("read_parts", None),
    "list_phrases": ("read_templates", None),
    "save_phrase": ("save_phrase", {"brand_id": "{brand_id}", "effect": "down", "text": "{{ service }} is down."}),
    "read_chosen_phrase": ("read_templates", None),
    "remove_phrase": ("remove_phrase", None),
    "list_spares": ("read_spares", None),
    "make_spare": ("save_spare", {"brand_id": "{brand_id}", "site": "Pier", "what": "Fan"}),
    "save_spare": ("save_spare", {"brand_id": "{brand_id}", "site": "Pier", "what": "Fan"}),
    "take_spare": ("take_spare", {"number": 1}),
    "return_spare": ("return_spare", {"number": 1}),
    "count_spare": ("count_spare", {"count": 1}),
    "remove_spare": ("remove_spare", None),
    "list_briefings": ("read_briefings", None),
    "make_briefing": (
        "make_briefing",
        {
            "brand_id": "{brand_id}",
            "title": "Mail",
            "body": "New.",
            "due_at": "2026-11-20T06:00:00Z",
            "person_ids": ["{person_id}"],
        },
    ),
    "read_briefing": ("read_briefings", None),
    "list_bureau_clients": ("read_bureau", None),
    "save_bureau_client": ("save_bureau_client", {"brand_id": "{brand_id}"}),
    "read_bureau_client": ("read_bureau", None),
    "set_note_of_the_day": ("set_note_of_the_day", {"text": "The office moves"}),
    "list_bureau_on_call": ("read_bureau", None),
    "set_bureau_ladder": ("set_bureau_ladder", {"rungs": []}),
    "list_script_versions": ("read_bureau", None),
    "save_script": (
        "save_script",
        {"name": "Nights", "greeting": "Good night", "steps": [{"key": "name", "kind": "name", "label": "Name"}]},
    ),
    "approve_script": ("approve_script", {"number": 1}),
    "retire_script": ("save_script", None),
    "sign_in_taker": ("sign_in_taker", None),
    "pause_taker": ("pause_taker", None),
    "sign_out_taker": ("sign_in_taker", None),
    "list_bureau_waiting": ("read_bureau", None),
    "list_bureau_messages": ("read_bureau", None),
    "open_bureau_message": ("open_bureau_message", {"client_id": "{bureau_client_id}"}),
    "take_desk_call": ("take_desk_call", None),
    "read_bureau_message": ("read_bureau", None),
    "list_bureau_proof": ("read_bureau", None),
    "answer_step": ("answer_step", {"value": "Kim"}),
    "check_caller": ("check_caller", {"typed": "Mill"}),
    "save_bureau_message": ("save_bureau_message", None),
    "put_caller_through": ("put_caller_through", {"to": "person:1"}),
    "relay_bureau_message": ("relay_bureau_message", None),
    "resend_bureau_message": ("resend_bureau_message", {"to": "person:1"}),
    "ask_engineers_code": ("read_out_bureau_message", {"to": "person:1"}),
    "read_out_bureau_message": ("read_out_bureau_message", {"code": "123456"}),
    "acknowledge_bureau_message": ("acknowledge_bureau_message", {"name": "Bo"}),
    "set_back_bureau_message": ("set_back_bureau_message", {"why": "Wrong number"}),
    "wrap_up_bureau_message": ("wrap_up_bureau_message", {"outcome": "told"}),
    "close_bureau_message": ("close_bureau_message", {}),
    "list_bureau_counts": ("read_bureau", None),
    "list_sites": ("read_sites", None),
    "add_site": ("add_site", {"brand_id": "{brand_id}", "name": "Dock", "address": "1 Dock Road"}),
    "read_site": ("read_sites", None),
    "edit_site": ("edit_site", {"insurance": "Policy 7"}),
    "retire_site": ("retire_site", None),
    "list_visits": ("read_visits", None),
    "declare_visit": (
        "declare_visit",
        {
            "site_id": "{site_id}",
            "person_id": "{goes_later_id}",
            "watcher_id": "{person_id}",
            "why": "A fan",
            "travel_minutes": 10,
            "work_minutes": 30,
        },
    ),
    "read_visit": ("read_visits", None),
    "list_visit_events": ("read_visits", None),
    "edit_visit": ("edit_visit", {"every_minutes": 20}),
    "check_in_visit": ("check_in_visit", {}),
    "call_for_help": ("call_for_help", {}),
    "vouch_for_visitor": ("vouch_for_visitor", {"words": "Spoke to them"}),
    "end_visit": ("end_visit", {"words": "Met them"}),
    "cancel_visit": ("cancel_visit", None),
    "note_visit_sign": ("note_visit_sign", {"person_id": "{goes_later_id}"}),
    "set_duress_word": ("set_duress_word", {"word": "jonquil"}),
    "set_badge": ("set_badge", {"badge": "04A1B2C3"}),
    "confirm_briefing": ("confirm_briefing", None),
    "remind_briefing": ("remind_briefing", None),
    "close_briefing": ("close_briefing", None),
}
HAS_A_FURTHER_RULE = {
    "write_note", "go_out_of_reach", "come_back", "list_plan_wishes", "note_wish", "drop_wish", "take_cover", "turn_down_cover",
    "save_front", "accept_duty", "pass_duty", "take_duty", "add_device", "replace_push_key", "read_briefing",
    "renew_persons_feed", "ask_swap", "accept_swap", "decline_swap", "cancel_swap",
    "confirm_briefing", "withdraw_time",
    "check_in_visit", "set_duress_word",
    "pair_second_site", "edit_second_site", "revoke_second_site", "agree_to_drill",
}  # fmt: skip
"""Whose turn it is, whose phone, whose time, or for whom it was written, counts as well; or the role must be one in every
brand.
"""
NEEDS_MORE = {
    "read_personal_data": 403,  # only who may in every brand
    "export_personal_data": 403,
    "list_personal_exports": 403,
    "read_personal_export": 403,
    "fetch_personal_export": 403,
    "erase_personal_data": 403,
    "list_personal_erasures": 403,
    "read_personal_erasure": 403,
    "end_own_session": 404,  # it is somebody else's
    "list_backups": 403,  # only who may in every brand
    "read_backup_standing": 403,
    "ask_backup": 403,
    "publish_incident_report": 409,  # nobody has approved it
    "edit_second_site": 404,  # nothing is paired
    "start_drill": 404,
    "sign_off_newcomer": 409,
    "pair_newcomer": 409,
    "drop_update": 409,  # it is published
    "defer_page": 409,  # a P1 cannot wait
    "prolong_work": 409,  # it has not begun
    "dismiss_work": 409,  # customers have heard of it
    "acknowledge_page": 422,  # these users are not on the staff list, and only a person can have a page
    "snooze_page": 422,
    "deactivate_person": 409,  # they are on duty
    "accept_duty": 422,  # no turn begins then
    "note_wish": 201,
    "drop_wish": 204,
    "refuse_turn": 422,  # these users are not on the staff list, and only a person can refuse
    "accept_offer": 409,  # nothing was passed to them
    "write_note": 409,  # they do not have the duty
    "refuse_offer": 409,
    "go_out_of_reach": 409,  # nobody stands behind the seat
    "remove_seat": 409,  # a policy rings it
    "ask_swap": 422,  # these users are not on the staff list
    "accept_swap": 409,  # it is for somebody else to say
    "decline_swap": 409,
    "cancel_swap": 409,
    "approve_swap": 409,  # the other has not said yes
    "wait_ticket": 409,  # it is new, and nobody has begun
    "close_ticket": 409,  # it is not resolved
    "reopen_ticket": 409,
    "unmerge_ticket": 409,  # it was not merged
    "rejoin_ticket": 409,  # nor split off
    "add_child": 422,  # the other is no major incident
    "tell_children": 422,  # it is none, and has none under it
    "return_answer": 409,  # nobody had escalated it
    "confirm_lesson": 404,  # it came back to somebody else
    "undo_change": 404,  # and so it was somebody else's change
    "confirm_contact": 409,  # they do not sign in
    "silence_page": 409,  # a person raised it, and no machine
    "confirm_reading": 422,  # these users are not on the staff list
    "read_briefing": 404,  # a bureau's people see those that name them
    "confirm_briefing": 404,
    "import_from_netbox": 422,  # nothing answers there
    "check_line_divert": 422,  # no second provider is set up
    "call_back": 422,  # these users are not on the staff list, and have no telephone
    **dict.fromkeys(("leave_call", "pause_recording", "hang_up_call"), 202),
    **dict.fromkeys(("hold_call", "take_off_hold", "park_call", "take_parked_call"), 409),  # nobody talks in it
    **dict.fromkeys(("add_to_call", "let_listen", "transfer_call"), 422),  # Bo has no telephone
    "sign_in_taker": 422,  # these users are not on the staff list
    "sign_out_taker": 422,
    "pause_taker": 422,
    "open_bureau_message": 422,
    "take_desk_call": 422,
    "approve_script": 200,
    "save_bureau_message": 422,  # nothing has been answered yet
    "put_caller_through": 409,  # they do not talk to us
    "relay_bureau_message": 409,  # it was not kept yet
    "resend_bureau_message": 409,
    "ask_engineers_code": 409,
    "read_out_bureau_message": 409,
    "acknowledge_bureau_message": 409,
    "set_back_bureau_message": 409,
    "close_bureau_message": 409,
    "retire_site": 409,  # somebody is there
    "cancel_visit": 409,  # they have gone
    "make_figure_mail": 422,  # the person has no account, and so no role that may read figures
    "change_figure_mail": 422,
}
QUERY = {
    "list_load": "?brand_id={brand_id}&first=2026-11-01&last=2026-11-30",
    "list_service_figures": "?brand_id={brand_id}&first=2026-11-01&last=2026-11-30",
    "list_figure_parts": "?brand_id={brand_id}&first=2026-11-01&last=2026-11-30&dimension=team",
    "list_figure_trend": "?brand_id={brand_id}&first=2026-11-01&last=2026-11-30",
    "list_desks": "?brand_id={brand_id}&first=2026-11-01&last=2026-11-30",
    "list_line_figures": "?brand_id={brand_id}&first=2026-11-01&last=2026-11-30",
    "list_pay": "?brand_id={brand_id}&first=2026-11-01&last=2026-11-30",
    "list_bureau_counts": "?month=2026-11",
    "list_turns": "?start=2026-11-01T00:00:00Z&end=2026-12-01T00:00:00Z",
    "import_parts": "?brand_id={brand_id}",
    "import_netbox_lists": "?brand_id={brand_id}&dry_run=true",
    "what_if": "?brand_id={brand_id}&parts=sw2",
    "list_weak_points": "?brand_id={brand_id}",
    "read_chosen_phrase": "?service_id={service_id}&effect=down",
    "read_worked": "?since=2026-11-01&until=2026-12-01",
    "read_satisfaction": "?since=2026-11-01T00:00:00Z&until=2026-12-01T00:00:00Z",
    "read_promised": "?priority=P1",
    "import_customers": "?brand_id={brand_id}",
    "import_old_tickets": "?brand_id={brand_id}",
    "find_fitting": "?brand_id={brand_id}&call=alarm",
    "read_personal_data": "?of=number:%2B441632960001",
    "read_coverage": "?brand_id={brand_id}",
    "list_scarce_skills": "?brand_id={brand_id}",
    "import_person_skills": "?brand_id={brand_id}",
    "import_skill_needs": "?brand_id={brand_id}",
    "estimate_text": "?brand_id={brand_id}&title=Down",
}


@cache
def operations() -> dict[str, tuple[str, str]]:
    """Method and path of every operation of the staff, from the API's description; customers' are in tests/test_walk.py."""
    found = {}
    for path, methods in api.get_openapi_schema(path_prefix="/").get("paths").items():
        if "/my/" in path:
            continue
        for method, operation in methods.items():
            found[operation["operationId"]] = (method.upper(), path)
    return found


def ask(caller: Caller, name: str, world: dict[str, Any]) -> Any:
    """The answer to the operation about the things of `world`; nothing of it stays."""
    method, path = operations()[name]
    body = OPERATIONS[name][1]
    if body is not None and not isinstance(body, bytes):
        text = json.dumps(body)
        for key, value in world.items():
            text = text.replace(f'"{{{key}}}"', json.dumps(value, default=str))
        body = json.loads(text)
    address = (path + QUERY.get(name, "")).format_map(world)
    with undone():
        return caller(method, address, body)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


standing_worlds, worlds, brand, other_brand, world, other_world = standing.ALL


def test_the_walk_knows_every_operation() -> None:
    assert operations().keys() == OPERATIONS.keys()
    assert {verb for verb, _ in OPERATIONS.values()} <= VERBS.keys()


@pytest.mark.parametrize("role", Role.values)
def test_each_role_does_what_the_matrix_says_and_nothing_in_another_brand(
    world: dict[str, Any], other_world: dict[str, Any], brand: Brand, role: str
) -> None:
    caller = token_for(["admin"], user=user_with(role, brand))
    wrong = []
    for name, (verb, _body) in OPERATIONS.items():
        status = ask(caller, name, world).status_code
        if role not in VERBS[verb]:
            fits = status == 403
        elif name in HAS_A_FURTHER_RULE:
            fits = status in (200, 403, 422, NEEDS_MORE.get(name, 422))
        else:
            fits = status == NEEDS_MORE.get(name, status if status in (200, 201, 204) else 200)
        if not fits:
            wrong.append((name, status))
        if status == 403 and role not in VERBS[verb]:
            continue  # refused whatever it is about
        answer = ask(caller, name, other_world)
        about_something = "{" in operations()[name][1] or "{brand_id}" in json.dumps(OPERATIONS[name][1], default=str)
        if (about_something or "{" in QUERY.get(name, "") or name == "read_promised") and answer.status_code not in (
            403,
            404,
        ):
            wrong.append((name, "other brand", answer.status_code))
        if "other" in answer.content.decode().replace("another", ""):
            wrong.append((name, "tells of the other brand", answer.content))
    assert wrong == []


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk asks for everything there is, and faster than anybody may."""
    for callers in (limits.CALLERS, limits.STRANGERS):
        monkeypatch.setattr(callers, "limit", limits.Limit(per_second=1, burst=5000))


def test_nobody_does_anything(world: dict[str, Any], nobody: Caller) -> None:
    assert {name: status for name in OPERATIONS if (status := ask(nobody, name, world).status_code) != 401} == {}


def test_a_token_does_only_what_its_scope_names(world: dict[str, Any], brand: Brand) -> None:
    user = user_with(Role.ADMIN, None)
    unfit = token_for(["make_brand"], user=user)
    assert {name: status for name in OPERATIONS if (status := ask(unfit, name, world).status_code) != 403} == {}
    machine = token_for(["page"], brand=brand)
    allowed = {name for name in OPERATIONS if ask(machine, name, world).status_code not in (403, 404)}
    assert allowed == {name for name, (verb, _) in OPERATIONS.items() if verb.endswith(("_page", "_pages", "_alarm"))}
