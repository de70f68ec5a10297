"""What is kept quiet: silences, and planned work with its own."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.choices import brand_choices, pairs, people_within
from nightdesk.console.views.lists import EXPORTED, as_csv
from nightdesk.console.views.settings.sections import SECTIONS, form_in
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
from nightdesk.outages.saying import span_text
from nightdesk.paging import silence_actions as actions
from nightdesk.paging.models import Integration, PlannedWork, Policy, Silence
from nightdesk.paging.queries import Kept, kept_quiet, told_of, work_now
from nightdesk.paging.silencing import Matcher, priorities_named

AHEAD = timedelta(days=60)
SPANS = {
    "1": gettext_lazy("1 hour"),
    "4": gettext_lazy("4 hours"),
    "24": gettext_lazy("1 day"),
    "at": gettext_lazy("Until"),
}
STATES = {
    "planned": gettext_lazy("Planned"),
    "in_progress": gettext_lazy("In progress"),
    "completed": gettext_lazy("Done"),
    "cancelled": gettext_lazy("Cancelled"),
}


def span(from_at: Any, until_at: Any) -> str:
    """A planned time by the reader's clock, with day, date and zone, as customers read it: "Tue 25 Nov 02:00–04:00 GMT"."""
    return span_text(from_at, until_at, get_current_timezone())


@staff("read_silences")
def quiet(request: StaffRequest) -> HttpResponse:
    """What is quiet now, what will be, and what was."""
    open_rows = list(_silences(request).filter(ended_at=None, work=None).order_by("until_at"))
    over = list(_silences(request).exclude(ended_at=None).filter(work=None).order_by("-ended_at")[:20])
    kept = kept_quiet([each.pk for each in (*open_rows, *over)])
    work = work_now(request.brands, request.at, AHEAD)
    past_work = PlannedWork.objects.filter(within(request.brands)).exclude(ended_at=None).order_by("-ended_at")[:20]
    now = sum(each.from_at <= request.at for each in open_rows) + sum(each.from_at <= request.at for each in work)
    tabs = [
        {"url": reverse(f"console:{view}"), "label": str(name), "here": view == "quiet", "count": None}
        for view, verb, name, _purpose in SECTIONS
        if may_somewhere(request, verb)
    ]
    context = {
        "here": "settings",
        "tabs": tabs,
        "heading": ngettext("{count} thing is kept quiet", "{count} things are kept quiet", now).format(count=now)
        if now
        else _("Nothing is kept quiet"),
        "silences": [silence_row(request, each, kept[each.pk]) for each in open_rows],
        "work": [work_row(request, each) for each in work],
        "over": [silence_row(request, each, kept[each.pk]) for each in over],
        "past_work": [work_row(request, each) for each in past_work],
        "may_silence": may_somewhere(request, "make_silence"),
        "csv_url": reverse("console:quiet_csv"),
    }
    return render(request, "console/quiet.html", context)


def _silences(request: StaffRequest) -> QuerySet[Silence]:
    rows = Silence.objects.filter(within(request.brands))
    return rows.select_related("integration", "service", "brand", "work")


@staff("read_silences")
def quiet_csv(request: StaffRequest) -> HttpResponse:
    """Every silence, planned work's too, as a file."""
    header = [
        "what",
        "reason",
        "from_at",
        "until_at",
        "ended_at",
        "made_by",
        "planned_work",
        "alarms",
        "times",
        "firing",
    ]
    rows = list(_silences(request).order_by("-from_at")[:EXPORTED])
    kept = kept_quiet([each.pk for each in rows])
    return as_csv(
        "quiet",
        header,
        (
            [
                told_of(each), each.reason, each.from_at, each.until_at, each.ended_at, each.made_by,
                each.work.title if each.work else "", kept[each.pk].alarms, kept[each.pk].times, kept[each.pk].firing,
            ]
            for each in rows
        ),
    )  # fmt: skip


