"""A telephony provider that speaks Twilio's language, with telephones that ring and audio that is heard.

It takes calls from a switch (`Switch`, such as an Asterisk), asks our program what to do by signed web hooks, and carries out
the TwiML: Say, Play, Pause, Gather, Record, Dial (Number, Conference), Redirect, Hangup, Reject. Its REST side makes, changes
and ends calls, and has conferences and recordings. What it does not know is a `problem`, never passed over.

As at the real one, keys that nobody gathers are lost, a call that is sent elsewhere leaves what it was at, and a web hook that
fails ends the call, or has the number's fall-back asked.
"""

import asyncio
import base64
import contextlib
import io
import json
import threading
import uuid
import wave
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar
from xml.etree import ElementTree

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.peers.sms_provider import API_VERSION, E164, is_web_address

MOST_DOCUMENTS = 2000
OVER = ("completed", "busy", "no-answer", "failed", "canceled")
Done = TypeVar("Done")


class NotAnswered(Exception):
    """`status`: busy, no-answer or failed."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Connection(Protocol):
    """One telephone at the switch. `digits` come as they are pressed; `ended` is set once it has gone."""

    digits: "asyncio.Queue[str]"
    ended: asyncio.Event

    async def answer(self) -> None: ...

    async def play(self, wav: bytes) -> None:
        """Come back when it was heard; cancelled, it stops."""

    async def record(self, longest_s: int, silence_s: int, *, tone: bool) -> "tuple[bytes, str]":
        """(what was said, "key", "silence", "longest" or "hangup"); cancelled, it raises `Stopped` with what there is."""

    async def meet(self, room: str, *, muted: bool) -> None: ...

    async def part(self) -> None: ...

    async def hang_up(self, *, busy: bool = False) -> None: ...


class Stopped(Exception):
    """A recording was stopped by something else; `wav` is what there is of it."""

    def __init__(self, wav: bytes) -> None:
        super().__init__("stopped")
        self.wav = wav


class Switch(Protocol):
    """What carries the calls."""

    async def open(self, came: "Callable[[Connection, str, str], None]") -> None:
        """`came` hears of each call from outside: (connection, caller's number, called number)."""

    async def dial(self, to: str, shown: str, ringing: Callable[[], None]) -> Connection:
        """Comes back when it is picked up. Raises NotAnswered; cancelled, it stops ringing."""

    async def speak(self, text: str, language: str) -> bytes:
        """The words as a WAV."""

    async def close(self) -> None: ...


@dataclass
class PeerCall:
    """One call. `heard` is what was spoken to it, `told` each status that went out, `documents` what it was told to do."""

    sid: str
    to: str
    from_: str
    direction: str
    url: str = ""
    callback: str = ""
    events: tuple[str, ...] = ("completed",)
    timeout_s: int = 60
    status: str = "queued"
    heard: list[str] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    room: str = ""
    connection: Connection | None = None
    answered: bool = False
    sent_to: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    sequence: int = 0


@dataclass
class Number:
    """What the account's number asks when it is rung."""

    voice_url: str
    status_callback: str = ""
    fallback_url: str = ""


class TwimlPeer:
    """A provider with one account on one switch; use it as a context manager. `url` is its base address."""

    def __init__(
        self, switch: Switch, *, account_sid: str = "AC" + "7" * 32, auth_token: str = "a-token-for-calls"
    ) -> None:
        self.switch, self.account_sid, self.auth_token = switch, account_sid, auth_token
        self.numbers: dict[str, Number] = {}
        self.calls: dict[str, PeerCall] = {}
        self.recordings: dict[str, bytes] = {}
        self.problems: list[str] = []
        self.hooks: list[tuple[str, dict[str, str], int]] = []
        self.patience_s = 0.0
        """So long a web hook that nobody takes is asked again (the real one: once, or up to 15 s where it is told to)."""
        self.url = ""
        self._rooms: dict[str, tuple[str, set[str]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="twiml-peer", daemon=True)
        self._http: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def do(self, what: Coroutine[Any, Any, Done]) -> Done:
        """Run it in the peer's loop, from a test."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    def calls_to(self, number: str) -> list[PeerCall]:
        return [call for call in self.calls.values() if call.to == number]

    async def _open(self) -> None:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        app = web.Application(middlewares=[self._log_in])
        account = f"/{API_VERSION}/Accounts/{self.account_sid}"
        app.add_routes(
            [
                web.post(f"{account}/Calls.json", self._make),
                web.get(f"{account}/Calls.json", self._list),
                web.get(f"{account}/Calls/{{sid}}.json", self._show),
                web.post(f"{account}/Calls/{{sid}}.json", self._change),
                web.get(f"{account}/Conferences.json", self._conferences),
                web.get(f"{account}/Conferences/{{room}}/Participants.json", self._participants),
                web.post(f"{account}/Conferences/{{room}}/Participants/{{sid}}.json", self._change_participant),
                web.get(f"{account}/Recordings/{{sid}}.wav", self._recording),
                web.delete(f"{account}/Recordings/{{sid}}.json", self._forget),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert self._runner.addresses
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        await self.switch.open(self._came)

    async def _close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.switch.close()
        assert self._http is not None
        assert self._runner is not None
        await self._http.close()
        await self._runner.cleanup()

    def _start(self, what: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = self._loop.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.problems.append(repr(task.exception()))

    # --- Calls that come, and calls that are made ---

    def _came(self, connection: Connection, caller: str, called: str) -> None:
        number = self.numbers.get(called)
        if number is None:
            self._start(connection.hang_up())
            return
        call = PeerCall(
            _sid("CA"), called, caller or "+266696687", "inbound", number.voice_url, number.status_callback,
            status="ringing", connection=connection,
        )  # fmt: skip
        self.calls[call.sid] = call
        self._start(self._take(call, number))

    async def _take(self, call: PeerCall, number: Number) -> None:
        assert call.connection is not None
        try:
            await self._carry(call, number.fallback_url)
        finally:
            await self._end(call, "completed" if call.answered else "no-answer")

    async def _place(self, call: PeerCall) -> None:
        await self._tell(call, "initiated")
        rang = asyncio.Event()

        def ringing() -> None:
            if not rang.is_set():
                rang.set()
                self._start(self._tell(call, "ringing"))

        dialling = asyncio.ensure_future(self.switch.dial(call.to, call.from_, ringing))
        cancelled = asyncio.ensure_future(call.cancelled.wait())
        done, _ = await asyncio.wait({dialling, cancelled}, timeout=call.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        if dialling not in done:
            await _stopped(dialling)
            await self._end(call, "canceled" if call.cancelled.is_set() else "no-answer")
            return
        try:
            call.connection = dialling.result()
        except NotAnswered as gone:
            await self._end(call, gone.status)
            return
        call.answered = True
        await self._tell(call, "in-progress")
        try:
            await self._carry(call, "")
        finally:
            await self._end(call, "completed")

    async def _end(self, call: PeerCall, status: str) -> None:
        if call.connection is not None and not call.connection.ended.is_set():
            await call.connection.hang_up()
        if call.status not in OVER:
            await self._tell(call, status)

    async def _tell(self, call: PeerCall, status: str) -> None:
        """Report a status, in the order in which they happen."""
        if call.status in OVER:
            return
        call.status = "ringing" if status == "initiated" else status
        number, call.sequence = call.sequence, call.sequence + 1
        event = {"in-progress": "answered"}.get(status, status)
        if not call.callback or ("completed" if status in OVER else event) not in call.events:
            return
        form = self._form(call) | {"CallStatus": status, "SequenceNumber": str(number)}
        if status == "failed":
            form["SipResponseCode"] = "480"
        call.told.append(form)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            await self._post(call.callback, form)

    def _form(self, call: PeerCall) -> dict[str, str]:
        return {
            "CallSid": call.sid,
            "AccountSid": self.account_sid,
            "From": call.from_,
            "To": call.to,
            "CallStatus": call.status,
            "Direction": call.direction,
            "ApiVersion": API_VERSION,
        }

    async def _post(self, address: str, form: Mapping[str, str]) -> tuple[int, str]:
        assert self._http is not None
        signature = RequestValidator(self.auth_token).compute_signature(address, dict(form))
        headers = {"X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1"}
        end = self._loop.time() + self.patience_s
        while True:
            try:
                async with self._http.post(address, data=form, headers=headers) as answer:
                    body = await answer.text()
                    self.hooks.append((address, dict(form), answer.status))
                    return answer.status, body
            except aiohttp.ClientConnectionError:
                if self._loop.time() > end:
                    raise
                await asyncio.sleep(0.3)

    # --- TwiML ---

    async def _carry(self, call: PeerCall, fallback: str) -> None:
        """One document after the other, until one leads nowhere or the telephone has gone."""
        connection = call.connection
        assert connection is not None
        wanted: tuple[str, dict[str, str]] | None = (call.url, {})
        for _ in range(MOST_DOCUMENTS):
            if wanted is None or connection.ended.is_set():
                return
            try:
                status, body = await self._post(wanted[0], self._form(call) | wanted[1])
            except (aiohttp.ClientError, TimeoutError) as error:
                status, body = 502, repr(error)
            if status != 200:
                call.heard.append("An application error has occurred.")
                wanted, fallback = ((fallback, {}), "") if fallback else (None, "")
                continue
            call.documents.append(body)
            wanted = await self._interruptible(call, connection, ElementTree.fromstring(body))

    async def _interruptible(
        self, call: PeerCall, connection: Connection, root: ElementTree.Element
    ) -> tuple[str, dict[str, str]] | None:
        """What the document leads to; whatever it is at is left when the call ends, or is sent elsewhere."""
        carrying = asyncio.ensure_future(self._document(call, connection, root))
        elsewhere = asyncio.ensure_future(call.sent_to.get())
        gone = asyncio.ensure_future(connection.ended.wait())
        try:
            await asyncio.wait({carrying, elsewhere, gone}, return_when=asyncio.FIRST_COMPLETED)
            sent = elsewhere.result() if elsewhere.done() else None
            if not carrying.done() and gone.done() and root.find("Record") is not None:
                await asyncio.wait({carrying}, timeout=5)  # what was said until then is kept
            if sent is None and carrying.done():
                return carrying.result()
            return (sent, {}) if sent else None
        finally:
            for task in (carrying, elsewhere, gone):
                if not task.done():
                    await _stopped(task)

    async def _document(
        self, call: PeerCall, connection: Connection, root: ElementTree.Element
    ) -> tuple[str, dict[str, str]] | None:
        for place, verb in enumerate(root):
            if verb.tag == "Reject":
                await connection.hang_up(busy=verb.get("reason") == "busy")
                return None
            if verb.tag == "Pause" and place == 0 and not call.answered:  # it rings on for so long
                await asyncio.sleep(float(verb.get("length", "1")))
                continue
            if not call.answered and verb.tag not in ("Redirect", "Hangup"):
                call.answered = True
                await connection.answer()
                call.status = "in-progress"
            match verb.tag:
                case "Say" | "Play" | "Pause":
                    await self._sound(call, connection, verb)
                case "Gather":
                    digits = await self._gather(call, connection, verb)
                    if digits:
                        return verb.attrib["action"], {"Digits": digits}
                case "Record":
                    return await self._record(call, connection, verb)
                case "Dial":
                    outcome = await self._dial(call, connection, verb)
                    if verb.get("action"):
                        return verb.attrib["action"], outcome
                case "Redirect":
                    return (verb.text or "").strip(), {}
                case "Hangup":
                    return None
                case other:
                    self.problems.append(f"{other} is no verb that this peer knows")
        return None

    async def _sound(self, call: PeerCall, connection: Connection, verb: ElementTree.Element) -> None:
        if verb.tag == "Pause":
            await asyncio.sleep(float(verb.get("length", "1")))
            return
        if verb.tag == "Say":
            call.heard.append(verb.text or "")
            wav = await self.switch.speak(verb.text or "", verb.get("language", "en-US"))
        else:
            wav = await self._fetched((verb.text or "").strip())
        times = int(verb.get("loop", "1"))
        while not connection.ended.is_set():
            await connection.play(wav)
            times -= 1
            if times == 0:
                return

    async def _fetched(self, address: str) -> bytes:
        assert self._http is not None
        async with self._http.get(address) as answer:
            if answer.status != 200:
                self.problems.append(f"{address} cannot be played: {answer.status}")
                return _silence(0.1)
            return await answer.read()

    async def _gather(self, call: PeerCall, connection: Connection, verb: ElementTree.Element) -> str:
        while not connection.digits.empty():  # what was pressed while nobody gathered is lost
            connection.digits.get_nowait()
        most, finish = int(verb.get("numDigits", "1000")), verb.get("finishOnKey", "#")
        wait_s, digits = float(verb.get("timeout", "5")), ""
        inside = asyncio.ensure_future(self._each(call, connection, list(verb)))
        pressed = asyncio.ensure_future(connection.digits.get())
        try:
            await asyncio.wait({inside, pressed}, return_when=asyncio.FIRST_COMPLETED)
            if not pressed.done():
                await asyncio.wait({pressed}, timeout=wait_s)
            await _stopped(inside)
            while pressed.done():
                digit = pressed.result()
                if finish and digit in finish:
                    break
                digits += digit
                if len(digits) >= most:
                    break
                pressed = asyncio.ensure_future(connection.digits.get())
                await asyncio.wait({pressed}, timeout=wait_s)
        finally:
            pressed.cancel()
            await _stopped(inside)
        return digits

    async def _each(self, call: PeerCall, connection: Connection, verbs: list[ElementTree.Element]) -> None:
        for verb in verbs:
            await self._sound(call, connection, verb)

    async def _record(
        self, call: PeerCall, connection: Connection, verb: ElementTree.Element
    ) -> tuple[str, dict[str, str]] | None:
        longest, silence = int(verb.get("maxLength", "3600")), int(verb.get("timeout", "5"))
        sid = _sid("RE")
        try:
            wav, ended = await connection.record(longest, silence, tone=verb.get("playBeep", "true") == "true")
        except Stopped as stopped:
            self._keep(call, verb, sid, stopped.wav)
            raise asyncio.CancelledError from None
        told = self._keep(call, verb, sid, wav)
        digits = {"key": "#", "hangup": "hangup"}.get(ended, "")
        form = told | ({"Digits": digits} if digits else {})
        if ended == "hangup":
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self._post(verb.attrib["action"], self._form(call) | form | {"CallStatus": "completed"})
            return None
        return verb.attrib["action"], form

    def _keep(self, call: PeerCall, verb: ElementTree.Element, sid: str, wav: bytes) -> dict[str, str]:
        self.recordings[sid] = wav
        url = f"{self.url}/{API_VERSION}/Accounts/{self.account_sid}/Recordings/{sid}"
        told = {"RecordingUrl": url, "RecordingSid": sid, "RecordingDuration": str(round(_seconds(wav)))}
        callback = verb.get("recordingStatusCallback")
        if callback:
            form = {"CallSid": call.sid, "AccountSid": self.account_sid, "RecordingStatus": "completed", **told}
            self._start(self._post(callback, form))
        return told

    async def _dial(self, call: PeerCall, connection: Connection, verb: ElementTree.Element) -> dict[str, str]:
        conference, number = verb.find("Conference"), verb.find("Number")
        if conference is not None:
            await self._meet(call, connection, conference, star=verb.get("hangupOnStar") == "true")
            return {"DialCallStatus": "completed"}
        to = ((number.text if number is not None else verb.text) or "").strip()
        dialling = self.switch.dial(to, verb.get("callerId", call.from_), lambda: None)
        try:
            other = await asyncio.wait_for(dialling, float(verb.get("timeout", "30")))
        except NotAnswered as gone:
            return {"DialCallStatus": gone.status}
        except TimeoutError:
            return {"DialCallStatus": "no-answer"}
        room = _sid("CF")
        try:
            for one in (connection, other):
                await one.meet(room, muted=False)
            await other.ended.wait()
        finally:
            if not other.ended.is_set():
                await other.hang_up()
        return {"DialCallStatus": "completed"}

    async def _meet(
        self, call: PeerCall, connection: Connection, conference: ElementTree.Element, *, star: bool
    ) -> None:
        name = (conference.text or "").strip()
        sid, there = self._rooms.setdefault(name, (_sid("CF"), set()))
        there.add(call.sid)
        call.room = name
        try:
            music = await self._fetched(conference.get("waitUrl", "")) if conference.get("waitUrl") else b""
            while len(self._rooms[name][1]) < 2:  # alone it hears music
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(connection.play(music) if music else asyncio.sleep(0.2), 0.3)
            await connection.meet(sid, muted=conference.get("muted") == "true")
            while not (await connection.digits.get() == "*" and star):
                pass
        finally:
            there.discard(call.sid)
            call.room = ""
            if not connection.ended.is_set():
                await connection.part()

    # --- REST ---

    @web.middleware
    async def _log_in(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        name_and_token = f"{self.account_sid}:{self.auth_token}".encode()
        if request.headers.get("Authorization") != f"Basic {base64.b64encode(name_and_token).decode()}":
            return _error(401, 20003, "Authenticate")
        return await handler(request)

    async def _make(self, request: web.Request) -> web.Response:
        form = await request.post()
        to, caller, url = str(form.get("To", "")), str(form.get("From", "")), str(form.get("Url", ""))
        if not (E164.fullmatch(to) or to.startswith("sip:")):
            return _error(400, 21211, f"The phone number you are attempting to call, {to}, is not valid.")
        if caller not in self.numbers:
            return _error(400, 21210, f"'From' phone number not verified: {caller}")
        if not is_web_address(url):
            return _error(400, 21205, f"Url is not a valid URL: {url}")
        events = tuple(str(one) for one in form.getall("StatusCallbackEvent", ["completed"]))
        call = PeerCall(
            _sid("CA"), to, caller, "outbound-api", url, str(form.get("StatusCallback", "")), events,
            int(str(form.get("Timeout", "60"))),
        )  # fmt: skip
        self.calls[call.sid] = call
        self._start(self._place(call))
        return web.json_response(self._resource(call), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        wanted = [
            call for call in reversed(self.calls.values())
            if request.query.get("To", call.to) == call.to and request.query.get("From", call.from_) == call.from_
        ]  # fmt: skip
        page = {"calls": [self._resource(call) for call in wanted], "page": 0, "page_size": 50, "next_page_uri": None}
        return web.json_response(page)

    async def _show(self, request: web.Request) -> web.Response:
        call = self.calls.get(request.match_info["sid"])
        return web.json_response(self._resource(call)) if call else _error(404, 20404, "not found")

    async def _change(self, request: web.Request) -> web.Response:
        call = self.calls.get(request.match_info["sid"])
        if call is None:
            return _error(404, 20404, "not found")
        form = await request.post()
        status, url = str(form.get("Status", "")), str(form.get("Url", ""))
        rings = call.status in ("queued", "initiated", "ringing") and call.direction != "inbound"
        if call.status in OVER or (url and call.connection is None):
            return _error(400, 21220, "Call is not in-progress. Cannot redirect.")
        if status == "canceled":
            if not rings:
                return _error(400, 21220, "Unable to update record: the call is not queued or ringing.")
            call.cancelled.set()
            return web.json_response(self._resource(call) | {"status": "canceled"})
        if status == "completed":
            call.cancelled.set()
            if call.connection is not None:
                await call.connection.hang_up()
        elif url:
            call.sent_to.put_nowait(url)
        return web.json_response(self._resource(call))

    async def _conferences(self, request: web.Request) -> web.Response:
        name = request.query.get("FriendlyName")
        found = [
            {"sid": sid, "friendly_name": each, "status": "in-progress", "account_sid": self.account_sid}
            for each, (sid, there) in self._rooms.items()
            if there and name in (None, each)
        ]
        page = {"conferences": found, "page": 0, "page_size": 50, "next_page_uri": None}
        return web.json_response(page)

    def _room(self, sid: str) -> set[str]:
        return next((there for each, there in self._rooms.values() if each == sid), set())

    async def _participants(self, request: web.Request) -> web.Response:
        room = request.match_info["room"]
        found = [{"call_sid": sid, "conference_sid": room} for sid in sorted(self._room(room))]
        return web.json_response({"participants": found, "page": 0, "page_size": 50, "next_page_uri": None})

    async def _change_participant(self, request: web.Request) -> web.Response:
        room, sid = request.match_info["room"], request.match_info["sid"]
        if sid not in self._room(room):
            return _error(404, 20404, "not found")
        form = await request.post()
        call = self.calls[sid]
        if form.get("AnnounceUrl"):
            self._start(self._announce(call, str(form["AnnounceUrl"])))
        return web.json_response({"call_sid": sid, "conference_sid": room, "status": "connected"}, status=202)

    async def _announce(self, call: PeerCall, address: str) -> None:
        assert call.connection is not None
        status, body = await self._post(address, {"CallSid": call.sid, "AccountSid": self.account_sid})
        if status == 200:
            await self._each(call, call.connection, list(ElementTree.fromstring(body)))

    async def _recording(self, request: web.Request) -> web.Response:
        wav = self.recordings.get(request.match_info["sid"])
        return web.Response(body=wav, content_type="audio/x-wav") if wav else _error(404, 20404, "not found")

    async def _forget(self, request: web.Request) -> web.Response:
        gone = self.recordings.pop(request.match_info["sid"], None)
        return web.Response(status=204) if gone is not None else _error(404, 20404, "not found")

    def _resource(self, call: PeerCall) -> dict[str, Any]:
        return {
            "sid": call.sid,
            "account_sid": self.account_sid,
            "api_version": API_VERSION,
            "to": call.to,
            "from": call.from_,
            "status": call.status,
            "direction": call.direction,
            "uri": f"/{API_VERSION}/Accounts/{self.account_sid}/Calls/{call.sid}.json",
        }


async def _stopped(task: "asyncio.Future[Any]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, NotAnswered, Stopped):
        await task


def _sid(kind: str) -> str:
    return kind + uuid.uuid4().hex


def _error(status: int, code: int, message: str) -> web.Response:
    told = {
        "code": code,
        "message": message,
        "status": status,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
    }
    return web.Response(status=status, text=json.dumps(told), content_type="application/json")


def _seconds(wav: bytes) -> float:
    with wave.open(io.BytesIO(wav)) as file:
        return file.getnframes() / file.getframerate()


def _silence(seconds: float) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * round(seconds * 8000))
    return made.getvalue()
