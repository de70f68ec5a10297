"""The formats of those who move here: Opsgenie, PagerDuty v1 and change events, old Grafana, GoAlert, Nagios and Icinga."""

import json
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.paging.formats import FORMATS, Effect, Malformed, Parsed, Signal, Taken, opsgenie
from nightdesk.paging.tests.test_formats import VALID, assert_refusal, assert_sound, mutated, notice, one, read, texts

ROW = UUID("0199b1b2-7d5c-7c56-9d8e-3a4f5a6b7c8d")


def refusal(name: str, sent, **given) -> tuple[int, str]:
    with pytest.raises(Malformed) as caught:
        read(name, sent, **given)
    return caught.value.answer.status, caught.value.answer.body.decode()


def told(parsed: Parsed, *effects: Effect) -> dict:
    assert parsed.tell is not None
    return json.loads(parsed.tell(Taken(ROW, effects)).body)


# --- Opsgenie --------------------------------------------------------------------------------------------------------


def about(verb: str, sent=None, alert: str = "srv01/disk", identifierType: str = "alias") -> Signal:
    query = {"verb": verb, "alert": alert, "identifierType": identifierType}
    return one("opsgenie", b"" if sent is None else sent, query=query)


def test_an_opsgenie_alert_is_read_field_by_field_and_its_answer_names_the_request():
    parsed = read("opsgenie", VALID["opsgenie"])
    (signal,) = parsed.signals
    assert (signal.action, signal.dedup_key, signal.summary) == ("trigger", "srv01/disk", "Disk at 99%")
    assert (signal.severity, signal.source, signal.component) == ("error", "srv01", "mysql")
    assert signal.text == "as every Monday"
    assert signal.details["description"] == "It fills\nsince noon"
    assert signal.details["responders"] == [{"name": "NOC", "type": "team"}]
    assert (signal.details["tags"], signal.details["actions"]) == (["disk"], ["Restart"])
    assert parsed.answer.status == 202
    answer = told(parsed, Effect("trigger", "srv01/disk"))
    assert (answer["result"], answer["requestId"]) == ("Request will be processed", str(ROW))
    assert answer["took"] >= 0


def test_an_opsgenie_alert_without_an_alias_is_one_of_its_own():
    sent = {"message": "x"}
    assert one("opsgenie", sent).dedup_key != one("opsgenie", sent).dedup_key


def test_lengths_at_opsgenies_limits_and_above_are_taken():
    at, above = (
        one("opsgenie", {"message": "m" * most, "alias": "a" * alias, "description": "d" * text})
        for most, alias, text in ((130, 512, 15_000), (500, 600, 15_001))
    )
    assert (at.summary, len(at.details["description"])) == ("m" * 130, 15_000)
    assert "nightdesk" not in at.details
    assert above.summary == "m" * 500
    assert len(above.details["description"]) == 15_000
    assert above.details["nightdesk"]["unread"]["description"] == "cut, it had 15001 characters"
    closed = about("close", alert="a" * 600)
    assert closed.dedup_key == above.dedup_key, "a long alias is found again by what ends it"


@pytest.mark.parametrize(
    ("verb", "sent", "action", "text"),
    [
        ("close", {"user": "Bo", "note": "fixed"}, "resolve", "Bo: fixed"),
        ("close", None, "resolve", ""),
        ("delete", None, "resolve", ""),
        ("acknowledge", {"note": "mine"}, "acknowledge", "mine"),
        ("unacknowledge", None, "note", "unacknowledge."),
        ("notes", {"note": "look"}, "note", "look"),
        ("escalate", {"escalation": {"name": "NOC"}}, "escalate", ""),
        ("message", {"message": "worse"}, "update", ""),
        ("description", {"description": "all of it"}, "update", ""),
        ("priority", {"priority": "p1"}, "update", ""),
        ("details", {"details": {"a": "b"}}, "update", ""),
        ("tags", {"tags": ["x"]}, "update", ""),
    ],
)
def test_what_is_done_about_an_alert_is_read(verb, sent, action, text):
    signal = about(verb, sent)
    assert (signal.action, signal.dedup_key, signal.named, signal.text) == (action, "srv01/disk", "key", text)


def test_an_alert_may_be_named_in_each_of_the_three_ways():
    assert [about("close", identifierType=kind).named for kind in ("id", "alias", "tiny")] == ["id", "key", "code"]
    assert one("opsgenie", b"", query={"verb": "close", "alert": "x"}).named == "id", "as theirs, by default"
    assert refusal("opsgenie", b"", query={"verb": "close", "alert": "x", "identifierType": "name"})[0] == 422


@pytest.mark.parametrize("verb", ["snooze", "assign"])
def test_what_no_machine_may_do_is_refused_in_words(verb):
    status, body = refusal("opsgenie", b"{}", query={"verb": verb, "alert": "x"})
    assert status == 403
    assert "person of ours" in json.loads(body)["message"]


