"""The clocks of a ticket: by when we owe the customer an answer, news and a fix, and why then. Pure.

Nothing here is stored. A clock is computed from the ticket's history and the customer's contracts, whenever it is asked
for, so that it cannot drift from them. The rules, which every function here follows:

- `respond` runs from the moment at which a customer asks, whoever takes it down, or opens the ticket again, to the first
  public words of a person of ours. A ticket that we opened ourselves owes no answer.
- `update` runs from the last public words of ours, or else from the opening, and begins anew with every word. While an
  answer is owed it does not run: the answer comes first.
- `fix` runs from the opening to the moment at which the ticket was resolved. When it is opened again the clock goes on
  where it stood; the time in which it was thought to be solved does not count.
- A minute counts if somebody is there for the customer: in the support hours of the contract that is in force in that
  minute, or at any hour where this priority may wake an engineer or the target counts every minute. A contract that
  ended is still owed, by its own hours, until another begins.
- While a ticket is pending for one of the reasons that `ClockRules.pauses` names for a clock, that clock rests.
- How long a target is, says the contract in force when the clock began. Another priority, or another kind of work,
  means another target from the very beginning, as if the ticket had had it always. What is over is judged by what held
  when it ended, and nothing is called broken before the change that broke it.
- What is done at the very instant at which it is due is in time.

Instants are timezone-aware; those that come back are in UTC. Spans are half-open: `[start, end)`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from nightdesk.customers.hours import HORIZON, add_open_time, in_utc, open_time_between, open_windows
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Clock, ContractFacts, Target, contract_at
from nightdesk.desk.decide import OPEN, PendingReason, State

NOTHING = timedelta()


class Which(StrEnum):
    """What is owed."""

    RESPOND = "respond"
    UPDATE = "update"
    FIX = "fix"


class Standing(StrEnum):
    """How a clock stands. Stable: sent to machines."""

    NONE = "none"
    """Nothing is owed; `Reading.missing` says why."""
    RUNNING = "running"
    PAUSED = "paused"
    """The ticket waits for somebody else; nothing is due before it goes on."""
    STOPPED = "stopped"
    """The ticket ended, and with it what was owed."""
    MET = "met"
    BREACHED = "breached"
    """It was not done by then; whether it is done since says `Reading.done_at`."""


class Missing(StrEnum):
    """Why a clock does not run at all."""

    NOT_ASKED = "not_asked"
    NO_CONTRACT = "no_contract"
    NO_TARGET = "no_target"
    ANSWER_FIRST = "answer_first"
    MERGED = "merged"
    """What is owed, is owed on the ticket that it was merged into."""


class Because(StrEnum):
    """Why a stretch of time counts, or does not. Stable: sent to machines."""

    OPEN = "open"
    MAY_WAKE = "may_wake"
    EVERY_MINUTE = "every_minute"
    CLOSED = "closed"
    AWAITING_CALLER = "awaiting_caller"
    AWAITING_CHANGE = "awaiting_change"
    AWAITING_PROBLEM = "awaiting_problem"
    AWAITING_SUPPLIER = "awaiting_supplier"
    ENDED = "ended"
    """It was resolved, closed or cancelled."""


COUNTS = frozenset({Because.OPEN, Because.MAY_WAKE, Because.EVERY_MINUTE})


class Stretch(NamedTuple):
    """`[start, end)` is alike all through."""

    start: datetime
    end: datetime
    because: Because

    @property
    def counted(self) -> timedelta:
        """How much of it counts: all or nothing."""
        return self.end - self.start if self.because in COUNTS else NOTHING


@dataclass(frozen=True, slots=True)
class Move:
    """From `at` on the ticket is in this state and has this priority. `asked`: it is a customer who opened it, or opened
    it again, and who waits for an answer."""

    at: datetime
    state: State
    priority: Priority
    pending_reason: PendingReason | None = None
    work_type: str | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a ticket: its moves in their order, the opening first, and when the customer heard from us.

    `replies` are public words of a person of ours to this customer; `updates` are other public news, an outage's update to
    all whom it touches for example. Neither knows automatic answers. `asked_beside`: when customers asked on what was merged
    into it. Raises ValueError without an opening, or for moves out of order.
    """

    moves: tuple[Move, ...]
    replies: tuple[datetime, ...] = ()
    updates: tuple[datetime, ...] = ()
    asked_beside: tuple[datetime, ...] = ()

    def __post_init__(self) -> None:
        if not self.moves:
            raise ValueError("a history begins with the opening of the ticket")
        if any(later.at < earlier.at for earlier, later in pairwise(self.moves)):
            raise ValueError("moves must be in the order in which they happened")


