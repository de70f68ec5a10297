"""How tickets belong together: links, merge and split with the way back, major incidents, and answers that return."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.tickets import TicketWhole, WhyIn, example
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.desk import linking_actions
from nightdesk.desk.linking_actions import Change
from nightdesk.desk.models import Lesson, Link, Ticket

router = Router(tags=["tickets"])

Kind = Literal["related", "follows", "caused_by"]


class TicketLinkOut(Schema):
    """`ticket_id` is of this `kind` to `other_id`."""

    ticket_id: UUID
    other_id: UUID
    other_number: int
    kind: Kind

    @staticmethod
    def resolve_other_number(link: Link) -> int:
        """As people say it."""
        return link.other.number


class TicketLinkIn(Schema):
    """The other ticket, and how this one belongs with it."""

    model_config = example(other_id="0190c1f2-0000-7000-8000-000000000000", kind="related")
    other_id: UUID
    kind: Kind


class MergeIn(Schema):
    """The ticket that goes on."""

    model_config = example(into_id="0190c1f2-0000-7000-8000-000000000000")
    into_id: UUID


class SplitIn(Schema):
    """What of the story goes into the new ticket, and what that is about."""

    model_config = example(entry_ids=["0190c1f2-0000-7000-8000-000000000000"], title="The telephones, too")
    entry_ids: list[UUID] = Field(min_length=1, max_length=500)
    title: str = Field(min_length=1, max_length=300)


class UnderIn(Schema):
    """The major incident."""

    model_config = example(parent_id="0190c1f2-0000-7000-8000-000000000000")
    parent_id: UUID


class ChildrenUpdateIn(Schema):
    """What each of them reads; {name}, {number}, {service} and {title} stand for each one's own."""

    model_config = example(text="Dear {name}, {service} works again.")
    text: str = Field(min_length=1, max_length=20_000)


class ChildrenTold(Schema):
    """How many were written to."""

    count: int


class AnswerBackIn(Schema):
    """What was found."""

    model_config = example(answer="The optic was dirty: clean it, then reset the port.")
    answer: str = Field(min_length=1, max_length=20_000)


class LessonOut(Schema):
    """What somebody behind the desk found, on its way back to the engineer who had escalated the ticket (`person_id`).

    `proposed`: the proposal to a procedure that came of it, "" where none did.
    """

    id: int
    ticket_id: UUID
    person_id: int
    answered_by: str
    answer: str
    made_at: datetime
    confirmed_at: datetime | None
    proposed: str


class LessonFilter(Schema):
    """Fields that are not given leave the list whole."""

    ticket_id: UUID | None = None
    person_id: Id | None = None
    confirmed: bool | None = Field(None, description="Whether they have said that they know it now.")


class LessonChange(Schema):
    """Other words for a procedure, over its version `over`, and why."""

    procedure_id: Id
    body: str = Field(min_length=1, max_length=200_000)
    why: str = Field(min_length=1, max_length=2000)
    over: Id


class LessonLearned(Schema):
    """That it is known now; with a `change` it is proposed to a procedure's owner."""

    model_config = example(change=None)
    change: LessonChange | None = None


# --- Links, merge and split ------------------------------------------------------------------------------------------


@router.get("/tickets/{ticket_id}/links", response=list[TicketLinkOut])
def list_ticket_links(request: HttpRequest, ticket_id: UUID) -> Any:
    """What the ticket is linked with."""
    ticket = one(readable(request, "read_tickets", Ticket.objects.all()), id=ticket_id)
    return Link.objects.filter(ticket=ticket).select_related("other").order_by("id")


@router.post("/tickets/{ticket_id}/links", response={201: TicketLinkOut})
def link_tickets(request: HttpRequest, ticket_id: UUID, body: TicketLinkIn) -> Any:
    """Link it with another one of the brand."""
    return Status(201, linking_actions.link_tickets(ticket_id=ticket_id, **body.dict(), **_doing(request)))


@router.delete("/tickets/{ticket_id}/links/{other_id}/{kind}", response={204: None})
def unlink_tickets(request: HttpRequest, ticket_id: UUID, other_id: UUID, kind: Kind) -> Any:
    """They are linked so no more."""
    linking_actions.unlink_tickets(ticket_id=ticket_id, other_id=other_id, kind=kind, **_doing(request))
    return Status(204, None)


@router.post("/tickets/{ticket_id}/merge", response=TicketWhole)
def merge_ticket(request: HttpRequest, ticket_id: UUID, body: MergeIn) -> Any:
    """It goes on in the other, which comes back; mail to either lands there."""
    return linking_actions.merge_ticket(ticket_id=ticket_id, into_id=body.into_id, **_doing(request))


