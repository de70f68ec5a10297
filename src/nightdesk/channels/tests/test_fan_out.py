"""One statement fills the ledger for very many people: once each, the most affected first, and the newer word for the older."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, JSONObject

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.ids import first_of
from nightdesk.base.refusals import Invalid
from nightdesk.channels.actions import supersede_deliveries
from nightdesk.channels.fan_out_actions import Queued, queue_from, supersede_queued
from nightdesk.channels.fan_out_queries import Select
from nightdesk.channels.models import Delivery, Message
from nightdesk.channels.tasks import claim_deliveries
from nightdesk.customers.models import Contact, Customer
from nightdesk.journal.models import Entry

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
LATER = AT + timedelta(minutes=20)
ANN = UUID(int=0xA)


def people(*rows: tuple[Any, ...]) -> Select:
    """(recipient id, channel, address, rank, values) of contacts."""
    places = ", ".join(["('contact', %s::text, %s::text, %s::text, %s::smallint, %s::jsonb)"] * len(rows))
    return Select(f"SELECT * FROM (VALUES {places}) AS v", [value for row in rows for value in row])


def crowd(count: int, *, channel: str = "email", rank: int = 0, first: int = 0) -> Select:
    return Select(
        "SELECT 'contact', n::text, %s::text, n || '@harbour.example', %s::smallint, '{}'::jsonb "
        "FROM generate_series(%s::int, %s::int) n",
        [channel, rank, first, first + count - 1],
    )


def tell(found: Any, once: str = "update 1", at: datetime = AT, **more: Any) -> Queued:
    defaults: dict[str, Any] = {
        "kind": "outage.update", "subject": ("outage", "7"), "title": "Dock Street is down", "body": "We are on it.",
        "brand_id": None, "said_at": AT,
    }  # fmt: skip
    return queue_from(found=found, once=once, **{**defaults, **more}, by=SCHEDULER, via=Door.WORKER, at=at)


def rows() -> list[Delivery]:
    return list(Delivery.objects.order_by("channel", "recipient_id"))


def test_everybody_who_is_found_has_one_row() -> None:
    told = tell(people(("1", "email", "a@x.example", 3, '{"name": "Al"}'), ("1", "sms", "+447700900001", 0, "{}")))
    assert told.written == {"email": 1, "sms": 1}
    mail, text = rows()
    assert (mail.recipient_kind, mail.recipient_id, mail.address, mail.rank) == ("contact", "1", "a@x.example", 3)
    assert (mail.values, text.values) == ({"name": "Al"}, {})
    assert (mail.state, mail.lane, mail.due_at, mail.created_at) == ("queued", "bulk", AT, AT)
    assert mail.month.isoformat() == "2026-11-01"
    assert mail.message_id == text.message_id == told.message_id
    assert mail.id.version == 7
    assert first_of(AT).int >> 80 == mail.id.int >> 80


def test_a_queryset_says_whom_as_well_as_sql() -> None:
    brand = Brand.objects.create(name="Quayside", slug=f"q-{uuid4().hex[:6]}")
    customer = Customer.objects.create(brand=brand, name="Harbour 100%", ref="H1")
    for name in ("Al", "Bo"):
        Contact.objects.create(customer=customer, name=name, email=f"{name}@harbour.example")
    found = Contact.objects.filter(customer__name__contains="100%").values_list(
        Value("contact"), Cast("id", CharField()), Value("email"), F("email"), Value(2),
        JSONObject(customer=F("customer__name")),
    )  # fmt: skip
    assert tell(found, body="{{ customer }}").count == 2
    assert {row.address for row in rows()} == {"Al@harbour.example", "Bo@harbour.example"}
    assert {row.values["customer"] for row in rows()} == {"Harbour 100%"}


def test_told_again_nobody_has_a_second_row() -> None:
    first = tell(crowd(3))
    again = tell(crowd(5), at=LATER)
    assert (first.count, again.count) == (3, 2)
    assert first.message_id == again.message_id
    assert Message.objects.count() == 1
    assert Entry.objects.filter(kind="message.queued").count() == 2
    assert tell(crowd(5), at=LATER).count == 0
    assert Entry.objects.filter(kind="message.queued").count() == 2


def test_whoever_is_told_it_in_another_language_meanwhile_is_not_told_twice() -> None:
    english = tell(crowd(3), variant="en down")
    german = tell(crowd(4), variant="de down", title="Dock Street ist gestört")
    assert (english.count, german.count) == (3, 1)
    assert english.message_id != german.message_id
    assert Message.objects.count() == 2


def test_of_two_addresses_of_one_contact_the_lower_rank_is_told() -> None:
    found = people(
        ("1", "email", "second@x.example", 5, "{}"),
        ("1", "email", "first@x.example", 1, "{}"),
        ("", "email", "one@x.example", 1, "{}"),
        ("", "email", "two@x.example", 1, "{}"),
    )
    assert tell(found).count == 3
    assert {row.address for row in rows()} == {"first@x.example", "one@x.example", "two@x.example"}


def test_a_long_address_still_counts_once() -> None:
    long = people(("", "email", "a" * 250 + "@x.example", 0, "{}"))
    assert (tell(long).count, tell(long).count) == (1, 0)


def test_what_somebody_has_no_value_for_is_not_sent_to_anybody() -> None:
    found = people(("1", "email", "a@x.example", 0, '{"name": "Al"}'), ("2", "email", "b@x.example", 0, "{}"))
    with pytest.raises(Invalid, match="For 1 of them something is missing"):
        tell(found, title="Dear {{ name }}")


def test_a_chats_url_is_refused() -> None:
    with pytest.raises(Invalid, match="holds secrets"):
        tell(people(("1", "chat", "slack://secret@x", 0, "{}")))


def test_the_lowest_rank_is_claimed_first_whatever_came_first() -> None:
    tell(crowd(3, rank=5))
    tell(crowd(3, rank=1, first=10), once="update 2", at=AT + timedelta(seconds=9))
    at = AT + timedelta(seconds=10)
    assert [row.rank for row in claim_deliveries("bulk", 4, at=at, worker=ANN)] == [1, 1, 1, 5]
    assert [row.rank for row in claim_deliveries("bulk", 4, at=at, worker=ANN)] == [5, 5]
    assert claim_deliveries("bulk", 4, at=at, worker=ANN) == []


def test_what_waits_for_one_provider_does_not_stand_before_another() -> None:
    tell(crowd(50, channel="sms", rank=0))
    tell(crowd(5, rank=3, first=100), once="update 2")
    claimed = claim_deliveries("bulk", 10, at=AT, worker=ANN, full=[("sms", 0)])
    assert [row.channel for row in claimed] == ["email"] * 5


def test_a_brands_own_hand_may_be_full() -> None:
    tell(crowd(3), brand_id=4)
    tell(crowd(3, first=10), once="update 2", brand_id=5)
    claimed = claim_deliveries("bulk", 10, at=AT, worker=ANN, full=[("email", 4)])
    assert [row.brand_id for row in claimed] == [5, 5, 5]


def test_nothing_is_walked_through_to_find_what_may_be_had() -> None:
    tell(crowd(20_000, channel="sms", rank=0))
    tell(crowd(1, rank=3), once="update 2")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE channels_delivery")
        cursor.execute("SELECT pg_stat_force_next_flush()")
    pages = _pages_read(lambda: claim_deliveries("bulk", 10, at=AT, worker=ANN, full=[("sms", 0)]))
    assert pages < 600, f"{pages} pages were looked at"


def _pages_read(done: Any) -> int:
    """Pages of the ledger and its indexes that a statement looks at."""
    asked = "SELECT sum(pg_stat_get_xact_blocks_fetched(oid)) FROM pg_class WHERE relname LIKE 'channels_delivery%%'"
    with connection.cursor() as cursor:
        cursor.execute(asked)
        before = cursor.fetchone()[0]
        done()
        cursor.execute(asked)
        return int(cursor.fetchone()[0] - before)


def test_a_newer_word_replaces_what_has_not_been_sent_to_whoever_gets_it() -> None:
    tell(crowd(4))
    (sent,) = claim_deliveries("bulk", 1, at=AT, worker=ANN)
    Delivery.objects.filter(id=sent.id).update(state="accepted", accepted_at=AT, ended_at=AT)
    said_at = AT + timedelta(minutes=5)
    tell(crowd(3), once="update 2", said_at=said_at, at=said_at)
    replaced = supersede_queued(subject=("outage", "7"), before=said_at, by=SCHEDULER, via=Door.WORKER, at=said_at)
    states = {(row.recipient_id, row.created_at == AT): row.state for row in rows()}
    expected = {(str(n), True): "superseded" for n in range(3)} | {("3", True): "queued"}
    expected |= {(str(n), False): "queued" for n in range(3)}
    expected[sent.recipient_id, True] = "accepted"
    assert states == expected
    assert replaced == sum(state == "superseded" for state in states.values())
    again = supersede_queued(subject=("outage", "7"), before=said_at, by=SCHEDULER, via=Door.WORKER, at=said_at)
    assert again == 0


def test_another_outages_words_stay() -> None:
    tell(crowd(2), subject=("outage", "8"))
    tell(crowd(2), once="update 2", said_at=LATER, at=LATER)
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER, "at": LATER}
    assert supersede_queued(subject=("outage", "7"), before=LATER, **doing) == 0
    assert supersede_deliveries(subject=("outage", "8"), **doing) == 2


def test_as_many_ranks_as_there_are_people_are_told_in_their_order() -> None:
    found = Select(
        "SELECT 'contact', n::text, 'email', n || '@harbour.example', ((n * 7) %% 101)::smallint, '{}'::jsonb "
        "FROM generate_series(1, 100) n"
    )
    tell(found)
    claimed = [row.rank for _ in range(4) for row in claim_deliveries("bulk", 25, at=AT, worker=ANN)]
    assert claimed == sorted(claimed) == list(range(1, 101))
