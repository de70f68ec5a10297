"""Letters that a PDF's own fonts lack: Greek, Cyrillic, further Latin, of a font that ships with us, and how a PDF embeds it.

`fonts/letters.ttf` is DejaVu Sans Condensed, cut down to those; `fonts/LICENSE` is theirs. What is read of it stands in
OpenType 1.9 (head, hhea, hmtx, and cmap of format 4); how it is embedded in ISO 32000-1, 9.7. Nothing but constants.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("fonts") / "letters.ttf"
NAME = "NightdeskLetters"
MISSING = "□"
"""Stands where nobody has a shape for the letter."""


@dataclass(frozen=True, slots=True)
class Letters:
    """`glyphs`: letter -> its number; `widths` by that number, in thousandths of the size; `box` and heights likewise."""

    data: bytes
    glyphs: Mapping[str, int]
    widths: Sequence[int]
    box: tuple[int, int, int, int]
    ascent: int
    descent: int

    def width(self, letter: str) -> int:
        return self.widths[self.glyphs[letter]]

    def encoded(self, text: str) -> bytes:
        """As a string of the PDF, two bytes a letter."""
        return b"<" + b"".join(b"%04X" % self.glyphs[letter] for letter in text) + b">"


@cache
def letters() -> Letters:
    """The font."""
    data = FILE.read_bytes()
    (count,) = struct.unpack_from(">H", data, 4)
    at = {name: offset for name, _sum, offset, _length in struct.iter_unpack(">4sIII", data[12 : 12 + 16 * count])}
    (per_em,) = struct.unpack_from(">H", data, at[b"head"] + 18)
    box = struct.unpack_from(">4h", data, at[b"head"] + 36)
    ascent, descent = struct.unpack_from(">2h", data, at[b"hhea"] + 4)
    (measured,) = struct.unpack_from(">H", data, at[b"hhea"] + 34)
    (glyphs,) = struct.unpack_from(">H", data, at[b"maxp"] + 4)
    widths = [struct.unpack_from(">H", data, at[b"hmtx"] + 4 * min(one, measured - 1))[0] for one in range(glyphs)]

    def scaled(number: int) -> int:
        return number * 1000 // int(per_em)

    return Letters(
        data,
        {chr(code): glyph for code, glyph in _cmap(data, at[b"cmap"])},
        [scaled(one) for one in widths],
        (scaled(box[0]), scaled(box[1]), scaled(box[2]), scaled(box[3])),
        scaled(ascent),
        scaled(descent),
    )


def _cmap(data: bytes, start: int) -> Iterable[tuple[int, int]]:
    """(code, glyph) of the table of format 4."""
    (tables,) = struct.unpack_from(">H", data, start + 2)
    places = [struct.unpack_from(">HHI", data, start + 4 + 8 * number)[2] for number in range(tables)]
    table = next(start + place for place in places if struct.unpack_from(">H", data, start + place)[0] == 4)
    segments = struct.unpack_from(">H", data, table + 6)[0] // 2
    columns = table + 14, table + 16 + 2 * segments, table + 16 + 4 * segments, table + 16 + 6 * segments
    for number in range(segments):
        last, first, delta, offset = (struct.unpack_from(">H", data, column + 2 * number)[0] for column in columns)
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offset:
                (glyph,) = struct.unpack_from(">H", data, columns[3] + 2 * number + offset + 2 * (code - first))
            if found := (glyph + delta) % 65536 if glyph or not offset else 0:
                yield code, found


def objects(number: int) -> list[bytes]:
    """The font as objects of a PDF; the first one, which pages name, has the number."""
    font = letters()
    by_glyph = {glyph: letter for letter, glyph in font.glyphs.items()}
    pairs = [b"<%04X> <%04X>" % (glyph, ord(letter)) for glyph, letter in sorted(by_glyph.items())]
    # At most a hundred lines a block, as the specification of CMaps has it.
    blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
    mapped = b"\n".join(b"%d beginbfchar\n%b\nendbfchar" % (len(block), b"\n".join(block)) for block in blocks)
    to_unicode = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def /CMapName /ToUnicode def\n"
        b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n" + mapped + b"\nendcmap end end"
    )
    info = b"<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
    widths = b" ".join(b"%d" % width for width in font.widths)
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{NAME} /Encoding /Identity-H /DescendantFonts [{number + 1} 0 R]"
        f" /ToUnicode {number + 4} 0 R >>".encode(),
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{NAME} /FontDescriptor {number + 2} 0 R".encode()
        + b" /CIDToGIDMap /Identity /CIDSystemInfo " + info + b" /W [0 [" + widths + b"]] >>",
        f"<< /Type /FontDescriptor /FontName /{NAME} /Flags 4 /FontBBox [{' '.join(map(str, font.box))}] /ItalicAngle 0"
        f" /Ascent {font.ascent} /Descent {font.descent} /CapHeight 729 /StemV 80 /FontFile2 {number + 3} 0 R >>".encode(),
        _stream(font.data, b" /Length1 %d" % len(font.data)),
        _stream(to_unicode),
    ]  # fmt: skip


def _stream(content: bytes, more: bytes = b"") -> bytes:
    packed = zlib.compress(content)
    return b"<< /Length %d /Filter /FlateDecode%b >>\nstream\n%b\nendstream" % (len(packed), more, packed)
