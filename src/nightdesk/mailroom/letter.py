"""A mail read: who wrote, to whom, in which thread, and the words. Nothing is believed, and no bytes make it fail.

Every text that comes out can be stored by PostgreSQL: no NUL, no lone surrogate.
"""

import email.utils
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nightdesk.mailroom import mime
from nightdesk.mailroom.contents import LONGEST_TEXT, Attachment, Contents, read_contents
from nightdesk.mailroom.decoding import clean, decoded_words, one_line
from nightdesk.mailroom.own_words import own_words

LONGEST_LINE = 4_000

_IDS = re.compile(r"<([^<>\s]{3,300})>")
_COMMENT = re.compile(r"\([^()]*\)")
_ANGLED = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says. Addresses are in small letters; ids are without their angle brackets, case kept.

    `text` is all of it, quotes included; `html` is what it came with, or "", and is not safe (see `html_safe`). `headers` are
    (name in small letters, value decoded), in their order. `when` is what the sender's clock said. `faults` is what could
    not be read, or was left as it came, in words.
    """

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    from_address: str = ""
    from_name: str = ""
    reply_to: str = ""
    to: tuple[str, ...] = ()
    title: str = ""
    when: datetime | None = None
    text: str = ""
    html: str = field(default="", repr=False)
    from_html: bool = False
    media_type: str = "text/plain"
    report_type: str = ""
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = field(default=())

    @property
    def own_words(self) -> str:
        """What the writer wrote themselves: no quotes, no signature."""
        return own_words(self.text, (self.from_name,))

    def header(self, name: str) -> str:
        """The first of that name, "" where there is none."""
        return next((value for held, value in self.headers if held == name), "")

    def all_of(self, name: str) -> list[str]:
        """Every value of that name."""
        return [value for held, value in self.headers if held == name]

    @property
    def addressed(self) -> tuple[tuple[str, str], ...]:
        """(name, address in small letters) of all in To and Cc, each once."""
        found = addresses_in(self.all_of("to") + self.all_of("cc"))
        return tuple({address: (one_line(name)[:200], address) for name, address in reversed(found)}.values())[::-1]

    @property
    def thread(self) -> tuple[str, ...]:
        """Ids of what it answers, the nearest first."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))


def read_letter(raw: bytes) -> Letter:
    """`raw` as a letter; whatever is wrong with it stands in `faults`."""
    mail = mime.take_apart(raw)
    head = mail.fields
    faults: list[str] = []
    try:
        contents = read_contents(mail)
    except Exception as fault:  # what nobody thought of must not lose the mail: its text is shown as it came
        faults.append(f"The body could not be taken apart: {type(fault).__name__}: {fault}"[:300])
        contents = Contents(mime.as_text(mail.body[:LONGEST_TEXT], ""), "", False, (), ())
    froms = addresses_in([value for name, value in head if name == "from"])
    replies = addresses_in([value for name, value in head if name == "reply-to"])
    recipients = addresses_in([value for name, value in head if name in ("to", "cc", "delivered-to", "x-original-to")])
    name, address = froms[0] if froms else ("", "")
    return Letter(
        message_id=_first_id(mail.header("message-id")),
        in_reply_to=tuple(_IDS.findall(mail.header("in-reply-to"))[:20]),
        references=tuple(_IDS.findall(mail.header("references"))[-100:]),
        from_address=address,
        from_name=one_line(name)[:200],
        reply_to=replies[0][1] if replies else "",
        to=tuple(dict.fromkeys(address for _name, address in recipients))[:200],
        title=one_line(decoded_words(mail.header("subject")))[:1000],
        when=_instant(mail.header("date")),
        text=clean(contents.text),
        html=clean(contents.html),
        from_html=contents.from_html,
        media_type=mail.claimed_type,
        report_type=mail.parameter("content-type", "report-type")[:300],
        attachments=contents.attachments,
        headers=tuple((name, one_line(decoded_words(value))[:LONGEST_LINE]) for name, value in head),
        faults=tuple(clean(fault) for fault in (*faults, *contents.notes)),
    )


def read_attachments(raw: bytes) -> tuple[Attachment, ...]:
    """The files of a mail, in their order; their place in it is their number wherever a mail's file is named."""
    return read_letter(raw).attachments


def _first_id(value: str) -> str:
    found = _IDS.search(value)
    return (found[1] if found else one_line(value))[:300]


def addresses_in(values: Sequence[str]) -> list[tuple[str, str]]:
    """(name, address in small letters) of all in those lists of addresses that can be written to."""
    found = []
    for value in values:
        for entry in _entries(value[:20_000]):
            bare = _COMMENT.sub(" ", entry)
            angled = _ANGLED.search(bare)
            written = angled[1] if angled else next((word for word in bare.split() if "@" in word), "")
            address = one_line(written).lower()
            if 3 <= len(address) <= 320 and "@" in address[1:-1] and " " not in address:
                name = bare[: angled.start()].strip().strip('"') if angled else ""
                found.append((decoded_words(name.replace('\\"', '"')), address))
    return found


def _entries(value: str) -> Iterator[str]:
    """A list of addresses, cut at its commas and semicolons; those in quotes, in brackets and of a group's name are none."""
    quoted, start, depth = False, 0, 0
    for place, sign in enumerate(value):
        if sign == '"' and value[place - 1 : place] != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif sign in "(<":
            depth += 1
        elif sign in ")>":
            depth = max(0, depth - 1)
        elif sign in ",;" and not depth:
            yield value[start:place]
            start = place + 1
        elif sign == ":" and not depth and "@" not in value[start:place]:
            start = place + 1
    # A quote or bracket that never ends would hide all that follows.
    yield from re.split("[,;]", value[start:]) if quoted or depth else [value[start:]]


def _instant(value: str) -> datetime | None:
    try:
        when = email.utils.parsedate_to_datetime(value[:200])
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return when.astimezone(UTC) if 1970 <= when.year <= 2199 else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
