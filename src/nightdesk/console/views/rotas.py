"""Rotas: who is on this month, where the gaps are, whose turn comes; taking, passing and accepting duty; overrides."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import people_choices
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import as_csv, asked, asked_day, cells, csv_url
from nightdesk.console.views.month import day_ticks, picture, shades, stretches
from nightdesk.console.views.rota_names import all_names, end_in_words, month_of, rota_of, seat_of
from nightdesk.console.views.rota_swaps import swap_rows
from nightdesk.console.views.rota_turns import clock_changes, undo_of
from nightdesk.console.views.rule_blocks import ask_why
from nightdesk.console.views.staff import StaffRequest, done, found, may, may_somewhere, posting, staff, within
from nightdesk.duty.actions import AHEAD, accept_duty, pass_duty, set_first_holder, take_duty
from nightdesk.duty.models import Acceptance
from nightdesk.duty.queries import OnDuty, feed_address, who_is_on
from nightdesk.people.models import Absence, Person
from nightdesk.rota.actions import add_override, cancel_override
from nightdesk.rota.checking import RuleBlocks
from nightdesk.rota.models import Override, Rota, Seat
from nightdesk.rota.queries import load_rota, next_turns, overrides, seats_on
from nightdesk.rota.resolve import instant_of

TURNS_SHOWN = 8
OVERRIDES_AHEAD = timedelta(days=92)


@staff("read_rota")
def rota(request: StaffRequest) -> HttpResponse:
    """Every rota, and who is on: now, or at the instant that the address names."""
    at = _asked_instant(request)
    on_duty = {duty.seat_key: duty for duty in who_is_on(at or request.at, request.brands, now=request.at)}
    rotas = []
    for row in Rota.objects.filter(within(request.brands)).select_related("brand").prefetch_related("seats"):
        duties = [on_duty[seat.key] for seat in row.seats.all() if seat.key in on_duty]
        rotas.append({"row": row, "url": reverse("console:one_rota", args=[row.id]), "on_duty": duties})
    empty = sum(1 for duty in on_duty.values() if not duty.person_name)
    if not rotas:
        heading = _("There is no rota yet")
    elif at is not None:
        then = date_format(at.astimezone(get_current_timezone()), "D j M Y H:i")
        past = at <= request.at
        heading = _("Who was on, {time}").format(time=then) if past else _("Who will be on, {time}").format(time=then)
    elif empty:
        heading = ngettext("{count} seat is empty", "{count} seats are empty", empty).format(count=empty)
    else:
        heading = _("Somebody is on everywhere")
    context = {
        "here": "rota",
        "heading": heading,
        "rotas": rotas,
        "sees_people": may_somewhere(request, "read_people"),
        "may_make": may_somewhere(request, "make_rota"),
        "asked_at": at,
        "asked_text": asked(request, "at"),
        "csv_url": csv_url(request, reverse("console:who_csv")),
    }
    return page_or_part(request, "rotas", {"list"}, context)


def _asked_instant(request: StaffRequest) -> datetime | None:
    """The instant under `at`, by the reader's clocks where it has no offset; None where there is none that can be read."""
    try:
        at = datetime.fromisoformat(asked(request, "at"))
    except ValueError:
        return None
    if not 2000 <= at.year < 2199:
        return None
    return at if at.tzinfo is not None else instant_of(at.replace(fold=0), ZoneInfo(str(get_current_timezone())))


@staff("read_rota")
def who_csv(request: StaffRequest) -> HttpResponse:
    """Who is on, or was or will be at the instant that the address names, as a file."""
    at = _asked_instant(request) or request.at
    header = ("at", "rota", "seat", "person", "held", "since", "until", "then")
    rows = (
        (at, duty.rota_name, duty.seat_name, duty.person_name, duty.held, duty.since, duty.until, duty.next_person_name)
        for duty in who_is_on(at, request.brands, now=request.at)
    )
    return as_csv("who-is-on", header, rows)


