"""The phrase book: what customers are told of an effect on a service, in their own words."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

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
from nightdesk.customers.models import Service
from nightdesk.knowledge import phrases as placeholders
from nightdesk.knowledge import wording_actions as actions
from nightdesk.knowledge.fields import BadTemplate
from nightdesk.knowledge.models import Phrase

EFFECTS = {
    "down": gettext_lazy("It does not work"),
    "degraded": gettext_lazy("It works badly"),
    "reduced": gettext_lazy("It works, with nothing to spare"),
}


def _all(request: StaffRequest) -> QuerySet[Phrase]:
    return Phrase.objects.filter(within(request.brands)).select_related("brand", "service")


def _chosen(request: StaffRequest) -> QuerySet[Phrase]:
    rows = _all(request)
    if text := asked(request, "q"):
        rows = rows.filter(Q(text__icontains=text) | Q(workaround__icontains=text) | Q(service__name__icontains=text))
    if effect := asked(request, "effect", EFFECTS):
        rows = rows.filter(effect=effect)
    return rows.order_by("service__name", "effect", "language", "id")


@staff("read_templates")
def phrases(request: StaffRequest) -> HttpResponse:
    """What customers are told stops working, by service and effect."""
    here, pager = one_page(request, _chosen(request))
    services = Service.objects.filter(within(request.brands))
    silent = services.exclude(
        id__in=_all(request).filter(effect="down", service__isnull=False).values("service")
    ).count()
    filtered = clear_url(request)
    heading = _("Every service says what its customers lose")
    if silent:
        text = ngettext(
            "{count} service has no words of its own", "{count} services have no words of their own", silent
        )
        heading = text.format(count=silent)
    if not here:
        heading = _("No phrase is like that") if filtered else _("No phrase is written yet")
    new = {"url": reverse("console:new_phrase"), "label": _("Write a phrase")}
    effects = {effect: str(words) for effect, words in EFFECTS.items()}
    return list_in(
        request,
        "phrases",
        heading,
        rows=[
            row(
                each.service.name if each.service else _("Every other service"),
                reverse("console:phrase", args=[each.pk]),
                joined(each.text, each.workaround, each.brand.name),
                [
                    {"text": str(EFFECTS[each.effect]), "tone": ""},
                    {"text": str(dict(LANGUAGES).get(each.language, each.language)), "tone": ""},
                ],
            )
            for each in here
        ],
        pager=pager,
        new=new if may_somewhere(request, "save_phrase") else None,
        filters=[
            search_box(asked(request, "q"), _("Words or service")),
            select("effect", _("Effect"), asked(request, "effect", EFFECTS), effects, _("Every effect")),
        ],
        clear_url=filtered,
        csv_url=csv_url(request, reverse("console:phrases_csv")),
        empty_text=_(
            "Say what a customer notices when a service fails, and what helps meanwhile. Until then they read that it is not "
            "working."
        ),
    )


@staff("read_templates")
def phrases_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = ["id", "brand", "service", "effect", "language", "text", "workaround", "edited_by", "edited_at"]
    rows = (
        [
            each.pk, each.brand, each.service or "", each.effect, each.language, each.text, each.workaround,
            each.edited_by, each.edited_at,
        ]
        for each in _chosen(request)[:EXPORTED]
    )  # fmt: skip
    return as_csv("phrases", header, rows)


class PhraseForm(forms.Form):
    where = forms.ChoiceField(label=gettext_lazy("For"))
    effect = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=list(EFFECTS.items()),
        widget=forms.RadioSelect,
        initial="down",
    )
    language = forms.CharField(
        label=gettext_lazy("Language"),
        max_length=10,
        initial="en-gb",
        help_text=gettext_lazy("A code such as en-gb or de. One that is there for the same is replaced."),
    )
    text = forms.CharField(
        label=gettext_lazy("They read"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("{{ service }} is the service's name. Say what they notice: “no calls in or out”."),
    )
    workaround = forms.CharField(
        label=gettext_lazy("What helps meanwhile"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, request: StaffRequest, phrase: Phrase | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if phrase is not None:
            for name in ("where", "effect", "language"):
                del self.fields[name]
            return
        brands = brand_choices(request.actor, "save_phrase")
        mine = {number for number, _name in brands}
        services = Service.objects.filter(within(request.brands)).select_related("brand")
        several = len(brands) > 1
        choices = [
            (f"{each.brand_id}:{each.pk}", f"{each.name} ({each.brand.name})" if several else each.name)
            for each in services
            if str(each.brand_id) in mine
        ]
        every = _("Every other service")
        choices += [(f"{number}:", f"{every} ({name})" if several else every) for number, name in brands]
        self.fields["where"].choices = choices  # type: ignore[attr-defined]


def _saved(request: StaffRequest, form: PhraseForm, **which: Any) -> bool:
    values = {name: form.cleaned_data[name] for name in ("text", "workaround")}
    values = {name: " ".join(text.split()) for name, text in values.items()}
    try:
        actions.save_phrase(**values, **which, by=request.actor, via=Door.WEB, at=request.at)
    except BadTemplate as refusal:
        refused(form, "text", refusal)
        return False
    except Refusal as refusal:
        refused(form, None, refusal)
        return False
    return True


def _preview(text: str, service: str) -> str:
    """What stands there for the service; "" where it cannot be used."""
    try:
        placeholders.check(text, ["service"])
    except placeholders.Unusable:
        return ""
    return placeholders.render(text, {"service": service})


@form_page("save_phrase")
def new_phrase(request: StaffRequest) -> HttpResponse:
    """What customers lose, in their words."""
    form = PhraseForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        brand, _sign, service = form.cleaned_data["where"].partition(":")
        which = {
            "brand_id": int(brand),
            "service_id": int(service) if service else None,
            "effect": form.cleaned_data["effect"],
            "language": form.cleaned_data["language"],
        }
        if _saved(request, form, **which):
            return done(request, _("Saved."), "console:phrases")
    return form_in(request, "phrases", form, _("Write a phrase"), _("Save it"))


@form_page("read_templates")
def phrase(request: StaffRequest, phrase_id: int) -> HttpResponse:
    """One phrase, as a customer reads it; whoever may, changes it."""
    shown = found(_all(request).filter(id=phrase_id), _("You asked for a phrase."))
    initial = {"text": shown.text, "workaround": shown.workaround}
    form = PhraseForm(request.POST or None, request=request, phrase=shown, initial=initial)
    may_save = may(request, "save_phrase", shown.brand_id)
    which = {
        "brand_id": shown.brand_id,
        "service_id": shown.service_id,
        "effect": shown.effect,
        "language": shown.language,
    }
    if request.method == "POST" and form.is_valid() and _saved(request, form, **which):
        return done(request, _("Saved."), "console:phrases")
    if not may_save:
        for field in form.fields.values():
            field.disabled = True
    service = shown.service.name if shown.service else _("Internet lines")
    says = joined(_preview(shown.text, service), _preview(shown.workaround, service))
    more: dict[str, Any] = {"within": "console/template_preview.html", "says": says}
    if may(request, "remove_phrase", shown.brand_id):
        url = reverse("console:remove_phrase", args=[shown.pk])
        more |= {"extra": "console/one_action.html", "action": {"label": _("Remove it"), "url": url, "tone": "fire"}}
    heading = f"{shown.service.name if shown.service else _('Every other service')}: {EFFECTS[shown.effect]}"
    return form_in(request, "phrases", form, heading, _("Save it") if may_save else "", **more)


@posting("remove_phrase")
def remove_phrase(request: StaffRequest, phrase_id: int) -> HttpResponse:
    """What is said otherwise is told in its place."""
    shown = found(_all(request).filter(id=phrase_id), _("You asked for a phrase."))
    actions.remove_phrase(phrase_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The phrase is removed."), "console:phrases")
