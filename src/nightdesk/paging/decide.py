"""What paging decides: whom a page rings, when, and what stops it. Facts and an instant in, values out.

Two promises hold all of it together. A page that is triggered always has a next ring, whatever has happened to it: when
its policy is exhausted it goes to the manager, then to everybody, then to everybody again and again. And silence is
never an accident: only an acknowledgement, a resolution, a snooze or a fold stops a ring, and each names what does.

All instants are aware; spans are half-open: a thing due at T is due when `at` equals T.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from itertools import count
from typing import Literal, TypeAlias, cast, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from nightdesk.base.refusals import Invalid
from nightdesk.customers.hours import SupportHours, Window, Windows, is_open, next_opening
from nightdesk.customers.stored import exceptions_as_json, hours_from, week_as_json

# --- A page's life ---------------------------------------------------------------------------------------------------


class State(StrEnum):
    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Verb(StrEnum):
    """What can happen to a page. A mere repeat of its alarm is none of them: it is counted, and moves nothing."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    REASSIGN = "reassign"
    SNOOZE = "snooze"
    DEFER = "defer"  # it can wait for the opening
    NOTE = "note"
    WAKE_AGAIN = "wake_again"  # a snooze is over, or its owner gave no sign of life: nobody has it any more
    FOLD = "fold"  # a storm's page takes it over
    RAISE = "raise"  # its alarm came again, and urgent now


class Rings(StrEnum):
    """What a verb does to the rings that are promised."""

    VOID = "void"
    NOW = "now"  # void, and ring the next rung at once
    LATER = "later"  # void, and wake again when the snooze is over
    OPENING = "opening"  # void, and ring from rung 0 at the opening, however far that is
    KEEP = "keep"


# Resolved is final: the same alarm afterwards is a new page, with a ring of its own.
TRANSITIONS: Mapping[tuple[State, Verb], tuple[State, Rings]] = {
    (State.TRIGGERED, Verb.ACKNOWLEDGE): (State.ACKNOWLEDGED, Rings.VOID),
    (State.TRIGGERED, Verb.RESOLVE): (State.RESOLVED, Rings.VOID),
    (State.TRIGGERED, Verb.ESCALATE): (State.TRIGGERED, Rings.NOW),
    (State.TRIGGERED, Verb.REASSIGN): (State.TRIGGERED, Rings.NOW),
    (State.TRIGGERED, Verb.SNOOZE): (State.ACKNOWLEDGED, Rings.LATER),
    (State.TRIGGERED, Verb.DEFER): (State.TRIGGERED, Rings.OPENING),
    (State.TRIGGERED, Verb.NOTE): (State.TRIGGERED, Rings.KEEP),
    (State.TRIGGERED, Verb.WAKE_AGAIN): (State.TRIGGERED, Rings.KEEP),
    (State.TRIGGERED, Verb.FOLD): (State.RESOLVED, Rings.VOID),
    (State.TRIGGERED, Verb.RAISE): (State.TRIGGERED, Rings.NOW),
    # Said twice changes nothing, and must not void the end of a snooze.
    (State.ACKNOWLEDGED, Verb.ACKNOWLEDGE): (State.ACKNOWLEDGED, Rings.KEEP),
    (State.ACKNOWLEDGED, Verb.RESOLVE): (State.RESOLVED, Rings.VOID),
    (State.ACKNOWLEDGED, Verb.ESCALATE): (State.TRIGGERED, Rings.NOW),
    (State.ACKNOWLEDGED, Verb.REASSIGN): (State.TRIGGERED, Rings.NOW),
    (State.ACKNOWLEDGED, Verb.SNOOZE): (State.ACKNOWLEDGED, Rings.LATER),
    (State.ACKNOWLEDGED, Verb.DEFER): (State.TRIGGERED, Rings.OPENING),
    (State.ACKNOWLEDGED, Verb.NOTE): (State.ACKNOWLEDGED, Rings.KEEP),
    (State.ACKNOWLEDGED, Verb.WAKE_AGAIN): (State.TRIGGERED, Rings.NOW),
    # Whoever took a warning in the evening did not take what it has become.
    (State.ACKNOWLEDGED, Verb.RAISE): (State.TRIGGERED, Rings.NOW),
    (State.RESOLVED, Verb.RESOLVE): (State.RESOLVED, Rings.KEEP),
    (State.RESOLVED, Verb.NOTE): (State.RESOLVED, Rings.KEEP),
}

