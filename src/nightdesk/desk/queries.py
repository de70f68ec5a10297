"""Reading tickets; what several doors ask."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.models import Role
from nightdesk.base.actors import Actor
from nightdesk.base.files import read_file
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.customers.models import Contact
from nightdesk.desk.decide import ContactKind, Level, Policy
from nightdesk.desk.models import Attachment, Entry, Rules, TeamRule, Ticket
from nightdesk.people.models import Person, Team

STORY_SHOWN = 12
"""Of how many things that were said the story so far tells."""


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


def rules_of(brand_id: int) -> Rules:
    """The brand's rules; the usual ones, not kept, where nobody has said any."""
    return Rules.objects.filter(brand_id=brand_id).first() or Rules(brand_id=brand_id)


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
    whole = Ticket.objects.filter(Q(id=ticket.id) | Q(merged_into=ticket))
    return (
        Entry.objects.filter(ticket__in=whole.values("id"))
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
