"""A core outage: thirty customers ring within ten minutes, each hears what of theirs does not work, and nobody is rung."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from nightdesk.calls.models import Call, Leg, Line, Message
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact, Service
from nightdesk.knowledge import wording_actions as wording
from nightdesk.outages import actions as outages
from nightdesk.outages import part_actions as parts
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage
from nightdesk.outages.needs_text import Wanted
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.reports.phone_queries import reports_of
from tests.phone_calls import Caller, Exchange, Telephone
from tests.world import World

OURS = "+442079460100"
AL, BO = "+447700900200", "+447700900201"
BEGAN = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
OFFICE = [[["09:00", "17:00"]]] * 5 + [[], []]
SAYS = {
    "line": "Your {{ service }} is cut off.",
    "voice": "Nobody can ring you on your {{ service }}.",
    "web": "Visitors of your {{ service }} see nothing.",
}
NAMES = {"line": "internet line", "voice": "telephony", "web": "web shop"}
CUSTOMERS = 30


@dataclass
class Staged:
    """Al has the night and fixes it, Bo stands behind. Customer n buys the (n mod 3)rd service; Unaffected buys none of them."""

    line: Line
    al: Person
    bo: Person
    exchange: Exchange
    telephones: dict[str, Telephone]
    outage: Outage
    numbers: list[str] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    def rung(self) -> int:
        """How often a telephone of ours rang."""
        return sum(len(one.rang) for one in self.telephones.values())


@pytest.fixture
def staged(world: World) -> Staged:
    world.at = BEGAN - timedelta(hours=1)
    al, bo = world.person("Al"), world.person("Bo")
    world.seat("primary", al)
    world.seat("backup", bo)
    world.escalate((0, "primary"), (10, "backup"))
    for number, somebody in ((AL, al), (BO, bo)):
        method = people.add_contact_method(person_id=somebody.id, channel="voice", address=number, **world.doing)
        people.confirm_contact_method(method_id=method.id, **world.doing)
    week = {"name": "Line", "zone": "Europe/London", "week": OFFICE}
    hours = customers.make_hours(brand_id=world.brand.id, fields=week, **world.doing)  # type: ignore[arg-type]
    line = Line.objects.create(
        brand=world.brand,
        name="Support",
        numbers=[OURS],
        shown_number=OURS,
        pager_number="+442079460199",
        hours=hours,
        day_seats=["primary", "backup"],
        night_seats=["primary"],
    )
    core = parts.save_part(brand_id=world.brand.id, key="core-1", name="Core", kind="device", **world.doing)
    services = _services(world)
    numbers = [_customer(world, number, hours.pk, services[number % 3], core.key) for number in range(CUSTOMERS)]
    outage = outages.propose_outage(
        brand_id=world.brand.id, title="Core is down", parts={core.pk: int(Effect.DOWN)}, **world.doing
    )
    exchange = Exchange(world)
    telephones = {number: exchange.telephone(number, 2) for number in (AL, BO)}
    return Staged(line, al, bo, exchange, telephones, outage, numbers)


def _services(world: World) -> list[Service]:
    found = []
    for key, text in SAYS.items():
        one = customers.make_service(brand_id=world.brand.id, key=key, name=NAMES[key], **world.doing)
        wording.save_phrase(brand_id=world.brand.id, effect="down", text=text, service_id=one.pk, **world.doing)
        found.append(one)
    return found


def _customer(world: World, number: int, hours_id: int, service: Service, part: str) -> str:
    """One who is covered at night and may wake somebody; their telephone number."""
    made = customers.make_customer(brand_id=world.brand.id, name=f"Customer {number}", ref=f"C-{number}", **world.doing)
    customers.make_contract(
        customer_id=made.pk,
        name="Full",
        hours_id=hours_id,
        out_of_hours="full",
        may_wake=["P1", "P2"],
        valid_from=date(2020, 1, 1),
        targets={},
        **world.doing,
    )
    bought = customers.make_subscription(customer_id=made.pk, service_id=service.pk, label=f"N{number}", **world.doing)
    parts.save_needs(owner=("subscription", bought.pk), needs=[Wanted((part,))], **world.doing)
    contact = customers.make_contact(customer_id=made.pk, name=f"Caller {number}", email="", **world.doing)
    phone = f"+4420794605{number:02}"
    Contact.objects.filter(pk=contact.pk).update(phone=phone)
    return phone


def _speaks(world: World, staged: Staged) -> None:
    """It is an outage, Al fixes it, and everybody is told so."""
    doing = {**world.doing, "by": world.actor(staged.al)}
    outages.confirm_outage(outage_id=staged.outage.pk, lead_id=staged.al.pk, fixer_id=staged.al.pk, **world.doing)
    outages.write_update(
        outage_id=staged.outage.pk,
        state="investigating",
        texts={"en-gb": "A core router failed, and we are at work on it."},
        next_at=world.at + timedelta(minutes=30),
        **{**doing, "by": world.doing["by"]},
    )
    world.hush()


@pytest.mark.parametrize("hour", [4, 11], ids=["at night", "in hours"])
def test_thirty_callers_of_a_core_outage_hear_their_own_service_and_ring_nobody(
    world: World, staged: Staged, hour: int
) -> None:
    world.at = BEGAN.replace(hour=hour)
    _speaks(world, staged)
    for nth, number in enumerate(staged.numbers):
        caller = staged.exchange.rings(number, OURS)
        staged.callers.append(caller)
        _choose(staged.exchange, caller, nth)
    assert world.at - BEGAN.replace(hour=hour) <= timedelta(minutes=10)
    world.minutes(5)

    assert staged.telephones[AL].rang == []
    _each_heard_their_own(staged)
    calls = list(Call.objects.filter(line=staged.line).order_by("came_at"))
    assert len(calls) == CUSTOMERS
    assert all(call.ended_at is not None and call.heard_outage_at is not None for call in calls)
    assert all((call.heard_outage_at - call.came_at).total_seconds() < 5 for call in calls if call.heard_outage_at)
    assert not Leg.objects.filter(call__in=calls, person=staged.al).exists()
    assert {call.outage_id for call in calls} == {staged.outage.pk}
    _what_was_left_waits_for_others(world, staged, in_hours=hour == 11)
    _counted(world, staged, in_hours=hour == 11)


def _choose(exchange: Exchange, caller: Caller, nth: int) -> None:
    """Of ten two want texts, one leaves a message, one rings about something else; the others ring off, having heard it."""
    exchange.seconds(14)
    match nth % 10:
        case 1 | 2:
            exchange.presses(caller, "1")
        case 3:
            exchange.will_say(caller, 6)
            exchange.presses(caller, "3")
        case 4:
            exchange.will_say(caller, 6)
            exchange.presses(caller, "2")
            exchange.seconds(15)
            if exchange.joined.get(caller.call_id):
                exchange.rings_off(caller)
        case _:
            exchange.rings_off(caller)


def _each_heard_their_own(staged: Staged) -> None:
    for nth, caller in enumerate(staged.callers):
        own, *others = [list(SAYS)[(nth + step) % 3] for step in range(3)]
        assert caller.heard_that(SAYS[own].replace("{{ service }}", f"{NAMES[own]} N{nth}")), caller.heard
        assert caller.heard_that("A core router failed, and we are at work on it.")
        assert not any(caller.heard_that(NAMES[other]) for other in others), caller.heard


def _what_was_left_waits_for_others(world: World, staged: Staged, *, in_hours: bool) -> None:
    """Messages are there, and none of them paged anybody: at night that would be whoever is fixing."""
    left = Message.objects.filter(line=staged.line)
    said = staged.numbers[3::10] + ([] if in_hours else staged.numbers[4::10])
    assert {one.number for one in left} == set(said)
    assert not Page.objects.exists()
    # Who rings about something else is taken in hours, and told of at night, by whoever is not fixing it.
    assert staged.rung() == (3 if in_hours else 0)
    for number in [] if in_hours else range(4, CUSTOMERS, 10):
        world.phone(staged.bo).got(f"Call back owed: Caller {number}")


def _counted(world: World, staged: Staged, *, in_hours: bool) -> None:
    day = world.at.date()
    (report,) = reports_of([world.brand.pk], day, day, world.at)
    figures = report.figures
    assert (figures.calls, figures.told_outage) == (CUSTOMERS, CUSTOMERS)
    assert figures.told_rang_nobody == (CUSTOMERS - 3 if in_hours else CUSTOMERS)
    assert figures.woken == 0
    busiest = max(report.hours, key=lambda hour: hour.calls)
    assert (busiest.weekday, busiest.calls) == (1, CUSTOMERS)
