"""Somebody new: beside those who know, told quietly of what wakes them, never alone, and signed off one day."""

from datetime import timedelta
from typing import Any

import pytest

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import IllegalTransition
from nightdesk.channels.models import Message
from nightdesk.duty import actions as duty
from nightdesk.duty import pairings
from nightdesk.duty.models import Hold
from nightdesk.duty.pairing_actions import end_pairing, pair_newcomer
from nightdesk.paging import decide
from nightdesk.paging.actions import OnlyACopy, reassign_page
from nightdesk.people.models import Person
from nightdesk.people.skill_actions import begin_as_newcomer, sign_off_newcomer
from nightdesk.rota.actions import add_override, make_rota, set_layers
from nightdesk.rota.models import Seat
from nightdesk.rota.newcomers import NewcomerAlone
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
                layer = {"members": [{"person": ny.id}], "anchor": "2026-03-02T18:00", "turn": "day"}
                set_layers(seat_key="night", layers=[layer], **doing)
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
    layer = {"members": [{"person": crew["Ny"].id}], "anchor": "2026-03-03T03:00", "turn": "week"}
    set_layers(seat_key="night", layers=[layer], **world.doing)
    world.minutes(90)
    assert Hold.objects.get(seat__key="night", until_at=None).person == crew["Bo"], "who keeps it"
    world.phone(crew["Bo"]).got("still on duty")
    world.phone(crew["Ny"]).got("Your duty as Night has changed")  # and nothing that asks for an answer
    world.phone(crew["Al"]).got("Nobody has taken the duty as Night")


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
