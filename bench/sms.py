"""Texts by SMPP: through a provider that allows 50 a second, and as fast as one takes them.

The messages lie in the ledger on disk; a worker process of the product sends them to npm's `smpp` as the SMSC. Yardsticks:
Debian's Kannel, set up as it comes, through the same throttling; and aiosmpplib alone, without ledger or database, submitting
as many texts with receipts. Urgent pages that fall due in a flood of receipts are timed from the ledger to the SMSC.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.figure import at_least, at_most
from bench.ground import database
from tests.peers.kannel import PASSWORD as KANNEL_PASSWORD
from tests.peers.kannel import USER as KANNEL_USER
from tests.peers.kannel import kannel
from tests.peers.smpp_provider import PAGER, PASSWORD, SYSTEM_ID, SmppProvider

TEXTS, URGENT, ALLOWED = 500, 50, 50
KANNEL_S = 25.0
"""Seconds that Kannel is given; what it delivers of TEXTS in that time is scaled up to all of them."""
FLOW = 1000
PAGES = 5
"""Urgent pages, one after the other, each while receipts still come."""


def main() -> None:
    with SmppProvider(per_second=ALLOWED, receipts="none") as smsc, kannel(provider=smsc) as gateway:
        theirs = _through_kannel(smsc, gateway.url)
    with database():
        with SmppProvider(per_second=ALLOWED, receipts="none") as smsc:  # as Kannel, which asks for none
            ours, urgent = _throttled(smsc)
        before, (rate, page), after = _flow_of_the_library(), _flow(), _flow_of_the_library()
    at_most(
        "sms_throttled", ours, "s for 500", 12.0, theirs, f"Kannel, scaled from what it delivered in {KANNEL_S:g} s"
    ).keep()
    at_most("sms_urgent_first", urgent, "bulk texts before the last urgent one", ALLOWED).keep()
    at_least("sms_flow", rate, "texts/s with receipts", 100, max(before, after), "aiosmpplib alone").keep()
    at_most("sms_page_in_flood", page, "s, the slowest of 5 pages in a flood of receipts", 1.0).keep()


def _through_kannel(smsc: SmppProvider, door: str) -> float:
    """Seconds that Kannel would take for TEXTS, at the mean rate of its first KANNEL_S seconds."""
    for number in range(TEXTS):
        asked = {"username": KANNEL_USER, "password": KANNEL_PASSWORD, "from": PAGER}
        query = urllib.parse.urlencode({**asked, "to": f"+44770090{number:04}", "text": f"text {number}"})
        with urllib.request.urlopen(f"{door}?{query}", timeout=10) as answer:
            answer.read()
    began = min(event["at"] for event in smsc.seen("submit")) / 1000
    time.sleep(max(0.0, began + KANNEL_S - time.time()))
    delivered = len({event["to"] for event in smsc.submits()})
    print(f"sms: Kannel delivered {delivered} of {TEXTS} in {KANNEL_S:g} s", flush=True)
    return KANNEL_S * TEXTS / delivered


@contextmanager
def _worker() -> Iterator[None]:
    running = subprocess.Popen([sys.executable, "-m", "nightdesk", "worker"], env=dict(os.environ))
    try:
        yield
    finally:
        running.terminate()
        running.wait(20)


def _set_up(smsc: SmppProvider, name: str) -> dict[str, Any]:
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Door
    from nightdesk.channels.actions import save_route
    from nightdesk.channels.models import Route

    Route.objects.all().delete()
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}
    config = {key: value for key, value in smsc.route_settings.items() if key != "password"}
    save_route(channel="sms", driver="smpp", name=name, config=config, secrets={"password": PASSWORD}, **doing)
    return doing


def _queue(words: str, count: int, lane: Any, doing: dict[str, Any], first: int = 0) -> None:
    from nightdesk.channels.actions import Recipient, queue_message

    to = [Recipient("account", 0, "sms", f"+4477009{first + number:05}", doing["at"]) for number in range(count)]
    queue_message(
        kind="bench", subject=("bench", words), title=words, body="", to=to, brand_id=None, lane=lane, **doing
    )


def _throttled(smsc: SmppProvider) -> tuple[float, int]:
    """(seconds for all, how many bulk texts were taken before the last urgent one): bulk first in the ledger."""
    doing = _set_up(smsc, "throttled")
    _queue("bulk", TEXTS - URGENT, "bulk", doing)
    _queue("urgent", URGENT, "urgent", doing, TEXTS)
    with _worker():
        smsc.events.wait(TEXTS, lambda event: event["event"] == "submit" and event["status"] == 0, 120)
    events = smsc.events.all(lambda event: event["event"] == "submit")
    taken = [event for event in events if event["status"] == 0]
    assert len({event["to"] for event in taken}) == TEXTS == len(taken), "each is taken once"
    order = [event["text"] for event in taken]
    last_urgent = max(at for at, text in enumerate(order) if text == "urgent")
    print(f"sms: {len(events) - len(taken)} of {len(events)} were refused with 0x58", flush=True)
    return (taken[-1]["at"] - events[0]["at"]) / 1000, order[:last_urgent].count("bulk")


def _rate(smsc: SmppProvider, count: int) -> float:
    """Texts a second, from the first submit to the last receipt that we have answered."""
    answered = smsc.seen("answered", count, 180, status=0)
    first = smsc.seen("submit")[0]["at"]
    return count / ((answered[count - 1]["at"] - first) / 1000)


def _flow() -> tuple[float, float]:
    """(texts/s, seconds from the ledger to the SMSC of the slowest page): bulk texts, whose receipts come meanwhile."""
    from nightdesk.base import clock

    waited = []
    with SmppProvider() as smsc:
        doing = _set_up(smsc, "flow")
        _queue("flow", FLOW, "bulk", doing, 10_000)
        with _worker():
            for number in range(1, PAGES + 1):
                smsc.seen("answered", number * FLOW // (PAGES + 1), 180, status=0)
                began = time.time()
                _queue(f"page {number}", 1, "urgent", {**doing, "at": clock.now()}, 20_000 + number)
                waited.append(smsc.seen("submit", 1, 60, text=f"page {number}")[0]["at"] / 1000 - began)
            rate = _rate(smsc, FLOW + PAGES)
    print(f"sms: pages in the flood took {', '.join(f'{one:.2f}' for one in waited)} s", flush=True)
    return rate, max(waited)


def _flow_of_the_library() -> float:
    from aiosmpplib import ESME, NPI, TON, PhoneNumber, SubmitSm

    logging.getLogger().setLevel(logging.ERROR)

    async def send(smsc: SmppProvider) -> None:
        esme = ESME("127.0.0.1", smsc.port, SYSTEM_ID, PASSWORD, log_level="CRITICAL")
        source = PhoneNumber(PAGER[1:], TON.INTERNATIONAL, NPI.ISDN)
        running = asyncio.create_task(esme.start())
        for number in range(FLOW):  # its queue is short, and waits
            to = PhoneNumber(f"4477009{number:05}", TON.INTERNATIONAL, NPI.ISDN)
            text = SubmitSm(
                short_message="flow", source=source, destination=to, log_id=str(number),
                registered_delivery=1, auto_message_payload=True,
            )  # fmt: skip
            await esme.broker.enqueue(text)
        await asyncio.to_thread(smsc.seen, "answered", FLOW, 180, status=0)
        await esme.stop()
        await asyncio.wait([running], timeout=5)

    with SmppProvider() as smsc:
        asyncio.run(send(smsc))
        return _rate(smsc, FLOW)


if __name__ == "__main__":
    main()
