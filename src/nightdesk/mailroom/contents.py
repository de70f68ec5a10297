"""What a mail says and carries: its text, its HTML and its files, whatever they were wrapped in. Pure; nothing is lost.

A file is whatever is no text to be read at once. What was wrapped is unwrapped (winmail.dat, S/MIME that is only signed,
uuencode); what cannot be, such as what is encrypted, is a file as it came, and the text says so.
"""

import html as html_signs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nightdesk.mailroom import mime, tnef
from nightdesk.mailroom.decoding import decoded_words, one_line
from nightdesk.mailroom.flowed import unflowed
from nightdesk.mailroom.html_text import is_tangled, text_of_html
from nightdesk.mailroom.invites import invite_text
from nightdesk.mailroom.mime import Entity
from nightdesk.mailroom.smime import signed_content

LONGEST_TEXT = 200_000
LONGEST_HTML = 1_000_000
LONGEST_NAME = 150
MOST_ATTACHMENTS = 500
UNWRAPPED_AT_MOST = 4
"""How often something signed may hold something signed."""

_DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]{200,})")
_ARMOUR = "-----BEGIN PGP MESSAGE-----"
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_SUFFIXES = {
    "application/pdf": ".pdf", "application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s", "application/pgp-signature": ".asc",
    "application/pgp-encrypted": ".asc", "application/ms-tnef": ".dat", "application/zip": ".zip",
    "application/gzip": ".gz", "application/x-gzip": ".gz", "application/json": ".json", "application/xml": ".xml",
    "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg",
    "message/rfc822": ".eml", "message/global": ".eml", "message/delivery-status": ".txt", "text/calendar": ".ics",
    "application/ics": ".ics", "text/csv": ".csv", "text/html": ".html", "text/plain": ".txt", "text/rfc822-headers": ".txt",
    "text/vcard": ".vcf", "text/x-vcard": ".vcf", "audio/mpeg": ".mp3", "audio/x-wav": ".wav", "application/rtf": ".rtf",
}  # fmt: skip
_WITH_MAIL = ("message/rfc822", "message/global", "message/news")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a mail. `name` is on one line, has no path in it and is the only one of that name in the mail.

    `media_type` is what the sender says, so nothing to be believed. `inline`: meant to be seen in the text, by `content_id`
    (without its brackets), `location` or just where it stands.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)
    content_id: str = ""
    location: str = ""
    inline: bool = False

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Contents:
    """`text` is everything that was written, also where it was HTML; `html` is as it came, "" where none did, and never
    safe to be shown. `notes` say in words what could not be read or was left out.
    """

    text: str
    html: str
    from_html: bool
    attachments: tuple[Attachment, ...]
    notes: tuple[str, ...]


@dataclass
class _Said:
    """Of a part: its words (None: those of its HTML), its HTML ("" for none), and whether the text was made from HTML."""

    words: str | None = ""
    html: str = ""
    from_html: bool = False

    @cached_property
    def text(self) -> str:
        """Read of the HTML only where it is asked for: most HTML has its text beside it."""
        return text_of_html(_DATA_IMAGE.sub("", self.html)) if self.words is None else self.words

    @property
    def as_html(self) -> str:
        return self.html or (f"<pre>{html_signs.escape(self.text)}</pre>" if self.text.strip() else "")


def read_contents(mail: Entity) -> Contents:
    """What `mail` says and carries."""
    reader = _Reader()
    said = reader.read(mail, (), 0)
    if not said.html and not said.text.strip() and not reader.files and mail.body.strip():
        said.text = mail.text
    text, html = reader.with_invites(said.text), said.html
    if _ARMOUR in text:
        reader.note("A part of it is encrypted (PGP); it was kept as it came.")
    html = reader.without_data_images(html)
    if len(html) > LONGEST_HTML or is_tangled(html):
        html = ""
        reader.note("Its HTML is too long, or its tags are too many; only its text is shown.")
    if len(text) > LONGEST_TEXT:
        reader.note(f"Its text is longer than {LONGEST_TEXT:,} characters; the rest is in the mail as it came.")
    return Contents(text[:LONGEST_TEXT], html, said.from_html, reader.attachments(), tuple(reader.notes))


