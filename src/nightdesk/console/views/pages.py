"""Pages: the list, one page's story, and the verbs that a person can do about it."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.channels.cost import Estimate
from nightdesk.channels.queries import text_estimate
from nightdesk.console.views.cards import (
    before_of,
    may_wait,
    nobody_takes,
    page_row,
    shown_state,
    source_of,
    state_tag,
    waits_until,
)
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import brand_choices, pairs, people_choices
from nightdesk.console.views.due import CHANNEL_WORDS
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.knowledge.beside import beside
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.outages.shown import of_page
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
from nightdesk.console.views.stories import rail_events
from nightdesk.customers.models import Service
from nightdesk.paging.actions import (
    acknowledge_page,
    defer_page,
    escalate_page,
    note_page,
    reassign_page,
    resolve_page,
    snooze_page,
    trigger_page,
)
from nightdesk.paging.models import Alarm, Page, PaperRing, Policy
from nightdesk.paging.queries import last_time, story
from nightdesk.paging.silence_actions import silence_page
from nightdesk.rota.resolve import instant_of

PRIORITIES = {str(number): f"P{number}" for number in range(1, 6)}
SNOOZES = {"15": gettext_lazy("15 min"), "30": gettext_lazy("30 min"), "60": gettext_lazy("1 hour")}
ALARMS_SHOWN = 100


def _pages(request: StaffRequest) -> QuerySet[Page]:
    rows = Page.objects.filter(within(request.brands))
    return rows.select_related("owner", "integration", "service", "customer", "brand")


def _chosen(request: StaffRequest) -> QuerySet[Page]:
    """The pages that the address asks for, newest first."""
    rows = _pages(request)
    state = asked(request, "state", ["open", *Page.State.values])
    if state == "open":
        rows = rows.exclude(state=Page.State.RESOLVED)
    elif state:
        rows = rows.filter(state=state)
    if priority := asked(request, "priority", PRIORITIES):
        rows = rows.filter(priority=int(priority))
    if text := asked(request, "q"):
        rows = rows.filter(Q(title__icontains=text) | Q(component__icontains=text) | Q(code__iexact=text))
    return rows.order_by("-started_at")


@staff("read_pages")
def pages(request: StaffRequest) -> HttpResponse:
    """Every page, newest first."""
    rows, pager = one_page(request, _chosen(request))
    unanswered = _pages(request).filter(state=Page.State.TRIGGERED, shadow=False).count()
    heading = (
        ngettext("{count} page unanswered", "{count} pages unanswered", unanswered).format(count=unanswered)
        if unanswered
        else _("Every page is answered")
    )
    states = {
        "open": _("Open"),
        "triggered": _("Unanswered"),
        "acknowledged": _("Somebody has it"),
        "resolved": _("Resolved"),
    }
    context = {
        "here": "pages",
        "heading": heading,
        "rows": [page_row(request, page) for page in rows],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Title, part or code")),
            select("state", _("State"), asked(request, "state"), states, _("Every state")),
            select("priority", _("Priority"), asked(request, "priority"), PRIORITIES, _("Every priority")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:pages_csv")),
        "may_trigger": may_somewhere(request, "trigger_page"),
    }
    return page_or_part(request, "pages", {"list"}, context)


@staff("read_pages")
def pages_csv(request: StaffRequest) -> HttpResponse:
    """The same pages as a file."""
    header = [
        "id", "code", "priority", "state", "title", "brand", "service", "component", "customer", "owner",
        "started_at", "acknowledged_at", "resolved_at", "resolution", "alarms",
    ]  # fmt: skip
    rows = (
        [
            page.id, page.code, f"P{page.priority}", page.state, page.title, page.brand, page.service, page.component,
            page.customer, page.owner, page.started_at, page.acknowledged_at, page.resolved_at, page.resolution,
            page.alarm_count,
        ]
        for page in _chosen(request)[:EXPORTED].iterator()
    )  # fmt: skip
    return as_csv("pages", header, rows)


# ---- One page -------------------------------------------------------------------------------------------------------


@staff("read_pages")
def page(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """Why did this phone ring, did it arrive, and what can be done now."""
    shown = _page(request, page_id)
    alarms = list(shown.alarms.order_by("-last_at").select_related("integration")[:ALARMS_SHOWN])
    context = {
        "here": "pages",
        "page": shown,
        "heading": _state_of(shown, request.at),
        "tag": state_tag(shown, request.at),
        "source": source_of(shown),
        "alarm": nobody_takes(shown),
        "facts": _facts(shown),
        "buttons": _buttons(request, shown),
        "forms": _forms(request, shown),
        "before": before_of(last_time(shown)),
        "events": rail_events(story(shown.id), request.at),
        "outage": of_page(request, shown.id),
        "known": beside(
            request,
            ("page", shown.id),
            service_id=shown.service_id,
            kinds_of_call=["alarm"],
            brand_id=shown.brand_id,
            component=shown.component,
            back=request.path,
        ),
        "paper": [_on_paper(ring) for ring in shown.paper.select_related("person")[:ALARMS_SHOWN]],
        "alarms": [_alarm(alarm) for alarm in alarms],
        "more_alarms": max(0, shown.alarm_count - len(alarms)),
        "messages_url": f"{reverse('console:messages')}?about=page:{shown.id}"
        if may(request, "read_deliveries", shown.brand_id)
        else "",
    }
    return page_or_part(request, "page", {"card", "procedures", "rail"}, context)


def _page(request: StaffRequest, page_id: UUID) -> Page:
    return found(_pages(request).filter(id=page_id), _("You asked for a page."))


def _state_of(page: Page, at: datetime) -> str:
    owner = page.owner.name if page.owner else ""
    match shown_state(page, at):
        case "triggered" if page.shadow:
            return _("Shadow: nobody was told of this page")
        case "triggered":
            return _("Nobody has this page yet")
        case "waiting":
            return waits_until(page, at)
        case "acknowledged":
            return _("{owner} has this page").format(owner=owner)
        case "snoozed":
            until = f"{localtime(page.snoozed_until):%H:%M}"
            return _("{owner} has this page; it is quiet until {time}").format(owner=owner, time=until)
    return _("This page is resolved")


def _facts(page: Page) -> list[tuple[str, str]]:
    """What is known, as label and value."""
    facts = [
        (_("Priority"), f"P{page.priority}"),
        (_("Service"), page.service.name if page.service else ""),
        (_("Part"), page.component),
        (_("Customer"), page.customer.name if page.customer else ""),
        (_("Brand"), page.brand.name),
        (_("Code"), page.code),
        (_("What fixed it"), page.resolution),
    ]
    return [(label, value) for label, value in facts if value]


def _alarm(alarm: Alarm) -> dict[str, Any]:
    raw = {
        "dedup_key": alarm.dedup_key,
        "summary": alarm.summary,
        "severity": alarm.severity,
        "source": alarm.source,
        "details": alarm.details,
    }
    return {
        "row": {
            "at": alarm.last_at,
            "seconds": True,
            "title": alarm.summary,
            "detail": " · ".join(text for text in (alarm.source, alarm.dedup_key) if text),
            "tags": [
                {"text": _("over"), "tone": "calm"} if alarm.resolved_at else {"text": _("still on"), "tone": "fire"},
                *([{"text": f"x {alarm.count}", "tone": ""}] if alarm.count > 1 else []),
            ],
        },
        "links": [link for link in alarm.links if _is_web(link)],
        "json": json.dumps(raw, indent=2, ensure_ascii=False, sort_keys=True),
    }


def _on_paper(ring: PaperRing) -> dict[str, Any]:
    """Who would have been sent what, in shadow mode."""
    words = CHANNEL_WORDS.get(ring.channel, gettext_lazy("Send to {name}"))
    return {"at": ring.due_at, "seconds": True, "title": str(words).format(name=ring.person.name), "tags": []}


def _is_web(link: Any) -> bool:
    """Alarms come from outside: only a web address becomes a link."""
    return isinstance(link, dict) and str(link.get("href", "")).startswith(("https://", "http://"))


# ---- Paging somebody by hand ----------------------------------------------------------------------------------------


class TriggerForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    title = forms.CharField(label=gettext_lazy("What is wrong, in one line"), max_length=300)
    priority = forms.ChoiceField(
        label=gettext_lazy("How bad"),
        choices=[
            ("P1", gettext_lazy("P1: burning, wakes people")),
            ("P2", gettext_lazy("P2: bad, wakes people")),
            ("P3", gettext_lazy("P3: wakes nobody")),
            ("P4", gettext_lazy("P4: when there is time")),
        ],
        initial="P1",
        widget=forms.RadioSelect,
    )
    policy = forms.ChoiceField(label=gettext_lazy("Who is rung"), required=False)
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    component = forms.CharField(label=gettext_lazy("Which part"), max_length=200, required=False)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = within(request.brands)
        chosen = {
            "brand": brand_choices(request.actor, "trigger_page"),
            "policy": pairs(Policy.objects.filter(mine), _("The brand’s first")),
            "service": pairs(Service.objects.filter(mine), _("None")),
        }
        for name, choices in chosen.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The service belongs to the brand; the verb says the same of the policy."""
        values: dict[str, Any] = super().clean() or {}
        service = values.get("service")
        if service and not Service.objects.filter(id=service, brand_id=values.get("brand") or 0).exists():
            self.add_error("service", _("It belongs to another brand."))
        return values


