"""Who runs the calls: `nightdesk serve` holds up a `nightdesk line`, a second one stands by, and each is killed in its turn."""

import os
import signal

from tests.phone.company import MAIN_NUMBER, Company
from tests.phone.room import STANDS_BY, THERE, Room
from tests.phone.telephone import recognised, speech_like
from tests.requires import requires
from tests.system.stack import Stack, stack, until

pytestmark = requires("asterisk", "baresip", "espeak-ng", "sox")
ACME, BOLT = "+447700900150", "+447700900151"
ITS_OWN = ("NIGHTDESK_STATE_DIR", "NIGHTDESK_DEMO")


def said(served: Stack, words: str) -> int:
    """How often `serve` or what it holds up has said that."""
    return (served.state / "serve.log").read_text(errors="replace").count(words)


def test_serve_holds_its_line_up_and_the_one_that_stands_by_takes_over(room: Room, company: Company) -> None:
    al = company.engineer("Al", telephone="eng1")
    company.line([al])
    company.customer("Acme", ACME)
    engineer = room.telephone("eng1", answers="auto", says=speech_like(3, 16), says_when_told=True)
    caller, another = room.caller(ACME), room.caller(BOLT)
    room.line.stop()
    ours = {name: value for name, value in room.line.environment.items() if name.startswith("NIGHTDESK_")}
    with stack(**{name: value for name, value in ours.items() if name not in ITS_OWN}) as served:
        until(lambda: said(served, THERE) == 1, 60, f"the line of serve is there: {served.words()}")
        connected = room.line.came_to_asterisk
        room.line.stand_by()
        until(lambda: STANDS_BY in room.line.log.read_text(errors="replace"), 60, "a second one stands by")
        caller.dial(MAIN_NUMBER)
        call = company.call(ACME)
        company.are_in_talk(call, 2)
        assert room.line.came_to_asterisk == connected

        killed = served.pid_of("line")
        os.kill(killed, signal.SIGKILL)
        room.line.comes(connected + 1)
        until(lambda: said(served, STANDS_BY) == 1, 60, f"serve has started its line again: {served.words()}")
        assert served.pid_of("line") != killed
        engineer.say()
        engineer.wait_said()

        room.line.kill()
        until(lambda: said(served, THERE) == 2, 60, f"the line of serve has the calls again: {served.words()}")
        caller.hang_up()
        call = company.ended(call)
        assert (call.ended_as, call.answered_person) == ("answered", al)
        assert recognised(engineer.said, caller.heard()) >= 0.6, "they talk on"
        another.dial(MAIN_NUMBER)
        engineer.wait("CALL_ESTABLISHED", 2)
        new = company.call(BOLT)
        company.are_in_talk(new, 2)
        another.hang_up()
        assert company.ended(new).ended_as == "answered"
    assert company.troubles() == []
