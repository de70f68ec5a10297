"""Server-sent events: telling open pages that something changed, never what it is.

A page holds a ticket that names its topics. When a topic changes, its stream says so, and the page asks again through
the ordinary door, where rights are checked. So a stream carries no secret, and a lost event costs a refresh only.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nightdesk.base.asgi_types import Headers, Receive, Send, answer_text
from nightdesk.base.clock import seconds

LIVE_PATH = "/live"
HEARTBEAT_SECONDS = 15.0
STALL_SECONDS = 30.0  # a client that takes nothing for so long is let go
RETRY_MILLISECONDS = 2000
ISSUE_SLACK_SECONDS = 5.0  # between a page's reading of the database and the making of its ticket
REMEMBERED_TOPICS = 4096
_PURPOSE = b"nightdesk live ticket 1\0"
_LONGEST_TICKET = 8192
_STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the events back
]


class TicketRefused(ValueError):
    """A ticket that opens nothing; the text says why in words fit for the one who sent it."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a page may hear of: its topics, until `expires_at` (excluded); both instants in UTC.

    `issued_at` None means that the page's age is unknown.
    """

    topics: frozenset[str]
    expires_at: datetime
    issued_at: datetime | None


def make_ticket(key: bytes, topics: Iterable[str], expires_at: datetime, *, issued_at: datetime | None = None) -> str:
    """A signed ticket for `topics` until `expires_at`, fit for a query string (letters, digits, "-", "_" and ".").

    With `issued_at` (when the page was made) the stream starts by naming the topics that changed since; without it, it
    starts by naming them all. Raises ValueError for naive instants, for no topic, and for a topic that is empty or
    holds a control character (it would break the stream's lines).
    """
    names = sorted(set(topics))
    if not names or not all(name and name.isprintable() for name in names):
        raise ValueError("a ticket needs topics, each of them printable text")
    for instant in (expires_at, issued_at):
        if instant is not None and instant.tzinfo is None:
            raise ValueError("a ticket's instants must be aware datetimes")
    facts = {"t": names, "e": expires_at.timestamp(), "i": issued_at.timestamp() if issued_at is not None else None}
    payload = _encode(json.dumps(facts, separators=(",", ":")).encode())
    ticket = payload + b"." + _encode(_seal(key, payload))
    if len(ticket) > _LONGEST_TICKET:
        raise ValueError(f"a ticket of {len(names)} topics is too long for a query string; name fewer")
    return ticket.decode()


def read_ticket(key: bytes, ticket: str, at: datetime) -> Ticket:
    """The ticket's facts at the instant `at`. Raises TicketRefused: forged, damaged, or expired at `at`."""
    payload, _, seal = ticket.encode("utf-8", "replace")[: _LONGEST_TICKET + 1].partition(b".")
    # Compared in constant time, and before anything in the payload is believed.
    if not hmac.compare_digest(seal, _encode(_seal(key, payload))):
        raise TicketRefused("This live ticket is not valid. Load the page again.")
    facts = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    expires_at = datetime.fromtimestamp(facts["e"], UTC)
    if at >= expires_at:
        raise TicketRefused("This live ticket has expired. Load the page again.")
    issued_at = datetime.fromtimestamp(facts["i"], UTC) if facts["i"] is not None else None
    return Ticket(frozenset(facts["t"]), expires_at, issued_at)


def _seal(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + payload, hashlib.sha256)


def _encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@dataclass(eq=False, slots=True)
class _Listener:
    """One open stream. What it has yet to say is a set, so a slow reader has at most one event a topic waiting."""

    ticket: Ticket
    waiting: set[str] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False


class Hub:
    """Who listens to what in this process. `publish` may be called from any thread; the rest belongs to the loop."""

    def __init__(self, *, max_streams: int = 2000, clock: Callable[[], float] = seconds) -> None:
        """`max_streams` streams at most at one time; `clock` gives seconds since the epoch."""
        self.max_streams = max_streams
        self._clock = clock
        self._listeners: set[_Listener] = set()
        self._by_topic: dict[str, set[_Listener]] = {}
        self._lock = threading.Lock()
        self._news: set[str] = set()
        self._changed_at: OrderedDict[str, float] = OrderedDict()
        self._complete_since = clock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    @property
    def streams(self) -> int:
        """How many streams are open now."""
        return len(self._listeners)

    def open(self) -> None:
        """Bind the hub to the running loop; called once at the start of the process."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Say goodbye on every stream and take no new ones. May be repeated. Belongs to the loop's thread."""
        self._closing = True
        for listener in self._listeners:
            listener.wake.set()

    def publish(self, topics: Iterable[str]) -> None:
        """Each of `topics` has changed: its listeners hear of it, once for all changes not yet read.

        Returns at once. Raises TypeError for a bare string, which would be taken letter by letter.
        """
        if isinstance(topics, str):
            raise TypeError("publish takes a collection of topics, not one string")
        news = set(topics)
        with self._lock:
            self._remember(news)
            if self._loop is None or self._loop.is_closed():
                return  # nobody can be listening
            if news and not self._news:
                self._loop.call_soon_threadsafe(self._spread)
            self._news |= news

    def _remember(self, topics: Iterable[str]) -> None:
        """Note when topics changed, for pages whose stream starts later. Bounded: the oldest are forgotten."""
        now = self._clock()
        for topic in topics:
            self._changed_at[topic] = now
            self._changed_at.move_to_end(topic)
        while len(self._changed_at) > REMEMBERED_TOPICS:
            _, self._complete_since = self._changed_at.popitem(last=False)

    def _spread(self) -> None:
        with self._lock:
            news, self._news = self._news, set()
        for topic in news:
            for listener in self._by_topic.get(topic, ()):
                listener.waiting.add(topic)
                listener.wake.set()

    def _missed(self, ticket: Ticket) -> set[str]:
        """The ticket's topics that may have changed between the making of its page and now."""
        if ticket.issued_at is None:
            return set(ticket.topics)
        since = ticket.issued_at.timestamp() - ISSUE_SLACK_SECONDS
        with self._lock:
            if since <= self._complete_since:
                return set(ticket.topics)
            return {topic for topic in ticket.topics if self._changed_at.get(topic, 0.0) >= since}

    async def stream(self, ticket: Ticket, receive: Receive, send: Send) -> None:
        """Answer one request with its events, until the client leaves, the ticket expires or the hub closes.

        503 with Retry-After when the process has all the streams it may have, or is about to stop.
        """
        if self._closing or len(self._listeners) >= self.max_streams:
            text = "Too many live pages are open here just now. Ask again later; the page itself works without."
            await answer_text(send, 503, text, (b"retry-after", b"10"))
            return
        listener = _Listener(ticket)
        self._listeners.add(listener)
        for topic in ticket.topics:
            self._by_topic.setdefault(topic, set()).add(listener)
        listener.waiting |= self._missed(ticket)
        watch = asyncio.create_task(_until_gone(listener, receive))
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
            await self._speak(listener, send)
        except TimeoutError:
            return  # it reads nothing: without an end of the body the server closes the connection
        finally:
            watch.cancel()
            self._listeners.discard(listener)
            for topic in ticket.topics:
                self._by_topic[topic].discard(listener)
                if not self._by_topic[topic]:
                    del self._by_topic[topic]

    async def _speak(self, listener: _Listener, send: Send) -> None:
        text = f"retry: {RETRY_MILLISECONDS}\n\n: open\n\n"
        while True:
            text += "".join(f"event: changed\ndata: {topic}\n\n" for topic in sorted(listener.waiting))
            listener.waiting.clear()
            listener.wake.clear()
            left = listener.ticket.expires_at.timestamp() - self._clock()
            ended = listener.gone or self._closing or left <= 0
            if ended and not listener.gone:
                text += f"event: end\ndata: {'shutdown' if self._closing else 'expired'}\n\n"
            async with asyncio.timeout(STALL_SECONDS):
                await send({"type": "http.response.body", "body": text.encode(), "more_body": not ended})
            if ended:
                return
            text = ""
            try:
                async with asyncio.timeout(min(HEARTBEAT_SECONDS, left)):
                    await listener.wake.wait()
            except TimeoutError:
                text = ": still here\n\n"


async def _until_gone(listener: _Listener, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.gone = True
    listener.wake.set()
