"""A written report as blocks, and those as Markdown and HTML. Pure; `pdf_text` makes the PDF of the same blocks.

Whatever stands in it may have come from outside: in each form it is text, and never markup.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a part."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words, with their own line breaks."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels, each with what it is."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of as many cells; `shares` say how wide the columns are beside each other, on paper."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[int, ...]


Block: TypeAlias = Heading | Paragraph | Items | Facts | Table


@dataclass(frozen=True, slots=True)
class Document:
    """A title and what follows."""

    title: str
    blocks: tuple[Block, ...]
    language: str = "en-gb"


def as_markdown(document: Document) -> str:
    """The document in Markdown (CommonMark with tables)."""
    return "\n\n".join([f"# {_plain(document.title)}", *map(_markdown, document.blocks)]) + "\n"


def as_html(document: Document) -> str:
    """The document's blocks as HTML, to stand in a page: no scripts, no styles, no links."""
    return "\n".join(line for block in document.blocks for line in _html(block))


def as_page(document: Document) -> str:
    """The document as an HTML file that stands alone; it is to be kept, sent and printed."""
    title = escape(document.title)
    return (
        f'<!doctype html>\n<html lang="{escape(document.language)}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n'
        f"<body><h1>{title}</h1>\n{as_html(document)}\n</body></html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_plain(text)}"
        case Paragraph(text):
            return "  \n".join(map(_plain, text.splitlines()))
        case Items(items):
            return "\n".join(f"- {_plain(item)}" for item in items)
        case Facts(pairs):
            return "\n".join(f"- **{_plain(label)}**: {_plain(value)}" for label, value in pairs)
        case Table(header, rows, _shares):
            lines = [header, tuple("---" for _cell in header), *(tuple(map(_plain, row)) for row in rows)]
            return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(text: str) -> str:
    """On one line, with whatever Markdown would read as markup escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(text.split()))


def _html(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"<h2>{escape(text)}</h2>"
        case Paragraph(text):
            yield f"<p>{'<br>'.join(map(escape, text.splitlines()))}</p>"
        case Items(items):
            yield f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"
        case Facts(pairs):
            rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in pairs)
            yield f'<dl class="facts">{rows}</dl>'
        case Table(header, rows, _shares):
            head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
            body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
            yield f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
