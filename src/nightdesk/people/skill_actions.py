"""Verbs of skills: which there are, how well each person knows them, and who is still new."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, forbidden, require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.csv_table import RowError
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.actions import _person, _record
from nightdesk.people.models import Person, PersonSkill, Skill, Terms
from nightdesk.people.skill_list import Line, SkillList

SKILL_SAVED = kind("skill.saved", gettext_lazy("{by} saved the skill {skill}"))
SKILL_REMOVED = kind("skill.removed", gettext_lazy("{by} removed the skill {skill}"))
LEVEL_SET = kind("person.skill_set", gettext_lazy("{by} said how well {person} knows {skill}: {level}"))
NEWCOMER = kind("person.newcomer", gettext_lazy("{by} said that {person} is new, and never alone"))
SIGNED_OFF = kind("person.signed_off", gettext_lazy("{by} signed {person} off: they may be on alone"))

LEVELS = (1, 2, 3)


@transaction.atomic
def save_skill(
    *, brand_id: int | None, key: str, name: str, skill_id: int | None = None, by: Actor, via: Door, at: datetime
) -> Skill:
    """The skill, a new one or that with `skill_id`, has this key and name; `brand_id` None: it is every brand's.

    Repeating it changes nothing. Raises Forbidden, NotFound, and Invalid for a key or name that does not fit or is taken.
    """
    require(by, "save_skill", brand_id)
    row = Skill(brand_id=brand_id)
    if skill_id is not None:
        row = _locked_skill(skill_id, by, "save_skill")
    wanted = (_key(key), one_line(name, 80, _("name")))
    if (row.key, row.name, row.brand_id) == (*wanted, brand_id) and row.pk is not None:
        return row
    row.key, row.name = wanted
    row.brand_id = brand_id
    with unless_taken(
        _("A skill with the key %s was to be saved.") % row.key, _("There is one."), _("Choose another key.")
    ):
        if row.pk is None:
            row.save(force_insert=True)
        else:
            row.save(update_fields=["key", "name", "brand"])
    facts = {"skill": row.name, "key": row.key}
    record(SKILL_SAVED, subject=("skill", row.pk), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return row


@transaction.atomic
def remove_skill(*, skill_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Nobody has it any more, and nothing needs it. Raises Forbidden, and NotFound also when it is gone already."""
    row = _locked_skill(skill_id, by, "remove_skill")
    facts = {"skill": row.name, "key": row.key, "people": row.people.count()}
    row.delete()
    record(SKILL_REMOVED, subject=("skill", skill_id), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)


@transaction.atomic
def set_person_skill(
    *, person_id: int, skill_id: int, level: int, by: Actor, via: Door, at: datetime
) -> PersonSkill | None:
    """The person knows the skill so well: 1 learns it, 2 does it alone, 3 teaches it; 0: not at all, and None comes back.

    Repeating it changes nothing. Raises Forbidden, NotFound, and Invalid for another level, or another brand's skill.
    """
    person = _person(person_id, by, "set_person_skill")
    skill = Skill.objects.filter(pk=skill_id).first()
    if skill is None:
        raise _no_skill(str(skill_id))
    asked = _("It was to be said how well %(person)s knows %(skill)s.") % {"person": person.name, "skill": skill.name}
    if level not in (0, *LEVELS):
        raise Invalid(asked, _("There is no level %d.") % level, _("Give 0 to 3."))
    row = PersonSkill.objects.filter(person=person, skill=skill).first()
    if (row.level if row else 0) == level:
        return row
    if level == 0:
        assert row is not None
        row.delete()
        row = None
    elif row is None:
        row = PersonSkill.objects.create(person=person, skill=skill, level=level, since=at)
    else:
        row.level, row.since = level, at
        row.save(update_fields=["level", "since"])
    _record(LEVEL_SET, person, by, via, at, skill=skill.name, skill_id=skill.pk, level=level)
    return row


@dataclass(frozen=True, slots=True)
class SkillsImport:
    """What an import does, or would do. `changed`: person, skill, level before and now (0: none). With `errors` nothing is."""

    changed: Sequence[tuple[str, str, int, int]] = ()
    same: int = 0
    errors: Sequence[RowError] = ()
    ignored: Sequence[str] = field(default=())


