"""A file of customers, contacts, contracts and numbers, read into rows; nothing here touches the database.

One line of the file is one contact of one customer under one contract. Lines of the same customer repeat its name. The
columns (COLUMNS), of which only `customer` must be there:

| column | holds |
| --- | --- |
| customer | the customer's name |
| customer_ref | your own number for the customer |
| contract | the contract's name |
| hours_name | the name of the support hours that the contract uses |
| out_of_hours | nothing, email_only or full |
| may_wake | priorities that may wake an engineer, "P1 P2", or none |
| contact_name, contact_email, contact_phone, contact_role | one person who speaks for the customer |
| language | of the contact, "en" or "en-GB" |
| zone | of the contact, an IANA name |
| service | one service that the customer buys |

Other columns are left out and named in the plan. A header may say it in other words (HEADER_WORDS). A line that
cannot be used is named with what to do about it, and the next one is read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nightdesk.base import csv_table
from nightdesk.base.csv_table import BadField, RowError, cleaned, read_table, word
from nightdesk.customers.priority import MAY_EVER_WAKE, Priority
from nightdesk.customers.promised import OutOfHours
from nightdesk.people.numbers import BadNumber, e164

COLUMNS = (
    "customer",
    "customer_ref",
    "contract",
    "hours_name",
    "out_of_hours",
    "may_wake",
    "contact_name",
    "contact_email",
    "contact_phone",
    "contact_role",
    "language",
    "zone",
    "service",
)

HEADER_WORDS: Mapping[str, str] = MappingProxyType(
    {column: column for column in COLUMNS}
    | {
        "customer_name": "customer",
        "client": "customer",
        "company": "customer",
        "company_name": "customer",
        "organisation": "customer",
        "organization": "customer",
        "ref": "customer_ref",
        "reference": "customer_ref",
        "account": "customer_ref",
        "account_number": "customer_ref",
        "customer_id": "customer_ref",
        "customer_number": "customer_ref",
        "contract_name": "contract",
        "plan": "contract",
        "support_plan": "contract",
        "hours": "hours_name",
        "support_hours": "hours_name",
        "out_of_hours_cover": "out_of_hours",
        "cover": "out_of_hours",
        "wake": "may_wake",
        "may_wake_for": "may_wake",
        "contact": "contact_name",
        "name": "contact_name",
        "full_name": "contact_name",
        "email": "contact_email",
        "e_mail": "contact_email",
        "mail": "contact_email",
        "email_address": "contact_email",
        "contact_e_mail": "contact_email",
        "phone": "contact_phone",
        "phone_number": "contact_phone",
        "telephone": "contact_phone",
        "mobile": "contact_phone",
        "contact_number": "contact_phone",
        "contact_telephone": "contact_phone",
        "role": "contact_role",
        "job_title": "contact_role",
        "lang": "language",
        "locale": "language",
        "time_zone": "zone",
        "timezone": "zone",
        "tz": "zone",
        "service_name": "service",
        "product": "service",
    }
)

MAX_BYTES = csv_table.MAX_BYTES

_OUT_OF_HOURS_WORDS = {
    "nothing": OutOfHours.NOTHING,
    "none": OutOfHours.NOTHING,
    "no": OutOfHours.NOTHING,
    "email_only": OutOfHours.EMAIL_ONLY,
    "e_mail_only": OutOfHours.EMAIL_ONLY,
    "email": OutOfHours.EMAIL_ONLY,
    "full": OutOfHours.FULL,
    "24_7": OutOfHours.FULL,
    "24x7": OutOfHours.FULL,
    "24h": OutOfHours.FULL,
}
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]]+\.[^\s@<>,;:\"()\[\].]+")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2}))?")


@dataclass(frozen=True)
class Row:
    """One usable line. Text fields are "" and the others None where the file says nothing."""

    line: int
    customer: str
    customer_ref: str = ""
    contract: str = ""
    hours_name: str = ""
    out_of_hours: OutOfHours | None = None
    may_wake: frozenset[Priority] | None = None
    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    """E.164."""
    contact_role: str = ""
    language: str = ""
    zone: str = ""
    service: str = ""


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do. A line with an error gives no row; `rows` and `errors` are in the order of the file.

    `encoding` and `delimiter` are how the file was read, to show in a dry run; `ignored_columns` are header words that
    mean none of our columns.
    """

    rows: tuple[Row, ...]
    errors: tuple[RowError, ...]
    encoding: str = "utf-8"
    delimiter: str = ","
    ignored_columns: tuple[str, ...] = ()


