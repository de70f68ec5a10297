"""Every driver against its peer: the same five things happen to each, and what is particular to one follows."""

import asyncio
import dataclasses
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from nightdesk.channels import registry
from nightdesk.channels.driver import Driver, Endpoint, Outgoing, Permanent, Said, Sent, Settings, Temporary
from nightdesk.channels.drivers import (
    apprise,
    email,
    http_sms,
    public,
    push,
    smpp,
    snpp,
    tap,
    twilio,
    twilio_voice,
    webhook,
)
from tests.peers import sms_provider
from tests.peers.mail_sink import MailSink
from tests.peers.push_service import Browser, PushService
from tests.peers.receiver import Receiver
from tests.peers.smpp_provider import SmppProvider
from tests.peers.sms_provider import Script, SmsProvider
from tests.peers.snpp_network import SnppNetwork
from tests.peers.tap_terminal import TapTerminal
from tests.peers.voice_provider import Trouble, VoiceProvider
from tests.requires import requires

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
LINK = "https://pager.example/a/" + "x" * 38
SAID = Said(
    UUID(int=5), AT, "page.rung", "page", "77", "P1 db down", "P1 db down. Look: {link}", "12", ("acknowledge",)
)


def outgoing(address: str, number: int = 1, **more: Any) -> Outgoing:
    made = Outgoing(SAID, UUID(int=number), date(2026, 11, 1), 2, 4, address, LINK, AT, AT + timedelta(minutes=5))
    made = dataclasses.replace(made, endpoint=Endpoint(address, **PUSH_KEYS))
    return dataclasses.replace(made, **more)


PUSH_KEYS = {name: Browser("").subscription[name] for name in ("p256dh", "auth")}


@dataclass
class Bench:
    """A driver set up against its peer, and how to make that peer difficult.

    `knows_the_dead`: its language has words for an address that nobody can reach.
    """

    driver: Driver
    settings: Settings
    address: str
    trouble: dict[str, Callable[[], object]]
    arrived: Callable[[], int]
    knows_the_dead: bool = True

    def send(self, *messages: Outgoing, within: float = 5.0) -> list[Sent | Exception]:
        """Hand each over by one line, one after the other; what came of each."""

        async def scenario() -> list[Sent | Exception]:
            line, came = self.driver.connect(self.settings), []
            for message in messages or (outgoing(self.address),):
                try:
                    async with asyncio.timeout(within):
                        came.append(await line.send(message))
                except (Temporary, Permanent, TimeoutError) as refusal:
                    came.append(refusal)
            await line.close()
            return came

        return asyncio.run(scenario())


def _email(stack: ExitStack, *, pipelining: bool = True) -> Bench:
    sink = stack.enter_context(MailSink(pipelining=pipelining))
    settings = {"host": sink.host, "port": sink.port, "security": "none", "from": "Pager <pager@night.example>"}
    trouble = {name: lambda name=name: sink.script(name) for name in ("temporary", "permanent", "hang")}
    return Bench(email.DRIVER, settings, "bo@night.example", trouble, lambda: len(sink.mails.all()))


def _twilio(stack: ExitStack) -> Bench:
    provider = stack.enter_context(SmsProvider())
    provider.default = sms_provider.SILENT
    settings = {
        "base_url": provider.url,
        "account_sid": provider.account_sid,
        "auth_token": provider.auth_token,
        "from": provider.numbers[0],
    }
    trouble = {
        "temporary": lambda: provider.script(sms_provider.BROKEN),
        "permanent": lambda: provider.script(Script(answer="refuse", code=21614)),
        "hang": lambda: provider.script(sms_provider.HANGS),
    }
    return Bench(twilio.DRIVER, settings, "+447700900123", trouble, lambda: len(provider.messages.all()))


def _voice(stack: ExitStack) -> Bench:
    provider = stack.enter_context(VoiceProvider(by_hand=True))
    settings = {
        "base_url": provider.url,
        "account_sid": provider.account_sid,
        "auth_token": provider.auth_token,
        "from": provider.numbers[0],
    }
    trouble = {
        "temporary": lambda: provider.trouble(Trouble("broken")),
        "permanent": lambda: provider.trouble(Trouble("refuse", code=21211)),
        "hang": lambda: provider.trouble(Trouble("hang")),
    }
    return Bench(twilio_voice.DRIVER, settings, "+447700900123", trouble, lambda: len(provider.calls.all()))


