"""A telephony provider in Twilio's REST dialect: calls, their status callbacks, and a TwiML interpreter for our subset.

Who is called behaves as a test has scripted: picks up and presses keys, lets it ring, is busy, is a mailbox, says
nothing. Callbacks are signed with the provider's own library, so that the product's verification is never tested against
itself. By default each call happens by itself, in a thread; with `by_hand` a test lets it happen with `play`.
"""

import base64
import binascii
import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator

from tests.peers.record import Record
from tests.peers.sms_provider import API_VERSION, E164, ApiError, is_web_address, not_found

RINGING = ("queued", "initiated", "ringing")
MOST_DOCUMENTS = 20

Post: TypeAlias = Callable[[str, dict[str, str], dict[str, str]], tuple[int, str]]
"""(address, form, headers) -> the answer's status and body."""


@dataclass(frozen=True)
class Callee:
    """Who is at the other end. `does`: "answers", "no_answer", "busy", "failed" or "mailbox".

    It rings for `ring_s` seconds of real time. Of somebody who answers, `presses` are the keys at each Gather in turn, ""
    for none, and nothing when they are used up; `hangs_up_at` is the number of the Gather (from 1) at which they hang up.
    `order` is that of the status callbacks: "right", "reversed" (all at the end), "twice", or "lost".
    """

    does: str = "answers"
    presses: tuple[str, ...] = ()
    ring_s: float = 0.0
    hangs_up_at: int = 0
    sip: int = 0
    order: str = "right"


NO_ANSWER, BUSY, MAILBOX, SILENT = Callee("no_answer"), Callee("busy"), Callee("mailbox"), Callee()
TAKES_IT, PASSES_ON, MORNING = Callee(presses=("1",)), Callee(presses=("2",)), Callee(presses=("3",))


@dataclass(frozen=True)
class Trouble:
    """How the provider's REST side treats one request: "refuse" (`http_status`, `code`), "broken" (500), or "hang"."""

    answer: str
    http_status: int = 400
    code: int = 20001


@dataclass
class Call:
    """One call. `heard` is what was spoken, oldest first; `told` each status callback that went out."""

    sid: str
    to: str
    from_: str
    url: str
    status_callback: str
    events: tuple[str, ...]
    timeout_s: int
    longest_s: int
    detects: bool
    received_at: float
    status: str = "queued"
    heard: list[str] = field(default_factory=list)
    said: list[dict[str, str]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)


