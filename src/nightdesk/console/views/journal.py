"""The journal: what happened, who did it, by which door; by day, with an address for every entry."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.formats import date_format
from django.utils.timezone import localdate, make_aware
from django.utils.translation import gettext as _

from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    asked_day,
    clear_url,
    csv_url,
    day_box,
    one_page,
    search_box,
    select,
)
from nightdesk.console.views.staff import StaffRequest, found, staff, within
from nightdesk.console.views.stories import DOORS
from nightdesk.console.views.subjects import url_of
from nightdesk.journal.kinds import KINDS
from nightdesk.journal.models import Entry, PersonalText

FEED_ENTRIES = 100


@staff("read_journal")
def journal(request: StaffRequest) -> HttpResponse:
    """Entries by day, the newest first."""
    entries, pager = one_page(request, _chosen(request))
    lines = told(entries)
    days = [
        {"name": date_format(day, "l j F Y"), "lines": list(group)}
        for day, group in groupby(lines, key=lambda line: localdate(line["at"]))
    ]
    context = {
        "here": "journal",
        "heading": _heading(lines),
        "days": days,
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Who, or what was written")),
            select("kind", _("What"), asked(request, "kind"), _kind_choices(), _("Everything")),
            day_box("since", _("From"), asked_day(request, "since")),
            day_box("until", _("Until"), asked_day(request, "until")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:journal_csv")),
        "feed_url": csv_url(request, reverse("console:journal_feed")),
    }
    return render(request, "console/journal.html", context)


def _heading(lines: Sequence[dict[str, Any]]) -> str:
    if not lines:
        return _("Nothing is written there")
    return _("Last: {what}").format(what=lines[0]["title"])


def _kind_choices() -> dict[str, str]:
    return {name.split(".")[0]: name.split(".")[0] for name in sorted(KINDS)}


def _chosen(request: StaffRequest) -> QuerySet[Entry]:
    """The entries that the address asks for, newest first."""
    rows = Entry.objects.filter(within(request.brands))
    if kind := asked(request, "kind"):
        rows = rows.filter(kind__startswith=f"{kind}.")
    if subject := asked(request, "subject"):
        name, _colon, number = subject.partition(":")
        rows = rows.filter(subject_kind=name, subject_id=number)
    if text := asked(request, "q"):
        wrote = PersonalText.objects.filter(text__icontains=text).values("entry_id")
        rows = rows.filter(Q(by_name__icontains=text) | Q(kind__icontains=text) | Q(id__in=wrote))
    if since := asked_day(request, "since"):
        rows = rows.filter(at__gte=make_aware(datetime.combine(since, time())))
    if until := asked_day(request, "until"):
        rows = rows.filter(at__lt=make_aware(datetime.combine(until + timedelta(days=1), time())))
    return rows.order_by("-at", "-id")


def told(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Each entry as parts/list_row.html draws it, with its id and what a person wrote."""
    rows = list(entries)
    wrote = [entry.id for entry in rows if entry.commitment is not None]
    texts = dict(PersonalText.objects.filter(entry_id__in=wrote).values_list("entry_id", "text"))
    return [_line(entry, texts.get(entry.id)) for entry in rows]


def _line(entry: Entry, text: str | None) -> dict[str, Any]:
    erased = entry.commitment is not None and text is None
    details = [text or "", _("The words were erased.") if erased else "", str(DOORS.get(entry.via, ""))]
    return {
        "id": entry.id,
        "at": entry.at,
        "seconds": True,
        "kind": entry.kind,
        "title": sentence_of(entry),
        "text": text or "",
        "detail": " · ".join(part for part in details if part),
        "url": reverse("console:entry", args=[entry.id]),
        "by": entry.by_name,
    }


def sentence_of(entry: Entry) -> str:
    """The entry in words. A fact that an older version of its kind did not have is left out."""
    known = KINDS.get(entry.kind)
    if known is None:
        return f"{entry.by_name}: {entry.kind}"
    facts = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in entry.facts.items()
    }
    return str(known.sentence).format_map(defaultdict(str, facts | {"by": entry.by_name}))


@staff("read_journal")
def entry(request: StaffRequest, entry_id: UUID) -> HttpResponse:
    """One entry, with all its facts."""
    row = found(Entry.objects.filter(within(request.brands), id=entry_id), _("You asked for an entry of the journal."))
    line = told([row])[0]
    facts = [
        (_("Who"), row.by_name),
        (_("By which door"), str(DOORS.get(row.via, row.via))),
        (_("What kind"), f"{row.kind} {row.version}"),
        (_("About"), f"{row.subject_kind} {row.subject_id}"),
        *((name.replace("_", " "), str(value)) for name, value in sorted(row.facts.items())),
    ]
    context = {
        "here": "journal",
        "line": line,
        "facts": facts,
        "subject_url": url_of(row.subject_kind, row.subject_id),
        "cause_url": reverse("console:entry", args=[row.cause]) if row.cause else "",
        "same_url": f"{reverse('console:journal')}?subject={row.subject_kind}:{row.subject_id}",
    }
    return render(request, "console/entry.html", context)


@staff("read_journal")
def journal_csv(request: StaffRequest) -> HttpResponse:
    """The same entries as a file."""
    header = ["id", "at", "kind", "by", "via", "subject_kind", "subject_id", "sentence"]
    rows = (
        [row.id, row.at, row.kind, row.by_name, row.via, row.subject_kind, row.subject_id, sentence_of(row)]
        for row in _chosen(request)[:EXPORTED].iterator()
    )
    return as_csv("journal", header, rows)


@staff("read_journal")
def journal_feed(request: StaffRequest) -> HttpResponse:
    """The same entries as an Atom feed (RFC 4287)."""
    feed = Atom1Feed(
        title=_("Journal"),
        link=request.build_absolute_uri(reverse("console:journal")),
        description="",
        feed_url=request.build_absolute_uri(),
    )
    for line in told(_chosen(request)[:FEED_ENTRIES]):
        feed.add_item(
            title=line["title"],
            link=request.build_absolute_uri(line["url"]),
            description=line["text"],
            author_name=line["by"],
            unique_id=f"urn:uuid:{line['id']}",
            pubdate=line["at"],
            updateddate=line["at"],
            categories=[line["kind"]],
        )
    return HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")
