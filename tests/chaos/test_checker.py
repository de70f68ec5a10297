"""The checker of `make chaos` sees what is lost, late and repeated: a verdict that cannot fail would prove nothing."""

import pytest

from tests.chaos.checker import LATE_AFTER_S, Accepted, Received, check

PAGED = [["Bo", "Al"], ["mail of Bo", "mail of Al"]]
PLACES = {"alarm": PAGED, "call": PAGED, "mail": [["Cleo"]], "update": [["Noor"]]}
WORK = [
    Accepted("alarm", "a1", 10.0),
    Accepted("mail", "m1", 10.0),
    Accepted("call", "+441632960001", 10.0),
    Accepted("update", "u1", 10.0),
    Accepted("update", "u2", 20.0),
    Accepted("handover", "Al", 10.0),
    Accepted("handover", "Bo", 20.0),
]
CAME = [
    Received("a1", "Al", 11.0),
    Received("a1", "mail of Al", 12.0),
    Received("m1", "Cleo", 12.0),
    Received("u2", "Noor", 22.0),
    Received("+441632960001", "Bo", 13.0),
    Received("+441632960001", "mail of Bo", 13.0),
]
PAGES = {"a1": 1, "+441632960001": 1}


def judge(came=CAME, journal=None, holders=("Al", "Bo")):
    return check(WORK, came, places=PLACES, journal=PAGES if journal is None else journal, holders=holders)


def test_what_came_out_everywhere_is_delivered_and_a_later_update_speaks_for_an_earlier_one():
    verdict = judge()
    assert verdict.holds
    assert dict(verdict.delivered) == {"alarm": 1, "mail": 1, "call": 1, "update": 2, "handover": 2}
    assert (verdict.late.total(), verdict.repeated.total()) == (0, 0)


@pytest.mark.parametrize("missing", range(len(CAME)))
def test_what_came_out_nowhere_is_lost(missing):
    verdict = judge([each for number, each in enumerate(CAME) if number != missing])
    assert not verdict.holds
    assert "lost" in str(verdict).splitlines()[-1]


def test_a_page_that_the_journal_does_not_have_once_is_lost():
    assert judge(journal={}).lost["alarm"] == judge(journal=PAGES | {"a1": 2}).lost["alarm"] == ["a1"]
    assert judge(journal={"a1": 1}).lost["call"] == ["+441632960001"]


def test_a_duty_that_the_journal_does_not_have_in_its_order_is_lost():
    assert judge(holders=("Bo", "Al")).lost["handover"] == ["Bo"]
    assert judge(holders=("Bo", "Al", "Al", "Bo")).holds


def test_late_and_repeated_are_counted_and_are_no_loss():
    late = Received("m1", "Cleo", 11.0 + LATE_AFTER_S)
    verdict = judge([*CAME[:2], late, late, *CAME[3:]])
    assert verdict.holds
    assert (verdict.late["mail"], verdict.repeated["mail"]) == (1, 1)


def test_a_night_in_which_nothing_was_accepted_proves_nothing():
    assert not check([], [], places=PLACES, journal={}, holders=()).holds
