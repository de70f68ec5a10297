"""What the second site did is done at the main one: once, in whatever order it comes, and nobody is woken for it again."""

import copy
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from nightdesk.base import housekeeping
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.channels.models import Delivery
from nightdesk.journal.models import Entry
from nightdesk.paging.actions import RING
from nightdesk.paging.models import Page
from nightdesk.people.models import Person
from nightdesk.standby import actions, queries, tasks
from nightdesk.standby.models import HandedBack
from nightdesk.standby.sections import coming_back
from nightdesk.standby.snapshot import rows_where
from tests.world import World


@pytest.fixture
def night(world: World) -> World:
    world.bo, world.al = world.person("Bo"), world.person("Al", manager=True)  # type: ignore[attr-defined]
    world.seat("night", world.bo)  # type: ignore[attr-defined]
    world.escalate((0, world.bo), (10, world.al))  # type: ignore[attr-defined]
    actions.pair_second_site(name="Leeds", **world.doing)
    return world


def told(page: Page, **changes: Any) -> dict[str, Any]:
    """The page as the second site hands it back."""
    (row,) = rows_where(coming_back()["paging.Page"], "t.id = %s", [page.pk])
    changed = changes.pop("changed_at", queries.changed_at([page])[str(page.pk)])
    due = changes.pop("due_at", None)
    return {
        "row": row | changes, "changed_at": changed.isoformat(), "due_at": due and due.isoformat(),
        "alarms": rows_where(coming_back()["paging.Alarm"], "t.page_id = %s", [page.pk]),
    }  # fmt: skip


def taken(page: Page, by: Person, world: World) -> dict[str, Any]:
    at = world.at + timedelta(seconds=5)
    return told(page, state="acknowledged", owner_id=by.pk, acknowledged_at=at.isoformat(), changed_at=at)


def entry(page: Page, kind: str, world: World) -> dict[str, Any]:
    return {
        "id": str(uuid4()), "at": world.at.isoformat(), "kind": kind, "version": 1, "by_kind": "scheduler",
        "by_id": "scheduler", "by_name": "Nightdesk", "via": "standby", "subject_kind": "page",
        "subject_id": str(page.pk), "brand_id": page.brand_id, "cause": None, "facts": {}, "commitment": None,
    }  # fmt: skip


def hand_back(world: World, *pages: dict[str, Any], entries: tuple[dict[str, Any], ...] = ()) -> list[str]:
    batch = json.loads(json.dumps({"pages": pages, "rows": {"journal.Entry": entries}}))
    return actions.take_back(batch=batch, by=SCHEDULER, via=Door.STANDBY, at=world.at)


def test_a_page_that_was_taken_there_is_taken_here_and_the_ladder_stops(night: World) -> None:
    page = night.alarm("core1 is down", key="core1")
    night.phone(night.bo).got("core1")  # type: ignore[attr-defined]
    handed = taken(page, night.bo, night)  # type: ignore[attr-defined]
    mark = entry(page, "page.acknowledged", night)
    assert hand_back(night, handed, entries=(mark,)) == []
    page.refresh_from_db()
    assert (page.state, page.owner) == ("acknowledged", night.bo)  # type: ignore[attr-defined]
    assert page.acknowledged_at == night.at + timedelta(seconds=5), "as of when it was taken"
    count = Entry.objects.count()
    assert hand_back(night, handed, entries=(mark,)) == []
    assert Entry.objects.count() == count, "told twice, it is done once"
    assert HandedBack.objects.count() == 1
    night.minutes(14)  # Al's telephone does not ring


def test_what_was_handed_back_is_kept_as_it_came_for_a_month_and_no_longer(night: World) -> None:
    page = night.alarm("core1 is down", key="core1")
    night.phone(night.bo).got("core1")  # type: ignore[attr-defined]
    hand_back(night, taken(page, night.bo, night), entries=(entry(page, "page.acknowledged", night),))  # type: ignore[attr-defined]
    for days, left in ((0, 1), (29, 1), (31, 0)):
        tasks.forget_handed_back(night.at + timedelta(days=days))
        assert HandedBack.objects.count() == left
    assert tasks.forget_handed_back in housekeeping.CHORES


