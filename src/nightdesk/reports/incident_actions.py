"""The verbs of incident reports: drafted from the record, written by people, approved, and given to customers and regulators."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.customers.models import Contract
from nightdesk.desk.actions import Words, assign_ticket, open_ticket
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.outages.actions import write_update
from nightdesk.outages.models import Affected, Outage
from nightdesk.paging.telling import tell_quietly
from nightdesk.people.models import Person
from nightdesk.reports import credit, incident, incident_queries, regulator
from nightdesk.reports.incident_models import (
    CustomerEdition,
    FollowUp,
    IncidentReport,
    IncidentRules,
    RegulatorDuty,
    ReportTerm,
    ReportVersion,
)
from nightdesk.reports.incident_writing import first_words
from nightdesk.reports.queries import holidays_of
from nightdesk.reports.regulator_packs import BUILT_IN

DRAFTED = kind("incident.drafted", gettext_lazy("The report of outage {name} was drafted from the record"))
EDITED = kind("incident.edited", gettext_lazy("{by} wrote version {version} of the report of outage {name}"))
APPROVED = kind("incident.approved", gettext_lazy("{by} approved the report of outage {name}"))
PUBLISHED = kind("incident.published", gettext_lazy("{by} gave the report of outage {name} to {customers} customers"))
FOLLOW_UP_ADDED = kind(
    "incident.follow-up", gettext_lazy("{by}: {person} sees to {title} by {due_on}, after outage {name}")
)
ASSESSED = kind("incident.assessed", gettext_lazy("{by} judged outage {name} by the rule pack {pack}: {answer}"))
REGULATOR_OWED = kind("incident.regulator-owed", gettext_lazy("{to} must be told of outage {name}: {step}"))
REGULATOR_TOLD = kind("incident.regulator-told", gettext_lazy("{by} told {to} of outage {name}: {step}"))
REGULATOR_WAIVED = kind(
    "incident.regulator-waived", gettext_lazy("{by}: {to} need not be told of outage {name}: {step}")
)
STANDING = kind("incident.standing", gettext_lazy("The report of outage {name} stands; {people} people were told"))
CHASED = kind("incident.chased", gettext_lazy("The report of outage {name}: {what} is owed; {people} people were told"))
RULES_SAVED = kind("incident.rules-saved", gettext_lazy("{by} changed how incidents are reported"))
TERM_SAVED = kind(
    "incident.term-saved", gettext_lazy("{by} set within how many working days a contract promises reports: {days}")
)

DRAFT, MEASURE, STAND, CHASE = "incident.draft", "incident.measure", "incident.stand", "incident.chase"
PARTS = ("summary", "impact", "cause", "went_well", "went_badly", "for_customers", "prevention")
"""What is written in a report."""
FOR_CUSTOMERS = ("for_customers", "prevention")
"""What of it customers read."""
LONGEST = 20_000
MOST_TYPED = 200
READY_BEFORE = timedelta(minutes=30)
"""Before it is promised, the record is read once more, as receipts of messages have come since, and people are told."""
MEASURED_EVERY = timedelta(hours=1)
WARNED_BEFORE = timedelta(hours=24)
CHASED_EVERY = timedelta(hours=24)
State = IncidentReport.State
TRANSITIONS: dict[str, frozenset[str]] = {
    State.GATHERING: frozenset({State.DRAFT}),
    State.DRAFT: frozenset({State.DRAFT, State.APPROVED}),
    State.APPROVED: frozenset({State.DRAFT}),
}
"""Which states may follow; an approved one that is written on, or whose outage came back, is a draft again."""


# --- From the record -------------------------------------------------------------------------------------------------


@transaction.atomic
def draft_incident_report(*, outage_id: UUID, by: Actor, via: Door, at: datetime) -> IncidentReport | None:
    """The report of an outage that is over stands as the record has it; None, and nothing is written, of one that is not, or
    never was one. Safe to repeat: what people wrote stays, and only the record's part is drawn up anew, unless it is
    approved and nothing has happened since. Raises Forbidden, NotFound.
    """
    outage = _outage(outage_id, "draft_incident_report", by)
    if outage.state != Outage.State.RESOLVED or outage.confirmed_at is None:
        return None
    report = _report_of(outage, at)
    if report.state == State.APPROVED and report.ended_at == outage.resolved_at:
        return report
    report.drafted, report.drafted_at, report.ended_at = incident_queries.record_of(outage, at), at, outage.resolved_at
    assert outage.resolved_at is not None  # by the outage's own constraint
    report.stands_by = incident.stands_by(outage.resolved_at, outage.brand.zone)
    _move(report, State.DRAFT)
    report.save(update_fields=[*MOVED, "drafted", "drafted_at", "ended_at", "stands_by"])
    if report.version == 0:
        _write(report, ReportVersion(words=first_words(outage, report.drafted)), by, at)
    cause = _record(report, DRAFTED, {}, by, via, at)
    _owe_customers(report, outage, at)
    _owe_regulators(report, outage, by, via, at)
    promise(
        STAND,
        subject=("incident_report", report.pk),
        due_at=max(report.stands_by - READY_BEFORE, at),
        why=_("The report of {name} stands by half past eight.").format(name=outage.name),
        at=at,
        cause=cause,
        brand_id=report.brand_id,
        occurrence=f"{report.pk}:{report.ended_at}",
    )
    return report


@transaction.atomic
def stand_incident_report(*, report_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """It stands: the record is read once more, as receipts have come since, and whoever led is told. Returns what was done."""
    report = _locked(report_id, None, by)
    if report.state != State.DRAFT:
        return _("Nothing was to be done.")
    report.drafted, report.drafted_at = incident_queries.record_of(report.outage, at), at
    report.save(update_fields=["drafted", "drafted_at"])
    told = _tell(
        report,
        _("Report of {name} is ready to be read").format(name=report.outage.name),
        _("It was drafted from the record. Add causes and follow-ups, then have it approved."),
        by, via, at,
    )  # fmt: skip
    _record(report, STANDING, {"people": told}, by, via, at)
    return _("It stands; {count} people were told.").format(count=told)


@transaction.atomic
def measure_incident(*, outage_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """While the outage goes on: what the brand's rule packs want told of it by now is owed, and it is looked at again within
    MEASURED_EVERY. Returns what was done.
    """
    outage = _outage(outage_id, None, by)
    if not outage.is_open or outage.confirmed_at is None:
        return _("It is over.")
    report = _report_of(outage, at)
    _owe_regulators(report, outage, by, via, at)
    void_promises(("outage", outage.pk), at=at, kinds=(MEASURE,))  # one chain, however often it came back
    promise(
        MEASURE,
        subject=("outage", outage.pk),
        due_at=at + MEASURED_EVERY,
        why=_("Whether a regulator must be told of {name} is looked at again.").format(name=outage.name),
        at=at,
        brand_id=outage.brand_id,
    )
    return _("Measured.")


# --- What people write -----------------------------------------------------------------------------------------------


@transaction.atomic
def edit_incident_report(
    *,
    report_id: UUID,
    seen: int,
    words: Mapping[str, str] | None = None,
    rows: Mapping[str, str] | None = None,
    hidden: Collection[str] | None = None,
    typed: Sequence[Mapping[str, Any]] | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> ReportVersion:
    """A new version: of what is given, all is as given; of what is None, as before. `seen` is the version that it was made from.

    `rows`: other words for drafted lines, whose times nobody changes. `typed`: lines with a time of one's own (`at`, aware, and
    `words`). It is a draft from then on. Raises Forbidden, NotFound, Invalid, IllegalTransition (not drafted yet, or somebody
    wrote meanwhile).
    """
    report = _locked(report_id, "edit_incident_report", by)
    asked = _("The report of {name} was to be changed.").format(name=report.outage.name)
    if report.state == State.GATHERING:
        raise IllegalTransition(asked, _("Its outage goes on."), _("Wait until it is over."))
    if seen != report.version:
        raise IllegalTransition(asked, _("Somebody wrote on it meanwhile."), _("Read it again, and add what you had."))
    before = incident_queries.latest(report)
    version = ReportVersion(
        words=before.words | _checked_words(asked, words or {}),
        rows=before.rows if rows is None else _checked_rows(asked, report, rows),
        hidden=before.hidden if hidden is None else sorted(set(hidden) & _keys(report)),
        typed=before.typed if typed is None else _checked_typed(asked, typed, before, by, at),
    )
    if all(getattr(version, name) == getattr(before, name) for name in ("words", "rows", "hidden", "typed")):
        return before
    _move(report, State.DRAFT)
    report.save(update_fields=MOVED)
    _write(report, version, by, at)
    _record(report, EDITED, {"version": version.number}, by, via, at)
    return version


@transaction.atomic
def approve_incident_report(*, report_id: UUID, seen: int, by: Actor, via: Door, at: datetime) -> IncidentReport:
    """It is what we say of it. Safe to repeat. Raises Forbidden, NotFound, IllegalTransition (there is a newer version)."""
    report = _locked(report_id, "approve_incident_report", by)
    asked = _("The report of {name} was to be approved.").format(name=report.outage.name)
    if seen != report.version or report.state == State.GATHERING:
        raise IllegalTransition(asked, _("It is not what you read any more."), _("Read it again."))
    if report.state == State.APPROVED:
        return report
    _move(report, State.APPROVED)
    report.approved_at, report.approved_by = at, by.name[:120]
    report.save(update_fields=[*MOVED, "approved_at", "approved_by"])
    _record(report, APPROVED, {"version": report.version}, by, via, at)
    return report


@transaction.atomic
def publish_incident_report(*, report_id: UUID, by: Actor, via: Door, at: datetime) -> CustomerEdition:
    """Every customer whom the outage touched can read their version, and whoever was told of the outage is told so. Safe to
    repeat: only a newer version is told again. Raises Forbidden, NotFound, IllegalTransition (nobody approved it, or the outage
    is back), Invalid (there are no words for customers, or they name a customer).
    """
    report = _locked(report_id, "publish_incident_report", by)
    asked = _("The report of {name} was to be given to customers.").format(name=report.outage.name)
    if report.state != State.APPROVED:
        raise IllegalTransition(asked, _("Nobody has approved it."), _("Have it approved first."))
    if report.outage.is_open:
        raise IllegalTransition(asked, _("Its outage goes on again."), _("Wait until it is over."))
    known = CustomerEdition.objects.filter(report=report).first()
    if known is not None and known.version == report.version:
        return known
    words = {part: incident_queries.latest(report).words.get(part, "") for part in FOR_CUSTOMERS}
    if not words["for_customers"].strip():
        raise Invalid(asked, _("It has no words for customers."), _("Write what they may read."), field="for_customers")
    if named := _named_in(report, " ".join(words.values())):
        raise Invalid(
            asked,
            _("Its words for customers name {name}, and others would read it.").format(name=named),
            _("Leave the name out."),
            field="for_customers",
        )
    edition, _is_new = CustomerEdition.objects.update_or_create(
        report=report,
        defaults={"outage": report.outage, "version": report.version, "words": words, "published_at": at},
    )
    kept = report.owed.filter(kept_at=None).update(kept_at=at)
    customers = Affected.objects.filter(outage=report.outage).count()
    _record(report, PUBLISHED, {"version": report.version, "customers": customers, "promised": kept}, by, via, at)
    write_update(
        outage_id=report.outage_id,
        state=Outage.State.RESOLVED,
        texts={report.brand.language: words["for_customers"]},
        vouched=True,  # by whoever publishes the report
        by=by,
        via=via,
        at=at,
    )
    return edition


@transaction.atomic
def add_follow_up(
    *, report_id: UUID, title: str, owner_id: int, due_on: date, by: Actor, via: Door, at: datetime
) -> FollowUp:
    """Something to be done because of it: a ticket of the desk with an owner and a day. Raises Forbidden, NotFound, Invalid."""
    report = _locked(report_id, "add_follow_up", by)
    asked = _("A follow-up of the report of {name} was to be added.").format(name=report.outage.name)
    title = one_line(title, 200, _("title"))
    owner = Person.objects.filter(pk=owner_id, active=True).first()
    if owner is None:
        raise NotFound(asked, _("There is no such person."), _("Choose somebody of the staff."))
    due_at = datetime.combine(due_on, incident.CLOSE_OF_BUSINESS, tzinfo=ZoneInfo(report.brand.zone))
    if due_at <= at:
        raise Invalid(asked, _("Its day is over."), _("Give a later one."), field="due_on")
    ticket = open_ticket(
        brand_id=report.brand_id,
        kind="request",
        title=title,
        words=Words(text=_("A follow-up of outage {name}.").format(name=report.outage.name), public=False),
        next_step=title,
        next_step_at=due_at,
        tags=["follow-up"],
        wakes=False,
        by=by,
        via=via,
        at=at,
    )
    assign_ticket(ticket_id=ticket.pk, person_id=owner.pk, by=by, via=via, at=at)
    added = FollowUp.objects.create(report=report, ticket=ticket, owner=owner, due_on=due_on)
    facts = {"person": owner.name, "title": title, "due_on": due_on.isoformat(), "ticket": ticket.number}
    _record(report, FOLLOW_UP_ADDED, facts, by, via, at)
    return added


# --- Regulators ------------------------------------------------------------------------------------------------------


@transaction.atomic
def assess_incident(*, report_id: UUID, pack: str, answer: bool, by: Actor, via: Door, at: datetime) -> IncidentReport:
    """The question that the rule pack asks is answered so, and what follows is owed, or no more. Raises Forbidden, NotFound."""
    report = _locked(report_id, "assess_incident", by)
    known = {one.key: one for one in incident_queries.packs_of(incident_queries.rules_of(report.brand_id)) if one.asks}
    if pack not in known:
        raise NotFound(
            _("A question of the rule pack {pack} was answered.").format(pack=pack[:40]),
            _("The brand goes by no such pack that asks anything."),
            _("Choose one of: {packs}.").format(packs=", ".join(known) or "-"),
        )
    said_yes = sorted({*report.said_yes, pack} if answer else {*report.said_yes} - {pack})
    if said_yes != sorted(report.said_yes):
        report.said_yes = said_yes
        report.save(update_fields=["said_yes"])
        _record(report, ASSESSED, {"pack": pack, "answer": answer}, by, via, at)
        _owe_regulators(report, report.outage, by, via, at)
    return report


@transaction.atomic
def note_regulator_told(*, duty_id: int, reference: str = "", by: Actor, via: Door, at: datetime) -> RegulatorDuty:
    """They were told, under their `reference`. Safe to repeat. Raises Forbidden, NotFound, Invalid."""
    duty, report = _duty(duty_id, "note_regulator_told", by)
    if duty.done_at is None:
        duty.done_at, duty.done_by = at, by.name[:120]
        duty.reference = one_line(reference, 200, _("reference"), may_be_empty=True)
        duty.save(update_fields=["done_at", "done_by", "reference"])
        _record(report, REGULATOR_TOLD, {"to": duty.to, "step": duty.name, "pack": duty.pack}, by, via, at)
    return duty


@transaction.atomic
def waive_regulator_duty(*, duty_id: int, why: str, by: Actor, via: Door, at: datetime) -> RegulatorDuty:
    """It is not owed after all, because of `why`, which stays on record. Raises Forbidden, NotFound, Invalid."""
    duty, report = _duty(duty_id, "waive_regulator_duty", by)
    duty.waived_why = one_line(why, 300, _("reason"))
    duty.save(update_fields=["waived_why"])
    _record(report, REGULATOR_WAIVED, {"to": duty.to, "step": duty.name, "pack": duty.pack}, by, via, at, text=why)
    return duty


@transaction.atomic
def chase_incident(*, report_id: UUID, what: str, number: int, by: Actor, via: Door, at: datetime) -> str:
    """What is owed by the report, to customers or ("duty:ID") to a regulator, is due or soon will be: whoever led is told, and
    again each CHASED_EVERY until it is done. Returns what was done.
    """
    report = _locked(report_id, None, by)
    words = _owed_words(report, what, at)
    if not words:
        return _("Nothing is owed.")
    told = _tell(report, words, _("See its report: {name}").format(name=report.outage.name), by, via, at)
    _record(report, CHASED, {"what": what.partition(":")[0], "people": told}, by, via, at)
    _promise_chase(report, what, at + CHASED_EVERY, number + 1, at)
    return _("{count} people were told.").format(count=told)


# --- How a brand has it ----------------------------------------------------------------------------------------------


@transaction.atomic
def save_incident_rules(
    *, brand_id: int, fields: Mapping[str, Any], by: Actor, via: Door, at: datetime
) -> IncidentRules:
    """The brand's rules are as in `fields`: customer_days, packs, own_packs, credits, users. Raises Forbidden, Invalid."""
    require(by, "save_incident_rules", brand_id)
    asked = _("Rules of incident reports were given.")
    rules = incident_queries.rules_of(brand_id)
    if unknown := sorted(set(fields) - {"customer_days", "packs", "own_packs", "credits", "users"}):
        raise Invalid(asked, _("There is no {name} among them.").format(name=unknown[0]), "")
    for name, value in fields.items():
        setattr(rules, name, value)
    try:
        own = regulator.read_packs(rules.own_packs)
        credit.read_rates(rules.credits)
        if rules.customer_days is not None and not 1 <= int(rules.customer_days) <= 90:
            raise ValueError(_("Reports are promised within 1 to 90 working days."))
        if not isinstance(rules.users, dict):
            raise ValueError(_("So many people use a subscription: give whole numbers by the service's key."))
        if any(not isinstance(count, int) or not 1 <= count <= 10_000_000 for count in dict(rules.users).values()):
            raise ValueError(_("So many people use a subscription: give whole numbers by the service's key."))
    except (ValueError, TypeError) as bad:
        raise Invalid(asked, str(bad), _("Mend that.")) from bad
    known = {pack["key"] for pack in BUILT_IN} | set(own)
    if missing := sorted(set(rules.packs) - known):
        raise Invalid(
            asked, _("There is no rule pack {key}.").format(key=missing[0]), _("Write it, or choose another.")
        )
    IncidentRules.objects.update_or_create(
        brand_id=brand_id,
        defaults={name: getattr(rules, name) for name in ("customer_days", "packs", "own_packs", "credits", "users")},
    )
    _brand_record(
        brand_id, RULES_SAVED, {"packs": list(rules.packs), "customer_days": rules.customer_days}, by, via, at
    )
    return rules


