"""Texts of the program that can be said again in another language, once it is known who reads them.

A verb works in the program's language, as what it keeps and tells our staff is for everybody: doors through which customers
come do it by `in_our_language`. What it answers and refuses is said to the one who asked, in theirs. A module whose refusals
customers read takes its `_` from here.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.utils import translation

from nightdesk.base.refusals import Refusal

P = ParamSpec("P")
R = TypeVar("R")


class Said(str):
    """A text in the language that was active, with what it was made of. What is cut or joined of it is a plain `str`."""

    of: str = ""
    how: str = ""
    given: Any = None

    def format(self, *args: Any, **given: Any) -> "Said":
        """As of any `str`; a `Said` among what is filled in is said again too."""
        return _made(str.format(self, *args, **given), self.of, "format", (args, given))

    def __mod__(self, given: Any) -> "Said":
        return _made(str.__mod__(self, given), self.of, "%", given)

    def again(self) -> str:
        """The same in the language that is active now."""
        text: str = translation.gettext(self.of) if self.of else str(self)
        if self.how == "format":
            args, given = self.given
            return text.format(*map(say_again, args), **{name: say_again(value) for name, value in given.items()})
        if self.how == "%":
            text %= _each_again(self.given)
        return text


def gettext(text: str) -> Said:
    """As Django's."""
    return _made(translation.gettext(text), text, "", None)


def in_our_language(verb: Callable[P, R], *args: P.args, **given: P.kwargs) -> R:
    """What the verb returns, done in the program's language; a text that it answers, or refuses with, is in the reader's."""
    try:
        with translation.override(settings.LANGUAGE_CODE):
            done = verb(*args, **given)
    except Refusal as refusal:
        refusal.asked, refusal.so, refusal.do = map(say_again, (refusal.asked, refusal.so, refusal.do))
        raise
    return say_again(done)  # type: ignore[no-any-return]


def say_again(value: Any) -> Any:
    """A text of the program in the language that is active now; anything else as it is."""
    return value.again() if isinstance(value, Said) else value


def _each_again(given: Any) -> Any:
    if isinstance(given, dict):
        return {name: say_again(value) for name, value in given.items()}
    return tuple(map(say_again, given)) if isinstance(given, tuple) else say_again(given)


def _made(text: str, of: str, how: str, given: Any) -> Said:
    made = Said(text)
    made.of, made.how, made.given = of, how, given
    return made
