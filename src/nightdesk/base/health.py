"""What machines that watch us ask: is the process up, may it be sent requests, and how does the night go?

The pulse of Nightdesk is the age of the oldest overdue promise: it grows when the worker does not keep up, whatever the cause.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from nightdesk.base import clock, env, leases, worker
from nightdesk.base.models import Leased, Promise, Worker

TOKEN = env.secret(
    "NIGHTDESK_METRICS_TOKEN", "", "Bearer token that /metrics asks for; empty: only this machine may read it."
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One gauge with one value. `name` without the prefix "nightdesk_"; `help` says what it means, in one line."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


METRICS: list[Callable[[datetime], Iterable[Metric]]] = []
"""What higher rooms have to say at an instant. Filled by `nightdesk.wiring`."""

_migrated = False


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's shape
    """200 while the process answers at all; the database is not asked."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """200 when the database answers and has every migration; else 503 and the reason."""
    reason = why_not_ready()
    facts = {"ready": not reason} | ({"reason": reason} if reason else {})
    return JsonResponse(facts, status=503 if reason else 200, headers={"Cache-Control": "no-store"})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The Prometheus text format, for whoever has the token; without one set, for this machine only."""
    if not _may_read(request):
        return HttpResponse("Send the token of NIGHTDESK_METRICS_TOKEN.\n", status=401, content_type="text/plain")
    try:
        at = clock.now()
        text = as_text([*of_base(at), *(metric for source in METRICS for metric in source(at))])
    except DatabaseError:
        return HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
    return HttpResponse(
        text, content_type="text/plain; version=0.0.4; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def why_not_ready() -> str:
    """What keeps this process from working, in one sentence; "" when nothing does."""
    global _migrated  # noqa: PLW0603 - once applied, migrations stay applied
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated:
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
            if missing:
                return f"{len(missing)} migrations are not applied yet. Run: nightdesk migrate"
            _migrated = True
    except DatabaseError:
        return "The database does not answer."
    return ""


def of_base(at: datetime) -> Iterator[Metric]:
    """How leased work and its workers are at `at`."""
    for model in dict.fromkeys(worker.LEASED):
        yield from _of_leased(model, at)
    failing = Promise.objects.filter(ended_at=None).exclude(failure="").count()
    yield Metric("promises_failing", "Open promises whose last attempt failed.", failing)
    dead = Promise.objects.filter(ended_as=Promise.Ending.DEAD).count()
    yield Metric("promises_dead", "Promises on the dead-letter list.", dead)
    alive = Worker.objects.filter(beat_at__gte=at - leases.DEAD_AFTER).count()
    yield Metric("workers_alive", "Worker processes that beat within the last 6 seconds.", alive)


def overdue_seconds(model: type[Leased], at: datetime) -> float:
    """The age of the oldest overdue row at `at`; 0 when none is."""
    oldest = model._default_manager.filter(ended_at=None, due_at__lte=at).aggregate(oldest=Min("due_at"))["oldest"]
    return (at - oldest).total_seconds() if oldest else 0.0


def _of_leased(model: type[Leased], at: datetime) -> Iterator[Metric]:
    of = model._meta.model_name or ""
    yield Metric(
        "overdue_seconds", "Age of the oldest row that is due and not done.", overdue_seconds(model, at), {"of": of}
    )
    lanes = model._default_manager.filter(ended_at=None).values_list("lane").annotate(Count("id")).order_by("lane")
    for lane, count in lanes:
        yield Metric("open", "Rows that are not done, due or not.", count, {"of": of, "lane": lane})


def as_text(found: Iterable[Metric]) -> str:
    """The Prometheus text format, version 0.0.4: each name's lines together, with HELP and TYPE once."""
    by_name: dict[str, list[Metric]] = {}
    for metric in found:
        by_name.setdefault(metric.name, []).append(metric)
    lines = []
    for name, ones in by_name.items():
        described = ones[0].help.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP nightdesk_{name} {described}", f"# TYPE nightdesk_{name} gauge"]
        lines += [f"nightdesk_{name}{_labels(one.labels)} {one.value:.17g}" for one in ones]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    quoted = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in quoted.items()) + "}"


def _may_read(request: HttpRequest) -> bool:
    if TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {TOKEN}".encode())
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


urlpatterns = [path("healthz", healthz), path("readyz", readyz), path("metrics", metrics)]
