"""A storm: 3,000 alarms of one service, as fast as twenty connections send them. One page must be left, that counts.

The yardstick is Debian's Alertmanager taking the same 3,000 alerts by as many connections: seconds until all are accepted.
"""

import asyncio
import time

import aiohttp

from bench.figure import at_most
from tests.peers.mail_sink import MailSink
from tests.system.alertmanager import alertmanager
from tests.system.night import BO_PHONE, night

ALARMS, CONNECTIONS = 3000, 20


async def send_all(url: str, bodies: list[object]) -> float:
    """Seconds until every body was accepted; refused ones are sent again, as a client would."""
    waiting = iter(bodies)

    async def work(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            while True:
                async with session.post(url, json=body) as answer:
                    if answer.status in (200, 202):
                        break
                    assert answer.status in (429, 503), answer.status
                await asyncio.sleep(0.2)

    start = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(session) for _ in range(CONNECTIONS)))
    return time.perf_counter() - start


def main() -> None:
    with night(on_disk=True) as tonight, MailSink() as theirs:
        key = tonight.staged["keys"]["pagerduty_v2"]
        events: list[object] = [
            {
                "routing_key": key,
                "event_action": "trigger",
                "dedup_key": f"port-{number}",
                "payload": {"summary": f"port {number} of sw2 is down", "source": "sw2", "severity": "critical"},
            }
            for number in range(ALARMS)
        ]
        took = asyncio.run(send_all(f"{tonight.stack.url}/v2/enqueue", events))
        receiver = (
            "    email_configs:\n      - to: noc@quayside.example\n        from: am@quayside.example\n"
            f"        smarthost: {theirs.host}:{theirs.port}\n        require_tls: false\n"
        )
        with alertmanager(receiver) as monitoring:
            alerts: list[object] = [[{"labels": {"alertname": f"port {n}", "host": "sw2"}}] for n in range(ALARMS)]
            theirs_took = asyncio.run(send_all(f"{monitoring.url}/api/v2/alerts", alerts))
        pages = tonight.stack.rows("SELECT alarm_count FROM paging_page WHERE state <> 'resolved'")
        texts = len(tonight.sms.messages.all(lambda text: text.to == BO_PHONE))
    assert pages == [(ALARMS,)], f"one page that counts {ALARMS} was expected, not {pages}"
    at_most("storm", texts, f"texts for {ALARMS} alarms of one service, left as one page", 6).keep()
    print(f"storm: accepted in {took:.1f} s ({ALARMS / took:.0f}/s); Alertmanager {theirs_took:.1f} s")


if __name__ == "__main__":
    main()