def test_a_page_that_began_there_goes_on_here_where_it_was_left(night: World) -> None:
    page = night.alarm("edge2 is down", key="edge2")
    night.phone(night.bo).got("edge2")  # type: ignore[attr-defined]
    handed = told(page, due_at=night.at + timedelta(minutes=7))
    key, rung = page.pk, page.rung
    _forget(page)
    assert hand_back(night, handed) == []
    ring = Promise.objects.get(kind=RING, subject_id=str(key), ended_at=None)
    assert ring.due_at == night.at + timedelta(minutes=7)
    night.minutes(6.9)
    assert Page.objects.get(pk=key).rung == rung, "nobody is rung again for what they were rung for there"
    night.minutes(0.2)
    night.phone(night.al).got("edge2")  # type: ignore[attr-defined]
    night.acknowledge(Page.objects.get(pk=key), by=night.al)  # type: ignore[attr-defined]


def test_one_fault_that_its_sender_told_both_sites_is_one_page_whoever_takes_it(night: World) -> None:
    page = night.alarm("edge2 is down", key="edge2")
    night.phone(night.bo).got("edge2")  # type: ignore[attr-defined]
    handed = taken(page, night.bo, night)  # type: ignore[attr-defined]
    other = str(uuid4())
    handed["row"] |= {"id": other}
    for alarm in handed["alarms"]:
        alarm |= {"id": str(uuid4()), "page_id": other}
    assert hand_back(night, handed) == []
    page.refresh_from_db()
    assert (page.state, page.owner) == ("acknowledged", night.bo)  # type: ignore[attr-defined]
    assert Page.objects.get(pk=other).folded_into == page


def test_whatever_comes_first_it_ends_the_same(night: World) -> None:
    page = night.alarm("core1 is down", key="core1")
    night.phone(night.bo).got("core1")  # type: ignore[attr-defined]
    acknowledged = taken(page, night.bo, night)  # type: ignore[attr-defined]
    over = copy.deepcopy(acknowledged)
    at = night.at + timedelta(seconds=9)
    over["row"] |= {"state": "resolved", "resolved_at": at.isoformat(), "resolution": "a new line card"}
    over["changed_at"] = at.isoformat()
    for handed in (over, acknowledged, over):
        assert hand_back(night, handed) == []
    page.refresh_from_db()
    assert (page.state, page.resolution) == ("resolved", "a new line card")


def test_what_does_not_fit_stops_nothing_else(night: World) -> None:
    page = night.alarm("core1 is down", key="core1")
    night.phone(night.bo).got("core1")  # type: ignore[attr-defined]
    broken = taken(page, night.bo, night)  # type: ignore[attr-defined]
    broken["row"] = {"id": str(uuid4())}
    problems = hand_back(
        night, broken, taken(page, night.bo, night), entries=(entry(page, "page.acknowledged", night),)  # type: ignore[attr-defined]
    )  # fmt: skip
    assert len(problems) == 1
    page.refresh_from_db()
    assert page.state == "acknowledged"
    assert HandedBack.objects.get().problems == problems


def test_a_main_site_that_was_away_waits_for_what_was_done_and_not_for_ever(night: World) -> None:
    actions.note_pull(told={"state": "following"}, test=False, by=SCHEDULER, via=Door.STANDBY, at=night.at)
    page = night.alarm("core1 is down", key="core1")
    night.phone(night.bo).got("core1")  # type: ignore[attr-defined]
    doing = {"by": SCHEDULER, "via": Door.WORKER}
    ring = Promise.objects.get(kind=RING, subject_id=str(page.pk), ended_at=None)
    assert actions.hold_for_second_site(**doing, at=night.at + timedelta(seconds=59)) == 0, "it was not away"
    later = ring.due_at + timedelta(minutes=5)
    assert actions.hold_for_second_site(**doing, at=later) == 1
    ring.refresh_from_db()
    assert ring.due_at == later + actions.RETURN_WITHIN
    assert actions.hold_for_second_site(**doing, at=later + timedelta(seconds=5)) == 0, "once"
    actions_left = Promise.objects.filter(subject_id=str(page.pk), ended_at=None).count()
    assert actions_left == 1
    night.acknowledge(page, by=night.bo)  # type: ignore[attr-defined]


def test_a_test_page_goes_the_whole_way_and_leaves_nothing(night: World) -> None:
    counts = [model.objects.count() for model in (Page, Delivery, Entry)]
    said = actions.raise_test_page(by=SCHEDULER, via=Door.WORKER, at=night.at)
    assert "Raised and closed" in said
    assert counts == [model.objects.count() for model in (Page, Delivery, Entry)]
    row = queries.pairing()
    assert row is not None
    assert row.tested_at == night.at
    assert row.test_problem == ""


def _forget(page: Page) -> None:
    """As at a site that never had it."""
    page.alarms.all().delete()
    Promise.objects.filter(subject_id=str(page.pk)).delete()
    page.delete()
