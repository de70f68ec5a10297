"""A draft between the planner's words and ours: what the engine answered as shifts, gaps and lines, and what the rules say.

A gap as it is kept in `Plan.gaps`:

    {"kind": "seat", "seat_id": 3, "starts_at": "...", "ends_at": "...",      # or "skill", or "rule"
     "skill": "", "impossible": true,                                         # null: that was not tried
     "people": [{"person": 7, "codes": ["rest"], "words": "...", "distance": 2}],
     "could": [{"person": 7, "points": 12, "moves": 1}]}                       # duties of others that move with it

A line of `Plan.lines`: {"kind": "nights", "person": 7 or null, "slot": "", "amount": 2, "points": 24}.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid
from nightdesk.rota import checking, law, law_wording, planner, planning, queries, resolve
from nightdesk.rota.models import Drafting, Plan, Rota, Seat
from nightdesk.rota.newcomers import planned_alone
from nightdesk.rota.planner.score import make_bill

_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_SLOT = re.compile(r"([0-9]+)@([0-9]+)\+?")


@dataclass(frozen=True, slots=True)
class MadeShift:
    seat_id: int
    person_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """What the engine has laid out, as the rows keep it."""

    shifts: tuple[MadeShift, ...]
    made_with: dict[str, Any]
    reproducible: bool
    cost: int
    bound: int | None
    gaps: list[dict[str, Any]]
    lines: list[dict[str, Any]]


def read_shifts(plain: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The shifts in the one spelling that the rows keep. Raises Invalid for what is none."""
    found = []
    for each in plain:
        days = sorted({day for day in each.get("weekdays", ()) if type(day) is int and 0 <= day <= 6})
        opens, closes = (str(each.get(name, "")) for name in ("opens", "closes"))
        if not days or not (_CLOCK.fullmatch(opens) and _CLOCK.fullmatch(closes)):
            raise Invalid(
                _("A shift was given: %s.") % str(dict(each))[:120],
                _("It needs weekdays from 0 (Monday) to 6, and two times such as 20:00."),
                _("Mend it."),
            )
        found.append({"weekdays": days, "opens": opens, "closes": closes})
    return found


def as_plain(problem: planner.Problem) -> Any:
    """The problem as a JSON column keeps it."""
    return json.loads(planner.to_json(problem))


def make(row: Drafting, *, ask: Callable[[dict[str, Any]], Any]) -> Made:
    """Have the engine lay out the plan of the row, and explain what it could not. `ask` as `engine.ask`.

    Raises what `ask` raises, and ValueError for an answer that is none.
    """
    wanted = dict(row.request)
    answer = ask({**wanted, "problem": row.problem})
    problem = planner.from_json(planner.Problem, json.dumps(row.problem))
    proved: bool | None = None
    changed = None
    if wanted["do"] == "replan":
        repaired = planner.from_json(planner.Replanned, json.dumps(answer))
        problem, result, proved, changed = repaired.problem, repaired.result, repaired.proved, len(repaired.changes)
    else:
        result = planner.from_json(planner.Result, json.dumps(answer))
    explained: Sequence[planner.Explained] = ()
    if result.gaps:
        given = [json.loads(planner.to_json(one)) for one in result.given]
        answer = ask({"do": "explain", "problem": as_plain(problem), "given": given})
        explained = [planner.from_json(planner.Explained, json.dumps(one)) for one in answer]
    made_with = {
        "engine": result.engine,
        "version": result.version,
        "steps": result.steps,
        "stopped": result.stopped,
    }
    if proved is not None:
        made_with |= {"proved": proved, "changed": changed}
    return Made(
        shifts=tuple(_shifts(problem, result.given)),
        made_with=made_with,
        reproducible=result.reproducible,
        cost=result.cost,
        bound=result.bound,
        gaps=_gaps(problem, result.gaps, explained),
        lines=_lines(result.lines),
    )


def judge(plan: Plan, at: datetime) -> None:
    """Cost, gaps and lines of the draft as it stands after a change by hand; the caller saves them."""
    problem, given = problem_of(plan, at)
    result = make_bill(problem, given)
    explained = planner.explain_gaps(problem, given, counterfactual=False) if result.gaps else ()
    plan.cost, plan.bound = result.cost, None
    plan.gaps, plan.lines = _gaps(problem, result.gaps, explained), _lines(result.lines)


