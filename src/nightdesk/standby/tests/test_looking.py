"""One look of the second site: what it hands back goes in parts, and a main site that was heard is not thought silent."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import NotFound
from nightdesk.journal.actions import record
from nightdesk.journal.models import Entry
from nightdesk.paging.actions import RING, resolve_page, trigger_page
from nightdesk.paging.models import Page, RawAlarm
from nightdesk.standby import actions, api, handing_back, looking, queries, sealing, snapshot, watch_actions
from nightdesk.standby.decide import Event, State
from nightdesk.standby.models import WatchRow
from nightdesk.standby.sections import shape
from tests.world import World

DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.STANDBY}


class MainSite:
    """What the main site answers. `takes`: whether letters that hand back are taken; `beats`: whether its pulse does."""

    def __init__(self) -> None:
        self.takes = self.beats = self.answers = True
        self.letters: list[dict[str, Any]] = []

    def call(self, path: str, asked: dict[str, Any]) -> tuple[dict[str, Any], int]:
        if not self.answers:
            raise looking.Unheard("It cannot be reached: refused")
        if path.endswith("hand-back"):
            if not self.takes:
                raise looking.Unheard("It answered 413: This letter is too long.")
            self.letters.append(json.loads(json.dumps(asked["batch"])))
            return {"problems": []}, 10
        pulse = {"overdue_s": 0.0 if self.beats else 100.0, "tested_at": None, "test_problem": ""}
        told = {"at": clock.now().isoformat(), "pulse": pulse, "tests_since": None, "silent_after_s": 60, "drill": {}}
        return told | json.loads(json.dumps(snapshot.whole({}))), 10


@pytest.fixture
def main(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainSite]:
    there = MainSite()
    world.at += timedelta(minutes=1)  # so that what made the world is not told again
    monkeypatch.setattr(looking, "_call", there.call)
    WatchRow.objects.create(id=1, since=world.at, heard_at=world.at, handed_until=world.at)
    with clock.replaced_by(lambda: world.at):
        yield there


def returning(world: World) -> None:
    """It was alone, and something was done here meanwhile."""
    world.at += timedelta(minutes=5)
    WatchRow.objects.update(state="returning", since=world.at)


def did(count: int, start: datetime, every: timedelta) -> set[str]:
    for number in range(count):
        at = start + every * number
        record(watch_actions.LET_GO, subject=("site", f"{number}"), **DOING, at=at)
    return {str(one) for one in Entry.objects.filter(at__gte=start).values_list("id", flat=True)}


@pytest.mark.parametrize("every_ms", [0, 1, 10_000])
def test_much_goes_home_in_letters_that_are_taken(
    world: World, main: MainSite, monkeypatch: pytest.MonkeyPatch, every_ms: int
) -> None:
    monkeypatch.setattr(handing_back, "MOST_ROWS", 4)
    start = world.at + timedelta(seconds=1)
    own = did(19, start, timedelta(milliseconds=every_ms))
    returning(world)
    assert looking.look_once() is State.FOLLOWING
    told = [[row["id"] for row in letter["rows"]["journal.Entry"]] for letter in main.letters]
    assert {one for letter in told for one in letter} == own
    assert sum(map(len, told)) == len(own), "nothing twice in one look"
    if every_ms:
        assert max(map(len, told)) <= 4


def test_great_alarms_go_a_few_at_a_time(world: World, main: MainSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_back, "MOST_ALARM_BYTES", 250)
    for number in range(6):
        at = world.at + timedelta(seconds=number + 1)
        RawAlarm.objects.create(at=at, format="generic", body=b"x" * 100, status=202)
    did(1, world.at + timedelta(seconds=9), timedelta(0))
    returning(world)
    assert looking.look_once() is State.FOLLOWING
    assert [len(letter["rows"]["paging.RawAlarm"]) for letter in main.letters] == [2, 2, 2]


def test_what_a_look_has_no_time_for_is_for_the_next(
    world: World, main: MainSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handing_back, "MOST_ROWS", 4)
    own = did(10, world.at + timedelta(seconds=1), timedelta(seconds=1))
    returning(world)
    ticks = iter(range(0, 10_000, 9))
    monkeypatch.setattr(looking.time, "monotonic", lambda: float(next(ticks)))
    states = [looking.look_once() for _ in range(3)]
    assert states == [State.RETURNING, State.RETURNING, State.FOLLOWING], "it follows once all of it went"
    assert {row["id"] for letter in main.letters for row in letter["rows"]["journal.Entry"]} == own
    assert len(main.letters) == 3


def test_a_letter_that_is_not_taken_pages_nobody_and_is_tried_again(world: World, main: MainSite) -> None:
    did(1, world.at + timedelta(seconds=1), timedelta(0))
    returning(world)
    main.takes = False
    before = Page.objects.count()
    for _ in range(3):
        assert looking.look_once() is State.RETURNING
    assert Page.objects.count() == before, "that it is away would be no news, and every three seconds"
    assert "did not go over: It answered 413" in WatchRow.objects.get().problem
    main.answers = False
    assert looking.look_once() is State.ALONE, "silent it is given up at once, as ever"
    WatchRow.objects.update(state="returning")
    main.takes = main.answers = True
    assert looking.look_once() is State.FOLLOWING
    assert WatchRow.objects.get().problem == ""


def test_a_faint_site_that_takes_nothing_back_still_has_its_new_pages_rung(world: World, main: MainSite) -> None:
    did(1, world.at + timedelta(seconds=1), timedelta(0))
    WatchRow.objects.update(state="alone", silent_after_s=99)
    main.takes = main.beats = False
    assert looking.look_once() is State.ALONE
    assert WatchRow.objects.get().silent_after_s == 60, "its answer was read, and its pages were met"


def test_the_door_takes_more_than_the_usual_at_the_hand_back_and_no_more_than_stated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _row, key = actions.pair_second_site(name="Leeds", **world.doing)
    monkeypatch.setattr(api, "MOST_HANDED_BYTES", 5 * 1024 * 1024)
    noise = "".join(chr(32 + (n * n * 7919 + n // 3) % 90) for n in range(200_000)) * 1
    with clock.replaced_by(lambda: world.at):
        asked = {"at": world.at.isoformat(), "shape": shape(), "batch": {"noise": noise}}
        letter = sealing.seal(key, "ask", asked)
        monkeypatch.setattr("django.conf.settings.DATA_UPLOAD_MAX_MEMORY_SIZE", 100)
        answer = Client().post("/standby/v1/hand-back", letter, content_type="application/octet-stream")
        assert answer.status_code == 200
        monkeypatch.setattr(api, "MOST_HANDED_BYTES", len(letter) - 1)
        answer = Client().post("/standby/v1/hand-back", letter, content_type="application/octet-stream")
        assert answer.status_code == 413


# --- What it does while it speaks for the main site ------------------------------------------------------------------


def drill_page(world: World) -> Page:
    return trigger_page(brand_id=world.brand.pk, title="Drill", priority="P1", details={"drill": True}, **world.doing)


def test_a_drill_wakes_nobody_of_the_ladder_at_either_site(world: World, main: MainSite) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    drill, page = drill_page(world), world.alarm("core1 is down", key="core1")
    Promise.objects.filter(kind=RING, ended_at=None).delete()
    world.hush()
    start = WatchRow.objects.get()
    start.handed_until = world.at - timedelta(minutes=1)
    part = handing_back.next_part(start, world.at)
    assert part is not None
    assert [one["row"]["id"] for one in part.batch["pages"]] == [str(page.pk)]
    watch_actions.note_look(event=Event.SILENT, **DOING, at=world.at + timedelta(hours=1))
    rings = set(Promise.objects.filter(kind=RING, ended_at=None).values_list("subject_id", flat=True))
    assert str(page.pk) in rings
    assert str(drill.pk) not in rings


def test_what_the_main_site_rings_again_rings_here_no_more(world: World, main: MainSite) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page, other = world.alarm("core1 is down", key="core1"), world.alarm("edge2 is down", key="edge2")
    world.hush()
    open_rings = Promise.objects.filter(kind=RING, ended_at=None).values_list("subject_id", flat=True)
    assert {str(page.pk), str(other.pk)} <= set(open_rings.all())
    watch_actions.note_handed_back(until_at=world.at, pages=[str(page.pk)], let_go=True, **DOING, at=world.at)
    assert str(page.pk) not in set(open_rings.all())
    assert str(other.pk) in set(open_rings.all())
    watch_actions.let_go(**DOING, at=world.at)
    assert not open_rings.all()


@pytest.mark.parametrize(
    "wrong",
    [NotFound("A page was to go on.", "It is broken.", "Look at it."), KeyError("rungs")],
    ids=["refusal", "fault"],
)
def test_one_page_that_cannot_be_taken_over_stops_no_other(
    world: World, main: MainSite, monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    bad, good = world.alarm("core1 is down", key="core1"), world.alarm("edge2 is down", key="edge2")
    Promise.objects.filter(kind=RING, ended_at=None).delete()
    world.hush()
    carry_on = watch_actions.carry_on_page

    def refusing(**asked: Any) -> bool:
        if asked["page_id"] == bad.pk:
            raise wrong
        return carry_on(**asked)

    monkeypatch.setattr(watch_actions, "carry_on_page", refusing)
    monkeypatch.setattr(watch_actions, "_say_away", lambda *_: resolve_page(page_id=None, **world.doing))  # type: ignore[arg-type]
    watch_actions.note_look(event=Event.SILENT, **DOING, at=world.at + timedelta(hours=1))
    assert WatchRow.objects.get().state == State.ALONE
    assert Promise.objects.filter(kind=RING, ended_at=None, subject_id=str(good.pk)).exists()


def test_a_page_met_while_alone_that_ended_there_ends_here(world: World, main: MainSite) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("core1 is down", key="core1")
    world.hush()
    WatchRow.objects.update(state="alone")
    pages = queries.open_pages()
    for told in (pages, {}):
        answer = {"pages": told, "changed": {}, "silent_after_s": 60, "at": world.at.isoformat()}
        watch_actions.meet_pages(answer=answer, size_bytes=1, **DOING, at=world.at)
    page.refresh_from_db()
    assert page.state == Page.State.RESOLVED