def silence_row(request: StaffRequest, each: Silence, kept: Kept) -> dict[str, Any]:
    """What parts/list_row.html draws: what is quiet until when, by whom, and how much of it."""
    actions_ = []
    tags = []
    if each.ended_at is not None:
        tags.append({"text": _("over"), "tone": ""})
    elif each.from_at > request.at:
        tags.append({"text": _("from {time}").format(time=f"{localtime(each.from_at):%a %H:%M}"), "tone": "sky"})
    if kept.firing:
        text = ngettext("{count} alarm still fires", "{count} alarms still fire", kept.firing)
        tags.append({"text": text.format(count=kept.firing), "tone": "accent"})
    if each.ended_at is None and may(request, "end_silence", each.brand_id):
        back = {"next": request.get_full_path() if not request.GET.get("part") else request.path}
        url = reverse("console:end_silence", args=[each.pk])
        actions_.append({"label": _("End it now"), "url": url, "fields": back})
    counted = ngettext("{count} alarm", "{count} alarms", kept.alarms).format(count=kept.alarms)
    since = _("since {time}").format(time=f"{localtime(each.from_at):%H:%M}")
    detail = [
        _("until {time}").format(time=f"{localtime(each.until_at):%a %d %b %H:%M %Z}"),
        _("by {name}").format(name=each.made_by),
        each.reason,
        f"{counted} {since}" if kept.alarms else "",
    ]
    return {
        "at": each.until_at if each.ended_at is None else each.ended_at,
        "title": told_of(each),
        "detail": " · ".join(text for text in detail if text),
        "tags": tags,
        "actions": actions_,
    }


def work_row(request: StaffRequest, each: PlannedWork) -> dict[str, Any]:
    """The same of planned work."""
    tone = {"in_progress": "sky", "completed": "calm"}.get(each.state, "")
    tags = [{"text": str(STATES[each.state]), "tone": tone}]
    if each.overran_at is not None and each.ended_at is None:
        tags = [{"text": _("Overrun"), "tone": "fire"}]
    touches = [service.name for service in each.services.all()] + list(each.parts)
    detail = [
        span(each.from_at, each.until_at),
        each.person.name if each.person else "",
        ", ".join(touches),
        _("every week") if each.weekly else "",
        _("extended") if each.extended else "",
    ]
    buttons: list[dict[str, Any]] = []

    def add(verb: str, label: str, **more: Any) -> None:
        if may(request, verb, each.brand_id):
            buttons.append({"label": label, "url": reverse(f"console:{verb}", args=[each.pk]), **more})

    if each.ended_at is None:
        if each.state == PlannedWork.State.PLANNED:
            add("start_work", _("It begins"))
            add("cancel_work", _("Cancel it"))
        else:
            add("complete_work", _("It is done"), main=each.overran_at is not None)
            add("extend_work", _("It takes longer"), get=True)
    return {
        "at": each.ended_at or each.from_at,
        "title": each.title,
        "detail": " · ".join(text for text in detail if text),
        "tags": tags,
        "actions": buttons,
    }


def _local(label: Any, **more: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget, **more)


class SilenceForm(forms.Form):
    """Which alarms, and for how long."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    part = forms.CharField(
        label=gettext_lazy("Machine or part"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("As alarms name it; * stands for anything: sw2* is sw2, sw21 and sw2-port7."),
    )
    summary = forms.CharField(label=gettext_lazy("Words in the alarm"), max_length=200, required=False)
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    integration = forms.ChoiceField(label=gettext_lazy("Sent by"), required=False)
    priorities = forms.MultipleChoiceField(
        label=gettext_lazy("Only these priorities"),
        choices=[(f"P{level}", f"P{level}") for level in range(1, 6)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    hours = forms.ChoiceField(
        label=gettext_lazy("Quiet for"), choices=list(SPANS.items()), initial="1", widget=forms.RadioSelect
    )
    until = _local(gettext_lazy("Until"), required=False, help_text=gettext_lazy("Used with “Until”."))
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=300)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = within(request.brands)
        for name, choices in {
            "brand": brand_choices(request.actor, "make_silence"),
            "service": pairs(Service.objects.filter(mine), _("Any")),
            "integration": pairs(Integration.objects.filter(mine, revoked_at=None), _("Anybody")),
        }.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A time that was asked for is given."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("hours") == "at" and not values.get("until") and "until" not in self.errors:
            self.add_error("until", _("Give the time at which it ends."))
        return values


@form_page("make_silence")
def new_silence(request: StaffRequest) -> HttpResponse:
    """Keep alarms quiet for a while."""
    form = SilenceForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        until = values["until"] if values["hours"] == "at" else request.at + timedelta(hours=int(values["hours"]))
        actions.make_silence(
            brand_id=int(values["brand"]),
            matcher=Matcher(
                int(values["integration"]) if values["integration"] else None,
                int(values["service"]) if values["service"] else None,
                values["part"],
                values["summary"],
                priorities_named(values["priorities"]),
            ),
            until_at=until,
            reason=values["reason"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("Quiet until {time}.").format(time=f"{localtime(until):%a %H:%M}"), "console:quiet")
    lead = _("Alarms that fit are kept and counted, and ring nobody. Those that still fire at the end page then.")
    return form_in(request, "quiet", form, _("Keep something quiet"), _("Keep it quiet"), lead=lead)


@posting("end_silence")
def end_silence(request: StaffRequest, silence_id: int) -> HttpResponse:
    """End it now: what still fires pages."""
    found(_silences(request).filter(id=silence_id), _("You asked for a silence."))
    row = actions.end_silence(silence_id=silence_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{what} may ring again.").format(what=told_of(row)), "console:quiet")


class WorkForm(forms.Form):
    """What is done, when, by whom, and what it touches."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    title = forms.CharField(label=gettext_lazy("What is done"), max_length=200)
    from_at = _local(gettext_lazy("From"))
    until_at = _local(gettext_lazy("Until"))
    services = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Services that it touches"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    parts = forms.CharField(
        label=gettext_lazy("Machines and parts, one a line"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("As alarms name them; * stands for anything."),
    )
    person = forms.ChoiceField(
        label=gettext_lazy("Who does it"),
        required=False,
        help_text=gettext_lazy("Paged first if it is not done in time."),
    )
    policy = forms.ChoiceField(label=gettext_lazy("Who is rung then"), required=False)
    attended = forms.BooleanField(
        label=gettext_lazy("Somebody says when it is done"), required=False, initial=True,
        help_text=gettext_lazy("Else it ends by itself, and nobody is paged."),
    )  # fmt: skip
    weekly = forms.BooleanField(label=gettext_lazy("Every week"), required=False)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = within(request.brands)
        for name, choices in {
            "brand": brand_choices(request.actor, "plan_work"),
            "services": [(row.pk, row.name) for row in Service.objects.filter(mine).order_by("name")],
            "person": pairs(people_within(request.brands).filter(active=True), _("Nobody in particular")),
            "policy": pairs(Policy.objects.filter(mine), _("The brand’s first")),
        }.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]


