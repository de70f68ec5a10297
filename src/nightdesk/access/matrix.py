"""What each role may do: one table of verbs, and the only functions that answer for it. What is not said is not allowed.

A verb is named as its action is (`acknowledge_page`); reads begin with `read_`. A name that is no verb is a KeyError, and
not a quiet no: it is a mistake in the program.

Who may what, besides the table:

- The scheduler may everything: it keeps promises that somebody was allowed to make.
- A machine has no role; it may what its scopes say. Its grants only name the brands that it is kept to; without any
  it is kept to none, so whoever makes such an actor chooses its subject themselves.
- A person needs a role in that brand, or in every brand. Where they come by a token, its scopes must allow it too.
- Customers' contacts and callers may nothing here. What contacts may do about themselves and their company is said in
  `customers.standing`; all else that they want, a verb of ours does for them.
"""

from collections.abc import Iterable

from nightdesk.access.models import Role
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import Forbidden

_E, _D, _M, _A, _B, _R = Role.ENGINEER, Role.DESK, Role.MANAGER, Role.ADMIN, Role.BUREAU, Role.READ_ONLY
_EVERYBODY = frozenset(Role)
_STAFF = frozenset({_E, _D, _M, _A})
_ENGINEERS = frozenset({_E, _M, _A})
_OUR_DESK = frozenset({_D, _M, _A})
_MANAGERS = frozenset({_M, _A})
_ADMINS = frozenset({_A})
_MACHINES = frozenset[Role]()
_CONTACTS = frozenset[Role]()

