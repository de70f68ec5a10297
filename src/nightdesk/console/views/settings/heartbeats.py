"""Heartbeats: what must be heard from again and again, each with its last beats."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.choices import brand_choices, pairs
from nightdesk.console.views.lists import as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.settings.sections import form_in, row, section_page, shown_once
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
from nightdesk.paging import heartbeat_actions as actions
from nightdesk.paging.beats import Expectation
from nightdesk.paging.models import Heartbeat, Integration, Policy
from nightdesk.paging.queries import heartbeat_counts
from nightdesk.paging.wording import every, wait

STATES = {
    "late": gettext_lazy("Late"),
    "well": gettext_lazy("Well"),
    "new": gettext_lazy("Not heard yet"),
    "paused": gettext_lazy("Paused"),
}
TONES = {"late": "fire", "well": "calm", "new": "", "paused": ""}
WORST_FIRST = ("late", "paused", "new", "well")
WHAT = {"ok": gettext_lazy("Well"), "start": gettext_lazy("Began"), "fail": gettext_lazy("Failed")}
UNITS = {60: gettext_lazy("minutes"), 3600: gettext_lazy("hours"), 86400: gettext_lazy("days")}


def _all(request: StaffRequest) -> QuerySet[Heartbeat]:
    rows = Heartbeat.objects.filter(within(request.brands), removed_at=None)
    return rows.select_related("brand", "integration__policy")


def _chosen(request: StaffRequest) -> list[Heartbeat]:
    rows = _all(request)
    if state := asked(request, "state", STATES):
        rows = rows.filter(state=state)
    if text := asked(request, "q"):
        rows = rows.filter(name__icontains=text)
    return sorted(rows, key=lambda each: (WORST_FIRST.index(each.state), each.name.casefold()))


@staff("read_heartbeats")
def heartbeats(request: StaffRequest) -> HttpResponse:
    """Each heartbeat, the late ones first."""
    counted = heartbeat_counts(request.brands)
    here, pager = one_page(request, _chosen(request))
    rows = [row(each.name, reverse("console:heartbeat", args=[each.pk]), _detail(each), [_tag(each)]) for each in here]
    if counted["late"]:
        heading = ngettext("{count} heartbeat has stopped", "{count} heartbeats have stopped", counted["late"]).format(
            count=counted["late"]
        )
    else:
        heading = _("Every heartbeat is heard") if sum(counted.values()) else _("Nothing has a heartbeat yet")
    new = {"url": reverse("console:new_heartbeat"), "label": _("Expect something")}
    return section_page(
        request,
        "heartbeats",
        heading,
        rows=rows,
        pager=pager,
        new=new if may_somewhere(request, "make_heartbeat") else None,
        filters=[
            search_box(asked(request, "q"), _("Name")),
            select("state", _("State"), asked(request, "state"), {k: str(v) for k, v in STATES.items()}, _("Any")),
        ],
        clear_url=clear_url(request),
        csv_url=csv_url(request, reverse("console:heartbeats_csv")),
        empty_text=_("A job that must run, a machine that must answer: it calls an address, and its silence pages."),
    )


@staff("read_heartbeats")
def heartbeats_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = ["name", "brand", "state", "priority", "expected", "grace_s", "last_beat_at", "expected_at", "late_at"]
    rows = (
        [
            each.name, each.brand, each.state, f"P{each.priority}", _wanted(each), int(each.grace.total_seconds()),
            each.last_beat_at, each.expected_at, each.late_at,
        ]
        for each in _chosen(request)
    )  # fmt: skip
    return as_csv("heartbeats", header, rows)


@staff("read_heartbeats")
def heartbeat(request: StaffRequest, heartbeat_id: int) -> HttpResponse:
    """How it stands, when it is expected, and what it said last."""
    shown = _one(request, heartbeat_id)
    events = [
        {
            "at": each.at,
            "seconds": True,
            "title": str(WHAT.get(each.what, each.what)),
            "detail": " · ".join(text for text in _said(each) if text),
            "tags": [{"text": each.via, "tone": ""}],
        }
        for each in shown.log.order_by("-at")
    ]
    context = {
        "here": "settings",
        "heading": _heading(shown),
        "row": shown,
        "tag": _tag(shown),
        "facts": _facts(shown),
        "buttons": _buttons(request, shown),
        "events": events,
        "address": f"{settings.PUBLIC_URL}/beat/{shown.hint}…" if shown.hint else "",
    }
    return render(request, "console/heartbeat.html", context)


def _one(request: StaffRequest, heartbeat_id: int) -> Heartbeat:
    return found(_all(request).filter(id=heartbeat_id), _("You asked for a heartbeat."))


def _heading(each: Heartbeat) -> str:
    words = {
        "late": _("{name} says that it failed") if each.failed else _("{name} has stopped"),
        "well": _("{name} is heard"),
        "new": _("{name} has not been heard yet"),
        "paused": _("{name} is paused"),
    }
    return words[each.state].format(name=each.name)


def _tag(each: Heartbeat) -> dict[str, str]:
    return {"text": _("Failed") if each.failed else str(STATES[each.state]), "tone": TONES[each.state]}


def _wanted(each: Heartbeat) -> str:
    if each.every is not None:
        return every(each.every.total_seconds())
    return f"{each.cron} ({each.zone})"


def _detail(each: Heartbeat) -> str:
    heard = (
        _("last heard {time}").format(time=f"{localtime(each.last_beat_at):%a %d %b %H:%M}")
        if each.last_beat_at
        else _("never heard")
    )
    return " · ".join([f"P{each.priority}", _wanted(each), heard, each.brand.name])


def _said(beat: Any) -> Iterable[str]:
    yield beat.sender[:60]
    yield _("took {time}").format(time=wait(beat.took.total_seconds())) if beat.took else ""
    yield " ".join(beat.body.split())[:200]


def _facts(each: Heartbeat) -> list[tuple[str, str]]:
    def at(moment: Any) -> str:
        return f"{localtime(moment):%a %d %b %H:%M:%S}" if moment else ""

    facts = [
        (_("Expected"), _wanted(each)),
        (_("Grace"), wait(each.grace.total_seconds())),
        (_("Next expected"), at(each.expected_at)),
        (_("Late from"), at(each.late_at)),
        (_("Could not be heard"), _("a beat may have come while our own door was shut") if each.unheard_at else ""),
        (_("Paused since"), at(each.paused_at)),
        (_("Priority"), f"P{each.priority}"),
        (_("Who is rung"), each.integration.policy.name),
        (_("Alarms of"), each.integration.name),
        (_("Brand"), each.brand.name),
        (_("Beats so far"), f"{each.beats:,}"),
    ]
    return [(label, value) for label, value in facts if value]


def _buttons(request: StaffRequest, each: Heartbeat) -> list[dict[str, Any]]:
    buttons: list[dict[str, Any]] = []

    def add(verb: str, view: str, label: str, **more: Any) -> None:
        if may(request, verb, each.brand_id):
            buttons.append({"label": label, "url": reverse(f"console:{view}", args=[each.pk]), **more})

    if each.state == Heartbeat.State.PAUSED:
        add("resume_heartbeat", "resume_heartbeat", _("Set it going"), main=True)
    else:
        add("note_beat", "note_beat", _("It is well"), main=each.state == Heartbeat.State.LATE)
        add("pause_heartbeat", "pause_heartbeat", _("Pause it"))
    add("edit_heartbeat", "edit_heartbeat", _("Change"), get=True)
    add("rotate_heartbeat", "rotate_heartbeat", _("Another key"))
    add("remove_heartbeat", "remove_heartbeat", _("Remove it"), tone="fire")
    return buttons


class ExpectationForm(forms.Form):
    """When something is expected."""

    name = forms.CharField(label=gettext_lazy("What is heard"), max_length=80)
    how = forms.ChoiceField(
        label=gettext_lazy("When it is expected"),
        choices=[("every", gettext_lazy("Every so often")), ("cron", gettext_lazy("By a schedule"))],
        initial="every",
        widget=forms.RadioSelect,
    )
    every = forms.IntegerField(label=gettext_lazy("Every"), min_value=1, max_value=10000, initial=1, required=False)
    unit = forms.TypedChoiceField(
        label=gettext_lazy("of these"), choices=list(UNITS.items()), coerce=int, initial=86400, required=False
    )
    cron = forms.CharField(
        label=gettext_lazy("Schedule"),
        max_length=100,
        required=False,
        help_text=gettext_lazy(
            "Minute, hour, day, month, weekday: 30 2 * * 1-5 is 02:30 on working days. L: last day."
        ),
    )
    zone = forms.CharField(label=gettext_lazy("By the clocks of"), max_length=50, required=False)
    grace = forms.IntegerField(
        label=gettext_lazy("How many minutes late it may be"), min_value=1, max_value=31 * 24 * 60, initial=30
    )
    priority = forms.ChoiceField(
        label=gettext_lazy("How bad it is when it stops"),
        choices=[(name, name) for name in ("P1", "P2", "P3", "P4")],
        initial="P2",
        widget=forms.RadioSelect,
        help_text=gettext_lazy("P1 and P2 wake people."),
    )

    def clean(self) -> dict[str, Any]:
        """Something that can be expected."""
        values: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                values["expectation"] = self._expectation(values)
            except Refusal as refusal:
                self.add_error("cron" if values["how"] == "cron" else "every", f"{refusal.so} {refusal.do}")
        return values

    @staticmethod
    def _expectation(values: dict[str, Any]) -> Expectation:
        grace, zone = timedelta(minutes=values["grace"]), values["zone"].strip() or "UTC"
        if values["how"] == "cron":
            return Expectation(grace, None, values["cron"].strip(), zone)
        every = timedelta(seconds=(values["every"] or 0) * (values["unit"] or 60))
        return Expectation(grace, every or None, "", zone)


class NewForm(ExpectationForm):
    """And whose alarms it is among."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    source = forms.ChoiceField(
        label=gettext_lazy("It pages as"),
        required=False,
        help_text=gettext_lazy("The rules of that sender say who is rung, and when it may wake."),
    )
    policy = forms.ChoiceField(label=gettext_lazy("or by the policy"), required=False)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = within(request.brands)
        senders = Integration.objects.filter(mine, revoked_at=None)
        for name, choices in {
            "brand": brand_choices(request.actor, "make_heartbeat"),
            "source": pairs(senders, _("Heartbeats")),
            "policy": pairs(Policy.objects.filter(mine), _("The brand’s first")),
        }.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]


