"""The API keeps to its own description, whatever it is sent."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from nightdesk.access.models import Brand, Role
from nightdesk.api import limits
from nightdesk.api.openapi import PROBLEMS
from nightdesk.people.models import Person
from tests.api.conftest import Caller, token_for, user_with
from tests.api.test_roles import OPERATIONS
from tests.api.world import world_of

EXAMPLES = 4
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@pytest.fixture
def world(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(limits.CALLERS, "limit", limits.Limit(per_second=1e6, burst=10**6))
    return world_of(brand)


@pytest.fixture
def admin_on_the_staff(world: dict[str, Any]) -> Caller:
    user = user_with(Role.ADMIN, None, "ada")
    Person.objects.filter(pk=world["person_id"]).update(user=user)
    return token_for(["admin"], user=user)


@pytest.fixture
def described(world: dict[str, Any]) -> Iterator[Any]:
    # Between two requests a server drops connections that are in the middle of something, as the test's own is.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.parametrize("real", [True, False], ids=["about things that are there", "about anything"])
def test_nothing_that_is_sent_breaks_it_or_gets_an_answer_that_is_not_described(
    described: Any, world: dict[str, Any], admin_on_the_staff: Caller, real: bool
) -> None:
    """Half of it about the world's own things, so that the verbs are reached and not only their refusals."""
    headers = {"Authorization": f"Bearer {admin_on_the_staff.secret}"}
    failures = []
    for result in described.get_all_operations():
        operation = result.ok()

        @seed(20261114)
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def sent(case: schemathesis.Case) -> None:
            if real:
                case.path_parameters = {
                    name: str(world.get(name, uuid.UUID(int=7))) for name in case.path_parameters or {}
                }
                if isinstance(case.body, dict):
                    case.body |= {
                        name: str(value) if isinstance(value, uuid.UUID) else value
                        for name, value in world.items()
                        if name in case.body
                    }
            with transaction.atomic():
                _check_references_at_once()
                case.call_and_validate(headers=headers, checks=CHECKS)
                transaction.set_rollback(True)

        try:
            sent()
        except (Exception, BaseExceptionGroup) as failure:  # every operation is to be tried, and all failures told
            failures.append(f"{operation.label}: {failure} {getattr(failure, 'exceptions', '')}")
    assert not failures, "\n\n".join(failures)


def _check_references_at_once() -> None:
    """As they are when a transaction ends, which none does here."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_it_is_openapi_3_1_with_names_tags_and_problems_for_every_operation(nobody: Caller, db: None) -> None:
    told = nobody.get("/openapi.json")
    assert told["openapi"].startswith("3.1")
    names = [operation["operationId"] for methods in told["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    assert len(names) - sum(len(methods) for path, methods in told["paths"].items() if "/my/" in path) == len(
        OPERATIONS
    )
    known = {tag["name"] for tag in told["tags"]}
    for path, methods in told["paths"].items():
        assert path.startswith("/api/v1/")
        for operation in methods.values():
            assert set(operation["tags"]) <= known
            assert operation["summary"]
            assert set(map(str, PROBLEMS)) <= operation["responses"].keys()
            ways = ("OwnToken", "OwnSession") if "/my/" in path else ("BearerToken", "Session")
            assert operation["security"] == [{way: []} for way in ways]


def test_every_body_has_an_example_that_fits(nobody: Caller, db: None) -> None:
    told = nobody.get("/openapi.json")
    lacking = []
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None:
                continue
            name = body["schema"].get("$ref", "").rsplit("/", 1)[-1]
            shape = told["components"]["schemas"][name] if name else {"examples": body.get("example")}
            if not shape.get("examples"):
                lacking.append(f"{method} {path}")
    assert lacking == []


def test_a_post_takes_a_once_only_key_and_a_list_comes_as_csv_too(nobody: Caller, db: None) -> None:
    told = nobody.get("/openapi.json")
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Key" in parameters) == (method == "post"), path
            assert ("cursor" in parameters) == ("text/csv" in operation["responses"].get("200", {}).get("content", {}))
