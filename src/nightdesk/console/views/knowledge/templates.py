"""Templates: what customers are written, per brand and language."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.choices import LANGUAGES, brand_choices
from nightdesk.console.views.knowledge.sections import form_in, joined, list_in, refused
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box, select
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
from nightdesk.knowledge import phrases
from nightdesk.knowledge import wording_actions as actions
from nightdesk.knowledge.fields import BadTemplate
from nightdesk.knowledge.models import Template

USES = {
    "reply": gettext_lazy("Reply"),
    "macro": gettext_lazy("Macro text"),
    "auto_reply": gettext_lazy("Automatic reply"),
    "closing": gettext_lazy("Closing"),
    "ack": gettext_lazy("It has come"),
}


def _all(request: StaffRequest) -> QuerySet[Template]:
    return Template.objects.filter(within(request.brands)).select_related("brand")


def _chosen(request: StaffRequest) -> QuerySet[Template]:
    rows = _all(request)
    if text := asked(request, "q"):
        rows = rows.filter(Q(name__icontains=text) | Q(subject__icontains=text) | Q(body__icontains=text))
    if use := asked(request, "use", USES):
        rows = rows.filter(use=use)
    if language := asked(request, "language"):
        rows = rows.filter(language=language)
    return rows.order_by("use", "name", "language", "id")


@staff("read_templates")
def templates(request: StaffRequest) -> HttpResponse:
    """What customers are written, by use and language."""
    here, pager = one_page(request, _chosen(request))
    languages = {code: _name_of(code) for code in _all(request).order_by("language").values_list("language", flat=True)}
    filtered = clear_url(request)
    heading = _("What customers are written")
    if not here:
        heading = _("No template is like that") if filtered else _("No template is written yet")
    new = {"url": reverse("console:new_template"), "label": _("Write a template")}
    return list_in(
        request,
        "templates",
        heading,
        rows=[
            row(
                each.name,
                reverse("console:template", args=[each.pk]),
                joined(each.subject, " ".join(each.body.split())[:160], each.brand.name),
                [{"text": str(USES[each.use]), "tone": ""}, {"text": _name_of(each.language), "tone": "sky"}],
            )
            for each in here
        ],
        pager=pager,
        new=new if may_somewhere(request, "save_template") else None,
        filters=[
            search_box(asked(request, "q"), _("Words")),
            select("use", _("Use"), asked(request, "use"), {k: str(v) for k, v in USES.items()}, _("Every use")),
            select("language", _("Language"), asked(request, "language"), languages, _("Every language")),
        ],
        clear_url=filtered,
        csv_url=csv_url(request, reverse("console:templates_csv")),
        empty_text=_("A text is written once in each language; names in two braces are filled in when it is used."),
    )


def _name_of(code: str) -> str:
    return str(dict(LANGUAGES).get(code, code))


@staff("read_templates")
def templates_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = ["id", "use", "name", "language", "brand", "subject", "body", "edited_by", "edited_at"]
    rows = (
        [
            each.pk, each.use, each.name, each.language, each.brand, each.subject, each.body, each.edited_by,
            each.edited_at,
        ]
        for each in _chosen(request)[:EXPORTED]
    )  # fmt: skip
    return as_csv("templates", header, rows)


class TemplateForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    use = forms.ChoiceField(
        label=gettext_lazy("Use"),
        choices=[(use.value, USES[use.value]) for use in actions.SENT],
        widget=forms.RadioSelect,
        initial="reply",
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    language = forms.CharField(
        label=gettext_lazy("Language"),
        max_length=10,
        initial="en-gb",
        help_text=gettext_lazy("A code such as en-gb or de. Where a language has none, British English is used."),
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=200, required=False)
    body = forms.CharField(label=gettext_lazy("Text"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 12}))

    def __init__(self, *args: Any, request: StaffRequest, brand_id: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = " ".join(f"{{{{{name}}}}}" for name in phrases.PLACEHOLDERS)
        self.fields["body"].help_text = _("These are filled in: {names}").format(names=names)
        if brand_id is not None:
            del self.fields["brand"]
        else:
            self.fields["brand"].choices = brand_choices(request.actor, "save_template")  # type: ignore[attr-defined]


def _saved(request: StaffRequest, form: TemplateForm, brand_id: int, template_id: int | None) -> bool:
    values = {name: form.cleaned_data[name] for name in ("use", "name", "language", "subject", "body")}
    try:
        actions.save_template(
            brand_id=brand_id, template_id=template_id, **values, by=request.actor, via=Door.WEB, at=request.at
        )
    except BadTemplate as refusal:
        refused(form, "body", refusal)
        return False
    except Refusal as refusal:
        refused(form, None, refusal)
        return False
    return True


def _preview(text: str) -> str:
    """The text with the examples of what is filled in; "" where it cannot be used."""
    try:
        phrases.check(text)
        return phrases.render(text, phrases.PLACEHOLDERS)
    except (phrases.Unusable, phrases.Unfilled):
        return ""


@form_page("save_template")
def new_template(request: StaffRequest) -> HttpResponse:
    """A text with names that are filled in."""
    form = TemplateForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid() and _saved(request, form, int(form.cleaned_data["brand"]), None):
        return done(request, _("Saved."), "console:templates")
    more = {"within": "console/template_preview.html", "says": _preview(request.POST.get("body", "")[:20_000])}
    return form_in(request, "templates", form, _("Write a template"), _("Save it"), **more)


@form_page("read_templates")
def template(request: StaffRequest, template_id: int) -> HttpResponse:
    """One text with what a customer would read; whoever may, changes it."""
    shown = found(_all(request).filter(id=template_id), _("You asked for a template."))
    initial = {name: getattr(shown, name) for name in ("use", "name", "language", "subject", "body")}
    form = TemplateForm(request.POST or None, request=request, brand_id=shown.brand_id, initial=initial)
    may_save = may(request, "save_template", shown.brand_id)
    if request.method == "POST" and form.is_valid() and _saved(request, form, shown.brand_id, shown.pk):
        return done(request, _("Saved."), "console:templates")
    if not may_save:
        for field in form.fields.values():
            field.disabled = True
    more: dict[str, Any] = {"within": "console/template_preview.html", "says": _preview(shown.body)}
    if may(request, "remove_template", shown.brand_id):
        url = reverse("console:remove_template", args=[shown.pk])
        more |= {"extra": "console/one_action.html", "action": {"label": _("Remove it"), "url": url, "tone": "fire"}}
    return form_in(request, "templates", form, shown.name, _("Save it") if may_save else "", **more)


@posting("remove_template")
def remove_template(request: StaffRequest, template_id: int) -> HttpResponse:
    """It is used no more."""
    shown = found(_all(request).filter(id=template_id), _("You asked for a template."))
    actions.remove_template(template_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{name}” is removed.").format(name=shown.name), "console:templates")
