"""What a search finds: tickets, the newest first, by one index that intersects words and marks (docs/decisions/0023).

The newest month is looked at first: what stands in every ticket is found there. What is rarer is then found as a whole, as
it is little. What is neither, such as the name of an old product, is looked for in two months, four, eight, and so on.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.base.refusals import Invalid
from nightdesk.customers.models import Customer
from nightdesk.desk import decide
from nightdesk.desk.decide import State
from nightdesk.desk.models import OldNumber, Party, Queue, Searchable, SupplierTicket, Ticket
from nightdesk.desk.search import Asked, Piece, Word, loosely, marked, parse, tsquery

COUNTED = 10_000
"""Beyond this nobody counts."""
CUSTOMERS_SHOWN = 5
_EXPANDED = 20
"""A word that begins the names of more customers than that says nothing of any of them."""
_READ = 20_000
_WHOLE = 20_000
"""Tickets that are taken from the index and put in order at once; of more the newest months are enough."""
_OPEN_AT_MOST = 100_000
_FEW = 1000
"""Tickets of one customer that are looked at one by one, and as many again where that promises to be enough."""
_EVERYWHERE = 1000
"""Words that stand together in more tickets of the last two months are words of every ticket."""
_PATIENCE_S = 0.05
"""How long is looked for a phrase of words that stand everywhere, before it is said that older tickets were left out."""
_FURTHER_S = 1.0
"""The same for whoever asks for those older ones."""
_END = datetime(9999, 1, 1, tzinfo=UTC)
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
_PUBLIC = "ABC"
"""Weights of what a customer may see: title, who asked, public words. What we say among ourselves is D."""

_STILL_OPEN = frozenset({"open", "new", "assigned", "pending", "mine", "unassigned"})
_OVER = (State.RESOLVED, State.CLOSED, State.CANCELLED)

Row = tuple[UUID, datetime]
Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks. `brand_ids`: of these brands alone; None: of every one. `person_id`: who "mine" is.

    With a `customer_id` it is a customer who looks, and finds nothing by what we wrote among ourselves; with `contact_id`
    only what that contact asked for; `find_ids` finds what they are copied in on as well.
    """

    brand_ids: Collection[int] | None = None
    person_id: int | None = None
    customer_id: int | None = None
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A ticket that was found. `by_number`: its number was asked for. `entry_id`: the entry that `pieces` are of; None:
    they are of an attachment, or there are none, as the title or the customer says it.
    """

    ticket: Ticket
    at: datetime
    title: Sequence[Piece]
    pieces: Sequence[Piece] = ()
    entry_id: UUID | None = None
    by_number: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, the newest first after those by number. `count`: how many there are, None where nobody asked or it would take
    long; COUNTED + 1 stands for more. `after`: what follows them is asked for with this; None: that was all. `cut`: it would
    have taken too long, and nothing older than that was looked at; `after` goes on from there.
    """

    hits: list[Hit]
    customers: list[Customer] = field(default_factory=list)
    count: int | None = None
    after: tuple[datetime, UUID] | None = None
    cut: datetime | None = None


def find_tickets(
    asked: str,
    reader: Reader,
    *,
    limit: int = 20,
    after: tuple[datetime, UUID] | None = None,
    typing: bool = True,
    count: bool = False,
) -> Found:
    """What `reader` may see of what was asked for. `after`: as an answer before gave it. `typing`: the last word may be
    only begun. Raises Invalid for a filter that says nothing.
    """
    wanted = _understood(asked, reader, typing=typing)
    exact = _by_number(wanted, reader) if after is None else []
    query = _query(wanted, reader)
    if query is None:
        return Found(_as_hits(exact, [], wanted, reader), _customers(wanted, reader))
    rows, known, cut = _newest_first(query, limit + 1, after, _PATIENCE_S if after is None else _FURTHER_S)
    more, rows = len(rows) > limit, rows[:limit]
    last = (rows[-1][1], rows[-1][0]) if more else None
    return Found(
        hits=_as_hits(exact, rows, wanted, reader),
        customers=_customers(wanted, reader) if after is None else [],
        count=(known if known is not None else _count(query)) if count else None,
        after=last if cut is None else (cut, _FIRST),
        cut=cut,
    )


