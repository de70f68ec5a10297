"""Our page as programs read it that know Statuspage's API v2: the fields, words and order that they count on."""

import json
import re
from datetime import datetime

import pytest

from nightdesk.outages.statuspage import documents
from nightdesk.outages.tests.pages import minutes, outage, page, resolved, work

PATHS = (
    "summary", "status", "components", "incidents", "incidents/unresolved", "scheduled-maintenances",
    "scheduled-maintenances/upcoming", "scheduled-maintenances/active",
)  # fmt: skip
INCIDENT = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink", "started_at",
    "page_id", "incident_updates", "components",
}  # fmt: skip
UPDATE = {
    "id", "status", "body", "incident_id", "created_at", "updated_at", "display_at", "affected_components",
    "deliver_notifications", "custom_tweet", "tweet_id",
}  # fmt: skip
COMPONENT = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date", "group_id",
    "page_id", "group", "only_show_if_degraded",
}  # fmt: skip


def at_night(given=None, at=None):
    made = documents(given or page(), at or minutes(20))
    return {path.removeprefix("api/v2/").removesuffix(".json"): made[path] for path in made}


def test_every_read_endpoint_is_there_and_is_json():
    made = at_night()
    assert set(made) == set(PATHS)
    for path, document in made.items():
        assert json.loads(json.dumps(document)) == document, path
        assert set(document["page"]) == {"id", "name", "url", "time_zone", "updated_at"}


def test_an_incident_has_all_fields_and_its_updates_newest_first():
    (incident,) = at_night(page(outages=(resolved(),)))["incidents"]["incidents"]
    assert incident.keys() >= INCIDENT
    assert [each["status"] for each in incident["incident_updates"]] == ["resolved", "identified", "investigating"]
    assert all(each.keys() == UPDATE for each in incident["incident_updates"])
    assert incident["status"] == "resolved"
    assert incident["started_at"] == "2026-11-25T04:08:00.000+00:00"
    assert incident["resolved_at"] == "2026-11-25T05:10:00.000+00:00"
    for component in incident["components"]:
        assert component.keys() == COMPONENT


def test_ids_are_as_others_expect_and_times_can_be_read():
    def walk(value):
        if isinstance(value, dict):
            for key, each in value.items():
                if (key == "id" or key.endswith("_id")) and each is not None and key not in ("tweet_id", "group_id"):
                    assert re.fullmatch("[a-z0-9]{12}", each), (key, each)
                if key.endswith("_at") and each is not None:
                    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", each), (key, each)
                    datetime.fromisoformat(each)
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(at_night())


@pytest.mark.parametrize(
    ("severities", "indicator", "description"),
    [
        ((), "none", "All Systems Operational"),
        (("minor",), "minor", "Partially Degraded Service"),
        (("minor", "major"), "major", "Partial System Outage"),
        (("critical", "minor"), "critical", "Major Service Outage"),
    ],
)
def test_the_indicator_is_the_worst_that_is_open(severities, indicator, description):
    outages = tuple(outage(id=f"o{n}", severity=each) for n, each in enumerate(severities))
    status = at_night(page(outages=(*outages, resolved(id="old"))))["summary"]["status"]
    assert status == {"indicator": indicator, "description": description}


def test_components_say_what_is_open_and_what_is_worked_on():
    def statuses(at):
        return [each["status"] for each in at_night(at=at)["components"]["components"]]

    assert statuses(minutes(20)) == ["major_outage", "operational", "operational"]
    assert statuses(minutes(1330)) == ["major_outage", "operational", "under_maintenance"]


def test_planned_work_is_upcoming_then_active_then_gone_from_both():
    def names(at, **more):
        made = at_night(page(work=(work(**more),)), at)
        return tuple(
            len(made[f"scheduled-maintenances{kind}"]["scheduled_maintenances"])
            for kind in ("", "/upcoming", "/active")
        )

    assert names(minutes(0)) == (1, 1, 0)
    assert names(minutes(1320)) == (1, 0, 1)
    assert names(minutes(1440)) == (1, 0, 0)
    assert names(minutes(0), state="cancelled") == (1, 0, 0)
    (one,) = at_night(at=minutes(1320))["scheduled-maintenances/active"]["scheduled_maintenances"]
    assert (one["status"], one["impact"]) == ("in_progress", "maintenance")
    assert one["scheduled_until"] == "2026-11-26T04:00:00.000+00:00"


def test_a_late_update_is_said():
    def late(at):
        return at_night(at=at)["incidents/unresolved"]["incidents"][0]

    assert not late(minutes(44))["update_late"]
    assert late(minutes(45))["update_late"]
    assert late(minutes(45))["updated_at"] == late(minutes(45))["next_update_due_at"]


def test_what_was_withdrawn_had_no_impact_and_is_over():
    one = outage(state="withdrawn", resolved_at=minutes(20))
    made = at_night(page(outages=(one,)))
    assert made["incidents/unresolved"]["incidents"] == []
    assert made["incidents"]["incidents"][0]["impact"] == "none"


def test_an_empty_page_is_whole():
    made = at_night(page(components=(), outages=(), work=()))
    assert made["summary"]["status"]["indicator"] == "none"