def _webhook(stack: ExitStack) -> Bench:
    receiver = stack.enter_context(Receiver())
    trouble = {
        name: lambda status=status: receiver.answers.append((status, {}))
        for name, status in (("temporary", 503), ("permanent", 410), ("hang", 0))
    }
    settings = {"secret": "s3cret", "allow_private": True}
    return Bench(webhook.DRIVER, settings, receiver.url, trouble, lambda: len(receiver.requests.all()))


def _gateway(stack: ExitStack) -> Bench:
    """A web server that answers as Kannel's sendsms does."""
    receiver = stack.enter_context(Receiver())
    receiver.usual = 202
    receiver.says = {
        202: b"0: Accepted for delivery",
        503: b"Temporal failure, try again later.",
        400: b"Invalid number",
    }
    trouble = {
        name: lambda status=status: receiver.answers.append((status, {}))
        for name, status in (("temporary", 503), ("permanent", 400), ("hang", 0))
    }
    settings = {"address": receiver.url, "user": "us", "password": "s3cret pass", "from": "+15005550006"}
    return Bench(http_sms.DRIVER, settings, "+447700900123", trouble, lambda: len(receiver.requests.all()))


def _snpp(stack: ExitStack) -> Bench:
    network = stack.enter_context(SnppNetwork())
    trouble = {
        name: lambda script=script: network.script(script)
        for name, script in (
            ("temporary", "SEND 554 Error, failed"),
            ("permanent", "PAGE 550 Error, invalid pager ID"),
            ("hang", "hang"),
        )
    }
    settings = {"host": network.host, "port": network.port, "receipts": False}
    return Bench(snpp.DRIVER, settings, "5551212", trouble, lambda: len(network.pages.all()))


def _tap(stack: ExitStack) -> Bench:
    terminal = stack.enter_context(TapTerminal())
    trouble = {
        "temporary": lambda: terminal.answers.append(b"512 Try later\r\x1e"),
        "permanent": lambda: terminal.answers.append(b"511 No such subscriber\r\x1e"),
        "hang": lambda: setattr(terminal, "hangs", 1),
    }
    settings = {"host": terminal.host, "port": terminal.port}
    return Bench(tap.DRIVER, settings, "5551212", trouble, lambda: len(terminal.pages.all()))


def _apprise(stack: ExitStack) -> Bench:
    receiver = stack.enter_context(Receiver())
    trouble = {
        name: lambda status=status: receiver.answers.append((status, {}))
        for name, status in (("temporary", 503), ("hang", 0))
    }
    settings = {
        "service": "hook",
        "url": receiver.url.replace("http:", "json:") + "/{target}",
        "allow_private": True,
    }
    return Bench(apprise.DRIVER, settings, "hook:noc", trouble, lambda: len(receiver.requests.all()))


def _push(stack: ExitStack) -> Bench:
    service = stack.enter_context(PushService())
    trouble = {
        name: lambda status=status: service.answers.append((status, {}))
        for name, status in (("temporary", 500), ("permanent", 410), ("hang", 0))
    }
    settings = {"allow_private": True, "private_key": "A" * 42 + "E"}
    return Bench(push.DRIVER, settings, service.browser().endpoint, trouble, lambda: len(service.pushes.all()))


def _smpp(stack: ExitStack) -> Bench:
    provider = stack.enter_context(SmppProvider(receipts="none"))
    trouble = {
        "temporary": lambda: provider.script(0x08),
        "permanent": lambda: provider.script(0x0B),
        "hang": lambda: provider.script("silent"),
    }
    return Bench(
        smpp.DRIVER, provider.route_settings, "+447700900123", trouble, lambda: len(provider.submits()),
        knows_the_dead=False,
    )  # fmt: skip


def _quiet(name: str) -> Callable[[ExitStack], Bench]:
    return lambda stack: Bench(registry.CHANNELS[name], {}, "", {}, lambda: 0)


