"""Who is alone, who listens, and what a newcomer has seen."""

from datetime import UTC, datetime, timedelta

import pytest

from nightdesk.base.refusals import IllegalTransition, Invalid
from nightdesk.duty import actions, pairings
from nightdesk.duty.pairing_actions import end_pairing, pair_newcomer
from nightdesk.duty.tests.nights import DAY, HOUR, Nights
from nightdesk.people.models import Absence, Person
from nightdesk.people.skill_actions import begin_as_newcomer
from nightdesk.rota.models import Seat
from nightdesk.rota.newcomers import NewcomerAlone

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def nights() -> Nights:
    """A night of two seats: Al has the first, Bo the second. Ny and Nu are new."""
    nights = Nights(NOON)
    nights.rota("night", "second")
    nights.first("Al")
    nights.first("Bo", seat="second")
    for name in ("Ny", "Nu"):
        begin_as_newcomer(person_id=nights.person(name), **nights.doing)
    return nights


def _alone(nights: Nights, name: str, at: datetime | None = None) -> bool:
    person = nights.person(name)
    return bool(pairings.alone(Seat.objects.get(key="night"), [person], at or nights.at, nights.at))


def test_beside_somebody_experienced_a_newcomer_is_not_alone(nights: Nights) -> None:
    assert not _alone(nights, "Ny")
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Ny"), **nights.doing)
    assert nights.holder() == "Ny"


def test_two_newcomers_are_alone_together(nights: Nights) -> None:
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Ny"), **nights.doing)
    with pytest.raises(NewcomerAlone):
        actions.pass_duty(seat_key="second", to_person_id=nights.person("Nu"), **nights.doing)
    assert nights.holder(seat="second") == "Bo"


def test_whoever_is_away_is_no_company(nights: Nights) -> None:
    Absence.objects.create(
        person_id=nights.person("Bo"), kind="leave", starts_at=NOON, ends_at=NOON + HOUR, recorded_at=NOON
    )
    assert _alone(nights, "Ny")


def test_for_a_turn_to_come_the_plan_says_who_is_there(nights: Nights) -> None:
    nights.layers(nights.daily("Nu"), seat="second")
    later = NOON + 2 * DAY
    assert _alone(nights, "Ny", later)
    nights.layers(nights.daily("Bo"), seat="second")
    assert not _alone(nights, "Ny", later)


def test_a_pairing_holds_for_its_days_and_may_end_early(nights: Nights) -> None:
    ny = Person.objects.get(id=nights.person("Ny"))
    row = pair_newcomer(
        newcomer_id=ny.id, seat_key="night", starts_at=NOON, ends_at=NOON + timedelta(days=7), **nights.doing
    )
    again = pair_newcomer(newcomer_id=ny.id, seat_key="night", starts_at=NOON, ends_at=row.ends_at, **nights.doing)
    assert again == row
    al = nights.person("Al")
    assert pairings.listeners([al], NOON) == [ny]
    assert pairings.listeners([al], NOON + timedelta(days=7)) == []
    assert pairings.listeners([nights.person("Bo")], NOON) == []
    end_pairing(pairing_id=row.pk, **nights.doing)
    assert pairings.listeners([al], NOON) == []


def test_handovers_beside_which_they_were_are_on_their_record(nights: Nights) -> None:
    ny = nights.person("Ny")
    pair_newcomer(newcomer_id=ny, seat_key="second", starts_at=NOON, ends_at=NOON + DAY, **nights.doing)
    nights.at = NOON + HOUR
    actions.pass_duty(seat_key="second", to_person_id=nights.person("Al"), **nights.doing)
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Bo"), **nights.doing)
    nights.at = NOON + 2 * DAY
    actions.pass_duty(seat_key="second", to_person_id=nights.person("Bo"), **nights.doing)
    seen = pairings.seen_by(ny, NOON, nights.at + HOUR)
    assert [(each.what, each.entry.facts["seat_key"], each.at) for each in seen] == [
        ("handover", "second", NOON + HOUR)
    ]


def test_nobody_is_put_beside_another_newcomer_nor_somebody_who_is_not_new_beside_anybody(nights: Nights) -> None:
    days = {"starts_at": NOON, "ends_at": NOON + DAY}
    with pytest.raises(Invalid, match="new too"):
        pair_newcomer(newcomer_id=nights.person("Ny"), person_id=nights.person("Nu"), **days, **nights.doing)
    with pytest.raises(IllegalTransition):
        pair_newcomer(newcomer_id=nights.person("Al"), person_id=nights.person("Bo"), **days, **nights.doing)
    with pytest.raises(Invalid):
        pair_newcomer(newcomer_id=nights.person("Ny"), **days, **nights.doing)
