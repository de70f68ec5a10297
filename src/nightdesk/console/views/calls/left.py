"""What callers left: whom we owe a call-back and until when; one of them to hear, to ring back, to close."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages as notices
from django.db.models import F, Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.tickets import live_url
from nightdesk.calls import actions, asking_actions, queries
from nightdesk.calls.models import Message
from nightdesk.console.context import TOPICS, own_topics
from nightdesk.console.views.calls.log import recordings_of
from nightdesk.console.views.calls.shown import (
    MESSAGE_STATES,
    call_back_actions,
    call_row,
    caller_name,
    links_of,
    message_row,
    number_text,
    owed_text,
    tabs_of,
)
from nightdesk.console.views.checked import checked
from nightdesk.console.views.fragments import page_or_part
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
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff

OWED_SHOWN = 50


@staff("read_calls")
def left_messages(request: StaffRequest) -> HttpResponse:
    """Whom we owe a call-back, the soonest first; and all that callers left before."""
    owed_rows = queries.messages(request.brands).filter(ended_at=None, reached_at=None)
    owed = list(owed_rows.order_by(F("call_back_by").asc(nulls_last=True), "id")[:OWED_SHOWN])
    late = sum(owed_text(each, request.at)[1] for each in owed)
    rows, pager = one_page(request, _chosen(request))
    if late:
        heading = ngettext("{count} call-back is late", "{count} call-backs are late", late).format(count=late)
    elif owed:
        heading = ngettext("{count} caller waits for us", "{count} callers wait for us", len(owed)).format(
            count=len(owed)
        )
    else:
        heading = _("Nobody waits for a call")
    context = {
        "here": "calls",
        "tabs": tabs_of(request, "left_messages"),
        "heading": heading,
        "owed": [message_row(request, each, back=request.path) for each in owed],
        "rows": [message_row(request, each) for each in rows],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Name, number or words")),
            select("state", _("How it stands"), asked(request, "state"), _states(), _("Anyhow")),
            day_box("from", _("From"), asked_day(request, "from")),
            day_box("until", _("Until"), asked_day(request, "until")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:left_messages_csv")),
    }
    return page_or_part(request, "left_messages", {"list"}, context)


def _states() -> dict[str, str]:
    return {name: str(words).capitalize() for name, (words, _tone) in MESSAGE_STATES.items()}


def _chosen(request: StaffRequest) -> QuerySet[Message]:
    """As the address asks for; without a wish, what is over."""
    rows = queries.messages(request.brands)
    if words := asked(request, "q"):
        digits = "".join(sign for sign in words if sign.isdecimal()).lstrip("0")
        wanted = Q(customer__name__icontains=words) | Q(contact__name__icontains=words) | Q(text__icontains=words)
        wanted |= Q(outcome__icontains=words) | Q(peer__name__icontains=words)
        rows = rows.filter(wanted | Q(number__contains=digits) if len(digits) >= 3 else wanted)
    state = asked(request, "state", MESSAGE_STATES)
    if state:
        rows = rows.filter(state=state)
    elif not words:
        rows = rows.exclude(ended_at=None, reached_at=None)
    zone = get_current_timezone()
    if first := asked_day(request, "from"):
        rows = rows.filter(taken_at__gte=datetime.combine(first, time(), zone))
    if last := asked_day(request, "until"):
        rows = rows.filter(taken_at__lt=datetime.combine(last + timedelta(days=1), time(), zone))
    return rows


@staff("read_calls")
def left_messages_csv(request: StaffRequest) -> HttpResponse:
    """Everything that callers left, as the address asks for, as a file."""
    header = [
        "id", "taken_at", "kind", "state", "line", "number", "caller", "customer", "call_back_by", "again", "taken_by",
        "reached_at", "reached_by", "ended_at", "outcome", "ticket", "call",
    ]  # fmt: skip
    rows = _chosen(request) if request.GET else queries.messages(request.brands)

    def lines() -> Any:
        for row in rows[:EXPORTED]:
            yield [
                row.pk, row.taken_at, row.kind, row.state, row.line.name if row.line else "", row.number,
                caller_name(row), row.customer.ref if row.customer else "", row.call_back_by, row.again, row.taken_by,
                row.reached_at, row.reached_by.name if row.reached_by else "", row.ended_at, row.outcome,
                row.ticket_id or "", row.call_id or "",
            ]  # fmt: skip

    return as_csv("messages-left", header, lines())


# ---- One of them ----------------------------------------------------------------------------------------------------


class OutcomeForm(forms.Form):
    """How the call-back ended."""

    outcome = forms.CharField(
        label=gettext_lazy("How it ended"),
        max_length=300,
        help_text=gettext_lazy("It stands on the ticket, and the page is resolved."),
    )


class CloseForm(forms.Form):
    """Why nobody rings back."""

    why = forms.CharField(label=gettext_lazy("Why nobody rings them back"), max_length=300)


@staff("read_calls")
def left_message(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """Who left it and what, until when we ring back, every try, and what one does about it."""
    row = _message(request, message_id)
    words, tone = MESSAGE_STATES[row.state]
    owed, late = owed_text(row, request.at)
    over = row.ended_at is not None
    tries = list(queries.calls(request.brands).filter(calls_back=row))
    here = [row.call] if row.call is not None else []
    context = {
        "here": "calls",
        "message": row,
        "heading": caller_name(row),
        "tag": {"text": str(words), "tone": tone},
        "owed": owed,
        "late": late,
        "facts": _facts(row),
        "recordings": recordings_of(request, [row]),
        "actions": call_back_actions(request, row, request.path, main=True),
        "outcome_form": OutcomeForm(prefix="outcome")
        if not over and may(request, "note_outcome", row.brand_id)
        else None,
        "close_form": CloseForm(prefix="close") if not over and may(request, "close_message", row.brand_id) else None,
        "may_cancel": not over and may(request, "cancel_message", row.brand_id),
        "calls": [call_row(each) if each.ended_at else _running(each) for each in [*tries, *here]],
        "here_url": request.path,
        **links_of(request, row.ticket_id, row.outage_id, row.brand_id),
    }
    topics = (*(topic for topic in TOPICS if topic != "message_left"), f"message_left:{row.pk}", *own_topics(request))
    context["live_ticket_url"] = live_url(topics, at=request.at)
    return page_or_part(request, "left_message", {"main"}, context)


def _running(call: Any) -> dict[str, Any]:
    return call_row(call) | {"tags": [{"text": _("goes on now"), "tone": "accent"}]}


def _message(request: StaffRequest, message_id: UUID) -> Message:
    rows = queries.messages(request.brands).select_related("call__line", "call__customer", "call__contact")
    return found(rows.filter(pk=message_id), _("You asked for a message of a caller."))


def _facts(row: Message) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Number"), number_text(row.number, row.line)),
        (_("Line"), row.line.name if row.line is not None else ""),
        (_("Left"), row.taken_at),
        (_("Taken by"), row.taken_by),
        (
            _("Rang again"),
            ngettext("{count} time", "{count} times", row.again).format(count=row.again) if row.again else "",
        ),
        (_("Reached"), row.reached_at),
        (_("By"), row.reached_by.name if row.reached_by is not None else ""),
        (_("Ended"), row.ended_at),
        (_("Outcome"), row.outcome),
    ]
    return [(label, value) for label, value in facts if value]


@posting("call_back")
def call_back(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """The reader's telephone rings, then the caller's."""
    row = _message(request, message_id)
    begun = asking_actions.call_back(message_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    text = _("Your telephone rings now; pick it up, and {name} is rung.").format(name=caller_name(row))
    return done(request, text, "console:call", begun.pk)


@posting("note_outcome")
def note_outcome(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """How the call-back ended."""
    row = _message(request, message_id)
    values = checked(OutcomeForm(request.POST, prefix="outcome"), _("You noted how a call-back ended."))
    actions.note_outcome(message_id=row.pk, outcome=values["outcome"], by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Noted. Nobody is chased for it any more."), "console:left_message", row.pk)


@posting("close_message")
def close_message(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """Nobody is rung back for it."""
    row = _message(request, message_id)
    values = checked(CloseForm(request.POST, prefix="close"), _("You closed a message."))
    actions.close_message(message_id=row.pk, why=values["why"], by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Closed: nobody is rung back for it."), "console:left_message", row.pk)


@posting("cancel_message")
def cancel_message(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """The caller found it themselves."""
    row = _message(request, message_id)
    actions.cancel_message(message_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    text = _("Called off: {name} needs no call any more.").format(name=caller_name(row))
    return done(request, text, "console:left_message", row.pk, level=notices.INFO)
