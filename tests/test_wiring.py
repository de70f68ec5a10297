"""What the rooms hang into each other's registries at start."""

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from nightdesk import follow_ups
from nightdesk.asgi import LARGER_BODIES
from nightdesk.base import clock, health, leases, promises
from nightdesk.base.models import Promise
from nightdesk.channels.models import Attempt, Route
from nightdesk.console.views import due
from nightdesk.standby.api import MOST_HANDED_BYTES

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
WAKES = (
    "page.ring", "page.alive", "page.unsnooze", "duty.turn", "duty.draft", "duty.chase", "duty.back",
    "duty.replan", "duty.follow_plan", "duty.seek_cover_for", "cover.step", "beat.late", "silence.end",
    "silence.release", "work.begin", "work.overrun", "shadow.sweep", "calls.call_back_due", "calls.write",
    "ticket.warn_clock", "ticket.breach", "outage.tell", "outage.hold", "outage.chase", "outage.confirm_by_rule",
    "bureau.relay",
    "calls.twiml_due",
    "safety.watch", "safety.note_page",
    "standby.test_page",
)  # fmt: skip
"""Kinds of promises that wake somebody, or say whom to wake."""


def test_whatever_has_the_lane_of_pages_is_known_here() -> None:
    assert {kind for kind, handler in promises.HANDLERS.items() if handler.lane == "page"} == set(WAKES)


def test_whatever_will_be_done_has_words_on_the_page_of_what_happens_next() -> None:
    assert promises.HANDLERS.keys() - due.WORDS.keys() == set()


def test_the_server_lets_through_all_that_a_second_site_may_hand_back() -> None:
    assert LARGER_BODIES[reverse("standby-hand-back")] == MOST_HANDED_BYTES


def test_what_follows_from_a_kind_is_said_in_one_place() -> None:
    tree = ast.parse(Path(follow_ups.__file__).read_text())
    (table,) = [each for each in ast.walk(tree) if isinstance(each, ast.Dict) and len(each.keys) > 20]
    keys = [ast.unparse(key) for key in table.keys if key is not None]
    assert [key for key in keys if keys.count(key) > 1] == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", WAKES)
def test_what_wakes_somebody_is_tried_for_ever_however_often_it_failed(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> str:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setitem(promises.HANDLERS, kind, replace(promises.HANDLERS[kind], run=fail))
    with clock.replaced_by(lambda: AT):
        promises.promise(kind, subject=("page", uuid4()), due_at=AT, why="", at=AT)
        Promise.objects.update(attempt=1000)
        (row,) = leases.claim(Promise, "page", 1, at=AT, worker=uuid4())
        promises.keep(row)
    row.refresh_from_db()
    assert (row.ended_at, row.leased_by) == (None, None)
    assert row.due_at - AT <= timedelta(seconds=30)


@pytest.mark.django_db
def test_the_figures_of_each_provider_can_be_scraped() -> None:
    route = Route.objects.create(channel="sms", driver="outbox", name='Relay "1"', failures=3, resting_until=AT)
    Attempt.objects.create(
        month=AT.date().replace(day=1), delivery_id=uuid4(), number=1, route_id=route.id, route_name=route.name,
        at=AT, took_ms=70, outcome="failed_for_now", reason="the line is cut",
    )  # fmt: skip
    told = health.as_text(metric for source in health.METRICS for metric in source(AT - timedelta(seconds=1)))
    where = '{route="Relay \\"1\\"",channel="sms"}'
    assert f"nightdesk_route_rests{where} 1\n" in told
    assert f"nightdesk_route_refused{where} 1\n" in told
    assert f"nightdesk_route_taken{where} 0\n" in told
