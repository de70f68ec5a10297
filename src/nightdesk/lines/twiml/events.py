"""What a provider's web hooks say about a leg: who picked up, which key, how it ended.

https://www.twilio.com/docs/voice/api/call-resource#statuscallback. Who is asked for the steps is told the state too.
"""

import re
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid
from nightdesk.lines.leg import AnsweredBy, Event, State

STATES: Mapping[str, State] = {
    "queued": "queued",
    "initiated": "dialling",
    "ringing": "ringing",
    "in-progress": "answered",
    "answered": "answered",
    "completed": "completed",
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "cancelled",
}
_SID = re.compile(r"[0-9A-Za-z]{10,60}")
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""The words anonymous, restricted, blocked, unknown and unavailable as telephone keys: so providers write no number."""
NO_SUCH_NUMBER = frozenset({404, 410, 484, 604})
"""SIP answers that say so of the number (RFC 3261)."""


def read_event(form: Mapping[str, Sequence[str]]) -> Event:
    """What a web hook's form says. Raises Invalid where it names no leg, or a state that nobody knows."""
    leg_id, status = _one(form, "CallSid"), _one(form, "CallStatus").lower()
    state = STATES.get(status)
    if not leg_id or state is None:
        raise Invalid(
            _("A provider reported a call."),
            _("It names no call or a state that we do not know: {status}.").format(status=repr(status[:40])),
            _("Look at what the provider sends to this address."),
        )
    sip = _number(_one(form, "SipResponseCode"), 0)
    return Event(
        leg_id=leg_id[:100],
        state=state,
        sequence=_number(_one(form, "SequenceNumber"), -1),
        digits=_one(form, "Digits")[:20],
        answered_by=_answered_by(_one(form, "AnsweredBy")),
        seconds=_number(_one(form, "CallDuration"), 0),
        reason=(f"SIP {sip}" if sip >= 300 else "") or _one(form, "ErrorMessage")[:200],
        no_such_number=sip in NO_SUCH_NUMBER,
    )


def read_recording(form: Mapping[str, Sequence[str]]) -> tuple[str, float, bool]:
    """The provider's id of the recording that a web hook tells of ("" none), its seconds, and whether there is none."""
    absent = _one(form, "RecordingStatus").lower() in ("absent", "failed")
    sid = _one(form, "RecordingSid") or _one(form, "RecordingUrl").rpartition("/")[2]
    return (sid if _SID.fullmatch(sid) else ""), float(_number(_one(form, "RecordingDuration"), 0)), absent


def read_numbers(form: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """(who rings, which number was rung) as the provider writes them; a caller who withholds theirs is ""."""
    number, called = _one(form, "From"), _one(form, "To")
    return (number if _E164.fullmatch(number) and number not in _WITHHELD else ""), called[:60]


def _answered_by(said: str) -> AnsweredBy:
    """A fax is no person either; what the provider is not sure about is unknown."""
    if said == "human":
        return "person"
    if said.startswith("machine") or said == "fax":
        return "machine"
    return "unknown" if said else ""


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    values = form.get(name) or [""]
    return values[-1].replace("\0", "").strip()


def _number(text: str, otherwise: int) -> int:
    return int(text[:9]) if text.isascii() and text.isdigit() else otherwise
