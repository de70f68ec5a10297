"""What can be read in an attached file, so that it can be searched for. Anything but plain text is read by a process of
its own, `python -m nightdesk.desk.file_text TYPE`, that may use so much memory and time and no more: files come from strangers.
"""

import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from xml.etree import ElementTree

LONGEST = 50_000
"""Characters that are kept."""
LARGEST = 20 * 2**20
"""Octets of a file that is read at all."""
SECONDS = 15
MEMORY = 768 * 2**20
_UNPACKED = 50 * 2**20
_OFFICE = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("word/document.xml",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xl/sharedStrings.xml",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("ppt/slides/slide",),
    "application/vnd.oasis.opendocument.text": ("content.xml",),
    "application/vnd.oasis.opendocument.spreadsheet": ("content.xml",),
    "application/vnd.oasis.opendocument.presentation": ("content.xml",),
}
_PDF = "application/pdf"
_PAGES = 300
_PLAIN = ("application/json", "application/xml", "application/x-sh", "application/x-ndjson")


def is_readable(media_type: str, size: int) -> bool:
    """Whether there may be words in it that we can read."""
    kind = media_type.lower()
    return size <= LARGEST and (kind.startswith("text/") or kind in _PLAIN or kind in _OFFICE or kind == _PDF)


def text_of(content: bytes, media_type: str) -> str:
    """The words in the file, without NUL, LONGEST characters at most; "" where none can be read."""
    kind = media_type.lower()
    if not is_readable(kind, len(content)):
        return ""
    if kind not in _OFFICE and kind != _PDF:
        return _clean(_decoded(content[: LONGEST * 4]))
    asked = [sys.executable, "-m", "nightdesk.desk.file_text", kind]
    try:
        done = subprocess.run(asked, input=content, capture_output=True, timeout=SECONDS * 2, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return ""
    return _clean(done.stdout.decode(errors="replace")) if done.returncode == 0 else ""


def _decoded(content: bytes) -> str:
    """Text of an unknown charset: what its mark says, UTF-8, else Latin-1, which is never wrong to read."""
    for charset in ("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "latin-1"):
        try:
            return content.decode(charset)
        except UnicodeDecodeError as error:
            if error.start >= len(content) - 4:  # cut within a letter
                return content[: error.start].decode(charset)
    return ""


def _clean(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())[:LONGEST]


def _office_words(content: bytes, kind: str) -> Iterator[str]:
    with zipfile.ZipFile(BytesIO(content)) as packed:
        names = [one for one in packed.infolist() if one.filename.startswith(_OFFICE[kind])]
        for one in names[:200]:
            if one.file_size > _UNPACKED:
                continue
            words = ElementTree.fromstring(packed.read(one))  # noqa: S314 - in a process with little memory and time
            for node in words.iter():
                yield from (word for word in (node.text, node.tail) if word)
                if node.tag.rsplit("}", 1)[-1] in ("p", "si", "h"):
                    yield " "


def _pdf_words(content: bytes) -> Iterator[str]:
    """Of pages without letters, as a scanner makes them, nothing; nor of a file that a password opens."""
    from pypdf import PdfReader  # only this process needs it

    for page in PdfReader(BytesIO(content)).pages[:_PAGES]:
        yield page.extract_text()
        yield " "


def main(kind: str) -> int:
    """Words of the file on standard input, to standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    length = 0
    content = sys.stdin.buffer.read(LARGEST)
    for word in _pdf_words(content) if kind == _PDF else _office_words(content, kind):
        sys.stdout.buffer.write(word.encode(errors="replace"))
        length += len(word)
        if length > LONGEST:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