@router.post("/tickets/{ticket_id}/unmerge", response=TicketWhole)
def unmerge_ticket(request: HttpRequest, ticket_id: UUID) -> Any:
    """It is one of its own again, as it was; what was said since stays with the other."""
    return linking_actions.unmerge_ticket(ticket_id=ticket_id, **_doing(request))


@router.post("/tickets/{ticket_id}/split", response={201: TicketWhole})
def split_ticket(request: HttpRequest, ticket_id: UUID, body: SplitIn) -> Any:
    """A new ticket of the same customer has these entries of the story, which leave this one."""
    return Status(201, linking_actions.split_ticket(ticket_id=ticket_id, **body.dict(), **_doing(request)))


@router.post("/tickets/{ticket_id}/rejoin", response=TicketWhole)
def rejoin_ticket(request: HttpRequest, ticket_id: UUID) -> Any:
    """What was split off is where it came from again, which comes back."""
    return linking_actions.rejoin_ticket(ticket_id=ticket_id, **_doing(request))


# --- Major incidents -------------------------------------------------------------------------------------------------


@router.post("/tickets/{ticket_id}/major/propose", response=TicketWhole)
def propose_major(request: HttpRequest, ticket_id: UUID, body: WhyIn) -> Any:
    """It may be a major incident; the desk and its manager are told."""
    return linking_actions.propose_major(ticket_id=ticket_id, why=body.why, **_doing(request))


@router.post("/tickets/{ticket_id}/major/accept", response=TicketWhole)
def accept_major(request: HttpRequest, ticket_id: UUID) -> Any:
    """It is one: tickets can be put under it, and what becomes of it becomes of them."""
    return linking_actions.accept_major(ticket_id=ticket_id, **_doing(request))


@router.post("/tickets/{ticket_id}/major/reject", response=TicketWhole)
def reject_major(request: HttpRequest, ticket_id: UUID, body: WhyIn) -> Any:
    """It is none, or no more; the tickets under it are on their own again."""
    return linking_actions.reject_major(ticket_id=ticket_id, why=body.why, **_doing(request))


@router.put("/tickets/{ticket_id}/parent", response=TicketWhole)
def add_child(request: HttpRequest, ticket_id: UUID, body: UnderIn) -> Any:
    """It is part of that major incident."""
    return linking_actions.add_child(ticket_id=ticket_id, parent_id=body.parent_id, **_doing(request))


@router.delete("/tickets/{ticket_id}/parent", response=TicketWhole)
def remove_child(request: HttpRequest, ticket_id: UUID) -> Any:
    """It is about something else."""
    return linking_actions.remove_child(ticket_id=ticket_id, **_doing(request))


@router.post("/tickets/{ticket_id}/children/messages", response={201: ChildrenTold})
def tell_children(request: HttpRequest, ticket_id: UUID, body: ChildrenUpdateIn) -> Any:
    """Write to all under a major incident, to each on their own ticket, in their own words."""
    return Status(201, {"count": linking_actions.tell_children(ticket_id=ticket_id, text=body.text, **_doing(request))})


# --- What was found out comes back -----------------------------------------------------------------------------------


@router.post("/tickets/{ticket_id}/answer", response=TicketWhole)
def return_answer(request: HttpRequest, ticket_id: UUID, body: AnswerBackIn) -> Any:
    """Give what level 2 or 3 found back to the engineer who had escalated it, who tells the user, and learns it."""
    return linking_actions.return_answer(ticket_id=ticket_id, answer=body.answer, **_doing(request))


@router.get("/lessons", response=Listing[LessonOut])
def list_lessons(request: HttpRequest, cut: Query[Cut], only: Query[LessonFilter]) -> Any:
    """Answers that came back, the newest first."""
    rows = readable(request, "read_tickets", Lesson.objects.all(), "ticket__brand_id")
    rows = rows.filter(**only.dict(exclude_none=True, exclude={"confirmed"}))
    if only.confirmed is not None:
        rows = rows.filter(confirmed_at__isnull=not only.confirmed)
    return list_rows(request, rows, LessonOut, cut, order=("made_at", "id"), newest_first=True)


@router.post("/lessons/{lesson_id}/confirm", response=LessonOut)
def confirm_lesson(request: HttpRequest, lesson_id: Id, body: LessonLearned) -> Any:
    """Say that you know it now, and perhaps propose it to a procedure; only whom it was given back to."""
    lesson = one(readable(request, "note_ticket", Lesson.objects.all(), "ticket__brand_id"), id=lesson_id)
    change = Change(**body.change.dict()) if body.change is not None else None
    return linking_actions.confirm_lesson(lesson_id=lesson.pk, change=change, **_doing(request))


def _doing(request: HttpRequest) -> dict[str, Any]:
    return {"by": actor_of(request), "via": Door.API, "at": clock.now()}
