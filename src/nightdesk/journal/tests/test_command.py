"""`nightdesk journal`, as somebody at a terminal meets it."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.journal import actions, queries
from nightdesk.journal.kinds import KINDS, Kind

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def some_entries(monkeypatch):
    monkeypatch.setitem(KINDS, "test.taken", Kind("test.taken", 1, "{by} took {title}"))
    monkeypatch.setitem(KINDS, "other.noted", Kind("other.noted", 1, "{by} wrote"))
    by = Actor("person", "7", "Bo")
    actions.record(
        "test.taken", subject=("page", 1), by=by, via=Door.SMS, at=AT - timedelta(hours=3), facts={"title": "core1"}
    )
    actions.record(
        "other.noted", subject=("page", 2), by=by, via=Door.WEB, at=AT - timedelta(hours=1), text="Line is up"
    )
    with clock.replaced_by(lambda: AT):
        yield


def said(*arguments):
    output = io.StringIO()
    call_command("journal", *arguments, stdout=output)
    return output.getvalue()


def test_it_shows_what_happened_newest_first():
    assert said().splitlines() == [
        "2026-11-22 02:00:00  Bo wrote: Line is up  [web]",
        "2026-11-22 00:00:00  Bo took core1  [sms]",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "2h"),
        ("--since", "2026-11-22T01:00"),
        ("--since", "2026-11-22T02:00:00+01:00"),
        ("--kind", "other."),
        ("--kind", "other.noted"),
        ("--subject", "page:2"),
        ("--search", "line"),
    ],
)
def test_each_option_narrows_it(arguments):
    assert [line["sentence"] for line in json.loads(said("--json", *arguments))] == ["Bo wrote"]


def test_one_line_says_that_there_is_more():
    assert "and more" in said("--limit", "1")


@pytest.mark.parametrize(
    "arguments", [("--since", "lately"), ("--subject", "page"), ("verify", "--kept", "xyz"), ("drop-month",)]
)
def test_what_cannot_be_meant_is_refused_with_an_example(arguments):
    with pytest.raises(CommandError):
        said(*arguments)


def test_verifying_tells_and_ends_well_when_all_is_well():
    assert "The record is what was sealed." in said("verify")
    assert json.loads(said("verify", "--json"))["sound"] is True


def test_verifying_ends_with_status_1_when_the_record_was_altered(monkeypatch):
    broken = queries.Verified(broken=(queries.Break("changed", AT.date(), 7),))
    monkeypatch.setattr(queries, "verify", lambda since, kept: broken)
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("journal", "verify", stdout=output)
    assert ended.value.code == 1
    assert "BROKEN: changed, seal 7" in output.getvalue()
