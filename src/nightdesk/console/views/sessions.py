"""Where somebody is signed in: the reader's own browsers, and for administrators everybody's."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.access.models import Session
from nightdesk.access.queries import live_sessions
from nightdesk.access.session_actions import end_own_session, end_session, end_sessions
from nightdesk.base.actors import Door
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.lists import as_csv, asked, clear_url, csv_url, one_page, search_box
from nightdesk.console.views.settings.sections import row, section_page
from nightdesk.console.views.staff import StaffRequest, done, posting, staff

COLUMNS = ("account", "name", "device", "address", "began_at", "seen_at")


@staff("read_own_sessions")
def my_sessions(request: StaffRequest) -> HttpResponse:
    """The browsers in which the reader is signed in."""
    mine = live_sessions(request.at, user_id=request.user.pk)
    here, pager = one_page(request, mine)
    context = {
        "here": "people",
        "heading": _heading(mine.count()),
        "rows": [_own_row(request, each) for each in here],
        "pager": pager,
        "others": mine.exclude(session_key=request.session.session_key).count(),
        "csv_url": reverse("console:my_sessions_csv"),
        "on_the_list": request.person is not None,
    }
    return render(request, "console/my_sessions.html", context)


@staff("read_own_sessions")
def my_sessions_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    return as_csv("sessions", COLUMNS, _lines(live_sessions(request.at, user_id=request.user.pk)))


@posting("end_own_session")
def end_mine(request: StaffRequest, session_id: int) -> HttpResponse:
    """That browser is signed out."""
    end_own_session(user_id=_account(request), session_id=session_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("That browser is signed out."), "console:my_sessions")


@posting("end_own_session")
def end_my_others(request: StaffRequest) -> HttpResponse:
    """Every browser but this one is signed out."""
    key = request.session.session_key or ""
    ended = end_sessions(user_id=_account(request), but_key=key, by=request.actor, via=Door.WEB, at=request.at)
    told = ngettext("{count} other browser is signed out.", "{count} other browsers are signed out.", ended)
    return done(request, told.format(count=ended), "console:my_sessions")


@staff("read_sessions")
def sessions(request: StaffRequest) -> HttpResponse:
    """Who is signed in, where, and since when."""
    rows = _found(request)
    here, pager = one_page(request, rows)
    return section_page(
        request,
        "sessions",
        _heading(rows.count()),
        rows=[_row(request, each) for each in here],
        pager=pager,
        filters=[search_box(asked(request, "q"), _("Name or address of the account"))],
        clear_url=clear_url(request),
        csv_url=csv_url(request, reverse("console:sessions_csv")),
        note=_("Ended at once: signed out there. Whoever loses a role or leaves is signed out everywhere by itself."),
        empty_text=_("Nobody who fits is signed in to these pages."),
    )


@staff("read_sessions")
def sessions_csv(request: StaffRequest) -> HttpResponse:
    """The same choice as a file."""
    return as_csv("sessions", COLUMNS, _lines(_found(request)))


@posting("end_session")
def end(request: StaffRequest, session_id: int) -> HttpResponse:
    """That browser is signed out, whosesoever it is."""
    end_session(session_id=session_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("That browser is signed out."), "console:sessions")


def _found(request: StaffRequest) -> Any:
    rows = live_sessions(request.at, brands=request.brands)
    text = asked(request, "q")
    return rows.filter(user__name__icontains=text) | rows.filter(user__email__icontains=text) if text else rows


def _heading(count: int) -> str:
    return ngettext("Signed in in {count} browser", "Signed in in {count} browsers", count).format(count=count)


def _own_row(request: StaffRequest, each: Session) -> dict[str, Any]:
    if each.session_key == request.session.session_key:
        return row(each.device, detail=_where(each, request.at), tags=[{"text": _("this one"), "tone": "calm"}])
    url = reverse("console:end_my_session", args=[each.pk])
    return row(each.device, detail=_where(each, request.at), actions=[{"label": _("Sign out"), "url": url}])


def _row(request: StaffRequest, each: Session) -> dict[str, Any]:
    this = each.session_key == request.session.session_key
    url = reverse("console:end_session", args=[each.pk])
    return row(
        each.user.name,
        detail=f"{each.user.email} · {each.device} · {_where(each, request.at)}",
        tags=[{"text": _("this one"), "tone": "calm"}] if this else [],
        actions=[] if this else [{"label": _("Sign out"), "url": url, "tone": "fire"}],
    )


def _where(each: Session, at: datetime) -> str:
    return _("{address} · since {began} · last seen {seen}").format(
        address=each.address or _("address unknown"), began=clock(each.began_at, at), seen=clock(each.seen_at, at)
    )


def _lines(rows: Any) -> Iterator[tuple[object, ...]]:
    for each in rows:
        yield each.user.email, each.user.name, each.device, each.address, each.began_at, each.seen_at


def _account(request: StaffRequest) -> int:
    return int(request.user.pk or 0)  # the door has seen that somebody is signed in
