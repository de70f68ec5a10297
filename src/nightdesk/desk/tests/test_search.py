import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.desk.search import BEGUN, LONGEST, Piece, Word, folded, loosely, marked, parse, tsquery, word_of

LETTERS = st.characters(
    exclude_categories=("Cs", "Cn", "Co"), exclude_characters="\0", max_codepoint=0x17F
) | st.sampled_from("ςΣσЙйЁё“”–…ﬁ①e\u0301")
TEXTS = st.text(LETTERS, max_size=60)


def words_of(asked, **more):
    return [(word.parts, word.begun) for word in parse(asked, **more).words]


class TestWhatIsTyped:
    def test_is_words_phrases_and_filters(self):
        asked = parse('Fibre "Patch Panel" customer:acme from:cleo is:open tag:"old line" queue:noc rout')
        assert [word.parts for word in asked.words] == [("fibre",), ("patch", "panel"), ("rout",)]
        assert (asked.customers, asked.tags, asked.queues) == (("acme",), ("old line",), ("noc",))
        assert asked.senders == (Word(("cleo",), begun=True),)
        assert asked.standing == {"open"}

    def test_the_last_word_may_be_only_begun_until_a_space_or_a_quote_ends_it(self):
        assert words_of("fibre cut") == [(("fibre",), False), (("cut",), True)]
        assert words_of("fibre cut ") == [(("fibre",), False), (("cut",), False)]
        assert words_of('"fibre cut"') == [(("fibre", "cut"), False)]
        assert words_of("fibre cut", typing=False) == [(("fibre",), False), (("cut",), False)]

    def test_one_or_two_letters_are_looked_for_as_they_are(self):
        assert words_of("xe") == [(("xe",), False)]

    @pytest.mark.parametrize(
        ("typed", "parts"),
        [
            ("gw1.acme.example", ("gw1", "acme", "example")),
            ("xe-0/0/1", ("xe", "0", "0", "1")),
            ("10.0.0.1", ("10", "0", "0", "1")),
            ("http://x.example", ("http", "x", "example")),
            ("Zürich", ("zurich",)),
            ("Łódź", ("lodz",)),
            ("STRAẞE", ("strasse",)),
            ("straße", ("strasse",)),
        ],
    )
    def test_compound_words_are_words_after_one_another_without_case_and_accents(self, typed, parts):
        assert [word.parts for word in parse(typed).words] == [parts]

    @pytest.mark.parametrize(
        ("typed", "number", "slug"),
        [("1042", 1042, ""), (" #1042 ", 1042, ""), ("[quay#1042]", 1042, "quay"), ("Quay-2#7", 7, "quay-2")],
    )
    def test_a_number_alone_names_a_ticket(self, typed, number, slug):
        assert (parse(typed).number, parse(typed).slug) == (number, slug)

    @pytest.mark.parametrize("typed", ["1042 router", "1042a", "#", "1" * 19])
    def test_more_than_a_number_names_none(self, typed):
        assert parse(typed).number is None

    @pytest.mark.parametrize(
        ("typed", "wrong"), [("is:opne x", "is:opne"), ("customer: x", "customer:"), ('tag:""', "tag:")]
    )
    def test_a_filter_that_says_nothing_is_told(self, typed, wrong):
        assert parse(typed).wrong == wrong

    @given(st.text(max_size=2 * LONGEST))
    def test_whatever_it_is_it_means_something(self, typed):
        asked = parse(typed)
        assert all(part and folded(part) == part for word in asked.words for part in word.parts)
        assert all(len(word.parts[-1]) >= BEGUN for word in asked.words if word.begun)


def test_a_customers_words_are_looked_for_only_where_they_may_look():
    assert tsquery(Word(("patch", "panel"), begun=True), "ABC") == "'patch':ABC <-> 'panel':*ABC"
    assert tsquery(Word(("panel",))) == "'panel'"


def test_without_their_order_the_words_of_a_phrase_are_looked_for_anywhere():
    assert loosely(Word(("patch", "panel", "pan"), begun=True)) == "'patch' & 'panel' & 'pan':*"


class TestMarking:
    def test_marks_the_words_as_they_are_written(self):
        pieces = marked("The Zürich link is down", [Word(("zurich",)), Word(("dow",), begun=True)])
        assert pieces == [
            Piece("The ", False),
            Piece("Zürich", True),
            Piece(" link is ", False),
            Piece("down", True),
        ]

    def test_a_phrase_is_marked_whole_and_only_as_a_phrase(self):
        phrase = word_of("patch panel")
        assert [piece.text for piece in marked("a patch-panel, a patch", [phrase]) if piece.marked] == ["patch-panel"]

    def test_a_long_text_is_cut_around_the_first_word(self):
        pieces = marked("x " * 400 + "needle" + " y" * 400, [Word(("needle",))], width=100)
        text = "".join(piece.text for piece in pieces)
        assert len(text) <= 102
        assert (text[0], text[-1]) == ("…", "…")
        assert Piece("needle", True) in pieces

    @given(TEXTS, st.lists(TEXTS.map(word_of).filter(bool), max_size=3), st.integers(10, 80))
    def test_the_pieces_are_a_part_of_the_text_and_what_is_marked_is_the_words(self, text, words, width):
        pieces = marked(text, words, width)
        whole = "".join(piece.text for piece in pieces)
        plain = " ".join(text.split())
        assert whole.removeprefix("…").removesuffix("…") in plain or whole in plain
        assert len(whole) <= width + 2
        for piece in pieces:
            if piece.marked and len(words) == 1:
                (word,) = words
                assert folded(piece.text).split()[0].startswith(word.parts[0]) or len(whole) >= width

    @given(TEXTS.map(word_of).filter(bool), TEXTS, TEXTS)
    def test_a_word_that_is_there_is_marked(self, word, before, after):
        pieces = marked(f"{before} {' '.join(word.parts)} {after}", [word], width=1000)
        assert any(piece.marked for piece in pieces)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=20))
def test_the_database_folds_as_we_do(texts):
    with connection.cursor() as cursor:
        cursor.execute("SELECT desk_folded(t) FROM unnest(%s::text[]) WITH ORDINALITY x (t, n) ORDER BY n", [texts])
        assert [row[0] for row in cursor.fetchall()] == [folded(text) for text in texts]