@form_page("trigger_page")
def trigger(request: StaffRequest) -> HttpResponse:
    """Page somebody by hand."""
    form = TriggerForm(request.POST or None, request=request)
    counting = "count" in request.POST
    if request.method == "POST" and not counting and form.is_valid():
        values = form.cleaned_data
        page = trigger_page(
            brand_id=int(values["brand"]),
            title=values["title"],
            priority=values["priority"],
            policy_id=int(values["policy"]) if values["policy"] else None,
            service_id=int(values["service"]) if values["service"] else None,
            component=values["component"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("Somebody is being rung."), "console:page", page.id)
    context = {
        "here": "pages",
        "form": form,
        "heading": _("Page somebody"),
        "label": _("Page them"),
        "crumbs": [{"url": reverse("console:pages"), "label": _("Pages")}],
        "cancel_url": reverse("console:pages"),
        "within": "console/trigger_cost.html",
        "cost_url": reverse("console:trigger_cost"),
        "estimate": _cost_of_text(request.POST, request),
    }
    return render(request, "console/form.html", context)


@staff("trigger_page")
def trigger_cost(request: StaffRequest) -> HttpResponse:
    """What the text of a page by hand will be, as far as its form is filled in."""
    return render(request, "console/parts/text_cost.html", {"estimate": _cost_of_text(request.GET, request)})


def _cost_of_text(typed: QueryDict, request: StaffRequest) -> Estimate:
    """The text is put together as `paging.wording` does it."""
    title, component = typed.get("title", "")[:200], typed.get("component", "")[:200]
    priority = typed.get("priority", "P1")
    brands = [id_ for id_, _name in brand_choices(request.actor, "trigger_page")]
    brand = typed.get("brand") if typed.get("brand") in brands else next(iter(brands), None)
    return text_estimate(
        title=f"{priority[:2]} {title}",
        body="" if component.casefold() in title.casefold() else component,
        brand_id=int(brand) if brand else None,
        answerable=True,
    )


# ---- What can be done about it --------------------------------------------------------------------------------------


class NoteForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("Note"), max_length=5000, widget=forms.Textarea(attrs={"rows": 2}))


