"""`nightdesk lines`."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from nightdesk.access.actions import make_brand
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.calls.models import Call, Line
from nightdesk.reports.fact_queries import Span, rang

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def company():
    with clock.replaced_by(lambda: AT):
        make_brand(name="Quay", slug="quay", by=SCHEDULER, via=Door.CLI, at=AT)
        yield


def said(*words: str) -> str:
    output = io.StringIO()
    call_command("lines", *words, stdout=output)
    return output.getvalue()


def test_a_line_is_set_shown_and_changed(tmp_path):
    file = tmp_path / "line.json"
    number = "+442079460100"
    file.write_text(
        json.dumps(
            {
                "numbers": [number],
                "shown_number": number,
                "pager_number": "+442079460109",
                "bureau_number": "020 7946 0500",
            }
        )
    )
    assert said("save", "Support", str(file)) == f"quay  Support  {number}\n"
    shown = json.loads(said("show", "Support"))
    assert (shown["longest_hunt_s"], shown["bureau_number"], shown["joins_s"]) == (5, "+442079460500", [4, 8])
    file.write_text(json.dumps(shown | {"ring_s": 30, "divert_check_at": None}))
    said("save", "Support", str(file))
    line = Line.objects.get()
    assert (line.ring_s, line.numbers, line.longest_hunt_s) == (30, [number], 5)
    assert json.loads(said("list", "--json"))["name"] == "Support"


def test_what_is_wrong_with_a_file_is_said_and_nothing_changes(tmp_path):
    file = tmp_path / "line.json"
    for text, why in (
        ("[]", "no object"),
        ("{", "no JSON"),
        ('{"drums": 1}', "no drums"),
        ('{"ring_s": "soon"}', "does not fit: ring_s"),
        ('{"numbers": "020"}', "does not fit: numbers"),
        ('{"divert_check_at": "late"}', "is no time"),
        ('{"ring_s": 30}', "no number that callers ring"),
    ):
        file.write_text(text)
        with pytest.raises(Invalid, match=why):
            said("save", "Support", str(file))
    for words in (("show", "Support"), ("save", "Support", str(tmp_path / "none")), ("list", "--brand", "pier")):
        with pytest.raises(NotFound):
            said(*words)
    assert not Line.objects.exists()


def test_figures_are_those_of_the_report():
    line = Line.objects.create(brand=Brand.objects.get(), name="Support", numbers=[], shown_number="", pager_number="")
    for after in (3, 20):
        came = AT - timedelta(days=1)
        Call.objects.create(
            line=line, exchange="test", called="", came_at=came, ended_at=AT, answered_by="engineer",
            answered_at=came + timedelta(seconds=after),
        )  # fmt: skip
    came = AT - timedelta(days=1)
    Call.objects.create(
        line=line, exchange="test", called="", came_at=came, ended_at=AT, answered_by="bureau",
        answered_at=came + timedelta(seconds=30),
        state={"memory": {"recorder_at": (came + timedelta(seconds=5)).isoformat()}},
    )  # fmt: skip
    assert said("figures").startswith("quay  Support: calls 3, in 12 s 66.6 %, gave up 0")
    calls = [fact.call for fact in rang(Span(line.brand, came.date(), came.date(), AT))]
    assert sorted((call.in_time, call.answered_in_time) for call in calls) == [
        (False, False), (True, False), (True, True),
    ]  # fmt: skip
    assert json.loads(said("figures", "--json", "--first", "2026-11-26"))["calls"] == 0
    with pytest.raises(Invalid):
        said("figures", "--first", "2026-11-26", "--last", "2026-11-01")