LONGEST_SNOOZE = timedelta(hours=24)


@dataclass(frozen=True)
class After:
    """What a verb leaves behind. `voids`: every promised ring is void, and `ring_at` is the only one there is now.

    `ring_at` None with `voids` False: promised rings stand as they were.
    """

    state: State
    voids: bool
    ring_at: datetime | None


def after(state: State, verb: Verb, at: datetime, until: datetime | None = None) -> After | None:
    """What becomes of a page in `state` by `verb`; None where the verb is not allowed there.

    `until` is for a snooze: it ends then, at most `LONGEST_SNOOZE` ahead, and at once where it is past or missing; and for
    what waits for the opening, which may be farther away.
    """
    if (state, verb) not in TRANSITIONS:
        return None
    moved, rings = TRANSITIONS[state, verb]
    if rings is Rings.LATER:
        return After(moved, True, min(max(until or at, at), at + LONGEST_SNOOZE))
    if rings is Rings.OPENING:
        return After(moved, True, max(until or at, at))
    return After(moved, rings is not Rings.KEEP, at if rings is Rings.NOW else None)


Acknowledgement: TypeAlias = Literal["takes", "has_it", "taken", "over"]


def acknowledgement(state: State, owner: str | None, by: str) -> Acknowledgement:
    """What `by`'s acknowledgement means: they take the page, have it already, someone else has it, or it is over."""
    if state is State.RESOLVED:
        return "over"
    if state is State.TRIGGERED:
        return "takes"
    return "has_it" if owner == by else "taken"


# --- May it wake -----------------------------------------------------------------------------------------------------


class Urgency(StrEnum):
    HIGH = "high"
    LOW = "low"


def urgency_of(severity: str | None) -> Urgency:
    """Low for what its sender calls a warning or less; high for the rest, and for what nobody gave a severity."""
    return Urgency.LOW if severity in ("warning", "info") else Urgency.HIGH


@dataclass(frozen=True)
class Cover:
    """What the contract, or for a machine's alarm its integration, answers at this instant.

    `may_wake`: somebody may be woken for it outside hours. `opens_at`: the next opening; None while it is open, and
    where no hours are known.
    """

    may_wake: bool
    opens_at: datetime | None = None


def ring_from(urgency: Urgency, cover: Cover, at: datetime) -> datetime:
    """When the page starts to ring: `at` itself, or later when it waits for the opening.

    Where nothing says when it opens, it rings: waiting for ever would be losing it.
    """
    if cover.opens_at is None or (urgency is Urgency.HIGH and cover.may_wake):
        return at
    return max(at, cover.opens_at)


# --- Hours -----------------------------------------------------------------------------------------------------------

MORNING = time(8)
"""When a page that was left till morning rings where no hours are known, and when quiet for the night ends."""
EVENING = time(20)
SHORT_QUIET = timedelta(minutes=30)
LONGEST_QUIET = timedelta(hours=14)


@dataclass(frozen=True)
class When:
    """The hours of a step: while `hours` are open, or with `inside` False while they are not.

    `source`: the row of support hours that they were read from, and are read from anew for each page; None: its own.
    """

    hours: SupportHours
    inside: bool = True
    source: int | None = None

    def holds(self, at: datetime) -> bool:
        """Whether `at` is one of these hours. By the clocks of the hours' own zone, so a change of them is exact."""
        return is_open(self.hours, at) is self.inside


def hours_of(zone: str, weekdays: Collection[int], opens: time, closes: time) -> SupportHours:
    """From `opens` to `closes` on each of `weekdays` (0 is Monday), by the clocks of `zone`; a night belongs to its evening.

    Raises BadHours.
    """
    return _calendar(zone, tuple(((opens, closes),) if day in weekdays else () for day in range(7)))


