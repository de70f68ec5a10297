"""What the record says of an incident, and what is owed by its report."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotFound
from nightdesk.customers.models import Service, Subscription
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.journal.queries import sentence
from nightdesk.outages import actions as outages
from nightdesk.outages import report as outage_report
from nightdesk.outages import wording
from nightdesk.outages.effect import Effect, stretches_down
from nightdesk.outages.models import Affected, Outage, Touched, Update
from nightdesk.outages.queries import rules_of as outage_rules_of
from nightdesk.paging import actions as paging
from nightdesk.reports import credit, incident, regulator
from nightdesk.reports.incident import Loss, Row, Source, Times
from nightdesk.reports.incident_models import IncidentReport, IncidentRules, ReportVersion
from nightdesk.reports.regulator_packs import BUILT_IN

ALARM_KINDS = (
    paging.PAGE_TRIGGERED, paging.PAGE_RUNG, paging.PAGE_ACKNOWLEDGED, paging.PAGE_WOKEN, paging.PAGE_ESCALATED,
    paging.PAGE_REASSIGNED, paging.PAGE_RAISED, paging.PAGE_NOTED, paging.PAGE_RESOLVED,
)  # fmt: skip
OUTAGE_KINDS = (
    outages.OUTAGE_PROPOSED, outages.OUTAGE_CONFIRMED, outages.OUTAGE_PARTS, outages.OUTAGE_MOVED, outages.UPDATE_LATE,
)  # fmt: skip
MOST_ROWS = 400
"""Of one timeline: what lies between the first and the last of more is counted, and not told."""


# --- The record ------------------------------------------------------------------------------------------------------


def record_of(outage: Outage, at: datetime) -> dict[str, Any]:
    """All that is on record of the outage by `at`, as `IncidentReport.drafted` keeps it: `rows`, `times`, `told` and `lost`.

    Nobody's words are in it but what was published: a note's text stays with its entry, where it can be erased.
    """
    entries = _entries(outage)
    said = _said(outage)
    told = _told(outage, said)
    rows = sorted([*map(_row, entries), *map(_told_row, told)], key=lambda row: row.at)
    times = times_of(outage, entries, said, at)
    losses = list(losses_of(outage, times.ended_at))
    return {
        "rows": incident.as_stored(_fitting(rows)),
        "times": {name: _iso(getattr(times, name)) for name in Times.__slots__},
        "told": told,
        "lost": {
            "user_hours": str(incident.user_hours(losses)),
            "users": incident.users(losses),
            "customers": Affected.objects.filter(outage=outage).count(),
            "services": _services(losses),
        },
    }


def times_of(outage: Outage, entries: Sequence[Entry], said: Sequence[Update], at: datetime) -> Times:
    """When what happened. `ended_at` is `at` of one that goes on."""
    first = {entry.kind: entry.at for entry in reversed(entries)}
    heard = [update.published_at for update in said if not update.quiet and update.published_at is not None]
    alarm = first.get(paging.PAGE_TRIGGERED) or (outage.page.started_at if outage.page is not None else None)
    return Times(
        began_at=outage.began_at,
        ended_at=outage.resolved_at or at,
        alarm_at=alarm,
        answered_at=first.get(paging.PAGE_ACKNOWLEDGED),
        confirmed_at=outage.confirmed_at,
        told_at=min(heard, default=None),
    )


def losses_of(outage: Outage, until: datetime) -> Iterator[Loss]:
    """What each subscription that was down went without, by `until`."""
    users = rules_of(outage.brand_id).users
    rows = Touched.objects.filter(outage=outage, worst=Effect.DOWN).order_by("id")
    for key, turns in rows.values_list("service__key", "down_at").iterator(5000):
        for number, (start, end) in enumerate(stretches_down(turns, until)):
            yield Loss(key, start, end, int(users.get(key, 1)), again=number > 0)


def times_in(drafted: Mapping[str, Any]) -> Times:
    """The times of what `record_of` gave."""
    return Times(**{name: datetime.fromisoformat(text) if text else None for name, text in drafted["times"].items()})  # type: ignore[arg-type]


def rows_in(report: IncidentReport, version: ReportVersion) -> tuple[Row, ...]:
    """The report's timeline as the version has it: drafted times as they are on record, typed ones beside them; what a note said
    in full, while it has not been erased.
    """
    drafted = incident.from_stored(report.drafted.get("rows", ()))
    ids = [UUID(row.key.partition(":")[2]) for row in drafted if row.key.startswith("entry:")]
    texts = {
        f"entry:{entry_id}": text
        for entry_id, text in PersonalText.objects.filter(entry_id__in=ids).values_list("entry_id", "text")
    }
    whole = [
        Row(row.key, row.at, f"{row.words}: {texts[row.key]}" if row.key in texts else row.words, row.who, row.source)
        for row in drafted
    ]
    typed = [
        Row(f"typed:{number}", datetime.fromisoformat(one["at"]), one["words"], one.get("by", ""), Source.TYPED)
        for number, one in enumerate(version.typed)
    ]
    return incident.timeline(whole, words=version.rows, typed=typed, hidden=version.hidden)


def _entries(outage: Outage) -> list[Entry]:
    """What the journal has of it and of its alarm, oldest first."""
    wanted = Q(subject_kind="outage", subject_id=str(outage.pk), kind__in=OUTAGE_KINDS)
    if outage.page_id is not None:
        wanted |= Q(subject_kind="page", subject_id=str(outage.page_id), kind__in=ALARM_KINDS)
    return list(Entry.objects.filter(wanted).order_by("at", "id")[:5000])


def _said(outage: Outage) -> list[Update]:
    rows = Update.objects.filter(outage=outage, published_at__isnull=False)
    return list(rows.exclude(kind=Update.Kind.POST_INCIDENT).order_by("published_at", "number"))


def _row(entry: Entry) -> Row:
    who = entry.by_name if entry.by_kind in ("person", "contact") else ""
    source = Source.ALARM if entry.subject_kind == "page" else Source.RECORD
    return Row(f"entry:{entry.id}", entry.at, sentence(entry), who, source)


def _told(outage: Outage, said: Sequence[Update]) -> list[dict[str, Any]]:
    """What was told, when, and how far it came: counts of the ledger's rows."""
    progress = outage_report.progress_of(outage.pk)
    found = []
    for update in said:
        sent = progress.get(update.pk, outage_report.Progress())
        assert update.published_at is not None  # asked for
        found.append(
            {
                "number": update.number,
                "kind": update.kind,
                "state": update.state,
                "at": update.published_at.isoformat(),
                "text": str(update.texts.get(outage.brand.language, next(iter(update.texts.values()), ""))),
                "next_at": _iso(update.next_at),
                "people": update.people,
                "sent": sent.count,
                "arrived": sent.arrived,
                "accepted": sent.accepted,
                "lost": sent.lost,
                "waiting": sent.waiting,
            }
        )
    return found


