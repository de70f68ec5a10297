"""What may be chosen in forms, and which people a reader may see: the rows of the brands that they work for."""

from typing import Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for
from nightdesk.access.models import Brand, Grant
from nightdesk.base.actors import Actor
from nightdesk.people.models import Person, Team

Choices = list[tuple[str, str]]

LANGUAGES = [("en-gb", gettext_lazy("English")), ("de", gettext_lazy("German")), ("fr", gettext_lazy("French"))]


def brand_choices(by: Actor, verb: str) -> Choices:
    """The brands in which the actor may do `verb`."""
    allowed = brands_for(by, verb)
    rows = Brand.objects.order_by("name")
    return pairs(rows if allowed is None else rows.filter(id__in=allowed))


def pairs(rows: QuerySet[Any], none: str | None = None) -> Choices:
    """The rows as choices; with `none`, first the choice of none of them under that text."""
    first = [] if none is None else [("", none)]
    return [*first, *((str(row.pk), str(row)) for row in rows)]


def people_within(brands: set[int] | None) -> QuerySet[Person]:
    """Those who work for one of the brands, by a team or a role, and those who work for none yet."""
    if brands is None:
        return Person.objects.all()
    roles = Grant.objects.filter(Q(brand__in=brands) | Q(brand=None)).values("user_id")
    teams = Team.members.through.objects.filter(team__brand__in=brands).values("person_id")
    new = Q(teams=None) & (Q(user=None) | Q(user__grants=None))
    return Person.objects.filter(Q(user_id__in=roles) | Q(id__in=teams) | new).distinct()


def people_choices(brand_id: int | None) -> list[tuple[int, str]]:
    """Active people who work for the brand; all, for None."""
    rows = people_within(None if brand_id is None else {brand_id}).filter(active=True)
    return list(rows.order_by("name").values_list("id", "name"))


def person_field_choices(brand_id: int | None) -> Choices:
    """The same for a field that may be left out."""
    return [("", _("Nobody")), *((str(number), name) for number, name in people_choices(brand_id))]


def name_of(row: Model | None) -> str:
    """The row as text; "" for none."""
    return str(row) if row is not None else ""
