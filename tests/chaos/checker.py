"""What became of all that was accepted: told from what came out at the other end and from the journal, and from nothing else."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

LATE_AFTER_S = 60.0
PAGED_FOR = ("alarm", "call")
KINDS = ("alarm", "mail", "call", "update", "handover")


@dataclass(frozen=True)
class Accepted:
    """Somebody was told that it is in our hands: 202, 250, 201, 200, "we ring you back". `at`: seconds since the epoch, by the
    sender's clock.
    """

    kind: str
    key: str
    at: float


@dataclass(frozen=True)
class Received:
    """It came out at `place` (a telephone, a mailbox) at `at`, by the clock of whoever got it."""

    key: str
    place: str
    at: float


@dataclass
class Verdict:
    """Counts by kind. `lost`: accepted, and nothing came of it."""

    accepted: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    lost: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, and something of each kind was accepted at all."""
        return not any(self.lost.values()) and all(self.accepted[kind] for kind in KINDS)

    def __str__(self) -> str:
        lines = [f"{'':10}{'accepted':>10}{'delivered':>11}{'late':>7}{'repeated':>10}{'lost':>7}"]
        for kind in KINDS:
            counts = (self.accepted[kind], self.delivered[kind], self.late[kind], self.repeated[kind])
            lines.append("{:10}{:10}{:11}{:7}{:10}{:7}".format(kind, *counts, len(self.lost[kind])))
        lines += [f"lost {kind}: {', '.join(keys)}" for kind, keys in self.lost.items() if keys]
        return "\n".join(lines)


def check(
    accepted: Sequence[Accepted],
    received: Collection[Received],
    *,
    places: Mapping[str, Sequence[Collection[str]]],
    journal: Mapping[str, int],
    holders: Sequence[str],
) -> Verdict:
    """`places`: for each kind groups of places; each group must have got it in one place at least. `journal`: how many entries
    say that an alarm, or what a caller left, began a page, by its key; exactly one must. `holders`: who took the duty, in the
    journal's order.

    A later update says what an earlier one said, and takes its place where that had not left. A handover whose answer was lost is
    asked for again by the same person and changes nothing then, so the journal holds what was accepted in its order, and
    perhaps more.
    """
    verdict = Verdict(accepted=Counter(each.kind for each in accepted))
    came: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in received:
        came[one.key, one.place].append(one.at)
    order = [each.key for each in accepted if each.kind == "update"]
    for each in accepted:
        if each.kind == "handover":
            continue
        stands_for = order[order.index(each.key) :] if each.kind == "update" else [each.key]
        firsts = [
            min((at for key in stands_for for place in group for at in came[key, place]), default=None)
            for group in places[each.kind]
        ]
        times = [at for at in firsts if at is not None]
        if len(times) < len(firsts) or (each.kind in PAGED_FOR and journal.get(each.key, 0) != 1):
            verdict.lost[each.kind].append(each.key)
            continue
        verdict.delivered[each.kind] += 1
        verdict.late[each.kind] += max(times) - each.at > LATE_AFTER_S
        everywhere = {place for group in places[each.kind] for place in group}
        verdict.repeated[each.kind] += sum(max(0, len(came[each.key, place]) - 1) for place in everywhere)
    _check_handovers([each.key for each in accepted if each.kind == "handover"], holders, verdict)
    return verdict


def _check_handovers(taken: Sequence[str], holders: Sequence[str], verdict: Verdict) -> None:
    written = iter(_changes(holders))
    for key in _changes([key.partition(" ")[0] for key in taken]):
        if not any(holder == key for holder in written):
            verdict.lost["handover"].append(key)
    verdict.delivered["handover"] = len(taken) - len(verdict.lost["handover"])


def _changes(names: Sequence[str]) -> list[str]:
    """Without those who follow themselves."""
    return [name for number, name in enumerate(names) if not number or names[number - 1] != name]
