"""Text messages by SMPP 3.4, as most providers and every mobile network speak it.

One route is one provider and one bind (as transceiver), which is kept open while the route is switched on. The provider is
told that we have a receipt or a reply only once it is in the database; until then it repeats them.

What is about our account or the provider is temporary, so that the next route is tried and this one rests; "throttled" and
"queue full" only slow this provider down; what is about the message is permanent here and goes to the next route. No status
of SMPP says of a number that nobody can reach it: a wrong numbering plan looks just the same, so none marks a telephone dead.
"""

import asyncio
import hashlib
import logging
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import cast
from uuid import UUID

from django.utils.functional import Promise as LazyText
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import Invalid
from nightdesk.channels import smpp_pdu, smpp_text, sms_text
from nightdesk.channels.driver import (
    Driver,
    Ear,
    Field,
    Heard,
    Outgoing,
    Part,
    Permanent,
    Receipt,
    Reply,
    Sent,
    Settings,
    Temporary,
)
from nightdesk.channels.drivers.pacing import PACING, PRICE
from nightdesk.channels.smpp_pdu import Garbled, Pdu, Sm
from nightdesk.channels.smpp_session import Gone, NotBound, Session, Where, open_session
from nightdesk.channels.smpp_text import Told
from nightdesk.channels.wording import text_of

log = logging.getLogger(__name__)

PARTS = 3
REMEMBERED = 5000
"""Messages whose ids are kept in mind: their receipts are understood before the ledger knows of them."""
HOLD_S = 5.0
"""Seconds that a receipt may wait for the answer that says which message it means."""
BACK_OFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
LASTED_S = 10.0
"""A session that ended sooner counts as a failure: a provider that lets us in and hangs up is not asked without a pause."""

SLOW_DOWN = frozenset({0x14, 0x58})
"""Its queue is full; throttled."""
PERMANENT = frozenset(
    {0x01, 0x02, 0x06, 0x0B, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x45, 0x48, 0x49, 0x50, 0x51, 0x65, 0x66}
)
"""About this message or its number: sending it again by this provider changes nothing."""
MEANINGS: Mapping[int, str | LazyText] = {
    0x03: gettext_lazy("it does not know the command"),
    0x04: gettext_lazy("we are not bound for that"),
    0x05: gettext_lazy("it says that we are bound already, by another program or by our last connection"),
    0x08: gettext_lazy("it has an error of its own"),
    0x0A: gettext_lazy("it does not take this sender"),
    0x0B: gettext_lazy("it does not take this number"),
    0x0D: gettext_lazy("it does not let us bind"),
    0x0E: gettext_lazy("the password is wrong"),
    0x0F: gettext_lazy("it does not know this system id"),
    0x14: gettext_lazy("its queue is full"),
    0x45: gettext_lazy("it could not submit the message"),
    0x48: gettext_lazy("the type or plan of the sender's number is wrong"),
    0x49: gettext_lazy("the type or plan of the sender's number is wrong"),
    0x50: gettext_lazy("the type or plan of the number is wrong"),
    0x51: gettext_lazy("the type or plan of the number is wrong"),
    0x53: gettext_lazy("it does not take this system type"),
    0x58: gettext_lazy("we send faster than it allows"),
    0x61: gettext_lazy("it does not take our delivery time"),
    0x62: gettext_lazy("it does not take our validity period"),
    0x64: gettext_lazy("it cannot take this message now"),
    0x65: gettext_lazy("it will not take this message"),
    0x66: gettext_lazy("it has rejected this message"),
}  # fmt: skip


@dataclass(slots=True)
class Underway:
    """One message as this line has begun to send it. `ids` are the provider's names of its parts, in their order."""

    address: str
    about: tuple[UUID, date, int]
    bodies: Sequence[Callable[[timedelta | None], bytes]]
    parts: int
    ids: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return len(self.ids) == len(self.bodies)


