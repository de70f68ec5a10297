from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.customers.hours import ROUND_THE_CLOCK, BankHolidays, SupportHours, parse_window
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Clock, ContractFacts, OutOfHours, Target, what_is_promised
from nightdesk.desk.clock import (
    COUNTS,
    PAUSES,
    UPDATE_EVERY,
    Because,
    ClockRules,
    Clocks,
    History,
    Missing,
    Move,
    Reading,
    Standing,
    Stretch,
    Telling,
    Warn,
    Which,
    clocks_at,
    to_tell,
)
from nightdesk.desk.decide import OPEN, PendingReason, State

modest = settings(max_examples=60, deadline=None)

P1, P2, P3, P4, P5 = Priority
CALLER, CHANGE, PROBLEM, SUPPLIER = PendingReason
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
OFFICE = ((parse_window("09:00-17:30"),),) * 5 + ((), ())


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# A small world: three days around a change of the clocks, told in minutes; and three days more in which things fall due.
WORLD = 3 * 1440
LATER = 3 * 1440
STARTS = {
    "Europe/London": [utc("2026-03-28"), utc("2026-10-24")],
    "Australia/Lord_Howe": [utc("2026-04-03"), utc("2026-10-02")],
    "America/Chicago": [utc("2026-03-07")],
    "Asia/Kathmandu": [utc("2026-10-24")],
}
WEEKS = [
    OFFICE,
    ROUND_THE_CLOCK,
    ((),) * 7,
    ((parse_window("22:00-06:00"),),) * 7,
    ((parse_window("00:00-12:00"), parse_window("12:00-24:00")),) * 7,
    ((parse_window("08:10-12:00"), parse_window("12:45-18:00")),) * 7,
    ((parse_window("01:30-02:15"), parse_window("23:00-24:00")),) * 7,
]


@lru_cache
def minutes_open(hours: SupportHours, start: datetime) -> list[bool]:
    """Minute by minute from `start`, by the letter of the rule and not by `hours`: open is when the latest that local
    clocks have read so far lies within a window."""
    zone = ZoneInfo(hours.zone)
    reading = datetime(1, 1, 1)  # noqa: DTZ001
    found = []
    for minute in range(-1440, WORLD + LATER):
        reading = max(reading, (start + minute * MINUTE).astimezone(zone).replace(tzinfo=None))
        found.append(
            any(
                datetime.combine(day, opens)
                <= reading
                < datetime.combine(day + timedelta(days=closes <= opens), closes)
                for day in (reading.date(), reading.date() - timedelta(days=1))
                for opens, closes in (() if day in hours.holidays else hours.week[day.weekday()])
            )
        )
    return found[1440:]


def minute_of(start: datetime, at: datetime) -> int:
    minutes = (at - start) / MINUTE
    assert minutes == int(minutes)
    return int(minutes)


class Counted:
    """A clock as somebody would count it who looks at the ticket once a minute."""

    def __init__(self, which, since, done, at, history, contracts, rules, start):
        self.which, self.history, self.contracts, self.rules, self.start = which, history, contracts, rules, start
        self.since, self.done = since, done
        self.end = at if done is None else done
        self.last = self.move_at(self.end)
        first = self.contract_at(since)
        self.target = None
        if first is not None and self.valid(first, since):
            targets = {
                Which.RESPOND: first.respond_targets,
                Which.FIX: first.fix_targets,
                Which.UPDATE: rules.update_every,
            }
            self.target = targets[which].get(self.last.priority)
        if self.target is None:
            return
        self.elapsed = sum(self.counts(minute) for minute in range(since, self.end))
        self.rests = done is None and self.resting(self.last)
        self.due = self.first_minute_with(self.target.duration / MINUTE)
        self.warn = self.first_minute_with(rules.warn.after(self.target.duration) / MINUTE)

    def first_minute_with(self, duration):
        passed = 0
        for minute in range(self.since, WORLD + LATER):
            if passed >= duration:
                return minute
            if minute >= self.end and self.rests:
                return None
            passed += self.counts(minute)
        return "later"

    def instant(self, minute):
        return self.start + minute * MINUTE

    def move_at(self, minute):
        return [move for move in self.history.moves if move.at <= self.instant(minute)][-1]

    def contract_at(self, minute):
        begun = [one for one in self.contracts if one.valid_from is None or one.valid_from <= self.instant(minute)]
        return begun[-1] if begun else None

    def valid(self, contract, minute):
        return contract.valid_until is None or self.instant(minute) < contract.valid_until

    def resting(self, move):
        return move.state not in OPEN or (
            move.state == State.PENDING and move.pending_reason in self.rules.pauses.get(self.which, ())
        )

    def counts(self, minute):
        if minute < self.end and self.resting(self.move_at(minute)):
            return False
        contract = self.contract_at(minute)
        wakes = self.last.priority in contract.may_wake and self.last.work_type not in contract.not_at_night
        return self.target.clock is Clock.EVERY_MINUTE or wakes or minutes_open(contract.hours, self.start)[minute]


