"""Small problems in which every rule matters: two weeks, a handful of people, and slots that often stand against each other."""

from datetime import date
from random import Random

from hypothesis import strategies as st

from nightdesk.rota.planner.problem import (
    DAY,
    Barred,
    Company,
    Given,
    Knows,
    Limits,
    Load,
    Person,
    Problem,
    Rules,
    SkillNeed,
    Slot,
    Span,
    Weights,
    Wish,
    Worked,
)

FIRST = date(2026, 3, 2).toordinal()
EPOCH = date(1970, 1, 1).toordinal()
HOURS = {"M": (7, 15), "A": (15, 23), "N": (23, 31), "D": (8, 20)}
SKILLS = ("routing", "voice")


def minute(day: int, hour: float = 0) -> int:
    return (FIRST - EPOCH + day) * DAY + int(hour * 60)


def shift(day: int, kind: str = "N", seat: int = 1, **more: object) -> Slot:
    """A slot of a day of the period, counted from 0."""
    opens, closes = HOURS[kind]
    facts = {
        "id": f"{day}{kind}{seat}",
        "seat": f"{kind}{seat}",
        "start": minute(day, opens),
        "end": minute(day, closes),
        "day": FIRST + day,
        "kind": kind,
        "night": kind == "N",
        "weekend": day % 7 >= 5,
    }
    return Slot(**(facts | more))  # type: ignore[arg-type]


def duty(day: int, kind: str = "N", *, counted: bool = True) -> Worked:
    opens, closes = HOURS[kind]
    return Worked(minute(day, opens), minute(day, closes), FIRST + day, kind == "N", counted)


def weeks(days: int) -> tuple[Span, ...]:
    return tuple(Span(minute(day), minute(day + 7)) for day in range(0, days, 7))


def problems(*, least: bool = False) -> st.SearchStrategy[Problem]:
    """By number: drawing each fact by itself costs more than planning it."""
    return st.builds(make_problem, st.integers(0, 1_000_000), st.just(least))


def make_problem(number: int, least: bool = False) -> Problem:
    chance = Random(number)
    pick = chance.choice
    days = pick((7, 10, 14))
    kinds = pick(("N", "MN", "MAN", "D"))
    ids = [f"P{each}" for each in range(chance.randint(2, 5))]
    slots, companies = [], []
    for day in range(days):
        for kind in kinds:
            here = []
            for seat in range(1, chance.randint(1, 2) + 1):
                fixed = chance.random() < 0.05
                here.append(
                    shift(
                        day,
                        kind,
                        seat,
                        fixed=fixed,
                        holder=pick([None, *ids]) if fixed or chance.random() < 0.5 else None,
                        counted=chance.random() < 0.8,
                        holiday=chance.random() < 0.1,
                        may=pick([None, None, None, tuple(ids[:2])]),
                        needs=pick([(), (), (), (SkillNeed("routing"),), (SkillNeed("voice", 3, False, 7),)]),
                        most=pick([None, None, 2]),
                        over=1,
                    )
                )
            slots += here
            if chance.random() < 0.5:
                companies.append(Company(tuple(slot.id for slot in here), pick([(), (SkillNeed("voice"),)])))
    people = tuple(_person(chance, each, days, least) for each in ids)
    rules = Rules(
        rest_minutes=pick((0, 660)),
        rest_windows=weeks(days),
        days_running=pick((None, 3, 5)),
        nights_running=pick((None, 2, 3)),
        days_off_after_nights=chance.randint(0, 2),
        average_minutes=pick((None, 1500, 2880)),
        minutes_in_7_days=pick((None, 2000)),
        never_next_day=pick(((), (("N", "M"),))),
        one_a_day=pick((True, False)),
    )
    weights = Weights(change=pick((0, 25)), gap=pick((50, 1000)))
    return Problem(FIRST, FIRST + days, people, tuple(slots), tuple(companies), rules, weights)


def _person(chance: Random, name: str, days: int, least: bool) -> Person:
    pick = chance.choice

    def rarely(low: int, high: int) -> int | None:
        return chance.randint(low, high) if chance.random() < 0.25 else None

    def some(most: int) -> list[int]:
        return [chance.randrange(days) for _ in range(chance.randint(0, most))]

    return Person(
        id=name,
        skills=tuple(Knows(skill, chance.randint(1, 3)) for skill in SKILLS if chance.random() < 0.5),
        newcomer=chance.random() < 0.25,
        weekly_minutes=pick((1200, 2400)),
        limits=Limits(
            nights=rarely(0, 4),
            weekends=rarely(0, 1),
            minutes=rarely(1000, 4000),
            days_running=rarely(1, 4),
            of_kind=pick(({}, {}, {"N": 2}, {"M": 0})),
            minutes_at_least=rarely(500, 2000) if least else None,
            days_running_at_least=rarely(2, 3) if least else None,
            days_off_running_at_least=rarely(2, 3) if least else None,
        ),
        barred=tuple(
            Barred(minute(at), minute(at + 1), pick(("all", "leave", "nights", "weekends", "visits"))) for at in some(2)
        ),
        wishes=tuple(Wish(minute(at), minute(at + 1), pick(("prefer", "avoid", "never")), 2) for at in some(3)),
        worked=tuple(
            duty(at, pick("MN"), counted=pick((True, False)))
            for at in sorted({chance.randint(-9, 3) for _ in range(chance.randint(0, 5))})
        ),
        load=Load(chance.randint(0, 5), chance.randint(0, 3), 0, chance.randint(0, 3000)),
        under_18=chance.random() < 0.1,
        opted_out=pick((True, False)),
        reference_weeks=pick((1, 17)),
    )


def make_pairs(problem: Problem, number: int) -> list[Given]:
    """Anything anybody could try to give: much of it is not allowed."""
    chance = Random(number)
    return [
        Given(chance.choice(problem.slots).id, chance.choice(problem.people).id) for _ in range(chance.randint(0, 25))
    ]
