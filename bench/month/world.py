"""Plays a month: callers, telephones, people and a clock, against a policy; `calls.flow` decides. One seed is one month.

Whatever is left to chance is drawn by the seed and what it is about (this call, that person, this ring), so that the same
callers come, and the same people sleep badly, whichever policy is held against them.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from bench.month.inputs import NOT_COVERED_KEYS, STATUS_KEYS, WEEK, Inputs, Policy
from bench.month.one_phone import OnePhone
from nightdesk.calls import flow
from nightdesk.lines import exchange
from nightdesk.reports.phone import LineCall, LineFigures, OwedCallBack, figures

LETTERS_A_SECOND = 15
NUMBER = "+441632960100"
BUREAU = "+441632960999"
LISTENS = ("new", "greeting", "pin", "menu", "hunt", "bureau")
"""The stages in which a caller's patience counts."""
TWO_WEEKS = timedelta(days=14)


@dataclass
class Month:
    """What came of one."""

    calls: list[LineCall] = field(default_factory=list)
    owed: list[OwedCallBack] = field(default_factory=list)
    figures: LineFigures = field(default_factory=LineFigures)
    rung_while_fixing: int = 0
    steps: int = 0
    slow: dict[str, int] = field(default_factory=dict)
    """Where those were who asked for somebody and had nobody in time: in or out of hours, who had them, who they are."""


def play(inputs: Inputs, policy: Policy, seed: int) -> Month:
    """One month under the policy."""
    return _World(inputs, policy, seed).run()


@dataclass
class Person:
    """An engineer: what their telephone does now, and until when they are awake of what woke them."""

    id: int
    busy_until: datetime
    rings: int = 0
    talks: bool = False
    awake_until: datetime | None = None
    answered_at: datetime | None = None


@dataclass
class Leg:
    """A telephone that is rung. `machine`: voicemail has it."""

    name: str
    to: str
    person: Person | None
    up: bool = False
    machine: bool = False


@dataclass(frozen=True)
class Caller:
    """Who rings, as the world knows."""

    kind: str
    covered: bool
    live: bool
    has_pin: bool
    touched: bool
    patience_s: float


