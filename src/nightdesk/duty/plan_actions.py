"""Telling people what became of the plan: of a change within 48 hours, and of swaps, with the answers that settle them.

Each follows from a journal entry (`follow_ups`). Whoever did it knows, and is not told.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.channels.actions import queue_message, supersede_deliveries
from nightdesk.duty.models import LateStart
from nightdesk.duty.reaching import all_ways, local, managers_of, recipients
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person
from nightdesk.rota import swap_actions
from nightdesk.rota.models import Override, Swap

CHANGED = "duty.tell_change"
"""Promise to tell those whom a change of the plan concerns; it follows from the change's entry."""
SWAPS = "duty.tell_swap"
"""Promise to tell those whom a swap's step concerns."""

ACCEPT_SWAP, DECLINE_SWAP, APPROVE_SWAP, REFUSE_SWAP, SWAP_STANDS = (
    "duty.accept_swap",
    "duty.decline_swap",
    "duty.approve_swap",
    "duty.refuse_swap",
    "duty.swap_stands",
)
"""Answers to messages about swaps; their subject is the swap."""

AT_ONCE = timedelta(hours=2)
"""What begins within so long is told by the ways for urgent pages; later, by the quiet ones."""
SHOWN = 4


@transaction.atomic
def tell_of_change(*, entry_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Tell each person what a change of the plan gives them and takes from them of the next 48 hours. Says what came of it.

    A swap's parts are told with the swap, cover for a late start with that. What is over by now is not told. Repeating it
    may tell somebody twice, as any sending may.
    """
    del by, via
    entry = Entry.objects.get(id=entry_id)
    cause = Entry.objects.filter(id=entry.cause).first() if entry.cause else None
    if cause is not None and cause.kind == swap_actions.SWAP_DONE:
        return _("It is part of a swap, which is told by itself.")
    parts = [_read(each) for each in entry.facts.get("soon", ())]
    parts = [part for part in parts if part["until"] > at]
    ids = {member[1] for part in parts for member in (part["was"], part["now"]) if member and member[0] == "person"}
    people = {person.id: person for person in Person.objects.filter(id__in=ids)}
    known = _told_of_late_start(entry)
    told = 0
    for person in people.values():
        mine = [part for part in parts if ("person", person.id) in (part["was"], part["now"])]
        if not person.active or person.id in known or (entry.by_kind == "person" and entry.by_id == str(person.id)):
            continue
        told += _tell_change(person, entry, mine, people, at)
    return _("%d people are told.") % told if told else _("It concerns nobody who does not know.")


def _told_of_late_start(entry: Entry) -> set[int]:
    """Whom a late start that stands tells of this override by itself: nobody is rung twice for one thing at night."""
    override = Override.objects.filter(id=entry.facts.get("override") or 0).first()
    if override is None:
        return set()
    rows = LateStart.objects.filter(
        person=override.instead_of_id,
        seat=override.seat_id,
        starts_at=override.starts_at,
        state=LateStart.State.COVERED,
    )
    return {person_id for pair in rows.values_list("person_id", "cover_id") for person_id in pair if person_id}


def _read(part: dict[str, Any]) -> dict[str, Any]:
    return {
        "from": datetime.fromisoformat(part["from"]),
        "until": datetime.fromisoformat(part["until"]),
        "was": tuple(part["was"]) if part["was"] else None,
        "now": tuple(part["now"]) if part["now"] else None,
    }


def _tell_change(
    person: Person, entry: Entry, parts: list[dict[str, Any]], people: dict[int, Person], at: datetime
) -> bool:
    me = ("person", person.id)
    urgent = any(part["from"] <= at + AT_ONCE for part in parts)
    with translation.override(person.language):
        lines = []
        for part in parts[:SHOWN]:
            other = part["now"]
            span = {"from": _when(part["from"], person), "until": local(part["until"], person)}
            if part["now"] == me:
                lines.append(_("You are on from %(from)s until %(until)s.") % span)
            elif other is not None and other[0] == "person" and other[1] in people:
                span["name"] = people[other[1]].name
                lines.append(_("You are not on from %(from)s until %(until)s; %(name)s is.") % span)
            else:
                lines.append(_("You are not on from %(from)s until %(until)s.") % span)
        if len(parts) > SHOWN:
            more = len(parts) - SHOWN
            lines.append(ngettext("And {count} more.", "And {count} more.", more).format(count=more))
        lines.append(_("%s changed the plan.") % entry.by_name)
        to = recipients(person, at) if urgent else all_ways(person, at, loud=False)
        if to:
            queue_message(
                kind="duty.plan_changed",
                subject=("seat", entry.subject_id),
                title=_("Your duty as %s has changed") % entry.facts["seat"],
                body=" ".join(lines),
                to=to,
                brand_id=entry.brand_id,
                lane="urgent" if urgent else "bulk",
                by=SCHEDULER,
                via=Door.WORKER,
                at=at,
            )
    return bool(to)


@transaction.atomic
def tell_of_swap(*, entry_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Ask the one who is asked, and a manager where one must approve; tell both how it ended. Says what came of it."""
    entry = Entry.objects.get(id=entry_id)
    swap = Swap.objects.select_related("seat__rota", "back_seat", "asked_by", "asked").get(pk=int(entry.subject_id))
    if entry.kind == swap_actions.SWAP_ASKED:
        if swap.state != Swap.State.ASKED:
            return _("It is settled already.")
        return _ask(swap, at)
    supersede_deliveries(subject=("swap", swap.pk), by=by, via=via, at=at)
    if entry.kind == swap_actions.SWAP_ACCEPTED:
        if swap.state != Swap.State.ACCEPTED:
            return _("It is settled already.")
        return _ask_managers(swap, at)
    told = 0
    for person in (swap.asked_by, swap.asked):
        if person.active and not (entry.by_kind == "person" and entry.by_id == str(person.id)):
            told += _tell_end(swap, entry, person, at)
    return _("%d people are told.") % told


def _ask(swap: Swap, at: datetime) -> str:
    person = swap.asked
    with translation.override(person.language):
        facts = _facts(swap, person)
        title = _("%(by)s asks you to take %(seat)s, %(from)s") % facts
        body = _("From %(from)s until %(until)s.") % facts
        if swap.back_seat is not None:
            body += " " + _("In return %(by)s takes %(back_seat)s from %(back_from)s until %(back_until)s.") % facts
        body += " " + _("OK takes it, NO declines.")
        answers = {"acknowledge": ACCEPT_SWAP, "decline": DECLINE_SWAP, "status": SWAP_STANDS}
        sent = _send(swap, person, "duty.swap_asked", title, body, answers, at)
    return _("%s is asked.") % person.name if sent else _("There is no way to %s.") % person.name


def _ask_managers(swap: Swap, at: datetime) -> str:
    managers = managers_of(swap.asked_by, swap.seat.rota.brand_id)
    told = 0
    for person in managers:
        with translation.override(person.language):
            facts = _facts(swap, person)
            title = _("%(asked)s would take %(seat)s from %(by)s, %(from)s: do you approve?") % facts
            body = _("From %(from)s until %(until)s.") % facts
            if swap.why:
                body += " " + _("To know: %s.") % swap.why
            body += " " + _("OK approves it, NO refuses.")
            answers = {"acknowledge": APPROVE_SWAP, "decline": REFUSE_SWAP, "status": SWAP_STANDS}
            told += _send(swap, person, "duty.swap_approval", title, body, answers, at)
    return _("%d managers are asked.") % told


def _tell_end(swap: Swap, entry: Entry, person: Person, at: datetime) -> bool:
    with translation.override(person.language):
        facts = _facts(swap, person)
        mine = person.id == swap.asked_by_id
        if entry.kind == swap_actions.SWAP_DONE:
            title = _("Swapped: %(asked)s has %(seat)s from %(from)s") % facts
            body = _("From %(from)s until %(until)s.") % facts
            if swap.back_seat is not None:
                body += " " + _("%(by)s has %(back_seat)s from %(back_from)s until %(back_until)s.") % facts
        elif entry.kind == swap_actions.SWAP_DECLINED:
            title = _("%(asked)s will not take %(seat)s from %(from)s") % facts
            body = _("It stays yours. Ask somebody else.") if mine else ""
        elif entry.kind == swap_actions.SWAP_REFUSED:
            title = _("The swap of %(seat)s, %(from)s, is refused") % facts
            body = (swap.why + " " if swap.why else "") + _("Everything stays as it was.")
        else:
            title = _("The swap of %(seat)s, %(from)s, is off") % facts
            body = (swap.why + " " if swap.why else "") + _("Everything stays as it was.")
        return _send(swap, person, "duty.swap_told", title, body, {}, at)


def _facts(swap: Swap, person: Person) -> dict[str, str]:
    facts = {
        "by": swap.asked_by.name,
        "asked": swap.asked.name,
        "seat": swap.seat.name,
        "from": _when(swap.starts_at, person),
        "until": local(swap.ends_at, person),
    }
    if swap.back_seat is not None and swap.back_starts_at is not None and swap.back_ends_at is not None:
        facts |= {
            "back_seat": swap.back_seat.name,
            "back_from": _when(swap.back_starts_at, person),
            "back_until": local(swap.back_ends_at, person),
        }
    return facts


def _send(swap: Swap, person: Person, kind: str, title: str, body: str, answers: dict[str, str], at: datetime) -> bool:
    urgent = swap.starts_at <= at + AT_ONCE
    to = recipients(person, at) if urgent else all_ways(person, at, loud=False)
    if not to:
        return False
    queue_message(
        kind=kind,
        subject=("swap", swap.pk),
        title=title,
        body=body,
        to=to,
        brand_id=swap.seat.rota.brand_id,
        answers={word: [verb, "swap", str(swap.pk)] for word, verb in answers.items()},
        valid_until=swap.ends_at if answers else None,
        lane="urgent" if urgent else "bulk",
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )
    return True


def _when(instant: datetime, person: Person) -> str:
    """By the person's clock, with the day of the month: a swap may be weeks away."""
    return date_format(instant.astimezone(ZoneInfo(person.zone)), "D j M H:i")
