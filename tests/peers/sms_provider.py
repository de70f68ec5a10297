"""An SMS provider that speaks Twilio's REST dialect: send, fetch, status callbacks, replies, and every kind of trouble.

Error codes and texts are those of https://www.twilio.com/docs/api/errors. Callbacks are signed with the provider's own
library, so that the product's verification is never tested against itself.
"""

import base64
import binascii
import heapq
import http.client
import itertools
import json
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from twilio.request_validator import RequestValidator

from tests.peers.record import Record

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
E164 = re.compile(r"\+[1-9]\d{6,14}")
API_VERSION = "2010-04-01"
LONGEST_VALIDITY_SECONDS = 36_000
LONGEST_BODY = 1600


@dataclass(frozen=True)
class Script:
    """How the provider treats one message.

    `answer`: "accept"; "refuse" (`http_status` and `code`); "broken" (500 without JSON); "hang" (no answer until the
    peer stops); "lost" (accepted and sent on, but the connection breaks before the answer). Of an accepted message each
    of `statuses` is told to the StatusCallback, `delay` seconds after the one before, `repeats` times; `error_code`
    goes with the last. The first may come before the sender has read the answer to its request, as in life.
    """

    answer: str = "accept"
    http_status: int = 400
    code: int = 20001
    statuses: tuple[str, ...] = ("queued", "sent", "delivered")
    error_code: int | None = None
    delay: float = 0.0
    repeats: int = 1


DELIVERED = Script()
UNDELIVERED = Script(statuses=("queued", "sent", "undelivered"), error_code=30003)
FAILED = Script(statuses=("queued", "failed"), error_code=30008)
SILENT = Script(statuses=())
TWICE = Script(repeats=2)
DISORDERED = Script(statuses=("delivered", "sent", "queued"))
BROKEN = Script(answer="broken")
HANGS = Script(answer="hang")
LOST_ANSWER = Script(answer="lost")
RATE_LIMITED = Script(answer="refuse", http_status=429, code=20429)


def slow(seconds: float) -> Script:
    """Delivered, each status `seconds` after the one before."""
    return Script(delay=seconds)


@dataclass(frozen=True)
class Message:
    """One message that the provider took. `received_at` is in seconds since the epoch."""

    sid: str
    to: str
    from_: str | None
    messaging_service_sid: str | None
    body: str
    status_callback: str | None
    validity_seconds: int
    received_at: float
    form: dict[str, str]


@dataclass(frozen=True)
class Refusal:
    """One request that the provider did not take, with Twilio's code."""

    form: dict[str, str]
    http_status: int
    code: int
    at: float


@dataclass(frozen=True)
class Callback:
    """One request that the provider made. `answer_status` is None when there was no answer; `problem` then says why."""

    url: str
    form: dict[str, str]
    sent_at: float
    answer_status: int | None
    answer_body: str
    problem: str = ""


