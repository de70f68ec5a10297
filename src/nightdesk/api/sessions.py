"""Sessions: the browsers in which an account is signed in to the pages; listed and ended."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema

from nightdesk.access import session_actions
from nightdesk.access.models import Session
from nightdesk.access.queries import live_sessions
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import readable_brands
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.people.queries import user_id_of

router = Router(tags=["sessions"])


class SignedInOut(Schema):
    """`device` is what people call the browser; `seen_at` is noted once a minute."""

    id: int
    user_id: int
    account: str
    device: str
    address: str | None
    began_at: datetime
    seen_at: datetime

    @staticmethod
    def resolve_account(row: Session) -> str:
        """The address that the account signs in with."""
        return row.user.email


class SessionsEnded(Schema):
    """How many there were."""

    ended: int


@router.get("/sessions", response=Listing[SignedInOut])
def list_sessions(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Every session of the accounts with a role in the brands whose admin you are."""
    brands = readable_brands(request, "read_sessions")
    rows = live_sessions(clock.now(), brands=brands)
    return list_rows(request, rows, SignedInOut, cut, order=("began_at", "id"), newest_first=True)


@router.delete("/sessions/{session_id}", response={204: None})
def end_session(request: HttpRequest, session_id: Id) -> Any:
    """Whoever uses that browser is signed out at this moment."""
    session_actions.end_session(session_id=session_id, by=actor_of(request), via=Door.API, at=clock.now())
    return 204, None


@router.get("/own-sessions", response=Listing[SignedInOut])
def list_own_sessions(request: HttpRequest, cut: Query[Cut]) -> Any:
    """The browsers in which you are signed in."""
    readable_brands(request, "read_own_sessions")
    rows = live_sessions(clock.now(), user_id=_own_account(actor_of(request)))
    return list_rows(request, rows, SignedInOut, cut, order=("began_at", "id"), newest_first=True)


@router.delete("/own-sessions/{session_id}", response={204: None})
def end_own_session(request: HttpRequest, session_id: Id) -> Any:
    """That browser of yours is signed out."""
    by, user_id = _one_who_may_end(request)
    session_actions.end_own_session(user_id=user_id, session_id=session_id, by=by, via=Door.API, at=clock.now())
    return 204, None


@router.delete("/own-sessions", response=SessionsEnded)
def end_own_sessions(request: HttpRequest) -> Any:
    """Every browser of yours is signed out, but the one that asks."""
    by, user_id = _one_who_may_end(request)
    key = request.session.session_key or ""
    ended = session_actions.end_sessions(user_id=user_id, but_key=key, by=by, via=Door.API, at=clock.now())
    return {"ended": ended}


def _one_who_may_end(request: HttpRequest) -> tuple[Actor, int]:
    readable_brands(request, "end_own_session")
    actor = actor_of(request)
    return actor, _own_account(actor)


def _own_account(actor: Actor) -> int:
    """Raises NotFound for a machine."""
    user_id = user_id_of(actor)
    if user_id is None:
        raise NotFound(
            _("Your own sessions were asked for."), _("No account stands behind this."), _("Ask as a person.")
        )
    return user_id
