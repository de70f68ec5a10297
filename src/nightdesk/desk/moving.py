"""Tickets of another desk, read: CSV with a mapping of its columns, and Zammad's JSON. Pure: bytes and objects in, rows out.

Zammad: docs.zammad.org, API, Ticket and Ticket Articles (`expand=true` gives names in place of ids).
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nightdesk.base.refusals import Invalid
from nightdesk.desk.decide import State

Side: TypeAlias = Literal["customer", "us", "note"]

COLUMNS = (
    "number",
    "title",
    "state",
    "priority",
    "kind",
    "customer",
    "email",
    "name",
    "opened",
    "closed",
    "text",
    "tags",
)
"""What a column of a file can mean. `number`, `title` and `opened` must be there; `customer` is our reference of them."""
MUST_HAVE = ("number", "title", "opened")
MOST_ROWS = 200_000

STATES: Mapping[str, State] = {
    "new": State.NEW,
    "open": State.IN_PROGRESS,
    "assigned": State.ASSIGNED,
    "in progress": State.IN_PROGRESS,
    "in_progress": State.IN_PROGRESS,
    "work in progress": State.IN_PROGRESS,
    "pending": State.PENDING,
    "pending reminder": State.PENDING,
    "pending close": State.RESOLVED,
    "on hold": State.PENDING,
    "waiting": State.PENDING,
    "solved": State.RESOLVED,
    "resolved": State.RESOLVED,
    "closed": State.CLOSED,
    "merged": State.CLOSED,
    "removed": State.CANCELLED,
    "cancelled": State.CANCELLED,
    "canceled": State.CANCELLED,
}
"""States of other desks, in small letters."""
PRIORITIES: Mapping[str, int] = {
    "1 low": 4,
    "2 normal": 3,
    "3 high": 2,
    "low": 4,
    "normal": 3,
    "medium": 3,
    "high": 2,
    "urgent": 1,
    "critical": 1,
    **{f"p{number}": number for number in range(1, 6)},
}


class NotReadable(Invalid):
    """A file, or an answer of another desk, that cannot be read; it says where."""

    code = "import-not-readable"
    title = "That cannot be imported"


@dataclass(frozen=True, slots=True)
class OldEntry:
    """Something that was said on an old ticket, by which side."""

    at: datetime
    side: Side
    by: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class OldTicket:
    """A ticket of another desk. `customer_ref` and `email` say whose it is; `number` is what people know it by."""

    number: str
    title: str
    state: State
    priority: int
    opened_at: datetime
    closed_at: datetime | None = None
    kind: Literal["incident", "request"] = "incident"
    customer_ref: str = ""
    email: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    entries: tuple[OldEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, and what could not be: (line or number, why)."""

    tickets: tuple[OldTicket, ...]
    faults: tuple[tuple[str, str], ...] = field(default=())


def suggest_mapping(header: Sequence[str]) -> dict[str, str]:
    """What the columns of a file most likely mean: meaning -> column; only those that are plain."""
    words: Mapping[str, tuple[str, ...]] = {
        "number": (
            "number",
            "ticket",
            "ticket number",
            "ticket no",
            "ticketno",
            "ticket id",
            "case number",
            "ticket#",
            "id",
            "#",
        ),
        "title": ("title", "subject", "summary"),
        "state": ("state", "status"),
        "priority": ("priority",),
        "kind": ("kind", "type"),
        "customer": ("customer", "customer ref", "company", "organisation", "organization"),
        "email": ("email", "e-mail", "customer email", "requester", "requester email"),
        "name": ("name", "requester name", "contact"),
        "opened": ("opened", "created", "created at", "created_at", "opened at"),
        "closed": ("closed", "closed at", "close at", "resolved", "closed_at"),
        "text": ("text", "description", "body", "content"),
        "tags": ("tags", "labels"),
    }
    known = {column.strip().casefold(): column for column in header}
    found = {
        meaning: known[word] for meaning, candidates in words.items() for word in candidates[::-1] if word in known
    }
    return {meaning: found[meaning] for meaning in COLUMNS if meaning in found}


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name, as Europe/London. Raises NotReadable where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotReadable(f"The time zone {name[:50]} was given.", "There is none.", "Write Europe/London.") from None


def mapping_of(header: Sequence[str], said: Sequence[str]) -> dict[str, str]:
    """What the columns most likely mean, and above that what is `said`, each as "number=TicketNo". Raises Invalid."""
    mapping = suggest_mapping(header)
    for each in said:
        meaning, equals, column = each.partition("=")
        if not equals:
            raise Invalid(f"The column {each} was given.", "It has no equals sign.", "Give number=TicketNo.")
        mapping[meaning.strip()] = column.strip()
    return mapping


