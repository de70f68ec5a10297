"""Holes in what a shift knows: told once to managers, again where they grow, withdrawn when they are mended."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from nightdesk.access.models import Brand
from nightdesk.base.models import Promise
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers.actions import make_service
from nightdesk.customers.need_actions import set_skill_needs
from nightdesk.duty import coverage_queries
from nightdesk.duty.models import CoverageHole
from nightdesk.duty.tests.nights import DAY, HOUR, Nights, wired
from nightdesk.journal.models import Entry
from nightdesk.people import actions as staff
from nightdesk.people.hours_actions import cancel_absence, record_absence
from nightdesk.people.models import Absence, Person, Skill
from nightdesk.people.skill_actions import begin_as_newcomer, save_skill, set_person_skill, sign_off_newcomer
from nightdesk.rota.actions import cancel_override, make_rota
from nightdesk.rota.coverage_actions import set_seat_brands
from nightdesk.rota.models import Seat

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIX = NOON + 6 * HOUR


@pytest.fixture(autouse=True)
def wiring() -> Iterator[None]:
    with wired():
        yield


@pytest.fixture
def nights() -> Nights:
    """Al and Bo take nights in turn; both know lift phones. Mo leads the team."""
    nights = Nights(NOON - HOUR)
    mo = nights.person("Mo")
    team = staff.make_team(brand_id=nights.brand.id, name="Engineers", manager_id=mo, **nights.doing)
    for name in ("Al", "Bo", "Mo"):
        team.members.add(nights.person(name))
    nights.rota()
    nights.first("Al")
    nights.layers(nights.daily("Al", "Bo"))
    nights.at = NOON
    skill = save_skill(brand_id=nights.brand.id, key="lifts", name="Lift phones", **nights.doing)
    service = make_service(brand_id=nights.brand.id, key="lift-line", name="Lift line", **nights.doing)
    for name in ("Al", "Bo"):
        set_person_skill(person_id=nights.person(name), skill_id=skill.pk, level=2, **nights.doing)
    set_skill_needs(of=("service", service.pk), needs={skill.pk: 2}, **nights.doing)
    nights.work()
    return nights


def _first_skill() -> int:
    return Skill.objects.get(key="lifts").pk


def _told(nights: Nights) -> list[Message]:
    del nights
    return list(Message.objects.filter(kind="coverage.told").order_by("at", "id"))


def _open() -> list[CoverageHole]:
    return list(CoverageHole.objects.filter(withdrawn_at=None).order_by("starts_at"))


def _sick(nights: Nights, name: str, start: datetime, end: datetime) -> Absence:
    """They call in sick, and whatever follows from that is done."""
    row = record_absence(
        person_id=nights.person(name), absence="sickness", starts_at=start, ends_at=end, note="flu", **nights.doing
    )
    nights.work()
    return row


def _look(nights: Nights) -> None:
    Promise.objects.filter(kind="duty.coverage", ended_at=None).update(due_at=nights.at)
    nights.work()


def test_where_everybody_knows_nothing_is_told_and_it_is_looked_at_daily(nights: Nights) -> None:
    assert (_open(), _told(nights)) == ([], [])
    (row,) = Promise.objects.filter(kind="duty.coverage", ended_at=None)
    assert row.due_at == datetime(2026, 3, 3, 7, tzinfo=UTC)
    nights.until(row.due_at + HOUR)
    (row,) = Promise.objects.filter(kind="duty.coverage", ended_at=None)
    assert row.due_at == datetime(2026, 3, 4, 7, tzinfo=UTC)


def test_a_skill_that_is_lost_is_told_weeks_ahead_once(nights: Nights) -> None:
    set_person_skill(person_id=nights.person("Bo"), skill_id=_first_skill(), level=1, **nights.doing)
    nights.work()
    holes = _open()
    assert (holes[0].starts_at, holes[0].ends_at) == (SIX, SIX + DAY), "Bo's first turn"
    assert holes[-1].starts_at > NOON + timedelta(weeks=5)
    (message,) = _told(nights)
    assert "21 times" in message.title
    assert "Lift line, Mon 2 Mar 18:00–Tue 3 Mar 18:00: nobody knows Lift phones (Al could)" in message.body
    assert [int(row.recipient_id) for row in Delivery.objects.filter(message_id=message.id)] == [nights.person("Mo")]
    nights.until(NOON + 9 * DAY)
    assert _open()[-1].starts_at > holes[-1].starts_at
    assert len(_told(nights)) == 1, "more of the same that has come into sight is no news"


def test_what_is_mended_is_withdrawn_and_its_message_reaches_nobody_any_more(nights: Nights) -> None:
    set_person_skill(person_id=nights.person("Bo"), skill_id=_first_skill(), level=0, **nights.doing)
    nights.work()
    (message,) = _told(nights)
    set_person_skill(person_id=nights.person("Bo"), skill_id=_first_skill(), level=3, **nights.doing)
    nights.work()
    assert _open() == []
    assert set(Delivery.objects.filter(message_id=message.id).values_list("state", flat=True)) == {"superseded"}
    kinds = Entry.objects.filter(kind__startswith="coverage.").order_by("at", "id").values_list("kind", flat=True)
    assert list(kinds) == ["coverage.found", "coverage.mended"]
    assert len(_told(nights)) == 1


def test_whoever_falls_sick_leaves_a_hole_until_they_are_back(nights: Nights) -> None:
    _sick(nights, "Bo", SIX, SIX + 8 * HOUR)
    (hole,) = _open()
    assert (hole.starts_at, hole.ends_at) == (SIX, SIX + 8 * HOUR)
    (message,) = _told(nights)
    found = Entry.objects.get(kind="coverage.found")
    assert (found.at, found.subject_id, message.at, message.cause) == (
        nights.at,
        str(nights.brand.pk),
        nights.at,
        found.id,
    )
    assert "Quayside: nobody who is on will know Lift line" in message.title
    told = (message.title + message.body).lower()
    assert "sick" not in told, "why somebody is away is nobody's"
    assert "flu" not in told
    longer = _sick(nights, "Bo", SIX, SIX + 20 * HOUR)
    assert len(_told(nights)) == 2, "it has grown into hours that were covered"
    cancel_absence(absence_id=longer.pk, **nights.doing)
    nights.work()
    assert [row.ends_at for row in _open()] == [SIX + 8 * HOUR]


def test_a_change_of_the_plan_is_looked_at_at_once(nights: Nights) -> None:
    """Cy, who knows nothing of lift phones, comes on for Bo; then the turns change, and then Cy has no part in them."""
    cy = nights.person("Cy")
    made = nights.override("replace", SIX, SIX + DAY, member_id=cy, instead_of_id=nights.person("Bo"))
    nights.work()
    assert [(row.starts_at, row.ends_at) for row in _open()] == [(SIX, SIX + DAY)]
    assert [message.at for message in _told(nights)] == [nights.at]
    cancel_override(override_id=made, **nights.doing)
    nights.work()
    assert _open() == []
    nights.layers(nights.daily("Al", "Cy"))
    assert _open()[0].starts_at == SIX
    assert len(_told(nights)) == 2
    nights.layers(nights.daily("Al", "Bo"))
    assert _open() == []


def test_a_hole_that_is_over_is_withdrawn_without_a_word(nights: Nights) -> None:
    _sick(nights, "Bo", SIX, SIX + 2 * HOUR)
    assert _open()
    nights.until(NOON + 2 * DAY)
    assert _open() == []
    assert not Entry.objects.filter(kind="coverage.mended").exists()


def test_the_standby_behind_the_seat_knows_for_it(nights: Nights) -> None:
    set_person_skill(person_id=nights.person("Bo"), skill_id=_first_skill(), level=0, **nights.doing)
    cy = nights.person("Cy")
    set_person_skill(person_id=cy, skill_id=_first_skill(), level=3, **nights.doing)
    other = staff.make_team(brand_id=nights.brand.id, name="Experts", **nights.doing)
    other.members.add(cy)
    nights.work()
    assert _open()
    group = Brand.objects.create(name="Group", slug="group")
    make_rota(
        brand_id=group.id,
        name="Experts",
        zone="Europe/London",
        seats=[{"key": "expert", "name": "Expert"}],
        **nights.doing,
    )
    nights.layers(nights.daily("Cy"), seat="expert")
    assert _open(), "a seat of another brand answers for its own"
    night, expert = Seat.objects.get(key="night"), Seat.objects.get(key="expert")
    expert.behind = night
    expert.save(update_fields=["behind"])
    _look(nights)
    assert _open() == []
    expert.behind = None
    expert.save(update_fields=["behind"])
    _look(nights)
    assert _open()
    set_seat_brands(seat_key="expert", brand_ids=[nights.brand.id], **nights.doing)
    nights.work()
    assert _open() == [], "it answers for this brand too"


def test_a_newcomer_is_not_relied_on_until_they_are_signed_off(nights: Nights) -> None:
    begin_as_newcomer(person_id=nights.person("Bo"), **nights.doing)
    nights.work()
    assert _open()
    sign_off_newcomer(person_id=nights.person("Bo"), **nights.by("Mo", "manager"))
    nights.work()
    assert _open() == []
    assert Person.objects.get(id=nights.person("Bo")).terms.signed_off_by_id == nights.person("Mo")


def test_while_somebody_keeps_what_nobody_took_it_is_they_who_count(nights: Nights) -> None:
    """Al, whose turn ended, still has the token; until the plan's next change it is Al who is on."""
    set_person_skill(person_id=nights.person("Bo"), skill_id=_first_skill(), level=0, **nights.doing)
    night = Seat.objects.get(key="night")
    night.acceptance_required = True
    night.save(update_fields=["acceptance_required"])
    nights.until(SIX + HOUR)
    assert nights.holder() == "Al"
    covered = coverage_queries.coverage_of(nights.brand, nights.at)
    assert covered.holes[0].start == SIX + 2 * DAY
