"""The form of a comparison: its inputs in groups, each with its limits and its help."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.staff import StaffRequest
from nightdesk.reports.choosing_stored import KINDS, BadInputs, limits_of, read_inputs
from nightdesk.reports.choosing_words import CHARGED, FIELDS, GROUPS, WAYS

_LINES = {"calls": 6, "covered": 2, "diverts": 4, "combinations": 3}
_CHOICES: Mapping[str, Mapping[Any, Any]] = {"message_way": WAYS, "outsource_by": CHARGED}
OPEN = 1
"""How many groups stand open at first."""


class ComparisonForm(forms.Form):
    """Name and brand, and every input of `choosing_stored` as a field of its kind."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)

    def __init__(self, *args: Any, request: StaffRequest, brand_id: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = brand_choices(request.actor, "save_comparison")
        of_brand = [each for each in choices if each[0] == str(brand_id)]
        self.fields["brand"].choices = of_brand or choices  # type: ignore[attr-defined]
        for _title, names in GROUPS:
            for name in names:
                self.fields[name] = _field(name)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        try:
            read_inputs(self.inputs())
        except BadInputs as bad:
            for name, why in bad.errors.items():
                if name not in self.errors:
                    self.add_error(name, why)
        return values

    def inputs(self) -> dict[str, Any]:
        """What was typed, as `read_inputs` takes it; what does not fit its field is left out."""
        return {name: self.cleaned_data[name] for name in KINDS if self.cleaned_data.get(name) is not None}

    def groups(self) -> Iterator[dict[str, Any]]:
        """The fields in groups, for choose_form.html; one with something wrong in it stands open."""
        for number, (title, names) in enumerate(GROUPS):
            fields = [self[name] for name in names]
            yield {"title": title, "fields": fields, "open": number < OPEN or any(each.errors for each in fields)}


def _field(name: str) -> forms.Field:
    label, text = FIELDS[name]
    kind = KINDS[name]
    about: dict[str, Any] = {"label": label, "help_text": text}
    if issubclass(kind, StrEnum):
        return forms.ChoiceField(choices=list(_CHOICES[name].items()), widget=forms.RadioSelect, **about)
    if kind is bool:
        return forms.BooleanField(required=False, **about)
    if kind is str:
        rows = _LINES.get(name)
        widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false"}) if rows else forms.TextInput()
        return forms.CharField(
            widget=widget, required=name not in ("combinations", "diverts", "calls", "covered"), **about
        )
    least, most = limits_of(name)
    if kind is Decimal:
        return forms.DecimalField(min_value=least, max_value=most, decimal_places=4, **about)
    return forms.IntegerField(min_value=int(least), max_value=int(most), **about)


class FromRecordsForm(forms.Form):
    """Which line's calls, and of which days."""

    line = forms.ChoiceField(label=gettext_lazy("Phone line"))
    first = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    last = forms.DateField(label=gettext_lazy("To"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and not 0 <= (last - first).days <= 366:
            self.add_error("last", _("Give a day after the first, and at most a year."))
        return values
