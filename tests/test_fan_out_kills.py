"""SIGKILL of the worker at random moments of a fan-out: one row for each, everything sent at least once, repeats counted.

Each worker first says again what is to be told, as a promise would that died with another, and then sends.
`NIGHTDESK_KILLS` says how many are killed (12), `NIGHTDESK_SEED` repeats a run; both are printed.
"""

import multiprocessing
import os
import random
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.worker import Shift, work
from nightdesk.channels.actions import save_route
from nightdesk.channels.fan_out_actions import queue_from
from nightdesk.channels.fan_out_queries import Select
from nightdesk.channels.models import Attempt, Delivery, Message
from nightdesk.journal.models import Entry
from tests.peers.mail_counter import counter
from tests.system.stack import until

KILLS = int(os.environ.get("NIGHTDESK_KILLS", "12"))
SEED = int(os.environ.get("NIGHTDESK_SEED", str(random.SystemRandom().randrange(10**6))))
PEOPLE = 80 * KILLS
"""About what is sent between two kills."""
LANGUAGES = ("de", "en-gb")
LONGEST_LIFE_S = 0.6
WHILE_SENDING = 0.7
"""Of the kills: the others come at any moment of a worker's life, while it writes the rows, say."""
AUDIENCE = """
SELECT 'contact', n::text, 'email', n || '@harbour.example', (n %% 5)::smallint, jsonb_build_object('name', 'Reader ' || n)
FROM generate_series(1, %s::int) n WHERE n %% 2 = %s
"""


def tell(said_at: datetime) -> None:
    """Two messages, each written in a transaction of its own; what is there already stays."""
    for number, language in enumerate(LANGUAGES):
        queue_from(
            found=Select(AUDIENCE, [PEOPLE, number]),
            once="update 1",
            variant=language,
            kind="outage.update",
            subject=("outage", "7"),
            title="Dock Street is down",
            body="Dear {{ name }}",
            brand_id=None,
            said_at=said_at,
            by=SCHEDULER,
            via=Door.WORKER,
            at=clock.now(),
        )


def live(said_at: datetime) -> None:
    """The life of one worker process."""
    tell(said_at)
    work(Shift("to be killed"))


@pytest.mark.django_db(transaction=True)
def test_whoever_is_killed_during_a_fan_out_everybody_is_told_and_has_one_row(monkeypatch: Any) -> None:
    print(f"\n{KILLS} kills, NIGHTDESK_SEED={SEED}")
    chance, said_at = random.Random(SEED), clock.now()
    monkeypatch.setattr(leases, "BEAT_EVERY", timedelta(seconds=0.3))  # workers are born as copies of this process
    monkeypatch.setattr(leases, "DEAD_AFTER", timedelta(seconds=1.5))

    def is_over() -> bool:
        return Delivery.objects.filter(ended_at__isnull=False).count() == PEOPLE

    with counter() as sink:
        config = {"host": "127.0.0.1", "port": sink.port, "security": "none", "from": "noc@quayside.example"}
        save_route(channel="email", driver="email", name="sink", config=config, by=SCHEDULER, via=Door.CLI, at=said_at)
        for _ in range(KILLS):
            taken_before = sink.count()
            worker = born(said_at)
            if chance.random() < WHILE_SENDING:
                until(lambda: sink.count() > taken_before or is_over(), 60, "the worker sends")  # noqa: B023
                time.sleep(chance.random() * 0.1)
            else:
                time.sleep(chance.random() * LONGEST_LIFE_S)
            worker.kill()
            worker.join(10)
        last = born(said_at)
        try:
            until(is_over, 60, "everybody is told")
        finally:
            last.kill()
            last.join(10)
        taken = sink.taken()
    check_the_books(taken)


def born(said_at: datetime) -> Any:
    connections.close_all()  # no copy may share a connection
    worker = multiprocessing.get_context("fork").Process(target=live, args=(said_at,), daemon=True)
    worker.start()
    return worker


def check_the_books(taken: list[tuple[str, str]]) -> None:
    """What came is what the ledger says, and nothing came more often than somebody had it in hand."""
    everybody = {f"{number}@harbour.example" for number in range(1, PEOPLE + 1)}
    rows = list(Delivery.objects.all())
    assert Counter(row.address for row in rows) == Counter(everybody), "one row each"
    assert {row.state for row in rows} == {"accepted"}
    assert Message.objects.count() == len(LANGUAGES)
    assert Entry.objects.filter(kind="message.queued").count() == len(LANGUAGES)
    came = Counter(address for address, _ in taken)
    assert came.keys() == everybody, "everybody was told, and nobody else"
    assert len(set(taken)) == PEOPLE, "a repeat has the first one's Message-ID"
    assert all(came[row.address] <= row.attempt for row in rows)
    recorded = Attempt.objects.filter(outcome="accepted").values_list("delivery_id", flat=True)
    assert len(recorded) == len(set(recorded)) == PEOPLE
    in_hand = sum(row.attempt - 1 for row in rows)
    print(f"{len(taken) - PEOPLE} of {in_hand} that were in hand at a kill were repeated")
    assert in_hand, "no kill met anything"
