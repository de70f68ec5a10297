"""Who is out on a site: the list, declaring a visit on a phone, and a visit's page with what happens next."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access import matrix
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.console.views.choices import pairs, people_within
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    clear_url,
    csv_url,
    one_page,
    search_box,
    select,
)
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
from nightdesk.people.reading_actions import What, note_read
from nightdesk.safety import actions, queries, site_actions, wording
from nightdesk.safety.decide import Step
from nightdesk.safety.models import Visit, VisitEvent

STATES = {
    "open": gettext_lazy("Not back yet"),
    "out": gettext_lazy("Out"),
    "planned": gettext_lazy("To go"),
    "ended": gettext_lazy("Back safe"),
    "cancelled": gettext_lazy("Called off"),
}
COMING = {
    Step.ASK: gettext_lazy("Ask {name} whether they are well"),
    Step.RING: gettext_lazy("Ring {name}"),
    Step.WATCHER: gettext_lazy("Ring {watcher}, who watches, until somebody takes it"),
    Step.MANAGER: gettext_lazy("Ring the duty manager, with the emergency note"),
}
HAPPENED_BADLY = ("rang", "watcher_told", "manager_told", "help", "duress", "claimed")
ROWS = 5


# --- The list --------------------------------------------------------------------------------------------------------


@staff("read_visits")
def visits(request: StaffRequest) -> HttpResponse:
    """Who is out, who is to go, and who was."""
    out = [_seen(request, each) for each in queries.open_visits(request.brands).filter(state=Visit.State.OUT)]
    alarmed = sum(queries.in_alarm(each) for each in out)
    here, pager = one_page(request, _chosen(request))
    context = {
        "here": "visits",
        "heading": _heading(len(out), alarmed),
        "danger": queries.WE_NEVER_RING,
        "rows": [visit_row(request, each) for each in here],
        "filters": [
            search_box(asked(request, "q"), _("Name or site")),
            select(
                "state",
                _("How it stands"),
                asked(request, "state", STATES),
                {k: str(v) for k, v in STATES.items()},
                _("Any"),
            ),
            select("kind", _("Kind"), asked(request, "kind", ("drill", "visit")), _kinds(), _("Visits and drills")),
        ],
        "pager": pager,
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:visits_csv")),
        "new_url": reverse("console:declare_visit") if may_somewhere(request, "declare_visit") else "",
        "drill_url": reverse("console:declare_drill") if may_somewhere(request, "declare_visit") else "",
        "sites_url": reverse("console:sites") if may_somewhere(request, "read_sites") else "",
        "word_url": reverse("console:duress_word") if request.person is not None else "",
    }
    return page_or_part(request, "visits", {"list"}, context)


def _kinds() -> dict[str, str]:
    return {"visit": _("Visits"), "drill": _("Drills")}


def _heading(out: int, alarmed: int) -> str:
    if alarmed:
        return ngettext("{count} visitor may be in danger", "{count} visitors may be in danger", alarmed).format(
            count=alarmed
        )
    if out:
        return ngettext("{count} visit is on, and all is well", "{count} visits are on, and all is well", out).format(
            count=out
        )
    return _("Nobody is out on a site")


def _seen(request: StaffRequest, visit: Visit) -> Visit:
    return queries.as_seen_by(visit, request.person.id if request.person is not None else None)


def _chosen(request: StaffRequest) -> QuerySet[Visit]:
    rows = queries.visits(request.brands)
    if words := asked(request, "q"):
        named = Q(person__name__icontains=words) | Q(companion__name__icontains=words)
        rows = rows.filter(named | Q(site__name__icontains=words) | Q(watcher__name__icontains=words))
    state = asked(request, "state", STATES)
    if state:
        rows = rows.filter(queries.NOT_OVER) if state == "open" else rows.filter(state=state)
    if kind := asked(request, "kind", ("drill", "visit")):
        rows = rows.filter(drill=kind == "drill")
    return rows


def visit_row(request: StaffRequest, visit: Visit) -> dict[str, Any]:
    """What parts/list_row.html draws of it."""
    visit = _seen(request, visit)
    tags = [_tag(visit)]
    if visit.drill:
        tags.insert(0, {"text": _("drill"), "tone": "sky"})
    watched = _("watched by {name}").format(name=visit.watcher.name)
    back = _("back by {time}").format(time=f"{localtime(visit.back_by_at):%H:%M}")
    return {
        "at": visit.leaves_at,
        "title": f"{wording.names(visit)}, {visit.site.name}",
        "detail": f"{back} · {watched} · {visit.why}",
        "url": reverse("console:visit", args=[visit.pk]),
        "late": queries.in_alarm(visit) or (visit.state == Visit.State.OUT and visit.back_by_at < request.at),
        "tags": tags,
    }


def _tag(visit: Visit) -> dict[str, str]:
    tone = {"planned": "sky", "ended": "calm", "cancelled": ""}.get(visit.state, "calm")
    if queries.in_alarm(visit):
        tone = "fire"
    elif visit.state == Visit.State.OUT and visit.asked_at is not None:
        tone = "accent"
    return {"text": wording.state_in_words(visit), "tone": tone}


def out_now(request: StaffRequest) -> list[dict[str, Any]]:
    """Tonight's rows: whoever nobody has said to be back safe, in the brands whose visits the reader may see."""
    brands = matrix.brands_for(request.actor, "read_visits")
    if brands is not None and not brands:
        return []
    soon = queries.open_visits(brands).filter(leaves_at__lte=request.at + timedelta(hours=12))
    return [visit_row(request, each) for each in soon[:50]]


