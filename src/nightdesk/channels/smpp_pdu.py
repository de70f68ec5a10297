"""SMPP 3.4 as octets: requests and answers as they go over the line, both ways.

Whatever a line sends is read leniently: fields that are missing at the end are empty, a tag that we do not know is kept as it
came. What cannot be read at all raises Garbled, which says whether the line can be read on.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

HEADER = struct.Struct(">IIII")
LONGEST = 1 << 17
"""Octets; a message_payload holds 65,535. A length beyond it is not SMPP."""

ANSWER = 0x80000000
GENERIC_NACK = 0x80000000
SUBMIT_SM = 0x00000004
DELIVER_SM = 0x00000005
UNBIND = 0x00000006
BIND_TRANSCEIVER = 0x00000009
ENQUIRE_LINK = 0x00000015
DATA_SM = 0x00000103
ALERT_NOTIFICATION = 0x00000102

OK = 0x00
INVALID_LENGTH = 0x02
INVALID_COMMAND = 0x03
SYSTEM_ERROR = 0x08
TRY_LATER = 0x64
"""ESME_RX_T_APPN: what we answer where we cannot keep what came; the SMSC says it again."""

# Optional parameters.
USER_MESSAGE_REFERENCE = 0x0204
SAR_REFERENCE = 0x020C
SAR_TOTAL = 0x020E
SAR_NUMBER = 0x020F
RECEIPTED_MESSAGE_ID = 0x001E
NETWORK_ERROR_CODE = 0x0423
MESSAGE_PAYLOAD = 0x0424
MESSAGE_STATE = 0x0427

UDH = 0x40
"""In esm_class: the text begins with a user data header."""


class Garbled(Exception):
    """It is no SMPP. `fatal`: where the next one begins is unknown, so the line is of no use any more."""

    def __init__(self, reason: str, *, fatal: bool) -> None:
        super().__init__(reason)
        self.fatal = fatal


@dataclass(frozen=True, slots=True)
class Pdu:
    """One request or answer. `status` is 0 in requests."""

    command: int
    status: int = 0
    sequence: int = 0
    body: bytes = b""

    def encoded(self) -> bytes:
        """The octets on the line."""
        return HEADER.pack(HEADER.size + len(self.body), self.command, self.status, self.sequence) + self.body

    @property
    def is_answer(self) -> bool:
        return bool(self.command & ANSWER)


def take(buffer: bytearray) -> Pdu | None:
    """The first whole PDU, taken off `buffer`; None while it is not all there. Raises Garbled (always fatal)."""
    if len(buffer) < 4:
        return None
    length = int.from_bytes(buffer[:4])
    if not HEADER.size <= length <= LONGEST:
        raise Garbled(f"a length of {length} octets", fatal=True)
    if len(buffer) < length:
        return None
    _, command, status, sequence = HEADER.unpack_from(buffer)
    body = bytes(buffer[HEADER.size : length])
    del buffer[:length]
    return Pdu(command, status, sequence, body)


class Address(NamedTuple):
    """A number or name with its type of number and numbering plan."""

    ton: int
    npi: int
    digits: str


def address_of(number: str, ton: int | None = None, npi: int | None = None) -> Address:
    """How SMPP writes it: an E.164 number without its plus (1, 1), a short code (3, 0), a name (5, 0).

    `ton` and `npi` where the provider wants others.
    """
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        sensible = (5, 0)
    elif number.startswith("+") or len(digits) > 7:
        sensible = (1, 1)
    else:
        sensible = (3, 0)
    return Address(sensible[0] if ton is None else ton, sensible[1] if npi is None else npi, digits)


@dataclass(frozen=True, slots=True)
class Sm:
    """A short message on its way to (submit_sm) or from us (deliver_sm). `text` is that of the payload where one is given."""

    source: Address
    destination: Address
    text: bytes
    esm_class: int = 0
    data_coding: int = 0
    validity: str = ""
    registered: int = 0
    protocol: int = 0
    priority: int = 0
    service_type: str = ""
    tlvs: Mapping[int, bytes] = field(default_factory=dict)

    def body(self) -> bytes:
        """The octets behind the header of a submit_sm; a text that is given as message_payload has `text` empty."""
        return b"".join(
            (
                _c_octets(self.service_type),
                _address(self.source),
                _address(self.destination),
                bytes((self.esm_class, self.protocol, self.priority)),
                _c_octets(""),
                _c_octets(self.validity),
                bytes((self.registered, 0, self.data_coding, 0, len(self.text))),
                self.text,
                *(struct.pack(">HH", tag, len(value)) + value for tag, value in self.tlvs.items()),
            )
        )


def read_sm(body: bytes) -> Sm:
    """What a submit_sm or deliver_sm says. Raises Garbled (not fatal)."""
    read = _Reader(body)
    service_type = read.c_octets()
    source, destination = read.address(), read.address()
    esm_class, protocol, priority = read.octet(), read.octet(), read.octet()
    read.c_octets()
    validity = read.c_octets()
    registered, _, data_coding, _, length = (read.octet() for _ in range(5))
    text = read.octets(length)
    tlvs = read.tlvs()
    return Sm(
        source,
        destination,
        text or tlvs.get(MESSAGE_PAYLOAD, b""),
        esm_class,
        data_coding,
        validity,
        registered,
        protocol,
        priority,
        service_type,
        tlvs,
    )


def read_data_sm(body: bytes) -> Sm:
    """What a data_sm says: its text is the payload. Raises Garbled (not fatal)."""
    read = _Reader(body)
    service_type = read.c_octets()
    source, destination = read.address(), read.address()
    esm_class, registered, data_coding = read.octet(), read.octet(), read.octet()
    tlvs = read.tlvs()
    text = tlvs.get(MESSAGE_PAYLOAD, b"")
    return Sm(source, destination, text, esm_class, data_coding, "", registered, service_type=service_type, tlvs=tlvs)


def bind_body(system_id: str, password: str, system_type: str) -> bytes:
    """The octets behind the header of a bind; the addresses served are left to the provider."""
    return b"".join(
        (
            _c_octets(system_id),
            _c_octets(password),
            _c_octets(system_type),
            bytes((0x34, 0, 0)),
            _c_octets(""),
        )
    )


def message_id_in(body: bytes) -> str:
    """What the provider calls the message: of a submit_sm_resp, which may be empty or lack its last octet."""
    return body.partition(b"\0")[0].decode("ascii", "replace")[:65]


def sar(reference: int, number: int, total: int) -> dict[int, bytes]:
    """The optional parameters that join parts: `number` from 1 of `total`."""
    return {SAR_REFERENCE: struct.pack(">H", reference), SAR_TOTAL: bytes((total,)), SAR_NUMBER: bytes((number,))}


def _c_octets(value: str) -> bytes:
    return value.encode("latin-1", "replace").replace(b"\0", b"") + b"\0"


def _address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + _c_octets(address.digits[:20])


class _Reader:
    """Reads from the front. At the end there are empty fields, but half a text is none."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def octet(self) -> int:
        self._at += 1
        return self._body[self._at - 1] if self._at <= len(self._body) else 0

    def octets(self, length: int) -> bytes:
        taken = self._body[self._at : self._at + length]
        if len(taken) < length:
            raise Garbled(f"a text of {length} octets has {len(taken)}", fatal=False)
        self._at += length
        return taken

    def c_octets(self) -> str:
        end = self._body.find(b"\0", self._at)
        end = len(self._body) if end < 0 else end
        value = self._body[self._at : end]
        self._at = end + 1
        return value.decode("latin-1")

    def address(self) -> Address:
        return Address(self.octet(), self.octet(), self.c_octets())

    def tlvs(self) -> dict[int, bytes]:
        """What is left. The first of a tag counts; one that is cut short ends them."""
        found: dict[int, bytes] = {}
        while self._at + 4 <= len(self._body):
            tag, length = struct.unpack_from(">HH", self._body, self._at)
            value = self._body[self._at + 4 : self._at + 4 + length]
            if len(value) < length:
                break
            found.setdefault(tag, value)
            self._at += 4 + length
        return found