BENCHES = {
    "email": _email,
    "smpp": _smpp,
    "http_sms": _gateway,
    "twilio": _twilio,
    "twilio_voice": _voice,
    "webhook": _webhook,
    "snpp": _snpp,
    "tap": _tap,
    "apprise": _apprise,
    "push": _push,
    "pocket": _quiet("pocket"),
    "outbox": _quiet("outbox"),
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


NEEDS = {"smpp": ("smpp",)}
"""The outside programs that a bench drives."""


@pytest.fixture(
    params=[pytest.param(name, marks=requires(*NEEDS[name]) if name in NEEDS else ()) for name in sorted(BENCHES)]
)
def bench(request: pytest.FixtureRequest, stack: ExitStack) -> Bench:
    return BENCHES[request.param](stack)


def test_every_driver_has_a_bench() -> None:
    assert set(BENCHES) == set(registry.CHANNELS)


def test_a_sound_provider_takes_it_and_gives_it_a_name(bench: Bench) -> None:
    (came,) = bench.send()
    assert isinstance(came, Sent)
    assert came.provider_id
    assert bench.arrived() == (1 if bench.trouble else 0)


def test_a_provider_in_trouble_is_temporary(bench: Bench) -> None:
    if bench.trouble:
        bench.trouble["temporary"]()
        first, second = bench.send(outgoing(bench.address), outgoing(bench.address, 2))
        assert isinstance(first, Temporary)
        assert first.reason
        assert isinstance(second, Sent), "the line is still good for the next one"


def test_an_address_that_is_no_more_is_permanent_and_unreachable(bench: Bench) -> None:
    if "permanent" in bench.trouble:  # apprise says no more than that it failed
        bench.trouble["permanent"]()
        first, second = bench.send(outgoing(bench.address), outgoing(bench.address, 2))
        assert isinstance(first, Permanent)
        assert first.unreachable is bench.knows_the_dead
        assert isinstance(second, Sent)


def test_a_provider_that_hangs_can_be_left_and_the_next_message_goes_out(bench: Bench) -> None:
    if bench.trouble:
        bench.trouble["hang"]()
        first, second = bench.send(outgoing(bench.address), outgoing(bench.address, 2), within=0.3)
        assert isinstance(first, TimeoutError)
        assert isinstance(second, Sent)


def test_a_provider_that_is_not_there_is_temporary(bench: Bench) -> None:
    if bench.trouble:
        away: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 1,
            "base_url": "http://127.0.0.1:1",
            "address": "http://127.0.0.1:1",
            "url": "json://127.0.0.1:1/{target}",
        }
        bench.settings = {**bench.settings, **{key: away[key] for key in away if key in bench.settings}}
        (came,) = bench.send(
            outgoing("http://127.0.0.1:1/" if bench.driver.name in ("webhook", "push") else bench.address)
        )
        assert isinstance(came, Temporary)


# E-mail


def test_a_mail_says_what_it_is_and_a_repeat_is_the_same_mail(stack: ExitStack) -> None:
    sink = stack.enter_context(MailSink())
    settings = {"host": sink.host, "port": sink.port, "security": "none", "from": "Pager <pager@night.example>"}
    bench = Bench(email.DRIVER, settings, "", {}, lambda: 0)
    bench.send(
        outgoing("bo@night.example", 9), outgoing("bo@night.example", 9, attempt=3), outgoing("al@night.example", 10)
    )
    first, again, other = sink.mails.wait(3)
    assert first.raw == again.raw
    assert first.message["Message-ID"] == f"<{UUID(int=9)}@night.example>"
    assert other.message["Message-ID"] == f"<{UUID(int=10)}@night.example>"
    assert (first.message["To"], other.message["To"]) == ("bo@night.example", "al@night.example")
    assert first.message["Auto-Submitted"] == "auto-generated"
    assert first.message["Subject"] == "[12] P1 db down"
    for kind in ("plain", "html"):
        body = first.message.get_body((kind,))
        assert body is not None
        assert LINK in body.get_content()
        assert "ndlink" not in body.get_content()
    assert first.message["References"] == other.message["References"]


