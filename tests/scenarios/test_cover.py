"""Somebody drops out of a duty: the others are asked, the first yes has it, nobody is left in doubt."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.channels.actions import receive_inbound
from nightdesk.channels.driver import Heard, Reply
from nightdesk.channels.models import Message, Route
from nightdesk.customers.actions import make_service
from nightdesk.customers.need_actions import set_skill_needs
from nightdesk.duty import cover_actions
from nightdesk.duty.models import CoverageHole, CoverAsk, CoverSearch, Hold
from nightdesk.duty.queries import who_is_on
from nightdesk.journal.models import Entry
from nightdesk.people import hours_actions
from nightdesk.people.models import Person
from nightdesk.people.skill_actions import save_skill, set_person_skill
from nightdesk.rota import actions as rota
from tests.world import World, world

pytestmark = pytest.mark.django_db(transaction=True)

HALF_PAST_FIVE = datetime(2026, 3, 3, 17, 30, tzinfo=UTC)
SIX = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)


class Night:
    """Bo's duty began at 17:30 and lasts until 08:00; Al, Cy and Di could stand in, and Mo manages them."""

    def __init__(self, here: World, *, acceptance_required: bool = False) -> None:
        self.here = here
        self.mo = here.person("Mo", manager=True)
        self.bo, self.al, self.cy, self.di = (here.person(name) for name in ("Bo", "Al", "Cy", "Di"))
        here.seat("night", self.bo, acceptance_required=acceptance_required)
        rota.set_layers(
            seat_key="night",
            layers=[
                {
                    "members": [{"person": self.bo.id}, {"person": self.al.id}, {"person": self.cy.id}],
                    "anchor": "2026-03-03T17:30",
                    "turn": "day",
                    "restrict": [{"weekdays": list(range(7)), "opens": "17:30", "closes": "08:00"}],
                }
            ],
            **here.doing,
        )
        here.run_due()
        here.at = SIX
        here.run_due()
        self.forget()

    def forget(self) -> None:
        """What the phones said until now is not what is looked at."""
        for phone in self.here.phones.values():
            phone.heard = len(phone.rang)

    def seek(self, *people: Person, **how: Any) -> CoverSearch:
        asked = [cover_actions.Candidate(person.id) for person in people]
        search = cover_actions.seek_cover(
            seat_key="night", starts_at=HALF_PAST_FIVE, candidates=asked, **how, **self.here.doing
        )
        self.here.run_due()
        return search

    def holder(self) -> str:
        with clock.replaced_by(lambda: self.here.at):
            return next(seat.person_name for seat in who_is_on(self.here.at))


@pytest.fixture
def night() -> Any:
    with world(HALF_PAST_FIVE) as here:
        yield Night(here)


def settled(night: Night, taker: Person, *others: Person) -> None:
    """The taker and Bo read that their duty has changed, and whoever else was asked that nobody need answer."""
    for person in (taker, night.bo):
        night.here.phone(person).got("Your duty as Night has changed")
    for person in others:
        night.here.phone(person).got(f"{taker.name} covers Night")


def answer(night: Night, search: CoverSearch, person: Person, verb: Any = cover_actions.take_cover) -> CoverAsk:
    by = night.here.actor(person)
    done: CoverAsk = verb(search_id=search.id, by=by, via=Door.SMS, at=night.here.at)
    night.here.run_due()
    return done


def test_a_duty_that_has_begun_is_open_from_now_and_the_first_yes_has_it(night: Night) -> None:
    search = night.seek(night.al, night.cy, together=True)
    assert search.starts_at == SIX
    for person in (night.al, night.cy):
        night.here.phone(person).got("Can you cover Night, Tue 3 Mar 18:00–Wed 08:00? Reply 1 for yes, 0 for no")
    night.here.minutes(2)
    answer(night, search, night.cy)
    assert night.holder() == "Cy"
    settled(night, night.cy, night.al)
    night.here.minutes(14 * 60)
    assert night.holder() == "Cy"  # until the next turn, and nobody is asked again
    night.here.minutes(10 * 60)
    assert night.holder() == "Al"
    night.forget()


