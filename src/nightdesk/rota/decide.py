"""What may stand in a plan: plain values, as doors give them and rows keep them, read into the layers of `resolve`.

A layer in plain values, every key with its default but `members`, `anchor` and `turn`:

    {
        "members": [{"person": 3}, {"team": 1}],      # in the order of their turns
        "anchor": "2026-01-05T18:00",                 # local date and time of the first turn
        "turn": "week", "every": 1,                   # a TurnKind, 1 to 1000 of them
        "restrict": [{"weekdays": [0, 1], "opens": "18:00", "closes": "08:00"}],
        "weekdays": [0, 1, 2, 3, 4],                  # days that count for working-day turns
        "nation": "GB",                               # whose bank holidays are days off; "" for none
        "starts_on": "2026-01-05", "ends_on": None,   # local dates
    }

Whatever does not fit raises Invalid, which names the layer and the value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from functools import lru_cache
from hashlib import sha256
from typing import Any

from nightdesk.base.refusals import Invalid
from nightdesk.customers.hours import BadHours, bank_holidays
from nightdesk.rota.resolve import Layer, TurnKind, Window

HOLIDAYS_KNOWN_YEARS = 40
"""Bank holidays count from the year of a layer's anchor for so many years: a fixed span, so that no answer moves."""

MONDAY_TO_FRIDAY = (0, 1, 2, 3, 4)

_KEYS = {"members", "anchor", "turn", "every", "restrict", "weekdays", "nation", "starts_on", "ends_on"}


def read_layers(plain: Sequence[Mapping[str, Any]]) -> tuple[Layer, ...]:
    """The layers of one seat, lowest first; none is allowed, and then nobody is planned. Raises Invalid."""
    return tuple(read_layer(layer, f"layer {number}") for number, layer in enumerate(plain, start=1))


def read_layer(plain: Mapping[str, Any], name: str = "layer") -> Layer:
    """One layer; `name` stands in a refusal. Member keys are ("person", id) and ("team", id)."""
    if not isinstance(plain, Mapping):
        raise _refused(name, plain, "It is no object.", "Give an object with members, anchor and turn.")
    if unknown := plain.keys() - _KEYS:
        raise _refused(name, sorted(unknown), "A layer has no such keys.", f"Use {', '.join(sorted(_KEYS))}.")
    members = read_members(plain, name)
    anchor = _anchor(plain.get("anchor"), name)
    starts_on, ends_on = (_date(plain.get(key), f"{name}, {key}") for key in ("starts_on", "ends_on"))
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise _refused(f"{name}, ends_on", ends_on, f"It starts on {starts_on}.", "Let it end on a later day.")
    try:
        return Layer(
            members=members,
            anchor=anchor,
            turn=TurnKind(_one_of(plain.get("turn"), [kind.value for kind in TurnKind], f"{name}, turn")),
            every=_number(plain.get("every", 1), f"{name}, every"),
            restrict=tuple(
                _window(window, f"{name}, restrict") for window in _list(plain.get("restrict", []), f"{name}, restrict")
            ),
            weekdays=_weekdays(plain.get("weekdays", MONDAY_TO_FRIDAY), f"{name}, weekdays"),
            days_off=_days_off(read_nation(plain, name), anchor.year),
            starts_on=starts_on,
            ends_on=ends_on,
        )
    except ValueError as bad:  # what `resolve` itself does not take: years far off, 1001 weeks
        raise _refused(name, "", str(bad), "Mend it.") from bad


def read_members(plain: Mapping[str, Any], name: str = "layer") -> tuple[tuple[str, int], ...]:
    """The layer's members in order, as ("person", id) and ("team", id). Raises Invalid where there is none."""
    members = tuple(_member(member, name) for member in _list(plain.get("members"), f"{name}, members"))
    if not members:
        raise _refused(f"{name}, members", [], "A layer has at least one member.", "Name a person or a team.")
    return members


def mark_of(layers: Sequence[Mapping[str, Any]]) -> str:
    """What tells layers from others: the same for the same turns, however they are written down. Raises Invalid."""
    read = [(layer, read_nation(plain)) for layer, plain in zip(read_layers(layers), layers, strict=True)]
    values = [(replace(layer, days_off=frozenset(), restrict=()), _windows_of(layer), nation) for layer, nation in read]
    return sha256(repr(values).encode()).hexdigest()[:24]


