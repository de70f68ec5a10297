"""Calls that a telephony provider carries (lines.twiml): web hooks and timers in, steps out, and what else is to be done.

No process holds such a call. Whoever hears of it, a web process or a worker, locks it, lets the flow take its step, and writes
down what each leg is to do from then on. The leg that asks is answered at once; what the others are to do a worker tells the
provider (`twiml_tasks`). So any process may be killed at any time, and there may be as many of them as are wanted.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from nightdesk.base import promises
from nightdesk.base.actors import Actor, Door
from nightdesk.base.files import keep_file, read_file
from nightdesk.base.ids import uuid7
from nightdesk.base.rows import change, insert, one_at_a_time
from nightdesk.calls import flow, running, stored
from nightdesk.calls.locking import locked_call
from nightdesk.calls.models import Asking, Call
from nightdesk.calls.provider_links import leg_address, route_of, sound_address
from nightdesk.calls.twiml_models import TwimlLeg
from nightdesk.channels.models import Route
from nightdesk.channels.queries import shown_settings_of
from nightdesk.lines import exchange, sound
from nightdesk.lines.exchange import CALLER, Words
from nightdesk.lines.leg import Event, HangUp, Step
from nightdesk.lines.twiml import program
from nightdesk.lines.twiml.program import Hook

log = logging.getLogger(__name__)

EXCHANGE = "twiml"
"""What `Call.exchange` begins with: "twiml:7" is the route of that id."""
LANE = "lines"
"""Who is woken when a provider is to be told something."""
TIMER = "calls.twiml_due"
"""The promise that a call's timer is heard; `twiml_tasks` keeps it."""
LOOK_AGAIN = timedelta(seconds=60)
"""How long a leg may say nothing until the provider is asked how it stands: a lost report must not leave it for ever."""
LOOK_SOON = timedelta(seconds=1)
"""The same where the provider did not take what it was told."""
KEPT_WITHIN = timedelta(seconds=30)
"""How long the provider may take to say where a recording is."""
MOST_REFUSALS = 3
MOST_FETCHES = 12


@dataclass(frozen=True, slots=True)
class Did:
    """What came of one thing done at the provider. `refused`: why it would not; `for_good`: nor will it ever.

    `sid` of what was placed, `turn` of what was pushed or fetched, `file` the digest under which a piece is kept, `event` how
    the leg stands.
    """

    what: str
    sid: str = ""
    turn: int = -1
    file: str = ""
    event: Event | None = None
    refused: str = ""
    for_good: bool = False
    again_s: float = 1.0


@transaction.atomic
def take_provider_call(
    *, route: Route, sid: str, number: str, called: str, by: Actor, via: Door, at: datetime
) -> list[Step] | None:
    """A call came at the provider: what its caller hears first. Told twice it is one call. None: the number is no line's."""
    del by, via
    one_at_a_time(f"{route.pk} {sid}")  # a provider that hears nothing for a while asks again beside it
    known = TwimlLeg.objects.filter(route=route, sid=sid).first()
    if known is not None:
        with _Running.of(known.call_id, at) as known_call:
            return known_call.answer(known.name)
    came = exchange.Came(CALLER, called, number)
    done = running.take_call(exchange=f"{EXCHANGE}:{route.pk}", came=came, at=at, once=sid, reachable=_reachable(route))
    if not Call.objects.filter(pk=done.call_id).exists():
        return None
    with _Running.of(done.call_id, at) as call:
        call.legs[CALLER] = program.Leg(CALLER, state="ringing", sid=sid)
        call.order(done.orders)
        return call.answer(CALLER)


@transaction.atomic
def hear_provider(*, call_id: UUID, leg: str, hook: Hook, by: Actor, via: Door, at: datetime) -> list[Step]:
    """What a web hook about a leg tells has been acted on; what the leg is to do now. One that is late changes nothing."""
    del by, via
    with _Running.of(call_id, at) as call:
        if leg not in call.legs:
            return [HangUp()]
        announced = call.legs[leg].announced[1]
        call.legs[leg], events = program.hear(call.legs[leg], hook)
        call.hear(events)
        if hook.what == "announced":
            return call.spoken(leg, announced)
        return call.answer(leg) if hook.what not in ("status", "kept") else []


