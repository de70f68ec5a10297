"""Answers by mail and reports of mail servers: whose they are, what they do, and what they never do."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import Forbidden, NotFound
from nightdesk.channels import answering
from nightdesk.channels.actions import ANSWERS_IN_TEN_MINUTES, Recipient, queue_message, save_route, take_mail_answer
from nightdesk.channels.answers import parse_answer
from nightdesk.channels.links import make_key, read_key
from nightdesk.channels.models import Delivery, Message
from nightdesk.channels.queries import recipient_of
from nightdesk.mailroom.actions import add_address, read_mail, receive_mail
from nightdesk.mailroom.models import Mail
from nightdesk.mailroom.own_words import own_words
from nightdesk.people.models import ContactMethod, Person

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
BO, BO_HOME, AL = "bo@example.net", "bo@home.example", "al@example.net"
HOW: dict[str, Any] = {"by": SCHEDULER, "via": Door.EMAIL, "at": AT}


@dataclass
class Desk:
    """Bo and Al have mail; what their answers did is in `asked`."""

    bo: Person
    al: Person
    at: datetime = AT
    asked: list[tuple[str, str, str, str, Door]] = field(default_factory=list)

    def told(self, page: str = "p1", code: str = "12", address: str = BO) -> Delivery:
        answers = {verb: [f"page.{verb}", "page", page] for verb in ("acknowledge", "note")}
        message = queue_message(
            kind="page.rung", subject=("page", page), title=f"P1 {page}", body="", code=code, answers=answers, brand_id=None,
            to=[Recipient("person", self.bo.id, "email", address, self.at)], **(HOW | {"at": self.at}),
        )  # fmt: skip
        route = save_route(channel="email", driver="email", name=f"mail {page}", config={"host": "x"}, **HOW)
        Delivery.objects.filter(message_id=message.id).update(
            state="accepted", accepted_at=self.at, attempt=1, route_id=route.id, ended_at=self.at
        )
        return Delivery.objects.get(message_id=message.id)

    def mail(self, to: str, body: str = "ok", sender: str = BO, **headers: str) -> Mail:
        """A mail comes in and is read."""
        self.at += timedelta(seconds=1)
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, to, "Re: P1"
        mail["Message-ID"] = f"<{uuid7()}@example.net>"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(body)
        row = receive_mail(way="smtp", raw=mail.as_bytes(), sender=sender, recipients=[to], **(HOW | {"at": self.at}))
        read_mail(mail_id=row.id, **(HOW | {"at": self.at}))
        row.refresh_from_db()
        return row

    def said(self) -> list[tuple[str, str]]:
        rows = Delivery.objects.filter(message_id__in=Message.objects.filter(kind__startswith="answer").values("id"))
        titles = {message.id: message.title for message in Message.objects.all()}
        return [(row.address, titles[row.message_id]) for row in rows.order_by("id")]


@pytest.fixture
def desk(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk(Person.objects.create(name="Bo"), Person.objects.create(name="Al"))
    for person, address in ((made.bo, BO), (made.bo, BO_HOME), (made.al, AL)):
        ContactMethod.objects.create(person=person, channel="email", address=address)

    def verb(name: str) -> answering.Verb:
        def act(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
            made.asked.append((name, subject_id, text, by.name, via))
            return f"You have {subject_id}."

        return act

    for name in ("acknowledge", "note"):
        monkeypatch.setitem(answering.ANSWER_VERBS, f"page.{name}", verb(name))
    with clock.replaced_by(lambda: made.at):
        add_address(address="@night.example", **HOW)
        yield made


def key_address(delivery: Delivery, word: str = "page") -> str:
    return f"{word}+{make_key(delivery.id, delivery.month)}@night.example"


@given(st.uuids(), st.dates(date(2020, 1, 1), date(2200, 1, 1)))
def test_a_key_comes_back_in_any_case_and_no_other_is_ours(number: Any, day: Any) -> None:
    month = day.replace(day=1)
    key = make_key(number, month)
    assert len(key) == 45
    assert read_key(key) == read_key(key.upper()) == (number, month)
    other = ("a" if key[20] != "a" else "b").join((key[:20], key[21:]))
    with pytest.raises(NotFound):
        read_key(other)


@pytest.mark.parametrize("sender", [BO, BO.upper(), BO_HOME])
def test_ok_from_any_address_of_the_recipient_takes_the_page_and_is_said_back_there(desk: Desk, sender: str) -> None:
    mail = desk.mail(key_address(desk.told()), "OK\n\nBo", sender)
    assert (mail.standing, mail.outcome) == ("done", "You have p1.")
    assert desk.asked == [("acknowledge", "p1", "", "Bo", Door.EMAIL)]
    assert desk.said() == [(sender.lower(), "You have p1.")]


@pytest.mark.parametrize("sender", [AL, "mallory@elsewhere.example", "bo@example.net.evil.example"])
def test_nobody_else_answers_for_the_recipient_whatever_they_know(desk: Desk, sender: str) -> None:
    mail = desk.mail(key_address(desk.told()), "ok", sender)
    assert (mail.standing, desk.asked, desk.said()) == ("kept", [], [])
    assert sender in mail.outcome
    delivery = desk.told("p2")
    with pytest.raises(Forbidden):
        take_mail_answer(delivery_id=delivery.id, month=delivery.month, words="ok", sender=sender,
                         **(HOW | {"by": recipient_of(delivery)}))  # fmt: skip


def test_a_guessed_key_answers_nothing(desk: Desk) -> None:
    desk.told()
    mail = desk.mail(f"page+{'a' * 45}@night.example")
    assert (mail.standing, desk.asked) == ("kept", [])


def test_an_answer_without_its_key_is_found_by_the_ids_that_it_answers(desk: Desk) -> None:
    delivery = desk.told()
    desk.mail("pager@night.example", References=f"<page.p1@x> <{delivery.id}@night.example>")
    assert [asked[:2] for asked in desk.asked] == [("acknowledge", "p1")]


def test_a_code_names_another_page(desk: Desk) -> None:
    first, _second = desk.told("p1", "11"), desk.told("p2", "22")
    desk.mail(key_address(first), "22 ok")
    assert [asked[1] for asked in desk.asked] == ["p2"]
    mail = desk.mail(key_address(first), "33 ok")
    assert "33" in mail.outcome
    assert len(desk.asked) == 1


def test_other_words_become_a_note_and_what_is_understood_is_said_once(desk: Desk) -> None:
    address = key_address(desk.told())
    for _time in range(3):
        desk.mail(address, "ok but I cannot log in, wake Al")
    assert {asked[0] for asked in desk.asked} == {"note"}
    assert len(desk.said()) == 1


@pytest.mark.parametrize("header", [{"Precedence": "auto_reply"}, {"X_Precedence": "auto-reply"}])
def test_what_may_be_an_automatic_reply_commands_nothing_and_is_not_answered(
    desk: Desk, header: dict[str, str]
) -> None:
    mail = desk.mail(key_address(desk.told()), **header)
    assert (mail.standing, desk.asked, desk.said()) == ("kept", [], [])
    assert "may be an automatic reply" in mail.outcome


def test_a_machine_that_answers_for_ever_is_not_answered_for_ever(desk: Desk) -> None:
    address = key_address(desk.told())
    for _time in range(ANSWERS_IN_TEN_MINUTES + 5):
        desk.mail(address, "ok")
    assert len(desk.said()) == ANSWERS_IN_TEN_MINUTES


@pytest.mark.parametrize(
    "words", ["ok but wake Al\n\nBo", "ok\nbut wake Al\nBo", "not ok\n\nOn Tuesday N <n@x> wrote:\n> x", "Bo"]
)
def test_leaving_out_signatures_makes_no_command_of_other_words(words: str) -> None:
    assert parse_answer(own_words(words, ("Bo Lindqvist",))) is None


# --- Reports -----------------------------------------------------------------------------------------------------------


def report_mail(delivery: Delivery, action: str, status: str, said: str, to: str) -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: Undelivered\r\nMessage-ID: <{uuid7()}@mx.example>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {delivery.address}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {said}\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: <{delivery.id}@night.example>\r\n--b--\r\n"
    ).encode()


def reported(desk: Desk, delivery: Delivery, action: str, status: str, said: str, to: str = "") -> Mail:
    to = to or key_address(delivery, "bounce")
    raw = report_mail(delivery, action, status, said, to)
    row = receive_mail(way="lmtp", raw=raw, sender="", recipients=[to], **HOW)
    read_mail(mail_id=row.id, **HOW)
    row.refresh_from_db()
    delivery.refresh_from_db()
    return row


@pytest.mark.parametrize("to", ["", "pager@night.example"])
def test_a_dead_address_fails_its_delivery_and_is_marked_at_its_person(desk: Desk, to: str) -> None:
    delivery = desk.told()
    mail = reported(desk, delivery, "failed", "5.1.1", "550 User unknown", to)
    assert (mail.standing, delivery.state) == ("done", "failed")
    broken = ContactMethod.objects.get(address=BO)
    assert broken.broken_at == AT
    assert "User unknown" in broken.broken_why
    assert ContactMethod.objects.get(address=BO_HOME).broken_at is None
    assert desk.asked == []


def test_a_full_mailbox_lets_the_next_route_try_and_marks_nobody(desk: Desk) -> None:
    delivery = desk.told()
    reported(desk, delivery, "failed", "5.2.2", "552 Mailbox full")
    assert (delivery.state, delivery.ended_at, delivery.due_at) == ("failed_for_now", None, AT)
    assert ContactMethod.objects.get(address=BO).broken_at is None


@pytest.mark.parametrize(
    ("action", "state"), [("delayed", "accepted"), ("relayed", "accepted"), ("delivered", "delivered")]
)
def test_what_has_not_failed_changes_nothing_but_a_receipt(desk: Desk, action: str, state: str) -> None:
    delivery = desk.told()
    mail = reported(desk, delivery, action, "4.4.1" if action == "delayed" else "2.0.0", "not yet")
    assert (mail.standing, delivery.state) == ("done", state)
    assert ContactMethod.objects.get(address=BO).broken_at is None


def test_a_report_that_proves_nothing_marks_nobody(desk: Desk) -> None:
    """Whoever forges one knows the address, and neither key nor id."""
    delivery = desk.told()
    raw = report_mail(delivery, "failed", "5.1.1", "550 User unknown", "x").replace(str(delivery.id).encode(), b"other")
    row = receive_mail(way="lmtp", raw=raw, sender="", recipients=["pager@night.example"], **HOW)
    read_mail(mail_id=row.id, **HOW)
    row.refresh_from_db()
    delivery.refresh_from_db()
    assert (row.standing, delivery.state) == ("kept", "accepted")
    assert ContactMethod.objects.get(address=BO).broken_at is None
