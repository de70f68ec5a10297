"""Stories of people who go to a site alone: what they answer, what happens when they do not, and who is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.models import Promise
from nightdesk.calls.models import Line
from nightdesk.channels.actions import receive_inbound
from nightdesk.channels.driver import Heard, Reply
from nightdesk.channels.links import make_token
from nightdesk.channels.models import Delivery, Route
from nightdesk.duty import actions as duty
from nightdesk.duty.note import Shift
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.paging.actions import acknowledge_page, resolve_page, snooze_page
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.rota.models import Seat
from nightdesk.safety import actions, queries, site_actions, wording
from nightdesk.safety.decide import Sign
from nightdesk.safety.handover import out_on_site
from nightdesk.safety.models import SafetyCard, Visit
from tests.phone_calls import Exchange
from tests.scenarios.test_doors_of_acknowledge import account_of
from tests.world import World
from tests.world import world as new_world

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


class Yard:
    """A world with a site, and three people: Bo goes there, Al is on duty and watches, Mo manages."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bo, self.al = world.person("Bo"), world.person("Al")
        self.mo = world.person("Mo", manager=True)
        world.seat("front", self.al)
        self.site = site_actions.add_site(
            brand_id=world.brand.id,
            fields={
                "name": "Mill Lane",
                "address": "1 Mill Lane, Leeds",
                "security_name": "Gatehouse",
                "security_number": "020 7946 0123",
                "assessed_on": world.at.date(),
                "review_on": world.at.date() + timedelta(days=365),
            },
            **world.doing,
        )
        world.hush()

    def goes(self, **more: Any) -> Visit:
        """Bo leaves now: half an hour each way and an hour there, asked every half hour."""
        wanted: dict[str, Any] = {
            "site_id": self.site.pk, "person_id": self.bo.id, "watcher_id": self.al.id, "why": "Swap a line card",
            "travel_minutes": 30, "work_minutes": 60, "every": timedelta(minutes=30), "grace": timedelta(minutes=10),
            **self.world.doing,
        }  # fmt: skip
        visit = actions.declare_visit(**(wanted | more))
        self.world.run_due()
        if visit.state == Visit.State.OUT:
            self.phone(self.al).got(f"You watch {wording.names(visit)}, who is away to Mill Lane")
        return visit

    def phone(self, person: Person) -> Any:
        return self.world.phone(person)

    def texts(self, person: Person, words: str) -> str:
        """What came of a text from that person's phone, by the way that providers take."""
        number = person.contact_methods.get(channel="sms").address
        route = Route.objects.get(driver="test-phone")
        reply = Reply(f"{person.name}-{self.world.at.isoformat()}-{words}", number, "+447700900000", words)
        (row,) = receive_inbound(
            route_id=route.id,
            channel="sms",
            heard=[Heard(words.encode(), lambda: reply)],
            genuine=True,
            by=Actor("machine", "provider", "provider"),
            via=Door.SMS,
            at=self.world.at,
        )
        assert row.error == ""
        self.world.run_due()
        return str(row.outcome)

    def now(self, visit: Visit) -> Visit:
        return Visit.objects.get(id=visit.pk)

    def falls_silent(self, visit: Visit) -> None:
        """Bo answers neither question nor ring; the watcher is told."""
        self.world.minutes(30)
        self.phone(self.bo).got("are you well")
        self.world.minutes(10)
        self.phone(self.bo).got("are you well")
        self.world.minutes(5)
        self.phone(self.al).got("Nothing is heard of Bo on a site visit")
        self.phone(self.al).got("Nothing is heard of Bo at Mill Lane")

    def kinds(self, visit: Visit) -> list[str]:
        return list(visit.events.values_list("kind", flat=True))


@pytest.fixture
def yard(world: World) -> Yard:
    return Yard(world)


def test_a_visit_is_asked_after_answered_and_closed_and_nobody_else_hears_of_it(yard: Yard, world: World) -> None:
    visit = yard.goes()
    world.minutes(30)
    yard.phone(yard.bo).got("Site visit Mill Lane: are you well? Reply OK, or NO if you need help, or DONE")
    said = yard.texts(yard.bo, "ok thanks")
    assert said.startswith("Thank you. You are asked again at 03:00 GMT.")
    yard.phone(yard.bo).got("Thank you")
    world.minutes(30)
    yard.phone(yard.bo).got("In danger, ring 999 or 112.")
    assert yard.texts(yard.bo, "Done") == "Thank you. The visit is closed."
    yard.phone(yard.bo).got("The visit is closed")
    world.minutes(600)
    assert yard.now(visit).state == Visit.State.ENDED
    assert yard.kinds(visit) == ["declared", "began", "asked", "check_in", "asked", "ended"]
    assert not Page.objects.exists()


