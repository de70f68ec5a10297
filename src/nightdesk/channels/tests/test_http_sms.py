"""The generic HTTP gateway: what it is asked, how its answers are understood, and the two doors by which it calls back."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import UUID

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import Invalid
from nightdesk.channels import api
from nightdesk.channels.actions import Recipient, queue_message, save_route
from nightdesk.channels.driver import Permanent, Sent, Temporary
from nightdesk.channels.drivers import http_sms
from nightdesk.channels.links import make_link, make_receipt_token, read_receipt_token
from nightdesk.channels.models import Delivery, Inbound
from nightdesk.channels.tests.test_drivers import AT, LINK, SAID, Bench, Receiver, _gateway, outgoing
from nightdesk.people.models import Person

BO = "+447700900123"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _receiver(stack: ExitStack, **settings: Any) -> tuple[Receiver, Bench]:
    receiver = stack.enter_context(Receiver())
    receiver.usual, receiver.says = 202, {202: b"0: Accepted for delivery"}
    usual = {"address": receiver.url, "user": "us", "password": "s3cret pass", "from": "+15005550006"}
    return receiver, Bench(http_sms.DRIVER, usual | settings, BO, {}, lambda: 0)


def test_kannels_request_is_the_one_that_is_made(stack: ExitStack, settings: Any) -> None:
    settings.PUBLIC_URL = "https://pager.example"
    receiver, bench = _receiver(stack)
    (came,) = bench.send()
    assert isinstance(came, Sent)
    assert came.provider_id == str(UUID(int=1)), "Kannel gives no id, so it is ours"
    path, _headers, body = receiver.requests.one()
    asked = dict(parse_qsl(urlsplit(path).query))
    receipt = urlsplit(asked.pop("dlr-url"))
    assert asked == {
        "username": "us", "password": "s3cret pass", "from": "+15005550006", "to": BO, "charset": "UTF-8",
        "text": f"P1 db down. Look: {LINK}", "coding": "0", "validity": "5", "dlr-mask": "27",
    }  # fmt: skip
    assert body == b""
    assert receipt.query == "state=%d&why=%A&id=%F"
    token = receipt.path.removeprefix("/providers/http/4/status/")
    assert read_receipt_token(token, 4) == (UUID(int=1), AT.date().replace(day=1), 2)


def test_another_gateway_is_asked_by_post_in_its_own_words(stack: ExitStack) -> None:
    receiver, bench = _receiver(
        stack, method="post", parameters="key={password}\ndst={to}\nmsg={text}\nttl={validity_s}\nref={id}\ncb={receipt}",
        receipts=False, succeeds='"status": *"ok"', id_pattern='"id": *"([^"]+)"',
    )  # fmt: skip
    receiver.usual, receiver.says = 200, {200: b'{"status": "ok", "id": "m-77"}'}
    (came,) = bench.send(replace(outgoing(BO), said=replace(SAID, body="Größe €5 日本 {link}")))
    assert isinstance(came, Sent)
    assert came.provider_id == "m-77"
    path, _headers, body = receiver.requests.one()
    assert path == "/hook"
    assert parse_qs(body.decode()) == {
        "key": ["s3cret pass"], "dst": [BO], "msg": [f"Größe €5 日本 {LINK}"], "ttl": ["300"], "ref": [str(UUID(int=1))],
    }  # fmt: skip


def test_what_gsm_has_no_signs_for_is_asked_for_as_ucs2(stack: ExitStack) -> None:
    receiver, bench = _receiver(stack)
    bench.send(outgoing(BO, said=replace(SAID, body="Ψ日本 {link}")))
    asked = dict(parse_qsl(urlsplit(receiver.requests.one()[0]).query))
    assert (asked["coding"], asked["text"]) == ("2", f"Ψ日本 {LINK}")


def test_words_of_a_message_are_not_taken_for_placeholders(stack: ExitStack) -> None:
    receiver, bench = _receiver(stack)
    bench.send(outgoing(BO, said=replace(SAID, body="{password} {link}")))
    asked = dict(parse_qsl(urlsplit(receiver.requests.one()[0]).query))
    assert asked["text"] == f"{{password}} {LINK}"


@pytest.mark.parametrize(
    ("status", "says", "kind", "unreachable", "of_route"),
    [
        (202, b"3: Queued for later delivery", Sent, None, None),
        (202, b"4: Hm", Temporary, None, True),
        (200, b"", Temporary, None, True),
        (403, b"Authorization failed for sendsms", Temporary, None, True),
        (404, b"", Temporary, None, True),
        (503, b"Temporal failure, try again later.", Temporary, None, True),
        (429, b"", Temporary, None, False),
        (400, b"Missing text", Permanent, False, None),
        (400, b"Illegal recipient", Permanent, True, None),
        (200, b"ERR: unknown  number", Permanent, True, None),
    ],
)
def test_each_answer_means_what_it_should(
    stack: ExitStack, status: int, says: bytes, kind: type, unreachable: bool | None, of_route: bool | None
) -> None:
    receiver, bench = _receiver(stack)
    receiver.usual, receiver.says = status, {status: says}
    (came,) = bench.send()
    assert type(came) is kind, came
    if isinstance(came, Permanent):
        assert came.unreachable is unreachable
    if isinstance(came, Temporary):
        assert came.of_route is of_route


def test_a_password_is_in_no_reason(stack: ExitStack) -> None:
    receiver, bench = _receiver(stack)
    receiver.usual, receiver.says = 500, {500: b"user=us&password=s3cret%20pass s3cret pass"}
    (came,) = bench.send()
    assert isinstance(came, Temporary)
    assert "s3cret" not in came.reason
    bench.settings = {**bench.settings, "address": "http://127.0.0.1:1/"}
    (came,) = bench.send()
    assert isinstance(came, Temporary)
    assert "s3cret" not in came.reason


def test_the_contract_bench_is_kannels() -> None:
    with ExitStack() as stack:
        assert _gateway(stack).driver is http_sms.DRIVER


@given(st.text(max_size=80))
def test_a_token_that_we_did_not_make_is_nobodys(token: str) -> None:
    assert read_receipt_token(token, 4) is None


def test_a_link_is_no_token_and_a_token_is_of_one_route() -> None:
    delivery, month = UUID(int=9), AT.date().replace(day=1)
    link = make_link(delivery, month).rpartition("/")[2]
    assert read_receipt_token(link, 4) is None
    token = make_receipt_token(4, delivery, month, 3)
    assert read_receipt_token(token, 4) == (delivery, month, 3)
    assert read_receipt_token(token, 5) is None
    another = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    assert read_receipt_token(another, 4) is None, "the signature is not that delivery's"
    assert read_receipt_token(("A" if token[0] != "A" else "B") + token[1:], 4) is None


@pytest.mark.parametrize(
    ("told", "state"),
    [({"state": "1"}, "delivered"), ({"state": "2"}, "failed"), ({"state": "16"}, "failed"), ({"state": "8"}, "accepted"),
     ({"state": "4"}, "accepted"), ({"state": "DELIVRD"}, "delivered"), ({"state": "UNDELIV"}, "failed"),
     ({"state": "EXPIRED"}, "expired"), ({"state": "2", "why": "stat:EXPIRED err:0"}, "expired")],
)  # fmt: skip
def test_a_receipt_is_read(told: dict[str, str], state: str) -> None:
    assert http_sms.read_receipt(told, {}).state == state


def test_a_receipt_that_says_nothing_is_refused() -> None:
    with pytest.raises(Invalid):
        http_sms.read_receipt({}, {})


@pytest.mark.parametrize(
    ("given_number", "number"),
    [
        ("+447700900123", BO),
        ("00447700900123", BO),
        ("447700900123", BO),
        ("88888", "88888"),
        ("Bank", "Bank"),
        ("", ""),
    ],
)
def test_numbers_come_in_several_spellings(given_number: str, number: str) -> None:
    assert http_sms.as_number(given_number) == number


class Gateway:
    """A route, somebody with a telephone, a text to them."""

    def __init__(self, secret: str | None = "open sesame") -> None:
        self.at = AT
        self.client = Client()
        self.bo = Person.objects.create(name="Bo")
        self.route = save_route(
            channel="sms", driver="http_sms", name="kannel", config={"address": "http://127.0.0.1:1/"},
            secrets={"reply_secret": secret}, by=SCHEDULER, via=Door.CLI, at=AT,
        )  # fmt: skip
        message = queue_message(
            kind="page.rung", subject=("page", "7"), title="db down", body="", code="12", brand_id=None,
            to=[Recipient("person", self.bo.id, "sms", BO, AT)], answers={"status": ["page.status", "page", "7"]},
            by=SCHEDULER, via=Door.WORKER, at=AT,
        )  # fmt: skip
        Delivery.objects.filter(message_id=message.id).update(
            state="accepted", accepted_at=AT, attempt=1, provider_id="x", route_id=self.route.id
        )
        self.row = Delivery.objects.get(message_id=message.id)

    def reports(self, token: str = "", **told: str) -> int:
        made = make_receipt_token(self.route.id, self.row.id, self.row.month, 1)
        return self.client.get(f"/providers/http/{self.route.id}/status/{token or made}?{urlencode(told)}").status_code

    def texts(self, **told: str) -> int:
        whole = {"from": "00447700900123", "to": "15005550006", "id": "r1", **told}
        return self.client.get(f"/providers/http/{self.route.id}/sms?{urlencode(whole)}").status_code

    @property
    def state(self) -> str:
        return Delivery.objects.get(id=self.row.id).state


@pytest.fixture
def gateway(db: None) -> Iterator[Gateway]:
    made = Gateway()
    with clock.replaced_by(lambda: made.at):
        yield made


pytestmark = pytest.mark.urls("nightdesk.channels.api")


def test_a_receipt_arrives_at_the_delivery_that_its_token_names(gateway: Gateway) -> None:
    assert gateway.reports(state="8") == 200
    assert gateway.state == "accepted"
    assert gateway.reports(state="1", why="", id="%F") == 200
    assert gateway.state == "delivered"


def test_a_failed_text_goes_on_to_the_next_route(gateway: Gateway) -> None:
    assert gateway.reports(state="16", why="rejected by the SMSC") == 200
    row = Delivery.objects.get(id=gateway.row.id)
    assert (row.state, row.reason, row.due_at) == ("failed_for_now", "16 rejected by the SMSC", AT)


def test_a_forged_receipt_changes_nothing(gateway: Gateway) -> None:
    other = make_receipt_token(gateway.route.id + 1, gateway.row.id, gateway.row.month, 1)
    for token in ("nonsense", other, make_link(gateway.row.id, gateway.row.month).rpartition("/")[2]):
        assert gateway.reports(token, state="1") == 403
    assert gateway.state == "accepted"


def test_a_reply_needs_the_secret_which_is_kept_nowhere(gateway: Gateway) -> None:
    assert gateway.texts(text="hello", secret="guess") == 403
    assert gateway.texts(text="hello") == 403
    assert gateway.texts(text="hello", secret="open sesame") == 200
    kept = Inbound.objects.get(error="")
    assert (kept.sender, kept.occurrence) == (BO, f"{gateway.route.id}:r1")
    assert all(b"sesame" not in bytes(row.raw) for row in Inbound.objects.all())


def test_a_route_without_a_secret_takes_no_reply(db: None) -> None:
    made = Gateway(secret=None)
    assert made.texts(text="ok", secret="") == 403


def test_a_reply_in_another_charset_is_understood() -> None:
    text = "Größe 日本".encode("utf-16-be")
    assert http_sms.decoded([(b"from", b"1"), (b"text", text), (b"charset", b"UTF-16BE")])["text"] == "Größe 日本"
    assert http_sms.decoded([(b"text", "Größe".encode())])["text"] == "Größe"
    assert http_sms.decoded([(b"text", b"\xff\xfe"), (b"charset", b"klingon")])["text"] == "\ufffd\ufffd"


def test_who_asks_too_often_is_told_to_wait(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "DOOR", Buckets(1, 2))
    assert [gateway.reports("nonsense", state="1") for _ in range(3)] == [403, 403, 429]
    gateway.at += timedelta(seconds=1)
    assert gateway.reports(state="1") == 200


def test_a_pattern_that_is_none_is_refused_by_the_form(db: None) -> None:
    with pytest.raises(Invalid) as refused:
        save_route(
            channel="sms", driver="http_sms", name="x", config={"address": "http://x/", "succeeds": "("},
            by=SCHEDULER, via=Door.CLI, at=AT,
        )  # fmt: skip
    assert "taken when the answer has" in str(refused.value)
