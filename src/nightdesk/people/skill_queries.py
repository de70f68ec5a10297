"""Who knows what."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from django.db import connection
from django.db.models import Q, QuerySet

from nightdesk.people.models import Person, PersonSkill, Skill


def skills_of(brand_ids: Collection[int] | None) -> QuerySet[Skill]:
    """The skills of the brands (None: of all) and those that are every brand's, by name."""
    rows = Skill.objects.select_related("brand").order_by("name", "id")
    return rows if brand_ids is None else rows.filter(Q(brand=None) | Q(brand__in=brand_ids))


def words_for(skills: Collection[Skill]) -> Mapping[str, int]:
    """Key or name -> id, as a file may call them; a name that two skills have calls neither."""
    named = defaultdict(set)
    for skill in skills:
        named[skill.name].add(skill.pk)
    by_name = {name: ids.pop() for name, ids in named.items() if len(ids) == 1}
    return by_name | {skill.key: skill.pk for skill in skills}


# Asked by every ring. SQL by hand, as Django needs several times as long to put it together as PostgreSQL to answer it.
NEWCOMERS = "SELECT person_id FROM people_terms WHERE newcomer AND (%(people)s::bigint[] IS NULL OR person_id = ANY (%(people)s))"


def newcomers(person_ids: Collection[int] | None = None) -> set[int]:
    """Those of the people (None: of all) who are new, and not signed off."""
    with connection.cursor() as cursor:
        cursor.execute(NEWCOMERS, {"people": None if person_ids is None else list(person_ids)})
        return {person_id for (person_id,) in cursor.fetchall()}


def levels(person_ids: Collection[int] | None = None) -> dict[int, dict[int, int]]:
    """Person -> skill -> level, of those who are active (and among `person_ids`); also of whoever knows nothing."""
    active = Person.objects.filter(active=True)
    active = active if person_ids is None else active.filter(id__in=person_ids)
    found: dict[int, dict[int, int]] = {person_id: {} for person_id in active.values_list("id", flat=True)}
    for person_id, skill_id, level in PersonSkill.objects.filter(person__in=active).values_list(
        "person_id", "skill_id", "level"
    ):
        found[person_id][skill_id] = level
    return found


def levels_that_count(person_ids: Collection[int] | None = None) -> dict[int, dict[int, int]]:
    """`levels` of those who may be relied on: without newcomers."""
    new = newcomers(person_ids)
    return {person_id: has for person_id, has in levels(person_ids).items() if person_id not in new}
