"""`nightdesk choose`."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.calls.models import Call, Line

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def frozen():
    with clock.replaced_by(lambda: AT):
        yield


def said(*words: str) -> str:
    output = io.StringIO()
    call_command("choose", *words, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
def test_a_file_is_reckoned_saved_shown_and_chosen(tmp_path):
    brand = Brand.objects.create(name="Quay", slug="quay")
    line = Line.objects.create(brand=brand, name="Support", numbers=[], shown_number="", pager_number="")
    Call.objects.create(line=line, exchange="test", called="", came_at=AT - timedelta(days=2), ended_at=AT)
    inputs = json.loads(said("inputs", "--line", "Support"))
    assert "0.077" in inputs["calls"]  # one call in thirteen Wednesdays at noon
    file = tmp_path / "winter.json"
    file.write_text(json.dumps(inputs | {"shift_people": 2, "combinations": "Both: else bureau", "wage_hour": "18.50"}))
    shown = said("reckon", str(file))
    assert "Night shift of 2" in shown
    assert "Hours on shift: 1026.18 x 18.5 = £18,984.33" in shown
    assert said("list") == ""
    assert "Winter" in said("save", str(file), "--name", "Winter")
    rows = [json.loads(row) for row in said("show", "winter", "--json").splitlines()]
    assert [row["approach"] for row in rows] == ["none", "email", "phone", "bureau", "shift", "outsourced", "Both"]
    assert rows[3] | {"approach": "Both"} == rows[-1]
    assert json.loads(said("inputs", "Winter"))["wage_hour"] == "18.50"
    assert "Both" in said("take", "Winter", "Both", "--since", "2026-11-01")
    assert said("after", "Winter").startswith("1\u201319 November 2026  0 (")
    assert "Winter (copy)" in said("copy", "Winter")
    said("delete", "Winter")
    assert "Both 2026-11-01" not in said("list")
    said("restore", "Winter")
    assert "Both 2026-11-01" in said("list")


@pytest.mark.django_db
def test_what_is_wrong_with_a_file_is_said(tmp_path):
    Brand.objects.create(name="Quay", slug="quay")
    file = tmp_path / "x.json"
    for text, why in (
        ("[]", "holds no object"),
        ("{", "no JSON"),
        ('{"team": 0}', "team: Give a number from 1 to 100"),
    ):
        file.write_text(text)
        with pytest.raises(Invalid, match=why):
            said("reckon", str(file))
    with pytest.raises(NotFound, match="cannot be read"):
        said("save", str(tmp_path / "none.json"), "--name", "x")
    for words in (("show", "x"), ("inputs", "--line", "x"), ("list", "--brand", "pier")):
        with pytest.raises(NotFound):
            said(*words)
