"""The address of a page's live stream, for whoever renders the page."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from nightdesk.base.live import LIVE_PATH, make_ticket
from nightdesk.base.vault import key_for

LASTS = timedelta(hours=14)
"""Longer than a night; a page left open for longer asks for itself again when the stream says that it has ended."""


@cache
def live_key() -> bytes:
    """What live tickets are signed with: derived from the master key, so that every web process takes them.

    The same for as long as this process runs, as its front was told it at the start.
    """
    return key_for("live tickets")


def live_url(topics: Iterable[str], *, at: datetime) -> str:
    """Where a page made at `at` hears that one of `topics` has changed; for `live_ticket_url` of the base template.

    A stream says only that something changed, so whoever calls this need not ask whether the reader may know what. Topics:
    "page" (any), "page:ID", "person:ID", "duty", "seat:KEY", "delivery", "promise", "journal"; see `nightdesk.asgi`.
    Raises ValueError for no topic.
    """
    return f"{LIVE_PATH}?t={make_ticket(live_key(), topics, at + LASTS, issued_at=at)}"
