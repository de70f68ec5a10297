"""Skills as a table in a file, and the verbs of skills."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid
from nightdesk.journal.models import Entry
from nightdesk.people.models import Person, PersonSkill, Team
from nightdesk.people.skill_actions import import_person_skills, remove_skill, save_skill, set_person_skill
from nightdesk.people.skill_list import read_skill_list

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DOING: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": NOON}
SKILLS = {"mpls": 1, "MPLS and friends": 1, "lifts": 2}


def test_a_table_is_read_by_keys_or_names_and_what_does_not_fit_is_named() -> None:
    content = b"Name;MPLS and friends;lifts;shoe size\nSam;2;-;44\nKim;9;;\n;1;;\nLee;;3;\n"
    listed = read_skill_list(content, SKILLS)
    assert [(line.person, dict(line.levels)) for line in listed.lines] == [("Sam", {1: 2, 2: 0}), ("Lee", {2: 3})]
    assert [(error.line, error.what) for error in listed.errors] == [(3, "9"), (4, "a line without a person")]
    assert list(listed.ignored) == ["shoe size"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_no_file_breaks_the_reader(content: bytes) -> None:
    listed = read_skill_list(content, SKILLS)
    assert all(set(line.levels.values()) <= {0, 1, 2, 3} for line in listed.lines)


@pytest.fixture
def brand(db: None) -> Brand:
    made = Brand.objects.create(name="Quayside", slug="quayside")
    team = Team.objects.create(brand=made, name="Engineers")
    for name in ("Sam", "Kim", "Twin", "Twin"):
        team.members.add(Person.objects.create(name=name))
    return made


def _import(content: bytes, *, dry_run: bool = False, by: Actor = SCHEDULER) -> Any:
    skills = {row.skill.key: row.skill.pk for row in PersonSkill.objects.select_related("skill")}
    return import_person_skills(listed=read_skill_list(content, skills), dry_run=dry_run, **DOING | {"by": by})


def test_a_file_is_taken_whole_or_not_at_all(brand: Brand) -> None:
    skill = save_skill(brand_id=brand.pk, key="MPLS", name="MPLS", **DOING)
    sam = Person.objects.get(name="Sam")
    set_person_skill(person_id=sam.pk, skill_id=skill.pk, level=1, **DOING)
    refused = _import(b"person,mpls\nSam,3\nTwin,2\nNobody,1\n")
    assert [error.line for error in refused.errors] == [3, 4]
    assert PersonSkill.objects.get().level == 1
    looked = _import(b"person,mpls\nSam,3\nKim,2\n", dry_run=True)
    assert list(looked.changed) == [("Sam", "MPLS", 1, 3), ("Kim", "MPLS", 0, 2)]
    assert PersonSkill.objects.get().level == 1
    twin = Person.objects.filter(name="Twin").latest("pk")
    taken = _import(f"person_id,person,mpls\n{twin.pk},Twin,2\n{sam.pk},Sam,0\n".encode())
    assert not taken.errors
    assert [(row.person_id, row.level) for row in PersonSkill.objects.all()] == [(twin.pk, 2)]
    again = _import(f"person_id,mpls\n{twin.pk},2\n".encode())
    assert (list(again.changed), again.same) == ([], 1)


def test_a_level_is_set_once_and_only_by_who_may(brand: Brand) -> None:
    skill = save_skill(brand_id=None, key="german", name="German", **DOING)
    sam = Person.objects.get(name="Sam")
    for _again in range(2):
        set_person_skill(person_id=sam.pk, skill_id=skill.pk, level=2, **DOING)
    assert Entry.objects.filter(kind="person.skill_set").count() == 1
    engineer = Actor("person", str(sam.pk), "Sam", grants=frozenset({(brand.pk, "engineer")}))
    with pytest.raises(Forbidden):
        set_person_skill(person_id=sam.pk, skill_id=skill.pk, level=3, **DOING | {"by": engineer})
    with pytest.raises(Forbidden):
        _import(b"person,german\nSam,3\n", by=engineer)
    with pytest.raises(Invalid):
        set_person_skill(person_id=sam.pk, skill_id=skill.pk, level=4, **DOING)
    with pytest.raises(Invalid):
        save_skill(brand_id=None, key="german", name="Deutsch", **DOING)
    remove_skill(skill_id=skill.pk, **DOING)
    assert not PersonSkill.objects.exists()
