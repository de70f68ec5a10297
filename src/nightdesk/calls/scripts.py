"""Which script holds at an instant, which step comes next, how a number is read back, what an operator may see. Pure.

A script is what somebody who takes messages says and asks for a client. Its **versions** follow one another: each begins at
an instant, once it was tested and approved. Several scripts of a client share the week; the one that says least of it wins.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 24 * 60

# --- Which script ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class When:
    """Local times at which a script is read: on these weekdays (0 is Monday), from `opens` to `closes` (excluded), and from
    `first_day` to `last_day` (both included; None: no such end).

    The same `opens` and `closes` is the whole day; where `closes` is the earlier one it goes on past midnight, and that part
    belongs to the day on which it opened.
    """

    weekdays: frozenset[int] = frozenset(range(7))
    opens: time = time(0)
    closes: time = time(0)
    first_day: date | None = None
    last_day: date | None = None

    @property
    def minutes_a_day(self) -> int:
        """How much of a day it has, 1 to 1440."""
        return (_minute(self.closes) - _minute(self.opens)) % MINUTES_A_DAY or MINUTES_A_DAY

    @property
    def days(self) -> int | None:
        """How many days there are from the first to the last; None where it has no end or no beginning."""
        if self.first_day is None or self.last_day is None:
            return None
        return (self.last_day - self.first_day).days + 1

    def holds(self, local: datetime) -> bool:
        """Whether it is read at that local time."""
        into_day = local.hour * 60 + local.minute - _minute(self.opens)
        day = local.date()
        if into_day < 0:
            into_day += MINUTES_A_DAY
            day -= timedelta(days=1)
        return into_day < self.minutes_a_day and day.weekday() in self.weekdays and self._has(day)

    def _has(self, day: date) -> bool:
        return (self.first_day is None or self.first_day <= day) and (self.last_day is None or day <= self.last_day)

    def as_json(self) -> dict[str, Any]:
        """As it lies in its column."""
        return {
            "weekdays": sorted(self.weekdays),
            "opens": f"{self.opens:%H:%M}",
            "closes": f"{self.closes:%H:%M}",
            "first_day": self.first_day.isoformat() if self.first_day else None,
            "last_day": self.last_day.isoformat() if self.last_day else None,
        }


def when_from(told: Mapping[str, Any]) -> When:
    """The other way. Raises ValueError for what is no such thing, and for one that never comes."""
    weekdays = told.get("weekdays", range(7))
    if not weekdays or not all(isinstance(day, int) and 0 <= day <= 6 for day in weekdays):
        raise ValueError("weekdays are numbers from 0, Monday, to 6, and at least one")
    first, last = (date.fromisoformat(told[name]) if told.get(name) else None for name in ("first_day", "last_day"))
    if first and last and last < first:
        raise ValueError("the last day is before the first")
    opens, closes = (time.fromisoformat(told.get(name) or "00:00") for name in ("opens", "closes"))
    return When(frozenset(weekdays), opens, closes, first, last)


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


@dataclass(frozen=True, slots=True)
class Live:
    """An approved version: its script's words from `starts_at` on, until the script's next one begins."""

    script_id: int
    number: int
    when: When
    starts_at: datetime


def script_at(versions: Iterable[Live], at: datetime, zone: str) -> Live | None:
    """What is read at `at`: of each script its newest version that has begun, and of those that hold the most specific.

    Dates are more specific than none, few days than many; then little of the week is more specific than much of it. Of two
    that are alike the one that began last wins, at last the script that was made last. None where nothing holds.
    """
    current: dict[int, Live] = {}
    for one in versions:
        known = current.get(one.script_id)
        if one.starts_at <= at and (known is None or (known.starts_at, known.number) < (one.starts_at, one.number)):
            current[one.script_id] = one
    local = at.astimezone(ZoneInfo(zone))
    return min((one for one in current.values() if one.when.holds(local)), key=_rank, default=None)


def _rank(one: Live) -> tuple[Any, ...]:
    when = one.when
    dated = when.first_day is not None or when.last_day is not None
    days = when.days if when.days is not None else 10**6 if dated else 10**7
    return (days, len(when.weekdays) * when.minutes_a_day, -one.starts_at.timestamp(), -one.script_id)


# --- Which step ------------------------------------------------------------------------------------------------------

Kind: TypeAlias = Literal["say", "name", "number", "account", "text", "choice", "urgency"]
KINDS: tuple[Kind, ...] = get_args(Kind)
URGENT, NORMAL = "urgent", "normal"
MOST_STEPS = 40


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to say, or to ask. `says` are the words to read out. `only_if` (key, value): only where that earlier step was
    answered so. A number must be read back; an account is checked; urgency is "urgent" or "normal".
    """

    key: str
    kind: Kind
    label: str
    says: str = ""
    required: bool = True
    choices: tuple[str, ...] = ()
    only_if: tuple[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """As it lies in its column."""
        return {
            "key": self.key,
            "kind": self.kind,
            "label": self.label,
            "says": self.says,
            "required": self.required,
            "choices": list(self.choices),
            "only_if": list(self.only_if) if self.only_if else None,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What was taken down for a step. `sure`: said, or read back and found right. `skipped`: it was left out."""

    value: str = ""
    sure: bool = False
    skipped: bool = False


def steps_from(told: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Steps as they lie in their column. Raises ValueError with a sentence for what cannot be a script."""
    if len(told) > MOST_STEPS:
        raise ValueError(f"a script has at most {MOST_STEPS} steps")
    steps: list[Step] = []
    for number, one in enumerate(told, 1):
        only_if = one.get("only_if")
        step = Step(
            str(one.get("key") or ""),
            one.get("kind", "text"),
            str(one.get("label") or "").strip(),
            str(one.get("says") or "").strip(),
            bool(one.get("required", True)),
            tuple(str(choice).strip() for choice in one.get("choices") or () if str(choice).strip()),
            (str(only_if[0]), str(only_if[1])) if only_if else None,
        )
        _see(step, number, steps)
        steps.append(step)
    return tuple(steps)


def _see(step: Step, number: int, before: Sequence[Step]) -> None:
    if step.kind not in KINDS:
        raise ValueError(f"step {number} has the kind {step.kind}; there are {', '.join(KINDS)}")
    if not step.key.isidentifier() or len(step.key) > 30:
        raise ValueError(f"step {number} needs a key of letters, digits and underscores")
    if not step.label:
        raise ValueError(f"step {number} needs a label")
    if step.key in {one.key for one in before}:
        raise ValueError(f"two steps have the key {step.key}")
    if step.kind == "choice" and len(step.choices) < 2:
        raise ValueError(f"step {number} needs two choices at least")
    if step.only_if and step.only_if[0] not in {one.key for one in before}:
        raise ValueError(f"step {number} hangs on {step.only_if[0]}, which is asked nowhere before it")


def steps_in(text: str) -> tuple[Step, ...]:
    """Steps as people write them, one a line: `key: kind | label | words to say | choice, choice | key = value`.

    What stands behind the label may be left out; a `?` behind the kind says that the answer may be. Raises ValueError.
    """
    told = []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        head, *rest = (part.strip() for part in line.split("|"))
        key, colon, kind = (part.strip() for part in head.partition(":"))
        if not colon:
            raise ValueError(f"line {number} does not begin with a key and a kind, as in a: text")
        if len(rest) > 4:
            raise ValueError(f"line {number} has too many bars")
        label, says, choices, only_if = (*rest, "", "", "", "")[:4]
        other, _equals, value = (part.strip() for part in only_if.partition("="))
        told.append(
            {
                "key": key,
                "kind": kind.removesuffix("?").strip(),
                "label": label,
                "says": says,
                "required": not kind.endswith("?"),
                "choices": choices.split(",") if choices else [],
                "only_if": [other, value] if only_if else None,
            }
        )
    return steps_from(told)


def as_lines(steps: Iterable[Step]) -> str:
    """The other way."""
    lines = []
    for step in steps:
        optional = "" if step.required else "?"
        only_if = f"{step.only_if[0]} = {step.only_if[1]}" if step.only_if else ""
        parts = [f"{step.key}: {step.kind}{optional}", step.label, step.says, ", ".join(step.choices), only_if]
        while not parts[-1]:
            parts.pop()
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def asked(steps: Sequence[Step], answers: Mapping[str, Answer]) -> list[Step]:
    """The steps that come in this call as far as it is known: without those that hang on another answer."""
    coming: list[Step] = []
    keys: set[str] = set()
    for step in steps:
        if step.only_if is None or (
            step.only_if[0] in keys and answers.get(step.only_if[0], Answer()).value == step.only_if[1]
        ):
            coming.append(step)
            keys.add(step.key)
    return coming


def is_done(step: Step, answer: Answer | None) -> bool:
    """Whether nothing more is to be said or asked there. What is required cannot be left out; a number is read back."""
    if answer is None:
        return False
    if step.kind == "say":
        return answer.sure
    if answer.skipped and not step.required:
        return True
    return bool(answer.value) and (answer.sure or step.kind != "number")


def next_step(steps: Sequence[Step], answers: Mapping[str, Answer]) -> Step | None:
    """What is said or asked now; None when all of it is done."""
    return next((step for step in asked(steps, answers) if not is_done(step, answers.get(step.key))), None)


def missing(steps: Sequence[Step], answers: Mapping[str, Answer]) -> list[Step]:
    """What must still be answered before the message can be kept."""
    return [
        step
        for step in asked(steps, answers)
        if step.required and step.kind != "say" and not is_done(step, answers.get(step.key))
    ]


def is_urgent(steps: Sequence[Step], answers: Mapping[str, Answer]) -> bool:
    """Whether somebody is to be woken, as far as the caller says. A script that does not ask takes every message as urgent."""
    asking = [step for step in asked(steps, answers) if step.kind == "urgency"]
    return not asking or any(answers.get(step.key, Answer()).value == URGENT for step in asking)


def in_words(steps: Sequence[Step], answers: Mapping[str, Answer]) -> str:
    """The message as it is handed on: one line a field, in the script's order."""
    lines = [
        f"{step.label}: {answers[step.key].value}"
        for step in asked(steps, answers)
        if step.kind != "say" and step.key in answers and answers[step.key].value
    ]
    return "\n".join(lines)


def value_of(kind: Kind, steps: Sequence[Step], answers: Mapping[str, Answer]) -> str:
    """What was answered to the first step of that kind; "" for nothing."""
    found = (answers[step.key].value for step in asked(steps, answers) if step.kind == kind and step.key in answers)
    return next(found, "")


STANDARD: tuple[Step, ...] = (
    Step("name", "name", "Name", "May I have your name, please? Could you spell the surname?"),
    Step("number", "number", "Number to call back", "On which number can we reach you? I read it back to you."),
    Step("account", "account", "Account", "Do you have your customer number at hand?", required=False),
    Step("what", "text", "What is wrong", "What has stopped working, and since when?"),
    Step("urgency", "urgency", "Urgency", "Does it stop your work now, or can it wait until the morning?"),
    Step("other", "text", "Other number or time", "Is there another number, or a time that suits you?", required=False),
    Step("promise", "say", "Promise", "Thank you. I pass it on now, and you are called back.", required=False),
)
"""What a new client's script asks, until somebody writes their own."""


# --- Digit by digit --------------------------------------------------------------------------------------------------

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read_back(shown: str) -> str:
    """A number as it is read to the caller, digit by digit, with a pause where it is written apart: "zero two zero, seven"."""
    groups: list[list[str]] = [[]]
    for letter in shown:
        if letter in "0123456789":
            groups[-1].append(_DIGITS[int(letter)])
        elif letter == "+":
            groups[-1].append("plus")
        elif groups[-1]:
            groups.append([])
    return ", ".join(" ".join(group) for group in groups if group)


# --- Who is told -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rung:
    """One way on a client's own ladder; whoever comes after it waits `wait_s` for an acknowledgement.

    `first_at` and `last_at` (excluded) are when it holds; both None: whenever no dated one does. `urgent_only`: a message that
    can wait does not go there.
    """

    id: int
    position: int
    wait_s: int
    urgent_only: bool = False
    first_at: datetime | None = None
    last_at: datetime | None = None


def ladder_at(rungs: Iterable[Rung], at: datetime, *, urgent: bool = True) -> list[Rung]:
    """The rungs in their order: those dated for `at`, else those without dates. What is not urgent takes the quiet ones, or
    where there are none all of them, so that no message is left lying.
    """
    known = list(rungs)
    dated = [one for one in known if (one.first_at or one.last_at) and _is_dated_for(one, at)]
    chosen = dated or [one for one in known if one.first_at is None and one.last_at is None]
    if not urgent:
        chosen = [one for one in chosen if not one.urgent_only] or chosen
    return sorted(chosen, key=lambda one: (one.position, one.id))


def _is_dated_for(rung: Rung, at: datetime) -> bool:
    return (rung.first_at is None or rung.first_at <= at) and (rung.last_at is None or at < rung.last_at)


# --- What an operator may see ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """A customer as it is known: `numbers` are its contacts', `statements` what it was told of open outages."""

    customer_id: int
    name: str
    ref: str
    numbers: frozenset[str] = frozenset()
    statements: tuple[str, ...] = ()
    covered: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """All that somebody who takes messages is shown of a customer."""

    customer_id: int
    name: str
    ref: str
    statements: tuple[str, ...]
    covered: bool


def account_of(typed: str, accounts: Iterable[Account]) -> Seen | None:
    """The one account that the caller can name: its whole reference, its whole name, or a number that is known of it.

    Nothing is found by a part of any, so that nobody can look around; where two would fit, neither is shown.
    """
    wanted = _plain(typed)
    if not wanted:
        return None
    found = {
        one.customer_id: one
        for one in accounts
        if wanted in (_plain(one.ref), _plain(one.name)) or typed.strip() in one.numbers
    }
    if len(found) != 1:
        return None
    one = next(iter(found.values()))
    return Seen(one.customer_id, one.name, one.ref, one.statements, one.covered)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


# --- What becomes of a message ---------------------------------------------------------------------------------------

TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "open": {"save": "relayed", "close": "closed"},
    "relayed": {"fail": "undelivered", "acknowledge": "acknowledged", "set_back": "undelivered", "close": "closed"},
    "undelivered": {"relay": "relayed", "fail": "undelivered", "acknowledge": "acknowledged", "close": "closed"},
    "acknowledged": {"acknowledge": "acknowledged", "set_back": "undelivered", "close": "closed"},
    "closed": {},
}
"""A message's state -> what may be done to it, and the state after it."""


def may_correct(state: str, *, arrived: bool) -> bool:
    """Whether its words may still be changed: until they have arrived, or once the message was set back to undelivered."""
    return state in ("open", "undelivered") or (state == "relayed" and not arrived)
