"""What is on record of people's hours in a period, as `load` and `pay` take it."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from nightdesk.access.models import Brand
from nightdesk.channels.models import Delivery
from nightdesk.channels.registry import LOUD
from nightdesk.customers.hours import BadHours, bank_holidays
from nightdesk.people.models import Absence, Person, Team
from nightdesk.reports import load, pay
from nightdesk.reports.load import Bearer, Figure, Load, Sort, Stretch
from nightdesk.reports.models import FigureSwitches, PayRates
from nightdesk.rota import checking
from nightdesk.rota.models import Worked

_SORTS = {
    Worked.Kind.PLANNED: Sort.DUTY,
    Worked.Kind.STANDBY: Sort.STANDBY,
    Worked.Kind.PAGE: Sort.CALL,
    Worked.Kind.CALLED: Sort.CALL,
    Worked.Kind.MANUAL: Sort.OTHER,
}


def people_of(brand: Brand) -> list[Person]:
    """Who is in a team of the brand."""
    members = Team.objects.filter(brand=brand).values("members")
    return list(Person.objects.filter(id__in=members, active=True).order_by("name", "id"))


def loads_of(brand: Brand, people: Collection[Person], first: date, last: date, at: datetime) -> list[Load]:
    """The load of each from `first` to `last`, both in it: what was worked, and of what is to come what is planned.

    `people` are all among whom it is shared.
    """
    off = {Figure(name) for name in switched_off(brand) if name in set(Figure)}
    return load.loads(_bearers(people, first, last, at), holidays_of(brand, first, last), off)


def pay_lines(brand: Brand, person: Person, first: date, last: date, at: datetime) -> list[pay.Line]:
    """What the person's hours on record are paid in that time, line by line; what is to come is not paid yet."""
    (bearer,) = _bearers([person], first, last, min(at, _start(person, last + timedelta(days=1))), ahead=False)
    return pay.lines(bearer.did, rates_of(brand), person.zone, holidays_of(brand, first, last))


def rates_of(brand: Brand) -> pay.Rates:
    """The brand's rates; where none were given, all are nothing."""
    row = PayRates.objects.filter(brand=brand).first()
    return pay.read_rates(row.rates) if row is not None else pay.Rates()


def switched_off(brand: Brand) -> list[str]:
    """The figures that are not reckoned of the brand's people."""
    row = FigureSwitches.objects.filter(brand=brand).first()
    return list(row.off) if row is not None else []


def holidays_of(brand: Brand, first: date, last: date) -> set[date]:
    """Bank holidays of the brand's nation, a day more on either side for other zones."""
    try:
        years = range(first.year, last.year + 2)
        return set().union(*(bank_holidays(brand.region, None, year) for year in years))
    except BadHours:
        return set()


def _bearers(people: Collection[Person], first: date, last: date, at: datetime, *, ahead: bool = True) -> list[Bearer]:
    spans = {person.pk: (_start(person, first), _start(person, last + timedelta(days=1))) for person in people}
    if not spans:
        return []
    since, until = min(start for start, _end in spans.values()), max(end for _start, end in spans.values())
    did: dict[int, list[Stretch]] = defaultdict(list)
    rows = Worked.objects.filter(person__in=spans, struck_at=None, starts_at__lt=until, ends_at__gt=since)
    for row in rows.select_related("seat"):
        sort = Sort.CALLED_OFF if row.off_duty else _SORTS[Worked.Kind(row.kind)]
        what = row.seat.name if row.seat is not None else row.note
        did[row.person_id].append(Stretch(row.starts_at, row.ends_at, sort, what))
    if ahead and until > at:
        for person_id, planned in checking.spans(list(spans), until, at).items():
            did[person_id] += [
                Stretch(span.start, span.end, Sort.DUTY if span.counts else Sort.STANDBY, span.key)
                for span in planned
                if span.planned and span.end > at
            ]
    woken: dict[int, dict[str, datetime]] = defaultdict(dict)
    rung = Delivery.objects.filter(
        recipient_kind="person",
        recipient_id__in=[str(person_id) for person_id in spans],
        subject_kind="page",
        channel__in=LOUD,
        accepted_at__gte=since,
        accepted_at__lt=until,
    )
    for person, page, when in rung.values_list("recipient_id", "subject_id", "accepted_at").order_by("accepted_at"):
        assert when is not None  # asked for
        woken[int(person)].setdefault(page, when)
    days = _days_there(people, spans)
    return [
        Bearer(
            person.pk,
            person.name,
            person.zone,
            days[person.pk],
            tuple(_cut(each, *spans[person.pk]) for each in did[person.pk] if _touches(each, *spans[person.pk])),
            tuple(when for when in woken[person.pk].values() if spans[person.pk][0] <= when < spans[person.pk][1]),
        )
        for person in people
    ]


def _days_there(people: Collection[Person], spans: dict[int, tuple[datetime, datetime]]) -> dict[int, int]:
    found = {}
    for person in people:
        start, end = spans[person.pk]
        whole = round((end - start) / timedelta(days=1))
        away = Absence.objects.filter(Q(starts_at__lt=end) & Q(ends_at__gt=start), person=person, cancelled_at=None)
        lost = sum((min(row.ends_at, end) - max(row.starts_at, start) for row in away), timedelta(0))
        found[person.pk] = max(whole - int(lost / timedelta(days=1)), 0)
    return found


def _start(person: Person, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(person.zone))


def _touches(stretch: Stretch, start: datetime, end: datetime) -> bool:
    return stretch.start < end and stretch.end > start


def _cut(stretch: Stretch, start: datetime, end: datetime) -> Stretch:
    return Stretch(max(stretch.start, start), min(stretch.end, end), stretch.sort, stretch.what)
