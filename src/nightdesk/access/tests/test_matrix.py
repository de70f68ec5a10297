import ast
from pathlib import Path

import pytest

from nightdesk.access import matrix
from nightdesk.access.matrix import INNER_WORKINGS, ITS_OWN, SCOPES, VERBS, brands_for, may, require, verbs_in
from nightdesk.access.models import Role
from nightdesk.base.actors import SCHEDULER, Actor
from nightdesk.base.refusals import Forbidden

SOURCE = Path(matrix.__file__).parent.parent
OURS, THEIRS = 1, 2

# Written by hand, from what each role is for, and not from the code. Letters: Engineer, Desk, Manager, Admin, Bureau,
# Read-only.
EXPECTED = """
read_pages EDMABR
trigger_page EDMAB
note_page EDMAB
escalate_page EDMAB
acknowledge_page EDMA
resolve_page EDMA
reassign_page EDMA
snooze_page EDMA
silence_page EDMA
defer_page EDMA
send_digest MA
receive_alarm -
read_silences EDMAR
make_silence EDMA
silence_widely MA
end_silence EDMA
plan_work EDMA
start_work EDMA
extend_work EDMA
complete_work EDMA
cancel_work EDMA
read_second_site EDMAR
pair_second_site A
edit_second_site A
revoke_second_site A
agree_to_drill EDMA
start_drill MA
read_heartbeats EDMAR
note_beat EDMA
make_heartbeat EMA
edit_heartbeat EMA
rotate_heartbeat EMA
pause_heartbeat EMA
resume_heartbeat EMA
remove_heartbeat EMA
read_shadow EDMAR
start_shadow MA
end_shadow MA
import_old_pager MA
read_alarms EDMAR
retry_alarm EDMA
read_tickets EDMAR
open_ticket EDMA
take_message EDMAB
reply_to_customer EDMA
recall_reply EDMA
send_reply_now EDMA
note_ticket EDMA
assign_ticket EDMA
escalate_functionally EDMA
escalate_hierarchically EDMA
start_ticket EDMA
wait_ticket EDMA
resolve_ticket EDMA
close_ticket EDMA
cancel_ticket EDMA
reopen_ticket EDMA
set_next_step EDMA
edit_ticket EDMA
prove_identity DMA
watch_ticket EDMA
set_party EDMA
answer_ticket EDMA
change_tickets EDMA
apply_macro EDMA
undo_change EDMA
save_macro DMA
remove_macro DMA
keep_draft EDMA
note_presence EDMAR
save_view EDMAR
remove_view EDMAR
link_tickets EDMA
merge_ticket EDMA
split_ticket EDMA
propose_major EDMA
accept_major DMA
add_child EDMA
tell_children DMA
return_answer EDMA
save_desk_rules MA
save_team_rule MA
save_queue MA
read_journal EDMAR
read_incident_reports EDMAR
draft_incident_report EDMA
edit_incident_report EDMA
approve_incident_report MA
publish_incident_report DMA
add_follow_up EDMA
assess_incident MA
note_regulator_told EDMA
waive_regulator_duty MA
save_incident_rules MA
save_report_term MA
write_journal_note EDMA
renew_journal_feed EDMAR
verify_journal MA
erase_text A
drop_month A
read_rota EDMABR
accept_duty EDMA
pass_duty EDMA
take_duty EDMA
set_first_holder MA
make_rota MA
set_layers MA
add_override MA
cancel_override MA
read_people EDMAR
edit_own_contacts EDMAB
make_person MA
edit_person MA
deactivate_person MA
reactivate_person MA
add_contact_method MA
remove_contact_method MA
confirm_contact_method MA
note_contact_tested MA
mark_contact_broken MA
set_notify_rules MA
set_quiet MA
set_digest MA
add_notify_rules MA
add_device EDMAB
make_team MA
set_team_members MA
read_customers EDMAR
make_customer DMA
edit_customer DMA
make_contact DMA
edit_contact DMA
remove_contact DMA
invite_contact DMA
set_contact_standing DMA
mark_contact_left DMA
confirm_contact DMA
set_company_rule DMA
set_identity_provider A
remove_identity_provider A
ask_mobile_code DMA
verify_mobile DMA
remove_mobile DMA
make_contact_token -
revoke_contact_token DMA
make_subscription DMA
end_subscription DMA
make_peer DMA
edit_peer DMA
make_contract MA
edit_contract MA
make_hours MA
edit_hours MA
make_service MA
edit_service MA
apply_import MA
read_procedures EDMAR
make_procedure EDMA
save_procedure EDMA
restore_procedure EDMA
publish_procedure EDMA
edit_procedure EDMA
review_procedure EDMA
retire_procedure EDMA
keep_procedures MA
confirm_reading EDMA
propose_change EDMA
accept_proposal EDMA
decline_proposal EDMA
open_procedure EDMA
settle_step EDMA
add_call_kind MA
read_sayings EDMABR
save_saying EDMA
approve_saying MA
remove_saying MA
read_templates EDMAR
save_template DMA
remove_template DMA
read_spares EDMAR
save_spare EDMA
take_spare EDMA
return_spare EDMA
count_spare EDMA
remove_spare MA
read_briefings EDMABR
make_briefing MA
confirm_briefing EDMAB
remind_briefing MA
close_briefing MA
read_promises EDMAR
retry_promise MA
void_promise MA
read_deliveries EDMAR
queue_message DMA
resend_message EDMA
read_mails EDMAR
retry_mail EDMA
save_mailbox A
remove_mailbox A
add_address A
remove_address A
save_route A
remove_route A
replace_push_key A
read_lines EDMAR
save_line MA
retire_line MA
check_divert EDMA
save_telephone MA
remove_telephone MA
keep_prompt MA
remove_prompt MA
set_pin DMA
clear_pin DMA
save_policy MA
make_integration A
revoke_integration A
save_mapping A
save_mail_rules A
read_backups A
ask_backup A
rotate_keys A
export_company A
export_person A
erase_person A
forget_number A
make_token A
revoke_token A
make_user A
read_sessions A
end_session A
read_own_sessions EDMABR
read_own_readings EDMABR
end_own_session EDMABR
grant_role A
revoke_role A
make_brand A
edit_brand A
sign_in_mailbox A
save_front A
open_supplier_ticket EDMA
note_supplier_answer EDMA
chase_supplier EDMA
close_supplier_ticket EDMA
log_time EDMA
read_surveys EDMAR
save_supplier MA
save_prepaid MA
import_tickets MA
read_calls EDMAR
hear_recording EDMA
leave_message EDMAB
call_back EDMA
note_outcome EDMA
close_message EDMA
cancel_message EDMA
delete_recording MA
add_to_call EDMA
let_listen EDMA
transfer_call EDMA
leave_call EDMA
hold_call EDMAB
take_off_hold EDMAB
park_call EDMAB
take_parked_call EDMAB
pause_recording EDMA
hang_up_call EDMA
read_sites EDMA
read_visits EDMA
add_site EDMA
edit_site EDMA
retire_site MA
declare_visit EDMA
edit_visit EDMA
cancel_visit EDMA
check_in_visit EDMA
call_for_help EDMA
end_visit EDMA
vouch_for_visitor EDMA
note_visit_sign EDMA
set_duress_word EDMA
set_badge MA
read_outages EDMABR
propose_outage EDMAB
confirm_outage EDMA
edit_outage EDMA
set_failed_parts EDMA
write_update EDMA
drop_update EDMA
approve_update DMA
approve_critical_update MA
withdraw_outage EDMA
save_outage_rules MA
save_statement_template DMA
remove_statement_template DMA
save_confirm_rule MA
remove_confirm_rule MA
read_parts EDMAR
save_part EMA
retire_part EMA
save_needs EMA
save_reach DMA
apply_parts_import MA
save_wish DMA
remove_wish DMA
decide_unsubscribe DMA
save_contact_hook -
add_contact_browser -
remove_contact_endpoint DMA
save_phrase DMA
remove_phrase DMA
make_feed_link -
revoke_feed_link DMA
share_outage EDMA
share_archive DMA
read_outage_room EDMAR
read_work EDMABR
draft_work EDMA
edit_work EDMA
announce_work EDMA
open_work EDMA
prolong_work EDMA
close_work EDMA
call_off_work EDMA
dismiss_work EDMA
settle_objection EDMA
take_carrier_change EDMA
drop_carrier_change EDMA
set_maintnote_wish DMA
save_work_terms MA
save_freeze DMA
remove_freeze DMA
save_work_rules MA
read_carriers EDMAR
save_carrier MA
remove_carrier MA
exempt_duty MA
set_counting MA
read_hours MA
record_absence MA
cancel_absence MA
record_restriction MA
cancel_restriction MA
set_terms MA
note_hours MA
note_called MA
strike_hours MA
give_rest MA
confirm_late_start MA
decline_late_start MA
set_late_start_rule MA
save_way_parts MA
read_skills EDMAR
read_scarce_skills MA
save_skill MA
remove_skill MA
set_person_skill MA
set_skill_needs MA
set_seat_brands MA
begin_as_newcomer MA
sign_off_newcomer MA
pair_newcomer MA
end_pairing MA
refuse_turn EDMA
read_handover EDMAR
write_note EDMA
add_watch_item EDMA
tick_watch_item EDMA
go_out_of_reach EDMA
save_handover_rules MA
read_plans EDMAR
set_shifts MA
note_wish EDMA
make_draft MA
publish_plan MA
read_cover EDMAR
seek_cover EDMA
take_cover EDMA
edit_rota MA
add_seat MA
edit_seat MA
remove_seat MA
import_turns MA
ask_swap EDMA
accept_swap EDMA
approve_swap MA
renew_feed MA
read_load MA
read_line_figures EDMAR
read_figures EDMAR
roll_figures MA
save_desk_supplier MA
save_figure_mail MA
send_figure_mail MA
save_pay_rates MA
save_figures A
read_comparisons MA
save_comparison MA
delete_comparison MA
choose_approach MA
turn_down_cover EDMA
set_standby MA
read_bureau EDMABR
sign_in_taker EDMAB
pause_taker EDMAB
take_desk_call EDMAB
open_bureau_message EDMAB
put_caller_through EDMAB
answer_step EDMAB
check_caller EDMAB
save_bureau_message EDMAB
relay_bureau_message EDMAB
resend_bureau_message EDMAB
read_out_bureau_message EDMAB
acknowledge_bureau_message EDMAB
set_back_bureau_message EDMAB
wrap_up_bureau_message EDMAB
close_bureau_message EDMAB
set_note_of_the_day EDMA
save_bureau_client MA
save_script MA
approve_script MA
set_bureau_ladder MA
"""
LETTERS = {"E": "engineer", "D": "desk", "M": "manager", "A": "admin", "B": "bureau", "R": "read-only"}
EXPECTED_ROLES = {
    verb: {LETTERS[letter] for letter in letters if letter != "-"}
    for verb, letters in (line.split() for line in EXPECTED.split("\n") if line)
}


