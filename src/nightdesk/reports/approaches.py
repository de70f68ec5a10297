"""What each way to be there out of hours costs a month, how many callers it answers in time, and whom it wakes.

Inputs in, outcomes out. Every hour of the week stands for itself, as if its calls had always come so (Erlang A, and C beside
it); hours that are covered anyway are left out. A month has 365.25 / 84 weeks. Expected numbers are rounded to two digits
before they are multiplied with a price, so that each line can be checked.

A telephone is picked up by a share of the times, after so many seconds; who rings is patient for an exponential time, also
while it rings. Whoever is there talks to one caller at a time. A night is that of `load.NIGHT`, by local clocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from nightdesk.reports import week
from nightdesk.reports.diverts import Target, divert_price
from nightdesk.reports.erlang import answered, people_needed
from nightdesk.reports.load import NIGHT
from nightdesk.reports.message_prices import Line, MessagePrices, Way, line, message_lines, total

WEEKS = Decimal("365.25") / 84
"""In a month."""


class Approach(StrEnum):
    """A way to be there out of hours; the first is what there is where nothing is said."""

    NONE = "none"
    EMAIL = "email"
    PHONE = "phone"
    BUREAU = "bureau"
    SHIFT = "shift"
    OUTSOURCED = "outsourced"


class Charged(StrEnum):
    """By what an outsourced desk is paid; its monthly sum comes on top, and alone where it is flat."""

    CALL = "call"
    TICKET = "ticket"
    FLAT = "flat"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What somebody types, or what is on record. Shares are percent, times in seconds unless named, money in `currency`.

    `calls`, `covered` and `combinations` are lines of `week`, `diverts` of `diverts`. `team` shares the duty by the week;
    `backup` is a second person, rung when the first does not pick up. `urgent` and `escalated` are the calls that a bureau, or
    an outsourced desk, passes on at once. `patience_s` 0: for ever; `weekly_hours` 0: not known; `shift_rota` 0: as many as
    are needed.
    """

    calls: str = "every day 0-24 0.1\nMon-Fri 18-22 0.5\nSat, Sun 09-18 0.5"
    covered: str = "Mon-Fri 08-18"
    combinations: str = ""
    handling_s: int = 300
    patience_s: int = 120
    promised_s: int = 12
    target_percent: Decimal = Decimal(90)
    currency: str = "GBP"
    team: int = 6
    weekly_hours: Decimal = Decimal("37.5")
    day_job: bool = True
    response_minutes: int = 30
    fixed_place: bool = False
    backup: bool = False
    oncall_percent: Decimal = Decimal(80)
    oncall_after_s: int = 15
    next_after_s: int = 25
    standby_hour: Decimal = Decimal("2.50")
    call_hour: Decimal = Decimal(40)
    call_minimum: int = 30
    phone_month: Decimal = Decimal(15)
    number_kind: str = "geographic"
    diverts: str = "geographic | mobile | 0.08 | 0\ngeographic | landline | 0.01 | 0\ngeographic | pager | 0 | 0"
    email_month: Decimal = Decimal(0)
    bureau_month: Decimal = Decimal(45)
    bureau_call: Decimal = Decimal("1.20")
    bureau_minute: Decimal = Decimal(0)
    bureau_takes_s: int = 90
    bureau_seats: int = 5
    bureau_percent: Decimal = Decimal(98)
    bureau_after_s: int = 5
    urgent_percent: Decimal = Decimal(60)
    message_way: Way = Way.PAGER
    to_everybody: bool = False
    pager_month: Decimal = Decimal(10)
    pager_message: Decimal = Decimal("0.10")
    text_message: Decimal = Decimal("0.10")
    bundle_month: Decimal = Decimal(0)
    bundle_texts: int = 0
    bundle_message: Decimal = Decimal("0.02")
    shift_people: int = 2
    shift_rota: int = 0
    shift_hours: int = 8
    wage_hour: Decimal = Decimal(18)
    employer_percent: Decimal = Decimal(20)
    away_percent: Decimal = Decimal(14)
    shift_percent: Decimal = Decimal(98)
    shift_after_s: int = 5
    outsource_by: Charged = Charged.CALL
    outsource_month: Decimal = Decimal(250)
    outsource_call: Decimal = Decimal(6)
    outsource_ticket: Decimal = Decimal(9)
    tickets_percent: Decimal = Decimal(80)
    outsource_seats: int = 8
    outsource_percent: Decimal = Decimal(95)
    outsource_after_s: int = 8
    escalated_percent: Decimal = Decimal(25)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of one approach, or of one combination of them.

    Shares are of all calls in the hours that are asked about, None where there are none. `endless_share` is `in_time_share` if
    callers waited for ever (Erlang C). `woken` are nights a month on which somebody is, by each of the team.
    """

    name: str
    week: tuple[str, ...]
    calls: Decimal
    in_time_share: float | None
    endless_share: float | None
    lost_share: float | None
    woken: float
    lines: tuple[Line, ...]

    @property
    def cost(self) -> Decimal:
        """A month, the sum of its lines."""
        return total(self.lines)

    @property
    def cost_a_call(self) -> Decimal | None:
        """The same for each call that comes."""
        return (self.cost / self.calls).quantize(Decimal("0.01")) if self.calls else None


@dataclass(frozen=True, slots=True)
class Needed:
    """How many own people the busiest hour needs for the promise; None where no number of them does."""

    calls: Decimal
    with_patience: int | None
    endless: int | None


@dataclass(frozen=True)
class Case:
    """The inputs, read: what all approaches are held against. Raises BadLine and BadDivert when it is made of others."""

    inputs: Inputs
    calls: tuple[Decimal, ...] = field(init=False)
    covered: frozenset[int] = field(init=False)
    weeks: Mapping[str, tuple[str, ...]] = field(init=False)
    """Which approach holds in each hour, by the name of the approach or combination."""

    def __post_init__(self) -> None:
        given = self.inputs
        covered = week.read_hours(given.covered)
        alone = {
            each.value: tuple("" if hour in covered else each.value for hour in range(week.HOURS)) for each in Approach
        }
        object.__setattr__(self, "calls", week.read_calls(given.calls))
        object.__setattr__(self, "covered", covered)
        object.__setattr__(
            self,
            "weeks",
            alone | week.read_combinations(given.combinations, covered, [each.value for each in Approach]),
        )
        divert_price(given.diverts, given.number_kind, Target.MOBILE)

    @cached_property
    def outcomes(self) -> Sequence[Outcome]:
        """Each approach, then each combination, in their order."""
        return [self._outcome(name, kinds) for name, kinds in self.weeks.items()]

    @cached_property
    def needed(self) -> Needed:
        """Of our own people, with the time that they take to pick up, in the hour with the most calls."""
        given = self.inputs
        most = max((self.calls[hour] for hour in range(week.HOURS) if hour not in self.covered), default=Decimal(0))
        ways = ((_share(given.shift_percent), given.shift_after_s),)
        target = float(given.target_percent) / 100
        found = []
        for patience in (given.patience_s or None, None):
            reached = sum(share * _stays(after, patience) for share, after in ways if after <= given.promised_s)
            rate = float(most) / 3600 * sum(share for share, _after in ways)
            least = (
                people_needed(
                    rate, given.handling_s, given.promised_s - given.shift_after_s, target / reached, patience
                )
                if target < reached
                else None
            )
            found.append(least)
        return Needed(most, *found)

    def rung_for(self, kinds: Sequence[str]) -> list[tuple[float, float]]:
        """How often, in each hour of the week, the one on call and the backup are rung or told something."""
        found = []
        for hour in range(week.HOURS):
            one = self._hour(kinds[hour], self.calls[hour]) if kinds[hour] else _Hour()
            found.append((one.wakes_first + one.wakes_all, one.wakes_second + one.wakes_all))
        return found

    def _outcome(self, name: str, kinds: tuple[str, ...]) -> Outcome:
        used = [hour for hour in range(week.HOURS) if kinds[hour]]
        rung = sum((self.calls[hour] for hour in used), Decimal(0))
        hours = {hour: self._hour(kinds[hour], self.calls[hour]) for hour in used}

        def share(of: str) -> float | None:
            parts = (float(self.calls[hour]) * float(getattr(hours[hour], of)) for hour in used)
            return math.fsum(parts) / float(rung) if rung else None

        return Outcome(
            name,
            kinds,
            (rung * WEEKS).quantize(Decimal("0.01")),
            share("in_time"),
            share("endless"),
            share("lost"),
            self._woken(hours),
            tuple(self._lines(kinds, hours)),
        )

    def _hour(self, kind: str, calls: Decimal) -> _Hour:
        key = (kind, calls)
        known: dict[tuple[str, Decimal], _Hour] = self.__dict__.setdefault("_hours", {})
        if key not in known:
            known[key] = _hour(self.inputs, Approach(kind), float(calls))
        return known[key]

    def _woken(self, hours: Mapping[int, _Hour]) -> float:
        team, found = self.inputs.team, 0.0
        for evening in range(7):
            night = [hours[hour] for hour in _night(evening) if hour in hours]
            first, second, everybody = (
                math.fsum(getattr(hour, of) for hour in night) for of in ("wakes_first", "wakes_second", "wakes_all")
            )
            on_duty = [first, second][: 1 + self.inputs.backup][:team]
            found += sum(-math.expm1(-(rate + everybody)) for rate in on_duty)
            found += (team - len(on_duty)) * -math.expm1(-everybody)
        return found * float(WEEKS) / team

    def _lines(self, kinds: tuple[str, ...], hours: Mapping[int, _Hour]) -> list[Line]:
        given = self.inputs
        by_kind: dict[str, Decimal] = {}
        answered_by: dict[str, float] = {}
        for hour in hours:
            kind = kinds[hour]
            by_kind[kind] = by_kind.get(kind, Decimal(0)) + 1
            had = float(self.calls[hour]) * (1 - hours[hour].lost) * float(WEEKS)
            answered_by[kind] = answered_by.get(kind, 0.0) + had
        passed_on = math.fsum(
            float(self.calls[hour]) * (1 - hours[hour].lost) * hours[hour].passed_on * float(WEEKS) for hour in hours
        )
        lines: list[Line] = []
        for kind, lines_of in _LINES.items():
            if kind in by_kind:
                lines += lines_of(given, by_kind[kind] * WEEKS, answered_by[kind])
        on_call = [kind for kind in by_kind if on_call_in(given, Approach(kind))]
        if on_call:
            waits = sum((by_kind[kind] for kind in on_call), Decimal(0)) * WEEKS * (1 + given.backup)
            lines.append(line("standby", waits, given.standby_hour))
            length = Decimal(max(given.handling_s, given.call_minimum * 60)) / 3600
            woken_by = answered_by.get(Approach.PHONE, 0.0) + passed_on
            lines.append(line("call_outs", Decimal(woken_by) * length, given.call_hour))
        if any(kind in (Approach.BUREAU, Approach.OUTSOURCED) for kind in on_call):
            each_to = given.team if given.to_everybody else 1
            prices = message_prices(given)
            messages = Decimal(passed_on).quantize(Decimal("0.01"))
            lines += message_lines(given.message_way, prices, messages, each_to, given.team)
        return [each for each in lines if each.price and each.how_many]


@dataclass(frozen=True, slots=True)
class _Hour:
    """One hour: shares of its calls, and how often somebody asleep would be woken in it, by whom it wakes."""

    in_time: float = 0.0
    endless: float = 0.0
    lost: float = 1.0
    passed_on: float = 0.0
    wakes_first: float = 0.0
    wakes_second: float = 0.0
    wakes_all: float = 0.0


def message_prices(given: Inputs) -> MessagePrices:
    """What messages cost, of the inputs."""
    return MessagePrices(
        given.pager_month,
        given.pager_message,
        given.text_message,
        given.bundle_month,
        given.bundle_texts,
        given.bundle_message,
    )


def on_call_in(given: Inputs, kind: Approach) -> bool:
    """Whether somebody of the team is on call while that approach holds."""
    passes_on = {Approach.BUREAU: given.urgent_percent, Approach.OUTSOURCED: given.escalated_percent}
    return kind is Approach.PHONE or bool(passes_on.get(kind, 0))


def _hour(given: Inputs, kind: Approach, calls: float) -> _Hour:
    if kind in (Approach.NONE, Approach.EMAIL):
        return _Hour()
    first = _share(given.oncall_percent)
    people, handling, ways = {
        Approach.PHONE: (
            1,
            given.handling_s,
            [
                (first, given.oncall_after_s),
                *([((1 - first) * first, given.next_after_s + given.oncall_after_s)] if given.backup else []),
            ],
        ),
        Approach.BUREAU: (
            given.bureau_seats,
            given.bureau_takes_s,
            [(_share(given.bureau_percent), given.bureau_after_s)],
        ),
        Approach.SHIFT: (given.shift_people, given.handling_s, [(_share(given.shift_percent), given.shift_after_s)]),
        Approach.OUTSOURCED: (
            given.outsource_seats,
            given.handling_s,
            [(_share(given.outsource_percent), given.outsource_after_s)],
        ),
    }[kind]
    in_time, lost = _answered(people, calls, handling, ways, given.promised_s, given.patience_s or None)
    endless, _none = _answered(people, calls, handling, ways, given.promised_s, None)
    if kind is Approach.PHONE:
        return _Hour(
            in_time,
            endless,
            lost,
            wakes_first=calls * first,
            wakes_second=calls * (1 - first) * first if given.backup else 0.0,
        )
    percent = {Approach.BUREAU: given.urgent_percent, Approach.OUTSOURCED: given.escalated_percent}.get(kind)
    passed_on = _share(percent) if percent is not None else 0.0
    wakes = calls * (1 - lost) * passed_on
    return _Hour(
        in_time,
        endless,
        lost,
        passed_on,
        wakes_first=0.0 if given.to_everybody else wakes,
        wakes_all=wakes if given.to_everybody else 0.0,
    )


def _answered(
    people: int,
    calls: float,
    handling: int,
    ways: Sequence[tuple[float, int]],
    promised: int,
    patience: float | None,
) -> tuple[float, float]:
    """Shares of all calls: in time, and never. `ways`: which share is picked up, and after how many seconds of ringing.

    Calls that nobody picks up take nobody's time. Patience has no memory: it goes on while it rings.
    """
    rate = calls / 3600 * sum(share for share, _after in ways)
    in_time = had = 0.0
    for share, after in ways:
        stays = share * _stays(after, patience)
        found = answered(people, rate, handling, max(promised - after, 0), patience)
        in_time += stays * found.within if after <= promised else 0.0
        had += stays * (1 - found.lost)
    return in_time, 1 - had


def _stays(seconds: int, patience: float | None) -> float:
    return 1.0 if patience is None else math.exp(-seconds / patience)


def _share(percent: Decimal) -> float:
    return float(percent) / 100


def _night(evening: int) -> list[int]:
    """The hours of the week of the night that begins on the evening of that day."""
    starts, ends = NIGHT[0].hour, NIGHT[1].hour
    return [(evening * 24 + hour) % week.HOURS for hour in range(starts, 24 + ends)]


# --- Lines of each approach: the inputs, its hours a month, and how many of its calls are answered a month --------------


def _lines_of_email(given: Inputs, _hours: Decimal, _calls: float) -> list[Line]:
    return [line("email", 1, given.email_month)]


def _lines_of_phone(given: Inputs, _hours: Decimal, calls: float) -> list[Line]:
    minutes = calls * given.handling_s / 60
    return [line("oncall_phone", 1, given.phone_month), *_diverted(given, Target.MOBILE, calls, minutes)]


def _lines_of_bureau(given: Inputs, _hours: Decimal, calls: float) -> list[Line]:
    minutes = calls * given.bureau_takes_s / 60
    return [
        line("bureau", 1, given.bureau_month),
        line("bureau_calls", calls, given.bureau_call),
        line("bureau_minutes", minutes, given.bureau_minute),
        *_diverted(given, Target.PAGER, calls, minutes),
    ]


def _lines_of_shift(given: Inputs, hours: Decimal, _calls: float) -> list[Line]:
    wages = line("wages", hours * given.shift_people, given.wage_hour)
    away = line("away", wages.amount, given.away_percent / 100)
    return [wages, away, line("employer", wages.amount + away.amount, given.employer_percent / 100)]


def _lines_of_outsourced(given: Inputs, _hours: Decimal, calls: float) -> list[Line]:
    by = {
        Charged.CALL: [line("outsourced_calls", calls, given.outsource_call)],
        Charged.TICKET: [
            line("outsourced_tickets", Decimal(calls) * given.tickets_percent / 100, given.outsource_ticket)
        ],
        Charged.FLAT: [],
    }[given.outsource_by]
    minutes = calls * given.handling_s / 60
    return [line("outsourced", 1, given.outsource_month), *by, *_diverted(given, Target.LANDLINE, calls, minutes)]


def _diverted(given: Inputs, target: Target, calls: float, minutes: float) -> list[Line]:
    price = divert_price(given.diverts, given.number_kind, target)
    return [line("divert_calls", calls, price.call), line("divert_minutes", minutes, price.minute)]


_LINES = {
    Approach.EMAIL: _lines_of_email,
    Approach.PHONE: _lines_of_phone,
    Approach.BUREAU: _lines_of_bureau,
    Approach.SHIFT: _lines_of_shift,
    Approach.OUTSOURCED: _lines_of_outsourced,
}
