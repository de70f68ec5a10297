"""Pagers: SNPP one way and both ways, TAP, and what each network's refusal means."""

import asyncio
import dataclasses
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nightdesk.channels.driver import Driver, Heard, Outgoing, Permanent, Receipt, Reply, Sent, Settings, Temporary
from nightdesk.channels.drivers import snpp, tap
from nightdesk.channels.tests.test_drivers import AT, SAID, outgoing
from tests.peers import mail_sink
from tests.peers.record import Record
from tests.peers.snpp_network import SnppNetwork
from tests.peers.tap_terminal import TapTerminal
from tests.requires import requires

PAGER = "5551212"
RING = dataclasses.replace(
    SAID, title="P1 db down", body="Zürich, rack 4", verbs=("acknowledge", "escalate", "resolve", "status", "note")
)


def sent(driver: Driver, settings: Settings, message: Outgoing) -> Sent | Exception:
    """What came of handing it over."""

    async def scenario() -> Sent:
        line = driver.connect(settings)
        try:
            async with asyncio.timeout(60):
                return await line.send(message)
        finally:
            await line.close()

    try:
        return asyncio.run(scenario())
    except (Temporary, Permanent) as refusal:
        return refusal


def ring(**more: Any) -> Outgoing:
    return outgoing(PAGER, said=RING, **more)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def network_of(stack: ExitStack, **more: Any) -> tuple[SnppNetwork, dict[str, Any]]:
    network = stack.enter_context(SnppNetwork(**more))
    return network, {"host": network.host, "port": network.port}


# One way


def test_a_page_one_way_ends_with_its_code(stack: ExitStack) -> None:
    network, settings = network_of(stack)
    came = sent(snpp.DRIVER, {**settings, "receipts": False}, ring())
    page = network.pages.one()
    assert (page.pager, page.text, page.two_way) == (PAGER, "P1 db down Zurich, rack 4 Code 12", False)
    assert isinstance(came, Sent)
    assert (came.state, came.receipt_expected) == ("accepted", False)


def test_the_extras_of_a_route(stack: ExitStack) -> None:
    network, settings = network_of(stack, user="night", password="s3cret")
    settings |= {
        "user": "night",
        "password": "s3cret",
        "level": 3,
        "alert": True,
        "caller": "+44 20 7946",
        "subject": True,
    }
    assert isinstance(sent(snpp.DRIVER, settings, ring()), Sent)
    options = network.pages.one().options
    assert {key: options[key] for key in ("LEVE", "ALER", "CALL", "SUBJ")} == {
        "LEVE": "3", "ALER": "1", "CALL": "+44 20 7946", "SUBJ": "12",
    }  # fmt: skip


def test_extras_that_a_network_does_not_know_are_left_out(stack: ExitStack) -> None:
    network, settings = network_of(stack)
    network.script("LEVE 500 Command not implemented")
    assert isinstance(sent(snpp.DRIVER, {**settings, "level": 3}, ring()), Sent)
    assert "LEVE" not in network.pages.one().options


def test_a_long_text_keeps_its_end_and_goes_by_data_where_that_is_known(stack: ExitStack) -> None:
    said = dataclasses.replace(RING, body=".first\n" + "long " * 100)
    for knows in (True, False):
        network, settings = network_of(stack, data=knows)
        assert isinstance(sent(snpp.DRIVER, {**settings, "length": 120}, outgoing(PAGER, said=said)), Sent)
        page = network.pages.one()
        assert page.by_data is knows
        assert len(page.text) <= 120
        assert page.text.endswith("Reply 12 to take it.")
        assert ".first" in page.text


