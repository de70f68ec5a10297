"""A report in words: what is drafted for its writer, and the documents that staff and customers read, by the reader's clocks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from nightdesk.outages import wording
from nightdesk.outages.models import Outage
from nightdesk.reports import incident
from nightdesk.reports.incident import Row, Source, Spans
from nightdesk.reports.incident_document import (
    Block,
    Document,
    Facts,
    Heading,
    Paragraph,
    Table,
    as_markdown,
    as_page,
)
from nightdesk.reports.incident_models import FollowUp, IncidentReport, RegulatorDuty, ReportVersion
from nightdesk.reports.incident_queries import latest, rows_in, times_in
from nightdesk.reports.pdf_text import as_pdf


def titles() -> dict[str, str]:
    """The parts that people write, with their headings, in the order in which they are read."""
    return {
        "summary": _("Summary"),
        "impact": _("What it did to customers"),
        "cause": _("Cause"),
        "went_well": _("What went well"),
        "went_badly": _("What went badly"),
        "for_customers": _("For customers: what happened"),
        "prevention": _("For customers: what we do so that it does not happen again"),
    }


def first_words(outage: Outage, drafted: Mapping[str, Any]) -> dict[str, str]:
    """What the record says by itself, in the brand's language, for the writer to go on from. Nobody is named, and no cause that
    was not noted.
    """
    with override(outage.brand.language):
        times, lost = times_in(drafted), drafted["lost"]
        spans = incident.spans(times)
        services = ", ".join(one["name"] for one in lost["services"]) or outage.title
        summary = _("{services}: not working for {lasted}, from {began} to {ended}.").format(
            services=services,
            lasted=incident.said_span(spans.until_fixed),
            began=_when(times.began_at, outage.brand.zone),
            ended=_when(times.ended_at, outage.brand.zone),
        )
        customers = int(lost["customers"])
        impact = ngettext("It touched {count} customer", "It touched {count} customers", customers).format(
            count=customers
        )
        impact += ". " + _("{hours} user-hours were lost.").format(hours=lost["user_hours"])
        told = _("{services} did not work for {lasted}. We are sorry.").format(
            services=_("A service that you buy") if not lost["services"] else services,
            lasted=incident.said_span(spans.until_fixed),
        )
        return {"summary": summary, "impact": impact, "cause": outage.cause.strip(), "for_customers": told}


def for_staff(
    report: IncidentReport,
    version: ReportVersion,
    *,
    follow_ups: Sequence[FollowUp],
    duties: Sequence[RegulatorDuty],
    zone: str,
) -> Document:
    """The whole report, with times by the clocks of `zone`."""
    blocks: list[Block] = [Facts(tuple(_head(report, version, zone)))]
    parts = titles()
    for part in ("summary", "impact", "cause"):
        blocks += _part(parts[part], version.words.get(part, ""))
    blocks.append(Heading(_("How long it took")))
    blocks.append(Facts(tuple(said_spans(incident.spans(times_in(report.drafted))))))
    blocks.append(Heading(_("Timeline")))
    blocks.append(_timeline(rows_in(report, version), zone))
    blocks.append(Heading(_("What was told to customers")))
    blocks.append(_told(report.drafted["told"], zone))
    for part in ("went_well", "went_badly"):
        blocks += _part(parts[part], version.words.get(part, ""))
    if follow_ups:
        blocks.append(Heading(_("Follow-ups")))
        done = tuple(
            (one.ticket.title, one.owner.name, one.due_on.isoformat(), f"#{one.ticket.number} {one.ticket.state}")
            for one in follow_ups
        )
        blocks.append(Table((_("What"), _("Who"), _("By"), _("Ticket")), done, (5, 2, 2, 2)))
    if duties:
        blocks.append(Heading(_("Regulators")))
        rows = tuple((one.name, one.to, _when(one.due_at, zone), _duty_stands(one, zone)) for one in duties)
        blocks.append(Table((_("What"), _("To whom"), _("By"), _("How it stands")), rows, (4, 3, 2, 3)))
    return Document(
        _("Report of outage {name}: {title}").format(name=report.outage.name, title=report.outage.title),
        tuple(blocks),
        report.brand.language,
    )


FORMS: Mapping[str, tuple[Callable[[Document], bytes], str, str]] = {
    "markdown": (lambda document: as_markdown(document).encode(), "text/markdown; charset=utf-8", "md"),
    "html": (lambda document: as_page(document).encode(), "text/html; charset=utf-8", "html"),
    "pdf": (as_pdf, "application/pdf", "pdf"),
}
"""Name of a form -> what makes it, its media type, and how the name of such a file ends."""


def staff_document(report: IncidentReport, zone: str) -> Document:
    """The report as it is now; it has been drafted."""
    return for_staff(
        report,
        latest(report),
        follow_ups=list(report.follow_ups.select_related("ticket", "owner")),
        duties=list(report.duties.all()),
        zone=zone,
    )


@dataclass(frozen=True, slots=True)
class ForOne:
    """What a customer's version is made of: their services [(name, since, until)], and what was told [(at, text)]."""

    name: str
    began_at: datetime
    ended_at: datetime | None
    services: Sequence[tuple[str, datetime, datetime | None]]
    told: Sequence[tuple[datetime, str]]
    words: Mapping[str, str]
    language: str


