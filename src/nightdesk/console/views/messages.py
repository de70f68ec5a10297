"""Messages: what was sent to whom, by which provider, and what became of it; one of them read, and sent again."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.channels.actions import resend_message
from nightdesk.channels.links import make_link
from nightdesk.channels.models import Delivery, Message, Route
from nightdesk.channels.queries import Filters, deliveries, messages_of, tries_of, words_to
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
from nightdesk.console.views.people import CHANNEL_NAMES, NO_ADDRESS
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff
from nightdesk.console.views.stories import ARRIVED, LOST, STATE_WORDS, attempt_event
from nightdesk.console.views.subjects import url_of
from nightdesk.customers.models import Contact
from nightdesk.people.models import ContactMethod, Person

State = Delivery.State
OTHERS_SHOWN = 50
GROUPS: dict[str, Any] = {
    "waiting": (gettext_lazy("Waiting to be sent"), ["queued", "sending", "failed_for_now"]),
    "accepted": (gettext_lazy("Taken, no receipt"), ["accepted"]),
    "arrived": (gettext_lazy("Arrived"), ["delivered", "read"]),
    "lost": (gettext_lazy("Did not arrive"), ["failed", "expired"]),
    "superseded": (gettext_lazy("No longer needed"), ["superseded"]),
    "kept": (gettext_lazy("In the outbox: no provider sent it"), []),
}
"""What one asks for: its words, and the states that it means."""


def _chosen(request: StaffRequest) -> QuerySet[Delivery]:
    """The rows that the address asks for, newest first."""
    group = asked(request, "state", GROUPS)
    subject = asked(request, "about").partition(":")
    recipient = asked(request, "to").partition(":")
    route = asked(request, "route")
    first, last = asked_day(request, "from"), asked_day(request, "until")
    zone = get_current_timezone()
    return deliveries(
        Filters(
            brand_ids=request.brands,
            subject=(subject[0], subject[2]) if subject[2] else None,
            recipient=(recipient[0], recipient[2]) if recipient[2] else None,
            states=GROUPS[group][1] if group else (),
            kept=group == "kept",
            channel=asked(request, "channel", CHANNEL_NAMES),
            route_id=int(route) if route.isdecimal() else None,
            words=asked(request, "q"),
            since=datetime.combine(first, time(), zone) if first else None,
            until=datetime.combine(last + timedelta(days=1), time(), zone) if last else None,
        )
    )


@staff("read_deliveries")
def messages(request: StaffRequest) -> HttpResponse:
    """Every message that the reader may see, newest first."""
    rows, pager = one_page(request, _chosen(request))
    lost = deliveries(
        Filters(brand_ids=request.brands, states=["failed", "expired"], since=request.at - timedelta(days=1))
    ).count()
    names = _names_of(rows)
    said = messages_of({row.message_id for row in rows})
    routes = _routes(request)
    context = {
        "here": "messages",
        "heading": ngettext(
            "{count} message did not arrive today", "{count} messages did not arrive today", lost
        ).format(count=lost)
        if lost
        else _("Nothing was lost today"),
        "rows": [_listed(row, said.get(row.message_id), names, routes) for row in rows],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Words, number or code")),
            select(
                "state",
                _("What became of it"),
                asked(request, "state"),
                {name: str(words) for name, (words, _states) in GROUPS.items()},
                _("Anything"),
            ),
            select(
                "channel",
                _("How"),
                asked(request, "channel"),
                {name: str(words) for name, words in CHANNEL_NAMES.items()},
                _("Every way"),
            ),
            select("route", _("Provider"), asked(request, "route"), _as_text(routes), _("Every provider")),
            day_box("from", _("From"), asked_day(request, "from")),
            day_box("until", _("Until"), asked_day(request, "until")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:messages_csv")),
        "about": _about(request),
    }
    return page_or_part(request, "messages", {"list"}, context)


def _as_text(routes: dict[int, str]) -> dict[str, str]:
    return {str(number): name for number, name in routes.items()}


def _routes(request: StaffRequest) -> dict[int, str]:
    rows = Route.objects.all()
    if request.brands is not None:
        rows = rows.filter(brand_id__in=request.brands) | rows.filter(brand=None)
    return dict(rows.values_list("id", "name"))


def _about(request: StaffRequest) -> str:
    """A sentence for a list that is narrowed to one subject or recipient; "" for none."""
    kind, _colon, id_ = asked(request, "to").partition(":")
    if kind == "person" and id_.isdecimal():
        person = Person.objects.filter(id=int(id_)).first()
        return _("Only what went to {name}.").format(name=person.name) if person else ""
    return _("Only what belongs to one page.") if asked(request, "about") else ""


def _names_of(rows: list[Delivery]) -> dict[tuple[str, str], str]:
    """Name of each recipient by its kind and id."""
    wanted: dict[str, set[int]] = {"person": set(), "contact": set()}
    for row in rows:
        if row.recipient_kind in wanted and row.recipient_id.isdecimal():
            wanted[row.recipient_kind].add(int(row.recipient_id))
    people = Person.objects.filter(id__in=wanted["person"]).values_list("id", "name")
    contacts = Contact.objects.filter(id__in=wanted["contact"]).values_list("id", "name")
    return {("person", str(id_)): name for id_, name in people} | {
        ("contact", str(id_)): name for id_, name in contacts
    }


def _listed(
    row: Delivery, message: Message | None, names: dict[tuple[str, str], str], routes: dict[int, str]
) -> dict[str, Any]:
    state = State(row.state)
    who = names.get((row.recipient_kind, row.recipient_id), "")
    channel = str(CHANNEL_NAMES.get(row.channel, row.channel))
    details = [who, channel, _address(row), routes.get(row.route_id or 0, ""), row.reason if state in LOST else ""]
    return {
        "at": row.accepted_at or row.due_at,
        "title": words_to(row, message)[0] if message else _("(its words are gone)"),
        "url": reverse("console:message", args=[row.id]),
        "detail": " · ".join(part for part in details if part),
        "tags": [{"text": str(STATE_WORDS[state]), "tone": _tone(state)}],
    }


def _address(row: Delivery) -> str:
    return "" if row.channel in NO_ADDRESS else row.address


def _tone(state: Delivery.State) -> str:
    return "calm" if state in ARRIVED else "fire" if state in LOST else ""


@staff("read_deliveries")
def messages_csv(request: StaffRequest) -> HttpResponse:
    """The same rows as a file, without what they say."""
    header = [
        "id", "message", "channel", "to", "address", "state", "provider", "provider_id", "attempts", "due_at",
        "accepted_at", "delivered_at", "read_at", "reason", "title", "subject",
    ]  # fmt: skip
    routes = _routes(request)

    def lines() -> Any:
        rows = list(_chosen(request)[:EXPORTED])
        names = _names_of(rows)
        said = dict(Message.objects.filter(id__in={row.message_id for row in rows}).values_list("id", "title"))
        for row in rows:
            yield [
                row.id, row.message_id, row.channel, names.get((row.recipient_kind, row.recipient_id), ""), row.address,
                row.state, routes.get(row.route_id or 0, ""), row.provider_id, row.attempt, row.due_at, row.accepted_at,
                row.delivered_at, row.read_at, row.reason, said.get(row.message_id, ""),
                f"{row.subject_kind}:{row.subject_id}",
            ]  # fmt: skip

    return as_csv("messages", header, lines())


# ---- One message ----------------------------------------------------------------------------------------------------


def _delivery(request: StaffRequest, delivery_id: UUID) -> Delivery:
    return found(deliveries(Filters(brand_ids=request.brands)).filter(id=delivery_id), _("You asked for a message."))


@staff("read_deliveries")
def message(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    """What it says, whom it went to, every try, and what the provider told; with a button to send it again."""
    row = _delivery(request, delivery_id)
    said = messages_of({row.message_id}).get(row.message_id)
    name = _names_of([row]).get((row.recipient_kind, row.recipient_id), "")
    state = State(row.state)
    theirs = request.person is not None and (row.recipient_kind, row.recipient_id) == (
        "person",
        str(request.person.id),
    )
    title, body = words_to(row, said) if said else (_("A message"), "")
    context = {
        "here": "messages",
        "heading": title,
        "tag": {"text": str(STATE_WORDS[state]), "tone": _tone(state)},
        "body": body,
        # Whoever has the link answers as they would, so nobody else sees it.
        "link": make_link(row.id, row.month) if said and said.answers and theirs else "",
        "private": bool(said and not said.body and said.kind.startswith("account")),
        "facts": _facts(row, said, name),
        "events": _events(row),
        "subject_url": url_of(row.subject_kind, row.subject_id),
        "back": reverse("console:messages"),
        "resend_url": reverse("console:resend", args=[row.id]),
        "resend_form": ResendForm(row=row, prefix="again") if _may_resend(request, row, said) else None,
        "others": _others(request, row),
        "along": _along(request, row),
    }
    return render(request, "console/message.html", context)


def _others(request: StaffRequest, row: Delivery) -> list[dict[str, Any]]:
    """The message's other deliveries, each named by whom it went to."""
    rows = list(
        deliveries(Filters(brand_ids=request.brands))
        .filter(message_id=row.message_id)
        .exclude(id=row.id)[:OTHERS_SHOWN]
    )
    names, routes = _names_of(rows), _routes(request)
    return [
        _listed(other, None, {}, routes)
        | {"title": names.get((other.recipient_kind, other.recipient_id), "") or other.address}
        for other in rows
    ]


