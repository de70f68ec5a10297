import json
import pickle

from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.words import Said, gettext, say_again

KNOWN = "Sign in first"


def test_what_was_said_is_said_again_in_the_readers_language():
    with translation.override("en-gb"):
        plain, filled = gettext(KNOWN), gettext("{what}.").format(what=gettext(KNOWN))
        counted = gettext("%s of %s") % (gettext(KNOWN), 3)
        named = gettext("%(what)s!") % {"what": gettext(KNOWN)}
    assert (plain, filled, counted, named) == (KNOWN, f"{KNOWN}.", f"{KNOWN} of 3", f"{KNOWN}!")
    with translation.override("de"):
        word = translation.gettext(KNOWN)
        assert word != KNOWN
        assert [one.again() for one in (plain, filled, counted, named)] == [
            word,
            f"{word}.",
            f"{word} of 3",
            f"{word}!",
        ]


@given(st.one_of(st.text(), st.integers(), st.none()))
def test_whatever_else_is_left_as_it_is(value):
    assert say_again(value) == value


@given(st.text(), st.text())
def test_it_is_a_text_as_any_other(text, word):
    said = gettext("%s: {}").format(word) if "{" not in word else gettext("x")
    assert json.loads(json.dumps(said)) == str(said)
    assert pickle.loads(pickle.dumps(said)) == said
    assert type(said[:3]) is str
    assert type(said + text) is str
    assert isinstance(said, Said)
