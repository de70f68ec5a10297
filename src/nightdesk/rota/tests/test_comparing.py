"""Two rotas held against each other: nothing is missed, nothing is told that does not change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.rota.comparing import Change, Held, by_person, changes

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@st.composite
def rotas(draw: st.DrawFn) -> list[Held]:
    """One or two seats over a day, each cut somewhere, each piece somebody's or nobody's."""
    found = []
    for seat in draw(st.sets(st.sampled_from(["a", "b"]))):
        cuts = sorted(draw(st.sets(st.integers(0, 24), max_size=6)))
        for first, last in pairwise(cuts):
            who = draw(st.one_of(st.none(), st.integers(1, 3)))
            member = None if who is None else ("person", who)
            found.append(Held(seat, START + first * HOUR, START + last * HOUR, member))
    return found


def who(rows: list[Held], seat: str, at: datetime) -> object:
    return next((row.who for row in rows if row.seat == seat and row.start <= at < row.end), None)


@settings(max_examples=100)
@given(rotas(), rotas())
def test_a_change_stands_where_the_two_differ_and_nowhere_else(before: list[Held], after: list[Held]) -> None:
    found = changes(before, after)
    for seat in ("a", "b"):
        for hour in range(24):
            at = START + hour * HOUR
            told = [one for one in found if one.seat == seat and one.start <= at < one.end]
            was, now = who(before, seat, at), who(after, seat, at)
            assert [(one.was, one.now) for one in told] == ([] if was == now else [(was, now)])


@settings(max_examples=50)
@given(rotas())
def test_a_rota_does_not_differ_from_itself(rota: list[Held]) -> None:
    assert changes(rota, rota) == []


def test_what_one_loses_another_gets() -> None:
    change = Change("a", START, START + 12 * HOUR, ("person", 1), ("person", 2))
    found = by_person([change])
    assert (found[1].hours(), found[2].hours()) == (-12, 12)
    assert (found[1].loses, found[2].gets) == ([change], [change])
