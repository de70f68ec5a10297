"""What providers tell us: replies that reach a verb once, receipts, forgeries, and rubbish that stops nothing."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.channels import answering
from nightdesk.channels.actions import (
    COMMANDS_A_MINUTE,
    FORGED,
    FORGERIES_KEPT_A_MINUTE,
    HELPS_IN_TEN_MINUTES,
    REPEATED,
    Recipient,
    mark_delivery_seen,
    queue_message,
    save_route,
    supersede_deliveries,
    take_answer,
)
from nightdesk.channels.models import Delivery, Inbound, Message, Route
from nightdesk.channels.queries import recipient_of
from nightdesk.journal.models import Entry
from nightdesk.lines.twiml.signature import sign
from nightdesk.people.models import ContactMethod, Person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("nightdesk.channels.api")]

START = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
BO, AL = "+447700900123", "+447700900456"
TOKEN = "the account's secret"
VERBS = ("acknowledge", "resolve", "note")


class Handset:
    """A provider's account, the people who have telephones, and what their answers did."""

    def __init__(self) -> None:
        self.at = START
        self.asked: list[tuple[str, str, str, str, Door]] = []
        self.refuses = False
        self.client = Client()
        self.bo, self.al = Person.objects.create(name="Bo"), Person.objects.create(name="Al")
        for person, number in ((self.bo, BO), (self.al, AL)):
            ContactMethod.objects.create(person=person, channel="sms", address=number)
        self.route = save_route(
            channel="sms", driver="twilio", name="texts", config={"account_sid": "AC1", "from": "+15005550006"},
            secrets={"auth_token": TOKEN}, by=SCHEDULER, via=Door.CLI, at=START,
        )  # fmt: skip

    def verb(self, name: str) -> answering.Verb:
        def act(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
            if self.refuses:
                raise IllegalTransition("You asked for it.", "Al took it at 04:01.", "")
            self.asked.append((name, subject_id, text, by.name, via))
            return f"You have {subject_id}."

        return act

    def told(self, number: str, page: str, code: str, person: Person | None = None, **more: Any) -> Delivery:
        """A text about a page that has been handed over."""
        self.at += timedelta(seconds=1)
        answers = {verb: [f"page.{verb}", "page", page] for verb in VERBS}
        to = [Recipient("person", (person or self.bo).id, "sms", number, self.at)]
        message = queue_message(
            kind="page.rung", subject=("page", page), title=f"P1 {page}", body="", to=to, brand_id=None, code=code,
            answers=more.get("answers", answers), by=SCHEDULER, via=Door.WORKER, at=self.at,
        )  # fmt: skip
        Delivery.objects.filter(message_id=message.id).update(
            state="accepted", accepted_at=self.at, attempt=1, provider_id=f"SM{page}", route_id=self.route.id
        )
        return Delivery.objects.get(message_id=message.id)

    def post(self, path: str, form: dict[str, str], *, token: str = TOKEN, raw: bytes | None = None) -> Any:
        url = f"http://testserver{path}"
        body = raw if raw is not None else urlencode(form).encode()
        return self.client.post(
            path, body, content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": sign(url, form, token)},
        )  # fmt: skip

    def texts(self, number: str, body: str, sid: str | None = None, **more: Any) -> Any:
        form = {"MessageSid": sid or f"SM{uuid7().hex}", "From": number, "To": "+15005550006", "Body": body}
        self.at += timedelta(seconds=1)
        return self.post(f"/providers/twilio/{self.route.id}/sms", form, **more)

    def status(self, query: str, **form: str) -> Any:
        return self.post(f"/providers/twilio/{self.route.id}/status{query}", form)

    def said_back(self) -> list[str]:
        return list(Message.objects.filter(kind__startswith="answer").order_by("id").values_list("title", flat=True))


@pytest.fixture
def handset(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handset]:
    made = Handset()
    for verb in VERBS:
        monkeypatch.setitem(answering.ANSWER_VERBS, f"page.{verb}", made.verb(verb))
    with clock.replaced_by(lambda: made.at):
        yield made


def test_ok_takes_the_page_that_was_told_last_and_says_so(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    handset.told(BO, "second", "12")
    assert handset.texts(BO, "Ok").status_code == 200
    assert handset.asked == [("acknowledge", "second", "", "Bo", Door.SMS)]
    assert handset.said_back() == ["You have second."]
    reply = Delivery.objects.get(message_id=Message.objects.get(kind="answer").id)
    assert (reply.channel, reply.address, reply.lane) == ("sms", BO, "urgent")


def test_a_code_takes_the_page_of_that_code(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    handset.told(BO, "second", "12")
    handset.texts(BO, "11")
    handset.texts(BO, "12 done")
    assert [(verb, page) for verb, page, *_ in handset.asked] == [("acknowledge", "first"), ("resolve", "second")]


def test_the_same_reply_told_twice_reaches_the_verb_once(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    for _ in range(3):
        assert handset.texts(BO, "ok", "SM-same").status_code == 200
    assert len(handset.asked) == 1
    assert len(handset.said_back()) == 1
    assert Inbound.objects.filter(outcome=REPEATED).count() == 2


def test_nobody_answers_for_somebody_elses_page(handset: Handset) -> None:
    handset.told(BO, "bos", "11")
    handset.told(AL, "als", "12", handset.al)
    handset.texts(AL, "11")
    assert handset.asked == []
    assert handset.said_back() == ["Nothing with the code 11 was sent to this number."]
    handset.texts(AL, "ok")
    assert [(page, name) for _, page, _, name, _ in handset.asked] == [("als", "Al")]


def test_a_refusal_is_said_back(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    handset.refuses = True
    assert handset.texts(BO, "ok").status_code == 200
    assert "Al took it at 04:01." in handset.said_back()[0]


def test_words_that_are_no_command_are_kept_as_a_note_and_take_nothing(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    handset.texts(BO, "ok but I cannot log in, wake Al")
    assert [(verb, text) for verb, _, text, *_ in handset.asked] == [("note", "ok but I cannot log in, wake Al")]
    assert "OK: I take it" in handset.said_back()[0]


def test_a_machine_that_answers_our_help_is_not_answered_for_ever(handset: Handset) -> None:
    handset.told(BO, "first", "11", answers={})
    for _ in range(10):
        handset.texts(BO, "I am on holiday until Monday")
    assert len(handset.said_back()) == HELPS_IN_TEN_MINUTES
    assert Inbound.objects.count() == 10


def test_too_many_commands_are_kept_and_not_done(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    for _ in range(COMMANDS_A_MINUTE + 5):
        handset.at -= timedelta(seconds=1)
        handset.texts(BO, "ok")
    assert len(handset.asked) == COMMANDS_A_MINUTE
    assert Inbound.objects.count() == COMMANDS_A_MINUTE + 5


def test_a_number_that_is_nobodys_is_kept_and_not_answered(handset: Handset) -> None:
    assert handset.texts("+447700900999", "ok").status_code == 200
    assert (handset.asked, handset.said_back()) == ([], [])
    assert Inbound.objects.get().sender == "+447700900999"


def test_an_old_page_is_not_taken_by_a_late_ok(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    handset.at += timedelta(hours=37)
    handset.texts(BO, "ok")
    assert handset.asked == []


def test_stop_is_shown_at_the_person_and_never_answered(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    handset.texts(BO, "Stop")
    method = ContactMethod.objects.get(address=BO)
    assert method.broken_at == handset.at
    assert "STOP" in method.broken_why
    assert (handset.asked, handset.said_back()) == ([], [])
    assert Entry.objects.filter(kind="contact.stopped").count() == 1


def test_a_forged_request_does_nothing_and_only_a_few_are_kept(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    for _ in range(FORGERIES_KEPT_A_MINUTE + 10):
        handset.at -= timedelta(seconds=1)
        assert handset.texts(BO, "ok", token="not the secret").status_code == 403
    assert handset.asked == []
    assert Inbound.objects.filter(outcome=FORGED).count() == FORGERIES_KEPT_A_MINUTE


def test_a_forgery_cannot_use_up_a_real_replys_name(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    handset.texts(BO, "ok", "SM-same", token="not the secret")
    handset.texts(BO, "ok", "SM-same")
    assert len(handset.asked) == 1


def test_an_unsigned_request_is_refused_and_a_route_of_another_driver_is_not_there(handset: Handset) -> None:
    assert handset.client.post(f"/providers/twilio/{handset.route.id}/sms", {"Body": "ok"}).status_code == 403
    assert handset.client.post("/providers/twilio/999/sms").status_code == 404
    assert handset.client.get(f"/providers/twilio/{handset.route.id}/sms").status_code == 405


def test_a_fault_in_a_verb_undoes_the_verb_and_keeps_what_was_told(
    handset: Handset, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = handset.told(BO, "first", "11")

    def broken(*_: object) -> str:
        Delivery.objects.filter(id=delivery.id).update(reason="half done")
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setitem(answering.ANSWER_VERBS, "page.acknowledge", broken)
    assert handset.texts(BO, "ok").status_code == 200
    kept = Inbound.objects.get()
    assert "ZeroDivisionError" in kept.error
    assert b"Body=ok" in bytes(kept.raw)
    delivery.refresh_from_db()
    assert delivery.reason == ""


@pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageSid": "SM1", "MessageStatus": "exploded"}])
def test_a_receipt_that_cannot_be_read_is_kept_with_its_error(handset: Handset, form: dict[str, str]) -> None:
    assert handset.status("", **form).status_code == 200
    assert Inbound.objects.get().error


def test_bytes_that_are_no_text_are_kept(handset: Handset) -> None:
    path = f"/providers/twilio/{handset.route.id}/sms"
    raw = b"MessageSid=SM1&From=%2B4477&Body=\xff\xfe%00"
    form = {"MessageSid": "SM1", "From": "+4477", "Body": "\ufffd\ufffd\x00"}
    assert handset.post(path, form, raw=raw).status_code == 200
    assert bytes(Inbound.objects.get().raw) == raw


def test_a_receipt_finds_its_delivery_by_our_query_or_by_the_providers_id(handset: Handset) -> None:
    first, second = handset.told(BO, "first", "11"), handset.told(BO, "second", "12")
    query = f"?d={first.id}&m={first.month}&n=1"
    handset.status(query, MessageSid="SM-unknown", MessageStatus="delivered")
    handset.status("", MessageSid="SMsecond", MessageStatus="delivered")
    for row in (first, second):
        row.refresh_from_db()
        assert (row.state, row.delivered_at) == ("delivered", handset.at)


def test_the_query_that_names_a_delivery_is_signed_too(handset: Handset) -> None:
    row = handset.told(BO, "first", "11")
    form = {"MessageSid": "SM-x", "MessageStatus": "delivered"}
    path = f"/providers/twilio/{handset.route.id}/status"
    stolen = sign(f"http://testserver{path}", form, TOKEN)
    answer = handset.client.post(f"{path}?d={row.id}&m={row.month}&n=1", form, headers={"X-Twilio-Signature": stolen})
    assert answer.status_code == 403


def test_a_receipt_of_nothing_we_sent_is_kept(handset: Handset) -> None:
    assert handset.status("", MessageSid="SM-nobody", MessageStatus="delivered").status_code == 200
    assert "no message of ours" in Inbound.objects.get().outcome


def test_a_dead_number_in_a_receipt_is_shown_at_the_person(handset: Handset) -> None:
    row = handset.told(BO, "first", "11")
    handset.status("", MessageSid="SMfirst", MessageStatus="undelivered", ErrorCode="30005")
    row.refresh_from_db()
    assert row.state == "failed"
    assert ContactMethod.objects.get(address=BO).broken_at == handset.at


def test_a_link_answers_through_the_same_verb(handset: Handset) -> None:
    row = handset.told(BO, "first", "11")
    who = recipient_of(row)
    said = take_answer(delivery_id=row.id, month=row.month, verb="acknowledge", by=who, via=Door.LINK, at=handset.at)
    assert said == "You have first."
    assert handset.asked == [("acknowledge", "first", "", "Bo", Door.LINK)]
    with pytest.raises(Invalid):
        take_answer(delivery_id=row.id, month=row.month, verb="morning", by=who, via=Door.LINK, at=handset.at)
    with pytest.raises(NotFound):
        take_answer(delivery_id=uuid7(), month=row.month, verb="acknowledge", by=who, via=Door.LINK, at=handset.at)


def test_only_its_own_reader_marks_a_message_as_seen(handset: Handset) -> None:
    row = handset.told(BO, "first", "11")
    bo, al = Actor("person", str(handset.bo.id), "Bo"), Actor("person", str(handset.al.id), "Al")
    with pytest.raises(Forbidden):
        mark_delivery_seen(delivery_id=row.id, month=row.month, seen="read", by=al, via=Door.WEB, at=handset.at)
    mark_delivery_seen(delivery_id=row.id, month=row.month, seen="read", by=bo, via=Door.WEB, at=handset.at)
    mark_delivery_seen(delivery_id=row.id, month=row.month, seen="delivered", by=bo, via=Door.WEB, at=handset.at)
    row.refresh_from_db()
    assert (row.state, row.read_at) == ("read", handset.at)


def test_a_route_without_its_secret_believes_nobody(handset: Handset) -> None:
    Route.objects.filter(id=handset.route.id).update(secrets=b"")
    assert handset.texts(BO, "ok", token="").status_code == 403


def test_a_json_body_is_believed_where_the_signed_address_names_its_digest(handset: Handset) -> None:
    handset.told(BO, "first", "11")
    body = json.dumps({"MessageSid": "SM-json", "From": BO, "To": "+15005550006", "Body": "ok"}).encode()
    path = f"/providers/twilio/{handset.route.id}/sms?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = sign(f"http://testserver{path}", {}, TOKEN)
    for sent, status in ((body.replace(b"ok", b"no"), 403), (body, 200)):
        answer = handset.client.post(
            path, sent, content_type="application/json", headers={"X-Twilio-Signature": signature}
        )
        assert answer.status_code == status
    assert [page for _, page, *_ in handset.asked] == ["first"]


def test_rubbish_that_is_signed_as_json_is_kept_and_stops_nothing(handset: Handset) -> None:
    body = b"[1, 2"
    path = f"/providers/twilio/{handset.route.id}/sms?bodySHA256={hashlib.sha256(body).hexdigest()}"
    answer = handset.client.post(
        path, body, content_type="application/json",
        headers={"X-Twilio-Signature": sign(f"http://testserver{path}", {}, TOKEN)},
    )  # fmt: skip
    assert answer.status_code == 200
    assert "Invalid" in Inbound.objects.get().error


def test_a_page_that_is_over_is_not_sent_again_because_its_text_failed(handset: Handset) -> None:
    row = handset.told(BO, "first", "11")
    supersede_deliveries(subject=("page", "first"), by=SCHEDULER, via=Door.WEB, at=handset.at)
    query = f"?d={row.id}&m={row.month.isoformat()}&n=1"
    handset.status(query, MessageSid="SMfirst", MessageStatus="undelivered", ErrorCode="30003")
    after = Delivery.objects.get(id=row.id)
    assert (after.state, after.ended_at) == ("accepted", handset.at)