@transaction.atomic
def save_report_term(*, contract_id: int, working_days: int | None, by: Actor, via: Door, at: datetime) -> None:
    """The contract promises reports within so many working days; None: it says nothing of it.

    Raises Forbidden, NotFound, Invalid.
    """
    contract = Contract.objects.select_related("customer").filter(pk=contract_id).first()
    require(by, "save_report_term", contract.customer.brand_id if contract is not None else None)
    asked = _("A term for reports was given.")
    if contract is None:
        raise NotFound(asked, _("There is no such contract."), _("Choose one of a customer's."))
    if working_days is None:
        ReportTerm.objects.filter(contract=contract).delete()
    elif not 1 <= working_days <= 90:
        raise Invalid(asked, _("It is 1 to 90 working days."), _("Give such a number."), field="working_days")
    else:
        ReportTerm.objects.update_or_create(contract=contract, defaults={"working_days": working_days})
    record(
        TERM_SAVED,
        subject=("contract", contract.pk),
        by=by,
        via=via,
        at=at,
        brand_id=contract.customer.brand_id,
        facts={"days": working_days},
    )


# --- Beneath ---------------------------------------------------------------------------------------------------------

MOVED = ("state",)


def _move(report: IncidentReport, to: str) -> None:
    """The only place where a report's state is set; the row is locked and saved by the caller."""
    if to not in TRANSITIONS[report.state]:
        raise IllegalTransition(
            _("The report of {name} was to move.").format(name=report.outage.name),
            _("It cannot go from {state} to {to}.").format(state=report.state, to=to),
            "",
        )
    report.state = to


