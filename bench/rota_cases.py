"""Rotas to be planned, of three sizes, with leave, wishes, history and newcomers; the same each time."""

from datetime import date
from random import Random

from nightdesk.rota.planner.problem import (
    DAY,
    Barred,
    Company,
    Knows,
    Load,
    Person,
    Problem,
    Rules,
    SkillNeed,
    Slot,
    Span,
    Wish,
    Worked,
)

FIRST = date(2026, 3, 2).toordinal()
"""A Monday."""

EPOCH = date(1970, 1, 1).toordinal()
SHIFTS = {"M": (7, 15), "A": (15, 23), "N": (23, 31)}
SKILLS = ("routing", "switching", "dns", "mail", "voice", "fibre", "billing", "linux")
HISTORY_WEEKS = 13


def minute(day: int, hour: float = 0) -> int:
    """The instant at which `hour` hours of the day (an ordinal) have passed."""
    return (day - EPOCH) * DAY + int(hour * 60)


def weeks(first: int, end: int) -> tuple[Span, ...]:
    """The weeks from Monday on that the days touch."""
    monday = first - (first - 1) % 7
    return tuple(Span(minute(day), minute(day + 7)) for day in range(monday, end, 7))


def six_engineers() -> Problem:
    """6 engineers x 31 nights, one of them on leave for a week and one without nights until the 15th."""
    return _problem(
        people=6, days=31, seats={"": {"N": 1}}, hours={"N": (20, 32)}, skills=0, newcomers=0, leaves=1, no_nights=1
    )


def fourteen_people() -> Problem:
    """14 people x 3 shifts x 2 seats x 28 days, with two newcomers and a skill that each shift needs."""
    return _problem(
        people=14,
        days=28,
        seats={"": {"M": 2, "A": 2, "N": 2}},
        hours=SHIFTS,
        skills=2,
        newcomers=2,
        leaves=3,
        no_nights=1,
    )


def sixty_people() -> Problem:
    """60 people, 3 sites, 8 skills, 28 days."""
    places = {"M": 4, "A": 4, "N": 3}
    return _problem(
        people=60,
        days=28,
        seats={"London": places, "Leeds": places, "Leith": places},
        hours=SHIFTS,
        skills=8,
        newcomers=6,
        leaves=12,
        no_nights=4,
    )


def _problem(
    *,
    people: int,
    days: int,
    seats: dict[str, dict[str, int]],
    hours: dict[str, tuple[int, int]],
    skills: int,
    newcomers: int,
    leaves: int,
    no_nights: int,
) -> Problem:
    chance = Random(7)
    end = FIRST + days
    slots, companies = [], []
    for day in range(FIRST, end):
        for site, kinds in seats.items():
            for kind, count in kinds.items():
                opens, closes = hours[kind]
                ids = []
                for seat in range(count):
                    ids.append(f"{site}{day - FIRST + 1:02d}{kind}{seat + 1}")
                    slots.append(
                        Slot(
                            id=ids[-1],
                            seat=f"{site}{kind}{seat + 1}",
                            site=site,
                            kind=kind,
                            start=minute(day, opens),
                            end=minute(day, closes),
                            day=day,
                            night=kind == "N",
                            weekend=(day - 1) % 7 >= 5,
                        )
                    )
                if count > 1:
                    needed = SKILLS[:skills] if skills <= 2 else chance.sample(SKILLS, 3)
                    companies.append(Company(tuple(ids), tuple(SkillNeed(skill) for skill in needed)))
    sites = list(seats)
    staff = []
    for number in range(people):
        new = number >= people - newcomers
        known = SKILLS[:skills] if skills <= 2 else tuple(chance.sample(SKILLS, 2 if new else 4))
        barred = []
        if number < leaves:
            start = FIRST + chance.randrange(days - 7)
            barred.append(Barred(minute(start), minute(start + 7), "leave"))
        if leaves <= number < leaves + no_nights:
            barred.append(Barred(minute(FIRST), minute(FIRST + 14), "nights"))
        wishes = []
        for _ in range(3):
            day = FIRST + chance.randrange(days)
            wishes.append(
                Wish(minute(day), minute(day + 1), chance.choice(("avoid", "avoid", "prefer")), chance.randrange(1, 5))
            )
        worked = []
        turn = chance.randrange(10)
        for day in range(FIRST - 7 * HISTORY_WEEKS, FIRST - 3):
            place = (day + turn) % 10  # two of each shift, then four days off
            if place < 2 * len(hours):
                kind = list(hours)[place // 2]
                worked.append(Worked(minute(day, hours[kind][0]), minute(day, hours[kind][1]), day, kind == "N"))
        contract = 1920 if chance.random() < 0.2 else 2400
        full = contract * HISTORY_WEEKS // 2400
        home = sites[number % len(sites)]
        staff.append(
            Person(
                id=f"P{number:02d}",
                skills=tuple(Knows(skill) for skill in known if not new or chance.random() < 0.5),
                newcomer=new,
                weekly_minutes=contract,
                barred=tuple(barred),
                wishes=tuple(wishes),
                worked=tuple(worked),
                load=Load(
                    full + chance.randrange(3),
                    full // 2 + chance.randrange(2),
                    0,
                    full * 1800 + 480 * chance.randrange(3),
                ),
                sites=(home, sites[(number + 1) % len(sites)]) if chance.random() < 0.4 else (home,),
            )
        )
    return Problem(FIRST, end, tuple(staff), tuple(slots), tuple(companies), Rules(rest_windows=weeks(FIRST, end)))
