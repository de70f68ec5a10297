"""What is counted of one figure: sums that can be added up in any order, and the spread of what was measured.

Everything is a whole number, so that adding days up gives the same as counting all at once, whatever the order. Measured values
fall into buckets (`bucket_of`) of which 32 make a doubling: a percentile is told at most 1/32 too high, and never too low.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FINE = 5
"""Bits of a value that its bucket keeps below the highest one: 32 buckets a doubling."""


@dataclass(frozen=True, slots=True)
class Tally:
    """`cases` were counted, of which `hits` did what the figure asks; `total` is the sum of what was measured, in the figure's
    own whole unit; `waiting` cannot be counted yet. `buckets`: {bucket: how many}.
    """

    cases: int = 0
    hits: int = 0
    total: int = 0
    waiting: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.cases + other.cases,
            self.hits + other.hits,
            self.total + other.total,
            self.waiting + other.waiting,
            dict(Counter(self.buckets) + Counter(other.buckets)) if self.buckets or other.buckets else {},
        )

    @property
    def share(self) -> float | None:
        """Hits of cases, of 1; None where there is nothing to count."""
        return self.hits / self.cases if self.cases else None

    @property
    def mean(self) -> float | None:
        """The total by case; None where there is nothing to count."""
        return self.total / self.cases if self.cases else None

    def quantile(self, share: float) -> int | None:
        """At most so much were that `share` of the cases (nearest rank); None where nothing was measured."""
        count = sum(self.buckets.values())
        if not count:
            return None
        rank = max(1, -int(-share * count // 1))
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                return most_of(bucket)
        raise AssertionError("a rank is never above the count")


NOTHING = Tally()


def hit(does: bool) -> Tally:
    """One case, which does or does not."""
    return Tally(cases=1, hits=int(does))


def measured(value: int) -> Tally:
    """One case of so much."""
    return Tally(cases=1, total=value, buckets={bucket_of(value): 1})


WAITS = Tally(waiting=1)
"""One case that cannot be counted yet."""


def merged(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    cases = hits = total = waiting = 0
    buckets: Counter[int] = Counter()
    for one in tallies:
        cases, hits, total, waiting = cases + one.cases, hits + one.hits, total + one.total, waiting + one.waiting
        buckets.update(one.buckets)
    return Tally(cases, hits, total, waiting, dict(buckets))


def bucket_of(value: int) -> int:
    """The bucket of a value from 0 on: below 64 each has its own, above that 32 share a doubling."""
    shift = max(value.bit_length() - FINE - 1, 0)
    return (shift << FINE) + (value >> shift)


def most_of(bucket: int) -> int:
    """The highest value in the bucket."""
    shift = max((bucket >> FINE) - 1, 0)
    return ((bucket - (shift << FINE) + 1) << shift) - 1
