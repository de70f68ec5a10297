"""Cover: somebody drops out of a duty, who is asked to stand in, and what they said."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import people_choices
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import as_csv, asked, clear_url, csv_url, one_page, select
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may,
    posting,
    staff,
    within,
)
from nightdesk.duty import cover_actions, cover_queries
from nightdesk.duty.asking import Answer
from nightdesk.duty.models import CoverAsk, CoverSearch
from nightdesk.rota import resolve
from nightdesk.rota.models import Seat
from nightdesk.rota.queries import load_rota

STATES = {
    CoverSearch.State.ASKING: (gettext_lazy("asking"), "sky"),
    CoverSearch.State.TAKEN: (gettext_lazy("covered"), "calm"),
    CoverSearch.State.NOBODY: (gettext_lazy("nobody"), "fire"),
    CoverSearch.State.CALLED_OFF: (gettext_lazy("called off"), ""),
}
ANSWERS = {
    Answer.YES: (gettext_lazy("yes"), "calm"),
    Answer.NO: (gettext_lazy("no"), ""),
    Answer.LATE: (gettext_lazy("yes, too late"), ""),
}

ASKED, NOT_YET = (gettext_lazy("asked"), "sky"), (gettext_lazy("not yet asked"), "")


@staff("read_cover")
def searches(request: StaffRequest) -> HttpResponse:
    """Every search for cover, the newest first."""
    state = asked(request, "state", CoverSearch.State.values)
    rows = cover_queries.searches(request.brands)
    rows = rows.filter(state=state) if state else rows
    shown, pager = one_page(request, rows)
    waiting = cover_queries.searches(request.brands).filter(
        state__in=(CoverSearch.State.ASKING, CoverSearch.State.NOBODY), ends_at__gt=request.at
    )
    count = waiting.count()
    heading = ngettext("{count} duty needs somebody", "{count} duties need somebody", count).format(count=count)
    context = {
        "here": "rota",
        "heading": heading if count else _("Every duty has somebody"),
        "crumbs": [{"url": reverse("console:rota"), "label": _("Rotas")}],
        "rows": [_row(row) for row in shown],
        "pager": pager,
        "filters": [
            select("state", _("State"), state, {key: str(label) for key, (label, _t) in STATES.items()}, _("Any"))
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:cover_csv")),
    }
    return render(request, "console/cover.html", context)


@staff("read_cover")
def searches_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    rows = cover_queries.searches(request.brands)
    state = asked(request, "state", CoverSearch.State.values)
    rows = rows.filter(state=state) if state else rows
    header = ["seat", "starts_at", "ends_at", "instead_of", "state", "taken_by", "made_at", "made_by", "ended_at"]
    return as_csv("cover", header, ([_plain(getattr(row, name)) for name in header] for row in rows.iterator(500)))


def _plain(value: Any) -> Any:
    return value if isinstance(value, datetime) or value is None else str(value)


def _row(row: CoverSearch) -> dict[str, Any]:
    label, tone = STATES[CoverSearch.State(row.state)]
    who = _("instead of {name}").format(name=row.instead_of.name) if row.instead_of else ""
    by = _("{name} covers it").format(name=row.taken_by.name) if row.taken_by else ""
    return {
        "at": row.starts_at,
        "title": row.seat.name,
        "url": reverse("console:cover_search", args=[row.id]),
        "detail": " · ".join(part for part in (_until(row), who, by) if part),
        "tags": [{"text": str(label), "tone": tone}],
    }


@staff("read_cover")
def search(request: StaffRequest, search_id: int) -> HttpResponse:
    """One search: who was asked, when, and what they said."""
    row = _search(request, search_id)
    asks = list(row.asks.select_related("person"))
    mine = next((ask for ask in asks if request.person is not None and ask.person_id == request.person.id), None)
    open_ = row.state in (CoverSearch.State.ASKING, CoverSearch.State.NOBODY) and row.ends_at > request.at
    actions = []
    if mine is not None and open_ and mine.answer not in (Answer.YES, Answer.LATE):
        url = reverse("console:take_cover", args=[row.id])
        actions.append({"label": _("I take it"), "url": url, "main": True})
        if mine.answer is None:
            actions.append({"label": _("I cannot"), "url": reverse("console:turn_down_cover", args=[row.id])})
    seeks = may(request, "seek_cover", row.seat.rota.brand_id)
    if open_ and seeks:
        actions.append({"label": _("Call it off"), "url": reverse("console:call_off_cover", args=[row.id])})
    label, tone = STATES[CoverSearch.State(row.state)]
    context = {
        "here": "rota",
        "search": row,
        "heading": _heading(row),
        "state": str(label),
        "tone": tone,
        "crumbs": [
            {"url": reverse("console:rota"), "label": _("Rotas")},
            {"url": reverse("console:cover"), "label": _("Cover")},
        ],
        "span": _span(row),
        "asks": [_ask(request, row, ask, open_=open_ and seeks) for ask in asks],
        "actions": actions,
    }
    return page_or_part(request, "cover_search", {"main"}, context)


def _heading(row: CoverSearch) -> str:
    match row.state:
        case CoverSearch.State.TAKEN:
            return _("{name} covers {seat}").format(name=row.taken_by, seat=row.seat.name)
        case CoverSearch.State.NOBODY:
            return _("Nobody covers {seat}").format(seat=row.seat.name)
        case CoverSearch.State.CALLED_OFF:
            return _("{seat} needs nobody any more").format(seat=row.seat.name)
    return _("{seat} needs somebody").format(seat=row.seat.name)


def _ask(request: StaffRequest, row: CoverSearch, ask: CoverAsk, *, open_: bool) -> dict[str, Any]:
    if ask.answer is not None:
        label, tone = ANSWERS[Answer(ask.answer)]
    else:
        label, tone = ASKED if ask.asked_at is not None else NOT_YET
    actions = []
    own = request.person is not None and request.person.id == ask.person_id
    if open_ and not own and ask.answer is None:
        url = reverse("console:take_cover", args=[row.id])
        actions.append({"label": _("They said yes"), "url": url, "fields": {"person": ask.person_id}})
    return {
        "at": ask.answered_at or ask.asked_at or row.made_at,
        "title": ask.person.name,
        "detail": ask.why,
        "tags": [{"text": str(label), "tone": tone}],
        "actions": actions,
    }


@posting("take_cover")
def take(request: StaffRequest, search_id: int) -> HttpResponse:
    """Yes, for oneself or for somebody who said so by telephone."""
    row = _search(request, search_id)
    who = request.POST.get("person", "")
    ask = cover_actions.take_cover(
        search_id=row.id,
        person_id=int(who) if who.isdecimal() else None,
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    if ask.answer == Answer.LATE:
        return done(request, _("Somebody else was first. Thank you."), "console:cover_search", row.id)
    return done(request, _("{name} covers it.").format(name=ask.person.name), "console:cover_search", row.id)


@posting("turn_down_cover")
def decline(request: StaffRequest, search_id: int) -> HttpResponse:
    """No."""
    row = _search(request, search_id)
    cover_actions.turn_down_cover(search_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Thank you. Somebody else is asked."), "console:cover_search", row.id)


@posting("seek_cover")
def call_off(request: StaffRequest, search_id: int) -> HttpResponse:
    """Nobody need stand in."""
    row = _search(request, search_id)
    cover_actions.call_off_cover(search_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It is called off, and whoever was asked is told."), "console:cover_search", row.id)


class SeekForm(forms.Form):
    starts = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends = forms.DateTimeField(
        label=gettext_lazy("Until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("By clocks in your own zone. A duty that has begun is open from now."),
    )
    instead_of = forms.TypedChoiceField(label=gettext_lazy("Who cannot"), coerce=int, required=False, empty_value=None)
    how = forms.ChoiceField(
        label=gettext_lazy("How people are asked"),
        choices=[
            ("order", gettext_lazy("one after the other, five minutes each")),
            ("together", gettext_lazy("all at once: the first yes has it")),
        ],
        widget=forms.RadioSelect,
        initial="order",
    )

    def __init__(self, *args: Any, people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instead_of"].choices = [("", _("Whoever is planned then")), *people]  # type: ignore[attr-defined]


@form_page("seek_cover")
def seek(request: StaffRequest, seat_key: str) -> HttpResponse:
    """Have people asked to stand in for a seat."""
    rows = Seat.objects.filter(within(request.brands, "rota__brand_id"), key=seat_key).select_related("rota")
    seat = found(rows, _("You asked for a seat of a rota."))
    zone = get_current_timezone()
    change = resolve.next_change(load_rota(seat.rota_id), seat.key, request.at)
    initial = {
        "starts": request.at.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None),
        "ends": (change or request.at + timedelta(hours=8)).astimezone(zone).replace(tzinfo=None),
        "how": "order",
    }
    for field in ("starts", "ends"):
        initial[field] = f"{initial[field]:%Y-%m-%dT%H:%M}"
    form = SeekForm(request.POST or None, people=people_choices(seat.rota.brand_id), initial=initial)
    if request.method == "POST":
        values = checked(form, _("You wanted to have cover sought."))
        made = cover_actions.seek_cover(
            seat_key=seat.key,
            starts_at=values["starts"],
            ends_at=values["ends"],
            instead_of_id=values["instead_of"],
            together=values["how"] == "together",
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("People are asked."), "console:cover_search", made.id)
    context = {
        "here": "rota",
        "heading": _("Find cover for {seat}").format(seat=seat.name),
        "lead": _(
            "Whom the rules allow is asked by message, the one it costs the plan least first. The first yes has the duty, "
            "and the rest are told. If nobody will, the manager hears of it."
        ),
        "crumbs": [
            {"url": reverse("console:rota"), "label": _("Rotas")},
            {"url": reverse("console:one_rota", args=[seat.rota_id]), "label": seat.rota.name},
        ],
        "form": form,
        "label": _("Ask them"),
    }
    return render(request, "console/form.html", context)


def _search(request: StaffRequest, search_id: int) -> CoverSearch:
    rows = cover_queries.searches(request.brands).filter(id=search_id)
    return found(rows, _("You asked for a search for cover."))


def _until(row: CoverSearch) -> str:
    return _("until {time}").format(time=date_format(row.ends_at.astimezone(get_current_timezone()), "D j M H:i"))


def _span(row: CoverSearch) -> str:
    zone = ZoneInfo(row.seat.rota.zone)
    first, last = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
    return f"{date_format(first, 'D j M H:i')}–{date_format(last, 'D j M H:i')}"
