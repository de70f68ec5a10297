"""Web push to a browser that asked for it: RFC 8030 (the request), RFC 8291 (its encryption), RFC 8292 (who we are).

The address of a push service is given by a browser, so by somebody outside: it is https and in the public network, unless
the route allows others (for tests). What is not delivered yet is replaced by what comes later about the same subject
(`Topic`), and dies with the message (`TTL`). A push service that asks for a pause gets one, and no other waits for it.
"""

import asyncio
import base64
import json
import re
from datetime import datetime, timedelta
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import http_ece
from aiohttp.resolver import ThreadedResolver
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings as django_settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from py_vapid import Vapid02

from nightdesk.channels.driver import Driver, Endpoint, Field, Outgoing, Permanent, Said, Sent, Settings, Temporary
from nightdesk.channels.drivers.calling import open_session, posted
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.drivers.public import Private, PublicOnly, is_literal, is_public
from nightdesk.channels.links import make_token
from nightdesk.channels.wording import filled_in

TOKEN_LASTS = timedelta(hours=12)
"""Of the 24 hours that RFC 8292 allows: a push service whose clock is wrong by some hours still takes it."""
LONGEST_ENDPOINT = 1000
LONGEST_TTL_S = 28 * 86_400
LONGEST_PAUSE_S = 120.0
RECORD = 4096
"""Bytes that every push service takes (RFC 8030, 7.2)."""
ROOM = RECORD - 86 - 17
"""Of these, bytes for what we say: less the header of RFC 8188 with a P-256 key, a delimiter and an AEAD tag."""
SHORT_ROOM = 700
"""Tried where a push service takes less than it should."""
NO_PUBLIC_DOMAIN = frozenset(
    {"localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "arpa"}
    | {"test", "example", "invalid", "onion"}
)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63}|xn--[a-z0-9-]{2,59})", re.IGNORECASE)


class PushLine:
    """HTTP connections to the push services of whatever browsers there are."""

    def __init__(self, settings: Settings) -> None:
        self._anywhere = bool(settings.get("allow_private"))
        self._subject = subject_of(settings)
        key = settings.get("private_key")
        self._signer = Vapid02.from_raw(key.encode()) if key else None
        if self._signer is not None:
            self._signer.conf = {"no-strict": True}  # the subject was checked when it was given, and more strictly
        self._http = open_session(ThreadedResolver() if self._anywhere else PublicOnly())
        self._rests: dict[str, float] = {}

    async def send(self, outgoing: Outgoing) -> Sent:
        to = outgoing.endpoint
        if to is None:
            raise Permanent(_("That phone does not take our notifications any more."))
        if self._signer is None:
            raise Temporary(_("The key that signs notifications cannot be opened: is the master key another one?"))
        origin = self._origin(to.url)
        now = asyncio.get_running_loop().time()
        if self._rests.get(origin, 0.0) > now:
            raise Temporary(_("The push service {name} asked for a pause.").format(name=origin), of_route=False)
        try:
            try:
                return await self._post(to, origin, outgoing, ROOM)
            except _TooLarge:
                return await self._post(to, origin, outgoing, SHORT_ROOM)
        except _TooLarge:
            raise Permanent("HTTP 413") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, Private) or isinstance(error.__cause__, Private):
                raise _refused_private() from None
            raise Temporary(f"{type(error).__name__}: {error}"[:300], of_route=False) from None

    async def close(self) -> None:
        await self._http.close()

    async def _post(self, to: Endpoint, origin: str, outgoing: Outgoing, room: int) -> Sent:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(_ttl(outgoing)),
            "Urgency": "high" if outgoing.said.kind in RINGS else "normal",
            "Topic": topic(outgoing.said),
            **self._who_we_are(origin, outgoing.sent_at),
        }
        body = encrypt(payload(outgoing, room), to)
        async with posted(self._http, to.url, data=body, headers=headers) as answer:
            return await self._verdict(answer, origin, outgoing)

    def _who_we_are(self, origin: str, at: datetime) -> dict[str, str]:
        assert self._signer is not None
        claims = {"aud": origin, "exp": int((at + TOKEN_LASTS).timestamp()), "sub": self._subject}
        signed: dict[str, str] = self._signer.sign(claims)
        return signed

    def _origin(self, url: str) -> str:
        """aiohttp does not ask the resolver about an address in digits, so that is looked at here."""
        if wrong := endpoint_fault(url, anywhere=self._anywhere):
            raise Permanent(wrong)
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.lower()}"

    async def _verdict(self, answer: aiohttp.ClientResponse, origin: str, outgoing: Outgoing) -> Sent:
        status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        if 200 <= status < 300:
            return Sent((answer.headers.get("Location") or str(outgoing.delivery_id))[:200])
        if status in (404, 410):
            gone = _("The browser takes no more notifications ({status}).").format(status=status)
            raise Permanent(gone, unreachable=True)
        if status == 413:
            raise _TooLarge
        if status == 429 or (status == 503 and retry_after):
            pause = _pause(retry_after, outgoing.sent_at)
            self._rests[origin] = asyncio.get_running_loop().time() + pause
            raise Temporary(f"HTTP {status}", of_route=False)
        if status in (408, 425) or status >= 500:
            raise Temporary(f"HTTP {status}", of_route=False)
        said = (await answer.content.read(300)).decode("utf-8", "replace")
        raise Permanent(f"HTTP {status} {' '.join(said.split())}".strip()[:300])


class _TooLarge(Exception):
    """The push service takes less than RFC 8030 demands."""


RINGS = frozenset({"page.rung", "page.asked"})
"""Kinds of messages that want an answer now."""


