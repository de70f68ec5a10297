"""Pocket: the phone page of whoever has been woken. What, how bad, take it or pass it on."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.channels.actions import mark_delivery_seen
from nightdesk.channels.models import Delivery
from nightdesk.console.views.cards import may_wait, page_card, waits_until
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.push import push_state
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff, within
from nightdesk.duty.queries import who_is_on
from nightdesk.knowledge.queries import procedures_for
from nightdesk.paging.actions import acknowledge_page, defer_page, escalate_page
from nightdesk.paging.decide import quiet_for
from nightdesk.paging.models import Page
from nightdesk.paging.queries import last_time
from nightdesk.paging.wording import time_of_day
from nightdesk.people.actions import end_quiet, set_quiet
from nightdesk.people.models import Person

RECENT = timedelta(days=3)


@staff("read_pages")
def pocket(request: StaffRequest) -> HttpResponse:
    """The pages for which the reader was rung and which are open, and those that they have."""
    me = _me(request)
    told = _told(me, request)
    wanted = Page.objects.filter(within(request.brands)).exclude(state=Page.State.RESOLVED)
    wanted = wanted.select_related("owner", "integration", "service", "customer").exclude(
        state=Page.State.TRIGGERED, rings_from__gt=request.at
    )
    calling = list(wanted.filter(state=Page.State.TRIGGERED, id__in=_page_ids(told)).order_by("priority", "started_at"))
    mine = list(wanted.filter(state=Page.State.ACKNOWLEDGED, owner=me).order_by("priority", "started_at"))
    _note_shown(request, told)
    duties = [duty for duty in who_is_on(request.at, request.brands) if duty.person_id == me.id]
    context = {
        "here": "pocket",
        "heading": _heading(len(calling), len(mine)),
        "calling": [_card(request, page) for page in calling],
        "mine": [_with_procedure(request, page, page_card(request, page)) for page in mine],
        "duties": duties,
        "quiet_until": me.quiet_until if me.quiet_until is not None and me.quiet_until > request.at else None,
        "quiet": quiet_action(me, request.at, reverse("console:pocket")),
        "push": push_state(),
    }
    return page_or_part(request, "pocket", {"pages"}, context)


def _me(request: StaffRequest) -> Person:
    if request.person is None:
        raise NotFound(
            _("You opened your pocket page."), _("You are not on the staff list."), _("Ask a manager to put you on it.")
        )
    return request.person


def _heading(calling: int, mine: int) -> str:
    if calling:
        return ngettext("You are needed", "You are needed for {count} pages", calling).format(count=calling)
    if mine:
        return ngettext("You have {count} page", "You have {count} pages", mine).format(count=mine)
    return _("Nobody needs you now")


def _told(me: Person, request: StaffRequest) -> list[Delivery]:
    """What was sent to the reader lately about pages, by whatever way."""
    rows = Delivery.objects.filter(recipient_kind="person", recipient_id=str(me.id), subject_kind="page")
    return list(rows.filter(created_at__gte=request.at - RECENT, due_at__lte=request.at))


def _page_ids(told: list[Delivery]) -> set[UUID]:
    return {UUID(row.subject_id) for row in told}


def _note_shown(request: StaffRequest, told: list[Delivery]) -> None:
    """What the pocket page has shown has arrived. That is no sign of life: a phone on a table shows it, too."""
    for row in told:
        if row.channel == "pocket" and row.state == Delivery.State.ACCEPTED:
            mark_delivery_seen(
                delivery_id=row.id, month=row.month, seen="delivered", by=request.actor, via=Door.PUSH, at=request.at
            )


def _with_procedure(request: StaffRequest, page: Page, card: dict[str, Any]) -> dict[str, Any]:
    """The card with the way to what is to be done, where that is known."""
    if may(request, "read_procedures", page.brand_id):
        for row in procedures_for(page.service_id, ["alarm"], page.brand_id, page.component, most=1):
            card["procedure"] = {
                "title": row.title,
                "url": reverse("console:page", args=[page.id]) + "#procedures",
            }
    return card


def _card(request: StaffRequest, page: Page) -> dict[str, Any]:
    card = _with_procedure(request, page, page_card(request, page, last_time(page)))
    card["actions"] = [
        {"label": label, "url": reverse(f"console:{view}", args=[page.id]), **more}
        for verb, view, label, more in (
            ("acknowledge_page", "pocket_take", _("I've got it"), {"main": True, "verb": "acknowledge"}),
            ("escalate_page", "pocket_pass", _("Pass it on"), {}),
            ("defer_page", "pocket_morning", _("Leave it till morning"), {}),
        )
        if may(request, verb, page.brand_id) and (verb != "defer_page" or may_wait(page, request.at))
    ]
    return card


def quiet_action(person: Person, at: datetime, back: str) -> dict[str, Any]:
    """The button that asks for quiet until the usual time, or takes it back."""
    if person.quiet_until is not None and person.quiet_until > at:
        return {
            "label": _("Ring me for everything again"),
            "url": reverse("console:end_quiet"),
            "fields": {"next": back},
        }
    until = quiet_for(person.zone, at)
    label = _("Quiet until {time}, except for a P1").format(time=time_of_day(until, person.zone))
    return {"label": label, "url": reverse("console:set_quiet"), "fields": {"until": until.isoformat(), "next": back}}


@posting("acknowledge_page")
def take(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """I've got it."""
    page = _page(request, page_id)
    taken = acknowledge_page(page_id=page.id, by=request.actor, via=Door.PUSH, at=request.at)
    _note_read(request, page)
    return done(request, _("You have “{title}”.").format(title=taken.title), "console:pocket")


@posting("escalate_page")
def pass_on(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """I cannot: wake the next."""
    page = _page(request, page_id)
    escalate_page(page_id=page.id, by=request.actor, via=Door.PUSH, at=request.at)
    _note_read(request, page)
    return done(request, _("The next person is rung."), "console:pocket")


@posting("defer_page")
def morning(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """It can wait for the opening."""
    page = _page(request, page_id)
    deferred = defer_page(page_id=page.id, by=request.actor, via=Door.PUSH, at=request.at)
    _note_read(request, page)
    text = _("{waits}: “{title}”.").format(waits=waits_until(deferred, request.at), title=deferred.title)
    return done(request, text, "console:pocket")


@posting("edit_own_contacts")
def quiet(request: StaffRequest) -> HttpResponse:
    """Only a P1 rings the reader until then."""
    me = _me(request)
    try:
        until = datetime.fromisoformat(request.POST.get("until", ""))
    except ValueError:
        until = quiet_for(me.zone, request.at)
    if until.tzinfo is None or until <= request.at:
        until = quiet_for(me.zone, request.at)
    set_quiet(person_id=me.id, until=until, by=request.actor, via=Door.WEB, at=request.at)
    return done(
        request, _("Only a P1 rings you until {time}.").format(time=time_of_day(until, me.zone)), "console:pocket"
    )


@posting("edit_own_contacts")
def no_quiet(request: StaffRequest) -> HttpResponse:
    """Everything rings the reader again."""
    end_quiet(person_id=_me(request).id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Everything rings you again."), "console:pocket")


def _page(request: StaffRequest, page_id: UUID) -> Page:
    return found(Page.objects.filter(within(request.brands), id=page_id), _("You asked for a page."))


def _note_read(request: StaffRequest, page: Page) -> None:
    for row in _told(_me(request), request):
        if row.subject_id == str(page.id) and row.channel == "pocket":
            mark_delivery_seen(
                delivery_id=row.id, month=row.month, seen="read", by=request.actor, via=Door.PUSH, at=request.at
            )
