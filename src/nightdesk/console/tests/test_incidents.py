"""Reports of incidents and the night's page, as they are read and written on the web."""

from typing import Any

import pytest
from django.urls import reverse

from nightdesk.access import actions as access
from nightdesk.journal.models import Entry
from nightdesk.reports.incident_models import CustomerEdition, IncidentReport, RegulatorDuty


def url(name: str, *args: Any) -> str:
    return reverse(f"console:{name}", args=args)


def test_a_report_is_written_on_approved_and_given_to_customers(company):
    house = company.quay
    report = IncidentReport.objects.get(pk=house.ids["report_id"])
    client = company.client(company.everything())
    page = client.get(url("incident", report.pk)).content.decode()
    assert "Quay fibre was cut" in page
    assert "Pier" not in page
    assert client.get(url("edit_incident", report.pk)).status_code == 200
    written = {"seen": 1, "cause": "A digger", "for_customers": "A digger cut a fibre.", "new_words": "Rang them"}
    told = client.post(url("edit_incident", report.pk), written)
    assert told.status_code == 422, "a line that is typed needs a time"
    client.post(url("edit_incident", report.pk), written | {"new_at": "2026-08-15T02:00"})
    version = report.versions.get(number=2)
    assert (version.words["cause"], [one["words"] for one in version.typed]) == ("A digger", ["Rang them"])
    client.post(
        url("incident_follow_up", report.pk), {"title": "A way round", "owner": house.bo.pk, "due_on": "2026-12-01"}
    )
    assert report.follow_ups.get().owner == house.bo
    client.post(url("approve_incident", report.pk), {"seen": 2})
    client.post(url("publish_incident", report.pk))
    assert CustomerEdition.objects.get().version == 2
    assert "A way round" in client.get(url("incident", report.pk)).content.decode()
    for form, kind in (("markdown", "text/markdown"), ("html", "text/html"), ("pdf", "application/pdf")):
        answer = client.get(url("incident_file", report.pk, form))
        assert answer["Content-Type"].startswith(kind)
    assert client.get(url("incident_file", report.pk, "docx")).status_code == 404
    for name in ("incidents", "incidents_csv"):
        assert client.get(url(name)).status_code == 200
    assert client.get(url("credits_csv", report.pk)).status_code == 200


def test_what_the_law_wants_is_told_or_waived_on_the_reports_page(company):
    house = company.quay
    client = company.client(company.everything())
    client.post(url("assess_incident", house.ids["report_id"]), {"pack": "data-protection", "answer": "yes"})
    first, second = RegulatorDuty.objects.filter(report=house.ids["report_id"]).order_by("pack")
    client.post(url("regulator_told", first.pk), {"reference": "R-1"})
    client.post(url("regulator_waived", second.pk), {"why": "Below the threshold"})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.reference, second.waived_why) == ("R-1", "Below the threshold")
    rules = {"customer_days": "5", "packs": ["own"], "own_packs": "[]", "credits": "{}", "users": "{}"}
    assert "There is no rule pack own" in client.post(url("incident_rules", house.brand.pk), rules).content.decode()
    assert client.post(url("incident_rules", house.brand.pk), rules | {"packs": []}).status_code == 302
    client.post(url("report_term", house.ids["contract_id"]), {"working_days": "3"})
    assert client.post(url("report_term", house.ids["contract_id"]), {"working_days": "soon"}).status_code == 422


@pytest.mark.parametrize("name", ["night", "coming_on", "journal"])
def test_a_note_is_typed_in_one_field_and_stands_on_the_page(company, name):
    client = company.client(company.everything())
    client.post(url("write_journal_note"), {"words": "The fan is loud", "brand": company.quay.brand.pk})
    assert Entry.objects.get(kind="journal.note").brand_id == company.quay.brand.pk
    assert "The fan is loud" in client.get(url(name)).content.decode()
    assert client.post(url("write_journal_note"), {"words": " "}).status_code == 422


def test_another_brands_report_is_not_there(company):
    theirs = company.pier.ids["report_id"]
    client = company.client(company.reader("manager"))
    assert client.get(url("incident", theirs)).status_code == 404
    assert client.post(url("publish_incident", theirs)).status_code == 404


def test_a_version_that_is_no_number_is_none_that_was_read(company):
    client = company.client(company.everything())
    for name in ("edit_incident", "approve_incident"):
        answer = client.post(url(name, company.quay.ids["report_id"]), {"seen": "x"})
        assert answer.status_code < 500
    assert IncidentReport.objects.get(pk=company.quay.ids["report_id"]).version == 1


def test_who_works_for_two_brands_and_has_no_seat_says_of_which_a_note_is(company):
    user = company.reader("engineer", name="Two")
    pier = company.pier.brand
    access.grant_role(user_id=user.pk, role="engineer", brand_id=pier.pk, **company.doing)
    client = company.client(user)
    for name in ("journal", "night", "coming_on"):
        assert 'name="brand" required' in client.get(url(name)).content.decode(), name
    note = {"words": "The fan is loud"}
    assert client.post(url("write_journal_note"), note).status_code == 403
    assert client.post(url("write_journal_note"), note | {"brand": pier.pk}).status_code == 302
    assert Entry.objects.get(kind="journal.note").brand_id == pier.pk
    one = company.client(company.everything())
    assert "journal-note-brand" not in one.get(url("night")).content.decode()
