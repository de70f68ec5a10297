"""Our paging network against a second implementation of the protocol's client: Perl's Net::SNPP."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.snpp_network import SnppNetwork
from tests.requires import requires

CLIENT = Path(__file__).with_name("snpp_client.pl")


@pytest.fixture
def network() -> Iterator[SnppNetwork]:
    with SnppNetwork() as network:
        yield network


def client(network: SnppNetwork, *words: str) -> str:
    command = ["perl", str(CLIENT), str(network.port), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


@requires("perl-snpp")
def test_a_page_one_way(network: SnppNetwork) -> None:
    assert client(network, "one", "5551212", "db down") == "one-way OK"
    page = network.pages.one()
    assert (page.pager, page.text, page.two_way) == ("5551212", "db down", False)
    assert page.options == {"ALER": "1", "LEVE": "3"}


@requires("perl-snpp")
def test_a_pager_that_nobody_knows(network: SnppNetwork) -> None:
    assert client(network, "one", "12", "db down") == "one-way FAILED 550"
    assert network.pages.all() == []


@requires("perl-snpp")
def test_a_page_both_ways_and_what_becomes_of_it(network: SnppNetwork) -> None:
    word, tag, passcode, kind = client(network, "5551212", "db down").split()
    assert (word, kind) == ("sent", "9")
    page = network.pages.one()
    assert (page.text, page.two_way, page.by_data) == ("db down", True, True)
    assert (page.options, page.choices) == ({"ACKR": "1", "EXPT": "2", "RTYP": "MULTICHOICE"}, {"01": "OK I take it"})
    assert client(network, "status", tag, passcode).startswith(f"status 960 {tag} 261103040500+00 Queued")
    network.reach(page)
    assert client(network, "status", tag, passcode).startswith("status 860 ")
    network.read(page)
    assert client(network, "status", tag, passcode).startswith("status 870 ")
    network.press(page, "01")
    assert client(network, "status", tag, passcode) == f"status 888 {tag} 261103040500+00 01"
