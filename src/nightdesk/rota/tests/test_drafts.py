"""A draft from rows and back: made in a process of its own, mended by hand, compared, published, replaced."""

import os
import signal
import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from nightdesk.access.actions import make_brand
from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid
from nightdesk.people import actions as people
from nightdesk.people.models import Absence
from nightdesk.rota import comparing, drafts, engine, plan_actions, planning, queries, tasks
from nightdesk.rota.actions import make_rota, set_layers
from nightdesk.rota.models import Drafting, Plan, PlannedShift, PlanWish, Rota

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 2, 20, 12, 0, tzinfo=UTC)
HOW: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": NOW}
NIGHTS = [{"weekdays": list(range(7)), "opens": "20:00", "closes": "08:00"}]
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
QUICK = plan_actions.Effort(steps=2_000)


class House:
    """Six people who share the nights of March, and a rota that knows nothing of it yet."""

    def __init__(self, count: int = 6) -> None:
        self.brand = make_brand(name="Quay", slug="quay", **HOW)
        self.team = people.make_team(brand_id=self.brand.id, name="Engineers", **HOW)
        self.people = [people.make_person(name=f"P{number}", brand_id=self.brand.id, **HOW) for number in range(count)]
        people.set_team_members(
            team_id=self.team.id,
            person_ids=[person.id for person in self.people],
            manager_id=self.people[0].id,
            **HOW,
        )
        seats = [{"key": "night", "name": "Night"}]
        self.rota: Rota = make_rota(brand_id=self.brand.id, name="Nights", zone="Europe/London", seats=seats, **HOW)
        self.seat = plan_actions.set_shifts(seat_key="night", team_id=self.team.id, shifts=NIGHTS, **HOW)

    def draft(self, start: date = MARCH, end: date = APRIL, **more: Any) -> Plan:
        made = plan_actions.make_draft(
            rota_id=self.rota.id, starts_on=start, ends_on=end, effort=QUICK, **{**HOW, **more}
        )
        run()
        made.refresh_from_db()
        return made


@pytest.fixture
def house() -> Any:
    with clock.replaced_by(lambda: NOW):
        yield House()


def claimed() -> Drafting:
    (row,) = leases.claim(Drafting, Drafting.LANE, 1, at=clock.now(), worker=uuid7())
    return row


def run() -> None:
    tasks.run_drafting(claimed())


def on_at(house: House, at: datetime) -> int | None:
    member = queries.scheduled(at, [house.rota.id])["night"]
    return member[1] if member else None


def test_a_month_is_laid_out_published_and_resolved(house: House) -> None:
    plan = house.draft()
    assert (plan.state, plan.gaps, plan.reproducible) == ("draft", [], True)
    assert plan.shifts.count() == 31
    assert {"engine", "version", "seed", "budget"} <= plan.made_with.keys()
    eleven = datetime(2026, 3, 5, 23, 0, tzinfo=UTC)
    assert on_at(house, eleven) is None  # a draft changes nobody's duty
    plan_actions.publish_plan(plan_id=plan.id, **HOW)
    assert on_at(house, eleven) == plan.shifts.get(starts_at=datetime(2026, 3, 5, 20, tzinfo=UTC)).person_id


def test_the_night_on_which_clocks_go_forward_is_an_hour_shorter(house: House) -> None:
    plan = house.draft()
    last = plan.shifts.get(starts_at=datetime(2026, 3, 28, 20, tzinfo=UTC))
    assert last.ends_at - last.starts_at == timedelta(hours=11)


def test_the_same_rows_seed_and_effort_give_the_same_plan(house: House) -> None:
    first, second = house.draft(seed=7), house.draft(seed=7)
    kept = [list(plan.shifts.values_list("seat", "person", "starts_at")) for plan in (first, second)]
    assert kept[0] == kept[1]
    assert (first.cost, first.lines) == (second.cost, second.lines)


