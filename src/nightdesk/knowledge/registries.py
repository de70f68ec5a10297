"""What high rooms hang in: whose the subjects of runs and proposals are, and how people are told of something."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from nightdesk.base.actors import Actor, Door

BRANDS_OF: dict[str, Callable[[str], int | None]] = {}
"""Kind of subject -> the brand of the one with that id; None where there is none. Filled by `nightdesk.wiring`."""


class Tell(Protocol):
    """Queues a message for each person by their quiet ways; returns to how many."""

    def __call__(
        self,
        person_ids: Collection[int],
        *,
        kind: str,
        subject: tuple[str, object],
        title: str,
        body: str,
        brand_id: int,
        cause: UUID | None = None,
        by: Actor,
        via: Door,
        at: datetime,
    ) -> int: ...


TELL: list[Tell] = []
"""The one way in which people are told; it stands above the channels. Filled by `nightdesk.wiring`."""


class NoteStep(Protocol):
    """Writes what became of a check-step into the story of what it was done for."""

    def __call__(
        self, subject: tuple[str, str], *, text: str, run_id: UUID, by: Actor, via: Door, at: datetime
    ) -> object: ...


NOTE_STEP: list[NoteStep] = []
"""Likewise: the tickets stand above this room. Called within the transaction in which the step is settled."""


def brand_of(kind: str, subject_id: str) -> int | None:
    """The brand of the subject; None where there is no such thing, or nobody knows that kind."""
    asked = BRANDS_OF.get(kind)
    return asked(subject_id) if asked is not None else None