class SmppLine:
    """One provider: its session, opened when it is needed and again when it broke."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._where = where_of(settings)
        self._alphabet = cast(smpp_text.Alphabet, settings.get("alphabet") or "gsm7")
        self._session: Session | None = None
        self._opening = asyncio.Lock()
        self._failures, self._opened_at, self._not_before, self._trouble = 0, 0.0, 0.0, ""
        self._ear: asyncio.Future[Ear] = asyncio.get_running_loop().create_future()
        self._begun: OrderedDict[UUID, Underway] = OrderedDict()
        self._known: OrderedDict[str, Underway] = OrderedDict()
        self._sending: set[asyncio.Future[None]] = set()
        self._not_answered: dict[str, str] = {}
        self._references = secrets.randbelow(256)

    async def send(self, outgoing: Outgoing) -> Sent:
        loop = asyncio.get_running_loop()
        began, done = loop.time(), loop.create_future()
        self._sending.add(done)
        try:
            underway = self._underway(outgoing)
            while not underway.is_whole:
                left = None
                session = await self._bound()
                if outgoing.valid_until is not None:
                    left = outgoing.valid_until - outgoing.sent_at - timedelta(seconds=loop.time() - began)
                    if left <= timedelta(0):
                        raise Temporary(_("Its time was over before it could be sent."), of_route=False)
                await self._submit(session, underway, left)
        except Gone as gone:
            raise Temporary(_("The connection broke: {why}.").format(why=gone)) from None
        finally:
            done.set_result(None)
            self._sending.discard(done)
        self._begun.pop(outgoing.delivery_id, None)
        return Sent(
            underway.ids[0], parts=underway.parts, part_ids=tuple(underway.ids) if len(underway.ids) > 1 else ()
        )

    async def listen(self, ear: Ear) -> None:
        """Keep the session open, and hand on what comes; see `driver.ListeningLine`."""
        if self._ear.done():
            self._ear = asyncio.get_running_loop().create_future()
        self._ear.set_result(ear)
        said = ""
        while True:
            try:
                session = await self._bound()
            except Temporary as trouble:
                if trouble.reason != said:
                    log.warning("SMPP %s: %s", self._where.host, trouble.reason)
                said = trouble.reason
                await asyncio.sleep(max(0.05, self._not_before - asyncio.get_running_loop().time()))
                continue
            log.info("SMPP %s: bound as %s", self._where.host, self._where.system_id)
            said = await asyncio.shield(session.ended)
            log.warning("SMPP %s: %s", self._where.host, said)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    # The session

    async def _bound(self) -> Session:
        """The open session. Raises Temporary: also, without asking again, until the pause after the last failure is over."""
        async with self._opening:
            if self._session is not None and not self._session.ended.done():
                return self._session
            now = asyncio.get_running_loop().time()
            if self._session is not None:
                lasted = now - self._opened_at
                why, self._session = self._session.ended.result(), None
                if lasted < LASTED_S:
                    self._note_failure(_("The connection broke: {why}.").format(why=why))
                else:
                    self._failures = 0
            if now < self._not_before:
                raise Temporary(self._trouble)
            try:
                self._session = await open_session(self._where, self._told)
            except (NotBound, Gone, OSError, TimeoutError) as error:
                self._note_failure(_why_not(error, self._where))
                raise Temporary(self._trouble) from None
            self._opened_at = asyncio.get_running_loop().time()
            return self._session

    def _note_failure(self, why: str) -> None:
        pause = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._trouble, self._not_before = why[:300], asyncio.get_running_loop().time() + pause

    # Out

    def _underway(self, outgoing: Outgoing) -> Underway:
        """The message as it was begun, so that a part which was taken is not sent twice; else from its beginning."""
        begun = self._begun.get(outgoing.delivery_id)
        about = (outgoing.delivery_id, outgoing.month, outgoing.attempt)
        if begun is None:
            self._references += 1
            texts, bodies = made(outgoing, self._settings, self._references)
            begun = Underway(outgoing.address, about, bodies, len(texts))
            self._begun[outgoing.delivery_id] = begun
            _bound_to(self._begun, REMEMBERED)
        begun.about = about
        return begun

    async def _submit(self, session: Session, underway: Underway, left: timedelta | None) -> None:
        """Hand over the next part. Raises Temporary, Permanent, Gone."""
        number = len(underway.ids)
        answer = await session.ask(
            smpp_pdu.SUBMIT_SM, underway.bodies[number](left), partial(self._taken, underway, number)
        )
        if answer.command == smpp_pdu.GENERIC_NACK or answer.status:
            raise _refusal(answer.status)

    def _taken(self, underway: Underway, number: int, answer: Pdu) -> None:
        """Also called when nobody waits for the answer any more: what was taken is not sent again."""
        if answer.status or answer.command == smpp_pdu.GENERIC_NACK or number != len(underway.ids):
            return
        underway.ids.append(smpp_pdu.message_id_in(answer.body) or f"{underway.about[0]}-{number}")
        if underway.is_whole:
            for one in underway.ids:
                self._known[one] = underway
            _bound_to(self._known, REMEMBERED)

    # In

    async def _told(self, pdu: Pdu, answer: Callable[[int], None]) -> None:
        ear = await asyncio.shield(self._ear)
        heard, mark = await self._heard(pdu)
        try:
            await ear.hear(heard)
            status = smpp_pdu.OK
        except Exception:  # it could not be kept: the provider is to say it again
            log.exception("What the SMPP provider %s told us could not be kept", self._where.host)
            status = smpp_pdu.TRY_LATER
        try:
            answer(status)
        except Gone:
            return  # it will be said again, and is then known by its mark
        self._not_answered.pop(mark, None)

    async def _heard(self, pdu: Pdu) -> tuple[Heard, str]:
        """What came, and a mark by which the same is known when it comes again."""
        raw = pdu.encoded()
        try:
            sm = smpp_pdu.read_data_sm(pdu.body) if pdu.command == smpp_pdu.DATA_SM else smpp_pdu.read_sm(pdu.body)
        except Garbled as garbled:
            return Heard(raw, partial(_unreadable, str(garbled))), ""
        if smpp_text.is_receipt(sm):
            told = smpp_text.read_receipt(sm)
            known = await self._meant(sm, told) if told else None
            about = known[0].about if known else None
            return Heard(raw, partial(read_receipt, sm, told, known), about=about, is_receipt=True), ""
        # A provider repeats what we have not answered, perhaps over a new connection; two equal texts are two.
        mark = hashlib.sha256(pdu.body).hexdigest()[:24]
        name = self._not_answered.setdefault(mark, f"{mark}-{uuid7().hex[:16]}")
        return Heard(raw, partial(read_reply, sm, name, self._alphabet)), mark

    async def _meant(self, sm: Sm, told: Told) -> tuple[Underway, str] | None:
        """The message that a receipt is about, and its id as we had it. It may have come before the answer that names it."""
        found = self._remembered(sm, told)
        if found is None and self._sending:
            await asyncio.wait(set(self._sending), timeout=HOLD_S)
            found = self._remembered(sm, told)
        return found

    def _remembered(self, sm: Sm, told: Told) -> tuple[Underway, str] | None:
        exact = self._known.get(told.message_id)
        if exact is not None:
            return exact, told.message_id
        for spelled in smpp_text.spellings(told.message_id):
            other = self._known.get(spelled)
            if other is not None and other.address.removeprefix("+") in (sm.source.digits, sm.destination.digits):
                return other, spelled
        return None


def where_of(settings: Settings) -> Where:
    """The provider that the settings name. Raises ssl.SSLError for a certificate that is none."""
    certificate = settings.get("certificate") or None
    use_tls = bool(settings.get("tls"))
    return Where(
        host=settings["host"],
        port=settings.get("port") or (3550 if use_tls else 2775),
        system_id=settings.get("system_id") or "",
        password=settings.get("password") or "",
        system_type=settings.get("system_type") or "",
        tls=ssl.create_default_context(cadata=certificate) if use_tls else None,
        window=max(1, settings.get("window") or 10),
        enquire_s=float(max(1, settings.get("enquire") or 30)),
    )


def check(settings: Settings) -> str:
    """What is wrong with these settings together; "" where nothing is."""
    if settings.get("certificate"):
        try:
            where_of({**settings, "tls": True})
        except (ssl.SSLError, ValueError):
            return _("The certificate cannot be read. Paste it whole, from BEGIN to END.")
    if is_name(settings) and not settings.get("ring"):
        return _("A name cannot be answered. Give a number as the sender, or say where to ring instead.")
    if len(str(settings.get("source") or "").removeprefix("+")) > (11 if is_name(settings) else 20):
        return _("A name has at most 11 signs, a number at most 20 digits.")
    return ""


def is_name(settings: Settings) -> bool:
    """Whether the sender is a name, which nobody can answer."""
    digits = str(settings.get("source") or "").removeprefix("+")
    return bool(digits) and not digits.isdigit()


def made(
    outgoing: Outgoing, settings: Settings, reference: int
) -> tuple[Sequence[str], list[Callable[[timedelta | None], bytes]]]:
    """(the parts that are paid for, what makes each request's body when it is told how long the message is still good for)."""
    alphabet = cast(smpp_text.Alphabet, settings.get("alphabet") or "gsm7")
    coding_of = smpp_text.coding_in(alphabet)
    said = outgoing.said
    if is_name(settings):
        foot = _("Do not reply. Ring {number}.").format(number=settings.get("ring") or "")
        said = replace(said, verbs=(), code="", body=f"{said.body.strip()}\n{foot}".strip())
    text = text_of(said, outgoing.link, settings.get("parts") or PARTS, coding_of)
    coding = coding_of(text)
    texts = sms_text.parts(text, coding_of)
    long = settings.get("long_texts") or "udh"
    base = Sm(
        source=smpp_pdu.address_of(settings.get("source") or "", settings.get("ton"), settings.get("npi")),
        destination=smpp_pdu.address_of(outgoing.address),
        text=b"",
        registered=1 if settings.get("receipts", True) else 0,
        service_type=settings.get("service_type") or "",
    )

    def body(sm: Sm, left: timedelta | None) -> bytes:
        return replace(sm, validity=smpp_text.validity_period(left) if left is not None else "").body()

    if len(texts) == 1 or long == "payload":
        coded = smpp_text.code(text, coding, alphabet)
        sm = replace(base, data_coding=coded.data_coding)
        if len(texts) == 1:
            return texts, [partial(body, replace(sm, text=coded.octets))]
        return texts, [partial(body, replace(sm, tlvs={smpp_pdu.MESSAGE_PAYLOAD: coded.octets}))]
    sms = []
    for number, one in enumerate(texts, 1):
        octets, data_coding = smpp_text.code(one, coding, alphabet)
        sm = replace(base, data_coding=data_coding, text=octets)
        if long == "sar":
            sms.append(replace(sm, tlvs=smpp_pdu.sar(reference & 0xFFFF, number, len(texts))))
        else:
            head = smpp_text.header(reference, number, len(texts))
            sms.append(replace(sm, text=head + octets, esm_class=smpp_pdu.UDH))
    return texts, [partial(body, sm) for sm in sms]


def read_receipt(sm: Sm, told: Told | None, known: tuple[Underway, str] | None) -> Receipt:
    """What a deliver_sm says of one of our messages. Raises Invalid where it says nothing that we understand."""
    if told is None:
        raise Invalid(
            _("A provider sent a receipt."),
            _("It names no message, or a state that we do not know."),
            _("Look at what the provider sends."),
        )
    bad = told.state in ("failed", "expired")
    return Receipt(
        provider_id=known[1] if known else told.message_id,
        state=told.state,
        reason=f"{told.stat} {told.error}".strip() if bad else "",
        permanent=told.stat in ("REJECTD", "DELETED"),
        spellings=() if known else smpp_text.spellings(told.message_id),
        address_digits=(sm.source.digits, sm.destination.digits),
        part_ids=tuple(known[0].ids) if known else (),
    )


def read_reply(sm: Sm, name: str, alphabet: smpp_text.Alphabet) -> Reply:
    """What a handset texted; `name` is ours for it. Raises Invalid where it does not say whose."""
    joined, octets = smpp_text.where_it_belongs(sm)
    sender = _number(sm.source)
    if not sender:
        raise Invalid(
            _("A provider handed on a text."), _("It does not say whose."), _("Look at what the provider sends.")
        )
    to = _number(sm.destination)
    part = None
    if joined is not None:
        part = Part(f"{sender}:{to}:{joined.reference}:{joined.total}", joined.number, joined.total)
    body = smpp_text.read_text(octets, sm.data_coding, alphabet).replace("\0", "").strip("\r" if part else None)
    return Reply(id=name, sender=sender[:320], to=to[:320], body=body, part=part)


def _number(address: smpp_pdu.Address) -> str:
    """As numbers are kept here: international ones with their plus."""
    digits = address.digits.strip()
    whole = digits.isascii() and digits.isdigit() and (address.ton == 1 or (address.ton == 0 and len(digits) > 9))
    return f"+{digits.removeprefix('00')}" if whole else digits


def _unreadable(why: str) -> Receipt:
    raise Invalid(_("A provider told us something."), _("It cannot be read: {why}.").format(why=why), "")


def _refusal(status: int) -> Temporary | Permanent:
    meaning = MEANINGS.get(status)
    reason = _("The provider answered 0x{status:02X}: {meaning}.").format(
        status=status, meaning=meaning or _("a code of its own")
    )
    if status in SLOW_DOWN:
        return Temporary(reason, of_route=False, slow=True)
    if status == smpp_pdu.TRY_LATER:
        return Temporary(reason, of_route=False)
    return Permanent(reason) if status in PERMANENT else Temporary(reason)


def _why_not(error: Exception, where: Where) -> str:
    place = f"{where.host}:{where.port}"
    if isinstance(error, NotBound):
        meaning = MEANINGS.get(error.status) or _("it gives the code {code}").format(code=error)
        return _("{place} does not let {system_id} in: {meaning}.").format(
            place=place, system_id=where.system_id, meaning=meaning
        )
    if isinstance(error, TimeoutError):
        return _("{place} does not answer.").format(place=place)
    return _("{place} cannot be reached: {why}.").format(place=place, why=" ".join(str(error).split())[:150])


def _bound_to(kept: OrderedDict[UUID, Underway] | OrderedDict[str, Underway], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)


DRIVER = Driver(
    name="smpp",
    channel="sms",
    label=gettext_lazy("SMS by SMPP 3.4"),
    connect=SmppLine,
    loud=True,
    timeout_s=10.0,
    receipt_within=timedelta(seconds=60),
    answers_back=True,
    listens=True,
    sender="source",
    check=check,
    at_once=20,
    fields=(
        Field("host", gettext_lazy("Server"), required=True),
        Field("port", gettext_lazy("Port"), kind="integer", help=gettext_lazy("Empty: 2775, or 3550 with TLS.")),
        Field("tls", gettext_lazy("Encrypted (TLS)"), kind="flag", default=False),
        Field(
            "certificate",
            gettext_lazy("Certificate to trust"),
            kind="long",
            help=gettext_lazy("PEM; for a provider whose certificate nobody else has signed."),
        ),
        Field("system_id", gettext_lazy("System id"), required=True, help=gettext_lazy("The log-in's name.")),
        Field("password", gettext_lazy("Password"), secret=True),
        Field("system_type", gettext_lazy("System type"), help=gettext_lazy("Only where the provider names one.")),
        Field(
            "source",
            gettext_lazy("Sender"),
            required=True,
            help=gettext_lazy("One number (+44...) that can be answered. A name of up to 11 letters cannot be."),
        ),
        Field(
            "ring",
            gettext_lazy("Where to ring instead"),
            help=gettext_lazy("Needed where the sender is a name: its texts end with this number."),
        ),
        Field(
            "receipts",
            gettext_lazy("It reports what was delivered"),
            kind="flag",
            default=True,
            help=gettext_lazy("Without a receipt within a minute the next route is tried."),
        ),
        Field("parts", gettext_lazy("Longest text in parts"), kind="integer", default=PARTS),
        Field(
            "long_texts",
            gettext_lazy("Long texts by"),
            kind="choice",
            default="udh",
            choices=("udh", "sar", "payload"),
            help=gettext_lazy("Header, parameters, or all in one: what the provider asks for."),
        ),
        Field(
            "alphabet",
            gettext_lazy("Default alphabet"),
            kind="choice",
            default="gsm7",
            choices=("gsm7", "latin1", "ucs2"),
            help=gettext_lazy("What the provider takes data_coding 0 for."),
        ),
        Field("ton", gettext_lazy("Sender's type of number"), kind="integer", help=gettext_lazy("Empty: by its form.")),
        Field("npi", gettext_lazy("Sender's numbering plan"), kind="integer", help=gettext_lazy("Empty: by its form.")),
        Field(
            "window", gettext_lazy("Unanswered at once"), kind="integer", default=10, help=gettext_lazy("The window.")
        ),
        Field("enquire", gettext_lazy("Seconds between enquire_links"), kind="integer", default=30),
        *PACING,
        *PRICE,
    ),
)
