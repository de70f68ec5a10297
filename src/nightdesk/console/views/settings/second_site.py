"""The second site: whether it pulls, how old what it knows is, whether pages go out, and its drills. On either site."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.lists import as_csv
from nightdesk.console.views.settings.sections import form_in, shown_once, tabs_of
from nightdesk.console.views.staff import StaffRequest, done, form_page, may, posting, staff
from nightdesk.paging.wording import wait
from nightdesk.standby import actions, queries
from nightdesk.standby.models import Drill, SecondSite

STATES = {
    "following": gettext_lazy("Follows the main site"),
    "suspicious": gettext_lazy("Has not heard it just now"),
    "alone": gettext_lazy("Speaks for the main site"),
    "returning": gettext_lazy("Hands back what it did"),
}
TONES = {"following": "calm", "suspicious": "accent", "alone": "fire", "returning": "accent"}
DRILLS_SHOWN = 12


@staff("read_second_site")
def second_site(request: StaffRequest) -> HttpResponse:
    """How the two sites stand to each other, and the drills."""
    here = queries.is_second_site()
    row = queries.watch_row(request.at) if here else None
    paired = None if here else queries.pairing()
    if row is not None:
        heading, tag, facts = str(STATES[row.state]), None, _watch_facts(row, request.at)
    elif paired is not None:
        heading, tag = _heading(paired, request.at)
        facts = _facts(paired, request.at)
    else:
        heading, tag, facts = _("No second site is paired"), None, []
    context = {
        "here": "settings",
        "heading": heading,
        "tag": tag,
        "tabs": tabs_of(request, "second_site"),
        "is_second": here,
        "main_url": settings.STANDBY_OF,
        "facts": facts,
        "problem": row.problem if row is not None else paired.told.get("problem", "") if paired else "",
        "buttons": [] if here else _buttons(request, paired),
        "drills": [] if here else [_drill(each) for each in Drill.objects.select_related("person")[:DRILLS_SHOWN]],
        "drills_csv": reverse("console:drills_csv"),
        "waiting": None if here else Drill.objects.filter(ended_at=None).select_related("person").first(),
        "agree": [] if here else _agree(request, paired),
    }
    return render(request, "console/second_site.html", context)


def _heading(paired: SecondSite, at: datetime) -> tuple[str, dict[str, str]]:
    if paired.heard_at is None:
        return _("{name} has not pulled yet").format(name=paired.name), {"text": _("Waiting"), "tone": "accent"}
    if at - paired.heard_at > queries.STALE_AFTER:
        return _("{name} does not pull").format(name=paired.name), {"text": _("Not heard"), "tone": "fire"}
    state = str(paired.told.get("state", "following"))
    text = str(STATES.get(state, state))
    return _("{name} could speak for us").format(name=paired.name), {"text": text, "tone": TONES.get(state, "")}


def _facts(paired: SecondSite, at: datetime) -> list[tuple[str, str]]:
    age = paired.told.get("snapshot_age_s")
    never = _("not yet")
    facts = [
        (_("Last pull"), _ago(paired.heard_at, at) or never),
        (_("What it knows is"), _("{span} old").format(span=wait(age)) if age is not None else never),
        (_("Last answer"), _("{count} bytes").format(count=f"{paired.sent_bytes:,}")),
        (_("Last test page"), _tested(paired, at)),
        (_("It speaks for us after"), wait(paired.silent_after_s)),
        (_("Its key begins with"), paired.hint),
    ]
    if paired.alone_since is not None:
        facts.insert(0, (_("It pages for us"), _("since {ago}").format(ago=_ago(paired.alone_since, at))))
    if paired.test_problem:
        facts.append((_("The test page says"), paired.test_problem))
    return facts


def _tested(paired: SecondSite, at: datetime) -> str:
    if paired.tested_at is None:
        return _("not yet")
    return _("{ago}, in {ms} ms").format(ago=_ago(paired.tested_at, at), ms=paired.test_ms)


def _watch_facts(row: Any, at: datetime) -> list[tuple[str, str]]:
    return [
        (_("Main site"), settings.STANDBY_OF),
        (_("Last heard and well"), _ago(row.heard_at, at)),
        (_("What is known here is from"), _ago(row.snapshot_at, at) or _("nothing is known yet")),
        (_("Speaks for it after"), wait(row.silent_after_s)),
    ]


def _ago(then: datetime | None, at: datetime) -> str:
    if then is None:
        return ""
    seconds = max(0, int((at - then).total_seconds()))
    return _("just now") if seconds < 5 else _("{span} ago").format(span=wait(seconds))


def _buttons(request: StaffRequest, paired: SecondSite | None) -> list[dict[str, Any]]:
    buttons = []
    if paired is None and may(request, "pair_second_site", None):
        buttons.append(
            {"label": _("Pair a second site"), "url": reverse("console:pair_site"), "get": True, "main": True}
        )
    if paired is not None and may(request, "edit_second_site", None):
        buttons.append({"label": _("How long it waits"), "url": reverse("console:edit_second_site"), "get": True})
        buttons.append({"label": _("End the pairing"), "url": reverse("console:end_second_site"), "tone": "fire"})
    return buttons


def _agree(request: StaffRequest, paired: SecondSite | None) -> list[dict[str, Any]]:
    if paired is None:
        return []
    waiting = Drill.objects.filter(ended_at=None).first()
    buttons: list[dict[str, Any]] = []
    if waiting is None and request.actor.person_id is not None and may(request, "agree_to_drill", None):
        buttons.append(
            {"label": _("I agree to be paged"), "url": reverse("console:agree_to_drill"), "icon": "bell-ring"}
        )
    if waiting is not None and waiting.started_at is None and may(request, "start_drill", None):
        buttons.append({"label": _("Start the drill"), "url": reverse("console:start_drill"), "main": True})
    return buttons


def _drill(each: Drill) -> dict[str, Any]:
    took = each.report.get("acknowledged_ms")
    tags = []
    if each.ended_at is not None:
        answered = took is not None
        text = _("answered after {span}").format(span=wait(max(1, took // 1000))) if answered else _("nobody answered")
        tags = [{"text": text, "tone": "calm" if answered else "fire"}]
    ways = [
        _("{channel} by {route}: {state}").format(channel=way["channel"], route=way["route"] or "-", state=way["state"])
        for way in each.report.get("tried", ())
    ]
    return {
        "at": each.started_at or each.agreed_at,
        "title": each.person.name,
        "detail": " · ".join(ways) or (_("waits to be started") if each.started_at is None else _("runs")),
        "tags": tags,
    }


@staff("read_second_site")
def drills_csv(request: StaffRequest) -> HttpResponse:
    """Every drill as a file."""
    del request
    header = ["person", "agreed_at", "started_at", "ended_at", "acknowledged_ms", "ways"]
    return as_csv(
        "drills",
        header,
        (
            [
                each.person.name, each.agreed_at, each.started_at, each.ended_at,
                each.report.get("acknowledged_ms"), len(each.report.get("tried", ())),
            ]
            for each in Drill.objects.select_related("person")
        ),
    )  # fmt: skip


class PairForm(forms.Form):
    """What the second site is called."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=80, help_text=gettext_lazy("where it stands, for example: Leeds")
    )


