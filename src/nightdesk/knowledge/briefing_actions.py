"""Verbs of briefings: what teams and persons have to have read, and who has."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.models import Promise
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.knowledge import fields
from nightdesk.knowledge.models import Briefing, Confirmation
from nightdesk.knowledge.queries import unconfirmed
from nightdesk.knowledge.registries import TELL
from nightdesk.people.models import Person

BRIEFING_MADE = kind("briefing.made", gettext_lazy("{by} wrote the briefing {briefing}"))
BRIEFING_CONFIRMED = kind("briefing.confirmed", gettext_lazy("{by} has read the briefing {briefing}"))
BRIEFING_REMINDED = kind("briefing.reminded", gettext_lazy("{count} were reminded of the briefing {briefing}"))
BRIEFING_PRESSED = kind(
    "briefing.pressed", gettext_lazy("{by} had those reminded who have not confirmed the briefing {briefing}")
)
BRIEFING_CLOSED = kind("briefing.closed", gettext_lazy("{by} closed the briefing {briefing}"))

REMIND = "briefing.remind"
"""Promise to tell those who have not confirmed a briefing; its subject is the briefing."""
JOINED = "briefing.joined"
"""The follow-up where a team's members were set; its subject is the team."""
LONGEST_WAIT = timedelta(days=366)


@transaction.atomic
def make_briefing(
    *,
    brand_id: int,
    title: str,
    body: str,
    due_at: datetime,
    team_ids: Sequence[int] = (),
    person_ids: Sequence[int] = (),
    service_id: int | None = None,
    remind_days: int = 2,
    by: Actor,
    via: Door,
    at: datetime,
) -> Briefing:
    """Everybody of the teams, and these persons, are told of it now and asked to confirm it until `due_at`.

    What people confirm does not change afterwards: close it and write another. Raises Forbidden, NotFound, Invalid.
    """
    require(by, "make_briefing", brand_id)
    asked = _("A briefing was to be made.")
    if not Brand.objects.filter(id=brand_id).exists():
        raise NotFound(asked, _("There is no such brand."), _("Choose one of the list."))
    if not at < due_at <= at + LONGEST_WAIT:
        raise Invalid(asked, _("It is to be read by no day that lies ahead within a year."), _("Give such a day."))
    if not 0 <= remind_days <= 90:
        raise Invalid(asked, _("The days between reminders do not fit."), _("Give 0 (never) to 90."))
    teams = fields.teams_of(brand_id, team_ids, asked)
    persons = [person for each in set(person_ids) if (person := fields.active_person(each, asked)) is not None]
    if not (teams or persons):
        raise Invalid(asked, _("Nobody is asked to read it."), _("Choose a team, or persons."))
    services = fields.services_of(brand_id, [] if service_id is None else [service_id], asked)
    row = Briefing.objects.create(
        brand_id=brand_id,
        title=one_line(title, 160, _("title")),
        body=fields.body(body),
        service=services[0] if services else None,
        made_by=by.name[:120],
        made_at=at,
        due_at=due_at,
        remind_days=remind_days,
    )
    row.teams.set(teams)
    row.persons.set(persons)
    _record(BRIEFING_MADE, row, by, via, at)
    _promise(row, at, _("those who must read “%s” are told") % row.title, at)
    return row


@transaction.atomic
def confirm_briefing(*, briefing_id: int, by: Actor, via: Door, at: datetime) -> Briefing:
    """The actor has read it and can work with it; once said, it stays. Whoever was not asked may say so too.

    Raises Forbidden, NotFound, Invalid (no person of ours).
    """
    row = _locked(briefing_id, "confirm_briefing", by)
    if by.person_id is None:
        raise Invalid(
            _("You wanted to confirm a briefing."), _("You are not on the staff list."), _("Sign in as yourself.")
        )
    _one, new = Confirmation.objects.get_or_create(
        briefing=row, person_id=by.person_id, defaults={"at": at, "via": via}
    )
    if new:
        _record(BRIEFING_CONFIRMED, row, by, via, at)
        if not unconfirmed([row])[row.pk]:
            void_promises(("briefing", row.pk), at=at, kinds=(REMIND,))
    return row


