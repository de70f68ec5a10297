"""The public support hours: for everybody, also inside other pages and for machines."""

from django.urls import reverse


def test_everybody_reads_when_we_are_there(company):
    text = company.client().get(reverse("public_hours", args=["quay"])).content.decode()
    assert "Quay hours" in text
    assert "Closed now" in text  # a Saturday at four
    assert "Monday–Friday" in text
    assert "09:00–17:30" in text
    assert "Pier" not in text


def test_only_the_embedded_form_may_stand_in_another_site(company):
    url = reverse("public_hours", args=["quay"])
    plain, embedded = company.client().get(url), company.client().get(url, {"embed": "1"})
    assert "frame-ancestors 'none'" in plain["Content-Security-Policy"]
    assert plain["X-Frame-Options"] == "DENY"
    assert "frame-ancestors *" in embedded["Content-Security-Policy"]
    assert "X-Frame-Options" not in embedded


def test_a_program_reads_them_as_json(company):
    answer = company.client().get(reverse("public_hours_json", args=["quay"]))
    (calendar,) = answer.json()["calendars"]
    assert (calendar["open"], calendar["changes_at"]) == (False, "2026-08-17T08:00:00+00:00")
    assert calendar["week"][0] == ["09:00-17:30"]
    assert calendar["unusual"] == {"2026-08-31": []}  # the summer bank holiday


def test_a_brand_that_there_is_not_has_no_hours(company):
    assert company.client().get(reverse("public_hours", args=["nobody"])).status_code == 404
