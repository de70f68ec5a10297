"""NetBox's lists as parts: which need which, and what a NetBox that says no, or nonsense, does."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.refusals import Invalid
from nightdesk.outages import netbox_door, part_queries
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Part
from nightdesk.outages.needs_text import write_needs
from nightdesk.outages.netbox import PATHS, Wiring, plan_netbox, read_lists
from nightdesk.outages.netbox_door import NetBoxSilent, fetch_lists
from nightdesk.outages.part_import_actions import apply_parts_import
from nightdesk.outages.part_list import PartsPlan, Problem
from nightdesk.outages.tests.conftest import Network
from tests.peers import netbox as peer


def needs(plan: PartsPlan) -> dict[str, str]:
    """By name, what each part needs, by names."""
    names = {part.key: part.name or "" for part in plan.parts}
    said = {}
    for one in plan.needs:
        text = write_needs(one.needs)
        for key in sorted(names, key=len, reverse=True):
            text = text.replace(key, names[key])
        said[names[one.owner.key]] = text
    return said


def test_cables_and_roles_say_what_needs_what() -> None:
    plan = plan_netbox(peer.lists())
    assert not plan.problems
    assert needs(plan) == {
        "Dock Street": "none",
        "Mill Lane": "none",
        "R1": "Dock Street",
        "core1": "R1 Uplinks",
        "core2": "Mill Lane Uplinks",
        "acc1": "R1; any of core1 core2",
        "acc2": "LON-1187 Mill Lane",
        "TRN-1": "none",
        "TRN-2": "none",
        "LON-1187": "core1",
        "CUST-7": "acc1",
        "Uplinks": "any of TRN-1 TRN-2",
    }
    kinds = {part.name: part.kind for part in plan.parts}
    assert (kinds["TRN-1"], kinds["CUST-7"], kinds["Uplinks"]) == ("upstream", "circuit", "shared")
    line = next(part for part in plan.parts if part.name == "LON-1187")
    assert (line.provider, line.provider_ref, line.aliases) == ("Estuary", "LON-1187", ("lon-1187",))
    assert plan.notes == (
        "1 x cables: between devices whose roles say not which needs which",
        "1 x cables: to a panel, which are not followed",
        "1 x devices: not in the network, by their status",
        "1 x devices: without a name",
        "1 x sites: not in the network, by their status",
    )


def test_the_reader_says_which_roles_are_nearer_to_the_core_and_which_circuits_are_upstreams() -> None:
    plan = plan_netbox(peer.lists(), Wiring(roles=("access", "core"), upstream_types=()))
    told = needs(plan)
    assert told["core1"] in ("R1; any of LON-1187 acc1", "R1; any of acc1 LON-1187")
    assert "Uplinks" not in told
    assert told["TRN-1"] == "core1"


def test_the_lists_fetched_from_a_netbox_are_whole() -> None:
    with peer.netbox() as (url, asked):
        found = fetch_lists(url=url, token=peer.TOKEN)
        assert found == peer.lists()
        # What stands in `next` is not followed: it may lead to another machine.
        assert all(path.startswith("/api/") for path in asked)
        of_one = fetch_lists(url=f"{url}/api/", token=peer.TOKEN, site="dock-street")
    assert [row["name"] for row in of_one["sites"]] == ["Dock Street"]


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "so"),
    [
        (200, b"<html>", "not as a NetBox does"),
        (200, b"[]", "not as a NetBox does"),
        (200, b'{"count": 1, "results": [3]}', "not as a NetBox does"),
        (200, b"[" * 100_000, "not as a NetBox does"),
        (302, b"", "answers with 302"),
        (500, b"", "answers with 500"),
        (403, b"{}", "refuses the token"),
    ],
)
def test_a_netbox_that_gives_no_lists_is_named(status: int, body: bytes, so: str) -> None:
    with (
        answering(status, body, Location="http://127.0.0.1:1/") as url,
        pytest.raises(NetBoxSilent, match=so) as refused,
    ):
        fetch_lists(url=url, token="secret-token")
    assert "secret-token" not in str(refused.value)


def test_one_that_gives_too_much_or_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    with peer.netbox() as (url, _asked):
        monkeypatch.setattr(netbox_door, "MOST_OBJECTS", 3)
        with pytest.raises(NetBoxSilent, match="more than 3 objects"):
            fetch_lists(url=url, token=peer.TOKEN)
        monkeypatch.setattr(netbox_door, "LONGEST_PAGE", 10)
        with pytest.raises(NetBoxSilent, match="too long"):
            fetch_lists(url=url, token=peer.TOKEN)
        monkeypatch.setattr(netbox_door, "ALL_WITHIN_S", -1)
        with pytest.raises(NetBoxSilent, match="took more than"):
            fetch_lists(url=url, token=peer.TOKEN)
    monkeypatch.undo()
    with pytest.raises(NetBoxSilent, match="cannot be reached"):
        fetch_lists(url=url, token=peer.TOKEN)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "netbox.example.net",
        "ftp://netbox.example.net",
        "http://netbox.example.net",
        "https://u:p@x.example",
        "https://x:0x/",
    ],
)
def test_the_token_leaves_only_for_an_address_that_keeps_it(url: str) -> None:
    with pytest.raises(Invalid):
        fetch_lists(url=url, token=peer.TOKEN)
    with pytest.raises(Invalid, match="No token"):
        fetch_lists(url="https://netbox.example.net", token=" ")


def test_an_upload_is_the_lists_or_pages_of_them() -> None:
    whole = peer.lists()
    assert read_lists(json.dumps(whole).encode()) == whole
    pages = {name: {"count": len(rows), "next": None, "results": rows} for name, rows in whole.items()}
    assert read_lists(json.dumps(pages).encode()) == whole
    pages["sites"]["next"] = "http://netbox/api/dcim/sites/?offset=50"
    for wrong in (pages, {"sites": [1]}, {"racks": "x"}, {}, []):
        assert isinstance(read_lists(json.dumps(wrong).encode()), Problem)
    for wrong_bytes in (b"{", b"\xff", b"[" * 100_000):
        assert isinstance(read_lists(wrong_bytes), Problem)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 60) | st.sampled_from(["dcim.interface", "active", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["id", "name", "site", "device", "object", "slug", "status"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(PATHS)), st.integers(0, 9), st.integers(0, 9), json_values)
def test_nothing_in_the_lists_breaks_the_reader(name: str, row: int, field: int, value: object) -> None:
    lists = peer.lists()
    spoiled = lists[name][row % len(lists[name])]
    spoiled[sorted(spoiled)[field % len(spoiled)]] = value
    plan = plan_netbox(lists)
    keys = {part.key for part in plan.parts}
    assert all(key in keys for one in plan.needs for need in one.needs for key in need.keys)


def test_an_import_from_netbox_says_whom_a_failure_touches_and_retires_what_is_gone(network: Network) -> None:
    doing = {"brand_id": network.brand.pk, **network.doing(network.mo)}
    first = apply_parts_import(plan=plan_netbox(peer.lists()), **doing)  # type: ignore[arg-type]
    assert (len(first.made), first.changed, first.retired) == (12, [], [])
    again = apply_parts_import(plan=plan_netbox(peer.lists()), **doing)  # type: ignore[arg-type]
    assert not again.does_something
    assert again.same == 12
    # A customer's line is said to need the circuit, as monitoring calls it.
    network.needs("subscription", network.bought("L1").pk, "cust-7")
    core1 = Part.objects.get(name="core1")
    told = part_queries.what_if(network.brand.pk, {core1.pk: Effect.DOWN})
    assert told.customers == {network.acme.pk: Effect.REDUCED}
    fewer = peer.lists()
    fewer["circuits"] = [row for row in fewer["circuits"] if row["cid"] != "LON-1187"]
    third = apply_parts_import(plan=plan_netbox(fewer), **doing)  # type: ignore[arg-type]
    assert third.retired == [Part.objects.get(name="LON-1187").key]
    assert network.kinds().count("parts.imported") == 2
