import io
import json

import pytest
from django.core.management import call_command

from nightdesk.base import clock
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.channels.models import Message
from nightdesk.desk.models import Attachment, Entry, Ticket
from nightdesk.desk.tests.provider import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def there():
    there = Provider()
    with clock.replaced_by(lambda: there.at):
        yield there


def said(*words):
    output = io.StringIO()
    call_command("tickets", *words, stdout=output)
    return output.getvalue()


def as_dee(there, *words):
    return said(*words, "--as", there.dee.user.email)


def test_what_was_said_on_the_telephone_is_sent_to_nobody(there):
    ticket = there.ticket()
    as_dee(there, "reply", str(ticket.number), "Switch it off and on.", "--by-phone")
    entry = Entry.objects.get(kind="message_out")
    assert (entry.text, entry.facts["by_phone"]) == ("Switch it off and on.", True)
    assert not Message.objects.filter(kind="ticket.reply").exists()
    ticket.refresh_from_db()
    assert (ticket.first_response_at, ticket.state) == (there.at, "in_progress")


def test_a_ticket_goes_from_its_opening_to_its_end(there, tmp_path):
    file = tmp_path / "trace.txt"
    file.write_text("loss at hop 3")
    made = json.loads(
        as_dee(
            there,
            "open",
            "Slow line",
            "--from",
            "cleo@acme.example",
            "--text",
            "It crawls",
            "--file",
            str(file),
            "--json",
        )
    )
    number = str(made[0]["number"])
    ticket = Ticket.objects.get(number=number)
    assert (ticket.customer, ticket.contact) == (there.acme, there.cleo)
    assert Attachment.objects.get().media_type == "text/plain"
    for words in (
        ["note", number, "Errors on the port"],
        ["assign", number, "--to", "Dee"],
        ["start", number],
        ["next", number, "Swap the optic", "--by", "2026-03-03T12:00Z"],
        ["wait", number, "Ask the carrier", "--by", "2026-03-03T15:00Z", "--for", "awaiting_supplier"],
        ["reply", number, "We wait for the carrier."],
        ["message", number, "Thank you"],
        ["escalate", number, "--team", "network", "--why", "The router"],
        ["raise", number, "--why", "The third time"],
        ["resolve", number, "--wrong", "A bent fibre", "--done", "Straightened", "--do", "Nothing"],
        ["reopen", number, "--why", "Again"],
        ["resolve", number, "--wrong", "A bent fibre", "--done", "Replaced", "--do", "Nothing", "--untold"],
        ["close", number],
    ):
        assert f"#{number}" in as_dee(there, *words), words
    ticket.refresh_from_db()
    assert (ticket.state, ticket.what_was_done, ticket.team) == ("closed", "Replaced", there.network)
    assert set(Entry.objects.filter(ticket=ticket).values_list("via", flat=True)) == {"cli"}
    assert "Dee, note: Errors on the port" in as_dee(there, "story", number)
    assert "We wait for the carrier." in as_dee(there, "show", f"{there.brand.slug}#{number}")


def test_what_is_listed_is_what_was_asked_for(there):
    there.ticket("Urgent", impact="high", urgency="high")
    slow = there.ticket("Slow")
    there.ticket("Cancelled")
    as_dee(there, "cancel", "1003", "--why", "spam")
    lines = as_dee(there, "list").splitlines()
    assert [line.split("  ")[2].split(":")[0] for line in lines] == ["Urgent", "Slow"]
    assert "Cancelled" in as_dee(there, "list", "--state", "cancelled")
    assert as_dee(there, "list", "--mine") == "There are none.\n"
    as_dee(there, "start", str(slow.number))
    assert "Slow" in as_dee(there, "list", "--mine", "--customer", "acme")
    assert json.loads(as_dee(there, "find", "crawls", "is:open", "--json"))[0]["title"] == "Slow"


def test_nobody_sees_or_moves_what_is_another_brands(there):
    ticket, other = there.ticket(), Provider(there.at)
    assert as_dee(other, "list") == "There are none.\n"
    assert as_dee(other, "find", "slow") == "There are none.\n"
    for words in (["show", "1001"], ["note", "1001", "x"], ["close", str(ticket.tag)]):
        with pytest.raises(NotFound):
            as_dee(other, *words)
    other.ticket()
    with pytest.raises(NotFound, match="Several brands"):
        said("show", "1001")
    assert "The line is slow" in said("show", "1001", "--brand", other.brand.slug)


@pytest.mark.parametrize("wrong", [
    ["note", "77", "x"], ["note", "abc", "x"], ["assign", "1001", "--to", "Nobody"],
    ["escalate", "1001", "--team", "x", "--why", "x"],
    ["open", "x", "--customer", "none"], ["open", "x", "--queue", "none"],
])  # fmt: skip
def test_what_is_not_there_is_said(there, wrong):
    there.ticket()
    with pytest.raises(NotFound):
        as_dee(there, *wrong)


@pytest.mark.parametrize("wrong", [["next", "1001", "x", "--by", "tomorrow"], ["next", "1001", "x", "--by", "2026-03-03T12:00"],
                                   ["note", "1001", "x", "--file", "/nowhere"]])  # fmt: skip
def test_what_makes_no_sense_is_said(there, wrong):
    there.ticket()
    with pytest.raises(Invalid):
        as_dee(there, *wrong)


def test_tickets_come_together_and_apart_again(there):
    first, second, third = (
        str(json.loads(as_dee(there, "open", title, "--text", "It crawls", "--json"))[0]["number"])
        for title in ("Slow line", "Slow too", "Dark")
    )
    rows = {number: Ticket.objects.get(number=number) for number in (first, second, third)}

    def now(number):
        rows[number].refresh_from_db()
        return rows[number]

    as_dee(there, "link", first, second, "--kind", "caused_by")
    assert now(first).links.get().other == rows[second]
    as_dee(there, "unlink", first, second, "--kind", "caused_by")
    assert not now(first).links.exists()
    as_dee(there, "merge", second, first)
    assert now(second).merged_into == rows[first]
    as_dee(there, "unmerge", second)
    assert now(second).merged_into is None
    as_dee(there, "note", first, "The telephones, too")
    story = json.loads(as_dee(there, "story", first, "--json"))
    noted = next(one["id"] for one in story if one["text"] == "The telephones, too")
    as_dee(there, "split", first, "Telephones", "--entry", noted)
    new = Ticket.objects.get(title="Telephones")
    assert new.entries.filter(id=noted).exists()
    as_dee(there, "rejoin", str(new.number))
    assert now(first).entries.filter(id=noted).exists()
    as_dee(there, "propose-major", third, "--why", "Many ask")
    as_dee(there, "accept-major", third)
    as_dee(there, "put-under", first, third)
    assert (now(third).major, now(first).parent) == (True, rows[third])
    as_dee(there, "tell-all", third, "It works again")
    assert now(first).entries.filter(kind="message_out", text="It works again").exists()
    as_dee(there, "take-out", first)
    assert now(first).parent is None
    as_dee(there, "reject-major", third, "--why", "It was one customer's")
    assert not now(third).major
