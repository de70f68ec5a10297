"""The divert that we do not control: a line's public number is rung from outside, by a second provider, and must lead to us.

What is rung answers with the line's own greeting, and behind it a sign that only this check knows (lines.melody); what the
outside provider heard is fetched and searched for it. So it is found out when the divert leads elsewhere, when the line is
dead, when somebody else answers, and when the ring comes to us but nobody hears us. Nobody's telephone rings for it.
"""

import logging
import secrets
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base import files, promises
from nightdesk.base.actors import Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.calls.divert_queries import WITHIN, next_check, outside_route, whom_to_tell
from nightdesk.calls.models import DivertCheck, Line
from nightdesk.channels.actions import queue_message
from nightdesk.duty.reaching import recipients
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.lines import melody
from nightdesk.lines.leg import State

log = logging.getLogger(__name__)

DIVERT_RUNG = kind("calls.divert-rung", gettext_lazy("{by} had the line {name} rung from outside"))
DIVERT_CHECKED = kind("calls.divert-checked", gettext_lazy("{by} rang the line {name} from outside: {what}"))
"""`what` says what came of it."""

CHECK, RING, HEAR, END = "calls.check_divert", "calls.ring_divert", "calls.hear_divert", "calls.end_divert_check"
"""Promises: a line's next check; its ring; what was heard is fetched; it has taken too long. `divert_tasks` keeps them."""


@transaction.atomic
def check_divert(*, line_id: int, tells: bool = False, by: Actor, via: Door, at: datetime) -> DivertCheck:
    """The line's first number is rung from outside in a moment. Where a check runs already it is that one.

    `tells`: whoever is on duty, and who stands behind them, are told where it fails. Raises Forbidden, NotFound, and Invalid
    for a line whose `divert_from` no route of the channel voice rings from.
    """
    line = Line.objects.select_for_update(of=("self",)).select_related("brand", "hours").filter(pk=line_id).first()
    asked = _("A line was to be rung from outside.")
    if line is None:
        raise NotFound(asked, _("There is no such line."), "")
    require(by, "check_divert", line.brand_id)
    running = DivertCheck.objects.filter(line=line, ended_at=None).first()
    if running is not None:
        return running
    if not line.active or not line.divert_from or outside_route(line) is None:
        raise Invalid(
            asked,
            _("No provider of ours rings from the number {number}.").format(number=line.divert_from or "—"),
            _("Set up a route of the channel voice at a second provider, and give its number to the line."),
            field="divert_from",
        )
    notes = _new_notes()
    check = DivertCheck.objects.create(
        line=line, at=at, tells=tells, notes=notes, sign=files.keep_file(melody.play(notes))
    )
    record(
        DIVERT_RUNG, subject=("line", line.pk), by=by, via=via, at=at, brand_id=line.brand_id, facts={"name": line.name}
    )
    for what, due_at in ((RING, at), (END, at + WITHIN)):
        promises.promise(
            what,
            subject=("divert_check", check.pk),
            due_at=due_at,
            why=_("the line {name} is rung from outside").format(name=line.name),
            at=at,
            occurrence=str(check.pk),
            brand_id=line.brand_id,
        )
    return check


def _new_notes() -> str:
    notes = secrets.choice(melody.LETTERS)
    while len(notes) < melody.LENGTH:
        notes += secrets.choice(melody.LETTERS.replace(notes[-1], ""))
    return notes


@transaction.atomic
def note_check_placed(*, check_id: int, sid: str, by: Actor, via: Door, at: datetime) -> None:
    """The outside provider rings, under that id."""
    del by, via, at
    DivertCheck.objects.filter(pk=check_id, ended_at=None).update(sid=sid[:60])


