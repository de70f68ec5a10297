"""Nightdesk, or Asterisk, is killed (SIGKILL) and comes back: what can go on does, what cannot is noted; nothing is lost."""

from nightdesk.base.files import read_file
from nightdesk.calls.models import Call, CallEvent, Message
from tests.phone.company import FALLBACK_NUMBER, MAIN_NUMBER, Company
from tests.phone.room import Room
from tests.phone.telephone import RATE, likeness, read_wav, recognised, speech_like
from tests.requires import requires
from tests.system.stack import until

pytestmark = requires("asterisk", "baresip", "espeak-ng", "sox")
ACME = "+447700900150"
BOLT = "+447700900151"
COLE = "+447700900152"


def test_killed_while_telephones_ring_it_rings_on_and_the_next_one_answers(room: Room, company: Company) -> None:
    bo = company.engineer("Bo", telephone="eng2")
    company.line([company.engineer("Al", telephone="eng1"), bo], joins_s=[6, 30], ring_s=30)
    company.customer("Acme", ACME)
    first, second = room.telephone("eng1"), room.telephone("eng2", says=speech_like(3, 11))
    caller = room.caller(ACME)
    caller.dial(MAIN_NUMBER)
    first.wait("CALL_INCOMING")
    call = company.call(ACME)
    room.line.kill()
    assert first.saw("CALL_CLOSED") == [], "it rings on"
    room.line.start()
    second.wait("CALL_INCOMING")
    assert len(first.saw("CALL_INCOMING")) == 1, "and is not rung anew"
    second.accept()
    first.wait("CALL_CLOSED")
    company.reaches(call, "talk")
    second.wait_said()
    caller.hang_up()
    call = company.ended(call)
    assert (call.ended_as, call.answered_person) == ("answered", bo)
    assert recognised(second.said, caller.heard()) >= 0.6
    assert Call.objects.count() == 1
    assert company.troubles() == []


def test_killed_while_they_talk_they_hear_nothing_of_it_and_its_end_is_known(room: Room, company: Company) -> None:
    al = company.engineer("Al", telephone="eng1")
    company.line([al])
    company.customer("Acme", ACME)
    engineer = room.telephone("eng1", answers="auto", says=speech_like(12, 12))
    caller = room.caller(ACME)
    caller.dial(MAIN_NUMBER)
    call = company.call(ACME)
    company.reaches(call, "talk")
    room.line.kill()
    room.line.start()
    engineer.wait_said()
    caller.hang_up()
    engineer.wait("CALL_CLOSED", seconds=5)
    call = company.ended(call)
    assert (call.ended_as, call.answered_person) == ("answered", al)
    assert recognised(engineer.said[2 * RATE :], caller.heard()) >= 0.6, "they talk on"
    assert company.troubles() == []


def test_killed_while_a_message_is_recorded_the_message_is_whole(room: Room, company: Company) -> None:
    company.line([], consent="told")
    company.customer("Acme", ACME)
    caller = room.caller(ACME, says=speech_like(6, 13), says_when_told=True)
    caller.dial(MAIN_NUMBER)
    call = company.call(ACME)
    company.records(call, room.asterisk.spool)
    caller.say()
    room.line.kill()
    caller.wait_said()
    caller.hang_up()
    until(room.is_quiet, 10, "the caller has gone")
    room.line.start()
    company.ended(call)
    message = company.message()
    assert (message.kind, message.call, message.number) == (Message.Kind.MESSAGE, call, ACME)
    assert message.recording is not None
    assert likeness(caller.said, read_wav(read_file(message.recording.digest))) >= 0.95
    until(lambda: list(room.asterisk.spool.iterdir()) == [], 10, "Asterisk keeps nothing that we have")
    assert company.troubles() == []


