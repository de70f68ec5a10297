"""Pagers by TAP 1.8 (also IXO) over TCP, as terminal servers and many paging systems offer it. One way.

One call a message: wait for `ID=`, log in with PG1, wait to be let in, hand over the blocks, hang up. How blocks are made
and answers read is in `tap_block`. Nothing is ever heard of a page later, so "accepted" is all that is known of it.
Terminals differ, so that timers, tries, the size of a block and the parity are settings; the defaults are the paper's.

What a refusal means, where the terminal gives a code: 510 and 511 are pagers that nobody knows; 504, 505, 513 and 517 are
pages that this pager or this terminal does not take; all others (512 above all) are its own trouble.
"""

import asyncio
from contextlib import suppress

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.channels import tap_block
from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Sent, Settings, Temporary
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.pager_text import plain
from nightdesk.channels.tap_block import CR, EOT, ESC, Answer
from nightdesk.channels.wording import pager_text_of

LENGTH = 240
TIMEOUT_S = 60.0
UNKNOWN_PAGER = frozenset({510, 511})
NOT_FOR_THIS = UNKNOWN_PAGER | {504, 505, 513, 517}
OF_THE_PAGE = NOT_FOR_THIS | {512, 516}
"""What says nothing about the terminal itself."""
_TOO_MUCH = 100_000


class TapLine:
    """The way to one terminal. Every message is a call of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, outgoing: Outgoing) -> Sent:
        text = pager_text_of(outgoing.said, self._settings.get("length") or LENGTH, can_reply=False)
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection(self._settings["host"], self._settings["port"])
            call = _Call(reader, writer, self._settings)
            await call.log_in()
            await call.hand_over([plain(outgoing.address), self._field(text)])
            return Sent(str(outgoing.delivery_id), reason=await call.hang_up())
        except TimeoutError:
            raise Temporary(_("The terminal does not answer.")) from None
        except (OSError, EOFError) as error:
            raise Temporary(f"{type(error).__name__}: {error}"[:300]) from None
        finally:
            if writer is not None:
                writer.close()

    async def close(self) -> None:
        return

    def _field(self, text: str) -> str:
        """Few terminals undo what TAP escapes, so that lines are joined where the route does not say that this one does."""
        return tap_block.escaped(text) if self._settings.get("escapes") else " ".join(text.split())


class _Call:
    """One call to a terminal. Raises Temporary, Permanent, TimeoutError, and EOFError where it hangs up on us."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: Settings) -> None:
        self._reader, self._writer, self._settings = reader, writer, settings
        self._heard = ""

    async def log_in(self) -> None:
        """The terminal has asked who we are, and lets us go ahead."""
        await self._until_asked()
        words = f"{ESC}PG1{self._settings.get('password') or ''}{CR}"
        for _try in range(self._tries()):
            await self._say(words)
            answer = await self._listen(self._timer("t3"), but_not=("id",))
            if answer.kind == "ack":
                answer = await self._listen(self._timer("t3"), but_not=("id", "ack"))
            if answer.kind == "go":
                return
            if answer.kind != "nak":
                raise Temporary(_("The terminal does not let us in: {why}").format(why=_short(answer)))
        raise Temporary(_("The terminal does not let us in: {why}").format(why=_short(answer)))

    async def hand_over(self, fields: list[str]) -> None:
        """The terminal has taken every block of the page."""
        for block in tap_block.blocks(fields, self._settings.get("block") or tap_block.ROOM):
            for _try in range(self._tries()):
                await self._say(block)
                answer = await self._listen(self._timer("t3"), but_not=("id", "go"))
                if answer.kind != "nak":
                    break
            if answer.kind != "ack":
                raise _refusal(answer)

    async def hang_up(self) -> str:
        """Say that this is all. A terminal may still take back what it has acknowledged; what else it says is returned.

        One that hangs up without a word has the page all the same.
        """
        said = ""
        with suppress(OSError, EOFError):  # also TimeoutError
            await self._say(f"{EOT}{CR}")
            answer = await self._listen(self._timer("t5"), but_not=("id", "go", "ack"))
            if answer.kind == "rs" or any(code >= 500 for code in answer.codes):
                raise _refusal(answer)
            said = answer.text
        return said[:300]

    async def _until_asked(self) -> None:
        for _try in range(self._tries() * 3):
            await self._say(CR)
            with suppress(TimeoutError):
                if (await self._listen(self._timer("t1"))).kind == "id":
                    return
        raise TimeoutError

    async def _say(self, text: str) -> None:
        self._writer.write(_as_bytes(text, even=self._settings.get("parity") == "7e1"))
        await self._writer.drain()

    async def _listen(self, seconds: float, *, but_not: tuple[tap_block.Kind, ...] = ()) -> Answer:
        """The terminal's next answer within so long; those of the kinds in `but_not` are late and passed over."""
        async with asyncio.timeout(seconds):
            while True:
                answer, self._heard = tap_block.read_answer(self._heard)
                if answer is not None and answer.kind not in but_not:
                    return answer
                if answer is None:
                    await self._hear_more()

    async def _hear_more(self) -> None:
        more = await self._reader.read(4096)
        if not more:
            raise EOFError(_("The terminal hung up."))
        self._heard += bytes(byte & 0x7F for byte in more).decode("ascii")
        if len(self._heard) > _TOO_MUCH:
            raise EOFError(_("The terminal talks without end."))

    def _timer(self, name: str) -> float:
        return float(self._settings.get(name) or TIMERS[name])

    def _tries(self) -> int:
        return int(self._settings.get("tries") or 3)