def _calendar(zone: str, days: Sequence[Windows]) -> SupportHours:
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = days
    return SupportHours(zone, (monday, tuesday, wednesday, thursday, friday, saturday, sunday))


def daily(zone: str, moment: time) -> SupportHours:
    """Hours that open at `moment` on every day, for asking when clocks next show it."""
    window: Window = (moment, time((moment.hour + 1) % 24, moment.minute))
    return _calendar(zone, ((window,),) * 7)


def next_morning(zone: str, at: datetime) -> datetime:
    """The first instant after `at` at which clocks in `zone` show MORNING."""
    return _must(next_opening(daily(zone, MORNING), at))


def opening_after(hours: SupportHours | None, zone: str, at: datetime) -> datetime:
    """When a page that was left till morning rings: at the next opening, or where none is known the next morning."""
    return (next_opening(hours, at) if hours is not None else None) or next_morning(zone, at)


def quiet_for(zone: str, at: datetime) -> datetime:
    """How long somebody is left alone who says no time: by night until morning, by day for `SHORT_QUIET`."""
    clock = at.astimezone(ZoneInfo(zone)).time()
    by_night = clock >= EVENING or clock < MORNING
    return next_morning(zone, at) if by_night else at + SHORT_QUIET


def next_digest(zone: str, moments: Collection[time], at: datetime) -> datetime:
    """The first instant after `at` at which clocks in `zone` show one of `moments`; without any, the next morning."""
    return min(_must(next_opening(daily(zone, moment), at)) for moment in moments or (MORNING,))


def _must(found: datetime | None) -> datetime:
    assert found is not None  # what opens every day opens within a year
    return found


# --- The ladder ------------------------------------------------------------------------------------------------------

TargetKind: TypeAlias = Literal["seat", "person", "team", "manager", "everybody"]

# However a policy is written, people get this long to answer before the next are rung.
SHORTEST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=24)
ZERO = timedelta(0)


@dataclass(frozen=True)
class Target:
    """Whom a step means. `key` names the seat, person or team; "" for the manager on duty and for everybody."""

    kind: TargetKind
    key: str = ""


@dataclass(frozen=True)
class Step:
    """`delay`: from the step before, of the first from the page's start.

    `when`: the step counts only in these hours, looked at when it falls due; None: always. `in_turn`: of all who stand
    behind the targets only one is rung, each time another (round robin).
    """

    delay: timedelta
    targets: tuple[Target, ...]
    when: When | None = None
    in_turn: bool = False

    def holds(self, at: datetime) -> bool:
        """Whether the step counts at `at`."""
        return self.when is None or self.when.holds(at)

    @property
    def turn_key(self) -> str:
        """What remembers whose turn it is: steps that name the same take turns together. "" where there are no turns."""
        return ",".join(sorted(f"{target.kind}:{target.key}" for target in self.targets)) if self.in_turn else ""


@dataclass(frozen=True)
class Policy:
    """An escalation policy as it is stamped on a page.

    The steps are gone through `repeat` times more after the first; then comes the manager, then everybody, then
    everybody again every `nag_every`. `again_after` is the wait before each new beginning. No steps at all is allowed,
    and is the last resort where a stamp cannot be read.
    """

    steps: tuple[Step, ...] = ()
    repeat: int = 1
    again_after: timedelta = timedelta(minutes=5)
    nag_every: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        waits = [self.again_after, self.nag_every, *(step.delay for step in self.steps)]
        if self.repeat < 0 or min(waits) < ZERO or max(waits) > LONGEST_WAIT:
            raise ValueError(f"a policy's waits are from 0 to {LONGEST_WAIT}, and its repeat is not negative")


MANAGER = Target("manager")
EVERYBODY = Target("everybody")
LAST_RESORT = Policy()


def rung(policy: Policy, number: int) -> Step:
    """Rung `number` from 0, `delay` from the rung before; the ladder has no end."""
    ordered = len(policy.steps) * (policy.repeat + 1)
    if number < ordered:
        step = policy.steps[number % len(policy.steps)]
        again = number > 0 and number % len(policy.steps) == 0
        return replace(step, delay=max(step.delay, policy.again_after)) if again else step
    if number == ordered:
        return Step(policy.again_after if ordered else ZERO, (MANAGER,))
    return Step(policy.again_after if number == ordered + 1 else policy.nag_every, (EVERYBODY,))