class ResolveForm(forms.Form):
    resolution = forms.CharField(
        label=gettext_lazy("What fixed it"),
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Whoever is woken by this part next time reads it first."),
    )


class ReassignForm(forms.Form):
    to = forms.TypedChoiceField(label=gettext_lazy("Give it to"), coerce=int)

    def __init__(self, *args: Any, people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = people  # type: ignore[attr-defined]


class SnoozeForm(forms.Form):
    minutes = forms.ChoiceField(
        label=gettext_lazy("Quiet for"),
        choices=[*SNOOZES.items(), ("at", gettext_lazy("Until a time"))],
        initial="30",
        widget=forms.RadioSelect,
    )
    until = forms.TimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}),
        help_text=gettext_lazy("Used with “Until a time”; the next time that clocks show it."),
    )

    def until_at(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The instant that was chosen. Raises Invalid where a time was chosen and none given."""
        if self.cleaned_data["minutes"] != "at":
            return at + timedelta(minutes=int(self.cleaned_data["minutes"]))
        wanted = self.cleaned_data["until"]
        if wanted is None:
            raise Invalid(
                _("You asked for quiet until a time."),
                _("No time was given."),
                _("Go back and give one, such as 06:30."),
            )
        today = at.astimezone(zone).date()
        until = instant_of(datetime.combine(today, wanted.replace(second=0, microsecond=0)), zone)
        if until <= at:
            until = instant_of(datetime.combine(today + timedelta(days=1), wanted), zone)
        return until


class SilenceForm(forms.Form):
    hours = forms.TypedChoiceField(
        label=gettext_lazy("Quiet for"),
        choices=[(1, gettext_lazy("1 hour")), (4, gettext_lazy("4 hours")), (12, gettext_lazy("12 hours"))],
        coerce=int,
        initial=1,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("Its alarms are kept and counted. What still fires then is a new page."),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=300, required=False)


def _buttons(request: StaffRequest, page: Page) -> list[dict[str, Any]]:
    """What is done with one press."""
    buttons: list[dict[str, Any]] = []
    if page.state == Page.State.RESOLVED:
        return buttons
    mine = request.person is not None and page.owner_id == request.person.id
    here = reverse("console:page", args=[page.id])

    def add(right: str, view: str, label: str, **more: Any) -> None:
        if may(request, right, page.brand_id):
            url = reverse(f"console:{view}", args=[page.id])
            buttons.append({"label": label, "url": url, "fields": {"next": here, **more.pop("fields", {})}, **more})

    if page.state == Page.State.TRIGGERED and request.person is not None:
        add("acknowledge_page", "acknowledge", _("I've got it"), verb="acknowledge", main=True)
    if page.state == Page.State.ACKNOWLEDGED and not mine and request.person is not None:
        add("reassign_page", "reassign", _("I take it over"), fields={"to": request.person.id})
    add("escalate_page", "escalate", _("Wake the backup"))
    if may_wait(page, request.at):
        add("defer_page", "defer", _("Leave it till morning"))
    return buttons


def _forms(request: StaffRequest, page: Page) -> list[dict[str, Any]]:
    """What is done with a word or a choice: {"id", "title", "form", "url", "label"}."""
    shown: list[dict[str, Any]] = []

    def add(verb: str, title: str, form: Callable[[], forms.Form], label: str, *, main: bool = False) -> None:
        if may(request, verb, page.brand_id):
            name = verb.removesuffix("_page")
            url = reverse(f"console:{name}", args=[page.id])
            shown.append({"id": name, "title": title, "form": form(), "url": url, "label": label, "main": main})

    add("note_page", _("Write a note"), lambda: NoteForm(prefix="note"), _("Note it"))
    if page.state == Page.State.RESOLVED:
        return shown
    mine = page.state == Page.State.ACKNOWLEDGED and request.person is not None and page.owner_id == request.person.id
    add("resolve_page", _("It is fixed"), lambda: ResolveForm(prefix="resolve"), _("Resolve it"), main=mine)
    others = [choice for choice in people_choices(page.brand_id) if choice[0] != page.owner_id]
    if others:
        add("reassign_page", _("Give it to somebody else"), lambda: ReassignForm(people=others), _("Give it away"))
    if page.state == Page.State.ACKNOWLEDGED:
        add("snooze_page", _("Be quiet for a while"), lambda: SnoozeForm(prefix="snooze"), _("Be quiet"))
    if page.integration_id is not None:
        add("silence_page", _("Silence what it is about"), lambda: SilenceForm(prefix="silence"), _("Silence it"))
    return shown


@posting("acknowledge_page")
def acknowledge(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """I've got it."""
    _page(request, page_id)
    page = acknowledge_page(page_id=page_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You have “{title}”.").format(title=page.title), "console:page", page.id)


@posting("resolve_page")
def resolve(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """It is fixed, and by what."""
    _page(request, page_id)
    values = checked(ResolveForm(request.POST, prefix="resolve"), _("You wanted to resolve a page."))
    page = resolve_page(page_id=page_id, resolution=values["resolution"], by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{title}” is resolved.").format(title=page.title), "console:page", page_id)


@posting("escalate_page")
def escalate(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """Wake the backup."""
    _page(request, page_id)
    page = escalate_page(page_id=page_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The next person is rung for “{title}”.").format(title=page.title), "console:page", page_id)


@posting("reassign_page")
def reassign(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """Somebody else has it."""
    shown = _page(request, page_id)
    form = ReassignForm(request.POST, people=people_choices(shown.brand_id))
    values = checked(form, _("You wanted to give a page to somebody."))
    page = reassign_page(page_id=page_id, to_person_id=values["to"], by=request.actor, via=Door.WEB, at=request.at)
    name = page.owner.name if page.owner else ""
    return done(request, _("“{title}” goes to {name}.").format(title=page.title, name=name), "console:page", page_id)


@posting("snooze_page")
def snooze(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """Nothing rings for it until then."""
    _page(request, page_id)
    form = SnoozeForm(request.POST, prefix="snooze")
    checked(form, _("You wanted quiet for a page."))
    until = form.until_at(request.at, ZoneInfo(str(get_current_timezone())))
    snooze_page(page_id=page_id, until=until, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Quiet until {time}.").format(time=f"{localtime(until):%H:%M}"), "console:page", page_id)


@posting("defer_page")
def defer(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """It can wait for the opening."""
    _page(request, page_id)
    page = defer_page(page_id=page_id, by=request.actor, via=Door.WEB, at=request.at)
    text = _("{waits}: “{title}”.").format(waits=waits_until(page, request.at), title=page.title)
    return done(request, text, "console:page", page_id)


@posting("note_page")
def note(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """Written into the page's story."""
    _page(request, page_id)
    values = checked(NoteForm(request.POST, prefix="note"), _("You wanted to write a note."))
    note_page(page_id=page_id, text=values["text"], by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Noted."), "console:page", page_id)


@posting("silence_page")
def silence(request: StaffRequest, page_id: UUID) -> HttpResponse:
    """It rings no more, and what it is about is quiet until then."""
    _page(request, page_id)
    values = checked(SilenceForm(request.POST, prefix="silence"), _("You wanted to silence a page."))
    until = request.at + timedelta(hours=values["hours"])
    silence_page(
        page_id=page_id, until_at=until, reason=values["reason"], by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("Silenced until {time}.").format(time=f"{localtime(until):%H:%M}"), "console:quiet")
