"""Whoever is touched by several outages at once reads one message of them, where their words come close together."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import clock
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.channels.sender import Sender
from nightdesk.customers.models import Contact
from nightdesk.outages import actions, report
from nightdesk.outages.decide import GATHER, IN_TIME, waits_until
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage
from nightdesk.outages.tests.company import NOON, Network
from nightdesk.paging.tests.conftest import Hand, until_all_wait

HALF_PAST = NOON + timedelta(minutes=30)


@pytest.fixture
def network(db: None) -> Network:
    """Cleo of Acme buys a line and mail, Ben of Bolt a line; neither works, and both outages promise a word for 12:30."""
    made = Network()
    made.acme = made.customer("Acme", "Cleo", full=True)
    made.bolt = made.customer("Bolt", "Ben")
    host = made.part("mail-host")
    made.needs(made.buys(made.acme, made.mail), host)
    for name, part in (("line", made.access), ("mail", host)):
        outage = made.outage(part)
        Outage.objects.filter(pk=outage.pk).update(title=name)
        made.says(outage, f"The {name} is down.", next_at=HALF_PAST)
        handed_over(made)
    return made


def the(name: str) -> Outage:
    return Outage.objects.get(title=name)


def handed_over(network: Network) -> Counter[str]:
    """What is due goes out by a real sender; contact -> how many messages they were handed."""
    known = set(Attempt.objects.values_list("id", flat=True))
    with clock.replaced_by(lambda: network.at), Sender(uuid4()) as sender:
        for _ in range(3000):
            if not sender.take_turn() and not sender.in_hand:
                break
            sender.woken.wait(0.02)
            sender.woken.clear()
    names = {str(pk): name for pk, name in Contact.objects.values_list("id", "name")}
    taken = Attempt.objects.exclude(id__in=known).values_list("delivery_id", flat=True)
    return Counter(names[row.recipient_id] for row in Delivery.objects.filter(id__in=taken, recipient_kind="contact"))


def at(network: Network, minute: float) -> None:
    network.at = NOON + timedelta(minutes=minute)


@pytest.mark.django_db
def test_the_words_of_two_outages_within_minutes_are_one_message(network: Network) -> None:
    first = Delivery.objects.filter(recipient_kind="contact").values_list("state", flat=True)
    assert list(first) == ["accepted"] * 6, "each first word went out at once, by mail and text"
    at(network, 28)
    network.says(the("line"), "A part is on its way.")
    assert handed_over(network) == {"Ben": 2}, "Cleo hears of the mail in a moment"
    at(network, 29)
    network.says(the("mail"), "It starts up.")
    assert handed_over(network) == {"Cleo": 2}, "one mail and one text, of both"
    rows = Counter(
        Delivery.objects.filter(recipient_kind="contact").values_list(
            "subject_id", "created_at", "recipient_id", "channel"
        )
    )
    assert set(rows.values()) == {1}
    assert sum(rows.values()) == 6 + 6
    for name, told in (("line", 8), ("mail", 4)):
        listed = list(report.told(the(name).pk))
        assert len(listed) == told
        assert {row.state for row in listed} == {"accepted"}
        assert all(row.route and row.accepted_at for row in listed)


@pytest.mark.django_db
def test_where_the_other_word_does_not_come_it_goes_alone_before_it_was_promised(network: Network) -> None:
    at(network, 28)
    network.says(the("line"), "A part is on its way.")
    at(network, 29.4)
    assert handed_over(network) == {"Ben": 2}
    network.at = HALF_PAST - IN_TIME
    assert handed_over(network) == {"Cleo": 2}


@pytest.mark.django_db
def test_the_end_and_what_is_worse_wait_for_nothing_and_take_along_what_waits(network: Network) -> None:
    at(network, 28)
    network.says(the("line"), "A part is on its way.")
    network.says(the("mail"), "It works.", "resolved")
    assert handed_over(network) == {"Ben": 2, "Cleo": 2}
    assert {row.state for row in report.told(the("mail").pk)} == {"accepted"}


@pytest.mark.django_db
def test_what_has_become_worse_is_told_at_once(network: Network) -> None:
    mail = the("mail")
    host = mail.failed.get().part_id
    actions.set_failed_parts(outage_id=mail.pk, parts={host: Effect.DEGRADED}, **network.doing_as(network.dee))
    at(network, 5)
    network.says(mail, "It is slow.", next_at=HALF_PAST)
    actions.set_failed_parts(outage_id=mail.pk, parts={host: Effect.DOWN}, **network.doing_as(network.dee))
    handed_over(network)
    at(network, 28)
    network.says(mail, "It is down again.")
    assert handed_over(network) == {"Cleo": 2}


@pytest.mark.django_db
def test_a_later_word_takes_the_place_of_one_that_waits_and_everybody_hears_the_end(network: Network) -> None:
    at(network, 28)
    line = the("line")
    network.says(line, "A part is on its way.")
    at(network, 28.5)
    network.says(line, "All is well.", "resolved")
    assert handed_over(network) == {"Ben": 2, "Cleo": 2}
    cleo = [row for row in report.told(line.pk) if row.recipient == "Cleo"]
    assert [(row.update, row.state) for row in cleo] == [(3, "accepted")] * 2 + [(2, "superseded")] * 2 + [
        (1, "accepted")
    ] * 2


@pytest.mark.django_db(transaction=True)
def test_words_whose_audiences_are_written_at_the_same_instant_are_one_message_too(network: Network) -> None:
    at(network, 28)
    doing = network.doing_as(network.dee)
    said = [
        actions.write_update(
            outage_id=the(name).pk, state="investigating", texts={"en-gb": f"The {name} comes."}, **doing
        )
        for name in ("line", "mail")
    ]
    with transaction.atomic():
        actions.send_update(update_id=said[0].pk, **network.doing)
        other = Hand(lambda: actions.send_update(update_id=said[1].pk, **network.doing))
        until_all_wait(other)
    other.result()
    at(network, 29.5)
    assert handed_over(network) == {"Ben": 2, "Cleo": 2}


minutes = st.integers(-8, 16).map(lambda n: datetime(2026, 3, 3, 4, 0, tzinfo=UTC) + timedelta(seconds=30 * n))


@given(at=minutes, owed_at=st.none() | minutes, other=st.none() | minutes)
def test_a_word_waits_only_for_a_promise_and_breaks_none(
    at: datetime, owed_at: datetime | None, other: datetime | None
) -> None:
    until = waits_until(at, owed_at=owed_at, other_owed_at=other)
    if owed_at is None or other is None or at >= owed_at or at >= other:
        assert until is None, "a first word, a late one, and one beside what is late or owes nothing go at once"
    if until is not None:
        assert owed_at is not None and other is not None  # noqa: PT018 - for the types
        assert at < until <= at + GATHER
        assert until == other - IN_TIME < owed_at