def test_leave_is_kept_and_wishes_are_asked(house: House) -> None:
    away, wisher = house.people[:2]
    starts_at, ends_at = datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC)
    Absence.objects.create(person=away, kind="leave", starts_at=starts_at, ends_at=ends_at, recorded_at=NOW)
    plan_actions.note_wish(person_id=wisher.id, starts_at=starts_at, ends_at=ends_at, wants="avoid", weight=9, **HOW)
    plan = house.draft()
    met = plan.shifts.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)
    assert not met.filter(person=away).exists()
    assert not met.filter(person=wisher).exists()


def test_what_was_really_held_counts_as_a_burden(house: House) -> None:
    problem = planning.build(house.rota, MARCH, APRIL, NOW)
    assert all(person.load.nights == 0 for person in problem.people)
    set_layers(
        seat_key="night",
        layers=[
            {
                "members": [{"person": house.people[2].id}],
                "anchor": "2026-02-01T20:00",
                "turn": "day",
                "restrict": NIGHTS,
            }
        ],
        **HOW,
    )
    problem = planning.build(house.rota, MARCH, APRIL, NOW)
    carried = {person.id: person.load.nights for person in problem.people}
    assert carried[str(house.people[2].id)] == 9  # 20 to 28 February, by the rota as it stands


def test_too_few_people_leave_gaps_that_are_explained_person_by_person(house: House) -> None:
    for person in house.people[1:]:
        Absence.objects.create(
            person=person, kind="sickness", starts_at=NOW, ends_at=NOW + timedelta(days=60), recorded_at=NOW
        )
    plan = house.draft(MARCH, date(2026, 3, 8))
    assert plan.state == "draft"
    assert plan.gaps
    gap = plan.gaps[0]
    assert {line["person"] for line in gap["people"]} >= {person.id for person in house.people[1:]}
    said = [line["words"] for line in gap["people"] if line["person"] == house.people[3].id]
    assert said == ["is not available"]  # and never why
    assert gap["impossible"] is not None  # the counterfactual was tried


def test_a_draft_is_mended_by_hand_and_judged_at_once(house: House) -> None:
    plan = house.draft()
    shift = plan.shifts.order_by("starts_at")[3]
    doing = {"plan_id": plan.id, "seat_key": "night", "starts_at": shift.starts_at, **HOW}
    plan = plan_actions.set_draft_shift(person_id=None, **doing)
    assert [gap["starts_at"] for gap in plan.gaps] == [shift.starts_at.isoformat()]
    other = next(person for person in house.people if person.id != shift.person_id)
    plan = plan_actions.set_draft_shift(person_id=other.id, **doing)
    assert plan.gaps == []
    assert plan.shifts.get(starts_at=shift.starts_at).person == other
    with pytest.raises(Invalid, match="No shift"):
        plan_actions.set_draft_shift(person_id=other.id, **{**doing, "starts_at": NOW})


def test_a_later_plan_replaces_what_has_not_begun_and_an_earlier_one_can_return(house: House) -> None:
    first = house.draft(seed=1)
    plan_actions.publish_plan(plan_id=first.id, **HOW)
    later = datetime(2026, 3, 10, 22, 0, tzinfo=UTC)
    with clock.replaced_by(lambda: later):
        second = house.draft(seed=2, at=later)
        plan_actions.publish_plan(plan_id=second.id, **{**HOW, "at": later})
        running = first.shifts.get(starts_at__lte=later, ends_at__gt=later)
        assert running.published  # what has begun stays
        assert first.shifts.filter(starts_at__gt=later, published=True).count() == 0
        assert second.shifts.filter(published=True).count() == second.shifts.filter(starts_at__gt=later).count()
        first.refresh_from_db()
        assert first.state == "published"  # a part of it is how it was
        again = plan_actions.copy_plan(plan_id=first.id, **{**HOW, "at": later})
        plan_actions.publish_plan(plan_id=again.id, **{**HOW, "at": later})
    ahead = datetime(2026, 3, 20, 23, 0, tzinfo=UTC)
    assert on_at(house, ahead) == first.shifts.get(starts_at=datetime(2026, 3, 20, 20, tzinfo=UTC)).person_id
    second.refresh_from_db()
    assert second.state == "replaced"


