"""What fits, and what fits best."""

import re

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.knowledge.fitting import Asked, Written, closeness, fits_part, names_nothing
from nightdesk.knowledge.folding import as_query, folded

SERVICES = st.frozensets(st.integers(1, 3), max_size=2)
CALLS = st.frozensets(st.sampled_from(["alarm", "call", "request"]), max_size=2)
PARTS = st.sampled_from(["", "sw2*", "sw2", "core-1", "*-1"])
WRITTEN = st.builds(Written, SERVICES, CALLS, PARTS)
ASKED = st.builds(
    Asked,
    st.one_of(st.none(), st.integers(1, 3)),
    st.frozensets(st.sampled_from(["alarm", "call"])),
    st.sampled_from(["", "SW2", "core-1"]),
)


@given(WRITTEN, ASKED)
def test_it_fits_where_everything_that_it_names_is_asked_for(written: Written, asked: Asked) -> None:
    fits = (
        (not written.services or asked.service in written.services)
        and (not written.calls or not asked.calls or any(one in written.calls for one in asked.calls))
        and (not written.part or fits_part(written.part, asked.part))
    )
    assert (closeness(written, asked) is not None) == fits


@given(WRITTEN, ASKED)
def test_naming_less_never_fits_better(written: Written, asked: Asked) -> None:
    how = closeness(written, asked)
    for vaguer in (
        Written(frozenset(), written.calls, written.part),
        Written(written.services, frozenset(), written.part),
        Written(written.services, written.calls, ""),
    ):
        other = closeness(vaguer, asked)
        if how is not None:
            assert other is not None
            assert other <= how


def test_a_part_is_known_whatever_its_case_and_a_star_stands_for_anything() -> None:
    assert fits_part("sw2*", "SW21")
    assert not fits_part("sw2", "sw21")
    assert not fits_part("sw2*", "")
    assert fits_part("port[1]", "PORT[1]")
    assert [each for each in ("*", "**", " * ", "?", "sw*", "") if names_nothing(each)] == ["*", "**", " * ", "?"]


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once_and_a_query_holds_only_words(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    query = as_query(text)
    assert all(re.fullmatch(r"\w{1,60}:\*", part) for part in query.split(" & ") if query)


def test_accents_and_case_are_no_matter() -> None:
    assert folded("Straße, CAFÉ Ångström") == "strasse, cafe angstrom"
    assert as_query("CAFÉ & 'sw2' | !x") == "cafe:* & sw2:* & x:*"
