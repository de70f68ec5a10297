"""Stories of a telephone that rings and reads a page: who picks up, what they press, and what follows."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.channels import actions as channels
from nightdesk.channels.models import Attempt, Delivery, Inbound
from nightdesk.console.contact_test import send_test
from nightdesk.console.views.stories import rail_events
from nightdesk.journal.models import Entry
from nightdesk.paging import queries
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from tests.peers.voice_provider import (
    BUSY,
    MAILBOX,
    NO_ANSWER,
    PASSES_ON,
    SILENT,
    TAKES_IT,
    Call,
    Callee,
    Trouble,
    VoiceProvider,
)
from tests.world import World

PAGER = "+447700900999"
RING = timedelta(seconds=25)
REDIAL = timedelta(seconds=30)


class Exchange:
    """The telephone network of a world: a provider in Twilio's dialect, and the route that leads to it."""

    def __init__(self, world: World, provider: VoiceProvider) -> None:
        self.world, self.provider = world, provider
        self.played: set[str] = set()
        self.route = self.add_route("telephone", provider)

    def add_route(self, name: str, provider: VoiceProvider, position: int = 0) -> int:
        return channels.save_route(
            channel="voice",
            driver="twilio_voice",
            name=name,
            position=position,
            config={"base_url": provider.url, "account_sid": provider.account_sid, "from": PAGER},
            secrets={"auth_token": provider.auth_token},
            **self.world.doing,
        ).id

    def person(self, name: str, language: str = "en-gb", *, manager: bool = False) -> Person:
        """Somebody of the team whom only the telephone rings."""
        somebody = self.world.person(name, manager=manager)
        number = f"+4477009002{len(self.world.phones):02d}"
        method = people.add_contact_method(person_id=somebody.id, channel="voice", address=number, **self.world.doing)
        people.confirm_contact_method(method_id=method.id, **self.world.doing)
        people.set_notify_rules(person_id=somebody.id, rules=[people.RuleWanted("high", method.id)], **self.world.doing)
        if language != "en-gb":
            people.edit_person(person_id=somebody.id, changes={"language": language}, **self.world.doing)
        return somebody

    def post(self, address: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, str]:
        parts = urlsplit(address)
        with clock.replaced_by(lambda: self.world.at):
            answer = self.world.client.post(
                f"{parts.path}?{parts.query}",
                urlencode(form),
                content_type="application/x-www-form-urlencoded",
                headers={"X-Twilio-Signature": headers["X-Twilio-Signature"]},
            )
        return answer.status_code, answer.content.decode()

    def ringing(self, person: Person) -> list[Call]:
        """Calls to that person that nobody has let happen yet."""
        number = person.contact_methods.get(channel="voice").address
        return [call for call in self.provider.calls_to(number) if call.sid not in self.played]

    def let(self, person: Person, callee: Callee, after: timedelta = timedelta(seconds=5)) -> Call:
        """The telephone has rung for so long when this happens; what follows at once is done."""
        (call,) = self.ringing(person)
        self.world.minutes(after / timedelta(minutes=1))
        self.played.add(call.sid)
        self.provider.play(call, callee)
        self.world.run_due()
        assert {status for _, status in self.provider.answers} == {200}
        return call


@pytest.fixture
def exchange(world: World) -> Iterator[Exchange]:
    with VoiceProvider(by_hand=True, numbers=(PAGER,)) as provider:
        made = Exchange(world, provider)
        provider.post = made.post
        yield made
        assert provider.problems == []
        for phone in world.phones.values():
            assert phone.rang == [], "nobody here is texted"


def delivery(person: Person) -> Delivery:
    return Delivery.objects.filter(recipient_id=str(person.id), channel="voice").latest("created_at")


def story(person: Person) -> list[str]:
    """What became of each call, in words."""
    return list(
        Attempt.objects.filter(delivery_id=delivery(person).id, is_receipt=True)
        .order_by("at", "id")
        .values_list("reason", flat=True)
    )


