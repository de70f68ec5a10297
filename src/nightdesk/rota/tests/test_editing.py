"""Editing a rota: two at once lose nothing, what was done can be undone, seats come and change, files become turns."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person, Skill, Team
from nightdesk.rota import actions, checking, comparing, decide, queries, resolve, seat_actions
from nightdesk.rota.import_actions import import_turns
from nightdesk.rota.models import Plan, PlannedShift, Rota
from nightdesk.rota.starting_points import STARTING_POINTS

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIX = T0.replace(hour=18)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": T0}


class Company:
    def __init__(self) -> None:
        self.brand = Brand.objects.create(name="Quayside", slug="quayside")
        self.ids = [Person.objects.create(name=name).id for name in ("Al", "Bo", "Cy", "Di", "Ed", "Fi", "Gus")]
        self.team = Team.objects.create(brand=self.brand, name="Desk")
        seats: Any = [{"key": "night", "name": "Night"}, {"key": "backup", "name": "Backup"}]
        self.rota = actions.make_rota(brand_id=self.brand.id, name="Nights", zone="Europe/London", seats=seats, **DOING)

    def daily(self, *places: int) -> list[dict[str, Any]]:
        members = [{"person": self.ids[place]} for place in places]
        return [{"members": members, "anchor": "2026-03-01T18:00", "turn": "day"}]

    def on(self, at: datetime, seat: str = "night") -> int | None:
        member: Any = queries.scheduled(at, [self.rota.id])[seat]
        return self.ids.index(member[1]) if member else None

    def take(self, content: str, **more: Any) -> Any:
        return import_turns(rota_id=self.rota.id, content=content.encode(), **more, **DOING)


@pytest.fixture
def company(db: None) -> Company:
    return Company()


def test_the_later_of_two_who_edit_at_once_is_told_so_and_the_first_stands(company: Company) -> None:
    seen = queries.layers_mark("night")
    actions.set_layers(seat_key="night", layers=company.daily(0), seen=seen, **DOING)
    with pytest.raises(IllegalTransition, match="Nightdesk changed them") as refused:
        actions.set_layers(seat_key="night", layers=company.daily(1), seen=seen, **DOING)
    assert company.on(SIX) == 0
    actions.set_layers(seat_key="night", layers=company.daily(1), seen=refused.value.extra["mark"], **DOING)
    assert company.on(SIX) == 1


def test_an_override_meanwhile_is_no_collision(company: Company) -> None:
    seen = queries.layers_mark("night")
    actions.add_override(
        seat_key="night", kind="add", starts_at=SIX, ends_at=SIX + DAY, member_id=company.ids[2], **DOING
    )
    actions.set_layers(seat_key="night", layers=company.daily(0), seen=seen, **DOING)
    assert (company.on(SIX), company.on(SIX + DAY)) == (2, 0)


def test_a_change_of_turns_can_be_undone_until_somebody_has_changed_them_again(company: Company) -> None:
    actions.set_layers(seat_key="night", layers=company.daily(0), **DOING)
    actions.set_layers(seat_key="night", layers=company.daily(1), **DOING)
    last = Entry.objects.filter(kind=actions.LAYERS_SET).latest("id")
    for _twice in range(2):
        actions.undo_layers(entry_id=last.id, **DOING)
        assert company.on(SIX) == 0
    actions.set_layers(seat_key="night", layers=company.daily(2), **DOING)
    with pytest.raises(IllegalTransition):
        actions.undo_layers(entry_id=last.id, **DOING)
    assert company.on(SIX) == 2


def test_the_mark_is_the_same_for_the_same_turns_however_they_are_written(company: Company) -> None:
    (plain,) = company.daily(0, 1)
    written_out = plain | {"every": 1, "restrict": [], "weekdays": [4, 3, 2, 1, 0], "nation": "", "starts_on": None}
    assert decide.mark_of([plain]) == decide.mark_of([written_out])
    for other in ({"nation": "GB"}, {"every": 2}, {"starts_on": "2026-03-05"}, {"turn": "week"}):
        assert decide.mark_of([plain]) != decide.mark_of([plain | other])


def test_seats_are_added_renamed_and_put_in_order_and_keep_their_keys(company: Company) -> None:
    seat = seat_actions.add_seat(rota_id=company.rota.id, name="Standby Expert", **DOING)
    assert seat.key == "nights-standby-expert"
    with pytest.raises(Invalid):
        seat_actions.add_seat(rota_id=company.rota.id, name="Again", key="night", **DOING)
    changes = {"name": "First", "position": 2, "acceptance_required": True}
    seat_actions.edit_seat(seat_key="night", changes=changes, **DOING)
    assert [each.name for each in queries.load_rota(company.rota.id).seats] == ["Backup", "Standby Expert", "First"]
    before = Entry.objects.count()
    seat_actions.edit_seat(seat_key="night", changes=changes, **DOING)
    assert Entry.objects.count() == before
    with pytest.raises(Invalid):
        seat_actions.edit_seat(seat_key="night", changes={"key": "other"}, **DOING)
    with pytest.raises(Invalid):
        seat_actions.edit_rota(rota_id=company.rota.id, changes={"zone": "UTC"}, **DOING)
    with pytest.raises(NotFound):
        seat_actions.edit_rota(rota_id=10**9, changes={}, **DOING)


def test_a_seat_says_what_one_must_know_for_it(company: Company) -> None:
    bgp = Skill.objects.create(brand=company.brand, key="bgp", name="BGP")
    other = Brand.objects.create(name="Other", slug="other", zone="Europe/London")
    theirs = Skill.objects.create(brand=other, key="pots", name="Pots")
    needs = {"skills": {bgp.pk: (2, True)}}
    seat = seat_actions.edit_seat(seat_key="night", changes=needs, **DOING)
    assert queries.skills_of_seat(seat) == {bgp.pk: (2, True)}
    assert checking.seat_kinds()["night"].needs == ((str(bgp.pk), 2),)
    before = Entry.objects.count()
    seat_actions.edit_seat(seat_key="night", changes=needs, **DOING)
    assert Entry.objects.count() == before
    for wrong in ({theirs.pk: (2, True)}, {bgp.pk: (4, True)}):
        with pytest.raises(Invalid):
            seat_actions.edit_seat(seat_key="night", changes={"skills": wrong}, **DOING)
    seat_actions.edit_seat(seat_key="night", changes={"skills": {}}, **DOING)
    assert queries.skills_of_seat(seat) == {}


def test_only_who_may_change_the_plan_edits_seats(company: Company) -> None:
    engineer: Any = {
        "by": Actor("person", str(company.ids[0]), "Al", grants=frozenset({(company.brand.id, "engineer")})),
        "via": Door.WEB,
        "at": T0,
    }
    for verb in (
        lambda: seat_actions.add_seat(rota_id=company.rota.id, name="x", **engineer),
        lambda: seat_actions.edit_seat(seat_key="night", changes={"name": "x"}, **engineer),
        lambda: seat_actions.edit_rota(rota_id=company.rota.id, changes={"name": "x"}, **engineer),
        lambda: import_turns(rota_id=company.rota.id, content=b"", **engineer),
    ):
        with pytest.raises(Forbidden):
            verb()


@pytest.mark.parametrize("name", STARTING_POINTS)
def test_each_starting_point_makes_a_rota_that_is_covered_as_it_says(company: Company, name: str) -> None:
    wanted: dict[str, Any] = {"brand_id": company.brand.id, "name": f"R {name}", "zone": "Europe/London"}
    rota = seat_actions.start_rota(
        **wanted,
        begin_with=name,
        person_ids=company.ids,
        team_id=company.team.id,
        first_day=date(2026, 3, 4),
        **DOING,
    )
    plan = queries.load_rota(rota.id)
    thursday_at_ten, sunday_at_three = datetime(2026, 3, 12, 10, tzinfo=UTC), datetime(2026, 3, 15, 3, tzinfo=UTC)
    on = {at: set(resolve.scheduled(plan, at).values()) for at in (thursday_at_ten, sunday_at_three)}
    by_day = {"office", "noc", "standby", "round_the_clock", "team"}
    by_night = {"nights", "noc", "standby", "round_the_clock"}
    assert (None not in on[thursday_at_ten]) == (name in by_day)
    assert (None not in on[sunday_at_three]) == (name in by_night)
    assert all(len(members) == len(plan.seats) for at, members in on.items() if None not in members)


def test_nobody_of_a_noc_has_two_seats_at_once_or_goes_from_nights_to_earlies(company: Company) -> None:
    rota = seat_actions.start_rota(
        brand_id=company.brand.id,
        name="NOC",
        zone="Europe/London",
        begin_with="noc",
        person_ids=company.ids,
        team_id=None,
        first_day=date(2026, 3, 2),
        **DOING,
    )
    plan = queries.load_rota(rota.id)
    start = datetime(2026, 3, 9, 7, tzinfo=UTC)
    shifts = ("early", "late", "night")
    was: dict[Any, int] = {}
    for week in range(8):
        now: dict[Any, int] = {}
        for number, _shift in enumerate(shifts):
            members = list(resolve.scheduled(plan, start + week * 7 * DAY + number * 8 * HOUR).values())
            assert len(set(members)) == 2
            for member in members:
                assert member not in now
                now[member] = number
        assert all(now[member] >= place for member, place in was.items() if member in now and place < 2)
        was = now


def test_too_few_people_or_no_team_are_refused_before_anything_is_made(company: Company) -> None:
    wanted: dict[str, Any] = {"brand_id": company.brand.id, "name": "x", "zone": "UTC", "first_day": date(2026, 3, 2)}
    for begin_with, people in (("noc", company.ids[:5]), ("team", []), ("office", []), ("nothing", company.ids)):
        with pytest.raises(Invalid):
            seat_actions.start_rota(**wanted, begin_with=begin_with, person_ids=people, team_id=None, **DOING)
    assert Rota.objects.count() == 1


TABLE = "seat,person,starts_at,ends_at\n"


def test_turns_of_a_file_go_before_the_layers_for_its_time_and_the_next_file_takes_their_place(
    company: Company,
) -> None:
    actions.set_layers(seat_key="night", layers=company.daily(0), **DOING)
    first = company.take(
        TABLE + "night,Bo,2026-03-03 18:00,2026-03-04 18:00\nnight,Cy,2026-03-05 18:00,2026-03-07 18:00\n"
    )
    assert (first.turns, len(first.changes), first.problems) == (2, 2, [])
    assert [company.on(SIX + days * DAY) for days in range(6)] == [0, 1, 0, 2, 2, 0]
    company.take(TABLE + "night,Di,2026-03-06 18:00,2026-03-07 06:00\n")
    at_noon = SIX + 18 * HOUR
    assert [company.on(SIX + days * DAY) for days in range(6)] == [0, 1, 0, 2, 3, 0]
    assert company.on(at_noon + 4 * DAY) == 2
    again = company.take(TABLE + "night,Di,2026-03-06 18:00,2026-03-07 06:00\n")
    assert again.same
    assert [plan.number for plan in Plan.objects.order_by("number")] == [1, 2, 3]


def test_a_dry_run_and_a_file_with_a_bad_line_write_nothing_unless_it_is_to_be_left_out(company: Company) -> None:
    good, bad = "night,Bo,2026-03-03 18:00,2026-03-04 18:00\n", "night,Zed,2026-03-04 18:00,2026-03-05 18:00\n"
    dry = company.take(TABLE + good, dry_run=True)
    assert [(change.was, change.now) for change in dry.changes] == [(None, ("person", company.ids[1]))]
    refused = company.take(TABLE + good + bad)
    assert [problem.line for problem in refused.problems] == [3]
    assert not PlannedShift.objects.exists()
    assert company.on(SIX + DAY) is None
    assert not Entry.objects.filter(kind="rota.turns_imported").exists()
    company.take(TABLE + good + bad, skip_problems=True)
    assert company.on(SIX + DAY) == 1


def test_what_has_begun_is_taken_from_now_on(company: Company) -> None:
    company.take(TABLE + "night,Bo,2026-03-02 06:00,2026-03-02 18:00\n")
    assert (company.on(T0 - HOUR), company.on(T0)) == (None, 1)
    (shift,) = PlannedShift.objects.all()
    assert shift.starts_at == T0


# --- What a change changes ---

MEMBERS = st.sampled_from(["Al", "Bo", None])


@st.composite
def plans(draw: st.DrawFn) -> resolve.Rota:
    """A day in hours, each somebody's or nobody's."""
    shifts = tuple(
        resolve.Shift(T0 + hour * HOUR, T0 + (hour + 1) * HOUR, member)
        for hour, member in enumerate(draw(st.lists(MEMBERS, min_size=6, max_size=6)))
        if member is not None
    )
    return resolve.Rota("UTC", (resolve.Seat("night", "Night", (), shifts),))


@settings(max_examples=60)
@given(before=plans(), after=plans())
def test_changes_are_exactly_where_the_plans_differ_and_no_two_of_them_meet_that_are_one(
    before: resolve.Rota, after: resolve.Rota
) -> None:
    changes = comparing.changes_of_plan(before, after, "night", T0, T0 + 6 * HOUR)
    for half in range(12):
        at = T0 + half * HOUR / 2
        was, now = (resolve.scheduled(plan, at)["night"] for plan in (before, after))
        inside = [(each.was, each.now) for each in changes if each.start <= at < each.end]
        assert inside == ([(was, now)] if was != now else [])
    for one, other in pairwise(changes):
        assert one.end < other.start or (one.was, one.now) != (other.was, other.now)


def test_a_seat_that_a_plan_does_not_have_is_nobodys_in_it() -> None:
    shift = resolve.Shift(T0, T0 + HOUR, "Al")
    rota = resolve.Rota("UTC", (resolve.Seat("night", "Night", (), (shift,)),))
    (change,) = comparing.changes_of_plan(resolve.Rota("UTC", ()), rota, "night", T0 - HOUR, T0 + DAY)
    assert (change.start, change.end, change.was, change.now) == (T0, T0 + HOUR, None, "Al")