class _World:
    def __init__(self, inputs: Inputs, policy: Policy, seed: int) -> None:
        self.inputs, self.policy, self.seed = inputs, policy, seed
        self.zone = ZoneInfo(inputs.zone)
        day = datetime.combine(inputs.first_day, datetime.min.time(), self.zone).astimezone(UTC)
        self.start, self.at = day, day
        self.end = day + timedelta(days=inputs.days)
        self.coming: list[tuple[datetime, int, Callable[[], None]]] = []
        self.numbers = count()
        self.people = [Person(number, day) for number in range(inputs.engineers)]
        self.waiting: dict[int, datetime] = {}
        self.month = Month()
        self.outage_at: datetime | None = None
        self.outage_until = self.known_at = day
        if inputs.outage is not None:
            local = datetime.combine(
                inputs.first_day + timedelta(days=inputs.outage.day), inputs.outage.starts, self.zone
            )
            self.outage_at = local.astimezone(UTC)
            self.outage_until = self.outage_at + timedelta(minutes=inputs.outage.lasts_min)
            self.known_at = self.outage_at + timedelta(minutes=inputs.outage.known_after_min)

    # --- Chance and time ---

    def chance(self, *about: Any) -> Random:
        return Random(":".join(map(str, (self.seed, *about))))

    def takes(self, mean_shape: tuple[float, float], *about: Any) -> float:
        mean, shape = mean_shape
        return self.chance(*about).gammavariate(shape, mean / shape)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.coming, (self.at + timedelta(seconds=seconds), next(self.numbers), what))

    def run(self) -> Month:
        for number, (at, extra) in enumerate(self._arrivals()):
            call = _Call(self, number, at, extra)
            heapq.heappush(self.coming, (at, next(self.numbers), call.begin))
        while self.coming:
            self.at, _number, what = heapq.heappop(self.coming)
            what()
        self.month.figures = figures(self.month.calls, self.month.owed, self.inputs.days, self.end + TWO_WEEKS)
        return self.month

    def _arrivals(self) -> list[tuple[datetime, bool]]:
        """When somebody rings, and whether for the outage alone."""
        found: list[tuple[datetime, bool]] = []
        hours = round((self.end - self.start).total_seconds() / 3600)
        for hour in range(hours):
            since = self.start + timedelta(hours=hour)
            local = since.astimezone(self.zone)
            rate = self.inputs.peak * WEEK[local.weekday()][local.hour]
            found += [(at, False) for at in self._poisson(since, 3600, rate / 3600, "hour", hour)]
        outage = self.inputs.outage
        if outage is not None and self.outage_at is not None:
            for minute in range(outage.lasts_min):
                rate = self.inputs.peak * outage.extra * 0.5 ** (minute / outage.halves_after_min)
                since = self.outage_at + timedelta(minutes=minute)
                found += [(at, True) for at in self._poisson(since, 60, rate / 3600, "outage", minute)]
        return sorted(found)

    def _poisson(self, since: datetime, seconds: float, a_second: float, *about: Any) -> list[datetime]:
        random, passed, found = self.chance("arrivals", *about), 0.0, []
        while a_second > 0:
            passed += random.expovariate(a_second)
            if passed >= seconds:
                break
            found.append(since + timedelta(seconds=passed))
        return found

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        return local.weekday() < 5 and self.inputs.opens <= local.time() < self.inputs.closes

    def asleep(self, person: Person) -> bool:
        clock = self.at.astimezone(self.zone).time()
        night = clock >= self.inputs.sleeps[0] or clock < self.inputs.sleeps[1]
        awake = person.awake_until is not None and self.at < person.awake_until
        return night and not awake and not self.fixing(person)

    def known_outage(self) -> bool:
        return self.outage_at is not None and self.known_at <= self.at < self.outage_until

    def fixing(self, person: Person) -> bool:
        outage = self.inputs.outage
        if outage is None or self.outage_at is None or not self.outage_at <= self.at < self.outage_until:
            return False
        # The one on duty; by day more of the team, never the whole of it.
        return person.id == 0 or (self.is_open(self.at) and person.id < min(outage.fixers, len(self.people) - 2))

    def candidates(self) -> Sequence[flow.Candidate]:
        """Who may be rung: in hours whoever answered longest ago first, else the holder and the backup."""
        open_now = self.is_open(self.at)
        if open_now:
            people = sorted(self.people, key=lambda one: (one.answered_at or self.start, one.id))
        else:
            people = self.people[:2] if self.policy.knows else self.people[:4]
        return [
            flow.Candidate(
                person.id + 1,
                f"Engineer {person.id + 1}",
                f"desk-{person.id}" if open_now else f"+4477009000{person.id:02}",
                outside=not open_now,
                awake=open_now or self.policy.all_at_night,
                fixing=self.policy.knows and self.fixing(person),
                busy=self.busy(person),
                rank="queue" if open_now else "backup" if person.id else "holder",
            )
            for person in people
        ]

    def busy(self, person: Person) -> bool:
        return person.talks or person.rings > 0 or self.at < person.busy_until

    # --- People ---

    def wake(self, person: Person) -> bool:
        """They are awake now; whether they had slept."""
        slept = self.asleep(person)
        if slept:
            person.awake_until = self.at + timedelta(minutes=self.inputs.awake_for_min)
        return slept

    def page(self, call: "_Call", owed_at: datetime, rung: int = 0) -> None:
        """The holder is paged for what was left, then the backup, and so on, until somebody has it; they ring back."""
        person = self.people[rung % 2]
        about = ("page", call.number, rung)
        hears = self.chance(*about, "hears").random() >= self.inputs.sleeps_through or not self.asleep(person)
        if self.no_coverage(person):
            hears = False
        wakes_after = self.takes(self.inputs.wakes if self.asleep(person) else self.inputs.picks_up_awake, *about)
        if not hears or rung > 20:
            if rung <= 20:
                self.later(self.inputs.page_climbs_s, lambda: self.page(call, owed_at, rung + 1))
            return

        def wakes() -> None:
            call.woken += self.wake(person)
            back = self.takes(self.inputs.calls_back_after_s, *about, "back")
            self.later(back, lambda: self.month.owed.append(OwedCallBack(owed_at, self.at)))

        self.later(self.inputs.mobile_set_up_s + wakes_after, wakes)

    def no_coverage(self, person: Person) -> bool:
        night = (self.at.astimezone(self.zone) - timedelta(hours=12)).date()
        return self.chance("coverage", person.id, night).random() < self.inputs.out_of_coverage

    def away_from_desk(self, person: Person) -> bool:
        quarter = math.floor((self.at - self.start).total_seconds() / 900)
        return self.chance("desk", person.id, quarter).random() < self.inputs.away_from_desk


