"""What the bureau's desk reads: scripts, who is on call for a client, what waits, how a message does, who is free."""

import hmac
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.base import vault
from nightdesk.calls import scripts
from nightdesk.calls.bureau_models import (
    BureauClient,
    BureauMessage,
    LadderRung,
    RelayAttempt,
    ScriptVersion,
    TakerSession,
)
from nightdesk.calls.models import Call, Line
from nightdesk.channels.models import Delivery
from nightdesk.customers.models import Contact, Customer
from nightdesk.customers.priority import Priority
from nightdesk.customers.queries import promised_to
from nightdesk.duty.queries import who_is_on
from nightdesk.duty.reaching import ways
from nightdesk.outages.models import Outage
from nightdesk.outages.queries import faults_of, latest_updates, open_outages, text_in
from nightdesk.people.models import ContactMethod, Person

Brands = Collection[int] | None
State = BureauMessage.State

SEEN_WITHIN = timedelta(seconds=90)
"""Whose desk was not open for so long is not there any more."""
PRIORITY = Priority.P2
"""What a caller who cannot work is asked by, as on the phone line."""
ROUTED = ("page", "bureau_message")


# --- Clients and their scripts ---------------------------------------------------------------------------------------


def clients(brands: Brands) -> QuerySet[BureauClient]:
    """The clients among these brands (None: every one)."""
    rows = BureauClient.objects.select_related("brand")
    return rows if brands is None else rows.filter(brand_id__in=brands)


def live_versions(client: BureauClient) -> list[scripts.Live]:
    """Every approved version of the client's scripts that are in use."""
    rows = ScriptVersion.objects.filter(script__client=client, script__retired_at=None, approved_at__isnull=False)
    return [
        scripts.Live(row.script_id, row.number, scripts.when_from(row.when), row.starts_at)
        for row in rows.order_by("id")
    ]


def version_at(client: BureauClient, at: datetime) -> ScriptVersion | None:
    """What operators say and ask for the client at `at`; None where nothing was approved for that time."""
    live = scripts.script_at(live_versions(client), at, client.brand.zone)
    if live is None:
        return None
    return ScriptVersion.objects.select_related("script").get(script_id=live.script_id, number=live.number)


def note_now(client: BureauClient, at: datetime) -> str:
    """The note of the day, "" where there is none or its time is over."""
    return client.note if client.note_until is None or client.note_until > at else ""


def answers_of(message: BureauMessage) -> dict[str, scripts.Answer]:
    """What was taken down, by the step's key."""
    return {key: scripts.Answer(**told) for key, told in message.answers.items()}


def steps_of(message: BureauMessage) -> tuple[scripts.Step, ...]:
    """The steps of the script that is read in this call."""
    return scripts.steps_from(message.version.steps)


# --- Who is on call for a client -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OnCall:
    """Somebody who is told of a client's messages. `key` names them to a verb; `ways` are (channel, address), which operators
    are not shown. `until`: how long it is so, where that is known.
    """

    key: str
    name: str
    place: str
    ways: tuple[tuple[str, str], ...]
    until: datetime | None = None
    person_id: int | None = None


def on_call_list(client: BureauClient, at: datetime) -> list[OnCall]:
    """Who is told, in their order: the client's own ladder as it holds at `at`, else who has its seats now."""
    if client.relay == BureauClient.Relay.OWN:
        return [
            OnCall(
                f"rung:{row.pk}",
                row.name,
                "",
                ((row.channel, row.address),),
                row.last_at,
                row.person_id,
            )
            for row in ladder(client, at, urgent=True)
        ]
    held = [each for each in who_is_on(at, {client.brand_id}) if each.person_id is not None]
    people = Person.objects.in_bulk([each.person_id for each in held])
    return [
        OnCall(
            f"person:{each.person_id}",
            each.person_name,
            each.seat_name,
            tuple((way.channel, way.address) for way in _proved_ways(people[each.person_id], at)),
            each.until,
            each.person_id,
        )
        for each in held
        if each.person_id in people
    ]


def _proved_ways(person: Person, at: datetime) -> list[ContactMethod]:
    """By which they are reached, only what has been proved to be theirs; each once."""
    found = {method.pk: method for method, _to in ways(person, at) if method.verified_at is not None}
    return list(found.values())