def counted_clocks(history, contracts, rules, at, start):
    """The three clocks by counting minutes; None where none runs."""
    end = minute_of(start, at)
    moves = [(minute_of(start, move.at), move) for move in history.moves if move.at <= at]
    replies = sorted(minute_of(start, reply) for reply in history.replies if reply <= at)
    words = replies + [minute_of(start, word) for word in history.updates if word <= at]

    def count(which, since, done):
        counted = Counted(which, since, done, end, history, contracts, rules, start)
        return None if counted.target is None else counted

    asked, before = None, None
    for minute, move in moves:
        if move.asked and (before is None or before.state not in OPEN):
            asked = minute
        before = move
    respond = None
    if asked is not None:
        respond = count(Which.RESPOND, asked, next((reply for reply in replies if reply >= asked), None))
    update = None
    if respond is None or respond.done is not None:
        update = count(Which.UPDATE, max([moves[0][0], *words]), None)
    solved = None
    for minute, move in moves:
        if move.state not in (State.RESOLVED, State.CLOSED):
            solved = None
        elif solved is None:
            solved = minute
    return respond, update, count(Which.FIX, moves[0][0], solved)


priorities = st.sampled_from(Priority)
minutes_in = st.integers(0, WORLD - 1)
durations = st.sampled_from([1, 7, 30, 60, 61, 240, 600, 1500]).map(lambda minutes: minutes * MINUTE)
targets = st.builds(Target, durations, st.sampled_from(Clock))


@st.composite
def promised(draw, zone, hours=None, **fixed):
    return ContractFacts(
        **{
            "hours": hours
            or SupportHours(
                zone,
                draw(st.sampled_from(WEEKS)),
                holidays=draw(st.sampled_from([frozenset(), frozenset({date(2026, 3, 30), date(2026, 10, 26)})])),
            ),
            "out_of_hours": OutOfHours.FULL,
            "may_wake": draw(st.frozensets(st.sampled_from([P1, P2, P3, P4]))),
            "respond_targets": draw(st.dictionaries(priorities, targets, min_size=3)),
            "fix_targets": draw(st.dictionaries(priorities, targets, min_size=3)),
            "not_at_night": frozenset({"install"}),
        }
        | fixed
    )


@st.composite
def moves_in(draw, start, states=tuple(State)):
    minutes = sorted(draw(st.lists(minutes_in, min_size=1, max_size=6)))
    found = []
    for minute in minutes:
        state = draw(st.sampled_from(states))
        found.append(
            Move(
                at=start + minute * MINUTE,
                state=state if found else State.NEW,
                priority=draw(priorities),
                pending_reason=draw(st.sampled_from(PendingReason)) if found and state is State.PENDING else None,
                work_type=draw(st.sampled_from([None, "install"])),
                asked=draw(st.booleans()),
            )
        )
    return tuple(found)


