"""A ticket's clocks: by when what is owed, and why then, stretch by stretch."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from nightdesk.console.templatetags.times import age_text, clock
from nightdesk.console.views.lists import as_csv
from nightdesk.console.views.staff import StaffRequest, found, staff, within
from nightdesk.desk import clock_wording as wording
from nightdesk.desk.clock import Reading, Standing, Stretch
from nightdesk.desk.clock_queries import clocks_of
from nightdesk.desk.models import Ticket

SHOWN = 40
"""Stretches of a clock that a page has, of what has passed and of what is ahead; a ticket that lay for years has thousands."""
_TONES = {Standing.MET: "calm", Standing.BREACHED: "fire", Standing.PAUSED: "sky"}


@staff("read_tickets")
def ticket_clocks(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """The clocks of one ticket, with every stretch told."""
    ticket = _ticket(request, ticket_id)
    context = {
        "here": "tickets",
        "ticket": ticket,
        "clocks": shown_clocks(ticket, request.at),
        "csv_url": reverse("console:ticket_clocks_csv", args=[ticket.pk]),
        "told": True,
    }
    return render(request, "console/ticket_clocks.html", context)


@staff("read_tickets")
def ticket_clocks_csv(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """The same stretches as a file."""
    ticket = _ticket(request, ticket_id)
    clocks = clocks_of([ticket], request.at)[ticket.pk]

    def rows() -> Iterator[tuple[object, ...]]:
        for reading in clocks:
            for passed, stretches in ((_("passed"), reading.counted), (_("ahead"), reading.ahead)):
                for one in stretches:
                    seconds = int(one.counted.total_seconds())
                    yield reading.which, passed, one.start, one.end, seconds, one.because, wording.because(one.because)

    header = [_("clock"), _("part"), _("from"), _("until"), _("counted seconds"), _("reason"), _("why")]
    return as_csv(f"clocks-{ticket.number}", header, rows())


def shown_clocks(ticket: Ticket, at: datetime) -> list[dict[str, Any]]:
    """What parts/clocks.html draws."""
    return [_shown(reading, at) for reading in clocks_of([ticket], at)[ticket.pk]]


def _ticket(request: StaffRequest, ticket_id: UUID) -> Ticket:
    rows = Ticket.objects.filter(within(request.brands), id=ticket_id)
    return found(rows, _("The clocks of a ticket were asked for."))


def _shown(reading: Reading, at: datetime) -> dict[str, Any]:
    late = reading.standing is Standing.BREACHED and reading.is_owed
    return {
        "name": wording.name_of(reading.which),
        "standing": wording.standing(reading),
        "tone": _TONES.get(reading.standing, "") if reading.standing is not Standing.BREACHED or late else "",
        "line": _line(reading, at),
        "rows": list(_rows(reading, at)),
    }


def _line(reading: Reading, at: datetime) -> str:
    """How it stands, in one line."""
    if reading.missing is not None or reading.target is None or reading.remaining is None:
        return wording.missing(reading.missing) if reading.missing is not None else ""
    target = wording.hours_of(reading.target.duration)
    of = {"used": wording.hours_of(reading.elapsed), "left": wording.hours_of(reading.remaining), "target": target}
    if reading.done_at is not None and reading.due_at is not None:
        of |= {"done": clock(reading.done_at, at), "due": clock(reading.due_at, at)}
        return _("Done {done}, due {due}; it took {used}, the target is {target}.").format(**of)
    if reading.due_at is not None and reading.breached_at is not None:
        of |= {"due": clock(reading.due_at, at), "late": age_text((at - reading.due_at).total_seconds())}
        return _("It was due {due}, {late} ago; the target is {target}.").format(**of)
    if reading.rests is not None:
        why = wording.because(reading.rests)
        return _("{why}; {used} of {target} are used, {left} are left.").format(why=why[:1].upper() + why[1:], **of)
    if reading.due_at is None:
        return _("{target} of support hours do not come within a year.").format(**of)
    return _("Due by {due}; {left} of {target} are left.").format(due=clock(reading.due_at, at), **of)


def _rows(reading: Reading, at: datetime) -> Iterator[dict[str, str]]:
    """The stretches, with a mark where what has passed ends and what is ahead begins, and one where it is due."""
    yield from _few(reading.counted, at, "")
    if reading.target is None:
        return
    used, target = wording.hours_of(reading.elapsed), wording.hours_of(reading.target.duration)
    if reading.done_at is not None:
        said = _("Done {time}, after {used}; the target is {target}").format(
            time=clock(reading.done_at, at), used=used, target=target
        )
    else:
        said = _("Now, {time}: {used} used of {target}").format(time=clock(at, at), used=used, target=target)
    yield {"mark": said}
    yield from _few(reading.ahead, at, "next")
    if reading.ahead and reading.due_at is not None:
        due = clock(reading.due_at, at)
        yield {
            "mark": _("Due {time}").format(time=due)
            if reading.done_at is None
            else _("It would have been due {time}").format(time=due)
        }


def _few(stretches: Sequence[Stretch], at: datetime, tone: str) -> Iterator[dict[str, str]]:
    """The first and the last of them, and between those how many are left out."""
    head, tail = (stretches, ()) if len(stretches) <= SHOWN else (stretches[: SHOWN // 2], stretches[-SHOWN // 2 :])
    yield from (_row(one, at, tone) for one in head)
    if tail:
        yield {"mark": _("{count} more, each in the CSV").format(count=len(stretches) - len(head) - len(tail))}
    yield from (_row(one, at, tone) for one in tail)


def _row(one: Stretch, at: datetime, tone: str) -> dict[str, str]:
    return {
        "when": f"{clock(one.start, at)} – {clock(one.end, one.start)}",
        "counts": wording.hours_of(one.counted) if one.counted else "–",
        "why": wording.because(one.because),
        "tone": tone,
    }
