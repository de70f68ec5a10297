"""What brands, customers and services need somebody to know."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from django.db.models import Q

from nightdesk.access.models import Brand
from nightdesk.customers.models import Customer, Service, SkillNeed

NeedOf: TypeAlias = tuple[str, int]
"""("brand" | "customer" | "service", id)."""

KINDS = ("brand", "customer", "service")


def needs_of(subjects: Iterable[NeedOf]) -> dict[NeedOf, dict[int, int]]:
    """What each needs: skill -> level; such as need nothing are not in it."""
    wanted = Q(pk=None)
    for kind in KINDS:
        wanted |= Q(**{f"{kind}__in": [id_ for kind_, id_ in subjects if kind_ == kind]})
    return _by_subject(SkillNeed.objects.filter(wanted))


def needs_of_brand(brand_id: int) -> dict[NeedOf, dict[int, int]]:
    """What the brand itself needs, and its services, and those of its customers who are still that."""
    mine = Q(brand=brand_id) | Q(service__brand=brand_id) | Q(customer__brand=brand_id, customer__active=True)
    return _by_subject(SkillNeed.objects.filter(mine))


def brands_with_needs() -> set[int]:
    """The brands in which anything needs somebody to know something."""
    columns = ("brand_id", "service__brand_id", "customer__brand_id")
    return {next(filter(None, row)) for row in SkillNeed.objects.order_by().values_list(*columns).distinct()}


def names_of(subjects: Collection[NeedOf]) -> Mapping[NeedOf, str]:
    """What people call them; of such as are no more there is nothing."""
    models: dict[str, Any] = {"brand": Brand, "customer": Customer, "service": Service}
    found: dict[NeedOf, str] = {}
    for kind, model in models.items():
        ids = {id_ for kind_, id_ in subjects if kind_ == kind}
        if ids:
            found |= {(kind, id_): name for id_, name in model.objects.filter(pk__in=ids).values_list("pk", "name")}
    return found


def _by_subject(rows: Any) -> dict[NeedOf, dict[int, int]]:
    found: dict[NeedOf, dict[int, int]] = {}
    for row in rows.order_by("skill__name", "id"):
        of = next((kind, id_) for kind in KINDS if (id_ := getattr(row, f"{kind}_id")) is not None)
        found.setdefault(of, {})[row.skill_id] = row.level
    return found
