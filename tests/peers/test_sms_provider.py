"""The SMS provider, driven by the provider's own client library."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from nightdesk.lines.twiml.signature import valid
from tests.peers import sms_provider
from tests.peers.record import Record
from tests.peers.sms_provider import Script, SmsProvider

BO, US = "+447700900123", "+15005550006"


class Got(NamedTuple):
    path: str
    form: dict[str, str]
    signature: str


class Webhook(ThreadingHTTPServer):
    """Our side of the callbacks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WebhookHandler)
        self.got: Record[Got] = Record()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def statuses(self, count: int) -> list[str]:
        return [got.form["MessageStatus"] for got in self.got.wait(count)]


class WebhookHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.add(Got(self.path, dict(parse_qsl(raw)), self.headers["X-Twilio-Signature"]))
        self.send_response(200)
        self.send_header("Content-Length", "11")
        self.end_headers()
        self.wfile.write(b"<Response/>")

    def log_message(self, *args):
        pass


class ToPeer(TwilioHttpClient):
    """The library's own HTTP client, with the provider's address put in place of Twilio's."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=30)
        self.peer = url

    def request(self, method, url, *args, **more):
        return super().request(method, url.replace("https://api.twilio.com", self.peer), *args, **more)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def provider(webhook) -> Iterator[SmsProvider]:
    with SmsProvider(incoming_url=webhook.url + "/in") as provider:
        yield provider


@pytest.fixture
def client(provider) -> Client:
    return Client(provider.account_sid, provider.auth_token, http_client=ToPeer(provider.url))


def test_the_library_sends_reads_back_and_is_called_back_in_order(provider, client, webhook):
    began = time.time()
    sent = client.messages.create(
        to=BO, from_=US, body="db down é", status_callback=webhook.url + "/status?id=7", validity_period=900
    )
    assert (sent.sid[:2], len(sent.sid), sent.status, sent.direction) == ("SM", 34, "queued", "outbound-api")
    kept = provider.messages.one()
    assert (kept.sid, kept.to, kept.from_, kept.body, kept.validity_seconds) == (sent.sid, BO, US, "db down é", 900)
    assert began <= kept.received_at <= time.time()
    assert webhook.statuses(3) == ["queued", "sent", "delivered"]
    assert {got.form["MessageSid"] for got in webhook.got.all()} == {sent.sid}
    again = client.messages(sent.sid).fetch()
    assert (again.status, again.body, again.error_code) == ("delivered", "db down é", None)
    assert again.date_created is not None


def test_callbacks_are_signed_so_that_both_implementations_believe_them(provider, client, webhook):
    client.messages.create(to=BO, from_=US, body="x", status_callback=webhook.url + "/status?id=7")
    for got in webhook.got.wait(3):
        assert RequestValidator(provider.auth_token).validate(webhook.url + got.path, got.form, got.signature)
        assert valid(webhook.url + got.path, got.form, got.signature, provider.auth_token)
        assert not valid(webhook.url + got.path, {**got.form, "MessageStatus": "read"}, got.signature, "other")


def test_a_messaging_service_stands_in_for_a_number(provider, client):
    sent = client.messages.create(to=BO, messaging_service_sid=provider.messaging_service_sids[0], body="x")
    assert (sent.status, sent.from_) == ("accepted", None)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": ""}, 400, 21604),
        ({"to": "07700 900123"}, 400, 21211),
        ({"from_": ""}, 400, 21603),
        ({"from_": "+447700900999"}, 400, 21606),
        ({"from_": "0"}, 400, 21212),
        ({"from_": "", "messaging_service_sid": "MG1"}, 404, 21701),
        ({"body": ""}, 400, 21602),
        ({"body": "x" * 1601}, 400, 21617),
        ({"status_callback": "desk"}, 400, 21609),
        ({"status_callback": "http://bad_host/x"}, 400, 21609),
        ({"validity_period": 36001}, 400, 90007),
        ({"validity_period": "soon"}, 400, 90014),
    ],
)
def test_what_the_real_provider_refuses_is_refused_with_its_code(provider, client, change, status, code):
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**{"to": BO, "from_": US, "body": "x", **change})
    assert (refused.value.status, refused.value.code) == (status, code)
    assert provider.messages.all() == []
    assert provider.refusals.one().code == code


def test_errors_have_the_providers_shape_and_strangers_are_not_let_in(provider):
    address = f"{provider.url}/2010-04-01/Accounts/{provider.account_sid}/Messages.json"
    answer = requests.post(address, data={"To": BO}, auth=(provider.account_sid, "wrong"), timeout=30)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }
    assert requests.post(address, timeout=30).status_code == 401
    auth = (provider.account_sid, provider.auth_token)
    assert requests.post(address.replace("/AC", "/AD"), auth=auth, timeout=30).json()["code"] == 20404
    assert requests.get(address.replace(".json", "/SM1.json"), auth=auth, timeout=30).json()["code"] == 20404


@pytest.mark.parametrize(
    ("script", "statuses", "error"),
    [
        (sms_provider.UNDELIVERED, ["queued", "sent", "undelivered"], "30003"),
        (sms_provider.FAILED, ["queued", "failed"], "30008"),
        (sms_provider.TWICE, ["queued", "queued", "sent", "sent", "delivered", "delivered"], None),
        (sms_provider.DISORDERED, ["delivered", "sent", "queued"], None),
        (sms_provider.slow(0.05), ["queued", "sent", "delivered"], None),
    ],
)
def test_a_script_decides_what_is_told_of_a_message(provider, client, webhook, script, statuses, error):
    provider.script(script)
    client.messages.create(to=BO, from_=US, body="x", status_callback=webhook.url)
    assert webhook.statuses(len(statuses)) == statuses
    assert webhook.got.all()[-1].form.get("ErrorCode") == error


def test_slow_statuses_come_no_sooner_than_asked(provider, client, webhook):
    provider.script(sms_provider.slow(0.1))
    began = time.monotonic()
    client.messages.create(to=BO, from_=US, body="x", status_callback=webhook.url)
    webhook.statuses(3)
    assert time.monotonic() - began >= 0.3


def test_a_silent_message_is_taken_and_never_spoken_of(provider, client, webhook):
    provider.script(sms_provider.SILENT, to=BO)
    client.messages.create(to=BO, from_=US, body="silent", status_callback=webhook.url + "/silent")
    client.messages.create(to="+447700900124", from_=US, body="x", status_callback=webhook.url + "/other")
    assert {got.path for got in webhook.got.wait(3)} == {"/other"}


def test_scripts_are_used_in_order_by_number_and_as_often_as_said(provider, client):
    provider.script(Script(answer="refuse", http_status=400, code=21614), to="+447700900124")
    provider.script(sms_provider.RATE_LIMITED, times=2)
    codes = []
    for to in (BO, "+447700900124", BO, BO):
        try:
            client.messages.create(to=to, from_=US, body="x")
            codes.append(201)
        except TwilioRestException as refused:
            codes.append(refused.code)
    assert codes == [20429, 21614, 20429, 201]


def test_a_broken_provider_answers_without_json(provider, client):
    provider.script(sms_provider.BROKEN)
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=BO, from_=US, body="x")
    assert (refused.value.status, provider.messages.all()) == (500, [])


def test_a_hanging_provider_takes_nothing_and_still_stops_at_once(provider, client):
    provider.script(sms_provider.HANGS)
    client.http_client.timeout = 0.2
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.messages.create(to=BO, from_=US, body="x")
    assert provider.messages.all() == []


def test_an_answer_that_is_lost_leaves_a_message_that_was_sent(provider, client, webhook):
    provider.script(sms_provider.LOST_ANSWER)
    with pytest.raises(requests.exceptions.ConnectionError):
        client.messages.create(to=BO, from_=US, body="x", status_callback=webhook.url)
    assert provider.messages.one().body == "x"
    assert webhook.statuses(3)[-1] == "delivered"


def test_more_than_the_agreed_rate_is_refused(webhook):
    with SmsProvider(per_second=3) as provider:
        client = Client(provider.account_sid, provider.auth_token, http_client=ToPeer(provider.url))
        for _ in range(3):
            client.messages.create(to=BO, from_=US, body="x")
        with pytest.raises(TwilioRestException) as refused:
            client.messages.create(to=BO, from_=US, body="x")
        assert (refused.value.status, refused.value.code) == (429, 20429)


def test_a_reply_comes_in_signed_and_a_forged_one_does_not_pass(provider, webhook):
    answer = provider.reply(BO, US, "ok 7")
    assert (answer.answer_status, answer.answer_body) == (200, "<Response/>")
    got = webhook.got.one()
    assert (got.path, got.form["From"], got.form["To"], got.form["Body"]) == ("/in", BO, US, "ok 7")
    assert valid(webhook.url + "/in", got.form, got.signature, provider.auth_token)
    provider.reply(BO, US, "ok 7", token="guess")
    forged = webhook.got.wait(2)[1]
    assert not valid(webhook.url + "/in", forged.form, forged.signature, provider.auth_token)


def test_after_stop_the_pair_is_silent_until_start(provider, client):
    provider.reply(BO, US, " Stop ")
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=BO, from_=US, body="x")
    assert refused.value.code == 21610
    client.messages.create(to="+447700900124", from_=US, body="x")
    provider.reply(BO, US, "start")
    client.messages.create(to=BO, from_=US, body="x")
    assert [message.to for message in provider.messages.all()] == ["+447700900124", BO]


def test_a_callback_that_nobody_takes_is_on_record(provider, client):
    client.messages.create(to=BO, from_=US, body="x", status_callback="http://127.0.0.1:9/none")
    failed = provider.callbacks.one()
    assert failed.answer_status is None
    assert "refused" in failed.problem
