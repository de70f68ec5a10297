"""The moment that must be excellent: an alarm on a switch with 61 customers, and nobody has to type.

Debian's Alertmanager sends, a real SMTP server and a provider speaking Twilio's dialect receive; times are the wall clock's.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.requires import requires
from tests.system.alertmanager import Alertmanager, alertmanager
from tests.system.night import Night, night
from tests.system.stack import ROOT, until

pytestmark = requires("alertmanager")

TOLD_WITHIN_S = 120
"""The promise; the whole of it takes some seconds on a quiet machine."""
PEOPLE, CUSTOMERS = 148, 61
CUT = 7
"""The customer whose mail runs over the dead line."""


def contacts_of(number: int) -> list[list[str]]:
    """Three people at the first 26 customers, two at the others; the first of each has a mobile."""
    count = 3 if number < 26 else 2
    return [
        [f"P{number}-{one}", f"p{number}-{one}@c{number}.example", f"+4477009{number:03d}00" if one == 0 else ""]
        for one in range(count)
    ]


@pytest.fixture(scope="module")
def tonight() -> Iterator[Night]:
    with night(storm_limit=1_000) as staged:
        wanted = {"customers": [contacts_of(number) for number in range(CUSTOMERS)], "cut": [CUT]}
        done = subprocess.run(
            [sys.executable, "-m", "tests.system.outage_stage"],
            env=staged.stack.environment | {"NIGHTDESK_DATABASE_URL": staged.stack.database_url()},
            cwd=ROOT,
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=120,
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


def told(tonight: Night, words: str) -> tuple[list[Any], list[Any]]:
    """Mails and texts to customers that hold the words."""
    mails = tonight.mails.mails.all(lambda mail: "@c" in mail.recipients[0] and words.encode() in mail.raw)
    texts = tonight.sms.messages.all(lambda text: text.to.startswith("+4477009") and words in text.body)
    return list(mails), list(texts)


def test_everybody_behind_the_switch_is_told_within_two_minutes_the_highest_contracts_first_and_nobody_typed(
    tonight: Night, monitoring: Alertmanager
) -> None:
    monitoring.fire(alertname="SwitchDown", severity="critical", instance="dock-sw2:9116", summary="sw2 is down")
    words = "fault at Dock Street"

    def everybody() -> bool:
        mails, texts = told(tonight, words)
        return len(mails) >= PEOPLE and len(texts) >= CUSTOMERS

    until(everybody, TOLD_WITHIN_S, "148 mails and 61 texts")
    mails, texts = told(tonight, words)
    assert len({mail.recipients[0] for mail in mails}) == len(mails) == PEOPLE
    assert len({text.to for text in texts}) == len(texts) == CUSTOMERS
    began = tonight.stack.rows("SELECT extract(epoch FROM min(at))::float8 FROM paging_rawalarm")[0][0]
    assert max(one.received_at for one in (*mails, *texts)) - began < TOLD_WITHIN_S
    first = sorted(texts, key=lambda text: text.received_at)[0]
    number = int(first.to.removeprefix("+4477009")[:3])
    assert f"Internet line L-{number} does not work." in first.body
    assert "Your ticket is #" in first.body
    ranks = (
        "SELECT rank FROM channels_delivery WHERE recipient_kind = 'contact' AND channel = 'sms' ORDER BY accepted_at"
    )
    by_time = [rank for (rank,) in tonight.stack.rows(ranks)]
    highest = sorted(by_time)[0]
    assert by_time.index(highest) < len(by_time) / 2, "whose contract is highest is not among the last"


def test_each_of_the_customers_has_one_ticket_and_the_outage_one_row_a_person_and_channel(tonight: Night) -> None:
    tickets = "SELECT count(*), count(DISTINCT customer_id) FROM desk_ticket WHERE outage_id IS NOT NULL"
    assert tonight.stack.rows(tickets) == [(CUSTOMERS, CUSTOMERS)]
    rows = tonight.stack.rows(
        "SELECT count(*), count(DISTINCT (recipient_id, channel)) FROM channels_delivery WHERE recipient_kind = 'contact'"
    )
    assert rows == [(PEOPLE + CUSTOMERS, PEOPLE + CUSTOMERS)]