def find_ids(asked: str, reader: Reader, most: int) -> tuple[list[UUID], list[UUID]]:
    """(tickets of that number, the newest `most` with the words), for whoever shows them as a list and looks again who may
    see them. Raises Invalid as `find_tickets` does.
    """
    wanted = _understood(asked, reader, typing=True)
    query = _query(wanted, reader)
    rows: list[Row] = []
    if query is not None:
        rows = _newest_first(query, most, None, _FURTHER_S)[0]
    if query is not None and reader.contact_id is not None:
        rows = sorted({*rows, *_copied_in_on(wanted, reader, most)}, key=lambda row: (row[1], row[0]), reverse=True)
    return _by_number(wanted, reader), [pk for pk, _at in rows[:most]]


def _copied_in_on(wanted: Asked, reader: Reader, most: int) -> list[Row]:
    """The newest `most` of what colleagues of the reader's contact asked for and the contact is written to about as well.

    They are few, so each is looked at; no mark stands for those who are copied in.
    """
    query = _query(wanted, replace(reader, contact_id=None))
    assert query is not None
    copied = (
        Party.objects.filter(contact=reader.contact_id)
        .exclude(role=Party.Role.REMOVED)
        .exclude(ticket__contact=reader.contact_id)
        .values_list("ticket_id", flat=True)
    )
    return _among(list(copied), query)[:most]


def _understood(asked: str, reader: Reader, *, typing: bool) -> Asked:
    """Raises Invalid for a filter that says nothing, or is not the reader's."""
    wanted = parse(asked, typing=typing)
    wrong = wanted.wrong or (_ours_alone(wanted) if reader.customer_id is not None else "")
    if wrong:
        raise Invalid(
            _("{asked} was searched for.").format(asked=wanted.whole[:80]),
            _("{filter} says nothing.").format(filter=wrong),
            _("There are from: and is: with open, pending, resolved or closed.")
            if reader.customer_id is not None
            else _(
                "There are customer: from: queue: tag: and is: with open, pending, closed, mine, unassigned, major ..."
            ),
            field="q",
        )
    return wanted


# --- What is asked of the database -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Query:
    """A tsquery as SQL with its parameters, and conditions on columns of the ticket `t`. `loose`: the same without the
    order of words, where they are phrases; the index cannot tell order, so that each row has to be looked at. `customer`: whose
    tickets alone are asked about, where that is one customer's. `merged`: where it is asked how a ticket stands, the same for
    what was merged away, which stands as its survivor does: its words (with `given`), and conditions on the survivor `t`.
    """

    words: str
    given: tuple[Any, ...]
    also: str = ""
    also_given: tuple[Any, ...] = ()
    loose: tuple[str, str] | None = None
    customer: int | None = None
    merged: tuple[str, tuple[Any, ...], str] | None = None


def _query(wanted: Asked, reader: Reader) -> _Query | None:
    """None where nothing is asked for, or nothing can be found."""
    if not wanted:
        return None
    weights = _PUBLIC if reader.customer_id is not None else ""
    parts: list[tuple[str, tuple[Any, ...]]] = []
    for word in wanted.words:
        said = "to_tsquery('simple', %s)"
        named = _customers_named([word], reader, _EXPANDED + 1) if reader.customer_id is None else []
        if named and len(named) <= _EXPANDED:
            parts.append((f"({said} || %s::tsquery)", (tsquery(word, weights), _any(f"§c{pk}" for pk in named))))
        else:
            parts.append((said, (tsquery(word, weights),)))
    parts += [("to_tsquery('simple', %s)", (tsquery(word, "B"),)) for word in wanted.senders]
    marks = [_any([f"§t{tag}"]) for tag in wanted.tags]
    customers = [[reader.customer_id]] if reader.customer_id is not None else []
    customers += [_customers_called(name, reader) for name in wanted.customers]
    marks += [_any(f"§c{pk}" for pk in called) for called in customers]
    for name in wanted.queues:
        rows = Queue.objects.filter(_brands(reader), name__iexact=name.strip())
        marks.append(_any(f"§q{pk}" for pk in rows.values_list("id", flat=True)))
    stands = ["'§sopen'"] if wanted.standing & _STILL_OPEN else []
    stands += [f"'§s{state}'" for state in _OVER if state in wanted.standing]
    marks += [f"'§k{kind}'" for kind in ("incident", "request") if kind in wanted.standing]
    if "major" in wanted.standing:
        marks.append("'§major'")
    if reader.brand_ids is not None and not set(Brand.objects.values_list("id", flat=True)) <= set(reader.brand_ids):
        marks.append(_any(f"§b{pk}" for pk in reader.brand_ids))
    if reader.contact_id is not None:
        marks.append(f"'§p{reader.contact_id}'")
    if not all(marks):
        return None  # a customer or queue that there is not
    parts += [("%s::tsquery", (mark,)) for mark in marks]
    also, also_given = _also(wanted, reader)
    merged = None
    if stands:
        places = [*parts, ("%s::tsquery", ("'§smerged'",))]
        merged = (_both(places), _given(places), _of_survivor(wanted) + also)
    parts += [("%s::tsquery", (mark,)) for mark in stands]
    phrases = [word for word in (*wanted.words, *wanted.senders) if len(word.parts) > 1]
    return _Query(
        words=_both(parts),
        given=_given(parts),
        also=also,
        also_given=also_given,
        loose=(" & ".join(loosely(word) for word in phrases), " & ".join([*marks, *stands])) if phrases else None,
        customer=customers[0][0] if customers and len(customers[0]) == 1 else None,
        merged=merged,
    )


