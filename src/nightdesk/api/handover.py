"""Handing over: the note, what is watched, who says no, who is out of reach, and how it was."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Instant
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.duty import away_actions, handover_actions, queries, sections
from nightdesk.duty.models import Note
from nightdesk.duty.note import name_of
from nightdesk.rota import standby_actions
from nightdesk.rota.models import Seat

router = Router(tags=["duty"])


class NoteLineOut(Schema):
    """One line. `name` is what `left_out` takes; `about` is [kind, id] of what it is about."""

    name: str
    text: str
    due_at: datetime | None
    about: list[str] | None


class SectionOut(Schema):
    """One part of the note. `more`: so many lines more are not shown."""

    key: str
    title: str
    lines: list[NoteLineOut]
    more: int


class PersonNameOut(Schema):
    """Somebody of ours."""

    id: int
    name: str


class HandoverOut(Schema):
    """How the handover of a seat stands, with its note as it is now.

    `turn_at`: when the turn begins that comes next, or that nobody has taken; `people` whose it is. `not_taken`: it has
    begun, and `asked` are those who were asked since. `offered_to`: the holder passes it to them, and they have not
    accepted. `rings`: whom pages ring while the holder is out of reach until `away_until`.
    """

    seat_key: str
    seat_name: str
    holder: PersonNameOut | None
    turn_at: datetime | None
    people: list[PersonNameOut]
    accepted: PersonNameOut | None
    refused: list[PersonNameOut]
    not_taken: bool
    asked: list[PersonNameOut]
    offered_to: PersonNameOut | None
    away_until: datetime | None
    rings: PersonNameOut | None
    drafted_at: datetime | None
    sections: list[SectionOut]


class NoteIn(Schema):
    """The holder's words, and the names of lines that are not handed on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"words": "The UPS hums; leave it alone.", "left_out": []}]}
    )
    words: str = Field("", max_length=4000)
    left_out: list[str] = Field(default_factory=list, max_length=200)


class WatchIn(Schema):
    """What to keep an eye on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"words": "Fan 3 in rack 12"}]})
    words: str = Field(min_length=1, max_length=300)


class WatchOut(Schema):
    """Something to keep an eye on; `ticked_at` null while it is."""

    id: int
    words: str
    added_at: datetime
    added_by: str
    ticked_at: datetime | None
    ticked_by: str


class RefuseIn(Schema):
    """The turn, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"turn_at": "2026-11-14T17:00:00Z", "reason": "I am ill."}]}
    )
    turn_at: Instant
    reason: str = Field("", max_length=1000)


class ReasonIn(Schema):
    """Why, where it is said."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "I am on a train."}]})
    reason: str = Field("", max_length=1000)


class RulesIn(Schema):
    """Minutes before a turn at which the note is drafted; null: as the installation says."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note_minutes": 45}]})
    note_minutes: int | None = Field(None, ge=1, le=720)


class StandbyIn(Schema):
    """The key of the seat that stands behind; null: none does."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"standby_key": "backup"}]})
    standby_key: str | None = Field(None, max_length=50)


class StandbyOut(Schema):
    """What holds now."""

    seat_key: str
    standby_key: str | None


class RulesOut(Schema):
    """What holds now."""

    note_minutes: int


class AwayIn(Schema):
    """Until when."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-11-14T18:40:00Z"}]})
    until: Instant


class AwayOut(Schema):
    """`ended_at` null: still out of reach."""

    person_id: int
    from_at: datetime
    until_at: datetime
    ended_at: datetime | None


class PastOut(Schema):
    """A handover that was: who took it, when and how."""

    id: int
    seat_key: str
    closed_at: datetime
    turn_at: datetime | None
    person_id: int
    person_name: str
    how: str


class CopyOut(Schema):
    """The note as somebody accepted it; `text` is empty where nothing stood in it or its words were erased."""

    at: datetime
    by: str
    via: str
    kind: str
    text: str


class PastOne(PastOut):
    """With the note, each time that somebody accepted it."""

    copies: list[CopyOut]


@router.get("/seats/{seat_key}/handover", response=HandoverOut)
def read_handover(request: HttpRequest, seat_key: str) -> Any:
    """How the handover of a seat stands, and what its note says."""
    return _told(_seat(request, seat_key))


@router.put("/seats/{seat_key}/note", response=HandoverOut)
def write_note(request: HttpRequest, seat_key: str, body: NoteIn) -> Any:
    """What the holder has to say; the rest of the note writes itself."""
    now = clock.now()
    handover_actions.write_note(seat_key=seat_key, **body.dict(), by=actor_of(request), via=Door.API, at=now)
    return _told(_seat(request, seat_key))


@router.get("/seats/{seat_key}/watch-items", response=list[WatchOut])
def list_watch_items(request: HttpRequest, seat_key: str) -> Any:
    """What whoever has the seat keeps an eye on."""
    return list(_seat(request, seat_key).watch_items.filter(ticked_at=None).order_by("added_at", "id"))


@router.post("/seats/{seat_key}/watch-items", response={201: WatchOut})
def add_watch_item(request: HttpRequest, seat_key: str, body: WatchIn) -> Any:
    """One more thing to keep an eye on."""
    now = clock.now()
    return 201, handover_actions.add_watch_item(
        seat_key=seat_key, words=body.words, by=actor_of(request), via=Door.API, at=now
    )


