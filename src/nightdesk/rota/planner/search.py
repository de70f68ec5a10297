"""Making a rota and making it better: a greedy start, then many small changes, of which some that make it worse are kept
while it is still warm (simulated annealing).

Every change is weighed by what it changes and nothing else. All chance comes from the seed, so that the same steps give
the same rota. Nothing here knows what time it is: whoever calls says how far along it is, and when to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, starmap
from math import log
from random import Random

from nightdesk.rota.planner.model import Model, Unfair, bits

HARD = 1_000_000
"""Points of a broken rule while searching where none need be broken."""

WINDOWS = 6
"""Stretches of days that are tried beside one that goes round among three, until none of them carries too much."""

LONGEST = 8
"""Days that two people exchange at once."""

TRIES = 8
"""Exchanges that are tried between two people before it is looked what two others may exchange."""

EXCHANGES, RINGS, REGRETS = 0.5, 0.3, 0.5
"""Shares of the moves: exchanges of days, of these those among three people, and of all those that begin where somebody has
something to regret."""

LOOK_UP = 256
"""Steps between two looks at how far along it is."""

Changes = list[tuple[int, int]]
"""(person, what they hold afterwards), each person once."""


class Standing:
    """A rota as it stands: what each holds, who is on each post, and what that costs, kept up to date."""

    def __init__(self, model: Model, masks: list[int]) -> None:
        self.model = model
        self.mask = list(masks)
        self.keep = [who.frozen for who in model.who]
        self.on = [0] * model.size
        for number, mask in enumerate(masks):
            for post in bits(mask):
                self.on[post] |= 1 << number
        self.judged = [model.judge(number, mask) for number, mask in enumerate(masks)]
        self.made = [self._people_of(number) for number in range(len(model.groups))]
        accompanied = [model.accompany(number, people) for number, people in enumerate(self.made)]
        self.own = (sum(each for each, _ in self.judged), sum(each for _, each in self.judged))
        self.broken = self.own[0] + sum(each for each, _ in accompanied)
        self.points = (
            self.own[1]
            + sum(each for _, each in accompanied)
            + sum(model.staffing(post, people) for post, people in enumerate(self.on))
        )

    def _people_of(self, company: int) -> int:
        group = self.model.groups[company]
        people = 0
        if group.needs or group.newcomers:  # nothing is ever asked of others
            for post in group.posts:
                people |= self.on[post]
        return people

    def weigh(self, changes: Changes) -> tuple[int, int]:
        """(rules broken, points) that the changes add. They must fit: see `fits`."""
        broken, points = self._weigh_posts(changes)
        for number, new in changes:
            was, now = self.judged[number], self.model.judge(number, new)
            broken += now[0] - was[0]
            points += now[1] - was[1]
        return broken, points

    def weigh_up_to(self, most: float, hard: int, changes: Changes) -> tuple[int, int] | None:
        """The same, or None where they add more than `most` points, a broken rule counted as `hard`.

        That is mostly seen early: nobody who is not looked at yet, no post and no company can cost less than nothing.
        """
        judged, judge, unfair = self.judged, self.model.judge, self.model.unfair
        left = most + (self.broken - self.own[0]) * hard + self.points - self.own[1]
        for number, _ in changes:
            left += judged[number][0] * hard + judged[number][1]
        fair = left
        for number, new in changes:
            fair -= unfair(number, new)
        if fair < 0:
            return None
        for number, new in changes:
            now = judge(number, new)
            left -= now[0] * hard + now[1]
            if left < 0:
                return None
        broken, points = self.weigh(changes)
        return (broken, points) if broken * hard + points <= most else None

    def _weigh_posts(self, changes: Changes) -> tuple[int, int]:
        """What they add at posts and companies."""
        model, on = self.model, self.on
        broken = points = 0
        if len(changes) == 2:
            (one, new_one), (other, new_other) = changes
            mine, theirs = self.mask[one], self.mask[other]
            if (
                model.alike[one] == model.alike[other]
                and new_one ^ new_other == mine ^ theirs
                and new_one & new_other == mine & theirs
            ):
                return 0, 0
        touched: dict[int, int] = {}
        for number, new in changes:
            differs = self.mask[number] ^ new
            person = 1 << number
            while differs:
                low = differs & -differs
                post = low.bit_length() - 1
                touched[post] = touched.get(post, on[post]) ^ person
                differs ^= low
        companies: set[int] = set()
        for post, people in touched.items():
            if people.bit_count() != on[post].bit_count():
                points += model.staffing(post, people) - model.staffing(post, on[post])
            if model.companies_of[post]:
                companies.update(model.companies_of[post])
        for company in companies:
            people = 0
            for post in model.groups[company].posts:
                people |= touched.get(post, on[post])
            if people != self.made[company]:
                was, now = model.accompany(company, self.made[company]), model.accompany(company, people)
                broken += now[0] - was[0]
                points += now[1] - was[1]
        return broken, points

    def apply(self, changes: Changes, broken: int, points: int) -> None:
        """Make changes that were weighed to add `broken` and `points`."""
        model = self.model
        companies: set[int] = set()
        for number, new in changes:
            person = 1 << number
            for post in bits(self.mask[number] ^ new):
                self.on[post] ^= person
                companies.update(model.companies_of[post])
            self.mask[number] = new
            was, now = self.judged[number], model.judge(number, new)
            self.own = (self.own[0] + now[0] - was[0], self.own[1] + now[1] - was[1])
            self.judged[number] = now
        for company in companies:
            self.made[company] = self._people_of(company)
        self.broken += broken
        self.points += points

    def make(self, changes: Changes) -> None:
        self.apply(changes, *self.weigh(changes))

    def fits(self, number: int, new: int) -> bool:
        """Whether the person keeps what they must, may hold what they would be given, and nothing of it conflicts."""
        if self.keep[number] & ~new:
            return False
        conflict = self.model.conflict
        gained = new & ~self.mask[number]
        if gained & ~self.model.who[number].allowed:
            return False
        while gained:
            low = gained & -gained
            if new & conflict[low.bit_length() - 1]:
                return False
            gained ^= low
        return True

    def overfills(self, changes: Changes) -> bool:
        """Whether more people would be on a post than it takes."""
        on: dict[int, int] = {}
        for number, new in changes:
            for post in bits(self.mask[number] ^ new):
                on[post] = on.get(post, self.on[post]) ^ 1 << number
        return any(people.bit_count() > self.model.most[post] for post, people in on.items())

    def short(self) -> list[int]:
        """Open posts that miss somebody."""
        model = self.model
        return [
            post for post in bits(model.open) if self.on[post].bit_count() < model.need[post] and model.posts[post].gap
        ]


def lawful(model: Model, masks: list[int]) -> Standing:
    """What is left of a rota when people give up what they may not hold together: as little as is needed, roughly."""
    rota = Standing(model, masks)
    for number, who in enumerate(model.who):
        while rota.judged[number][0] > 0 and not who.least:
            loose = rota.mask[number] & model.open
            if not loose:
                break
            rota.make(
                [
                    (
                        number,
                        min(
                            (rota.mask[number] & ~(1 << post) for post in bits(loose)),
                            key=lambda mask: (model.judge(number, mask), mask),
                        ),
                    )
                ]
            )
    for company, group in enumerate(model.groups):
        if model.accompany(company, rota.made[company])[0]:
            posts = sum(1 << post for post in group.posts) & model.open
            for number in bits(rota.made[company]):
                rota.make([(number, rota.mask[number] & ~posts)])
    return rota


def construct(model: Model, masks: list[int]) -> Standing:
    """A rota to begin with: what is lawful of the one that is given, and what is empty filled."""
    rota = lawful(model, masks)
    fill(rota)
    return rota


def fill(rota: Standing) -> None:
    """Fill what is empty, day by day, the posts with the fewest people first, each by whoever it costs least.

    Afterwards nobody is left who could simply be put onto an empty seat.
    """
    model = rota.model
    able = [
        sum(1 << number for number, who in enumerate(model.who) if who.allowed >> post & 1)
        for post in range(model.size)
    ]
    order = sorted(bits(model.open), key=lambda post: (model.day_of[post], able[post].bit_count(), post))
    filled = True
    while filled:
        filled = False
        for post in order:
            while rota.on[post].bit_count() < model.need[post] and (change := cheapest(rota, post, able[post])):
                rota.apply(*change)
                filled = True


def cheapest(state: Standing, post: int, able: int) -> tuple[Changes, int, int] | None:
    """Who of `able` takes the post at the least cost without breaking a rule or dropping anything; None for nobody."""
    best: tuple[int, int, Changes, int] | None = None
    conflict = state.model.conflict[post]
    for number in bits(able & ~state.on[post]):
        mask = state.mask[number]
        if mask & conflict:
            continue
        changes = [(number, mask | 1 << post)]
        broken, points = state.weigh(changes)
        if broken <= 0 and points < 0 and (best is None or points < best[0]):
            best = (points, number, changes, broken)
    return None if best is None else (best[2], best[3], best[0])


@dataclass(slots=True)
class Pair:
    """What two people may exchange while they hold `mine` and `theirs`, so that neither of them carries too much.

    `flips`: (posts that change hands, the load that `one` gives away on balance), each of a stretch of days at whose ends the
    two may change places. `loads` and `costs` are theirs, `most` is what these may come to, and `left` counts tries.
    """

    one: int
    other: int
    mine: int
    theirs: int
    flips: list[tuple[int, int]]
    loads: tuple[int, int]
    costs: tuple[Unfair, Unfair]
    most: float
    left: int = TRIES
    by_load: dict[int, list[int]] = field(init=False)
    known: dict[int, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.known, self.by_load = {}, {}
        for flip, load in self.flips:
            self.by_load.setdefault(load, []).append(flip)

    def goes_with(self, load: int) -> list[int]:
        """What may be exchanged beside a stretch of that load; at the end 0, where nothing need be."""
        found = self.known.get(load)
        if found is None:
            found = self.known[load] = []
            one, other = self.loads[0] - load, self.loads[1] + load
            costs_one, costs_other = self.costs
            for more, flips in self.by_load.items():
                if costs_one[one - more] + costs_other[other + more] <= self.most:
                    found += flips
            if costs_one[one] + costs_other[other] <= self.most:
                found.append(0)
        return found


class Search:
    """One run of annealing over a state. `best` is the best rota seen: (rules broken, points) and what each holds."""

    def __init__(self, state: Standing, random: Random, hard: int = HARD, posts: int | None = None) -> None:
        self.open = state.model.open if posts is None else state.model.open & posts
        self.stand = state
        self.model = state.model
        self.random = random
        self.hard = hard
        model = self.model
        self.movable = [number for number, who in enumerate(model.who) if who.allowed & self.open]
        self.able = [
            [number for number in self.movable if model.who[number].allowed >> post & 1] for post in range(model.size)
        ]
        self.able_mask = [sum(1 << number for number in each) for each in self.able]
        self.filled = [post for post in bits(self.open) if self.able[post]]
        days = sorted({model.day_of[post] for post in self.filled})
        self.first, self.days = (days[0], days[-1] - days[0] + 1) if days else (0, 0)
        self._regrets: dict[int, tuple[int, list[int]]] = {}
        self._loads: dict[int, tuple[int, int, list[int], list[int]]] = {}
        self._pair: Pair | None = None
        self._ranges: dict[tuple[int, int], int] = {}
        self.loose = any(model.most[post] > model.need[post] for post in self.filled) or any(
            who.least for who in model.who
        )
        # Where posts take more or fewer people, it is posts that cost, and hardly what anybody regrets.
        self.rings, self.regrets = (0.0, 0.0) if self.loose else (RINGS, REGRETS)
        self.below = [self._range(self.first, days) for days in range(self.days + 1)]
        """The open posts before each day from the first on."""
        self.best = (state.broken, state.points)
        self.best_masks = list(state.mask)
        self.gaps = self._short()
        self.steps = 0
        self.warmth = 0.0

    def run(self, steps: int | None, hot: float, cold: float, far: Callable[[int], float | None]) -> None:
        """Anneal from `hot` to `cold` points. `far(steps)` says which share is done; None or 1 ends it."""
        if len(self.movable) < 1 or not self.filled:
            return
        random = self.random.random
        self.warmth = hot
        ratio = log(cold / hot)
        done = 0
        while steps is None or done < steps:
            if done % LOOK_UP == 0:
                share = far(done)
                if share is None or share >= 1:
                    break
                self.warmth = hot * 2.718281828459045 ** (ratio * share)
                self.gaps = self._short()
            done += 1
            chance = random()
            if self.gaps and chance < 0.15:
                self._close(self.warmth)
                continue
            changes = (
                self._take_round()
                if chance < EXCHANGES * self.rings
                else self._exchange()
                if chance < EXCHANGES
                else self._change()
                if self.loose and chance < 0.8
                else self._hand()
            )
            if changes is None:
                continue
            weighed = self.stand.weigh_up_to(-self.warmth * log(random() or 1e-300), self.hard, changes)
            if weighed is not None:
                self.stand.apply(changes, *weighed)
                self._note()
        self.steps += done

    def _short(self) -> list[int]:
        return [post for post in self.stand.short() if self.open >> post & 1]

    def _note(self) -> None:
        state = self.stand
        now = (state.broken, state.points)
        if now < self.best:
            self.best = now
            self.best_masks = list(state.mask)

    def _pick(self, of: int) -> int:
        """The bit of one post of the mask, by chance; 0 of none."""
        if not of:
            return 0
        at = int(self.random.random() * self.model.size)
        above = of >> at
        return (above & -above) << at if above else of & -of

    def _range(self, first: int, length: int) -> int:
        known = self._ranges.get((first, length))
        if known is None:
            known = 0
            for day in range(first, first + length):
                known |= self.model.on_day.get(day, 0)
            known &= self.open
            self._ranges[first, length] = known
        return known

    def _regretted(self) -> tuple[int, int]:
        """Somebody, and a day that they regret; any day of those who regret none."""
        random = self.random.random
        one = self.movable[int(random() * len(self.movable))]
        days = self._sore(one)
        return one, days[int(random() * len(days))] if days else self.first + int(random() * self.days)

    def _sore(self, one: int) -> list[int]:
        """The days that the person regrets."""
        mask = self.stand.mask[one]
        known = self._regrets.get(one)
        if known is None or known[0] != mask:
            known = self._regrets[one] = (mask, list(bits(self.model.sore_days(one, mask))))
        return known[1]

    def _exchange(self) -> Changes | None:
        """Two people take over all that the other holds on some days, or on two stretches of them."""
        random, masks = self.random.random, self.stand.mask
        pair = self._pair
        if pair is None or not pair.left or pair.mine != masks[pair.one] or pair.theirs != masks[pair.other]:
            one, other = (self.movable[int(random() * len(self.movable))] for _ in range(2))
            if one == other:
                return None
            pair = self._pair = self._pair_of(one, other)
        pair.left -= 1
        flips = pair.flips
        if random() < self.regrets:
            days = self._sore(pair.one)
            if days:
                on_day = self._range(days[int(random() * len(days))], 1)
                flips = [flip for flip in flips if flip[0] & on_day]
        if not flips:
            return None
        flip, load = flips[int(random() * len(flips))]
        others = pair.goes_with(load)
        if not others:
            return None
        also = others[int(random() * len(others))] if others[-1] or random() < 0.5 else 0
        if also & flip:
            return None
        flip |= also
        changes = [(pair.one, pair.mine ^ flip), (pair.other, pair.theirs ^ flip)]
        return changes if all(starmap(self.stand.fits, changes)) else None

    def _pair_of(self, one: int, other: int) -> Pair:
        """What the two may exchange. That they may change places between two days is seen of days that meet; `fits` looks
        at the rest.
        """
        mine, theirs = self.stand.mask[one], self.stand.mask[other]
        load_a, a, costs_a, reach_a = self._carried(one)
        load_b, b, costs_b, reach_b = self._carried(other)
        who, below, keep = self.model.who, self.below, self.stand.keep
        differ = (mine ^ theirs) & self.open
        stays = mine & (keep[one] | ~who[other].allowed) | theirs & (keep[other] | ~who[one].allowed)
        stays &= differ
        ends = [0]
        for day in range(1, self.days):
            here = below[day + 1] & ~below[day]
            if not (reach_a[day - 1] & theirs & here or reach_b[day - 1] & mine & here):
                ends.append(day)
        ends.append(self.days)
        flips: dict[int, int] = {}
        for place, start in enumerate(ends):
            for end in ends[place + 1 :]:
                if end - start > LONGEST:
                    break
                flip = differ & below[end] & ~below[start]
                if flip & stays:
                    break
                if flip:
                    flips[flip] = a[end] - a[start] - b[end] + b[start]
        most = self.warmth + costs_a[load_a] + costs_b[load_b]
        return Pair(one, other, mine, theirs, list(flips.items()), (load_a, load_b), (costs_a, costs_b), most)

    def _take_round(self) -> Changes | None:
        """Three people in a ring take over all that the next one holds on some days."""
        random, masks = self.random.random, self.stand.mask
        movable = self.movable
        ring = [movable[int(random() * len(movable))] for _ in range(3)]
        length = 1 + int(random() * random() * 8)
        first = self.first + int(random() * self.days)
        if random() < self.regrets:
            ring[0], first = self._regretted()
            first -= int(random() * length)
        if len(set(ring)) < len(ring):
            return None
        held = [masks[number] for number in ring]
        differ = [mine ^ theirs for mine, theirs in zip(held, held[1:] + held[:1], strict=True)]
        days = self._range(first, length)
        if not any(each & days for each in differ):
            return None
        fits = self.stand.fits
        for also in self._ring(ring, first, length):
            both = days | also
            changes = [
                (number, mine ^ differs & both) for number, mine, differs in zip(ring, held, differ, strict=True)
            ]
            if all(starmap(fits, changes)):
                return changes
        return None

    def _ring(self, ring: list[int], first: int, length: int) -> Iterator[int]:
        """The posts of days that may go with `length` days from `first` on, so that nobody in the ring carries too much."""
        random, days = self.random.random, self.days
        (one, a, costs_a, _), (two, b, costs_b, _), (three, c, costs_c, _) = map(self._carried, ring)
        most = self.warmth + costs_a[one] + costs_b[two] + costs_c[three]
        begin, end = (min(max(day - self.first, 0), days) for day in (first, first + length))
        of_a, of_b, of_c = a[end] - a[begin], b[end] - b[begin], c[end] - c[begin]
        one, two, three = one - of_a + of_b, two - of_b + of_c, three - of_c + of_a
        if costs_a[one] + costs_b[two] + costs_c[three] <= most:
            yield 0
        for _ in range(WINDOWS):
            start = int(random() * days)
            if start >= end or start + length <= begin:
                stop = start + length if start + length < days else days
                of_a, of_b, of_c = a[stop] - a[start], b[stop] - b[start], c[stop] - c[start]
                if costs_a[one - of_a + of_b] + costs_b[two - of_b + of_c] + costs_c[three - of_c + of_a] <= most:
                    yield self._range(self.first + start, length)

    def _carried(self, number: int) -> tuple[int, list[int], Unfair, list[int]]:
        """The person's load, that of the open posts before each day from the first on, what loads cost them, and the posts
        that stand against what they hold on each day.
        """
        mask = self.stand.mask[number]
        known = self._loads.get(number)
        if known is None or known[0] != mask:
            load_of, day_of, first = self.model.load_of, self.model.day_of, self.first
            conflict = self.model.conflict
            on_day = [0] * (self.days + 1)
            reach = [0] * self.days
            load = 0
            for post in bits(mask):
                load += load_of[post]
                day = day_of[post] - first
                if 0 <= day < self.days:
                    reach[day] |= conflict[post]
                    if self.open >> post & 1:
                        on_day[day + 1] += load_of[post]
            known = self._loads[number] = (mask, load, list(accumulate(on_day)), reach)
        return known[1], known[2], self.model.who[number].unfair, known[3]

    def _hand(self) -> Changes | None:
        """Somebody takes over a post, and gives what stands against it, or one more post, in return."""
        random, state, model = self.random.random, self.stand, self.model
        post, one, other = self.filled[int(random() * len(self.filled))], -1, -1
        if random() < self.regrets:
            sore, day = self._regretted()
            on_day = self._range(day, 1)
            if state.mask[sore] & on_day:
                post, one = self._pick(state.mask[sore] & on_day).bit_length() - 1, sore
            elif model.who[sore].allowed & on_day:
                post, other = self._pick(model.who[sore].allowed & on_day).bit_length() - 1, sore
        able = self.able[post]
        if one < 0:
            holders = list(bits(state.on[post] & self.able_mask[post]))
            one = holders[int(random() * len(holders))] if holders else -1
        if other < 0:
            other = able[int(random() * len(able))]
        if one < 0 or state.on[post] >> other & 1:
            return None
        bit = 1 << post
        back = state.mask[other] & model.conflict[post]
        if back & ~self.open:
            return None
        if random() < 0.6:
            back |= self._pick(state.mask[other] & self.open & ~back & (-1 if back else model.like[post]))
        back &= ~state.mask[one]
        new_other = state.mask[other] & ~back | bit
        new_one = state.mask[one] & ~bit | back
        if not (state.fits(other, new_other) and state.fits(one, new_one)):
            return None
        return [(one, new_one), (other, new_other)]

    def _change(self) -> Changes | None:
        """One person's days are filled otherwise: a shift more, one less, another kind, or a stretch of one kind."""
        random, state, model = self.random.random, self.stand, self.model
        one = self.movable[int(random() * len(self.movable))]
        length = 1 + int(random() * random() * 5)
        first = self.first + int(random() * self.days)
        days = self._range(first, length)
        new = state.mask[one] & ~days
        if random() < 0.7:
            kind = ""
            allowed = model.who[one].allowed
            for day in range(first, first + length):
                choice = model.on_day.get(day, 0) & allowed
                if kind:
                    choice = sum(1 << post for post in bits(choice) if model.posts[post].slot.kind == kind) or choice
                bit = self._pick(choice)
                if bit:
                    post = bit.bit_length() - 1
                    kind = model.posts[post].slot.kind
                    held = state.on[post] & ~(1 << one)
                    if held.bit_count() < model.most[post] and not new & model.conflict[post]:
                        new |= bit
        if new == state.mask[one] or not state.fits(one, new):
            return None
        return [(one, new)]

    def _close(self, warmth: float) -> None:
        """Somebody takes a post that misses one, drops what stands against it, and others take what was dropped."""
        random, state, model = self.random.random, self.stand, self.model
        post = self.gaps[int(random() * len(self.gaps))]
        able = self.able[post]
        if not able or state.on[post].bit_count() >= model.need[post]:
            return
        one = able[int(random() * len(able))]
        if state.on[post] >> one & 1:
            return
        before, cost = {one: state.mask[one]}, (state.broken, state.points)
        dropped = state.mask[one] & model.conflict[post]
        if dropped & ~self.open or dropped & state.keep[one]:
            return
        new = state.mask[one] & ~dropped | 1 << post
        if model.judge(one, new)[0] > state.judged[one][0]:
            near = self._range(model.day_of[post] - 6, 13)
            more = self._pick(new & near & ~(1 << post) & ~state.keep[one])
            dropped |= more
            new &= ~more
            if model.judge(one, new)[0] > state.judged[one][0]:
                return
        state.make([(one, new)])
        for left in bits(dropped):
            found = cheapest(state, left, self.able_mask[left] & ~(1 << one))
            if found:
                for number, _ in found[0]:
                    before.setdefault(number, state.mask[number])
                state.apply(*found)
        worse = (state.broken - cost[0]) * self.hard + state.points - cost[1]
        if worse <= 0 or worse < -warmth * log(random() or 1e-300):
            self._note()
            self.gaps = self._short()
        else:
            state.make(list(before.items()))
