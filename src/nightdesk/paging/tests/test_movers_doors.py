"""The doors of those who move here, from the wire to the page and back: what is done, told, kept, and tried again."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client

from nightdesk.access import actions as access
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.paging import actions, api, heartbeat_actions, queries
from nightdesk.paging.beats import Expectation
from nightdesk.paging.formats.mapping import PayloadMapping
from nightdesk.paging.models import Alarm, Heartbeat, Page, RawAlarm
from nightdesk.paging.tests.conftest import alertmanager, page_of, pagerduty
from nightdesk.paging.tests.test_formats import VALID
from nightdesk.people.queries import actor_of_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def night(world):
    world.bo, world.al = world.person("Bo"), world.person("Al")
    world.ladder = world.policy((0, world.bo), (5, world.al))
    return world


@pytest.fixture
def genie(night, settings):
    """Opsgenie's client: `genie(method, path, body)` gives (status, body)."""
    settings.ROOT_URLCONF = api
    night.integration, key = night.sender(night.ladder, "opsgenie")
    client = Client()

    def ask(method, path, body=None, key=key, below=""):
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"GenieKey {key}"} if key else {}
        answer = client.generic(method, f"{below}{path}", content, content_type="application/json", headers=headers)
        told = answer.json()
        assert UUID(told["requestId"]) != UUID(int=0)
        assert answer["X-Request-Id"] == told["requestId"]
        assert told["took"] >= 0
        return answer.status_code, told

    return ask


def notes_of(page: Page, kind: str = "page.noted-there") -> list[str]:
    entries = Entry.objects.filter(kind=kind, subject_id=str(page.id)).order_by("at", "id")
    return list(PersonalText.objects.filter(entry_id__in=entries.values("id")).values_list("text", flat=True))


# --- Opsgenie --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "/compat/opsgenie"])
def test_an_opsgenie_alert_pages_and_its_close_by_alias_resolves(night, genie, below):
    status, told = genie("POST", "/v2/alerts", VALID["opsgenie"], below=below)
    assert (status, told["result"]) == (202, "Request will be processed")
    page = Page.objects.get()
    assert (page.title, page.state, page.priority) == ("Disk at 99%", "triggered", 2)
    assert notes_of(page) == ["as every Monday"]
    assert night.rung(night.bo) == [0]
    status, told = genie("GET", f"/v2/alerts/requests/{told['requestId']}", below=below)
    request = told["data"]
    assert (status, request["isSuccess"], request["alias"]) == (200, True, "srv01/disk")
    assert UUID(request["alertId"]) == Alarm.objects.get().id
    path = "/v2/alerts/srv01%2Fdisk/close?identifierType=alias"
    assert genie("POST", path, {"user": "Bo", "note": "cleaned"}, below=below)[0] == 202
    assert page_of(page.id).state == "resolved"
    assert notes_of(page) == ["as every Monday", "Bo: cleaned"]


def test_an_alert_is_found_and_ended_by_id_and_tiny_id_too(night, genie):
    for number in range(3):
        genie("POST", "/v2/alerts", {"message": f"alert {number}", "entity": f"part {number}"})
    first, second, third = Alarm.objects.order_by("summary").select_related("page")
    assert genie("POST", f"/v2/alerts/{first.id}/close")[0] == 202
    assert genie("DELETE", f"/v2/alerts/{second.page.code}?identifierType=tiny")[0] == 202
    assert genie("POST", f"/v2/alerts/{third.dedup_key}/close?identifierType=id")[0] == 202
    assert set(Page.objects.values_list("state", flat=True)) == {"resolved"}


