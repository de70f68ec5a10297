"""What is promised about suppliers' tickets: that whoever works on ours is told when to chase them."""

from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.promises import promise, void_promises
from nightdesk.desk.models import SupplierTicket, Ticket
from nightdesk.desk.queries import with_merged

CHASE = "supplier.chase"
"""The promise to say that a supplier is to be chased; its subject is the supplier's ticket."""


def promise_chase(row: SupplierTicket, at: datetime) -> None:
    """They are chased at the row's next chase, and at no other time."""
    assert row.next_chase_at is not None  # a constraint: an open one is chased
    void_promises(("supplier_ticket", row.pk), at=at, kinds=(CHASE,))
    promise(
        CHASE,
        subject=("supplier_ticket", row.pk),
        due_at=row.next_chase_at,
        why=_("{supplier} is to be chased: {ref}").format(supplier=row.supplier.name, ref=row.ref or "-"),
        at=at,
        brand_id=row.supplier.brand_id,
    )


def promise_chases(ticket: Ticket, at: datetime) -> None:
    """Our ticket goes on, and so does chasing whoever has not been done with theirs."""
    rows = SupplierTicket.objects.filter(with_merged(ticket), closed_at=None)
    for row in rows.select_related("supplier"):
        promise_chase(row, at)
