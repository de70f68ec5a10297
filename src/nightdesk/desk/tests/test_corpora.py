"""Every mail of the corpora by the whole way: in by SMTP, read as a worker reads, to the desk. (What is read of each is held
against its project's own word in the mailroom's `test_corpora.py`.)
"""

from datetime import timedelta
from pathlib import Path

import pytest

from nightdesk.base import clock, leases, promises
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise
from nightdesk.channels.models import Message
from nightdesk.desk.models import Acknowledgement, Attachment, Entry, Ticket
from nightdesk.desk.tests.post import Post
from nightdesk.desk.tests.provider import Provider
from nightdesk.mailroom import actions as mailroom
from nightdesk.mailroom.letter import read_letter
from nightdesk.mailroom.models import Mail
from nightdesk.mailroom.tests.corpora import HUMANS, answers, bounces, odd

pytestmark = pytest.mark.django_db


def test_every_mail_of_the_corpora_has_its_place_at_the_desk_and_no_machine_is_answered() -> None:
    there = Provider()
    post = Post(there)
    files = [*bounces(), *odd(), *answers()]
    mails: dict[Path, Mail] = {}
    for file in files:
        there.at += timedelta(minutes=11)  # so that no brake engages
        how = {"by": SCHEDULER, "via": Door.EMAIL, "at": there.at}
        mails[file] = mailroom.receive_mail(
            way="smtp", raw=file.read_bytes(), sender=None, recipients=[post.support], **how
        )
        if len(mails) % 10 and file != files[-1]:
            continue
        with clock.replaced_by(lambda: there.at):
            due = leases.claim(Promise, "follow", 100, at=there.at, worker=uuid7(there.at))
            promises.keep_many([row for row in due if row.kind == mailroom.READ])
    tickets: dict[Path, Ticket] = {}
    told: dict[str, list[list[str]]] = {}
    for file, mail in mails.items():
        mail.refresh_from_db()
        raw = file.read_bytes()
        assert bytes(mail.raw) == raw, file.name
        match mail.standing:
            case "done":
                letter = read_letter(raw)
                said = Entry.objects.filter(mail_id=mail.pk, kind="message_in").first()
                if said is None:  # the same words as in one before it, encoded otherwise
                    assert letter.text.split() in told[mail.message_id], (file.name, mail.outcome)
                    continue
                tickets[file] = said.ticket
                assert str(said.ticket_id) == mail.subject_id
                assert said.text.split() == letter.text.split(), file.name
                assert Attachment.objects.filter(entry=said).count() == len(letter.attachments), file.name
                told.setdefault(mail.message_id, []).append(letter.text.split())
            case "copy" if mail.subject_kind == "":
                assert mail.outcome, "what it is a copy of was only kept"
            case "copy":
                assert read_letter(raw).text.split() in told[mail.message_id], file.name
            case "kept":
                assert mail.automatic, file.name
                assert mail.outcome, "it is told why"
            case _:
                pytest.fail(f"{file.name}: {mail.standing}, {mail.error}")
    people = {file.name for file, ticket in tickets.items() if file in bounces() and ticket.trust != "machine"}
    assert people == set(HUMANS)
    answered = Acknowledgement.objects.filter(answered=True).values_list("ticket__trust", flat=True)
    assert set(answered) == {"unverified"}
    assert Message.objects.filter(kind="ticket.acknowledged").count() == len(answered)