def _windows_of(layer: Layer) -> list[tuple[list[int], time, time]]:
    return [(sorted(window.weekdays), window.opens, window.closes) for window in layer.restrict]


def read_nation(plain: Mapping[str, Any], name: str = "layer") -> str:
    """The layer's nation as two capitals, or "" where no bank holidays count. Raises Invalid for one unknown."""
    given = plain.get("nation") or ""
    nation = given.strip().upper() if isinstance(given, str) else ""
    if given and len(nation) != 2:
        raise _refused(f"{name}, nation", given, "It is no ISO 3166 code.", "Give two letters, for example GB.")
    try:
        _days_off(nation, 2000)
    except BadHours as bad:
        raise _refused(f"{name}, nation", given, bad.so, "Give an ISO 3166 code, for example GB.") from bad
    return nation


@lru_cache(maxsize=256)
def _days_off(nation: str, first_year: int) -> frozenset[date]:
    if not nation:
        return frozenset()
    # The days that are observed around New Year may belong to the year before.
    years = range(first_year - 1, first_year + HOLIDAYS_KNOWN_YEARS)
    return frozenset().union(*(bank_holidays(nation, None, year) for year in years))


def _member(plain: object, name: str) -> tuple[str, int]:
    if isinstance(plain, Mapping) and len(plain) == 1:
        ((kind, number),) = plain.items()
        if kind in ("person", "team") and type(number) is int:
            return (kind, number)
    raise _refused(f"{name}, members", plain, "A member is a person or a team.", 'Give {"person": id} or {"team": id}.')


def _window(plain: object, name: str) -> Window:
    if not isinstance(plain, Mapping) or plain.keys() != {"weekdays", "opens", "closes"}:
        raise _refused(name, plain, "A window has weekdays, opens and closes.", "Give these three.")
    return Window(_weekdays(plain["weekdays"], name), _clock(plain["opens"], name), _clock(plain["closes"], name))


def _weekdays(plain: object, name: str) -> frozenset[int]:
    days = _list(plain, name)
    if not days or any(type(day) is not int or not 0 <= day <= 6 for day in days):
        raise _refused(name, plain, "Weekdays run from 0 (Monday) to 6 (Sunday).", "Give at least one of them.")
    return frozenset(days)


def _anchor(plain: object, name: str) -> datetime:
    return _parsed(
        plain, f"{name}, anchor", "%Y-%m-%dT%H:%M", 16, "Give a local date and time such as 2026-01-05T18:00."
    )


def _clock(plain: object, name: str) -> time:
    return _parsed(plain, name, "%H:%M", 5, "Give a local time such as 18:00.").time()


def _date(plain: object, name: str) -> date | None:
    if plain is None or plain == "":
        return None
    if type(plain) is date:
        return plain
    return _parsed(plain, name, "%Y-%m-%d", 10, "Give a date such as 2026-01-05, or none.").date()


def _parsed(plain: object, name: str, form: str, length: int, do: str) -> datetime:
    # The length too: strptime takes 2026-1-5, and what is kept has one spelling.
    if isinstance(plain, str) and len(plain) == length:
        try:
            return datetime.strptime(plain, form)  # noqa: DTZ007 - local by intent
        except ValueError:
            pass
    raise _refused(name, plain, "It cannot be read.", do)


def _number(plain: object, name: str) -> int:
    if type(plain) is not int:
        raise _refused(name, plain, "It is no whole number.", "Give 1 to 1000.")
    return plain


def _one_of(plain: object, choices: list[str], name: str) -> str:
    if plain not in choices:
        raise _refused(name, plain, "There is no such kind.", f"Give one of {', '.join(choices)}.")
    return str(plain)


def _list(plain: object, name: str) -> Sequence[Any]:
    if not isinstance(plain, list | tuple):
        raise _refused(name, plain, "It is no list.", "Give a list.")
    return plain


def _refused(what: str, given: object, so: str, do: str) -> Invalid:
    shown = "" if given is None or given == "" else f" {str(given)[:80]!r}"
    return Invalid(f"A plan was given with {what}{shown}.", so, do)
