"""What callers leave and key: a message word for word, the call-back, a PIN; and what one of ours hears and presses."""

from nightdesk.base.files import read_file
from nightdesk.calls.asking_actions import call_back, pause_recording
from nightdesk.calls.line_actions import set_pin
from nightdesk.calls.models import Call, Message, Recording
from nightdesk.customers.models import Contact
from nightdesk.duty.diary_actions import NOTED
from nightdesk.journal.queries import search
from nightdesk.paging.actions import trigger_page
from nightdesk.paging.models import Page
from nightdesk.people.queries import actor_of_person
from tests.phone.company import MAIN_NUMBER, STAFF_NUMBER, Company
from tests.phone.room import Room
from tests.phone.telephone import RATE, likeness, read_wav, recognised, speech_like
from tests.requires import requires
from tests.system.stack import until

pytestmark = requires("asterisk", "baresip", "espeak-ng", "sox")
ACME, ACME_HERE = "+447700900103", "447700900103"
PIN = "483019"


def test_a_message_is_kept_word_for_word_and_called_back(room: Room, company: Company) -> None:
    al = company.engineer("Al", telephone="eng1")
    company.line([], consent="told")
    company.customer("Acme", ACME)
    caller = room.telephone(ACME_HERE, says=speech_like(4, 5), says_when_told=True)
    caller.dial(MAIN_NUMBER)
    call = company.call(ACME)
    company.records(call, room.asterisk.spool)
    caller.say()
    caller.wait_said()
    caller.press("#")
    company.reaches(call, "review")
    company.hears_out(call)
    caller.press("1")
    company.ended(call)
    message = company.message()
    assert (message.kind, message.state, message.number) == (Message.Kind.MESSAGE, Message.State.WAITING, ACME)
    assert message.recording is not None
    assert message.call_back_by is not None
    assert likeness(caller.said, read_wav(read_file(message.recording.digest))) >= 0.95
    assert recognised(caller.said, caller.heard()) >= 0.6, "it was read back"

    engineer = room.telephone("eng1", answers="auto", says=speech_like(3, 6), says_when_told=True)
    ringing = room.telephone(ACME_HERE, says=speech_like(3, 7), says_when_told=True)
    back = call_back(message_id=message.pk, **(company.doing | {"by": actor_of_person(al.pk)}))
    ringing.wait("CALL_INCOMING")
    assert MAIN_NUMBER in ringing.saw("CALL_INCOMING")[0]["peeruri"]
    ringing.accept()
    company.reaches(back, "talk")
    for one in (engineer, ringing):
        one.say()
        one.wait_said()
    ringing.hang_up()
    company.says(back, "Press 1 if it is solved", "e1")
    engineer.press("1")
    company.ended(back)
    assert recognised(ringing.said, engineer.heard()) >= 0.6
    assert recognised(engineer.said, ringing.heard()) >= 0.6
    message.refresh_from_db()
    assert (message.reached_by, message.outcome) == (al, "It is solved.")
    assert company.troubles() == []


