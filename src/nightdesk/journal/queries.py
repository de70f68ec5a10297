"""Reading the record: what happened, in sentences and pages, and whether it is still what was sealed."""

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from nightdesk.base.months import month_of
from nightdesk.base.refusals import Invalid
from nightdesk.journal.actions import MONTH_DROPPED
from nightdesk.journal.digests import BEFORE_THE_FIRST, COLUMNS, root_of, seal_digest
from nightdesk.journal.kinds import KINDS
from nightdesk.journal.models import Entry, PersonalText, Seal

MOST = 500
"""Entries in one answer at most."""
_BREAKS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as people read it. `text` is what somebody wrote: "" for nothing, None where it has been erased."""

    id: UUID
    at: datetime
    kind: str
    sentence: str
    by: tuple[str, str]
    by_name: str
    via: str
    subject: tuple[str, str]
    brand_id: int | None
    cause: UUID | None
    facts: dict[str, Any]
    text: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """Lines, newest first, and the cursor of what follows them; None: that was all."""

    lines: list[Line]
    after: str | None


def sentence(entry: Entry) -> str:
    """What happened, in the reader's language; a fact that the entry lacks shows as "…", a list with commas."""
    known = KINDS.get(entry.kind)
    if known is None:  # a kind that this version no longer has, or does not have yet
        return f"{entry.by_name}: {entry.kind}"
    facts = entry.facts | {"by": entry.by_name}
    return re.sub(r"\{(\w+)\}", lambda name: fact_text(facts.get(name[1], "…")), str(known.sentence))


def fact_text(fact: Any) -> str:
    """A fact as it is read: "Amara Okafor, Jonas Weber" for a list, "yes" and "no", "" for None."""
    if isinstance(fact, list):
        return ", ".join(map(fact_text, fact))
    if isinstance(fact, bool):
        return _("yes") if fact else _("no")
    return "" if fact is None else str(fact)