def ladder(client: BureauClient, at: datetime, *, urgent: bool) -> list[LadderRung]:
    """The rungs of the client's own ladder that hold at `at`, in their order."""
    rows = {row.pk: row for row in client.ladder.select_related("person")}
    known = [
        scripts.Rung(row.pk, row.position, row.wait_s, row.urgent_only, row.first_at, row.last_at)
        for row in rows.values()
        if row.person is None or row.person.active
    ]
    return [rows[rung.id] for rung in scripts.ladder_at(known, at, urgent=urgent)]


def proof_code(secret: str) -> str:
    """The six digits that an engineer reads out to prove who they are: computed, so that they lie nowhere."""
    digest = hmac.digest(vault.key_for("bureau engineer's code"), secret.encode(), "sha256")
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"


# --- Operators and calls ---------------------------------------------------------------------------------------------


def session_of(person_id: int | None) -> TakerSession | None:
    """The open session of that person; None where they are not signed in to take messages."""
    if person_id is None:
        return None
    return TakerSession.objects.filter(person_id=person_id, ended_at=None).first()


def free_takers(at: datetime) -> QuerySet[TakerSession]:
    """Who is signed in, has their desk open, does not pause and has no call in hand."""
    busy = BureauMessage.objects.filter(ended_at=None).values("taker_id")
    return TakerSession.objects.filter(
        ended_at=None, paused_at=None, seen_at__gt=at - SEEN_WITHIN, person__active=True
    ).exclude(person_id__in=busy)


def takers_for_line(line_id: int, at: datetime) -> int:
    """How many people could take a call of that line now: free, and of a role that may in its brand."""
    line = Line.objects.filter(id=line_id, own_desk=True).first()
    if line is None or not BureauClient.objects.filter(brand_id=line.brand_id, active=True).exists():
        return 0
    allowed = Q(person__user__grants__brand=line.brand_id) | Q(
        person__user__grants__isnull=False, person__user__grants__brand=None
    )
    return free_takers(at).filter(allowed).exclude(person__user__grants__role="read-only").distinct().count()


TALKING = ("bureau", "talk")
"""Stages of a call in which an operator may have the caller."""


def has_outside_taker(call: Call) -> bool:
    """Whether the caller is with an outside bureau's telephone already, so that nobody's of ours is rung."""
    legs, who = call.state.get("legs", {}), call.state.get("memory", {}).get("who", {})
    return any(who[name].get("as") == "bureau" and legs.get(name) == "up" for name in who)


def waiting_calls(brands: Brands) -> QuerySet[Call]:
    """Callers of these brands' clients who wait for somebody to take their message, the longest first."""
    taken = BureauMessage.objects.filter(ended_at=None, call__isnull=False).values("call_id")
    rows = Call.objects.filter(ended_at=None, state__stage="bureau", line__brand__bureau_client__active=True)
    if brands is not None:
        rows = rows.filter(line__brand_id__in=brands)
    return rows.exclude(id__in=taken).select_related("line", "line__brand__bureau_client").order_by("came_at", "id")


def in_hand(person_id: int | None) -> list[BureauMessage]:
    """The calls that the operator has not wrapped up, the newest last."""
    if person_id is None:
        return []
    rows = BureauMessage.objects.filter(taker_id=person_id, ended_at=None).select_related("client__brand")
    return list(rows.order_by("began_at", "id"))


# --- Whom it is about ------------------------------------------------------------------------------------------------


def account_named(client: BureauClient, typed: str, at: datetime) -> scripts.Seen | None:
    """What an operator is shown of the one account that the caller names; see `scripts.account_of`."""
    typed = " ".join(typed.split())[:160]
    rows = Customer.objects.filter(brand_id=client.brand_id, active=True).filter(
        Q(ref__iexact=typed) | Q(name__iexact=typed) | Q(contacts__phone=typed, contacts__left_at=None)
    )
    found = list(rows.distinct()[:3]) if typed else []
    numbers: dict[int, set[str]] = defaultdict(set)
    known = Contact.objects.filter(customer__in=found, left_at=None).exclude(phone="")
    for customer_id, phone in known.values_list("customer_id", "phone"):
        numbers[customer_id].add(phone)
    return scripts.account_of(typed, [_account(one, numbers[one.pk], at) for one in found])


