"""What stands in a seat's note: the registry that higher rooms fill, and the note as it is now."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.duty import decide
from nightdesk.duty.models import Hold, Note, WatchItem
from nightdesk.duty.note import Line, Section, Shift, as_text, put_together
from nightdesk.rota import resolve
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_rota

log = logging.getLogger(__name__)

SECTIONS: list[Callable[[Shift], Section]] = []
"""Each gives one section of the note of a shift; filled by `nightdesk.wiring`, in the order in which they are read."""

USUAL_TURN = timedelta(days=1)
"""Looked ahead so far where the plan says no end of the turn."""


def shift_of(seat: Seat, note: Note | None, hold: Hold | None, at: datetime) -> Shift:
    """What the seat's note is about at `at`: until the end of the turn that is handed over."""
    rota = load_rota(seat.rota_id)
    turn_at = note.turn_at if note is not None and note.turn_at is not None else None
    if turn_at is None or (turn_at <= at and not decide.same_turn(rota, seat.key, turn_at, at)):
        turn_at = resolve.next_change(rota, seat.key, at) or at
    until = resolve.next_change(rota, seat.key, max(turn_at, at))
    return Shift(
        seat_id=seat.id,
        seat_key=seat.key,
        brand_id=seat.rota.brand_id,
        holder_id=hold.person_id if hold is not None else None,
        since=hold.from_at if hold is not None else at,
        turn_at=turn_at,
        until=until or max(turn_at, at) + USUAL_TURN,
        at=at,
    )


def written(
    seat: Seat, note: Note | None, hold: Hold | None, at: datetime, *, whole: bool = False
) -> tuple[Section, ...]:
    """The note as it stands, without what the holder left out; `whole`: with it."""
    shift = shift_of(seat, note, hold, at)
    found = [_words(note, hold), _watched(seat)]
    found += [_section(source, shift) for source in SECTIONS]
    return put_together(found, () if whole or note is None else note.left_out)


def copied(seat: Seat, note: Note | None, hold: Hold | None, at: datetime) -> str:
    """The note as one text, with times by the clock of the seat's rota."""
    return as_text(written(seat, note, hold, at), lambda due_at: _("by {time}").format(time=_clock(due_at, seat)))


def _clock(instant: datetime, seat: Seat) -> str:
    return date_format(instant.astimezone(ZoneInfo(seat.rota.zone)), "D H:i")


def _section(source: Callable[[Shift], Section], shift: Shift) -> Section:
    """What one room has to say. What cannot be read never keeps anybody from taking a duty over: the note says so."""
    try:
        with transaction.atomic():
            return source(shift)
    except Exception as error:
        log.error("A section of the note of %s could not be read", shift.seat_key, exc_info=error)
        words = _("A part of this note could not be read. Look at Tonight instead.")
        return Section(f"failed-{source.__module__}", _("Not read"), (Line("failed", words),))


def _words(note: Note | None, hold: Hold | None) -> Section:
    lines = note.words.splitlines() if note is not None else []
    title = _("From {name}").format(name=hold.person.name) if hold is not None else _("From the last holder")
    return Section("words", title, tuple(Line(str(number), line) for number, line in enumerate(lines) if line.strip()))


def _watched(seat: Seat) -> Section:
    items = WatchItem.objects.filter(seat=seat, ticked_at=None).order_by("added_at", "id")
    lines = (Line(str(item.pk), _("{words} ({name})").format(words=item.words, name=item.added_by)) for item in items)
    return Section("watch", _("Keep an eye on"), tuple(lines))
