"""The telephony provider, driven by the provider's own client library."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import VoiceResponse

from tests.peers.test_sms_provider import ToPeer
from tests.peers.voice_provider import BUSY, MAILBOX, TAKES_IT, Callee, Trouble, VoiceProvider

BO, US = "+447700900123", "+15005550006"


class Program:
    """Our side of the webhooks, in this very process: the documents that it answers, and what it was told."""

    def __init__(self) -> None:
        self.documents: dict[str, VoiceResponse] = {}
        self.got: list[tuple[str, dict[str, str]]] = []
        self.token = ""

    def post(self, address: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, str]:
        assert RequestValidator(self.token).validate(address, form, headers["X-Twilio-Signature"])
        path = urlsplit(address).path
        self.got.append((path, form))
        return 200, str(self.documents.get(path, VoiceResponse()))

    def statuses(self) -> list[str]:
        return [form["CallStatus"] for path, form in self.got if path == "/status"]


@pytest.fixture
def program() -> Program:
    made = Program()
    asked = VoiceResponse()
    gather = asked.gather(num_digits=1, action="http://us.example/key", timeout=5)
    gather.say("Press 1 & take it")
    asked.say("Nobody pressed.")
    asked.hangup()
    pressed = VoiceResponse()
    pressed.say("You have it.")
    pressed.redirect("http://us.example/bye")
    made.documents = {"/ask": asked, "/key": pressed}
    return made


@pytest.fixture
def provider(program) -> Iterator[VoiceProvider]:
    with VoiceProvider(by_hand=True, post=program.post) as provider:
        program.token = provider.auth_token
        yield provider
        assert provider.problems == []


@pytest.fixture
def client(provider) -> Client:
    return Client(provider.account_sid, provider.auth_token, http_client=ToPeer(provider.url))


def place(client: Client, **more):
    wanted = {
        "to": BO,
        "from_": US,
        "url": "http://us.example/ask",
        "status_callback": "http://us.example/status",
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        "timeout": 25,
        "machine_detection": "Enable",
    }
    return client.calls.create(**{**wanted, **more})


def test_the_library_places_a_call_that_is_answered_and_a_key_is_pressed(provider, client, program):
    placed = place(client)
    assert (placed.sid[:2], len(placed.sid), placed.status, placed.direction) == ("CA", 34, "queued", "outbound-api")
    call = provider.play(provider.calls.one(), TAKES_IT)
    assert (call.timeout_s, call.events) == (25, ("initiated", "ringing", "answered", "completed"))
    assert call.heard == ["Press 1 & take it", "You have it."]
    assert [path for path, _ in program.got if path != "/status"] == ["/ask", "/key", "/bye"]
    assert [form.get("AnsweredBy") for path, form in program.got if path == "/ask"] == ["human"]
    assert [form["Digits"] for path, form in program.got if path == "/key"] == ["1"]
    assert program.statuses() == ["initiated", "ringing", "in-progress", "completed"]
    assert client.calls(placed.sid).fetch().status == "completed"


def test_only_the_events_that_were_asked_for_are_told(provider, client, program):
    place(client, status_callback_event=["completed"])
    provider.play(provider.calls.one(), BUSY)
    assert program.statuses() == ["busy"]


def test_a_mailbox_is_told_from_a_person_where_that_is_asked_for(provider, client, program):
    place(client)
    provider.play(provider.calls.one(), MAILBOX)
    assert [form["AnsweredBy"] for path, form in program.got if path == "/ask"] == ["machine_start"]
    place(client, machine_detection=None)
    call = provider.play(provider.calls.all()[-1], MAILBOX)
    assert "AnsweredBy" not in program.got[-2][1]
    assert call.heard == ["Press 1 & take it", "Nobody pressed."]


def test_callbacks_may_come_backwards_and_twice(provider, client, program):
    place(client)
    provider.play(provider.calls.one(), Callee(presses=("1",), order="reversed"))
    assert program.statuses() == ["completed", "in-progress", "ringing", "initiated"]
    numbers = [form["SequenceNumber"] for path, form in program.got if path == "/status"]
    assert numbers == ["3", "2", "1", "0"]


def test_the_library_takes_a_ringing_call_back_and_not_one_that_is_over(provider, client, program):
    placed = place(client)
    assert client.calls(placed.sid).update(status="canceled").status == "canceled"
    provider.play(provider.calls.one(), Callee(presses=("1",), ring_s=30))
    assert program.statuses()[-1] == "canceled"
    with pytest.raises(TwilioRestException) as refused:
        client.calls(placed.sid).update(status="canceled")
    assert (refused.value.status, refused.value.code) == (400, 21220)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"to": "07700 900123"}, 21211), ({"from_": "+15005550001"}, 21210), ({"url": "nowhere"}, 21205),
     ({"status_callback": "nowhere"}, 21609), ({"timeout": 0}, 13230), ({"machine_detection": "Perhaps"}, 21244)],
)  # fmt: skip
def test_what_twilio_refuses_is_refused(provider, client, change, code):
    with pytest.raises(TwilioRestException) as refused:
        place(client, **change)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert provider.calls.all() == []


def test_trouble_is_as_scripted_and_a_wrong_log_in_is_401(provider, client):
    provider.trouble(Trouble("refuse", 429, 20429))
    with pytest.raises(TwilioRestException) as refused:
        place(client)
    assert (refused.value.status, refused.value.code) == (429, 20429)
    stranger = Client(provider.account_sid, "guess", http_client=ToPeer(provider.url))
    with pytest.raises(TwilioRestException) as refused:
        place(stranger)
    assert (refused.value.status, refused.value.code) == (401, 20003)