@pytest.mark.parametrize("pipelining", [True, False])
def test_lines_are_kept_between_mails(stack: ExitStack, pipelining: bool) -> None:
    sink = stack.enter_context(MailSink(pipelining=pipelining))
    line_count = 0
    original = sink._session

    def counted() -> Any:
        nonlocal line_count
        line_count += 1
        return original()

    sink._session = counted  # type: ignore[method-assign]
    bench = Bench(email.DRIVER, {"host": sink.host, "port": sink.port, "security": "none"}, "", {}, lambda: 0)
    bench.send(*(outgoing("bo@night.example", number) for number in range(5)))
    sink.mails.wait(5)
    assert line_count <= 1


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("password", ["right", "wrong"])
def test_starttls_and_a_log_in(stack: ExitStack, password: str, pipelining: bool) -> None:
    sink = stack.enter_context(MailSink(user="pager", password="right", require_starttls=True, pipelining=pipelining))
    settings = {
        "host": sink.host,
        "port": sink.port,
        "security": "starttls",
        "user": "pager",
        "password": password,
        "certificate": sink.certificate_pem.decode(),
    }
    (came,) = Bench(email.DRIVER, settings, "", {}, lambda: 0).send(outgoing("bo@night.example"))
    if password == "right":
        assert isinstance(came, Sent)
        assert sink.mails.one().tls
        assert sink.mails.one().user == "pager"
    else:
        assert isinstance(came, Temporary)
        assert came.of_route
        assert "right" not in came.reason


def test_a_server_whose_certificate_nobody_signed_gets_nothing(stack: ExitStack) -> None:
    sink = stack.enter_context(MailSink(require_starttls=True))
    (came,) = Bench(email.DRIVER, {"host": sink.host, "port": sink.port}, "", {}, lambda: 0).send(
        outgoing("bo@n.example")
    )
    assert isinstance(came, Temporary)
    assert sink.mails.all() == []


def test_one_full_mailbox_is_not_the_routes_fault(stack: ExitStack) -> None:
    bench = _email(stack)
    bench.trouble["temporary"]()
    (came,) = bench.send()
    assert isinstance(came, Temporary)
    assert not came.of_route


@pytest.mark.parametrize("address", ["bo@night.example\r\nBcc: x@y.example", "bo", "", "bo@x.example>", "bö@x.example"])
def test_what_is_no_address_goes_nowhere(stack: ExitStack, address: str) -> None:
    bench = _email(stack)
    (came,) = bench.send(outgoing(address))
    assert isinstance(came, Permanent)
    assert bench.arrived() == 0


def test_a_title_of_several_lines_is_one_subject(stack: ExitStack) -> None:
    sink = stack.enter_context(MailSink())
    said = dataclasses.replace(SAID, title="P1\r\nBcc: x@y.example", body="<b>&\nsecond line", code="")
    bench = Bench(email.DRIVER, {"host": sink.host, "port": sink.port, "security": "none"}, "", {}, lambda: 0)
    bench.send(outgoing("bo@night.example", said=said))
    mail = sink.mails.one().message
    assert mail["Subject"] == "P1 Bcc: x@y.example"
    assert mail["Bcc"] is None
    html = mail.get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;&amp;" in html.get_content()


# Twilio's dialect


def _account(stack: ExitStack, **more: Any) -> tuple[SmsProvider, Bench]:
    bench = _twilio(stack)
    provider = stack.enter_context(SmsProvider(**more))
    provider.default = sms_provider.SILENT
    bench.settings = {**bench.settings, "base_url": provider.url}
    return provider, bench


def test_a_text_carries_its_end_and_where_to_report(stack: ExitStack, settings: Any) -> None:
    settings.PUBLIC_URL = "https://pager.example"
    provider, bench = _account(stack)
    bench.send()
    message = provider.messages.one()
    assert message.validity_seconds == 300
    assert message.body == f"P1 db down. Look: {LINK}"
    assert message.status_callback == (
        f"https://pager.example/providers/twilio/4/status?d={UUID(int=1)}&m=2026-11-01&n=2"
    )


def test_without_receipts_no_callback_is_asked_for(stack: ExitStack) -> None:
    provider, bench = _account(stack)
    bench.settings = {**bench.settings, "receipts": False}
    bench.send()
    assert provider.messages.one().status_callback is None


