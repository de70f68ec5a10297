"""A signed JSON request to an address that somebody gave us.

The signature is HMAC-SHA256 over "<seconds>.<body>" in `X-Nightdesk-Signature: t=<seconds>,v1=<hex>`, so that a recorded
request is of no use later. Whoever may enter an address must not make us call into our own network: an address that
resolves to anything but a public one is refused (when it is connected to, not before), unless the route allows it.
Redirects are not followed. A customer's program has a secret of its own, so that none can speak to another as we do.
"""

import hashlib
import hmac
import json
from urllib.parse import urlsplit

import aiohttp
from aiohttp.resolver import ThreadedResolver
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Sent, Settings, Temporary
from nightdesk.channels.drivers.calling import open_session, posted
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.drivers.public import Private, PublicOnly, is_literal, is_public
from nightdesk.channels.wording import filled_in

LONGEST_URL = 1000


class WebhookLine:
    """HTTP connections to wherever the recipients are."""

    def __init__(self, settings: Settings) -> None:
        self._secret = (settings.get("secret") or "").encode()
        self._anywhere = bool(settings.get("allow_private"))
        self._http = open_session(ThreadedResolver() if self._anywhere else PublicOnly())

    async def send(self, outgoing: Outgoing) -> Sent:
        url, secret = self._to(outgoing)
        self._check(url)
        body = _body(outgoing)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Nightdesk",
            "X-Nightdesk-Delivery": str(outgoing.delivery_id),
            "X-Nightdesk-Signature": signature(secret, int(outgoing.sent_at.timestamp()), body),
        }
        try:
            async with posted(self._http, url, data=body, headers=headers) as answer:
                return _verdict(answer, str(outgoing.delivery_id))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, Private) or isinstance(error.__cause__, Private):
                raise _refused_private() from None
            if isinstance(error, aiohttp.InvalidURL | ValueError):
                raise Permanent(_("That is no address that can be called.")) from None
            raise Temporary(f"{type(error).__name__}: {error}"[:300], of_route=False) from None

    async def close(self) -> None:
        await self._http.close()

    def _to(self, outgoing: Outgoing) -> tuple[str, bytes]:
        """Where it goes and what signs it: of a customer's program its own secret, of our people's addresses the route's."""
        if outgoing.endpoint is not None and outgoing.endpoint.secret:
            return outgoing.endpoint.url, outgoing.endpoint.secret
        if "://" not in outgoing.address:
            raise Permanent(_("The program is not told here any more."))
        return outgoing.address, self._secret

    def _check(self, address: str) -> None:
        """aiohttp does not ask the resolver about an address in digits, so that is looked at here."""
        try:
            parts = urlsplit(address)
            host = parts.hostname or ""
        except ValueError:
            host, parts = "", urlsplit("")
        if parts.scheme not in ("http", "https") or not host:
            raise Permanent(_("That is no address that can be called."))
        if not self._anywhere and is_literal(host) and not is_public(host):
            raise _refused_private()


def address_fault(url: str, *, anywhere: bool = False) -> str:
    """What is wrong with the address of a program, in a sentence; "" for nothing. `anywhere`: as the route allows."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return _("That is no address.")
    if len(url) > LONGEST_URL or not host or not url.isascii() or any(sign <= " " for sign in url):
        return _("That is no address.")
    if parts.scheme != "https" and not (anywhere and parts.scheme == "http"):
        return _("It does not begin with https.")
    if parts.username or parts.password:
        return _("It holds a name or a password.")
    if not anywhere and is_literal(host) and not is_public(host):
        return _("It leads into a private network.")
    return ""


def signature(secret: bytes, seconds: int, body: bytes) -> str:
    """The header's value for a body sent at `seconds` of the epoch."""
    return f"t={seconds},v1={hmac.new(secret, b'%d.' % seconds + body, hashlib.sha256).hexdigest()}"


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
