"""The same problem for OR-Tools' CP-SAT: some people are freed, all others keep what they hold, and of all rotas that are
left the cheapest is found, or how cheap one could be at most.

Runs in a process of its own (see `child`): importing it costs most of a second and 90 MB. One worker with the full linear
relaxation, and time that is counted and not measured, so that the same question has the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import Any

from nightdesk.rota.planner.model import Measure, Model, bits
from nightdesk.rota.planner.shares import unfairness

LATE = "LATE"
"""Stopped by the wall clock: another time it may end elsewhere."""

Terms = list[tuple[Any, int]]
"""(variable, factor) pairs of a sum."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`masks` of the freed people in order, None where nothing was found; `bound` is of the whole rota's points."""

    status: str
    masks: list[int] | None
    points: int | None
    bound: int | None
    units: float


class Question:
    """The model of one sub-problem. `masks` is the rota as it stands, `free` the people who may move."""

    def __init__(self, model: Model, masks: list[int], free: list[int]) -> None:
        from ortools.sat.python import cp_model

        self.cp = cp_model.CpModel()
        self.solver = cp_model.CpSolver()
        self.api = cp_model
        self.model = model
        self.masks = masks
        self.free = free
        self.posts = model.open
        self.x: dict[tuple[int, int], Any] = {}
        self.kept: dict[int, int] = {}
        self.cost: Terms = []
        self.constant = 0
        for number in free:
            self._person(number)
        self._staffing()
        for number, mask in enumerate(masks):
            if number not in self.kept:
                self.constant += model.judge(number, mask)[1]

    # Pieces

    def _sum(self, terms: Terms) -> Any:
        return self.api.LinearExpr.weighted_sum([each for each, _ in terms], [factor for _, factor in terms])

    def _held(self, number: int, posts: Iterable[int]) -> Terms:
        return [(self.x[number, post], 1) for post in posts if (number, post) in self.x]

    def _bill(self, points: int, terms: Terms, constant: int) -> None:
        """Pay `points` when the sum of the terms and the constant is above 0; it is at most 1."""
        if constant + sum(factor for _, factor in terms if factor > 0) <= 0:
            return
        if not terms:
            self.constant += points
            return
        paid = self.cp.new_bool_var("")
        self.cp.add(paid >= self._sum(terms) + constant)
        self.cost.append((paid, points))

    # A person

    def _person(self, number: int) -> None:
        model, who = self.model, self.model.who[number]
        kept = self.masks[number] & ~self.posts | who.frozen
        self.kept[number] = kept
        could = who.allowed & self.posts
        for post in bits(kept):
            could &= ~model.conflict[post]
        for post in bits(could):
            self.x[number, post] = self.cp.new_bool_var("")
        self._conflicts(number, could)
        self._running(number, kept, could)
        self._amounts(number, kept, could)
        self._rests(number, kept, could)
        self._measures(number, kept, could)
        for posts, price in who.prices:
            self.constant += (kept & posts).bit_count() * price
            self.cost += [(variable, price) for variable, _ in self._held(number, bits(posts & could))]
        for posts, price in who.wanted:
            if not kept & posts:
                self._bill(price, [(variable, -1) for variable, _ in self._held(number, bits(posts & could))], 1)

    def _conflicts(self, number: int, could: int) -> None:
        """At most one of each set of posts that all stand against each other; the sets cover every pair."""
        conflict = self.model.conflict
        covered: dict[int, int] = {}
        for one in bits(could):
            for other in bits(conflict[one] & could & ~((1 << one + 1) - 1)):
                if covered.get(one, 0) >> other & 1:
                    continue
                clique, common = [one, other], conflict[one] & conflict[other] & could
                while common:
                    low = common & -common
                    post = low.bit_length() - 1
                    clique.append(post)
                    common &= conflict[post]
                whole = sum(1 << post for post in clique)
                for post in clique:
                    covered[post] = covered.get(post, 0) | whole
                self.cp.add_at_most_one(self.x[number, post] for post in clique)

    def _running(self, number: int, kept: int, could: int) -> None:
        model, who, rules = self.model, self.model.who[number], self.model.rules
        days = self._by_day(number, kept, could, who.days)
        nights = self._by_day(number, kept & model.night_posts, could & model.night_posts, who.nights)
        last = max([0, *days]) + 1
        self._at_most_running(days, last, who.days_running)
        self._at_most_running(nights, last, who.nights_running)
        for day in range(last):
            night, night_const = nights.get(day, ([], 0))
            if not night and not night_const:
                continue
            next_night, next_const = nights.get(day + 1, ([], 0))
            for ahead in range(1, rules.days_off_after_nights + 1):
                duty, duty_const = days.get(day + ahead, ([], 0))
                if not night and not next_night and not duty:
                    continue
                terms = night + [(each, -factor) for each, factor in next_night] + duty
                constant = night_const - next_const + duty_const
                if constant + sum(factor for _, factor in terms if factor > 0) > 1:
                    self.cp.add(self._sum(terms) <= 1 - constant)
        self._pleasant(days, last)
        self._least(number, days)
        if who.weekends is not None:
            worked: Terms = []
            for day in bits(model.saturdays & model.period):
                terms = days.get(day, ([], 0))[0] + days.get(day + 1, ([], 0))[0]
                constant = min(1, days.get(day, ([], 0))[1] + days.get(day + 1, ([], 0))[1])
                busy = self.cp.new_bool_var("")
                for each, _ in terms:
                    self.cp.add(busy >= each)
                self.cp.add(busy >= constant)
                worked.append((busy, 1))
            if worked:
                self.cp.add(self._sum(worked) <= who.weekends)

    def _by_day(self, number: int, kept: int, could: int, elsewhere: int) -> dict[int, tuple[Terms, int]]:
        """For each day: the sum of variables that is 1 when a duty starts on it, and 1 where one does anyway."""
        model = self.model
        found: dict[int, tuple[Terms, int]] = {day: ([], 1) for day in bits(elsewhere)}
        for post in bits(kept):
            found[model.day_of[post]] = ([], 1)
        by_day: dict[int, list[int]] = {}
        for post in bits(could):
            by_day.setdefault(model.day_of[post], []).append(post)
        for day, posts in by_day.items():
            if day in found:
                continue
            terms = self._held(number, posts)
            together = sum(1 << post for post in posts)
            if any(together & ~model.conflict[post] & ~(1 << post) for post in posts):
                some = self.cp.new_bool_var("")
                self.cp.add_max_equality(some, [each for each, _ in terms])
                terms = [(some, 1)]
            found[day] = (terms, 0)
        return found

    def _at_most_running(self, days: dict[int, tuple[Terms, int]], last: int, most: int | None) -> None:
        if most is None:
            return
        for first in range(last):
            window = [days.get(day, ([], 0)) for day in range(first, first + most + 1)]
            terms = [term for each, _ in window for term in each]
            constant = sum(each for _, each in window)
            if terms and all(each or const for each, const in window):
                self.cp.add(self._sum(terms) <= most - constant)

    def _pleasant(self, days: dict[int, tuple[Terms, int]], last: int) -> None:
        model, weights = self.model, self.model.weights
        none: tuple[Terms, int] = ([], 0)
        if weights.split_weekend:
            for day in bits(model.whole_weekends):
                (sat, sat_const), (sun, sun_const) = days.get(day, none), days.get(day + 1, none)
                for one, other, constant in ((sat, sun, sat_const - sun_const), (sun, sat, sun_const - sat_const)):
                    terms = one + [(each, -factor) for each, factor in other]
                    if constant < 1 or terms:
                        self._bill(weights.split_weekend, terms, constant)
                    else:
                        self.constant += weights.split_weekend
        if weights.lone_day_off:
            for day in bits(model.period >> 1):
                if day + 2 > last:
                    break
                (one, a), (off, b), (two, c) = days.get(day, none), days.get(day + 1, none), days.get(day + 2, none)
                self._bill(weights.lone_day_off, one + [(each, -factor) for each, factor in off] + two, a - b + c - 1)

    def _least(self, number: int, days: dict[int, tuple[Terms, int]]) -> None:
        who, model = self.model.who[number], self.model
        none: tuple[Terms, int] = ([], 0)
        inside = list(bits(model.period))
        for before, day in pairwise(inside):
            (was, was_const), (now, now_const) = days.get(before, none), days.get(day, none)
            for ahead in range(1, (who.days_running_at_least or 1)):
                if day + ahead <= inside[-1]:
                    later, const = days.get(day + ahead, none)
                    terms = now + [(each, -factor) for each, factor in was + later]
                    self._limit(terms, 0 - now_const + was_const + const)
            for ahead in range(1, (who.days_off_running_at_least or 1)):
                if day + ahead <= inside[-1]:
                    later, const = days.get(day + ahead, none)
                    terms = was + [(each, -factor) for each, factor in now] + later
                    self._limit(terms, 1 - was_const + now_const - const)

    def _limit(self, terms: Terms, most: int) -> None:
        if terms and sum(factor for _, factor in terms if factor > 0) > most:
            self.cp.add(self._sum(terms) <= most)

    def _amounts(self, number: int, kept: int, could: int) -> None:
        model, who = self.model, self.model.who[number]
        for posts, most in who.counts:
            self._limit(self._held(number, bits(posts & could)), max(0, most - (kept & posts).bit_count()))
        for posts, cap in who.caps:
            done, terms = 0, []
            for minutes, of in model.lengths:
                done += (kept & posts & of).bit_count() * minutes
                terms += [(each, minutes) for each, _ in self._held(number, bits(posts & could & of))]
            self._limit(terms, max(0, cap - done))
        if who.minutes_at_least is not None:
            done, terms = 0, []
            for minutes, of in model.lengths:
                done += (kept & of).bit_count() * minutes
                terms += [(each, minutes) for each, _ in self._held(number, bits(could & of))]
            self.cp.add(self._sum(terms) >= who.minutes_at_least - done)

    def _rests(self, number: int, kept: int, could: int) -> None:
        """In each window one of the places where the weekly rest could lie stays free."""
        model, rest = self.model, self.model.rules.weekly_rest_minutes
        for posts, _, window in model.who[number].rests:
            (start, end), *own = window
            movable = list(bits(posts & could))
            spans = {post: (model.posts[post].slot.start, model.posts[post].slot.end) for post in bits(posts)}
            busy = [*own, *(spans[post] for post in bits(posts & kept))]
            begins = {start, *(spans[post][1] for post in movable), *(each for _, each in busy)}
            places = set()
            for begin in begins:
                until = begin + rest
                if begin < start or until > end or any(a < until and b > begin for a, b in busy):
                    continue
                places.add(sum(1 << post for post in movable if spans[post][0] < until and spans[post][1] > begin))
            if 0 in places or not movable:
                continue
            least = [each for each in places if not any(other != each and other & each == other for other in places)]
            if not least:
                continue  # what is kept leaves no room for it anyway
            rests = []
            for place in sorted(least):
                here = self.cp.new_bool_var("")
                rests.append(here)
                by_day: dict[int, list[int]] = {}
                for post in bits(place):
                    by_day.setdefault(model.day_of[post], []).append(post)
                for same_day in by_day.values():
                    if model.rules.one_a_day:
                        self.cp.add_at_most_one([here, *(self.x[number, post] for post in same_day)])
                    else:
                        for post in same_day:
                            self.cp.add_implication(here, ~self.x[number, post])
            self.cp.add_bool_or(rests)

    def _measures(self, number: int, kept: int, could: int) -> None:
        for measure in self.model.who[number].measures:
            carried = sum((kept & posts).bit_count() * size for posts, size in measure.amounts)
            terms = [
                (each, size) for posts, size in measure.amounts for each, _ in self._held(number, bits(posts & could))
            ]
            if terms:
                self._convex(measure, carried, terms, self._most_of(measure, could))
            else:
                self.constant += unfairness(carried, measure.share, measure.step, measure.weight)

    def _most_of(self, measure: Measure, could: int) -> int:
        """No more than this can be added to the measure, so that no more of its curve need be drawn."""
        by_day: dict[int, int] = {}
        for posts, size in measure.amounts:
            for post in bits(posts & could):
                day = self.model.day_of[post]
                by_day[day] = max(by_day.get(day, 0), size) if self.model.rules.one_a_day else by_day.get(day, 0) + size
        return sum(by_day.values())

    def _convex(self, measure: Measure, carried: int, terms: Terms, most: int) -> None:
        unit = 0
        for _, size in terms:
            unit = gcd(unit, size)
        curve = [
            (count, unfairness(carried + count * unit, measure.share, measure.step, measure.weight))
            for count in range(most // unit + 1)
        ]
        hull: list[tuple[int, int]] = []
        for point in curve:
            while len(hull) > 1 and (hull[-1][1] - hull[-2][1]) * (point[0] - hull[-2][0]) >= (
                point[1] - hull[-2][1]
            ) * (hull[-1][0] - hull[-2][0]):
                hull.pop()
            hull.append(point)
        count = self._sum([(each, size // unit) for each, size in terms])
        paid = self.cp.new_int_var(min(value for _, value in curve), max(value for _, value in curve), "")
        for (x1, y1), (x2, y2) in pairwise(hull):
            self.cp.add(paid * (x2 - x1) >= (y2 - y1) * (count - x1) + y1 * (x2 - x1))
        on_hull = {x for x, _ in hull}
        for x, y in curve:  # rounding can lift a point above the hull; there the curve itself holds
            if x not in on_hull:
                is_here = self.cp.new_bool_var("")
                self.cp.add(count != x).only_enforce_if(~is_here)
                self.cp.add(paid >= y).only_enforce_if(is_here)
        self.cost.append((paid, 1))

    # Posts and companies

    def _staffing(self) -> None:
        model = self.model
        others = [0] * model.size
        for number, mask in enumerate(self.masks):
            for post in bits(self.kept.get(number, mask)):
                others[post] |= 1 << number
        self.others = others
        touched: set[int] = set()
        for post in range(model.size):
            terms = [(self.x[number, post], 1) for number in self.free if (number, post) in self.x]
            if not terms:
                self.constant += model.staffing(post, others[post])
                continue
            touched.update(model.companies_of[post])
            there, slot = others[post].bit_count(), model.posts[post].slot
            self._limit(terms, model.most[post] - there)
            missing = model.need[post] - there
            if missing > 0 and model.posts[post].gap:
                short = self.cp.new_int_var(0, missing, "")
                self.cp.add(short + self._sum(terms) >= missing)
                self.cost.append((short, model.posts[post].gap))
            if slot.over and model.most[post] > model.need[post]:
                over = self.cp.new_int_var(0, model.most[post], "")
                self.cp.add(over >= self._sum(terms) - missing)
                self.cost.append((over, slot.over))
        for number, group in enumerate(model.groups):
            people = 0
            for post in group.posts:
                people |= others[post]
            if number in touched:
                self._company(number, people)
            else:
                self.constant += model.accompany(number, people)[1]

    def _company(self, number: int, people: int) -> None:
        model, group = self.model, self.model.groups[number]
        here = [(who, post) for who in self.free for post in group.posts if (who, post) in self.x]
        for _, knowing, price in group.needs:
            if not people & knowing:
                self._bill(price, [(self.x[who, post], -1) for who, post in here if knowing >> who & 1], 1)
        if group.newcomers and not people & ~model.newcomers:
            old = [(self.x[who, post], -1) for who, post in here if not model.newcomers >> who & 1]
            if people & ~group.alone and old:
                self.cp.add(self._sum(old) <= -1)
            for who, post in here:
                if model.newcomers >> who & 1:
                    self.cp.add(self._sum([(self.x[who, post], 1), *old]) <= 0)

    # Asking

    def ask(self, units: float, seconds: float) -> Answer:
        """The best rota within `units` of counted time; `seconds` is the safety stop."""
        cp, api = self.cp, self.api
        cp.minimize(self._sum(self.cost) if self.cost else 0)
        for (number, post), variable in self.x.items():
            cp.add_hint(variable, self.masks[number] >> post & 1)
        parameters = self.solver.parameters
        parameters.num_workers = 1
        parameters.linearization_level = 2
        parameters.cp_model_probing_level = 0
        parameters.max_deterministic_time = units
        parameters.max_time_in_seconds = seconds
        parameters.random_seed = 1
        status = self.solver.solve(cp)
        name = self.solver.status_name(status)
        if self.solver.wall_time >= seconds * 0.98 and status != api.OPTIMAL:
            name = LATE
        if status not in (api.OPTIMAL, api.FEASIBLE):
            return Answer(name, None, None, None, self.solver.deterministic_time)
        masks = []
        for number in self.free:
            mask = self.kept[number]
            for post in bits(self.model.who[number].allowed & self.posts):
                if (number, post) in self.x and self.solver.boolean_value(self.x[number, post]):
                    mask |= 1 << post
            masks.append(mask)
        bound = self.constant + round(-(-self.solver.best_objective_bound // 1))
        points = self.constant + round(self.solver.objective_value)
        return Answer(name, masks, points, bound, self.solver.deterministic_time)