def plan_import(content: bytes, region: str) -> ImportPlan:
    """Read the file; phone numbers without a country code are dialled as in `region` (ISO 3166-1).

    Never raises for what a file holds: what concerns all of it is an error of its header, and then there are no rows.
    """
    table = read_table(content, HEADER_WORDS, COLUMNS, ("customer",), MAX_BYTES)
    if isinstance(table, RowError):
        return ImportPlan((), (table,))
    rows: list[Row] = []
    errors: list[RowError] = []
    agreed = _Agreement()
    for line, given in table.records():
        if isinstance(given, BadField):
            errors.append(_error(line, None, given))
            continue
        row, wrong = _row(line, given, region)
        if row is not None:
            wrong = agreed.disagreements(row)
        errors += wrong
        if row is not None and not wrong:
            rows.append(row)
    return ImportPlan(tuple(rows), tuple(errors), table.encoding, table.delimiter, table.ignored_columns)


def _error(line: int, column: str | None, bad: BadField) -> RowError:
    return RowError(line, column, bad.what, bad.so, bad.do)


def _row(line: int, given: Mapping[str, str], region: str) -> tuple[Row | None, list[RowError]]:
    """The row that a line's fields make, or what is wrong with each of them."""
    read: dict[str, Any] = {}
    errors: list[RowError] = []
    for column, text in given.items():
        try:
            kept = cleaned(text)
            if column == "contact_phone" and kept:
                read[column] = e164(kept, region)
            elif column in _READERS:
                read[column] = _READERS[column](kept) if kept else _BLANK.get(column, "")
            else:
                read[column] = kept
        except BadField as bad:
            errors.append(_error(line, column, bad))
        except BadNumber as bad:
            errors.append(RowError(line, column, kept, bad.so, bad.do))
    if errors:
        return None, errors
    row = Row(line=line, **read)
    if not row.customer:
        missing = BadField("no customer", "Every line names its customer.", "Give the customer's name.")
        return None, [_error(line, "customer", missing)]
    if not row.contract:
        without = BadField(
            "no contract", "What is said here belongs to one.", "Give the contract's name, or leave it empty."
        )
        errors = [_error(line, column, without) for column in _OF_A_CONTRACT if getattr(row, column)]
    return (None if errors else row), errors


def _out_of_hours(text: str) -> OutOfHours:
    try:
        return _OUT_OF_HOURS_WORDS[word(text)]
    except KeyError:
        raise BadField(
            text, "It is not known what is answered out of hours.", "Give nothing, email_only or full."
        ) from None


def _may_wake(text: str) -> frozenset[Priority]:
    if word(text) in ("none", "nobody", "nothing", ""):
        return frozenset()
    named = {name.upper() for name in re.split(r"[\s,;/+]+", text) if name}
    if not named <= MAY_EVER_WAKE:
        raise BadField(text, "These are not priorities that may wake somebody.", "Give some of P1 P2 P3 P4, or none.")
    return frozenset(Priority(name) for name in named)


def _email(text: str) -> str:
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        raise BadField(text, "It is not an email address.", "Give one address alone, for example noc@example.net.")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def _language(text: str) -> str:
    match = _LANGUAGE.fullmatch(text)
    if match is None:
        raise BadField(text, "It is not a language code.", "Give a code such as en or en-GB.")
    language, territory = match.groups()
    return f"{language.lower()}-{territory.upper()}" if territory else language.lower()


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadField(
            text, "There is no time zone of this name.", "Give an IANA name, for example Europe/London."
        ) from None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "out_of_hours": _out_of_hours,
    "may_wake": _may_wake,
    "contact_email": _email,
    "language": _language,
    "zone": _zone,
}
_BLANK: Mapping[str, None] = {"out_of_hours": None, "may_wake": None}
_OF_A_CONTRACT = ("hours_name", "out_of_hours", "may_wake")


class _Agreement:
    """What the lines so far have said of one customer or contract, so that no two say different things."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, ...], tuple[object, int]] = {}

    def disagreements(self, row: Row) -> list[RowError]:
        """Where the row says something else than a line before it; an empty field says nothing."""
        customer = row.customer_ref.casefold() or row.customer.casefold()
        facts: list[tuple[str, tuple[str, ...], object]] = [
            ("customer", ("ref", customer), row.customer if row.customer_ref else "")
        ]
        facts += [
            (column, (column, customer, row.contract.casefold()), getattr(row, column)) for column in _OF_A_CONTRACT
        ]
        errors = []
        for column, about, value in facts:
            if value in ("", None):
                continue
            before, line = self._said.setdefault(about, (value, row.line))
            if before != value:
                errors.append(
                    RowError(
                        row.line,
                        column,
                        _shown(value),
                        f"Line {line} says {_shown(before)}.",
                        "Make the two lines agree.",
                    )
                )
        return errors


def _shown(value: object) -> str:
    return (" ".join(sorted(value)) or "none") if isinstance(value, frozenset) else str(value)
