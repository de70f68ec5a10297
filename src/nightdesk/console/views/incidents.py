"""Reports of incidents: what stands, what is owed by them, one to read and to write on, and how a brand has them."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import get_current_timezone, make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.console.views.lists import as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within
from nightdesk.customers.models import Contract
from nightdesk.outages.models import Outage
from nightdesk.people.models import Person
from nightdesk.reports import incident_actions as actions
from nightdesk.reports import incident_queries as queries
from nightdesk.reports import regulator
from nightdesk.reports.incident import Row, Source, spans
from nightdesk.reports.incident_models import CustomerEdition, IncidentReport, RegulatorDuty
from nightdesk.reports.incident_writing import FORMS, said_spans, source_words, staff_document, state_words, titles
from nightdesk.reports.regulator_packs import BUILT_IN

State = IncidentReport.State
TONES = {State.GATHERING: "fire", State.DRAFT: "accent", State.APPROVED: "calm"}


@staff("read_incident_reports")
def incidents(request: StaffRequest) -> HttpResponse:
    """Every report, the newest first."""
    rows, pager = one_page(request, _chosen(request))
    late = {one.pk for one in queries.late(request.brands, request.at)[:200]}
    context = {
        "here": "incidents",
        "heading": _list_heading(len(late), bool(rows)),
        "rows": [_listed(one, late) for one in rows],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Title of the outage")),
            select("state", _("Stands as"), asked(request, "state", State.values), _states(), _("Any")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:incidents_csv")),
        "rules": [
            {"label": brand.name, "url": reverse("console:incident_rules", args=[brand.pk])}
            for brand in Brand.objects.filter(within(request.brands, "id")).order_by("name")
            if may(request, "save_incident_rules", brand.pk)
        ],
    }
    return render(request, "console/incidents.html", context)


@staff("read_incident_reports")
def incidents_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file, with how long things took, in seconds."""

    def rows() -> Iterator[list[Any]]:
        for one in _chosen(request).iterator(500):
            took = spans(queries.times_in(one.drafted)) if one.drafted else None
            lost = one.drafted.get("lost", {})
            yield [
                one.outage.name, one.outage.title, one.state, one.ended_at, one.stands_by, one.approved_by,
                *(_seconds(getattr(took, name, None)) for name in ("until_answered", "until_told", "until_fixed")),
                lost.get("customers", ""), lost.get("user_hours", ""),
            ]  # fmt: skip

    header = ["outage", "title", "state", "ended_at", "stands_by", "approved_by", "until_answered_s", "until_told_s"]
    return as_csv("incident-reports", [*header, "until_fixed_s", "customers", "user_hours"], rows())


