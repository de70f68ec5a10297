"""ARI, Asterisk's REST interface (https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/), over one
WebSocket: events come on it, and requests go over it as `RESTRequest` (Asterisk 22.5 or newer). Recordings alone come by HTTP.

The reader hands on what comes and does nothing else: Asterisk waits a tenth of a second for a WebSocket to take an event, and
with it waits everything.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import aiohttp

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""Seconds that Asterisk has to answer a request: it needs milliseconds."""
CONNECT_S = 5.0
HEARTBEAT_S = 10.0
PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each further attempt to connect; the last one for ever."""

Told: TypeAlias = Mapping[str, Any]
"""An event as ARI writes it; `type` says of which kind."""


class LegGone(Exception):
    """What was asked about is not there any more, or not in a state for that (404, 409, 412): somebody has just hung up."""


class Refused(Exception):
    """Asterisk will not do it. `status` is that of HTTP; 500 "Allocation failed" is an unregistered telephone."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason = status, reason


class Away(Exception):
    """There is no connection, or no answer in time. Whether it was done is not known."""


class TakenOver(Exception):
    """Another process has come to Asterisk as the same application: it has the calls now."""


class Ari:
    """One application at one Asterisk; lives in one event loop."""

    def __init__(self, url: str, user: str, secret: str, application: str = "nightdesk") -> None:
        self.application = application
        self._base = f"{url.rstrip('/')}/ari"
        self._log_in = {"Authorization": aiohttp.encode_basic_auth(user, secret)}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._waiting: dict[str, asyncio.Future[Told]] = {}
        self._numbers = count(1)

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def run(self, told: Callable[[Told], None], opened: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Hand every event to `told`, which must be quick; connect again for ever. `opened` is called once a connection is
        there, before its first event; what it gives back runs beside the reader, and may ask. Raises TakenOver.
        """
        failures = 0
        while True:
            pause_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
            try:
                async with aiohttp.ClientSession(headers=self._log_in) as http:
                    began = asyncio.get_running_loop().time()
                    await self._connection(http, told, opened)
                if asyncio.get_running_loop().time() - began > CONNECT_S:
                    failures, pause_s = 0, PAUSES_S[0]
                log.warning("The connection to Asterisk has ended.")
            except aiohttp.WSServerHandshakeError as refused:
                log.error("Asterisk refuses us (%d): are user and secret those of ari.conf?", refused.status)
            except (aiohttp.ClientError, OSError, TimeoutError) as trouble:
                if failures in (0, 10):
                    log.warning("Asterisk cannot be reached: %s", trouble or type(trouble).__name__)
            failures += 1
            await asyncio.sleep(pause_s)

    async def _connection(
        self, http: aiohttp.ClientSession, told: Callable[[Told], None], opened: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """One connection to its end."""
        address = f"{self._base}/events?{urlencode({'app': self.application})}"
        async with asyncio.timeout(CONNECT_S):
            socket = await http.ws_connect(address, heartbeat=HEARTBEAT_S, max_msg_size=0)
        self._socket = socket
        opening = asyncio.create_task(self._open(socket, opened()))
        try:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                event = read_event(message.data)
                if event is None:
                    log.warning("Asterisk sent what is no event of ARI: %.200r", message.data)
                elif event.get("type") == "RESTResponse":
                    future = self._waiting.pop(str(event.get("request_id")), None)
                    if future is not None and not future.done():
                        future.set_result(event)
                elif event.get("type") == "ApplicationReplaced":
                    raise TakenOver(f"another process has come to Asterisk as {self.application!r}")
                else:
                    told(event)
                if opening.done():
                    opening.result()
        finally:
            self._socket = None
            opening.cancel()
            with suppress(asyncio.CancelledError):
                await opening
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Away("the connection ended"))
            self._waiting.clear()
            await socket.close()

    async def _open(self, socket: aiohttp.ClientWebSocketResponse, opened: Coroutine[Any, Any, None]) -> None:
        """An Asterisk that is only half up answers so: the connection is given up, and tried again."""
        try:
            await opened
        except (Away, LegGone, Refused) as trouble:
            log.warning("Asterisk does not say what it has: %s", trouble)
            await socket.close()

    async def ask(self, method: str, path: str, body: Any = None, **query: str | int | bool) -> Any:
        """Do it, and give back the JSON that is answered; None where nothing is. Raises LegGone, Refused and Away."""
        socket = self._socket
        if socket is None:
            raise Away("there is no connection to Asterisk")
        number = f"r{next(self._numbers)}"
        written = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
        request: dict[str, Any] = {
            "type": "RESTRequest",
            "transaction_id": number,
            "request_id": number,
            "method": method,
            "uri": path + (f"?{urlencode(written, quote_via=quote)}" if written else ""),
        }
        if body is not None:
            request |= {"content_type": "application/json", "message_body": json.dumps(body)}
        answered: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        try:
            async with asyncio.timeout(ANSWER_S):
                await socket.send_str(json.dumps(request))
                answer = await answered
        except TimeoutError:
            raise Away(f"no answer to {method} {path} within {ANSWER_S:g} s") from None
        except (ConnectionError, aiohttp.ClientError) as broken:
            raise Away(str(broken)) from None
        finally:
            self._waiting.pop(number, None)
        return _answered(answer)

    async def fetch_recording(self, name: str) -> bytes:
        """The bytes of a stored recording, by HTTP. Raises LegGone where there is none, Refused and Away."""
        address = f"{self._base}/recordings/stored/{quote(name, safe='')}/file"
        try:
            limit = aiohttp.ClientTimeout(total=30)
            async with aiohttp.request("GET", address, headers=self._log_in, timeout=limit) as answer:
                if answer.status == 404:
                    raise LegGone(name)
                if answer.status != 200:
                    raise Refused(answer.status, answer.reason or "")
                return await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as trouble:
            raise Away(str(trouble) or type(trouble).__name__) from None


def read_event(text: str) -> Told | None:
    """What Asterisk tells; None where it is no JSON object."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _answered(answer: Told) -> Any:
    status, text = int(answer["status_code"]), answer.get("message_body") or ""
    if status in (404, 409, 412):
        raise LegGone(f"{answer.get('uri', '')}: {answer.get('reason_phrase', '')}")
    try:
        content = json.loads(text) if text else None
    except ValueError:
        content = None
    if status >= 300:
        error = content.get("error") or content.get("message") if isinstance(content, dict) else None
        raise Refused(status, str(error or answer.get("reason_phrase", "")))
    return content