@st.composite
def worlds(draw, hours=None, **fixed):
    """A history, the contracts of its customer, the rules, and the start of the world."""
    zone = draw(st.sampled_from(sorted(STARTS)))
    start = draw(st.sampled_from(STARTS[zone]))
    if hours is not None:
        hours = replace(hours, zone=zone)
    words = st.lists(minutes_in.map(lambda minute: start + minute * MINUTE), max_size=2).map(tuple)
    history = History(draw(moves_in(start)), replies=draw(words), updates=draw(words))
    contracts = [draw(promised(zone, hours, **fixed))]
    if draw(st.booleans()):
        ends, begins = sorted(draw(st.tuples(minutes_in, minutes_in)))
        contracts = [
            replace(contracts[0], valid_until=start + (ends + 1) * MINUTE),
            draw(promised(zone, hours, **fixed, valid_from=start + (begins + 1) * MINUTE)),
        ]
    pauses = draw(
        st.sampled_from([PAUSES, {}, {Which.FIX: frozenset(PendingReason), Which.RESPOND: frozenset({CALLER})}])
    )
    return history, contracts, ClockRules(pauses=pauses), start


def instant(history, start, part):
    """An instant of the world, not before the opening."""
    return max(start + part * MINUTE, history.moves[0].at)


@settings(max_examples=300, deadline=None)
@given(worlds(), minutes_in)
def test_adding_up_equals_counting_minutes(world, part):
    history, contracts, rules, start = world
    at = instant(history, start, part)
    clocks = clocks_at(history, contracts, at, rules)
    for reading, counted in zip(clocks, counted_clocks(history, contracts, rules, at, start), strict=True):
        assert (reading.target is None) == (counted is None)
        if counted is None:
            continue
        assert reading.target == counted.target
        assert reading.since == counted.instant(counted.since)
        assert reading.done_at == (None if counted.done is None else counted.instant(counted.done))
        assert reading.elapsed == counted.elapsed * MINUTE
        assert (reading.rests is not None) == counted.rests
        assert_same(reading.due_at, counted.due, start)
        if reading.due_at is not None or counted.due is None:
            assert_same(reading.warn_at, counted.warn, start)


def assert_same(found, minute, start):
    """The instant is the minute that was counted; a warning may fall within one, which the count sees at the next."""
    if minute is None:
        assert found is None
    elif minute == "later":
        assert found is None or found > start + (WORLD + LATER - 2) * MINUTE
    else:
        assert found is not None
        assert start + (minute - 1) * MINUTE < found <= start + minute * MINUTE


@modest
@given(worlds(), minutes_in)
def test_the_stretches_touch_and_add_up_to_what_has_passed_and_what_is_left(world, part):
    history, contracts, rules, start = world
    at = instant(history, start, part)
    for reading in clocks_at(history, contracts, at, rules):
        told = [*reading.counted, *reading.ahead]
        assert all(one.start < one.end for one in told)
        assert all(one.end == following.start for one, following in pairwise(told))
        assert all(one.because is not following.because for one, following in pairwise(reading.counted))
        assert sum((one.counted for one in reading.counted), timedelta()) == reading.elapsed
        if reading.target is None:
            assert not told
            continue
        end = reading.done_at or at
        assert (
            (reading.counted[0].start, reading.counted[-1].end) == (reading.since, end)
            if reading.counted
            else (reading.since == end)
        )
        if reading.ahead:
            assert (reading.ahead[0].start, reading.ahead[-1].end) == (end, reading.due_at)
            assert sum((one.counted for one in reading.ahead), timedelta()) == reading.remaining


@modest
@given(worlds(), minutes_in)
def test_a_clock_that_is_left_alone_has_used_up_its_target_exactly_when_it_is_due(world, part):
    history, contracts, rules, start = world
    at = instant(history, start, part)
    history = replace(history, moves=tuple(move for move in history.moves if move.at <= at))
    history = replace(
        history,
        replies=tuple(word for word in history.replies if word <= at),
        updates=tuple(word for word in history.updates if word <= at),
    )
    for reading in clocks_at(history, contracts, at, rules):
        if not reading.ahead or reading.done_at is not None:
            continue
        then = getattr(clocks_at(history, contracts, reading.due_at, rules), reading.which)
        assert then.elapsed == reading.target.duration
        assert then.standing is Standing.BREACHED
        assert then.due_at == then.breached_at == reading.due_at
        before = getattr(clocks_at(history, contracts, max(reading.due_at - MINUTE, at), rules), reading.which)
        assert before.elapsed < reading.target.duration
        assert before.standing is Standing.RUNNING
        assert (before.due_at, before.warn_at) == (reading.due_at, reading.warn_at)


