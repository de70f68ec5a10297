"""HTTP requests over connections that are kept: what drivers that call somebody need.

A server may close a kept connection without a word, at the very moment that we use it. Waiting out a pause for that would
make a page late for nothing, so the request is made again at once, on a fresh connection. It has the same id; and a server
that did take the first one would have been asked again after the pause as well.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver

_KEEP_S = 15.0
_AGAIN = 3


def open_session(resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """A session in the running loop. It stores no cookies, and the gate alone bounds how many requests there are."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_S, resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


@asynccontextmanager
async def posted(
    session: aiohttp.ClientSession, url: str, *, data: Any, headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a POST; redirects are not followed. Raises aiohttp.ClientError, OSError, ValueError (a bad URL)."""
    async with await _ask(session, "POST", url, data=data, headers=headers) as answer:
        yield answer


@asynccontextmanager
async def fetched(
    session: aiohttp.ClientSession, url: str, *, headers: Mapping[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a GET, as `posted` gives that of a POST."""
    async with await _ask(session, "GET", url, headers=headers) as answer:
        yield answer


async def _ask(session: aiohttp.ClientSession, method: str, url: str, **more: Any) -> aiohttp.ClientResponse:
    for left in reversed(range(_AGAIN)):
        seen = {"reused": False}
        try:
            return await session.request(method, url, allow_redirects=False, trace_request_ctx=seen, **more)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not (left and seen["reused"]):
                raise
    raise AssertionError("the last try returns or raises")


async def _note_reuse(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    del session, params
    context.trace_request_ctx["reused"] = True
