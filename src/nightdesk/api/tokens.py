"""API tokens: made, listed without their secrets, revoked."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access import actions
from nightdesk.access.models import Token
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import readable
from nightdesk.api.values import Id, Instant, Name
from nightdesk.base import clock
from nightdesk.base.actors import Door

router = Router(tags=["tokens"])


class TokenIn(Schema):
    """`scopes` are `read`, `page`, `admin` or names of verbs. Without `user_id` it is a machine of its own name."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "wallboard", "scopes": ["read"], "brand_id": 1}]},
        extra="forbid",
    )
    name: Name
    scopes: list[str] = Field(min_length=1, max_length=100)
    user_id: Id | None = None
    brand_id: Id | None = None
    expires_at: Instant | None = None


class TokenOut(Schema):
    """`hint` is how its secret begins."""

    id: int
    name: str
    hint: str
    scopes: list[str]
    user_id: int | None
    brand_id: int | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenMade(TokenOut):
    """With the secret, which is told only now."""

    secret: str


@router.get("", response=Listing[TokenOut])
def list_tokens(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Every token of the brands whose admin you are, revoked ones too."""
    return list_rows(request, readable(request, "make_token", Token.objects.all()), TokenOut, cut)


@router.post("", response={201: TokenMade})
def make_token(request: HttpRequest, body: TokenIn) -> Any:
    """Make a token. Its secret stands in the answer and is never shown again."""
    token, secret = actions.make_token(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now())
    return {**TokenOut.from_orm(token).dict(), "secret": secret}


@router.delete("/{token_id}", response=TokenOut)
def revoke_token(request: HttpRequest, token_id: Id) -> Any:
    """The token opens nothing any more."""
    return actions.revoke_token(token_id=token_id, by=actor_of(request), via=Door.API, at=clock.now())