def everybody_from(policy: Policy) -> int:
    """The number of the first rung that is everybody; so is every later one."""
    return len(policy.steps) * (policy.repeat + 1) + 1


def wait_for(policy: Policy, number: int, at: datetime) -> timedelta:
    """How long after `at` the next ring is due, where `number` is the next rung: the delay of the first that counts at
    `at`, and where the steps begin anew on the way, `again_after` at least. The manager and everybody always count.
    """
    anew = ZERO
    for here in count(number):
        step = rung(policy, here)
        if policy.steps and here > 0 and here % len(policy.steps) == 0 and here < everybody_from(policy):
            anew = policy.again_after
        if step.holds(at):
            return max(step.delay, anew)
    raise AssertionError("the ladder has no end, and its end has no hours")


def first_ring_at(policy: Policy, started_at: datetime) -> datetime:
    """When the first ring falls due for a page that starts, or may ring from, `started_at`: at once where no step counts."""
    first = next((step for step in policy.steps if step.holds(started_at)), None)
    return started_at + (first.delay if first is not None else ZERO)


@dataclass(frozen=True)
class Candidate:
    """A person behind a target now. `reachable`: as `deliveries_for` answered for them. `left_alone`: they asked for quiet
    that holds for this page.
    """

    person: str
    reachable: bool = True
    left_alone: bool = False

    @property
    def rings(self) -> bool:
        """Whether the person can and may be woken."""
        return self.reachable and not self.left_alone


@dataclass(frozen=True)
class Ring:
    """Who is rung now, each once, and the promise that follows if nobody acknowledges.

    `woke_nobody`: rungs passed at once because their hours do not hold, nobody stood behind them, or nobody there can and
    may be woken. `reached`: False means that even everybody is nobody who can be woken; say so on Tonight, and try again
    at `next_at`. `turns`: who was rung in turn, with the step's `turn_key`; the caller remembers it.
    """

    people: tuple[str, ...]
    woke_nobody: tuple[int, ...]
    reached: bool
    next_rung: int
    next_at: datetime
    turns: tuple[tuple[str, str], ...] = ()


def plan_next(
    policy: Policy,
    number: int,
    at: datetime,
    resolve: Callable[[Target], Iterable[Candidate]],
    first: Sequence[Target] = (),
    taken: Mapping[str, Mapping[str, datetime]] | None = None,
) -> Ring:
    """Rings rung `number`, which is due at `at`, and says what is due next, always later than `at`.

    `resolve` gives the people behind a target at this instant. A rung that wakes nobody does not wait: who is there is
    told all the same, and the next rung is rung with it. `first` is rung in place of the rung (the new owner of a
    reassigned page, the sleeping owner of another), though they asked for quiet; the ladder then goes on at `number`.
    `taken`: by `turn_key`, when each person was last rung in turn.

    Hours are looked at now, not when the page began: where they change in the middle of the ladder, the rungs that are
    still to come are those of the new hours, and what was rung is not rung again before the steps begin anew.
    """
    people: dict[str, None] = {}
    turns: list[tuple[str, str]] = []
    woke_nobody: list[int] = []
    found = [candidate for target in first for candidate in resolve(target)]
    people |= dict.fromkeys(candidate.person for candidate in found)
    if any(candidate.reachable for candidate in found):
        wait = max(wait_for(policy, number, at), policy.again_after)
        return _ring(people, woke_nobody, True, number, at, wait, turns)
    everybody = everybody_from(policy)
    here = number
    while True:
        step = rung(policy, here)
        reached = step.holds(at) and _ring_step(step, resolve, people, turns, taken or {}, last=here >= everybody)
        here += 1
        if reached or here > everybody:
            return _ring(people, woke_nobody, reached, here, at, wait_for(policy, here, at), turns)
        woke_nobody.append(here - 1)


