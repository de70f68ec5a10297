"""Reading what customers were promised, and who speaks for them.

`promised_now` is the question that every door asks about the first, `require_for` about the second.
"""

import hmac
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from nightdesk.access.matrix import require
from nightdesk.access.models import Token, User
from nightdesk.base import vault
from nightdesk.base.actors import Actor
from nightdesk.base.memory import remembered
from nightdesk.base.refusals import Forbidden, NotFound, NotSignedIn
from nightdesk.base.rows import fetch_with
from nightdesk.base.words import gettext as _
from nightdesk.customers import standing
from nightdesk.customers.hours import SupportHours, first_instant, is_open, next_change
from nightdesk.customers.models import Contact, Contract, Customer, Hours, IdentityProvider
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import ContractFacts, Cover, OutOfHours, contract_at, what_is_promised
from nightdesk.customers.stored import hours_from, may_wake_from, targets_from


@remembered
def promised_now(customer_id: int | None, priority: Priority, at: datetime, work_type: str | None = None) -> Cover:
    """What this customer is promised for something of this priority (and kind of work) that arrives at `at`.

    One query. A customer without a contract, one that does not exist, and None are promised nothing.
    """
    return what_is_promised(
        contract_facts(customer_id, at) if customer_id is not None else None, priority, at, work_type
    )


def promised_to(
    contact: Contact | None, customer_id: int | None, priority: Priority, at: datetime, work_type: str | None = None
) -> Cover:
    """As `promised_now`, for what this contact asks: nobody is woken for one who may not call at night."""
    facts = contract_facts(customer_id, at) if customer_id is not None and not may_call_at_night(contact) else None
    if facts is None:
        return promised_now(customer_id, priority, at, work_type)
    return what_is_promised(replace(facts, may_wake=frozenset()), priority, at, work_type)


def may_call_at_night(contact: Contact | None) -> bool:
    """Whether an engineer may be woken for them, where the contract has it; of a company's caller who is not known, yes."""
    return contact is None or contact.may_call


def contract_facts(customer_id: int, at: datetime) -> ContractFacts | None:
    """The customer's contract at `at`, valid then or not, see `contract_at`. None for a customer without any."""
    return contract_at(contracts_with(customer_id), at)


def contracts_of(customer_ids: Collection[int]) -> dict[int, list[ContractFacts]]:
    """By customer, all their contracts in order of their beginnings; one query. Who has none is not in it."""
    found: dict[int, list[ContractFacts]] = {}
    rows = Contract.objects.filter(customer__in=customer_ids).select_related("hours").order_by("valid_from")
    for row in rows:
        found.setdefault(row.customer_id, []).append(facts_of(row))
    return found


@remembered
def contracts_with(customer_id: int) -> list[ContractFacts]:
    """The customer's contracts in order of their beginnings, as `contracts_of` reads them of many."""
    rows = fetch_with(
        Contract,
        ["hours"],
        "SELECT {columns} FROM customers_contract own JOIN customers_hours hours ON hours.id = own.hours_id "
        "WHERE own.customer_id = %s ORDER BY own.valid_from",
        [customer_id],
    )
    return [facts_of(row) for row in rows]


def facts_of(contract: Contract) -> ContractFacts:
    """What the row says. Its dates begin at midnight by the clocks of its hours' zone."""
    zone = ZoneInfo(contract.hours.zone)
    respond, fix = targets_from(contract.targets)
    return ContractFacts(
        hours=support_hours(contract.hours),
        out_of_hours=OutOfHours(contract.out_of_hours),
        may_wake=may_wake_from(contract.may_wake),
        respond_targets=respond,
        fix_targets=fix,
        not_at_night=frozenset(contract.not_at_night),
        live_answer=contract.live_answer,
        valid_from=midnight(contract.valid_from, zone),
        valid_until=midnight(contract.valid_until, zone) if contract.valid_until is not None else None,
    )


def support_hours(hours: Hours) -> SupportHours:
    """The calendar that the row means; kept by what the row says, so that an edited one is never answered from before."""
    return _support_hours(
        hours.zone, json.dumps(hours.week), hours.nation, hours.subdivision, json.dumps(hours.exceptions)
    )


def hours_for_all(brand_id: int) -> list[Hours]:
    """The calendars by which the brand is there for everybody, by name."""
    return list(Hours.objects.filter(brand=brand_id, public=True).order_by("name"))


@remembered
def open_to_all(brand_id: int, at: datetime) -> tuple[bool, datetime | None]:
    """Whether the brand is there for everybody at `at` by any of its public hours, and else when it next is; None where no
    hours are public, or they never come.
    """
    calendars = [support_hours(row) for row in hours_for_all(brand_id)]
    if any(is_open(each, at) for each in calendars):
        return True, None
    return False, min(filter(None, (next_change(each, at) for each in calendars)), default=None)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the local day begins."""
    return first_instant(datetime.combine(day, time()), zone).astimezone(UTC)


def contacts_of_user(user: User) -> list[Contact]:
    """For whom this account speaks now, with customer and brand, by the companies' names. Empty: for nobody."""
    return list(_who_may_log_in().filter(user=user).order_by("customer__name", "id")) if user.is_active else []