class WaitForm(forms.Form):
    """How long the second site waits."""

    silent_after_s = forms.IntegerField(
        label=gettext_lazy("Seconds of silence"),
        min_value=actions.SILENT_LEAST_S,
        max_value=actions.SILENT_MOST_S,
        help_text=gettext_lazy("after which it pages for us; a minute suits most"),
    )


@form_page("pair_second_site")
def pair_site(request: StaffRequest) -> HttpResponse:
    """Make the key; shown once."""
    form = PairForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        row, key = actions.pair_second_site(
            name=form.cleaned_data["name"], by=request.actor, via=Door.WEB, at=request.at
        )
        text = _(
            "Give it to the other machine as NIGHTDESK_STANDBY_KEY, and our address as NIGHTDESK_STANDBY_OF; then start"
            " nightdesk standby serve there."
        )
        return shown_once(request, "second_site", _("The key of {name}").format(name=row.name), key, text)
    return form_in(request, "second_site", form, _("Pair a second site"), _("Make its key"))


@form_page("edit_second_site")
def edit_second_site(request: StaffRequest) -> HttpResponse:
    """How long it waits."""
    paired = queries.pairing()
    form = WaitForm(request.POST or None, initial={"silent_after_s": paired.silent_after_s if paired else 60})
    if request.method == "POST" and form.is_valid():
        row = actions.edit_second_site(
            silent_after_s=form.cleaned_data["silent_after_s"], by=request.actor, via=Door.WEB, at=request.at
        )
        text = ngettext("It waits {count} second.", "It waits {count} seconds.", row.silent_after_s)
        return done(request, text.format(count=row.silent_after_s), "console:second_site")
    return form_in(request, "second_site", form, _("How long it waits"), _("Save it"))


@posting("revoke_second_site")
def end_second_site(request: StaffRequest) -> HttpResponse:
    """Its key opens nothing any more."""
    actions.revoke_second_site(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("No second site may pull any more."), "console:second_site")


@posting("agree_to_drill")
def agree_to_drill(request: StaffRequest) -> HttpResponse:
    """The reader may be paged by it."""
    actions.agree_to_drill(person_id=request.actor.person_id or 0, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Thank you. Within a day the second site may page you once."), "console:second_site")


@posting("start_drill")
def start_drill(request: StaffRequest) -> HttpResponse:
    """The second site pages whoever agreed."""
    drill = actions.start_drill(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is paged now.").format(name=drill.person.name), "console:second_site")
