"""What happened: who, when, by which door, to what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import require
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable, readable_brands
from nightdesk.api.values import Id, Instant
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.duty import diary_actions
from nightdesk.journal.actions import erase_text
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.journal.queries import search

router = Router(tags=["journal"])


class EntryOut(Schema):
    """One thing that happened. `text` is what a person wrote; null where nothing was, or where it has been erased."""

    id: UUID
    at: datetime
    kind: str
    version: int
    by_kind: str
    by_id: str
    by_name: str
    via: str
    subject_kind: str
    subject_id: str
    brand_id: int | None
    cause: UUID | None
    facts: dict[str, Any]
    text: str | None
    erased: bool


class FoundEntryOut(Schema):
    """An entry in words. `text` is what a person wrote: "" for nothing, null where it has been erased."""

    id: UUID
    at: datetime
    kind: str
    sentence: str
    by_name: str
    via: str
    subject: tuple[str, str]
    brand_id: int | None
    text: str | None


class FoundEntries(Schema):
    """The newest first; `after` asks for what follows, null: that was all."""

    items: list[FoundEntryOut]
    after: str | None


class JournalSearch(Schema):
    """`q`: each word begins some word of the facts, or of what was written. `kind` that ends in "." stands for all such."""

    q: str = Field("", max_length=200)
    kind: str = Field("", max_length=60)
    person_id: Id | None = None
    subject: str = Field("", max_length=100, description='Kind and id: "page:0197...".')
    brand_id: Id | None = None
    via: Door | None = None
    since: Instant | None = None
    until: Instant | None = None
    after: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=500)


class JournalNoteIn(Schema):
    """A note for whoever reads the night. Without `brand_id` it is of the brand that the writer works for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"words": "The fan in rack 3 is loud."}]})
    words: str = Field(min_length=1, max_length=4000)
    brand_id: Id | None = None


class EntryFilter(Schema):
    """Fields that are not given leave the list whole; the span is half-open: [`since`, `until`)."""

    kind: str | None = Field(None, max_length=60, description="A kind such as `page.acknowledged`.")
    subject_kind: str | None = Field(None, max_length=30)
    subject_id: str | None = Field(None, max_length=60)
    by_kind: str | None = Field(None, max_length=12)
    by_id: str | None = Field(None, max_length=60)
    via: Door | None = None
    brand_id: Id | None = None
    since: Instant | None = None
    until: Instant | None = None


@router.get("", response=Listing[EntryOut])
def list_entries(request: HttpRequest, cut: Query[Cut], only: Query[EntryFilter]) -> Any:
    """Entries, the newest first."""
    exact = only.dict(exclude_none=True, exclude={"since", "until"})
    rows = readable(request, "read_journal", Entry.objects.filter(**exact))
    if only.since:
        rows = rows.filter(at__gte=only.since)
    if only.until:
        rows = rows.filter(at__lt=only.until)
    return list_rows(request, rows, EntryOut, cut, order=("at", "id"), newest_first=True, prepare=_with_text)


@router.get("/search", response=FoundEntries)
def search_journal(request: HttpRequest, asked: Query[JournalSearch]) -> Any:
    """Entries in words, by what was written and by whom."""
    brands = readable_brands(request, "read_journal")
    if asked.brand_id is not None:
        brands = {asked.brand_id} if brands is None else brands & {asked.brand_id}
    kind, _colon, number = asked.subject.partition(":")
    found = search(
        text=asked.q,
        kinds=[asked.kind] if asked.kind else [],
        subject=(kind, number) if kind else None,
        by=("person", str(asked.person_id)) if asked.person_id is not None else None,
        brand_ids=brands,
        via=asked.via or "",
        since=asked.since,
        until=asked.until,
        after=asked.after,
        limit=asked.limit,
    )
    return {
        "items": [{name: getattr(line, name) for name in FoundEntryOut.model_fields} for line in found.lines],
        "after": found.after,
    }


@router.post("/notes", response={201: EntryOut})
def write_journal_note(request: HttpRequest, body: JournalNoteIn) -> Any:
    """Write a note in the journal."""
    actor = actor_of(request)
    entry_id = diary_actions.write_journal_note(
        words=body.words, brand_id=body.brand_id, by=actor, via=Door.API, at=clock.now()
    )
    return 201, _with_text([Entry.objects.get(id=entry_id)])[0]


@router.get("/{entry_id}", response=EntryOut)
def read_entry(request: HttpRequest, entry_id: UUID) -> Any:
    """One entry."""
    entry = one(readable(request, "read_journal", Entry.objects.all()), id=entry_id)
    return _with_text([entry])[0]


@router.post("/{entry_id}/erase", response=EntryOut)
def erase_entry(request: HttpRequest, entry_id: UUID) -> Any:
    """Erase what a person wrote; that it was written, by whom and when, stays, and the seals stay true."""
    actor, entry = actor_of(request), Entry.objects.filter(id=entry_id).first()
    require(actor, "erase_text", entry.brand_id if entry else None)
    erase_text(entry_id=entry_id, by=actor, via=Door.API, at=clock.now())
    return read_entry(request, entry_id)


def _with_text(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    written = dict(
        PersonalText.objects.filter(entry_id__in=[entry.id for entry in entries]).values_list("entry_id", "text")
    )
    return [
        {
            **{column: getattr(entry, column) for column in EntryOut.model_fields if column not in ("text", "erased")},
            "text": written.get(entry.id),
            "erased": entry.commitment is not None and entry.id not in written,
        }
        for entry in entries
    ]