@transaction.atomic
def hear_provider_status(*, route_id: int, sid: str, event: Event, by: Actor, via: Door, at: datetime) -> bool:
    """How a call that rang us stands, told by the provider for the number as a whole. False: it is no call of ours."""
    row = TwimlLeg.objects.filter(route=route_id, sid=sid).only("call_id", "name").first()
    if row is None:
        return False
    hear_provider(call_id=row.call_id, leg=row.name, hook=Hook("status", -1, event), by=by, via=via, at=at)
    return True


@transaction.atomic
def hear_provider_timer(*, call_id: UUID, name: str, by: Actor, via: Door, at: datetime) -> None:
    """A timer of the call has run out; nothing where the call is gone."""
    del by, via
    if not Call.objects.filter(pk=call_id).exists():
        return
    with _Running.of(call_id, at) as call:
        call.hear([flow.Due(name)])


@transaction.atomic
def begin_provider_leg(*, leg_id: UUID, by: Actor, via: Door, at: datetime) -> None:
    """Somebody begins to place the leg: if they are never heard of again, it may ring already."""
    del by, via, at
    TwimlLeg.objects.filter(pk=leg_id).update(placing=True)


@transaction.atomic
def note_provider_work(*, leg_id: UUID, attempt: int, did: Sequence[Did], by: Actor, via: Door, at: datetime) -> None:
    """What was done at the provider for a leg under that lease is noted, and what it tells is acted on."""
    del by, via
    row = TwimlLeg.objects.only("call_id", "name").get(pk=leg_id)
    with _Running.of(row.call_id, at) as call:
        mine = call.rows.get(row.name)
        if mine is None or mine.attempt != attempt:
            return  # another worker has it by now; what was placed tells of itself
        call.give_back(row.name)
        for one in did:
            call.note(row.name, one)


@transaction.atomic
def hear_provider_asking(*, by: Actor, via: Door, at: datetime) -> bool:
    """The oldest thing that somebody of ours asks of such a call is heard; False where there is none."""
    del by, via
    waiting = Asking.objects.filter(exchange__startswith=f"{EXCHANGE}:", heard_at=None).order_by("id")
    asked = waiting.select_for_update(skip_locked=True).first()
    if asked is None:
        return False
    asked.heard_at = at
    asked.save(update_fields=["heard_at"])
    begun = running.hear_event(
        call_id=asked.call_id, event=stored.event_from(asked.event), at=at, once=f"asked:{asked.pk}"
    )
    if Call.objects.filter(pk=asked.call_id).exists():
        with _Running.of(asked.call_id, at) as call:
            call.order(begun.orders)
    return True


