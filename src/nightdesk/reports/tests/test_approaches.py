"""What approaches cost and answer: by hand on small cases, what follows from what, and the law."""

import itertools
import math
from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports import erlang
from nightdesk.reports.approaches import WEEKS, Approach, Case, Charged, Inputs
from nightdesk.reports.diverts import BadDivert, DivertPrice, Target, divert_price
from nightdesk.reports.implied_rota import Group, Verdict, held_against_law, people_on_shift
from nightdesk.reports.message_prices import Way
from nightdesk.reports.week import BadLine
from nightdesk.rota import law
from nightdesk.rota.law import EU, GB, Rule, Severity

MONDAY = date(2026, 1, 5)
NOTHING = Inputs(
    **{
        each.name: Decimal(0)
        for each in fields(Inputs)
        if isinstance(each.default, Decimal) and not each.name.endswith(("percent", "hours"))
    },
    diverts="",
)
"""Nothing costs anything."""
ONE_HOUR = replace(NOTHING, calls="Mon 20-21 4", covered="Mon-Fri 08-18")


def outcome(inputs, name):
    return next(each for each in Case(inputs).outcomes if each.name == name)


def cost_lines(inputs, name):
    return {each.what: (each.how_many, each.price, each.amount) for each in outcome(inputs, name).lines}


def test_nobody_there_answers_nobody_and_costs_nothing():
    none, letters = outcome(ONE_HOUR, "none"), outcome(replace(ONE_HOUR, email_month=Decimal(3)), "email")
    assert (none.in_time_share, none.lost_share, none.woken, none.cost) == (0, 1, 0, 0)
    assert (letters.in_time_share, letters.cost) == (0, 3)
    assert none.calls == (4 * WEEKS).quantize(Decimal("0.01"))


def test_hours_that_are_covered_are_left_out():
    assert outcome(replace(ONE_HOUR, covered="every day 0-24"), "phone").calls == 0
    assert outcome(replace(ONE_HOUR, covered="every day 0-24"), "phone").in_time_share is None
    assert outcome(replace(ONE_HOUR, covered="every day 0-24"), "shift").cost == 0


def test_a_shift_is_erlang_a_and_c_times_what_is_picked_up():
    inputs = replace(ONE_HOUR, shift_percent=Decimal(90), shift_after_s=5, promised_s=30)
    rate = 4 / 3600 * 0.9
    a, c = erlang.answered(2, rate, 300, 25, 120), erlang.answered(2, rate, 300, 25)
    stays = 0.9 * math.exp(-5 / 120)
    found = outcome(inputs, "shift")
    assert found.in_time_share == pytest.approx(stays * a.within)
    assert found.lost_share == pytest.approx(1 - stays * (1 - a.lost))
    assert found.endless_share == pytest.approx(0.9 * c.within)
    assert found.woken == 0


def test_a_shift_costs_its_hours_away_and_employer():
    inputs = replace(
        ONE_HOUR, wage_hour=Decimal(20), away_percent=Decimal(10), employer_percent=Decimal(25), shift_people=2
    )
    hours = ((168 - 50) * WEEKS * 2).quantize(Decimal("0.01"))
    wages = (hours * 20).quantize(Decimal("0.01"))
    away = (wages * Decimal("0.1")).quantize(Decimal("0.01"))
    assert cost_lines(inputs, "shift") == {
        "wages": (hours, 20, wages),
        "away": (wages, Decimal("0.1"), away),
        "employer": (wages + away, Decimal("0.25"), pytest.approx((wages + away) / 4, abs=Decimal("0.01"))),
    }


def test_a_bureau_passes_on_what_is_urgent_to_one_or_to_all():
    inputs = replace(
        ONE_HOUR, calls="every day 23-07 0.1", bureau_percent=Decimal(100), bureau_after_s=0, patience_s=0, team=6,
        urgent_percent=Decimal(50), message_way=Way.TEXT, text_message=Decimal("0.10"), bureau_seats=50,
    )  # fmt: skip
    one, every = outcome(inputs, "bureau"), outcome(replace(inputs, to_everybody=True), "bureau")
    messages = float(one.calls) / 2
    assert {each.what: float(each.how_many) for each in one.lines} == {"texts": pytest.approx(messages, abs=0.01)}
    assert {each.what: float(each.how_many) for each in every.lines} == {"texts": pytest.approx(messages * 6, abs=0.04)}
    # A night of seven hours (23 to 06) with 0.05 wakes an hour: one of six, or each of six.
    a_night = 1 - math.exp(-7 * 0.05)
    assert one.woken == pytest.approx(a_night * 7 * float(WEEKS) / 6)
    assert every.woken == pytest.approx(a_night * 7 * float(WEEKS))


def test_the_second_is_rung_when_the_first_sleeps():
    inputs = replace(
        ONE_HOUR, oncall_percent=Decimal(80), oncall_after_s=10, next_after_s=25, promised_s=60, patience_s=0
    )
    alone, both = outcome(inputs, "phone"), outcome(replace(inputs, backup=True), "phone")
    assert (alone.lost_share, both.lost_share) == (pytest.approx(0.2), pytest.approx(0.04))
    assert both.in_time_share > alone.in_time_share
    late = outcome(replace(inputs, backup=True, promised_s=30), "phone")
    assert late.in_time_share < both.in_time_share


