"""The demo company plans its nights for next month: shifts, wishes, leave, and a draft that a worker makes."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.access.models import Brand
from nightdesk.people import hours_actions
from nightdesk.people.models import Team
from nightdesk.rota import plan_actions, resolve, work_actions
from nightdesk.rota.models import Rota


def plan_next_month(brand: Brand, at: datetime, doing: dict[str, Any]) -> None:
    """The seats of the night have shifts, somebody is on leave, two have wishes; the next month is being laid out."""
    rota = Rota.objects.get(brand=brand, name="Out of hours")
    team = Team.objects.filter(brand=brand).order_by("id")[0]
    nights = [
        {"weekdays": [0, 1, 2, 3, 4], "opens": "17:30", "closes": "09:00"},
        {"weekdays": [5, 6], "opens": "09:00", "closes": "21:00"},
        {"weekdays": [5, 6], "opens": "21:00", "closes": "09:00"},
    ]
    for seat_key in ("night", "backup"):
        # Both are at home, and work when they are called.
        work_actions.set_counting(
            seat_key=seat_key,
            counts="called_only",
            response_minutes=30,
            fixed_place=False,
            why="At home, by telephone",
            **doing,
        )
    plan_actions.set_shifts(seat_key="night", team_id=team.pk, shifts=nights, **doing)
    first = (at.astimezone(ZoneInfo(rota.zone)).date().replace(day=1) + timedelta(days=32)).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    people = list(team.members.order_by("id"))

    def night_of(day: int) -> datetime:
        local = datetime(first.year, first.month, day, 12)  # noqa: DTZ001 - by the rota's clocks
        return resolve.instant_of(local, ZoneInfo(rota.zone))

    if people:
        hours_actions.record_absence(
            person_id=people[0].pk, absence="leave", starts_at=night_of(8), ends_at=night_of(15), **doing
        )
    for person, day, wants in zip(people[1:3], (5, 20), ("avoid", "prefer"), strict=False):
        plan_actions.note_wish(
            person_id=person.pk,
            starts_at=night_of(day),
            ends_at=night_of(day + 2),
            wants=wants,
            weight=5,
            **doing,
        )
    plan_actions.make_draft(
        rota_id=rota.pk, starts_on=first, ends_on=following, effort=plan_actions.Effort(steps=20_000), **doing
    )
