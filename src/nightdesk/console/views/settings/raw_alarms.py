"""What came in at the doors of alarms: each request as it was, what was answered, what became of it."""

import contextlib
import json
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.settings.sections import tabs_of
from nightdesk.console.views.staff import StaffRequest, done, found, may, may_somewhere, posting, staff, within
from nightdesk.paging import queries
from nightdesk.paging.actions import retry_alarm
from nightdesk.paging.formats import FORMATS
from nightdesk.paging.models import Integration, RawAlarm

STATES = {
    "taken": gettext_lazy("Taken in"),
    "not-taken": gettext_lazy("Not taken in"),
    "marked": gettext_lazy("Not wholly read by the mapping"),
}
SHOWN = 64 * 1024
"""Of a body so many characters are shown; the file has it whole."""


def _chosen(request: StaffRequest) -> QuerySet[RawAlarm]:
    """The requests that the address asks for, newest first."""
    rows = queries.raw_alarms_in(asked(request, "state", STATES), queries.raw_alarms(request.brands))
    sender = asked(request, "sender")
    if sender.isascii() and sender.isdecimal():
        rows = rows.filter(integration_id=int(sender[:9]))
    if text := asked(request, "q"):
        effects = Q(effects__contains=[{"dedup_key": text}]) | Q(effects__contains=[{"code": text}])
        rows = rows.filter(effects | Q(error__icontains=text) | Q(integration__name__icontains=text))
    return rows


