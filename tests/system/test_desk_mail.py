"""A customer and the desk write to each other, all of it real: Nightdesk, postfix and dovecot; nothing lost, nothing double."""

import re
import smtplib
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage, Message
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.peers.mail_servers import Dovecot, Postfix, can_run_postfix
from tests.requires import requires
from tests.system.browser import chromium
from tests.system.stack import Stack, free_port, stack, until

pytestmark = [
    requires("postfix", "dovecot"),
    pytest.mark.skipif(not can_run_postfix(), reason="postfix' master starts only as root"),
]
CLEO, KIM, GONE = "cleo@acme.example", "kim@acme.example", "gone@acme.example"
BO, AL, HELP, SUPPORT = "bo@quayside.example", "al@quayside.example", "help@other.example", "support@night.example"
BELIEVED = "mx.test.example"
WITHIN_S = 120.0


@dataclass
class Desk:
    """The desk's post. `postfix` is everybody's mail server, and the one whose word Nightdesk believes."""

    stack: Stack
    dovecot: Dovecot
    postfix: Postfix

    def write(self, sender: str, to: str, subject: str, body: str, **headers: str) -> str:
        """A mail program sends it, as soon as the server takes it; its Message-ID."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, to, subject
        mail["Message-ID"] = f"<{uuid4()}@client.example>"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(body)
        end = time.monotonic() + WITHIN_S
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=20) as session:
                    session.sendmail(sender, [to, *headers.get("Cc", "").split()], mail.as_bytes())
                return str(mail["Message-ID"])
            except (OSError, smtplib.SMTPException):
                assert time.monotonic() < end, "the mail server takes nothing"
                time.sleep(0.2)

    def as_bo(self, to: str, body: str) -> None:
        """Bo answers from his own mail program; his mail server says that it is he."""
        proof = f"{BELIEVED}; dmarc=pass header.from=quayside.example"
        self.write(BO, to, "Re: the customer wrote", body, Authentication_Results=proof)

    def got(self, who: str, words: str, count: int = 1) -> Message:
        """The newest of at least `count` mails in the mailbox that hold the words."""

        def found() -> list[Message]:
            return [one for one in self.dovecot.mails(who) if words in text_of(one)]

        until(
            lambda: len(found()) >= count,
            WITHIN_S,
            f"{who} has {words!r}: {[m['Subject'] for m in self.dovecot.mails(who)]}",
        )
        assert len(found()) == count, f"{who} has {words!r} {len(found())} times"
        return found()[-1]

    def said(self, number: int, kind: str) -> list[str]:
        """What stands in the story of the ticket with that number, by kind of entry."""
        query = (
            "SELECT e.text FROM desk_entry e JOIN desk_ticket t ON t.id = e.ticket_id "
            "WHERE t.number = %s AND e.kind = %s ORDER BY e.at, e.id"
        )
        return [str(row[0]).strip() for row in self.stack.rows(query, number, kind)]

    def says(self, number: int, kind: str, told: Callable[[list[str]], bool]) -> list[str]:
        """The same, once it is as told."""
        until(lambda: told(self.said(number, kind)), WITHIN_S, f"#{number} {kind}: {self.said(number, kind)}")
        return self.said(number, kind)

    def number(self, mail: Message) -> int:
        """Of the ticket whose tag stands in the subject."""
        return int(str(mail["Subject"]).partition("[quayside#")[2].partition("]")[0])


def text_of(mail: Message) -> str:
    """Its plain text."""
    part = mail.get_body(("plain",)) if isinstance(mail, EmailMessage) else None
    return str(part.get_content()) if part is not None else ""


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    smtp, lmtp = free_port(), free_port()
    with (
        Dovecot([CLEO, KIM, BO, AL, HELP]) as dovecot,
        Postfix(dovecot, {"night.example": f"lmtp:inet:127.0.0.1:{lmtp}"}) as postfix,
        stack(
            NIGHTDESK_MAIL_LISTEN=f"127.0.0.1:{smtp}",
            NIGHTDESK_LMTP_LISTEN=f"127.0.0.1:{lmtp}",
            NIGHTDESK_MAIL_FROM="Nightdesk <pager@night.example>",
        ) as running,
    ):
        running.stage(
            people=[
                {"name": "Bo Lindqvist", "email": BO, "phone": "+447700900101"},
                {"name": "Al Night", "email": AL, "phone": "+447700900102"},
            ],
            smtp={"host": "127.0.0.1", "port": postfix.port, "receipts": True},
            step_s=3600,
            formats=[],
            addresses=["@night.example"],
            desk=SUPPORT,
            surveys=True,
            believed=BELIEVED,
            customers=[["Cleo", CLEO], ["Gone", GONE]],
        )
        yield Desk(running, dovecot, postfix)


def test_a_customer_is_acknowledged_answered_and_answers_from_two_other_mail_programs(desk: Desk) -> None:
    first = desk.write(CLEO, SUPPORT, "The line is slow", "It crawls since nine.", Cc=KIM)
    receipt = desk.got(CLEO, "We have your message")
    number = desk.number(receipt)
    assert receipt["In-Reply-To"] == first
    assert receipt["Return-Path"] == "<>"
    assert receipt["Auto-Submitted"] == "auto-replied"
    answer_to = str(receipt["Reply-To"])
    assert answer_to.startswith("ticket+")

    desk.as_bo(answer_to, "We look into it.\n\nBo")
    reply = desk.got(CLEO, "We look into it.")
    copy = desk.got(KIM, "We look into it.")
    assert reply["Message-ID"] == copy["Message-ID"]
    assert (reply["From"], reply["Auto-Submitted"]) == (f"Quayside Networks <{SUPPORT}>", None)
    assert {KIM in str(reply["Cc"]), CLEO in str(copy["To"])} == {True}
    assert str(reply["References"]).split() == [first, str(receipt["Message-ID"])]
    assert "> It crawls since nine." in text_of(reply)
    assert "What happens next" in text_of(reply)

    outlook = (
        "Port 7.\n\n________________________________\nFrom: Quayside\nSent: x\nTo: Cleo\nSubject: y\n\n"
        + text_of(reply)
    )
    desk.write(
        CLEO, answer_to, f"RE: {reply['Subject']}", outlook, Thread_Index="AdX", X_Mailer="Microsoft Outlook 16.0"
    )
    gmail = "And now it is fast.\n\nOn Tue, 3 Mar 2026 Quayside wrote:\n> We look into it.\n"
    desk.write(
        KIM,
        SUPPORT,
        "Re: The line is slow",
        gmail,
        In_Reply_To=str(reply["Message-ID"]),
        References=f"{reply['References']} {reply['Message-ID']}",
    )
    said = desk.says(number, "message_in", lambda texts: len(texts) == 3)
    assert said[0] == "It crawls since nine."
    assert {said[1].partition("\n")[0], said[2].partition("\n")[0]} == {"Port 7.", "And now it is fast."}
    desk.got(BO, "Port 7.")
    assert len(desk.said(number, "message_out")) == 2
    assert "pager@night.example" not in desk.stack.rows("SELECT string_agg(address, ' ') FROM desk_party")[0][0]


def test_a_reply_that_bounces_stands_on_its_ticket_and_makes_none(desk: Desk) -> None:
    desk.write(GONE, SUPPORT, "I leave", "My mailbox will be gone.")
    query = "SELECT number FROM desk_ticket WHERE title = 'I leave'"
    until(lambda: desk.stack.rows(query), WITHIN_S, "there is a ticket")
    number = int(desk.stack.rows(query)[0][0])
    body = (
        "SELECT m.mail->>'reply_to' FROM channels_message m JOIN desk_ticket t ON t.id::text = m.subject_id "
        "WHERE t.number = %s"
    )
    until(lambda: desk.stack.rows(body, number), WITHIN_S, "it was acknowledged")
    desk.as_bo(str(desk.stack.rows(body, number)[0][0]), "Where are you now?")
    said = desk.says(number, "system", bool)
    assert f"could not be delivered to {GONE}" in said[0]
    desk.got(BO, f"could not be delivered to {GONE}")
    tickets = desk.stack.rows(
        "SELECT count(*) FROM desk_ticket WHERE title LIKE '%%Undelivered%%' OR requester_address = ''"
    )
    assert tickets == [(0,)]


@contextmanager
def auto_responder(desk: Desk) -> Iterator[list[str]]:
    """A helpdesk of others that answers every mail, and hides it: no header, no thread, each time another subject."""
    answered: list[str] = []
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.1):
            for mail in desk.dovecot.mails(HELP)[len(answered) :]:
                answered.append(str(mail["Subject"]))
                words = f"Thank you for your mail. It is our case {len(answered)}."
                desk.write(HELP, SUPPORT, f"Case {len(answered)} was opened", words)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answered
    finally:
        over.set()
        thread.join(10)


def test_two_helpdesks_that_answer_each_other_stop(desk: Desk) -> None:
    with auto_responder(desk) as answered:
        desk.write(HELP, SUPPORT, "Case 0 was opened", "Thank you for your mail.")
        braked = "SELECT count(*) FROM desk_acknowledgement WHERE address = %s AND brake = 'hour'"
        until(lambda: desk.stack.rows(braked, HELP) == [(1,)], WITHIN_S, f"the brake engages; answered: {answered}")
        desk.got(BO, "A brake engaged")
    assert len(answered) == 3
    rows = desk.stack.rows("SELECT count(*) FROM desk_ticket WHERE requester_address = %s", HELP)
    assert rows == [(4,)]
    assert desk.stack.rows("SELECT count(*) FROM mailroom_mail WHERE standing IN ('failed', 'waiting')") == [(0,)]


def test_a_mail_of_another_nightdesk_is_not_answered(desk: Desk) -> None:
    desk.write(KIM, SUPPORT, "From another Nightdesk", "Hello.", X_Nightdesk="ab" * 8)
    query = (
        "SELECT a.why FROM desk_acknowledgement a JOIN desk_ticket t ON t.id = a.ticket_id "
        "WHERE t.title = 'From another Nightdesk'"
    )
    assert until(lambda: desk.stack.rows(query), WITHIN_S, "it is a ticket") == [("it is from another Nightdesk",)]


@requires("chromium")
def test_a_closed_ticket_asks_how_we_did_and_one_click_in_the_mail_says_it(desk: Desk) -> None:
    desk.write(KIM, SUPPORT, "A new socket", "We need a socket by the window.")
    query = "SELECT number FROM desk_ticket WHERE title = 'A new socket'"
    (found,) = until(lambda: desk.stack.rows(query), WITHIN_S, "it is a ticket")
    number = str(found[0])
    told = ("--wrong", "None was there", "--done", "We put one in", "--do", "Nothing")
    desk.stack.cli("tickets", "resolve", number, *told)
    desk.stack.cli("tickets", "close", number)
    mail = desk.got(KIM, "How did we do?")
    links = re.findall(r"(?m)^([a-z -]+): (http\S+)$", text_of(mail))
    assert [words for words, _link in links] == ["very well", "well", "so-so", "badly", "very badly"]
    kept = "SELECT s.score, s.words FROM desk_survey s JOIN desk_ticket t ON t.id = s.ticket_id WHERE t.number = %s"
    with chromium() as browser, browser.new_context(viewport={"width": 375, "height": 800}) as context:
        assert urllib.request.urlopen(links[0][1], timeout=60).status == 200
        assert desk.stack.rows(kept, found[0]) == [(None, "")], "a mail scanner that opens a link says nothing"
        page = context.new_page()
        page.goto(links[0][1])
        expect(page.get_by_text("You said: Very well.")).to_be_visible()
        assert desk.stack.rows(kept, found[0]) == [(5, "")]
        page.get_by_label("What should we do better, or again?").fill("Tell us the day before.")
        page.get_by_role("button", name="Send it").click()
        expect(page.get_by_text("Your words are with us too.")).to_be_visible()
        assert desk.stack.rows(kept, found[0]) == [(5, "Tell us the day before.")]
        page.get_by_text("Change what you said").click()
        page.get_by_role("button", name="Badly", exact=True).click()
        expect(page.get_by_text("You said: Badly.")).to_be_visible()
        assert desk.stack.rows(kept, found[0]) == [(2, "Tell us the day before.")]


def test_nothing_is_lost_or_doubled_while_the_mail_server_is_restarted(desk: Desk) -> None:
    answer_to = str(desk.got(CLEO, "We have your message")["Reply-To"])
    number = desk.number(desk.got(CLEO, "We have your message"))
    before = len(desk.said(number, "message_in"))
    mails = 12

    def write() -> None:
        for one in range(mails):
            desk.write(CLEO, answer_to, f"more {one}", f"More number {one}.")

    writer = threading.Thread(target=write)
    writer.start()
    desk.as_bo(answer_to, "Before the restart.")
    desk.says(number, "message_out", lambda texts: "Before the restart." in texts)
    desk.postfix.stop()
    time.sleep(1)  # outage, on purpose: mails of ours and of others run against a closed door
    desk.postfix.start()
    desk.as_bo(answer_to, "After the restart.")
    writer.join(WITHIN_S)
    said = desk.says(number, "message_in", lambda texts: len(texts) >= before + mails)[before:]
    assert sorted(said) == sorted(f"More number {one}." for one in range(mails))
    desk.got(CLEO, "Before the restart.")
    desk.got(CLEO, "After the restart.")
    assert desk.stack.rows("SELECT count(*) FROM mailroom_mail WHERE standing IN ('failed', 'waiting')") == [(0,)]
