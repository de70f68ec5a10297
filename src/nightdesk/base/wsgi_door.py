"""The door from the front to the WSGI application: what comes in is whole and small enough, what goes out gets out.

A body is read to its end before a thread is taken, so a slow or broken sender never holds a thread, a body that is too
large is refused unread, and the application never sees half a body or a chunked one (WSGI has no word for those).
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from a2wsgi import WSGIMiddleware

from nightdesk.base.asgi_types import Headers, Message, Receive, Scope, Send, answer, first_header

MEBIBYTE = 1024 * 1024
BODY_STALL_SECONDS = 30.0
SEND_STALL_SECONDS = 60.0
_READ_AWAY_BYTES = 8 * MEBIBYTE
_READ_AWAY_SECONDS = 2.0

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
log = logging.getLogger(__name__)


class _Refused(Exception):
    """A request that the application will not see, as an RFC 9457 problem."""

    def __init__(self, status: int, code: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.unread = True  # whether more of the body may be on its way
        self.status = status
        self.problem = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}


class _SenderGone(Exception):
    """The client hung up before its body was whole."""


class WsgiDoor:
    """Hands requests to a WSGI application in a pool of threads."""

    def __init__(
        self,
        app: WsgiApp,
        *,
        threads: int = 8,
        max_body: int = MEBIBYTE,
        larger_bodies: Mapping[str, int] | None = None,
        max_held: int = 64 * MEBIBYTE,
        max_waiting: int = 512,
    ) -> None:
        """`threads` requests run at once, `max_waiting` more wait; bodies may have `max_body` bytes.

        `larger_bodies` gives path prefixes their own limit; the longest that fits counts. `max_held` bounds the bytes
        of all bodies in memory together. Whoever comes when the house is full gets 503 and Retry-After.
        """
        self._app = WSGIMiddleware(app, workers=threads)
        self._max_body = max_body
        self._larger_bodies = sorted((larger_bodies or {}).items(), key=lambda item: -len(item[0]))
        self._max_held = max_held
        self._max_at_once = threads + max_waiting
        self._held = 0
        self.at_work = 0  # requests that the application has, running or waiting for a thread

    def body_limit(self, path: str) -> int:
        """How many bytes a body for `path` may have."""
        return next((limit for prefix, limit in self._larger_bodies if path.startswith(prefix)), self._max_body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        try:
            if self.at_work >= self._max_at_once:
                raise _Refused(503, "busy", "Service Unavailable", "Too many requests are waiting. Ask again later.")
            await self._read(scope, receive, body)
            headers = _for_wsgi(scope["headers"], len(body))
            whole = {**scope, "headers": headers, "query_string": _ascii(scope["query_string"])}
            self.at_work += 1
            try:
                await self._app(whole, _one_message(bytes(body)), _Outflow(send))
            finally:
                self.at_work -= 1
        except _Refused as refused:
            await _refuse(refused, scope, receive, send)
        except _SenderGone:
            return
        finally:
            self._held -= len(body)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> None:
        """Fill `body`. Raises _Refused (too large, too slow, memory full) or _SenderGone."""
        limit = self.body_limit(scope["path"])
        declared = first_header(scope["headers"], b"content-length")
        too_large = _Refused(
            413,
            "body_too_large",
            "Content Too Large",
            f"The body is larger than the {limit} bytes that this address takes. Send less, or send it in parts.",
        )
        no_room = _Refused(503, "busy", "Service Unavailable", "Too many uploads at once. Ask again later.")
        if declared.isdigit() and int(declared) > limit:
            raise too_large
        while True:
            try:
                async with asyncio.timeout(BODY_STALL_SECONDS):
                    message = await receive()
            except TimeoutError:
                detail = f"No part of the body came for {BODY_STALL_SECONDS:.0f} s. Send the request again."
                too_slow = _Refused(408, "body_too_slow", "Request Timeout", detail)
                too_slow.unread = False
                raise too_slow from None
            if message["type"] == "http.disconnect":
                raise _SenderGone
            chunk, more = message.get("body", b""), message.get("more_body", False)
            for refused, excess in ((too_large, len(body) - limit), (no_room, self._held - self._max_held)):
                if excess + len(chunk) > 0:
                    refused.unread = more
                    raise refused
            body += chunk
            self._held += len(chunk)
            if not more:
                return


class _Outflow:
    """`send` that never raises and never blocks for good.

    a2wsgi's thread waits for its sender; were that to die or stall with the client, the thread would be lost. So after
    a client has taken nothing for SEND_STALL_SECONDS the rest of the answer goes nowhere, and the connection is closed
    by the missing end.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lost = False

    async def __call__(self, message: Message) -> None:
        if self._lost:
            return
        try:
            async with asyncio.timeout(SEND_STALL_SECONDS):
                await self._send(message)
        except (TimeoutError, OSError, RuntimeError) as problem:
            self._lost = True
            log.info("A client stopped taking its answer: %r", problem)


def _one_message(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _for_wsgi(headers: Headers, length: int) -> Headers:
    """The headers as WSGI wants them: one Cookie (RFC 9113, 8.2.3), and a length instead of chunks."""
    cookies = [value for name, value in headers if name == b"cookie"]
    kept = [(n, v) for n, v in headers if n not in (b"cookie", b"transfer-encoding", b"content-length")]
    if cookies:
        kept.append((b"cookie", b"; ".join(cookies)))
    if length or any(name in (b"transfer-encoding", b"content-length") for name, _ in headers):
        kept.append((b"content-length", b"%d" % length))
    return kept


def _ascii(query: bytes) -> bytes:
    """The query with raw bytes above 127 as %XX: clients do send them, and a2wsgi takes ASCII only."""
    return query if query.isascii() else b"".join(b"%c" % c if c < 128 else b"%%%02X" % c for c in query)


async def _refuse(refused: _Refused, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the problem and end the connection.

    First some of the unread body is read and thrown away: closing a connection with unread bytes resets it, and most
    clients would then report a broken pipe rather than the answer.
    """
    if refused.unread and first_header(scope["headers"], b"expect").lower() != b"100-continue":
        await _read_away(receive)
    body = json.dumps(refused.problem).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    if refused.status == 503:
        headers.append((b"retry-after", b"2"))
    await answer(send, refused.status, headers, body)


async def _read_away(receive: Receive) -> None:
    left = _READ_AWAY_BYTES
    try:
        async with asyncio.timeout(_READ_AWAY_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
