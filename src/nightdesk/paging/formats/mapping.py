"""A mapping: how one sender's own JSON is read into signals, written by an admin and tried on what really came.

Each field is a template: text with places in braces, such as `{host.name}: {trigger}`. In a place stand paths and at last
perhaps a quoted default, with `|` between them: `{title|message|"Alarm"}`; the first that holds words counts. A path is
names and indices (`events[0].tags.*`), from the entry, or with `$` before it from the whole payload; `*` is every element,
joined by commas. `{{` and `}}` are braces. Nothing is calculated and nothing is called.

`each` is the path of a list whose entries are alarms of their own. `severities` and `actions` say what a sender's words
mean, `*` standing for all others; words that every monitor uses are known without.

A payload that the mapping cannot read still pages, under the most telling words that can be found in it, and is marked with
what went wrong: a mapping is written once, and what it was written for changes.
"""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl

from . import generic
from .reading import (
    LINE_LENGTH,
    NOTES,
    SUMMARY_LENGTH,
    Unreadable,
    clean_text,
    cut,
    digest_key,
    instant_of,
    is_form,
    is_web,
    json_answer,
    one_line,
    read_json,
    severity_of,
    short_key,
    text_of,
)
from .signal import Action, Format, Json, Link, Parsed, Parser, Severity, Signal

TEMPLATES = ("summary", "severity", "action", "dedup_key", "source", "component", "group", "started_at")
TEMPLATE_LENGTH = 500
MOST_PLACES = 20
MOST_STEPS = 12
MOST_NAMED = 20
MOST_WORDS = 50
MOST_SIGNALS = 1_000
MOST_JOINED = 20
VALUE_LENGTH = 2_000
SEARCHED = 2_000
"""How many values of a payload are looked at for telling words."""
TELLING = (
    "summary",
    "title",
    "subject",
    "alertname",
    "message",
    "msg",
    "name",
    "description",
    "text",
    "reason",
    "event",
)

ACTION_WORDS = frozenset({"trigger", "acknowledge", "resolve", "note"})
SEVERITY_WORDS = frozenset({"critical", "error", "warning", "info"})

_STEP = re.compile(r"\.?([^.\[\]\"|{}$*]+|\*)|\[(\d+|\*)\]|\[\"([^\"]*)\"\]")
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_PART = re.compile(r"\s*(?:\"([^\"]*)\"|((?:\[\"[^\"]*\"\]|[^\"|])+))\s*(?:\||$)")

Step = str | int
Path = tuple[bool, tuple[Step, ...]]
"""Whether it starts at the whole payload, and the way from there. "*" is every element."""
Piece = str | tuple[Path | str, ...]
"""Of a template: text; or a place with its paths, and a default as `"text` (with the quote before it)."""


class Unusable(ValueError):
    """A mapping that cannot be kept; `faults` says why, by field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in faults.items()))
        self.faults = dict(faults)


@dataclass(frozen=True)
class PayloadMapping:
    """Templates as they were written; `details` and `links` are templates by name. "" leaves a field out."""

    summary: str
    each: str = ""
    severity: str = ""
    action: str = ""
    dedup_key: str = ""
    source: str = ""
    component: str = ""
    group: str = ""
    started_at: str = ""
    severities: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises Unusable for what could not be read by it."""
        faults = {}
        for name in TEMPLATES:
            if why := _fault(getattr(self, name)):
                faults[name] = why
        if not self.summary.strip():
            faults["summary"] = "it should say in one line what is wrong, and is empty"
        if self.each and _path(self.each) is None:
            faults["each"] = "it should be the path of a list, such as events or $.data.alerts"
        for name in ("links", "details"):
            held: Mapping[str, str] = getattr(self, name)
            wrong = [why for template in held.values() if (why := _fault(template))]
            if len(held) > MOST_NAMED:
                wrong.append(f"there are more than {MOST_NAMED}")
            if wrong:
                faults[name] = wrong[0]
        for name, known in (("severities", SEVERITY_WORDS), ("actions", ACTION_WORDS)):
            words: Mapping[str, str] = getattr(self, name)
            if len(words) > MOST_WORDS:
                faults[name] = f"there are more than {MOST_WORDS}"
            elif odd := [word for word in words.values() if word not in known]:
                faults[name] = f"'{cut(odd[0], 40)}' is none of {', '.join(sorted(known))}"
        if faults:
            raise Unusable(faults)

    def as_json(self) -> dict[str, Json]:
        """What `mapping_from_json` reads; fields that say nothing are left out."""
        told: dict[str, Json] = {}
        for name in ("each", *TEMPLATES):
            if held := getattr(self, name):
                told[name] = held
        for name in ("severities", "actions", "links", "details"):
            if words := getattr(self, name):
                told[name] = dict(words)
        return told