def _both(parts: Sequence[tuple[str, tuple[Any, ...]]]) -> str:
    return " && ".join(sql for sql, _values in parts)


def _given(parts: Sequence[tuple[str, tuple[Any, ...]]]) -> tuple[Any, ...]:
    return sum((values for _sql, values in parts), ())


def _of_survivor(wanted: Asked) -> str:
    """How a survivor must stand for what was merged into it to be found."""
    states = [sorted(decide.OPEN)] if wanted.standing & _STILL_OPEN else []
    states += [[state] for state in _OVER if state in wanted.standing]
    return "".join(" AND t.state IN ('" + "', '".join(some) + "')" for some in states)


def _ours_alone(wanted: Asked) -> str:
    """The filter by which a customer would learn how we work; "" where there is none."""
    named = {"customer:": wanted.customers, "tag:": wanted.tags, "queue:": wanted.queues}
    named |= {f"is:{one}": (one,) for one in ("assigned", "mine", "unassigned", "major") if one in wanted.standing}
    return next((name for name, values in named.items() if values), "")


def _also(wanted: Asked, reader: Reader) -> tuple[str, tuple[Any, ...]]:
    """Conditions that no mark stands for."""
    said: list[str] = []
    given: list[object] = []
    for state in sorted(wanted.standing & {"new", "assigned", "pending"}):
        said.append("t.state = %s")
        given.append(state)
    if "mine" in wanted.standing:
        said.append("t.assignee_id = %s")
        given.append(reader.person_id)
    if "unassigned" in wanted.standing:
        said.append("t.assignee_id IS NULL")
    return "".join(f" AND {one}" for one in said), tuple(given)


def _newest_first(
    query: _Query, wanted: int, after: Place | None, patience_s: float
) -> tuple[list[Row], int | None, datetime | None]:
    """The first `wanted`; how many there are in all, where that is known now; and `Found.cut`."""
    rows, count, cut = _of_themselves(query, wanted, after, patience_s)
    if query.merged is None:
        return rows, count, cut
    merged, more = _merged_away(query, after or (_END, _LAST), wanted)
    rows = sorted([*rows, *merged], key=lambda row: (row[1], row[0]), reverse=True)[:wanted]
    return rows, count + more if count is not None else None, cut


def _merged_away(query: _Query, before: Place, wanted: int) -> tuple[list[Row], int]:
    """The first `wanted` of what was merged into tickets that stand as is asked; and how many those are, up to _WHOLE."""
    assert query.merged is not None
    words, given, stands = query.merged
    sql = (
        "WITH f AS MATERIALIZED (SELECT f.ticket_id, f.at FROM desk_found("  # noqa: S608 - of our own parts
        f"{words}, %s) f JOIN desk_ticket m ON m.id = f.ticket_id JOIN desk_ticket t ON t.id = m.merged_into_id "
        f"WHERE true{stands}) SELECT n, x.ticket_id, x.at FROM (SELECT count(*) AS n FROM f) c LEFT JOIN LATERAL (SELECT * "
        "FROM f WHERE (f.at, f.ticket_id) < (%s, %s) ORDER BY f.at DESC, f.ticket_id DESC LIMIT %s) x ON true"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*given, _WHOLE, *query.also_given, *before, wanted])
        found = cursor.fetchall()
    return [(pk, at) for _count, pk, at in found if pk is not None], found[0][0]


