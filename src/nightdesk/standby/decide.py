"""What the second site makes of what it hears of the main site: a small state machine, without clock or network.

    following ──silent, faint──> suspicious ──silent for the set time──> alone
        ^  ^──────heard──────────────┘                                     │ heard
        └──────────────handed back────────── returning <───────────────────┘
                                                 └──silent, faint──> alone

It goes alone sooner rather than later: to page twice is allowed, to page nobody is not. It comes back in two steps: only once
the main site has what was done meanwhile does the second site let go of it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """How the second site stands to the main one."""

    FOLLOWING = "following"
    SUSPICIOUS = "suspicious"
    ALONE = "alone"
    RETURNING = "returning"


class Event(StrEnum):
    """What came of one look at the main site."""

    HEARD = "heard"
    """It answered, and its pulse beats."""
    FAINT = "faint"
    """It answered, and says itself that promises are not kept or test pages not raised: its door is open, nobody is home."""
    SILENT = "silent"
    """It did not answer, or not so that it could be believed: dead, cut off, or somebody else."""
    HANDED_BACK = "handed_back"
    """It answered, its pulse beats, and it has all that was done here meanwhile."""


class Effect(StrEnum):
    """What the second site has to do because of it."""

    TAKE_OVER = "take_over"
    """Page for itself: that Nightdesk is away, and whatever is open."""
    HAND_BACK = "hand_back"
    """Tell the main site what was done here; then it is `Event.HANDED_BACK`, or something that went wrong."""
    LET_GO = "let_go"
    """Ring no more for what the main site holds."""
    FOLLOW = "follow"
    """Take over the main site's rows as they are."""


@dataclass(frozen=True, slots=True)
class Watch:
    """`since` when it stands so; `heard_at`: when the main site was last heard and well."""

    state: State
    since: datetime
    heard_at: datetime


def after(watch: Watch, event: Event, at: datetime, silent_after: timedelta) -> tuple[Watch, tuple[Effect, ...]]:
    """How it stands after `event` at `at`, and what is to be done. Every state takes every event.

    The main site is given up once it has not been well for `silent_after`; at that very instant counts as over.
    """
    match event:
        case Event.HEARD | Event.HANDED_BACK:
            watch = replace(watch, heard_at=max(watch.heard_at, at))
            if watch.state in (State.FOLLOWING, State.SUSPICIOUS):
                return _go(watch, State.FOLLOWING, at), (Effect.HAND_BACK, Effect.FOLLOW)
            if event is Event.HANDED_BACK and watch.state is State.RETURNING:
                return _go(watch, State.FOLLOWING, at), (Effect.LET_GO, Effect.FOLLOW)
            return _go(watch, State.RETURNING, at), (Effect.HAND_BACK,)
        case Event.SILENT | Event.FAINT:
            # Whoever opens its door, takes what was done here, even where it cannot keep its promises just now.
            hand_back = (Effect.HAND_BACK,) if event is Event.FAINT else ()
            if watch.state is State.ALONE:
                return watch, hand_back
            if watch.state is State.RETURNING:
                # Some of it may have been let go of already, and that it is away has been taken back.
                return _go(watch, State.ALONE, at), (Effect.TAKE_OVER, *hand_back)
            if at - watch.heard_at >= silent_after:
                return _go(watch, State.ALONE, at), (Effect.TAKE_OVER, *hand_back)
            return _go(watch, State.SUSPICIOUS, at), ()


def _go(watch: Watch, to: State, at: datetime) -> Watch:
    return watch if watch.state is to else replace(watch, state=to, since=at)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the main site says of itself. `overdue_s`: how late the oldest promise or message is that wakes somebody. `tested_at`:
    when its last test page was raised and closed, None: never; `test_problem`: whom it would not have reached. That is a fault
    of the rota, which the second site shares, and no reason to speak for the main one.
    """

    overdue_s: float
    tested_at: datetime | None
    test_problem: str = ""


LATE_S = 30.0
"""A promise so late means that nobody keeps them: a busy worker is seconds behind."""
TEST_EVERY = timedelta(minutes=1)
TEST_LATE = timedelta(minutes=2)
"""A test page is asked for each minute; after so long without one that came to its end the path is broken."""


def is_well(pulse: Pulse, asked_since: datetime | None, at: datetime) -> bool:
    """Whether pages go out at the main site. `asked_since`: from when test pages have been asked for; None: not yet."""
    if pulse.overdue_s > LATE_S:
        return False
    if asked_since is None or at - asked_since < TEST_LATE:
        return True  # the first one may still be on its way
    return pulse.tested_at is not None and at - pulse.tested_at <= TEST_LATE