def test_in_order_the_next_is_asked_when_one_declines_or_says_nothing(night: Night) -> None:
    search = night.seek(night.al, night.cy, night.di)
    night.here.phone(night.al).got("Can you cover")
    night.here.minutes(1)
    answer(night, search, night.al, cover_actions.turn_down_cover)
    night.here.phone(night.cy).got("Can you cover")
    night.here.minutes(4)
    night.here.phone(night.di).is_silent()
    night.here.minutes(1)
    night.here.phone(night.di).got("Can you cover")
    answer(night, search, night.cy)  # asked before Di, and may still say yes
    assert night.holder() == "Cy"
    settled(night, night.cy, night.di)


def test_a_yes_that_comes_too_late_is_thanked_and_changes_nothing(night: Night) -> None:
    search = night.seek(night.al, night.cy, together=True)
    answer(night, search, night.al)
    late = answer(night, search, night.cy)
    assert (late.answer, night.holder()) == ("late", "Al")
    for person in (night.al, night.cy):
        night.here.phone(person).got("Can you cover")
    settled(night, night.al, night.cy)


def test_when_nobody_will_the_manager_hears_of_it_and_a_late_yes_still_counts(night: Night) -> None:
    search = night.seek(night.al, night.cy, patience=timedelta(minutes=5))
    night.here.phone(night.al).got("Can you cover")
    answer(night, search, night.al, cover_actions.turn_down_cover)
    night.here.phone(night.cy).got("Can you cover")
    night.here.minutes(30)
    night.here.phone(night.mo).got("Nobody covers Night, Tue 3 Mar 18:00–Wed 08:00\nCannot: Al. No answer: Cy.")
    assert night.holder() == "Bo"  # duty falls between nobody
    answer(night, search, night.cy)
    assert night.holder() == "Cy"
    settled(night, night.cy)


