"""Customers' contacts who are told in a browser and by a program: one row each, sealed or signed for them alone."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from nightdesk.base import clock, vault
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.channels.actions import save_route
from nightdesk.channels.endpoint_actions import add_contact_browser, remove_contact_endpoint, save_contact_hook
from nightdesk.channels.models import ContactEndpoint, Delivery
from nightdesk.channels.sender import Sender
from nightdesk.console.views.outages.shown import messages_text
from nightdesk.customers.models import Contact
from nightdesk.journal.models import Entry
from nightdesk.outages.preview import Draft, preview_of
from nightdesk.outages.tests.company import Network
from nightdesk.outages.wish_actions import save_wish
from tests.peers.push_service import PushService
from tests.peers.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def network() -> Network:
    made = Network()
    made.acme = made.customer("Acme", "Cleo", "Carl", full=True)
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def near(network: Network) -> None:
    """Routes that may call this machine, as no route does that nobody set up so."""
    for channel, more in (("webhook", {"secrets": {"secret": "ours"}}), ("push", {})):
        config = {"allow_private": True}
        save_route(channel=channel, driver=channel, name=channel, config=config, **more, **network.doing)


def named(name: str) -> Contact:
    return Contact.objects.get(name=name)


def sent(network: Network) -> dict[tuple[str, str], Delivery]:
    """All that is due goes out; the rows by (contact's name, channel)."""
    with clock.replaced_by(lambda: network.at), Sender(uuid4()) as sender:
        for _ in range(3000):
            if not sender.take_turn() and not sender.in_hand:
                break
            sender.woken.wait(0.02)
            sender.woken.clear()
    rows = Delivery.objects.filter(recipient_kind="contact")
    return {(Contact.objects.get(pk=int(row.recipient_id)).name, row.channel): row for row in rows}


def test_a_program_is_told_once_signed_with_its_own_secret_and_not_with_anothers(
    network: Network, receiver: Receiver
) -> None:
    near(network)
    secrets = {
        name: save_contact_hook(contact_id=named(name).pk, url=f"{receiver.url}?{name}", **network.doing)[1]
        for name in ("Cleo", "Carl")
    }
    update = network.says(network.outage(), "We know of it.")
    rows = sent(network)
    assert {key for key in rows if key[1] == "webhook"} == {("Cleo", "webhook"), ("Carl", "webhook")}
    assert rows["Cleo", "webhook"].state == "delivered"
    assert receiver.url not in str([row.address for row in rows.values()]), (
        "the ledger is shown, and an address is theirs"
    )
    assert receiver.url not in str([entry.facts for entry in Entry.objects.all()])
    arrived = {path.partition("?")[2]: (headers, body) for path, headers, body in receiver.requests.all()}
    assert sorted(arrived) == ["Carl", "Cleo"]
    for name, (headers, body) in arrived.items():
        stamp, mark = (part.partition("=")[2] for part in headers["X-Nightdesk-Signature"].split(","))
        signed = {
            whose: hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest() == mark
            for whose, secret in {**secrets, "": "ours"}.items()
        }
        assert signed == {whose: whose == name for whose in signed}
        told = json.loads(body)
        assert told["subject"] == {"kind": "outage", "id": str(update.outage_id)}
        assert "We know of it." in told["body"]


def test_a_program_is_told_from_now_on_though_the_secret_of_our_own_is_lost(
    network: Network, receiver: Receiver, settings: Any
) -> None:
    near(network)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a key of another day", []
    made, secret = save_contact_hook(contact_id=named("Cleo").pk, url=receiver.url, **network.doing)
    assert (made.url, vault.open_(bytes(made.sealed)).decode()) == (receiver.url, secret)


def test_a_browser_is_told_what_only_it_can_open(network: Network) -> None:
    with PushService() as service:
        near(network)
        browser = service.browser()
        add_contact_browser(contact_id=named("Cleo").pk, label="Chrome", **browser.subscription, **network.doing)
        network.says(network.outage(), "We know of it.")
        assert sent(network)["Cleo", "push"].state == "accepted"
        told = service.pushes.one().told(browser)
    assert (told["kind"], told["title"]) == ("outage.update", "Quayside: Your services do not work")
    assert "We know of it." in told["body"]


def test_browsers_and_programs_are_counted_before_anything_is_sent(network: Network, receiver: Receiver) -> None:
    near(network)
    save_contact_hook(contact_id=named("Carl").pk, url=receiver.url, **network.doing)
    with PushService() as service:
        for name in ("Cleo", "Carl"):
            browser = service.browser(name)
            add_contact_browser(contact_id=named(name).pk, label="Chrome", **browser.subscription, **network.doing)
    outage = network.outage()
    shown = preview_of(outage, Draft("investigating", {"en-gb": "We know of it."}), network.at)
    assert (shown.people, shown.mails, shown.texts, shown.browsers, shown.programs) == (2, 2, 2, 2, 1)
    assert messages_text(shown).startswith("2 mails, 2 texts, 2 browsers, 1 program")
    quiet = preview_of(outage, Draft("investigating", {"en-gb": "We know of it."}, quiet=True), network.at)
    assert (quiet.browsers, quiet.programs) == (0, 0)


def test_what_is_gone_is_told_no_more_and_mail_takes_its_place(network: Network, receiver: Receiver) -> None:
    near(network)
    cleo = named("Cleo")
    save_contact_hook(contact_id=cleo.pk, url=receiver.url, **network.doing)
    wish = {"customer_id": network.acme.pk, "contact_id": cleo.pk, "channels": ["webhook"]}
    save_wish(**wish, **network.doing)
    receiver.answers.append((410, {}))
    outage = network.outage()
    network.says(outage, "We know of it.")
    assert sent(network)["Cleo", "webhook"].state == "failed"
    assert ContactEndpoint.objects.get().gone_at == network.at
    network.minutes(1)
    told = network.told(network.says(outage, "We are on it."))
    assert {channel for name, channel in told if name == "Cleo"} == {"email"}


@pytest.mark.parametrize(
    "url",
    [
        "http://monitoring.example.com/x", "https://127.0.0.1/x", "https://[::1]/", "https://169.254.169.254/latest",
        "https://0x7f000001/", "https://10.0.0.7:8443/", "https://user:word@x.example/", "ftp://x.example/", "https://",
        "https://x.example/a b", "javascript:alert(1)", "x" * 1001,
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_or_none_is_refused_when_it_is_given(network: Network, url: str) -> None:
    with pytest.raises(Invalid):
        save_contact_hook(contact_id=named("Cleo").pk, url=url, **network.doing)
    assert not ContactEndpoint.objects.exists()


def test_a_name_that_leads_into_our_network_is_not_called(network: Network, receiver: Receiver) -> None:
    """A name may be pointed elsewhere after it was given, so what is connected to is looked at."""
    made, _secret = save_contact_hook(contact_id=named("Cleo").pk, url="https://x.example/", **network.doing)
    ContactEndpoint.objects.filter(pk=made.pk).update(url=receiver.url.replace("127.0.0.1", "localhost"))
    network.says(network.outage(), "We know of it.")
    row = sent(network)["Cleo", "webhook"]
    assert (row.state, "private network" in row.reason) == ("failed", True)
    assert receiver.requests.all() == []


def test_there_is_one_of_each_and_a_new_one_gets_nothing_that_was_on_its_way(
    network: Network, receiver: Receiver
) -> None:
    near(network)
    cleo = named("Cleo")
    save_contact_hook(contact_id=cleo.pk, url=receiver.url, **network.doing)
    network.says(network.outage(), "We know of it.")
    save_contact_hook(contact_id=cleo.pk, url=f"{receiver.url}?new", **network.doing)
    assert sent(network)["Cleo", "webhook"].state == "failed"
    assert receiver.requests.all() == []
    with pytest.raises(IntegrityError), transaction.atomic():
        ContactEndpoint.objects.create(contact=cleo, channel="webhook", url="x", sealed=b"x", made_at=network.at)
    assert remove_contact_endpoint(contact_id=cleo.pk, channel="webhook", **network.doing)
    assert not remove_contact_endpoint(contact_id=cleo.pk, channel="webhook", **network.doing)
    with pytest.raises(NotFound):
        save_contact_hook(contact_id=10**9, url="https://x.example/", **network.doing)
