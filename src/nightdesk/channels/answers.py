"""What people text back, half asleep: `ok`, `1`, `1a`, `12 resolve`, `?`.

A message is a command only when *all* of it is one: a code perhaps, before or after, and words for one verb, with
thanks and punctuation around it. "ok but I cannot log in, wake Al" is not an acknowledgement, and taking it for one
would silence a page; nor is "ok?", which asks. What is no command is None: keep it as a note, and say what would be
understood.

A bare number acknowledges the page of that code. Codes are one to six digits.

The carriers' own words are never ours: STOP and its kin switch the pager off at the carrier, START, YES and UNSTOP
switch it on again, HELP and INFO are answered there; no phrase here is one of them. So YES (and OUI, its French twin in
double opt-ins) does not acknowledge: someone who lifts a STOP with YES must not take a page by it. The German and Dutch
"ja" is nobody's, and does.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from string import digits
from typing import Literal, TypeAlias

Verb: TypeAlias = Literal[
    "acknowledge", "resolve", "escalate", "decline", "note", "later", "morning", "quiet", "status"
]
Carrier: TypeAlias = Literal["stop", "start", "help"]


@dataclass(frozen=True)
class Answer:
    """`code`: the page's digits as typed; None means the page last told to this number. `text`: a note's words."""

    verb: Verb
    code: str | None = None
    text: str = ""


# Small letters, no accents, as `_words` gives them. No phrase may mean anything else when it is the whole message.
PHRASES: Mapping[Verb, tuple[str, ...]] = {
    "acknowledge": (
        "ok", "okay", "oke", "okey", "k", "kk", "a", "ack", "acked", "ac", "akc", "acknowledge", "acknowledged",
        "accept", "accepted", "mine", "got it", "have it", "i have it", "on it", "i am on it", "im on it", "i m on it",
        "on my way", "will do",
        "ja", "jo", "jawohl", "quittiert", "quittieren", "quittiere", "bin dran", "ich bin dran", "mach ich",
        "ubernommen", "uebernommen", "ich ubernehme", "ich uebernehme", "bestatigt", "bestaetigt", "verstanden",
        "d accord", "daccord", "recu", "bien recu", "je prends", "je m en occupe", "j y vais", "j arrive", "acquitte",
    ),
    "resolve": (
        "r", "c", "resolve", "resolved", "res", "close", "closed", "done", "fixed", "solved", "all done",
        "erledigt", "gelost", "geloest", "behoben", "fertig",
        "resolu", "resoudre", "termine", "repare", "c est fait", "c est repare",
    ),
    "escalate": (
        "e", "esc", "escalate", "next", "wake next", "wake the next", "not me", "cannot", "can t", "cant",
        "i cannot", "i can t", "i cant",
        "eskalieren", "eskaliere", "nachster", "naechster", "kann nicht", "ich kann nicht", "nicht ich",
        "escalade", "escalader", "suivant", "pas moi", "je ne peux pas",
    ),
    "decline": ("no", "n", "nope", "decline", "declined", "nein", "ablehnen", "abgelehnt", "nee", "non", "refuse"),
    "later": ("l", "later", "snooze", "spater", "spaeter", "plus tard"),
    "morning": ("am", "morning", "in the morning", "tomorrow", "morgen", "morgen fruh", "morgen frueh", "demain",
                "demain matin"),
    "quiet": ("quiet", "silence", "leave me alone", "ruhe", "stille", "silencieux", "calme"),
    "status": ("status", "stat", "was ist los", "quoi"),
}  # fmt: skip

CARRIERS: Mapping[Carrier, frozenset[str]] = {
    "stop": frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "stopp", "arret"}),
    "start": frozenset({"start", "unstop", "yes", "oui"}),
    "help": frozenset({"help", "info", "aide", "hilfe"}),
}

THANKS = frozenset({"thanks", "thank", "you", "thx", "ta", "cheers", "pls", "please", "danke", "bitte", "merci", "svp"})
THUMBS = frozenset("👍👌")
AGAINST = frozenset("👎🚫❌🆘")

LONGEST_CODE = 6
LONGEST_REST = 24
"""Characters after a command."""
_VERBS: Mapping[str, Verb] = {phrase: verb for verb, phrases in PHRASES.items() for phrase in phrases}
_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+")
_NOTE = re.compile(
    r"\s*(?:#?(?P<before>[0-9]{1,6})[\s:.,]*)?(?:note|notiz)(?:\s*#?(?P<behind>[0-9]{1,6})\s*:|[\s:,]+)\s*(?P<text>.*)",
    re.IGNORECASE | re.DOTALL,
)


def carrier_word(body: str) -> Carrier | None:
    """What a carrier makes of the message, None where it is none of its words.

    After "stop" nothing more arrives at that number, so whoever reads this marks the contact as not working.
    """
    words = _words(body)
    if len(words) != 1:
        return None
    return next((meaning for meaning, known in CARRIERS.items() if words[0] in known), None)


def parse_answer(body: str) -> Answer | None:
    """The command in a text message, None where it is not wholly one. Case, accents, blanks and signs do not matter."""
    if note := _NOTE.fullmatch(body):
        text = note["text"].strip()
        return Answer("note", note["before"] or note["behind"], text) if text else None
    if any(sign in AGAINST for sign in body):
        return None
    words = _words(body)
    asks = "?" in unicodedata.normalize("NFKC", body)
    codes = [word for word in words if word[0] in digits]
    rest = [word for word in words if word[0] not in digits]
    if len(codes) > 1 or any(len(code) > LONGEST_CODE for code in codes):
        return None
    if codes and words[0] != codes[0] and words[-1] != codes[0]:
        return None
    verb = _verb(rest, bool(codes) or any(sign in THUMBS for sign in body))
    if asks:
        verb = "status" if not rest or verb == "status" else None
    return Answer(verb, codes[0] if codes else None) if verb else None


def command_of(body: str, known: Collection[str]) -> tuple[str, str] | None:
    """The command of `known` that the message begins with, and the few words after it: "Away 18:40". None for none.

    Only a short message of one line is one: what is longer was not meant for a machine.
    """
    first, _blank, rest = body.strip().partition(" ")
    word = first.casefold().strip(".,:;!")
    rest = rest.strip(" .,;!")
    return (word, rest) if word in known and len(rest) <= LONGEST_REST and "\n" not in rest else None


def meant_among(answer: Answer | None, verbs: Collection[str]) -> Answer | None:
    """The answer as a message that offers `verbs` takes it: where nobody else would be woken, "cannot" declines, and where
    nothing can be declined, "no" is no command.
    """
    if answer is None or (answer.verb == "decline" and "decline" not in verbs):
        return None
    if answer.verb == "escalate" and "escalate" not in verbs and "decline" in verbs:
        return replace(answer, verb="decline")
    return answer


def _verb(words: list[str], says_so_alone: bool) -> Verb | None:
    while words and words[-1] in THANKS:
        words = words[:-1]
    if not words:
        return "acknowledge" if says_so_alone else None
    phrase = " ".join(words)
    if phrase not in _VERBS and len(words) > 1 and _VERBS.get(words[0]) == "acknowledge":
        # "ok on it", "ja mach ich": said twice.
        again = _VERBS.get(" ".join(words[1:]))
        return again if again in ("acknowledge", None) else None
    return _VERBS.get(phrase)


def _words(body: str) -> list[str]:
    """Runs of digits and of letters, in small letters without accents; everything else only parts them."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", body).casefold())
    return _TOKEN.findall("".join(sign for sign in plain if not unicodedata.combining(sign)))