UPDATE_EVERY: Mapping[Priority, Target] = MappingProxyType(
    {
        Priority.P1: Target(timedelta(hours=1)),
        Priority.P2: Target(timedelta(hours=4)),
        Priority.P3: Target(timedelta(hours=8)),
        Priority.P4: Target(timedelta(hours=24)),
    }
)
"""How often a customer hears from us, where nothing else is agreed: the hours are those that count for the ticket, so that
eight are a working day for an office. Work to plan has its next step instead."""

PAUSES: Mapping[Which, frozenset[PendingReason]] = MappingProxyType(
    {
        Which.UPDATE: frozenset({PendingReason.AWAITING_CALLER}),
        Which.FIX: frozenset({PendingReason.AWAITING_CALLER}),
    }
)
"""Waiting for the caller is theirs. A change, a problem and a supplier are ours to push: the customer did not choose
them."""


@dataclass(frozen=True, slots=True)
class Warn:
    """When to warn: once `percent` of the target is used up or only `lead` of it is left, whichever comes first, but not
    before half of it is used up. Both are of time that counts, so that a warning comes while somebody is there."""

    percent: int = 75
    lead: timedelta = timedelta(minutes=15)

    def after(self, target: timedelta) -> timedelta:
        """How much of the target is used up by then."""
        return max(min(target * self.percent / 100, target - self.lead), target / 2)


@dataclass(frozen=True, slots=True)
class ClockRules:
    """What a brand, or a contract, may set: which reasons to wait rest which clock, how often a customer hears from us,
    when to warn."""

    pauses: Mapping[Which, frozenset[PendingReason]] = field(default_factory=lambda: PAUSES, hash=False)
    update_every: Mapping[Priority, Target] = field(default_factory=lambda: UPDATE_EVERY, hash=False)
    warn: Warn = Warn()


@dataclass(frozen=True, slots=True)
class Reading:
    """One clock at one instant.

    `since`: when it began. `done_at`: when what was owed was done. `counted` are the stretches from `since` to `done_at`, or
    to the instant asked about: they touch, and what they count is `elapsed`. `ahead` are those from there to `due_at` if
    nothing happens; what they count is what remains.

    `due_at` is the first instant by which the target is used up. It is None without a target, while the clock rests before
    that, and where the hours do not come to so much time within `hours.HORIZON`; for what is done it is when it would have
    been due. `warn_at` is None where no warning can come. `breached_at` is None where it was, or still may be, in time.

    `rests`: why it does not count now, though it is not done; None while it runs, in closed hours too.
    """

    which: Which
    standing: Standing
    missing: Missing | None = None
    since: datetime | None = None
    target: Target | None = None
    elapsed: timedelta = NOTHING
    done_at: datetime | None = None
    due_at: datetime | None = None
    warn_at: datetime | None = None
    breached_at: datetime | None = None
    rests: Because | None = None
    counted: tuple[Stretch, ...] = ()
    ahead: tuple[Stretch, ...] = ()

    @property
    def remaining(self) -> timedelta | None:
        """How much of the target is left; negative by how much it is late. None without a target."""
        return None if self.target is None else self.target.duration - self.elapsed

    @property
    def is_owed(self) -> bool:
        """Whether somebody still has to do it, late or not."""
        return self.target is not None and self.done_at is None and self.rests is not Because.ENDED


class Clocks(NamedTuple):
    """All that is owed to the customer about one ticket."""

    respond: Reading
    update: Reading
    fix: Reading


def none_run(missing: Missing) -> Clocks:
    """The clocks of a ticket that owes nothing."""
    respond, update, fix = (Reading(which, Standing.NONE, missing) for which in Which)
    return Clocks(respond, update, fix)


class Telling(StrEnum):
    """What is told about a clock. Stable: stored."""

    WARNING = "warning"
    BREACH = "breach"


class Event(NamedTuple):
    """Something to tell at `due_at`, which may be over. `key` stands for it: what was told once, is not told again."""

    due_at: datetime
    telling: Telling
    which: Which
    key: str


def clocks_at(
    history: History, contracts: Sequence[ContractFacts], at: datetime, rules: ClockRules | None = None
) -> Clocks:
    """How the clocks of a ticket stand at `at`, by what had happened until then: later moves and words are not looked at.

    `contracts` are all of the customer's, in order of their beginnings. Raises ValueError for an instant before the
    opening.
    """
    at, rules = in_utc(at), rules or ClockRules()
    moves = [move for move in history.moves if move.at <= at]
    if not moves:
        raise ValueError(f"the ticket was opened at {history.moves[0].at}, and was asked about at {at}")
    story = _Story(moves, contracts, rules)
    opened_at = in_utc(moves[0].at)
    beside = [in_utc(asked) for asked in history.asked_beside if asked <= at]

    asked_at = max((one for one in (story.asked_at(), *beside) if one is not None), default=None)
    if asked_at is None:
        respond = Reading(Which.RESPOND, Standing.NONE, Missing.NOT_ASKED)
    else:
        answers = (in_utc(reply) for reply in history.replies if asked_at <= reply <= at)
        respond = story.read(Which.RESPOND, asked_at, min(answers, default=None), at)

    if respond.target is not None and respond.done_at is None:
        update = Reading(Which.UPDATE, Standing.NONE, Missing.ANSWER_FIRST)
    else:
        told = (in_utc(word) for word in (*history.replies, *history.updates) if word <= at)
        update = story.read(Which.UPDATE, max((opened_at, *told)), None, at)

    return Clocks(respond, update, story.read(Which.FIX, opened_at, story.solved_at(), at))


