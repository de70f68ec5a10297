"""E-mail by SMTP (RFC 5321), with STARTTLS or TLS and a log-in where the server wants them.

A message is rendered once for all its recipients; for each only its address, id, link and values are put into the finished
bytes. The Message-ID is the delivery's id, so that a repeat can be seen as one. Where mail is read here, the answer's address
and the return path say which delivery they are about. Lines are kept open between mails.
"""

import asyncio
import base64
import quopri
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from html import escape
from typing import Any, Literal, cast

import aiosmtplib
from django.conf import settings as django_settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.files import read_file
from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Said, Sent, Settings, Temporary
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.drivers.pipeline import Pipeline
from nightdesk.channels.drivers.trust import TRUST, tls_context
from nightdesk.channels.links import UNSUBSCRIBE
from nightdesk.channels.mail_form import FileInMail
from nightdesk.channels.wording import LINK
from nightdesk.knowledge.phrases import placeholders_in, put_in
from nightdesk.mailroom.automatic import OUR_HEADER
from nightdesk.mailroom.handing import our_mark

TIMEOUT_S = 20.0
_IDLE_S = 20.0
"""A line unused for so long is opened anew: servers hang up by themselves."""
_MARK = f"nd{secrets.token_hex(5)}"
"""Stands where recipients differ while a mail is built. Nobody can guess it, so nobody's words are taken for it."""
_MARKS = re.compile(rf"{_MARK}([0-9]{{3,6}})z(?:@address\.invalid)?".encode())
_AS_IT_IS = re.compile(r"(?!\.)[ -<>-~]{0,74}[!-<>-~]")
"""A line that quoted-printable leaves alone."""
_SUBJECT_ROOM = 66
"""Characters of a subject that stand in one line as they are; longer ones are encoded words (RFC 2047) of 45 octets each."""
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,80}")
_PLAIN_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


_Connection = aiosmtplib.SMTP | Pipeline


@dataclass(slots=True)
class _Kept:
    smtp: _Connection
    until: float


@dataclass(frozen=True, slots=True)
class _Envelope:
    """`id` is what a report repeats, where one is asked for (RFC 3461)."""

    sender: str
    address: str
    id: str


