"""For which brands a seat answers."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.rota.models import AnswersFor, Seat
from nightdesk.rota.queries import load_seat

ANSWERS_FOR_SET = kind("rota.answers_for_set", gettext_lazy("{by} said that {seat} also answers for {brands}"))


@transaction.atomic
def set_seat_brands(*, seat_key: str, brand_ids: Collection[int], by: Actor, via: Door, at: datetime) -> Seat:
    """Whoever has the seat answers for these brands beside that of its rota. Repeating it changes nothing.

    Raises NotFound, and Forbidden also for a brand in which the actor may not.
    """
    seat = load_seat(seat_key)
    require(by, "set_seat_brands", seat.rota.brand_id)
    Seat.objects.select_for_update(no_key=True).get(pk=seat.pk)
    wanted = set(brand_ids) - {seat.rota.brand_id}
    brands = {brand.pk: brand for brand in Brand.objects.filter(pk__in=wanted)}
    if missing := wanted - brands.keys():
        raise NotFound(
            _("The brand %s was named.") % min(missing), _("There is none."), _("Look at the list of brands.")
        )
    before = set(AnswersFor.objects.filter(seat=seat).values_list("brand_id", flat=True))
    for brand_id in before ^ wanted:
        require(by, "set_seat_brands", brand_id)
    if before != wanted:
        AnswersFor.objects.filter(seat=seat, brand__in=before - wanted).delete()
        AnswersFor.objects.bulk_create(AnswersFor(seat=seat, brand_id=brand_id) for brand_id in wanted - before)
        names = ", ".join(sorted(brand.name for brand in brands.values())) or _("no other brand")
        facts = {"seat": seat.name, "seat_key": seat.key, "brands": names}
        record(
            ANSWERS_FOR_SET,
            subject=("seat", seat.pk),
            by=by,
            via=via,
            at=at,
            brand_id=seat.rota.brand_id,
            facts=facts,
        )
    return seat
