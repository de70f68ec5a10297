"""Mappings: what a template says, that a payload which does not fit still pages, and that no mapping can do harm."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.paging.formats import FORMATS, Malformed, Parsed, Signal
from nightdesk.paging.formats.mapping import (
    TEMPLATE_LENGTH,
    PayloadMapping,
    Unusable,
    mapping_from_json,
    parser_of,
    read_by,
    telling_words,
)
from nightdesk.paging.tests.test_formats import assert_sound, junk, texts

PAYLOAD = {
    "host": {"name": "core-1", "site.name": "Dock"},
    "title": "",
    "message": "BGP down",
    "level": 5,
    "state": "PROBLEM",
    "tags": ["bgp", "transit"],
    "peers": [{"as": 64500}, {"as": 64501}],
    "ok": False,
    "url": "https://nms.example/1",
}


def read(mapping: PayloadMapping, payload, **given) -> Parsed:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read_by(mapping, body, **given)


def said(template: str, payload=PAYLOAD) -> str:
    (signal,) = read(PayloadMapping(summary="{message}", source=template), payload).signals
    return signal.source


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{host.name}", "core-1"),
        ("on {host.name}: {message}", "on core-1: BGP down"),
        ('{host["site.name"]}', "Dock"),
        ("{tags[1]} {tags.0}", "transit bgp"),
        ("{tags}", "bgp, transit"),
        ("{peers[*].as}", "64500, 64501"),
        ("{peers.*.as}", "64500, 64501"),
        ("{title|message}", "BGP down"),
        ("{title|gone.away|level}", "5"),
        ('{gone|"a | b"}', "a | b"),
        ("{gone}", ""),
        ("{peers[9].as}", ""),
        ("{host.name.deeper}", ""),
        ("{ok}", "false"),
        ("{host}", '{"name": "core-1", "site.name": "Dock"}'),
        ("{{{level}}}", "{5}"),
        ("{$.level}", "5"),
        ("plain", "plain"),
    ],
)
def test_a_template_says_what_stands_at_its_paths(template, words):
    assert said(template) == words


@pytest.mark.parametrize(
    "template",
    [
        "{",
        "}",
        "{}",
        "{a..b}",
        "{a[}",
        "{a[x]}",
        '{"unclosed}',
        "{a{b}}",
        "{.}",
        "x" * (TEMPLATE_LENGTH + 1),
        "{a}" * 21,
    ],
)
def test_a_template_that_makes_no_sense_is_refused_with_its_field(template):
    with pytest.raises(Unusable) as caught:
        PayloadMapping(summary="{message}", source=template)
    assert list(caught.value.faults) == ["source"]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "summary"),
        ({"summary": " "}, "summary"),
        ({"summary": "x", "each": "a b..c"}, "each"),
        ({"summary": "x", "severities": {"5": "terrible"}}, "severities"),
        ({"summary": "x", "actions": {"OK": "explode"}}, "actions"),
        ({"summary": "x", "links": {"a": "{"}}, "links"),
        ({"summary": "x", "details": {str(n): "x" for n in range(21)}}, "details"),
        ({"summary": "x", "script": "x"}, "script"),
        ({"summary": ["x"]}, "summary"),
        ([], "mapping"),
    ],
)
def test_what_is_no_mapping_is_refused_by_field(value, field):
    with pytest.raises(Unusable) as caught:
        mapping_from_json(value)
    assert field in caught.value.faults


WHOLE = PayloadMapping(
    summary="{host.name}: {message}",
    severity="{level}",
    severities={"5": "critical", "4": "error", "*": "warning"},
    action="{state}",
    actions={"PROBLEM": "trigger", "Recovered": "resolve"},
    dedup_key="{host.name}/{tags[0]}",
    source="{host.name}",
    component="{tags[0]}",
    links={"NMS": "{url}"},
    details={"peers": "{peers.*.as}"},
)


def test_every_field_is_read_and_a_senders_words_mean_what_was_said():
    parsed = read(WHOLE, PAYLOAD)
    (signal,) = parsed.signals
    assert parsed.marks == ()
    assert (signal.summary, signal.severity, signal.action) == ("core-1: BGP down", "critical", "trigger")
    assert (signal.dedup_key, signal.source, signal.component) == ("core-1/bgp", "core-1", "bgp")
    assert [(link.href, link.text) for link in signal.links] == [("https://nms.example/1", "NMS")]
    assert signal.details == {"peers": "64500, 64501"}
    (ended,) = read(WHOLE, PAYLOAD | {"state": "RECOVERED", "level": 1}).signals
    assert (ended.action, ended.severity, ended.dedup_key) == ("resolve", "warning", "core-1/bgp")
    assert mapping_from_json(WHOLE.as_json()) == WHOLE


def test_each_entry_of_a_list_is_an_alarm_and_may_look_at_the_whole_payload():
    mapping = PayloadMapping(each="data.events", summary="{$.site}: {text}", dedup_key="{id}", action="{state}")
    sent = {
        "site": "Dock",
        "data": {"events": [{"text": "a", "id": 1, "state": "down"}, {"text": "b", "id": 2, "state": "up"}]},
    }
    parsed = read(mapping, sent)
    assert [(one.summary, one.dedup_key, one.action) for one in parsed.signals] == [
        ("Dock: a", "1", "trigger"),
        ("Dock: b", "2", "resolve"),
    ]
    by_itself = read(PayloadMapping(summary="{text}"), sent["data"]["events"])
    assert [one.summary for one in by_itself.signals] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "words", "mark"),
    [
        ({"alert": {"title": "Fan 3 failed", "id": 4}}, "Fan 3 failed", "nothing of the summary"),
        ({"a": [{"b": "only words"}]}, "only words", "nothing of the summary"),
        (b"<alarm>door\n open</alarm>", "<alarm>door open</alarm>", "no JSON"),
        (b"door=open&text=cellar", "cellar", "nothing of the summary"),
        ({"n": 1}, '{"n": 1}', "nothing of the summary"),
        (b"\xff\xfe\x00", "", "no JSON"),
    ],
)
def test_what_the_mapping_cannot_read_still_pages_at_once_and_is_marked(body, words, mark):
    form = isinstance(body, bytes) and body.startswith(b"door")
    content_type = "application/x-www-form-urlencoded" if form else "application/json"
    parsed = read(WHOLE, body, content_type=content_type)
    (signal,) = parsed.signals
    assert (signal.action, signal.severity) == ("trigger", None), "it may be the worst"
    assert words in signal.summary
    assert signal.summary
    assert any(mark in told for told in parsed.marks), parsed.marks
    assert parsed.answer.status == 202
    assert signal.details["nightdesk"]["mapping"]


def test_json_that_was_sent_as_a_form_is_read_as_json():
    parsed = read(WHOLE, PAYLOAD, content_type="application/x-www-form-urlencoded")
    assert (parsed.signals[0].summary, parsed.marks) == ("core-1: BGP down", ())


def test_a_word_that_nobody_explained_pages_and_is_marked():
    parsed = read(WHOLE, PAYLOAD | {"state": "MELTING"})
    assert parsed.signals[0].action == "trigger"
    assert parsed.marks == ("nobody said what the action 'MELTING' means",)


def test_a_list_that_is_gone_is_marked_and_the_whole_payload_is_the_alarm():
    parsed = read(PayloadMapping(each="events", summary="{message}"), PAYLOAD | {"events": []})
    assert [one.summary for one in parsed.signals] == ["BGP down"]
    assert parsed.marks == ("there is no list at events, or nothing in it",)


def test_a_thousand_entries_are_read_and_the_rest_is_told():
    parsed = read(PayloadMapping(each="e", summary="{n}"), {"e": [{"n": n} for n in range(1_500)]})
    assert len(parsed.signals) == 1_000
    assert parsed.marks == ("of 1500 entries only 1000 were read",)


def test_only_the_json_hook_is_read_by_a_mapping_and_a_broken_one_is_left_aside():
    assert parser_of(FORMATS["alertmanager"], WHOLE.as_json()) == FORMATS["alertmanager"].parse
    assert parser_of(FORMATS["generic"], None) == FORMATS["generic"].parse
    assert parser_of(FORMATS["generic"], {"summary": "{"}) == FORMATS["generic"].parse
    (signal,) = parser_of(FORMATS["generic"], WHOLE.as_json())(json.dumps(PAYLOAD).encode()).signals
    assert signal.summary == "core-1: BGP down"


def test_a_request_that_says_nothing_is_refused():
    with pytest.raises(Malformed):
        read(WHOLE, b"")


def test_telling_words_prefer_what_is_named_so_and_lies_outside():
    assert telling_words({"x": "no", "in": {"message": "inner"}, "description": "outer"}) == "inner"
    assert telling_words({"in": {"message": "inner"}, "message": "outer"}) == "outer"
    assert telling_words({}) == "{}"


def test_a_payload_made_to_be_slow_is_read_quickly():
    wide = {"e": [{"message": "x" * 5_000, "k": list(range(50))} for _ in range(900)]}
    began = time.monotonic()
    read(PayloadMapping(each="e", summary="{a|b|c|k|message}" * 20), wide)
    assert time.monotonic() - began < 20


places = st.lists(
    st.sampled_from(["a", "b.c", "[0]", "*", "$.a", '"d"', "a[*].b", "b['x']", "..", "|", ""]), max_size=3
)
templates = st.one_of(
    texts,
    places.map(lambda parts: "{" + "|".join(parts) + "}"),
    st.lists(places.map(lambda parts: "{" + "|".join(parts) + "} "), max_size=4).map("".join),
)
mappings = st.fixed_dictionaries(
    {"summary": templates},
    optional={
        **dict.fromkeys(("each", "severity", "action", "dedup_key", "source", "component", "started_at"), templates),
        "severities": st.dictionaries(texts, st.sampled_from(["critical", "info", "x"]), max_size=2),
        "actions": st.dictionaries(texts, st.sampled_from(["trigger", "resolve", "note", "x"]), max_size=2),
        "links": st.dictionaries(texts, templates, max_size=2),
        "details": st.dictionaries(texts, templates, max_size=2),
    },
)
payloads = st.one_of(
    st.binary(max_size=40),
    st.dictionaries(st.sampled_from(["a", "b", "c", "message"]), junk, max_size=4).map(
        lambda sent: json.dumps(sent).encode()
    ),
    st.lists(junk, max_size=3).map(lambda sent: json.dumps(sent).encode()),
)


@settings(max_examples=250, deadline=None)
@given(
    value=mappings,
    body=payloads,
    content_type=st.sampled_from(["", "application/json", "application/x-www-form-urlencoded"]),
)
def test_any_mapping_is_refused_or_reads_anything_soundly(value, body, content_type):
    try:
        mapping = mapping_from_json(value)
    except Unusable:
        return
    assert mapping_from_json(json.loads(json.dumps(mapping.as_json()))) == mapping
    try:
        parsed = read_by(mapping, body, content_type)
    except Malformed:
        assert not body.strip()
    else:
        assert_sound(parsed)
        assert all(isinstance(signal, Signal) for signal in parsed.signals)