def to_tell(
    history: History,
    contracts: Sequence[ContractFacts],
    at: datetime,
    told: Collection[str],
    rules: ClockRules | None = None,
) -> list[Event]:
    """What is to be told of a ticket's clocks from `at` on, in order of time, if nothing happens but what is under way: words
    that go out later than they were written. What has fallen due and was not told is in it; `told` are the keys of what was.

    Each is told once for every wait and every target: another priority makes a new promise. Once it is late, no warning
    is of use any more. Of what rests nothing is told ahead.
    """
    at = in_utc(at)
    events = _events(clocks_at(history, contracts, at, rules))
    for heard_at in sorted({in_utc(word) for word in (*history.replies, *history.updates) if word > at}):
        then = _events(clocks_at(history, contracts, heard_at, rules))
        events = [event for event in events if event.due_at < heard_at and event not in then] + then
    return sorted(event for event in events if event.key not in told)


@dataclass(frozen=True, slots=True)
class _Story:
    """A ticket's moves up to the instant asked about, with what its time is counted by."""

    moves: Sequence[Move]
    contracts: Sequence[ContractFacts]
    rules: ClockRules

    def asked_at(self) -> datetime | None:
        """Since when a customer has waited, or did wait, for the answer that was asked for last; None: never."""
        last = None
        for before, move in pairwise((None, *self.moves)):
            if move is not None and move.asked and (before is None or before.state not in OPEN):
                last = in_utc(move.at)
        return last

    def solved_at(self) -> datetime | None:
        """Since when it is resolved; None if it is not."""
        since = None
        for move in reversed(self.moves):
            if move.state not in (State.RESOLVED, State.CLOSED):
                break
            since = in_utc(move.at)
        return since

    def read(self, which: Which, since: datetime, done_at: datetime | None, at: datetime) -> Reading:
        end = at if done_at is None else done_at
        contract = contract_at(self.contracts, since)
        if contract is None or not contract.is_valid(since):
            return Reading(which, Standing.NONE, Missing.NO_CONTRACT)
        now = self._move_at(end)
        target = self._targets(which, contract).get(now.priority)
        if target is None:
            return Reading(which, Standing.NONE, Missing.NO_TARGET)

        count = _Count(which, target, now, self)
        counted = tuple(_joined(count.stretches(since, end)))
        elapsed = sum((stretch.counted for stretch in counted), NOTHING)
        rests = None if done_at is not None else self.rest(which, now)
        left = target.duration - elapsed
        ahead = tuple(_joined(count.ahead(end, left))) if rests is None and left > NOTHING else ()
        due_at = _reached((*counted, *ahead), target.duration)
        # Nothing is called broken before the change that broke it, such as a higher priority.
        late_from = None if due_at is None else max(due_at, self._unchanged_since(end))
        is_late = late_from is not None and (late_from < done_at if done_at is not None else late_from <= at)
        return Reading(
            which=which,
            standing=_standing(is_late=is_late, done_at=done_at, rests=rests),
            since=since,
            target=target,
            elapsed=elapsed,
            done_at=done_at,
            due_at=due_at,
            warn_at=_reached((*counted, *ahead), self.rules.warn.after(target.duration)),
            breached_at=late_from if is_late else None,
            rests=rests,
            counted=counted,
            ahead=ahead,
        )

    def rest(self, which: Which, move: Move) -> Because | None:
        """Why the clock rests from this move to the next; None: it does not."""
        if move.state not in OPEN:
            return Because.ENDED
        if move.state is State.PENDING and move.pending_reason in self.rules.pauses.get(which, frozenset()):
            return Because(move.pending_reason)
        return None

    def pieces(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, Move, ContractFacts]]:
        """`[start, end)` cut wherever the ticket was moved or another contract began."""
        starts = (contract.valid_from for contract in self.contracts if contract.valid_from is not None)
        cuts = {in_utc(cut) for cut in (*(move.at for move in self.moves), *starts) if start < cut < end}
        for from_, to in pairwise(sorted({start, end} | cuts)):
            contract = contract_at(self.contracts, from_)
            assert contract is not None
            yield from_, to, self._move_at(from_), contract

    def _move_at(self, at: datetime) -> Move:
        """The last move until `at`, the opening for what was asked before it, beside."""
        return next((move for move in reversed(self.moves) if move.at <= at), self.moves[0])

    def _unchanged_since(self, at: datetime) -> datetime:
        """Since when the priority and the kind of work have been what they are at `at`."""
        now = since = self._move_at(at)
        for move in reversed([move for move in self.moves if move.at <= at]):
            if (move.priority, move.work_type) != (now.priority, now.work_type):
                break
            since = move
        return in_utc(since.at)

    def _targets(self, which: Which, contract: ContractFacts) -> Mapping[Priority, Target]:
        if which is Which.UPDATE:
            return self.rules.update_every
        return contract.respond_targets if which is Which.RESPOND else contract.fix_targets


