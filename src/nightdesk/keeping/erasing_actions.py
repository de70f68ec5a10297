"""Erasing what is known of one person, as far as nothing obliges us to keep it.

The seals of the journal stay true: of entries only the personal text is erased, which they hold as a salted digest.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition
from nightdesk.calls.actions import delete_recording
from nightdesk.calls.forget_actions import forget_number
from nightdesk.customers.actions import remove_contact
from nightdesk.customers.models import Contact
from nightdesk.journal.actions import erase_text, record
from nightdesk.journal.kinds import kind
from nightdesk.keeping.erasing import Going, entries_about, preview, spoken_by, steps_of
from nightdesk.keeping.export_actions import drop_exports
from nightdesk.keeping.traces import Subject
from nightdesk.people.models import Person

ERASED = kind("keeping.person-erased", gettext_lazy("{by} erased what was known of somebody"))


@transaction.atomic
def erase_person(*, subject: Subject, by: Actor, via: Door, at: datetime) -> list[Going]:
    """What `preview` says is gone, all of it or nothing. Doing it again finds nothing more.

    Raises Forbidden, and IllegalTransition for a member of staff who still is one.
    """
    require(by, "erase_person", None)
    if isinstance(subject.row, Person) and subject.row.active:
        raise IllegalTransition(
            _("%s was to be erased.") % subject.name,
            _("They are on the staff list, and may be rung tonight."),
            _("Take them off the staff list first."),
        )
    gone = preview(subject)
    for entry_id in entries_about(subject).values_list("entry_id", flat=True):
        erase_text(entry_id=entry_id, by=by, via=via, at=at)
    for number in sorted(address for address in subject.addresses if address.startswith("+")):
        forget_number(number=number, by=by, via=via, at=at)
    for recording_id in list(spoken_by(subject).values_list("pk", flat=True)):
        delete_recording(recording_id=recording_id, by=by, via=via, at=at)
    drop_exports(of=subject.word, by=by, via=via, at=at)
    for step in steps_of(subject):
        if step.becomes is not None:
            step.rows.update(**step.becomes)
        elif not step.by_verb:
            step.rows.delete()
    if isinstance(subject.row, Person):
        _make_nameless(subject.row)
    elif isinstance(subject.row, Contact):
        remove_contact(contact_id=subject.row.pk, by=by, via=via, at=at)
    facts = {"kind": subject.kind, "rows": sum(each.count for each in gone)}
    # An address alone is not named here: it would be kept for ever by that.
    whose = subject.named if subject.row is not None else (subject.kind, "erased")
    record(ERASED, subject=whose, by=by, via=via, at=at, facts=facts)
    return gone


def _make_nameless(person: Person) -> None:
    person.name = _("Former colleague {number}").format(number=person.pk)
    person.save(update_fields=["name"])
    user = person.user
    if user is not None:
        user.name, user.email, user.is_active = person.name, f"erased-{user.pk}@invalid", False
        user.set_unusable_password()
        user.save(update_fields=["name", "email", "is_active", "password"])