@modest
@given(worlds(), minutes_in, minutes_in)
def test_while_nothing_happens_a_deadline_does_not_move_and_time_does_not_run_back(world, one, another):
    history, contracts, rules, start = world
    first, second = (instant(history, start, part) for part in sorted((one, another)))
    happened = [move.at for move in history.moves] + [*history.replies, *history.updates]
    if any(first < at <= second for at in happened):
        second = first + (min(at for at in happened if at > first) - first) / 2
    for sooner, later in zip(*(clocks_at(history, contracts, at, rules) for at in (first, second)), strict=True):
        assert (sooner.which, sooner.since, sooner.target) == (later.which, later.since, later.target)
        assert sooner.elapsed <= later.elapsed <= sooner.elapsed + (second - first)
        assert sooner.due_at == later.due_at
        assert sooner.warn_at == later.warn_at


@modest
@given(worlds(), minutes_in, minutes_in)
def test_what_happens_later_does_not_change_what_was(world, part, more):
    history, contracts, rules, start = world
    at = instant(history, start, part)
    later = at + (more + 1) * MINUTE
    more_moves = (*[move for move in history.moves if move.at <= at], Move(later, State.CANCELLED, P5, asked=True))
    so_far = History(
        more_moves,
        replies=(*[word for word in history.replies if word <= at], later),
        updates=(*[word for word in history.updates if word <= at], later),
    )
    assert clocks_at(so_far, contracts, at, rules) == clocks_at(history, contracts, at, rules)


@modest
@given(worlds(), minutes_in, st.tuples(minutes_in, minutes_in).map(sorted))
def test_a_pause_never_brings_a_deadline_forward(world, part, pause):
    history, contracts, rules, start = world
    rules = replace(rules, pauses=PAUSES)
    at = instant(history, start, part)
    opening = history.moves[0]
    begins, ends = (max(start + minute * MINUTE, opening.at) for minute in pause)
    waits = (
        Move(begins, State.PENDING, opening.priority, CALLER, opening.work_type),
        Move(ends, State.IN_PROGRESS, opening.priority, None, opening.work_type),
    )
    without = History((opening,), replies=history.replies, updates=history.updates)
    with_pause = replace(without, moves=(opening, *waits))
    for plain, paused in zip(*(clocks_at(one, contracts, at, rules) for one in (without, with_pause)), strict=True):
        assert paused.elapsed <= plain.elapsed
        if paused.due_at is not None and plain.due_at is not None:
            assert paused.due_at >= plain.due_at
        if plain.which is Which.RESPOND:
            assert (paused.due_at, paused.elapsed) == (plain.due_at, plain.elapsed)


@modest
@given(
    worlds(SupportHours("UTC", ROUND_THE_CLOCK)) | worlds(SupportHours("UTC", WEEKS[4])), minutes_in, st.integers(0, 59)
)
def test_round_the_clock_loses_no_minute(world, part, seconds):
    history, contracts, rules, start = world
    at = instant(history, start, part) + timedelta(seconds=seconds)
    for reading in clocks_at(history, contracts, at, rules):
        if reading.target is None:
            continue
        rested = [one for one in reading.counted if one.because not in COUNTS]
        assert Because.CLOSED not in {one.because for one in rested}
        passed = (reading.done_at or at) - reading.since
        assert reading.elapsed == passed - sum((one.end - one.start for one in rested), timedelta())
        if not rested and reading.due_at is not None:
            assert reading.due_at == reading.since + reading.target.duration


@modest
@given(worlds())
def test_what_has_just_come_in_is_due_when_the_customer_was_told_that_it_would_be(world):
    history, contracts, rules, _ = world
    opening = replace(history.moves[0], asked=True)
    contract = replace(contracts[0], valid_until=None)
    told = what_is_promised(contract, opening.priority, opening.at, opening.work_type)
    clocks = clocks_at(History((opening,)), [contract], opening.at, rules)
    assert (clocks.respond.due_at, clocks.fix.due_at) == (told.respond_by, told.fix_by)