@transaction.atomic
def remind_briefing(*, briefing_id: int, by: Actor, via: Door, at: datetime) -> Briefing:
    """Those who have not confirmed it are told now, and the days to the next reminder begin anew.

    Raises Forbidden, NotFound, IllegalTransition (it is closed, or everybody has).
    """
    row = _locked(briefing_id, "remind_briefing", by)
    asked = _("You wanted to remind those who have not confirmed a briefing.")
    if row.closed_at is not None:
        raise IllegalTransition(asked, _("It is closed."), _("Write another."))
    if not unconfirmed([row])[row.pk]:
        raise IllegalTransition(asked, _("Everybody has confirmed it."), _("Nothing needs to be done."))
    void_promises(("briefing", row.pk), at=at, kinds=(REMIND,))
    _promise(row, at, _("%s asked for it") % by.name, at)
    _record(BRIEFING_PRESSED, row, by, via, at)
    return row


@transaction.atomic
def close_briefing(*, briefing_id: int, by: Actor, via: Door, at: datetime) -> Briefing:
    """Nobody is asked or reminded any more. Repeating it changes nothing. Raises Forbidden, NotFound."""
    row = _locked(briefing_id, "close_briefing", by)
    if row.closed_at is None:
        row.closed_at = at
        row.save(update_fields=["closed_at"])
        void_promises(("briefing", row.pk), at=at, kinds=(REMIND,))
        _record(BRIEFING_CLOSED, row, by, via, at)
    return row


@transaction.atomic
def tell_unconfirmed(*, briefing_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Those who have not confirmed it are told by their quiet ways, and the next reminder is promised. Returns what was done."""
    row = Briefing.objects.select_for_update().filter(id=briefing_id, closed_at=None).first()
    missing = unconfirmed([row])[row.pk] if row is not None else []
    if row is None or not missing:
        return _("Nothing was to be done.")
    if row.remind_days:
        _promise(row, at + timedelta(days=row.remind_days), _("not everybody has read “%s”") % row.title, at)
    cause = _record(BRIEFING_REMINDED, row, by, via, at, count=len(missing))
    return _tell(row, missing, cause, by, via, at)


@transaction.atomic
def tell_newcomers(*, team_id: int, person_ids: Sequence[int], by: Actor, via: Door, at: datetime) -> str:
    """Whoever is new in the team is told of each open briefing of it that they have not confirmed. Returns what was done."""
    told = 0
    for row in Briefing.objects.select_for_update(of=("self",)).filter(teams=team_id, closed_at=None).order_by("id"):
        new = [person for person in unconfirmed([row])[row.pk] if person.pk in person_ids]
        if not new:
            continue
        told += 1
        cause = _record(BRIEFING_REMINDED, row, by, via, at, count=len(new))
        _tell(row, new, cause, by, via, at)
        waits = Promise.objects.filter(subject_kind="briefing", subject_id=str(row.pk), kind=REMIND, ended_at=None)
        if row.remind_days and not waits.exists():
            _promise(row, at + timedelta(days=row.remind_days), _("not everybody has read “%s”") % row.title, at)
    return _("Told of %(count)d briefings.") % {"count": told}


def _tell(row: Briefing, people: Sequence[Person], cause: UUID, by: Actor, via: Door, at: datetime) -> str:
    address = f"{settings.PUBLIC_URL}/knowledge/briefings/{row.pk}"
    body = _("Read it, and say that you have: %s") % address
    count = sum(
        tell(
            [person.pk for person in people],
            kind=REMIND,
            subject=("briefing", row.pk),
            title=_("Please read: %s") % row.title,
            body=body,
            brand_id=row.brand_id,
            cause=cause,
            by=by,
            via=via,
            at=at,
        )
        for tell in TELL
    )
    return _("Told %(count)d.") % {"count": count}


def _locked(briefing_id: int, verb: str, by: Actor) -> Briefing:
    row = Briefing.objects.select_for_update().filter(id=briefing_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(_("You asked for a briefing."), _("There is none of that number."), _("Look at the list."))
    return row


def _promise(row: Briefing, due_at: datetime, why: str, at: datetime) -> None:
    promise(REMIND, subject=("briefing", row.pk), due_at=due_at, why=why, at=at, brand_id=row.brand_id)


def _record(kind_of: str, row: Briefing, by: Actor, via: Door, at: datetime, **facts: Any) -> UUID:
    known = {"briefing": row.title, **facts}
    return record(kind_of, subject=("briefing", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=known)
