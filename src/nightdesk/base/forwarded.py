"""Who really asks, when a proxy stands in front: pure reading of X-Forwarded-For, -Proto and -Host.

Only proxies that the operator has named are believed. From anyone else these headers are thrown away, and so is every
header that could pass for one of them further in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from nightdesk.base.asgi_types import Headers

Network = IPv4Network | IPv6Network
_CLAIMS = frozenset({b"forwarded", b"x-real-ip", b"proxy"})  # "Proxy" would become HTTP_PROXY in a CGI environment


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as its sender made it. `host` None: the Host header stands."""

    client: str
    scheme: str
    host: bytes | None


def seen_through(client: str, scheme: str, headers: Headers, trusted: Sequence[Network]) -> Seen:
    """What the sender did, given that the connection came from `client` with `scheme`.

    When `client` is in `trusted`, X-Forwarded-For is read from the right up to the first address that is no trusted
    proxy (what stands left of it is hearsay), and -Proto and -Host from their last value. An address that cannot be
    read ends the walk.
    """
    if not _is_in(client, trusted):
        return Seen(client, scheme, None)
    for hop in reversed(_values(headers, b"x-forwarded-for")):
        address = _address(hop)
        if address is None:
            break
        client = str(address)
        if not _is_in(client, trusted):
            break
    protocols = _values(headers, b"x-forwarded-proto")
    if protocols and protocols[-1].lower() in ("http", "https"):
        scheme = protocols[-1].lower()
    hosts = _values(headers, b"x-forwarded-host")
    return Seen(client, scheme, hosts[-1].encode("latin-1") if hosts else None)


def without_claims(headers: Headers) -> Headers:
    """The headers without what only a proxy may say, and without names that hold "_".

    WSGI writes X_Forwarded_For and X-Forwarded-For as the same key, so the first could smuggle in the second.
    """
    return [
        (name, value)
        for name, value in headers
        if b"_" not in name and name not in _CLAIMS and not name.startswith(b"x-forwarded-")
    ]


def _values(headers: Headers, name: bytes) -> list[str]:
    joined = b",".join(value for key, value in headers if key == name).decode("latin-1")
    return [value.strip() for value in joined.split(",") if value.strip()]


def _address(hop: str) -> IPv4Address | IPv6Address | None:
    """`hop` as an address; some proxies add a port to it (1.2.3.4:567, [::1]:567)."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        address = ip_address(hop)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _is_in(client: str, networks: Sequence[Network]) -> bool:
    address = _address(client) if networks else None
    return address is not None and any(address in network for network in networks)