@modest
@given(worlds(), minutes_in)
def test_a_warning_comes_before_the_breach_and_never_while_nobody_is_there(world, part):
    history, contracts, rules, start = world
    at = instant(history, start, part)
    for reading in clocks_at(history, contracts, at, rules):
        if reading.warn_at is None or reading.due_at is None:
            continue
        assert reading.since < reading.warn_at < reading.due_at
        around = [one for one in (*reading.counted, *reading.ahead) if one.start < reading.warn_at <= one.end]
        assert [one.because in COUNTS for one in around] == [True]


@modest
@given(worlds(), minutes_in, priorities)
def test_a_priority_that_is_put_right_is_due_as_if_it_had_been_right_at_once(world, part, priority):
    history, contracts, rules, start = world
    at = instant(history, start, part)
    opening = history.moves[0]
    corrected = History((opening, replace(opening, at=at, priority=priority)))
    at_once = History((replace(opening, priority=priority),))
    for late, right in zip(*(clocks_at(one, contracts, at, rules) for one in (corrected, at_once)), strict=True):
        assert (late.due_at, late.elapsed, late.counted) == (right.due_at, right.elapsed, right.counted)
        if late.breached_at is not None and priority != opening.priority:
            assert late.breached_at >= at


@modest
@given(worlds(), minutes_in)
def test_a_word_that_goes_out_the_moment_it_would_be_warned_of_needs_no_warning(world, part):
    history, contracts, rules, start = world
    now = instant(history, start, part)
    history = replace(history, moves=tuple(move for move in history.moves if move.at <= now))
    for event in to_tell(history, contracts, now, (), rules):
        if event.which is Which.UPDATE and event.telling is Telling.WARNING and event.due_at > now:
            spoken = replace(history, updates=(*history.updates, event.due_at))
            assert event not in to_tell(spoken, contracts, now, (), rules)


@modest
@given(worlds(), minutes_in)
def test_whoever_follows_what_is_to_be_told_misses_no_breach_and_tells_none_twice(world, part):
    """A worker that wakes only when it was told to, against somebody who looks every hour."""
    history, contracts, rules, start = world
    now = instant(history, start, part)
    history = replace(history, moves=tuple(move for move in history.moves if move.at <= now))
    told, began = {}, now
    end = start + WORLD * MINUTE
    while (events := to_tell(history, contracts, now, told, rules)) and events[0].due_at <= end:
        event = events[0]
        now = max(now, event.due_at)
        reading = getattr(clocks_at(history, contracts, now, rules), event.which)
        if event.telling is Telling.BREACH:
            assert reading.standing is Standing.BREACHED
        else:
            assert reading.warn_at <= now
            assert reading.standing is not Standing.BREACHED
        assert reading.is_owed
        told[event.key] = now
    for hour in range(0, WORLD, 60):
        at = start + hour * MINUTE
        if at < began:
            continue
        for reading in clocks_at(history, contracts, at, rules):
            if reading.is_owed and reading.breached_at is not None:
                known = [moment for key, moment in told.items() if key.startswith(f"breach:{reading.which}")]
                assert any(began <= moment <= at for moment in known)


# --- What the rules say, one by one


FRIDAY = utc("2026-11-20T16:30")


def contract(**facts) -> ContractFacts:
    return ContractFacts(
        **{
            "hours": SupportHours("Europe/London", OFFICE, BankHolidays("GB", "ENG")),
            "out_of_hours": OutOfHours.NOTHING,
            "respond_targets": {P1: Target(HOUR / 2), P3: Target(2 * HOUR)},
            "fix_targets": {P1: Target(4 * HOUR), P3: Target(8 * HOUR)},
        }
        | facts
    )


def opened(at=FRIDAY, priority=P3, **more) -> Move:
    return Move(at, State.NEW, priority, **{"asked": True} | more)


def read(at, *moves, replies=(), updates=(), contracts=None, rules=None) -> Clocks:
    return clocks_at(History(moves, tuple(replies), tuple(updates)), contracts or [contract()], at, rules)


def told(reading: Reading) -> list[tuple[str, str]]:
    return [
        (f"{one.start:%a %H:%M}-{one.end:%a %H:%M}", str(one.because)) for one in (*reading.counted, *reading.ahead)
    ]


