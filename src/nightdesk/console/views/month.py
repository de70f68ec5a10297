"""The picture of who is on: people as rows, time as the way across (templates/console/parts/month.html)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.rota.resolve import MemberKey, Rota, instant_of, turns

DAYBREAK, NIGHTFALL = time(8), time(20)
"""A stretch of duty that lies mostly between these is drawn as day, by the clocks of the rota."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """`who` is on over [`start`, `end`), for `seat`; None: nobody is."""

    who: MemberKey | None
    seat: str
    start: datetime
    end: datetime


def stretches(rota: Rota, start: datetime, end: datetime) -> list[Stretch]:
    """Who should be on in each seat over [`start`, `end`), in order of seat and time."""
    return [
        Stretch(turn.member, seat.name, turn.start, turn.end)
        for seat in rota.seats
        for turn in turns(rota, seat.key, start, end)
    ]


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

    rows: dict[MemberKey | None, list[dict[str, Any]]] = {}
    notes: list[str] = []
    for stretch, zone in found:
        if stretch.who is None:
            text = _("{span}: nobody, {seat}").format(span=_span(stretch, zone), seat=stretch.seat)
            notes.append(text)
        else:
            text = _("{span}, {seat}").format(span=_span(stretch, zone), seat=stretch.seat)
        for piece_start, piece_end in _cut(stretch, zone) if by_night else [(stretch.start, stretch.end)]:
            kind = "gap" if stretch.who is None else _kind(piece_start, piece_end, zone)
            left, right = across(max(piece_start, start)), across(min(piece_end, end))
            bar = {"from_pct": left, "width_pct": round(right - left, 3), "kind": kind, "text": text}
            rows.setdefault(stretch.who, []).append(bar)
    gaps = rows.pop(None, [])
    drawn = [{"name": name_of(who), "mine": who == mine, "bars": bars} for who, bars in rows.items() if who is not None]
    drawn.sort(key=lambda row: (not row["mine"],))
    if gaps:
        drawn.append({"name": _("Nobody"), "mine": False, "bars": gaps})
    return {
        "id": name,
        "label": label,
        "ticks": [{"at_pct": across(instant), "text": text} for instant, text in ticks],
        "now_pct": across(at) if start <= at < end else None,
        "rows": drawn,
        "notes": notes[:6],
        "legend": True,
    }


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
        if instant >= start:
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
