"""What an answer to a page's message does, by whatever way it came back, and the sentence said in return.

Every function is registered in `wiring` under the name in `ANSWERS`; a refusal becomes a sentence too, as whoever
answers at night has nothing but that sentence.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Refusal
from nightdesk.paging import actions, queries, wording
from nightdesk.paging.models import Page
from nightdesk.people.models import Person

UTC = "UTC"


class AnswerVerb(Protocol):
    def __call__(self, subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
        """Do it, and return the sentence to say back."""


def answer_acknowledge(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """`by` has the page, or is told who has."""
    try:
        page = actions.acknowledge_page(page_id=UUID(subject_id), by=by, via=via, at=at)
    except actions.TakenBy as taken:
        return _("%(name)s took it at %(time)s.") % {"name": taken.name, "time": _clock(taken.since, by)}
    except Refusal as refusal:
        return _refused(refusal)
    facts = {"title": page.title, "code": page.code}
    if via is Door.PHONE:  # nobody can reply to a voice
        return _("You have it: %(title)s.") % facts
    return _("You have it: %(title)s. Reply done %(code)s when it is fixed.") % facts


def answer_resolve(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """The page is over; `text` says what helped."""
    try:
        page = actions.resolve_page(page_id=UUID(subject_id), resolution=text, by=by, via=via, at=at)
    except Refusal as refusal:
        return _refused(refusal)
    if page.folded_into is not None:
        return _("That is part of %(title)s now. Reply done %(code)s when all of it is fixed.") % {
            "title": page.folded_into.title,
            "code": page.folded_into.code,
        }
    return _("Resolved: %(title)s.") % {"title": page.title}


def answer_escalate(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """The next is woken."""
    try:
        page = actions.escalate_page(page_id=UUID(subject_id), by=by, via=via, at=at)
    except Refusal as refusal:
        return _refused(refusal)
    if page.unreached:
        return _("Nobody else could be woken for %(title)s. It is tried again.") % {"title": page.title}
    return _("The next is being woken for %(title)s.") % {"title": page.title}


def answer_note(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """The words stand in the page's story."""
    try:
        page = actions.note_page(page_id=UUID(subject_id), text=text, by=by, via=via, at=at)
    except Refusal as refusal:
        return _refused(refusal)
    return _("Noted on %(title)s.") % {"title": page.title}


def answer_status(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """How the page stands; changes nothing."""
    page = queries.page(UUID(subject_id), None)
    page = page.folded_into or page
    facts = {"title": page.title, "code": page.code}
    if page.state == Page.State.RESOLVED and page.resolved_at is not None:
        facts |= {"time": _clock(page.resolved_at, by)}
        return _("%(title)s: resolved at %(time)s.") % facts
    if page.owner is not None and page.acknowledged_at is not None:
        facts |= {"name": page.owner.name, "time": _clock(page.acknowledged_at, by)}
        return _("%(title)s: %(name)s took it at %(time)s.") % facts
    if via is Door.PHONE:
        return _("%(title)s: nobody has it.") % facts
    return _("%(title)s: nobody has it. Reply ok %(code)s to take it.") % facts


ANSWERS: Mapping[str, AnswerVerb] = {
    "page.acknowledge": answer_acknowledge,
    "page.resolve": answer_resolve,
    "page.escalate": answer_escalate,
    "page.note": answer_note,
    "page.status": answer_status,
}


def _clock(at: datetime, by: Actor) -> str:
    person = Person.objects.filter(id=by.person_id).first() if by.person_id is not None else None
    return wording.time_of_day(at, person.zone if person else UTC)


def _refused(refusal: Refusal) -> str:
    return f"{refusal.so} {refusal.do}"