VERBS: dict[str, frozenset[Role]] = {
    # Pages. A bureau answers the phone for us: it may wake somebody and say what it heard, but owns nothing.
    "read_pages": _EVERYBODY,
    "trigger_page": _STAFF | {_B},
    "note_page": _STAFF | {_B},
    "escalate_page": _STAFF | {_B},
    "acknowledge_page": _STAFF,
    "resolve_page": _STAFF,
    "reassign_page": _STAFF,
    "snooze_page": _STAFF,
    "silence_page": _STAFF,
    "defer_page": _STAFF,
    "send_digest": _MANAGERS,
    "receive_alarm": _MACHINES,
    # What is kept quiet. Whole systems, P1 and P2 among them, only by a manager.
    "read_silences": _EVERYBODY,
    "make_silence": _STAFF,
    "silence_widely": _MANAGERS,
    "end_silence": _STAFF,
    "plan_work": _STAFF,
    "start_work": _STAFF,
    "extend_work": _STAFF,
    "complete_work": _STAFF,
    "cancel_work": _STAFF,
    # Heartbeats. Whoever has its key may say that one was heard; without it, our own.
    "read_heartbeats": _STAFF | {_R},
    "note_beat": _STAFF,
    "make_heartbeat": _ENGINEERS,
    "edit_heartbeat": _ENGINEERS,
    "rotate_heartbeat": _ENGINEERS,
    "pause_heartbeat": _ENGINEERS,
    "resume_heartbeat": _ENGINEERS,
    "remove_heartbeat": _ENGINEERS,
    # Beside the old pager.
    "read_shadow": _STAFF | {_R},
    "start_shadow": _MANAGERS,
    "end_shadow": _MANAGERS,
    "import_old_pager": _MANAGERS,
    # What monitoring sent, byte for byte; whoever may look at it may have taken in again what had failed.
    "read_alarms": _STAFF | {_R},
    "retry_alarm": _STAFF,
    # Tickets. A bureau takes down what a caller says, and no more.
    "read_tickets": _STAFF | {_R},
    "open_ticket": _STAFF | {_B},
    "take_message": _STAFF | {_B},
    "reply_to_customer": _STAFF,
    "recall_reply": _STAFF,
    "send_reply_now": _STAFF,
    "note_ticket": _STAFF,
    "assign_ticket": _STAFF,
    "escalate_functionally": _STAFF,
    "escalate_hierarchically": _STAFF,
    "start_ticket": _STAFF,
    "wait_ticket": _STAFF,
    "resolve_ticket": _STAFF,
    "close_ticket": _STAFF,
    "cancel_ticket": _STAFF,
    "reopen_ticket": _STAFF,
    "set_next_step": _STAFF,
    "edit_ticket": _STAFF,
    "prove_identity": _OUR_DESK,
    "watch_ticket": _STAFF,
    "set_party": _STAFF,
    "answer_ticket": _STAFF,
    "change_tickets": _STAFF,
    "apply_macro": _STAFF,
    "undo_change": _STAFF,
    "save_macro": _OUR_DESK,
    "remove_macro": _OUR_DESK,
    "keep_draft": _STAFF,
    "note_presence": _STAFF | {_R},
    "save_view": _STAFF | {_R},
    "remove_view": _STAFF | {_R},
    "link_tickets": _STAFF,
    "merge_ticket": _STAFF,
    "split_ticket": _STAFF,
    "propose_major": _STAFF,
    "accept_major": _OUR_DESK,
    "add_child": _STAFF,
    "tell_children": _OUR_DESK,
    "return_answer": _STAFF,
    "open_supplier_ticket": _STAFF,
    "note_supplier_answer": _STAFF,
    "chase_supplier": _STAFF,
    "close_supplier_ticket": _STAFF,
    "log_time": _STAFF,
    "read_surveys": _STAFF | {_R},
    "save_supplier": _MANAGERS,
    "save_prepaid": _MANAGERS,
    "import_tickets": _MANAGERS,
    "save_desk_rules": _MANAGERS,
    "save_team_rule": _MANAGERS,
    "save_queue": _MANAGERS,
    # Outages. Whoever answers the phone reads what may be said; what is said to many is approved by its severity.
    "read_outages": _EVERYBODY,
    "read_outage_room": _STAFF | {_R},
    "propose_outage": _STAFF | {_B},
    "confirm_outage": _STAFF,
    "edit_outage": _STAFF,
    "set_failed_parts": _STAFF,
    "write_update": _STAFF,
    "drop_update": _STAFF,
    "approve_update": _OUR_DESK,
    "approve_critical_update": _MANAGERS,
    "withdraw_outage": _STAFF,
    "save_outage_rules": _MANAGERS,
    "save_statement_template": _OUR_DESK,
    "remove_statement_template": _OUR_DESK,
    "save_confirm_rule": _MANAGERS,
    "remove_confirm_rule": _MANAGERS,
    "read_parts": _STAFF | {_R},
    "save_part": _ENGINEERS,
    "retire_part": _ENGINEERS,
    "save_needs": _ENGINEERS,
    "save_reach": _OUR_DESK,
    "save_way_parts": _MANAGERS,
    "apply_parts_import": _MANAGERS,
    "make_feed_link": _CONTACTS,
    "revoke_feed_link": _OUR_DESK,
    "share_outage": _STAFF,
    "share_archive": _OUR_DESK,
    "save_wish": _OUR_DESK,
    "remove_wish": _OUR_DESK,
    "save_phrase": _OUR_DESK,
    "remove_phrase": _OUR_DESK,
    # Planned work, as customers hear of it, and the carriers that announce theirs.
    "read_work": _EVERYBODY,
    "draft_work": _STAFF,
    "edit_work": _STAFF,
    "announce_work": _STAFF,
    "open_work": _STAFF,
    "prolong_work": _STAFF,
    "close_work": _STAFF,
    "call_off_work": _STAFF,
    "dismiss_work": _STAFF,
    "settle_objection": _STAFF,
    "take_carrier_change": _STAFF,
    "drop_carrier_change": _STAFF,
    "set_maintnote_wish": _OUR_DESK,
    "save_work_terms": _MANAGERS,
    "save_freeze": _OUR_DESK,
    "remove_freeze": _OUR_DESK,
    "save_work_rules": _MANAGERS,
    "read_carriers": _STAFF | {_R},
    "save_carrier": _MANAGERS,
    "remove_carrier": _MANAGERS,
    # The journal.
    "read_journal": _STAFF | {_R},
    "verify_journal": _MANAGERS,
    "erase_text": _ADMINS,
    "drop_month": _ADMINS,
    # Rota and duty.
    "read_rota": _EVERYBODY,
    "accept_duty": _STAFF,
    "pass_duty": _STAFF,
    "take_duty": _STAFF,
    "refuse_turn": _STAFF,
    "read_handover": _STAFF | {_R},
    "write_note": _STAFF,
    "add_watch_item": _STAFF,
    "tick_watch_item": _STAFF,
    "go_out_of_reach": _STAFF,
    "save_handover_rules": _MANAGERS,
    "set_standby": _MANAGERS,
    "set_first_holder": _MANAGERS,
    "make_rota": _MANAGERS,
    "edit_rota": _MANAGERS,
    "add_seat": _MANAGERS,
    "edit_seat": _MANAGERS,
    "remove_seat": _MANAGERS,
    "set_layers": _MANAGERS,
    "import_turns": _MANAGERS,
    "ask_swap": _STAFF,
    "accept_swap": _STAFF,
    "approve_swap": _MANAGERS,
    "renew_feed": _MANAGERS,
    "add_override": _MANAGERS,
    "cancel_override": _MANAGERS,
    "exempt_duty": _MANAGERS,
    "set_counting": _MANAGERS,
    # Hours and what limits them. Everybody says it of themselves; of others their manager does, and only they read it.
    "read_hours": _MANAGERS,
    "record_absence": _MANAGERS,
    "cancel_absence": _MANAGERS,
    "record_restriction": _MANAGERS,
    "cancel_restriction": _MANAGERS,
    "set_terms": _MANAGERS,
    "note_hours": _MANAGERS,
    "note_called": _MANAGERS,
    "strike_hours": _MANAGERS,
    "give_rest": _MANAGERS,
    "read_load": _MANAGERS,
    "save_pay_rates": _MANAGERS,
    "save_figures": _ADMINS,
    "confirm_late_start": _MANAGERS,
    "decline_late_start": _MANAGERS,
    "set_late_start_rule": _MANAGERS,
    # The planner. A wish is one's own; a manager may note it for their people. Who was asked to stand in answers for themselves.
    "read_plans": _STAFF | {_R},
    "set_shifts": _MANAGERS,
    "note_wish": _STAFF,
    "make_draft": _MANAGERS,
    "publish_plan": _MANAGERS,
    "read_cover": _STAFF | {_R},
    "seek_cover": _STAFF,
    "take_cover": _STAFF,
    "turn_down_cover": _STAFF,
    # What people know, and who is new. Who alone knows something is for managers: it is about one person.
    "read_skills": _STAFF | {_R},
    "read_scarce_skills": _MANAGERS,
    "save_skill": _MANAGERS,
    "remove_skill": _MANAGERS,
    "set_person_skill": _MANAGERS,
    "set_skill_needs": _MANAGERS,
    "set_seat_brands": _MANAGERS,
    "begin_as_newcomer": _MANAGERS,
    "sign_off_newcomer": _MANAGERS,
    "pair_newcomer": _MANAGERS,
    "end_pairing": _MANAGERS,
    # People. Everybody keeps the ways to reach them themselves; a bureau does not see them.
    "read_people": _STAFF | {_R},
    "edit_own_contacts": _STAFF | {_B},
    "make_person": _MANAGERS,
    "edit_person": _MANAGERS,
    "deactivate_person": _MANAGERS,
    "reactivate_person": _MANAGERS,
    "add_contact_method": _MANAGERS,
    "remove_contact_method": _MANAGERS,
    "confirm_contact_method": _MANAGERS,
    "note_contact_tested": _MANAGERS,
    "mark_contact_broken": _MANAGERS,
    "set_notify_rules": _MANAGERS,
    "set_quiet": _MANAGERS,
    "set_digest": _MANAGERS,
    "add_notify_rules": _MANAGERS,
    "add_device": _STAFF | {_B},
    "make_team": _MANAGERS,
    "set_team_members": _MANAGERS,
    # Customers. The desk keeps who they are; what they were promised is a manager's to write.
    "read_customers": _EVERYBODY,
    "make_customer": _OUR_DESK,
    "edit_customer": _OUR_DESK,
    "make_contact": _OUR_DESK,
    "edit_contact": _OUR_DESK,
    "remove_contact": _OUR_DESK,
    "invite_contact": _OUR_DESK,
    "set_contact_standing": _OUR_DESK,
    "mark_contact_left": _OUR_DESK,
    "confirm_contact": _OUR_DESK,
    "set_company_rule": _OUR_DESK,
    "ask_mobile_code": _OUR_DESK,
    "verify_mobile": _OUR_DESK,
    "make_contact_token": _CONTACTS,
    "revoke_contact_token": _OUR_DESK,
    "make_subscription": _OUR_DESK,
    "end_subscription": _OUR_DESK,
    "make_peer": _OUR_DESK,
    "edit_peer": _OUR_DESK,
    "make_contract": _MANAGERS,
    "edit_contract": _MANAGERS,
    "make_hours": _MANAGERS,
    "edit_hours": _MANAGERS,
    "make_service": _MANAGERS,
    "edit_service": _MANAGERS,
    "apply_import": _MANAGERS,
    # What is known. A procedure that has an owner is kept by them; managers keep every one. A bureau says what is approved, and
    # reads the briefings that it must confirm.
    "read_procedures": _STAFF | {_R},
    "make_procedure": _STAFF,
    "save_procedure": _STAFF,
    "restore_procedure": _STAFF,
    "publish_procedure": _STAFF,
    "edit_procedure": _STAFF,
    "review_procedure": _STAFF,
    "retire_procedure": _STAFF,
    "keep_procedures": _MANAGERS,
    "confirm_reading": _STAFF,
    "propose_change": _STAFF,
    "accept_proposal": _STAFF,
    "decline_proposal": _STAFF,
    "open_procedure": _STAFF,
    "settle_step": _STAFF,
    "add_call_kind": _MANAGERS,
    "read_sayings": _EVERYBODY,
    "save_saying": _STAFF,
    "approve_saying": _MANAGERS,
    "remove_saying": _MANAGERS,
    "read_templates": _STAFF | {_R},
    "save_template": _OUR_DESK,
    "remove_template": _OUR_DESK,
    "read_spares": _STAFF | {_R},
    "save_spare": _STAFF,
    "take_spare": _STAFF,
    "return_spare": _STAFF,
    "count_spare": _STAFF,
    "remove_spare": _MANAGERS,
    "read_briefings": _EVERYBODY,
    "make_briefing": _MANAGERS,
    "confirm_briefing": _STAFF | {_B},
    "remind_briefing": _MANAGERS,
    "close_briefing": _MANAGERS,
    # What will happen, and what was sent.
    "read_promises": _STAFF | {_R},
    "retry_promise": _MANAGERS,
    "void_promise": _MANAGERS,
    "read_deliveries": _STAFF | {_R},
    "queue_message": _OUR_DESK,
    "resend_message": _STAFF,
    # Mail that comes in. What it says may be anybody's, so it is read by those who answer.
    "read_mails": _STAFF | {_R},
    "retry_mail": _STAFF,
    "save_mailbox": _ADMINS,
    "remove_mailbox": _ADMINS,
    "sign_in_mailbox": _ADMINS,
    "save_front": _ADMINS,
    "add_address": _ADMINS,
    "remove_address": _ADMINS,
    "save_route": _ADMINS,
    "remove_route": _ADMINS,
    "replace_push_key": _ADMINS,
    # Who is rung, and by what alarms.
    "save_policy": _MANAGERS,
    "make_integration": _ADMINS,
    "revoke_integration": _ADMINS,
    "save_mapping": _ADMINS,
    "save_mail_rules": _ADMINS,
    # Access itself.
    "make_token": _ADMINS,
    "revoke_token": _ADMINS,
    "make_user": _ADMINS,
    "grant_role": _ADMINS,
    "revoke_role": _ADMINS,
    "make_brand": _ADMINS,
    "edit_brand": _ADMINS,
}

