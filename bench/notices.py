"""An outage's update by mail to 100,000 people, with a row each in the ledger, to a mail server that only counts.

All rows lie in the ledger, on a disk with fsync; a worker process of the product sends them in ROUNDS slices. After each, a
process that does nothing but hand ready bytes to aiosmtplib sends as many over as many connections: that is the yardstick.
The mail server takes commands in a row, as nearly all do; aiosmtplib gives it one at a time.
Two cores have the mail server, PostgreSQL and the sender. `python -m bench.notices --count 10000` for fewer.
"""

import argparse
import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.figure import at_least, at_most, median
from bench.ground import database
from tests.peers.mail_counter import Counter, counter

COUNT, ROUNDS, AT_ONCE = 100_000, 5, 20
CONNECTIONS = AT_ONCE * 3 // 4
"""What a route lets bulk mail have of AT_ONCE."""
WITHIN_S = 600.0
IN_HAND = 1000
"""At least as many as still go out when a round's worker is told to stop: the last round must not lack them."""
TITLE = "{{ ticket }}: {{ service }} is down"
BODY = """Dear {{ contact }},

since 04:12 GMT {{ service }} does not work. A core switch at Dock Street has lost both of its power supplies;
our engineer is on the way there and will be at the rack at about 05:00.

What you can do: calls to your main number go to your mobile phones if you switch the diversion on in your PBX.

Your ticket is {{ ticket }}. The next update comes at 05:15 GMT at the latest.

You get this because {{ customer }} buys this service from us. Fewer of these mails: {{ unsubscribe }}

Quayside Networks, 24 hours a day: 020 7946 0000
"""
AUDIENCE = """
SELECT 'contact', n::text, 'email', 'person' || n || '@customer' || n %% 5000 || '.example', (n %% 4)::smallint,
       jsonb_build_object('ticket', 'T-' || n, 'service', 'Leased line ' || n, 'contact', 'Jörg ' || n,
                          'customer', 'Harbour Foods ' || n %% 5000, 'unsubscribe', 'contact:' || n)
FROM generate_series(1, %s::int) n
"""


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--count", type=int, default=COUNT)
    count = reader.parse_args().count
    with counter() as sink, database():
        ready = _ready_bytes()
        set_up_mail(sink.port)
        began = time.monotonic()
        rows = count + ROUNDS * IN_HAND
        tell(AUDIENCE, [rows], subject="1")
        written_s = time.monotonic() - began
        ours, bare = [], []
        for _ in range(ROUNDS):
            sink.expect(count // ROUNDS)
            with worker():
                ours.append(sink.rate(WITHIN_S))
            sink.expect(count // ROUNDS)
            _send_bare(sink, ready, count // ROUNDS)
            bare.append(sink.rate(WITHIN_S))
            print(f"notices: {ours[-1]:.0f}/s, bare {bare[-1]:.0f}/s", flush=True)
        with worker():
            _until_all_are_sent(rows)
        _check(sink, rows)
    at_most("notices_written", written_s, f"s for {rows} rows by one statement", rows / 5000).keep()
    at_least("notices", median(ours), "mails/s", 0, median(bare), "aiosmtplib alone, ready bytes").keep()
    ratio = median([one / other for one, other in zip(ours, bare, strict=True)])
    at_least("notices_ratio", ratio, "of aiosmtplib alone, median of 5 pairs", 0.7).keep()


def set_up_mail(port: int) -> None:
    """The only route for mail leads to that port."""
    from nightdesk.channels.actions import save_route

    config = {"host": "127.0.0.1", "port": port, "security": "none", "from": "Quayside <noc@quayside.example>"}
    save_route(channel="email", driver="email", name="sink", config={**config, "at_once": AT_ONCE}, **doing())


def tell(audience: str, parameters: list[Any], *, subject: str, title: str = TITLE, body: str = BODY) -> None:
    """One update of that outage to all of `audience`."""
    from nightdesk.channels.fan_out_actions import queue_from
    from nightdesk.channels.fan_out_queries import Select
    from nightdesk.channels.mail_form import MailForm

    told = doing()
    queue_from(
        found=Select(audience, parameters),
        once=f"update {subject}",
        kind="outage.update",
        subject=("outage", subject),
        title=title,
        body=body,
        brand_id=None,
        said_at=told["at"],
        mail=MailForm(list_id=("Outages", "outages.quayside.example")),
        **told,
    )


def doing() -> dict[str, Any]:
    """Who does it, by which door, and when: now."""
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Door

    return {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}


@contextmanager
def worker() -> Iterator[None]:
    """A worker process, until the end of the block."""
    running = subprocess.Popen([sys.executable, "-m", "nightdesk", "worker"], env=dict(os.environ))
    try:
        yield
    finally:
        running.terminate()
        running.wait(20)


def _ready_bytes() -> list[bytes]:
    """Mails as ours are, ready to be sent."""
    from datetime import UTC, date, datetime
    from uuid import UUID

    from nightdesk.channels.driver import Outgoing, Said
    from nightdesk.channels.drivers import email
    from nightdesk.channels.mail_form import MailForm

    at = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
    form = MailForm(list_id=("Outages", "outages.quayside.example"))
    said = Said(UUID(int=7), at, "outage.update", "outage", "1", TITLE, BODY, mail=form)
    mails = []
    for n in range(500):
        values = {
            "ticket": f"T-{n}", "service": f"Leased line {n}", "contact": f"Jörg {n}", "customer": f"Harbour Foods {n}",
            "unsubscribe": "https://desk.quayside.example/u/" + "x" * 40,
        }  # fmt: skip
        one = Outgoing(said, UUID(int=n), date(2026, 11, 1), 1, 1, f"p{n}@x.example", "", at, None, values=values)
        mails.append(asyncio.run(email._ready(one, "Quayside <noc@quayside.example>"))[0])
    return mails


def _send_bare(sink: Counter, ready: list[bytes], count: int) -> None:
    """In a process of its own, as the worker is."""
    process = multiprocessing.get_context("spawn").Process(target=_bare, args=(sink.port, ready, count))
    process.start()
    process.join()
    assert process.exitcode == 0, "the yardstick broke"


def _bare(port: int, ready: list[bytes], count: int) -> None:
    asyncio.run(_send(port, ready, count))


async def _send(port: int, ready: list[bytes], count: int) -> None:
    import aiosmtplib

    left = iter(range(count))

    async def send() -> None:
        smtp = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=port, use_tls=False, start_tls=False, local_hostname="quayside.example"
        )
        await smtp.connect()
        for number in left:
            await smtp.sendmail("noc@quayside.example", [f"bare{number}@x.example"], ready[number % len(ready)])
        await smtp.quit()

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))


def _until_all_are_sent(count: int) -> None:
    from nightdesk.channels.models import Delivery

    until = time.monotonic() + WITHIN_S
    while Delivery.objects.filter(state="accepted", ended_at__isnull=False).count() < count:
        assert time.monotonic() < until, "not all were sent"
        time.sleep(0.2)


def _check(sink: Counter, count: int) -> None:
    """Everybody was told, once, and the ledger has one try of each."""
    from nightdesk.channels.models import Attempt

    told = [address for address, _ in sink.taken() if not address.startswith("bare")]
    assert len(told) == len(set(told)) == count, (len(told), len(set(told)))
    assert Attempt.objects.count() == count


if __name__ == "__main__":
    main()
