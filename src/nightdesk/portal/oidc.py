"""Signing in at a customer's own identity provider: OpenID Connect's code flow with PKCE, as its client.

What the provider says of itself (discovery) and its keys are fetched for each sign-in, so that a key that it has changed
needs nothing of us. All of it comes from outside: public addresses only unless our staff allowed others, no redirects,
short answers, and all together within a few seconds.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import jwt
from aiohttp.resolver import ThreadedResolver
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from nightdesk.channels.drivers.calling import fetched, open_session, posted
from nightdesk.channels.drivers.public import PublicOnly
from nightdesk.channels.drivers.webhook import address_fault
from nightdesk.customers.identity import ALGORITHMS, Claimed, No, claimed, token_fault

Told = TypeVar("Told")

SCOPE = "openid email"
ALL_WITHIN_S = 8
LONGEST_ANSWER = 256 * 1024
LONGEST_TOKEN = 32 * 1024


class NoSignIn(Exception):
    """There is no sign-in; the sentence says why, `why` in a word for the journal."""

    def __init__(self, why: str, sentence: str) -> None:
        super().__init__(sentence)
        self.why = why


@dataclass(frozen=True, slots=True)
class Client:
    """What we are to the provider; the secret in plain. `anywhere`: it may stand in a private network."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    anywhere: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What one sign-in is known by again. It is kept in the browser's session, and told to nobody else."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))


def sign_in_url(client: Client, begun: Begun) -> str:
    """Where the browser is sent. Raises NoSignIn where the provider cannot be asked."""
    told = asyncio.run(_alone(client, lambda http: _discovered(http, client)))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": SCOPE,
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    where = _endpoint(told, "authorization_endpoint", client)
    return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}"


def who_signed_in(client: Client, begun: Begun, came_back: Mapping[str, str], at: datetime) -> Claimed:
    """Whom the provider vouches for, by what the browser came back with. Raises NoSignIn."""
    if not constant_time_compare(came_back.get("state", ""), begun.state):
        raise NoSignIn("state", _("That is not the sign-in that was begun in this browser."))
    if came_back.get("iss", client.issuer) != client.issuer:
        raise NoSignIn(No.ISSUER, _("Another sign-in answered than was asked."))
    if came_back.get("error"):
        raise NoSignIn("refused", _("Your company's sign-in said no: {said}").format(said=came_back["error"][:60]))
    code = came_back.get("code", "")
    if not code:
        raise NoSignIn("code", _("Your company's sign-in sent nothing to know you by."))
    return asyncio.run(_alone(client, lambda http: _exchanged(http, client, begun, code, at)))


async def _alone(client: Client, ask: Callable[[aiohttp.ClientSession], Awaitable[Told]]) -> Told:
    """What `ask` returns, with connections of its own that are closed after it."""
    async with open_session(ThreadedResolver() if client.anywhere else PublicOnly()) as http:
        try:
            async with asyncio.timeout(ALL_WITHIN_S):
                return await ask(http)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NoSignIn(
                "silent", _("Your company's sign-in cannot be reached ({what}).").format(what=type(error).__name__)
            ) from None


async def _exchanged(http: aiohttp.ClientSession, client: Client, begun: Begun, code: str, at: datetime) -> Claimed:
    told = await _discovered(http, client)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": begun.verifier,
    }
    headers: dict[str, str] = {}
    if _takes_basic(told):
        both = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
    else:
        form |= {"client_id": client.client_id, "client_secret": client.client_secret}
    tokens = await _asked(http, client, _endpoint(told, "token_endpoint", client), headers, form)
    token = tokens.get("id_token")
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise NoSignIn("token", _("Your company's sign-in did not say who you are."))
    keys = await _asked(http, client, _endpoint(told, "jwks_uri", client))
    claims = signed_claims(token, keys)
    fault = token_fault(claims, issuer=client.issuer, client_id=client.client_id, nonce=begun.nonce, at=at)
    if fault is not None:
        raise NoSignIn(fault, _("What your company's sign-in said does not fit this visit ({why}).").format(why=fault))
    access = tokens.get("access_token")
    if "email" not in claims and "userinfo_endpoint" in told and isinstance(access, str):
        where, bearer = _endpoint(told, "userinfo_endpoint", client), {"Authorization": f"Bearer {access}"}
        more = await _asked(http, client, where, bearer)
        if more.get("sub") != claims["sub"]:
            raise NoSignIn(No.SUBJECT, _("Your company's sign-in speaks of two different people."))
        claims = more
    return claimed(claims)


def signed_claims(token: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """What a token says that one of the provider's own keys has signed. Raises NoSignIn."""
    unsigned = NoSignIn("signature", _("What came back is not signed by your company's sign-in."))
    try:
        head = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise unsigned from None
    algorithm, key_id, offered = head.get("alg"), head.get("kid"), keys.get("keys")
    if algorithm not in ALGORITHMS or not isinstance(offered, list):
        raise unsigned
    for each in offered:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or each.get("alg", algorithm) != algorithm:
            continue
        if key_id is not None and each.get("kid", key_id) != key_id:
            continue
        try:
            key = jwt.PyJWK(each, algorithm)
            # Of the claims `token_fault` says what is wrong, by our own clock.
            read = dict.fromkeys(
                (f"verify_{name}" for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")), False
            )
            return jwt.decode(token, key, algorithms=[algorithm], options=read)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
    raise unsigned


async def _discovered(http: aiohttp.ClientSession, client: Client) -> dict[str, Any]:
    told = await _asked(http, client, client.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if told.get("issuer") != client.issuer:
        raise NoSignIn(No.ISSUER, _("Your company's sign-in calls itself by another name than we know it by."))
    return told


def _endpoint(told: Mapping[str, Any], name: str, client: Client) -> str:
    url = told.get(name)
    fault = address_fault(url, anywhere=client.anywhere) if isinstance(url, str) else _("There is none.")
    if fault:
        raise _no_address(name, fault)
    return str(url)


def _no_address(name: str, fault: str) -> NoSignIn:
    return NoSignIn(
        "discovery", _("Your company's sign-in cannot be asked. Its {name}: {fault}").format(name=name, fault=fault)
    )


def _takes_basic(told: Mapping[str, Any]) -> bool:
    ways = told.get("token_endpoint_auth_methods_supported")
    return not isinstance(ways, list) or "client_secret_basic" in ways


async def _asked(
    http: aiohttp.ClientSession,
    client: Client,
    url: str,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The JSON object that it answers with; with a `form` it is posted."""
    fault = address_fault(url, anywhere=client.anywhere)
    if fault:
        raise _no_address("issuer", fault)
    asked = {"Accept": "application/json", "User-Agent": "Nightdesk"} | dict(headers or {})
    way = fetched(http, url, headers=asked) if form is None else posted(http, url, data=form, headers=asked)
    async with way as answer:
        content = await answer.content.read(LONGEST_ANSWER)
        while len(content) < LONGEST_ANSWER and not answer.content.at_eof():
            content += await answer.content.read(LONGEST_ANSWER - len(content))
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if answer.status != 200 or not isinstance(told, dict):
        said = str(told.get("error", ""))[:60] if isinstance(told, dict) else ""
        raise NoSignIn(
            "answer",
            _("Your company's sign-in answered {status} {said}").format(status=answer.status, said=said).strip(),
        )
    return told