@pytest.mark.parametrize(
    ("script", "kind", "unreachable", "of_route"),
    [
        ("PAGE 550 Error, invalid pager ID", Permanent, True, None),
        ("MESS 550 Error, invalid message", Permanent, False, None),
        ("PAGE 552 Maximum entries exceeded", Temporary, None, False),
        ("SEND 554 Error, failed", Temporary, None, True),
        ("MESS 421 Too many errors, goodbye", Temporary, None, True),
        ("PAGE 530 Log in first", Temporary, None, True),
        ("SEND 503 Message incomplete", Temporary, None, True),
        ("PAGE what?", Temporary, None, True),
        ("closed", Temporary, None, True),
        ("drop", Temporary, None, True),
    ],
)
def test_each_refusal_means_what_it_should(
    stack: ExitStack, script: str, kind: type, unreachable: bool | None, of_route: bool | None
) -> None:
    network, settings = network_of(stack)
    network.script(script)
    came = sent(snpp.DRIVER, {**settings, "receipts": False}, ring())
    assert type(came) is kind
    assert getattr(came, "unreachable", None) is unreachable
    assert getattr(came, "of_route", None) is of_route
    assert network.pages.all() == []


@pytest.mark.parametrize("password", ["s3cret", "wrong"])
def test_a_log_in_that_is_not_taken_is_the_routes_trouble_and_tells_no_password(
    stack: ExitStack, password: str
) -> None:
    _network, settings = network_of(stack, user="night", password="s3cret")
    came = sent(snpp.DRIVER, {**settings, "user": "night", "password": password}, ring())
    if password == "s3cret":
        assert isinstance(came, Sent)
    else:
        assert isinstance(came, Temporary)
        assert password not in str(came)


def test_tls_and_whose_certificate_is_trusted(stack: ExitStack) -> None:
    certificate, key = mail_sink._certificate()
    _network, settings = network_of(stack, tls=mail_sink._server_context(certificate, key))
    settings["security"] = "tls"
    assert isinstance(sent(snpp.DRIVER, settings, ring()), Temporary)
    assert isinstance(sent(snpp.DRIVER, {**settings, "certificate": certificate.decode()}, ring()), Sent)


# Both ways


def test_a_page_both_ways_shows_its_answers_and_ends_with_its_use(stack: ExitStack) -> None:
    network, settings = network_of(stack)
    came = sent(snpp.DRIVER, settings, ring(valid_until=AT + timedelta(minutes=61)))
    page = network.pages.one()
    assert isinstance(came, Sent)
    assert (came.provider_id, came.state, came.receipt_expected) == (f"{page.tag} {page.passcode}", "accepted", True)
    assert page.choices == {"01": "OK I take it", "02": "NEXT wake other", "05": "DONE", "06": "STATUS"}
    assert page.options == {"EXPT": "2", "ACKR": "1", "RTYP": "MULTICHOICE"}
    assert page.text == "P1 db down Zurich, rack 4 Reply 12 to take it."


@pytest.mark.parametrize("more", [{"two_way": False}, {"one_way_pagers": (PAGER,)}])
def test_what_knows_only_one_way_gets_the_page_one_way(stack: ExitStack, more: dict[str, Any]) -> None:
    network, settings = network_of(stack, **more)
    came = sent(snpp.DRIVER, settings, ring())
    assert isinstance(came, Sent)
    assert not came.receipt_expected
    assert not network.pages.one().two_way
    assert network.pages.one().text.endswith("Code 12")


def test_a_pager_that_nobody_knows_is_unreachable_both_ways(stack: ExitStack) -> None:
    _network, settings = network_of(stack, unknown_pagers=(PAGER,))
    came = sent(snpp.DRIVER, settings, ring())
    assert isinstance(came, Permanent)
    assert came.unreachable


def test_a_network_is_asked_only_once_whether_it_knows_both_ways(stack: ExitStack) -> None:
    network, settings = network_of(stack, two_way=False)

    async def scenario() -> None:
        line = snpp.SnppLine(settings)
        for _ in range(2):
            await line.send(ring())

    asyncio.run(scenario())
    assert [line for line in network.asked.all() if line == "2WAY"] == ["2WAY"]


