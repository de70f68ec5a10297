"""Swaps: asking another to take a turn, and everybody's word on it."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.console.views.choices import people_choices
from nightdesk.console.views.lists import as_csv, cells
from nightdesk.console.views.rota_names import rota_of, seat_of, span_in_words
from nightdesk.console.views.rule_blocks import ask_why
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within
from nightdesk.rota import swap_actions
from nightdesk.rota.checking import RuleBlocks
from nightdesk.rota.models import Seat, Swap
from nightdesk.rota.queries import load_rotas, open_swaps
from nightdesk.rota.resolve import Turn, turns

AHEAD = timedelta(days=92)
MOST_TURNS = 60


class SwapForm(forms.Form):
    turn = forms.ChoiceField(label=gettext_lazy("Your turn"))
    asked = forms.TypedChoiceField(label=gettext_lazy("Whom you ask"), coerce=int)
    back = forms.ChoiceField(
        label=gettext_lazy("What you take of theirs in return"),
        required=False,
        help_text=gettext_lazy("A turn of whom you ask; nothing, where they do you a favour."),
    )


def _turns_ahead(request: StaffRequest, brand_id: int) -> list[tuple[Seat, Turn]]:
    """The turns of the brand's people, by start; one that is on is from now on."""
    seats = Seat.objects.filter(rota__brand=brand_id, removed_at=None).select_related("rota")
    plans = load_rotas({seat.rota_id for seat in seats})
    every = [
        (seat, turn)
        for seat in seats
        for turn in turns(plans[seat.rota_id], seat.key, request.at, request.at + AHEAD)
        if turn.member is not None and turn.end < request.at + AHEAD
    ]
    return sorted(every, key=lambda each: (each[1].start, each[0].position))


def _value(seat: Seat, turn: Turn) -> str:
    """Seat and end: of a turn that is on, what is left of it begins later each time that somebody looks."""
    return f"{seat.key}|{turn.end.isoformat()}"


