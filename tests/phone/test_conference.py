"""A call of several: a colleague comes in, a newcomer listens and is not heard, and the one who passes it on leaves."""

from nightdesk.calls.asking_actions import (
    add_to_call,
    hold_call,
    let_listen,
    park_call,
    take_off_hold,
    take_parked_call,
)
from nightdesk.people.queries import actor_of_person
from tests.phone.company import MAIN_NUMBER, Company
from tests.phone.room import Room
from tests.phone.telephone import recognised, speech_like
from tests.requires import requires
from tests.system.stack import until

pytestmark = requires("asterisk", "baresip", "espeak-ng", "sox")
ACME = "+447700900150"


def test_a_colleague_joins_and_a_newcomer_hears_all_and_is_not_heard(room: Room, company: Company) -> None:
    al, bo, cy = (company.engineer(name, telephone=f"eng{number}") for number, name in enumerate(("Al", "Bo", "Cy"), 1))
    company.line([al])
    company.customer("Acme", ACME)
    engineer = room.telephone("eng1", answers="auto")
    colleague = room.telephone("eng2", answers="auto", says=speech_like(3, 8), says_when_told=True)
    newcomer = room.telephone("eng3", answers="auto", says=speech_like(3, 9), says_when_told=True)
    caller = room.caller(ACME)
    caller.dial(MAIN_NUMBER)
    call = company.call(ACME)
    company.reaches(call, "talk")
    doing = company.doing | {"by": actor_of_person(al.pk)}
    add_to_call(call_id=call.pk, person_id=bo.pk, **doing)
    company.are_in_talk(call, 3)
    let_listen(call_id=call.pk, person_id=cy.pk, **doing)
    company.are_in_talk(call, 4)
    company.hears_out(call)
    for telephone in (newcomer, colleague):
        telephone.say()
        telephone.wait_said()
    caller.hang_up()
    call = company.ended(call)
    for who in (caller, engineer, newcomer):
        assert recognised(colleague.said, who.heard()) >= 0.6, who.user
    for who in (caller, engineer, colleague):
        assert recognised(newcomer.said, who.heard()) == 0, f"{who.user} hears who only listens"
    assert call.ended_as == "answered"
    assert company.troubles() == []


def nobody_is_joined(room: Room) -> None:
    """Wait until Asterisk has nobody in a bridge."""

    def so() -> bool:
        rows = [row.split() for row in room.asterisk.cli("bridge show all").splitlines()[1:]]
        return all(row[2] == "0" for row in rows if len(row) > 2)

    until(so, 10, "nobody hears anybody")


def test_who_is_on_hold_hears_music_and_who_is_parked_is_taken_by_a_colleague(room: Room, company: Company) -> None:
    al, bo = (company.engineer(name, telephone=f"eng{number}") for number, name in enumerate(("Al", "Bo"), 1))
    company.line([al])
    company.customer("Acme", ACME)
    engineer = room.telephone("eng1", answers="auto", says=speech_like(3, 8), says_when_told=True)
    colleague = room.telephone("eng2", answers="auto", says=speech_like(3, 9), says_when_told=True)
    caller = room.caller(ACME)
    caller.dial(MAIN_NUMBER)
    call = company.call(ACME)
    company.reaches(call, "talk")
    company.are_in_talk(call, 2)
    doing = company.doing | {"by": actor_of_person(al.pk)}
    hold_call(call_id=call.pk, **doing)
    company.caller_hears(call, "music")
    nobody_is_joined(room)
    engineer.say()
    engineer.wait_said()
    take_off_hold(call_id=call.pk, **doing)
    company.caller_hears(call, "bridge")
    park_call(call_id=call.pk, **doing)
    company.caller_hears(call, "music")
    nobody_is_joined(room)
    take_parked_call(call_id=call.pk, **company.doing | {"by": actor_of_person(bo.pk)})
    company.caller_hears(call, "bridge")
    company.hears_out(call)
    colleague.say()
    colleague.wait_said()
    caller.hang_up()
    call = company.ended(call)
    assert recognised(engineer.said, caller.heard()) == 0, "the caller hears what is said while they are on hold"
    assert recognised(colleague.said, caller.heard()) >= 0.6
    assert call.ended_as == "answered"
    assert company.troubles() == []
