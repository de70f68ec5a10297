"""Service figures as reports show them, from the days that are added up; and which of those must be added up again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Case, Count, F, Min, Q, When
from django.db.models.functions import Least
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for
from nightdesk.access.models import Brand
from nightdesk.calls.bureau_models import BureauMessage, TakerSession
from nightdesk.calls.models import Call, Message
from nightdesk.customers.actions import ENDED_BEFORE, SUBSCRIPTION_ENDED
from nightdesk.customers.models import Customer, Subscription
from nightdesk.desk.models import Supplier, Survey, Ticket
from nightdesk.duty.queries import who_is_on
from nightdesk.knowledge.models import Briefing
from nightdesk.knowledge.queries import must_confirm, unconfirmed
from nightdesk.outages.models import Outage, Touched, Update, Work
from nightdesk.paging.models import Page
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person
from nightdesk.reports.bought import Bought, Stretch
from nightdesk.reports.definitions import DEFINITIONS, FIGURES, PERSONAL, Cell, Definition, Unit, fold
from nightdesk.reports.fact_queries import DAY, facts_of, starts
from nightdesk.reports.facts import NIGHT, SHIFTS
from nightdesk.reports.load import Figure
from nightdesk.reports.models import DeskSupplier, FigureDay, FigureMail, FigureMonth, Rolled
from nightdesk.reports.queries import switched_off
from nightdesk.reports.tally import NOTHING, Tally, merged
from nightdesk.rota.resolve import instant_of

SHOWN = 50
"""Rows of a list by customer and the like: those with the most to count."""
SHIFT_NAMES = {
    "day": gettext_lazy("Day, 06:00 to 18:00"),
    "evening": gettext_lazy("Evening, to 23:00"),
    NIGHT: gettext_lazy("Night, 23:00 to 06:00"),
    "weekend": gettext_lazy("Weekend by day"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a figure was of a period. `nights`: how many that has until now; `possible_ms`: time that could have been lost."""

    figure: Definition
    tally: Tally
    nights: int = 0
    possible_ms: int = 0

    @property
    def value(self) -> float | None:
        """In the figure's unit (shares of 1, times in ms, money in whole currency); None where there is nothing to count."""
        match self.figure.unit:
            case Unit.SHARE:
                return self.tally.share
            case Unit.TIME:
                return self.tally.quantile(0.5)
            case Unit.SCORE:
                return self.tally.mean
            case Unit.A_NIGHT:
                return self.tally.cases / self.nights if self.nights else None
            case Unit.MONEY:
                return self.tally.total / 1_000_000 if self.tally.cases else None
            case Unit.UPTIME:
                # More was lost than was bought, where ends were not noted yet: there is no whole to share.
                lost, possible = self.tally.total, self.possible_ms
                return 1 - lost / possible if possible > 0 and lost <= possible else None

    @property
    def high(self) -> int | None:
        """The 90th percentile of a time."""
        return self.tally.quantile(0.9) if self.figure.unit is Unit.TIME else None

    @property
    def mean(self) -> float | None:
        """The mean of a time."""
        return self.tally.mean if self.figure.unit is Unit.TIME else None


@dataclass(frozen=True, slots=True)
class Part:
    """A reading of one team, customer and so on; `value` is its id, `name` what it is called."""

    value: str
    name: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Desk:
    """A team, and who runs it ("" ourselves). `people` are in it; `familiar` of them have confirmed every briefing that they were
    asked to (None: nobody was asked anything), of whom `on` are on duty or take calls now.
    """

    team: Team
    supplier: str
    people: int
    familiar: int | None
    on: int | None
    readings: Mapping[str, Reading]


def readings(
    brands: Collection[int], first: date, last: date, at: datetime, *, dimension: str = "", value: str = ""
) -> dict[str, Reading]:
    """Every figure kept by that dimension, over the days from `first` to `last` of the brands; money is in none of all."""
    found = _summed(brands, None, dimension, [value], [first], last)
    ground = _Ground(brands, at, [value] if dimension == "customer" else None)
    kept = [one for one in DEFINITIONS if (dimension in one.by if dimension else one.unit is not Unit.MONEY)]
    return {one.key: _reading(one, found.get((one.key, value, 0), NOTHING), ground, first, last, value) for one in kept}


