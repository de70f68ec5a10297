"""What people hear of the plan: a turn that comes sooner than they knew, a swap that waits for their word, how it ended."""

from datetime import timedelta
from typing import Any

import pytest

from nightdesk.base.actors import Door
from nightdesk.channels.actions import take_answer
from nightdesk.channels.models import Delivery
from nightdesk.duty.queries import who_is_on
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person
from nightdesk.rota import actions as rota
from nightdesk.rota.models import Rota, Swap
from nightdesk.rota.seat_actions import edit_rota
from nightdesk.rota.swap_actions import ask_swap, cancel_swap
from tests.world import World

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def nights(world: World, *people: Person) -> None:
    """They take turns of a day at 18:00; the first had last night, and hears nothing of how it is laid out."""
    world.seat("night", people[0])
    layer = {"members": [{"person": each.id} for each in people], "anchor": "2026-03-02T18:00", "turn": "day"}
    rota.set_layers(seat_key="night", layers=[layer], **world.doing)
    world.run_due()
    for phone in world.phones.values():
        phone.heard = len(phone.rang)


def at_six(world: World, days: int) -> Any:
    return world.at.replace(hour=18, minute=0) + days * DAY


def change(world: World, days: int, on: Person, off: Person, by: Any = None) -> None:
    span = {"starts_at": at_six(world, days), "ends_at": at_six(world, days + 1)}
    doing = world.doing | ({"by": by} if by is not None else {})
    rota.add_override(seat_key="night", kind="replace", member_id=on.id, instead_of_id=off.id, **span, **doing)
    world.run_due()


def ask(world: World, asker: Person, other: Person, days: int = 1, rule: str = "free") -> Swap:
    edit_rota(rota_id=Rota.objects.get().id, changes={"swaps": rule}, **world.doing)
    span = {"starts_at": at_six(world, days), "ends_at": at_six(world, days + 1)}
    swap = ask_swap(seat_key="night", asked_id=other.id, asked_by_id=asker.id, **span, **world.doing)
    world.run_due()
    return swap


def answers(world: World, person: Person, verb: str, swap: Swap) -> str:
    """The newest message of the swap to that person is answered from their telephone."""
    rows = Delivery.objects.filter(subject_kind="swap", subject_id=str(swap.pk), recipient_id=str(person.id))
    row = rows.latest("due_at")
    by = actor_of_person(person.id)
    said = take_answer(delivery_id=row.id, month=row.month, verb=verb, by=by, via=Door.SMS, at=world.at)
    world.run_due()
    return said


def test_both_hear_of_a_change_within_two_days_and_nobody_of_one_later(world: World) -> None:
    al, bo, cy = (world.person(name) for name in ("Al", "Bo", "Cy"))
    nights(world, al, bo, cy)  # tonight is Al's and Bo's from 18:00
    change(world, 0, on=cy, off=bo)
    world.phone(cy).got("You are on from Tue 3 Mar 18:00 until Wed 18:00")
    world.phone(bo).got("You are not on from Tue 3 Mar 18:00 until Wed 18:00; Cy is")
    change(world, 3, on=cy, off=bo)


def test_whoever_makes_the_change_is_not_told_of_it(world: World) -> None:
    al, bo, cy = (world.person(name) for name in ("Al", "Bo", "Cy"))
    nights(world, al, bo, cy)
    manager = actor_of_person(cy.id)
    by = type(manager)("person", str(cy.id), "Cy", grants=frozenset({(world.brand.id, "manager")}))
    change(world, 0, on=cy, off=bo, by=by)
    world.phone(bo).got("Cy changed the plan")


def test_a_swap_is_asked_and_settled_by_text_and_the_plan_follows(world: World) -> None:
    al, bo, cy = (world.person(name) for name in ("Al", "Bo", "Cy"))
    nights(world, al, bo, cy)
    swap = ask(world, cy, al)
    world.phone(al).got("Cy asks you to take Night")
    assert answers(world, al, "acknowledge", swap) == "Al takes Night from Cy."
    world.phone(cy).got("Swapped: Al has Night")
    (seat,) = who_is_on(at_six(world, 1) + HOUR, now=world.at)
    assert seat.person_id == al.id


def test_no_leaves_everything_as_it_was_and_the_asker_hears_it(world: World) -> None:
    al, bo, cy = (world.person(name) for name in ("Al", "Bo", "Cy"))
    nights(world, al, bo, cy)
    swap = ask(world, cy, al)
    world.phone(al).got("asks you")
    answers(world, al, "decline", swap)
    world.phone(cy).got("Al will not take Night")
    (seat,) = who_is_on(at_six(world, 1) + HOUR, now=world.at)
    assert seat.person_id == cy.id


def test_where_a_manager_approves_they_are_asked_and_both_hear_the_end(world: World) -> None:
    al, bo, cy = (world.person(name) for name in ("Al", "Bo", "Cy"))
    mo = world.person("Mo", manager=True)
    nights(world, al, bo, cy)
    swap = ask(world, cy, al, rule="approved")
    world.phone(al).got("asks you")
    assert answers(world, al, "acknowledge", swap) == "Al will take Night if a manager approves."
    world.phone(mo).got("Al would take Night from Cy")
    swap.refresh_from_db()
    assert swap.state == Swap.State.ACCEPTED


def test_a_swap_that_is_taken_back_or_that_nobody_answers_ends_and_is_told(world: World) -> None:
    al, bo, cy = (world.person(name) for name in ("Al", "Bo", "Cy"))
    nights(world, al, bo, cy)
    swap = ask(world, cy, al, days=4)
    world.phone(al).got("asks you")
    cancel_swap(swap_id=swap.pk, **world.doing)
    world.run_due()
    for person in (al, cy):
        world.phone(person).got("is off")
