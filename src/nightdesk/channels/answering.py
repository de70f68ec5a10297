"""What answers can do: verbs of higher rooms, registered by `nightdesk.wiring`, called by what a message stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from nightdesk.base.actors import Actor, Door
from nightdesk.channels.answers import PHRASES, parse_answer

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

Verb: TypeAlias = Callable[[str, str, Actor, Door, datetime], str]
"""(subject id, text, by, via, at) -> the sentence to say back. May raise a Refusal, whose text is then said."""

ANSWER_VERBS: dict[str, Verb] = {}
"""Name of a verb ("page.acknowledge") -> what it does."""


Spoken: TypeAlias = Callable[[str, Actor, Door, datetime], str]
"""(the words after the command, by, via, at) -> the sentence to say back. May raise a Refusal, whose text is then said."""

SAID: dict[str, Spoken] = {}
"""Word that one of our people texts without having been asked ("away") -> what it does."""

NOTED: list[Spoken] = []
"""What takes a note that one of our people texts and that belongs to no message of ours; filled by `nightdesk.wiring`."""


Listener: TypeAlias = Callable[[int, str, Door, datetime], str | None]
"""(a person's id, all that they wrote, via, at) -> the sentence to say back; None where it is not for this one."""

LISTENERS: list[Listener] = []
"""Who hears what one of our people wrote before it is read as a command or an answer."""

SAYS: dict[str, Mapping[str, "str | StrPromise"]] = {}
"""Kind of message -> verb -> what that answer says ("I am well"); kinds that are not here have the words of pages."""


@dataclass(frozen=True, slots=True)
class Unsubscriber:
    """How one kind of thing is unsubscribed from. `what(id)` is a sentence on what would end and what would not, and changes
    nothing; `end(id, by, via, at)` ends it, or begins whatever it takes, as often as it is called, and gives the sentence to say
    back. Both may raise a Refusal, whose text is then said.
    """

    what: Callable[[str], str]
    end: Callable[[str, Actor, Door, datetime], str]


UNSUBSCRIBE: dict[str, Unsubscriber] = {}
"""Kind of thing ("subscriber") -> how it is unsubscribed from; a delivery's value `unsubscribe` says what by its mail."""


def offered(answers: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    """What a message's stored `answers` offer: verb of `channels.answers` -> (name in ANSWER_VERBS, subject id).

    A key may be the verb itself ("acknowledge") or any word that means it ("ok"); others offer nothing.
    """
    found: dict[str, tuple[str, str]] = {}
    for word, (name, *_kind, subject_id) in answers.items():
        meant = parse_answer(word)
        verb = word if word in PHRASES or word == "note" else meant.verb if meant else ""
        if verb:
            found[verb] = (name, subject_id)
    return found


def how_it_stands(answers: Mapping[str, Sequence[str]], by: Actor, via: Door, at: datetime) -> str:
    """One sentence on what the message is about, as it is now; "" where the message has nobody to ask."""
    name, subject_id = offered(answers).get("status", ("", ""))
    return ANSWER_VERBS[name](subject_id, "", by, via, at) if name in ANSWER_VERBS else ""


def heard_first(person_id: int | None, words: str, via: Door, at: datetime) -> str | None:
    """What the first of LISTENERS says to it for whom it was meant; None where it was for none."""
    if person_id is None:
        return None
    return next((said for each in LISTENERS if (said := each(person_id, words, via, at)) is not None), None)
