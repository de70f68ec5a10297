"""Two SMSCs that others have written, the first one in trouble: who had a page, when, and what the ledger says of it."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.peers.smpp_provider import SmppProvider
from tests.requires import requires
from tests.system.night import BO_PHONE, Night, night
from tests.system.stack import until
from tests.system.test_failover import SOON_S, STEP_S, alarm, state_of

pytestmark = requires("smpp", "perl-smpp")

THROTTLED, QUEUE_FULL, SYSTEM_ERROR = 0x58, 0x14, 0x08
Peers = tuple[Night, SmppProvider, SmppProvider]


@pytest.fixture(scope="module")
def peers() -> Iterator[Peers]:
    with SmppProvider() as first, SmppProvider("perl") as second:
        routes = [
            {"channel": "sms", "driver": "smpp", "name": name, "config": peer.route_settings, "position": 0}
            for name, peer in (("first", first), ("second", second))
        ]
        with night(step_s=STEP_S, storm_limit=1_000, routes=routes) as tonight:
            first.seen("bind")
            second.seen("bind")
            yield tonight, first, second


def texts(peer: SmppProvider, words: str) -> int:
    """How many parts with these words it took."""
    taken = [event.get("text") or bytes.fromhex(event["hex"]).decode("latin-1") for event in peer.submits()]
    return sum(words in text for text in taken)


def test_a_page_arrives_with_its_receipt_and_ok_takes_it(peers: Peers) -> None:
    tonight, first, second = peers
    alarm(tonight, "switch plain")
    until(lambda: state_of(tonight, "switch plain") == ("delivered", 1), SOON_S + 4, "the receipt is in the ledger")
    assert (texts(first, "switch plain"), texts(second, "switch plain")) == (1, 0)
    first.say(BO_PHONE, "ok")
    taken = "SELECT 1 FROM paging_page WHERE state = 'acknowledged' AND title LIKE '%%switch plain%%'"
    until(lambda: tonight.stack.rows(taken), SOON_S, "Bo has it")


@pytest.mark.parametrize("trouble", ["silent", "drop", "nack", THROTTLED, QUEUE_FULL, SYSTEM_ERROR])
def test_what_the_first_does_not_take_the_second_has_within_seconds(peers: Peers, trouble: str | int) -> None:
    tonight, first, second = peers
    words = f"switch {trouble} fails"
    first.script(trouble)
    alarm(tonight, words)
    until(lambda: texts(second, words), SOON_S, "the second has it")
    until(lambda: state_of(tonight, words) == ("delivered", 2), SOON_S, "its receipt is in the ledger")
    assert texts(first, words) == 0
    for number in range(30):  # it is connected again, or asked again after a rest
        time.sleep(min(number, 1))
        words = f"back {number} after {trouble} again"
        alarm(tonight, words)
        until(lambda: texts(first, words) + texts(second, words), SOON_S, "one of them has it")  # noqa: B023
        if texts(first, words):
            break
    else:
        pytest.fail("the first is not used again")


def test_accepted_and_never_delivered_it_goes_to_the_second_when_the_receipt_is_due(peers: Peers) -> None:
    tonight, first, second = peers
    first.script("stall_receipt")
    alarm(tonight, "switch swallowed")
    until(lambda: texts(first, "switch swallowed"), SOON_S, "the first has it")
    tonight.jump(timedelta(seconds=50))
    assert texts(second, "switch swallowed") == 0
    tonight.jump(timedelta(seconds=12))
    until(lambda: state_of(tonight, "switch swallowed") == ("delivered", 2), SOON_S + 4, "it arrived by the second")
    assert texts(first, "switch swallowed") == 1
