"""How a brand speaks of outages: who approves, who is asked when it is late, words for 4 AM, what confirms by itself."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.checked import lines_of
from nightdesk.console.views.choices import LANGUAGES, brand_choices, pairs
from nightdesk.console.views.knowledge.sections import refused
from nightdesk.console.views.lists import EXPORTED, as_csv
from nightdesk.console.views.outages.shown import SEVERITIES, TONES
from nightdesk.console.views.settings.sections import form_in, row, tabs_of
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
from nightdesk.outages import actions, decide, queries, wording
from nightdesk.outages.models import ConfirmRule, Part, StatementTemplate
from nightdesk.paging.models import Policy
from nightdesk.people.models import Team

APPROVERS = {
    "anybody": gettext_lazy("anybody who may write one"),
    "desk": gettext_lazy("the desk"),
    "manager": gettext_lazy("a manager"),
}
SECTION = "outage_rules"


def _statements(request: StaffRequest) -> QuerySet[StatementTemplate]:
    return StatementTemplate.objects.filter(within(request.brands), removed_at=None).select_related("brand")


@staff("read_outage_room")
def outage_rules(request: StaffRequest) -> HttpResponse:
    """The rules of each brand, its words for 4 AM, and what confirms an outage without a person."""
    brands = Brand.objects.filter(within(request.brands, "id")).order_by("name")
    confirming = ConfirmRule.objects.filter(within(request.brands), removed_at=None).select_related("template", "brand")
    context = {
        "here": "settings",
        "heading": _("How outages are told"),
        "tabs": tabs_of(request, SECTION),
        "rules": [_rules_row(request, brand) for brand in brands],
        "statements": [
            row(
                each.name,
                reverse("console:statement", args=[each.pk])
                if may(request, "save_statement_template", each.brand_id)
                else "",
                (each.texts.get(each.brand.language) or next(iter(each.texts.values()), ""))[:200],
                [
                    {"text": wording.state_words(each.goes_to), "tone": TONES[each.goes_to]},
                    *([{"text": _("Holding statement"), "tone": "sky"}] if each.holding else []),
                    *({"text": language, "tone": ""} for language in sorted(each.texts)),
                ],
            )
            for each in _statements(request).order_by("brand__name", "position", "name")
        ],
        "confirming": [_confirm_row(request, each) for each in confirming.prefetch_related("parts").order_by("id")],
        "may_write": may_somewhere(request, "save_statement_template"),
        "may_confirm": may_somewhere(request, "save_confirm_rule"),
        "csv_url": reverse("console:statements_csv"),
    }
    return render(request, "console/outage_rules.html", context)


def _rules_row(request: StaffRequest, brand: Brand) -> dict[str, Any]:
    rules = queries.rules_of(brand.pk)
    approved = "; ".join(
        _("{severity}: {who}").format(
            severity=SEVERITIES[severity], who=APPROVERS[decide.approver_of(severity, rules.approvers)]
        )
        for severity in SEVERITIES
    )
    every = ngettext(
        "the next update after {count} minute", "the next update after {count} minutes", rules.update_every_minutes
    ).format(count=rules.update_every_minutes)
    late = (
        _("late ones are asked of {team}").format(team=rules.desk.name) if rules.desk else _("late ones page somebody")
    )
    url = reverse("console:brand_outage_rules", args=[brand.pk])
    detail = " · ".join([_("approved by {who}").format(who=approved), every, late])
    return row(brand.name, url if may(request, "save_outage_rules", brand.pk) else "", detail)


def _confirm_row(request: StaffRequest, each: ConfirmRule) -> dict[str, Any]:
    names = ", ".join(part.name for part in each.parts.all())
    wait = ngettext("{count} second", "{count} seconds", each.after_s).format(count=each.after_s)
    detail = _("after {wait}, with “{statement}”").format(wait=wait, statement=each.template.name)
    buttons = []
    if may(request, "remove_confirm_rule", each.brand_id):
        buttons.append({"label": _("Remove it"), "url": reverse("console:remove_confirm_rule", args=[each.pk])})
    tags = [{"text": str(SEVERITIES[each.severity]), "tone": ""}]
    if each.public:
        tags.append({"text": _("Public page"), "tone": "sky"})
    return row(names, "", detail, tags, buttons)


@staff("read_outage_room")
def statements_csv(request: StaffRequest) -> HttpResponse:
    """The words for 4 AM as a file, a row a language."""
    header = ["id", "brand", "name", "goes_to", "holding", "language", "text", "edited_by", "edited_at"]
    rows = (
        [each.pk, each.brand, each.name, each.goes_to, each.holding, language, text, each.edited_by, each.edited_at]
        for each in _statements(request)[:EXPORTED]
        for language, text in sorted(each.texts.items())
    )
    return as_csv("statements", header, rows)


# ---- A brand's rules ------------------------------------------------------------------------------------------------


class RulesForm(forms.Form):
    update_every_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes until the next update, where nobody says"), min_value=5, max_value=1440
    )
    desk = forms.TypedChoiceField(
        label=gettext_lazy("Who is asked when an update is late"),
        coerce=int,
        empty_value=None,
        required=False,
        help_text=gettext_lazy("After the voice: this team, then its manager. Never whoever fixes it."),
    )
    policy = forms.TypedChoiceField(
        label=gettext_lazy("Who is paged where no team is named"), coerce=int, empty_value=None, required=False
    )
    preview_people = forms.IntegerField(
        label=gettext_lazy("A rule tells at most so many people by itself"), min_value=0, max_value=10_000_000
    )
    status_hosts = forms.CharField(
        label=gettext_lazy("Names under which its public page stands"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One a line, such as status.example.net."),
    )

    def __init__(self, *args: Any, brand_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["desk"].choices = pairs(Team.objects.filter(brand=brand_id), _("Nobody"))  # type: ignore[attr-defined]
        self.fields["policy"].choices = pairs(Policy.objects.filter(brand=brand_id), _("The brand’s first"))  # type: ignore[attr-defined]
        for severity, name in SEVERITIES.items():
            self.fields[severity] = forms.ChoiceField(
                label=_("Who approves a statement: {severity}").format(severity=name),
                choices=list(APPROVERS.items()),
                widget=forms.RadioSelect,
            )
        self.order_fields([*SEVERITIES])


@form_page("save_outage_rules")
def brand_outage_rules(request: StaffRequest, brand_id: int) -> HttpResponse:
    """Who approves, who is asked when it is late, how often the next word is due."""
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))
    rules = queries.rules_of(brand.pk)
    initial = {
        "update_every_minutes": rules.update_every_minutes,
        "desk": rules.desk_id,
        "policy": rules.policy_id,
        "preview_people": rules.preview_people,
        "status_hosts": "\n".join(rules.status_hosts),
        **{severity: decide.approver_of(severity, rules.approvers).value for severity in SEVERITIES},
    }
    form = RulesForm(request.POST or None, initial=initial, brand_id=brand.pk)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        fields = {
            "approvers": {severity: values[severity] for severity in SEVERITIES},
            "desk_id": values["desk"],
            "policy_id": values["policy"],
            "update_every_minutes": values["update_every_minutes"],
            "preview_people": values["preview_people"],
            "status_hosts": lines_of(values["status_hosts"].lower()),
        }
        try:
            actions.save_outage_rules(brand_id=brand.pk, fields=fields, by=request.actor, via=Door.WEB, at=request.at)
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            return done(request, _("Saved."), "console:outage_rules")
    heading = _("How {brand} tells of outages").format(brand=brand.name)
    return form_in(request, SECTION, form, heading, _("Save it"))


# ---- Words for 4 AM -------------------------------------------------------------------------------------------------


class StatementForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    goes_to = forms.ChoiceField(
        label=gettext_lazy("Where we are then"),
        choices=[(state, "") for state in decide.State if state != "proposed"],
        widget=forms.RadioSelect,
        initial="investigating",
    )
    holding = forms.BooleanField(label=gettext_lazy("It may go by itself: a holding statement"), required=False)
    position = forms.IntegerField(label=gettext_lazy("Place in the list"), min_value=0, max_value=999, initial=0)

    def __init__(
        self, *args: Any, request: StaffRequest, shown: StatementTemplate | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["goes_to"].choices = [  # type: ignore[attr-defined]
            (state, wording.state_words(state)) for state in decide.State if state != "proposed"
        ]
        if shown is not None:
            del self.fields["brand"]
        else:
            self.fields["brand"].choices = brand_choices(request.actor, "save_statement_template")  # type: ignore[attr-defined]
        self.languages = list(dict.fromkeys([*(shown.texts if shown else ()), *dict(LANGUAGES)]))
        for number, language in enumerate(self.languages):
            self.fields[f"text_{language}"] = forms.CharField(
                label=_("Text: {language}").format(language=dict(LANGUAGES).get(language, language)),
                max_length=2000,
                required=False,
                widget=forms.Textarea(attrs={"rows": 3, "lang": language}),
                help_text=_("These are filled in from the record: {names}").format(
                    names=" ".join(f"{{{{ {name} }}}}" for name in wording.PLACEHOLDERS)
                )
                if number == 0
                else "",
            )

    def texts(self) -> dict[str, str]:
        """Language -> text, of those that were written."""
        values = {language: self.cleaned_data[f"text_{language}"].replace("\r\n", "\n") for language in self.languages}
        return {language: text for language, text in values.items() if text.strip()}


def _save_statement(request: StaffRequest, form: StatementForm, brand_id: int, template_id: int | None) -> bool:
    values = {name: form.cleaned_data[name] for name in ("name", "goes_to", "holding", "position")}
    try:
        actions.save_statement_template(
            brand_id=brand_id,
            template_id=template_id,
            texts=form.texts(),
            **values,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
    except Refusal as refusal:
        refused(form, None, refusal)
        return False
    return True


@form_page("save_statement_template")
def new_statement(request: StaffRequest) -> HttpResponse:
    """Words that need nobody's approval when they are sent as they stand."""
    form = StatementForm(request.POST or None, request=request)
    saved = request.method == "POST" and form.is_valid()
    if saved and _save_statement(request, form, int(form.cleaned_data["brand"]), None):
        return done(request, _("Saved."), "console:outage_rules")
    lead = _("Sent as it stands it needs nobody’s approval, so say only what is true of every such outage.")
    return form_in(request, SECTION, form, _("Write a statement"), _("Save it"), lead=lead)


