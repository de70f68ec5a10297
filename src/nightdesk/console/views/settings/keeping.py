"""Safe-keeping: the backups that were made and proved, one more by a press, and how to go back to one."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.base.actors import Door
from nightdesk.console.templatetags.sizes import size
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import as_csv
from nightdesk.console.views.settings.sections import row, tabs_of
from nightdesk.console.views.staff import StaffRequest, done, staff
from nightdesk.keeping import actions, places, queries
from nightdesk.keeping.models import Backup


@staff("read_backups", every_brand=True)
def keeping(request: StaffRequest) -> HttpResponse:
    """The backups, newest first, and what goes on."""
    how = queries.standing(request.at)
    rows = [_row(request, each) for each in queries.backups().filter(removed_at=None).exclude(ended_at=None)[:200]]
    context = {
        "here": "settings",
        "heading": _heading(how),
        "tabs": tabs_of(request, "keeping"),
        "failure": how.failure,
        "running": how.running,
        "rows": rows,
        "csv_url": reverse("console:keeping_csv"),
        "folder": str(places.FOLDER),
        "key": "NIGHTDESK_BACKUP_KEY" if places.is_key_given() else str(places.key_file()),
        "key_lies_here": not places.is_key_given(),
        "every": ngettext("every hour", "every {count} hours", int(places.EVERY.total_seconds() // 3600)).format(
            count=int(places.EVERY.total_seconds() // 3600)
        )
        if places.EVERY
        else "",
    }
    return page_or_part(request, "keeping", {"main"}, context)


def _heading(how: queries.Standing) -> str:
    if how.verified_for is None:
        return _("No backup has been proved yet")
    hours = int(how.verified_for.total_seconds() // 3600)
    if not hours:
        return _("The newest proved backup is less than an hour old")
    return ngettext(
        "The newest proved backup is {count} hour old", "The newest proved backup is {count} hours old", hours
    ).format(count=hours)


def _row(request: StaffRequest, each: Backup) -> dict[str, Any]:
    made_at = each.begun_at or each.asked_at
    if each.failure and not each.file:
        return row(
            clock(made_at, request.at), detail=each.failure[:300], tags=[{"text": _("not made"), "tone": "fire"}]
        )
    detail = [
        each.file,
        size(each.size),
        ngettext("{count} row", "{count} rows", each.rows).format(count=localize(each.rows, use_l10n=True)),
        ngettext("{count} file", "{count} files", each.files).format(count=each.files),
        _("restored and compared {time}").format(time=clock(each.verified_at, request.at)) if each.verified_at else "",
        each.failure[:300],
    ]
    if each.verified_at:
        tag = {"text": _("proved"), "tone": "calm"}
    elif each.failure:
        tag = {"text": _("did not stand the test"), "tone": "fire"}
    else:
        tag = {"text": _("not proved"), "tone": "accent"}
    return row(clock(made_at, request.at), detail=" · ".join(part for part in detail if part), tags=[tag])


@staff("read_backups", every_brand=True)
def keeping_csv(request: StaffRequest) -> HttpResponse:  # noqa: ARG001 - the shape of a view
    """Every backup that was ever asked for."""
    header = ("made_at", "file", "size", "rows", "files", "verified_at", "removed_at", "asked_by", "failure")
    rows = queries.backups().values_list(
        "begun_at", "file", "size", "rows", "files", "verified_at", "removed_at", "asked_by", "failure"
    )
    return as_csv("backups", header, rows.iterator())


@staff("ask_backup", methods=("POST",), every_brand=True)
def ask_backup(request: StaffRequest) -> HttpResponse:
    """One more is made and proved as soon as a worker is free to."""
    actions.ask_backup(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("A backup is being made; this page says how far it is."), "console:keeping")
