"""Newcomers in the plan: no change of it leaves one on where nobody experienced would be on with them.

Where nobody is planned for a seat beside theirs there is nobody, but for whoever has the seat now and keeps it as long as the
plan has nobody either. `duty.pairings` looks again, at who is really there, before a newcomer has a seat.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from nightdesk.base.refusals import Refusal
from nightdesk.people.models import Person, Team
from nightdesk.people.skill_queries import newcomers
from nightdesk.rota import registries, resolve
from nightdesk.rota.coverage import Hole, Span, alone
from nightdesk.rota.coverage_queries import absences
from nightdesk.rota.models import Rota, Seat
from nightdesk.rota.queries import load_rotas


class NewcomerAlone(Refusal):
    """A newcomer would be on without anybody experienced."""

    code = "newcomer-alone"
    status = 409
    title = "A newcomer would be on alone"


def seats_beside(seat: Seat) -> list[Seat]:
    """Whose people are on with the seat's: the others of its rota, one that stands behind it, and the one before it."""
    return list(
        Seat.objects.filter(Q(rota=seat.rota_id) | Q(behind=seat.pk) | Q(pk=seat.behind_id), removed_at=None).exclude(
            pk=seat.pk
        )
    )


def alone_by_plan(seat: Seat, person_ids: Collection[int], start: datetime, end: datetime, at: datetime) -> set[int]:
    """Those of the people who are new and would be on alone in the seat at some time of [`start`, `end`), seen from `at`."""
    new = newcomers(person_ids)
    if not new:
        return set()
    plans = load_rotas({each.rota_id for each in seats_beside(seat)})
    stretches = list(_company(seat, plans, newcomers(), start, end, at))
    return {person_id for person_id in new if any(not beside - {person_id} for _, _, beside in stretches)}


@dataclass(frozen=True, slots=True)
class Alone:
    """A newcomer whom the plan has on in a seat over [`start`, `end`) with nobody experienced beside them."""

    seat: Seat
    person_id: int
    start: datetime
    end: datetime


def planned_alone(rota_id: int, plan: resolve.Rota, start: datetime, end: datetime, at: datetime) -> list[Alone]:
    """Where in [`start`, `end`), seen from `at`, somebody new is on alone in the rota, or beside it, when `plan` is its plan."""
    new = newcomers()
    if not new:
        return []
    of_rota = Q(rota=rota_id) | Q(behind__rota=rota_id) | Q(standbys__rota=rota_id)
    found = []
    for seat in Seat.objects.filter(of_rota, removed_at=None).select_related("rota").order_by("id").distinct():
        plans = load_rotas({seat.rota_id, *(each.rota_id for each in seats_beside(seat))}) | {rota_id: plan}
        turns = [
            (turn.member[1], turn.start, turn.end)
            for turn in resolve.turns(plans[seat.rota_id], seat.key, start, end)
            if isinstance(turn.member, tuple) and turn.member[0] == "person" and turn.member[1] in new
        ]
        if not turns:
            continue
        for since, until, beside in _company(seat, plans, new, start, end, at):
            found += [
                Alone(seat, person_id, max(since, begin), min(until, finish))
                for person_id, begin, finish in turns
                if begin < until and since < finish and not beside
            ]
    return found


def alone_ahead(brand_id: int, start: datetime, end: datetime) -> list[Hole]:
    """Where in [`start`, `end`), seen from `start`, the brand's plans have somebody new on alone: whoever was to be on with
    them is away, or does not count any more. Where they are away themselves, nobody new is on.
    """
    plans = load_rotas(list(Rota.objects.filter(brand=brand_id).values_list("id", flat=True)))
    planned = [
        each
        for rota_id, plan in plans.items()
        for each in planned_alone(rota_id, plan, start, end, start)
        if each.seat.rota_id == rota_id
    ]
    there = _people([("person", each.person_id) for each in planned])
    away = absences(start, end, there)
    return alone(
        (each.person_id, since, until)
        for each in planned
        if each.person_id in there
        for since, until in _without(each.start, each.end, away.get(each.person_id, ()))
    )


def refuse_left_alone(rota_id: int, was: resolve.Rota, start: datetime, end: datetime, at: datetime) -> None:
    """Raise NewcomerAlone where the plan of the rota, which was `was`, has somebody new on alone over any of [`start`, `end`)
    who was not: every verb that changes a plan asks this.
    """
    alone = planned_alone(rota_id, load_rotas([rota_id])[rota_id], start, end, at)
    if alone:
        _refuse_more(planned_alone(rota_id, was, start, end, at), alone)