@staff("read_incident_reports")
def incident(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """One report, with all that is owed by it."""
    report = _report(request, report_id)
    if not report.drafted:
        outage = Outage.objects.select_related("brand", "page").get(pk=report.outage_id)
        report.drafted = queries.record_of(outage, request.at)
    version = queries.latest(report)
    brand_id = report.brand_id
    drafted = report.state != State.GATHERING
    edition = CustomerEdition.objects.filter(report=report).first()
    packs = {pack.key: pack for pack in queries.packs_of(queries.rules_of(brand_id))}
    context = {
        "here": "incidents",
        "report": report,
        "heading": _heading(report),
        "tag": {"tone": TONES[State(report.state)], "text": state_words(report.state)},
        "spans": list(said_spans(spans(queries.times_in(report.drafted))))[: 3 if drafted else 2],
        "lost": report.drafted["lost"],
        "parts": [(title, version.words.get(part, "")) for part, title in titles().items()],
        "rows": [_line(row) for row in queries.rows_in(report, version)],
        "told": [{**one, "at": datetime.fromisoformat(one["at"])} for one in report.drafted["told"]],
        "follow_ups": report.follow_ups.select_related("ticket", "owner"),
        "duties": [_duty(one, packs.get(one.pack), request) for one in report.duties.all()],
        "questions": _questions(report) if may(request, "assess_incident", brand_id) else [],
        "owed": queries.still_owed(report).count(),
        "soonest": queries.still_owed(report).first(),
        "edition": edition,
        "versions": report.versions.order_by("-number"),
        "sums": sorted(queries.sums_of(queries.credits_of(report)).items()),
        "may_edit": drafted and may(request, "edit_incident_report", brand_id),
        "may_approve": report.state == State.DRAFT and may(request, "approve_incident_report", brand_id),
        "may_publish": report.state == State.APPROVED
        and not report.outage.is_open
        and (edition is None or edition.version != report.version)
        and may(request, "publish_incident_report", brand_id),
        "may_follow": may(request, "add_follow_up", brand_id),
        "may_tell": may(request, "note_regulator_told", brand_id),
        "may_waive": may(request, "waive_regulator_duty", brand_id),
        "people": Person.objects.filter(active=True, teams__brand=brand_id).distinct().order_by("name"),
        "today": request.at.date().isoformat(),
    }
    return render(request, "console/incident.html", context)


@staff("read_incident_reports")
def incident_file(request: StaffRequest, report_id: UUID, form: str) -> HttpResponse:
    """The report as Markdown, HTML or PDF, by the reader's clocks."""
    report = _report(request, report_id)
    if not report.drafted:
        raise Invalid(_("A report was asked for."), _("Its outage goes on."), _("Wait until it is over."))
    if form not in FORMS:
        raise NotFound(_("A report was asked for."), _("It is not made in that form."), _("Choose one of the page's."))
    make, kind, ending = FORMS[form]
    answer = HttpResponse(make(staff_document(report, str(get_current_timezone()))), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{report.outage.name}.{ending}"'
    return answer


@staff("read_incident_reports")
def credits_csv(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """What is due to each customer for each service that was down."""
    report = _report(request, report_id)
    reckoned = ("minutes", "price", "percent", "days", "amount", "currency")
    rows = (
        [one.lost.customer, one.lost.customer_ref, one.lost.service, *(getattr(one, name) for name in reckoned)]
        for one in queries.credits_of(report)
    )
    return as_csv(f"credits-{report.outage.name}", ["customer", "customer_ref", "service", *reckoned], rows)


@form_page("edit_incident_report")
def edit_incident(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """The words of the report; the times of the record stand beside them and cannot be changed."""
    report = _report(request, report_id)
    version = queries.latest(report)
    if request.method == "POST":
        actions.edit_incident_report(
            report_id=report.pk,
            seen=_seen(request),
            words={part: request.POST.get(part, "") for part in titles()},
            rows=_worded(request, report),
            hidden=request.POST.getlist("hidden"),
            typed=_typed(request, version),
            **_doing(request),
        )
        return done(request, _("Saved as a new version."), "console:incident", report.pk)
    context = {
        "here": "incidents",
        "report": report,
        "version": version,
        "heading": _("Write the report of {name}").format(name=report.outage.name),
        "parts": [
            {"name": part, "title": title, "words": version.words.get(part, "")} for part, title in titles().items()
        ],
        "rows": [
            {
                **row,
                "at": datetime.fromisoformat(row["at"]),
                "own": version.rows.get(row["key"], ""),
                "hidden": row["key"] in version.hidden,
            }
            for row in report.drafted.get("rows", ())
        ],
        "typed": [{**one, "at": datetime.fromisoformat(one["at"])} for one in version.typed],
    }  # fmt: skip
    return render(request, "console/incident_edit.html", context)


def _seen(request: StaffRequest) -> int:
    """The version that the reader had before them; 0, which no version is, where they do not say."""
    seen = request.POST.get("seen", "")
    return int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 10 else 0


@posting("draft_incident_report")
def draft_incident(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """The record is read anew."""
    report = _report(request, report_id)
    actions.draft_incident_report(outage_id=report.outage_id, **_doing(request))
    return done(
        request, _("Drawn up anew from the record. What people wrote is as it was."), "console:incident", report.pk
    )


@posting("approve_incident_report")
def approve_incident(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """It is what we say of it."""
    report = _report(request, report_id)
    actions.approve_incident_report(report_id=report.pk, seen=_seen(request), **_doing(request))
    return done(request, _("Approved."), "console:incident", report.pk)


@posting("publish_incident_report")
def publish_incident(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """Customers can read their version."""
    report = _report(request, report_id)
    actions.publish_incident_report(report_id=report.pk, **_doing(request))
    return done(request, _("Every customer whom it touched can read their version now."), "console:incident", report.pk)


@posting("add_follow_up")
def incident_follow_up(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """A ticket is opened for what is to be done."""
    report = _report(request, report_id)
    owner = request.POST.get("owner", "")
    try:
        due_on = date.fromisoformat(request.POST.get("due_on", ""))
    except ValueError:
        raise Invalid(_("A follow-up was added."), _("It has no day."), _("Give one."), field="due_on") from None
    added = actions.add_follow_up(
        report_id=report.pk,
        title=request.POST.get("title", ""),
        owner_id=int(owner) if owner.isdecimal() else 0,
        due_on=due_on,
        **_doing(request),
    )
    return done(request, _("Ticket #%d is open.") % added.ticket.number, "console:incident", report.pk)


@posting("assess_incident")
def assess(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """A rule pack's question is answered."""
    report = _report(request, report_id)
    answer = request.POST.get("answer") == "yes"
    actions.assess_incident(report_id=report.pk, pack=request.POST.get("pack", ""), answer=answer, **_doing(request))
    return done(request, _("Noted."), "console:incident", report.pk)


@posting("note_regulator_told")
def regulator_told(request: StaffRequest, duty_id: int) -> HttpResponse:
    """They were told."""
    duty = _one_duty(request, duty_id)
    actions.note_regulator_told(duty_id=duty.pk, reference=request.POST.get("reference", ""), **_doing(request))
    return done(request, _("Noted."), "console:incident", duty.report_id)


@posting("waive_regulator_duty")
def regulator_waived(request: StaffRequest, duty_id: int) -> HttpResponse:
    """They need not be told."""
    duty = _one_duty(request, duty_id)
    actions.waive_regulator_duty(duty_id=duty.pk, why=request.POST.get("why", ""), **_doing(request))
    return done(request, _("Noted."), "console:incident", duty.report_id)


@posting("save_report_term")
def report_term(request: StaffRequest, contract_id: int) -> HttpResponse:
    """Within how many working days a contract promises reports; an empty field: it says nothing of them."""
    rows = Contract.objects.filter(within(request.brands, "customer__brand_id"), pk=contract_id)
    contract = found(rows, _("You named a contract."))
    days = request.POST.get("working_days", "").strip()
    if days and not (days.isascii() and days.isdecimal()):
        raise Invalid(_("A term for reports was given."), _("It is no number."), _("Give a number of days."))
    actions.save_report_term(contract_id=contract.pk, working_days=int(days) if days else None, **_doing(request))
    return done(request, _("Saved."), "console:customer", contract.customer_id)


class IncidentRulesForm(forms.Form):
    """How a brand reports incidents."""

    customer_days = forms.IntegerField(
        label=gettext_lazy("Customers have their report within so many working days"),
        help_text=gettext_lazy("Empty: only those whose contract says so. Each contract may have its own term."),
        required=False,
        min_value=1,
        max_value=90,
    )
    packs = forms.MultipleChoiceField(
        label=gettext_lazy("Whom the law may want told"), required=False, widget=forms.CheckboxSelectMultiple
    )
    own_packs = forms.JSONField(
        label=gettext_lazy("Rule packs of your own"),
        help_text=gettext_lazy("A list, in the form that the documentation shows."),
        required=False,
        initial=list,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )
    credits = forms.JSONField(
        label=gettext_lazy("Service credits and compensation"),
        help_text=gettext_lazy("Prices by service, steps of minutes and percent, an amount per day."),
        required=False,
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )
    users = forms.JSONField(
        label=gettext_lazy("How many people use one subscription"),
        help_text=gettext_lazy("By the service's key; one where nothing is said. User-hours are counted by it."),
        required=False,
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )


@form_page("save_incident_rules")
def incident_rules(request: StaffRequest, brand_id: int) -> HttpResponse:
    """How the brand reports incidents: terms, rule packs, rates."""
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))
    rules = queries.rules_of(brand.pk)
    initial = {name: getattr(rules, name) for name in ("customer_days", "packs", "own_packs", "credits", "users")}
    form = IncidentRulesForm(request.POST or None, initial=initial)
    known = regulator.read_packs(BUILT_IN) | regulator.read_packs(rules.own_packs)
    form.fields["packs"].choices = [  # type: ignore[attr-defined]
        (pack.key, format_html("<span>{}: {}<small>{}</small></span>", pack.name, pack.law, _checked(pack)))
        for pack in known.values()
    ]
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        given |= {
            "own_packs": given["own_packs"] or [],
            "credits": given["credits"] or {},
            "users": given["users"] or {},
        }
        try:
            actions.save_incident_rules(brand_id=brand.pk, fields=given, **_doing(request))
        except Invalid as refusal:
            form.add_error(None, str(refusal))
        else:
            return done(request, _("Saved."), "console:incidents")
    context = {
        "here": "incidents",
        "form": form,
        "heading": _("How {brand} reports incidents").format(brand=brand.name),
        "label": _("Save"),
        "crumbs": [{"url": reverse("console:incidents"), "label": _("Incident reports")}],
    }
    return render(request, "console/form.html", context)


def _doing(request: StaffRequest) -> dict[str, Any]:
    return {"by": request.actor, "via": Door.WEB, "at": request.at}


def _report(request: StaffRequest, report_id: UUID) -> IncidentReport:
    return found(queries.reports(request.brands).filter(pk=report_id), _("You asked for a report."))


def _one_duty(request: StaffRequest, duty_id: int) -> RegulatorDuty:
    rows = RegulatorDuty.objects.filter(within(request.brands, "report__brand_id"), pk=duty_id)
    return found(rows, _("You named a regulator's deadline."))


def _chosen(request: StaffRequest) -> Any:
    rows = queries.reports(request.brands)
    if words := asked(request, "q"):
        rows = rows.filter(outage__title__icontains=words)
    if state := asked(request, "state", State.values):
        rows = rows.filter(state=state)
    return rows


def _states() -> dict[str, str]:
    return {state: state_words(state) for state in State.values}


def _list_heading(late: int, any_: bool) -> str:
    if late:
        return ngettext("{count} report is owed and late", "{count} reports are owed and late", late).format(count=late)
    return _("Every report stands") if any_ else _("There is no report yet")


def _listed(one: IncidentReport, late: set[UUID]) -> dict[str, Any]:
    tags = [{"tone": TONES[State(one.state)], "text": state_words(one.state)}]
    if one.pk in late:
        tags.insert(0, {"tone": "fire", "text": _("late")})
    return {
        "at": one.ended_at or one.outage.began_at,
        "title": f"{one.outage.name} {one.outage.title}",
        "detail": one.brand.name,
        "url": reverse("console:incident", args=[one.pk]),
        "tags": tags,
    }


def _heading(report: IncidentReport) -> str:
    name = report.outage.name
    return {
        State.GATHERING: _("{name} goes on; what is on record so far").format(name=name),
        State.DRAFT: _("The report of {name} stands, and waits for approval").format(name=name),
        State.APPROVED: _("The report of {name} is approved").format(name=name),
    }[State(report.state)]


def _line(row: Row) -> dict[str, Any]:
    return {
        "at": row.at,
        "words": row.words,
        "who": row.who,
        "source": source_words(row.source),
        "typed": row.source is Source.TYPED,
        "told": row.source is Source.TOLD,
    }


def _duty(one: RegulatorDuty, pack: regulator.Pack | None, request: StaffRequest) -> dict[str, Any]:
    is_open = one.done_at is None and not one.waived_why
    checked = _checked(pack) if pack is not None else ""
    return {"row": one, "open": is_open, "late": is_open and one.due_at <= request.at, "checked": checked}


def _checked(pack: regulator.Pack) -> str:
    """When the pack's numbers were held against what."""
    return _("Numbers checked: {when}.").format(when=pack.checked or _("never"))


def _questions(report: IncidentReport) -> list[dict[str, Any]]:
    packs = queries.packs_of(queries.rules_of(report.brand_id))
    return [
        {"key": pack.key, "name": pack.name, "asks": pack.asks, "yes": pack.key in report.said_yes}
        for pack in packs
        if pack.asks
    ]


def _worded(request: StaffRequest, report: IncidentReport) -> dict[str, str]:
    keys = [row["key"] for row in report.drafted.get("rows", ())]
    return {key: words for key in keys if (words := request.POST.get(f"row-{key}", "").strip())}


def _typed(request: StaffRequest, version: Any) -> list[dict[str, Any]]:
    """The typed lines that are kept, and the new one where there is one."""
    gone = set(request.POST.getlist("gone"))
    kept = [
        {"at": datetime.fromisoformat(one["at"]), "words": one["words"]}
        for number, one in enumerate(version.typed)
        if str(number) not in gone
    ]
    words, when = request.POST.get("new_words", "").strip(), request.POST.get("new_at", "")
    if not words and not when:
        return kept
    try:
        at = datetime.fromisoformat(when)
    except ValueError:
        raise Invalid(
            _("A line was added to the timeline."), _("It has no time."), _("Give day and time."), field="new_at"
        ) from None
    return [*kept, {"at": at if at.tzinfo else make_aware(at), "words": words}]


def _seconds(span: Any) -> str:
    return "" if span is None else str(round(span.total_seconds()))