def test_a_client_reads_back_what_it_sent_and_what_became_of_it(night, genie):
    genie("POST", "/v2/alerts", VALID["opsgenie"])
    night.acknowledge(Page.objects.get(), night.bo)
    genie("POST", "/v2/alerts", VALID["opsgenie"])
    status, told = genie("GET", "/v2/alerts/srv01%2Fdisk?identifierType=alias")
    alert = told["data"]
    assert status == 200
    assert (alert["alias"], alert["message"], alert["status"], alert["count"]) == (
        "srv01/disk",
        "Disk at 99%",
        "open",
        2,
    )
    assert (alert["acknowledged"], alert["owner"], alert["priority"]) == (True, "Bo", "P2")
    assert (alert["description"], alert["tags"]) == ("It fills\nsince noon", ["disk"])
    assert alert["details"]["severity"] == "critical"
    assert alert["tinyId"] == Page.objects.get().code
    genie("POST", "/v2/alerts", {"message": "other", "alias": "other", "priority": "P5"})
    listed = genie("GET", "/v2/alerts?query=status%3Aopen&limit=10")[1]["data"]
    assert {each["alias"] for each in listed} == {"srv01/disk", "other"}
    assert genie("GET", "/v2/alerts/count?query=status%3Aopen+AND+priority%3AP2")[1]["data"] == {"count": 1}
    assert [each["alias"] for each in genie("GET", "/v2/alerts?limit=1&offset=1&order=asc")[1]["data"]] == ["other"]
    spelt = "/v2/alerts?query=status%3A+open+and+alias%3A%22srv01/disk%22"
    assert [each["alias"] for each in genie("GET", spelt)[1]["data"]] == ["srv01/disk"]
    assert genie("GET", "/v2/alerts?query=status%3Aopen+OR+x")[0] == 422
    assert genie("GET", "/v2/alerts?query=teams%3Anoc")[0] == 422, "rather than alerts that do not fit"


def test_a_key_sees_no_other_integrations_alerts(night, genie):
    genie("POST", "/v2/alerts", VALID["opsgenie"])
    alarm = Alarm.objects.get()
    raw = RawAlarm.objects.get()
    _other, theirs = night.sender(night.ladder, "opsgenie")
    assert genie("GET", f"/v2/alerts/{alarm.id}", key=theirs)[0] == 404
    assert genie("GET", f"/v2/alerts/requests/{raw.id}", key=theirs)[0] == 404
    assert genie("GET", "/v2/alerts", key=theirs)[1]["data"] == []
    assert genie("POST", f"/v2/alerts/{alarm.id}/close", key=theirs)[0] == 202, "as there: told by the request's status"
    assert Page.objects.get().state == "triggered"


def test_what_was_done_to_no_alert_says_so_in_the_requests_status(night, genie):
    _status, told = genie("POST", "/v2/alerts/never-seen/close?identifierType=alias")
    data = genie("GET", f"/v2/alerts/requests/{told['requestId']}")[1]["data"]
    assert (data["isSuccess"], data["status"]) == (False, "Alert does not exist")
    assert genie("GET", "/v2/alerts/never-seen")[0] == 404
    assert genie("GET", f"/v2/alerts/requests/{uuid4()}")[0] == genie("GET", "/v2/alerts/requests/x")[0] == 404


def test_an_acknowledgement_is_noted_and_the_request_says_so(night, genie):
    genie("POST", "/v2/alerts", VALID["opsgenie"])
    _status, told = genie("POST", "/v2/alerts/srv01%2Fdisk/acknowledge?identifierType=alias", {"user": "bo"})
    data = genie("GET", f"/v2/alerts/requests/{told['requestId']}")[1]["data"]
    assert "when a person of ours takes the page" in data["status"]
    assert Page.objects.get().state == "triggered"
    night.minutes(5)
    assert night.rung(night.al) == [5]


def test_what_no_machine_may_do_is_refused_and_changes_nothing(night, genie):
    genie("POST", "/v2/alerts", VALID["opsgenie"])
    for verb in ("snooze", "assign"):
        status, told = genie("POST", f"/v2/alerts/srv01%2Fdisk/{verb}?identifierType=alias", {})
        assert status == 403
        assert "person of ours" in told["message"]
    assert genie("POST", "/v2/alerts/srv01%2Fdisk/frobnicate?identifierType=alias", {})[0] == 422
    assert Page.objects.get().state == "triggered"


