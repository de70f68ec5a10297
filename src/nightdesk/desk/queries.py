"""Reading tickets; what several doors ask."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from nightdesk.access.models import Role
from nightdesk.base.actors import Actor
from nightdesk.base.files import read_file
from nightdesk.base.memory import remember, remembered
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.base.rows import fetch_with
from nightdesk.customers.models import Contact, Customer, Subscription
from nightdesk.customers.priority import Priority
from nightdesk.customers.queries import contract_facts, open_to_all, promised_now
from nightdesk.desk import decide
from nightdesk.desk.decide import OPEN, Contacted, ContactKind, Level, Policy, Rung, State, Thing, use_prepaid
from nightdesk.desk.models import (
    Attachment,
    Entry,
    Escalation,
    Lesson,
    Link,
    OldNumber,
    Party,
    Prepaid,
    Rules,
    Supplier,
    Surge,
    Survey,
    TeamRule,
    Ticket,
    TicketPage,
    TimeSpent,
)
from nightdesk.outages.decide import OPEN as OUTAGE_OPEN
from nightdesk.outages.models import Touched
from nightdesk.outages.queries import parts_beneath
from nightdesk.paging.models import Page
from nightdesk.people.models import Person, Team

_KNOWN_FOR_S = 2.0
_known_rules: dict[int, tuple[tuple[bool, bool], float]] = {}
STORY_SHOWN = 12
"""Of how many things that were said the story so far tells: the first, and the newest."""


class FileNotClean(IllegalTransition):
    """A scanner has not looked at the file yet, or has found something in it."""

    code = "file-not-clean"
    title = "The file may not be opened"


def file_of(attachment: Attachment) -> bytes:
    """The file's bytes, for whoever may see its entry. Raises FileNotClean, and NotFound where they are not on the disk."""
    asked = _("{name} was asked for.").format(name=attachment.name)
    if attachment.scan == Attachment.Scan.WAITING:
        raise FileNotClean(asked, _("The virus scanner has not looked at it yet."), _("Try again in a minute."))
    if attachment.scan == Attachment.Scan.REFUSED:
        raise FileNotClean(
            asked,
            _("The virus scanner found {what} in it.").format(what=attachment.scanned_as),
            _("Ask who sent it for another copy."),
        )
    try:
        return read_file(attachment.digest)
    except FileNotFoundError:
        raise NotFound(asked, _("Its bytes are not on the disk."), _("Restore the folder of files.")) from None


@remembered
def rules_of(brand_id: int) -> Rules:
    """The brand's rules; the usual ones, not kept, where nobody has said any."""
    return Rules.objects.filter(brand_id=brand_id).first() or Rules(brand_id=brand_id)


@remembered
def numbers_ahead(brand_id: int) -> list[int]:
    """Numbers that a batch has taken for the tickets that it opens, the last one first; whoever opens one takes its number."""
    del brand_id
    return []


