"""Looking ahead whether every shift knows what it answers for, and nobody new is on alone, and telling managers where not."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.channels.actions import queue_message, supersede_deliveries
from nightdesk.duty import coverage_queries as queries
from nightdesk.duty.models import CoverageCheck, CoverageHole
from nightdesk.duty.reaching import all_ways
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.rota.coverage import Facts, Hole, Told, changes
from nightdesk.rota.coverage_queries import facts_of
from nightdesk.rota.resolve import instant_of

HOLES_FOUND = kind("coverage.found", gettext_lazy("Not covered ahead: {names}"))
HOLES_MENDED = kind("coverage.mended", gettext_lazy("No longer a hole: {names}"))

CHECK = "duty.coverage"
"""Promise to look at the coverage of a brand, which is its subject; of anything else, at every brand's."""

DAILY_AT = time(7)
SOON = timedelta(hours=24)
"""A hole that begins within this is told loudly too."""
LINES_TOLD = 12


@transaction.atomic
def check_coverage(*, brand_id: int, by: Actor, via: Door, at: datetime) -> str:
    """What nobody on the brand's shifts will know in the weeks ahead, and who of them is new and alone, is on record, and its
    managers are told of what has come to be so; what was mended is withdrawn. Promises the next look. Says what came of it.

    Repeating it tells nobody again.
    """
    brand = Brand.objects.filter(pk=brand_id).first()
    if brand is None:
        return _("The brand is gone.")
    check = _locked_check(brand, at)
    # Before anything is read: what is promised from here on follows from something that may not have been seen.
    void_promises(("brand", brand.pk), at=at, kinds=[CHECK])
    end = at + queries.AHEAD
    facts = facts_of(brand.pk, at, end, queries.holders(at))
    found = queries.holes_ahead(brand.pk, facts, at, end)
    open_rows = {row.pk: row for row in CoverageHole.objects.filter(brand=brand, withdrawn_at=None)}
    news = changes([_told(row) for row in open_rows.values()], found, check.looked_until)
    for row_id, hole in news.kept.items():
        _fit(open_rows[row_id], hole, at)
    gone = [open_rows[row_id] for row_id in news.gone]
    told_as = f"{brand.pk}@{at.isoformat()}"
    CoverageHole.objects.bulk_create(_row(brand, hole, "", at) for hole in news.rest)
    CoverageHole.objects.bulk_create(_row(brand, hole, told_as, at) for hole in news.new)
    if news.new:
        names = queries.in_words(news.new, brand.zone)
        told: dict[str, Any] = {"names": "; ".join(names[:LINES_TOLD]), "count": len(names)}
        entry = record(HOLES_FOUND, subject=("brand", brand.pk), by=by, via=via, at=at, brand_id=brand.pk, facts=told)
        _tell_managers(brand, news.new, facts, told_as, at, entry)
    _withdraw(brand, gone, news.new, by, via, at)
    check.checked_at, check.looked_until = at, end
    check.save(update_fields=["checked_at", "looked_until"])
    if queries.asks_of_shifts(brand.pk):
        why = _("%s: whether every shift ahead knows what it answers for") % brand.name
        promise(CHECK, subject=("brand", brand.pk), due_at=_tomorrow(brand, at), why=why, at=at, brand_id=brand.pk)
    return ngettext("%(new)d new hole of %(all)d.", "%(new)d new holes of %(all)d.", len(news.new)) % {
        "new": len(news.new),
        "all": len(found),
    }


def _locked_check(brand: Brand, at: datetime) -> CoverageCheck:
    CoverageCheck.objects.get_or_create(brand=brand, defaults={"checked_at": at, "looked_until": at})
    return CoverageCheck.objects.select_for_update().get(brand=brand)


def _told(row: CoverageHole) -> Told:
    skills = frozenset(skill for skill, _level in row.lacking)
    return Told(row.pk, (row.subject_kind, row.subject_id), skills, row.starts_at, row.ends_at)


def _columns(hole: Hole) -> dict[str, Any]:
    return {"lacking": [list(one) for one in hole.lacking], "starts_at": hole.start, "ends_at": hole.end}


