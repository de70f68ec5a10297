"""What can be done about an outage beside telling: propose, confirm, withdraw, take a role, say what fails, approve, drop."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, Refusal
from nightdesk.console.views.choices import brand_choices, person_field_choices
from nightdesk.console.views.knowledge.sections import refused
from nightdesk.console.views.outages.shown import EFFECTS, ROLES, SEVERITIES, one, touched_text
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, posting, within
from nightdesk.customers.models import Subscription
from nightdesk.outages import actions, queries, wording
from nightdesk.outages.effect import Effect, effects
from nightdesk.outages.models import FailedPart, Part, Update

PARTS_FOUND = 12
CHOSEN = "part-"
"""The form's name of a part's effect is this and its number."""


class ProposeForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    title = forms.CharField(
        label=gettext_lazy("What has failed, among ourselves"),
        max_length=200,
        help_text=gettext_lazy("Customers never read this."),
    )
    severity = forms.ChoiceField(
        label=gettext_lazy("How bad"), choices=list(SEVERITIES.items()), initial="major", widget=forms.RadioSelect
    )


class ChangeForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("What has failed, among ourselves"), max_length=200)
    cause = forms.CharField(
        label=gettext_lazy("Cause, among ourselves"),
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Customers never read this; what they read are the statements."),
    )
    severity = forms.ChoiceField(
        label=gettext_lazy("How bad"),
        choices=list(SEVERITIES.items()),
        widget=forms.RadioSelect,
        help_text=gettext_lazy("It decides who approves a statement."),
    )
    lead = forms.TypedChoiceField(label=gettext_lazy("Lead"), coerce=int, empty_value=None, required=False)
    fixer = forms.TypedChoiceField(label=gettext_lazy("Fixer"), coerce=int, empty_value=None, required=False)
    voice = forms.TypedChoiceField(label=gettext_lazy("Voice"), coerce=int, empty_value=None, required=False)
    public = forms.BooleanField(label=gettext_lazy("It stands on the public page"), required=False)
    public_title = forms.CharField(label=gettext_lazy("Title that anybody may read"), max_length=200, required=False)

    def __init__(self, *args: Any, brand_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for role in ROLES:
            self.fields[role].choices = person_field_choices(brand_id)  # type: ignore[attr-defined]


# ---- It begins ------------------------------------------------------------------------------------------------------


@form_page("propose_outage")
def new_outage(request: StaffRequest) -> HttpResponse:
    """Somebody sees that something fails: which parts, how badly; whom that touches is shown before it is kept."""
    form = ProposeForm(request.POST or None, initial=_from_link(request))
    choices = brand_choices(request.actor, "propose_outage")
    form.fields["brand"].choices = choices  # type: ignore[attr-defined]
    if len(choices) == 1:
        form.fields["brand"].widget = forms.HiddenInput()
        form.initial["brand"] = choices[0][0]
    typed = request.POST if request.method == "POST" else request.GET
    brand = typed.get("brand") or ""
    brand = brand if brand in dict(choices) else choices[0][0]
    if request.method == "POST" and "find" not in request.POST and form.is_valid():
        try:
            made = actions.propose_outage(
                brand_id=int(form.cleaned_data["brand"]),
                title=form.cleaned_data["title"],
                severity=form.cleaned_data["severity"],
                parts=_chosen_parts(request.POST),
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            text = _("{name} is proposed. Nobody is told yet.").format(name=made.name)
            return done(request, text, "console:outage", made.pk)
    context = {
        "here": "outages",
        "form": form,
        "heading": _("Something has failed"),
        "lead": _("Say which parts. Nobody is told before somebody confirms it."),
        "label": _("Propose it"),
        "crumbs": [{"url": reverse("console:outages"), "label": _("Outages")}],
        "cancel_url": reverse("console:outages"),
        **_part_rows(request, int(brand), typed, {}),
    }
    return _parts_page(request, context)


def _from_link(request: StaffRequest) -> dict[str, str]:
    return {"title": request.GET.get("title", "")[:200]}


@form_page("set_failed_parts")
def outage_parts(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """Which parts fail in it, and how badly."""
    shown = one(request, outage_id)
    failed = {row.part_id: row.effect for row in FailedPart.objects.filter(outage=shown)}
    form = forms.Form(request.POST or None)
    if request.method == "POST" and "find" not in request.POST:
        try:
            actions.set_failed_parts(
                outage_id=shown.pk, parts=_chosen_parts(request.POST), by=request.actor, via=Door.WEB, at=request.at
            )
        except Refusal as refusal:
            form.is_valid()
            refused(form, None, refusal)
        else:
            return done(request, _("Whom it touches is worked out anew."), "console:outage", shown.pk)
    typed = request.POST if request.method == "POST" else request.GET
    context = {
        "here": "outages",
        "form": form,
        "heading": _("What fails in {name}").format(name=shown.name),
        "lead": _("Nobody is told by this. The next update goes to whom it touches then."),
        "label": _("That is what fails"),
        "crumbs": [
            {"url": reverse("console:outages"), "label": _("Outages")},
            {"url": reverse("console:outage", args=[shown.pk]), "label": shown.name},
        ],
        "cancel_url": reverse("console:outage", args=[shown.pk]),
        **_part_rows(request, shown.brand_id, typed, failed),
    }
    return _parts_page(request, context)


def _parts_page(request: StaffRequest, context: Mapping[str, Any]) -> HttpResponse:
    """The page, or the rows of parts alone where the script asks for them."""
    alone = request.GET.get("rows") == "yes"
    return render(request, "console/outage_parts_rows.html" if alone else "console/outage_parts.html", dict(context))


def _chosen_parts(typed: QueryDict) -> dict[int, int]:
    """Part -> how badly it fails, of those that were said to."""
    found = {}
    for name, value in typed.items():
        number = name.removeprefix(CHOSEN)
        if name.startswith(CHOSEN) and number.isdecimal() and str(value).isdecimal() and int(str(value)):
            found[int(number)] = int(str(value))
    return found


def _part_rows(request: StaffRequest, brand_id: int, typed: QueryDict, failed: Mapping[int, int]) -> dict[str, Any]:
    """Those that were chosen, then those that the words find; and what their failure touches."""
    fresh = not any(name.startswith(CHOSEN) for name in typed)
    chosen = dict(failed) if fresh else _chosen_parts(typed)
    words = typed.get("q", "").strip()[:120]
    mine: QuerySet[Part] = Part.objects.filter(brand=brand_id, retired_at=None)
    rows = list(mine.filter(pk__in=chosen))
    chosen = {row.pk: chosen[row.pk] for row in rows}
    fits = mine.exclude(pk__in=chosen)
    if words:
        fits = fits.filter(Q(key__icontains=words) | Q(name__icontains=words) | Q(aliases__contains=[words.lower()]))
    more = fits.count()
    rows += list(fits.order_by("kind", "key")[:PARTS_FOUND])
    return {
        "q": words,
        "part_rows": [
            {
                "id": row.pk,
                "name": row.name,
                "detail": " · ".join(
                    part for part in (row.get_kind_display(), row.key if row.key != row.name else "") if part
                ),
                "field": f"{CHOSEN}{row.pk}",
                "effect": chosen.get(row.pk, 0),
            }
            for row in rows
        ],
        "effects": [
            (0, _("Works")),
            *((int(one), str(EFFECTS[one])) for one in (Effect.REDUCED, Effect.DEGRADED, Effect.DOWN)),
        ],
        "more_parts": max(0, more - PARTS_FOUND),
        "no_parts": not rows and not words,
        "touches": _touches(brand_id, chosen) if chosen else "",
        "rows_url": request.path,
    }


def _touches(brand_id: int, chosen: Mapping[int, int]) -> str:
    hit = effects(queries.graph_of_brand(brand_id), {part: Effect(effect) for part, effect in chosen.items()})
    customers = Subscription.objects.filter(pk__in=hit.subscriptions).values("customer").distinct().count()
    return _("It touches {whom}").format(whom=touched_text(customers, len(hit.subscriptions)))


@posting("confirm_outage")
def confirm_outage(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """It is an outage; whoever says so is its lead and its voice."""
    one(request, outage_id)
    made = actions.confirm_outage(outage_id=outage_id, by=request.actor, via=Door.WEB, at=request.at)
    text = _("{name} is an outage, and you are its voice. Tell customers now.").format(name=made.name)
    return done(request, text, "console:tell", made.pk)


@posting("withdraw_outage")
def withdraw_outage(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """There was no fault; whoever was told of one is told so."""
    one(request, outage_id)
    made = actions.withdraw_outage(outage_id=outage_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} was never an outage.").format(name=made.name), "console:outage", made.pk)


@posting("write_update")
def say_no_change(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """Nothing has changed: the shortest update, by one press."""
    one(request, outage_id)
    due = parse_datetime(request.POST.get("due", "")) if request.POST.get("due") else None
    made = actions.say_no_change(outage_id=outage_id, due_at=due, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{words}” is sent.").format(words=wording.no_change()), "console:outage", made.pk)


# ---- Who does what, and what we note --------------------------------------------------------------------------------


@posting("edit_outage")
def take_role(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """The reader leads, fixes or speaks from now on."""
    shown = one(request, outage_id)
    role = request.POST.get("role", "")
    asked = _("You wanted a role in outage {name}.").format(name=shown.name)
    if role not in ROLES:
        raise Invalid(asked, _("There are lead, fixer and voice."), _("Choose one of these."), field="role")
    if request.person is None:
        raise Invalid(asked, _("You are not on the staff list."), _("Ask an administrator to put you on it."))
    fields = {f"{role}_id": request.person.pk}
    actions.edit_outage(outage_id=outage_id, fields=fields, by=request.actor, via=Door.WEB, at=request.at)
    said = {
        "lead": _("You lead {name}."),
        "fixer": _("You fix {name}. Nobody will ask you for words."),
        "voice": _("You are the voice of {name}: you are asked when an update is due."),
    }
    return done(request, said[role].format(name=shown.name), "console:outage", shown.pk)


@form_page("edit_outage")
def change_outage(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """Title, cause, severity, roles, and whether it stands on the public page."""
    shown = one(request, outage_id)
    initial = {
        "title": shown.title,
        "cause": shown.cause,
        "severity": shown.severity,
        "public": shown.public,
        "public_title": shown.public_title,
        **{role: getattr(shown, f"{role}_id") for role in ROLES},
    }
    form = ChangeForm(request.POST or None, initial=initial, brand_id=shown.brand_id)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        fields = {name: values[name] for name in ("title", "cause", "severity", "public", "public_title")}
        fields |= {f"{role}_id": values[role] for role in ROLES}
        try:
            actions.edit_outage(outage_id=shown.pk, fields=fields, by=request.actor, via=Door.WEB, at=request.at)
        except Refusal as refusal:
            refused(form, refusal.extra.get("field") if refusal.extra.get("field") in form.fields else None, refusal)
        else:
            return done(request, _("Noted."), "console:outage", shown.pk)
    context = {
        "here": "outages",
        "form": form,
        "heading": _("What we note of {name}").format(name=shown.name),
        "label": _("Note it"),
        "crumbs": [
            {"url": reverse("console:outages"), "label": _("Outages")},
            {"url": reverse("console:outage", args=[shown.pk]), "label": shown.name},
        ],
        "cancel_url": reverse("console:outage", args=[shown.pk]),
    }
    return render(request, "console/form.html", context)


# ---- What waits to be approved --------------------------------------------------------------------------------------


def _update(request: StaffRequest, update_id: UUID) -> Update:
    rows = Update.objects.filter(within(request.brands, "outage__brand_id"), id=update_id)
    return found(rows.select_related("outage"), _("You asked for an update of an outage."))


@posting("write_update")
def approve_update(request: StaffRequest, update_id: UUID) -> HttpResponse:
    """What waited is sent; who may say so hangs on the severity, and the verb asks."""
    shown = _update(request, update_id)
    made = actions.approve_update(update_id=update_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Update {number} is sent.").format(number=made.number), "console:outage", shown.outage_id)


@posting("drop_update")
def drop_update(request: StaffRequest, update_id: UUID) -> HttpResponse:
    """What waited is not sent."""
    shown = _update(request, update_id)
    actions.drop_update(update_id=update_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It is dropped; nobody was told."), "console:outage", shown.outage_id)