def test_the_link_is_a_check_in_once_its_button_is_pressed_and_opening_it_changes_nothing(
    yard: Yard, world: World
) -> None:
    visit = yard.goes()
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    asked = Delivery.objects.filter(subject_id=str(visit.pk), recipient_id=str(yard.bo.id)).latest("created_at")
    path = f"/a/{make_token(asked.id, asked.month)}"
    client = Client()
    with clock.replaced_by(lambda: world.at):
        for _ in range(3):  # previews and scanners open links too
            read = client.get(path).content.decode()
        assert "I am well" in read
        assert "I need help" in read
        assert yard.now(visit).asked_at is not None, "nobody has answered"
        assert (
            "Thank you. You are asked again at"
            in client.post(path, {"verb": "acknowledge"}, follow=True).content.decode()
        )
    now = yard.now(visit)
    assert (now.sign, now.asked_at) == (Sign.CHECK_IN, None)
    assert visit.events.get(kind="check_in").via == Door.LINK
    world.minutes(29)
    yard.phone(yard.bo).is_silent()
    with clock.replaced_by(lambda: world.at):
        client.post(path, {"verb": "decline"}, follow=True)
    world.run_due()
    for person in (yard.al, yard.mo):
        yard.phone(person).got("Bo asks for help on a site visit")
        yard.phone(person).got("HELP: Bo at Mill Lane")
    end(yard, visit)


def test_silence_is_asked_rung_then_told_to_the_watcher_then_to_the_duty_manager(yard: Yard, world: World) -> None:
    visit = yard.goes()
    began = world.at
    yard.falls_silent(visit)
    page = Page.objects.get()
    assert (page.priority, world.at - began) == (1, 45 * MINUTE)
    world.minutes(3)
    yard.phone(yard.al).got("Nothing is heard of Bo")  # rung again
    world.minutes(7)
    yard.phone(yard.al).heard += 2  # rung again at six and nine minutes
    yard.phone(yard.mo).got("Nothing is heard of Bo on a site visit")
    yard.phone(yard.mo).got("Ring first: Gatehouse 020 7946 0123")
    page.refresh_from_db()
    assert page.state == Page.State.RESOLVED, "one page rings, not two"
    (second,) = Page.objects.exclude(id=page.id)
    world.minutes(2)
    yard.texts(yard.mo, f"ok {second.code}")
    yard.phone(yard.mo).got("You have it")
    world.minutes(5)
    assert yard.texts(yard.bo, "ok").startswith("Thank you")
    yard.phone(yard.bo).got("Thank you")
    yard.phone(yard.al).got("Bo is safe")
    yard.phone(yard.mo).got("Bo is safe")
    second.refresh_from_db()
    assert second.state == Page.State.RESOLVED
    assert yard.now(visit).watch.watcher_at is None, "asked again from here on"
    end(yard, visit)


def test_nobody_takes_it_and_it_never_just_stops(yard: Yard, world: World) -> None:
    visit = yard.goes()
    yard.falls_silent(visit)
    world.minutes(10)
    for phone in (yard.al, yard.mo):
        yard.phone(phone).heard = len(yard.phone(phone).rang)
    world.minutes(120)
    assert len(yard.phone(yard.mo).rang) > yard.phone(yard.mo).heard, "everybody is rung, again and again"
    world.hush()
    end(yard, visit)


def test_who_takes_the_alarm_has_twenty_minutes_and_says_how_it_ended(yard: Yard, world: World) -> None:
    visit = yard.goes()
    yard.falls_silent(visit)
    page = Page.objects.get()
    yard.texts(yard.al, f"ok {page.code}")
    yard.phone(yard.al).got("You have it")
    world.minutes(19)
    assert yard.now(visit).taken_by == "Al"
    assert yard.now(visit).manager_at is None
    yard.phone(yard.mo).is_silent()
    yard.phone(yard.al).heard = len(yard.phone(yard.al).rang)  # a P1's owner is asked whether they are awake
    yard.texts(yard.al, f"done {page.code}")
    yard.phone(yard.al).got("Resolved")
    now = yard.now(visit)
    assert (now.sign, now.watcher_at, now.state) == (Sign.VOUCHED, None, Visit.State.OUT)
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    end(yard, visit)


