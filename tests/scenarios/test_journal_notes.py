"""Stories of what people note in the journal: by text, by mail, on the page; and who reads it."""

from uuid import UUID

import pytest

from nightdesk.base.actors import Actor, Door
from nightdesk.base.files import read_file
from nightdesk.base.refusals import Forbidden, Invalid
from nightdesk.calls import actions
from nightdesk.calls.effects import do_effect
from nightdesk.calls.line_actions import set_pin
from nightdesk.calls.models import Call, Line, Message, Recording
from nightdesk.channels.actions import receive_inbound
from nightdesk.channels.driver import Heard, Reply
from nightdesk.channels.models import Route
from nightdesk.duty import diary_actions
from nightdesk.journal.models import Entry
from nightdesk.journal.queries import search
from nightdesk.mailroom import actions as mailroom
from nightdesk.paging import actions as paging
from nightdesk.people import actions as people
from nightdesk.people.actions import confirm_contact_method
from nightdesk.people.models import Person
from tests.phone_calls import Caller, Exchange
from tests.world import World


def notes() -> list[tuple[str, str, str, str | None]]:
    """(who, by which door, about what, the words), oldest first."""
    return [
        (line.by_name, line.via, ":".join(line.subject), line.text)
        for line in reversed(search(kinds=[diary_actions.NOTED]).lines)
    ]


def texts(world: World, person: Person, body: str, number: int) -> None:
    """They text it to our number."""
    sender = person.contact_methods.get(channel="sms").address
    heard = Heard(body.encode(), lambda: Reply(f"in-{number}", sender, "", body))
    phones = Actor("machine", "route", "phones")
    receive_inbound(
        route_id=Route.objects.get(driver="test-phone").pk, channel="sms", heard=[heard], genuine=True, by=phones,
        via=Door.SMS, at=world.at,
    )  # fmt: skip
    world.run_due()


def test_a_note_by_text_goes_to_the_page_that_takes_it_and_else_to_the_journal(world: World) -> None:
    eve = world.person("Eve")
    world.seat("night", eve)
    world.escalate((0, "night"))
    phone = world.phone(eve)
    texts(world, eve, "Note the fan in rack 3 is loud", 1)
    phone.got("Noted in the journal.")
    assert notes() == [("Eve", "sms", "seat:night", "the fan in rack 3 is loud")]
    page = world.alarm("db down")
    phone.got("db down")
    texts(world, eve, "note looking at the disk", 2)
    assert len(notes()) == 1
    assert Entry.objects.filter(kind=paging.PAGE_NOTED, subject_id=str(page.id)).count() == 1
    world.hush()


def test_a_stranger_writes_nothing_in_the_journal(world: World) -> None:
    eve = world.person("Eve")
    world.mail(eve)
    mailroom.add_address(address="noc@quay.example", brand_id=world.brand.id, **world.doing)
    mailroom.save_front(way="smtp", authserv_id="mx.quay.example", **world.doing)
    method = eve.contact_methods.get(channel="email")
    confirm_contact_method(method_id=method.id, **world.doing)
    world.writes("eve@quay.example", "noc+journal+quayside@quay.example", "Carrier", "They move the fibre on Friday.")
    kept = world.writes("eve@elsewhere.example", "noc+journal+quayside@quay.example", "Hello", "Let me in.")
    assert notes() == [("Eve", "email", f"person:{eve.id}", "Carrier\nThey move the fibre on Friday.")]
    assert kept.standing == "kept"
    raw = b"From: eve@quay.example\r\nTo: noc+journal+quayside@quay.example\r\nSubject: Hi\r\n\r\nForged.\r\n"
    forged = mailroom.receive_mail(
        way="smtp", raw=raw, sender="eve@quay.example", recipients=["noc+journal+quayside@quay.example"], **world.doing
    )
    world.run_due()
    forged.refresh_from_db()
    assert (forged.standing, "nothing proves" in forged.outcome, len(notes())) == ("kept", True, 1)
    assert [line.text for line in search(text="fibre friday").lines] == ["Carrier\nThey move the fibre on Friday."]


def rings_in(world: World, number: str, keys: str) -> Caller:
    """Somebody rings the line's number for staff, keys what they were asked for, speaks for 8 s, and rings off."""
    exchange = Exchange(world)
    caller = exchange.rings(number, "+442079460198")
    exchange.will_say(caller, 8, "the fan is loud")
    for part in keys.split():
        exchange.seconds(8)
        exchange.presses(caller, part)
    exchange.seconds(40)
    exchange.rings_off(caller)
    return caller


def test_a_note_by_telephone_lies_in_the_journal_with_its_sound_and_only_a_pin_writes_it(world: World) -> None:
    eve = world.person("Eve")
    world.seat("night", eve)
    way = people.add_contact_method(person_id=eve.id, channel="voice", address="+447700900200", **world.doing)
    people.confirm_contact_method(method_id=way.id, **world.doing)
    Line.objects.create(
        brand=world.brand, name="Main", numbers=["+442079460100"], shown_number="+442079460100",
        pager_number="+442079460199", staff_number="+442079460198", night_seats=["night"],
    )  # fmt: skip
    set_pin(person_id=eve.id, pin="483019", **world.doing)
    world.hush()
    caller = rings_in(world, "+447700900200", "483019# 4")
    assert caller.heard_that("It is in the journal.")
    assert notes() == [("Eve", "phone", "seat:night", "")]
    (line,) = search(kinds=[diary_actions.NOTED]).lines
    sound = Recording.objects.get(pk=UUID(line.facts["recording"]))
    assert read_file(sound.digest).startswith(b"RIFF the fan is loud")
    assert sound.delete_at is not None
    assert not Message.objects.exists()
    feigned = rings_in(world, "+447700900200", "000000# 4")
    assert not feigned.heard_that("press 4")
    call = Call.objects.get(pk=caller.call_id)
    call.known_by = "number"
    do_effect(call, "journal_note", {"file": "f" * 64, "seconds": 8}, world.at)
    assert len(notes()) == 1
    again = actions.leave_note(
        call_id=call.pk, file=sound.digest, seconds=8, by=world.actor(eve), via=Door.PHONE, at=world.at
    )
    assert (again, len(notes())) == (sound, 1)


def test_a_note_needs_words_and_a_right(world: World) -> None:
    eve = world.person("Eve")
    by = world.actor(eve)
    doing = {"by": by, "via": Door.WEB, "at": world.at}
    with pytest.raises(Invalid):
        diary_actions.write_journal_note(words=" \n ", **doing)
    with pytest.raises(Invalid):
        diary_actions.write_journal_note(words="x" * 5000, **doing)
    with pytest.raises(Forbidden):
        diary_actions.write_journal_note(words="x", brand_id=world.brand.id + 1, **doing)
    diary_actions.write_journal_note(words="Quiet so far", **doing)
    entry = Entry.objects.get(kind=diary_actions.NOTED)
    assert (entry.brand_id, entry.facts) == (world.brand.id, {})