@form_page("ask_swap")
def ask(request: StaffRequest, seat_key: str) -> HttpResponse:
    """I ask somebody to take a turn of mine, and may take one of theirs."""
    row = seat_of(request, seat_key)
    if request.person is None:
        raise NotFound(
            _("You wanted to swap a turn."), _("You are not on the staff list."), _("Ask a manager to put you on it.")
        )
    me = ("person", request.person.id)
    ahead = _turns_ahead(request, row.rota.brand_id)
    people = dict(people_choices(row.rota.brand_id))
    mine = [(seat, turn) for seat, turn in ahead if turn.member == me][:MOST_TURNS]
    theirs = [
        (seat, turn)
        for seat, turn in ahead
        if turn.member != me and turn.member[0] == "person" and turn.member[1] in people  # type: ignore[index]
    ][: 3 * MOST_TURNS]
    form = SwapForm(request.POST or None, initial=_first(request, row, mine))
    words = {
        _value(seat, turn): f"{seat.name}, {span_in_words(turn.start, turn.end, ZoneInfo(seat.rota.zone))}"
        for seat, turn in ahead
    }
    form.fields["turn"].choices = [(_value(*each), words[_value(*each)]) for each in mine]  # type: ignore[attr-defined]
    form.fields["asked"].choices = [each for each in people.items() if each[0] != request.person.id]  # type: ignore[attr-defined]
    form.fields["back"].choices = [  # type: ignore[attr-defined]
        ("", _("Nothing")),
        *(
            (_value(seat, turn), f"{people[turn.member[1]]}: {words[_value(seat, turn)]}")  # type: ignore[index]
            for seat, turn in theirs
        ),
    ]
    if request.method == "POST" and form.is_valid():
        chosen = {_value(seat, turn): (seat, turn) for seat, turn in ahead}
        seat, turn = chosen[form.cleaned_data["turn"]]
        back_seat, back = chosen.get(form.cleaned_data["back"], (None, None))
        try:
            swap = swap_actions.ask_swap(
                seat_key=seat.key,
                starts_at=turn.start,
                ends_at=turn.end,
                asked_id=form.cleaned_data["asked"],
                back_seat_key=back_seat.key if back_seat is not None else "",
                back_starts_at=back.start if back is not None else None,
                back_ends_at=back.end if back is not None else None,
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
            text = _("{name} is asked, and you are told what they say.").format(name=swap.asked.name)
            return done(request, text, "console:one_rota", row.rota_id)
        except Refusal as refusal:
            form.add_error(None, f"{refusal.so} {refusal.do}")
    context = {
        "here": "rota",
        "heading": _("Swap a turn") if mine else _("You have no turn to swap"),
        "crumbs": [
            {"url": reverse("console:rota"), "label": _("Rotas")},
            {"url": reverse("console:one_rota", args=[row.rota_id]), "label": row.rota.name},
        ],
        "form": form,
        "label": _("Ask") if mine else "",
        "lead": _("Nothing changes before they say yes{approval}.").format(
            approval=_(", and a manager too") if row.rota.swaps == "approved" else ""
        ),
        "cancel_url": reverse("console:one_rota", args=[row.rota_id]),
    }
    return render(request, "console/form.html", context)


def _first(request: StaffRequest, row: Seat, mine: list[tuple[Seat, Turn]]) -> dict[str, Any]:
    """The turn that the address names, or else the seat's first."""
    wanted = request.GET.get("turn", "")
    for seat, turn in mine:
        if seat.key == row.key and (not wanted or turn.start.isoformat() == wanted):
            return {"turn": _value(seat, turn)}
    return {}


def swap_rows(request: StaffRequest, rota_id: int) -> list[dict[str, Any]]:
    """The rota's open swaps for parts/list_row.html, with what the reader may say."""
    rows = []
    for swap in open_swaps(rota_id, request.at):
        zone = ZoneInfo(swap.seat.rota.zone)
        detail = f"{swap.seat.name}, {span_in_words(swap.starts_at, swap.ends_at, zone)}"
        if swap.back_seat is not None and swap.back_starts_at is not None and swap.back_ends_at is not None:
            back = span_in_words(swap.back_starts_at, swap.back_ends_at, zone)
            detail += " · " + _("in return {seat}, {span}").format(seat=swap.back_seat.name, span=back)
        rows.append(
            {
                "at": swap.starts_at,
                "title": _("{asked} for {by}").format(asked=swap.asked.name, by=swap.asked_by.name),
                "detail": f"{detail} · {swap.why}" if swap.why else detail,
                "tags": [
                    {"text": _("waits for {name}").format(name=swap.asked.name), "tone": ""}
                    if swap.state == Swap.State.ASKED
                    else {"text": _("waits for a manager"), "tone": "accent"}
                ],
                "actions": _actions(request, swap),
            }
        )
    return rows


def _actions(request: StaffRequest, swap: Swap) -> list[dict[str, Any]]:
    brand_id = swap.seat.rota.brand_id
    me = request.person.id if request.person is not None else None
    manages = may(request, "add_override", brand_id)

    def button(label: str, name: str, **more: Any) -> dict[str, Any]:
        return {"label": label, "url": reverse(f"console:{name}", args=[swap.pk]), **more}

    found: list[dict[str, Any]] = []
    if swap.state == Swap.State.ASKED and me == swap.asked_id:
        found += [button(_("Take it"), "accept_swap"), button(_("No"), "decline_swap")]
    elif swap.state == Swap.State.ACCEPTED and may(request, "approve_swap", brand_id):
        found += [button(_("Approve"), "approve_swap"), button(_("Refuse"), "refuse_swap")]
    if me == swap.asked_by_id or (manages and me != swap.asked_id and swap.state == Swap.State.ASKED):
        found.append(button(_("Take it back"), "cancel_swap"))
    return found


def _swap(request: StaffRequest, swap_id: int) -> Swap:
    rows = Swap.objects.filter(within(request.brands, "seat__rota__brand_id"), pk=swap_id).select_related("seat__rota")
    return found(rows, _("You asked for a swap."))


def _settle(request: StaffRequest, swap_id: int, verb: Any, text: str, **more: Any) -> HttpResponse:
    row = _swap(request, swap_id)
    swap = verb(swap_id=row.pk, by=request.actor, via=Door.WEB, at=request.at, **more)
    if swap.state == Swap.State.ACCEPTED:
        text = _("You have said yes; a manager is asked now.")
    return done(request, text, "console:one_rota", row.seat.rota_id)


@posting("accept_swap")
def accept(request: StaffRequest, swap_id: int) -> HttpResponse:
    """I take that turn."""
    return _settle(request, swap_id, swap_actions.accept_swap, _("The turn is yours."))


@posting("accept_swap")
def decline(request: StaffRequest, swap_id: int) -> HttpResponse:
    """I do not."""
    return _settle(request, swap_id, swap_actions.decline_swap, _("You have declined; everything stays as it was."))


@posting("approve_swap")
def approve(request: StaffRequest, swap_id: int) -> HttpResponse:
    """It may happen."""
    reason = request.POST.get("reason", "")
    text = _("The swap is done, and both are told.")
    try:
        return _settle(request, swap_id, swap_actions.approve_swap, text, override_reason=reason)
    except RuleBlocks as blocks:
        rota = _swap(request, swap_id).seat.rota
        return ask_why(request, blocks, rota.brand_id, reverse("console:one_rota", args=[rota.id]))


@posting("approve_swap")
def refuse(request: StaffRequest, swap_id: int) -> HttpResponse:
    """It may not."""
    why = request.POST.get("why", "")
    return _settle(request, swap_id, swap_actions.refuse_swap, _("The swap is refused, and both are told."), why=why)


@posting("ask_swap")
def cancel(request: StaffRequest, swap_id: int) -> HttpResponse:
    """It is not asked any more."""
    return _settle(request, swap_id, swap_actions.cancel_swap, _("It is not asked any more."))


@staff("read_rota")
def swaps_csv(request: StaffRequest, rota_id: int) -> HttpResponse:
    """Every swap that was ever asked for on the rota, the newest first."""
    row = rota_of(request, rota_id)
    header = ["asked_at", "asked_by", "asked", "seat", "starts_at", "ends_at", "back_seat", "back_starts_at"]
    header += ["back_ends_at", "state", "settled_at", "why"]
    rows = Swap.objects.filter(seat__rota=row).select_related("asked_by", "asked", "seat", "back_seat")
    lines = cells(rows.order_by("-asked_at", "-id").iterator(500), header, ZoneInfo(row.zone))
    return as_csv(f"swaps-{row.id}", header, lines)
