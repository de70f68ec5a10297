"""What happened, as figures count it: one record of a call, a ticket, a page and so on, with whose it was and on which day.

The day is the local one, by the brand's clocks, of an instant that never changes: when the call came, the ticket was opened,
the page began, the outage was noticed. Whatever becomes of it later changes the figures of that day and of no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from nightdesk.reports.phone import LineCall, OwedCallBack

DIMENSIONS = ("team", "shift", "customer", "supplier", "provider", "person")
"""By what figures are told apart within a brand."""
NIGHT, DAY, EVENING, WEEKEND = "night", "day", "evening", "weekend"
SHIFTS = (DAY, EVENING, NIGHT, WEEKEND)


@dataclass(frozen=True, slots=True)
class Whose:
    """Ids as text, "" for none; `provider` is a route's name, of costs with the currency behind a `|`. `touched`: the customers
    of what concerned several at once.
    """

    team: str = ""
    shift: str = ""
    customer: str = ""
    supplier: str = ""
    provider: str = ""
    person: str = ""
    touched: tuple[str, ...] = ()


def shift_of(local: datetime) -> str:
    """By the clocks alone, so that it never changes and is the same for every desk: night 23:00 to 06:00, else the weekend,
    else day 06:00 to 18:00 and evening.
    """
    if local.time() >= time(23) or local.time() < time(6):
        return NIGHT
    if local.weekday() >= 5:
        return WEEKEND
    return DAY if local.time() < time(18) else EVENING


@dataclass(frozen=True, slots=True)
class Rang:
    """A caller rang in; `again`: the same number had rung within a day before, None where it was withheld."""

    day: date
    whose: Whose
    call: LineCall
    again: bool | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """A call-back was promised, as known at `at`."""

    day: date
    whose: Whose
    owed: OwedCallBack
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A message was taken by the bureau; `corrected`: something of it was changed after it had been read back or handed on."""

    day: date
    whose: Whose
    corrected: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked for something, by a ticket. Times in ms from its opening, None: not yet; `spoken_after`: how often the
    customer wrote or rang between our first words and the end of it.
    """

    day: date
    whose: Whose
    responded_ms: int | None = None
    resolved_ms: int | None = None
    functional: bool = False
    hierarchic: bool = False
    reopened: bool = False
    spoken_after: int = 0


@dataclass(frozen=True, slots=True)
class Paged:
    """A page rang; `taken_ms` from then to the first acknowledgement. `over`: it ended without one."""

    day: date
    whose: Whose
    taken_ms: int | None = None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Woke:
    """A page rang somebody loudly in their night; `day` is the evening on which that began, by their clocks."""

    day: date
    whose: Whose


@dataclass(frozen=True, slots=True)
class Failed:
    """An outage: ms from the alarm to the first word, None: none yet; promises of a next update that have fallen due, and
    how many of them were kept.
    """

    day: date
    whose: Whose
    first_word_ms: int | None = None
    over: bool = False
    promised: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Noticed:
    """A customer touched by an outage was told, or asked; `told_first`: told before they asked."""

    day: date
    whose: Whose
    told_first: bool


@dataclass(frozen=True, slots=True)
class Down:
    """What a customer bought was down that day: ms over all of it, without and with planned work."""

    day: date
    whose: Whose
    down_ms: int
    with_work_ms: int


@dataclass(frozen=True, slots=True)
class Sent:
    """`count` messages of a provider; `taken` by it, `arrived` by its receipt (None: no receipt says so or not)."""

    day: date
    whose: Whose
    count: int
    taken: bool
    arrived: bool | None


@dataclass(frozen=True, slots=True)
class Paid:
    """`count` hand-overs that a provider is paid for, `micros` millionths of its currency in all."""

    day: date
    whose: Whose
    count: int
    micros: int


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Somebody was asked what they think; `score` 1 to 5, None: no answer."""

    day: date
    whose: Whose
    score: int | None = None