class ApiError(Exception):
    def __init__(self, http_status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code

    def payload(self) -> dict[str, object]:
        return {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.http_status,
        }


class SmsProvider:
    """A provider with one account. Use it as a context manager; `url` is its base address.

    `numbers` are the senders that the account owns. `incoming_url` is the webhook that `reply` posts to. With
    `per_second` set, requests above that many in any second get 429 and 20429. `callback_timeout` bounds, in seconds,
    each request that the provider makes.
    """

    def __init__(
        self,
        *,
        account_sid: str = "AC" + "0" * 32,
        auth_token: str = "a-token-for-tests",
        numbers: tuple[str, ...] = ("+15005550006",),
        messaging_service_sids: tuple[str, ...] = ("MG" + "0" * 32,),
        incoming_url: str | None = None,
        per_second: int | None = None,
        callback_timeout: float = 5.0,
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.numbers = numbers
        self.messaging_service_sids = messaging_service_sids
        self.incoming_url = incoming_url
        self.per_second = per_second
        self.callback_timeout = callback_timeout
        self.messages: Record[Message] = Record()
        self.refusals: Record[Refusal] = Record()
        self.callbacks: Record[Callback] = Record()
        self.default = DELIVERED
        self.stopping = threading.Event()
        self._scripts: list[tuple[Script, str | None, int]] = []
        self._statuses: dict[str, tuple[str, int | None]] = {}
        self._stopped_pairs: set[tuple[str, str]] = set()
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._clock = _Alarms()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        # A short poll, as stopping the server waits for the next one.
        serve = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="sms-provider", daemon=True)
        serve.start()
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._clock.stop()
        self._server.shutdown()
        self._server.server_close()

    def script(self, script: Script, *, to: str | None = None, times: int = 1) -> None:
        """Treat the next `times` messages (to `to`, if given) by `script`; the oldest fitting script goes first."""
        with self._lock:
            self._scripts.append((script, to, times))

    def reply(self, from_: str, to: str, body: str, *, token: str | None = None) -> Callback:
        """A handset at `from_` texts `to`: post it to `incoming_url` and give back what came of it.

        STOP and its like silence this pair of numbers, START opens it again, as carriers do. `token` signs with
        another secret, for a forged request.
        """
        assert self.incoming_url, "give the provider an incoming_url before a handset replies"
        word = body.strip().upper()
        with self._lock:
            if word in STOP_WORDS:
                self._stopped_pairs.add((to, from_))
            elif word in START_WORDS:
                self._stopped_pairs.discard((to, from_))
        sid = _new_sid()
        form = {
            "ToCountry": "GB",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "SmsSid": sid,
            "SmsStatus": "received",
            "Body": body,
            "FromCountry": "GB",
            "To": to,
            "NumSegments": str(_segments(body)),
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "From": from_,
            "ApiVersion": API_VERSION,
        }
        return self._post(self.incoming_url, form, token)

    # What the HTTP side calls.

    def create(self, form: dict[str, str]) -> tuple[Script, dict[str, object]]:
        """Take or refuse one message: the script that applies and, when it is taken, the resource. Raises ApiError."""
        try:
            message = self._checked(form)
            script = self._next_script(message.to)
            if script.answer == "refuse":
                raise ApiError(script.http_status, script.code, "Refused by the script of this test")
        except ApiError as error:
            self.refusals.add(Refusal(form, error.http_status, error.code, time.time()))
            raise
        if script.answer in ("broken", "hang"):
            self.refusals.add(Refusal(form, 500, 0, time.time()))
            return script, {}
        first = "accepted" if message.messaging_service_sid else "queued"
        self._statuses[message.sid] = (first, None)
        resource = self._resource(message)
        self.messages.add(message)
        self._promise_callbacks(message, script, 0)
        return script, resource

    def fetch(self, sid: str) -> dict[str, object]:
        """One message as it stands now. Raises ApiError (404)."""
        for message in self.messages.all(lambda message: message.sid == sid):
            return self._resource(message)
        raise not_found(sid)

    def authorised(self, header: str | None) -> bool:
        """Whether the Authorization header is this account's basic auth."""
        scheme, _, encoded = (header or "").partition(" ")
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return (scheme.lower(), name, password) == ("basic", self.account_sid, self.auth_token)

    def _checked(self, form: dict[str, str]) -> Message:
        to, from_, service = form.get("To", ""), form.get("From"), form.get("MessagingServiceSid")
        body, callback = form.get("Body", ""), form.get("StatusCallback")
        validity = form.get("ValidityPeriod", str(LONGEST_VALIDITY_SECONDS))
        if self._is_over_the_rate():
            raise ApiError(429, 20429, "Too Many Requests")
        if not to:
            raise ApiError(400, 21604, "A 'To' phone number is required.")
        if not E164.fullmatch(to):
            raise ApiError(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if not from_ and not service:
            raise ApiError(400, 21603, "A 'From' phone number is required.")
        if service and service not in self.messaging_service_sids:
            raise ApiError(404, 21701, f"The Messaging Service {service} does not exist.")
        if from_ and from_ not in self.numbers:
            text = f"The 'From' number {from_} is not a valid phone number, shortcode, or alphanumeric sender ID."
            raise ApiError(400, 21212 if not E164.fullmatch(from_) else 21606, text)
        if not body:
            raise ApiError(400, 21602, "Message body is required.")
        if len(body) > LONGEST_BODY:
            raise ApiError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        if callback is not None and not is_web_address(callback):
            raise ApiError(400, 21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
        if not validity.isdigit():
            raise ApiError(400, 90014, "Validity Period should be positive integer")
        if not 1 <= int(validity) <= LONGEST_VALIDITY_SECONDS:
            raise ApiError(400, 90007, "Invalid validity period value")
        sender = from_ or self.numbers[0]
        if (sender, to) in self._stopped_pairs:
            raise ApiError(400, 21610, "Attempt to send to unsubscribed recipient")
        return Message(_new_sid(), to, from_, service, body, callback, int(validity), time.time(), form)

    def _is_over_the_rate(self) -> bool:
        if self.per_second is None:
            return False
        with self._lock:
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - 1:
                self._recent.popleft()
            if len(self._recent) >= self.per_second:
                return True
            self._recent.append(now)
            return False

    def _next_script(self, to: str) -> Script:
        with self._lock:
            for place, (script, only_to, times) in enumerate(self._scripts):
                if only_to in (None, to):
                    self._scripts[place : place + 1] = [(script, only_to, times - 1)] if times > 1 else []
                    return script
        return self.default

    def _promise_callbacks(self, message: Message, script: Script, step: int) -> None:
        if step >= len(script.statuses):
            return

        def tell() -> None:
            status = script.statuses[step]
            error = script.error_code if step == len(script.statuses) - 1 else None
            self._statuses[message.sid] = (status, error)
            if message.status_callback:
                form = {
                    "SmsSid": message.sid,
                    "SmsStatus": status,
                    "MessageStatus": status,
                    "To": message.to,
                    "MessageSid": message.sid,
                    "AccountSid": self.account_sid,
                    "From": message.from_ or self.numbers[0],
                    "ApiVersion": API_VERSION,
                }
                if error is not None:
                    form["ErrorCode"] = str(error)
                for _ in range(script.repeats):
                    self._post(message.status_callback, form, None)
            self._promise_callbacks(message, script, step + 1)

        self._clock.after(script.delay, tell)

    def _post(self, url: str, form: dict[str, str], token: str | None) -> Callback:
        parts = urlsplit(url)
        address = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": RequestValidator(token or self.auth_token).compute_signature(url, form),
        }
        sent_at, status, answer, problem = time.time(), None, "", ""
        assert parts.scheme == "http", "this peer calls back over plain HTTP only"
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.callback_timeout)
        try:
            connection.request("POST", address or "/", body=urlencode(form), headers=headers)
            response = connection.getresponse()
            status, answer = response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            problem = repr(error)
        finally:
            connection.close()
        callback = Callback(url, form, sent_at, status, answer, problem)
        self.callbacks.add(callback)
        return callback

    def _resource(self, message: Message) -> dict[str, object]:
        status, error = self._statuses[message.sid]
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Messages/{message.sid}"
        date = formatdate(message.received_at)
        return {
            "account_sid": self.account_sid,
            "api_version": API_VERSION,
            "body": message.body,
            "date_created": date,
            "date_sent": date if status in ("sent", "delivered", "undelivered") else None,
            "date_updated": date,
            "direction": "outbound-api",
            "error_code": error,
            "error_message": None,
            "from": message.from_,
            "messaging_service_sid": message.messaging_service_sid,
            "num_media": "0",
            "num_segments": str(_segments(message.body)),
            "price": None,
            "price_unit": "USD",
            "sid": message.sid,
            "status": status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }


class _Alarms:
    """Calls functions at their time, a few at once, until stopped; what is not yet due then never happens."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sms-provider-callback")
        self._thread = threading.Thread(target=self._run, name="sms-provider-alarms", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), call))
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(timeout=5)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        with self._changed:
            while not self._ended:
                if self._due and self._due[0][0] <= time.monotonic():
                    self._pool.submit(heapq.heappop(self._due)[2])
                else:
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)


class _Server(ThreadingHTTPServer):
    provider: SmsProvider
    daemon_threads = True
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        self._answer(lambda: self._create(form))

    def do_GET(self) -> None:
        self._answer(self._fetch)

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
            self._send(status, "application/json; charset=utf-8", json.dumps(payload).encode())

    def _create(self, form: dict[str, str]) -> tuple[int, dict[str, object]] | None:
        provider = self.server.provider
        if self.path != f"/{API_VERSION}/Accounts/{provider.account_sid}/Messages.json":
            raise not_found(self.path)
        script, resource = provider.create(form)
        if script.answer == "accept":
            return 201, resource
        if script.answer == "broken":
            self._send(500, "text/html", b"<h1>Internal Server Error</h1>")
        elif script.answer == "hang":
            provider.stopping.wait(timeout=60)
        self.close_connection = True
        return None

    def _fetch(self) -> tuple[int, dict[str, object]]:
        found = re.fullmatch(rf"/{API_VERSION}/Accounts/(\w+)/Messages/(\w+)\.json", self.path)
        if found is None or found[1] != self.server.provider.account_sid:
            raise not_found(self.path)
        return 200, self.server.provider.fetch(found[2])

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def not_found(what: str) -> ApiError:
    return ApiError(404, 20404, f"The requested resource {what} was not found")


def _new_sid() -> str:
    return "SM" + uuid.uuid4().hex


def is_web_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "_" not in (parts.hostname or "")


def _segments(body: str) -> int:
    """Roughly how many parts the text travels in: 160/153 when it is ASCII, 70/67 otherwise."""
    whole, part = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= whole else -(-len(body) // part)