def test_an_on_call_phone_costs_standing_by_call_outs_and_the_divert():
    inputs = replace(
        ONE_HOUR, phone_month=Decimal(15), standby_hour=Decimal(2), call_hour=Decimal(40), call_minimum=30, patience_s=0,
        oncall_percent=Decimal(100), number_kind="070", diverts="070 | mobile | 0.35 | 0.10\n070 | pager | 0",
    )  # fmt: skip
    calls = (4 * WEEKS).quantize(Decimal("0.01"))
    lines = cost_lines(inputs, "phone")
    assert lines["standby"][:2] == ((118 * WEEKS).quantize(Decimal("0.01")), 2)
    assert lines["call_outs"][0] == (2 * WEEKS).quantize(Decimal("0.01"))  # half an hour each
    assert lines["divert_calls"] == (calls, Decimal("0.10"), (calls / 10).quantize(Decimal("0.01")))
    assert lines["divert_minutes"][0] == (20 * WEEKS).quantize(Decimal("0.01"))
    assert "divert_minutes" not in cost_lines(inputs, "bureau")  # diverted to the pager: who rings pays


@pytest.mark.parametrize(
    ("by", "what", "many"), [(Charged.CALL, "outsourced_calls", 1), (Charged.TICKET, "outsourced_tickets", 0.8)]
)
def test_an_outsourced_desk_is_paid_by_call_or_ticket_or_flat(by, what, many):
    inputs = replace(
        ONE_HOUR, outsource_by=by, outsource_month=Decimal(100), outsource_call=Decimal(5), outsource_ticket=Decimal(7),
        escalated_percent=Decimal(0), patience_s=0, outsource_percent=Decimal(100),
    )  # fmt: skip
    lines = cost_lines(inputs, "outsourced")
    assert set(lines) == {"outsourced", what}
    assert float(lines[what][0]) == pytest.approx(4 * float(WEEKS) * many, abs=0.01)
    assert set(cost_lines(replace(inputs, outsource_by=Charged.FLAT), "outsourced")) == {"outsourced"}


def test_a_combination_is_its_parts_and_pays_each_subscription_once():
    inputs = replace(
        Inputs(),
        combinations="All bureau: else bureau\nHalf: every day 18-23 bureau; else outsourced",
        patience_s=0,
    )
    bureau, same = outcome(inputs, "bureau"), outcome(inputs, "All bureau")
    assert replace(same, name="bureau") == bureau
    half = {each.what: each for each in outcome(inputs, "Half").lines}
    assert half["pagers"].how_many == inputs.team
    assert half["standby"].how_many == {each.what: each for each in bureau.lines}["standby"].how_many
    assert {"bureau", "outsourced"} <= set(half)


VARIED = st.builds(
    replace,
    st.just(Inputs()),
    calls=st.floats(0, 20).map(lambda calls: f"every day 0-24 {calls:.2f}"),
    patience_s=st.sampled_from([0, 30, 300]),
    promised_s=st.integers(0, 120),
    team=st.integers(1, 8),
    backup=st.booleans(),
    to_everybody=st.booleans(),
    message_way=st.sampled_from(Way),
    outsource_by=st.sampled_from(Charged),
    combinations=st.sampled_from(["", "Mixed: every day 18-23 shift; Sat 10-12 email; else bureau"]),
)


@given(VARIED)
def test_outcomes_are_shares_and_sums(inputs):
    for each in Case(inputs).outcomes:
        assert each.cost == sum((line.amount for line in each.lines), Decimal(0))
        assert all(
            line.amount == (line.how_many * line.price).quantize(Decimal("0.01"), "ROUND_HALF_UP")
            for line in each.lines
        )
        assert 0 <= each.woken <= 31
        if each.in_time_share is not None:
            assert -1e-9 <= each.in_time_share <= 1 + 1e-9
            assert each.in_time_share + each.lost_share <= 1 + 1e-9


@given(VARIED, st.integers(1, 60))
def test_a_longer_promise_is_kept_more_often_and_costs_the_same(inputs, more):
    later = Case(replace(inputs, promised_s=inputs.promised_s + more)).outcomes
    for now, then in zip(Case(inputs).outcomes, later, strict=True):
        assert then.cost == now.cost
        assert (then.in_time_share or 0) >= (now.in_time_share or 0) - 1e-9


def test_people_needed_are_told_with_and_without_patience():
    needed = Case(replace(Inputs(), calls="Sat 10-11 300", promised_s=20, target_percent=Decimal(80))).needed
    assert needed.calls == 300
    assert needed.with_patience is not None
    assert needed.endless is not None
    assert needed.with_patience < needed.endless
    rate = 300 / 3600 * 0.98
    assert erlang.answered(needed.endless, rate, 300, 15).within * 0.98 >= 0.8
    assert erlang.answered(needed.endless - 1, rate, 300, 15).within * 0.98 < 0.8
    assert Case(replace(Inputs(), target_percent=Decimal(100))).needed.endless is None


