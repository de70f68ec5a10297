"""SMTP where the server takes commands in a row (PIPELINING, RFC 2920): a mail costs two ways to the server and back, not four.

`aiosmtplib` connects, encrypts and logs in, and speaks to servers that want one command at a time; then its connection is taken
over here. It raises what aiosmtplib raises.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import aiosmtplib

LONGEST_REPLY = 32_768
"""Octets of answers that have not come to their end; a server that says more talks without end."""
_ENDS_OF_LINES = re.compile(rb"\r\n|\n|\r")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Reply = tuple[int, str]


class Pipeline(asyncio.Protocol):
    """One connection, used by one task at a time; `knows` says which extensions (lower case) the server has."""

    def __init__(self, transport: asyncio.Transport, knows: frozenset[str]) -> None:
        self.knows = knows
        self._transport = transport
        self._held = bytearray()
        self._text: list[str] = []
        self._octets = 0  # of an answer that has not come to its end
        self._replies: deque[Reply] = deque()
        self._expected = 0
        self._waiter: asyncio.Future[None] | None = None
        self._lost: Exception | None = None
        transport.set_protocol(self)

    @classmethod
    async def of(cls, smtp: aiosmtplib.SMTP) -> "Pipeline | None":
        """Takes over a connection that is open; None where its server takes one command at a time."""
        if smtp.is_ehlo_or_helo_needed:
            with suppress(aiosmtplib.SMTPHeloError):  # of the last century: `smtp` says HELO before the first mail
                await smtp.ehlo()
        if smtp.transport is None or not smtp.supports_extension("pipelining"):
            return None
        return cls(cast(asyncio.Transport, smtp.transport), frozenset(smtp.esmtp_extensions))

    @property
    def is_connected(self) -> bool:
        return self._lost is None and not self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    async def sendmail(
        self,
        sender: str,
        recipients: Sequence[str],
        raw: bytes,
        *,
        mail_options: Sequence[str] = (),
        rcpt_options: Sequence[str] = (),
    ) -> None:
        """Hand the mail over to its one recipient, as `aiosmtplib.SMTP.sendmail` does; addresses stand as they are between
        < and >. ValueError for what cannot stand there.
        """
        (recipient,) = recipients
        body = as_sent(raw)
        size = (f"SIZE={len(body)}",) if "size" in self.knows else ()
        asked = [
            " ".join((f"MAIL FROM:<{sender}>", *size, *mail_options)),
            " ".join((f"RCPT TO:<{recipient}>", *rcpt_options)),
        ]
        if any(_CONTROL.search(line) for line in asked):
            raise ValueError("An address has a letter in it that no command may have.")
        first, second, third = await self._say("\r\n".join((*asked, "DATA\r\n")).encode("ascii"), 3)
        if first[0] != 250 or second[0] not in (250, 251) or third[0] != 354:
            if third[0] == 354:  # it wants a mail for nobody, and takes none
                await self._say(b".\r\n", 1)
            await self._say(b"RSET\r\n", 1)
            if first[0] != 250:
                raise aiosmtplib.SMTPSenderRefused(*first, sender)
            if second[0] not in (250, 251):
                raise aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(*second, recipient)])
            raise aiosmtplib.SMTPDataError(*third)
        (taken,) = await self._say(body + b".\r\n", 1)
        if taken[0] != 250:
            raise aiosmtplib.SMTPDataError(*taken)

    def data_received(self, data: bytes) -> None:
        self._held += data
        self._octets += len(data)
        *lines, rest = self._held.split(b"\n")
        self._held = rest
        for line in lines:
            self._hear(bytes(line))
        if self._octets > LONGEST_REPLY:
            self._break("Response too long")
        if self._waiter is not None and not self._waiter.done() and len(self._replies) >= self._expected:
            self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(aiosmtplib.SMTPServerDisconnected("Connection lost"), exc)

    def _hear(self, line: bytes) -> None:
        code, mark = line[:3], line[3:4]
        if not code.isdigit():
            self._break(f"Malformed SMTP response line: {line[:200].decode(errors='replace')}")
            return
        self._text.append(line[4:].strip().decode(errors="replace"))
        if mark != b"-":
            self._replies.append((int(code), "\n".join(self._text)))
            self._text.clear()
            self._octets = 0
            if len(self._replies) > self._expected:  # nobody asked: it says that it hangs up
                self._break(self._replies[-1][1])

    def _break(self, why: str) -> None:
        self._lose(aiosmtplib.SMTPServerDisconnected(why), None)
        self._transport.abort()

    def _lose(self, error: Exception, cause: Exception | None) -> None:
        if self._lost is None:
            error.__cause__ = cause
            self._lost = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _say(self, commands: bytes, replies: int) -> list[Reply]:
        """So many replies to the commands. SMTPServerDisconnected where fewer come, or the server closes the connection
        with one of them (421).
        """
        if not self.is_connected:
            raise self._lost or aiosmtplib.SMTPServerDisconnected("Connection lost")
        self._expected = replies
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(commands)
        try:
            await self._waiter
        finally:
            self._waiter = None
        if len(self._replies) < replies:
            gone = next((one for one in self._replies if one[0] == 421), None)
            if gone is not None:
                raise aiosmtplib.SMTPResponseException(*gone)
            raise self._lost or aiosmtplib.SMTPServerDisconnected("Connection lost")
        heard = list(self._replies)
        self._replies.clear()
        self._expected = 0
        return heard


def as_sent(raw: bytes) -> bytes:
    """The mail as it goes after DATA, without the dot that ends it: lines end in CRLF, and a dot that begins one is doubled."""
    ends = raw.count(b"\r\n")
    if raw.count(b"\n") != ends or raw.count(b"\r") != ends:
        raw = _ENDS_OF_LINES.sub(b"\r\n", raw)
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    raw = raw.replace(b"\r\n.", b"\r\n..")
    return b"." + raw if raw.startswith(b".") else raw