def test_why_is_this_due_on_monday_morning():
    respond, update, fix = read(FRIDAY + HOUR / 2, opened())
    assert respond.due_at == utc("2026-11-23T10:00")
    assert told(respond) == [
        ("Fri 16:30-Fri 17:00", "open"),
        ("Fri 17:00-Fri 17:30", "open"),
        ("Fri 17:30-Mon 09:00", "closed"),
        ("Mon 09:00-Mon 10:00", "open"),
    ]
    assert respond.remaining == timedelta(hours=1, minutes=30)
    assert update.missing is Missing.ANSWER_FIRST
    assert fix.due_at == utc("2026-11-23T16:00")


def test_only_a_persons_words_answer_and_they_start_the_wait_for_the_next():
    at = utc("2026-11-23T09:30")
    clocks = read(at, opened(), replies=[utc("2026-11-23T09:15")], updates=[utc("2026-11-20T16:31")])
    assert clocks.respond.standing is Standing.MET
    assert clocks.respond.done_at == clocks.update.since == utc("2026-11-23T09:15")
    assert clocks.update.due_at == utc("2026-11-23T17:15")
    unanswered = read(at, opened(), updates=[utc("2026-11-20T16:31")])
    assert unanswered.respond.standing is Standing.RUNNING


def test_what_we_opened_ourselves_owes_no_answer_but_news_from_the_start():
    respond, update, fix = read(FRIDAY, opened(asked=False))
    assert (respond.standing, respond.missing) == (Standing.NONE, Missing.NOT_ASKED)
    assert update.due_at == fix.due_at == utc("2026-11-23T16:00")


def test_nothing_is_owed_without_a_contract_that_is_valid_or_a_target_for_the_priority():
    for contracts in ([], [contract(valid_until=FRIDAY)], [contract(valid_from=FRIDAY + MINUTE)]):
        clocks = clocks_at(History((opened(),)), contracts, FRIDAY + HOUR)
        assert {reading.missing for reading in clocks} == {Missing.NO_CONTRACT}
        assert not any(reading.is_owed for reading in clocks)
    clocks = read(FRIDAY, opened(priority=P2))
    assert clocks.respond.missing is clocks.fix.missing is Missing.NO_TARGET
    assert clocks.update.due_at == utc("2026-11-23T12:00")
    assert read(FRIDAY, opened(priority=P5)).update.missing is Missing.NO_TARGET


def test_waiting_for_the_caller_rests_news_and_fix_and_not_the_answer():
    waits = Move(FRIDAY + HOUR / 2, State.PENDING, P3, CALLER)
    monday = utc("2026-11-23T09:30")
    clocks = read(monday, opened(), waits)
    assert clocks.respond.standing is Standing.RUNNING
    assert (clocks.fix.standing, clocks.fix.rests, clocks.fix.due_at) == (
        Standing.PAUSED,
        Because.AWAITING_CALLER,
        None,
    )
    assert clocks.fix.remaining == timedelta(hours=7, minutes=30)
    assert read(monday, opened(), waits, replies=[waits.at]).update.standing is Standing.PAUSED
    goes_on = Move(monday, State.IN_PROGRESS, P3)
    assert read(monday, opened(), waits, goes_on).fix.due_at == utc("2026-11-23T17:00")


@pytest.mark.parametrize("reason", [CHANGE, PROBLEM, SUPPLIER])
def test_waiting_for_what_is_ours_to_push_rests_nothing_unless_the_rules_say_so(reason):
    waits = Move(FRIDAY + HOUR / 2, State.PENDING, P3, reason)
    assert read(FRIDAY + HOUR, opened(), waits).fix.standing is Standing.RUNNING
    agreed = ClockRules(pauses={Which.FIX: frozenset({reason})})
    fix = read(FRIDAY + HOUR, opened(), waits, rules=agreed).fix
    assert (fix.standing, fix.rests) == (Standing.PAUSED, Because(reason))


