"""Two real providers of texts, one of them in trouble: who was told what and when, with the whole program running."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.peers import sms_provider
from tests.peers.sms_provider import SmsProvider
from tests.system.night import AL_PHONE, BO, BO_PHONE, Night, night
from tests.system.stack import until

BACKUP = "+447700900998"
STEP_S = 24 * 3600
"""Nobody else is rung by the ladder while this is looked at."""
SOON_S = 4.0
"""More than a second of patience, and a busy machine."""


@pytest.fixture(scope="module")
def tonight() -> Iterator[tuple[Night, SmsProvider]]:
    account = {"account_sid": "AC" + "2" * 32, "auth_token": "other secret"}
    with SmsProvider(numbers=(BACKUP,), **account) as backup:
        route = {
            "channel": "sms",
            "driver": "twilio",
            "name": "backup",
            "config": account | {"base_url": backup.url, "from": BACKUP},
        }
        with night(step_s=STEP_S, routes=[route]) as staged:
            yield staged, backup


def alarm(tonight: Night, words: str) -> float:
    """A new P1; the instant at which it was accepted."""
    event = {
        "routing_key": tonight.staged["keys"]["pagerduty_v2"],
        "event_action": "trigger",
        "payload": {"summary": words, "source": words, "severity": "critical"},
    }
    status, _body = tonight.stack.post("/v2/enqueue", event)
    assert status == 202
    return time.time()


def texts(provider: SmsProvider, words: str) -> list[sms_provider.Message]:
    return provider.messages.all(lambda text: text.to == BO_PHONE and words in text.body)


def state_of(tonight: Night, words: str) -> tuple[str, int]:
    """The state of Bo's text about it, and how many routes were asked."""
    rows = tonight.stack.rows(
        "SELECT d.state, (SELECT count(DISTINCT route_id) FROM channels_attempt a WHERE a.delivery_id = d.id) "
        "FROM channels_delivery d JOIN channels_message m ON m.id = d.message_id "
        "WHERE d.channel = 'sms' AND m.title LIKE %s AND d.address = %s",
        f"%{words}%",
        BO_PHONE,
    )
    return rows[0]


@pytest.mark.parametrize("trouble", ["refuses", "breaks", "hangs"])
def test_what_the_first_does_not_take_the_second_has_within_seconds(
    tonight: tuple[Night, SmsProvider], trouble: str
) -> None:
    here, backup = tonight
    script = {
        "refuses": sms_provider.RATE_LIMITED,
        "breaks": sms_provider.BROKEN,
        "hangs": sms_provider.HANGS,
    }[trouble]
    here.sms.script(script, to=BO_PHONE)
    accepted_at = alarm(here, f"router {trouble}")
    text = until(lambda: texts(backup, f"router {trouble}"), SOON_S + 4, "the second has it")[0]
    assert text.received_at - accepted_at < SOON_S
    until(lambda: state_of(here, f"router {trouble}") == ("delivered", 2), 5, "the receipt is in the ledger")
    assert texts(here.sms, f"router {trouble}") == []


def test_accepted_and_never_delivered_it_goes_to_the_second_when_the_receipt_is_due(
    tonight: tuple[Night, SmsProvider],
) -> None:
    here, backup = tonight
    here.sms.script(sms_provider.SILENT, to=BO_PHONE)
    alarm(here, "router swallowed")
    until(lambda: texts(here.sms, "router swallowed"), SOON_S, "the first has it")
    here.jump(timedelta(seconds=50))
    assert texts(backup, "router swallowed") == []
    here.jump(timedelta(seconds=12))
    until(lambda: texts(backup, "router swallowed"), SOON_S + 4, "the second has it")
    until(lambda: state_of(here, "router swallowed")[0] == "delivered", 5, "it arrived by the second")
    assert len(texts(here.sms, "router swallowed")) == 1


def test_reported_as_undelivered_it_goes_to_the_second_at_once(tonight: tuple[Night, SmsProvider]) -> None:
    here, backup = tonight
    here.sms.script(sms_provider.UNDELIVERED, to=BO_PHONE)
    accepted_at = alarm(here, "router undelivered")
    text = until(lambda: texts(backup, "router undelivered"), SOON_S + 4, "the second has it")[0]
    assert text.received_at - accepted_at < SOON_S


def test_receipts_that_come_twice_and_out_of_order_change_nothing(tonight: tuple[Night, SmsProvider]) -> None:
    here, backup = tonight
    here.sms.script(sms_provider.TWICE, to=BO_PHONE)
    alarm(here, "router twice")
    until(lambda: state_of(here, "router twice") == ("delivered", 1), 5, "it arrived")
    here.sms.script(sms_provider.DISORDERED, to=BO_PHONE)
    alarm(here, "router disordered")
    until(lambda: state_of(here, "router disordered") == ("delivered", 1), 5, "it arrived")
    assert texts(backup, "router twice") == texts(backup, "router disordered") == []


def test_an_answer_that_was_lost_may_repeat_the_text_and_loses_nothing(tonight: tuple[Night, SmsProvider]) -> None:
    here, backup = tonight
    here.sms.script(sms_provider.LOST_ANSWER, to=BO_PHONE)
    alarm(here, "router answer lost")
    until(lambda: state_of(here, "router answer lost")[0] == "delivered", SOON_S + 4, "it arrived")
    assert len(texts(here.sms, "router answer lost")) + len(texts(backup, "router answer lost")) in (1, 2)


def test_with_both_down_it_arrives_when_one_is_back_and_its_mail_went_out_meanwhile(
    tonight: tuple[Night, SmsProvider],
) -> None:
    here, backup = tonight
    here.sms.script(sms_provider.BROKEN, to=BO_PHONE, times=4)
    backup.script(sms_provider.BROKEN, to=BO_PHONE, times=2)
    alarm(here, "router both down")
    until(lambda: here.mails_to(BO, "router both down"), SOON_S, "the mail waits for no text")
    until(lambda: texts(here.sms, "router both down") + texts(backup, "router both down"), 20, "one of them is back")
    assert here.sms.messages.all(lambda text: text.to == AL_PHONE) == []
