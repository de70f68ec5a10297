"""Where a customer's contacts sign in with accounts that their own company keeps."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.api.auth import actor_of
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.customers import identity_actions
from nightdesk.customers.models import Customer, IdentityProvider

router = Router(tags=["customers"])


class IdentityProviderIn(Schema):
    """`issuer` is what the provider calls itself, to the letter. Without a `client_secret` the one that is known stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "issuer": "https://login.harbour.example",
                    "client_id": "nightdesk",
                    "client_secret": "as the provider gave it",
                    "domains": ["harbour.example"],
                }
            ]
        },
    )
    issuer: str = Field(min_length=1, max_length=300)
    client_id: str = Field(min_length=1, max_length=255)
    client_secret: str = Field("", max_length=1000)
    domains: list[str] = Field(min_length=1, max_length=identity_actions.DOMAINS_AT_MOST)
    allow_private: bool = False


class IdentityProviderOut(Schema):
    """The secret is told to nobody. `domains`: the e-mail domains that the provider speaks for."""

    id: int
    customer_id: int
    issuer: str
    client_id: str
    domains: list[str]
    allow_private: bool
    set_at: datetime


@router.get("/customers/{customer_id}/identity-provider", response=IdentityProviderOut)
def read_identity_provider(request: HttpRequest, customer_id: Id) -> Any:
    """Where the customer's contacts sign in with accounts of their own company."""
    customer = one(readable(request, "read_customers", Customer.objects.all()), id=customer_id)
    return one(IdentityProvider.objects.all(), customer=customer)


@router.put("/customers/{customer_id}/identity-provider", response=IdentityProviderOut)
def set_identity_provider(request: HttpRequest, customer_id: Id, body: IdentityProviderIn) -> Any:
    """Say where they do; with another issuer everybody's first time comes again."""
    return identity_actions.set_identity_provider(
        customer_id=customer_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.delete("/customers/{customer_id}/identity-provider", response={204: None})
def remove_identity_provider(request: HttpRequest, customer_id: Id) -> None:
    """Nobody does any more, and who came in by it is signed out."""
    identity_actions.remove_identity_provider(
        customer_id=customer_id, by=actor_of(request), via=Door.API, at=clock.now()
    )
