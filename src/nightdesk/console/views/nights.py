"""A night as a page, shift by shift; what one would have to know on coming on now; and the quick note."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.due import WORDS
from nightdesk.console.views.journal import FEED_READER, note_field, recording_url
from nightdesk.console.views.lists import asked, asked_day, day_box, select
from nightdesk.console.views.staff import StaffRequest, done, posting, staff, within
from nightdesk.console.views.stories import DOORS
from nightdesk.console.views.subjects import url_of
from nightdesk.duty import diary_actions, sections
from nightdesk.duty.models import Hold
from nightdesk.duty.queries import Handing, handings
from nightdesk.journal import actions as journal_actions
from nightdesk.journal.queries import MOST, Line, search
from nightdesk.journal.weave import Strand, shifts

NOON = time(12)
PAGES_READ = 3
SHOWN_FOR = timedelta(hours=12)
MATTERS = (
    diary_actions.NOTED, "page.triggered", "page.acknowledged", "page.resolved", "outage.", "duty.", "incident.", "visit.began",
    "visit.ended",
)  # fmt: skip
"""Of a visit in danger the page tells; under duress nothing else is to."""


@staff("read_journal")
def night(request: StaffRequest) -> HttpResponse:
    """A night from noon to noon by the reader's clocks, as one page: who was on, and what happened, oldest first."""
    day = asked_day(request, "day") or _tonight(request.at)
    start, end = _noon(day), _noon(day + timedelta(days=1))
    only = asked(request, "only", ("people",))
    lines, more = _lines(request, start, end)
    if only:
        lines = [line for line in lines if line.by[0] in ("person", "contact", "caller")]
    holds = _holds(request, start, end)
    changes = [hold.from_at for hold in holds]
    until = min(end, max(request.at, start) + timedelta(minutes=1))  # what happens at this very moment is in it
    told = shifts(lines, start, until, changes)
    context = {
        "here": "journal",
        "heading": _("The night of {day}").format(day=date_format(day, "l j F Y")),
        "shifts": [_shift(one, holds) for one in told],
        "more": more,
        "all_url": f"{reverse('console:journal')}?since={day.isoformat()}&until={(day + timedelta(days=1)).isoformat()}",
        "before_url": f"?day={(day - timedelta(days=1)).isoformat()}",
        "after_url": f"?day={(day + timedelta(days=1)).isoformat()}" if end <= request.at else "",
        "filters": [
            day_box("day", _("Night of"), day),
            select("only", _("What"), only, {"people": _("What people did")}, _("Everything")),
        ],
        **note_field(request),
    }
    return render(request, "console/night.html", context)


@staff("read_journal")
def coming_on(request: StaffRequest) -> HttpResponse:
    """What one would have to know on coming on now: each seat's note as it stands, what is due, and what happened lately."""
    seats = handings(request.brands, request.at)[:20]
    due = Promise.objects.filter(within(request.brands), ended_at=None, due_at__lt=request.at + SHOWN_FOR)
    rows = due.filter(lane__in=("page", "plain")).order_by("due_at")[:12]
    lately = search(kinds=MATTERS, brand_ids=request.brands, since=request.at - SHOWN_FOR, limit=30).lines
    context = {
        "here": "journal",
        "heading": _coming_heading(seats),
        "seats": list(_told_once(seats, request.at)),
        "due": [_due(row, request.at) for row in rows],
        "lately": [_row(Strand((line,))) for line in lately],
        **note_field(request),
    }
    return render(request, "console/coming_on.html", context)


@posting("write_journal_note")
def write_note(request: StaffRequest) -> HttpResponse:
    """What somebody typed in the one field stands in the journal."""
    words = request.POST.get("words", "")
    if not words.strip():
        raise Invalid(_("A note was to be written."), _("It has no words."), _("Write some."), field="words")
    diary_actions.write_journal_note(
        words=words, brand_id=_only_brand(request), by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("Noted."), "console:night")


