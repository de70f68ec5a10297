"""The same stories over a provider that speaks Twilio's language: signed web hooks, real telephones, real audio.

The provider is `tests.peers.twiml_peer` on an Asterisk of its own; `nightdesk web` takes its web hooks, a worker tells it
what to do.
"""

import os
from collections.abc import Iterator

import pytest

from nightdesk.base.files import read_file
from nightdesk.calls.asking_actions import call_back
from nightdesk.calls.divert_actions import check_divert
from nightdesk.calls.models import DivertCheck, Message
from nightdesk.calls.twiml_models import TwimlLeg
from nightdesk.channels.actions import save_route
from nightdesk.people.queries import actor_of_person
from tests.peers.twiml_peer import Number, TwimlPeer
from tests.phone.company import MAIN_NUMBER
from tests.phone.provider import (
    ACME,
    MOBILES,
    SAME,
    Story,
    both_talk,
    engineers,
    is_whole,
    now,
    press_until,
    recording_since,
    shared,
)
from tests.phone.switch import AsteriskSwitch
from tests.phone.telephone import likeness, read_wav, speech_like
from tests.requires import requires
from tests.system.stack import until

pytestmark = [requires("asterisk", "baresip", "espeak-ng", "sox"), pytest.mark.django_db(transaction=True)]

PUBLIC, OUTSIDE = "+442079460777", "+33970000001"


def test_the_second_engineer_takes_the_call_by_key_and_both_hear_each_other(story: Story) -> None:
    engineers(story, joins_s=[3, 30])
    first = story.telephone(MOBILES["Al"])
    second = story.telephone(MOBILES["Bo"], says=speech_like(60, 1))
    caller = story.telephone(ACME, says=speech_like(60, 2))
    caller.dial(MAIN_NUMBER)
    first.wait("CALL_INCOMING", seconds=30)
    second.wait("CALL_INCOMING")
    second.accept()
    call = story.company.call(ACME)
    until(lambda: now(call).state.get("legs", {}).get("e2") == "asked", 20, "Bo is asked for a key")
    assert story.said_to(MOBILES["Bo"]), "who rings is whispered"
    assert now(call).answered_person is None
    second.press("1")
    story.company.reaches(call, "talk")
    first.wait("CALL_CLOSED")
    both_talk(story, 10)
    caller.hang_up()
    second.wait("CALL_CLOSED")
    call = story.company.ended(call)
    assert (call.ended_as, call.answered_person and call.answered_person.name) == ("answered", "Bo")
    assert shared(second.said, caller.heard()) >= SAME
    assert shared(caller.said, second.heard()) >= SAME


def test_who_rings_about_a_known_outage_hears_it_and_rings_nobody(story: Story) -> None:
    people = [story.company.engineer(name, mobile=MOBILES[name]) for name in ("Al", "Bo")]
    story.company.line(people)
    acme = story.company.customer("Acme", ACME)
    story.company.outage(acme, text="The switch in Dock Street is down. A spare is on its way.")
    telephones = [story.telephone(MOBILES[name]) for name in ("Al", "Bo")]
    caller = story.telephone(ACME)
    caller.dial(MAIN_NUMBER)
    call = story.company.call(ACME)
    story.company.reaches(call, "status")
    until(lambda: any("A spare is on its way" in text for text in story.said_to(ACME)), 30, "it is said")
    text = next(text for text in story.said_to(ACME) if "A spare is on its way" in text)
    until(lambda: len(story.said_to(ACME)) > story.said_to(ACME).index(text) + 1, 30, "it was heard out")
    caller.press("1")
    call = story.company.ended(call, 60)
    spoken = read_wav(story.peer.do(story.peer.switch.speak(text, "en-GB")))
    assert likeness(spoken, caller.heard()) >= SAME
    assert (call.ended_as, call.legs.count()) == ("heard_outage", 0)
    assert call.heard_outage_at is not None
    assert (call.heard_outage_at - call.came_at).total_seconds() < 5
    assert [telephone.saw("CALL_INCOMING") for telephone in telephones] == [[], []]


