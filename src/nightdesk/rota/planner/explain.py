"""Why a slot stays empty, person by person, and who could step in.

That somebody stands near is no proof that nothing can be done: what keeps them may be moved. So before "impossible" is
said, each of them is put onto the slot all the same, their days around it and everybody else's are arranged anew, and
what comes of it is what is said: asking P09 costs 2 points, or it opens another gap, or no way was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

from nightdesk.rota.planner.eligible import why_not
from nightdesk.rota.planner.model import Model, bits
from nightdesk.rota.planner.problem import Gap, Given, Problem, Slot
from nightdesk.rota.planner.score import find_breaches
from nightdesk.rota.planner.search import HARD, Search, Standing, cheapest

AROUND = 3
"""Days before and after the slot that may change for it."""

STEPS = 1500
"""Of search for each person who is put onto a slot by force."""

CHANGE = 30
"""Points of each change for others, so that no more of them is moved than helps."""

WORDS = {
    "free": "could take it",
    "on": "is on {slots} at that time",
    "rest": "has not the daily rest from {slots}",
    "one_a_day": "has {slots} on that day already",
    "never_next_day": "has {slots} next to it, which may not follow",
    "may": "is not asked for this seat",
    "site": "does not work at this site",
    "skill": "lacks a skill that this seat needs",
    "under_18": "is under 18 and works no nights",
    "not available": "is not available",
    "elsewhere": "has a duty elsewhere",
    "kind": "takes none of these",
    "newcomer": "is a newcomer and would be alone",
    "days_running": "would work too many days running",
    "nights_running": "would work too many nights running",
    "days_off_after_nights": "would not have the days off after nights",
    "weekly_rest_minutes": "would not have the weekly rest",
    "average_minutes": "would work more than the average allowed over the reference period",
    "minutes_in_7_days": "would work too long in seven days",
    "minutes": "would work more than their hours in this period",
    "nights": "has all the nights they may have in this period",
    "weekends": "has all the weekends they may have in this period",
    "of_kind": "has all the shifts of this kind they may have",
    "rule": "would break a rule",
}
"""By code, what is said of a person. What is private is only ever "not available"."""

FAR = {"may": 90, "site": 80, "skill": 70, "under_18": 70, "not available": 60, "kind": 55, "elsewhere": 50, "on": 40}
"""How far off each reason is; 20 for a rest, 10 for a rule."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What keeps a person from a slot. `slots` are those of theirs that are in the way. The smaller `distance`, the closer."""

    person: str
    codes: tuple[str, ...]
    words: str
    slots: tuple[str, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody else's slot that changes hands with it; None where nobody holds it."""

    slot: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What comes of putting `person` onto the slot: `points` more than now (the gap itself not counted), `opens` gaps
    elsewhere, and who else's slots change with it. With `opens` 0 it can be done."""

    person: str
    points: int
    opens: int
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """One gap. `candidates` is empty where no counterfactual was tried, and only where it was can it be `impossible`.

    `closed` is the whole rota in which it is closed at the least cost, where that can be done.
    """

    gap: Gap
    people: tuple[Reason, ...]
    candidates: tuple[Candidate, ...] = ()
    impossible: bool = False
    closed: tuple[Given, ...] | None = None


def explain_gaps(
    problem: Problem,
    given: Iterable[Given],
    *,
    counterfactual: bool = True,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Explained, ...]:
    """Every gap of the rota, in the order of time. When it is stopped, the gaps that are left come without counterfactual."""
    desk = Desk(problem, given)
    explained = []
    for gap in desk.gaps():
        people = tuple(sorted((desk.reason(number, gap) for number in range(len(problem.people))), key=_closest))
        if not counterfactual or (should_stop is not None and should_stop()):
            explained.append(Explained(gap, people))
            continue
        tried = desk.try_everybody(gap, AROUND)
        ways = [each for each in tried if not each[0].opens]
        explained.append(
            Explained(
                gap,
                people,
                tuple(each for each, _ in tried),
                impossible=not ways,
                closed=desk.model.given(ways[0][1]) if ways else None,
            )
        )
    return tuple(explained)


def rank_people(problem: Problem, given: Iterable[Given], slot_id: str, *, days: int = AROUND) -> tuple[Candidate, ...]:
    """Who could take the slot, in the order in which to ask: those first for whom nothing else changes.

    Whoever holds it now is left out, as if they did not. `days` around it may change for others. Raises KeyError for a
    slot that the problem does not have.
    """
    desk = Desk(problem, [each for each in given if each.slot != slot_id])
    gap = Gap("seat", (problem.slots[desk.place[slot_id]].id,))
    ways = [each for each, _ in desk.try_everybody(gap, days) if not each.opens]
    return tuple(sorted(ways, key=lambda each: (len(each.moved), each.points, each.person)))


def _closest(reason: Reason) -> tuple[int, str]:
    return reason.distance, reason.person


class Desk:
    """A rota to be asked about."""

    def __init__(self, problem: Problem, given: Iterable[Given]) -> None:
        given = tuple(given)
        holder = {each.slot: each.person for each in given}
        slots = tuple(slot if slot.fixed else replace(slot, holder=holder.get(slot.id)) for slot in problem.slots)
        self.problem = replace(problem, slots=slots, weights=replace(problem.weights, change=CHANGE))
        self.model = Model(self.problem)
        self.stand = Standing(self.model, self.model.masks(given))
        self.place = {slot.id: number for number, slot in enumerate(problem.slots)}

    def gaps(self) -> list[Gap]:
        """Seats that nobody holds, and skills that nobody in a company has. Of alike seats the last are the empty ones."""
        model, state, found = self.model, self.stand, []
        for number, post in enumerate(model.posts):
            missing = post.need - state.on[number].bit_count()
            if post.gap:
                for place in post.slots[::-1]:
                    here = min(missing, self.problem.slots[place].need)
                    if here > 0:
                        found.append((post.slot.start, Gap("seat", (self.problem.slots[place].id,), here)))
                        missing -= here
        for number, group in enumerate(model.groups):
            for need, knowing, _ in group.needs:
                if need.hard and not state.made[number] & knowing:
                    slots = self.problem.companies[number].slots
                    start = self.problem.slots[self.place[slots[0]]].start
                    found.append((start, Gap("skill", slots, 1, need.skill)))
        return [gap for _, gap in sorted(found, key=lambda each: (each[0], each[1].slots, each[1].skill))]

    def _posts_of(self, gap: Gap) -> list[int]:
        return sorted({self.model.post_of[self.place[slot]] for slot in gap.slots})

    def _knowing(self, gap: Gap) -> int:
        """The people who would close the gap: all for an empty seat, those who have the skill for a skill."""
        if gap.kind == "seat":
            return (1 << len(self.problem.people)) - 1
        company = next(number for number, each in enumerate(self.problem.companies) if each.slots == gap.slots)
        return next(people for need, people, _ in self.model.groups[company].needs if need.skill == gap.skill)

    def reason(self, number: int, gap: Gap) -> Reason:
        """Why the person is not on it; of the slots of a company the nearest."""
        if not self._knowing(gap) >> number & 1:
            return self._say(number, ["skill"], [])
        return min(
            (self._reason(number, self.model.posts[post].slot, post) for post in self._posts_of(gap)), key=_closest
        )

    def _reason(self, number: int, slot: Slot, post: int) -> Reason:
        model, rules = self.model, self.problem.rules
        person, mask = self.problem.people[number], self.stand.mask[number]
        codes = [] if model.who[number].allowed >> post & 1 else list(why_not(person, slot, rules))
        if mask >> post & 1:
            return self._say(number, [*codes, "on"], [post])
        against = list(bits(mask & model.conflict[post]))
        for other in against:
            held = model.posts[other].slot
            if held.start < slot.end and slot.start < held.end:
                codes.append("on")
            elif rules.one_a_day and held.day == slot.day:
                codes.append("one_a_day")
            elif {(held.kind, slot.kind), (slot.kind, held.kind)} & set(rules.never_next_day):
                codes.append("never_next_day")
            else:
                codes.append("rest")
        if not codes and model.judge(number, mask | 1 << post)[0] > self.stand.judged[number][0]:
            codes += self._broken(number, mask, slot)
        if not codes and self.stand.weigh([(number, mask | 1 << post)])[0] > 0:
            codes.append("newcomer")
        return self._say(number, codes or ["free"], against)

    def _broken(self, number: int, mask: int, slot: Slot) -> list[str]:
        person = self.problem.people[number]
        mine = [self.model.posts[held].slot for held in bits(mask)]
        more = sorted([*mine, replace(slot, fixed=False)], key=lambda each: (each.start, each.end))
        before = {(breach.rule, breach.slots) for breach in find_breaches(self.problem, person, mine)}
        after = [each for each in find_breaches(self.problem, person, more) if (each.rule, each.slots) not in before]
        return sorted({each.rule for each in after}) or ["rule"]

    def _say(self, number: int, codes: list[str], against: list[int]) -> Reason:
        person = self.problem.people[number].id
        codes = list(dict.fromkeys(codes))
        names = tuple(self._name(post, person) for post in against)
        slots = ", ".join(names)
        words = "; ".join(WORDS[code].format(slots=slots) for code in codes)
        distance = sum(
            FAR.get(code, 20 if code in ("rest", "one_a_day") else 0 if code == "free" else 10) for code in codes
        )
        return Reason(person, tuple(codes), words, names, distance)

    def _name(self, post: int, person: str) -> str:
        """The slot of the post that the person has; where alike slots are one post, the one they are given."""
        slots = [self.problem.slots[place] for place in self.model.posts[post].slots]
        return next((slot.id for slot in slots if slot.holder == person), slots[0].id)

    # What if

    def try_everybody(self, gap: Gap, around: int) -> list[tuple[Candidate, list[int]]]:
        """Each who may hold it put onto it: those first who close it, cheapest first. With what everybody holds then."""
        found = []
        for post in self._posts_of(gap):
            if self.model.posts[post].frozen:
                continue
            for number in bits(self._knowing(gap)):
                if self.model.who[number].allowed >> post & 1 and not self.stand.mask[number] >> post & 1:
                    tried = self._force(number, post, around)
                    if tried is not None:
                        found.append(tried)
        best: dict[str, tuple[Candidate, list[int]]] = {}
        for each in sorted(found, key=lambda each: (each[0].opens, each[0].points, each[0].person)):
            best.setdefault(each[0].person, each)
        return list(best.values())

    def _force(self, number: int, post: int, around: int) -> tuple[Candidate, list[int]] | None:
        model, now = self.model, self.stand
        here = model.day_of[post]
        window = sum(mask for day, mask in model.on_day.items() if here - around <= day <= here + around) & model.open
        state = Standing(model, now.mask)
        bit = 1 << post
        first = now.mask[number]
        dropped = first & model.conflict[post]
        if dropped & ~window:
            return None
        new = first & ~dropped | bit
        if model.judge(number, new)[0] > now.judged[number][0]:
            fewer = self._give_up(number, new, window & ~bit, now.judged[number][0])
            if fewer is None:
                return None
            new = fewer
        if model.need[post] <= now.on[post].bit_count() and model.most[post] <= now.on[post].bit_count():
            # A full post takes somebody who knows more in the place of one who is there.
            leaves = next((each for each in bits(now.on[post]) if not state.keep[each] & bit), None)
            if leaves is None:
                return None
            state.make([(leaves, state.mask[leaves] & ~bit)])
        state.make([(number, new)])
        state.keep[number] |= bit
        if state.broken > now.broken and not model.newcomers >> number & 1:
            return None
        for left in bits(first & ~new):
            able = sum(1 << each for each, who in enumerate(model.who) if who.allowed >> left & 1)
            found = cheapest(state, left, able & ~(1 << number))
            if found:
                state.apply(*found)
        if first & ~new or state.broken > now.broken:
            for each in range(len(model.who)):
                state.keep[each] |= state.mask[each] & ~window
            chance = Random(post * 1000 + number)  # noqa: S311 - the same each time is what is wanted
            search = Search(state, chance, HARD, window)
            search.run(STEPS, 8.0, 0.5, lambda done: done / STEPS)
            state = Standing(model, search.best_masks)
        if state.broken > now.broken:
            return None
        opens = self._missing(state) - self._missing(now) + 1
        person = self.problem.people[number].id
        points = self._kindness(state) - self._kindness(now)
        return Candidate(person, points, max(opens, 0), self._moved(now, state, number, post)), state.mask

    def _kindness(self, state: Standing) -> int:
        """The points of the rota without those of gaps and of changes."""
        model = self.model
        changes = CHANGE * sum(
            (mask & ~before & model.open).bit_count() for mask, before in zip(state.mask, self.stand.mask, strict=True)
        )
        seats = sum(model.posts[post].gap * (model.need[post] - state.on[post].bit_count()) for post in state.short())
        skills = sum(
            price
            for number, group in enumerate(model.groups)
            for need, knowing, price in group.needs
            if need.hard and not state.made[number] & knowing
        )
        return state.points - changes - seats - skills

    def _give_up(self, number: int, mask: int, window: int, allowed: int) -> int | None:
        """What the person keeps when they give up as little as is needed within the window; None if two are not enough."""
        judge = self.model.judge
        mine = list(bits(mask & window))
        choices = [mask & ~(1 << one) for one in mine]
        choices += [mask & ~(1 << one) & ~(1 << two) for at, one in enumerate(mine) for two in mine[at + 1 :]]
        for some in (choices[: len(mine)], choices[len(mine) :]):
            lawful = [each for each in some if judge(number, each)[0] <= allowed]
            if lawful:
                return min(lawful, key=lambda each: (judge(number, each)[1], each))
        return None

    def _missing(self, state: Standing) -> int:
        seats = sum(self.model.need[post] - state.on[post].bit_count() for post in state.short())
        skills = sum(
            1
            for number, group in enumerate(self.model.groups)
            for need, knowing, _ in group.needs
            if need.hard and not state.made[number] & knowing
        )
        return seats + skills

    def _moved(self, before: Standing, after: Standing, number: int, post: int) -> tuple[Moved, ...]:
        was = {(each.slot, each.person) for each in self.model.given(before.mask)}
        now = {(each.slot, each.person) for each in self.model.given(after.mask)}
        mine = set(self.model.posts[post].slots)
        moved = []
        for slot in sorted({slot for slot, _ in was ^ now}):
            left = sorted(who for at, who in was - now if at == slot)
            came = sorted(who for at, who in now - was if at == slot)
            if self.place[slot] in mine and came == [self.problem.people[number].id] and not left:
                continue
            moved += [
                Moved(slot, left[at] if at < len(left) else None, came[at] if at < len(came) else None)
                for at in range(max(len(left), len(came)))
            ]
        return tuple(moved)
