"""Who should hold each seat of a rota, at any instant: the one answer behind calendar, pager, phone, feed and report.

A layer's turns say whose time it is, its windows say when it has somebody at all. The highest layer that has somebody
gives the holder; the shifts of a published plan go before every layer, and overrides come on top.

Handovers are wall-clock times in the rota's zone. One that the clocks skip comes at the first instant after the gap,
one that they show twice comes the first time, and the next is back at its nominal time. Where clocks going forward
bring several handovers to one instant, those turns share the time up to the next handover equally: nobody loses a
turn and no turn is empty.

Every function here is pure. Instants taken must be aware, and dates and instants lie in the years 1900 to 2199
(ValueError otherwise); instants given are UTC. Every interval is half-open `[start, end)`. An answer depends neither on
the window asked for nor on "now", and its cost does not grow with the distance from the anchor.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

MemberKey: TypeAlias = Hashable
"""A person or a team; never None."""

LOOK_AHEAD = timedelta(days=3653)
"""How far `next_turns` and `next_change` search, about ten years."""

_YEARS = range(1900, 2200)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_MONDAY_TO_FRIDAY = frozenset(range(5))


class TurnKind(StrEnum):
    """What a turn is counted in.

    Hours, days, weeks and months are calendar periods: the turn passes at each of them, whether or not a window is
    in it. Working days pass it on the next day that counts, so a weekday filter eats nobody's turn; the last holder
    keeps it over the days between.
    """

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    WORKING_DAY = "working_day"


@dataclass(frozen=True, slots=True)
class Window:
    """Local hours in which a layer has somebody, opening on each of `weekdays` (Monday is 0).

    It closes on the next day when `closes` is not later than `opens`; when they are equal it is open for 24 hours
    of wall clock. Hours that the clocks skip altogether are no window on that day.
    """

    weekdays: frozenset[int]
    opens: time
    closes: time

    def __post_init__(self) -> None:
        _check_weekdays(self.weekdays)
        _check_local(self.opens)
        _check_local(self.closes)


@dataclass(frozen=True, slots=True)
class Layer:
    """Members who take turns of `every` times `turn`, in order and round again.

    `anchor` is the local date and time at which the first member's first turn starts; before it nobody holds. Its
    time is the handover time of every turn, and its day of the month that of monthly turns, clamped to the last day
    of a shorter month (31 January, 28 February, 31 March). Hours are counted on the wall clock.

    `restrict` lists the windows in which the layer has somebody; none means always. No window opens on a local date
    in `days_off`.

    `weekdays` without `days_off` are the days that count for working-day turns, and matter to no other kind. When the
    anchor is not on one, the first turn starts there all the same and includes the first day that counts.

    The layer has somebody from `starts_on` until `ends_on`, each at the handover time of that local date; None means
    from the anchor, and for ever. Neither moves anybody's turn.
    """

    members: tuple[MemberKey, ...]
    anchor: datetime
    turn: TurnKind
    every: int = 1
    restrict: tuple[Window, ...] = ()
    weekdays: frozenset[int] = _MONDAY_TO_FRIDAY
    days_off: frozenset[date] = frozenset()
    starts_on: date | None = None
    ends_on: date | None = None
    _hours: tuple[tuple[tuple[time, time], ...], ...] = field(init=False, repr=False, compare=False)
    _working_days: _WorkingDays = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if None in self.members:
            raise ValueError("A layer's member is None; leave the member out, or restrict the layer.")
        if not 1 <= self.every <= 1000:
            raise ValueError(f"A turn of {self.every} times {self.turn} was asked for; ask for 1 to 1000.")
        _check_local(self.anchor)
        _check_weekdays(self.weekdays)
        for day in (self.anchor, self.starts_on, self.ends_on):
            _check_year(day)
        hours = tuple(
            tuple(sorted((window.opens, window.closes) for window in self.restrict if weekday in window.weekdays))
            for weekday in range(7)
        )
        object.__setattr__(self, "_hours", hours)
        object.__setattr__(self, "_working_days", _WorkingDays(self.anchor.date(), self.weekdays, self.days_off))


@dataclass(frozen=True, slots=True)
class Shift:
    """A published plan puts `member` on over `[start, end)`."""

    start: datetime
    end: datetime
    member: MemberKey

    def __post_init__(self) -> None:
        if _utc(self.start) >= _utc(self.end):
            raise ValueError(f"A shift from {self.start} until {self.end} was asked for; let it end later.")
        if self.member is None:
            raise ValueError("A shift of nobody was asked for; leave it out.")


@dataclass(frozen=True, slots=True)
class Seat:
    """A place that holds at most one member at an instant.

    `shifts` are those of published plans, in any order; between them the layers say who is on. Layers stand lowest
    first. Raises ValueError when two shifts overlap.
    """

    key: str
    name: str
    layers: tuple[Layer, ...] = ()
    shifts: tuple[Shift, ...] = ()
    _published: _Published = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_published", _Published(self.shifts))


class OverrideKind(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Override:
    """A change to one seat over `[start, end)`: `member` comes on, `instead_of` goes off.

    Add has only `member`, remove only `instead_of`, replace both. What holds at an instant, of the overrides that
    are in force then (a higher `order` is later; equal orders rank as they stand in the rota):

    1. The latest add takes the seat, empty or not. Without one, whoever the layers give has it.
    2. Of the removals and replacements later than that, the latest that names this holder is done, and no other.

    So a later override wins; one that names somebody who is not on does nothing; and a removal or replacement never
    reaches the person whom a replacement put there (A by B and B by C at once: B in A's place, C in B's own). A
    removal leaves the seat empty: no lower layer steps in.
    """

    seat: str
    kind: OverrideKind
    start: datetime
    end: datetime
    order: int
    member: MemberKey | None = None
    instead_of: MemberKey | None = None

    def __post_init__(self) -> None:
        if _utc(self.start) >= _utc(self.end):
            raise ValueError(f"An override from {self.start} until {self.end} was asked for; let it end later.")
        if (self.member is None) != (self.kind is OverrideKind.REMOVE):
            raise ValueError("An add or a replacement says who comes on, and a removal does not.")
        if (self.instead_of is None) != (self.kind is OverrideKind.ADD):
            raise ValueError("A removal or a replacement says who goes off, and an add does not.")


@dataclass(frozen=True, slots=True)
class Rota:
    """Seats in one IANA zone, with the overrides on them.

    Raises ValueError when two seats have one key or an override names no seat, ZoneInfoNotFoundError for the zone.
    """

    zone: str
    seats: tuple[Seat, ...]
    overrides: tuple[Override, ...] = ()
    _in_force: dict[str, _InForce] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ZoneInfo(self.zone)
        keys = {seat.key for seat in self.seats}
        if len(keys) < len(self.seats):
            raise ValueError("Two seats of the rota have the same key; give each its own.")
        by_seat: dict[str, list[Override]] = {key: [] for key in keys}
        for override in sorted(self.overrides, key=lambda override: override.order):
            if override.seat not in by_seat:
                raise ValueError(f"An override names the seat {override.seat!r}, which the rota does not have.")
            by_seat[override.seat].append(override)
        object.__setattr__(self, "_in_force", {key: _InForce(ordered) for key, ordered in by_seat.items()})


@dataclass(frozen=True, slots=True)
class Turn:
    """`member` should hold the seat over `[start, end)`; None where nobody does.

    `layer` is the index in `Seat.layers` that the turn comes from and `number` counts that layer's turns from its
    anchor, from 0. `shift` is the published one that it comes from instead. `override` is the one that put the member
    there or left the seat empty. An added member's turn and a gap have neither layer nor number nor shift.
    """

    member: MemberKey | None
    start: datetime
    end: datetime
    layer: int | None = None
    number: int | None = None
    override: Override | None = None
    shift: Shift | None = None


def scheduled(rota: Rota, at: datetime) -> dict[str, MemberKey | None]:
    """Who should hold each seat at `at`, by seat key; None where nobody does."""
    at = _utc(at)
    return {seat.key: _SeatLine(rota, seat).piece_at(at).member for seat in rota.seats}


def turns(rota: Rota, seat_key: str, start: datetime, end: datetime) -> list[Turn]:
    """The turns of a seat that tile `[start, end)`, in order, gaps among them; the first and last may be cut by it.

    Turns of one layer that follow each other stay apart even when the same member has both. Empty when start is end.
    Raises KeyError for an unknown seat, ValueError when `end` is before `start`.
    """
    start, end = _utc(start), _utc(end)
    if end < start:
        raise ValueError(f"Turns from {start} until {end} were asked for; the end must not be before the start.")
    return list(_turns(_SeatLine(rota, _seat(rota, seat_key)), start, end))


def next_turns(rota: Rota, seat_key: str, after: datetime, count: int = 8) -> list[Turn]:
    """The first `count` turns that start at `after` or later, whole, without the gaps between them.

    Fewer when the rota has no more, or none that end within LOOK_AHEAD. Raises KeyError for an unknown seat.
    """
    after = _utc(after)
    limit = after + LOOK_AHEAD
    walk = _turns(_SeatLine(rota, _seat(rota, seat_key)), after - datetime.resolution, limit)
    next(walk)  # what was held just before `after` has started already
    found: list[Turn] = []
    for turn in walk:
        if len(found) >= count or turn.end >= limit:
            break
        if turn.member is not None:
            found.append(turn)
    return found


def next_change(rota: Rota, seat_key: str, at: datetime) -> datetime | None:
    """The first instant after `at` at which somebody else should hold the seat, or nobody, or somebody again.

    A member whose next turn follows on their own is no change. None when nothing changes within LOOK_AHEAD. Raises
    KeyError for an unknown seat.
    """
    at = _utc(at)
    line = _SeatLine(rota, _seat(rota, seat_key), join_same_member=True)
    piece = line.piece_at(at)
    holder = piece.member
    while piece.until is not None and piece.until <= at + LOOK_AHEAD:
        change = piece.until
        piece = line.piece_at(change)
        if piece.member != holder:
            return change
    return None


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which clocks in `zone` first show the naive `local`, or have passed it.

    `local` is in whole seconds, without fold. Never decreases as `local` grows.
    """
    first = local.replace(tzinfo=zone).astimezone(UTC)
    other = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first <= other:
        return first
    # Skipped by the clocks: zoneinfo then reads `fold` the other way round, and the change lies between the two.
    seconds = range((first - other) // _SECOND + 1)
    return other + _SECOND * bisect_left(seconds, True, key=lambda n: _wall(other + n * _SECOND, zone) >= local)


class _Piece(NamedTuple):
    """What holds from the instant asked about until `until` at least; None means for ever."""

    member: MemberKey | None
    layer: int | None
    number: int | None
    override: Override | None
    shift: Shift | None
    until: datetime | None


class _SeatLine:
    """One seat read forwards. Every public answer comes from `piece_at`, so no two can disagree."""

    def __init__(self, rota: Rota, seat: Seat, *, join_same_member: bool = False) -> None:
        zone = ZoneInfo(rota.zone)
        tracks = [_Track(index, layer, zone, join_same_member) for index, layer in enumerate(seat.layers)]
        self._highest_first = tracks[::-1]
        self._published = seat._published
        self._in_force = rota._in_force[seat.key]

    def piece_at(self, at: datetime) -> _Piece:
        """Ask in the order of time: the layers remember where they are."""
        overrides, edge = self._in_force.at(at)
        if not overrides:
            return self._from_plan(at, edge)
        since = max((rank for rank, each in enumerate(overrides) if each.kind is OverrideKind.ADD), default=None)
        if since is None:
            standing, later = self._from_plan(at, edge), overrides
        else:
            added = overrides[since]
            standing, later = _Piece(added.member, None, None, added, None, edge), overrides[since + 1 :]
        for override in reversed(later):
            if override.instead_of == standing.member:
                if override.member is None:
                    return _Piece(None, None, None, override, None, standing.until)
                return standing._replace(member=override.member, override=override)
        return standing

    def _from_plan(self, at: datetime, edge: datetime | None) -> _Piece:
        shift, change = self._published.at(at)
        until = _earlier(edge, change)
        if shift is not None:
            return _Piece(shift.member, None, None, None, shift, until)
        for track in self._highest_first:
            piece = track.piece_at(at)
            until = _earlier(until, piece.until)
            if piece.member is not None:
                return piece if until is piece.until else piece._replace(until=until)
        return _Piece(None, None, None, None, None, until)


class _Track:
    """One layer in its zone: turn numbers and windows as instants, each worked out once in a walk."""

    def __init__(self, index: int, layer: Layer, zone: ZoneInfo, join_same_member: bool) -> None:
        self._index = index
        self._layer = layer
        self._zone = zone
        self._join_same_member = join_same_member
        self._starts: dict[int, datetime] = {}
        self._windows: dict[date, list[tuple[datetime, datetime]]] = {}
        self._handover_time = layer.anchor.time()
        self._begins = self._start(0)
        if layer.starts_on is not None:
            self._begins = max(self._begins, self._instant(layer.starts_on, self._handover_time))
        self._ends = None if layer.ends_on is None else self._instant(layer.ends_on, self._handover_time)
        self._last: _Piece | None = None

    def piece_at(self, at: datetime) -> _Piece:
        last = self._last
        if last is None or (last.until is not None and last.until <= at):
            last = self._last = self._find_piece(at)
        return last

    def _find_piece(self, at: datetime) -> _Piece:
        if not self._layer.members or (self._ends is not None and at >= self._ends):
            return self._nobody(None)
        if at < self._begins:
            return self._nobody(self._begins)
        wall = _wall(at, self._zone)
        closes_at: datetime | None = None
        if self._layer.restrict:
            closes_at = self._open_until(at, wall.date())
            if closes_at is None:
                return self._nobody(self._opens_after(at, wall.date()))
        number = self._number_at(at, wall)
        members = self._layer.members
        run = self._run_of(number) if self._join_same_member else 1
        passes_at = None if run is None else self._start(number + run)
        until = _earlier(_earlier(passes_at, closes_at), self._ends)
        return _Piece(members[number % len(members)], self._index, number, None, None, until)

    def _nobody(self, until: datetime | None) -> _Piece:
        return _Piece(None, None, None, None, None, until)

    def _run_of(self, number: int) -> int | None:
        """How many turns from this one on the same member has; None when there is no other member."""
        members = self._layer.members
        member = members[number % len(members)]
        others = (ahead for ahead in range(1, len(members)) if members[(number + ahead) % len(members)] != member)
        return next(others, None)

    def _number_at(self, at: datetime, wall: datetime) -> int:
        """The turn that contains `at`, which is not before the anchor."""
        number = max(0, _count_to(self._layer, wall))
        # The wall clock alone is out by a turn or so where clocks change, and on the day of a handover before its time.
        while self._start(number) > at:
            number -= 1
        while self._start(number + 1) <= at:
            number += 1
        return number

    def _start(self, number: int) -> datetime:
        start = self._starts.get(number)
        if start is None:
            start = self._starts[number] = self._find_start(number)
        return start

    def _find_start(self, number: int) -> datetime:
        """When the turn starts; strictly later for each next number."""
        here = self._nominal(number)
        before = here - datetime.resolution
        if _wall(here, self._zone) - _wall(before, self._zone) == datetime.resolution:
            return here
        # Clocks jump here, and only here can several handovers fall on one instant.
        first = last = number
        while first > 0 and self._nominal(first - 1) == here:
            first -= 1
        while (following := self._nominal(last + 1)) == here:
            last += 1
        return here + (following - here) * (number - first) // (last - first + 1)

    def _nominal(self, number: int) -> datetime:
        return instant_of(_handover(self._layer, number), self._zone)

    def _instant(self, day: date, local: time) -> datetime:
        return instant_of(datetime.combine(day, local), self._zone)

    def _open_until(self, at: datetime, today: date) -> datetime | None:
        """When the window that is open at `at` closes; None when none is open."""
        # Yesterday's may cross midnight; tomorrow's is open already when clocks put back past midnight repeat today.
        days = (today - _DAY, today, today + _DAY)
        open_now = [closes for day in days for opens, closes in self._windows_on(day) if opens <= at < closes]
        return max(open_now, default=None)

    def _opens_after(self, at: datetime, today: date) -> datetime:
        """When the next window opens. There is one: windows recur each week and days off are finite."""
        day = today
        while True:
            for opens, _ in self._windows_on(day):
                if at < opens:
                    return opens
            day += _DAY

    def _windows_on(self, day: date) -> list[tuple[datetime, datetime]]:
        windows = self._windows.get(day)
        if windows is None:
            hours = () if day in self._layer.days_off else self._layer._hours[day.weekday()]
            windows = self._windows[day] = [
                (self._instant(day, opens), self._instant(day if opens < closes else day + _DAY, closes))
                for opens, closes in hours
            ]
        return windows


class _Published:
    """The shifts of one seat, found by bisection."""

    __slots__ = ("_ends", "_shifts", "_starts")

    def __init__(self, shifts: tuple[Shift, ...]) -> None:
        spans = sorted(((_utc(shift.start), _utc(shift.end), shift) for shift in shifts), key=lambda span: span[0])
        self._starts = [start for start, _end, _shift in spans]
        self._ends = [end for _start, end, _shift in spans]
        self._shifts = [shift for _start, _end, shift in spans]
        for ended, begun in zip(self._ends, self._starts[1:], strict=False):
            if begun < ended:
                raise ValueError(f"Two shifts of one seat overlap at {begun}; a seat holds one member at a time.")

    def at(self, at: datetime) -> tuple[Shift | None, datetime | None]:
        """The shift that is on at `at`, and when that changes next."""
        place = bisect_right(self._starts, at)
        if place and at < self._ends[place - 1]:
            return self._shifts[place - 1], self._ends[place - 1]
        return None, self._starts[place] if place < len(self._starts) else None


class _InForce:
    """The overrides of one seat, cut at every edge, so that those in force are found by bisection."""

    __slots__ = ("_edges", "_slots")

    def __init__(self, ordered: list[Override]) -> None:
        spans = [(_utc(override.start), _utc(override.end)) for override in ordered]
        self._edges = sorted({edge for span in spans for edge in span})
        self._slots: list[list[Override]] = [[] for _ in range(len(self._edges) + 1)]
        for override, (start, end) in zip(ordered, spans, strict=True):
            for slot in range(bisect_right(self._edges, start), bisect_right(self._edges, end)):
                self._slots[slot].append(override)

    def at(self, at: datetime) -> tuple[list[Override], datetime | None]:
        """Those in force at `at`, earliest order first, and the next edge after it."""
        slot = bisect_right(self._edges, at)
        return self._slots[slot], self._edges[slot] if slot < len(self._edges) else None


class _WorkingDays:
    """The days that count, numbered from 0 at the first on or after the anchor's date, both ways by arithmetic."""

    __slots__ = ("_first", "_off_places", "_off_shifts", "_offsets")

    def __init__(self, first: date, weekdays: frozenset[int], days_off: frozenset[date]) -> None:
        self._first = first
        self._offsets = [offset for offset in range(7) if (first.weekday() + offset) % 7 in weekdays]
        # A day's place is its number when no day is off. Each day off that would have counted is known by its place,
        # and by the number that the next day which counts has in its stead.
        lost = sorted(day for day in days_off if day >= first and day.weekday() in weekdays)
        self._off_places = [self._place(day) for day in lost]
        self._off_shifts = [place - index for index, place in enumerate(self._off_places)]

    def _place(self, day: date) -> int:
        weeks, rest = divmod((day - self._first).days, 7)
        return weeks * len(self._offsets) + bisect_left(self._offsets, rest)

    def number_of_last(self, day: date) -> int:
        """The number of the last day that counts, `day` included; -1 when there is none yet."""
        place = self._place(day + _DAY)
        return place - bisect_left(self._off_places, place) - 1

    def day(self, number: int) -> date:
        place = number + bisect_right(self._off_shifts, number)
        weeks, index = divmod(place, len(self._offsets))
        return self._first + timedelta(days=weeks * 7 + self._offsets[index])


_PERIODS = {TurnKind.HOUR: timedelta(hours=1), TurnKind.DAY: _DAY, TurnKind.WEEK: 7 * _DAY}


def _handover(layer: Layer, number: int) -> datetime:
    """The nominal local time at which a turn starts."""
    anchor = layer.anchor
    if layer.turn is TurnKind.MONTH:
        year, month = divmod(anchor.year * 12 + anchor.month - 1 + number * layer.every, 12)
        return anchor.replace(year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1]))
    if layer.turn is TurnKind.WORKING_DAY:
        if number == 0:
            return anchor
        return datetime.combine(layer._working_days.day(number * layer.every), anchor.time())
    return anchor + number * layer.every * _PERIODS[layer.turn]


