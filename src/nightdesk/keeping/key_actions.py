"""The verb that changes the master key, while everything goes on."""

import secrets
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base import vault
from nightdesk.base.actors import Actor, Door
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.keeping import keys

KEYS_ROTATED = kind("keeping.keys-rotated", gettext_lazy("{by} made a new master key"))
KEYS_DROPPED = kind("keeping.keys-dropped", gettext_lazy("{by} dropped {count} older master keys"))


@transaction.atomic
def rotate_keys(*, by: Actor, via: Door, at: datetime) -> None:
    """A new master key seals and signs from now on; the older ones still open and are believed. `reseal_all` follows.

    Raises Forbidden, and IllegalTransition where the keys come from the environment.
    """
    require(by, "rotate_keys", None)
    keys.put_in_front(secrets.token_urlsafe(48))
    record(KEYS_ROTATED, subject=("key", vault.key_marks()[0]), by=by, via=via, at=at)


@transaction.atomic
def drop_old_keys(*, by: Actor, via: Door, at: datetime) -> int:
    """Only the newest master key opens and is believed; returns how many went. Whoever calls it has sealed everything anew.

    Links that were sent, calendar addresses, sign-ins and callers' PINs from before the change end with them. Raises as
    `rotate_keys`.
    """
    require(by, "rotate_keys", None)
    count = keys.drop_older()
    if count:
        record(KEYS_DROPPED, subject=("key", vault.key_marks()[0]), by=by, via=via, at=at, facts={"count": count})
    return count
