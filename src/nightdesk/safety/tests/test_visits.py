"""What is refused, what warns, and who may say what."""

from datetime import timedelta
from typing import Any

import pytest

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.safety import actions, decide, queries, site_actions
from nightdesk.safety.models import SafetyCard, Visit
from tests.world import World
from tests.world import world as new_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> Any:
    with new_world() as here:
        yield here
        here.hush()


def site(world: World, **fields: Any) -> Any:
    told = {"name": "Mill Lane", "address": "1 Mill Lane", **fields}
    return site_actions.add_site(brand_id=world.brand.id, fields=told, **world.doing)  # type: ignore[typeddict-item]


def declare(world: World, where: Any, who: Any, watcher: Any, **more: Any) -> Visit:
    wanted = {"why": "A fan", "travel_minutes": 10, "work_minutes": 30, **world.doing, **more}
    return actions.declare_visit(site_id=where.pk, person_id=who.id, watcher_id=watcher.id, **wanted)


def test_where_two_are_needed_one_is_refused_and_two_are_not(world: World) -> None:
    bo, al, cy = (world.person(name) for name in ("Bo", "Al", "Cy"))
    world.seat("front", al)
    mast = site(world, needs_two=True)
    with pytest.raises(actions.NotAlone):
        declare(world, mast, bo, al)
    assert not Visit.objects.exists()
    assert declare(world, mast, bo, al, companion_id=cy.id).people == [bo, cy]


def test_who_is_not_on_duty_or_has_the_same_seat_cannot_watch(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    hut = site(world)
    with pytest.raises(actions.NoWatcher, match="not on duty"):
        declare(world, hut, bo, al)
    world.seat("front", al)
    with pytest.raises(actions.NoWatcher, match="watch themselves"):
        declare(world, hut, al, al)
    assert declare(world, hut, bo, al).watcher_seat is not None
    with pytest.raises(IllegalTransition):
        declare(world, hut, bo, al)


def test_a_visit_warns_of_an_assessment_that_is_out_of_date(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.seat("front", al)
    today = world.at.date()
    hut = site(world, assessed_on=today - timedelta(days=400), review_on=today - timedelta(days=1))
    warnings = queries.warnings_of(declare(world, hut, bo, al), world.at)
    assert any("should have been looked at anew by 02 Mar 2026" in words for words in warnings)
    fields: Any = {"review_on": today}
    site_actions.edit_site(site_id=hut.pk, fields=fields, **world.doing)
    hut.refresh_from_db()
    assert queries.assessment_warning(hut, today) == ""


def test_only_who_is_there_checks_in_and_only_others_vouch_and_with_words(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.seat("front", al)
    visit = declare(world, site(world), bo, al)
    doing: Any = {"via": Door.WEB, "at": world.at + timedelta(minutes=1), "visit_id": visit.pk}
    with pytest.raises(Forbidden):
        actions.check_in_visit(by=world.actor(al), **doing)
    with pytest.raises(Forbidden):
        actions.vouch_for_visitor(words="I am fine", by=world.actor(bo), **doing)
    with pytest.raises(Invalid):
        actions.vouch_for_visitor(words=" ", by=world.actor(al), **doing)
    with pytest.raises(Invalid):
        actions.end_visit(by=world.actor(al), **doing)
    assert actions.end_visit(by=world.actor(bo), **doing).state == Visit.State.ENDED
    assert actions.end_visit(by=world.actor(bo), **doing).state == Visit.State.ENDED, "twice changes nothing"
    with pytest.raises(IllegalTransition):
        actions.call_for_help(by=world.actor(bo), **doing)


def test_a_door_tells_by_the_badge_and_a_stranger_by_none(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.seat("front", al)
    site_actions.set_badge(person_id=bo.id, badge="04A1", **world.doing)
    grants, scopes = frozenset({(world.brand.id, "engineer")}), frozenset({"note_visit_sign"})
    doing: Any = world.doing | {"by": Actor("machine", "1", "Doors", grants, scopes)}
    assert actions.note_visit_sign(badge="04A1", sign="door", **doing) is None, "they are on no visit"
    visit = declare(world, site(world), bo, al)
    seen = actions.note_visit_sign(badge="04A1", sign="door", what="north door", **doing)
    assert seen == visit
    with pytest.raises(NotFound):
        actions.note_visit_sign(badge="other", sign="door", **doing)
    with pytest.raises(Invalid):
        actions.note_visit_sign(badge="04A1", sign="check_in", **doing)


@pytest.mark.parametrize("word", ["ok", "stop", "done", "yes", "a b", "one two three four", "1234 "], ids=str)
def test_a_duress_word_is_none_that_means_something_or_is_written_by_chance(world: World, word: str) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    doing: Any = world.doing | {"by": world.actor(bo)}
    with pytest.raises(Invalid):
        site_actions.set_duress_word(person_id=bo.id, word=word, **doing)
    with pytest.raises(Forbidden):
        site_actions.set_duress_word(person_id=al.id, word="jonquil", **doing)
    assert not SafetyCard.objects.exclude(duress_digest=b"").exists()


def test_every_move_is_in_the_table_and_no_other_is_made(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.seat("front", al)
    visit = declare(world, site(world), bo, al, leaves_at=world.at + timedelta(hours=1))
    assert actions.cancel_visit(visit_id=visit.pk, **world.doing).state == Visit.State.CANCELLED
    assert actions.keep_watch(visit_id=visit.pk, **world.doing) == "It is over."
    assert set(decide.TRANSITIONS.values()) == {decide.State.OUT, decide.State.CANCELLED, decide.State.ENDED}


def test_the_duress_word_before_a_visit_has_begun_lets_it_begin_and_is_heard(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.seat("front", al)
    doing: Any = world.doing | {"by": world.actor(bo)}
    site_actions.set_duress_word(person_id=bo.id, word="jonquil", **doing)
    visit = declare(world, site(world), bo, al, leaves_at=world.at + timedelta(hours=1))
    actions.check_in_visit(visit_id=visit.pk, words="ok jonquil", **doing)
    visit.refresh_from_db()
    assert (visit.state, visit.alarm) == (Visit.State.OUT, Visit.Alarm.DURESS)
    assert visit.watcher_at is not None


def test_they_cannot_be_back_before_they_leave(world: World) -> None:
    bo, al = world.person("Bo"), world.person("Al")
    world.seat("front", al)
    visit = declare(world, site(world), bo, al, leaves_at=world.at + timedelta(hours=2))
    for back_by_at in (world.at + timedelta(hours=1), visit.leaves_at):
        with pytest.raises(Invalid):
            actions.edit_visit(visit_id=visit.pk, back_by_at=back_by_at, **world.doing)


def test_a_planned_visit_waits_for_a_companion_who_is_still_out(world: World) -> None:
    bo, al, cy = (world.person(name) for name in ("Bo", "Al", "Cy"))
    world.seat("front", al)
    hut = site(world)
    out = declare(world, hut, cy, al)
    later = declare(world, hut, bo, al, companion_id=cy.id, leaves_at=world.at + timedelta(hours=1))
    world.at += timedelta(hours=1)
    assert actions.keep_watch(visit_id=later.pk, **world.doing) == "They are still out at another site."
    actions.end_visit(visit_id=out.pk, words="met them", **world.doing)
    assert actions.keep_watch(visit_id=later.pk, **world.doing) == "They are on their way."