class EmailLine:
    """SMTP connections to one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sender = settings.get("from") or django_settings.DEFAULT_FROM_EMAIL
        self._address = parseaddr(self._sender)[1]
        self._kept: list[_Kept] = []
        self._tls = tls_context(settings)

    async def send(self, outgoing: Outgoing) -> Sent:
        if not (outgoing.address.isascii() and _PLAIN_ADDRESS.fullmatch(outgoing.address)):
            raise Permanent(_("That is no e-mail address that we can write to."), unreachable=True)
        raw, message_id = await _ready(outgoing, self._sender)
        form = outgoing.said.mail
        return_path = outgoing.bounce_to or form.sender[1] or self._address
        envelope = _Envelope("" if form.no_return else return_path, outgoing.address, str(outgoing.delivery_id))
        kept = self._take()
        try:
            if kept is not None:
                with suppress(aiosmtplib.SMTPServerDisconnected):  # it went away while nobody looked: try a new one
                    return await self._hand_over(kept, envelope, raw, message_id)
            return await self._hand_over(await self._open(), envelope, raw, message_id)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _refusal(refused.recipients[0].code, refused.recipients[0].message, of_route=False) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise Temporary(_("The mail server does not take our log-in: {why}").format(why=_short(error))) from None
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPHeloError) as error:
            raise Temporary(_short(error)) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code, error.message, of_route=True) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Temporary(_short(error) or type(error).__name__) from None

    async def close(self) -> None:
        for kept in self._kept:
            kept.smtp.close()
        self._kept.clear()

    def _take(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._kept:
            kept = self._kept.pop()
            if kept.until > now and kept.smtp.is_connected:
                return kept.smtp
            kept.smtp.close()
        return None

    async def _hand_over(self, smtp: _Connection, envelope: "_Envelope", raw: bytes, message_id: str) -> Sent:
        """The connection is kept when the server said something clear, and closed when anything else happened."""
        sound = False
        try:
            asks = bool(self._settings.get("receipts")) and _knows_dsn(smtp)
            await smtp.sendmail(
                envelope.sender,
                [envelope.address],
                raw,
                mail_options=["RET=HDRS", f"ENVID={envelope.id}"] if asks else (),
                rcpt_options=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{envelope.address}"] if asks else (),
            )
            sound = True
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused):
            sound = smtp.is_connected
            raise
        finally:
            if sound:
                self._kept.append(_Kept(smtp, asyncio.get_running_loop().time() + _IDLE_S))
            else:
                smtp.close()
        return Sent(message_id)

    async def _open(self) -> _Connection:
        security = self._settings.get("security") or "starttls"
        smtp = aiosmtplib.SMTP(
            hostname=self._settings["host"],
            port=self._settings.get("port") or {"tls": 465, "starttls": 587}.get(security, 25),
            use_tls=security == "tls",
            start_tls=security == "starttls",
            tls_context=self._tls if security != "none" else None,
            username=self._settings.get("user") or None,
            password=self._settings.get("password") or None,
            # Asking the system for its own name may wait for a name server, and everybody else with it.
            local_hostname=self._address.rpartition("@")[2] or "localhost",
            timeout=TIMEOUT_S,
        )
        try:
            await smtp.connect()
            return await Pipeline.of(smtp) or smtp
        except BaseException:
            smtp.close()
            raise


def _knows_dsn(smtp: _Connection) -> bool:
    return "dsn" in smtp.knows if isinstance(smtp, Pipeline) else smtp.supports_extension("dsn")


def _refusal(code: int, text: str, *, of_route: bool) -> Temporary | Permanent:
    """What a 4xx or 5xx answer means. Of a 5xx only 5.1.x (RFC 3463: bad destination) says that nobody can reach it."""
    reason = f"{code} {' '.join(text.split())}"[:300]
    if code < 500:
        return Temporary(reason, of_route=of_route and code in (421, 454))
    enhanced = _ENHANCED.match(text)
    dead = enhanced[1] in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10") if enhanced else False
    return Permanent(reason, unreachable=dead)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:250]


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a rendered mail. Of a `line` or `subject` the `text` has places `{{ name }}` of its own."""

    kind: Literal["to", "id", "link", "subject", "line", "html line"]
    text: str = ""

    def filled(self, known: Mapping[str, bytes], values: Mapping[str, str]) -> bytes:
        """What stands there for one recipient: `known` by kind, or the text with the values, coded as its surroundings."""
        match self.kind:
            case "subject":
                return _subject(put_in(self.text, values))
            case "line":
                return _quoted(put_in(self.text, values))
            case "html line":
                safe = {name: escape(value).replace("\n", "<br>\n") for name, value in values.items()}
                return _quoted(put_in(self.text, safe))
        return known[self.kind]


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A mail to be joined from its pieces, and the sender's domain."""

    pieces: tuple[bytes | _Place, ...]
    domain: str


async def _ready(outgoing: Outgoing, sender: str) -> tuple[bytes, str]:
    """The mail as it goes over the wire, and its Message-ID."""
    identity, form, values = str(outgoing.delivery_id), outgoing.said.mail, outgoing.values
    asked = outgoing.said, sender, bool(outgoing.link), bool(values)
    # Files are read from a disk, and coded, which takes a while.
    rendered = await asyncio.to_thread(_rendered, *asked) if form.files else _rendered(*asked)
    known = {"to": outgoing.address.encode(), "id": identity.encode(), "link": _quoted(outgoing.link)}
    own = b""
    if reply_to := form.reply_to or outgoing.reply_to:
        own += f"Reply-To: {reply_to}\r\n".encode()
    if unsubscribe := values.get(UNSUBSCRIBE):
        own += f"List-Unsubscribe: <{unsubscribe}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()
    pieces = [one if isinstance(one, bytes) else one.filled(known, values) for one in rendered.pieces]
    return own + b"".join(pieces), f"<{form.message_id or f'{identity}@{rendered.domain}'}>"


