"""Calls at a provider by its signed web hooks: the same flow, whoever carries the call; hooks late, twice, forged or rubbish."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from django.conf import settings
from twilio.request_validator import RequestValidator

from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.files import keep_file, read_file
from nightdesk.base.ids import uuid7
from nightdesk.calls import running
from nightdesk.calls.models import Asking, Call, Line, Message
from nightdesk.calls.provider_links import sound_address
from nightdesk.calls.twiml_actions import Did, note_provider_work
from nightdesk.calls.twiml_models import TwimlLeg
from nightdesk.channels import provider_door
from nightdesk.channels.actions import save_route
from nightdesk.channels.models import Inbound
from nightdesk.lines import sound
from nightdesk.lines.twiml import program
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from tests.world import World
from tests.world import world as new_world

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
TOKEN = "the account's secret"
OURS, CALLER = "+442071838750", "+447700900999"
VOICE = {"Bo": "+447700900501", "Al": "+447700900502"}


class Provider:
    """The provider's side of one account: it asks, signs, and does what it is told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.route = save_route(
            channel="voice", driver="twilio_voice", name="line", config={"account_sid": "AC1", "from": OURS},
            secrets={"auth_token": TOKEN}, **world.doing,
        )  # fmt: skip
        self.worker = uuid7()
        self.sids = 0
        self.asked: list[str] = []
        self.at: dict[str, list[ElementTree.Element]] = {}

    def post(self, address: str, token: str = TOKEN, **form: str) -> Any:
        """A signed web hook; an address of ours, or its path."""
        path = address.removeprefix(settings.PUBLIC_URL)
        signature = RequestValidator(token).compute_signature(settings.PUBLIC_URL + path, form)
        return self.world.client.post(
            path, urlencode(form), content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": signature},
        )  # fmt: skip

    def rung(self, sid: str = "CA0", number: str = CALLER, called: str = OURS, **more: Any) -> Any:
        form = {"CallSid": sid, "From": number, "To": called, "CallStatus": "ringing", "AccountSid": "AC1"}
        return self._shown("caller", self.post(f"/providers/twilio/{self.route.pk}/line", **form, **more))

    def told(self, leg: str, what: str, turn: int | None = None, **form: str) -> Any:
        """The leg asks or tells that; of the document that it is at, or of an older one."""
        row = TwimlLeg.objects.get(name=leg)
        at = row.program["told"] if turn is None else turn
        path = f"/providers/twilio/{self.route.pk}/line/{row.call_id}/{leg}/{what}?n={max(at, 0)}"
        status = {"CallStatus": "in-progress"} | {"CallSid": row.sid or f"CA{leg}"}
        return self._shown(leg, self.post(path, **{**status, **form}))

    def _shown(self, leg: str, answer: Any) -> Any:
        if answer.status_code == 200 and answer.content:
            steps = list(ElementTree.fromstring(answer.content))
            if steps:
                self.at[leg] = steps
        return answer

    def works(self) -> list[str]:
        """Do what is due at the provider, as the worker tells it; "leg: what" of each."""
        did = []
        for row in leases.claim(TwimlLeg, "lines", 20, at=self.world.at, worker=self.worker):
            leg = program.Leg.from_json(row.program)
            done = []
            for what in program.to_do(leg):
                did.append(f"{row.name}: {what}")
                if what == "fetch":
                    wav = sound.tones((((440,), 1.0),), 3)
                    done += [Did(what, turn=t.turn, file=keep_file(wav)) for t in leg.takes if t.state == "told"]
                else:
                    done.append(Did(what, sid=f"CA{row.name}", turn=leg.turn))
            note_provider_work(
                leg_id=row.pk, attempt=row.attempt, did=done, by=SCHEDULER, via=Door.WORKER, at=self.world.at
            )
        return did

    def verbs(self, leg: str) -> list[str]:
        return [verb.tag for verb in self.at[leg]]

    def hears(self, leg: str) -> str:
        """All that is spoken in the leg's document."""
        return " ".join(say.text or "" for verb in self.at[leg] for say in verb.iter("Say"))


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with new_world(NOON) as made, clock.replaced_by(lambda: made.at):
        yield made
        made.hush()


@pytest.fixture
def provider(world: World) -> Provider:
    return Provider(world)


@pytest.fixture
def line(world: World) -> Line:
    """Bo has the day's seat, Al stands by; the line is open round the clock."""
    bo = engineer(world, "Bo")
    world.seat("day", bo)
    return Line.objects.create(
        brand=world.brand, name="Support", numbers=[OURS], shown_number=OURS, pager_number=OURS, day_seats=["day"],
        hours=None, consent="told",
    )  # fmt: skip


