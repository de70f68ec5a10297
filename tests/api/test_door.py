"""Who comes in, how they are refused, and that every refusal is a problem."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from nightdesk.access.actions import revoke_token
from nightdesk.access.models import Brand, Token
from nightdesk.access.queries import OPERATOR
from nightdesk.api import brands, limits
from nightdesk.base import clock
from nightdesk.base.actors import Door
from tests.api.conftest import START, Caller, token_for, user_with

MEMBERS = {"type", "title", "status", "detail", "code"}


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The members of a problem that must be this one."""
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json"), response.content
    told: dict[str, Any] = response.json()
    assert told.keys() >= MEMBERS
    assert (told["status"], told["code"], told["type"]) == (status, code, f"urn:nightdesk:problem:{code}")
    return told


def test_nobody_is_told_how_to_sign_in(nobody: Caller) -> None:
    response = nobody("GET", "/brands")
    problem(response, 401, "not-signed-in")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer ndt_wrong", "bearer ndt_w\u00f6ng", "Basic eDp5", "x"])
def test_a_wrong_header_opens_nothing(db: None, header: str) -> None:
    problem(Caller(None, {"Authorization": header})("GET", "/brands"), 401, "not-signed-in")


def test_a_revoked_or_expired_token_opens_nothing(brand: Brand) -> None:
    caller = token_for(["read"])
    assert caller.get("/brands")
    Token.objects.update(expires_at=START + timedelta(seconds=1))
    assert caller.get("/brands")
    with clock.replaced_by(lambda: START + timedelta(seconds=1)):
        problem(caller("GET", "/brands"), 401, "not-signed-in")
    Token.objects.update(expires_at=None)
    revoke_token(token_id=Token.objects.get().pk, by=OPERATOR, via=Door.CLI, at=START)
    problem(caller("GET", "/brands"), 401, "not-signed-in")


def test_a_token_does_no_more_than_its_scopes(brand: Brand) -> None:
    reader = token_for(["read"], user=user_with("admin", None))
    assert reader.get("/brands")["items"]
    told = problem(reader("POST", "/tokens", {"name": "more", "scopes": ["admin"]}), 403, "forbidden")
    assert told["verb"] == "make_token"
    assert Token.objects.count() == 1


def test_a_session_reads_freely_and_writes_only_with_its_csrf_token(brand: Brand) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user_with("admin", None), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get("/api/v1/brands").json()["items"][0]["slug"] == "acme"
    body = {"name": "wallboard", "scopes": ["read"]}
    problem(browser.post("/api/v1/tokens", body, content_type="application/json"), 403, "csrf")
    assert not Token.objects.exists()
    browser.cookies["csrftoken"] = secret = "c" * 32
    sent = browser.post("/api/v1/tokens", body, content_type="application/json", headers={"X-CSRFToken": secret})
    assert sent.status_code == 201


def test_a_bearer_token_counts_alone_whatever_cookies_come_with_it(brand: Brand) -> None:
    browser = Client()
    browser.force_login(user_with("admin", None), backend="allauth.account.auth_backends.AuthenticationBackend")
    problem(browser.get("/api/v1/brands", headers={"Authorization": "Bearer ndt_gone"}), 401, "not-signed-in")


def test_an_unknown_address_and_a_wrong_method_are_problems_too(admin: Caller) -> None:
    problem(admin("GET", "/nothing/here"), 404, "not-found")
    problem(admin("GET", "/"), 404, "not-found")
    response = admin("DELETE", "/brands")
    problem(response, 405, "method-not-allowed")
    assert response["Allow"] == "GET"


def test_head_is_get_without_the_body(admin: Caller) -> None:
    response = admin("HEAD", "/brands")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response["Content-Length"]) == len(admin("GET", "/brands").content)


def test_every_field_that_does_not_fit_is_named(admin: Caller) -> None:
    told = problem(admin("POST", "/tokens", {"scopes": [], "brand_id": 0, "more": 1}), 422, "invalid")
    assert {error["field"] for error in told["errors"]} == {"body.name", "body.scopes", "body.brand_id", "body.more"}
    told = problem(admin("GET", "/brands?limit=201"), 422, "invalid")
    assert [error["field"] for error in told["errors"]] == ["query.limit"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'{"name": NaN}',
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_usable_json_is_refused(admin: Caller, body: bytes) -> None:
    problem(admin("POST", "/tokens", body), 400, "unreadable")


def test_a_nul_in_the_address_reaches_no_query(admin: Caller) -> None:
    problem(admin("GET", "/promises?kind=a%00b"), 400, "unreadable")


def test_a_body_that_is_too_large_is_refused_unread(admin: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    problem(admin("POST", "/tokens", b" " * 1001), 413, "body-too-large")


def test_what_nobody_expected_is_told_by_an_id_and_logged_whole(
    admin: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(brands, "list_rows", lambda *_args: 1 / 0)
    with caplog.at_level(logging.ERROR):
        response = admin("GET", "/brands")
    told = problem(response, 500, "unexpected")
    assert "division" not in json.dumps(told)
    assert told["id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_database_that_does_not_answer_is_not_just_now(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(brands, "list_rows", away)
    response = admin("GET", "/brands")
    told = problem(response, 503, "away")
    assert "connection" not in json.dumps(told)
    assert response["Retry-After"] == "2"


def test_whoever_asks_too_often_is_told_when_to_come_back(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.CALLERS, "limit", limits.Limit(per_second=0.1, burst=2))
    assert admin("GET", "/brands").status_code == admin("GET", "/brands").status_code == 200
    response = admin("GET", "/brands")
    assert problem(response, 429, "too-many")["retry_after"] == int(response["Retry-After"]) > 0
    assert token_for(["read"]).get("/brands")  # another caller is not held up


def test_strangers_are_limited_by_their_address_and_hold_no_caller_up(
    admin: Caller, nobody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.STRANGERS, "limit", limits.Limit(per_second=0.1, burst=1))
    problem(nobody("GET", "/brands"), 401, "not-signed-in")
    problem(nobody("GET", "/brands"), 429, "too-many")
    assert admin.get("/brands")


def test_answers_are_kept_by_nobody_on_the_way(admin: Caller) -> None:
    response = admin("GET", "/brands")
    assert response["Cache-Control"] == "no-store"
    assert {"Authorization", "Cookie", "Accept"} <= set(response["Vary"].replace(" ", "").split(","))


def test_words_for_a_brand_that_is_not_there_are_refused(admin: Caller, brand: Brand) -> None:
    body = {"brand_id": brand.pk + 1000, "goes_to": "identified", "name": "Found", "texts": {"en-gb": "We know."}}
    problem(admin("POST", "/statements", body), 404, "not-found")
