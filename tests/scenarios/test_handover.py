"""A duty is handed over: what the people hear, and who has it all the while."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import IllegalTransition
from nightdesk.channels.actions import receive_inbound, save_route
from nightdesk.channels.driver import Heard, Reply
from nightdesk.channels.links import make_link
from nightdesk.channels.models import Delivery, Message, Route
from nightdesk.duty import actions as duty
from nightdesk.duty import away_actions, handover_actions, queries
from nightdesk.duty.models import Hold, Note
from nightdesk.journal.models import Entry
from nightdesk.lines.twiml.signature import sign
from nightdesk.people.models import Person
from nightdesk.rota import actions as rota
from nightdesk.rota.models import Seat
from tests.world import World, world

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SIX = NOON + timedelta(hours=6)
TOKEN = "the account's secret"


def night(there: World, *names: Person, zone: str = "Europe/London", at: str = "18:00", required: bool = True) -> None:
    """A seat "night" that the first of them has since now; they take turns of a day each from `at` on by clocks in `zone`."""
    rota.make_rota(
        brand_id=there.brand.id,
        name="Nights",
        zone=zone,
        seats=[
            {"key": "night", "name": "Night", "acceptance_required": required},
            {"key": "standby", "name": "Standby"},
        ],
        **there.doing,
    )
    duty.set_first_holder(seat_key="night", person_id=names[0].id, **there.doing)
    day = (there.at - timedelta(days=at == "18:00")).date()
    layer = {"members": [{"person": each.id} for each in names], "anchor": f"{day}T{at}", "turn": "day"}
    rota.set_layers(seat_key="night", layers=[layer], **there.doing)
    there.hush()


def stand_behind(there: World, person: Person) -> None:
    """That person has the seat that stands behind the night."""
    Seat.objects.filter(key="standby").update(behind=Seat.objects.get(key="night"))
    duty.set_first_holder(seat_key="standby", person_id=person.id, **there.doing)
    there.run_due()


def texts(there: World, person: Person, words: str) -> str:
    """The person texts that; what comes back to their telephone."""
    route = Route.objects.get(driver="test-phone")
    number = person.contact_methods.get(channel="sms").address
    said = Reply(f"in-{there.at.isoformat()}-{words}", number, "+440000", words)
    receive_inbound(
        route_id=route.id,
        channel="sms",
        heard=[Heard(words.encode(), lambda: said)],
        genuine=True,
        by=there.actor(person),
        via=Door.SMS,
        at=there.at,
    )
    there.run_due()
    phone = there.phone(person)
    phone.heard += 1
    return phone.rang[phone.heard - 1][1]


def holder() -> str:
    return Hold.objects.get(seat__key="night", until_at=None).person.name


def always_held_by_one(since: datetime) -> None:
    """From the first on, the holds follow each other without a gap."""
    holds = list(Hold.objects.filter(seat__key="night").order_by("from_at", "id"))
    assert holds[0].from_at == since
    assert [hold.until_at for hold in holds[:-1]] == [hold.from_at for hold in holds[1:]]
    assert holds[-1].until_at is None


def test_the_next_one_accepts_by_one_reply_which_proves_their_telephone() -> None:
    with world(NOON) as there:
        al, bo = there.person("Al"), there.person("Bo")
        night(there, al, bo)
        handover_actions.write_note(
            seat_key="night", words="The UPS hums.", left_out=[], by=there.actor(al), via=Door.WEB, at=there.at
        )
        handover_actions.add_watch_item(seat_key="night", words="Fan 3", by=there.actor(al), via=Door.WEB, at=there.at)
        there.minutes(330)
        assert there.phone(al).got("The note of Night") == SIX - timedelta(minutes=30)
        asked_at = there.phone(bo).got("Your duty as Night begins")
        assert asked_at == SIX - timedelta(minutes=30)
        there.minutes(5)
        assert "You have Night from" in texts(there, bo, "ok")
        assert bo.contact_methods.get(channel="sms").proved_at == there.at
        assert holder() == "Al"
        there.minutes(60)
        assert holder() == "Bo"
        note = Note.objects.get(hold__person=bo)
        (copy,) = queries.copies_of(note)
        assert (copy.by, copy.via, copy.at) == ("Bo", "sms", SIX - timedelta(minutes=25))
        assert "The UPS hums." in copy.text
        assert "Fan 3 (Al)" in copy.text
        assert (note.words, Note.objects.filter(seat=note.seat, closed_at=None).count()) == ("", 0)
        always_held_by_one(NOON)


def asked(person: Person) -> Delivery:
    """What asks that person to take over the night."""
    return Delivery.objects.get(
        recipient_kind="person",
        recipient_id=str(person.id),
        message_id__in=Message.objects.filter(kind="duty.ask").values("id"),
    )


def test_the_next_one_accepts_by_the_link_in_the_message() -> None:
    with world(NOON) as there:
        al, bo = there.person("Al"), there.person("Bo")
        night(there, al, bo)
        there.minutes(335)
        there.phone(al).got("The note")
        there.phone(bo).got("begins")
        link = urlsplit(make_link(asked(bo).id, asked(bo).month)).path
        with clock.replaced_by(lambda: there.at):
            assert "Your duty as Night begins" in there.client.get(link).content.decode()
            assert there.client.post(link, {"verb": "acknowledge"}).status_code == 302
        assert (Entry.objects.filter(kind="duty.accepted").latest("at").by_name) == "Bo"
        there.minutes(60)
        assert holder() == "Bo"
        always_held_by_one(NOON)


def test_the_next_one_accepts_by_a_key_of_the_telephone_that_rings_them() -> None:
    with world(NOON) as there:
        al, bo = there.person("Al"), there.person("Bo")
        night(there, al, bo)
        there.minutes(335)
        there.phone(al).got("The note")
        there.phone(bo).got("begins")
        route = save_route(
            channel="voice", driver="twilio_voice", name="telephone", config={"account_sid": "AC1", "from": "+15005550006"},
            secrets={"auth_token": TOKEN}, **there.doing,
        )  # fmt: skip
        row = asked(bo)
        Delivery.objects.filter(id=row.id).update(
            channel="voice", state="accepted", accepted_at=there.at, attempt=1, provider_id="CA1", route_id=route.id,
            ended_at=None, due_at=there.at + timedelta(seconds=75), routes_tried=[[route.id, "accepted"]],
        )  # fmt: skip
        about = urlencode({"d": str(row.id), "m": row.month.isoformat(), "n": "1", "t": "1"})
        pressed = {"CallSid": "CA1", "CallStatus": "in-progress", "Digits": "1"}
        address = f"/providers/twilio/{route.id}/voice/key?{about}"
        with clock.replaced_by(lambda: there.at):
            answer = there.client.post(
                address, urlencode(pressed), content_type="application/x-www-form-urlencoded",
                headers={"X-Twilio-Signature": sign(f"http://testserver{address}", pressed, TOKEN)},
            )  # fmt: skip
        assert "You have Night from" in answer.content.decode()
        there.minutes(60)
        assert holder() == "Bo"
        always_held_by_one(NOON)


def test_nobody_accepts_and_one_after_the_other_is_asked_until_the_manager_takes_it() -> None:
    with world(NOON) as there:
        al, bo, di = there.person("Al"), there.person("Bo"), there.person("Di")
        mo = there.person("Mo", manager=True)
        night(there, al, bo)
        stand_behind(there, di)
        there.minutes(330)
        there.phone(al).got("The note")
        there.phone(bo).got("begins")
        there.minutes(39)
        assert Promise.objects.get(kind="duty.chase", ended_at=None).due_at == SIX + timedelta(minutes=10)
        there.minutes(1)
        assert there.phone(bo).got("has begun") == SIX + timedelta(minutes=10)
        there.phone(al).got("You are still on duty")
        there.minutes(5)
        assert there.phone(di).got("Nobody has taken") == SIX + timedelta(minutes=15)
        there.minutes(5)
        assert there.phone(mo).got("Nobody has taken") == SIX + timedelta(minutes=20)
        assert holder() == "Al"
        assert "You are on duty as Night" in texts(there, mo, "ok")
        assert holder() == "Mo"
        there.phone(al).got("Mo has taken the duty")
        assert not Promise.objects.filter(kind="duty.chase", ended_at=None).exists()
        there.minutes(60)
        always_held_by_one(NOON)


def test_accepting_calls_off_the_rest_of_the_ladder_in_the_same_moment() -> None:
    with world(NOON) as there:
        al, bo, di = there.person("Al"), there.person("Bo"), there.person("Di")
        night(there, al, bo)
        stand_behind(there, di)
        there.minutes(371)
        there.phone(al).got("The note")
        there.phone(bo).got("begins")
        there.phone(bo).got("has begun")
        there.phone(al).got("still on duty")
        duty.accept_duty(seat_key="night", turn_at=SIX, by=there.actor(bo), via=Door.WEB, at=there.at)
        assert not Promise.objects.filter(kind="duty.chase", ended_at=None).exists()
        there.minutes(60)  # Di hears nothing
        always_held_by_one(NOON)


def test_whoever_says_no_is_not_waited_for_and_their_reason_reaches_the_holder() -> None:
    with world(NOON) as there:
        al, bo, di = there.person("Al"), there.person("Bo"), there.person("Di")
        mo = there.person("Mo", manager=True)
        night(there, al, bo)
        stand_behind(there, di)
        there.minutes(330)
        there.phone(al).got("The note")
        there.phone(bo).got("begins")
        handover_actions.refuse_turn(
            seat_key="night", turn_at=SIX, reason="I am ill", by=there.actor(bo), via=Door.WEB, at=there.at
        )
        there.run_due()
        there.phone(al).got("Bo will not take")
        there.phone(mo).got("I am ill")
        there.minutes(40)
        there.phone(al).got("still on duty")
        assert there.phone(di).got("Nobody has taken") == SIX + timedelta(minutes=10)
        there.minutes(5)
        there.phone(mo).got("Nobody has taken")
        assert "do not take" in texts(there, di, "next")
        there.phone(al).got("Di will not take")
        assert holder() == "Al"
        there.minutes(60)
        always_held_by_one(NOON)


def test_a_duty_that_is_passed_by_hand_stays_until_it_is_accepted() -> None:
    with world(NOON) as there:
        al, bo, cy = there.person("Al"), there.person("Bo"), there.person("Cy")
        night(there, al, bo)
        passing = {"by": there.actor(al), "via": Door.WEB}
        duty.pass_duty(seat_key="night", to_person_id=cy.id, **passing, at=there.at)
        there.run_due()
        there.phone(cy).got("Al passes you the duty")
        assert holder() == "Al"
        assert "you do not take" in texts(there, cy, "not me")
        there.phone(al).got("Cy does not take")
        duty.pass_duty(seat_key="night", to_person_id=bo.id, **passing, at=there.at)
        there.minutes(15)
        there.phone(bo).got("passes you")
        there.phone(al).got("Bo has not accepted")
        assert holder() == "Al"
        duty.pass_duty(seat_key="night", to_person_id=cy.id, **passing, at=there.at)
        there.run_due()
        there.phone(cy).got("passes you")
        assert "You are on duty" in texts(there, cy, "ok")
        there.phone(al).got("Cy has taken the duty")
        with pytest.raises(IllegalTransition):
            handover_actions.accept_offer(seat_key="night", by=there.actor(bo), via=Door.WEB, at=there.at)
        assert holder() == "Cy"
        always_held_by_one(NOON)


def test_out_of_reach_pages_ring_the_standby_and_one_summary_says_what_happened() -> None:
    with world(NOON) as there:
        al, bo, di = there.person("Al"), there.person("Bo"), there.person("Di")
        night(there, al, bo, required=False)
        there.escalate((0, "night"))
        assert "Nobody who is in reach stands behind" in texts(there, al, "Away 12:40")
        stand_behind(there, di)
        assert "Out of reach until" in texts(there, al, "away 12:40")
        there.phone(di).got("You stand in for Night")
        page = there.alarm("db down")
        there.phone(di).got("db down")
        assert holder() == "Al"
        there.acknowledge(page, by=di)
        there.clear("db down")
        there.minutes(40)
        there.phone(al).got("While you were out of reach: 1 page")
        other = there.alarm("web down")
        there.phone(al).got("web down")
        there.acknowledge(other, by=al)
        assert queries.who_rings("night", there.at) == al.id


def test_back_before_the_time_is_back_at_once() -> None:
    with world(NOON) as there:
        al, bo, di = there.person("Al"), there.person("Bo"), there.person("Di")
        night(there, al, bo, required=False)
        stand_behind(there, di)
        texts(there, al, "away 18:00")
        there.phone(di).got("You stand in")
        there.minutes(10)
        there.phone(al).rang.clear()
        there.phone(al).heard = 0
        texts(there, al, "back")
        assert queries.who_rings("night", there.at) == al.id
        assert {text for _at, text in there.phone(al).rang} >= {"You are back, and rung again."}
        there.phone(al).heard = len(there.phone(al).rang)
        assert not Promise.objects.filter(kind="duty.back", ended_at=None).exists()
        assert Message.objects.filter(kind="duty.summary").count() == 1


@pytest.mark.parametrize(
    ("zone", "at", "local", "hour"),
    [
        # Clocks skip 02:00 to 03:00 in Chicago on 8 March 2026; show 01:00 to 02:00 twice on 1 November.
        ("America/Chicago", "2026-03-07T12:00", "02:30", "2026-03-08T08:00"),
        ("America/Chicago", "2026-10-31T12:00", "01:30", "2026-11-01T06:30"),
        ("Europe/London", "2026-03-28T12:00", "01:30", "2026-03-29T01:00"),
        ("Europe/London", "2026-10-24T12:00", "01:30", "2026-10-25T00:30"),
        ("Australia/Lord_Howe", "2026-04-04T03:00", "01:45", "2026-04-04T14:45"),
        ("Australia/Sydney", "2026-10-03T03:00", "02:30", "2026-10-03T16:00"),
    ],
)
def test_when_clocks_change_the_note_comes_half_an_hour_before_and_the_ladder_ten_minutes_after(
    zone: str, at: str, local: str, hour: str
) -> None:
    began = datetime.fromisoformat(at).replace(tzinfo=UTC)
    turn_at = datetime.fromisoformat(hour).replace(tzinfo=UTC)
    with world(began) as there:
        al, bo = there.person("Al"), there.person("Bo")
        night(there, al, bo, zone=zone, at=local)
        there.minutes((turn_at - began).total_seconds() / 60 + 11)
        first, second = (there.phone(bo), there.phone(al))
        heard = {phone.owner: [at for at, _text in phone.rang[phone.heard :]] for phone in (first, second)}
        for phone in (first, second):
            phone.heard = len(phone.rang)
        times = [turn_at - timedelta(minutes=30), turn_at + timedelta(minutes=10)]
        assert heard == {"Al": times, "Bo": times}
        always_held_by_one(began)


def test_a_person_who_holds_nothing_is_not_out_of_reach() -> None:
    with world(NOON) as there:
        al = there.person("Al")
        with pytest.raises(IllegalTransition, match="not on duty"):
            away_actions.go_out_of_reach(
                until_at=NOON + timedelta(hours=1), by=there.actor(al), via=Door.WEB, at=there.at
            )
