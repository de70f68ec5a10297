import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.people.numbers import BadNumber, display, e164


@pytest.mark.parametrize(
    "text",
    [
        "020 7946 0000",
        "(020) 7946-0000",
        "+44 20 7946 0000",
        "+44 (0)20 7946 0000",
        "0044 20 7946 0000",
        "tel:+442079460000",
        " 020\u00a07946\u20110000 ",
        "2079460000",  # a spreadsheet took the zero
    ],
)
def test_one_number_is_kept_in_one_way_however_it_was_written(text):
    assert e164(text, "GB") == "+442079460000"


def test_a_number_without_a_country_code_is_one_of_the_region():
    assert e164("030 901820", "DE") == "+4930901820"
    assert e164("(202) 555-0143", "US") == "+12025550143"


def test_numbers_that_no_plan_knows_yet_are_kept():
    assert e164("07700 900123", "GB") == "+447700900123"


@pytest.mark.parametrize(
    ("text", "so"),
    [
        ("", "cannot be read"),
        ("999", "too short"),
        ("112", "too short"),
        ("+999 12345678", "country code"),
        ("020 7946 0000 x12", "extension"),
        ("020 7946 0000 ext. 12", "extension"),
        ("tel:+442079460000;ext=12", "extension"),
        ("0800 FLOWERS", "letters"),
        ("4.42079E+11", "letters"),
        ("ring Bo on 020 7946 0000", "letters"),
        ("7946 0000", "area code|length|short"),
        ("020 7946 0000 020 7946 0001", "too long|cannot be read"),
        ("0" * 5000, "cannot be read"),
    ],
)
def test_what_cannot_be_rung_is_refused_with_what_to_do(text, so):
    with pytest.raises(BadNumber, match=so) as refused:
        e164(text, "GB")
    assert refused.value.do.startswith("Give")


def test_an_unknown_region_is_the_callers_mistake():
    with pytest.raises(ValueError, match="'UK'"):
        e164("020 7946 0000", "UK")


@pytest.mark.parametrize(
    ("number", "region", "shown"),
    [
        ("+442079460000", "GB", "020 7946 0000"),
        ("+442079460000", "DE", "+44 20 7946 0000"),
        ("+442079460000", "JE", "020 7946 0000"),
        ("+12025550143", "GB", "+1 202-555-0143"),
        ("+390099912345", "IT", "+39 0099912345"),  # at home 00 would be dialled as the way abroad
    ],
)
def test_a_number_is_shown_as_its_reader_dials_it(number, region, shown):
    assert display(number, region) == shown


def test_a_number_that_its_own_form_would_turn_into_another_is_refused():
    with pytest.raises(BadNumber, match="two ways"):
        e164("+44 00120000000", "GB")


def test_a_number_unknown_to_its_plan_is_shown_so_that_it_leads_back_to_itself():
    assert display("+44120000000", "JE") == "+44 1200 00000"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["GB", "US", "DE", "FR", "IT", "IE"]),
    st.sampled_from(["GB", "US", "DE", "JE"]),
    st.from_regex(r"0?[1-9][0-9]{5,11}", fullmatch=True),
)
def test_what_is_shown_reads_back_as_the_same_number_and_never_has_a_zero_in_brackets(region, reader, text):
    try:
        number = e164(text, region)
    except BadNumber:
        return
    assert e164(number, region) == number
    assert e164(display(number, reader), reader) == number
    assert "(0)" not in display(number, reader)
