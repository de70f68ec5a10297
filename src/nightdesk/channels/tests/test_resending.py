"""A message that somebody has sent again: to the same address or another of theirs, as a row of its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightdesk.access import actions as access
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid
from nightdesk.channels.actions import RESENT_FOR, Recipient, queue_message, resend_message
from nightdesk.channels.models import Delivery
from nightdesk.journal.models import Entry
from nightdesk.people import actions as people

pytestmark = pytest.mark.django_db

# The message is of one month, and sent again in the next.
NIGHT = datetime(2026, 10, 31, 23, 50, tzinfo=UTC)
LATER = NIGHT + timedelta(hours=2)
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": NIGHT}


@pytest.fixture
def brand(db: None) -> Any:
    return access.make_brand(name="Quayside", slug="quayside", **DOING)


@pytest.fixture
def sent(brand: Any) -> Delivery:
    bo = people.make_person(name="Bo", brand_id=brand.id, **DOING)
    for channel, address in (("sms", "+447700900101"), ("email", "bo@quayside.example")):
        people.add_contact_method(person_id=bo.id, channel=channel, address=address, **DOING)
    return queued(brand, Recipient("person", bo.id, "sms", "+447700900101", NIGHT))


def queued(brand: Any, to: Recipient, **more: Any) -> Delivery:
    message = queue_message(
        kind="page.rung", subject=("page", "7"), title="P1 db down", body="rack 4", to=[to], brand_id=brand.id,
        valid_until=NIGHT + timedelta(minutes=30), **more, **DOING,
    )  # fmt: skip
    return Delivery.objects.get(message_id=message.id)


def again(row: Delivery, **more: Any) -> Delivery:
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WEB, "at": LATER}
    return resend_message(delivery_id=row.id, month=row.month, **{**doing, **more})


def test_it_goes_to_the_same_address_now_with_a_time_of_its_own(sent: Delivery) -> None:
    row = again(sent)
    assert (row.message_id, row.address, row.due_at, row.created_at) == (sent.message_id, sent.address, LATER, LATER)
    assert row.valid_until == LATER + RESENT_FOR
    assert row.month == sent.month, "so that the two are found together"
    entry = Entry.objects.get(kind="message.resent")
    assert (entry.subject_kind, entry.subject_id, entry.facts["of"]) == ("page", "7", str(sent.id))


def test_asked_for_twice_it_is_sent_twice(sent: Delivery) -> None:
    assert again(sent).id != again(sent).id
    assert Delivery.objects.filter(message_id=sent.message_id).count() == 3


def test_it_may_go_by_another_way_of_theirs_and_to_nobody_else(sent: Delivery) -> None:
    assert again(sent, channel="email", address="bo@quayside.example").channel == "email"
    with pytest.raises(Invalid, match="no way to reach"):
        again(sent, address="+447700900666")


def test_what_let_somebody_sign_in_is_never_sent_again(brand: Any) -> None:
    row = queued(brand, Recipient("account", 0, "email", "bo@quayside.example", NIGHT), private=True)
    with pytest.raises(IllegalTransition, match="kept no longer"):
        again(row)


def test_a_reader_may_not(sent: Delivery, brand: Any) -> None:
    reader = Actor("person", "9", "Rea", grants=frozenset({(brand.id, "read_only")}))
    with pytest.raises(Forbidden):
        again(sent, by=reader)
    assert Delivery.objects.count() == 1
