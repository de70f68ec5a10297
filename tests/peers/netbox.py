"""A NetBox on loopback: the six lists that we read, in the shapes of its REST API, page by page and only with the token.

The network: two sites, a core switch at each, an access switch with a way up to either core, a second site's switch that hangs
on a leased line, two transits, and a customer's circuit on the access switch.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "0123456789abcdef0123456789abcdef01234567"


def brief(number: int, name: str, **more: Any) -> dict[str, Any]:
    """An object inside another, as NetBox tells it."""
    return {"id": number, "url": f"http://netbox/api/x/{number}/", "display": name, "name": name, **more}


def choice(value: str) -> dict[str, str]:
    return {"value": value, "label": value.title()}


def site(number: int, name: str, slug: str, status: str = "active") -> dict[str, Any]:
    return {**brief(number, name, slug=slug), "status": choice(status), "region": None, "tags": [], "custom_fields": {}}


def device(number: int, name: str | None, role: str, at: int, rack: int | None = None, status: str = "active") -> Any:
    return {
        "id": number,
        "url": f"http://netbox/api/dcim/devices/{number}/",
        "display": name or f"Unnamed {number}",
        "name": name,
        "device_type": {"id": 1, "model": "QFX5120", "slug": "qfx5120"},
        "role": brief(1, role.title(), slug=role),
        "site": brief(at, f"Site {at}", slug=f"site-{at}"),
        "rack": brief(rack, f"R{rack}") if rack else None,
        "status": choice(status),
        "virtual_chassis": None,
    }


def circuit(number: int, cid: str, kind: str, provider: str = "Estuary") -> dict[str, Any]:
    return {
        "id": number,
        "cid": cid,
        "display": cid,
        "provider": brief(1, provider, slug=provider.lower()),
        "type": brief(1, kind.title(), slug=kind),
        "status": choice("active"),
    }


def termination(number: int, of: int, side: str, at: int | None, *, new: bool = True) -> dict[str, Any]:
    """`new`: as since version 4.2, else as before. `at` None: in the provider's network."""
    where: dict[str, Any]
    if new:
        kind = "dcim.site" if at else "circuits.providernetwork"
        where = {"termination_type": kind, "termination_id": at or 1, "termination": brief(at or 1, "there")}
    else:
        where = {"site": brief(at, f"Site {at}") if at else None, "provider_network": None if at else brief(1, "WAN")}
    return {"id": number, "circuit": {"id": of, "cid": "x", "display": "x"}, "term_side": side, "cable": None, **where}


def port(on: int, number: int = 1) -> dict[str, Any]:
    inside = {"id": number, "device": brief(on, f"device {on}"), "name": f"xe-0/0/{number}", "_occupied": True}
    return {"object_type": "dcim.interface", "object_id": number, "object": inside}


def far_end(number: int, of: int) -> dict[str, Any]:
    inside = {"id": number, "circuit": {"id": of, "cid": "x"}, "term_side": "A", "_occupied": True}
    return {"object_type": "circuits.circuittermination", "object_id": number, "object": inside}


def panel(on: int) -> dict[str, Any]:
    return {"object_type": "dcim.frontport", "object_id": 9, "object": {"id": 9, "device": brief(on, "panel")}}


def cable(number: int, one: dict[str, Any], other: dict[str, Any], status: str = "connected") -> dict[str, Any]:
    return {"id": number, "type": "smf", "status": choice(status), "a_terminations": [one], "b_terminations": [other]}


def lists() -> dict[str, list[dict[str, Any]]]:
    """What stands in it."""
    return {
        "sites": [site(1, "Dock Street", "dock-street"), site(2, "Mill Lane", "mill-lane"), site(3, "Pier", "pier", "planned")],
        "racks": [{**brief(11, "R1"), "site": brief(1, "Dock Street"), "status": choice("active")}],
        "devices": [
            device(21, "core1", "core-switch", 1, 11),
            device(22, "core2", "core-switch", 2),
            device(23, "acc1", "access-switch", 1, 11),
            device(24, "acc2", "access-switch", 2),
            device(25, None, "pdu", 1),
            device(26, "acc9", "access-switch", 1, status="decommissioned"),
        ],
        "circuits": [
            circuit(31, "TRN-1", "transit", "Downland"),
            circuit(32, "TRN-2", "transit"),
            circuit(33, "LON-1187", "leased-line"),
            circuit(34, "CUST-7", "ethernet"),
        ],
        "circuit_terminations": [
            termination(41, 31, "A", 1), termination(42, 31, "Z", None), termination(43, 32, "A", 2, new=False),
            termination(44, 33, "A", 1), termination(45, 33, "Z", 2), termination(46, 34, "A", 1, new=False),
        ],
        "cables": [
            cable(51, port(21), far_end(41, 31)), cable(52, port(22), far_end(43, 32)),
            cable(53, port(21, 2), port(23)), cable(54, port(23, 2), port(22, 2)),
            cable(55, far_end(44, 33), port(21, 3)), cable(56, port(24), far_end(45, 33)),
            cable(57, port(23, 3), far_end(46, 34)), cable(58, port(21, 4), port(22, 4)),
            cable(59, port(24, 2), panel(27)), cable(60, port(24, 3), port(22, 5), "planned"),
        ],
    }  # fmt: skip


PATHS = {
    "/api/dcim/sites/": "sites",
    "/api/dcim/racks/": "racks",
    "/api/dcim/devices/": "devices",
    "/api/circuits/circuits/": "circuits",
    "/api/circuits/circuit-terminations/": "circuit_terminations",
    "/api/dcim/cables/": "cables",
}


@contextmanager
def netbox(*, page: int = 2) -> Iterator[tuple[str, list[str]]]:
    """(its address, what was asked of it). It gives no more than `page` objects at a time, whatever is asked for."""
    asked: list[str] = []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if self.headers["Authorization"] != f"Token {TOKEN}":
                return self._say(403, {"detail": "Invalid token"})
            if parts.path not in PATHS:
                return self._say(404, {"detail": "Not found."})
            rows = lists()[PATHS[parts.path]]
            wanted = query.get("site") or query.get("slug")
            if wanted:
                rows = [row for row in rows if wanted in (row.get("slug"), (row.get("site") or {}).get("slug"))]
            start, limit = int(query.get("offset", 0)), min(page, int(query.get("limit", 50)))
            more = f"http://wrong.example{parts.path}?offset={start + limit}" if start + limit < len(rows) else None
            found = rows[start : start + limit]
            return self._say(200, {"count": len(rows), "next": more, "previous": None, "results": found})

        def _say(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
