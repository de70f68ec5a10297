"""Whether two hosts hang on one network, by a table of prefixes: what fails together must not stand in for one another.

A prefix is an IP network with the name of whose it is, as routing tables and the registries have them ("203.0.113.0/24 AS64500").
Where the table says nothing, addresses within one /16 (IPv4) or /32 (IPv6) count as one network: providers have such blocks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
UNKNOWN = {4: 16, 6: 32}
"""How long a prefix is taken where the table has none."""


@dataclass(frozen=True, slots=True)
class Shared:
    """`ours` (a role of the second site) and `theirs` (of the main one) lie on the network `name`."""

    ours: str
    theirs: str
    name: str


def table_of(text: str) -> tuple[tuple[Network, str], ...]:
    """The table from lines or commas of "PREFIX NAME". Raises ValueError that names what could not be read."""
    rows = []
    for line in text.replace(",", "\n").splitlines():
        prefix, _, name = line.partition("#")[0].strip().partition(" ")
        if prefix:
            rows.append((ip_network(prefix, strict=False), name.strip() or prefix))
    return tuple(sorted(rows, key=lambda row: -row[0].prefixlen))


def network_of(address: str, table: Iterable[tuple[Network, str]]) -> str:
    """The name of the narrowest prefix that holds the address."""
    at: Address = ip_address(address)
    for prefix, name in table:
        if at.version == prefix.version and at in prefix:
            return name
    return str(ip_network(f"{at}/{UNKNOWN[at.version]}", strict=False))


def shared(
    ours: Mapping[str, Sequence[str]], theirs: Mapping[str, Sequence[str]], table: Iterable[tuple[Network, str]]
) -> list[Shared]:
    """What of the second site (role -> addresses) lies on a network on which something of the main site lies."""
    rows = tuple(table)
    main = {network_of(address, rows): role for role, addresses in theirs.items() for address in addresses}
    return [
        Shared(role, main[name], name)
        for role, addresses in ours.items()
        for name in sorted({network_of(address, rows) for address in addresses} & main.keys())
    ]
