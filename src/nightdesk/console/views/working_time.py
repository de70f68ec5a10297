"""Hours: when somebody is not available, what they cannot do, their terms, what they worked, and what the rules say to it.

A person and their managers see all of it; colleagues see when somebody is not available, and never why.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.console.views.burden import SWITCH_NAMES
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import people_within
from nightdesk.console.views.lists import EXPORTED, as_csv, csv_url, one_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within
from nightdesk.duty.called import log_call
from nightdesk.duty.models import LateStart
from nightdesk.duty.rest_actions import confirm_late_start, decline_late_start
from nightdesk.people.hours_actions import (
    REFERENCE_WEEKS,
    RULE_PACKS,
    cancel_absence,
    cancel_restriction,
    record_absence,
    record_restriction,
    set_terms,
)
from nightdesk.people.locking import knows, may_for
from nightdesk.people.models import Absence, Person, Restriction, Terms
from nightdesk.people.reading_actions import What, note_read
from nightdesk.reports.queries import switched_off
from nightdesk.rota import checking, law, law_wording
from nightdesk.rota.models import Exemption, RestOwed, Seat, Worked
from nightdesk.rota.resolve import instant_of
from nightdesk.rota.work_actions import give_rest, set_counting

AHEAD = timedelta(weeks=8)
CALL_LENGTHS = (10, 20, 30, 60)
ABSENCES = {
    Absence.Kind.LEAVE: gettext_lazy("Leave"),
    Absence.Kind.SICKNESS: gettext_lazy("Sickness"),
    Absence.Kind.OTHER: gettext_lazy("Other"),
}
RESTRICTIONS = {
    Restriction.Kind.NO_NIGHTS: gettext_lazy("No nights"),
    Restriction.Kind.NO_WEEKENDS: gettext_lazy("No weekends"),
    Restriction.Kind.NO_SITE_VISITS: gettext_lazy("No site visits"),
    Restriction.Kind.NO_DUTY: gettext_lazy("No duty"),
}
WORK_KINDS = {
    Worked.Kind.PLANNED: gettext_lazy("Duty"),
    Worked.Kind.STANDBY: gettext_lazy("Standby"),
    Worked.Kind.PAGE: gettext_lazy("Page"),
    Worked.Kind.CALLED: gettext_lazy("Called"),
    Worked.Kind.MANUAL: gettext_lazy("By hand"),
}
COUNTS = {
    Seat.Counts.ALL: gettext_lazy("All of it"),
    Seat.Counts.CALLED_ONLY: gettext_lazy("Only what they are called for"),
}
DOUBTS = {
    "response": gettext_lazy("the answer must come within 15 minutes"),
    "place": gettext_lazy("a place is prescribed"),
    "pages": gettext_lazy("there is more than one page a duty"),
    "work": gettext_lazy("there is more than an hour's work a night"),
}
LATE_STATES = {
    LateStart.State.TOLD: (gettext_lazy("told"), ""),
    LateStart.State.COVERED: (gettext_lazy("covered"), "calm"),
    LateStart.State.PROPOSED: (gettext_lazy("to be confirmed"), "accent"),
    LateStart.State.OPEN: (gettext_lazy("nobody found"), "fire"),
    LateStart.State.DECLINED: (gettext_lazy("declined"), ""),
}


class AbsenceForm(forms.Form):
    absence = forms.ChoiceField(label=gettext_lazy("Why"), choices=list(ABSENCES.items()))
    first = forms.DateField(label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(
        label=gettext_lazy("Last day"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Both days are free. Colleagues see that you are not available, and not why."),
    )
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)


class RestrictionForm(forms.Form):
    restriction = forms.ChoiceField(label=gettext_lazy("What"), choices=list(RESTRICTIONS.items()))
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: until further notice."),
    )
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)


class CalledForm(forms.Form):
    minutes = forms.IntegerField(min_value=1, max_value=960)


class GivenForm(forms.Form):
    minutes = forms.IntegerField(min_value=1)


def _day(label: Any, help_text: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label, required=False, help_text=help_text, widget=forms.DateInput(attrs={"type": "date"})
    )


class TermsForm(forms.Form):
    rule_pack = forms.ChoiceField(label=gettext_lazy("Law"), choices=[(key, law.PACKS[key].name) for key in RULE_PACKS])
    weekly_hours = forms.DecimalField(
        label=gettext_lazy("Hours a week by contract"), min_value=0, max_value=80, decimal_places=2, max_digits=4
    )
    reference_weeks = forms.TypedChoiceField(
        label=gettext_lazy("Weeks that the 48 hours are averaged over"),
        coerce=int,
        choices=[(weeks, str(weeks)) for weeks in REFERENCE_WEEKS],
        help_text=gettext_lazy(
            "17; 26 where work must not stop (regulation 21), 52 by an agreement with the workforce."
        ),
    )
    continuous_service = forms.BooleanField(
        label=gettext_lazy("Their work must not stop (regulation 21, or an agreement on nights)"), required=False
    )
    opted_out_from = _day(gettext_lazy("Opt-out of the 48 hours from"), gettext_lazy("Signed by them, in writing."))
    opted_out_until = _day(gettext_lazy("Opt-out until"))
    under_18_until = _day(gettext_lazy("Under 18 until"), gettext_lazy("Their eighteenth birthday."))
    night_assessed_on = _day(gettext_lazy("Last health assessment for night work"))
    employed_on = _day(gettext_lazy("First day of work"))
    hours_known_since = _day(
        gettext_lazy("All hours on record since"),
        gettext_lazy("Before that day the averages are unknown, and are said to be."),
    )
    max_nights_a_month = forms.IntegerField(
        label=gettext_lazy("Most nights a month that they agreed to"), required=False, min_value=0, max_value=31
    )


class CountingForm(forms.Form):
    counts = forms.ChoiceField(label=gettext_lazy("What counts as working time"), choices=list(COUNTS.items()))
    response_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes within which they must be at work when called"),
        required=False,
        min_value=1,
        max_value=1440,
    )
    fixed_place = forms.BooleanField(label=gettext_lazy("They must stay at a place that we name"), required=False)
    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy(
            "Kept with your name and the time. Standby at a fixed place, or with an answer within "
            "15 minutes, may be working time all the same (Matzak, C-518/15): ask."
        ),
    )


@staff("read_people")
def person_hours(request: StaffRequest, person_id: int) -> HttpResponse:
    """One person's availability; for themselves and their managers with reasons, terms, hours and rest owed."""
    person = _person(request, person_id)
    known = knows(person, request.actor)
    if known:
        note_read(person_ids=[person.id], what=What.HOURS, by=request.actor, via=Door.WEB, at=request.at)
    mine = request.person is not None and request.person.id == person.id
    worked, pager = one_page(
        request, Worked.objects.filter(person=person).select_related("seat").order_by("-starts_at")
    )
    owed = [row for row in RestOwed.objects.filter(person=person) if row.given_minutes < row.minutes]
    here = request.path
    findings = checking.check_people([person.id], request.at, request.at + AHEAD, request.at)[person.id]
    context = {
        "here": "people",
        "person": person,
        "known": known,
        "mine": mine,
        "heading": _heading(person, findings, sum(row.minutes - row.given_minutes for row in owed) if known else 0),
        "crumbs": [
            {"url": reverse("console:people"), "label": _("People")},
            {"url": reverse("console:person", args=[person.id]), "label": person.name},
        ],
        "findings": [finding_row(finding, person.name, person.zone, knows=known) for finding in findings],
        "absences": [
            _absence_row(row, person, here, known=known) for row in _absences(person, request.at, known=known)
        ],
        "absence_form": AbsenceForm(prefix="absence") if known else None,
        "restrictions": [_restriction_row(row, here) for row in _restrictions(person, request.at)] if known else [],
        "restriction_form": RestrictionForm(prefix="limit") if known else None,
        "terms": _terms_facts(person) if known else [],
        "terms_url": reverse("console:person_terms", args=[person.id])
        if may_for(person, request.actor, "set_terms")
        else "",
        "owed": [_owed_row(row, person, here, may_give=may_for(person, request.actor, "give_rest")) for row in owed]
        if known
        else [],
        "worked": [_worked_row(row) for row in worked] if known else [],
        "pager": pager if known else None,
        "csv_url": csv_url(request, reverse("console:person_hours_csv", args=[person.id])) if known else "",
        "called": [
            {
                "label": _("%d minutes") % minutes,
                "url": reverse("console:note_called", args=[person.id]),
                "fields": {"minutes": minutes, "next": here},
            }
            for minutes in CALL_LENGTHS
        ]
        if mine
        else [],
        "notice": _notice(person) if known else [],
        "back": here,
    }
    return render(request, "console/hours.html", context)


