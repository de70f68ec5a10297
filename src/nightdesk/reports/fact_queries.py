"""What is on record of a brand's days, as `facts` has it: the slow way, which the days added up are proved against."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Exists, F, Min, OuterRef, Q

from nightdesk.access.models import Brand
from nightdesk.base.ids import first_of
from nightdesk.calls.bureau_models import BureauMessage
from nightdesk.calls.models import Call, Leg, Message
from nightdesk.channels.models import Delivery
from nightdesk.channels.registry import LOUD
from nightdesk.desk.models import Entry, Escalation, SupplierTicket, Survey, Ticket
from nightdesk.journal.models import Entry as Recorded
from nightdesk.outages.effect import Effect, stretches_down
from nightdesk.outages.models import Affected, Outage, Touched, Work, WorkTouched
from nightdesk.outages.published import kept_promises
from nightdesk.outages.published_queries import updates_of
from nightdesk.paging.actions import PAGE_ACKNOWLEDGED
from nightdesk.paging.models import Page
from nightdesk.people.models import Person, Team
from nightdesk.reports import facts
from nightdesk.reports.facts import Whose, shift_of
from nightdesk.reports.models import DeskSupplier
from nightdesk.reports.phone import LineCall, OwedCallBack
from nightdesk.reports.phone_queries import RECORDER_AT, TOLD_NOBODY, recorded_at

DAY = timedelta(days=1)
MS = timedelta(milliseconds=1)


@dataclass
class Span:
    """A brand's local days from `first` to `last`, both in it, as known at `at`; and who is whose there."""

    brand: Brand
    first: date
    last: date
    at: datetime
    zone: ZoneInfo = field(init=False)
    since: datetime = field(init=False)
    until: datetime = field(init=False)
    team_of: Mapping[int, int] = field(init=False)
    supplier_of: Mapping[int, int] = field(init=False)
    outside: Mapping[int, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.zone = ZoneInfo(self.brand.zone)
        self.since, self.until = starts(self.first, self.zone), starts(self.last + DAY, self.zone)
        members = Team.members.through.objects.filter(team__brand=self.brand).values_list("person_id", "team_id")
        self.team_of = dict(sorted(members, reverse=True))  # of several teams the oldest
        desks = list(DeskSupplier.objects.filter(team__brand=self.brand))
        self.supplier_of = {desk.team_id: desk.supplier_id for desk in desks}
        self.outside = {desk.line_id: (desk.team_id, desk.supplier_id) for desk in desks if desk.line_id is not None}

    def day(self, at: datetime) -> date:
        """The brand's day of an instant."""
        return at.astimezone(self.zone).date()

    def within(self, name: str) -> Q:
        """Rows whose `name` lies in these days."""
        return Q(**{f"{name}__gte": self.since, f"{name}__lt": self.until})

    def whose(
        self,
        at: datetime,
        *,
        team: int | None = None,
        customer: int | None = None,
        supplier: int | None = None,
        touched: Iterable[int] = (),
    ) -> Whose:
        """Of something at an instant; a team's supplier comes before another."""
        by = self.supplier_of.get(team or 0) or supplier
        shift = shift_of(at.astimezone(self.zone))
        return Whose(str(team or ""), shift, str(customer or ""), str(by or ""), touched=tuple(map(str, touched)))


def starts(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def facts_of(brand: Brand, first: date, last: date, at: datetime) -> Iterator[Any]:
    """Everything that is counted of the days from `first` to `last`."""
    span = Span(brand, first, last, at)
    for source in (rang, owed, taken, asked, paged, woke, failed, noticed, down, sent, surveyed):
        yield from source(span)


# --- The phone -------------------------------------------------------------------------------------------------------


def rang(span: Span) -> Iterator[facts.Rang]:
    """Calls of people from outside that somebody had or that have ended: none of our own staff's, and no call-back."""
    before = Call.objects.filter(
        line__brand=span.brand,
        person=None,
        calls_back=None,
        number=OuterRef("number"),
        came_at__lt=OuterRef("came_at"),
        came_at__gte=OuterRef("came_at") - DAY,
    )
    rows = list(
        Call.objects.filter(span.within("came_at"), line__brand=span.brand, person=None, calls_back=None)
        .filter(Q(ended_at__isnull=False) | Q(answered_at__isnull=False))
        .annotate(told_nobody=F(TOLD_NOBODY), recorder_at=F(RECORDER_AT), again=Exists(before))
        .select_related("line")
    )
    first_rung: dict[UUID, int | None] = {}
    legs = Leg.objects.filter(call__in=[row.pk for row in rows]).order_by("ordered_at", "id")
    for call_id, person_id in legs.values_list("call_id", "person_id"):
        first_rung.setdefault(call_id, person_id)
    for row in rows:
        told = "outage" if row.heard_outage_at else "not_covered" if getattr(row, "told_nobody", None) else ""
        yield facts.Rang(
            span.day(row.came_at),
            _of_call(span, row, first_rung.get(row.pk), row.pk in first_rung),
            LineCall(
                row.came_at,
                row.answered_at,
                row.answered_by,  # type: ignore[arg-type]
                told,  # type: ignore[arg-type]
                row.ended_as == "abandoned",
                recorder_at=recorded_at(getattr(row, "recorder_at", None)),
            ),
            getattr(row, "again", False) if row.number else None,
        )


def _of_call(span: Span, call: Call, rung: int | None, was_rung: bool) -> Whose:
    """A call is the team's of who answered, else of who was rung first: the outside answering service is rung as nobody."""
    outside = span.outside.get(call.line_id)
    if outside and (call.answered_by == "bureau" or (not call.answered_at and was_rung and rung is None)):
        team: int | None = outside[0]
    else:
        team = span.team_of.get(call.answered_person_id or rung or 0)
    return span.whose(call.came_at, team=team, customer=call.customer_id)


def owed(span: Span) -> Iterator[facts.Owed]:
    """Call-backs, on the day on which the message was left."""
    rows = Message.objects.filter(span.within("taken_at"), brand=span.brand, call_back_by__isnull=False)
    for row in rows:
        assert row.call_back_by is not None  # asked for
        whose = span.whose(row.taken_at, team=span.team_of.get(row.reached_by_id or 0), customer=row.customer_id)
        yield facts.Owed(
            span.day(row.taken_at), whose, OwedCallBack(row.call_back_by, row.reached_at, row.ended_at), span.at
        )


def taken(span: Span) -> Iterator[facts.Taken]:
    """Messages that the bureau saved, no tests."""
    rows = BureauMessage.objects.filter(
        span.within("began_at"), client__brand=span.brand, test=False, saved_at__isnull=False
    )
    for row in rows.only("began_at", "taker_id", "customer_id", "corrected"):
        whose = span.whose(row.began_at, team=_team_of_taker(span, row.taker_id), customer=row.customer_id)
        yield facts.Taken(span.day(row.began_at), whose, row.corrected > 0)


def _team_of_taker(span: Span, person_id: int) -> int | None:
    return span.team_of.get(person_id)


# --- The desk --------------------------------------------------------------------------------------------------------


def asked(span: Span) -> Iterator[facts.Asked]:
    """Tickets of people: no machine's, none that went on as another, none that was called off."""
    rows = list(
        Ticket.objects.filter(span.within("opened_at"), brand=span.brand, merged_into=None)
        .exclude(trust=Ticket.Trust.MACHINE)
        .exclude(state=Ticket.State.CANCELLED)
        .only(
            "opened_at", "first_response_at", "resolved_at", "reopened", "team_id", "owner_id", "customer_id", "state"
        )
    )
    ids = [row.pk for row in rows]
    escalated: dict[UUID, set[str]] = defaultdict(set)
    how = Entry.objects.filter(ticket__in=ids, kind__in=("moved", "changed"), facts__has_key="escalation")
    for ticket_id, sort in how.values_list("ticket_id", "facts__escalation"):
        escalated[ticket_id].add(sort)
    for ticket_id in Escalation.objects.filter(ticket__in=ids).values_list("ticket_id", flat=True):
        escalated[ticket_id].add("hierarchic")
    spoken = _spoken_after(ids)
    suppliers = dict(
        SupplierTicket.objects.filter(ticket__in=ids).order_by("opened_at").values_list("ticket_id", "supplier_id")
    )
    for row in rows:
        done = row.resolved_at if row.state in (Ticket.State.RESOLVED, Ticket.State.CLOSED) else None
        yield facts.Asked(
            span.day(row.opened_at),
            span.whose(
                row.opened_at,
                team=row.team_id or row.owner_id,
                customer=row.customer_id,
                supplier=suppliers.get(row.pk),
            ),
            _ms(row.opened_at, row.first_response_at),
            _ms(row.opened_at, done),
            "functional" in escalated[row.pk],
            "hierarchic" in escalated[row.pk],
            row.reopened > 0,
            spoken.get(row.pk, 0),
        )


def _spoken_after(ids: list[UUID]) -> dict[UUID, int]:
    """How often the customer of each spoke after our first words and before it was last resolved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.ticket_id, count(*) FROM desk_entry e JOIN desk_ticket t ON t.id = e.ticket_id"
            " WHERE e.ticket_id = ANY(%s) AND e.kind IN ('message_in', 'call') AND e.at > t.first_response_at"
            " AND e.at < t.resolved_at GROUP BY 1",
            [ids],
        )
        return dict(cursor.fetchall())


def surveyed(span: Span) -> Iterator[facts.Surveyed]:
    """Who was asked what they think, on the day on which they were."""
    rows = Survey.objects.filter(span.within("asked_at"), brand=span.brand)
    for at, score, team, supplier, customer in rows.values_list(
        "asked_at", "score", "team_id", "supplier_id", "ticket__customer_id"
    ):
        yield facts.Surveyed(span.day(at), span.whose(at, team=team, customer=customer, supplier=supplier), score)


# --- Pages -----------------------------------------------------------------------------------------------------------


def paged(span: Span) -> Iterator[facts.Paged]:
    """Urgent pages that rang, none in shadow and none that became part of another."""
    rows = list(
        Page.objects.filter(
            span.within("started_at"), brand=span.brand, shadow=False, folded_into=None, urgency="high", rung__gt=0
        )
    )
    acknowledged = _first_acknowledged([str(row.pk) for row in rows], span)
    for row in rows:
        taken_at = acknowledged.get(str(row.pk), row.acknowledged_at)
        team = row.team_id or span.team_of.get(row.owner_id or 0)
        yield facts.Paged(
            span.day(row.started_at),
            span.whose(row.started_at, team=team, customer=row.customer_id),
            _ms(row.rings_from, taken_at),
            row.resolved_at is not None,
        )


def _first_acknowledged(ids: list[str], span: Span) -> dict[str, datetime]:
    rows = Recorded.objects.filter(subject_kind="page", subject_id__in=ids, kind=PAGE_ACKNOWLEDGED, at__gte=span.since)
    return dict(rows.values("subject_id").annotate(first=Min("at")).values_list("subject_id", "first"))


def woke(span: Span) -> Iterator[facts.Woke]:
    """Once a page, person and night."""
    rows = Delivery.objects.filter(
        brand_id=span.brand.pk,
        recipient_kind="person",
        subject_kind="page",
        channel__in=LOUD,
        accepted_at__gte=span.since - DAY,
        accepted_at__lt=span.until + 2 * DAY,
        **_made_about(span),
    )
    rung = set(rows.values_list("recipient_id", "subject_id", "accepted_at"))
    people = Person.objects.filter(pk__in={int(person) for person, _page, _at in rung}).values_list("pk", "zone")
    zones = {str(pk): ZoneInfo(zone) for pk, zone in people}
    nights = set()
    for person, page, at in rung:
        if at is None or person not in zones:
            continue
        local = at.astimezone(zones[person])
        if shift_of(local) == facts.NIGHT:
            evening = local.date() if local.time() >= time(23) else local.date() - DAY
            nights.add((person, page, evening))
    for person, _page, evening in sorted(nights):
        if span.first <= evening <= span.last:
            team = span.team_of.get(int(person))
            supplier = span.supplier_of.get(team or 0)
            yield facts.Woke(evening, Whose(team=str(team or ""), supplier=str(supplier or ""), person=person))


# --- Outages ---------------------------------------------------------------------------------------------------------


def _outages(span: Span) -> Any:
    """Those that were confirmed, on the day on which they were noticed."""
    rows = Outage.objects.filter(span.within("proposed_at"), brand=span.brand, confirmed_at__isnull=False)
    return rows.exclude(state=Outage.State.WITHDRAWN).exclude(origin=Outage.Origin.WORK)


def failed(span: Span) -> Iterator[facts.Failed]:
    """How punctual we were about each."""
    rows = list(_outages(span).select_related("page"))
    said = updates_of([row.pk for row in rows], span.brand.language)
    touched: dict[UUID, list[int]] = defaultdict(list)
    for outage_id, customer in Affected.objects.filter(outage__in=rows).values_list("outage_id", "customer_id"):
        touched[outage_id].append(customer)
    for row in rows:
        known_at = row.page.started_at if row.page is not None else row.proposed_at
        updates = said[row.pk]
        due, kept = kept_promises(updates, span.at)
        yield facts.Failed(
            span.day(row.proposed_at),
            span.whose(row.proposed_at, team=_team_of_voice(span, row), touched=touched[row.pk]),
            _ms(known_at, updates[-1].published_at if updates else None),
            row.resolved_at is not None,
            due,
            kept,
        )


def _team_of_voice(span: Span, outage: Outage) -> int | None:
    return span.team_of.get(outage.voice_id or outage.lead_id or 0)


def noticed(span: Span) -> Iterator[facts.Noticed]:
    """Of each customer touched whether they were told before they asked; who neither was told nor asked does not count."""
    for row in _outages(span).only("id", "proposed_at", "voice_id", "lead_id"):
        customers = set(Affected.objects.filter(outage=row).values_list("customer_id", flat=True))
        told = _told_at(row.pk)
        first_asked: dict[int, datetime] = {}
        calls = Call.objects.filter(outage_id=row.pk, customer__in=customers).values_list("customer_id", "came_at")
        tickets = Ticket.objects.filter(outage=row, customer__in=customers).exclude(trust=Ticket.Trust.MACHINE)
        for customer, at in [*calls, *tickets.values_list("customer_id", "opened_at")]:
            first_asked[customer] = min(first_asked.get(customer, at), at)
        for customer in sorted(customers & (told.keys() | first_asked.keys())):
            heard, spoke = told.get(customer), first_asked.get(customer)
            first = heard is not None and (spoke is None or heard <= spoke)
            whose = span.whose(row.proposed_at, team=_team_of_voice(span, row), customer=customer)
            yield facts.Noticed(span.day(row.proposed_at), whose, first)


def _told_at(outage_id: UUID) -> dict[int, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.customer_id, min(d.accepted_at) FROM channels_delivery d"
            " JOIN customers_contact k ON k.id = d.recipient_id::bigint"
            " WHERE d.subject_kind = 'outage' AND d.subject_id = %s AND d.recipient_kind = 'contact'"
            " AND d.accepted_at IS NOT NULL GROUP BY 1",
            [str(outage_id)],
        )
        return dict(cursor.fetchall())


def down(span: Span) -> Iterator[facts.Down]:
    """Of each customer and day how long what they bought was down, of all their subscriptions together."""
    now = min(span.at, span.until)
    broken: dict[tuple[int, int], list[tuple[datetime, datetime]]] = defaultdict(list)
    rows = Touched.objects.filter(
        Q(until=None) | Q(until__gt=span.since), worst=Effect.DOWN, since__lt=now, outage__brand=span.brand,
        outage__confirmed_at__isnull=False,
    ).exclude(outage__state=Outage.State.WITHDRAWN).exclude(outage__origin=Outage.Origin.WORK)  # fmt: skip
    for customer, subscription, turns, bought_until in rows.values_list(
        "customer_id", "subscription_id", "down_at", "subscription__ended_at"
    ):
        stretches = stretches_down(turns, min(bought_until or now, now))
        broken[customer, subscription] += [
            (max(start, span.since), end) for start, end in stretches if end > span.since
        ]
    planned: dict[tuple[int, int], list[tuple[datetime, datetime]]] = defaultdict(list)
    works = WorkTouched.objects.filter(
        Q(work__ended_at=None) | Q(work__ended_at__gt=span.since), effect=Effect.DOWN, work__brand=span.brand,
        work__begun_at__lt=now, work__state__in=(Work.State.IN_PROGRESS, Work.State.COMPLETED),
    )  # fmt: skip
    for customer, subscription, begun, ended, *bought in works.values_list(
        "customer_id", "subscription_id", "work__begun_at", "work__ended_at",
        "subscription__made_at", "subscription__ended_at",
    ):  # fmt: skip
        bought_at, bought_until = bought
        if begun is not None:
            start, end = max(begun, bought_at or begun, span.since), min(ended or now, bought_until or now, now)
            if start < end:
                planned[customer, subscription].append((start, end))
    yield from _by_day(span, broken, planned)


Stretches = Mapping[tuple[int, int], list[tuple[datetime, datetime]]]


def _by_day(span: Span, broken: Stretches, planned: Stretches) -> Iterator[facts.Down]:
    lost: dict[tuple[date, int], list[int]] = defaultdict(lambda: [0, 0])
    for key in broken.keys() | planned.keys():
        both = joined([*broken.get(key, ()), *planned.get(key, ())])
        work = joined(planned.get(key, ()))
        for each, place in ((both, 1), (work, 0)):
            for start, end in each:
                for day, much in _days(start, end, span):
                    # What is lost outside planned work is what is lost in all, less the work itself.
                    lost[day, key[0]][place] += much
    for (day, customer), (work_ms, both_ms) in sorted(lost.items()):
        whose = Whose(customer=str(customer))
        yield facts.Down(day, whose, both_ms - work_ms, both_ms)


def joined(stretches: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time without overlaps, in order."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(stretches):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _days(start: datetime, end: datetime, span: Span) -> Iterator[tuple[date, int]]:
    day = span.day(start)
    while start < end:
        cut = min(end, starts(day + DAY, span.zone))
        # Cut at whole ms from a fixed instant, so that days add up to the same, however long a span is asked about.
        yield day, (cut - _EPOCH) // MS - (start - _EPOCH) // MS
        start, day = cut, day + DAY


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


# --- Messages --------------------------------------------------------------------------------------------------------


def _made_about(span: Span) -> dict[str, Any]:
    """Of the ledger the months that hold what was made in these days, or up to two days earlier; ids tell when."""
    first = (span.since - 2 * DAY).date().replace(day=1)
    months = [first]
    while (following := (months[-1] + 32 * DAY).replace(day=1)) <= span.until.date():
        months.append(following)
    return {"month__in": months}


DECIDED = ("delivered", "read", "failed", "expired")


def sent(span: Span) -> Iterator[facts.Sent | facts.Paid]:
    """Messages by the provider that had them last, and what hand-overs cost, on the day on which the message was made."""
    given = {
        "zone": span.brand.zone,
        "brand": span.brand.pk,
        "months": _made_about(span)["month__in"],
        "since": span.since,
        "until": span.until,
        "low": first_of(span.since - MS),
        "high": first_of(span.until + MS),
        "decided": list(DECIDED),
    }
    made = (
        "FROM channels_delivery d{} WHERE d.brand_id = %(brand)s AND d.month = ANY(%(months)s) AND d.id >= %(low)s"
        " AND d.id < %(high)s AND d.created_at >= %(since)s AND d.created_at < %(until)s"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (d.created_at AT TIME ZONE %(zone)s)::date, coalesce(r.name, ''), d.accepted_at IS NOT NULL,"
            " CASE WHEN d.state = ANY(%(decided)s) THEN d.state IN ('delivered', 'read') END, count(*) "
            + made.format(" LEFT JOIN channels_route r ON r.id = d.route_id")
            + " AND d.state <> 'superseded' AND (d.ended_at IS NOT NULL OR d.accepted_at IS NOT NULL)"
            " GROUP BY 1, 2, 3, 4",
            given,
        )
        for day, route, was_taken, arrived, count in cursor.fetchall():
            yield facts.Sent(day, Whose(provider=route), count, was_taken, arrived)
        cursor.execute(
            "SELECT (d.created_at AT TIME ZONE %(zone)s)::date, a.route_name, a.currency, count(*),"
            " sum(a.price * 1000000)::bigint "
            + made.format(" JOIN channels_attempt a ON a.delivery_id = d.id AND a.month = d.month")
            + " AND a.price IS NOT NULL AND NOT a.is_receipt GROUP BY 1, 2, 3",
            given,
        )
        for day, route, currency, count, micros in cursor.fetchall():
            yield facts.Paid(day, Whose(provider=f"{route}|{currency}"), count, micros)


def _ms(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else max((end - start) // MS, 0)
