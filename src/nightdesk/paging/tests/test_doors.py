"""Alarms over HTTP: every format from the wire to the ledger, what is kept, and what is refused."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from nightdesk.base.buckets import Buckets
from nightdesk.base.months import month_of
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers.models import Contract, Customer, Hours, Service, Subscription
from nightdesk.journal.models import Entry
from nightdesk.paging import actions, api, queries
from nightdesk.paging.formats import FORMATS, Signal
from nightdesk.paging.models import Alarm, Page, RawAlarm
from nightdesk.paging.tests.conftest import NIGHT, alertmanager, page_of, pagerduty

pytestmark = pytest.mark.django_db

OFFICE = [[["09:00", "17:30"]]] * 5 + [[], []]
MONDAY_NINE = NIGHT.replace(day=17, hour=8, minute=0)


@pytest.fixture
def night(world):
    world.bo, world.al = world.person("Bo"), world.person("Al")
    world.ladder = world.policy((0, world.bo), (5, world.al))
    return world


def test_pagerduty_from_the_wire_to_the_ledger(night, post):
    _integration, key = night.sender(night.ladder)
    answer = post("/v2/enqueue", pagerduty(key))
    assert (answer.status_code, answer.json()["dedup_key"]) == (202, "sw2")
    raw = RawAlarm.objects.get()
    assert (raw.status, raw.error, raw.format) == (202, "", "pagerduty_v2")
    assert key.encode() in bytes(raw.body)
    page = Page.objects.get()
    assert (page.title, page.priority, page.component, page.alarm_count) == (
        "sw2 does not answer",
        1,
        "dock-street",
        1,
    )
    rows = Delivery.objects.filter(subject_kind="page", subject_id=str(page.id))
    assert {(row.channel, row.state, row.due_at, row.month) for row in rows} == {
        (channel, "queued", NIGHT, month_of(NIGHT)) for channel in ("sms", "email")
    }
    message = Message.objects.get()
    assert (message.code, message.body) == (page.code, "dock-street")
    assert message.answers["acknowledge"] == ["page.acknowledge", "page", str(page.id)]
    assert post("/v2/enqueue", pagerduty(key, "resolve")).status_code == 202
    assert page_of(page.id).state == "resolved"


def test_alertmanager_from_the_wire_to_the_ledger_and_its_own_resolve_closes_the_page(night, post):
    _integration, key = night.sender(night.ladder, "alertmanager")
    answer = post(f"/hooks/alertmanager/{key}", alertmanager(("a", "firing"), ("b", "firing")))
    assert answer.status_code == 200
    assert Page.objects.count() == 2
    assert night.rung(night.bo) == [0, 0]
    night.acknowledge(Page.objects.get(title="a does not answer"), night.bo)
    post(f"/hooks/alertmanager/{key}", alertmanager(("a", "resolved"), ("b", "firing")))
    assert [(page.title, page.state) for page in Page.objects.order_by("id")] == [
        ("a does not answer", "resolved"),
        ("b does not answer", "triggered"),
    ]
    assert Alarm.objects.get(dedup_key="b").count == 2


def test_the_generic_hook_takes_a_body_or_a_query(night, post):
    _integration, key = night.sender(night.ladder, "generic")
    assert post(f"/hooks/generic/{key}?source=ups&severity=critical", {"summary": "battery is low"}).status_code == 202
    assert post(f"/hooks/generic/{key}?summary=door+open&source=rack", b"").status_code == 202
    assert set(Page.objects.values_list("title", "component")) == {("battery is low", "ups"), ("door open", "rack")}
    assert RawAlarm.objects.filter(query__source="rack").exists()


@pytest.mark.parametrize("header", ["bearer", "basic", "routing"])
def test_the_key_may_come_in_a_header(night, post, header):
    _integration, key = night.sender(night.ladder, "generic")
    headers = {
        "bearer": {"Authorization": f"Bearer {key}"},
        "basic": {"Authorization": "Basic " + base64.b64encode(f"monitor:{key}".encode()).decode()},
        "routing": {"X-Routing-Key": key},
    }[header]
    assert post("/hooks/generic", {"summary": "x"}, **headers).status_code == 202
    raw = RawAlarm.objects.get()
    assert key not in str(raw.headers)
    assert post("/hooks/generic", {"summary": "x"}, Authorization="Basic !").status_code == 401


@pytest.mark.parametrize(
    ("path", "status"), [("/v2/enqueue", 400), ("/hooks/alertmanager/nobodys", 401), ("/hooks/generic/nobodys", 401)]
)
def test_an_unknown_key_is_answered_in_the_dialect_and_kept(night, post, path, status):
    answer = post(path, pagerduty("0" * 32))
    assert answer.status_code == status
    raw = RawAlarm.objects.get()
    assert (raw.status, raw.error, raw.integration) == (status, "unknown key", None)
    assert not Page.objects.exists()


def test_a_revoked_key_opens_nothing_two_seconds_later(night, post):
    integration, key = night.sender(night.ladder)
    assert post("/v2/enqueue", pagerduty(key)).status_code == 202
    for _ in range(2):
        actions.revoke_integration(integration_id=integration.id, **night.doing)
    assert Entry.objects.filter(kind="integration.revoked").count() == 1
    night.at += timedelta(seconds=2)
    assert post("/v2/enqueue", pagerduty(key)).status_code == 400
    assert Page.objects.get().alarms.get().count == 1


def test_what_strangers_send_is_kept_only_as_far_as_there_is_room(night, post, monkeypatch):
    monkeypatch.setattr(api, "STRANGERS", Buckets(a_second=0.2, size=3))
    for number in range(5):
        assert post(f"/hooks/generic/nobody-{number}", b"x" * 100_000).status_code == 401
    assert RawAlarm.objects.count() == 3
    assert max(len(bytes(raw.body)) for raw in RawAlarm.objects.all()) == api.KEPT_OF_STRANGERS
    night.at += timedelta(seconds=5)
    post("/hooks/generic/nobody", b"x")
    assert RawAlarm.objects.count() == 4


def test_a_body_that_cannot_be_read_is_kept_with_the_reason(night, post):
    integration, key = night.sender(night.ladder, "alertmanager")
    assert post(f"/hooks/alertmanager/{key}", b'{"alerts":').status_code == 400
    raw = RawAlarm.objects.get()
    assert (raw.integration, raw.status, raw.error, bytes(raw.body)) == (
        integration,
        400,
        "JSON parse error",
        b'{"alerts":',
    )
    assert post("/v2/enqueue", {"routing_key": "short", "event_action": "trigger"}).status_code == 400
    assert "routing_key" in RawAlarm.objects.get(format="pagerduty_v2").error


def test_a_body_too_long_is_refused_unread(night, post):
    _integration, key = night.sender(night.ladder, "generic")
    answer = post(f"/hooks/generic/{key}", b" " * (FORMATS["generic"].max_bytes + 1))
    assert answer.status_code == 413
    assert not RawAlarm.objects.exists()


@pytest.mark.parametrize(("dialect", "status"), [("pagerduty_v2", 429), ("alertmanager", 503), ("generic", 503)])
def test_over_the_limit_each_sender_hears_what_makes_it_try_again(night, post, monkeypatch, dialect, status):
    monkeypatch.setattr(api, "KEYS", Buckets(a_second=1, size=2))
    _integration, key = night.sender(night.ladder, dialect)
    _other, other_key = night.sender(night.ladder, dialect)

    def send(key):
        if dialect == "pagerduty_v2":
            return post("/v2/enqueue", pagerduty(key)).status_code
        return post(f"/hooks/{dialect}/{key}", alertmanager(("a", "firing")) | {"summary": "x"}).status_code

    assert [send(key) < 300 for _ in range(3)] == [True, True, False]
    assert send(key) == status
    assert send(other_key) < 300, "one sender gone mad does not silence another"
    night.at += timedelta(seconds=1)
    assert send(key) < 300


def test_while_the_database_is_away_senders_are_asked_to_repeat(night, post, monkeypatch):
    _integration, key = night.sender(night.ladder)

    def away(key):
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(queries, "integration_by_key", away)
    assert post("/v2/enqueue", pagerduty(key)).status_code == 503


def test_an_alarm_that_trips_us_up_is_kept_and_asked_for_again_and_leaves_nothing_half_done(night, post, monkeypatch):
    _integration, key = night.sender(night.ladder)

    def trips(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(actions, "queue_message", trips)
        assert post("/v2/enqueue", pagerduty(key)).status_code == 503
    raw = RawAlarm.objects.get()
    assert (raw.status, raw.error) == (503, "ZeroDivisionError: a bug")
    assert not Page.objects.exists()
    assert not Entry.objects.filter(kind="page.triggered").exists()
    assert post("/v2/enqueue", pagerduty(key)).status_code == 202


def test_only_post_is_taken(night, client, settings):
    settings.ROOT_URLCONF = api
    assert client.get("/v2/enqueue").status_code == 405


def test_a_fresh_page_costs_few_queries_and_a_repeat_fewer(night, post):
    _integration, key = night.sender(night.ladder)
    post("/v2/enqueue", pagerduty(key, dedup_key="warm up"))
    with CaptureQueriesContext(
        connection,
    ) as fresh:
        assert post("/v2/enqueue", pagerduty(key)).status_code == 202
    assert Delivery.objects.count() == 4
    assert len(fresh) <= 22, "\n".join(query["sql"][:150] for query in fresh)
    with CaptureQueriesContext(connection) as again:
        post("/v2/enqueue", pagerduty(key))
    assert len(again) <= 10, "\n".join(query["sql"][:150] for query in again)


# --- Dedup and storms ------------------------------------------------------------------------------------------------


def test_the_same_key_is_one_alarm_and_rings_once(night):
    integration, _key = night.sender(night.ladder)
    page = night.alarm(integration)
    night.minutes(2)
    assert night.alarm(integration) == page
    alarm = Alarm.objects.get()
    assert (alarm.count, alarm.last_at, alarm.opened_at) == (2, night.at, NIGHT)
    assert night.rung(night.bo) == [0]
    other, _key = night.sender(night.ladder)
    assert night.alarm(other) != page, "a key belongs to one integration"


def test_a_resolve_or_acknowledge_of_an_unknown_key_is_taken_and_changes_nothing(night):
    integration, _key = night.sender(night.ladder)
    for action in ("resolve", "acknowledge"):
        assert night.receive(integration, Signal(action, "never seen")).status == 202
    assert not Page.objects.exists()


def test_a_senders_own_acknowledgement_is_noted_and_stops_nothing(night):
    integration, _key = night.sender(night.ladder)
    page = night.alarm(integration)
    night.receive(integration, Signal("acknowledge", "sw2"))
    assert page_of(page.id).state == "triggered"
    assert Entry.objects.filter(kind="page.acknowledged-there", subject_id=str(page.id)).count() == 1
    night.minutes(5)
    assert night.rung(night.al) == [5]


def test_a_storm_is_one_page_that_counts_and_rings_by_itself(night):
    integration, _key = night.sender(night.ladder)
    pages = [night.alarm(integration, key=f"sw{number}") for number in range(5)]
    first = pages[0]
    for number in range(5, 8):
        assert night.alarm(integration, key=f"sw{number}") == first
    first.refresh_from_db()
    assert (first.alarm_count, first.state, first.folded_at) == (8, "triggered", NIGHT)
    for page in pages[1:]:
        page.refresh_from_db()
        assert (page.state, page.folded_into) == ("resolved", first)
    assert Alarm.objects.filter(page=first, resolved_at=None).count() == 8
    assert queries.counts(None) == queries.Counts(1, 0, 0)
    night.minutes(5)
    assert night.told(night.al) == [(5, "P1 sw0 does not answer (and 7 more alarms)")]


def test_a_storm_of_three_hundred_in_one_notice_is_one_page_counted(night):
    integration, _key = night.sender(night.ladder)
    storm = [
        Signal("trigger", f"sw{number}", summary=f"sw{number}", severity="critical", source="dock-street")
        for number in range(300)
    ]
    with CaptureQueriesContext(connection) as queries_made:
        night.receive(integration, *storm)
    assert len(queries_made) < 200
    page = Page.objects.exclude(state="resolved").get()
    assert (page.alarm_count, Alarm.objects.filter(page=page).count()) == (300, 300)
    queued = Delivery.objects.filter(ended_at=None)
    assert {row.subject_id for row in queued} == {str(page.id)}, "those that were folded at once rang nobody"
    night.receive(integration, *storm)
    assert set(Alarm.objects.values_list("count", flat=True)) == {2}
    night.receive(integration, *(Signal("resolve", signal.dedup_key) for signal in storm[1:]))
    assert page_of(page.id).state == "triggered", "one of its alarms still burns"
    night.receive(integration, Signal("resolve", "sw0"))
    assert page_of(page.id).state == "resolved"


def test_who_answers_about_a_page_that_a_storm_took_over_has_the_storm(night):
    integration, _key = night.sender(night.ladder)
    pages = [night.alarm(integration, key=f"sw{number}") for number in range(6)]
    assert night.acknowledge(pages[3], night.bo) == pages[0]
    assert page_of(pages[0].id).owner == night.bo


def test_streams_of_different_sources_do_not_fold(night):
    integration, _key = night.sender(night.ladder, storm_limit=2)
    pages = {night.alarm(integration, key=f"k{number}", source=f"host-{number}").id for number in range(6)}
    assert len(pages) == 6


def test_one_notice_that_says_both_of_one_key_is_read_in_its_order(night):
    integration, _key = night.sender(night.ladder)
    told = {"summary": "sw2", "severity": "critical", "source": "dock-street"}
    night.receive(
        integration, Signal("trigger", "sw2", **told), Signal("resolve", "sw2"), Signal("trigger", "sw2", **told)
    )
    assert [page.state for page in Page.objects.order_by("id")] == ["resolved", "triggered"]


# --- May it wake -----------------------------------------------------------------------------------------------------


@pytest.fixture
def office(night):
    return Hours.objects.create(brand=night.brand, name="Office", zone="Europe/London", week=OFFICE)


def test_outside_its_hours_an_integration_wakes_only_for_what_may_wake(night, office):
    integration, _key = night.sender(night.ladder, hours_id=office.id, may_wake=["P1"])
    page = night.alarm(integration, severity="error")
    assert night.rung(night.bo) == []
    assert page.rings_from == MONDAY_NINE
    ring = queries.story(page.id)[0]
    assert (ring.at, ring.text) == (MONDAY_NINE, "it waits for the opening")
    core = night.alarm(integration, key="core", severity="critical")
    assert core.rings_from == NIGHT
    assert len(night.rung(night.bo)) == 1
    actions.resolve_page(page_id=core.id, **night.doing)
    night.minutes((MONDAY_NINE - NIGHT) / timedelta(minutes=1))
    assert MONDAY_NINE in Delivery.objects.filter(subject_id=str(page.id)).values_list("due_at", flat=True)


def test_a_page_that_waits_and_is_raised_without_being_allowed_to_wake_still_rings_at_the_opening(night, office):
    integration, _key = night.sender(night.ladder, hours_id=office.id, may_wake=[])
    page = night.alarm(integration, severity="warning")
    assert night.alarm(integration, severity="critical") == page
    assert night.rung(night.bo) == []
    night.minutes((MONDAY_NINE - NIGHT) / timedelta(minutes=1))
    assert len(night.rung(night.bo)) == 1


def test_a_service_of_one_customer_goes_by_that_customers_contract(night, office):
    service = Service.objects.create(brand=night.brand, key="dock-street", name="Dock Street")
    customer = Customer.objects.create(brand=night.brand, name="Harbour Foods", ref="HF-1")
    Contract.objects.create(
        customer=customer,
        name="24 h",
        hours=office,
        out_of_hours="full",
        may_wake=["P1"],
        valid_from=NIGHT.date() - timedelta(days=100),
    )
    Subscription.objects.create(customer=customer, service=service)
    integration, _key = night.sender(night.ladder, hours_id=office.id, may_wake=[])
    page = night.alarm(integration, component="Dock-Street")
    assert (page.service, page.customer, page.rings_from) == (service, customer, NIGHT)
    assert night.alarm(integration, key="p2", component="dock-street", severity="error").rings_from == MONDAY_NINE
    other = Customer.objects.create(brand=night.brand, name="Mill Lane", ref="ML-1")
    Subscription.objects.create(customer=other, service=service)
    page = night.alarm(integration, key="both", component="dock-street")
    assert (page.customer, page.rings_from) == (None, MONDAY_NINE), "of two, the integration's rule counts"


def test_an_integration_gives_its_own_priorities_to_its_senders_words(night):
    integration, _key = night.sender(night.ladder, priorities={"warning": "P1", "critical": "P4", "info": "nonsense"})
    page = night.alarm(integration, severity="warning")
    assert (page.priority, page.urgency) == (1, "high")
    page = night.alarm(integration, key="b", severity="critical")
    assert (page.priority, page.urgency) == (4, "low")
    page = night.alarm(integration, key="c", severity="info")
    assert (page.priority, page.urgency) == (4, "low")
    page = night.alarm(integration, key="d", severity=None)
    assert (page.priority, page.urgency) == (1, "high"), "no word may mean the worst"


def test_a_fault_of_ours_in_a_parser_loses_nothing(night, post, monkeypatch):
    def stumble(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    _integration, key = night.sender(night.ladder, "generic")
    monkeypatch.setattr(api, "FORMATS", {**FORMATS, "generic": replace(FORMATS["generic"], parse=stumble)})
    answer = post(f"/hooks/generic/{key}", {"summary": "disk full"})
    assert answer.status_code == 503
    kept = RawAlarm.objects.get()
    assert b"disk full" in bytes(kept.body)
    assert "a fault of ours" in kept.error
