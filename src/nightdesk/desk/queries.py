"""Reading tickets; what several doors ask."""

import time
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.models import Role
from nightdesk.base.actors import Actor
from nightdesk.customers.models import Contact, Subscription
from nightdesk.desk.decide import OPEN, Contacted, ContactKind, Level, Policy
from nightdesk.desk.models import Entry, Lesson, Rules, TeamRule, Ticket, TicketPage
from nightdesk.paging.models import Page
from nightdesk.people.models import Person, Team

_KNOWN_FOR_S = 2.0
_has_desk: dict[int, tuple[bool, float]] = {}
STORY_SHOWN = 12
"""Of how many things that were said the story so far tells."""


def rules_of(brand_id: int) -> Rules:
    """The brand's rules; the usual ones, not kept, where nobody has said any."""
    return Rules.objects.filter(brand_id=brand_id).first() or Rules(brand_id=brand_id)


def has_desk(brand_id: int | None) -> bool:
    """Whether pages of the brand's alarms may become tickets; read at most two seconds ago, as every page asks it."""
    if brand_id is None:
        return False
    known, until = _has_desk.get(brand_id, (False, 0.0))
    if time.monotonic() < until:
        return known
    wanted = Rules.objects.filter(brand=brand_id).exclude(tickets_from_pages=Rules.FromPages.NONE).exists()
    _has_desk[brand_id] = wanted, time.monotonic() + _KNOWN_FOR_S
    return wanted


def forget_desks() -> None:
    """What `has_desk` knows in this process is read anew."""
    _has_desk.clear()


def policy_of(rules: Rules) -> Policy:
    """What the rules say to `decide`."""
    return Policy(
        reopens_within=timedelta(days=rules.reopens_within_days),
        closes_after=timedelta(days=rules.closes_after_days),
        asks_again_after=timedelta(days=rules.asks_again_after_days),
    )


def level_of_team(team_id: int) -> str:
    """The level that the team works on; a team of which nothing is said stands behind the desk, on level 2."""
    found = TeamRule.objects.filter(team=team_id).values_list("level", flat=True).first()
    return found or Level.TWO


def speaks_as(by: Actor, ticket: Ticket) -> tuple[Level, Collection[ContactKind]]:
    """On which level they speak to the ticket's user, and for which reasons.

    Whoever has the desk's, a manager's or an admin's role here, or is in a team of level 1, is the desk. An engineer is of
    their team's level, the lowest of several; where no team of theirs has a rule, the brand does not tell levels apart.
    """
    at_desk = {Role.DESK, Role.MANAGER, Role.ADMIN}
    if any(brand in (None, ticket.brand_id) and role in at_desk for brand, role in by.grants):
        return Level.ONE, tuple(ContactKind)
    rules = TeamRule.objects.filter(team__members=by.person_id, team__brand=ticket.brand_id).order_by("level")
    first = rules.first()
    if first is None or first.level == Level.ONE:
        return Level.ONE, tuple(ContactKind)
    allowed = {ContactKind(kind) for rule in rules for kind in rule.contact_kinds}
    return Level(first.level), tuple(kind for kind in ContactKind if kind in allowed)


def contact_at(address: str, brand_id: int) -> Contact | None:
    """The brand's contact with this e-mail address, whatever its case; of several the one known longest."""
    found = Contact.objects.filter(email__iexact=address, customer__brand_id=brand_id, customer__active=True)
    return found.select_related("customer").order_by("id").first()


def who_works_on(ticket: Ticket) -> list[int]:
    """Ids of the persons who are to act: the assignee, else the team that has it, else the desk."""
    if ticket.assignee_id is not None:
        return [ticket.assignee_id]
    if ticket.team_id is not None:
        return list(Person.objects.filter(teams=ticket.team_id, active=True).values_list("id", flat=True))
    return desk_of(ticket)


def desk_of(ticket: Ticket) -> list[int]:
    """Ids of the persons of the team that owns it."""
    if ticket.owner_id is None:
        return []
    return list(Person.objects.filter(teams=ticket.owner_id, active=True).values_list("id", flat=True))


