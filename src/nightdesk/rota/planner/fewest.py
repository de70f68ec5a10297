"""The repair that changes the fewest turns: every way to hand on what is open, those that move nobody else first.

Annealing is good at kindness and poor at this: on a night on which nobody is free a turn of somebody else's has to move
before the open one can be filled, and by chance it finds ten small moves before it finds those two. Here somebody
takes an open post and gives up what stands against it, which is then open in its turn; all such chains of one length are
tried before any that is longer, so the first length that works is the least there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

from nightdesk.rota.planner.model import Model, bits
from nightdesk.rota.planner.search import Changes, Standing

FURTHER = 3
"""Turns of others that may have to move as well; what takes more is left to the search."""

LOOKS = 40_000
"""Masks that are judged at the most before it is given up: well under a second."""


@dataclass(frozen=True, slots=True)
class Repair:
    """`masks`: what each holds afterwards. `turns` change hands; none fewer would do."""

    masks: list[int]
    turns: int


class GivenUp(Exception):
    """It was looked at as much as may be."""


def fewest_turns(model: Model, masks: list[int], among: int = -1) -> Repair | None:
    """The repair that fills every open post of `among` by changing the fewest turns, and of those the kindest that was met.

    Whatever it touches is then whole, its company too. None where it takes more than FURTHER turns of others, or cannot be
    told within LOOKS. Not for rules that ask for at least so much.
    """
    stand = Standing(model, masks)
    short = [post for post in stand.short() if among >> post & 1]
    opened = [post for post in short for _ in range(model.need[post] - stand.on[post].bit_count())]
    if any(broken for broken, _ in stand.judged) or any(who.least for who in model.who):
        return None
    chains = _Chains(model, stand)
    for further in range(FURTHER + 1):
        try:
            chains.follow(tuple(opened), further)
        except GivenUp:
            if chains.best is None:
                return None
        if chains.best is not None:
            kept = dict(chains.best[1])
            found = [kept.get(number, mask) for number, mask in enumerate(stand.mask)]
            return Repair(found, len(opened) + further)
    return None


@dataclass
class _Chains:
    """`held`, `gained` and `given_up`: of those whose turns have changed so far, as masks; `best`: (points, changes)."""

    model: Model
    stand: Standing
    held: dict[int, int] = field(default_factory=dict)
    gained: dict[int, int] = field(default_factory=dict)
    given_up: dict[int, int] = field(default_factory=dict)
    best: tuple[int, Changes] | None = None
    looks: int = 0

    def follow(self, opened: tuple[int, ...], further: int) -> None:
        """Try every way to fill the opened posts by which at most `further` more turns change hands.

        Raises GivenUp.
        """
        if not opened:
            self._arrive(further)
            return
        ways = {post: list(self._ways(post, further)) for post in sorted(set(opened))}
        post = min(ways, key=lambda each: (len(ways[each]), each))  # who can be helped by few is helped first
        rest = list(opened)
        rest.remove(post)
        for number, back in ways[post]:
            before = self._note(number, 1 << post, back)
            self.follow((*rest, *bits(back)), further - back.bit_count())
            self._take_back(number, before)

    def _ways(self, post: int, further: int) -> Iterator[tuple[int, int]]:
        """(who takes the post, what they give up for it): the least that makes it lawful, in every way there is."""
        model, bit = self.model, 1 << post
        for number, who in enumerate(model.who):
            mask = self.held.get(number, self.stand.mask[number])
            if not who.allowed & bit or (mask | self.given_up.get(number, 0)) & bit:
                continue
            loose = mask & model.open & ~self.gained.get(number, 0)
            must = mask & model.conflict[post]
            if must & ~loose or must.bit_count() > further:
                continue
            found: list[int] = []
            others = list(bits(loose & ~must))
            for more in range(further - must.bit_count() + 1):
                for some in combinations(others, more):
                    back = must | sum(1 << each for each in some)
                    if not any(less & back == less for less in found) and self._lawful(number, mask & ~back | bit):
                        found.append(back)
                        yield number, back

    def _lawful(self, number: int, mask: int) -> bool:
        self.looks += 1
        if self.looks > LOOKS:
            raise GivenUp
        return self.model.judge(number, mask)[0] <= 0

    def _note(self, number: int, bit: int, back: int) -> tuple[int, int, int]:
        """The person holds `bit` and no longer `back`; what was so before."""
        before = (
            self.held.get(number, self.stand.mask[number]),
            self.gained.get(number, 0),
            self.given_up.get(number, 0),
        )
        self.held[number] = before[0] & ~back | bit
        self.gained[number], self.given_up[number] = before[1] | bit, before[2] | back
        return before

    def _take_back(self, number: int, before: tuple[int, int, int]) -> None:
        self.held[number], self.gained[number], self.given_up[number] = before

    def _arrive(self, further: int) -> None:
        """Everything is filled: keep it if it is the kindest, or exchange somebody where a company lacks something."""
        changes = sorted((number, mask) for number, mask in self.held.items() if mask != self.stand.mask[number])
        wanting = self._wanting(changes)
        if wanting is None:
            points = self.stand.weigh(changes)[1]
            if self.best is None or points < self.best[0]:
                self.best = (points, changes)
        elif further:
            for number, post in wanting:
                before = self._note(number, 0, 1 << post)
                self.follow((post,), further - 1)
                self._take_back(number, before)

    def _wanting(self, changes: Changes) -> list[tuple[int, int]] | None:
        """Of the first company that now lacks something, who might be exchanged on which post; None where none does."""
        model, on = self.model, dict[int, int]()
        for number, mask in changes:
            for post in bits(self.stand.mask[number] ^ mask):
                on[post] = on.get(post, self.stand.on[post]) ^ 1 << number
        for company in sorted({each for post in on for each in model.companies_of[post]}):
            group, people = model.groups[company], 0
            for post in group.posts:
                people |= on.get(post, self.stand.on[post])
            lacks = any(need.hard and not people & knowing for need, knowing, _ in group.needs)
            if lacks or model.accompany(company, people)[0]:
                return [
                    (who, post)
                    for who in bits(people)
                    for post in group.posts
                    if self.held.get(who, self.stand.mask[who]) & ~self.gained.get(who, 0) & model.open & 1 << post
                ]
        return None
