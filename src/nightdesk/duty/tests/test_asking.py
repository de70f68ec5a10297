"""Whom to ask next to stand in: nobody twice, nobody too late, and it always comes to an end."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.duty.asking import Answer, Ask, next_step

START = datetime(2026, 3, 3, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@settings(max_examples=60)
@given(
    replies=st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=6),
    together=st.booleans(),
    patience=st.integers(1, 7),
    deadline=st.integers(1, 40),
)
def test_each_is_asked_once_in_order_and_it_ends(
    replies: list[int | None], together: bool, patience: int, deadline: int
) -> None:
    """`replies`: after so many minutes each declines; None: never says anything."""
    asks = [Ask(person) for person in range(len(replies))]
    asked: list[int] = []
    at = START
    for _round in range(200):
        for number, wait in enumerate(replies):
            ask = asks[number]
            if (
                wait is not None
                and ask.answer is None
                and ask.asked_at is not None
                and at - ask.asked_at >= wait * MINUTE
            ):
                asks[number] = Ask(number, ask.asked_at, Answer.NO)
        step = next_step(
            asks, together=together, patience=patience * MINUTE, deadline_at=START + deadline * MINUTE, at=at
        )
        if step.nobody:
            assert at >= START + deadline * MINUTE or all(ask.answer is not None for ask in asks)
            break
        asked += step.ask
        for number in step.ask:
            asks[number] = Ask(number, at)
        assert step.look_at is not None
        assert at < step.look_at <= START + deadline * MINUTE
        due = [
            ask.asked_at + wait * MINUTE
            for ask, wait in zip(asks, replies, strict=True)
            if wait is not None and ask.asked_at is not None and ask.answer is None
        ]
        at = max(at, min([step.look_at, *due]))
    else:
        raise AssertionError("it never ended")
    assert asked == sorted(set(asked))
    if together and replies:
        assert asked == list(range(len(replies)))


def test_in_order_nobody_waits_for_one_who_has_declined() -> None:
    asks = [Ask(1, START, Answer.NO), Ask(2), Ask(3)]
    step = next_step(asks, together=False, patience=5 * MINUTE, deadline_at=START + 60 * MINUTE, at=START + MINUTE)
    assert step.ask == (2,)


def test_with_nobody_to_ask_it_is_over_at_once() -> None:
    assert next_step([], together=True, patience=MINUTE, deadline_at=START + MINUTE, at=START).nobody