def test_what_is_resolved_in_time_is_met_and_going_on_leaves_out_the_time_it_seemed_solved():
    solved = Move(utc("2026-11-23T10:00"), State.RESOLVED, P3)
    closed = Move(utc("2026-11-24T10:00"), State.CLOSED, P3)
    again = Move(utc("2026-11-24T12:00"), State.IN_PROGRESS, P3, asked=True)
    clocks = read(utc("2026-11-24T11:00"), opened(), solved, closed, replies=[solved.at])
    assert (clocks.fix.standing, clocks.fix.done_at, clocks.fix.elapsed) == (Standing.MET, solved.at, 2 * HOUR)
    assert clocks.fix.due_at == utc("2026-11-23T16:00")
    assert (clocks.update.standing, clocks.update.is_owed) == (Standing.STOPPED, False)
    clocks = read(again.at, opened(), solved, closed, again, replies=[solved.at])
    assert clocks.fix.elapsed == 2 * HOUR
    assert clocks.fix.due_at == utc("2026-11-25T09:30")
    assert Stretch(solved.at, again.at, Because.ENDED) in clocks.fix.counted
    assert (clocks.respond.since, clocks.respond.due_at) == (again.at, utc("2026-11-24T14:00"))


def test_what_our_own_people_open_again_asks_for_no_second_answer():
    solved, again = Move(FRIDAY + HOUR / 2, State.RESOLVED, P3), Move(FRIDAY + HOUR, State.IN_PROGRESS, P3)
    respond = read(again.at, opened(), solved, again, replies=[solved.at]).respond
    assert (respond.standing, respond.done_at) == (Standing.MET, solved.at)


def test_a_cancelled_ticket_owes_nothing_more():
    cancelled = Move(FRIDAY + HOUR / 2, State.CANCELLED, P3)
    clocks = read(utc("2026-11-30T12:00"), opened(), cancelled)
    assert clocks.respond.standing is clocks.fix.standing is Standing.STOPPED
    assert clocks.fix.due_at is None
    assert not clocks.fix.is_owed


def test_done_at_the_very_instant_is_in_time_and_a_moment_later_is_not():
    due_at = utc("2026-11-23T10:00")
    tick = timedelta(microseconds=1)
    in_time = read(due_at, opened(), replies=[due_at]).respond
    assert (in_time.standing, in_time.breached_at) == (Standing.MET, None)
    late = read(due_at + tick, opened(), replies=[due_at + tick]).respond
    assert (late.standing, late.breached_at, late.done_at) == (Standing.BREACHED, due_at, due_at + tick)
    assert not late.is_owed
    owed = read(due_at, opened()).respond
    assert (owed.standing, owed.breached_at, owed.is_owed) == (Standing.BREACHED, due_at, True)


def test_what_is_due_at_closing_time_is_late_in_the_evening_although_no_more_time_counts():
    due_at = utc("2026-11-20T17:30")
    respond = read(FRIDAY + 3 * HOUR, opened(FRIDAY - HOUR), replies=[FRIDAY + 2 * HOUR]).respond
    assert (respond.due_at, respond.breached_at, respond.standing) == (due_at, due_at, Standing.BREACHED)
    assert respond.remaining == timedelta()


def test_raising_the_priority_counts_from_the_beginning_and_breaks_nothing_before_it_was_raised():
    wakes = contract(may_wake=frozenset({P1}))
    monday = utc("2026-11-23T09:00")
    raised = Move(monday, State.ASSIGNED, P1)
    before = read(monday - MINUTE, opened(), contracts=[wakes])
    assert before.fix.standing is Standing.RUNNING
    fix = read(monday, opened(), raised, contracts=[wakes]).fix
    assert (fix.due_at, fix.breached_at) == (FRIDAY + 4 * HOUR, monday)
    assert told(fix) == [("Fri 16:30-Mon 09:00", "may_wake")]
    answered = read(monday, opened(), raised, contracts=[wakes], replies=[FRIDAY + HOUR / 2]).respond
    assert answered.standing is Standing.MET  # by what held when it was answered


def test_each_minute_is_counted_by_the_contract_in_force_in_it():
    night_too = SupportHours("Europe/London", ROUND_THE_CLOCK)
    saturday = utc("2026-11-21T00:00")
    contracts = [contract(valid_until=saturday), contract(hours=night_too, valid_from=saturday, fix_targets={})]
    fix = read(FRIDAY, opened(), contracts=contracts).fix
    assert told(fix) == [
        ("Fri 16:30-Fri 17:30", "open"),
        ("Fri 17:30-Sat 00:00", "closed"),
        ("Sat 00:00-Sat 07:00", "open"),
    ]


