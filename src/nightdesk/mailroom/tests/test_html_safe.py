"""HTML of strangers: whatever comes in, nothing runs, nothing is fetched, nothing leaves its box."""

import re
from html.parser import HTMLParser
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.mailroom.contents import Attachment
from nightdesk.mailroom.html_safe import safe_html, with_images
from nightdesk.mailroom.html_text import text_of_html, tidy
from nightdesk.mailroom.letter import read_letter
from nightdesk.mailroom.quotes import fold_quotes, pieces
from nightdesk.mailroom.tests.corpora import answers, bounces, odd

LOGO = Attachment("logo.png", "image/png", b"PNG", "logo@example.net", "", True)
PLACED = Attachment("map.gif", "image/gif", b"GIF", "", "https://example.net/map.gif", True)
DRAWING = Attachment("drawing.svg", "image/svg+xml", b"<svg/>", "svg@x", "", True)
FILES = (LOGO, PLACED, DRAWING)

TAGS = frozenset(
    """a abbr b big blockquote br caption center cite code col colgroup dd del details div dl dt em figcaption figure font hr i
    img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul
    var wbr""".split()  # noqa: SIM905
)
NAMES = frozenset(
    """dir href title alt width height colspan rowspan align start type rel target class data-part data-remote src loading
    referrerpolicy""".split()  # noqa: SIM905
)


class Seen(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.odd: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.odd.append(decl)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)


def check(html: str, *, drawn: bool = False) -> None:
    """Nothing in it can do anything. `drawn`: images of ours are in it."""
    seen = Seen(html)
    assert seen.odd == []
    for tag, attributes in seen.tags:
        assert tag in TAGS, tag
        assert set(attributes) <= NAMES, attributes
        assert attributes.get("class", "quoted") in ("quoted", "")
        assert tag == "a" or "href" not in attributes
        if "href" in attributes:
            assert re.match(r"(https?://|mailto:|tel:)", attributes["href"], re.IGNORECASE), attributes
        if tag == "a":
            assert set(attributes["rel"].split()) == {"noopener", "noreferrer", "nofollow"}
            assert attributes["target"] == "_blank"
        if drawn:
            assert tag != "img" or attributes["src"].startswith("/files/")
        else:
            assert "src" not in attributes


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVa\tScript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href='/settings'>x</a>",
    "<form action='https://evil.example'><input name=q><button>x</button></form>",
    "<iframe src='https://evil.example'></iframe><object data=x></object><embed src=x>",
    "<link rel=stylesheet href='EVIL/x.css'><meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href='https://evil.example/'>",
    "<style>@import 'EVIL/x.css'; body{display:none}</style>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%;background:url(EVIL/x)'>x</div>",
    "<table background='https://evil.example/x.png'><td background=//evil.example/y>",
    "<body onload=alert(1) background='https://evil.example/b'>",
    "<img srcset='https://evil.example/x 2x' src='https://evil.example/pixel.gif'>",
    "<img src='//evil.example/pixel.gif'><img src='http:evil'><img src='file:///etc/passwd'><img src='data:image/svg+xml,x'>",
    "<picture><source srcset='https://evil.example/x'></picture><video src=x poster=y></video><audio src=x>",
    "<input type=image src='https://evil.example/x'>",
    "<p id=csrfmiddlewaretoken name=forms class='btn go' onclick='x()' hx-get='/x' data-remote='x' data-part='0'>x",
    "<img src='cid:svg@x'><img src='cid:nobody'>",
    "<![CDATA[<script>alert(1)</script>]]><?php x ?><!-- <script>alert(1)</script> -->",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "<textarea><script>alert(1)</script></textarea><title><script>x</script></title>",
    "<details open ontoggle=alert(1) class='quoted evil'><summary>x</summary>y</details>",
    "<h1 onclick=x>big</h1><marquee onstart=alert(1)>x</marquee>",
    "<img src='cid:logo@example.net' alt='\"><script>alert(1)</script>'>",
    "<a href='https://x.example/\" onmouseover=alert(1) x=\"'>x</a>",
]


