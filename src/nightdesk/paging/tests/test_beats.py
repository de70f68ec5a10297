"""When heartbeats are expected: schedules by local clocks, and the time that we were away."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.customers.hours import first_instant
from nightdesk.paging.beats import Away, BadSchedule, Expectation, next_time, parse_cron, when_late

LONDON = ZoneInfo("Europe/London")
ZONES = ("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(cron: str, zone: str, since: str, count: int) -> list[str]:
    found, here = [], at(since)
    for _ in range(count):
        here = next_time(parse_cron(cron), ZoneInfo(zone), here)
        found.append(f"{here:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "since", "expected"),
    [
        ("30 2 * * *", "UTC", "2026-03-01 02:30", ["03-02 02:30", "03-03 02:30"]),
        # The night on which half past one does not come: the first instant after the gap.
        ("30 1 * * *", "Europe/London", "2026-03-28 00:00", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        # The night on which it comes twice: once.
        ("30 1 * * *", "Europe/London", "2026-10-24 00:00", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
        # What follows the minutes: through both hours, and over the gap.
        ("*/30 * * * *", "Europe/London", "2026-10-25 00:15", ["10-25 00:30", "10-25 01:00", "10-25 01:30"]),
        ("*/30 * * * *", "Europe/London", "2026-03-29 00:15", ["03-29 00:30", "03-29 01:00", "03-29 01:30"]),
        # Half an hour of change.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00", ["10-03 15:30", "10-04 15:15"]),
        ("0 4 31 * *", "UTC", "2026-01-31 04:00", ["03-31 04:00", "05-31 04:00", "07-31 04:00"]),
        ("0 4 L * *", "UTC", "2026-01-31 04:00", ["02-28 04:00", "03-31 04:00", "04-30 04:00"]),
        ("0 4 L * *", "UTC", "2028-02-01 04:00", ["02-29 04:00"]),
        ("0 0 29 2 *", "UTC", "2096-03-01 00:00", ["02-29 00:00"]),  # 2100 is no leap year
        ("0 9 1,15 * mon", "UTC", "2026-03-01 10:00", ["03-02 09:00", "03-09 09:00", "03-15 09:00"]),
        ("0 9 * * 1-5", "UTC", "2026-03-06 10:00", ["03-09 09:00"]),
        ("0 9 * jan-feb sun", "UTC", "2026-03-06 10:00", ["01-03 09:00"]),
        ("5-50/15 7 * * 7", "UTC", "2026-03-01 07:10", ["03-01 07:20", "03-01 07:35", "03-01 07:50", "03-08 07:05"]),
        # The day that Samoa left out.
        ("0 12 * * *", "Pacific/Apia", "2011-12-29 22:00", ["12-30 10:00", "12-30 22:00", "12-31 22:00"]),
    ],
)  # fmt: skip
def test_a_schedule_comes_by_local_clocks(cron: str, zone: str, since: str, expected: list[str]) -> None:
    assert times(cron, zone, since, len(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "60 * * * *", "* 24 * * *", "0 0 0 * *", "0 0 30 2 *", "0 0 31 4,6,9 *", "*/0 * * * *", "5-1 * * * *",
     "a * * * *", "* * * 13 *", "* * * * 8", "1,,2 * * * *", "* * * * * *", "0 0 ٣ * *", "1-2-3 * * * *"],
)  # fmt: skip
def test_what_cannot_be_read_or_never_comes_is_refused(text: str) -> None:
    with pytest.raises(BadSchedule):
        parse_cron(text)


@st.composite
def crons(draw: st.DrawFn) -> str:
    def field(low: int, high: int) -> str:
        one = st.integers(low, high).map(str)
        span = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted).map(lambda s: f"{s[0]}-{s[1]}")
        step = st.integers(1, high).map(lambda n: f"*/{n}")
        return draw(st.one_of(st.just("*"), one, span, step))

    minute, hour = draw(st.integers(0, 59)), field(0, 23)
    return f"{minute} {hour} {field(1, 28)} {field(1, 12)} {field(0, 7)}"


# Four days around each change of clocks, on a grid of half an hour.
nights = st.builds(
    lambda day, half: datetime(2026, *day, tzinfo=UTC) + timedelta(minutes=30 * half),
    st.sampled_from([(3, 27), (10, 23), (2, 26), (4, 3), (9, 4), (12, 30)]),
    st.integers(0, 4 * 48),
)


@given(crons(), st.sampled_from(ZONES), nights)
def test_the_next_time_is_later_and_nothing_lies_between(cron: str, zone: str, since: datetime) -> None:
    parsed, here = parse_cron(cron), ZoneInfo(zone)
    found = next_time(parsed, here, since)
    assert found > since
    between = since + (found - since) / 2
    assert next_time(parsed, here, between) == found
    local = found.astimezone(here)
    reads_it = local.minute in parsed.minutes and local.hour in parsed.hours and parsed.comes_on(local.date())
    # Where clocks do not read what was asked for, they have just skipped it.
    assert reads_it or first_instant(local.replace(tzinfo=None, fold=0), here) == found


@pytest.mark.parametrize("text", ["0 0 5 3 */7", "0 0 29 2 */7", "0 0 */28 7 1"])
@pytest.mark.parametrize("year", range(2026, 2100, 5))
def test_a_day_that_must_be_a_weekday_too_comes_though_it_takes_decades(text: str, year: int) -> None:
    cron, since = parse_cron(text), datetime(year, 4, 1, tzinfo=UTC)
    found = next_time(cron, ZoneInfo("UTC"), since)
    assert cron.comes_on(found.date())
    assert found > since


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(ZONES[:-1]), nights)
def test_a_fixed_time_comes_once_on_each_day_whatever_clocks_do(
    hour: int, minute: int, zone: str, since: datetime
) -> None:
    here, cron = ZoneInfo(zone), parse_cron(f"{minute} {hour} * * *")
    found = next_time(cron, here, since)
    days = []
    for _ in range(6):
        days.append(found.astimezone(here).date())
        found = next_time(cron, here, found)
    assert [later - earlier for earlier, later in pairwise(days)] == [timedelta(days=1)] * 5


expectations = st.one_of(
    st.builds(
        lambda every, grace: Expectation(timedelta(minutes=grace), every=timedelta(minutes=every)),
        st.sampled_from([1, 30, 60, 24 * 60]),
        st.sampled_from([1, 30, 90]),
    ),
    st.builds(
        lambda cron, zone, grace: Expectation(timedelta(minutes=grace), cron=cron, zone=zone),
        crons(),
        st.sampled_from(ZONES),
        st.sampled_from([1, 30, 90]),
    ),
)
gaps = st.lists(
    st.builds(lambda begin, halves: Away(begin, begin + timedelta(minutes=30 * halves)), nights, st.integers(1, 8)),
    max_size=3,
)


@given(expectations, nights, gaps)
def test_our_absence_never_makes_anybody_late_sooner_and_every_beat_is_still_due_some_day(
    wanted: Expectation, heard_at: datetime, away: list[Away]
) -> None:
    plain, due = when_late(wanted, heard_at), when_late(wanted, heard_at, away)
    assert heard_at < plain.expected_at == plain.late_at - wanted.grace
    assert due.late_at >= plain.late_at
    assert due.excused or due == plain


@given(expectations, nights, gaps)
def test_nobody_is_late_for_what_was_expected_while_we_were_away(
    wanted: Expectation, heard_at: datetime, away: list[Away]
) -> None:
    due = when_late(wanted, heard_at, away)
    assert not any(
        gap.began_at < due.late_at and gap.ended_at > due.expected_at and gap.ended_at > heard_at for gap in away
    )


def test_a_beat_that_fell_into_our_absence_is_expected_again_after_it() -> None:
    every = Expectation(timedelta(seconds=30), every=timedelta(minutes=1))
    gap = Away(at("2026-03-03 02:00:20"), at("2026-03-03 02:10"))
    assert when_late(every, at("2026-03-03 02:00"), [gap]).late_at == at("2026-03-03 02:11:30")
    nightly = Expectation(timedelta(minutes=10), cron="0 2 * * *")
    heard_at = at("2026-03-02 02:00")
    assert when_late(nightly, heard_at, [gap]).expected_at == at("2026-03-04 02:00")
    long_before = Away(at("2026-03-02 12:00"), at("2026-03-02 13:00"))
    assert when_late(nightly, heard_at, [long_before]) == when_late(nightly, heard_at)


def test_a_run_that_began_must_end_within_the_grace() -> None:
    daily = Expectation(timedelta(minutes=10), every=timedelta(days=1))
    heard_at, began_at = at("2026-03-02 02:00"), at("2026-03-03 01:00")
    assert when_late(daily, heard_at, started_at=began_at).late_at == at("2026-03-03 01:10")
    gap = Away(at("2026-03-03 01:05"), at("2026-03-03 01:30"))
    assert when_late(daily, heard_at, [gap], started_at=began_at).late_at == at("2026-03-03 01:40")


@pytest.mark.parametrize(
    "wrong",
    [
        {"grace": timedelta(0), "every": timedelta(hours=1)},
        {"grace": timedelta(minutes=1)},
        {"grace": timedelta(minutes=1), "every": timedelta(seconds=1)},
        {"grace": timedelta(minutes=1), "every": timedelta(hours=1), "cron": "0 0 * * *"},
        {"grace": timedelta(minutes=1), "cron": "0 0 * * *", "zone": "Nowhere/Land"},
        {"grace": timedelta(minutes=1), "cron": "0 0 * * *", "zone": "../etc/passwd"},
    ],
)
def test_what_cannot_be_expected_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadSchedule):
        Expectation(**wrong)  # type: ignore[arg-type]
