"""Writing to the record. `record` is called by every verb of every room, in the verb's own transaction."""

import hashlib
import os
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.months import month_of
from nightdesk.base.promises import promise
from nightdesk.base.refusals import IllegalTransition, NotFound
from nightdesk.base.rows import insert
from nightdesk.journal.kinds import KINDS, kind
from nightdesk.journal.models import Entry, FeedLink, PersonalText

TEXT_ERASED = kind("journal.text-erased", _("{by} erased what was written in an entry"))
MONTH_DROPPED = kind("journal.month-dropped", _("{by} dropped the entries of {month}"))
FEED_RENEWED = kind("journal.feed-renewed", _("{by} gave their feed of the journal a new address"))

FOLLOW_UPS: dict[str, tuple[str, ...]] = {}
"""Kind of entry -> kinds of promises that follow from it. Filled by `nightdesk.follow_ups`."""

FOLLOWS_WHERE: dict[str, Callable[[int | None], bool]] = {}
"""Kind of promise -> whether it follows in the brand; without an entry it does. Filled likewise."""


def record(
    kind: str,
    *,
    subject: tuple[str, object],
    by: Actor,
    via: Door,
    at: datetime,
    brand_id: int | None = None,
    facts: dict[str, Any] | None = None,
    text: str = "",
    cause: UUID | None = None,
) -> UUID:
    """Write one entry in the caller's transaction, and promise whatever follows from its kind; returns the entry's id.

    `text` is what a person wrote or said: it can be erased later. `cause` is the entry that led to this one.
    """
    known = KINDS[kind]
    salt = os.urandom(16) if text else b""
    subject_kind, subject_id = subject
    entry = Entry(
        id=uuid7(at),
        at=at,
        kind=kind,
        version=known.version,
        by_kind=by.kind,
        by_id=by.id,
        by_name=by.name[:120],
        via=via,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        brand_id=brand_id,
        cause=cause,
        facts=facts or {},
        commitment=hashlib.sha256(salt + text.encode()).digest() if text else None,
    )
    insert([entry])
    if text:
        insert([PersonalText(entry_id=entry.id, salt=salt, text=text)])
    for follow_up in FOLLOW_UPS.get(kind, ()):
        if not FOLLOWS_WHERE.get(follow_up, _always)(brand_id):
            continue
        promise(
            follow_up,
            subject=subject,
            due_at=at,
            why=f"follows from {kind}",
            at=at,
            facts={"entry": str(entry.id)},
            occurrence=f"{entry.id}:{follow_up}",
            cause=entry.id,
            brand_id=brand_id,
        )
    return entry.id


def _always(_brand_id: int | None) -> bool:
    return True


@transaction.atomic
def erase_text(*, entry_id: UUID, by: Actor, via: Door, at: datetime) -> bool:
    """The words of the entry are gone, with the salt that its commitment was made with; the entry and its seal stay true.

    False, and nothing is written, where there were none (any more). Raises NotFound. No permission is asked here, as access
    lies above this room: the door asks for the verb "erase_text" first.
    """
    entry = Entry.objects.filter(id=entry_id).first()
    if entry is None:
        raise NotFound("You asked to erase the text of an entry.", "There is no entry with this id.", "")
    gone, _by_table = PersonalText.objects.filter(entry_id=entry_id).delete()
    if gone:
        record(
            TEXT_ERASED,
            subject=(entry.subject_kind, entry.subject_id),
            by=by,
            via=via,
            at=at,
            brand_id=entry.brand_id,
            facts={"entry": str(entry_id)},
        )
    return bool(gone)


@transaction.atomic
def renew_journal_feed(*, reader: tuple[str, str], by: Actor, via: Door, at: datetime) -> int:
    """The reader's feed (kind and id, as `api.RIGHTS` knows them) has another address, and the one before shows nothing; returns
    its serial. No permission is asked here: see `erase_text`; the door asks for "renew_journal_feed", of oneself.
    """
    kind_, id_ = reader
    link, is_new = FeedLink.objects.select_for_update().get_or_create(
        reader_kind=kind_, reader_id=id_, defaults={"serial": 2, "renewed_at": at}
    )
    if not is_new:
        link.serial, link.renewed_at = link.serial + 1, at
        link.save(update_fields=["serial", "renewed_at"])
    record(FEED_RENEWED, subject=reader, by=by, via=via, at=at)
    return link.serial


@transaction.atomic
def drop_month(*, month: date, by: Actor, via: Door, at: datetime) -> None:
    """The entries of `month` (its first day) and their personal text are gone for good; the seals and this record stay.

    Raises IllegalTransition for a month that is not over, has entries that are not sealed yet, or has no partition of its
    own. No permission is asked here: see `erase_text`; the verb is "drop_month".
    """
    asked = f"You asked to drop the journal of {month:%Y-%m}."
    if month_of(at) <= month or month.day != 1:
        raise IllegalTransition(asked, "Only a whole month that is over can be dropped.", "Wait until it is.")
    table = f"journal_entry_{month:%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        if not cursor.fetchone()[0]:
            raise IllegalTransition(asked, "It has no table of its own, or is gone already.", "Nothing can be dropped.")
        name = connection.ops.quote_name(table)
        cursor.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            f"SELECT count(*) FROM {name} WHERE xid >= (SELECT coalesce(max(to_xid), 0) FROM journal_seal)"  # noqa: S608
        )
        if cursor.fetchone()[0]:
            raise IllegalTransition(asked, "Entries of it are not sealed yet.", "Let a worker run, and ask again.")
        # Few entries have words, and whichever has keeps their commitment.
        said = f"SELECT id FROM {name} WHERE commitment IS NOT NULL"  # noqa: S608
        cursor.execute(f"DELETE FROM journal_personaltext WHERE entry_id IN ({said})")  # noqa: S608
        cursor.execute(f"DROP TABLE {name}")
    record(
        MONTH_DROPPED, subject=("journal", f"{month:%Y-%m}"), by=by, via=via, at=at, facts={"month": f"{month:%Y-%m}"}
    )
