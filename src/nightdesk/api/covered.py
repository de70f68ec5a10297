"""Whether every shift ahead knows what it answers for."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers.need_queries import names_of
from nightdesk.duty import coverage_queries
from nightdesk.people.models import Person, Skill
from nightdesk.rota import coverage_actions
from nightdesk.rota.coverage_queries import names_of_skills, scarce_skills

router = Router(tags=["duty"])


class LackingOut(Schema):
    """Nobody has the skill at this level or better."""

    skill: Named
    level: int


class HoleOut(Schema):
    """From `start` until `end` nobody on the shift knows it; `on` are those who are there, `could` those who could be.

    `kind` is what it is: a brand, customer or service, lacking skills; or a newcomer, lacking somebody experienced beside them.
    """

    kind: str
    id: int
    name: str
    start: datetime
    end: datetime
    lacking: list[LackingOut]
    on: list[Named]
    could: list[Named]


class CoverageOut(Schema):
    """The holes of a brand until `until`, by when they begin. `seats`: how many answer for it."""

    brand_id: int
    at: datetime
    until: datetime
    seats: int
    holes: list[HoleOut]


class ScarceOut(Schema):
    """One person alone knows the skill well enough (null: nobody does), and these hang on it."""

    skill: Named
    level: int
    person: Named | None
    needed_by: list[str]


class ScarceList(Schema):
    items: list[ScarceOut]


class SeatBrands(Schema):
    """The brands that whoever has the seat answers for, beside that of its rota."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"brand_ids": [2]}]})
    brand_ids: list[Id] = Field(max_length=100)


@router.get("/coverage", response=CoverageOut)
def read_coverage(request: HttpRequest, brand_id: Id, days: int = 42) -> Any:
    """Every hole ahead: what nobody on a shift, nor the standby behind it, will know, or who is new and alone, and who could."""
    brand: Brand = one(readable(request, "read_skills", Brand.objects.all(), "id"), id=brand_id)
    covered = coverage_queries.coverage_of(brand, clock.now(), timedelta(days=max(1, min(days, 366))))
    names = coverage_queries.names_in(covered.holes)
    skills = names_of_skills({one_.skill for hole in covered.holes for one_ in hole.lacking})
    people = dict(Person.objects.values_list("id", "name"))
    return {
        "brand_id": brand.pk,
        "at": covered.start,
        "until": covered.end,
        "seats": covered.seats,
        "holes": [
            {
                "kind": hole.subject[0],
                "id": hole.subject[1],
                "name": names[hole.subject],
                "start": hole.start,
                "end": hole.end,
                "lacking": [
                    {"skill": {"id": lack.skill, "name": skills[lack.skill]}, "level": lack.level}
                    for lack in hole.lacking
                ],
                "on": [{"id": id_, "name": people[id_]} for id_ in sorted(hole.on)],
                "could": [{"id": id_, "name": people[id_]} for id_ in covered.could[hole]],
            }
            for hole in covered.holes
        ],
    }


@router.get("/coverage/scarce", response=ScarceList)
def list_scarce_skills(request: HttpRequest, brand_id: Id) -> Any:
    """What one person alone knows, and what is needed and nobody knows, with what hangs on it. For managers."""
    brand: Brand = one(readable(request, "read_scarce_skills", Brand.objects.all(), "id"), id=brand_id)
    found = scarce_skills(brand.pk)
    names = names_of({subject for each in found for subject in each.subjects})
    skills = {skill.pk: skill for skill in Skill.objects.filter(pk__in=[each.skill for each in found])}
    people = {person.pk: person for person in Person.objects.filter(pk__in=[each.person for each in found])}
    return {
        "items": [
            {
                "skill": skills[each.skill],
                "level": each.level,
                "person": people[each.person] if each.person is not None else None,
                "needed_by": [names[subject] for subject in each.subjects if subject in names],
            }
            for each in found
        ]
    }


@router.put("/seats/{seat_key}/brands", response=SeatBrands)
def set_seat_brands(request: HttpRequest, seat_key: str, body: SeatBrands) -> Any:
    """Say for which other brands whoever has the seat answers."""
    seat = coverage_actions.set_seat_brands(
        seat_key=seat_key, brand_ids=body.brand_ids, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {"brand_ids": sorted(seat.also_for.values_list("brand_id", flat=True))}
