"""A night cut into shifts: nothing is lost, nothing twice, and no person's words are folded away."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.journal.weave import FOLDED_FROM, fold, shifts

START = datetime(2026, 3, 3, 12, tzinfo=UTC)
END = START + timedelta(hours=24)


@dataclass(frozen=True)
class Said:
    at: datetime
    kind: str
    by: tuple[str, str]
    number: int


minutes = st.integers(-60, 25 * 60)
said = st.lists(
    st.tuples(minutes, st.sampled_from("ab"), st.sampled_from(["person", "machine", "scheduler"])), max_size=30
)


def lines_of(given_: list[tuple[int, str, str]]) -> list[Said]:
    return [Said(START + timedelta(minutes=m), k, (by, "1"), n) for n, (m, k, by) in enumerate(given_)]


@given(said, st.lists(minutes, max_size=5))
def test_every_line_of_the_night_stands_once_in_its_shift(given_: list[tuple[int, str, str]], cuts: list[int]) -> None:
    lines = lines_of(given_)
    found = shifts(lines, START, END, [START + timedelta(minutes=m) for m in cuts])
    assert [found[0].start, found[-1].end] == [START, END]
    assert all(one.end == after.start for one, after in pairwise(found))
    told = [(line, shift) for shift in found for strand in shift.strands for line in strand.lines]
    assert sorted(line.number for line, _shift in told) == [line.number for line in lines if START <= line.at < END]
    assert all(shift.start <= line.at < shift.end for line, shift in told)
    assert [line.at for line, _shift in told] == sorted(line.at for line, _shift in told)


@given(said)
def test_only_many_rows_of_machines_of_one_kind_are_folded(given_: list[tuple[int, str, str]]) -> None:
    lines = lines_of(given_)
    strands = fold(lines)
    assert [line for strand in strands for line in strand.lines] == lines
    for strand in strands:
        if strand.folded:
            assert len(strand.lines) >= FOLDED_FROM
            assert len({line.kind for line in strand.lines}) == 1
            assert all(line.by[0] != "person" for line in strand.lines)