def read_csv(raw: bytes, mapping: Mapping[str, str], zone: ZoneInfo) -> Read:
    """The tickets of a CSV file in UTF-8 (or Windows-1252), one a row; instants without a zone are in `zone`.

    A row that cannot be read is a fault, and does not stop the others. Raises NotReadable where the file or the mapping as a
    whole cannot be used.
    """
    header, rows = _rows(raw)
    if unknown := sorted(set(mapping) - set(COLUMNS)):
        raise NotReadable(
            f"The column {unknown[0]} was mapped.", "There is no such meaning.", f"Use {', '.join(COLUMNS)}."
        )
    if missing := [meaning for meaning in MUST_HAVE if meaning not in mapping]:
        raise NotReadable(
            "A file was to be read.", f"Nothing says which column is its {missing[0]}.", "Map a column to it."
        )
    if absent := sorted(column for column in mapping.values() if column not in header):
        raise NotReadable("A file was to be read.", f"It has no column {absent[0]}.", f"It has {', '.join(header)}.")
    tickets: dict[str, OldTicket] = {}
    faults: list[tuple[str, str]] = []
    for line, row in rows:
        said = {meaning: (row.get(column) or "").strip() for meaning, column in mapping.items()}
        try:
            one = _ticket(said, zone)
        except ValueError as error:
            faults.append((f"line {line}", str(error)))
            continue
        if one.number in tickets:
            faults.append((f"line {line}", f"number {one.number} stands in the file twice"))
        else:
            tickets[one.number] = one
    return Read(tuple(tickets.values()), tuple(faults))


def read_header(raw: bytes) -> list[str]:
    """The names of a file's columns. Raises NotReadable."""
    return _rows(raw)[0]


def read_zammad(
    ticket: Mapping[str, Any], articles: Sequence[Mapping[str, Any]], tags: Sequence[str] = ()
) -> OldTicket:
    """One ticket of Zammad with its articles, as its API gives them with `expand=true`. ValueError for what is not one."""
    try:
        number, title = str(ticket["number"]), str(ticket.get("title") or "").strip()
        opened_at = _instant(str(ticket["created_at"]), ZoneInfo("UTC"))
        state = str(ticket.get("state") or "open").casefold()
        customer = str(ticket.get("customer") or "")
        entries = tuple(
            OldEntry(
                _instant(str(one["created_at"]), ZoneInfo("UTC")),
                _side_of(one),
                str(one.get("from") or one.get("created_by") or "")[:200],
                "" if "html" in str(one.get("content_type") or "") else str(one.get("body") or ""),
                str(one.get("body") or "") if "html" in str(one.get("content_type") or "") else "",
            )
            for one in articles
        )
        closed = ticket.get("close_at")
        return OldTicket(
            number=number,
            title=title or f"Ticket {number}",
            state=STATES.get(state, State.IN_PROGRESS),
            priority=PRIORITIES.get(str(ticket.get("priority") or "").casefold(), 3),
            opened_at=opened_at,
            closed_at=_instant(str(closed), ZoneInfo("UTC")) if closed else None,
            customer_ref=str(ticket.get("organization") or ""),
            email=customer.lower() if "@" in customer else "",
            tags=tuple(str(tag) for tag in tags),
            entries=entries,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no ticket of Zammad: {error}") from error


def _side_of(article: Mapping[str, Any]) -> Side:
    """Whose words an article of Zammad is; what its system wrote (triggers, auto replies) nobody of us said."""
    if article.get("internal") or article.get("sender") == "System":
        return "note"
    return "customer" if article.get("sender") == "Customer" else "us"


def _rows(raw: bytes) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    if b"\0" in raw:
        raise NotReadable("A file was to be read.", "It is no text.", "Save it as CSV in UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    try:
        dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    reader = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect)
    header = [column.strip() for column in reader.fieldnames or []]
    if not any(header):
        raise NotReadable("A file was to be read.", "It is empty.", "Its first line names the columns.")
    reader.fieldnames = header
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        for row in reader:
            if len(rows) >= MOST_ROWS:
                raise NotReadable("A file was to be read.", f"It has more than {MOST_ROWS:,} rows.", "Divide it.")
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise NotReadable("A file was to be read.", f"Line {reader.line_num}: {error}.", "Mend that line.") from error
    return header, rows


def _ticket(said: Mapping[str, str], zone: ZoneInfo) -> OldTicket:
    for meaning in MUST_HAVE:
        if not said[meaning]:
            raise ValueError(f"it has no {meaning}")
    word = said.get("state", "").casefold()
    if word and word not in STATES:
        raise ValueError(f"state {said['state']!r} is not known")
    priority = said.get("priority", "").casefold()
    if priority and priority not in PRIORITIES:
        raise ValueError(f"priority {said['priority']!r} is not known")
    opened_at = _instant(said["opened"], zone)
    closed_at = _instant(said["closed"], zone) if said.get("closed") else None
    if closed_at is not None and closed_at < opened_at:
        raise ValueError("it was closed before it was opened")
    text = said.get("text", "")
    return OldTicket(
        number=said["number"][:60],
        title=" ".join(said["title"].split())[:300],
        state=STATES.get(word, State.CLOSED if closed_at else State.IN_PROGRESS),
        priority=PRIORITIES.get(priority, 3),
        opened_at=opened_at,
        closed_at=closed_at,
        kind="request" if "request" in said.get("kind", "").casefold() else "incident",
        customer_ref=said.get("customer", ""),
        email=said.get("email", "").lower(),
        name=said.get("name", ""),
        tags=tuple(tag for tag in said.get("tags", "").replace(";", ",").split(",") if tag.strip()),
        entries=(OldEntry(opened_at, "customer", said.get("name") or said.get("email") or "", text),) if text else (),
    )


def _instant(text: str, zone: ZoneInfo) -> datetime:
    """The instant written in ISO 8601, or as 24/11/2026 18:05; ValueError for anything else."""
    for shape in ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y"):
        try:
            return datetime.strptime(text, shape).replace(tzinfo=zone).astimezone(UTC)
        except ValueError:
            continue
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no instant") from None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
