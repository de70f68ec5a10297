"""The telephone rings and reads the message: calls in Twilio's dialect, made by a leg of `lines`.

A call counts as arrived when a key was pressed, and not before: a mailbox picks up too. No answer, busy, a mailbox and a
call in which nothing was pressed are all "nobody was there", and the same telephone is rung again a little later. The
words are given to the provider only when it asks for them, at our own address; they go through nobody else's.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings as django_settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.channels.driver import (
    Driver,
    Field,
    Key,
    Outgoing,
    Permanent,
    Receipt,
    Redial,
    Sent,
    Settings,
    Temporary,
)
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.spoken import KEYS
from nightdesk.lines.leg import ENDED, Event, Gather, HangUp, NotPlaced, Pause, Redirect, Say, Step, Wanted
from nightdesk.lines.twiml.events import read_event
from nightdesk.lines.twiml.legs import BASE_URL, TwimlLegs

RING_S, LONGEST_RING_S = 25, 55
LONGEST_CALL_S = 120
TALK = timedelta(seconds=LONGEST_CALL_S + 30)
"""How long after it was picked up the end of a call is waited for."""
REDIAL_AFTER_S, REDIALS = 30, 3
SAID_TIMES = 3
"""How often the message is read in one call to somebody who presses nothing."""
KEY_WAIT_S = 5


class VoiceLine:
    """One account's telephones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._legs = TwimlLegs(
            settings["account_sid"], settings.get("auth_token") or "", settings.get("base_url") or ""
        )

    async def send(self, outgoing: Outgoing) -> Sent:
        wanted = Wanted(
            to=outgoing.address,
            caller=self._settings["from"],
            ask_at=_address(outgoing, "voice"),
            report_at=_address(outgoing, "voice/status"),
            ring_s=min(max(self._settings.get("ring_s") or RING_S, 5), LONGEST_RING_S),
            longest_s=LONGEST_CALL_S,
            detect_machine=bool(self._settings.get("detect_mailbox", True)),
        )
        try:
            return Sent(await self._legs.place(wanted))
        except NotPlaced as refusal:
            raise _refusal(refusal) from None

    async def hang_up(self, call_id: str) -> bool:
        """Stop the ringing. False where it did not ring any more. Raises Temporary or Permanent."""
        try:
            return await self._legs.cancel(call_id)
        except NotPlaced as refusal:
            raise _refusal(refusal) from None

    async def close(self) -> None:
        await self._legs.close()


def _refusal(refused: NotPlaced) -> Temporary | Permanent:
    if refused.fault in ("number", "request"):
        return Permanent(refused.reason, unreachable=refused.fault == "number")
    return Temporary(refused.reason, refused.retry_after, of_route=refused.fault != "pace")


def _address(outgoing: Outgoing, path: str) -> str:
    """Our own address for the provider. Its query, which the signature covers, names the delivery."""
    about = {"d": str(outgoing.delivery_id), "m": outgoing.month.isoformat(), "n": str(outgoing.attempt)}
    return f"{django_settings.PUBLIC_URL}/providers/twilio/{outgoing.route_id}/{path}?{urlencode(about)}"


# What comes back


def read_progress(form: Mapping[str, Sequence[str]], settings: Settings) -> Receipt:
    """What a call's web hook says of the message. Raises Invalid where that cannot be read."""
    return _progress(read_event(form), settings)


def _progress(event: Event, settings: Settings) -> Receipt:
    if event.answered_by == "machine":
        return _nobody(event, _("a mailbox answered"), settings)
    if event.state not in ENDED:
        return Receipt(event.leg_id, "accepted", more_time=TALK if event.state == "answered" else None)
    if event.no_such_number:
        return Receipt(event.leg_id, "failed", _("there is no such number ({why})").format(why=event.reason), True)
    words = {
        "busy": _("busy"),
        "no_answer": _("no answer"),
        "failed": _("the call could not be put through"),
        "cancelled": _("the call was taken back"),
        "completed": _("answered, and no key pressed"),
    }
    return _nobody(event, words[event.state], settings)


def _nobody(event: Event, why: str, settings: Settings) -> Receipt:
    after, times = settings.get("redial_after_s"), settings.get("redials")
    redial = Redial(timedelta(seconds=REDIAL_AFTER_S if after is None else after), REDIALS if times is None else times)
    reason = f"{why} ({event.reason})" if event.reason else why
    return Receipt(event.leg_id, "failed", reason[:300], redial=redial)