def trends(
    brands: Collection[int],
    figures: Collection[str],
    begin_at: Sequence[date],
    last: date,
    at: datetime,
    *,
    dimension: str = "",
    value: str = "",
) -> dict[str, list[Reading]]:
    """Each figure of each piece of a period: from each of `begin_at` to the day before the next, the last to `last`."""
    found = _summed(brands, figures, dimension, [value], begin_at, last)
    ground = _Ground(brands, at, [value] if dimension == "customer" else None)
    return {
        key: [
            _reading(FIGURES[key], found.get((key, value, place), NOTHING), ground, first, end, value)
            for place, (first, end) in enumerate(pieces_of(begin_at, last))
        ]
        for key in figures
    }


def overview(
    brands: Collection[int], begin_at: Sequence[date], last: date, at: datetime, *, dimension: str = "", value: str = ""
) -> tuple[dict[str, Reading], dict[str, list[Reading]]]:
    """What `readings` says of all the period and `trends` of its pieces; its days are read once for both."""
    kept = [one for one in DEFINITIONS if (dimension in one.by if dimension else one.unit is not Unit.MONEY)]
    found = _summed(brands, None, dimension, [value], begin_at, last)
    ground = _Ground(brands, at, [value] if dimension == "customer" else None)
    pieces = {
        one.key: [
            _reading(one, found.get((one.key, value, place), NOTHING), ground, first, end, value)
            for place, (first, end) in enumerate(pieces_of(begin_at, last))
        ]
        for one in kept
    }
    whole = {
        one.key: _reading(one, merged(each.tally for each in pieces[one.key]), ground, begin_at[0], last, value)
        for one in kept
    }
    return whole, pieces


def pieces_of(begin_at: Sequence[date], last: date) -> list[tuple[date, date]]:
    """The first and the last day of each piece of a period that `trends` shows."""
    return list(zip(begin_at, [*(day - DAY for day in begin_at[1:]), last], strict=True))


def parts(
    brands: Collection[int],
    figure: str,
    dimension: str,
    first: date,
    last: date,
    at: datetime,
    *,
    most: int | None = SHOWN,
) -> list[Part]:
    """The figure by team, customer and so on (by brand: no money), those with the most to count first; `most` None: all."""
    one = FIGURES[figure]
    if dimension == "brand":
        return _by_brand(one, brands, first, last, at)
    found = _summed(brands, [figure], dimension, None, [first], last, buckets=False)
    values = sorted(
        (value for _key, value, _place in found), key=lambda value: (-found[figure, value, 0].cases, value)
    )[:most]
    if one.unit is Unit.TIME:
        found = _summed(brands, [figure], dimension, values, [first], last)
    names = names_of(dimension, values)
    ground = _Ground(brands, at, values if dimension == "customer" else None)
    return [
        Part(value, names[value], _reading(one, found[figure, value, 0], ground, first, last, value))
        for value in values
    ]


def _by_brand(one: Definition, brands: Collection[int], first: date, last: date, at: datetime) -> list[Part]:
    """Read brand by brand, as each has nights and a time on record of its own."""
    names = dict(Brand.objects.filter(pk__in=brands).order_by("name").values_list("pk", "name"))
    found = [Part(str(pk), name, trends([pk], [one.key], [first], last, at)[one.key][0]) for pk, name in names.items()]
    kept = [part for part in found if part.reading.tally != NOTHING]
    return sorted(kept, key=lambda part: (-part.reading.tally.cases, part.name))[:SHOWN]


def desks(brands: Collection[int], first: date, last: date, at: datetime) -> list[Desk]:
    """Every team that anything was counted of, or that a supplier runs: our own and others' on the same terms."""
    found = _summed(brands, None, "team", None, [first], last)
    counted = {int(value) for _key, value, _place in found}
    suppliers = dict(DeskSupplier.objects.filter(team__brand__in=brands).values_list("team_id", "supplier__name"))
    teams = Team.objects.filter(Q(pk__in=counted) | Q(pk__in=suppliers), brand__in=brands)
    ground = _Ground(brands, at, None)
    people, familiar, on = _people(list(teams), at)
    kept = [one for one in DEFINITIONS if "team" in one.by]
    return [
        Desk(
            team,
            suppliers.get(team.pk, ""),
            len(people[team.pk]),
            familiar[team.pk],
            on[team.pk],
            {
                one.key: _reading(one, found.get((one.key, str(team.pk), 0), NOTHING), ground, first, last, "")
                for one in kept
            },
        )
        for team in teams.select_related("brand").order_by("brand__name", "name")
    ]


