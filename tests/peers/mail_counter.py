"""A mail server (aiosmtpd) in a process of its own that counts what it takes, and says when."""

import asyncio
import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

_NAME = re.compile(rb"^Message-ID:\s*<([^>]+)>", re.MULTILINE)


class Counter:
    """`port` says where it listens on loopback."""

    def __init__(self, port: int, line: Connection) -> None:
        self.port = port
        self._line = line

    def expect(self, count: int) -> None:
        """Count from nothing, to `count`."""
        self._line.send(count)
        assert self._line.recv() == "counting"

    def rate(self, within_s: float) -> float:
        """Mails a second from the first to the last of those that were expected."""
        assert self._line.poll(within_s), "the mails did not come in time"
        first, last, count = self._line.recv()
        return float((count - 1) / (last - first))

    def count(self) -> int:
        """How many were ever taken."""
        self._line.send("count")
        return int(self._line.recv())

    def taken(self) -> list[tuple[str, str]]:
        """(address, Message-ID) of all that was ever taken, in its order."""
        self._line.send("taken")
        return list(self._line.recv())


@contextmanager
def counter() -> Iterator[Counter]:
    """It runs until the end of the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Counter(ours.recv(), ours)
    finally:
        process.terminate()
        process.join(10)


class _Taking:
    def __init__(self, line: Connection) -> None:
        self._line = line
        self._all: list[tuple[str, str]] = []
        self._count = self._expected = 0
        self._first = 0.0

    def asked(self) -> None:
        asked = self._line.recv()
        if asked == "taken":
            self._line.send(self._all)
        elif asked == "count":
            self._line.send(len(self._all))
        else:
            self._count, self._expected = 0, asked
            self._line.send("counting")

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        """As every server that is in use it takes commands in a row (RFC 2920)."""
        session.host_name = hostname
        return [*answers[:-1], "250-PIPELINING", answers[-1]]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        self._count += 1
        assert isinstance(envelope.original_content, bytes)
        named = _NAME.search(envelope.original_content)
        self._all += [(address, named[1].decode() if named else "") for address in envelope.rcpt_tos]
        if self._count == 1:
            self._first = time.time()
        if self._count == self._expected:
            self._line.send((self._first, time.time(), self._count))
        return "250 2.0.0 Kept"


def _serve(line: Connection) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        taking: Any = _Taking(line)
        server = await loop.create_server(
            lambda: SMTP(taking, hostname="sink.example", data_size_limit=None, loop=loop), "127.0.0.1", 0, backlog=500
        )
        loop.add_reader(line.fileno(), taking.asked)
        line.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())
