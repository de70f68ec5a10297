"""Rotas: who is on this month, where the gaps are, whose turn comes; taking, passing and accepting duty; overrides."""

from datetime import date, datetime, time, timedelta
from typing import Any
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
from nightdesk.console.views.lists import asked_day
from nightdesk.console.views.month import day_ticks, names_of, picture, stretches
from nightdesk.console.views.staff import StaffRequest, done, found, may, may_somewhere, posting, staff, within
from nightdesk.duty.actions import AHEAD, accept_duty, pass_duty, set_first_holder, take_duty
from nightdesk.duty.models import Acceptance
from nightdesk.duty.queries import OnDuty, who_is_on
from nightdesk.people.models import Person, Team
from nightdesk.rota.actions import add_override, cancel_override
from nightdesk.rota.models import Override, Rota, Seat
from nightdesk.rota.queries import load_rota, next_turns, overrides
from nightdesk.rota.resolve import instant_of

TURNS_SHOWN = 8
OVERRIDES_AHEAD = timedelta(days=92)


@staff("read_rota")
def rota(request: StaffRequest) -> HttpResponse:
    """Every rota, and who is on now."""
    on_duty = {duty.seat_key: duty for duty in who_is_on(request.at, request.brands)}
    rotas = []
    for row in Rota.objects.filter(within(request.brands)).select_related("brand").prefetch_related("seats"):
        duties = [on_duty[seat.key] for seat in row.seats.all() if seat.key in on_duty]
        rotas.append({"row": row, "url": reverse("console:one_rota", args=[row.id]), "on_duty": duties})
    empty = sum(1 for duty in on_duty.values() if duty.person_id is None)
    if not rotas:
        heading = _("There is no rota yet")
    elif empty:
        heading = ngettext("{count} seat is empty", "{count} seats are empty", empty).format(count=empty)
    else:
        heading = _("Somebody is on everywhere")
    context = {"here": "rota", "heading": heading, "rotas": rotas, "sees_people": may_somewhere(request, "read_people")}
    return page_or_part(request, "rotas", {"list"}, context)


@staff("read_rota")
def one_rota(request: StaffRequest, rota_id: int) -> HttpResponse:
    """A month of one rota, its seats and their next turns."""
    row = _rota(request, rota_id)
    plan = load_rota(row.id)
    zone = ZoneInfo(row.zone)
    first = (asked_day(request, "month") or request.at.astimezone(zone).date()).replace(day=1)
    start, end = _month(first, zone)
    names = names_of(dict(Person.objects.values_list("id", "name")), dict(Team.objects.values_list("id", "name")))
    drawn = [(stretch, zone) for stretch in stretches(plan, start, end)]
    month = picture(
        name="month",
        label=date_format(first, "F Y"),
        found=drawn,
        start=start,
        end=end,
        ticks=day_ticks(start, end, zone),
        at=request.at,
        name_of=names,
        mine=("person", request.person.id) if request.person else None,
        by_night=False,
    )
    gaps = sum(1 for stretch, _zone in drawn if stretch.who is None and not stretch.closed)
    on_duty = {duty.seat_key: duty for duty in who_is_on(request.at, {row.brand_id})}
    seats = list(row.seats.order_by("position", "id"))
    context = {
        "here": "rota",
        "rota": row,
        "heading": _heading(first, gaps),
        "month": month,
        "month_name": date_format(first, "F Y"),
        "earlier": (first - timedelta(days=1)).replace(day=1).isoformat(),
        "later": (first + timedelta(days=32)).replace(day=1).isoformat(),
        "sees_plans": may(request, "read_plans", row.brand_id),
        "sees_cover": may(request, "seek_cover", row.brand_id),
        "seats": [_seat(request, seat, on_duty.get(seat.key), names) for seat in seats],
        "overrides": [line for seat in seats for line in _overrides(request, seat)],
        "override_form": OverrideForm(seats=seats, people=people_choices(row.brand_id))
        if may(request, "add_override", row.brand_id)
        else None,
    }
    return page_or_part(request, "rota", {"seats"}, context)


def _rota(request: StaffRequest, rota_id: int) -> Rota:
    rows = Rota.objects.filter(within(request.brands), id=rota_id).select_related("brand")
    return found(rows, _("You asked for a rota."))


def _month(first: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants at which the month that begins on `first` starts and ends by clocks in `zone`."""
    following = (first + timedelta(days=32)).replace(day=1)
    return instant_of(datetime.combine(first, time()), zone), instant_of(datetime.combine(following, time()), zone)


def _heading(first: date, gaps: int) -> str:
    name = date_format(first, "F")
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
        actions = []
        if mine and not accepted and turn.start - request.at <= AHEAD and may(request, "accept_duty", brand_id):
            fields = {"turn_at": turn.start.isoformat(), "next": here}
            url = reverse("console:accept_duty", args=[seat.key])
            actions.append({"label": _("I take it"), "url": url, "fields": fields})
        turns.append(
            {
                "at": turn.start,
                "title": names(turn.member),
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
    return {"seat": seat, "duty": duty, "turns": turns, "buttons": buttons, "passing": passing, "setting": setting}


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
        actions = []
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


def _seat_row(request: StaffRequest, seat_key: str) -> Seat:
    rows = Seat.objects.filter(within(request.brands, "rota__brand_id"), key=seat_key).select_related("rota")
    return found(rows, _("You asked for a seat of a rota."))


@posting("accept_duty")
def accept(request: StaffRequest, seat_key: str) -> HttpResponse:
    """I take that turn of mine."""
    seat = _seat_row(request, seat_key)
    turn_at = checked(TurnForm(request.POST), _("You wanted to accept a turn."))["turn_at"]
    accept_duty(seat_key=seat_key, turn_at=turn_at, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The turn is yours."), "console:one_rota", seat.rota_id)


@posting("take_duty")
def take(request: StaffRequest, seat_key: str) -> HttpResponse:
    """I take the duty from whoever has it."""
    seat = _seat_row(request, seat_key)
    take_duty(seat_key=seat_key, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You are on duty now."), "console:one_rota", seat.rota_id)


@posting("pass_duty")
def pass_on(request: StaffRequest, seat_key: str) -> HttpResponse:
    """Somebody else has the duty."""
    seat = _seat_row(request, seat_key)
    form = WhoForm(request.POST, people=people_choices(seat.rota.brand_id))
    person = checked(form, _("You wanted to pass the duty on."))["person"]
    pass_duty(seat_key=seat_key, to_person_id=person, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The duty is passed on."), "console:one_rota", seat.rota_id)


@posting("set_first_holder")
def first_holder(request: StaffRequest, seat_key: str) -> HttpResponse:
    """The first person to hold the seat."""
    seat = _seat_row(request, seat_key)
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
    row = _rota(request, rota_id)
    form = OverrideForm(request.POST, seats=list(row.seats.all()), people=people_choices(row.brand_id))
    values = checked(form, _("You wanted to change who is on for a while."))
    add_override(
        seat_key=values["seat"],
        kind=form.kind(),
        starts_at=values["starts"],
        ends_at=values["ends"],
        member_id=values["member"],
        instead_of_id=values["instead_of"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("The rota is changed."), "console:one_rota", row.id)


@posting("cancel_override")
def no_override(request: StaffRequest, override_id: int) -> HttpResponse:
    """The plan holds again."""
    rows = Override.objects.filter(within(request.brands, "seat__rota__brand_id"), id=override_id)
    row = found(rows.select_related("seat"), _("You asked for a change of a rota."))
    cancel_override(override_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("That change is taken back."), "console:one_rota", row.seat.rota_id)
