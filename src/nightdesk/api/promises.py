"""Everything that Nightdesk will do later, and what became of what it was to do."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from nightdesk.access import promise_verbs
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.models import Promise

router = Router(tags=["promises"])


class PromiseState(StrEnum):
    """Open: still to be kept. Else how it ended; dead ones wait for somebody to look."""

    OPEN = "open"
    KEPT = "kept"
    VOID = "void"
    DEAD = "dead"


class PromiseOut(Schema):
    """`why` says why it exists, `failure` what the last try ran into, `outcome` what came of it."""

    id: UUID
    kind: str
    state: PromiseState
    subject_kind: str
    subject_id: str
    brand_id: int | None
    why: str
    due_at: datetime
    created_at: datetime
    attempts: int = Field(alias="attempt", description="How often it was tried.")
    failure: str
    outcome: str
    ended_at: datetime | None

    @staticmethod
    def resolve_state(promise: Promise) -> str:
        """How it ended, or that it has not."""
        return promise.ended_as or PromiseState.OPEN


class PromiseFilter(Schema):
    """Fields that are not given leave the list whole."""

    state: PromiseState = PromiseState.OPEN
    kind: str | None = Field(None, max_length=60)
    subject_kind: str | None = Field(None, max_length=30)
    subject_id: str | None = Field(None, max_length=60)
    brand_id: Id | None = None


@router.get("", response=Listing[PromiseOut])
def list_promises(request: HttpRequest, cut: Query[Cut], only: Query[PromiseFilter]) -> Any:
    """Open promises, the first due first; ended ones, the last ended first."""
    rows = _readable(request).filter(**only.dict(exclude_none=True, exclude={"state"}))
    if only.state is PromiseState.OPEN:
        return list_rows(request, rows.filter(ended_at=None), PromiseOut, cut, order=("due_at", "id"))
    ended = rows.filter(ended_as=only.state.value)
    return list_rows(request, ended, PromiseOut, cut, order=("ended_at", "id"), newest_first=True)


@router.get("/{promise_id}", response=PromiseOut)
def read_promise(request: HttpRequest, promise_id: UUID) -> Any:
    """One promise."""
    return one(_readable(request), id=promise_id)


@router.post("/{promise_id}/retry", response=PromiseOut)
def retry_promise(request: HttpRequest, promise_id: UUID) -> Any:
    """Try a promise again now: one that was given up, or one that waits for its next try."""
    return promise_verbs.retry_promise(promise_id=promise_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/{promise_id}/void", response=PromiseOut)
def void_promise(request: HttpRequest, promise_id: UUID) -> Any:
    """Say that a promise is no longer wanted."""
    return promise_verbs.void_promise(promise_id=promise_id, by=actor_of(request), via=Door.API, at=clock.now())


def _readable(request: HttpRequest) -> QuerySet[Promise]:
    return readable(request, "read_promises", Promise.objects.all())
