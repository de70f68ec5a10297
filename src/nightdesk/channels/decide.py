"""Which route comes next, when to try again, and what a receipt changes: facts in, values out.

A route that was tried is remembered by what came of it. "accepted": it has the message, so it never gets it again, even
where no receipt came: a second text at four in the morning is worse than a missing tick. "permanent": it will never take
this one. "temporary": it may have it again after a pause.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

State: TypeAlias = Literal[
    "queued", "sending", "accepted", "delivered", "read", "expired", "failed_for_now", "failed", "superseded"
]
Came: TypeAlias = Literal["accepted", "permanent", "temporary"]
Tried: TypeAlias = Mapping[int, Came]
"""Route id -> what came of it. The built-in ways have the id 0."""

RANK: Mapping[State, int] = {
    "queued": 0,
    "failed_for_now": 0,
    "sending": 1,
    "accepted": 2,
    "expired": 3,
    "failed": 3,
    "superseded": 3,
    "delivered": 4,
    "read": 5,
}
"""How much is known of a delivery. News of a lower rank is old news: receipts come late, twice and out of order."""

FAILURES_BEFORE_REST = 3
REST = timedelta(seconds=30)
LONGEST_PAUSE = {"urgent": timedelta(seconds=30), "bulk": timedelta(minutes=15)}
"""Somebody's page is tried again soon; a mail server that says "later" to a newsletter means it."""


@dataclass(frozen=True, slots=True)
class Way:
    """A route that may be taken. `doubtful`: it failed a little while ago, or hangs; it comes last."""

    route_id: int
    brand_id: int | None
    position: int
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """How a delivery goes on when no route is left for now. `due_at` None: it has ended."""

    state: State
    due_at: datetime | None
    tried: Tried


def choose_way(ways: Iterable[Way], tried: Tried, brand_id: int | None) -> Way | None:
    """The way to take now: never one in `tried`; sound ones first, then the brand's own, then by position."""
    left = (way for way in ways if way.route_id not in tried and serves(way.brand_id, brand_id))
    return min(left, key=lambda way: (way.doubtful, way.brand_id != brand_id, way.position, way.route_id), default=None)


def serves(route_brand: int | None, brand_id: int | None) -> bool:
    """Whether a brand's message may go by the route: its own and those of nobody; what is nobody's goes by any."""
    return route_brand is None or brand_id is None or route_brand == brand_id


def patience(usual_s: float | None, least_s: float, most_s: float) -> float:
    """Seconds after which a route that has not answered counts as hanging: three times what it usually takes.

    `usual_s` None: it has not answered yet. Never below `least_s`, never above `most_s`.
    """
    return min(max(least_s, 3 * (usual_s or 0.0)), most_s)


def usual(before_s: float | None, took_s: float) -> float:
    """What a route usually takes, after one more answer: a mean that forgets, half of it after ten answers."""
    return took_s if before_s is None else before_s + (took_s - before_s) / 15


def back_off(attempt: int, lane: str) -> timedelta:
    """The pause after attempt number `attempt` (from 1) has used up all routes: 2 s, 4 s, 8 s ... up to the lane's."""
    return min(timedelta(seconds=2 ** min(max(attempt, 1), 16)), LONGEST_PAUSE.get(lane, LONGEST_PAUSE["bulk"]))


def when_no_way_is_left(
    tried: Tried, *, attempt: int, lane: str, at: datetime, valid_until: datetime | None, pause: timedelta | None = None
) -> Turn:
    """All routes of the channel have been tried, or there is none. `pause`: what a provider asked us to wait.

    Those that failed temporarily (or a channel whose routes are all switched off) are worth another round, at the latest
    when it expires, so that it then ends. Otherwise it has ended: accepted by somebody who sent no receipt, or failed.
    """
    if not tried or "temporary" in tried.values():
        due_at = at + (pause or back_off(attempt, lane))
        kept = {route: came for route, came in tried.items() if came != "temporary"}
        return Turn("failed_for_now", min(due_at, valid_until) if valid_until else due_at, kept)
    return Turn("accepted" if "accepted" in tried.values() else "failed", None, tried)


def when_nobody_was_there(
    tried: Tried, route_id: int, *, failed: int, after: timedelta, times: int, at: datetime
) -> Turn:
    """The route rang a telephone, and nobody was reached; it was the `failed`th time by that route (from 1).

    It rings again `after` so long, `times` times; then the next route is tried at once. Where there is none left it has
    failed: whoever is called further is a matter of the page's own ladder.
    """
    if failed <= times:
        return Turn("failed_for_now", at + after, {route: came for route, came in tried.items() if route != route_id})
    return Turn("failed_for_now", at, {**tried, route_id: "permanent"})


def when_it_expires(tried: Tried) -> State:
    """How a delivery ends that is not worth sending any more: what somebody has accepted may well have arrived."""
    return "accepted" if "accepted" in tried.values() else "expired"


def is_news(state: State, said: State) -> bool:
    """Whether a receipt that says `said` tells more than `state` does."""
    return RANK[said] > RANK[state]


@dataclass(frozen=True, slots=True)
class Health:
    """How a route has been doing. It rests after FAILURES_BEFORE_REST failures in a row; then one message probes it."""

    failures: int = 0
    resting_until: datetime | None = None

    def after(self, worked: bool, at: datetime) -> "Health":
        """The health after one more try at `at`."""
        if worked:
            return Health()
        failures = self.failures + 1
        return Health(failures, at + REST if failures >= FAILURES_BEFORE_REST else self.resting_until)

    def rests(self, at: datetime) -> bool:
        """Whether it is resting at `at`; the end of the rest is open."""
        return self.resting_until is not None and at < self.resting_until

    @property
    def needs_probe(self) -> bool:
        """Whether one message alone should go first, once its rest is over."""
        return self.failures >= FAILURES_BEFORE_REST