def _of_themselves(
    query: _Query, wanted: int, after: Place | None, patience_s: float
) -> tuple[list[Row], int | None, datetime | None]:
    """As `_newest_first`, without what was merged away."""
    before = after or (_END, _LAST)
    if query.customer is not None:
        rows, complete = _of_their_newest(query, query.customer, before, wanted)
        if complete or len(rows) >= wanted:
            return rows[:wanted], len(rows) if complete and after is None else None, None
    if query.also:
        rows, count = _whole(query, _OPEN_AT_MOST, before, wanted)
        return rows, count, None
    begun = monotonic()
    spans = _spans_of_months(after[0] if after else None)
    rows = [row for months in spans[:1] for row in _of_months(query, months, before, wanted)]
    if len(rows) >= wanted:
        return rows, None, None
    if not _stands_everywhere(query, [month for months in spans[:2] for month in months][:2]):
        whole, count = _whole(query, _WHOLE, before, wanted)
        if count <= _WHOLE:
            return whole, count, None
    for looked_at, months in pairwise(spans):
        if query.loose is not None and monotonic() - begun > patience_s:
            return rows, None, datetime(int(looked_at[-1][:4]), int(looked_at[-1][4:]), 1, tzinfo=UTC)
        rows += _of_months(query, months, before, wanted - len(rows))
        if len(rows) >= wanted:
            return rows, None, None
    return rows, None, None


def _of_their_newest(query: _Query, customer: int, before: Place, wanted: int) -> tuple[list[Row], bool]:
    """Those with the words among the newest tickets of the customer, and whether those are all that it has."""
    own = Ticket.objects.filter(customer=customer).filter(
        Q(opened_at__lt=before[0]) | Q(opened_at=before[0], id__lt=before[1])
    )
    newest = own.order_by("-opened_at", "-id").values_list("id", flat=True)
    rows = _among(few := list(newest[:_FEW]), query)
    if len(few) == _FEW and len(rows) < wanted <= 2 * len(rows):
        rows += _among(more := list(newest[_FEW : 2 * _FEW]), query)
        few = more
    return rows, len(few) < _FEW


def _among(tickets: Sequence[UUID], query: _Query) -> list[Row]:
    """Those of `tickets` with the words, in order, each looked at: the index of words would walk all of a frequent one."""
    sql = (
        "WITH s AS MATERIALIZED (SELECT ticket_id, at, words FROM desk_searchable WHERE ticket_id = ANY(%s)) "  # noqa: S608
        f"SELECT s.ticket_id, s.at FROM s JOIN desk_ticket t ON t.id = s.ticket_id WHERE s.words @@ ({query.words}){query.also} "
        "ORDER BY s.at DESC, s.ticket_id DESC"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(tickets), *query.given, *query.also_given])
        return list(cursor.fetchall())


def _stands_everywhere(query: _Query, months: Sequence[str]) -> bool:
    """Whether the words of its phrases stand in so many tickets, by these months, that each of those cannot be looked at."""
    if query.loose is None:
        return False
    words, marks = query.loose
    loose = [("to_tsquery('simple', %s)", words), ("%s::tsquery", _any(f"§m{month}" for month in months))]
    loose += [("%s::tsquery", marks)] if marks else []
    sql = f"SELECT count(*) FROM desk_found({' && '.join(part for part, _given in loose)}, %s)"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*(given for _part, given in loose), _EVERYWHERE + 1])
        return bool(cursor.fetchone()[0] > _EVERYWHERE)


def _of_months(query: _Query, months: Sequence[str], before: Place, most: int) -> list[Row]:
    """The newest `most` of these months, in order."""
    sql = f"SELECT ticket_id, at FROM desk_found_newest({query.words} && %s::tsquery, %s, %s, %s)"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*query.given, _any(f"§m{month}" for month in months), *before, most])
        return list(cursor.fetchall())


def _whole(query: _Query, most: int, before: Place, wanted: int) -> tuple[list[Row], int]:
    """The first `wanted` of all that there are, and how many those are: `most` + 1 stands for more, and the rows are not
    the newest then.
    """
    join = " JOIN desk_ticket t ON t.id = f.ticket_id" if query.also else ""
    sql = (
        "WITH f AS MATERIALIZED (SELECT f.ticket_id, f.at FROM desk_found("  # noqa: S608 - of our own parts
        f"{query.words}, %s) f{join} WHERE true{query.also}) "
        "SELECT n, x.ticket_id, x.at FROM (SELECT count(*) AS n FROM f) c LEFT JOIN LATERAL (SELECT * FROM f "
        "WHERE (f.at, f.ticket_id) < (%s, %s) ORDER BY f.at DESC, f.ticket_id DESC LIMIT %s) x ON true"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*query.given, most + 1, *query.also_given, *before, wanted])
        found = cursor.fetchall()
    return [(pk, at) for _count, pk, at in found if pk is not None], found[0][0]


