"""What came with a ticket: files to save, pictures to see, and a mail's own HTML on a page that can do nothing."""

from uuid import UUID

from csp.decorators import csp_replace
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from nightdesk.console.views.desk.shown import SHOWN_IMAGES
from nightdesk.console.views.staff import StaffRequest, found, staff, within
from nightdesk.desk.models import Attachment, Entry
from nightdesk.desk.queries import file_of
from nightdesk.mailroom.html_safe import with_images

TO_BE_SEEN = (Attachment.Scan.UNSCANNED, Attachment.Scan.CLEAN)


@staff("read_tickets")
def attachment(request: StaffRequest, attachment_id: UUID) -> HttpResponse:
    """The file, to be saved; with `?show=1` a picture, to be seen. Never run, never guessed at."""
    rows = Attachment.objects.filter(within(request.brands, "entry__ticket__brand_id"), id=attachment_id)
    kept = found(rows, _("You asked for a file."))
    content = file_of(kept)
    shown = bool(request.GET.get("show")) and kept.media_type in SHOWN_IMAGES
    answer = HttpResponse(content, content_type=kept.media_type if shown else "application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(not shown, kept.name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cache-Control"] = "private, max-age=86400, immutable"
    return answer


@csp_replace(  # type: ignore[untyped-decorator]
    {
        "default-src": ["'none'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'unsafe-inline'"],
        "frame-ancestors": ["'none'"],
        "sandbox": ["allow-same-origin", "allow-popups"],
    }
)
def _shown(request: StaffRequest, entry: Entry) -> HttpResponse:
    return render(request, "console/desk_html.html", {"html": with_pictures(entry)})


@staff("read_tickets")
def entry_html(request: StaffRequest, said_id: UUID) -> HttpResponse:
    """A message as its writer laid it out: cleaned when it came, and shown without scripts or the network."""
    rows = Entry.objects.filter(within(request.brands, "ticket__brand_id"), id=said_id).exclude(html="")
    answer: HttpResponse = _shown(request, found(rows, _("You asked for a message.")))
    return answer


def with_pictures(entry: Entry) -> str:
    """The entry's HTML, its pictures from where we keep them; one that is not to be seen leaves its words."""
    files = list(entry.attachments.all())

    def url(number: int) -> str:
        shown = number < len(files) and files[number].media_type in SHOWN_IMAGES and files[number].scan in TO_BE_SEEN
        return f"{reverse('console:attachment', args=[files[number].id])}?show=1" if shown else ""

    return with_images(entry.html, url, quoted=_("quoted"))
