"""What is known of one person: looked at, taken away as a zip, erased. For admins of every brand."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import require
from nightdesk.api.auth import actor_of
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.keeping.download import zip_of
from nightdesk.keeping.erasing import Going, preview, stays
from nightdesk.keeping.erasing_actions import erase_person
from nightdesk.keeping.traces import subject_of

router = Router(tags=["safe-keeping"])


class Whose(Schema):
    """`of` is `person:7`, `contact:12`, `number:+441632960001` or `address:bo@north.example`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"of": "contact:4711"}]})
    of: str = Field(min_length=1, max_length=300)


class WhatGoes(Schema):
    """In words, and how many rows it is."""

    what: str
    count: int


class WhatStays(Schema):
    """In words, and why."""

    what: str
    why: str


class PersonalDataOut(Schema):
    """What erasing takes away, or took, and what it leaves."""

    name: str
    goes: list[WhatGoes]
    stays: list[WhatStays]


@router.get("/personal-data", response=PersonalDataOut)
def read_personal_data(request: HttpRequest, asked: Query[Whose]) -> Any:
    """What erasing would take away, and what it would leave. Changes nothing."""
    require(actor_of(request), "erase_person", None)
    subject = subject_of(asked.of)
    return _told(subject.name, preview(subject), stays(subject))


@router.post("/personal-data/export", response={200: None})
def export_personal_data(request: HttpRequest, body: Whose) -> Any:
    """All that concerns them, as one zip in open formats. Look through it before you hand it over."""
    by = actor_of(request)
    require(by, "export_person", None)
    return zip_of(body.of, by=by, via=Door.API, at=clock.now())


@router.post("/personal-data/erase", response=PersonalDataOut)
def erase_personal_data(request: HttpRequest, body: Whose) -> Any:
    """It is gone, as far as nothing obliges us to keep it, and cannot be brought back. Repeating it finds nothing more."""
    by = actor_of(request)
    require(by, "erase_person", None)
    subject = subject_of(body.of)
    gone = erase_person(subject=subject, by=by, via=Door.API, at=clock.now())
    return _told(subject.name, gone, stays(subject))


def _told(name: str, goes: Iterable[Going], left: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {
        "name": name,
        "goes": [{"what": each.what, "count": each.count} for each in goes],
        "stays": [{"what": what, "why": why} for what, why in left],
    }