def test_the_page_is_read_and_key_one_takes_it(exchange: Exchange, world: World) -> None:
    bo, al = exchange.person("Bo"), exchange.person("Al")
    world.escalate((0, bo), (10, al))
    page = world.alarm("Core router at Mill Lane does not answer")
    (ringing,) = exchange.ringing(bo)
    assert (ringing.from_, ringing.timeout_s, ringing.detects) == (PAGER, 25, True)
    call = exchange.let(bo, TAKES_IT)
    assert call.heard[0].startswith(
        f"Page {' '.join(page.code)} from Nightdesk. P1. Core router at Mill Lane does not answer. "
        "Press 1 to take it, 2 to pass it on"
    )
    assert call.heard[1] == "You have it: Core router at Mill Lane does not answer."
    assert call.said[0]["language"] == "en-GB"
    taken = world.page(page.id)
    assert (taken.state, taken.owner) == (Page.State.ACKNOWLEDGED, bo)
    assert Entry.objects.get(kind="page.acknowledged").via == Door.PHONE
    assert (delivery(bo).state, story(bo)) == ("delivered", ["key 1"])
    world.minutes(14)
    assert exchange.ringing(al) == []
    assert len(exchange.provider.calls.all()) == 1


def test_key_two_wakes_the_next_at_once(exchange: Exchange, world: World) -> None:
    bo, al = exchange.person("Bo"), exchange.person("Al")
    world.escalate((0, bo), (10, al))
    page = world.alarm("db down")
    call = exchange.let(bo, PASSES_ON)
    assert call.heard[1] == "The next is being woken for db down."
    assert len(exchange.ringing(al)) == 1
    assert delivery(bo).state == "delivered"
    exchange.let(al, TAKES_IT)
    assert world.page(page.id).owner == al


@pytest.mark.parametrize(
    ("callee", "after", "why"),
    [
        (NO_ANSWER, RING, "no answer"),
        (BUSY, timedelta(0), "busy"),
        (Callee("failed"), timedelta(0), "the call could not be put through"),
        (MAILBOX, RING, "a mailbox answered"),
        (SILENT, timedelta(seconds=10), "answered, and no key pressed"),
        (Callee(hangs_up_at=1), timedelta(seconds=10), "answered, and no key pressed"),
        (Callee(presses=("9", "9", "9")), timedelta(seconds=10), "answered, and no key pressed"),
    ],
    ids=["no answer", "busy", "failed", "mailbox", "presses nothing", "hangs up", "wrong keys"],
)
@pytest.mark.parametrize("order", ["right", "reversed", "twice"])
def test_a_call_in_which_nobody_was_reached_is_made_again_after_half_a_minute(
    exchange: Exchange, world: World, callee: Callee, after: timedelta, why: str, order: str
) -> None:
    bo = exchange.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("db down")
    exchange.let(bo, Callee(callee.does, callee.presses, hangs_up_at=callee.hangs_up_at, order=order), after)
    row = delivery(bo)
    assert (row.state, row.delivered_at, row.due_at) == ("failed_for_now", None, world.at + REDIAL)
    assert story(bo) == [why]
    assert world.page(page.id).state == Page.State.TRIGGERED
    world.minutes(0.49)
    assert exchange.ringing(bo) == []
    world.minutes(0.01)
    exchange.let(bo, TAKES_IT)
    assert delivery(bo).state == "delivered"


def test_a_mailbox_is_not_told_the_page(exchange: Exchange, world: World) -> None:
    bo = exchange.person("Bo")
    world.escalate((0, bo))
    world.alarm("db down")
    call = exchange.let(bo, MAILBOX)
    assert call.heard == []
    world.minutes(0.5)
    exchange.let(bo, TAKES_IT)


def test_whoever_says_nothing_hears_it_three_times_and_then_that_it_rings_again(
    exchange: Exchange, world: World
) -> None:
    bo = exchange.person("Bo")
    world.escalate((0, bo))
    world.alarm("db down")
    call = exchange.let(bo, SILENT)
    assert [("db down" in words) for words in call.heard] == [True, True, True, False]
    assert "rung again" in call.heard[-1]
    world.minutes(0.5)
    call = exchange.let(bo, Callee(presses=("", "7", "1")))
    assert ["not known here" in words for words in call.heard] == [False, False, True, False, False]
    assert call.heard[-1].startswith("You have it")