@staff("read_alarms")
def raw_alarms(request: StaffRequest) -> HttpResponse:
    """Every request, newest first."""
    rows, pager = one_page(request, _chosen(request))
    failed = queries.raw_alarms(request.brands).filter(queries.NOT_TAKEN)[:100].count()
    heading = (
        ngettext("{count} request was not taken in", "{count} requests were not taken in", failed).format(count=failed)
        if failed
        else _("Everything that came was taken in")
    )
    senders = {str(each.id): each.name for each in Integration.objects.filter(within(request.brands)).order_by("name")}
    context = {
        "here": "settings",
        "tabs": tabs_of(request, "raw_alarms"),
        "heading": heading,
        "rows": [_row(row, request) for row in rows],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Key, page's code or words of the fault")),
            select("sender", _("Sender"), asked(request, "sender"), senders, _("Every sender")),
            select("state", _("State"), asked(request, "state"), {k: str(v) for k, v in STATES.items()}, _("Any")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:raw_alarms_csv")),
        "may_connect": may_somewhere(request, "make_integration"),
    }
    return render(request, "console/raw_alarms.html", context)


def _row(row: RawAlarm, request: StaffRequest) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    sender = row.integration.name if row.integration is not None else _("an unknown sender")
    label = FORMATS[row.format].label if row.format in FORMATS else row.format
    return {
        "at": row.at,
        "seconds": True,
        "title": sender,
        "url": reverse("console:raw_alarm", args=[row.id]),
        "detail": " · ".join([label, *_became(row)]),
        "tags": _tags(row),
        "actions": _actions(row, request),
    }


def _became(row: RawAlarm) -> list[str]:
    """What came of it, in a few words."""
    if row.error and row.retried_at is None:
        return [row.error[:200]]
    told = []
    for effect in row.effects[:3]:
        if effect["page"] is None:
            told.append(_("{action}: no page").format(action=effect["action"]))
        else:
            told.append(_("{action}: page {code}").format(action=effect["action"], code=effect["code"]))
    if row.signal_count > len(told):
        told.append(_("and {count} more").format(count=row.signal_count - len(told)))
    return told


def _tags(row: RawAlarm) -> list[dict[str, str]]:
    tags = []
    if row.marks:
        tags.append({"text": _("not wholly read"), "tone": "accent"})
    if row.retried_at is not None:
        tags.append({"text": _("taken in by hand"), "tone": "calm"})
    elif row.status >= 300:
        tags.append({"text": _("answered {status}").format(status=row.status), "tone": "fire"})
    return tags


def _actions(row: RawAlarm, request: StaffRequest) -> list[dict[str, Any]]:
    if row.integration is None or row.status < 300 or row.retried_at is not None:
        return []
    if not may(request, "retry_alarm", row.integration.brand_id):
        return []
    return [{"label": _("Try again"), "url": reverse("console:retry_alarm", args=[row.id])}]


@staff("read_alarms")
def raw_alarm(request: StaffRequest, raw_id: UUID) -> HttpResponse:
    """One request: its bytes, what was answered, what became of it."""
    row = _found(request, raw_id)
    body = queries.shown(row)
    with contextlib.suppress(ValueError, RecursionError):
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    facts = [
        (_("Sender"), row.integration.name if row.integration is not None else _("no key of ours")),
        (_("Door"), FORMATS[row.format].label if row.format in FORMATS else row.format),
        (_("Answered"), row.status),
        (_("Bytes"), f"{len(bytes(row.body)):,}"),
        *((name, value) for name, value in sorted(row.headers.items())),
        *((f"?{name}", value) for name, value in sorted(row.query.items())),
    ]
    pages = queries.found_pages(row)
    context = {
        "here": "settings",
        "row": row,
        "heading": row.integration.name if row.integration is not None else _("An unknown sender"),
        "tags": _tags(row),
        "facts": facts,
        "effects": [_effect(effect, pages) for effect in row.effects],
        "more": max(0, row.signal_count - len(row.effects)),
        "body": body[:SHOWN],
        "cut": len(body) > SHOWN,
        "actions": _actions(row, request),
        "mapping_url": _mapping_url(row, request),
        "crumbs": [
            {"url": reverse("console:settings"), "label": _("Settings")},
            {"url": reverse("console:raw_alarms"), "label": _("What came in")},
        ],
    }
    return render(request, "console/raw_alarm.html", context)


def _effect(effect: dict[str, Any], pages: dict[str, str]) -> dict[str, Any]:
    """A row of plain_list.html."""
    page = effect["page"]
    title = pages.get(page, _("no open alarm has this key")) if page else _("no open alarm has this key")
    if not page and effect["action"] == "note":
        title = _("kept as a note; it is in the journal")
    tags = [{"text": _("new"), "tone": "accent"}] if effect["is_new"] else []
    url = reverse("console:page", args=[page]) if page in pages else ""
    return {
        "title": title,
        "url": url,
        "detail": f"{effect['action']} · {effect['dedup_key']}",
        "tags": tags,
        "actions": [],
    }


def _mapping_url(row: RawAlarm, request: StaffRequest) -> str:
    if row.integration is None or row.format != "generic" or row.integration.format != "generic":
        return ""
    if not may(request, "save_mapping", row.integration.brand_id):
        return ""
    return reverse("console:mapping", args=[row.integration.id])


@staff("read_alarms")
def raw_alarm_file(request: StaffRequest, raw_id: UUID) -> HttpResponse:
    """The body as a file, as text; the key in it is masked."""
    row = _found(request, raw_id)
    answer = HttpResponse(queries.shown(row), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="alarm-{row.id}.txt"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _found(request: StaffRequest, raw_id: UUID) -> RawAlarm:
    return found(queries.raw_alarms(request.brands).filter(id=raw_id), _("You asked for something that came in."))


@posting("retry_alarm")
def retry(request: StaffRequest, raw_id: UUID) -> HttpResponse:
    """Have it taken in again."""
    row = _found(request, raw_id)
    retry_alarm(raw_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It is taken in now."), "console:raw_alarm", row.id)


@staff("read_alarms")
def raw_alarms_csv(request: StaffRequest) -> HttpResponse:
    """The same requests as a file, with what became of the first alarm of each."""
    header = [
        "id",
        "at",
        "sender",
        "format",
        "status",
        "error",
        "alarms",
        "action",
        "dedup_key",
        "page",
        "marks",
        "retried_at",
    ]

    def cells(row: RawAlarm) -> list[object]:
        first = row.effects[0] if row.effects else {}
        sender = row.integration.name if row.integration is not None else ""
        what = [first.get("action"), first.get("dedup_key"), first.get("page")]
        return [
            row.id,
            row.at,
            sender,
            row.format,
            row.status,
            row.error,
            row.signal_count,
            *what,
            "; ".join(row.marks),
            row.retried_at,
        ]

    rows = _chosen(request).defer("body")[:EXPORTED]
    return as_csv("alarms-in", header, (cells(row) for row in rows.iterator(chunk_size=1000)))