def take_numbers_ahead(brand_id: int, count: int) -> None:
    """The batch has the brand's next `count` numbers, if it has given out any before."""
    name = f"desk_number_{int(brand_id)}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        if cursor.fetchone()[0]:
            cursor.execute("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [name, count])
            remember(numbers_ahead, [int(number) for (number,) in cursor.fetchall()][::-1], brand_id)


def rules_for(ticket: Ticket) -> Rules:
    """The rules of the ticket's brand, read once where the brand was read with them."""
    try:
        return ticket.brand.desk_rules
    except Rules.DoesNotExist:
        return Rules(brand_id=ticket.brand_id)


def has_desk(brand_id: int | None) -> bool:
    """Whether pages of the brand's alarms may become tickets."""
    return _wanted_of(brand_id)[0]


def asks_surveys(brand_id: int | None) -> bool:
    """Whether the brand's customers are asked what they think."""
    return _wanted_of(brand_id)[1]


def _wanted_of(brand_id: int | None) -> tuple[bool, bool]:
    """(tickets of pages, surveys), read at most two seconds ago, as every page of an alarm asks it."""
    if brand_id is None:
        return False, False
    known, until = _known_rules.get(brand_id, ((False, False), 0.0))
    if time.monotonic() < until:
        return known
    rules = Rules.objects.filter(brand=brand_id).only("tickets_from_pages", "surveys").first()
    wanted = rules is not None and rules.tickets_from_pages != Rules.FromPages.NONE, bool(rules and rules.surveys)
    _known_rules[brand_id] = wanted, time.monotonic() + _KNOWN_FOR_S
    return wanted


def forget_desks() -> None:
    """What is known of brands' rules in this process is read anew."""
    _known_rules.clear()


def policy_of(rules: Rules) -> Policy:
    """What the rules say to `decide`."""
    return Policy(
        reopens_within=timedelta(days=rules.reopens_within_days),
        closes_after=timedelta(days=rules.closes_after_days),
        asks_again_after=timedelta(days=rules.asks_again_after_days),
    )


def level_of_team(team_id: int) -> str:
    """The level that the team works on. One of which nothing is said stands behind the desk, on level 2, unless it owns the
    brand's tickets; where nothing is said of any team, the brand does not tell levels apart, and all are on level 1.
    """
    found = TeamRule.objects.filter(team=team_id).values_list("level", flat=True).first()
    if found is not None:
        return found
    beside = TeamRule.objects.filter(team__brand__team=team_id).exists()
    owns = Rules.objects.filter(owner=team_id).exists()
    return Level.TWO if beside and not owns else Level.ONE


def speaks_as(by: Actor, ticket: Ticket) -> tuple[Level, Collection[ContactKind]]:
    """On which level they speak to the ticket's user, and for which reasons.

    Whoever has the desk's, a manager's or an admin's role here, or is in a team of level 1, or in none, is the desk. An
    engineer is of their team's level (`level_of_team`), the lowest of several; a team without a rule speaks through the desk.
    """
    at_desk = {Role.DESK, Role.MANAGER, Role.ADMIN}
    if any(brand in (None, ticket.brand_id) and role in at_desk for brand, role in by.grants):
        return Level.ONE, tuple(ContactKind)
    teams = Team.objects.filter(members=by.person_id, brand=ticket.brand_id)
    level = min((level_of_team(team.pk) for team in teams), default=Level.ONE)
    if level == Level.ONE:
        return Level.ONE, tuple(ContactKind)
    rules = TeamRule.objects.filter(team__in=teams)
    allowed = {ContactKind(kind) for rule in rules for kind in rule.contact_kinds}
    return Level(level), tuple(kind for kind in ContactKind if kind in allowed)


@remembered
def contact_at(address: str, brand_id: int) -> Contact | None:
    """The brand's contact with this e-mail address, whatever its case, if they have not left; of several the one known
    longest.
    """
    found = contacts_at([address], brand_id).get(address.lower())
    if found is not None:
        remember(contact_of, found, found.pk)
    return found


def contacts_at(addresses: Sequence[str], brand_id: int) -> dict[str, Contact]:
    """By address in small letters; as `contact_at`."""
    rows = _contacts(
        "upper(own.email) = ANY(ARRAY(SELECT upper(a) FROM unnest(%s::text[]) a)) AND customer.brand_id = %s "
        "AND customer.active AND own.left_at IS NULL ORDER BY own.id DESC",
        [list(addresses), brand_id],
    )
    return {one.email.lower(): one for one in rows}


def known_numbers(brand_id: int, numbers: Iterable[str]) -> set[str]:
    """Those of the old numbers under which the brand has a ticket, in small letters."""
    rows = OldNumber.objects.annotate(lowered=Lower("text")).filter(brand=brand_id)
    known = rows.filter(lowered__in=[Lower(Value(one)) for one in set(numbers)])
    return {text.lower() for text in known.values_list("text", flat=True)}


@remembered
def contact_of(contact_id: int) -> Contact | None:
    """The contact, with its customer."""
    found = _contacts("own.id = %s", [contact_id])
    return found[0] if found else None


def _contacts(where: str, values: Sequence[Any]) -> list[Contact]:
    sql = "SELECT {columns} FROM customers_contact own JOIN customers_customer customer ON customer.id = own.customer_id WHERE "
    return fetch_with(Contact, ["customer"], sql + where, values)


def followed_by(ticket: Ticket, customer_id: int | None, address: str) -> UUID | None:
    """The newest ticket that follows this one for that customer; where there is none, for whoever writes from the address."""
    rows = Ticket.objects.filter(links__other=ticket, links__kind=Link.Kind.FOLLOWS, opened_at__gt=ticket.opened_at)
    rows = rows.filter(customer=customer_id)
    if customer_id is None:
        rows = rows.filter(requester_address=address)
    return rows.order_by("-opened_at").values_list("id", flat=True).first()


def removed_from(ticket: Ticket) -> list[tuple[str, str]]:
    """(address, name) of those who are written to about it no more."""
    gone = Party.objects.filter(ticket=ticket, role=Party.Role.REMOVED).order_by("id")
    return list(gone.values_list("address", "name"))


def approvers_of(ticket: Ticket) -> QuerySet[Contact]:
    """Who of the ticket's customer may say yes to what changes who gets in, but for whoever asks."""
    rows = Contact.objects.filter(customer=ticket.customer_id, may_authorise=True, left_at=None)
    return rows.exclude(id=ticket.contact_id or 0).order_by("name")


def who_works_on(ticket: Ticket) -> list[int]:
    """Ids of the persons who are to act: the assignee, unless they have left us, else the team that has it, else the desk."""
    team = _members(ticket.team_id) if ticket.team_id is not None else ()
    return still_here([ticket.assignee_id]) or list(team) or desk_of(ticket)


def still_here(person_ids: Iterable[int | None]) -> list[int]:
    """Those of them who are on the staff list today, in their order."""
    wanted = [one for one in person_ids if one is not None]
    here = set(Person.objects.filter(id__in=wanted, active=True).values_list("id", flat=True)) if wanted else set()
    return [one for one in wanted if one in here]


def desk_of(ticket: Ticket) -> list[int]:
    """Ids of the persons of the team that owns it."""
    return list(_members(ticket.owner_id)) if ticket.owner_id is not None else []


def desk_of_brand(brand_id: int) -> list[int]:
    """Ids of the persons of the team that owns the brand's tickets."""
    owner_id = rules_of(brand_id).owner_id
    return list(_members(owner_id)) if owner_id is not None else []


@remembered
def _members(team_id: int) -> tuple[int, ...]:
    return tuple(Person.objects.filter(teams=team_id, active=True).values_list("id", flat=True))


def send_at(ticket: Ticket, at: datetime, *, why_now: str = "") -> datetime:
    """When what one of us writes to the ticket's customer now leaves, see `decide.send_at`."""
    cover = promised_now(ticket.customer_id, Priority(f"P{ticket.priority}"), at, ticket.work_type or None)
    open_now, opens_at = cover.open_now, cover.answer_from
    if cover.reason in decide.WITHOUT_CONTRACT:
        open_now, opens_at = open_to_all(ticket.brand_id, at)
    return decide.send_at(at, open_now=open_now, reason=cover.reason, opens_at=opens_at, why_now=why_now)


def manager_for(ticket: Ticket) -> Person | None:
    """Whom a hierarchic escalation reaches: the manager of the team that has it, else of the desk."""
    for team_id in (ticket.team_id, ticket.owner_id):
        team = Team.objects.select_related("manager").filter(id=team_id).first() if team_id else None
        if team is not None and team.manager is not None and team.manager.active:
            return team.manager
    return None


def service_manager_of(ticket: Ticket) -> Person | None:
    """Who of ours answers for the ticket's customer; None where nobody active is named."""
    customer = Customer.objects.select_related("service_manager").filter(ticket=ticket).first()
    manager = customer.service_manager if customer is not None else None
    return manager if manager is not None and manager.active else None


def with_merged(*tickets: Ticket) -> Q:
    """Of rows with a `ticket`: those of these, and of what was merged into them. Asked by id, as
    `Q(ticket=) | Q(ticket__merged_into=)` would read every row there is.
    """
    return Q(ticket__in=_with_merged(tuple(ticket.pk for ticket in tickets)))


@remembered
def _with_merged(ticket_ids: tuple[UUID, ...]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM desk_ticket WHERE merged_into_id = ANY(%s)", [list(ticket_ids)])
        return [*ticket_ids, *(row[0] for row in cursor.fetchall())]


_BESIDE = {
    "links": "desk_link WHERE ticket_id = %(own)s OR other_id = %(own)s",
    "suppliers": "desk_supplierticket WHERE ticket_id = ANY(%(all)s)",
    "time": "desk_timespent WHERE ticket_id = ANY(%(all)s)",
    "watches": "desk_watch WHERE ticket_id = %(own)s",
    "lessons": "desk_lesson WHERE ticket_id = %(own)s",
    "drafts": "desk_draft WHERE ticket_id = %(own)s",
}


def beside(ticket: Ticket) -> set[str]:
    """Of what may lie beside a ticket (the names of `_BESIDE`, and "merged": what was merged into it) that which does: nearly
    all tickets have none of it, and a page would ask for each.
    """
    tickets = _with_merged((ticket.pk,))
    asked = ", ".join(f"EXISTS (SELECT FROM {rows})" for rows in _BESIDE.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}", {"own": ticket.pk, "all": tickets})
        found = {name for name, there in zip(_BESIDE, cursor.fetchone(), strict=True) if there}
    return found | ({"merged"} if len(tickets) > 1 else set())


def who_answers_escalated(ticket: Ticket, at: datetime) -> tuple[Person | None, datetime]:
    """Who answers a customer who asks for a manager at `at`, None where nobody is named, and by when."""
    facts = contract_facts(ticket.customer_id, at) if ticket.customer_id is not None else None
    return service_manager_of(ticket) or manager_for(ticket), decide.manager_answers_by(facts, at)


def may_reopen(ticket: Ticket, at: datetime) -> bool:
    """Whether the ticket goes on where it was; what was closed too long ago is followed by a new one."""
    return decide.may_reopen(State(ticket.state), ticket.closed_at, at, policy_of(rules_of(ticket.brand_id)))


def open_escalation(ticket: Ticket) -> Escalation | None:
    """The customer's call for a manager that nobody has answered yet."""
    last = Escalation.objects.filter(with_merged(ticket)).order_by("-at").first()
    return last if last is not None and not is_answered(last) else None


def is_answered(escalation: Escalation) -> bool:
    """Whether a person of ours has written to the customer since."""
    goes_on = escalation.ticket.merged_into or escalation.ticket
    spoken = Entry.objects.filter(with_merged(goes_on), kind=Entry.Kind.MESSAGE_OUT, automatic=False)
    return spoken.filter(at__gt=escalation.at).exists()


def story_of(ticket: Ticket) -> QuerySet[Entry]:
    """All that was said and done, in order, of the ticket and of those that were merged into it."""
    return (
        Entry.objects.filter(with_merged(ticket))
        .select_related("ticket")
        .prefetch_related("attachments")
        .order_by("at", "id")
    )


def story_so_far(ticket: Ticket, story: Sequence[Entry] | None = None) -> str:
    """What whoever takes it over must know, in plain text: what it is, whose, what was said and tried, what is promised.
    `story`: all of it, the newest first, where that is known.
    """
    if story is None:
        rows = story_of(ticket).select_related(None).prefetch_related(None).order_by("-at", "-id")
        spoken = rows.filter(kind__in=Entry.SAID)
        said, first = list(spoken[:STORY_SHOWN]), spoken.last()
        tried = list(rows.filter(kind=Entry.Kind.SYSTEM, facts__has_key="run")[:STORY_SHOWN])
    else:
        said = [one for one in story if one.kind in Entry.SAID]
        first = said[-1] if said else None
        tried = [one for one in story if one.kind == Entry.Kind.SYSTEM and "run" in one.facts][:STORY_SHOWN]
        said = said[:STORY_SHOWN]
    if len(said) == STORY_SHOWN and first is not None:
        said[-1] = first
    said += tried
    said.sort(key=lambda entry: (entry.at, entry.id))
    lines = [f"#{ticket.number} P{ticket.priority} {ticket.title}"]
    if ticket.customer is not None:
        lines.append(_("For {customer}, {name}").format(customer=ticket.customer.name, name=ticket.requester_name))
    elif ticket.requester_name or ticket.requester_address:
        lines.append(_("For {name}").format(name=ticket.requester_name or ticket.requester_address))
    if ticket.next_step_at is not None:
        lines.append(
            _("Next: {step}, by {time} UTC").format(step=ticket.next_step, time=f"{ticket.next_step_at:%d %b %H:%M}")
        )
    lines += [f"{entry.at:%d %b %H:%M} {entry.by_name}: {' '.join(entry.text.split())[:600]}" for entry in said]
    return "\n".join(lines)


def open_ticket_of_part(page: Page) -> Ticket | None:
    """The newest open ticket that came of a page about the same part: of the same sender, service and component."""
    same = TicketPage.objects.filter(
        Q(ticket__merged_into=None, ticket__state__in=OPEN) | Q(ticket__merged_into__state__in=OPEN),
        page__integration=page.integration_id,
        page__service=page.service_id,
        page__component=page.component,
        ticket__brand=page.brand_id,
    )
    if page.service_id is None and not page.component:
        same = same.filter(page__title=page.title)
    found = same.select_related("ticket__merged_into").order_by("-ticket__opened_at").first()
    return (found.ticket.merged_into or found.ticket) if found is not None else None


SURGE_READS = ("customer", "service", "outage", "contacted_at", "number", "title")


def services_of(ticket: Ticket) -> frozenset[int]:
    """What the ticket may be about: its service, else all that its customer buys."""
    if ticket.service_id is not None:
        return frozenset({ticket.service_id})
    bought = Subscription.objects.filter(customer=ticket.customer_id).values_list("service", flat=True)
    return frozenset(bought)


def contacts_lately(ticket: Ticket, within: timedelta) -> tuple[dict[UUID, Contacted], dict[UUID, Ticket]]:
    """Who of the brand's customers came to us within that time up to this ticket's contact, itself among them, and their tickets.

    Those that are over, or belong to a major incident already are not among them, nor are those whose service an open outage
    takes from them: that is known.
    """
    assert ticket.contacted_at is not None
    rows = Ticket.objects.filter(
        brand=ticket.brand_id,
        contacted_at__gt=ticket.contacted_at - within,
        contacted_at__lte=ticket.contacted_at,
        state__one_of=OPEN,
        customer__isnull=False,
        parent=None,
        merged_into=None,
    )
    found = {one.pk: one for one in rows.only(*SURGE_READS).order_by("-contacted_at", "-id")[:500]}
    found.setdefault(ticket.pk, ticket)
    bought: dict[int, set[int]] = {}
    vague = {one.customer_id for one in found.values() if one.service_id is None}
    for customer_id, service_id in Subscription.objects.filter(customer__in=vague).values_list("customer", "service"):
        bought.setdefault(customer_id, set()).add(service_id)
    services = {
        pk: {one.service_id} if one.service_id else bought.get(one.customer_id or 0, set()) for pk, one in found.items()
    }
    asked = {(found[pk].customer_id or 0, service) for pk, some in services.items() for service in some}
    beneath = parts_beneath(sorted(asked))
    known = _known_to_be_down({customer for customer, _service in asked})
    contacts = {}
    for pk, one in found.items():
        if one.outage_id is not None or any((one.customer_id, service) in known for service in services[pk]):
            continue
        about: dict[Thing, int] = {("service", service): 0 for service in services[pk]}
        for service in services[pk]:
            for part, distance in beneath.get((one.customer_id or 0, service), {}).items():
                about["part", part] = min(distance, about.get(("part", part), distance))
        contacts[pk] = Contacted(one.customer_id or 0, about, one.contacted_at or ticket.contacted_at)
    return contacts, found


def _known_to_be_down(customers: Collection[int]) -> set[tuple[int, int]]:
    """(customer, service) that a confirmed outage touches which is not over."""
    rows = Touched.objects.filter(
        customer__in=customers, effect__gt=0, outage__confirmed_at__isnull=False, subscription__ended_at=None
    )
    return set(rows.filter(outage__state__in=OUTAGE_OPEN).values_list("customer", "service"))


def surge_about(brand_id: int, about: Collection[Thing]) -> Surge | None:
    """The open major incident, accepted or proposed, that gathers those who ask about one of these things."""
    services = [number for kind, number in about if kind == "service"]
    parts = [number for kind, number in about if kind == "part"]
    rows = Surge.objects.filter(Q(service__in=services) | Q(part__in=parts), brand=brand_id, ticket__state__in=OPEN)
    return rows.filter(Q(ticket__major=True) | Q(ticket__major_proposed=True)).order_by("at").first()


def lessons_of(person_id: int) -> QuerySet[Lesson]:
    """Answers that came back to this person and that they have not confirmed, the oldest first."""
    return Lesson.objects.filter(person=person_id, confirmed_at=None).select_related("ticket").order_by("made_at")


def ladder_of(supplier: Supplier) -> list[Rung]:
    """Whom to chase at the supplier, in order."""
    return [Rung(one["who"], one["how"], timedelta(minutes=one["after_minutes"])) for one in supplier.ladder]


@dataclass(frozen=True, slots=True)
class Worked:
    """What was worked for a customer in a span of days. Minutes but for `call_outs` and `tickets`; `paid` are prepaid ones."""

    customer: Customer | None
    tickets: int
    minutes: int
    billable: int
    paid: int
    billed: int
    call_outs: int


def worked_for(brand_ids: Collection[int] | None, first: date, until: date) -> list[Worked]:
    """For each customer that something was worked for on a day of `[first, until)`, by name; two queries.

    Prepaid minutes are those of the span, after what earlier days of the same packages had used.
    """
    packages = Prepaid.objects.filter(valid_from__lt=until).filter(Q(valid_until=None) | Q(valid_until__gt=first))
    spent = TimeSpent.objects.filter(withdrawn_at=None, on__lt=until).select_related("ticket__customer")
    if brand_ids is not None:
        packages = packages.filter(customer__brand__in=brand_ids)
        spent = spent.filter(ticket__brand__in=brand_ids)
    bought: dict[int, list[tuple[date, date | None, int]]] = {}
    for one in packages:
        bought.setdefault(one.customer_id, []).append((one.valid_from, one.valid_until, one.minutes))
    earliest = min((start for one in bought.values() for start, _end, _minutes in one), default=first)
    rows: dict[int | None, list[TimeSpent]] = {}
    for row in spent.filter(on__gte=min(first, earliest)).order_by("on", "id"):
        rows.setdefault(row.ticket.customer_id, []).append(row)
    found = []
    for customer_id, all_of in rows.items():
        now = [row for row in all_of if row.on >= first]
        if not now:
            continue
        theirs = bought.get(customer_id or 0, [])
        before = use_prepaid(theirs, [(row.on, row.minutes) for row in all_of if row.billable and row.on < first])
        whole = use_prepaid(theirs, [(row.on, row.minutes) for row in all_of if row.billable])
        found.append(
            Worked(
                customer=now[0].ticket.customer,
                tickets=len({row.ticket_id for row in now}),
                minutes=sum(row.minutes for row in now),
                billable=sum(row.minutes for row in now if row.billable),
                paid=whole[0] - before[0],
                billed=whole[1] - before[1],
                call_outs=sum(row.call_out for row in now),
            )
        )
    return sorted(found, key=lambda one: one.customer.name.lower() if one.customer else "")


@dataclass(frozen=True, slots=True)
class Satisfied:
    """What was thought in a span: how many were asked, answered, and content (4 or 5); by whom it is counted for."""

    name: str
    asked: int
    answered: int
    content: int

    @property
    def percent(self) -> int | None:
        """Of those who answered, how many were content; None where nobody did."""
        return round(100 * self.content / self.answered) if self.answered else None


def satisfaction(
    brand_ids: Collection[int] | None, start: datetime, end: datetime, by: Literal["team", "supplier"]
) -> list[Satisfied]:
    """For each team or supplier with a survey asked in `[start, end)`, by name; one query."""
    rows = Survey.objects.filter(asked_at__gte=start, asked_at__lt=end, **{f"{by}__isnull": False})
    if brand_ids is not None:
        rows = rows.filter(brand__in=brand_ids)
    counted = rows.values(f"{by}__name").annotate(
        asked=Count("id"), answered=Count("score"), content=Count("id", filter=Q(score__gte=4))
    )
    return [
        Satisfied(row[f"{by}__name"], row["asked"], row["answered"], row["content"])
        for row in counted.order_by(f"{by}__name")
    ]
