import pytest
from django import forms
from django.core.cache import caches
from django.template import Context, Template
from django.utils import translation

from nightdesk.console.templatetags import fields

TAG = Template("{% load fields %}{% for each in form %}{% field each %}{% endfor %}")
PART = Template('{% for field in form %}{% include "console/parts/field.html" %}{% endfor %}')


class AskForm(forms.Form):
    name = forms.CharField(help_text="As on the door.")
    way = forms.ChoiceField(choices=[("mail", "Mail"), ("phone", "Phone")], widget=forms.RadioSelect)
    night = forms.BooleanField(required=False)


@pytest.fixture
def drawn(monkeypatch):
    """Names of the fields that had to be drawn, in their order."""
    caches["drawn"].clear()
    names = []
    draw = fields._drawn
    monkeypatch.setattr(fields, "_drawn", lambda field: names.append(field.name) or draw(field))
    yield names
    caches["drawn"].clear()


def html(form, template=TAG):
    return template.render(Context({"form": form}))


def test_fields_are_as_the_part_draws_them_and_drawn_once(drawn):
    expected = html(AskForm(prefix="ask"), PART)
    assert html(AskForm(prefix="ask")) == html(AskForm(prefix="ask")) == expected
    assert drawn == ["name", "way", "night"]
    assert html(AskForm(prefix="other")) != expected
    with translation.override("de"):
        html(AskForm(prefix="ask"))
    assert drawn == ["name", "way", "night"] * 3


def test_what_is_chosen_and_may_be_chosen_is_told_apart(drawn):
    del drawn
    form = AskForm(initial={"way": "phone"})
    assert html(form) == html(form, PART) != html(AskForm())
    more = AskForm()
    more.fields["way"].choices = [("mail", "Mail"), ("fax", "Fax")]
    assert "Fax" in html(more)
    assert "Fax" not in html(AskForm())


def test_what_somebody_wrote_is_drawn_anew_and_kept_nowhere(drawn):
    for _ in range(2):
        assert 'value="Bo"' in html(AskForm(initial={"name": "Bo"}))
    assert drawn.count("name") == 2
    bound = AskForm({"name": "", "way": "mail"})
    assert html(bound) == html(bound, PART)
    assert 'class="errors"' in html(bound)
    assert "errors" not in html(AskForm())
    assert "Bo" not in str(caches["drawn"]._cache)
