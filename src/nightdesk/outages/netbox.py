"""NetBox's lists, as its REST API (version 4) gives them, read into parts and what they need. No network and no database here.

What is read of each object (all else is left alone):

| list | fields |
| --- | --- |
| `dcim/sites` | id, name, slug, status |
| `dcim/racks` | id, name, site, status |
| `dcim/devices` | id, name, role (device_role before version 4), site, rack, status |
| `circuits/circuits` | id, cid, provider, type, status |
| `circuits/circuit-terminations` | id, circuit, site (termination_type and termination_id from version 4.2 on) |
| `dcim/cables` | id, status, a_terminations, b_terminations |

A rack needs its site; a device its rack, or else its site. A cable does not say which of its ends needs the other: roles do, in
the order that the reader gives. A device needs any of the devices of an earlier role that it is cabled to. A circuit needs the
devices that it ends on, or else its sites; one between devices of two roles needs that of the earlier role, and is a way up for
the other. Circuits of the types that the reader names are upstreams: any of them is enough for the devices that they end on.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from nightdesk.outages.needs_text import Wanted, together
from nightdesk.outages.part_list import ListedNeeds, ListedPart, Owner, PartsPlan, Problem, as_aliases

PREFIX = "nb/"
"""Keys of parts that come from NetBox begin with it; then the kind and NetBox's number, which outlives every name."""
UPLINKS = f"{PREFIX}uplinks"

PATHS: Mapping[str, str] = {
    "sites": "dcim/sites/",
    "racks": "dcim/racks/",
    "devices": "dcim/devices/",
    "circuits": "circuits/circuits/",
    "circuit_terminations": "circuits/circuit-terminations/",
    "cables": "dcim/cables/",
}
"""List -> where NetBox has it, below `/api/`."""
KINDS: Mapping[str, str] = {"sites": "site", "racks": "rack", "devices": "device", "circuits": "circuit"}

NOT_THERE = frozenset(
    {"planned", "staging", "staged", "inventory", "provisioning", "reserved", "retired", "decommissioned", "deprecated"}
)
"""Statuses of what does not stand in the network, not yet or no more."""
MOST_OBJECTS = 200_000

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Wiring:
    """How cables are read. `roles`: the beginnings of roles' slugs, nearest to the core first; `upstream_types`: slugs of the
    types of circuits that bring the outside world.
    """

    roles: tuple[str, ...] = ("core", "router", "distribution", "aggregation", "access", "cpe")
    upstream_types: tuple[str, ...] = ("transit", "ip-transit", "internet", "upstream", "peering")


