"""A problem made ready for search: slots as bits of whole numbers, so that a rule is a few operations on them.

Slots that are alike in every way but their name are one *post* that takes several people. What somebody holds is a
`mask` with a bit for each post; `judge` says what a mask costs its person, and remembers it, since search comes back to
the same masks again and again. What posts and companies cost depends on who is on them, as a set with a bit a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from nightdesk.rota.planner.eligible import clash, eligible, knows
from nightdesk.rota.planner.problem import DAY, Given, Person, Problem, SkillNeed, Slot
from nightdesk.rota.planner.shares import MEASURES, STEPS, amount, fair_shares, unfairness

BEFORE = 40
"""Days before the first one whose duties still belong to a run that reaches into the period."""

REMEMBERED = 60_000
"""Masks a person whose cost is remembered; then it starts anew, so that memory stays small."""

COUNT = 16
"""Bits that hold how many posts of one sort somebody has."""

PIECE = 24
"""Bits of a mask whose days are looked up at once."""


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@dataclass(slots=True)
class Post:
    """Slots that are alike, as one: `slots` are their places in the problem."""

    slot: Slot
    slots: list[int]
    need: int
    most: int
    gap: int
    frozen: bool
    companies: tuple[int, ...] = ()


@dataclass(slots=True)
class Measure:
    """One measure of load for one person: (posts, amount) pairs, the share, and the table of what it costs."""

    amounts: tuple[tuple[int, int], ...]
    share: int
    step: int
    weight: int


class Unfair(dict[int, int]):
    """What each load costs one person, reckoned when it is first asked for.

    A load is how many posts of each amount of each measure one has, COUNT bits each, the first in the highest place: loads
    are added and taken away as they are.
    """

    def __init__(self, measures: Sequence[Measure]) -> None:
        super().__init__()
        self.measures = measures

    def __missing__(self, load: int) -> int:
        points, left = 0, load
        for measure in reversed(self.measures):
            carried = 0
            for _, size in reversed(measure.amounts):
                carried += (left & (1 << COUNT) - 1) * size
                left >>= COUNT
            points += unfairness(carried, measure.share, measure.step, measure.weight)
        self[load] = points
        return points


@dataclass(slots=True)
class Who:
    """What `judge` has to know of one person. `days` and `nights` hold duties outside the posts, by day bit.

    `unfair` says what a load costs.
    What is frozen may break rules already: `tired` are the nights after which it leaves no days off, `already` the rest.
    """

    person: Person
    allowed: int = 0
    frozen: int = 0
    days: int = 0
    nights: int = 0
    days_running: int | None = None
    nights_running: int | None = None
    measures: list[Measure] = field(default_factory=list)
    unfair: Unfair = field(default_factory=lambda: Unfair(()))
    prices: list[tuple[int, int]] = field(default_factory=list)
    wanted: list[tuple[int, int]] = field(default_factory=list)
    caps: list[tuple[int, int]] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)
    tightest: int | None = None
    rests: list[tuple[int, dict[int, bool], tuple[tuple[int, int], ...]]] = field(default_factory=list)
    weekends: int | None = None
    minutes_at_least: int | None = None
    days_running_at_least: int | None = None
    days_off_running_at_least: int | None = None
    least: bool = False
    tired: int = 0
    already: int = 0
    memo: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """A company as bits: `posts`, and for each need who of the people meets it and what it costs if none does.

    `alone` are newcomers who stand there by what is fixed; nothing can be done about them.
    """

    posts: tuple[int, ...]
    needs: tuple[tuple[SkillNeed, int, int], ...]
    newcomers: bool
    alone: int = 0


class Model:
    """See above. Nothing here changes after it is made but what is remembered."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rules = problem.rules
        self.weights = problem.weights
        self.number_of = {person.id: number for number, person in enumerate(problem.people)}
        self.could = eligible(problem)
        self._shared_rests: dict[int, tuple[int, dict[int, bool]]] = {}
        self._fold()
        self._days()
        self._conflicts()
        self._groups()
        self._people()

    # What was asked, made ready

    def _fold(self) -> None:
        slots = self.problem.slots
        belongs: dict[str, list[int]] = {}
        for number, company in enumerate(self.problem.companies):
            for each in company.slots:
                belongs.setdefault(each, []).append(number)
        order = sorted(range(len(slots)), key=lambda each: (slots[each].start, slots[each].end, each))
        self.posts: list[Post] = []
        self.post_of: list[int] = [0] * len(slots)
        alike: dict[object, int] = {}
        for place in order:
            slot = slots[place]
            most = max(slot.need, slot.need if slot.most is None else slot.most)
            gap = self.weights.gap if slot.gap is None else slot.gap
            companies = tuple(belongs.get(slot.id, ()))
            key = (replace(slot, id="", seat="", holder=None, need=0, most=0), most == slot.need, companies)
            if slot.fixed:
                key = (slot.id,)  # type: ignore[assignment]
            if key in alike:
                post = self.posts[alike[key]]
                post.slots.append(place)
                post.need += slot.need
                post.most += most
            else:
                alike[key] = len(self.posts)
                self.posts.append(Post(slot, [place], slot.need, most, gap, slot.fixed, companies))
            self.post_of[place] = alike[key]
        self.size = len(self.posts)
        self.open = 0
        for number, post in enumerate(self.posts):
            if not post.frozen:
                self.open |= 1 << number

    def _days(self) -> None:
        self.day0 = self.problem.first_day - BEFORE
        self.day_of = [max(post.slot.day - self.day0, 0) for post in self.posts]
        self.day_bit = [1 << day for day in self.day_of]
        self._pieces: list[dict[int, tuple[int, int]]] = [{} for _ in range(0, self.size, PIECE)]
        self.on_day: dict[int, int] = {}
        for number, day in enumerate(self.day_of):
            self.on_day[day] = self.on_day.get(day, 0) | 1 << number
        self.night_posts = self._where(lambda slot: slot.night)
        self.counted_posts = self._where(lambda slot: slot.counted)
        last = max([self.problem.end_day, *(post.slot.day + 1 for post in self.posts)])
        self.saturdays = 0
        for day in range(self.day0, last):
            if day % 7 == 6:  # ordinal 1 was a Monday
                self.saturdays |= 1 << day - self.day0
        # Inside the period; outside it a run may go on, for all that is known.
        self.period = ((1 << self.problem.end_day - self.problem.first_day) - 1) << BEFORE
        self._around = (1 << self.problem.end_day - self.problem.first_day + 2 * BEFORE) - 1
        self.whole_weekends = self.saturdays & self.period & self.period >> 1
        lengths: dict[int, int] = {}
        for number, post in enumerate(self.posts):
            minutes = amount("hours", post.slot)
            if minutes:
                lengths[minutes] = lengths.get(minutes, 0) | 1 << number
        self.lengths = tuple(sorted(lengths.items()))

        sizes = [tuple(amount(measure, post.slot) for measure in MEASURES) for post in self.posts]
        alike: dict[tuple[int, ...], int] = {}
        for number, size in enumerate(sizes):
            alike[size] = alike.get(size, 0) | 1 << number
        self.like = [alike[size] for size in sizes]
        """For each post, those that weigh as much against everybody's fair share."""

    def _where(self, holds: Callable[[Slot], bool]) -> int:
        return sum(1 << number for number, post in enumerate(self.posts) if holds(post.slot))

    def _meeting(self, start: int, end: int) -> int:
        return self._where(lambda slot: start < slot.end and slot.start < end)

    def _conflicts(self) -> None:
        """For each post, those that nobody can hold beside it."""
        rest = self.rules.rest_minutes
        self.conflict = [0] * self.size
        longest = max((post.slot.end - post.slot.start for post in self.posts), default=0)
        never = set(self.rules.never_next_day)
        for one, post in enumerate(self.posts):
            for other in range(one + 1, self.size):
                against = self.posts[other].slot
                apart = against.day - post.slot.day
                if against.start - post.slot.start > longest + rest and apart > 1:
                    break
                if (
                    clash(post.slot, against.start, against.end, against.counted, rest)
                    or (self.rules.one_a_day and apart == 0)
                    or (apart == 1 and (post.slot.kind, against.kind) in never)
                    or (apart == -1 and (against.kind, post.slot.kind) in never)
                ):
                    self.conflict[one] |= 1 << other
                    self.conflict[other] |= 1 << one

    def _groups(self) -> None:
        self.newcomers = sum(1 << number for number, person in enumerate(self.problem.people) if person.newcomer)
        place = {slot.id: number for number, slot in enumerate(self.problem.slots)}
        self.groups: list[Group] = []
        for company in self.problem.companies:
            needs = tuple(
                (
                    need,
                    sum(1 << number for number, person in enumerate(self.problem.people) if knows(person, need)),
                    self.weights.skill_gap if need.hard else need.weight,
                )
                for need in company.needs
            )
            posts = tuple(sorted({self.post_of[place[each]] for each in company.slots}))
            self.groups.append(Group(posts, needs, company.newcomers and bool(self.newcomers)))
        self.group_memo: list[dict[int, tuple[int, int]]] = [{} for _ in self.groups]
        for post in self.posts:
            post.companies = tuple(
                number for number in post.companies if self.groups[number].needs or self.groups[number].newcomers
            )
        kinds: dict[object, int] = {}
        self.alike = [
            kinds.setdefault(
                (person.newcomer, *(known >> number & 1 for group in self.groups for _, known, _ in group.needs)),
                len(kinds),
            )
            for number, person in enumerate(self.problem.people)
        ]
        """People with the same number make the same company."""
        self.companies_of = [post.companies for post in self.posts]
        self.need = [post.need for post in self.posts]
        self.most = [post.most for post in self.posts]

    def _people(self) -> None:
        shares = fair_shares(self.problem, self.could)
        masks = {
            measure: tuple(
                sorted(
                    {
                        size: sum(
                            1 << number
                            for number, post in enumerate(self.posts)
                            if self._inside(post.slot) and amount(measure, post.slot) == size
                        )
                        for size in {amount(measure, post.slot) for post in self.posts}
                        if size
                    }.items()
                )
            )
            for measure in MEASURES
        }
        self.heavy = [posts for measure in MEASURES if getattr(self.weights, measure) for _, posts in masks[measure]]
        """The posts of each amount of each measure that counts."""
        self.load_of = [
            sum((posts >> post & 1) << COUNT * place for place, posts in enumerate(reversed(self.heavy)))
            for post in range(self.size)
        ]
        """What each post adds to a load."""
        self.who = [self._person(number, shares, masks) for number in range(len(self.problem.people))]
        for who in self.who:
            who.tired = self._after_nights(*self._days_of(who, who.frozen))
            who.already = self._breaks(who, who.frozen)[0]
        for group in self.groups:
            for number, who in enumerate(self.who):
                if any(who.frozen >> post & 1 for post in group.posts):
                    group.alone |= self.newcomers & 1 << number

    def _inside(self, slot: Slot) -> bool:
        return self.problem.first_day <= slot.day < self.problem.end_day

    def _person(self, number: int, shares: dict[str, list[int]], masks: dict[str, tuple[tuple[int, int], ...]]) -> Who:
        person, rules, limits = self.problem.people[number], self.rules, self.problem.people[number].limits
        who = Who(person)
        for place, slot in enumerate(self.problem.slots):
            bit = 1 << self.post_of[place]
            if slot.fixed:
                if slot.holder == person.id:
                    who.frozen |= bit
            elif self.could[number][place]:
                who.allowed |= bit
        could = who.allowed
        for held in bits(who.frozen):
            who.allowed &= ~self.conflict[held]
        for worked in person.worked:
            day = worked.day - self.day0
            if day >= 0:
                who.days |= 1 << day
                if worked.night:
                    who.nights |= 1 << day
        who.days_running = rules.days_running if limits.days_running is None else limits.days_running
        who.nights_running = rules.nights_running if limits.nights_running is None else limits.nights_running
        who.weekends = limits.weekends
        who.minutes_at_least = limits.minutes_at_least
        who.days_running_at_least = limits.days_running_at_least
        who.days_off_running_at_least = limits.days_off_running_at_least
        who.least = any(
            each is not None
            for each in (limits.minutes_at_least, limits.days_running_at_least, limits.days_off_running_at_least)
        )
        for measure in MEASURES:
            weight = getattr(self.weights, measure)
            if weight and masks[measure]:
                amounts = tuple((mask, size) for size, mask in masks[measure])
                who.measures.append(Measure(amounts, shares[measure][number], STEPS[measure], weight))
        who.unfair = Unfair(who.measures)
        self._wishes(who, could)
        self._caps(who)
        self._rests(who)
        return who

    def _wishes(self, who: Who, could: int) -> None:
        prices: dict[int, int] = {}
        for wish in who.person.wishes:
            met = self._meeting(wish.start, wish.end) & (self._of_kind(wish.kind) if wish.kind else -1)
            points = wish.weight * self.weights.wish
            if wish.wants == "avoid":
                for number in bits(met):
                    prices[number] = prices.get(number, 0) + points
            elif wish.wants == "prefer" and met & (could | who.frozen):
                who.wanted.append((met, points))
        for number, post in enumerate(self.posts):
            unmet = sum(need.weight for need in post.slot.needs if not need.hard and not knows(who.person, need))
            if unmet:
                prices[number] = prices.get(number, 0) + unmet
            if self.weights.change and not post.frozen:
                held = {self.problem.slots[place].holder for place in post.slots}
                if who.person.id not in held:
                    prices[number] = prices.get(number, 0) + self.weights.change
        by_price: dict[int, int] = {}
        for number, points in prices.items():
            by_price[points] = by_price.get(points, 0) | 1 << number
        who.prices = [(mask, points) for points, mask in sorted(by_price.items())]

    def _caps(self, who: Who) -> None:
        """Spans in which the counted minutes are limited, as (posts, minutes that are left for them)."""
        person, rules = who.person, self.rules
        limits = person.limits
        counted = [each for each in person.worked if each.counted]
        days = range(self.problem.first_day, self.problem.end_day)
        if limits.minutes is not None:
            who.caps.append((self.counted_posts & self._between(days.start, days.stop), limits.minutes))
        week = rules.minutes_in_7_days if limits.minutes_in_7_days is None else limits.minutes_in_7_days
        if week is not None:
            for last in days:
                done = sum(each.end - each.start for each in counted if last - 7 < each.day <= last)
                who.caps.append((self.counted_posts & self._between(last - 6, last + 1), week - done))
        if rules.average_minutes is not None and not person.opted_out:
            known = min([each.day for each in counted], default=days.start)
            for last in days:
                first, free = average_span(person, last, known)
                done = sum(each.end - each.start for each in counted if first <= each.day <= last)
                limit = rules.average_minutes * max(last + 1 - first - free, 7) // 7
                who.caps.append((self.counted_posts & self._between(first, last + 1), limit - done))
        who.caps = _tight(who.caps, self.lengths, who.frozen)
        who.tightest = min((left for _, left in who.caps), default=None)
        if limits.nights is not None:
            who.counts.append((self.night_posts & self._between(days.start, days.stop), limits.nights))
        for kind, most in limits.of_kind.items():
            who.counts.append((self._of_kind(kind), most))

    def _of_kind(self, kind: str) -> int:
        return self._where(lambda slot: slot.kind == kind)

    def _between(self, first: int, end: int) -> int:
        mask = 0
        for day in range(max(first - self.day0, 0), end - self.day0):
            mask |= self.on_day.get(day, 0)
        return mask

    def _rests(self, who: Who) -> None:
        if not self.rules.weekly_rest_minutes:
            return
        for number, window in enumerate(self.rules.rest_windows):
            if number not in self._shared_rests:
                posts = self.counted_posts & self._meeting(window.start, window.end)
                self._shared_rests[number] = (posts, {})
            posts, memo = self._shared_rests[number]
            own = tuple(
                sorted(
                    (each.start, each.end)
                    for each in who.person.worked
                    if each.counted and each.start < window.end and each.end > window.start
                )
            )
            if posts:
                who.rests.append((posts, {} if own else memo, ((window.start, window.end), *own)))

    # What it costs

    def judge(self, number: int, mask: int) -> tuple[int, int]:
        """(rules broken, points) of the person who holds the posts of `mask`, which do not conflict with each other."""
        who = self.who[number]
        known = who.memo.get(mask)
        if known is None:
            if len(who.memo) >= REMEMBERED:
                who.memo.clear()
            known = who.memo[mask] = self._judge(number, mask)
        return known

    def unfair(self, number: int, mask: int) -> int:
        """Points for what the person carries with the posts of `mask`, against their fair share: a part of what `judge` says."""
        who, load = self.who[number], 0
        for posts in self.heavy:
            load = load << COUNT | (mask & posts).bit_count()
        return who.unfair[load]

    def sore_days(self, number: int, mask: int) -> int:
        """The days, as bits, on and around which the person has something to regret: a wish unmet, a weekend that is split,
        a day off alone."""
        who, weights = self.who[number], self.weights
        days = self._days_of(who, mask)[0]
        sore = 0
        if weights.split_weekend:
            split = (days ^ days >> 1) & self.whole_weekends
            sore |= split | split << 1
        if weights.lone_day_off:
            before = days & ~(days >> 1) & days >> 2 & self.period >> 1
            sore |= before | before << 1 | before << 2
        unmet = 0
        for posts, _ in who.prices:
            unmet |= mask & posts
        for posts, _ in who.wanted:
            if not mask & posts:
                unmet |= posts
        for post in bits(unmet):
            sore |= self.day_bit[post]
        return sore

    def _judge(self, number: int, mask: int) -> tuple[int, int]:
        who = self.who[number]
        broken, days = self._breaks(who, mask)
        broken -= who.already
        if who.least:
            broken += self._falls_short(who, mask, days)
        points = self.unfair(number, mask)
        for posts, price in who.prices:
            points += (mask & posts).bit_count() * price
        for posts, price in who.wanted:
            if not mask & posts:
                points += price
        weights = self.weights
        if weights.split_weekend:
            points += ((days ^ days >> 1) & self.whole_weekends).bit_count() * weights.split_weekend
        if weights.lone_day_off:
            points += (days & ~(days >> 1) & days >> 2 & self.period >> 1).bit_count() * weights.lone_day_off
        return broken, points

    def _breaks(self, who: Who, mask: int) -> tuple[int, int]:
        """How many times the mask breaks a rule that says "at most", and the days on which a duty starts."""
        days, nights = self._days_of(who, mask)
        broken = 0
        if who.days_running is not None:
            broken += _too_long(days, who.days_running)
        if nights:
            if who.nights_running is not None:
                broken += _too_long(nights, who.nights_running)
            if self.rules.days_off_after_nights:
                broken += (self._after_nights(days, nights) & ~who.tired).bit_count()
        for posts, most in who.counts:
            over = (mask & posts).bit_count() - most
            if over > 0:
                broken += over
        if who.tightest is not None:
            total = 0
            for minutes, posts in self.lengths:
                total += (mask & posts).bit_count() * minutes
            if total > who.tightest:
                for posts, cap in who.caps:
                    held = mask & posts
                    total = 0
                    for minutes, of in self.lengths:
                        total += (held & of).bit_count() * minutes
                    if total > cap and held:
                        broken += 1
        for posts, memo, window in who.rests:
            held = mask & posts
            rested = memo.get(held)
            if rested is None:
                rested = memo[held] = self._rested(held, window)
            if not rested:
                broken += 1
        if who.weekends is not None:
            over = ((days | days >> 1) & self.saturdays & self.period).bit_count() - who.weekends
            if over > 0:
                broken += over
        return broken, days

    def _days_of(self, who: Who, mask: int) -> tuple[int, int]:
        """The days on which a duty starts, and those on which a night does."""
        days, nights, place = who.days, who.nights, 0
        while mask:
            piece = mask & (1 << PIECE) - 1
            if piece:
                known = self._pieces[place].get(piece)
                if known is None:
                    known = self._pieces[place][piece] = self._days_in(piece, place * PIECE)
                days |= known[0]
                nights |= known[1]
            mask >>= PIECE
            place += 1
        return days, nights

    def _days_in(self, piece: int, first: int) -> tuple[int, int]:
        """The same of posts from number `first` on."""
        days = nights = 0
        for post in bits(piece << first):
            days |= self.day_bit[post]
            nights |= self.day_bit[post] if self.night_posts >> post & 1 else 0
        return days, nights

    def _after_nights(self, days: int, nights: int) -> int:
        """The last nights of runs that are not followed by the days off."""
        after = 0
        for ahead in range(1, self.rules.days_off_after_nights + 1):
            after |= days >> ahead
        return nights & ~(nights >> 1) & after

    def _rested(self, held: int, window: tuple[tuple[int, int], ...]) -> bool:
        """Whether one uninterrupted rest lies in the first span of `window`; the others are duties elsewhere."""
        (start, end), *own = window
        busy = sorted([*own, *((self.posts[post].slot.start, self.posts[post].slot.end) for post in bits(held))])
        free_from, rest = start, self.rules.weekly_rest_minutes
        for begins, ends in busy:
            if begins - free_from >= rest:
                return True
            free_from = max(free_from, ends)
        return end - free_from >= rest

    def _falls_short(self, who: Who, mask: int, days: int) -> int:
        """How many times the mask breaks a rule that says "at least"; a run that reaches the period's edge may go on."""
        short = 0
        if who.minutes_at_least is not None:
            total = 0
            for minutes, posts in self.lengths:
                total += (mask & posts).bit_count() * minutes
            if total < who.minutes_at_least:
                step = self.lengths[0][0] if self.lengths else 1
                short += -(-(who.minutes_at_least - total) // step)
        period = self.period
        on = days & period
        if who.days_running_at_least is not None:
            short += _too_short(on | ~period & self._around, who.days_running_at_least, period)
        if who.days_off_running_at_least is not None:
            short += _too_short(~on & self._around, who.days_off_running_at_least, period)
        return short

    def staffing(self, post: int, on: int) -> int:
        """Points of a post that the set of people `on` holds."""
        missing = self.need[post] - on.bit_count()
        if missing > 0:
            return missing * self.posts[post].gap
        return -missing * self.posts[post].slot.over

    def accompany(self, number: int, people: int) -> tuple[int, int]:
        """(rules broken, points) of a company that the set `people` makes."""
        memo = self.group_memo[number]
        known = memo.get(people)
        if known is None:
            group = self.groups[number]
            points = sum(price for _, knowing, price in group.needs if not people & knowing)
            alone = people & self.newcomers if group.newcomers and not people & ~self.newcomers else 0
            known = memo[people] = ((alone & ~group.alone).bit_count(), points)
        return known

    # In and out

    def masks(self, given: Iterable[Given]) -> list[int]:
        """What each person holds: what is frozen, and of `given` what is open, allowed and in no conflict with it."""
        place = {slot.id: number for number, slot in enumerate(self.problem.slots)}
        masks = [who.frozen for who in self.who]
        taken = [0] * self.size
        for each in given:
            if each.slot not in place or each.person not in self.number_of:
                continue
            post, number = self.post_of[place[each.slot]], self.number_of[each.person]
            if (
                self.who[number].allowed >> post & 1
                and not masks[number] >> post & 1
                and not masks[number] & self.conflict[post]
                and taken[post] < self.most[post]
            ):
                masks[number] |= 1 << post
                taken[post] += 1
        return masks

    def given(self, masks: list[int]) -> tuple[Given, ...]:
        """Who holds which slot, in the order of the slots. Of alike slots people keep those that they have now."""
        slots = self.problem.slots
        found: dict[int, list[str]] = {}
        for number, post in enumerate(self.posts):
            left = [self.problem.people[who].id for who in range(len(masks)) if masks[who] >> number & 1]
            for place in post.slots:
                if slots[place].holder in left:
                    found.setdefault(place, []).append(str(slots[place].holder))
                    left.remove(str(slots[place].holder))
            for fill in ("need", "most"):
                for place in post.slots:
                    most = slots[place].need if fill == "need" or slots[place].most is None else slots[place].most
                    while left and len(found.get(place, ())) < (most or 0):
                        found.setdefault(place, []).append(left.pop(0))
        return tuple(Given(slots[place].id, who) for place in sorted(found) for who in sorted(found[place]))


def average_span(person: Person, last: int, known: int) -> tuple[int, int]:
    """The first day of the reference period that ends with day `last`, and how many of its days are days of leave.

    A period that begins before the first day that is known (`known`) begins there: a new starter's is shorter.
    """
    first = max(last + 1 - person.reference_weeks * 7, min(known, last))
    free: set[int] = set()
    for bar in person.barred:
        if bar.what == "leave":
            # A day is free when leave covers its noon: whole days of any zone do.
            from_day, to_day = (_day(bar.start + DAY // 2), _day(bar.end + DAY // 2))
            free.update(range(max(from_day, first), min(to_day, last + 1)))
    return first, len(free)


def _day(minute: int) -> int:
    """The ordinal of the day in UTC."""
    return minute // DAY + 719163


def _tight(caps: list[tuple[int, int]], lengths: tuple[tuple[int, int], ...], frozen: int) -> list[tuple[int, int]]:
    """Those that could be broken; of several for the same posts the tightest, and the tightest that `frozen` leaves whole: one
    that is broken already must not hide that another comes to be."""

    def minutes(posts: int) -> int:
        return sum((posts & of).bit_count() * each for each, of in lengths)

    tightest: dict[tuple[int, bool], int] = {}
    for posts, left in caps:
        if posts and minutes(posts) > left:
            key = posts, minutes(posts & frozen) > left
            tightest[key] = min(left, tightest.get(key, left))
    return sorted((posts, left) for (posts, _), left in tightest.items())


def _too_long(runs: int, most: int) -> int:
    """How many days more than `most` the runs of set bits have."""
    length = 1
    while runs and length <= most:
        step = min(length, most + 1 - length)
        runs &= runs >> step
        length += step
    return runs.bit_count()


def _too_short(runs: int, least: int, period: int) -> int:
    """How many days are missing in runs of set bits that are shorter than `least`, of those that start in the period."""
    missing = 0
    starts = runs & ~(runs << 1) & period
    for start in bits(starts):
        length = 1
        while length < least and runs >> start + length & 1:
            length += 1
        missing += least - length
    return missing
