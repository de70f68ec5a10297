"""Verbs of customers, contracts, support hours and services, and the import that writes many of them at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NotRequired, TypedDict, TypeVar
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import models, transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy

from nightdesk.access.actions import close_contact_account, withdraw_contact_tokens
from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.csv_table import RowError
from nightdesk.base.fields import email as as_email
from nightdesk.base.fields import language as as_language
from nightdesk.base.fields import one_line
from nightdesk.base.fields import zone as as_zone
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.base.words import gettext as _
from nightdesk.customers.csv_import import ImportPlan, Row
from nightdesk.customers.models import Contact, Contract, Customer, Hours, Peer, Service, Subscription
from nightdesk.customers.queries import locked_contact, require_for
from nightdesk.customers.stored import exceptions_as_json, hours_from, may_wake_from, targets_from, week_as_json
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person
from nightdesk.people.numbers import e164

CUSTOMER_MADE = kind("customer.made", gettext_lazy("{by} added the customer {customer}"))
CUSTOMER_EDITED = kind("customer.edited", gettext_lazy("{by} changed what is known of the customer {customer}"))
CONTACT_MADE = kind("contact.made", gettext_lazy("{by} added a contact of {customer}"))
CONTACT_EDITED = kind("contact.edited", gettext_lazy("{by} changed a contact of {customer}"))
CONTACT_REMOVED = kind("contact.removed", gettext_lazy("{by} removed a contact of {customer}"))
CONTRACT_MADE = kind("contract.made", gettext_lazy("{by} added the contract {contract} of {customer}"))
CONTRACT_EDITED = kind("contract.edited", gettext_lazy("{by} changed the contract {contract} of {customer}"))
HOURS_MADE = kind("hours.made", gettext_lazy("{by} added the support hours {name}"))
HOURS_EDITED = kind("hours.edited", gettext_lazy("{by} changed the support hours {name}"))
SERVICE_MADE = kind("service.made", gettext_lazy("{by} added the service {service}"))
SERVICE_EDITED = kind("service.edited", gettext_lazy("{by} changed the service {service}"))
SUBSCRIPTION_MADE = kind("subscription.made", gettext_lazy("{customer} buys {service}"))
ENDED_BEFORE = "ended_at"
"""Fact of an end that was noted later than it was."""
SUBSCRIPTION_ENDED = kind("subscription.ended", gettext_lazy("{customer} no longer buys {service}"))
PEER_MADE = kind("peer.made", gettext_lazy("{by} added the peer {peer}"))
PEER_EDITED = kind("peer.edited", gettext_lazy("{by} changed what is known of the peer {peer}"))
CUSTOMERS_IMPORTED = kind("customers.imported", gettext_lazy("{by} imported customers from a file"))

_Model = TypeVar("_Model", bound=models.Model)


class CustomerChanges(TypedDict, total=False):
    """What of a customer may be changed; fields that are not there stay, here and below."""

    name: str
    ref: str
    language: str
    zone: str
    active: bool
    service_manager_id: int | None


class ContactChanges(TypedDict, total=False):
    name: str
    email: str
    phone: str
    role: str
    language: str
    zone: str
    texted_at_night: bool


class ContractChanges(TypedDict, total=False):
    """`valid_until` None means without end; `targets` and the rest as in `stored`."""

    name: str
    hours_id: int
    out_of_hours: str
    may_wake: Sequence[str]
    targets: Mapping[str, Any]
    not_at_night: Sequence[str]
    live_answer: bool
    valid_from: date
    valid_until: date | None


class HoursFields(TypedDict):
    """A calendar, in the form of `stored`; without a nation there are no bank holidays."""

    name: str
    zone: str
    week: Sequence[Any]
    nation: NotRequired[str]
    subdivision: NotRequired[str]
    exceptions: NotRequired[Mapping[str, Any]]
    public: NotRequired[bool]


class HoursChanges(TypedDict, total=False):
    name: str
    zone: str
    week: Sequence[Any]
    nation: str
    subdivision: str
    exceptions: Mapping[str, Any]
    public: bool


class PeerChanges(TypedDict, total=False):
    name: str
    as_number: int
    noc_email: str
    noc_phones: Sequence[str]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of one kind an import made, changed, and found as the file says."""

    new: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or would do in a dry run, by kind: customer, contact, contract, service, subscription.

    `errors` are the lines left out, in the order of the file: those that could not be read, and those that do not fit to
    what is there.
    """

    dry_run: bool
    counts: Mapping[str, Counts]
    errors: tuple[RowError, ...]


@transaction.atomic
def make_customer(
    *,
    brand_id: int,
    name: str,
    ref: str,
    language: str = "",
    zone: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Customer:
    """A new customer of the brand; without a language or zone they have the brand's.

    Raises Forbidden, NotFound (no such brand), and Invalid for a field that does not fit and a `ref` that is taken in the
    brand, whatever its case.
    """
    require(by, "make_customer", brand_id)
    brand = _brand(brand_id)
    given = CustomerChanges(name=name, ref=ref, language=language or brand.language, zone=zone or brand.zone)
    with _one_customer_a_ref(ref):
        customer = Customer.objects.create(brand=brand, **_customer_fields(given))
    _record(CUSTOMER_MADE, ("customer", customer.pk), customer, by, via, at, ref=customer.ref)
    return customer


@transaction.atomic
def edit_customer(*, customer_id: int, changes: CustomerChanges, by: Actor, via: Door, at: datetime) -> Customer:
    """The customer has the new values; nothing is written when they had them. Raises Forbidden, NotFound, Invalid."""
    customer = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).first()
    require(by, "edit_customer", customer.brand_id if customer else None)
    customer = _found(customer, _("customer"), customer_id)
    changed = _set(customer, _customer_fields(changes))
    if changed:
        if "active" in changed:
            customer.left_at = None if customer.active else at
        with _one_customer_a_ref(customer.ref):
            customer.save(update_fields=[*changed, "left_at"])
        _record(CUSTOMER_EDITED, ("customer", customer.pk), customer, by, via, at, changed=changed)
    return customer


@transaction.atomic
def make_contact(
    *,
    customer_id: int,
    name: str,
    email: str = "",
    phone: str = "",
    role: str = "",
    language: str = "",
    zone: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Contact:
    """Somebody who speaks for the customer. A `phone` without a country code is one of the brand's region.

    Raises Forbidden, NotFound, BadNumber, and Invalid for a field that does not fit.
    """
    customer = Customer.objects.select_related("brand").filter(pk=customer_id).first()
    require_for(by, "make_contact", customer)
    customer = _found(customer, _("customer"), customer_id)
    given = ContactChanges(name=name, email=email, phone=phone, role=role, language=language, zone=zone)
    fields = _contact_fields(given, customer.brand.region)
    contact = Contact.objects.create(customer=customer, **fields, phone_said_at=_said_at(by, at))
    _record(CONTACT_MADE, ("customer", customer.pk), customer, by, via, at, text=_words_of(contact), contact=contact.pk)
    return contact


@transaction.atomic
def edit_contact(*, contact_id: int, changes: ContactChanges, by: Actor, via: Door, at: datetime) -> Contact:
    """The contact has the new values; nothing is written when they had them.

    The address of somebody who logs in stays: it is who they are. Raises Forbidden, NotFound, BadNumber, Invalid, and
    IllegalTransition for texts at night to a number that is not verified.
    """
    contact = locked_contact(contact_id, by, "edit_contact")
    customer = contact.customer
    fields = _contact_fields(changes, customer.brand.region)
    if contact.user_id is not None and fields.get("email", contact.email) != contact.email:
        raise Invalid(
            _("Another e-mail address was given for %s.") % contact.name,
            _("They log in with the one they have."),
            _("Add the new address as a contact of its own, invite it, and let the old one leave."),
        )
    if fields.get("texted_at_night") and contact.mobile_verified_at is None:
        raise IllegalTransition(
            _("%s was to be texted at night.") % contact.name,
            _("No mobile number of theirs is verified."),
            _("Enter the number and the code that is texted to it first."),
        )
    changed = _set(contact, fields)
    if changed:
        if "phone" in changed:
            contact.phone_said_at = _said_at(by, at)
        contact.save(update_fields=[*changed, "phone_said_at"])
        facts = {"contact": contact.pk, "changed": changed}
        _record(CONTACT_EDITED, ("customer", customer.pk), customer, by, via, at, text=_words_of(contact), **facts)
    return contact


@transaction.atomic
def remove_contact(*, contact_id: int, by: Actor, via: Door, at: datetime) -> None:
    """They no longer speak for the customer, are let in no more, and what was known of them is gone.

    Raises Forbidden, NotFound.
    """
    contact = locked_contact(contact_id, by, "remove_contact")
    customer = contact.customer
    close_contact(contact=contact, by=by, via=via, at=at)
    contact.delete()
    _record(CONTACT_REMOVED, ("customer", customer.pk), customer, by, via, at, contact=contact_id)


@transaction.atomic
def make_contract(
    *,
    customer_id: int,
    name: str,
    hours_id: int,
    out_of_hours: str = Contract.OutOfHours.NOTHING,
    may_wake: Sequence[str] = (),
    targets: Mapping[str, Any] | None = None,
    not_at_night: Sequence[str] = (),
    live_answer: bool = False,
    valid_from: date,
    valid_until: date | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Contract:
    """What the customer is promised over [`valid_from`, `valid_until`), local days of the hours' zone.

    Raises Forbidden, NotFound (no such customer, or hours of this brand), BadTargets, and Invalid for a field that does
    not fit and for days on which the customer has another contract.
    """
    customer = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).first()
    require(by, "make_contract", customer.brand_id if customer else None)
    customer = _found(customer, _("customer"), customer_id)
    given = ContractChanges(
        name=name,
        hours_id=hours_id,
        out_of_hours=out_of_hours,
        may_wake=may_wake,
        targets=targets or {},
        not_at_night=not_at_night,
        live_answer=live_answer,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    contract = Contract(customer=customer, **_contract_fields(given, customer))
    _check_length(contract)
    with _one_contract_at_a_time(contract):
        contract.save(force_insert=True)
    _record(CONTRACT_MADE, ("contract", contract.pk), customer, by, via, at, contract=contract.name)
    return contract


@transaction.atomic
def edit_contract(*, contract_id: int, changes: ContractChanges, by: Actor, via: Door, at: datetime) -> Contract:
    """The contract says the new values, from now on and for all of its days; nothing is written when it said them.

    Raises as `make_contract`.
    """
    contract = (
        Contract.objects.select_for_update(no_key=True, of=("self", "customer"))
        .select_related("customer")
        .filter(pk=contract_id)
        .first()
    )
    require(by, "edit_contract", contract.customer.brand_id if contract else None)
    contract = _found(contract, _("contract"), contract_id)
    changed = _set(contract, _contract_fields(changes, contract.customer))
    if changed:
        _check_length(contract)
        with _one_contract_at_a_time(contract):
            contract.save(update_fields=changed)
        facts: dict[str, Any] = {"contract": contract.name, "changed": changed}
        _record(CONTRACT_EDITED, ("contract", contract.pk), contract.customer, by, via, at, **facts)
    return contract


@transaction.atomic
def make_hours(*, brand_id: int, fields: HoursFields, by: Actor, via: Door, at: datetime) -> Hours:
    """Support hours under a name of their own in the brand; `public` ones are shown to everybody.

    Raises Forbidden, NotFound (no such brand), BadHours, and Invalid for a name that is taken.
    """
    require(by, "make_hours", brand_id)
    hours = Hours(brand=_brand(brand_id), name=one_line(fields["name"], 80, _("name")))
    changed = _calendar_of(hours, HoursChanges(**fields))
    _set(hours, changed)
    with _one_calendar_a_name(hours.name):
        hours.save(force_insert=True)
    record(
        HOURS_MADE, subject=("hours", hours.pk), by=by, via=via, at=at, brand_id=brand_id, facts={"name": hours.name}
    )
    return hours


@transaction.atomic
def edit_hours(*, hours_id: int, changes: HoursChanges, by: Actor, via: Door, at: datetime) -> Hours:
    """The calendar says the new values, for every contract that uses it; nothing is written when it said them.

    Raises Forbidden, NotFound, BadHours, Invalid.
    """
    hours = Hours.objects.select_for_update(no_key=True).filter(pk=hours_id).first()
    require(by, "edit_hours", hours.brand_id if hours else None)
    hours = _found(hours, _("calendar of support hours"), hours_id)
    changed = _set(hours, _calendar_of(hours, changes))
    if changed:
        with _one_calendar_a_name(hours.name):
            hours.save(update_fields=changed)
        facts = {"name": hours.name, "changed": changed}
        record(HOURS_EDITED, subject=("hours", hours.pk), by=by, via=via, at=at, brand_id=hours.brand_id, facts=facts)
    return hours


@transaction.atomic
def make_service(*, brand_id: int, key: str, name: str, by: Actor, via: Door, at: datetime) -> Service:
    """Something that the brand sells or runs. Alarms name it by `key`, which stays.

    Raises Forbidden, NotFound (no such brand), and Invalid for a field that does not fit and a key that is taken.
    """
    require(by, "make_service", brand_id)
    try:
        validate_slug(one_line(key, 50, _("key")))
    except ValidationError as bad:
        raise Invalid(
            _("The key %r was given for a service.") % key[:50],
            _("It may hold letters, digits, - and _ only."),
            _("Give one such as mail-cluster."),
        ) from bad
    with unless_taken(
        _("A service with the key %s was asked for.") % key, _("There is one."), _("Choose another key.")
    ):
        service = Service.objects.create(brand=_brand(brand_id), key=key.strip(), name=one_line(name, 120, _("name")))
    facts = {"service": service.name, "key": service.key}
    record(SERVICE_MADE, subject=("service", service.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return service


@transaction.atomic
def edit_service(*, service_id: int, name: str, by: Actor, via: Door, at: datetime) -> Service:
    """The service has the new name; nothing is written when it had it. Raises Forbidden, NotFound, Invalid."""
    service = Service.objects.select_for_update(no_key=True).filter(pk=service_id).first()
    require(by, "edit_service", service.brand_id if service else None)
    service = _found(service, _("service"), service_id)
    if changed := _set(service, {"name": one_line(name, 120, _("name"))}):
        service.save(update_fields=changed)
        facts = {"service": service.name, "changed": changed}
        brand_id = service.brand_id
        record(SERVICE_EDITED, subject=("service", service.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return service


@transaction.atomic
def make_subscription(
    *, customer_id: int, service_id: int, label: str = "", by: Actor, via: Door, at: datetime
) -> Subscription:
    """The customer buys the service, known to them as `label`. Repeating it changes nothing.

    Raises Forbidden, NotFound (no such customer, or service of this brand), Invalid.
    """
    customer = Customer.objects.filter(pk=customer_id).first()
    require(by, "make_subscription", customer.brand_id if customer else None)
    customer = _found(customer, _("customer"), customer_id)
    service = _found(Service.objects.filter(pk=service_id, brand=customer.brand_id).first(), _("service"), service_id)
    label = one_line(label, 120, _("label"), may_be_empty=True)
    subscription, new = Subscription.objects.get_or_create(
        customer=customer, service=service, label=label, defaults={"made_at": at}
    )
    if new:
        _record(SUBSCRIPTION_MADE, ("customer", customer.pk), customer, by, via, at, service=service.name, label=label)
    return subscription


@transaction.atomic
def end_subscription(
    *, subscription_id: int, ended_at: datetime | None = None, by: Actor, via: Door, at: datetime
) -> None:
    """The customer no longer buys it, since `ended_at` or else now; that they did is kept, and figures of days after it follow.

    Raises Forbidden, NotFound (there is none, or it has ended), and Invalid (an end that is to come, or before it was bought).
    """
    rows = Subscription.objects.select_for_update(of=("self",)).select_related("customer", "service")
    found = rows.filter(pk=subscription_id).first()
    require(by, "end_subscription", found.customer.brand_id if found else None)
    found = _found(found, _("subscription"), subscription_id)
    since = ended_at or max(at, found.made_at or at)
    if ended_at is not None and not (found.made_at or ended_at) <= ended_at <= at:
        so = _("That is still to come.") if ended_at > at else _("It was bought only then, or later.")
        raise Invalid(_("An end was given."), so, _("Give when it ended."), field="ended_at")
    found.ended_at = since
    found.save(update_fields=["ended_at"])
    customer, facts = found.customer, {"service": found.service.name, "label": found.label}
    if ended_at is not None:
        facts[ENDED_BEFORE] = ended_at.isoformat()
    _record(SUBSCRIPTION_ENDED, ("customer", customer.pk), customer, by, via, at, **facts)


@transaction.atomic
def make_peer(
    *,
    brand_id: int,
    name: str,
    as_number: int,
    noc_email: str = "",
    noc_phones: Sequence[str] = (),
    by: Actor,
    via: Door,
    at: datetime,
) -> Peer:
    """A network that we exchange traffic with, reached without a contract.

    Raises Forbidden, NotFound (no such brand), BadNumber, and Invalid for a field that does not fit and an AS number that
    is there.
    """
    require(by, "make_peer", brand_id)
    brand = _brand(brand_id)
    given = PeerChanges(name=name, as_number=as_number, noc_email=noc_email, noc_phones=noc_phones)
    with _one_peer_an_as(as_number):
        peer = Peer.objects.create(brand=brand, **_peer_fields(given, brand.region))
    facts = {"peer": peer.name, "as_number": peer.as_number}
    record(PEER_MADE, subject=("peer", peer.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return peer


@transaction.atomic
def edit_peer(*, peer_id: int, changes: PeerChanges, by: Actor, via: Door, at: datetime) -> Peer:
    """The peer has the new values; nothing is written when it had them. Raises Forbidden, NotFound, BadNumber, Invalid."""
    peer = Peer.objects.select_for_update(no_key=True, of=("self",)).select_related("brand").filter(pk=peer_id).first()
    require(by, "edit_peer", peer.brand_id if peer else None)
    peer = _found(peer, _("peer"), peer_id)
    if changed := _set(peer, _peer_fields(changes, peer.brand.region)):
        with _one_peer_an_as(peer.as_number):
            peer.save(update_fields=changed)
        facts = {"peer": peer.name, "changed": changed}
        record(PEER_EDITED, subject=("peer", peer.pk), by=by, via=via, at=at, brand_id=peer.brand_id, facts=facts)
    return peer


@transaction.atomic
def apply_import(
    *, brand_id: int, plan: ImportPlan, dry_run: bool = False, by: Actor, via: Door, at: datetime
) -> ImportResult:
    """The brand's customers are as the plan's rows say; all of it in one transaction, which a dry run takes back.

    Rows add and change, and never take away; an empty field says nothing. A row that does not fit is left out and told;
    one whose contact alone does not fit is taken without the contact. Importing the same file again changes nothing.

    A customer is found by `customer_ref`, else by name; a contact by e-mail address, else by name and number. A new
    contract begins on the brand's present day, with the hours of that name, else with the brand's only ones. One entry in
    the journal stands for all of it.

    Raises Forbidden, NotFound (no such brand), and Invalid when the same things were written meanwhile by somebody else.
    """
    require(by, "apply_import", brand_id)
    # One import of a brand at a time.
    brand = _found(Brand.objects.select_for_update(no_key=True).filter(pk=brand_id).first(), _("brand"), brand_id)
    work = _Import(brand, at)
    with unless_taken(
        _("An import of %d lines was asked for.") % len(plan.rows),
        _("Somebody else wrote the same customers at the same time."),
        _("Import the file again."),
    ):
        errors = [*plan.errors, *work.take(plan.rows)]
    result = ImportResult(dry_run, work.counts(), tuple(sorted(errors, key=lambda error: error.line)))
    if any(count.new or count.changed for count in result.counts.values()):
        facts = {what: [count.new, count.changed, count.same] for what, count in result.counts.items()}
        facts["errors"] = [len(errors)]
        record(CUSTOMERS_IMPORTED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    if dry_run:
        transaction.set_rollback(True)
    return result


class _Unfit(Exception):
    """A row that does not fit to what is there."""

    def __init__(self, row: Row, column: str, so: str, do: str) -> None:
        super().__init__(so)
        self.error = RowError(row.line, column, str(getattr(row, column)), so, do)


class _Import:
    """One import: the brand's rows in memory, and what has become of each."""

    LONGEST = {
        "customer": 160,
        "customer_ref": 40,
        "contract": 80,
        "contact_name": 120,
        "contact_role": 40,
        "service": 120,
    }

    def __init__(self, brand: Brand, at: datetime) -> None:
        self.brand, self.at = brand, at
        self.today = today = at.astimezone(ZoneInfo(brand.zone)).date()
        customers = list(Customer.objects.filter(brand=brand).order_by("id"))
        self.by_ref = {customer.ref.lower(): customer for customer in customers}
        self.by_name: defaultdict[str, list[Customer]] = defaultdict(list)
        for customer in customers:
            self.by_name[customer.name.lower()].append(customer)
        self.contacts: defaultdict[int, list[Contact]] = defaultdict(list)
        for contact in Contact.objects.filter(customer__brand=brand).order_by("id"):
            self.contacts[contact.customer_id].append(contact)
        self.contracts: defaultdict[int, list[Contract]] = defaultdict(list)
        for contract in Contract.objects.filter(customer__brand=brand).exclude(valid_until__lte=today):
            self.contracts[contract.customer_id].append(contract)
        self.hours = {hours.name.lower(): hours for hours in Hours.objects.filter(brand=brand)}
        services = list(Service.objects.filter(brand=brand))
        self.service_keys = {service.key.lower() for service in services}
        self.services = {service.key.lower(): service for service in services}
        self.services |= {service.name.lower(): service for service in services}
        bought = Subscription.objects.filter(customer__brand=brand).values_list("customer_id", "service_id", "id")
        self.bought = {(customer, service): subscription for customer, service, subscription in bought}
        self.said: dict[tuple[str, int, str], tuple[Any, int]] = {}
        self.seen: dict[str, set[int]] = {
            what: set() for what in ("customer", "contact", "contract", "service", "subscription")
        }
        self.new: defaultdict[str, set[int]] = defaultdict(set)
        self.changed: defaultdict[str, set[int]] = defaultdict(set)

    def counts(self) -> dict[str, Counts]:
        return {
            what: Counts(
                len(self.new[what]),
                len(self.changed[what] - self.new[what]),
                len(seen - self.changed[what] - self.new[what]),
            )
            for what, seen in self.seen.items()
        }

    def take(self, rows: Sequence[Row]) -> list[RowError]:
        """Write what the rows say, and tell what does not fit.

        The most certain come first, whatever their place in the file: rows with a customer's number settle who is called
        what before a customer is looked up by name, and so do a contact's e-mail address and phone number. Else what an
        earlier row finds would depend on what a later one has written the last time.
        """
        errors: list[RowError] = []
        taken: list[tuple[Row, Customer]] = []
        for row in sorted(rows, key=lambda row: not row.customer_ref):
            try:
                taken.append((row, self._take_customer(row)))
            except _Unfit as unfit:
                errors.append(unfit.error)
        taken.sort(key=lambda pair: (not pair[0].contact_email, not pair[0].contact_phone, pair[0].line))
        for row, customer in taken:
            if row.contact_name or row.contact_email or row.contact_phone:
                try:
                    self._take_contact(row, customer)
                except _Unfit as unfit:
                    errors.append(unfit.error)
        return errors

    def _take_customer(self, row: Row) -> Customer:
        """The row's customer, contract and service are as it says; nothing of it is written where something is unfit."""
        self._check_lengths(row)
        customer = self._customer(row)
        contract = self._contract(row, customer) if row.contract else None
        named = {"name": row.customer if row.customer_ref else customer.name}
        self._check_agreement(row, "customer", "customer", customer, named)
        if contract is not None:
            self._check_agreement(row, "contract", "contract", contract, self._of_contract(row))
        self._write(row, "customer", customer, named)
        self.by_ref[customer.ref.lower()] = customer
        if customer not in self.by_name[customer.name.lower()]:
            self.by_name[customer.name.lower()].append(customer)
        if contract is not None:
            if contract.pk is None:
                contract.customer = customer
            self._write(row, "contract", contract, self._of_contract(row))
            if contract not in self.contracts[customer.pk]:
                self.contracts[customer.pk].append(contract)
        if row.service:
            self._subscribe(customer, row.service)
        return customer

    def _take_contact(self, row: Row, customer: Customer) -> None:
        contact = self._contact(row, customer)
        said = self._of_contact(row)
        self._check_agreement(row, "contact", "contact_name", contact, said)
        self._write(row, "contact", contact, said)
        if contact not in self.contacts[customer.pk]:
            self.contacts[customer.pk].append(contact)

    def _check_lengths(self, row: Row) -> None:
        for column, most in self.LONGEST.items():
            if len(getattr(row, column)) > most:
                raise _Unfit(row, column, f"It has more than {most} characters.", "Shorten it.")

    def _customer(self, row: Row) -> Customer:
        if row.customer_ref:
            known = self.by_ref.get(row.customer_ref.lower())
        else:
            name = row.customer.lower()
            # A line before this one may have given one of them another name.
            namesakes = [customer for customer in self.by_name[name] if customer.name.lower() == name]
            if len(namesakes) > 1:
                refs = ", ".join(customer.ref for customer in namesakes)
                raise _Unfit(row, "customer", f"Several customers are called so: {refs}.", "Give the customer_ref.")
            known = namesakes[0] if namesakes else None
        return known or Customer(
            brand=self.brand,
            name=row.customer,
            ref=row.customer_ref or _free(row.customer, 40, self.by_ref),
            language=self.brand.language,
            zone=self.brand.zone,
        )

    def _contract(self, row: Row, customer: Customer) -> Contract:
        standing = self.contracts[customer.pk] if customer.pk else []
        known = next((one for one in standing if one.name.lower() == row.contract.lower()), None)
        if row.hours_name and row.hours_name.lower() not in self.hours:
            raise _Unfit(
                row, "hours_name", "There are no support hours of this name.", "Make them first, or name others."
            )
        if known is not None:
            return known
        if standing:
            raise _Unfit(
                row,
                "contract",
                f"The customer has the contract {standing[0].name}, and only one at a time.",
                "Give that name, or let that contract end first.",
            )
        if not row.hours_name and len(self.hours) != 1:
            raise _Unfit(row, "hours_name", "A new contract needs support hours.", "Name the hours that it uses.")
        return Contract(name=row.contract, hours=next(iter(self.hours.values())), may_wake=[], valid_from=self.today)

    def _contact(self, row: Row, customer: Customer) -> Contact:
        """Who has this address; else this number and name; else this name, where nothing that is known speaks against."""
        email, phone = row.contact_email, row.contact_phone
        name = row.contact_name or phone or email[:120]
        standing = self.contacts[customer.pk]
        namesakes = [contact for contact in standing if contact.name.lower() == name.lower()]
        if email:
            matches = [contact for contact in standing if contact.email.lower() == email.lower()] or [
                contact for contact in namesakes if not contact.email and (not phone or contact.phone in ("", phone))
            ]
        elif phone:
            matches = [contact for contact in namesakes if contact.phone == phone] or [
                contact for contact in namesakes if not contact.phone
            ]
        else:
            matches = namesakes
        return matches[0] if matches else Contact(customer=customer, name=name)

    def _of_contract(self, row: Row) -> dict[str, Any]:
        said: dict[str, Any] = {}
        if row.hours_name:
            said["hours"] = self.hours[row.hours_name.lower()]
        if row.out_of_hours is not None:
            said["out_of_hours"] = row.out_of_hours.value
        if row.may_wake is not None:
            said["may_wake"] = sorted(priority.value for priority in row.may_wake)
        return said

    @staticmethod
    def _of_contact(row: Row) -> dict[str, Any]:
        said = {
            "name": row.contact_name,
            "email": row.contact_email,
            "phone": row.contact_phone,
            "role": row.contact_role,
            "language": row.language.lower(),
            "zone": row.zone,
        }
        return {field: value for field, value in said.items() if value}

    def _check_agreement(
        self, row: Row, what: str, column: str, subject: models.Model, said: Mapping[str, Any]
    ) -> None:
        """Two lines that say different things would change it to and fro at each import."""
        for field, value in said.items():
            before, line = self.said.get((what, subject.pk or 0, field), (value, row.line))
            if before != value:
                raise _Unfit(
                    row, column, f"Line {line} says {before} as {field}, this one {value}.", "Make the two lines agree."
                )

    def _write(self, row: Row, what: str, subject: models.Model, said: Mapping[str, Any]) -> None:
        new = subject.pk is None
        changed = _set(subject, said)
        if new:
            subject.save(force_insert=True)
            self.new[what].add(subject.pk)
        elif changed:
            subject.save(update_fields=changed)
            self.changed[what].add(subject.pk)
        self.seen[what].add(subject.pk)
        for field, value in said.items():
            self.said.setdefault((what, subject.pk, field), (value, row.line))

    def _subscribe(self, customer: Customer, name: str) -> None:
        service = self.services.get(name.lower())
        if service is None:
            key = _free(name, 50, self.service_keys)
            service = Service.objects.create(brand=self.brand, key=key, name=name)
            self.service_keys.add(key)
            self.services |= {key: service, name.lower(): service}
            self.new["service"].add(service.pk)
        self.seen["service"].add(service.pk)
        bought = self.bought.get((customer.pk, service.pk))
        if bought is None:
            bought = Subscription.objects.create(customer=customer, service=service, made_at=self.at).pk
            self.bought[customer.pk, service.pk] = bought
            self.new["subscription"].add(bought)
        self.seen["subscription"].add(bought)


