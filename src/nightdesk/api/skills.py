"""What people know and what one must know for something, newcomers, and what a way to reach somebody runs over."""

from datetime import datetime
from typing import Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.people import readable_people
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant, Name, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.csv_table import RowError
from nightdesk.customers import need_actions
from nightdesk.customers.models import Customer, Service, SkillNeed
from nightdesk.customers.need_queries import needs_of
from nightdesk.duty import pairing_actions, pairings
from nightdesk.duty.models import Pairing
from nightdesk.outages import way_actions, way_queries
from nightdesk.outages.models import Part
from nightdesk.people import skill_actions, skill_queries
from nightdesk.people.models import ContactMethod, Person, PersonSkill, Skill
from nightdesk.people.skill_list import read_skill_list

router = Router(tags=["people"])

Level = Literal[1, 2, 3]
CSV_BODY = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}, "example": "person,mpls\nSam Okoro,2\n"}},
    }
}
NEEDS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "kind,key,skill,level\nservice,mail,mpls,2\n"}
        },
    }
}


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}


class SkillOut(Schema):
    """Something that one must know to help. `brand_id` null: every brand's."""

    id: int
    brand_id: int | None
    key: str
    name: str


class SkillIn(Schema):
    """`key` is what files call it by."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "key": "lift-phones", "name": "Lift phones"}]}
    )
    brand_id: Id | None = None
    key: str = Field(min_length=1, max_length=50)
    name: Name


class PersonSkillOut(Schema):
    """`level`: 1 learns it, 2 does it alone, 3 teaches it; since when."""

    id: int
    person: Named
    skill: Named
    level: int
    since: datetime


class LevelIn(Schema):
    """0: not at all; 1 learns it, 2 does it alone, 3 teaches it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"level": 2}]})
    level: int = Field(ge=0, le=3)


class LevelOut(Schema):
    level: int


class LineError(Schema):
    """A line of a file that cannot be used."""

    line: int
    column: str | None
    what: str
    so: str
    do: str


class SkillsImported(Schema):
    """What is, or would be, another than before, in words; with `errors` nothing is written."""

    dry_run: bool
    changed: list[str]
    same: int
    errors: list[LineError]
    ignored: list[str]


class SkillNeedIn(Schema):
    model_config = ConfigDict(extra="forbid")
    skill_id: Id
    level: Level = 2


class SkillNeedsIn(Schema):
    """All that whoever helps with it must know."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"needs": [{"skill_id": 1, "level": 2}]}]}
    )
    needs: list[SkillNeedIn] = Field(max_length=100)


class SkillNeedOut(Schema):
    """What `kind` (brand, customer or service) `of_id` needs."""

    id: int
    kind: str
    of_id: int
    skill: Named
    level: int

    @staticmethod
    def resolve_kind(row: SkillNeed) -> str:
        """Which of the three it is of."""
        return "brand" if row.brand_id else "customer" if row.customer_id else "service"

    @staticmethod
    def resolve_of_id(row: SkillNeed) -> int | None:
        """Its number."""
        return row.brand_id or row.customer_id or row.service_id


class SkillNeedsOut(Schema):
    needs: list[SkillNeedIn]


class PairingIn(Schema):
    """Either a person or a seat says beside whom the newcomer is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"seat_key": "first", "from": "2026-11-16T09:00:00Z", "until": "2026-11-30T09:00:00Z"}]
        },
    )
    person_id: Id | None = None
    seat_key: str | None = Field(None, max_length=50)
    starts_at: Instant = Field(alias="from")
    ends_at: Instant = Field(alias="until")


class PairingOut(Schema):
    """Until `ends_at`, or `ended_at` where it ended early, the newcomer is sent copies and answers nothing."""

    id: int
    newcomer: Named
    person: Named | None
    seat_key: str | None
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None

    @staticmethod
    def resolve_seat_key(row: Pairing) -> str | None:
        """The seat's key."""
        return row.seat.key if row.seat is not None else None


class NewcomerOut(Schema):
    """Whether somebody is new, and who signed them off when."""

    newcomer: bool
    signed_off_at: datetime | None
    signed_off_by_id: int | None


class SeenOut(Schema):
    """`what`: page, ticket or handover; `id` of the page, the ticket or the seat."""

    at: datetime
    what: str
    id: str


class SeenList(Schema):
    items: list[SeenOut]


class WayParts(Schema):
    """The parts that it runs over; none: nothing that is known here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"part_ids": [4]}]})
    part_ids: list[Id] = Field(max_length=20)


class CutOut(Schema):
    """From `start` until `end` (null: nobody knows) it reaches nobody."""

    person_id: int
    method_id: int
    start: datetime
    end: datetime | None
    why: str


class CutList(Schema):
    items: list[CutOut]


# --- Skills ----------------------------------------------------------------------------------------------------------


@router.get("/skills", response=Listing[SkillOut])
def list_skills(request: HttpRequest, cut: Query[Cut]) -> Any:
    """The skills of your brands, and those that are every brand's."""
    rows = readable(request, "read_skills", Skill.objects.all(), shared=True)
    return list_rows(request, rows, SkillOut, cut)