class Listener:
    """The other end of a line that listens: what it heard, and what it still wants to know of."""

    def __init__(self, settings: Settings) -> None:
        self.heard: Record[Receipt | Reply] = Record()
        self.wanted: list[str] = []
        self._loop = asyncio.new_event_loop()
        self.line = snpp.SnppLine(settings)
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    async def hear(self, heard: Heard) -> str:
        self.heard.add(heard.read())
        return "kept"

    async def unanswered(self) -> list[str]:
        return list(self.wanted)

    def send(self, message: Outgoing) -> Sent:
        came = asyncio.run_coroutine_threadsafe(self.line.send(message), self._loop).result(60)
        self.wanted.append(came.provider_id)
        return came

    def _run(self) -> None:
        async def listen() -> None:
            self._task = asyncio.current_task()
            while True:  # as the sender does
                with suppress(ValueError):
                    await self.line.listen(self)

        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(listen())

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(lambda: self._task.cancel() if self._task else None)
        self._thread.join(5)
        self._loop.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snpp, "ASK_SOON_S", 0.02)
    monkeypatch.setattr(snpp, "ASK_LATER_S", 0.02)


@pytest.mark.usefixtures("soon")
def test_what_becomes_of_a_page_is_told_once_and_the_button_last(stack: ExitStack) -> None:
    network, settings = network_of(stack)
    listener = stack.enter_context(Listener(settings))
    tag = listener.send(ring()).provider_id
    page = network.pages.one()
    for number, happens in enumerate((network.reach, network.read, lambda page: network.press(page, "01")), 1):
        happens(page)
        listener.heard.wait(number)
    count = len(network.asked.all())
    listener.send(ring())  # something else is asked about; the first one is settled
    network.asked.wait(3, lambda line: line.startswith("MSTA 1002"))
    assert listener.heard.all() == [
        Receipt(tag, "delivered"),
        Receipt(tag, "read"),
        Reply(id=f"{tag} 1001", sender="", to="", body="OK", to_message=tag),
    ]
    assert not [line for line in network.asked.all()[count:] if line.startswith("MSTA 1001")]


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (lambda network, page: network.expire(page), ("expired", False)),
        (lambda network, page: setattr(page, "tag", "forgotten"), ("failed", True)),
    ],
)
def test_a_page_that_did_not_arrive_is_said_so(
    stack: ExitStack, happens: Callable[..., None], told: tuple[str, bool]
) -> None:
    network, settings = network_of(stack)
    listener = stack.enter_context(Listener(settings))
    listener.send(ring())
    happens(network, network.pages.one())
    receipt = listener.heard.one()
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.permanent) == told


@pytest.mark.usefixtures("soon")
def test_a_page_that_nobody_wants_any_more_rings_no_pager(stack: ExitStack) -> None:
    network, settings = network_of(stack)
    listener = stack.enter_context(Listener(settings))
    tag = listener.send(ring()).provider_id
    network.asked.one(lambda line: line == f"MSTA {tag}")
    listener.wanted.clear()
    network.asked.one(lambda line: line == f"KTAG {tag}")
    assert listener.heard.all() == []


@pytest.mark.usefixtures("soon")
def test_a_network_that_is_away_for_a_while_is_asked_again(stack: ExitStack) -> None:
    network, settings = network_of(stack)
    listener = stack.enter_context(Listener(settings))
    tag = listener.send(ring()).provider_id
    for _ in range(3):
        network.script("closed")
    network.type_(network.pages.one(), "on my way")
    reply = listener.heard.one()
    assert isinstance(reply, Reply)
    assert (reply.body, reply.to_message) == ("on my way", tag)