def engineer(world: World, name: str) -> Person:
    person = world.person(name)
    method = people.add_contact_method(person_id=person.pk, channel="voice", address=VOICE[name], **world.doing)
    people.confirm_contact_method(method_id=method.pk, **world.doing)
    return person


def call() -> Call:
    return Call.objects.get()


def until_rung(provider: Provider, world: World, leg: str = "e1") -> None:
    """The caller hears what there is to hear and presses nothing, until somebody is rung."""
    for _step in range(12):
        if TwimlLeg.objects.filter(name=leg).exists():
            return
        if provider.verbs("caller")[0] == "Gather" and provider.hears("caller"):
            provider.told("caller", "said")
        world.minutes(0.15)
    raise AssertionError(f"nobody is rung: {call().state}")


def test_a_call_is_answered_greeted_and_rings_an_engineer_who_accepts_by_key(provider, world, line):
    assert provider.rung().status_code == 200
    assert "Quayside" in provider.hears("caller")
    until_rung(provider, world)
    assert provider.works() == ["e1: place"]
    provider.told("e1", "status", CallStatus="ringing", SequenceNumber="1")
    provider.told("e1", "do")
    assert provider.verbs("e1") == ["Gather", "Redirect"]
    assert provider.hears("e1"), "who rings is whispered"
    provider.told("e1", "key", Digits="1")
    assert provider.verbs("e1") == ["Dial", "Redirect"]
    assert provider.works() == ["caller: push"]
    provider.told("caller", "do")
    assert provider.verbs("caller") == ["Dial", "Redirect"]
    rooms = {verb.text for leg in ("e1", "caller") for verb in provider.at[leg][0]}
    assert rooms == {str(call().pk)}
    assert call().answered_by == "engineer"
    provider.post(f"/providers/twilio/{provider.route.pk}/line/status", CallSid="CA0", CallStatus="completed")
    assert provider.works() == ["e1: end"]
    provider.told("e1", "status", CallStatus="completed", CallDuration="20")
    world.minutes(1)
    assert (call().ended_as, TwimlLeg.objects.filter(ended_at=None).count()) == ("answered", 0)


def test_the_same_ring_told_twice_is_one_call(provider, world, line):
    first = provider.rung()
    assert provider.rung().content == first.content
    assert Call.objects.count() == 1


def test_an_engineer_who_presses_nothing_does_not_take_the_call_and_a_late_key_changes_nothing(provider, world, line):
    provider.rung()
    until_rung(provider, world)
    provider.works()
    provider.told("e1", "status", CallStatus="ringing")
    provider.told("e1", "do")
    old = TwimlLeg.objects.get(name="e1").program["told"]
    world.minutes(2)
    assert "e1: end" in provider.works()
    events = call().events.count()
    provider.told("e1", "key", turn=old, Digits="1")
    assert (call().events.count(), call().answered_person) == (events, None)
    assert provider.verbs("e1") == ["Hangup"]


def test_a_hook_that_comes_again_and_one_that_comes_late_do_no_harm(provider, world, line):
    provider.rung()
    until_rung(provider, world)
    provider.works()
    for status in ("ringing", "ringing", "initiated", "busy", "ringing", "busy"):
        provider.told("e1", "status", CallStatus=status)
    kinds = [event.event["is"] for event in call().events.all() if event.event.get("leg") == "e1"]
    assert kinds == ["Ringing", "Gone"]


def to_the_recorder(provider: Provider, world: World) -> None:
    """Nobody can be rung: the caller is asked for a message."""
    provider.rung()
    for _step in range(60):
        if "Record" in provider.verbs("caller"):
            return
        provider.works()
        row = TwimlLeg.objects.get(name="caller")
        if row.program["doing"] == "say" and row.program["told"] == row.program["turn"]:
            provider.told("caller", "said")
        elif row.program["told"] < row.program["turn"] or row.program["doing"] == "record":
            provider.told("caller", "do")
        world.minutes(0.1)
    raise AssertionError(f"it never comes to the recorder: {call().state}")


def test_a_message_is_fetched_kept_and_handed_on_and_its_caller_is_let_go_after_it(provider, world, line):
    Line.objects.update(day_seats=["nobody"])
    to_the_recorder(provider, world)
    provider.told(
        "caller",
        "recorded",
        RecordingSid="RE0123456789",
        RecordingDuration="3",
        Digits="hangup",
        CallStatus="completed",
    )
    provider.post(f"/providers/twilio/{provider.route.pk}/line/status", CallSid="CA0", CallStatus="completed")
    assert provider.works() == ["caller: fetch"]
    world.minutes(1)
    message = Message.objects.get()
    assert message.recording is not None
    assert sound.measure(read_file(message.recording.digest)).seconds == pytest.approx(3)
    assert call().ended_at is not None
    world.hush()


