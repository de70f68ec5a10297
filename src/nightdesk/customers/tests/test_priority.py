import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.customers.priority import (
    ITIL_TABLE,
    BadPriorityTable,
    Impact,
    Priority,
    Urgency,
    priority_of,
    table_with,
)


@pytest.mark.parametrize(
    ("impact", "expected"),
    [(Impact.HIGH, ["P1", "P2", "P3"]), (Impact.MEDIUM, ["P2", "P3", "P4"]), (Impact.LOW, ["P3", "P4", "P5"])],
)
def test_the_default_is_the_itil_table(impact, expected):
    assert [priority_of(impact, urgency) for urgency in Urgency] == expected


def test_a_brand_changes_single_cells_and_the_default_stays_as_it_was():
    table = table_with({"low": {"low": "P4"}})
    assert priority_of(Impact.LOW, Urgency.LOW, table) is Priority.P4
    assert priority_of(Impact.HIGH, Urgency.HIGH, table) is Priority.P1
    assert priority_of(Impact.LOW, Urgency.LOW) is Priority.P5


def test_a_table_in_which_more_harm_is_less_pressing_is_refused_with_both_cells():
    with pytest.raises(BadPriorityTable, match=r"P5 was given for impact high, urgency low\..*Impact medium.*P4"):
        table_with({"high": {"low": "P5"}})


@pytest.mark.parametrize("changes", [{"huge": {"low": "P1"}}, {"low": {"soon": "P1"}}, {"low": {"low": "P6"}}])
def test_a_word_that_is_none_of_ours_is_refused(changes):
    with pytest.raises(BadPriorityTable, match="not known"):
        table_with(changes)


levels = st.sampled_from(["high", "medium", "low"])
tables = st.dictionaries(levels, st.dictionaries(levels, st.sampled_from([str(priority) for priority in Priority])))


@settings(max_examples=60, deadline=None)
@given(tables)
def test_an_accepted_table_is_whole_and_never_less_pressing_for_more(changes):
    try:
        table = table_with(changes)
    except BadPriorityTable:
        return
    assert table.keys() == ITIL_TABLE.keys()
    impacts, urgencies = list(Impact), list(Urgency)
    for (impact, urgency), priority in table.items():
        for other_impact in impacts[: impacts.index(impact) + 1]:
            for other_urgency in urgencies[: urgencies.index(urgency) + 1]:
                assert table[other_impact, other_urgency] <= priority
