"""What a parser promises: the sender's own dialect, nothing lost that can be kept, and never a crash."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nightdesk.paging.formats import FORMATS, Malformed, Parsed, Signal, alertmanager, generic, pagerduty_v2
from nightdesk.paging.formats.reading import DEEPEST, TOO_DEEP, short_key

KEY = "0123456789abcdef0123456789abcdef"


def pagerduty(**changes):
    event = {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": "srv01/mysql",
        "payload": {
            "summary": "Disk at 99%",
            "timestamp": "2026-07-17T08:42:58.315+0200",
            "severity": "critical",
            "source": "srv01",
            "component": "mysql",
            "group": "databases",
            "class": "disk",
            "custom_details": {"free": "1%", "load": 0.75},
        },
        "client": "Zabbix",
        "client_url": "https://zabbix.example/t/1",
        "links": [{"href": "https://wiki.example/disk", "text": "What to do"}],
        "images": [{"src": "https://graphs.example/1.png", "alt": "Use"}],
    }
    payload = changes.pop("payload", {})
    event |= changes
    event["payload"] = event["payload"] | payload if isinstance(payload, dict) else payload
    return {name: value for name, value in event.items() if value is not ...}


def alert(**changes):
    return {
        "status": "firing",
        "labels": {"alertname": "LinkDown", "instance": "core-1", "severity": "page", "job": "snmp"},
        "annotations": {"summary": "core-1 lost transit", "runbook_url": "https://wiki.example/link"},
        "startsAt": "2026-03-01T03:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example/graph?g0",
        "fingerprint": "c0ffee0123456789",
    } | changes


def notice(*alerts, **changes):
    return {
        "version": "4",
        "groupKey": '{}:{alertname="LinkDown"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "nightdesk",
        "groupLabels": {"alertname": "LinkDown"},
        "commonLabels": {"alertname": "LinkDown"},
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example",
        "alerts": list(alerts),
    } | changes


HOOK = {"summary": "no BGP session", "source": "core-1", "severity": "critical", "details": {"peer": "AS64500"}}
VALID = {
    "pagerduty_v2": pagerduty(),
    "alertmanager": notice(alert(), alert()),
    "generic": HOOK,
    "opsgenie": {
        "message": "Disk at 99%",
        "alias": "srv01/disk",
        "description": "It fills\nsince noon",
        "details": {"instance": "srv01", "severity": "critical"},
        "responders": [{"name": "NOC", "type": "team"}],
        "tags": ["disk"],
        "actions": ["Restart"],
        "entity": "mysql",
        "source": "Zabbix",
        "priority": "P2",
        "note": "as every Monday",
    },
    "pagerduty_v1": {
        "service_key": KEY,
        "event_type": "trigger",
        "incident_key": "srv01/HTTP",
        "description": "FAILURE for production/HTTP on srv01",
        "client": "Sample Monitoring Service",
        "client_url": "https://monitoring.example",
        "details": {"ping time": "1500ms", "HOSTNAME": "srv01"},
        "contexts": [{"type": "link", "href": "https://wiki.example/http", "text": "What to do"}],
    },
    "pagerduty_change": {
        "routing_key": KEY,
        "payload": {"summary": "Deployed v3.1", "source": "ci", "timestamp": "2026-07-17T08:42:58Z"},
        "links": [{"href": "https://ci.example/71", "text": "The build"}],
    },
    "grafana": {
        "dashboardId": 1,
        "evalMatches": [{"value": 100, "metric": "High value", "tags": {"host": "srv01"}}],
        "imageUrl": "https://grafana.example/i.png",
        "message": "Someone is testing",
        "orgId": 1,
        "panelId": 2,
        "ruleId": 7,
        "ruleName": "CPU of srv01",
        "ruleUrl": "https://grafana.example/d/1",
        "state": "alerting",
        "tags": {"severity": "critical", "host": "srv01"},
        "title": "[Alerting] CPU of srv01",
    },
    "goalert": {"summary": "Disk at 99%", "details": "since noon", "dedup": "disk", "meta": {"host": "srv01"}},
    "nagios": {
        "id": "0199b1b2-7d5c-7c56-9d8e-3a4f5a6b7c8d",
        "fields": {
            "NOTIFICATIONTYPE": "PROBLEM",
            "HOSTNAME": "srv01",
            "SERVICEDESC": "HTTP",
            "SERVICESTATE": "CRITICAL",
            "SERVICESTATETYPE": "HARD",
            "SERVICEOUTPUT": "HTTP CRITICAL - a=b=c",
        },
    },
}


def read(name: str, sent, **given) -> Parsed:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    return FORMATS[name].parse(body, **given)


def one(name: str, sent, **given) -> Signal:
    (signal,) = read(name, sent, **given).signals
    return signal


def refused(name: str, sent) -> tuple[int, dict]:
    with pytest.raises(Malformed) as caught:
        read(name, sent)
    return caught.value.answer.status, json.loads(caught.value.answer.body)


# --- PagerDuty -------------------------------------------------------------------------------------------------------


def test_a_pagerduty_trigger_is_read_field_by_field():
    parsed = read("pagerduty_v2", pagerduty())
    (signal,) = parsed.signals
    assert parsed.key == KEY
    assert (parsed.answer.status, json.loads(parsed.answer.body)) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": "srv01/mysql"},
    )
    assert (signal.action, signal.dedup_key, signal.summary) == ("trigger", "srv01/mysql", "Disk at 99%")
    assert (signal.severity, signal.source, signal.component) == ("critical", "srv01", "mysql")
    assert (signal.group, signal.class_, signal.client) == ("databases", "disk", "Zabbix")
    assert signal.client_url == "https://zabbix.example/t/1"
    assert signal.started_at == datetime(2026, 7, 17, 6, 42, 58, 315000, tzinfo=UTC)
    assert signal.details == {"free": "1%", "load": 0.75}
    assert [link.href for link in signal.links] == ["https://wiki.example/disk"]
    assert [image.src for image in signal.images] == ["https://graphs.example/1.png"]


SEVERITY_LIST = "(must be one of the following: 'critical', 'warning', 'error' or 'info')"
ACTION_LIST = "(must be one of the following: 'trigger', 'acknowledge' or 'resolve')"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"routing_key": "short"}, ["Length of 'routing_key' is incorrect (should be 32 characters)"]),
        ({"routing_key": KEY + "0"}, ["Length of 'routing_key' is incorrect (should be 32 characters)"]),
        ({"routing_key": ...}, ["'routing_key' is missing or blank"]),
        ({"routing_key": [KEY]}, ["'routing_key' is missing or blank"]),
        ({"event_action": ...}, ["'event_action' is missing or blank"]),
        ({"event_action": "fire"}, [f"'event_action' is invalid {ACTION_LIST}"]),
        ({"payload": None}, ["'payload' is missing or blank"]),
        ({"payload": {"summary": " \n"}}, ["'payload.summary' is missing or blank"]),
        ({"payload": {"source": None}}, ["'payload.source' is missing or blank"]),
        ({"payload": {"severity": ""}}, ["'payload.severity' is missing or blank"]),
        ({"payload": {"severity": "none"}}, [f"'payload.severity' is invalid {SEVERITY_LIST}"]),
        ({"event_action": "resolve", "dedup_key": ...}, ["'dedup_key' is missing or blank"]),
        ({"event_action": "acknowledge", "dedup_key": ""}, ["'dedup_key' is missing or blank"]),
        (
            {"routing_key": "x", "payload": {"summary": "", "severity": "bad"}},
            [
                "Length of 'routing_key' is incorrect (should be 32 characters)",
                "'payload.summary' is missing or blank",
                f"'payload.severity' is invalid {SEVERITY_LIST}",
            ],
        ),
    ],
)
def test_pagerduty_refuses_in_its_own_words_and_names_every_fault(changes, errors):
    assert refused("pagerduty_v2", pagerduty(**changes)) == (
        400,
        {"status": "invalid event", "message": "Event object is invalid", "errors": errors},
    )


@pytest.mark.parametrize("body", [b"", b" ", b"[]", b'"x"', b"{", b'{"a":}', b"\xff\xfe\xff"])
def test_pagerduty_calls_a_body_that_is_no_object_unrecognised(body):
    status, answer = refused("pagerduty_v2", body)
    assert status == 400
    assert answer["message"] == "Event object format is unrecognized"
    assert answer["errors"]


def test_a_summary_at_the_limit_is_kept_and_one_above_is_cut_with_a_note():
    assert one("pagerduty_v2", pagerduty(payload={"summary": "x" * 1024})).summary == "x" * 1024
    signal = one("pagerduty_v2", pagerduty(payload={"summary": "x" * 1025}))
    assert signal.summary == "x" * 1023 + "…"
    assert signal.details["nightdesk"] == {"cut": {"payload.summary": 1025}}


def test_two_long_keys_with_the_same_beginning_stay_two():
    long = "k" * 300
    first = one("pagerduty_v2", pagerduty(dedup_key=long + "1"))
    second = one("pagerduty_v2", pagerduty(dedup_key=long + "2"))
    ended = one("pagerduty_v2", pagerduty(event_action="resolve", dedup_key=long + "1"))
    assert first.dedup_key != second.dedup_key
    assert len(first.dedup_key) == 255
    assert ended.dedup_key == first.dedup_key
    assert one("pagerduty_v2", pagerduty(dedup_key="k" * 255)).dedup_key == "k" * 255


def test_a_trigger_without_a_key_gets_a_new_one_each_time_and_is_told_it():
    first, second = (read("pagerduty_v2", pagerduty(dedup_key=...)) for _ in range(2))
    assert first.signals[0].dedup_key != second.signals[0].dedup_key
    assert json.loads(first.answer.body)["dedup_key"] == first.signals[0].dedup_key


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
@pytest.mark.parametrize("payload", [..., None, "gone", {"summary": "up again", "severity": "none"}])
def test_the_end_of_an_alarm_needs_only_its_key_and_its_payload_is_not_judged(action, payload):
    sent = pagerduty(event_action=action, dedup_key="a" * 64)
    sent["payload"] = payload
    signal = one("pagerduty_v2", {name: value for name, value in sent.items() if value is not ...})
    assert (signal.action, signal.dedup_key, signal.severity) == (action, "a" * 64, None)


def test_unknown_fields_and_values_of_the_wrong_kind_are_kept_in_the_details():
    sent = pagerduty(region="north", client=["x"], payload={"rack": 7, "group": {"a": 1}, "custom_details": "words"})
    assert one("pagerduty_v2", sent).details == {
        "custom_details": "words",
        "nightdesk": {
            "unread": {"client": ["x"], "payload.group": {"a": 1}},
            "extra": {"region": "north", "payload.rack": 7},
        },
    }


def test_a_senders_own_nightdesk_field_is_not_overwritten():
    sent = pagerduty(region="north", payload={"custom_details": {"nightdesk": "mine"}})
    assert one("pagerduty_v2", sent).details == {"nightdesk": {"extra": {"region": "north"}, "sent": "mine"}}


@pytest.mark.parametrize("href", ["javascript:alert(1)", "data:text/html,x", "//x", "https://a b", "", 7, None])
def test_only_web_addresses_become_links(href):
    sent = pagerduty(links=[{"href": href}], images=[{"src": href}], client_url=href)
    signal = one("pagerduty_v2", sent)
    assert (signal.links, signal.images, signal.client_url) == ((), (), "")


def test_a_picture_without_tls_is_not_shown():
    assert one("pagerduty_v2", pagerduty(images=[{"src": "http://graphs.example/1.png"}])).images == ()


# --- Alertmanager ----------------------------------------------------------------------------------------------------


def test_each_alert_of_a_group_is_a_signal_under_its_fingerprint():
    parsed = read("alertmanager", notice(alert(), alert(fingerprint="f2", status="resolved")))
    first, second = parsed.signals
    assert 200 <= parsed.answer.status < 300
    assert (first.action, first.dedup_key, second.action, second.dedup_key) == (
        "trigger",
        "c0ffee0123456789",
        "resolve",
        "f2",
    )
    assert (first.summary, first.severity, first.source) == ("core-1 lost transit", "critical", "core-1")
    assert (first.component, first.class_, first.group) == ("snmp", "LinkDown", '{}:{alertname="LinkDown"}')
    assert (first.client, first.client_url) == ("Alertmanager", "https://alertmanager.example")
    assert first.started_at == datetime(2026, 3, 1, 3, 0, 0, 123456, tzinfo=UTC)
    assert {link.href for link in first.links} == {"https://prometheus.example/graph?g0", "https://wiki.example/link"}
    assert first.details["receiver"] == "nightdesk"
    assert "nightdesk" not in first.details


def test_the_same_alert_in_two_groups_is_one_alarm():
    here, there = (one("alertmanager", notice(alert(), groupKey=group)) for group in ("{a}", "{b}"))
    assert here.dedup_key == there.dedup_key


def test_an_alert_without_fingerprint_is_known_by_its_labels():
    def key(**labels):
        return one("alertmanager", notice(alert(fingerprint="", labels=labels))).dedup_key

    assert key(a="1", b="2") == key(b="2", a="1")
    assert len({key(a="1", b="2"), key(a="1"), key(a="1", b="3"), key(a="1,b=2")}) == 4


@pytest.mark.parametrize(
    ("annotations", "summary"),
    [
        ({"summary": "S", "description": "D"}, "S"),
        ({"summary": " ", "description": "D\nmore"}, "D more"),
        ({"message": "M"}, "M"),
        ({"summary": ["S"]}, "LinkDown (instance=core-1, job=snmp)"),
        ({}, "LinkDown (instance=core-1, job=snmp)"),
    ],
)
def test_the_summary_is_the_best_words_there_are(annotations, summary):
    assert one("alertmanager", notice(alert(annotations=annotations))).summary == summary


@pytest.mark.parametrize(
    ("word", "severity"),
    [("page", "critical"), ("Critical", "critical"), ("warning", "warning"), ("none", "info"), ("purple", None)],
)
def test_severity_labels_are_understood_and_unknown_ones_are_not_taken_for_harmless(word, severity):
    assert one("alertmanager", notice(alert(labels={"severity": word}))).severity == severity


def test_a_status_that_nobody_knows_is_an_alarm():
    assert one("alertmanager", notice(alert(status="melting"))).action == "trigger"
    assert one("alertmanager", notice({"labels": {}}, status="resolved")).action == "resolve"


def test_one_broken_alert_does_not_lose_its_neighbours():
    broken, sound = read("alertmanager", notice(17, alert())).signals
    assert sound.dedup_key == "c0ffee0123456789"
    assert broken.action == "trigger"
    assert broken.details["nightdesk"]["extra"] == {"alert": 17}


def test_a_group_without_alerts_is_an_alarm_that_its_own_resolve_ends():
    begun, ended = (one("alertmanager", notice(status=status)) for status in ("firing", "resolved"))
    assert (begun.action, ended.action) == ("trigger", "resolve")
    assert begun.dedup_key == ended.dedup_key
    assert begun.summary == "LinkDown"


def test_alerts_that_alertmanager_cut_off_are_told():
    assert one("alertmanager", notice(alert(), truncatedAlerts=40)).details["truncated_alerts"] == 40


def test_a_new_field_of_the_notice_is_kept_once():
    first, second = read("alertmanager", notice(alert(), alert(), notificationReason="new")).signals
    assert first.details["nightdesk"] == {"extra": {"notice.notificationReason": "new"}}
    assert "nightdesk" not in second.details


def test_grafanas_notice_is_read_by_the_same_parser():
    sent = notice(
        alert(panelURL="https://g.example/p", imageURL="https://g.example/i.png", valueString="[ value=3 ]"),
        orgId=1,
        state="alerting",
        title="t",
        message="m",
    )
    signal = one("alertmanager", sent)
    assert signal.client == "Grafana"
    assert "https://g.example/p" in {link.href for link in signal.links}
    assert [image.src for image in signal.images] == ["https://g.example/i.png"]
    assert signal.details["value_string"] == "[ value=3 ]"


@pytest.mark.parametrize("sent", [{}, {"alerts": {}}, {"alerts": None, "groupKey": "x"}, notice(groupKey="")])
def test_what_is_no_notice_is_the_clients_fault(sent):
    status, answer = refused("alertmanager", sent)
    assert status == 400
    assert answer["error"]


# --- the generic hook ------------------------------------------------------------------------------------------------


def test_a_summary_alone_is_an_alarm_and_the_same_words_end_it():
    begun = one("generic", {"summary": "disk full", "source": "nas"})
    again = one("generic", {"summary": "disk  full\n", "source": "nas", "severity": "info"})
    elsewhere = one("generic", {"summary": "disk full", "source": "san"})
    ended = one("generic", {"summary": "disk full", "source": "nas", "action": "RECOVERY"})
    assert begun.dedup_key == again.dedup_key == ended.dedup_key != elsewhere.dedup_key
    assert (begun.action, begun.severity, ended.action) == ("trigger", None, "resolve")


def test_the_query_fills_in_what_a_fixed_body_cannot_say_and_never_overrules_it():
    signal = one("generic", {"summary": "fire", "source": ""}, query={"source": "hall 2", "summary": "other"})
    assert (signal.summary, signal.source) == ("fire", "hall 2")
    assert one("generic", b"", query={"summary": "door open\0"}).summary == "door open\ufffd"


@pytest.mark.parametrize("sent", [b"", b"no", {}, {"summary": ""}, {"summary": []}, {"action": "resolve"}])
def test_a_useless_hook_call_is_told_what_would_have_been_right(sent):
    status, answer = refused("generic", sent)
    assert (status, answer["status"], answer["code"]) == (400, 400, "malformed_alarm")
    assert one("generic", answer["example"]).summary


def test_an_unknown_action_is_refused_and_an_unknown_severity_pages():
    assert refused("generic", HOOK | {"action": "explode"})[0] == 400
    signal = one("generic", HOOK | {"severity": "apocalyptic"})
    assert signal.severity is None
    assert signal.details["nightdesk"]["unread"] == {"severity": "apocalyptic"}


# --- all formats -----------------------------------------------------------------------------------------------------


def test_each_sender_is_told_of_overload_in_the_way_that_makes_it_try_again():
    assert {name: way.overload.status for name, way in FORMATS.items()} == {
        "pagerduty_v2": 429,
        "pagerduty_change": 429,
        "pagerduty_v1": 403,
        "opsgenie": 429,
        "alertmanager": 503,
        "grafana": 503,
        "goalert": 503,
        "nagios": 503,
        "generic": 503,
        "email": 503,
    }
    assert alertmanager.MAX_BYTES > pagerduty_v2.MAX_BYTES == generic.MAX_BYTES == 512 * 1024


@pytest.mark.parametrize(
    ("encoded", "content_type"),
    [
        ('{"summary": "für"}'.encode(), ""),
        ('\ufeff{"summary": "für"}'.encode(), "application/json"),
        ('{"summary": "für"}'.encode("utf-16"), "application/json"),
        ('{"summary": "für"}'.encode("latin-1"), "text/plain; charset=ISO-8859-1"),
        ('{"summary": "für"}'.encode(), "text/plain; charset=ISO-8859-1"),
    ],
)
def test_a_text_arrives_whole_in_whatever_charset(encoded, content_type):
    assert one("generic", encoded, content_type=content_type).summary == "für"


def test_wrong_bytes_and_raw_line_ends_in_a_text_do_not_lose_the_page():
    assert one("generic", b'{"summary": "disk\nf\xffll"}').summary == "disk f\ufffdll"


def test_of_a_name_given_twice_the_last_counts():
    assert one("generic", b'{"summary": "a", "summary": "b"}').summary == "b"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 5000, "-" + "9" * 31])
def test_numbers_that_no_database_holds_are_kept_as_text(number):
    signal = one("generic", f'{{"summary": "x", "details": {{"n": {number}}}}}'.encode())
    assert signal.details == {"n": number}


def test_deep_nesting_is_cut_and_bottomless_nesting_refused():
    def nested(levels):
        return b'{"summary": "x", "details": ' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"

    details = one("generic", nested(200)).details
    for _ in range(DEEPEST - 2):
        details = details["a"]
    assert details == {"a": TOO_DEEP}
    assert refused("generic", nested(100_000))[0] == 400


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "x"])
def test_an_absurd_instant_is_none(at):
    assert one("generic", HOOK | {"started_at": at}).started_at is None


def test_an_instant_without_zone_is_utc():
    assert one("generic", HOOK | {"started_at": "2026-01-02T03:04:05"}).started_at == datetime(
        2026, 1, 2, 3, 4, 5, tzinfo=UTC
    )


texts = st.text(
    st.one_of(st.characters(), st.sampled_from("\0\ud800\udfff\n\x1b")),
    max_size=12,
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw, sent):
    """A valid body with up to three values anywhere in it replaced, dropped or joined by junk."""
    sent = json.loads(json.dumps(sent))
    for _ in range(draw(st.integers(1, 3))):
        holder, place = {"": sent}, ""
        while True:
            inner = holder[place]
            places = (
                list(inner) if isinstance(inner, dict) else list(range(len(inner))) if isinstance(inner, list) else []
            )
            if not places or (holder is not inner and place != "" and draw(st.booleans())):
                break
            holder, place = inner, draw(st.sampled_from(places))
        if place == "":
            continue
        match draw(st.integers(0, 2)):
            case 0:
                holder[place] = draw(junk)
            case 1 if isinstance(holder, dict):
                del holder[place]
            case _ if isinstance(holder, dict):
                holder[draw(texts)] = draw(junk)
    return sent


def assert_storable(value):
    """As PostgreSQL sees it: text and jsonb without NUL, halves of pairs, NaN or infinity."""
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    assert "\\u0000" not in json.dumps(value)


def assert_refusal(refusal: Malformed):
    assert refusal.answer.status in (400, 403, 422), "never one that is sent again"
    assert refusal.answer.body
    assert refusal.reason


def assert_sound(parsed: Parsed):
    assert 200 <= parsed.answer.status < 300
    assert parsed.signals
    for signal in parsed.signals:
        assert signal.action in ("trigger", "acknowledge", "resolve", "note", "update", "escalate")
        assert 1 <= len(signal.dedup_key) <= 255
        assert len(signal.summary) <= 1024
        assert "\n" not in signal.summary
        assert signal.summary or signal.action != "trigger"
        assert signal.severity in (None, "critical", "error", "warning", "info")
        assert signal.started_at is None or signal.started_at.utcoffset() == timedelta(0)
        assert all(link.href.lower().startswith("http") for link in signal.links)
        assert_storable({**asdict(signal), "started_at": None})


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_mutated_alarm_is_read_soundly_or_refused(name, data):
    body = json.dumps(data.draw(mutated(VALID[name]))).encode()
    try:
        parsed = FORMATS[name].parse(body)
    except Malformed as refusal:
        assert_refusal(refusal)
    else:
        assert_sound(parsed)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=80, deadline=None)
@given(body=st.binary(max_size=60), content_type=texts)
@example(body=b"\x00\x00\x00{", content_type="")
@example(body=b'{"summary": "\xed\xa0\x80"}', content_type="x; charset=latin1")
def test_any_bytes_at_all_are_read_soundly_or_refused(name, body, content_type):
    try:
        parsed = FORMATS[name].parse(body, content_type)
    except Malformed as refusal:
        assert_refusal(refusal)
    else:
        assert_sound(parsed)


plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(summary=plain, source=plain, key=plain, severity=st.sampled_from(pagerduty_v2.SEVERITIES), details=junk)
def test_what_a_good_sender_says_comes_through_unchanged(summary, source, key, severity, details):
    sent = {"summary": summary, "source": source, "severity": severity}
    by_hook = one("generic", sent | {"dedup_key": key})
    by_events = one("pagerduty_v2", pagerduty(dedup_key=key, payload=sent | {"custom_details": details}))
    assert by_hook.summary == by_events.summary == summary
    assert by_hook.source == by_events.source == source
    assert by_hook.severity == by_events.severity == severity
    assert by_hook.dedup_key == by_events.dedup_key == key


@given(key=st.text(min_size=1, max_size=600), other=st.text(min_size=1, max_size=600))
def test_a_short_key_is_stable_and_tells_keys_apart(key, other):
    key, other = (text.encode("utf-8", "replace").decode() for text in (key, other))
    assert short_key(short_key(key)) == short_key(key)
    assert (short_key(key) == short_key(other)) == (key == other)
