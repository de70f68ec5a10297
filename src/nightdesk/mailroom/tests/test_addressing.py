"""Addresses of ours: what is written for a key is read as that key, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.mailroom.addressing import KEY, Ours, choose, is_usable, meant_by, with_key

WORDS = ("page", "alarm", "bounce")
OURS = st.sampled_from(
    [Ours("noc@example.net"), Ours("@night.example"), Ours("a@night.example", 1), Ours("@example.net", 2)]
)


@given(OURS, st.sampled_from(WORDS), st.from_regex(KEY, fullmatch=True), st.lists(OURS, max_size=4))
def test_a_key_comes_back_whatever_case_it_comes_in(one: Ours, word: str, key: str, others: list[Ours]) -> None:
    written = with_key(one, word, key)
    meant = meant_by(written.upper(), [one, *others], WORDS)
    assert meant is not None
    assert (meant.word, meant.key) == (word, key)
    assert len(written.partition("@")[0]) <= 64


@given(st.text(max_size=40), st.lists(OURS, max_size=4))
def test_what_is_at_another_domain_is_none_of_ours(text: str, ours: list[Ours]) -> None:
    assert meant_by(f"{text}@elsewhere.example", ours, WORDS) is None


def test_a_whole_address_goes_before_its_domain_and_what_no_word_knows_is_the_plain_address() -> None:
    ours = [Ours("@example.net"), Ours("noc@example.net", 3)]
    meant = meant_by("noc+friday@example.net", ours, WORDS)
    assert meant is not None
    assert (meant.ours.brand_id, meant.word, meant.key) == (3, "", "noc")
    other = meant_by("anybody@example.net", ours, WORDS)
    assert other is not None
    assert (other.ours.address, other.key) == ("@example.net", "anybody")
    assert meant_by("anybody@example.net", ours[1:], WORDS) is None


def test_the_brands_own_address_is_chosen_first_and_anothers_never() -> None:
    ours = [Ours("@all.example"), Ours("@two.example", 2), Ours("@one.example", 1), Ours("@late.example", 1)]
    assert choose(ours, 1) == ours[2]
    assert choose(ours, 9) == ours[0]
    assert choose(ours[1:], 9) is None


def test_an_address_with_a_plus_or_capitals_is_none_that_can_be_ours() -> None:
    assert is_usable("noc@example.net")
    assert is_usable("@example.net")
    assert not any(
        is_usable(text) for text in ("noc+x@example.net", "Noc@example.net", "noc", "a b@c", "x" * 41 + "@c.de")
    )