def problem_of(plan: Plan, at: datetime) -> tuple[planner.Problem, tuple[planner.Given, ...]]:
    """The plan's problem as the rows are now, and who is on what in it."""
    problem = planning.build(plan.rota, plan.starts_on, plan.ends_on, at)
    # What has begun is the plan's own here too, so that it is not counted as missing.
    problem = replace(problem, slots=tuple(replace(slot, fixed=False) for slot in problem.slots))
    return problem, planning.as_given(planning.shifts_in(plan.id), problem)


def _shifts(problem: planner.Problem, given: Iterable[planner.Given]) -> Iterable[MadeShift]:
    slots = {slot.id: slot for slot in problem.slots}
    for one in given:
        slot = slots[one.slot]
        seat_id, _start = planning.read_slot_id(slot.id)
        yield MadeShift(seat_id, int(one.person), planning.instant(slot.start), planning.instant(slot.end))


def _gaps(
    problem: planner.Problem, gaps: Iterable[planner.Gap], explained: Iterable[planner.Explained]
) -> list[dict[str, Any]]:
    slots = {slot.id: slot for slot in problem.slots}
    why = {(one.gap.kind, one.gap.slots, one.gap.skill): one for one in explained}
    found = []
    for gap in gaps:
        slot = slots[gap.slots[0]] if gap.slots else None
        told = why.get((gap.kind, gap.slots, gap.skill))
        found.append(
            {
                "kind": gap.kind,
                "seat_id": planning.read_slot_id(slot.id)[0] if slot else None,
                "starts_at": planning.instant(slot.start).isoformat() if slot else None,
                "ends_at": planning.instant(slot.end).isoformat() if slot else None,
                "skill": gap.skill,
                "person": int(gap.person) if gap.person else None,
                "impossible": told.impossible if told else None,
                "people": [
                    {"person": int(one.person), "codes": list(one.codes), "words": one.words, "distance": one.distance}
                    for one in (told.people if told else ())
                ],
                "could": [
                    {
                        "person": int(one.person),
                        "points": one.points,
                        "moves": len(one.moved),
                    }
                    for one in (told.candidates if told else ())
                    if not one.opens
                ],
            }
        )
    return sorted(found, key=lambda gap: (gap["starts_at"] or "", gap["seat_id"] or 0))


def _lines(lines: Iterable[planner.CostLine]) -> list[dict[str, Any]]:
    return [
        {
            "kind": line.kind,
            "person": int(line.whom) if line.whom.isdecimal() else None,
            "slot": "" if line.whom.isdecimal() else line.whom,
            "amount": line.amount,
            "points": line.points,
        }
        for line in lines
    ]


# ---- In words --------------------------------------------------------------------------------------------------------


def in_words(words: str, rota: Rota, seats: Mapping[int, Seat]) -> str:
    """The planner's words with its slots named as people know them: "Night, Tue 3 Mar"."""
    zone = ZoneInfo(rota.zone)

    def named(slot: re.Match[str]) -> str:
        seat = seats.get(int(slot[1]))
        day = planning.instant(int(slot[2])).astimezone(zone)
        return f"{seat.name if seat else _('a seat')} {date_format(day, 'D j M')}"

    return _SLOT.sub(named, words)


@dataclass(frozen=True, slots=True)
class Burden:
    """What one person carries in a plan, and with what came before it, against their share of all of it."""

    person_id: int
    hours: float
    nights: int
    weekends: int
    holidays: int
    wishes_missed: int
    points: int


def burdens(plan: Plan) -> list[Burden]:
    """One line for each person of the plan's team, the most burdened first."""
    rota = plan.rota
    seats = planning.planned_seats(rota)
    places = {place.id: place for place in planning.places_of(rota, seats, plan.starts_on, plan.ends_on)}
    held: dict[int, list[planning.Place]] = {}
    for slot, person_id in planning.shifts_in(plan.id).items():
        if slot in places:
            held.setdefault(person_id, []).append(places[slot])
    points: dict[int, int] = {}
    missed: dict[int, int] = {}
    for line in plan.lines:
        if line["person"] is not None:
            points[line["person"]] = points.get(line["person"], 0) + line["points"]
            if line["kind"] == "wish":
                missed[line["person"]] = missed.get(line["person"], 0) + line["amount"]
    people = planning.people_of(seats)
    found = [
        Burden(
            person_id=person_id,
            hours=sum((place.shift.end - place.shift.start for place in own), timedelta(0)) / timedelta(hours=1),
            nights=sum(place.night for place in own),
            weekends=sum(place.weekend for place in own),
            holidays=sum(place.holiday for place in own),
            wishes_missed=missed.get(person_id, 0),
            points=points.get(person_id, 0),
        )
        for person_id in people | held.keys()
        for own in (held.get(person_id, []),)
    ]
    return sorted(found, key=lambda one: (-one.hours, one.person_id))