@transaction.atomic
def import_person_skills(
    *, listed: SkillList, dry_run: bool = False, by: Actor, via: Door, at: datetime
) -> SkillsImport:
    """Everybody in the list knows what it says, and what it does not speak of stays: all of it, or, where a line does not
    fit, nothing. `dry_run`: only say what would be done. Raises Forbidden.
    """
    if brands_for(by, "set_person_skill") == set():
        raise forbidden(by, "set_person_skill")
    known = {person.pk: person for person in Person.objects.filter(active=True)}
    errors = list(listed.errors)
    wanted: list[tuple[Person, int, int]] = []
    for line in listed.lines:
        found = _person_of(line, known)
        if isinstance(found, RowError):
            errors.append(found)
        else:
            wanted += [(found, skill_id, level) for skill_id, level in line.levels.items()]
    before = {(row.person_id, row.skill_id): row.level for row in PersonSkill.objects.filter(person__in=known)}
    names = dict(Skill.objects.values_list("id", "name"))
    changed = []
    for person, skill_id, level in wanted:
        was = before.get((person.pk, skill_id), 0)
        if was != level:
            changed.append((person.name, names[skill_id], was, level))
            if not dry_run and not errors:
                set_person_skill(person_id=person.pk, skill_id=skill_id, level=level, by=by, via=via, at=at)
    return SkillsImport(
        changed, len(wanted) - len(changed), sorted(errors, key=lambda error: error.line), listed.ignored
    )


@transaction.atomic
def begin_as_newcomer(*, person_id: int, by: Actor, via: Door, at: datetime) -> Terms:
    """From now on the person is never on alone and answers no page by themselves, until they are signed off.

    Repeating it changes nothing. Raises Forbidden, NotFound.
    """
    person = _person(person_id, by, "begin_as_newcomer")
    terms, _new = Terms.objects.get_or_create(person=person)
    if not terms.newcomer:
        terms.newcomer, terms.signed_off_at, terms.signed_off_by = True, None, None
        terms.save(update_fields=["newcomer", "signed_off_at", "signed_off_by"])
        _record(NEWCOMER, person, by, via, at)
    return terms


@transaction.atomic
def sign_off_newcomer(*, person_id: int, by: Actor, via: Door, at: datetime) -> Terms:
    """The person may be on alone from now on; who said so, and when, is kept. Repeating it changes nothing.

    Raises Forbidden, NotFound, and IllegalTransition for somebody who is no newcomer, and for oneself.
    """
    person = _person(person_id, by, "sign_off_newcomer")
    terms = Terms.objects.filter(person=person).first()
    if terms is not None and not terms.newcomer and terms.signed_off_at is not None:
        return terms
    asked = _("%s was to be signed off.") % person.name
    if terms is None or not terms.newcomer:
        raise IllegalTransition(asked, _("They are no newcomer."), _("Nothing has to be done."))
    if by.person_id == person.pk:
        raise IllegalTransition(
            asked, _("Nobody signs themselves off."), _("Ask whoever you were on with, or a manager.")
        )
    terms.newcomer, terms.signed_off_at, terms.signed_off_by_id = False, at, by.person_id
    terms.save(update_fields=["newcomer", "signed_off_at", "signed_off_by"])
    _record(SIGNED_OFF, person, by, via, at)
    return terms


def _key(text: str) -> str:
    key = text.strip().lower()
    try:
        validate_slug(key)
    except ValidationError as bad:
        raise Invalid(
            _("The key %r was given for a skill.") % key[:60],
            _("It may hold letters, digits, - and _ only."),
            _("Give one such as mpls or lift-phones."),
        ) from bad
    return one_line(key, 50, _("key"))


def _locked_skill(skill_id: int, by: Actor, verb: str) -> Skill:
    row = Skill.objects.select_for_update().filter(pk=skill_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise _no_skill(str(skill_id))
    return row


def _no_skill(name: str) -> NotFound:
    return NotFound(_("The skill %s was named.") % name, _("There is none."), _("Look at the list of skills."))


def _person_of(line: Line, known: dict[int, Person]) -> Person | RowError:
    if line.person_id is not None:
        found = [known[line.person_id]] if line.person_id in known else []
    else:
        found = [person for person in known.values() if person.name.casefold() == line.person.casefold()]
    if len(found) == 1:
        return found[0]
    so = _("Nobody who works here is called so.") if not found else _("Several people are called so.")
    return RowError(
        line.line, "person", line.person or str(line.person_id), so, _("Give the number of one, as person_id.")
    )
