"""Text as a PDF of A4 pages: headings, paragraphs, facts and tables in Helvetica, which every reader of PDF has built in. Pure.

Letters that Windows-1252 has not (Greek, Cyrillic, further Latin) come from a font that is embedded where they are used; what
that lacks too loses its accent, else is a box (`pdf_letters.MISSING`): the HTML of a report has every letter.
Made of nothing but its input, so the same words give the same bytes. See PDF 1.7 (ISO 32000-1), 7 and 9.
"""

import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from nightdesk.reports import pdf_letters
from nightdesk.reports.incident_document import Block, Document, Facts, Heading, Items, Paragraph, Table

PAGE = (595, 842)
MARGIN = 56
WIDTH = PAGE[0] - 2 * MARGIN
BODY, SMALL = 10.0, 8.5
LEAD = 1.4
GAP = 10.0

_ASCII = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584"
    " 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278"
    " 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500"
    " 334 260 334 584"
)
WIDTHS = dict(zip(map(chr, range(32, 127)), map(int, _ASCII.split()), strict=True)) | {
    "–": 556, "—": 1000, "…": 1000, "‘": 222, "’": 222, "“": 333, "”": 333, "€": 556, "•": 350, "·": 278, "ß": 611, "æ": 889,
    "Æ": 1000, "ø": 611, "Ø": 778, "£": 556, "×": 584, "°": 400, "«": 556, "»": 556,
}  # fmt: skip
"""Helvetica's own, in thousandths of the size (Adobe's AFM of the 14 standard fonts)."""
BOLDER = 1.06
"""Helvetica-Bold is that much wider at most, near enough to break lines by."""


