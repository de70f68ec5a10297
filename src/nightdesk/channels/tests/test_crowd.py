"""Who waits for an address: in turn for as long as it answers, and no longer than PATIENCE where it does not."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from nightdesk.channels.sender import AT_ONE_ADDRESS, PATIENCE, WAIT_FOR_ONE_ADDRESS, Crowd

MOST = 6


class QuickLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0
        look = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            self.at += timeout or 0.0
            return look(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.at


def run(story: Callable[[Crowd], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        await story(Crowd())

    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        runner.run(told())


def test_an_address_that_answers_is_waited_for_in_order_however_long_that_takes() -> None:
    came: list[int] = []
    at_once: list[int] = []

    async def story(crowd: Crowd) -> None:
        inside = 0

        async def one(number: int) -> None:
            nonlocal inside
            began = await crowd.enter(MOST)
            assert began is not None
            came.append(number)
            inside += 1
            at_once.append(inside)
            await asyncio.sleep(PATIENCE * 0.9)
            inside -= 1
            crowd.leave(began, taken=True)

        await asyncio.gather(*(one(number) for number in range(WAIT_FOR_ONE_ADDRESS)))
        assert asyncio.get_running_loop().time() > 10 * PATIENCE

    run(story)
    assert came == list(range(WAIT_FOR_ONE_ADDRESS))
    assert at_once[:2] == [1, AT_ONE_ADDRESS]
    assert at_once[2] <= AT_ONE_ADDRESS, "few, until it has answered"
    assert max(at_once) == MOST


async def fill(crowd: Crowd) -> list[float]:
    begun = [await crowd.enter(MOST) for _ in range(AT_ONE_ADDRESS)]
    assert None not in begun
    return [began for began in begun if began is not None]


def test_where_nothing_is_taken_nobody_waits_longer_than_patience_and_no_place_is_lost() -> None:
    async def story(crowd: Crowd) -> None:
        begun = await fill(crowd)
        at = asyncio.get_running_loop().time()
        assert await asyncio.gather(*(crowd.enter(MOST) for _ in range(5))) == [None] * 5
        assert asyncio.get_running_loop().time() - at <= 1.01 * PATIENCE
        for began in begun:
            crowd.leave(began, taken=False)
        assert not crowd.answers
        await fill(crowd)
        assert await crowd.enter(MOST) is None

    run(story)


def test_an_address_that_stops_answering_is_given_up_though_it_answered_before() -> None:
    async def story(crowd: Crowd) -> None:
        first, _hangs = await fill(crowd)
        await asyncio.sleep(PATIENCE / 10)
        crowd.leave(first, taken=True)
        for _ in range(MOST - 1):
            assert await crowd.enter(MOST) is not None
        at = asyncio.get_running_loop().time()
        assert await crowd.enter(MOST) is None
        assert asyncio.get_running_loop().time() - at <= 2.01 * PATIENCE

    run(story)


def test_one_that_takes_its_time_over_each_is_an_address_that_answers() -> None:
    async def story(crowd: Crowd) -> None:
        first, _second = await fill(crowd)
        waiting = asyncio.ensure_future(crowd.enter(AT_ONE_ADDRESS))
        await asyncio.sleep(PATIENCE * 0.99)
        crowd.leave(first, taken=True)
        third = await waiting
        assert third is not None
        await asyncio.sleep(PATIENCE * 1.9)
        assert crowd.answers
        await asyncio.sleep(PATIENCE / 10)
        assert not crowd.answers

    run(story)


def test_too_many_are_sent_away_at_once() -> None:
    async def story(crowd: Crowd) -> None:
        await fill(crowd)
        waiting = [asyncio.ensure_future(crowd.enter(MOST)) for _ in range(WAIT_FOR_ONE_ADDRESS)]
        await asyncio.sleep(0)
        at = asyncio.get_running_loop().time()
        assert await crowd.enter(MOST) is None
        assert asyncio.get_running_loop().time() == at
        assert await asyncio.gather(*waiting) == [None] * WAIT_FOR_ONE_ADDRESS

    run(story)