class VoiceProvider:
    """A provider with one account. Use it as a context manager; `url` is its base address.

    `numbers` are the callers that the account owns. `post` stands in for HTTP where the program under test is no server.
    """

    def __init__(
        self,
        *,
        account_sid: str = "AC" + "0" * 32,
        auth_token: str = "a-token-for-tests",
        numbers: tuple[str, ...] = ("+15005550006",),
        by_hand: bool = False,
        post: Post | None = None,
    ) -> None:
        self.account_sid, self.auth_token, self.numbers = account_sid, auth_token, numbers
        self.calls: Record[Call] = Record()
        self.problems: list[str] = []
        self.answers: list[tuple[str, int]] = []
        self.default = NO_ANSWER
        self.stopping = threading.Event()
        self._by_hand = by_hand
        self.post = post or _post
        self._callees: list[tuple[Callee, str | None]] = []
        self._troubles: list[Trouble] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="voice-provider", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._server.shutdown()
        self._server.server_close()

    def next(self, *callees: Callee, to: str | None = None) -> None:
        """Who is at the other end of the next calls (to `to`, if given), in turn; then again `default`."""
        with self._lock:
            self._callees += [(callee, to) for callee in callees]

    def trouble(self, trouble: Trouble) -> None:
        """Treat the next request for a call so."""
        with self._lock:
            self._troubles.append(trouble)

    def calls_to(self, number: str) -> list[Call]:
        return self.calls.all(lambda call: call.to == number)

    # The telephone's side

    def play(self, call: Call, callee: Callee | None = None) -> Call:
        """Let the call happen, and come back when it is over."""
        callee = callee or self._next_callee(call.to)
        teller = _Teller(self, call, callee)
        try:
            teller.tell("initiated")
            teller.tell("ringing")
            if call.cancelled.wait(callee.ring_s) or self.stopping.is_set():
                teller.end("canceled")
            elif callee.does in ("answers", "mailbox"):
                teller.tell("in-progress")
                self._talk(call, callee)
                teller.end("completed")
            else:
                teller.end(callee.does.replace("_", "-"))
        finally:
            teller.finish()
            call.ended.set()
        return call

    def _talk(self, call: Call, callee: Callee) -> None:
        form = {}
        if call.detects:
            form["AnsweredBy"] = "machine_start" if callee.does == "mailbox" else "human"
        presses, at_gather = list(callee.presses), 0
        address: str | None = call.url
        for _ in range(MOST_DOCUMENTS):
            if address is None:
                return
            status, body = self.ask(call, address, form)
            call.documents.append(body)
            if status != 200:
                call.heard.append("An application error has occurred. Goodbye.")
                return
            address, form = None, {}
            for verb in ElementTree.fromstring(body):
                match verb.tag:
                    case "Say" | "Play" | "Pause":
                        self._hear(call, verb)
                    case "Redirect":
                        address = (verb.text or "").strip()
                        break
                    case "Hangup":
                        return
                    case "Gather":
                        at_gather += 1
                        for inside in verb:
                            self._hear(call, inside)
                        if callee.hangs_up_at == at_gather:
                            return
                        digits = presses.pop(0) if presses and callee.does == "answers" else ""
                        if digits:
                            address, form = verb.attrib["action"], {"Digits": digits}
                            break
                    case other:
                        self.problems.append(f"{other} is no verb that this peer knows")
                        return
        self.problems.append("the call never ends")

    def _hear(self, call: Call, verb: ElementTree.Element) -> None:
        match verb.tag:
            case "Say":
                call.heard.append(verb.text or "")
                call.said.append(dict(verb.attrib))
            case "Play":
                call.heard.append(f"[{verb.text}]")
            case "Pause":
                pass
            case other:
                self.problems.append(f"{other} may not stand here")

    def ask(self, call: Call, address: str, form: dict[str, str], *, token: str | None = None) -> tuple[int, str]:
        """Post a signed form about the call to an address of the program; `token` forges it."""
        whole = {
            "CallSid": call.sid,
            "AccountSid": self.account_sid,
            "From": call.from_,
            "To": call.to,
            "CallStatus": call.status,
            "ApiVersion": API_VERSION,
            "Direction": "outbound-api",
            **form,
        }
        signature = RequestValidator(token or self.auth_token).compute_signature(address, whole)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": signature,
        }
        try:
            answer = self.post(address, whole, headers)
        except (OSError, http.client.HTTPException) as error:
            self.problems.append(f"{address}: {error!r}")
            answer = (0, "")
        self.answers.append((address, answer[0]))
        return answer

    def _next_callee(self, to: str) -> Callee:
        with self._lock:
            for place, (callee, only_to) in enumerate(self._callees):
                if only_to in (None, to):
                    del self._callees[place]
                    return callee
        return self.default

    # What the HTTP side calls.

    def create(self, form: dict[str, list[str]]) -> tuple[str, dict[str, object]]:
        """Take or refuse one call. Raises ApiError."""
        with self._lock:
            trouble = self._troubles.pop(0) if self._troubles else None
        if trouble is not None and trouble.answer == "refuse":
            raise ApiError(trouble.http_status, trouble.code, "Refused by the script of this test")
        if trouble is not None:
            return trouble.answer, {}
        call = self._checked({name: values[-1] for name, values in form.items()}, form)
        self.calls.add(call)
        if not self._by_hand:
            thread = threading.Thread(target=self.play, args=(call,), name=f"call-{call.sid[-4:]}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return "accept", self.resource(call)

    def change(self, sid: str, form: dict[str, list[str]]) -> dict[str, object]:
        """Take a call back, as `Status=canceled` asks. Raises ApiError: 404, and 21220 for one that does not ring."""
        call = self.find(sid)
        if form.get("Status") != ["canceled"]:
            raise ApiError(400, 20001, "This peer knows Status=canceled only")
        if call.status not in RINGING:
            raise ApiError(400, 21220, f"Call is not in-progress. Cannot redirect. It is {call.status}")
        call.status = "canceled"
        call.cancelled.set()
        return self.resource(call)

    def find(self, sid: str) -> Call:
        for call in self.calls.all(lambda call: call.sid == sid):
            return call
        raise not_found(sid)

    def authorised(self, header: str | None) -> bool:
        """Whether the Authorization header is this account's basic auth."""
        scheme, _, encoded = (header or "").partition(" ")
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return (scheme.lower(), name, password) == ("basic", self.account_sid, self.auth_token)

    def resource(self, call: Call) -> dict[str, object]:
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Calls/{call.sid}.json"
        date = formatdate(call.received_at)
        return {
            "sid": call.sid,
            "account_sid": self.account_sid,
            "to": call.to,
            "from": call.from_,
            "status": call.status,
            "direction": "outbound-api",
            "date_created": date,
            "date_updated": date,
            "duration": None,
            "price": None,
            "price_unit": "USD",
            "api_version": API_VERSION,
            "uri": uri,
            "subresource_uris": {},
        }

    def _checked(self, form: dict[str, str], whole: dict[str, list[str]]) -> Call:
        to, from_, url, callback = (form.get(name, "") for name in ("To", "From", "Url", "StatusCallback"))
        if not E164.fullmatch(to):
            raise ApiError(400, 21211, f"The phone number you are attempting to call, {to}, is not valid.")
        if from_ not in self.numbers:
            raise ApiError(400, 21210, f"The source phone number provided, {from_}, is not yet verified.")
        if not is_web_address(url):
            raise ApiError(400, 21205, "Url is not a valid URL")
        if callback and not is_web_address(callback):
            raise ApiError(400, 21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
        for name, least, most in (("Timeout", 1, 600), ("TimeLimit", 1, 14_400)):
            if name in form and not (form[name].isdigit() and least <= int(form[name]) <= most):
                raise ApiError(400, 13230, f"{name} is not valid")
        if form.get("MachineDetection") not in (None, "Enable", "DetectMessageEnd"):
            raise ApiError(400, 21244, "Invalid MachineDetection value")
        return Call(
            sid="CA" + uuid.uuid4().hex,
            to=to,
            from_=from_,
            url=url,
            status_callback=callback,
            events=tuple(whole.get("StatusCallbackEvent", ["completed"])),
            timeout_s=int(form.get("Timeout", "60")),
            longest_s=int(form.get("TimeLimit", "14400")),
            detects="MachineDetection" in form,
            received_at=time.time(),
        )


class _Teller:
    """Tells the status of one call, in the order that its callee is scripted for."""

    _EVENTS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}

    def __init__(self, provider: VoiceProvider, call: Call, callee: Callee) -> None:
        self._provider, self._call, self._callee = provider, call, callee
        self._kept: list[dict[str, str]] = []
        self._sequence = 0

    def tell(self, status: str, **more: str) -> None:
        if not self._call.cancelled.is_set():
            self._call.status = status
        form = {"CallStatus": status, "SequenceNumber": str(self._sequence), "CallbackSource": "call-progress-events"}
        self._sequence += 1
        if self._EVENTS.get(status, "completed") in self._call.events and self._call.status_callback:
            self._kept.append({**form, **more})
        if self._callee.order in ("right", "twice"):
            self._send()

    def end(self, status: str) -> None:
        more = {"CallDuration": "12" if status == "completed" else "0"}
        if self._callee.sip:
            more["SipResponseCode"] = str(self._callee.sip)
        self._call.status = status
        self.tell(status, **more)

    def finish(self) -> None:
        if self._callee.order == "reversed":
            self._kept.reverse()
            self._send()

    def _send(self) -> None:
        for form in self._kept:
            for _ in range(2 if self._callee.order == "twice" else 1):
                self._call.told.append(form)
                self._provider.ask(self._call, self._call.status_callback, form)
        self._kept.clear()


def _post(address: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, str]:
    parts = urlsplit(address)
    assert parts.scheme == "http", "this peer calls back over plain HTTP only"
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request("POST", f"{parts.path}?{parts.query}", body=urlencode(form), headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    provider: VoiceProvider
    daemon_threads = True
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = parse_qs(raw.decode(), keep_blank_values=True)
        self._answer(lambda: self._posted(form))

    def do_GET(self) -> None:
        self._answer(lambda: (200, self.server.provider.resource(self.server.provider.find(self._sid()))))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the record tells a test all of it."""

    def _answer(self, act: Callable[[], tuple[int, dict[str, object]] | None]) -> None:
        try:
            if not self.server.provider.authorised(self.headers.get("Authorization")):
                raise ApiError(401, 20003, "Authenticate")
            outcome = act()
        except ApiError as error:
            outcome = error.http_status, error.payload()
        if outcome is not None:
            status, payload = outcome
            self._send(status, json.dumps(payload).encode())

    def _posted(self, form: dict[str, list[str]]) -> tuple[int, dict[str, object]] | None:
        provider = self.server.provider
        if self.path != f"/{API_VERSION}/Accounts/{provider.account_sid}/Calls.json":
            return 200, provider.change(self._sid(), form)
        answer, resource = provider.create(form)
        if answer == "accept":
            return 201, resource
        if answer == "broken":
            self._send(500, b"<h1>Internal Server Error</h1>")
        else:
            provider.stopping.wait(timeout=60)
        self.close_connection = True
        return None

    def _sid(self) -> str:
        before = f"/{API_VERSION}/Accounts/{self.server.provider.account_sid}/Calls/"
        if not (self.path.startswith(before) and self.path.endswith(".json")):
            raise not_found(self.path)
        return self.path[len(before) : -len(".json")]

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
