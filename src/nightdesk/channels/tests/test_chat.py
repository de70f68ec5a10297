"""Chat by apprise: what arrives, what is refused, that secrets stay where they are, and that a service that hangs hangs alone."""

import ast
import asyncio
import dataclasses
import inspect
import logging
import pkgutil
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import Invalid
from nightdesk.channels.actions import Recipient, queue_message, save_route
from nightdesk.channels.driver import Outgoing, Permanent, Sent, Temporary
from nightdesk.channels.drivers import apprise as driver
from nightdesk.channels.models import Delivery, Route
from nightdesk.channels.tests.test_drivers import LINK, SAID, outgoing
from tests.peers.chat_server import ChatMessage, ChatServer

ASKING = dataclasses.replace(SAID, body="rack 4")


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with ChatServer() as chat:
        yield chat


def url_of(chat: ChatServer, service: str) -> str:
    return {
        "ntfy": f"ntfy://{chat.token}@127.0.0.1:{chat.port}/{{target}}",
        "mattermost": f"mmost://127.0.0.1:{chat.port}/{chat.hook}/?channel={{target}}",
        "gotify": f"gotify://127.0.0.1:{chat.port}/{chat.token}",
    }[service]


def sent(url: str, *messages: Outgoing, **more: Any) -> list[Sent | Temporary | Permanent]:
    """What came of each, one after the other by one line."""
    settings = {"service": "ops", "url": url, "allow_private": True, **more}

    async def scenario() -> list[Sent | Temporary | Permanent]:
        line, came = driver.DRIVER.connect(settings), []
        for message in messages:
            try:
                came.append(await line.send(message))
            except (Temporary, Permanent) as refusal:
                came.append(refusal)
        return came

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("service", "address", "arrived"),
    [
        ("ntfy", "ops:noc", ChatMessage("ntfy", "noc", "[12] P1 db down", f"rack 4\nAnswer here: {LINK}")),
        (
            "mattermost",
            "ops:noc",
            ChatMessage("mattermost", "noc", "", f"[12] P1 db down\r\nrack 4\nAnswer here: {LINK}"),
        ),
        ("gotify", "ops:", ChatMessage("gotify", "", "[12] P1 db down", f"rack 4\nAnswer here: {LINK}")),
    ],
)
def test_a_message_arrives_with_the_link_that_answers_it(
    chat: ChatServer, service: str, address: str, arrived: ChatMessage
) -> None:
    (came,) = sent(url_of(chat, service), outgoing(address, said=ASKING))
    assert isinstance(came, Sent)
    assert came.state == "accepted"
    assert chat.messages.one() == arrived


def test_a_text_that_is_too_long_keeps_its_link(chat: ChatServer) -> None:
    said = dataclasses.replace(ASKING, body="long " * 9000)
    sent(url_of(chat, "mattermost"), outgoing("ops:noc", said=said))
    text = chat.messages.one().text
    assert text.endswith(f"...\nAnswer here: {LINK}")
    assert len(text) <= 16_000


def test_what_is_not_to_be_answered_says_so(chat: ChatServer) -> None:
    said = dataclasses.replace(ASKING, verbs=(), body="")
    sent(url_of(chat, "ntfy"), outgoing("ops:noc", said=said, link=""), outgoing("ops:noc", said=said))
    assert [message.text for message in chat.messages.all()] == ["[12] P1 db down", f"See it here: {LINK}"]


@pytest.mark.parametrize("target", ["noc/../x", "noc?template=/etc/passwd", "a&b=c", "äö", "%2e%2e", "a#b", "{target}"])
def test_a_target_is_a_name_and_nothing_else(chat: ChatServer, target: str) -> None:
    (came,) = sent(url_of(chat, "mattermost"), outgoing(f"ops:{target}", said=ASKING))
    assert isinstance(came, Sent)
    ((_method, path, _headers),) = chat.requests.all()
    assert path == f"/hooks/{chat.hook}"


@pytest.mark.parametrize(
    ("address", "url"), [("other:noc", "ntfy"), ("noc", "ntfy"), ("ops:", "ntfy"), ("ops:noc", "gotify")]
)
def test_an_address_of_another_service_goes_nowhere(chat: ChatServer, address: str, url: str) -> None:
    (came,) = sent(url_of(chat, url), outgoing(address))
    assert isinstance(came, Permanent)
    assert not came.unreachable
    assert chat.requests.all() == []


