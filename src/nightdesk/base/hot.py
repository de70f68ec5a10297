"""Ready-made answers held in memory: the status page at the moment when everybody looks at it.

A page may come with a late variant: other bytes that take over at a given instant without anyone having to put them
there, so that "next update due at 04:30" turns into "the update is late" even when the database is away.
"""

import gzip
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from nightdesk.base.asgi_types import Headers, Send, answer, first_header
from nightdesk.base.clock import seconds

_WORTH_COMPRESSING = 256  # bytes; below, gzip's own frame eats the gain


@dataclass(frozen=True, slots=True)
class _Form:
    """One body as it goes over the wire, with all its headers made beforehand."""

    body: bytes
    etag: bytes
    headers: Headers
    not_modified_headers: Headers


@dataclass(frozen=True, slots=True)
class _Page:
    plain: _Form
    gzipped: _Form | None


@dataclass(frozen=True, slots=True)
class _Entry:
    page: _Page
    late_at: float | None
    late: _Page | None


class HotBytes:
    """Path and host -> bytes. `put` and `drop` may be called from any thread; readers see whole pages.

    The query string plays no part: a hot page is the same for everyone.
    """

    def __init__(self, *, clock: Callable[[], float] = seconds) -> None:
        """`clock` gives seconds since the epoch; it is asked only for pages that have a late variant."""
        self._clock = clock
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._named: Counter[str] = Counter()

    def put(
        self,
        path: str,
        body: bytes,
        *,
        host: str = "",
        content_type: str = "text/html; charset=utf-8",
        cache_control: str = "public, max-age=5",
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
        late_at: datetime | None = None,
        late_body: bytes | None = None,
    ) -> None:
        """From now on GET and HEAD of `path` at `host` answer `body`; an earlier page there is replaced.

        `host` is a name without port, "" for every host that has no pages of its own. `etag` comes without
        quotation marks; None means a digest of the body. `headers` are sent besides (security headers, say). From
        `late_at` (aware; the instant itself included) `late_body` is served instead, its ETag always a digest.
        Raises ValueError when only one of the two is given or `late_at` is naive.
        """
        if (late_at is None) != (late_body is None):
            raise ValueError("late_at and late_body belong together: give both or neither")
        if late_at is not None and late_at.tzinfo is None:
            raise ValueError("late_at must be an aware datetime")
        shared = [
            (b"content-type", content_type.encode("latin-1")),
            (b"cache-control", cache_control.encode("latin-1")),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()),
        ]
        self._named[host.lower()] += (host.lower(), path) not in self._entries
        self._entries[host.lower(), path] = _Entry(
            page=_page(body, etag or _digest(body), shared),
            late_at=late_at.timestamp() if late_at is not None else None,
            late=_page(late_body, _digest(late_body), shared) if late_body is not None else None,
        )

    def drop(self, path: str, *, host: str = "") -> None:
        """Forget the page of `path` at `host`; nothing happens when there is none."""
        if self._entries.pop((host.lower(), path), None) is not None:
            self._named[host.lower()] -= 1

    def find(self, path: str, host: str) -> _Page | None:
        """What stands now at `path` for the Host header `host` (a port in it is ignored); None: not a hot page."""
        if not self._entries:
            return None
        name = _bare(host)
        entry = self._entries.get((name, path))
        if entry is None:
            entry = self._entries.get(("", path))
            if entry is None or self._named[name]:  # a name of one brand's shows none of another's
                return None
        if entry.late is not None and entry.late_at is not None and self._clock() >= entry.late_at:
            return entry.late
        return entry.page


async def send_page(page: _Page, method: str, request_headers: Headers, send: Send) -> None:
    """Answer a GET or HEAD with `page`: gzip if accepted, 304 when the client has it already (RFC 9110, 13.1.2)."""
    form = page.plain
    if page.gzipped is not None and _accepts_gzip(first_header(request_headers, b"accept-encoding")):
        form = page.gzipped
    known = b",".join(value for name, value in request_headers if name == b"if-none-match")
    if known and _names(known, form.etag):
        await answer(send, 304, form.not_modified_headers, b"")
    else:
        await answer(send, 200, form.headers, b"" if method == "HEAD" else form.body)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:24]


def _page(body: bytes, etag: str, shared: Headers) -> _Page:
    small = gzip.compress(body, 6, mtime=0) if len(body) >= _WORTH_COMPRESSING else body
    if len(small) >= len(body):
        return _Page(_form(body, etag, shared), None)
    shared = [*shared, (b"vary", b"accept-encoding")]
    return _Page(
        _form(body, etag, shared),
        # Another tag, as a strong validator is a promise of the very same bytes.
        _form(small, f"{etag}-gzip", [*shared, (b"content-encoding", b"gzip")]),
    )


def _form(body: bytes, etag: str, shared: Headers) -> _Form:
    quoted = f'"{etag}"'.encode("latin-1")
    headers = [*shared, (b"etag", quoted)]
    return _Form(
        body=body,
        etag=quoted,
        headers=[*headers, (b"content-length", b"%d" % len(body))],
        not_modified_headers=[h for h in headers if h[0] not in (b"content-type", b"content-encoding")],
    )


@lru_cache(maxsize=256)
def _bare(host: str) -> str:
    """The host name in lower case without its port; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    return (name if colon and (port.isdigit() or not port) else host).lower()


@lru_cache(maxsize=256)
def _accepts_gzip(accept_encoding: bytes) -> bool:
    """RFC 9110, 12.5.3: gzip (or "*") is named and its weight is not zero; gzip by name wins over "*"."""
    weights: dict[bytes, float] = {}
    for part in accept_encoding.lower().split(b","):
        coding, _, parameter = part.partition(b";")
        _, _, weight = parameter.partition(b"=")
        try:
            weights[coding.strip()] = float(weight) if weight else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    return weights.get(b"gzip", weights.get(b"*", 0.0)) > 0


def _names(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the list names `etag`, compared weakly; "*" names anything."""
    tags = (tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b","))
    return any(tag in (b"*", etag) for tag in tags)
