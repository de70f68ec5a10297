"""The moment that must be excellent: an alarm on a switch with 61 customers, and nobody has to type.

Debian's Alertmanager sends; a real SMTP server and an SMSC that others wrote receive; the line is rung by a provider's signed
web hooks. Times are the wall clock's, with room for a machine that does other work beside.
"""

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tests.peers.smpp_provider import SmppProvider
from tests.requires import requires
from tests.system.alertmanager import Alertmanager, alertmanager
from tests.system.night import Night, night
from tests.system.outage_stage import PASSWORD
from tests.system.stack import ROOT, signed_in, until

pytestmark = requires("alertmanager", "smpp")

SPEAKS_WITHIN_S, TOLD_WITHIN_S = 30, 120
"""The promises: of the phone line and the private pages, and of everybody's mail and text."""
ROOM = 2
"""So many times as long is allowed, on a machine that tests beside. On a quiet one it takes some seconds."""
PEOPLE, CUSTOMERS = 148, 61
OURS, ACCOUNT, TOKEN = "+442071838750", "AC" + "3" * 32, "the account's secret"
CUT = 7
"""The customer whose mail runs over the dead line."""
DEGRADED, DOWN = range(CUSTOMERS, 80), range(80, 100)
"""Customers at Mill Lane, of whom those whose lines are only slow were there first."""
ONE_AT_A_TIME = {"at_once": 1}
"""The order of arrival is looked at; so nobody may pass who leaves later."""
PASSED = 3
"""So many may be told before the last who is hit harder: what is handed over already when others are taken up."""


def contacts_of(number: int) -> list[list[str]]:
    """Three people at the first 26 customers, two at the others; the first of each has a mobile."""
    count = 3 if number < 26 else 2
    return [
        [f"P{number}-{one}", f"p{number}-{one}@c{number}.example", f"+4477009{number:03d}00" if one == 0 else ""]
        for one in range(count)
    ]


def place_of(number: int) -> int:
    """Where a customer's turn is: whose line is down before whose is slow, among these the highest contract first."""
    return 2 * (number in DEGRADED) + (number % 5 != 0)


def passed(order: Sequence[int]) -> int:
    """Of places in the order in which they were told: how many at most came before the last one of a lower place."""
    last = {place: index for index, place in enumerate(order)}
    return max(sum(other > place for other in order[:index]) for place, index in last.items())


@pytest.fixture(scope="module")
def smsc() -> Iterator[SmppProvider]:
    with SmppProvider() as peer:
        yield peer


@pytest.fixture(scope="module")
def tonight(smsc: SmppProvider) -> Iterator[Night]:
    voice = {"account_sid": ACCOUNT, "from": OURS}
    routes = [
        {
            "channel": "sms",
            "driver": "smpp",
            "name": "smsc",
            "config": smsc.route_settings | ONE_AT_A_TIME,
            "position": 0,
        },
        {
            "channel": "voice",
            "driver": "twilio_voice",
            "name": "calls",
            "config": voice,
            "secrets": {"auth_token": TOKEN},
        },
    ]
    with night(storm_limit=1_000, routes=routes, mail=ONE_AT_A_TIME) as staged:
        customers = [contacts_of(number) for number in range(DOWN.stop)]
        behind = {"mill-sw1": list(DOWN), "mill-sw2": list(DEGRADED)}
        wanted = {"customers": customers, "cut": [CUT], "signs_in": 0, "line": OURS, "behind": behind}
        done = subprocess.run(
            [sys.executable, "-m", "tests.system.outage_stage"],
            env=staged.stack.environment | {"NIGHTDESK_DATABASE_URL": staged.stack.database_url()},
            cwd=ROOT,
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield staged


@pytest.fixture(scope="module")
def monitoring(tonight: Night) -> Iterator[Alertmanager]:
    key = tonight.staged["keys"]["alertmanager"]
    receiver = f"    webhook_configs:\n      - url: {tonight.stack.url}/hooks/alertmanager/{key}\n"
    with alertmanager(receiver) as running:
        yield running


def number_in(phone: str) -> int:
    """The customer whose mobile that is, as the SMSC writes it."""
    return int(phone.removeprefix("4477009")[:3])


def rings(tonight: Night, number: str, call: int) -> str:
    """What somebody hears first who rings our line from that number, as the provider's web hook is answered."""
    url = f"{tonight.stack.url}/providers/twilio/{tonight.staged['routes']['calls']}/line"
    form = {"CallSid": f"CA{call}", "From": number, "To": OURS, "CallStatus": "ringing", "AccountSid": ACCOUNT}
    signed = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, form)}
    asked = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), signed)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return str(answer.read().decode())


