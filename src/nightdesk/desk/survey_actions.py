"""The verbs of surveys: asked once a ticket is closed, answered by one click and then in words, by whoever has the link."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import promise
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.rows import one_at_a_time
from nightdesk.base.words import gettext as _
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.desk import decide, queries
from nightdesk.desk.actions import _entry, _locked, _record, _write
from nightdesk.desk.bulk_actions import UNDO_WITHIN
from nightdesk.desk.decide import State
from nightdesk.desk.models import Bulk, Entry, SupplierTicket, Survey, Ticket
from nightdesk.journal.kinds import kind
from nightdesk.outages.published_queries import address_of

SURVEY_ASKED = kind("ticket.survey-asked", gettext_lazy("The requester of ticket {number} was asked what they think"))
SURVEY_ANSWERED = kind("ticket.survey-answered", gettext_lazy("Ticket {number} was given {score} of 5"))

ASK = "desk.ask_survey"
"""The follow-up of a closed ticket."""
LONGEST_WORDS = 4000
ANSWERED_WITHIN_DAYS = 60


@transaction.atomic
def ask_survey(*, ticket_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Whoever asked for the ticket is sent one question, where the rules want it and they were not asked lately; not whoever is
    written to about it no more, nor has left, and not before a press that closed it can no longer be taken back. Two tickets of
    one address wait for each other here.

    Returns what was done. The link's secret is in that mail alone.
    """
    ticket = _locked(ticket_id, None, by)
    if (
        ticket.closed_at is not None
        and at < ticket.closed_at + UNDO_WITHIN
        and _closed_with_others(ticket.pk, ticket.closed_at)
    ):
        promise(
            ASK,
            subject=("ticket", ticket.id),
            due_at=ticket.closed_at + UNDO_WITHIN,
            why=_("It was closed, and that can still be taken back."),
            at=at,
            occurrence=f"{ticket.id}:{ticket.closed_at.isoformat()}",
            brand_id=ticket.brand_id,
        )
        return _("They are asked once its closing cannot be taken back.")
    one_at_a_time(f"survey {ticket.requester_address.lower()}")
    last = Survey.objects.filter(address__iexact=ticket.requester_address).order_by("-asked_at").first()
    wanted = decide.asks_survey(
        wanted=queries.rules_of(ticket.brand_id).surveys,
        state=State(ticket.state),
        from_machine=ticket.trust == Ticket.Trust.MACHINE,
        has_address=_may_be_asked(ticket),
        last_asked_at=last.asked_at if last else None,
        at=at,
    )
    if not wanted or ticket.merged_into_id is not None or Survey.objects.filter(ticket=ticket).exists():
        return _("Nobody is asked.")
    secret = secrets.token_urlsafe(24)
    supplied = SupplierTicket.objects.filter(ticket=ticket).order_by("-opened_at").first()
    survey = Survey.objects.create(
        ticket=ticket,
        brand_id=ticket.brand_id,
        address=ticket.requester_address,
        digest=_digest(secret),
        team_id=ticket.team_id or ticket.owner_id,
        supplier_id=supplied.supplier_id if supplied else None,
        asked_at=at,
    )
    contact = ticket.contact
    spoken = (contact.language or contact.customer.language) if contact is not None else ticket.brand.language
    with translation.override(spoken):
        title = _("{tag} How did we do?").format(tag=ticket.tag)
        lines = [
            _("Your ticket is closed: {title}").format(title=ticket.title),
            "",
            _("How did we do? One click says it:"),
        ]
        here = address_of(ticket.brand_id)
        words = {5: _("very well"), 4: _("well"), 3: _("so-so"), 2: _("badly"), 1: _("very badly")}
        lines += [f"{words[score]}: {here}/survey/{secret}/{score}" for score in (5, 4, 3, 2, 1)]
    cause = _record(ticket, SURVEY_ASKED, {"survey": survey.pk}, by, via, at)
    queue_message(
        kind="ticket.survey",
        subject=("ticket", ticket.id),
        title=title,
        body="\n".join(lines),
        to=[Recipient("contact", ticket.contact_id or 0, "email", ticket.requester_address, at)],
        brand_id=ticket.brand_id,
        cause=cause,
        lane="bulk",
        private=True,
        by=by,
        via=via,
        at=at,
    )
    return _("One person was asked.")


@transaction.atomic
def answer_survey(*, secret: str, score: int, words: str | None = None, by: Actor, via: Door, at: datetime) -> Survey:
    """They think so; a later answer takes the place of an earlier one. `words` None leaves what was written.

    Whoever has the link may. Raises NotFound, Invalid, IllegalTransition (asked too long ago).
    """
    asked = _("A question was answered.")
    survey = Survey.objects.select_for_update().filter(digest=_digest(secret)).first()
    if survey is None:
        raise NotFound(asked, _("The link is none of ours."), _("Use the one in our mail, whole."))
    if not 1 <= score <= 5:
        raise Invalid(asked, _("{score} is no answer.").format(score=score), _("Give 1 to 5."))
    if (at - survey.asked_at).days >= ANSWERED_WITHIN_DAYS:
        raise IllegalTransition(asked, _("It was asked too long ago."), _("Write to us; we still want to know."))
    changed = (survey.score, survey.words) != (score, survey.words if words is None else words.strip()[:LONGEST_WORDS])
    survey.score, survey.answered_at = score, at
    if words is not None:
        survey.words = words.strip()[:LONGEST_WORDS]
    survey.save(update_fields=["score", "words", "answered_at"])
    if changed:
        ticket = Ticket.objects.select_related("brand").get(pk=survey.ticket_id)
        facts = {"score": score}
        _write([_entry(ticket, Entry.Kind.SYSTEM, by, via, at, text=survey.words, facts={"survey": facts})])
        _record(ticket, SURVEY_ANSWERED, facts, by, via, at, text=survey.words)
    return survey


def _closed_with_others(ticket_id: UUID, closed_at: datetime) -> bool:
    """Whether it was closed by a press that is offered to be taken back."""
    pressed = Bulk.objects.filter(at=closed_at, undone_at=None)
    return pressed.filter(rows__contains=[{"ticket": str(ticket_id)}]).exists()


def _may_be_asked(ticket: Ticket) -> bool:
    if not ticket.requester_address or (ticket.contact is not None and ticket.contact.left_at is not None):
        return False
    return ticket.requester_address.lower() not in {address for address, _name in queries.removed_from(ticket)}


def _digest(secret: str) -> str:
    """What is kept of a link's secret, in hex; 192 random bits need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()