def test_what_publishing_would_change_is_what_it_changes(house: House) -> None:
    layer = {
        "members": [{"person": house.people[0].id}],
        "anchor": "2026-02-01T20:00",
        "turn": "day",
        "restrict": NIGHTS,
    }
    set_layers(seat_key="night", layers=[layer], **HOW)
    plan = house.draft()
    start, end = drafts.span_of(plan)
    before = planning.spans_of(house.rota, start, end)
    foretold = planning.spans_with(house.rota, plan.shifts.order_by("starts_at"), start, end)
    plan_actions.publish_plan(plan_id=plan.id, **HOW)
    after = planning.spans_of(house.rota, start, end)
    assert comparing.changes(foretold, after) == []
    assert comparing.changes(before, after) != []


def test_a_repair_changes_little_and_leaves_what_has_begun(house: House) -> None:
    plan = house.draft()
    plan_actions.publish_plan(plan_id=plan.id, **HOW)
    ill_at = datetime(2026, 3, 10, 18, 0, tzinfo=UTC)
    ill = plan.shifts.get(starts_at=datetime(2026, 3, 11, 20, tzinfo=UTC)).person
    until_at = ill_at + timedelta(days=4)
    with clock.replaced_by(lambda: ill_at):
        repair = plan_actions.draft_repair(
            rota_id=house.rota.id,
            person_id=ill.id,
            since_at=ill_at,
            until_at=until_at,
            effort=QUICK,
            **{**HOW, "at": ill_at},
        )
        run()
    repair.refresh_from_db()
    assert (repair.state, repair.gaps) == ("draft", [])
    assert not repair.shifts.filter(person=ill, starts_at__lt=until_at, ends_at__gt=ill_at).exists()
    start, end = ill_at, drafts.span_of(plan)[1]
    changed = comparing.changes(
        planning.spans_of(house.rota, start, end), planning.spans_with(house.rota, repair.shifts.all(), start, end)
    )
    lost = plan.shifts.filter(person=ill, starts_at__lt=until_at, starts_at__gte=ill_at).count()
    assert len(changed) <= 2 * lost


def test_a_process_that_is_killed_is_asked_again_and_nothing_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_actions.make_draft(
        rota_id=house.rota.id, starts_on=MARCH, ends_on=APRIL, effort=plan_actions.Effort(steps=5_000_000), **HOW
    )
    killed = []

    def kill(child: Any) -> None:
        os.kill(child.pid, signal.SIGKILL)
        killed.append(child.pid)

    started = engine.subprocess.Popen

    def start(*args: Any, **more: Any) -> Any:
        child = started(*args, **more)
        threading.Timer(0.2, kill, [child]).start()
        return child

    monkeypatch.setattr(engine.subprocess, "Popen", start)
    run()
    monkeypatch.setattr(engine.subprocess, "Popen", started)
    plan.refresh_from_db()
    row = Drafting.objects.get(plan=plan)
    assert killed
    assert (plan.state, row.leased_by, row.ended_at, row.attempt) == ("making", None, None, 1)
    Drafting.objects.filter(plan=plan).update(due_at=NOW)
    row.request["budget"]["steps"] = 2_000
    row.save(update_fields=["request"])
    run()
    plan.refresh_from_db()
    assert (plan.state, plan.shifts.count()) == ("draft", 31)


def test_stopping_keeps_the_best_so_far(house: House) -> None:
    plan = plan_actions.make_draft(
        rota_id=house.rota.id, starts_on=MARCH, ends_on=APRIL, effort=plan_actions.Effort(steps=5_000_000), **HOW
    )
    row = claimed()
    plan_actions.stop_draft(plan_id=plan.id, **HOW)
    begun = time.monotonic()
    tasks.run_drafting(row)
    plan.refresh_from_db()
    assert (plan.state, plan.shifts.count(), plan.made_with["stopped"], plan.reproducible) == ("draft", 31, True, False)
    assert time.monotonic() - begun < engine.SECONDS


