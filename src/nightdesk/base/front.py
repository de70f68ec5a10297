"""The one HTTP process: hot pages and live streams answered here, everything else by the WSGI application.

Measured on two cores, this way of answering hot pages reaches about half of nginx and twenty times a Django view, and
needs no second program in front. Nothing here knows Django; the application and the background work are handed in.
"""

import asyncio
import errno
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from urllib.parse import parse_qs

import uvloop
from granian.server.embed import Server

from nightdesk.base.asgi_types import Receive, Scope, Send, answer_text, first_header
from nightdesk.base.clock import seconds
from nightdesk.base.forwarded import seen_through, without_claims
from nightdesk.base.hot import HotBytes, send_page
from nightdesk.base.live import LIVE_PATH, Hub, TicketRefused, make_ticket, read_ticket
from nightdesk.base.wsgi_door import MEBIBYTE, WsgiApp, WsgiDoor

__all__ = ["Front", "PortTaken", "ServerDied", "make_ticket", "serve"]

SHORTEST_KEY = 16  # bytes
CONNECTIONS = 8192  # granian's default of 1024 open streams would stop the whole process from accepting
_RESTART_FIRST_SECONDS = 0.5
_RESTART_LAST_SECONDS = 30.0
log = logging.getLogger(__name__)

Background = Callable[["Front"], Awaitable[None]]


class Front:
    """An ASGI application. `hot` holds ready pages, `hub` the live streams; both may be fed from any thread."""

    def __init__(
        self,
        wsgi_app: WsgiApp,
        *,
        key: bytes,
        background: Sequence[Background] = (),
        threads: int = 8,
        max_body: int = MEBIBYTE,
        larger_bodies: Mapping[str, int] | None = None,
        trusted_proxies: Sequence[str] = (),
        max_streams: int = 2000,
        clock: Callable[[], float] = seconds,
    ) -> None:
        """`key` (16 bytes or more) signs live tickets. `threads`, `max_body`, `larger_bodies`: see WsgiDoor.

        `background` are coroutine functions that run beside the requests for as long as the process; one that raises is
        logged and started again after a pause (0.5 s, doubling to 30 s), one that returns is done. `trusted_proxies`
        are networks ("10.0.0.0/8", "::1") whose X-Forwarded-For, -Proto and -Host are believed. `clock` gives seconds
        since the epoch. Raises ValueError for a short key and for a network that cannot be read.
        """
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"The key for live tickets has {len(key)} bytes; {SHORTEST_KEY} are needed.")
        self.hot = HotBytes(clock=clock)
        self.hub = Hub(max_streams=max_streams, clock=clock)
        self._key = key
        self._clock = clock
        self._door = WsgiDoor(wsgi_app, threads=threads, max_body=max_body, larger_bodies=larger_bodies)
        self._trusted = tuple(ip_network(network) for network in trusted_proxies)
        self._background = tuple(background)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def requests_at_work(self) -> int:
        """How many requests the WSGI application has in hand."""
        return self._door.at_work

    async def start(self) -> None:
        """Begin: bind the hub to this loop and start the background work."""
        self.hub.open()
        self._tasks = [asyncio.create_task(self._keep_running(work)) for work in self._background]

    async def stop(self) -> None:
        """End the live streams and the background work. Safe to repeat; returns when the background work has ended."""
        self.hub.close()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_running(self, work: Background) -> None:
        pause = _RESTART_FIRST_SECONDS
        while True:
            began = time.monotonic()
            try:
                await work(self)
                return
            except Exception:  # a poller that dies unseen would leave every screen old
                if time.monotonic() - began > _RESTART_LAST_SECONDS:
                    pause = _RESTART_FIRST_SECONDS
                log.exception("Background work %r failed; it starts again in %.1f s.", work, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _RESTART_LAST_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        host = first_header(headers, b"host")
        client, port = scope.get("client") or ("", 0)
        if self._trusted:
            seen = seen_through(client, scope["scheme"], headers, self._trusted)
            if seen.client != client:
                client, port = seen.client, 0
            host = seen.host or host
            headers = [(b"host", host), *((n, v) for n, v in headers if n != b"host")] if seen.host else headers
            scope["scheme"] = seen.scheme
        if scope["method"] in ("GET", "HEAD"):
            page = self.hot.find(scope["path"], host.decode("latin-1"))
            if page is not None:
                await send_page(page, scope["method"], headers, send)
                return
        if scope["path"] == LIVE_PATH:
            await self._live(scope, receive, send)
            return
        scope["client"] = (client, port)
        scope["headers"] = without_claims(headers)
        await self._door(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await answer_text(send, 405, "A live stream is asked for with GET.", (b"allow", b"GET"))
            return
        sent = parse_qs(scope["query_string"].decode("latin-1")).get("t", [""])[0]
        try:
            ticket = read_ticket(self._key, sent, datetime.fromtimestamp(self._clock(), UTC))
        except TicketRefused as refused:
            await answer_text(send, 403, str(refused))
            return
        await self.hub.stream(ticket, receive, send)


class PortTaken(OSError):
    """Another program listens at the address already."""


class ServerDied(RuntimeError):
    """The HTTP server ended though nobody told it to."""


def serve(app: Front, host: str = "127.0.0.1", port: int = 8000, *, grace_seconds: float = 3.0) -> None:
    """Answer HTTP/1.1 at `host`:`port` in this process until SIGTERM or SIGINT; call it in the main thread.

    At the signal the live streams are told goodbye, nothing new is accepted, and requests in hand have `grace_seconds`
    to finish. If some do not (a hung request, a client that reads nothing) the process ends there and then with
    code 0 and this function does not return; a second signal ends it at once with code 1. It returns None otherwise.
    Raises PortTaken and ServerDied.
    """
    refuse_taken_port(host, port)
    _allow_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        finished = runner.run(_serve(app, host, port, grace_seconds))
    if not finished:
        # Threads of the pool that hang would be waited for at the interpreter's end, for ever.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


async def _serve(app: Front, host: str, port: int, grace_seconds: float) -> bool:
    """Whether everything had ended by itself in time."""
    # The embedded server runs in this process. granian's usual one forks a worker that goes on serving, with old pages,
    # after its parent was killed; and it waits for open streams to end before it tells the application to stop.
    server = Server(
        app,
        address=host,
        port=port,
        interface="asgi",
        http="1",
        websockets=False,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        log_access=False,
        log_level="error",
        # Levels only: a full dictConfig would close the handlers that the program has set up.
        log_dictconfig={"incremental": True, "formatters": {}, "handlers": {}, "loggers": {}},
    )
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if told.is_set():
            os._exit(1)
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    serving = asyncio.create_task(server.serve())
    asked = asyncio.create_task(told.wait())
    await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        asked.cancel()
        serving.result()
        raise ServerDied(f"The HTTP server at {host}:{port} ended by itself. Its reason is in the log above.")
    app.hub.close()
    server.stop()
    done, _ = await asyncio.wait({serving}, timeout=grace_seconds)
    if not done or app.requests_at_work:
        log.warning("Stopping with %d requests and %d streams cut off.", app.requests_at_work, app.hub.streams)
        await asyncio.wait({asyncio.create_task(app.stop())}, timeout=1.0)
        return False
    return True


def refuse_taken_port(host: str, port: int) -> None:
    """Raise PortTaken if somebody listens there: granian would share the port, and each would get half the requests."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise
            text = f"{host}:{port} is in use by another program. Stop it, or choose another port."
            raise PortTaken(errno.EADDRINUSE, text) from None


def _allow_connections() -> None:
    """Raise the soft limit of open files (1024 on many systems) so that it is not the first thing to run out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
