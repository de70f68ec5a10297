"""Whatever somebody writes, nothing that acts gets onto a page; and what is a check-step is one in every place."""

import re
from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.knowledge import markdown
from nightdesk.knowledge.markdown import Step, as_html, clean_html, plain, steps_of

NASTY = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://spy.example/p.png)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    '<https://a.example/"onmouseover=alert(1)>',
    "[a]: javascript:alert(1)\n\n[a]",
    "<iframe src=//x>",
    "<style>*{display:none}</style>",
    "`<script>`",
    "```html\n<script>alert(1)</script>\n```",
    "| a |\n| :-: |\n| <b onclick=x>y</b> |",
    '![x](x "\'><script>")',
    "<svg/onload=alert(1)>",
    "- [ ] <script>alert(1)</script>",
)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(NASTY),
        st.sampled_from(
            ("# ", "- [ ] step\n", "- [x] ", "\n\n", "> ", "1. [ ] go ", "**", "_", "|", "&lt;", "<", '"', "[", "](")
        ),
        st.text(max_size=12),
    ),
    max_size=12,
).map("".join)


class Seen(HTMLParser):
    """Tags and attributes as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def is_safe(html: str) -> bool:
    for tag, attributes in Seen(html).found:
        if tag not in markdown.TAGS:
            return False
        if attributes.keys() - {"href", "title", "start", "rel", "class"}:
            return False
        if attributes.get("class", "box") != "box":
            return False
        scheme = re.match(r"\s*([a-zA-Z][\w+.-]*):", attributes.get("href") or "")
        if scheme and scheme[1].lower() not in markdown.SCHEMES:
            return False
    return True


@given(TEXTS)
def test_no_text_puts_anything_that_acts_on_a_page(text: str) -> None:
    assert is_safe(as_html(text))


@given(TEXTS)
def test_html_is_cleaned_even_if_the_parser_let_it_through(text: str) -> None:
    assert is_safe(clean_html(text))


@pytest.mark.parametrize("text", NASTY)
def test_each_known_trick_is_harmless(text: str) -> None:
    assert is_safe(as_html(text))
    assert is_safe(clean_html(text))


def test_what_is_made_has_been_through_the_cleaner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown._parser().renderer, "render", lambda *_: "<script>x</script><p>left</p>")
    assert as_html("anything") == "<p>left</p>"


@given(TEXTS)
def test_each_check_step_has_its_number_on_the_page_and_no_other_thing_has(text: str) -> None:
    boxes = [int(each) for each in re.findall(r'<span class="box">(\d+)</span>', as_html(text))]
    assert boxes == [step.number for step in steps_of(text)] == list(range(1, len(boxes) + 1))


def test_steps_are_the_boxes_of_lists_and_nothing_else() -> None:
    text = """
Not [ ] here, and [ ] not here.

- [ ] Ring **the carrier**
- [x] Look
   1. [ ] at the lamp
- none
* [X] last

```
- [ ] a line of code
```

[ ] no list
"""
    assert steps_of(text) == (
        Step(1, "Ring **the carrier**"), Step(2, "Look"), Step(3, "at the lamp"), Step(4, "last"),
    )  # fmt: skip


def test_headings_stand_below_those_of_the_page_and_pictures_are_links() -> None:
    html = as_html("# One\n\n###### Six\n\n![plan](https://a.example/plan.png)")
    assert html == (
        '<h3>One</h3>\n<h6>Six</h6>\n<p><a href="https://a.example/plan.png" rel="noopener noreferrer">plan</a></p>\n'
    )


def test_html_that_somebody_wrote_is_shown_as_they_wrote_it() -> None:
    assert as_html("a <em>b</em>") == "<p>a &lt;em&gt;b&lt;/em&gt;</p>\n"


def test_plain_words_have_no_signs() -> None:
    assert plain("# Head\n\nGo **there**, `now`:\nyes\n\n```\ncode\n```") == "Head Go there, now: yes code"


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "> " * 5_000, "- " * 5_000, "*a" * 20_000, "<" * 50_000, "- [ ] a\n" * 2000]
)
def test_no_text_takes_long(text: str) -> None:
    assert is_safe(as_html(text))


def test_the_cleaner_is_told_everything_that_it_shall_keep() -> None:
    assert nh3.clean("<p onclick=x style=y>a</p>", tags=markdown.TAGS) == "<p>a</p>"