def test_how_far_it_is_is_kept_while_it_runs_and_whoever_has_seen_enough_stops_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_actions.make_draft(
        rota_id=house.rota.id, starts_on=MARCH, ends_on=APRIL, effort=plan_actions.Effort(steps=5_000_000), **HOW
    )
    row = claimed()
    read: list[dict[str, Any]] = []
    keep = tasks._Told.progress

    def progress(told: tasks._Told, said: dict[str, Any]) -> None:
        keep(told, said)
        read.append(Drafting.objects.get(id=row.id).progress)
        plan_actions.stop_draft(plan_id=plan.id, **HOW)

    monkeypatch.setattr(tasks._Told, "progress", progress)
    tasks.run_drafting(row)
    plan.refresh_from_db()
    assert 0 <= read[0]["share"] < 1
    assert {"phase", "steps", "cost", "gaps"} <= read[0].keys()
    assert (plan.state, plan.shifts.count(), plan.made_with["stopped"]) == ("draft", 31, True)


def test_a_draft_that_was_discarded_meanwhile_stays_so(house: House) -> None:
    plan = plan_actions.make_draft(rota_id=house.rota.id, starts_on=MARCH, ends_on=APRIL, effort=QUICK, **HOW)
    row = claimed()
    plan_actions.discard_draft(plan_id=plan.id, **HOW)
    tasks.run_drafting(row)
    plan.refresh_from_db()
    assert (plan.state, plan.shifts.count()) == ("discarded", 0)


def test_what_cannot_be_planned_is_refused_by_name(house: House) -> None:
    asking: dict[str, Any] = {"rota_id": house.rota.id, **HOW}
    with pytest.raises(Invalid, match="over"):
        plan_actions.make_draft(starts_on=date(2026, 1, 1), ends_on=date(2026, 2, 1), **asking)
    with pytest.raises(Invalid, match="1 to 93 days"):
        plan_actions.make_draft(starts_on=MARCH, ends_on=date(2027, 3, 1), **asking)
    twice = [
        {"weekdays": [0], "opens": "08:00", "closes": "20:00"},
        {"weekdays": [0], "opens": "19:00", "closes": "20:00"},
    ]
    with pytest.raises(Invalid, match="overlap"):
        plan_actions.set_shifts(seat_key="night", team_id=house.team.id, shifts=twice, **HOW)
    plan_actions.set_shifts(seat_key="night", team_id=None, shifts=[], **HOW)
    with pytest.raises(Invalid, match="has shifts"):
        plan_actions.make_draft(starts_on=MARCH, ends_on=APRIL, **asking)


def test_only_a_draft_is_published_and_only_once(house: House) -> None:
    plan = house.draft()
    plan_actions.discard_draft(plan_id=plan.id, **HOW)
    with pytest.raises(IllegalTransition):
        plan_actions.publish_plan(plan_id=plan.id, **HOW)
    other = house.draft()
    plan_actions.publish_plan(plan_id=other.id, **HOW)
    plan_actions.publish_plan(plan_id=other.id, **HOW)
    assert PlannedShift.objects.filter(published=True).count() == 31


def test_a_colleague_neither_reads_nor_writes_somebodys_wishes(house: House) -> None:
    bo, al = house.people[1:3]
    by_al = Actor("person", str(al.id), al.name, frozenset({(house.brand.id, "engineer")}))
    by_bo = Actor("person", str(bo.id), bo.name, frozenset({(house.brand.id, "engineer")}))
    wish = {"person_id": bo.id, "starts_at": NOW, "ends_at": NOW + timedelta(days=1), "wants": "avoid"}
    with pytest.raises(Forbidden):
        plan_actions.note_wish(**wish, by=by_al, via=Door.WEB, at=NOW)
    kept = plan_actions.note_wish(**wish, by=by_bo, via=Door.WEB, at=NOW)
    with pytest.raises(Forbidden):
        plan_actions.drop_wish(wish_id=kept.id, by=by_al, via=Door.WEB, at=NOW)
    plan_actions.drop_wish(wish_id=kept.id, by=by_bo, via=Door.WEB, at=NOW)
    assert not PlanWish.objects.exists()