def mapping_from_json(value: Json) -> PayloadMapping:
    """Raises Unusable for what is no mapping."""
    if not isinstance(value, dict):
        raise Unusable({"mapping": "it should be an object"})
    texts, named, faults = {}, {}, {}
    for name, held in value.items():
        if name in ("each", *TEMPLATES) and isinstance(held, str):
            texts[name] = clean_text(held)
        elif name in ("severities", "actions", "links", "details") and isinstance(held, dict):
            named[name] = {clean_text(word): clean_text(text_of(meant) or "") for word, meant in held.items()}
        else:
            faults[clean_text(name)[:40]] = "a mapping has no such field, or not of this kind"
    if faults:
        raise Unusable(faults)
    texts.setdefault("summary", "")
    return PayloadMapping(**texts, **named)  # type: ignore[arg-type]  # names are checked above


def parser_of(dialect: Format, mapping: Json) -> Parser:
    """How a request in this format is read for an integration with this mapping: by it where the format is the generic
    hook and there is one.
    """
    if dialect.name != generic.FORMAT.name or not mapping:
        return dialect.parse
    try:
        known = mapping_from_json(mapping)
    except Unusable:
        return dialect.parse

    def parse(body: bytes, content_type: str = "", query: Mapping[str, str] = {}) -> Parsed:
        return read_by(known, body, content_type, query)

    return parse


def read_by(mapping: PayloadMapping, body: bytes, content_type: str = "", query: Mapping[str, str] = {}) -> Parsed:
    """At least one signal, and a 202 with their dedup_keys; `marks` says what could not be read as it was meant.

    Raises Malformed only for a request that says nothing at all.
    """
    if not body.strip() and not query:
        return generic.parse(body, content_type, query)
    marks: list[str] = []
    payload = _payload(body, content_type, query, marks)
    signals = [_signal(mapping, entry, payload, marks) for entry in _entries(mapping, payload, marks)]
    marks = list(dict.fromkeys(marks))
    told: dict[str, Json] = {"status": "accepted", "dedup_keys": [signal.dedup_key for signal in signals]}
    if marks:
        told["marks"] = list(marks)
    return Parsed(tuple(signals), json_answer(202, told), marks=tuple(marks))


def _payload(body: bytes, content_type: str, query: Mapping[str, str], marks: list[str]) -> Json:
    if not body.strip():
        return {clean_text(name): clean_text(value) for name, value in query.items()}
    if is_form(body, content_type):
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1_000)
            return {clean_text(name): clean_text(value) for name, value in pairs}
        except ValueError:
            marks.append("the form has too many fields")
    try:
        return read_json(body, content_type)
    except Unreadable as why:
        marks.append(f"the body is no JSON ({why})")
        return clean_text(body.decode("utf-8", "replace"))


def _entries(mapping: PayloadMapping, payload: Json, marks: list[str]) -> list[Json]:
    found: Json = payload
    if mapping.each:
        path = _path(mapping.each)
        assert path is not None  # the mapping would not be one
        found = _at(path[1], payload)
        if not isinstance(found, list) or not found:
            marks.append(f"there is no list at {mapping.each}, or nothing in it")
            found = payload
    if not isinstance(found, list):
        return [found]
    if not found:
        return [payload]
    if len(found) > MOST_SIGNALS:
        marks.append(f"of {len(found)} entries only {MOST_SIGNALS} were read")
    return found[:MOST_SIGNALS]


