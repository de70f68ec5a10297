"""By when a customer is owed an answer, news and a fix on a ticket, and why then."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema

from nightdesk.api.scope import one, readable
from nightdesk.api.values import Instant
from nightdesk.base import clock
from nightdesk.base.refusals import Invalid
from nightdesk.desk import clock_queries
from nightdesk.desk.clock import Because, Clocks, Missing, Reading, Standing, Stretch, Which
from nightdesk.desk.models import Ticket

router = Router(tags=["tickets"])


class StretchOut(Schema):
    """`[from_at, until_at)`, and how much of it counts: all of it or nothing, and `because` says why."""

    from_at: datetime
    until_at: datetime
    because: Because
    counted_seconds: int

    @staticmethod
    def resolve_from_at(stretch: Stretch) -> datetime:
        """Its start."""
        return stretch.start

    @staticmethod
    def resolve_until_at(stretch: Stretch) -> datetime:
        """Its end."""
        return stretch.end

    @staticmethod
    def resolve_counted_seconds(stretch: Stretch) -> int:
        """What of it counts."""
        return int(stretch.counted.total_seconds())


class ClockOut(Schema):
    """One clock. `due_at` is null where nothing is owed (`missing` says why) and while it `rests`; `warn_at` is when who works on
    it is told that it is nearly due. What `counted` counts, up to now or to `done_at`, is what has passed; `ahead` is the
    way from there to `due_at` if nothing happens.
    """

    clock: Which
    standing: Standing
    missing: Missing | None
    since: datetime | None
    target_seconds: int | None
    elapsed_seconds: int
    due_at: datetime | None
    warn_at: datetime | None
    done_at: datetime | None
    breached_at: datetime | None
    rests: Because | None
    counted: list[StretchOut]
    ahead: list[StretchOut]

    @staticmethod
    def resolve_clock(reading: Reading) -> Which:
        """Which it is."""
        return reading.which

    @staticmethod
    def resolve_target_seconds(reading: Reading) -> int | None:
        """How long the target is."""
        return int(reading.target.duration.total_seconds()) if reading.target is not None else None

    @staticmethod
    def resolve_elapsed_seconds(reading: Reading) -> int:
        """How much of it has passed."""
        return int(reading.elapsed.total_seconds())


class ClocksOut(Schema):
    """What is owed about a ticket: an answer, news, a fix; computed from its history for the instant `at`."""

    at: datetime
    respond: ClockOut
    update: ClockOut
    fix: ClockOut


@router.get("/tickets/{ticket_id}/clocks", response=ClocksOut)
def read_ticket_clocks(request: HttpRequest, ticket_id: UUID, at: Instant | None = None) -> object:
    """How the clocks of the ticket stand now, or stood or would stand `at` that instant if nothing more happened."""
    ticket = one(readable(request, "read_tickets", Ticket.objects.all()), id=ticket_id)
    at = at or clock.now()
    if at < ticket.opened_at:
        raise Invalid(
            _("The clocks of ticket %d were asked for.") % ticket.number,
            _("It was not open yet at that instant."),
            _("Ask for one from {time} on.").format(time=ticket.opened_at.isoformat()),
            field="at",
        )
    clocks: Clocks = clock_queries.clocks_of([ticket], at)[ticket.pk]
    return {"at": at, **clocks._asdict()}
