from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.desk import decide
from nightdesk.desk.decide import ContactKind, Follows, Level, PendingReason, Policy, State, Verb

AT = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)

LEGAL = {
    "new": {"assigned", "in_progress", "resolved", "cancelled"},
    "assigned": {"assigned", "in_progress", "pending", "resolved", "cancelled"},
    "in_progress": {"assigned", "pending", "resolved"},
    "pending": {"in_progress", "resolved"},
    "resolved": {"closed", "in_progress"},
    "closed": {"in_progress"},
    "cancelled": set(),
}
"""State -> states that may follow, by the definition; from "closed" only by a reopening within the brand's days."""


@pytest.mark.parametrize(("state", "to"), list(product(State, State)))
def test_every_pair_of_states_is_legal_exactly_where_the_definition_says_so(state, to):
    reached = {decide.after(state, verb) for verb in Verb}
    assert (to in reached) == (to in LEGAL[state])


@given(st.lists(st.sampled_from(list(Verb)), max_size=12))
def test_no_order_of_verbs_leaves_the_states(verbs):
    state = State.NEW
    for verb in verbs:
        state = decide.after(state, verb) or state
        assert state in State
    if Verb.CANCEL not in verbs:
        assert state is not State.CANCELLED


class TestAMessageOfTheCustomer:
    def follows(self, state, *, reason=None, automatic=False, closed_ago=timedelta(days=1)):
        return decide.on_message(state, reason, automatic=automatic, closed_at=AT - closed_ago, at=AT, policy=Policy())

    @pytest.mark.parametrize("state", State)
    def test_a_machines_words_move_nothing(self, state):
        reason = PendingReason.AWAITING_CALLER if state is State.PENDING else None
        assert self.follows(state, reason=reason, automatic=True) is Follows.NOTHING

    def test_ends_the_wait_for_the_caller_and_no_other(self):
        for reason in PendingReason:
            expected = Follows.RESUMES if reason is PendingReason.AWAITING_CALLER else Follows.NOTHING
            assert self.follows(State.PENDING, reason=reason) is expected

    def test_reopens_what_is_resolved_however_long_ago(self):
        assert self.follows(State.RESOLVED) is Follows.REOPENS

    def test_reopens_what_was_closed_up_to_the_last_instant_of_the_days_and_not_after(self):
        days = Policy().reopens_within
        assert self.follows(State.CLOSED, closed_ago=days) is Follows.REOPENS
        assert self.follows(State.CLOSED, closed_ago=days + timedelta(microseconds=1)) is Follows.NEW_TICKET

    def test_to_a_cancelled_ticket_is_a_new_one(self):
        assert self.follows(State.CANCELLED) is Follows.NEW_TICKET


class TestWhoMayWriteToTheUser:
    def test_the_desk_and_a_supplier_need_no_kind(self):
        assert decide.may_contact(Level.ONE, None, ()) == ""

    @given(
        st.sampled_from([Level.TWO, Level.THREE]), st.sampled_from(ContactKind), st.sets(st.sampled_from(ContactKind))
    )
    def test_behind_the_desk_only_the_kinds_of_the_teams_rule(self, level, kind, allowed):
        assert decide.may_contact(level, None, allowed) == "kind_missing"
        assert (decide.may_contact(level, kind, allowed) == "") == (kind in allowed)


@given(st.text(" \tab"), st.text(" \tab"), st.text(" \tab"))
def test_resolving_asks_for_all_three_and_names_those_that_are_blank(wrong, done, todo):
    given_words = {"what_was_wrong": wrong, "what_was_done": done, "what_to_do": todo}
    assert decide.lacks(wrong, done, todo) == tuple(name for name, words in given_words.items() if not words.strip())


class TestWhenAnAnswerLeaves:
    def leaves(self, **more):
        facts = {
            "open_now": False,
            "reason": "out_of_hours_not_covered",
            "opens_at": AT + timedelta(hours=7),
            "why_now": "",
        }
        return decide.send_at(AT, **{**facts, **more})

    def test_at_the_opening_for_whom_nothing_is_answered_now(self):
        assert self.leaves() == AT + timedelta(hours=7)

    @pytest.mark.parametrize("more", [{"open_now": True}, {"why_now": "their shop is down"}, {"opens_at": None}])
    def test_at_once_in_hours_or_for_a_reason(self, more):
        assert self.leaves(**more) == AT

    @pytest.mark.parametrize("reason", ["no_contract", "contract_not_valid", "not_a_night_job"])
    def test_nor_for_whom_nothing_is_promised_where_we_say_when_we_are_there(self, reason):
        assert self.leaves(reason=reason) == AT + timedelta(hours=7)
        assert self.leaves(reason=reason, opens_at=None) == AT

    @pytest.mark.parametrize("reason", ["out_of_hours_covered", "out_of_hours_email_only"])
    def test_at_once_for_whoever_is_answered_now(self, reason):
        assert self.leaves(reason=reason) == AT


class TestWhoIsWoken:
    def wakes(self, priority=2, **more):
        facts = {"may_page_now": True, "open_now": False, "trusted": True, "waits_for_day": False, "automatic": False}
        return decide.wakes(priority, **{**facts, **more})

    def test_at_night_what_the_contract_lets_wake(self):
        assert self.wakes()
        assert not self.wakes(may_page_now=False)

    def test_by_day_only_a_p1(self):
        assert not self.wakes(open_now=True)
        assert self.wakes(1, open_now=True)

    @pytest.mark.parametrize(
        ("title", "text", "found"),
        [
            ("Forgot my password", "", "password"),
            ("Hello", "I forgot the password of my\nmail", "forgot the password"),
            ("Hilfe", "Bitte das Passwort zurücksetzen", "Passwort zurücksetzen"),
            ("Aide", "J'ai oublié mon mot de passe", "oublié mon mot de passe"),
            ("Slow", "Since the new router came the line is slow. We never ask for passwords.", ""),
            ("Slow", "x" * 2000 + " reset my password", ""),
        ],
    )
    def test_words_by_which_it_changes_who_gets_in(self, title, text, found):
        assert decide.asks_for_access(title, text) == found

    @pytest.mark.parametrize("more", [{"trusted": False}, {"waits_for_day": True}, {"automatic": True}])
    def test_never_by_strangers_machines_or_what_waits_for_the_day(self, more):
        assert not self.wakes(1, **more)


def test_children_wait_with_their_parent_but_not_for_one_anothers_callers():
    assert decide.children_follow(Verb.WAIT, PendingReason.AWAITING_SUPPLIER)
    assert not decide.children_follow(Verb.WAIT, PendingReason.AWAITING_CALLER)
    assert decide.children_follow(Verb.RESOLVE, None)
    assert not decide.children_follow(Verb.CLOSE, None)
    assert not decide.children_follow(Verb.CANCEL, None)
