"""Every secret that lies sealed in the database, sealed anew with the newest master key while everything goes on."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import models, transaction

from nightdesk.base import vault
from nightdesk.base.models import IdempotentAnswer
from nightdesk.channels.models import ContactEndpoint, Message, PushKey, Route
from nightdesk.customers.models import IdentityProvider
from nightdesk.mailroom.models import Mailbox

BATCH = 200


@dataclass(frozen=True)
class Sealed:
    """One column. `resealed` gives its new value, None where that need not change."""

    model: type[models.Model]
    column: str
    resealed: Callable[[Any], Any]
    empty: Any = b""


def _bytes(value: Any) -> bytes | None:
    sealed = bytes(value)
    return None if not sealed or vault.is_current(sealed) else vault.seal(vault.open_(sealed))


def _base64(value: str) -> str | None:
    fresh = _bytes(base64.b64decode(value)) if value else None
    return base64.b64encode(fresh).decode() if fresh else None


def _factor(data: dict[str, Any]) -> dict[str, Any] | None:
    """The secrets of a second factor, of which those that lie open are sealed too."""
    fresh = {}
    for name in ("secret", "seed"):
        text = data.get(name)
        if not isinstance(text, str):
            continue
        if text.startswith(vault.SEALED_TEXT):
            inner = _base64(text.removeprefix(vault.SEALED_TEXT))
            if inner:
                fresh[name] = vault.SEALED_TEXT + inner
        else:
            fresh[name] = vault.seal_text(text)
    return {**data, **fresh} if fresh else None


COLUMNS = (
    Sealed(Route, "secrets", _bytes),
    Sealed(PushKey, "sealed", _bytes),
    Sealed(ContactEndpoint, "sealed", _bytes),
    Sealed(Message, "sealed", _bytes),
    Sealed(IdentityProvider, "client_secret", _bytes),
    Sealed(Mailbox, "password", _bytes),
    Sealed(Mailbox, "client_secret", _bytes),
    Sealed(Mailbox, "refresh_token", _bytes),
    Sealed(IdempotentAnswer, "body", _base64, empty=""),
    Sealed(Authenticator, "data", _factor, empty={}),
)
"""All there are: a test seals with an old key, changes it, and finds nothing of the old one in any column of any table."""


def reseal_all() -> int:
    """Seal anew what is not sealed with the newest key, some rows at a time; returns how many were.

    Rows are locked only while they are written, and what somebody else seals meanwhile they seal with the newest key or, where
    they have not noticed yet, with the one before, which still opens. Raises vault.Unreadable for what no known key opens.
    """
    return sum(_reseal(each) for each in COLUMNS)


def _reseal(what: Sealed) -> int:
    count = 0
    for keys in _batches(what):
        with transaction.atomic():
            rows = what.model._default_manager.select_for_update().filter(pk__in=keys)
            for row in rows:
                fresh = what.resealed(getattr(row, what.column))
                if fresh is not None:
                    setattr(row, what.column, fresh)
                    row.save(update_fields=[what.column])
                    count += 1
    return count


def _batches(what: Sealed) -> Iterator[list[Any]]:
    full = what.model._default_manager.exclude(**{what.column: what.empty}).order_by("pk")
    last = None
    while keys := list((full.filter(pk__gt=last) if last is not None else full).values_list("pk", flat=True)[:BATCH]):
        yield keys
        last = keys[-1]
