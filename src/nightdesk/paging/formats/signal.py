"""What one alarm says, in Nightdesk's words, whichever format brought it; and what a parser gives back.

Every text in a `Signal` can be stored by PostgreSQL: no NUL, no lone surrogate, no NaN. The bytes as they came are kept
elsewhere; a signal is the reading of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Action: TypeAlias = Literal["trigger", "acknowledge", "resolve", "note", "update", "escalate"]
Named: TypeAlias = Literal["key", "id", "code"]
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

    `action`: only a trigger makes an alarm; `note` is kept and wakes nobody; `update` changes what an open alarm says,
    where it says anything; `escalate` has the next woken.
    `dedup_key`: 1 to 255 characters; the same key within one integration is the same alarm. `named` says whether it is
    that, or (never in a trigger) the alarm's own id or its page's code.
    `summary`: one line of at most 1,024 characters; never "" in a trigger.
    `removed`: of an update, the details that are gone: their name, and of a list the element ("": the whole).
    `text`: words for the page's story, perhaps several lines; "" for none.
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
    named: Named = "key"
    text: str = ""
    removed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Effect:
    """What became of one signal: the page that it reached (None: no page is touched), and whether it began that alarm."""

    action: Action
    dedup_key: str
    page_id: UUID | None = None
    code: str = ""
    is_new: bool = False


@dataclass(frozen=True)
class Taken:
    """A request that has taken effect: the id that it is kept under, and an effect for each of its signals."""

    id: UUID
    effects: tuple[Effect, ...]


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
    `tell`: makes the answer in place of `answer` where it depends on what became of the signals.
    `once`: the sender's own id of this request; a second one with it from the same integration changes nothing.
    `marks`: what could not be read as it was meant, for whoever wrote the mapping.
    """

    signals: tuple[Signal, ...]
    answer: Answer
    key: str | None = None
    tell: Callable[[Taken], Answer] | None = None
    once: UUID | None = None
    marks: tuple[str, ...] = ()


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

    `label`: what a person chooses it by. `address`: the path of its door, where KEY stands for the key.
    `max_bytes`: a longer body is answered with `too_large` and not read.
    `overload`: the answer that makes *this* sender try again soon; the wrong one delays its page by minutes.
    `unknown_key`: for a key that belongs to no integration.
    """

    name: str
    label: str
    address: str
    max_bytes: int
    overload: Answer
    too_large: Answer
    unknown_key: Answer
    parse: Parser