@pytest.mark.parametrize(
    ("verb", "sent", "field"),
    [
        ("create", {}, "message"),
        ("create", {"message": " "}, "message"),
        ("create", b"[]", "body"),
        ("create", b"", "body"),
        ("notes", {"note": ""}, "note"),
        ("priority", {"priority": "P6"}, "priority"),
        ("message", {}, "message"),
    ],
)
def test_opsgenie_says_422_and_which_field(verb, sent, field):
    status, body = refusal("opsgenie", sent, query={"verb": verb, "alert": "x"})
    said = json.loads(body)
    assert status == 422
    assert field in said["errors"]
    assert said.keys() >= {"message", "took", "requestId"}


def test_what_alertmanager_puts_into_details_says_where_it_is():
    signal = one("opsgenie", {"message": "m", "details": {"instance": "core-1", "job": "snmp", "alertname": "Down"}})
    assert (signal.source, signal.component, signal.class_) == ("core-1", "snmp", "Down")


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=60), kind=st.sampled_from(["multipart/form-data", "application/x-www-form-urlencoded"]))
def test_any_bytes_as_a_form_are_read_soundly_or_refused(body, kind):
    for content_type in (kind, f"{kind}; boundary=x", f"{kind}; boundary=\n\0"):
        try:
            assert_sound(FORMATS["goalert"].parse(b"--x\r\nContent-Disposition: form-data; name=" + body, content_type))
        except Malformed as refused:
            assert_refusal(refused)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), verb=st.sampled_from([*opsgenie.VERBS, "snooze", "nonsense"]), alert=texts, kind=texts)
def test_any_verb_with_any_body_is_read_soundly_or_refused(data, verb, alert, kind):
    body = json.dumps(data.draw(mutated(VALID["opsgenie"]))).encode()
    query = {"verb": verb, "alert": alert, "identifierType": data.draw(st.sampled_from(["alias", "tiny", "id", kind]))}
    try:
        parsed = FORMATS["opsgenie"].parse(body, query=query)
    except Malformed as refused:
        assert_refusal(refused)
    else:
        assert_sound(parsed)


# --- PagerDuty v1 and change events ----------------------------------------------------------------------------------


def test_pagerduty_v1_is_read_and_answers_with_its_incident_key():
    parsed = read("pagerduty_v1", VALID["pagerduty_v1"])
    (signal,) = parsed.signals
    assert (signal.action, signal.dedup_key, signal.source) == ("trigger", "srv01/HTTP", "srv01")
    assert signal.severity is None, "it has no severity, so it counts as the worst"
    assert [link.text for link in signal.links] == ["What to do"]
    assert parsed.key == VALID["pagerduty_v1"]["service_key"]
    assert (parsed.answer.status, json.loads(parsed.answer.body)) == (
        200,
        {"status": "success", "message": "Event processed", "incident_key": "srv01/HTTP"},
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"service_key": ""}, "Service key is missing or blank"),
        ({"event_type": "fire"}, "Event type must be trigger, acknowledge or resolve"),
        ({"description": " "}, "Description is missing or blank"),
        ({"event_type": "resolve", "incident_key": ""}, "Incident key is missing or blank"),
    ],
)
def test_pagerduty_v1_refuses_in_its_own_words(changes, error):
    status, body = refusal("pagerduty_v1", VALID["pagerduty_v1"] | changes)
    assert (status, json.loads(body)["errors"]) == (400, [error])


def test_a_change_event_is_a_note_and_nothing_else():
    parsed = read("pagerduty_change", VALID["pagerduty_change"])
    (signal,) = parsed.signals
    assert (signal.action, signal.summary, signal.source) == ("note", "Deployed v3.1", "ci")
    assert (parsed.answer.status, parsed.key) == (202, VALID["pagerduty_change"]["routing_key"])
    assert refusal("pagerduty_change", {"routing_key": "x"})[0] == 400


# --- Grafana ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("alerting", "trigger"),
        ("no_data", "trigger"),
        ("ok", "resolve"),
        ("pending", "note"),
        ("paused", "note"),
        ("melting", "trigger"),
    ],
)
def test_each_state_of_a_legacy_rule_means_what_it_should(state, action):
    signal = one("grafana", VALID["grafana"] | {"state": state})
    assert (signal.action, signal.dedup_key) == (action, one("grafana", VALID["grafana"]).dedup_key)
    assert bool(signal.text) == (action == "note")


def test_a_legacy_rule_is_told_apart_by_its_number_and_organisation():
    keys = {one("grafana", VALID["grafana"] | change).dedup_key for change in ({}, {"ruleId": 8}, {"orgId": 2})}
    assert len(keys) == 3


def test_the_same_door_reads_unified_alerting():
    sent = VALID["alertmanager"] | {"orgId": 1, "title": "t", "state": "alerting"}
    assert read("grafana", sent).signals == read("alertmanager", sent).signals
    assert refusal("grafana", {"title": "t"})[0] == 400
    assert refusal("grafana", notice() | {"groupKey": ""})[0] == 400


# --- GoAlert ---------------------------------------------------------------------------------------------------------


