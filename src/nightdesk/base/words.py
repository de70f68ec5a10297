"""Texts of the program that can be said again in another language, once it is known who reads them.

A verb works in the program's language, as what it keeps and tells our staff is for everybody. What it refuses is said to the
one who asked: the door says it again in theirs. A module whose refusals customers read takes its `_` from here.
"""

from typing import Any

from django.utils import translation


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