def _along(request: StaffRequest, row: Delivery) -> list[dict[str, Any]]:
    """What went to the same reader in one message with it."""
    first = row.goes_with or row.id
    rows = list(
        deliveries(Filters(brand_ids=request.brands)).filter(Q(id=first) | Q(goes_with=first)).exclude(id=row.id)
    )
    said, routes = messages_of({other.message_id for other in rows}), _routes(request)
    return [_listed(other, said.get(other.message_id), {}, routes) for other in rows]


def _may_resend(request: StaffRequest, row: Delivery, said: Message | None) -> bool:
    return said is not None and not said.kind.startswith("account") and may(request, "resend_message", row.brand_id)


def _facts(row: Delivery, said: Message | None, name: str) -> list[tuple[str, Any]]:
    where = " ".join(part for part in (str(CHANNEL_NAMES.get(row.channel, row.channel)), _address(row)) if part)
    facts = [
        (_("To"), f"{name}, {where}" if name else where),
        (_("Code"), said.code if said else ""),
        (_("Known to the provider as"), row.provider_id),
        (_("Accepted"), row.accepted_at),
        (_("Delivered"), row.delivered_at),
        (_("Read"), row.read_at),
        (_("Of use until"), row.valid_until),
        (_("Why"), row.reason),
    ]
    return [(label, value) for label, value in facts if value]


