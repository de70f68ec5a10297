"""Which topics an open page hears of, when what it shows has changed in the database."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from nightdesk import asgi
from nightdesk.access.models import Brand
from nightdesk.base import clock, ear
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.base.months import month_of
from nightdesk.base.tests.other_hands import another_connection
from nightdesk.calls.models import Call, Leg, Line
from nightdesk.channels.models import Attempt, Delivery
from nightdesk.journal import actions
from nightdesk.journal.kinds import KINDS, Kind
from nightdesk.paging.models import Page
from nightdesk.people.models import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_kind(monkeypatch):
    monkeypatch.setitem(KINDS, "duty.passed", Kind("duty.passed", 1, "{by} passed it on"))


class Looks:
    """An announcer's eye, used from a test that is not async: `look()` gives the topics of one look."""

    def __init__(self):
        self.runner = asyncio.Runner()
        self.news = asgi.News()
        self.line = self.runner.run(psycopg.AsyncConnection.connect(**ear.address(), autocommit=True))
        self.look()

    def look(self):
        return self.runner.run(self.news.topics(self.line))

    def close(self):
        self.runner.run(self.line.close())
        self.runner.close()


@pytest.fixture
def eye(transactional_db):
    record()
    looks = Looks()
    yield looks
    looks.close()


def record(subject=("seat", "core")):
    actions.record("duty.passed", subject=subject, by=Actor("person", "7", "Bo"), via=Door.WEB, at=clock.now())


def delivery(**fields):
    at = clock.now()
    row = Delivery(
        id=uuid7(at), month=month_of(at), lane="urgent", due_at=at, created_at=at, message_id=uuid7(at), brand_id=None,
        occurrence=str(uuid7(at)), subject_kind="page", subject_id="P", recipient_kind="person", recipient_id="7",
        channel="pocket", address="",
    )  # fmt: skip
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def test_the_first_look_announces_nothing_and_an_idle_house_is_quiet(eye):
    assert eye.look() == set()
    assert eye.look() == set()


def test_an_entry_names_its_room_its_subject_and_whoever_did_it_once(eye):
    record()
    assert eye.look() == {"duty", "seat", "seat:core", "person:7", "journal", "promise"}
    assert eye.look() == set()


def test_what_was_committed_late_is_announced_when_it_is_there_and_nothing_else_again(eye):
    with another_connection() as other:
        other.execute(
            "INSERT INTO journal_entry SELECT gen_random_uuid(), at, kind, version, by_kind, by_id, by_name, via, 'page',"
            " 'LATE', brand_id, cause, facts, commitment FROM journal_entry LIMIT 1"
        )
        record()
        assert "seat:core" in eye.look()
        assert eye.look() == set()
        other.commit()
    told = eye.look()
    assert "page:LATE" in told
    assert "seat:core" not in told


def test_a_promise_a_message_and_each_try_at_it_are_announced(eye):
    at = clock.now()
    Promise.objects.create(kind="test.a", lane="page", subject_kind="page", subject_id="P", due_at=at, created_at=at)
    assert eye.look() == {"promise", "page:P"}
    row = delivery()
    assert eye.look() == {"delivery", "page:P", "person:7"}
    Attempt.objects.create(
        id=uuid7(), month=row.month, delivery_id=row.id, number=1, route_name="r", at=at, took_ms=1, outcome="accepted"
    )
    assert eye.look() == {"delivery", "page:P", "person:7"}
    assert eye.look() == set()


def test_a_receipt_for_an_open_page_is_announced(eye):
    at = clock.now()
    brand = Brand.objects.create(name="B", slug="b")
    page = Page.objects.create(
        brand=brand, code="ABCD", priority=1, urgency="high", title="t", policy={}, started_at=at, rings_from=at
    )
    row = delivery(subject_id=str(page.id))
    eye.look()
    Delivery.objects.filter(id=row.id).update(delivered_at=at)
    assert eye.look() == {"delivery", f"page:{page.id}"}
    assert eye.look() == set()


def test_the_rows_of_a_fan_out_are_not_announced_one_by_one(eye):
    delivery(lane="bulk")
    assert eye.look() == set()


def test_a_promise_that_was_given_up_is_announced(eye):
    at = clock.now() - timedelta(hours=1)
    row = Promise.objects.create(
        id=uuid7(at), kind="test.a", lane="page", subject_kind="page", subject_id="P", due_at=at, created_at=at
    )
    eye.look()
    Promise.objects.filter(id=row.id).update(ended_at=clock.now(), ended_as="dead")
    assert eye.look() == {"promise"}


class Hub:
    def __init__(self, streams):
        self.streams, self.told = streams, []

    def publish(self, topics):
        self.told.append(set(topics))


def test_it_goes_on_when_its_session_was_cut_and_tells_what_happened_meanwhile(monkeypatch):
    record()
    hub = Hub(streams=1)
    front = type("Front", (), {"hub": hub})()
    address = ear.address()

    async def watch():
        announcing = asyncio.create_task(asgi.announcer(address)(front))
        await until(lambda: hub.told)
        await asyncio.to_thread(cut_and_record)
        await until(lambda: "seat:core" in set().union(*hub.told))
        announcing.cancel()

    async def until(true):
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.01)

    def cut_and_record():
        with another_connection() as other:
            cut = other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND backend_type = 'client backend' AND pid NOT IN (pg_backend_pid(), %s)",
                [mine],
            ).fetchall()
            assert cut == [(True,)]
        try:
            record()
        finally:
            connection.close()

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (mine,) = cursor.fetchone()
    asyncio.run(watch())


def test_a_step_of_a_call_is_told_to_its_pages_and_to_whoever_it_rings(eye):
    brand = Brand.objects.create(name="Quay", slug="quay")
    bo = Person.objects.create(name="Bo")
    line = Line.objects.create(brand=brand, name="Support", numbers=["+1"], shown_number="+1", pager_number="+1")
    call = Call.objects.create(line=line, exchange="test", called="+1", came_at=clock.now(), step=1)
    assert eye.look() == {"call", f"call:{call.pk}"}
    assert eye.look() == set()
    Leg.objects.create(call=call, name="e1", to="bo", person=bo, ordered_at=clock.now())
    assert eye.look() == {"call", f"call:{call.pk}", f"rings:{bo.pk}"}
    Call.objects.filter(pk=call.pk).update(step=2)
    assert eye.look() == {"call", f"call:{call.pk}", f"rings:{bo.pk}"}
    Leg.objects.filter(call=call).update(ended_at=clock.now())
    assert eye.look() == {"call", f"call:{call.pk}", f"rings:{bo.pk}"}, "whoever is rung no more hears of it"
    Call.objects.filter(pk=call.pk).update(ended_at=clock.now())
    assert eye.look() == {"call", f"call:{call.pk}"}
    assert eye.look() == set()
