"""What a form holds, or a refusal in the form's own words."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid


def checked(form: forms.Form, asked: str) -> dict[str, Any]:
    """The form's values, for a form that stands on another page. Raises Invalid with all that is wrong."""
    if form.is_valid():
        return form.cleaned_data
    wrong = [
        f"{form[name].label}: {' '.join(map(str, texts))}" if name in form.fields else " ".join(map(str, texts))
        for name, texts in form.errors.items()
    ]
    raise Invalid(asked, " ".join(wrong), _("Go back and mend it."))


def lines_of(text: str) -> list[str]:
    """The lines of a text area, without empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]