def _ring_step(
    step: Step,
    resolve: Callable[[Target], Iterable[Candidate]],
    people: dict[str, None],
    turns: list[tuple[str, str]],
    taken: Mapping[str, Mapping[str, datetime]],
    *,
    last: bool,
) -> bool:
    """Put whom the step rings into `people`; whether one of them can be woken. `last`: nobody is left to go on to, so
    whoever asked for quiet is rung after all where else nobody would be.
    """
    found = [candidate for target in step.targets for candidate in resolve(target)]
    ringing = [candidate for candidate in found if candidate.rings]
    if last and not ringing:
        ringing = [candidate for candidate in found if candidate.reachable]
        found = [replace(candidate, left_alone=False) for candidate in found]
    if step.in_turn:
        chosen = _whose_turn(ringing, taken.get(step.turn_key, {}))
        if chosen is not None:
            people[chosen] = None
            turns.append((step.turn_key, chosen))
        return chosen is not None
    people |= dict.fromkeys(candidate.person for candidate in found if not candidate.left_alone)
    return bool(ringing)


def _whose_turn(candidates: Sequence[Candidate], taken: Mapping[str, datetime]) -> str | None:
    """Who was rung longest ago, first of all those who never were; of equals the first named. None of nobody.

    So a member who was away or is new is rung once and then in turn, and one who leaves is missed by nobody.
    """
    never = [candidate.person for candidate in candidates if candidate.person not in taken]
    if never:
        return never[0]
    return min((candidate.person for candidate in candidates), key=taken.__getitem__, default=None)


def _ring(
    people: Iterable[str],
    woke_nobody: list[int],
    reached: bool,
    next_rung: int,
    at: datetime,
    wait: timedelta,
    turns: list[tuple[str, str]],
) -> Ring:
    next_at = at + max(wait, SHORTEST_WAIT)
    return Ring(tuple(people), tuple(woke_nobody), reached, next_rung, next_at, tuple(turns))


def policy_as_json(policy: Policy) -> dict[str, object]:
    """The stamp that is kept with a page; delays in seconds."""
    return {
        "steps": [_step_as_json(step) for step in policy.steps],
        "repeat": policy.repeat,
        "again_after": policy.again_after.total_seconds(),
        "nag_every": policy.nag_every.total_seconds(),
    }


def _step_as_json(step: Step) -> dict[str, object]:
    kept: dict[str, object] = {
        "delay": step.delay.total_seconds(),
        "targets": [[target.kind, target.key] for target in step.targets],
    }
    if step.in_turn:
        kept["in_turn"] = True
    if step.when is not None:
        kept["when"] = _when_as_json(step.when)
    return kept


def _when_as_json(when: When) -> dict[str, object]:
    hours = when.hours
    nation = getattr(hours.holidays, "nation", "")
    return {
        "inside": when.inside,
        "source": when.source,
        "zone": hours.zone,
        "week": week_as_json(hours.week),
        "nation": nation,
        "subdivision": getattr(hours.holidays, "subdivision", None) or "",
        "exceptions": exceptions_as_json(hours.exceptions),
    }


def policy_from_json(stamp: object) -> Policy:
    """The policy of a stamp; raises ValueError for anything else, and the caller then rings by `LAST_RESORT`."""
    try:
        held = cast("dict[str, object]", stamp)
        return Policy(
            steps=tuple(_step_from_json(step) for step in cast("list[dict[str, object]]", held["steps"])),
            repeat=int(cast(int, held["repeat"])),
            again_after=timedelta(seconds=cast(float, held["again_after"])),
            nag_every=timedelta(seconds=cast(float, held["nag_every"])),
        )
    except (TypeError, KeyError, AttributeError, OverflowError, Invalid) as why:
        raise ValueError(f"not the stamp of a policy: {why}") from why