def _notice(person: Person) -> list[str]:
    """What is on record of somebody's work, why, who reads it, how long it is kept and what is reckoned from it, in sentences."""
    brands = Brand.objects.filter(id__in=person.teams.values("brand"))
    off = [set(switched_off(brand)) for brand in brands]
    reckoned = [str(name) for figure, name in SWITCH_NAMES.items() if any(figure not in each for each in off)]
    days = settings.STAFF_RECORDS_KEPT.days
    sentences = [
        _("On record are duties, work on pages and calls, absences, what somebody cannot do, terms, and rest owed."),
        _("They are there to keep the rules of working time, to plan fairly, and to pay."),
        _("The person and their managers read them, and nobody else; whoever else reads them stands in the journal."),
        ngettext("They are removed after {days} day.", "They are removed after {days} days.", days).format(days=days),
    ]
    if reckoned:
        sentences.append(_("Reckoned from them: {figures}.").format(figures=", ".join(reckoned)))
    sentences.append(_("An administrator switches each figure off, as agreed with a works council."))
    return sentences


@staff("read_people")
def person_hours_csv(request: StaffRequest, person_id: int) -> HttpResponse:
    """The hours on record as a file."""
    person = _person(request, person_id)
    if not knows(person, request.actor):
        raise NotFound(_("You asked for somebody's hours."), _("They are not yours to read."), _("Ask their manager."))
    note_read(person_ids=[person.id], what=What.HOURS, by=request.actor, via=Door.WEB, at=request.at)
    rows = (
        [row.starts_at, row.ends_at, row.kind, row.seat.key if row.seat else "", row.off_duty, row.struck_at, row.note]
        for row in Worked.objects.filter(person=person).select_related("seat").order_by("-starts_at")[:EXPORTED]
    )
    return as_csv("hours", ["starts_at", "ends_at", "kind", "seat", "off_duty", "struck_at", "note"], rows)