def _signal(mapping: PayloadMapping, entry: Json, payload: Json, marks: list[str]) -> Signal:
    def said(template: str) -> str:
        return _rendered(template, entry, payload)

    wrong: list[str] = []
    summary = one_line(said(mapping.summary)) if _speaks(mapping.summary, entry, payload) else ""
    if not summary:
        wrong.append("nothing of the summary was found")
        summary = telling_words(entry)
    action = _action(mapping, said(mapping.action), wrong)
    severity = _severity(mapping, said(mapping.severity), wrong)
    source, named = one_line(said(mapping.source)), said(mapping.dedup_key).strip()
    if mapping.dedup_key and not named:
        wrong.append("the dedup_key is empty")
    started_at = instant_of(when) if (when := said(mapping.started_at)) else None
    links = {name: href for name, template in mapping.links.items() if is_web(href := said(template).strip())}
    own: dict[str, Json] = {name: text for name, template in mapping.details.items() if (text := said(template))}
    if not own:
        own = dict(entry) if isinstance(entry, dict) else {"payload": entry}
    if NOTES in own:
        own = {"sent": own}
    marks.extend(wrong)
    if wrong:
        own[NOTES] = {"mapping": cast("list[Json]", wrong)}
    return Signal(
        action=action,
        dedup_key=short_key(named) if named else digest_key(source, summary),
        summary=cut(summary, SUMMARY_LENGTH),
        severity=severity,
        source=cut(source, LINE_LENGTH),
        component=cut(one_line(said(mapping.component)), LINE_LENGTH),
        group=cut(one_line(said(mapping.group)), LINE_LENGTH),
        started_at=started_at,
        links=tuple(Link(href, name) for name, href in links.items()),
        details=own,
        text=cut(summary, SUMMARY_LENGTH) if action == "note" else "",
    )


def _action(mapping: PayloadMapping, word: str, wrong: list[str]) -> Action:
    meant = _meant(mapping.actions, word)
    if meant is None:
        meant = generic.ACTIONS.get(word.strip().casefold()) or ("note" if word.strip().casefold() == "note" else None)
    if meant is None:
        # An unknown word must not silence an alarm.
        if word.strip() or mapping.action:
            wrong.append(_unknown("action", word))
        return "trigger"
    return cast(Action, meant)


def _severity(mapping: PayloadMapping, word: str, wrong: list[str]) -> Severity | None:
    meant = _meant(mapping.severities, word)
    if meant is not None:
        return cast(Severity, meant)
    severity = severity_of(word.strip())
    if severity is None and (word.strip() or mapping.severity):
        wrong.append(_unknown("severity", word))
    return severity


def _unknown(what: str, word: str) -> str:
    said = cut(one_line(word), 40)
    return f"nobody said what the {what} '{said}' means" if said else f"the {what} is empty"


def _meant(words: Mapping[str, str], word: str) -> str | None:
    by_word = {name.strip().casefold(): meant for name, meant in words.items()}
    plain = word.strip().casefold()
    return by_word.get(plain, by_word.get("*") if plain else None)


def telling_words(payload: Json) -> str:
    """One line that tells a person most about `payload`: what stands under a telling name, the outermost first; else
    the first words of all.
    """
    best, any_words = len(TELLING), ""
    found = ""
    for seen, (name, value) in enumerate(_values(payload)):
        if seen > SEARCHED:
            break
        words = one_line(value) if isinstance(value, str) else ""
        if not words:
            continue
        any_words = any_words or words
        rank = TELLING.index(name) if name in TELLING else len(TELLING)
        if rank < best:
            best, found = rank, words
    whole = found or any_words or one_line(json.dumps(payload, ensure_ascii=False)[:SUMMARY_LENGTH])
    return cut(whole or "An alarm without words", 200)


def _values(payload: Json) -> Iterator[tuple[str, Json]]:
    """Every value with its name, those that lie less deep first."""
    waiting: deque[tuple[str, Json]] = deque([("", payload)])
    while waiting:
        name, value = waiting.popleft()
        yield name.casefold(), value
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((name, each) for each in value)


# --- Templates -------------------------------------------------------------------------------------------------------


