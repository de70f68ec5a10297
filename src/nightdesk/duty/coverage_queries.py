"""What is known of coverage: the holes ahead as they are now, and the words for them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.customers.need_queries import brands_with_needs, names_of
from nightdesk.duty.models import CoverageHole, Hold
from nightdesk.people.models import Person, Team
from nightdesk.people.skill_queries import newcomers
from nightdesk.rota.coverage import NEWCOMER, Facts, Hole, Lacking, Subject, holes, in_order, who_could
from nightdesk.rota.coverage_queries import facts_of, names_of_skills, seats_answering
from nightdesk.rota.models import Rota
from nightdesk.rota.newcomers import alone_ahead

AHEAD = timedelta(weeks=6)
"""How far ahead it is looked."""
COULD_NAMED = 3


@dataclass(frozen=True, slots=True)
class Covered:
    """The coverage of a brand over [start, end). `seats`: how many answer for it; `could` says who could fill each hole."""

    brand: Brand
    start: datetime
    end: datetime
    facts: Facts
    holes: tuple[Hole, ...]
    could: Mapping[Hole, Sequence[int]]
    seats: int


def coverage_of(brand: Brand, at: datetime, ahead: timedelta = AHEAD) -> Covered:
    """Read and worked out now; nothing is written, and nobody told."""
    facts = facts_of(brand.pk, at, at + ahead, holders(at))
    found = tuple(holes_ahead(brand.pk, facts, at, at + ahead))
    could = {hole: who_could(hole, facts) for hole in found}
    return Covered(brand, at, at + ahead, facts, found, could, len(seats_answering(brand.pk)))


def holes_ahead(brand_id: int, facts: Facts, start: datetime, end: datetime) -> list[Hole]:
    """Every hole of the brand in [`start`, `end`): what nobody knows by `facts`, and newcomers whom the plan has on alone."""
    return in_order((*holes(facts, start, end), *alone_ahead(brand_id, start, end)))


def holders(at: datetime) -> dict[str, int]:
    """Seat key -> who has its token now."""
    return dict(Hold.objects.filter(until_at=None, from_at__lte=at).values_list("seat__key", "person_id"))


def asks_for_coverage(brand_id: int | None) -> bool:
    """Whether anything is to be looked at: something needs a skill, somebody is new, or a hole is still open."""
    del brand_id  # a person, and a seat, may answer for several
    return asks_of_shifts() or CoverageHole.objects.filter(withdrawn_at=None).exists()


def asks_of_shifts(brand_id: int | None = None) -> bool:
    """Whether something of the brand (None: of any) needs somebody who knows it, or somebody is new and needs company."""
    needing = brands_with_needs()
    return bool(needing if brand_id is None else brand_id in needing) or bool(newcomers())


def brands_to_look_at() -> set[int]:
    """The brands in which something needs a skill, somebody new may be on, or a hole is still open."""
    open_ = CoverageHole.objects.filter(withdrawn_at=None).order_by().values_list("brand_id", flat=True)
    planned = Rota.objects.order_by().values_list("brand_id", flat=True).distinct() if newcomers() else ()
    return brands_with_needs() | set(open_.distinct()) | set(planned)


def managers_of(brand_id: int) -> QuerySet[Person]:
    """Who leads a team of the brand."""
    return Person.objects.filter(id__in=Team.objects.filter(brand=brand_id).values("manager"), active=True)


def hole_of(row: CoverageHole) -> Hole:
    """The row as a hole."""
    lacking = tuple(Lacking(skill, level) for skill, level in row.lacking)
    return Hole((row.subject_kind, row.subject_id), lacking, row.starts_at, row.ends_at)


def names_in(found: Collection[Hole]) -> Mapping[Subject, str]:
    """What people call the subjects; such as are gone have no name."""
    known = names_of({hole.subject for hole in found})
    new = {hole.subject[1] for hole in found if is_alone(hole)}
    people = Person.objects.filter(id__in=new).values_list("id", "name") if new else ()
    known = {**known, **{(NEWCOMER, id_): name for id_, name in people}}
    return {hole.subject: known.get(hole.subject, _("something that is gone")) for hole in found}


def is_alone(hole: Hole) -> bool:
    """Whether it is a newcomer without anybody experienced, and nothing that nobody knows."""
    return hole.subject[0] == NEWCOMER


def in_words(found: Sequence[Hole], zone: str, facts: Facts | None = None) -> list[str]:
    """A line for each hole: what, when by clocks in `zone`, which skills; with `facts` also who could."""
    names, clocks = names_in(found), ZoneInfo(zone)
    skills = names_of_skills({one.skill for hole in found for one in hole.lacking})
    could = {hole: who_could(hole, facts)[:COULD_NAMED] for hole in found} if facts is not None else {}
    people = dict(
        Person.objects.filter(id__in={id_ for ids in could.values() for id_ in ids}).values_list("id", "name")
    )
    lines = []
    for hole in found:
        text = _("{name}, {span}: nobody knows {skills}")
        if is_alone(hole):
            text = _("{name}, {span}: new, and nobody experienced would be on with them")
        line = text.format(
            name=names[hole.subject],
            span=span_in_words(hole.start, hole.end, clocks),
            skills=", ".join(skills.get(one.skill, "?") for one in hole.lacking),
        )
        if facts is not None:
            who = ", ".join(people[id_] for id_ in could[hole])
            line += " " + (_("({names} could)").format(names=who) if who else _("(nobody could)"))
        lines.append(line)
    return lines


def span_in_words(start: datetime, end: datetime, clocks: ZoneInfo) -> str:
    """Day and time of both ends, the day once where it is the same."""
    first, last = start.astimezone(clocks), end.astimezone(clocks)
    until = f"{last:%H:%M}" if first.date() == last.date() else date_format(last, "D j M H:i")
    return f"{date_format(first, 'D j M H:i')}–{until}"
