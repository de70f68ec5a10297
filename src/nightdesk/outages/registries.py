"""What higher rooms hang in: tickets for those whom an outage touches. Filled by `nightdesk.wiring`."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

GiveTickets = Callable[[UUID, datetime], int]
"""(outage, instant) -> how many of its customers were given a ticket, whose number `Affected.ticket_number` then has."""

GIVE_TICKETS: list[GiveTickets] = []
"""Called when an update is told, before any message of it is written. May be called again."""

MAY_GIVE_TICKETS: list[Callable[[int], bool]] = []
"""Brand -> whether its customers are given tickets at all, so that their room can be counted before they are."""

ToldInTickets = Callable[[UUID, datetime], int]
"""(update, instant) -> in how many tickets it now stands."""

TOLD_IN_TICKETS: list[ToldInTickets] = []
"""Called likewise, after them. May be called again."""

ALSO_TOLD: list[ToldInTickets] = []
"""(update, instant) -> how many more were told of it; called once its own messages are in the ledger. May be called again."""

AWAY_SINCE: list[Callable[[], datetime | None]] = []
"""Since when what this installation follows has not been heard, where it speaks for it; None: it speaks for itself."""
