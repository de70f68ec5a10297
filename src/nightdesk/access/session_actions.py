"""Verbs of sessions: the browsers in which an account is signed in. One's own need no role; others' an admin's."""

from datetime import datetime, timedelta
from ipaddress import ip_address

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session as Stored
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.access.models import Session
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.base.words import gettext as _
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind

SESSION_ENDED = kind("session.ended", gettext_lazy("{by} ended a session of {name} ({device})"))

SEEN_NOTED_EVERY = timedelta(minutes=1)


def note_session(*, user_id: int, key: str, agent: str, address: str, at: datetime) -> None:
    """The account was seen in this browser; written once a minute. What has expired is forgotten at a new one."""
    seen_at = Session.objects.filter(session_key=key).values_list("seen_at", flat=True).first()
    if seen_at is not None and seen_at + SEEN_NOTED_EVERY > at:
        return
    seen = {"user_id": user_id, "agent": agent[:300], "address": _address(address), "seen_at": at}
    if seen_at is None:
        _forget_expired()
        Session.objects.get_or_create(session_key=key, defaults=seen | {"began_at": at})
    else:
        Session.objects.filter(session_key=key).update(**seen)


@transaction.atomic
def end_session(*, session_id: int, by: Actor, via: Door, at: datetime) -> None:
    """Whoever uses that browser is signed out at this moment. Raises Forbidden and NotFound, also once it has ended."""
    brands = brands_for(by, "end_session")
    if brands is not None and not brands:
        raise forbidden(by, "end_session")
    rows = Session.objects.filter(pk=session_id)
    if brands is not None:
        rows = rows.filter(user__grants__brand__in=brands).distinct()
    if not _end(rows, by, via, at):
        raise _not_there(session_id)


@transaction.atomic
def end_own_session(*, user_id: int, session_id: int, by: Actor, via: Door, at: datetime) -> None:
    """As `end_session`, for one of the account's own, whatever its role; a customer's contact has none.

    Raises Forbidden (a token's scopes), NotFound.
    """
    if by.kind != "contact" and brands_for(by, "end_own_session") == set():
        raise forbidden(by, "end_own_session")
    if not _end(Session.objects.filter(user_id=user_id, pk=session_id), by, via, at):
        raise _not_there(session_id)


@transaction.atomic
def end_sessions(*, user_id: int, but_key: str = "", by: Actor, via: Door, at: datetime) -> int:
    """Every session of the account has ended, but the one with `but_key`; returns how many did. Repeating it ends none."""
    return _end(Session.objects.filter(user_id=user_id).exclude(session_key=but_key), by, via, at)


def _end(rows: QuerySet[Session], by: Actor, via: Door, at: datetime) -> int:
    ended = 0
    for session in Session.objects.filter(pk__in=rows.values("pk")).select_for_update(of=("self",)).order_by("pk"):
        Stored.objects.filter(session_key=session.session_key).delete()
        facts = {"name": session.user.name, "device": session.device}
        record(SESSION_ENDED, subject=("user", session.user_id), by=by, via=via, at=at, facts=facts)
        session.delete()
        ended += 1
    return ended


def _not_there(session_id: int) -> NotFound:
    return NotFound(
        _("The session %s was to be ended.") % session_id,
        _("There is none that you may end; it may have ended already."),
        _("Look at the list."),
    )


def _forget_expired() -> None:
    """By the clock that Django gives its sessions their end by."""
    SessionStore.clear_expired()
    Session.objects.exclude(session_key__in=Stored.objects.values("session_key")).delete()


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
