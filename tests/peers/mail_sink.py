"""A real SMTP server that keeps what it is given: AUTH, STARTTLS with its own certificate, and scripted trouble."""

import asyncio
import datetime
import email
import email.policy
import ipaddress
import os
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.peers.record import Record

TROUBLES = ("temporary", "permanent", "hang", "drop")


@dataclass(frozen=True)
class Mail:
    """One mail that the server took, or was given before it dropped the connection (`answered` False).

    `raw` is the message as it came over the wire; `received_at` is in seconds since the epoch.
    """

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    received_at: float
    tls: bool
    user: str | None
    answered: bool

    @property
    def message(self) -> EmailMessage:
        """`raw`, parsed."""
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass(frozen=True)
class Refusal:
    """One recipient that the server refused, or left without an answer ("hang")."""

    recipient: str
    trouble: str
    at: float


class MailSink:
    """Use it as a context manager. `host` and `port` say where it listens.

    `user` and `password` make AUTH (PLAIN or LOGIN) a must; `starttls` offers STARTTLS, and `require_starttls` takes no
    mail without it. AUTH is offered in clear text only when `starttls` is off. `pipelining`: it takes commands in a row
    (RFC 2920), as nearly every server in use does.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        user: str | None = None,
        password: str | None = None,
        starttls: bool = False,
        require_starttls: bool = False,
        pipelining: bool = True,
    ) -> None:
        self.pipelining = pipelining
        self.mails: Record[Mail] = Record()
        self.refusals: Record[Refusal] = Record()
        self.port = 0
        self._user, self._password = user, password
        self._starttls = starttls or require_starttls
        self._require_starttls = require_starttls
        self.certificate_pem, key_pem = _certificate() if self._starttls else (b"", b"")
        self._tls = _server_context(self.certificate_pem, key_pem) if self._starttls else None
        self._scripts: list[tuple[str, str | None, int]] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mail-sink", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(timeout=60), "the mail server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(timeout=5)
        assert not self._thread.is_alive(), "the mail server did not stop"

    def script(self, trouble: str, *, to: str | None = None, times: int = 1) -> None:
        """Meet the next `times` recipients (only `to`, if given) with `trouble`; the oldest fitting script goes first.

        "temporary": 451 to RCPT. "permanent": 550 to RCPT. "hang": the message is taken and never answered. "drop": the
        message is kept, and the connection breaks before the answer, so the sender cannot know.
        """
        assert trouble in TROUBLES, trouble
        with self._lock:
            self._scripts.append((trouble, to, times))

    def client_tls(self) -> ssl.SSLContext:
        """A context for clients that trust this server's certificate and no other."""
        return ssl.create_default_context(cadata=self.certificate_pem.decode())

    def next_trouble(self, recipient: str) -> str | None:
        with self._lock:
            for place, (trouble, only_to, times) in enumerate(self._scripts):
                if only_to in (None, recipient):
                    self._scripts[place : place + 1] = [(trouble, only_to, times - 1)] if times > 1 else []
                    return trouble
        return None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._session, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()

    def _session(self) -> SMTP:
        return SMTP(
            _Handler(self),
            hostname="mail.sink.test",
            enable_SMTPUTF8=True,
            tls_context=self._tls,
            require_starttls=self._require_starttls,
            auth_required=self._user is not None,
            auth_require_tls=self._starttls,
            authenticator=self._authenticate,
            loop=self._loop,
        )

    def _authenticate(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        expected = ((self._user or "").encode(), (self._password or "").encode())
        good = self._user is not None and (data.login, data.password) == expected
        return AuthResult(success=good, handled=False, auth_data=data.login.decode() if good else None)


class _Handler:
    """aiosmtpd's hooks. One for each connection."""

    def __init__(self, sink: MailSink) -> None:
        self._sink = sink
        self._at_end: str | None = None

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*answers[:-1], *(["250-PIPELINING"] if self._sink.pipelining else []), answers[-1]]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        trouble = self._sink.next_trouble(address)
        if trouble == "temporary":
            self._sink.refusals.add(Refusal(address, trouble, time.time()))
            return "451 4.3.0 Try again later"
        if trouble == "permanent":
            self._sink.refusals.add(Refusal(address, trouble, time.time()))
            return "550 5.1.1 No such mailbox"
        self._at_end = trouble or self._at_end
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        trouble, self._at_end = self._at_end, None
        if trouble == "hang":
            for recipient in envelope.rcpt_tos:
                self._sink.refusals.add(Refusal(recipient, trouble, time.time()))
            await asyncio.Event().wait()  # ends with the connection, or with the server
        self._sink.mails.add(
            Mail(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                raw=envelope.original_content or b"",
                received_at=time.time(),
                tls=session.ssl is not None,
                user=session.auth_data if session.authenticated else None,
                answered=trouble != "drop",
            )
        )
        if trouble == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            await asyncio.Event().wait()  # aiosmtpd cancels this session when it learns of the broken connection
        return "250 2.0.0 Kept"


def _certificate() -> tuple[bytes, bytes]:
    """A fresh self-signed certificate for localhost and 127.0.0.1, and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key_pem


def _server_context(certificate_pem: bytes, key_pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    descriptor, path = tempfile.mkstemp()  # the ssl module reads certificates from files only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate_pem + key_pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context