def test_a_messaging_service_sends_in_place_of_a_number(stack: ExitStack) -> None:
    provider, bench = _account(stack)
    bench.settings = {**bench.settings, "from": provider.messaging_service_sids[0]}
    (came,) = bench.send()
    assert isinstance(came, Sent)
    assert (provider.messages.one().from_, provider.messages.one().messaging_service_sid) == (
        None,
        provider.messaging_service_sids[0],
    )


def test_a_text_that_may_live_longer_than_the_provider_keeps_it_is_cut_to_that(stack: ExitStack) -> None:
    provider, bench = _account(stack)
    bench.send(outgoing(bench.address, valid_until=AT + timedelta(days=2)), outgoing(bench.address, valid_until=AT))
    assert [text.validity_seconds for text in provider.messages.all()] == [twilio.LONGEST_VALIDITY_S, 1]


@pytest.mark.parametrize(
    ("script", "kind", "unreachable", "of_route"),
    [
        (Script(answer="refuse", code=21610), Permanent, True, None),
        (Script(answer="refuse", code=21211), Permanent, True, None),
        (Script(answer="refuse", code=21617), Permanent, False, None),
        (Script(answer="refuse", code=21606), Temporary, None, True),
        (Script(answer="refuse", http_status=401, code=20003), Temporary, None, True),
        (Script(answer="refuse", code=99999), Temporary, None, True),
        (sms_provider.RATE_LIMITED, Temporary, None, False),
        (sms_provider.LOST_ANSWER, Temporary, None, True),
    ],
)
def test_each_code_means_what_it_should(
    stack: ExitStack, script: Script, kind: type, unreachable: bool | None, of_route: bool | None
) -> None:
    provider, bench = _account(stack)
    provider.script(script)
    (came,) = bench.send()
    assert type(came) is kind
    if isinstance(came, Permanent):
        assert came.unreachable is unreachable
    if isinstance(came, Temporary):
        assert came.of_route is of_route


@pytest.mark.parametrize(
    ("form", "state", "permanent", "unreachable"),
    [
        ({"MessageStatus": "queued"}, "accepted", False, False),
        ({"MessageStatus": "sent"}, "accepted", False, False),
        ({"MessageStatus": "delivered"}, "delivered", False, False),
        ({"MessageStatus": "read"}, "read", False, False),
        ({"MessageStatus": "undelivered", "ErrorCode": "30001"}, "failed", False, False),
        ({"MessageStatus": "undelivered", "ErrorCode": "30003"}, "failed", False, False),
        ({"MessageStatus": "failed", "ErrorCode": "30008"}, "failed", False, False),
        ({"MessageStatus": "undelivered", "ErrorCode": "30005"}, "failed", True, True),
        ({"MessageStatus": "undelivered", "ErrorCode": "30007"}, "failed", True, False),
        ({"MessageStatus": "failed", "ErrorCode": "30036"}, "expired", False, False),
        ({"MessageStatus": "failed", "ErrorCode": "²"}, "failed", False, False),
        ({"MessageStatus": "canceled"}, "failed", True, False),
        ({"MessageStatus": "undelivered", "ErrorCode": "30034"}, "failed", True, False),
        ({"MessageStatus": "undelivered", "ErrorCode": "30022"}, "failed", False, False),
    ],
)
def test_a_receipt_is_read(form: dict[str, str], state: str, permanent: bool, unreachable: bool) -> None:
    receipt = twilio.read_receipt({name: [value] for name, value in {"MessageSid": "SM1", **form}.items()})
    assert (receipt.provider_id, receipt.state) == ("SM1", state)
    assert (receipt.permanent, receipt.unreachable) == (permanent, unreachable)


# The web hook


def test_a_request_is_signed_with_its_time(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver())
    bench = Bench(webhook.DRIVER, {"secret": "s3cret", "allow_private": True}, receiver.url, {}, lambda: 0)
    (came,) = bench.send()
    assert isinstance(came, Sent)
    assert came.state == "delivered"
    _path, headers, body = receiver.requests.one()
    seconds, mark = headers["X-Nightdesk-Signature"].split(",")
    signed = f"{int(AT.timestamp())}.".encode() + body
    assert seconds == f"t={int(AT.timestamp())}"
    assert mark == "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert (told["id"], told["link"]) == (str(UUID(int=1)), LINK)