TIMERS = {"t1": 2, "t3": 10, "t5": 8}
"""Seconds: between two CR before `ID=`; for the answer to a block or a log-in; for the good-bye."""


def _as_bytes(text: str, *, even: bool) -> bytes:
    """As eight bits without parity, or as seven with even parity in the eighth."""
    return bytes(ord(sign) | (ord(sign).bit_count() & 1) << 7 if even else ord(sign) for sign in text)


def _short(answer: Answer) -> str:
    word = {"nak": "NAK", "rs": "RS", "drop": "ESC EOT"}.get(answer.kind, answer.kind)
    return (answer.text or word)[:250]


def _refusal(answer: Answer) -> Temporary | Permanent:
    reason = _("The terminal does not take the page: {why}").format(why=_short(answer))
    codes = {code for code in answer.codes if code >= 500}
    if codes & NOT_FOR_THIS:
        return Permanent(reason, unreachable=bool(codes & UNKNOWN_PAGER))
    if answer.kind == "rs" and not codes:
        return Permanent(reason)  # an old terminal: it refuses this page, and does not say why
    return Temporary(reason, of_route=not codes & OF_THE_PAGE)


def _seconds(name: str, label: object) -> Field:
    return Field(name, label, kind="integer", default=TIMERS[name])  # type: ignore[arg-type]


DRIVER = Driver(
    name="tap",
    channel="pager",
    label=gettext_lazy("Pagers by TAP"),
    connect=TapLine,
    timeout_s=TIMEOUT_S,
    patience_s=20.0,  # behind many a terminal server a modem dials first
    at_once=1,
    fields=(
        Field("host", gettext_lazy("Paging terminal"), required=True),
        Field("port", gettext_lazy("Port"), kind="integer", required=True),
        Field(
            "password", gettext_lazy("Password"), secret=True, help=gettext_lazy("Up to six characters; often none.")
        ),
        Field("length", gettext_lazy("Longest text in characters"), kind="integer", default=LENGTH),
        Field("parity", gettext_lazy("Parity"), kind="choice", default="8n1", choices=("8n1", "7e1")),
        Field("escapes", gettext_lazy("It understands escaped line ends"), kind="flag", default=False),
        Field(
            "block",
            gettext_lazy("Characters in a block"),
            kind="integer",
            default=tap_block.ROOM,
            help=gettext_lazy("Some terminals take one block only: then keep the text shorter than this."),
        ),
        Field("tries", gettext_lazy("Tries of each step"), kind="integer", default=3),
        _seconds("t1", gettext_lazy("Seconds between two calls for its prompt (t1)")),
        _seconds("t3", gettext_lazy("Seconds for an answer (t3)")),
        _seconds("t5", gettext_lazy("Seconds for its good-bye (t5)")),
        *PACING,
    ),
)
