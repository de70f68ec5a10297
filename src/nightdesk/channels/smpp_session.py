"""One bound SMPP connection: what we ask is answered or the session has ended; what the provider says is handed on.

It bounds how many of our requests are unanswered (the window), asks by itself whether the provider is still there, and
says good-bye at the end. It never opens itself again: whoever holds it does that.
"""

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from nightdesk.channels import smpp_pdu
from nightdesk.channels.smpp_pdu import Garbled, Pdu

UNANSWERED_AT_MOST = 1000
"""What the provider tells us and we have not answered yet; what comes on top of that is to be said again later."""
GIVEN_UP_AT_MOST = 500
"""Requests that nobody waits for any more, whose late answers are still understood."""
LAST_WORD_S = 1.0


class Gone(Exception):
    """The connection has ended, or was never there."""


class NotBound(Exception):
    """The provider does not let us in; `status` is its reason."""

    def __init__(self, status: int) -> None:
        super().__init__(f"0x{status:02X}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Where:
    """Which provider, as whom, and how. `tls` None: in the clear."""

    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    tls: ssl.SSLContext | None = None
    window: int = 10
    enquire_s: float = 30.0
    answer_s: float = 10.0
    """Seconds in which the provider answers a bind or an enquire_link."""


Told: TypeAlias = Callable[[Pdu, Callable[[int], None]], Awaitable[None]]
"""Called with each deliver_sm or data_sm, and with what answers it by a status; that raises Gone when it is too late."""


async def open_session(where: Where, told: Told) -> "Session":
    """Connect and bind as transceiver. Raises NotBound, Gone, OSError, TimeoutError."""
    async with asyncio.timeout(where.answer_s):
        reader, writer = await asyncio.open_connection(where.host, where.port, ssl=where.tls)
        session = Session(reader, writer, where, told)
        try:
            answer = await session.ask(
                smpp_pdu.BIND_TRANSCEIVER, smpp_pdu.bind_body(where.system_id, where.password, where.system_type)
            )
            if answer.status or answer.command != smpp_pdu.BIND_TRANSCEIVER | smpp_pdu.ANSWER:
                raise NotBound(answer.status or smpp_pdu.INVALID_COMMAND)
        except BaseException:
            session.end("it was not bound")
            raise
    return session


class Session:
    """Lives in one event loop. `ended` is done when the connection is no more; its result says why."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: Where, told: Told) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = loop.create_future()
        self._reader, self._writer, self._where, self._told = reader, writer, where, told
        self._numbers = itertools.count(1)
        self._window = asyncio.Semaphore(where.window)
        self._asked: dict[int, asyncio.Future[Pdu]] = {}
        self._heard_at = loop.time()
        self._unanswered: set[asyncio.Task[None]] = set()
        self._tasks = [loop.create_task(self._read()), loop.create_task(self._enquire())]

    async def ask(self, command: int, body: bytes = b"", answered: Callable[[Pdu], None] | None = None) -> Pdu:
        """The provider's answer; it may be a generic_nack. Raises Gone. Whoever gives up waiting cancels this.

        `answered` is called with the answer in any case, also when nobody waits any more.
        """
        async with self._window:
            self._check()
            number = self._number()
            future: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
            if answered is not None:
                future.add_done_callback(lambda done: _hand_on(done, answered))
            self._asked[number] = future
            self._write(Pdu(command, 0, number, body))
            await self._drain()
            return await asyncio.shield(future)

    def end(self, why: str) -> None:
        """The connection is no more: whoever waits for an answer is told so. Repeating it changes nothing."""
        if self.ended.done():
            return
        self.ended.set_result(why)
        for future in self._asked.values():
            if not future.done():
                future.set_exception(Gone(why))
                future.exception()  # nobody may be waiting for it
        self._asked.clear()
        current = asyncio.current_task()
        for task in (*self._tasks, *self._unanswered):
            if task is not current:
                task.cancel()
        self._writer.close()

    async def close(self) -> None:
        """Say good-bye, and end."""
        if not self.ended.done():
            with contextlib.suppress(Gone, TimeoutError, OSError):
                async with asyncio.timeout(LAST_WORD_S):
                    await self.ask(smpp_pdu.UNBIND)
        self.end("we have closed it")
        await asyncio.gather(*self._tasks, *self._unanswered, return_exceptions=True)
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(LAST_WORD_S):
                await self._writer.wait_closed()

    def _check(self) -> None:
        if self.ended.done():
            raise Gone(self.ended.result())

    def _number(self) -> int:
        """The next sequence number that is not in use."""
        if len(self._asked) > GIVEN_UP_AT_MOST:
            self._asked.pop(next(iter(self._asked))).cancel()
        while True:
            number = (next(self._numbers) - 1) % 0x7FFFFFFF + 1
            if number not in self._asked:
                return number

    def _write(self, pdu: Pdu) -> None:
        self._writer.write(pdu.encoded())

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except (OSError, ssl.SSLError) as error:
            self.end(_words(error))
            raise Gone(_words(error)) from None

    async def _read(self) -> None:
        buffer = bytearray()
        try:
            while octets := await self._reader.read(65_536):
                self._heard_at = asyncio.get_running_loop().time()
                buffer += octets
                while (pdu := smpp_pdu.take(buffer)) is not None:
                    self._take(pdu)
        except Garbled as garbled:
            self._write(Pdu(smpp_pdu.GENERIC_NACK, smpp_pdu.INVALID_LENGTH))
            self.end(f"what came is no SMPP: {garbled}")
        except (OSError, ssl.SSLError) as error:
            self.end(_words(error))
        else:
            self.end("the provider has closed the connection")

    def _take(self, pdu: Pdu) -> None:
        if pdu.is_answer:
            future = self._asked.pop(pdu.sequence, None)
            if future is not None and not future.done():
                future.set_result(pdu)
            return
        match pdu.command:
            case smpp_pdu.ENQUIRE_LINK:
                self._answer(pdu, smpp_pdu.OK)
            case smpp_pdu.UNBIND:
                self._answer(pdu, smpp_pdu.OK)
                self.end("the provider has said good-bye (unbind)")
            case smpp_pdu.DELIVER_SM | smpp_pdu.DATA_SM:
                self._hand_on(pdu)
            case smpp_pdu.ALERT_NOTIFICATION:
                pass  # it has no answer, and nothing to say that we asked for
            case _:
                self._write(Pdu(smpp_pdu.GENERIC_NACK, smpp_pdu.INVALID_COMMAND, pdu.sequence))

    def _hand_on(self, pdu: Pdu) -> None:
        if len(self._unanswered) >= UNANSWERED_AT_MOST:
            self._answer(pdu, smpp_pdu.TRY_LATER)
            return
        task = asyncio.ensure_future(self._told(pdu, lambda status: self._answer(pdu, status)))
        self._unanswered.add(task)
        task.add_done_callback(self._unanswered.discard)

    def _answer(self, pdu: Pdu, status: int) -> None:
        self._check()
        body = b"\0" if pdu.command in (smpp_pdu.DELIVER_SM, smpp_pdu.DATA_SM) else b""
        self._write(Pdu(pdu.command | smpp_pdu.ANSWER, status, pdu.sequence, body))

    async def _enquire(self) -> None:
        """Whoever has said nothing for `enquire_s` is asked whether he is there, and answers, or the session ends."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, self._heard_at + self._where.enquire_s - loop.time()))
            if loop.time() < self._heard_at + self._where.enquire_s:
                continue
            number = self._number()
            self._asked[number] = loop.create_future()
            self._write(Pdu(smpp_pdu.ENQUIRE_LINK, 0, number))
            asked_at = loop.time()
            await asyncio.sleep(min(self._where.answer_s, self._where.enquire_s))
            if self._heard_at < asked_at:
                self.end("the provider does not answer (enquire_link)")
                return


def _hand_on(done: "asyncio.Future[Pdu]", answered: Callable[[Pdu], None]) -> None:
    if not done.cancelled() and done.exception() is None:
        answered(done.result())


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
