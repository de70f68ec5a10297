"""The picture of who is on: people as rows, time as the way across (templates/console/parts/month.html)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.customers.hours import BadHours, bank_holidays
from nightdesk.rota.resolve import MemberKey, Rota, Seat, TurnKind, instant_of, turns

DAYBREAK, NIGHTFALL = time(8), time(20)
"""A stretch of duty that lies mostly between these is drawn as day, by the clocks of the rota."""


NOTES_SHOWN = 5
LONGEST_CLOSING = timedelta(days=8)
"""Hours that open every week never close for longer; beyond this nobody is planned, whatever the hours say."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """`who` is on over [`start`, `end`), for `seat`; None: nobody is. `taken_off` should have been."""

    who: MemberKey | None
    seat: str
    start: datetime
    end: datetime
    taken_off: MemberKey | None = None
    closed: bool = False
    """Nobody is, because the seat has hours of its own and this lies outside them: no gap, but to be seen."""
    why: str = ""
    """Of a gap, in words; "" where nothing is known but that nobody is planned."""


@dataclass(frozen=True, slots=True)
class Shade:
    """Nights, and days off: the ground that bars stand on, over [`start`, `end`)."""

    kind: Literal["dark", "holiday"]
    start: datetime
    end: datetime
    text: str


def stretches(rota: Rota, start: datetime, end: datetime) -> list[Stretch]:
    """Who should be on in each seat over [`start`, `end`), in order of seat and time."""
    found = []
    for seat in rota.seats:
        has_hours = any(layer.restrict or layer.turn is TurnKind.WORKING_DAY for layer in seat.layers)
        for turn in turns(rota, seat.key, start, end):
            closed = has_hours and turn.member is None and turn.override is None
            closed = closed and turn.end - turn.start < LONGEST_CLOSING
            taken_off = turn.override.instead_of if turn.override and turn.member is None else None
            gap = turn.member is None and taken_off is None and not closed
            why = _why_no_turn(seat, turn.start, ZoneInfo(rota.zone)) if gap else ""
            found.append(Stretch(turn.member, seat.name, turn.start, turn.end, taken_off, closed, why))
    return found


def _why_no_turn(seat: Seat, at: datetime, zone: ZoneInfo) -> str:
    """What is known of why no layer of the seat has somebody at `at`."""
    day = at.astimezone(zone).date()
    if not seat.layers:
        return _("it has no turns")
    ends = [layer.ends_on for layer in seat.layers]
    if all(end is not None and end <= day for end in ends):
        return _("its turns ended on {day}").format(day=date_format(max(end for end in ends if end), "j M"))
    begins = [layer.starts_on or layer.anchor.date() for layer in seat.layers]
    if all(begin > day for begin in begins):
        return _("its turns begin on {day}").format(day=date_format(min(begins), "j M"))
    if any(day in layer.days_off for layer in seat.layers):
        return _("a bank holiday, and no other layer has somebody")
    return _("no layer has somebody at that hour")


def shades(start: datetime, end: datetime, zone: ZoneInfo, nation: str) -> list[Shade]:
    """The nights and the bank holidays of [`start`, `end`), by clocks in `zone`; a `nation` that is not known has none."""
    found = []
    day = start.astimezone(zone).date() - timedelta(days=1)
    while (begins := instant_of(datetime.combine(day, time()), zone)) < end:
        following = day + timedelta(days=1)
        if _is_holiday(nation, day):
            over = instant_of(datetime.combine(following, time()), zone)
            found.append(Shade("holiday", begins, over, _("{day}, bank holiday").format(day=date_format(day, "D j M"))))
        dusk, dawn = (instant_of(datetime.combine(*when), zone) for when in ((day, NIGHTFALL), (following, DAYBREAK)))
        found.append(Shade("dark", dusk, dawn, ""))
        day = following
    return [shade for shade in found if shade.start < end and shade.end > start]


def _is_holiday(nation: str, day: date) -> bool:
    try:
        return bool(nation) and day in bank_holidays(nation, None, day.year)
    except BadHours:
        return False


def picture(
    *,
    name: str,
    label: str,
    found: Iterable[tuple[Stretch, ZoneInfo]],
    start: datetime,
    end: datetime,
    ticks: Iterable[tuple[datetime, str]],
    at: datetime,
    name_of: Callable[[MemberKey], str],
    mine: MemberKey | None,
    by_night: bool,
    ground: Iterable[Shade] = (),
    absent: Iterable[tuple[MemberKey, datetime, datetime]] = (),
) -> dict[str, Any]:
    """What month.html draws of [`start`, `end`). `by_night`: each stretch is cut at dusk and dawn, for a short window.

    Gaps have a row of their own at the end, and are named below in words. `absent` says who cannot be on when, and never why.
    """
    ground = list(ground)
    whole = (end - start).total_seconds()

    def across(instant: datetime) -> float:
        return round(100 * (instant - start).total_seconds() / whole, 3)

    rows: dict[MemberKey, list[dict[str, Any]]] = {}
    gaps: list[dict[str, Any]] = []
    closings: list[dict[str, Any]] = []
    notes: list[str] = []
    for stretch, zone in found:
        text = _("{span}, {seat}").format(span=_span(stretch, zone), seat=stretch.seat)
        if stretch.closed:
            line, kind = closings, "closed"
        elif stretch.who is None:
            line, kind = gaps, "gap"
            text = f"{text}: {_why_nobody(stretch, name_of)}"
            notes.append(text)
        else:
            line, kind = rows.setdefault(stretch.who, []), ""
        pieces = _cut(stretch, zone) if by_night and not kind else [(stretch.start, stretch.end)]
        for piece_start, piece_end in pieces:
            left, right = across(max(piece_start, start)), across(min(piece_end, end))
            bar = {"from_pct": left, "width_pct": round(right - left, 3), "text": text}
            line.append(bar | {"kind": kind or _kind(piece_start, piece_end, zone)})
    for who, off, back in absent:
        left, right = across(max(off, start)), across(min(back, end))
        bar = {"from_pct": left, "width_pct": round(right - left, 3), "kind": "away", "text": _("not available")}
        rows.setdefault(who, []).append(bar)
    if len(notes) > NOTES_SHOWN:
        more = len(notes) - NOTES_SHOWN
        notes[NOTES_SHOWN:] = [ngettext("and {count} more", "and {count} more", more).format(count=more)]
    drawn: list[dict[str, Any]] = [
        {"name": name_of(who), "mine": who == mine, "bars": bars} for who, bars in rows.items()
    ]
    drawn.sort(key=lambda row: not row["mine"])
    if gaps:
        drawn.append({"name": _("Nobody"), "mine": False, "bars": gaps})
    if closings:
        drawn.append({"name": _("Closed"), "mine": False, "bars": closings})
    return {
        "id": name,
        "label": label,
        "ticks": [{"at_pct": across(instant), "text": text} for instant, text in ticks],
        "now_pct": across(at) if start <= at < end else None,
        "rows": drawn,
        "notes": notes,
        "shades": [
            {
                "from_pct": across(max(shade.start, start)),
                "width_pct": round(across(min(shade.end, end)) - across(max(shade.start, start)), 3),
                "kind": shade.kind,
                "text": shade.text,
            }
            for shade in ground
        ],
        "has_holidays": [shade.text for shade in ground if shade.text],
        "has_away": any(bar["kind"] == "away" for row in drawn for bar in row["bars"]),
        "has_closed": bool(closings),
        "legend": True,
    }


def _why_nobody(stretch: Stretch, name_of: Callable[[MemberKey], str]) -> str:
    if stretch.taken_off is None:
        return stretch.why or _("nobody is planned")
    return _("{name} was taken off, nobody came on").format(name=name_of(stretch.taken_off))


def hour_ticks(start: datetime, end: datetime, zone: ZoneInfo, every: int = 4) -> list[tuple[datetime, str]]:
    """A tick at each local hour that `every` divides."""
    local = start.astimezone(zone).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    found = []
    while (instant := instant_of(local, zone)) < end:
        if local.hour % every == 0 and instant >= start:
            found.append((instant, f"{local:%H:%M}"))
        local += timedelta(hours=1)
    return found


def day_ticks(start: datetime, end: datetime, zone: ZoneInfo, every: int = 7) -> list[tuple[datetime, str]]:
    """A tick at the start of every `every`-th local day, beginning with the first."""
    day = start.astimezone(zone).date()
    found = []
    while (instant := instant_of(datetime.combine(day, time()), zone)) < end:
        if instant >= start and instant + timedelta(days=2) < end:  # its text would stand over the edge
            found.append((instant, date_format(day, "j M")))
        day += timedelta(days=every)
    return found


def _span(stretch: Stretch, zone: ZoneInfo) -> str:
    first, last = stretch.start.astimezone(zone), stretch.end.astimezone(zone)
    until = f"{last:%H:%M}" if first.date() == last.date() else date_format(last, "D j M H:i")
    return f"{date_format(first, 'D j M H:i')}–{until}"


def _cut(stretch: Stretch, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The stretch in pieces that end at each dusk and dawn."""
    day = stretch.start.astimezone(zone).date()
    edges = [stretch.start]
    while edges[-1] < stretch.end:
        for clock in (DAYBREAK, NIGHTFALL):
            edge = instant_of(datetime.combine(day, clock), zone)
            if edges[-1] < edge < stretch.end:
                edges.append(edge)
        day += timedelta(days=1)
        if instant_of(datetime.combine(day, time()), zone) >= stretch.end:
            edges.append(stretch.end)
    return list(pairwise(edges))


def _kind(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    middle = (start + (end - start) / 2).astimezone(zone).time()
    long = end - start > timedelta(hours=16)
    return "day" if long or DAYBREAK <= middle < NIGHTFALL else "night"


def names_of(people: Mapping[int, str], teams: Mapping[int, str]) -> Callable[[MemberKey], str]:
    """Member keys as rota.queries gives them, ("person", id) and ("team", id), to names."""

    def name_of(member: MemberKey) -> str:
        match member:
            case ("person", int(person)):
                return people.get(person, _("Somebody"))
            case ("team", int(team)):
                return teams.get(team, _("A team"))
        return str(member)

    return name_of
