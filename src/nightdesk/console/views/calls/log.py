"""Calls: those that go on now, those that are over, one of them with its story."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.tickets import live_url
from nightdesk.calls import asking_actions, queries
from nightdesk.calls.bureau_models import BureauMessage
from nightdesk.calls.models import Call, CallEvent, Leg, Line, Message
from nightdesk.console.context import TOPICS, own_topics
from nightdesk.console.views.calls.shown import (
    ENDINGS,
    call_row,
    caller_name,
    holds_of,
    leg_row,
    links_of,
    live_card,
    message_row,
    number_text,
    seconds_text,
    stage_of,
    tabs_of,
    waits_of,
)
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import people_choices
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.knowledge.beside import beside
from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    asked_day,
    clear_url,
    csv_url,
    day_box,
    one_page,
    search_box,
    select,
)
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff, within

LIVE_SHOWN = 50


@staff("read_calls")
def calls(request: StaffRequest) -> HttpResponse:
    """Who is on the phone now, and every call before."""
    running = list(queries.calls(request.brands).filter(ended_at=None).order_by("came_at")[:LIVE_SHOWN])
    legs: dict[UUID, list[Leg]] = {call.pk: [] for call in running}
    for leg in Leg.objects.filter(call__in=legs).select_related("person").order_by("ordered_at", "pk"):
        legs[leg.call_id].append(leg)
    rows, pager = one_page(request, _chosen(request))
    waits = sum(waits_of(call) for call in running)
    context = {
        "here": "calls",
        "tabs": tabs_of(request, "calls"),
        "heading": _heading(waits, len(running)),
        "cards": [live_card(request, call, legs[call.pk]) for call in running],
        "rows": [call_row(call) for call in rows],
        "pager": pager,
        "filters": _filters(request),
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:calls_csv")),
        "has_lines": Line.objects.filter(within(request.brands), active=True).exists(),
        "lines_url": reverse("console:lines"),
    }
    return page_or_part(request, "calls", {"live", "list"}, context)


def _heading(waits: int, running: int) -> str:
    if waits:
        return ngettext("{count} caller waits", "{count} callers wait", waits).format(count=waits)
    if running:
        return ngettext("{count} call, and somebody has it", "{count} calls, and somebody has each", running).format(
            count=running
        )
    return _("Nobody is on the phone")


def _filters(request: StaffRequest) -> list[dict[str, Any]]:
    lines = Line.objects.filter(within(request.brands)).order_by("name").values_list("pk", "name")
    endings = {name: str(words).capitalize() for name, (words, _tone) in ENDINGS.items()}
    return [
        search_box(asked(request, "q"), _("Name or number")),
        select("ended", _("How it ended"), asked(request, "ended"), endings, _("Anyhow")),
        select("line", _("Line"), asked(request, "line"), {str(pk): name for pk, name in lines}, _("Every line")),
        day_box("from", _("From"), asked_day(request, "from")),
        day_box("until", _("Until"), asked_day(request, "until")),
    ]


def _chosen(request: StaffRequest) -> QuerySet[Call]:
    """Calls that are over, as the address asks for, newest first."""
    rows = queries.calls(request.brands).exclude(ended_at=None)
    if words := asked(request, "q"):
        digits = "".join(sign for sign in words if sign.isdecimal())
        wanted = Q(customer__name__icontains=words) | Q(contact__name__icontains=words) | Q(peer__name__icontains=words)
        wanted |= Q(answered_person__name__icontains=words)
        if len(digits) >= 3:
            wanted |= Q(number__contains=digits.lstrip("0"))
        rows = rows.filter(wanted)
    if ended := asked(request, "ended", ENDINGS):
        rows = rows.filter(ended_as=ended)
    line = asked(request, "line")
    if line.isascii() and line.isdecimal():
        rows = rows.filter(line_id=int(line[:9]))
    zone = get_current_timezone()
    if first := asked_day(request, "from"):
        rows = rows.filter(came_at__gte=datetime.combine(first, time(), zone))
    if last := asked_day(request, "until"):
        rows = rows.filter(came_at__lt=datetime.combine(last + timedelta(days=1), time(), zone))
    return rows


@staff("read_calls")
def calls_csv(request: StaffRequest) -> HttpResponse:
    """The same rows as a file."""
    header = [
        "id", "came_at", "line", "called", "number", "caller", "customer", "known_by", "answered_at", "answered_by",
        "person", "waited_s", "woken", "ended_at", "ended_as", "ticket",
    ]  # fmt: skip

    def lines() -> Any:
        for call in _chosen(request)[:EXPORTED]:
            waited = (call.answered_at - call.came_at).total_seconds() if call.answered_at is not None else None
            yield [
                call.pk, call.came_at, call.line.name, call.called, call.number, caller_name(call),
                call.customer.ref if call.customer is not None else "", call.known_by, call.answered_at,
                call.answered_by, call.answered_person.name if call.answered_person is not None else "",
                "" if waited is None else round(waited, 1), call.woken, call.ended_at, call.ended_as,
                call.ticket_id or "",
            ]  # fmt: skip

    return as_csv("calls", header, lines())


# ---- One call -------------------------------------------------------------------------------------------------------


@staff("read_calls")
def call(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """What happened in it and why, whom it rang, what came of it, and what one can do with it now."""
    shown = _call(request, call_id)
    running = shown.ended_at is None
    words, tone = ENDINGS.get(shown.ended_as, (shown.ended_as, ""))
    left = Message.objects.filter(call=shown).select_related("recording").order_by("taken_at")
    messages = list(queries.messages(request.brands).filter(pk__in=left.values("pk")))
    context = {
        "here": "calls",
        "call": shown,
        "heading": caller_name(shown),
        "running": running,
        "tag": {"text": stage_of(shown), "tone": "accent"} if running else {"text": str(words), "tone": tone},
        "facts": _facts(shown),
        "events": [event for each in reversed(queries.events_of(shown.pk)) if (event := _event(each)) is not None],
        "legs": [leg_row(leg, shown.line) for leg in queries.legs_of(shown.pk)],
        "left": [message_row(request, each, back=request.path) for each in messages],
        "recordings": recordings_of(request, messages),
        "here_url": request.path,
        "actions": _actions(request, shown) if running else [],
        "bring_form": _bring_form(request, shown),
        "bring_url": reverse("console:bring_into_call", args=[shown.pk]),
        "known": beside(
            request,
            ("ticket", shown.ticket_id) if shown.ticket_id else None,
            service_id=queries.service_of(shown),
            kinds_of_call=["call"],
            brand_id=shown.line.brand_id,
            back=request.path,
        ),
        **links_of(request, shown.ticket_id, shown.outage_id, shown.line.brand_id),
    }
    topics = (*(topic for topic in TOPICS if topic != "call"), f"call:{shown.pk}", *own_topics(request))
    context["live_ticket_url"] = live_url(topics, at=request.at)
    return page_or_part(request, "call", {"main", "procedures"}, context)


def _call(request: StaffRequest, call_id: UUID) -> Call:
    return found(queries.calls(request.brands).filter(pk=call_id), _("You asked for a call."))


def _facts(shown: Call) -> list[tuple[str, Any]]:
    known = {"number": _("by their number"), "pin": _("by a PIN")}
    answered = {"engineer": _("an engineer"), "desk": _("the message desk"), "bureau": _("the answering service")}
    answered |= {"recorder": _("the recorder")}
    who = shown.answered_person.name if shown.answered_person else answered.get(shown.answered_by, shown.answered_by)
    facts: list[tuple[str, Any]] = [
        (_("Number"), number_text(shown.number, shown.line)),
        (_("Line"), f"{shown.line.name}, {number_text(shown.called, shown.line)}"),
        (_("Known"), known.get(shown.known_by, _("nobody whom we know") if not shown.known_by else shown.known_by)),
        (_("Came"), shown.came_at),
        (_("Heard of the outage"), shown.heard_outage_at),
        (_("Answered by"), _("{who}, after {time}").format(who=who, time=seconds_text(shown)) if who else ""),
        (_("Woken"), shown.woken or ""),
        (_("Ended"), shown.ended_at),
    ]
    return [(label, value) for label, value in facts if value]


def _event(row: CallEvent) -> dict[str, Any] | None:
    """What was decided then, in its own words; None where nothing was."""
    text = " ".join(str(each) for each in row.why)
    if row.trouble:
        text = f"{text} {row.trouble}".strip()
    if not text:
        return None
    return {"at": row.at, "text": text, "detail": "", "tone": "fire" if row.trouble else "", "future": False}


def recordings_of(request: StaffRequest, messages: list[Message]) -> list[dict[str, Any]]:
    """What can be heard of them, and what was thrown away: {"url", "seconds", "gone", "label"}."""
    return [
        {
            "url": reverse("console:recording", args=[each.recording.pk]),
            "seconds": round(each.recording.seconds),
            "gone": each.recording.deleted_at is not None,
            "label": caller_name(each),
        }
        for each in messages
        if each.recording is not None and may(request, "hear_recording", each.brand_id)
    ]


class BringForm(forms.Form):
    """Whom to bring into the call, and as what."""

    person = forms.ChoiceField(label=gettext_lazy("Who"))
    how = forms.ChoiceField(
        label=gettext_lazy("As"),
        choices=[
            ("add", gettext_lazy("a colleague who joins in")),
            ("listen", gettext_lazy("somebody who listens")),
            ("transfer", gettext_lazy("whoever takes it from you")),
        ],
        widget=forms.RadioSelect,
        initial="add",
        help_text=gettext_lazy("Everybody in the call is told who has joined."),
    )

    def __init__(self, *args: Any, brand_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(pk), name) for pk, name in people_choices(brand_id)]
        self.fields["person"].choices = choices  # type: ignore[attr-defined]


def _bring_form(request: StaffRequest, shown: Call) -> BringForm | None:
    if shown.ended_at is not None or not may(request, "add_to_call", shown.line.brand_id):
        return None
    return BringForm(brand_id=shown.line.brand_id, prefix="bring")


def _actions(request: StaffRequest, shown: Call) -> list[dict[str, Any]]:
    """What whoever is in the call can do with it."""
    found_: list[dict[str, Any]] = []

    def add(verb: str, label: str, **more: Any) -> None:
        if may(request, verb, shown.line.brand_id):
            found_.append({"label": label, "url": reverse(f"console:{verb}", args=[shown.pk]), **more})

    if str(shown.state.get("stage", "")) in ("message", "review"):
        add("pause_recording", _("Pause the recording"), icon="pause")
        add("pause_recording", _("Record on"), icon="play", fields={"go_on": "yes"})
    for verb, label, icon in holds_of(shown):
        add(verb, label, icon=icon)
    if (
        request.person is not None
        and shown.legs.filter(person=request.person, ended_at=None, picked_up_at__isnull=False).exists()
    ):
        add("leave_call", _("Leave the call"), icon="log-out")
    add("hang_up_call", _("End it for everybody"), tone="fire", icon="phone-off")
    return found_


@posting("add_to_call")
def bring_into_call(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """A colleague is rung, to join, to listen, or to take it over."""
    shown = _call(request, call_id)
    values = checked(
        BringForm(request.POST, brand_id=shown.line.brand_id, prefix="bring"), _("You wanted somebody in a call.")
    )
    verbs = {
        "add": asking_actions.add_to_call,
        "listen": asking_actions.let_listen,
        "transfer": asking_actions.transfer_call,
    }
    verbs[values["how"]](
        call_id=shown.pk, person_id=int(values["person"]), by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("They are being rung."), "console:call", shown.pk)


def _doing(request: StaffRequest, call_id: UUID) -> dict[str, Any]:
    return {"call_id": _call(request, call_id).pk, "by": request.actor, "via": Door.WEB, "at": request.at}


@posting("leave_call")
def leave_call(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """The others talk on."""
    left = asking_actions.leave_call(**_doing(request, call_id))
    return done(request, _("You have left the call."), "console:call", left.pk)


def _back(request: StaffRequest, shown: Call, text: str) -> HttpResponse:
    """To the call; for whoever only takes messages, to what they write of it."""
    if may(request, "read_calls", shown.line.brand_id):
        return done(request, text, "console:call", shown.pk)
    row = BureauMessage.objects.filter(call=shown, taker=request.person).order_by("-began_at").first()
    return (
        done(request, text, "console:bureau_message", row.pk)
        if row is not None
        else done(request, text, "console:bureau")
    )


@posting("hold_call")
def hold_call(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """The caller hears music."""
    held = asking_actions.hold_call(**_doing(request, call_id))
    return _back(request, held, _("The caller is on hold, and hears music."))


@posting("take_off_hold")
def take_off_hold(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """The caller is back."""
    back = asking_actions.take_off_hold(**_doing(request, call_id))
    return _back(request, back, _("The caller hears you again."))


@posting("park_call")
def park_call(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """Whoever is free may take them."""
    parked = asking_actions.park_call(**_doing(request, call_id))
    text = _("The caller is parked. If nobody takes them within two minutes, telephones ring again.")
    return _back(request, parked, text)


@posting("take_parked_call")
def take_parked_call(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """The telephone of whoever asks rings."""
    taken = asking_actions.take_parked_call(**_doing(request, call_id))
    return _back(request, taken, _("Your telephone rings: pick up, and you have the caller."))


@posting("hang_up_call")
def hang_up_call(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """It ends for everybody."""
    ended = asking_actions.hang_up_call(**_doing(request, call_id))
    return done(request, _("The call ends."), "console:call", ended.pk)


@posting("pause_recording")
def pause_recording(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """Nothing is kept of what is said now, or it goes on."""
    go_on = request.POST.get("go_on") == "yes"
    paused = asking_actions.pause_recording(go_on=go_on, **_doing(request, call_id))
    text = _("It is recorded on.") if go_on else _("Nothing is recorded now.")
    return done(request, text, "console:call", paused.pk)
