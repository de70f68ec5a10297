"""Procedures: the list, one with its versions, readers and proposals, and what can be done with it."""

from typing import Any

from django import forms
from django.db.models import F, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.console.views.choices import brand_choices, person_field_choices
from nightdesk.console.views.knowledge.sections import FitForm, crumbs_of, form_in, joined, list_in, refused, where
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
from nightdesk.console.views.settings.sections import row
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
from nightdesk.console.views.subjects import url_of
from nightdesk.customers.models import Service
from nightdesk.desk.linking_actions import Change, confirm_lesson
from nightdesk.desk.models import Lesson
from nightdesk.knowledge import actions, queries
from nightdesk.knowledge.fields import ChangedMeanwhile
from nightdesk.knowledge.markdown import as_html
from nightdesk.knowledge.models import Procedure, Proposal, Run, Version

STATES = {
    "published": gettext_lazy("Published"),
    "draft": gettext_lazy("With a draft"),
    "due": gettext_lazy("To be looked through"),
    "retired": gettext_lazy("Out of use"),
}
RUNS_SHOWN = 10
HELP = gettext_lazy(
    "Markdown: # heading, **bold**, - list, [text](https://…). A line “- [ ] Ring the carrier” is a check-step: it can be "
    "ticked for a page or a ticket, and lands in its story."
)


def _all(request: StaffRequest) -> QuerySet[Procedure]:
    rows = Procedure.objects.filter(within(request.brands)).select_related("brand", "owner", "published")
    return rows.prefetch_related("services")


def _chosen(request: StaffRequest) -> QuerySet[Procedure]:
    rows = queries.find_procedures(_all(request), asked(request, "q"))
    state = asked(request, "state", STATES)
    rows = rows.filter(retired_at__isnull=state != "retired")
    if state == "published":
        rows = rows.filter(published__isnull=False)
    elif state == "draft":
        rows = rows.filter(Q(published=None) | Q(latest__gt=F("published__number")))
    elif state == "due":
        rows = rows.filter(review_at__lte=request.at)
    service = asked(request, "service")
    if service.isdecimal():
        rows = rows.filter(Q(services=None) | Q(services=int(service[:18]))).distinct()
    if call := asked(request, "call", queries.call_kinds(request.brands)):
        rows = rows.filter(Q(calls=[]) | Q(calls__contains=[call]))
    return rows.order_by("title", "id")


@staff("read_procedures")
def procedures(request: StaffRequest) -> HttpResponse:
    """What to do, per service and kind of call."""
    kinds = queries.call_kinds(request.brands)
    here, pager = one_page(request, _chosen(request))
    services = {str(each.pk): each.name for each in Service.objects.filter(within(request.brands))}
    due = _all(request).filter(retired_at=None, review_at__lte=request.at).count()
    filtered = clear_url(request)
    heading = _("What to do, and how")
    if due:
        text = ngettext("{count} procedure is to be looked through", "{count} procedures are to be looked through", due)
        heading = text.format(count=due)
    elif not here and not filtered:
        heading = _("No procedure is written yet")
    elif not here:
        heading = _("No procedure is like that")
    news = [
        {"url": reverse(f"console:{view}"), "label": label}
        for view, verb, label in (
            ("new_procedure", "make_procedure", _("Write a procedure")),
            ("new_call_kind", "add_call_kind", _("Add a kind of call")),
        )
        if may_somewhere(request, verb)
    ]
    return list_in(
        request,
        "procedures",
        heading,
        rows=[
            row(each.title, reverse("console:procedure", args=[each.pk]), _detail(each, kinds), _tags(request, each))
            for each in here
        ],
        pager=pager,
        news=news,
        filters=[
            search_box(asked(request, "q"), _("Words")),
            select("service", _("Service"), asked(request, "service"), services, _("Every service")),
            select("call", _("Kind of call"), asked(request, "call"), kinds, _("Every kind")),
            select("state", _("State"), asked(request, "state"), {k: str(v) for k, v in STATES.items()}, _("In use")),
        ],
        clear_url=filtered,
        csv_url=csv_url(request, reverse("console:procedures_csv")),
        empty_text=_("Ask for fewer words, or for any service.")
        if filtered
        else _("Write down once what to do, and it stands on each page and ticket that it fits."),
    )


