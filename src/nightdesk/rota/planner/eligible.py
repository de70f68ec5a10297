"""Who could hold a slot at all, looking at nothing else: skills, sites, bars, and duties elsewhere."""

from __future__ import annotations

from dataclasses import replace

from nightdesk.rota.planner.problem import DAY, Barred, Person, Problem, Rules, SkillNeed, Slot, Wish

NOT_AVAILABLE = "not available"


def knows(person: Person, need: SkillNeed) -> bool:
    return any(known.skill == need.skill and known.level >= need.level for known in person.skills)


def why_not(person: Person, slot: Slot, rules: Rules) -> tuple[str, ...]:
    """Codes of what keeps the person from the slot whatever else is planned; empty when nothing does.

    "may" (another team's seat), "site", "skill", "under_18", "not available", "elsewhere" (overlaps a duty of another
    rota, or has not the rest from it), "kind" (their own limit lets them have none of this kind).
    """
    codes = []
    if slot.may is not None and person.id not in slot.may:
        codes.append("may")
    if person.sites and slot.site and slot.site not in person.sites:
        codes.append("site")
    if any(need.hard and not knows(person, need) for need in slot.needs):
        codes.append("skill")
    if person.under_18 and slot.night:
        codes.append("under_18")
    if any(meets(bar, slot) for bar in person.barred) or any(
        wish.wants == "never" and about(wish, slot) for wish in person.wishes
    ):
        codes.append(NOT_AVAILABLE)
    if any(
        clash(slot, worked.start, worked.end, worked.counted, rules.rest_minutes)
        or (rules.one_a_day and worked.day == slot.day)
        for worked in person.worked
    ):
        codes.append("elsewhere")
    if person.limits.of_kind.get(slot.kind, 1) == 0 or (slot.night and person.limits.nights == 0):
        codes.append("kind")
    return tuple(codes)


def meets(bar: Barred, slot: Slot) -> bool:
    """Whether the bar keeps its person from the slot."""
    if bar.start >= slot.end or slot.start >= bar.end:
        return False
    return {"nights": slot.night, "weekends": slot.weekend, "visits": slot.visit}.get(bar.what, True)


def about(wish: Wish, slot: Slot) -> bool:
    """Whether the wish means the slot."""
    return wish.start < slot.end and slot.start < wish.end and wish.kind in ("", slot.kind)


def clash(slot: Slot, start: int, end: int, counted: bool, rest: int) -> bool:
    """Whether one person cannot do both: they overlap, or both are work and lie nearer than the daily rest."""
    between = rest if counted and slot.counted else 0
    return start < slot.end + between and slot.start < end + between


def eligible(problem: Problem) -> list[list[bool]]:
    """For each person, for each slot, whether they could hold it at all."""
    alike: dict[Slot, int] = {}
    kinds: list[Slot] = []
    of = []
    for slot in problem.slots:
        bare = replace(slot, id="", seat="", holder=None, fixed=False, need=1, most=None, gap=None, over=0)
        if bare not in alike:
            alike[bare] = len(kinds)
            kinds.append(bare)
        of.append(alike[bare])
    first = min((slot.start for slot in kinds), default=0) - DAY - problem.rules.rest_minutes
    rows = []
    for person in problem.people:
        near = replace(person, worked=tuple(worked for worked in person.worked if worked.end >= first))
        could = [not why_not(near, slot, problem.rules) for slot in kinds]
        rows.append([could[kind] for kind in of])
    return rows