def read_key(form: Mapping[str, Sequence[str]], turn: int) -> Key:
    """The key that was pressed in the `turn`th reading. Raises Invalid where that cannot be read."""
    event = read_event(form)
    return Key(f"{event.leg_id}:{turn}", event.leg_id, event.digits, KEYS.get(event.digits, ""))


def is_mailbox(form: Mapping[str, Sequence[str]]) -> bool:
    """Whether the provider heard a machine pick up. Raises Invalid where that cannot be read."""
    return read_event(form).answered_by == "machine"


# What is said


def reading(what: str, keys: str, *, turn: int, key_at: str, again_at: str, say: Mapping[str, str]) -> list[Step]:
    """The message and its keys, for the `turn`th time in this call; then again, or the end.

    `key_at` is asked what a key does, `again_at` for the next turn. `say`: the language and the voice.
    """
    told = Say(f"{what} {keys}", **say)
    inside = (Pause(1), told) if turn == 1 else (told,)
    steps: list[Step] = [Gather(key_at, inside, wait_s=KEY_WAIT_S)]
    if turn < SAID_TIMES:
        return [*steps, Redirect(again_at)]
    return [*steps, Say(_("No key was pressed, so nothing was changed. You are rung again."), **say), HangUp()]


def wrong_key(keys: str, *, turn: int, key_at: str, again_at: str, say: Mapping[str, str]) -> list[Step]:
    """That key, pressed in the `turn`th reading, means nothing here: what is understood, and another turn."""
    told = Say(_("That key is not known here. {keys}").format(keys=keys), **say)
    if turn >= SAID_TIMES:
        return [told, Say(_("Nothing was changed. You are rung again."), **say), HangUp()]
    return [Gather(key_at, [told], wait_s=KEY_WAIT_S), Redirect(again_at)]


def parting(sentence: str, say: Mapping[str, str]) -> list[Step]:
    """The last that is heard. Said once more, for whoever had the telephone at the other ear."""
    return [Say(sentence, **say), Pause(1), Say(sentence, **say), HangUp()]


DRIVER = Driver(
    name="twilio_voice",
    channel="voice",
    label=gettext_lazy("Phone call (Twilio's API)"),
    connect=VoiceLine,
    loud=True,
    timeout_s=10.0,
    receipt_within=timedelta(seconds=LONGEST_RING_S + 20),
    answers_back=True,
    can_hang_up=True,
    sender="from",
    door=Door.PHONE,
    at_once=10,
    fields=(
        Field("account_sid", gettext_lazy("Account"), required=True),
        Field("auth_token", gettext_lazy("Auth token"), secret=True, required=True),
        Field(
            "from",
            gettext_lazy("Number that rings"),
            required=True,
            help=gettext_lazy("One fixed number (+44...), so that phones can let it through at night."),
        ),
        Field("base_url", gettext_lazy("Address of the API"), default=BASE_URL),
        Field(
            "sip_domain",
            gettext_lazy("Domain of telephones"),
            help=gettext_lazy(
                "Where our telephones register with the provider (desk.sip.example.com); empty: none does."
            ),
        ),
        Field("ring_s", gettext_lazy("Rings for so many seconds"), kind="integer", default=RING_S),
        Field(
            "redial_after_s",
            gettext_lazy("Seconds until it rings again"),
            kind="integer",
            default=REDIAL_AFTER_S,
            help=gettext_lazy("After no answer, busy, a mailbox, or a call in which no key was pressed."),
        ),
        Field("redials", gettext_lazy("Rings again so many times"), kind="integer", default=REDIALS),
        Field(
            "detect_mailbox",
            gettext_lazy("Listen for mailboxes"),
            kind="flag",
            default=True,
            help=gettext_lazy(
                "Leaves no page on a mailbox; costs a few seconds of silence. A key must be pressed anyway."
            ),
        ),
        Field(
            "language",
            gettext_lazy("Language of the voice"),
            help=gettext_lazy("Such as en-GB. Empty: the language of whoever is rung."),
        ),
        Field("voice", gettext_lazy("Voice"), help=gettext_lazy("The provider's name of it. Empty: its usual voice.")),
        *PACING,
    ),
)
