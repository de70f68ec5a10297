"""A visitor answers by the button of a notification and by the link in a text: the program as its users run it, Chromium with
the real service worker, a push service and an SMS provider on loopback.
"""

import re
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.peers.push_service import PushService
from tests.requires import requires
from tests.system.browser import chromium
from tests.system.night import AL, AL_PHONE, BO_PHONE, Night, night
from tests.system.phone import Phone, phone
from tests.system.stack import until
from tests.system.test_alarm_to_person import press_the_button

pytestmark = requires("chromium")
SITE = {"name": "Mill Lane", "address": "1 Mill Lane, Leeds"}


@pytest.fixture
def tonight() -> Iterator[Night]:
    with night(push_here=True, sites=[SITE]) as staged:
        yield staged


@pytest.fixture
def als_phone(tonight: Night) -> Iterator[Phone]:
    with (
        PushService() as service,
        chromium() as browser,
        phone(browser, tonight.stack.url, service, AL, tonight.staged["password"]) as mine,
    ):
        mine.add()
        assert mine.next_push()[1]["kind"] == "contact.test"
        yield mine


def leaves(tonight: Night) -> None:
    tonight.stack.cli(
        "visit", "go", "Mill Lane", "--who", "Al Moreau", "--watcher", "Bo Lindqvist", "--why", "Swap a card",
        "--travel", "60", "--work", "60", "--json",
    )  # fmt: skip


def visit(tonight: Night) -> dict[str, Any]:
    names = ("state", "sign", "asked_at", "alarm")
    (row,) = tonight.stack.rows(f"SELECT {', '.join(names)} FROM safety_visit")
    return dict(zip(names, row, strict=True))


def doors_of(tonight: Night, kind: str) -> list[str]:
    return [via for (via,) in tonight.stack.rows("SELECT via FROM journal_entry WHERE kind = %s ORDER BY at", kind)]


def next_question(tonight: Night, mine: Phone) -> dict[str, Any]:
    """Half an hour goes by; the notification that asks, shown."""
    tonight.jump(timedelta(minutes=30))
    told = {"kind": ""}
    while told["kind"] != "visit.ask":
        _push, told = mine.next_push()
    mine.deliver(told)
    return told


def test_a_button_of_the_notification_is_a_check_in_and_another_calls_for_help(
    tonight: Night, als_phone: Phone
) -> None:
    leaves(tonight)
    told = next_question(tonight, als_phone)
    (shown,) = [one for one in als_phone.showing("are you well") if one["tag"] == told["tag"]]
    assert (shown["title"], shown["requireInteraction"]) == ("Site visit Mill Lane: are you well?", True)
    assert visit(tonight)["asked_at"] is not None
    assert als_phone.press(told["tag"], "acknowledge") == []
    als_phone.showing("Thank you. You are asked again at")
    assert visit(tonight) == {"state": "out", "sign": "check_in", "asked_at": None, "alarm": ""}
    assert doors_of(tonight, "visit.seen") == ["push"]

    told = next_question(tonight, als_phone)
    assert als_phone.press(told["tag"], "decline") == []
    until(lambda: tonight.texts_to(BO_PHONE, "HELP: Al Moreau at Mill Lane"), 20, "the watcher has the note")
    assert (visit(tonight)["alarm"], doors_of(tonight, "visit.help")) == ("help", ["push"])


def test_the_link_in_the_text_is_a_check_in_once_its_button_is_pressed_and_opening_it_is_nothing(
    tonight: Night,
) -> None:
    leaves(tonight)
    tonight.jump(timedelta(minutes=30))
    until(lambda: tonight.texts_to(AL_PHONE, "are you well"), 20, "Al is asked by text")
    (text,) = tonight.texts_to(AL_PHONE, "are you well")
    found = re.search(r"http\S+/a/\S+", text.body)
    assert found, text.body
    for _ in range(3):  # previews and scanners open links too
        with urllib.request.urlopen(found.group(), timeout=10) as answer:
            assert "I am well" in answer.read().decode()
    asked = visit(tonight)
    assert (asked["sign"], asked["asked_at"] is not None) == ("began", True), "nobody has answered"
    assert "Thank you. You are asked again at" in press_the_button(found.group(), "I am well")
    assert visit(tonight) == {"state": "out", "sign": "check_in", "asked_at": None, "alarm": ""}
    assert doors_of(tonight, "visit.seen") == ["link"]
    (event,) = tonight.stack.rows("SELECT via, counted FROM safety_visitevent WHERE kind = 'check_in'")
    assert event == ("link", True)