def manager_for(ticket: Ticket) -> Person | None:
    """Whom a hierarchic escalation reaches: the manager of the team that has it, else of the desk."""
    for team_id in (ticket.team_id, ticket.owner_id):
        team = Team.objects.select_related("manager").filter(id=team_id).first() if team_id else None
        if team is not None and team.manager is not None and team.manager.active:
            return team.manager
    return None


def story_of(ticket: Ticket) -> QuerySet[Entry]:
    """All that was said and done, in order, of the ticket and of those that were merged into it."""
    both = Ticket.objects.filter(Q(id=ticket.id) | Q(merged_into=ticket)).values("id")
    return (
        Entry.objects.filter(ticket__in=both)
        .select_related("ticket")
        .prefetch_related("attachments")
        .order_by("at", "id")
    )


def story_so_far(ticket: Ticket) -> str:
    """What whoever takes it over must know, in plain text: what it is, whose, what was said, what is promised."""
    spoken = (Entry.Kind.MESSAGE_IN, Entry.Kind.MESSAGE_OUT, Entry.Kind.CALL, Entry.Kind.NOTE)
    said = list(story_of(ticket).filter(kind__in=spoken).order_by("-at", "-id")[:STORY_SHOWN])
    lines = [f"#{ticket.number} P{ticket.priority} {ticket.title}"]
    if ticket.customer is not None:
        lines.append(_("For {customer}, {name}").format(customer=ticket.customer.name, name=ticket.requester_name))
    elif ticket.requester_name or ticket.requester_address:
        lines.append(_("For {name}").format(name=ticket.requester_name or ticket.requester_address))
    if ticket.next_step_at is not None:
        lines.append(
            _("Next: {step}, by {time} UTC").format(step=ticket.next_step, time=f"{ticket.next_step_at:%d %b %H:%M}")
        )
    lines += [f"{entry.at:%d %b %H:%M} {entry.by_name}: {' '.join(entry.text.split())[:600]}" for entry in said[::-1]]
    return "\n".join(lines)


def open_ticket_of_part(page: Page) -> Ticket | None:
    """The newest open ticket that came of a page about the same part: of the same sender, service and component."""
    same = TicketPage.objects.filter(
        page__integration=page.integration_id,
        page__service=page.service_id,
        page__component=page.component,
        ticket__brand=page.brand_id,
        ticket__state__in=OPEN,
        ticket__merged_into=None,
    )
    if page.service_id is None and not page.component:
        same = same.filter(page__title=page.title)
    found = same.select_related("ticket").order_by("-ticket__opened_at").first()
    return found.ticket if found is not None else None


def contacts_lately(ticket: Ticket, within: timedelta) -> tuple[dict[UUID, Contacted], dict[UUID, Ticket]]:
    """Who of the brand's customers asked within that time up to this ticket, itself among them, and their tickets.

    Those that are over, were opened by machines, or belong to a major incident already are not among them.
    """
    rows = Ticket.objects.filter(
        brand=ticket.brand_id,
        opened_at__gt=ticket.opened_at - within,
        opened_at__lte=ticket.opened_at,
        state__in=OPEN,
        customer__isnull=False,
        customer_wrote_at__isnull=False,
        parent=None,
        merged_into=None,
    )
    found = {one.pk: one for one in rows.order_by("-opened_at", "-id")[:500]}
    found.setdefault(ticket.pk, ticket)
    bought: dict[int, set[int]] = {}
    vague = {one.customer_id for one in found.values() if one.service_id is None}
    for customer_id, service_id in Subscription.objects.filter(customer__in=vague).values_list("customer", "service"):
        bought.setdefault(customer_id, set()).add(service_id)
    contacts = {
        pk: Contacted(
            one.customer_id or 0,
            frozenset({one.service_id} if one.service_id else bought.get(one.customer_id or 0, ())),
            one.opened_at,
        )
        for pk, one in found.items()
    }
    return contacts, found


def lessons_of(person_id: int) -> QuerySet[Lesson]:
    """Answers that came back to this person and that they have not confirmed, the oldest first."""
    return Lesson.objects.filter(person=person_id, confirmed_at=None).select_related("ticket").order_by("made_at")