def _spans_of_months(until: datetime | None) -> list[list[str]]:
    """Months such as "202611", the newest first, in spans of 1, 2, 4 ...: from `until` (None: the newest) to the oldest."""
    ends = Searchable.objects.order_by("at").values_list("at", flat=True)
    oldest, newest = ends.first(), until or ends.last()
    if oldest is None or newest is None:
        return []
    first, last, size, spans = _month(oldest), _month(newest), 1, []
    while last >= first:
        spans.append([f"{month // 12}{month % 12 + 1:02}" for month in range(last, max(first - 1, last - size), -1)])
        last, size = last - size, size * 2
    return spans


def _month(at: datetime) -> int:
    there = at.astimezone(UTC)
    return there.year * 12 + there.month - 1


def _count(query: _Query) -> int | None:
    """How many there are, up to COUNTED + 1; None for phrases, of which each row would have to be looked at."""
    if query.loose is not None:
        return None
    count = _merged_away(query, (_END, _LAST), 0)[1] if query.merged is not None else 0
    for months in _spans_of_months(None):
        sql = f"SELECT count(*) FROM desk_found({query.words} && %s::tsquery, %s)"  # noqa: S608 - of our own parts
        with connection.cursor() as cursor:
            cursor.execute(sql, [*query.given, _any(f"§m{month}" for month in months), COUNTED + 1 - count])
            count += cursor.fetchone()[0]
        if count > COUNTED:
            break
    return count


def _any(marks: Iterable[str]) -> str:
    """One of the marks, as text of a tsquery; "" for none."""
    quoted = ["'" + mark.replace("\\", "\\\\").replace("'", "''") + "'" for mark in marks]
    return f"({' | '.join(quoted)})" if quoted else ""


def _brands(reader: Reader, column: str = "brand_id") -> Q:
    return Q() if reader.brand_ids is None else Q(**{f"{column}__in": list(reader.brand_ids)})


# --- Customers and numbers -------------------------------------------------------------------------------------------


def _customers_named(words: Sequence[Word], reader: Reader, most: int) -> list[int]:
    """Ids of customers whose name or number has all the words."""
    brands, given = "", [" & ".join(f"({tsquery(word)})" for word in words)]
    if reader.brand_ids is not None:
        brands, given = " AND brand_id = ANY(%s)", [*given, list(reader.brand_ids)]  # type: ignore[list-item]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM customers_customer WHERE to_tsvector('simple', desk_folded(name || ' ' || ref)) "  # noqa: S608
            f"@@ to_tsquery('simple', %s){brands} LIMIT %s",
            [*given, most],
        )
        return [row[0] for row in cursor.fetchall()]


def _customers_called(name: str, reader: Reader) -> list[int]:
    """Ids of the customer of that number, else of those whose names have its words."""
    exact = Customer.objects.filter(_brands(reader), ref__iexact=name.strip()).values_list("id", flat=True)
    if found := list(exact[:2]):
        return found
    wanted = parse(name.replace(":", " "))
    return _customers_named(wanted.words, reader, 200) if wanted.words else []


def _customers(wanted: Asked, reader: Reader) -> list[Customer]:
    if reader.customer_id is not None or not wanted.words:
        return []
    ids = _customers_named(wanted.words, reader, CUSTOMERS_SHOWN)
    return list(Customer.objects.filter(id__in=ids).order_by("name"))


