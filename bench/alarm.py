"""From an alarm to the mail server: at rest, and at 100 alarms a second.

Measured from just before the alarm is posted to the moment at which the mail server has the whole message. The
yardstick is Debian's Alertmanager with group_wait 0, sending its own mail of the same alarm to the same server.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

import aiohttp

from bench.figure import at_most, median, percentile
from tests.peers.mail_sink import MailSink
from tests.system.alertmanager import alertmanager
from tests.system.night import Night, night

AT_REST, RATE, LASTS_S, SERVICES = 60, 100, 30, 100
Post = Callable[[aiohttp.ClientSession, str, int], Awaitable[int]]


def main() -> None:
    with night(on_disk=True, storm_limit=10_000, text_after_s=1800) as tonight, MailSink() as theirs:
        receiver = (
            "    email_configs:\n      - to: noc@quayside.example\n        from: am@quayside.example\n"
            f"        smarthost: {theirs.host}:{theirs.port}\n        require_tls: false\n        send_resolved: false\n"
        )
        with alertmanager(receiver) as monitoring:
            asyncio.run(measure(tonight, theirs, monitoring.url))


async def measure(tonight: Night, theirs: MailSink, alertmanager_url: str) -> None:
    async def ours(session: aiohttp.ClientSession, key: str, number: int) -> int:
        event = {
            "routing_key": tonight.staged["keys"]["pagerduty_v2"],
            "event_action": "trigger",
            "dedup_key": key,
            "payload": {
                "summary": f"alarm {key} rings",
                "source": f"service-{number % SERVICES}",
                "severity": "critical",
            },
        }
        async with session.post(f"{tonight.stack.url}/v2/enqueue", json=event) as answer:
            return answer.status

    async def alertmanagers(session: aiohttp.ClientSession, key: str, number: int) -> int:
        alert = {
            "labels": {"alertname": f"alarm {key} rings", "service": f"service-{number % SERVICES}"},
            "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 2)),
        }
        async with session.post(f"{alertmanager_url}/api/v2/alerts", json=[alert]) as answer:
            return answer.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:
        for _ in range(5):  # the first ones fill caches and open connections
            await one(session, ours, tonight.mails, "warm", 0)
        rest_ours, rest_theirs = [], []
        for number in range(AT_REST):
            rest_ours.append(await one(session, ours, tonight.mails, "rest", number))
            rest_theirs.append(await one(session, alertmanagers, theirs, "rest", number))
        busy_ours = await many(session, ours, tonight.mails, "busy")
        busy_theirs = await many(session, alertmanagers, theirs, "busy")
    at_most(
        "alarm_at_rest", percentile(rest_ours, 0.99), "s, p99", 0.15, percentile(rest_theirs, 0.99), "Alertmanager"
    ).keep()
    at_most(
        "alarm_at_100_a_second",
        percentile(busy_ours, 0.99),
        "s, p99",
        1.0,
        percentile(busy_theirs, 0.99),
        "Alertmanager",
    ).keep()
    print(
        f"alarm: medians {median(rest_ours):.3f} s at rest (Alertmanager {median(rest_theirs):.3f}), "
        f"{median(busy_ours):.3f} s at {RATE}/s (Alertmanager {median(busy_theirs):.3f})"
    )


_numbers = itertools.count(1)


async def one(session: aiohttp.ClientSession, post: Post, sink: MailSink, run: str, number: int) -> float:
    """Seconds from posting one alarm until its mail has arrived."""
    key = f"{run}-{next(_numbers)}-"
    start = time.time()
    status = await post(session, key, number)
    assert status in (200, 202), status
    while not (found := sink.mails.all(lambda mail: f"alarm {key}".encode() in mail.raw)):
        assert time.time() - start < 30, f"{key} did not arrive"
        await asyncio.sleep(0.001)
    return found[0].received_at - start


async def many(session: aiohttp.ClientSession, post: Post, sink: MailSink, run: str) -> list[float]:
    """Seconds of each of RATE alarms a second during LASTS_S seconds; nothing waits for the one before."""
    posted: dict[str, float] = {}
    begin = time.time()

    async def send(number: int) -> None:
        await asyncio.sleep(max(0.0, begin + number / RATE - time.time()))
        key = f"{run}-{number}-"
        posted[key] = time.time()
        status = await post(session, key, number)
        assert status in (200, 202), status

    await asyncio.gather(*(send(number) for number in range(RATE * LASTS_S)))
    end = time.time() + 120
    while True:
        arrived = {
            word: mail.received_at
            for mail in reversed(sink.mails.all())
            for word in [mail.raw.partition(b"alarm ")[2].partition(b" ")[0].decode(errors="replace")]
            if word in posted
        }
        if len(arrived) >= len(posted):
            return [arrived[key] - at for key, at in posted.items()]
        assert time.time() < end, f"{len(posted) - len(arrived)} of {len(posted)} alarms did not arrive"
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    main()
