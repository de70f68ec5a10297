"""Legs over Twilio's REST API, which other providers speak too (https://www.twilio.com/docs/voice/api/call-resource).

Every request opens a connection of its own: a call that is asked for twice rings twice, so nothing may be repeated only
because a kept connection had died unseen.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import aiohttp

from nightdesk.lines.leg import NotPlaced, Wanted

BASE_URL = "https://api.twilio.com"
API_VERSION = "2010-04-01"

Fault: TypeAlias = Literal["number", "request", "pace", "provider"]
DEAD_NUMBERS = frozenset({21201, 21211, 21214, 21217, 13224})
"""That is no number, or none that can be rung."""
NEVER_HERE = frozenset({21215, 21216, 13225, 13227})
"""This account may not ring there (geography, blocked); another may."""
TOO_FAST = frozenset({20429, 14107})


class TwimlLegs:
    """One account of one provider."""

    def __init__(self, account: str, token: str, base_url: str = "") -> None:
        base = (base_url or BASE_URL).rstrip("/")
        self._calls = f"{base}/{API_VERSION}/Accounts/{account}/Calls"
        self._log_in = {"Authorization": aiohttp.encode_basic_auth(account, token)}
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def place(self, wanted: Wanted) -> str:
        """Let it ring; the provider's CallSid. Raises NotPlaced."""
        form = [
            ("To", wanted.to),
            ("From", wanted.caller),
            ("Url", wanted.ask_at),
            ("Method", "POST"),
            ("StatusCallback", wanted.report_at),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", event) for event in ("initiated", "ringing", "answered", "completed")),
            ("Timeout", str(wanted.ring_s)),
            ("TimeLimit", str(wanted.longest_s)),
        ]
        if wanted.detect_machine:
            form.append(("MachineDetection", "Enable"))
        status, payload, retry_after = await self._posted(f"{self._calls}.json", form)
        if status in (200, 201) and payload.get("sid"):
            return str(payload["sid"])
        raise _trouble(status, payload, retry_after)

    async def cancel(self, leg_id: str) -> bool:
        """Stop it while it is queued or ringing; the provider leaves one that was picked up alone. Raises NotPlaced."""
        status, payload, retry_after = await self._posted(f"{self._calls}/{leg_id}.json", [("Status", "canceled")])
        if status in (200, 201):
            return payload.get("status") == "canceled"
        if status == 404 or payload.get("code") == 21220:  # gone already, or not in a state to be cancelled
            return False
        raise _trouble(status, payload, retry_after)

    async def close(self) -> None:
        await self._http.close()

    async def _posted(self, url: str, form: list[tuple[str, str]]) -> tuple[int, Mapping[str, Any], str | None]:
        try:
            async with self._http.post(url, data=form, headers=self._log_in, allow_redirects=False) as answer:
                return answer.status, await _json(answer), answer.headers.get("Retry-After")
        except (aiohttp.ClientError, OSError) as error:
            raise NotPlaced(f"{type(error).__name__}: {error}"[:300], "provider") from None


async def _json(answer: aiohttp.ClientResponse) -> Mapping[str, Any]:
    try:
        payload = await answer.json(content_type=None)
    except (ValueError, aiohttp.ClientPayloadError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _trouble(status: int, payload: Mapping[str, Any], retry_after: str | None) -> NotPlaced:
    """A code that we do not know is the provider's trouble: ringing again costs a call, giving up may cost a night."""
    given = payload.get("code")
    code = given if isinstance(given, int) else 0
    reason = f"{status} {code or ''} {payload.get('message') or ''}".strip()[:300]
    if status == 429 or code in TOO_FAST:
        wait = float(retry_after) if retry_after and retry_after.isdigit() else 1.0
        return NotPlaced(reason, "pace", min(wait, 30.0))
    fault: Fault = "provider"
    if 400 <= status < 500:
        fault = "number" if code in DEAD_NUMBERS else "request" if code in NEVER_HERE else "provider"
    return NotPlaced(reason, fault)
