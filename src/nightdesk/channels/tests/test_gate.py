"""The way in to a provider: so many at once, so many a second, the urgent first."""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

from nightdesk.channels.gate import Gate

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)


def urgent(number: int) -> tuple[int, int, datetime, int]:
    return (0, 0, AT, number)


def bulk(number: int) -> tuple[int, int, datetime, int]:
    return (1, 0, AT, number)


def test_no_more_are_inside_than_there_are_places() -> None:
    async def scenario() -> None:
        gate = Gate(2, None)
        first, second = await gate.enter(urgent(1), 1), await gate.enter(urgent(2), 1)
        assert first is not None
        assert second is not None
        assert await gate.enter(urgent(3), 0.01) is None
        gate.leave(first)
        assert await gate.enter(urgent(3), 0.01) is not None

    asyncio.run(scenario())


def test_the_urgent_one_goes_first_though_it_came_last() -> None:
    async def scenario() -> list[str]:
        gate = Gate(1, None)
        order = []
        held = await gate.enter(urgent(0), 1)
        assert held is not None

        async def go(name: str, place: tuple[int, int, datetime, int]) -> None:
            token = await gate.enter(place, 5)
            assert token is not None
            order.append(name)
            gate.leave(token)

        tasks = [asyncio.create_task(go("bulk", bulk(1))), asyncio.create_task(go("urgent", urgent(2)))]
        await asyncio.sleep(0)
        gate.leave(held)
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(scenario()) == ["urgent", "bulk"]


def test_bulk_leaves_places_for_what_is_urgent() -> None:
    async def scenario() -> None:
        gate = Gate(4, None)
        inside = [await gate.enter(bulk(number), 0.01) for number in range(4)]
        assert [token is not None for token in inside] == [True, True, True, False]
        assert await gate.enter(urgent(9), 0.01) is not None

    asyncio.run(scenario())


def test_no_second_sees_more_than_the_provider_allows() -> None:
    async def scenario() -> list[float]:
        gate, entered = Gate(100, 50), []

        async def go(number: int) -> None:
            token = await gate.enter(urgent(number), 5)
            assert token is not None
            entered.append(asyncio.get_running_loop().time())
            gate.leave(token)

        await asyncio.gather(*(go(number) for number in range(20)))
        return entered

    entered = asyncio.run(scenario())
    gaps = [later - earlier for earlier, later in pairwise(entered)]
    assert sum(gaps) / len(gaps) >= 1 / 50
    assert sum(gaps) < 0.8


def test_a_held_gate_opens_by_itself() -> None:
    async def scenario() -> float:
        gate = Gate(1, None)
        gate.hold(0.05)
        began = asyncio.get_running_loop().time()
        assert await gate.enter(urgent(1), 2) is not None
        return asyncio.get_running_loop().time() - began

    assert 0.04 <= asyncio.run(scenario()) < 1


def test_whoever_stops_waiting_leaves_no_place_taken() -> None:
    async def scenario() -> None:
        gate = Gate(1, None)
        held = await gate.enter(urgent(1), 1)
        assert held is not None
        waiting = asyncio.create_task(gate.enter(urgent(2), 5))
        await asyncio.sleep(0)
        gate.leave(held)  # the place is given to it, and then it is cancelled
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await gate.enter(urgent(3), 0.05) is not None

    asyncio.run(scenario())
