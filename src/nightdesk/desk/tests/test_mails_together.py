"""Mails that are read in one batch: the same becomes of each as if it had come alone, for few questions and statements."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from nightdesk.base import clock, leases, promises, rows
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.channels.models import Message
from nightdesk.desk import mail_in
from nightdesk.desk.mail_out import CONVERSATION, reply_address
from nightdesk.desk.models import Acknowledgement, Attachment, Entry, MessageId, Party, Searchable, Ticket
from nightdesk.desk.tests.post import BELIEVED, Post
from nightdesk.desk.tests.provider import Provider
from nightdesk.journal.models import Entry as Journal
from nightdesk.mailroom import actions as mailroom
from nightdesk.mailroom.models import Mail

pytestmark = pytest.mark.django_db


class Bag:
    """Mails of one brand that wait, by a number of their own."""

    def __init__(self) -> None:
        self.there = Provider()
        self.post = Post(self.there)
        self.count = 0

    def put(
        self, sender: str, title: str = "Slow", *, to: str = "", id_: str = "", proven: bool = True, **more: str
    ) -> Mail:
        self.count += 1
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, to or self.post.support, title
        mail["Message-ID"] = f"<{id_ or self.count}@client.example>"
        for name, value in more.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(f"It crawls. {'' if id_ else self.count}")
        mail.add_attachment(b"loss at hop 3", "text", "plain", filename="trace.txt")
        mail.set_boundary("of-all")
        raw = mail.as_bytes()
        if proven:
            domain = sender.rpartition("@")[2]
            raw = f"Authentication-Results: {BELIEVED}; dmarc=pass header.from={domain}\r\n".encode() + raw
        how: dict[str, Any] = {"by": SCHEDULER, "via": Door.EMAIL, "at": self.there.at}
        return mailroom.receive_mail(way="smtp", raw=raw, sender=sender, recipients=[to or self.post.support], **how)

    def read(self) -> None:
        """As a worker does it."""
        due = leases.claim(Promise, "follow", 100, at=self.there.at, worker=uuid7(self.there.at))
        promises.keep_many([row for row in due if row.kind == mailroom.READ])


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def bag() -> Iterator[Bag]:
    made = Bag()
    with clock.replaced_by(lambda: made.there.at):
        yield made


def filled(bag: Bag) -> None:
    """Every way that mails of one batch can have to do with one another."""
    ticket = bag.post.ticket(bag.post.write("cleo@acme.example", Message_ID="<first@acme.example>"))
    ours = MessageId.objects.get(ticket=ticket, whose="ours").message_id
    conversation = reply_address(CONVERSATION, ticket)
    bag.put("cleo@acme.example", id_="a")
    bag.put("cleo@acme.example", id_="a")  # the same again
    bag.put("cleo@acme.example", "Slow, and dark", id_="a")  # another of the same id
    bag.put("cleo@acme.example", "Re: Slow", In_Reply_To="<a@client.example>")  # answers one of the batch
    bag.put("cleo@acme.example", "Re: Slow", In_Reply_To=f"<{ours}>")
    bag.put("cleo@acme.example", "Re: Slow", to=conversation)
    for _ in range(4):  # more than the brake of an hour lets be answered
        bag.put("stranger@elsewhere.example")
    bag.put("nobody@elsewhere.example", proven=False)
    bag.put("machine@elsewhere.example", Auto_Submitted="auto-generated")
    bag.put(str(bag.there.dee.user.email), "Fwd: Slow")
    bag.put("eve@elsewhere.example", f"Re: [{ticket.brand.slug}#{ticket.number}]")


def found_by(words: str) -> list[tuple[str, str]]:
    """Each word with its weights; in which place it stands may differ."""
    each = re.findall(r"'([^']+)'(?::(\S+))?", words)
    return sorted((word, "".join(sorted({one for one in places if one.isalpha()}))) for word, places in each)


def became(bag: Bag) -> dict[str, Any]:
    """All that was written, without what is chosen anew each time."""
    tickets = list(Ticket.objects.order_by("number"))
    place = {one.pk: rank for rank, one in enumerate(tickets)}
    rank_of = {str(one.number): f"rank {rank}" for rank, one in enumerate(tickets)}

    def told(text: str) -> str:
        return re.sub(r"\d{4}", lambda number: rank_of.get(number[0], number[0]), text)

    mails = Mail.objects.order_by("at", "id")
    return {
        "mails": [(m.standing, told(m.outcome), m.trust, bool(m.automatic)) for m in mails],
        "tickets": list(Ticket.objects.order_by("number").values_list("title", "state", "customer", "trust", "tags")),
        "story": [
            (place[e.ticket_id], e.kind, e.public, e.by_name, e.automatic, e.attachments.count())
            for e in Entry.objects.order_by("ticket__number", "id")
        ],
        "answered": list(
            Acknowledgement.objects.order_by("ticket__number").values_list("address", "answered", "brake")
        ),
        "parties": sorted((place[p.ticket_id], p.address, p.role) for p in Party.objects.all()),
        "ids": sorted((place[m.ticket_id], m.message_id, m.whose) for m in MessageId.objects.exclude(whose="ours")),
        "sent": list(Message.objects.order_by("at", "id").values_list("kind", flat=True)),
        "journal": sorted(Journal.objects.values_list("kind", flat=True)),
        "promised": sorted(Promise.objects.exclude(kind=mailroom.READ).values_list("kind", flat=True)),
        "searched": [found_by(told(s.words)) for s in Searchable.objects.order_by("ticket__number")],
    }


def test_of_a_batch_the_same_becomes_as_of_each_alone(
    bag: Bag, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    filled(bag)
    told = []
    for together in (True, False):
        with undone():
            if not together:
                alone = promises.Handler(promises.HANDLERS[mailroom.READ].run, lane="follow", give_up_after=None)
                monkeypatch.setitem(promises.HANDLERS, mailroom.READ, alone)
            bag.read()
            assert not Mail.objects.filter(standing="waiting").exists()
            told.append(became(bag))
    assert "is undone" not in caplog.text
    batch, alone_ = told
    for what in batch:
        assert batch[what] == alone_[what], what
    assert {mail[0] for mail in batch["mails"]} >= {"done", "copy"}
    assert any(brake for _address, _answered, brake in batch["answered"])


def test_many_mails_cost_as_many_statements_as_few(bag: Bag) -> None:
    def statements(count: int) -> int:
        for number in range(count):
            bag.put(f"someone{number}@elsewhere{bag.count}.example")
        with CaptureQueriesContext(connection) as asked:
            bag.read()
        return len(asked)

    statements(5)
    assert statements(20) <= statements(5) + 2


def test_a_poisonous_mail_of_a_batch_stops_no_other(bag: Bag, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = mail_in.actions.open_ticket

    def stumbles(**given: Any) -> Ticket:
        if given["title"] == "Poison":
            raise ZeroDivisionError("a fault of ours")
        return opened(**given)

    monkeypatch.setattr(mail_in.actions, "open_ticket", stumbles)
    good = [bag.put("cleo@acme.example"), bag.put("rod@acme.example")]
    poison = bag.put("cleo@acme.example", "Poison")
    good.append(bag.put("eve@elsewhere.example"))
    bag.read()
    assert {Mail.objects.get(pk=one.pk).standing for one in good} == {"done"}
    assert Ticket.objects.count() == len(good)
    poison.refresh_from_db()
    left = Promise.objects.get(kind=mailroom.READ, ended_at=None)
    assert (poison.standing, left.subject_id, left.failure) == (
        "waiting",
        str(poison.pk),
        "ZeroDivisionError: a fault of ours",
    )


def test_rows_of_many_hold_bytes_and_words_as_those_of_one_by_one() -> None:
    """The short way for many tells PostgreSQL the same."""
    at = Provider().at
    told = {"at": at, "version": 1, "by_kind": "person", "by_id": "7", "by_name": 'Zoë "Z" \\', "via": "web"}
    told |= {"subject_kind": "x", "subject_id": "é", "facts": {"deep": [1, None, "ü\n"]}}
    for kind, write in (("x.y", rows.insert), ("x.z", Journal.objects.bulk_create)):
        write([Journal(id=uuid7(at), kind=kind, commitment=b"\x00\xff" * 16, **told) for _ in range(rows.FEW + 1)])
        write([Journal(id=uuid7(at), kind=kind, commitment=None, **told) for _ in range(rows.FEW + 1)])

    def kept(kind: str) -> list[Any]:
        fields = ("at", "by_name", "subject_id", "facts", "commitment", "cause", "brand_id")
        found = Journal.objects.filter(kind=kind).order_by("id").values_list(*fields)
        return [[bytes(one) if isinstance(one, memoryview) else one for one in row] for row in found]

    assert kept("x.y") == kept("x.z")
    assert len(kept("x.y")) == 2 * (rows.FEW + 1)


def test_what_others_point_at_is_written_first() -> None:
    """Triggers that keep what is searched look there."""
    ordered = rows._pointed_at_first({Attachment, Entry, MessageId, Ticket, Promise})
    assert len(ordered) == 5
    assert ordered.index(Ticket) < ordered.index(Entry) < ordered.index(Attachment)