def test_escalate_has_the_next_woken(night, genie):
    genie("POST", "/v2/alerts", VALID["opsgenie"])
    genie("POST", "/v2/alerts/srv01%2Fdisk/escalate?identifierType=alias", {"escalation": {"name": "x"}})
    assert night.rung(night.al) == [0]
    assert Entry.objects.filter(kind="page.escalated").count() == 1


def test_updates_change_what_the_page_says_and_a_worse_priority_wakes(night, genie):
    genie("POST", "/v2/alerts", VALID["opsgenie"] | {"priority": "P4"})
    page = Page.objects.get()
    assert (page.urgency, night.rung(night.bo)) == ("low", [])
    base = "/v2/alerts/srv01%2Fdisk"
    assert genie("PUT", f"{base}/message?identifierType=alias", {"message": "Disk is full"})[0] == 202
    assert genie("PUT", f"{base}/description?identifierType=alias", {"description": "df -h"})[0] == 202
    assert genie("POST", f"{base}/details?identifierType=alias", {"details": {"mount": "/var"}})[0] == 202
    assert genie("PUT", f"{base}/priority?identifierType=alias", {"priority": "P1"})[0] == 202
    alarm, page = Alarm.objects.get(), page_of(page.id)
    assert (page.title, page.priority, page.urgency) == ("Disk is full", 1, "high")
    assert (alarm.summary, alarm.severity, alarm.count) == ("Disk is full", "critical", 1)
    assert (alarm.details["description"], alarm.details["mount"]) == ("df -h", "/var")
    assert night.rung(night.bo) == [0]
    assert Entry.objects.filter(kind="page.updated-there").count() == 4
    assert genie("POST", f"{base}/tags?identifierType=alias", {"tags": ["disk", "night"]})[0] == 202
    assert genie("DELETE", f"{base}/tags?identifierType=alias&tags=disk,gone")[0] == 202
    assert genie("DELETE", f"{base}/details?identifierType=alias&keys=mount")[0] == 202
    alarm.refresh_from_db()
    assert alarm.details["tags"] == ["night"]
    assert "mount" not in alarm.details
    assert genie("DELETE", f"{base}/close?identifierType=alias")[0] == 422
    assert genie("GET", f"{base}/notes?identifierType=alias")[0] == 404


@pytest.mark.parametrize(("key", "status"), [("", 401), ("0" * 32, 401)])
def test_opsgenie_says_401_in_its_own_words(night, genie, key, status):
    assert genie("POST", "/v2/alerts", VALID["opsgenie"], key=key)[0] == status
    read = genie("GET", "/v2/alerts", key=key)
    assert (read[0], read[1]["message"]) == (status, "Could not authenticate")
    assert not Page.objects.exists()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
@pytest.mark.parametrize("below", ["", "/compat/opsgenie"])
def test_a_heartbeat_is_pinged_by_its_name_and_only_in_its_own_brand(night, genie, method, below):
    hourly = Expectation(timedelta(minutes=5), timedelta(hours=1))
    row, _key = heartbeat_actions.make_heartbeat(
        brand_id=night.brand.id, name="Nightly backup", expectation=hourly, **night.doing
    )
    status, told = genie(method, "/v2/heartbeats/nightly%20backup/ping", below=below)
    assert (status, told["result"]) == (202, "PONG - Heartbeat received")
    row.refresh_from_db()
    assert (row.state, row.beats) == ("well", 1)
    row.brand = access.make_brand(name="Other", slug="other", **night.doing)
    row.save()
    assert genie(method, "/v2/heartbeats/Nightly%20backup/ping", below=below)[0] == 404
    assert genie(method, "/v2/heartbeats/Nightly%20backup/ping", key="wrong", below=below)[0] == 401
    assert Heartbeat.objects.get().beats == 1


# --- The others ------------------------------------------------------------------------------------------------------


def test_pagerduty_v1_pages_and_resolves(night, post):
    _integration, key = night.sender(night.ladder, "pagerduty_v1")
    path, event = "/generic/2010-04-15/create_event.json", VALID["pagerduty_v1"] | {"service_key": key}
    answer = post(path, event)
    assert (answer.status_code, answer.json()["incident_key"]) == (200, "srv01/HTTP")
    assert Page.objects.get().priority == 1
    assert post(path, event | {"event_type": "resolve"}).status_code == 200
    assert Page.objects.get().state == "resolved"
    assert post(path, event | {"service_key": "0" * 32}).status_code == 400


