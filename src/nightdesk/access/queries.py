"""Reading accounts. Who an account or a token is among the staff is asked of `people.queries`."""

from collections.abc import Collection
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.models import Session as Stored
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.actions import note_token_use
from nightdesk.access.models import Session, Token, User
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotSignedIn, SecondFactorNeeded

OPERATOR = Actor("machine", "cli", "Operator", scopes=frozenset({"admin"}))
"""Whoever can run commands on this machine: the keys lie there anyway."""


def grants_of(user: User) -> frozenset[tuple[int | None, str]]:
    """What `Actor.grants` holds for the user; nothing for one who may no longer log in, or is a customer's."""
    ours = user.is_active and user.kind == User.Kind.STAFF
    return frozenset(user.grants.values_list("brand_id", "role")) if ours else frozenset()


def token_of(secret: str, at: datetime) -> Token:
    """The token that this secret belongs to, its user loaded; notes that it was used.

    Raises NotSignedIn for an unknown, expired (from `expires_at` on) or revoked one, and for one whose user may no longer
    log in, all in the same words: who guesses learns nothing. The digest is looked up, not compared, so that timing tells
    at most about digests.
    """
    token = Token.objects.select_related("user").filter(digest=Token.digest_of(secret)).first()
    if (
        token is None
        or token.revoked_at is not None
        or (token.expires_at is not None and token.expires_at <= at)
        or (token.user is not None and not token.user.is_active)
    ):
        raise NotSignedIn("A request came with a token.", "That token is not valid.", "Ask an admin for a new one.")
    note_token_use(token, at)
    return token


def live_sessions(
    at: datetime, *, user_id: int | None = None, brands: Collection[int] | None = None
) -> QuerySet[Session]:
    """The sessions that still open something, last seen first: one account's, or those of accounts with a role in
    `brands` (None: everybody's, customers' contacts too).
    """
    there = Stored.objects.filter(expire_date__gt=at).values("session_key")
    rows = Session.objects.filter(session_key__in=there, user__is_active=True).select_related("user")
    if user_id is not None:
        rows = rows.filter(user_id=user_id)
    if brands is not None:
        rows = rows.filter(user__in=User.objects.filter(grants__brand__in=brands))
    return rows.order_by("-seen_at", "-pk")


SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes come with either, and are none by themselves."""


def without_second_factor() -> QuerySet[User]:
    """Accounts of the staff with a role that needs a second proof, which have none; by name."""
    bound = User.objects.filter(kind=User.Kind.STAFF, is_active=True, grants__role__in=settings.SECOND_FACTOR_ROLES)
    proved = Authenticator.objects.filter(type__in=SECOND_FACTORS).values("user")
    return bound.exclude(pk__in=proved).distinct().order_by("name", "pk")


def require_second_factor(user: User) -> None:
    """Asked of who comes by a browser's session: raises SecondFactorNeeded where a role of theirs needs one, and they have
    none. Tokens, commands and links that were sent to somebody are proofs of their own.
    """
    if settings.SECOND_FACTOR_ROLES and without_second_factor().filter(pk=user.pk).exists():
        raise SecondFactorNeeded(
            _("You asked for a page of the staff."),
            _("Your role needs a second proof of who you are, and you have none yet."),
            _("Set up a passkey or an authenticator app; until then nothing else opens."),
        )
