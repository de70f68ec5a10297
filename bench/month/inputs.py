"""What is put into the simulated month. The document says the same in words; a test holds the two together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time

WEEKDAY = (
    0.03, 0.02, 0.02, 0.02, 0.03, 0.05, 0.12, 0.35, 0.75, 1.00, 1.00, 0.95,
    0.70, 0.75, 0.85, 0.80, 0.70, 0.45, 0.25, 0.18, 0.14, 0.10, 0.07, 0.05,
)  # fmt: skip
SATURDAY = (
    0.03, 0.02, 0.02, 0.02, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.20, 0.20,
    0.18, 0.15, 0.15, 0.14, 0.12, 0.12, 0.12, 0.10, 0.10, 0.08, 0.06, 0.04,
)  # fmt: skip
SUNDAY = tuple(round(share * 0.8, 3) for share in SATURDAY)
WEEK: Sequence[Sequence[float]] = (WEEKDAY,) * 5 + (SATURDAY, SUNDAY)
"""Calls of each hour of the week, Monday first, as a part of those of the busiest hour."""


@dataclass(frozen=True)
class Outage:
    """One core outage: out of hours at its beginning, within them at its end. Times are local, minutes count from its start.

    Calls come on top of the usual ones: `extra` times the peak at once, half of that each `halves_after_min`.
    """

    day: int = 9
    starts: time = time(7, 10)
    lasts_min: int = 180
    known_after_min: int = 8
    update_every_min: int = 30
    touched: float = 0.7
    extra: float = 20
    halves_after_min: float = 15
    fixers: int = 2


@dataclass(frozen=True)
class Inputs:
    """Shares are of 1, times in seconds. Gamma times are (mean, shape)."""

    peak: float = 6
    first_day: date = date(2026, 11, 2)
    days: int = 28
    zone: str = "Europe/London"
    opens: time = time(8)
    closes: time = time(18)
    outage: Outage | None = Outage()
    # Callers
    customers: float = 0.82
    peers: float = 0.03
    """The rest is unknown by number."""
    with_pin: float = 0.3
    """Of the unknown: who keys a PIN when asked."""
    covered: float = 0.6
    """Of the customers: out of hours too."""
    live: float = 0.1
    """Of those: their contract buys a live answer out of hours."""
    patience: tuple[float, float] = (120, 3)
    handling_s: tuple[float, float] = (240, 300)
    wrap_up_s: float = 20
    hates_machines: float = 0.15
    """Who says nothing to a recorder, and rings off."""
    speaks: tuple[float, float] = (20, 4)
    # Engineers in hours, each with a telephone on the desk
    engineers: int = 4
    away_from_desk: float = 0.1
    """Of an engineer's quarters of an hour: the telephone rings, and nobody hears it."""
    picks_up: tuple[float, float] = (4, 4)
    # At night: the holder and the backup, each with a mobile
    sleeps: tuple[time, time] = (time(23), time(7))
    awake_for_min: float = 45
    """Whoever was woken is awake for so long."""
    sleeps_through: float = 0.2
    out_of_coverage: float = 0.05
    """Of a person's nights: the mobile's voicemail answers at once."""
    wakes: tuple[float, float] = (12, 3)
    picks_up_awake: tuple[float, float] = (7, 3)
    mobile_set_up_s: float = 3
    voicemail_after_s: float = 28
    presses_1_after_s: float = 1.5
    # A page for what was left, and the call-back
    page_climbs_s: float = 300
    calls_back_after_s: tuple[float, float] = (480, 4)
    # The bureau
    bureau_set_up_s: float = 1
    bureau_picks_up: tuple[float, float] = (4, 4)
    bureau_full: float = 0.02
    """Of the calls to it: all its people talk, and it takes half a minute more."""
    bureau_takes_s: tuple[float, float] = (60, 120)


STATUS_KEYS = {"1": 0.35, "2": 0.07, "3": 0.08}
"""After a known outage: texts, something else, a message; the rest ring off."""
NOT_COVERED_KEYS = {"1": 0.10, "2": 0.30}
"""Where nobody is there for them: a call-out, a message for the morning; the rest ring off."""
ENGINEERS = {2: 3, 6: 4, 20: 7}
"""Engineers in hours by calls an hour at the peak."""


@dataclass(frozen=True)
class Policy:
    """A line's settings. `joins_s`, `most_rung`, `ring_s`, `longest_hunt_s`, `night`: of `calls.flow`.

    `knows`: it knows who calls, what they are promised, and of outages; an older line knows nobody and wakes for everybody.
    `all_at_night`: telephones of sleepers ring one over the other, as by day. `bureau`: by day and by night.
    """

    name: str
    knows: bool = True
    one_phone: bool = False
    joins_s: tuple[int, ...] = (4, 8)
    most_rung: int = 4
    ring_s: int = 25
    longest_hunt_s: int = 120
    all_at_night: bool = False
    bureau: bool = False


ONE_PHONE = Policy("one phone", knows=False, one_phone=True)
SERIAL = Policy("serial hunt", knows=False, joins_s=(), most_rung=1, ring_s=15)
OVERLAPPING = Policy("overlapping hunt", knows=False, all_at_night=True)
RECORDER = Policy("message first, recorder only")
RECOMMENDED = Policy("message first, bureau overflow", bureau=True, longest_hunt_s=4)
POLICIES = (ONE_PHONE, SERIAL, OVERLAPPING, RECORDER, RECOMMENDED)