class _Running:
    """A call under its lock, its legs, and what is to be written of them at the end."""

    def __init__(self, call: Call, route: Route | None, rows: dict[str, TwimlLeg], at: datetime) -> None:
        self.call, self.route, self.rows, self.at = call, route, rows, at
        self.legs = {name: program.Leg.from_json(row.program) for name, row in rows.items()}
        self._due: dict[str, datetime] = {}
        self._given_back: set[str] = set()
        config: Mapping[str, object] = shown_settings_of(route) if route is not None else {}
        self._domain = str(config.get("sip_domain") or "")

    @classmethod
    def of(cls, call_id: UUID, at: datetime) -> "_Running":
        call = locked_call(call_id)
        if call is None:
            raise LookupError(f"There is no call {call_id}.")
        rows = {row.name: row for row in TwimlLeg.objects.filter(call=call)}
        _word, _colon, route_id = call.exchange.partition(":")
        route = Route.objects.filter(pk=int(route_id) if route_id.isdigit() else 0).first()
        return cls(call, route, rows, at)

    def __enter__(self) -> "_Running":
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self._save()

    def give_back(self, name: str) -> None:
        """The lease of the leg's row ends with this."""
        row = self.rows[name]
        row.leased_by = row.leased_at = None
        row.placing = False
        self._given_back.add(name)

    def hear(self, events: Sequence[exchange.Event | flow.Due]) -> None:
        """Let the flow take its steps, and give the legs what it orders; what that tells at once it hears too."""
        waiting = deque(events)
        while waiting:
            done = running.hear_event(
                call_id=self.call.pk, event=waiting.popleft(), at=self.at, reachable=_reachable(self.route)
            )
            waiting += self._ordered(done.orders)

    def order(self, orders: Sequence[exchange.Order]) -> None:
        self.hear(self._ordered(orders))

    def _ordered(self, orders: Sequence[exchange.Order]) -> list[exchange.Event]:
        self.legs, events = program.ordered(self.legs, orders, self._domain, self._sorry())
        return events

    def _sorry(self) -> Words:
        language = self.call.line.language
        with translation.override(language):
            return Words(
                _("We cannot take your call in person just now. Please leave your name and number after the tone."),
                language,
            )

    def answer(self, name: str) -> list[Step]:
        """The document for the leg that asks, which has it from now on."""
        leg = self.legs[name]
        told = program.steps(leg, str(self.call.pk), self.ask(name), self.sound)
        self.legs[name] = program.answered_with(leg)
        return told

    def spoken(self, name: str, words: Sequence[Words]) -> list[Step]:
        """Only the words: they are heard over a talk that goes on."""
        leg = program.Leg(name, doing="say", words=tuple(words))
        return program.steps(leg, "", self.ask(name), self.sound)[:-1]

    def ask(self, name: str) -> Callable[[str, int], str]:
        return lambda what, turn: leg_address(self.call, name, what, turn)

    def sound(self, name: str) -> str:
        return sound_address(route_of(self.call), name)

    def note(self, name: str, did: Did) -> None:
        """What was done at the provider for the leg."""
        leg, row = self.legs[name], self.rows[name]
        if did.refused:
            self._refused(name, did)
            return
        if did.what in ("place", "push", "end"):
            row.failures = 0
        match did.what:
            case "place":
                self.legs[name] = program.placed(leg, did.sid)
            case "push" | "end":
                self.legs[name] = program.pushed(leg, did.turn)
            case "announce":
                self.legs[name] = program.announcing(leg)
            case "end_strays":
                self.legs[name] = program.ended_strays(leg)
            case "fetch":
                self.legs[name] = program.fetched(leg, did.turn, did.file)
                self._hand_on(name)
            case "forget":
                self.legs[name] = program.forgotten(leg)
            case "look":
                self._looked_at(name, did.event)

    def _refused(self, name: str, did: Did) -> None:
        leg, row = self.legs[name], self.rows[name]
        row.failures += 1
        log.warning("Call %s, leg %s: %s was refused: %s", self.call.pk, name, did.what, did.refused)
        gives_up = did.for_good or row.failures >= (MOST_FETCHES if did.what == "fetch" else MOST_REFUSALS)
        if not gives_up:
            wait = max(did.again_s, promises.back_off(row.failures).total_seconds())
            self._due[name] = self.at + timedelta(seconds=wait)
            return
        row.failures = 0
        if did.what == "place":
            self.legs[name], events = program.not_placed(leg, did.refused, unreachable=did.for_good)
            self.hear(events)
        elif did.what == "fetch":
            log.error("Call %s: a recording could not be fetched: %s", self.call.pk, did.refused)
            self.legs[name] = program.fetched(leg, did.turn, "")
            self._hand_on(name)
        elif did.what == "announce":
            self.legs[name] = program.not_announced(leg)
        elif did.what == "forget":
            log.error("Call %s: the provider keeps what was recorded: %s", self.call.pk, did.refused)
            self.legs[name] = program.forgotten(leg)
        else:
            self._due[name] = self.at + LOOK_AGAIN

    def _looked_at(self, name: str, event: Event | None) -> None:
        """The provider says how the leg stands, or that it has forgotten it."""
        leg = self.legs[name]
        told = event or Event(leg.sid, "completed")
        self.legs[name], events = program.hear(leg, Hook("status", -1, told))
        if not self.legs[name].lives and program.awaited(self.legs[name]):
            self.legs[name] = program.given_up(self.legs[name])
        self.hear(events)
        self._hand_on(name)
        self._due[name] = self.at + (LOOK_SOON if program.to_do(self.legs[name]) else LOOK_AGAIN)

    def _hand_on(self, name: str) -> None:
        """Report what has been recorded, and lies with us."""
        for recording, files, ended in program.complete(self.legs[name]):
            self.legs[name] = program.handed_on(self.legs[name], recording)
            kept = _joined(files)
            self.hear([exchange.Recorded(name, recording, kept.file, kept.seconds, kept.sound_s, ended)])
        self.legs[name], events = program.let_go(self.legs[name])
        self.hear(events)

    def _save(self) -> None:
        """The legs, when each is looked at again, and a promise for each timer that the call waits for."""
        new, wakes = list[TwimlLeg](), False
        for name, leg in self.legs.items():
            row = self.rows.get(name)
            if row is None:
                row = TwimlLeg(
                    id=uuid7(self.at), lane=LANE, call=self.call, route=self.route, name=name, created_at=self.at,
                    due_at=self.at,
                )  # fmt: skip
                new.append(row)
            busy = bool(program.to_do(leg))
            row.program, row.sid = leg.as_json(), leg.sid[:60]
            row.due_at = self._due.get(name, self._due_at(leg, busy=busy))
            over = not (leg.lives or busy or leg.left)
            row.ended_at = (row.ended_at or self.at) if over else None
            wakes = wakes or (busy and row.due_at <= self.at)
            if row not in new:
                # Whoever claims a row does not wait for the call's lock: a lease is ended by nobody but its holder.
                lease = ("leased_by", "leased_at", "placing") if name in self._given_back else ()
                change(row, ("program", "sid", "due_at", "ended_at", "failures", *lease))
        if new:
            insert(new)
        if wakes:
            promises.wake_workers(LANE)
        self._promise_timers()

    def _due_at(self, leg: program.Leg, *, busy: bool) -> datetime:
        if busy:
            return self.at
        return self.at + (KEPT_WITHIN if program.awaited(leg) else LOOK_AGAIN)

    def _promise_timers(self) -> None:
        call = Call.objects.only("state", "ended_at").get(pk=self.call.pk)
        for name, due_at in stored.state_from(call.state).timers.items() if call.ended_at is None else ():
            promises.promise(
                TIMER,
                subject=("call", self.call.pk),
                due_at=due_at,
                why=_("a call goes on: {what}").format(what=name[:60]),
                at=self.at,
                facts={"name": name},
                occurrence=f"{self.call.pk}:{name}:{due_at.isoformat()}"[:200],
                brand_id=self.call.line.brand_id,
            )


@dataclass(frozen=True, slots=True)
class _Kept:
    file: str
    seconds: float
    sound_s: float


def _joined(files: Sequence[str]) -> _Kept:
    """The pieces as one file, and how much of it is no silence."""
    pieces = [read_file(digest) for digest in files]
    if not pieces:
        return _Kept("", 0.0, 0.0)
    whole = pieces[0] if len(pieces) == 1 else sound.joined(pieces)
    length = sound.measure(whole)
    return _Kept(files[0] if len(pieces) == 1 else keep_file(whole), length.seconds, length.sound_s)


def _reachable(route: Route | None) -> Callable[[Sequence[str]], Sequence[str]]:
    """Which telephones of ours a provider can ring: all that register with it, as far as we know, or none."""
    registers = route is not None and bool(shown_settings_of(route).get("sip_domain"))
    return lambda telephones: telephones if registers else ()