def _free(name: str, most: int, taken: Iterable[str]) -> str:
    """A short name made of `name` that is not taken, by numbers behind it."""
    base = slugify(name)[: most - 6].strip("-") or "customer"
    number, free = 1, base
    while free in taken:
        number += 1
        free = f"{base}-{number}"
    return free


def _one_customer_a_ref(ref: str) -> AbstractContextManager[None]:
    return unless_taken(
        _("The customer number %s was given.") % ref,
        _("Another customer has it."),
        _("Give another number, or change that customer."),
    )


def _one_calendar_a_name(name: str) -> AbstractContextManager[None]:
    return unless_taken(
        _("Support hours called %s were asked for.") % name, _("There are some already."), _("Choose another name.")
    )


def _one_contract_at_a_time(contract: Contract) -> AbstractContextManager[None]:
    return unless_taken(
        _("The contract %(name)s was to hold from %(start)s.") % {"name": contract.name, "start": contract.valid_from},
        _("The customer has another contract on some of those days."),
        _("Let one end on the day on which the other begins."),
    )


def _one_peer_an_as(as_number: int) -> AbstractContextManager[None]:
    return unless_taken(
        _("A peer with the AS number %s was asked for.") % as_number, _("There is one."), _("Change that one.")
    )


def _record(
    kind: str,
    subject: tuple[str, object],
    customer: Customer,
    by: Actor,
    via: Door,
    at: datetime,
    *,
    text: str = "",
    **facts: object,
) -> None:
    facts = {"customer": customer.name, **facts}
    record(kind, subject=subject, by=by, via=via, at=at, brand_id=customer.brand_id, facts=facts, text=text)