def _by_number(wanted: Asked, reader: Reader) -> list[UUID]:
    """Tickets of that number, now or where they were imported from, or for us of that reference at a supplier."""
    if not wanted.whole:
        return []
    brands = reader.brand_ids if reader.brand_ids is not None else Brand.objects.values_list("id", flat=True)
    old = OldNumber.objects.extra(where=["lower(text) = lower(%s)"], params=[wanted.whole[:60].lstrip("#")])
    found = list(old.filter(brand_id__in=list(brands)).values_list("ticket_id", flat=True)[:CUSTOMERS_SHOWN])
    if reader.customer_id is None:
        theirs = SupplierTicket.objects.extra(
            where=["lower(desk_supplierticket.ref) = lower(%s)"], params=[wanted.whole[:80]]
        )
        theirs = theirs.filter(supplier__brand_id__in=list(brands)).order_by("-opened_at", "-id")
        found += theirs.values_list("ticket_id", flat=True)[:CUSTOMERS_SHOWN]
    if wanted.number is not None:
        tickets = Ticket.objects.filter(_brands(reader), number=wanted.number)
        if wanted.slug:
            tickets = tickets.filter(brand__slug=wanted.slug)
        found = [*tickets.order_by("-opened_at").values_list("id", flat=True)[:CUSTOMERS_SHOWN], *found]
    return found


# --- What is shown of it ---------------------------------------------------------------------------------------------


def _as_hits(exact: Sequence[UUID], rows: Sequence[tuple[UUID, datetime]], wanted: Asked, reader: Reader) -> list[Hit]:
    """The tickets, each once; one that was merged away is its survivor. Whatever the index says, nobody sees what they
    may not: brand, customer and contact are looked at again.
    """
    ids = list(dict.fromkeys([*exact, *(pk for pk, _at in rows)]))
    own = _brands(reader)
    if reader.customer_id is not None:
        own &= Q(customer_id=reader.customer_id)
    if reader.contact_id is not None:
        own &= Q(contact_id=reader.contact_id)
    related = ["brand", "customer", "queue", "assignee", "merged_into__brand", "merged_into__customer"]
    if reader.customer_id is None:  # what a list of ours shows of each, so that none of it is asked for row by row
        related += ["contact", "service", "owner", "team"]
    tickets = {one.id: one for one in Ticket.objects.filter(own, id__in=ids).select_related(*related)}
    entries = _best_entries(list(tickets), wanted, reader)
    opened = dict(rows)
    hits: dict[UUID, Hit] = {}
    for pk in ids:
        if pk not in tickets:
            continue
        ticket = tickets[pk]
        entry_id, text = entries.get(pk, (None, ""))
        shown = ticket.merged_into or ticket
        hits.setdefault(
            shown.id,
            Hit(
                ticket=shown,
                at=opened.get(pk, ticket.opened_at),
                title=marked(shown.title, wanted.words, width=300),
                pieces=marked(text, wanted.words) if text else (),
                entry_id=entry_id,
                by_number=pk in exact,
            ),
        )
    return list(hits.values())


def _best_entries(ids: Sequence[UUID], wanted: Asked, reader: Reader) -> dict[UUID, tuple[UUID | None, str]]:
    """Of each ticket the entry that has all the words, else any of them, the newest; else an attachment that has one."""
    if not ids or not wanted.words:
        return {}
    said = [f"({tsquery(word)})" for word in wanted.words]
    some, every = " | ".join(said), " & ".join(said)
    public = " AND e.public" if reader.customer_id is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (x.ticket_id) x.ticket_id, x.id, x.text FROM (SELECT e.ticket_id, e.id, e.at, "  # noqa: S608
            "left(e.text, %s) AS text, to_tsvector('simple', desk_folded(left(e.text, %s))) AS words FROM desk_entry e "
            f"WHERE e.ticket_id = ANY(%s) AND e.text <> ''{public}) x WHERE x.words @@ to_tsquery('simple', %s) "
            "ORDER BY x.ticket_id, x.words @@ to_tsquery('simple', %s) DESC, x.at DESC",
            [_READ, _READ, list(ids), some, every],
        )
        found: dict[UUID, tuple[UUID | None, str]] = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
        if missing := [pk for pk in ids if pk not in found]:
            cursor.execute(
                "SELECT DISTINCT ON (x.ticket_id) x.ticket_id, x.text FROM (SELECT e.ticket_id, a.id, "  # noqa: S608
                "a.name || ': ' || left(a.text, %s) AS text FROM desk_entry e JOIN desk_attachment a ON a.entry_id = e.id "
                f"WHERE e.ticket_id = ANY(%s){public}) x "
                "WHERE to_tsvector('simple', desk_folded(x.text)) @@ to_tsquery('simple', %s) ORDER BY x.ticket_id, x.id",
                [_READ, missing, some],
            )
            found |= {row[0]: (None, row[1]) for row in cursor.fetchall()}
    return found
