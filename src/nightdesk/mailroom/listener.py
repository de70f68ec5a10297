"""Mail brought to us by SMTP (RFC 5321) or LMTP (RFC 2033), from the mail server that stands in front.

250 is said only once the mail is committed; 451 while the database is away, so that the other side keeps it and comes
again. Addresses that are none of ours are refused one by one, and LMTP is answered one by one too.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import DatabaseError, InterfaceError, connection

from nightdesk.base import clock, env
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.mailroom.actions import receive_mail
from nightdesk.mailroom.imap import MOST_BYTES
from nightdesk.mailroom.queries import is_accepted

log = logging.getLogger(__name__)

SMTP_AT = env.text("NIGHTDESK_MAIL_LISTEN", "", "host:port on which mail is taken by SMTP; empty: none is.")
LMTP_AT = env.text(
    "NIGHTDESK_LMTP_LISTEN", "", "host:port, or a socket's path, on which mail is taken by LMTP; empty: none is."
)
CERTIFICATE = env.path(
    "NIGHTDESK_MAIL_CERTIFICATE", None, "PEM file with the certificate (and its chain) for STARTTLS at those doors."
)
KEY = env.path("NIGHTDESK_MAIL_KEY", None, "PEM file with its key; not set: it is in the same file.")
MOST_RECIPIENTS = 100
IDLE_S = 300
PEERS = Buckets(a_second=50, size=500)
"""Mails that one address may bring: a mail server with a queue is let through, a machine gone mad is slowed down."""
AT_ONCE = 4
"""Threads that talk to the database."""
DOOR = Actor("machine", "", "a mail server")


class _Longer:
    """Real mail breaks the limit of 1,000 characters a line; it is kept as it is."""

    line_length_limit = 512 * 1024


class SmtpDoor(_Longer, SMTP):  # type: ignore[misc]
    """One connection by SMTP."""


class LmtpDoor(_Longer, LMTP):  # type: ignore[misc]
    """One connection by LMTP: behind the data one answer a recipient, also where the whole is refused."""

    async def push(self, status: Any) -> None:
        """As SMTP does; what refuses the data is said once for each recipient."""
        text = status if isinstance(status, str) else bytes(status).decode("ascii", "replace")
        recipients = self.envelope.rcpt_tos if self.envelope else []
        whole = text.startswith(("552 Error: Too much mail data", "500 Line too long"))
        for _recipient in recipients if whole and len(recipients) > 1 else [""]:
            await super().push(text)


class Gate:
    """What both ask: is the address ours, and can the mail be kept?"""

    def __init__(self, way: str) -> None:
        self.way = way
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"{way}-in")

    def close(self) -> None:
        """Let go of the database."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """250, 550 for an address that is none of ours, 451 while nobody can say, 452 for too many."""
        del server, session, rcpt_options
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients: send the rest as another mail"
        try:
            accepted = await self._asked(partial(is_accepted, address))
        except (DatabaseError, InterfaceError) as away:
            log.warning("An address cannot be looked up while the database is away (%s)", " ".join(str(away).split()))
            return "451 4.3.0 Not just now, please come again"
        if not accepted:
            return "550 5.1.1 No such address here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """250 after the commit; by LMTP a line for each recipient."""
        del server
        peer = str(session.peer[0]) if isinstance(session.peer, tuple) and session.peer else "socket"
        recipients = list(envelope.rcpt_tos)
        answer = await self._kept(peer, envelope, recipients)
        return "\r\n".join([answer] * len(recipients)) if self.way == "lmtp" else answer

    async def _kept(self, peer: str, envelope: Envelope, recipients: Sequence[str]) -> str:
        at = clock.now()
        if not PEERS.take(peer, at):
            return "451 4.7.1 Too many mails at once, please come again"
        content = envelope.original_content or b""
        try:
            mail = await self._asked(
                partial(
                    receive_mail,
                    way=self.way,
                    raw=content,
                    sender=(envelope.mail_from or "").strip("<>"),
                    recipients=recipients,
                    peer=peer,
                    by=DOOR,
                    via=Door.EMAIL,
                    at=at,
                )
            )
        except (DatabaseError, InterfaceError) as away:
            log.warning("A mail came while the database was away (%s); it will come again", " ".join(str(away).split()))
            return "451 4.3.0 Not just now, please come again"
        return f"250 2.0.0 Kept as {mail.id}"

    async def _asked(self, question: Any) -> Any:
        """What the database says, from a thread; a connection that failed is not used again."""

        def ask() -> Any:
            try:
                return question()
            except (DatabaseError, InterfaceError):
                connection.close()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)


class Encryption:
    """What STARTTLS is done with. Files that were renewed are read anew for the next connection; broken ones change nothing."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate, self._key = certificate, key
        self._read_at = self._changed_at()
        self._context = self._made()

    def context(self) -> ssl.SSLContext:
        """As the files are now."""
        try:
            changed_at = self._changed_at()
            if changed_at != self._read_at:
                self._context, self._read_at = self._made(), changed_at
        except OSError as problem:  # ssl.SSLError is one
            log.warning("The new certificate for mail cannot be used, the old one stays: %s", problem)
        return self._context

    def _changed_at(self) -> tuple[int, ...]:
        return tuple(file.stat().st_mtime_ns for file in (self._certificate, self._key) if file is not None)

    def _made(self) -> ssl.SSLContext:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.load_cert_chain(self._certificate, self._key)
        return made


