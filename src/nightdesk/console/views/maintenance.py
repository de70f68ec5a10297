"""Planned work that customers hear of: the list, one piece of it with what speaks against it, and what may be done."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.files import read_file
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.choices import brand_choices, pairs, people_within
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    clear_url,
    csv_url,
    one_page,
    search_box,
    select,
)
from nightdesk.console.views.settings.quiet import span
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.journal.models import Entry
from nightdesk.journal.queries import as_lines
from nightdesk.outages import carrier_actions, work_actions
from nightdesk.outages import work_queries as queries
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import CarrierNote, Objection, Part, Work, WorkNotice, WorkTouched
from nightdesk.outages.work_flow import State, Step, leads_to

STATES = {
    "proposed": gettext_lazy("To be decided"),
    "tentative": gettext_lazy("Not yet certain"),
    "announced": gettext_lazy("Announced"),
    "in_progress": gettext_lazy("In progress"),
    "completed": gettext_lazy("Done"),
    "cancelled": gettext_lazy("Called off"),
    "dismissed": gettext_lazy("Dismissed"),
}
TONES = {"proposed": "accent", "tentative": "", "announced": "sky", "in_progress": "sky", "completed": "calm"}
EFFECTS = {
    Effect.WORKS: gettext_lazy("works"),
    Effect.REDUCED: gettext_lazy("without its reserve"),
    Effect.DEGRADED: gettext_lazy("with limits"),
    Effect.DOWN: gettext_lazy("does not work"),
}
KINDS = {
    "hint": gettext_lazy("told, not yet certain"),
    "announce": gettext_lazy("announced"),
    "change": gettext_lazy("told of a change"),
    "remind": gettext_lazy("reminded"),
    "start": gettext_lazy("told that it begins"),
    "extend": gettext_lazy("told that it takes longer"),
    "end": gettext_lazy("told that it is done"),
    "cancel": gettext_lazy("told that it is off"),
}
SHOWN = 50
"""Customers and notices on the page of one piece of work; the file has all."""


# --- The list --------------------------------------------------------------------------------------------------------


@staff("read_work")
def maintenance(request: StaffRequest) -> HttpResponse:
    """What is to be decided, what is to come, and what was."""
    rows = _chosen(request)
    here, pager = one_page(request, rows)
    open_rows = Work.objects.filter(within(request.brands), ended_at=None)
    waiting = open_rows.filter(Q(state="proposed") | Q(change__isnull=False)).count()
    coming = open_rows.exclude(state="proposed").count()
    if waiting:
        heading = ngettext("{count} plan waits for somebody", "{count} plans wait for somebody", waiting)
        heading = heading.format(count=waiting)
    elif coming:
        heading = ngettext("{count} piece of work is planned", "{count} pieces of work are planned", coming)
        heading = heading.format(count=coming)
    else:
        heading = _("No work is planned")
    context = {
        "here": "maintenance",
        "heading": heading,
        "rows": [_row(one, request) for one in here],
        "filters": [
            search_box(asked(request, "q"), _("Words, number or carrier")),
            select(
                "state",
                _("How it stands"),
                asked(request, "state", ("open", *STATES)),
                {"open": _("Not over"), **{name: str(text) for name, text in STATES.items()}},
                _("Anything"),
            ),
        ],
        "pager": pager,
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:maintenance_csv")),
        "new_url": reverse("console:draft_work") if may_somewhere(request, "draft_work") else "",
        "carriers_url": reverse("console:carriers") if may_somewhere(request, "read_carriers") else "",
    }
    return page_or_part(request, "maintenance", {"list"}, context)


def _chosen(request: StaffRequest) -> QuerySet[Work]:
    rows = Work.objects.filter(within(request.brands)).select_related("brand", "carrier")
    rows = rows.annotate(customers=Count("touched__customer", distinct=True))
    if words := asked(request, "q"):
        number = words.upper().removeprefix("W-")
        numbered = Q(number=int(number)) if number.isdecimal() and len(number) < 10 else Q()
        named = Q(title__icontains=words) | Q(carrier__name__icontains=words) | Q(carrier_ref__icontains=words)
        rows = rows.filter(named | numbered if numbered else named)
    state = asked(request, "state", ("open", *STATES))
    if state:
        rows = rows.filter(ended_at=None) if state == "open" else rows.filter(state=state)
    return rows.order_by("-from_at", "-id")


def _row(work: Work, request: StaffRequest) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    customers = int(getattr(work, "customers", 0))
    tags = [{"text": str(STATES[work.state]), "tone": TONES.get(work.state, "")}]
    if work.change is not None:
        tags.insert(0, {"text": _("the carrier says something new"), "tone": "accent"})
    detail = [
        span(work.from_at, work.until_at),
        ngettext("{count} customer", "{count} customers", customers).format(count=customers),
        work.carrier.name if work.carrier else "",
    ]
    late = work.ended_at is None and work.until_at < request.at
    return {
        "at": work.from_at,
        "title": f"{work.name} {work.title}",
        "detail": " · ".join(part for part in detail if part),
        "url": reverse("console:one_maintenance", args=[work.pk]),
        "late": late,
        "tags": tags,
    }


@staff("read_work")
def maintenance_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = ["number", "title", "state", "from_at", "until_at", "customers", "carrier", "carrier_ref", "announced_at",
              "begun_at", "ended_at", "made_by"]  # fmt: skip
    return as_csv(
        "planned-work",
        header,
        (
            [
                one.name, one.title, one.state, one.from_at, one.until_at, getattr(one, "customers", 0),
                one.carrier.name if one.carrier else "", one.carrier_ref, one.announced_at, one.begun_at, one.ended_at,
                one.made_by,
            ]
            for one in _chosen(request)[:EXPORTED]
        ),
    )  # fmt: skip


# --- One -------------------------------------------------------------------------------------------------------------


@staff("read_work")
def one_maintenance(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """One piece of work: what speaks against it, whom it touches, what they were told, and what may be done."""
    work = _work(request, maintenance_id)
    sees = may(request, "read_customers", work.brand_id)  # whom it touches is none of a bureau's
    worst = queries.customers_of(work, SHOWN) if sees else []
    notices = list(work.notices.select_related("customer")[:SHOWN]) if sees else []
    entries = Entry.objects.filter(subject_kind=work_actions.SUBJECT, subject_id=str(work.pk)).order_by("-at", "-id")
    customers = WorkTouched.objects.filter(work=work).values("customer").distinct().count()
    warnings = queries.warnings_of(work, request.at)
    context = {
        "here": "maintenance",
        "work": work,
        "heading": f"{work.name} {work.title}",
        "tag": {"text": str(STATES[work.state]), "tone": TONES.get(work.state, "")},
        "crumbs": [{"url": reverse("console:maintenance"), "label": _("Planned work")}],
        "warnings": [{"tone": "accent", "text": one} for one in (*warnings, *work.problems)]
        if work.ended_at is None
        else [],
        "change": _change(request, work),
        "facts": _facts(work),
        "texts": [(language, text) for language, text in work.texts.items()],
        "touched_title": ngettext("{count} customer is touched", "{count} customers are touched", customers).format(
            count=customers
        )
        if customers
        else _("It touches no customer"),
        "touched": [
            {
                "title": one.name,
                "url": reverse("console:customer", args=[one.pk]),
                "detail": ", ".join(f"{item.called}: {EFFECTS[item.effect]}" for item in items[:4]),
                "tags": [{"text": str(EFFECTS[items[0].effect]), "tone": "fire" if items[0].effect == 3 else ""}],
            }
            for one, items in worst
        ],
        "more": max(0, customers - len(worst)) if sees else 0,
        "notices": [_notice(one) for one in notices],
        "objections": [_objection(request, one) for one in work.objections.select_related("customer", "work") if sees],
        "said": [_said(one) for one in CarrierNote.objects.filter(work=work)[:10]],
        "events": [
            {
                "at": line.at,
                "text": line.sentence,
                "detail": line.text or "",
                "tone": "",
                "future": False,
                "late": False,
            }
            for line in (as_lines(list(entries[:SHOWN])) if sees else [])
        ],
        "clashes": bool(queries.clashes_of(work, request.at)) if work.state in ("proposed", "tentative") else False,
        **_doable(request, work),
    }
    return render(request, "console/maintenance_one.html", context)


def _work(request: StaffRequest, maintenance_id: UUID) -> Work:
    rows = Work.objects.select_related("brand", "carrier", "person", "planned")
    return found(rows.filter(within(request.brands), id=maintenance_id), _("You asked for planned work."))


def _facts(work: Work) -> list[tuple[str, str]]:
    parts = [f"{one.part.name} ({EFFECTS[Effect(one.effect)]})" for one in queries.work_parts([work.pk])]
    facts = [
        (_("When"), span(work.from_at, work.until_at)),
        (_("Worked on"), ", ".join(parts)),
        (_("Who sees to it"), work.person.name if work.person else _("nobody in particular")),
        (_("Alarms meanwhile"), _("quiet") if work.planned is not None else _("ring")),
        (_("Public page"), work.public_title if work.public else _("not shown")),
    ]
    if work.carrier_key:
        name = work.carrier.name if work.carrier else _("a stranger")
        facts.append((_("Announced by"), " · ".join(one for one in (name, work.carrier_ref) if one)))
    return facts


def _change(request: StaffRequest, work: Work) -> dict[str, Any] | None:
    """What the carrier says since, and the two buttons."""
    if work.change is None:
        return None
    from_at, until_at = (forms.DateTimeField().to_python(work.change[name]) for name in ("from_at", "until_at"))
    buttons = []
    if may(request, "take_carrier_change", work.brand_id):
        buttons.append({"label": _("Take it and tell them"), "url": _url("take_carrier_change", work), "main": True})
        buttons.append({"label": _("Leave it as it is"), "url": _url("drop_carrier_change", work)})
    return {"status": work.change["status"], "when": span(from_at, until_at), "buttons": buttons}


def _notice(notice: WorkNotice) -> dict[str, Any]:
    people = ngettext("{count} person", "{count} people", notice.people).format(count=notice.people)
    url = reverse("console:maintnote_file", args=[notice.work_id, notice.pk]) if notice.digest else ""
    return {
        "title": notice.customer.name,
        "detail": f"{_when(notice.at)} · "
        + (f"{KINDS[notice.kind]} · {people}" if notice.people else _("nobody of theirs could be told")),
        "tags": [] if notice.people else [{"text": _("not told"), "tone": "fire"}],
        "actions": [{"label": "MAINTNOTE", "url": url, "get": True}] if url else [],
    }


def _objection(request: StaffRequest, one: Objection) -> dict[str, Any]:
    settle = []
    if one.settled_at is None and may(request, "settle_objection", one.work.brand_id):
        settle = [{"label": _("Seen to"), "url": reverse("console:settle_objection", args=[one.pk])}]
    return {
        "title": _("{customer}: this clashes").format(customer=one.customer.name),
        "detail": f"{_when(one.at)} · {one.by_name}: {one.words[:300]}",
        "tags": [{"text": _("seen to"), "tone": "calm"}] if one.settled_at else [{"text": _("open"), "tone": "accent"}],
        "actions": settle,
    }


def _said(note: CarrierNote) -> dict[str, Any]:
    unknown = _("unknown here: {names}").format(names=", ".join(note.unknown[:5])) if note.unknown else ""
    return {
        "title": note.outcome,
        "detail": " · ".join(part for part in (_when(note.at), note.status, note.ref, unknown) if part),
        "url": reverse("console:mail", args=[note.mail_id]) if note.mail_id else "",
    }


def _when(at: datetime) -> str:
    return date_format(localtime(at), "D j M H:i")


def _doable(request: StaffRequest, work: Work) -> dict[str, Any]:
    """`buttons` and `links` of what may be done with it now; `announce_url` where it may be announced."""
    state = State(work.state)

    def can(step: Step, verb: str) -> bool:
        return leads_to(state, step) is not None and may(request, verb, work.brand_id)

    buttons: list[dict[str, Any]] = []
    if can(Step.OPEN, "open_work"):
        buttons.append({"label": _("It begins"), "url": _url("open_work", work), "main": work.from_at <= request.at})
    if work.state == "in_progress" and can(Step.CLOSE, "close_work"):
        buttons.append({"label": _("It is done"), "url": _url("close_work", work), "main": True})
    if can(Step.EXTEND, "prolong_work"):
        buttons.append({"label": _("It takes longer"), "url": _url("prolong_work", work), "get": True})
    if can(Step.EDIT, "edit_work"):
        buttons.append({"label": _("Change it"), "url": _url("edit_work", work), "get": True})
    if can(Step.CALL_OFF, "call_off_work"):
        buttons.append({"label": _("Call it off"), "url": _url("call_off_work", work), "get": True})
    if can(Step.DISMISS, "dismiss_work"):
        buttons.append({"label": _("Dismiss it"), "url": _url("dismiss_work", work), "get": True})
    announce = can(Step.ANNOUNCE, "announce_work")
    return {
        "buttons": buttons,
        "announce_url": _url("announce_work", work) if announce else "",
        "may_hint": announce and can(Step.HINT, "announce_work"),
    }


def _url(view: str, work: Work) -> str:
    return reverse(f"console:{view}", args=[work.pk])


@staff("read_work")
def maintnote_file(request: StaffRequest, maintenance_id: UUID, notice_id: UUID) -> HttpResponse:
    """The MAINTNOTE that went to a customer, as it was sent."""
    work = _work(request, maintenance_id)
    notice = found(work.notices.filter(id=notice_id).exclude(digest=""), _("You asked for a notice."))
    answer = HttpResponse(read_file(notice.digest), content_type="text/calendar; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{work.name}-{notice.sequence}.ics"'
    return answer


# --- Putting it down -------------------------------------------------------------------------------------------------


def _local(label: Any, **more: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget, **more)


class WorkForm(forms.Form):
    """What is done, when, to what, and what customers read of it."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    title = forms.CharField(
        label=gettext_lazy("What is done"), max_length=200, help_text=gettext_lazy("For us; customers do not see it.")
    )
    from_at = _local(gettext_lazy("From"))
    until_at = _local(gettext_lazy("Until"))
    parts = forms.CharField(
        label=gettext_lazy("Parts, one a line"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Their keys. Behind a key: reduced or degraded, where it is not down. fibre-1 reduced"),
    )
    words = forms.CharField(
        label=gettext_lazy("What customers read"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("Why, and what to do. When it is and what it does to them is said beside it."),
    )
    person = forms.ChoiceField(
        label=gettext_lazy("Who sees to it"),
        required=False,
        help_text=gettext_lazy("Hears what carriers and customers say of it, and is paged if it is not done in time."),
    )
    public_title = forms.CharField(
        label=gettext_lazy("On the public page as"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Empty: it does not stand there."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = people_within(request.brands).filter(active=True)
        self.fields["brand"].choices = brand_choices(request.actor, "draft_work")  # type: ignore[attr-defined]
        self.fields["person"].choices = pairs(people, _("Nobody in particular"))  # type: ignore[attr-defined]


class ChangeForm(WorkForm):
    """The same of work that is there."""

    note = forms.CharField(
        label=gettext_lazy("What those who have heard of it are told besides"), max_length=2000, required=False
    )
    despite = forms.CharField(
        label=gettext_lazy("Why it must be then"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("Only where it clashes with somebody's notice or freeze."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, request=request, **kwargs)
        del self.fields["brand"]


def _parts(brand_id: int, text: str) -> dict[int, Effect]:
    """Part -> effect, of lines as the form asks for them. Raises Invalid for a part that the brand has not."""
    wanted: dict[str, Effect] = {}
    for row in text.splitlines():
        key, _blank, effect = " ".join(row.lower().split()).partition(" ")
        if key:
            if effect and effect.upper() not in ("REDUCED", "DEGRADED", "DOWN"):
                raise Invalid(
                    _("Parts were given."),
                    _("{effect} is no effect.").format(effect=effect),
                    _("Write reduced or degraded."),
                )
            wanted[key] = Effect[effect.upper()] if effect else Effect.DOWN
    known = dict(Part.objects.filter(brand=brand_id, key__in=wanted, retired_at=None).values_list("key", "id"))
    if missing := sorted(wanted.keys() - known.keys()):
        so = _("The brand has no part {key}.").format(key=missing[0])
        raise Invalid(_("Parts were given."), so, _("Look at its parts."), field="parts")
    return {known[key]: effect for key, effect in wanted.items()}


@form_page("draft_work")
def draft_work(request: StaffRequest) -> HttpResponse:
    """Put work down. Nobody outside hears before it is announced."""
    form = WorkForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        brand_id = int(values["brand"])
        work = work_actions.draft_work(
            brand_id=brand_id,
            title=values["title"],
            from_at=values["from_at"],
            until_at=values["until_at"],
            parts=_parts(brand_id, values["parts"]),
            texts={queries.language_of(brand_id): values["words"]},
            person_id=int(values["person"]) if values["person"] else None,
            public_title=values["public_title"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        text = _("Nobody outside has heard yet: look at whom it touches, and announce it.")
        return done(request, text, "console:one_maintenance", work.pk)
    lead = _("Whom it touches is worked out from what depends on its parts. You see it before anybody hears.")
    return _form(request, form, _("Plan work"), _("Put it down"), lead=lead)


@form_page("edit_work")
def edit_work(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """Change it; whoever has heard of it is told."""
    work = _work(request, maintenance_id)
    own = work.brand.language
    rows = [
        one.part.key if one.effect == Effect.DOWN else f"{one.part.key} {Effect(one.effect).name.lower()}"
        for one in queries.work_parts([work.pk])
    ]
    initial = {
        "title": work.title,
        "from_at": localtime(work.from_at),
        "until_at": localtime(work.until_at),
        "parts": "\n".join(rows),
        "words": work.texts.get(own, ""),
        "person": str(work.person_id or ""),
        "public_title": work.public_title,
    }
    form = ChangeForm(request.POST or None, initial=initial, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        work_actions.edit_work(
            work_id=work.pk,
            title=values["title"],
            from_at=values["from_at"],
            until_at=values["until_at"],
            parts=_parts(work.brand_id, values["parts"]),
            texts={**work.texts, own: values["words"]},
            person_id=int(values["person"]) if values["person"] else None,
            public_title=values["public_title"],
            note=values["note"],
            despite=values["despite"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("Changed."), "console:one_maintenance", work.pk)
    return _form(request, form, _("{name} is otherwise").format(name=work.name), _("Change it"), work)


class LongerForm(forms.Form):
    """Until when, and why."""

    until_at = _local(gettext_lazy("It lasts until"))
    note = forms.CharField(label=gettext_lazy("What they are told besides"), max_length=2000, required=False)


@form_page("prolong_work")
def prolong_work(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """It takes longer."""
    work = _work(request, maintenance_id)
    longer = localtime(max(work.until_at, request.at) + timedelta(minutes=30))
    form = LongerForm(request.POST or None, initial={"until_at": longer.replace(second=0, microsecond=0)})
    if request.method == "POST" and form.is_valid():
        until_at, note = form.cleaned_data["until_at"], form.cleaned_data["note"]
        work_actions.prolong_work(
            work_id=work.pk, until_at=until_at, note=note, by=request.actor, via=Door.WEB, at=request.at
        )
        text = _("Those touched are told: until {time}.").format(time=f"{localtime(until_at):%H:%M}")
        return done(request, text, "console:one_maintenance", work.pk)
    return _form(request, form, _("{name} takes longer").format(name=work.name), _("Tell them"), work)


class NoteForm(forms.Form):
    """What else they are told."""

    note = forms.CharField(
        label=gettext_lazy("What they are told besides"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@form_page("call_off_work")
def call_off_work(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """It does not take place."""
    work = _work(request, maintenance_id)
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        note = form.cleaned_data["note"]
        work_actions.call_off_work(work_id=work.pk, note=note, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Everybody who was told of it hears so."), "console:one_maintenance", work.pk)
    return _form(request, form, _("{name} does not take place").format(name=work.name), _("Call it off"), work)


class WhyForm(forms.Form):
    """For whoever looks at it later."""

    why = forms.CharField(label=gettext_lazy("Why"), max_length=300)


@form_page("dismiss_work")
def dismiss_work(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """It is no work of ours; nobody outside hears."""
    work = _work(request, maintenance_id)
    form = WhyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        why = form.cleaned_data["why"]
        work_actions.dismiss_work(work_id=work.pk, why=why, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Dismissed; nobody outside has heard of it."), "console:maintenance")
    return _form(request, form, _("{name} is no work of ours").format(name=work.name), _("Dismiss it"), work)


def _form(
    request: StaffRequest, form: forms.Form, heading: str, label: str, work: Work | None = None, lead: str = ""
) -> HttpResponse:
    crumbs = [{"url": reverse("console:maintenance"), "label": _("Planned work")}]
    back = crumbs[0]["url"]
    if work is not None:
        back = _url("one_maintenance", work)
        crumbs.append({"url": back, "label": work.name})
    context = {"here": "maintenance", "form": form, "heading": heading, "label": label, "crumbs": crumbs, "lead": lead}
    return render(request, "console/form.html", context | {"cancel_url": back})


# --- One press -------------------------------------------------------------------------------------------------------


@posting("announce_work")
def announce_work(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """Those touched are told."""
    work = _work(request, maintenance_id)
    hint = request.POST.get("tentative") == "yes"
    despite, note = request.POST.get("despite", "")[:300], request.POST.get("note", "")[:2000]
    work_actions.announce_work(
        work_id=work.pk, tentative=hint, note=note, despite=despite, by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("Those touched are being told."), "console:one_maintenance", work.pk)


@posting("open_work")
def open_work(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """It begins now."""
    work = _work(request, maintenance_id)
    work_actions.open_work(work_id=work.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It has begun; those touched are being told."), "console:one_maintenance", work.pk)


@posting("close_work")
def close_work(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """It is done."""
    work = _work(request, maintenance_id)
    work_actions.close_work(work_id=work.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Done; everybody who was told of it hears so."), "console:one_maintenance", work.pk)


@posting("take_carrier_change")
def take_carrier_change(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """What the carrier says is so."""
    work = _work(request, maintenance_id)
    despite = request.POST.get("despite", "")[:300]
    carrier_actions.take_carrier_change(work_id=work.pk, despite=despite, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Taken; those touched are being told."), "console:one_maintenance", work.pk)


@posting("drop_carrier_change")
def drop_carrier_change(request: StaffRequest, maintenance_id: UUID) -> HttpResponse:
    """It stays as it is."""
    work = _work(request, maintenance_id)
    carrier_actions.drop_carrier_change(work_id=work.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It stays as it is."), "console:one_maintenance", work.pk)


@posting("settle_objection")
def settle_objection(request: StaffRequest, objection_id: int) -> HttpResponse:
    """What a customer said was seen to."""
    rows = Objection.objects.filter(within(request.brands, "work__brand_id"), id=objection_id)
    one = found(rows, _("You asked for what a customer said."))
    work_actions.settle_objection(objection_id=one.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Seen to."), "console:one_maintenance", one.work_id)
