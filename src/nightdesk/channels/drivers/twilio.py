"""Text messages over HTTP in Twilio's dialect, which many gateways speak: send, receipts, replies.

Error codes: https://www.twilio.com/docs/api/errors. What is about our account or the provider is temporary, so that the
next route is tried and the route rests; what is about the number alone is permanent. A code that we do not know is
temporary: trying again costs a text, giving up may cost a night.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
from django.conf import settings as django_settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.refusals import Invalid
from nightdesk.channels import sms_text
from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Receipt, Reply, Sent, Settings, Temporary
from nightdesk.channels.drivers.calling import open_session, posted
from nightdesk.channels.drivers.pacing import PACING, PRICE
from nightdesk.channels.wording import text_of
from nightdesk.lines.twiml import signature as signatures

BASE_URL = "https://api.twilio.com"
API_VERSION = "2010-04-01"
LONGEST_VALIDITY_S = 36_000
PARTS = 3

UNREACHABLE = frozenset({21211, 21214, 21217, 21610, 21614, 30005, 30006})
"""The number is none, cannot take texts, or its owner sent STOP: nobody can reach it."""
PERMANENT = UNREACHABLE | {21408, 21602, 21612, 21617, 30004, 30007, 30010, 30032, 30034}
"""This provider will not deliver that text to that number; another may: 21408 country not allowed, 21612 no way there,
30004 blocked, 30007 filtered, 30010 price, 30032 and 30034 sender not registered. Not so 30003 (switched off), 30008
(unknown) and 30022 (too fast): those may work in a moment.
"""
SLOW_DOWN = frozenset({20429, 14107, 30001, 30022})
"""Too much at once; the route itself is well."""
EXPIRED = frozenset({30036})

STATES = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}


class TwilioLine:
    """HTTP connections to one account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        base = (settings.get("base_url") or BASE_URL).rstrip("/")
        self._url = f"{base}/{API_VERSION}/Accounts/{settings['account_sid']}/Messages.json"
        self._log_in = aiohttp.encode_basic_auth(settings["account_sid"], settings.get("auth_token") or "")
        self._http = open_session()

    async def send(self, outgoing: Outgoing) -> Sent:
        form = self._form(outgoing)
        headers = {"Authorization": self._log_in, "I-Twilio-Idempotency-Token": str(outgoing.delivery_id)}
        try:
            async with posted(self._http, self._url, data=form, headers=headers) as answer:
                payload = await _json(answer)
                if answer.status in (200, 201) and payload.get("sid"):
                    return Sent(str(payload["sid"]), parts=sms_text.count(form["Body"]).parts)
                raise _trouble(answer.status, payload, answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, OSError) as error:
            raise Temporary(f"{type(error).__name__}: {error}"[:300]) from None

    async def close(self) -> None:
        await self._http.close()

    def _form(self, outgoing: Outgoing) -> dict[str, str]:
        form = {
            "To": outgoing.address,
            "Body": text_of(outgoing.said, outgoing.link, self._settings.get("parts") or PARTS),
        }
        sender = self._settings["from"]
        form["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
        if outgoing.valid_until is not None:
            # A page that comes too late confuses: let it die on the way.
            seconds = int((outgoing.valid_until - outgoing.sent_at).total_seconds())
            form["ValidityPeriod"] = str(min(max(seconds, 1), LONGEST_VALIDITY_S))
        if self._settings.get("receipts", True):
            form["StatusCallback"] = callback_url(outgoing)
        return form


def callback_url(outgoing: Outgoing) -> str:
    """Where the provider tells what became of it. The query, which its signature covers, names the delivery, so that a
    receipt is understood even when it comes before the answer to our request, or that answer was lost.
    """
    about = {"d": str(outgoing.delivery_id), "m": outgoing.month.isoformat(), "n": str(outgoing.attempt)}
    return f"{django_settings.PUBLIC_URL}/providers/twilio/{outgoing.route_id}/status?{urlencode(about)}"


def is_genuine(
    urls: Sequence[str], said: Mapping[str, Sequence[str]] | bytes, signature: str, settings: Settings
) -> bool:
    """Whether the provider that `settings` belong to signed this request, called at one of `urls`.

    `said` is its form, or the raw body where that is no form.
    """
    token = settings.get("auth_token") or ""
    verdicts = [signatures.valid(url, said, signature, token) for url in urls]
    return any(verdicts)


def read_json(raw: bytes) -> dict[str, list[str]]:
    """A JSON body as the form that it stands for; {} for anything else."""
    try:
        told = json.loads(raw)
    except ValueError:
        return {}
    return {name: [str(value)] for name, value in told.items()} if isinstance(told, dict) else {}


def read_receipt(form: Mapping[str, Sequence[str]]) -> Receipt:
    """What a status callback says. Raises Invalid where that cannot be read."""
    sid, status = (
        _one(form, "MessageSid") or _one(form, "SmsSid"),
        _one(form, "MessageStatus") or _one(form, "SmsStatus"),
    )
    state = STATES.get(status.lower())
    if not sid or state is None:
        raise Invalid(
            _("A provider sent a receipt."),
            _("It names no message or a status that we do not know: {status}.").format(status=repr(status[:40])),
            _("Look at what the provider sends to this address."),
        )
    given = _one(form, "ErrorCode")
    code = int(given) if given.isascii() and given.isdigit() else 0
    if state == "failed" and code in EXPIRED:
        state = "expired"
    return Receipt(
        provider_id=sid[:200],
        state=state,  # type: ignore[arg-type]
        reason=f"{status} {code or ''} {_one(form, 'ErrorMessage')}".strip()[:300]
        if state in ("failed", "expired")
        else "",
        permanent=code in PERMANENT or status.lower() == "canceled",
        unreachable=code in UNREACHABLE,
    )


def read_reply(form: Mapping[str, Sequence[str]]) -> Reply:
    """What a handset texted. Raises Invalid where that cannot be read."""
    sid, sender = _one(form, "MessageSid") or _one(form, "SmsSid"), _one(form, "From")
    if not sid or not sender:
        raise Invalid(
            _("A provider handed on a text."),
            _("It does not say whose, or has no id."),
            _("Look at what the provider sends to this address."),
        )
    return Reply(id=sid[:100], sender=sender[:320], to=_one(form, "To")[:320], body=_one(form, "Body"))


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    values = form.get(name) or [""]
    return values[-1].replace("\0", "").strip()


async def _json(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        payload = await answer.json(content_type=None)
    except (ValueError, aiohttp.ClientPayloadError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _trouble(status: int, payload: Mapping[str, Any], retry_after: str | None) -> Temporary | Permanent:
    given = payload.get("code")
    code = given if isinstance(given, int) else 0
    reason = f"{status} {code or ''} {payload.get('message') or ''}".strip()[:300]
    if status == 429 or code in SLOW_DOWN:
        wait = float(retry_after) if retry_after and retry_after.isdigit() else 1.0
        return Temporary(reason, min(wait, 30.0), of_route=False, slow=True)
    if 400 <= status < 500 and code in PERMANENT:
        return Permanent(reason, unreachable=code in UNREACHABLE)
    return Temporary(reason)


DRIVER = Driver(
    name="twilio",
    channel="sms",
    label=gettext_lazy("SMS over HTTP (Twilio's API)"),
    connect=TwilioLine,
    loud=True,
    timeout_s=10.0,
    receipt_within=timedelta(seconds=60),
    answers_back=True,
    sender="from",
    at_once=20,
    fields=(
        Field("account_sid", gettext_lazy("Account"), required=True),
        Field("auth_token", gettext_lazy("Auth token"), secret=True, required=True),
        Field(
            "from",
            gettext_lazy("Sender"),
            required=True,
            help=gettext_lazy("A number (+44...), or a messaging service (MG...)."),
        ),
        Field("base_url", gettext_lazy("Address of the API"), default=BASE_URL),
        Field("parts", gettext_lazy("Longest text in parts"), kind="integer", default=PARTS),
        Field(
            "receipts",
            gettext_lazy("It reports what was delivered"),
            kind="flag",
            default=True,
            help=gettext_lazy(
                "Needs a public URL that the provider can call. Without a receipt the next route is tried."
            ),
        ),
        *PACING,
        *PRICE,
    ),
)
