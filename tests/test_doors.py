"""Every address that opens without signing in, each of the URLconf: whoever asks too often is sent away there."""

import os
import subprocess
import sys
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from nightdesk.api import limits
from nightdesk.base.buckets import Buckets
from nightdesk.console.views import pacing
from tests.test_walk import Address, asked, every_address

pytestmark = pytest.mark.django_db
FREE = {
    "/healthz": "a supervisor asks it, and it does nothing",
    "/readyz": "likewise, and asks the database for one row",
    "/metrics": "from this machine, or with its token",
    "/offline": "a page without anything in it",
    "/manifest.webmanifest": "likewise",
    "/service-worker.js": "likewise, a script",
    "/my/companies/": "sends whoever is not signed in to where they sign in",
    "/cachet/<slug:brand>/api/v1/ping": "says one word",
    "/cachet/<slug:brand>/api/v1/version": "likewise",
}
"""Whoever asks these often gets nothing by it, and costs no more than a refusal would."""
SAID = {"what": "do", "ending": "csv", "verb": "close"}
"""Words in an address that are no secret, where others lead nowhere."""

SENT_AWAY = {429, 503}
"""503 is what Alertmanager understands best of one that is over its limit."""
OTHERWISE = {"/generic/2010-04-15/create_event.json": {403}}
"""What the protocol has for it."""


def methods_of(route: str) -> tuple[str, ...]:
    """How it is asked: a form is for everybody, and the API's one door counts before it looks at what is asked."""
    return ("POST",) if route == "/sign-in/" else ("GET",) if route.startswith("/api/v1/") else ("GET", "POST")


class Full:
    """A cache in which everybody has asked too often."""

    def add(self, *_: object, **_more: object) -> None: ...

    def incr(self, *_: object) -> int:
        return 10**6


def public() -> list[Address]:
    """Those that no session of ours opens; of signing in see below."""
    return [
        each
        for each in every_address()
        if not (hasattr(each.view, "verb") or each.of_a_customer or each.route.startswith("/account/"))
    ]


def path_of(address: Address) -> str:
    guesses = {"int": 1, "uuid": UUID(int=7), "slug": "x", "str": "x", "path": "x"}
    values: dict[str, Any] = {name: SAID.get(name, guesses[kind]) for kind, name in address.parameters}
    if address.route.startswith("/beat/"):
        values["what"] = "start"
    return address.filled(values)


def test_each_public_door_sends_away_whoever_asks_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Buckets, "take", lambda *_: False)
    monkeypatch.setattr(limits.Bucket, "wait", lambda *_: 5.0)
    monkeypatch.setattr(pacing, "cache", Full())
    stranger = Client(raise_request_exception=False)
    wrong, known = [], {each.route for each in public()}
    for address in public():
        if address.route in FREE:
            continue
        came = {asked(stranger, method, path_of(address)).status_code for method in methods_of(address.route)}
        if not came <= SENT_AWAY | {405} | OTHERWISE.get(address.route, set()) or came == {405}:
            wrong.append(f"{address.route}: {came}")
    assert not wrong, "\n".join(wrong)
    assert set(FREE) <= known
    assert len(known) > 400


@pytest.mark.parametrize("door", ["account_login", "account_request_login_code", "account_reset_password"])
def test_whoever_tries_to_sign_in_too_often_is_sent_away_whomever_they_name(door: str, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = dict.fromkeys(("login_failed", "request_login_code", "reset_password"), "2/m/ip")
    for name in ("ada", "bo", "cy"):
        form = {"login": f"{name}@north.example", "email": f"{name}@north.example", "password": "a guess"}
        answer = Client().post(reverse(door), form)
    assert answer.status_code == 429 or "Too many failed login attempts" in answer.content.decode()


def test_behind_https_a_browser_comes_back_by_it_alone_and_keeps_its_cookies_to_it() -> None:
    asked_for = (
        "SECURE_HSTS_SECONDS SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SESSION_COOKIE_HTTPONLY SESSION_COOKIE_SAMESITE"
    )
    told = f"from django.conf import settings as s; print(*(getattr(s, n) for n in {asked_for.split()!r}))"
    for url, wanted in (
        ("https://n.example", "31536000 True True True Lax"),
        ("http://n.example", "0 False False True Lax"),
    ):
        set_to = {
            "NIGHTDESK_PUBLIC_URL": url,
            "DJANGO_SETTINGS_MODULE": "nightdesk.settings",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        ran = subprocess.run(
            [sys.executable, "-c", told], env=os.environ | set_to, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == wanted