def test_taken_and_not_ended_the_duty_manager_hears_of_it_all_the_same(yard: Yard, world: World) -> None:
    visit = yard.goes()
    yard.falls_silent(visit)
    yard.texts(yard.al, f"ok {Page.objects.get().code}")
    yard.phone(yard.al).got("You have it")
    world.minutes(20)
    yard.phone(yard.mo).got("Nothing is heard of Bo on a site visit")
    yard.phone(yard.mo).got("Nothing is heard of Bo at Mill Lane")
    yard.phone(yard.al).heard = len(yard.phone(yard.al).rang)
    end(yard, visit)
    yard.phone(yard.mo).heard = len(yard.phone(yard.mo).rang)


def test_the_duress_word_looks_like_a_check_in_and_tells_both_at_once(yard: Yard, world: World) -> None:
    visit = yard.goes()
    set_word(yard, "Jonquil")
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    plain = yard.texts(yard.bo, "ok")
    yard.phone(yard.bo).got("Thank you")
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    said = yard.texts(yard.bo, "ok, jonquil!")
    assert said == plain.replace("03:00", "03:30")
    yard.phone(yard.bo).got("Thank you")
    for person in (yard.al, yard.mo):
        yard.phone(person).got("read the note that was sent to you")
        yard.phone(person).got("DURESS: Bo at Mill Lane gave the duress word. Do not ring them.")
    assert {page.priority for page in Page.objects.all()} == {1}
    # Whoever holds Bo's telephone can end nothing, and sees nothing.
    assert yard.texts(yard.bo, "ok") == said
    yard.phone(yard.bo).got("Thank you")
    assert yard.texts(yard.bo, "done") == "Thank you. The visit is closed."
    yard.phone(yard.bo).got("closed")
    now = yard.now(visit)
    assert (now.state, now.alarm) == (Visit.State.OUT, Visit.Alarm.DURESS)
    seen = queries.as_seen_by(now, yard.bo.id)
    assert (seen.state, seen.alarm, seen.page, seen.watcher_at) == (Visit.State.ENDED, "", None, None)
    shown = [event.kind for event in queries.story(now, yard.bo.id)]
    assert shown == ["declared", "began", "asked", "check_in", "asked", "check_in", "check_in", "ended"]
    assert "duress" in [event.kind for event in queries.story(now, yard.al.id)]
    assert [line.text for line in out_on_site(shift(world)).lines] == ["Bo at Mill Lane, watched by Al: see its page"]
    assert not any("uress" in row.why for row in Promise.objects.all())
    for page in Page.objects.all():
        world.acknowledge(page, by=yard.al)
    end(yard, visit)


def test_the_duress_word_said_as_they_say_that_they_are_back_is_heard_too(yard: Yard, world: World) -> None:
    visit = yard.goes()
    set_word(yard, "blue tulip")
    world.minutes(10)
    assert yard.texts(yard.bo, "Done. Blue tulip") == "Thank you. The visit is closed."
    yard.phone(yard.bo).got("closed")
    assert yard.now(visit).alarm == Visit.Alarm.DURESS
    world.hush()
    for page in Page.objects.all():
        world.acknowledge(page, by=yard.al)
    end(yard, visit)
    assert SafetyCard.objects.get().duress_used_at is not None
    assert b"tulip" not in bytes(SafetyCard.objects.get().duress_digest)


def test_the_visitor_under_duress_cannot_resolve_the_alarm_of_it(yard: Yard, world: World) -> None:
    visit = yard.goes()
    set_word(yard, "jonquil")
    world.minutes(5)
    yard.texts(yard.bo, "jonquil")
    yard.phone(yard.bo).got("Thank you")
    world.hush()
    page = Page.objects.get(id=yard.now(visit).page_id)
    resolve_page(page_id=page.id, by=world.actor(yard.bo), via=Door.WEB, at=world.at)
    world.run_due()
    yard.phone(yard.al).got("read the note")
    assert Page.objects.get(id=yard.now(visit).page_id).state == Page.State.TRIGGERED
    world.hush()
    end(yard, visit)


def snooze_for_a_day(**doing: Any) -> Page:
    return snooze_page(until=doing["at"] + timedelta(days=1), **doing)


