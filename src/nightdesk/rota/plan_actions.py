"""The verbs of planning: what a seat needs, what people wish, drafts, and the published plan.

A plan changes what anybody is to do only when it is published: then it is what `resolve` reads. Each that was ever
published is kept, and an earlier one can be taken as a draft again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, forbidden, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import wake_workers
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person, Team
from nightdesk.rota import checking, comparing, drafts, planner, planning, queries
from nightdesk.rota.models import Drafting, Plan, PlannedShift, PlanWish, Rota, Seat
from nightdesk.rota.newcomers import refuse_left_alone

SHIFTS_SET = kind("rota.shifts_set", gettext_lazy("{by} said which shifts {seat} has"))
WISH_NOTED = kind("rota.wish_noted", gettext_lazy("{by} noted a wish of {person} for the rota"))
WISH_DROPPED = kind("rota.wish_dropped", gettext_lazy("{by} took back a wish of {person} for the rota"))
PLAN_ASKED = kind("plan.asked", gettext_lazy("{by} had plan {number} of {rota} made"))
PLAN_MADE = kind("plan.made", gettext_lazy("Plan {number} of {rota} is drafted: {gaps} gaps"))
PLAN_FAILED = kind("plan.failed", gettext_lazy("Plan {number} of {rota} could not be made: {why}"))
PLAN_STOPPED = kind("plan.stopped", gettext_lazy("{by} stopped plan {number} of {rota}, and keeps the best"))
PLAN_EDITED = kind("plan.edited", gettext_lazy("{by} changed plan {number} of {rota} by hand"))
PLAN_DISCARDED = kind("plan.discarded", gettext_lazy("{by} discarded plan {number} of {rota}"))
PLAN_COPIED = kind("plan.copied", gettext_lazy("{by} took an earlier plan of {rota} as draft {number}"))
PLAN_PUBLISHED = kind("plan.published", gettext_lazy("{by} published plan {number} of {rota}"))

LONGEST_PLAN = timedelta(days=93)
MOST_SHIFTS = 12
"""Kinds of shift that one seat may have."""
MOST_STEPS = 5_000_000
MOST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search: `steps` give the same plan again, `seconds` by the clock do not. `solver`: with OR-Tools too,
    where it is installed.
    """

    steps: int = 200_000
    seconds: float | None = None
    solver: bool = False


# ---- What is to be filled --------------------------------------------------------------------------------------------


@transaction.atomic
def set_shifts(
    *, seat_key: str, team_id: int | None, shifts: Sequence[Mapping[str, Any]], by: Actor, via: Door, at: datetime
) -> Seat:
    """The seat's shifts, one person of the team each, are what the planner fills; none: it is planned by layers alone.

    Nobody's duty changes by it. `shifts` as in `models.Seat`. Raises NotFound, Forbidden, and Invalid for shifts that
    cannot be read or overlap, and for shifts without a team.
    """
    seat = queries.load_seat(seat_key)
    require(by, "set_shifts", seat.rota.brand_id)
    seat = Seat.objects.select_for_update(no_key=True).select_related("rota").get(id=seat.id)
    asked = _("Shifts were given for %s.") % seat.name
    team = None if team_id is None else Team.objects.filter(id=team_id).first()
    if team_id is not None and team is None:
        raise Invalid(asked, _("The team %s does not exist.") % team_id, _("Name one of the teams."))
    kept = drafts.read_shifts(shifts)
    if kept and team is None:
        raise Invalid(asked, _("It is not said who may have them."), _("Name the team."))
    if len(kept) > MOST_SHIFTS:
        raise Invalid(asked, _("There are more than %s kinds.") % MOST_SHIFTS, _("Give the seat fewer."))
    week = planning.shifts_of(kept, ZoneInfo("UTC"), date(2024, 1, 1), date(2024, 1, 15))
    if any(later.start < earlier.end for earlier, later in pairwise(week)):
        raise Invalid(
            asked,
            _("Two of them overlap, and a seat is for one person."),
            _("Make a second seat for the second person."),
        )
    if (seat.shifts, seat.team_id) == (kept, team_id):
        return seat
    seat.shifts, seat.team = kept, team
    seat.save(update_fields=["shifts", "team"])
    facts = {"seat": seat.name, "rota": seat.rota.name, "shifts": kept, "team": team.name if team else None}
    record(SHIFTS_SET, subject=("seat", seat.id), by=by, via=via, at=at, brand_id=seat.rota.brand_id, facts=facts)
    return seat


