"""A comparison's inputs in plain values, as rows, files and the API have them; each is read with its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from nightdesk.reports.approaches import Approach, Case, Inputs
from nightdesk.reports.diverts import BadDivert, read_diverts
from nightdesk.reports.week import BadLine, read_calls, read_combinations, read_hours

DEFAULTS = Inputs()
KINDS = {each.name: type(getattr(DEFAULTS, each.name)) for each in fields(Inputs)}
"""What each input is: str, int, bool, Decimal, or an enumeration."""

_MONEY = (Decimal(0), Decimal(1_000_000))
_LIMITS: Mapping[str, tuple[Decimal | int, Decimal | int]] = {
    "handling_s": (1, 14_400),
    "patience_s": (0, 7200),
    "promised_s": (0, 3600),
    "team": (1, 100),
    "weekly_hours": (Decimal(0), Decimal(60)),
    "response_minutes": (0, 1440),
    "oncall_after_s": (0, 600),
    "next_after_s": (0, 600),
    "call_minimum": (0, 1440),
    "bureau_takes_s": (1, 3600),
    "bureau_seats": (1, 500),
    "bureau_after_s": (0, 600),
    "bundle_texts": (0, 1_000_000),
    "shift_people": (1, 50),
    "shift_rota": (0, 300),
    "shift_hours": (1, 24),
    "shift_after_s": (0, 600),
    "tickets_percent": (Decimal(0), Decimal(1000)),
    "outsource_seats": (1, 500),
    "outsource_after_s": (0, 600),
}
LONGEST_TEXT = 20_000


class BadInputs(ValueError):
    """What is wrong, by the name of the input."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {why}" for name, why in errors.items()))
        self.errors = dict(errors)


def limits_of(name: str) -> tuple[Decimal | int, Decimal | int]:
    """The least and the most that a number may be."""
    usual = (Decimal(0), Decimal(100)) if name.endswith("_percent") else _MONEY
    return _LIMITS.get(name, usual)


def read_inputs(plain: Mapping[str, Any]) -> Inputs:
    """Inputs from plain values; what is left out is as it is by default. Raises BadInputs, with every one that is wrong."""
    errors = {name: "There is no such input." for name in plain if name not in KINDS}
    values: dict[str, Any] = {}
    for name in plain.keys() & KINDS.keys():
        try:
            values[name] = _read(name, plain[name])
        except ValueError as bad:
            errors[name] = str(bad)
    inputs = replace(DEFAULTS, **values)
    errors |= _unreadable(inputs, errors)
    if errors:
        raise BadInputs({name: errors[name] for name in [*KINDS, *plain] if name in errors})
    return inputs


def as_plain(inputs: Inputs) -> dict[str, Any]:
    """The inputs as rows keep them: money and shares as text, so that nothing is lost."""
    return {name: value if isinstance(value := getattr(inputs, name), bool | int) else str(value) for name in KINDS}


def case_of(plain: Mapping[str, Any]) -> Case:
    """The case of stored inputs."""
    return Case(read_inputs(plain))


def _unreadable(inputs: Inputs, errors: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the lines that were typed, and with numbers that do not go together."""
    found: dict[str, str] = {}
    covered: frozenset[int] = frozenset()
    try:
        covered = read_hours(inputs.covered)
    except BadLine as bad:
        found["covered"] = str(bad)
    readings: tuple[tuple[str, Callable[[], object]], ...] = (
        ("calls", lambda: read_calls(inputs.calls)),
        ("diverts", lambda: read_diverts(inputs.diverts)),
        ("combinations", lambda: read_combinations(inputs.combinations, covered, [each.value for each in Approach])),
    )
    for name, read in readings:
        try:
            read()
        except (BadLine, BadDivert) as bad:
            found[name] = str(bad)
    if inputs.backup and inputs.team < 2 and not errors:
        found["backup"] = "One person has nobody behind them; let the team be two, or more."
    if 0 < inputs.shift_rota < inputs.shift_people and not errors:
        found["shift_rota"] = "Fewer than are there at once; give more, or 0 for as many as are needed."
    return found


def _read(name: str, value: Any) -> Any:
    kind = KINDS[name]
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise ValueError(f"Give one of {', '.join(kind)}.")
        return kind(value)
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError("Say yes or no: true or false.")
        return value
    if kind is str:
        return _text(name, value)
    least, most = limits_of(name)
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not least <= number <= most:
        raise ValueError(f"Give a number from {least} to {most}.")
    if number != number.quantize(Decimal(1) if kind is int else Decimal("0.0001")):
        raise ValueError("Give a whole number." if kind is int else "Give at most four digits after the point.")
    return int(number) if kind is int else number


def _text(name: str, value: Any) -> str:
    text = str(value).replace("\r\n", "\n").strip()
    if name == "currency":
        if len(text) != 3 or not (text.isascii() and text.isalpha()):
            raise ValueError("Give the three letters of a currency, as in GBP.")
        return text.upper()
    if name == "number_kind" and not (text and len(text) <= 40 and "|" not in text and text.isprintable()):
        raise ValueError("Give the kind of number as it stands in the list, of at most 40 letters.")
    if len(text) > LONGEST_TEXT or "\x00" in text:
        raise ValueError(f"Give at most {LONGEST_TEXT} letters.")
    return text