@contextmanager
def none_left_alone(rota_ids: Collection[int], start: datetime, end: datetime) -> Iterator[None]:
    """For what changes which seats there are in the rotas, or which stand behind which: when it is done, raise NewcomerAlone
    where somebody new is on alone over any of [`start`, `end`) who was not.
    """

    def alone() -> list[Alone]:
        plans = load_rotas(rota_ids)
        return [each for rota_id in sorted(plans) for each in planned_alone(rota_id, plans[rota_id], start, end, start)]

    before = alone()
    yield
    _refuse_more(before, alone())


def _refuse_more(before: list[Alone], found: list[Alone]) -> None:
    for each in found:
        known = [(old.start, old.end) for old in before if (old.seat, old.person_id) == (each.seat, each.person_id)]
        left = _without(each.start, each.end, known)
        if left:
            raise newcomer_alone(each.seat, Person.objects.get(id=each.person_id), left[0][0])


def _without(start: datetime, end: datetime, spans: Iterable[Span]) -> list[Span]:
    """What is left of [`start`, `end`) outside the spans."""
    left = [(start, end)]
    for begins, ends in spans:
        left = [
            (since, until)
            for begin, finish in left
            for since, until in ((begin, min(finish, begins)), (max(begin, ends), finish))
            if since < until
        ]
    return left


def _company(
    seat: Seat,
    plans: Mapping[int, resolve.Rota],
    new: Collection[int],
    start: datetime,
    end: datetime,
    at: datetime,
) -> Iterator[tuple[datetime, datetime, set[int]]]:
    """The stretches of [`start`, `end`), and who is then on beside the seat, experienced and not away."""
    turns = list(_turns_beside(seat, plans, start, end, at))
    people = {member: _people([member]) - set(new) for member in {member for member, _, _ in turns}}
    away = absences(start, end, {person_id for known in people.values() for person_id in known})
    edges = {start, end, *(edge for _, since, until in turns for edge in (since, until))}
    edges |= {edge for spans in away.values() for span in spans for edge in span if start < edge < end}
    for since, until in pairwise(sorted(edges)):
        beside = {
            person_id for member, begin, finish in turns if begin <= since < finish for person_id in people[member]
        }
        yield (
            since,
            until,
            {
                person_id
                for person_id in beside
                if not any(begin <= since < finish for begin, finish in away.get(person_id, ()))
            },
        )


def _turns_beside(
    seat: Seat, plans: Mapping[int, resolve.Rota], start: datetime, end: datetime, at: datetime
) -> Iterator[tuple[resolve.MemberKey, datetime, datetime]]:
    """Who has the seats beside this one over which part of [`start`, `end`): who is planned, and who has one of them at `at`
    for which nobody is planned, until somebody is.
    """
    beside = seats_beside(seat)
    holders = {
        seat_id: person_id
        for ask in registries.HOLDERS
        for seat_id, person_id in ask([each.pk for each in beside]).items()
    }
    for each in beside:
        plan = plans[each.rota_id]
        change = resolve.next_change(plan, each.key, at)
        for turn in resolve.turns(plan, each.key, start, end):
            if turn.member is not None:
                yield turn.member, turn.start, turn.end
            elif each.pk in holders and (change is None or turn.start < change):
                yield ("person", holders[each.pk]), turn.start, turn.end


def _people(members: Collection[resolve.MemberKey]) -> set[int]:
    """Who is active of these people and teams."""
    known = [each for each in members if isinstance(each, tuple)]
    teams = [each[1] for each in known if each[0] == "team"]
    people = [each[1] for each in known if each[0] == "person"]
    in_teams = Team.objects.filter(id__in=teams).values("members")
    return set(Person.objects.filter(Q(id__in=people) | Q(id__in=in_teams), active=True).values_list("id", flat=True))


def newcomer_alone(seat: Seat, person: Person, at: datetime) -> NewcomerAlone:
    """The refusal, in words; they would be alone from `at` on."""
    return NewcomerAlone(
        _("%(person)s was to be on duty as %(seat)s.") % {"person": person.name, "seat": seat.name},
        _("They are new, and from %s on nobody experienced would be on with them.")
        % f"{at.astimezone(ZoneInfo(seat.rota.zone)):%Y-%m-%d %H:%M}",
        _("Have somebody experienced on beside them, or sign them off first."),
        person=person.pk,
    )