def test_a_message_is_kept_word_for_word_and_its_caller_is_rung_back(story: Story) -> None:
    al = story.company.engineer("Al", mobile=MOBILES["Al"])
    story.company.line([], consent="told")
    story.company.customer("Acme", ACME)
    said = speech_like(60, 5)
    caller = story.telephone(ACME, says=said)
    caller.dial(MAIN_NUMBER)
    call = story.company.call(ACME)
    until(lambda: TwimlLeg.objects.get(call=call).program["doing"] == "record", 60, "it records")
    until(lambda: recording_since(story, 6), 30, "they speak")
    press_until(caller, "#", lambda: now(call).state["stage"] == "review")
    until(lambda: any("keep it" in text for text in story.said_to(ACME)), 30, "they are asked whether to keep it")
    caller.press("1")
    story.company.ended(call)
    message = story.company.message()
    assert (message.kind, message.number) == (Message.Kind.MESSAGE, ACME)
    assert message.recording is not None
    kept = read_wav(read_file(message.recording.digest))
    assert shared(said, kept[4000:]) >= SAME
    assert story.peer.recordings == {}, "the provider keeps nothing of it"

    engineer = story.telephone(MOBILES["Al"], answers="auto", says=speech_like(60, 6))
    ringing = story.telephone(ACME, says=speech_like(60, 7))
    back = call_back(message_id=message.pk, **(story.company.doing | {"by": actor_of_person(al.pk)}))
    until(lambda: now(back).state.get("legs", {}).get("e1") == "asked", 30, "Al is asked for a key")
    engineer.press("1")
    ringing.wait("CALL_INCOMING", seconds=30)
    assert MAIN_NUMBER.removeprefix("+") in ringing.saw("CALL_INCOMING")[0]["peeruri"]
    ringing.accept()
    story.company.reaches(back, "talk")
    both_talk(story, 10)
    ringing.hang_up()
    until(lambda: any("solved" in text for text in story.said_to(MOBILES["Al"])), 30, "Al is asked how it went")
    engineer.press("1")
    story.company.ended(back)
    for telephone in (engineer, ringing):
        telephone.wait("CALL_CLOSED")
        until(lambda heard=telephone.heard: is_whole(heard), 10, "what it heard is written")
    assert shared(ringing.said, engineer.heard()) >= SAME
    assert shared(engineer.said, ringing.heard()) >= SAME
    message.refresh_from_db()
    assert (message.reached_by, "solved" in message.outcome) == (al, True)


@pytest.fixture
def outside(story: Story) -> Iterator[AsteriskSwitch]:
    """A second provider, which rings our public number; the test says where that leads."""
    switch = AsteriskSwitch(story.carrier, {}, "outside")
    with TwimlPeer(switch, account_sid="AC" + "8" * 32, auth_token="the second provider's") as peer:
        save_route(
            channel="voice", driver="twilio_voice", name="second",
            config={"account_sid": peer.account_sid, "from": OUTSIDE, "base_url": peer.url},
            secrets={"auth_token": peer.auth_token}, **story.company.doing,
        )  # fmt: skip
        peer.numbers = {OUTSIDE: Number("http://127.0.0.1:9/")}
        yield switch
        if os.environ.get("NIGHTDESK_KEEP_PHONE"):
            print([(hook[0], hook[1].get("CallStatus"), hook[2]) for hook in peer.hooks], peer.problems)
        assert peer.problems == []
        assert peer.recordings == {}


@pytest.mark.parametrize(
    ("leads_to", "heard", "trouble"),
    [
        (f"PJSIP/anonymous/sip:{MAIN_NUMBER}@127.0.0.1:SIP", True, ""),
        (None, False, "The number could not be reached. SIP 480 The ring did not come to us."),
        (f"PJSIP/{MOBILES['Al'].removeprefix('+')}", False,
         "Something answered, and it was not our greeting. The ring did not come to us."),
    ],
    ids=["right", "nowhere", "somebody else"],
)  # fmt: skip
def test_the_divert_is_rung_from_outside(
    story: Story, outside: AsteriskSwitch, leads_to: str | None, heard: bool, trouble: str
) -> None:
    line = story.company.line(
        [story.company.engineer("Bo", mobile=MOBILES["Bo"])], numbers=[PUBLIC, MAIN_NUMBER], divert_from=OUTSIDE
    )
    engineer = story.telephone(MOBILES["Bo"])
    somebody = story.telephone(MOBILES["Al"], answers="auto", says=speech_like(8, 9))
    if leads_to is not None:
        outside.telephones[PUBLIC] = leads_to.replace(":SIP", ":" + str(story.carrier.sip)) if heard else leads_to
    check = check_divert(line_id=line.pk, **story.company.doing)
    if leads_to is not None and not heard:
        somebody.wait("CALL_ESTABLISHED")
        until(lambda: recording_since(story, 4), 20, "they say something")
        somebody.hang_up()
    until(lambda: DivertCheck.objects.exclude(ended_at=None).filter(pk=check.pk).exists(), 90, "it has ended")
    check.refresh_from_db()
    assert (check.heard, check.trouble) == (heard, trouble)
    assert (check.seen_at is not None) is heard
    assert engineer.saw("CALL_INCOMING") == []
