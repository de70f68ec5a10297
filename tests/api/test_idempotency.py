"""A key does a thing once, however often and however close together the request comes."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from nightdesk.access import actions
from nightdesk.access.models import Token
from nightdesk.base import clock, idempotency
from nightdesk.base.idempotency import Answer, answer_once
from nightdesk.base.models import IdempotentAnswer
from nightdesk.base.refusals import KeyReused
from tests.api.conftest import START, Caller, token_for, user_with
from tests.api.test_door import problem

BODY = {"name": "wallboard", "scopes": ["read"]}


def test_a_repeat_gets_the_first_answer_and_does_nothing(admin: Caller) -> None:
    first = admin("POST", "/tokens", BODY, Idempotency_Key="k1")
    again = admin("POST", "/tokens", BODY, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first["Content-Type"] == again["Content-Type"]
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Token.objects.filter(name="wallboard").count() == 1


def test_without_a_key_every_request_is_a_new_one(admin: Caller) -> None:
    admin("POST", "/tokens", BODY), admin("POST", "/tokens", BODY)
    assert Token.objects.filter(name="wallboard").count() == 2


@pytest.mark.parametrize(
    ("path", "body"), [("/tokens", BODY | {"name": "x"}), ("/tokens?a=1", BODY), ("/promises/x/retry", BODY)]
)
def test_a_key_that_comes_with_another_request_is_refused(admin: Caller, path: str, body: Any) -> None:
    admin("POST", "/tokens", BODY, Idempotency_Key="k1")
    problem(admin("POST", path, body, Idempotency_Key="k1"), 422, "idempotency-key-reused")
    assert Token.objects.filter(scopes=["read"]).count() == 1


def test_keys_of_different_callers_have_nothing_to_do_with_each_other(admin: Caller) -> None:
    other = token_for(["admin"], user=user_with("admin", None, "bo"))
    first, second = (caller("POST", "/tokens", BODY, Idempotency_Key="k1") for caller in (admin, other))
    assert first.json()["id"] != second.json()["id"]


def test_a_key_holds_for_a_day_and_is_then_a_new_one(admin: Caller) -> None:
    first = admin("POST", "/tokens", BODY, Idempotency_Key="k1").json()
    with clock.replaced_by(lambda: START + timedelta(hours=24)):
        assert admin("POST", "/tokens", BODY, Idempotency_Key="k1").json() == first
    with clock.replaced_by(lambda: START + timedelta(hours=24, seconds=1)):
        assert admin("POST", "/tokens", BODY, Idempotency_Key="k1").json() != first


def test_a_refusal_is_not_kept_so_that_asking_again_asks_anew(admin: Caller) -> None:
    problem(admin("POST", "/tokens", BODY | {"user_id": 10**9}, Idempotency_Key="k1"), 404, "not-found")
    problem(admin("POST", "/tokens", {}, Idempotency_Key="k1"), 422, "invalid")
    assert not IdempotentAnswer.objects.exists()
    assert admin("POST", "/tokens", BODY, Idempotency_Key="k1").status_code == 201


def test_what_breaks_after_the_verb_undoes_the_verb(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    make_token = actions.make_token

    def make_and_break(**how: Any) -> None:
        make_token(**how)
        raise RuntimeError("after the fact")

    with monkeypatch.context() as planted:
        planted.setattr(actions, "make_token", make_and_break)
        problem(admin("POST", "/tokens", BODY, Idempotency_Key="k1"), 500, "unexpected")
    assert not Token.objects.filter(name="wallboard").exists()
    assert admin("POST", "/tokens", BODY, Idempotency_Key="k1").status_code == 201


def test_the_database_does_not_hold_the_secret_that_an_answer_told(admin: Caller) -> None:
    secret = admin("POST", "/tokens", BODY, Idempotency_Key="k1").json()["secret"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(a::text, '') FROM base_idempotentanswer a")
        assert secret not in cursor.fetchone()[0]
    assert admin("POST", "/tokens", BODY, Idempotency_Key="k1").json()["secret"] == secret


@pytest.mark.parametrize("key", ["", "a" * 256, "a\tb", "sch\u00f6n"])
def test_a_key_is_printable_ascii_of_some_length(admin: Caller, key: str) -> None:
    problem(admin("POST", "/tokens", BODY, Idempotency_Key=key), 422, "invalid")


def test_a_key_does_not_let_a_stranger_see_an_answer(admin: Caller, nobody: Caller) -> None:
    admin("POST", "/tokens", BODY, Idempotency_Key="k1")
    problem(nobody("POST", "/tokens", BODY, Idempotency_Key="k1"), 401, "not-signed-in")


@pytest.fixture
def outside_any_transaction(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """What is committed stays for other threads to see, and is cleared away by its own table alone."""
    with django_db_blocker.unblock():
        yield
        IdempotentAnswer.objects.all().delete()
        connection.close()


def _waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return bool(cursor.fetchone()[0])


def _race(first_does: Callable[[], Answer], fingerprint: str = "f") -> tuple[list[Any], list[Any]]:
    """Two with one key: the second begins while the first is at work, which ends when the second waits for it."""
    at_work, second_waits = threading.Event(), threading.Event()
    told: tuple[list[Any], list[Any]] = ([], [])

    def ask(into: list[Any], do: Callable[[], Answer], mark: str) -> None:
        try:
            into.append(answer_once(caller="c", key="k", fingerprint=mark, at=START, do=do))
        except Exception as refused:  # the test looks at it
            into.append(refused)
        finally:
            connection.close()

    def first_work() -> Answer:
        at_work.set()
        assert second_waits.wait(30)
        return first_does()

    first = threading.Thread(target=ask, args=(told[0], first_work, "f"))
    second = threading.Thread(target=ask, args=(told[1], lambda: Answer(201, b"second"), fingerprint))
    first.start()
    assert at_work.wait(30)
    second.start()
    tick = threading.Event()
    for _ in range(3000):
        if _waits_for_a_lock():
            break
        tick.wait(0.01)
    assert not told[1], "the second did not wait"
    second_waits.set()
    first.join(60), second.join(60)
    return told


@pytest.mark.usefixtures("outside_any_transaction")
def test_of_two_at_once_the_second_waits_and_gets_the_first_one_s_answer() -> None:
    assert _race(lambda: Answer(201, b"first")) == ([Answer(201, b"first")], [Answer(201, b"first", again=True)])


@pytest.mark.usefixtures("outside_any_transaction")
def test_of_two_at_once_the_second_does_it_when_the_first_was_refused() -> None:
    assert _race(lambda: Answer(409, b"no")) == ([Answer(409, b"no")], [Answer(201, b"second")])


@pytest.mark.usefixtures("outside_any_transaction")
def test_of_two_at_once_with_other_requests_the_second_is_refused() -> None:
    _first, (second,) = _race(lambda: Answer(201, b"first"), fingerprint="another")
    assert isinstance(second, KeyReused)


@pytest.mark.usefixtures("outside_any_transaction")
def test_who_waits_too_long_is_told_that_the_first_is_still_at_work() -> None:
    at_work, done = threading.Event(), threading.Event()

    def slow() -> Answer:
        at_work.set()
        done.wait(60)
        return Answer(200, b"")

    def ask() -> None:
        try:
            answer_once(caller="c", key="k", fingerprint="f", at=START, do=slow)
        finally:
            connection.close()

    first = threading.Thread(target=ask)
    first.start()
    assert at_work.wait(30)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        with pytest.raises(idempotency.KeyInUse):
            answer_once(caller="c", key="k", fingerprint="f", at=START, do=lambda: Answer(200, b""))
    finally:
        done.set()
        first.join(60)
        connection.close()
