"""Whom a customer's own identity provider may sign in: what is asked of its token, and whom of ours that is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that the provider alone has. Not "none", and none that is made with a secret which we have too."""
CLOCKS_DIFFER = timedelta(minutes=1)
TOKEN_IS_NEW_FOR = timedelta(minutes=10)
LONGEST_SUB = 255


class No(StrEnum):
    """Why nobody is signed in."""

    ISSUER = "issuer"
    AUDIENCE = "audience"
    NONCE = "nonce"
    EXPIRED = "expired"
    SUBJECT = "subject"
    UNVERIFIED = "unverified"
    DOMAIN = "domain"
    UNKNOWN = "unknown"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the provider says of whoever signed in there. `verified`: that they have that address, it says."""

    sub: str
    email: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A contact of the provider's customer who is let in. `sub`: the provider's account that they are, "" for none yet."""

    contact_id: int
    email: str
    sub: str = ""


def token_fault(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, at: datetime) -> No | None:
    """What is wrong with the claims of an ID token of which the signature is right (OpenID Connect Core, 3.1.3.7)."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != issuer:
        return No.ISSUER
    if client_id not in audiences or claims.get("azp", client_id) != client_id:
        return No.AUDIENCE
    if len(audiences) > 1 and "azp" not in claims:
        return No.AUDIENCE
    if not nonce or claims.get("nonce") != nonce:
        return No.NONCE
    ends, made, begins = (_seconds(claims.get(name)) for name in ("exp", "iat", "nbf"))
    now, apart = at.timestamp(), CLOCKS_DIFFER.total_seconds()
    if ends is None or made is None or now >= ends + apart:
        return No.EXPIRED
    if not now - TOKEN_IS_NEW_FOR.total_seconds() <= made <= now + apart or (
        begins is not None and now + apart < begins
    ):
        return No.EXPIRED
    sub = claims.get("sub")
    return None if isinstance(sub, str) and 0 < len(sub) <= LONGEST_SUB else No.SUBJECT


def claimed(claims: Mapping[str, Any]) -> Claimed:
    """Who it is, by claims in which `token_fault` finds nothing. Microsoft says `xms_edov` for a verified address."""
    email = claims.get("email")
    verified = claims.get("email_verified") is True or claims.get("xms_edov") in (True, 1, "1", "true")
    return Claimed(str(claims["sub"]), email.strip() if isinstance(email, str) else "", verified)


def whom_to_admit(who: Claimed, domains: Collection[str], contacts: Collection[Known]) -> int | No:
    """The id of the contact that this is, or why nobody is. `contacts` are those of the provider's customer alone.

    Whoever came before is known by `sub`, whatever their address is now; a first time counts by a verified address.
    """
    bound = next((each for each in contacts if each.sub == who.sub), None)
    if bound is not None:
        return bound.contact_id if domain_of(bound.email) in domains else No.DOMAIN
    if not who.verified or not who.email:
        return No.UNVERIFIED
    if domain_of(who.email) not in domains:
        return No.DOMAIN
    named = [each for each in contacts if each.email.casefold() == who.email.casefold()]
    free = [each for each in named if not each.sub]
    if not named:
        return No.UNKNOWN
    return free[0].contact_id if len(named) == 1 and free else No.TAKEN


def domain_of(email: str) -> str:
    """What stands behind the last @, in lower case."""
    return email.rpartition("@")[2].strip().lower()


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