def _outage(outage_id: UUID, verb: str | None, by: Actor) -> Outage:
    """The outage under its row's lock. Raises NotFound, Forbidden."""
    rows = Outage.objects.select_for_update(of=("self",)).select_related("brand", "page")
    outage = rows.filter(pk=outage_id).first()
    if verb is not None:
        require(by, verb, outage.brand_id if outage is not None else None)
    if outage is None:
        raise NotFound(_("Outage %s was asked for.") % outage_id, _("There is no such outage."), "")
    return outage


def _report_of(outage: Outage, at: datetime) -> IncidentReport:
    """The report of the outage, whose row is locked; made where there is none."""
    found = IncidentReport.objects.select_related("outage", "brand").filter(outage=outage).first()
    if found is None:
        found = IncidentReport(id=uuid7(at), brand=outage.brand, outage=outage, made_at=at)
        found.save(force_insert=True)
    return found


def _locked(report_id: UUID, verb: str | None, by: Actor) -> IncidentReport:
    """The report under its row's lock, its outage's taken first. Raises NotFound, Forbidden."""
    outage_id = IncidentReport.objects.filter(pk=report_id).values_list("outage_id", flat=True).first()
    if outage_id is not None:
        Outage.objects.select_for_update().filter(pk=outage_id).first()
    rows = IncidentReport.objects.select_for_update(of=("self",)).select_related(
        "brand", "outage__brand", "outage__page"
    )
    report = rows.filter(pk=report_id).first()
    if verb is not None:
        require(by, verb, report.brand_id if report is not None else None)
    if report is None:
        raise NotFound(
            _("The report %s was asked for.") % report_id, _("There is no such one."), _("Look at the list of reports.")
        )
    return report


