"""What may be chosen in forms: the rows of the brands that the reader works for."""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor
from nightdesk.access.matrix import brands_for
from nightdesk.customers.models import Hours, Service
from nightdesk.paging.models import Policy
from nightdesk.people.models import Person, Team
from nightdesk.rota.models import Seat

Choices = list[tuple[str, str]]


def brand_choices(by: Actor, verb: str) -> Choices:
    """The brands in which the actor may do `verb`."""
    allowed = brands_for(by, verb)
    rows = Brand.objects.order_by("name")
    return _pairs(rows if allowed is None else rows.filter(id__in=allowed))


def people_choices(brand_id: int | None) -> list[tuple[int, str]]:
    """Active people who work for the brand: by a role, or in one of its teams."""
    rows = Person.objects.filter(active=True)
    if brand_id is not None:
        rows = rows.filter(
            Q(user__grants__brand_id=brand_id) | Q(user__grants__brand=None, user__isnull=False, user__grants__isnull=False)
            | Q(teams__brand_id=brand_id)
        ).distinct()  # fmt: skip
    return list(rows.order_by("name").values_list("id", "name"))


def _pairs(rows: QuerySet[Brand]) -> Choices:
    return [(str(row.pk), str(row)) for row in rows]