class _Call:
    """One caller, and the exchange that carries out what is ordered for them."""

    def __init__(self, world: _World, number: int, came_at: datetime, extra: bool) -> None:
        self.world, self.number, self.came_at = world, number, came_at
        self.state = flow.State()
        self.policy: Any = OnePhone if world.policy.one_phone else flow
        self.legs: dict[str, Leg] = {}
        self.here = True
        self.hears = ""
        self.recording = ""
        self.timers: dict[str, int] = {}
        self.tokens = count()
        self.talked = self.ended = self.with_bureau = False
        self.answered_at: datetime | None = None
        self.answered_by = ""
        self.told = ""
        self.rung = self.woken = 0
        self.ended_as = ""
        self.known = False
        self.caller = self._who(extra)

    def _who(self, extra: bool) -> Caller:
        inputs, random = self.world.inputs, self.world.chance("caller", self.number)
        kind_draw = random.random()
        kind = "customer" if kind_draw < inputs.customers else "unknown"
        if kind_draw >= 1 - inputs.peers:
            kind = "peer"
        covered = random.random() < inputs.covered
        live = covered and random.random() < inputs.live
        has_pin = random.random() < inputs.with_pin
        touched = extra or (inputs.outage is not None and random.random() < inputs.outage.touched)
        mean, shape = inputs.patience
        return Caller(kind, covered, live, has_pin, touched, random.gammavariate(shape, mean / shape))

    def draw(self, *about: Any) -> Random:
        return self.world.chance("call", self.number, *about)

    # --- Facts ---

    def facts(self) -> flow.Facts:
        world = self.world
        policy, at = world.policy, world.at
        open_now = world.is_open(at)
        line = flow.LineFacts(
            line_id=1,
            brand="Quayside",
            language="en-GB",
            open_now=open_now,
            shown_number=NUMBER,
            pager_number=NUMBER,
            night="message" if policy.knows else "live",
            joins_s=policy.joins_s,
            ring_s=policy.ring_s,
            most_rung=policy.most_rung if open_now or policy.all_at_night else 3,
            longest_hunt_s=policy.longest_hunt_s,
            bureau_number=BUREAU if policy.bureau else "",
            call_out_price="95 pounds",
        )
        ahead = sum(came < self.came_at for came in world.waiting.values())
        return flow.Facts(at, world.inputs.zone, line, self._caller_facts(open_now), world.candidates(), ahead)

    def _caller_facts(self, open_now: bool) -> flow.CallerFacts:
        world, who = self.world, self.caller
        if not world.policy.knows:
            return flow.CallerFacts("customer", "A caller", "number", 1, covered=True, may_wake=True, live=True)
        kind: Any = "customer" if who.kind == "unknown" and self.known else who.kind
        outages: Sequence[flow.KnownOutage] = ()
        if kind == "customer" and who.touched and world.known_outage():
            assert world.outage_at is not None
            assert world.inputs.outage is not None
            every = timedelta(minutes=world.inputs.outage.update_every_min)
            said_at = world.known_at + (world.at - world.known_at) // every * every
            words = "Your internet connection does not work. A core router in the east failed; engineers are at work."
            outages = [flow.KnownOutage("o1", words, said_at, said_at + every, late=False)]
        covered = kind == "customer" and (open_now or who.covered)
        return flow.CallerFacts(
            kind,
            "Acme Hosting" if kind == "customer" else "",
            "pin" if self.known else "number" if kind != "unknown" else "",
            customer_id=1 if kind == "customer" else None,
            peer_id=1 if kind == "peer" else None,
            covered=covered,
            may_wake=covered,
            live=who.live,
            answer_from=None if covered else world.at + timedelta(hours=9),
            hours_in_words="Your support hours are Monday to Friday, 8 to 18.",
            workarounds=() if covered else ("Webmail works while the mail program does not.",),
            outages=outages,
        )

    # --- The call ---

    def begin(self) -> None:
        self.world.waiting[self.number] = self.came_at
        self.world.later(self.caller.patience_s, self._patience_ends)
        self._take(self.policy.begin(exchange.Came(exchange.CALLER, NUMBER, "+441632960001"), self.facts()))

    def happens(self, event: flow.Event) -> None:
        if not self.ended:
            self._take(self.policy.step(self.state, event, self.facts()))

    def _take(self, step: flow.Step) -> None:
        self.world.month.steps += 1
        self.state = step.state
        if step.state.stage not in ("new", "hunt", "bureau"):
            self.world.waiting.pop(self.number, None)
        for order in step.orders:
            self._carry_out(order)

    def _patience_ends(self) -> None:
        if not self.ended and self.here and not self.talked and self.state.stage in LISTENS:
            self._hang_up()

    def _hang_up(self) -> None:
        if self.here and not self.ended:
            self.here = False
            if self.recording:
                self._recorded(sound=False, ended="gone")
            self.happens(exchange.Gone(exchange.CALLER, "hung_up"))

    def _carry_out(self, order: flow.Order) -> None:
        world = self.world
        match order:
            case flow.Timer(name, seconds):
                token = self.timers[name] = next(self.tokens)
                world.later(seconds, lambda: self._due(name, token))
            case flow.Forget(name):
                self.timers.pop(name, None)
            case flow.Look(pin):
                self.known = self.known or bool(pin)
                world.later(0.05, lambda: self.happens(flow.Known(believed=True)))
            case flow.Write(what, about):
                self._write(what, about)
            case exchange.Say():
                self._say(order)
            case exchange.Hold(leg) if leg == exchange.CALLER:
                self.hears = ""
            case exchange.Ring():
                self._ring(order)
            case exchange.Join(legs):
                self._join(legs)
            case exchange.Record(leg, name):
                self._record(name)
            case exchange.StopRecording():
                if self.recording:
                    self._recorded(sound=True, ended="ordered")
            case exchange.HangUp(leg):
                self._drop(leg)

    def _due(self, name: str, token: int) -> None:
        if self.timers.get(name) == token:
            del self.timers[name]
            self.happens(flow.Due(name))

    def _drop(self, leg: str) -> None:
        if leg == exchange.CALLER:
            self.here = False
        elif leg in self.legs:
            self._free(self.legs.pop(leg))

    def _free(self, leg: Leg) -> None:
        person = leg.person
        if person is not None:
            if leg.up and person.talks:
                person.talks = False
                person.busy_until = self.world.at + timedelta(seconds=self.world.inputs.wrap_up_s)
            elif not leg.up:
                person.rings = max(person.rings - 1, 0)

    def _write(self, what: str, about: Any) -> None:
        world = self.world
        if what == "answered" and self.answered_at is None:
            self.answered_at, self.answered_by = world.at, str(about["by"])
        elif what == "heard_outage":
            self.told = self.told or "outage"
        elif what == "message" or (what == "missed" and about.get("declined")):
            self._left(about)
        elif what == "ended":
            self._over(str(about["as"]))

    def _left(self, about: Any) -> None:
        """A ticket, and where somebody should be woken for it a page and a call-back."""
        world = self.world
        if about.get("heard") or about.get("for_later") or world.is_open(world.at):
            return
        world.page(self, world.at + timedelta(seconds=1800))

    def _over(self, ended_as: str) -> None:
        if self.ended:
            return
        self.ended, self.ended_as = True, ended_as
        world = self.world
        world.waiting.pop(self.number, None)
        for leg in list(self.legs):
            self._drop(leg)
        # What was left is paged a little later: its figures are read once nobody can be woken any more.
        world.later(6 * 3600, self._count)

    def _count(self) -> None:
        world = self.world
        one = LineCall(
            self.came_at,
            self.answered_at,
            self.answered_by,  # type: ignore[arg-type]
            self.told,  # type: ignore[arg-type]
            self.ended_as == "abandoned",
            self.rung,
            not world.is_open(self.came_at),
            self.woken,
        )
        world.month.calls.append(one)
        if one.asked and not one.in_time:
            when = "out of hours" if one.out_of_hours else "in hours"
            slow = f"{when}, {self.caller.kind}, {self.answered_by or self.ended_as}"
            world.month.slow[slow] = world.month.slow.get(slow, 0) + 1

    # --- What the caller hears and does ---

    def _say(self, order: exchange.Say) -> None:
        if order.leg != exchange.CALLER:
            self._whisper(order)
            return
        if not self.here:
            return
        name = self.hears = order.name
        lasts = sum(len(one.text) / LETTERS_A_SECOND if one.text else 8 for one in order.words)
        self.world.later(lasts, lambda: self._said(name))
        self.world.later(lasts + 1, lambda: self._answers(name, order.stop))

    def _said(self, name: str) -> None:
        if self.hears == name and self.here:
            self.hears = f"after {name}"
            self.happens(exchange.Said(exchange.CALLER, name))

    def _answers(self, name: str, keys: str) -> None:
        """What the caller does once the words are over: a key, or they ring off."""
        if self.ended or not self.here or self.hears != f"after {name}":
            return
        stage = self.state.stage
        if stage == "not_covered" and not self.told:
            self.told = "not_covered"
        digit = self._digit(stage)
        if stage in ("status", "not_covered", "review") and digit == "":
            self._hang_up()
        elif digit and (not keys or digit[0] in keys):
            self.hears = ""
            for nth, one in enumerate(digit):
                self.world.later(nth / 2, lambda one=one: self._key(one))  # type: ignore[misc]

    def _key(self, digit: str) -> None:
        if self.here:
            self.happens(exchange.Key(exchange.CALLER, digit))

    def _digit(self, stage: str) -> str:
        if stage == "pin":
            return "471100#" if self.caller.has_pin else "*"
        if stage == "review":
            return "1" if self.draw("review").random() < 0.8 else ""
        choice = self.draw(stage).random()
        for digit, share in {"status": STATUS_KEYS, "not_covered": NOT_COVERED_KEYS}.get(stage, {}).items():
            if choice < share:
                return digit
            choice -= share
        return ""

    def _record(self, name: str) -> None:
        self.recording = name
        if self.draw("machines").random() < self.world.inputs.hates_machines:
            self.world.later(2, self._hang_up)
            return
        speaks = self.world.takes(self.world.inputs.speaks, "speaks", self.number, name)
        self.world.later(speaks, lambda: self._spoken(name))

    def _spoken(self, name: str) -> None:
        if self.recording == name and self.here:
            self._recorded(sound=True, ended="key")

    def _recorded(self, *, sound: bool, ended: Any) -> None:
        name, self.recording = self.recording, ""
        event = exchange.Recorded(exchange.CALLER, name, "f" * 64 if sound else "", 10, 9 if sound else 0, ended)
        self.world.later(0.05, lambda: self.happens(event))

    # --- Telephones ---

    def _ring(self, order: exchange.Ring) -> None:
        world = self.world
        if order.to == BUREAU:
            self._ring_bureau(order)
            return
        person = world.people[int(order.to[-2:]) if order.to.startswith("+") else int(order.to.removeprefix("desk-"))]
        leg = self.legs[order.leg] = Leg(order.leg, order.to, person)
        if self.known_outage_rings(person):
            world.month.rung_while_fixing += 1
        if world.busy(person):
            person.rings += 1
            world.later(0.1, lambda: self._ends(leg, "busy"))
            return
        person.rings += 1
        self.rung += 1
        outside = order.to.startswith("+")
        set_up = world.inputs.mobile_set_up_s if outside else 0.1
        if outside and world.no_coverage(person):
            world.later(set_up, lambda: self._picked_up(leg, machine=True))
            return
        world.later(set_up, lambda: self._rings(leg, order.ring_s))

    def known_outage_rings(self, person: Person) -> bool:
        touched = self.caller.touched and self.caller.kind == "customer"
        return touched and self.world.known_outage() and self.world.fixing(person)

    def _rings(self, leg: Leg, ring_s: float) -> None:
        if self.legs.get(leg.name) is not leg:
            return
        self.happens(exchange.Ringing(leg.name))
        world, person = self.world, leg.person
        assert person is not None
        about = ("ring", self.number, leg.name, person.id)
        if leg.to.startswith("+"):
            asleep = world.asleep(person)
            hears = not asleep or world.chance(*about).random() >= world.inputs.sleeps_through
            after = world.takes(world.inputs.wakes if asleep else world.inputs.picks_up_awake, *about, "after")
            if not hears:
                after = math.inf
            if asleep and hears:
                world.later(after, lambda: self._wakes(leg))
            if world.inputs.voicemail_after_s < min(after, ring_s):
                world.later(world.inputs.voicemail_after_s, lambda: self._picked_up(leg, machine=True))
                return
        else:
            after = math.inf if world.away_from_desk(person) else world.takes(world.inputs.picks_up, *about)
        if after < ring_s:
            world.later(after, lambda: self._picked_up(leg))
        else:
            world.later(ring_s, lambda: self._ends(leg, "no_answer"))

    def _wakes(self, leg: Leg) -> None:
        """It has rung for long enough to wake them, whether or not somebody else answers."""
        if self.legs.get(leg.name) is leg and leg.person is not None and not self.ended:
            self.woken += self.world.wake(leg.person)

    def _ring_bureau(self, order: exchange.Ring) -> None:
        world = self.world
        leg = self.legs[order.leg] = Leg(order.leg, order.to, None)
        after = world.takes(world.inputs.bureau_picks_up, "bureau", self.number)
        if world.chance("bureau full", self.number).random() < world.inputs.bureau_full:
            after += 30
        self.world.later(world.inputs.bureau_set_up_s, lambda: self._bureau_rings(leg, order.ring_s, after))

    def _bureau_rings(self, leg: Leg, ring_s: float, after: float) -> None:
        if self.legs.get(leg.name) is leg:
            self.happens(exchange.Ringing(leg.name))
            if after < ring_s:
                self.world.later(after, lambda: self._picked_up(leg))
            else:
                self.world.later(ring_s, lambda: self._ends(leg, "no_answer"))

    def _ends(self, leg: Leg, why: Any) -> None:
        if self.legs.get(leg.name) is leg:
            self._free(self.legs.pop(leg.name))
            self.happens(exchange.Gone(leg.name, why))

    def _picked_up(self, leg: Leg, *, machine: bool = False) -> None:
        if self.legs.get(leg.name) is not leg:
            return
        leg.machine = machine
        self.happens(exchange.PickedUp(leg.name))

    def _whisper(self, order: exchange.Say) -> None:
        """What somebody of ours hears: whoever must press 1 does."""
        leg = self.legs.get(order.leg)
        if leg is None:
            return
        lasts = sum(len(one.text) / LETTERS_A_SECOND for one in order.words)
        self.world.later(lasts, lambda: self.happens(exchange.Said(order.leg, order.name)))
        if not leg.machine and not leg.up and "1" in order.stop:
            self.world.later(self.world.inputs.presses_1_after_s, lambda: self._presses_1(leg))

    def _presses_1(self, leg: Leg) -> None:
        if self.legs.get(leg.name) is leg:
            self.happens(exchange.Key(leg.name, "1"))

    def _join(self, legs: Sequence[str]) -> None:
        world = self.world
        joined = [self.legs[name] for name in legs if name in self.legs]
        if exchange.CALLER not in legs or not joined or self.talked:
            return
        self.talked = True
        self.hears = ""
        (leg,) = joined
        self.with_bureau = leg.person is None
        if leg.machine:
            world.later(3, self._hang_up)
            return
        leg.up = True
        if self.answered_at is None:
            self.answered_at, self.answered_by = world.at, "bureau" if leg.person is None else "engineer"
        if leg.person is not None:
            leg.person.rings = max(leg.person.rings - 1, 0)
            leg.person.talks, leg.person.answered_at = True, world.at
            least, most = world.inputs.handling_s
        else:
            least, most = world.inputs.bureau_takes_s
        world.later(self.draw("talk").uniform(least, most), self._talk_is_over)

    def _talk_is_over(self) -> None:
        if self.here and not self.ended:
            if self.with_bureau and not self.told:
                self._left({})
            self._hang_up()