@pytest.mark.parametrize("target", ["a,b", "a b", "a;b", "[a]", "a\nb"])
def test_an_address_is_for_one(chat: ChatServer, target: str) -> None:
    (came,) = sent(url_of(chat, "ntfy"), outgoing(f"ops:{target}"))
    assert isinstance(came, Permanent)
    assert chat.requests.all() == []


@pytest.mark.parametrize(("status", "of_route"), [(401, True), (429, True), (500, True), (404, False), (400, False)])
def test_what_a_service_refuses_is_temporary_with_its_reason(chat: ChatServer, status: int, of_route: bool) -> None:
    chat.answers.append((status, {}))
    (came,) = sent(url_of(chat, "gotify"), outgoing("ops:"))
    assert isinstance(came, Temporary)
    assert str(status) in came.reason
    assert came.of_route is of_route


# Secrets


class Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    root, everything = logging.getLogger(), Everything()
    level = root.level
    root.addHandler(everything)
    root.setLevel(logging.DEBUG)
    try:
        yield everything.lines
    finally:
        root.removeHandler(everything)
        root.setLevel(level)


@pytest.mark.parametrize("service", ["ntfy", "mattermost", "gotify"])
@pytest.mark.parametrize("status", [None, 401, 500, 302])
def test_no_secret_is_logged_or_told(
    chat: ChatServer, logged: list[str], capfd: pytest.CaptureFixture[str], service: str, status: int | None
) -> None:
    if status is not None:
        chat.answers.append((status, {"Location": "http://127.0.0.1:1/"}))
    address = "ops:" if service == "gotify" else "ops:noc"
    came = sent(url_of(chat, service), outgoing(address))
    away = url_of(chat, service).replace(f":{chat.port}/", ":1/")
    came += sent(away, outgoing(address))
    told = "\n".join([*logged, *capfd.readouterr(), *(str(one) for one in came)])
    assert isinstance(came[1], Temporary)
    assert chat.token not in told
    assert chat.hook not in told


def test_a_reason_that_quotes_the_url_is_quoted_without_it() -> None:
    url = "ntfys://user:pa%24s%24word@chat.example/tk_123456/noc"
    said = "Could not open https://user:pa$s$word@chat.example/tk_123456/noc: refused (user, tk_123456)"
    left = driver._without_secrets(said, url)
    for secret in ("user", "word", "tk_123456", "chat.example"):
        assert secret not in left
    assert "refused" in left


# What is refused


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("syslog://", "machine"),
        ("DBUS://", "machine"),
        ("rsyslog://192.168.1.1", "machine"),
        ("mailto://u:p@example.com", "e-mail"),
        ("mqtt://host/topic", "no HTTP"),
        ("vapid://mailto@example.com/x", "files"),
        ("json://{target}/hook", "host"),
        ("json://user@{target}:80/hook", "host"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/{target}?template=/etc/passwd", "file"),
        ("https://example.com", "understand"),
        ("nonsense", "expected"),
        ("nonsense://x", "understand"),
        ("slack://", "understand"),
    ],
)
def test_a_url_that_no_route_may_have(url: str, why: str) -> None:
    assert why in driver.what_is_wrong(url)


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/{target}",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram://123456789:abcdefg_hijklmnop/{target}",
        "pover://{target}@ABCDEFGHIJKLMNOPQRSTUVWXYZ1234",
        "ntfys://tk_abc@ntfy.example/{target}",
        "matrixs://bot:secret@matrix.example/{target}",
        "json://hook.example/{target}",
    ],
)
def test_urls_of_known_services_are_taken(url: str) -> None:
    assert driver.what_is_wrong(url) == ""


def test_whatever_is_not_refused_speaks_http_by_one_library_and_nothing_else() -> None:
    """A plugin that comes with a new version of the library, and goes by another way, is found here."""
    library = driver._loaded()
    manager = import_module("apprise.plugins").N_MGR
    manager.load_modules()
    other_ways = {
        "socket",
        "smtplib",
        "subprocess",
        "paho",
        "slixmpp",
        "gntp",
        "dbus",
        "syslog",
        "telnetlib",
        "pika",
        "asyncio",
    }
    ways: dict[str, set[str]] = {}
    for schema in manager.schemas():
        if schema in driver.REFUSED:
            continue
        used: set[str] = set()
        for kind in inspect.getmro(manager[schema]):
            module = kind.__module__
            if module.startswith("apprise.plugins.") and module != "apprise.plugins.base":
                used |= _imports_of(module)
        ways[schema] = used
    assert len(ways) > 100
    assert {schema for schema, used in ways.items() if "requests" not in used} == set()
    assert {schema: used & other_ways for schema, used in ways.items() if used & other_ways} == {}
    assert library.__version__


