"""The published text format: read, solved, and what it costs counted once more, straight from the text."""

from io import StringIO

import pytest
from django.core.management import call_command

from nightdesk.base.refusals import Invalid
from nightdesk.rota.planner import Budget, solve
from nightdesk.rota.planner.curtois import BadInstance, read_instance
from nightdesk.rota.planner.score import make_bill

SMALL = """
# Two kinds of shift, four people, two weeks
SECTION_HORIZON
14

SECTION_SHIFTS
# ShiftID, Length in mins, Shifts which cannot follow this shift | separated
E,480,
L,600,E

SECTION_STAFF
A,E=14|L=3,4320,2400,5,2,2,1
B,E=14|L=14,4320,2400,5,2,2,1
C,E=0|L=14,4800,2400,4,2,3,2
D,E=14|L=14,4800,0,5,2,2,2

SECTION_DAYS_OFF
A,0
B,5,6

SECTION_SHIFT_ON_REQUESTS
A,2,E,2
C,3,L,3

SECTION_SHIFT_OFF_REQUESTS
B,8,L,3

SECTION_COVER
"""
SMALL += "".join(f"{day},E,2,100,1\n{day},L,1,50,2\n" for day in range(14))


def penalty(text: str, held: set[tuple[str, int, str]]) -> int:
    """What the format's own definition says a rota costs; `held` are (person, day, shift)."""
    total, section = 0, ""
    for line in text.splitlines():
        if line.startswith("SECTION_"):
            section = line
            continue
        fields = line.split(",")
        if not line or line.startswith("#"):
            continue
        if section == "SECTION_SHIFT_ON_REQUESTS" and (fields[0], int(fields[1]), fields[2]) not in held:
            total += int(fields[3])
        if section == "SECTION_SHIFT_OFF_REQUESTS" and (fields[0], int(fields[1]), fields[2]) in held:
            total += int(fields[3])
        if section == "SECTION_COVER":
            there = sum(1 for _, day, shift in held if (day, shift) == (int(fields[0]), fields[1]))
            need, under, over = map(int, fields[2:])
            total += max(need - there, 0) * under + max(there - need, 0) * over
    return total


def rules_kept(held: set[tuple[str, int, str]]) -> bool:
    """The hard rules of SMALL, spelled out."""
    for person, most_l, weekends, running, off, least in (
        ("A", 3, 1, 5, 2, 2400),
        ("B", 14, 1, 5, 2, 2400),
        ("C", 14, 2, 4, 3, 2400),
        ("D", 14, 2, 5, 2, 0),
    ):
        days = {day: shift for who, day, shift in held if who == person}
        assert len(days) == sum(1 for who, _, _ in held if who == person), "two shifts on one day"
        line = "".join("x" if day in days else "." for day in range(14))
        runs = line.replace(".", " ").split()
        inner_runs = line.strip("x").replace(".", " ").split()
        gaps = line.strip(".").replace("x", " ").split()
        minutes = sum({"E": 480, "L": 600}[shift] for shift in days.values())
        if (
            max(map(len, runs), default=0) > running
            or min(map(len, inner_runs), default=9) < 2
            or min(map(len, gaps), default=9) < off
            or sum(shift == "L" for shift in days.values()) > most_l
            or (person == "C" and "E" in days.values())
            or minutes < least
            or minutes > (4320 if person in "AB" else 4800)
            or sum("x" in line[week : week + 2] for week in (5, 12)) > weekends
            or any(days.get(day) == "L" and days.get(day + 1) == "E" for day in range(13))
            or (person == "A" and 0 in days)
            or (person == "B" and {5, 6} & days.keys())
        ):
            return False
    return True


def held_in(result) -> set[tuple[str, int, str]]:
    return {(each.person, int(each.slot.split("/")[0]), each.slot.split("/")[1]) for each in result.given}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_it_costs_is_what_the_format_says(seed):
    problem = read_instance(SMALL)
    result = solve(problem, Budget(steps=20_000), seed=seed)
    assert penalty(SMALL, held_in(result)) == result.cost
    assert rules_kept(held_in(result)) == (not make_bill(problem, result.given).breaches)


def test_every_rule_is_kept_in_the_end():
    assert rules_kept(held_in(solve(read_instance(SMALL), Budget(steps=20_000))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("SECTION_HORIZON", "SECTION_WIDTH"), "no section"),
        (("14\n\nSECTION_SHIFTS", "fourteen\n\nSECTION_SHIFTS"), "whole numbers"),
        (("A,2,E,2", "Z,2,E,2"), "'Z' is not known"),
        (("A,2,E,2", "A,20,E,2"), "day 20"),
        (("B,8,L,3", "B,8,L"), "4 fields"),
        (("L,600,E", "L,600,X"), "no shift 'X'"),
        (("E,480,", "E,0,"), "does not fit"),
    ],
)
def test_what_is_wrong_with_an_instance_is_said(change, words):
    with pytest.raises(BadInstance, match=words):
        read_instance(SMALL.replace(*change))


def test_the_command_prints_cost_bound_and_violations(tmp_path):
    file = tmp_path / "small.txt"
    file.write_text(SMALL)
    out = StringIO()
    call_command("bench", "rostering", str(file), seconds=1.0, core=True, stdout=out)
    said = dict(line.split(maxsplit=1) for line in out.getvalue().splitlines() if not line.startswith(" "))
    assert said["engine"].startswith("core")
    assert int(said["cost"]) > 0
    assert said["bound"] == "none was proved"
    assert said["violations"].isdigit()


def test_the_command_refuses_what_is_no_instance(tmp_path):
    file = tmp_path / "no.txt"
    file.write_text("once upon a time")
    with pytest.raises(Invalid, match="before the first section"):
        call_command("bench", "rostering", str(file))
    with pytest.raises(Invalid, match="cannot be opened"):
        call_command("bench", "rostering", str(tmp_path / "missing.txt"))