ATTACKS = [attack.replace("EVIL", "https://evil.example") for attack in ATTACKS]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_survives(attack: str) -> None:
    safe = safe_html(attack, FILES)
    check(safe.html)
    check(with_images(safe.html, lambda number: f"/files/{number}"), drawn=True)
    assert "alert(1)" not in re.sub(r"&[a-z]+;", "", safe.html) or "<script" not in safe.html


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(ATTACKS),
            st.text(max_size=20),
            st.sampled_from(["<", ">", "'", '"', "<!--", "-->", "<p ", "<blockquote>", "</div>", "<table>", "\0", "&#x3c;",
                             "<svg>", "</svg>", "<math>", "<style>", "<hr>", "From: x<br>Sent: y<br>To: z<br>"]),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_no_mixture_of_attacks_survives(parts: list[str]) -> None:
    html = "".join(parts)
    safe = safe_html(html, FILES)
    check(safe.html)
    check(with_images(safe.html, lambda number: f"/files/{number}"), drawn=True)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ATTACKS), st.integers(0, 200), st.text(max_size=4), st.integers(0, 6))
def test_no_broken_attack_survives(attack: str, at: int, put: str, cut: int) -> None:
    at %= len(attack)
    safe = safe_html(f"<p>{attack[:at]}{put}{attack[at + cut :]}", FILES)
    check(safe.html)


def test_making_it_safe_twice_changes_nothing_more() -> None:
    for attack in ATTACKS:
        once = re.sub(r" data-(part|remote)=\"[^\"]*\"", "", safe_html(attack, FILES).html)
        again = safe_html(once, FILES).html
        assert (Seen(again).tags, text_of_html(again)) == (Seen(once).tags, text_of_html(once))


def test_an_images_own_file_is_shown_and_one_from_elsewhere_only_when_asked_for() -> None:
    html = (
        '<p>Hello<img src="cid:logo@example.net" alt="logo"><img src="cid:logo%40example.net"><img src="logo.png">'
        '<img src="https://example.net/map.gif"><img src="https://spy.example/p.gif?id=1&amp;b=2" alt="a map" width="10">'
    )
    safe = safe_html(html, FILES)
    assert (safe.remote, safe.parts) == (1, frozenset({0, 1}))
    shown = with_images(safe.html, lambda number: f"/files/{number}")
    assert [seen["src"] for tag, seen in Seen(shown).tags if tag == "img"] == ["/files/0"] * 3 + ["/files/1"]
    assert "[a map]" in shown
    asked = with_images(safe.html, lambda number: f"/files/{number}", remote=True)
    last = [seen for tag, seen in Seen(asked).tags if tag == "img"][-1]
    assert (last["src"], last["referrerpolicy"]) == ("https://spy.example/p.gif?id=1&b=2", "no-referrer")


def test_what_a_mail_says_is_still_there() -> None:
    html = "<h2>Line 3</h2><table><tr><td colspan=2>a</td></tr></table><ul><li>b</ul><a href='https://x.example/?a=1&b=2'>c</a>"
    safe = safe_html(html).html
    table = '<table><tbody><tr><td colspan="2">a</td></tr></tbody></table><ul><li>b</li></ul>'
    assert safe.startswith(f"<p>Line 3</p>{table}<a ")
    (link,) = [seen for tag, seen in Seen(safe).tags if tag == "a"]
    assert link["href"] == "https://x.example/?a=1&b=2"


@pytest.mark.parametrize("file", [file for file in [*bounces(), *odd(), *answers()] if b"text/html" in file.read_bytes().lower()],
                         ids=lambda file: file.stem)  # fmt: skip
def test_every_html_of_the_corpora_is_safe(file: object) -> None:
    letter = read_letter(file.read_bytes())  # type: ignore[attr-defined]
    check(safe_html(letter.html, letter.attachments).html)


# --- Quotes ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["> quoted", ">", "", "words", "On Monday Bo wrote:", "-----Original Message-----",
                                 "From: a", "Sent: b", "To: c", "Subject: d", "________________________________", "> > deep",
                                 "Forwarded message", "  "]), max_size=20),
       st.sampled_from(["\n", "\r\n"]))  # fmt: skip
