"""What is known of one person: looked at, taken away as a zip, erased. For admins of every brand."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import require
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.keeping import queries
from nightdesk.keeping.download import zip_of
from nightdesk.keeping.erasing import Going, preview, stays
from nightdesk.keeping.erasing_actions import ask_erasure
from nightdesk.keeping.export_actions import ask_export
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
    """What erasing takes away, and what it leaves."""

    name: str
    goes: list[WhatGoes]
    stays: list[WhatStays]


class ExportOut(Schema):
    """`ended_at` null: it waits, or is being written, and `done` says what it is at. `failure` says why it was not written. It
    can be fetched for a day from `asked_at` on. `size` in bytes.
    """

    id: int
    of: str
    asked_at: datetime
    asked_by: str
    begun_at: datetime | None
    ended_at: datetime | None
    size: int
    rows: int
    done: str
    failure: str


class ErasureOut(Schema):
    """`ended_at` null: it waits, or goes just now, and `done` says what is at hand. `failure` says why nothing was erased.
    Once it is done `of` is empty, `rows` says how much went, and all of this stands here for a day.
    """

    id: int
    of: str
    asked_at: datetime
    asked_by: str
    begun_at: datetime | None
    ended_at: datetime | None
    rows: int
    done: str
    failure: str


@router.get("/personal-data", response=PersonalDataOut)
def read_personal_data(request: HttpRequest, asked: Query[Whose]) -> Any:
    """What erasing would take away, and what it would leave. Changes nothing."""
    require(actor_of(request), "erase_person", None)
    subject = subject_of(asked.of)
    return _told(subject.name, preview(subject), stays(subject))


@router.post("/personal-data/exports", response={202: ExportOut})
def export_personal_data(request: HttpRequest, body: Whose) -> Any:
    """All that concerns them, as one zip in open formats, is written as soon as a worker is free to; while one of them is on its
    way, this answers with that one.
    """
    by = actor_of(request)
    require(by, "export_person", None)
    return Status(202, ask_export(subject=subject_of(body.of), by=by, via=Door.API, at=clock.now()))


@router.get("/personal-data/exports", response=Listing[ExportOut])
def list_personal_exports(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What was asked for within a day, the newest first."""
    require(actor_of(request), "export_person", None)
    return list_rows(request, queries.exports(), ExportOut, cut, newest_first=True)


@router.get("/personal-data/exports/{export_id}", response=ExportOut)
def read_personal_export(request: HttpRequest, export_id: int) -> Any:
    """How far it is."""
    require(actor_of(request), "export_person", None)
    row = queries.exports().filter(pk=export_id).first()
    if row is None:
        raise NotFound(f"Export {export_id} was asked for.", "It is not there: it lies ready for a day.", "Ask anew.")
    return row


@router.get("/personal-data/exports/{export_id}/zip", response={200: None})
def fetch_personal_export(request: HttpRequest, export_id: int) -> Any:
    """The zip; 409 while it is being written. Look through it before you hand it over: what others said stands in it too."""
    return zip_of(export_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/personal-data/erasures", response={202: ErasureOut})
def erase_personal_data(request: HttpRequest, body: Whose) -> Any:
    """It goes as soon as a worker is free to, all or nothing, as far as nothing obliges us to keep it, and cannot be brought
    back; while one of them is on its way, this answers with that one.
    """
    by = actor_of(request)
    require(by, "erase_person", None)
    return Status(202, ask_erasure(subject=subject_of(body.of), by=by, via=Door.API, at=clock.now()))


@router.get("/personal-data/erasures", response=Listing[ErasureOut])
def list_personal_erasures(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What is on its way, and what came to its end within a day, the newest first."""
    require(actor_of(request), "erase_person", None)
    return list_rows(request, queries.erasures(), ErasureOut, cut, newest_first=True)


@router.get("/personal-data/erasures/{erasure_id}", response=ErasureOut)
def read_personal_erasure(request: HttpRequest, erasure_id: int) -> Any:
    """How far it is, and what became of it."""
    require(actor_of(request), "erase_person", None)
    row = queries.erasures().filter(pk=erasure_id).first()
    if row is None:
        raise NotFound(
            f"Erasure {erasure_id} was asked for.",
            "It is not there: what became of one stands for a day.",
            "Look whether anything is left.",
        )
    return row


def _told(name: str, goes: Iterable[Going], left: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {
        "name": name,
        "goes": [{"what": each.what, "count": each.count} for each in goes],
        "stays": [{"what": what, "why": why} for what, why in left],
    }
