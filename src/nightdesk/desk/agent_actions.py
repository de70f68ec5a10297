"""What an agent keeps about their own work: what they have begun to write, which ticket they have open, saved views.

None of it is the customer's or the record's, so the journal says nothing of drafts and of who is looking.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import may, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.desk.actions import LONGEST_TEXT, Words, reply_to_customer, resolve_ticket
from nightdesk.desk.models import Draft, Presence, SavedView, Ticket
from nightdesk.desk.worklist import Wanted
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Team

VIEW_SAVED = kind("desk.view-saved", gettext_lazy("{by} keeps the view {name}"))
VIEW_REMOVED = kind("desk.view-removed", gettext_lazy("{by} no longer keeps the view {name}"))

PRESENT_FOR = timedelta(seconds=30)
"""So long somebody is taken to look at a ticket after they were last heard."""
TYPES_FOR = timedelta(seconds=20)
FORGOTTEN_AFTER = timedelta(minutes=10)


@transaction.atomic
def keep_draft(*, ticket_id: UUID, kind: str, text: str, by: Actor, via: Door, at: datetime) -> Draft | None:
    """What `by` has begun to write is kept; no words, no draft. Raises Forbidden, NotFound, Invalid."""
    del via
    ticket = _readable(ticket_id, "keep_draft", by)
    person_id = _somebody(by)
    if kind not in Draft.Kind or len(text) > LONGEST_TEXT:
        raise Invalid(_("A draft was to be kept."), _("It is too long, or of no kind."), _("Attach it as a file."))
    if not text.strip():
        Draft.objects.filter(person=person_id, ticket=ticket, kind=kind).delete()
        return None
    return Draft.objects.update_or_create(
        person_id=person_id, ticket=ticket, kind=kind, defaults={"text": text, "changed_at": at}
    )[0]


@transaction.atomic
def note_presence(*, ticket_id: UUID, typing: bool, here: bool, by: Actor, via: Door, at: datetime) -> None:
    """`by` has the ticket open now, and types, or (`here` False) has left it. Raises Forbidden, NotFound."""
    del via
    ticket = _readable(ticket_id, "note_presence", by)
    person_id = _somebody(by)
    if not here:
        Presence.objects.filter(ticket=ticket, person=person_id).delete()
        return
    row = {"seen_at": at, **({"typed_at": at} if typing else {})}
    Presence.objects.update_or_create(ticket=ticket, person_id=person_id, defaults=row)
    Presence.objects.filter(seen_at__lt=at - FORGOTTEN_AFTER).delete()


@transaction.atomic
def answer_ticket(
    *,
    ticket_id: UUID,
    words: Words,
    then: Literal["", "wait", "resolve"] = "",
    what_was_wrong: str = "",
    what_was_done: str = "",
    what_to_do: str = "",
    contact_kind: str = "",
    by_phone: bool = False,
    why_now: str = "",
    seen_id: UUID | None = None,
    next_step: str = "",
    next_step_at: datetime | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> None:
    """The customer is answered, and the ticket is kept, waits for them, or is resolved; the draft is gone.

    Resolving by an answer of one's own says the three in the same message, below it. Raises what `reply_to_customer` and
    `resolve_ticket` do, and then nothing has happened.
    """
    _readable(ticket_id, "answer_ticket", by)
    doing: dict[str, Any] = {"by": by, "via": via, "at": at}
    told: dict[str, Any] = {"what_was_wrong": what_was_wrong, "what_was_done": what_was_done, "what_to_do": what_to_do}
    resolving = then == "resolve"
    own_words = by_phone or bool(words.text.strip() or words.files)
    if own_words or not resolving:
        if resolving:
            below = [each.strip() for each in told.values() if each.strip() and each.strip() not in words.text]
            words = Words("\n\n".join(filter(None, [words.text.strip(), *below])), files=words.files)
        reply_to_customer(
            ticket_id=ticket_id,
            words=words,
            contact_kind=contact_kind,
            by_phone=by_phone,
            then="wait" if then == "wait" else "",
            why_now=why_now,
            seen_id=seen_id,
            next_step="" if resolving else next_step,
            next_step_at=None if resolving else next_step_at,
            **doing,
        )
    if resolving:
        told |= {"contact_kind": contact_kind, "why_now": why_now, "seen_id": None if own_words else seen_id}
        resolve_ticket(ticket_id=ticket_id, **told, tell=not own_words, **doing)
    Draft.objects.filter(person=by.person_id, ticket=ticket_id, kind=Draft.Kind.REPLY).delete()


@transaction.atomic
def save_view(
    *, name: str, filters: Mapping[str, Any], team_id: int | None = None, by: Actor, via: Door, at: datetime
) -> SavedView:
    """A way to look at tickets under a name; the members of the team see it too. The same name replaces it.

    Raises Forbidden, NotFound (no such team, or none of theirs), Invalid.
    """
    person_id = _somebody(by)
    team = Team.objects.filter(id=team_id, members=person_id).first() if team_id is not None else None
    if team_id is not None and team is None:
        raise NotFound(_("A view was to be shared."), _("You are not in that team."), _("Choose one of your teams."))
    if not any(may(by, "save_view", brand) for brand, _role in by.grants):
        raise Forbidden(_("A view was to be kept."), _("You may not see tickets."), _("Ask for a role that may."))
    name = one_line(name, 60, _("name"))
    wanted = Wanted.from_query(filters)
    with unless_taken(_("A view was to be kept."), _("Its name is taken."), _("Take another.")):
        view, _made = SavedView.objects.update_or_create(
            person_id=person_id, name__iexact=name, defaults={"name": name, "team": team, "filters": wanted.as_query()}
        )
    record(VIEW_SAVED, subject=("person", person_id), by=by, via=via, at=at, brand_id=None, facts={"name": name})
    return view


@transaction.atomic
def remove_view(*, view_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The view is gone, for those whom it was shared with too; only its maker may. Raises NotFound, Forbidden."""
    person_id = _somebody(by)
    view = SavedView.objects.filter(id=view_id, person=person_id).first()
    if view is None:
        raise NotFound(_("A view was to go."), _("You have none such."), _("Look at your views."))
    if not any(may(by, "remove_view", brand) for brand, _role in by.grants):
        raise Forbidden(_("A view was to go."), _("You may not see tickets."), _("Ask for a role that may."))
    name = view.name
    view.delete()
    record(VIEW_REMOVED, subject=("person", person_id), by=by, via=via, at=at, brand_id=None, facts={"name": name})


def _readable(ticket_id: UUID, verb: str, by: Actor) -> Ticket:
    ticket = Ticket.objects.filter(id=ticket_id).only("id", "brand_id").first()
    if ticket is None:
        raise NotFound(_("A ticket was asked for."), _("There is no such ticket."), _("Look at the list."))
    require(by, verb, ticket.brand_id)
    return ticket


def _somebody(by: Actor) -> int:
    """The id of the person who acts. Raises Forbidden for who is not on the staff list."""
    if by.person_id is None:
        raise Forbidden(
            _("Something of your own was to be kept."),
            _("You are not on the staff list."),
            _("Ask a manager to put you on it."),
        )
    return by.person_id
