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

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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

MAX_BYTES = 32 * 1024 * 1024
MAX_FIELD = 200
_MAX_LINES_OF_A_RECORD = 20

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
class RowError:
    """Something in the file that cannot be used.

    `line` counts the file's lines from 1, the header among them; of a record over several lines it is the first.
    `column` is one of COLUMNS, or None when the whole line is meant. `what` was given, `so` is what is wrong with it,
    `do` the remedy.
    """

    line: int
    column: str | None
    what: str
    so: str
    do: str


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


class BadField(Exception):
    """A field of the file that cannot be used; it becomes a RowError, with the same three fields."""

    def __init__(self, what: str, so: str, do: str) -> None:
        super().__init__(what, so, do)
        self.what, self.so, self.do = what, so, do


def plan_import(content: bytes, region: str) -> ImportPlan:
    """Read the file; phone numbers without a country code are dialled as in `region` (ISO 3166-1).

    Never raises for what a file holds: what concerns all of it is an error of its header, and then there are no rows.
    """
    if len(content) > MAX_BYTES:
        return _unusable("a file of this size", f"It has more than {MAX_BYTES // 1024 // 1024} MB.", "Split it.")
    text, encoding = _decoded(content)
    lines = list(StringIO(text, newline=""))
    header_at = next((number for number, line in enumerate(lines) if line.strip() and not _names_delimiter(line)), None)
    if header_at is None:
        return _unusable(
            "an empty file", "There is no header line.", f"Begin with a line such as {','.join(COLUMNS[:3])}."
        )
    header, delimiter = _header(lines[header_at])
    columns = [HEADER_WORDS.get(_word(name)) for name in header]
    if "customer" not in columns:
        return _unusable(
            lines[header_at].strip()[:MAX_FIELD],
            "No column of this line is called customer.",
            f"Begin with a line of column names out of {', '.join(COLUMNS)}.",
            header_at + 1,
        )
    for column in COLUMNS:
        if columns.count(column) > 1:
            both = " and ".join(name for name, found in zip(header, columns, strict=True) if found == column)
            return _unusable(both, f"They all mean {column}.", "Rename or remove all but one.", header_at + 1)

    rows: list[Row] = []
    errors: list[RowError] = []
    agreed = _Agreement()
    for line, fields in _records(lines, header_at + 1, delimiter, len(columns)):
        if isinstance(fields, BadField):
            errors.append(_error(line, None, fields))
            continue
        if not any(field.strip() for field in fields):
            continue
        given = {column: fields[place] for place, column in enumerate(columns) if column is not None}
        row, wrong = _row(line, given, region)
        if row is not None:
            wrong = agreed.disagreements(row)
        errors += wrong
        if row is not None and not wrong:
            rows.append(row)
    ignored = tuple(name for name, column in zip(header, columns, strict=True) if column is None and name)
    return ImportPlan(tuple(rows), tuple(errors), encoding, delimiter, ignored)


def _unusable(what: str, so: str, do: str, line: int = 1) -> ImportPlan:
    return ImportPlan((), (RowError(line, None, what, so, do),))


def _error(line: int, column: str | None, bad: BadField) -> RowError:
    return RowError(line, column, bad.what, bad.so, bad.do)


