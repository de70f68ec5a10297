"""The telephone's door: keys that a message offers, messages without any, poison, and callbacks in any order."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base import clock, promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.channels import answering, decide
from nightdesk.channels.actions import HANG_UP, Recipient, queue_message, save_route, supersede_deliveries
from nightdesk.channels.models import Attempt, Delivery, Inbound
from nightdesk.channels.tasks import hang_up
from nightdesk.lines.twiml.signature import sign
from nightdesk.people.models import Person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("nightdesk.channels.api")]

START = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)
BO, TOKEN = "+447700900123", "the account's secret"


class Telephone:
    """A route, somebody with a telephone, and one call that rings there."""

    def __init__(self) -> None:
        self.at = START
        self.client = Client()
        self.asked: list[tuple[str, str, Door]] = []
        self.bo = Person.objects.create(name="Bo")
        self.route = save_route(
            channel="voice", driver="twilio_voice", name="telephone", config={"account_sid": "AC1", "from": "+15005550006"},
            secrets={"auth_token": TOKEN}, by=SCHEDULER, via=Door.CLI, at=START,
        )  # fmt: skip

    def verb(self, subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
        self.asked.append((subject_id, by.name, via))
        return f"Done with {subject_id}."

    def rings(self, answers: dict[str, list[str]], **more: Any) -> Delivery:
        message = queue_message(
            kind="page.rung", subject=("page", "77"), title="P1 db down", body="", code="12", brand_id=None,
            to=[Recipient("person", self.bo.id, "voice", BO, self.at)], answers=answers,
            by=SCHEDULER, via=Door.WORKER, at=self.at, **more,
        )  # fmt: skip
        Delivery.objects.filter(message_id=message.id).update(
            state="accepted", accepted_at=self.at, attempt=1, provider_id="CA1", route_id=self.route.id,
            due_at=self.at + timedelta(seconds=75), routes_tried=[[self.route.id, "accepted"]],
        )  # fmt: skip
        return Delivery.objects.get(message_id=message.id)

    def calls(self, row: Delivery, path: str, turn: int = 1, **form: str) -> list[str]:
        """The words and verbs of the answer."""
        whole = {"CallSid": "CA1", "CallStatus": "in-progress", **form}
        about = urlencode({"d": str(row.id), "m": row.month.isoformat(), "n": "1", "t": str(turn)})
        address = f"/providers/twilio/{self.route.id}/voice{path}?{about}"
        answer = self.client.post(
            address, urlencode(whole), content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": sign(f"http://testserver{address}", whole, TOKEN)},
        )  # fmt: skip
        assert answer.status_code == 200, answer.content
        return [
            verb.text or verb.tag for verb in ElementTree.fromstring(answer.content).iter() if verb.tag != "Response"
        ]


@pytest.fixture
def telephone(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telephone]:
    made = Telephone()
    for name in ("page.acknowledge", "page.escalate", "page.morning"):
        monkeypatch.setitem(answering.ANSWER_VERBS, name, made.verb)
    with clock.replaced_by(lambda: made.at):
        yield made


def now(row: Delivery) -> Delivery:
    return Delivery.objects.get(id=row.id)


def test_key_three_leaves_it_till_morning_where_the_message_offers_that(telephone: Telephone) -> None:
    row = telephone.rings({verb: [f"page.{verb}", "page", "77"] for verb in ("acknowledge", "escalate", "morning")})
    assert "3 to leave it till morning" in " ".join(telephone.calls(row, ""))
    assert "Done with 77." in telephone.calls(row, "/key", Digits="3")
    assert telephone.asked == [("77", "Bo", Door.PHONE)]
    assert (now(row).state, now(row).ended_at) == ("delivered", START)


def test_key_three_means_nothing_where_it_is_not_offered(telephone: Telephone) -> None:
    row = telephone.rings({verb: [f"page.{verb}", "page", "77"] for verb in ("acknowledge", "escalate")})
    assert "morning" not in " ".join(telephone.calls(row, ""))
    told = " ".join(telephone.calls(row, "/key", Digits="3"))
    assert "not known here" in told
    assert telephone.asked == []
    assert now(row).state == "accepted"


def test_a_message_that_offers_nothing_is_heard_when_one_is_pressed(telephone: Telephone) -> None:
    row = telephone.rings({})
    assert "Press 1 to confirm that you heard it." in " ".join(telephone.calls(row, ""))
    assert "not known" in " ".join(telephone.calls(row, "/key", Digits="5"))
    assert "Thank you." in telephone.calls(row, "/key", 2, Digits="1")
    assert now(row).state == "delivered"


def test_a_verb_that_fails_is_said_kept_and_rung_again(telephone: Telephone, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*asked: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setitem(answering.ANSWER_VERBS, "page.acknowledge", broken)
    row = telephone.rings({"acknowledge": ["page.acknowledge", "page", "77"]})
    assert "That did not work" in telephone.calls(row, "/key", Digits="1")[0]
    assert "ZeroDivisionError" in Inbound.objects.get(error__gt="").error
    assert now(row).state == "accepted"


def test_picked_up_a_call_has_time_until_it_counts_as_lost(telephone: Telephone) -> None:
    row = telephone.rings({})
    telephone.calls(row, "/status", CallStatus="ringing")
    assert now(row).due_at == START + timedelta(seconds=75)
    telephone.at += timedelta(seconds=20)
    telephone.calls(row, "", AnsweredBy="human")
    assert now(row).due_at == telephone.at + timedelta(seconds=150)


ENDINGS = (
    [{"CallStatus": "no-answer"}],
    [{"CallStatus": "in-progress"}, {"CallStatus": "completed"}],
    [{"CallStatus": "in-progress", "AnsweredBy": "machine_start"}, {"CallStatus": "completed"}],
)


@pytest.mark.parametrize("ending", ENDINGS, ids=["no answer", "nothing pressed", "mailbox"])
def test_in_whatever_order_the_callbacks_come_the_call_is_made_again_once(
    telephone: Telephone, ending: list[dict[str, str]]
) -> None:
    told = [{"CallStatus": "initiated"}, {"CallStatus": "ringing"}, *ending]
    for number, order in enumerate(itertools.permutations(told)):
        row = telephone.rings({}, cause=None)
        for form in order:
            telephone.calls(row, "/status", **form)
        after = now(row)
        assert (after.state, after.due_at, after.ended_at) == ("failed_for_now", START + timedelta(seconds=30), None), (
            order
        )
        assert Attempt.objects.filter(delivery_id=row.id, is_receipt=True, outcome="failed").count() == 1
        telephone.at = START
        Delivery.objects.filter(id=row.id).delete()
        assert number < 24


def test_a_key_counts_although_the_end_of_the_call_was_told_first(telephone: Telephone) -> None:
    row = telephone.rings({"acknowledge": ["page.acknowledge", "page", "77"]})
    telephone.calls(row, "/status", CallStatus="completed")
    assert now(row).state == "failed_for_now"
    telephone.calls(row, "/key", Digits="1")
    assert (now(row).state, now(row).ended_at) == ("delivered", START)


def test_news_of_an_earlier_call_does_not_end_the_present_one(telephone: Telephone) -> None:
    row = telephone.rings({})
    Delivery.objects.filter(id=row.id).update(attempt=2, provider_id="CA2")
    telephone.calls(row, "/status", CallStatus="completed")
    assert now(row).state == "accepted"


def test_a_call_taken_back_is_not_made_again(telephone: Telephone) -> None:
    row = telephone.rings({})
    supersede_deliveries(subject=("page", "77"), by=SCHEDULER, via=Door.WEB, at=START)
    telephone.calls(row, "/status", CallStatus="canceled")
    assert (now(row).state, now(row).ended_at) == ("accepted", START)


def test_only_what_rings_is_promised_to_be_stopped(telephone: Telephone) -> None:
    row = telephone.rings({})
    supersede_deliveries(subject=("page", "77"), by=SCHEDULER, via=Door.WEB, at=START)
    promise = Promise.objects.get(kind=HANG_UP)
    assert (promise.subject_id, promise.due_at, promise.facts["call"]) == (str(row.id), START, "CA1")
    Delivery.objects.filter(id=row.id).update(state="delivered")
    assert hang_up(promise, START) == "It does not ring any more."
    assert promises.HANDLERS[HANG_UP].give_up_after == 5


def test_an_unknown_route_or_delivery_is_refused_or_ended(telephone: Telephone) -> None:
    row = telephone.rings({})
    missing = telephone.client.post("/providers/twilio/999/voice/key", {"CallSid": "CA1"})
    assert missing.status_code == 404
    Delivery.objects.filter(id=row.id).delete()
    assert telephone.calls(row, "") == ["Hangup"]


times = st.integers(0, 5)
tried = st.dictionaries(st.integers(1, 4), st.sampled_from(["accepted", "permanent", "temporary"]), max_size=4)


@given(tried, st.integers(1, 4), st.integers(1, 8), times)
def test_a_telephone_rings_again_as_often_as_the_route_says_and_then_the_next_route_is_tried(
    before: dict[int, Any], route: int, failed: int, redials: int
) -> None:
    turn = decide.when_nobody_was_there(
        before, route, failed=failed, after=timedelta(seconds=30), times=redials, at=START
    )
    others = {key: came for key, came in before.items() if key != route}
    assert {key: came for key, came in turn.tried.items() if key != route} == others
    if failed <= redials:
        assert (turn.due_at, route in turn.tried) == (START + timedelta(seconds=30), False)
    else:
        assert (turn.due_at, turn.tried[route]) == (START, "permanent")
