"""Which tickets a list shows, and in which order: what is next for an agent stands first.

A list asks only for what an index gives in order, and nothing is counted beyond what is shown (`COUNTED`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.expressions import RawSQL

from nightdesk.access.models import Brand
from nightdesk.base.memory import remembered
from nightdesk.desk.decide import OPEN
from nightdesk.desk.models import Ticket
from nightdesk.desk.search import BEGUN, Word, tsquery, word_of

COUNTED = 10_000
"""Beyond this nobody counts, and nobody turns pages."""
VIEWS = ("mine", "unassigned", "ours", "theirs", "waiting", "open", "all")
"""Mine; nobody's; waiting on us; waiting on the customer; waiting on somebody else; whatever is open; every ticket."""
ORDERS = ("next", "oldest", "newest", "changed")
IS_OPEN = Q(state__one_of=OPEN, merged_into=None)
IS_ASKED = Q(outage=None) | Q(customer_wrote_at__isnull=False)
"""Not those that an outage opened and in which nobody wrote: they follow it by themselves, and are nobody's work."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for; "" asks for nothing of that kind. `text` is words of the title, or a number.

    `person_id`: whose "mine" is. A name after `view` is as the address has it, so that a saved view is an address.
    """

    view: str = "open"
    state: str = ""
    priority: str = ""
    queue: str = ""
    team: str = ""
    customer: str = ""
    tag: str = ""
    q: str = ""
    order: str = "next"
    person_id: int | None = field(default=None, compare=False)

    @classmethod
    def from_query(cls, query: Mapping[str, Any], person_id: int | None = None) -> "Wanted":
        """What the address asks for; what it does not name, or names wrongly, is as in a new list."""
        given = {name: str(query.get(name) or "").strip()[:200] for name in NAMES}
        choices = {
            "view": VIEWS,
            "order": ORDERS,
            "state": Ticket.State.values,
            "priority": tuple("12345"),
        }
        for name, allowed in choices.items():
            if given[name] not in allowed:
                given[name] = ""
        for name in ("queue", "team", "customer"):
            if not (given[name].isascii() and given[name].isdecimal() and len(given[name]) < 19):
                given[name] = ""
        kept = {name: value for name, value in given.items() if value}
        return cls(**kept, person_id=person_id)

    def as_query(self) -> dict[str, str]:
        """The same as an address has it, without what goes without saying."""
        usual = Wanted()
        return {name: getattr(self, name) for name in NAMES if getattr(self, name) != getattr(usual, name)}


NAMES = tuple(each.name for each in fields(Wanted) if each.name != "person_id")


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket as a list shows it; `customer`, `assignee`, `team` and `queue` are names. The rest of five tables is not read
    for it, which took as long as all else of a list.
    """

    id: UUID
    number: int
    title: str
    state: str
    pending_reason: str
    merged_into_id: UUID | None
    priority: int
    major: bool
    tags: list[str]
    requester_name: str
    requester_address: str
    next_step: str
    next_step_at: datetime | None
    changed_at: datetime
    customer_id: int | None
    contact_id: int | None
    customer: str | None
    assignee: str | None
    team: str | None
    queue: str | None

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes something."""
        return self.state in OPEN and self.merged_into_id is None


_NAMES = ("customer", "assignee", "team", "queue")
_READ = tuple(f"{each.name}__name" if each.name in _NAMES else each.name for each in fields(Row))


def rows_of(tickets: QuerySet[Ticket]) -> list[Row]:
    """The tickets as rows of a list, in their order."""
    return [Row(*values) for values in tickets.values_list(*_READ)]


def chosen(wanted: Wanted, brands: Collection[int] | None) -> QuerySet[Ticket]:
    """The tickets that are asked for, of these brands (None: of every one), in the order that is asked for.

    The order "next" is only that of one part: see `page_of`.
    """
    if wanted.view == "all" and wanted.order == "next":
        wanted = replace(wanted, order="newest")
    rows = Ticket.objects.filter(_of_view(wanted), _narrowed(wanted))
    here = _brands(brands)
    if here is not None:
        rows = rows.filter(brand_id=here[0]) if len(here) == 1 else rows.filter(brand_id__in=here)
    match wanted.order:
        case "newest":
            # Ids are made by the clock: over several brands they are the one index in this order.
            one = here is not None and len(here) == 1
            return rows.order_by("-opened_at", "-id") if one else rows.order_by("-id")
        case "oldest":
            return rows.order_by("id")
        case "changed":
            return rows.order_by("-changed_at", "-id")
    return rows.order_by("priority", "opened_at", "id")


def page_of(wanted: Wanted, brands: Collection[int] | None, at: datetime, start: int, size: int) -> list[Row]:
    """The tickets from place `start` on, one more than `size` where there are.

    In the order "next" those whose next step is late come first, then the rest, each part by priority and then by age.
    """
    if (known := _known(wanted, brands)) is not None:
        return _loaded(known[start : start + size + 1])
    # Ids first: the database expects few to be late, and would load all that belongs to thousands before it takes some.
    rows = chosen(wanted, brands).values_list("id", flat=True)
    end = start + size + 1
    if wanted.order != "next" or wanted.view == "all":
        return _loaded(list(rows[start:end]))
    late = rows.filter(next_step_at__lt=at)
    here = list(late[start:end])
    if len(here) < end - start:
        before = start + len(here) if here or start == 0 else count(late)
        rest = rows.filter(Q(next_step_at__gte=at) | Q(next_step_at=None))
        here += rest[max(0, start - before) : end - before]
    return _loaded(here)


def _loaded(ids: Sequence[UUID]) -> list[Row]:
    """The tickets, in this order."""
    rows = {row.id: row for row in rows_of(Ticket.objects.filter(id__in=ids))}
    return [rows[one] for one in ids if one in rows]