@posting("edit_own_contacts")
def absent(request: StaffRequest, person_id: int) -> HttpResponse:
    """Somebody is not available for some days."""
    person = _person(request, person_id)
    values = checked(AbsenceForm(request.POST, prefix="absence"), _("You wanted to record an absence."))
    zone = ZoneInfo(person.zone)
    record_absence(
        person_id=person.id,
        absence=values["absence"],
        starts_at=instant_of(datetime.combine(values["first"], time()), zone),
        ends_at=instant_of(datetime.combine(values["last"] + timedelta(days=1), time()), zone),
        note=values["note"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(
        request, _("Recorded. Look whether the duties of these days are covered."), "console:person_hours", person.id
    )


@posting("edit_own_contacts")
def no_absence(request: StaffRequest, absence_id: int) -> HttpResponse:
    """They are there after all."""
    row = _own(request, Absence.objects.select_related("person").filter(id=absence_id).first())
    cancel_absence(absence_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Taken back."), "console:person_hours", row.person_id)


@posting("edit_own_contacts")
def restrict(request: StaffRequest, person_id: int) -> HttpResponse:
    """Somebody cannot do something for a while."""
    person = _person(request, person_id)
    values = checked(RestrictionForm(request.POST, prefix="limit"), _("You wanted to record what somebody cannot do."))
    record_restriction(person_id=person.id, **values, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Recorded."), "console:person_hours", person.id)


@posting("edit_own_contacts")
def no_restriction(request: StaffRequest, restriction_id: int) -> HttpResponse:
    """It holds no longer."""
    row = _own(request, Restriction.objects.select_related("person").filter(id=restriction_id).first())
    cancel_restriction(restriction_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Taken back."), "console:person_hours", row.person_id)


@form_page("set_terms")
def person_terms(request: StaffRequest, person_id: int) -> HttpResponse:
    """The terms that somebody works under."""
    person = _person(request, person_id)
    row = Terms.objects.filter(person=person).first() or Terms(person=person)
    form = TermsForm(request.POST or None, initial={name: getattr(row, name) for name in TermsForm.base_fields})
    if request.method == "POST" and form.is_valid():
        terms: Any = form.cleaned_data
        set_terms(person_id=person.id, terms=terms, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:person_hours", person.id)
    context = {
        "here": "people",
        "form": form,
        "heading": _("Terms of {name}").format(name=person.name),
        "label": _("Save"),
        "lead": _("Read by {name} and their managers only. Nightdesk warns; it is no legal advice.").format(
            name=person.name
        ),
        "crumbs": [
            {"url": reverse("console:person", args=[person.id]), "label": person.name},
            {"url": reverse("console:person_hours", args=[person.id]), "label": _("Hours")},
        ],
    }
    return render(request, "console/form.html", context)


@posting("edit_own_contacts")
def called(request: StaffRequest, person_id: int) -> HttpResponse:
    """They were rung for help while off duty."""
    person = _person(request, person_id)
    minutes = checked(CalledForm(request.POST), _("You wanted to note a call."))["minutes"]
    log_call(person_id=person.id, minutes=minutes, by=request.actor, via=Door.WEB, at=request.at)
    return done(
        request, _("Noted: called for {count} minutes.").format(count=minutes), "console:person_hours", person.id
    )


@posting("give_rest")
def rest_given(request: StaffRequest, rest_id: int) -> HttpResponse:
    """They had some of the rest that they were owed."""
    row = _own(request, RestOwed.objects.select_related("person").filter(id=rest_id).first())
    minutes = checked(GivenForm(request.POST), _("You wanted to note rest that was given."))["minutes"]
    give_rest(rest_id=row.id, minutes=minutes, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Noted."), "console:person_hours", row.person_id)


@form_page("set_counting")
def seat_counting(request: StaffRequest, seat_key: str) -> HttpResponse:
    """How the time of a seat counts."""
    rows = Seat.objects.filter(within(request.brands, "rota__brand_id"), key=seat_key).select_related("rota")
    seat = found(rows, _("You asked for a seat of a rota."))
    initial = {name: getattr(seat, name) for name in ("counts", "response_minutes", "fixed_place")}
    form = CountingForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        set_counting(seat_key=seat.key, **form.cleaned_data, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:working_time")
    lead = _("Nobody has said yet how it counts: it is taken to count as a whole, and averages are unknown.")
    if seat.counts_at is not None:
        lead = _("{who} said so on {day}: {why}").format(
            who=seat.counts_by, day=date_format(seat.counts_at, "j M Y"), why=seat.counts_why
        )
    context = {
        "here": "rota",
        "form": form,
        "heading": _("How the hours of {seat} count").format(seat=seat.name),
        "label": _("Save"),
        "lead": lead,
        "crumbs": [
            {"url": reverse("console:rota"), "label": _("Rotas")},
            {"url": reverse("console:working_time"), "label": _("Working time")},
        ],
    }
    return render(request, "console/form.html", context)


@staff("read_rota")
def working_time(request: StaffRequest) -> HttpResponse:
    """Late starts, how seats count, and where a rule was let stand."""
    of_brands = within(request.brands, "seat__rota__brand_id")
    late = LateStart.objects.filter(of_brands, not_before__gt=request.at - timedelta(days=2))
    exemptions, pager = one_page(request, Exemption.objects.filter(of_brands).select_related("seat", "person"))
    seats = Seat.objects.filter(within(request.brands, "rota__brand_id")).select_related("rota")
    lines = [_late_row(request, row) for row in late.select_related("seat__rota", "person", "cover")]
    open_ = sum(1 for row in late if row.state in (LateStart.State.PROPOSED, LateStart.State.OPEN))
    context = {
        "here": "rota",
        "heading": ngettext("{count} late start needs cover", "{count} late starts need cover", open_).format(
            count=open_
        )
        if open_
        else _("No late start needs cover"),
        "crumbs": [{"url": reverse("console:rota"), "label": _("Rotas")}],
        "late": lines,
        "seats": [_seat_row(request, seat) for seat in seats],
        "exemptions": [_exemption_row(row) for row in exemptions],
        "pager": pager,
        "csv_url": csv_url(request, reverse("console:exemptions_csv")),
        "packs": law.PACKS.values(),
    }
    return render(request, "console/working_time.html", context)


@staff("read_rota")
def exemptions_csv(request: StaffRequest) -> HttpResponse:
    """Where a rule was let stand, as a file."""
    rows = Exemption.objects.filter(within(request.brands, "seat__rota__brand_id")).select_related("seat", "person")
    lines = (
        [
            row.made_at,
            row.made_by,
            row.seat.key,
            row.person.name,
            row.starts_at,
            row.ends_at,
            " ".join(law_wording.public_rules(row.rules)),
            row.reason,
        ]
        for row in rows[:EXPORTED]
    )
    columns = ["made_at", "made_by", "seat", "person", "starts_at", "ends_at", "rules", "reason"]
    return as_csv("exemptions", columns, lines)


@posting("confirm_late_start")
def cover(request: StaffRequest, late_start_id: int) -> HttpResponse:
    """The proposed cover is in the plan."""
    row = _late(request, late_start_id)
    confirm_late_start(late_start_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} covers.").format(name=row.cover), "console:working_time")


@posting("decline_late_start")
def no_cover(request: StaffRequest, late_start_id: int) -> HttpResponse:
    """It is had otherwise."""
    row = _late(request, late_start_id)
    decline_late_start(late_start_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The plan stands as it was. Put somebody on by hand."), "console:working_time")


# ---- Rows -----------------------------------------------------------------------------------------------------------


def finding_row(finding: law.Finding, name: str, zone: str, *, knows: bool) -> dict[str, Any]:
    """A finding for plain_list.html."""
    severity = law_wording.SEVERITY_NAMES[finding.severity]
    source = finding.source if knows or law_wording.public(finding) == finding.rule else ""
    return {
        "title": law_wording.say(finding, name, zone, knows=knows),
        "detail": source,
        "tags": [{"text": severity, "tone": law_wording.SEVERITY_TONES[finding.severity]}],
    }


def _heading(person: Person, findings: list[law.Finding], owed: int) -> str:
    if any(finding.severity is law.Severity.BLOCK for finding in findings):
        return _("{name} has duties that a rule blocks").format(name=person.name)
    if owed:
        return _("{name} is owed {hours} of rest").format(name=person.name, hours=law_wording.hours(owed))
    return _("Hours of {name}").format(name=person.name)


def _absences(person: Person, at: datetime, *, known: bool) -> list[Absence]:
    rows = Absence.objects.filter(person=person, cancelled_at=None)
    return list(rows.filter(ends_at__gt=at - timedelta(days=365 if known else 1)).order_by("-starts_at")[:50])


def _absence_row(row: Absence, person: Person, back: str, *, known: bool) -> dict[str, Any]:
    zone = ZoneInfo(person.zone)
    first = row.starts_at.astimezone(zone).date()
    last = (row.ends_at - timedelta.resolution).astimezone(zone).date()
    when = (
        date_format(first, "j M Y") if first == last else f"{date_format(first, 'j M')} - {date_format(last, 'j M Y')}"
    )
    url = reverse("console:cancel_absence", args=[row.id])
    return {
        "title": when,
        "detail": row.note if known else "",
        "tags": [{"text": ABSENCES[Absence.Kind(row.kind)] if known else _("not available"), "tone": ""}],
        "actions": [{"label": _("Take it back"), "url": url, "fields": {"next": back}}] if known else [],
    }


def _restrictions(person: Person, at: datetime) -> list[Restriction]:
    today = at.astimezone(ZoneInfo(person.zone)).date()
    rows = Restriction.objects.filter(person=person, cancelled_at=None).order_by("-starts_on")
    return [row for row in rows if row.ends_on is None or row.ends_on >= today]


def _restriction_row(row: Restriction, back: str) -> dict[str, Any]:
    until = (
        _("until further notice")
        if row.ends_on is None
        else _("until {day}").format(day=date_format(row.ends_on, "j M Y"))
    )
    url = reverse("console:cancel_restriction", args=[row.id])
    detail = _("from {day} {until}").format(day=date_format(row.starts_on, "j M Y"), until=until)
    return {
        "title": RESTRICTIONS[Restriction.Kind(row.kind)],
        "detail": f"{detail} · {row.note}" if row.note else detail,
        "actions": [{"label": _("Take it back"), "url": url, "fields": {"next": back}}],
    }


def _terms_facts(person: Person) -> list[tuple[str, str]]:
    row = Terms.objects.filter(person=person).first() or Terms(person=person)

    def day(value: date | None) -> str:
        return "" if value is None else date_format(value, "j M Y")

    facts = [
        (_("Law"), law.PACKS[row.rule_pack].name if row.rule_pack in law.PACKS else row.rule_pack),
        (_("By contract"), _("%s hours a week") % f"{float(row.weekly_hours):g}"),
        (_("Averaged over"), _("%d weeks") % row.reference_weeks),
        (_("Hours on record since"), day(row.hours_known_since) or _("not said: averages are unknown")),
    ]
    if row.opted_out_from is not None:
        facts.append((_("Opt-out"), f"{day(row.opted_out_from)} - {day(row.opted_out_until)}"))
    if row.night_assessed_on is not None:
        facts.append((_("Assessed for nights"), day(row.night_assessed_on)))
    if row.max_nights_a_month is not None:
        facts.append((_("Nights a month"), _("at most %d") % row.max_nights_a_month))
    if row.under_18_until is not None:
        facts.append((_("Under 18 until"), day(row.under_18_until)))
    return facts


def _owed_row(row: RestOwed, person: Person, back: str, *, may_give: bool) -> dict[str, Any]:
    left = row.minutes - row.given_minutes
    due = law_wording.day_and_time(row.due_at, person.zone)
    url = reverse("console:give_rest", args=[row.id])
    return {
        "title": _("{hours} of rest by {due}").format(hours=law_wording.hours(left), due=due),
        "detail": _("{had} between {start} and {end}").format(
            had=law_wording.RULE_NAMES[law.Rule(row.rule)],
            start=law_wording.day_and_time(row.starts_at, person.zone),
            end=law_wording.day_and_time(row.ends_at, person.zone),
        ),
        "actions": [{"label": _("It was given"), "url": url, "fields": {"minutes": left, "next": back}}]
        if may_give
        else [],
    }


def _worked_row(row: Worked) -> dict[str, Any]:
    tags = [{"text": str(WORK_KINDS[Worked.Kind(row.kind)]), "tone": ""}]
    if row.off_duty:
        tags.append({"text": _("off duty"), "tone": "accent"})
    if row.struck_at is not None:
        tags.append({"text": _("struck"), "tone": "fire"})
    length = law_wording.hours(round((row.ends_at - row.starts_at) / timedelta(minutes=1)))
    place = row.seat.name if row.seat is not None else ""
    return {"at": row.starts_at, "title": f"{length} {place}".strip(), "detail": row.note, "tags": tags}


def _late_row(request: StaffRequest, row: LateStart) -> dict[str, Any]:
    text, tone = LATE_STATES[LateStart.State(row.state)]
    assert row.seat is not None  # those of brands have one
    brand_id = row.seat.rota.brand_id
    actions = []
    if row.state == LateStart.State.PROPOSED and may(request, "confirm_late_start", brand_id):
        actions.append({"label": _("Confirm"), "url": reverse("console:confirm_late_start", args=[row.id])})
    if row.state in (LateStart.State.PROPOSED, LateStart.State.COVERED) and may(
        request, "decline_late_start", brand_id
    ):
        actions.append({"label": _("Not so"), "url": reverse("console:decline_late_start", args=[row.id])})
    detail = row.seat.name
    if row.cover is not None and row.starts_at is not None and row.ends_at is not None:
        zone = row.seat.rota.zone
        detail = _("{cover} is {seat} from {start} until {end}").format(
            cover=row.cover.name,
            seat=row.seat.name,
            start=law_wording.day_and_time(row.starts_at, zone),
            end=law_wording.day_and_time(row.ends_at, zone),
        )
    return {
        "at": row.not_before,
        "title": _("{name} begins").format(name=row.person.name),
        "detail": detail,
        "tags": [{"text": text, "tone": tone}],
        "actions": actions,
    }


def _seat_row(request: StaffRequest, seat: Seat) -> dict[str, Any]:
    doubts = law.doubts(
        counts_all=seat.counts == Seat.Counts.ALL, response_minutes=seat.response_minutes, fixed_place=seat.fixed_place
    )
    tags = [{"text": _("not said"), "tone": "accent"}]
    if seat.counts_at is not None:
        tags = [{"text": str(COUNTS[Seat.Counts(seat.counts)]), "tone": ""}]
    detail = ""
    if doubts:
        reasons = ", ".join(str(DOUBTS[doubt]) for doubt in doubts)
        detail = _("May be working time all the same: {reasons}. Ask.").format(reasons=reasons)
    url = reverse("console:seat_counting", args=[seat.key]) if may(request, "set_counting", seat.rota.brand_id) else ""
    return {"title": f"{seat.rota.name}: {seat.name}", "url": url, "detail": detail, "tags": tags}


def _exemption_row(row: Exemption) -> dict[str, Any]:
    names = {law_wording.NOT_AVAILABLE: _("not available")} | {
        rule.value: str(name) for rule, name in law_wording.RULE_NAMES.items()
    }
    return {
        "at": row.made_at,
        "title": _("{person} on {seat}: {reason}").format(
            person=row.person.name, seat=row.seat.name, reason=row.reason
        ),
        "detail": _("{by} let it stand").format(by=row.made_by),
        "tags": [{"text": names[rule], "tone": ""} for rule in law_wording.public_rules(row.rules)],
    }


# ---- Whose ----------------------------------------------------------------------------------------------------------


def _person(request: StaffRequest, person_id: int) -> Person:
    mine = request.person is not None and request.person.id == person_id
    rows = Person.objects.all() if mine else people_within(request.brands)
    return found(rows.filter(id=person_id), _("You asked for somebody's hours."))


def _own(request: StaffRequest, row: Any) -> Any:
    """The row, where the reader is its person or may read their records. Raises NotFound."""
    if row is None or not knows(row.person, request.actor):
        raise NotFound(_("You asked for somebody's record."), _("There is none that you may see."), _("Go back."))
    return row


def _late(request: StaffRequest, late_start_id: int) -> LateStart:
    rows = LateStart.objects.filter(within(request.brands, "seat__rota__brand_id"), id=late_start_id)
    return found(rows.select_related("cover"), _("You asked for a late start."))
