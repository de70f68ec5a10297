"""Whose PIN was keyed, and how many wrong ones there may be: of a call, of a number, and of all who ring a brand."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from nightdesk.base.rows import one_at_a_time
from nightdesk.calls.models import Call, CallerPin, PinTry
from nightdesk.calls.pins import lookups_of

MOST_A_CALL = 3
MOST_WRONG = 5
"""So many wrong PINs from one number (all that are withheld count as one) within `WITHIN`, and none is believed from it."""
MOST_WRONG_OVERALL = 40
"""So many of all who ring the brand, and none is believed from anybody: somebody tries them one after the other."""
WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tried:
    """`pin`: whose it is, None where it is nobody's or not believed now. `left`: how often it may be tried again."""

    pin: CallerPin | None
    left: int


def try_pin(call: Call, pin: str, at: datetime) -> Tried:
    """A PIN was keyed in the call.

    Each try is noted. The work is the same whether it is right, wrong, or not believed.
    """
    lookups, brand_id = lookups_of(pin), call.line.brand_id
    # One at a time for a brand, so that tries at the same moment are all counted.
    one_at_a_time(f"calls.pin {brand_id}")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE call_id = %s), count(*) FILTER (WHERE number = %s), count(*) "
            "FROM calls_pintry WHERE brand_id = %s AND at > %s AND NOT believed",
            [call.pk, call.number, brand_id, at - WITHIN],
        )
        of_call, of_number, overall = cursor.fetchone()
    row = (
        CallerPin.objects.select_related("contact__customer", "person")
        .filter(brand=brand_id, lookup__in=lookups)
        .first()
    )
    left = min(MOST_A_CALL - of_call, MOST_WRONG - of_number, MOST_WRONG_OVERALL - overall)
    believed = row is not None and _still_here(row) and left > 0
    PinTry.objects.create(brand_id=brand_id, call=call, number=call.number, at=at, believed=believed)
    CallerPin.objects.filter(pk=row.pk if row is not None and believed else 0).update(used_at=at)
    return Tried(row if believed else None, max(0, left if believed else left - 1))


def _still_here(row: CallerPin) -> bool:
    if row.contact is not None:
        return row.contact.left_at is None and row.contact.customer.active
    return row.person is not None and row.person.active
