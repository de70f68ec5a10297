"""The old pager beside this one."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.paging.comparison import BadList, Here, Paged, compare, counts, read_old_pages

AT = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def here(title: str, minute: float = 0, *rung: tuple[float, str]) -> Here:
    at = AT + minute * MINUTE
    return Here(title, (title, f"key-{title}"), at, tuple((at + after * MINUTE, who) for after, who in rung))


def there(alarm: str, minute: float = 0, person: str = "Bo", acked: float | None = None) -> Paged:
    return Paged(alarm, AT + minute * MINUTE, person, None if acked is None else AT + acked * MINUTE)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([here("a", 0, (0, "Bo"))], [there("A", 0.5)], "same"),
        ([here("a", 0, (0, "Bo"))], [there("key-a", 0.5)], "same"),
        ([here("a", 0, (0, "Al"), (0, "Bo"))], [there("a")], "same"),
        ([here("a", 0, (5, "Bo"))], [there("a")], "later here"),
        ([here("a", 0, (0, "Bo"))], [there("a", 5)], "sooner here"),
        ([here("a", 0, (0, "Al"), (10, "Bo"))], [there("a")], "other person"),
        ([here("a", 0, (0, "Al"))], [there("a", person="")], "same"),
        ([here("a")], [there("a")], "missed here"),
        ([], [there("a")], "missed here"),
        ([here("a", 0, (0, "Bo"))], [], "missed there"),
        ([here("a")], [], "same"),
    ],
)
def test_each_difference_has_its_name(ours: list[Here], theirs: list[Paged], expected: str) -> None:
    assert [row.difference for row in compare(ours, theirs)] == [expected]


def test_what_an_event_says_about_the_acknowledgement_and_who_was_paged_come_together() -> None:
    (row,) = compare([here("a", 0, (0, "Bo"))], [there("key-a", 0, "", acked=4), there("a", 0.2, "bo")])
    assert (row.difference, row.acknowledged_at, row.there) == ("same", AT + 4 * MINUTE, (AT + 0.2 * MINUTE, "bo"))


names = st.sampled_from("abc")
minutes = st.integers(0, 180)


@given(
    st.lists(st.builds(here, names, minutes, st.tuples(st.integers(0, 3), st.sampled_from(["Bo", "Al"]))), max_size=5),
    st.lists(st.builds(there, names, minutes, st.sampled_from(["Bo", "Al", ""])), max_size=5),
)
def test_no_alarm_of_either_pager_is_left_out_or_told_twice(ours: list[Here], theirs: list[Paged]) -> None:
    rows = compare(ours, theirs)
    assert sum(counts(rows).values()) == len(rows)
    assert sorted(row.alarm for row in rows if row.here) == sorted(one.title for one in ours)
    told = [row for row in rows if row.there]
    assert len(told) <= len(theirs)
    for one in theirs:
        assert any(row.alarm == one.alarm and abs(row.at - one.at) <= timedelta(minutes=30) for row in told)


def test_the_list_of_the_old_pager_is_read_by_the_names_that_pagers_use() -> None:
    text = '\ufeffIncident Key,Created On,Assigned To User Names,Acknowledged At\r\n"=a, b",2026-03-29T02:10:00,Bo Lee,\r\n\r\n'
    assert read_old_pages(text, ZoneInfo("Europe/London")) == [
        Paged("=a, b", datetime(2026, 3, 29, 1, 10, tzinfo=UTC), "Bo Lee", None)
    ]
    plain = "time,alarm,person,acknowledged_at\n2026-03-03T02:00:00Z,a,Bo,2026-03-03 02:04:00 UTC\n"
    assert read_old_pages(plain, ZoneInfo("UTC")) == [there("a", acked=4)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names nothing"),
        ("when,what\n1,2\n", "when, what"),
        ("time,alarm\nyesterday,a\n", "Line 2 has 'yesterday'"),
        ("time,alarm\n2026-03-03T02:00:00Z,\n", "Line 2 has no time, or names no alarm"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_and_the_line_named(text: str, words: str) -> None:
    with pytest.raises(BadList) as refused:
        read_old_pages(text, ZoneInfo("UTC"))
    assert words in refused.value.so


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadList):
        assert all(one.alarm for one in read_old_pages(f"time,alarm\n{text}", ZoneInfo("UTC")))
