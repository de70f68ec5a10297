"""Plain mail as alarms: what a mail to an integration says, by its rules, tried in order; pure.

A rule has conditions, all of which must fit, on `from`, `to`, `subject` or `body`: `contains`, `is` (both without regard to
case) or `matches`, a regular expression. Named groups of its expressions are what the alarm says: `summary`, `source`,
`component`, `severity` and `key` (what makes two mails the same alarm). The first rule that fits decides; without one the
subject is the summary, the subject without its "Re:", counters and words of state is the key, and one that begins with a
word such as RECOVERY or OK resolves.

Expressions are ones that cannot run away: they are matched against one line of at most LINE characters, with no repeat in a
repeat and no more than MOST_REPEATS of them (`why_not` says which cannot be used).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as grammar  # type: ignore[attr-defined]
from typing import Any, Literal, TypeAlias, cast, get_args

from nightdesk.mailroom.letter import Letter, read_letter

from .reading import (
    LINE_LENGTH,
    SUMMARY_LENGTH,
    clean_text,
    cut,
    digest_key,
    json_answer,
    one_line,
    severity_of,
    short_key,
)
from .signal import Action, Answer, Format, Json, Malformed, Parsed, Severity, Signal

Where: TypeAlias = Literal["from", "to", "subject", "body"]
How: TypeAlias = Literal["contains", "is", "matches"]
Does: TypeAlias = Literal["auto", "trigger", "resolve", "ignore"]
WHERE: tuple[str, ...] = get_args(Where)
HOW: tuple[str, ...] = get_args(How)
DOES: tuple[str, ...] = get_args(Does)
SEVERITIES: tuple[str, ...] = ("critical", "error", "warning", "info")

LINE, LINES = 200, 60
LONGEST_PATTERN = 300
MOST_REPEATS = 3
MOST_OPTIONS = 8
MOST_RULES, MOST_CONDITIONS = 50, 8
MAX_BYTES = 1024 * 1024
BODY_KEPT = 4000
GROUPS = ("summary", "source", "component", "severity", "key")

_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
_NEVER = {
    ops.GROUPREF: "a reference back to a group",
    ops.GROUPREF_EXISTS: "a condition on a group",
    ops.ASSERT: "a look ahead or behind",
    ops.ASSERT_NOT: "a look ahead or behind",
}


@dataclass(frozen=True)
class Condition:
    where: Where
    how: How
    value: str


@dataclass(frozen=True)
class Rule:
    """`does` "auto": trigger, or resolve where the subject begins with a word for that. `severity` "" leaves it to the mail."""

    conditions: tuple[Condition, ...]
    does: Does = "auto"
    severity: str = ""
    name: str = ""


@dataclass(frozen=True)
class AlarmMail:
    """What rules look at."""

    from_address: str = ""
    to: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    message_id: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a mail would do. `rule` is the number of the rule that decided, from 0, None for none; `signal` None: ignored."""

    rule: int | None
    signal: Signal | None
    groups: Mapping[str, str] = field(default_factory=dict)


def mail_of(letter: Letter) -> AlarmMail:
    """A letter as rules see it."""
    return AlarmMail(letter.from_address, letter.to, letter.title, letter.text, letter.message_id)


def judge(rules: Sequence[Rule], mail: AlarmMail) -> Verdict:
    """What the first rule that fits makes of it, or the default."""
    for number, rule in enumerate(rules):
        groups = _fits(rule, mail)
        if groups is not None:
            return Verdict(number, _signal(mail, rule.does, rule.severity, groups), groups)
    return Verdict(None, _signal(mail, "auto", "", {}))


def why_not(pattern: str) -> str:
    """Why an expression cannot be used, in words; "" where it can."""
    if len(pattern) > LONGEST_PATTERN:
        return f"it has more than {LONGEST_PATTERN} characters"
    try:
        tree = grammar.parse(pattern, re.IGNORECASE)
        re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        return f"it is no regular expression: {error}"
    problem, repeats, options = _weigh(tree, inside=False)
    if problem:
        return problem
    if repeats > MOST_REPEATS:
        return f"it has more than {MOST_REPEATS} repeats (* + {{...}})"
    return f"it has more than {MOST_OPTIONS} parts that may be missing (?)" if options > MOST_OPTIONS else ""