def test_the_pieces_are_the_text_and_something_is_always_in_sight(lines: list[str], end: str) -> None:
    text = end.join(lines)
    found = pieces(text)
    assert "".join(piece.text for piece in found) == text
    if text.strip():
        assert any(piece.text.strip() and not piece.quoted for piece in found)
    for piece in found:
        if not piece.quoted and len(found) > 1 and any(other.quoted for other in found):
            assert not any(line.lstrip().startswith(">") for line in piece.text.splitlines())


def quoted(text: str) -> list[tuple[bool, str]]:
    return [(piece.quoted, piece.text.strip()) for piece in pieces(text)]


def test_answers_between_and_below_quotes_are_in_sight() -> None:
    between = "On Monday Bo wrote:\n> Is it up?\n\nYes.\n\n> Since when?\n\nFive o'clock."
    assert quoted(between) == [
        (True, "On Monday Bo wrote:\n> Is it up?"),
        (False, "Yes."),
        (True, "> Since when?"),
        (False, "Five o'clock."),
    ]
    assert not any(piece.folds for piece in pieces(between))
    below = "> one\n> two\n> three\n> four\nThe answer"
    assert [piece.folds for piece in pieces(below)] == [True, False]
    outlook = "It works.\n\nFrom: Al\nSent: Monday\nTo: Bo\nSubject: x\n\nDoes it work?"
    assert quoted(outlook) == [
        (False, "It works."),
        (True, "From: Al\nSent: Monday\nTo: Bo\nSubject: x\n\nDoes it work?"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "> nothing but a quote\n> of somebody",
        "FYI\n\n---------- Forwarded message ---------\nFrom: Al\nSent: x\nTo: Bo\nSubject: y\n\nThe line is down",
        "Begin forwarded message:\n\nFrom: Al\nDate: x\nTo: Bo\nSubject: y\n\nThe line is down",
        "From: Al\nSent: Monday\nTo: Bo\nSubject: x\n\nall below",
    ],
)
def test_what_is_forwarded_and_what_is_nothing_but_a_quote_is_in_sight(text: str) -> None:
    assert [piece.quoted for piece in pieces(text)] == [False]


def test_answers_below_a_quote_in_html_are_in_sight_and_an_indent_is_no_quote() -> None:
    html = "<blockquote type=cite>Is it up?</blockquote><p>Yes."
    assert safe_html(html).html == (
        '<details class="quoted"><summary>…</summary><blockquote>Is it up?</blockquote></details><p>Yes.</p>'
    )
    for whole in (
        "<blockquote>nothing else</blockquote>",
        "<p>see<blockquote style='margin: 0 0 0 40px; border: none'>indented</blockquote>",
        "<p>FYI<div class=gmail_quote>---------- Forwarded message ---------<br>The line is down</div>",
    ):
        assert "<details" not in fold_quotes(whole)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=10), st.sampled_from(
    ["<p>", "</p>", "<div class=gmail_quote>", "</div>", "<blockquote>", "</blockquote>", "<hr>", "<b>From:</b> a<br>",
     "Sent: b<br>", "To: c<br>", "<div id=divRplyFwdMsg>", "<!--", "<script>"])), max_size=15))  # fmt: skip
def test_folding_takes_nothing_away(parts: list[str]) -> None:
    html = "".join(parts)
    folded = fold_quotes(html)
    bare = folded.replace('<details class="quoted"><summary>…</summary>', "").replace("</details>", "")
    assert (Seen(bare).tags, text_of_html(bare)) == (Seen(tidy(html)).tags, text_of_html(tidy(html)))


SIZE = 100_000


@pytest.mark.parametrize(
    "piece",
    ["<", "<a ", "<a x=\"", "<!--", "<![", "</a", "<div>", "<b></p>", "<blockquote>", "<b><a>", "<div><table></div></table>",
     "<details class=quoted><summary>", "&", "<?", "<table><td>", "> ", "On x wrote:<br>", "<font><p>", "\n>", "x1=1 "],
)  # fmt: skip
def test_no_html_holds_up_the_next_mail(piece: str) -> None:
    html = piece * (SIZE // len(piece))
    began = process_time()
    letter = read_letter(f"Content-Type: text/html\n\n<p>{html}".encode())
    safe_html(letter.html, letter.attachments)
    pieces(letter.text)
    assert process_time() - began < 8  # by the square of its length the worst took minutes; this takes a second