class _Reader:
    """Goes through the parts once, and puts aside what is a file."""

    def __init__(self) -> None:
        self.files: list[tuple[str, str, bytes, str, str, bool]] = []
        self.notes: list[str] = []
        self._invites: list[str] = []

    def note(self, sentence: str) -> None:
        """Say it once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def read(self, part: Entity, above: Sequence[str], unwrapped: int) -> _Said:
        """What the part says; what it carries is put into `files`. `above`: the multiparts that it stands in."""
        if part.media_type == "multipart/encrypted":
            self.note("It is encrypted (PGP); it was kept as it came.")
        if part.children:
            here = (*above, part.media_type)
            if part.media_type == "multipart/alternative":
                return self._one_of(part, here, unwrapped)
            return _together([self.read(child, here, unwrapped) for child in part.children])
        return self._leaf(part, above, unwrapped)

    def _one_of(self, part: Entity, above: Sequence[str], unwrapped: int) -> _Said:
        """Several that say the same: the plain one as text, the last with HTML as HTML."""
        said = [self.read(child, above, unwrapped) for child in part.children]
        plain = next((one for one in said if not one.html and one.text.strip()), None)
        rich = next((one for one in reversed(said) if one.html), None)
        if plain is None:
            return rich or _Said()
        return _Said(plain.text, rich.html if rich else "", plain.from_html)

    def _leaf(self, part: Entity, above: Sequence[str], unwrapped: int) -> _Said:
        kind, name = part.media_type, part.name
        if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime") or name.lower() == "smime.p7m":
            return self._signed(part, above, unwrapped)
        if kind in ("application/ms-tnef", "application/vnd.ms-tnef") or name.lower() in ("winmail.dat", "win.dat"):
            return self._wrapped(part)
        if kind in ("text/calendar", "application/ics"):
            self._invite(part)
            self._keep(part)
            return _Said()
        is_file = part.disposition == "attachment" or (name and bool(above) and above[-1] != "multipart/alternative")
        if kind == "text/plain" and not is_file:
            return _Said(self._plain(part))
        if kind == "text/html" and not is_file:
            return _of_html(part.text)
        if kind in ("text/enriched", "text/richtext") and not is_file:
            return _Said(_MARKUP.sub("", part.text).replace("<<", "<"))
        if kind == "text/x-amp-html" and above and above[-1] == "multipart/alternative":
            return _Said()
        if kind == "multipart/encrypted" or "multipart/encrypted" in above:
            self.note("It is encrypted (PGP); it was kept as it came.")
        self._keep(part)
        return _Said()

    def _plain(self, part: Entity) -> str:
        content, pieces, place = part.content, [], 0
        for where, name, file in mime.uuencoded(content) if b"begin" in content else []:
            self._put(name, "", file)
            pieces += [content[place : where.start], f"[{name}]".encode()]
            place = where.stop
        content = b"".join([*pieces, content[place:]]) if pieces else content
        text = mime.as_text(content, part.charset)
        if part.parameter("content-type", "format").lower() == "flowed":
            return unflowed(text, deletes_space=part.parameter("content-type", "delsp").lower() == "yes")
        return text

    def _signed(self, part: Entity, above: Sequence[str], unwrapped: int) -> _Said:
        """S/MIME: signed data is opened, everything else is kept."""
        inner = signed_content(part.content) if unwrapped < UNWRAPPED_AT_MOST else None
        self._keep(part)
        if inner is None:
            what = part.parameter("content-type", "smime-type").lower()
            if what != "certs-only":
                self.note("It is encrypted (S/MIME), or not to be opened; it was kept as it came.")
            return _Said()
        self.note("It is signed (S/MIME); the signature was not checked.")
        return self.read(mime.take_apart(inner), above, unwrapped + 1)

    def _wrapped(self, part: Entity) -> _Said:
        found = tnef.unwrap(part.content)
        if found is None or not found.whole:
            self._keep(part)
            self.note("What Outlook wrapped (winmail.dat) could not be read to its end; it was kept as it came.")
        if found is None:
            return _Said()
        for one in found.files:
            self._put(one.name, one.media_type, one.content, one.content_id, one.location)
        if found.html and not found.text.strip():
            return _of_html(found.html)
        return _Said(found.text, found.html)

    def _invite(self, part: Entity) -> None:
        told = invite_text(part.text)
        if told and told not in self._invites:
            self._invites.append(told)
        if not told:
            self.note("The calendar entry in it could not be read; it was kept as it came.")

    def with_invites(self, text: str) -> str:
        """The text, and below it what the invitations in the mail say."""
        return "\n\n".join([*([text] if text.strip() else []), *self._invites]) if self._invites else text

    def _keep(self, part: Entity) -> None:
        name = part.name
        if part.media_type in _WITH_MAIL and not name:
            _end, body = mime.end_of_head(part.content)
            head = dict(reversed(mime.read_head(part.content[:body])))
            name = one_line(decoded_words(head.get("subject", "")))
        location = one_line(part.header("content-location"))
        content_id = one_line(part.header("content-id")).strip("<> ")
        inline = part.disposition != "attachment" and bool(content_id or location or part.disposition == "inline")
        self._put(name, part.media_type, part.content, content_id, location, inline=inline)

    def _put(
        self,
        name: str,
        media_type: str,
        content: bytes,
        content_id: str = "",
        location: str = "",
        *,
        inline: bool = False,
    ) -> None:
        if len(self.files) < MOST_ATTACHMENTS:
            self.files.append((name, media_type, content, content_id[:300], location[:500], inline or bool(content_id)))
        else:
            self.note(f"It has more than {MOST_ATTACHMENTS} files; the rest is in the mail as it came.")

    def without_data_images(self, html: str) -> str:
        """Images that stand in the HTML itself become files, shown in the same place."""

        def put(found: re.Match[str]) -> str:
            content_id = f"in-the-text-{len(self.files)}"
            content = mime.from_base64(found[2].encode())
            self._put(f"image-{len(self.files)}", found[1], content, content_id, inline=True)
            return f"cid:{content_id}"

        return _DATA_IMAGE.sub(put, html)

    def attachments(self) -> tuple[Attachment, ...]:
        """The files, each under a name of its own."""
        taken: set[str] = set()
        found = []
        for number, (name, media_type, content, content_id, location, inline) in enumerate(self.files, 1):
            kind = media_type or "application/octet-stream"
            wanted = _fit(name, kind) or f"attachment-{number}{_SUFFIXES.get(kind, '')}"
            found.append(Attachment(_unlike(wanted, taken), kind, content, content_id, location, inline))
        return tuple(found)


def _fit(name: str, media_type: str) -> str:
    """A name that no file system takes for something else; that of a mail ends in .eml."""
    plain = re.sub(r'[\x00-\x1f\x7f\\/:*?"<>|\u202a-\u202e\u2066-\u2069]+', "_", one_line(name)).strip(". ")
    if media_type in _WITH_MAIL and plain and not plain.lower().endswith(".eml"):
        plain = f"{plain[: LONGEST_NAME - 4].strip()}.eml"
    stem, dot, suffix = plain.rpartition(".")
    if len(plain) > LONGEST_NAME and dot and len(suffix) <= 10:
        return f"{stem[: LONGEST_NAME - len(suffix) - 1]}.{suffix}"
    return plain[:LONGEST_NAME]


def _unlike(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it where there is one of that name already."""
    stem, dot, suffix = name.rpartition(".")
    before, behind = (stem, f".{suffix}") if dot and stem else (name, "")
    count, chosen = 2, name
    while chosen.casefold() in taken:
        chosen, count = f"{before} ({count}){behind}", count + 1
    taken.add(chosen.casefold())
    return chosen


def _of_html(html: str) -> _Said:
    return _Said(None, html, from_html=True)


def _together(said: Sequence[_Said]) -> _Said:
    """One behind the other."""
    with_words = [one for one in said if one.html or one.text.strip()]
    if not with_words:
        return _Said("\n".join(one.text for one in said))
    if len(with_words) == 1:
        return with_words[0]
    html = "<hr>".join(one.as_html for one in with_words) if any(one.html for one in with_words) else ""
    text = "\n".join(one.text for one in with_words)
    return _Said(text, html, all(one.from_html for one in with_words))
