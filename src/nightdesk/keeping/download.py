"""What is known of one person, as a download."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from django.http import FileResponse

from nightdesk.base.actors import Actor, Door
from nightdesk.keeping.export_actions import export_data
from nightdesk.keeping.traces import subject_of


def zip_of(word: str, *, by: Actor, via: Door, at: datetime) -> FileResponse:
    """The zip of `export_data`. It lies on the disk only until it is opened here, and nobody keeps a copy of the answer."""
    with TemporaryDirectory(prefix="nightdesk-export-") as folder:
        path = Path(folder) / "export.zip"
        export_data(path=path, subject=subject_of(word), by=by, via=via, at=at)
        opened = path.open("rb")
    answer = FileResponse(opened, as_attachment=True, filename="personal-data.zip", content_type="application/zip")
    answer["Cache-Control"] = "no-store"
    return answer
