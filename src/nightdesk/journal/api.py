"""The feed's door: an address that nobody can guess, for one reader, with that reader's rights of the moment."""

import hashlib
from collections.abc import Callable, Collection

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from nightdesk.base import clock
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import Forbidden, NotFound, NotSignedIn
from nightdesk.journal.feed import CONTENT_TYPE, as_atom
from nightdesk.journal.models import FeedLink
from nightdesk.journal.queries import search

_SALT = "nightdesk.journal.feed"
_LINES = 50
DOOR = Buckets(a_second=1, size=60)
"""By the address that asks."""

RIGHTS: dict[str, Callable[[str], Collection[int] | None]] = {}
"""Kind of reader -> the brands whose journal the reader with that id may see now; None: all of it. Raises Forbidden, NotFound
or NotSignedIn for one who may see nothing. Filled by `nightdesk.wiring`; a kind that is missing may see nothing.
"""


def feed_path(kind: str, reader_id: object) -> str:
    """The path of the feed for one reader. It holds as long as the master key does, the reader has the right, and nobody has
    given it another address.
    """
    serial = _serial(kind, str(reader_id))
    named = f"{kind}.{reader_id}" if serial == 1 else f"{kind}.{reader_id}.{serial}"
    return f"/feeds/journal/{signing.Signer(salt=_SALT).sign(named)}.atom"


def _serial(kind: str, reader_id: str) -> int:
    found = FeedLink.objects.filter(reader_kind=kind, reader_id=reader_id).values_list("serial", flat=True).first()
    return found or 1


@require_safe
def atom(request: HttpRequest, token: str) -> HttpResponse:
    """The newest entries that the reader named in `token` may see. 404, whatever is wrong with it."""
    DOOR.let_in(request, clock.now())
    try:
        kind, reader_id, serial = [*signing.Signer(salt=_SALT).unsign(token).split("."), "1"][:3]
        brand_ids = RIGHTS[kind](reader_id)
    except (signing.BadSignature, KeyError, ValueError, Forbidden, NotFound, NotSignedIn):
        raise Http404 from None
    if serial != str(_serial(kind, reader_id)):
        raise Http404
    found = search(brand_ids=brand_ids, limit=_LINES)
    body = as_atom(
        found.lines,
        title=_("Nightdesk: the journal"),
        address=f"{settings.PUBLIC_URL}{request.path}",
        home=f"{settings.PUBLIC_URL}/journal/",
        at=clock.now(),
    )
    newest = found.lines[0].id if found.lines else ""
    etag = f'"{hashlib.sha256(f"{newest} {len(found.lines)} {brand_ids}".encode()).hexdigest()[:24]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    return HttpResponse(body, content_type=CONTENT_TYPE, headers={"ETag": etag, "Cache-Control": "private, no-cache"})


urlpatterns = [path("feeds/journal/<str:token>.atom", atom, name="journal_feed")]