INNER_WORKINGS = {
    "ask_for_manager": "take_message and escalate_hierarchically, which ask both",
    "record": "writes down what another verb did",
    "import_person_skills": "set_person_skill, of each line",
    "import_skill_needs": "set_skill_needs, of each thing",
    "note_token_use": "says only when",
    "accept_offer": "asks for accept_duty, whose shortest form it is",
    "refuse_offer": "asks for refuse_turn, whose like it is",
    "come_back": "asks for go_out_of_reach, whose end it is",
    "join_portal": "whoever has the link of the invitation has the mailbox",
    "ask_to_subscribe": "whoever reads the public page; nothing happens before the address confirms it",
    "confirm_subscriber": "whoever has the link has the mailbox",
    "end_subscriber": "whoever has the link of the mail has the mailbox",
    "close_contact": "part of the verb that ended the contact's standing",
    "open_contact_account": "part of join_portal: whoever has the link has the mailbox",
    "close_contact_account": "part of the verb that ended the contact's standing",
    "choose_password": "one's own: who is signed in, or holds the link, is known",
    "issue_contact_token": "part of make_contact_token",
    "withdraw_contact_tokens": "part of the verb that ends a token, or the contact's standing",
    "end_quiet": "asks for set_quiet, whose end it is",
    "note_sign_of_life": "says only when; part of every verb that shows somebody awake",
    "queue_from": "part of the verb that has something to say",
    "supersede_queued": "part of the verb that says the newer thing",
    "supersede_deliveries": "part of the verb that ended the subject",
    "take_answer": "the verb that the answer stands for asks",
    "mark_delivery_seen": "the recipient's own, by the link that they were sent",
    "renew_device": "a browser's own, by the token that it was given",
    "make_push_key": "made at first need, and changes nothing that is there",
    "note_receipt": "a provider's word on what we gave it; its signature was checked",
    "receive_inbound": "intake: kept as it came, and the verb that it stands for asks",
    "find_receipt_again": "a provider's word that came before we knew the message; kept when it came",
    "join_late_pieces": "pieces of a reply, of which one never came; kept when they came",
    "forget_private_words": "housekeeping",
    "take_mail_answer": "the verb that the answer stands for asks; the mail must come from the recipient's own address",
    "receive_mail": "intake: kept as it came, and whatever it stands for asks",
    "note_mailbox": "says only how a mailbox does",
    "keep_refused_alarm": "intake: kept as it came, and does nothing",
    "take_signals": "what Nightdesk found out by itself, such as a heartbeat that stopped",
    "quiet_page": "part of silence_page",
    "send_to_parties": "part of the verb that wrote it",
    "recall_message": "part of the verb that takes it back",
    "hasten_message": "part of the verb that sends it at once",
    "acknowledge_ticket": "part of taking a mail that opened a ticket",
    "brake_mails": "part of taking a mail",
    "note_same_mail": "part of taking a mail",
    "note_undelivered": "a mail server's word on what we sent",
    "unwatch_ticket": "asks for watch_ticket, whose end it is",
    "unlink_tickets": "asks for link_tickets, whose end it is",
    "unmerge_ticket": "asks for merge_ticket, whose undoing it is",
    "rejoin_ticket": "asks for split_ticket, whose undoing it is",
    "reject_major": "asks for accept_major, whose answer it is",
    "remove_child": "asks for add_child, whose end it is",
    "confirm_lesson": "only the lesson's own person",
    "withdraw_time": "asks for log_time, and of a colleague's for save_prepaid",
    "remove_prepaid": "asks for save_prepaid, whose undoing it is",
    "say_no_change": "asks for write_update, whose shortest form it is",
    "drop_wish": "asks for note_wish, whose undoing it is",
    "draft_repair": "asks for make_draft, as it makes one",
    "copy_plan": "asks for make_draft, as it makes one",
    "stop_draft": "asks for make_draft, whose end it is",
    "discard_draft": "asks for make_draft, whose undoing it is",
    "set_draft_shift": "asks for make_draft, which a hand goes on with",
    "call_off_cover": "asks for seek_cover, whose end it is",
    "answer_survey": "whoever has the link of the mail that asked",
    "sign_door": "says only that a web process can be reached",
    "object_to_work": "only a customer whom the work touches",
    "start_rota": "asks for make_rota, which it does",
    "undo_layers": "asks for set_layers, whose way back it is",
    "decline_swap": "asks for accept_swap, whose other word it is",
    "refuse_swap": "asks for approve_swap, whose other word it is",
    "cancel_swap": "asks for ask_swap, whose way back it is",
    "give_feed": "whoever has the secret address of a calendar",
    "take_carrier_note": "intake: what a carrier says leads to a proposal",
    "ask_parser": "intake: a carrier's mail is read by another program",
}
"""Functions of the rooms' actions that ask nobody, and why. Whatever else stands there is a verb."""

