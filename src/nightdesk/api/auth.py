"""Who calls: a token in the `Authorization` header, or somebody who is signed in to the pages; of the staff, or a customer's."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from nightdesk.access.models import User
from nightdesk.access.queries import require_second_factor, token_of
from nightdesk.base import clock
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import Forbidden, NotFound, NotSignedIn
from nightdesk.customers.models import Contact
from nightdesk.customers.queries import actor_of_contact, contact_of_token
from nightdesk.people.queries import actor_for, actor_of_user
from nightdesk.portal.door import COMPANY, contacts_here


class NoCsrf(Forbidden):
    """A browser's session came without the token that proves that the page is ours."""

    code = "csrf"
    title = "The request does not come from one of our pages"


@dataclass(frozen=True, slots=True)
class Caller:
    """`key` tells callers apart: the secret that they came with, digested, or the user of their session.

    `contact`: for whom of a customer they speak; None for the staff and machines.
    """

    actor: Actor
    key: str
    contact: Contact | None = None


def caller_of(request: HttpRequest) -> Caller:
    """Whoever makes the request; looked up once a request.

    An `Authorization: Bearer` counts alone, whatever cookies come with it. Raises NotSignedIn, NoCsrf for a session that
    would change something without its CSRF token, and SecondFactorNeeded for one whose role asks for more.
    """
    known = getattr(request, "_nightdesk_caller", None)
    if not isinstance(known, Caller):
        known = _look_up(request)
        request._nightdesk_caller = known  # type: ignore[attr-defined]
    return known


def actor_of(request: HttpRequest) -> Actor:
    """The actor behind a request to the staff's API. Raises NotSignedIn, and NotFound for a customer's contact."""
    caller = caller_of(request)
    if caller.contact is not None:
        raise NotFound(_("The API was asked."), _("There is no such thing here."), _("Yours is all under /my/."))
    return caller.actor


def _look_up(request: HttpRequest) -> Caller:
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        key = "token:" + hashlib.sha256(secret.strip().encode()).hexdigest()[:40]
        token = token_of(secret.strip(), clock.now())
        if token.contact_id is not None:
            contact = contact_of_token(token)
            return Caller(actor_of_contact(contact), key, contact)
        return Caller(actor_for(token), key)
    user = request.user
    if not user.is_authenticated:
        raise NotSignedIn(
            _("The API was asked."), _("Nobody is known behind the request."), _("Send a token, or sign in.")
        )
    if check_csrf(request) is not None:
        raise NoCsrf(
            _("A signed-in browser sent a change."),
            _("Its CSRF token is missing or old."),
            _("Send it in X-CSRFToken, or use an API token."),
        )
    if user.kind == User.Kind.CUSTOMER:
        return _of_session(request, user)
    require_second_factor(user)
    return Caller(actor_of_user(user), f"user:{user.pk}")


def _of_session(request: HttpRequest, user: User) -> Caller:
    """Whoever is signed in to a customer's pages, for the company that they have chosen there."""
    known = contacts_here(request, user)
    chosen = [one for one in known if one.pk == request.session.get(COMPANY)] or known[:1]
    if not chosen:
        raise NotSignedIn(_("The API was asked."), _("You speak for no company."), _("Ask to be invited again."))
    return Caller(actor_of_contact(chosen[0]), f"contact:{chosen[0].pk}", chosen[0])


class BearerToken(HttpBearer):
    """A token made by `nightdesk token new`."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor:  # noqa: ARG002 - `caller_of` reads it
        """The token's actor."""
        return actor_of(request)


class Session(APIKeyCookie):
    """The session of somebody who is signed in to the pages; a change needs `X-CSRFToken` too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self) -> None:
        super().__init__(csrf=False)  # `caller_of` looks after it

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor:  # noqa: ARG002 - Django reads it
        """The signed-in person."""
        return actor_of(request)


class OwnToken(BearerToken):
    """A token that a customer's contact made on their pages."""

    def authenticate(self, request: HttpRequest, token: str) -> Contact | None:  # type: ignore[override] # noqa: ARG002
        """The contact; the staff's tokens are none here."""
        return caller_of(request).contact


class OwnSession(Session):
    """The session of a customer's contact."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Contact | None:  # type: ignore[override] # noqa: ARG002
        """The contact; the staff's sessions are none here."""
        return caller_of(request).contact


WAYS_IN = [BearerToken(), Session()]
OWN_WAYS_IN = [OwnToken(), OwnSession()]
"""For what customers do: the staff has no place there."""