def providers_of_domain(domain: str, brand_id: int | None) -> list[IdentityProvider]:
    """Where people with addresses of this domain sign in with their own company, of that brand's customers or (None) of
    everybody's, by the companies' names.
    """
    rows = IdentityProvider.objects.filter(domains__contains=[domain], customer__active=True)
    if brand_id is not None:
        rows = rows.filter(customer__brand=brand_id)
    return list(rows.select_related("customer").order_by("customer__name", "pk"))


def provider_of(provider_id: int, *, lock: bool = False) -> IdentityProvider:
    """The provider, of a customer who is one. Raises NotFound."""
    rows = IdentityProvider.objects.filter(pk=provider_id, customer__active=True).select_related("customer__brand")
    row = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if row is None:
        raise NotFound(
            _("A sign-in of a company was asked for."), _("There is none here."), _("Sign in by another way.")
        )
    return row


def contact_of_token(token: Token) -> Contact:
    """The contact that a token acts for, with customer and brand. Raises NotSignedIn where they are let in no more."""
    of_the_account = contacts_of_user(token.user) if token.user is not None else []
    contact = next((one for one in of_the_account if one.pk == token.contact_id), None)
    if contact is None:
        raise NotSignedIn(_("A request came with a token."), _("That token is not valid."), _("Make a new one."))
    return contact


def actor_of_contact(contact: Contact) -> Actor:
    """Who acts when this contact does something."""
    return Actor("contact", str(contact.pk), contact.name)


def require_for(by: Actor, verb: str, customer: Customer | None, *, about: Contact | None = None) -> None:
    """Raise unless the actor may do `verb` for the customer: our staff by their roles, a contact by their standing now.

    `about` is the contact that it is done to, if it is done to one. Raises Forbidden, and NotFound where a contact asks
    about another company: to them it does not exist.
    """
    if by.kind != "contact":
        require(by, verb, customer.brand_id if customer else None)
        return
    asked = _("%(name)s asked to %(verb)s.") % {"name": by.name, "verb": verb.replace("_", " ")}
    who = _who_may_log_in().filter(id=int(by.id)).first() if by.id.isdecimal() else None
    if who is None or customer is None or who.customer_id != customer.pk:
        raise NotFound(asked, _("There is no such thing here."), _("Go back to your own pages."))
    if not standing.may(who.standing, verb, own=about is not None and about.pk == who.pk):
        raise Forbidden(
            asked, _("In your company only some may do that."), _("Ask a colleague who keeps your contacts."), verb=verb
        )


NUMBER_COUNTS_AFTER = timedelta(days=7)
"""So long whoever has got into an account cannot have us call back a number of their own."""


def numbers_on_record(contact: Contact, at: datetime) -> list[str]:
    """The numbers on which whoever asks is called back, to be sure that it is them; none that was changed lately by the company
    itself, who may be somebody who has got into an account of theirs.
    """
    before = at - NUMBER_COUNTS_AFTER
    phone = contact.phone if contact.phone_said_at is None or contact.phone_said_at <= before else ""
    proved_at = contact.mobile_verified_at
    mobile = contact.mobile if proved_at is not None and proved_at <= before else ""
    return list(dict.fromkeys(number for number in (phone, mobile) if number))


def mobile_code(check: str) -> str:
    """The six digits that are texted for this secret: computed, so that they lie nowhere."""
    digest = hmac.digest(vault.key_for("mobile code"), check.encode(), "sha256")
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"


def locked_contact(contact_id: int, by: Actor, verb: str) -> Contact:
    """The contact, locked, with its customer and brand, where the actor may do `verb` to it.

    Raises as `require_for`, and NotFound.
    """
    rows = Contact.objects.select_for_update(of=("self",)).select_related("customer__brand")
    contact = rows.filter(pk=contact_id).first()
    require_for(by, verb, contact.customer if contact else None, about=contact)
    if contact is None:
        raise NotFound(_("The contact %s was asked for.") % contact_id, _("There is none."), _("Look at the list."))
    return contact


def _who_may_log_in() -> QuerySet[Contact]:
    rows = Contact.objects.filter(left_at=None, customer__active=True, user__kind=User.Kind.CUSTOMER)
    return rows.exclude(standing="").select_related("customer__brand")


@lru_cache(maxsize=1024)
def _support_hours(zone: str, week: str, nation: str, subdivision: str, exceptions: str) -> SupportHours:
    return hours_from(zone, json.loads(week), nation, subdivision, json.loads(exceptions))
