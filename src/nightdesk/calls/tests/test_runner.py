"""The process that runs calls: orders after the commit, adoption after its death, two at once, and what others ask of a call."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import reduce
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from nightdesk.access import actions as access
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.ids import uuid7
from nightdesk.calls import asking_actions, flow, running
from nightdesk.calls.locking import WITH, locked_call
from nightdesk.calls.models import Asking, Call, CallEvent, Leg, Line, Telephone
from nightdesk.calls.runner import Runner
from nightdesk.customers.models import Peer
from nightdesk.lines import exchange as line
from nightdesk.lines.exchange import Alive, Came, Gone, Heard, PickedUp, Ringing, Say
from nightdesk.people import actions as people

pytestmark = pytest.mark.django_db(transaction=True)

OURS, CALLER = "+442079460100", "+442079460777"
AT_MOST_S = 60.0


class Wire:
    """An exchange that only notes its orders; what it reports is told by the test."""

    def __init__(self, alive: Sequence[Alive] = (), *, hangs: bool = False) -> None:
        self.orders: list[tuple[UUID, line.Order]] = []
        self.heard: Heard | None = None
        self.connected = asyncio.Event()
        self._alive = alive
        self._hangs = hangs

    async def run(self, heard: Heard) -> None:
        self.heard = heard
        self.connected.set()
        await asyncio.Event().wait()

    async def carry_out(self, call: UUID, orders: Sequence[line.Order]) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        self.orders += [(call, order) for order in orders]

    async def alive(self) -> Sequence[Alive]:
        await self.connected.wait()
        return self._alive

    def reachable(self, telephones: Sequence[str]) -> Sequence[str]:
        return telephones

    def of(self, kind: type) -> list[line.Order]:
        return [order for _call, order in self.orders if isinstance(order, kind)]


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(AT_MOST_S):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.01)


@pytest.fixture
def al() -> int:
    """Al is signed in and has a telephone; the line is open round the clock."""
    at = clock.now()
    doing = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    brand = access.make_brand(name="Quayside", slug="quayside", **doing)
    somebody = people.make_person(name="Al", brand_id=brand.pk, **doing)
    team = people.make_team(brand_id=brand.pk, name="Engineers", **doing)
    people.set_team_members(team_id=team.pk, person_ids=[somebody.pk], manager_id=somebody.pk, **doing)
    people.note_sign_of_life(somebody.pk, at)
    Telephone.objects.create(person=somebody, name="al-desk")
    Line.objects.create(
        brand=brand, name="Support", numbers=[OURS], shown_number=OURS, pager_number="+442079460199", menu=[]
    )  # fmt: skip
    return somebody.pk


def in_loop(story: Callable[[], object]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def test_orders_go_out_after_the_commit_and_a_telephone_rings(al: int) -> None:
    async def story() -> None:
        wire = Wire()
        runner = Runner("wire", wire)
        works = asyncio.create_task(runner.run())
        await wire.connected.wait()
        assert wire.heard is not None
        call = uuid7()
        await wire.heard(call, Came("caller", OURS, CALLER))
        assert wire.of(line.Answer) == [line.Answer("caller")]
        kept = await CallEvent.objects.aget(call=call, number=1)
        assert kept.event["is"] == "Came"
        await _to_the_hunt(wire, call)
        ring = wire.of(line.Ring)[0]
        assert isinstance(ring, line.Ring)
        assert (ring.to, ring.show) == ("al-desk", "+442079460199")
        await wire.heard(call, Ringing(ring.leg))
        await wire.heard(call, PickedUp(ring.leg))
        assert wire.of(line.Join)
        leg = await Leg.objects.aget(call=call, name=ring.leg)
        assert None not in (leg.ringing_at, leg.picked_up_at, leg.accepted_at)
        assert leg.person_id == al
        await wire.heard(call, Gone("caller", "hung_up"))
        await until(lambda: Call.objects.get(pk=call).ended_as == "answered")
        works.cancel()

    in_loop(story)


def test_killed_between_event_and_orders_the_next_process_gives_them_again(al: int) -> None:
    call = uuid7()

    async def dies() -> None:
        wire = Wire(hangs=True)
        runner = Runner("wire", wire)
        works = asyncio.create_task(runner.run())
        await wire.connected.wait()
        assert wire.heard is not None
        coming = asyncio.create_task(wire.heard(call, Came("caller", OURS, CALLER)))
        await until(lambda: Call.objects.filter(pk=call, step=1).exists())
        coming.cancel()
        works.cancel()
        await asyncio.gather(coming, works, return_exceptions=True)
        assert wire.orders == []

    async def goes_on() -> None:
        wire = Wire([Alive(call, ["caller"], [])])
        works = asyncio.create_task(Runner("wire", wire).run())
        await until(lambda: wire.of(Say))
        assert wire.of(line.Answer) == [line.Answer("caller")]
        assert all(found == call for found, _order in wire.orders)
        # Its timers are armed again, from what was written.
        await until(lambda: Call.objects.get(pk=call).step > 1 or Call.objects.get(pk=call).state["timers"])
        works.cancel()

    in_loop(dies)
    in_loop(goes_on)


def test_a_call_that_the_exchange_no_longer_has_is_over_and_was_missed_or_abandoned(al: int) -> None:
    at = clock.now()
    call = running.take_call(exchange="wire", came=Came("caller", OURS, CALLER), at=at).call_id

    async def story() -> None:
        works = asyncio.create_task(Runner("wire", Wire()).run())
        await until(lambda: Call.objects.get(pk=call).ended_at)
        works.cancel()

    in_loop(story)
    assert Call.objects.get(pk=call).ended_as == "failed"
    assert not Leg.objects.filter(call=call, ended_at=None).exists()


def test_the_call_under_its_lock_is_as_django_reads_it(al: int) -> None:
    known, unknown = (
        running.take_call(exchange="wire", came=Came("caller", OURS, number), at=clock.now()).call_id
        for number in (CALLER, "")
    )
    peer = Peer.objects.create(brand=Line.objects.get().brand, name="Exchange", as_number=64500)
    Call.objects.filter(pk=known).update(peer=peer, person=al)
    for call_id in (known, unknown):
        with transaction.atomic():
            ours = locked_call(call_id)
        djangos = Call.objects.select_related(*WITH).get(pk=call_id)
        assert ours is not None
        assert model_to_dict(ours) == model_to_dict(djangos)
        with CaptureQueriesContext(connection) as asked:
            pairs = [(reduce(getattr, path.split("__"), call) for call in (ours, djangos)) for path in WITH]
            assert all(one == other for one, other in pairs)
        assert len(asked) == 0
    with transaction.atomic():  # while a later version's migration has run, and this process still does
        with connection.cursor() as cursor:
            for table in ("calls_call", "calls_line", "access_brand", "customers_customer"):
                cursor.execute(f"ALTER TABLE {table} ADD COLUMN later text DEFAULT 'x'")
        ours = locked_call(known)
        assert ours is not None
        assert (ours.line.brand.name, ours.peer) == (Line.objects.get().brand.name, peer)
        transaction.set_rollback(True)
    with transaction.atomic():
        assert locked_call(uuid7()) is None


def test_a_caller_is_answered_before_anybody_looks_who_it_is(al: int) -> None:
    at, call = clock.now(), uuid7()
    came: dict[str, Any] = {"exchange": "wire", "came": Came("caller", OURS, CALLER), "at": at, "call_id": call}
    with CaptureQueriesContext(connection) as asked:
        done = running.answer_call(**came)
    assert done.orders == (line.Answer("caller"),)
    # The line, the call, what was heard; BEGIN and COMMIT are not counted here.
    assert len([one for one in asked if "SAVEPOINT" not in one["sql"]]) <= 5, [one["sql"] for one in asked]
    again = running.answer_call(**came)
    assert (again.orders, CallEvent.objects.filter(call=call).count()) == (done.orders, 1)
    (name,) = done.timers
    begun = running.hear_event(call_id=call, event=flow.Due(name), at=at)
    assert any(isinstance(order, Say) for order in begun.orders)
    assert not any(isinstance(order, line.Answer) for order in begun.orders)
    assert running.hear_event(call_id=call, event=flow.Due(name), at=at).orders == ()


@pytest.mark.parametrize("event", [line.Key("caller", "1"), Gone("caller", "hung_up")], ids=["key", "gone"])
def test_what_is_heard_before_an_answered_call_has_begun_comes_after_the_beginning(al: int, event: flow.Event) -> None:
    at, call = clock.now(), uuid7()
    running.answer_call(exchange="wire", came=Came("caller", OURS, CALLER), at=at, call_id=call)
    done = running.hear_event(call_id=call, event=event, at=at, once="e1")
    heard = list(CallEvent.objects.filter(call=call).values_list("event__is", flat=True))
    assert heard == ["Came", "Came", type(event).__name__]
    assert not any(isinstance(order, line.HangUp) and order.leg == "caller" for order in done.orders)
    assert done.over == isinstance(event, Gone)
    assert any(isinstance(order, line.Ring) for order in done.orders) == (not done.over), "nobody is rung for nobody"


def test_killed_right_after_the_answer_with_the_caller_gone_the_call_ends(al: int) -> None:
    call = uuid7()
    running.answer_call(exchange="wire", came=Came("caller", OURS, CALLER), at=clock.now(), call_id=call)

    async def story() -> None:
        works = asyncio.create_task(Runner("wire", Wire()).run())
        await until(lambda: Call.objects.get(pk=call).ended_at)
        works.cancel()

    in_loop(story)
    assert Call.objects.get(pk=call).ended_as == "failed"


def test_killed_between_the_end_of_a_call_and_its_orders_nobody_stays_in_silence(al: int) -> None:
    at, calls = clock.now(), [uuid7(), uuid7()]
    for call in calls:
        running.answer_call(exchange="wire", came=Came("caller", OURS, CALLER), at=at, call_id=call)
    running.hear_event(call_id=calls[0], event=Gone("caller", "hung_up"), at=at)
    handed = CallEvent.objects.filter(call=calls[1])
    handed.update(orders=[{"is": "FallBack", "leg": "caller"}])
    Call.objects.filter(pk=calls[1]).update(ended_at=at, ended_as="failed")

    async def story() -> None:
        wire = Wire([Alive(call, ["caller"], []) for call in calls])
        works = asyncio.create_task(Runner("wire", wire).run())
        await until(lambda: len(wire.orders) >= 2)
        works.cancel()
        assert dict(wire.orders) == {calls[0]: line.HangUp("caller"), calls[1]: line.FallBack("caller")}

    in_loop(story)


def test_the_calls_of_another_exchange_are_left_alone(al: int) -> None:
    at = clock.now()
    call = running.take_call(exchange="twiml:1", came=Came("caller", OURS, CALLER), at=at).call_id

    async def story() -> None:
        wire = Wire()
        runner = Runner("wire", wire)
        works = asyncio.create_task(runner.run())
        await until(runner._adopted.is_set)
        assert wire.orders == []
        works.cancel()

    in_loop(story)
    assert Call.objects.get(pk=call).ended_at is None


def test_two_processes_that_hear_at_once_take_turns(al: int) -> None:
    """The row lock orders them: each event has its own number, and none is lost."""
    at = clock.now()
    call = running.take_call(exchange="wire", came=Came("caller", OURS, CALLER), at=at).call_id
    before = Call.objects.get(pk=call).step
    barrier = threading.Barrier(2)
    troubles: list[BaseException] = []

    def hears(digit: str) -> None:
        from django.db import connection

        try:
            barrier.wait(AT_MOST_S)
            for number in range(5):
                running.hear_event(
                    call_id=call,
                    event=line.Key("caller", digit),
                    at=at + timedelta(seconds=number),
                    once=f"{digit} {number}",
                )
        except BaseException as error:
            troubles.append(error)
        finally:
            connection.close()

    both = [threading.Thread(target=hears, args=(digit,)) for digit in "45"]
    for each in both:
        each.start()
    for each in both:
        each.join(AT_MOST_S)
    assert troubles == []
    numbers = list(CallEvent.objects.filter(call=call, number__gt=before).values_list("number", flat=True))
    assert numbers == list(range(before + 1, before + 11))


def test_what_another_process_asks_of_a_call_is_heard_at_once(al: int) -> None:
    async def story() -> None:
        wire = Wire()
        works = asyncio.create_task(Runner("wire", wire).run())
        await wire.connected.wait()
        assert wire.heard is not None
        call = uuid7()
        await wire.heard(call, Came("caller", OURS, CALLER))
        await _to_the_hunt(wire, call)
        ring = wire.of(line.Ring)[0]
        assert isinstance(ring, line.Ring)
        await wire.heard(call, PickedUp(ring.leg))
        doing = {"by": SCHEDULER, "via": Door.WEB, "at": clock.now()}
        await asyncio.to_thread(asking_actions.hang_up_call, call_id=call, **doing)
        await until(lambda: Call.objects.get(pk=call).ended_at)
        assert line.HangUp("caller") in wire.of(line.HangUp)
        await until(lambda: not Asking.objects.filter(heard_at=None).exists())
        works.cancel()

    in_loop(story)


async def _to_the_hunt(wire: Wire, call: UUID) -> None:
    """What the caller hears is over at once, and keys are not wanted, until somebody is rung."""
    assert wire.heard is not None
    done = 0
    async with asyncio.timeout(AT_MOST_S):
        while not wire.of(line.Ring):
            said = wire.of(Say)
            if len(said) > done:
                last = said[-1]
                assert isinstance(last, Say)
                done = len(said)
                await wire.heard(call, line.Said(last.leg, last.name))
                await wire.heard(call, line.Key("caller", "*"))
            await asyncio.sleep(0.01)


def test_a_timer_that_is_not_due_does_nothing(al: int) -> None:
    at = clock.now()
    call = running.take_call(exchange="wire", came=Came("caller", OURS, CALLER), at=at).call_id
    before = Call.objects.get(pk=call)
    assert before.state["timers"]
    for name in [*before.state["timers"], "no-such"]:
        done = running.hear_event(call_id=call, event=flow.Due(name), at=at)
        assert done.orders == ()
    assert Call.objects.get(pk=call).step == before.step