def names_of(dimension: str, values: Iterable[str]) -> dict[str, str]:
    """What each value of a dimension is called; its id where that is gone."""
    values = list(values)
    models: dict[str, Any] = {"team": Team, "customer": Customer, "supplier": Supplier, "person": Person}
    if dimension == "shift":
        return {value: str(SHIFT_NAMES.get(value, value)) for value in values}
    if dimension == "provider":
        return {value: value.replace("|", ", ") for value in values}
    rows = models[dimension].objects.filter(pk__in=[int(value) for value in values]).values_list("pk", "name")
    known = {str(pk): name for pk, name in rows}
    return {value: known.get(value, value) for value in values}


def choices(brands: Collection[int], dimension: str) -> dict[str, str]:
    """What a dimension of these brands can be narrowed to: {value: name}; customers are found by their page."""
    if dimension == "shift":
        return {value: str(SHIFT_NAMES[value]) for value in SHIFTS}
    models: dict[str, Any] = {"team": Team, "supplier": Supplier}
    rows = models[dimension].objects.filter(brand__in=brands).order_by("name").values_list("pk", "name")
    return {str(pk): name for pk, name in rows}


def rolled_at(brands: Collection[int]) -> datetime | None:
    """When the figures of these brands were added up last, of the one that waits longest; None where one never was."""
    rows = dict(Rolled.objects.filter(brand__in=brands).values_list("brand_id", "rolled_at"))
    return min(rows.values()) if rows and set(brands) <= rows.keys() else None


_CELLS = """(
  SELECT d.figure, d.value, d.day AS begins, d.cases, d.hits, d.total, d.waiting, d.bucket_at, d.bucket_count
  FROM unnest(%(days_from)s::date[], %(days_to)s::date[]) AS r (first, last)
  JOIN reports_figureday d ON d.day >= r.first AND d.day <= r.last
  WHERE d.brand_id = ANY(%(brands)s) AND d.figure = ANY(%(figures)s) AND d.dimension = %(dimension)s {of}
  UNION ALL
  SELECT d.figure, d.value, d.month, d.cases, d.hits, d.total, d.waiting, d.bucket_at, d.bucket_count
  FROM reports_figuremonth d
  WHERE d.brand_id = ANY(%(brands)s) AND d.figure = ANY(%(figures)s) AND d.dimension = %(dimension)s {of}
    AND d.month = ANY(%(months)s::date[])
)"""
"""The months that lie whole in a piece of the period, and the days of the rest."""
_SUMS = """
SELECT figure, value, width_bucket(begins, %(begin_at)s::date[]) - 1, sum(cases)::bigint, sum(hits)::bigint,
       sum(total)::bigint, sum(waiting)::bigint
"""
_SPREADS = """
SELECT f.cell << 16 | b.at, sum(b.count)::bigint
FROM (
  SELECT c.cell, d.bucket_at, d.bucket_count
  FROM {cells} d
  JOIN unnest(%(cell_figures)s::text[], %(cell_values)s::text[], %(cell_places)s::int[])
       WITH ORDINALITY AS c (figure, value, place, cell)
    ON c.figure = d.figure AND c.value = d.value AND c.place = width_bucket(d.begins, %(begin_at)s::date[]) - 1
  OFFSET 0
) f, unnest(f.bucket_at, f.bucket_count) b(at, count)
GROUP BY 1
"""
"""Buckets of the cells that the sums found, by one number of cell and bucket: half a million of them are grouped by that, and
not by words. OFFSET keeps the planner from placing each bucket of a day instead of the day.
"""
_OF = "AND d.value = ANY(%(values)s::text[])"


