"""Verbs of pay rates and of which figures about people are reckoned; and the end of staff records that are old."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import InvalidOperation
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import Invalid
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.reports.definitions import PERSONAL
from nightdesk.reports.load import Figure
from nightdesk.reports.models import FigureDay, FigureSwitches, PayRates, Rolled
from nightdesk.reports.pay import as_plain, read_rates
from nightdesk.rota.work_actions import drop_records

RATES_SAVED = kind("pay.rates_saved", gettext_lazy("{by} changed what on-call work is paid"))
FIGURES_SAVED = kind("figures.saved", gettext_lazy("{by} switched figures about people: off are {off}"))

PAY = "pay"
SWITCHES = (*(figure.value for figure in Figure), PAY)
"""What can be switched off."""


@transaction.atomic
def save_pay_rates(*, brand_id: int, rates: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> PayRates:
    """These are the brand's rates, in the values of `pay.read_rates`. Raises Forbidden, Invalid."""
    require(by, "save_pay_rates", brand_id)
    try:
        read = read_rates(rates)
    except (ValueError, InvalidOperation) as bad:
        raise Invalid(_("Rates of pay were given."), str(bad), _("Mend that one.")) from bad
    row, _is_new = PayRates.objects.update_or_create(brand_id=brand_id, defaults={"rates": as_plain(read)})
    record(RATES_SAVED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=as_plain(read))
    return row


@transaction.atomic
def save_figures(*, brand_id: int, off: Collection[str], by: Actor, via: Door, at: datetime) -> FigureSwitches:
    """These figures, and no others, are not reckoned of the brand's people, and what was is deleted.

    Raises Forbidden, Invalid for one that is none.
    """
    require(by, "save_figures", brand_id)
    if unknown := sorted(set(off) - set(SWITCHES)):
        raise Invalid(
            _("Figures were switched off: %s.") % ", ".join(unknown)[:100],
            _("There are none of that name."),
            _("Give some of %s.") % ", ".join(SWITCHES),
        )
    # Not while days are added up: these would bring back what is deleted.
    Rolled.objects.select_for_update().filter(brand_id=brand_id).first()
    row, _is_new = FigureSwitches.objects.update_or_create(brand_id=brand_id, defaults={"off": sorted(set(off))})
    if Figure.WOKEN in row.off:
        FigureDay.objects.filter(brand_id=brand_id, dimension__in=PERSONAL).delete()
    facts = {"off": ", ".join(row.off) or "-"}
    record(FIGURES_SAVED, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return row


@transaction.atomic
def drop_staff_records(*, by: Actor = SCHEDULER, via: Door = Door.WORKER, at: datetime) -> int:
    """Hours, rest owed, exemptions and figures by person older than `NIGHTDESK_STAFF_RECORDS_KEPT` days are gone; how many.

    Raises Forbidden.
    """
    before = at - settings.STAFF_RECORDS_KEPT
    count = drop_records(before=before, by=by, via=via, at=at)
    return count + FigureDay.objects.filter(dimension__in=PERSONAL, day__lt=before.date()).delete()[0]
