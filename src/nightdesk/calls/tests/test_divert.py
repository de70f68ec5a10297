"""The divert that is not ours: each evening the line is rung from outside, and must answer with its own greeting."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.files import read_file
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Invalid
from nightdesk.calls import divert_tasks, running
from nightdesk.calls.divert_actions import CHECK, check_divert, end_divert_check, note_check_placed, plan_divert_check
from nightdesk.calls.divert_queries import next_check
from nightdesk.calls.models import Call, DivertCheck, Leg, Line
from nightdesk.channels.actions import save_route
from nightdesk.channels.models import Message, Route
from nightdesk.journal.models import Entry
from nightdesk.lines import melody, sound
from nightdesk.lines.exchange import Came, HangUp, Said, Say
from nightdesk.lines.leg import NotPlaced
from tests.world import World
from tests.world import world as new_world

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
PUBLIC, OUTSIDE, TOKEN = "+442079460100", "+33970000001", "the second provider's token"


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with new_world(NOON) as made, clock.replaced_by(lambda: made.at):
        yield made


@pytest.fixture
def line(world: World) -> Line:
    """Al has the night and Bo stands behind; the second provider rings from OUTSIDE."""
    al, bo = world.person("Al"), world.person("Bo")
    world.seat("night", al)
    world.seat("behind", bo)
    from nightdesk.rota.models import Seat

    Seat.objects.filter(key="behind").update(behind=Seat.objects.get(key="night"))
    save_route(
        channel="voice", driver="twilio_voice", name="second", config={"account_sid": "AC2", "from": OUTSIDE},
        secrets={"auth_token": TOKEN}, **world.doing,
    )  # fmt: skip
    return Line.objects.create(
        brand=world.brand, name="Support", numbers=[PUBLIC], shown_number=PUBLIC, pager_number=PUBLIC,
        night_seats=["night"], greeting="Quayside.", divert_check_at=time(18), divert_from=OUTSIDE,
    )  # fmt: skip


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The second provider, as far as HTTP goes: what it answers when it is to ring, and what it has heard."""
    does: dict[str, Any] = {"sid": "CA7", "heard": b"", "rung": []}

    async def placed(check: DivertCheck, told: Any) -> str:
        does["rung"].append(check.line.numbers[0])
        if isinstance(does["sid"], Exception):
            raise does["sid"]
        return str(does["sid"])

    async def fetched(check: DivertCheck, told: Any) -> bytes:
        return bytes(does["heard"])

    monkeypatch.setattr(divert_tasks, "_placed", placed)
    monkeypatch.setattr(divert_tasks, "_fetched", fetched)
    return does


def hook(world: World, check: DivertCheck, what: str, token: str = TOKEN, **form: str) -> Any:
    route = Route.objects.get(name="second")
    path = f"/providers/twilio/{route.pk}/divert/{check.pk}/{what}"
    form = {"CallSid": "CA7", "CallStatus": "in-progress"} | form
    signature = RequestValidator(token).compute_signature(settings.PUBLIC_URL + path, form)
    return world.client.post(
        path, urlencode(form), content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
    )  # fmt: skip


def now(line: Line) -> DivertCheck:
    return DivertCheck.objects.get(line=line)


def begun(world: World, line: Line, *, tells: bool = True) -> DivertCheck:
    check = check_divert(line_id=line.pk, tells=tells, **world.doing)
    world.run_due()
    return check


def test_in_the_evening_it_is_rung_heard_and_nobody_is_told(world, line, outside):
    plan_divert_check(line_id=line.pk, **world.doing)
    world.minutes(6 * 60)
    check = now(line)
    assert (outside["rung"], check.at, check.sid) == ([PUBLIC], NOON + timedelta(hours=6), "CA7")
    assert b"<Record" in hook(world, check, "do").content
    outside["heard"] = read_file(check.sign)
    hook(world, check, "recorded", RecordingSid="RE0123456789")
    world.run_due()
    check.refresh_from_db()
    assert (check.heard, check.trouble) == (True, "")
    assert Message.objects.filter(kind="calls.divert").count() == 0
    assert Promise.objects.get(kind=CHECK, ended_at=None).due_at == NOON + timedelta(hours=30)


def test_our_own_ring_hears_greeting_and_sign_and_rings_nobody(world, line, outside):
    check = begun(world, line)
    done = running.take_call(exchange="asterisk", came=Came("caller", PUBLIC, OUTSIDE), at=world.at)
    said = next(order for order in done.orders if isinstance(order, Say))
    assert said.words[0].text == "Quayside."
    assert said.words[-1].recording == check.sign
    assert melody.is_heard(check.notes, read_file(check.sign))
    done = running.hear_event(call_id=done.call_id, event=Said("caller", said.name), at=world.at)
    assert [order for order in done.orders if isinstance(order, HangUp)]
    assert (Call.objects.get().ended_as, Leg.objects.count()) == ("checked", 0)
    check.refresh_from_db()
    assert check.seen_at == world.at