# ---- What the rules say ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """What the rules say of one person in a draft, as anybody who may read the plan reads it."""

    person_id: int
    start: datetime
    text: str
    tag: str
    tone: str
    blocks: bool


def findings(plan: Plan, at: datetime) -> list[Found]:
    """What the rules would say if the draft were published at `at`, the gravest first; and where it has newcomers alone."""
    start, end = span_of(plan)
    start = max(start, at)
    if end <= start:
        return []
    kinds = checking.seat_kinds()
    keys = dict(Seat.objects.filter(rota=plan.rota).values_list("id", "key"))
    names: dict[int, str] = {}
    proposed: dict[int, list[law.Span]] = {}
    for row in plan.shifts.filter(starts_at__gte=start).select_related("person"):
        key = keys[row.seat_id]
        names[row.person_id] = row.person.name
        proposed.setdefault(row.person_id, []).append(kinds[key].span(row.starts_at, row.ends_at, key))
    found = [
        Found(
            person_id,
            each.start,
            law_wording.say(each, names[person_id], plan.rota.zone),
            str(law_wording.SEVERITY_NAMES[each.severity]),
            law_wording.SEVERITY_TONES[each.severity],
            each.severity is law.Severity.BLOCK,
        )
        for person_id, of_one in checking.check_proposed(
            proposed, start, end, at, instead_of=set(keys.values())
        ).items()
        for each in of_one
    ]
    block = law.Severity.BLOCK
    alone = [
        Found(
            each.person_id,
            each.start,
            _("%(person)s is new, and would be on as %(seat)s without anybody experienced.")
            % {"person": names[each.person_id], "seat": each.seat.name},
            str(law_wording.SEVERITY_NAMES[block]),
            law_wording.SEVERITY_TONES[block],
            True,
        )
        for each in planned_alone(plan.rota_id, _as_published(plan, start, end), start, end, at)
        if each.person_id in names
    ]
    grave = list(law.Severity)
    order = {str(law_wording.SEVERITY_NAMES[severity]): place for place, severity in enumerate(grave)}
    return sorted([*found, *alone], key=lambda one: (order[one.tag], one.start, one.person_id))


def _as_published(plan: Plan, start: datetime, end: datetime) -> resolve.Rota:
    """The rota as if the draft were published: in [`start`, `end`) its shifts stand in place of those that had not begun."""
    rota = queries.load_rota(plan.rota_id)
    keys = dict(Seat.objects.filter(rota=plan.rota_id).values_list("id", "key"))
    fresh: dict[str, list[resolve.Shift]] = {}
    for row in plan.shifts.filter(starts_at__gte=start):
        shift = resolve.Shift(row.starts_at, row.ends_at, ("person", row.person_id))
        fresh.setdefault(keys[row.seat_id], []).append(shift)
    seats = []
    for seat in rota.seats:
        running = [shift for shift in seat.shifts if shift.start < start]
        free_at = max((shift.end for shift in running), default=start)
        mine = [shift for shift in fresh.get(seat.key, ()) if shift.start >= free_at]
        last = max((shift.end for shift in mine), default=end)
        later = [shift for shift in seat.shifts if shift.start >= max(end, last)]
        seats.append(replace(seat, shifts=(*running, *mine, *later)))
    return replace(rota, seats=tuple(seats))


def span_of(plan: Plan) -> tuple[datetime, datetime]:
    """From the first instant of the plan's first day to the end of its last."""
    zone = ZoneInfo(plan.rota.zone)
    start, end = (resolve.instant_of(datetime.combine(day, time()), zone) for day in (plan.starts_on, plan.ends_on))
    return start, end
