"""Service figures: days added up are what the slow way counts, and what somebody counts by hand, on random histories."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.months import make_months
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.base.tests.other_hands import Hand, another_connection, somebody_waits_for, until
from nightdesk.calls.bureau_models import TakerSession
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers import actions as customers
from nightdesk.desk.models import Survey, Ticket
from nightdesk.duty import actions as duty
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import KINDS, Kind
from nightdesk.knowledge.models import Briefing, Confirmation
from nightdesk.outages.models import Outage, Touched
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.reports import facts, figure_actions, figure_queries, phone, tasks
from nightdesk.reports.actions import drop_staff_records, save_figures
from nightdesk.reports.definitions import DEFINITIONS, FIGURES, Unit, fold
from nightdesk.reports.fact_queries import joined
from nightdesk.reports.facts import Whose, shift_of
from nightdesk.reports.figure_queries import differences, parts, readings, trends
from nightdesk.reports.figure_wording import NAMES, beside, duration, in_file, percent, value_of
from nightdesk.reports.models import FigureDay, FigureMail, FigureMonth, Rolled
from nightdesk.reports.tally import NOTHING
from nightdesk.reports.tests.histories import DAYS, FIRST, HAPPENED, ZONE, History
from nightdesk.rota import actions as rota

AT = datetime(2026, 10, 28, 23, 0, tzinfo=UTC)
LAST = FIRST + timedelta(days=DAYS - 1)
DOING = {"by": SCHEDULER, "via": Door.CLI, "at": AT}
DOC = Path(__file__).parents[4] / "docs" / "figures.md"


@pytest.fixture
def journalled(monkeypatch):
    monkeypatch.setitem(KINDS, HAPPENED, Kind(HAPPENED, 1, "{by} did it"))
    make_months(("journal_entry", "channels_delivery", "channels_attempt"), AT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_days_added_up_are_what_is_counted_by_hand_on_random_histories(journalled, seed):
    history = History(Random(seed), f"b{seed}")
    brand = history.brand
    for count in (30, 25, 10):  # late arrivals, and changes of what was added up already
        history.goes_on(count)
        tasks.roll_brand(brand, history.at)
        assert differences(brand, FIRST - timedelta(days=1), LAST + timedelta(days=2), history.at) == []
        for first, last in [(FIRST, LAST), (FIRST + timedelta(days=2), FIRST + timedelta(days=2)), (FIRST, FIRST)]:
            found = readings([brand.pk], first, last, history.at)
            _compare(history, found, history.by_hand(first, last), first, last)


def _compare(history, found, counted, first, last):
    _agree(found, counted)
    assert found["woken"].tally.cases == history.woken_by_hand(first, last)
    outside, in_all = history.lost(first, last)
    assert found["availability"].tally.total == outside * 600_000
    assert found["availability_with_work"].tally.total == in_all * 600_000
    assert found["availability"].possible_ms == history.bought(first, last) * 600_000
    for key, (hits, cases) in history.messages_by_hand(first, last).items():
        if key in found:
            assert (key, found[key].tally.hits, found[key].tally.cases) == (key, hits, cases)


def _agree(found, counted):
    """Every figure that was counted is what somebody with a pencil has."""
    for key, by_hand in counted.items():
        reading = found[key]
        if isinstance(by_hand, tuple):
            hits, cases = by_hand
            assert (key, reading.tally.hits, reading.tally.cases) == (key, hits, cases)
            assert reading.value == (hits / cases if cases else None)
            continue
        assert (key, reading.tally.cases, reading.tally.total) == (key, len(by_hand), sum(by_hand))
        if by_hand and reading.figure.unit is Unit.TIME:
            middle = by_hand[(len(by_hand) + 1) // 2 - 1]
            assert middle <= reading.value <= middle * 33 / 32


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(10, 12))
def test_each_team_shift_customer_supplier_and_brand_has_what_is_counted_of_it_by_hand(journalled, seed):
    history, other = History(Random(seed), f"g{seed}"), History(Random(seed + 50), f"h{seed}")
    for each in (history, other):
        each.goes_on(90)
        tasks.roll_brand(each.brand, each.at)
    brand, at = history.brand.pk, history.at

    def read(dimension, value):
        return readings([brand], FIRST, LAST, at, dimension=dimension, value=value)

    of = {
        "team": [team.pk for team in history.teams],
        "shift": ["day", "evening", "night", "weekend"],
        "customer": [customer.pk for customer in history.customers],
        "supplier": [history.supplier, history.carrier],
    }
    for dimension, values in of.items():
        for value in map(str, values):
            found = read(dimension, value)
            counted = history.by_hand(FIRST, LAST, dimension, value)
            assert counted.keys() <= found.keys()
            _agree(found, counted)
            if "woken" in found:
                assert found["woken"].tally.cases == history.woken_by_hand(FIRST, LAST, dimension, value)
    for person in history.people:
        woken = history.woken_by_hand(FIRST, LAST, "person", str(person.pk))
        assert read("person", str(person.pk))["woken"].tally.cases == woken
    for customer in history.customers:
        found = read("customer", str(customer.pk))
        lost = (found["availability"].tally.total, found["availability_with_work"].tally.total)
        assert lost == tuple(600_000 * pieces for pieces in history.lost(FIRST, LAST, customer.pk))
        assert found["availability"].possible_ms == 600_000 * history.bought(FIRST, LAST, customer.pk)
    sent = history.messages_by_hand(FIRST, LAST)
    for key in ("delivery_taken", "delivery_arrived"):
        assert (lambda tally: (tally.hits, tally.cases))(read("provider", history.route.name)[key].tally) == sent[key]
    cost = read("provider", f"{history.route.name}|GBP")["delivery_cost"]
    assert (cost.tally.total, cost.tally.cases) == sent["delivery_cost"]
    assert cost.value == sent["delivery_cost"][0] / 1_000_000
    every = {*history.by_hand(FIRST, LAST), *sent, "woken", "availability", "availability_with_work"}
    assert every == FIGURES.keys(), "no figure is left uncounted"
    for key in FIGURES.keys() - {"delivery_cost"}:
        by_brand = {part.value: part.reading for part in parts([brand, other.brand.pk], key, "brand", FIRST, LAST, at)}
        for each in (history, other):
            alone = readings([each.brand.pk], FIRST, LAST, at)[key]
            assert by_brand.get(str(each.brand.pk), alone) == alone
            assert alone.tally == NOTHING or str(each.brand.pk) in by_brand


@pytest.mark.django_db(transaction=True)
def test_parts_trends_and_a_brand_next_door(journalled):
    history, other = History(Random(5), "one"), History(Random(6), "two")
    for each in (history, other):
        each.goes_on(60)
        tasks.roll_brand(each.brand, each.at)
    brands, at = [history.brand.pk], history.at
    whole = readings(brands, FIRST, LAST, at)
    by_team = parts(brands, "satisfaction", "team", FIRST, LAST, at)
    assert sum(part.reading.tally.total for part in by_team) == whole["satisfaction"].tally.total
    by_shift = parts(brands, "answered_12s", "shift", FIRST, LAST, at)
    assert sum(part.reading.tally.cases for part in by_shift) == whole["answered_12s"].tally.cases
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    for key in ("time_to_resolve", "answered_12s", "availability"):
        pieces = trends(brands, [key], days, LAST, at)[key]
        assert sum(piece.tally.total for piece in pieces) == whole[key].tally.total
        assert sum(piece.possible_ms for piece in pieces) == whole[key].possible_ms
    assert figure_queries.overview(brands, days, LAST, at) == (whole, trends(brands, whole, days, LAST, at))
    customer = str(history.customers[0].pk)
    own = readings(brands, FIRST, LAST, at, dimension="customer", value=customer)
    (same,) = [part for part in parts(brands, "answered_12s", "customer", FIRST, LAST, at) if part.value == customer]
    assert own["answered_12s"].tally == same.reading.tally
    assert "woken" not in own
    ours, theirs = figure_queries.desks(brands, FIRST, LAST, at)
    assert (ours.supplier, theirs.supplier, theirs.people, theirs.familiar) == ("", "Answers Ltd", 1, None)
    both = readings([*brands, other.brand.pk], FIRST, LAST, at)["answered_12s"].tally
    assert (
        both.cases
        == whole["answered_12s"].tally.cases + readings([other.brand.pk], FIRST, LAST, at)["answered_12s"].tally.cases
    )


@pytest.mark.django_db(transaction=True)
def test_a_month_that_is_over_is_read_as_one_and_is_what_its_days_add_up_to(journalled):
    history = History(Random(8), "months")
    brand, at = history.brand, history.at + timedelta(days=10)
    history.goes_on(60)
    tasks.roll_brand(brand, history.at)
    periods = [(date(2026, 10, 1), date(2026, 11, 5)), (date(2026, 9, 20), date(2026, 10, 31))]
    customer = str(history.customers[0].pk)

    def read():
        return [
            (readings([brand.pk], *period, at), parts([brand.pk], "time_to_resolve", "customer", *period, at),
             readings([brand.pk], *period, at, dimension="customer", value=customer),
             trends([brand.pk], ["answered_12s", "time_to_resolve"], [period[0], date(2026, 10, 25)], period[1], at))
            for period in periods
        ]  # fmt: skip

    assert not FigureMonth.objects.exists(), "October goes on"
    tasks.roll_brand(brand, at)
    assert Rolled.objects.get(brand=brand).months_until == date(2026, 11, 1)
    assert set(FigureMonth.objects.values_list("month", flat=True)) == {date(2026, 10, 1)}
    assert not FigureMonth.objects.filter(dimension="person").exists()
    by_months = read()
    Rolled.objects.filter(brand=brand).update(months_until=None)
    assert read() == by_months
    Rolled.objects.filter(brand=brand).update(months_until=date(2026, 11, 1))
    assert differences(brand, date(2026, 10, 1), date(2026, 10, 31), at) == []
    # What changes of a day that is long over changes its month.
    history.at = at
    history.goes_on(20)
    tasks.roll_brand(brand, at)
    assert differences(brand, date(2026, 10, 1), date(2026, 10, 31), at) == []
    FigureMonth.objects.filter(figure="answered_12s", dimension="").update(hits=999)
    october = readings([brand.pk], date(2026, 10, 1), date(2026, 10, 31), at)
    assert october["answered_12s"].tally.hits == 999, "it is the month that is read"
    assert differences(brand, date(2026, 10, 1), date(2026, 10, 31), at) == [
        ("answered_12s", date(2026, 10, 1), "", "")
    ]


@given(st.lists(st.dates(date(2026, 1, 1), date(2026, 12, 31)), min_size=2, max_size=5, unique=True), st.dates(
    date(2025, 12, 1), date(2027, 1, 1)).map(lambda day: day.replace(day=1)))  # fmt: skip
def test_months_and_days_are_each_day_of_the_period_once_and_no_month_lies_in_two_pieces(days, until):
    *begin_at, last = sorted(days)
    months, left = figure_queries._months_and_days(begin_at, last, until)
    covered = [day for month in months for day in _days_from(month, _last_of(month))]
    covered += [day for first, end in left for day in _days_from(first, end)]
    assert sorted(covered) == _days_from(begin_at[0], last)
    assert all(month < until for month in months)
    for month in months:
        assert not any(month < begin <= _last_of(month) for begin in begin_at)


def _days_from(first, last):
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _last_of(month):
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_wrongly_is_found(journalled):
    history = History(Random(7), "wrong")
    history.goes_on(30)
    tasks.roll_brand(history.brand, history.at)
    row = FigureDay.objects.filter(brand=history.brand, cases__gt=0).first()
    FigureDay.objects.filter(pk=row.pk).update(cases=row.cases + 1)
    found = differences(history.brand, FIRST, LAST + timedelta(days=1), history.at)
    assert found == [(row.figure, row.day, row.dimension, row.value)]
    tasks.roll_brand(history.brand, history.at, anew=True)
    assert differences(history.brand, FIRST, LAST + timedelta(days=1), history.at) == []


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_days_after_a_survey_is_counted(journalled):
    history = History(Random(8), "later")
    history.ticket()
    row = history.tickets[0]["row"]
    asked_at = history.at - timedelta(days=5)
    Survey.objects.create(ticket=row, brand=history.brand, address="a@b.example", digest="d", asked_at=asked_at)
    Ticket.objects.filter(pk=row.pk).update(opened_at=asked_at - timedelta(days=1))
    tasks.roll_brand(history.brand, history.at)
    history.at += timedelta(days=2)
    Survey.objects.filter(ticket=row).update(score=5, answered_at=history.at)
    record(HAPPENED, subject=("ticket", row.pk), **DOING, brand_id=history.brand.pk)
    tasks.roll_brand(history.brand, history.at)
    assert readings([history.brand.pk], FIRST, LAST, history.at)["satisfaction"].tally.cases == 1


@pytest.mark.django_db(transaction=True)
def test_an_outage_that_stays_open_is_added_up_from_its_beginning_only_when_something_is_said_of_it(journalled):
    history = History(Random(9), "open")
    while not history.down or history.down[0]["over"]:
        Ticket.objects.all().delete()  # some were told of it, and asked
        Outage.objects.all().delete()
        history.down.clear()
        history.outage()
    row, began = Outage.objects.get(), history.down[0]["at"].date()
    tasks.roll_brand(history.brand, history.at)
    history.at += timedelta(days=20)
    to_xid = figure_queries.finished_xid()
    since = Rolled.objects.get(brand=history.brand)
    stale = figure_queries.stale_days(history.brand, since, to_xid, history.at)
    stale.discard(began)  # the day to which its promises belong: one has fallen due
    assert min(stale) == (since.rolled_at - timedelta(days=1)).astimezone(ZONE).date()
    assert len(stale) == 22
    record(HAPPENED, subject=("outage", row.pk), **DOING, brand_id=history.brand.pk)
    to_xid = figure_queries.finished_xid()
    assert began in figure_queries.stale_days(history.brand, since, to_xid, history.at)
    tasks.roll_brand(history.brand, history.at)
    assert differences(history.brand, FIRST, FIRST + timedelta(days=40), history.at) == []


@pytest.mark.django_db(transaction=True)
def test_a_brand_that_cannot_be_added_up_stops_no_other(journalled, monkeypatch, caplog):
    histories = [History(Random(seed), f"h{seed}") for seed in (1, 2)]
    for history in histories:
        history.goes_on(5)
    known = tasks.roll_brand

    def roll(brand, at):
        if brand == histories[0].brand:
            raise ValueError("broken")
        return known(brand, at)

    monkeypatch.setattr(tasks, "roll_brand", roll)
    assert tasks.roll_changed(AT) > 0
    assert list(Rolled.objects.values_list("brand__slug", flat=True)) == ["h2"]
    assert "The figures of h1 could not be added up" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_figures_of_people_are_kept_neither_where_they_are_switched_off_nor_for_ever(journalled, settings):
    history = History(Random(3), "people")
    while not history.woken:
        history.page()
    brand, at = history.brand, history.at
    kept = FigureDay.objects.filter(brand=brand, dimension="person")
    tasks.roll_brand(brand, at)
    assert kept.exists()
    save_figures(brand_id=brand.pk, off=["woken"], **DOING)
    assert not kept.exists()
    tasks.roll_brand(brand, at, anew=True)
    assert not kept.exists()
    assert differences(brand, FIRST, LAST, at) == []
    assert FigureDay.objects.filter(brand=brand, figure="woken", dimension="").exists()
    with pytest.raises(CommandError, match="switched figures of people off"):
        call_command("figures", "woken", "--by", "person", "--brand", brand.slug)
    save_figures(brand_id=brand.pk, off=[], **DOING)
    tasks.roll_brand(brand, at, anew=True)
    assert kept.exists()
    settings.STAFF_RECORDS_KEPT = timedelta(days=30)
    later = at + timedelta(days=60)
    assert drop_staff_records(at=later) > 0
    tasks.roll_brand(brand, later, anew=True)
    assert not kept.exists()
    assert differences(brand, FIRST, LAST, later) == []


@pytest.mark.django_db
def test_an_empty_period_has_nothing_to_count(journalled):
    history = History(Random(1), "empty")
    for reading in readings([history.brand.pk], FIRST, LAST, AT).values():
        assert (reading.value, value_of(reading), beside(reading)) == (None, "nothing to count", "")


def test_strict_comes_first_and_variants_differ_in_who_counts():
    at = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)

    def rang(after=None, by="", **more):
        answered = at + timedelta(seconds=after) if after is not None else None
        return facts.Rang(at.date(), Whose(), phone.LineCall(at, answered, by, abandoned=after is None, **more))

    calls = [
        rang(5, "engineer"),
        rang(12, "bureau"),
        rang(3, "recorder"),
        rang(),
        rang(13, "desk"),
        rang(told="outage"),
    ]
    cells = {key: tally for (key, _day, dimension, _value), tally in fold(calls).items() if not dimension}
    shares = {key: (cells[key].hits, cells[key].cases) for key in cells if key.startswith("answered_12s")}
    assert shares == {
        "answered_12s": (2, 5),
        "answered_12s_recorder": (3, 5),
        "answered_12s_engineer": (1, 5),
        "answered_12s_patient": (2, 4),
    }


def test_shifts_are_parts_of_the_day_by_the_clocks():
    friday = datetime(2026, 10, 23)  # noqa: DTZ001 - local
    hours = {0: "night", 6: "day", 17: "day", 18: "evening", 22: "evening", 23: "night"}
    assert {hour: shift_of(friday.replace(hour=hour)) for hour in hours} == hours
    assert shift_of(friday.replace(day=24, hour=12)) == "weekend"
    assert shift_of(friday.replace(day=24, hour=2)) == "night"


def test_time_is_counted_once_however_outages_overlap():
    at = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(10)]
    assert joined([(at[3], at[5]), (at[1], at[4]), (at[7], at[7]), (at[8], at[9])]) == [(at[1], at[5]), (at[8], at[9])]


def test_a_value_is_never_rounded_up_to_all():
    share = FIGURES["answered_12s"]
    reading = figure_queries.Reading(share, figure_queries.Tally(10_000, 9_999))
    assert value_of(reading) == "99.9 %"
    nearly = figure_queries.Reading(share, figure_queries.Tally(3_000_000, 2_999_999))
    assert in_file(nearly) == 0.999999
    down = figure_queries.Reading(FIGURES["availability"], figure_queries.Tally(1, total=1), possible_ms=10**8)
    assert in_file(down) == 0.999999
    assert percent(2_999 / 3_000) == "99.9 %"
    assert [duration(ms) for ms in (0, 9_500, 270_000, 11_100_000, 187_200_000)] == [
        "0.0 s", "9.5 s", "4 min 30 s", "3 h 05 min", "2 d 4 h",
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_customer_who_leaves_on_the_15th_is_counted_for_half_the_month():
    brand = access.make_brand(name="Quay", slug="quay", **DOING)
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 15, 16)]
    at = datetime(2026, 12, 1, tzinfo=UTC)
    service = customers.make_service(brand_id=brand.pk, key="line", name="Line", **DOING)
    stays, leaves, whole = (
        customers.make_customer(brand_id=brand.pk, name=name, ref=name, **DOING)
        for name in ("Stays", "Leaves", "Whole")
    )
    bought = {
        one: customers.make_subscription(customer_id=one.pk, service_id=service.pk, **{**DOING, "at": days[0]})
        for one in (stays, leaves, whole)
    }
    outage = Outage.objects.create(
        brand=brand, number=1, title="o", severity="major", origin="person", state="resolved", began_at=days[1],
        proposed_at=days[1], confirmed_at=days[1], resolved_at=days[2], changed_at=days[2],
    )  # fmt: skip
    for one in (stays, leaves):
        Touched.objects.create(
            outage=outage, subscription=bought[one], customer=one, service=service, worst=3, effect=0,
            since=days[1], until=days[2], down_at=[days[1], days[2]],
        )  # fmt: skip
    customers.end_subscription(subscription_id=bought[leaves].pk, **{**DOING, "at": days[2]})
    customers.edit_customer(customer_id=whole.pk, changes={"active": False}, **{**DOING, "at": days[2]})
    tasks.roll_brand(brand, at)
    Rolled.objects.filter(brand=brand).update(since=date(2026, 11, 1))
    first, last, day_ms = date(2026, 11, 1), date(2026, 11, 30), 86_400_000
    months = {
        one.name: readings([brand.pk], first, last, at, dimension="customer", value=str(one.pk))["availability"]
        for one in (stays, leaves, whole)
    }
    assert {name: month.possible_ms // day_ms for name, month in months.items()} == {
        "Stays": 30,
        "Leaves": 15,
        "Whole": 15,
    }
    assert months["Stays"].value == pytest.approx(1 - 1 / 30)
    assert months["Leaves"].value == pytest.approx(1 - 1 / 15), (
        "the day it was down is one of the fifteen it was bought"
    )
    assert readings([brand.pk], first, last, at)["availability"].possible_ms == 60 * day_ms
    with pytest.raises(NotFound):
        customers.end_subscription(subscription_id=bought[leaves].pk, **DOING)
    anew = customers.make_subscription(customer_id=leaves.pk, service_id=service.pk, **{**DOING, "at": at})
    assert anew.pk != bought[leaves].pk, "who buys it again begins anew"


@pytest.mark.django_db(transaction=True)
def test_an_end_that_is_said_later_than_it_was_counts_from_then_on(journalled):
    brand = access.make_brand(name="Quay", slug="quay", **DOING)
    days = {day: datetime(2026, 10, day, tzinfo=UTC) for day in (1, 10, 12, 13, 20)}
    service = customers.make_service(brand_id=brand.pk, key="line", name="Line", **DOING)
    customer = customers.make_customer(brand_id=brand.pk, name="Leaves", ref="L", **DOING)
    bought = customers.make_subscription(customer_id=customer.pk, service_id=service.pk, **{**DOING, "at": days[1]})
    outage = Outage.objects.create(
        brand=brand, number=1, title="o", severity="major", origin="person", state="resolved", began_at=days[12],
        proposed_at=days[1], confirmed_at=days[12], resolved_at=days[13], changed_at=days[13],
    )  # fmt: skip
    Touched.objects.create(
        outage=outage, subscription=bought, customer=customer, service=service, worst=3, effect=0, since=days[12],
        until=days[13], down_at=[days[12], days[13]],
    )  # fmt: skip
    at, day_ms = days[20], 86_400_000

    def read():
        tasks.roll_brand(brand, at)
        assert differences(brand, FIRST - timedelta(days=30), LAST, at) == []
        of = {"dimension": "customer", "value": str(customer.pk)}
        reading = readings([brand.pk], date(2026, 10, 1), date(2026, 10, 31), at, **of)["availability"]
        return reading.tally.total / day_ms, round(reading.possible_ms / day_ms)

    assert read() == (1, 19)
    for wrong in (days[1] - timedelta(seconds=1), at + timedelta(seconds=1)):
        with pytest.raises(Invalid):
            customers.end_subscription(subscription_id=bought.pk, ended_at=wrong, **{**DOING, "at": at})
    customers.end_subscription(subscription_id=bought.pk, ended_at=days[10], **{**DOING, "at": at})
    assert read() == (0, 9), "what failed afterwards was not theirs"


@pytest.mark.django_db
def test_of_each_desk_it_is_told_how_many_know_our_processes_and_how_many_of_them_are_on():
    history = History(Random(2), "desks")
    ours, theirs = history.teams
    more = [Person.objects.create(name=name) for name in ("Xi", "Yo")]
    theirs.members.add(*more)
    briefing = Briefing.objects.create(
        brand=history.brand, title="New service", body="x", made_by="Mo", made_at=AT, due_at=AT + timedelta(days=1)
    )
    briefing.teams.set([ours, theirs])
    FigureDay.objects.create(
        brand=history.brand, figure="gave_up", dimension="team", value=str(ours.pk), day=FIRST, cases=1
    )
    for person in (more[0], history.people[2]):
        Confirmation.objects.create(briefing=briefing, person=person, at=AT, via="web")
    for person in more:  # both take messages now, and one of them has not confirmed
        TakerSession.objects.create(person=person, began_at=AT, seen_at=AT)
    told = figure_queries.desks([history.brand.pk], FIRST, LAST, AT)
    assert [(desk.supplier, desk.people, desk.familiar, desk.on) for desk in told] == [
        ("", 2, 0, 0), ("Answers Ltd", 3, 2, 1)
    ]  # fmt: skip
    rota.make_rota(
        brand_id=history.brand.pk, name="R", zone="Europe/London", seats=[{"key": "s", "name": "S"}], **DOING
    )
    duty.set_first_holder(seat_key="s", person_id=history.people[2].pk, **DOING)
    assert [desk.on for desk in figure_queries.desks([history.brand.pk], FIRST, LAST, AT)] == [0, 2]
    Confirmation.objects.all().delete()
    Briefing.objects.all().delete()
    assert [desk.familiar for desk in figure_queries.desks([history.brand.pk], FIRST, LAST, AT)] == [None, None]


def test_more_time_lost_than_is_bought_now_is_nothing_to_count():
    lost = figure_queries.Tally(1, total=60_000)
    availability = FIGURES["availability"]
    assert figure_queries.Reading(availability, lost, possible_ms=59_999).value is None
    assert figure_queries.Reading(availability, lost, possible_ms=60_000).value == 0


def test_the_page_of_figures_says_what_the_code_counts():
    rows = [
        line.strip("| \n").split(" | ")
        for line in DOC.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    written = {cells[0].strip("`"): tuple(cells[1:]) for cells in rows if len(cells) == 6}
    told = {one.key: (one.name, one.unit.value, one.formula, one.source, ", ".join(one.by)) for one in DEFINITIONS}
    assert written == told
    assert {key: str(name) for key, name in NAMES.items()} == {one.key: one.name for one in DEFINITIONS}


@pytest.mark.django_db
def test_who_may_not_is_refused():
    nobody = Actor("person", "0", "X")
    doing = {"via": Door.WEB, "at": AT}
    with pytest.raises(Forbidden):
        figure_actions.roll_figures(brand_id=1, days=[FIRST], by=nobody, **doing)
    with pytest.raises(Forbidden):
        figure_actions.save_figure_mail(brand_id=1, name="x", every="week", people=[1], by=nobody, **doing)
    with pytest.raises(Invalid):
        figure_actions.save_figure_mail(brand_id=1, name="x", every="day", people=[1], by=SCHEDULER, **doing)


def test_a_report_covers_the_week_or_month_before_and_keeps_its_local_time():
    row = FigureMail(brand=Brand(zone="Europe/London"), every="week", at_minute=8 * 60)
    sunday = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)
    assert figure_queries.next_mail(row, sunday) == datetime(2026, 10, 26, 8, 0, tzinfo=UTC)
    assert figure_queries.next_mail(row, sunday - timedelta(days=7)) == datetime(2026, 10, 19, 7, 0, tzinfo=UTC)
    assert figure_queries.period_before(row, sunday + timedelta(days=1)) == (date(2026, 10, 19), date(2026, 10, 25))
    row.every = "month"
    assert figure_queries.next_mail(row, sunday) == datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
    assert figure_queries.period_before(row, datetime(2026, 11, 1, 8, tzinfo=UTC)) == (
        date(2026, 10, 1),
        date(2026, 10, 31),
    )


@pytest.mark.django_db
def test_a_report_by_mail_has_the_same_numbers_twice_and_goes_only_to_who_may_read_it(journalled):
    history = History(Random(3), "mailed")
    history.goes_on(40)
    brand = history.brand
    user = access.make_user(email="ines@quay.example", name="Ines", password="a quiet harbour", **DOING)
    person = people.make_person(name="Ines", user_id=user.pk, brand_id=brand.pk, **DOING)
    with pytest.raises(Invalid, match="may not read"):
        figure_actions.save_figure_mail(brand_id=brand.pk, name="Week", every="week", people=[person.pk], **DOING)
    access.grant_role(user_id=user.pk, role="manager", brand_id=brand.pk, **DOING)
    row = figure_actions.save_figure_mail(brand_id=brand.pk, name="Week", every="week", people=[person.pk], **DOING)
    tasks.roll_brand(brand, history.at)
    promised = Promise.objects.get(kind=figure_actions.MAIL, ended_at=None)
    assert promised.due_at == datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
    monday = datetime(2026, 10, 26, 8, 0, tzinfo=UTC)
    assert figure_actions.send_figure_mail(mail_id=row.pk, at=monday) == "It went to 1 people."
    message = Message.objects.get(kind="figures.report")
    delivery = Delivery.objects.get(message_id=message.pk)
    assert (delivery.address, delivery.channel) == ("ines@quay.example", "email")
    for key, reading in readings([brand.pk], date(2026, 10, 19), date(2026, 10, 25), monday).items():
        for words in (message.body, message.mail["html"]):
            assert str(NAMES[key]) in words
            assert value_of(reading) in words
    access.revoke_role(user_id=user.pk, role="manager", brand_id=brand.pk, **DOING)
    assert figure_actions.send_figure_mail(mail_id=row.pk, at=monday + timedelta(days=7)) == "It went to 0 people."
    assert Message.objects.filter(kind="figures.report").count() == 1
    assert Promise.objects.filter(kind=figure_actions.MAIL, ended_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_reports_of_one_name_at_once_the_second_is_refused():
    brand = Brand.objects.create(name="Quay", slug="quay")
    user = access.make_user(email="ines@quay.example", name="Ines", password="a quiet harbour", **DOING)
    person = people.make_person(name="Ines", user_id=user.pk, brand_id=brand.pk, **DOING)
    access.grant_role(user_id=user.pk, role="manager", brand_id=brand.pk, **DOING)
    wanted = {"brand_id": brand.pk, "name": "Week", "every": "week", "people": [person.pk]}
    with another_connection() as other:
        other.execute(
            "INSERT INTO reports_figuremail (brand_id, name, every, at_minute, figures, active)"
            " VALUES (%s, 'Week', 'week', 480, '{}', true)",
            [brand.pk],
        )
        second = Hand(lambda: figure_actions.save_figure_mail(**wanted, **DOING))
        until(lambda: somebody_waits_for(other))
        other.commit()
        with pytest.raises(Invalid, match="one of that name"):
            second.result()
    assert FigureMail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_a_period_and_proves_it(journalled, capsys):
    history = History(Random(11), "typed")
    history.goes_on(40)
    period = ["--first", FIRST.isoformat(), "--last", LAST.isoformat()]
    with clock.replaced_by(lambda: history.at):
        call_command("figures", "--check", *period)
        call_command("figures", "--json", *period)
        call_command("figures", "time_to_resolve", "--by", "team", *period)
        with pytest.raises(CommandError, match="not kept by"):
            call_command("figures", "woken", "--by", "customer", *period)
    said = capsys.readouterr().out
    assert said.startswith("What is added up is what is counted.")
    assert '"figure": "answered_12s"' in said
    FigureDay.objects.filter(brand=history.brand, day=FIRST, cases__gt=0).update(cases=999)
    Rolled.objects.filter(brand=history.brand).update(to_xid=2**60)  # nothing is new to it
    with clock.replaced_by(lambda: history.at), pytest.raises(CommandError, match="not what is counted"):
        call_command("figures", "--check", *period)