def test_while_it_is_away_everybody_is_rung_and_what_is_recorded_is_found(room: Room, company: Company) -> None:
    line = company.line([company.engineer("Al", telephone="eng5")], numbers=[FALLBACK_NUMBER])
    acme = company.customer("Acme", ACME)
    both = [room.telephone("eng5"), room.telephone("eng6")]
    caller = room.caller(ACME, says=speech_like(4, 14), says_when_told=True)
    hasty = room.caller(BOLT)
    room.line.kill()
    until(lambda: "nightdesk" not in room.asterisk.cli("ari show apps"), 10, "Asterisk has noticed")
    caller.dial(FALLBACK_NUMBER)
    for telephone in both:
        telephone.wait("CALL_INCOMING")
    caller.wait("CALL_ESTABLISHED")  # nobody answered
    until(room.records, 10, "the fall-back records")
    caller.say()
    caller.wait_said()
    caller.hang_up()
    hasty.dial(FALLBACK_NUMBER)
    for telephone in both:
        telephone.wait("CALL_INCOMING", 2)
    hasty.hang_up()
    until(room.is_quiet, 10, "both callers have gone")
    assert Message.objects.count() == 0
    room.line.start()
    until(lambda: Message.objects.count() == 2, 30, "both calls are found")
    message = Message.objects.get(number=ACME)
    assert (message.kind, message.line, message.customer) == (Message.Kind.MESSAGE, line, acme)
    assert message.recording is not None
    assert likeness(caller.said, read_wav(read_file(message.recording.digest))) >= 0.95
    assert Message.objects.get(number=BOLT).kind == Message.Kind.MISSED
    until(lambda: list(room.asterisk.spool.iterdir()) == [], 15, "Asterisk keeps nothing that we have")
    assert not CallEvent.objects.exclude(trouble="").exists()


def test_asterisk_is_killed_and_comes_back_while_nightdesk_runs(room: Room, company: Company) -> None:
    al = company.engineer("Al", telephone="eng1")
    company.line([al, company.engineer("Bo", telephone="eng2")], consent="told", ring_s=60, longest_hunt_s=300)
    company.customer("Acme", ACME)
    first, second = room.telephone("eng1", answers="auto"), room.telephone("eng2")
    talker, speaker, waiter = (
        room.caller(ACME),
        room.caller(BOLT, says=speech_like(60, 15), says_when_told=True),
        room.caller(COLE),
    )
    talker.dial(MAIN_NUMBER)
    talk = company.call(ACME)
    company.are_in_talk(talk, 2)
    speaker.dial(MAIN_NUMBER)
    second.wait("CALL_INCOMING")
    speaks = company.call(BOLT)
    speaker.press("3")
    company.records(speaks, room.asterisk.spool)
    speaker.say()
    waiter.dial(MAIN_NUMBER)
    second.wait("CALL_INCOMING", 2)
    waits = company.call(COLE)
    until(lambda: kept_bytes(room) > 6 * 2 * RATE, 20, "some seconds of the message are on Asterisk's disk")
    connected = room.line.came_to_asterisk
    room.asterisk.stop()
    room.asterisk.start(without="res_ari_endpoints")
    until(lambda: "does not say what it has" in room.line.log.read_text(errors="replace"), 20, "it is half up")
    room.asterisk.cli("module load res_ari_endpoints.so")
    room.line.comes(connected + 1)
    talk, speaks, waits = company.ended(talk), company.ended(speaks), company.ended(waits)
    assert (talk.ended_as, talk.answered_person) == ("answered", al)
    assert speaks.ended_as == "message"
    message = Message.objects.get(call=speaks)
    assert (message.kind, message.number) == (Message.Kind.MESSAGE, BOLT)
    assert message.recording is not None
    kept = read_wav(read_file(message.recording.digest))
    assert recognised(speaker.said[: 3 * RATE], kept) >= 0.6, "what was said until Asterisk died"
    assert Message.objects.get(call=waits).kind == Message.Kind.MISSED, "who waited is rung back"
    until(lambda: list(room.asterisk.spool.iterdir()) == [], 10, "Asterisk keeps nothing that we have")

    first.hang_up()
    again = room.caller("+447700900153")
    again.dial(MAIN_NUMBER)
    first.wait("CALL_ESTABLISHED", 2)
    call = company.call("+447700900153")
    company.are_in_talk(call, 2)
    again.hang_up()
    call = company.ended(call)
    assert (call.ended_as, call.answered_person) == ("answered", al)
    assert company.troubles() == []


def kept_bytes(room: Room) -> int:
    """How much of what somebody says is on Asterisk's disk."""
    return max((file.stat().st_size for file in room.asterisk.spool.iterdir()), default=0)