@pytest.mark.parametrize("verb", [acknowledge_page, resolve_page, snooze_for_a_day])
@pytest.mark.parametrize(("word", "says"), [("help", "asks for help on a site visit"), ("jonquil", "read the note")])
def test_neither_visitors_account_silences_the_alarm_of_help_or_of_duress(
    yard: Yard, world: World, word: str, says: str, verb: Any
) -> None:
    cy = world.person("Cy")
    visit = yard.goes(companion_id=cy.id)
    set_word(yard, "jonquil")
    yard.texts(yard.bo, word)
    world.hush()
    alarm = yard.now(visit).alarm
    for which, rings in (("page_id", yard.al), ("manager_page_id", yard.mo)):
        for visitor in (yard.bo, cy):
            page_id = getattr(yard.now(visit), which)
            verb(page_id=page_id, by=world.actor(visitor), via=Door.WEB, at=world.at)
            world.run_due()
            yard.phone(rings).got(says)
            now = yard.now(visit)
            assert Page.objects.get(id=page_id).state == Page.State.RESOLVED
            assert Page.objects.get(id=getattr(now, which)).state == Page.State.TRIGGERED
            assert (now.alarm, now.taken_at) == (alarm, None)
            world.hush()
    end(yard, visit)


def test_a_machine_that_resolves_the_alarm_vouches_for_nobody(yard: Yard, world: World) -> None:
    visit = yard.goes()
    yard.falls_silent(visit)
    grants, scopes = frozenset({(world.brand.id, "engineer")}), frozenset({"resolve_page"})
    script = Actor("machine", "9", "Script", grants, scopes)
    resolve_page(page_id=Page.objects.get().id, by=script, via=Door.API, at=world.at)
    world.run_due()
    yard.phone(yard.al).got("Nothing is heard of Bo on a site visit")
    now = yard.now(visit)
    assert now.watcher_at is not None
    assert Page.objects.get(id=now.page_id).state == Page.State.TRIGGERED
    assert Sign.VOUCHED not in yard.kinds(visit)
    world.hush()
    end(yard, visit)


@pytest.mark.parametrize("word", ["HELP", "Hilfe!"])
def test_help_texted_on_a_visit_is_a_call_for_help_before_it_is_the_carriers_word(
    yard: Yard, world: World, word: str
) -> None:
    visit = yard.goes()
    said = yard.texts(yard.bo, word)
    assert said.startswith("Al and the duty manager are told now.")
    yard.phone(yard.bo).got(said)
    for person in (yard.al, yard.mo):
        yard.phone(person).got("Bo asks for help on a site visit")
        yard.phone(person).got("HELP: Bo at Mill Lane")
    assert yard.now(visit).alarm == Visit.Alarm.HELP
    assert yard.texts(yard.bo, "STOP") == "Texts to this number are off."
    world.hush()
    end(yard, visit)
    assert yard.texts(yard.bo, word) == "The carrier answers this word."


def test_help_texted_within_the_hour_before_they_leave_begins_the_visit_and_tells_both(
    yard: Yard, world: World
) -> None:
    visit = yard.goes(leaves_at=world.at + timedelta(hours=2))
    assert yard.texts(yard.bo, "HELP") == "The carrier answers this word.", "nothing of theirs is near"
    assert yard.now(visit).state == Visit.State.PLANNED
    world.minutes(61)
    said = yard.texts(yard.bo, "HELP")
    assert said.startswith("Al and the duty manager are told now.")
    yard.phone(yard.bo).got(said)
    yard.phone(yard.al).got("You watch Bo")
    for person in (yard.al, yard.mo):
        yard.phone(person).got("Bo asks for help on a site visit")
        yard.phone(person).got("HELP: Bo at Mill Lane")
    assert (yard.now(visit).state, yard.now(visit).alarm) == (Visit.State.OUT, Visit.Alarm.HELP)
    world.hush()
    end(yard, visit)


def test_help_before_a_visit_that_cannot_begin_is_heard_all_the_same(yard: Yard, world: World) -> None:
    cy = world.person("Cy")
    out = yard.goes(person_id=cy.id)
    planned = yard.goes(companion_id=cy.id, leaves_at=world.at + timedelta(minutes=30))
    said = yard.texts(yard.bo, "help")
    assert said.startswith("Al and the duty manager are told now.")
    yard.phone(yard.bo).got(said)
    for person in (yard.al, yard.mo):
        yard.phone(person).got("Bo and Cy asks for help on a site visit")
        yard.phone(person).got("HELP: Bo and Cy at Mill Lane")
    assert yard.now(planned).state == Visit.State.PLANNED
    for page in Page.objects.all():
        resolve_page(page_id=page.id, resolution="Spoke to Bo", by=world.actor(yard.al), via=Door.WEB, at=world.at)
    actions.cancel_visit(visit_id=planned.pk, **world.doing)
    world.hush()
    end(yard, out)


