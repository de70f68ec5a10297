"""What of one person would go, and what stays, and why. `erasing_actions` does it."""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.calls.bureau_models import BureauMessage
from nightdesk.calls.models import Call, CallerPin, Recording, Telephone
from nightdesk.channels.models import Delivery
from nightdesk.customers.models import Contact
from nightdesk.desk.models import Acknowledgement, Party, Survey, Ticket
from nightdesk.duty.diary_actions import NOTED
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.keeping.models import Export
from nightdesk.keeping.traces import Subject, by_address, sent_to
from nightdesk.mailroom.models import Mail
from nightdesk.outages.models import Subscriber, UnsubscribeRequest
from nightdesk.people.models import Absence, ContactMethod, NotifyRule, Person, Restriction
from nightdesk.rota.models import PlanWish
from nightdesk.safety.models import SafetyCard, Visit
from nightdesk.safety.queries import NOT_OVER


@dataclass(frozen=True, slots=True)
class Going:
    """Something that goes: in words, and how many rows it is."""

    what: str
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """Rows about them, in words. `becomes`: what stands in them afterwards; None: they go as a whole.

    `by_verb`: a verb of their own room does it.
    """

    what: str
    rows: QuerySet[Any]
    becomes: dict[str, Any] | None = None
    by_verb: bool = False


STAYS: dict[str, tuple[tuple[Any, Any], ...]] = {
    "person": (
        (gettext_lazy("Hours worked, rest owed and duties held, without the name"),
         gettext_lazy("the law wants them for two years; NIGHTDESK_STAFF_RECORDS_KEPT says when they go")),
        (gettext_lazy("Entries of the journal, and the name that stands in them"),
         gettext_lazy("they are sealed: who did what must stay provable; they go with their month (journal drop-month)")),
        (gettext_lazy("What they wrote on tickets and outages"), gettext_lazy("it is the customer's history")),
        (gettext_lazy("Site visits that are not over, and their name where they watched over somebody else's"),
         gettext_lazy("somebody may be out there; they go with the visit (NIGHTDESK_VISITS_KEPT)")),
        (gettext_lazy("Earlier backups"), gettext_lazy("sealed, and thinned out within 366 days")),
    ),
    "contact": (
        (gettext_lazy("Tickets of their company, without their name and address"),
         gettext_lazy("they are the company's history and may be owed to it")),
        (gettext_lazy("Consents to a paid call-out"), gettext_lazy("they stand behind an invoice")),
        (gettext_lazy("Entries of the journal, and the name that stands in them"),
         gettext_lazy("they are sealed: who did what must stay provable; they go with their month (journal drop-month)")),
        (gettext_lazy("Calls that have not ended, and messages that nobody has answered yet"),
         gettext_lazy("somebody is to be rung back; ask again afterwards")),
        (gettext_lazy("Earlier backups"), gettext_lazy("sealed, and thinned out within 366 days")),
    ),
}  # fmt: skip
"""What stays, and why, for staff and for everybody else."""


def stays(subject: Subject) -> list[tuple[str, str]]:
    """What stays of them, and why."""
    return [(str(what), str(why)) for what, why in STAYS["person" if subject.kind == "person" else "contact"]]


def preview(subject: Subject) -> list[Going]:
    """What would go."""
    return [Going(step.what, count) for step in steps_of(subject) if (count := step.rows.count())]


def entries_about(subject: Subject) -> QuerySet[PersonalText]:
    """Personal text of the journal that is about them, or about where they were."""
    about = Q(subject_kind=subject.kind, subject_id=subject.id)
    if isinstance(subject.row, Person):
        visits = [str(each) for each in _visits_of(subject.row).values_list("pk", flat=True)]
        about |= Q(subject_kind="visit", subject_id__in=visits)
    return PersonalText.objects.filter(entry_id__in=Entry.objects.filter(about).values("id"))


def spoken_by(subject: Subject) -> QuerySet[Recording]:
    """Notes for the journal that they spoke by telephone, and that can still be heard."""
    if not isinstance(subject.row, Person):
        return Recording.objects.none()
    noted = Entry.objects.filter(by_kind="person", by_id=subject.id, kind=NOTED, facts__has_key="recording")
    return Recording.objects.filter(pk__in=list(noted.values_list("facts__recording", flat=True)), deleted_at=None)


def _visits_of(person: Person) -> QuerySet[Visit]:
    """Theirs that are over."""
    return Visit.objects.filter(person=person).exclude(NOT_OVER)


def steps_of(subject: Subject) -> list[Step]:
    """What goes, in order: nothing points at what is gone already."""

    def at_address(rows: QuerySet[Any], column: str) -> QuerySet[Any]:
        return rows.filter(by_address(column, subject))

    mine = [
        Step(_("Calls: the number, and what was heard and keyed"),
              at_address(Call.objects.exclude(ended_at=None), "number"), by_verb=True),
        Step(_("Messages that a bureau took from them"), at_address(BureauMessage.objects.all(), "caller_number"),
              {"caller_number": "", "answers": {}}),
        Step(_("Mails that they sent"), at_address(Mail.objects.all(), "from_address"),
              {"raw": b"", "size": 0, "text": "", "title": "", "from_name": "", "from_address": "", "sender": ""}),
        Step(_("Addresses of messages that we sent them"), Delivery.objects.filter(sent_to(subject)).exclude(address=""),
              {"address": ""}),
        Step(_("Name and address on tickets"), at_address(Ticket.objects.all(), "requester_address"),
              {"requester_address": "", "requester_name": ""}),
        Step(_("Who is told about tickets"), at_address(Party.objects.all(), "address")),
        Step(_("Automatic replies noted"), at_address(Acknowledgement.objects.all(), "address")),
        Step(_("Surveys: the address"), at_address(Survey.objects.all(), "address"), {"address": ""}),
        Step(_("Requests to hear no more"), at_address(UnsubscribeRequest.objects.all(), "address")),
        Step(_("Subscriptions to a status page"), at_address(Subscriber.objects.all(), "email")),
        Step(_("Words of the journal about them"), entries_about(subject), by_verb=True),
        Step(_("Notes that they spoke by telephone"), spoken_by(subject), by_verb=True),
        Step(_("Zips of this that lie ready"), Export.objects.filter(of=subject.word), by_verb=True),
    ]  # fmt: skip
    if isinstance(subject.row, Person):
        person = subject.row
        for what, model in (
            (_("How they are reached"), ContactMethod), (_("By which rules"), NotifyRule),
            (_("Leave and sickness"), Absence), (_("What they could not do"), Restriction), (_("Wishes"), PlanWish),
            (_("Telephones"), Telephone), (_("PINs"), CallerPin),
            (_("Kept for their safety: duress word, badge"), SafetyCard),
        ):  # fmt: skip
            mine.append(Step(what, model._default_manager.filter(person=person)))
        mine.append(Step(_("Site visits: where they were, and when"), _visits_of(person)))
        mine.append(Step(_("Whom they went with"), Visit.objects.filter(companion=person).exclude(NOT_OVER),
                         {"companion": None}))  # fmt: skip
    if isinstance(subject.row, Contact):
        pins = CallerPin.objects.filter(contact=subject.row)
        mine.append(Step(_("PINs"), pins))
        mine.append(Step(_("The contact"), Contact.objects.filter(pk=subject.row.pk), by_verb=True))
    if subject.user is not None:
        for what, rows in (
            (_("Second factors"), Authenticator.objects.filter(user=subject.user)),
            (_("Addresses to sign in with"), EmailAddress.objects.filter(user=subject.user)),
        ):
            mine.append(Step(what, rows))
    return mine
