"""Texts with named placeholders, `{{ customer }}`: what may stand in one, and the text with its values put in.

A placeholder is a name and nothing else. No expression, filter or tag is known here, nothing is looked up, and what is put in
is never looked at again: a customer whose name is `{{ ticket }}` is called so.
"""

import re
from collections.abc import Collection, Mapping

PLACEHOLDERS: Mapping[str, str] = {
    "brand": "Quayside Networks",
    "customer": "Harbour Foods",
    "contact": "Kim Lee",
    "ticket": "#1042",
    "title": "No connection since this morning",
    "state": "In progress",
    "priority": "P2",
    "service": "Internet lines",
    "agent": "Mikael Lind",
    "next_step": "The carrier measures the line",
    "next_step_at": "14:30",
    "expectation": "You have an answer by Thu 26 Nov 09:00 GMT.",
    "answer_by": "Thu 26 Nov 09:00 GMT",
    "support_hours": "Mon to Fri 09:00 to 17:30",
    "opens_at": "Thu 26 Nov 09:00 GMT",
    "night_number": "020 7946 0000",
    "outages": "Mail is delayed; the next update is due at 15:00.",
    "workaround": "Use webmail until then.",
    "what_was_wrong": "An optic at Dock Street had failed",
    "what_was_done": "We replaced it",
    "what_to_do": "Nothing: it works again by itself",
    "link": "https://desk.example.net/t/1042",
}
"""Names that a text may use, each with an example of what stands there."""

IN_AUTO_REPLIES = (
    *(
        "brand",
        "customer",
        "contact",
        "ticket",
        "title",
        "priority",
        "service",
        "next_step",
        "next_step_at",
        "expectation",
    ),
    *("answer_by", "support_hours", "opens_at", "night_number", "outages", "workaround"),
)
"""Those that an automatic reply has values for."""

FALL_BACK = "en-gb"

_PLACEHOLDER = re.compile(r"(?<!\{)\{\{[ \t]*([a-z][a-z0-9_]{0,39})[ \t]*\}\}(?!\})")
_LEFT_OVER = re.compile(r"\{\{|\}\}")


class Unusable(ValueError):
    """The text cannot be a template. `wrong` is what stands in it and is no placeholder that is known."""

    def __init__(self, wrong: str) -> None:
        super().__init__(f"{wrong} is no placeholder.")
        self.wrong = wrong


class Unfilled(LookupError):
    """Values are missing, so that there is no whole text. `names` says of which placeholders."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(f"Nothing is known for: {', '.join(sorted(names))}.")
        self.names = frozenset(names)


def placeholders_in(text: str) -> frozenset[str]:
    """The names that stand in the text."""
    return frozenset(_PLACEHOLDER.findall(text))


def check(text: str, known: Collection[str] = tuple(PLACEHOLDERS)) -> None:
    """Raise Unusable for a name that is not `known`, and for braces that hold something else than a name."""
    unknown = sorted(placeholders_in(text) - frozenset(known))
    if unknown:
        raise Unusable(f"{{{{ {unknown[0]} }}}}")
    rest = _PLACEHOLDER.sub("", text)
    if left := _LEFT_OVER.search(rest):
        raise Unusable(" ".join(rest[left.start() : left.start() + 30].split()))


def render(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in the places of their names, as they are. Raises Unfilled where one is missing."""
    if missing := placeholders_in(text) - values.keys():
        raise Unfilled(missing)
    return _PLACEHOLDER.sub(lambda place: values[place[1]], text)


def render_what_is_known(text: str, values: Mapping[str, str]) -> str:
    """The text with its values, without the paragraphs that name what is empty or missing."""
    paragraphs = [each for each in text.split("\n\n") if all(values.get(name) for name in placeholders_in(each))]
    return render("\n\n".join(paragraphs), values).strip()


def put_in(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in the places of their names; a place that has no value stays as it stands."""
    return _PLACEHOLDER.sub(lambda place: values.get(place[1], place[0]), text) if values else text


def languages_to_try(language: str) -> tuple[str, ...]:
    """The language codes under which a text is looked for, the best first: `de-at`, `de`, and at last British English."""
    code = language.strip().lower().replace("_", "-")
    wanted = [code, code.partition("-")[0], FALL_BACK]
    return tuple(dict.fromkeys(each for each in wanted if each))
