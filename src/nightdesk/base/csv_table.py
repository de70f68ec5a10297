"""A file of comma-separated values as people's spreadsheets write it, read into records; nothing here touches the database.

Encodings, delimiters, headers in other words, stray quotes and short lines are borne; what cannot be used is named with its
line, and the next one is read.
"""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO

MAX_BYTES = 32 * 1024 * 1024
MAX_FIELD = 200
_MAX_LINES_OF_A_RECORD = 20


@dataclass(frozen=True)
class RowError:
    """Something in the file that cannot be used.

    `line` counts the file's lines from 1, the header among them; of a record over several lines it is the first.
    `column` is one that is known, or None when the whole line is meant. `what` was given, `so` is what is wrong with it,
    `do` the remedy.
    """

    line: int
    column: str | None
    what: str
    so: str
    do: str


class BadField(Exception):
    """A field of the file that cannot be used; it becomes a RowError, with the same three fields."""

    def __init__(self, what: str, so: str, do: str) -> None:
        super().__init__(what, so, do)
        self.what, self.so, self.do = what, so, do


@dataclass(frozen=True)
class Table:
    """A file with a header that can be used. `columns` are what its columns mean, None for those that mean nothing here.

    `encoding` and `delimiter` are how it was read, to show in a dry run; `ignored_columns` are header words that mean nothing.
    """

    columns: tuple[str | None, ...]
    encoding: str
    delimiter: str
    ignored_columns: tuple[str, ...]
    _lines: tuple[str, ...]
    _start: int

    def records(self) -> Iterator[tuple[int, Mapping[str, str] | BadField]]:
        """The line number of each record that is not empty, and its fields by column, or why it has none."""
        at = self._start
        while at < len(self._lines):
            fields, taken = _record(self._lines[at : at + _MAX_LINES_OF_A_RECORD], self.delimiter, len(self.columns))
            if isinstance(fields, BadField):
                yield at + 1, fields
            elif any(field.strip() for field in fields):
                given = zip(self.columns, fields, strict=True)
                yield at + 1, {column: field for column, field in given if column is not None}
            at += taken


def read_table(
    content: bytes,
    words: Mapping[str, str],
    columns: Collection[str],
    one_of: Collection[str],
    most_bytes: int = MAX_BYTES,
) -> Table | RowError:
    """The file's table. `words`: header word -> column; `one_of`: it has at least one of these columns.

    Never raises for what a file holds: what concerns all of it is an error of its header.
    """
    if len(content) > most_bytes:
        return _unusable("a file of this size", f"It has more than {most_bytes // 1024 // 1024} MB.", "Split it.")
    text, encoding = _decoded(content)
    lines = tuple(StringIO(text, newline=""))
    header_at = next((number for number, line in enumerate(lines) if line.strip() and not _names_delimiter(line)), None)
    if header_at is None:
        return _unusable(
            "an empty file", "There is no header line.", f"Begin with a line such as {','.join(list(columns)[:3])}."
        )
    header, delimiter = _header(lines[header_at], words)
    meant = tuple(words.get(word(name)) for name in header)
    if not set(one_of) & set(meant):
        return _unusable(
            lines[header_at].strip()[:MAX_FIELD],
            f"No column of this line is called {' or '.join(one_of)}.",
            f"Begin with a line of column names out of {', '.join(columns)}.",
            header_at + 1,
        )
    for column in columns:
        if meant.count(column) > 1:
            both = " and ".join(name for name, found in zip(header, meant, strict=True) if found == column)
            return _unusable(both, f"They all mean {column}.", "Rename or remove all but one.", header_at + 1)
    ignored = tuple(name for name, column in zip(header, meant, strict=True) if column is None and name)
    return Table(meant, encoding, delimiter, ignored, lines, header_at + 1)


def _unusable(what: str, so: str, do: str, line: int = 1) -> RowError:
    return RowError(line, None, what, so, do)


def _decoded(content: bytes) -> tuple[str, str]:
    """The text and the encoding that it was read in: what its first bytes say, else UTF-8 or Windows-1252."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace"), encoding
    text = content.decode("utf-8", "replace")
    unreadable = text.count("\ufffd")
    # A few broken bytes in a UTF-8 file cost their own lines; without this they would garble every name in it.
    if unreadable <= sum(letter > "\x7f" for letter in text) - unreadable:
        return text, "utf-8"
    return content.decode("cp1252", "replace"), "cp1252"


def _names_delimiter(line: str) -> bool:
    """Whether it is the line `sep=;` that spreadsheets put before the header."""
    return re.fullmatch(r'"?sep=.?"?', line.strip(), re.IGNORECASE) is not None


def word(name: str) -> str:
    """A header's name as the tables of header words have it: "E-mail" is e_mail."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def _header(line: str, words: Mapping[str, str]) -> tuple[list[str], str]:
    """The names in the header, and the delimiter by which most of them are ours."""

    def read(delimiter: str) -> list[str]:
        try:
            return [name.strip() for name in next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter))]
        except csv.Error:  # longer than any field may be
            return []

    best = max(",;\t", key=lambda delimiter: sum(word(name) in words for name in read(delimiter)))
    return read(best), best


def _record(lines: tuple[str, ...], delimiter: str, width: int) -> tuple[list[str] | BadField, int]:
    """The record that begins with the first line, and how many lines it takes.

    A field in quotes may run over several lines. Where no end of it makes a record of the right width, the quote is
    taken for stray: only its own line is lost, and reading goes on at the next.
    """
    for taken in range(1, len(lines) + 1):
        try:
            fields = next(csv.reader(["".join(lines[:taken])], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        if taken > 1 and len(fields) != width:
            continue
        if any(field.strip() for field in fields[width:]):
            return BadField(
                f"a line of {len(fields)} fields",
                f"The header has {width}.",
                f"Put a field that holds {_name_of(delimiter)} in double quotes.",
            ), taken
        # Spreadsheets leave out what is empty at the end of a line.
        return (fields + [""] * width)[:width], taken
    return BadField(
        lines[0].strip()[:MAX_FIELD],
        "It has a double quote that does not end a field.",
        "Close the quotes, or write a quote inside them twice.",
    ), 1


def _name_of(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon"}.get(delimiter, "a tab")


def cleaned(text: str, most: int = MAX_FIELD) -> str:
    """The field without spaces around it, and without the apostrophe that keeps a spreadsheet from calculating it."""
    text = unicodedata.normalize("NFC", text.strip())
    if re.match(r"'[=+\-@]", text):
        text = text[1:]
    if len(text) > most:
        raise BadField(f"{text[:40]}...", f"It has more than {most} characters.", "Shorten it.")
    if "\ufffd" in text:
        raise BadField(text, "A letter in it cannot be read.", "Save the file as UTF-8.")
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise BadField(repr(text), "It has a line break or another control character in it.", "Write it on one line.")
    return text
