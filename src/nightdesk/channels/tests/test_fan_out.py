"""One statement fills the ledger for very many people: once each, the most affected first, and the newer word for the older."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, JSONObject
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.ids import first_of
from nightdesk.base.refusals import Invalid
from nightdesk.channels.actions import supersede_deliveries
from nightdesk.channels.fan_out_actions import Queued, gather_queued, queue_from, supersede_queued
from nightdesk.channels.fan_out_queries import Select
from nightdesk.channels.models import Delivery, Message
from nightdesk.channels.tasks import Outcome, claim_deliveries, record_outcomes, take_along
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


# Several in one


def gather(
    subject: str, said_at: datetime, waiting: Select | None = None, among: tuple[str, ...] = ("7", "8", "9")
) -> int:
    others = [one for one in among if one != subject]
    return gather_queued(
        kind="outage.update", subject=("outage", subject), among=others, said_at=said_at, waiting=waiting,
        by=SCHEDULER, via=Door.WORKER, at=said_at,
    )  # fmt: skip


def of_outage(number: str, found: Select, at: datetime = AT, **more: Any) -> Queued:
    return tell(found, once=f"update {number} {at}", subject=("outage", number), said_at=at, at=at, **more)


def test_what_has_not_left_about_several_goes_with_the_most_urgent_of_it() -> None:
    of_outage("7", crowd(2, rank=5))
    of_outage("8", crowd(2, rank=3), LATER)
    assert gather("8", LATER) == 2
    first, second = Delivery.objects.filter(recipient_id="1").order_by("rank")
    assert (first.subject_id, first.goes_with) == ("8", None)
    assert (second.subject_id, second.goes_with, second.state) == ("7", first.id, "queued")
    claimed = claim_deliveries("bulk", 9, at=LATER, worker=ANN)
    assert {row.subject_id for row in claimed} == {"8"}
    along = take_along(claimed)
    assert {key: [row.subject_id for row in rows_] for key, rows_ in along.items()} == {
        row.id: ["7"] for row in claimed
    }
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sending"}


def test_what_has_begun_to_leave_is_left_alone() -> None:
    of_outage("7", crowd(1))
    claim_deliveries("bulk", 1, at=AT, worker=ANN)
    of_outage("8", crowd(1), LATER)
    assert gather("8", LATER) == 0
    Delivery.objects.filter(subject_id="7").update(state="failed_for_now", leased_by=None)
    assert gather("8", LATER) == 0


def test_another_address_channel_or_reader_is_another_message() -> None:
    of_outage("7", people(("1", "email", "a@x.example", 0, "{}"), ("2", "sms", "+447700900001", 0, "{}")))
    of_outage("8", people(("1", "email", "new@x.example", 0, "{}"), ("3", "sms", "+447700900001", 0, "{}")), LATER)
    of_outage("9", people(("2", "push", "5", 0, "{}"), ("", "email", "a@x.example", 0, "{}")), LATER)
    assert gather("8", LATER) == gather("9", LATER) == 0


def test_a_later_word_takes_the_place_of_one_that_goes_with_another_and_of_one_that_another_goes_with() -> None:
    for number in ("7", "8", "9"):
        of_outage(number, crowd(1, rank=int(number)))
        gather(number, AT)
    leader = Delivery.objects.get(subject_id="7")
    assert list(Delivery.objects.exclude(subject_id="7").values_list("goes_with", flat=True)) == [leader.id] * 2
    for number in ("8", "7"):
        said_at = LATER + timedelta(seconds=int(number))
        of_outage(number, crowd(1, rank=int(number)), said_at)
        supersede_queued(subject=("outage", number), before=said_at, by=SCHEDULER, via=Door.WORKER, at=said_at)
        gather(number, said_at)
    left = list(Delivery.objects.filter(ended_at=None).order_by("rank"))
    assert [(row.subject_id, row.created_at > AT) for row in left] == [("7", True), ("8", True), ("9", False)]
    assert [row.goes_with for row in left] == [None, left[0].id, left[0].id]


def test_a_word_that_may_wait_goes_as_soon_as_one_comes_that_may_not() -> None:
    until = AT + timedelta(minutes=2)
    waits = Select("SELECT 'contact', '0', 'email', %s::timestamptz", [until])
    of_outage("7", crowd(2))
    gather("7", AT, waits)
    assert [row.due_at for row in rows()] == [until, AT]
    soon = AT + timedelta(seconds=20)
    of_outage("8", crowd(1), soon)
    gather("8", soon)
    assert {row.due_at for row in Delivery.objects.filter(recipient_id="0")} == {soon}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("789"), st.sampled_from(["say", "say", "claim", "deliver", "fail"])), max_size=14
    )
)
def test_whatever_happens_each_row_is_said_once_or_replaced(events: list[tuple[str, str]]) -> None:
    """A reader of three outages: updates come, what is due is claimed, and is delivered or has to be tried again."""
    said: Counter[UUID] = Counter()
    in_hand: dict[UUID, tuple[Delivery, list[Delivery]]] = {}
    begun = [(AT + step * timedelta(seconds=0.6), *event) for step, event in enumerate(events)]
    ended = [(AT + timedelta(seconds=9), "7", "deliver")]  # nothing is in a provider's hands for longer
    ended += [(LATER + timedelta(minutes=n), "7", event) for n, event in enumerate(["claim", "deliver"] * 2)]
    for at, number, event in begun + ended:
        if event == "say":
            of_outage(number, crowd(1), at)
            supersede_queued(subject=("outage", number), before=at, by=SCHEDULER, via=Door.WORKER, at=at)
            gather(number, at)
        elif event == "claim":
            claimed = claim_deliveries("bulk", 9, at=at, worker=ANN)
            along = take_along(claimed)
            in_hand |= {row.id: (row, along.get(row.id, [])) for row in claimed}
        elif in_hand:
            outcomes = []
            for row, others in in_hand.values():
                came: dict[str, Any] = {"state": "failed_for_now", "due_at": at}
                if event == "deliver":
                    came = {"state": "delivered", "due_at": None, "accepted_at": at, "provider_id": "x"}
                    said.update([row.id, *(one.id for one in others)])
                along_ids = tuple(one.id for one in others)
                outcomes.append(Outcome(row.id, row.month, row.attempt, at, tried={}, along=along_ids, **came))
            record_outcomes(outcomes, worker=ANN, at=at)
            in_hand = {}
    ledger = list(Delivery.objects.all())
    assert len(ledger) == sum(event == "say" for _, event in events)
    for row in ledger:
        assert row.state in ("delivered", "superseded"), (row.subject_id, row.state)
        assert said[row.id] <= 1
        assert said[row.id] == 1 or row.state == "superseded"
    latest = {row.subject_id: row for row in sorted(ledger, key=lambda row: row.created_at)}
    assert all(row.state == "delivered" for row in latest.values())
    Delivery.objects.all().delete()
