"""A mail that somebody of ours forwards: who wrote it first, and what. Pure.

Either the first mail hangs on it as a file, or its head stands in the text as mail programs write it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nightdesk.mailroom.contents import Attachment
from nightdesk.mailroom.letter import Letter, read_letter

_PREFIX = re.compile(r"^(?:\s*(?:fwd?|wg|tr|rv|i|doorst|vb|enc|rif)\s*:)+\s*", re.IGNORECASE)
_MARK = re.compile(
    r"\W*(forwarded message|begin forwarded message|original message|anfang der weitergeleiteten|weitergeleitete nachricht|"
    r"ursprüngliche nachricht|message transféré|début du message|message d'origine|mensaje reenviado|doorgestuurd bericht|"
    r"oorspronkelijk bericht|messaggio inoltrato)",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"[\s*>]*(?P<name>from|von|de|van|da|sent|date|gesendet|datum|envoyé|fecha|enviado|verzonden|inviato|data|to|an|à|para|"
    r"aan|a|cc|subject|betreff|objet|asunto|onderwerp|oggetto|reply-to)\s*\*?\s*:\*?\s*(?P<value>.*)",
    re.IGNORECASE,
)
_FROM = frozenset(("from", "von", "de", "van", "da"))
_SUBJECT = frozenset(("subject", "betreff", "objet", "asunto", "onderwerp", "oggetto"))
_ADDRESS = re.compile(r"[^\s<>\[\]();:,\"']{1,64}@[^\s<>\[\]();:,\"']{1,200}\.[a-z0-9-]{2,}", re.IGNORECASE)
LOOKED_AT = 200
"""Lines of a text in which the head of a forwarded mail is looked for."""
HEAD_LINES = 12


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The mail inside. `note` is what whoever forwarded it wrote above it; `files` those of the mail inside."""

    address: str
    name: str
    title: str
    text: str
    note: str = ""
    message_id: str = ""
    files: Sequence[Attachment] | None = None


def forwarded_in(letter: Letter) -> Forwarded | None:
    """What the letter forwards; None where it is no forwarded mail, or does not tell whose."""
    is_marked = bool(_PREFIX.match(letter.title))
    inside = [one for one in letter.attachments if one.media_type == "message/rfc822"]
    if len(inside) == 1 and (is_marked or not letter.in_reply_to):
        first = read_letter(inside[0].content)
        if first.from_address:
            title = first.title or _PREFIX.sub("", letter.title)
            return Forwarded(
                first.from_address,
                first.from_name,
                title,
                first.text,
                letter.text.strip(),
                first.message_id,
                first.attachments,
            )
    return _in_text(letter, is_marked=is_marked)


def _in_text(letter: Letter, *, is_marked: bool) -> Forwarded | None:
    lines = letter.text.splitlines()
    for number, line in enumerate(lines[:LOOKED_AT]):
        marked = bool(_MARK.match(line))
        if not marked and not (is_marked and _is_from(line)):
            continue
        start = number + 1 if marked else number
        while start < len(lines) and not lines[start].strip(" >\t"):
            start += 1
        if (found := _head(lines, start)) is None:
            continue
        (name, address, title), body = found
        text = "\n".join(_unquoted(lines[body:])).strip()
        title = title or _PREFIX.sub("", letter.title)
        return Forwarded(address, name, title, text, "\n".join(lines[:number]).strip())
    return None


def _head(lines: Sequence[str], start: int) -> tuple[tuple[str, str, str], int] | None:
    """(name, address, subject) that stand in the lines from `start` on, and where the body begins; None for no head."""
    name = address = title = ""
    seen = 0
    number = start
    for number in range(start, min(len(lines), start + HEAD_LINES)):
        field = _FIELD.fullmatch(lines[number])
        if field is None:
            if not lines[number].strip(" >\t"):
                break
            continue
        seen += 1
        word, value = field["name"].lower(), field["value"].strip()
        if word in _FROM and not address and (found := _ADDRESS.search(value)):
            address = found[0].lower()
            name = value[: found.start()].strip(" <[(\"'") or ""
        elif word in _SUBJECT:
            title = value
    return ((name, address, title), number + 1) if address and seen >= 2 else None


def _is_from(line: str) -> bool:
    field = _FIELD.fullmatch(line)
    return field is not None and field["name"].lower() in _FROM and _ADDRESS.search(field["value"]) is not None


def _unquoted(lines: Sequence[str]) -> Sequence[str]:
    """Without the marks of a quote, where every line has one."""
    if all(line.startswith(">") or not line.strip() for line in lines):
        return [re.sub(r"^> ?", "", line) for line in lines]
    return lines
