"""Where somebody's traces lie: a member of staff, a customer's contact, or a number or address that we know nothing else of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _

from nightdesk.access.models import User
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.calls.bureau_models import BureauMessage
from nightdesk.calls.models import Call, CallOut, Leg, Message, PinTry, TextWish
from nightdesk.channels.models import Delivery
from nightdesk.customers.models import Contact
from nightdesk.desk.models import Acknowledgement, Party, Survey, Ticket
from nightdesk.journal.models import Entry
from nightdesk.mailroom.models import Mail
from nightdesk.outages.models import Subscriber, UnsubscribeRequest
from nightdesk.people.models import ContactMethod, Person
from nightdesk.safety.models import VisitEvent

BY_ADDRESS: tuple[tuple[type[models.Model], str], ...] = (
    (Call, "number"),
    (Leg, "to"),
    (Message, "number"),
    (CallOut, "number"),
    (TextWish, "number"),
    (PinTry, "number"),
    (BureauMessage, "caller_number"),
    (Mail, "from_address"),
    (Delivery, "address"),
    (Ticket, "requester_address"),
    (Party, "address"),
    (Acknowledgement, "address"),
    (Survey, "address"),
    (Subscriber, "email"),
    (UnsubscribeRequest, "address"),
)
"""Columns that hold somebody's number or mail address, whoever they are."""


@dataclass(frozen=True)
class Subject:
    """Whose traces. `addresses`: mail addresses in small letters, and numbers in E.164. `row`: the person or contact, None for an
    address alone.
    """

    kind: str
    id: str
    name: str
    addresses: frozenset[str] = field(default=frozenset())
    row: Person | Contact | None = None
    user: User | None = None

    @property
    def word(self) -> str:
        """What `subject_of` takes for them, in small letters."""
        return f"{self.kind}:{self.id}".lower()

    @property
    def named(self) -> tuple[str, str]:
        """What the journal says of them: an address alone is not named there, as it would be kept for ever by that."""
        return self.kind, self.id if self.row is not None else ""


def subject_of(word: str) -> Subject:
    """Who is meant by person:7, contact:12, number:+441632960001 or address:bo@north.example. Raises Invalid, NotFound."""
    kind, colon, key = word.partition(":")
    asked = _("You asked for “%s”.") % word[:80]
    if kind in ("number", "address") and re.fullmatch(r"\+[1-9]\d{5,14}|[^@\s]+@[^@\s]+", key):
        return Subject(kind, key, key, frozenset({key.lower()}))
    if kind not in ("person", "contact") or not colon or not key.isdecimal():
        raise Invalid(
            asked,
            _("That names nobody."),
            _("Write person:7, contact:12, number:+441632960001 or address:bo@north.example."),
        )
    if kind == "person":
        person = Person.objects.select_related("user").filter(pk=int(key)).first()
        if person is not None:
            known = set(ContactMethod.objects.filter(person=person).values_list("address", flat=True))
            return Subject(
                kind, key, person.name, _small({*known, person.user.email if person.user else ""}), person, person.user
            )
    else:
        contact = Contact.objects.select_related("user").filter(pk=int(key)).first()
        if contact is not None:
            known = {contact.email, contact.phone, contact.mobile}
            return Subject(kind, key, contact.name, _small(known), contact, contact.user)
    raise NotFound(asked, _("There is nobody with that number."), _("Look at the list."))


@dataclass(frozen=True)
class Match:
    """Somebody who may be meant. `word`: as `subject_of` takes it. `of`: their company, nothing for our own staff."""

    word: str
    name: str
    address: str
    of: str


def matches_of(text: str, *, limit: int = 20) -> list[Match]:
    """Whose name, address or number contains `text`: our own people, then contacts, by name; at most `limit` of each."""
    ours = Person.objects.filter(
        Q(name__icontains=text) | Q(user__email__icontains=text) | Q(contact_methods__address__icontains=text)
    )
    contacts = Contact.objects.filter(
        Q(name__icontains=text) | Q(email__icontains=text) | Q(phone__icontains=text) | Q(mobile__icontains=text)
    )
    return [
        *(
            Match(f"person:{each.pk}", each.name, each.user.email if each.user else "", "")
            for each in ours.select_related("user").order_by("name", "pk").distinct()[:limit]
        ),
        *(
            Match(f"contact:{each.pk}", each.name, each.email or each.mobile or each.phone, each.customer.name)
            for each in contacts.select_related("customer").order_by("name", "pk")[:limit]
        ),
    ]


def _small(addresses: set[str]) -> frozenset[str]:
    return frozenset(address.lower() for address in addresses if address)


def rows_about(subject: Subject) -> "Iterator[tuple[type[models.Model], models.QuerySet[Any]]]":
    """Each table that holds something about them, with those rows: by a key that points at them, by their address, and what the
    journal has of them.
    """
    columns: dict[type[models.Model], Q] = {}
    for model in apps.get_models():
        for each in model._meta.concrete_fields:
            target = each.related_model
            for row in (subject.row, subject.user):
                if row is not None and target is type(row):
                    columns[model] = columns.get(model, Q()) | Q(**{each.name: row})
    for model, column in BY_ADDRESS:
        if subject.addresses:
            columns[model] = columns.get(model, Q()) | by_address(column, subject)
    columns[Delivery] = sent_to(subject)
    if isinstance(subject.row, Person):
        columns[VisitEvent] = Q(visit__person=subject.row)
    if subject.row is not None:
        columns[type(subject.row)] = Q(pk=subject.row.pk)
        columns[Entry] = Q(by_kind=subject.kind, by_id=subject.id) | Q(subject_kind=subject.kind, subject_id=subject.id)
    for model, asked in sorted(columns.items(), key=lambda each: each[0]._meta.db_table):
        found = model._default_manager.filter(asked)
        if found.exists():
            yield model, found


def by_address(column: str, subject: Subject) -> Q:
    """Rows whose column is one of their addresses, in whatever case."""
    asked = Q(pk__in=[])
    for address in subject.addresses:
        asked |= Q(Exact(Lower(column), address)) if "@" in address else Q(**{column: address})
    return asked


def sent_to(subject: Subject) -> Q:
    """What the ledger has of them: what went to one of their addresses, or to themselves at one that they had before."""
    asked = by_address("address", subject)
    return asked | Q(recipient_kind=subject.kind, recipient_id=subject.id) if subject.row is not None else asked
