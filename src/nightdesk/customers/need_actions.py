"""What whoever helps with a brand, a customer or a service must know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.csv_table import BadField, RowError, cleaned, read_table
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.customers.models import Customer, Service, SkillNeed
from nightdesk.customers.need_queries import NeedOf, needs_of
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.skill_queries import skills_of, words_for

NEEDS_SET = kind("skill.needs_set", gettext_lazy("{by} said what one must know for {name}"))

COLUMNS = ("kind", "key", "skill", "level")
"""Of a file of needs: brand, customer or service; its short name, number or key; the skill's key or name; 1 to 3."""


@transaction.atomic
def set_skill_needs(*, of: NeedOf, needs: Mapping[int, int], by: Actor, via: Door, at: datetime) -> Mapping[int, int]:
    """Whoever helps with this brand, customer or service must know these skills (skill -> level), and no others for it.

    Repeating it changes nothing. Raises Forbidden, NotFound, and Invalid for a level, or a skill of another brand.
    """
    brand_id, name = _subject(of, by, "set_skill_needs")
    asked = _("It was to be said what one must know for %s.") % name
    known = {skill.pk: skill for skill in skills_of([brand_id])}
    for skill_id, level in needs.items():
        if skill_id not in known:
            raise Invalid(asked, _("The skill %s is none of this brand's.") % skill_id, _("Choose one of the list."))
        if level not in (1, 2, 3):
            raise Invalid(asked, _("There is no level %d.") % level, _("Give 1, 2 or 3."))
    before = needs_of([of]).get(of, {})
    if before == needs:
        return before
    column = {f"{of[0]}_id": of[1]}
    SkillNeed.objects.filter(**column).delete()
    SkillNeed.objects.bulk_create(
        SkillNeed(skill_id=skill_id, level=level, **column) for skill_id, level in needs.items()
    )
    facts = {"name": name, "needs": {known[skill_id].key: level for skill_id, level in needs.items()}}
    record(NEEDS_SET, subject=of, by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return dict(needs)


@dataclass(frozen=True, slots=True)
class NeedsImport:
    """`changed`: the names of those whose needs are, or would be, others. With `errors` nothing is written."""

    changed: Sequence[str] = ()
    same: int = 0
    errors: Sequence[RowError] = ()
    ignored: Sequence[str] = ()


@transaction.atomic
def import_skill_needs(
    *, brand_id: int, content: bytes, dry_run: bool = False, by: Actor, via: Door, at: datetime
) -> NeedsImport:
    """Each brand, customer and service that the file names needs what its lines say and nothing else; the rest stays.

    A line without a skill says that it needs nothing. All of it, or, where a line does not fit, nothing; `dry_run`: only
    say what would be done. Raises Forbidden.
    """
    require(by, "set_skill_needs", brand_id)
    table = read_table(content, {column: column for column in COLUMNS}, COLUMNS, ("key",))
    if isinstance(table, RowError):
        return NeedsImport(errors=[table])
    named = _named(brand_id)
    skills = {name.casefold(): skill_id for name, skill_id in words_for(list(skills_of([brand_id]))).items()}
    wanted: dict[NeedOf, dict[int, int]] = {}
    errors: list[RowError] = []
    for number, fields in table.records():
        try:
            if isinstance(fields, BadField):
                raise fields
            _read_line(fields, named, skills, wanted)
        except BadField as bad:
            errors.append(RowError(number, None, bad.what, bad.so, bad.do))
    before = needs_of(wanted)
    names = dict(named.values())
    changed = [of for of, needs in wanted.items() if before.get(of, {}) != needs]
    if not dry_run and not errors:
        for of in changed:
            set_skill_needs(of=of, needs=wanted[of], by=by, via=via, at=at)
    return NeedsImport([names[of] for of in changed], len(wanted) - len(changed), errors, table.ignored_columns)


def _read_line(
    fields: Mapping[str, str],
    named: Mapping[tuple[str, str], tuple[NeedOf, str]],
    skills: Mapping[str, int],
    wanted: dict[NeedOf, dict[int, int]],
) -> None:
    kind_, key = cleaned(fields.get("kind", "")).lower() or "service", cleaned(fields.get("key", ""))
    if (kind_, key.casefold()) not in named:
        raise BadField(f"{kind_} {key}"[:60], "There is none in this brand.", "Look at the list of needs.")
    of, _name = named[(kind_, key.casefold())]
    needs = wanted.setdefault(of, {})
    skill, level = cleaned(fields.get("skill", "")), cleaned(fields.get("level", "")) or "2"
    if not skill:
        return
    if skill.casefold() not in skills:
        raise BadField(skill, "There is no such skill.", "Save the skill first, or use its key.")
    if level not in ("1", "2", "3"):
        raise BadField(level, "It is no level.", "Write 1, 2 or 3.")
    needs[skills[skill.casefold()]] = int(level)


def _named(brand_id: int) -> dict[tuple[str, str], tuple[NeedOf, str]]:
    """Kind and key in small letters -> what it is, and its name, of all in the brand that may need something."""
    brand = Brand.objects.get(pk=brand_id)
    found: dict[tuple[str, str], tuple[NeedOf, str]] = {("brand", brand.slug): (("brand", brand.pk), brand.name)}
    for customer in Customer.objects.filter(brand=brand):
        found[("customer", customer.ref.casefold())] = (("customer", customer.pk), customer.name)
    for service in Service.objects.filter(brand=brand):
        found[("service", service.key.casefold())] = (("service", service.pk), service.name)
    return found


def _subject(of: NeedOf, by: Actor, verb: str) -> tuple[int, str]:
    """The brand and the name of what needs something, locked by its brand. Raises Forbidden, NotFound."""
    row: Brand | Customer | Service | None = None
    match of[0]:
        case "brand":
            row = Brand.objects.filter(pk=of[1]).first()
        case "customer":
            row = Customer.objects.filter(pk=of[1]).first()
        case "service":
            row = Service.objects.filter(pk=of[1]).first()
    brand_id = None if row is None else row.pk if isinstance(row, Brand) else row.brand_id
    require(by, verb, brand_id)
    if row is None or brand_id is None:
        raise NotFound(
            _("The %(kind)s %(id)s was named.") % {"kind": of[0], "id": of[1]},
            _("There is none."),
            _("Look at the list."),
        )
    Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    return brand_id, row.name
