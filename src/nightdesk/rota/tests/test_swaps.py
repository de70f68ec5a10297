"""One takes another's turn: who is asked, who has a say, and what the plan is then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person
from nightdesk.rota import queries, swapping
from nightdesk.rota.actions import add_override, make_rota, set_layers
from nightdesk.rota.checking import RuleBlocks
from nightdesk.rota.models import Override, Swap
from nightdesk.rota.seat_actions import edit_rota
from nightdesk.rota.swap_actions import (
    LAPSE,
    accept_swap,
    approve_swap,
    ask_swap,
    cancel_swap,
    decline_swap,
    lapse_swap,
    refuse_swap,
)

pytestmark = pytest.mark.django_db

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIX = T0.replace(hour=18)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": T0}


class Company:
    """Al, Bo and Cy take turns of a day at 18:00; Al has the one from the first of March."""

    def __init__(self) -> None:
        self.brand = Brand.objects.create(name="Quayside", slug="quayside")
        self.ids = {name: Person.objects.create(name=name).id for name in ("Al", "Bo", "Cy", "Mo")}
        seats: Any = [{"key": "night", "name": "Night"}, {"key": "backup", "name": "Backup"}]
        self.rota = make_rota(brand_id=self.brand.id, name="Nights", zone="Europe/London", seats=seats, **DOING)
        self.layers("night", "Al", "Bo", "Cy")

    def layers(self, seat: str, *names: str) -> None:
        members = [{"person": self.ids[name]} for name in names]
        set_layers(seat_key=seat, layers=[{"members": members, "anchor": "2026-03-01T18:00", "turn": "day"}], **DOING)

    def by(self, name: str, role: str = "engineer") -> dict[str, Any]:
        grants = frozenset({(self.brand.id, role)})
        return {"by": Actor("person", str(self.ids[name]), name, grants=grants), "via": Door.WEB, "at": T0}

    def ask(self, **more: Any) -> Swap:
        """Bo asks Cy for Bo's turn tonight."""
        wanted = {"seat_key": "night", "starts_at": SIX, "ends_at": SIX + DAY, "asked_id": self.ids["Cy"], **more}
        return ask_swap(**wanted, **self.by("Bo"))

    def on(self, at: datetime, seat: str = "night") -> str:
        member: Any = queries.scheduled(at, [self.rota.id])[seat]
        return next(name for name, id_ in self.ids.items() if ("person", id_) == member)

    def rule(self, rule: str) -> None:
        edit_rota(rota_id=self.rota.id, changes={"swaps": rule}, **DOING)


@pytest.fixture
def company() -> Company:
    return Company()


def test_what_both_want_is_done_in_one_transaction_as_overrides(company: Company) -> None:
    company.rule("free")
    swap = company.ask(back_seat_key="night", back_starts_at=SIX + DAY, back_ends_at=SIX + 2 * DAY)
    assert company.on(SIX) == "Bo"
    swap = accept_swap(swap_id=swap.pk, **company.by("Cy"))
    assert swap.state == Swap.State.DONE
    assert [company.on(SIX + days * DAY) for days in range(3)] == ["Cy", "Bo", "Al"]
    made = list(swap.overrides.order_by("starts_at").values_list("member_id", "instead_of_id"))
    assert made == [(company.ids["Cy"], company.ids["Bo"]), (company.ids["Bo"], company.ids["Cy"])]
    assert not Promise.objects.filter(kind=LAPSE, ended_at=None).exists()
    kinds = list(Entry.objects.filter(kind__contains="swap").order_by("id").values_list("kind", flat=True))
    assert kinds == ["rota.swap_asked", "rota.swap_done"]
    assert accept_swap(swap_id=swap.pk, **company.by("Cy")).state == Swap.State.DONE
    assert Override.objects.count() == 2


def test_a_rota_whose_swaps_a_manager_approves_waits_for_one(company: Company) -> None:
    company.rule("approved")
    swap = accept_swap(swap_id=company.ask().pk, **company.by("Cy"))
    assert (swap.state, company.on(SIX)) == (Swap.State.ACCEPTED, "Bo")
    with pytest.raises(Forbidden):
        approve_swap(swap_id=swap.pk, **company.by("Bo"))
    assert approve_swap(swap_id=swap.pk, **company.by("Mo", "manager")).state == Swap.State.DONE
    assert company.on(SIX) == "Cy"


