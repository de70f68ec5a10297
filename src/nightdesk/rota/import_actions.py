"""Turns from a file become published shifts: for the seats that it names, over the time that it covers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.csv_table import RowError
from nightdesk.base.refusals import NotFound
from nightdesk.journal.kinds import kind
from nightdesk.people.models import ContactMethod, Person
from nightdesk.rota import checking, comparing, law_wording, queries, turn_file
from nightdesk.rota.actions import _plan_changed, _with_lock
from nightdesk.rota.models import Plan, PlannedShift, Rota, Seat
from nightdesk.rota.newcomers import NewcomerAlone, refuse_left_alone

TURNS_IMPORTED = kind("rota.turns_imported", gettext_lazy("{by} took {count} turns of {seat} from a file"))

AHEAD = timedelta(days=731)
"""How far ahead a file is read."""


@dataclass
class TurnsImport:
    """What a file does, or would do. `changes` are for whom it changes what; `turns` how many it puts into the plan."""

    read_as: str
    turns: int = 0
    over: int = 0
    changes: list[comparing.Change] = field(default_factory=list)
    problems: list[RowError] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    same: bool = False
    warnings: list[str] = field(default_factory=list)
    """What the rules say of it, in sentences for anybody."""
    blocked: str = ""
    """What a rule blocks of it, so that it would be refused."""


@transaction.atomic
def import_turns(
    *,
    rota_id: int,
    content: bytes,
    only_seat: str = "",
    aliases: Mapping[str, int] | None = None,
    dry_run: bool = False,
    skip_problems: bool = False,
    override_reason: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> TurnsImport:
    """The rota's seats have the turns that the file (iCalendar or CSV, see `turn_file`) gives them, from now on.

    From the first turn to the last in the file, its seats have what it says; in hours that it leaves out the layers hold.
    `aliases`: words of the file for people -> their id; `only_seat`: the seat of every turn. Where something in it cannot be
    used nothing is written, unless `skip_problems`. `dry_run`: nothing is written, and the answer is the same.

    Raises NotFound, Forbidden, RuleBlocks where a rule blocks what would be written, unless `override_reason` says why
    it should stand, and NewcomerAlone, whatever the reason; `blocked` says so of a dry run.
    """
    rota = Rota.objects.filter(id=rota_id).first()
    asked = _("Turns from a file were to be taken.")
    if rota is None:
        raise NotFound(asked, _("There is no rota %s.") % rota_id, _("Choose one of the rotas."))
    require(by, "import_turns", rota.brand_id)
    seats = {seat.key: seat for seat in queries.seats_on(rota.id)}
    if only_seat and only_seat not in seats:
        raise queries.no_seat(only_seat)
    if seats:
        _with_lock(next(iter(seats.values())))
    reading = turn_file.read_turns(content, ZoneInfo(rota.zone), at - timedelta(days=62), at + AHEAD)
    known = turn_file.Known(_people(), {key: seat.name for key, seat in seats.items()}, aliases or {}, only_seat)
    matched = turn_file.match_turns(reading, known, at)
    result = TurnsImport(reading.read_as, len(matched.planned), matched.over, [], matched.problems, reading.ignored)
    if not matched.planned:
        return result
    before = queries.load_rota(rota.id)
    start, end = turn_file.span_of(matched.planned)
    people = {each.person_id for each in matched.planned}
    for key in {each.seat_key for each in matched.planned}:
        people |= checking.people_of(before, key, start, end)
    look = checking.look(people, start, end, at)
    point = transaction.savepoint()
    made = _publish(rota, seats, matched.planned, by, at)
    rota.refresh_from_db()
    after = queries.read_afresh(rota.id)
    for key in sorted({each.seat_key for each in matched.planned}):
        result.changes += comparing.changes_of_plan(before, after, key, start, end)
    result.changes.sort(key=lambda change: (change.start, change.seat))
    result.same = not result.changes
    for key, count in made.items():
        facts = {"count": count, "problems": len(matched.problems)}
        _plan_changed(TURNS_IMPORTED, seats[key], before, facts, by, via, at)
    written = not dry_run and (skip_problems or not matched.problems)
    try:
        refuse_left_alone(rota.id, before, max(start, at), end, at)
        news = checking.refuse_or_note(
            look, seat=seats[min(made)], people=people, override_reason=override_reason, by=by, via=via, at=at
        )
    except (checking.RuleBlocks, NewcomerAlone) as blocks:
        if written:
            raise
        result.blocked = blocks.so
        news = []
    names = dict(Person.objects.filter(id__in=people).values_list("id", "name"))
    result.warnings = [law_wording.say(finding, names[person_id], rota.zone) for person_id, finding in news]
    if written:
        transaction.savepoint_commit(point)
    else:
        transaction.savepoint_rollback(point)
    return result


def _people() -> dict[int, tuple[str, list[str]]]:
    emails: dict[int, list[str]] = {}
    for person_id, address in ContactMethod.objects.filter(channel="email").values_list("person_id", "address"):
        emails.setdefault(person_id, []).append(address)
    users = Person.objects.filter(active=True, user__isnull=False).values_list("id", "user__email")
    for person_id, address in users:
        emails.setdefault(person_id, []).append(address)
    rows = Person.objects.filter(active=True).values_list("id", "name")
    return {person_id: (name, emails.get(person_id, [])) for person_id, name in rows}


def _publish(
    rota: Rota, seats: Mapping[str, Seat], planned: Sequence[turn_file.Planned], by: Actor, at: datetime
) -> dict[str, int]:
    """The file as a plan of its own, published in place of what was; how many turns each seat got."""
    zone = ZoneInfo(rota.zone)
    start, end = turn_file.span_of(planned)
    last = Plan.objects.filter(rota=rota).aggregate(last=Max("number"))["last"] or 0
    plan = Plan.objects.create(
        rota=rota,
        number=last + 1,
        starts_on=start.astimezone(zone).date(),
        ends_on=(end - datetime.resolution).astimezone(zone).date() + timedelta(days=1),
        state=Plan.State.PUBLISHED,
        made_at=at,
        made_by=by.name[:120],
        made_with={"engine": "file"},
        published_at=at,
        published_by=by.name[:120],
    )
    counts: dict[str, int] = {}
    for key in sorted({each.seat_key for each in planned}):
        mine = [each for each in planned if each.seat_key == key]
        begin, finish = turn_file.span_of(mine)
        _make_room(seats[key], begin, finish)
        PlannedShift.objects.bulk_create(
            PlannedShift(
                plan=plan,
                seat=seats[key],
                person_id=each.person_id,
                starts_at=each.start,
                ends_at=each.end,
                published=True,
            )
            for each in mine
        )
        counts[key] = len(mine)
    return counts


def _make_room(seat: Seat, begin: datetime, finish: datetime) -> None:
    """Published shifts of the seat give way over [`begin`, `finish`); what lies before or after it of one stays."""
    rows = PlannedShift.objects.filter(seat=seat, published=True, starts_at__lt=finish, ends_at__gt=begin)
    for row in rows.select_for_update():
        starts_at, ends_at = row.starts_at, row.ends_at
        if starts_at >= begin:
            row.published = False
            row.save(update_fields=["published"])
        else:
            row.ends_at = begin
            row.save(update_fields=["ends_at"])
        if ends_at > finish:
            PlannedShift.objects.create(
                plan=row.plan, seat=seat, person=row.person, starts_at=finish, ends_at=ends_at, published=True
            )
