"""What is published, as facts: what is late, what changes by itself, and how punctual we were."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages.published import (
    Punctuality,
    changed_at,
    effect_now,
    in_works,
    is_late,
    kept_promises,
    next_change,
    punctuality_of,
    recent,
    short_id,
    work_ahead,
    work_now,
)
from nightdesk.outages.tests.pages import minutes, outage, page, resolved, update, work

MINUTE = st.integers(0, 60).map(minutes)


def test_an_update_is_late_from_the_instant_it_was_due():
    assert not is_late(outage(), minutes(45) - timedelta(microseconds=1))
    assert is_late(outage(), minutes(45))
    assert not is_late(outage(next_at=None), minutes(500))
    assert not is_late(replace(resolved(), next_at=minutes(45)), minutes(500))


def test_what_is_said_changes_once_more_when_it_is_late():
    assert changed_at(outage(), minutes(44)) == minutes(16)
    assert changed_at(outage(), minutes(45)) == minutes(45)


def test_the_page_changes_by_itself_when_something_falls_due_or_work_begins():
    assert next_change(page(), minutes(20)) == minutes(45)
    assert next_change(page(), minutes(45)) == minutes(1320)
    assert next_change(page(), minutes(1320)) == minutes(1440)
    assert next_change(page(), minutes(1440)) is None
    assert next_change(page(outages=(resolved(),), work=()), minutes(71)) == minutes(70) + timedelta(days=7)


@given(first=MINUTE, second=MINUTE, at=MINUTE)
def test_between_two_changes_the_page_says_the_same(first, second, at):
    one = page(
        outages=(outage(id="a", next_at=first), outage(id="b", next_at=second)),
        work=(work(starts_at=minutes(10), ends_at=minutes(30)),),
    )
    until = next_change(one, at)
    later = at + timedelta(minutes=5)

    def says(instant):
        return (
            [is_late(each, instant) for each in one.outages],
            work_now(one, instant),
            work_ahead(one, instant),
            recent(one, instant),
        )

    if until is None or later < until:
        assert says(at) == says(later)
    elif until is not None:
        assert says(until - timedelta(microseconds=1)) == says(at)
        assert says(until) != says(at)


def test_less_in_reserve_works_and_what_is_over_touches_nothing():
    one = page()
    assert [effect_now(one, each.id) for each in one.components] == ["down", "works", "works"]
    assert effect_now(page(outages=(resolved(),)), "c1") == "works"
    assert in_works(one, "c3", minutes(1330))
    assert not in_works(one, "c3", minutes(1440))
    assert in_works(page(work=(work(state="started", ends_at=minutes(10)),)), "c3", minutes(20))


def test_ids_are_twelve_letters_and_digits_and_stay():
    assert short_id("outage", "x") == short_id("outage", "x")
    assert short_id("outage", "x") != short_id("update", "x")
    assert short_id("page", "1") == "nw62so991vh3"
    assert len(short_id("a", "b")) == 12
    assert short_id("a", "b").isalnum()
    assert short_id("a", "b").islower()


def test_a_promise_is_kept_by_an_update_before_it_falls_due():
    on_time = (update(2, minutes(45)), update(1, minutes(16), next_at=minutes(45)))
    assert kept_promises(on_time, minutes(100)) == (1, 1)
    late = (update(2, minutes(46)), update(1, minutes(16), next_at=minutes(45)))
    assert kept_promises(late, minutes(100)) == (1, 0)
    silent = (update(1, minutes(16), next_at=minutes(45)),)
    assert kept_promises(silent, minutes(44)) == (0, 0)
    assert kept_promises(silent, minutes(45)) == (1, 0)


@given(st.lists(st.tuples(MINUTE, st.none() | MINUTE), min_size=1, max_size=6), MINUTE)
def test_no_more_promises_are_kept_than_were_given(given_updates, at):
    ordered = sorted(given_updates, key=lambda each: each[0], reverse=True)
    updates = tuple(update(n, said, next_at=due) for n, (said, due) in enumerate(ordered))
    fallen, kept = kept_promises(updates, at)
    assert 0 <= kept <= fallen <= sum(due is not None for _, due in ordered)


def test_the_figures_of_a_year():
    assert punctuality_of([], minutes(0)) == Punctuality(0, None, 0, 0)
    assert punctuality_of([resolved(), outage()], minutes(100)) == Punctuality(2, timedelta(minutes=8), 3, 2)
