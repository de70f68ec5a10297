"""Ids of RFC 9562, version 7: their layout, and the order that readers of the journal rely on."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import clock, ids

AT = datetime(2026, 11, 22, 3, 0, 0, 123_000, tzinfo=UTC)
instants = st.timedeltas(timedelta(days=7000), timedelta(days=80_000)).map(lambda since: ids._EPOCH + since)


@pytest.fixture(autouse=True)
def as_if_newly_started(monkeypatch):
    monkeypatch.setattr(ids, "_newest", 0)
    monkeypatch.setattr(ids, "_in_the_past", 0)


@given(instants)
def test_the_layout_is_that_of_rfc_9562(at):
    ids._newest = ids._in_the_past = 0
    made = ids.uuid7(at)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_the_last_62_bits_are_random():
    tails = {ids.uuid7(AT).int & ((1 << 62) - 1) for _ in range(200)}
    assert len(tails) == 200
    assert max(tails) > 1 << 60


def test_ids_made_while_the_clock_stands_still_keep_their_order_past_a_full_count():
    made = [ids.uuid7(AT) for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == 5000


@given(st.lists(st.integers(-900, 5000), min_size=2, max_size=60))
def test_a_clock_that_goes_on_or_steps_back_by_less_than_a_second_never_undoes_the_order(steps):
    ids._newest = ids._in_the_past = 0
    newest, made = AT, []
    for step in steps:
        at = newest + timedelta(milliseconds=step)
        newest = max(newest, at)
        made.append(ids.uuid7(at))
    assert made == sorted(made)


def test_a_clock_that_steps_back_by_an_hour_is_followed_and_order_holds_from_there():
    before = ids.uuid7(AT)
    after = [ids.uuid7(AT - timedelta(hours=1)) for _ in range(10)]
    assert max(after) < before
    assert after == sorted(after)


def test_writing_about_a_past_night_does_not_disturb_the_order_of_the_present():
    first = ids.uuid7(AT)
    ids.uuid7(AT - timedelta(days=30))
    assert first < ids.uuid7(AT)


@given(instants)
def test_the_first_id_of_an_instant_lies_between_those_before_and_those_of_it(at):
    ids._newest = ids._in_the_past = 0
    assert ids.uuid7(at - timedelta(milliseconds=1)) < ids.first_of(at)
    ids._newest = ids._in_the_past = 0
    assert ids.first_of(at) <= ids.uuid7(at)


def test_without_an_instant_it_is_the_programs_clock_that_counts():
    with clock.replaced_by(lambda: AT):
        assert ids.uuid7().int >> 80 == int(AT.timestamp() * 1000)
