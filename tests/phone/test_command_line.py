"""`nightdesk call`: an engineer rings a customer back and says how it went, without a browser."""

import json

from nightdesk.calls.actions import leave_message
from tests.phone.company import Company
from tests.phone.room import Room
from tests.requires import requires

pytestmark = requires("asterisk", "baresip", "espeak-ng", "sox")
ACME, ACME_HERE = "+447700900103", "447700900103"


def test_a_call_back_is_begun_and_its_outcome_said_by_the_command_line(room: Room, company: Company) -> None:
    al = company.engineer("Al", telephone="eng1")
    line = company.line([al])
    company.customer("Acme", ACME)
    message = leave_message(
        brand_id=company.brand.pk, line_id=line.pk, number=ACME, text="The router hums.", taken_by="Desk", wakes=False,
        **company.doing,
    )  # fmt: skip
    engineer, ringing = room.telephone("eng1", answers="auto"), room.telephone(ACME_HERE)
    told = room.line.cli("call", "back", message.pk.hex[-8:], "--as", "al@quayside.example", "--json")
    ringing.wait("CALL_INCOMING")
    back = company.call(ACME)
    assert [(row["id"], row["number"]) for row in json.loads(told)] == [(str(back.pk)[-8:], ACME)]
    ringing.accept()
    company.reaches(back, "talk")
    ringing.hang_up()
    company.says(back, "Press 1 if it is solved", "e1")
    engineer.hang_up()
    company.ended(back)
    message.refresh_from_db()
    assert (message.reached_by, message.outcome) == (al, "")
    told = room.line.cli(
        "call", "outcome", str(message.pk), "It was the cable.", "--as", "al@quayside.example", "--json"
    )
    message.refresh_from_db()
    assert [(row["state"], row["text"]) for row in json.loads(told)] == [(message.state, "The router hums.")]
    assert (message.outcome, message.reached_by) == ("It was the cable.", al)
    assert message.ended_at is not None, "nobody waits for a call-back any more"
    assert company.troubles() == []