def test_a_change_event_is_kept_as_a_note_and_pages_nobody(night, post):
    integration, key = night.sender(night.ladder)
    assert post("/v2/change/enqueue", VALID["pagerduty_change"] | {"routing_key": key}).status_code == 202
    assert not Page.objects.exists()
    entry = Entry.objects.get(kind="integration.noted", subject_id=str(integration.id))
    assert (entry.facts["summary"], entry.facts["links"]) == ("Deployed v3.1", ["https://ci.example/71"])


def test_grafana_old_and_new_come_by_post_and_put(night, client, settings):
    settings.ROOT_URLCONF = api
    _integration, key = night.sender(night.ladder, "grafana")

    def put(body):
        return client.put(f"/hooks/grafana/{key}", json.dumps(body), content_type="application/json").status_code

    assert put(VALID["grafana"]) == put(VALID["grafana"] | {"state": "pending"}) == 200
    page = Page.objects.get()
    assert (page.title, notes_of(page)) == ("CPU of srv01", ["pending: Someone is testing"])
    assert put(VALID["grafana"] | {"state": "ok"}) == 200
    assert page_of(page.id).state == "resolved"
    assert put(alertmanager(("a", "firing")) | {"orgId": 1}) == 200
    assert client.put(f"/hooks/alertmanager/{key}", json.dumps(alertmanager(("a", "resolved")))).status_code == 200
    assert set(Page.objects.values_list("state", flat=True)) == {"resolved"}


def test_goalert_is_answered_as_it_answers_and_its_token_is_not_kept(night, client, settings):
    settings.ROOT_URLCONF = api
    _integration, key = night.sender(night.ladder, "goalert")
    path = f"/api/v2/generic/incoming?token={key}"
    answer = client.post(path, {"summary": "x"}, content_type="application/json")
    assert (answer.status_code, answer.content) == (204, b"")
    wants = {"Accept": "application/json"}
    answer = client.post(f"{path}&summary=x", headers=wants)
    assert (answer.status_code, answer.json()["IsNew"]) == (200, False)
    assert answer.json()["AlertID"] == int(Page.objects.get().code)
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert client.post("/api/v2/generic/incoming", f"summary=x&action=close&token={key}", **form).status_code == 204
    assert Page.objects.get().state == "resolved"
    raws = list(RawAlarm.objects.select_related("integration"))
    assert all(key not in json.dumps(raw.query) for raw in raws)
    assert all(key not in queries.shown(raw) for raw in raws), "a page that shows the body shows no key"
    assert client.post("/api/v2/generic/incoming?token=wrong&summary=x").status_code == 401


def test_a_notification_that_comes_twice_counts_once(night, post):
    _integration, key = night.sender(night.ladder, "nagios")
    for _ in range(3):
        assert post(f"/hooks/nagios/{key}", VALID["nagios"]).status_code == 202
    assert (Alarm.objects.get().count, RawAlarm.objects.count()) == (1, 1)
    assert post(f"/hooks/nagios/{key}", VALID["nagios"] | {"id": str(uuid4())}).status_code == 202
    assert Alarm.objects.get().count == 2
    _other, theirs = night.sender(night.ladder, "nagios")
    assert post(f"/hooks/nagios/{theirs}", VALID["nagios"]).status_code == 202, "another's id stands in nobody's way"
    assert Page.objects.count() == 2


def test_a_notification_that_failed_is_taken_in_when_it_comes_again(night, post, monkeypatch):
    _integration, key = night.sender(night.ladder, "nagios")
    with monkeypatch.context() as patched:
        patched.setattr(actions, "queue_message", lambda *_, **__: 1 / 0)
        assert post(f"/hooks/nagios/{key}", VALID["nagios"]).status_code == 503
    assert post(f"/hooks/nagios/{key}", VALID["nagios"]).status_code == 202
    assert Alarm.objects.get().count == 1