@form_page("plan_work")
def new_work(request: StaffRequest) -> HttpResponse:
    """Plan work: its parts are quiet meanwhile."""
    form = WorkForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        work = actions.plan_work(
            brand_id=int(values["brand"]),
            title=values["title"],
            from_at=values["from_at"],
            until_at=values["until_at"],
            service_ids=values["services"],
            parts=values["parts"].splitlines(),
            person_id=int(values["person"]) if values["person"] else None,
            policy_id=int(values["policy"]) if values["policy"] else None,
            attended=values["attended"],
            weekly=values["weekly"],
            zone=str(localtime(request.at).tzinfo),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        when = span(work.from_at, work.until_at)
        return done(request, _("Planned for {when}.").format(when=when), "console:quiet")
    lead = _("Only what it touches is quiet, and only while it lasts. If it is not done by the end, somebody is paged.")
    return form_in(request, "quiet", form, _("Plan work"), _("Plan it"), lead=lead)


class ExtendForm(forms.Form):
    """Until when."""

    until_at = _local(gettext_lazy("It lasts until"))


@form_page("extend_work")
def extend_work(request: StaffRequest, work_id: UUID) -> HttpResponse:
    """It takes longer."""
    work = _work(request, work_id)
    longer = localtime(max(work.until_at, request.at) + timedelta(minutes=30))
    form = ExtendForm(request.POST or None, initial={"until_at": longer.replace(second=0, microsecond=0)})
    if request.method == "POST" and form.is_valid():
        until_at = form.cleaned_data["until_at"]
        actions.extend_work(work_id=work_id, until_at=until_at, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("It lasts until {time}.").format(time=f"{localtime(until_at):%H:%M}"), "console:quiet")
    return form_in(request, "quiet", form, _("{title} takes longer").format(title=work.title), _("Extend it"))


@posting("start_work")
def start_work(request: StaffRequest, work_id: UUID) -> HttpResponse:
    """It begins now."""
    _work(request, work_id)
    work = actions.start_work(work_id=work_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{title} has begun.").format(title=work.title), "console:quiet")


@posting("complete_work")
def complete_work(request: StaffRequest, work_id: UUID) -> HttpResponse:
    """It is done."""
    _work(request, work_id)
    work = actions.complete_work(work_id=work_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{title} is done; its parts may ring.").format(title=work.title), "console:quiet")


@posting("cancel_work")
def cancel_work(request: StaffRequest, work_id: UUID) -> HttpResponse:
    """It is not done; of weekly work only this time."""
    _work(request, work_id)
    work = actions.cancel_work(work_id=work_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{title} is cancelled.").format(title=work.title), "console:quiet")


def _work(request: StaffRequest, work_id: UUID) -> PlannedWork:
    return found(PlannedWork.objects.filter(within(request.brands), id=work_id), _("You asked for planned work."))
