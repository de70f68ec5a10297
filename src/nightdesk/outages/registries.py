"""What higher rooms hang in: tickets for those whom an outage touches. Filled by `nightdesk.wiring`."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

GiveTickets = Callable[[UUID, datetime], int]
"""(outage, instant) -> how many of its customers were given a ticket, whose number `Affected.ticket_number` then has."""

GIVE_TICKETS: list[GiveTickets] = []
"""Called in the transaction in which an update is published, before it is sent."""

ToldInTickets = Callable[[UUID, datetime], int]
"""(update, instant) -> in how many tickets it now stands."""

TOLD_IN_TICKETS: list[ToldInTickets] = []
"""Called likewise, once the update is published."""