ITS_OWN = {
    "ring_page": "the next rung of a page's ladder is due",
    "check_coverage": "a morning, or a change of the rota or of what people know",
    "check_ways": "a fault or planned work has begun or ended, or somebody came on duty",
    "copy_page": "a page has rung somebody whom a newcomer is beside",
    "check_page": "somebody who took a P1 may have fallen asleep",
    "wake_page": "a snooze is over",
    "close_notices": "a ring has ended, and phones still ask for an answer",
    "page_late_heartbeats": "a heartbeat was not heard in time",
    "expire_silence": "the time of a silence is over",
    "release_silence": "what a silence kept quiet still fires",
    "page_silenced_alarms": "likewise, some of them",
    "warn_of_silence": "a silence ends soon",
    "begin_work": "planned work begins",
    "check_work": "planned work was to be done",
    "compare_shadow": "the day is compared with the old pager",
    "sweep_shadow": "alarms that came in while an integration went live",
    "ring_shadow_page": "its integration went live",
    "hand_digest_over": "a duty passes, and what waited in a digest with it",
    "begin_turn": "a turn of duty begins",
    "draft_note": "a turn comes near, and its note is to be read",
    "chase_turn": "nobody has taken a turn that began",
    "lapse_offer": "nobody has answered to a duty that was passed",
    "end_away": "the time is over for which somebody was out of reach",
    "lapse_swap": "the turn begins that was to be swapped",
    "tell_of_change": "the plan of a seat has changed",
    "tell_of_swap": "a swap has gone a step further",
    "check_reach": "whoever has a seat, or is about to, must be one who can be woken",
    "read_mail": "a mail that came in is to be read",
    "lapse_contact": "nobody confirmed a viewer within the year",
    "remind_of_review": "a procedure is to be looked through",
    "tell_of_proposal": "a change was proposed, or decided",
    "tell_unconfirmed": "a briefing was not confirmed by everybody",
    "replan_seat": "the plan of a seat has changed",
    "note_holds": "turns of duty are over, and their hours go on record",
    "plan_late_start": "somebody worked at night, and is to rest",
    "remind_cover": "whoever covers for a late start begins soon",
    "note_worked": "a page or a duty is over, and its hours go on record",
    "drop_staff_records": "likewise, of every room",
    "drop_records": "staff records are kept as long as is said, and no longer",
    "finish_draft": "the planner's process has laid a plan out",
    "fail_draft": "likewise, and it could not",
    "ask_for_cover": "somebody has to stand in, and the next one is asked",
    "pass_next_step": "the time of a next step has come",
    "pass_chase": "the time has come to chase a supplier",
    "ask_survey": "a ticket was closed",
    "tell_clocks": "the time of a clock has come",
    "recount_clocks": "what was promised to a customer has changed",
    "take_page": "a page began, and belongs to a ticket",
    "note_page_taken": "somebody has the page of a ticket",
    "note_page_over": "the page of a ticket is over",
    "propose_from_page": "a page began, and may be about a part of ours",
    "confirm_by_rule": "an alarm has stood as long as a rule waits",
    "note_fixer": "somebody has the page of an outage",
    "note_alarm_over": "the page of a proposed outage is over",
    "send_update": "an update was published",
    "hold_update": "nobody has approved an update in time",
    "chase_update": "an update is due",
    "give_tickets": "an outage is told, and whoever it touches has a ticket",
    "note_update": "likewise, and it stands in their tickets",
    "end_outage_tickets": "an outage is over, or has come back",
    "join_outage": "a ticket was opened, and may be about an open outage",
    "gather_surge": "several customers may be asking about one thing",
    "expire_ticket": "what was resolved is not spoken of again",
    "note_manager_late": "a manager has not answered a customer in time",
    "hand_over_tickets": "a contact left, and a colleague goes on with what they had open",
    "check_sent": "a reply was written, and may not have left",
    "scan_attachment": "a file that came is scanned before anybody gets it",
    "read_attachment": "a file that came is read, so that it can be searched for",
    "remind_touched": "planned work begins soon",
    "press_for_decision": "nobody has decided on planned work that begins soon",
    "follow_planned": "planned work began, was extended or is over",
    "tell_touched": "those whom planned work touches are told",
    "parse_carrier_mail": "a carrier's mail in its own format is read",
}
"""Verbs of Nightdesk itself, done when a promise falls due, and why. No role and no scope may do them."""