@staff("read_procedures")
def procedures_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = [
        "id", "title", "brand", "services", "calls", "part", "owner", "published_version", "latest_version", "review_at",
        "retired_at",
    ]  # fmt: skip
    rows = (
        [
            each.pk, each.title, each.brand, ", ".join(one.name for one in each.services.all()), ", ".join(each.calls),
            each.part, each.owner, each.published.number if each.published else "", each.latest, each.review_at,
            each.retired_at,
        ]
        for each in _chosen(request)[:EXPORTED]
    )  # fmt: skip
    return as_csv("procedures", header, rows)


def _detail(each: Procedure, kinds: dict[str, str]) -> str:
    names = [one.name for one in each.services.all()]
    return joined(*where(names, each.calls, kinds, each.part), each.owner.name if each.owner else "", each.brand.name)


def _tags(request: StaffRequest, each: Procedure) -> list[dict[str, str]]:
    if each.retired_at is not None:
        return [{"text": _("Out of use"), "tone": ""}]
    tags = []
    if each.published is None:
        tags.append({"text": _("Draft"), "tone": "sky"})
    elif each.latest > each.published.number:
        tags.append({"text": _("Newer draft"), "tone": "sky"})
    if each.review_at is not None and each.review_at <= request.at:
        tags.append({"text": _("Look through"), "tone": "accent"})
    return tags


def _one(request: StaffRequest, procedure_id: int) -> Procedure:
    return found(_all(request).filter(id=procedure_id), _("You asked for a procedure."))


def rendered(text: str) -> SafeString:
    """The Markdown as HTML that has been through the cleaner, and so may stand on a page."""
    return mark_safe(as_html(text))  # noqa: S308 - `as_html` lets nothing through that acts


# ---- One procedure --------------------------------------------------------------------------------------------------