def _count_to(layer: Layer, wall: datetime) -> int:
    """The turn that a wall clock at `wall` points to, before clock changes and the hour of the handover are seen to."""
    anchor = layer.anchor
    if layer.turn is TurnKind.MONTH:
        return ((wall.year - anchor.year) * 12 + wall.month - anchor.month) // layer.every
    if layer.turn is TurnKind.WORKING_DAY:
        return layer._working_days.number_of_last(wall.date()) // layer.every
    return (wall - anchor) // (layer.every * _PERIODS[layer.turn])


def _turns(line: _SeatLine, start: datetime, end: datetime) -> Iterator[Turn]:
    at = begun = start
    held: _Piece | None = None
    while at < end:
        piece = line.piece_at(at)
        if held is not None and piece[:5] != held[:5]:
            yield Turn(held.member, begun, at, held.layer, held.number, held.override, held.shift)
            begun = at
        held = piece
        at = end if piece.until is None else min(piece.until, end)
    if held is not None:
        yield Turn(held.member, begun, end, held.layer, held.number, held.override, held.shift)


def _seat(rota: Rota, key: str) -> Seat:
    for seat in rota.seats:
        if seat.key == key:
            return seat
    raise KeyError(key)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What clocks in `zone` show."""
    return at.astimezone(zone).replace(tzinfo=None)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return one if one < other else other


def _utc(at: datetime) -> datetime:
    # In one zone Python compares wall clocks and ignores the fold, so nothing is compared before it is UTC.
    if at.tzinfo is None:
        raise ValueError(f"The instant {at} has no zone; give an aware one.")
    _check_year(at)
    return at.astimezone(UTC)


def _check_year(day: date | None) -> None:
    # Far from both ends of the calendar, no arithmetic here can run over them.
    if day is not None and day.year not in _YEARS:
        raise ValueError(f"{day} lies outside the years {_YEARS[0]} to {_YEARS[-1]}.")


def _check_local(local: datetime | time) -> None:
    if local.tzinfo is not None or local.fold or local.microsecond:
        raise ValueError(f"The local time {local!r} must be naive, without fold, and in whole seconds.")


def _check_weekdays(weekdays: frozenset[int]) -> None:
    if not weekdays or not weekdays <= frozenset(range(7)):
        raise ValueError(f"The weekdays {sorted(weekdays)} must be some of 0 (Monday) to 6 (Sunday).")
