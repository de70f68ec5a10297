"""The verbs of silences, planned work and shadow mode: who may, what is refused, and what two at once cannot lose."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction

from nightdesk.access.actions import make_brand
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.paging import decide, queries, shadow_actions, silence_actions
from nightdesk.paging.models import Alarm, Integration, Page, PlannedWork, Silence
from nightdesk.paging.silencing import BadSilence, Matcher
from nightdesk.paging.tests.conftest import Hand, World, until_all_wait
from nightdesk.people.queries import actor_of_person

HOUR = timedelta(hours=1)


def silence(world: World, **more: Any) -> Silence:
    wanted = {"matcher": Matcher(part="dock-street"), "until_at": world.at + HOUR, "reason": "known"}
    return silence_actions.make_silence(**({"brand_id": world.brand.id} | wanted | world.doing | more))


def plan(world: World, **more: Any) -> PlannedWork:
    wanted = {"title": "Swap", "parts": ["sw2"], "from_at": world.at + HOUR, "until_at": world.at + 2 * HOUR}
    return silence_actions.plan_work(brand_id=world.brand.id, **(wanted | world.doing | more))


@pytest.mark.django_db
@pytest.mark.parametrize("matcher", [Matcher(), Matcher(priorities=(1,)), Matcher(part="*")])
def test_an_engineer_may_not_keep_whole_systems_quiet(world: World, matcher: Matcher) -> None:
    by = actor_of_person(world.person("Bo").id)
    with pytest.raises((Forbidden, BadSilence)):
        silence(world, by=by, matcher=matcher)
    assert silence(world, by=by, matcher=Matcher(priorities=(3, 4))).made_by == "Bo"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"until_at": timedelta(0)},
        {"until_at": timedelta(days=8)},
        {"matcher": Matcher(priorities=(1,)), "until_at": timedelta(days=2)},
        {"from_at": timedelta(hours=2)},
    ],
)
def test_a_silence_has_an_end_that_is_near_enough(world: World, wrong: dict[str, Any]) -> None:
    told = {name: world.at + value if isinstance(value, timedelta) else value for name, value in wrong.items()}
    with pytest.raises(BadSilence):
        silence(world, **told)
    assert not Silence.objects.exists()


@pytest.mark.django_db
def test_what_a_silence_names_is_the_brands_own_and_it_says_why(world: World) -> None:
    other = make_brand(name="Other", slug="other-brand", **world.doing)
    integration, _ = world.sender(world.policy((0, world.person("Bo"))))
    with pytest.raises(NotFound):
        silence(world, brand_id=other.id, matcher=Matcher(integration=integration.pk, part="sw2"))
    with pytest.raises(Invalid, match="reason"):
        silence(world, reason=" ")
    with pytest.raises(NotFound):
        silence_actions.end_silence(silence_id=0, **world.doing)


@pytest.mark.django_db
def test_a_page_that_a_person_raised_is_not_silenced(world: World) -> None:
    from nightdesk.paging.actions import trigger_page

    page = trigger_page(brand_id=world.brand.id, title="By hand", priority="P1", **world.doing)
    with pytest.raises(IllegalTransition):
        silence_actions.silence_page(page_id=page.id, until_at=world.at + HOUR, **world.doing)


@pytest.mark.django_db
def test_a_storm_page_is_silenced_with_all_of_its_alarms(world: World) -> None:
    bo = world.person("Bo")
    integration, _ = world.sender(world.policy((0, bo)), storm_limit=1)
    for key in ("one", "two", "three"):
        page = world.alarm(integration, key)
    row, _ = silence_actions.silence_page(page_id=page.id, until_at=world.at + HOUR, **world.doing)
    assert row.part == "dock-street"
    assert Alarm.objects.filter(page=None, silence=row).count() == 3
    world.minutes(61)
    again = Page.objects.exclude(state="resolved").get()
    assert again.alarms.filter(resolved_at=None).count() == 3


@pytest.mark.django_db
def test_a_resolve_under_a_silence_ends_the_alarm(world: World) -> None:
    from nightdesk.paging.formats import Signal

    integration, _ = world.sender(world.policy((0, world.person("Bo"))))
    silence(world)
    world.receive(integration, Signal("trigger", "sw2", summary="down", severity="critical", source="dock-street"))
    world.receive(integration, Signal("resolve", "sw2"))
    assert Alarm.objects.get().resolved_at == world.at
    world.minutes(61)
    assert not Page.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_alarm_that_comes_while_its_silence_is_ended_is_not_lost(world: World) -> None:
    integration, _ = world.sender(world.policy((0, world.person("Bo"))))
    row = silence(world)
    queries.silences_of(world.brand.id, world.at)  # this process knows it, as every process does for a second
    with transaction.atomic():
        silence_actions.end_silence(silence_id=row.pk, **world.doing)
        queries._silences[world.brand.id] = [queries.held_by(row)], world.at
        late = Hand(lambda: world.alarm(integration))
        until_all_wait(late)  # it wants to rely on the silence, whose end is not committed yet
    assert late.result().state == "triggered"


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_silence_waits_for_an_alarm_that_relies_on_it(world: World) -> None:
    from nightdesk.paging.formats import Signal

    integration, _ = world.sender(world.policy((0, world.person("Bo"))))
    row = silence(world)
    with transaction.atomic():
        signal = Signal("trigger", "sw2", summary="down", severity="critical", source="dock-street")
        world.receive(integration, signal)
        end = Hand(lambda: silence_actions.end_silence(silence_id=row.pk, **world.doing))
        until_all_wait(end)
    end.result()
    silence_actions.release_silence(silence_id=row.pk, **world.doing)
    assert Alarm.objects.get().page.state == "triggered"  # type: ignore[union-attr]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"parts": []},
        {"parts": ["*"]},
        {"parts": ["a*"]},
        {"service_ids": [0]},
        {"policy_id": 0},
        {"person_id": 0},
        {"zone": "Nowhere/Land"},
        {"until_at": None},
    ],
)
def test_work_that_cannot_be_planned_is_refused(world: World, wrong: dict[str, Any]) -> None:
    told = wrong if wrong.get("until_at", 1) else {"until_at": world.at}
    with pytest.raises((Invalid, NotFound)):
        plan(world, **told)
    assert not PlannedWork.objects.exists()


@pytest.mark.django_db
def test_work_that_has_ended_does_not_begin_again(world: World) -> None:
    work = plan(world)
    silence_actions.start_work(work_id=work.pk, **world.doing)
    assert Silence.objects.get(work=work).from_at == world.at, "before its time its parts are quiet from now on"
    silence_actions.complete_work(work_id=work.pk, **world.doing)
    silence_actions.complete_work(work_id=work.pk, **world.doing)
    for verb in (silence_actions.start_work, silence_actions.cancel_work):
        with pytest.raises(IllegalTransition):
            verb(work_id=work.pk, **world.doing)
    assert not Promise.objects.filter(ended_at=None, subject_kind="work").exists()
    assert not Silence.objects.filter(ended_at=None).exists()
    with pytest.raises(BadSilence):
        silence_actions.extend_work(work_id=plan(world).pk, until_at=world.at + HOUR, **world.doing)


@pytest.mark.django_db
def test_of_weekly_work_one_week_can_be_left_out(world: World) -> None:
    work = plan(world, weekly=True, zone="Europe/London")
    silence_actions.cancel_work(work_id=work.pk, **world.doing)
    following = PlannedWork.objects.get(ended_at=None)
    assert (following.from_at - work.from_at, following.series) == (timedelta(days=7), work.series)


@pytest.mark.django_db
def test_in_the_shadow_no_message_is_ever_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from nightdesk.paging import actions

    def refuse(**_: Any) -> None:
        raise AssertionError("a message was made for a page on paper")

    bo = world.person("Bo")
    integration, _ = world.sender(world.policy((0, bo)))
    shadow_actions.start_shadow(integration_id=integration.pk, **world.doing)
    monkeypatch.setattr(actions, "queue_message", refuse)
    page = world.alarm(Integration.objects.get(id=integration.pk))
    actions.escalate_page(page_id=page.id, **world.doing)
    actions.reassign_page(page_id=page.id, to_person_id=bo.id, **world.doing)
    world.acknowledge(page, bo)
    world.minutes(60)  # they give no sign of life, and are asked on paper
    assert page.paper.filter(asking=True).exists()


@pytest.mark.django_db
def test_nobody_but_a_manager_puts_a_sender_into_the_shadow_or_out_of_it(world: World) -> None:
    integration, _ = world.sender(decide.Policy())
    by = actor_of_person(world.person("Bo").id)
    for verb in (shadow_actions.start_shadow, shadow_actions.end_shadow):
        with pytest.raises(Forbidden):
            verb(integration_id=integration.pk, **(world.doing | {"by": by}))
    with pytest.raises(Invalid):
        shadow_actions.start_shadow(integration_id=integration.pk, hour=24, **world.doing)
    assert shadow_actions.end_shadow(integration_id=integration.pk, **world.doing) == []


@pytest.mark.django_db
def test_the_command_makes_lists_and_ends_silences(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    slug = world.brand.slug
    call_command("silence", "new", "--part", "sw2*", "--for", "2h", "--priority", "P3", "--brand", slug)
    row = Silence.objects.get()
    assert (row.until_at, row.priorities) == (world.at + 2 * HOUR, [3])
    call_command("silence", "list")
    call_command("silence", "end", str(row.pk), "--json")
    call_command("silence", "list")
    out = capsys.readouterr().out
    assert "sw2* · P3" in out
    assert out.endswith("Nothing is kept quiet.\n")
    with pytest.raises(Invalid):
        call_command("silence", "new", "--part", "sw2", "--for", "ever", "--brand", slug)
