"""The verbs of shadow mode: an integration's alarms run through Nightdesk on paper, beside the old pager that still wakes.

A page knows by itself that it is on paper, and no message is ever made for it. Going live is the same for a page as for
its integration, and is looked after once more a little later, for alarms that came in while other processes still took the
integration as it was.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.customers.hours import first_instant
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.paging import comparison, queries, wording
from nightdesk.paging.actions import ring_shadow_page
from nightdesk.paging.models import Integration, OldPage, Page
from nightdesk.paging.telling import tell_quietly
from nightdesk.people.models import Team

SHADOW_ON = kind("shadow.on", gettext_lazy("{by} put {name} into the shadow: its alarms wake nobody here"))
SHADOW_OFF = kind("shadow.off", gettext_lazy("{by} let {name} wake people: {count} open pages rang"))
SHADOW_COMPARED = kind("shadow.compared", gettext_lazy("The day of {name} was compared with the old pager: {summary}"))
OLD_PAGES_READ = kind("shadow.old-pages-read", gettext_lazy("{by} read in {count} pages of the old pager for {name}"))

COMPARE, SWEEP = "shadow.compare", "shadow.sweep"
SWEEP_AFTER = timedelta(seconds=5)
"""Longer than any process takes an integration as it was read."""
SHOWN = 40


@transaction.atomic
def start_shadow(*, integration_id: int, hour: int = 8, by: Actor, via: Door, at: datetime) -> Integration:
    """New alarms of the integration wake nobody here from now on; pages that are open stay as they are. Each day at
    `hour`, by the clocks of the brand, the day before is compared with what the old pager did.

    Repeating it sets the hour. Raises Forbidden, NotFound, Invalid.
    """
    row = _locked(integration_id, "start_shadow", by)
    if not 0 <= hour <= 23:
        raise Invalid("A comparison was to be sent each day.", f"{hour} is no hour.", "Give one from 0 to 23.")
    fresh = row.shadow_since is None
    row.shadow_since, row.shadow_hour = row.shadow_since or at, hour
    row.save(update_fields=["shadow_since", "shadow_hour"])
    void_promises(("integration", row.pk), at=at, kinds=(COMPARE,))
    _promise_comparison(row, at)
    if fresh:
        _record(row, SHADOW_ON, {}, by, via, at)
    return row


@transaction.atomic
def end_shadow(*, integration_id: int, by: Actor, via: Door, at: datetime) -> list[Page]:
    """The integration's alarms wake people from now on, and its open pages ring at once: these are returned.

    `queries.would_ring_now` says beforehand which. Repeating it changes nothing. Raises Forbidden, NotFound.
    """
    row = _locked(integration_id, "end_shadow", by)
    if row.shadow_since is None:
        return []
    row.shadow_since = None
    row.save(update_fields=["shadow_since"])
    void_promises(("integration", row.pk), at=at, kinds=(COMPARE,))
    rung = _ring_all(row, by, via, at)
    why = _("alarms that came in at that moment ring too")
    promise(SWEEP, subject=("integration", row.pk), due_at=at + SWEEP_AFTER, why=why, at=at, brand_id=row.brand_id)
    _record(row, SHADOW_OFF, {"count": len(rung)}, by, via, at)
    return rung


@transaction.atomic
def sweep_shadow(*, integration_id: int, by: Actor, via: Door, at: datetime) -> str:
    """Pages that were still put on paper just after the integration went live ring too. Returns what was done."""
    row = Integration.objects.select_for_update().filter(id=integration_id).first()
    if row is None or row.shadow_since is not None:
        return _("Nothing was to be done.")
    return _("%(count)d rang.") % {"count": len(_ring_all(row, by, via, at))}


@transaction.atomic
def import_old_pager(*, integration_id: int, text: str, by: Actor, via: Door, at: datetime) -> int:
    """What the old pager did stands beside the integration's alarms; reading the same rows in again changes nothing.

    `text` is CSV as `comparison.read_old_pages` takes it, local times by the clocks of the brand. Returns how many rows
    it has. Raises Forbidden, NotFound, BadList.
    """
    row = _locked(integration_id, "import_old_pager", by)
    found = comparison.read_old_pages(text, ZoneInfo(row.brand.zone))
    OldPage.objects.bulk_create(
        [
            OldPage(integration=row, at=one.at, alarm=one.alarm, person=one.person, acknowledged_at=one.acknowledged_at)
            for one in found
        ],
        batch_size=1000,
        ignore_conflicts=True,
    )
    _record(row, OLD_PAGES_READ, {"count": len(found)}, by, via, at)
    return len(found)


@transaction.atomic
def compare_shadow(*, integration_id: int, by: Actor, via: Door, at: datetime) -> str:
    """The day until now is compared, the team's manager gets it by mail, and tomorrow's is promised."""
    row = Integration.objects.select_for_update(of=("self",)).select_related("brand").filter(id=integration_id).first()
    if row is None or row.shadow_since is None:
        return _("Nothing was to be done: it is live.")
    since = _local_hour(row, at, -1)
    rows = queries.compared(row.pk, since, at)
    counted = comparison.counts(rows)
    summary = ", ".join(f"{count} {difference}" for difference, count in counted.items() if count) or _("no alarms")
    entry = _record(row, SHADOW_COMPARED, {"summary": summary, "since": since.isoformat()}, by, via, at)
    title = _("%(name)s beside the old pager: %(summary)s") % {"name": row.name, "summary": summary}
    told = tell_quietly(
        _managers(row),
        kind="shadow.compared",
        subject=("integration", row.pk),
        title=title,
        body=_report(row, rows),
        brand_id=row.brand_id,
        cause=entry,
        only="email",
        by=by,
        via=via,
        at=at,
    )
    _promise_comparison(row, at)
    return _("%(summary)s; told %(count)d.") % {"summary": summary, "count": told}


def _report(row: Integration, rows: Sequence[comparison.Row]) -> str:
    zone = row.brand.zone

    def side(told: tuple[datetime, str] | None) -> str:
        return f"{wording.time_of_day(told[0], zone)} {told[1]}".rstrip() if told else _("nobody")

    order = {difference: place for place, difference in enumerate(comparison.DIFFERENCES)}
    worst = sorted(rows, key=lambda one: (order[one.difference], one.at))
    lines = [
        _("%(what)s: %(alarm)s. Old pager: %(there)s. Nightdesk: %(here)s.")
        % {"what": one.difference, "alarm": one.alarm, "there": side(one.there), "here": side(one.here)}
        for one in worst[:SHOWN]
    ]
    if len(worst) > SHOWN:
        lines.append(_("And %(count)d more.") % {"count": len(worst) - SHOWN})
    return "\n".join([*lines, "", _("The whole comparison stands under Settings, Alarms in, Shadow.")])


def _managers(row: Integration) -> list[int]:
    if row.team is not None and row.team.manager_id is not None:
        return [row.team.manager_id]
    teams = Team.objects.filter(brand_id=row.brand_id, manager__active=True)
    return list(teams.order_by("manager_id").values_list("manager_id", flat=True).distinct())


def _ring_all(row: Integration, by: Actor, via: Door, at: datetime) -> list[Page]:
    pages = Page.objects.filter(integration=row, shadow=True).exclude(state=Page.State.RESOLVED).order_by("id")
    return [
        page
        for page_id in pages.values_list("id", flat=True)
        if (page := ring_shadow_page(page_id=page_id, by=by, via=via, at=at)) is not None
    ]


def _promise_comparison(row: Integration, at: datetime) -> None:
    why = _("%(name)s is compared with the old pager") % {"name": row.name}
    due_at = _local_hour(row, at, 1)
    promise(COMPARE, subject=("integration", row.pk), due_at=due_at, why=why, at=at, brand_id=row.brand_id)


def _local_hour(row: Integration, at: datetime, step: int) -> datetime:
    """The nearest instant after (`step` 1) or before (-1) `at` at which clocks of the brand come to the hour."""
    zone = ZoneInfo(row.brand.zone)
    today = at.astimezone(zone).date()
    days = [today + timedelta(days=number) for number in (-2, -1, 0, 1, 2)]
    found = [first_instant(datetime.combine(day, time(row.shadow_hour)), zone) for day in days]
    if step > 0:
        return min(one for one in found if one > at)
    return max(one for one in found if one < at.astimezone(UTC))


def _locked(integration_id: int, verb: str, by: Actor) -> Integration:
    found = (
        Integration.objects.select_for_update(of=("self",)).select_related("brand").filter(id=integration_id).first()
    )
    if found is None:
        raise NotFound(
            "A sender of alarms was asked for.", "There is no such integration.", "Look at the list of them."
        )
    require(by, verb, found.brand_id)
    return found


def _record(row: Integration, what: str, facts: dict[str, object], by: Actor, via: Door, at: datetime) -> UUID:
    facts = {"name": row.name} | facts
    return record(what, subject=("integration", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)
