"""Web push as a push service and a browser see it, checked with other means than the driver's own (tests/peers)."""

import asyncio
import dataclasses
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.driver import Endpoint, Outgoing, Permanent, Said, Sent, Temporary
from nightdesk.channels.drivers import push
from nightdesk.channels.links import read_link
from tests.peers.push_service import Browser, PushService, encoded
from tests.requires import requires
from tools.system_parts import ROOT

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
PAGE = UUID("019a4b6e-0000-7000-8000-000000000077")
SAID = Said(
    UUID(int=5), AT, "page.rung", "page", str(PAGE), "P1 db down", "Dock Street", "12", ("acknowledge", "escalate")
)
PRIVATE = ec.derive_private_key(77, ec.SECP256R1())
KEY = encoded((77).to_bytes(32))
SETTINGS = {"allow_private": True, "private_key": KEY, "subject": "mailto:pager@quayside.net"}


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService() as running:
        yield running


def outgoing(browser: Browser, **more: Any) -> Outgoing:
    to = browser.subscription
    endpoint = Endpoint(to["endpoint"], to["p256dh"], to["auth"])
    made = Outgoing(SAID, UUID(int=9), date(2026, 11, 1), 1, 4, "x", "", AT, AT + timedelta(minutes=5), endpoint)
    return dataclasses.replace(made, **more)


def send(*messages: Outgoing, **settings: Any) -> list[Sent | Exception]:
    """Hand each over by one line; what came of each."""

    async def scenario() -> list[Sent | Exception]:
        line, came = push.PushLine({**SETTINGS, **settings}), []
        for message in messages:
            try:
                came.append(await line.send(message))
            except (Temporary, Permanent) as refusal:
                came.append(refusal)
        await line.close()
        return came

    return asyncio.run(scenario())


def test_a_push_says_who_we_are_what_it_is_about_and_how_long_it_is_worth_something(service: PushService) -> None:
    browser = service.browser()
    (came,) = send(outgoing(browser))
    assert came == Sent(f"{service.url}/m/1", "accepted")
    arrived = service.pushes.one()
    assert arrived.path == "/push/bo"
    assert {name: arrived.headers[name] for name in ("ttl", "urgency", "content-encoding")} == {
        "ttl": "300",
        "urgency": "high",
        "content-encoding": "aes128gcm",
    }
    claims = arrived.claims(AT.timestamp())
    assert claims["aud"] == service.url
    assert claims["sub"] == "mailto:pager@quayside.net"
    assert timedelta(hours=6) <= timedelta(seconds=claims["exp"] - AT.timestamp()) <= timedelta(hours=18)
    told = arrived.told(browser)
    assert read_link(told.pop("token")) == (UUID(int=9), date(2026, 11, 1))
    assert told == {
        "kind": "page.rung",
        "title": "P1 db down",
        "body": "Dock Street",
        "code": "12",
        "tag": arrived.headers["topic"],
        "verbs": ["acknowledge", "escalate"],
        "at": int(AT.timestamp() * 1000),
    }
    with pytest.raises(InvalidTag):
        Browser(browser.endpoint).opened(arrived.body)