def person(*grants: tuple[int | None, str], scopes: set[str] | None = None) -> Actor:
    return Actor("person", "7", "Bo", frozenset(grants), frozenset(scopes) if scopes is not None else None)


def machine(*scopes: str, brand: int | None = None) -> Actor:
    return Actor("machine", "3", "Robot", frozenset({(brand, "machine")}), frozenset(scopes))


def test_the_table_lists_the_same_verbs_as_the_expectation():
    assert set(VERBS) == set(EXPECTED_ROLES)


@pytest.mark.parametrize("verb", EXPECTED_ROLES)
def test_each_role_may_what_is_expected_of_it_in_its_own_brand_and_nowhere_else(verb):
    for role in Role.values:
        expected = role in EXPECTED_ROLES[verb]
        here, everywhere = person((OURS, role)), person((None, role))
        assert (may(here, verb, OURS), may(here, verb, THEIRS), may(here, verb, None)) == (expected, False, False), role
        assert [may(everywhere, verb, brand) for brand in (OURS, THEIRS, None)] == [expected] * 3, role
        assert brands_for(here, verb) == ({OURS} if expected else set())
        assert brands_for(everywhere, verb) == (None if expected else set())


def actions_of_every_room() -> dict[str, ast.FunctionDef]:
    return {
        node.name: node
        for file in SOURCE.glob("*/*actions.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def test_every_action_of_every_room_is_a_verb_of_the_table_or_named_as_inner_workings_with_its_reason():
    assert actions_of_every_room().keys() - VERBS.keys() == INNER_WORKINGS.keys() | ITS_OWN.keys()


ASKED_AT_THE_DOOR = {
    "erase_text",  # the journal stands below the matrix
    "drop_month",  # likewise
    "renew_journal_feed",  # likewise
    "queue_message",  # part of the verb that has something to say
    "approve_update",  # whose verb hangs on the severity: decide.APPROVE_VERB
}


def test_every_verb_asks_for_itself_by_its_own_name():
    asks = {
        name
        for name, function in actions_of_every_room().items()
        if name in {node.value for node in ast.walk(function) if isinstance(node, ast.Constant)}
    }
    assert (actions_of_every_room().keys() & VERBS.keys()) - asks == ASKED_AT_THE_DOOR


@pytest.mark.parametrize("verb", ITS_OWN)
def test_what_nightdesk_does_by_itself_nobody_else_may(verb):
    assert may(SCHEDULER, verb, OURS)
    for actor in (person((None, "admin")), machine("admin"), machine("page"), machine(verb)):
        assert not may(actor, verb, OURS)


def test_a_name_that_is_no_verb_is_a_mistake_and_not_a_quiet_no():
    for actor in (SCHEDULER, person((None, "admin")), machine("admin")):
        with pytest.raises(KeyError):
            may(actor, "acknowledge_pages", OURS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_scheduler_may_everything_and_contacts_and_callers_nothing(verb):
    assert may(SCHEDULER, verb, None)
    for kind in ("contact", "caller"):
        assert brands_for(Actor(kind, "1", "Somebody", frozenset({(None, "admin")})), verb) == set()  # type: ignore[arg-type]


def test_nobody_may_anything_without_a_grant_or_with_a_role_that_does_not_exist():
    for actor in (person(), person((OURS, "king")), Actor("machine", "1", "Robot")):
        assert [verb for verb in VERBS if brands_for(actor, verb) != set()] == []


def test_a_machine_may_what_its_scopes_say_in_its_brand():
    robot = machine("trigger_page", "read", brand=OURS)
    assert may(robot, "trigger_page", OURS)
    assert may(robot, "read_people", OURS)
    assert not may(robot, "trigger_page", THEIRS)
    assert not may(robot, "acknowledge_page", OURS)
    assert may(machine("receive_alarm"), "receive_alarm", THEIRS)


def test_a_scope_takes_from_a_role_and_never_adds_to_it():
    limited = person((OURS, "engineer"), scopes={"read", "save_route"})
    assert {verb for verb in VERBS if may(limited, verb, OURS)} == {
        verb for verb in VERBS if verb.startswith("read_") and "engineer" in EXPECTED_ROLES[verb]
    }


def test_scope_words_stand_for_verbs_and_an_unknown_one_for_nothing():
    assert verbs_in(["read"]) == {verb for verb in VERBS if verb.startswith("read_")}
    assert SCOPES["page"] == {
        "read_pages", "trigger_page", "note_page", "escalate_page", "acknowledge_page", "resolve_page",
        "reassign_page", "snooze_page", "receive_alarm", "silence_page", "retry_alarm",
        "defer_page",
    }  # fmt: skip
    assert verbs_in(["admin"]) == set(VERBS)
    assert verbs_in(["gone_by_now", "note_page"]) == {"note_page"}


def test_the_refusal_says_who_may_or_which_scope_is_missing():
    with pytest.raises(Forbidden, match=r"Bo asked to make contract\. Admin, manager may do that here\."):
        require(person((OURS, "desk")), "make_contract", OURS)
    with pytest.raises(Forbidden, match="scopes leave out make_contract"):
        require(person((OURS, "admin"), scopes={"read"}), "make_contract", OURS)


def test_the_page_of_roles_shows_the_table_as_it_is():
    page = SOURCE.parent.parent / "docs" / "roles.md"
    assert matrix.table() in page.read_text(encoding="utf-8")