@transaction.atomic
def note_check_seen(*, line_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The ring came to us."""
    del by, via
    DivertCheck.objects.filter(line=line_id, ended_at=None, seen_at=None).update(seen_at=at)


@transaction.atomic
def note_check_recorded(*, check_id: int, recorded: str, by: Actor, via: Door, at: datetime) -> None:
    """The outside provider has what it heard under that id: it is fetched and searched. Told twice it is once."""
    del by, via
    check = _open_check(check_id)
    if check is None or check.recorded or not recorded:
        return
    check.recorded = recorded[:60]
    check.save(update_fields=["recorded"])
    promises.promise(
        HEAR,
        subject=("divert_check", check.pk),
        due_at=at,
        why=_("what was heard from outside is searched for our greeting"),
        at=at,
        occurrence=str(check.pk),
        brand_id=check.line.brand_id,
    )


@transaction.atomic
def note_check_ended(*, check_id: int, state: State, reason: str, by: Actor, via: Door, at: datetime) -> None:
    """The ring is over at the outside provider. One that was answered waits for what was heard of it."""
    words: dict[str, str] = {
        "busy": _("The number was busy."),
        "no_answer": _("Nobody answered."),
        "failed": _("The number could not be reached."),
        "cancelled": _("The ring was taken back."),
    }
    if state in words:
        said = f"{words[state]} {reason}".strip()
        end_divert_check(check_id=check_id, heard=False, trouble=said, by=by, via=via, at=at)


@transaction.atomic
def end_divert_check(*, check_id: int, heard: bool, trouble: str = "", by: Actor, via: Door, at: datetime) -> None:
    """The check has ended; one that had ended before stays as it is. Of trouble those are told whom it is theirs to tell."""
    check = _open_check(check_id)
    if check is None:
        return
    check.ended_at, check.heard = at, heard
    check.trouble = "" if heard else _whole_trouble(check, trouble)[:300]
    check.save(update_fields=["ended_at", "heard", "trouble"])
    promises.void_promises(("divert_check", check.pk), at=at)
    files.forget_file(check.sign)
    line = check.line
    entry = record(
        DIVERT_CHECKED,
        subject=("line", line.pk),
        by=by,
        via=via,
        at=at,
        brand_id=line.brand_id,
        facts={"name": line.name, "what": check.trouble or _("our greeting was heard"), "heard": heard},
    )
    if not heard and check.tells:
        queue_message(
            kind="calls.divert",
            subject=("line", line.pk),
            title=_("{number} does not lead to us").format(number=line.numbers[0]),
            body=_(
                "We rang {number} ({name}) from outside. {trouble} Ask whoever diverts it; callers may reach nobody."
            ).format(number=line.numbers[0], name=line.name, trouble=check.trouble),
            to=[way for person in whom_to_tell(line, at) for way in recipients(person, at)],
            brand_id=line.brand_id,
            cause=entry,
            by=by,
            via=via,
            at=at,
        )


def _whole_trouble(check: DivertCheck, trouble: str) -> str:
    if check.seen_at is not None:
        return f"{trouble} {_('The ring did come to us.')}".strip()
    return f"{trouble} {_('The ring did not come to us.')}".strip()


def _open_check(check_id: int) -> DivertCheck | None:
    rows = DivertCheck.objects.select_for_update(of=("self",)).select_related("line__brand")
    return rows.filter(pk=check_id, ended_at=None).first()


@transaction.atomic
def plan_divert_check(*, line_id: int, by: Actor, via: Door, at: datetime) -> datetime | None:
    """The line's next check is promised for when it is set, and no other; returns when. None: it is not checked."""
    del by, via
    line = Line.objects.select_related("brand", "hours").get(pk=line_id)
    due_at = next_check(line, at)
    open_one = Promise.objects.filter(kind=CHECK, subject_id=str(line_id), ended_at=None)
    if due_at is not None and open_one.filter(due_at=due_at).exists():
        return due_at
    promises.void_promises(("line", line_id), at=at, kinds=[CHECK])
    if due_at is not None:
        promises.promise(
            CHECK,
            subject=("line", line_id),
            due_at=due_at,
            why=_("the line {name} is rung from outside, and must hear its own greeting").format(name=line.name),
            at=at,
            brand_id=line.brand_id,
        )
    return due_at