# --- Over a limit ----------------------------------------------------------------------------------------------------


SENT = {
    "pagerduty_v2": ("/v2/enqueue", 429),
    "pagerduty_change": ("/v2/change/enqueue", 429),
    "pagerduty_v1": ("/generic/2010-04-15/create_event.json", 403),
    "opsgenie": ("/v2/alerts", 429),
    "alertmanager": ("/hooks/alertmanager", 503),
    "grafana": ("/hooks/grafana", 503),
    "goalert": ("/api/v2/generic/incoming", 503),
    "nagios": ("/hooks/nagios", 503),
    "generic": ("/hooks/generic", 503),
}


@pytest.mark.parametrize("dialect", SENT)
def test_over_the_limit_each_hears_what_it_repeats_and_nothing_accepted_is_dropped(night, post, monkeypatch, dialect):
    monkeypatch.setattr(api, "KEYS", Buckets(a_second=1, size=3))
    integration, key = night.sender(night.ladder, dialect)
    path, over = SENT[dialect]
    body = VALID[dialect]
    in_body = {"pagerduty_v2": "routing_key", "pagerduty_change": "routing_key", "pagerduty_v1": "service_key"}
    if dialect in in_body:
        body = body | {in_body[dialect]: key}
    headers = {} if dialect in in_body else {"Authorization": f"Bearer {key}"}
    said = []
    for _ in range(8):
        said.append(post(path, body | {"id": str(uuid4())}, **headers))
    accepted = [answer for answer in said if answer.status_code < 300]
    assert len(accepted) == 3
    assert {answer.status_code for answer in said[3:]} == {over}
    assert all(int(answer["Retry-After"]) >= 1 for answer in said[3:])
    assert RawAlarm.objects.filter(integration=integration, status__lt=300).count() == len(accepted)
    night.at += timedelta(seconds=1)
    assert post(path, body | {"id": str(uuid4())}, **headers).status_code < 300


# --- What became of it, and once more --------------------------------------------------------------------------------


def test_what_came_in_says_what_became_of_it(night, post):
    integration, key = night.sender(night.ladder)
    post("/v2/enqueue", pagerduty(key))
    post("/v2/enqueue", pagerduty(key))
    post("/v2/enqueue", pagerduty(key, "resolve", "never seen"))
    page = Page.objects.get()
    first, again, nothing = RawAlarm.objects.order_by("at", "id")
    assert first.effects == [
        {"action": "trigger", "dedup_key": "sw2", "page": str(page.id), "code": page.code, "is_new": True}
    ]
    assert (again.effects[0]["is_new"], again.effects[0]["page"]) == (False, str(page.id))
    assert (nothing.effects[0]["page"], nothing.signal_count) == (None, 1)
    assert queries.shown(first).count("********") == 1
    assert key not in queries.shown(first)
    assert list(queries.raw_alarms({integration.brand_id})) == [nothing, again, first]
    assert list(queries.raw_alarms(set())) == []


def person(night, who) -> dict:
    return {"by": actor_of_person(who.id), "via": Door.WEB, "at": night.at}


def test_an_alarm_that_failed_is_taken_in_again_by_hand(night, post, monkeypatch):
    _integration, key = night.sender(night.ladder)
    with monkeypatch.context() as patched:
        patched.setattr(actions, "queue_message", lambda *_, **__: 1 / 0)
        assert post("/v2/enqueue", pagerduty(key)).status_code == 503
    raw = RawAlarm.objects.get()
    night.at += timedelta(minutes=2)
    actions.retry_alarm(raw_id=raw.id, **person(night, night.bo))
    raw.refresh_from_db()
    assert (raw.retried_at, raw.status) == (night.at, 503)
    assert raw.effects[0]["is_new"]
    assert night.rung(night.bo) == [2]
    assert Entry.objects.filter(kind="integration.alarm-retried").count() == 1
    with pytest.raises(IllegalTransition):
        actions.retry_alarm(raw_id=raw.id, **person(night, night.bo))