def test_somebody_else_who_rings_while_a_check_runs_hears_no_sign(world, line, outside):
    begun(world, line)
    done = running.take_call(exchange="asterisk", came=Came("caller", PUBLIC, "+447700900999"), at=world.at)
    assert not [word for order in done.orders if isinstance(order, Say) for word in order.words if word.recording]


@pytest.mark.parametrize(
    ("heard", "trouble"),
    [
        (sound.tones(sound.MUSIC, 6), "Something answered, and it was not our greeting. The ring did not come to us."),
        (melody.play("abacadaeafbcbdbe"), "Something answered, and it was not our greeting. The ring did not come to us."),
        (b"rubbish", "What was heard is no sound of a telephone. The ring did not come to us."),
    ],
)  # fmt: skip
def test_where_the_divert_leads_to_somebody_else_both_are_told_once(world, line, outside, heard, trouble):
    check = begun(world, line)
    outside["heard"] = heard
    hook(world, check, "recorded", RecordingSid="RE0123456789")
    hook(world, check, "kept", RecordingSid="RE0123456789", RecordingStatus="completed")
    world.minutes(10)
    check.refresh_from_db()
    assert (check.heard, check.trouble) == (False, trouble)
    for phone in world.phones.values():
        phone.got(f"{PUBLIC} does not lead to us")
    assert Message.objects.filter(kind="calls.divert").count() == 1


@pytest.mark.parametrize(
    ("status", "trouble"),
    [("busy", "The number was busy."), ("no-answer", "Nobody answered."), ("failed", "The number could not be reached.")],
)  # fmt: skip
def test_a_dead_line_is_found_out_at_once(world, line, outside, status, trouble):
    check = begun(world, line)
    hook(world, check, "status", CallStatus=status)
    world.minutes(10)
    check.refresh_from_db()
    assert check.trouble.startswith(trouble)
    for phone in world.phones.values():
        phone.got("does not lead to us")


def test_a_ring_that_comes_to_us_and_is_not_heard_says_so(world, line, outside):
    check = begun(world, line, tells=False)
    running.take_call(exchange="asterisk", came=Came("caller", PUBLIC, OUTSIDE), at=world.at)
    world.minutes(5)
    check.refresh_from_db()
    assert (check.heard, check.trouble) == (
        False, "Our greeting was not heard in time. The ring did come to us.")  # fmt: skip


def test_what_the_second_provider_will_not_ring_is_said(world, line, outside):
    outside["sid"] = NotPlaced("21215 geography", "request")
    check = begun(world, line, tells=False)
    check.refresh_from_db()
    assert "It could not be rung from outside: 21215 geography." in check.trouble


def test_by_hand_nobody_else_is_told_and_twice_is_once(world, line, outside):
    check = begun(world, line, tells=False)
    assert check_divert(line_id=line.pk, **world.doing) == check
    end_divert_check(check_id=check.pk, heard=False, trouble="x", **world.doing)
    end_divert_check(check_id=check.pk, heard=True, **world.doing)
    check.refresh_from_db()
    assert (check.heard, Entry.objects.filter(kind="calls.divert-checked").count()) == (False, 1)
    assert Message.objects.filter(kind="calls.divert").count() == 0


def test_without_a_second_provider_it_is_refused_by_name(world, line):
    Line.objects.update(divert_from="+33970000009")
    with pytest.raises(Invalid) as refused:
        check_divert(line_id=line.pk, **world.doing)
    assert "+33970000009" in str(refused.value)


def test_a_forged_word_of_the_second_provider_counts_for_nothing(world, line, outside):
    check = begun(world, line)
    assert hook(world, check, "status", token="guess", CallStatus="busy").status_code == 403
    check.refresh_from_db()
    assert check.ended_at is None
    end_divert_check(check_id=check.pk, heard=True, **world.doing)


def test_a_retired_line_is_not_rung(world, line):
    plan_divert_check(line_id=line.pk, **world.doing)
    Line.objects.update(active=False)
    assert plan_divert_check(line_id=line.pk, **world.doing) is None
    assert not Promise.objects.filter(kind=CHECK, ended_at=None).exists()


def test_an_id_that_came_late_is_kept_with_no_check_that_is_over(world, line, outside):
    check = begun(world, line, tells=False)
    end_divert_check(check_id=check.pk, heard=True, **world.doing)
    note_check_placed(check_id=check.pk, sid="CAlate", by=SCHEDULER, via=Door.WORKER, at=world.at)
    check.refresh_from_db()
    assert check.sid == "CA7"


@given(
    st.integers(0, 365 * 48),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_the_next_check_is_within_a_day_at_that_time_of_the_place(half_hours: int, at_time: time) -> None:
    zone = ZoneInfo("Europe/London")
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * half_hours)
    of = Line(active=True, divert_check_at=at_time, brand=Brand(zone="Europe/London"))
    due = next_check(of, at)
    assert due is not None
    assert timedelta(0) < due - at <= timedelta(hours=25)
    shown = due.astimezone(zone).time()
    assert shown == at_time or datetime(2026, 3, 29, 1, tzinfo=UTC) <= due <= datetime(2026, 3, 29, 2, tzinfo=UTC)
