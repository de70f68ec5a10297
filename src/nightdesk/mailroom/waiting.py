"""A mail that waits, as those who take mails see it; and what a batch of them asks, asked at once. Nothing is written here.

What is `remembered` here is asked ahead for a whole batch, so that fifty mails cost as many questions as one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from nightdesk.base.memory import forget, remember, remembered
from nightdesk.base.rows import fetch
from nightdesk.mailroom.addressing import Meant, Ours
from nightdesk.mailroom.automatic import may_report, why_automatic, why_not_answered
from nightdesk.mailroom.handing import AHEAD, Arrived
from nightdesk.mailroom.letter import Letter, read_letter
from nightdesk.mailroom.models import Mail
from nightdesk.mailroom.queries import authserv_id_of, mailbox_of, ours, who_is_meant
from nightdesk.mailroom.reports import read_reports
from nightdesk.mailroom.trust import checked

BOUNCE = "bounce"
"""The word of addresses that only mail servers write to."""
READ_AHEAD_AT_MOST = 256 * 1024
"""Bytes of a mail; a larger one is fetched when its turn comes, so that a batch of large ones fills no memory."""


@remembered
def waiting_mail(mail_id: UUID) -> Mail | None:
    """The mail under its row's lock, waiting or not. It is its reader's alone, who writes down in it what became of it."""
    return next(iter(_locked([mail_id], None)), None)


@remembered
def arrived_mail(mail_id: UUID) -> Arrived:
    """The waiting mail, as handlers see it: with its reports, and with what is known of its sender."""
    mail = waiting_mail(mail_id)
    assert mail is not None
    raw = bytes(mail.raw)
    letter, known = read_letter(raw), tuple(ours())
    meant = _meant(mail, letter, known)
    # Nobody writes to a return path but mail servers, however little the mail looks like a report.
    expected = any(one.word == BOUNCE for one in meant)
    automatic = why_automatic(letter, mail.sender)
    reports = read_reports(raw) if automatic or expected or may_report(letter) else ()
    automatic = automatic or why_automatic(letter, mail.sender, reports)
    return Arrived(
        mail.id,
        mail.at,
        mail.sender,
        letter,
        automatic,
        raw,
        do_not_answer=why_not_answered(letter, automatic),
        checked=checked(letter, authserv_id_of(mail)),
        reports=reports if automatic or expected else (),
        meant=tuple(meant),
        ours=known,
        brand_id=mail.brand_id or next((one.ours.brand_id for one in meant if one.ours.brand_id is not None), None),
    )


def as_persons(arrived: Arrived) -> Arrived:
    """The mail as one that a person wrote, whatever looks like a machine in it; a machine still does not answer it."""
    why = arrived.do_not_answer or arrived.automatic
    return replace(arrived, automatic="", reports=(), do_not_answer=why)


@remembered
def first_of_the_same(same: str, message_id: str) -> UUID | None:
    """The mail that says the same to the same of our addresses and was dealt with. Two of one id at once wait for each other
    here, to whichever of our addresses they came.
    """
    return _first_of_each({same: message_id}).get(same)


def what_it_says(arrived: Arrived) -> str:
    """Stands for what the mail says, to which of our addresses and for which brand; "" where it has no id, so that nothing can
    be said.
    """
    letter = arrived.letter
    if not letter.message_id:
        return ""
    _head, _blank, body = arrived.raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    told = [letter.message_id[:300], letter.from_address[:320], letter.title[:300], hashlib.sha256(body).hexdigest()]
    told += sorted(f"{one.ours.address} {one.word} {one.key}" for one in arrived.meant)
    told.append(str(arrived.brand_id or ""))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def be_done_with(mail: Mail) -> None:
    """It was read: nothing of it is held any longer, and whoever says the same is held against it."""
    forget(waiting_mail, where=lambda mail_id: mail_id == mail.id)
    forget(arrived_mail, where=lambda mail_id: mail_id == mail.id)
    forget(first_of_the_same, where=lambda same, _message_id: same == mail.same)


def look_ahead(mail_ids: Sequence[UUID], at: datetime) -> None:
    """What reading each of the mails would ask is asked for all of them, and remembered."""
    arrived = []
    for row in _locked(mail_ids, READ_AHEAD_AT_MOST):
        remember(waiting_mail, row, row.id)
        if row.standing == Mail.Standing.WAITING:
            arrived.append(arrived_mail(row.id))
    said = {same: one.letter.message_id[:300] for one in arrived if (same := what_it_says(one))}
    first = _first_of_each(said) if said else {}
    for same, message_id in said.items():
        remember(first_of_the_same, first.get(same), same, message_id)
    for ask in AHEAD if arrived else ():
        ask(arrived, at)


def _locked(mail_ids: Sequence[UUID], most: int | None) -> list[Mail]:
    """The mails under their rows' locks, each with its mailbox; of no more than `most` bytes."""
    rows = fetch(
        Mail,
        "SELECT * FROM mailroom_mail WHERE id = ANY(%s) AND (%s::bigint IS NULL OR size <= %s) ORDER BY id FOR UPDATE",
        [list(mail_ids), most, most],
    )
    for row in rows:
        if row.mailbox_id is not None:
            row.mailbox = mailbox_of(row.mailbox_id)
    return rows


def _first_of_each(said: Mapping[str, str]) -> dict[str, UUID]:
    """`said`: what they say, with their ids."""
    ids = sorted(set(said.values()))  # in one order, so that two batches do not wait in a circle
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(i, 0)) FROM unnest(%s::text[]) i", [ids])
        cursor.execute(
            "SELECT DISTINCT ON (same) same, id FROM mailroom_mail WHERE same = ANY(%s) AND same <> '' "
            "AND standing IN ('done', 'kept') ORDER BY same, at, id",
            [list(said)],
        )
        return dict(cursor.fetchall())


def _meant(mail: Mail, letter: Letter, known: Sequence[Ours]) -> list[Meant]:
    """Whom it means of ours: the envelope's recipients; where there is no envelope, those that its header names, else the
    mailbox itself.
    """
    named = [*(mail.recipients or letter.to)]
    found = [who_is_meant(str(one), known) for one in named]
    if not any(found) and mail.mailbox is not None:
        # A hidden copy, or another name of the mailbox: it lies in there all the same.
        found = [who_is_meant(mail.mailbox.user, known)]
    return list(dict.fromkeys(one for one in found if one is not None))