@posting("renew_journal_feed")
def renew_feed(request: StaffRequest) -> HttpResponse:
    """One's own feed has a new address."""
    reader = (FEED_READER, str(request.user.pk))
    journal_actions.renew_journal_feed(reader=reader, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Your feed has a new address; the one before shows nothing."), "console:journal")


def _only_brand(request: StaffRequest) -> int | None:
    """The reader's brand where it can be but one, or the one that they chose."""
    chosen = request.POST.get("brand", "")
    return int(chosen) if chosen.isdecimal() else None


def _tonight(at: datetime) -> date:
    """The day whose night it is: until noon that of yesterday."""
    local = localtime(at)
    return local.date() - timedelta(days=1) if local.time() < NOON else local.date()


def _noon(day: date) -> datetime:
    return make_aware(datetime.combine(day, NOON))


def _lines(request: StaffRequest, start: datetime, end: datetime) -> tuple[list[Line], bool]:
    """What happened in the night, and whether it is more than one page bears; then the newest are there."""
    found: list[Line] = []
    after = None
    for _page in range(PAGES_READ):
        here = search(brand_ids=request.brands, since=start, until=end, after=after, limit=MOST)
        found += here.lines
        after = here.after
        if after is None:
            return found, False
    return found, True


def _holds(request: StaffRequest, start: datetime, end: datetime) -> list[Hold]:
    rows = Hold.objects.filter(within(request.brands, "seat__rota__brand_id"), from_at__lt=end)
    rows = rows.filter(Q(until_at=None) | Q(until_at__gt=start)).select_related("seat", "person")
    return list(rows.order_by("seat__rota__name", "seat__position", "from_at"))


def _shift(shift: Any, holds: list[Hold]) -> dict[str, Any]:
    on = [
        hold for hold in holds if hold.from_at <= shift.start and (hold.until_at is None or hold.until_at > shift.start)
    ]
    return {
        "start": shift.start,
        "end": shift.end,
        "on": [{"seat": hold.seat.name, "person": hold.person.name} for hold in on],
        "rows": [_row(strand) for strand in shift.strands],
    }


def _row(strand: Strand[Line]) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    line = strand.first
    wrote = _("The words were erased.") if line.text is None else line.text
    count = len(strand.lines)
    title = line.sentence
    if count > 1:
        more = ngettext("and {count} more of the kind", "and {count} more of the kind", count - 1)
        title = f"{title} ({more.format(count=count - 1)})"
    own = line.kind == diary_actions.NOTED
    heard = recording_url(line.facts)
    return {
        "at": line.at,
        "title": f"{line.by_name}: {wrote}" if own and wrote else title,
        "detail": " · ".join(part for part in ("" if own else wrote, str(DOORS.get(line.via, ""))) if part),
        "url": reverse("console:entry", args=[line.id]),
        "tags": [{"tone": "accent", "text": _("note")}] if own else [],
        "actions": [{"get": True, "label": _("Listen"), "url": heard}] if heard else [],
    }


def _told_once(seats: Sequence[Handing], at: datetime) -> Iterator[dict[str, Any]]:
    """Each seat with its note; what stands in the notes of several seats of a brand is told at the first."""
    told: set[tuple[int, str, str]] = set()
    for each in seats:
        brand_id = each.seat.rota.brand_id
        left = []
        for section in sections.written(each.seat, each.note, each.hold, at):
            own = section.key in ("words", "watch")
            lines = [line for line in section.lines if own or (brand_id, section.key, line.key) not in told]
            told |= {(brand_id, section.key, line.key) for line in lines}
            if lines:
                left.append({"title": section.title, "lines": lines, "more": section.more})
        yield {
            "name": each.seat.name,
            "who": each.hold.person.name if each.hold is not None else _("nobody"),
            "url": reverse("console:handover", args=[each.seat.key]),
            "sections": left,
        }


def _due(row: Promise, at: datetime) -> dict[str, Any]:
    """Likewise, of what will be done."""
    return {
        "at": row.due_at,
        "title": row.why,
        "detail": str(WORDS.get(row.kind, "")),
        "url": url_of(row.subject_kind, row.subject_id),
        "late": row.due_at < at,
    }


def _coming_heading(seats: list[Any]) -> str:
    own = [each for each in seats if each.hold is None]
    if own:
        return _("Nobody is on at {seat}").format(seat=own[0].seat.name)
    return _("What you would have to know if you came on now")
