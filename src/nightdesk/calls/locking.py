"""The call under its lock, with all that a step or a verb asks of it: in one statement, for it is read at every event."""

from uuid import UUID

from nightdesk.base.rows import fetch_with
from nightdesk.calls.models import Call

WITH = ("line", "line__brand", "line__hours", "customer", "contact", "peer", "person")
LOCKED = """
SELECT c.*, line.*, brand.*, hours.*, customer.*, contact.*, peer.*, person.* FROM calls_call c
JOIN calls_line line ON line.id = c.line_id JOIN access_brand brand ON brand.id = line.brand_id
LEFT JOIN customers_hours hours ON hours.id = line.hours_id
LEFT JOIN customers_customer customer ON customer.id = c.customer_id
LEFT JOIN customers_contact contact ON contact.id = c.contact_id
LEFT JOIN customers_peer peer ON peer.id = c.peer_id
LEFT JOIN people_person person ON person.id = c.person_id
WHERE c.id = %s FOR UPDATE OF c
"""


def locked_call(call_id: UUID) -> Call | None:
    """The call; None for none."""
    found = fetch_with(Call, WITH, LOCKED, [call_id])
    return found[0] if found else None
