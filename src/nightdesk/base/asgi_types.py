"""The shapes that ASGI hands about, as far as the front uses them (https://asgi.readthedocs.io, HTTP 2.3)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


def first_header(headers: Headers, name: bytes) -> bytes:
    """The value of the first header `name` (lower case); b"" when it is not there."""
    for key, value in headers:
        if key == name:
            return value
    return b""


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """One whole answer; the caller has put Content-Length among the headers if it wants one."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_text(send: Send, status: int, text: str, *more: tuple[bytes, bytes]) -> None:
    """A short plain answer that nobody may store."""
    body = (text + "\n").encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *more,
    ]
    await answer(send, status, headers, body)
