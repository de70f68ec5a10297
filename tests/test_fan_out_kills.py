"""SIGKILL of the worker at random moments of a fan-out: one row for each, everything sent at least once, repeats counted.

Each worker first says again what is to be told, as a promise would that died with another, and then sends.
`NIGHTDESK_KILLS` says how many are killed (12), `NIGHTDESK_SEED` repeats a run; both are printed.
"""

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction

from nightdesk.base import clock, leases
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.worker import Shift, work
from nightdesk.channels.actions import save_route
from nightdesk.channels.fan_out_actions import gather_queued, queue_from
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


def tell_of_two(said_at: datetime) -> None:
    """Of two outages that touch the same people, each in a transaction of its own: what has not left goes together."""
    for number, other in (("7", "8"), ("8", "7")):
        doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.WORKER, "at": clock.now()}
        about: dict[str, Any] = {"kind": "outage.update", "subject": ("outage", number), "said_at": said_at}
        with transaction.atomic():
            queue_from(
                found=Select(AUDIENCE, [PEOPLE, 1]),
                once=f"update {number}",
                title="It is down",
                body=f"Dear {{{{ name }}}}, of outage {number}",
                brand_id=None,
                **about,
                **doing,
            )
            gather_queued(among=[other], waiting=None, **about, **doing)


def live(said_at: datetime, tell: Callable[[datetime], None]) -> None:
    """The life of one worker process."""
    tell(said_at)
    work(Shift("to be killed"))


@pytest.mark.django_db(transaction=True)
def test_whoever_is_killed_during_a_fan_out_everybody_is_told_and_has_one_row(monkeypatch: Any) -> None:
    check_the_books(taken_under_fire(monkeypatch, tell))


@pytest.mark.django_db(transaction=True)
def test_what_goes_together_has_a_row_each_whoever_is_killed(monkeypatch: Any) -> None:
    taken = taken_under_fire(monkeypatch, tell_of_two)
    rows = {row.id: row for row in Delivery.objects.all()}
    assert len(rows) == PEOPLE
    assert {row.state for row in rows.values()} == {"accepted"}
    assert set(Counter(row.address for row in rows.values()).values()) == {2}, "one row for each outage"
    along = [row for row in rows.values() if row.goes_with is not None]
    assert along, "nothing went together"
    for row in along:
        first = rows[row.goes_with]
        assert (first.address, first.goes_with) == (row.address, None)
        assert first.subject_id != row.subject_id
        assert (row.accepted_at, row.ended_at) == (first.accepted_at, first.ended_at)
    assert len(set(taken)) == PEOPLE - len(along), "a repeat has the first one's Message-ID"
    recorded = Attempt.objects.filter(outcome="accepted").values_list("delivery_id", flat=True)
    assert sorted(recorded) == sorted(row.id for row in rows.values() if row.goes_with is None)


def taken_under_fire(monkeypatch: Any, tell: Callable[[datetime], None]) -> list[tuple[str, str]]:
    """What a mail server took, (address, Message-ID), of workers that were killed, and of a last one that was not."""
    print(f"\n{KILLS} kills, NIGHTDESK_SEED={SEED}")
    chance, said_at = random.Random(SEED), clock.now()
    monkeypatch.setattr(leases, "BEAT_EVERY", timedelta(seconds=0.3))  # workers are born as copies of this process
    monkeypatch.setattr(leases, "DEAD_AFTER", timedelta(seconds=1.5))

    def told() -> int:
        return Delivery.objects.filter(ended_at__isnull=False).count()

    def is_over() -> bool:
        return told() == PEOPLE

    with counter() as sink:
        config = {"host": "127.0.0.1", "port": sink.port, "security": "none", "from": "noc@quayside.example"}
        save_route(channel="email", driver="email", name="sink", config=config, by=SCHEDULER, via=Door.CLI, at=said_at)
        for _ in range(KILLS):
            taken_before = sink.count()
            worker = born(said_at, tell)
            if chance.random() < WHILE_SENDING:
                until(lambda: sink.count() > taken_before or is_over(), 60, "the worker sends")  # noqa: B023
                time.sleep(chance.random() * 0.1)
            else:
                time.sleep(chance.random() * LONGEST_LIFE_S)
            worker.kill()
            worker.join(10)
        last = born(said_at, tell)
        try:
            while (before := told()) < PEOPLE:  # as long as it takes, and never nobody for a minute
                until(lambda: told() > before, 60, f"more than {before} of {PEOPLE} are told")
        finally:
            last.kill()
            last.join(10)
        return sink.taken()


def born(said_at: datetime, tell: Callable[[datetime], None]) -> Any:
    connections.close_all()  # no copy may share a connection
    worker = multiprocessing.get_context("fork").Process(target=live, args=(said_at, tell), daemon=True)
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
