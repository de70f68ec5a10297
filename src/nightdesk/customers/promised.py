"""What is promised to a customer now, and until when: the one answer that every door gives.

The auto-reply, the phone line, the pager, the portal and the desk ask `what_is_promised`; none of them looks at a
contract's fields itself. A machine's alarm that belongs to no customer asks `what_an_alarm_may_do`, which is the same
decision over the integration's own rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from nightdesk.customers.hours import HORIZON, SupportHours, add_open_time, in_utc, is_open, next_change
from nightdesk.customers.priority import MAY_EVER_WAKE, Priority


class OutOfHours(StrEnum):
    """What a contract answers outside its hours, for all that may not wake anybody."""

    NOTHING = "nothing"
    EMAIL_ONLY = "email_only"
    FULL = "full"
    """24-hour cover is bought: calls and messages are taken at any hour."""


class Channels(StrEnum):
    """By which ways an answer may come before `Cover.answer_from`. All that arrives is kept and numbered regardless."""

    EVERY = "every"
    EMAIL_ONLY = "email_only"
    NONE = "none"


class Clock(StrEnum):
    """What a target counts."""

    COVERED_TIME = "covered_time"
    """Open time; every minute, for a priority that may wake an engineer at any hour."""
    EVERY_MINUTE = "every_minute"
    """Wall-clock time from the moment of asking, whether somebody is there or not."""


class Reason(StrEnum):
    """Why the answer is what it is; texts are chosen by it. Stable: stored and sent to machines."""

    IN_HOURS = "in_hours"
    OUT_OF_HOURS_COVERED = "out_of_hours_covered"
    OUT_OF_HOURS_PRIORITY_WAITS = "out_of_hours_priority_waits"
    """24-hour cover is bought, but this priority wakes nobody: it is taken now and worked on in the morning."""
    OUT_OF_HOURS_EMAIL_ONLY = "out_of_hours_email_only"
    OUT_OF_HOURS_NOT_COVERED = "out_of_hours_not_covered"
    NOT_A_NIGHT_JOB = "not_a_night_job"
    CONTRACT_NOT_VALID = "contract_not_valid"
    NO_CONTRACT = "no_contract"


@dataclass(frozen=True)
class Target:
    """A response or fix target: how long, and of which time."""

    duration: timedelta
    clock: Clock = Clock.COVERED_TIME

    def __post_init__(self) -> None:
        if self.duration <= timedelta():
            raise ValueError(f"a target must be longer than nothing, got {self.duration}")


@dataclass(frozen=True)
class ContractFacts:
    """What a contract says.

    `hours` are those in which the team that answers this customer is awake and at work. A sleeping engineer who may be
    woken is not hours: that is `may_wake`. Hours round the clock mean a staffed night, in which nobody is woken.

    `may_wake` names the priorities for which an engineer may be woken out of hours, whatever `out_of_hours` says:
    "nothing, but P1 wakes us" is a contract that people sign. P5 is never among them. `not_at_night` names work types
    that are not taken on out of hours at any priority. `live_answer`: who rings out of hours, and may wake anybody at all, is
    put through at once. The contract is valid in `[valid_from, valid_until)`; None
    leaves that end open.

    Raises ValueError for a P5 that may wake, and for a validity that ends before it begins.
    """

    hours: SupportHours
    out_of_hours: OutOfHours
    may_wake: frozenset[Priority] = frozenset()
    respond_targets: Mapping[Priority, Target] = field(default_factory=dict, hash=False)
    fix_targets: Mapping[Priority, Target] = field(default_factory=dict, hash=False)
    not_at_night: frozenset[str] = frozenset()
    live_answer: bool = False
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        _check_may_wake(self.may_wake)
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise ValueError(f"a contract must end after it begins, got {self.valid_from} until {self.valid_until}")

    def is_valid(self, at: datetime) -> bool:
        """Whether something that arrives at `at` comes under it."""
        begun = self.valid_from is None or at >= self.valid_from
        return begun and (self.valid_until is None or at < self.valid_until)

    def may_wake_for(self, priority: Priority, work_type: str | None) -> bool:
        """Whether an engineer may be woken for it out of hours, so that the night counts as time like any other."""
        return priority in self.may_wake and work_type not in self.not_at_night


@dataclass(frozen=True)
class IntegrationRule:
    """What a monitoring integration says about alarms that belong to no customer; fields as in ContractFacts."""

    hours: SupportHours
    may_wake: frozenset[Priority] = frozenset()

    def __post_init__(self) -> None:
        _check_may_wake(self.may_wake)


@dataclass(frozen=True)
class Cover:
    """What is promised at one instant. Instants are in UTC.

    `open_now`: it is within the hours. `covered_now`: the request is dealt with or at least taken by somebody now.
    `may_page_now`: nothing promised stands against paging for this now: in hours because the team is awake (so
    `may_wake` is not asked), out of hours because this priority may wake. It is the only field that paging looks at,
    and it has the night already in it.

    `answer_from`: when somebody will look at it, now or at the next opening; None when nobody is promised to. It is
    what to tell a customer. `respond_by` and `fix_by` are the contract's deadlines for something that arrives at the
    instant asked about, None without a target.

    `holds_until`: the instant at which `reason` or one of the flags becomes another; None when that is not within
    `hours.HORIZON`. Until then a later question gets the same answer, deadlines and an `answer_from` of "now" apart.
    """

    reason: Reason
    open_now: bool
    covered_now: bool
    may_page_now: bool
    channels: Channels
    holds_until: datetime | None
    answer_from: datetime | None
    respond_by: datetime | None
    fix_by: datetime | None


_NOTHING_PROMISED = frozenset({Reason.NO_CONTRACT, Reason.CONTRACT_NOT_VALID})
_ENGINEER_NOW = frozenset({Reason.IN_HOURS, Reason.OUT_OF_HOURS_COVERED})
_TAKEN_NOW = _ENGINEER_NOW | {Reason.OUT_OF_HOURS_PRIORITY_WAITS}

_WAITS_BECAUSE = {
    OutOfHours.NOTHING: Reason.OUT_OF_HOURS_NOT_COVERED,
    OutOfHours.EMAIL_ONLY: Reason.OUT_OF_HOURS_EMAIL_ONLY,
    OutOfHours.FULL: Reason.OUT_OF_HOURS_PRIORITY_WAITS,
}
_OUT_OF_HOURS_CHANNELS = {
    OutOfHours.NOTHING: Channels.NONE,
    OutOfHours.EMAIL_ONLY: Channels.EMAIL_ONLY,
    OutOfHours.FULL: Channels.EVERY,
}


def what_is_promised(
    contract: ContractFacts | None, priority: Priority, at: datetime, work_type: str | None = None
) -> Cover:
    """What the customer is promised for something of this priority (and kind of work) that arrives at `at`.

    Without a contract nothing is promised, at any hour. What arrived while the contract was valid is owed its answer
    even if the contract ends before the next opening.
    """
    at = in_utc(at)
    if contract is None:
        return Cover(
            reason=Reason.NO_CONTRACT,
            open_now=False,
            covered_now=False,
            may_page_now=False,
            channels=Channels.NONE,
            holds_until=None,
            answer_from=None,
            respond_by=None,
            fix_by=None,
        )
    open_now = is_open(contract.hours, at)
    change = next_change(contract.hours, at)
    reason = _reason(contract, priority, at, work_type, open_now=open_now)
    owed = reason not in _NOTHING_PROMISED
    engineer_now = reason in _ENGINEER_NOW
    return Cover(
        reason=reason,
        open_now=open_now,
        covered_now=reason in _TAKEN_NOW,
        may_page_now=engineer_now,
        channels=_channels(contract, reason),
        holds_until=_first_after(at, change, contract.valid_from, contract.valid_until),
        answer_from=(at if engineer_now else change) if owed else None,
        respond_by=_due(contract, contract.respond_targets, priority, at, work_type) if owed else None,
        fix_by=_due(contract, contract.fix_targets, priority, at, work_type) if owed else None,
    )


def contract_at(contracts: Sequence[ContractFacts], at: datetime) -> ContractFacts | None:
    """Of a customer's contracts, in order of their beginnings, the one that is asked about at `at`.

    That is the one in force, else the one that ended last, else the next to begin; None of none. Two are never in force
    at once.
    """
    begun = [one for one in contracts if one.valid_from is None or one.valid_from <= at]
    return begun[-1] if begun else next(iter(contracts), None)


def what_an_alarm_may_do(rule: IntegrationRule, priority: Priority, at: datetime) -> Cover:
    """The same decision for a machine's alarm without a customer: in hours it may page, else only by the rule's
    `may_wake`.

    Nobody is owed a deadline for it.
    """
    standing = ContractFacts(hours=rule.hours, out_of_hours=OutOfHours.FULL, may_wake=rule.may_wake)
    return what_is_promised(standing, priority, at)


def _check_may_wake(may_wake: frozenset[Priority]) -> None:
    if not may_wake <= MAY_EVER_WAKE:
        raise ValueError(f"work to plan never wakes anybody, got may_wake {sorted(may_wake)}")


def _reason(
    contract: ContractFacts, priority: Priority, at: datetime, work_type: str | None, *, open_now: bool
) -> Reason:
    if not contract.is_valid(at):
        return Reason.CONTRACT_NOT_VALID
    if open_now:
        return Reason.IN_HOURS
    if work_type in contract.not_at_night:
        return Reason.NOT_A_NIGHT_JOB
    if contract.may_wake_for(priority, work_type):
        return Reason.OUT_OF_HOURS_COVERED
    return _WAITS_BECAUSE[contract.out_of_hours]


def _channels(contract: ContractFacts, reason: Reason) -> Channels:
    if reason in _NOTHING_PROMISED:
        return Channels.NONE
    return Channels.EVERY if reason in _ENGINEER_NOW else _OUT_OF_HOURS_CHANNELS[contract.out_of_hours]


def _due(
    contract: ContractFacts,
    targets: Mapping[Priority, Target],
    priority: Priority,
    at: datetime,
    work_type: str | None,
) -> datetime | None:
    """The deadline for what arrives at `at`; None without a target, or when the hours never come to so much time.

    Whether the night counts hangs on the priority alone and not on the hour of asking, so that what arrives just before
    closing is not due later than what arrives just after.
    """
    target = targets.get(priority)
    if target is None:
        return None
    if target.clock is Clock.EVERY_MINUTE or contract.may_wake_for(priority, work_type):
        return at + target.duration
    return add_open_time(contract.hours, at, target.duration)


def _first_after(at: datetime, *edges: datetime | None) -> datetime | None:
    """The first of the edges after `at`; one beyond HORIZON is not told, as the hours are not known to hold that
    long."""
    ahead = [in_utc(edge) for edge in edges if edge is not None and at < edge <= at + HORIZON]
    return min(ahead, default=None)
