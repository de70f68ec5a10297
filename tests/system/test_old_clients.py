"""Debian's Alertmanager, unchanged, as a client of Opsgenie's and PagerDuty's: it pages, and over a limit it comes again."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpRequest, HttpResponse

from nightdesk.access import actions as access
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.buckets import Buckets
from nightdesk.paging import actions, api, decide
from nightdesk.paging.models import Alarm, Page, RawAlarm
from nightdesk.paging.queries import integration_by_key
from tests.requires import requires
from tests.system.alertmanager import alertmanager
from tests.system.stack import until

pytestmark = [
    requires("alertmanager"),
    pytest.mark.django_db(transaction=True),
]

RECEIVERS = {
    "alertmanager": "    webhook_configs:\n      - url: {url}/hooks/alertmanager/{key}\n",
    "opsgenie": (
        "    opsgenie_configs:\n      - api_url: {url}/compat/opsgenie\n        api_key: {key}\n"
        "        update_alerts: true\n        priority: '{{{{ .CommonLabels.priority }}}}'\n        note: from Alertmanager\n"
    ),
    "pagerduty_v2": "    pagerduty_configs:\n      - url: {url}/v2/enqueue\n        routing_key: {key}\n",
}
SUMMARY = "{{ .CommonAnnotations.summary }}"


def receiver(name: str, url: str, key: str) -> str:
    """The lines of a receiver that says the alert's own summary."""
    lines = RECEIVERS[name].format(url=url, key=key)
    told = {"opsgenie": "        message: ", "pagerduty_v2": "        description: "}
    return lines + (f"{told[name]}'{SUMMARY}'\n" if name in told else "")


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key for the format that the test is about."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}
    brand = access.make_brand(name="Quayside", slug=f"quay-{uuid4().hex[:8]}", **doing)
    policy = actions.save_policy(brand_id=brand.id, name="Night", policy=decide.Policy(()), **doing)
    _made, secret = actions.make_integration(
        brand_id=brand.id, name="Alertmanager", format=request.param, policy_id=policy.id, **doing
    )
    return secret


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often the doors have answered what, from here on."""
    counted: Counter[int] = Counter()
    lock = threading.Lock()
    receive: Callable[..., HttpResponse] = api._receive

    def counting(request: HttpRequest, *args: Any, **said: Any) -> HttpResponse:
        answer = receive(request, *args, **said)
        with lock:
            counted[answer.status_code] += 1
        return answer

    monkeypatch.setattr(api, "_receive", counting)
    monkeypatch.setattr(api, "_known", {})
    return counted


def state_of(title: str) -> str:
    return next(iter(Page.objects.filter(title=title).values_list("state", flat=True)), "none")


@pytest.mark.parametrize("key", ["opsgenie"], indirect=True)
def test_alertmanagers_opsgenie_receiver_pages_updates_and_resolves(key: str, live_server: Any) -> None:
    with alertmanager(receiver("opsgenie", live_server.url, key)) as monitoring:
        told = {"alertname": "Down", "severity": "critical", "instance": "core-1", "priority": "P2"}
        monitoring.fire(**told, summary="core-1 is down")
        until(lambda: state_of("core-1 is down") == "triggered", 20, "it is a page")
        alarm = Alarm.objects.get()
        page = Page.objects.get()
        assert (page.priority, alarm.source, len(alarm.dedup_key)) == (2, "core-1", 64)
        assert alarm.details["instance"] == "core-1"
        monitoring.clear(**told, summary="core-1 is down")
        until(lambda: state_of("core-1 is down") == "resolved", 20, "its end resolves the page")
    answered = RawAlarm.objects.filter(format="opsgenie")
    assert {row.query["verb"] for row in answered} >= {"create", "close"}
    assert {row.status for row in answered} == {202}, list(answered.values_list("query", "error"))


@pytest.mark.parametrize(
    ("key", "over"), [("alertmanager", 503), ("opsgenie", 429), ("pagerduty_v2", 429)], indirect=["key"]
)
def test_over_the_limit_alertmanager_comes_again_and_nothing_is_lost(
    key: str, over: int, live_server: Any, statuses: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "KEYS", Buckets(a_second=1, size=1))
    integration = integration_by_key(key)
    assert integration is not None
    with alertmanager(receiver(integration.format, live_server.url, key)) as monitoring:
        for number in range(4):
            monitoring.fire(
                alertname="Down", severity="critical", instance=f"sw{number}", summary=f"sw{number} is down"
            )
        titles = {f"sw{number} is down" for number in range(4)}
        until(lambda: set(Page.objects.values_list("title", flat=True)) >= titles, 60, "each of them is a page")
    assert statuses[over] > 0, "some of them were over the limit"
    assert {status for status in statuses if status >= 300} == {over}
    taken = RawAlarm.objects.filter(status__lt=300).count()
    assert taken == sum(count for status, count in statuses.items() if status < 300), "what was accepted was kept"
    assert json.dumps([row.effects for row in RawAlarm.objects.all()]).count('"is_new": true') == len(titles)
