"""Phones that take notifications: added by their owner alone, renewed in place, gone when their push service says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from nightdesk.access.models import Brand
from nightdesk.base import clock, vault
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.channels import actions
from nightdesk.channels.actions import (
    DEVICES_EACH,
    PushNotSetUp,
    Recipient,
    add_device,
    make_push_key,
    mark_delivery_seen,
    queue_message,
    renew_device,
    replace_push_key,
    save_route,
)
from nightdesk.channels.links import make_device_token, make_token, read_device_token
from nightdesk.channels.models import Attempt, Delivery, Device, PushKey, Route
from nightdesk.channels.sender import Sender
from nightdesk.journal.models import Entry
from nightdesk.people.actions import (
    RuleWanted,
    add_contact_method,
    deactivate_person,
    make_person,
    remove_contact_method,
    set_notify_rules,
)
from nightdesk.people.models import ContactMethod, NotifyRule, Person
from tests.peers.push_service import Browser, PushService, decoded

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
HERE: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": AT}


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.PUBLIC_URL = "https://pager.quayside.net"


@pytest.fixture
def brand() -> Brand:
    return Brand.objects.create(name="Quayside", slug="quayside")


@pytest.fixture
def bo(brand: Brand) -> Person:
    return make_person(name="Bo", **HERE)


@pytest.fixture
def al(brand: Brand) -> Person:
    return make_person(name="Al", **HERE)


def as_(person: Person, brand: Brand, role: str = "engineer") -> Actor:
    return Actor("person", str(person.id), person.name, frozenset({(brand.id, role)}))


def added(
    person: Person, brand: Brand, browser: Browser, label: str = "Chrome on Android", at: datetime = AT
) -> Device:
    by = as_(person, brand)
    return add_device(person_id=person.id, label=label, **browser.subscription, by=by, via=Door.WEB, at=at)


def browser(name: str = "bo") -> Browser:
    return Browser(f"https://push.example.net/send/{name}")


def kinds() -> list[str]:
    return list(Entry.objects.order_by("at", "id").values_list("kind", flat=True))


def test_a_phone_is_one_more_way_and_is_used_at_once_beside_the_rules_that_there_are(bo: Person, brand: Brand) -> None:
    text = add_contact_method(person_id=bo.id, channel="sms", address="+447700900123", **HERE)
    set_notify_rules(person_id=bo.id, rules=[RuleWanted("high", text.id, timedelta(minutes=2))], **HERE)
    device = added(bo, brand, browser())
    assert (device.method.channel, device.method.address, device.method.label) == (
        "push",
        str(device.id),
        "Chrome on Android",
    )
    rules = NotifyRule.objects.filter(person=bo).values_list("urgency", "method_id", "after")
    assert set(rules) == {
        ("high", device.method_id, timedelta(0)),
        ("high", text.id, timedelta(minutes=2)),
    }
    assert {"device.added", "person.contact_added", "person.rules_set", "push.key_made", "route.saved"} <= set(kinds())
    assert browser().endpoint not in repr(list(Entry.objects.values()))


def test_somebody_with_rules_for_what_can_wait_has_the_phone_in_them_too(bo: Person, brand: Brand) -> None:
    mail = add_contact_method(person_id=bo.id, channel="email", address="bo@quayside.net", **HERE)
    set_notify_rules(person_id=bo.id, rules=[RuleWanted("low", mail.id)], **HERE)
    device = added(bo, brand, browser())
    rules = NotifyRule.objects.filter(person=bo, method=device.method_id)
    assert set(rules.values_list("urgency", flat=True)) == {"high", "low"}


def test_nobody_adds_a_phone_for_somebody_else(bo: Person, al: Person, brand: Brand) -> None:
    for by in (as_(al, brand, "manager"), as_(bo, brand, "read-only"), SCHEDULER):
        with pytest.raises(Forbidden):
            add_device(person_id=bo.id, label="x", **browser().subscription, by=by, via=Door.WEB, at=AT)
    assert not Device.objects.exists()


def test_the_same_phone_again_is_the_same_phone_and_nothing_is_written(bo: Person, brand: Brand) -> None:
    its = browser()
    device = added(bo, brand, its)
    before = kinds()
    assert added(bo, brand, its).id == device.id
    assert kinds() == before


def test_a_phone_that_changes_hands_is_its_new_owners_alone(bo: Person, al: Person, brand: Brand) -> None:
    its = browser()
    added(bo, brand, its)
    device = added(al, brand, its)
    assert list(ContactMethod.objects.filter(channel="push").values_list("person__name", flat=True)) == ["Al"]
    assert Device.objects.get().id == device.id


def test_a_subscription_that_ended_is_renewed_in_place_and_keeps_its_rules(bo: Person, brand: Brand) -> None:
    device = added(bo, brand, browser("old"))
    set_notify_rules(person_id=bo.id, rules=[RuleWanted("high", device.method_id, timedelta(minutes=3))], **HERE)
    actions.mark_broken("push", str(device.id), "410", AT)
    assert Device.objects.get().gone_at == AT
    again = added(bo, brand, browser("new"))
    assert (again.id, again.endpoint, again.gone_at) == (device.id, "https://push.example.net/send/new", None)
    method = ContactMethod.objects.get(id=device.method_id)
    assert method.broken_at is None
    assert NotifyRule.objects.get(person=bo).after == timedelta(minutes=3)
    assert kinds()[-1] == "device.renewed"


def test_there_is_an_end_to_how_many_phones_somebody_has(bo: Person, brand: Brand) -> None:
    for number in range(DEVICES_EACH):
        added(bo, brand, browser(str(number)), f"phone {number}")
    with pytest.raises(Invalid, match="Remove one"):
        added(bo, brand, browser("more"), "another")
    assert Device.objects.count() == DEVICES_EACH


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "http://push.example.net/1"},
        {"endpoint": "https://127.0.0.1/1"},
        {"endpoint": "https://192.168.1.1:9200/_search"},
        {"endpoint": "https://push.example.net/" + "x" * 1000},
        {"p256dh": "AAAA"},
        {"p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAAAA"},
        {"p256dh": "ö"},
        {"auth": "AAAA"},
        {"auth": "not base64!"},
    ],
)
def test_what_is_no_subscription_is_refused(bo: Person, brand: Brand, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        add_device(
            person_id=bo.id, label="x", **(browser().subscription | wrong), by=as_(bo, brand), via=Door.WEB, at=AT
        )
    assert not ContactMethod.objects.filter(channel="push").exists()


def test_without_a_public_address_no_phone_is_added_and_the_refusal_says_what_to_do(
    bo: Person, brand: Brand, settings: Any
) -> None:
    settings.PUBLIC_URL, settings.DEFAULT_FROM_EMAIL = "http://127.0.0.1:8080", "nightdesk@localhost"
    with pytest.raises(PushNotSetUp, match="NIGHTDESK_PUBLIC_URL"):
        added(bo, brand, browser())
    save_route(channel="push", driver="push", name="Web push", config={"subject": "mailto:pager@quayside.net"}, **HERE)
    assert added(bo, brand, browser()).gone_at is None


def test_a_contact_that_apple_would_refuse_is_refused_at_the_route(brand: Brand) -> None:
    with pytest.raises(Invalid, match="public one"):
        save_route(channel="push", driver="push", name="p", config={"subject": "mailto:me@localhost"}, **HERE)
    assert not Route.objects.exists()


# The key


def test_the_key_is_made_once_sealed_and_never_changed(brand: Brand) -> None:
    first = make_push_key(**HERE)
    assert make_push_key(**HERE) == first
    assert len(decoded(first.public)) == 65
    assert vault.open_(bytes(first.sealed)) not in bytes(first.sealed)
    assert PushKey.objects.count() == 1
    assert kinds() == ["push.key_made"]


def test_a_key_that_cannot_be_opened_is_not_replaced_by_itself(brand: Brand, settings: Any) -> None:
    first = make_push_key(**HERE)
    settings.SECRET_KEY = "another master key"
    assert make_push_key(**HERE).public == first.public


def test_a_new_key_cuts_every_phone_off_and_shows_its_owner(bo: Person, brand: Brand) -> None:
    device = added(bo, brand, browser())
    before = make_push_key(**HERE)
    with pytest.raises(Forbidden):
        replace_push_key(by=as_(bo, brand), via=Door.WEB, at=AT)
    fresh = replace_push_key(by=Actor("person", "9", "Root", frozenset({(None, "admin")})), via=Door.WEB, at=AT)
    assert fresh.public != before.public
    device.refresh_from_db()
    assert device.gone_at == AT
    assert ContactMethod.objects.get(id=device.method_id).broken_at == AT


# The phone itself


def test_a_phone_renews_itself_by_its_own_token(bo: Person, brand: Brand) -> None:
    device = added(bo, brand, browser("old"))
    meant = read_device_token(make_device_token(device.id))
    by = Actor("machine", str(meant), "A phone")
    renew_device(device_id=meant, **browser("new").subscription, by=by, via=Door.PUSH, at=AT)
    assert Device.objects.get().endpoint == "https://push.example.net/send/new"
    with pytest.raises(NotFound):
        renew_device(device_id=uuid4(), **browser("new").subscription, by=by, via=Door.PUSH, at=AT)
    remove_contact_method(method_id=device.method_id, **HERE)
    with pytest.raises(NotFound):
        renew_device(device_id=meant, **browser("new").subscription, by=by, via=Door.PUSH, at=AT)


def test_a_phone_renews_itself_while_the_key_of_our_pushes_is_lost(bo: Person, brand: Brand, settings: Any) -> None:
    device = added(bo, brand, browser("old"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a key of another day", []
    by = Actor("machine", str(device.id), "A phone")
    renew_device(device_id=device.id, **browser("new").subscription, by=by, via=Door.PUSH, at=AT)
    assert Device.objects.get().endpoint == "https://push.example.net/send/new"


@pytest.mark.parametrize("token", ["", "x", "ö", "A" * 43, make_token(UUID(int=1), AT.date().replace(day=1))])
def test_a_token_that_is_no_phones_renews_nothing(token: str) -> None:
    with pytest.raises(NotFound):
        read_device_token(token)


def test_one_phone_cannot_take_the_place_of_another(bo: Person, al: Person, brand: Brand) -> None:
    device = added(bo, brand, browser("bo"))
    added(al, brand, browser("al"))
    with pytest.raises(Invalid):
        renew_device(
            device_id=device.id,
            **browser("al").subscription,
            by=Actor("machine", str(device.id), "A phone"),
            via=Door.PUSH,
            at=AT,
        )


# From the ledger to the push service


@contextmanager
def sending() -> Iterator[Sender]:
    with clock.replaced_by(lambda: AT), Sender(uuid4()) as sender:
        yield sender


def settle(sender: Sender) -> None:
    for _ in range(3000):
        if not sender.take_turn() and not sender.in_hand:
            return
        sender.woken.wait(0.02)
        sender.woken.clear()
    raise AssertionError("a message hangs")


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService() as running:
        yield running


def queued(person: Person, brand: Brand, address: str) -> Delivery:
    message = queue_message(
        kind="page.rung",
        subject=("page", str(UUID(int=7))),
        title="P1 db down",
        body="",
        to=[Recipient("person", person.id, "push", address, AT)],
        brand_id=brand.id,
        code="123",
        answers={"acknowledge": ["page.acknowledge", "page", str(UUID(int=7))]},
        **HERE,
    )
    return Delivery.objects.get(message_id=message.id)


def local(brand: Brand) -> None:
    save_route(channel="push", driver="push", name="Web push", config={"allow_private": True}, **HERE)


def test_a_push_goes_out_signed_with_the_key_and_its_receipt_is_the_phones_own(
    bo: Person, brand: Brand, service: PushService
) -> None:
    local(brand)
    its = service.browser()
    device = added(bo, brand, its)
    row = queued(bo, brand, str(device.id))
    with sending() as sender:
        settle(sender)
    push = service.pushes.one()
    assert push.claims(AT.timestamp())["key"] == PushKey.objects.get().public
    assert push.told(its)["title"] == "P1 db down"
    row.refresh_from_db()
    assert (row.state, row.route_id) == ("accepted", Route.objects.get().id)
    by = Actor("person", str(bo.id), "Bo")
    mark_delivery_seen(delivery_id=row.id, month=row.month, seen="delivered", by=by, via=Door.PUSH, at=AT)
    row.refresh_from_db()
    assert row.state == "delivered"
    assert Device.objects.get().seen_at == AT
    assert Attempt.objects.get(delivery_id=row.id, is_receipt=True).route_name == "push"


def test_without_any_route_the_built_in_one_is_used(bo: Person, brand: Brand, service: PushService) -> None:
    local(brand)
    device = added(bo, brand, service.browser())
    Route.objects.all().delete()
    row = queued(bo, brand, str(device.id))
    with sending() as sender:
        settle(sender)
    row.refresh_from_db()
    assert (row.state, service.pushes.all()) == ("failed", []), "the built-in route calls nothing on loopback"
    assert "https" in row.reason


def test_a_phone_whose_subscription_is_over_is_marked_as_gone(bo: Person, brand: Brand, service: PushService) -> None:
    local(brand)
    device = added(bo, brand, service.browser())
    service.answers = [(410, {})]
    row = queued(bo, brand, str(device.id))
    with sending() as sender:
        settle(sender)
        row.refresh_from_db()
        assert row.state == "failed"
        device.refresh_from_db()
        assert device.gone_at == AT
        assert ContactMethod.objects.get(id=device.method_id).broken_at == AT
        queued(bo, brand, str(device.id))
        settle(sender)
    assert service.pushes.all() == [], "nothing more is pushed there"


@pytest.mark.parametrize("why", ["somebody else's", "removed", "no longer here"])
def test_a_push_goes_to_its_owners_phone_and_to_no_other(
    bo: Person, al: Person, brand: Brand, service: PushService, why: str
) -> None:
    local(brand)
    device = added(bo, brand, service.browser())
    row = queued(al if why == "somebody else's" else bo, brand, str(device.id))
    if why == "removed":
        remove_contact_method(method_id=device.method_id, **HERE)
        assert not Device.objects.exists()
    if why == "no longer here":
        deactivate_person(person_id=bo.id, **HERE)
    with sending() as sender:
        settle(sender)
    row.refresh_from_db()
    assert row.state == "failed"
    assert service.pushes.all() == []