def _told_row(told: Mapping[str, Any]) -> Row:
    words = _("Told customers ({state}): {text}").format(state=wording.state_words(told["state"]), text=told["text"])
    return Row(f"update:{told['number']}", datetime.fromisoformat(told["at"]), words, "", Source.TOLD)


def _fitting(rows: Sequence[Row]) -> Sequence[Row]:
    if len(rows) <= MOST_ROWS:
        return rows
    half = MOST_ROWS // 2
    left_out = rows[half:-half]
    words = _("{count} more lines of the record are not repeated here.").format(count=len(left_out))
    return [*rows[:half], Row("more", left_out[0].at, words, "", Source.RECORD), *rows[-half:]]


def _services(losses: Sequence[Loss]) -> list[dict[str, Any]]:
    by_key: dict[str, list[Loss]] = defaultdict(list)
    for loss in losses:
        by_key[loss.service].append(loss)
    names = dict(Service.objects.filter(key__in=by_key).values_list("key", "name"))
    return [
        {
            "key": key,
            "name": names.get(key, key),
            "subscriptions": sum(not one.again for one in those),
            "user_hours": str(incident.user_hours(those)),
            "longest_s": round(max((one.until - one.since).total_seconds() for one in those)),
        }
        for key, those in sorted(by_key.items())
    ]


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


# --- Reports ---------------------------------------------------------------------------------------------------------


def reports(brands: Collection[int] | None) -> QuerySet[IncidentReport]:
    """The reports of the brands (None: of all), newest first."""
    rows = IncidentReport.objects.select_related("outage", "brand", "outage__lead")
    return rows if brands is None else rows.filter(brand__in=brands)


def report(report_id: UUID, by: Actor) -> IncidentReport:
    """The report, where `by` may read it. Raises NotFound."""
    found = reports(brands_for(by, "read_incident_reports")).filter(pk=report_id).first()
    if found is None:
        raise NotFound(
            _("The report %s was asked for.") % report_id, _("There is no such one."), _("Look at the list of reports.")
        )
    return found