def test_after_the_redials_the_next_route_rings_and_then_the_delivery_has_failed(
    exchange: Exchange, world: World
) -> None:
    with VoiceProvider(by_hand=True, numbers=(PAGER,), post=exchange.post) as second:
        exchange.add_route("second", second, position=1)
        bo, al = exchange.person("Bo"), exchange.person("Al")
        world.escalate((0, bo), (30, al))
        began_at = world.at
        world.alarm("db down")
        for _ in range(4):
            exchange.let(bo, NO_ANSWER, RING)
            world.minutes(0.5)
        assert exchange.ringing(bo) == []
        at_second = second.calls.one()
        assert world.at - began_at == 4 * (RING + REDIAL)
        for _ in range(4):
            (call,) = [call for call in second.calls.all() if not call.ended.is_set()]
            world.minutes(RING / timedelta(minutes=1))
            second.play(call, BUSY)
            world.run_due()
            world.minutes(0.5)
        assert at_second.to == bo.contact_methods.get(channel="voice").address
        assert (delivery(bo).state, delivery(bo).reason) == ("failed", "busy")
        assert len(second.calls.all()) == len(exchange.provider.calls.all()) == 4
        assert exchange.ringing(al) == [], "the ladder rings the next in its own time"


def test_taken_elsewhere_the_ringing_stops(exchange: Exchange, world: World) -> None:
    bo, al = exchange.person("Bo"), exchange.person("Al")
    world.escalate((0, bo))
    page = world.alarm("db down")
    (call,) = exchange.ringing(bo)
    world.acknowledge(page, by=al)
    assert call.cancelled.is_set(), "Bo's telephone stops"
    assert world.page(page.id).owner == al
    exchange.let(bo, TAKES_IT, timedelta(0))
    assert (delivery(bo).ended_at is not None, delivery(bo).delivered_at) == (True, None)
    world.minutes(14)
    assert exchange.ringing(bo) == []


def test_who_picks_up_too_late_hears_who_has_it(exchange: Exchange, world: World) -> None:
    bo, al = exchange.person("Bo"), exchange.person("Al")
    world.escalate((0, bo))
    page = world.alarm("db down")
    (call,) = exchange.ringing(bo)
    call.status = "in-progress"  # picked up in that very moment, so it cannot be taken back
    world.acknowledge(page, by=al)
    assert not call.cancelled.is_set()
    exchange.let(bo, TAKES_IT, timedelta(0))
    assert call.heard[0] == "db down: Al took it at 02:00."
    assert world.page(page.id).owner == al


def test_key_one_after_somebody_else_took_it_is_told_who(exchange: Exchange, world: World) -> None:
    bo, al = exchange.person("Bo"), exchange.person("Al")
    world.escalate((0, bo))
    page = world.alarm("db down")
    (call,) = exchange.ringing(bo)
    status, document = exchange.provider.ask(call, call.url, {"CallStatus": "in-progress", "AnsweredBy": "human"})
    assert (status, "Press 1" in document) == (200, True)
    call.status = "in-progress"
    world.acknowledge(page, by=al)
    status, document = exchange.provider.ask(call, call.url.replace("/voice?", "/voice/key?"), {"Digits": "1"})
    assert "Al took it at 02:00." in document
    assert world.page(page.id).owner == al
    exchange.played.add(call.sid)


def test_a_key_that_is_told_twice_is_acted_on_once_and_says_the_same(exchange: Exchange, world: World) -> None:
    bo, al, mo = exchange.person("Bo"), exchange.person("Al"), exchange.person("Mo")
    world.escalate((0, bo), (10, al), (10, mo))
    world.alarm("db down")
    (call,) = exchange.ringing(bo)
    call.status = "in-progress"
    key_at = call.url.replace("/voice?", "/voice/key?")
    first = exchange.provider.ask(call, key_at, {"Digits": "2"})
    again = exchange.provider.ask(call, key_at, {"Digits": "2"})
    assert first == again
    world.run_due()
    assert (len(exchange.ringing(al)), len(exchange.ringing(mo))) == (1, 0)
    exchange.played.add(call.sid)
    exchange.let(al, TAKES_IT)


