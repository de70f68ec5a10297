"""The person that a verb is about, locked for whoever may do it; and the journal's entry about them."""

from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, forbidden, may
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.journal.actions import record
from nightdesk.people.models import Person
from nightdesk.people.queries import brands_of


def record_about(
    kind: str, person: Person, by: Actor, via: Door, at: datetime, *, text: str = "", **facts: object
) -> None:
    """An entry whose subject is the person; it is their brand's where they have one alone."""
    brands = sorted(brand for brand in brands_of(person) if brand is not None)
    record(
        kind,
        subject=("person", person.pk),
        by=by,
        via=via,
        at=at,
        brand_id=brands[0] if len(brands) == 1 else None,
        facts={"person": person.name, **facts},
        text=text,
    )


def may_for(person: Person, by: Actor, verb: str) -> bool:
    """Whether the actor may do this in a brand of the person's, or in any where they are nobody's yet."""
    brands = brands_of(person)
    return any(may(by, verb, brand) for brand in brands) if brands else brands_for(by, verb) != set()


def knows(person: Person, by: Actor) -> bool:
    """Whether the actor is the person, or may read staff records of theirs: why they are absent, what they worked."""
    return by.person_id == person.pk or may_for(person, by, "read_hours")


def require_for(person: Person, by: Actor, verb: str) -> None:
    """Raise Forbidden unless `may_for`."""
    if not may_for(person, by, verb):
        raise forbidden(by, verb)


def lock_person(person_id: int, by: Actor, verb: str, *, own: bool = False) -> Person:
    """The person, locked, if the actor may; `own`: it is enough to be that person and may edit one's own contacts."""
    if not (own and by.person_id == person_id) and brands_for(by, verb) == set():
        raise forbidden(by, verb)
    person = Person.objects.select_for_update().filter(pk=person_id).first()
    if person is None:
        raise NotFound(_("The person %s was asked for.") % person_id, _("There is none."), _("Look at the staff list."))
    if not (own and by.person_id == person_id and brands_for(by, "edit_own_contacts") != set()):
        require_for(person, by, verb)
    return person