def for_customer(one: ForOne, *, zone: str) -> Document:
    """The report as a customer reads it: their own services, what they were told, and what we say of it. No names of others."""
    blocks: list[Block] = [Paragraph(one.words.get("for_customers", ""))]
    if one.services:
        blocks.append(Heading(_("What of yours it touched")))
        rows = tuple(
            (
                name,
                _when(since, zone),
                _when(until, zone) if until else "",
                incident.said_span(until - since) if until else "",
            )
            for name, since, until in one.services
        )
        blocks.append(Table((_("Service"), _("From"), _("Until"), _("How long")), rows, (4, 3, 3, 2)))
    if one.told:
        blocks.append(Heading(_("What we told you, and when")))
        blocks.append(Table((_("When"), _("What")), tuple((_when(at, zone), text) for at, text in one.told), (3, 9)))
    if one.words.get("prevention", ""):
        blocks.append(Heading(_("What we do so that it does not happen again")))
        blocks.append(Paragraph(one.words["prevention"]))
    blocks.append(Paragraph(_("All times are by the clocks of {zone}.").format(zone=zone)))
    return Document(_("Report of outage {name}").format(name=one.name), tuple(blocks), one.language)


def said_spans(spans: Spans) -> Iterable[tuple[str, str]]:
    """How long things took, each with its label; what never was is said so."""
    never = _("not on record")
    yield _("Until the alarm was answered"), incident.said_span(spans.until_answered) or never
    yield _("Until customers first heard"), incident.said_span(spans.until_told) or never
    yield _("Until it was fixed"), incident.said_span(spans.until_fixed)


def source_words(source: Source) -> str:
    """Where a line comes from, as it is read beside it."""
    return {
        Source.ALARM: _("alarm"),
        Source.RECORD: _("record"),
        Source.TOLD: _("told"),
        Source.TYPED: _("typed"),
    }[source]


def _head(report: IncidentReport, version: ReportVersion, zone: str) -> Iterable[tuple[str, str]]:
    lost = report.drafted["lost"]
    yield _("Stands as"), _("version {number}, {state}").format(number=version.number, state=state_words(report.state))
    if report.state == IncidentReport.State.APPROVED:
        yield _("Approved by"), report.approved_by
    times = times_in(report.drafted)
    yield _("From"), _when(times.began_at, zone)
    yield _("Until"), _when(times.ended_at, zone)
    yield _("Severity"), report.outage.get_severity_display()
    yield _("Customers touched"), str(lost["customers"])
    yield _("User-hours lost"), str(lost["user_hours"])
    yield _("Times by the clocks of"), zone


def state_words(state: str) -> str:
    """How a report stands."""
    return {"gathering": _("the outage goes on"), "draft": _("draft"), "approved": _("approved")}[state]


def _part(title: str, words: str) -> list[Block]:
    return [Heading(title), Paragraph(words)] if words.strip() else []


def _timeline(rows: Sequence[Row], zone: str) -> Block:
    said = tuple((_when(row.at, zone), row.words, row.who, source_words(row.source)) for row in rows)
    return Table((_("When"), _("What"), _("Who"), _("From")), said, (3, 8, 2, 2))


def _told(told: Sequence[Mapping[str, Any]], zone: str) -> Block:
    if not told:
        return Paragraph(_("Nobody was told anything."))
    rows = tuple(
        (
            _when(datetime.fromisoformat(one["at"]), zone),
            f"{wording.state_words(one['state'])}: {one['text']}",
            str(one["people"]),
            _("{arrived} arrived, {accepted} accepted, {lost} lost, {waiting} waiting").format(**one),
        )
        for one in told
    )
    return Table((_("When"), _("What"), _("People"), _("Messages")), rows, (3, 6, 1, 3))


def _duty_stands(duty: RegulatorDuty, zone: str) -> str:
    if duty.done_at is not None:
        return _("told {time} {reference}").format(time=_when(duty.done_at, zone), reference=duty.reference).strip()
    return _("not owed: {why}").format(why=duty.waived_why) if duty.waived_why else _("owed")


def _when(at: datetime, zone: str) -> str:
    """Day and time by the clocks of `zone`, with the clocks' name, so that a night of two two-o'clocks is told apart."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{date_format(local, _('D d M H:i'))} {local.tzname()}"
