"""The worker's own thread with real peers: a text and a mail go out, the receipt and the reply come back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.worker import Shift
from nightdesk.channels import answering
from nightdesk.channels.account_mail import LedgerBackend
from nightdesk.channels.actions import PRIVATE_KEPT, Recipient, queue_message, save_route, supersede_deliveries
from nightdesk.channels.models import Delivery, Message
from nightdesk.channels.sender import send_messages
from nightdesk.people.models import Person
from tests.peers import sms_provider
from tests.peers.mail_sink import MailSink
from tests.peers.sms_provider import SmsProvider

BO_PHONE, BO = "+447700900123", "bo@night.example"


@contextmanager
def working() -> Iterator[Shift]:
    """A worker's thread that sends."""
    shift = Shift("test")

    def run() -> None:
        try:
            send_messages(shift)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield shift
    finally:
        shift.stop()
        thread.join(60)
        assert not thread.is_alive()


def doing() -> dict[str, Any]:
    return {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}


def mail_route(sink: MailSink) -> None:
    config = {"host": sink.host, "port": sink.port, "security": "none"}
    save_route(channel="email", driver="email", name="mail", config=config, **doing())


def wait_for(row: Delivery, *states: str) -> None:
    pause = threading.Event()
    for _ in range(3000):
        row.refresh_from_db()
        if row.state in states:
            return
        pause.wait(0.02)
    raise AssertionError(f"it is {row.state} ({row.reason})")


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("nightdesk.channels.api")
def test_a_page_goes_out_by_text_and_mail_and_ok_comes_back_once(
    live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_URL = live_server.url
    taken: list[str] = []

    def acknowledge(subject_id: str, text: str, by: Actor, via: Door, at: Any) -> str:
        taken.append(by.name)
        supersede_deliveries(subject=("page", subject_id), by=by, via=via, at=at)
        return "You have it."

    monkeypatch.setitem(answering.ANSWER_VERBS, "page.acknowledge", acknowledge)
    bo = Person.objects.create(name="Bo")
    with MailSink() as sink, SmsProvider() as provider, working() as shift:
        mail_route(sink)
        config = {"base_url": provider.url, "account_sid": provider.account_sid, "from": provider.numbers[0]}
        secrets = {"auth_token": provider.auth_token}
        texts = save_route(channel="sms", driver="twilio", name="texts", config=config, secrets=secrets, **doing())
        provider.incoming_url = f"{live_server.url}/providers/twilio/{texts.id}/sms"
        provider.script(sms_provider.TWICE)
        at = clock.now()
        due = [("sms", BO_PHONE, at), ("email", BO, at), ("email", "later@night.example", at + timedelta(minutes=5))]
        queue_message(
            kind="page.rung", subject=("page", "7"), title="P1 db down", body="Reply ok 12, or open {link}", brand_id=None,
            to=[Recipient("person", bo.id, channel, address, due_at) for channel, address, due_at in due],
            code="12", answers={"acknowledge": ["page.acknowledge", "page", "7"]}, **doing(),
        )  # fmt: skip
        shift.wake()
        text, mail = provider.messages.one(), sink.mails.one()
        assert f"{live_server.url}/a/" in text.body
        assert mail.recipients == (BO,)
        wait_for(Delivery.objects.get(channel="sms"), "delivered")
        wait_for(Delivery.objects.get(address=BO), "accepted")
        for _ in range(2):
            assert provider.reply(BO_PHONE, provider.numbers[0], "ok").answer_status == 200
        shift.wake()
        provider.messages.one(lambda message: message.body == "You have it.")
        assert provider.callbacks.all(lambda call: call.answer_status != 200) == []
        assert taken == ["Bo", "Bo"], "two handsets' texts are two answers"
        wait_for(Delivery.objects.get(address="later@night.example"), "superseded")


@pytest.mark.django_db(transaction=True)
def test_two_thousand_urgent_mails_reach_a_real_server() -> None:
    with MailSink() as sink, working() as shift:
        mail_route(sink)
        at = clock.now()
        to = [Recipient("contact", number, "email", f"c{number}@x.example", at) for number in range(2000)]
        queue_message(kind="x", subject=("page", "7"), title="t", body="b", to=to, brand_id=None, **doing())
        shift.wake()
        mails = sink.mails.wait(2000, seconds=60)
        assert len({mail.recipients for mail in mails}) == 2000
        wait_for(Delivery.objects.order_by("-id")[0], "accepted")
    assert Delivery.objects.exclude(state="accepted").count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_log_in_code_goes_out_by_the_ledger_and_is_forgotten() -> None:
    with MailSink() as sink, working() as shift:
        mail_route(sink)
        mail = EmailMessage("Your code", "It is 123456.", "x@y.example", [BO])
        assert LedgerBackend().send_messages([mail, EmailMessage("nobody", "x")]) == 1
        shift.wake()
        body = sink.mails.one().message.get_body(("plain",))
        assert body is not None
        assert "123456" in body.get_content()
        row = Delivery.objects.get()
        wait_for(row, "accepted")
        message = Message.objects.get(id=row.message_id)
        assert (message.title, message.body, bytes(message.sealed)) == ("Your code", "", b"")


@pytest.mark.django_db
def test_a_code_that_was_never_sent_is_forgotten_with_the_next_mail_after_an_hour() -> None:
    at = clock.now()
    with clock.replaced_by(lambda: at):
        LedgerBackend().send_messages([EmailMessage("first", "123456", to=[BO])])
        at += PRIVATE_KEPT - timedelta(seconds=1)
        LedgerBackend().send_messages([EmailMessage("second", "123456", to=[BO])])
        assert Message.objects.exclude(sealed=b"").count() == 2
        at += timedelta(seconds=2)
        LedgerBackend().send_messages([EmailMessage("third", "123456", to=[BO])])
    assert set(Message.objects.exclude(sealed=b"").values_list("title", flat=True)) == {"second", "third"}
