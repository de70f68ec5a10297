"""Scripts in a small world: three weeks, whole hours, three scripts, so that edges meet."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.calls import scripts
from nightdesk.calls.scripts import Account, Answer, Live, Rung, Step, When

MONDAY = datetime(2026, 3, 23, tzinfo=UTC)  # a week before the clocks change in London
LONDON = "Europe/London"
instants = st.integers(0, 21 * 24).map(lambda hours: MONDAY + timedelta(hours=hours))
days = st.none() | st.integers(0, 21).map(lambda day: MONDAY.date() + timedelta(days=day))
clocks = st.integers(0, 23).map(time)


@st.composite
def whens(draw: Any) -> When:
    first, last = draw(days), draw(days)
    if first and last and last < first:
        first, last = last, first
    return When(draw(st.frozensets(st.integers(0, 6), min_size=1)), draw(clocks), draw(clocks), first, last)


lives = st.builds(
    Live,
    script_id=st.integers(1, 3),
    number=st.integers(1, 4),
    when=whens(),
    starts_at=instants,
)
versions = st.lists(lives, max_size=8, unique_by=lambda one: (one.script_id, one.number))


@given(versions, instants)
def test_what_is_read_holds_has_begun_and_nothing_more_specific_does(known: list[Live], at: datetime) -> None:
    chosen = scripts.script_at(known, at, LONDON)
    local = at.astimezone(ZoneInfo(LONDON))
    begun = [one for one in known if one.starts_at <= at]
    current = [
        one
        for one in begun
        if (one.starts_at, one.number)
        == max((other.starts_at, other.number) for other in begun if other.script_id == one.script_id)
    ]
    holding = [one for one in current if one.when.holds(local)]
    assert (chosen in holding) if holding else chosen is None
    if chosen is not None:
        for other in holding:
            if other.when.days is not None and chosen.when.days is not None:
                assert chosen.when.days <= other.when.days
            elif other.when.days is not None:
                assert chosen.when.days is not None


@given(versions, instants, st.randoms())
def test_the_order_in_which_they_were_saved_says_nothing(known: list[Live], at: datetime, dice: Any) -> None:
    shuffled = list(known)
    dice.shuffle(shuffled)
    assert scripts.script_at(shuffled, at, LONDON) == scripts.script_at(known, at, LONDON)


@given(versions, instants)
def test_with_a_script_for_every_hour_an_operator_is_never_without_words(known: list[Live], at: datetime) -> None:
    always = Live(9, 1, When(), MONDAY)
    assert scripts.script_at([*known, always], at, LONDON) is not None


@given(versions, instants, lives)
def test_what_begins_later_changes_nothing_before(known: list[Live], at: datetime, later: Live) -> None:
    future = Live(later.script_id, 99, later.when, at + timedelta(hours=1))
    assert scripts.script_at([*known, future], at, LONDON) == scripts.script_at(known, at, LONDON)


@given(whens(), instants)
def test_a_week_has_the_minutes_that_its_specificity_says(when: When, at: datetime) -> None:
    endless = When(when.weekdays, when.opens, when.closes)
    start = at.astimezone(UTC)
    held = sum(endless.holds(start + timedelta(hours=hour)) for hour in range(7 * 24))
    assert held * 60 == len(endless.weekdays) * endless.minutes_a_day


@given(whens())
def test_times_survive_their_column(when: When) -> None:
    assert scripts.when_from(when.as_json()) == when


def test_night_hours_belong_to_the_evening_on_which_they_begin() -> None:
    friday_night = When(frozenset({4}), time(18), time(8))
    friday = MONDAY + timedelta(days=4)  # 27 March 2026
    evening = [friday + timedelta(hours=17, minutes=59), friday + timedelta(hours=18), friday + timedelta(hours=31)]
    assert [friday_night.holds(each) for each in evening] == [False, True, True]
    assert not friday_night.holds(friday + timedelta(hours=32))
    assert not friday_night.holds(friday + timedelta(hours=3))


def test_the_most_specific_wins() -> None:
    always = Live(1, 1, When(), MONDAY)
    nights = Live(2, 1, When(opens=time(18), closes=time(8)), MONDAY)
    easter = Live(3, 1, When(first_day=date(2026, 4, 3), last_day=date(2026, 4, 6)), MONDAY)
    known = [always, nights, easter]
    said = [
        scripts.script_at(known, datetime(2026, 3, 24, 12, tzinfo=UTC), LONDON),
        scripts.script_at(known, datetime(2026, 3, 24, 20, tzinfo=UTC), LONDON),
        scripts.script_at(known, datetime(2026, 4, 4, 20, tzinfo=UTC), LONDON),
    ]
    assert said == [always, nights, easter]


# --- Steps -----------------------------------------------------------------------------------------------------------

keys = st.sampled_from(["a", "b", "c", "d", "e"])


@st.composite
def step_lists(draw: Any) -> tuple[Step, ...]:
    made: list[Step] = []
    for key in draw(st.lists(keys, unique=True, max_size=5)):
        hangs_on = draw(st.none() | st.sampled_from([one.key for one in made])) if made else None
        made.append(
            Step(
                key,
                draw(st.sampled_from(scripts.KINDS)),
                key.upper(),
                required=draw(st.booleans()),
                choices=("x", "y"),
                only_if=(hangs_on, draw(st.sampled_from("xy"))) if hangs_on else None,
            )
        )
    return tuple(made)


answers = st.builds(Answer, st.sampled_from(["", "x", "y", "urgent"]), st.booleans(), st.booleans())


@given(step_lists(), st.dictionaries(keys, answers))
def test_the_next_step_is_the_first_that_is_not_done_and_at_the_end_nothing_is_missing(
    steps: tuple[Step, ...], known: dict[str, Answer]
) -> None:
    coming = scripts.asked(steps, known)
    following = scripts.next_step(steps, known)
    undone = [step for step in coming if not scripts.is_done(step, known.get(step.key))]
    assert following == (undone[0] if undone else None)
    if following is None:
        assert scripts.missing(steps, known) == []


@given(step_lists(), st.lists(st.sampled_from("xy"), min_size=5, max_size=5))
def test_whoever_answers_what_is_asked_comes_to_an_end(steps: tuple[Step, ...], said: list[str]) -> None:
    known: dict[str, Answer] = {}
    for value in said:
        step = scripts.next_step(steps, known)
        if step is None:
            break
        known[step.key] = Answer(value, sure=True)
    assert scripts.next_step(steps, known) is None


@given(step_lists(), st.dictionaries(keys, answers))
def test_a_message_is_never_kept_without_a_number_that_was_read_back(
    steps: tuple[Step, ...], known: dict[str, Answer]
) -> None:
    left = scripts.missing(steps, known)
    for step in scripts.asked(steps, known):
        if step.kind == "number" and step.required and step not in left:
            assert known[step.key].sure
            assert known[step.key].value


@given(step_lists())
def test_steps_survive_their_column(steps: tuple[Step, ...]) -> None:
    assert scripts.steps_from([step.as_json() for step in steps]) == steps


@given(step_lists())
def test_steps_survive_being_written_one_a_line(steps: tuple[Step, ...]) -> None:
    assert scripts.steps_in(scripts.as_lines(steps)) == steps


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("name | Name", "a: text"),
        ("a: text", "label"),
        ("a: text | A | b | c | d | e", "too many"),
        ("b: song | B", "kind"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_by_its_number(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        scripts.steps_in(text)


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([{"key": "a", "kind": "song", "label": "A"}], "kind"),
        ([{"key": "a b", "kind": "text", "label": "A"}], "key"),
        ([{"key": "a", "kind": "text", "label": " "}], "label"),
        ([{"key": "a", "kind": "text", "label": "A"}] * 2, "two steps"),
        ([{"key": "a", "kind": "choice", "label": "A", "choices": ["x"]}], "two choices"),
        ([{"key": "a", "kind": "text", "label": "A", "only_if": ["b", "x"]}], "nowhere before"),
        ([{"key": f"a{n}", "kind": "text", "label": "A"} for n in range(41)], "at most"),
    ],
)
def test_what_cannot_be_a_script_is_refused_in_a_sentence(told: list[dict[str, Any]], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        scripts.steps_from(told)


def test_a_script_that_does_not_ask_takes_every_message_as_urgent() -> None:
    assert scripts.is_urgent([Step("a", "text", "A")], {})
    asks = [Step("u", "urgency", "U")]
    assert not scripts.is_urgent(asks, {"u": Answer("normal")})
    assert scripts.is_urgent(asks, {"u": Answer("urgent")})


# --- Digits ----------------------------------------------------------------------------------------------------------

WORDS = dict(zip(scripts._DIGITS, "0123456789", strict=True)) | {"plus": "+"}


@given(st.text("0123456789 +-()", max_size=24))
def test_every_digit_is_read_back_once_and_in_its_order(shown: str) -> None:
    said = "".join(WORDS[word] for word in scripts.read_back(shown).replace(",", " ").split())
    assert said == "".join(letter for letter in shown if letter in "0123456789+")


def test_a_number_is_read_with_its_pauses() -> None:
    assert scripts.read_back("020 7946 0018") == "zero two zero, seven nine four six, zero zero one eight"


# --- Whom it goes to -------------------------------------------------------------------------------------------------

rungs = st.lists(
    st.builds(
        Rung,
        st.integers(1, 50),
        st.integers(0, 5),
        st.just(60),
        st.booleans(),
        st.none() | instants,
        st.none() | instants,
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)


@given(rungs, instants, st.booleans())
def test_dated_rungs_stand_before_the_rest_and_a_message_that_can_wait_still_goes_somewhere(
    known: list[Rung], at: datetime, urgent: bool
) -> None:
    held = scripts.ladder_at(known, at, urgent=urgent)
    all_of_them = scripts.ladder_at(known, at)
    assert bool(held) == bool(all_of_them)
    assert set(held) <= set(all_of_them)
    assert [one.position for one in held] == sorted(one.position for one in held)
    dated = [one for one in all_of_them if one.first_at or one.last_at]
    assert not dated or dated == all_of_them
    for one in dated:
        assert one.first_at is None or one.first_at <= at
        assert one.last_at is None or at < one.last_at


# --- What an operator sees -------------------------------------------------------------------------------------------

NUMBER = "+442079460110"
accounts = st.lists(
    st.builds(
        Account,
        st.integers(1, 9),
        st.sampled_from(["Mill", "Mill Lane", "Harbour"]),
        st.sampled_from(["ML-1", "ML-2", "H-1"]),
        st.frozensets(st.just(NUMBER)),
    ),
    max_size=4,
    unique_by=lambda one: one.customer_id,
)


@given(accounts, st.sampled_from(["", " ", "M", "Mil", "mill", "MILL  LANE", "ml-1", "ML", NUMBER, NUMBER[:8]]))
def test_an_operator_is_shown_one_account_named_whole_or_none(known: list[Account], typed: str) -> None:
    seen = scripts.account_of(typed, known)
    wanted = " ".join(typed.split()).casefold()
    fitting = [one for one in known if wanted in (one.name.casefold(), one.ref.casefold()) or typed in one.numbers]
    if seen is None:
        assert len(fitting) != 1
    else:
        assert [one.customer_id for one in fitting] == [seen.customer_id]
        assert not hasattr(seen, "numbers")


# --- What becomes of it ----------------------------------------------------------------------------------------------


def test_every_state_is_known_and_a_closed_message_stays_closed() -> None:
    assert {after for moves in scripts.TRANSITIONS.values() for after in moves.values()} <= scripts.TRANSITIONS.keys()
    assert not scripts.TRANSITIONS["closed"]


def test_words_that_have_arrived_are_locked_until_somebody_sets_them_back() -> None:
    assert [scripts.may_correct(state, arrived=True) for state in scripts.TRANSITIONS] == [
        True, False, True, False, False,
    ]  # fmt: skip
    assert scripts.may_correct("relayed", arrived=False)