def seen_of(customer: Customer, contact: Contact | None, at: datetime) -> scripts.Seen:
    """What an operator is shown of a customer whom the caller has named, or whose contact rings."""
    one = _account(customer, set(), at, contact)
    return scripts.Seen(one.customer_id, one.name, one.ref, one.statements, one.covered)


def _account(customer: Customer, numbers: set[str], at: datetime, contact: Contact | None = None) -> scripts.Account:
    cover = promised_to(contact, customer.pk, PRIORITY, at)
    return scripts.Account(
        customer.pk,
        customer.name,
        customer.ref,
        frozenset(numbers),
        tuple(faults_of(customer.pk, customer.language, customer.zone, at)),
        cover.may_page_now,
    )


def statements_of(client: BureauClient) -> list[tuple[Outage, str]]:
    """The approved statements of the client's open outages, for a caller of whom no account is known."""
    found = [outage for outage in open_outages([client.brand_id]) if outage.public]
    updates = latest_updates([outage.pk for outage in found])
    language = client.brand.language
    return [(each, text_in(updates[each.pk], language, language)) for each in found if each.pk in updates]


# --- What became of a message ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """One hand-over of a message. `state` is the ledger's; "spoken" for word of mouth. `address` is for the client's people."""

    at: datetime
    name: str
    channel: str
    address: str
    state: str
    reason: str
    ended_at: datetime | None
    delivered_at: datetime | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """What is proved of a message: to whom it went, when it first arrived anywhere, and who has it."""

    told: tuple[Told, ...]
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str

    @property
    def is_locked(self) -> bool:
        """Whether its text may change no more."""
        return self.delivered_at is not None or self.acknowledged_at is not None


def proofs(messages: Sequence[BureauMessage]) -> dict[UUID, Proof]:
    """Of each message what is proved, from the delivery ledger."""
    about = {("bureau_message", str(row.pk)): row.pk for row in messages}
    about |= {("page", str(row.page_id)): row.pk for row in messages if row.page_id is not None}
    told: dict[UUID, list[Told]] = defaultdict(list)
    attempts = {
        each.ledger_id: each for each in RelayAttempt.objects.filter(message__in=messages, ledger_id__isnull=False)
    }
    ids = [subject_id for _kind, subject_id in about]
    rows = [
        row
        for row in Delivery.objects.filter(subject_kind__in=ROUTED, subject_id__in=ids).order_by("created_at", "id")
        if (row.subject_kind, row.subject_id) in about and row.state != Delivery.State.SUPERSEDED
    ]
    names = dict(
        Person.objects.filter(
            id__in=[int(row.recipient_id) for row in rows if row.recipient_kind == "person"]
        ).values_list("id", "name")
    )
    for row in rows:
        attempt = attempts.get(row.message_id)
        if row.subject_kind == "bureau_message" and attempt is None:
            continue  # the code that was sent to prove somebody, no message
        name = attempt.name if attempt else names.get(int(row.recipient_id or 0), "")
        told[about[(row.subject_kind, row.subject_id)]].append(
            Told(
                row.accepted_at or row.created_at,
                name,
                row.channel,
                row.address,
                row.state,
                row.reason,
                row.ended_at,
                row.delivered_at or (row.ended_at if row.state in ("delivered", "read") else None),
                bool(attempt and attempt.again),
            )
        )
    for each in RelayAttempt.objects.filter(message__in=messages, ledger_id=None).order_by("at"):
        told[each.message_id].append(Told(each.at, each.name, "", "", "spoken", "", each.at, each.at))
    return {row.pk: _proof(row, sorted(told[row.pk], key=lambda one: one.at)) for row in messages}


def _proof(row: BureauMessage, told: list[Told]) -> Proof:
    arrived = min((one.delivered_at for one in told if one.delivered_at is not None), default=None)
    # A message that can wait has arrived where its ticket lies in the client's queue.
    if arrived is None and row.ticket_id is not None and row.page_id is None:
        arrived = row.saved_at
    return Proof(tuple(told), arrived, row.acknowledged_at, row.acknowledged_by)


def proof_of(message: BureauMessage) -> Proof:
    """What is proved of one message."""
    return proofs([message])[message.pk]


def messages(brands: Brands) -> QuerySet[BureauMessage]:
    """The messages of these brands' clients, tests among them, the newest first."""
    rows = BureauMessage.objects.select_related("client__brand", "taker", "customer", "version__script")
    return rows if brands is None else rows.filter(client__brand_id__in=brands)