def read_lists(content: bytes) -> dict[str, list[Json]] | Problem:
    """The lists in a JSON file: {"sites": [...], "racks": ...}, each a list or a page of one (`results`); see PATHS."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError) as bad:
        return Problem("file", str(bad)[:80], "It is not JSON.", "Give the lists as NetBox's API writes them.")
    if not isinstance(whole, dict) or not set(PATHS) & set(whole):
        return Problem(
            "file", "no list", "None of NetBox's lists is in it.",
            f"Give an object with some of {', '.join(PATHS)}.",
        )  # fmt: skip
    found: dict[str, list[Json]] = {}
    for name in PATHS:
        rows = whole.get(name, [])
        if isinstance(rows, dict):
            if rows.get("next"):
                return Problem(
                    name, "one page of several", "NetBox says that more follows.",
                    "Ask for them all (?limit=0), or have them fetched by address.",
                )  # fmt: skip
            rows = rows.get("results", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return Problem(name, "no list", "It is not a list of objects.", "Give the list as NetBox's API writes it.")
        found[name] = rows
    return found


def plan_netbox(lists: Mapping[str, Sequence[Json]], wiring: Wiring | None = None) -> PartsPlan:
    """Parts and what they need. Parts that came from NetBox and are no longer in it are retired.

    Never raises for what the lists hold: an object without a number or a name is a problem, and the next one is read.
    """
    if sum(map(len, lists.values())) > MOST_OBJECTS:
        many = Problem("file", "so many objects", f"There are more than {MOST_OBJECTS}.", "Ask for fewer, by site.")
        return PartsPlan(problems=(many,))
    reader = _Reader(wiring or Wiring())
    reader.take(lists)
    return PartsPlan(
        tuple(reader.parts.values()),
        tuple(
            ListedNeeds(reader.parts[key].place, Owner(key=key), together(reader.needs.get(key, ())))
            for key in reader.parts
        ),
        tuple(reader.problems),
        whole=PREFIX,
        notes=tuple(reader.notes()),
    )


def _of(row: Any, *path: str) -> Any:
    """What stands at the end of the path; None where it breaks off."""
    for name in path:
        row = row.get(name) if isinstance(row, dict) else None
    return row


def _slug(row: Json, *names: str) -> str:
    """The slug (or the value) of the first of these fields that has one, in small letters."""
    for name in names:
        found = _of(row, name, "slug") or _of(row, name, "value") or row.get(name)
        if isinstance(found, str):
            return found.lower()
    return ""


class _Reader:
    """What was read so far."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.parts: dict[str, ListedPart] = {}
        self.needs: defaultdict[str, list[Wanted]] = defaultdict(list)
        self.problems: list[Problem] = []
        self.ranks: dict[str, int] = {}
        """Device -> the place of its role; what has none is not in it."""
        self.ways_up: defaultdict[str, set[str]] = defaultdict(set)
        self.not_told: Counter[str] = Counter()

    def take(self, lists: Mapping[str, Sequence[Json]]) -> None:
        for row in lists.get("sites", ()):
            self._part("sites", row, "name")
        for row in lists.get("racks", ()):
            if key := self._part("racks", row, "name"):
                self._need(key, self._key("sites", _of(row, "site", "id")))
        for row in lists.get("devices", ()):
            if key := self._part("devices", row, "name"):
                rack, site = self._key("racks", _of(row, "rack", "id")), self._key("sites", _of(row, "site", "id"))
                self._need(key, rack or site)
                self._rank(key, _slug(row, "role", "device_role"))
        upstreams = self._circuits(lists.get("circuits", ()))
        self._cables(lists, upstreams)
        for device, above in self.ways_up.items():
            self.needs[device].append(Wanted(tuple(sorted(above)), 1 if len(above) > 1 else None))

    def notes(self) -> Iterator[str]:
        """What could not be told, with how often."""
        for what, count in sorted(self.not_told.items()):
            yield f"{count} x {what}"

    def _key(self, kind: str, number: object) -> str:
        """The key of the part with NetBox's number, where the plan has it."""
        key = f"{PREFIX}{KINDS[kind]}/{number}"
        return key if key in self.parts else ""

    def _part(
        self,
        listed: str,
        row: Json,
        name: str,
        kind: str = "",
        provider: str | None = None,
        provider_ref: str | None = None,
    ) -> str:
        """The key of the new part; "" where it cannot be one or does not stand in the network."""
        number, called = row.get("id"), row.get(name)
        if not isinstance(number, int) or number < 1:
            self._problem(f"{listed}/?", str(called)[:40], "It has no id.", "Give the object as NetBox writes it.")
            return ""
        if _slug(row, "status") in NOT_THERE:
            self.not_told[f"{listed}: not in the network, by their status"] += 1
            return ""
        if not isinstance(called, str) or not called.strip():
            self.not_told[f"{listed}: without a {name}"] += 1
            return ""
        key = f"{PREFIX}{KINDS[listed]}/{number}"
        if key in self.parts:
            self._problem(f"{listed}/{number}", called[:40], "It is in the list twice.", "Ask for the list once more.")
            return ""
        called = " ".join(called.split())[:200]
        named = {called, str(row.get("slug") or "")} if listed == "sites" else {called}
        self.parts[key] = ListedPart(
            f"{listed}/{number}",
            key,
            called,
            kind or KINDS[listed],
            as_aliases(named),
            provider,
            provider_ref,
            retired=False,
        )
        return key

    def _problem(self, place: str, what: str, so: str, do: str) -> None:
        self.problems.append(Problem(place, what, so, do))

    def _need(self, owner: str, *members: str) -> None:
        if found := tuple(member for member in members if member):
            self.needs[owner].append(Wanted(found))

    def _rank(self, key: str, role: str) -> None:
        rank = next((place for place, begins in enumerate(self.wiring.roles) if role.startswith(begins)), None)
        if rank is not None:
            self.ranks[key] = rank

    def _circuits(self, rows: Sequence[Json]) -> set[str]:
        """The parts of the circuits; those that are upstreams."""
        upstreams = set()
        for row in rows:
            upstream = _slug(row, "type") in self.wiring.upstream_types
            provider = str(_of(row, "provider", "name") or "")[:120]
            kind, ref = "upstream" if upstream else "circuit", str(row.get("cid") or "")[:120]
            key = self._part("circuits", row, "cid", kind, provider, ref)
            if key and upstream:
                upstreams.add(key)
        if upstreams:
            self.parts[UPLINKS] = ListedPart("circuits", UPLINKS, "Uplinks", "shared", retired=False)
            self.needs[UPLINKS].append(Wanted(tuple(sorted(upstreams)), 1 if len(upstreams) > 1 else None))
        return upstreams

    def _cables(self, lists: Mapping[str, Sequence[Json]], upstreams: set[str]) -> None:
        ends: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
        """Circuit -> its terminations -> what each ends on: devices, or else a site."""
        for row in lists.get("circuit_terminations", ()):
            if circuit := self._key("circuits", _of(row, "circuit", "id")):
                site = _of(row, "site", "id")
                if row.get("termination_type") == "dcim.site":
                    site = row.get("termination_id")
                ends[circuit][str(row.get("id"))] = {self._key("sites", site)} - {""}
        for row in lists.get("cables", ()):
            if _slug(row, "status") in NOT_THERE:
                continue
            for one, other in product(self._ends(row, "a_terminations"), self._ends(row, "b_terminations")):
                self._join(one, other, ends)
        for circuit, by_end in ends.items():
            self._circuit(circuit, list(by_end.values()), upstream=circuit in upstreams)

    def _ends(self, cable: Json, side: str) -> list[tuple[str, str]]:
        """(part, number of the circuit's termination or "") of each thing that the cable ends on and that is a part."""
        found: dict[tuple[str, str], None] = {}
        rows = cable.get(side)
        for row in rows if isinstance(rows, list) else ():
            kind, number = _of(row, "object_type"), _of(row, "object_id")
            if kind == "dcim.interface":
                key = self._key("devices", _of(row, "object", "device", "id"))
                end = (key, "")
            elif kind == "circuits.circuittermination":
                end = (self._key("circuits", _of(row, "object", "circuit", "id")), str(number))
            elif kind in ("dcim.frontport", "dcim.rearport"):
                self.not_told["cables: to a panel, which are not followed"] += 1
                continue
            else:
                continue
            if end[0]:
                found[end] = None
        return list(found)

    def _join(self, one: tuple[str, str], other: tuple[str, str], ends: dict[str, dict[str, set[str]]]) -> None:
        circuits = [end for end in (one, other) if end[1]]
        devices = [end[0] for end in (one, other) if not end[1]]
        if len(circuits) == 1:
            circuit, termination = circuits[0]
            known = ends[circuit].get(termination, set())
            cabled = {key for key in known if key in self.parts and self.parts[key].kind == "device"}
            ends[circuit][termination] = cabled | set(devices)
        elif len(devices) == 2 and devices[0] != devices[1]:
            upper, lower = self._by_rank(*devices)
            if upper:
                self.ways_up[lower].add(upper)
            else:
                self.not_told["cables: between devices whose roles say not which needs which"] += 1

    def _by_rank(self, one: str, other: str) -> tuple[str, str]:
        """(the nearer to the core, the other); ("", "") where their roles do not say."""
        if one not in self.ranks or other not in self.ranks or self.ranks[one] == self.ranks[other]:
            return "", ""
        return (one, other) if self.ranks[one] < self.ranks[other] else (other, one)

    def _circuit(self, circuit: str, by_end: list[set[str]], *, upstream: bool) -> None:
        devices = [{key for key in end if self.parts[key].kind == "device"} for end in by_end]
        if upstream:
            for device in set().union(*devices):
                self._need(device, UPLINKS)
            self._need(circuit, *sorted(set().union(*by_end, set()) - set().union(*devices)))
            return
        if len(devices) == 2 and len(devices[0]) == len(devices[1]) == 1:
            upper, lower = self._by_rank(*devices[0], *devices[1])
            if upper:
                self._need(circuit, upper)
                self.ways_up[lower].add(circuit)
                return
        self._need(circuit, *sorted(set().union(*by_end)))
