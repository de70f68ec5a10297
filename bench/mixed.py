"""One update to 100,000 people by mail, by text through a provider that allows 50 a second, and by push: the worst hit first.

A worker process of the product sends them all at once, each channel to a peer that speaks its provider's protocol. What is
held against a goal: that texts keep to the pace, that hardly anybody is told before somebody who is hit harder, by whichever
channel, and how long an urgent page takes from the ledger to its provider in the middle of it all. `python -m bench.mixed
--count 5000` for fewer; of a hundred 96 are mails, two are texts and two are pushes.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

from bench.figure import at_least, at_most
from bench.ground import database
from bench.notices import doing, set_up_mail, tell, worker
from tests.peers.mail_counter import counter
from tests.peers.push_service import Browser, PushService
from tests.peers.smpp_provider import PASSWORD, SmppProvider

COUNT, ALLOWED, PAGES = 100_000, 50, 5
RANKS = 4
WITHIN_S = 900.0
AUDIENCE = """
SELECT 'contact', n::text, 'email', n || '@customer.example', (n %% 4)::smallint, '{"name": "mail"}'::jsonb
FROM generate_series(1, %s::int) n
UNION ALL
SELECT 'contact', n::text, 'sms', '+4477009' || lpad(n::text, 5, '0'), (n %% 4)::smallint, '{"name": "text"}'::jsonb
FROM generate_series(1, %s::int) n
UNION ALL
SELECT 'person', m.person_id::text, 'push', m.address, (row_number() OVER (ORDER BY m.id) %% 4)::smallint,
       '{"name": "push"}'::jsonb
FROM people_contactmethod m WHERE m.channel = 'push'
"""


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--count", type=int, default=COUNT)
    count = reader.parse_args().count
    few = count // 50
    with (
        counter() as sink,
        SmppProvider(per_second=ALLOWED, receipts="none") as smsc,
        PushService() as service,
        database(),
    ):
        set_up_mail(sink.port)
        _set_up_texts(smsc)
        browsers = _set_up_browsers(service, few)
        tell(AUDIENCE, [count - 2 * few, few], subject="1", title="Dock Street is down", body="By {{ name }}.")
        ranks = _ranks()
        began = time.monotonic()
        with worker():
            waited = [_page(smsc, number, few * (number + 1) // (PAGES + 2)) for number in range(PAGES)]
            _until_all_are_sent(count + PAGES)
            took_s = time.monotonic() - began
        mails = sink.taken()
    texts = [event for event in smsc.events.all(lambda event: event["event"] == "submit") if event["status"] == 0]
    bulk = [event for event in texts if not event["text"].startswith("page")]
    pace = (len(bulk) - 1) / ((bulk[-1]["at"] - bulk[0]["at"]) / 1000)
    came = {
        "mail": [ranks[address] for address, _ in mails],
        "text": [ranks[event["to"] if event["to"].startswith("+") else f"+{event['to']}"] for event in bulk],
        "push": [ranks[browsers[push.path]] for push in service.pushes.all()],
    }
    assert sum(map(len, came.values())) == count, {channel: len(order) for channel, order in came.items()}
    at_least("mixed", count / took_s, "messages/s, all channels together, from the worker's start", 0).keep()
    at_least("mixed_text_pace", pace, "texts/s", ALLOWED * 0.8, ALLOWED, "what the provider allows").keep()
    for channel, order in came.items():
        at_most(f"mixed_{channel}_order", _overtaken(order), "told before the last one who is hit harder", 50).keep()
    at_most("mixed_page", max(waited), f"s, the slowest of {PAGES} urgent texts meanwhile", 1.0).keep()


def _set_up_texts(smsc: SmppProvider) -> None:
    from nightdesk.channels.actions import save_route

    config = {key: value for key, value in smsc.route_settings.items() if key != "password"}
    config |= {"per_second": ALLOWED}
    save_route(channel="sms", driver="smpp", name="carrier", config=config, secrets={"password": PASSWORD}, **doing())


def _set_up_browsers(service: PushService, count: int) -> dict[str, str]:
    """So many people with a browser each: path at the push service -> address in the ledger."""
    from nightdesk.base.ids import uuid7
    from nightdesk.channels.actions import make_push_key, save_route
    from nightdesk.channels.models import Device
    from nightdesk.people.models import ContactMethod, Person

    config = {"allow_private": True, "subject": "mailto:noc@quayside.net"}
    save_route(channel="push", driver="push", name="push", config=config, **doing())
    make_push_key(**doing())
    keys = Browser("").subscription
    people = Person.objects.bulk_create([Person(name=f"Person {number}") for number in range(count)])
    ids = [uuid7() for _ in people]
    methods = ContactMethod.objects.bulk_create(
        ContactMethod(person=person, channel="push", address=str(id_)) for person, id_ in zip(people, ids, strict=True)
    )
    at = doing()["at"]
    Device.objects.bulk_create(
        Device(
            id=id_, method=method, endpoint=f"{service.url}/push/{id_}", p256dh=keys["p256dh"], auth=keys["auth"],
            made_at=at,
        )
        for method, id_ in zip(methods, ids, strict=True)
    )  # fmt: skip
    return {f"/push/{id_}": str(id_) for id_ in ids}


def _ranks() -> dict[str, int]:
    from nightdesk.channels.models import Delivery

    return dict(Delivery.objects.values_list("address", "rank"))


def _page(smsc: SmppProvider, number: int, after: int) -> float:
    """Seconds from the ledger to the provider of an urgent text, once `after` others have gone."""
    from nightdesk.channels.actions import Recipient, queue_message

    smsc.events.wait(after, lambda event: event["event"] == "submit" and event["status"] == 0, WITHIN_S)
    told: dict[str, Any] = doing()
    began = time.time()
    queue_message(
        kind="bench", subject=("page", number), title=f"page {number}", body="", brand_id=None,
        to=[Recipient("account", 0, "sms", f"+44770091000{number}", told["at"])], **told,
    )  # fmt: skip
    return float(smsc.seen("submit", 1, 60, text=f"page {number}", status=0)[0]["at"] / 1000 - began)


def _until_all_are_sent(count: int) -> None:
    from nightdesk.channels.models import Delivery

    until = time.monotonic() + WITHIN_S
    while Delivery.objects.filter(accepted_at__isnull=False).count() < count:
        assert time.monotonic() < until, "not all were sent"
        time.sleep(0.5)


def _overtaken(order: Sequence[int]) -> int:
    """How many were told before the last one of a lower rank, at most."""
    worst = 0
    for rank in range(RANKS):
        if rank in order:
            last = len(order) - 1 - list(reversed(order)).index(rank)
            worst = max(worst, sum(one > rank for one in order[:last]))
    return worst


if __name__ == "__main__":
    main()
