"""How many turns a repair has to change at the least, found by trying everything.

It shares nothing with the planner's search: it knows who holds what, and asks the plain reading of the rules
(`planner.score`), person by person. What it says is therefore a proof for a repair of the planner's, or against it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from nightdesk.rota.planner import Barred, Given, Problem, Replanned, Slot, replan
from nightdesk.rota.planner.eligible import knows, why_not
from nightdesk.rota.planner.problem import Person
from nightdesk.rota.planner.replan import lose
from nightdesk.rota.planner.score import find_breaches

Held = dict[str, frozenset[str]]


def fewest_changes(problem: Problem, most: int) -> int | None:
    """The least number of slots that change hands until nothing is missing; None where it takes more than `most`.

    `problem` is what `planner.replan.lose` leaves: holders as they are, and None where a slot has to be filled. Every
    repair of so many changes is tried, the small ones first. For rules that forbid, not for those that ask for at least
    so much: nobody breaks one by holding less.
    """
    everything = _Everything(problem)
    opened = tuple(slot.id for slot in problem.slots if not slot.fixed and slot.holder is None)
    for extra in range(most - len(opened) + 1):
        if everything.closes(everything.held, opened, frozenset(opened), extra):
            return len(opened) + extra
    return None


@dataclass
class TightNight:
    """Whoever has the slot of that id, an evening's, drops out three hours after it began, until seven in the morning."""

    problem: Problem
    rota: Sequence[Given]
    slot: str

    def __post_init__(self) -> None:
        self.person = next(each.person for each in self.rota if each.slot == self.slot)
        start = next(each.start for each in self.problem.slots if each.id == self.slot)
        self.at = start + 3 * 60
        self.until = start + 16 * 60

    def repair(self, problem: Problem) -> Replanned:
        """What the planner makes of it."""
        return replan(problem, self.rota, person=self.person, since=self.at, until=self.until, at=self.at)

    def left(self, problem: Problem) -> Problem:
        """What there is to repair."""
        return lose(problem, self.rota, person=self.person, since=self.at, until=self.until, at=self.at)

    def without_whoever_is_free(self) -> Problem:
        """The same when nobody can take it as things are: those who could are away that night."""
        everything = _Everything(self.left(self.problem))
        away = Barred(self.at, self.until)
        free = everything.free_for(f"{self.slot}+")
        people = (
            replace(each, barred=(*each.barred, away)) if each.id in free else each for each in self.problem.people
        )
        return replace(self.problem, people=tuple(people))


@dataclass
class _Everything:
    problem: Problem

    def __post_init__(self) -> None:
        self.slots = {slot.id: slot for slot in self.problem.slots}
        self.people = {person.id: person for person in self.problem.people}
        self.held: Held = {
            person: frozenset(slot.id for slot in self.problem.slots if slot.holder == person) for person in self.people
        }
        self._known: dict[tuple[str, frozenset[str]], bool] = {}
        self._able: dict[str, list[Person]] = {}

    def free_for(self, slot_id: str) -> set[str]:
        """Who can take the slot as things are."""
        able = self._able_for(self.slots[slot_id])
        return {each.id for each in able if self._lawful(each, self.held[each.id] | {slot_id})}

    def closes(self, held: Held, opened: tuple[str, ...], changed: frozenset[str], extra: int) -> bool:
        """Whether the opened slots can be filled when at most `extra` more change hands; `changed` did so already."""
        if not opened:
            return self._companies_stand(held, changed, extra)
        slot, rest = self.slots[opened[0]], opened[1:]
        for person in self._able_for(slot):
            if slot.holder == person.id:
                continue  # then it would not have changed hands
            for released in self._released(person, held[person.id] | {slot.id}, changed, extra):
                now = held | {person.id: (held[person.id] | {slot.id}) - released}
                if self.closes(now, (*rest, *sorted(released)), changed | released, extra - len(released)):
                    return True
        return False

    def _able_for(self, slot: Slot) -> list[Person]:
        if slot.id not in self._able:
            self._able[slot.id] = [
                person for person in self.people.values() if not why_not(person, slot, self.problem.rules)
            ]
        return self._able[slot.id]

    def _released(
        self, person: Person, wanted: frozenset[str], changed: frozenset[str], extra: int
    ) -> Iterator[frozenset[str]]:
        """The least sets of what the person must give up of `wanted` so that the rest is lawful."""
        loose = sorted(each for each in wanted - changed if not self.slots[each].fixed)
        found: list[frozenset[str]] = []
        for size in range(extra + 1):
            for some in map(frozenset, combinations(loose, size)):
                if not any(less <= some for less in found) and self._lawful(person, wanted - some):
                    found.append(some)
                    yield some

    def _lawful(self, person: Person, ids: frozenset[str]) -> bool:
        key = (person.id, ids)
        if key not in self._known:
            mine = sorted((self.slots[each] for each in ids), key=lambda slot: (slot.start, slot.end, slot.id))
            self._known[key] = not find_breaches(self.problem, person, mine)
        return self._known[key]

    def _companies_stand(self, held: Held, changed: frozenset[str], extra: int) -> bool:
        """Whether all companies have what they need; where one has not, somebody there has to be exchanged."""
        for company in self.problem.companies:
            there = [self.people[name] for name, ids in held.items() if not ids.isdisjoint(company.slots)]
            skilled = all(any(knows(one, need) for one in there) for need in company.needs if need.hard)
            fixed = {self.slots[each].holder for each in company.slots if self.slots[each].fixed}
            # Whoever stands there alone by what has begun already is no doing of a repair.
            alone = company.newcomers and all(one.newcomer for one in there) and {one.id for one in there} - fixed
            if skilled and not alone:
                continue
            return any(
                self.closes(held | {name: ids - {each}}, (each,), changed | {each}, extra - 1)
                for each in company.slots
                if extra > 0 and each not in changed and not self.slots[each].fixed
                for name, ids in held.items()
                if each in ids
            )
        return True