def _step_from_json(held: Mapping[str, object]) -> Step:
    targets = tuple(Target(kind, str(key)) for kind, key in cast("list[tuple[TargetKind, str]]", held["targets"]))
    if unknown := [target.kind for target in targets if target.kind not in get_args(TargetKind)]:
        raise ValueError(f"no such kind of target: {unknown[0]}")
    when = _when_from_json(cast("Mapping[str, object]", held["when"])) if held.get("when") else None
    return Step(timedelta(seconds=cast(float, held["delay"])), targets, when, bool(held.get("in_turn", False)))


def _when_from_json(held: Mapping[str, object]) -> When:
    hours = hours_from(
        str(held["zone"]), held["week"], str(held["nation"]), str(held["subdivision"]), held["exceptions"]
    )
    return When(hours, bool(held["inside"]), cast("int | None", held.get("source")))


# --- One person's own rules ------------------------------------------------------------------------------------------

LOUD = frozenset({"sms", "voice"})


@dataclass(frozen=True)
class Contact:
    """A way to reach a person. `working`: not known to be broken or stopped by its carrier."""

    key: str
    channel: str
    working: bool = True


@dataclass(frozen=True)
class Rule:
    """`after`: from the moment this person is rung. The same contact may be named again for later.

    `hours`: it counts for who is rung within them, for as long as that ring goes on; None: at any hour.
    """

    after: timedelta
    contact: str
    urgency: Urgency
    hours: SupportHours | None = None


@dataclass(frozen=True)
class Delivery:
    contact: str
    due_at: datetime


@dataclass(frozen=True)
class Reach:
    """`deliveries` in the order due, none twice. `reachable` False: nothing fits the urgency, so ring the next too."""

    deliveries: tuple[Delivery, ...]
    reachable: bool


def deliveries_for(
    rules: Sequence[Rule],
    contacts: Sequence[Contact],
    urgency: Urgency,
    at: datetime,
    *,
    out_of_reach: Collection[str] = (),
) -> Reach:
    """What a person is sent, and when, who is rung at `at`.

    High urgency: by the rules of the hour; rules that never get loud are joined by every loud contact at once, for someone
    who set up a quiet evening is still on call. Without a working loud contact: everything they have, at once, even what
    seems broken, and they do not count as reachable.
    Low urgency: by the rules of the hour, else every quiet contact; never a loud one.
    `out_of_reach`: keys of contacts that the fault itself has cut off.
    """
    usable = {contact.key: contact for contact in contacts if contact.working and contact.key not in out_of_reach}
    loud = [key for key, contact in usable.items() if contact.channel in LOUD]
    if urgency is Urgency.LOW:
        quiet = [key for key in usable if key not in loud]
        due = _by_rules(rules, urgency, quiet, at) or [Delivery(key, at) for key in quiet]
        return Reach(_in_order(due), bool(due))
    due = _by_rules(rules, urgency, usable, at)
    if not loud:
        everything = [contact.key for contact in contacts]
        tried = [key for key in everything if key not in out_of_reach] or everything
        due += [Delivery(key, at) for key in tried]
    elif not any(delivery.contact in loud for delivery in due):
        due += [Delivery(key, at) for key in loud]
    return Reach(_in_order(due), bool(loud))


def _by_rules(rules: Sequence[Rule], urgency: Urgency, keys: Collection[str], start: datetime) -> list[Delivery]:
    return [
        Delivery(rule.contact, start + max(rule.after, ZERO))
        for rule in rules
        if rule.urgency is urgency and rule.contact in keys and (rule.hours is None or is_open(rule.hours, start))
    ]


def _in_order(due: list[Delivery]) -> tuple[Delivery, ...]:
    return tuple(sorted(dict.fromkeys(due), key=lambda delivery: delivery.due_at))


# --- Signs of life ---------------------------------------------------------------------------------------------------

WATCHED_PRIORITY = 1
QUIET_FOR = timedelta(minutes=15)
ANSWER_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Owned:
    """The facts of a page that somebody took. `asked_at`: when its owner was last rung again for want of a sign."""

    state: State
    priority: int
    acknowledged_at: datetime
    snoozed_until: datetime | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True)
class Alive:
    """`ask_owner`: ring them again. `wake_again`: the verb; nobody has the page, ring the next rung.

    `check_at`: when to look again; None when there is nothing more to watch.
    """

    action: Literal["nothing", "ask_owner", "wake_again"]
    check_at: datetime | None


