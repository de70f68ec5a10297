"""Duty as a calendar: what stands in it, and that it does not change when nothing has."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import RequestFactory
from icalendar import Calendar

from nightdesk.base import clock
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.duty import actions, api, feed, feed_actions, queries, seat_actions
from nightdesk.duty.tests.nights import DAY, HOUR, MINUTE, Nights, wired
from nightdesk.people.models import Person, Team
from nightdesk.rota.actions import cancel_override, set_layers
from nightdesk.rota.comparing import changes_of_plan
from nightdesk.rota.import_actions import import_turns
from nightdesk.rota.models import Rota
from nightdesk.rota.queries import load_rota

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIX = NOON + 6 * HOUR


@pytest.fixture(autouse=True)
def wiring() -> Iterator[None]:
    with wired():
        yield


@pytest.fixture
def nights() -> Nights:
    """Al and Bo take turns of a day at 18:00."""
    nights = Nights(NOON - 2 * DAY)
    nights.rota()
    nights.layers(nights.daily("Al", "Bo"))
    nights.first("Al")
    nights.until(NOON)
    return nights


def turns_of(nights: Nights, name: str) -> list[feed.FeedTurn]:
    found = queries.feed_turns("person", nights.person(name), nights.at)
    assert found is not None
    return found[1]


def fetch(nights: Nights, token: str, at: datetime | None = None, **headers: str) -> HttpResponse:
    with clock.replaced_by(lambda: at or nights.at):
        answer = api.duty_feed(RequestFactory().get("/", headers=headers), token)
    assert isinstance(answer, HttpResponse)
    return answer


def test_it_shows_what_was_held_and_what_is_planned(nights: Nights) -> None:
    nights.until(SIX + HOUR)
    turns = turns_of(nights, "Bo")
    assert [(turn.start, turn.end, turn.held) for turn in turns[:3]] == [
        (SIX, SIX + DAY, True),
        (SIX + 2 * DAY, SIX + 3 * DAY, False),
        (SIX + 4 * DAY, SIX + 5 * DAY, False),
    ]
    assert all(turn.name == "Bo" for turn in turns)
    assert SIX + 365 * DAY < turns[-1].end <= datetime(2027, 4, 1, tzinfo=UTC)


def test_the_events_of_everybody_tile_the_rotas_calendar(nights: Nights) -> None:
    found = queries.feed_turns("rota", Rota.objects.get().id, nights.at)
    assert found is not None
    title, turns = found
    assert title == "Nights"
    assert all(one.end == other.start for one, other in pairwise(turns))
    assert {turn.name for turn in turns} == {"Al", "Bo"}


def test_an_event_keeps_its_uid_when_the_turn_that_was_planned_is_held(nights: Nights) -> None:
    before = {feed.uid_of(turn) for turn in turns_of(nights, "Bo")}
    nights.until(SIX + HOUR, late=MINUTE)
    held = [turn for turn in turns_of(nights, "Bo") if turn.held]
    assert [feed.uid_of(turn) in before for turn in held] == [True]


def test_what_was_passed_by_hand_is_in_the_receivers_calendar_until_the_next_turn(nights: Nights) -> None:
    actions.pass_duty(seat_key="night", to_person_id=nights.person("Cy"), **nights.by("Al"))
    (turn,) = turns_of(nights, "Cy")
    assert (turn.start, turn.end, turn.held) == (NOON, SIX, True)
    assert turns_of(nights, "Al")[0].end == NOON


def test_a_turn_of_ones_team_is_in_ones_calendar_under_its_name(nights: Nights) -> None:
    team = Team.objects.create(brand=nights.brand, name="Desk")
    team.members.set([nights.person("Cy")])
    al = {"person": nights.person("Al")}
    nights.layers({"members": [al, {"team": team.id}], "anchor": "2026-03-01T18:00", "turn": "day"})
    assert turns_of(nights, "Cy")[0] == feed.FeedTurn("night", "Night", "Nights", "Desk", SIX, SIX + DAY, False, "Al")


def test_it_reads_as_a_calendar_that_leaves_people_free(nights: Nights) -> None:
    answer = fetch(nights, feed.feed_token("person", nights.person("Al")))
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    raw = answer.content
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75
    calendar: Any = Calendar.from_ical(raw)
    assert (calendar["method"], calendar["version"]) == ("PUBLISH", "2.0")
    events = calendar.walk("VEVENT")
    assert {str(event["transp"]) for event in events} == {"TRANSPARENT"}
    assert {event["dtstart"].dt.utcoffset() for event in events} == {timedelta(0)}
    assert b"DTSTART:20260303T180000Z" in raw
    assert len({str(event["uid"]) for event in events}) == len(events) > 180


def test_a_caller_who_has_it_is_told_so_until_it_changes(nights: Nights) -> None:
    token = feed.feed_token("person", nights.person("Al"))
    first = fetch(nights, token)
    again = fetch(nights, token, NOON + HOUR, If_None_Match=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert fetch(nights, token, NOON + HOUR).content != first.content  # it says when it was asked
    nights.override("add", SIX + DAY, SIX + 2 * DAY, member_id=nights.person("Cy"))
    changed = fetch(nights, token, If_None_Match=first["ETag"])
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_only_its_own_address_opens_it(nights: Nights) -> None:
    al, bo = (feed.feed_token("person", nights.person(name)) for name in ("Al", "Bo"))
    forged = al.split(":")[0] + ":" + bo.split(":")[1]
    for token in (
        "",
        "x",
        "x:y",
        forged,
        al[:-1],
        feed.feed_token("person", 99999999),
        feed.feed_token("rota", 99999999),
    ):
        assert fetch(nights, token).status_code == 404
    Person.objects.filter(name="Al").update(active=False)
    assert fetch(nights, al).status_code == 404
    assert fetch(nights, bo).status_code == 200


def in_feed(nights: Nights, token: str) -> dict[str, tuple[str, int]]:
    """UID -> (status, sequence) of each event."""
    calendar: Any = Calendar.from_ical(fetch(nights, token).content)
    return {str(event["uid"]): (str(event["status"]), int(event["sequence"])) for event in calendar.walk("VEVENT")}


def test_a_turn_that_vanishes_is_called_off_where_it_was_given_out_and_comes_back_with_the_next_number(
    nights: Nights,
) -> None:
    bo, cy = (feed.feed_token("person", nights.person(name)) for name in ("Bo", "Cy"))
    uid = feed.uid_of(turns_of(nights, "Bo")[0])
    assert in_feed(nights, bo)[uid] == ("CONFIRMED", 0)
    taken = nights.override("replace", SIX, SIX + DAY, member_id=nights.person("Cy"), instead_of_id=nights.person("Bo"))
    assert in_feed(nights, bo)[uid] == ("CANCELLED", 1)
    assert in_feed(nights, bo)[uid] == ("CANCELLED", 1)
    assert in_feed(nights, cy)[uid] == ("CONFIRMED", 0)
    cancel_override(override_id=taken, **nights.doing)
    assert in_feed(nights, bo)[uid] == ("CONFIRMED", 2)
    assert in_feed(nights, cy)[uid] == ("CANCELLED", 1)
    nights.until(SIX + 33 * DAY)
    assert uid not in in_feed(nights, cy)


def test_a_new_address_revokes_the_one_before(nights: Nights) -> None:
    al = nights.person("Al")
    old = queries.feed_address("person", al)
    assert fetch(nights, old).status_code == 200
    feed_actions.renew_feed(whose="person", id_=al, **nights.by("Al"))
    new = queries.feed_address("person", al)
    assert (fetch(nights, old).status_code, fetch(nights, new).status_code) == (404, 200)
    with pytest.raises(Forbidden):
        feed_actions.renew_feed(whose="person", id_=al, **nights.by("Bo"))
    with pytest.raises(Forbidden):
        feed_actions.renew_feed(whose="rota", id_=Rota.objects.get().id, **nights.by("Al"))
    feed_actions.renew_feed(whose="rota", id_=Rota.objects.get().id, **nights.by("Mo", "manager"))


@pytest.mark.parametrize("zone", ["Europe/London", "America/Chicago", "Australia/Lord_Howe", "Australia/Sydney"])
def test_what_is_exported_and_read_in_again_gives_the_same_turns_across_every_change_of_clocks(zone: str) -> None:
    nights = Nights(NOON)
    rota_id = nights.rota(zone=zone)
    restrict = [{"weekdays": [0, 1, 2, 3, 4, 5, 6], "opens": "18:00", "closes": "02:30"}]
    nights.layers(nights.daily("Al", "Bo", "Cy", restrict=restrict))
    before = load_rota(rota_id)
    content = fetch(nights, queries.feed_address("rota", rota_id)).content
    end = NOON + 300 * DAY
    set_layers(seat_key="night", layers=[], **nights.doing)
    result = import_turns(rota_id=rota_id, content=content, **nights.doing)
    assert (result.problems, result.turns > 300) == ([], True)
    start = SIX + DAY  # what is held until the next change is the holder's
    assert changes_of_plan(before, load_rota(rota_id), "night", start, end) == []


def test_a_seat_that_is_removed_ends_its_duty_and_stays_on_record(nights: Nights) -> None:
    nights.until(SIX + HOUR)
    with pytest.raises(Forbidden):
        seat_actions.remove_seat(seat_key="night", **nights.by("Bo"))
    seat_actions.remove_seat(seat_key="night", **nights.by("Mo", "manager"))
    gone_at = nights.at
    nights.until(gone_at + HOUR)
    assert queries.who_is_on(nights.at, {nights.brand.id}, now=nights.at) == []
    (then,) = queries.who_is_on(gone_at - MINUTE, {nights.brand.id}, now=nights.at)
    assert (then.person_name, then.until) == ("Bo", gone_at)
    (earlier,) = queries.who_is_on(NOON, {nights.brand.id}, now=nights.at)
    assert (earlier.person_name, earlier.until, earlier.next_person_name) == ("Al", SIX, "Bo")
    nights.until(gone_at + 3 * DAY)  # no promise of the seat is left to fall due
    with pytest.raises(NotFound):
        seat_actions.remove_seat(seat_key="night", **nights.by("Mo", "manager"))


def test_a_seat_that_something_rings_is_not_removed(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_actions, "NEEDED_BY", [lambda key: [f"the policy of {key}"]])
    with pytest.raises(IllegalTransition, match="the policy of night"):
        seat_actions.remove_seat(seat_key="night", **nights.doing)
    assert nights.holder() == "Al"


def who(nights: Nights, *arguments: str) -> str:
    out = StringIO()
    with clock.replaced_by(lambda: nights.at):
        call_command("who", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_who_is_on_and_who_comes_next(nights: Nights) -> None:
    assert who(nights) == "Nights / Night: Al until 2026-03-02T18:00+00:00, then Bo\n"
    assert "Night: Bo (planned)" in who(nights, "--at", "2026-03-02T20:00Z")
    (duty,) = json.loads(who(nights, "--json", "--brand", nights.brand.slug))
    assert (duty["seat_key"], duty["person_name"], duty["held"]) == ("night", "Al", True)
    assert datetime.fromisoformat(duty["until"]) == SIX


def test_the_command_refuses_what_it_cannot_read(nights: Nights) -> None:
    for at in ("tonight", "2026-03-02T20:00"):
        with pytest.raises(Invalid):
            who(nights, "--at", at)
    with pytest.raises(NotFound):
        who(nights, "--brand", "nobody")
