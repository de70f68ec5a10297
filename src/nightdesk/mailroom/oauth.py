"""Logging in to mailboxes by OAuth 2.0 (RFC 6749): what an administrator signed in for is exchanged for tokens that expire soon.

Microsoft 365 and Google take no passwords by IMAP. What is kept is the refresh token, or for Microsoft an application's own
secret; an access token is fetched with it whenever the last one is about to expire, and lies in no table.
"""

import base64
import hashlib
import http.client
import json
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext as _

TIMEOUT_S = 15
LONGEST_ANSWER = 256 * 1024
BEFORE_IT_EXPIRES = timedelta(minutes=2)
LASTS_AT_MOST = timedelta(hours=24)


class NoToken(ValueError):
    """There is no access token to be had. `gone`: nobody can do anything about it but a person who signs in anew."""

    def __init__(self, sentence: str, *, gone: bool) -> None:
        super().__init__(sentence)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Service:
    """Where a service that we know signs people in, and what we ask of it. `{tenant}` stands in its addresses."""

    authorize_url: str
    token_url: str
    scope: str
    application_scope: str = ""
    """What an application asks for by itself, where it may; "" where it may not."""
    more: Mapping[str, str] = field(default_factory=dict)


SERVICES: dict[str, Service] = {
    "microsoft": Service(
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        "https://outlook.office365.com/.default",
        {"prompt": "select_account"},
    ),
    "google": Service(
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://mail.google.com/",
        more={"access_type": "offline", "prompt": "consent"},
    ),
}
"""By what `Mailbox.auth` says; of "oauth" we know nothing but what its row says."""


@dataclass(frozen=True, slots=True)
class Client:
    """What we are to the service, and what we were given by it; secrets in plain. `trusted`: a certificate of its own, PEM."""

    service: str
    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    trusted: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `refresh_token` is the next one, "" where the old one stays."""

    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str = field(default="", repr=False)

    def is_fresh(self, at: datetime) -> bool:
        """Whether it can be used for a while."""
        return at < self.expires_at - BEFORE_IT_EXPIRES


def token_url_of(service: str, tenant: str, given: str) -> str:
    """Where tokens are fetched."""
    known = SERVICES.get(service)
    return known.token_url.format(tenant=tenant) if known else given


def fetch_token(client: Client, at: datetime) -> Token:
    """A new access token, by the refresh token, or for the application itself where there is none. Raises NoToken."""
    known = SERVICES.get(client.service)
    if client.refresh_token:
        asked = {"grant_type": "refresh_token", "refresh_token": client.refresh_token}
        # Without a scope it is what was granted; Microsoft wants it said.
        scope = client.scope or (known.scope if known and client.service == "microsoft" else "")
    else:
        if known is not None and not known.application_scope:
            raise NoToken(_("Nobody has signed in for this mailbox yet: sign in."), gone=True)
        asked = {"grant_type": "client_credentials"}
        scope = client.scope or (known.application_scope if known else "")
    return _asked(client, asked | ({"scope": scope} if scope else {}), at)


def exchange_code(client: Client, *, code: str, verifier: str, redirect_uri: str, at: datetime) -> Token:
    """What somebody who has signed in brought back, for tokens. Raises NoToken."""
    asked = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
    return _asked(client, asked, at)


def make_verifier() -> str:
    """A secret of one sign-in (RFC 7636)."""
    return secrets.token_urlsafe(48)


def sign_in_url(service: str, *, tenant: str, client_id: str, scope: str, login: str, redirect_uri: str, state: str,
                verifier: str) -> str:  # fmt: skip
    """Where somebody signs in for the mailbox of `login`; "" of a service that we know no such address of."""
    known = SERVICES.get(service)
    if known is None:
        return ""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope or known.scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "login_hint": login,
    } | dict(known.more)
    return f"{known.authorize_url.format(tenant=tenant)}?{urlencode(asked)}"


def _asked(client: Client, fields: dict[str, str], at: datetime) -> Token:
    fields = fields | {"client_id": client.client_id}
    if client.client_secret:
        fields |= {"client_secret": client.client_secret}
    status, told = _post(client.token_url, fields, client.trusted)
    code = told.get("error")
    if code or status >= 400:
        said = f"{code or status}: {told.get('error_description') or ''}".strip(": ")[:200]
        if code == "invalid_grant":
            raise NoToken(
                _("The sign-in has expired or was revoked: sign in anew. ({said})").format(said=said), gone=True
            )
        if code in ("invalid_client", "unauthorized_client", "invalid_scope"):
            raise NoToken(_("The service does not take our client id and secret: {said}").format(said=said), gone=True)
        raise NoToken(_("The service gives no access token: {said}").format(said=said), gone=False)
    token = told.get("access_token")
    if not isinstance(token, str) or not token or str(told.get("token_type", "bearer")).lower() != "bearer":
        raise NoToken(_("The service answered without an access token."), gone=False)
    try:
        lasts = min(timedelta(seconds=int(told.get("expires_in", 3600))), LASTS_AT_MOST)
    except (TypeError, ValueError, OverflowError):
        lasts = timedelta(hours=1)
    given = told.get("refresh_token")
    return Token(token, at + lasts, given if isinstance(given, str) else "")


def _post(url: str, fields: Mapping[str, str], trusted: str) -> tuple[int, dict[str, Any]]:
    """(status, the answer's JSON). Redirects are not followed. Raises NoToken where nothing sensible comes back."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise NoToken(
            _("{url} is no address of a token service: it begins with https://.").format(url=url[:200]), gone=True
        )
    context = ssl.create_default_context()
    if trusted:
        context.load_verify_locations(cadata=trusted)
    session = http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=TIMEOUT_S, context=context)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    try:
        session.request("POST", path or "/", urlencode(fields).encode(), headers)
        answer = session.getresponse()
        content = answer.read(LONGEST_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise NoToken(
            _("{host} cannot be reached for a token: {said}").format(host=parts.hostname, said=said), gone=False
        ) from None
    finally:
        session.close()
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise NoToken(
            _("{host} answered {status} and no JSON.").format(host=parts.hostname, status=answer.status), gone=False
        )
    return answer.status, told