def test_info_texted_on_a_visit_is_the_carriers_word_and_alarms_nobody(yard: Yard, world: World) -> None:
    visit = yard.goes()
    assert yard.texts(yard.bo, "INFO") == "The carrier answers this word."
    assert yard.now(visit).alarm == ""
    end(yard, visit)


@pytest.mark.parametrize("words", ["jonquil", "done jonquil"])
def test_the_duress_word_texted_before_they_leave_is_heard(yard: Yard, world: World, words: str) -> None:
    set_word(yard, "jonquil")
    visit = yard.goes(leaves_at=world.at + timedelta(hours=2))
    assert yard.texts(yard.bo, words).startswith("Thank you. You are asked again at")
    yard.phone(yard.bo).got("Thank you")
    now = yard.now(visit)
    assert (now.state, now.alarm) == (Visit.State.OUT, Visit.Alarm.DURESS)
    yard.phone(yard.al).got("You watch Bo")
    for person in (yard.al, yard.mo):
        yard.phone(person).got("read the note that was sent to you")
        yard.phone(person).got("DURESS: Bo at Mill Lane gave the duress word. Do not ring them.")
    end(yard, visit)


def test_no_is_a_call_for_help_and_tells_both_at_once(yard: Yard, world: World) -> None:
    visit = yard.goes()
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    said = yard.texts(yard.bo, "no")
    assert "In danger, ring 999 or 112. Nightdesk never rings them" in said
    yard.phone(yard.bo).got("Al and the duty manager are told now")
    for person in (yard.al, yard.mo):
        yard.phone(person).got("Bo asks for help on a site visit")
        yard.phone(person).got("HELP: Bo at Mill Lane")
    yard.texts(yard.bo, "ok")
    yard.phone(yard.bo).got("Thank you")
    assert yard.now(visit).alarm == Visit.Alarm.HELP, "who has called for help is seen to"
    for page in Page.objects.all():
        world.acknowledge(page, by=yard.al)
    actions.vouch_for_visitor(
        visit_id=visit.pk, words="Spoke to Bo: a sprained ankle, taxi ordered", by=world.actor(yard.al), via=Door.WEB, at=world.at
    )  # fmt: skip
    world.run_due()
    assert yard.now(visit).alarm == ""
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    end(yard, visit)


def test_words_that_are_no_answer_answer_nothing_and_the_watcher_reads_them(yard: Yard, world: World) -> None:
    visit = yard.goes()
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    said = yard.texts(yard.bo, "ok but I think somebody is in the cellar")
    assert "OK: I am well, NO: I need help, DONE: I am back safe" in said
    yard.phone(yard.bo).got("not understood")
    yard.phone(yard.al).got("somebody is in the cellar")
    assert yard.now(visit).asked_at is not None
    yard.texts(yard.bo, "ok")
    yard.phone(yard.bo).got("Thank you")
    end(yard, visit)


@pytest.mark.parametrize("sign", [Sign.PAGE, Sign.SIGNED_IN, Sign.CALL, Sign.DOOR, Sign.TRACKER], ids=str)
def test_a_sign_of_life_spares_them_the_question_and_is_shown_as_what_it_was(
    yard: Yard, world: World, sign: Sign
) -> None:
    visit = yard.goes()
    world.minutes(20)
    shows(yard, sign)
    world.minutes(29)
    yard.phone(yard.bo).is_silent()
    assert yard.now(visit).sign == sign
    world.minutes(1)
    yard.phone(yard.bo).got("are you well")
    assert yard.kinds(visit).count(sign) >= 1
    assert str(queries.EVENT_WORDS[sign])
    end(yard, visit)


