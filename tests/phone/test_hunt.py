"""A caller rings, and engineers' telephones do: the second one answers, a mobile's voicemail does not, and nobody is lost."""

from nightdesk.calls.models import Leg
from tests.phone.company import MAIN_NUMBER, Company
from tests.phone.room import Room
from tests.phone.telephone import recognised, speech_like
from tests.requires import requires
from tests.system.stack import until

pytestmark = requires("asterisk", "baresip", "espeak-ng", "sox")
ACME = "+447700900150"
BOLT = "+447700900151"


def test_the_second_engineer_answers_and_both_hear_each_other(room: Room, company: Company) -> None:
    al, bo = company.engineer("Al", telephone="eng1"), company.engineer("Bo", telephone="eng2")
    company.line([al, bo])
    company.customer("Acme", ACME)
    first = room.telephone("eng1")
    second = room.telephone("eng2", says=speech_like(4, 1), says_when_told=True)
    caller = room.caller(ACME, says=speech_like(90, 2))
    caller.dial(MAIN_NUMBER)
    first.wait("CALL_INCOMING")
    call = company.call(ACME)
    assert call.customer is not None
    second.wait("CALL_INCOMING")
    second.accept()
    first.wait("CALL_CLOSED")
    until(lambda: room.asterisk.joined() == 2, 60, "they are joined")
    second.say()
    second.wait_said()
    caller.hang_up()
    second.wait("CALL_CLOSED")
    call = company.ended(call)
    assert (call.ended_as, call.answered_person, call.woken) == ("answered", bo, 0)
    rang = {leg.name: leg.ringing_at for leg in call.legs.all()}
    assert (rang["e2"] - rang["e1"]).total_seconds() >= 1.9
    assert recognised(second.said, caller.heard()) >= 0.6
    assert recognised(second.middle_of_heard(), caller.said) >= 0.6
    assert company.troubles() == []


def test_who_rings_off_while_it_rings_is_noted_and_no_telephone_rings_on(room: Room, company: Company) -> None:
    company.line([company.engineer("Al", telephone="eng1"), company.engineer("Bo", telephone="eng3")])
    company.customer("Acme", ACME)
    engineer = room.telephone("eng1")
    caller = room.caller(ACME)
    caller.dial(MAIN_NUMBER)
    engineer.wait("CALL_INCOMING")
    call = company.call(ACME)
    caller.hang_up()
    engineer.wait("CALL_CLOSED", seconds=5)
    call = company.ended(call)
    assert (call.ended_as, call.answered_at) == ("abandoned", None)
    assert room.asterisk.channels() == []
    unregistered = Leg.objects.filter(call=call, to="eng3")
    assert not unregistered.exists() or unregistered.get().why == "unreachable"
    assert company.troubles() == []


def test_a_mobile_has_the_call_only_once_a_key_was_pressed(room: Room, company: Company) -> None:
    al = company.engineer("Al", mobile="+447700900101")
    bo = company.engineer("Bo", mobile="+447700900102")
    company.line([al, bo], joins_s=[3, 30])
    company.customer("Acme", ACME)
    voicemail = room.telephone("447700900101", answers="auto", says=speech_like(20, 3))
    mobile = room.telephone("447700900102", says=speech_like(3, 4), says_when_told=True)
    caller = room.caller(ACME)
    caller.dial(MAIN_NUMBER)
    voicemail.wait("CALL_ESTABLISHED")
    mobile.wait("CALL_INCOMING")
    call = company.call(ACME)
    mobile.accept()
    mobile.wait("CALL_ESTABLISHED")
    assert Leg.objects.filter(call=call, accepted_at__isnull=False).count() == 0
    company.asks_for_key(call, "e2")
    mobile.press("1")
    voicemail.wait("CALL_CLOSED")
    company.reaches(call, "talk")
    mobile.say()
    mobile.wait_said()
    caller.hang_up()
    call = company.ended(call)
    assert (call.ended_as, call.answered_person) == ("answered", bo)
    assert recognised(voicemail.said, caller.heard()) == 0
    assert recognised(mobile.said, caller.heard()) >= 0.6
    assert company.troubles() == []


def test_who_rings_about_a_known_outage_hears_it_and_rings_nobody(room: Room, company: Company) -> None:
    fixer = company.engineer("Al", telephone="eng1")
    company.line([fixer, company.engineer("Bo", telephone="eng2")])
    acme = company.customer("Acme", ACME)
    company.outage(acme, text="The switch in Dock Street is down. A spare is on its way.")
    telephones = [room.telephone("eng1"), room.telephone("eng2")]
    caller = room.caller(ACME)
    caller.dial(MAIN_NUMBER)
    call = company.call(ACME)
    company.reaches(call, "status")
    said = company.words_said(call)
    assert any("A spare is on its way" in words.text for words in said), said
    company.hears_out(call)
    caller.press("1")
    call = company.ended(call)
    heard = caller.heard()
    for words in said:
        assert recognised(company.spoken(words), heard) >= 0.6, words.text
    assert call.ended_as == "heard_outage"
    assert call.heard_outage_at is not None
    assert (call.heard_outage_at - call.came_at).total_seconds() < 5
    assert [telephone.saw("CALL_INCOMING") for telephone in telephones] == [[], []]
    assert not Leg.objects.filter(call=call).exists()
    assert company.troubles() == []
