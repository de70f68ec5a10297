"""A letter as staff see it: its HTML made safe or its text in pieces, quotes folded, files to be fetched and never drawn.

What a page shows of it is drawn by `console/parts/letter.html`; what the mail page and a ticket have in common is here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.console.templatetags.sizes import size
from nightdesk.mailroom.contents import Attachment
from nightdesk.mailroom.html_safe import IMAGES, safe_html, with_images
from nightdesk.mailroom.quotes import Piece, pieces

TRUST = {
    "verified": (gettext_lazy("sender proven"), "calm"),
    "unverified": (gettext_lazy("sender not proven"), ""),
    "failed": (gettext_lazy("sender may be forged"), "accent"),
}
"""Trust -> what it is called, and its tone."""
STARTS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}


@dataclass(frozen=True)
class ShownLetter:
    """What `console/parts/letter.html` draws. `html` is safe, or "" where the `pieces` of the text are shown."""

    html: SafeString
    pieces: tuple[Piece, ...]
    remote: int
    files: list[dict[str, str]]
    notes: Sequence[str] = ()
    images_url: str = ""
    images_shown: bool = False


def shown_letter(
    html: str,
    text: str,
    attachments: Sequence[Attachment],
    file_url: Callable[[int], str],
    *,
    notes: Sequence[str] = (),
    images_url: str = "",
    remote: bool = False,
) -> ShownLetter:
    """A letter to be drawn. `file_url`: where the file of a number is fetched; `images_url`: the page with what lies
    elsewhere, which `remote` says this is.
    """
    safe = safe_html(html, attachments) if html else None
    shown = with_images(safe.html, file_url, remote=remote, quoted=_("quoted")) if safe else ""
    in_text = safe.parts if safe else frozenset()
    files = [
        {"name": one.name, "url": file_url(number), "detail": f"{one.media_type} · {size(one.size)}"}
        for number, one in enumerate(attachments)
        if number not in in_text
    ]
    return ShownLetter(
        html=mark_safe(shown),  # noqa: S308, made of an allow-list by html_safe
        pieces=() if safe else pieces(text),
        remote=safe.remote if safe else 0,
        files=files,
        notes=notes,
        images_url=images_url,
        images_shown=remote,
    )


def file_answer(one: Attachment) -> HttpResponse:
    """A file of a stranger's: to be kept, and never drawn as a page. An image may stand in an `<img>`, as what it is."""
    is_image = one.media_type in IMAGES and one.content.startswith(STARTS[one.media_type])
    answer = HttpResponse(one.content, content_type=one.media_type if is_image else "application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=one.name) or "attachment"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def with_images_allowed(answer: HttpResponse) -> HttpResponse:
    """The page, which may load images from elsewhere by https: somebody has asked for them."""
    answer._csp_update = {"img-src": "https:"}  # type: ignore[attr-defined]
    return answer


def trust_tag(trust: str) -> dict[str, str] | None:
    """{"text", "tone"} of a trust; None of a mail that was not read."""
    if trust not in TRUST:
        return None
    words, tone = TRUST[trust]
    return {"text": str(words), "tone": tone}


def why_not_proven(trust: str, domain: str) -> str:
    """One sentence for the reader."""
    if trust == "verified":
        return _("The mail server proved that it comes from {domain}.").format(
            domain=domain or _("the sender's domain")
        )
    if trust == "failed":
        return _("The sender's domain says that this mail is not its own. Do nothing that it asks without a call back.")
    return _("Nobody has proven that it comes from the address that it names.")