def test_the_nights_that_a_contract_counted_are_over_when_the_next_one_counts_none():
    contracts = [
        contract(may_wake=frozenset({P3}), valid_until=FRIDAY + 4 * HOUR),
        contract(valid_from=FRIDAY + 4 * HOUR),
    ]
    fix = read(FRIDAY, opened(), contracts=contracts).fix
    assert told(fix) == [
        ("Fri 16:30-Fri 20:30", "may_wake"),
        ("Fri 20:30-Mon 09:00", "closed"),
        ("Mon 09:00-Mon 13:00", "open"),
    ]


def test_a_contract_that_ended_is_still_owed_by_its_hours():
    fix = read(FRIDAY, opened(), contracts=[contract(valid_until=FRIDAY + HOUR)]).fix
    assert fix.due_at == utc("2026-11-23T16:00")


def test_hours_that_never_come_are_never_due():
    never = contract(hours=SupportHours("Europe/London", ((),) * 7))
    fix = read(FRIDAY + HOUR, opened(), contracts=[never]).fix
    assert (fix.standing, fix.due_at, fix.warn_at, fix.ahead) == (Standing.RUNNING, None, None, ())
    assert told(fix) == [("Fri 16:30-Fri 17:30", "closed")]


@pytest.mark.parametrize(
    ("opened_at", "due_at"),
    [
        ("2026-03-28T23:30", "2026-03-29T07:30"),  # a night of 23 hours: eight hours are eight hours
        ("2026-10-24T23:30", "2026-10-25T07:30"),
    ],
)
def test_round_the_clock_takes_no_notice_of_a_change_of_the_clocks(opened_at, due_at):
    staffed = contract(hours=SupportHours("Europe/London", ROUND_THE_CLOCK))
    assert read(utc(opened_at), opened(utc(opened_at)), contracts=[staffed]).fix.due_at == utc(due_at)


@pytest.mark.parametrize(
    ("minutes", "after"),
    [(4 * 60, 3 * 60), (30, 15), (40, 25), (20, 10), (60, 45), (2400, 1800)],
)
def test_a_warning_leaves_a_quarter_or_a_quarter_of_an_hour_but_never_more_than_half(minutes, after):
    assert Warn().after(minutes * MINUTE) == after * MINUTE


def test_a_warning_for_monday_morning_comes_on_friday_while_somebody_is_there():
    respond = read(FRIDAY, opened(FRIDAY - HOUR / 2, priority=P3)).respond
    assert (respond.due_at, respond.warn_at) == (utc("2026-11-23T09:00") + HOUR / 2, utc("2026-11-20T17:30"))


def test_the_more_pressing_it_is_the_more_often_the_customer_hears():
    told_every = [UPDATE_EVERY[priority].duration for priority in (P1, P2, P3, P4)]
    assert told_every == sorted(set(told_every))


def test_a_history_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="begins with the opening"):
        History(())
    with pytest.raises(ValueError, match="order"):
        History((opened(), opened(FRIDAY - HOUR)))
    with pytest.raises(ValueError, match="opened at"):
        read(FRIDAY - MINUTE, opened())
    with pytest.raises(ValueError, match="time zone"):
        read(FRIDAY.replace(tzinfo=None), opened())


def test_a_ticket_open_for_months_is_counted_in_milliseconds():
    """Not a figure, but a guard against going through it minute by minute."""
    months = utc("2026-11-20T12:00")
    asked = []
    hours = SupportHours("Europe/London", OFFICE, holidays=Asked(asked))
    fix = read(months, opened(utc("2026-05-20T12:00")), contracts=[contract(hours=hours)]).fix
    assert fix.elapsed == sum((one.counted for one in fix.counted), timedelta())
    assert 184 <= len(asked) < 1000


class Asked(frozenset):
    """No holidays, but notes for which days it is asked."""

    def __new__(cls, asked):
        found = super().__new__(cls)
        found.asked = asked
        return found

    def __contains__(self, day):
        self.asked.append(day)
        return False
