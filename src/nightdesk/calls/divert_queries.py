"""Checks of the divert, as they are: whose ring is one of ours, by which provider we ring, who is told of trouble. Reads only."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nightdesk.calls.models import DivertCheck, Line
from nightdesk.channels.models import Route
from nightdesk.channels.queries import shown_settings_of
from nightdesk.duty.queries import behind, who_rings
from nightdesk.people.models import Person, Team
from nightdesk.rota.models import Seat
from nightdesk.rota.resolve import instant_of

WITHIN = timedelta(seconds=150)
"""How long a check may take from its beginning until it counts as failed."""


def sign_for(line: Line, number: str, at: datetime) -> str:
    """The recording of the sign that whoever rings from `number` is to hear, where that is our own check; "" for all others.

    Some networks show the number that is diverted in place of the caller's.
    """
    if not number or number not in (line.divert_from, *line.numbers):
        return ""
    running = DivertCheck.objects.filter(line=line, ended_at=None, at__gt=at - WITHIN).first()
    return running.sign if running is not None else ""


def last_checks(line_ids: Collection[int]) -> Mapping[int, DivertCheck]:
    """The newest check of each line, running or ended."""
    rows = DivertCheck.objects.filter(line__in=line_ids).order_by("line", "-at", "-id").distinct("line")
    return {row.line_id: row for row in rows}


def outside_route(line: Line) -> Route | None:
    """The route of the second provider: the one that rings from the line's `divert_from`. None where there is none."""
    routes = Route.objects.filter(channel="voice", driver="twilio_voice", enabled=True).order_by("position", "id")
    ours = [route for route in routes if route.brand_id in (None, line.brand_id)]
    return next((route for route in ours if shown_settings_of(route).get("from") == line.divert_from), None)


def next_check(line: Line, at: datetime) -> datetime | None:
    """When the line is checked next after `at`: each day at its time by the clock of the place, in summer and winter alike."""
    if not line.active or line.divert_check_at is None:
        return None
    zone = ZoneInfo(line.hours.zone if line.hours is not None else line.brand.zone)
    day = at.astimezone(zone).date()
    moments = (datetime.combine(day + timedelta(days=later), line.divert_check_at) for later in range(3))
    return next(moment for moment in (instant_of(local, zone) for local in moments) if moment > at)


def whom_to_tell(line: Line, at: datetime) -> list[Person]:
    """Whoever has the night, and who stands behind them; where that is nobody, who manages a team of the brand."""
    ids: list[int] = []
    for seat in Seat.objects.filter(key__in=line.night_seats or line.day_seats, removed_at=None).order_by(
        "position", "id"
    ):
        holder = who_rings(seat.key, at)
        ids += [holder] if holder is not None else []
        ids += behind(seat, at)[:1]
    if not ids:
        ids = list(Team.objects.filter(brand=line.brand_id).exclude(manager=None).values_list("manager", flat=True))
    people = Person.objects.in_bulk(ids)
    return [people[person_id] for person_id in dict.fromkeys(ids) if person_id in people and people[person_id].active]
