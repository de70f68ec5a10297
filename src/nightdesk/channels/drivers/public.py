"""Who may be called by an address that somebody outside gave us: the public network, and nothing of our own."""

import socket
from ipaddress import IPv6Address, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


def is_literal(host: str) -> bool:
    """Whether `host` is an address in digits, in any spelling that the system takes ("127.1", "0x7f000001")."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(host)
        except OSError:
            return False
    return True


class Private(OSError):
    """The name leads into a private network."""


class PublicOnly(AbstractResolver):
    """Gives out public addresses only. What it gives is what is connected to, so no second look-up can differ."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        public = [one for one in found if is_public(one["host"])]
        if found and not public:
            raise Private(host)
        return public

    async def close(self) -> None:
        await self._resolver.close()


_GLOBAL_UNICAST = ip_network("2000::/3")
"""All that is given out of IPv6. What wraps IPv4 (mapped, compatible, translated by NAT64) or is a site's own lies outside."""
_OF_A_CLOUD = (ip_network("168.63.129.16/32"), ip_network("192.0.0.0/24"))
"""Public by their digits, and yet the inside of a network: what Azure and Oracle tell each machine by."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network; also asked of what is wrapped in IPv6 (6to4, Teredo)."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (ip not in _GLOBAL_UNICAST or ip.sixtofour is not None or ip.teredo is not None):
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in inside for inside in _OF_A_CLOUD)
