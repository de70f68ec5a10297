"""A reply is a command only when all of it is one; a page is never silenced by a misunderstanding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.answers import CARRIERS, PHRASES, THANKS, Answer, carrier_word, meant_among, parse_answer


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("ok", Answer("acknowledge")),
        ("OK.", Answer("acknowledge")),
        (" Ok! 👍🏽 ", Answer("acknowledge")),
        ("👍", Answer("acknowledge")),
        ("ack", Answer("acknowledge")),
        ("K", Answer("acknowledge")),
        ("1", Answer("acknowledge", "1")),
        ("1a", Answer("acknowledge", "1")),
        ("1 OK", Answer("acknowledge", "1")),
        ("1ok", Answer("acknowledge", "1")),
        ("#412: ack", Answer("acknowledge", "412")),
        ("ok 412", Answer("acknowledge", "412")),
        ("ack412", Answer("acknowledge", "412")),
        ("12", Answer("acknowledge", "12")),
        ("ok thanks", Answer("acknowledge")),
        ("ok, on it", Answer("acknowledge")),
        ("I'm on it", Answer("acknowledge")),
        ("Ja, mach ich, danke!", Answer("acknowledge")),
        ("übernommen", Answer("acknowledge")),
        ("U\u0308bernommen", Answer("acknowledge")),
        ("D’accord", Answer("acknowledge")),
        ("je m'en occupe", Answer("acknowledge")),
        ("1r", Answer("resolve", "1")),
        ("Résolu 7", Answer("resolve", "7")),
        ("erledigt", Answer("resolve")),
        ("ok done", None),
        ("12 next", Answer("escalate", "12")),
        ("1e", Answer("escalate", "1")),
        ("not me", Answer("escalate")),
        ("können", None),
        ("kann nicht", Answer("escalate")),
        ("no", Answer("decline")),
        ("Nein, danke", Answer("decline")),
        ("later", Answer("later")),
        ("später 9", Answer("later", "9")),
        ("am", Answer("morning")),
        ("12AM", Answer("morning", "12")),
        ("?", Answer("status")),
        ("???", Answer("status")),
        ("12?", Answer("status", "12")),
        ("？", Answer("status")),
        ("status 4", Answer("status", "4")),
        ("note Swapped the SFP, watching", Answer("note", None, "Swapped the SFP, watching")),
        ("12 note: Port 3 is dead?", Answer("note", "12", "Port 3 is dead?")),
        ("NOTE 12: Port 3\nis dead", Answer("note", "12", "Port 3\nis dead")),
        ("note 12 disks failed", Answer("note", None, "12 disks failed")),
        ("Notiz ok", Answer("note", None, "ok")),
    ],
)
def test_what_people_text_is_understood(body, answer):
    assert parse_answer(body) == answer


def test_cannot_declines_what_wakes_nobody_else_and_no_is_a_command_only_where_it_is_offered():
    swap, page = ("acknowledge", "decline"), ("acknowledge", "escalate", "note")
    assert meant_among(parse_answer("not me"), swap) == Answer("decline")
    assert meant_among(parse_answer("not me"), page) == Answer("escalate")
    assert meant_among(parse_answer("no"), swap) == Answer("decline")
    assert meant_among(parse_answer("no"), page) is None
    assert meant_among(parse_answer("ok"), swap) == Answer("acknowledge")
    assert meant_among(None, swap) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "   ",
        "!",
        "ok?",
        "done?",
        "not ok",
        "nok",
        "ok 👎",
        "12 🆘",
        "nicht ok",
        "ok but I cannot log in, wake Al",
        "ok 12 13",
        "1 ok 2",
        "a 12 b",
        "12:30",
        "+44 20 7946 0000",
        "1234567",
        "thanks",
        "note",
        "note:  ",
        "noted",
        "notebook is broken",
        "Liked “NIGHTDESK: core-1 down”",
        "ok resolve",
        "ok escalate",
        "je ne suis pas d accord",
    ],
)
def test_what_is_not_wholly_a_command_is_none(body):
    assert parse_answer(body) is None


@given(
    st.sampled_from(sorted((word, meaning) for meaning, words in CARRIERS.items() for word in words)),
    st.sampled_from([str.lower, str.upper, str.title]),
    st.sampled_from(["", " ", ".", "!\n", " 🙏", "?"]),
)
def test_the_carriers_words_are_never_commands(known, case, tail):
    word, meaning = known
    assert carrier_word(case(word) + tail) == meaning
    assert parse_answer(case(word) + tail) is None


def test_arret_is_a_carriers_word_with_and_without_its_accent():
    assert carrier_word("ARRÊT") == carrier_word("arret") == "stop"
    assert carrier_word("stop 12") is None
    assert parse_answer("stop 12") is None


def test_every_phrase_is_spelt_as_it_is_looked_up_and_means_one_thing():
    phrases = [(phrase, verb) for verb, of_it in PHRASES.items() for phrase in of_it]
    assert len(dict(phrases)) == len(phrases)
    for phrase, verb in phrases:
        assert parse_answer(phrase) == Answer(verb)
    assert not {phrase for phrase, _ in phrases} & {word for words in CARRIERS.values() for word in words}
    assert not {phrase for phrase, _ in phrases} & THANKS


commands = st.sampled_from([(phrase, verb) for verb, of_it in PHRASES.items() for phrase in of_it])
codes = st.none() | st.integers(0, 999_999).map(str)


betweens = st.sampled_from(["", " ", ": ", " - "])
tails = st.sampled_from(["", "!", " 🙂", " thx"])


@given(commands, codes, st.booleans(), betweens, tails)
def test_a_command_is_understood_with_its_code_on_either_side_in_any_case(command, code, before, between, tail):
    phrase, verb = command
    body = phrase if code is None else code + between + phrase if before else phrase + between + code
    assert parse_answer(body + ("" if code and not before and tail == " thx" else tail)) == Answer(verb, code)
    assert parse_answer(body.upper()) == Answer(verb, code)


mumbling = st.lists(st.sampled_from(["ok", "12", "not", "?", "a", "stop", "note", ":", "👍", "\0", "ß", "١", "𐩀"]))


@given(st.text(max_size=40) | mumbling.map(" ".join))
def test_any_text_at_all_is_an_answer_or_none_and_a_question_never_silences_a_page(body):
    answer = parse_answer(body)
    if answer is not None:
        assert answer.code is None or (answer.code.isascii() and answer.code.isdigit() and len(answer.code) <= 6)
        assert answer.text == "" or answer.verb == "note"
        assert "?" not in body or answer.verb in ("status", "note")


@given(st.sampled_from(["not", "nicht", "pas", "don't", "never", "nein"]), commands)
def test_a_word_against_it_is_never_an_acknowledgement(against, command):
    answer = parse_answer(f"{against} {command[0]}")
    assert answer is None or answer.verb not in ("acknowledge", "resolve")