def _decoded(content: bytes) -> tuple[str, str]:
    """The text and the encoding that it was read in: what its first bytes say, else UTF-8 or Windows-1252."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace"), encoding
    text = content.decode("utf-8", "replace")
    unreadable = text.count("\ufffd")
    # A few broken bytes in a UTF-8 file cost their own lines; without this they would garble every name in it.
    if unreadable <= sum(letter > "\x7f" for letter in text) - unreadable:
        return text, "utf-8"
    return content.decode("cp1252", "replace"), "cp1252"


def _names_delimiter(line: str) -> bool:
    """Whether it is the line `sep=;` that spreadsheets put before the header."""
    return re.fullmatch(r'"?sep=.?"?', line.strip(), re.IGNORECASE) is not None


def _word(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def _header(line: str) -> tuple[list[str], str]:
    """The names in the header, and the delimiter by which most of them are ours."""

    def read(delimiter: str) -> list[str]:
        try:
            return [name.strip() for name in next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter))]
        except csv.Error:  # longer than any field may be
            return []

    best = max(",;\t", key=lambda delimiter: sum(_word(name) in HEADER_WORDS for name in read(delimiter)))
    return read(best), best


def _records(lines: list[str], start: int, delimiter: str, width: int) -> Iterator[tuple[int, list[str] | BadField]]:
    """The line number of each record from `start` on, and its fields, `width` of them, or why it has none."""
    at = start
    while at < len(lines):
        fields, taken = _record(lines[at : at + _MAX_LINES_OF_A_RECORD], delimiter, width)
        yield at + 1, fields
        at += taken


def _record(lines: list[str], delimiter: str, width: int) -> tuple[list[str] | BadField, int]:
    """The record that begins with the first line, and how many lines it takes.

    A field in quotes may run over several lines. Where no end of it makes a record of the right width, the quote is
    taken for stray: only its own line is lost, and reading goes on at the next.
    """
    for taken in range(1, len(lines) + 1):
        try:
            fields = next(csv.reader(["".join(lines[:taken])], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        if taken > 1 and len(fields) != width:
            continue
        if any(field.strip() for field in fields[width:]):
            return BadField(
                f"a line of {len(fields)} fields",
                f"The header has {width}.",
                f"Put a field that holds {_name_of(delimiter)} in double quotes.",
            ), taken
        # Spreadsheets leave out what is empty at the end of a line.
        return (fields + [""] * width)[:width], taken
    return BadField(
        lines[0].strip()[:MAX_FIELD],
        "It has a double quote that does not end a field.",
        "Close the quotes, or write a quote inside them twice.",
    ), 1


def _name_of(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon"}.get(delimiter, "a tab")


def _row(line: int, given: Mapping[str, str], region: str) -> tuple[Row | None, list[RowError]]:
    """The row that a line's fields make, or what is wrong with each of them."""
    read: dict[str, Any] = {}
    errors: list[RowError] = []
    for column, text in given.items():
        try:
            cleaned = _cleaned(text)
            if column == "contact_phone" and cleaned:
                read[column] = e164(cleaned, region)
            elif column in _READERS:
                read[column] = _READERS[column](cleaned) if cleaned else _BLANK.get(column, "")
            else:
                read[column] = cleaned
        except BadField as bad:
            errors.append(_error(line, column, bad))
        except BadNumber as bad:
            errors.append(RowError(line, column, cleaned, bad.so, bad.do))
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


def _cleaned(text: str) -> str:
    """The field without spaces around it, and without the apostrophe that keeps a spreadsheet from calculating it."""
    text = unicodedata.normalize("NFC", text.strip())
    if re.match(r"'[=+\-@]", text):
        text = text[1:]
    if len(text) > MAX_FIELD:
        raise BadField(f"{text[:40]}...", f"It has more than {MAX_FIELD} characters.", "Shorten it.")
    if "\ufffd" in text:
        raise BadField(text, "A letter in it cannot be read.", "Save the file as UTF-8.")
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise BadField(repr(text), "It has a line break or another control character in it.", "Write it on one line.")
    return text


def _out_of_hours(text: str) -> OutOfHours:
    try:
        return _OUT_OF_HOURS_WORDS[_word(text)]
    except KeyError:
        raise BadField(
            text, "It is not known what is answered out of hours.", "Give nothing, email_only or full."
        ) from None


def _may_wake(text: str) -> frozenset[Priority]:
    if _word(text) in ("none", "nobody", "nothing", ""):
        return frozenset()
    named = {word.upper() for word in re.split(r"[\s,;/+]+", text) if word}
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
