"""A seat goes for good: its token ends with it."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import void_promises
from nightdesk.base.refusals import IllegalTransition
from nightdesk.channels.actions import supersede_deliveries
from nightdesk.duty.models import Hold, ReachWarning
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.rota import swap_actions
from nightdesk.rota.checking import CHECKED_AHEAD
from nightdesk.rota.models import Rota, Seat, Swap
from nightdesk.rota.newcomers import none_left_alone
from nightdesk.rota.queries import load_seat

SEAT_REMOVED = kind("duty.seat_removed", gettext_lazy("{by} removed the seat {seat}; {holder} had it last"))

NEEDED_BY: list[Callable[[str], list[str]]] = []
"""Each says what needs the seat with a key, in words, so that it cannot be removed. Filled by `nightdesk.wiring`."""


@transaction.atomic
def remove_seat(*, seat_key: str, by: Actor, via: Door, at: datetime) -> Seat:
    """Nobody is planned for the seat or holds it from now on; who held it until now stays on record.

    Repeating it is NotFound. Raises Forbidden, IllegalTransition while something, such as an escalation policy, rings it,
    and NewcomerAlone where somebody new was on beside it.
    """
    known = load_seat(seat_key)
    require(by, "remove_seat", known.rota.brand_id)
    rota = Rota.objects.select_for_update(no_key=True).get(id=known.rota_id)
    seat = Seat.objects.select_for_update(no_key=True).get(id=known.id)
    seat.rota = rota
    if needed := [each for ask in NEEDED_BY for each in ask(seat.key)]:
        raise IllegalTransition(
            _("The seat %s was to be removed.") % seat.name,
            _("It is needed by: %s.") % ", ".join(needed),
            _("Change these first, so that they ring somebody else."),
        )
    for swap in Swap.objects.filter(seat=seat, state__in=[Swap.State.ASKED, Swap.State.ACCEPTED]):
        swap_actions.cancel_swap(swap_id=swap.pk, by=by, via=via, at=at)
    hold = Hold.objects.select_related("person").filter(seat=seat, until_at=None).first()
    with none_left_alone([rota.id], at, at + CHECKED_AHEAD):
        if hold is not None:
            hold.until_at = max(at, hold.from_at)
            hold.save(update_fields=["until_at"])
        seat.removed_at = at
        seat.save(update_fields=["removed_at"])
        seat.rota.version = uuid4()
        seat.rota.save(update_fields=["version"])
    void_promises(("seat", seat.id), at=at)
    ReachWarning.objects.filter(seat=seat, withdrawn_at=None).update(withdrawn_at=at)
    supersede_deliveries(subject=("seat", seat.id), by=by, via=via, at=at)
    facts = {
        "rota": seat.rota.name,
        "seat": seat.name,
        "seat_key": seat.key,
        "holder": hold.person.name if hold else _("nobody"),
        "holder_id": hold.person_id if hold else None,
    }
    record(SEAT_REMOVED, subject=("seat", seat.id), by=by, via=via, at=at, brand_id=seat.rota.brand_id, facts=facts)
    return seat