def _duty(duty_id: int, verb: str, by: Actor) -> tuple[RegulatorDuty, IncidentReport]:
    report_id = RegulatorDuty.objects.filter(pk=duty_id).values_list("report_id", flat=True).first()
    if report_id is None:
        require(by, verb, None)
        raise NotFound(_("A regulator's deadline was named."), _("There is no such one."), _("Look at the report."))
    report = _locked(report_id, verb, by)
    return RegulatorDuty.objects.get(pk=duty_id), report


def _write(report: IncidentReport, version: ReportVersion, by: Actor, at: datetime) -> None:
    report.version += 1
    version.report, version.number, version.written_at, version.written_by = report, report.version, at, by.name[:120]
    version.save(force_insert=True)
    report.save(update_fields=["version"])


def _checked_words(asked: str, words: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(words) - set(PARTS)):
        raise Invalid(asked, _("It has no part {name}.").format(name=unknown[0]), _("Use: %s.") % ", ".join(PARTS))
    if any(len(text) > LONGEST for text in words.values()):
        raise Invalid(asked, _("A part has more than %d characters.") % LONGEST, _("Shorten it."))
    return {part: _clean(text) for part, text in words.items()}


def _clean(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\x00", "").splitlines()).strip()


def _keys(report: IncidentReport) -> set[str]:
    return {row["key"] for row in report.drafted.get("rows", ())}


def _checked_rows(asked: str, report: IncidentReport, rows: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(rows) - _keys(report)):
        raise Invalid(asked, _("Its record has no line {key}.").format(key=unknown[0][:60]), _("Read it again."))
    return {key: one_line(words, 500, _("line")) for key, words in rows.items() if words.strip()}


def _checked_typed(
    asked: str,
    typed: Sequence[Mapping[str, Any]],
    before: ReportVersion,
    by: Actor,
    at: datetime,
) -> list[dict[str, str]]:
    if len(typed) > MOST_TYPED:
        raise Invalid(asked, _("It has more than %d typed lines.") % MOST_TYPED, _("Leave some out."))
    known = {(one["at"], one["words"]): one for one in before.typed}
    found = []
    for one in typed:
        when, words = one["at"], one_line(str(one["words"]), 500, _("line"))
        if not isinstance(when, datetime) or when.tzinfo is None or when > at:
            raise Invalid(asked, _("A typed line has no time, or one that is yet to come."), _("Give its time."))
        key = (when.isoformat(), words)
        found.append(known.get(key, {"at": key[0], "words": words, "by": by.name[:120], "typed_at": at.isoformat()}))
    return sorted(found, key=lambda line: line["at"])


def _named_in(report: IncidentReport, words: str) -> str:
    """A customer whom the words name, of those whom the outage touched; "" for none. Names of one or two letters are words."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.name FROM outages_affected a JOIN customers_customer c ON c.id = a.customer_id
            WHERE a.outage_id = %s AND length(c.name) > 2 AND position(lower(c.name) IN lower(%s)) > 0 LIMIT 1
            """,
            [report.outage_id, words],
        )
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _owe_customers(report: IncidentReport, outage: Outage, at: datetime) -> None:
    """Each customer touched whose contract, or else the brand, promises it is owed the report, from the end of the outage."""
    days = incident_queries.rules_of(outage.brand_id).customer_days
    terms = {
        *ReportTerm.objects.filter(contract__customer__brand=outage.brand_id).values_list("working_days", flat=True)
    }
    terms |= {days} if days is not None else set()
    if not terms or report.ended_at is None:
        return
    zone = outage.brand.zone
    first = report.ended_at.astimezone(ZoneInfo(zone)).date()
    holidays = holidays_of(outage.brand, first, first + timedelta(days=200))
    due = {term: incident.within_working_days(report.ended_at, term, zone, holidays) for term in terms}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO reports_reportowed AS o (report_id, customer_id, due_at)
            SELECT %(report)s, a.customer_id, x.due_at
            FROM outages_affected a
            LEFT JOIN customers_contract c ON c.customer_id = a.customer_id
              AND c.valid_from <= %(day)s AND (c.valid_until IS NULL OR c.valid_until > %(day)s)
            LEFT JOIN reports_reportterm t ON t.contract_id = c.id
            JOIN unnest(%(days)s::int[], %(due)s::timestamptz[]) AS x (days, due_at)
              ON x.days = coalesce(t.working_days, %(usual)s::int)
            WHERE a.outage_id = %(outage)s
            ON CONFLICT (report_id, customer_id) DO UPDATE SET due_at = excluded.due_at WHERE o.kept_at IS NULL
            """,
            {
                "report": report.pk, "outage": outage.pk, "day": first, "usual": days, "days": list(due),
                "due": list(due.values()),
            },
        )  # fmt: skip
    soonest = incident_queries.still_owed(report).first()
    if soonest is not None:
        _promise_chase(report, "customers", max(soonest.due_at - WARNED_BEFORE, at), 0, at)


def _owe_regulators(report: IncidentReport, outage: Outage, by: Actor, via: Door, at: datetime) -> None:
    """What the brand's packs want told of it, and nothing else that is not done yet, is owed; and chased."""
    packs = incident_queries.packs_of(incident_queries.rules_of(outage.brand_id))
    size = incident_queries.size_of(report, outage, at) if packs else None
    wanted: dict[tuple[str, str], regulator.Owed] = {}
    for pack in packs if size is not None else ():
        assert size is not None
        for one in regulator.owed(pack, size):
            if not outage.is_open or one.step.after != regulator.From.ENDED:
                wanted[pack.key, one.step.key] = one
    there = {(duty.pack, duty.step): duty for duty in report.duties.all()}
    for key, duty in there.items():
        if key not in wanted and duty.done_at is None and not duty.waived_why:
            duty.delete()
    for key, one in wanted.items():
        if key in there:
            RegulatorDuty.objects.filter(pk=there[key].pk, done_at=None).update(due_at=one.due_at, why=one.why[:300])
            continue
        duty = RegulatorDuty.objects.create(
            report=report,
            pack=one.pack.key,
            step=one.step.key,
            name=f"{one.pack.name}: {one.step.name}"[:200],
            to=one.pack.to,
            law=one.pack.law,
            why=one.why[:300],
            due_at=one.due_at,
        )
        _record(report, REGULATOR_OWED, {"to": duty.to, "step": duty.name, "pack": duty.pack}, by, via, at)
    _promise_duties(report, at)