@staff("read_visits")
def visits_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = ["person", "companion", "site", "why", "watcher", "state", "drill", "leaves_at", "back_by_at", "asked_at",
              "rang_at", "watcher_at", "manager_at", "taken_at", "taken_by", "ended_at", "ended_by"]  # fmt: skip
    shown = (_seen(request, each) for each in _chosen(request)[:EXPORTED])
    return as_csv(
        "visits",
        header,
        (
            [
                each.person.name, each.companion.name if each.companion else "", each.site.name, each.why,
                each.watcher.name, each.state, "yes" if each.drill else "", each.leaves_at, each.back_by_at, each.asked_at,
                each.rang_at, each.watcher_at, each.manager_at, each.taken_at, each.taken_by, each.ended_at, each.ended_by,
            ]
            for each in shown
        ),
    )  # fmt: skip


# --- One -------------------------------------------------------------------------------------------------------------


@staff("read_visits")
def visit(request: StaffRequest, visit_id: UUID) -> HttpResponse:
    """Who is where, what happens next if nothing is heard, what has happened, and what the reader may do."""
    row = _one(request, visit_id)
    reader_id = request.person.id if request.person is not None else None
    shown = _seen(request, row)
    region = row.brand.region
    note_read(person_ids=row.people_ids, what=What.EMERGENCY, by=request.actor, via=Door.WEB, at=request.at)
    context = {
        "here": "visits",
        "heading": _("{names} at {site}").format(names=wording.names(row), site=row.site.name),
        "crumbs": [{"url": reverse("console:visits"), "label": _("Site visits")}],
        "tags": ([{"text": _("drill"), "tone": "sky"}] if row.drill else []) + [_tag(shown)],
        "danger": queries.WE_NEVER_RING,
        "warnings": [{"tone": "accent", "text": text} for text in queries.warnings_of(shown, request.at)],
        "forms": _forms(request, shown, mine=reader_id in row.people_ids),
        "buttons": _buttons(request, shown),
        "note": wording.emergency_lines(shown, row.watcher) if reader_id not in row.people_ids else [],
        "security": wording.security(row.site, region),
        "facts": _facts(shown, region),
        "map_url": row.site.map_url,
        "events": [*_coming(shown, request), *(_event(each) for each in reversed(queries.story(row, reader_id)))],
    }
    return render(request, "console/visit.html", context)


def _one(request: StaffRequest, visit_id: UUID) -> Visit:
    rows = queries.visits().filter(within(request.brands), id=visit_id)
    return found(rows, _("You asked for a site visit."))


