"""What is read out of a mail before a ticket is thought of: a mail inside it, and what a bureau took down."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.desk.bureau_mail import taken_down
from nightdesk.desk.forwarded import forwarded_in
from nightdesk.mailroom.letter import Letter, read_letter

FROM = "Cleo <cleo@acme.example>"
GMAIL = f"---------- Forwarded message ---------\nFrom: {FROM}\nDate: Tue\nSubject: Slow\nTo: <a@b.example>\n\nWords.\n"
OUTLOOK = f"FYI\n\n{'_' * 32}\nFrom: {FROM}\nSent: 3 March\nTo: Dee\nSubject: Slow\n\nWords.\n"
APPLE = f"Begin forwarded message:\n\n> From: {FROM}\n> Subject: Slow\n> Date: Tue\n> To: Dee\n> \n> Words.\n"
GERMAN = f"-----Ursprüngliche Nachricht-----\nVon: {FROM}\nGesendet: Dienstag\nAn: Dee\nBetreff: Slow\n\nWords.\n"


@pytest.mark.parametrize("text", [GMAIL, OUTLOOK, APPLE, GERMAN], ids=["gmail", "outlook", "apple", "german"])
def test_a_forwarded_mail_tells_whose_it_is(text):
    found = forwarded_in(Letter(title="Fwd: Slow", text=text))
    assert (found.address, found.name, found.title, found.text) == ("cleo@acme.example", "Cleo", "Slow", "Words.")


def test_what_stands_above_is_the_note_of_who_forwards():
    assert forwarded_in(Letter(title="FW: Slow", text=OUTLOOK)).note.startswith("FYI")


def test_a_mail_that_hangs_on_it_is_read_whole():
    inside = EmailMessage()
    inside["From"], inside["Subject"], inside["Message-ID"] = "Cleo <cleo@acme.example>", "Slow", "<x@acme.example>"
    inside.set_content("Words.")
    inside.add_attachment(b"log", "text", "plain", filename="a.txt")
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "dee@quay.example", "Fwd: Slow"
    mail.set_content("Please.")
    mail.add_attachment(inside)
    found = forwarded_in(read_letter(mail.as_bytes()))
    assert (found.address, found.text.strip(), found.note, found.message_id) == (
        "cleo@acme.example",
        "Words.",
        "Please.",
        "x@acme.example",
    )
    assert [one.name for one in found.files] == ["a.txt"]


@pytest.mark.parametrize("title", ["Re: Slow", "Slow", "For Information: x"])
def test_an_answer_that_quotes_is_no_forwarded_mail(title):
    text = "Thanks!\n\nFrom: Cleo <cleo@acme.example>\nSent: x\nTo: Dee\nSubject: Slow\n\nWords.\n"
    assert forwarded_in(Letter(title=title, text=text)) is None


@given(st.text(max_size=400), st.text(max_size=30))
def test_no_text_makes_either_stumble(text, title):
    forwarded_in(Letter(title=f"Fwd: {title}", text=text))
    taken_down(text)


@pytest.mark.parametrize(
    "text",
    [
        "In: 22:14\nNm: J. Smith\nTelephone Number: 020 7946 0018\n\nNo dial tone.\n",
        "Name: J. Smith\nPhone: +44 20 7946 0018\nCo: Acme\nMsg: No dial tone.\n",
        "Caller Name = J. Smith\nTel No = 020 7946 0018\nMessage = No dial tone.\n",
    ],
)
def test_what_a_bureau_took_down_has_a_name_a_number_and_a_message(text):
    told = taken_down(text)
    assert (told.name, told.message) == ("J. Smith", "No dial tone.")
    assert told.number.endswith("7946 0018")


@pytest.mark.parametrize(
    "text",
    [
        "Hello,\nFrom: Monday on the line is slow.\nRegards",
        "Name: J. Smith\nNumber: twelve\nMessage: x\n",
        "Name: J. Smith\nMessage: call me\nPriority: high\n",
    ],
)
def test_a_letter_is_not_taken_for_one(text):
    assert taken_down(text) is None