def _promise_duties(report: IncidentReport, at: datetime) -> None:
    for duty in report.duties.filter(done_at=None, waived_why=""):
        _promise_chase(report, f"duty:{duty.pk}", max(duty.due_at - WARNED_BEFORE, at), 0, at, duty.due_at)


def _promise_chase(
    report: IncidentReport, what: str, due_at: datetime, number: int, at: datetime, deadline: datetime | None = None
) -> None:
    promise(
        CHASE,
        subject=("incident_report", report.pk),
        due_at=due_at,
        why=_("What the report of {name} still owes then is chased.").format(name=report.outage.name),
        at=at,
        facts={"what": what, "number": number},
        brand_id=report.brand_id,
        occurrence=f"{report.pk}:{what}:{deadline or report.ended_at}:{number}",
    )


def _owed_words(report: IncidentReport, what: str, at: datetime) -> str:
    """What is owed, in a sentence; "" where it is not any more."""
    zone = ZoneInfo(report.brand.zone)
    name = report.outage.name
    if what == "customers":
        owed = incident_queries.still_owed(report)
        soonest = owed.first()
        if soonest is None:
            return ""
        late = soonest.due_at <= at
        words = (
            _("{count} customers should have had the report of {name} by {time}")
            if late
            else _("{count} customers have been promised the report of {name} by {time}")
        )
        return words.format(count=owed.count(), name=name, time=_clock(soonest.due_at, zone))
    duty = report.duties.filter(pk=int(what.partition(":")[2]), done_at=None, waived_why="").first()
    if duty is None:
        return ""
    words = (
        _("{to} should have been told of {name} by {time}")
        if duty.due_at <= at
        else _("{to} must be told of {name} by {time}")
    )
    return words.format(to=duty.to, name=name, time=_clock(duty.due_at, zone))


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return date_format(at.astimezone(zone), "D j M H:i")


def _tell(report: IncidentReport, title: str, body: str, by: Actor, via: Door, at: datetime) -> int:
    """Whoever led, and the desk's manager, by their quiet ways; to how many."""
    people = incident_queries.concerned(report.outage)
    if not people:
        return 0
    return tell_quietly(
        people,
        kind="incident",
        subject=("incident_report", report.pk),
        title=title,
        body=f"{body}\n{settings.PUBLIC_URL}/incidents/{report.pk}/",
        brand_id=report.brand_id,
        by=by,
        via=via,
        at=at,
    )


def _record(
    report: IncidentReport, what: str, facts: Mapping[str, Any], by: Actor, via: Door, at: datetime, *, text: str = ""
) -> UUID:
    return record(
        what,
        subject=("incident_report", report.pk),
        by=by,
        via=via,
        at=at,
        brand_id=report.brand_id,
        facts={"name": report.outage.name, **facts},
        text=text,
    )


def _brand_record(brand_id: int, what: str, facts: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    record(what, subject=("brand", brand_id), by=by, via=via, at=at, brand_id=brand_id, facts=dict(facts))
