"""A mail that was built once, with each recipient's values put into its bytes: it says what a mail built for them would say."""

import asyncio
import email
import email.policy
from datetime import UTC, date, datetime
from email.message import EmailMessage
from html import unescape
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels.driver import Outgoing, Said
from nightdesk.channels.drivers import email as driver
from nightdesk.channels.links import read_unsubscribe
from nightdesk.channels.mail_form import MailForm, as_json, form_of
from nightdesk.channels.models import Delivery
from nightdesk.channels.sender import values_of, with_values
from nightdesk.knowledge.phrases import put_in

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
SENDER = "Quayside <noc@quayside.example>"
TITLE = "{{ ticket }}: {{ service }} is down"
BODY = (
    "Dear {{ customer }},\n\n{{ service }} is down since 04:12.\nYour ticket is {{ ticket }}. {{ no_such }} {{ ticket\n"
)


def said(title: str = TITLE, body: str = BODY, **form: object) -> Said:
    return Said(UUID(int=7), AT, "outage.update", "outage", "42", title, body, mail=MailForm(**form))  # type: ignore[arg-type]


def wire(words: Said, values: dict[str, str], number: int = 1) -> bytes:
    outgoing = Outgoing(
        words, UUID(int=number), date(2026, 11, 1), 1, 1, f"person{number}@x.example", "", AT, None, values=values
    )
    raw, message_id = asyncio.run(driver._ready(outgoing, SENDER))
    assert message_id == f"<{UUID(int=number)}@quayside.example>"
    return raw


def parsed(raw: bytes) -> EmailMessage:
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    assert not found.defects
    return str(found.get_content()).replace("\r\n", "\n")


VALUES = {"ticket": "T-1042", "customer": "Harbour & Söhne <GmbH>", "service": "Leased line Dock Street"}


def test_each_place_has_its_value_in_head_text_and_html() -> None:
    mail = parsed(wire(said(), VALUES))
    assert mail["Subject"] == "T-1042: Leased line Dock Street is down"
    assert mail["To"] == "person1@x.example"
    assert "Dear Harbour & Söhne <GmbH>,\n" in part(mail, "plain")
    assert "{{ no_such }} {{ ticket\n" in part(mail, "plain")
    assert "Dear Harbour &amp; Söhne &lt;GmbH&gt;,<br>" in part(mail, "html")
    assert "<strong>T-1042: Leased line Dock Street is down</strong>" in part(mail, "html")


def test_a_message_without_values_is_left_as_it_was_written() -> None:
    mail = parsed(wire(said("{{ $labels.instance }} {{ ticket }}", "{{ ticket }}"), {}))
    assert mail["Subject"] == "{{ $labels.instance }} {{ ticket }}"
    assert part(mail, "plain") == "{{ ticket }}\n"


def test_it_is_built_once_for_all() -> None:
    driver._rendered.cache_clear()
    for number in range(1, 6):
        assert parsed(wire(said(), {**VALUES, "ticket": f"T-{number}"}, number))["Subject"].startswith(f"T-{number}:")
    assert driver._rendered.cache_info().misses == 1


# Of what a letter may hold: no control characters, which e-mail cannot carry, and no halves of surrogate pairs.
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=120)
LINES = st.lists(WORDS, max_size=3).map("\n".join)


@given(title=WORDS, customer=LINES, ticket=LINES)
def test_whatever_is_put_in_says_itself_and_nothing_else(title: str, customer: str, ticket: str) -> None:
    values = {"customer": customer, "ticket": ticket, "service": "{{ ticket }}"}
    words = said(f"{title} {{{{ ticket }}}}", "{{ customer }}: {{ ticket }}\n{{ service }}\n.\nend")
    raw = wire(words, values)
    mail, plain = parsed(raw), parsed(wire(words, {}))
    expected = f"{customer}: {ticket}\n{{{{ ticket }}}}\n.\nend\n"
    assert part(mail, "plain") == expected
    shown = part(mail, "html").partition("</p>\n<p>")[2].partition("</p>")[0]
    assert unescape(shown.replace("<br>\n", "\n")) == expected[:-1]
    assert [name for name, _ in mail.items()] == [name for name, _ in plain.items()], "nothing gets into the head"
    assert "".join(str(mail["Subject"]).split()) == "".join(put_in(words.title, values).split())
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    body = raw.partition(b"\r\n\r\n")[2]
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))


@given(value=st.text(max_size=60))
def test_nothing_put_into_a_subject_leaves_it(value: str) -> None:
    raw = wire(said("{{ ticket }}", "x"), {"ticket": value})
    head = raw.partition(b"\r\n\r\n")[0]
    assert [name for name, _ in parsed(raw).items()] == [name for name, _ in parsed(wire(said("-", "x"), {})).items()]
    assert not any((octet < 32 and octet not in (10, 13)) or octet > 126 for octet in head)


def test_a_letters_own_html_has_its_places_filled_too() -> None:
    mail = parsed(wire(said(html="<p>Dear {{ customer }}</p>\n<p>Nothing else</p>"), VALUES))
    assert part(mail, "html") == "<p>Dear Harbour &amp; Söhne &lt;GmbH&gt;</p>\n<p>Nothing else</p>\n"


def test_whoever_may_unsubscribe_is_told_where_by_one_click() -> None:
    row = Delivery(values={**VALUES, "unsubscribe": "subscriber:0199"})
    values = dict(values_of(row))
    words = said(
        body=f"{BODY}Unsubscribe: {{{{ unsubscribe }}}}", list_id=("Outages of Quayside", "outages.quayside.example")
    )
    mail = parsed(wire(words, values))
    address = str(mail["List-Unsubscribe"]).strip("<>")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "Outages of Quayside <outages.quayside.example>"
    assert read_unsubscribe(address.rpartition("/")[2]) == ("subscriber", "0199")
    assert f"Unsubscribe: {address}\n" in part(mail, "plain")
    other = parsed(wire(words, VALUES))
    assert other["List-Unsubscribe"] is None
    assert other["List-Unsubscribe-Post"] is None


def test_the_name_of_a_list_comes_back_from_the_ledger() -> None:
    form = MailForm(list_id=("Outages", "outages.x.example"))
    assert form_of(as_json(form)) == form


def test_a_text_says_each_recipients_values() -> None:
    told = with_values(said(), VALUES)
    assert told.title == "T-1042: Leased line Dock Street is down"
    assert "Dear Harbour & Söhne <GmbH>," in told.body
    assert with_values(said(), {}) == said()
