"""A message as the telephone reads it: words that can be spoken, few of them, and which key means what.

Whoever hears it was asleep a moment ago. So it says the number of the page first, then what is wrong, then the keys, and
again; codes and addresses are read sign by sign, as nobody understands "eleven hundred and eighty-seven" at four.
"""

import re
from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from nightdesk.channels.answers import Verb
from nightdesk.channels.wording import LINK
from nightdesk.lines.leg import voice_language as voice_language  # what speaks asks here for all of it

KEYS: Mapping[str, Verb] = {"1": "acknowledge", "2": "escalate", "3": "morning", "4": "decline"}
"""Key of a telephone -> what it answers, where the message offers that."""
LONGEST = 220
"""Signs of a message that are read: some fifteen seconds."""


_LINKS = re.compile(r"\S+://\S+")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_MANY_DIGITS = re.compile(r"\d{3,}")
_LETTERS_AND_DIGITS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_UNSPEAKABLE = re.compile(r"[^\w\s.,:;!?'%&+-]|_")


def spoken(text: str, *, whole: bool = False) -> str:
    """`text` as it is read out: no links, no signs that a voice trips over, long numbers digit by digit.

    No longer than LONGEST, unless it is to be heard `whole`. Ends at a word, and at a full stop.
    """
    words = _LINKS.sub(" ", text.replace(LINK, " "))
    words = _ADDRESS.sub(lambda found: _(" dot ").join(map(_one_by_one, found[0].split("."))), words)
    words = _UNSPEAKABLE.sub(" ", words)
    words = re.sub(r"(?<=\w)-(?=\w)", " ", words)
    words = _LETTERS_AND_DIGITS.sub(" ", words) if _MANY_DIGITS.search(words) else words
    words = _MANY_DIGITS.sub(lambda found: _one_by_one(found[0]), words)
    words = " ".join(words.split())
    if len(words) > LONGEST and not whole:
        words = words[:LONGEST].rsplit(maxsplit=1)[0]
    return f"{words.rstrip(' .,:;-')}." if words.strip(" .,:;-!?") else ""


def _one_by_one(digits: str) -> str:
    return " ".join(digits)


def what_it_says(title: str, code: str, *, is_page: bool) -> str:
    """What is read first: "Page 1 2 3 from Nightdesk. P1. Core router at Mill Lane does not answer." """
    head, body = "", title
    priority = re.match(r"(P[1-5]) +", title)
    if is_page:
        number = _one_by_one(code)
        head = _("Page {number} from Nightdesk.").format(number=number) if code else _("A page from Nightdesk.")
        if priority:
            head, body = f"{head} {priority[1]}.", title[priority.end() :]
    else:
        head = _("This is Nightdesk.")
    return f"{head} {spoken(body)}".strip()


def which_keys(verbs: Collection[str], *, is_page: bool, says: Mapping[str, object] | None = None) -> str:
    """The keys that the message understands: "Press 1 to take it, 2 to pass it on."

    Where it offers nothing, 1 says that it was heard: else nobody could know. `says`: what the answers mean where they are no
    page's.
    """
    if says:
        meant = [
            _("{key} for: {words}").format(key=key, words=says[verb]) for key, verb in KEYS.items() if verb in says
        ]
        return _("Press {keys}.").format(keys="; ".join(meant))
    told = {
        "acknowledge": _("{key} to take it") if is_page else _("{key} to confirm"),
        "escalate": _("{key} to pass it on"),
        "morning": _("{key} to leave it till morning"),
        "decline": _("{key} to decline"),
    }
    known = [told[verb].format(key=key) for key, verb in KEYS.items() if verb in verbs]
    return _("Press {keys}.").format(keys=", ".join(known) or _("1 to confirm that you heard it"))
