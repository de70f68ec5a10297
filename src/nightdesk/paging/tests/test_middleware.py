"""Alarms and beats go straight to their doors; everything else goes on."""

import pytest
from django.test import Client
from django.utils import translation

from nightdesk.base.refusals import NotFound
from nightdesk.paging import api
from nightdesk.paging.models import RawAlarm
from nightdesk.paging.tests.conftest import pagerduty

pytestmark = pytest.mark.django_db
JSON = "application/json"


def test_an_alarm_asks_for_no_session_and_speaks_our_own_language_whoever_read_a_page_before(world, monkeypatch):
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "made-up"
    spoken = []
    kept = api.actions.keep_refused_alarm
    monkeypatch.setattr(
        api.actions, "keep_refused_alarm", lambda **given: (spoken.append(translation.get_language()), kept(**given))
    )
    with translation.override("de"):
        answer = client.post("/v2/enqueue", pagerduty("w" * 32), content_type=JSON, headers={"Accept-Language": "de"})
        assert translation.get_language() == "de"
    assert spoken == ["en-gb"]
    assert RawAlarm.objects.get().error == "unknown key"
    assert not hasattr(answer.wsgi_request, "session")
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/hooks/generic/x", "/v2/alerts/count", "/compat/opsgenie/v2/alerts", "/beat/x/start"]
)
def test_each_door_is_reached(world, path):
    answer = Client().get(path)
    assert not hasattr(answer.wsgi_request, "session")
    assert answer.status_code in (401, 403, 404, 405, 422)
    assert answer.headers["Content-Type"].startswith(("application/json", "text/"))


@pytest.mark.parametrize("path", ["/", "/v2", "/hooks/", "/api/v1/pages", "/account/login/", "/beat"])
def test_whatever_else_is_asked_for_passes_all_that_stands_around_pages(path):
    assert hasattr(Client().get(path).wsgi_request, "session")


def test_a_refusal_is_told_as_a_problem(monkeypatch, world):
    def refuse(*_given, **_named):
        raise NotFound("An alarm was told.", "There is no such thing.", "Look again.")

    monkeypatch.setattr(api, "_receive", refuse)
    answer = Client().post("/v2/enqueue", b"{}", content_type=JSON, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == NotFound.code