def total_of(wanted: Wanted, brands: Collection[int] | None) -> int:
    """How many tickets `page_of` has pages of, exact up to COUNTED. Both ask once for words, in one batch (`remembering`)."""
    known = _known(wanted, brands)
    return len(known) if known is not None else count(chosen(wanted, brands))


def count(rows: QuerySet[Ticket, Any]) -> int:
    """How many, exact up to COUNTED."""
    return rows.order_by()[: COUNTED + 1].count()


def counts(wanted: Wanted, brands: Collection[int] | None, at: datetime, views: Iterable[str]) -> dict[str, int]:
    """How many tickets each view has with no other filter, and "open"; under "late" how many next steps are late.

    What is open is read once for all of them, where it is at most COUNTED; else each is counted by itself.
    """

    def plain(view: str) -> QuerySet[Ticket]:
        return chosen(Wanted(view=view, person_id=wanted.person_id), brands)

    late = Q(next_step_at__lt=at)
    sums = {view: _among_open(view, wanted.person_id) for view in (*views, "open") if view != "all"}
    asked = {name: Count("pk", filter=each) for name, each in {**sums, "late": late}.items()}
    told: dict[str, int] = plain("open").order_by()[: COUNTED + 1].aggregate(**asked)
    if told["open"] > COUNTED:
        told = {view: count(plain(view)) for view in sums} | {"late": count(plain("open").filter(late))}
    return told | {view: count(plain(view)) for view in views if view not in sums}


def for_a_quiet_hour(brands: Collection[int] | None, limit: int) -> list[Ticket]:
    """What whoever is on at night may do when nothing burns, the most pressing first."""
    rows = chosen(Wanted(), brands).filter(night_ok=True).select_related("customer")
    return list(rows[:limit])


def _of_view(wanted: Wanted) -> Q:
    return Q() if wanted.view == "all" else IS_OPEN & _among_open(wanted.view, wanted.person_id)


def _among_open(view: str, person_id: int | None) -> Q:
    """What makes a ticket one of the view's, if it is open."""
    match view:
        case "mine":
            return Q(assignee=person_id if person_id is not None else 0)
        case "unassigned":
            return Q(assignee=None) & IS_ASKED
        case "ours":
            return ~Q(state="pending") & IS_ASKED
        case "theirs":
            return Q(state="pending", pending_reason="awaiting_caller")
        case "waiting":
            return Q(state="pending") & ~Q(pending_reason="awaiting_caller")
    return Q()


def _narrowed(wanted: Wanted) -> Q:
    rows = Q()
    if wanted.state:
        rows &= Q(state=wanted.state)
    if wanted.priority:
        rows &= Q(priority=int(wanted.priority))
    for name in ("queue", "team", "customer"):
        if value := getattr(wanted, name):
            rows &= Q(**{f"{name}_id": int(value)})
    if wanted.tag:
        rows &= Q(tags__contains=[wanted.tag.lower()])
    if wanted.q:
        number = number_in(wanted.q)
        rows &= Q(number=number) if number is not None else _titled(wanted)
    return rows


def _titled(wanted: Wanted) -> Q:
    """Those with these words in the title. Of what is open each is looked at; of all, by the index of words of titles: unless
    they stand in more than COUNTED, so that whoever looks at the newest soon meets with some.
    """
    found = _with_title(wanted.q) if wanted.view == "all" else None
    if found is None:
        return Q(title__icontains=wanted.q)
    return Q(id__in=RawSQL("SELECT unnest(%s::uuid[])", [found]))  # thousands of values would be slow


@remembered
def _with_title(text: str) -> list[UUID] | None:
    """The tickets with these words in the title, the newest first; None for no words, and for more than COUNTED."""
    word = word_of(text, begun=True)
    if word is None:
        return None
    words = " & ".join(tsquery(Word((part,), len(part) >= BEGUN)) for part in word.parts)
    with connection.cursor() as cursor:
        newest = "SELECT ticket_id FROM desk_titled(to_tsquery('simple', %s), %s) ORDER BY at DESC, ticket_id DESC"
        cursor.execute(newest, [words, COUNTED + 1])
        found = [row[0] for row in cursor.fetchall()]
    return found if len(found) <= COUNTED else None


def _known(wanted: Wanted, brands: Collection[int] | None) -> list[UUID] | None:
    """All that is asked for, in its order, where words of the title say that by themselves; else None."""
    only_words = Wanted(view="all", q=wanted.q, order=wanted.order)
    if wanted != only_words or not wanted.q or number_in(wanted.q) is not None or wanted.order == "changed":
        return None
    if brands is not None and Brand.objects.exclude(id__in=brands).exists():
        return None
    found = _with_title(wanted.q)
    return found[::-1] if found is not None and wanted.order == "oldest" else found


def number_in(text: str) -> int | None:
    """The ticket number that somebody typed: 1042, #1042 or quay#1042; None for other words."""
    digits = text.strip().rpartition("#")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None


def _brands(brands: Collection[int] | None) -> list[int] | None:
    """One brand alone where the installation has no more, so that an index by brand serves whoever may see all."""
    if brands is not None:
        return sorted(brands)
    first = list(Brand.objects.order_by("id").values_list("id", flat=True)[:2])
    return first if len(first) == 1 else None


def by_ids(ticket_ids: Iterable[UUID], brands: Collection[int] | None) -> list[Ticket]:
    """Those of these tickets that are of the brands, by number."""
    rows = Ticket.objects.filter(id__in=list(ticket_ids))
    return list((rows if brands is None else rows.filter(brand_id__in=brands)).order_by("number"))