def test_a_forged_key_does_nothing(exchange: Exchange, world: World) -> None:
    bo = exchange.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("db down")
    (call,) = exchange.ringing(bo)
    for path in ("/voice?", "/voice/key?", "/voice/status?"):
        form = {"Digits": "1", "CallStatus": "completed"}
        status, document = exchange.provider.ask(call, call.url.replace("/voice?", path), form, token="guess")
        assert (status, "db down" in document) == (403, False)
    exchange.provider.answers.clear()
    assert world.page(page.id).state == Page.State.TRIGGERED
    assert Inbound.objects.filter(outcome="forged").count() == 3
    exchange.let(bo, TAKES_IT)


def test_every_digit_and_status_is_kept_as_it_came(exchange: Exchange, world: World) -> None:
    bo = exchange.person("Bo")
    world.escalate((0, bo))
    world.alarm("db down")
    exchange.let(bo, Callee(presses=("7", "1")))
    raws = [bytes(raw).decode() for raw in Inbound.objects.order_by("id").values_list("raw", flat=True)]
    assert [digit for digit in ("7", "1") if any(f"Digits={digit}" in raw for raw in raws)] == ["7", "1"]
    for status in ("initiated", "ringing", "in-progress", "completed"):
        assert any(f"CallStatus={status}" in raw for raw in raws)


def test_a_provider_that_refuses_is_followed_by_the_next_at_once(exchange: Exchange, world: World) -> None:
    with VoiceProvider(by_hand=True, numbers=(PAGER,), post=exchange.post) as second:
        exchange.add_route("second", second, position=1)
        bo = exchange.person("Bo")
        world.escalate((0, bo))
        exchange.provider.trouble(Trouble("broken"))
        world.alarm("db down")
        assert exchange.ringing(bo) == []
        second.play(second.calls.one(), TAKES_IT)
        assert delivery(bo).state == "delivered"


def test_a_telephone_that_speaks_french_names_the_voice_so(exchange: Exchange, world: World) -> None:
    bo = exchange.person("Bo", "fr")
    world.escalate((0, bo))
    world.alarm("db down")
    assert exchange.let(bo, TAKES_IT).said[0]["language"] == "fr-FR"


def test_the_story_tells_each_call(exchange: Exchange, world: World) -> None:
    bo = exchange.person("Bo")
    world.escalate((0, bo))
    page = world.alarm("db down")
    exchange.let(bo, NO_ANSWER, RING)
    world.minutes(0.5)
    exchange.let(bo, MAILBOX)
    world.minutes(0.5)
    exchange.let(bo, TAKES_IT)
    events = rail_events(queries.story(page.id), world.at)
    told = [(event["text"], event["detail"]) for event in reversed(events) if "telephone" in event["detail"]]
    heard = [(text, detail) for text, detail in told if "dialled" not in text]
    assert heard == [
        ("Ring Bo: not reached", "telephone · 25.0 s · no answer"),
        ("Ring Bo: not reached", "telephone · 5.0 s · a mailbox answered"),
        ("Ring Bo: answered", "telephone · 5.0 s · key 1"),
    ]
    assert len(told) == 6, "each was dialled first"


def test_a_test_call_is_confirmed_by_key_one(exchange: Exchange, world: World) -> None:
    bo = exchange.person("Bo")
    number = people.add_contact_method(person_id=bo.id, channel="voice", address="+447700900299", **world.doing)
    send_test(number, **world.doing)
    world.run_due()
    (placed,) = exchange.provider.calls_to("+447700900299")
    call = exchange.provider.play(placed, TAKES_IT)
    assert call.heard[0] == "This is Nightdesk. This is a test of your pages. Press 1 to confirm."
    assert call.heard[1] == "Thank you. This address works."
    number.refresh_from_db()
    assert number.verified_at == world.at