def encryption() -> Encryption | None:
    """As it is set; None where no certificate is. Raises BadSetting."""
    if CERTIFICATE is None:
        return None
    try:
        return Encryption(CERTIFICATE, KEY)
    except OSError as problem:
        raise env.BadSetting(
            "NIGHTDESK_MAIL_CERTIFICATE",
            f"{str(CERTIFICATE)!r} ({problem.strerror or problem})",
            "a certificate with its key",
        ) from None


def is_wanted() -> bool:
    """Whether any way in by mail is set."""
    return bool(SMTP_AT or LMTP_AT)


async def listen(smtp_at: str, lmtp_at: str, stopping: asyncio.Event, encrypted: Encryption | None = None) -> None:
    """Take mail until `stopping`; what is under way is ended first. Raises BadSetting, OSError (the port is taken).

    With `encrypted` STARTTLS is offered, and asked of nobody: the server in front may stand on the same machine.
    """
    loop = asyncio.get_running_loop()
    servers: list[asyncio.AbstractServer] = []
    doors: list[Gate] = []
    for way, place, kind in (("smtp", smtp_at, SmtpDoor), ("lmtp", lmtp_at, LmtpDoor)):
        if not place:
            continue
        door = Gate(way)
        doors.append(door)
        connect = partial(_connection, kind, door, loop, encrypted)
        if place.startswith("/"):
            servers.append(await loop.create_unix_server(connect, place))
        else:
            host, port = _host_and_port(place, "NIGHTDESK_MAIL_LISTEN" if way == "smtp" else "NIGHTDESK_LMTP_LISTEN")
            servers.append(await loop.create_server(connect, host, port, reuse_address=True))
        log.info("Mail is taken by %s at %s", way.upper(), place)
    try:
        await stopping.wait()
    finally:
        for server in servers:
            server.close()
        for door in doors:
            await loop.run_in_executor(None, door.close)


def _connection(
    kind: type[SMTP], door: Gate, loop: asyncio.AbstractEventLoop, encrypted: Encryption | None
) -> asyncio.Protocol:
    """What speaks with one that has come."""
    made: asyncio.Protocol = kind(
        door,
        data_size_limit=MOST_BYTES,
        timeout=IDLE_S,
        ident="Nightdesk",
        loop=loop,
        enable_SMTPUTF8=True,
        tls_context=encrypted.context() if encrypted else None,
    )
    return made


def _host_and_port(place: str, name: str) -> tuple[str, int]:
    host, _colon, port = place.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise env.BadSetting(name, repr(place), "host:port, as 127.0.0.1:2525")
    return host.strip("[]"), int(port)
