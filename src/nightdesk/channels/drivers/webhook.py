"""A signed JSON request to an address that somebody gave us.

The signature is HMAC-SHA256 over "<seconds>.<body>" in `X-Nightdesk-Signature: t=<seconds>,v1=<hex>`, so that a recorded
request is of no use later. Whoever may enter an address must not make us call into our own network: an address that
resolves to anything but a public one is refused (when it is connected to, not before), unless the route allows it.
Redirects are not followed.
"""

import hashlib
import hmac
import json
import socket
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Sent, Settings, Temporary
from nightdesk.channels.drivers.calling import open_session, posted
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.wording import filled_in


class _Private(OSError):
    """The name leads into a private network."""


class _PublicOnly(AbstractResolver):
    """Gives out public addresses only. What it gives is what is connected to, so no second look-up can differ."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        public = [one for one in found if is_public(one["host"])]
        if found and not public:
            raise _Private(host)
        return public

    async def close(self) -> None:
        await self._resolver.close()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network; also asked of what is wrapped in IPv6 (4in6, 6to4, Teredo)."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64 or any(one is not None for one in inner):
            return False
    return ip.is_global and not ip.is_multicast


class _Prefix:
    """The prefix under which translators put IPv4 addresses (RFC 6052)."""

    def __contains__(self, ip: IPv6Address) -> bool:
        return ip.packed[:12] == bytes.fromhex("0064ff9b0000000000000000")


_NAT64 = _Prefix()


class WebhookLine:
    """HTTP connections to wherever the recipients are."""

    def __init__(self, settings: Settings) -> None:
        self._secret = (settings.get("secret") or "").encode()
        self._anywhere = bool(settings.get("allow_private"))
        self._http = open_session(ThreadedResolver() if self._anywhere else _PublicOnly())

    async def send(self, outgoing: Outgoing) -> Sent:
        self._check(outgoing.address)
        body = _body(outgoing)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Nightdesk",
            "X-Nightdesk-Delivery": str(outgoing.delivery_id),
            "X-Nightdesk-Signature": signature(self._secret, int(outgoing.sent_at.timestamp()), body),
        }
        try:
            async with posted(self._http, outgoing.address, data=body, headers=headers) as answer:
                return _verdict(answer, str(outgoing.delivery_id))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, _Private) or isinstance(error.__cause__, _Private):
                raise _refused_private() from None
            if isinstance(error, aiohttp.InvalidURL | ValueError):
                raise Permanent(_("That is no address that can be called.")) from None
            raise Temporary(f"{type(error).__name__}: {error}"[:300], of_route=False) from None

    async def close(self) -> None:
        await self._http.close()

    def _check(self, address: str) -> None:
        """aiohttp does not ask the resolver about an address in digits, so that is looked at here."""
        try:
            parts = urlsplit(address)
            host = parts.hostname or ""
        except ValueError:
            host, parts = "", urlsplit("")
        if parts.scheme not in ("http", "https") or not host:
            raise Permanent(_("That is no address that can be called."))
        if not self._anywhere and _is_literal(host) and not is_public(host):
            raise _refused_private()


def signature(secret: bytes, seconds: int, body: bytes) -> str:
    """The header's value for a body sent at `seconds` of the epoch."""
    return f"t={seconds},v1={hmac.new(secret, b'%d.' % seconds + body, hashlib.sha256).hexdigest()}"


def _is_literal(host: str) -> bool:
    """Whether `host` is an address in digits, in any spelling that the system takes ("127.1", "0x7f000001")."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(host)
        except OSError:
            return False
    return True


def _body(outgoing: Outgoing) -> bytes:
    said = outgoing.said
    return json.dumps(
        {
            "id": str(outgoing.delivery_id),
            "message": str(said.message_id),
            "kind": said.kind,
            "subject": {"kind": said.subject_kind, "id": said.subject_id},
            "title": said.title,
            "body": filled_in(said.body, outgoing.link),
            "code": said.code,
            "link": outgoing.link,
            "at": said.at.isoformat(),
            "valid_until": outgoing.valid_until.isoformat() if outgoing.valid_until else None,
        }
    ).encode()


def _verdict(answer: aiohttp.ClientResponse, delivery_id: str) -> Sent:
    status = answer.status
    if 200 <= status < 300:
        return Sent(delivery_id, "delivered")
    if status == 410:
        raise Permanent(_("The address says that it is gone (410)."), unreachable=True)
    if status in (408, 425, 429) or status >= 500:
        wait = answer.headers.get("Retry-After", "")
        raise Temporary(f"HTTP {status}", min(float(wait), 300.0) if wait.isdigit() else None, of_route=False)
    if 300 <= status < 400:
        raise Permanent(
            _("The address leads on to another one ({status}), which we do not follow.").format(status=status)
        )
    raise Permanent(f"HTTP {status}")


def _refused_private() -> Permanent:
    return Permanent(_("The address leads into a private network, and this route does not allow that."))


DRIVER = Driver(
    name="webhook",
    channel="webhook",
    label=gettext_lazy("Signed web hook"),
    connect=WebhookLine,
    timeout_s=10.0,
    at_once=50,
    fields=(
        Field("secret", gettext_lazy("Secret"), secret=True, required=True, help=gettext_lazy("Signs every request.")),
        Field("allow_private", gettext_lazy("May call private addresses"), kind="flag", default=False),
        *PACING,
    ),
)