def minders(brands: Brands, at: datetime) -> list[tuple[BureauMessage, Proof]]:
    """What was handed on and is proved to be nowhere for longer than its client allows, the oldest first."""
    rows = messages(brands).filter(state__in=[State.RELAYED, State.UNDELIVERED], test=False)
    waiting = [
        row
        for row in rows.order_by("saved_at")
        if row.saved_at is not None and row.saved_at + timedelta(seconds=row.client.mind_s) <= at
    ]
    known = proofs(waiting)
    return [(row, known[row.pk]) for row in waiting if not known[row.pk].is_locked or _wants_a_word(row)]


def _wants_a_word(row: BureauMessage) -> bool:
    """Whether an arrival alone is not enough: a client that wants somebody to say that they have it."""
    return row.urgent and (row.client.confirm or row.client.relay == BureauClient.Relay.PAGE)


def has_open_page(brand_id: int | None) -> bool:
    """Whether a page of that brand could be a bureau's message."""
    if brand_id is None:
        return False
    rows = BureauMessage.objects.filter(client__brand_id=brand_id, page_id__isnull=False)
    return rows.exclude(state=State.CLOSED).exists()


# --- Figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """A client's month: what an operator took, and how it went. `median_s`: from saved to acknowledged, of those that were."""

    client_id: int
    client: str
    calls: int
    messages: int
    urgent: int
    told: int
    patched: int
    fruitless: int
    acknowledged: int
    within_half_an_hour: int
    corrected: int
    seconds: int


COUNTED = (
    "client", "calls", "messages", "urgent", "told", "patched", "fruitless", "acknowledged", "within_half_an_hour", "corrected",
    "seconds",
)  # fmt: skip
"""The columns of a client's counts, after the month."""


def counts(brands: Brands, since: datetime, until: datetime) -> list[Counted]:
    """What was taken for each client in [`since`, `until`), test calls left out; clients without a call have noughts."""
    rows = BureauMessage.objects.filter(test=False, began_at__gte=since, began_at__lt=until)
    soon = F("saved_at") + timedelta(minutes=30)
    said = Q(outcome="message") | Q(saved_at__isnull=False)
    counted: dict[int, Any] = {
        row["client_id"]: row
        for row in rows.values("client_id").annotate(
            calls=Count("id"),
            messages=Count("id", filter=said),
            urgent=Count("id", filter=said & Q(urgent=True)),
            told=Count("id", filter=Q(outcome="told")),
            patched=Count("id", filter=Q(outcome="patched")),
            fruitless=Count("id", filter=Q(outcome__in=["wrong_number", "hung_up", "nuisance"])),
            acknowledged=Count("id", filter=Q(acknowledged_at__isnull=False)),
            within_half_an_hour=Count("id", filter=Q(acknowledged_at__lte=soon)),
            corrected=Count("id", filter=Q(corrected__gt=0)),
        )
    }
    spent: dict[int, int] = defaultdict(int)
    ended = rows.filter(ended_at__isnull=False).values_list("client_id", "began_at", "ended_at")
    for client_id, began_at, ended_at in ended:
        assert ended_at is not None  # as it was asked for
        spent[client_id] += int((ended_at - began_at).total_seconds())
    names = (
        "calls",
        "messages",
        "urgent",
        "told",
        "patched",
        "fruitless",
        "acknowledged",
        "within_half_an_hour",
        "corrected",
    )
    return [
        Counted(
            client.pk,
            client.brand.name,
            **{name: counted.get(client.pk, {}).get(name, 0) for name in names},
            seconds=spent[client.pk],
        )
        for client in clients(brands)
    ]


def state_in_words(message: BureauMessage, proof: Proof) -> tuple[str, str]:
    """(how the message stands, the tone it is shown in)."""
    if message.test:
        return _("a test call"), ""
    if message.state == State.OPEN:
        return _("being taken down"), "accent"
    if proof.acknowledged_at is not None:
        return _("{name} has it").format(name=proof.acknowledged_by), "calm"
    if message.saved_at is None:
        return _("no message"), ""
    if message.state == State.UNDELIVERED:
        return _("undelivered"), "fire"
    if proof.delivered_at is not None:
        return _("delivered"), "calm" if not _wants_a_word(message) else "accent"
    return _("on its way"), "accent"