def search(
    *,
    text: str = "",
    kinds: Collection[str] = (),
    subject: tuple[str, object] | None = None,
    by: tuple[str, str] | None = None,
    brand_ids: Collection[int] | None = None,
    via: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Found:
    """Entries that fit all that is asked for, newest first.

    `text`: every word begins some word of the entry's facts, or of what was written in it. `kinds`: one of them; one
    that ends in "." stands for all that begin so. `by`: kind and id of the actor. `brand_ids`: only of these brands, and so
    none that belongs to no brand; None: whatever there is. `via`: the door they came in by. [`since`, `until`). `after`: the
    cursor of an earlier answer to the same question. Raises Invalid for a cursor that is none.
    """
    wanted = Entry.objects.all()
    if subject is not None:
        wanted = wanted.filter(subject_kind=subject[0], subject_id=str(subject[1]))
    if by is not None:
        wanted = wanted.filter(by_kind=by[0], by_id=by[1])
    if brand_ids is not None:
        wanted = wanted.filter(brand_id__in=list(brand_ids))
    if via:
        wanted = wanted.filter(via=via)
    if kinds:
        exact = [name for name in KINDS if name in kinds or name.startswith(tuple(k for k in kinds if k.endswith(".")))]
        wanted = wanted.filter(kind__in={*exact, *kinds})
    if since is not None:
        wanted = wanted.filter(at__gte=since)
    if until is not None:
        wanted = wanted.filter(at__lt=until)
    if after is not None:
        wanted = wanted.extra(where=["(journal_entry.at, journal_entry.id) < (%s, %s)"], params=[*_read_cursor(after)])
    words = [word for word in text.split() if any(letter.isalnum() for letter in word)]
    limit = max(1, min(limit, MOST))
    if words:
        entries = _newest_with_words(wanted, words, limit + 1)
    elif text.strip():
        return Found([], None)
    else:
        entries = list(wanted.order_by("-at", "-id")[: limit + 1])
    more = len(entries) > limit
    return Found(as_lines(entries[:limit]), _cursor(entries[limit - 1]) if more else None)


def as_lines(entries: Sequence[Entry]) -> list[Line]:
    """The entries with their sentences and texts, in one query for all."""
    spoken = [entry.id for entry in entries if entry.commitment is not None]
    texts = dict(PersonalText.objects.filter(entry_id__in=spoken).values_list("entry_id", "text")) if spoken else {}
    return [
        Line(
            id=entry.id,
            at=entry.at,
            kind=entry.kind,
            sentence=sentence(entry),
            by=(entry.by_kind, entry.by_id),
            by_name=entry.by_name,
            via=entry.via,
            subject=(entry.subject_kind, entry.subject_id),
            brand_id=entry.brand_id,
            cause=entry.cause,
            facts=entry.facts,
            text="" if entry.commitment is None else texts.get(entry.id),
        )
        for entry in entries
    ]


LOOKED_THROUGH = 2000
"""So many of the newest are read one by one for the words, before the index of words is asked, month by month: of a word that
stands in every second entry it would bring millions, to show fifty."""
_MONTH = timedelta(days=31)


def _newest_with_words(wanted: QuerySet[Entry], words: Sequence[str], most: int) -> list[Entry]:
    """The newest `most` of `wanted` that have all the words, newest first."""
    asked = " & ".join("'" + re.sub(r"['\\\x00]", " ", word) + "':*" for word in words)
    newest = wanted.order_by("-at", "-id")
    floor = newest.values_list("at", flat=True)[LOOKED_THROUGH : LOOKED_THROUGH + 1].first()
    near = newest if floor is None else newest.filter(at__gt=floor)
    found = list(near.extra(where=[_READ_ONE_BY_ONE], params=[asked, asked])[:most])  # noqa: S610 - our own words
    if floor is None or len(found) == most:
        return found
    oldest = wanted.order_by("at").values_list("at", flat=True).first()
    until = floor
    while oldest is not None and until >= oldest and len(found) < most:
        since = until - _MONTH
        month = newest.filter(at__gt=since, at__lte=until)
        found += month.extra(where=[_BY_INDEX], params=[since, until, asked, asked])[: most - len(found)]  # noqa: S610
        until = since
    return found


# Each word goes through the parser of texts, so that `core1.lon` is found as it was indexed: as one name.
_READ_ONE_BY_ONE = """
(jsonb_to_tsvector('simple', journal_entry.facts, '["string"]') @@ to_tsquery('simple', %s)
 OR (journal_entry.commitment IS NOT NULL AND EXISTS (
   SELECT FROM journal_personaltext p
   WHERE p.entry_id = journal_entry.id AND to_tsvector('simple', p.text) @@ to_tsquery('simple', %s)))) IS TRUE
"""
_BY_INDEX = """
journal_entry.id IN (
    SELECT id FROM journal_entry WHERE at > %s AND at <= %s
      AND jsonb_to_tsvector('simple', facts, '["string"]') @@ to_tsquery('simple', %s)
  UNION ALL SELECT entry_id FROM journal_personaltext WHERE to_tsvector('simple', text) @@ to_tsquery('simple', %s))
"""


def _cursor(entry: Entry) -> str:
    return base64.urlsafe_b64encode(f"{entry.at.astimezone(UTC).isoformat()} {entry.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, entry_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return datetime.fromisoformat(at).astimezone(UTC), UUID(entry_id)
    except (ValueError, binascii.Error, OverflowError):
        raise Invalid(
            "You asked for what follows a cursor.", "That is no cursor of ours.", "Use the one of the last answer."
        ) from None


@dataclass(frozen=True, slots=True)
class Break:
    """Where the record is not what was sealed. `seal_id` None: it lies in no seal at all, though it should.

    `what`: "changed", "removed" or "inserted" entries; "seal-changed", "seal-missing" (before this one, or the one that was
    kept elsewhere); "month-gone": all entries of a month, and nobody recorded that they were dropped.
    """

    what: str
    month: date | None
    seal_id: int | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found. `digest` is the newest seal's: kept elsewhere, it holds even against the database's owner."""

    seals: int = 0
    entries: int = 0
    unsealed: int = 0
    unsealed_since: datetime | None = None
    dropped: tuple[date, ...] = ()
    digest: bytes | None = None
    broken: tuple[Break, ...] = field(default=())

    @property
    def sound(self) -> bool:
        """Whether everything that is sealed is as it was."""
        return not self.broken


@dataclass(slots=True)
class _Chain:
    """What the seals themselves say. `ends`: month -> where its last seal ends."""

    seals: int = 0
    last_id: int = 0
    end: int = 0
    digest: bytes = BEFORE_THE_FIRST
    ends: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    seen: bool = False
    broken: list[Break] = field(default_factory=list)


def verify(since: date | None = None, *, kept: bytes | None = None) -> Verified:
    """Read all seals, and the entries of the months from that of `since` on (None: all), and say whether they agree.

    `kept` is the digest of a seal that was noted elsewhere: it has to be among them. Reads in a stream, beside a running
    sealer. `broken` comes in the order of seals, the first twenty.
    """
    chain = _read_chain(kept)
    broken, entries, dropped = chain.broken, 0, []
    start = since.replace(day=1) if since else date.min
    months = sorted({*chain.ends, *_months_with_entries()})
    gone = _dropped_months()
    for month in (month for month in months if month >= start):
        found, wrong = _check_month(month, chain)
        if found == 0 and chain.ends.get(month):
            if month in gone:
                dropped.append(month)
                continue
            wrong = [Break("month-gone", month, wrong[0].seal_id if wrong else None)]
        entries += found
        broken += wrong
    unsealed, unsealed_since = _unsealed(chain.end)
    broken.sort(key=lambda one: (one.seal_id is None, one.seal_id or 0))
    return Verified(
        seals=chain.seals,
        entries=entries,
        unsealed=unsealed,
        unsealed_since=unsealed_since,
        dropped=tuple(dropped),
        digest=chain.digest if chain.seals else None,
        broken=tuple(broken[:_BREAKS_SHOWN]),
    )


def _read_chain(kept: bytes | None) -> _Chain:
    chain = _Chain(seen=kept is None)
    for seal in Seal.objects.order_by("id").iterator(chunk_size=2000):
        digest = seal_digest(
            previous=bytes(seal.previous),
            month=seal.month,
            from_xid=seal.from_xid,
            to_xid=seal.to_xid,
            count=seal.count,
            root=bytes(seal.root),
            sealed_at=seal.sealed_at,
        )
        if digest != bytes(seal.digest):
            chain.broken.append(Break("seal-changed", seal.month, seal.id))
        elif bytes(seal.previous) != chain.digest or seal.from_xid != chain.ends[seal.month]:
            chain.broken.append(Break("seal-missing", seal.month, seal.id))
        chain.seals += 1
        chain.last_id, chain.end, chain.digest = seal.id, max(chain.end, seal.to_xid), bytes(seal.digest)
        chain.ends[seal.month] = seal.to_xid
        chain.seen = chain.seen or chain.digest == kept
    if not chain.seen:
        chain.broken.append(Break("seal-missing", None, None))
    return chain


def _check_month(month: date, chain: _Chain) -> tuple[int, list[Break]]:
    """How many sealed entries the month has, and where they differ from its seals."""
    broken: list[Break] = []
    entries = _Ahead(_entries(month, chain.end))
    found = 0
    for seal in Seal.objects.filter(month=month, id__lte=chain.last_id).order_by("from_xid", "id").iterator(2000):
        root, count = root_of(entries.below(seal.to_xid))
        found += count
        if count != seal.count:
            broken.append(Break("removed" if count < seal.count else "inserted", month, seal.id))
        elif root != bytes(seal.root):
            broken.append(Break("changed", month, seal.id))
    # Sealing touches every month that has entries, so whatever lies behind the month's last seal came afterwards.
    _, strays = root_of(entries.below(chain.end))
    if strays:
        broken.append(Break("inserted", month, None))
    return found + strays, broken


class _Ahead:
    """A stream of entries in the order of transactions, taken in pieces."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._next: tuple[Any, ...] | None = next(rows, None)

    def below(self, xid: int) -> Iterator[tuple[Any, ...]]:
        """Those not taken yet that were written by a transaction below `xid`; `COLUMNS` end in its number."""
        while self._next is not None and self._next[-1] < xid:
            yield self._next
            self._next = next(self._rows, None)


def _entries(month: date, end: int) -> Iterator[tuple[Any, ...]]:
    first = datetime(month.year, month.month, 1, tzinfo=UTC)
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM journal_entry WHERE at >= %s AND at < %s AND xid < %s ORDER BY xid, id",  # noqa: S608
            [first, _next_month(first), end],
        )
        while rows := cursor.fetchmany(2000):
            yield from rows


def _months_with_entries() -> Iterator[date]:
    """Found by one look into the index each, instead of by reading everything."""
    begin = datetime(1, 1, 1, tzinfo=UTC)
    while (at := Entry.objects.filter(at__gte=begin).order_by("at").values_list("at", flat=True).first()) is not None:
        yield month_of(at)
        begin = _next_month(at)


def _next_month(at: datetime) -> datetime:
    first = month_of(at)
    later = first + timedelta(days=31)
    return datetime(later.year, later.month, 1, tzinfo=UTC)


def _dropped_months() -> set[date]:
    facts = Entry.objects.filter(kind=MONTH_DROPPED).values_list("facts", flat=True)
    return {date.fromisoformat(f"{fact.get('month', '0001-01')}-01") for fact in facts}


def _unsealed(end: int) -> tuple[int, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(at) FROM journal_entry WHERE xid >= %s", [end])
        count, since = cursor.fetchone()
    return int(count), since
