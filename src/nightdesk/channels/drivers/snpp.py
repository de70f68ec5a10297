"""Pagers by SNPP, the Simple Network Paging Protocol (RFC 1861): levels 1 and 2 one way, level 3 both ways.

One connection a message. Two ways are tried first where the route says so: the pager then shows the message's answers, and
the network is asked (MSTA) how the page stands for as long as it is worth an answer. A network that does not know 2WAY, or
a pager that cannot answer, gets the page one way, and then "accepted" is all that is ever known of it.

What a refusal means: 550 to PAGE is a pager that nobody knows; 552, 554, 750 and 421 are the network's own trouble. What
only adds to a page (LEVEl, ALERt, SUBJect, CALLerid) is left out by a network that does not take it.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.channels import snpp_reply
from nightdesk.channels.driver import (
    Driver,
    Ear,
    Field,
    Heard,
    Outgoing,
    Permanent,
    Receipt,
    Reply,
    Sent,
    Settings,
    Temporary,
)
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.drivers.trust import TRUST, tls_context
from nightdesk.channels.pager_text import plain
from nightdesk.channels.wording import pager_text_of

PORT = 444
LENGTH = 240
TIMEOUT_S = 20.0
NEW_FOR_S = 60.0
ASK_SOON_S, ASK_LATER_S = 2.0, 8.0
"""Seconds between two looks at the pages of a line: while one of them is new, and later."""
_LONGEST_LINE = 80
"""A message that is longer, or has lines, goes by DATA where the network knows that."""
_MOST_LINES = 200
_ANSWER_S = 10.0
"""The longest that a network takes for one answer."""


@dataclass(frozen=True, slots=True)
class _Said:
    code: int
    text: str

    @property
    def fits(self) -> bool:
        """Whether it was taken: 2xx, or 8xx and 9xx of a two-way page (delivered, queued)."""
        return self.code // 100 in (2, 8, 9)

    @property
    def reason(self) -> str:
        return f"{self.code} {self.text}".strip()[:300]


class SnppLine:
    """The way to one network. It keeps no connection: a page is rare, and a paging network hangs up soon."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls = tls_context(settings) if settings.get("security") == "tls" else None
        self._knows_two_way = True
        self._news = asyncio.Event()
        self._seen: dict[str, tuple[float, snpp_reply.State]] = {}

    async def send(self, outgoing: Outgoing) -> Sent:
        async with self._session() as session:
            if self._settings.get("receipts", True) and self._knows_two_way:
                sent = await self._send_two_way(session, outgoing)
                if sent is not None:
                    self._news.set()
                    return sent
            return await self._send_one_way(session, outgoing)

    async def listen(self, ear: Ear) -> None:
        """Ask how the pages stand, every few seconds while there are any; each piece of news is told once."""
        while True:
            self._news.clear()
            wanted = [one for one in await ear.unanswered() if snpp_reply.is_tag(one)]
            with suppress(Temporary):  # the network is away: it is asked again
                await self._ask_about(wanted, ear)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause(wanted)):
                    await self._news.wait()

    async def close(self) -> None:
        return

    # Sending

    async def _send_one_way(self, session: "_Session", outgoing: Outgoing) -> Sent:
        said = await session.ask(f"PAGE {outgoing.address}")
        if said.code == 550:
            raise Permanent(said.reason, unreachable=True)
        _must_fit(said)
        await self._describe(session, outgoing)
        await self._give_text(session, outgoing, can_reply=False)
        said = _must_fit(await session.ask("SEND"))
        return Sent(str(outgoing.delivery_id), receipt_expected=False, reason=said.reason)

    async def _send_two_way(self, session: "_Session", outgoing: Outgoing) -> Sent | None:
        """None where this network, or this pager, knows only one way; the session is fresh again then."""
        said = await session.ask("2WAY")
        if not said.fits:
            self._knows_two_way = said.code != 500
            return None
        said = await session.ask(f"PAGE {outgoing.address}")
        if said.code in (500, 550):
            _must_fit(await session.ask("RESE"))
            return None
        _must_fit(said)
        if outgoing.valid_until is not None:
            hours = (outgoing.valid_until - outgoing.sent_at).total_seconds() / 3600
            await session.ask(f"EXPT {max(1, math.ceil(hours))}")
        await session.ask("ACKR 1")
        choices = snpp_reply.offered_choices(outgoing.said.verbs)
        if choices and (await session.ask("RTYP MULTICHOICE")).fits:
            for code, words in choices:
                await session.ask(f"MCRE {code} {words}")
        await self._describe(session, outgoing)
        await self._give_text(session, outgoing, can_reply=True)
        said = _must_fit(await session.ask("SEND"))
        tag = snpp_reply.tag_of(said.text) if said.code >= 800 else ""
        if not tag:
            return Sent(str(outgoing.delivery_id), receipt_expected=False, reason=said.reason)
        return Sent(tag, "delivered" if said.code // 100 == 8 else "accepted")

    async def _describe(self, session: "_Session", outgoing: Outgoing) -> None:
        if self._settings.get("level") is not None:
            await session.ask(f"LEVE {self._settings['level']}")
        if self._settings.get("alert"):
            await session.ask("ALER 1")
        if self._settings.get("caller"):
            await session.ask(f"CALL {_one_line(self._settings['caller'])}")
        if self._settings.get("subject") and outgoing.said.code:
            await session.ask(f"SUBJ {outgoing.said.code}")

    async def _give_text(self, session: "_Session", outgoing: Outgoing, *, can_reply: bool) -> None:
        text = pager_text_of(outgoing.said, self._settings.get("length") or LENGTH, can_reply=can_reply)
        if "\n" in text and len(text) > _LONGEST_LINE and (await session.ask("DATA")).code == 354:
            _must_fit(await session.give(text))
        else:
            _must_fit(await session.ask(f"MESS {_one_line(text)}"))

    # Listening

    async def _ask_about(self, wanted: list[str], ear: Ear) -> None:
        gone = [one for one in self._seen if one not in wanted]
        asked = [one for one in wanted if one not in self._seen or not _is_over(self._seen[one][1])]
        late = [one for one in gone if self._seen[one][1] == "queued"]
        if asked or late:
            async with self._session() as session:
                await session.ask("2WAY")  # some networks know MSTA only then
                for tag in asked:
                    await self._ask_status(session, tag, ear)
                for tag in late:  # nobody wants it any more, and it has not rung yet: let it not ring at all
                    await session.ask(f"KTAG {tag}")
        for tag in gone:
            del self._seen[tag]

    async def _ask_status(self, session: "_Session", tag: str, ear: Ear) -> None:
        said = await session.ask(f"MSTA {tag}")
        if said.code // 100 == 5 and said.code != 550:
            return  # it cannot say now
        status = snpp_reply.read_status(said.code, said.text)
        since, before = self._seen.get(tag, (asyncio.get_running_loop().time(), "queued"))
        if status.state not in ("queued", before):
            await ear.hear(Heard(f"MSTA {tag}\r\n{said.code} {said.text}\r\n".encode(), partial(_meant, tag, status)))
        self._seen[tag] = since, status.state

    def _pause(self, wanted: list[str]) -> float:
        now = asyncio.get_running_loop().time()
        is_new = any(now - self._seen[one][0] < NEW_FOR_S for one in wanted if one in self._seen)
        return ASK_SOON_S if is_new else ASK_LATER_S

    # The connection

    @asynccontextmanager
    async def _session(self) -> "AsyncIterator[_Session]":
        """A session that is greeted and logged in, and closed afterwards. Raises Temporary."""
        host, port = self._settings["host"], self._settings.get("port") or PORT
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, writer = await asyncio.open_connection(host, port, ssl=self._tls)
            session = _Session(reader, writer)
            greeting = await session.hear()
            if greeting.code != 220:
                raise Temporary(greeting.reason)
            await self._log_in(session)
            yield session
            await session.leave()
        except (OSError, ValueError, EOFError) as error:
            raise Temporary(str(error)[:300] or _("The network does not answer.")) from None
        finally:
            if writer is not None:
                writer.close()

    async def _log_in(self, session: "_Session") -> None:
        user = self._settings.get("user")
        if user:
            password = self._settings.get("password") or ""
            said = await session.ask(f"LOGI {_one_line(user)} {_one_line(password)}".rstrip())
            if not said.fits:
                raise Temporary(_("The network does not take our log-in: {why}").format(why=said.reason))


class _Session:
    """One connection: a line out, an answer back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, command: str) -> _Said:
        """The answer to a command. Raises Temporary where the network closes the session (421) or wants a log-in (530)."""
        self._writer.write(command.encode("ascii", "replace") + b"\r\n")
        await self._writer.drain()
        said = await self.hear()
        if said.code in (421, 530):
            raise Temporary(said.reason)
        return said

    async def give(self, text: str) -> _Said:
        """The answer to the lines of a DATA. One that begins with a dot gets another."""
        lines = ("." + line if line.startswith(".") else line for line in text.split("\n"))
        return await self.ask("\r\n".join([*lines, "."]))

    async def hear(self) -> _Said:
        """One answer; of several lines ("250-..." or 214 again and again) the last.

        Raises EOFError where the network hangs up, TimeoutError, ValueError for what is no answer.
        """
        async with asyncio.timeout(_ANSWER_S):
            return await self._answer()

    async def _answer(self) -> _Said:
        for number in range(_MOST_LINES):
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError(_("The network hung up."))
            text = line.decode("ascii", "replace").strip()
            if not text[:3].isdigit():
                if number:
                    continue  # the middle of a long answer
                raise ValueError(_("The network does not speak SNPP: {line}").format(line=repr(text[:60])))
            if text[:3] != "214" and text[3:4] != "-":
                return _Said(int(text[:3]), text[4:].strip())
        raise ValueError(_("The network's answer does not end."))

    async def leave(self) -> None:
        """Say good-bye, without waiting for the answer: whatever it is changes nothing."""
        with suppress(OSError):
            self._writer.write(b"QUIT\r\n")
            await self._writer.drain()


def _must_fit(said: _Said) -> _Said:
    """Raise what a refusal of the page means, unless it was taken."""
    if said.fits:
        return said
    if said.code == 550:
        raise Permanent(said.reason)
    raise Temporary(said.reason, of_route=said.code not in (552, 750))


def _is_over(state: snpp_reply.State) -> bool:
    return snpp_reply.Status(state).is_last


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _meant(tag: str, status: snpp_reply.Status) -> Receipt | Reply:
    match status.state:
        case "replied":
            return Reply(id=f"{tag} {status.sequence}", sender="", to="", body=status.reply, to_message=tag)
        case "expired":
            return Receipt(tag, "expired", _("It expired before the pager was reached."))
        case "unknown":
            return Receipt(tag, "failed", _("The network does not know the message any more."), permanent=True)
        case "read":
            return Receipt(tag, "read")
    return Receipt(tag, "delivered")


DRIVER = Driver(
    name="snpp",
    channel="pager",
    label=gettext_lazy("Pagers by SNPP"),
    connect=SnppLine,
    timeout_s=TIMEOUT_S,
    patience_s=5.0,  # a dozen questions, one after the other
    receipt_within=timedelta(minutes=2),
    answers_back=True,
    listens=True,
    door=Door.PAGER,
    at_once=4,
    fields=(
        Field("host", gettext_lazy("Paging network"), required=True),
        Field("port", gettext_lazy("Port"), kind="integer", help=gettext_lazy("Empty: 444.")),
        Field("security", gettext_lazy("Security"), kind="choice", default="none", choices=("none", "tls")),
        *TRUST,
        Field(
            "user", gettext_lazy("User"), help=gettext_lazy("Where the network wants a log-in first, as hfaxd does.")
        ),
        Field("password", gettext_lazy("Password"), secret=True),
        Field("length", gettext_lazy("Longest text in characters"), kind="integer", default=LENGTH),
        Field(
            "receipts",
            gettext_lazy("Two-way: pagers report and answer"),
            kind="flag",
            default=True,
            help=gettext_lazy("A network or a pager that cannot do that gets the page one way, by itself."),
        ),
        Field(
            "level",
            gettext_lazy("Service level"),
            kind="integer",
            help=gettext_lazy("0 to 11, as the network has them; empty: its own choice."),
        ),
        Field("alert", gettext_lazy("Override a pager that is set to silent"), kind="flag", default=False),
        Field("caller", gettext_lazy("Caller's number"), help=gettext_lazy("Shown by some pagers.")),
        Field("subject", gettext_lazy("Send the page's code as its subject"), kind="flag", default=False),
        *PACING,
    ),
)
