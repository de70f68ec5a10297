"""The law held against the plan: what is refused, what stands with a reason, and what colleagues never read."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from nightdesk.access.actions import make_brand
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid
from nightdesk.journal.models import Entry
from nightdesk.people import actions as people
from nightdesk.people import hours_actions
from nightdesk.people.locking import knows
from nightdesk.people.models import Absence, Person, Terms
from nightdesk.rota import actions, checking, law, law_wording, work_actions
from nightdesk.rota.models import Exemption, Override, RestOwed, Seat, Worked

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class House:
    """Two people, and a seat by day that Al has."""

    def __init__(self) -> None:
        self.at = NOON
        self.brand: Brand = make_brand(name="Quayside", slug="quayside", **self.doing)
        self.al, self.bo = (
            people.make_person(name=name, brand_id=self.brand.id, **self.doing) for name in ("Al", "Bo")
        )
        team = people.make_team(brand_id=self.brand.id, name="Network", **self.doing)
        people.set_team_members(team_id=team.id, person_ids=[self.al.id, self.bo.id], manager_id=None, **self.doing)
        seats: Any = [{"key": "desk", "name": "Desk"}, {"key": "night", "name": "Night"}]
        actions.make_rota(brand_id=self.brand.id, name="Network", zone="Europe/London", seats=seats, **self.doing)
        self.layers("desk", "09:00", "17:00", self.al)

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def role(self, role: str, person: Person | None = None) -> Actor:
        person_id = str(person.id) if person is not None else "0"
        return Actor("person", id=person_id, name=role.title(), grants=frozenset({(self.brand.id, role)}))

    def layers(self, seat: str, opens: str, closes: str, *who: Person, reason: str = "") -> None:
        layer = {
            "members": [{"person": each.id} for each in who],
            "anchor": f"2026-03-02T{opens}",
            "turn": "day",
            "restrict": [{"weekdays": [0, 1, 2, 3, 4], "opens": opens, "closes": closes}],
        }
        actions.set_layers(seat_key=seat, layers=[layer], override_reason=reason, **self.doing)

    def puts_on(self, who: Person, start: datetime, hours: int, *, reason: str = "", by: Actor = SCHEDULER) -> Override:
        return actions.add_override(
            seat_key="night",
            kind="add",
            starts_at=start,
            ends_at=start + hours * HOUR,
            member_id=who.id,
            override_reason=reason,
            **self.doing | {"by": by},
        )

    def is_ill(self, who: Person) -> Absence:
        return hours_actions.record_absence(
            person_id=who.id, absence="sickness", starts_at=NOON, ends_at=NOON + 5 * DAY, note="flu", **self.doing
        )


@pytest.fixture
def house(db: None) -> House:
    return House()


def night(days: int = 1) -> datetime:
    return NOON.replace(hour=18) + days * DAY


def test_nobody_is_put_on_without_a_reason_while_they_are_away(house: House) -> None:
    house.is_ill(house.bo)
    with pytest.raises(checking.RuleBlocks, match="Bo is not available"):
        house.puts_on(house.bo, night(), 8)
    assert not Override.objects.exists()
    house.puts_on(house.bo, night(6), 8)


def test_with_a_reason_a_block_stands_by_name_and_is_listed(house: House) -> None:
    house.is_ill(house.bo)
    house.puts_on(house.bo, night(), 8, reason=" They asked for it ", by=house.role("manager"))
    exemption = Exemption.objects.get()
    assert (exemption.person, exemption.rules, exemption.reason) == (house.bo, ["absent"], "They asked for it")
    assert exemption.made_by == "Manager"
    entry = Entry.objects.get(kind="rota.exempted")
    assert entry.facts["rules"] == ["not_available"]
    assert entry.facts["reason"] == "They asked for it"


def test_the_same_person_has_no_two_seats_of_a_rota_at_once(house: House) -> None:
    with pytest.raises(checking.RuleBlocks, match="two duties at once"):
        house.layers("night", "16:00", "23:00", house.al)
    house.layers("night", "17:00", "23:00", house.al)


def test_what_was_so_before_is_not_held_against_a_change(house: House) -> None:
    house.is_ill(house.al)  # the plan has them on all the same
    house.layers("desk", "09:00", "17:00", house.al)
    with pytest.raises(checking.RuleBlocks):
        house.puts_on(house.al, night(), 5)


def test_short_rest_is_said_in_the_journal_and_not_refused(house: House) -> None:
    house.puts_on(house.al, night(6), 10)  # Sunday to Monday at four
    (finding,) = [
        each for each in Entry.objects.get(kind="rota.override_added").facts["findings"] if each["severity"] == "owed"
    ]
    assert (finding["rule"], finding["owed_minutes"]) == ("daily_rest", 6 * 60)


def test_no_nights_until_a_day_holds_until_that_day(house: House) -> None:
    hours_actions.record_restriction(
        person_id=house.bo.id,
        restriction="no_nights",
        starts_on=date(2026, 3, 1),
        ends_on=date(2026, 3, 5),
        **house.doing,
    )
    with pytest.raises(checking.RuleBlocks, match="not available"):
        house.puts_on(house.bo, night(1), 8)
    house.puts_on(house.bo, night(4), 8)


def test_a_colleague_reads_that_somebody_is_not_available_and_never_why(house: House) -> None:
    absence = house.is_ill(house.bo)
    hours_actions.record_restriction(
        person_id=house.bo.id, restriction="no_nights", starts_on=date(2026, 3, 1), note="a knee", **house.doing
    )
    finding = law.Finding(law.Rule.ABSENT, law.Severity.BLOCK, NOON, NOON + DAY)
    limit = law.Finding(law.Rule.RESTRICTED, law.Severity.BLOCK, NOON, NOON + DAY, what="no_nights")
    for each in (finding, limit):
        said = law_wording.say(each, "Bo", "Europe/London")
        assert "not available" in said
        assert "absent" not in said
        assert "night" not in said
        assert law_wording.public(each) == "not_available"
    assert "absent" in law_wording.say(finding, "Bo", "Europe/London", knows=True)
    assert "no nights" in law_wording.say(limit, "Bo", "Europe/London", knows=True)
    told = " ".join(str(entry.facts) for entry in Entry.objects.all())
    for word in ("sickness", "flu", "knee", "no_nights"):
        assert word not in told
    assert absence.kind == "sickness"
    assert knows(house.bo, house.role("engineer", house.bo))
    assert knows(house.bo, house.role("manager"))
    assert not knows(house.bo, house.role("engineer", house.al))


def test_everybody_says_of_themselves_that_they_are_away_and_only_a_manager_of_others(house: House) -> None:
    span: dict[str, Any] = {"absence": "leave", "starts_at": NOON, "ends_at": NOON + DAY}
    how = {"via": Door.WEB, "at": NOON}
    own = hours_actions.record_absence(person_id=house.bo.id, **span, by=house.role("engineer", house.bo), **how)
    again = hours_actions.record_absence(person_id=house.bo.id, **span, by=house.role("engineer", house.bo), **how)
    assert own.id == again.id
    with pytest.raises(Forbidden):
        hours_actions.record_absence(person_id=house.al.id, **span, by=house.role("engineer", house.bo), **how)
    hours_actions.record_absence(person_id=house.al.id, **span, by=house.role("manager"), **how)
    hours_actions.cancel_absence(absence_id=own.id, by=house.role("engineer", house.bo), via=Door.WEB, at=NOON + HOUR)
    own.refresh_from_db()
    assert (own.ends_at, own.cancelled_at) == (NOON + HOUR, None)  # what was, stays


def test_terms_that_do_not_fit_are_refused_and_change_nothing(house: House) -> None:
    for terms in (
        {"rule_pack": "XX"},
        {"reference_weeks": 20},
        {"weekly_hours": Decimal(90)},
        {"opted_out_until": date(2026, 1, 1)},
        {"rule_pack": "EU", "opted_out_from": date(2026, 1, 1)},
    ):
        with pytest.raises(Invalid):
            hours_actions.set_terms(person_id=house.bo.id, terms=terms, **house.doing)  # type: ignore[arg-type]
    made = hours_actions.set_terms(person_id=house.bo.id, terms={"weekly_hours": Decimal("37.5")}, **house.doing)
    assert Terms.objects.get().weekly_hours == made.weekly_hours == Decimal("37.5")


def test_rest_that_a_duty_cut_short_is_owed_once_it_was_worked_and_is_given_back(house: House) -> None:
    for seat in ("desk", "night"):
        work_actions.set_counting(
            seat_key=seat, counts="all", response_minutes=None, fixed_place=False, why="agreed", **house.doing
        )
    seat = Seat.objects.get(key="desk")
    for start, hours in ((NOON - 3 * DAY, 8), (NOON - 3 * DAY + 16 * HOUR, 6)):
        for _twice in range(2):
            work_actions.note_worked(
                person_id=house.al.id,
                worked=Worked.Kind.PLANNED,
                starts_at=start,
                ends_at=start + hours * HOUR,
                source=f"hold:{start}",
                seat_id=seat.id,
                **house.doing,
            )
    owed = RestOwed.objects.get()
    assert (owed.minutes, owed.due_at) == (3 * 60, NOON - 3 * DAY + 16 * HOUR + timedelta(days=14))
    work_actions.give_rest(rest_id=owed.id, minutes=100, by=house.role("manager"), via=Door.WEB, at=NOON)
    owed.refresh_from_db()
    assert owed.given_minutes == 100
    with pytest.raises(Forbidden):
        work_actions.give_rest(rest_id=owed.id, minutes=10, by=house.role("engineer", house.al), via=Door.WEB, at=NOON)


def test_old_records_go_and_younger_ones_stay(house: House) -> None:
    for days in (900, 100):
        start = NOON - days * DAY
        Worked.objects.create(
            person=house.al,
            kind="manual",
            starts_at=start,
            ends_at=start + HOUR,
            source=f"m{days}",
            noted_by="x",
            noted_at=start,
        )
    assert work_actions.drop_records(before=NOON - 800 * DAY, **house.doing) == 1
    assert Worked.objects.get().source == "m100"
