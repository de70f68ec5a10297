"""`nightdesk call`, and what machines that watch us are told of calls."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import RequestFactory

from nightdesk.access.actions import make_brand
from nightdesk.base import clock, health
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.refusals import NotFound
from nightdesk.calls import actions, callers
from nightdesk.calls.models import Call, CallEvent, Leg, Line, Message
from nightdesk.customers.models import Contact
from nightdesk.desk.tests.provider import Provider
from nightdesk.journal.models import Entry
from nightdesk.people.actions import make_person

AT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
HOW: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": AT}
MORNING = AT + timedelta(hours=6)
SAM, KIM = "+442079460701", "+442079460702"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def frozen():
    with clock.replaced_by(lambda: AT):
        yield


@pytest.fixture
def line() -> Line:
    brand = make_brand(name="Quay", slug="quay", **HOW)
    return Line.objects.create(brand=brand, name="Support", numbers=[], shown_number="", pager_number="")


def came(line: Line, minutes_ago: float, **more: Any) -> Call:
    at = AT - timedelta(minutes=minutes_ago)
    if (after := more.pop("after_s", None)) is not None:
        more["answered_at"] = at + timedelta(seconds=after)
    return Call.objects.create(line=line, exchange="test", called="", came_at=at, **more)


def left(line: Line, number: str) -> Message:
    return actions.leave_message(
        brand_id=line.brand_id,
        line_id=line.pk,
        number=number,
        text=f"Ring {number}",
        taken_by="Desk",
        wakes=False,
        **HOW,
    )


def test_at_night_nobody_is_woken_for_a_contact_who_may_not_call_then(line: Line) -> None:
    """By their number on the line, by what they leave there, and by what a bureau takes down."""
    there = Provider(AT, out_of_hours="full", may_wake=["P1"], live_answer=True)
    line = Line.objects.create(brand=there.brand, name="Quay", numbers=[], shown_number="", pager_number="")
    for may_call in (True, False):
        Contact.objects.filter(pk=there.cleo.pk).update(may_call=may_call)
        who = callers.who_has_number(there.brand.pk, there.cleo.phone)
        facts = callers.caller_facts(line, who, there.cleo.phone, AT, AT, open_now=False)
        assert (facts.covered, facts.may_wake, facts.live, facts.may_call) == (may_call,) * 4
        message = actions.leave_message(
            brand_id=there.brand.pk,
            line_id=line.pk,
            number=SAM if may_call else KIM,
            text="Ring me",
            customer_id=there.acme.pk,
            contact_id=there.cleo.pk,
            **HOW,
        )
        assert (message.page_id is not None) == may_call
        assert message.call_back_by is not None
    assert (facts.answer_from, message.call_back_by - timedelta(seconds=line.call_back_s)) == (MORNING, MORNING)


def said(*words: str) -> str:
    output = io.StringIO()
    call_command("call", *words, stdout=output)
    return output.getvalue()


def rows(*words: str) -> list[dict[str, Any]]:
    return list(json.loads(said(*words, "--json")))


def test_calls_telephones_and_the_story_are_told(line):
    over = came(line, 30, number=SAM, answered_by="recorder", after_s=4, ended_at=AT, ended_as="message")
    runs = came(line, 1)
    Leg.objects.create(call=runs, name="e1", to="+447700900200", ordered_at=AT)
    CallEvent.objects.create(call=over, number=1, at=AT, event={"is": "came"}, why=["nobody is up"], trouble="")
    assert [(row["number"], row["ended_as"]) for row in rows("list")] == [("withheld", "running"), (SAM, "message")]
    assert [row["id"] for row in rows("list", "--running")] == [str(runs.pk)[-8:]]
    assert [(row["to"], row["call"]) for row in rows("ringing")] == [("+447700900200", str(runs.pk)[-8:])]
    assert said("story", str(over.pk)[-8:]).split("  ") == ["03:00:00Z", "came", "nobody is up\n"]
    with pytest.raises(NotFound, match="There is none"):
        said("story", "ffffffffff")


def test_what_callers_left_is_closed_and_called_off_by_its_last_digits(line):
    sam, kim = left(line, SAM), left(line, KIM)
    assert {row["number"] for row in rows("messages")} == {SAM, KIM}
    assert "closed" in said("close", sam.pk.hex[-10:], "--why", "It works again")
    assert "cancelled" in said("cancel", str(kim.pk))
    assert said("messages") == "There are none.\n"
    assert {row["state"] for row in rows("messages", "--all")} == {"closed", "cancelled"}
    assert Message.objects.get(pk=sam.pk).outcome == "It works again"


def test_whoever_takes_a_call_from_the_recorder_has_it_from_then_on_and_the_first_of_them_counts(line):
    call, bo = came(line, 1), make_person(name="Bo", brand_id=line.brand_id, **HOW)
    for after_s, how, person_id, known in (
        (4, "recorder", None, (4, "recorder", None)),
        (9, "bureau", None, (9, "bureau", None)),
        (20, "recorder", None, (9, "bureau", None)),
        (30, "engineer", bo.pk, (9, "bureau", bo.pk)),
    ):
        at = call.came_at + timedelta(seconds=after_s)
        actions.note_answered(call_id=call.pk, how=how, person_id=person_id, **HOW | {"at": at})
        call.refresh_from_db()
        assert ((call.answered_at - call.came_at).seconds, call.answered_by, call.answered_person_id) == known
    told = Entry.objects.filter(kind=actions.CALL_ANSWERED).order_by("id")
    assert [entry.facts["after_s"] for entry in told] == [4, 9, 30]


def test_machines_that_watch_are_told_how_calls_do(line):
    came(line, 10, ended_at=AT, ended_as="abandoned")
    came(line, 20, ended_at=AT, ended_as="answered", answered_by="engineer", after_s=12, woken=2)
    came(line, 30, ended_at=AT, ended_as="answered", answered_by="engineer", after_s=13)
    came(line, 40, ended_at=AT, ended_as="message", answered_by="recorder", after_s=1)
    came(line, 25 * 60, ended_at=AT, ended_as="abandoned", woken=1)
    runs = came(line, 1)
    CallEvent.objects.create(call=runs, number=1, at=AT, event={"is": "key"}, trouble="It was no key.")
    late, soon = left(line, SAM), left(line, KIM)
    Message.objects.filter(pk=late.pk).update(call_back_by=AT - timedelta(minutes=1))
    Message.objects.filter(pk=soon.pk).update(call_back_by=AT + timedelta(minutes=1))
    text = health.metrics(RequestFactory().get("/metrics")).content.decode().splitlines()
    told = dict(each.rsplit(" ", 1) for each in text if each.startswith("nightdesk_call"))
    assert {name: float(value) for name, value in told.items()} == {
        'nightdesk_calls_last_day{as="abandoned"}': 1,
        'nightdesk_calls_last_day{as="answered"}': 2,
        'nightdesk_calls_last_day{as="message"}': 1,
        "nightdesk_calls_running": 1,
        "nightdesk_calls_answered_soon": 1,
        "nightdesk_calls_woken": 2,
        "nightdesk_call_messages_waiting": 2,
        "nightdesk_call_messages_overdue": 1,
        "nightdesk_call_events_troubled": 1,
    }