@pytest.mark.usefixtures("soon")
def test_news_that_cannot_be_kept_is_in_nobody_elses_way(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    network, settings = network_of(stack)
    listener = Listener(settings)
    hear = listener.hear

    async def kept(heard: Heard) -> str:
        if b"poison" in heard.raw:
            raise ValueError("too strange")
        return await hear(heard)

    monkeypatch.setattr(listener, "hear", kept)
    with listener:
        listener.send(ring())
        listener.send(ring())
        first, second = network.pages.wait(2)
        network.type_(second, "ok")
        network.type_(first, "poison")
        reply = listener.heard.one()
    assert isinstance(reply, Reply)
    assert reply.body == "ok"


@pytest.mark.parametrize("address", ["", "5551212\r\nPAGE 1", "555 1212", "ü", "5" * 41])
@pytest.mark.parametrize("driver", [snpp.DRIVER, tap.DRIVER], ids=lambda driver: driver.name)
def test_what_is_no_pager_is_never_said_to_a_network(stack: ExitStack, driver: Driver, address: str) -> None:
    network, settings = network_of(stack)
    came = sent(driver, settings, outgoing(address, said=RING))
    assert isinstance(came, Permanent)
    assert came.unreachable
    assert network.asked.all() == []


# Debian's Net::SNPP::Server


class PerlNetwork:
    """Net::SNPP::Server in a process of its own. `pages` are [pager, text, two ways or 0, alert, choices]."""

    def __init__(self) -> None:
        script = Path(__file__).parents[4] / "tests/peers/snpp_server.pl"
        self.process = subprocess.Popen(["perl", str(script)], stdout=subprocess.PIPE, text=True)
        self.pages: Record[list[str]] = Record()
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[1])
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.pages.add(line.rstrip("\n").split("\t"))

    def __enter__(self) -> "PerlNetwork":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


@requires("perl-snpp")
def test_net_snpp_server_takes_a_page_one_way_and_both_ways(stack: ExitStack) -> None:
    network = stack.enter_context(PerlNetwork())
    settings = {"host": "127.0.0.1", "port": network.port, "alert": True, "user": "night", "password": "s3cret"}
    came = sent(snpp.DRIVER, {**settings, "receipts": False}, ring())
    assert isinstance(came, Sent)
    assert network.pages.one() == [PAGER, "P1 db down Zurich, rack 4 Code 12", "0", "1", ""]
    came = sent(snpp.DRIVER, settings, ring())
    assert isinstance(came, Sent)
    assert came.provider_id == "4001 99"
    # It does not know RTYP, so that no choices are offered; ACKR is its user's hook.
    assert network.pages.wait(2)[1] == [PAGER, "P1 db down Zurich, rack 4 Reply 12 to take it.", "1", "1", ""]
    refused = sent(snpp.DRIVER, settings, outgoing("12", said=RING))
    assert isinstance(refused, Permanent)
    assert refused.unreachable


@requires("perl-snpp")
@pytest.mark.usefixtures("soon")
def test_net_snpp_server_tells_what_was_pressed(stack: ExitStack) -> None:
    network = stack.enter_context(PerlNetwork())
    listener = stack.enter_context(Listener({"host": "127.0.0.1", "port": network.port}))
    listener.send(outgoing("5550000", said=RING))
    reply = listener.heard.one()
    assert isinstance(reply, Reply)
    assert (reply.body, reply.to_message) == ("OK", "4001 99")


# TAP


def terminal_of(stack: ExitStack, **more: Any) -> tuple[TapTerminal, dict[str, Any]]:
    terminal = stack.enter_context(TapTerminal(**more))
    return terminal, {"host": terminal.host, "port": terminal.port}


@pytest.mark.parametrize("parity", ["", "even"])
def test_a_terminal_takes_a_page(stack: ExitStack, parity: str) -> None:
    terminal, settings = terminal_of(stack, parity=parity, password="123456")
    settings |= {"parity": "7e1" if parity else "8n1", "password": "123456"}
    came = sent(tap.DRIVER, settings, ring())
    assert isinstance(came, Sent)
    assert came.state == "accepted"
    page = terminal.pages.one()
    assert (page.fields, page.password) == ((PAGER, "P1 db down Zurich, rack 4 Code 12"), "123456")


