"""How this room's pure modules say no."""

from typing import ClassVar


class Refused(ValueError):
    """A value that a person gave cannot be used.

    `what` repeats what was given, `so` says what is the case, `do` says what to give instead; `code` is stable.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, what: str, so: str, do: str) -> None:
        super().__init__(f"{what}: {so} {do}")
        self.what = what
        self.so = so
        self.do = do