def _found(row: _Model | None, what: str, row_id: int) -> _Model:
    if row is None:
        raise NotFound(
            _("The %(what)s %(id)s was asked for.") % {"what": what, "id": row_id},
            _("There is none here."),
            _("Look at the list."),
        )
    return row


def _brand(brand_id: int) -> Brand:
    return _found(Brand.objects.filter(pk=brand_id).first(), _("brand"), brand_id)


@transaction.atomic
def close_contact(*, contact: Contact, by: Actor, via: Door, at: datetime) -> None:
    """The contact, locked by the caller, is let in no more: sessions and tokens end now. Others of the same account stay."""
    user_id, contact.user_id = contact.user_id, None
    contact.standing = contact.invite = ""
    contact.save(update_fields=["user", "standing", "invite"])
    contact.identity_links.all().delete()
    withdraw_contact_tokens(contact_id=contact.pk, by=by, via=via, at=at)
    if user_id is not None and not Contact.objects.filter(user=user_id).exists():
        close_contact_account(user_id=user_id, by=by, via=via, at=at)


def _set(row: models.Model, fields: Mapping[str, Any]) -> list[str]:
    """Set the fields that have another value now, and name them."""
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    return changed


def _words_of(contact: Contact) -> str:
    return " ".join(filter(None, (contact.name, contact.email, contact.phone)))


