"""Mails a second into tickets, with every check: kept raw, read, threaded, its sender looked up, acknowledged by contract.

Workers of the product keep the promises to read them, on a disk with fsync. What is said beside the figure: SQL statements
of one mail, and seconds of processor that it takes in the worker. Of ten mails six are of known contacts, two of strangers,
one answers a mail of ours about any of a hundred tickets, and one is of a machine.
"""

import os
import random
import subprocess
import sys
import time
from email.message import EmailMessage
from typing import Any

from bench.figure import at_least
from bench.ground import database

CUSTOMERS, MAILS, WORKERS = 200, 1500, 2
SEED = 20260303


def main() -> None:
    with database():
        stage = _stage()
        warm = [_mail(stage, number) for number in range(50)]
        _receive(warm)
        _until_read(len(warm))
        statements, cpu_s = _ten_by_ten(stage)
        mails = [_mail(stage, number) for number in range(50, 50 + MAILS)]
        began = time.monotonic()
        _receive(mails)
        kept_s = time.monotonic() - began
        read_s = _until_read(MAILS, workers=WORKERS)
        _check(MAILS)
    at_least("mails_kept", MAILS / kept_s, "mails/s", 100).keep()
    at_least("mails_into_tickets", MAILS / read_s, "mails/s", 100).keep()
    print(
        f"mails: {statements:.0f} SQL statements a mail, {cpu_s * 1000:.1f} ms of processor in the worker; {WORKERS} workers"
    )


def _stage() -> dict[str, Any]:
    """A brand with a desk, an address and customers under contract."""
    from datetime import date

    from nightdesk.customers import actions as customers
    from nightdesk.desk.tests.post import Post
    from nightdesk.desk.tests.provider import Provider

    there = Provider(_now())
    post = Post(there)
    addresses = []
    for number in range(CUSTOMERS):
        made = customers.make_customer(
            brand_id=there.brand.pk, name=f"Customer {number}", ref=f"C{number}", **there.doing
        )
        customers.make_contract(
            customer_id=made.pk,
            name="Basic",
            hours_id=there.hours.pk,
            valid_from=date(2020, 1, 1),
            targets={},
            **there.doing,
        )
        address = f"person{number}@customer{number}.example"
        customers.make_contact(customer_id=made.pk, name=f"Person {number}", email=address, **there.doing)
        addresses.append(address)
    return {"there": there, "post": post, "addresses": addresses, "chance": random.Random(SEED)}


def _mail(stage: dict[str, Any], number: int) -> tuple[bytes, str, str]:
    """(raw, sender, recipient) of one mail."""
    from nightdesk.desk.tests.post import BELIEVED

    chance, post = stage["chance"], stage["post"]
    sender, kind = chance.choice(stage["addresses"]), number % 10
    to = post.support
    if kind in (6, 7):
        sender = f"stranger{number}@elsewhere{number}.example"
    if kind == 8 and "conversations" in stage:
        to = chance.choice(stage["conversations"])
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"Somebody <{sender}>", to, f"Line {number} is slow"
    mail["Message-ID"] = f"<mail-{number}@client.example>"
    if kind == 9:
        sender = f"machine{number}@elsewhere.example"
        mail.replace_header("From", sender)
        mail["Auto-Submitted"] = "auto-generated"
    words = "It crawls since nine.\n\nOur circuit is 4711, and everybody here is waiting.\n" * 5
    mail.set_content(words)
    mail.add_alternative(f"<html><body><p>{words}</p><p>Regards</p></body></html>", subtype="html")
    if number % 5 == 0:
        mail.add_attachment(os.urandom(20_000), "image", "png", filename="picture.png")
    domain = sender.rpartition("@")[2]
    believed = f"Authentication-Results: {BELIEVED}; dmarc=pass header.from={domain}\r\n".encode()
    return believed + mail.as_bytes(), sender, to


def _receive(mails: list[tuple[bytes, str, str]]) -> None:
    from nightdesk.base.actors import SCHEDULER, Door
    from nightdesk.mailroom import actions

    for raw, sender, to in mails:
        doing = {"by": SCHEDULER, "via": Door.EMAIL, "at": _now()}
        actions.receive_mail(way="smtp", raw=raw, sender=sender, recipients=[to], **doing)


def _ten_by_ten(stage: dict[str, Any]) -> tuple[float, float]:
    """(SQL statements, seconds of processor) of one mail of a contact, read with nine others as a worker does it."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from nightdesk.base import leases
    from nightdesk.base.ids import uuid7
    from nightdesk.base.models import Promise
    from nightdesk.base.promises import keep_many
    from nightdesk.desk.mail_out import CONVERSATION, reply_address
    from nightdesk.desk.models import Ticket

    post = stage["post"]
    count, cpu_s, rounds = 0, 0.0, 5
    for turn in range(2 * rounds):
        mails = []
        for place in range(10):
            raw, old, to = _mail(stage, 100_000 + (turn * 10 + place) * 10)
            sender = stage["addresses"][turn * 10 + place]
            raw = raw.replace(old.encode(), sender.encode())
            mails.append((raw.replace(old.rpartition("@")[2].encode(), sender.rpartition("@")[2].encode()), sender, to))
        Promise.objects.filter(ended_at=None).delete()  # what follows from the mails before is not measured here
        _receive(mails)
        rows = leases.claim(Promise, "follow", 10, at=_now(), worker=uuid7())
        assert {row.kind for row in rows} == {"mail.read"}, rows
        if turn % 2:
            with CaptureQueriesContext(connection) as asked:
                keep_many(rows)
            count += len(asked)
        else:
            began = time.process_time()
            keep_many(rows)
            cpu_s += time.process_time() - began
    assert not Promise.objects.filter(kind="mail.read", ended_at=None).exists()
    stage["conversations"] = [reply_address(CONVERSATION, ticket) for ticket in Ticket.objects.order_by("number")]
    assert post.support not in stage["conversations"]
    return count / rounds / 10, cpu_s / rounds / 10


def _until_read(count: int, workers: int = 1) -> float:
    """Seconds until workers have read all; they are there before the clock starts."""
    from nightdesk.base.models import Promise, Worker

    waiting = Promise.objects.filter(kind="mail.read", ended_at=None)
    Promise.objects.filter(kind="mail.read", ended_at=None).update(due_at="2999-01-01T00:00Z")
    before = Worker.objects.count()
    started = [subprocess.Popen([sys.executable, "-m", "nightdesk", "worker"]) for _ in range(workers)]
    try:
        while Worker.objects.count() < before + workers:
            time.sleep(0.1)
        began = time.monotonic()
        waiting.update(due_at=_now())
        while waiting.exists():
            assert time.monotonic() - began < 600, f"{waiting.count()} of {count} mails were not read"
            time.sleep(0.05)
        return time.monotonic() - began
    finally:
        for one in started:
            one.terminate()
        for one in started:
            one.wait(30)


def _check(count: int) -> None:
    """Nothing was lost, and nothing failed."""
    from django.db.models import Count

    from nightdesk.mailroom.models import Mail

    standings = dict(
        Mail.objects.filter(message_id__startswith="mail-").values_list("standing").annotate(n=Count("id"))
    )
    assert set(standings) == {"done"}, standings
    assert standings["done"] >= count


def _now() -> Any:
    from nightdesk.base import clock

    return clock.now()


if __name__ == "__main__":
    main()
