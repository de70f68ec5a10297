"""Reading accounts. Who an account or a token is among the staff is asked of `people.queries`."""

from datetime import datetime

from nightdesk.access.actions import note_token_use
from nightdesk.access.models import Token, User
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotSignedIn

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