def test_of_two_answers_at_once_one_is_first(night: Night) -> None:
    search = night.seek(night.al, night.cy, together=True)
    barrier = threading.Barrier(2)
    found: dict[int, CoverAsk] = {}

    def say_yes(person: Person) -> None:
        try:
            by = night.here.actor(person)
            barrier.wait(20)
            found[person.id] = cover_actions.take_cover(search_id=search.id, by=by, via=Door.SMS, at=night.here.at)
        finally:
            connection.close()

    threads = [threading.Thread(target=say_yes, args=(person,)) for person in (night.al, night.cy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    night.here.run_due()
    assert sorted(ask.answer or "" for ask in found.values()) == ["late", "yes"]
    first = next(ask.person for ask in found.values() if ask.answer == "yes")
    other = night.cy if first == night.al else night.al
    assert night.holder() == first.name
    assert Hold.objects.filter(until_at=None).count() == 1
    night.here.phone(night.al).got("Can you cover")
    night.here.phone(night.cy).got("Can you cover")
    settled(night, first, other)


def text_back(night: Night, person: Person, words: str) -> None:
    """The person texts `words` to the number that asked them."""
    reply = Reply(id=uuid4().hex, sender=person.contact_methods.get(channel="sms").address, to="", body=words)
    receive_inbound(
        route_id=Route.objects.get(channel="sms").id,
        channel="sms",
        heard=[Heard(words.encode(), lambda: reply)],
        genuine=True,
        by=Actor("machine", "route", "phones"),
        via=Door.SMS,
        at=night.here.at,
    )
    night.here.run_due()


def test_one_is_yes_and_zero_is_no_by_text(night: Night) -> None:
    search = night.seek(night.al, night.cy)
    night.here.phone(night.al).got("Reply 1 for yes, 0 for no")
    text_back(night, night.al, "0")
    night.here.phone(night.al).got("Somebody else is asked")
    night.here.phone(night.cy).got("Reply 1 for yes, 0 for no")
    text_back(night, night.cy, "1")
    search.refresh_from_db()
    assert search.taken_by == night.cy
    assert night.holder() == "Cy"
    night.here.phone(night.cy).got("You cover Night until Wed 08:00")
    settled(night, night.cy)


def test_who_falls_ill_on_duty_is_sought_cover_for_by_itself(night: Night) -> None:
    """The sick call comes at 18:00, on a duty that began at 17:30."""
    doing = {"by": night.here.actor(night.bo), "via": Door.WEB, "at": night.here.at}
    ill_until = SIX + timedelta(days=2)
    hours_actions.record_absence(
        person_id=night.bo.id, absence="sickness", starts_at=SIX, ends_at=ill_until, note="a cold", **doing
    )
    night.here.run_due()
    search = CoverSearch.objects.get()
    assert (search.starts_at, search.instead_of) == (SIX, night.bo)
    first = search.asks.select_related("person").first()
    assert first is not None
    asked = first.person
    assert asked != night.bo
    night.here.phone(asked).got("Can you cover Night, Tue 3 Mar 18:00–Wed 08:00?")
    assert not any("cold" in text or "sick" in text for phone in night.here.phones.values() for _at, text in phone.rang)
    answer(night, search, asked)
    assert night.holder() == asked.name
    settled(night, asked)


def test_who_falls_ill_takes_what_they_know_with_them_and_the_manager_hears_so_at_once(night: Night) -> None:
    """Bo alone knows lift phones, and calls in sick while on duty."""
    here = night.here
    skill = save_skill(brand_id=here.brand.id, key="lifts", name="Lift phones", **here.doing)
    service = make_service(brand_id=here.brand.id, key="lift-line", name="Lift line", **here.doing)
    for person in (night.bo, night.al, night.cy):
        set_person_skill(person_id=person.id, skill_id=skill.pk, level=2, **here.doing)
    set_skill_needs(of=("service", service.pk), needs={skill.pk: 2}, **here.doing)
    here.run_due()
    assert not CoverageHole.objects.exists()
    absent = hours_actions.record_absence(
        person_id=night.bo.id, absence="sickness", starts_at=SIX, ends_at=SIX + timedelta(hours=20), **here.doing
    )
    here.run_due()
    (hole,) = CoverageHole.objects.all()
    assert (hole.starts_at, hole.ends_at) == (SIX, datetime(2026, 3, 4, 8, tzinfo=UTC)), absent
    found = Entry.objects.get(kind="coverage.found")
    assert (found.at, found.facts["count"]) == (SIX, 1)
    here.phone(night.mo).got("nobody who is on will know Lift line")
    assert Message.objects.get(kind="coverage.told").cause == found.id
    asked = CoverSearch.objects.get().asks.select_related("person").order_by("position")[0].person
    here.phone(asked).got("Can you cover Night")
    answer(night, CoverSearch.objects.get(), asked)
    settled(night, asked)
    assert not CoverageHole.objects.filter(withdrawn_at=None).exists(), "whoever covers knows it"
    assert Entry.objects.filter(kind="coverage.mended").exists()


def test_cover_for_a_duty_without_an_end_is_sought_for_a_week(night: Night) -> None:
    """Its holder is away for a month. Nobody may work a week on end, so a manager has to see to it, and hears so at once."""
    rota.set_layers(seat_key="night", layers=[], **night.here.doing)
    night.here.run_due()
    night.forget()
    hours_actions.record_absence(
        person_id=night.bo.id, absence="leave", starts_at=SIX, ends_at=SIX + timedelta(days=30), **night.here.doing
    )
    night.here.run_due()
    assert CoverSearch.objects.get().ends_at == SIX + timedelta(days=7)
    night.here.phone(night.mo).got("Nobody covers Night, Tue 3 Mar 18:00–Tue 18:00")
    assert night.holder() == "Bo"