def test_what_is_said_while_the_recording_pauses_is_kept_nowhere(room: Room, company: Company) -> None:
    al = company.engineer("Al", telephone="eng1")
    company.line([], consent="told")
    company.customer("Acme", ACME)
    before, card, after = speech_like(3, 21), speech_like(4, 22), speech_like(3, 23)
    caller = room.caller(ACME, says=before, says_when_told=True)
    caller.dial(MAIN_NUMBER)
    call = company.call(ACME)
    company.records(call, room.asterisk.spool)
    recording = next(room.asterisk.spool.glob(f"{call.pk}.*")).stem
    doing = company.doing | {"by": actor_of_person(al.pk)}
    caller.say()
    caller.wait_said()
    pause_recording(call_id=call.pk, **doing)
    until(lambda: room.asterisk.recording_state(recording) == "paused", 10, "it pauses")
    caller.say(card)
    caller.wait_said()
    pause_recording(call_id=call.pk, go_on=True, **doing)
    until(lambda: room.asterisk.recording_state(recording) == "recording", 10, "it goes on")
    caller.say(after)
    caller.wait_said()
    caller.press("#")
    company.reaches(call, "review")
    company.hears_out(call)
    caller.press("1")
    company.ended(call)
    message = company.message()
    assert message.recording is not None
    for heard in (read_wav(read_file(message.recording.digest)), caller.heard()):
        assert [recognised(part, heard) >= 0.6 for part in (before, card, after)] == [True, False, True]
        pieces = [card[begin : begin + RATE // 2] for begin in range(0, len(card) - RATE // 2, RATE // 4)]
        assert max(likeness(piece, heard) for piece in pieces) < 0.5, "no half second of the card number"
    until(lambda: list(room.asterisk.spool.iterdir()) == [], 10, "Asterisk keeps nothing of it either")
    assert company.troubles() == []


def test_a_caller_whom_nobody_knows_is_known_by_their_pin(room: Room, company: Company) -> None:
    company.line([company.engineer("Al", telephone="eng1")])
    acme = company.customer("Acme", ACME)
    set_pin(contact_id=Contact.objects.get(customer=acme).pk, pin=PIN, **company.doing)
    engineer = room.telephone("eng1")
    caller = room.caller("anonymous")
    caller.dial(MAIN_NUMBER)
    engineer.wait("CALL_INCOMING")
    call = company.call("")
    assert (call.customer, call.number) == (None, "")
    caller.press("*")
    company.reaches(call, "pin")
    caller.press(f"{PIN}#")
    until(lambda: Call.objects.get(pk=call.pk).customer_id == acme.pk, 10, f"known by PIN: {company.story(call)}")
    engineer.wait("CALL_INCOMING", 2)
    engineer.accept()
    company.reaches(call, "talk")
    caller.hang_up()
    call = company.ended(call)
    assert (call.known_by, call.ended_as) == ("pin", "answered")
    assert PIN not in str(company.story(call)), "nobody reads a PIN afterwards"
    assert company.troubles() == []


def test_one_of_ours_rings_in_and_what_they_say_lies_in_the_journal_word_for_word(room: Room, company: Company) -> None:
    al = company.engineer("Al", mobile="+447700900105")
    company.line([al])
    set_pin(person_id=al.pk, pin=PIN, **company.doing)
    caller = room.telephone("447700900105", says=speech_like(4, 8), says_when_told=True)
    caller.dial(STAFF_NUMBER)
    call = company.call("+447700900105")
    company.reaches(call, "pin")
    caller.press(f"{PIN}#")
    company.says(call, "press 4")
    caller.press("4")
    company.records(call, room.asterisk.spool)
    caller.say()
    caller.wait_said()
    caller.press("#")
    company.says(call, "It is in the journal.")
    company.ended(call)
    (line,) = search(kinds=[NOTED]).lines
    assert (line.by_name, line.via, line.subject) == ("Al", "phone", ("seat", f"seat-{al.pk}"))
    sound = Recording.objects.get(pk=line.facts["recording"])
    assert likeness(caller.said, read_wav(read_file(sound.digest))) >= 0.95
    assert company.troubles() == []


def test_one_of_ours_rings_in_hears_open_pages_and_takes_one_by_key(room: Room, company: Company) -> None:
    al = company.engineer("Al", mobile="+447700900104")
    company.line([al])
    set_pin(person_id=al.pk, pin=PIN, **company.doing)
    page = trigger_page(brand_id=company.brand.pk, title="core-2 is down", priority="P1", **company.doing)
    caller = room.caller("+447700900104")
    caller.dial(STAFF_NUMBER)
    call = company.call("+447700900104")
    company.reaches(call, "pin")
    caller.press(f"{PIN}#")
    company.reaches(call, "read_out")
    company.says(call, "core-2 is down")
    said = company.words_said(call)[-2:]
    caller.press("1")
    until(lambda: Page.objects.get(pk=page.pk).state == "acknowledged", 10, f"taken: {company.story(call)}")
    assert Page.objects.get(pk=page.pk).owner == al
    company.ended(call)
    assert said
    assert company.troubles() == []
