"""One press that changes one ticket or many, and the way back: the verbs of `actions`, each ticket for itself.

What each ticket was like before is kept in a `Bulk`. Taking it back restores what nobody has changed since, and says of
which tickets it does not. Words that were sent stay sent.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, forbidden, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.promises import void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.base.unique import unless_taken
from nightdesk.desk import actions
from nightdesk.desk.actions import CLOSE, NEXT_STEP, Words, _entry, _own, _promise_close, _promise_step, _record, _write
from nightdesk.desk.agent_actions import answer_ticket
from nightdesk.desk.chasing import promise_chases
from nightdesk.desk.models import Bulk, Entry, Macro, Queue, Ticket
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person, Team

TICKETS_CHANGED = kind("desk.tickets-changed", gettext_lazy("{by} changed {count} tickets: {what}"))
CHANGE_UNDONE = kind("desk.change-undone", gettext_lazy("{by} took back a change of {count} tickets: {what}"))
TICKET_RESTORED = kind("ticket.restored", gettext_lazy("{by} took back a change of ticket {number}"))
MACRO_SAVED = kind("desk.macro-saved", gettext_lazy("{by} changed the macro {name}"))
MACRO_REMOVED = kind("desk.macro-removed", gettext_lazy("{by} removed the macro {name}"))

MOST = 500
"""Tickets in one press."""
UNDO_WITHIN = timedelta(minutes=30)
MOST_STEPS = 10

KEPT = (
    "state", "pending_reason", "next_step", "next_step_at", "resolved_at", "closed_at", "reopened", "assignee_id",
    "team_id", "level", "first_engineer_id", "queue_id", "tags", "impact", "urgency", "priority", "kind", "title",
    "service_id", "subscription_id", "customer_id", "contact_id", "work_type", "needs_proof", "night_ok", "night_why",
)  # fmt: skip
"""The columns that are put back."""
INSTANTS = ("next_step_at", "resolved_at", "closed_at")


@transaction.atomic
def change_tickets(
    *, ticket_ids: Sequence[UUID], verb: str, values: Mapping[str, Any], by: Actor, via: Door, at: datetime
) -> Bulk:
    """The verb (a key of `STEPS`) is done to each ticket; one that refuses stays as it was, with the reason in `refused`.

    Raises Invalid (no such verb, no ticket or too many), Forbidden (`change_tickets` in none of their brands), NotFound.
    """
    steps = [{"verb": verb, "values": dict(values)}]
    return _change_each("change_tickets", ticket_ids, steps, _said(verb, values), by, via, at)


@transaction.atomic
def apply_macro(*, ticket_ids: Sequence[UUID], macro_id: int, by: Actor, via: Door, at: datetime) -> Bulk:
    """The macro's steps are done to each ticket, all of them or none. Raises as `change_tickets`; NotFound (no such macro)."""
    macro = Macro.objects.filter(id=macro_id).first()
    if macro is None:
        raise NotFound(_("A macro was to be applied."), _("There is none with this id."), _("Look at the macros."))
    require(by, "apply_macro", macro.brand_id)
    return _change_each("apply_macro", ticket_ids, macro.steps, macro.name, by, via, at, brand_id=macro.brand_id)


