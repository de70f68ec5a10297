"""What lines may name: numbers, seats, skills."""

from django.db.models import Q, QuerySet

from nightdesk.calls.models import Line
from nightdesk.people.models import Skill
from nightdesk.rota.models import Seat


def line_of_number(number: str, *, besides: int | None = None) -> Line | None:
    """The line in use that callers, or staff, reach by the E.164 number; None for none but the one with the id `besides`."""
    rows = Line.objects.filter(Q(numbers__contains=[number]) | Q(staff_number=number), active=True)
    return rows.exclude(pk=besides or 0).first()


def seats_of(brand_id: int) -> QuerySet[Seat]:
    """Seats that a line of the brand may ring: those of its rotas, and those that answer for it too."""
    mine = Q(rota__brand=brand_id) | Q(also_for__brand=brand_id)
    return Seat.objects.filter(mine, removed_at=None).select_related("rota").distinct()


def skills_of(brand_id: int) -> QuerySet[Skill]:
    """Skills that a line of the brand may lead to."""
    return Skill.objects.filter(Q(brand=brand_id) | Q(brand=None))