def alive_check(page: Owned, last_sign_at: datetime | None, at: datetime) -> Alive:
    """Whether the owner of an acknowledged P1 may have fallen asleep again.

    A sign of life is a log-in, a note, an update, another acknowledgement. `QUIET_FOR` after the last one, after the
    acknowledgement or after a snooze the owner is rung again; `ANSWER_WITHIN` later without a sign it goes on to the
    next.
    """
    if page.state is not State.ACKNOWLEDGED or page.priority != WATCHED_PRIORITY:
        return Alive("nothing", None)
    # A sign from a clock that runs ahead must not buy quiet.
    signed_at = page.acknowledged_at if last_sign_at is None else min(last_sign_at, at)
    since = max(page.acknowledged_at, signed_at, page.snoozed_until or page.acknowledged_at)
    if page.asked_at is not None and page.asked_at >= since:
        gives_up_at = page.asked_at + ANSWER_WITHIN
        return Alive("wake_again", None) if at >= gives_up_at else Alive("nothing", gives_up_at)
    asks_at = since + QUIET_FOR
    return Alive("ask_owner", at + ANSWER_WITHIN) if at >= asks_at else Alive("nothing", asks_at)


# --- Storms ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Storm:
    """When alarms of one service stop being pages of their own.

    Up to `limit` pages started within `window` stand alone; the next alarm makes it a storm. It goes on while alarms
    come less than `window` apart, and at most `lasts` from the start of its page: then a new alarm rings again.
    """

    limit: int = 5
    window: timedelta = timedelta(minutes=2)
    lasts: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class OpenPage:
    """A page of the service that is not resolved. `folded_at`: when an alarm last joined it in a storm, if ever."""

    id: UUID
    urgency: Urgency
    state: State
    started_at: datetime
    folded_at: datetime | None = None


@dataclass(frozen=True)
class Fold:
    """`own`: start a page. `repeat`: its key is on page `into` already, count it. `raise`: that too, but the page was
    of low urgency and the alarm is not; by the verb RAISE it rings from rung 0. `join`: add its key to `into`.

    `gather`: a storm begins; add its key to `into` and move the keys of `absorbs` there, each by the verb FOLD. A page
    with many keys is over when none of them is left.
    """

    verdict: Literal["own", "repeat", "raise", "join", "gather"]
    into: UUID | None = None
    absorbs: tuple[UUID, ...] = ()


def fold(
    known: OpenPage | None, urgency: Urgency, open_pages: Sequence[OpenPage], at: datetime, storm: Storm | None = None
) -> Fold:
    """Where a new alarm of a service goes. Ask and act under the lock of the service's row, so that two cannot both be
    the first.

    `known`: the open page that has the alarm's key. `open_pages`: at least those of the service that started within the
    window, and those with `folded_at` in it; more do no harm. An alarm never hides in a page of less urgency, and a
    storm never begins in a page that somebody acknowledged, for then it would not ring.
    """
    storm = storm or Storm()
    if known is not None:
        louder = urgency is Urgency.HIGH and known.urgency is Urgency.LOW
        return Fold("raise" if louder else "repeat", known.id)
    since = at - storm.window
    fit = [page for page in open_pages if page.urgency is Urgency.HIGH or urgency is Urgency.LOW]
    gathering = [
        page
        for page in fit
        if page.folded_at is not None and page.folded_at > since and page.started_at > at - storm.lasts
    ]
    if gathering:
        return Fold("join", min(gathering, key=_loudest_then_oldest).id)
    recent = [page for page in fit if page.started_at > since]
    ringing = sorted((page for page in recent if page.state is State.TRIGGERED), key=_loudest_then_oldest)
    if len(recent) < storm.limit or not ringing:
        return Fold("own")
    into, *others = ringing
    return Fold("gather", into.id, tuple(page.id for page in others))


def _loudest_then_oldest(page: OpenPage) -> tuple[bool, datetime, UUID]:
    return (page.urgency is Urgency.LOW, page.started_at, page.id)