@form_page("make_heartbeat")
def new_heartbeat(request: StaffRequest) -> HttpResponse:
    """Something that is to be heard; its address is shown this once."""
    zone = {"zone": str(localtime(request.at).tzinfo)}
    form = NewForm(request.POST or None, request=request, initial=zone)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        made, key = actions.make_heartbeat(
            brand_id=int(values["brand"]),
            name=values["name"],
            expectation=values["expectation"],
            priority=values["priority"],
            integration_id=int(values["source"]) if values["source"] else None,
            policy_id=int(values["policy"]) if values["policy"] else None,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return _address(request, made, key)
    return form_in(request, "heartbeats", form, _("Expect something"), _("Make its address"))


def _address(request: StaffRequest, made: Heartbeat, key: str) -> HttpResponse:
    url = f"{settings.PUBLIC_URL}/beat/{key}"
    text = _(
        "Let it call that address when it is well: curl -fsS -m 10 --retry 3 {url} "
        "Add /start when it begins, and /$? for its exit status."
    ).format(url=url)
    return shown_once(request, "heartbeats", _("{name} has an address").format(name=made.name), url, text)


@form_page("edit_heartbeat")
def edit_heartbeat(request: StaffRequest, heartbeat_id: int) -> HttpResponse:
    """When it is expected, from its last beat on."""
    shown = _one(request, heartbeat_id)
    seconds = int(shown.every.total_seconds()) if shown.every is not None else 86400
    unit = max((unit for unit in UNITS if seconds % unit == 0), default=60)
    initial = {
        "name": shown.name,
        "how": "cron" if shown.cron else "every",
        "every": seconds // unit,
        "unit": unit,
        "cron": shown.cron,
        "zone": shown.zone,
        "grace": max(1, int(shown.grace.total_seconds() // 60)),
        "priority": f"P{shown.priority}",
    }
    form = ExpectationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        actions.edit_heartbeat(
            heartbeat_id=shown.pk,
            name=values["name"],
            expectation=values["expectation"],
            priority=values["priority"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("It is expected so from now on."), "console:heartbeat", shown.pk)
    cancel_url = reverse("console:heartbeat", args=[shown.pk])
    return form_in(request, "heartbeats", form, shown.name, _("Save it"), cancel_url=cancel_url)


@posting("note_beat")
def note_beat(request: StaffRequest, heartbeat_id: int) -> HttpResponse:
    """It was heard, somebody says."""
    _one(request, heartbeat_id)
    name = request.actor.name
    row_ = actions.note_beat(heartbeat_id=heartbeat_id, sender=name, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is well.").format(name=row_.name), "console:heartbeat", heartbeat_id)


@posting("pause_heartbeat")
def pause(request: StaffRequest, heartbeat_id: int) -> HttpResponse:
    """Nothing is expected of it."""
    _one(request, heartbeat_id)
    row_ = actions.pause_heartbeat(heartbeat_id=heartbeat_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is paused.").format(name=row_.name), "console:heartbeat", heartbeat_id)


@posting("resume_heartbeat")
def resume(request: StaffRequest, heartbeat_id: int) -> HttpResponse:
    """It is expected again."""
    _one(request, heartbeat_id)
    row_ = actions.resume_heartbeat(heartbeat_id=heartbeat_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is expected from now on.").format(name=row_.name), "console:heartbeat", heartbeat_id)


@posting("rotate_heartbeat")
def rotate(request: StaffRequest, heartbeat_id: int) -> HttpResponse:
    """Another key; the old one opens nothing."""
    _one(request, heartbeat_id)
    made, key = actions.rotate_heartbeat(heartbeat_id=heartbeat_id, by=request.actor, via=Door.WEB, at=request.at)
    return _address(request, made, key)


@posting("remove_heartbeat")
def remove(request: StaffRequest, heartbeat_id: int) -> HttpResponse:
    """It is expected no more."""
    _one(request, heartbeat_id)
    row_ = actions.remove_heartbeat(heartbeat_id=heartbeat_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is removed.").format(name=row_.name), "console:heartbeats")