def test_the_docs_way_to_check_a_signature_takes_ours_and_no_other(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver())
    bench = Bench(webhook.DRIVER, {"secret": "s3cret", "allow_private": True}, receiver.url, {}, lambda: 0)
    bench.send()
    _path, headers, body = receiver.requests.one()
    page = (Path(__file__).parents[4] / "docs/operating.md").read_text(encoding="utf-8")
    snippet: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], snippet)
    is_genuine, header, now = snippet["is_genuine"], headers["X-Nightdesk-Signature"], AT.timestamp()
    assert is_genuine(b"s3cret", header, body, now + 299)
    assert not is_genuine(b"s3cret", header, body, now + 301)
    assert not is_genuine(b"s3cret", header, body)
    assert not is_genuine(b"other", header, body, now)
    assert not is_genuine(b"s3cret", header, body + b" ", now)
    for forged in ("", "t=,v1=", "nonsense", header.partition(",")[0], f"t={int(now)},v1="):
        assert not is_genuine(b"s3cret", forged, body, now)


def test_nobody_is_led_on_to_another_address(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver())
    receiver.answers.append((302, {"Location": receiver.url}))
    bench = Bench(webhook.DRIVER, {"secret": "x", "allow_private": True}, receiver.url, {}, lambda: 0)
    (came,) = bench.send()
    assert isinstance(came, Permanent)
    assert len(receiver.requests.all()) == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",
     "169.254.169.254", "10.0.0.1", "[fe80::1]", "[64:ff9b::7f00:1]"],
)  # fmt: skip
def test_our_own_network_is_never_called(stack: ExitStack, host: str) -> None:
    receiver = stack.enter_context(Receiver())
    address = f"http://{host}:{receiver.server.server_port}/hook"
    (came,) = Bench(webhook.DRIVER, {"secret": "x"}, "", {}, lambda: 0).send(outgoing(address))
    assert isinstance(came, Permanent)
    assert "private" in came.reason
    assert receiver.requests.all() == []


@pytest.mark.parametrize("address", ["", "ftp://x.example/", "http://", "http://[::1", "nonsense", "http://x:99999/"])
def test_what_cannot_be_called_is_permanent(stack: ExitStack, address: str) -> None:
    (came,) = Bench(webhook.DRIVER, {"secret": "x", "allow_private": True}, "", {}, lambda: 0).send(outgoing(address))
    assert isinstance(came, Permanent)


def test_public_addresses_are_known_from_others() -> None:
    assert webhook.is_public("93.184.215.14")
    assert webhook.is_public("2606:4700::1111")
    private = (
        "192.168.1.1", "100.64.0.1", "224.0.0.1", "fd00::1", "::", "2002:7f00:1::", "rubbish", "::7f00:1",
        "::ffff:0:7f00:1", "64:ff9b:1::7f00:1", "fec0::1", "5f00::1", "ff0e::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
        # What clouds tell their machines by: AWS, Google, Azure, Alibaba, Oracle.
        "169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192",
    )  # fmt: skip
    assert [each for each in private if webhook.is_public(each)] == []


async def first_look() -> list[Any]:
    resolver = public.PublicOnly()
    try:
        return list(await resolver.resolve("rebinding.example"))
    finally:
        await resolver.close()


def test_a_name_that_changes_its_mind_leads_nowhere_else(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what a look-up says is what is connected to, and nobody asks twice."""
    answers = [["93.184.215.14", "127.0.0.1"], ["127.0.0.1"]]

    async def resolve(_self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        of_both = {"hostname": host, "port": port, "family": family, "proto": 0, "flags": 0}
        return [{**of_both, "host": each} for each in answers.pop(0)]

    monkeypatch.setattr(public.ThreadedResolver, "resolve", resolve)
    receiver = stack.enter_context(Receiver())
    assert [each["host"] for each in asyncio.run(first_look())] == ["93.184.215.14"]
    address = f"http://rebinding.example:{receiver.server.server_port}/hook"
    (came,) = Bench(webhook.DRIVER, {"secret": "x"}, "", {}, lambda: 0).send(outgoing(address))
    assert isinstance(came, Permanent)
    assert "private" in came.reason
    assert answers == []
    assert receiver.requests.all() == []
