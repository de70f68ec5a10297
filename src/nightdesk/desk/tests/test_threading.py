from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.desk.threading import (
    Belongs,
    Candidate,
    How,
    Pointers,
    Sender,
    belongs,
    has_to_do_with,
    ids_of,
    old_numbers,
    own_numbers,
    refs_in,
    title_of,
    works_on,
)

A, B, C, GONE = (UUID(int=number) for number in range(4))
TICKETS = [A, B, C, GONE]
CANDIDATES = {
    A: Candidate(1, 1, frozenset({"cleo@acme.example", "kim@acme.example"})),
    B: Candidate(2, 2, frozenset({"ben@bolt.example"}), frozenset({7})),
    C: Candidate(3, None, frozenset()),
}
some = st.lists(st.sampled_from(TICKETS), max_size=3)
pointers = st.builds(Pointers, st.sampled_from([None, *TICKETS]), some, some, some, some)
senders = st.builds(
    Sender,
    st.sampled_from(["cleo@acme.example", "kim@acme.example", "ben@bolt.example", "mal@elsewhere.example", ""]),
    st.sampled_from([None, 1, 2, 3]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([frozenset(), frozenset({7}), frozenset({8})]),
)


@given(pointers, senders)
def test_a_key_goes_before_our_ids_these_before_theirs_and_theirs_before_a_number(said, sender):
    found = belongs(said, CANDIDATES, sender)
    sure = [(said.key, How.KEY), *((one, How.OUR_ID) for one in said.our_ids)]
    weak = [*((one, How.THEIR_ID) for one in said.their_ids), *((one, How.TAG) for one in said.tags)]
    weak += [(one, How.REF) for one in said.refs]
    may = [(one, how) for one, how in sure if one in CANDIDATES]
    may += [(one, how) for one, how in weak if one in CANDIDATES and _may(sender, CANDIDATES[one])]
    assert (found.ticket_id, found.how) == (may[0] if may else (None, None))


def _may(sender, candidate):
    return has_to_do_with(sender, candidate) or works_on(sender, candidate)


@given(senders, st.sampled_from([A, B, C]))
def test_a_suppliers_words_are_not_a_customers(sender, ticket_id):
    candidate = CANDIDATES[ticket_id]
    assert not (has_to_do_with(sender, candidate) and works_on(sender, candidate))


@pytest.mark.parametrize(
    ("title", "ref"),
    [
        ("[CAS-44120] Update", "cas-44120"),
        ("Case #44120: update", "44120"),
        ("Update on INC 0012345.", "inc 0012345"),
        ("Re: TT#0012345/7 (your ref. 12)", "tt#0012345/7"),
        ("Ticket:ABC_1", "abc_1"),
    ],
)
def test_references_stand_in_subjects(title, ref):
    assert ref in refs_in(title)


@given(st.text())
def test_a_reference_has_a_digit_and_is_short(title):
    assert all(len(one) <= 80 and any(sign.isdigit() for sign in one) for one in refs_in(title))


def test_words_without_a_digit_are_no_references():
    assert refs_in("Your line is slow again, and so is Anna's") == ()


@given(pointers, senders)
def test_what_can_be_guessed_lets_nobody_in_who_has_nothing_to_do_with_it(said, sender):
    found = belongs(said, CANDIDATES, sender)
    if found.how in (How.THEIR_ID, How.TAG, How.REF):
        ticket = CANDIDATES[found.ticket_id]
        assert not sender.failed
        theirs = sender.customer_id == ticket.customer_id is not None or sender.suppliers & ticket.suppliers
        assert sender.staff or sender.address in ticket.parties or theirs
    if found.ticket_id is None:
        quoted = {CANDIDATES[one].number for one in (*said.their_ids, *said.tags, *said.refs) if one in CANDIDATES}
        assert (found.looks_like in quoted) if quoted else found.looks_like is None


@given(pointers)
def test_who_is_not_who_they_say_gets_in_by_no_number(said):
    for address in ("cleo@acme.example", "ben@bolt.example"):
        found = belongs(said, CANDIDATES, Sender(address, 1, staff=True, failed=True))
        assert found.how in (None, How.KEY, How.OUR_ID)


def test_two_who_are_known_to_nobody_do_not_belong_together():
    assert not has_to_do_with(Sender("", None), Candidate(3, None, frozenset({""})))
    assert belongs(Pointers(tags=[C]), CANDIDATES, Sender("", None)) == Belongs(looks_like=3)


words = st.text(st.sampled_from("abAB@.<>"), max_size=6)


@given(words, st.lists(words, max_size=5), st.lists(words, max_size=200))
def test_ids_are_each_looked_up_once_however_they_go_round_in_circles(own, answered, named):
    ids = ids_of(own, answered, named)
    assert len(ids) == len(set(ids)) <= 100
    assert "" not in ids
    assert set(ids) <= {own, *answered, *named}
    if own:
        assert ids[-1] == own


def test_the_nearest_comes_first_and_case_is_kept():
    assert ids_of("own", ["near"], ["far", "Near", "own"]) == ("near", "Near", "far", "own")


@pytest.mark.parametrize(
    ("title", "numbers", "plain"),
    [
        ("Re: [quay#1042] slow", (1042,), "slow"),
        ("AW: RE: [Quay#1042] Fwd: slow", (1042,), "Fwd: slow"),
        ("[ quay # 7 ] and [quay#8]", (7, 8), "and"),
        ("[remote #79] slow", (), "[remote #79] slow"),
        ("[remote #79] [quay#12] slow", (12,), "[remote #79] slow"),
        ("[bay#1042] slow", (), "[bay#1042] slow"),
        ("quay#1042", (), "quay#1042"),
        ("Re[2]: slow", (), "slow"),
        ("Réf: Re: Re:", (), ""),
        ("Restart: please", (), "Restart: please"),
    ],
)
def test_own_tags_are_read_and_taken_away_and_those_of_others_stay(title, numbers, plain):
    assert own_numbers(title, "quay") == numbers
    assert title_of(title, "quay") == plain


@given(st.text(max_size=80), st.integers(1, 10**9))
def test_a_title_with_our_tag_is_read_back_whatever_stands_around_it(around, number):
    assert number in own_numbers(f"Re: [quay#{number}] {around}", "quay")


def test_a_number_of_elsewhere_counts_with_its_own_word_and_not_as_somebody_elses():
    assert old_numbers("Re: [Ticket#2019-17] slow", "quay") == ("ticket#2019-17", "2019-17")
    assert old_numbers("[#4711] slow", "quay") == ("#4711", "4711")
    assert "79" not in old_numbers("[remote.example #79] slow", "quay")
    assert old_numbers("[quay#1042] slow [urgent]", "quay") == ()
