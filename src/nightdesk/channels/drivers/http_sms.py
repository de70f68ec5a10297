"""Text messages through any gateway that takes one HTTP request for one text: Kannel's `sendsms`, and its like.

The route says what the request looks like, one parameter a line, and how the answer is understood; as it comes it fits
Kannel (https://www.kannel.org/userguide.shtml). Receipts come back at an address that we give with each text and that
our own token signs; replies come with the route's secret.
"""

import hmac
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from django.conf import settings as django_settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import Invalid
from nightdesk.channels import sms_text
from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Receipt, Reply, Sent, Settings, Temporary
from nightdesk.channels.drivers.calling import fetched, open_session, posted
from nightdesk.channels.drivers.pacing import PACING, PRICE
from nightdesk.channels.links import make_receipt_token
from nightdesk.channels.wording import text_of

PARTS = 3
PARAMETERS = """username={user}
password={password}
from={from}
to={to}
text={text}
charset=UTF-8
coding={coding}
validity={validity_min}
dlr-mask=27
dlr-url={receipt}"""
RECEIPT_QUERY = "state=%d&why=%A&id=%F"
SUCCEEDS = r"^[03]:"
DEAD_NUMBER = r"(?i)\b(invalid|unknown|wrong|illegal)\s+(number|recipient|receiver|destination|msisdn)"
DELIVERED_AS = r"(?i)1|delivered|delivrd"
FAILED_AS = r"(?i)2|16|failed|undeliv\w*|expired|reject\w*|deleted"

_LONGEST_ANSWER = 4096
_REFUSED_FOR_GOOD = frozenset({400, 406, 413, 422})
"""Statuses that speak of the text; of 401, 403, 404 and the like the route is to blame, and another may work."""


class GatewayLine:
    """HTTP connections to one gateway."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = open_session()

    async def send(self, outgoing: Outgoing) -> Sent:
        text = text_of(outgoing.said, outgoing.link, self._settings.get("parts") or PARTS)
        form, url = self._form(outgoing, text), self._settings["address"]
        try:
            if self._settings.get("method") == "post":
                asked = posted(self._http, url, data=form, headers={})
            else:
                asked = fetched(self._http, f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(form)}")
            async with asked as answer:
                body = (await answer.content.read(_LONGEST_ANSWER)).decode("utf-8", "replace")
                return replace(self._verdict(answer, body, str(outgoing.delivery_id)), parts=sms_text.count(text).parts)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Temporary(self._without_secrets(f"{type(error).__name__}: {error}")) from None

    async def close(self) -> None:
        await self._http.close()

    def _form(self, outgoing: Outgoing, text: str) -> list[tuple[str, str]]:
        """The parameters in the route's order; one whose value is empty is left out."""
        set_to = self._settings
        seconds = None
        if outgoing.valid_until is not None:
            seconds = max(1, int((outgoing.valid_until - outgoing.sent_at).total_seconds()))
        values = {
            "user": set_to.get("user") or "",
            "password": set_to.get("password") or "",
            "from": set_to.get("from") or "",
            "to": outgoing.address,
            "text": text,
            "coding": "0" if sms_text.coding_of(text) == "gsm7" else "2",
            "validity_s": "" if seconds is None else str(seconds),
            "validity_min": "" if seconds is None else str(math.ceil(seconds / 60)),
            "receipt": receipt_address(outgoing, set_to) if set_to.get("receipts", True) else "",
            "id": str(outgoing.delivery_id),
        }
        lines = [line.partition("=") for line in (set_to.get("parameters") or PARAMETERS).splitlines() if line.strip()]
        form = [(name.strip(), _filled(value.strip(), values)) for name, _is, value in lines]
        return [(name, value) for name, value in form if name and value]

    def _verdict(self, answer: aiohttp.ClientResponse, body: str, delivery_id: str) -> Sent:
        status, told = answer.status, " ".join(body.split())
        reason = self._without_secrets(f"{status} {told}".strip())
        if _matches(self._settings.get("dead_number") or DEAD_NUMBER, told):
            raise Permanent(reason, unreachable=True)
        if 200 <= status < 300 and _matches(self._settings.get("succeeds") or SUCCEEDS, told):
            return Sent(_id_in(told, self._settings.get("id_pattern") or "") or delivery_id)
        if status in _REFUSED_FOR_GOOD:
            raise Permanent(reason)
        wait = answer.headers.get("Retry-After", "")
        pause = min(float(wait), 300.0) if wait.isdigit() else 1.0 if status == 429 else None
        raise Temporary(reason, pause, of_route=status != 429, slow=status == 429)

    def _without_secrets(self, text: str) -> str:
        """A gateway may repeat our request in its answer, and errors name the whole address."""
        for secret in (self._settings.get("password"), self._settings.get("reply_secret")):
            if secret:
                text = text.replace(secret, "...").replace(quote(secret), "...")
        return text[:300]


def _filled(value: str, values: Mapping[str, str]) -> str:
    """The value with each {name} that we know replaced, in one go: what is put in is not looked at again."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), value)


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def _id_in(body: str, pattern: str) -> str:
    """What the pattern's first group, or all of it, finds; "" for nothing."""
    found = re.search(pattern, body) if pattern else None
    return (found[1] if found.re.groups else found[0])[:200] if found else ""