@router.post("/watch-items/{item_id}/tick", response=WatchOut)
def tick_watch_item(request: HttpRequest, item_id: Id) -> Any:
    """Nobody need watch it any more."""
    return handover_actions.tick_watch_item(item_id=item_id, by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/seats/{seat_key}/refuse", response=HandoverOut)
def refuse_turn(request: HttpRequest, seat_key: str, body: RefuseIn) -> Any:
    """You will not take that turn of yours: whoever has the seat keeps it, and others are told."""
    handover_actions.refuse_turn(seat_key=seat_key, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now())
    return _told(_seat(request, seat_key))


@router.post("/seats/{seat_key}/offer/accept", response=HandoverOut)
def accept_offer(request: HttpRequest, seat_key: str) -> Any:
    """Take what was passed to you."""
    handover_actions.accept_offer(seat_key=seat_key, by=actor_of(request), via=Door.API, at=clock.now())
    return _told(_seat(request, seat_key))


@router.post("/seats/{seat_key}/offer/refuse", response=HandoverOut)
def refuse_offer(request: HttpRequest, seat_key: str, body: ReasonIn) -> Any:
    """Do not take what was passed to you; the giver is told why."""
    handover_actions.refuse_offer(
        seat_key=seat_key, reason=body.reason, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return _told(_seat(request, seat_key))


@router.put("/seats/{seat_key}/handover-rules", response=RulesOut)
def save_handover_rules(request: HttpRequest, seat_key: str, body: RulesIn) -> Any:
    """When the note of the seat is drafted."""
    before = handover_actions.save_handover_rules(
        seat_key=seat_key, note_minutes=body.note_minutes, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {"note_minutes": int(before.total_seconds() // 60)}


@router.put("/seats/{seat_key}/standby", response=StandbyOut)
def set_standby(request: HttpRequest, seat_key: str, body: StandbyIn) -> Any:
    """Which seat stands behind this one; null: none does."""
    standby = standby_actions.set_standby(
        seat_key=seat_key, standby_key=body.standby_key, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return {"seat_key": seat_key, "standby_key": standby.key if standby is not None else None}


@router.get("/seats/{seat_key}/handovers", response=Listing[PastOut])
def list_handovers(request: HttpRequest, seat_key: str, cut: Query[Cut]) -> Any:
    """Every handover of the seat, the newest first."""
    return list_rows(
        request, queries.past_notes(_seat(request, seat_key)), PastOut, cut, newest_first=True, prepare=_past
    )


@router.get("/handovers/{note_id}", response=PastOne)
def read_past_handover(request: HttpRequest, note_id: Id) -> Any:
    """One handover, with the note as it was accepted."""
    rows = Note.objects.filter(closed_at__isnull=False).select_related("seat", "hold__person")
    note = one(readable(request, "read_handover", rows, "seat__rota__brand_id"), id=note_id)
    return _past([note])[0] | {"copies": queries.copies_of(note)}


@router.post("/people/{person_id}/away", response=AwayOut)
def go_out_of_reach(request: HttpRequest, person_id: Id, body: AwayIn) -> Any:
    """Somebody on duty is out of reach until then: pages ring whoever stands behind; the duty stays theirs."""
    return away_actions.go_out_of_reach(
        person_id=person_id, until_at=body.until, by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.post("/people/{person_id}/back", response=AwayOut | None)
def come_back(request: HttpRequest, person_id: Id) -> Any:
    """They are in reach again, and are sent what happened; null where they were."""
    return away_actions.come_back(person_id=person_id, by=actor_of(request), via=Door.API, at=clock.now())


def _seat(request: HttpRequest, seat_key: str) -> Seat:
    rows = Seat.objects.select_related("rota").filter(key=seat_key)
    seat = readable(request, "read_handover", rows, "rota__brand_id").first()
    if seat is None:
        raise NotFound(_("A seat was asked for."), _("There is none that you may see."), _("Look at who is on."))
    return seat


def _told(seat: Seat) -> dict[str, Any]:
    at = clock.now()
    each = queries.handing(seat, at)
    return {
        "seat_key": seat.key,
        "seat_name": seat.name,
        "holder": each.hold.person if each.hold is not None else None,
        "turn_at": each.turn_at,
        "people": each.people,
        "accepted": each.accepted,
        "refused": each.refused,
        "not_taken": each.not_taken is not None,
        "asked": each.asked,
        "offered_to": each.offer.to if each.offer is not None else None,
        "away_until": each.away.until_at if each.away is not None else None,
        "rings": each.rings,
        "drafted_at": each.note.drafted_at if each.note is not None else None,
        "sections": [
            {
                "key": section.key,
                "title": section.title,
                "more": section.more,
                "lines": [
                    {
                        "name": name_of(section, line),
                        "text": line.text,
                        "due_at": line.due_at,
                        "about": list(line.about) if line.about else None,
                    }
                    for line in section.lines
                ],
            }
            for section in sections.written(seat, each.note, each.hold, at)
        ],
    }


def _past(notes: list[Note]) -> list[dict[str, Any]]:
    return [
        {
            "id": note.pk,
            "seat_key": note.seat.key,
            "closed_at": note.closed_at,
            "turn_at": note.turn_at,
            "person_id": note.hold.person_id,
            "person_name": note.hold.person.name,
            "how": note.hold.how,
        }
        for note in notes
        if note.hold is not None
    ]
