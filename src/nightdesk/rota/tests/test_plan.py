"""The plan as rows: what may stand in it, what its verbs change, and how it is read."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person, Team
from nightdesk.rota import decide, queries, resolve
from nightdesk.rota.actions import add_override, cancel_override, make_rota, set_layers
from nightdesk.rota.models import Override, Rota

pytestmark = pytest.mark.django_db

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": T0}
DAILY: dict[str, Any] = {"anchor": "2026-03-01T18:00", "turn": "day"}


@pytest.fixture
def brand() -> Brand:
    return Brand.objects.create(name="Quayside", slug="quayside")


@pytest.fixture
def people() -> list[int]:
    return [Person.objects.create(name=name).id for name in ("Al", "Bo", "Cy")]


def daily(*people: int, **more: Any) -> dict[str, Any]:
    return {"members": [{"person": person} for person in people], **DAILY, **more}


def night_rota(brand: Brand, *seats: str) -> Rota:
    named = [{"key": seat, "name": seat.title()} for seat in seats or ("night",)]
    return make_rota(brand_id=brand.id, name="Nights", zone="Europe/London", seats=named, **DOING)


def on(rota: Rota, at: datetime) -> dict[str, Any]:
    return queries.scheduled(at, [rota.id])


def test_what_is_set_is_what_is_read(brand: Brand, people: list[int]) -> None:
    rota = night_rota(brand, "night", "backup")
    team = Team.objects.create(brand=brand, name="Desk")
    layer = {
        "members": [{"person": people[0]}, {"team": team.id}],
        "anchor": "2026-01-05T09:00",
        "turn": "working_day",
        "every": 2,
        "restrict": [{"weekdays": [0, 4], "opens": "09:00", "closes": "17:30"}],
        "weekdays": [0, 1, 2, 3, 4],
        "nation": "GB",
        "starts_on": date(2026, 1, 6),
        "ends_on": None,
    }
    set_layers(seat_key="backup", layers=[layer], **DOING)
    plan = queries.load_rota(rota.id)
    assert [seat.key for seat in plan.seats] == ["night", "backup"]
    assert plan.seats[1].layers == decide.read_layers([layer])
    assert plan.seats[1].layers[0].members == (("person", people[0]), ("team", team.id))
    assert date(2026, 12, 25) in plan.seats[1].layers[0].days_off
    assert queries.plain_layers("backup") == [layer]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"members": []}, "member"),
        ({"members": [{"person": "3"}]}, "members"),
        ({"members": [{"person": 1, "team": 2}]}, "members"),
        ({"members": [{"person": True}]}, "members"),
        ({"members": None}, "members"),
        ({"anchor": "2026-03-01 18:00"}, "anchor"),
        ({"anchor": "2026-3-01T18:00Z"}, "anchor"),
        ({"anchor": "2026-02-30T18:00"}, "anchor"),
        ({"anchor": "1820-03-01T18:00"}, "1820"),
        ({"anchor": None}, "anchor"),
        ({"turn": "fortnight"}, "turn"),
        ({"turn": ["day"]}, "turn"),
        ({"every": 0}, "1000"),
        ({"every": "2"}, "every"),
        ({"restrict": [{"weekdays": [0], "opens": "9:00", "closes": "17:00"}]}, "restrict"),
        ({"restrict": [{"weekdays": [], "opens": "09:00", "closes": "17:00"}]}, "restrict"),
        ({"restrict": [{"opens": "09:00", "closes": "17:00"}]}, "restrict"),
        ({"weekdays": [7]}, "weekdays"),
        ({"nation": "XX"}, "nation"),
        ({"nation": "GBR"}, "nation"),
        ({"nation": 4}, "nation"),
        ({"starts_on": "2026-03-10", "ends_on": "2026-03-10"}, "ends_on"),
        ({"starts_on": "soon"}, "starts_on"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_layer_that_cannot_be_is_refused_by_its_place(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid) as refused:
        decide.read_layers([daily(1), {**daily(1), **wrong}])
    assert "layer 2" in str(refused.value)
    assert named in str(refused.value)


def test_a_refused_change_leaves_the_plan_as_it_was(brand: Brand, people: list[int]) -> None:
    rota = night_rota(brand)
    set_layers(seat_key="night", layers=[daily(people[0])], **DOING)
    Person.objects.filter(id=people[1]).update(active=False)
    for layers in ([daily(people[1])], [daily(99999999)], [daily(people[0]), {"members": [{"team": 9}], **DAILY}]):
        with pytest.raises(Invalid):
            set_layers(seat_key="night", layers=layers, **DOING)
    assert on(rota, T0) == {"night": ("person", people[0])}
    with pytest.raises(NotFound):
        set_layers(seat_key="nowhere", layers=[], **DOING)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seats": []},
        {"zone": "Europe/Atlantis"},
        {"name": " "},
        {"seats": [{"key": "two words", "name": "N"}]},
        {"seats": [{"key": "", "name": "N"}]},
        {"seats": [{"key": "n", "name": ""}]},
        {"seats": [{"key": "n", "name": "N"}, {"key": "N", "name": "M"}]},
    ],
)
def test_a_rota_that_cannot_be_is_refused_and_leaves_nothing(brand: Brand, wrong: dict[str, Any]) -> None:
    asked: dict[str, Any] = {
        "brand_id": brand.id,
        "name": "Nights",
        "zone": "Europe/London",
        "seats": [{"key": "night", "name": "Night"}],
    }
    with pytest.raises(Invalid):
        make_rota(**asked | wrong, **DOING)
    assert not Rota.objects.exists()


def test_only_managers_plan(brand: Brand, people: list[int]) -> None:
    rota = night_rota(brand)
    al = Actor("person", str(people[0]), "Al", grants=frozenset({(brand.id, "engineer")}))
    doing: dict[str, Any] = {"by": al, "via": Door.WEB, "at": T0}
    override = add_override(seat_key="night", kind="add", starts_at=T0, ends_at=T0 + HOUR, member_id=people[0], **DOING)
    for attempt in (
        lambda: make_rota(brand_id=brand.id, name="R", zone="UTC", seats=[{"key": "k", "name": "K"}], **doing),
        lambda: set_layers(seat_key="night", layers=[], **doing),
        lambda: add_override(
            seat_key="night", kind="add", starts_at=T0, ends_at=T0 + HOUR, member_id=people[0], **doing
        ),
        lambda: cancel_override(override_id=override.id, **doing),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert Rota.objects.get().id == rota.id


def test_an_override_begins_no_earlier_than_now(brand: Brand, people: list[int]) -> None:
    night_rota(brand)
    made = add_override(
        seat_key="night", kind="add", starts_at=T0 - DAY, ends_at=T0 + HOUR, member_id=people[0], **DOING
    )
    assert (made.starts_at, made.ends_at) == (T0, T0 + HOUR)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "borrow"},
        {"member_id": None},
        {"kind": "remove"},
        {"instead_of_id": 1},
        {"kind": "replace"},
        {"ends_at": T0},
        {"ends_at": T0 - HOUR, "starts_at": T0 - DAY},
        {"starts_at": datetime(2026, 3, 3)},  # noqa: DTZ001 - what is refused
        {"member_id": 99999999},
        {"kind": "replace", "instead_of_id": 99999999},
    ],
)
def test_an_override_that_cannot_be_is_refused(brand: Brand, people: list[int], wrong: dict[str, Any]) -> None:
    night_rota(brand)
    asked = {"kind": "add", "starts_at": T0 + HOUR, "ends_at": T0 + DAY, "member_id": people[0]}
    with pytest.raises(Invalid):
        add_override(seat_key="night", **asked | wrong, **DOING)  # type: ignore[arg-type]
    assert not Override.objects.exists()


def test_cancelling_before_it_begins_leaves_no_trace_in_the_plan(brand: Brand, people: list[int]) -> None:
    rota = night_rota(brand)
    set_layers(seat_key="night", layers=[daily(people[0])], **DOING)
    made = add_override(
        seat_key="night", kind="add", starts_at=T0 + HOUR, ends_at=T0 + DAY, member_id=people[1], **DOING
    )
    assert on(rota, T0 + 2 * HOUR) == {"night": ("person", people[1])}
    cancel_override(override_id=made.id, **DOING)
    assert on(rota, T0 + 2 * HOUR) == {"night": ("person", people[0])}
    assert queries.overrides("night", T0, T0 + DAY) == []


def test_cancelling_one_that_has_begun_ends_it_and_keeps_its_past(brand: Brand, people: list[int]) -> None:
    rota = night_rota(brand)
    set_layers(seat_key="night", layers=[daily(people[0])], **DOING)
    made = add_override(seat_key="night", kind="add", starts_at=T0, ends_at=T0 + DAY, member_id=people[1], **DOING)
    later = DOING | {"at": T0 + 2 * HOUR}
    cancel_override(override_id=made.id, **later)
    version = Rota.objects.get().version
    cancel_override(override_id=made.id, **later | {"at": T0 + 3 * HOUR})
    assert Rota.objects.get().version == version
    assert on(rota, T0 + HOUR) == {"night": ("person", people[1])}
    assert on(rota, T0 + 2 * HOUR) == {"night": ("person", people[0])}


def test_one_that_is_over_cannot_be_cancelled(brand: Brand, people: list[int]) -> None:
    night_rota(brand)
    made = add_override(seat_key="night", kind="add", starts_at=T0, ends_at=T0 + HOUR, member_id=people[1], **DOING)
    with pytest.raises(IllegalTransition):
        cancel_override(override_id=made.id, **DOING | {"at": T0 + HOUR})
    with pytest.raises(NotFound):
        cancel_override(override_id=made.id + 1, **DOING)


def test_every_change_is_journalled_with_whom_it_brings_on_now(brand: Brand, people: list[int]) -> None:
    night_rota(brand)
    set_layers(seat_key="night", layers=[daily(people[0], starts_on=date(2026, 3, 1))], **DOING)
    made = add_override(seat_key="night", kind="add", starts_at=T0, ends_at=T0 + HOUR, member_id=people[1], **DOING)
    cancel_override(override_id=made.id, **DOING)
    said = [
        (entry.kind, entry.facts.get("was"), entry.facts.get("now"))
        for entry in Entry.objects.filter(kind__startswith="rota.").order_by("id")
    ]
    al, bo = ["person", people[0]], ["person", people[1]]
    assert said == [
        ("rota.made", None, None),
        ("rota.layers_set", None, al),
        ("rota.override_added", al, bo),
        ("rota.override_cancelled", bo, al),
    ]


def test_a_plan_that_has_not_changed_costs_one_query(brand: Brand, people: list[int]) -> None:
    rotas = [night_rota(brand, f"night-{number}") for number in range(5)]
    for number in range(5):
        set_layers(seat_key=f"night-{number}", layers=[daily(*people)], **DOING)
    queries._kept.clear()
    with CaptureQueriesContext(
        connection,
    ) as cold:
        queries.scheduled(T0)
    with CaptureQueriesContext(connection) as warm:
        assert len(queries.scheduled(T0)) == len(rotas)
    assert (len(cold), len(warm)) == (8, 1)


def test_a_plan_that_was_rolled_back_is_never_read(brand: Brand, people: list[int]) -> None:
    rota = night_rota(brand)
    set_layers(seat_key="night", layers=[daily(people[0])], **DOING)
    with transaction.atomic():
        set_layers(seat_key="night", layers=[daily(people[1])], **DOING)
        assert on(rota, T0) == {"night": ("person", people[1])}
        transaction.set_rollback(True)
    assert on(rota, T0) == {"night": ("person", people[0])}
    set_layers(seat_key="night", layers=[daily(people[2])], **DOING)
    assert on(rota, T0) == {"night": ("person", people[2])}


def test_a_change_in_the_middle_of_reading_is_read_again(
    brand: Brand, people: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rota = night_rota(brand)
    set_layers(seat_key="night", layers=[daily(people[0])], **DOING)
    queries._kept.clear()
    read, torn = queries._read_rotas, []

    def change_once(rota_ids: Any) -> Any:
        found = read(rota_ids)
        if not torn:
            torn.append(True)
            set_layers(seat_key="night", layers=[daily(people[1])], **DOING)
            queries._kept.clear()
        return found

    monkeypatch.setattr(queries, "_read_rotas", change_once)
    assert on(rota, T0) == {"night": ("person", people[1])}


def test_turns_are_those_of_the_resolver(brand: Brand, people: list[int]) -> None:
    rota = night_rota(brand)
    set_layers(seat_key="night", layers=[daily(*people)], **DOING)
    plan = queries.load_rota(rota.id)
    assert queries.turns("night", T0, T0 + 9 * DAY) == resolve.turns(plan, "night", T0, T0 + 9 * DAY)
    drafted = queries.drafted("night", [daily(people[1])])
    assert resolve.scheduled(drafted, T0) == {"night": ("person", people[1])}
    assert on(rota, T0) == {"night": ("person", people[0])}
    with pytest.raises(NotFound):
        queries.next_turns("nowhere", T0)
    with pytest.raises(NotFound):
        queries.load_rota(rota.id + 1)