@router.post("/skills", response={201: SkillOut})
def make_skill(request: HttpRequest, body: SkillIn) -> Any:
    """A skill that people may have, and things may need."""
    return skill_actions.save_skill(**body.dict(), **_doing(request))


@router.put("/skills/{skill_id}", response=SkillOut)
def save_skill(request: HttpRequest, skill_id: Id, body: SkillIn) -> Any:
    """Another key, name or brand."""
    _skill(request, skill_id)
    return skill_actions.save_skill(skill_id=skill_id, **body.dict(), **_doing(request))


@router.delete("/skills/{skill_id}", response={204: None})
def remove_skill(request: HttpRequest, skill_id: Id) -> Any:
    """Nobody has it any more, and nothing needs it."""
    _skill(request, skill_id)
    skill_actions.remove_skill(skill_id=skill_id, **_doing(request))
    return 204, None


@router.get("/person-skills", response=Listing[PersonSkillOut])
def list_person_skills(
    request: HttpRequest, cut: Query[Cut], person_id: Id | None = None, skill_id: Id | None = None
) -> Any:
    """How well the staff of your brands know what."""
    readable(request, "read_skills", Skill.objects.all(), shared=True)
    rows = PersonSkill.objects.filter(person__in=readable_people(request), person__active=True)
    rows = rows.select_related("person", "skill")
    rows = rows if person_id is None else rows.filter(person=person_id)
    return list_rows(request, rows if skill_id is None else rows.filter(skill=skill_id), PersonSkillOut, cut)


@router.put("/people/{person_id}/skills/{skill_id}", response=LevelOut)
def set_person_skill(request: HttpRequest, person_id: Id, skill_id: Id, body: LevelIn) -> Any:
    """Say how well somebody knows something."""
    row = skill_actions.set_person_skill(person_id=person_id, skill_id=skill_id, level=body.level, **_doing(request))
    return {"level": row.level if row is not None else 0}


@router.post("/person-skills/import", response=SkillsImported, openapi_extra=CSV_BODY)
def import_person_skills(request: HttpRequest, brand_id: Id, dry_run: bool = False) -> Any:
    """Read a CSV file: a line a person, a column a skill of the brand, the level in the field. All of it or nothing."""
    brand = one(readable(request, "set_person_skill", Brand.objects.all(), "id"), id=brand_id)
    words = skill_queries.words_for(list(skill_queries.skills_of([brand.pk])))
    result = skill_actions.import_person_skills(
        listed=read_skill_list(request.body, words), dry_run=dry_run, **_doing(request)
    )
    changed = [f"{person}, {skill}: {was} -> {now}" for person, skill, was, now in result.changed]
    return _imported(dry_run, changed, result.same, result.errors, result.ignored)


# --- What must be known ----------------------------------------------------------------------------------------------


@router.get("/skill-needs", response=Listing[SkillNeedOut])
def list_skill_needs(request: HttpRequest, cut: Query[Cut], skill_id: Id | None = None) -> Any:
    """What your brands, their services and their customers need somebody to know."""
    brands = readable(request, "read_skills", Brand.objects.all(), "id")
    mine = Q(brand__in=brands) | Q(service__brand__in=brands) | Q(customer__brand__in=brands)
    rows = SkillNeed.objects.filter(mine).select_related("skill")
    return list_rows(request, rows if skill_id is None else rows.filter(skill=skill_id), SkillNeedOut, cut)


@router.put("/brands/{brand_id}/skill-needs", response=SkillNeedsOut)
def set_brand_needs(request: HttpRequest, brand_id: Id, body: SkillNeedsIn) -> Any:
    """What every shift that answers for the brand must know."""
    return _set_needs(
        request, "brand", one(readable(request, "set_skill_needs", Brand.objects.all(), "id"), id=brand_id), body
    )


@router.put("/customers/{customer_id}/skill-needs", response=SkillNeedsOut)
def set_customer_needs(request: HttpRequest, customer_id: Id, body: SkillNeedsIn) -> Any:
    """What whoever helps the customer must know."""
    return _set_needs(
        request, "customer", one(readable(request, "set_skill_needs", Customer.objects.all()), id=customer_id), body
    )


@router.put("/services/{service_id}/skill-needs", response=SkillNeedsOut)
def set_service_needs(request: HttpRequest, service_id: Id, body: SkillNeedsIn) -> Any:
    """What whoever helps with the service must know."""
    return _set_needs(
        request, "service", one(readable(request, "set_skill_needs", Service.objects.all()), id=service_id), body
    )


@router.post("/skill-needs/import", response=SkillsImported, openapi_extra=NEEDS_BODY)
def import_skill_needs(request: HttpRequest, brand_id: Id, dry_run: bool = False) -> Any:
    """Read a CSV file with the columns kind, key, skill and level; whatever it names needs what it says, and no more."""
    brand = one(readable(request, "set_skill_needs", Brand.objects.all(), "id"), id=brand_id)
    result = need_actions.import_skill_needs(
        brand_id=brand.pk, content=request.body, dry_run=dry_run, **_doing(request)
    )
    return _imported(dry_run, result.changed, result.same, result.errors, result.ignored)


