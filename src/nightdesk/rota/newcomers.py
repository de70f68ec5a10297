"""Newcomers in the plan: none is put on where nobody experienced would be on with them.

What the plan does not know, the token does: a seat for which nobody is planned may be held all the same, so that is not
refused here. `duty.pairings` looks again, at who is really there, before a newcomer has a seat.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from nightdesk.base.refusals import Refusal
from nightdesk.people.models import Person, Team
from nightdesk.people.skill_queries import newcomers
from nightdesk.rota import resolve
from nightdesk.rota.coverage_queries import absences
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_rotas


class NewcomerAlone(Refusal):
    """A newcomer would be on without anybody experienced."""

    code = "newcomer-alone"
    status = 409
    title = "A newcomer would be on alone"


def seats_beside(seat: Seat) -> list[Seat]:
    """Whose people are on with the seat's: the others of its rota, one that stands behind it, and the one before it."""
    return list(
        Seat.objects.filter(Q(rota=seat.rota_id) | Q(behind=seat.pk) | Q(pk=seat.behind_id)).exclude(pk=seat.pk)
    )


def alone_by_plan(seat: Seat, person_ids: Collection[int], start: datetime, end: datetime) -> set[int]:
    """Those of the people who are new and would be on alone in the seat at some time of [`start`, `end`)."""
    new = newcomers(person_ids)
    if not new:
        return set()
    seats, all_new = seats_beside(seat), newcomers()
    plans = load_rotas({each.rota_id for each in seats})
    turns = [turn for each in seats for turn in resolve.turns(plans[each.rota_id], each.key, start, end)]
    found: set[int] = set()
    for at in {start, *(turn.start for turn in turns)}:
        members = [turn.member for turn in turns if turn.start <= at < turn.end]
        if None in members:
            continue
        beside = _people(members) - all_new
        beside -= absences(at, at + datetime.resolution, beside).keys()
        found |= {person_id for person_id in new if not beside - {person_id}}
    return found


def _people(members: Collection[resolve.MemberKey | None]) -> set[int]:
    """Who is active of these people and teams."""
    known = [each for each in members if isinstance(each, tuple)]
    teams = [each[1] for each in known if each[0] == "team"]
    people = [each[1] for each in known if each[0] == "person"]
    in_teams = Team.objects.filter(id__in=teams).values("members")
    return set(Person.objects.filter(Q(id__in=people) | Q(id__in=in_teams), active=True).values_list("id", flat=True))


def refuse_alone_by_plan(seat: Seat, person_id: int, start: datetime, end: datetime) -> None:
    """Raise NewcomerAlone where the person is new and would be alone in the seat over any of [`start`, `end`)."""
    if alone_by_plan(seat, [person_id], start, end):
        raise newcomer_alone(seat, Person.objects.get(id=person_id))


def newcomer_alone(seat: Seat, person: Person) -> NewcomerAlone:
    """The refusal, in words."""
    return NewcomerAlone(
        _("%(person)s was to be on duty as %(seat)s.") % {"person": person.name, "seat": seat.name},
        _("They are new, and nobody experienced would be on with them."),
        _("Have somebody experienced on beside them, or sign them off first."),
        person=person.pk,
    )
