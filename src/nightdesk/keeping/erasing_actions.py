"""Erasing what is known of one person, as far as nothing obliges us to keep it.

The seals of the journal stay true: of entries only the personal text is erased, which they hold as a salted digest.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.calls.actions import delete_recording
from nightdesk.calls.forget_actions import forget_number
from nightdesk.customers.actions import remove_contact
from nightdesk.customers.models import Contact
from nightdesk.journal.actions import erase_text, record
from nightdesk.journal.kinds import kind
from nightdesk.keeping.erasing import Going, entries_about, preview, spoken_by, steps_of
from nightdesk.keeping.export_actions import drop_exports
from nightdesk.keeping.models import Erasure
from nightdesk.keeping.traces import Subject, subject_of
from nightdesk.people.models import Person

ERASURE_ASKED = kind("keeping.erasure-asked", gettext_lazy("{by} asked for what is known of somebody to be erased"))
ERASURE_FAILED = kind("keeping.erasure-failed", gettext_lazy("What is known of somebody could not be erased"))
ERASED = kind("keeping.person-erased", gettext_lazy("{by} erased what was known of somebody"))

MOST_TRIES = 3
"""How often a worker begins an erasure that is cut off each time."""
KEPT_FOR = timedelta(days=1)
"""How long it can be read what became of one."""


@transaction.atomic
def ask_erasure(*, subject: Subject, by: Actor, via: Door, at: datetime) -> Erasure:
    """What `preview` says goes as soon as a worker is free to. Asking while one is on its way changes nothing.

    Raises Forbidden, and IllegalTransition for a member of staff who still is one.
    """
    require(by, "erase_person", None)
    _refuse_staff(subject)
    row, is_new = Erasure.objects.get_or_create(
        of=subject.word, ended_at=None, defaults={"asked_at": at, "asked_by": by.name[:120]}
    )
    if is_new:
        record(ERASURE_ASKED, subject=_whose(subject), by=by, via=via, at=at, facts={"erasure": row.pk})
    return row


@transaction.atomic
def begin_erasure(*, by: Actor, via: Door, at: datetime) -> Erasure | None:
    """The erasure that waits longest is this process's to carry out; None where none waits.

    Whoever calls it is alone, so one that was begun and never ended was cut off, with nothing of it done. It is begun anew, and
    given up after `MOST_TRIES`.
    """
    for lost in Erasure.objects.select_for_update().filter(ended_at=None, tries__gte=MOST_TRIES):
        failure = _("It was cut off {count} times, and nothing was erased. The log of the worker says more.")
        fail_erasure(erasure_id=lost.pk, failure=failure.format(count=lost.tries), by=by, via=via, at=at)
    row = Erasure.objects.select_for_update().filter(ended_at=None).order_by("asked_at", "id").first()
    if row is not None:
        row.begun_at, row.tries = at, row.tries + 1
        row.save(update_fields=["begun_at", "tries"])
    return row


@transaction.atomic
def carry_out_erasure(*, erasure_id: int, told: Callable[[str], None], by: Actor, via: Door, at: datetime) -> int:
    """Whom it is about is erased, and the row names them no more; returns how many rows that were. `told` hears what is next.

    Raises what `erase_person` does; whom there is nobody of any more was erased by somebody else.
    """
    row = Erasure.objects.get(pk=erasure_id, ended_at=None)
    try:
        subject = subject_of(row.of)
    except NotFound:
        gone = []
    else:
        gone = erase_person(subject=subject, told=told, by=by, via=via, at=at)
    # The row is written last: until then it is said beside this transaction how far it is.
    row.of, row.done, row.rows, row.ended_at = "", "", sum(each.count for each in gone), at
    row.save(update_fields=["of", "done", "rows", "ended_at"])
    return row.rows


@transaction.atomic
def fail_erasure(*, erasure_id: int, failure: str, by: Actor, via: Door, at: datetime) -> None:
    """It was refused, or given up; `failure` says why."""
    if Erasure.objects.filter(pk=erasure_id, ended_at=None).update(ended_at=at, done="", failure=failure[:2000]):
        record(ERASURE_FAILED, subject=("erasure", erasure_id), by=by, via=via, at=at)


@transaction.atomic
def drop_old_erasures(*, by: Actor, via: Door, at: datetime) -> int:
    """What became of an erasure has been there to read for a day, and is forgotten; returns how many went."""
    del by, via
    count, _rows = Erasure.objects.exclude(ended_at=None).filter(ended_at__lt=at - KEPT_FOR).delete()
    return count


@transaction.atomic
def erase_person(
    *, subject: Subject, told: Callable[[str], None] = lambda _words: None, by: Actor, via: Door, at: datetime
) -> list[Going]:
    """What `preview` says is gone, all of it or nothing; `told` hears what is next. Doing it again finds nothing more.

    Raises Forbidden, and IllegalTransition for a member of staff who still is one.
    """
    require(by, "erase_person", None)
    _refuse_staff(subject)
    told(_("Looking for what there is"))
    gone = preview(subject)
    for entry_id in entries_about(subject).values_list("entry_id", flat=True):
        erase_text(entry_id=entry_id, by=by, via=via, at=at)
    for number in sorted(address for address in subject.addresses if address.startswith("+")):
        forget_number(number=number, by=by, via=via, at=at)
    for recording_id in list(spoken_by(subject).values_list("pk", flat=True)):
        delete_recording(recording_id=recording_id, by=by, via=via, at=at)
    drop_exports(of=subject.word, by=by, via=via, at=at)
    steps = steps_of(subject)
    for place, step in enumerate(steps, 1):
        told(_("{what} ({number} of {count})").format(what=step.what, number=place, count=len(steps)))
        if step.becomes is not None:
            step.rows.update(**step.becomes)
        elif not step.by_verb:
            step.rows.delete()
    if isinstance(subject.row, Person):
        _make_nameless(subject.row)
    elif isinstance(subject.row, Contact):
        remove_contact(contact_id=subject.row.pk, by=by, via=via, at=at)
    facts = {"kind": subject.kind, "rows": sum(each.count for each in gone)}
    record(ERASED, subject=_whose(subject), by=by, via=via, at=at, facts=facts)
    return gone


def _refuse_staff(subject: Subject) -> None:
    if isinstance(subject.row, Person) and subject.row.active:
        raise IllegalTransition(
            _("%s was to be erased.") % subject.name,
            _("They are on the staff list, and may be rung tonight."),
            _("Take them off the staff list first."),
        )


def _whose(subject: Subject) -> tuple[str, str]:
    """Of whom it stands in the journal. An address alone is not named: it would be kept for ever by that."""
    return subject.named if subject.row is not None else (subject.kind, "erased")


def _make_nameless(person: Person) -> None:
    person.name = _("Former colleague {number}").format(number=person.pk)
    person.save(update_fields=["name"])
    user = person.user
    if user is not None:
        user.name, user.email, user.is_active = person.name, f"erased-{user.pk}@invalid", False
        user.set_unusable_password()
        user.save(update_fields=["name", "email", "is_active", "password"])