def _facts(visit: Visit, region: str) -> list[tuple[str, str]]:
    def at(moment: Any) -> str:
        return f"{localtime(moment):%a %d %b %H:%M %Z}" if moment else ""

    site, numbers = visit.site, queries.numbers_of(visit.people_ids, region)
    seen = queries.EVENT_WORDS.get(visit.sign, visit.sign)
    facts = [
        (_("Why"), visit.why),
        (_("Ticket"), f"#{visit.ticket.number} {visit.ticket.title}" if visit.ticket else ""),
        (_("Telephone"), " · ".join(f"{each.name}: {', '.join(numbers[each.pk])}" for each in visit.people)),
        (_("Watched by"), visit.watcher.name),
        (_("Left"), at(visit.leaves_at)),
        (_("Back by"), at(visit.back_by_at)),
        (
            _("Asked"),
            _("every {every} min, and rung {grace} min later").format(
                every=int(visit.every.total_seconds() // 60), grace=int(visit.grace.total_seconds() // 60)
            ),
        ),
        (_("Last sign of life"), f"{at(visit.sign_at)}: {seen}" if visit.sign_at else ""),
        (_("Alarm taken by"), visit.taken_by),
        (_("Where"), site.address),
        (_("To know"), site.know),
        (_("Way in"), site.access_notes),
        (_("Insurance"), site.insurance),
        (_("Declared by"), f"{visit.declared_by}, {at(visit.declared_at)}"),
        (_("Ended by"), f"{visit.ended_by}, {at(visit.ended_at)}" if visit.ended_at else ""),
    ]  # fmt: skip
    return [(label, value) for label, value in facts if value]


def _coming(visit: Visit, request: StaffRequest) -> list[dict[str, Any]]:
    """What is done if nothing is heard, the last step first, as a rail shows it."""
    coming = [
        {
            "at": due.at,
            "text": str(COMING[due.step]).format(name=wording.names(visit), watcher=visit.watcher.name),
            "detail": "",
            "tone": "",
            "future": True,
            "late": due.at < request.at,
        }
        for due in queries.what_comes(visit, request.at)
    ]
    return coming[::-1]


def _event(event: VisitEvent) -> dict[str, Any]:
    parts = [event.words, event.by, event.via, "" if event.counted else _("does not end the alarm")]
    if event.sign_at is not None:
        parts.insert(0, _("at {time}").format(time=f"{localtime(event.sign_at):%H:%M}"))
    bad = event.kind in HAPPENED_BADLY
    good = event.kind in ("check_in", "vouched", "ended", "taken")
    return {
        "at": event.at,
        "text": str(queries.EVENT_WORDS.get(event.kind, event.kind)).capitalize(),
        "detail": " · ".join(part for part in parts if part),
        "tone": "fire" if bad else "calm" if good else "",
        "future": False,
        "late": False,
    }


def _forms(request: StaffRequest, visit: Visit, *, mine: bool) -> list[dict[str, Any]]:
    """What may be said of it, each with room for words: {"label", "url", "words", "main", "tone"}."""
    if visit.state == Visit.State.PLANNED and mine:
        return [{"label": _("I am leaving now"), "url": _url("check_in_visit", visit), "words": "", "main": True}]
    if visit.state != Visit.State.OUT:
        return []
    if mine:
        words = _("Words, if you like")
        return [
            {"label": _("I am well"), "url": _url("check_in_visit", visit), "words": words, "main": True},
            {"label": _("I am back safe"), "url": _url("end_visit", visit), "words": words},
            {"label": _("I need help"), "url": _url("call_for_help", visit), "words": "", "tone": "fire"},
        ]
    told: list[dict[str, Any]] = []
    how, brand_id = _("How you know: whom you spoke to"), visit.brand_id
    if may(request, "vouch_for_visitor", brand_id):
        label, url = _("I spoke to them: they are well"), _url("vouch_for_visitor", visit)
        told.append({"label": label, "url": url, "words": how, "main": queries.in_alarm(visit)})
    if may(request, "end_visit", brand_id):
        told.append({"label": _("They are back safe"), "url": _url("end_visit", visit), "words": how})
    if may(request, "call_for_help", brand_id):
        label, url = _("They need help"), _url("call_for_help", visit)
        told.append({"label": label, "url": url, "words": "", "tone": "fire"})
    return told


def _buttons(request: StaffRequest, visit: Visit) -> list[dict[str, Any]]:
    buttons: list[dict[str, Any]] = []
    if visit.state in (Visit.State.PLANNED, Visit.State.OUT) and may(request, "edit_visit", visit.brand_id):
        buttons.append({"label": _("Change it"), "url": _url("edit_visit", visit), "get": True})
    if visit.state == Visit.State.PLANNED and may(request, "cancel_visit", visit.brand_id):
        buttons.append({"label": _("Call it off"), "url": _url("cancel_visit", visit)})
    return buttons


def _url(view: str, visit: Visit) -> str:
    return reverse(f"console:{view}", args=[visit.pk])


# --- Declaring one ---------------------------------------------------------------------------------------------------


class VisitForm(forms.Form):
    """Who goes where and why, and who watches: short enough for a phone."""

    site = forms.ChoiceField(label=gettext_lazy("Where"))
    why = forms.CharField(label=gettext_lazy("Why"), max_length=300)
    watcher = forms.ChoiceField(
        label=gettext_lazy("Who watches"),
        help_text=gettext_lazy("Somebody who is on duty, and not on your seat. They are rung if you fall silent."),
    )
    travel_minutes = forms.IntegerField(label=gettext_lazy("Minutes there"), min_value=0, max_value=720, initial=30)
    work_minutes = forms.IntegerField(label=gettext_lazy("Minutes of work"), min_value=1, max_value=1440, initial=60)
    every = forms.IntegerField(label=gettext_lazy("Ask every so many minutes"), min_value=1, max_value=240, initial=30)
    grace = forms.IntegerField(
        label=gettext_lazy("Ring after so many minutes without an answer"), min_value=1, max_value=60, initial=10
    )
    person = forms.ChoiceField(label=gettext_lazy("Who goes"))
    companion = forms.ChoiceField(
        label=gettext_lazy("Who goes along"),
        required=False,
        help_text=gettext_lazy("Needed where nobody goes alone."),
    )
    leaves_at = forms.DateTimeField(
        label=gettext_lazy("Leaves at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Empty: now."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = people_within(request.brands).filter(active=True)
        me = request.person.id if request.person is not None else None
        watchers = [
            (str(each.person_id), f"{each.person_name} ({each.seat_name})")
            for each in queries.could_watch([me] if me is not None else [], request.at, request.brands)
        ]
        sites = queries.sites(request.brands)
        for name, choices in {
            "site": [(str(each.pk), _site_name(each, request)) for each in sites],
            "watcher": watchers,
            "person": pairs(people),
            "companion": pairs(people, _("Nobody")),
        }.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        if me is not None:
            self.fields["person"].initial = str(me)


def _site_name(site: Any, request: StaffRequest) -> str:
    notes = [_("two people") if site.needs_two else "", ""]
    if queries.assessment_warning(site, localtime(request.at).date()):
        notes[1] = _("risk assessment out of date")
    told = ", ".join(note for note in notes if note)
    return f"{site.name} ({told})" if told else site.name


@form_page("declare_visit")
def declare_visit(request: StaffRequest) -> HttpResponse:
    """Say where you go; from then on you are asked."""
    return _declare(request, drill=False)


@form_page("declare_visit")
def declare_drill(request: StaffRequest) -> HttpResponse:
    """The same, as a drill: it goes the whole way, and its times are its record."""
    return _declare(request, drill=True)


def _declare(request: StaffRequest, *, drill: bool) -> HttpResponse:
    initial = {"every": 2, "grace": 2, "travel_minutes": 0, "work_minutes": 60, "why": _("Drill")} if drill else {}
    form = VisitForm(request.POST or None, request=request, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        row = actions.declare_visit(
            site_id=int(values["site"]),
            person_id=int(values["person"]),
            watcher_id=int(values["watcher"]),
            companion_id=int(values["companion"]) if values["companion"] else None,
            why=values["why"],
            travel_minutes=values["travel_minutes"],
            work_minutes=values["work_minutes"],
            leaves_at=values["leaves_at"],
            every=timedelta(minutes=values["every"]),
            grace=timedelta(minutes=values["grace"]),
            drill=drill,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{watcher} watches.").format(watcher=row.watcher.name), "console:visit", row.pk)
    context = {
        "here": "visits",
        "heading": _("Drill: who falls silent?") if drill else _("Where are you going?"),
        "lead": f"{queries.WE_NEVER_RING} "
        + (
            _("A drill rings real telephones, and says that it is one. Do not answer, and see who comes.")
            if drill
            else ""
        ),
        "crumbs": [{"url": reverse("console:visits"), "label": _("Site visits")}],
        "form": form,
        "label": _("Begin the drill") if drill else _("Declare it"),
        "cancel_url": reverse("console:visits"),
    }
    return render(request, "console/form.html", context)


class VisitChangeForm(forms.Form):
    """Who watches, when they are back, how often they are asked."""

    watcher = forms.ChoiceField(label=gettext_lazy("Who watches"))
    back_by_at = forms.DateTimeField(
        label=gettext_lazy("Back by"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    every = forms.IntegerField(label=gettext_lazy("Ask every so many minutes"), min_value=1, max_value=240)


@form_page("edit_visit")
def edit_visit(request: StaffRequest, visit_id: UUID) -> HttpResponse:
    """It takes longer, or somebody else watches."""
    row = _one(request, visit_id)
    initial = {
        "watcher": str(row.watcher_id),
        "back_by_at": localtime(row.back_by_at),
        "every": int(row.every.total_seconds() // 60),
    }
    form = VisitChangeForm(request.POST or None, initial=initial)
    on_duty = {
        each.person_id: each.person_name for each in queries.could_watch(row.people_ids, request.at, request.brands)
    }
    choices = {row.watcher_id: row.watcher.name} | on_duty
    form.fields["watcher"].choices = [(str(key), name) for key, name in choices.items()]  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        same = values["back_by_at"] == row.back_by_at.replace(second=0, microsecond=0)
        actions.edit_visit(
            visit_id=row.pk,
            watcher_id=int(values["watcher"]),
            back_by_at=None if same else values["back_by_at"],
            every=timedelta(minutes=values["every"]),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("Changed."), "console:visit", row.pk)
    context = {
        "here": "visits",
        "heading": _("{names} at {site}").format(names=wording.names(row), site=row.site.name),
        "crumbs": [
            {"url": reverse("console:visits"), "label": _("Site visits")},
            {"url": reverse("console:visit", args=[row.pk]), "label": wording.names(row)},
        ],
        "form": form,
        "label": _("Change it"),
        "cancel_url": reverse("console:visit", args=[row.pk]),
    }
    return render(request, "console/form.html", context)


# --- What is said of it ----------------------------------------------------------------------------------------------


def _doing(request: StaffRequest) -> dict[str, Any]:
    return {"words": request.POST.get("words", "")[:300], "by": request.actor, "via": Door.WEB, "at": request.at}


@posting("check_in_visit")
def check_in_visit(request: StaffRequest, visit_id: UUID) -> HttpResponse:
    """The reader, who is there, is well."""
    me = request.person.id if request.person is not None else 0
    own = Visit.objects.filter(Q(person=me) | Q(companion=me), within(request.brands), id=visit_id)
    found(own, _("You say that you are well."))
    row = actions.check_in_visit(visit_id=visit_id, **_doing(request))
    return done(request, wording.thanks(row), "console:visit", visit_id)


@posting("end_visit")
def end_visit(request: StaffRequest, visit_id: UUID) -> HttpResponse:
    """They are back safe."""
    _one(request, visit_id)
    actions.end_visit(visit_id=visit_id, **_doing(request))
    return done(request, _("Thank you. The visit is closed."), "console:visit", visit_id)


@posting("call_for_help")
def call_for_help(request: StaffRequest, visit_id: UUID) -> HttpResponse:
    """Watcher and duty manager are told."""
    _one(request, visit_id)
    row = actions.call_for_help(visit_id=visit_id, **_doing(request))
    text = _("{watcher} and the duty manager are told now. {danger}").format(
        watcher=row.watcher.name, danger=queries.WE_NEVER_RING
    )
    return done(request, text, "console:visit", visit_id)


@posting("vouch_for_visitor")
def vouch_for_visitor(request: StaffRequest, visit_id: UUID) -> HttpResponse:
    """The reader has made sure that they are well."""
    _one(request, visit_id)
    actions.vouch_for_visitor(visit_id=visit_id, **_doing(request))
    return done(request, _("Noted. They are asked again in time."), "console:visit", visit_id)


@posting("cancel_visit")
def cancel_visit(request: StaffRequest, visit_id: UUID) -> HttpResponse:
    """They do not go."""
    _one(request, visit_id)
    actions.cancel_visit(visit_id=visit_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The visit is called off."), "console:visit", visit_id)


class DuressForm(forms.Form):
    """A word that nobody writes by chance."""

    word = forms.CharField(
        label=gettext_lazy("Your duress word"),
        max_length=80,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("One to three words. Nobody can read it again, not even you. Empty: none."),
    )


@form_page("set_duress_word")
def duress_word(request: StaffRequest) -> HttpResponse:
    """One's own duress word."""
    form = DuressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if request.person is None:
            raise NotFound(
                _("A duress word was to be set."),
                _("You are not on the staff list."),
                _("Ask a manager to put you on it."),
            )
        site_actions.set_duress_word(
            person_id=request.person.id,
            word=form.cleaned_data["word"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("Your duress word is set. Set another once you have used it."), "console:visits")
    context = {
        "here": "visits",
        "heading": _("A word for when you cannot speak"),
        "lead": _(
            "With it anywhere in your answer you get the usual thanks, and your watcher and the duty manager are told at once "
            "that you are under duress. {danger}"
        ).format(danger=queries.WE_NEVER_RING),
        "crumbs": [{"url": reverse("console:visits"), "label": _("Site visits")}],
        "form": form,
        "label": _("Set it"),
        "cancel_url": reverse("console:visits"),
    }
    return render(request, "console/form.html", context)
