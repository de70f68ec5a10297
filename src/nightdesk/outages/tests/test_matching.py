"""Which circuit a carrier means, and which of two notes is newer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages.maintnote import Maintnote, NoteObject, Status
from nightdesk.outages.matching import Known, folded, is_newer, match_objects, names_of

AT = datetime(2026, 12, 1, tzinfo=UTC)


def matched(ref: str, known: list[Known], *names: str, provider: str = "arelion.com") -> tuple[int, ...]:
    note = Maintnote(provider=provider, objects=(NoteObject(ref),))
    (match,) = match_objects(note, names, known)
    return match.parts


@pytest.mark.parametrize("ref", ["IC-111111", "ic 111111", "IC111111", " Ic.111-111 "])
@pytest.mark.parametrize("provider", ["Arelion", "ARELION.COM", "Arelion AB"])
def test_case_blanks_and_signs_do_not_matter(ref: str, provider: str) -> None:
    assert matched(ref, [Known(7, provider, "ic-111111")]) == (7,)


def test_another_carriers_circuit_of_the_same_number_is_not_meant() -> None:
    known = [Known(1, "Zayo", "IC-111111"), Known(2, "Arelion", "IC-111111")]
    assert matched("IC-111111", known) == (2,)
    assert matched("IC-111111", known[:1]) == ()


def test_a_carrier_is_known_by_its_other_names() -> None:
    assert matched("X-1", [Known(1, "Telia Carrier", "X1")], "Arelion", "Telia Carrier") == (1,)


def test_a_long_number_without_a_carrier_is_meant_and_a_short_one_is_not() -> None:
    assert matched("IC-111111", [Known(1, "", "IC 111111")]) == (1,)
    assert matched("12", [Known(1, "", "12")]) == ()


def test_several_that_cannot_be_told_apart_are_all_given() -> None:
    assert matched("A-1", [Known(1, "Arelion", "A1"), Known(2, "arelion", "a 1")]) == (1, 2)


@given(st.text(max_size=30), st.text(" -./_#", max_size=4))
def test_signs_put_in_change_nothing(ref: str, signs: str) -> None:
    assert folded(ref + signs) == folded(ref) == folded(signs + ref.upper().lower()) or ref != ref.upper().lower()


@given(st.text(max_size=40))
def test_no_name_makes_it_fail(name: str) -> None:
    assert all(one for one in names_of(name))


NOTE = Maintnote(sequence=3, stamped_at=AT, status=Status.CONFIRMED, starts_at=AT, ends_at=AT + timedelta(hours=1))


def newer(**changes: object) -> bool:
    return is_newer(replace(NOTE, **changes), 3, AT, "CONFIRMED", AT, AT + timedelta(hours=1))  # type: ignore[arg-type]


def test_the_number_counts_first() -> None:
    assert newer(sequence=4, stamped_at=AT - timedelta(days=1))
    assert not newer(sequence=2, stamped_at=AT + timedelta(days=1))


def test_of_one_number_the_instant_counts_and_then_what_is_said() -> None:
    assert newer(stamped_at=AT + timedelta(minutes=1))
    assert not newer(stamped_at=AT - timedelta(minutes=1), status=Status.CANCELLED)
    # The standard's own examples: opened and cancelled by the same number, at the same instant.
    assert newer(status=Status.CANCELLED)
    assert not newer()


def test_without_numbers_the_instant_counts() -> None:
    assert newer(sequence=None, stamped_at=AT + timedelta(minutes=1))
    assert not newer(sequence=None, stamped_at=None)
