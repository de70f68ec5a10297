"""Who read what is private of whoever asks."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import readable_brands
from nightdesk.base.refusals import NotFound
from nightdesk.journal.models import Entry
from nightdesk.people.queries import readings_of

router = Router(tags=["people"])


class ReadAboutOut(Schema):
    """`what` was read: `hours and rest`, `load`, `pay`, `emergency note`; `everything`: it was exported."""

    at: datetime
    by: str
    via: str
    what: str

    @staticmethod
    def resolve_by(entry: Entry) -> str:
        """Who, by the name that they had then."""
        return entry.by_name

    @staticmethod
    def resolve_what(entry: Entry) -> str:
        """The word of the entry."""
        return str(entry.facts.get("what", "everything"))


@router.get("/own-readings", response=Listing[ReadAboutOut])
def list_own_readings(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Who read what is private of you, or exported it: once per reader and hour, last first."""
    readable_brands(request, "read_own_readings")
    actor = actor_of(request)
    if actor.kind != "person":
        raise NotFound(_("What was read of you was asked for."), _("You are a machine."), _("Ask as a person."))
    mine = readings_of(int(actor.id)) if actor.id.isdigit() else Entry.objects.none()
    return list_rows(request, mine, ReadAboutOut, cut, order=("at", "id"), newest_first=True)
