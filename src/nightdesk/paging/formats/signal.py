"""What one alarm says, in Nightdesk's words, whichever format brought it; and what a parser gives back.

Every text in a `Signal` can be stored by PostgreSQL: no NUL, no lone surrogate, no NaN. The bytes as they came are kept
elsewhere; a signal is the reading of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Action: TypeAlias = Literal["trigger", "acknowledge", "resolve"]
Severity: TypeAlias = Literal["critical", "error", "warning", "info"]


@dataclass(frozen=True)
class Link:
    """A web address (http or https only, so that a page may print it as a link) and the words for it, perhaps none."""

    href: str
    text: str = ""


@dataclass(frozen=True)
class Image:
    """A picture's https address, where a click on it leads ("" nowhere), and what it shows."""

    src: str
    href: str = ""
    alt: str = ""


@dataclass(frozen=True)
class Signal:
    """One thing that a machine says happened.

    `dedup_key`: 1 to 255 characters; the same key within one integration is the same alarm.
    `summary`: one line of at most 1,024 characters; "" only for acknowledge and resolve.
    `severity`: None where the sender gave none that is known, which is not the same as harmless.
    `started_at`: aware, UTC, when the sender says it began; None where it does not say, or says something absurd.
    `details`: what the sender added, and under "nightdesk" what the parser has to say about its reading: `cut` (field
    to the length it had), `unread` (values of the wrong kind) and `extra` (fields that the format does not know).
    """

    action: Action
    dedup_key: str
    summary: str = ""
    severity: Severity | None = None
    source: str = ""
    component: str = ""
    group: str = ""
    class_: str = ""
    started_at: datetime | None = None
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
    details: Mapping[str, Json] = field(default_factory=dict)
    client: str = ""
    client_url: str = ""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it goes on the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Parsed:
    """The signals of one request in the order sent, and the answer to give *after the commit* and not before.

    `key`: the integration key that stood in the body; None where the format carries it outside (path, Authorization).
    """

    signals: tuple[Signal, ...]
    answer: Answer
    key: str | None = None


class Malformed(Exception):
    """The request can never be right, however often it is sent again; `answer` says so in the sender's own dialect."""

    def __init__(self, answer: Answer, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason


class Parser(Protocol):
    def __call__(self, body: bytes, content_type: str = "", query: Mapping[str, str] = ...) -> Parsed:
        """Signals of `body`; raises Malformed and nothing else, whatever the bytes are."""


@dataclass(frozen=True)
class Format:
    """A way in for alarms.

    `max_bytes`: a longer body is answered with `too_large` and not read.
    `overload`: the answer that makes *this* sender try again soon; the wrong one delays its page by minutes.
    `unknown_key`: for a key that belongs to no integration.
    """

    name: str
    max_bytes: int
    overload: Answer
    too_large: Answer
    unknown_key: Answer
    parse: Parser