def test_a_long_page_comes_in_blocks_and_lines_where_they_are_understood(stack: ExitStack) -> None:
    said = dataclasses.replace(RING, body="line " * 100)
    terminal, settings = terminal_of(stack)
    assert isinstance(sent(tap.DRIVER, {**settings, "length": 400, "escapes": True}, outgoing(PAGER, said=said)), Sent)
    page = terminal.pages.one()
    assert page.blocks == 2
    assert page.fields[1].startswith("P1 db down\nline line")
    assert page.fields[1].endswith("...\nCode 12")
    assert len(page.fields[1]) <= 400


def test_a_block_that_was_garbled_is_said_again(stack: ExitStack) -> None:
    terminal, settings = terminal_of(stack)
    terminal.answers += [b"514 Checksum\r\x15", b"\x15"]
    assert isinstance(sent(tap.DRIVER, settings, ring()), Sent)
    assert len(terminal.blocks.all()) == 3
    assert len(terminal.pages.all()) == 1


def test_a_terminal_that_sleeps_is_called_again_and_one_that_stumbles_is_asked_again(stack: ExitStack) -> None:
    terminal, settings = terminal_of(stack, prompt_after=2)
    terminal.log_ins = [b"\r\x15\r"]
    assert isinstance(sent(tap.DRIVER, {**settings, "t1": 1}, ring()), Sent)


@pytest.mark.parametrize(
    ("answer", "kind", "unreachable", "of_route"),
    [
        (b"510 Illegal pager\r\x1e", Permanent, True, None),
        (b"511 No such subscriber\r\x1e", Permanent, True, None),
        (b"505 Numeric only\r\x1e", Permanent, False, None),
        (b"513 Too long\r\x1e", Permanent, False, None),
        (b"\x1e", Permanent, False, None),
        (b"512 Cannot deliver now\r\x1e", Temporary, None, False),
        (b"516 Quota\r\x1e", Temporary, None, False),
        (b"506 Too many invalid pages\r\x1b\x04", Temporary, None, True),
        (b"\x1b\x04", Temporary, None, True),
    ],
)
def test_each_answer_means_what_it_should(
    stack: ExitStack, answer: bytes, kind: type, unreachable: bool | None, of_route: bool | None
) -> None:
    terminal, settings = terminal_of(stack)
    terminal.answers.append(answer)
    came = sent(tap.DRIVER, settings, ring())
    assert type(came) is kind
    assert getattr(came, "unreachable", None) is unreachable
    assert getattr(came, "of_route", None) is of_route
    assert terminal.pages.all() == []


def test_a_page_that_is_taken_back_at_the_end_was_not_sent(stack: ExitStack) -> None:
    terminal, settings = terminal_of(stack)
    terminal.late = b"511 No such subscriber\r\x1e\r"
    came = sent(tap.DRIVER, settings, ring())
    assert isinstance(came, Permanent)
    assert came.unreachable


def test_a_terminal_that_hangs_up_without_a_word_has_the_page(stack: ExitStack) -> None:
    terminal, settings = terminal_of(stack)
    terminal.says_good_bye = False
    assert isinstance(sent(tap.DRIVER, settings, ring()), Sent)


def test_a_wrong_password_is_the_routes_trouble_and_is_not_told(stack: ExitStack) -> None:
    _terminal, settings = terminal_of(stack, password="123456")
    came = sent(tap.DRIVER, {**settings, "password": "654321"}, ring())
    assert isinstance(came, Temporary)
    assert "507" in came.reason
    assert "654321" not in came.reason


def test_a_terminal_that_never_asks_is_given_up(stack: ExitStack) -> None:
    _terminal, settings = terminal_of(stack, prompt_after=99)
    came = sent(tap.DRIVER, {**settings, "t1": 1, "tries": 1}, ring())
    assert isinstance(came, Temporary)
    assert "does not answer" in came.reason
