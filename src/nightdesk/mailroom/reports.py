"""What mail servers say about mails of ours: delivery reports (RFC 3464), the shapes that came before them, and complaints of
readers (RFC 5965). Pure.
"""

import email
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.policy import compat32
from typing import Literal, TypeAlias, cast

from flufl.bounce import all_failures

from nightdesk.mailroom.decoding import clean, decoded, one_line

Action: TypeAlias = Literal["failed", "delayed", "delivered", "relayed", "expanded", "complained"]

MOST = 50
SCANNED = 1_000_000
"""Bytes of a report that are looked at: the original may be enclosed in full."""
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
_COMPLAINTS = ("abuse", "opt-out")
"""Of the kinds of feedback those by which a reader says: no more of this."""
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_OWN_ID = re.compile(rb"^[ \t>]*message-id:\s*<([^<>\s]{3,300})>", re.IGNORECASE | re.MULTILINE)
_NOBODY = re.compile(
    r"(user|recipient|mailbox|address|account|addressee)\b.{0,40}\b(unknown|not found|does(n.t| not) exist|invalid|disabled|"
    r"inactive|unavailable|rejected)|no such (user|recipient|mailbox|address|person)|unknown (user|recipient|address|local)|"
    r"(host|domain)( or domain name)? not found|unrouteable",
    re.IGNORECASE,
)
_DEAD = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4")
"""RFC 3463: nobody is there (5.1.x), the mailbox is disabled (5.2.1), the host cannot be found (5.4.4)."""


@dataclass(frozen=True, slots=True)
class Report:
    """One recipient's lot. `envelope_id` and `message_ids` are what the report repeats of our mail.

    `unreachable`: nobody will ever be reached at that address. `delayed` says that the server still tries; `complained`, that
    the reader marked it as junk, and `recipient` is then "" where their provider keeps it to itself.
    """

    recipient: str
    action: Action
    status: str = ""
    reason: str = ""
    unreachable: bool = False
    envelope_id: str = ""
    message_ids: tuple[str, ...] = ()

    @property
    def gravity(self) -> int:
        """How bad it is, to choose among several: failed for good is the worst."""
        return ("complained", *_ACTIONS[::-1]).index(self.action) * 2 + self.unreachable


def read_reports(raw: bytes) -> tuple[Report, ...]:
    """What `raw` reports on, in its order; empty where it is no report."""
    ids = tuple(dict.fromkeys(clean(decoded(found, "")) for found in _OWN_ID.findall(_body(raw))))[:MOST]
    try:
        message = email.message_from_bytes(raw[: SCANNED * 2], policy=compat32)
        standard = [*_standard(message, ids), *_complaints(message, ids)][:MOST]
        return tuple(standard) if standard else tuple(_others(message, ids))[:MOST]
    except Exception:  # both readers raise whatever they like on bytes that nobody thought of: then it is no report
        return ()


def _body(raw: bytes) -> bytes:
    """What stands below the header, whose own Message-ID is the report's."""
    found = re.search(rb"\r?\n\r?\n", raw)
    return raw[found.end() : found.end() + SCANNED] if found else b""


def _standard(message: Message, ids: Sequence[str]) -> Iterator[Report]:
    if message.get_content_type() != "multipart/report" and "delivery-status" not in str(message.get("content-type")):
        return
    for part in message.walk():
        blocks = part.get_payload()
        if part.get_content_type() != "message/delivery-status" or not isinstance(blocks, list):
            continue
        fields = [block for block in blocks if isinstance(block, Message)]
        envelope_id = next((_field(one, "original-envelope-id") for one in fields if one["original-envelope-id"]), "")
        for block in fields:
            action = _field(block, "action").lower().split(" ")[0]
            recipient = _address(_field(block, "original-recipient")) or _address(_field(block, "final-recipient"))
            if action not in _ACTIONS or not recipient:
                continue
            diagnostic = _field(block, "diagnostic-code").partition(";")[2].strip() or _field(block, "diagnostic-code")
            found = _STATUS.search(_field(block, "status")) or _STATUS.search(diagnostic)
            status = found[1] if found else ""
            more = _STATUS.search(diagnostic)
            dead = action == "failed" and (
                status in _DEAD or (more is not None and more[1] in _DEAD) or _says_nobody(status, diagnostic)
            )
            reason = one_line(f"{status} {diagnostic}")[:300]
            # Some say "failed" of what they will try again.
            final = cast(
                Action, "delayed" if action == "failed" and status.startswith("4.") and not diagnostic else action
            )
            yield Report(recipient, final, status, reason, dead, envelope_id, tuple(ids))


def _complaints(message: Message, ids: Sequence[str]) -> Iterator[Report]:
    for part in message.walk():
        blocks = part.get_payload()
        if part.get_content_type() != "message/feedback-report" or not isinstance(blocks, list):
            continue
        for block in blocks:
            if isinstance(block, Message) and _field(block, "feedback-type").lower() in _COMPLAINTS:
                envelope_id = _field(block, "original-envelope-id")
                yield Report(
                    _address(_field(block, "original-rcpt-to")), "complained", "", "", False, envelope_id, tuple(ids)
                )


def _says_nobody(status: str, diagnostic: str) -> bool:
    """Whether a status that says nothing ("5.0.0") comes with words that do."""
    return status in ("", "5.0.0", "5.3.0", "5.5.0") and bool(_NOBODY.search(diagnostic[:500]))


def _others(message: Message, ids: Sequence[str]) -> Iterator[Report]:
    temporary, permanent = all_failures(message)
    for found, action in ((permanent, "failed"), (temporary, "delayed")):
        for address in sorted(found):
            recipient = one_line(decoded(address, "")).lower()
            if recipient and ".." not in recipient:
                yield Report(recipient, cast(Action, action), unreachable=action == "failed", message_ids=tuple(ids))


def _field(block: Message, name: str) -> str:
    return one_line(str(block.get(name) or ""))[:600]


def _address(value: str) -> str:
    """The address of `rfc822; <bo@example.net>`; "" for one that a web forum has cut short ("bo...@example.net")."""
    address = value.partition(";")[2] if ";" in value else value
    address = address.strip().strip("<>").lower()
    return address[:320] if "@" in address[1:-1] and ".." not in address else ""
