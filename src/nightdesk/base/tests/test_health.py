"""What machines that watch us are told."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import RequestFactory

from nightdesk.base import clock, health, worker
from nightdesk.base.health import Metric
from nightdesk.base.models import Promise, Worker

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.setattr(health, "METRICS", [])
    monkeypatch.setattr(worker, "LEASED", [Promise])
    with clock.replaced_by(lambda: AT):
        yield


def ask(view, *, method="get", **how):
    return view(getattr(RequestFactory(), method)("/", **how))


def away(*args, **how):
    raise OperationalError("connection refused")


def promised(*, due_at=AT, lane="plain", **fields):
    Promise.objects.create(
        kind="test.some", lane=lane, subject_kind="test", subject_id="1", due_at=due_at, created_at=AT, **fields
    )


def figures():
    """Each line of the text that is no comment: name with labels -> value."""
    lines = ask(health.metrics).content.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_the_process_is_up_without_asking_the_database(monkeypatch):
    monkeypatch.setattr(connection, "cursor", away)
    assert ask(health.healthz).status_code == 200


@pytest.mark.django_db
class TestReadiness:
    def test_ready_means_the_database_answers_and_is_migrated(self):
        answer = ask(health.readyz)
        assert (answer.status_code, answer.content) == (200, b'{"ready": true}')

    def test_a_database_that_is_away_is_told(self, monkeypatch):
        assert ask(health.readyz).status_code == 200
        monkeypatch.setattr(connection, "cursor", away)
        answer = ask(health.readyz)
        assert answer.status_code == 503
        assert b"does not answer" in answer.content

    def test_missing_migrations_are_told_with_what_to_do(self, monkeypatch):
        monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: ["one", "two"])
        answer = ask(health.readyz)
        assert answer.status_code == 503
        assert b"2 migrations are not applied yet. Run: nightdesk migrate" in answer.content


@pytest.mark.django_db
class TestMetrics:
    def test_the_pulse_is_the_age_of_the_oldest_overdue_promise(self):
        promised(due_at=AT + timedelta(hours=1))
        assert figures()['nightdesk_overdue_seconds{of="promise"}'] == 0
        promised(due_at=AT - timedelta(seconds=90), lane="page", leased_by=uuid4(), leased_at=AT)
        promised(due_at=AT - timedelta(seconds=30))
        promised(due_at=AT - timedelta(days=1), ended_at=AT, ended_as="kept")
        assert figures()['nightdesk_overdue_seconds{of="promise"}'] == 90
        assert figures()['nightdesk_open{of="promise",lane="page"}'] == 1
        assert figures()['nightdesk_open{of="promise",lane="plain"}'] == 2

    def test_what_fails_and_what_was_given_up_is_counted(self):
        promised(failure="RuntimeError: x")
        promised(failure="RuntimeError: x", ended_at=AT, ended_as="dead")
        promised(failure="RuntimeError: x", ended_at=AT, ended_as="kept")
        assert figures()["nightdesk_promises_failing"] == 1
        assert figures()["nightdesk_promises_dead"] == 1

    def test_only_workers_that_still_beat_are_alive(self):
        for silent_s in (0, 6, 6.001):
            Worker.objects.create(name="w", started_at=AT, beat_at=AT - timedelta(seconds=silent_s))
        assert figures()["nightdesk_workers_alive"] == 2

    def test_what_higher_rooms_say_stands_among_them(self, monkeypatch):
        health.METRICS.append(lambda at: [Metric("pages_open", "Open pages.", 3, {"state": "triggered"})])
        assert figures()['nightdesk_pages_open{state="triggered"}'] == 3

    def test_the_format_names_each_metric_once_and_escapes_labels(self):
        text = health.as_text(
            [Metric("a", "two\nlines \\", 1, {"of": 'x"\\\n'}), Metric("b", "B", 0.5), Metric("a", "", 2)]
        )
        assert text == (
            "# HELP nightdesk_a two\\nlines \\\\\n# TYPE nightdesk_a gauge\n"
            'nightdesk_a{of="x\\"\\\\\\n"} 1\nnightdesk_a 2\n'
            "# HELP nightdesk_b B\n# TYPE nightdesk_b gauge\nnightdesk_b 0.5\n"
        )

    def test_a_database_that_is_away_is_no_crash(self, monkeypatch):
        monkeypatch.setattr(Promise.objects, "filter", away)
        assert ask(health.metrics).status_code == 503


@pytest.mark.django_db
class TestWhoMayReadThem:
    @pytest.mark.parametrize(
        ("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 401), ("", 401), ("unix:", 401)]
    )
    def test_without_a_token_only_this_machine(self, address, status):
        assert ask(health.metrics, REMOTE_ADDR=address).status_code == status

    @pytest.mark.parametrize(
        ("given", "status"),
        [("Bearer s3cret", 200), ("Bearer s3cre", 401), ("s3cret", 401), ("", 401), ("Bearer é", 401)],
    )
    def test_with_a_token_whoever_has_it_and_nobody_else(self, monkeypatch, given, status):
        monkeypatch.setattr(health, "TOKEN", "s3cret")
        assert ask(health.metrics, HTTP_AUTHORIZATION=given).status_code == status

    @pytest.mark.parametrize("view", [health.healthz, health.readyz, health.metrics])
    def test_they_are_only_read(self, view):
        assert ask(view, method="post").status_code == 405