def test_what_the_rules_warn_of_waits_for_a_manager_and_what_they_block_is_refused(company: Company) -> None:
    swap = accept_swap(swap_id=company.ask().pk, **company.by("Cy"))  # two days without a rest between
    assert swap.state == Swap.State.ACCEPTED
    assert "Cy" in swap.why
    assert (company.on(SIX), Override.objects.count()) == ("Bo", 0)
    refuse_swap(swap_id=swap.pk, why="Nobody works for two days.", **company.by("Mo", "manager"))
    tonight: dict[str, Any] = {"seat_key": "backup", "starts_at": SIX, "ends_at": SIX + DAY}
    add_override(**tonight, kind="add", member_id=company.ids["Cy"], **DOING)
    with pytest.raises(RuleBlocks):  # nobody has two seats at once
        accept_swap(swap_id=company.ask().pk, **company.by("Cy"))
    assert (company.on(SIX), Override.objects.count()) == ("Bo", 1)


@pytest.mark.parametrize(
    ("verb", "who", "role", "state"),
    [
        (decline_swap, "Cy", "engineer", "declined"),
        (cancel_swap, "Bo", "engineer", "cancelled"),
        (refuse_swap, "Mo", "manager", "refused"),
        (cancel_swap, "Mo", "manager", "cancelled"),
    ],
)
def test_it_ends_by_whoever_has_a_say_and_nothing_changes(
    company: Company, verb: Any, who: str, role: str, state: str
) -> None:
    swap = verb(swap_id=company.ask().pk, **company.by(who, role))
    assert (swap.state, company.on(SIX)) == (state, "Bo")
    assert verb(swap_id=swap.pk, **company.by(who, role)).state == state
    with pytest.raises(IllegalTransition):
        accept_swap(swap_id=swap.pk, **company.by("Cy"))


@pytest.mark.parametrize(
    ("verb", "who"), [(accept_swap, "Bo"), (accept_swap, "Al"), (decline_swap, "Bo"), (cancel_swap, "Cy")]
)
def test_nobody_says_yes_or_no_for_another(company: Company, verb: Any, who: str) -> None:
    with pytest.raises(IllegalTransition, match="to say"):
        verb(swap_id=company.ask().pk, **company.by(who))


def test_only_ones_own_turn_can_be_given(company: Company) -> None:
    with pytest.raises(IllegalTransition, match="is not planned"):
        company.ask(ends_at=SIX + DAY + HOUR)
    with pytest.raises(IllegalTransition, match="is not planned"):
        company.ask(back_seat_key="night", back_starts_at=SIX, back_ends_at=SIX + DAY)
    with pytest.raises(Invalid):
        company.ask(asked_id=company.ids["Bo"])
    with pytest.raises(Invalid):
        company.ask(ends_at=T0 - DAY)
    with pytest.raises(NotFound):
        company.ask(asked_id=10**9)
    with pytest.raises(Forbidden):
        company.ask(asked_by_id=company.ids["Al"])
    assert not Swap.objects.exists()


def test_a_plan_that_has_changed_since_is_not_swapped(company: Company) -> None:
    swap = company.ask()
    night: dict[str, Any] = {"seat_key": "night", "starts_at": SIX, "ends_at": SIX + DAY}
    add_override(**night, kind="replace", member_id=company.ids["Al"], instead_of_id=company.ids["Bo"], **DOING)
    with pytest.raises(IllegalTransition, match="is not planned"):
        accept_swap(swap_id=swap.pk, **company.by("Cy"))
    assert company.on(SIX) == "Al"


def test_asking_the_same_again_asks_once_and_what_nobody_settles_is_off_when_the_turn_begins(company: Company) -> None:
    swap = company.ask()
    assert company.ask().pk == swap.pk
    (promise,) = Promise.objects.filter(kind=LAPSE, ended_at=None)
    assert promise.due_at == SIX
    lapse_swap(swap_id=swap.pk, by=SCHEDULER, via=Door.WORKER, at=SIX)
    swap.refresh_from_db()
    assert swap.state == Swap.State.CANCELLED
    assert company.on(SIX) == "Bo"


def test_every_state_is_reached_from_one_that_leads_to_it() -> None:
    assert set(swapping.TRANSITIONS) == set(Swap.State.values)
    assert set().union(*swapping.TRANSITIONS.values()) == set(Swap.State.values) - {"asked"}