def test_line_and_pages_speak_and_everybody_is_told_the_highest_contracts_first_and_nobody_typed(
    tonight: Night, monitoring: Alertmanager, smsc: SmppProvider
) -> None:
    (_name, email, mobile), *_others = contacts_of(0)
    browser, _where = signed_in(tonight.stack.url, email, PASSWORD)
    words, calls = "fault at Dock Street", iter(range(10**6))
    speaks: dict[str, Any] = {
        "page": lambda: browser.open(f"{tonight.stack.url}/my/", timeout=60).read().decode(),
        "line": lambda: rings(tonight, mobile, next(calls)),
    }
    assert all(words not in heard() for heard in speaks.values())
    spoke: dict[str, float] = {}

    def both_speak() -> bool:
        for where, heard in speaks.items():
            if where not in spoke and words in heard():
                spoke[where] = time.time()
        return spoke.keys() == speaks.keys()

    def mails() -> list[Any]:
        return tonight.mails.mails.all(lambda mail: "@c" in mail.recipients[0] and words.encode() in mail.raw)

    def texts() -> list[dict[str, Any]]:
        return [event for event in smsc.submits() if event["to"].startswith("4477009") and words in event["text"]]

    monitoring.fire(alertname="SwitchDown", severity="critical", instance="dock-sw2:9116", summary="sw2 is down")
    until(both_speak, SPEAKS_WITHIN_S * ROOM, "the line and the private page speak")
    until(lambda: len(mails()) >= PEOPLE and len(texts()) >= CUSTOMERS, TOLD_WITHIN_S * ROOM, "148 mails and 61 texts")
    assert len({mail.recipients[0] for mail in mails()}) == len(mails()) == PEOPLE
    assert len({text["to"] for text in texts()}) == len(texts()) == CUSTOMERS
    began = tonight.stack.rows("SELECT extract(epoch FROM min(at))::float8 FROM paging_rawalarm")[0][0]
    sent = [mail.received_at for mail in mails()] + [text["at"] / 1000 for text in texts()]
    after = {where: f"{at - began:.1f} s" for where, at in spoke.items()}
    print(f"\nafter the alarm: {after}, all told {max(sent) - began:.1f} s")
    assert max(spoke.values()) - began < SPEAKS_WITHIN_S * ROOM
    assert max(sent) - began < TOLD_WITHIN_S * ROOM
    first = min(texts(), key=lambda text: text["at"])
    assert f"Internet line L-{number_in(first['to'])} does not work." in first["text"]
    assert "Your ticket is #" in first["text"]
    assert passed([place_of(number_in(text["to"])) for text in texts()]) <= PASSED


def test_each_of_the_customers_has_one_ticket_and_the_outage_one_row_a_person_and_channel(tonight: Night) -> None:
    tickets = "SELECT count(*), count(DISTINCT customer_id) FROM desk_ticket WHERE outage_id IS NOT NULL"
    assert tonight.stack.rows(tickets) == [(CUSTOMERS, CUSTOMERS)]
    rows = tonight.stack.rows(
        "SELECT count(*), count(DISTINCT (recipient_id, channel)) FROM channels_delivery WHERE recipient_kind = 'contact' "
        "AND subject_kind = 'outage'"
    )
    assert rows == [(PEOPLE + CUSTOMERS, PEOPLE + CUSTOMERS)]


def test_the_worst_hit_are_told_first_and_among_them_the_highest_contracts(tonight: Night, smsc: SmppProvider) -> None:
    parts = ("--part", "mill-sw1", "--part", "mill-sw2=degraded")
    proposed = tonight.stack.cli("outages", "propose", "Mill Lane", *parts, "--json")
    name = json.loads(proposed)[0]["name"]
    tonight.stack.cli("outages", "confirm", name)
    tonight.stack.cli("outages", "say", name, "We look into Mill Lane.")

    def mails() -> list[int]:
        told = tonight.mails.mails.all(lambda mail: b"We look into Mill Lane." in mail.raw)
        return [int(mail.recipients[0].partition("@c")[2].removesuffix(".example")) for mail in told]

    def texts() -> list[int]:
        return [number_in(event["to"]) for event in smsc.submits() if "We look into Mill Lane." in event["text"]]

    people = sum(len(contacts_of(number)) for number in (*DEGRADED, *DOWN))
    until(lambda: len(mails()) >= people and len(texts()) >= len(DOWN), TOLD_WITHIN_S * ROOM, "everybody is told")
    assert sorted(set(mails())) == [*DEGRADED, *DOWN]
    assert sorted(texts()) == list(DOWN), "who can still work is not rung out of bed"
    for channel, order in (("mail", mails()), ("text", texts())):
        places = [place_of(number) for number in order]
        print(f"\n{channel}: {places}")
        assert passed(places) <= PASSED, channel
