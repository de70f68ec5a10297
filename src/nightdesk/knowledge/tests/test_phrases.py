"""A placeholder is a name: nothing is evaluated, nothing is looked at twice, and nothing unknown can be saved."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nightdesk.knowledge.phrases import (
    FALL_BACK,
    PLACEHOLDERS,
    Unfilled,
    Unusable,
    check,
    languages_to_try,
    placeholders_in,
    render,
)

NAMES = st.sampled_from(sorted(PLACEHOLDERS))
CODE = st.sampled_from(
    [
        "{{ customer.__class__ }}", "{{ 1+1 }}", "{{ 7*7 }}", "{% for x in y %}", "{{ customer|safe }}", "{{ self }}",
        "{{ __import__('os') }}", "{customer}", "{0}", "%(customer)s", "%s", "${customer}", "$customer", "{{{{ customer }}}}",
        "{{customer}}}}", "{{ Customer }}", "{{}}", "{{ }}", "\\1", "\\g<0>", "{{ customer\n}}",
    ]
)  # fmt: skip
WORDS = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=20)
PIECES = st.lists(st.one_of(WORDS, NAMES.map("{{{{ {} }}}}".format), NAMES.map("{{{{{}}}}}".format)), max_size=8)
ANYTHING = st.lists(st.one_of(st.text(max_size=10), CODE, NAMES.map("{{{{ {} }}}}".format)), max_size=8).map("".join)


@given(PIECES, st.dictionaries(NAMES, st.one_of(st.text(max_size=20), CODE), min_size=len(PLACEHOLDERS)))
def test_each_name_becomes_its_value_as_it_is_and_the_rest_stays(pieces: list[str], values: dict[str, str]) -> None:
    text = "".join(pieces)
    expected = "".join(values[piece.strip("{} ")] if piece[:2] == "{{" else piece for piece in pieces)
    assert render(text, values) == expected


@given(st.one_of(CODE, st.text(max_size=40)), NAMES)
def test_what_is_put_in_is_never_looked_at_again(value: str, name: str) -> None:
    values = dict.fromkeys(PLACEHOLDERS, "other")
    assert render(f"<{{{{ {name} }}}}>", values | {name: value}) == f"<{value}>"


@given(ANYTHING)
def test_a_text_that_may_be_saved_has_names_that_are_known_and_no_other_braces_in_pairs(text: str) -> None:
    try:
        check(text)
    except Unusable:
        assume(False)
    assert placeholders_in(text) <= PLACEHOLDERS.keys()
    made = render(text, dict.fromkeys(PLACEHOLDERS, "x"))
    assert "{{" not in made
    assert "}}" not in made


@pytest.mark.parametrize(
    "text",
    [
        "{{ customer.name }}", "{{ customer|upper }}", "{{ 1+1 }}", "{{ unknown }}", "Dear {{ customer", "}} {{", "{{ }}",
        "{{ Customer }}", "{{{ customer }}", "{{ customer }}}}", "{{ __class__ }}", "{{ customer\n}}",
    ],
)  # fmt: skip
def test_what_is_no_known_name_is_refused(text: str) -> None:
    with pytest.raises(Unusable):
        check(text)


def test_what_only_looks_like_code_elsewhere_is_plain_text() -> None:
    text = "{% if %} {customer} %(customer)s ${ticket} \\1"
    check(text)
    assert render(text, {}) == text


def test_a_missing_value_is_said_and_nothing_is_half_made() -> None:
    with pytest.raises(Unfilled) as missing:
        render("Dear {{ customer }}, {{ticket}}", {"customer": "Kim"})
    assert missing.value.names == {"ticket"}


@given(st.text(max_size=12))
def test_british_english_is_tried_last_whatever_is_asked(code: str) -> None:
    tried = languages_to_try(code)
    assert tried[-1] == FALL_BACK
    assert len(set(tried)) == len(tried)


def test_the_nearest_language_comes_first() -> None:
    assert languages_to_try("de_AT") == ("de-at", "de", "en-gb")
    assert languages_to_try("en-gb") == ("en-gb", "en")
