"""After a bad night: when somebody begins, who covers for them until then, and who is told. And hours put on record.

Rest starts again with the end of the last call. Whoever was called until 03:40 begins at 14:40, and the turn that was to
begin at nine has somebody else until then: put there by rule, or proposed to the manager, as the brand wants it.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, NotFound, Refusal
from nightdesk.channels.actions import queue_message
from nightdesk.duty.models import Hold, LateStart, LateStartRule
from nightdesk.duty.reaching import quiet_ways, recipients
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.models import Person, Team, Terms
from nightdesk.people.queries import brands_of
from nightdesk.rota import checking, law, resolve
from nightdesk.rota.actions import add_override, cancel_override
from nightdesk.rota.law_wording import day_and_time
from nightdesk.rota.models import LayerMember, Override, Seat, Worked
from nightdesk.rota.newcomers import alone_by_plan
from nightdesk.rota.queries import load_rota
from nightdesk.rota.work_actions import note_worked

LATE_START = kind(
    "duty.late_start", gettext_lazy("{person} begins at {not_before}, and not before, after a night's work")
)
COVER_SETTLED = kind("duty.cover_settled", gettext_lazy("{by} settled who covers for {person}: {state}"))
LATE_RULE_SET = kind("duty.late_rule_set", gettext_lazy("{by} set how late starts are covered"))

NOTE_HOLDS = "duty.note_holds"
"""Promise to put on record what was worked on a seat. Its subject is the seat."""
REMIND_COVER = "duty.remind_cover"
"""Promise to wake nobody, and tell whoever covers in time. Its subject is the late start."""
COVER = "duty.cover"
"""The answer that confirms a proposed cover; its subject is the late start."""

REMINDED_BEFORE = timedelta(hours=2)
OFFICE_BEGINS = time(9)
"""When a working day begins that no rota says anything of."""


@transaction.atomic
def note_holds(*, seat_id: int, by: Actor, via: Door, at: datetime) -> str:
    """What was worked on the seat is on record: every planned turn that is over, by whom it was held."""
    seat = Seat.objects.select_for_update(no_key=True).filter(id=seat_id).first()
    if seat is None:
        return "The seat is gone."
    since = at - timedelta(days=14)
    holds = list(Hold.objects.filter(Q(until_at=None) | Q(until_at__gt=since), seat=seat, from_at__lt=at))
    turns = [
        turn
        for turn in resolve.turns(load_rota(seat.rota_id), seat.key, since, at + timedelta(days=14))
        if turn.member is not None
    ]
    worked = Worked.Kind.PLANNED if seat.counts == Seat.Counts.ALL else Worked.Kind.STANDBY
    count = 0
    for hold in holds:
        until = hold.until_at or at + timedelta(days=14)
        for turn in turns:
            start, end = max(hold.from_at, turn.start), min(until, turn.end)
            # What is still on is noted when it is over; what the window cut off was noted before.
            if start >= end or turn.start <= since or end > at:
                continue
            note_worked(
                person_id=hold.person_id,
                worked=worked,
                starts_at=start,
                ends_at=end,
                source=f"hold:{hold.id}:{start:%Y%m%dT%H%M%S}",
                seat_id=seat.id,
                by=by,
                via=via,
                at=at,
            )
            count += 1
    return _("%d turns are on record.") % count


@transaction.atomic
def plan_late_start(*, person_id: int, worked_until: datetime, by: Actor, via: Door, at: datetime) -> list[LateStart]:
    """Whoever worked until then begins when they have rested: they, who covers and the manager are told.

    Nothing happens where their next turn, or working day, begins later anyway. A later call the same night takes the place of
    what was settled for an earlier one.
    """
    person = Person.objects.select_for_update().filter(pk=person_id).first()
    if person is None:
        return []
    worker = checking.workers([person.pk], at)[person.pk]
    not_before = law.earliest_start(worked_until, worker.pack)
    earlier = LateStart.objects.filter(
        person=person, starts_at__gt=at, not_before__lt=not_before, override__isnull=False
    )
    for old in earlier:
        assert old.override_id is not None  # asked for
        cancel_override(override_id=old.override_id, of_its_own=True, by=SCHEDULER, via=via, at=at)
        void_promises(("late_start", old.pk), at=at, kinds=[REMIND_COVER])
    made = [
        row
        for seat, turn in _turns_from(person, worked_until, not_before, at)
        if (row := _cover_turn(person, seat, turn, worked_until, not_before, via, at)) is not None
    ]
    if not made and (row := _late_working_day(person, worker, worked_until, not_before, at)) is not None:
        made = [row]
    for row in made:
        facts = {
            "person": person.name,
            "not_before": day_and_time(not_before, person.zone),
            "late_start": row.pk,
            "cover": row.cover.name if row.cover is not None else "",
            "state": row.state,
        }
        record(
            LATE_START,
            subject=("person", person.pk),
            by=by,
            via=via,
            at=at,
            brand_id=_brand_of(row, person),
            facts=facts,
        )
        _tell_of(row, person, at)
    return made


@transaction.atomic
def confirm_late_start(*, late_start_id: int, by: Actor, via: Door, at: datetime) -> LateStart:
    """The proposed cover is in the plan. Repeating it changes nothing.

    Raises NotFound, Forbidden, IllegalTransition when nothing is proposed, and what `add_override` raises.
    """
    row = _locked(late_start_id, "confirm_late_start", by)
    if row.state == LateStart.State.COVERED:
        return row
    if row.state != LateStart.State.PROPOSED or row.seat is None or row.cover is None or row.starts_at is None:
        raise IllegalTransition(
            _("Cover for %s was to be confirmed.") % row.person.name,
            _("None is proposed."),
            _("Change the plan of the seat by hand."),
        )
    _move_cover(row, LateStart.State.COVERED, via, at)
    _settled(row, by, via, at)
    _tell_covered(row, at)
    return row


@transaction.atomic
def decline_late_start(*, late_start_id: int, by: Actor, via: Door, at: datetime) -> LateStart:
    """The cover is not wanted: what is in the plan by it is taken back. Repeating it changes nothing.

    Raises NotFound, Forbidden.
    """
    row = _locked(late_start_id, "decline_late_start", by)
    if row.state != LateStart.State.DECLINED:
        _move_cover(row, LateStart.State.DECLINED, via, at)
        _settled(row, by, via, at)
    return row


@transaction.atomic
def remind_cover(*, late_start_id: int, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001 - a verb's shape
    """Whoever covers is told loudly, shortly before they begin."""
    row = LateStart.objects.select_related("person", "cover", "seat").filter(pk=late_start_id).first()
    if row is None or row.state != LateStart.State.COVERED or row.cover is None:
        return "Nobody covers any more."
    _send(row, row.cover, *_to_cover(row, row.cover), at, loud=True)
    return _("%s was told.") % row.cover.name


@transaction.atomic
def set_late_start_rule(*, brand_id: int, by_rule: bool, by: Actor, via: Door, at: datetime) -> LateStartRule:
    """Cover for late starts is put in the plan at once, or proposed to the manager. Raises Forbidden."""
    require(by, "set_late_start_rule", brand_id)
    row, _is_new = LateStartRule.objects.update_or_create(brand_id=brand_id, defaults={"by_rule": by_rule})
    facts = {"by_rule": by_rule}
    record(LATE_RULE_SET, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return row


# --- Who covers -------------------------------------------------------------------------------------------------------


def _turns_from(
    person: Person, worked_until: datetime, not_before: datetime, at: datetime
) -> list[tuple[Seat, law.Span]]:
    """The person's duties that would begin before they have rested. Work within a duty that counts is that duty's."""
    spans = checking.spans([person.pk], not_before, at)[person.pk]
    if any(span.planned and span.counts and span.said and span.start < worked_until < span.end for span in spans):
        return []
    starting = [span for span in spans if span.planned and span.counts and worked_until <= span.start < not_before]
    seats = {
        seat.key: seat for seat in Seat.objects.filter(key__in={span.key for span in starting}).select_related("rota")
    }
    return [(seats[span.key], span) for span in starting if span.key in seats]


def _cover_turn(
    person: Person,
    seat: Seat,
    turn: law.Span,
    worked_until: datetime,
    not_before: datetime,
    via: Door,
    at: datetime,
) -> LateStart | None:
    ends_at = min(turn.end, not_before)
    before = LateStart.objects.select_for_update().filter(person=person, seat=seat, starts_at=turn.start).first()
    if before is not None and before.not_before >= not_before:
        return None
    cover = _who_covers(seat, person, turn.start, ends_at, at)
    by_rule = LateStartRule.objects.filter(brand=seat.rota.brand_id, by_rule=False).first() is None
    row, _is_new = LateStart.objects.update_or_create(
        person=person,
        seat=seat,
        starts_at=turn.start,
        defaults={
            "worked_until": worked_until,
            "not_before": not_before,
            "ends_at": ends_at,
            "cover": cover,
            "override": None,
            "state": LateStart.State.OPEN if cover is None else LateStart.State.PROPOSED,
            "made_at": at,
        },
    )
    if cover is not None and by_rule:
        try:
            with transaction.atomic():
                _move_cover(row, LateStart.State.COVERED, via, at)
        except Refusal:  # the plan changed between the look and the change: the manager decides
            row.refresh_from_db()
    return row


def _move_cover(row: LateStart, state: str, via: Door, at: datetime) -> None:
    """The cover's way into the plan and out of it; the caller holds the row's lock."""
    assert row.seat is not None  # asked by the callers
    if state == LateStart.State.COVERED and row.starts_at is not None and row.ends_at is not None:
        assert row.cover is not None  # PROPOSED has one
        row.override = add_override(
            seat_key=row.seat.key,
            kind=Override.Kind.REPLACE,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            member_id=row.cover.pk,
            instead_of_id=row.person_id,
            # Whoever confirms it may not for that be a planner: the change is what Nightdesk proposed.
            by=SCHEDULER,
            via=via,
            at=at,
        )
        due_at = max(at, row.starts_at - REMINDED_BEFORE)
        why = _("somebody covers for a late start")
        promise(
            REMIND_COVER,
            subject=("late_start", row.pk),
            due_at=due_at,
            why=why,
            at=at,
            brand_id=row.seat.rota.brand_id,
        )
    elif row.override is not None and row.ends_at is not None and row.ends_at > at:
        cancel_override(override_id=row.override.pk, of_its_own=True, by=SCHEDULER, via=via, at=at)
        void_promises(("late_start", row.pk), at=at, kinds=[REMIND_COVER])
    row.state = state
    row.save(update_fields=["state", "override"])


def _who_covers(seat: Seat, person: Person, start: datetime, end: datetime, at: datetime) -> Person | None:
    """Of those who may be on this seat, one against whom no rule speaks; who worked least in four weeks is asked first."""
    known = set(LayerMember.objects.filter(layer__seat__rota=seat.rota_id).values_list("person_id", flat=True)) - {None}
    if seat.team is not None:
        known |= set(seat.team.members.values_list("id", flat=True))
    people = {each.pk: each for each in Person.objects.filter(id__in=known, active=True).exclude(id=person.pk)}
    span = checking.seat_kinds()[seat.key].span(start, end, seat.key)
    found = checking.check_proposed({person_id: [span] for person_id in people}, start, end, at, instead_of=[seat.key])
    against = (law.Severity.BLOCK, law.Severity.OWED)
    free = [
        person_id for person_id, findings in found.items() if not any(each.severity in against for each in findings)
    ]
    # Whoever would have too little rest afterwards is no help either.
    later = checking.check_proposed({person_id: [span] for person_id in free}, start, end + timedelta(days=2), at)
    free = [
        person_id
        for person_id in free
        if not any(each.severity in against and each.start < end + timedelta(hours=1) for each in later[person_id])
    ]
    away = alone_by_plan(seat, free, start, end, at)  # somebody new covers nobody by themselves
    away |= set(LateStart.objects.filter(person__in=free, not_before__gt=start).values_list("person_id", flat=True))
    load = _load_of(free, at)
    best = sorted(
        set(free) - away, key=lambda person_id: (len(found[person_id]), load.get(person_id, timedelta(0)), person_id)
    )
    return people[best[0]] if best else None


def _load_of(person_ids: Iterable[int], at: datetime) -> dict[int, timedelta]:
    load: dict[int, timedelta] = {}
    rows = Worked.objects.filter(person__in=list(person_ids), struck_at=None, ends_at__gt=at - timedelta(weeks=4))
    for row in rows.exclude(kind=Worked.Kind.STANDBY):
        load[row.person_id] = load.get(row.person_id, timedelta(0)) + (row.ends_at - row.starts_at)
    return load


def _late_working_day(
    person: Person, worker: law.Worker, worked_until: datetime, not_before: datetime, at: datetime
) -> LateStart | None:
    """A working day of which no rota says anything, for somebody whose terms say that they have one."""
    if not Terms.objects.filter(person=person, weekly_hours__gt=0).exists():
        return None
    zone = ZoneInfo(person.zone)
    if not law.night_minutes(worked_until - timedelta(minutes=1), worked_until, worker):
        return None
    begins = datetime.combine(worked_until.astimezone(zone).date(), OFFICE_BEGINS, zone)
    if begins.weekday() >= 5 or not worked_until < begins < not_before:
        return None
    spans = checking.spans([person.pk], begins + timedelta(hours=9), at)[person.pk]
    if any(span.planned and span.start <= begins < span.end for span in spans):
        return None
    before = LateStart.objects.filter(person=person, seat=None, not_before__gt=begins).first()
    if before is not None and before.not_before >= not_before:
        return None
    if before is not None:
        before.worked_until, before.not_before = worked_until, not_before
        before.save(update_fields=["worked_until", "not_before"])
        return before
    return LateStart.objects.create(
        person=person, worked_until=worked_until, not_before=not_before, state=LateStart.State.TOLD, made_at=at
    )


# --- Who is told ------------------------------------------------------------------------------------------------------


def _tell_of(row: LateStart, person: Person, at: datetime) -> None:
    with translation.override(person.language):
        _send(row, person, *_to_person(row, person), at, loud=True)
    if row.state == LateStart.State.COVERED:
        _tell_covered(row, at)
    for manager in _managers_of(row, person):
        with translation.override(manager.language):
            _send(row, manager, *_to_manager(row, manager), at, loud=False)


def _tell_covered(row: LateStart, at: datetime) -> None:
    """Whoever covers has it in writing; it wakes them not: the reminder before they begin is loud."""
    assert row.cover is not None  # COVERED has one
    with translation.override(row.cover.language):
        _send(row, row.cover, *_to_cover(row, row.cover), at, loud=False)


def _to_person(row: LateStart, person: Person) -> tuple[str, str]:
    facts = _facts(row, person)
    if row.state == LateStart.State.COVERED:
        return (
            _("Start %(not_before)s, covered from %(from)s") % facts,
            _("%(cover)s is %(seat)s from %(from)s until %(until)s. You worked until %(worked)s: rest now.") % facts,
        )
    if row.state == LateStart.State.TOLD:
        return _("Start %(not_before)s") % facts, _("You worked until %(worked)s: rest until then.") % facts
    return (
        _("Start %(not_before)s") % facts,
        _("You worked until %(worked)s: rest until then. Your manager is asked who is %(seat)s from %(from)s.") % facts,
    )


def _to_cover(row: LateStart, cover: Person) -> tuple[str, str]:
    facts = _facts(row, cover)
    return (
        _("You are %(seat)s from %(from)s until %(until)s") % facts,
        _("%(name)s worked at night and begins at %(not_before)s.") % facts,
    )


def _to_manager(row: LateStart, manager: Person) -> tuple[str, str]:
    facts = _facts(row, manager)
    title = _("%(name)s begins at %(not_before)s") % facts
    match row.state:
        case LateStart.State.COVERED:
            return title, _("%(cover)s is %(seat)s from %(from)s until %(until)s, by rule.") % facts
        case LateStart.State.PROPOSED:
            return title, _(
                "%(cover)s could be %(seat)s from %(from)s until %(until)s. Answer ok and it is so."
            ) % facts
        case LateStart.State.OPEN:
            return title, _(
                "Nobody was found who may be %(seat)s from %(from)s until %(until)s. Put somebody on."
            ) % facts
    return title, _("They worked until %(worked)s.") % facts


def _facts(row: LateStart, reader: Person) -> dict[str, str]:
    def clock(at: datetime | None) -> str:
        return "" if at is None else at.astimezone(ZoneInfo(reader.zone)).strftime("%H:%M")

    return {
        "name": row.person.name,
        "cover": row.cover.name if row.cover is not None else "",
        "seat": row.seat.name if row.seat is not None else "",
        "not_before": clock(row.not_before),
        "worked": clock(row.worked_until),
        "from": clock(row.starts_at),
        "until": clock(row.ends_at),
    }


def _send(row: LateStart, person: Person, title: str, body: str, at: datetime, *, loud: bool) -> None:
    to = recipients(person, at) if loud else quiet_ways(person, at)
    if not to:
        return
    proposed = row.state == LateStart.State.PROPOSED and person.pk != row.person_id
    queue_message(
        kind="duty.late_start",
        subject=("late_start", row.pk),
        title=title,
        body=body,
        to=to,
        brand_id=_brand_of(row, row.person),
        answers={"ok": [COVER, str(row.pk)]} if proposed else {},
        lane="urgent" if loud else "bulk",
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def _managers_of(row: LateStart, person: Person) -> list[Person]:
    teams = Team.objects.filter(members=person)
    if row.seat is not None:
        own = teams.filter(brand=row.seat.rota.brand_id)
        teams = own if own.exists() else teams
    return list(Person.objects.filter(id__in=teams.values("manager"), active=True).exclude(id=person.pk).order_by("id"))


def _brand_of(row: LateStart, person: Person) -> int | None:
    if row.seat is not None:
        return row.seat.rota.brand_id
    brands = sorted(brand for brand in brands_of(person) if brand is not None)
    return brands[0] if len(brands) == 1 else None


def _locked(late_start_id: int, verb: str, by: Actor) -> LateStart:
    row = (
        LateStart.objects.select_for_update(of=("self",))
        .select_related("person", "cover", "seat__rota", "override")
        .filter(pk=late_start_id)
        .first()
    )
    if row is None:
        raise NotFound(
            _("The late start %s was asked for.") % late_start_id, _("There is none."), _("Look at the list.")
        )
    # Whoever manages the person's team may, with or without an account that has a role.
    if by.person_id is None or by.person_id not in {manager.pk for manager in _managers_of(row, row.person)}:
        require(by, verb, _brand_of(row, row.person))
    return row


def _settled(row: LateStart, by: Actor, via: Door, at: datetime) -> None:
    row.settled_at, row.settled_by = at, by.name[:120]
    row.save(update_fields=["settled_at", "settled_by"])
    facts = {"person": row.person.name, "late_start": row.pk, "state": row.state}
    brand_id = _brand_of(row, row.person)
    record(COVER_SETTLED, subject=("person", row.person_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
