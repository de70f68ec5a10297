"""What a country asks of a line, and which PINs are good enough: properties."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.calls.country_rules import CONSENTS, COUNTRIES, enough_consent, trouble_with
from nightdesk.calls.pin_rules import LONGEST, SHORTEST, is_weak, length_for

DIGITS = st.text("0123456789", min_size=SHORTEST, max_size=LONGEST)
NUMBERS = st.from_regex(r"\+[1-9][0-9]{7,13}", fullmatch=True)


@given(NUMBERS, st.sampled_from(sorted(COUNTRIES)))
def test_a_costly_number_is_shown_in_no_country_and_its_own_never_foreign(number: str, country: str) -> None:
    costly = any(number.startswith(start) for each in COUNTRIES.values() for start in each.costly)
    found = trouble_with(number, country)
    assert (found == "costly") == costly
    if number.startswith(COUNTRIES[country].prefix):
        assert found != "foreign"


def test_numbers_as_people_have_them() -> None:
    assert trouble_with("+442079460100", "GB") == ""
    assert trouble_with("+449061234567", "GB") == "costly"
    assert trouble_with("+448451234567", "GB") == "costly"
    assert trouble_with("+442079460100", "DE") == "foreign"
    assert trouble_with("+493012345678", "DE") == ""
    assert trouble_with("+12025550123", "XX") == "", "of a country that we know nothing of, we say nothing"


@given(st.sampled_from(CONSENTS), st.sampled_from(sorted(COUNTRIES)))
def test_whoever_is_asked_more_is_asked_enough(consent: str, country: str) -> None:
    more = CONSENTS[CONSENTS.index(consent) :]  # type: ignore[arg-type]
    if enough_consent(consent, country):  # type: ignore[arg-type]
        assert all(enough_consent(each, country) for each in more)
    assert enough_consent("asked", country)


@given(st.integers(0, 10**6))
def test_one_guess_in_a_thousand_hits_somebody_at_the_most(known: int) -> None:
    length = length_for(known)
    assert length >= SHORTEST
    assert known * 1000 <= 10**length


@given(DIGITS)
def test_a_pin_that_goes_round_in_a_small_circle_is_weak(pin: str) -> None:
    for size in (1, 2, 3):
        if len(pin) % size == 0:
            assert is_weak(pin[:size] * (len(pin) // size))


def test_what_people_choose_first_is_weak() -> None:
    for pin in ("111111", "123456", "654321", "121212", "112211", "240584", "840524", "19840524", "24051984", "890123"):
        assert is_weak(pin), pin
    for pin in ("405973", "918274", "7730915"):
        assert not is_weak(pin), pin
