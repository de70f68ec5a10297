"""Newcomers beside those who know: paired for a time."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.duty.models import Pairing
from nightdesk.journal.kinds import kind
from nightdesk.people.actions import _person, _record
from nightdesk.people.models import Person
from nightdesk.people.skill_queries import newcomers
from nightdesk.rota.queries import load_seat

PAIRED = kind("person.paired", gettext_lazy("{by} put {person} beside {beside}"))
PAIRING_ENDED = kind("person.pairing_ended", gettext_lazy("{by} ended that {person} is beside {beside}"))

LONGEST = timedelta(days=366)


@transaction.atomic
def pair_newcomer(
    *,
    newcomer_id: int,
    person_id: int | None = None,
    seat_key: str | None = None,
    starts_at: datetime,
    ends_at: datetime,
    by: Actor,
    via: Door,
    at: datetime,
) -> Pairing:
    """Over [`starts_at`, `ends_at`) the newcomer is beside the person, or beside whoever has the seat. They are sent silent
    copies of those one's pages, and may be brought into their calls.

    One that was to begin before `at` begins at `at`. Repeating it changes nothing. Raises Forbidden, NotFound, Invalid for
    both or neither, for times that cannot be, and for somebody who is new too; IllegalTransition for one who is no newcomer.
    """
    newcomer = _person(newcomer_id, by, "pair_newcomer")
    asked = _("%s was to be on beside somebody.") % newcomer.name
    if (person_id is None) == (seat_key is None):
        raise Invalid(asked, _("Either a person or a seat says beside whom."), _("Give one of them."))
    if newcomer.pk not in newcomers([newcomer.pk]):
        raise IllegalTransition(asked, _("They are no newcomer."), _("Say first that they are new."))
    starts_at = max(starts_at, at)
    if not starts_at < ends_at <= starts_at + LONGEST:
        raise Invalid(
            asked, _("It would be over before it begins, or last for more than a year."), _("Give other days.")
        )
    seat = load_seat(seat_key) if seat_key is not None else None
    person = Person.objects.filter(pk=person_id, active=True).first() if person_id is not None else None
    if seat is None and person is None:
        raise NotFound(asked, _("There is no such active person."), _("Choose one of the staff."))
    if person is not None and (person.pk == newcomer.pk or person.pk in newcomers([person.pk])):
        raise Invalid(asked, _("%s is new too.") % person.name, _("Choose somebody who may be on alone."))
    columns = {"newcomer": newcomer, "person": person, "seat": seat, "ends_at": ends_at, "ended_at": None}
    there = Pairing.objects.filter(**columns, starts_at__lte=starts_at).first()
    if there is not None:
        return there
    row = Pairing.objects.create(**columns, starts_at=starts_at)
    facts = {"from": starts_at.isoformat(), "until": ends_at.isoformat()}
    _record(PAIRED, newcomer, by, via, at, beside=_name(row), pairing=row.pk, **facts)
    return row


@transaction.atomic
def end_pairing(*, pairing_id: int, by: Actor, via: Door, at: datetime) -> Pairing:
    """The newcomer is beside them no longer, or will not be. Repeating it changes nothing. Raises Forbidden, NotFound."""
    row = Pairing.objects.select_related("person", "seat").filter(pk=pairing_id).first()
    if row is None:
        raise NotFound(
            _("The pairing %s was to end.") % pairing_id, _("There is none."), _("Look at the list of newcomers.")
        )
    newcomer = _person(row.newcomer_id, by, "end_pairing")
    row = Pairing.objects.select_related("person", "seat").get(pk=pairing_id)  # the lock may have been waited for
    if row.ended_at is None and row.ends_at > at:
        row.ended_at = at
        row.save(update_fields=["ended_at"])
        _record(PAIRING_ENDED, newcomer, by, via, at, beside=_name(row), pairing=row.pk)
    return row


def _name(row: Pairing) -> str:
    return row.person.name if row.person is not None else row.seat.name if row.seat is not None else ""
