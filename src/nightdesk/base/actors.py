"""Who does something, and by which door they came in: every verb takes both."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Door(StrEnum):
    """How a verb was reached; the journal keeps it."""

    WEB = "web"
    API = "api"
    SMS = "sms"
    EMAIL = "email"
    LINK = "link"
    PHONE = "phone"
    PUSH = "push"
    PAGER = "pager"
    CHAT = "chat"
    CLI = "cli"
    HOOK = "hook"
    WORKER = "worker"
    STANDBY = "standby"
    """the other of our two sites"""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person of ours, a customer's contact, a machine, a caller, or the scheduler.

    `id` is the primary key of that kind's row as text. `grants` are (brand id, role) pairs; a brand id of None means
    every brand. `scopes` limits a machine or a token to verbs; None means no limit beyond the roles.
    """

    kind: Literal["person", "contact", "machine", "scheduler", "caller"]
    id: str
    name: str
    grants: frozenset[tuple[int | None, str]] = field(default=frozenset(), compare=False)
    scopes: frozenset[str] | None = field(default=None, compare=False)

    @property
    def person_id(self) -> int | None:
        """The staff member's id; None where this is nobody of ours, or a user who is not on the staff list."""
        return int(self.id) if self.kind == "person" and self.id.isdecimal() else None


SCHEDULER = Actor("scheduler", "scheduler", "Nightdesk")
"""Nightdesk itself, keeping a promise."""
