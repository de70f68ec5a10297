"""What the ticket page's script says and asks while somebody works: their draft, and that they are there."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import localtime

from nightdesk.base.actors import Door
from nightdesk.console.views.desk.shown import one
from nightdesk.console.views.staff import StaffRequest, posting
from nightdesk.desk.agent_actions import keep_draft, note_presence


@posting("keep_draft")
def draft(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """What has been typed so far is kept. Answers with the time, or with nothing where there are no words."""
    ticket = one(request, ticket_id)
    kept = keep_draft(
        ticket_id=ticket.id,
        kind=request.POST.get("kind", ""),
        text=request.POST.get("text", ""),
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    text = f"{localtime(kept.changed_at):%H:%M}" if kept is not None else ""
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@posting("note_presence")
def presence(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """The reader has the ticket open, and may be typing; or has left it."""
    ticket = one(request, ticket_id)
    if request.person is not None:
        note_presence(
            ticket_id=ticket.id,
            typing=bool(request.POST.get("typing")),
            here=not request.POST.get("gone"),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
    return HttpResponse(status=204)