@transaction.atomic
def undo_change(*, bulk_id: UUID, by: Actor, via: Door, at: datetime) -> tuple[Bulk, list[int]]:
    """Each of its tickets is as it was before, but for those that somebody has changed since; their numbers come back.

    Repeating it changes nothing. Raises NotFound (not theirs), Forbidden, IllegalTransition (too long ago).
    """
    _require_somewhere(by, "undo_change")
    bulk = Bulk.objects.select_for_update().filter(id=bulk_id, person=by.person_id).first()
    if bulk is None or by.person_id is None:
        raise NotFound(_("A change was to be taken back."), _("You have made none such."), _("Change it by hand."))
    if bulk.undone_at is not None:
        return bulk, []
    if at - bulk.at > UNDO_WITHIN:
        raise IllegalTransition(
            _("A change was to be taken back."),
            _("It is older than {minutes} minutes.").format(minutes=UNDO_WITHIN.seconds // 60),
            _("Change it by hand."),
        )
    left = []
    for row in bulk.rows:
        ticket = Ticket.objects.select_for_update().filter(id=row["ticket"]).first()
        if ticket is None or ticket.merged_into_id is not None or not _is_as_left(ticket, row["columns"]):
            left.append(row["number"])
            continue
        require(by, "undo_change", ticket.brand_id)
        _move_back(ticket, {name: before for name, (before, _after) in row["columns"].items()}, by, via, at)
    bulk.undone_at = at
    bulk.save(update_fields=["undone_at"])
    facts = {"count": len(bulk.rows) - len(left), "what": bulk.what, "left": left}
    record(CHANGE_UNDONE, subject=("person", by.person_id), by=by, via=via, at=at, brand_id=None, facts=facts)
    return bulk, left


@transaction.atomic
def save_macro(
    *,
    brand_id: int,
    macro_id: int | None = None,
    name: str,
    team_id: int | None = None,
    steps: Sequence[Mapping[str, Any]],
    by: Actor,
    via: Door,
    at: datetime,
) -> Macro:
    """A macro of the brand, new or changed; with a team only its members are offered it.

    Raises Forbidden, NotFound, Invalid (no step, too many, one that is no verb, its name is another's).
    """
    require(by, "save_macro", brand_id)
    macro = Macro(brand_id=brand_id) if macro_id is None else _own(Macro, macro_id, brand_id)
    macro.name = one_line(name, 60, _("name"))
    macro.team = _own(Team, team_id, brand_id) if team_id is not None else None
    macro.steps = [_checked_step(step, brand_id) for step in steps]
    if not macro.steps or len(macro.steps) > MOST_STEPS:
        raise Invalid(
            _("A macro was to be kept."),
            _("It has no step, or more than {most}.").format(most=MOST_STEPS),
            _("Give it what it is to do."),
            field="steps",
        )
    with unless_taken(_("A macro was to be kept."), _("Its name is another's."), _("Take another.")):
        if macro.pk is None:
            macro.save(force_insert=True)
        else:
            macro.save(update_fields=["name", "team", "steps"])
    facts = {"name": macro.name}
    record(MACRO_SAVED, subject=("macro", macro.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return macro


@transaction.atomic
def remove_macro(*, macro_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The macro is gone. Raises Forbidden, NotFound."""
    macro = Macro.objects.filter(id=macro_id).first()
    require(by, "remove_macro", macro.brand_id if macro else None)
    if macro is None:
        raise NotFound(_("A macro was to go."), _("There is none with this id."), _("Look at the macros."))
    facts, brand_id = {"name": macro.name}, macro.brand_id
    record(MACRO_REMOVED, subject=("macro", macro.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    macro.delete()


# --- What a step does ------------------------------------------------------------------------------------------------

Doing = dict[str, Any]
Step = Callable[[Ticket, Mapping[str, Any], Doing], object]


def _take(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    del values
    person_id = doing["by"].person_id
    if ticket.assignee_id != person_id:
        actions.assign_ticket(ticket_id=ticket.id, person_id=person_id, team_id=ticket.team_id, **doing)
    if ticket.state != Ticket.State.PENDING:
        actions.start_ticket(ticket_id=ticket.id, **doing)


def _assign(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    team_id = values.get("team_id", ticket.team_id)
    actions.assign_ticket(ticket_id=ticket.id, person_id=values.get("person_id"), team_id=team_id, **doing)


def _edit(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    actions.edit_ticket(ticket_id=ticket.id, fields=values, **doing)


def _tag(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    tags = ({*ticket.tags, *values.get("add", ())}) - {tag.lower() for tag in values.get("remove", ())}
    actions.edit_ticket(ticket_id=ticket.id, fields={"tags": sorted(tags)}, **doing)


def _start(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    del values
    actions.start_ticket(ticket_id=ticket.id, **doing)


def _wait(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    actions.wait_ticket(
        ticket_id=ticket.id,
        reason=values.get("reason", ""),
        next_step=values.get("next_step", ""),
        next_step_at=_step_at(values, doing["at"]),
        **doing,
    )


def _next_step(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    step_at = _step_at(values, doing["at"])
    actions.set_next_step(ticket_id=ticket.id, next_step=values.get("next_step", ""), next_step_at=step_at, **doing)


def _close(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    del values
    actions.close_ticket(ticket_id=ticket.id, **doing)


def _cancel(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    actions.cancel_ticket(ticket_id=ticket.id, why=values.get("why", ""), **doing)


def _note(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    actions.note_ticket(ticket_id=ticket.id, words=Words(_filled(values.get("text", ""), ticket, doing)), **doing)


def _reply(ticket: Ticket, values: Mapping[str, Any], doing: Doing) -> None:
    answer_ticket(
        ticket_id=ticket.id,
        words=Words(_filled(values.get("text", ""), ticket, doing)),
        then="wait" if values.get("then") == "wait" else "",
        contact_kind=values.get("contact_kind", ""),
        **doing,
    )


STEPS: Mapping[str, tuple[Step, frozenset[str]]] = {
    "take": (_take, frozenset()),
    "assign": (_assign, frozenset({"person_id", "team_id"})),
    "edit": (
        _edit,
        frozenset(
            {"impact", "urgency", "queue_id", "service_id", "work_type", "kind", "needs_proof", "night_ok", "night_why"}
        ),
    ),
    "tag": (_tag, frozenset({"add", "remove"})),
    "start": (_start, frozenset()),
    "wait": (_wait, frozenset({"reason", "next_step", "next_step_at", "hours"})),
    "next_step": (_next_step, frozenset({"next_step", "next_step_at", "hours"})),
    "close": (_close, frozenset()),
    "cancel": (_cancel, frozenset({"why"})),
    "note": (_note, frozenset({"text"})),
    "reply": (_reply, frozenset({"text", "then", "contact_kind"})),
}
"""What one press may do to a ticket: the verb, and the values that it takes. In texts {name}, {number}, {title} and {me}
stand for the ticket's. `hours` from now stand for `next_step_at`.
"""


def _filled(text: str, ticket: Ticket, doing: Doing) -> str:
    given = {
        "name": ticket.requester_name or ticket.requester_address,
        "number": str(ticket.number),
        "title": ticket.title,
        "me": doing["by"].name,
    }
    for word, meant in given.items():
        text = text.replace("{" + word + "}", meant)
    return text


def _step_at(values: Mapping[str, Any], at: datetime) -> datetime:
    step_at = values.get("next_step_at")
    if isinstance(step_at, datetime):
        return step_at
    return at + timedelta(hours=float(values.get("hours") or 24))


def _checked_step(step: Mapping[str, Any], brand_id: int) -> dict[str, Any]:
    """The step as it is kept. Raises Invalid for a verb or value that there is not, NotFound for another brand's rows."""
    verb, values = str(step.get("verb", "")), dict(step.get("values") or {})
    if verb not in STEPS or not set(values) <= STEPS[verb][1]:
        raise Invalid(
            _("A macro was to do “{verb}”.").format(verb=verb[:40]),
            _("There is no such verb, or it takes no such value."),
            _("Give one of {verbs}.").format(verbs=", ".join(STEPS)),
            field="steps",
        )
    for name, model in (("queue_id", Queue), ("team_id", Team)):
        if values.get(name) is not None:
            _own(model, values[name], brand_id)
    return {"verb": verb, "values": values}


# --- Beneath the verbs -----------------------------------------------------------------------------------------------


def _change_each(
    right: str,
    ticket_ids: Sequence[UUID],
    steps: Sequence[Mapping[str, Any]],
    what: str,
    by: Actor,
    via: Door,
    at: datetime,
    brand_id: int | None = None,
) -> Bulk:
    _require_somewhere(by, right)
    wanted = sorted(set(ticket_ids))  # always in one order, so that two who change the same do not wait for each other
    if not wanted or len(wanted) > MOST:
        raise Invalid(
            _("Tickets were to change."),
            _("None was chosen, or more than {most}.").format(most=MOST),
            _("Choose some of them."),
        )
    for step in steps:
        if step["verb"] not in STEPS:
            raise Invalid(_("Tickets were to change."), _("There is no such verb."), _("Choose one."))
    bulk = Bulk(person_id=by.person_id, at=at, what=what[:300])
    for ticket_id in wanted:
        ticket = Ticket.objects.select_for_update().filter(id=ticket_id).first()
        number = ticket.number if ticket is not None else 0
        try:
            with transaction.atomic():
                changed = _change_one(right, ticket, steps, brand_id, {"by": by, "via": via, "at": at})
        except Refusal as refused:
            bulk.refused.append({"ticket": str(ticket_id), "number": number, "why": f"{refused.so} {refused.do}"})
            continue
        bulk.rows += [
            {"ticket": str(one.pk), "number": one.number, "columns": columns} for one, columns in changed if columns
        ]
    bulk.save(force_insert=True)
    facts = {"count": len(bulk.rows), "what": bulk.what, "refused": len(bulk.refused)}
    subject = ("person", by.person_id or by.id)
    record(TICKETS_CHANGED, subject=subject, by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return bulk


def _require_somewhere(by: Actor, verb: str) -> None:
    """Raise Forbidden where they may do it in no brand."""
    brands = brands_for(by, verb)
    if brands is not None and not brands:
        raise forbidden(by, verb)


def _change_one(
    right: str, ticket: Ticket | None, steps: Sequence[Mapping[str, Any]], brand_id: int | None, doing: Doing
) -> list[tuple[Ticket, dict[str, list[Any]]]]:
    """The ticket and those that follow it, each with the columns that are another now: {name: [before, after]}."""
    if ticket is None or ticket.merged_into_id is not None or brand_id not in (None, ticket.brand_id):
        raise NotFound(_("A ticket was to change."), _("It is not there any more."), _("Look at the list again."))
    require(doing["by"], right, ticket.brand_id)
    touched = [ticket, *(Ticket.objects.filter(parent=ticket).order_by("id") if ticket.major else ())]
    before = [_columns(one) for one in touched]
    for step in steps:
        do, _names = STEPS[step["verb"]]
        do(ticket, step["values"], doing)
        ticket.refresh_from_db()
    changed = []
    for one, was in zip(touched, before, strict=True):
        one.refresh_from_db()
        now = _columns(one)
        changed.append((one, {name: [was[name], now[name]] for name in KEPT if was[name] != now[name]}))
    return changed


def _columns(ticket: Ticket) -> dict[str, Any]:
    """The columns that are put back, as JSON has them."""
    return {name: _plain(getattr(ticket, name)) for name in KEPT}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _is_as_left(ticket: Ticket, columns: Mapping[str, Sequence[Any]]) -> bool:
    now = _columns(ticket)
    return all(now[name] == after for name, (_before, after) in columns.items())


def _move_back(ticket: Ticket, before: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    """The ticket is as it was; the story says so, and what is promised follows."""
    left = ticket.state
    changes = {}
    for name, value in before.items():
        changes[name] = [_plain(getattr(ticket, name)), value]
        if name != "state":
            setattr(ticket, name, datetime.fromisoformat(value) if value and name in INSTANTS else value)
    ticket.state = before.get("state", ticket.state)
    ticket.changed_at = at
    if "state" in before:
        facts = {"from": left, "to": ticket.state, "reason": ticket.pending_reason, "priority": ticket.priority}
        _write([_entry(ticket, Entry.Kind.MOVED, by, via, at, facts={**facts, "undone": True})])
    else:
        _write([_entry(ticket, Entry.Kind.CHANGED, by, via, at, facts={"changes": changes, "undone": True})])
    ticket.save(update_fields=[*before, "changed_at"])
    if {"state", "next_step", "next_step_at"} & before.keys():
        void_promises(("ticket", ticket.id), at=at, kinds=(NEXT_STEP, CLOSE))
        if ticket.is_open:
            _promise_step(ticket, at)
            promise_chases(ticket, at)
        elif ticket.state == Ticket.State.RESOLVED:
            _promise_close(ticket, at)
    _record(ticket, TICKET_RESTORED, {"columns": sorted(before)}, by, via, at)


def _said(verb: str, values: Mapping[str, Any]) -> str:
    """What is done, for the undo bar: "given to Mikael"."""
    match verb:
        case "take":
            return _("taken")
        case "assign":
            person = Person.objects.filter(id=values.get("person_id") or 0).first()
            team = Team.objects.filter(id=values.get("team_id") or 0).first()
            to = person or team
            return _("given to {name}").format(name=to.name) if to else _("given back to the queue")
        case "tag":
            marks = [f"+{tag}" for tag in values.get("add", ())] + [f"-{tag}" for tag in values.get("remove", ())]
            return _("tagged {tags}").format(tags=" ".join(marks))
        case "wait":
            return _("waiting")
        case "close":
            return _("closed")
        case "cancel":
            return _("cancelled")
        case "start":
            return _("begun")
        case "next_step":
            return _("another next step")
    names = {
        "impact": _("priority"),
        "queue_id": _("queue"),
        "night_ok": _("for a quiet hour"),
        "service_id": _("service"),
    }
    changed = [names[name] for name in names if name in values]
    return ", ".join(changed) or _("changed")