def topic(said: Said) -> str:
    """Of messages with the same one an undelivered older is replaced: one for each subject. 32 characters at most."""
    try:
        name = UUID(said.subject_id)
    except ValueError:
        name = said.message_id
    return base64.urlsafe_b64encode(name.bytes).rstrip(b"=").decode()


def payload(outgoing: Outgoing, room: int = ROOM) -> bytes:
    """What the service worker is told, in at most `room` bytes of JSON: the body gives way first, then the title."""
    said = outgoing.said
    told: dict[str, Any] = {
        "kind": said.kind,
        "title": filled_in(said.title, outgoing.link),
        "body": filled_in(said.body, outgoing.link),
        "code": said.code,
        "tag": topic(said),
        "token": make_token(outgoing.delivery_id, outgoing.month),
        "verbs": list(said.verbs),
        "at": int(said.at.timestamp() * 1000),
    }
    for field in ("body", "title"):
        too_long = len(_json(told)) - room
        if too_long > 0:
            kept = len(told[field].encode()) - too_long - len(_json("…"))
            told[field] = _cut(told[field], max(kept, 0))
    return _json(told)


def encrypt(plain: bytes, to: Endpoint) -> bytes:
    """One record for that browser alone (RFC 8291). Raises ValueError for keys that are none."""
    sealed: bytes = http_ece.encrypt(
        plain,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=from_base64url(to.p256dh),
        auth_secret=from_base64url(to.auth),
        version="aes128gcm",
    )
    return sealed


def from_base64url(text: str) -> bytes:
    """The bytes of base64url with or without padding. Raises ValueError."""
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def endpoint_fault(url: str, *, anywhere: bool = False) -> str:
    """What is wrong with the address of a push service, in a sentence; "" for nothing. `anywhere`: as the route allows."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return _("That is no address of a push service.")
    if parts.scheme != "https" and not (anywhere and parts.scheme == "http"):
        return _("The address of a push service begins with https.")
    if not host or parts.username or parts.password or not url.isascii() or any(sign <= " " for sign in url):
        return _("That is no address of a push service.")
    if not anywhere and is_literal(host) and not is_public(host):
        return _refused_private().reason
    return ""


def subscription_fault(endpoint: str, p256dh: str, auth: str, *, anywhere: bool = False) -> str:
    """What is wrong with what a browser says of its subscription, in a sentence; "" for nothing."""
    if len(endpoint) > LONGEST_ENDPOINT:
        return _("Its address is too long.")
    if wrong := endpoint_fault(endpoint, anywhere=anywhere):
        return wrong
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(p256dh))
        secret = from_base64url(auth)
    except ValueError:
        secret = b""
    return "" if len(secret) == 16 and len(p256dh) <= 100 else _("The keys in its subscription are none.")


def subject_of(settings: Settings) -> str:
    """Whom a push service may ask about us: what the route says, else our public address, else the sender of our mail.

    "" where none of these has a public domain, without which Apple takes nothing.
    """
    given = str(settings.get("subject") or "")
    if given:
        return given
    public = urlsplit(django_settings.PUBLIC_URL)
    mail = parseaddr(django_settings.DEFAULT_FROM_EMAIL)[1]
    for offered in (f"https://{public.hostname}" if public.scheme == "https" else "", f"mailto:{mail}"):
        if offered and not subject_fault(offered):
            return offered
    return "mailto:nightdesk@localhost" if settings.get("allow_private") else ""


def subject_fault(subject: str) -> str:
    """What is wrong with a contact for push services, in a sentence; "" for nothing."""
    match = re.fullmatch(r"mailto:[^@\s<>,?]+@([^@\s?]+)|https://([^/\s:@?#]+)", subject, re.IGNORECASE)
    domain = _DOMAIN.fullmatch((match[1] or match[2]).rstrip(".")) if match else None
    if domain is None or domain[1].lower() in NO_PUBLIC_DOMAIN:
        return _("{contact} is no contact that Apple's push service takes: its domain must be a public one.").format(
            contact=repr(subject[:80])
        )
    return ""


def _wrong_settings(settings: Settings) -> str:
    given = str(settings.get("subject") or "")
    return subject_fault(given) if given else ""


def _ttl(outgoing: Outgoing) -> int:
    if outgoing.valid_until is None:
        return LONGEST_TTL_S
    return min(max(int((outgoing.valid_until - outgoing.sent_at).total_seconds()), 0), LONGEST_TTL_S)


def _pause(retry_after: str, now: datetime) -> float:
    """Seconds to leave a push service alone for; the header is seconds or a date."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), LONGEST_PAUSE_S)
    try:
        seconds = (parsedate_to_datetime(retry_after) - now).total_seconds()
    except (ValueError, TypeError):
        return 1.0
    return min(max(seconds, 1.0), LONGEST_PAUSE_S)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _cut(text: str, size: int) -> str:
    """As much of it as is at most `size` bytes long, no sign cut in two; "" or with an ellipsis where it was longer."""
    cut = text.encode()[:size].decode("utf-8", "ignore").rstrip()
    return f"{cut}…" if cut else ""


def _refused_private() -> Permanent:
    return Permanent(_("The address leads into a private network, and this route does not allow that."))


DRIVER = Driver(
    name="push",
    channel="push",
    label=gettext_lazy("Web push"),
    connect=PushLine,
    timeout_s=8.0,
    receipt_within=timedelta(minutes=2),
    answers_back=True,
    at_once=100,
    check=_wrong_settings,
    fields=(
        Field(
            "subject",
            gettext_lazy("Contact for push services"),
            help=gettext_lazy(
                "mailto:pager@example.com or https://example.com; empty: our public address, or the sender of our mail."
            ),
        ),
        Field("allow_private", gettext_lazy("May call private addresses"), kind="flag", default=False),
        *PACING,
    ),
)
