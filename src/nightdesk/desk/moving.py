"""Tickets of another desk, read: CSV with a mapping of its columns, and Zammad's JSON. Pure: bytes and objects in, rows out.

Zammad: docs.zammad.org, API, Ticket and Ticket Articles (`expand=true` gives names in place of ids). An image that stands in
the text of an article is not among its attachments there: the text names where it is to be had.
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nightdesk.base.refusals import Invalid
from nightdesk.desk.decide import State
from nightdesk.mailroom.letter import addresses_in

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
    "cc",
    "opened",
    "closed",
    "text",
    "tags",
)
"""What a column of a file can mean. `number`, `title` and `opened` must be there; `customer` is our reference of them; `cc` has
addresses, divided by commas or semicolons.
"""
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
class OldFile:
    """A file of an old entry. `place`: the path at which the other desk gives it. `name`, `media_type` and `size` (bytes) are
    what it says of them: "" and None where it says nothing.

    `content_id`: what the HTML calls it by; `inline`: it is shown there. `digest`: what its bytes are kept under here, ""
    until they are.
    """

    place: str
    name: str = ""
    media_type: str = ""
    size: int | None = None
    content_id: str = ""
    inline: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class OldEntry:
    """Something that was said on an old ticket, by which side."""

    at: datetime
    side: Side
    by: str
    text: str
    html: str = ""
    files: tuple[OldFile, ...] = ()


@dataclass(frozen=True, slots=True)
class OldTicket:
    """A ticket of another desk. `customer_ref` and `email` say whose it is; `number` is what people know it by. `copies`:
    (name, address in small letters) of whom it was written to as well.
    """

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
    copies: tuple[tuple[str, str], ...] = ()
    entries: tuple[OldEntry, ...] = ()

    @property
    def files(self) -> int:
        """How many hang on it."""
        return sum(len(one.files) for one in self.entries)


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
        "cc": ("cc", "copied in", "copies"),
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
    ticket: Mapping[str, Any],
    articles: Sequence[Mapping[str, Any]],
    tags: Sequence[str] = (),
    own: Collection[str] | None = None,
) -> OldTicket:
    """One ticket of Zammad with its articles, as its API gives them with `expand=true`. `own`: the addresses of that desk, in
    small letters; None where they are not known. ValueError for what is not one.
    """
    try:
        number, title = str(ticket["number"]), str(ticket.get("title") or "").strip()
        opened_at = _instant(str(ticket["created_at"]), ZoneInfo("UTC"))
        state = str(ticket.get("state") or "open").casefold()
        customer = str(ticket.get("customer") or "")
        entries = tuple(_entry_of(one) for one in articles)
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
            copies=_copies_of(articles, own),
            entries=entries,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no ticket of Zammad: {error}") from error


def files_that_fit(
    files: Sequence[OldFile], most: int, largest: int
) -> tuple[list[OldFile], list[tuple[OldFile, str]]]:
    """Those of an entry that are taken, `most` of them and none that is said to have more than `largest` bytes; and the
    others, each with why not.
    """
    taken: list[OldFile] = []
    left: list[tuple[OldFile, str]] = []
    for one in files:
        if one.size is not None and one.size > largest:
            left.append((one, too_large(largest)))
        elif len(taken) == most:
            left.append((one, f"an entry has {most} files at most"))
        else:
            taken.append(one)
    return taken, left


def too_large(largest: int) -> str:
    """Why a file of more bytes than that is not taken."""
    return f"it has more than {largest / 2**20:.0f} MB"


def _entry_of(article: Mapping[str, Any]) -> OldEntry:
    body, is_html = str(article.get("body") or ""), "html" in str(article.get("content_type") or "")
    html, files = _files_of(article, body if is_html else "")
    return OldEntry(
        at=_instant(str(article["created_at"]), ZoneInfo("UTC")),
        side=_side_of(article),
        by=str(article.get("from") or article.get("created_by") or "")[:200],
        text="" if is_html else body,
        html=html,
        files=tuple(files),
    )


def _files_of(article: Mapping[str, Any], html: str) -> tuple[str, list[OldFile]]:
    """The article's HTML, its images called by content id; and its files, those images among them.

    The HTML as the mail came with it is no file of theirs: Zammad keeps it beside the files, and does not show it either.
    """
    here, files = f"/api/v1/ticket_attachment/{article.get('ticket_id')}/{article.get('id')}/", dict[str, OldFile]()
    for one in article.get("attachments") or ():
        told = one.get("preferences") or {}
        if told.get("original-format"):
            continue
        called = str(told.get("Content-ID") or "").strip().strip("<>")
        shown = str(told.get("Content-Disposition") or "").lower().startswith("inline") or f"cid:{called}" in html
        kind = str(told.get("Mime-Type") or told.get("Content-Type") or "").partition(";")[0].strip().lower()
        key, name, size = str(one.get("id")), str(one.get("filename") or ""), str(one.get("size"))
        bytes_told = int(size) if size.isascii() and size.isdecimal() else None
        files[key] = OldFile(here + key, name, kind, bytes_told, called, bool(called) and shown)

    def by_id(found: re.Match[str]) -> str:
        if found[1] != here:
            return ""  # whoever wrote the mail wrote that too, and would get a file of somebody else's
        known = files.get(found[2]) or OldFile(here + found[2])
        called = known.content_id or f"{found[2]}@zammad"
        files[found[2]] = replace(known, content_id=called, inline=True)
        return f"cid:{called}"

    return _IN_TEXT.sub(by_id, html), list(files.values())


_IN_TEXT = re.compile(r'(?<=src=")(/api/v1/ticket_attachment/\d+/\d+/)(\d+)(?:\?[^"]*)?(?=")')
"""An image of an article, as its text names it: the path of the article's files, and the id of the file."""


def _copies_of(articles: Iterable[Mapping[str, Any]], own: Collection[str] | None) -> tuple[tuple[str, str], ...]:
    """(name, address) of all to whom public articles went as well, each once: in copy, and to whom else a customer wrote.

    The desk's own are left out: those that it tells of, and those that it wrote from. Where it tells of none, To is not read,
    as the desk itself stands there.
    """
    ours = set(own or ())
    found: dict[str, str] = {}
    for one in articles:
        side = _side_of(one)
        if one.get("sender") != "Customer":
            ours |= {address for _name, address in addresses_in([str(one.get("from") or "")])}
        if side == "note":
            continue
        fields = ("to", "cc") if side == "customer" and own is not None else ("cc",)
        for name, address in addresses_in([str(one.get(each) or "") for each in fields]):
            found.setdefault(address, name)
    return tuple((name, address) for address, name in found.items() if address not in ours)


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
        copies=tuple(addresses_in([said.get("cc", "")])),
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
