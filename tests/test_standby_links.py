"""Both sites in network namespaces of their own, and the link between them cut and restored. Needs root; `make standby-links`.

Cut, both live on: each pages by its own providers. Restored, what was done at the second one comes home. Nothing is lost.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.system.night import BO_PHONE
from tests.system.stack import Stack, _migrated, _new_state, until
from tests.system.two_sites import PAGERS, two_sites

pytestmark = [
    pytest.mark.skipif(not os.environ.get("NIGHTDESK_LINKS"), reason="make standby-links runs it"),
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

NAMES = {"main": "nightdesk-a", "second": "nightdesk-b"}
HERE = {"main": "10.77.1.254", "second": "10.77.2.254"}
"""This process, as each site reaches it: their providers are here."""
THERE = {"main": "10.77.1.1", "second": "10.77.2.1"}
BETWEEN = {"main": "10.77.3.1", "second": "10.77.3.2"}


def ip(*words: str, must: bool = True) -> None:
    subprocess.run(["ip", *words], check=must, capture_output=True)


@contextlib.contextmanager
def networks() -> Iterator[None]:
    """A namespace a site, each with a way to this process, and one cable between the two."""
    try:
        for number, (site, name) in enumerate(NAMES.items(), 1):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            ip("link", "add", f"nd-here{number}", "type", "veth", "peer", "name", "nd-out", "netns", name)
            ip("addr", "add", f"{HERE[site]}/24", "dev", f"nd-here{number}")
            ip("link", "set", f"nd-here{number}", "up")
            ip("-n", name, "addr", "add", f"{THERE[site]}/24", "dev", "nd-out")
            ip("-n", name, "link", "set", "nd-out", "up")
        ip(
            "-n",
            NAMES["main"],
            "link",
            "add",
            "nd-cable",
            "type",
            "veth",
            "peer",
            "name",
            "nd-cable",
            "netns",
            NAMES["second"],
        )
        for site, name in NAMES.items():
            ip("-n", name, "addr", "add", f"{BETWEEN[site]}/24", "dev", "nd-cable")
            ip("-n", name, "link", "set", "nd-cable", "up")
        yield
    finally:
        for name in NAMES.values():
            ip("netns", "del", name, must=False)
        for number in (1, 2):
            ip("link", "del", f"nd-here{number}", must=False)


def cable(state: str) -> None:
    """Dig it up ("down"), or lay it anew ("up")."""
    ip("-n", NAMES["main"], "link", "set", "nd-cable", state)


def started(site: str):  # type: ignore[no-untyped-def] - a context manager's factory
    """What starts a stack within the site's namespace."""

    @contextlib.contextmanager
    def start(**environment: str) -> Iterator[Stack]:
        state = _new_state()
        subprocess.run(["cp", "--archive", _migrated() / "postgres", state], check=True)
        running = Stack(state, NIGHTDESK_HOST="0.0.0.0", **environment)
        running.url = f"http://{THERE[site]}:{running.port}"
        running.environment |= {"NIGHTDESK_PUBLIC_URL": running.url}
        running.command = ["ip", "netns", "exec", NAMES[site], *running.command]
        try:
            running.start()
            yield running
        finally:
            running.stop()
            running.log.close()
            shutil.rmtree(state, ignore_errors=True)

    return start


@contextlib.contextmanager
def forwarded(address: str, port: int) -> Iterator[None]:
    """Whoever calls `address` reaches what listens at `port` of our loopback."""
    door = socket.create_server((address, port))

    def copy(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = door.accept()
                inside = socket.create_connection(("127.0.0.1", port))
                for pair in ((caller, inside), (inside, caller)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        door.close()


def test_a_cable_is_dug_up_and_laid_anew_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    import tests.system.two_sites as module

    with contextlib.ExitStack() as held:
        held.enter_context(networks())
        forwarding = held.enter_context(contextlib.ExitStack())

        class Mails(module.MailSink):
            def __enter__(self):  # type: ignore[no-untyped-def]
                sink = super().__enter__()
                for address in HERE.values():
                    forwarding.enter_context(forwarded(address, sink.port))
                return sink

        class Texts(module.SmsProvider):
            def __enter__(self):  # type: ignore[no-untyped-def]
                provider = super().__enter__()
                port = int(provider.url.rsplit(":", 1)[1].partition("/")[0])
                for address in HERE.values():
                    forwarding.enter_context(forwarded(address, port))
                return provider

        monkeypatch.setattr(module, "MailSink", Mails)
        monkeypatch.setattr(module, "SmsProvider", Texts)
        port_of: dict[str, int] = {}

        @contextlib.contextmanager
        def main(**environment: str) -> Iterator[Stack]:
            with started("main")(**environment) as running:
                port_of["main"] = running.port
                yield running

        @contextlib.contextmanager
        def second(**environment: str) -> Iterator[Stack]:
            # Over the cable between them, not by the way to this process.
            environment |= {"NIGHTDESK_STANDBY_OF": f"http://{BETWEEN['main']}:{port_of['main']}"}
            with started("second")(**environment) as running:
                yield running

        sites = held.enter_context(two_sites(sites={"main": main, "second": second}, hosts=HERE))
        key = sites.staged["keys"]["generic"]

        cable("down")
        until(lambda: sites.state() == "alone", 40, "the second site is alone")
        until(lambda: sites.texts_to("second", BO_PHONE, "Nightdesk itself is away"), 20, "it says so")
        for number, (site, program) in enumerate((("main", sites.main), ("second", sites.second))):
            status, _ = program.post(f"/hooks/generic/{key}", {"summary": f"fault {site}", "dedup_key": f"f{number}"})
            assert status < 300
            until(lambda: sites.texts_to(site, BO_PHONE, f"fault {site}"), 20, f"{site} pages")  # noqa: B023
        code = sites.page(sites.second, "fault second")[4]  # type: ignore[index]
        sites.sms["second"].reply(BO_PHONE, PAGERS["second"], f"ok {code}")
        until(lambda: sites.page(sites.second, "fault second")[0] == "acknowledged", 20, "Bo has it")  # type: ignore[index]

        cable("up")
        until(sites.follows, 60, "the second site follows again")
        until(lambda: sites.page(sites.main, "fault second"), 20, "what came there is at the main site")
        assert sites.page(sites.main, "fault second")[0] == "acknowledged"  # type: ignore[index]
        until(lambda: sites.page(sites.second, "fault main"), 20, "and what came at the main site is there")
        until(lambda: sites.page(sites.main, "Nightdesk itself")[0] == "resolved", 20, "it is no longer away")  # type: ignore[index]
        for site in PAGERS:
            rung = [text for text in sites.texts_to(site, BO_PHONE, f"fault {site}") if "to take it" in text]
            assert len(rung) == 1
