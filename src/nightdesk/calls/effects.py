"""What the flow wants the company to know (`flow.Write`), done by the verbs of this room, and of those that it speaks for."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from nightdesk.base import files
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.promises import move_promise
from nightdesk.calls import actions, divert_actions
from nightdesk.calls.models import Call, Message, Recording
from nightdesk.outages import actions as outages
from nightdesk.paging import actions as paging
from nightdesk.people.queries import actor_of_person

Effect: TypeAlias = Callable[[Call, Mapping[str, Any], datetime], None]

OUTCOMES = {
    "solved": _("It is solved."),
    "goes_on": _("They were reached; it goes on."),
    "not_reached": _("They were not reached."),
}
"""What whoever rang back says by a key, in words."""


def do_effect(call: Call, what: str, about: Mapping[str, Any], at: datetime) -> None:
    """Do what a step wrote, under the call's lock. Raises KeyError for what nobody knows, and as the verbs do."""
    EFFECTS[what](call, about, at)


def _doing(at: datetime) -> dict[str, Any]:
    return {"by": SCHEDULER, "via": Door.PHONE, "at": at}


def _answered(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    person_id = about.get("person_id")
    actions.note_answered(call_id=call.pk, how=str(about["by"]), person_id=person_id, **_doing(at))
    waits = (
        Message.objects.filter(number=call.number, brand=call.line.brand_id, ended_at=None).exclude(number="").first()
    )
    if about["by"] == "engineer" and waits is not None:
        actions.note_reached(message_id=waits.pk, person_id=person_id, **_doing(at))


def _heard_outage(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    actions.note_outage_heard(call_id=call.pk, outage_ids=[UUID(each) for each in about["outage_ids"]], **_doing(at))


def _texts_wanted(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    actions.want_texts(call_id=call.pk, outage_ids=[UUID(each) for each in about["outage_ids"]], **_doing(at))


def _message(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    actions.leave_message(
        brand_id=call.line.brand_id,
        number=call.number,
        call_id=call.pk,
        line_id=call.line_id,
        file=about["file"],
        seconds=float(about["seconds"]),
        customer_id=call.customer_id,
        contact_id=call.contact_id,
        peer_id=call.peer_id,
        outage_id=_outage_of(call, about),
        wakes=_wakes(about),
        tell_at_once=bool(about.get("other")) and not about.get("for_later"),
        **_doing(at),
    )
    actions.note_answered(call_id=call.pk, how="recorder", person_id=None, **_doing(at))


def _missed(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    """Whoever declined to be recorded was promised a call all the same; of one who said nothing nobody is woken."""
    actions.note_missed_call(
        call_id=call.pk,
        number=str(about.get("number", "")),
        outage_id=_outage_of(call, about),
        wakes=bool(about.get("declined")) and _wakes(about),
        **_doing(at),
    )


def _wakes(about: Mapping[str, Any]) -> bool:
    """Whoever leaves it for the hours, or knows of the outage, pages nobody: it would be the one who is fixing it."""
    return not about.get("for_later") and not about.get("heard")


def _outage_of(call: Call, about: Mapping[str, Any]) -> UUID | None:
    """Which outage a message is about: none, for whoever has heard of it and rings about something else."""
    about_it = about.get("heard") and not about.get("other")
    return Call.objects.values_list("outage_id", flat=True).get(pk=call.pk) if about_it else None


def _again(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    del call
    actions.note_ring_again(message_id=UUID(about["message_id"]), **_doing(at))


def _cancel_message(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    del call
    actions.cancel_message(message_id=UUID(about["message_id"]), **_doing(at))


def _call_out(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    actions.record_call_out(call_id=call.pk, said=about["said"], price=about["price"], **_doing(at))


def _woken(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    actions.note_woken(call_id=call.pk, person_id=about["person_id"], **_doing(at))


def _chase_update(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    """Whoever speaks for the outage is asked for the overdue update now, where the next asking is only due later."""
    del call
    move_promise(outages.CHASE, subject=("outage", UUID(about["outage_id"])), due_at=at)


def _reached(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    message_id = UUID(about["message_id"])
    actions.note_answered(call_id=call.pk, how="engineer", person_id=about["person_id"], **_doing(at))
    actions.note_reached(message_id=message_id, person_id=about["person_id"], **_doing(at))


def _outcome(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    message_id = UUID(about["message_id"])
    if about["outcome"] == "not_reached":
        actions.note_call_back_failed(message_id=message_id, **_doing(at))
        return
    said = str(OUTCOMES.get(about["outcome"], about["outcome"]))
    by = actor_of_person(call.answered_person_id) if call.answered_person_id is not None else SCHEDULER
    actions.note_outcome(message_id=message_id, outcome=said, by=by, via=Door.PHONE, at=at)


def _acknowledge(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    """Only whoever proved by a PIN who they are takes a page by phone."""
    if call.person_id is not None and call.known_by == "pin":
        by = actor_of_person(call.person_id)
        paging.acknowledge_page(page_id=UUID(about["page_id"]), by=by, via=Door.PHONE, at=at)


def _journal_note(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    """Only whoever proved by a PIN who they are notes something by phone."""
    if call.person_id is None or call.known_by != "pin":
        return
    by, file, seconds = actor_of_person(call.person_id), about["file"], float(about["seconds"])
    actions.leave_note(call_id=call.pk, file=file, seconds=seconds, by=by, via=Door.PHONE, at=at)


def _thrown_away(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    """Said again, or cancelled: what nobody named is not kept."""
    del call, at
    if not Recording.objects.filter(digest=about["file"]).exists():
        files.forget_file(about["file"])


def _ended(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    call.ended_at = actions.note_call_end(call_id=call.pk, ended_as=str(about["as"]), **_doing(at)).ended_at


def _divert_seen(call: Call, about: Mapping[str, Any], at: datetime) -> None:
    del about
    divert_actions.note_check_seen(line_id=call.line_id, **_doing(at))


EFFECTS: dict[str, Effect] = {
    "answered": _answered,
    "heard_outage": _heard_outage,
    "texts_wanted": _texts_wanted,
    "message": _message,
    "missed": _missed,
    "again": _again,
    "cancel_message": _cancel_message,
    "call_out": _call_out,
    "woken": _woken,
    "chase_update": _chase_update,
    "reached": _reached,
    "outcome": _outcome,
    "acknowledge": _acknowledge,
    "journal_note": _journal_note,
    "thrown_away": _thrown_away,
    "ended": _ended,
    "divert_seen": _divert_seen,
}

IN_THE_STORY = frozenset({"told", "to_desk", "declined_recording", "rung_off"})
"""What stands in the call's events, and that is enough."""