def _fault(template: str) -> str:
    """What is wrong with a template; "" where nothing is."""
    if len(template) > TEMPLATE_LENGTH:
        return f"it is longer than {TEMPLATE_LENGTH} characters"
    pieces = _pieces(template)
    if pieces is None:
        return "a place in braces should hold paths, such as {host.name|title}, or a default in quotes"
    if sum(not isinstance(piece, str) for piece in pieces) > MOST_PLACES:
        return f"it has more than {MOST_PLACES} places"
    return ""


def _pieces(template: str) -> list[Piece] | None:
    """The template cut up; None where it cannot be."""
    pieces: list[Piece] = []
    end = 0
    for place in _PLACE.finditer(template):
        text = template[end : place.start()]
        if "{" in text or "}" in text:
            return None
        pieces.append(text)
        end = place.end()
        if place.group(1) is None:
            pieces.append(place.group()[0])
            continue
        parts = _parts(place.group(1))
        if parts is None:
            return None
        pieces.append(parts)
    rest = template[end:]
    return None if "{" in rest or "}" in rest else [*pieces, rest]


def _parts(text: str) -> tuple[Path | str, ...] | None:
    parts: list[Path | str] = []
    at = 0
    while at < len(text) or not parts:
        part = _PART.match(text, at)
        if part is None or part.end() == at:
            return None
        default, written = part.groups()
        at = part.end()
        if default is not None:
            parts.append(f'"{default}')
            continue
        path = _path(written)
        if path is None:
            return None
        parts.append(path)
    return tuple(parts)


def _path(text: str) -> Path | None:
    """The path that is written there; None where it is none."""
    written = text.strip()
    from_root = written.startswith("$")
    written = written.removeprefix("$")
    steps: list[Step] = []
    at = 0
    while at < len(written):
        step = _STEP.match(written, at)
        if step is None or step.end() == at:
            return None
        name, index, quoted = step.groups()
        at = step.end()
        if index is not None:
            steps.append(index if index == "*" else int(index[:9]))
        else:
            steps.append(quoted if quoted is not None else name.strip())
    if len(steps) > MOST_STEPS or (not steps and not from_root):
        return None
    return from_root, tuple(steps)


def _at(steps: tuple[Step, ...], value: Json) -> Json:
    """What lies at the end of the way, None where it leads nowhere; for "*" a list of what lies behind each element."""
    for place, step in enumerate(steps):
        if step == "*" and isinstance(value, dict | list):
            inner = list(value.values()) if isinstance(value, dict) else value
            rest = steps[place + 1 :]
            return [_at(rest, each) for each in inner[:MOST_JOINED]] if rest else inner[:MOST_JOINED]
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and str(step).isascii() and str(step).isdecimal():
            number = int(step)
            value = value[number] if number < len(value) else None
        else:
            return None
    return value


def _rendered(template: str, entry: Json, payload: Json) -> str:
    if not template:
        return ""
    pieces = _pieces(template)
    assert pieces is not None  # the mapping would not be one
    return "".join(piece if isinstance(piece, str) else _first(piece, entry, payload) for piece in pieces).strip()


def _speaks(template: str, entry: Json, payload: Json) -> bool:
    """Whether a template without places, or one of the paths in it, has words to say: defaults alone tell nothing."""
    places = [piece for piece in _pieces(template) or () if not isinstance(piece, str)]
    paths = [tuple(part for part in place if not isinstance(part, str)) for place in places]
    return not places or any(_first(parts, entry, payload) for parts in paths)


def _first(parts: tuple[Path | str, ...], entry: Json, payload: Json) -> str:
    for part in parts:
        if isinstance(part, str):
            return part[1:]
        from_root, steps = part
        words = _words(_at(steps, payload if from_root else entry))
        if words.strip():
            return words
    return ""


def _words(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(not isinstance(each, dict | list) for each in value):
        return cut(", ".join(words for each in value if (words := _words(each))), VALUE_LENGTH)
    told = text_of(value)
    return cut(told if told is not None else json.dumps(value, ensure_ascii=False), VALUE_LENGTH)
