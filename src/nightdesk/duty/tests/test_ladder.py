"""Who is asked when nobody takes a turn, whom pages ring meanwhile, and a note as a text: rules that hold for any facts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightdesk.duty import ladder, note
from nightdesk.duty.decide import when_back, who_rings
from nightdesk.duty.ladder import Rung, Standing

AT = datetime(2026, 3, 2, 18, 10, tzinfo=UTC)
IDS = st.integers(1, 6)
SOME = st.lists(IDS, max_size=3, unique=True).map(tuple)
STANDINGS = st.builds(
    Standing,
    holder=st.none() | IDS,
    candidates=SOME,
    backups=SOME,
    managers=SOME,
    team=st.lists(IDS, max_size=6, unique=True).map(tuple),
    refused=st.frozensets(IDS, max_size=2),
    reachable=st.frozensets(IDS),
)


def climb(standing: Standing) -> list[ladder.Asking]:
    """All of the ladder, as the worker climbs it when nobody ever takes it."""
    found: list[ladder.Asking] = []
    after, at = None, AT
    while True:
        asking = ladder.ask(standing, after, at)
        found.append(asking)
        if asking.next_at is None:
            return found
        assert asking.next_at == at + ladder.STEP
        standing = Standing(**{
            name: getattr(standing, name)
            for name in ("holder", "candidates", "backups", "managers", "team", "refused", "reachable")
        }, asked=standing.asked | set(asking.people))  # fmt: skip
        after, at = asking.rung, asking.next_at


@settings(max_examples=100)
@given(STANDINGS)
def test_the_ladder_ends_and_nobody_is_asked_twice_or_asked_to_take_what_they_have(standing: Standing) -> None:
    asked = [one for asking in climb(standing) for one in asking.people]
    assert len(climb(standing)) <= len(Rung)
    assert len(asked) == len(set(asked))
    assert not {standing.holder, *standing.refused} & set(asked)
    assert set(asked) <= standing.reachable


@settings(max_examples=100)
@given(STANDINGS)
# Whose turn it is manages the team too: once they were asked, no rung is left for it.
@example(Standing(holder=1, candidates=(2,), managers=(2,), team=(3,), reachable=frozenset({2, 3})))
def test_the_ladder_always_ends_with_somebody_told(standing: Standing) -> None:
    askings = climb(standing)
    assert askings[0].tell_holder
    assert all(asking.people or asking.tell_holder for asking in askings)
    could = {*standing.candidates, *standing.backups, *standing.managers}
    free = (could & standing.reachable) - {standing.holder, *standing.refused}
    assert free <= {one for asking in askings for one in asking.people}


@settings(max_examples=100)
@given(STANDINGS)
def test_its_rungs_come_in_order_and_a_team_is_asked_only_where_no_manager_can_be(standing: Standing) -> None:
    rungs = [asking.rung for asking in climb(standing)]
    assert rungs == sorted(rungs, key=list(Rung).index)
    last = climb(standing)[-1]
    managers = set(standing.managers) & standing.reachable - {standing.holder, *standing.refused}
    if managers and last.rung is Rung.MANAGER:
        assert set(last.people) <= managers


def test_where_nobody_can_be_reached_the_holder_is_told_and_that_is_the_end() -> None:
    assert climb(Standing(holder=1, candidates=(2,), managers=(3,))) == [ladder.Asking(Rung.MANAGER, (), True, None)]


@settings(max_examples=100)
@given(st.none() | IDS, st.lists(IDS, max_size=4), st.frozensets(IDS))
def test_a_held_seat_rings_somebody_and_nobody_who_is_away_while_another_is_not(
    holder: int | None, behind: list[int], away: frozenset[int]
) -> None:
    rung = who_rings(holder, behind, away)
    assert (rung is None) == (holder is None)
    if holder is not None and holder not in away:
        assert rung == holder
    if rung in away:
        assert rung == holder
        assert set(behind) - {holder} <= away


@pytest.mark.parametrize(
    ("text", "zone", "at", "back"),
    [
        ("18:40", "Europe/London", "2026-03-02T18:10+00:00", "2026-03-02T18:40+00:00"),
        ("1840", "Europe/Berlin", "2026-03-02T17:10+00:00", "2026-03-02T17:40+00:00"),
        ("6", "Europe/London", "2026-03-02T18:10+00:00", "2026-03-03T06:00+00:00"),
        ("18.10", "Europe/London", "2026-03-02T18:10+00:00", "2026-03-03T18:10+00:00"),
        # Clocks in London skip 01:00 to 02:00 on 29 March 2026, and show 01:00 to 02:00 twice on 25 October.
        ("01:30", "Europe/London", "2026-03-29T00:30+00:00", "2026-03-29T01:00+00:00"),
        ("01:30", "Europe/London", "2026-10-25T00:10+00:00", "2026-10-25T00:30+00:00"),
        ("01:30", "Europe/London", "2026-10-25T00:40+00:00", "2026-10-25T01:30+00:00"),
        # Half an hour, in Lord Howe: from 02:00 back to 01:30 on 5 April 2026.
        ("01:45", "Australia/Lord_Howe", "2026-04-04T14:50+00:00", "2026-04-04T15:15+00:00"),
    ],
)
def test_a_time_that_somebody_texts_is_the_next_of_its_kind(text: str, zone: str, at: str, back: str) -> None:
    assert when_back(text, ZoneInfo(zone), datetime.fromisoformat(at)) == datetime.fromisoformat(back)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "18:60", "tomorrow 8", "18:40:10"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert when_back(text, ZoneInfo("Europe/London"), AT) is None


@settings(max_examples=50)
@given(
    st.times().map(lambda time: f"{time.hour}:{time.minute:02}"),
    st.sampled_from(["America/Chicago", "Europe/London", "Australia/Lord_Howe", "Australia/Sydney"]),
    st.integers(0, 365 * 24 * 60 - 1).map(lambda minutes: AT + timedelta(minutes=minutes)),
)
def test_it_is_always_to_come_and_within_a_day(text: str, zone: str, at: datetime) -> None:
    back = when_back(text, ZoneInfo(zone), at)
    assert back is not None
    assert timedelta(0) < back - at <= timedelta(hours=25)


WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(
    lambda text: len(text.split()) == 1 and not text.startswith("#")
)
SECTIONS = st.lists(
    st.builds(
        note.Section,
        key=st.sampled_from("abc"),
        title=WORDS,
        lines=st.lists(st.builds(note.Line, key=WORDS, text=WORDS), min_size=1, max_size=3).map(tuple),
    ),
    max_size=3,
)


@settings(max_examples=50)
@given(SECTIONS)
def test_a_note_as_a_text_reads_back_as_the_note(sections: list[note.Section]) -> None:
    told = [(section.title, [line.text for line in section.lines]) for section in sections]
    assert note.read_text(note.as_text(sections, str)) == told


def test_a_long_section_says_how_much_it_does_not_show_and_a_left_out_line_is_gone() -> None:
    lines = tuple(note.Line(str(number), f"line {number}") for number in range(40))
    (kept,) = note.put_together([note.Section("pages", "Pages", lines), note.Section("none", "Nothing")], {"pages/0"})
    assert (kept.lines[0].text, len(kept.lines), kept.more) == ("line 1", note.LINES_SHOWN, 9)
    assert note.counted([kept]) == "Pages: 39"
