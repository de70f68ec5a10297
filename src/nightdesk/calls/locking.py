"""The call under its lock, with all that a step or a verb asks of it: in one statement, for it is read at every event."""

from uuid import UUID

from nightdesk.base.rows import fetch_with
from nightdesk.calls.models import Call

WITH = ("line", "line__brand", "line__hours", "customer", "contact", "peer", "person")
LOCKED = """
SELECT {columns} FROM calls_call own
JOIN calls_line line ON line.id = own.line_id JOIN access_brand line__brand ON line__brand.id = line.brand_id
LEFT JOIN customers_hours line__hours ON line__hours.id = line.hours_id
LEFT JOIN customers_customer customer ON customer.id = own.customer_id
LEFT JOIN customers_contact contact ON contact.id = own.contact_id
LEFT JOIN customers_peer peer ON peer.id = own.peer_id
LEFT JOIN people_person person ON person.id = own.person_id
WHERE own.id = %s FOR UPDATE OF own
"""


def locked_call(call_id: UUID) -> Call | None:
    """The call; None for none."""
    found = fetch_with(Call, WITH, LOCKED, [call_id])
    return found[0] if found else None