@requires("http_ece")
def test_the_npm_package_opens_it_too(service: PushService) -> None:
    browser = service.browser()
    send(outgoing(browser))
    script = """
        const ece = require("http_ece"), crypto = require("crypto");
        const {secret, auth, body} = JSON.parse(process.argv[1]);
        const mine = crypto.createECDH("prime256v1");
        mine.setPrivateKey(Buffer.from(secret, "base64url"));
        const keys = {version: "aes128gcm", privateKey: mine, authSecret: auth};
        process.stdout.write(ece.decrypt(Buffer.from(body, "base64url"), keys));
    """
    secret = encoded(browser._key.private_numbers().private_value.to_bytes(32))
    given = {"secret": secret, "auth": encoded(browser.secret), "body": encoded(service.pushes.one().body)}
    done = subprocess.run(
        ["node", "-e", script, json.dumps(given)], cwd=ROOT, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["title"] == "P1 db down"


def test_of_one_page_the_older_push_is_replaced_and_of_two_pages_both_stay(service: PushService) -> None:
    browser = service.browser()
    again = dataclasses.replace(SAID, message_id=UUID(int=6), kind="page.over")
    other = dataclasses.replace(SAID, subject_id=str(UUID(int=78)))
    send(*(outgoing(browser, said=said) for said in (SAID, again, other)))
    topics = [one.headers["topic"] for one in service.pushes.wait(3)]
    assert topics[0] == topics[1] != topics[2]
    assert max(map(len, topics)) <= 32
    assert [one.headers["urgency"] for one in service.pushes.all()] == ["high", "normal", "high"]


@given(title=st.text(max_size=200), body=st.text(max_size=6000), link=st.text(max_size=200))
def test_whatever_is_said_fits_into_a_push(title: str, body: str, link: str) -> None:
    browser = Browser("https://push.example.net/1")
    said = dataclasses.replace(SAID, title=title, body=f"{body} {{link}}")
    for room in (push.ROOM, push.SHORT_ROOM):
        told = push.payload(outgoing(browser, said=said, link=link), room)
        assert len(told) <= room or len(title.encode()) > 100
        assert json.loads(told)["tag"] == push.topic(said)
    whole = push.payload(outgoing(browser, said=said, link=link))
    assert len(push.encrypt(whole, Endpoint(**_named(browser)))) <= 4096


def _named(browser: Browser) -> dict[str, str]:
    return {"url": browser.endpoint, "p256dh": browser.subscription["p256dh"], "auth": browser.subscription["auth"]}


def test_a_service_that_takes_less_than_it_should_gets_less(service: PushService) -> None:
    service.largest = 1000
    browser = service.browser()
    (came,) = send(outgoing(browser, said=dataclasses.replace(SAID, body="x" * 3000)))
    assert isinstance(came, Sent)
    assert service.pushes.one().told(browser)["title"] == "P1 db down"


def test_a_service_that_takes_nothing_at_all_is_told_once_more_and_then_left(service: PushService) -> None:
    service.largest = 10
    (came,) = send(outgoing(service.browser()))
    assert isinstance(came, Permanent)
    assert not came.unreachable


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_unreachable(service: PushService, status: int) -> None:
    service.answers = [(status, {})]
    (came,) = send(outgoing(service.browser()))
    assert isinstance(came, Permanent)
    assert came.unreachable


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_service_that_refuses_us_does_not_make_the_phone_count_as_gone(service: PushService, status: int) -> None:
    service.answers = [(status, {})]
    (came,) = send(outgoing(service.browser()))
    assert isinstance(came, Permanent)
    assert not came.unreachable
    assert str(status) in came.reason


@pytest.mark.parametrize("pause", ["20", format_datetime(AT + timedelta(seconds=20), usegmt=True)])
def test_a_service_that_asks_for_a_pause_gets_one_and_no_other_waits_for_it(service: PushService, pause: str) -> None:
    service.answers = [(429, {"Retry-After": pause})]
    with PushService() as other:
        came = send(outgoing(service.browser()), outgoing(service.browser("al")), outgoing(other.browser()))
    assert [type(one) for one in came] == [Temporary, Temporary, Sent]
    for refusal in came[:2]:
        assert isinstance(refusal, Temporary)
        assert refusal.retry_after is None, "the gate is the whole route's"
        assert not refusal.of_route
    assert service.pushes.all() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.net/1",
        "https://127.0.0.1/1",
        "https://127.1/1",
        "https://0x7f000001/1",
        "https://[::1]/1",
        "https://[fd00::1]/1",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1:8443/1",
        "https://localhost/1",
        "https://bo:secret@push.example.net/1",
        "https://push.example.net/a b",
        "https://push.example.net:99999/1",
        "file:///etc/passwd",
        "https://",
        "",
    ],
)
def test_no_address_leads_into_our_own_network(url: str) -> None:
    (came,) = send(outgoing(Browser(url)), allow_private=False)
    assert isinstance(came, Permanent)
    assert not came.unreachable


def test_a_phone_that_was_removed_gets_nothing() -> None:
    (came,) = send(dataclasses.replace(outgoing(Browser("https://push.example.net/1")), endpoint=None))
    assert isinstance(came, Permanent)
    assert not came.unreachable


def test_a_key_that_cannot_be_opened_is_said_and_nothing_is_sent_unsigned(service: PushService) -> None:
    (came,) = send(outgoing(service.browser()), private_key=None)
    assert isinstance(came, Temporary)
    assert "key" in came.reason
    assert service.pushes.all() == []


@pytest.mark.parametrize(
    "subject", ["mailto:pager@quayside.net", "https://pager.quayside.co.uk", "mailto:a.b+c@xn--bcher-kva.example.org"]
)
def test_a_contact_with_a_public_domain_is_taken(subject: str) -> None:
    assert push.subject_fault(subject) == ""


@pytest.mark.parametrize(
    "subject",
    [
        "pager@quayside.net",
        "mailto:pager@localhost",
        "mailto:pager@quayside.local",
        "mailto:pager@10.0.0.1",
        "mailto:<pager@quayside.net>",
        "https://localhost",
        "https://pager.internal",
        "https://127.0.0.1",
        "https://pager.example",
        "http://pager.quayside.net",
        "https://pager.quayside.net/contact",
        "mailto:",
    ],
)
def test_a_contact_that_apple_refuses_is_refused_by_us_first(subject: str) -> None:
    assert repr(subject) in push.subject_fault(subject)


@pytest.mark.parametrize(
    ("public_url", "mail_from", "subject"),
    [
        ("https://pager.quayside.net:8443", "x@localhost", "https://pager.quayside.net"),
        ("http://127.0.0.1:8080", "Nightdesk <pager@quayside.net>", "mailto:pager@quayside.net"),
        ("https://pager.lan", "nightdesk@localhost", ""),
    ],
)
def test_without_a_contact_given_our_own_address_is_one(
    settings: Any, public_url: str, mail_from: str, subject: str
) -> None:
    settings.PUBLIC_URL, settings.DEFAULT_FROM_EMAIL = public_url, mail_from
    assert push.subject_of({}) == subject
    assert push.subject_of({"subject": "https://elsewhere.net"}) == "https://elsewhere.net"
