"""The picture of who is on: people as rows, time as the way across (templates/console/parts/month.html)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.rota.resolve import MemberKey, Rota, TurnKind, instant_of, turns

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


def stretches(rota: Rota, start: datetime, end: datetime) -> list[Stretch]:
    """Who should be on in each seat over [`start`, `end`), in order of seat and time."""
    found = []
    for seat in rota.seats:
        has_hours = any(layer.restrict or layer.turn is TurnKind.WORKING_DAY for layer in seat.layers)
        for turn in turns(rota, seat.key, start, end):
            closed = has_hours and turn.member is None and turn.override is None
            closed = closed and turn.end - turn.start < LONGEST_CLOSING
            taken_off = turn.override.instead_of if turn.override and turn.member is None else None
            found.append(Stretch(turn.member, seat.name, turn.start, turn.end, taken_off, closed))
    return found


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
) -> dict[str, Any]:
    """What month.html draws of [`start`, `end`). `by_night`: each stretch is cut at dusk and dawn, for a short window.

    Gaps have a row of their own at the end, and are named below in words.
    """
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
            line, kind = closings, "away"
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
    if len(notes) > NOTES_SHOWN:
        more = len(notes) - NOTES_SHOWN
        notes[NOTES_SHOWN:] = [ngettext("and {count} more", "and {count} more", more).format(count=more)]
    drawn = [{"name": name_of(who), "mine": who == mine, "bars": bars} for who, bars in rows.items()]
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
        "legend": True,
    }


def _why_nobody(stretch: Stretch, name_of: Callable[[MemberKey], str]) -> str:
    if stretch.taken_off is None:
        return _("nobody is planned")
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
