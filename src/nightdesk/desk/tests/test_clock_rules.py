from datetime import timedelta

import pytest

from nightdesk.base.refusals import Invalid
from nightdesk.customers.priority import Priority
from nightdesk.desk.clock import PAUSES, UPDATE_EVERY, ClockRules, Warn, Which
from nightdesk.desk.clock_rules import clock_rules_from
from nightdesk.desk.decide import PendingReason


def test_what_is_not_said_is_as_usual():
    rules = clock_rules_from({})
    assert (dict(rules.pauses), dict(rules.update_every), rules.warn) == (PAUSES, UPDATE_EVERY, ClockRules().warn)


def test_what_is_said_holds_and_an_empty_time_owes_no_news():
    rules = clock_rules_from(
        {
            "update_every": {"P1": "PT30M", "P4": ""},
            "pauses": {"fix": ["awaiting_caller", "awaiting_supplier"], "update": []},
            "warn": {"percent": 80, "lead": "PT1H"},
        }
    )
    assert rules.update_every[Priority.P1].duration == timedelta(minutes=30)
    assert rules.update_every[Priority.P2] == UPDATE_EVERY[Priority.P2]
    assert Priority.P4 not in rules.update_every
    assert rules.pauses[Which.FIX] == {PendingReason.AWAITING_CALLER, PendingReason.AWAITING_SUPPLIER}
    assert rules.pauses[Which.UPDATE] == frozenset()
    assert rules.warn == Warn(80, timedelta(hours=1))


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"every": {}},
        {"update_every": []},
        {"update_every": {"P9": "PT1H"}},
        {"update_every": {"P1": "an hour"}},
        {"pauses": {"fix": "awaiting_caller"}},
        {"pauses": {"fix": ["awaiting_lunch"]}},
        {"pauses": {"answer": []}},
        {"warn": {"percent": 100}},
        {"warn": {"percent": "75"}},
        {"warn": {"lead": "PT0M"}},
        {"warn": 75},
    ],
)
def test_what_means_nothing_is_refused_with_what_to_do(wrong):
    with pytest.raises(Invalid) as refused:
        clock_rules_from(wrong)
    assert refused.value.do