# --- Newcomers -------------------------------------------------------------------------------------------------------


@router.post("/people/{person_id}/newcomer", response=NewcomerOut)
def begin_as_newcomer(request: HttpRequest, person_id: Id) -> Any:
    """They are new: never on alone, and no page is theirs, until somebody signs them off."""
    return skill_actions.begin_as_newcomer(person_id=person_id, **_doing(request))


@router.post("/people/{person_id}/sign-off", response=NewcomerOut)
def sign_off_newcomer(request: HttpRequest, person_id: Id) -> Any:
    """They may be on alone."""
    return skill_actions.sign_off_newcomer(person_id=person_id, **_doing(request))


@router.get("/pairings", response=Listing[PairingOut])
def list_pairings(request: HttpRequest, cut: Query[Cut], newcomer_id: Id | None = None) -> Any:
    """Who is, was or will be beside whom."""
    readable(request, "read_skills", Brand.objects.all(), "id")
    rows = Pairing.objects.filter(newcomer__in=readable_people(request)).select_related("newcomer", "person", "seat")
    return list_rows(request, rows if newcomer_id is None else rows.filter(newcomer=newcomer_id), PairingOut, cut)


@router.post("/people/{person_id}/pairings", response={201: PairingOut})
def pair_newcomer(request: HttpRequest, person_id: Id, body: PairingIn) -> Any:
    """Put a newcomer beside somebody, or beside whoever has a seat."""
    return pairing_actions.pair_newcomer(newcomer_id=person_id, **body.dict(), **_doing(request))


@router.post("/pairings/{pairing_id}/end", response=PairingOut)
def end_pairing(request: HttpRequest, pairing_id: Id) -> Any:
    """They are beside them no longer."""
    one(Pairing.objects.filter(newcomer__in=readable_people(request)), id=pairing_id)
    return pairing_actions.end_pairing(pairing_id=pairing_id, **_doing(request))


@router.get("/people/{person_id}/seen", response=SeenList)
def list_seen(request: HttpRequest, person_id: Id, since: Instant | None = None) -> Any:
    """What a newcomer has seen: pages, tickets, handovers, newest first. For managers."""
    readable(request, "sign_off_newcomer", Brand.objects.all(), "id")
    person: Person = one(readable_people(request), id=person_id)
    now = clock.now()
    found = pairings.seen_by(person.pk, since or pairings.first_day(person.pk, now), now)
    return {"items": [{"at": seen.at, "what": seen.what, "id": seen.subject[1]} for seen in found]}


# --- Ways that faults cut off ----------------------------------------------------------------------------------------


@router.put("/people/{person_id}/contact-methods/{method_id}/parts", response=WayParts)
def save_way_parts(request: HttpRequest, person_id: Id, method_id: Id, body: WayParts) -> Any:
    """What a way to reach somebody runs over: while one of these parts is down, it is not used."""
    one(ContactMethod.objects.filter(person=person_id, person__in=readable_people(request)), id=method_id)
    for part_id in body.part_ids:
        one(readable(request, "read_parts", Part.objects.all()), id=part_id)
    parts = way_actions.save_way_parts(method_id=method_id, part_ids=body.part_ids, **_doing(request))
    return {"part_ids": [part.pk for part in parts]}


@router.get("/cut-ways", response=CutList)
def list_cut_ways(request: HttpRequest) -> Any:
    """Ways to reach your people that a known outage, or planned work, cuts off now or within a day."""
    now = clock.now()
    mine = readable_people(request).values_list("id", flat=True)
    return {"items": way_queries.cuts(now, now + way_actions.AHEAD, list(mine))}


def _skill(request: HttpRequest, skill_id: int) -> Skill:
    return one(readable(request, "read_skills", Skill.objects.all(), shared=True), id=skill_id)


def _set_needs(request: HttpRequest, kind: str, row: Brand | Customer | Service, body: SkillNeedsIn) -> dict[str, Any]:
    wanted = {need.skill_id: need.level for need in body.needs}
    need_actions.set_skill_needs(of=(kind, row.pk), needs=wanted, **_doing(request))
    now = needs_of([(kind, row.pk)]).get((kind, row.pk), {})
    return {"needs": [{"skill_id": skill_id, "level": level} for skill_id, level in now.items()]}


def _imported(dry_run: bool, changed: Any, same: int, errors: Any, ignored: Any) -> dict[str, Any]:
    def shown(error: RowError) -> dict[str, Any]:
        return {"line": error.line, "column": error.column, "what": error.what, "so": error.so, "do": error.do}

    return {
        "dry_run": dry_run,
        "changed": list(changed),
        "same": same,
        "errors": [shown(error) for error in errors],
        "ignored": list(ignored),
    }