def _row(brand: Brand, hole: Hole, told_as: str, at: datetime) -> CoverageHole:
    kind_, id_ = hole.subject
    return CoverageHole(
        brand=brand, subject_kind=kind_, subject_id=id_, raised_at=at, told_as=told_as, **_columns(hole)
    )


def _fit(row: CoverageHole, hole: Hole, at: datetime) -> None:
    columns = _columns(hole)
    if hole.start <= at:
        columns["starts_at"] = min(row.starts_at, hole.start)
    if any(getattr(row, name) != value for name, value in columns.items()):
        for name, value in columns.items():
            setattr(row, name, value)
        row.save(update_fields=list(columns))


def _withdraw(
    brand: Brand, gone: Sequence[CoverageHole], new: Sequence[Hole], by: Actor, via: Door, at: datetime
) -> None:
    """What is over says nothing, nor does what is part of a larger hole now; what was mended is on record, and its message
    reaches nobody whom it has not reached yet, once nothing that it told of is left.
    """
    CoverageHole.objects.filter(pk__in=[row.pk for row in gone]).update(withdrawn_at=at)
    larger = {hole.subject for hole in new}
    mended = [row for row in gone if row.ends_at > at and (row.subject_kind, row.subject_id) not in larger]
    if mended:
        names = queries.in_words([queries.hole_of(row) for row in mended], brand.zone)
        facts = {"names": "; ".join(names[:LINES_TOLD]), "count": len(names)}
        record(HOLES_MENDED, subject=("brand", brand.pk), by=by, via=via, at=at, brand_id=brand.pk, facts=facts)
    for told_as in {row.told_as for row in gone if row.told_as}:
        if not CoverageHole.objects.filter(told_as=told_as, withdrawn_at=None).exists():
            supersede_deliveries(subject=("coverage", told_as), by=by, via=via, at=at)


def _tell_managers(brand: Brand, new: Sequence[Hole], facts: Facts, told_as: str, at: datetime, cause: UUID) -> None:
    soon = min(hole.start for hole in new) < at + SOON
    for person in queries.managers_of(brand.pk):
        to = all_ways(person, at, loud=soon)
        if not to:
            continue
        with translation.override(person.language):
            lines = queries.in_words(new, person.zone, facts)
            if len(lines) > LINES_TOLD:
                more = len(lines) - LINES_TOLD
                lines[LINES_TOLD:] = [ngettext("and {count} more", "and {count} more", more).format(count=more)]
            title, advice = _title_of(brand, new), _advice_on(new)
            body = "\n".join((*lines, advice))
        queue_message(
            kind="coverage.told",
            subject=("coverage", told_as),
            title=title,
            body=body,
            to=to,
            brand_id=brand.pk,
            cause=cause,
            lane="urgent" if soon else "bulk",
            by=SCHEDULER,
            via=Door.WORKER,
            at=at,
        )


def _title_of(brand: Brand, new: Sequence[Hole]) -> str:
    alone = [hole for hole in new if queries.is_alone(hole)]
    if len(new) == 1:
        text = (
            _("{brand}: {name}, who is new, would be on alone")
            if alone
            else _("{brand}: nobody who is on will know {name}")
        )
    elif not alone:
        text = _("{brand}: {count} times nobody who is on will know something")
    elif len(alone) == len(new):
        text = _("{brand}: {count} times somebody new would be on alone")
    else:
        text = _("{brand}: {count} times something is not known, or somebody new would be on alone")
    name = queries.names_in([new[0]])[new[0].subject]
    return text.format(brand=brand.name, name=name, count=len(new))


def _advice_on(new: Sequence[Hole]) -> str:
    if not any(queries.is_alone(hole) for hole in new):
        return _("Change the rota, or have somebody learn it. Look at Coverage.")
    if all(queries.is_alone(hole) for hole in new):
        return _("Have somebody experienced on beside them, or sign them off. Look at Coverage.")
    return _("Change the rota, have somebody learn it, or sign off who is new. Look at Coverage.")


def _tomorrow(brand: Brand, at: datetime) -> datetime:
    zone = ZoneInfo(brand.zone)
    day = at.astimezone(zone).date()
    today = instant_of(datetime.combine(day, DAILY_AT), zone)
    return today if today > at else instant_of(datetime.combine(day + timedelta(days=1), DAILY_AT), zone)
