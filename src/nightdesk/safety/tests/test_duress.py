"""The duress word, found in what somebody writes and in nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.safety import duress

KEY, BO, AL = b"k" * 32, 1, 2
words = st.text("abcdefghij", min_size=1, max_size=8)


@given(st.lists(words, min_size=1, max_size=3), st.lists(words, max_size=6), st.lists(words, max_size=6))
def test_it_is_found_wherever_it_stands(secret: list[str], before: list[str], after: list[str]) -> None:
    kept = duress.digest(KEY, BO, secret)
    text = " , ".join([*before, *secret, *after]).upper() + "!"
    assert duress.is_said(KEY, BO, kept, text)
    assert not duress.is_said(KEY, AL, kept, text), "another's word means nothing of mine"


@given(words, st.lists(words, max_size=12))
def test_what_does_not_hold_it_is_none(secret: str, text: list[str]) -> None:
    assert duress.is_said(KEY, BO, duress.digest(KEY, BO, [secret]), " ".join(text)) == (secret in text)


def test_accents_and_case_do_not_matter_and_a_part_of_a_word_is_not_it() -> None:
    kept = duress.digest(KEY, BO, duress.words_of("Édelweiß"))
    assert duress.is_said(KEY, BO, kept, "ok EDELWEISS.")
    assert not duress.is_said(KEY, BO, kept, "edelweissen")