@staff("read_procedures")
def procedure(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """What is to be done, who keeps it, who has read it, and what became of it."""
    shown = _one(request, procedure_id)
    versions = list(shown.versions.all())
    version = shown.published or versions[0]
    readings = version.readings.select_related("person")
    mine = request.person is not None and any(each.person_id == request.person.id for each in readings)
    proposals = list(shown.proposals.filter(accepted=None).select_related("version"))
    runs = shown.runs.select_related("version")[:RUNS_SHOWN]
    context = {
        "here": "procedures",
        "crumbs": crumbs_of("procedures"),
        "procedure": shown,
        "heading": shown.title,
        "tags": _tags(request, shown),
        "html": rendered(version.body),
        "facts": _facts(request, shown, version),
        "buttons": _buttons(request, shown, version, mine),
        "proposals": [_proposal_row(each) for each in proposals],
        "readers": [each.person.name for each in readings],
        "versions": [_version_row(request, shown, each) for each in versions],
        "runs": [_run_row(each) for each in runs],
        "retire": _retire(request, shown),
    }
    return render(request, "console/procedure.html", context)


def _facts(request: StaffRequest, shown: Procedure, version: Version) -> list[tuple[str, str]]:
    kinds = queries.call_kinds(request.brands)
    services, calls, part = where([one.name for one in shown.services.all()], shown.calls, kinds, shown.part)
    review = date_format(localtime(shown.review_at), "D j M Y") if shown.review_at else ""
    if shown.review_at is not None and shown.review_at <= request.at:
        review = _("{date}: that is over").format(date=review)
    facts = [
        (_("For"), services),
        (_("Kind of call"), calls or _("every kind")),
        (_("Part"), part and shown.part),
        (_("Kept by"), shown.owner.name if shown.owner else _("nobody in particular")),
        (_("Look through by"), review or (_("never") if shown.published else "")),
        (_("Version"), _("{number}, by {name}").format(number=version.number, name=version.by_name)),
        (_("Brand"), shown.brand.name),
    ]
    return [(label, value) for label, value in facts if value]


def _keeps(request: StaffRequest, shown: Procedure) -> bool:
    """Whether the reader may do what only its owner and managers do."""
    me = request.person.id if request.person else None
    return shown.owner_id in (None, me) or may(request, "keep_procedures", shown.brand_id)


def _buttons(request: StaffRequest, shown: Procedure, version: Version, read: bool) -> list[dict[str, Any]]:
    buttons: list[dict[str, Any]] = []
    if shown.retired_at is not None:
        return buttons
    keeps = _keeps(request, shown)

    def add(verb: str, view: str, label: str, **more: Any) -> None:
        if may(request, verb, shown.brand_id):
            buttons.append({"label": label, "url": reverse(f"console:{view}", args=[shown.pk]), **more})

    draft = shown.published is None or shown.latest > shown.published.number
    if draft and keeps:
        label = _("Publish version {number}").format(number=shown.latest)
        add("publish_procedure", "publish_procedure", label, main=True, fields={"number": shown.latest})
    if shown.published is not None and not read and request.person is not None:
        fields = {"number": version.number}
        add("confirm_reading", "confirm_reading", _("I have read it"), main=not (draft and keeps), fields=fields)
    add("save_procedure", "save_procedure", _("Change it"), get=True)
    if not keeps:
        add("propose_change", "propose_change", _("Propose a change"), get=True)
    if keeps:
        if shown.published is not None:
            add("review_procedure", "review_procedure", _("It is still right"))
        add("edit_procedure", "edit_procedure", _("Where it fits"), get=True)
    return buttons


def _retire(request: StaffRequest, shown: Procedure) -> dict[str, Any] | None:
    if shown.retired_at is None and _keeps(request, shown) and may(request, "retire_procedure", shown.brand_id):
        url = reverse("console:retire_procedure", args=[shown.pk])
        return {"label": _("Take it out of use"), "url": url, "tone": "fire"}
    return None


def _version_row(request: StaffRequest, shown: Procedure, each: Version) -> dict[str, Any]:
    tags = []
    if shown.published_id == each.pk:
        tags.append({"text": _("Published"), "tone": "calm"})
    elif shown.published is None or each.number > shown.published.number:
        tags.append({"text": _("Draft"), "tone": "sky"})
    actions_ = []
    if each.number != shown.latest and shown.retired_at is None and may(request, "restore_procedure", shown.brand_id):
        url = reverse("console:restore_procedure", args=[shown.pk, each.number])
        actions_.append({"label": _("Take it up again"), "url": url})
    return {
        "at": each.at,
        "title": _("Version {number}").format(number=each.number),
        "url": reverse("console:procedure_version", args=[shown.pk, each.number]),
        "detail": joined(each.by_name, each.why),
        "tags": tags,
        "actions": actions_,
    }


def _proposal_row(each: Proposal) -> dict[str, Any]:
    return {
        "at": each.at,
        "title": each.why,
        "url": reverse("console:proposal", args=[each.pk]),
        "detail": _("by {name}, over version {number}").format(name=each.by_name, number=each.version.number),
        "tags": [{"text": _("Waits for a word"), "tone": "accent"}],
    }


def _run_row(each: Run) -> dict[str, Any]:
    words = {"page": _("for a page"), "ticket": _("for a ticket")}
    return {
        "at": each.at,
        "title": words.get(each.subject_kind, each.subject_kind),
        "url": url_of(each.subject_kind, each.subject_id),
        "detail": joined(each.by_name, _("version {number}").format(number=each.version.number)),
        "tags": [
            {"text": _("Every step is settled"), "tone": "calm"}
            if each.finished_at
            else {"text": _("Open"), "tone": ""}
        ],
    }


@staff("read_procedures")
def procedure_version(request: StaffRequest, procedure_id: int, number: int) -> HttpResponse:
    """One version as it was saved, and what it changed."""
    shown = _one(request, procedure_id)
    version = found(shown.versions.filter(number=number), _("You asked for a version of a procedure."))
    before = shown.versions.filter(number__lt=number).first()
    context = {
        "here": "procedures",
        "crumbs": crumbs_of("procedures", (reverse("console:procedure", args=[shown.pk]), shown.title)),
        "heading": _("Version {number}").format(number=number),
        "version": version,
        "html": rendered(version.body),
        "difference": queries.difference(before, version.title, version.body) if before else [],
        "before": before,
        "readers": [each.person.name for each in version.readings.select_related("person")],
        "row": _version_row(request, shown, version),
    }
    return render(request, "console/procedure_version.html", context)


# ---- Writing --------------------------------------------------------------------------------------------------------


def _text_area(label: Any, rows: int = 16, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=100_000, widget=forms.Textarea(attrs={"rows": rows}), **more)


class WhereForm(FitForm):
    """Where a procedure fits, and who keeps it."""

    part = forms.CharField(
        label=gettext_lazy("Only for this machine or part"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("As alarms name it; * stands for anything: sw2* is sw2, sw21 and sw2-port7."),
    )
    owner = forms.ChoiceField(
        label=gettext_lazy("Kept by"),
        required=False,
        help_text=gettext_lazy("Only they and managers publish it; they are asked to look through it."),
    )
    review_days = forms.IntegerField(
        label=gettext_lazy("Looked through every so many days"),
        min_value=0,
        max_value=actions.LONGEST_REVIEW,
        initial=180,
        help_text=gettext_lazy("0: never."),
    )

    def __init__(
        self, *args: Any, request: StaffRequest, verb: str, brand_id: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, request=request, verb=verb, brand_id=brand_id, **kwargs)
        self.fields["owner"].choices = person_field_choices(brand_id)  # type: ignore[attr-defined]
        if brand_id is None and request.brands is not None:
            people = {choice for brand in request.brands for choice in person_field_choices(brand)}
            self.fields["owner"].choices = sorted(people, key=lambda each: (bool(each[0]), each[1]))  # type: ignore[attr-defined]

    def changes(self) -> actions.ProcedureChanges:
        """What was chosen."""
        values = self.cleaned_data
        return {
            "service_ids": values["services"],
            "calls": values["calls"],
            "part": values["part"],
            "owner_id": int(values["owner"]) if values["owner"] else None,
            "review_days": values["review_days"],
        }


class NewForm(WhereForm):
    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    body = _text_area(gettext_lazy("What to do"), help_text=HELP)
    field_order = ("brand", "title", "body")


@form_page("make_procedure")
def new_procedure(request: StaffRequest) -> HttpResponse:
    """A procedure with its first version, a draft."""
    initial = {"owner": str(request.person.id) if request.person else ""}
    form = NewForm(request.POST or None, request=request, verb="make_procedure", initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.make_procedure(
                brand_id=int(form.cleaned_data["brand"]),
                title=form.cleaned_data["title"],
                body=form.cleaned_data["body"],
                where=form.changes(),
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            return done(request, _("Saved as a draft. Publish it when it is right."), "console:procedure", made.pk)
    lead = _("It is a draft until it is published, and stands then on each page and ticket that it fits.")
    return form_in(request, "procedures", form, _("Write a procedure"), _("Save the draft"), lead=lead)


class SaveForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    body = _text_area(gettext_lazy("What to do"), help_text=HELP)
    why = forms.CharField(label=gettext_lazy("What has changed, and why"), max_length=300, required=False)
    over = forms.IntegerField(widget=forms.HiddenInput)


@form_page("save_procedure")
def save_procedure(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """The words as a new version. What somebody else saved meanwhile is shown, and nothing that was typed is lost."""
    shown = _one(request, procedure_id)
    latest = shown.versions.get(number=shown.latest)
    initial = {"title": latest.title, "body": latest.body, "over": latest.number}
    form = SaveForm(request.POST or None, initial=initial)
    more: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            made = actions.save_procedure(
                procedure_id=shown.pk,
                title=values["title"],
                body=values["body"],
                why=values["why"],
                over=values["over"],
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except ChangedMeanwhile as refusal:
            refused(form, None, refusal)
            # Saving once more is over what is shown below now.
            _over_now(form, request, latest.number)
            difference = queries.difference(latest, values["title"], values["body"])
            more = {"extra": "console/difference_extra.html", "difference": difference}
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            text = _("Saved as version {number}.").format(number=made.number)
            return done(request, text, "console:procedure", shown.pk)
    return form_in(
        request,
        "procedures",
        form,
        _("Change “{title}”").format(title=shown.title),
        _("Save a new version"),
        crumbs=crumbs_of("procedures", (reverse("console:procedure", args=[shown.pk]), shown.title)),
        cancel_url=reverse("console:procedure", args=[shown.pk]),
        lead=_("Version {number} stays shown until yours is published.").format(number=shown.published.number)
        if shown.published
        else "",
        **more,
    )


def _over_now(form: forms.Form, request: StaffRequest, number: int) -> None:
    """Sending the form once more is over version `number`."""
    data = request.POST.copy()
    data["over"] = str(number)
    form.data = data


@form_page("edit_procedure")
def edit_procedure(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """Where it fits, and who keeps it."""
    shown = _one(request, procedure_id)
    initial = {
        "services": [one.pk for one in shown.services.all()],
        "calls": shown.calls,
        "part": shown.part,
        "owner": str(shown.owner_id or ""),
        "review_days": shown.review_days,
    }
    form = WhereForm(
        request.POST or None, request=request, verb="edit_procedure", brand_id=shown.brand_id, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_procedure(
                procedure_id=shown.pk, changes=form.changes(), by=request.actor, via=Door.WEB, at=request.at
            )
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            return done(request, _("It fits there from now on."), "console:procedure", shown.pk)
    heading = _("Where “{title}” fits").format(title=shown.title)
    cancel_url = reverse("console:procedure", args=[shown.pk])
    return form_in(request, "procedures", form, heading, _("Save it"), cancel_url=cancel_url)


def _number(request: StaffRequest) -> int:
    text = request.POST.get("number", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise NotFound(_("You asked for a version of a procedure."), _("No number was given."), _("Go back."))
    return int(text)


@posting("publish_procedure")
def publish_procedure(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """That version is what is shown from now on."""
    shown = _one(request, procedure_id)
    actions.publish_procedure(
        procedure_id=shown.pk, number=_number(request), by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("It is published."), "console:procedure", shown.pk)


@posting("restore_procedure")
def restore_procedure(request: StaffRequest, procedure_id: int, number: int) -> HttpResponse:
    """The words of an older version as a new draft."""
    shown = _one(request, procedure_id)
    made = actions.restore_procedure(
        procedure_id=shown.pk, number=number, by=request.actor, via=Door.WEB, at=request.at
    )
    text = _("Version {number} has the words of version {old} again.").format(number=made.number, old=number)
    return done(request, text, "console:procedure", shown.pk)


@posting("review_procedure")
def review_procedure(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """It was looked through, and is right."""
    shown = _one(request, procedure_id)
    actions.review_procedure(procedure_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Good: it was looked through."), "console:procedure", shown.pk)


@posting("retire_procedure")
def retire_procedure(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """It is shown nowhere any more."""
    shown = _one(request, procedure_id)
    actions.retire_procedure(procedure_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{title}” is out of use.").format(title=shown.title), "console:procedures")


@posting("confirm_reading")
def confirm_reading(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """The reader has read that version."""
    shown = _one(request, procedure_id)
    actions.confirm_reading(
        procedure_id=shown.pk, number=_number(request), by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("Noted: you have read it."), "console:procedure", shown.pk)


# ---- Proposals ------------------------------------------------------------------------------------------------------


class ProposalForm(forms.Form):
    body = _text_area(gettext_lazy("What to do"), help_text=HELP)
    why = forms.CharField(label=gettext_lazy("What should change, and why"), max_length=300)
    over = forms.IntegerField(widget=forms.HiddenInput)
    about = forms.CharField(widget=forms.HiddenInput, required=False, max_length=100)
    lesson = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=2**31)


@form_page("propose_change")
def propose_change(request: StaffRequest, procedure_id: int) -> HttpResponse:
    """Other words, for its owner to accept. `?about=page:ID`: what it came from; `?lesson=ID`: an answer that came back."""
    shown = _one(request, procedure_id)
    version = shown.published or shown.versions.get(number=shown.latest)
    initial = {"body": version.body, "over": version.number}
    initial |= {name: request.GET.get(name, "") for name in ("about", "lesson")}
    form = ProposalForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _propose(request, shown, form.cleaned_data)
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            name = shown.owner.name if shown.owner else _("whoever keeps it")
            return done(request, _("{name} will decide.").format(name=name), "console:procedure", shown.pk)
    heading = _("Propose a change of “{title}”").format(title=shown.title)
    cancel_url = reverse("console:procedure", args=[shown.pk])
    lead = _found_out(request, form["lesson"].value())
    return form_in(request, "procedures", form, heading, _("Propose it"), cancel_url=cancel_url, lead=lead)


def _found_out(request: StaffRequest, lesson_id: Any) -> str:
    """What the second line found, which is to be written down; "" where it is about nothing of the kind."""
    number = str(lesson_id or "")
    if request.person is None or not (number.isascii() and number.isdecimal() and len(number) < 10):
        return ""
    lesson = Lesson.objects.filter(person=request.person, id=int(number)).first()
    return _("{name} found: {answer}").format(name=lesson.answered_by, answer=lesson.answer) if lesson else ""


def _propose(request: StaffRequest, shown: Procedure, values: dict[str, Any]) -> None:
    """By an answer that came back from the second line it is learned as well."""
    doing: dict[str, Any] = {"by": request.actor, "via": Door.WEB, "at": request.at}
    change = {"procedure_id": shown.pk, **{name: values[name] for name in ("body", "why", "over")}}
    if values["lesson"]:
        confirm_lesson(lesson_id=values["lesson"], change=Change(**change), **doing)
        return
    kind, _colon, subject_id = values["about"].partition(":")
    actions.propose_change(**change, subject=(kind, subject_id) if subject_id else None, **doing)


class AcceptForm(forms.Form):
    body = _text_area(gettext_lazy("As it will stand"), help_text=HELP)
    word = forms.CharField(label=gettext_lazy("A word to whoever proposed it"), max_length=300, required=False)
    over = forms.IntegerField(widget=forms.HiddenInput)


class DeclineForm(forms.Form):
    word = forms.CharField(label=gettext_lazy("Why not"), max_length=300)


def _proposal(request: StaffRequest, proposal_id: int) -> Proposal:
    rows = Proposal.objects.filter(within(request.brands, "procedure__brand_id"), id=proposal_id)
    rows = rows.select_related("procedure__owner", "procedure__brand", "version", "became")
    return found(rows, _("You asked for a proposal."))


@staff("read_procedures")
def proposal(request: StaffRequest, proposal_id: int) -> HttpResponse:
    """What would be different, and the two answers to it."""
    return _show_proposal(request, _proposal(request, proposal_id))


def _show_proposal(
    request: StaffRequest, each: Proposal, accept: AcceptForm | None = None, decline: DeclineForm | None = None
) -> HttpResponse:
    shown = each.procedure
    latest = shown.versions.get(number=shown.latest)
    outdated = each.accepted is None and latest.number != each.version.number
    decides = each.accepted is None and shown.retired_at is None and _keeps(request, shown)
    decides = decides and may(request, "accept_proposal", shown.brand_id)
    initial = {"body": each.body, "over": latest.number}
    heading = {
        None: _("{name} proposes a change"),
        True: _("A change by {name} was accepted"),
        False: _("A change by {name} was declined"),
    }
    context = {
        "here": "procedures",
        "crumbs": crumbs_of("procedures", (reverse("console:procedure", args=[shown.pk]), shown.title)),
        "heading": heading[each.accepted].format(name=each.by_name),
        "proposal": each,
        "about_url": url_of(each.subject_kind, each.subject_id),
        "difference": queries.difference(each.version, each.version.title, each.body),
        "outdated": queries.difference(each.version, latest.title, latest.body) if outdated else [],
        "latest": latest,
        "accept": (accept or AcceptForm(initial=initial)) if decides else None,
        "decline": (decline or DeclineForm(prefix="no")) if decides else None,
    }
    return render(request, "console/proposal.html", context)


@posting("accept_proposal")
def accept_proposal(request: StaffRequest, proposal_id: int) -> HttpResponse:
    """It is what is shown from now on."""
    each = _proposal(request, proposal_id)
    form = AcceptForm(request.POST)
    if form.is_valid():
        try:
            actions.accept_proposal(
                proposal_id=each.pk, **form.cleaned_data, by=request.actor, via=Door.WEB, at=request.at
            )
        except ChangedMeanwhile as refusal:
            refused(form, None, refusal)
            _over_now(form, request, each.procedure.latest)
        else:
            return done(request, _("Accepted, and published."), "console:procedure", each.procedure_id)
    return _show_proposal(request, each, accept=form)


@posting("decline_proposal")
def decline_proposal(request: StaffRequest, proposal_id: int) -> HttpResponse:
    """The procedure stays as it is."""
    each = _proposal(request, proposal_id)
    form = DeclineForm(request.POST, prefix="no")
    if not form.is_valid():
        return _show_proposal(request, each, decline=form)
    actions.decline_proposal(
        proposal_id=each.pk, word=form.cleaned_data["word"], by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("Declined. They are told why."), "console:procedure", each.procedure_id)


# ---- Kinds of call --------------------------------------------------------------------------------------------------


class CallKindForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    key = forms.SlugField(
        label=gettext_lazy("Key"), max_length=20, help_text=gettext_lazy("As programs name it: field_visit.")
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "add_call_kind")  # type: ignore[attr-defined]


@form_page("add_call_kind")
def new_call_kind(request: StaffRequest) -> HttpResponse:
    """A kind of call of the brand's own."""
    form = CallKindForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            made = actions.add_call_kind(
                brand_id=int(values["brand"]),
                key=values["key"],
                name=values["name"],
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except Refusal as refusal:
            refused(form, "key", refusal)
        else:
            return done(request, _("“{name}” can be chosen now.").format(name=made.name), "console:procedures")
    known = ", ".join(queries.call_kinds(request.brands).values())
    lead = _("There are: {names}.").format(names=known)
    return form_in(request, "procedures", form, _("Add a kind of call"), _("Add it"), lead=lead)
