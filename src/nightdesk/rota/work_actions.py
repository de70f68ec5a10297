"""Verbs of hours worked, of rest owed, and of how a duty counts."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.locking import lock_person, record_about
from nightdesk.people.models import Person
from nightdesk.rota import checking, law, queries
from nightdesk.rota.models import RestOwed, Seat, Worked

HOURS_NOTED = kind("work.noted", gettext_lazy("Hours of {person} were put on record"))
CALLED = kind("work.called", gettext_lazy("{person} was rung for help for {minutes} minutes"))
HOURS_STRUCK = kind("work.struck", gettext_lazy("{by} struck hours of {person} from the record"))
REST_OWED = kind("work.rest_owed", gettext_lazy("{person} is owed {minutes} minutes of rest by {due_at}"))
REST_GIVEN = kind("work.rest_given", gettext_lazy("{by} noted that {person} had {minutes} minutes of the rest owed"))
COUNTING_SET = kind("rota.counting_set", gettext_lazy("{by} set how the hours of {seat} count: {why}"))
RECORDS_DROPPED = kind("work.dropped", gettext_lazy("{count} records of work that were no longer to be kept are gone"))

LONGEST_CALL = timedelta(hours=16)
"""Whoever was called for longer has a duty: let it be planned."""
LONGEST_RECORD = timedelta(days=8)
NOTED_BACK = timedelta(days=200)
"""How far back hours may be noted by hand."""


@transaction.atomic
def note_worked(
    *,
    person_id: int,
    worked: Worked.Kind,
    starts_at: datetime,
    ends_at: datetime,
    source: str,
    seat_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Worked | None:
    """Nightdesk itself puts on record that the person worked, from `source`; the same source again changes nothing.

    Rest that a duty cut short is owed from then on. None where nothing was to be written: no time passed, or nobody is there.
    """
    person = Person.objects.select_for_update().filter(pk=person_id).first()
    if person is None or ends_at <= starts_at:
        return None
    row, is_new = Worked.objects.get_or_create(
        source=source,
        defaults={
            "person": person,
            "kind": worked,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "seat_id": seat_id,
            "noted_by": by.name,
            "noted_at": at,
        },
    )
    if is_new:
        record_about(HOURS_NOTED, person, by, via, at, worked=row.pk)
        _owe_rest(row, person, by, via, at)
    return row


@transaction.atomic
def note_hours(
    *, person_id: int, starts_at: datetime, ends_at: datetime, note: str = "", by: Actor, via: Door, at: datetime
) -> Worked:
    """By hand: the person worked over [`starts_at`, `ends_at`). One's own needs no role.

    Raises Forbidden, NotFound, and Invalid for time that is to come, is no time or too much, or is long past.
    """
    person = lock_person(person_id, by, "note_hours", own=True)
    asked = _("Hours of %s were to be noted.") % person.name
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise Invalid(asked, _("An instant has no zone."), _("Give its offset, for example +01:00 or Z."))
    if not at - NOTED_BACK <= starts_at < ends_at <= at or ends_at - starts_at > LONGEST_RECORD:
        raise Invalid(
            asked,
            _("They end before they begin, lie in the future, or are too long ago or too long."),
            _("Give hours of the last six months that are over."),
        )
    row = Worked.objects.create(
        person=person,
        kind=Worked.Kind.MANUAL,
        starts_at=starts_at,
        ends_at=ends_at,
        source=f"manual:{uuid7()}",
        note=one_line(note, 200, _("note"), may_be_empty=True),
        noted_by=by.name,
        noted_at=at,
    )
    record_about(HOURS_NOTED, person, by, via, at, worked=row.pk)
    return row


@transaction.atomic
def note_called(
    *,
    person_id: int,
    minutes: int,
    off_duty: bool,
    note: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Worked:
    """The person was rung for help for so many minutes up to `at`; `off_duty`: while somebody else had the duty.

    It counts as work, is paid, and their manager sees it. One's own needs no role.

    Raises Forbidden, NotFound, and Invalid for no minutes, or for more than LONGEST_CALL.
    """
    person = lock_person(person_id, by, "note_called", own=True)
    if not timedelta(0) < timedelta(minutes=minutes) <= LONGEST_CALL:
        raise Invalid(
            _("A call of %(minutes)s minutes was to be noted for %(name)s.")
            % {"minutes": minutes, "name": person.name},
            _("It may be 1 to %d minutes.") % (LONGEST_CALL // timedelta(minutes=1)),
            _("Give how long it took, for example called 20."),
        )
    row = Worked.objects.create(
        source=f"called:{uuid7()}",
        person=person,
        kind=Worked.Kind.CALLED,
        starts_at=at - timedelta(minutes=minutes),
        ends_at=at,
        off_duty=off_duty,
        note=one_line(note, 200, _("note"), may_be_empty=True),
        noted_by=by.name,
        noted_at=at,
    )
    record_about(CALLED, person, by, via, at, worked=row.pk, minutes=minutes)
    return row


@transaction.atomic
def strike_hours(*, worked_id: int, why: str, by: Actor, via: Door, at: datetime) -> Worked:
    """The record counts no more, and stays to be read. Repeating it changes nothing. Raises Forbidden, NotFound, Invalid."""
    found = Worked.objects.filter(pk=worked_id).values_list("person_id", flat=True).first()
    if found is None:
        raise NotFound(
            _("The hours %s were asked for.") % worked_id, _("There are none."), _("Look at the person's hours.")
        )
    person = lock_person(found, by, "strike_hours")
    why = one_line(why, 120, _("reason"))
    row = Worked.objects.get(pk=worked_id)
    if row.struck_at is None:
        row.struck_at = at
        row.note = f"{row.note} [{by.name}: {why}]".strip()[:200]
        row.save(update_fields=["struck_at", "note"])
        record_about(HOURS_STRUCK, person, by, via, at, worked=row.pk)
    return row


@transaction.atomic
def give_rest(*, rest_id: int, minutes: int, by: Actor, via: Door, at: datetime) -> RestOwed:
    """The person had so many minutes of the rest that they were owed, in what would have been working time.

    Raises Forbidden, NotFound, Invalid for none, IllegalTransition when less than that is owed.
    """
    found = RestOwed.objects.filter(pk=rest_id).values_list("person_id", flat=True).first()
    if found is None:
        raise NotFound(_("The rest %s was asked for.") % rest_id, _("None is owed."), _("Look at the person's hours."))
    person = lock_person(found, by, "give_rest")
    row = RestOwed.objects.get(pk=rest_id)
    asked = _("%(minutes)s minutes of rest were given to %(name)s.") % {"minutes": minutes, "name": person.name}
    if minutes <= 0:
        raise Invalid(asked, _("That is no rest."), _("Give how many minutes they had."))
    if row.given_minutes + minutes > row.minutes:
        raise IllegalTransition(
            asked,
            _("%d are owed.") % (row.minutes - row.given_minutes),
            _("Give no more than that; anything else is free time."),
        )
    RestOwed.objects.filter(pk=row.pk).update(given_minutes=F("given_minutes") + minutes)
    row.refresh_from_db()
    record_about(REST_GIVEN, person, by, via, at, rest=row.pk, minutes=minutes)
    return row


@transaction.atomic
def set_counting(
    *,
    seat_key: str,
    counts: str,
    response_minutes: int | None,
    fixed_place: bool,
    why: str,
    by: Actor,
    via: Door,
    at: datetime,
) -> Seat:
    """The seat's time counts as a whole ("all") or only what its holder is called for ("called_only"); who said so stays.

    Raises NotFound, Forbidden, and Invalid for a kind that is none, a response that is none, and without a reason.
    """
    seat = queries.load_seat(seat_key)
    require(by, "set_counting", seat.rota.brand_id)
    asked = _("How the hours of %s count was to be set.") % seat.name
    if counts not in Seat.Counts.values:
        raise Invalid(asked, _("There is no kind %r.") % counts[:20], _("Give all or called_only."))
    if response_minutes is not None and not 1 <= response_minutes <= 1440:
        raise Invalid(
            asked, _("%s minutes are no time to respond in.") % response_minutes, _("Give 1 to 1440, or none.")
        )
    seat.counts = counts
    seat.response_minutes = response_minutes
    seat.fixed_place = fixed_place
    seat.counts_why = one_line(why, 200, _("reason"))
    seat.counts_by = by.name[:120]
    seat.counts_at = at
    seat.save(update_fields=["counts", "response_minutes", "fixed_place", "counts_why", "counts_by", "counts_at"])
    facts = {
        "seat": seat.name,
        "counts": counts,
        "response_minutes": response_minutes,
        "fixed_place": fixed_place,
        "why": seat.counts_why,
    }
    record(COUNTING_SET, subject=("seat", seat.id), by=by, via=via, at=at, brand_id=seat.rota.brand_id, facts=facts)
    return seat


@transaction.atomic
def drop_records(*, before: datetime, by: Actor, via: Door, at: datetime) -> int:
    """Hours worked, rest owed and exemptions that ended before then are gone for good; how many that were."""
    require(by, "drop_records", None)
    count = Worked.objects.filter(ends_at__lt=before).delete()[0]
    count += RestOwed.objects.filter(ends_at__lt=before, due_at__lt=before).delete()[0]
    if count:
        facts = {"count": count, "before": before.isoformat()}
        record(RECORDS_DROPPED, subject=("work", "records"), by=by, via=via, at=at, brand_id=None, facts=facts)
    return count


def _owe_rest(row: Worked, person: Person, by: Actor, via: Door, at: datetime) -> None:
    """Rest that was short before or in a duty that has been worked now, where it is said how the duty counts."""
    span = checking.span_of(row)
    if not span.planned or not span.said:
        return
    worker = checking.workers([person.pk], at)[person.pk]
    known = checking.spans([person.pk], row.ends_at, at)[person.pk]
    for finding in law.check(worker, [each for each in known if each.end <= row.ends_at], row.starts_at, row.ends_at):
        if finding.severity is not law.Severity.OWED or finding.rule is not law.Rule.DAILY_REST:
            continue
        minutes = int(finding.owed / timedelta(minutes=1))
        assert finding.owed_by is not None  # as OWED always says
        owed, is_new = RestOwed.objects.get_or_create(
            person=person,
            rule=finding.rule,
            starts_at=finding.start,
            defaults={"ends_at": finding.end, "minutes": minutes, "due_at": finding.owed_by, "noted_at": at},
        )
        if is_new:
            due = finding.owed_by.isoformat(timespec="minutes")
            record_about(REST_OWED, person, by, via, at, rest=owed.pk, minutes=minutes, due_at=due)