def problems_of(rules: Sequence[Rule]) -> list[str]:
    """What is wrong with each rule that cannot be used, as sentences."""
    found = []
    for number, rule in enumerate(rules, start=1):
        if not rule.conditions:
            found.append(f"Rule {number} has no condition.")
        if rule.does not in DOES or (rule.severity and rule.severity not in SEVERITIES):
            found.append(f"Rule {number} does something that is not known.")
        for one in rule.conditions:
            if one.where not in WHERE or one.how not in HOW or not one.value:
                found.append(f"Rule {number} has a condition that cannot be met.")
            elif one.how == "matches" and (problem := why_not(one.value)):
                found.append(f"Rule {number}: {one.value[:60]} cannot be used, as {problem}.")
        if len(rule.conditions) > MOST_CONDITIONS:
            found.append(f"Rule {number} has more than {MOST_CONDITIONS} conditions.")
    return [*found, f"There are more than {MOST_RULES} rules."] if len(rules) > MOST_RULES else found


def rules_as_json(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """How a row keeps them."""
    return [
        {
            "name": rule.name,
            "conditions": [[one.where, one.how, one.value] for one in rule.conditions],
            "does": rule.does,
            "severity": rule.severity,
        }
        for rule in rules
    ]


def rules_from_json(kept: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """What `rules_as_json` gave."""
    return tuple(
        Rule(
            tuple(Condition(*one) for one in each["conditions"]),
            cast(Does, each["does"]),
            each["severity"],
            each["name"],
        )
        for each in kept
    )


# --- Matching ---------------------------------------------------------------------------------------------------------


def _fits(rule: Rule, mail: AlarmMail) -> dict[str, str] | None:
    """The named groups of the rule's expressions, None where a condition does not fit."""
    groups: dict[str, str] = {}
    for one in rule.conditions:
        found = _meets(one, mail)
        if found is None:
            return None
        groups |= {name: value.strip() for name, value in found.items() if value and value.strip()}
    return groups if rule.conditions else None


def _meets(one: Condition, mail: AlarmMail) -> dict[str, str | None] | None:
    lines = _lines(one.where, mail)
    if one.how == "matches":
        if why_not(one.value):
            return None
        pattern = re.compile(one.value, re.IGNORECASE)
        found = next((match for line in lines if (match := pattern.search(line))), None)
        return found.groupdict() if found else None
    wanted = one.value.casefold().strip()
    if one.how == "is":
        return {} if any(line.casefold().strip() == wanted for line in lines) else None
    return {} if any(wanted in line.casefold() for line in lines) else None


def _lines(where: Where, mail: AlarmMail) -> list[str]:
    if where == "body":
        return [line[:LINE] for line in mail.body.splitlines()[:LINES]]
    if where == "to":
        return [one[:LINE] for one in mail.to[:LINES]]
    return [(mail.subject if where == "subject" else mail.from_address)[:LINE]]


def _weigh(tree: Any, *, inside: bool) -> tuple[str, int, int]:
    """(what must not be in it, how many repeats, how many parts that may be missing)."""
    repeats = options = 0
    for op, held in tree:
        if op in _NEVER:
            return f"it has {_NEVER[op]}", 0, 0
        inner: list[Any] = []
        if op in _REPEATS:
            least, most, body = held
            if least != most:
                if inside:
                    return "it has a repeat within a repeat", 0, 0
                repeats += most != 1
                options += most == 1
            elif most > 50:
                return "it repeats something more than 50 times", 0, 0
            problem, more, optional = _weigh(body, inside=inside or most != 1)
            if problem:
                return problem, 0, 0
            repeats, options = repeats + more, options + optional
            continue
        if op is ops.BRANCH:
            if inside:
                return "it has a choice (|) within a repeat", 0, 0
            inner = list(held[1])
        elif op is ops.SUBPATTERN:
            inner = [held[3]]
        elif op is getattr(ops, "ATOMIC_GROUP", None):
            inner = [held]
        for part in inner:
            problem, more, optional = _weigh(part, inside=inside)
            if problem:
                return problem, 0, 0
            repeats, options = repeats + more, options + optional
    return "", repeats, options


# --- What a subject says ----------------------------------------------------------------------------------------------

_REPLY = re.compile(r"\s*(re|aw|fwd?|wg|antw|tr|sv|vs)\s*(\[\d{1,3}\])?\s*:", re.IGNORECASE)
_COUNT = re.compile(r"[\[(]\s*[x#]?\d{1,5}(\s*/\s*\d{1,5})?x?\s*[\])]", re.IGNORECASE)
_OVER = ("ok", "okay", "recovery", "recovered", "resolved", "cleared", "clear", "closed", "normal", "up", "solved",
         "success", "successful", "succeeded")  # fmt: skip
_AGAIN = (
    "problem",
    "firing",
    "alert",
    "alarm",
    "alerting",
    "triggered",
    "down",
    "new",
    "flapping",
    "unknown",
    "notification",
    "failed",
    "failure",
)
_STATES = {*_OVER, *_AGAIN, *(word for word in ("critical", "crit", "warning", "warn", "error", "emergency", "info", "major",
                                                "minor", "disaster", "fatal", "high", "average"))}  # fmt: skip
_FIRST = re.compile(r"[\s*\[(#>!|:-]*(?P<word>[A-Za-z]{2,12})(?P<count>:\s?\d{1,5})?(?P<end>\s*[\])*:|!–—-]+|\s|$)")
_LAST = re.compile(r"\b(?:is|are|state|status|now)[\s:]+(?P<word>[A-Za-z]{2,12})[\s*!.\])]*$", re.IGNORECASE)


def _first_states(subject: str) -> tuple[list[str], str]:
    """(words of state that it begins with, in small letters; the rest). One counts when it is in capitals or set off."""
    states: list[str] = []
    while (found := _FIRST.match(subject)) and len(states) < 4:
        word = found["word"]
        set_off = bool(found["end"].strip()) or found["count"] is not None or not subject[found.end() :].strip()
        if word.casefold() not in _STATES or not (set_off or (word.isupper() and word.casefold() not in ("up", "new"))):
            break
        states.append(word.casefold())
        subject = subject[found.end() :]
    return states, subject


def _bare(subject: str) -> str:
    """Without "Re:" and counters."""
    while found := _REPLY.match(subject):
        subject = subject[found.end() :]
    return one_line(_COUNT.sub(" ", subject))


def normal_subject(subject: str) -> str:
    """What stays the same while the state changes: no "Re:", counters, or words of state at its ends; in small letters."""
    _states, rest = _first_states(_bare(subject))
    if (last := _LAST.search(rest)) and last["word"].casefold() in _STATES:
        rest = rest[: last.start()]
    return one_line(rest).strip(" *:|-–—!.").casefold() or one_line(subject).casefold()


def _told_state(subject: str) -> tuple[bool, str]:
    """(whether it is over, a word of severity or "")."""
    states, rest = _first_states(_bare(subject))
    last = _LAST.search(rest)
    if last and last["word"].casefold() in _STATES:
        states.append(last["word"].casefold())
    severity = next((word for word in states if severity_of(word) is not None and word not in ("alert", "alarm")), "")
    return bool(states) and states[0] in _OVER, severity


def _signal(mail: AlarmMail, does: Does, severity: str, groups: Mapping[str, str]) -> Signal | None:
    if does == "ignore":
        return None
    over, told = _told_state(mail.subject)
    action: Action = "resolve" if does == "resolve" or (does == "auto" and over) else "trigger"
    source, component = groups.get("source", ""), groups.get("component", "")
    key = groups.get("key", "")
    summary = one_line(clean_text(groups.get("summary") or mail.subject)) or "A mail without a subject"
    known: Severity | None = severity_of(severity or groups.get("severity", "")) or severity_of(told)
    details: dict[str, Json] = {"from": mail.from_address, "body": cut(clean_text(mail.body).strip(), BODY_KEPT)}
    return Signal(
        action=action,
        dedup_key=short_key(clean_text(key))
        if key
        else digest_key("mail", source, component, normal_subject(mail.subject)),
        summary=cut(summary, SUMMARY_LENGTH),
        severity=known,
        source=cut(one_line(clean_text(source or mail.from_address)), LINE_LENGTH),
        component=cut(one_line(clean_text(component)), LINE_LENGTH),
        details={name: value for name, value in details.items() if value},
        client="E-mail",
    )


# --- The format -------------------------------------------------------------------------------------------------------


def answer_to(verdict: Verdict) -> Parsed:
    """What is to be taken in; a mail that is ignored has no signal, and is kept all the same."""
    return Parsed((verdict.signal,) if verdict.signal else (), json_answer(202, {"status": "accepted"}))


def parse(
    body: bytes,
    content_type: str = "",  # noqa: ARG001  # all formats are called alike
    query: Mapping[str, str] = {},  # noqa: ARG001
) -> Parsed:
    """A whole mail without any rules; raises Malformed for none at all."""
    letter = read_letter(body)
    if not (letter.title or letter.text.strip()):
        raise Malformed(_refusal(400, "neither a subject nor a text: not a mail"), "neither a subject nor a text")
    return answer_to(judge((), mail_of(letter)))


def _refusal(status: int, reason: str) -> Answer:
    return json_answer(status, {"status": "error", "error": reason})


FORMAT = Format(
    "email", MAX_BYTES, _refusal(503, "overloaded"), _refusal(413, "too large"), _refusal(401, "unknown key"), parse
)