def _imports_of(name: str) -> set[str]:
    """The top-level packages that the module, or any beside it in its folder, imports."""
    package = name.rpartition(".")[0] if name.count(".") > 2 else ""
    names = [name]
    if package:
        names = [f"{package}.{each.name}" for each in pkgutil.iter_modules(import_module(package).__path__)]
    found: set[str] = set()
    for each in names:
        for node in ast.walk(ast.parse(Path(str(import_module(each).__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::1]", "169.254.169.254"])
def test_our_own_network_is_never_called(chat: ChatServer, host: str) -> None:
    url = f"json://{host}:{chat.port}/{{target}}"
    (came,) = sent(url, outgoing("ops:noc"), allow_private=False)
    assert isinstance(came, Permanent)
    assert chat.requests.all() == []


def test_the_watch_is_only_on_its_own_threads(chat: ChatServer) -> None:
    url = url_of(chat, "ntfy")
    assert isinstance(sent(url, outgoing("ops:noc"), allow_private=False)[0], Permanent)
    assert isinstance(sent(url, outgoing("ops:noc"))[0], Sent)


def test_nobody_is_led_on_to_another_address(chat: ChatServer) -> None:
    chat.answers.append((307, {"Location": f"http://127.0.0.1:{chat.port}/"}))
    (came,) = sent(url_of(chat, "ntfy"), outgoing("ops:noc"))
    assert isinstance(came, Temporary)
    assert len(chat.requests.all()) == 1


@pytest.mark.django_db
def test_a_route_is_refused_by_what_is_wrong_with_its_url_and_nothing_of_it_is_repeated() -> None:
    def save(url: str) -> Route:
        return save_route(
            channel="chat", driver="apprise", name="ops", config={"service": "ops"}, secrets={"url": url},
            by=SCHEDULER, via=Door.CLI, at=clock.now(),
        )  # fmt: skip

    with pytest.raises(Invalid) as refused:
        save("syslog://s3cret-word")
    assert "machine" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert Route.objects.count() == 0
    route = save("ntfys://tk_s3cret@ntfy.example/{target}")
    assert b"s3cret" not in bytes(route.secrets)
    assert "s3cret" not in str(route.config)


@pytest.mark.django_db
def test_no_url_gets_into_the_ledger_as_an_address() -> None:
    at = clock.now()
    to = [Recipient("account", 0, "chat", "tgram://123456789:s3cret/bo", at)]
    with pytest.raises(Invalid) as refused, transaction.atomic():
        queue_message(
            kind="route.test", subject=("route", 1), title="x", body="x", to=to, brand_id=None, by=SCHEDULER,
            via=Door.CLI, at=at,
        )  # fmt: skip
    assert "s3cret" not in str(refused.value)
    assert Delivery.objects.count() == 0


# What hangs


def test_a_service_that_hangs_hangs_alone(chat: ChatServer) -> None:
    chat.answers += [(0, {})] * 2

    async def scenario() -> tuple[list[Any], Sent, float]:
        line = driver.DRIVER.connect(
            {"service": "ops", "url": url_of(chat, "ntfy"), "allow_private": True, "at_once": 1}
        )
        other = driver.DRIVER.connect({"service": "ops", "url": url_of(chat, "gotify"), "allow_private": True})
        hanging = [asyncio.create_task(line.send(outgoing("ops:noc", number))) for number in range(2)]
        while len(chat.requests.all()) < 2:
            await asyncio.sleep(0.01)
        for task in hanging:
            task.cancel()  # as the driver's time-out does
        await asyncio.gather(*hanging, return_exceptions=True)
        began = time.monotonic()
        third = await asyncio.gather(line.send(outgoing("ops:noc", 3)), return_exceptions=True)
        through = await other.send(outgoing("ops:"))
        return third, through, time.monotonic() - began

    (third,), through, took = asyncio.run(scenario())
    assert isinstance(third, Temporary)
    assert isinstance(through, Sent)
    assert took < 10