def _customer_fields(given: CustomerChanges) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "name" in given:
        fields["name"] = one_line(given["name"], 160, _("name"))
    if "ref" in given:
        fields["ref"] = one_line(given["ref"], 40, _("customer number"))
    if "language" in given:
        fields["language"] = as_language(given["language"])
    if "zone" in given:
        fields["zone"] = as_zone(given["zone"])
    if "active" in given:
        fields["active"] = given["active"]
    if "service_manager_id" in given:
        fields["service_manager_id"] = manager_id = given["service_manager_id"]
        if manager_id is not None:
            _found(Person.objects.filter(pk=manager_id, active=True).first(), _("service manager"), manager_id)
    return fields


def _said_at(by: Actor, at: datetime) -> datetime | None:
    """`Contact.phone_said_at` of a number that `by` gives now."""
    return at if by.kind == "contact" else None


def _contact_fields(given: ContactChanges, region: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "name" in given:
        fields["name"] = one_line(given["name"], 120, _("name"))
    if "email" in given:
        fields["email"] = as_email(given["email"], may_be_empty=True)
    if "phone" in given:
        fields["phone"] = e164(given["phone"], region) if given["phone"].strip() else ""
    if "role" in given:
        fields["role"] = one_line(given["role"], 40, _("role"), may_be_empty=True)
    if "language" in given:
        fields["language"] = as_language(given["language"], may_be_empty=True)
    if "zone" in given:
        fields["zone"] = as_zone(given["zone"]) if given["zone"] else ""
    if "texted_at_night" in given:
        fields["texted_at_night"] = given["texted_at_night"]
    return fields


def _contract_fields(given: ContractChanges, customer: Customer) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "name" in given:
        fields["name"] = one_line(given["name"], 80, _("name"))
    if "hours_id" in given:
        hours = Hours.objects.filter(pk=given["hours_id"], brand=customer.brand_id).first()
        fields["hours_id"] = _found(hours, _("calendar of support hours"), given["hours_id"]).pk
    if "out_of_hours" in given:
        if given["out_of_hours"] not in Contract.OutOfHours.values:
            raise Invalid(
                _("%r was given for what is answered out of hours.") % given["out_of_hours"],
                _("It is not known."),
                _("Give one of %s.") % ", ".join(Contract.OutOfHours.values),
            )
        fields["out_of_hours"] = str(given["out_of_hours"])
    if "may_wake" in given:
        fields["may_wake"] = sorted(may_wake_from(given["may_wake"]))
    if "targets" in given:
        targets_from(given["targets"])
        fields["targets"] = {str(name): dict(said) for name, said in given["targets"].items()}
    if "not_at_night" in given:
        fields["not_at_night"] = sorted({one_line(name, 40, _("kind of work")) for name in given["not_at_night"]})
    if "live_answer" in given:
        fields["live_answer"] = given["live_answer"]
    if "valid_from" in given:
        fields["valid_from"] = given["valid_from"]
    if "valid_until" in given:
        fields["valid_until"] = given["valid_until"]
    return fields


def _check_length(contract: Contract) -> None:
    if contract.valid_until is not None and contract.valid_until <= contract.valid_from:
        raise Invalid(
            _("The contract %(name)s was to hold from %(start)s and end on %(end)s.")
            % {"name": contract.name, "start": contract.valid_from, "end": contract.valid_until},
            _("It would end before it begins; the end is the first day without it."),
            _("Give a later end, or none."),
        )


def _calendar_of(hours: Hours, given: HoursChanges) -> dict[str, Any]:
    """The fields that change, checked together with those that stay, in the form in which they are kept."""
    nation = given.get("nation", hours.nation).strip().upper()
    subdivision = given.get("subdivision", hours.subdivision).strip().upper()
    exceptions = given.get("exceptions", hours.exceptions)
    calendar = hours_from(given.get("zone", hours.zone), given.get("week", hours.week), nation, subdivision, exceptions)
    return {
        "name": one_line(given.get("name", hours.name), 80, _("name")),
        "zone": calendar.zone,
        "week": week_as_json(calendar.week),
        "nation": nation,
        "subdivision": subdivision,
        "exceptions": exceptions_as_json(calendar.exceptions),
        "public": given.get("public", hours.public),
    }


def _peer_fields(given: PeerChanges, region: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "name" in given:
        fields["name"] = one_line(given["name"], 120, _("name"))
    if "as_number" in given:
        if not 1 <= given["as_number"] <= 4294967294:
            raise Invalid(
                _("The AS number %s was given.") % given["as_number"],
                _("There is none like it."),
                _("Give a number from 1 to 4294967294."),
            )
        fields["as_number"] = given["as_number"]
    if "noc_email" in given:
        fields["noc_email"] = as_email(given["noc_email"], may_be_empty=True)
    if "noc_phones" in given:
        fields["noc_phones"] = [e164(phone, region) for phone in given["noc_phones"]]
    return fields