@transaction.atomic
def note_wish(
    *,
    person_id: int,
    starts_at: datetime,
    ends_at: datetime,
    wants: str,
    weight: int = 3,
    note: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> PlanWish:
    """One more wish of the person: they would like to be on, or rather not, over [`starts_at`, `ends_at`).

    Their own, or a manager's of their team. The note is for themselves and their managers. Raises NotFound, Forbidden,
    and Invalid for what is no wish, is over, or is a wish too many.
    """
    person = _wisher(person_id, by, "note_wish")
    asked = _("A wish of %s was given.") % person.name
    if wants not in PlanWish.Wants.values:
        raise Invalid(asked, _("%r is no wish.") % wants[:20], _("Give prefer or avoid."))
    if not 1 <= weight <= 9:
        raise Invalid(asked, _("Its weight is %s.") % weight, _("Give 1 to 9."))
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise Invalid(asked, _("An instant has no zone."), _("Give its offset, for example +01:00 or Z."))
    if ends_at <= max(starts_at, at) or ends_at - starts_at > timedelta(days=93):
        raise Invalid(asked, _("It ends before it begins, is over, or lasts too long."), _("Give up to three months."))
    if PlanWish.objects.filter(person=person, ends_at__gt=at).count() >= 100:
        raise Invalid(asked, _("They have a hundred wishes already."), _("Take some of them back first."))
    wish = PlanWish.objects.create(
        person=person, starts_at=starts_at, ends_at=ends_at, wants=wants, weight=weight, note=note.strip()[:200]
    )
    facts = {"person": person.name, "wish": wish.id, "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    record(WISH_NOTED, subject=("person", person.id), by=by, via=via, at=at, facts=facts)
    return wish


@transaction.atomic
def drop_wish(*, wish_id: int, by: Actor, via: Door, at: datetime) -> None:
    """The wish is gone. Raises NotFound, also when it is gone already, and Forbidden."""
    wish = PlanWish.objects.filter(id=wish_id).first()
    if wish is None:
        raise NotFound(_("A wish was to be taken back."), _("There is none."), _("Look at the list of wishes."))
    person = _wisher(wish.person_id, by, "note_wish")
    wish.delete()
    record(
        WISH_DROPPED,
        subject=("person", person.id),
        by=by,
        via=via,
        at=at,
        facts={"person": person.name, "wish": wish_id},
    )


def _wisher(person_id: int, by: Actor, verb: str) -> Person:
    person = Person.objects.select_for_update(no_key=True).filter(id=person_id).first()
    if person is None:
        if brands_for(by, verb) == set():
            raise forbidden(by, verb)
        raise NotFound(_("The person %s was named.") % person_id, _("There is none."), _("Name one of the staff."))
    if not queries.may_wish_for(by, person):
        raise forbidden(by, verb)
    return person


# ---- Drafts ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def make_draft(
    *,
    rota_id: int,
    starts_on: date,
    ends_on: date,
    effort: Effort = Effort(),
    seed: int = 1,
    by: Actor,
    via: Door,
    at: datetime,
) -> Plan:
    """A plan of the days [`starts_on`, `ends_on`) is being made; a worker runs the engine for it.

    What has begun stays as it is. Asking again makes another. Raises NotFound, Forbidden, and Invalid for days that are
    over or too many, an effort that cannot be, and a rota in which nothing is to be planned.
    """
    rota = _lock_rota(rota_id, by, "make_draft")
    asked = _("A plan of %s was asked for.") % rota.name
    _check_days(asked, rota, starts_on, ends_on, at)
    _check_effort(asked, effort, seed)
    seats = planning.planned_seats(rota)
    if not seats:
        raise Invalid(
            asked, _("None of its seats has shifts."), _("Say of a seat which shifts it has, and who may have them.")
        )
    places = planning.places_of(rota, seats, starts_on, ends_on)
    now = planning.present_holders(rota, [place for place in places if place.shift.start <= at])
    problem = planning.build(rota, starts_on, ends_on, at, holders=now)
    return _begin(rota, starts_on, ends_on, problem, {"do": "solve"}, effort, seed, None, by, via, at)


@transaction.atomic
def draft_repair(
    *,
    rota_id: int,
    person_id: int,
    since_at: datetime,
    until_at: datetime,
    ends_on: date | None = None,
    effort: Effort = Effort(),
    seed: int = 1,
    by: Actor,
    via: Door,
    at: datetime,
) -> Plan:
    """A plan with as few changes as can be, for a person who cannot work over [`since_at`, `until_at`), is being made.

    It begins today and lasts until the last published shift, or `ends_on`. Raises as `make_draft`.
    """
    rota = _lock_rota(rota_id, by, "make_draft")
    person = Person.objects.filter(id=person_id).first()
    asked = _("A repair of the plan of %s was asked for.") % rota.name
    if person is None or until_at <= max(since_at, at):
        raise Invalid(asked, _("There is no such person, or it is over."), _("Name who cannot, and until when."))
    zone = ZoneInfo(rota.zone)
    starts_on = at.astimezone(zone).date()
    if ends_on is None:
        last = PlannedShift.objects.filter(seat__rota=rota, published=True).aggregate(last=Max("starts_at"))["last"]
        ends_on = (max(last, until_at) if last else until_at).astimezone(zone).date() + timedelta(days=1)
    ends_on = min(ends_on, starts_on + LONGEST_PLAN)
    _check_days(asked, rota, starts_on, ends_on, at)
    _check_effort(asked, effort, seed)
    seats = planning.planned_seats(rota)
    if not seats:
        raise Invalid(asked, _("None of its seats has shifts."), _("Seek cover for the single duties instead."))
    holders = planning.present_holders(rota, planning.places_of(rota, seats, starts_on, ends_on))
    problem = planning.build(rota, starts_on, ends_on, at, holders=holders)
    request = {
        "do": "replan",
        "given": [{"slot": slot, "person": str(held)} for slot, held in holders.items()],
        "person": str(person_id),
        "since": planning.minute(since_at),
        "until": planning.minute(until_at),
        "at": planning.minute(at),
    }
    return _begin(rota, starts_on, ends_on, problem, request, effort, seed, None, by, via, at)


@transaction.atomic
def copy_plan(*, plan_id: UUID, by: Actor, via: Door, at: datetime) -> Plan:
    """What that plan has of the time to come is a draft again, to compare and publish. Raises NotFound, Forbidden, Invalid."""
    old = _lock_plan(plan_id, by, "make_draft")
    asked = _("Plan %(number)s of %(rota)s was to be a draft again.") % {"number": old.number, "rota": old.rota.name}
    _check_days(asked, old.rota, old.starts_on, old.ends_on, at)
    if old.state in (Plan.State.MAKING, Plan.State.FAILED):
        raise IllegalTransition(asked, _("It holds no shifts."), _("Choose one that was drafted or published."))
    plan = _new_plan(old.rota, old.starts_on, old.ends_on, Plan.State.DRAFT, by, at)
    plan.based_on, plan.made_with = old, {**old.made_with, "copied_from": old.number}
    plan.reproducible, plan.cost, plan.bound = old.reproducible, old.cost, old.bound
    plan.gaps, plan.lines = old.gaps, old.lines
    plan.save(update_fields=["based_on", "made_with", "reproducible", "cost", "bound", "gaps", "lines"])
    here = set(Person.objects.filter(active=True).values_list("id", flat=True))
    PlannedShift.objects.bulk_create(
        PlannedShift(
            plan=plan, seat_id=row.seat_id, person_id=row.person_id, starts_at=row.starts_at, ends_at=row.ends_at
        )
        for row in old.shifts.all()
        if row.person_id in here
    )
    _record(PLAN_COPIED, plan, by, via, at, {"copied_from": old.number})
    return plan


@transaction.atomic
def stop_draft(*, plan_id: UUID, by: Actor, via: Door, at: datetime) -> Plan:
    """The engine ends soon, and the best so far is the draft. Repeating it changes nothing, nor where it has ended."""
    plan = _lock_plan(plan_id, by, "make_draft")
    run = Drafting.objects.select_for_update().filter(plan=plan, ended_at=None, stop_at=None).first()
    if plan.state != Plan.State.MAKING or run is None:
        return plan
    run.stop_at = at
    run.save(update_fields=["stop_at"])
    _record(PLAN_STOPPED, plan, by, via, at)
    wake_workers(Drafting.LANE)
    return plan


@transaction.atomic
def discard_draft(*, plan_id: UUID, by: Actor, via: Door, at: datetime) -> Plan:
    """Nobody wants it any more; it stays to be read. Repeating it changes nothing.

    Raises NotFound, Forbidden, and IllegalTransition for one that was published.
    """
    plan = _lock_plan(plan_id, by, "make_draft")
    if plan.state == Plan.State.DISCARDED:
        return plan
    if plan.state not in (Plan.State.MAKING, Plan.State.DRAFT, Plan.State.FAILED):
        raise IllegalTransition(
            _("Plan %s was to be discarded.") % plan.number,
            _("It was published, and is kept."),
            _("Publish another one in its place."),
        )
    Drafting.objects.filter(plan=plan, ended_at=None).update(ended_at=at, leased_by=None, leased_at=None)
    _move(plan, Plan.State.DISCARDED)
    _record(PLAN_DISCARDED, plan, by, via, at)
    wake_workers(Drafting.LANE)
    return plan


@transaction.atomic
def set_draft_shift(
    *, plan_id: UUID, seat_key: str, starts_at: datetime, person_id: int | None, by: Actor, via: Door, at: datetime
) -> Plan:
    """In the draft, the person (None: nobody) has the seat's shift that starts then. Repeating it changes nothing.

    What the rules say of it is found when it is looked at and when it is published, not refused here. Raises NotFound,
    Forbidden, IllegalTransition for what is no draft, and Invalid for no shift of the plan or somebody who may not have it.
    """
    plan = _lock_plan(plan_id, by, "make_draft")
    asked = _("Plan %(number)s of %(rota)s was to be changed.") % {"number": plan.number, "rota": plan.rota.name}
    if plan.state != Plan.State.DRAFT:
        raise IllegalTransition(asked, _("It is no draft."), _("Take it as a draft again, and change that."))
    seat = Seat.objects.filter(rota=plan.rota, key=seat_key).first()
    if seat is None:
        raise queries.no_seat(seat_key)
    places = planning.places_of(plan.rota, [seat], plan.starts_on, plan.ends_on)
    place = next((one for one in places if one.shift.start == starts_at), None)
    if place is None:
        raise Invalid(asked, _("No shift of %s starts then.") % seat.name, _("Give the start of one of its shifts."))
    if person_id is not None and not Person.objects.filter(id=person_id, active=True, teams=seat.team).exists():
        raise Invalid(
            asked, _("That person is not in the team of %s.") % seat.name, _("Name somebody of the team, or nobody.")
        )
    row = PlannedShift.objects.filter(plan=plan, seat=seat, starts_at=starts_at).first()
    was = row.person_id if row else None
    if was == person_id:
        return plan
    if row is not None:
        row.delete()
    if person_id is not None:
        PlannedShift.objects.create(
            plan=plan, seat=seat, person_id=person_id, starts_at=starts_at, ends_at=place.shift.end
        )
    plan.made_with = {**plan.made_with, "edited": plan.made_with.get("edited", 0) + 1}
    drafts.judge(plan, at)
    plan.save(update_fields=["made_with", "cost", "gaps", "lines", "bound"])
    facts = {"seat": seat.name, "starts_at": starts_at.isoformat(), "was": was, "now": person_id}
    _record(PLAN_EDITED, plan, by, via, at, facts)
    return plan


@transaction.atomic
def finish_draft(
    *, drafting_id: UUID, attempt: int, made: drafts.Made, by: Actor, via: Door, at: datetime
) -> Plan | None:
    """The engine has laid the plan out: it is a draft. None, and nothing is changed, for a run that was overtaken."""
    run = _lock_run(drafting_id, attempt)
    if run is None or run.plan.state != Plan.State.MAKING:
        return None
    plan = run.plan
    PlannedShift.objects.filter(plan=plan).delete()
    PlannedShift.objects.bulk_create(
        PlannedShift(
            plan=plan, seat_id=one.seat_id, person_id=one.person_id, starts_at=one.starts_at, ends_at=one.ends_at
        )
        for one in made.shifts
    )
    plan.made_with = {**plan.made_with, **made.made_with}
    plan.reproducible, plan.cost, plan.bound = made.reproducible, made.cost, made.bound
    plan.gaps, plan.lines = made.gaps, made.lines
    plan.save(update_fields=["made_with", "reproducible", "cost", "bound", "gaps", "lines"])
    _move(plan, Plan.State.DRAFT)
    _end(run, at)
    _record(PLAN_MADE, plan, by, via, at, {"gaps": len(plan.gaps), "cost": plan.cost, "made_with": plan.made_with})
    return plan


@transaction.atomic
def fail_draft(*, drafting_id: UUID, attempt: int, why: str, by: Actor, via: Door, at: datetime) -> Plan | None:
    """The engine could not: `why` stands on the plan's page. None for a run that was overtaken."""
    run = _lock_run(drafting_id, attempt)
    if run is None or run.plan.state != Plan.State.MAKING:
        return None
    run.failure = why[:500]
    _end(run, at)
    _move(run.plan, Plan.State.FAILED)
    _record(PLAN_FAILED, run.plan, by, via, at, {"why": why[:200]})
    return run.plan


def _lock_run(drafting_id: UUID, attempt: int) -> Drafting | None:
    rows = Drafting.objects.select_for_update().filter(id=drafting_id, attempt=attempt, ended_at=None)
    return rows.select_related("plan__rota").first()


def _end(run: Drafting, at: datetime) -> None:
    run.ended_at, run.leased_by, run.leased_at = at, None, None
    run.save(update_fields=["ended_at", "leased_by", "leased_at", "failure"])


# ---- Publishing ------------------------------------------------------------------------------------------------------


@transaction.atomic
def publish_plan(*, plan_id: UUID, override_reason: str = "", by: Actor, via: Door, at: datetime) -> Plan:
    """The plan holds from now, or from its first day: its shifts are who is on. What has begun stays as it is.

    Whatever was published for that time before is replaced, and kept. What the rules forbid is published only with a
    reason, which is kept with the name of whoever gave it. Repeating it changes nothing. Raises NotFound, Forbidden,
    IllegalTransition for what is no draft or wholly over, RuleBlocks with what stands against it, and NewcomerAlone,
    whatever the reason.
    """
    plan = _lock_plan(plan_id, by, "publish_plan")
    rota = plan.rota
    if plan.state == Plan.State.PUBLISHED:
        return plan
    asked = _("Plan %(number)s of %(rota)s was to be published.") % {"number": plan.number, "rota": rota.name}
    if plan.state != Plan.State.DRAFT:
        raise IllegalTransition(asked, _("It is no draft."), _("Take it as a draft again, and publish that."))
    start, end = drafts.span_of(plan)
    cut = max(at, start)
    if end <= at:
        raise IllegalTransition(asked, _("Its time is over."), _("Make a plan of the time to come."))
    seats = list(Seat.objects.filter(rota=rota).order_by("id"))
    seat = next((each for each in seats if each.shifts), seats[0])
    seat.rota = rota
    before = planning.spans_of(rota, cut, end)
    people = {each.who[1] for each in before if each.who is not None and each.who[0] == "person"}
    people |= set(plan.shifts.filter(starts_at__gte=cut).values_list("person_id", flat=True))
    looked = checking.look(people, cut, end, at)
    was, was_plan = queries.scheduled(at, [rota.id]), queries.load_rota(rota.id)
    _exchange_shifts(plan, seats, cut, end)
    plan.published_at, plan.published_by = at, by.name[:120]
    plan.save(update_fields=["published_at", "published_by"])
    _move(plan, Plan.State.PUBLISHED)
    for other in Plan.objects.filter(rota=rota, state=Plan.State.PUBLISHED).exclude(id=plan.id):
        if not other.shifts.filter(published=True).exists():
            _move(other, Plan.State.REPLACED)
    rota.version = uuid4()
    rota.save(update_fields=["version"])
    refuse_left_alone(rota.id, was_plan, cut, end, at)
    news = checking.refuse_or_note(
        looked, seat=seat, people=people, override_reason=override_reason, by=by, via=via, at=at
    )
    now = queries.scheduled(at, [rota.id])
    changes = comparing.changes(before, planning.spans_of(rota, cut, end))
    facts = {
        "starts_at": cut.isoformat(),
        "ends_at": end.isoformat(),
        "seats": {str(seat.id): {"was": was[seat.key], "now": now[seat.key]} for seat in seats},
        "changes": [change.as_facts() for change in changes[: comparing.MOST_TOLD]],
        "findings": checking.as_facts(news)[: comparing.MOST_TOLD],
    }
    _record(PLAN_PUBLISHED, plan, by, via, at, facts)
    return plan


def _exchange_shifts(plan: Plan, seats: Sequence[Seat], cut: datetime, end: datetime) -> None:
    """The plan's shifts from `cut` on are the published ones, in place of what has not begun by then."""
    old = PlannedShift.objects.filter(seat__in=seats, published=True, ends_at__gt=cut)
    old.filter(starts_at__gte=cut, starts_at__lt=end).update(published=False)
    running = {row.seat_id: row.ends_at for row in old.filter(starts_at__lt=cut, published=True)}
    fresh = [
        row
        for row in plan.shifts.filter(starts_at__gte=cut)
        if row.starts_at >= running.get(row.seat_id, row.starts_at)
    ]
    for row in fresh:
        # What was planned beyond the last day gives way where it overlaps the end of the last shift.
        if row.ends_at > end:
            old.filter(seat=row.seat_id, starts_at__lt=row.ends_at, starts_at__gte=end).update(published=False)
    PlannedShift.objects.filter(id__in=[row.id for row in fresh]).update(published=True)


# ---- Machinery -------------------------------------------------------------------------------------------------------


def _lock_rota(rota_id: int, by: Actor, verb: str) -> Rota:
    rota = Rota.objects.select_for_update(no_key=True, of=("self",)).select_related("brand").filter(id=rota_id).first()
    if rota is None:
        if brands_for(by, verb) == set():
            raise forbidden(by, verb)
        raise NotFound(_("The rota %s was named.") % rota_id, _("There is none."), _("Choose one of the rotas."))
    require(by, verb, rota.brand_id)
    return rota


def _lock_plan(plan_id: UUID, by: Actor, verb: str) -> Plan:
    """The plan, with the lock on its rota: plans change one after the other."""
    rota_id = Plan.objects.filter(id=plan_id).values_list("rota_id", flat=True).first()
    if rota_id is None:
        if brands_for(by, verb) == set():
            raise forbidden(by, verb)
        raise NotFound(_("A plan was named."), _("There is none."), _("Choose one of the rota's plans."))
    rota = _lock_rota(rota_id, by, verb)
    plan = Plan.objects.get(id=plan_id)
    plan.rota = rota
    return plan


def _check_days(asked: str, rota: Rota, starts_on: date, ends_on: date, at: datetime) -> None:
    today = at.astimezone(ZoneInfo(rota.zone)).date()
    if ends_on <= starts_on or ends_on - starts_on > LONGEST_PLAN:
        raise Invalid(
            asked,
            _("Its days are from %(first)s to %(end)s.") % {"first": starts_on, "end": ends_on},
            _("Give 1 to 93 days."),
        )
    if ends_on <= today:
        raise Invalid(asked, _("Those days are over."), _("Plan days that are still to come."))
    if starts_on > today + timedelta(days=730):
        raise Invalid(asked, _("It begins in more than two years."), _("Plan a nearer time."))


def _check_effort(asked: str, effort: Effort, seed: int) -> None:
    if not 1 <= effort.steps <= MOST_STEPS:
        raise Invalid(asked, _("Its effort is %s steps.") % effort.steps, _("Give 1 to %s.") % MOST_STEPS)
    if effort.seconds is not None and not 1 <= effort.seconds <= MOST_SECONDS:
        raise Invalid(asked, _("Its effort is %s seconds.") % effort.seconds, _("Give 1 to %s.") % MOST_SECONDS)
    if not 0 <= seed < 2**31:
        raise Invalid(asked, _("Its seed is %s.") % seed, _("Give a whole number from 0 to 2147483647."))


def _new_plan(rota: Rota, starts_on: date, ends_on: date, state: Plan.State, by: Actor, at: datetime) -> Plan:
    last = Plan.objects.filter(rota=rota).aggregate(last=Max("number"))["last"] or 0
    return Plan.objects.create(
        rota=rota,
        number=last + 1,
        starts_on=starts_on,
        ends_on=ends_on,
        state=state,
        made_at=at,
        made_by=by.name[:120],
    )


def _begin(
    rota: Rota,
    starts_on: date,
    ends_on: date,
    problem: planner.Problem,
    request: dict[str, Any],
    effort: Effort,
    seed: int,
    based_on: Plan | None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Plan:
    plan = _new_plan(rota, starts_on, ends_on, Plan.State.MAKING, by, at)
    budget = {"steps": effort.steps, "seconds": effort.seconds, "solver": effort.solver}
    plan.based_on, plan.made_with = based_on, {"do": request["do"], "seed": seed, "budget": budget}
    plan.save(update_fields=["based_on", "made_with"])
    Drafting.objects.create(
        plan=plan,
        lane=Drafting.LANE,
        due_at=at,
        created_at=at,
        problem=drafts.as_plain(problem),
        request={**request, "budget": budget, "seed": seed},
    )
    _record(PLAN_ASKED, plan, by, via, at, {"made_with": plan.made_with})
    wake_workers(Drafting.LANE)
    return plan


def _move(plan: Plan, state: Plan.State) -> None:
    plan.state = state
    plan.save(update_fields=["state"])


def _record(
    kind_: str,
    plan: Plan,
    by: Actor,
    via: Door,
    at: datetime,
    facts: dict[str, Any] | None = None,
) -> None:
    about = {
        "rota": plan.rota.name,
        "rota_id": plan.rota_id,
        "number": plan.number,
        "starts_on": plan.starts_on.isoformat(),
        "ends_on": plan.ends_on.isoformat(),
    }
    record(
        kind_,
        subject=("plan", plan.id),
        by=by,
        via=via,
        at=at,
        brand_id=plan.rota.brand_id,
        facts=about | (facts or {}),
    )