def latest(found: IncidentReport) -> ReportVersion:
    """Its newest version; an empty, unsaved one before it is drafted."""
    return found.versions.order_by("-number").first() or ReportVersion(report=found, number=0)


def rules_of(brand_id: int) -> IncidentRules:
    """How the brand reports incidents; the defaults, unsaved, where nobody has said."""
    return IncidentRules.objects.filter(brand=brand_id).first() or IncidentRules(brand_id=brand_id)


def packs_of(rules: IncidentRules) -> list[regulator.Pack]:
    """The rule packs that the brand goes by, its own in place of a built-in one of the same key."""
    known = regulator.read_packs(BUILT_IN) | regulator.read_packs(rules.own_packs)
    return [known[key] for key in rules.packs if key in known]


def has_packs(brand_id: int | None) -> bool:
    """Whether the brand goes by any rule pack, so that what goes on has to be measured."""
    return IncidentRules.objects.filter(brand=brand_id).exclude(packs=[]).exists()


def size_of(found: IncidentReport, outage: Outage, at: datetime) -> regulator.Size:
    """How big the outage was, or is by `at`."""
    until = outage.resolved_at or at
    losses = list(losses_of(outage, until))
    users = incident.users(losses)
    return regulator.Size(
        user_hours=incident.user_hours(losses),
        users=users,
        percent=_percent_of(users, {loss.service for loss in losses}, outage.brand_id),
        lasted=max(until - outage.began_at, timedelta(0)),
        severity=outage.severity,
        began_at=outage.began_at,
        known_at=outage.confirmed_at or outage.proposed_at,
        ended_at=until,
        said_yes=frozenset(found.said_yes),
    )


def _percent_of(users: int, services: Collection[str], brand_id: int) -> Decimal:
    """How many percent `users` are of all who use these services of the brand now; 0 where nobody does."""
    each = rules_of(brand_id).users
    bought = Subscription.objects.filter(customer__brand=brand_id, service__key__in=services)
    counts = bought.values_list("service__key").annotate(count=Count("id"))
    everybody = sum(count * int(each.get(key, 1)) for key, count in counts)
    return Decimal(100 * min(users, everybody)) / everybody if everybody else Decimal(0)


def credits_of(found: IncidentReport) -> list[credit.Credit]:
    """What is due for each subscription that was down, by customer; nothing while there are no rates."""
    rates = credit.read_rates(rules_of(found.brand_id).credits)
    until = found.ended_at or found.made_at
    rows = Touched.objects.filter(outage=found.outage_id, worst=Effect.DOWN).order_by(
        "customer__name", "service__key", "id"
    )
    columns = (
        "customer__name",
        "customer__ref",
        "service__key",
        "service__name",
        "subscription__label",
        "down_at",
    )
    lost = (
        credit.Lost(name, ref, key, f"{service} {label}".strip(), _length(stretches_down(turns, until)))
        for name, ref, key, service, label, turns in rows.values_list(*columns).iterator(5000)
    )
    return credit.credits_for(rates, lost)


def _length(stretches: Sequence[tuple[datetime, datetime]]) -> timedelta:
    return sum((end - start for start, end in stretches), timedelta(0))


def sums_of(credits: Sequence[credit.Credit]) -> dict[str, Decimal]:
    """What is due in all, by currency."""
    found: Counter[str] = Counter()
    for one in credits:
        found[one.currency] += one.amount  # type: ignore[assignment]
    return dict(found)  # type: ignore[arg-type]


def concerned(outage: Outage) -> list[int]:
    """Who is told of the report: the outage's lead and voice, and the manager of the desk."""
    desk = outage_rules_of(outage.brand_id).desk
    manager = desk.manager_id if desk is not None else None
    return [one for one in dict.fromkeys((outage.lead_id, outage.voice_id, manager)) if one is not None]


def still_owed(found: IncidentReport) -> QuerySet[Any]:
    """The customers who were promised the report and do not have it, the soonest due first."""
    return found.owed.filter(kept_at=None).select_related("customer").order_by("due_at", "customer__name")


def late(brands: Collection[int] | None, at: datetime) -> QuerySet[IncidentReport]:
    """Reports with something overdue: towards customers or a regulator."""
    overdue = Q(owed__kept_at=None, owed__due_at__lt=at)
    overdue |= Q(duties__done_at=None, duties__waived_why="", duties__due_at__lt=at)
    return reports(brands).filter(overdue).distinct().order_by(F("stands_by").asc(nulls_last=True), "id")