class _Marking:
    """Puts marks where recipients differ, and takes the finished mail apart at them."""

    def __init__(self) -> None:
        self._places: list[_Place] = []

    def mark(self, kind: Any, text: str = "") -> str:
        """What stands for the place meanwhile; in a body it must have a line of its own, which is never folded."""
        self._places.append(_Place(kind, text))
        return f"{_MARK}{len(self._places) - 1:03}z"

    def lines(self, kind: Any, text: str) -> str:
        """The text, each line that has a place `{{ name }}` marked as a whole: its coding depends on what is put in."""
        return "\n".join(self.mark(kind, line) if placeholders_in(line) else line for line in text.split("\n"))

    def pieces(self, raw: bytes) -> tuple[bytes | _Place, ...]:
        """The mail: at every second place what lies between two marks."""
        cut: list[bytes | _Place] = list(_MARKS.split(raw))
        cut[1::2] = [self._places[int(cast(bytes, number))] for number in cut[1::2]]
        return tuple(cut)


@lru_cache(maxsize=64)
def _rendered(said: Said, sender: str, with_link: bool, with_values: bool) -> _Rendered:
    """The mail, built once for everybody who gets it."""
    form, marking = said.mail, _Marking()
    name, address = form.sender if form.sender[1] else parseaddr(sender)
    local, _at, domain = address.rpartition("@")
    domain = domain or "localhost"
    mail = EmailMessage(policy=WIRE)
    subject = " ".join((f"[{said.code}] {said.title}" if said.code else said.title).split())
    mail["Subject"] = marking.mark("subject", subject) if with_values and placeholders_in(subject) else subject
    mail["From"] = Address(name, local or "nightdesk", domain)
    to, cc = _named(form.to), _named(form.cc)
    if form.to or form.cc:
        mail["To"] = to or cc or "undisclosed-recipients:;"
        if to and cc:
            mail["Cc"] = cc
    else:
        mail["To"] = f"{marking.mark('to')}@address.invalid"
    mail["Date"] = format_datetime(said.at)
    mail["Message-ID"] = f"<{form.message_id}>" if form.message_id else f"<{marking.mark('id')}@{domain}>"
    if form.in_reply_to:
        mail["In-Reply-To"] = f"<{form.in_reply_to}>"
    if form.references:
        mail["References"] = " ".join(f"<{one}>" for one in form.references)
    elif said.subject_id:
        mail["References"] = f"<{_word(f'{said.subject_kind}.{said.subject_id}')}@{domain}>"
    if form.list_id[1]:
        mail["List-Id"] = f"{' '.join(form.list_id[0].split())} <{_word(form.list_id[1])}>".strip()
    if form.submitted != "no":
        mail["Auto-Submitted"] = form.submitted
        mail["X-Auto-Response-Suppress"] = "All"
    mail[OUR_HEADER] = our_mark()
    body = said.body.strip() or said.title
    if with_link and LINK not in body:
        body = f"{body}\n\n{_('Answer here:') if said.verbs else _('See it here:')} {LINK}"
    if not form.html:
        body = re.sub(r"[ \t]*\{link\}[ \t]*\n?", f"\n{marking.mark('link')}\n" if with_link else "", body)
    html = form.html or _html(said.title, body)
    mail.set_content(marking.lines("line", body) if with_values else body, cte="quoted-printable")
    mail.add_alternative(
        marking.lines("html line", html) if with_values else html, subtype="html", cte="quoted-printable"
    )
    _attach(mail, form.files)
    return _Rendered(marking.pieces(mail.as_bytes()), domain)


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", text)


