"""A newcomer who would be on alone since whoever was to be on with them is lost: told at once, weeks before the turn."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightdesk.channels.models import Delivery, Message
from nightdesk.duty.coverage_queries import coverage_of
from nightdesk.duty.models import CoverageHole
from nightdesk.duty.tests.nights import DAY, HOUR, Nights, wired
from nightdesk.journal.models import Entry
from nightdesk.people import actions as staff
from nightdesk.people.hours_actions import cancel_absence, record_absence, record_restriction
from nightdesk.people.models import Absence
from nightdesk.people.skill_actions import begin_as_newcomer, sign_off_newcomer
from nightdesk.rota.actions import add_override

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TURN = NOON + timedelta(weeks=4, hours=-2)
"""When Ny is on for a day, four weeks later."""


@pytest.fixture(autouse=True)
def wiring() -> Iterator[None]:
    with wired():
        yield


@pytest.fixture
def nights() -> Nights:
    """Bo has the night, and Al from the 20th on; in four weeks Ny, who is new, is on for a day beside Al. Mo leads the team."""
    nights = Nights(NOON - HOUR)
    team = staff.make_team(brand_id=nights.brand.id, name="Engineers", manager_id=nights.person("Mo"), **nights.doing)
    for name in ("Al", "Bo", "Mo", "Ny"):
        team.members.add(nights.person(name))
    nights.rota("night", "second")
    nights.first("Bo")
    nights.layers(nights.daily("Al", anchor="2026-03-20T18:00"))
    begin_as_newcomer(person_id=nights.person("Ny"), **nights.doing)
    _on(nights, "Ny", "second")
    nights.at = NOON
    nights.work()
    return nights


def _on(nights: Nights, name: str, seat: str, instead_of: str | None = None) -> None:
    add_override(
        seat_key=seat,
        kind="replace" if instead_of else "add",
        starts_at=TURN,
        ends_at=TURN + DAY,
        member_id=nights.person(name),
        instead_of_id=nights.person(instead_of) if instead_of else None,
        **nights.doing,
    )
    nights.work()


def _away(nights: Nights, what: str, starts_at: datetime, ends_at: datetime, name: str = "Al") -> Absence:
    return record_absence(
        person_id=nights.person(name), absence=what, starts_at=starts_at, ends_at=ends_at, note="", **nights.doing
    )


def _told() -> list[Message]:
    return list(Message.objects.filter(kind="coverage.told").order_by("at", "id"))


def _open() -> list[tuple[str, int, datetime, datetime]]:
    rows = CoverageHole.objects.filter(withdrawn_at=None).order_by("starts_at", "id")
    return list(rows.values_list("subject_kind", "subject_id", "starts_at", "ends_at"))


LOSSES: dict[str, Callable[[Nights], Any]] = {
    "they leave the company": lambda nights: staff.deactivate_person(person_id=nights.person("Al"), **nights.doing),
    "they are on leave": lambda nights: _away(nights, "leave", TURN - DAY, TURN + 2 * DAY),
    "they are sick": lambda nights: _away(nights, "sickness", NOON, TURN + 2 * DAY),
    "they may not be on duty": lambda nights: record_restriction(
        person_id=nights.person("Al"),
        restriction="no_duty",
        starts_on=NOON.date(),
        ends_on=None,
        note="",
        **nights.doing,
    ),
    "they are new as well": lambda nights: begin_as_newcomer(person_id=nights.person("Al"), **nights.doing),
}


@pytest.mark.parametrize("how", LOSSES)
def test_whoever_was_to_be_on_with_a_newcomer_is_lost_and_the_manager_knows_weeks_ahead(
    nights: Nights, how: str
) -> None:
    assert (_open(), _told()) == ([], [])
    LOSSES[how](nights)
    nights.work()
    ny = nights.person("Ny")
    assert [each for each in _open() if each[1] == ny] == [("newcomer", ny, TURN, TURN + DAY)]
    (message,) = _told()
    assert "Ny, Mon 30 Mar 11:00–Tue 31 Mar 11:00: new, and nobody experienced would be on with them" in message.body
    assert "Bo" in message.body, "who could be on with them"
    assert [int(row.recipient_id) for row in Delivery.objects.filter(message_id=message.id)] == [nights.person("Mo")]
    nights.until(NOON + 2 * DAY)
    assert len(_told()) == 1, "the same is told once"


def test_a_newcomer_alone_for_a_part_of_their_turn_is_told_of_that_part(nights: Nights) -> None:
    _away(nights, "leave", TURN + 3 * HOUR, TURN + 5 * HOUR)
    nights.work()
    assert [each[2:] for each in _open()] == [(TURN + 3 * HOUR, TURN + 5 * HOUR)]
    (message,) = _told()
    assert message.title == "Quayside: Ny, who is new, would be on alone"


@pytest.mark.parametrize("how", ["they are back", "somebody else is on", "the newcomer is signed off"])
def test_what_is_mended_is_withdrawn_and_its_message_reaches_nobody_any_more(nights: Nights, how: str) -> None:
    leave = _away(nights, "leave", TURN - DAY, TURN + 2 * DAY)
    nights.work()
    (message,) = _told()
    match how:
        case "they are back":
            cancel_absence(absence_id=leave.pk, **nights.doing)
        case "somebody else is on":
            _on(nights, "Bo", "night", instead_of="Al")
        case _:
            sign_off_newcomer(person_id=nights.person("Ny"), **nights.by("Mo", "manager"))
    nights.work()
    assert _open() == []
    assert set(Delivery.objects.filter(message_id=message.id).values_list("state", flat=True)) == {"superseded"}
    kinds = Entry.objects.filter(kind__startswith="coverage.").order_by("at", "id").values_list("kind", flat=True)
    assert list(kinds) == ["coverage.found", "coverage.mended"]


def test_a_newcomer_who_is_away_themselves_is_on_with_nobody_and_alone_nowhere(nights: Nights) -> None:
    _away(nights, "leave", TURN - DAY, TURN + 2 * DAY)
    _away(nights, "leave", TURN - DAY, TURN + 20 * HOUR, name="Ny")
    nights.work()
    assert [each[2:] for each in _open()] == [(TURN + 20 * HOUR, TURN + DAY)]
    staff.deactivate_person(person_id=nights.person("Ny"), **nights.doing)
    nights.work()
    assert _open() == []


def test_whoever_is_back_before_the_turn_is_company(nights: Nights) -> None:
    _away(nights, "sickness", NOON, NOON + timedelta(weeks=1))
    nights.work()
    assert (_open(), coverage_of(nights.brand, nights.at).holes) == ([], ())
