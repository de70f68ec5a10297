"""Markdown as safe HTML, and the check-steps in it.

Raw HTML in a text is shown as text; what the parser makes is cleaned once more against a list of what may be there, so that a
fault of one of the two lets nothing through. Pictures become links: a page of ours loads nothing from elsewhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

MOST = 100_000
"""Characters of a text at most."""

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong", "table",
    "tbody", "td", "th", "thead", "tr", "ul", "span",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}, "span": {"class"}}
CLASSES = {"span": {"box"}}
SCHEMES = {"http", "https", "mailto", "tel"}

_TASK = re.compile(r"\[[ xX]\][ \t]+")
_ALIGNED = re.compile(r"text-align:(left|center|right)")


@dataclass(frozen=True, slots=True)
class Step:
    """A check-step, `- [ ] text` in a list; `number` counts from 1 down the text."""

    number: int
    text: str


def as_html(text: str) -> str:
    """The text as HTML that may stand on a page of ours: no script, style, picture or frame can be in it.

    Headings begin at the third level, below those of the page. A check-step begins with its number in a
    `<span class="box">`.
    """
    parser = _parser()
    tokens = parser.parse(text[:MOST])
    for number, inline in enumerate(_tasks(tokens), 1):
        children = inline.children or []
        children[0].content = _TASK.sub("", children[0].content, count=1)
        children.insert(0, Token("html_inline", "", 0, content=f'<span class="box">{number}</span> '))
    return clean_html(parser.renderer.render(tokens, parser.options, {}))


def clean_html(html: str) -> str:
    """Only what `TAGS` and its neighbours let through is left of the HTML."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={tag: names - {"class"} for tag, names in ATTRIBUTES.items()},
        allowed_classes=CLASSES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer",
        clean_content_tags={"script", "style"},
    )


def steps_of(text: str) -> tuple[Step, ...]:
    """The check-steps of the text, in its order, with their Markdown as it was written."""
    found = _tasks(_parser().parse(text[:MOST]))
    return tuple(Step(number, _TASK.sub("", each.content, count=1).strip()) for number, each in enumerate(found, 1))


def plain(text: str) -> str:
    """The words of the text, without its signs: for searching, and for a line in a list."""
    tokens = _parser().parse(text[:MOST])
    return " ".join(" ".join(_words(tokens)).split())


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.children is not None:
            yield "".join(_words(token.children))
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type in ("text", "code_inline", "code_block", "fence"):
            yield token.content


def _tasks(tokens: Sequence[Token]) -> list[Token]:
    """The first line of each check-step: of an item of a list that begins with a box."""
    return [
        inline
        for item, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if (item.type, paragraph.type) == ("list_item_open", "paragraph_open")
        and inline.children
        and inline.children[0].type == "text"
        and _TASK.match(inline.children[0].content)
    ]


@cache
def _parser() -> MarkdownIt:
    # Deep nesting is cut off by the parser itself (maxNesting), so that no text is slow or ends the process.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _as_link)
    parser.core.ruler.push("below_the_page", _lower_headings)
    return parser


def _as_link(_renderer: Any, tokens: Sequence[Token], place: int, _options: Any, _environment: Any) -> str:
    """A picture as a link to it."""
    token = tokens[place]
    address = str(token.attrs.get("src", ""))
    return f'<a href="{escape(address)}">{escape(token.content or address)}</a>'


def _lower_headings(state: Any) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
        token.attrs.pop("style", None)  # alignment in tables: the policy of our pages allows no style attribute