@pytest.mark.parametrize("sign", [Sign.PAGE, Sign.DOOR], ids=str)
def test_once_the_watcher_is_told_only_their_own_word_ends_it(yard: Yard, world: World, sign: Sign) -> None:
    visit = yard.goes()
    yard.falls_silent(visit)
    shows(yard, sign)
    now = yard.now(visit)
    assert (now.watcher_at is not None, now.events.filter(kind=sign, counted=True).exists()) == (True, False)
    yard.phone(yard.al).is_silent()
    world.acknowledge(Page.objects.exclude(state="resolved").get(title__contains="Nothing is heard"), by=yard.al)
    end(yard, visit)


def test_an_empty_battery_is_silence_and_the_next_step_comes_in_its_time(world: World) -> None:
    yard = Yard(world)
    visit = yard.goes()
    lost = world.provider("swallows", "swallows")
    world.minutes(40)
    assert len(lost.asked_at) >= 2, "asked and asked again, and no receipt ever comes"
    lost.does = "delivers"
    yard.phone(yard.bo).heard = len(yard.phone(yard.bo).rang)
    world.minutes(5)
    yard.phone(yard.al).got("Nothing is heard of Bo")
    assert yard.now(visit).watcher_at == world.at
    world.hush()
    end(yard, visit)


def test_after_a_restart_what_was_missed_is_done_at_once_and_leaves_time_to_answer(yard: Yard, world: World) -> None:
    visit = yard.goes()
    world.at += timedelta(hours=2)  # nothing ran
    world.run_due()
    yard.phone(yard.bo).got("are you well")
    yard.phone(yard.al).is_silent()
    world.minutes(2)
    yard.phone(yard.bo).got("are you well")
    world.minutes(2)
    yard.phone(yard.al).got("Nothing is heard of Bo")
    world.hush()
    world.minutes(2)
    yard.phone(yard.mo).got("Nothing is heard of Bo")
    world.hush()
    end(yard, visit)


def test_in_the_night_of_the_clock_change_every_step_keeps_its_distance(db: None) -> None:
    # 01:30 BST; at 02:00 BST it is 01:00 GMT.
    with new_world(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) as world:
        yard = Yard(world)
        visit = yard.goes()
        world.minutes(30)
        assert yard.phone(yard.bo).got("are you well") == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
        said = yard.texts(yard.bo, "ok")
        assert "asked again at 01:30 GMT" in said, "the hour comes twice, so its zone is named"
        yard.phone(yard.bo).got("Thank you")
        world.minutes(30)
        assert yard.phone(yard.bo).got("are you well") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        end(yard, visit)


def test_it_stays_open_in_the_handover_note_until_they_are_back_and_the_watch_goes_with_the_seat(
    yard: Yard, world: World
) -> None:
    visit = yard.goes()
    section = out_on_site(shift(world))
    assert [line.text for line in section.lines] == ["Bo at Mill Lane, watched by Al: well"]
    cy = world.person("Cy")
    duty.pass_duty(seat_key="front", to_person_id=cy.id, **world.doing)
    world.run_due()
    yard.phone(cy).got("You are on duty as Front")
    yard.phone(cy).got("You watch Bo")
    assert yard.now(visit).watcher == cy
    end(yard, visit)
    assert out_on_site(shift(world)).lines == ()


def test_a_visit_that_is_declared_for_later_begins_by_itself(yard: Yard, world: World) -> None:
    visit = yard.goes(leaves_at=world.at + timedelta(hours=1))
    assert visit.state == Visit.State.PLANNED
    world.minutes(60)
    yard.phone(yard.al).got("You watch Bo")
    world.minutes(30)
    yard.phone(yard.bo).got("are you well")
    end(yard, visit)


def test_a_drill_goes_the_whole_way_and_its_times_are_on_record(yard: Yard, world: World) -> None:
    visit = yard.goes(drill=True, every=MINUTE, grace=MINUTE)
    world.minutes(1)
    yard.phone(yard.bo).got("DRILL: Site visit Mill Lane")
    world.minutes(6)
    yard.phone(yard.bo).got("DRILL")
    yard.phone(yard.al).got("DRILL: Nothing is heard of Bo on a site visit")
    yard.phone(yard.al).got("DRILL: Nothing is heard of Bo at Mill Lane")
    page = Page.objects.get()
    world.minutes(1)
    yard.texts(yard.al, f"ok {page.code}")
    yard.phone(yard.al).got("You have it")
    end(yard, visit)
    story = dict(yard.now(visit).events.values_list("kind", "at"))
    assert [story[kind] - story["began"] for kind in ("asked", "rang", "watcher_told", "taken", "ended")] == [
        1 * MINUTE, 2 * MINUTE, 7 * MINUTE, 8 * MINUTE, 8 * MINUTE
    ]  # fmt: skip