def test_goalert_takes_query_form_and_json_and_answers_as_it_was_asked():
    form = {"content_type": "application/x-www-form-urlencoded"}
    by_form = one("goalert", b"summary=Disk+at+99%25&dedup=disk", **form)
    by_query = one("goalert", b"", query={"summary": "Disk at 99%", "dedup": "disk"})
    by_json = one("goalert", VALID["goalert"])
    assert by_form.summary == by_query.summary == by_json.summary == "Disk at 99%"
    assert by_form.dedup_key == by_query.dedup_key == by_json.dedup_key == "disk"
    assert by_json.details == {"details": "since noon", "meta": {"host": "srv01"}}
    assert one("goalert", b"action=close&dedup=disk", **form).action == "resolve"
    parsed = read("goalert", VALID["goalert"])
    assert (parsed.answer.status, parsed.answer.body, parsed.tell) == (204, b"", None)
    parsed = read("goalert", VALID["goalert"], query={"accept": "application/json"})
    effect = Effect("trigger", "disk", ROW, "417", is_new=True)
    assert told(parsed, effect) == {"AlertID": 417, "ServiceID": "", "IsNew": True}


def test_goalerts_token_may_stand_in_the_form():
    parsed = read("goalert", b"summary=x&token=secret", content_type="application/x-www-form-urlencoded")
    assert parsed.key == "secret"
    assert "secret" not in str(parsed.signals)


def test_goalert_without_dedup_knows_an_alert_by_its_words():
    begun, other = one("goalert", {"summary": "a"}), one("goalert", {"summary": "a", "details": "b"})
    assert begun.dedup_key == one("goalert", {"summary": "a", "action": "close"}).dedup_key != other.dedup_key
    assert refusal("goalert", {"details": "x"})[0] == 400


# --- Nagios and Icinga -----------------------------------------------------------------------------------------------


def macros(**changes: str) -> dict:
    return {"fields": VALID["nagios"]["fields"] | changes}


def test_a_nagios_problem_is_read_and_values_with_equal_signs_stay_whole():
    parsed = read("nagios", VALID["nagios"])
    (signal,) = parsed.signals
    assert signal.summary == "HTTP on srv01 is CRITICAL: HTTP CRITICAL - a=b=c"
    assert (signal.action, signal.severity, signal.source, signal.component) == ("trigger", "critical", "srv01", "HTTP")
    assert signal.dedup_key == "event_source=service;host_name=srv01;service_desc=HTTP"
    assert parsed.once == ROW


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("PROBLEM", "trigger"),
        ("Problem", "trigger"),
        ("RECOVERY", "resolve"),
        ("ACKNOWLEDGEMENT", "acknowledge"),
        ("FLAPPINGSTART", "note"),
        ("FlappingEnd", "note"),
        ("DOWNTIMESTART", "note"),
        ("DowntimeRemoved", "note"),
        ("CUSTOM", "note"),
        ("SOMETHING", "trigger"),
    ],
)
def test_each_type_of_notification_means_what_it_should(word, action):
    assert one("nagios", macros(NOTIFICATIONTYPE=word)).action == action


def test_a_soft_problem_is_a_note_and_a_soft_recovery_still_ends_its_alarm():
    assert one("nagios", macros(SERVICESTATETYPE="SOFT")).action == "note"
    assert one("nagios", macros(SERVICESTATETYPE="SOFT", NOTIFICATIONTYPE="RECOVERY")).action == "resolve"


def test_icingas_names_mean_the_same_alarm():
    fields = {
        "NOTIFICATIONTYPE": "Problem",
        "HOSTNAME": "srv01",
        "SERVICENAME": "HTTP",
        "SERVICESTATE": "Critical",
        "SERVICEOUTPUT": "down",
        "NOTIFICATIONAUTHORNAME": "bo",
        "NOTIFICATIONCOMMENT": "on it",
    }
    signal = one("nagios", {"fields": fields})
    assert signal.dedup_key == one("nagios", VALID["nagios"]).dedup_key
    assert (signal.severity, signal.text) == ("critical", "bo: on it")


def test_a_host_has_a_key_of_its_own_and_macros_that_nagios_left_as_they_are_say_nothing():
    host = {"NAGIOS_HOSTNAME": "srv01", "HOSTSTATE": "DOWN", "HOSTOUTPUT": "gone", "SERVICEDESC": "$SERVICEDESC$"}
    signal = one("nagios", {"fields": host | {"NOTIFICATIONTYPE": "PROBLEM"}})
    assert (signal.dedup_key, signal.summary) == ("event_source=host;host_name=srv01", "srv01 is DOWN: gone")
    assert one("nagios", {"fields": host | {"INCIDENTKEY": "mine"}}).dedup_key == "mine"


def test_the_plain_form_is_the_generic_hooks():
    parsed = read("nagios", {"id": str(ROW), "plain": {"summary": "disk full", "source": "nas"}})
    assert (parsed.signals, parsed.once) == (read("generic", {"summary": "disk full", "source": "nas"}).signals, ROW)
    assert refusal("nagios", {"plain": {}})[0] == refusal("nagios", {})[0] == 400
