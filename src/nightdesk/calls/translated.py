"""What callers hear, in their languages: `wording` keeps the English texts, which decisions may read."""

from collections.abc import Mapping
from functools import lru_cache

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from nightdesk.calls.wording import TEXTS

PROMPTS: Mapping[str, Promise] = {
    "greeting": _("Greeting"),
    "danger": _("What to do in danger"),
    "ask_pin": _("Asking for the PIN"),
    "ask_staff_pin": _("Asking staff for their PIN"),
    "wrong_pin": _("The PIN is not right"),
    "status_keys": _("Known outage: which keys there are"),
    "texts_wanted": _("Known outage: text messages are sent"),
    "goodbye": _("Goodbye"),
    "waiting_again": _("A message waits: noted that they rang again"),
    "waiting_keys": _("A message waits: which keys there are"),
    "cancelled": _("A message was cancelled by its caller"),
    "not_covered": _("The contract does not cover this hour"),
    "leave_for_later": _("Not covered: the key for a message"),
    "call_out_noted": _("The call-out is noted"),
    "hunt": _("An engineer is rung"),
    "still": _("It is still ringing"),
    "desk": _("Somebody will take the call"),
    "nobody_free": _("Nobody can take the call, in hours"),
    "night": _("Nobody takes calls at this hour"),
    "told": _("It is recorded (told)"),
    "may_decline": _("It is recorded, and may be declined"),
    "asked": _("May it be recorded"),
    "speak": _("Speak after the tone"),
    "speak_again": _("Say it again after the tone"),
    "heard_nothing": _("Nothing was heard"),
    "you_said": _("What they said follows"),
    "review": _("Keep it, say it again, or cancel"),
    "added": _("It is added to the message"),
    "thrown_away": _("It is thrown away"),
    "line_broke": _("The line to the engineer broke"),
    "sorry": _("The call has to end"),
}
"""Names of texts for which an operator may record their own voice: those with nothing to fill in. For pages."""


@lru_cache(maxsize=32)
def texts_in(language: str) -> Mapping[str, str]:
    """Name -> text in the language ("de-AT", "de"), for `Facts.texts`; English where nobody has translated it."""
    with translation.override(language.lower()):
        return {name: translation.gettext(text) for name, text in TEXTS.items()}