def receipt_address(outgoing: Outgoing, settings: Settings) -> str:
    """Where the gateway reports, with the marks that it fills in by itself."""
    token = make_receipt_token(outgoing.route_id, outgoing.delivery_id, outgoing.month, outgoing.attempt)
    query = settings.get("receipt_query") or RECEIPT_QUERY
    return f"{django_settings.PUBLIC_URL}/providers/http/{outgoing.route_id}/status/{token}?{query}"


# What comes back


def read_receipt(told: Mapping[str, str], settings: Settings) -> Receipt:
    """What a call of our receipt's address says. Raises Invalid where it says nothing.

    A state that the route names neither as delivered nor as failed is something on the way, such as queued.
    """
    state, why = told.get("state", "").strip(), told.get("why", "").strip()
    if not state:
        raise Invalid(
            _("A provider sent a receipt."),
            _("It has no state."),
            _("Look at what the gateway calls this address with."),
        )
    provider_id = told.get("id", "")[:200]
    if re.fullmatch(settings.get("delivered_as") or DELIVERED_AS, state):
        return Receipt(provider_id, "delivered")
    if re.fullmatch(settings.get("failed_as") or FAILED_AS, state):
        expired = "EXPIRED" in f"{state} {why}".upper()
        return Receipt(provider_id, "expired" if expired else "failed", f"{state} {why}".strip()[:300])
    return Receipt(provider_id, "accepted")


def read_reply(told: Mapping[str, str]) -> Reply:
    """What a handset texted. Raises Invalid where it does not say whose it is."""
    sender = as_number(told.get("from", ""))
    if not sender:
        raise Invalid(
            _("A gateway handed on a text."), _("It does not say whose."), _("Look at the service's address there.")
        )
    return Reply(
        id=told.get("id", "")[:100] or uuid7().hex,
        sender=sender[:320],
        to=as_number(told.get("to", ""))[:320],
        body=told.get("text", ""),
    )


def as_number(text: str) -> str:
    """A sender in E.164 where it is a whole number in any of the spellings of gateways; anything else as it came."""
    plain = re.sub(r"[\s()./-]", "", text)
    digits = plain.removeprefix("+").removeprefix("00")
    return f"+{digits}" if digits.isascii() and digits.isdigit() and len(digits) > 7 else text.strip()


def knows_secret(given: str, settings: Settings) -> bool:
    """Whether that is the route's secret; a route without one takes no replies."""
    secret = settings.get("reply_secret") or ""
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def decoded(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Parameters as text; `charset` says how the text was coded (Kannel sends UTF-16BE), UTF-8 where it does not."""
    raw = {name.decode("utf-8", "replace"): value for name, value in pairs}
    charset = raw.get("charset", b"").decode("ascii", "replace").lower()
    known = charset if charset in ("utf-16be", "iso-8859-1", "utf-8") else "utf-8"
    told = {name: value.decode("utf-8", "replace") for name, value in raw.items()}
    if "text" in raw:
        told["text"] = raw["text"].decode(known, "replace")
    return {name: value.replace("\0", "") for name, value in told.items()}


DRIVER = Driver(
    name="http_sms",
    channel="sms",
    label=gettext_lazy("SMS over HTTP (Kannel and others)"),
    connect=GatewayLine,
    loud=True,
    timeout_s=10.0,
    receipt_within=timedelta(seconds=60),
    answers_back=True,
    sender="from",
    at_once=20,
    fields=(
        Field(
            "address", gettext_lazy("Address"), required=True, help=gettext_lazy("http://kannel:13013/cgi-bin/sendsms")
        ),
        Field("method", gettext_lazy("Method"), kind="choice", default="get", choices=("get", "post")),
        Field("user", gettext_lazy("User")),
        Field("password", gettext_lazy("Password"), secret=True),
        Field("from", gettext_lazy("Sender"), help=gettext_lazy("One number (+44...): a name cannot be answered.")),
        Field(
            "parameters",
            gettext_lazy("Parameters"),
            kind="long",
            default=PARAMETERS,
            help=gettext_lazy(
                "One a line. Filled in: {user} {password} {from} {to} {text} {coding} {validity_min} {validity_s} "
                "{receipt} {id}."
            ),
        ),
        Field("succeeds", gettext_lazy("It was taken when the answer has"), kind="pattern", default=SUCCEEDS),
        Field(
            "id_pattern",
            gettext_lazy("Its id in the answer"),
            kind="pattern",
            help=gettext_lazy("A regular expression; its first group is the id. Empty: our own."),
        ),
        Field("dead_number", gettext_lazy("There is no such number when it has"), kind="pattern", default=DEAD_NUMBER),
        Field("receipts", gettext_lazy("It reports what was delivered"), kind="flag", default=True),
        Field(
            "receipt_query",
            gettext_lazy("What it reports"),
            default=RECEIPT_QUERY,
            help=gettext_lazy("Behind our address; the gateway's own marks for the state, why, and its id."),
        ),
        Field("delivered_as", gettext_lazy("States that mean delivered"), kind="pattern", default=DELIVERED_AS),
        Field("failed_as", gettext_lazy("States that mean failed"), kind="pattern", default=FAILED_AS),
        Field(
            "reply_secret",
            gettext_lazy("Secret of replies"),
            secret=True,
            help=gettext_lazy("The gateway hands it over with each text that comes in; without one none is taken."),
        ),
        Field("parts", gettext_lazy("Longest text in parts"), kind="integer", default=PARTS),
        *PACING,
        *PRICE,
    ),
)