@staff("read_rota")
def one_rota(request: StaffRequest, rota_id: int) -> HttpResponse:
    """A month, or a week, of one rota; its seats and their next turns; swaps and changes."""
    row = rota_of(request, rota_id)
    plan = load_rota(row.id)
    zone = ZoneInfo(row.zone)
    names = all_names()
    shown = _asked_span(request, zone)
    drawn = [(stretch, zone) for stretch in stretches(plan, shown.start, shown.end)]
    members = {stretch.who for stretch, _zone in drawn} | {
        member for seat in plan.seats for layer in seat.layers for member in layer.members
    }
    month = picture(
        name="month",
        label=shown.name,
        found=drawn,
        start=shown.start,
        end=shown.end,
        ticks=day_ticks(shown.start, shown.end, zone, every=1 if shown.week else 7),
        at=request.at,
        name_of=names,
        mine=("person", request.person.id) if request.person else None,
        by_night=shown.week,
        ground=shades(shown.start, shown.end, zone, row.brand.region),
        absent=_absences(members, shown.start, shown.end),
    )
    gaps = sum(1 for stretch, _zone in drawn if stretch.who is None and not stretch.closed)
    on_duty = {duty.seat_key: duty for duty in who_is_on(request.at, {row.brand_id})}
    seats = seats_on(row.id)
    manages = may(request, "set_layers", row.brand_id)
    context = {
        "here": "rota",
        "rota": row,
        "heading": _heading(shown.name, gaps),
        "month": month,
        "shown": shown,
        "clock_changes": clock_changes(shown.start, shown.end, zone),
        "sees_plans": may(request, "read_plans", row.brand_id),
        "sees_cover": may(request, "seek_cover", row.brand_id),
        "seats": [_seat(request, seat, on_duty.get(seat.key), names) for seat in seats],
        "overrides": [line for seat in seats for line in _overrides(request, seat)],
        "swaps": swap_rows(request, row.id),
        "swap_url": reverse("console:ask_swap", args=[seats[0].key])
        if seats and request.person is not None and may(request, "ask_swap", row.brand_id)
        else "",
        "override_form": OverrideForm(seats=seats, people=people_choices(row.brand_id))
        if may(request, "add_override", row.brand_id)
        else None,
        "manages": manages,
        "undo": undo_of(request, row.id) if manages else None,
        "calendar_url": reverse("duty_feed", args=[feed_address("rota", row.id)]) if manages else "",
        "csv_url": csv_url(request, reverse("console:turns_csv", args=[row.id])),
    }
    return page_or_part(request, "rota", {"seats"}, context)


@dataclass(frozen=True, slots=True)
class Span:
    """What the picture shows: its name, its instants, and the addresses of what lies before and after."""

    name: str
    start: datetime
    end: datetime
    week: bool
    earlier: str
    later: str
    other: str


def _asked_span(request: StaffRequest, zone: ZoneInfo) -> Span:
    """The month that the address names, or the week from the Monday before a day; this month where it names none."""
    today = request.at.astimezone(zone).date()
    if day := asked_day(request, "week"):
        monday = day - timedelta(days=day.weekday())
        following = monday + timedelta(days=7)
        start, end = (instant_of(datetime.combine(each, time()), zone) for each in (monday, following))
        name = _("the week of {day}").format(day=date_format(monday, "j F Y"))
        before = monday - timedelta(days=7)
        other = f"?month={monday.replace(day=1)}"
        return Span(name, start, end, True, f"?week={before}", f"?week={following}", other)
    first = (asked_day(request, "month") or today).replace(day=1)
    start, end = month_of(first, zone)
    before, after = (first - timedelta(days=1)).replace(day=1), (first + timedelta(days=32)).replace(day=1)
    week = today if first == today.replace(day=1) else first
    return Span(date_format(first, "F Y"), start, end, False, f"?month={before}", f"?month={after}", f"?week={week}")


def _absences(members: Iterable[Any], start: datetime, end: datetime) -> list[tuple[Any, datetime, datetime]]:
    """When members of the rota are not available; why is theirs and their managers' to know."""
    ids = [member[1] for member in members if member and member[0] == "person"]
    rows = Absence.objects.filter(person__in=ids, cancelled_at=None, starts_at__lt=end, ends_at__gt=start)
    return [(("person", row.person_id), row.starts_at, row.ends_at) for row in rows]


def _heading(name: str, gaps: int) -> str:
    name = name[:1].upper() + name[1:]
    if gaps:
        return ngettext("{month} has {count} gap", "{month} has {count} gaps", gaps).format(month=name, count=gaps)
    return _("{month} is covered").format(month=name)


