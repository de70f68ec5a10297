"""Legs over Twilio's REST API, which other providers speak too (https://www.twilio.com/docs/voice/api/call-resource).

Every request opens a connection of its own: a call that is asked for twice rings twice, so nothing may be repeated only
because a kept connection had died unseen.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import aiohttp

from nightdesk.lines.leg import ENDED, Event, NotPlaced, Wanted
from nightdesk.lines.twiml.events import STATES

BASE_URL = "https://api.twilio.com"
API_VERSION = "2010-04-01"

Fault: TypeAlias = Literal["number", "request", "pace", "provider"]
DEAD_NUMBERS = frozenset({21201, 21211, 21214, 21217, 13224})
"""That is no number, or none that can be rung."""
NEVER_HERE = frozenset({21215, 21216, 13225, 13227})
"""This account may not ring there (geography, blocked); another may."""
TOO_FAST = frozenset({20429, 14107})
NOT_IN_PROGRESS = 21220
"""It is gone already, or in no state for that."""
ANSWERS_WITHIN_S = 30.0
MOST_RECORDED = 32 * 1024 * 1024
"""Bytes of a recording: more than an hour of what telephones carry."""


class TwimlLegs:
    """One account of one provider."""

    def __init__(self, account: str, token: str, base_url: str = "") -> None:
        base = (base_url or BASE_URL).rstrip("/")
        self._account = f"{base}/{API_VERSION}/Accounts/{account}"
        self._calls = f"{self._account}/Calls"
        self._log_in = {"Authorization": aiohttp.encode_basic_auth(account, token)}
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S),
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
        status, payload, retry_after = await self._asked("POST", f"{self._calls}.json", form)
        if status in (200, 201) and payload.get("sid"):
            return str(payload["sid"])
        raise _trouble(status, payload, retry_after)

    async def cancel(self, leg_id: str) -> bool:
        """Stop it while it is queued or ringing; the provider leaves one that was picked up alone. Raises NotPlaced."""
        return await self._changed(leg_id, [("Status", "canceled")], "canceled")

    async def end(self, leg_id: str) -> bool:
        """End it, whatever it is at. False where it had ended. Raises NotPlaced."""
        return await self._changed(leg_id, [("Status", "completed")], "")

    async def send_to(self, leg_id: str, ask_at: str) -> bool:
        """Let it leave what it is at, and carry out the steps that `ask_at` gives. False where it has ended. Raises NotPlaced."""
        return await self._changed(leg_id, [("Url", ask_at), ("Method", "POST")], "")

    async def look(self, leg_id: str) -> Event | None:
        """How it stands; None where the provider knows none of that id, or says so in words that we do not know."""
        status, payload, retry_after = await self._asked("GET", f"{self._calls}/{leg_id}.json")
        if status == 404:
            return None
        if status != 200:
            raise _trouble(status, payload, retry_after)
        state = STATES.get(str(payload.get("status")))
        return None if state is None else Event(leg_id, state)

    async def find(self, to: str, caller: str) -> list[str]:
        """The legs that ring there for us now or have been picked up, the newest first. Raises NotPlaced."""
        query = urlencode({"To": to, "From": caller, "PageSize": 20})
        status, payload, retry_after = await self._asked("GET", f"{self._calls}.json?{query}")
        if status != 200:
            raise _trouble(status, payload, retry_after)
        found = [one for one in payload.get("calls") or [] if STATES.get(str(one.get("status"))) not in (None, *ENDED)]
        return [str(one["sid"]) for one in found if one.get("to") == to and one.get("sid")]

    async def announce(self, room: str, leg_id: str, ask_at: str) -> bool:
        """Let one in a room hear what `ask_at` says, over the talk. False where they are not there. Raises NotPlaced."""
        query = urlencode({"FriendlyName": room, "Status": "in-progress"})
        status, payload, retry_after = await self._asked("GET", f"{self._account}/Conferences.json?{query}")
        if status != 200:
            raise _trouble(status, payload, retry_after)
        rooms = [str(one["sid"]) for one in payload.get("conferences") or [] if one.get("sid")]
        if not rooms:
            return False
        there = f"{self._account}/Conferences/{rooms[0]}/Participants/{leg_id}.json"
        status, payload, retry_after = await self._asked(
            "POST", there, [("AnnounceUrl", ask_at), ("AnnounceMethod", "POST")]
        )
        if status in (404, 409):
            return False
        if status not in (200, 202):
            raise _trouble(status, payload, retry_after)
        return True

    async def fetch(self, recording: str) -> bytes:
        """The recording as a WAV file. Raises NotPlaced, "number" where the provider will never have it, or it is too large."""
        url = f"{self._account}/Recordings/{recording}.wav"
        try:
            async with self._http.get(url, headers=self._log_in) as answer:
                if answer.status != 200:
                    raise _trouble(answer.status, await _json(answer), answer.headers.get("Retry-After"))
                got = bytearray()
                async for chunk in answer.content.iter_chunked(65536):
                    got += chunk
                    if len(got) > MOST_RECORDED:
                        raise NotPlaced(f"The recording has more than {MOST_RECORDED} bytes.", "number")
                return bytes(got)
        except (aiohttp.ClientError, OSError) as error:
            raise NotPlaced(f"{type(error).__name__}: {error}"[:300], "provider") from None

    async def forget(self, recording: str) -> None:
        """The provider keeps the recording no longer: it lies with us, or nobody wants it. Raises NotPlaced."""
        status, payload, retry_after = await self._asked("DELETE", f"{self._account}/Recordings/{recording}.json")
        if status not in (200, 204, 404):
            raise _trouble(status, payload, retry_after)

    async def close(self) -> None:
        await self._http.close()

    async def _changed(self, leg_id: str, form: list[tuple[str, str]], expected: str) -> bool:
        status, payload, retry_after = await self._asked("POST", f"{self._calls}/{leg_id}.json", form)
        if status in (200, 201):
            return not expected or payload.get("status") == expected
        if status == 404 or payload.get("code") == NOT_IN_PROGRESS:
            return False
        raise _trouble(status, payload, retry_after)

    async def _asked(
        self, method: str, url: str, form: list[tuple[str, str]] | None = None
    ) -> tuple[int, Mapping[str, Any], str | None]:
        try:
            async with self._http.request(
                method, url, data=form, headers=self._log_in, allow_redirects=False
            ) as answer:
                return answer.status, await _json(answer), answer.headers.get("Retry-After")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
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
