"""Writing to the record. `record` is called by every verb of every room, in the verb's own transaction."""

import hashlib
import os
from datetime import datetime
from typing import Any
from uuid import UUID

from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise
from nightdesk.journal.kinds import KINDS
from nightdesk.journal.models import Entry, PersonalText

FOLLOW_UPS: dict[str, tuple[str, ...]] = {}
"""Kind of entry -> kinds of promises that follow from it. Filled by `nightdesk.follow_ups`."""


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
    entry.save(force_insert=True)
    if text:
        PersonalText.objects.create(entry_id=entry.id, salt=salt, text=text)
    for follow_up in FOLLOW_UPS.get(kind, ()):
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