def _seat(request: StaffRequest, seat: Seat, duty: OnDuty | None, names: Any) -> dict[str, Any]:
    """One seat: who holds it, what the reader may do, whose turns come."""
    brand_id = seat.rota.brand_id
    me = request.person
    holds = duty is not None and me is not None and duty.person_id == me.id
    taken = set(Acceptance.objects.filter(seat=seat, turn_at__gt=request.at).values_list("turn_at", flat=True))
    here = reverse("console:one_rota", args=[seat.rota_id])
    turns = []
    for turn in next_turns(seat.key, request.at, TURNS_SHOWN):
        accepted = turn.start in taken
        mine = me is not None and (turn.member == ("person", me.id) or _in_team(me, turn.member))
        actions: list[dict[str, Any]] = []
        if mine and not accepted and turn.start - request.at <= AHEAD and may(request, "accept_duty", brand_id):
            fields = {"turn_at": turn.start.isoformat(), "next": here}
            url = reverse("console:accept_duty", args=[seat.key])
            actions.append({"label": _("I take it"), "url": url, "fields": fields})
        if me is not None and turn.member == ("person", me.id) and may(request, "ask_swap", brand_id):
            url = f"{reverse('console:ask_swap', args=[seat.key])}?{urlencode({'turn': turn.start.isoformat()})}"
            actions.append({"label": _("Swap"), "url": url, "get": True})
        turns.append(
            {
                "at": turn.start,
                "title": names(turn.member),
                "detail": _("until {time}").format(time=end_in_words(turn.start, turn.end, ZoneInfo(seat.rota.zone))),
                "tags": [{"text": _("accepted"), "tone": "calm"}] if accepted else [],
                "actions": actions,
            }
        )
    buttons = []
    if me is not None and not holds and duty and duty.person_id and may(request, "take_duty", brand_id):
        url = reverse("console:take_duty", args=[seat.key])
        buttons.append({"label": _("I take the duty now"), "url": url, "fields": {"next": here}})
    people = [choice for choice in people_choices(brand_id) if duty is None or choice[0] != duty.person_id]
    passing = None
    if duty is not None and duty.person_id is not None and may(request, "pass_duty", brand_id):
        passing = {"form": WhoForm(people=people), "url": reverse("console:pass_duty", args=[seat.key])}
    setting = None
    if (duty is None or duty.person_id is None) and may(request, "set_first_holder", brand_id):
        setting = {"form": WhoForm(people=people), "url": reverse("console:set_first_holder", args=[seat.key])}
    edit_url = reverse("console:set_layers", args=[seat.key]) if may(request, "set_layers", brand_id) else ""
    return {
        "seat": seat,
        "duty": duty,
        "turns": turns,
        "buttons": buttons,
        "passing": passing,
        "setting": setting,
        "edit_url": edit_url,
    }


def _in_team(person: Person, member: Any) -> bool:
    match member:
        case ("team", int(team)):
            return person.teams.filter(id=team).exists()
    return False


def _overrides(request: StaffRequest, seat: Seat) -> list[dict[str, Any]]:
    """The seat's changes from now on, for parts/list_row.html."""
    lines = []
    for row in overrides(seat.key, request.at, request.at + OVERRIDES_AHEAD):
        if row.cancelled_at is not None:
            continue
        coming, going = (str(who) if who else "" for who in (row.member, row.instead_of))
        if row.kind == Override.Kind.REPLACE:
            title = _("{name} instead of {other}").format(name=coming, other=going)
        elif row.kind == Override.Kind.REMOVE:
            title = _("{name} is not on").format(name=going)
        else:
            title = _("{name} is on").format(name=coming)
        until = date_format(row.ends_at.astimezone(get_current_timezone()), "D j M H:i")
        actions: list[dict[str, Any]] = []
        if may(request, "cancel_override", seat.rota.brand_id):
            actions.append({"label": _("Take it back"), "url": reverse("console:cancel_override", args=[row.id])})
        lines.append(
            {
                "at": row.starts_at,
                "title": title,
                "detail": _("{seat}, until {time}").format(seat=seat.name, time=until),
                "actions": actions,
            }
        )
    return lines


# ---- Duty -----------------------------------------------------------------------------------------------------------


