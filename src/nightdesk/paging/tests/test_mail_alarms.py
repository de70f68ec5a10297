"""Alarms by plain mail: what subjects say, what rules make of them, and that no rule can run away."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import Invalid
from nightdesk.mailroom.actions import add_address, read_mail, receive_mail
from nightdesk.mailroom.models import Mail
from nightdesk.paging.actions import save_mail_rules
from nightdesk.paging.formats import email_rules
from nightdesk.paging.formats.email_rules import (
    LINE,
    LINES,
    AlarmMail,
    Condition,
    Rule,
    judge,
    normal_subject,
    problems_of,
    rules_as_json,
    rules_from_json,
    why_not,
)
from nightdesk.paging.models import Alarm, Integration, Page, RawAlarm
from nightdesk.paging.queries import mail_rules, try_mail_rules
from nightdesk.paging.tests.conftest import NIGHT, World

HOW: dict[str, Any] = {"by": SCHEDULER, "via": Door.EMAIL, "at": NIGHT}


def verdict(subject: str, *rules: Rule, **more: Any) -> email_rules.Verdict:
    return judge(rules, AlarmMail("monitor@example.net", ("alarm@night.example",), subject, **more))


def rule(where: str, how: str, value: str, does: str = "auto", severity: str = "") -> Rule:
    return Rule((Condition(where, how, value),), does, severity)  # type: ignore[arg-type]


# --- Without a rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("PROBLEM: db1 disk full", "RECOVERY: db1 disk full"),
        ("** PROBLEM Service Alert: db1/disk is CRITICAL **", "** RECOVERY Service Alert: db1/disk is OK **"),
        ("[FIRING:2] db1 disk full", "[RESOLVED] db1 disk full"),
        ("[Failed] Backup of db1", "[Success] Backup of db1"),
        ("db1 disk full", "OK: db1 disk full"),
        ("CRITICAL - db1 disk full (3)", "OK - db1 disk full (4)"),
        ("Re: Fwd: PROBLEM: db1 disk full", "resolved: DB1 disk full"),
    ],
)
def test_an_alarm_and_its_end_have_one_key(begins: str, ends: str) -> None:
    first, last = verdict(begins).signal, verdict(ends).signal
    assert first is not None
    assert last is not None
    assert (first.action, last.action) == ("trigger", "resolve")
    assert first.dedup_key == last.dedup_key


@pytest.mark.parametrize(
    "subject",
    ["Up to 90% of the disk used", "Clear the queue on mx1", "New version", "ok to restart?", "Closed port on fw1", "", "Re:",
     "Normal people would be awake"],
)  # fmt: skip
def test_words_that_only_begin_so_end_nothing(subject: str) -> None:
    signal = verdict(subject).signal
    assert signal is not None
    assert signal.action == "trigger"
    assert signal.summary


@pytest.mark.parametrize(
    ("subject", "severity"),
    [
        ("CRITICAL: x", "critical"),
        ("[Warning] x", "warning"),
        ("db1 is CRITICAL", "critical"),
        ("x", None),
        ("PROBLEM: x", None),
    ],
)
def test_a_word_of_severity_counts_and_without_one_the_worst_is_meant(subject: str, severity: str | None) -> None:
    signal = verdict(subject).signal
    assert signal is not None
    assert signal.severity == severity


@given(
    st.text(max_size=120),
    st.sampled_from(["Re: ", "FWD: ", "AW: Re: ", "PROBLEM: ", "[RESOLVED] ", "** RECOVERY ", "CRITICAL - "]),
)
def test_what_stands_before_a_subject_changes_no_key(subject: str, before: str) -> None:
    words = f"disk of {subject}"
    assert normal_subject(before + words) == normal_subject(words)


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=50))
def test_whatever_a_mail_says_is_a_signal_that_can_be_stored(subject: str, body: str, sender: str) -> None:
    signal = judge((), AlarmMail(sender, (), subject, body)).signal
    assert signal is not None
    assert 1 <= len(signal.dedup_key) <= 255
    assert 1 <= len(signal.summary) <= 1024
    assert "\n" not in signal.summary
    assert not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in signal.summary + signal.source)


# --- With rules --------------------------------------------------------------------------------------------------------


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        rule("subject", "contains", "WEEKLY", "ignore"),
        rule("from", "is", "Monitor@example.net", "trigger", "warning"),
        rule("subject", "contains", "db", "resolve"),
    )
    assert verdict("Weekly report on db", *rules).signal is None
    second = verdict("OK: db", *rules)
    assert second.rule == 1
    assert second.signal is not None
    assert (second.signal.action, second.signal.severity) == ("trigger", "warning")


def test_all_conditions_of_a_rule_must_fit_and_one_without_any_never_does() -> None:
    both = Rule((Condition("subject", "contains", "db"), Condition("body", "contains", "full")), "ignore")
    assert verdict("db", both, body="disk\nis Full").rule == 0
    assert verdict("db", both, body="fine").rule is None
    assert verdict("db", Rule((), "ignore")).rule is None


def test_named_groups_are_what_the_alarm_says() -> None:
    expression = r"^(?P<severity>\w+): (?P<source>\S+) (?P<component>disk|fan) (?P<key>#\d+)"
    found = verdict("warn: db1 disk #77 again", rule("subject", "matches", expression))
    assert found.signal is not None
    told = found.signal
    assert (told.severity, told.source, told.component, told.dedup_key) == ("warning", "db1", "disk", "#77")
    again = verdict("crit: db2 fan #77", rule("subject", "matches", expression)).signal
    assert again is not None
    assert again.dedup_key == told.dedup_key


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+$", r"(a|a)*b", r"(.*)*x", r"(\w+\s?)*x", r"(?=a)b", r"(a)\1", r".*.*.*.*", "(", "a" * 301, r"(a{1,9}){1,9}", "[z-a]",
     r"a?b?c?d?e?f?g?h?i?", r"(?<!x)a", r"((ab)*c)*", r"x{1000000}"],
)  # fmt: skip
def test_expressions_that_could_run_away_are_refused(pattern: str) -> None:
    assert why_not(pattern)
    assert problems_of([rule("subject", "matches", pattern)])
    assert verdict("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", rule("subject", "matches", pattern, "ignore")).rule is None


PIECES = st.sampled_from(
    [".", "a", "\\w", "[ab]", "(", ")", "*", "+", "?", "|", "{1,3}", "{2}", "(?P<key>", "^", "$", "\\d", "\\s", "b"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=14).map("".join))
def test_no_expression_that_is_accepted_takes_long_on_the_worst_of_lines(pattern: str) -> None:
    if why_not(pattern):
        return
    body = "\n".join(["ab" * (LINE // 2), "a" * LINE] * (LINES // 2))
    began = time.process_time()
    verdict("a" * LINE + "!", rule("body", "matches", f"(?:{pattern})!"), body=body)
    assert time.process_time() - began < 5


RULES = st.builds(
    Rule,
    st.lists(
        st.builds(
            Condition,
            st.sampled_from(email_rules.WHERE),
            st.sampled_from(["contains", "is"]),
            st.text(min_size=1, max_size=20),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    st.sampled_from(email_rules.DOES),
    st.sampled_from(["", *email_rules.SEVERITIES]),
    st.text(max_size=10),
)


@given(st.lists(RULES, max_size=4).map(tuple))
def test_rules_come_back_from_their_row_as_they_went_in(rules: tuple[Rule, ...]) -> None:
    assert rules_from_json(rules_as_json(rules)) == rules
    assert problems_of(rules) == []


# --- From the mail to the page -----------------------------------------------------------------------------------------


@pytest.fixture
def sender(world: World) -> tuple[Integration, str]:
    """An integration that is sent mail, and its key; Bo is rung."""
    add_address(address="@night.example", **HOW)
    return world.sender(world.policy((0, world.person("Bo"))), "email")


def mail_to(key: str, subject: str, number: int = 1) -> Mail:
    head = f"From: m@example.net\r\nSubject: {subject}\r\nMessage-ID: <{number}@x>\r\nAuto-Submitted: auto-generated"
    raw = f"{head}\r\n\r\nIt is so.\r\n"
    row = receive_mail(way="smtp", raw=raw.encode(), sender="", recipients=[f"alarm+{key}@night.example"], **HOW)
    read_mail(mail_id=row.id, **HOW)
    row.refresh_from_db()
    return row


@pytest.mark.django_db
def test_a_mail_pages_and_its_recovery_resolves_and_both_are_kept_as_alarms(sender: tuple[Integration, str]) -> None:
    _integration, key = sender
    mail = mail_to(key, "PROBLEM: core-1 is down")
    assert mail.standing == "done"
    page = Page.objects.get()
    assert (page.state, page.title) == ("triggered", "PROBLEM: core-1 is down")
    mail_to(key, "RECOVERY: core-1 is down", 2)
    page.refresh_from_db()
    assert page.state == "resolved"
    assert list(RawAlarm.objects.values_list("format", flat=True)) == ["email", "email"]
    assert Alarm.objects.get().details["body"] == "It is so."


@pytest.mark.django_db
def test_rules_are_tried_on_the_last_mails_and_then_hold(sender: tuple[Integration, str]) -> None:
    integration, key = sender
    mail_to(key, "Weekly report", 1)
    rules = (rule("subject", "contains", "weekly", "ignore"),)
    (tried,) = try_mail_rules(integration.id, rules)
    assert (tried.subject, tried.verdict.rule, tried.verdict.signal) == ("Weekly report", 0, None)
    assert mail_rules(integration.id) == ()
    save_mail_rules(integration_id=integration.id, rules=rules, **HOW)
    assert mail_rules(integration.id) == rules
    before = Alarm.objects.count()
    ignored = mail_to(key, "Weekly report of May", 2)
    assert (ignored.standing, Alarm.objects.count()) == ("done", before)
    assert RawAlarm.objects.count() == 2
    with pytest.raises(Invalid):
        save_mail_rules(integration_id=integration.id, rules=(rule("subject", "matches", "(a+)+"),), **HOW)


@pytest.mark.django_db
def test_a_key_that_nobody_has_does_nothing_and_is_kept(sender: tuple[Integration, str]) -> None:
    assert sender
    assert mail_to("f" * 32, "PROBLEM: x").standing == "kept"
    assert not Page.objects.exists()
