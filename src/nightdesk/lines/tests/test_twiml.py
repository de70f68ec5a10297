"""Steps as TwiML, and what comes back about a leg."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from nightdesk.base.refusals import Invalid
from nightdesk.lines.leg import ENDED, Gather, HangUp, Pause, Play, Redirect, Say
from nightdesk.lines.twiml.document import document
from nightdesk.lines.twiml.events import STATES, read_event

any_text = st.text(max_size=60)


def test_the_document_is_the_one_that_the_providers_own_library_writes() -> None:
    theirs = VoiceResponse()
    gather = theirs.gather(input="dtmf", action="https://x.example/key?a=1&b=2", method="POST", num_digits=1, timeout=5)
    gather.pause(length=1)
    gather.say("P1 <db> & mail", language="en-GB", voice="Polly.Amy")
    theirs.play("https://x.example/beep.wav")
    theirs.redirect("https://x.example/again", method="POST")
    theirs.hangup()
    ours = document(
        [
            Gather("https://x.example/key?a=1&b=2", [Pause(1), Say("P1 <db> & mail", "en-GB", "Polly.Amy")], wait_s=5),
            Play("https://x.example/beep.wav"),
            Redirect("https://x.example/again"),
            HangUp(),
        ]
    )
    assert canonical(ours) == canonical(str(theirs))


def canonical(xml: str) -> str:
    return ElementTree.canonicalize(xml)


@given(any_text)
def test_whatever_is_said_the_document_can_be_read_and_says_no_other_verb(text: str) -> None:
    root = ElementTree.fromstring(document([Say(text), HangUp()]).encode())
    assert [verb.tag for verb in root] == ["Say", "Hangup"]
    assert list(root[0]) == []


def form(**fields: str) -> dict[str, list[str]]:
    return {name: [value] for name, value in {"CallSid": "CA1", **fields}.items()}


@pytest.mark.parametrize(
    ("fields", "state", "answered_by", "dead"),
    [
        ({"CallStatus": "ringing", "SequenceNumber": "1"}, "ringing", "", False),
        ({"CallStatus": "in-progress", "AnsweredBy": "human"}, "answered", "person", False),
        ({"CallStatus": "in-progress", "AnsweredBy": "machine_start"}, "answered", "machine", False),
        ({"CallStatus": "in-progress", "AnsweredBy": "machine_end_beep"}, "answered", "machine", False),
        ({"CallStatus": "in-progress", "AnsweredBy": "fax"}, "answered", "machine", False),
        ({"CallStatus": "in-progress", "AnsweredBy": "unknown"}, "answered", "unknown", False),
        ({"CallStatus": "no-answer", "SipResponseCode": "487"}, "no_answer", "", False),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, "failed", "", True),
        ({"CallStatus": "canceled", "SipResponseCode": "²"}, "cancelled", "", False),
    ],
)
def test_an_event_is_read(fields: dict[str, str], state: str, answered_by: str, dead: bool) -> None:
    event = read_event(form(**fields))
    assert (event.leg_id, event.state, event.answered_by, event.no_such_number) == ("CA1", state, answered_by, dead)


@pytest.mark.parametrize("fields", [{}, {"CallStatus": "dreaming"}, {"CallStatus": "ringing", "CallSid": ""}])
def test_what_cannot_be_read_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        read_event(form(**fields))


@given(st.dictionaries(st.sampled_from(["CallSid", "CallStatus", "Digits", "SequenceNumber", "CallDuration"]),
                       st.lists(any_text, max_size=2)))  # fmt: skip
def test_rubbish_is_read_or_refused_and_nothing_else(given_form: dict[str, list[str]]) -> None:
    try:
        event = read_event(given_form)
    except Invalid:
        return
    assert event.state in STATES.values()


def test_each_state_that_ends_a_leg_can_be_told() -> None:
    assert set(STATES.values()) >= ENDED
