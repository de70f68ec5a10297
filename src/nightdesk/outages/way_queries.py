"""Which ways to reach our own people a known outage, or planned work, cuts off: a home line over a circuit of ours, a mobile
number over its network.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q

from nightdesk.outages.effect import Effect, effects
from nightdesk.outages.models import FailedPart, Outage, Part, WayPart, WayWarning, Work, WorkPart
from nightdesk.outages.queries import graph_above
from nightdesk.people.models import Team

KNOWN = (Outage.State.INVESTIGATING, Outage.State.IDENTIFIED)
"""States of an outage that is known and not over. A proposed one may be none, and a monitored one works again."""

# Asked by every ring. SQL by hand, as Django needs several times as long to put it together as PostgreSQL to answer it.
LINKS = """
SELECT way.method_id, method.person_id, way.part_id FROM outages_waypart way
JOIN people_contactmethod method ON method.id = way.method_id
WHERE %(people)s::bigint[] IS NULL OR method.person_id = ANY (%(people)s)
"""


@dataclass(frozen=True, slots=True)
class Cut:
    """From `start` until `end` (None: nobody knows) `method_id`, of `person_id`, reaches nobody, because of `why`: the
    outage or the work, which is (`cause_kind`, `cause_id`).
    """

    method_id: int
    person_id: int
    start: datetime
    end: datetime | None
    why: str
    cause_kind: str
    cause_id: UUID

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether it is cut some time of [start, end)."""
        return self.start < end and (self.end is None or start < self.end)


def cut_off(person_ids: Collection[int], at: datetime) -> Mapping[int, str]:
    """Contact method -> why it reaches nobody at `at`, of these people; for `people.queries`."""
    return {cut.method_id: cut.why for cut in cuts(at, at + datetime.resolution, person_ids)}


def cuts(start: datetime, end: datetime, person_ids: Collection[int] | None = None) -> list[Cut]:
    """Every way of the people (None: of all) that is cut some time of [start, end), by when it begins."""
    links = _links(person_ids)
    if not links:
        return []
    over: dict[int, list[_Link]] = defaultdict(list)
    for link in links:
        over[link.part_id].append(link)
    found = []
    for failing in _failing(start, end):
        for part_id in over.keys() & failing.parts:
            found += [
                Cut(link.method_id, link.person_id, failing.start, failing.end, failing.why, *failing.cause)
                for link in over[part_id]
            ]
    return sorted(set(found), key=lambda cut: (cut.start, cut.person_id, cut.method_id))


def has_ways(brand_id: int | None) -> bool:
    """Whether any way to reach somebody runs over a part at all."""
    del brand_id  # a person's home line may be another brand's
    return WayPart.objects.exists()


def way_warnings(brand_ids: Collection[int] | None) -> list[WayWarning]:
    """What was told and still holds, of the people of the brands (None: of all)."""
    rows = WayWarning.objects.filter(withdrawn_at=None).select_related("method__person").order_by("raised_at", "id")
    if brand_ids is not None:
        rows = rows.filter(
            method__person__in=Team.members.through.objects.filter(team__brand__in=brand_ids).values("person")
        )
    return list(rows)


def why_of_warning(row: WayWarning) -> str:
    """The outage or the work that it is about, as people call it."""
    model = Outage if row.cause_kind == "outage" else Work
    return str(model._default_manager.filter(pk=row.cause_id).first() or "")


def parts_of_methods(method_ids: Collection[int]) -> dict[int, list[Part]]:
    """Contact method -> the parts that it runs over, by key."""
    found: dict[int, list[Part]] = defaultdict(list)
    rows = WayPart.objects.filter(method__in=method_ids).select_related("part").order_by("part__key")
    for row in rows:
        found[row.method_id].append(row.part)
    return dict(found)


class _Link(NamedTuple):
    method_id: int
    person_id: int
    part_id: int


class _Failing(NamedTuple):
    """`parts` are down over [start, end)."""

    parts: frozenset[int]
    start: datetime
    end: datetime | None
    why: str
    cause: tuple[str, UUID]


def _links(person_ids: Collection[int] | None) -> list[_Link]:
    with connection.cursor() as cursor:
        cursor.execute(LINKS, {"people": None if person_ids is None else list(person_ids)})
        return [_Link(*row) for row in cursor.fetchall()]


def _failing(start: datetime, end: datetime) -> Iterator[_Failing]:
    for outage in Outage.objects.filter(state__in=KNOWN, began_at__lt=end):
        failed = FailedPart.objects.filter(outage=outage).values_list("part_id", "effect")
        parts = _down(outage.brand_id, dict(failed))
        yield _Failing(parts, outage.began_at, None, str(outage), ("outage", outage.pk))
    announced = Q(state=Work.State.ANNOUNCED, until_at__gt=start) | Q(state=Work.State.IN_PROGRESS)
    for work in Work.objects.filter(announced, from_at__lt=end):
        without = WorkPart.objects.filter(work=work).values_list("part_id", "effect")
        ends = None if work.until_at <= start else work.until_at  # it overruns
        yield _Failing(_down(work.brand_id, dict(without)), work.from_at, ends, str(work), ("work", work.pk))


def _down(brand_id: int, failed: Mapping[int, int]) -> frozenset[int]:
    """These parts where they are down, and those that are down without them."""
    known = {part: Effect(effect) for part, effect in failed.items()}
    if not known:
        return frozenset()
    found = effects(graph_above(brand_id, known), known).parts
    return frozenset(part for part, effect in {**known, **found}.items() if effect is Effect.DOWN)
