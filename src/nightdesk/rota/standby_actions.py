"""Which seat stands behind another."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Invalid
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.rota.checking import CHECKED_AHEAD
from nightdesk.rota.models import Seat
from nightdesk.rota.newcomers import none_left_alone
from nightdesk.rota.queries import load_seat

STANDBY_SET = kind("rota.standby_set", gettext_lazy("{by} said that {standby} stands behind {seat}"))


@transaction.atomic
def set_standby(*, seat_key: str, standby_key: str | None, by: Actor, via: Door, at: datetime) -> Seat | None:
    """The seat `standby_key`, which comes back, stands behind the other, and no seat beside it; None: no seat does.

    Whoever has it is rung while the other's holder is out of reach, and asked when nobody takes a turn. Repeating it changes
    nothing. Raises NotFound, Forbidden, Invalid where a seat would stand behind itself, be it by way of others, and
    NewcomerAlone where somebody new was on with whoever has the seat that stands there no more.
    """
    seat = load_seat(seat_key)
    require(by, "set_standby", seat.rota.brand_id)
    standby = load_seat(standby_key) if standby_key else None
    if standby is not None:
        require(by, "set_standby", standby.rota.brand_id)
    # In one order, so that two who say it of each other at once do not wait for each other.
    list(Seat.objects.select_for_update(no_key=True).order_by("id"))
    seat.refresh_from_db()
    above: Seat | None = seat
    while standby is not None and above is not None:
        if above.pk == standby.pk:
            raise Invalid(
                _("%(standby)s was to stand behind %(seat)s.") % {"standby": standby.name, "seat": seat.name},
                _("%(seat)s is that seat, or stands behind it.") % {"seat": seat.name},
                _("Name another seat."),
                field="standby",
            )
        above = above.behind
    before = dict(seat.standbys.values_list("pk", "rota"))
    wanted = {standby.pk: standby.rota_id} if standby is not None else {}
    if before == wanted:
        return standby
    rotas = {seat.rota_id, *before.values(), *wanted.values()}
    with none_left_alone(rotas, at, at + CHECKED_AHEAD):
        Seat.objects.filter(pk__in=before.keys() - wanted).update(behind=None)
        Seat.objects.filter(pk__in=wanted).update(behind=seat)
    facts = {"seat": seat.name, "seat_key": seat.key, "standby": standby.name if standby else _("no seat")}
    record(STANDBY_SET, subject=("seat", seat.pk), by=by, via=via, at=at, brand_id=seat.rota.brand_id, facts=facts)
    return standby
