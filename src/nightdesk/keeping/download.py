"""What is known of one person, as a download."""

from datetime import datetime

from django.http import FileResponse

from nightdesk.base.actors import Actor, Door
from nightdesk.keeping.export_actions import fetch_export


def zip_of(export_id: int, *, by: Actor, via: Door, at: datetime) -> FileResponse:
    """The zip of that export, of which nobody keeps a copy on the way. Raises as `fetch_export`."""
    opened = fetch_export(export_id=export_id, by=by, via=via, at=at).open("rb")
    answer = FileResponse(opened, as_attachment=True, filename="personal-data.zip", content_type="application/zip")
    answer["Cache-Control"] = "no-store"
    return answer