SCOPES: dict[str, frozenset[str]] = {
    "read": frozenset(verb for verb in VERBS if verb.startswith("read_")),
    "page": frozenset(verb for verb in VERBS if verb.endswith(("_page", "_pages", "_alarm"))),
    "desk": frozenset(
        {verb for verb in VERBS if verb.endswith(("_ticket", "_tickets"))}
        | {"take_message", "reply_to_customer", "escalate_functionally", "escalate_hierarchically"}
        | {"set_next_step", "prove_identity", "set_party"}
    ),
    "admin": frozenset(VERBS),
}
"""Words that stand for several verbs in a token's scopes; each verb is a scope by its own name as well."""


def verbs_in(scopes: Iterable[str]) -> frozenset[str]:
    """The verbs that scopes stand for. A word that is neither a verb nor one of SCOPES stands for none."""
    return frozenset().union(*(SCOPES.get(scope, {scope} & VERBS.keys()) for scope in scopes))


def brands_for(by: Actor, verb: str) -> set[int] | None:
    """The brands in which the actor may do it; None means every one, and an empty set none."""
    roles = frozenset[Role]() if verb in ITS_OWN else VERBS[verb]
    if by.kind == "scheduler":
        return None
    if by.scopes is not None and verb not in verbs_in(by.scopes):
        return set()
    if by.kind == "machine":
        if by.scopes is None:
            return set()
        brands = {brand for brand, _ in by.grants} or {None}
    elif by.kind == "person":
        brands = {brand for brand, role in by.grants if role in roles}
    else:
        return set()
    return None if None in brands else {brand for brand in brands if brand is not None}


