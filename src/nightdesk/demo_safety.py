"""The demo company has two sites, and somebody is out at one of them."""

from datetime import datetime, timedelta
from typing import Any

from nightdesk.access.models import Brand
from nightdesk.people.models import Person, Team
from nightdesk.safety import actions, queries, site_actions


def go_to_a_site(brand: Brand, at: datetime, doing: dict[str, Any]) -> None:
    """A hut whose risk assessment is out of date, a mast that needs two; and a visit that is on, if somebody can watch it."""
    today = at.date()
    hut = site_actions.add_site(
        brand_id=brand.pk,
        fields={
            "name": "Mill Lane hut",
            "address": "Mill Lane, Leeds LS10 1AB",
            "map_url": "https://www.openstreetmap.org/search?query=Mill+Lane+Leeds",
            "know": "The yard is dark after six. A dog at number 4.",
            "access_notes": "The gatehouse has the key.",
            "assessment": "Sheet 12 in the safety folder: slips, mains, lone work after dark.",
            "assessed_on": today - timedelta(days=400),
            "review_on": today - timedelta(days=35),
            "insurance": "Employer's liability, policy on the intranet",
            "security_name": "Gatehouse",
            "security_number": "0113 496 0123",
        },
        **doing,
    )
    site_actions.add_site(
        brand_id=brand.pk,
        fields={
            "name": "Moor mast",
            "address": "Moor Road, Skipton",
            "know": "Work at height. No signal on the last mile.",
            "assessed_on": today - timedelta(days=30),
            "review_on": today + timedelta(days=335),
            "security_name": "Estate office",
            "security_number": "01632 960145",
            "needs_two": True,
        },
        **doing,
    )
    watchers = queries.could_watch([], at, {brand.pk})
    goes = _who_goes(brand, {each.person_id for each in watchers if each.person_id is not None})
    if watchers and goes is not None and watchers[0].person_id is not None:
        actions.declare_visit(
            site_id=hut.pk,
            person_id=goes.pk,
            watcher_id=watchers[0].person_id,
            why="Swap a failed line card",
            travel_minutes=25,
            work_minutes=90,
            **doing,
        )


def _who_goes(brand: Brand, on_duty: set[int]) -> Person | None:
    teams = Team.objects.filter(brand=brand)
    return Person.objects.filter(teams__in=teams, active=True).exclude(id__in=on_duty).order_by("id").last()
