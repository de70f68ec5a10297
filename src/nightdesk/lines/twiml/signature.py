"""The signature under every request that Twilio, or a gateway that speaks its language, sends us (X-Twilio-Signature).

It is base64(HMAC-SHA1(auth token, URL + each form field's name and value, sorted by name)). The URL is the one that the
provider called, so behind a proxy it must come from configuration or from a believed X-Forwarded-Host.
Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

Form = Mapping[str, str | Sequence[str]]
_DEFAULT_PORTS = {"https": 443, "http": 80}


def sign(url: str, params: Form | bytes, token: str) -> str:
    """The signature of a request to `url`, as it stands in the header.

    `params` is the decoded form (a name may have several values), or the raw body of a request that carries no form;
    of that only the URL is signed, which names the body's digest in its query.
    """
    text = url
    if not isinstance(params, bytes):
        for name in sorted(params):
            value = params[name]
            values = {value} if isinstance(value, str) else set(value)
            text += "".join(name + one for one in sorted(values))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def valid(url: str, params: Form | bytes, signature: str, token: str) -> bool:
    """Whether `signature` belongs to this request. False for an empty token, which would be anybody's.

    The port does not decide: providers sign "https://host:443/x" with or without it, so both spellings are tried.
    A raw body must be the one whose SHA-256 the query names in bodySHA256; without that name it is nobody's word.
    """
    if not token:
        return False
    if isinstance(params, bytes) and not _is_named_body(url, params):
        return False
    given = signature.encode()
    # Every spelling is computed and compared, so that the time taken says nothing about which came near.
    matches = [hmac.compare_digest(sign(one, params, token).encode(), given) for one in _spellings(url)]
    return any(matches)


def _is_named_body(url: str, body: bytes) -> bool:
    named = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[0]
    return hmac.compare_digest(named.lower().encode(), hashlib.sha256(body).hexdigest().encode())


def _spellings(url: str) -> tuple[str, str]:
    """`url` without a port, and with one: its own, or the scheme's default. All else stays letter by letter."""
    scheme, separator, rest = url.partition("://")
    end = min((place for place in map(rest.find, "/?#") if place >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    host, colon, port = authority.rpartition(":")
    if colon and port.isdigit():
        bare = host
    else:
        bare, port = authority, str(_DEFAULT_PORTS.get(scheme.lower(), ""))
    return f"{scheme}{separator}{bare}{path}", f"{scheme}{separator}{bare}:{port}{path}"
