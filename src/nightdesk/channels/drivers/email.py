"""E-mail by SMTP (RFC 5321), with STARTTLS or TLS and a log-in where the server wants them.

A message is rendered once for all its recipients; for each only its address, id and link are put in. The Message-ID is the
delivery's id, so that a repeat can be seen as one. Where mail is read here, the answer's address and the return path say
which delivery they are about. Lines are kept open between mails.
"""

import asyncio
import quopri
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from html import escape

import aiosmtplib
from django.conf import settings as django_settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.files import read_file
from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Said, Sent, Settings, Temporary
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.drivers.trust import TRUST, tls_context
from nightdesk.channels.mail_form import FileInMail
from nightdesk.channels.wording import LINK
from nightdesk.mailroom.automatic import OUR_HEADER
from nightdesk.mailroom.handing import our_mark

TIMEOUT_S = 20.0
_IDLE_S = 20.0
"""A line unused for so long is opened anew: servers hang up by themselves."""
_TO, _ID, _LINK = b"ndto7f3a@address.invalid", b"ndid7f3a", b"ndlink7f3a"
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,80}")
_PLAIN_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(slots=True)
class _Kept:
    smtp: aiosmtplib.SMTP
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
        self._kept: list[_Kept] = []
        self._tls = tls_context(settings)

    async def send(self, outgoing: Outgoing) -> Sent:
        if not (outgoing.address.isascii() and _PLAIN_ADDRESS.fullmatch(outgoing.address)):
            raise Permanent(_("That is no e-mail address that we can write to."), unreachable=True)
        raw, message_id = await _ready(outgoing, self._sender)
        form = outgoing.said.mail
        return_path = outgoing.bounce_to or form.sender[1] or parseaddr(self._sender)[1]
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

    def _take(self) -> aiosmtplib.SMTP | None:
        now = asyncio.get_running_loop().time()
        while self._kept:
            kept = self._kept.pop()
            if kept.until > now and kept.smtp.is_connected:
                return kept.smtp
            kept.smtp.close()
        return None

    async def _hand_over(self, smtp: aiosmtplib.SMTP, envelope: "_Envelope", raw: bytes, message_id: str) -> Sent:
        """The connection is kept when the server said something clear, and closed when anything else happened."""
        sound = False
        try:
            asks = bool(self._settings.get("receipts")) and smtp.supports_extension("dsn")
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

    async def _open(self) -> aiosmtplib.SMTP:
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
            local_hostname=parseaddr(self._sender)[1].rpartition("@")[2] or "localhost",
            timeout=TIMEOUT_S,
        )
        try:
            await smtp.connect()
        except BaseException:
            smtp.close()
            raise
        return smtp


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


async def _ready(outgoing: Outgoing, sender: str) -> tuple[bytes, str]:
    """The mail as it goes over the wire, and its Message-ID."""
    identity, form = str(outgoing.delivery_id), outgoing.said.mail
    if form.files:  # they are read from a disk, and coded, which takes a while
        raw, domain = await asyncio.to_thread(_rendered, outgoing.said, sender, bool(outgoing.link))
    else:
        raw, domain = _rendered(outgoing.said, sender, bool(outgoing.link))
    # The link is put into quoted-printable, so it must be that too; soft line ends keep its lines short.
    link = quopri.encodestring(outgoing.link.encode()).replace(b"=\n", b"=\r\n")
    if reply_to := form.reply_to or outgoing.reply_to:
        raw = f"Reply-To: {reply_to}\r\n".encode() + raw
    raw = raw.replace(_TO, outgoing.address.encode(), 1).replace(_ID, identity.encode(), 1).replace(_LINK, link)
    return raw, f"<{form.message_id or f'{identity}@{domain}'}>"


@lru_cache(maxsize=64)
def _rendered(said: Said, sender: str, with_link: bool) -> tuple[bytes, str]:
    """The mail with marks for what differs between recipients, and the sender's domain."""
    form = said.mail
    name, address = form.sender if form.sender[1] else parseaddr(sender)
    local, _at, domain = address.rpartition("@")
    mail = EmailMessage(policy=WIRE)
    mail["Subject"] = " ".join((f"[{said.code}] {said.title}" if said.code else said.title).split())
    mail["From"] = Address(name, local or "nightdesk", domain or "localhost")
    to, cc = _named(form.to), _named(form.cc)
    if form.to or form.cc:
        mail["To"] = to or cc or "undisclosed-recipients:;"
        if to and cc:
            mail["Cc"] = cc
    else:
        mail["To"] = _TO.decode()
    mail["Date"] = format_datetime(said.at)
    mail["Message-ID"] = f"<{form.message_id}>" if form.message_id else f"<{_ID.decode()}@{domain or 'localhost'}>"
    if form.in_reply_to:
        mail["In-Reply-To"] = f"<{form.in_reply_to}>"
    if form.references:
        mail["References"] = " ".join(f"<{one}>" for one in form.references)
    elif said.subject_id:
        mail["References"] = (
            f"<{re.sub(r'[^A-Za-z0-9.-]', '-', f'{said.subject_kind}.{said.subject_id}')}@{domain or 'localhost'}>"
        )
    if form.submitted != "no":
        mail["Auto-Submitted"] = form.submitted
        mail["X-Auto-Response-Suppress"] = "All"
    mail[OUR_HEADER] = our_mark()
    body = said.body.strip() or said.title
    if with_link and LINK not in body:
        body = f"{body}\n\n{_('Answer here:') if said.verbs else _('See it here:')} {LINK}"
    if not form.html:
        # A line of its own, which is never folded; what differs is put in behind the encoding.
        body = re.sub(r"[ \t]*\{link\}[ \t]*\n?", f"\n{_LINK.decode()}\n" if with_link else "", body)
    mail.set_content(body, cte="quoted-printable")
    mail.add_alternative(form.html or _html(said.title, body), subtype="html", cte="quoted-printable")
    _attach(mail, form.files)
    return mail.as_bytes(), domain or "localhost"


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
    mark = _LINK.decode()
    text = escape(body.strip()).replace("\n", "<br>\n").replace(mark, f'<a\nhref="{mark}"\n>\n{mark}\n</a>')
    return (
        f"<!doctype html>\n<html>\n<body>\n<p><strong>{escape(title)}</strong></p>\n<p>{text}</p>\n</body>\n</html>\n"
    )


DRIVER = Driver(
    name="email",
    channel="email",
    label=gettext_lazy("E-mail by SMTP"),
    connect=EmailLine,
    timeout_s=TIMEOUT_S,
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
