"""Two brands, somebody of each role in the first, and a caller who speaks JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from nightdesk.access.actions import grant_role, make_brand, make_token, make_user
from nightdesk.access.models import Brand, Role, User
from nightdesk.access.queries import OPERATOR
from nightdesk.api import limits
from nightdesk.base import clock
from nightdesk.base.actors import Door

START = datetime(2026, 11, 14, 3, 0, tzinfo=UTC)


@dataclass
class Caller:
    """Asks the API with one token, or with none."""

    secret: str | None
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response to `method` on `/api/v1{path}`; `path` may also be a whole address, as `next` is."""
        address = path if path.startswith("http") else f"/api/v1{path}"
        named = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        named |= self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else (b"" if body is None else json.dumps(body).encode())
        kind = named.pop("Content-Type", "application/json")
        return Client(raise_request_exception=False).generic(method, address, raw, content_type=kind, headers=named)

    def get(self, path: str, **headers: str) -> Any:
        """What the answer to a GET says; it must be 200."""
        response = self("GET", path, **headers)
        assert response.status_code == 200, response.content
        return response.json()


@pytest.fixture(autouse=True)
def only_the_api(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.api.addresses"
    limits.CALLERS.clear()
    limits.STRANGERS.clear()
    with clock.replaced_by(lambda: START):
        yield


def token_for(scopes: list[str], *, user: User | None = None, brand: Brand | None = None) -> Caller:
    """A caller with a new token."""
    _token, secret = make_token(
        name="test",
        scopes=scopes,
        user_id=user.pk if user else None,
        brand_id=brand.pk if brand else None,
        by=OPERATOR,
        via=Door.CLI,
        at=START,
    )
    return Caller(secret)


def user_with(role: str, brand: Brand | None, name: str = "") -> User:
    """Somebody who has just this role."""
    email = f"{name or role}@example.net"
    user = make_user(email=email, name=name or role, by=OPERATOR, via=Door.CLI, at=START)
    grant_role(user_id=user.pk, role=role, brand_id=brand.pk if brand else None, by=OPERATOR, via=Door.CLI, at=START)
    return user


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(name="Acme", slug="acme", by=OPERATOR, via=Door.CLI, at=START)


@pytest.fixture
def other_brand(db: None) -> Brand:
    return make_brand(name="Other", slug="other", by=OPERATOR, via=Door.CLI, at=START)


@pytest.fixture
def admin(brand: Brand) -> Caller:
    """Admin of every brand."""
    return token_for(["admin"], user=user_with(Role.ADMIN, None, "ada"))


@pytest.fixture
def nobody(db: None) -> Caller:
    return Caller(None)
