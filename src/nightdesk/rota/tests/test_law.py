"""What the law says to somebody's duties: each rule from both sides, on both nights of the clocks, in several zones."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.rota.law import (
    EU,
    GB,
    PACKS,
    Away,
    Cannot,
    Finding,
    Limit,
    Rule,
    Severity,
    Span,
    Worker,
    check,
    doubts,
    earliest_start,
    new_findings,
    night_minutes,
    nights_of,
    week_averages,
)

LONDON = "Europe/London"
HOUR = timedelta(hours=1)
ANN = Worker(LONDON, known_since=date(2025, 1, 1))
quick = settings(deadline=None, max_examples=60, database=None)


def local(text: str, zone: str = LONDON) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def duty(start: str, end: str, zone: str = LONDON, **more: object) -> Span:
    return Span(local(start, zone), local(end, zone), **more)  # type: ignore[arg-type]


def call(start: str, end: str) -> Span:
    return Span(local(start), local(end), planned=False)


def of(rule: Rule, worker: Worker, *spans: Span) -> list[Finding]:
    """What this rule finds about all of the spans."""
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    return [finding for finding in check(worker, spans, start, end) if finding.rule == rule]


def the(rule: Rule, worker: Worker, *spans: Span) -> Finding:
    (finding,) = of(rule, worker, *spans)
    return finding


def weeks_of(hours: int, count: int, first: date = date(2026, 1, 5)) -> list[Span]:
    """Monday to Friday, `hours` in all each week, from 08:00."""
    each = timedelta(hours=hours) / 5
    days = [first + timedelta(weeks=week, days=day) for week in range(count) for day in range(5)]
    starts = [datetime(day.year, day.month, day.day, 8, tzinfo=ZoneInfo(LONDON)).astimezone(UTC) for day in days]
    return [Span(start, start + each) for start in starts]


# --- Daily rest -------------------------------------------------------------------------------------------------------


def test_eleven_hours_between_two_duties_are_enough_and_a_minute_less_is_owed():
    assert not of(
        Rule.DAILY_REST, ANN, duty("2026-01-05T09:00", "2026-01-05T21:00"), duty("2026-01-06T08:00", "2026-01-06T16:00")
    )
    short = the(
        Rule.DAILY_REST, ANN, duty("2026-01-05T09:00", "2026-01-05T21:01"), duty("2026-01-06T08:00", "2026-01-06T16:00")
    )
    assert (short.severity, short.owed, short.is_so) == (Severity.OWED, timedelta(minutes=1), 659)
    assert short.owed_by == local("2026-01-20T08:00")


def test_the_rest_starts_again_after_a_call_and_the_next_duty_shows_what_is_short():
    day, night = duty("2026-01-05T09:00", "2026-01-05T17:00"), call("2026-01-06T02:10", "2026-01-06T03:40")
    short = the(Rule.DAILY_REST, ANN, day, night, duty("2026-01-06T09:00", "2026-01-06T17:00", key="day"))
    assert (short.owed, short.key) == (timedelta(hours=5, minutes=40), "day")
    assert earliest_start(night.end, GB) == local("2026-01-06T14:40")
    assert not of(Rule.DAILY_REST, ANN, day, night, duty("2026-01-06T14:40", "2026-01-06T22:00"))


def test_a_break_within_thirteen_hours_is_no_daily_rest_and_needs_none():
    assert not of(
        Rule.DAILY_REST, ANN, duty("2026-01-05T08:00", "2026-01-05T12:00"), duty("2026-01-05T17:00", "2026-01-05T21:00")
    )
    assert the(
        Rule.DAILY_REST, ANN, duty("2026-01-05T08:00", "2026-01-05T12:00"), duty("2026-01-05T17:00", "2026-01-05T21:30")
    ).owed == timedelta(hours=6)


def test_a_whole_day_of_duty_leaves_no_rest_within_its_24_hours():
    assert the(Rule.DAILY_REST, ANN, duty("2026-01-05T09:00", "2026-01-06T09:00")).owed == 11 * HOUR


def test_standby_breaks_no_rest_and_a_call_in_it_does():
    day, after = duty("2026-01-05T09:00", "2026-01-05T17:00"), duty("2026-01-06T09:00", "2026-01-06T17:00")
    standby = duty("2026-01-05T17:00", "2026-01-06T09:00", counts=False)
    assert not of(Rule.DAILY_REST, ANN, day, standby, after)
    assert the(
        Rule.DAILY_REST, ANN, day, standby, call("2026-01-06T05:00", "2026-01-06T05:30"), after
    ).owed == timedelta(hours=7, minutes=30)


@pytest.mark.parametrize(
    ("zone", "forward", "back", "jump"),
    [
        ("Europe/London", "2026-03-29", "2026-10-25", 60),
        ("America/Chicago", "2026-03-08", "2026-11-01", 60),
        ("Australia/Sydney", "2026-10-04", "2026-04-05", 60),
        ("Australia/Lord_Howe", "2026-10-04", "2026-04-05", 30),
    ],
)
def test_the_nights_on_which_clocks_change_are_reckoned_as_long_as_they_are(zone, forward, back, jump):
    worker = replace(ANN, zone=zone)

    def rested(day: str, evening: str) -> list[Finding]:
        before = date.fromisoformat(day) - timedelta(days=1)
        return of(
            Rule.DAILY_REST,
            worker,
            duty(f"{before}T10:00", f"{before}T{evening}", zone),
            duty(f"{day}T08:00", f"{day}T16:00", zone),
        )

    (short,) = rested(forward, "21:00")  # 11 hours on the wall
    assert short.owed == timedelta(minutes=jump)
    assert not rested(back, "21:00")
    late = f"{21 + jump // 60}:{jump % 60:02}"
    assert not rested(back, late)  # less than 11 hours on the wall, and 11 hours all the same
    assert rested(forward, late)


# --- Weekly rest ------------------------------------------------------------------------------------------------------


def every_day(first: date, count: int, opens: int = 9, hours: int = 8) -> list[Span]:
    starts = [
        datetime(day.year, day.month, day.day, opens, tzinfo=ZoneInfo(LONDON))
        for day in (first + timedelta(days=number) for number in range(count))
    ]
    return [Span(start, start + hours * HOUR) for start in starts]


def test_a_fortnight_without_a_day_off_owes_two_weekly_rests_but_for_what_there_was():
    first = date(2026, 1, 5)  # a fortnight begins
    short = the(Rule.WEEKLY_REST, ANN, *every_day(first, 14))
    assert short.owed == 2 * (35 - 16) * HOUR
    assert short.owed_by == local("2026-02-02T00:00")


def test_one_long_rest_or_two_short_ones_keep_the_rule():
    days = every_day(date(2026, 1, 5), 14)
    assert not of(Rule.WEEKLY_REST, ANN, *days[:5], *days[7:])  # 64 hours once
    assert not of(Rule.WEEKLY_REST, ANN, *days[:4], *days[5:9], *days[10:])  # 40 hours twice
    assert of(Rule.WEEKLY_REST, ANN, *days[:4], *days[5:])  # 40 hours once


# --- 48 hours ---------------------------------------------------------------------------------------------------------


def averages(worker: Worker, spans: list[Span], last: date) -> float:
    (found,) = week_averages(worker, spans, last, last)
    assert found.hours is not None
    return round(found.hours, 2)


def test_seventeen_weeks_of_48_hours_are_allowed_and_of_49_are_not():
    assert averages(ANN, weeks_of(48, 17), date(2026, 5, 3)) == 48
    assert not of(Rule.WEEK_AVERAGE, ANN, *weeks_of(48, 17))
    over = the(Rule.WEEK_AVERAGE, ANN, *weeks_of(49, 17))
    assert (over.severity, over.is_so, over.should_be) == (Severity.BLOCK, 49 * 60, 48 * 60)
    assert over.source == "SI 1998/1833, regulations 4 and 5"


def test_leave_does_not_thin_the_average_since_days_after_it_stand_for_it():
    on_leave = Away(local("2026-02-02T00:00"), local("2026-02-16T00:00"))
    worked = [span for span in weeks_of(50, 19) if not on_leave.start <= span.start < on_leave.end]
    assert averages(replace(ANN, away=(on_leave,)), worked, date(2026, 5, 3)) == 50
    assert averages(ANN, worked, date(2026, 5, 3)) < 48
    no_leave = replace(on_leave, excluded=False)
    assert averages(replace(ANN, away=(no_leave,)), worked, date(2026, 5, 3)) < 48


def test_days_after_the_period_that_nobody_knows_yet_are_taken_to_be_like_those_in_it():
    on_leave = Away(local("2026-02-02T00:00"), local("2026-02-16T00:00"))
    worked = [span for span in weeks_of(50, 17) if not on_leave.start <= span.start < on_leave.end]
    assert averages(replace(ANN, away=(on_leave,)), worked, date(2026, 5, 3)) == 50


def test_without_history_the_average_is_unknown_and_never_fine():
    unknown = the(Rule.WEEK_AVERAGE, replace(ANN, known_since=date(2026, 4, 6)), *weeks_of(30, 17)[-5:])
    assert (unknown.severity, unknown.what) == (Severity.UNKNOWN, "3/17")
    assert the(Rule.WEEK_AVERAGE, replace(ANN, known_since=None), *weeks_of(30, 2)).severity == Severity.UNKNOWN


def test_hours_that_are_known_to_be_too_many_block_though_others_are_unknown():
    spans = weeks_of(70, 12)
    assert the(Rule.WEEK_AVERAGE, replace(ANN, known_since=None), *spans).severity == Severity.BLOCK


def test_a_new_starter_is_averaged_from_their_first_day():
    starter = replace(ANN, known_since=date(2026, 1, 5), employed_on=date(2026, 1, 5))
    assert averages(starter, weeks_of(45, 4), date(2026, 2, 1)) == 45
    assert the(Rule.WEEK_AVERAGE, starter, *weeks_of(50, 2)).severity == Severity.BLOCK


def test_a_written_opt_out_lifts_the_limit_while_it_holds_and_only_where_the_pack_has_one():
    out = replace(ANN, opted_out=(date(2025, 1, 1), None))
    assert not of(Rule.WEEK_AVERAGE, out, *weeks_of(60, 17))
    assert of(Rule.WEEK_AVERAGE, replace(out, pack=EU), *weeks_of(60, 17))
    assert of(Rule.WEEK_AVERAGE, replace(out, opted_out=(date(2025, 1, 1), date(2026, 3, 1))), *weeks_of(60, 17))


def test_an_opt_out_that_ends_soon_is_said():
    ends = replace(ANN, opted_out=(date(2025, 1, 1), date(2026, 1, 20)))
    assert the(Rule.OPT_OUT_ENDS, ends, *weeks_of(40, 1)).severity == Severity.WARN
    assert not of(Rule.OPT_OUT_ENDS, replace(ends, opted_out=(date(2025, 1, 1), None)), *weeks_of(40, 1))


def test_an_agreement_averages_over_more_weeks():
    spans = [*weeks_of(30, 9), *weeks_of(56, 17, date(2026, 3, 9))]
    assert averages(replace(ANN, reference_weeks=26), spans, date(2026, 7, 5)) == 47
    assert of(Rule.WEEK_AVERAGE, ANN, *spans)
    assert not of(Rule.WEEK_AVERAGE, replace(ANN, reference_weeks=26), *spans)


def test_the_hours_of_the_contract_count_where_no_duty_stands_for_them():
    office = replace(ANN, weekly_hours=40, known_since=date(2026, 1, 5), employed_on=date(2026, 1, 5))
    nights = [call(f"2026-01-{day:02}T20:00", f"2026-01-{day:02}T22:00") for day in (5, 6, 7, 8, 9)]
    standby = [duty("2026-01-05T18:00", "2026-01-12T08:00", counts=False)]
    assert averages(office, [*nights, *standby], date(2026, 1, 11)) == 50
    assert averages(office, weeks_of(48, 1), date(2026, 1, 11)) == 48


def test_a_duty_of_which_nobody_said_how_it_counts_blocks_nothing_by_its_hours():
    spans = [replace(span, said=False) for span in weeks_of(60, 17)]
    assert the(Rule.WEEK_AVERAGE, ANN, *spans).severity == Severity.UNKNOWN


# --- Nights -----------------------------------------------------------------------------------------------------------


def nights(first: date, count: int, hours: int = 10) -> list[Span]:
    return every_day(first, count, opens=21, hours=hours)


def test_a_night_worker_keeps_to_eight_hours_a_day_that_is_no_weekly_rest():
    weeks = [date(2026, 1, 5) + timedelta(weeks=week) for week in range(17)]
    five_of_nine = [span for week in weeks for span in nights(week, 5, 9)]  # 45 h a week: 7.5 h
    assert not of(Rule.NIGHT_AVERAGE, ANN, *five_of_nine)
    five_of_ten = [span for week in weeks for span in nights(week, 5, 10)]  # 50 h a week: 8.33 h
    over = the(Rule.NIGHT_AVERAGE, ANN, *five_of_ten)
    assert (over.severity, over.is_so, over.should_be) == (Severity.BLOCK, 500, 480)
    assert not of(Rule.NIGHT_AVERAGE, replace(ANN, modified_nights=True), *five_of_ten)
    assert of(Rule.NIGHT_AVERAGE, replace(ANN, opted_out=(date(2025, 1, 1), None)), *five_of_ten)


def test_occasional_nights_make_no_night_worker():
    weeks = [date(2026, 1, 5) + timedelta(weeks=week) for week in range(17)]
    assert not of(Rule.ASSESSMENT, ANN, *[span for week in weeks[::4] for span in nights(week, 5)])
    assert of(Rule.ASSESSMENT, ANN, *[span for week in weeks[::2] for span in nights(week, 5)])


def test_a_night_worker_is_assessed_within_the_year():
    weeks = [date(2026, 1, 5) + timedelta(weeks=week) for week in range(17)]
    spans = [span for week in weeks for span in nights(week, 4, 8)]
    assert the(Rule.ASSESSMENT, replace(ANN, night_assessed_on=date(2025, 1, 1)), *spans).severity == Severity.WARN
    assert not of(Rule.ASSESSMENT, replace(ANN, night_assessed_on=date(2025, 12, 1)), *spans)


def test_a_night_is_counted_on_the_evening_on_which_it_began():
    assert nights_of(local("2026-01-06T00:30"), local("2026-01-06T04:00"), ANN) == [date(2026, 1, 5)]
    assert nights_of(local("2026-01-05T18:00"), local("2026-01-06T01:00"), ANN) == []  # two hours of it
    assert night_minutes(local("2026-10-24T18:00"), local("2026-10-25T08:00"), ANN) == 8 * 60
    assert night_minutes(local("2026-03-28T18:00"), local("2026-03-29T08:00"), ANN) == 6 * 60


def test_more_than_three_nights_running_are_warned_of():
    assert not of(Rule.NIGHTS_RUNNING, ANN, *nights(date(2026, 1, 5), 3, 8))
    warned = the(Rule.NIGHTS_RUNNING, ANN, *nights(date(2026, 1, 5), 4, 8))
    assert (warned.severity, warned.is_so, warned.should_be) == (Severity.WARN, 4, 3)


def test_after_nights_two_whole_nights_are_free():
    two = nights(date(2026, 1, 5), 2, 8)  # the last ends on the 7th at 05:00
    assert of(Rule.RECOVERY, ANN, *two, duty("2026-01-08T09:00", "2026-01-08T17:00"))
    assert not of(Rule.RECOVERY, ANN, *two, duty("2026-01-09T09:00", "2026-01-09T17:00"))


def test_a_duty_that_begins_earlier_the_next_day_turns_backward():
    late = duty("2026-01-05T14:00", "2026-01-05T19:00")
    assert of(Rule.BACKWARD, ANN, late, duty("2026-01-06T07:00", "2026-01-06T15:00"))
    assert not of(Rule.BACKWARD, ANN, late, duty("2026-01-06T13:00", "2026-01-06T21:00"))
    assert not of(
        Rule.BACKWARD, ANN, duty("2026-01-05T08:00", "2026-01-05T12:00"), duty("2026-01-05T17:00", "2026-01-05T21:00")
    )


def test_more_than_twelve_hours_are_warned_of():
    assert not of(Rule.LONG_DUTY, ANN, duty("2026-01-05T08:00", "2026-01-05T20:00"))
    assert of(Rule.LONG_DUTY, ANN, duty("2026-01-05T08:00", "2026-01-05T20:01"))


# --- What blocks ------------------------------------------------------------------------------------------------------


def test_two_duties_at_once_block_and_one_after_the_other_do_not():
    first = duty("2026-01-05T09:00", "2026-01-05T17:00", key="first")
    both = the(Rule.OVERLAP, ANN, first, duty("2026-01-05T16:00", "2026-01-05T18:00", key="second", counts=False))
    assert (both.severity, both.key, both.what) == (Severity.BLOCK, "first", "second")
    assert (both.start, both.end) == (local("2026-01-05T16:00"), local("2026-01-05T17:00"))
    assert not of(Rule.OVERLAP, ANN, first, duty("2026-01-05T17:00", "2026-01-05T18:00"))


def test_two_duties_of_two_rotas_at_once_are_only_warned_of_while_nobody_said_how_they_count():
    first = duty("2026-01-05T09:00", "2026-01-05T17:00", place="1", said=False)
    assert the(Rule.OVERLAP, ANN, first, replace(first, place="2")).severity == Severity.WARN
    assert the(Rule.OVERLAP, ANN, first, replace(first, key="other")).severity == Severity.BLOCK
    said = replace(first, said=True)
    assert the(Rule.OVERLAP, ANN, said, replace(said, place="2")).severity == Severity.BLOCK


def test_nobody_is_on_while_they_are_away_not_even_on_standby():
    worker = replace(ANN, away=(Away(local("2026-01-05T12:00"), local("2026-01-09T00:00"), excluded=False),))
    found = the(Rule.ABSENT, worker, duty("2026-01-05T09:00", "2026-01-05T17:00", counts=False))
    assert (found.severity, found.start) == (Severity.BLOCK, local("2026-01-05T12:00"))
    assert not of(Rule.ABSENT, worker, duty("2026-01-05T09:00", "2026-01-05T12:00"))


@pytest.mark.parametrize(
    ("cannot", "start", "end", "blocked"),
    [
        (Cannot.NO_NIGHTS, "2026-05-31T18:00", "2026-05-31T23:00", False),
        (Cannot.NO_NIGHTS, "2026-05-31T18:00", "2026-06-01T02:00", True),  # the night of 31 May
        (Cannot.NO_NIGHTS, "2026-06-01T18:00", "2026-06-02T02:00", False),  # the limit is over
        (Cannot.NO_NIGHTS, "2026-05-30T05:00", "2026-05-30T13:00", True),
        (Cannot.NO_WEEKENDS, "2026-05-29T18:00", "2026-05-30T00:00", False),
        (Cannot.NO_WEEKENDS, "2026-05-29T18:00", "2026-05-30T00:30", True),
        (Cannot.NO_DUTY, "2026-05-20T09:00", "2026-05-20T17:00", True),
        (Cannot.NO_SITE_VISITS, "2026-05-20T09:00", "2026-05-20T17:00", False),
    ],
)
def test_what_a_person_cannot_do_holds_up_to_its_last_day(cannot, start, end, blocked):
    worker = replace(ANN, limits=(Limit(cannot, date(2026, 5, 1), date(2026, 5, 31)),))
    found = of(Rule.RESTRICTED, worker, duty(start, end))
    assert bool(found) is blocked
    assert all(each.severity is Severity.BLOCK and each.what == cannot for each in found)


def test_nobody_has_more_nights_a_month_than_they_agreed_to():
    worker = replace(ANN, most_nights_a_month=2)
    assert not of(Rule.OWN_LIMIT, worker, *nights(date(2026, 1, 30), 4, 8))  # two in each month
    assert the(Rule.OWN_LIMIT, worker, *nights(date(2026, 1, 10), 3, 8)).severity == Severity.BLOCK


def test_a_skill_that_the_seat_must_have_blocks_who_knows_it_less_well():
    span = duty("2026-01-05T09:00", "2026-01-05T17:00", needs=(("ip", 2),))
    assert the(Rule.SKILL, replace(ANN, skills={"ip": 1}), span).severity == Severity.BLOCK
    assert of(Rule.SKILL, ANN, span)
    assert not of(Rule.SKILL, replace(ANN, skills={"ip": 2}), span)


def test_who_is_under_18_works_no_nights_and_no_long_days_or_weeks():
    young = replace(ANN, young_until=date(2026, 1, 19))
    assert the(Rule.YOUNG_NIGHT, young, duty("2026-01-05T18:00", "2026-01-05T22:30")).severity == Severity.BLOCK
    assert not of(Rule.YOUNG_NIGHT, young, duty("2026-01-19T18:00", "2026-01-19T22:30"))
    assert the(Rule.YOUNG_HOURS, young, duty("2026-01-05T08:00", "2026-01-05T16:30")).is_so == 510
    assert not of(Rule.YOUNG_HOURS, young, *weeks_of(40, 1))
    assert of(Rule.YOUNG_HOURS, young, *weeks_of(40, 1), duty("2026-01-10T09:00", "2026-01-10T11:00"))
    assert not of(Rule.WEEK_AVERAGE, young, *weeks_of(40, 2))  # they have no average
    twelve = [duty("2026-01-05T12:00", "2026-01-05T20:00"), duty("2026-01-06T07:30", "2026-01-06T15:00")]
    assert the(Rule.DAILY_REST, young, *twelve).owed == timedelta(minutes=30)


# --- The whole --------------------------------------------------------------------------------------------------------


def test_standby_with_a_short_answer_or_a_fixed_place_or_many_calls_may_be_working_time():
    ask = {"counts_all": False, "response_minutes": None, "fixed_place": False}
    assert doubts(**ask) == ()
    assert doubts(**ask | {"response_minutes": 8}) == ("response",)
    assert doubts(**ask | {"response_minutes": 15}) == ()
    assert doubts(**ask | {"fixed_place": True}) == ("place",)
    assert doubts(**ask, pages_a_duty=1.2, worked_a_night=61 * timedelta(minutes=1)) == ("pages", "work")
    assert doubts(counts_all=True, response_minutes=5, fixed_place=True) == ()


def test_a_change_is_held_against_what_it_made_worse_only():
    one = duty("2026-01-05T09:00", "2026-01-05T21:30")
    before = check(ANN, [one, duty("2026-01-06T08:00", "2026-01-06T16:00")], one.start, local("2026-01-07T00:00"))
    worse = check(ANN, [one, duty("2026-01-06T07:00", "2026-01-06T16:00")], one.start, local("2026-01-07T00:00"))
    assert {finding.rule for finding in before} >= {Rule.DAILY_REST, Rule.LONG_DUTY}
    assert not new_findings(before, before)
    assert {finding.rule for finding in new_findings(before, worse)} == {Rule.DAILY_REST}


def test_every_rule_of_law_says_where_it_stands_in_every_pack():
    for pack in PACKS.values():
        assert set(pack.sources) == {
            Rule.WEEK_AVERAGE,
            Rule.NIGHT_AVERAGE,
            Rule.ASSESSMENT,
            Rule.DAILY_REST,
            Rule.WEEKLY_REST,
            Rule.YOUNG_HOURS,
            Rule.YOUNG_NIGHT,
        }


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="the end later"):
        check(
            ANN, [Span(local("2026-01-05T09:00"), local("2026-01-05T09:00"))], local("2026-01-05"), local("2026-01-06")
        )
    with pytest.raises(ValueError, match="must not be before"):
        check(ANN, [], local("2026-01-06"), local("2026-01-05"))


ZONES = st.sampled_from([LONDON, "America/Chicago", "Australia/Lord_Howe", "Australia/Sydney"])
CHANGE = datetime(2026, 3, 28, tzinfo=UTC)


@st.composite
def lives(draw: st.DrawFn) -> list[Span]:
    """A few days around a change of the clocks, on a grid of half hours."""
    spans = []
    for _number in range(draw(st.integers(1, 7))):
        start = CHANGE + timedelta(minutes=30) * draw(st.integers(0, 48 * 8))
        end = start + timedelta(minutes=30) * draw(st.integers(1, 40))
        spans.append(Span(start, end, counts=draw(st.booleans()), planned=draw(st.booleans())))
    return spans


@quick
@given(lives(), ZONES)
def test_rest_owed_is_never_more_than_the_rest_and_never_for_time_that_was_free(spans, zone):
    found = check(replace(ANN, zone=zone), spans, CHANGE, CHANGE + timedelta(days=10))
    assert all(bool(finding.owed) == (finding.severity is Severity.OWED) for finding in found)
    assert all(finding.owed <= GB.daily_rest for finding in found if finding.rule is Rule.DAILY_REST)
    rested = [finding for finding in found if finding.rule is Rule.DAILY_REST]
    for finding in rested:
        assert finding.owed_by is not None
        assert finding.owed_by > finding.end
        if finding.is_so and finding.end - finding.start < GB.daily_rest:  # a gap: nothing was worked in it
            working = [span for span in spans if span.counts or not span.planned]
            assert not any(span.start < finding.end and span.end > finding.start for span in working)


@quick
@given(lives(), ZONES, st.integers(0, 9), st.integers(1, 9))
def test_what_is_found_of_a_part_is_found_of_the_whole(spans, zone, day, length):
    worker = replace(ANN, zone=zone)
    start = CHANGE + timedelta(days=day)
    rules = {Rule.OVERLAP, Rule.DAILY_REST, Rule.LONG_DUTY, Rule.WEEKLY_REST, Rule.RECOVERY, Rule.BACKWARD}
    whole = [each for each in check(worker, spans, CHANGE, CHANGE + timedelta(days=30)) if each.rule in rules]
    part = [each for each in check(worker, spans, start, start + timedelta(days=length)) if each.rule in rules]
    assert all(finding in whole for finding in part)


@quick
@given(lives(), ZONES)
def test_the_order_in_which_time_is_given_changes_nothing(spans, zone):
    worker = replace(ANN, zone=zone)
    window = (CHANGE, CHANGE + timedelta(days=30))
    assert check(worker, spans, *window) == check(worker, spans[::-1], *window)


@quick
@given(st.lists(st.integers(0, 12), min_size=17, max_size=40), st.integers(17, 52))
def test_the_average_is_never_known_from_less_history_than_its_weeks(hours, weeks):
    worker = replace(ANN, known_since=date(2026, 3, 2), reference_weeks=weeks)
    spans = [
        span
        for number, each in enumerate(hours)
        if each
        for span in every_day(date(2026, 3, 2) + timedelta(days=number), 1, hours=each)
    ]
    last = date(2026, 3, 2) + timedelta(days=len(hours))
    for average in week_averages(worker, spans, last, last):
        assert average.hours is None
        assert average.known_weeks < average.weeks