def test_a_pin_is_kept_nowhere_among_what_the_provider_told(provider, world, line):
    provider.rung()
    provider.told("caller", "key", Digits="471199")
    kept = b" ".join(bytes(row.raw) for row in Inbound.objects.all())
    assert b"471199" not in kept
    assert b"Digits=..." in kept


def test_what_others_ask_of_a_call_is_heard_by_the_worker(provider, world, line, monkeypatch):
    from nightdesk.calls.twiml_actions import hear_provider_asking

    provider.rung()
    Asking.objects.create(
        exchange=call().exchange, call_id=call().pk, event={"is": "Asked", "what": "hang_up", "about": {}},
        asked_at=world.at,
    )  # fmt: skip
    assert hear_provider_asking(by=SCHEDULER, via=Door.WORKER, at=world.at)
    assert not hear_provider_asking(by=SCHEDULER, via=Door.WORKER, at=world.at)
    assert provider.works() == ["caller: end"]


def test_a_number_that_is_no_lines_is_left_to_the_providers_own_fall_back(provider, world, line):
    assert provider.rung(called="+442079460000").status_code == 404
    assert Call.objects.count() == 0


def test_a_forged_hook_does_nothing(provider, world, line):
    assert provider.rung(token="guess").status_code == 403
    assert Call.objects.count() == 0
    assert Inbound.objects.get().outcome == "forged"


def test_rubbish_is_kept_and_the_leg_asks_again(provider, world, line):
    provider.rung()
    assert provider.told("caller", "key", CallStatus="dreaming").status_code == 200
    assert provider.verbs("caller") == ["Pause", "Redirect"]
    assert "dreaming" in Inbound.objects.exclude(error="").get().error


def test_a_call_that_cannot_begin_is_answered_so_that_the_provider_falls_back(provider, world, line, monkeypatch):
    def broken(**_: Any) -> Any:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(running, "take_call", broken)
    assert provider.rung().status_code == 503
    assert "a fault of ours" in Inbound.objects.get().error


def test_a_provider_that_will_not_ring_a_number_makes_it_unreachable(provider, world, line):
    provider.rung()
    until_rung(provider, world)
    (row,) = leases.claim(TwimlLeg, "lines", 20, at=world.at, worker=provider.worker)
    did = [Did("place", refused="21211 no number", for_good=True)]
    note_provider_work(leg_id=row.pk, attempt=row.attempt, did=did, by=SCHEDULER, via=Door.WORKER, at=world.at)
    gone = [event.event for event in call().events.all() if event.event["is"] == "Gone"]
    assert [(event["leg"], event["why"]) for event in gone] == [("e1", "unreachable")]


def test_work_done_under_a_lease_that_is_lost_is_not_noted(provider, world, line):
    provider.rung()
    until_rung(provider, world)
    (row,) = leases.claim(TwimlLeg, "lines", 20, at=world.at, worker=provider.worker)
    did = [Did("place", sid="CAold")]
    note_provider_work(leg_id=row.pk, attempt=row.attempt - 1, did=did, by=SCHEDULER, via=Door.WORKER, at=world.at)
    assert TwimlLeg.objects.get(name="e1").sid == ""


def test_a_caller_whose_leaving_nobody_told_is_found_out(provider, world, line):
    provider.rung()
    world.minutes(2)
    due = leases.claim(TwimlLeg, "lines", 20, at=world.at + timedelta(minutes=2), worker=provider.worker)
    row = next(row for row in due if row.name == "caller")
    note_provider_work(
        leg_id=row.pk, attempt=row.attempt, did=[Did("look", event=None)], by=SCHEDULER, via=Door.WORKER, at=world.at
    )
    assert TwimlLeg.objects.get(name="caller").program["state"] == "completed"
    assert call().ended_at is not None


@pytest.mark.parametrize("name", ["ringing", "hold"])
def test_a_sound_is_given_to_whoever_has_its_address_and_to_nobody_else(provider, world, name):
    path = sound_address(provider.route.pk, name).removeprefix(settings.PUBLIC_URL)
    answer = world.client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (200, "audio/wav")
    assert sound.measure(answer.content).sound_s > 1
    forged = re.sub("[0-9a-f]{32}", "0" * 32, path)
    assert world.client.get(forged).status_code == 403


def test_a_stranger_who_asks_too_often_is_sent_away(provider, world, line, monkeypatch):
    monkeypatch.setattr(provider_door, "DOOR", Buckets(0.001, 2))
    assert [provider.rung(token="guess").status_code for _ in range(3)] == [403, 403, 429]
