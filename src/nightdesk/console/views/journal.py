"""The journal: what happened, who did it, by which door; by day, with an address for every entry."""

from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localdate, make_aware
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.access.models import Brand, User
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    asked_day,
    clear_url,
    csv_url,
    day_box,
    search_box,
    select,
)
from nightdesk.console.views.staff import StaffRequest, found, may_somewhere, staff, within
from nightdesk.console.views.stories import DOORS
from nightdesk.console.views.subjects import url_of
from nightdesk.duty.queries import held_by
from nightdesk.journal.api import feed_path
from nightdesk.journal.kinds import KINDS
from nightdesk.journal.models import Entry
from nightdesk.journal.queries import MOST, Found, Line, as_lines, fact_text, search
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_user

FEED_READER = "user"
"""The kind of reader under which `journal.api.RIGHTS` knows an account."""


@staff("read_journal")
def journal(request: StaffRequest) -> HttpResponse:
    """Entries by day, the newest first."""
    after = asked(request, "after")
    here = _chosen(request, after=after or None)
    days = [
        {"name": date_format(day, "l j F Y"), "lines": [_row(line) for line in lines]}
        for day, lines in groupby(here.lines, key=lambda line: localdate(line.at))
    ]
    context = {
        "here": "journal",
        "heading": _("Last: {what}").format(what=here.lines[0].sentence)
        if here.lines
        else _("Nothing is written there"),
        "days": days,
        "pager": {
            "newer_url": _with(request, "") if after else "",
            "older_url": _with(request, here.after) if here.after else "",
            "text": "",
        },
        "filters": [
            search_box(asked(request, "q"), _("Any words")),
            select("kind", _("About"), asked(request, "kind"), _kinds(), _("Everything")),
            select("who", _("By whom"), asked(request, "who"), _people(request), _("Anybody")),
            select("door", _("By which door"), asked(request, "door", _doors()), _doors(), _("Any")),
            *_brand_choice(request),
            day_box("since", _("From"), asked_day(request, "since")),
            day_box("until", _("Until"), asked_day(request, "until")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:journal_csv")),
        "feed_url": feed_path(FEED_READER, request.user.pk),
        **note_field(request),
    }
    return render(request, "console/journal.html", context)


def note_field(request: StaffRequest) -> dict[str, Any]:
    """What `parts/journal_note.html` is told: of several brands one is to be chosen where no seat says it."""
    brands = brand_choices(request.actor, "write_journal_note")
    seats = held_by(request.actor.person_id) if request.actor.person_id is not None else []
    return {
        "may_note": may_somewhere(request, "write_journal_note"),
        "note_brands": brands if len(brands) > 1 else [],
        "note_needs_brand": not seats and brands_for(request.actor, "write_journal_note") is not None,
    }


def _kinds() -> dict[str, str]:
    """What an entry's kind begins with, as a choice."""
    return {name.partition(".")[0]: name.partition(".")[0] for name in sorted(KINDS)}


def _people(request: StaffRequest) -> dict[str, str]:
    """Those of the staff whom the reader may know of, by id."""
    rows = Person.objects.filter(active=True)
    if request.brands is not None:
        rows = rows.filter(teams__brand__in=request.brands).distinct()
    return {str(person_id): name for person_id, name in rows.order_by("name").values_list("id", "name")[:500]}


def _doors() -> dict[str, str]:
    return {door: str(text) for door, text in DOORS.items()}


def _brand_choice(request: StaffRequest) -> list[dict[str, Any]]:
    """A filter by brand, where there is a choice."""
    brands = _brands(request)
    return [select("brand", _("Brand"), asked(request, "brand", brands), brands, _("Any"))] if len(brands) > 1 else []


def _brands(request: StaffRequest) -> dict[str, str]:
    rows = Brand.objects.filter(within(request.brands, "id")).order_by("name")
    return {str(brand_id): name for brand_id, name in rows.values_list("id", "name")}


def _chosen(request: StaffRequest, *, after: str | None, limit: int = 50) -> Found:
    """The entries that the address asks for. Raises Invalid for a cursor that is none."""
    kind = asked(request, "kind", _kinds())
    name, _colon, number = asked(request, "subject").partition(":")
    since, until = asked_day(request, "since"), asked_day(request, "until")
    return search(
        text=asked(request, "q"),
        kinds=[f"{kind}."] if kind else [],
        subject=(name, number) if name else None,
        by=("person", who) if (who := asked(request, "who")).isdecimal() else None,
        brand_ids={int(brand)} if (brand := asked(request, "brand", _brands(request))) else request.brands,
        via=asked(request, "door", _doors()),
        since=make_aware(datetime.combine(since, time())) if since else None,
        until=make_aware(datetime.combine(until + timedelta(days=1), time())) if until else None,
        after=after,
        limit=limit,
    )


def _with(request: StaffRequest, after: str) -> str:
    asked_for = request.GET.copy()
    asked_for["after"] = after
    return f"?{asked_for.urlencode()}"


def _row(line: Line) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    wrote = _("The words were erased.") if line.text is None else line.text
    return {
        "at": line.at,
        "title": line.sentence,
        "detail": " · ".join(part for part in (wrote, str(DOORS.get(line.via, ""))) if part),
        "url": reverse("console:entry", args=[line.id]),
    }


def brands_of_reader(user_id: str) -> set[int] | None:
    """For `journal.api.RIGHTS`, under FEED_READER: the brands whose journal the account may read now; None: all.

    Raises NotFound, NotSignedIn and Forbidden for one who may read nothing.
    """
    user = found(User.objects.filter(pk=user_id), _("A feed was asked for."))
    reader = actor_of_user(user)
    brands = brands_for(reader, "read_journal")
    if brands == set():
        raise forbidden(reader, "read_journal")
    return brands


def recording_url(facts: dict[str, Any]) -> str:
    """Where what was said on the phone can be heard; "" where an entry leads to none."""
    try:
        return reverse("console:recording", args=[UUID(str(facts.get("recording", "")))])
    except ValueError:
        return ""


@staff("read_journal")
def entry(request: StaffRequest, entry_id: UUID) -> HttpResponse:
    """One entry, with all its facts."""
    row = found(Entry.objects.filter(within(request.brands), id=entry_id), _("You asked for an entry of the journal."))
    line = as_lines([row])[0]
    facts = [
        (_("Who"), line.by_name),
        (_("By which door"), str(DOORS.get(line.via, line.via))),
        (_("What kind"), f"{row.kind} {row.version}"),
        (_("About"), " ".join(line.subject)),
        *((name.replace("_", " "), fact_text(value)) for name, value in sorted(line.facts.items())),
    ]
    context = {
        "here": "journal",
        "line": line,
        "facts": facts,
        "subject_url": url_of(*line.subject),
        "recording_url": recording_url(line.facts),
        "cause_url": reverse("console:entry", args=[line.cause]) if line.cause else "",
        "same_url": f"{reverse('console:journal')}?subject={':'.join(line.subject)}",
    }
    return render(request, "console/entry.html", context)


@staff("read_journal")
def journal_csv(request: StaffRequest) -> HttpResponse:
    """The same entries as a file."""
    header = ["id", "at", "kind", "by", "via", "subject_kind", "subject_id", "sentence", "text"]
    rows = (
        [line.id, line.at, line.kind, line.by_name, line.via, *line.subject, line.sentence, line.text or ""]
        for line in _all(request)
    )
    return as_csv("journal", header, rows)


def _all(request: StaffRequest) -> Any:
    """Every chosen line, some hundreds at a time."""
    after, told = None, 0
    while told < EXPORTED:
        here = _chosen(request, after=after, limit=MOST)
        yield from here.lines
        after, told = here.after, told + len(here.lines)
        if after is None:
            return
