"""Who should have whose days: what people hold on some days is dealt out anew among all of them, in the best way there is.

Annealing exchanges the days of two people at a time, and in the end no two of them would gain by it; three or five in a ring
still may. Which of the parts suits whom best is an assignment, and is found exactly (the Hungarian method).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from nightdesk.rota.planner.search import HARD, Standing

NEVER = HARD * HARD
"""The price of days that somebody may not have."""


def rematch(stand: Standing, random: Random, looks: int, ended: Callable[[], bool]) -> None:
    """Deal out every run of days anew until nothing is gained by it, `looks` masks were judged, or `ended` says so.

    Nothing is ever worse afterwards. For rules that forbid, not for those that ask for at least so much.
    """
    model = stand.model
    people = [number for number, who in enumerate(model.who) if who.allowed]
    spans = _spans(stand)
    random.shuffle(spans)
    each = len(people) * len(people)
    since = 0  # spans looked at since anything was gained
    while spans and since < len(spans):
        for days in spans:
            if looks < each or since >= len(spans) or ended():
                return
            looks -= each
            since = 0 if _deal(stand, people, days) else since + 1


def _spans(stand: Standing) -> list[int]:
    """The open posts of every run of days, as masks; no two the same, and none with all or nothing."""
    model = stand.model
    on_day = [posts & model.open for _day, posts in sorted(model.on_day.items())]
    found: dict[int, None] = {}
    for first in range(len(on_day)):
        mask = 0
        for posts in on_day[first:]:
            mask |= posts
            found.setdefault(mask)
    return [mask for mask in found if mask not in (0, model.open)]


def _deal(stand: Standing, people: Sequence[int], days: int) -> bool:
    """Deal out what people hold on these days; whether anything was gained."""
    model = stand.model
    parts = [stand.mask[number] & days for number in people]
    prices = []
    for place, number in enumerate(people):
        rest, row = stand.mask[number] & ~days, []
        for other, part in enumerate(parts):
            if other != place and not stand.fits(number, rest | part):
                row.append(NEVER)
                continue
            broken, points = model.judge(number, rest | part)
            row.append(broken * HARD + points)
        prices.append(row)
    chosen = assign(prices)
    if sum(row[part] for row, part in zip(prices, chosen, strict=True)) >= sum(
        row[place] for place, row in enumerate(prices)
    ):
        return False
    changes = [
        (number, stand.mask[number] & ~days | parts[part])
        for number, part in zip(people, chosen, strict=True)
        if stand.mask[number] & days != parts[part]
    ]
    broken, points = stand.weigh(changes)  # their companies have a say as well
    if broken > 0 or broken * HARD + points >= 0:
        return False
    stand.apply(changes, broken, points)
    return True


def assign(prices: Sequence[Sequence[int]]) -> list[int]:
    """For each row its column, so that each column is taken once and the sum is the least. `prices` is a square.

    The Hungarian method, in the form that takes one row after the other along the shortest path.
    """
    size = len(prices)
    row_price, column_price = [0] * (size + 1), [0] * (size + 1)
    row_of = [0] * (size + 1)  # counted from 1, by column; column 0 stands for the row that is to be placed
    for row in range(1, size + 1):
        row_of[0] = row
        column, came_from = 0, [0] * (size + 1)
        nearest: list[float] = [float("inf")] * (size + 1)
        seen = [False] * (size + 1)
        while row_of[column]:
            seen[column] = True
            here, step, then = row_of[column], float("inf"), 0
            for each in range(1, size + 1):
                if seen[each]:
                    continue
                over = prices[here - 1][each - 1] - row_price[here] - column_price[each]
                if over < nearest[each]:
                    nearest[each], came_from[each] = over, column
                if nearest[each] < step:
                    step, then = nearest[each], each
            for each in range(size + 1):
                if seen[each]:
                    row_price[row_of[each]] += int(step)
                    column_price[each] -= int(step)
                else:
                    nearest[each] -= step
            column = then
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    chosen = [0] * size
    for column in range(1, size + 1):
        chosen[row_of[column] - 1] = column - 1
    return chosen