def as_pdf(document: Document) -> bytes:
    """The document as a PDF file."""
    pages = list(_pages(document))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    first = 6
    embedded = first + 2 * len(pages)
    fonts = (
        f"/F1 3 0 R /F2 4 0 R /F3 {embedded} 0 R" if any(b"/F3 " in drawn for drawn in pages) else "/F1 3 0 R /F2 4 0 R"
    )
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects += [_font("Helvetica"), _font("Helvetica-Bold")]
    objects.append(b"<< /Title " + _titled(document.title) + b" /Producer (Nightdesk) >>")
    for number, drawn in enumerate(pages):
        foot = _text(MARGIN, 30, SMALL, "F1", f"{document.title}  ·  {number + 1} / {len(pages)}")
        stream = zlib.compress(drawn + foot)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE[0]} {PAGE[1]}] /Contents {first + 2 * number + 1} 0 R"
            f" /Resources << /Font << {fonts} >> >> >>".encode()
        )
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(stream), stream))
    return _file([*objects, *(pdf_letters.objects(embedded) if "/F3" in fonts else ())])


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide the text is, in points."""
    return sum(_width(letter) for letter in text) * size / 1000 * (BOLDER if bold else 1)


def wrapped(text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """The text in lines no wider than `width`; a word that is wider is cut."""
    lines = [""]
    for word in text.split():
        for piece in _pieces(word, size, width, bold=bold):
            joined = f"{lines[-1]} {piece}".strip()
            if lines[-1] and width_of(joined, size, bold=bold) > width:
                lines.append(piece)
            else:
                lines[-1] = joined
    return lines


def _pieces(word: str, size: float, width: float, *, bold: bool) -> Iterator[str]:
    start, wide = 0, 0  # in thousandths of the size
    for end, letter in enumerate(word):
        wide += _width(letter)
        if end > start and wide * size / 1000 * (BOLDER if bold else 1) > width:
            yield word[start:end]
            start, wide = end, _width(letter)
    yield word[start:]


def _pages(document: Document) -> Iterator[bytes]:
    """What is drawn on each page."""
    y, drawn = float(PAGE[1] - MARGIN), b""
    for line in _lines(document):
        if line.height and y - line.height < MARGIN:
            yield drawn
            y, drawn = float(PAGE[1] - MARGIN), b""
        y -= line.height
        for x, text in line.cells:
            drawn += _text(MARGIN + x, y, line.size, "F2" if line.bold else "F1", text)
    yield drawn


class _Line:
    """One line of the page: texts at their places from the margin."""

    def __init__(
        self, cells: Sequence[tuple[float, str]], size: float, *, bold: bool = False, above: float = 0
    ) -> None:
        self.cells, self.size, self.bold = cells, size, bold
        self.height = size * LEAD + above


def _lines(document: Document) -> Iterator[_Line]:
    yield from _paragraph(document.title, 18, bold=True)
    for block in document.blocks:
        yield from _of_block(block)


def _of_block(block: Block) -> Iterator[_Line]:
    match block:
        case Heading(text):
            yield from _paragraph(text, 13, bold=True, above=GAP)
        case Paragraph(text):
            for number, part in enumerate(text.splitlines() or [""]):
                yield from _paragraph(part, BODY, above=0 if number else GAP / 2)
        case Items(items):
            for item in items:
                yield from _row([("•", 10), (item, WIDTH - 10)], BODY)
        case Facts(pairs):
            for label, value in pairs:
                yield from _row([(label, 170), (value, WIDTH - 170)], BODY)
        case Table(header, rows, shares):
            widths = [WIDTH * share / sum(shares) for share in shares]
            yield from _row(list(zip(header, widths, strict=True)), SMALL, bold=True, above=GAP / 2)
            for row in rows:
                yield from _row(list(zip(row, widths, strict=True)), SMALL, above=2)


def _paragraph(text: str, size: float, *, bold: bool = False, above: float = 0) -> Iterator[_Line]:
    for line in wrapped(_known(text), size, WIDTH, bold=bold):
        yield _Line([(0, line)], size, bold=bold, above=above)
        above = 0


def _row(cells: Sequence[tuple[str, float]], size: float, *, bold: bool = False, above: float = 0) -> Iterator[_Line]:
    """Cells side by side, each wrapped within its width."""
    columns = [wrapped(_known(text), size, width - 6, bold=bold) for text, width in cells]
    starts = [sum(width for _text, width in cells[:number]) for number in range(len(cells))]
    for number in range(max(map(len, columns))):
        here = [(x, lines[number]) for x, lines in zip(starts, columns, strict=True) if number < len(lines)]
        yield _Line(here, size, bold=bold, above=above)
        above = 0


def _width(letter: str) -> int:
    if not _encodes(letter) and letter in pdf_letters.letters().glyphs:
        return pdf_letters.letters().width(letter)
    plain = unicodedata.normalize("NFD", letter)[:1]
    return WIDTHS.get(letter) or WIDTHS.get(plain, 600)


def _known(text: str) -> str:
    """With letters that the fonts have: an accent that they lack is dropped, what is left of that is a box."""
    found = []
    for letter in unicodedata.normalize("NFC", text):
        if unicodedata.category(letter) == "Cc":
            found.append(" ")
            continue
        for candidate in (letter, unicodedata.normalize("NFKD", letter)[:1]):
            if _encodes(candidate) or candidate in pdf_letters.letters().glyphs:
                found.append(candidate)
                break
        else:
            found.append(pdf_letters.MISSING)
    return "".join(found)


def _encodes(letter: str) -> bool:
    try:
        return bool(letter.encode("cp1252"))
    except UnicodeEncodeError:
        return False


def _text(x: float, y: float, size: float, font: str, text: str) -> bytes:
    """The text at its place, in the font where that has the letters, else in the embedded one; there a bold one is outlined."""
    drawn = f"BT {x:.1f} {y:.1f} Td ".encode()
    for own, letters in groupby(_known(text), _encodes):
        run = "".join(letters)
        if own:
            drawn += f"/{font} {size:g} Tf ".encode() + _string(run) + b" Tj "
        else:
            heavy, light = (b"2 Tr 0.3 w ", b"0 Tr ") if font == "F2" else (b"", b"")
            drawn += heavy + f"/F3 {size:g} Tf ".encode() + pdf_letters.letters().encoded(run) + b" Tj " + light
    return drawn + b"ET\n"


def _string(text: str) -> bytes:
    escaped = _known(text).replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return b"(" + escaped.encode("cp1252", "replace") + b")"


def _titled(title: str) -> bytes:
    """The title for a list of files, where no font is asked."""
    text = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in title)
    if all(map(_encodes, text)):
        return _string(text)
    return b"<FEFF" + text.encode("utf-16-be").hex().upper().encode() + b">"


def _font(name: str) -> bytes:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()


def _file(objects: Iterable[bytes]) -> bytes:
    out, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start)
    return out
