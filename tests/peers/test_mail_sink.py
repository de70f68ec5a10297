"""The mail sink, driven by smtplib (sync, the standard library's) and aiosmtplib (the product's)."""

import asyncio
import smtplib
import ssl
import time
from collections.abc import Iterator
from email.message import EmailMessage

import aiosmtplib
import pytest

from tests.peers.mail_sink import MailSink


def letter(to: str = "bo@example.org", body: str = "db down") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@example.com", to, "Störung"
    message.set_content(body)
    return message


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with MailSink() as sink:
        yield sink


def send(sink: MailSink, message: EmailMessage, *to: str) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP(sink.host, sink.port, timeout=30) as client:
        return client.send_message(message, to_addrs=list(to) or None)


def test_a_mail_is_kept_as_it_came(sink):
    began = time.time()
    send(sink, letter(body="one\n.two starts with a dot\n"), "bo@example.org", "al@example.org")
    kept = sink.mails.one()
    assert (kept.sender, kept.recipients) == ("desk@example.com", ("bo@example.org", "al@example.org"))
    assert kept.message["Subject"] == "Störung"
    assert kept.message.get_content().splitlines() == ["one", ".two starts with a dot"]
    assert b"\r\n.two" in kept.raw
    assert began <= kept.received_at <= time.time()
    assert (kept.tls, kept.user, kept.answered) == (False, None, True)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_with_a_password_set_only_its_holder_may_send(mechanism):
    with MailSink(user="desk", password="secret") as sink:
        with pytest.raises(smtplib.SMTPSenderRefused):
            send(sink, letter())
        with smtplib.SMTP(sink.host, sink.port, timeout=30) as client:
            client.ehlo()
            client.user, client.password = "desk", "wrong"
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.auth(mechanism[5:].upper(), getattr(client, mechanism))
            client.password = "secret"
            client.auth(mechanism[5:].upper(), getattr(client, mechanism))
            client.send_message(letter())
        assert sink.mails.one().user == "desk"


def test_starttls_is_real_and_its_certificate_holds_only_for_those_who_know_it():
    with MailSink(user="desk", password="secret", require_starttls=True) as sink:
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            send(sink, letter())
        assert refused.value.smtp_code == 530
        with smtplib.SMTP("localhost", sink.port, timeout=30) as client, pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())

        async def product_client() -> None:
            await aiosmtplib.send(
                letter(),
                hostname=sink.host,
                port=sink.port,
                start_tls=True,
                tls_context=sink.client_tls(),
                username="desk",
                password="secret",
                timeout=30,
            )

        asyncio.run(product_client())
        kept = sink.mails.one()
        assert (kept.tls, kept.user) == (True, "desk")


@pytest.mark.parametrize(("trouble", "code"), [("temporary", 451), ("permanent", 550)])
def test_a_refused_recipient_does_not_spoil_the_others_and_can_be_tried_again(sink, trouble, code):
    sink.script(trouble, to="bo@example.org")
    refused = send(sink, letter(), "bo@example.org", "al@example.org")
    assert {address: answer[0] for address, answer in refused.items()} == {"bo@example.org": code}
    assert sink.mails.one().recipients == ("al@example.org",)
    assert (sink.refusals.one().recipient, sink.refusals.one().trouble) == ("bo@example.org", trouble)
    assert send(sink, letter(), "bo@example.org") == {}


def test_a_script_lasts_as_long_as_it_says(sink):
    sink.script("temporary", times=2)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(sink, letter())
    assert send(sink, letter()) == {}


def test_a_hanging_server_never_answers_keeps_nothing_and_still_stops(sink):
    sink.script("hang")
    with smtplib.SMTP(sink.host, sink.port, timeout=0.2) as client:
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            client.send_message(letter())
        client.close()
    assert sink.refusals.one().trouble == "hang"
    assert sink.mails.all() == []


@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_dropped_after_the_data_leaves_a_mail_that_the_sender_cannot_be_sure_of(tls):
    with MailSink(starttls=tls) as sink:
        sink.script("drop")
        with smtplib.SMTP("localhost", sink.port, timeout=30) as client:
            if tls:
                client.starttls(context=sink.client_tls())
            with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
                client.send_message(letter())
            client.close()
        assert sink.mails.one().answered is False
        assert sink.mails.one().tls is tls


def test_waiting_has_an_end(sink):
    began = time.monotonic()
    with pytest.raises(AssertionError, match=r"0 of 1 came within 0\.1 s"):
        sink.mails.one(seconds=0.1)
    assert time.monotonic() - began < 20
