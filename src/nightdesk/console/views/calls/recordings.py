"""Recordings to be heard in the page: what a caller left, or the operator's own greeting."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _

from nightdesk.base.actors import Door
from nightdesk.calls.actions import hear_recording
from nightdesk.calls.models import Recording
from nightdesk.calls.playing import answer_with_sound
from nightdesk.console.views.staff import StaffRequest, found, staff, within


@staff("hear_recording")
def recording(request: StaffRequest, recording_id: UUID) -> HttpResponse:
    """All of it, or the part that the player asks for; listening to a caller stands in the journal."""
    kept = found(Recording.objects.filter(within(request.brands), pk=recording_id), _("You asked for a recording."))
    if kept.kind != Recording.Kind.PROMPT:
        kept = hear_recording(recording_id=kept.pk, by=request.actor, via=Door.WEB, at=request.at)
    return answer_with_sound(kept, request.headers.get("Range", ""))