@dataclass(frozen=True, slots=True)
class _Count:
    """How the time of one clock is counted: `now` is the move whose priority and kind of work hold."""

    which: Which
    target: Target
    now: Move
    story: _Story

    def stretches(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """What was in `[start, end)`."""
        for from_, to, move, contract in self.story.pieces(start, end):
            rests = self.story.rest(self.which, move)
            if rests is not None:
                yield Stretch(from_, to, rests)
            else:
                yield from self._by(contract, from_, to)

    def ahead(self, start: datetime, left: timedelta) -> Iterator[Stretch]:
        """What comes until `left` more is counted, if the ticket stays as it is; nothing where it never comes to that."""
        found: list[Stretch] = []
        for from_, to, _, contract in self.story.pieces(start, start + HORIZON):
            if self._round_the_clock(contract):
                end: datetime | None = from_ + left
            else:
                end = add_open_time(contract.hours, from_, left)
            if end is not None and end <= to:
                return iter([*found, *self._by(contract, from_, end)])
            left -= to - from_ if self._round_the_clock(contract) else open_time_between(contract.hours, from_, to)
            found += self._by(contract, from_, to)
        return iter(())

    def _round_the_clock(self, contract: ContractFacts) -> Because | None:
        """Why it counts at every hour under this contract; None: it does not."""
        if self.target.clock is Clock.EVERY_MINUTE:
            return Because.EVERY_MINUTE
        if contract.may_wake_for(self.now.priority, self.now.work_type):
            return Because.MAY_WAKE
        return None

    def _by(self, contract: ContractFacts, start: datetime, end: datetime) -> Iterator[Stretch]:
        """`[start, end)` by the contract's hours."""
        always = self._round_the_clock(contract)
        if always is not None:
            yield Stretch(start, end, always)
            return
        told = start
        for opens, closes in open_windows(contract.hours, start, end):
            if told < opens:
                yield Stretch(told, opens, Because.CLOSED)
            yield Stretch(opens, closes, Because.OPEN)
            told = closes
        if told < end:
            yield Stretch(told, end, Because.CLOSED)


def _events(clocks: Clocks) -> list[Event]:
    """The warnings and breaches of clocks that are left alone."""
    found = []
    for reading in clocks:
        if not reading.is_owed or reading.target is None or reading.since is None:
            continue
        wait = f"{reading.which}:{reading.since:%Y%m%dT%H%M%S.%f}:{reading.target.duration // timedelta(minutes=1)}"
        late_at = reading.breached_at or reading.due_at
        if late_at is not None:
            found.append(Event(late_at, Telling.BREACH, reading.which, f"{Telling.BREACH}:{wait}"))
        if reading.breached_at is None and reading.warn_at is not None:
            found.append(Event(reading.warn_at, Telling.WARNING, reading.which, f"{Telling.WARNING}:{wait}"))
    return found


def _joined(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Stretches that follow each other, those that are alike made one."""
    held: Stretch | None = None
    for stretch in stretches:
        if held is not None and held.because is stretch.because:
            held = held._replace(end=stretch.end)
            continue
        if held is not None:
            yield held
        held = stretch
    if held is not None:
        yield held


def _reached(stretches: Iterable[Stretch], duration: timedelta) -> datetime | None:
    """The first instant by which so much is counted; None if it never is."""
    for stretch in stretches:
        if stretch.counted >= duration:
            return stretch.start + duration
        duration -= stretch.counted
    return None


def _standing(*, is_late: bool, done_at: datetime | None, rests: Because | None) -> Standing:
    if is_late:
        return Standing.BREACHED
    if done_at is not None:
        return Standing.MET
    if rests is None:
        return Standing.RUNNING
    return Standing.STOPPED if rests is Because.ENDED else Standing.PAUSED