def may(by: Actor, verb: str, brand_id: int | None) -> bool:
    """Whether the actor may do `verb` in the brand; `brand_id` None asks for what concerns every brand."""
    brands = brands_for(by, verb)
    return brands is None or brand_id in brands


def require(by: Actor, verb: str, brand_id: int | None) -> None:
    """Raise Forbidden unless the actor may do `verb` in the brand; None as in `may`."""
    if not may(by, verb, brand_id):
        raise forbidden(by, verb)


def forbidden(by: Actor, verb: str) -> Forbidden:
    """The refusal that `require` raises, for a verb whose rule needs more than the table."""
    scoped_out = by.scopes is not None and verb not in verbs_in(by.scopes)
    roles = ", ".join(sorted(VERBS.get(verb, ()))) or "no role, only a machine's scope,"
    return Forbidden(
        f"{by.name} asked to {verb.replace('_', ' ')}.",
        f"The token's scopes leave out {verb}." if scoped_out else f"{roles[:1].upper()}{roles[1:]} may do that here.",
        "Use a token with that scope." if scoped_out else "Ask somebody who has such a role, or an admin for it.",
        verb=verb,
    )


def table() -> str:
    """The whole matrix in Markdown, for docs/roles.md: one line a verb, one column a role."""
    lines = ["| verb | " + " | ".join(Role.values) + " |", "| --- |" + " --- |" * len(Role)]
    lines += [
        f"| `{verb}` | " + " | ".join("yes" if role in roles else "" for role in Role) + " |"
        for verb, roles in VERBS.items()
    ]
    return "\n".join(lines) + "\n"