@pytest.mark.parametrize(
    ("change", "error"),
    [({"calls": "x"}, BadLine), ({"covered": "x"}, BadLine), ({"combinations": "x"}, BadLine), ({"diverts": "x"}, BadDivert)],
    ids=itertools.chain(["calls", "covered", "combinations", "diverts"]),
)  # fmt: skip
def test_what_cannot_be_read_makes_no_case(change, error):
    with pytest.raises(error):
        Case(replace(Inputs(), **change))


def test_the_price_list_of_diverts():
    text = "070 | Mobile | 0.35 | 0.10\n\n070 | pager | 0\n0800|landline|0.02"
    assert divert_price(text, " 070 ", Target.MOBILE) == DivertPrice(Decimal("0.10"), Decimal("0.35"))
    assert divert_price(text, "0800", Target.MOBILE) == DivertPrice()
    for bad in ("070 | moon | 1", "070 | mobile", "070 | mobile | dear", "070 | mobile | -1", "070 | mobile | NaN"):
        with pytest.raises(BadDivert, match="Line 1"):
            divert_price(bad, "070", Target.MOBILE)


# --- The law ----------------------------------------------------------------------------------------------------------


def held(inputs, name, pack=GB):
    case = Case(inputs)
    return {each.group: each for each in held_against_law(case, case.weeks[name], MONDAY, "Europe/London", pack)}


def test_nobody_has_to_be_there_for_nothing():
    assert held(Inputs(), "none") == held(Inputs(), "email") == {}


def test_a_quiet_team_on_call_keeps_the_law_and_a_busy_one_is_owed_rest():
    quiet = replace(Inputs(), calls="Sat 20-21 0.01")
    assert held(quiet, "phone")[Group.ON_CALL].verdict is Verdict.KEPT
    busy = held(replace(Inputs(), calls="every day 02-03 0.9"), "phone")[Group.ON_CALL]
    assert busy.verdict is Verdict.OWED
    assert (Rule.DAILY_REST, Severity.OWED) in {(finding.rule, finding.severity) for finding, _count in busy.findings}


def test_the_law_is_held_against_as_many_calls_as_can_be_typed():
    flood = replace(Inputs(), calls="every day 0-24 2000")
    case = Case(flood)
    spans = []
    checked = law.check

    def check(worker, theirs, start, end):
        spans.extend(theirs)
        return checked(worker, theirs, start, end)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(law, "check", check)
        (held,) = held_against_law(case, case.weeks["phone"], MONDAY, "Europe/London", GB)
    calls = [span for span in spans if span.key == "call"]
    assert len(calls) <= 17 * 168
    assert {span.end - span.start for span in calls} == {timedelta(hours=1)}
    assert held.verdict is Verdict.BREAKS


def test_calls_of_one_hour_are_worked_one_after_the_other():
    inputs = replace(Inputs(), handling_s=600)
    with_one, with_four, with_nine = (
        _rest_owed(held(replace(inputs, calls=f"every day 02-03 {calls}"), "phone")) for calls in (1, 4, 9)
    )
    assert with_one < with_four < with_nine == _rest_owed(held(replace(inputs, calls="every day 02-03 20"), "phone"))


def _rest_owed(found):
    return max(finding.owed for finding, _count in found[Group.ON_CALL].findings if finding.rule is Rule.DAILY_REST)


def test_a_shift_of_too_few_breaks_the_week_and_of_enough_does_not():
    inputs = replace(Inputs(), covered="")
    few = held(replace(inputs, shift_rota=4), "shift")[Group.SHIFT]
    assert few.verdict is Verdict.BREAKS
    rules = {finding.rule: finding for finding, _count in few.findings if finding.severity is Severity.BLOCK}
    assert rules[Rule.WEEK_AVERAGE].is_so >= 84 * 60
    enough = held(inputs, "shift")[Group.SHIFT]
    assert enough.people == people_on_shift(Case(inputs), Case(inputs).weeks["shift"]) == 12
    assert enough.verdict is Verdict.KEPT


def test_what_is_not_known_is_said_to_be_unknown():
    assert held(replace(Inputs(), weekly_hours=Decimal(0)), "shift")[Group.SHIFT].verdict is Verdict.UNKNOWN
    quick = held(replace(Inputs(), calls="", response_minutes=5, fixed_place=True), "phone")[Group.ON_CALL]
    assert (quick.verdict, quick.doubts) == (Verdict.UNKNOWN, ("response", "place"))
    outsourced = held(replace(Inputs(), escalated_percent=Decimal(0)), "outsourced", EU)
    assert {group: each.verdict for group, each in outsourced.items()} == {Group.THEIRS: Verdict.UNKNOWN}


def test_each_approach_by_itself_has_its_own_people():
    groups = {each.value: set(held(Inputs(), each.value)) for each in Approach}
    assert groups["bureau"] == groups["outsourced"] == {Group.ON_CALL, Group.THEIRS}
    assert (groups["phone"], groups["shift"]) == ({Group.ON_CALL}, {Group.SHIFT})
