"""Comparisons as they are saved, copied, deleted and had back; and what happened after a choice."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.access.models import Brand, Role
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.calls.models import Call, Leg, Line
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person
from nightdesk.reports.actions import save_figures, save_pay_rates
from nightdesk.reports.approaches import Inputs
from nightdesk.reports.choosing_actions import (
    choose_approach,
    copy_comparison,
    delete_comparison,
    restore_comparison,
    save_comparison,
)
from nightdesk.reports.choosing_queries import afterwards, calls_on_record, comparisons, inputs_for
from nightdesk.reports.choosing_stored import DEFAULTS, KINDS, BadInputs, as_plain, limits_of, read_inputs
from nightdesk.reports.choosing_words import month_of
from nightdesk.reports.models import Comparison
from nightdesk.reports.week import read_calls

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOW: dict[str, Any] = {"by": SCHEDULER, "via": Door.WEB, "at": AT}


@pytest.fixture
def brand(db: None) -> Brand:
    return Brand.objects.create(name="Quay", slug="quay", zone="Europe/London")


def save(brand: Brand, name: str = "Winter", **inputs: Any) -> Comparison:
    return save_comparison(brand_id=brand.pk, name=name, inputs=inputs, **HOW)


def test_a_comparison_is_saved_changed_copied_deleted_and_had_back(brand):
    row = save(brand, team=4)
    assert (row.inputs["team"], row.inputs["wage_hour"]) == (4, "18")
    again = save_comparison(brand_id=brand.pk, comparison_id=row.pk, name="Winter ", inputs={"team": 5}, **HOW)
    assert (again.pk, again.name, again.inputs["team"]) == (row.pk, "Winter", 5)
    copies = [copy_comparison(comparison_id=row.pk, **HOW) for _time in range(2)]
    assert [copy.name for copy in copies] == ["Winter (copy)", "Winter (copy 2)"]
    assert copies[0].inputs == again.inputs
    for _time in range(2):
        delete_comparison(comparison_id=row.pk, **HOW)
    assert {each.name for each in comparisons(None)} == {"Winter (copy)", "Winter (copy 2)"}
    for _time in range(2):
        restore_comparison(comparison_id=row.pk, **HOW)
    assert comparisons({brand.pk}).count() == 3
    assert comparisons({brand.pk + 1}).count() == 0
    told = Entry.objects.filter(subject_kind="comparison", subject_id=str(row.pk))
    assert sorted(entry.kind for entry in told) == [
        "comparison.deleted", "comparison.restored", "comparison.saved", "comparison.saved",
    ]  # fmt: skip


def test_a_name_is_taken_once_a_brand_and_free_again_when_deleted(brand):
    row = save(brand)
    with pytest.raises(Invalid, match="one of this name"):
        save(brand, "WINTER")
    delete_comparison(comparison_id=row.pk, **HOW)
    save(brand, "WINTER")
    with pytest.raises(Invalid, match="one of this name"):
        restore_comparison(comparison_id=row.pk, **HOW)
    with pytest.raises(NotFound):
        copy_comparison(comparison_id=row.pk, **HOW)


def test_only_managers_may(brand):
    row = save(brand)
    engineer = Actor("person", "1", "Bo", grants=frozenset({(brand.pk, Role.ENGINEER)}))
    how = HOW | {"by": engineer}
    doings = (
        lambda: save_comparison(brand_id=brand.pk, name="x", inputs={}, **how),
        lambda: copy_comparison(comparison_id=row.pk, **how),
        lambda: delete_comparison(comparison_id=row.pk, **how),
        lambda: restore_comparison(comparison_id=row.pk, **how),
        lambda: choose_approach(comparison_id=row.pk, approach="phone", **how),
    )
    for do in doings:
        with pytest.raises(Forbidden):
            do()


def test_what_is_wrong_is_said_of_every_input_and_nothing_is_kept(brand):
    with pytest.raises(Invalid) as refused:
        save(brand, team=0, wage_hour="much", calls="Mon", diverts="x", drums=1, message_way="pigeon", backup="maybe")
    assert {error["field"].removeprefix("inputs.") for error in refused.value.extra["errors"]} == {
        "team", "wage_hour", "calls", "diverts", "drums", "message_way", "backup",
    }  # fmt: skip
    assert not Comparison.objects.exists()


def test_a_choice_is_one_of_the_comparisons_and_goes_with_it(brand):
    row = save(brand, combinations="Both: else bureau")
    with pytest.raises(Invalid, match="none of that name"):
        choose_approach(comparison_id=row.pk, approach="drums", **HOW)
    chosen = choose_approach(comparison_id=row.pk, approach="Both", **HOW)
    assert (chosen.chosen, chosen.chosen_on) == ("Both", AT.date())
    assert choose_approach(comparison_id=row.pk, approach="", **HOW).chosen_on is None
    choose_approach(comparison_id=row.pk, approach="Both", since=date(2026, 10, 1), **HOW)
    changed = save_comparison(brand_id=brand.pk, comparison_id=row.pk, name="Winter", inputs={}, **HOW)
    assert (changed.chosen, changed.chosen_on) == ("", None)


def test_pay_on_record_is_where_a_new_one_begins(brand):
    assert inputs_for(brand) == Inputs()
    save_pay_rates(brand_id=brand.pk, rates={"currency": "EUR", "standby_hour": "3", "call_minimum": 60}, **HOW)
    begun = inputs_for(brand)
    assert (begun.currency, begun.standby_hour, begun.call_hour, begun.call_minimum) == ("EUR", 3, 0, 60)


# --- What is on record ------------------------------------------------------------------------------------------------


def line_of(brand: Brand) -> Line:
    return Line.objects.create(brand=brand, name="Support", numbers=[], shown_number="", pager_number="")


def call(line: Line, came_at: datetime, answered_after: int | None = None, **more: Any) -> Call:
    answered = {} if answered_after is None else {
        "answered_at": came_at + timedelta(seconds=answered_after), "answered_by": "engineer",
    }  # fmt: skip
    ended = {
        "ended_at": came_at + timedelta(minutes=5),
        "ended_as": "abandoned" if answered_after is None else "talked",
    }
    return Call.objects.create(line=line, exchange="test", called="", came_at=came_at, **answered, **ended, **more)


def test_calls_on_record_are_calls_an_hour(brand):
    line = line_of(brand)
    for came in ("2026-11-02T22:10", "2026-11-02T22:20", "2026-11-09T22:59", "2026-11-08T00:30"):
        call(line, datetime.fromisoformat(came).replace(tzinfo=UTC))
    week = read_calls(calls_on_record(line, date(2026, 11, 2), date(2026, 11, 15)))
    assert (week[22], week[6 * 24], sum(week)) == (Decimal("1.5"), Decimal("0.5"), 2)


def test_what_happened_is_held_against_what_was_expected(brand):
    row = save(brand, calls="every day 0-24 0.1", team=2, promised_s=20)
    line, other = line_of(brand), line_of(Brand.objects.create(name="Other", slug="other"))
    bo, al = (Person.objects.create(name=name, zone="Europe/London") for name in ("Bo", "Al"))
    night = datetime(2026, 10, 20, 1, tzinfo=UTC)
    rang = call(line, night, 20)
    Leg.objects.create(call=rang, name="1", to="+44", person=bo, ordered_at=night)
    Leg.objects.create(call=rang, name="2", to="+44", person=bo, ordered_at=night + timedelta(minutes=1))
    call(line, night + timedelta(days=1), 21)
    call(line, night + timedelta(days=2))
    call(line, night.replace(hour=10))  # the desk is there
    call(line, night - timedelta(days=15))  # before the choice
    call(other, night)
    told_at = datetime(2026, 11, 3, 23, 30, tzinfo=UTC)
    message = queue_message(
        kind="page", subject=("page", "7"), title="Down", body="It is down", brand_id=brand.pk,
        to=[Recipient("person", str(al.pk), "sms", "+447700900001", told_at)], **HOW | {"at": told_at},
    )  # fmt: skip
    delivery = Delivery.objects.get(message_id=message.pk)
    Delivery.objects.filter(pk=delivery.pk).update(accepted_at=told_at, state="accepted")
    Attempt.objects.create(
        month=delivery.month, delivery_id=delivery.pk, number=1, route_name="x", at=told_at, took_ms=1,
        outcome="accepted", parts=2, price=Decimal("0.08"), currency="GBP",
    )  # fmt: skip
    assert afterwards(row, AT) == []
    row = choose_approach(comparison_id=row.pk, approach="phone", since=date(2026, 10, 10), **HOW)
    october, november = afterwards(row, AT)
    assert (october.first, october.last) == (date(2026, 10, 10), date(2026, 10, 31))
    assert (november.first, november.last) == (date(2026, 11, 1), date(2026, 11, 19))
    assert (october.calls, october.in_time, october.lost, october.woken) == (3, 1, 1, 0.5)
    assert (october.in_time_share, november.in_time_share) == (pytest.approx(1 / 3), None)
    assert october.calls_expected == Decimal("37.1")  # 118 hours a week, over 22 days
    assert (november.calls, november.woken, dict(november.messages)) == (0, 0.5, {"GBP": Decimal("0.080000")})
    assert october.messages == {}
    assert october.expected.name == "phone"
    assert november.woken_expected == pytest.approx(november.expected.woken * 19 / 30.4375)
    whole = afterwards(row, datetime(2026, 12, 2, 12, tzinfo=UTC))[1]
    assert (whole.last, whole.woken_expected) == (date(2026, 11, 30), whole.expected.woken)
    save_figures(brand_id=brand.pk, off=["woken"], **HOW)
    assert [month.woken for month in afterwards(row, AT)] == [None, None]


def test_only_the_months_of_the_ledger_that_can_hold_it_are_read(brand):
    row = choose_approach(comparison_id=save(brand).pk, approach="phone", since=date(2026, 10, 10), **HOW)
    with CaptureQueriesContext(connection) as read:
        afterwards(row, AT)
    ledger = [one["sql"] for one in read if 'FROM "channels_delivery"' in one["sql"]]
    assert len(ledger) == 4
    assert all('"month" >= ' in sql and '"month" <= ' in sql for sql in ledger)


def test_a_month_that_is_not_over_is_named_by_its_days():
    assert month_of(date(2026, 11, 1), date(2026, 11, 30)) == "November 2026"
    assert month_of(date(2026, 2, 1), date(2026, 2, 28)) == "February 2026"
    assert month_of(date(2026, 11, 1), date(2026, 11, 29)) == "1\u201329 November 2026"
    assert month_of(date(2028, 2, 1), date(2028, 2, 28)) == "1\u201328 February 2028"


def test_a_choice_of_today_has_nothing_to_show_yet(brand):
    row = choose_approach(comparison_id=save(brand).pk, approach="bureau", **HOW)
    assert afterwards(row, AT) == []
    assert len(afterwards(row, AT + timedelta(days=1))) == 1


# --- Plain values -----------------------------------------------------------------------------------------------------


@given(st.data())
def test_inputs_are_read_as_they_were_written(data):
    plain = {}
    for name, kind in KINDS.items():
        if kind is bool and name != "backup":
            plain[name] = data.draw(st.booleans())
        elif kind in (int, Decimal) and name != "shift_rota":
            least, most = limits_of(name)
            plain[name] = data.draw(st.integers(int(least), int(most)))
    read = read_inputs(plain)
    assert read_inputs(as_plain(read)) == read
    assert all(getattr(read, name) == value for name, value in plain.items())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("team", 2.5), ("team", True), ("team", "NaN"), ("wage_hour", "1.23456"), ("wage_hour", -1), ("wage_hour", "Infinity"),
        ("currency", "pounds"), ("number_kind", "a|b"), ("number_kind", ""), ("calls", "x" * 30_000), ("diverts", "\x00"),
        ("day_job", "yes"), ("oncall_percent", 101), ("combinations", None),
    ],
    ids=lambda value: str(value)[:12].replace("\x00", "nul"),
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_its_name(name, value):
    with pytest.raises(BadInputs) as bad:
        read_inputs({name: value})
    assert set(bad.value.errors) == {name}


def test_numbers_that_do_not_go_together_are_refused():
    for plain, name in (({"team": 1, "backup": True}, "backup"), ({"shift_rota": 1, "shift_people": 2}, "shift_rota")):
        with pytest.raises(BadInputs) as bad:
            read_inputs(plain)
        assert set(bad.value.errors) == {name}
    assert read_inputs({}) == DEFAULTS