@form_page("save_statement_template")
def statement(request: StaffRequest, statement_id: int) -> HttpResponse:
    """One of them."""
    shown = found(_statements(request).filter(id=statement_id), _("You asked for a statement."))
    initial = {name: getattr(shown, name) for name in ("name", "goes_to", "holding", "position")}
    initial |= {f"text_{language}": text for language, text in shown.texts.items()}
    form = StatementForm(request.POST or None, request=request, shown=shown, initial=initial)
    if request.method == "POST" and form.is_valid() and _save_statement(request, form, shown.brand_id, shown.pk):
        return done(request, _("Saved."), "console:outage_rules")
    more: dict[str, Any] = {}
    if may(request, "remove_statement_template", shown.brand_id):
        url = reverse("console:remove_statement", args=[shown.pk])
        more = {"extra": "console/one_action.html", "action": {"label": _("Remove it"), "url": url, "tone": "fire"}}
    return form_in(request, SECTION, form, shown.name, _("Save it"), **more)


@posting("remove_statement_template")
def remove_statement(request: StaffRequest, statement_id: int) -> HttpResponse:
    """It is offered no more."""
    shown = found(_statements(request).filter(id=statement_id), _("You asked for a statement."))
    actions.remove_statement_template(template_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{name}” is removed.").format(name=shown.name), "console:outage_rules")


# ---- What confirms by itself ----------------------------------------------------------------------------------------


class ConfirmForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    parts = forms.CharField(
        label=gettext_lazy("Alarms about these parts"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Their keys, one a line."),
    )
    template = forms.ChoiceField(
        label=gettext_lazy("What is told then"), help_text=gettext_lazy("Only holding statements may go by themselves.")
    )
    after_s = forms.IntegerField(
        label=gettext_lazy("Seconds that the alarm must stand"), min_value=0, max_value=3600, initial=15
    )
    severity = forms.ChoiceField(
        label=gettext_lazy("How bad"), choices=list(SEVERITIES.items()), initial="major", widget=forms.RadioSelect
    )
    public = forms.BooleanField(label=gettext_lazy("It stands on the public page"), required=False)
    public_title = forms.CharField(label=gettext_lazy("Title that anybody may read"), max_length=200, required=False)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "save_confirm_rule")  # type: ignore[attr-defined]
        holding = StatementTemplate.objects.filter(within(request.brands), holding=True, removed_at=None)
        self.fields["template"].choices = [(str(each.pk), each.name) for each in holding]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """With `part_ids`, of the keys that were named."""
        values: dict[str, Any] = super().clean() or {}
        keys = lines_of(values.get("parts", "").lower())
        known = dict(Part.objects.filter(brand=values.get("brand") or 0, key__in=keys).values_list("key", "id"))
        if unknown := [key for key in keys if key not in known]:
            self.add_error("parts", _("There is no part {key}.").format(key=unknown[0]))
        values["part_ids"] = list(known.values())
        return values


@form_page("save_confirm_rule")
def new_confirm_rule(request: StaffRequest) -> HttpResponse:
    """Alarms about some parts confirm an outage, and tell it, without a person."""
    form = ConfirmForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            actions.save_confirm_rule(
                brand_id=int(values["brand"]),
                part_ids=values["part_ids"],
                template_id=int(values["template"]),
                **{name: values[name] for name in ("after_s", "severity", "public", "public_title")},
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except Refusal as refusal:
            refused(form, None, refusal)
        else:
            return done(request, _("From now on these alarms confirm an outage."), "console:outage_rules")
    return form_in(request, SECTION, form, _("Confirm by itself"), _("Let it confirm"))


@posting("remove_confirm_rule")
def remove_confirm_rule(request: StaffRequest, rule_id: int) -> HttpResponse:
    """It confirms nothing more."""
    rows = ConfirmRule.objects.filter(within(request.brands), id=rule_id, removed_at=None)
    shown = found(rows, _("You asked for a rule."))
    actions.remove_confirm_rule(rule_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("A person confirms these again."), "console:outage_rules")
