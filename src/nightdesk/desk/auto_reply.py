"""Whether a mail is answered by a machine, and what that answer may say. Pure.

Never a machine, never who asked not to be, and never so often to one address that two machines
could keep each other busy. What it says follows from the contract; only who is who they say is told what is theirs alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import ContractFacts, Cover, OutOfHours, Reason

PER_HOUR = 3
PER_DAY = 20
"""Answers of a machine to one address."""
MAILS_AT_MOST = 10
MAILS_WITHIN = timedelta(minutes=10)
"""Mails to one ticket, and new tickets of one address, that are told of; more than that is kept, and tells nobody."""


class Brake(StrEnum):
    """What kept an answer, or a notice, from being sent; a brake that engages is told to the desk."""

    HOUR = "hour"
    DAY = "day"
    MAILS = "mails"


@dataclass(frozen=True, slots=True)
class Wrote:
    """A mail, and how often its sender was answered by us. `automatic`, `do_not_answer`: the mailroom's reasons, or "".

    `failed`: the owner of the domain says that it is none of theirs, so an answer would go to somebody innocent.
    """

    address: str
    automatic: str = ""
    do_not_answer: str = ""
    failed: bool = False
    is_ours: bool = False
    in_hour: int = 0
    in_day: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why` not, in few words, "" where it is answered."""

    why: str = ""
    brake: Brake | None = None

    @property
    def answers(self) -> bool:
        """Whether it is answered."""
        return not self.why


def verdict(wrote: Wrote) -> Verdict:
    """Whether this mail is answered by a machine."""
    if not wrote.address:
        return Verdict("nobody is named to be answered")
    if wrote.automatic or wrote.do_not_answer:
        return Verdict(wrote.automatic or wrote.do_not_answer)
    if wrote.failed:
        return Verdict("the owner of its domain says that it is none of theirs")
    if wrote.is_ours:
        return Verdict("it is an address of ours")
    if wrote.in_hour >= PER_HOUR:
        return Verdict(f"that address has had {wrote.in_hour} within an hour", Brake.HOUR)
    if wrote.in_day >= PER_DAY:
        return Verdict(f"that address has had {wrote.in_day} within a day", Brake.DAY)
    return Verdict()


def is_too_much(mails: int) -> bool:
    """Whether so many mails within MAILS_WITHIN are more than people write."""
    return mails > MAILS_AT_MOST


class Expect(StrEnum):
    """What somebody who wrote may expect."""

    AT_WORK = "at_work"
    """It is within their hours, or taken now by a contract round the clock."""
    AT_OPENING = "at_opening"
    NOT_A_NIGHT_JOB = "not_a_night_job"
    """Work that is done by day, politely refused now."""
    NOTHING_PROMISED = "nothing_promised"


@dataclass(frozen=True, slots=True)
class Says:
    """What the answer tells: instants in UTC, None where nothing is promised; "" and () where there is nothing to tell."""

    expect: Expect
    answer_from: datetime | None = None
    answer_by: datetime | None = None
    emergency_number: str = ""
    faults: tuple[str, ...] = ()
    workarounds: tuple[str, ...] = ()


def what_to_say(
    cover: Cover,
    *,
    trusted: bool,
    entitled: bool,
    by_day_only: bool = False,
    emergency_number: str = "",
    faults: Sequence[str] = (),
    workarounds: Sequence[str] = (),
) -> Says:
    """What is told to the writer. `trusted`: they are who they say. `by_day_only`: it lies in a queue that waits for the day."""
    owed = cover.reason not in (Reason.NO_CONTRACT, Reason.CONTRACT_NOT_VALID)
    by_day = cover.reason is Reason.NOT_A_NIGHT_JOB or (by_day_only and owed and not cover.open_now)
    if not owed:
        expect = Expect.NOTHING_PROMISED
    elif by_day:
        expect = Expect.NOT_A_NIGHT_JOB
    else:
        expect = Expect.AT_WORK if cover.open_now or cover.may_page_now else Expect.AT_OPENING
    private = trusted and owed
    return Says(
        expect,
        answer_from=cover.answer_from,
        answer_by=cover.respond_by,
        emergency_number=emergency_number if private and entitled and not by_day else "",
        faults=tuple(faults) if private else (),
        workarounds=tuple(workarounds) if private else (),
    )


def is_entitled(contract: ContractFacts | None, at: datetime) -> bool:
    """Whether the contract lets them ring the number for the night: something of theirs may wake somebody, or the night is
    bought whole.
    """
    if contract is None:
        return False
    begun = contract.valid_from is None or contract.valid_from <= at
    over = contract.valid_until is not None and contract.valid_until <= at
    return begun and not over and (Priority.P1 in contract.may_wake or contract.out_of_hours is OutOfHours.FULL)
