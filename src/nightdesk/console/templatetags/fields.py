"""`{% field form.reason %}`: a field of a form as parts/field.html draws it, drawn once for what it says.

A ticket's page has some sixty fields, nearly all of them empty, and a quarter of its time went into drawing them.
"""

from hashlib import blake2b

from django import template
from django.core.cache import caches
from django.forms import BoundField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


@register.simple_tag
def field(field: BoundField) -> SafeString:
    """The field with label, widget, what is wrong with it and help. What somebody wrote there is kept nowhere."""
    widget = field.field.widget
    choices, value = getattr(widget, "choices", None), field.value()
    if field.form.is_bound or (choices is None and value not in (None, "", True, False)):
        return _drawn(field)
    says = (
        get_language(), field.auto_id, field.html_name, str(field.label), str(field.help_text), field.field.required,
        field.field.disabled, type(widget).__qualname__, widget.attrs, value, list(choices or ()),
    )  # fmt: skip
    key = blake2b(repr(says).encode(), digest_size=16).hexdigest()
    return caches["drawn"].get_or_set(f"field:{key}", lambda: _drawn(field)) or _drawn(field)


def _drawn(field: BoundField) -> SafeString:
    return render_to_string("console/parts/field.html", {"field": field})
