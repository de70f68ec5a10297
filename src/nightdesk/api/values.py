"""Kinds of values that several rooms' operations take, with the bounds that keep them harmless further in."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, NoReturn

from django.http import HttpRequest
from ninja import Schema
from ninja.errors import HttpError
from ninja.parser import Parser
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from nightdesk.base.clock import DAY_YEARS

YEARS = range(2000, 2200)


def _within_reach(at: datetime) -> datetime:
    if at.year not in YEARS:
        raise ValueError(f"must lie in the years {YEARS.start} to {YEARS.stop - 1}")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_within_reach)]
"""An instant with its offset from UTC, as in RFC 3339; comes out in UTC."""


def _day_within_reach(day: date) -> date:
    if day.year not in DAY_YEARS:
        raise ValueError(f"must lie in the years {DAY_YEARS.start} to {DAY_YEARS.stop - 1}")
    return day


Day = Annotated[date, AfterValidator(_day_within_reach)]
"""A day that lies so near that days before and after it can be counted."""
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""A row's number."""
Words = Annotated[str, Field(min_length=1, max_length=4000)]
"""Text that a person wrote."""
Name = Annotated[str, Field(min_length=1, max_length=80)]


class PlainParser(Parser):
    """Reads JSON as RFC 8259 has it, without the numbers and characters that a database cannot keep."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body's value. HttpError 400 where it is not UTF-8 JSON, nests absurdly, or holds NUL or half a character."""
        try:
            body = json.loads(request.body.decode(), parse_constant=_no_number)
            _check_text(body)
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "The body is not usable JSON.") from error
        return body  # type: ignore[no-any-return]


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _check_text(value: object) -> None:
    """ValueError where some text in `value` holds NUL or a lone surrogate."""
    if isinstance(value, str):
        value.encode()  # UnicodeEncodeError, a ValueError, for a lone surrogate
        if "\0" in value:
            raise ValueError("holds NUL")
    elif isinstance(value, list):
        for part in value:
            _check_text(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            _check_text(name)
            _check_text(part)


class BoughtOut(Schema):
    """One of several that are bought, by its label (a circuit number, an address)."""

    id: int
    label: str


class Named(Schema):
    """A row that is told by its name beside its number."""

    id: int
    name: str


class Note(Schema):
    """What a person wrote."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Rebooted the switch; watching it."}]}
    )
    text: Words
