"""The verbs of what is agreed about planned work: how long before it is told, when there is none, and who wants MAINTNOTE."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.customers.models import Contact, Contract, Customer
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages.models import Freeze, MaintnoteWish, WorkRules, WorkTerms
from nightdesk.people.models import Team

RULES_SAVED = kind("planned-work.rules-saved", gettext_lazy("{by} set how planned work is told"))
TERMS_SAVED = kind("planned-work.terms-saved", gettext_lazy("{by} set the notice of {customer}: {days} days"))
FREEZE_SAVED = kind("planned-work.freeze-saved", gettext_lazy("{by} set a freeze: {name}, {first} to {last}"))
FREEZE_REMOVED = kind("planned-work.freeze-removed", gettext_lazy("{by} removed the freeze {name}"))
MAINTNOTE_WISHED = kind("planned-work.maintnote-set", gettext_lazy("{by} set that {name} gets MAINTNOTE: {wanted}"))

LONGEST_NOTICE_DAYS = 365
EARLIEST_REMINDER_H = 24 * 60
MOST_REMINDERS = 5
METHODS = ("", "PUBLISH", "REQUEST")
"""Of the calendar in a notice. The BCOP would rather have none; some programs only take what has one."""


@transaction.atomic
def save_work_rules(
    *,
    brand_id: int,
    provider: str = "",
    organizer: str = "",
    notice_days: int = 10,
    remind_hours: Sequence[int] = (24,),
    planners_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> WorkRules:
    """The brand tells of planned work so from now on. Raises Forbidden, NotFound, Invalid."""
    require(by, "save_work_rules", brand_id)
    asked = _("The rules of planned work were to be set.")
    _check_days(asked, notice_days)
    hours = sorted(set(remind_hours), reverse=True)
    if len(hours) > MOST_REMINDERS or any(not 1 <= one <= EARLIEST_REMINDER_H for one in hours):
        raise Invalid(
            asked,
            _("Reminders are at most {count}, each 1 to {hours} hours before.").format(
                count=MOST_REMINDERS, hours=EARLIEST_REMINDER_H
            ),
            _("Give fewer, or other hours."),
            field="remind_hours",
        )
    if organizer.strip() and "@" not in organizer:
        raise Invalid(
            asked, _("The organizer is no mail address."), _("Give one that a person reads."), field="organizer"
        )
    if planners_id is not None and not Team.objects.filter(id=planners_id, brand=brand_id).exists():
        raise NotFound(asked, _("The brand has no such team."), _("Choose one of its own."))
    row, _made = WorkRules.objects.update_or_create(
        brand_id=brand_id,
        defaults={
            "provider": " ".join(provider.split())[:120],
            "organizer": organizer.strip().lower()[:254],
            "notice_days": notice_days,
            "remind_hours": hours,
            "planners_id": planners_id,
        },
    )
    facts = {"notice_days": notice_days, "remind_hours": hours}
    record(RULES_SAVED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return row


@transaction.atomic
def save_work_terms(
    *, contract_id: int, notice_days: int | None, by: Actor, via: Door, at: datetime
) -> WorkTerms | None:
    """The contract wants so many days' notice; None: as many as the brand's rules say. Raises Forbidden, NotFound, Invalid."""
    contract = Contract.objects.select_related("customer").filter(id=contract_id).first()
    asked = _("The notice of a contract was to be set.")
    if contract is None:
        raise NotFound(asked, _("There is no such contract."), _("Look at the customer."))
    brand_id = contract.customer.brand_id
    require(by, "save_work_terms", brand_id)
    row = None
    if notice_days is None:
        WorkTerms.objects.filter(contract=contract).delete()
    else:
        _check_days(asked, notice_days)
        row, _made = WorkTerms.objects.update_or_create(contract=contract, defaults={"notice_days": notice_days})
    record(
        TERMS_SAVED, subject=("customer", contract.customer_id), by=by, via=via, at=at, brand_id=brand_id,
        facts={"customer": contract.customer.name, "days": notice_days},
    )  # fmt: skip
    return row


@transaction.atomic
def save_freeze(
    *,
    brand_id: int,
    name: str,
    first_day: date,
    last_day: date,
    customer_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Freeze:
    """No work from the first to the last day, both included: of one customer, or of the whole brand.

    Raises Forbidden, NotFound, Invalid.
    """
    require(by, "save_freeze", brand_id)
    asked = _("A freeze was to be set.")
    name = " ".join(name.split())[:120]
    if not name:
        raise Invalid(asked, _("It has no name."), _("Say what for: Christmas trade, a move."), field="name")
    if last_day < first_day:
        raise Invalid(asked, _("It would end before it begins."), _("Give a later last day."), field="last_day")
    if (last_day - first_day).days > LONGEST_NOTICE_DAYS:
        raise Invalid(asked, _("It is longer than a year."), _("Give an earlier last day."), field="last_day")
    if customer_id is not None and not Customer.objects.filter(id=customer_id, brand=brand_id).exists():
        raise NotFound(asked, _("The brand has no such customer."), _("Choose one of its own."))
    row = Freeze(brand_id=brand_id, customer_id=customer_id, name=name, first_day=first_day, last_day=last_day)
    row.save(force_insert=True)
    _record_freeze(row, FREEZE_SAVED, by, via, at)
    return row


@transaction.atomic
def remove_freeze(*, freeze_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It is no more. Repeating it changes nothing. Raises Forbidden."""
    row = Freeze.objects.filter(id=freeze_id).first()
    if row is None:
        return
    require(by, "remove_freeze", row.brand_id)
    _record_freeze(row, FREEZE_REMOVED, by, via, at)
    row.delete()


@transaction.atomic
def set_maintnote_wish(
    *, contact_id: int, wanted: bool, method: str = "", by: Actor, via: Door, at: datetime
) -> MaintnoteWish | None:
    """Whether notices of planned work come to the contact with a MAINTNOTE file, and with which METHOD.

    Raises Forbidden, NotFound, Invalid.
    """
    contact = Contact.objects.select_related("customer").filter(id=contact_id, left_at=None).first()
    asked = _("Whether a contact gets MAINTNOTE was to be set.")
    if contact is None:
        raise NotFound(asked, _("There is no such contact."), _("Look at the customer."))
    brand_id = contact.customer.brand_id
    require(by, "set_maintnote_wish", brand_id)
    method = method.strip().upper()
    if method not in METHODS:
        raise Invalid(asked, _("There is no such method."), _("Give PUBLISH, REQUEST or none."), field="method")
    row = None
    if wanted:
        row, _made = MaintnoteWish.objects.update_or_create(contact=contact, defaults={"method": method})
    else:
        MaintnoteWish.objects.filter(contact=contact).delete()
    facts = {"name": contact.name, "wanted": wanted, "method": method}
    record(
        MAINTNOTE_WISHED,
        subject=("customer", contact.customer_id),
        by=by,
        via=via,
        at=at,
        brand_id=brand_id,
        facts=facts,
    )
    return row


def _check_days(asked: str, days: int) -> None:
    if not 0 <= days <= LONGEST_NOTICE_DAYS:
        raise Invalid(
            asked, _("Notice is 0 to {most} days.").format(most=LONGEST_NOTICE_DAYS), _("Give such a number.")
        )


def _record_freeze(row: Freeze, what: str, by: Actor, via: Door, at: datetime) -> None:
    facts = {"name": row.name, "first": row.first_day.isoformat(), "last": row.last_day.isoformat()}
    record(what, subject=("freeze", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)
