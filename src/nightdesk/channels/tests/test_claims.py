"""Who may send a due message, and whose word about it counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.tests.other_hands import Hand, another_connection, somebody_waits_for, until
from nightdesk.channels.actions import Recipient, queue_message, receive_inbound, save_route
from nightdesk.channels.driver import Heard, Receipt
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.channels.tasks import Outcome, Try, claim_deliveries, record_outcomes

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
ANN, BEN = UUID(int=0xA), UUID(int=0xB)


def queued(*, due_at: datetime = AT) -> Delivery:
    message = queue_message(
        kind="page.rung", subject=("page", "7"), title="P1 db down", body="", brand_id=None,
        to=[Recipient("person", 1, "sms", "+447700900123", due_at)], by=SCHEDULER, via=Door.WORKER, at=AT,
    )  # fmt: skip
    return Delivery.objects.get(message_id=message.id)


def claim(worker: UUID = ANN, at: datetime = AT) -> list[Delivery]:
    return claim_deliveries("urgent", 10, at=at, worker=worker)


def accepted(row: Delivery) -> Outcome:
    return Outcome(row.id, row.month, row.attempt, AT, "accepted", None, {}, provider_id="SM1", accepted_at=AT)


@pytest.mark.django_db
def test_a_message_is_due_at_its_instant_and_claimed_once() -> None:
    row = queued()
    assert claim(at=AT - timedelta(microseconds=1)) == []
    assert [one.id for one in claim()] == [row.id]
    assert claim(BEN) == []
    assert claim() == [], "not even by the worker that has it already"


@pytest.mark.django_db(transaction=True)
def test_a_message_that_somebody_else_is_claiming_is_skipped_and_not_waited_for() -> None:
    theirs, ours = queued(due_at=AT - timedelta(seconds=1)), queued()
    with another_connection() as other:
        other.execute("SELECT 1 FROM channels_delivery WHERE id = %s FOR UPDATE", [theirs.id])
        assert [one.id for one in claim()] == [ours.id]


@pytest.mark.django_db
def test_what_came_of_an_attempt_that_was_given_back_does_not_end_the_next() -> None:
    row = queued()
    (first,) = claim()
    Delivery.objects.filter(id=row.id).update(leased_by=None, leased_at=None)
    (second,) = claim()
    assert (first.attempt, second.attempt) == (1, 2)
    record_outcomes([accepted(first)], worker=ANN, at=AT)
    row.refresh_from_db()
    assert (row.state, row.ended_at, row.leased_by) == ("sending", None, ANN)
    record_outcomes([accepted(second)], worker=ANN, at=AT)
    row.refresh_from_db()
    assert (row.state, row.ended_at, row.leased_by) == ("accepted", AT, None)


@pytest.mark.django_db
def test_what_a_provider_says_in_no_alphabet_is_kept_as_far_as_it_can_be() -> None:
    row = queued()
    (mine,) = claim()
    said = b"550 bo\xeete pleine\x00".decode(errors="surrogateescape")
    tries = (Try(0, "sink", AT, 5, "failed", reason=said, provider_id=said),)
    record_outcomes([replace(accepted(mine), reason=said, provider_id=said, tries=tries)], worker=ANN, at=AT)
    row.refresh_from_db()
    assert (row.state, row.reason, row.provider_id) == ("accepted", "550 bo?te pleine?", "550 bo?te pleine?")
    assert Attempt.objects.get(delivery_id=row.id).reason == "550 bo?te pleine?"


@pytest.mark.django_db
def test_another_workers_result_does_not_end_what_this_one_has() -> None:
    row = queued()
    (mine,) = claim()
    record_outcomes([accepted(mine)], worker=BEN, at=AT)
    row.refresh_from_db()
    assert (row.state, row.ended_at) == ("sending", None)


@pytest.mark.django_db(transaction=True)
def test_receipts_that_are_taken_together_lock_deliveries_in_the_order_in_which_everybody_does() -> None:
    first, second = sorted((queued(), queued()), key=lambda row: row.id)
    route = save_route(channel="sms", driver="outbox", name="x", config={}, by=SCHEDULER, via=Door.CLI, at=AT)
    heard = [
        Heard(b"told", lambda: Receipt("id", "delivered"), about=(row.id, row.month, 0), is_receipt=True)
        for row in (second, first)
    ]
    with another_connection() as other:
        other.execute("SELECT 1 FROM channels_delivery WHERE id = %s FOR UPDATE", [first.id])
        taking = Hand(
            lambda: receive_inbound(
                route_id=route.id, channel="sms", heard=heard, genuine=True, by=SCHEDULER, via=Door.SMS, at=AT
            )
        )
        until(lambda: somebody_waits_for(other))
        other.execute("SELECT 1 FROM channels_delivery WHERE id = %s FOR UPDATE NOWAIT", [second.id])
        other.commit()
    assert [row.outcome for row in taking.result()] == ["delivered"] * 2