def _summed(
    brands: Collection[int],
    figures: Collection[str] | None,
    dimension: str,
    values: Collection[str] | None,
    begin_at: Sequence[date],
    last: date,
    *,
    buckets: bool = True,
) -> dict[tuple[str, str, int], Tally]:
    """(figure, value, place in `begin_at`) -> what it adds up to until the next of `begin_at`, or `last`. None: every one.

    The database adds up: two years of days have a million buckets.
    """
    keys = list(FIGURES if figures is None else figures)
    given: dict[str, Any] = {
        "brands": list(brands),
        "figures": keys,
        "dimension": dimension,
        "values": None if values is None else list(values),
        "begin_at": list(begin_at),
    }
    months, days = _months_and_days(begin_at, last, None if dimension in PERSONAL else _summed_until(brands))
    given |= {"months": months, "days_from": [one for one, _to in days], "days_to": [to for _from, to in days]}
    source = _CELLS.format(of="" if values is None else _OF)
    spread: dict[tuple[str, str, int], dict[int, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(f"{_SUMS} FROM {source} d GROUP BY 1, 2, 3", given)
        sums = cursor.fetchall()
        times = [key for key in keys if FIGURES[key].unit is Unit.TIME]
        if buckets and times:
            cells = [(key, value, place) for key, value, place, *_sums in sums if key in set(times)]
            in_columns = {
                f"cell_{name}": [cell[place] for cell in cells]
                for place, name in enumerate(("figures", "values", "places"))
            }
            whose = list({value for _key, value, _place in cells})
            spreads = _SPREADS.format(cells=_CELLS.format(of=_OF))
            cursor.execute(spreads, given | in_columns | {"figures": times, "values": whose})
            for number, count in cursor.fetchall():
                spread[cells[(number >> 16) - 1]][number & 0xFFFF] = count
    return {
        (key, value, place): Tally(cases, hits, total, waiting, spread.get((key, value, place), {}))
        for key, value, place, cases, hits, total, waiting in sums
    }


def _summed_until(brands: Collection[int]) -> date | None:
    """All months before it are summed up, of each of the brands; None where those of one are not."""
    known = dict(Rolled.objects.filter(brand__in=brands).values_list("brand_id", "months_until"))
    untils = [known.get(brand) for brand in brands]
    return min((until for until in untils if until is not None), default=None) if None not in untils else None


def _months_and_days(
    begin_at: Sequence[date], last: date, until: date | None
) -> tuple[list[date], list[tuple[date, date]]]:
    """The firsts of the months before `until` that lie whole in one piece each, and the days that are left, from and to."""
    months: list[date] = []
    days: list[tuple[date, date]] = []

    def leave(first: date, end: date) -> None:
        # What begins on the day after is one stretch with it, in whichever piece: 52 weeks are read as a year.
        begun = days.pop()[0] if days and days[-1][1] + DAY == first else first
        days.append((begun, end))

    for first, end in pieces_of(begin_at, last):
        month = first if first.day == 1 else _month_after(first)
        left = first
        while until is not None and month < until and _month_after(month) - DAY <= end:
            if left < month:
                leave(left, month - DAY)
            months.append(month)
            left = month = _month_after(month)
        if left <= end:
            leave(left, end)
    return months, days


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


class _Ground:
    """What rates are of: nights, and the time in which each subscription ran; of `customers` (None: all together).

    Nothing before the first day that is on record, and nothing that is to come, is time in which anything was counted.
    """

    def __init__(self, brands: Collection[int], at: datetime, customers: Collection[str] | None) -> None:
        self._at = at
        since = Rolled.objects.filter(brand__in=brands).values_list("brand_id", "since", "brand__zone")
        self._since = {brand: (day, ZoneInfo(zone)) for brand, day, zone in since if day is not None}
        bought = Subscription.ever.filter(customer__brand__in=brands)
        if customers is not None:
            bought = bought.filter(customer__in=[int(one) for one in customers])
        # Most have run for as long as anything is counted: those are one row of a brand, or of a customer.
        begins = [starts(day, zone) for day, zone in self._since.values()]
        made_at = Case(When(made_at__gt=min(begins, default=at), then=F("made_at")))
        columns = ("customer__brand_id", "customer_id") if customers is not None else ("customer__brand_id",)
        rows = bought.annotate(since=made_at, until=Least("ended_at", "customer__left_at"))
        stretches: dict[tuple[int, str], list[Stretch]] = defaultdict(list)
        for *whose, since_at, until_at, count in rows.values_list(*columns, "since", "until").annotate(
            count=Count("id")
        ):
            stretches[whose[0], str(whose[1]) if customers is not None else ""].append(
                Stretch(since_at, until_at, count)
            )
        self._bought = {whose: Bought(each) for whose, each in stretches.items()}

    def nights(self, first: date, last: date) -> int:
        """How many the period has, of the brand that has most."""
        return max(
            (max((end - begin).days + 1, 0) for begin, end, _zone in self._spans(first, last).values()), default=0
        )

    def possible_ms(self, first: date, last: date, customer: str) -> int:
        """Of every subscription together."""
        return sum(
            self._bought[brand, customer].ms(starts(begin, zone), min(self._at, starts(end + DAY, zone)))
            for brand, (begin, end, zone) in self._spans(first, last).items()
            if (brand, customer) in self._bought
        )

    def _spans(self, first: date, last: date) -> dict[int, tuple[date, date, ZoneInfo]]:
        return {
            brand: (max(first, since), min(last, self._at.astimezone(zone).date()), zone)
            for brand, (since, zone) in self._since.items()
        }


def _reading(one: Definition, tally: Tally, ground: _Ground, first: date, last: date, value: str) -> Reading:
    match one.unit:
        case Unit.UPTIME:
            return Reading(one, tally, 0, ground.possible_ms(first, last, value))
        case Unit.A_NIGHT:
            return Reading(one, tally, ground.nights(first, last))
        case _:
            return Reading(one, tally)


def _people(
    teams: list[Team], at: datetime
) -> tuple[dict[int, set[int]], dict[int, int | None], dict[int, int | None]]:
    """By team: who is in it; how many know our processes; how many of these are on now."""
    ids = [team.pk for team in teams]
    members: dict[int, set[int]] = {team: set() for team in ids}
    rows = Team.members.through.objects.filter(team__in=ids, person__active=True)
    for team_id, person_id in rows.values_list("team_id", "person_id"):
        members[team_id].add(person_id)
    briefings = list(Briefing.objects.filter(brand__in={team.brand_id for team in teams}))
    asked = {person.pk for people in must_confirm(briefings).values() for person in people}
    not_yet = {person.pk for people in unconfirmed(briefings).values() for person in people}
    busy = {one.person_id for one in who_is_on(at, {team.brand_id for team in teams}, now=at) if one.person_id}
    busy |= set(TakerSession.objects.filter(ended_at=None, paused_at=None).values_list("person_id", flat=True))
    know = asked - not_yet
    return (
        members,
        {team: len(people & know) if people & asked else None for team, people in members.items()},
        {team: len(people & know & busy) if people & asked else None for team, people in members.items()},
    )


# --- Reports by mail ----


def may_read(person: Person, brand_id: int) -> bool:
    """Whether the person's own role lets them read the brand's figures."""
    if person.user is None or not person.user.is_active:
        return False
    brands = brands_for(actor_of_person(person.pk), "read_figures")
    return brands is None or brand_id in brands


def period_before(row: FigureMail, at: datetime) -> tuple[date, date]:
    """The first and the last day of the week or month that was over last, by the brand's clocks."""
    today = at.astimezone(ZoneInfo(row.brand.zone)).date()
    if row.every == FigureMail.Every.WEEK:
        last = today - timedelta(days=today.weekday() + 1)
        return last - timedelta(days=6), last
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def next_mail(row: FigureMail, at: datetime) -> datetime:
    """The first instant after `at` at which the report is due; its local time holds through changes of the clock."""
    zone = ZoneInfo(row.brand.zone)
    day = at.astimezone(zone).date()
    while True:
        due = day.weekday() == 0 if row.every == FigureMail.Every.WEEK else day.day == 1
        instant = instant_of(datetime.combine(day, time(*divmod(row.at_minute, 60))), zone)
        if due and instant > at:
            return instant
        day += timedelta(days=1)


# --- What must be added up again -------------------------------------------------------------------------------------

LATELY = 3
"""Days that are always added up again: the ledger journals no single receipt, and what falls due is no event."""
INSTANTS: Mapping[str, tuple[Any, str, str]] = {
    "ticket": (Ticket, "opened_at", "brand_id"),
    "call": (Call, "came_at", "line__brand_id"),
    "message_left": (Message, "taken_at", "brand_id"),
    "bureau_message": (BureauMessage, "began_at", "client__brand_id"),
    "page": (Page, "started_at", "brand_id"),
    "outage": (Outage, "proposed_at", "brand_id"),
    "work": (Work, "begun_at", "brand_id"),
}
"""Subject of a journal entry -> its model, the instant that says on which day it counts, and whose it is."""


def first_day(brand: Brand) -> date | None:
    """The brand's day of the first thing that any figure counts; None where there is none."""
    firsts = [
        model.objects.filter(**{owner: brand.pk, f"{name}__isnull": False}).aggregate(first=Min(name))["first"]
        for model, name, owner in INSTANTS.values()
    ]
    known = [first for first in firsts if first is not None]
    return min(known).astimezone(ZoneInfo(brand.zone)).date() if known else None


def finished_xid() -> int:
    """Every journal entry of a transaction below it is there to be read; see `journal.tasks`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT journal_xid_offset() + pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])


def stale_days(brand: Brand, since: Rolled, to_xid: int, at: datetime) -> set[date]:
    """The brand's days whose figures may have changed `since`, by what transactions before `to_xid` journalled, or with time."""
    zone = ZoneInfo(brand.zone)
    today = at.astimezone(zone).date()
    days = {today - timedelta(days=back) for back in range(LATELY)}
    subjects: dict[str, set[str]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT subject_kind, subject_id FROM journal_entry WHERE xid >= %s AND xid < %s AND brand_id = %s"
            " AND subject_kind = ANY(%s)",
            [since.to_xid, to_xid, brand.pk, list(INSTANTS)],
        )
        for sort, subject in cursor.fetchall():
            subjects[sort].add(subject)
    for sort, ids in subjects.items():
        model, name, _owner = INSTANTS[sort]
        for instant in model.objects.filter(pk__in=ids, **{f"{name}__isnull": False}).values_list(name, flat=True):
            day = instant.astimezone(zone).date()
            # Callers of the next day may be repeat callers by a call; a night belongs to the evening before.
            days |= {day, day + DAY} if sort == "call" else {day, day - DAY} if sort == "page" else {day}
    # Answers to a survey come days after it was asked, and are journalled of its ticket.
    tickets = [UUID(ticket) for ticket in subjects.get("ticket", ())]
    surveys = Survey.objects.filter(ticket__in=tickets, brand=brand)
    days |= {asked_at.astimezone(zone).date() for asked_at in surveys.values_list("asked_at", flat=True)}
    days |= _days_after_ends(brand, since.to_xid, to_xid, zone)
    days |= _outage_days(brand, subjects, since.rolled_at, at, zone)
    # A promise that falls due is broken without a word from anybody.
    fallen = Update.objects.filter(outage__brand=brand, next_at__gt=since.rolled_at, next_at__lte=at)
    days |= {proposed.astimezone(zone).date() for proposed in fallen.values_list("outage__proposed_at", flat=True)}
    waiting = FigureDay.objects.filter(brand=brand, figure="call_backs_on_time", dimension="", waiting__gt=0)
    days |= set(waiting.values_list("day", flat=True))
    return {day for day in days if day <= today}


def _days_after_ends(brand: Brand, from_xid: int, to_xid: int, zone: ZoneInfo) -> set[date]:
    """Days on which a customer lost time, since an end of what they buy that was noted later than it was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject_id, (facts ->> %(fact)s)::timestamptz FROM journal_entry"
            " WHERE xid >= %(from)s AND xid < %(to)s AND brand_id = %(brand)s AND kind = %(kind)s AND facts ? %(fact)s",
            {"fact": ENDED_BEFORE, "from": from_xid, "to": to_xid, "brand": brand.pk, "kind": SUBSCRIPTION_ENDED},
        )
        ends = cursor.fetchall()
    lost = FigureDay.objects.filter(brand=brand, figure="availability", dimension="customer")
    return {
        day
        for customer, ended_at in ends
        for day in lost.filter(value=customer, day__gte=ended_at.astimezone(zone).date()).values_list("day", flat=True)
    }


def _outage_days(
    brand: Brand, subjects: Mapping[str, set[str]], rolled_at: datetime, at: datetime, zone: ZoneInfo
) -> set[date]:
    """Days of outages and of work on which time is lost: all where something was said of it, else since `rolled_at`."""
    said = {*subjects.get("outage", ()), *subjects.get("work", ())}
    outages = Outage.objects.filter(Q(pk__in=subjects.get("outage", ())) | Q(resolved_at=None), brand=brand)
    works = Work.objects.filter(Q(pk__in=subjects.get("work", ())) | Q(ended_at=None), brand=brand)
    earliest = dict(Touched.objects.filter(outage__in=outages).values_list("outage_id").annotate(first=Min("since")))
    stretches = [
        (pk, min(began, proposed, earliest.get(pk, proposed)), ended or at)
        for pk, began, proposed, ended in outages.values_list("pk", "began_at", "proposed_at", "resolved_at")
    ]
    stretches += [
        (pk, begun, ended or at) for pk, begun, ended in works.values_list("pk", "begun_at", "ended_at") if begun
    ]
    days = set()
    for pk, start, end in stretches:
        day = (start if str(pk) in said else max(start, rolled_at - DAY)).astimezone(zone).date()
        while day <= end.astimezone(zone).date():
            days.add(day)
            day += DAY
    return days


def cells_of(brand: Brand, first: date, last: date, at: datetime) -> dict[Cell, Tally]:
    """What these days add up to; of people nothing where that is switched off, nor once staff records are kept no more."""
    since = date.max if Figure.WOKEN in switched_off(brand) else _people_since(at)
    cells = fold(facts_of(brand, first, last, at))
    return {cell: tally for cell, tally in cells.items() if cell[2] not in PERSONAL or cell[1] >= since}


def _people_since(at: datetime) -> date:
    return (at - settings.STAFF_RECORDS_KEPT).date()


def differences(brand: Brand, first: date, last: date, at: datetime) -> list[Cell]:
    """The cells of these days that are not what counting by the slow way says now."""
    slow = cells_of(brand, first, last, at)
    rows = FigureDay.objects.filter(brand=brand, day__gte=first, day__lte=last)
    rows = rows.exclude(dimension__in=PERSONAL, day__lt=_people_since(at))
    kept = {(row.figure, row.day, row.dimension, row.value): _tally_of(row) for row in rows.iterator()}
    wrong = {cell for cell in slow.keys() | kept.keys() if slow.get(cell, NOTHING) != kept.get(cell, NOTHING)}
    return sorted(wrong | set(_wrong_months(brand, first, last, slow)))


def _wrong_months(brand: Brand, first: date, last: date, slow: Mapping[Cell, Tally]) -> Iterator[Cell]:
    """The cells of whole months of these days that are not what the days add up to."""
    months, _days = _months_and_days([first], last, _summed_until([brand.pk]))
    summed: dict[Cell, list[Tally]] = defaultdict(list)
    for (figure, day, dimension, value), tally in slow.items():
        month = day.replace(day=1)
        if month in months and dimension not in PERSONAL:
            summed[figure, month, dimension, value].append(tally)
    kept = {(row.figure, row.month, row.dimension, row.value): _tally_of(row)
            for row in FigureMonth.objects.filter(brand=brand, month__in=months).iterator()}  # fmt: skip
    for cell in summed.keys() | kept.keys():
        if merged(summed.get(cell, ())) != kept.get(cell, NOTHING):
            yield cell


def _tally_of(row: FigureDay | FigureMonth) -> Tally:
    buckets = dict(zip(row.bucket_at, row.bucket_count, strict=True))
    return Tally(row.cases, row.hits, row.total, row.waiting, buckets)
