"""Who read what is private about somebody of the staff: in the journal, and shown to whom it is about."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person

PERSON_READ = kind("person.read", gettext_lazy("{by} read what is private of {name}: {what}"))


class What(StrEnum):
    """What was read; the word stands in the journal."""

    HOURS = "hours and rest"
    LOAD = "load"
    PAY = "pay"
    EMERGENCY = "emergency note"


def note_read(*, person_ids: Collection[int], what: What, by: Actor, via: Door, at: datetime) -> int:
    """It stands in the journal that `by` read this of each person: once in an hour of the clock, however often they look.

    Nobody's own is noted, nor what Nightdesk reads by itself. Returns how many entries were written. Called before the
    answer is given, so that nothing is read that is not noted.
    """
    others = {str(person_id) for person_id in person_ids}
    if by.kind == "person":
        others -= {by.id}
    if by.kind == "scheduler" or not _unnoted(others, what, by, at):
        return 0
    with transaction.atomic():
        people = Person.objects.select_for_update(no_key=True).filter(pk__in=others).order_by("pk")
        names = {str(person.pk): person.name for person in people}
        new = sorted(_unnoted(others & names.keys(), what, by, at), key=int)
        for person_id in new:
            facts = {"name": names[person_id], "what": what.value}
            record(PERSON_READ, subject=("person", person_id), by=by, via=via, at=at, facts=facts)
    return len(new)


def _unnoted(person_ids: Collection[str], what: What, by: Actor, at: datetime) -> set[str]:
    """Those of whom it does not stand in the journal yet that `by` read it in this hour."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    noted = Entry.objects.filter(
        kind=PERSON_READ, subject_kind="person", subject_id__in=person_ids, at__gte=hour, at__lte=at
    ).filter(by_kind=by.kind, by_id=by.id, facts__what=what.value)
    return set(person_ids) - set(noted.values_list("subject_id", flat=True))
