"""Who is told what of a visit, by which of their ways: messages and pages, all by the machinery that pages have."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.duty.reaching import all_ways
from nightdesk.paging import actions as paging
from nightdesk.paging import decide as paging_decide
from nightdesk.paging.models import Page
from nightdesk.paging.queries import Roll
from nightdesk.people.models import Person
from nightdesk.safety import queries, wording
from nightdesk.safety.models import Visit

CHECK_IN, HELP, BACK, NOTE, STANDS = "visit.check_in", "visit.help", "visit.back", "visit.note", "visit.stands"
"""What answers stand for; `tasks.ANSWERS` does it."""
ASK, RING, EMERGENCY, WATCHES, CLEAR = "visit.ask", "visit.ring", "visit.emergency", "visit.watches", "visit.clear"
"""Kinds of messages."""
AT_HAND = frozenset({"sms", "push", "pocket", "pager", "webhook"})
"""Channels of somebody who is out: what lies in a mailbox nobody reads on a ladder."""
AGAIN_AFTER = timedelta(minutes=3)
ALARM_REPEATS = 7
"""So long that our own step to the duty manager comes before the page's."""


def ask(visit: Visit, cause: UUID, at: datetime) -> None:
    """Ask whether they are well, by all that is at hand."""
    for person in visit.people:
        ways = all_ways(person, at, loud=True)
        to = [one for one in ways if one.channel in AT_HAND] or [one for one in ways if one.channel != "voice"] or ways
        with translation.override(person.language):
            title, body = wording.asking(visit)
        _send(visit, ASK, title, body, to, cause, at, note=True)


def ring(visit: Visit, cause: UUID, at: datetime) -> None:
    """Ring their telephones; where none can be rung the question goes by every other way once more."""
    for person in visit.people:
        ways = all_ways(person, at, loud=True)
        phones = [one for one in ways if one.channel == "voice"]
        if not phones and queries.has_voice():
            phones = [Recipient("person", person.pk, "voice", one.address, at) for one in ways if one.channel == "sms"]
        with translation.override(person.language):
            if phones:
                _send(visit, RING, wording.ringing(visit), "", phones, cause, at)
            else:
                title, body = wording.asking(visit)
                _send(visit, ASK, title, body, ways, cause, at, note=True)


def tell_watcher(visit: Visit, cause: UUID, at: datetime) -> None:
    """Whoever watches knows that they do."""
    with translation.override(visit.watcher.language):
        title, body = wording.watching(visit)
    to = all_ways(visit.watcher, at, loud=False)
    _queue(visit, WATCHES, title, body, to, cause, at)


def alarm_watcher(visit: Visit, cause: UUID, at: datetime) -> Page:
    """A page rings the watcher, and whoever has their seat by now, until somebody takes it; the note is texted to them."""
    targets = [paging_decide.Target("person", str(visit.watcher_id))]
    if visit.watcher_seat is not None:
        targets.append(paging_decide.Target("seat", visit.watcher_seat.key))
    ladder = paging_decide.Policy(
        (paging_decide.Step(timedelta(0), tuple(targets)),), repeat=ALARM_REPEATS, again_after=AGAIN_AFTER
    )
    return _page(visit, ladder, cause, at)


def alarm_manager(visit: Visit, cause: UUID, at: datetime) -> Page:
    """The duty manager is rung, and where nobody takes it everybody."""
    ladder = paging_decide.Policy(
        (paging_decide.Step(timedelta(0), (paging_decide.MANAGER,)),), repeat=0, again_after=AGAIN_AFTER
    )
    return _page(visit, ladder, cause, at)


def _page(visit: Visit, ladder: paging_decide.Policy, cause: UUID, at: datetime) -> Page:
    page = paging.trigger_page(
        brand_id=visit.brand_id,
        title=wording.page_title(visit),
        priority="P1",
        ladder=ladder,
        details={"visit": str(visit.pk)},
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    roll = Roll(page, at)
    keys = {one.person: None for target in ladder.steps[0].targets for one in roll.candidates(target)}
    send_emergency(visit, (roll.person(key) for key in keys), cause, at)
    return page


def send_emergency(visit: Visit, people: Iterable[Person], cause: UUID, at: datetime) -> None:
    """The emergency note goes to each by every way that carries text; the page rings them for it."""
    for person in people:
        if person.pk in visit.people_ids:
            continue
        with translation.override(person.language):
            title, body = wording.emergency(visit, person)
        to = [one for one in all_ways(person, at, loud=True) if one.channel != "voice"]
        _queue(visit, EMERGENCY, title, body, to, cause, at)


def send_note(visit: Visit, words: str, cause: UUID, at: datetime) -> None:
    """What the visitor wrote that is no answer we know: it may be anything, so whoever watches reads it at once."""
    with translation.override(visit.watcher.language):
        title = _("{name}, whom you watch, writes:").format(name=wording.names(visit))
    to = [one for one in all_ways(visit.watcher, at, loud=True) if one.channel != "voice"]
    _queue(visit, EMERGENCY, title, words, to, cause, at)


def all_clear(visit: Visit, people: Iterable[Person], how: str, cause: UUID, at: datetime) -> None:
    """Who was alarmed hears that it is over."""
    for person in people:
        if person.pk in visit.people_ids:
            continue
        with translation.override(person.language):
            title = wording.all_clear(visit, how)
        to = [one for one in all_ways(person, at, loud=True) if one.channel != "voice"]
        _queue(visit, CLEAR, title, "", to, cause, at)


def _send(
    visit: Visit,
    kind: str,
    title: str,
    body: str,
    to: list[Recipient],
    cause: UUID,
    at: datetime,
    *,
    note: bool = False,
) -> None:
    """A question: it may be answered until the next one is asked."""
    if not to:
        return
    subject = ("visit", visit.pk)
    about = ["visit", str(visit.pk)]
    answers = {"acknowledge": [CHECK_IN, *about], "decline": [HELP, *about], "resolve": [BACK, *about]}
    answers |= {"status": [STANDS, *about]} | ({"note": [NOTE, *about]} if note else {})
    queue_message(
        kind=kind,
        subject=subject,
        title=title,
        body=body,
        to=to,
        brand_id=visit.brand_id,
        answers=answers,
        valid_until=at + visit.every + visit.grace,
        cause=cause,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def _queue(visit: Visit, kind: str, title: str, body: str, to: list[Recipient], cause: UUID, at: datetime) -> None:
    """What is said to others; another subject than our questions, so that an answer does not call it back."""
    if not to:
        return
    queue_message(
        kind=kind,
        subject=("visit_alarm", visit.pk),
        title=title,
        body=body,
        to=to,
        brand_id=visit.brand_id,
        valid_until=at + timedelta(hours=4),
        cause=cause,
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
