"""Somebody new: beside those who know, told quietly of what wakes them, never alone, and signed off one day."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition
from nightdesk.channels.models import Message
from nightdesk.duty import actions as duty
from nightdesk.duty import pairings
from nightdesk.duty.models import Hold
from nightdesk.duty.pairing_actions import end_pairing, pair_newcomer
from nightdesk.duty.seat_actions import remove_seat
from nightdesk.journal.models import Entry
from nightdesk.paging import decide
from nightdesk.paging.actions import OnlyACopy, reassign_page
from nightdesk.people.models import Person
from nightdesk.people.skill_actions import begin_as_newcomer, sign_off_newcomer
from nightdesk.rota.actions import add_override, cancel_override, make_rota, set_layers, undo_layers
from nightdesk.rota.drafts import findings
from nightdesk.rota.import_actions import import_turns
from nightdesk.rota.models import Plan, Seat
from nightdesk.rota.newcomers import NewcomerAlone
from nightdesk.rota.plan_actions import publish_plan, set_draft_shift, set_shifts
from nightdesk.rota.queries import load_rota
from nightdesk.rota.seat_actions import add_seat
from nightdesk.rota.standby_actions import set_standby
from nightdesk.rota.swap_actions import accept_swap, ask_swap
from tests.world import World


@pytest.fixture
def crew(world: World) -> dict[str, Person]:
    """Bo holds the night; Al stands behind; Ny is new, and beside whoever has the night."""
    people = {name: world.person(name) for name in ("Bo", "Al", "Ny")}
    world.seat("night", people["Bo"])
    begin_as_newcomer(person_id=people["Ny"].id, **world.doing)
    world.escalate((0, "night"), (10, people["Al"]))
    return people


def _pair(world: World, newcomer: Person, **beside: Any) -> int:
    until = world.at + timedelta(days=14)
    made = pair_newcomer(newcomer_id=newcomer.id, starts_at=world.at, ends_at=until, **beside, **world.doing)
    return made.pk


def test_a_newcomer_has_a_silent_copy_and_their_phone_never_rings(world: World, crew: dict[str, Person]) -> None:
    mail = world.mail(crew["Ny"])
    _pair(world, crew["Ny"], seat_key="night")
    page = world.alarm("db down")
    world.phone(crew["Bo"]).got("db down")
    mail.got("Copy: P1 db down")
    assert not Message.objects.get(kind="page.copied").answers, "there is nothing in it to answer"
    world.minutes(10)
    world.phone(crew["Al"]).got("db down")
    mail.is_silent()  # one copy a page, however many it rings
    with pytest.raises(OnlyACopy):
        world.acknowledge(page, by=crew["Ny"])
    with pytest.raises(OnlyACopy):
        reassign_page(page_id=page.id, to_person_id=crew["Ny"].id, **world.doing)
    world.acknowledge(page, by=crew["Al"])
    seen = pairings.seen_by(crew["Ny"].id, world.at - timedelta(days=1), world.at + timedelta(minutes=1))
    assert [(one.what, one.subject[1]) for one in seen] == [("page", str(page.id))]


def test_beside_a_person_they_have_copies_wherever_that_one_is_rung(world: World, crew: dict[str, Person]) -> None:
    mail = world.mail(crew["Ny"])
    pairing = _pair(world, crew["Ny"], person_id=crew["Al"].id)
    page = world.alarm("db down")
    world.phone(crew["Bo"]).got("db down")
    mail.is_silent()
    world.minutes(10)
    world.phone(crew["Al"]).got("db down")
    mail.got("Copy: P1 db down")
    assert pairings.listeners([crew["Al"].id], world.at) == [crew["Ny"]], "and is brought into calls to listen"
    world.acknowledge(page, by=crew["Al"])
    end_pairing(pairing_id=pairing, **world.doing)
    assert pairings.listeners([crew["Al"].id], world.at) == []
    again = world.alarm("disk full")
    world.phone(crew["Bo"]).got("disk full")
    world.acknowledge(again, by=crew["Bo"])
    mail.is_silent()


def test_a_team_is_rung_without_its_newcomers(world: World, crew: dict[str, Person]) -> None:
    world.ladder(_team_step(world))
    page = world.alarm("db down")
    for name in ("Bo", "Al"):
        world.phone(crew[name]).got("db down")
    world.phone(crew["Ny"]).is_silent()
    world.acknowledge(page, by=crew["Bo"])
    sign_off_newcomer(person_id=crew["Ny"].id, **world.doing)
    page = world.alarm("disk full")
    for name in ("Bo", "Al", "Ny"):
        world.phone(crew[name]).got("disk full")
    assert world.acknowledge(page, by=crew["Ny"]).owner == crew["Ny"]


def _team_step(world: World) -> Any:
    return decide.Step(timedelta(0), (world.team_target(),))


@pytest.mark.parametrize("verb", ["pass", "take", "accept", "first"])
def test_a_newcomer_is_on_alone_by_no_verb(world: World, crew: dict[str, Person], verb: str) -> None:
    ny, doing = crew["Ny"], world.doing
    as_ny = {"by": Actor("person", str(ny.id), "Ny", grants=frozenset({(world.brand.id, "manager")})), "via": Door.WEB}

    def act() -> None:
        match verb:
            case "pass":
                duty.pass_duty(seat_key="night", to_person_id=ny.id, **doing)
            case "take":
                duty.take_duty(seat_key="night", at=world.at, **as_ny)  # type: ignore[arg-type]
            case "accept":
                _while_signed_off(world, ny, lambda: _turns_of(world, "night", ny))
                duty.accept_duty(seat_key="night", turn_at=world.at, person_id=ny.id, **doing)
            case "first":
                Hold.objects.filter(seat__key="night").delete()
                duty.set_first_holder(seat_key="night", person_id=ny.id, **doing)

    with pytest.raises(NewcomerAlone):
        act()
    make_rota(
        brand_id=world.brand.id,
        name="Behind",
        zone="Europe/London",
        seats=[{"key": "expert", "name": "Expert"}],
        **doing,
    )
    Seat.objects.filter(key="expert").update(behind=Seat.objects.get(key="night"))
    duty.set_first_holder(seat_key="expert", person_id=crew["Al"].id, **doing)
    act()
    assert Hold.objects.get(seat__key="night", until_at=None).person == ny


def test_the_plan_puts_no_newcomer_on_alone_either(world: World, crew: dict[str, Person]) -> None:
    """They were planned before anybody said that they are new."""
    layer = {"members": [{"person": crew["Ny"].id}], "anchor": "2026-03-03T03:00", "turn": "week"}
    _while_signed_off(world, crew["Ny"], lambda: set_layers(seat_key="night", layers=[layer], **world.doing))
    world.minutes(90)
    assert Hold.objects.get(seat__key="night", until_at=None).person == crew["Bo"], "who keeps it"
    world.phone(crew["Bo"]).got("still on duty")
    world.phone(crew["Ny"]).got("Your duty as Night has changed")  # and nothing that asks for an answer
    world.phone(crew["Al"]).got("Nobody has taken the duty as Night")


def _turns_of(world: World, seat_key: str, *members: Person) -> None:
    layer = {"members": [{"person": each.id} for each in members], "anchor": "2026-03-01T18:00", "turn": "day"}
    set_layers(seat_key=seat_key, layers=[layer], **world.doing)


def _while_signed_off(world: World, newcomer: Person, act: Callable[[], object]) -> None:
    sign_off_newcomer(person_id=newcomer.id, **world.doing)
    act()
    begin_as_newcomer(person_id=newcomer.id, **world.doing)


def _way(world: World, crew: dict[str, Person], way: str) -> Callable[[], object]:
    """What puts Ny on tomorrow, by that way of changing a plan, with all that comes before it done."""
    bo, ny, doing = crew["Bo"], crew["Ny"], world.doing
    start, end = world.at + timedelta(days=1), world.at + timedelta(days=2)
    span = {"seat_key": "night", "starts_at": start, "ends_at": end}
    match way:
        case "layers":
            return lambda: _turns_of(world, "night", bo, ny)
        case "undone layers":
            _while_signed_off(world, ny, lambda: _turns_of(world, "night", ny))
            _turns_of(world, "night", bo)
            entry = Entry.objects.filter(kind="rota.layers_set").latest("id")
            return lambda: undo_layers(entry_id=entry.id, **doing)
        case "added":
            return lambda: add_override(**span, kind="add", member_id=ny.id, **doing)
        case "in somebody's place":
            _turns_of(world, "night", bo)
            return lambda: add_override(**span, kind="replace", member_id=ny.id, instead_of_id=bo.id, **doing)
        case "a change taken back":
            _while_signed_off(world, ny, lambda: _turns_of(world, "night", ny))
            row = add_override(**span, kind="replace", member_id=bo.id, instead_of_id=ny.id, **doing)
            return lambda: cancel_override(override_id=row.pk, **doing)
        case "a swap":
            _turns_of(world, "night", bo)
            swap = ask_swap(**span, asked_id=ny.id, asked_by_id=bo.id, **doing)
            return lambda: accept_swap(swap_id=swap.pk, **doing)
        case "a file":
            rows = f"seat,person,starts_at,ends_at\nnight,Ny,{start.isoformat()},{end.isoformat()}\n"
            return lambda: import_turns(rota_id=_rota(), content=rows.encode(), **doing)
        case "a plan":
            shifts = [{"weekdays": [*range(7)], "opens": "20:00", "closes": "06:00"}]
            set_shifts(seat_key="night", team_id=world.team.id, shifts=shifts, **doing)
            day = start.date()
            plan = Plan.objects.create(
                rota_id=_rota(),
                number=1,
                starts_on=day,
                ends_on=day + timedelta(days=1),
                state="draft",
                made_at=world.at,
            )
            evening = datetime.combine(day, time(20), UTC)
            set_draft_shift(plan_id=plan.pk, seat_key="night", starts_at=evening, person_id=ny.id, **doing)
            assert any(one.blocks and "without anybody experienced" in one.text for one in findings(plan, world.at))
            return lambda: publish_plan(plan_id=plan.pk, override_reason="It must be", **doing)
    raise AssertionError(way)


def _rota() -> int:
    return Seat.objects.get(key="night").rota_id


WAYS = (
    "layers",
    "undone layers",
    "added",
    "in somebody's place",
    "a change taken back",
    "a swap",
    "a file",
    "a plan",
)


@pytest.mark.parametrize("way", WAYS)
def test_by_no_way_of_changing_a_plan_is_a_newcomer_on_alone(world: World, crew: dict[str, Person], way: str) -> None:
    act = _way(world, crew, way)
    before = load_rota(_rota())
    with pytest.raises(NewcomerAlone, match="nobody experienced would be on with them"):
        act()
    assert load_rota(_rota()) == before, "and nothing has changed"
    seats = [{"key": "expert", "name": "Expert"}]
    make_rota(brand_id=world.brand.id, name="Behind", zone="Europe/London", seats=seats, **world.doing)
    Seat.objects.filter(key="expert").update(behind=Seat.objects.get(key="night"))
    _turns_of(world, "expert", crew["Al"])
    act()
    with pytest.raises(NewcomerAlone):  # nor is whoever is on with them taken away
        _turns_of(world, "expert", crew["Ny"])
    world.hush()


@pytest.mark.parametrize("way", WAYS)
def test_a_seat_that_nobody_is_planned_for_is_no_company(world: World, crew: dict[str, Person], way: str) -> None:
    act = _way(world, crew, way)
    add_seat(rota_id=_rota(), name="Second", key="second", **world.doing)
    with pytest.raises(NewcomerAlone):
        act()
    week = {"members": [{"person": crew["Al"].id}], "anchor": "2026-03-01T18:00", "turn": "week"}
    office = week | {"restrict": [{"weekdays": [*range(7)], "opens": "09:00", "closes": "17:00"}]}
    set_layers(seat_key="second", layers=[office], **world.doing)
    with pytest.raises(NewcomerAlone):  # in the hours between two turns of Al's there is nobody either
        act()
    duty.set_first_holder(seat_key="second", person_id=crew["Al"].id, **world.doing)
    set_layers(seat_key="second", layers=[], **world.doing)
    act()  # Al has it, and nobody is planned to have it instead
    with pytest.raises(NewcomerAlone):
        set_layers(seat_key="second", layers=[office], **world.doing)
    world.hush()


@pytest.mark.parametrize("how", ["the seat is removed", "it stands behind no more", "another stands there"])
def test_no_seat_goes_that_a_newcomer_is_on_beside(world: World, crew: dict[str, Person], how: str) -> None:
    doing = world.doing
    seats = [{"key": "expert", "name": "Expert"}]
    make_rota(brand_id=world.brand.id, name="Behind", zone="Europe/London", seats=seats, **doing)
    make_rota(
        brand_id=world.brand.id, name="Third", zone="Europe/London", seats=[{"key": "third", "name": "Third"}], **doing
    )
    _turns_of(world, "expert", crew["Al"])
    set_standby(seat_key="night", standby_key="expert", **doing)
    _turns_of(world, "night", crew["Bo"], crew["Ny"])

    def act() -> None:
        if how == "the seat is removed":
            remove_seat(seat_key="expert", **doing)
        else:
            set_standby(seat_key="night", standby_key="third" if how == "another stands there" else None, **doing)

    with pytest.raises(NewcomerAlone):
        act()
    assert Seat.objects.get(key="expert", removed_at=None).behind == Seat.objects.get(key="night")
    _turns_of(world, "night", crew["Bo"])
    act()
    if how == "the seat is removed":  # and what was is no company
        with pytest.raises(NewcomerAlone):
            _turns_of(world, "night", crew["Bo"], crew["Ny"])
    world.hush()


def test_a_file_that_would_leave_a_newcomer_alone_says_so_before_it_is_taken(
    world: World, crew: dict[str, Person]
) -> None:
    rows = "seat,person,starts_at,ends_at\nnight,Ny,2026-03-04 18:00,2026-03-05 18:00\n"
    dry = import_turns(rota_id=_rota(), content=rows.encode(), dry_run=True, **world.doing)
    assert "nobody experienced would be on with them" in dry.blocked


def test_no_change_of_the_plan_puts_a_newcomer_on_alone(world: World, crew: dict[str, Person]) -> None:
    tomorrow = {"starts_at": world.at + timedelta(days=1), "ends_at": world.at + timedelta(days=2)}

    def put_on(person: Person) -> None:
        add_override(seat_key="night", kind="add", member_id=person.id, **tomorrow, **world.doing)

    def expert(person: Person) -> None:
        layer = {"members": [{"person": person.id}], "anchor": "2026-03-01T18:00", "turn": "week"}
        set_layers(seat_key="expert", layers=[layer], **world.doing)

    with pytest.raises(NewcomerAlone):
        put_on(crew["Ny"])
    seats = [{"key": "expert", "name": "Expert"}]
    make_rota(brand_id=world.brand.id, name="Behind", zone="Europe/London", seats=seats, **world.doing)
    Seat.objects.filter(key="expert").update(behind=Seat.objects.get(key="night"))
    nu = world.person("Nu")
    begin_as_newcomer(person_id=nu.id, **world.doing)
    expert(nu)
    with pytest.raises(NewcomerAlone):  # two newcomers are alone together
        put_on(crew["Ny"])
    expert(crew["Al"])
    put_on(crew["Ny"])
    world.hush()


def test_nobody_signs_themselves_off(world: World, crew: dict[str, Person]) -> None:
    ny = crew["Ny"]
    as_ny = Actor("person", str(ny.id), "Ny", grants=frozenset({(world.brand.id, "manager")}))
    with pytest.raises(IllegalTransition):
        sign_off_newcomer(person_id=ny.id, by=as_ny, via=Door.WEB, at=world.at)