def _quoted(text: str) -> bytes:
    """As it stands in a part that is quoted-printable; soft line ends keep its lines short."""
    if _AS_IT_IS.fullmatch(text):
        return text.encode()
    coded = quopri.encodestring(text.replace("\r\n", "\n").encode(errors="replace"))
    return coded.replace(b"\n", b"\r\n")


def _subject(text: str) -> bytes:
    """The subject as it stands in the head, which nothing in it can leave."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable() and len(text) <= _SUBJECT_ROOM and "=?" not in text:
        return text.encode()
    words, start, octets = [], 0, text.encode(errors="replace")
    while start < len(octets):
        end = min(start + 45, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # no letter is cut in two
            end -= 1
        words.append(b"=?utf-8?b?" + base64.b64encode(octets[start:end]) + b"?=")
        start = end
    return b"\r\n ".join(words)


def _named(people: Sequence[tuple[str, str]]) -> list[Address]:
    """Those of them whose address can stand in a header as it is."""
    return [
        Address(" ".join(name.split()), *address.rsplit("@", 1))
        for name, address in people
        if address.isascii() and _PLAIN_ADDRESS.fullmatch(address)
    ]


def _attach(mail: EmailMessage, files: Sequence[FileInMail]) -> None:
    """The files hang on it: images of the HTML beside it, others behind. One that is gone leaves a line that says so."""
    shown = [one for one in files if one.content_id]
    html = mail.get_payload()[-1] if shown else None  # type: ignore[index]
    for one in (*shown, *(one for one in files if not one.content_id)):
        kind, _slash, sort = one.media_type.partition("/")
        if not _MEDIA_TYPE.fullmatch(one.media_type) or kind in ("message", "multipart"):
            kind, sort = "application", "octet-stream"
        try:
            content = read_file(one.digest)
        except FileNotFoundError:
            content, kind, sort = _("The file %s is not here any more.").encode() % one.name.encode(), "text", "plain"
        if one.content_id and isinstance(html, EmailMessage):
            html.add_related(content, kind, sort, cid=f"<{one.content_id}>", filename=one.name, disposition="inline")
        else:
            mail.add_attachment(content, kind, sort, filename=one.name)


def _html(title: str, body: str) -> str:
    """A page that any mail program can show: no pictures, no style sheets. The link's mark has lines of its own."""
    text = escape(body.strip()).replace("\n", "<br>\n")
    text = re.sub(rf"{_MARK}[0-9]+z", r'<a\nhref="\g<0>"\n>\n\g<0>\n</a>', text)
    return (
        f"<!doctype html>\n<html>\n<body>\n<p><strong>{escape(title)}</strong></p>\n<p>{text}</p>\n</body>\n</html>\n"
    )


DRIVER = Driver(
    name="email",
    channel="email",
    label=gettext_lazy("E-mail by SMTP"),
    connect=EmailLine,
    timeout_s=TIMEOUT_S,
    puts_in=True,
    patience_s=5.0,  # a mail server looks through a mail before it takes it
    at_once=20,
    fields=(
        Field("host", gettext_lazy("Mail server"), required=True),
        Field(
            "port", gettext_lazy("Port"), kind="integer", help=gettext_lazy("Empty: 587, 465 or 25 by the security.")
        ),
        Field(
            "security",
            gettext_lazy("Security"),
            kind="choice",
            default="starttls",
            choices=("starttls", "tls", "none"),
        ),
        Field("user", gettext_lazy("User")),
        Field("password", gettext_lazy("Password"), secret=True),
        Field("from", gettext_lazy("Sender"), help=gettext_lazy("Empty: the installation's own sender.")),
        Field(
            "receipts",
            gettext_lazy("Ask for receipts"),
            kind="flag",
            default=False,
            help=gettext_lazy(
                "Where the server knows DSN, it then says when a mailbox has the mail. Mail must be read here."
            ),
        ),
        *TRUST,
        *PACING,
    ),
)