def test_what_cannot_be_taken_in_again_says_why(night, post):
    _integration, key = night.sender(night.ladder, "generic")
    post(f"/hooks/generic/{key}", b"{")
    unread = RawAlarm.objects.get()
    with pytest.raises(Invalid, match="JSON parse error"):
        actions.retry_alarm(raw_id=unread.id, **person(night, night.bo))
    post("/hooks/generic/nobodys", {"summary": "x"})
    with pytest.raises(NotFound):
        actions.retry_alarm(raw_id=RawAlarm.objects.get(integration=None).id, **person(night, night.bo))
    post(f"/hooks/generic/{key}", {"summary": "x"})
    taken = RawAlarm.objects.get(status=202)
    with pytest.raises(IllegalTransition):
        actions.retry_alarm(raw_id=taken.id, **person(night, night.bo))
    stranger = Actor("person", "0", "a reader", grants=frozenset({(night.brand.id, "read-only")}))
    with pytest.raises(Forbidden):
        actions.retry_alarm(raw_id=unread.id, **(person(night, night.bo) | {"by": stranger}))


# --- Mappings --------------------------------------------------------------------------------------------------------


KUMA = PayloadMapping(
    summary="{monitor.name}: {heartbeat.msg}",
    dedup_key="{monitor.id}",
    action="{heartbeat.status}",
    actions={"0": "trigger", "1": "resolve"},
    source="{monitor.hostname|monitor.url}",
)


def kuma(status: int) -> dict:
    return {
        "monitor": {"id": 7, "name": "Portal", "url": "https://portal.example"},
        "heartbeat": {"status": status, "msg": "timeout"},
        "msg": "[Portal] down",
    }


def test_a_mapped_integration_reads_its_senders_own_json_and_falls_back_where_it_cannot(night, post):
    integration, key = night.sender(night.ladder, "generic")
    actions.save_mapping(integration_id=integration.id, mapping=KUMA, **night.doing)
    assert post(f"/hooks/generic/{key}", kuma(0)).status_code == 202
    page = Page.objects.get()
    assert (page.title, page.component) == ("Portal: timeout", "https://portal.example")
    assert post(f"/hooks/generic/{key}", kuma(1)).status_code == 202
    assert page_of(page.id).state == "resolved"
    answer = post(f"/hooks/generic/{key}", {"monitor": None, "msg": "Certificate of portal expires"})
    assert answer.status_code == 202
    marked = Page.objects.exclude(id=page.id).get()
    assert (marked.title, marked.priority) == ("Certificate of portal expires", 1)
    raw = RawAlarm.objects.order_by("at", "id").last()
    assert raw.marks == answer.json()["marks"] != []
    assert post(f"/hooks/generic/{key}", b"<alarm>door open</alarm>").status_code == 202
    assert Page.objects.filter(title="<alarm>door open</alarm>").exists()


def test_a_mapping_is_taken_away_again_and_only_the_json_hook_has_one(night, post):
    integration, key = night.sender(night.ladder, "generic")
    actions.save_mapping(integration_id=integration.id, mapping=KUMA, **night.doing)
    actions.save_mapping(integration_id=integration.id, mapping=None, **night.doing)
    assert post(f"/hooks/generic/{key}", {"msg": "no summary"}).status_code == 400
    other, _key = night.sender(night.ladder)
    with pytest.raises(Invalid):
        actions.save_mapping(integration_id=other.id, mapping=KUMA, **night.doing)
    assert Entry.objects.filter(kind="integration.mapping-saved").count() == 2


def test_what_could_not_be_read_is_taken_in_again_by_a_mapping_made_for_it(night, post):
    integration, key = night.sender(night.ladder, "generic")
    assert post(f"/hooks/generic/{key}", kuma(0)).status_code == 400
    actions.save_mapping(integration_id=integration.id, mapping=KUMA, **night.doing)
    actions.retry_alarm(raw_id=RawAlarm.objects.get().id, **person(night, night.bo))
    assert Page.objects.get().title == "Portal: timeout"
