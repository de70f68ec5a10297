"""Briefings: what teams have to have read, and who has not yet."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.choices import brand_choices, pairs, people_within
from nightdesk.console.views.knowledge.procedures import rendered
from nightdesk.console.views.knowledge.sections import crumbs_of, form_in, joined, list_in, refused
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.settings.sections import row
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.customers.models import Service
from nightdesk.knowledge import briefing_actions as actions
from nightdesk.knowledge.models import Briefing
from nightdesk.knowledge.queries import briefings_naming, briefings_waiting_for, must_confirm, unconfirmed
from nightdesk.people.models import Team

STATES = {"open": gettext_lazy("Open"), "closed": gettext_lazy("Closed")}


def _all(request: StaffRequest) -> QuerySet[Briefing]:
    rows = Briefing.objects.filter(within(request.brands)).select_related("brand", "service")
    if not may_somewhere(request, "read_procedures"):
        # Whoever only answers for us reads what was written for them.
        rows = briefings_naming(rows, request.person.id if request.person else None)
    return rows


def _chosen(request: StaffRequest) -> QuerySet[Briefing]:
    rows = _all(request)
    if text := asked(request, "q"):
        rows = rows.filter(title__icontains=text)
    if state := asked(request, "state", STATES):
        rows = rows.filter(closed_at__isnull=state == "open")
    return rows.order_by("-made_at", "-id")


def waiting_for(request: StaffRequest) -> list[Briefing]:
    """The briefings that the reader must confirm and has not."""
    mine = briefings_waiting_for(request.person.id) if request.person is not None else []
    return [each for each in mine if may(request, "confirm_briefing", each.brand_id)]


@staff("read_briefings")
def briefings(request: StaffRequest) -> HttpResponse:
    """Every briefing, the newest first."""
    here, pager = one_page(request, _chosen(request))
    missing = unconfirmed(here)
    waiting = {each.pk for each in waiting_for(request)}
    heading = _("You have read everything")
    if waiting:
        text = ngettext("{count} briefing waits for you", "{count} briefings wait for you", len(waiting))
        heading = text.format(count=len(waiting))
    filtered = clear_url(request)
    if not here:
        heading = _("No briefing is like that") if filtered else _("There is nothing to be read")
    new = {"url": reverse("console:new_briefing"), "label": _("Write a briefing")}
    return list_in(
        request,
        "briefings",
        heading,
        rows=[
            row(
                each.title,
                reverse("console:briefing", args=[each.pk]),
                joined(
                    each.service.name if each.service else "",
                    _("by {name}").format(name=each.made_by),
                    _("to be read by {day}").format(day=_day(each.due_at)),
                    each.brand.name,
                ),
                _tags(request, each, len(missing[each.pk]), each.pk in waiting),
            )
            for each in here
        ],
        pager=pager,
        new=new if may_somewhere(request, "make_briefing") else None,
        filters=[
            search_box(asked(request, "q"), _("Title")),
            select("state", _("State"), asked(request, "state"), {k: str(v) for k, v in STATES.items()}, _("Any")),
        ],
        clear_url=filtered,
        csv_url=csv_url(request, reverse("console:briefings_csv")),
        empty_text=_("What is new is written once; those whom it concerns say that they have read it."),
    )


def _day(at: datetime) -> str:
    return date_format(localtime(at), "D j M")


def _tags(request: StaffRequest, each: Briefing, missing: int, mine: bool) -> list[dict[str, str]]:
    tags = [{"text": _("For you to read"), "tone": "accent"}] if mine else []
    if each.closed_at is not None:
        return [{"text": _("Closed"), "tone": ""}]
    if not missing:
        return [{"text": _("Everybody has read it"), "tone": "calm"}]
    text = ngettext("{count} has not read it", "{count} have not read it", missing).format(count=missing)
    return [*tags, {"text": text, "tone": "fire" if each.due_at <= request.at else ""}]


@staff("read_briefings")
def briefings_csv(request: StaffRequest) -> HttpResponse:
    """Who had to read what, and when they said so."""
    header = [
        "briefing",
        "title",
        "brand",
        "made_by",
        "made_at",
        "due_at",
        "closed_at",
        "person",
        "confirmed_at",
        "via",
    ]
    rows = list(_chosen(request).prefetch_related("confirmations__person")[:EXPORTED])
    musts = must_confirm(rows)

    def lines() -> Any:
        for each in rows:
            said = {one.person_id: one for one in each.confirmations.all()}
            people = {person.pk: person.name for person in musts[each.pk]}
            people |= {one.person_id: one.person.name for one in said.values()}
            for person_id, name in sorted(people.items(), key=lambda one: one[1]):
                one = said.get(person_id)
                yield [
                    each.pk, each.title, each.brand, each.made_by, each.made_at, each.due_at, each.closed_at, name,
                    one.at if one else None, one.via if one else "",
                ]  # fmt: skip

    return as_csv("briefings", header, lines())


@staff("read_briefings")
def briefing(request: StaffRequest, briefing_id: int) -> HttpResponse:
    """What is new, who has read it, and who has not."""
    shown = _one(request, briefing_id)
    missing = unconfirmed([shown])[shown.pk]
    said = list(shown.confirmations.select_related("person").order_by("-at"))
    me = request.person.id if request.person else None
    mine = shown.closed_at is None and me is not None and all(one.person_id != me for one in said)
    mine = mine and may(request, "confirm_briefing", shown.brand_id)
    context = {
        "here": "procedures",
        "crumbs": crumbs_of("briefings"),
        "briefing": shown,
        "heading": shown.title,
        "tags": _tags(request, shown, len(missing), mine and any(person.pk == me for person in missing)),
        "html": rendered(shown.body),
        "facts": [
            (label, value)
            for label, value in (
                (_("Service"), shown.service.name if shown.service else ""),
                (_("Written by"), f"{shown.made_by}, {_day(shown.made_at)}"),
                (_("To be read by"), _day(shown.due_at)),
                (_("For"), ", ".join([*(team.name for team in shown.teams.all()), *map(str, shown.persons.all())])),
                (_("Brand"), shown.brand.name),
            )
            if value
        ],
        "confirm": {"label": _("I have read it"), "url": _url("confirm_briefing", shown), "main": True}
        if mine
        else None,
        "buttons": _buttons(request, shown, bool(missing)),
        "missing": missing,
        "said": [{"at": one.at, "title": one.person.name, "detail": "", "tags": []} for one in said],
    }
    return render(request, "console/briefing.html", context)


def _url(view: str, shown: Briefing) -> str:
    return reverse(f"console:{view}", args=[shown.pk])


def _buttons(request: StaffRequest, shown: Briefing, missing: bool) -> list[dict[str, Any]]:
    buttons: list[dict[str, Any]] = []
    if shown.closed_at is not None:
        return buttons
    if missing and may(request, "remind_briefing", shown.brand_id):
        buttons.append({"label": _("Remind them now"), "url": _url("remind_briefing", shown)})
    if may(request, "close_briefing", shown.brand_id):
        buttons.append({"label": _("Close it"), "url": _url("close_briefing", shown)})
    return buttons


def _one(request: StaffRequest, briefing_id: int) -> Briefing:
    return found(_all(request).filter(id=briefing_id), _("You asked for a briefing."))


class BriefingForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    title = forms.CharField(label=gettext_lazy("What is new"), max_length=160)
    body = forms.CharField(
        label=gettext_lazy("What they need to know"),
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=gettext_lazy("Markdown. What people have confirmed cannot be changed afterwards."),
    )
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    teams = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Teams that must read it"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    persons = forms.TypedMultipleChoiceField(
        label=gettext_lazy("People who must read it"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    due = forms.DateField(
        label=gettext_lazy("To be read by"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    remind_days = forms.IntegerField(
        label=gettext_lazy("Reminded every so many days"),
        min_value=0,
        max_value=90,
        initial=2,
        help_text=gettext_lazy("Those who have not said so. 0: never."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = within(request.brands)
        people = people_within(request.brands).filter(active=True).order_by("name")
        for name, choices in {
            "brand": brand_choices(request.actor, "make_briefing"),
            "service": pairs(Service.objects.filter(mine), _("None")),
            "teams": pairs(Team.objects.filter(mine).order_by("name")),
            "persons": pairs(people),
        }.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]


@form_page("make_briefing")
def new_briefing(request: StaffRequest) -> HttpResponse:
    """Something that people must have read."""
    form = BriefingForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            made = actions.make_briefing(
                brand_id=int(values["brand"]),
                title=values["title"],
                body=values["body"],
                service_id=int(values["service"]) if values["service"] else None,
                team_ids=values["teams"],
                person_ids=values["persons"],
                due_at=datetime.combine(values["due"], time(18), tzinfo=get_current_timezone()),
                remind_days=values["remind_days"],
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            return done(
                request, _("They are told, and asked to say that they have read it."), "console:briefing", made.pk
            )
    lead = _("Each of them is told by their quiet ways, and reminded until they have said that they read it.")
    return form_in(request, "briefings", form, _("Write a briefing"), _("Send it"), lead=lead)


@posting("confirm_briefing")
def confirm_briefing(request: StaffRequest, briefing_id: int) -> HttpResponse:
    """The reader has read it."""
    shown = _one(request, briefing_id)
    actions.confirm_briefing(briefing_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Noted: you have read it."), "console:briefing", shown.pk)


@posting("remind_briefing")
def remind_briefing(request: StaffRequest, briefing_id: int) -> HttpResponse:
    """Those who have not are told now."""
    shown = _one(request, briefing_id)
    actions.remind_briefing(briefing_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("They are being reminded."), "console:briefing", shown.pk)


@posting("close_briefing")
def close_briefing(request: StaffRequest, briefing_id: int) -> HttpResponse:
    """Nobody is asked any more."""
    shown = _one(request, briefing_id)
    actions.close_briefing(briefing_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It is closed."), "console:briefing", shown.pk)