def test_where_they_were_is_forgotten_and_the_journal_with_it(yard: Yard, world: World) -> None:
    visit = yard.goes()
    world.minutes(5)
    end(yard, visit)
    entries = Entry.objects.filter(subject_kind="visit").values("id")
    assert any("Mill Lane" in text for text in PersonalText.objects.values_list("text", flat=True))
    assert not any(
        "Mill Lane" in str(facts) for facts in Entry.objects.filter(id__in=entries).values_list("facts", flat=True)
    )
    assert actions.drop_visit_records(at=world.at + timedelta(days=80)) == 0
    assert actions.drop_visit_records(at=world.at + timedelta(days=91)) == 1
    assert not Visit.objects.exists()
    assert not PersonalText.objects.filter(entry_id__in=entries).exists()


# --- Words of these stories ------------------------------------------------------------------------------------------


def end(yard: Yard, visit: Visit) -> None:
    """Al has met Bo; nothing rings any more."""
    actions.end_visit(
        visit_id=visit.pk, words="met at the depot", by=yard.world.actor(yard.al), via=Door.WEB, at=yard.world.at
    )
    yard.world.run_due()
    yard.world.hush()
    yard.world.minutes(90)
    assert not Page.objects.exclude(state="resolved").filter(title__contains="site visit").exists()


def set_word(yard: Yard, word: str) -> None:
    site_actions.set_duress_word(
        person_id=yard.bo.id, word=word, by=yard.world.actor(yard.bo), via=Door.WEB, at=yard.world.at
    )


def shift(world: World) -> Any:
    seat = Seat.objects.get(key="front")
    ends = world.at + timedelta(hours=6)
    return Shift(seat.id, "front", world.brand.id, None, world.at, world.at, ends, world.at)


def shows(yard: Yard, sign: Sign) -> None:
    """Bo is seen in that way, through the door by which it comes."""
    world = yard.world
    match sign:
        case Sign.PAGE:
            world.escalate((0, yard.bo))
            page = world.alarm("db down")
            yard.phone(yard.bo).got("db down")
            world.acknowledge(page, by=yard.bo)
            resolve_page(page_id=page.id, by=world.actor(yard.bo), via=Door.WEB, at=world.at)
        case Sign.SIGNED_IN:
            signs_in(yard)
        case Sign.CALL:
            answers_a_call(yard)
        case _:
            site_actions.set_badge(person_id=yard.bo.id, badge="04A1", **world.doing)
            user = account_of(world, yard.al)
            _token, secret = access.make_token(name="doors", scopes=["note_visit_sign"], user_id=user.pk, **world.doing)
            with clock.replaced_by(lambda: world.at):
                answer = Client().post(
                    "/api/v1/visits/signs",
                    {"badge": "04A1", "sign": str(sign), "what": "north door"},
                    content_type="application/json",
                    headers={"Authorization": f"Bearer {secret}"},
                )
            assert answer.status_code == 200, answer.content
    world.run_due()


def signs_in(yard: Yard) -> None:
    """By the page, with the password."""
    account = account_of(yard.world, yard.bo)
    account.set_password("a quiet harbour")
    account.save(update_fields=["password"])
    with clock.replaced_by(lambda: yard.world.at):
        answer = Client().post("/account/login/", {"login": account.email, "password": "a quiet harbour"})
    assert answer.status_code == 302, answer.content


def answers_a_call(yard: Yard) -> None:
    """A customer rings the line, and Bo, who has its seat, picks up."""
    world, number = yard.world, "+447700900200"
    method = people.add_contact_method(person_id=yard.bo.id, channel="voice", address=number, **world.doing)
    people.confirm_contact_method(method_id=method.id, **world.doing)
    world.seat("line", yard.bo)
    Line.objects.create(
        brand=world.brand, name="Support", numbers=["+442079460100"], shown_number="+442079460100",
        pager_number="+442079460199", day_seats=["line"], night_seats=["line"],
    )  # fmt: skip
    world.hush()
    exchange = Exchange(world)
    exchange.telephone(number, 1)
    caller = exchange.rings("+442079460777", "+442079460100")
    exchange.seconds(20)
    assert exchange.call(caller).answered_person == yard.bo, exchange.call(caller).ended_as
    exchange.rings_off(caller)