def _events(row: Delivery) -> list[dict[str, Any]]:
    events = [attempt_event(each) for each in reversed(tries_of(row))]
    if row.ended_at is None:
        text = _("Waits for its receipt until then") if row.state == State.ACCEPTED else _("Sent then")
        events.insert(0, {"at": row.due_at, "text": text, "detail": "", "tone": "", "future": True, "late": False})
    return events


class ResendForm(forms.Form):
    """Where to: the same address, or another of that person's."""

    where = forms.ChoiceField(label=gettext_lazy("Send it again to"))

    def __init__(self, *args: Any, row: Delivery, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ways = [(row.channel, row.address)]
        if row.recipient_kind == "person" and row.recipient_id.isdecimal():
            own = ContactMethod.objects.filter(person=int(row.recipient_id)).order_by("id")
            ways += [way for way in own.values_list("channel", "address") if way not in ways]
        self.ways = ways
        self.fields["where"].choices = [  # type: ignore[attr-defined]
            (str(number), f"{CHANNEL_NAMES.get(channel, channel)} {address}")
            for number, (channel, address) in enumerate(ways)
        ]


@posting("resend_message")
def resend(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    """The message goes out once more."""
    row = _delivery(request, delivery_id)
    form = ResendForm(request.POST, row=row, prefix="again")
    channel, address = form.ways[int(checked(form, _("You wanted to send a message again."))["where"])]
    again = resend_message(
        delivery_id=row.id,
        month=row.month,
        channel=channel,
        address=address,
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("It is on its way again to {address}.").format(address=address), "console:message", again.id)
