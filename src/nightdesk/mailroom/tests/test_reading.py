"""Mails read: what real and odd ones say, and that no bytes whatever make a reader fail."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.mailroom.automatic import may_be_auto_reply, why_automatic, why_not_answered
from nightdesk.mailroom.decoding import decoded, decoded_words
from nightdesk.mailroom.html_text import text_of_html
from nightdesk.mailroom.letter import Letter, read_letter
from nightdesk.mailroom.own_words import own_words
from nightdesk.mailroom.reports import read_reports
from nightdesk.mailroom.tests.corpora import MAILS, answers, bounces, odd

ALL = [*bounces(), *odd(), *answers()]


def mail(headers: str, body: str = "") -> Letter:
    return read_letter(f"{headers}\n\n{body}".encode())


def storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def check(letter: Letter) -> None:
    """Everything in it can be kept by PostgreSQL, and what follows from it can be said."""
    for value in (letter.message_id, letter.title, letter.text, letter.from_address, letter.from_name, *letter.faults):
        assert storable(value)
    assert all(storable(name + value) for name, value in letter.headers)
    assert all(storable(one.name + one.media_type) for one in letter.attachments)
    assert "\n" not in letter.title
    assert letter.from_address == letter.from_address.lower()
    for sender in (None, "", "bo@example.net"):
        assert isinstance(why_automatic(letter, sender), str)
    own = own_words(letter.text, (letter.from_name,))
    assert len(own) <= len(letter.text)


# --- Never fails -------------------------------------------------------------------------------------------------------

HEADERS = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        b"Content-Type: message/rfc822",
        b"Content-Type: message/delivery-status",
        b'Content-Type: text/plain; charset="=?iso-2022-jp?b?GyRC?="',
        b"Content-Type: text/html; charset=idna",
        b"Content-Type: text/plain; name*0*=utf-8''%ff; name*1=x",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: x-uuencode",
        b"Content-Transfer-Encoding: quoted-printable",
        b"From: =?utf-8?q?=ff?= <Bo@Example.Net>, (",
        b"Subject: =?utf-8?b?4pyT?= =?nonsense?q?x?=",
        b"Date: Tue, 99 Foo 99999 99:99:99 +9999",
        b"Message-ID: <a@b",
        b"References: <a> <b@c>\r\n\t<d@e>",
        b"Content-Disposition: attachment; filename*=utf-8''%00",
        b"Action: failed\r\nFinal-Recipient: rfc822;bo@example.net\r\nStatus: 5.1.1",
    ]
)
PIECES = st.one_of(
    HEADERS, st.binary(max_size=60), st.sampled_from([b"", b"--x", b"--x--", b"begin 644 a\n`\nend", b"<html>"])
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25), st.sampled_from([b"\r\n", b"\n", b"\r"]))
def test_no_bytes_make_a_reader_fail(pieces: list[bytes], end: bytes) -> None:
    raw = end.join(pieces)
    check(read_letter(raw))
    for report in read_reports(raw):
        assert storable(report.recipient + report.reason + "".join(report.message_ids))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.integers(0, 20_000), st.binary(max_size=8), st.integers(0, 300))
def test_real_mails_with_something_broken_in_them_are_read_too(file: Path, at: int, put: bytes, cut: int) -> None:
    raw = file.read_bytes()
    at %= len(raw)
    broken = raw[:at] + put + raw[at + cut :]
    check(read_letter(broken))
    read_reports(broken)


def test_parts_nested_without_end_are_read_as_far_as_they_go() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)) + b"\nok"
    check(read_letter(b"From: bo@example.net\n" + deep))
    enclosed = b"Content-Type: message/rfc822\n\n" * 3000
    check(read_letter(enclosed))
    assert read_letter(b"Subject: x\n" + enclosed).title == "x"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=20))
def test_texts_are_decoded_whatever_charset_they_claim(text: str, charset: str) -> None:
    assert isinstance(decoded(text.encode("utf-8", "replace"), charset), str)
    assert storable(decoded_words(text))
    assert isinstance(text_of_html(f"<p>{text}<{text}"), str)


# --- What they say -----------------------------------------------------------------------------------------------------


def test_a_charset_that_raises_in_the_email_package_is_read() -> None:
    raw = b'From: a@b.example\nContent-Type: text/plain; charset="\x1b$B"; name="\xff\xfe"\n\nok \xfcber'
    assert read_letter(raw).text == "ok über"


def test_plain_text_goes_before_html_and_html_alone_is_made_text() -> None:
    parts = "--b\nContent-Type: text/html\n\n<p>no</p>\n--b\nContent-Type: text/plain; charset=utf-8\n\nök\n--b--\n"
    both = mail("Content-Type: multipart/alternative; boundary=b", parts)
    assert (both.text.strip(), both.from_html) == ("ök", False)
    only = mail("Content-Type: text/html", "<style>p{}</style><p>ok<br>then</p><script>alert(1)</script>")
    assert (only.text, only.from_html) == ("ok\nthen", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ok\n\nOn Tue, Nov 3 at 4:01 Nightdesk <n@x.example> wrote:\n> P1 db down", "ok"),
        ("ok\n\nBo Lindqvist\nNetwork Engineer\n+44 20 7946 0000", "ok"),
        ("ok\n\nSent from my iPhone", "ok"),
        ("Mach ich\n\nAm 03.11.26 um 04:01 schrieb Nacht:\n> P1", "Mach ich"),
        ("ok\n\n________________________________\nFrom: N\nSent: x\nTo: y\n\nP1", "ok"),
        ("ok\nFrom: N <n@x>\nSent: Tuesday\nTo: Bo\nSubject: P1\n\nacknowledge it", "ok"),
        ("> P1 db down\n> https://x\n\nok", "ok"),
        ("ok\n-- \nBo", "ok"),
        ("On it\nOn Tuesday Nightdesk wrote:\n> P1", "On it"),
        ("ok\n\nKind regards,\nBo", "ok"),
        ("", ""),
        ("> P1 db down", ""),
    ],
)
def test_quotes_and_signatures_are_left_out(text: str, words: str) -> None:
    assert own_words(text, ("Bo Lindqvist",)) == words


@given(st.text(max_size=200), st.text(max_size=30))
def test_own_words_are_some_of_the_lines_and_never_others(text: str, name: str) -> None:
    lines = {line.strip() for line in text.replace("\u00a0", " ").splitlines()}
    assert set(own_words(text, (name,)).split("\n")) - {""} <= lines


# --- Machines ----------------------------------------------------------------------------------------------------------

PERSON = "From: Bo <bo@example.net>\nSubject: Re: P1 db down"


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=y",
        "X-Autoreply: yes",
        "Precedence: bulk",
        "Precedence: list",
        "Return-Path: <>",
        "List-Id: <x>",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
    ],
)
def test_each_sign_of_a_machine_is_enough(header: str) -> None:
    assert why_automatic(mail(PERSON), None) == ""
    assert why_automatic(mail(f"{PERSON}\n{header}"), None)


@pytest.mark.parametrize(
    "header",
    [
        "X-Auto-Response-Suppress: All",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Precedence: auto_reply",
        "X-Nightdesk: 0123456789abcdef",
        "Mailing-List: contact noc-help@example.net",
    ],
)
def test_what_asks_for_no_answer_is_a_persons_all_the_same(header: str) -> None:
    letter = mail(f"{PERSON}\n{header}")
    assert why_automatic(letter, "bo@example.net") == ""
    assert why_not_answered(letter, "")
    assert why_not_answered(mail(f"{PERSON}\nX-Auto-Response-Suppress: DR, RN"), "") == ""
    assert why_not_answered(mail(PERSON), "") == ""


@pytest.mark.parametrize(
    "title",
    [
        "Mail delivery problems since this morning",
        "Mail could not be delivered",
        "Fwd: Undelivered Mail Returned to Sender",
        "Undeliverable: my invoice",
    ],
)
@pytest.mark.parametrize(
    "program", ["User-Agent: Mozilla Thunderbird", "Content-Type: text/html", "DKIM-Signature: v=1; d=example.net; b=x"]
)
def test_a_customer_who_writes_of_a_bounce_is_no_machine(title: str, program: str) -> None:
    body = "Hello, I keep getting this:\n\n<bo@example.com>: host mx.example.com said: 550 5.1.1 User unknown\n"
    head = f"From: Al <al@example.net>\nSubject: {title}\n{program}"
    letter = mail(head, body)
    reports = read_reports(f"{head}\n\n{body}".encode())
    assert why_automatic(letter, "al@example.net", reports) == ""


@pytest.mark.parametrize(
    "subject",
    [
        "Out of office: Re: P1",
        "Automatic reply: P1",
        "Abwesenheitsnotiz",
        "Réponse automatique : P1",
        "Read: P1 db down",
    ],
)
def test_subjects_of_automatic_replies_are_known(subject: str) -> None:
    head = f"From: bo@example.net\nSubject: {subject}"
    assert why_automatic(mail(f"{head}\nIn-Reply-To: <one@night.example>"), "bo@example.net")
    alone = mail(head)  # by its subject alone it may be a person's
    assert why_automatic(alone, "bo@example.net") == ""
    assert why_not_answered(alone, "")
    assert may_be_auto_reply(alone)


def test_the_null_return_path_and_a_daemon_are_machines_and_auto_submitted_no_is_none() -> None:
    assert why_automatic(mail(PERSON), "")
    assert why_automatic(mail("From: MAILER-DAEMON@mx.example.net\nSubject: x"), "x@y.example")
    assert why_automatic(mail(f"{PERSON}\nAuto-Submitted: no\nX-Auto-Response-Suppress: All"), "bo@example.net") == ""


# --- Reports -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "failed", "delayed"),
    [
        ("dsn_01", {"userx@example.com"}, set()),
        ("dsn_05", set(), {"userx@example.cz"}),
        ("dsn_12", {"userx@example.jp"}, set()),
        ("exim_01", {"userx@its.example.nl"}, set()),
        ("microsoft_01", {"userx@example.com"}, set()),
        ("postfix_01", {"xxxxx@local.ie"}, set()),
        ("qmail_01", {"userx@example.de"}, set()),
        ("sendmail_01", {"zzzzz@nfg.nl", "zzzzz@shaft.coal.nl"}, set()),
        ("simple_15", {"userx@example.be"}, set()),
        ("smtp32_01", {"userx@example.ph"}, set()),
        ("yahoo_01", {"userx@example.com"}, set()),
        ("groupwise_03", set(), set()),
        ("qmail_08", set(), set()),
    ],
)
def test_reports_of_many_servers_name_who_was_not_reached(name: str, failed: set[str], delayed: set[str]) -> None:
    reports = read_reports((MAILS / "flufl.bounce" / "data" / f"{name}.txt").read_bytes())
    assert {one.recipient for one in reports if one.action == "failed"} == failed
    assert {one.recipient for one in reports if one.action == "delayed"} == delayed


def dsn(status: str, diagnostic: str, action: str = "failed") -> bytes:
    return (
        "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\nMessage-ID: <the-report@mx.example>\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt failed.\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\nOriginal-Envelope-Id: env-1\n\n"
        f"Final-Recipient: rfc822; Bo@Example.Net\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {diagnostic}\n\n--b\nContent-Type: text/rfc822-headers\n\n"
        "Message-ID: <ours@night.example>\nSubject: P1\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    ("status", "diagnostic", "unreachable"),
    [
        ("5.1.1", "550 5.1.1 User unknown", True),
        ("5.0.0", "550 No such user here", True),
        ("5.4.4", "Host not found", True),
        ("5.2.2", "552 Mailbox full", False),
        ("5.7.1", "554 Message rejected as spam", False),
        ("5.0.0", "554 Transaction failed", False),
    ],
)
def test_only_what_says_that_nobody_is_there_makes_an_address_dead(
    status: str, diagnostic: str, unreachable: bool
) -> None:
    (report,) = read_reports(dsn(status, diagnostic))
    assert (report.action, report.recipient, report.unreachable) == ("failed", "bo@example.net", unreachable)
    assert (report.envelope_id, report.message_ids) == ("env-1", ("ours@night.example",))


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
def test_what_has_not_failed_is_never_dead(action: str) -> None:
    (report,) = read_reports(dsn("4.4.1" if action == "delayed" else "2.0.0", "250 user unknown", action))
    assert (report.action, report.unreachable) == (action, False)
