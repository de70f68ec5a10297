"""Who calls: a token in the `Authorization` header, or somebody who is signed in to the pages."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from nightdesk.base import clock
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import Forbidden, NotSignedIn
from nightdesk.people.queries import actor_of_token, actor_of_user


class NoCsrf(Forbidden):
    """A browser's session came without the token that proves that the page is ours."""

    code = "csrf"
    title = "The request does not come from one of our pages"


@dataclass(frozen=True, slots=True)
class Caller:
    """`key` tells callers apart: the secret that they came with, digested, or the user of their session."""

    actor: Actor
    key: str


def caller_of(request: HttpRequest) -> Caller:
    """Whoever makes the request; looked up once a request.

    An `Authorization: Bearer` counts alone, whatever cookies come with it. Raises NotSignedIn, and NoCsrf for a session
    that would change something without its CSRF token.
    """
    known = getattr(request, "_nightdesk_caller", None)
    if not isinstance(known, Caller):
        known = _look_up(request)
        request._nightdesk_caller = known  # type: ignore[attr-defined]
    return known


def actor_of(request: HttpRequest) -> Actor:
    """The actor behind the request. Raises NotSignedIn."""
    return caller_of(request).actor


def _look_up(request: HttpRequest) -> Caller:
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        actor = actor_of_token(secret.strip(), clock.now())
        return Caller(actor, "token:" + hashlib.sha256(secret.strip().encode()).hexdigest()[:40])
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
    return Caller(actor_of_user(user), f"user:{user.pk}")


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


WAYS_IN = [BearerToken(), Session()]