class WhoForm(forms.Form):
    person = forms.TypedChoiceField(label=gettext_lazy("Who"), coerce=int)

    def __init__(self, *args: Any, people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = people  # type: ignore[attr-defined]


class TurnForm(forms.Form):
    turn_at = forms.CharField(max_length=40)

    def clean_turn_at(self) -> datetime:
        """The instant, aware."""
        try:
            turn_at = datetime.fromisoformat(self.cleaned_data["turn_at"])
        except ValueError:
            raise forms.ValidationError(_("That is no instant.")) from None
        if turn_at.tzinfo is None:
            raise forms.ValidationError(_("It has no zone."))
        return turn_at


@posting("accept_duty")
def accept(request: StaffRequest, seat_key: str) -> HttpResponse:
    """I take that turn of mine."""
    seat = seat_of(request, seat_key)
    turn_at = checked(TurnForm(request.POST), _("You wanted to accept a turn."))["turn_at"]
    accept_duty(seat_key=seat_key, turn_at=turn_at, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The turn is yours."), "console:one_rota", seat.rota_id)


@posting("take_duty")
def take(request: StaffRequest, seat_key: str) -> HttpResponse:
    """I take the duty from whoever has it."""
    seat = seat_of(request, seat_key)
    take_duty(seat_key=seat_key, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You are on duty now."), "console:one_rota", seat.rota_id)


@posting("pass_duty")
def pass_on(request: StaffRequest, seat_key: str) -> HttpResponse:
    """Somebody else has the duty."""
    seat = seat_of(request, seat_key)
    form = WhoForm(request.POST, people=people_choices(seat.rota.brand_id))
    person = checked(form, _("You wanted to pass the duty on."))["person"]
    pass_duty(seat_key=seat_key, to_person_id=person, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The duty is passed on."), "console:one_rota", seat.rota_id)


@posting("set_first_holder")
def first_holder(request: StaffRequest, seat_key: str) -> HttpResponse:
    """The first person to hold the seat."""
    seat = seat_of(request, seat_key)
    form = WhoForm(request.POST, people=people_choices(seat.rota.brand_id))
    person = checked(form, _("You wanted to put somebody on duty."))["person"]
    set_first_holder(seat_key=seat_key, person_id=person, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("They are on duty now."), "console:one_rota", seat.rota_id)


# ---- Overrides ------------------------------------------------------------------------------------------------------


class OverrideForm(forms.Form):
    seat = forms.ChoiceField(label=gettext_lazy("Seat"))
    member = forms.TypedChoiceField(label=gettext_lazy("Who comes on"), coerce=int, required=False, empty_value=None)
    instead_of = forms.TypedChoiceField(
        label=gettext_lazy("Who goes off"), coerce=int, required=False, empty_value=None
    )
    starts = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends = forms.DateTimeField(
        label=gettext_lazy("Until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("By clocks in your own zone."),
    )

    def __init__(self, *args: Any, seats: list[Seat], people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        nobody = [("", _("Nobody")), *people]
        self.fields["seat"].choices = [(seat.key, seat.name) for seat in seats]  # type: ignore[attr-defined]
        for name in ("member", "instead_of"):
            self.fields[name].choices = nobody  # type: ignore[attr-defined]

    def kind(self) -> str:
        """add, remove or replace, by who was chosen; the verb refuses what names nobody."""
        coming, going = self.cleaned_data["member"], self.cleaned_data["instead_of"]
        if coming is not None and going is not None:
            return Override.Kind.REPLACE
        return Override.Kind.REMOVE if coming is None else Override.Kind.ADD


@posting("add_override")
def override(request: StaffRequest, rota_id: int) -> HttpResponse:
    """Somebody comes on, goes off, or stands in, for a while."""
    row = rota_of(request, rota_id)
    form = OverrideForm(request.POST, seats=seats_on(row.id), people=people_choices(row.brand_id))
    values = checked(form, _("You wanted to change who is on for a while."))
    try:
        add_override(
            seat_key=values["seat"],
            kind=form.kind(),
            starts_at=values["starts"],
            ends_at=values["ends"],
            member_id=values["member"],
            instead_of_id=values["instead_of"],
            override_reason=request.POST.get("reason", ""),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
    except RuleBlocks as blocks:
        return ask_why(request, blocks, row.brand_id, reverse("console:one_rota", args=[row.id]))
    return done(request, _("The rota is changed."), "console:one_rota", row.id)


@posting("cancel_override")
def no_override(request: StaffRequest, override_id: int) -> HttpResponse:
    """The plan holds again."""
    rows = Override.objects.filter(within(request.brands, "seat__rota__brand_id"), id=override_id)
    row = found(rows.select_related("seat"), _("You asked for a change of a rota."))
    cancel_override(override_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("That change is taken back."), "console:one_rota", row.seat.rota_id)


@staff("read_rota")
def overrides_csv(request: StaffRequest, rota_id: int) -> HttpResponse:
    """Every change for a while that the rota ever had, the newest first; one that was taken back says when."""
    row = rota_of(request, rota_id)
    header = ("seat", "kind", "starts_at", "ends_at", "member", "instead_of", "created_at", "cancelled_at")
    rows = Override.objects.filter(seat__rota=row).select_related("seat", "member", "instead_of")
    lines = cells(rows.order_by("-id").iterator(500), header, ZoneInfo(row.zone))
    return as_csv(f"overrides-{row.id}", header, lines)
