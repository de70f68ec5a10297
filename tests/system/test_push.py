"""A page reaches a phone's lock screen, is taken by its button, and leaves the other phones with a sentence.

The program as its users run it, Chromium with the real service worker, and a push service on loopback.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.peers.push_service import PushService
from tests.requires import requires
from tests.system.browser import FLAGS, chromium
from tests.system.night import AL, BO, Night, night
from tests.system.phone import Phone, phone
from tests.system.stack import until
from tools.system_parts import find_part

pytestmark = requires("chromium")


@pytest.fixture(scope="module")
def push_service() -> Iterator[PushService]:
    with PushService() as running:
        yield running


@pytest.fixture(scope="module")
def tonight() -> Iterator[Night]:
    with night(push_here=True) as staged:
        yield staged


@pytest.fixture(scope="module")
def phones(tonight: Night, push_service: PushService) -> Iterator[dict[str, Phone]]:
    password = tonight.staged["password"]
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        found = {
            email: stack.enter_context(phone(browser, tonight.stack.url, push_service, email, password))
            for email in (BO, AL)
        }
        for one in found.values():
            one.add()
            _push, told = one.next_push()
            assert told["kind"] == "contact.test"
        yield found


def alarm(tonight: Night, words: str) -> None:
    key = tonight.staged["keys"]["generic"]
    body = {"summary": words, "dedup_key": words, "severity": "critical"}
    assert tonight.stack.post(f"/hooks/generic/{key}", body)[0] // 100 == 2


def page_of(tonight: Night, words: str) -> tuple[Any, ...]:
    """State and owner of the page."""
    query = (
        "SELECT p.state, o.name FROM paging_page p LEFT JOIN people_person o ON o.id = p.owner_id WHERE p.title = %s"
    )
    return tonight.stack.rows(query, words)[0]


def ledger(tonight: Night, words: str, kind: str = "page.rung") -> list[tuple[Any, ...]]:
    """State of every push about the page."""
    return tonight.stack.rows(
        "SELECT d.state FROM channels_delivery d JOIN channels_message m ON m.id = d.message_id "
        "JOIN paging_page p ON p.id::text = d.subject_id WHERE d.channel = 'push' AND m.kind = %s AND p.title = %s",
        kind,
        words,
    )


def test_page_is_shown_and_taken_by_the_button_of_the_notification(tonight: Night, phones: dict[str, Phone]) -> None:
    bo = phones[BO]
    alarm(tonight, "sw2 at Dock Street does not answer")
    push, told = bo.next_push()
    assert push.headers["urgency"] == "high"
    until(lambda: ledger(tonight, "sw2 at Dock Street does not answer") == [("accepted",)], 5, "the service has it")
    (shown,) = [one for one in bo.deliver(told) if one["tag"] == told["tag"]]
    assert shown["title"] == "P1 sw2 at Dock Street does not answer"
    assert shown["actions"] == ["I've got it", "Wake next"]
    assert shown["requireInteraction"]
    assert not shown["silent"]
    until(lambda: ledger(tonight, "sw2 at Dock Street does not answer") == [("delivered",)], 10, "it says it was shown")
    assert bo.press(told["tag"], "acknowledge") == []
    assert page_of(tonight, "sw2 at Dock Street does not answer") == ("acknowledged", "Bo Lindqvist")
    assert ledger(tonight, "sw2 at Dock Street does not answer") == [("read",)]
    doors = tonight.stack.rows(
        "SELECT via FROM journal_entry WHERE kind = 'page.acknowledged' ORDER BY at DESC LIMIT 1"
    )
    assert doors == [("push",)]
    (shown,) = [one for one in bo.showing("You have it") if one["tag"] == told["tag"]]
    assert (shown["actions"], shown["silent"], shown["requireInteraction"]) == ([], True, False)
    _push, told = bo.next_push()
    assert (told["kind"], told["title"], told["tag"]) == ("page.over", "You have it", shown["tag"])


def test_other_phones_are_told_who_has_it_and_a_late_button_says_so_too(
    tonight: Night, phones: dict[str, Phone]
) -> None:
    bo, al = phones[BO], phones[AL]
    alarm(tonight, "core at Mill Lane is down")
    _push, at_bo = bo.next_push()
    bo.deliver(at_bo)
    assert bo.press(at_bo["tag"], "escalate") == []
    bo.showing("The next is being woken")
    assert page_of(tonight, "core at Mill Lane is down") == ("triggered", None)
    _push, at_al = al.next_push()
    al.deliver(at_al)
    assert al.press(at_al["tag"], "acknowledge") == []
    al.showing("You have it")
    push, over = bo.next_push()
    assert over["kind"] == "page.over"
    assert over["title"].startswith("Al Moreau took it at ")
    assert push.headers["topic"] == at_bo["tag"]
    (shown,) = [one for one in bo.deliver(over) if one["tag"] == at_bo["tag"]]
    assert (shown["title"], shown["actions"], shown["silent"]) == (over["title"], [], True)
    bo.deliver(at_bo)
    assert bo.press(at_bo["tag"], "acknowledge") == []
    bo.showing("Al Moreau took it at ")
    assert page_of(tonight, "core at Mill Lane is down") == ("acknowledged", "Al Moreau")


def test_an_answer_without_a_network_waits_for_one_and_says_that_it_waits(
    tonight: Night, phones: dict[str, Phone]
) -> None:
    bo = phones[BO]
    alarm(tonight, "fibre to the harbour is cut")
    _push, told = bo.next_push()
    bo.deliver(told)
    until(lambda: ledger(tonight, "fibre to the harbour is cut") == [("delivered",)], 10, "it was shown")
    bo.worker.evaluate(
        "() => { self.there = self.fetch; self.fetch = async () => { throw new TypeError('no network'); } }"
    )
    try:
        assert bo.press(told["tag"], "acknowledge") == []
        bo.showing("No connection")
        assert page_of(tonight, "fibre to the harbour is cut") == ("triggered", None)
        assert bo.fire("sync") == ["Error: There is still no network."]
    finally:
        bo.worker.evaluate("() => { self.fetch = self.there; }")
    assert bo.fire("sync") == []
    bo.showing("You have it")
    assert page_of(tonight, "fibre to the harbour is cut") == ("acknowledged", "Bo Lindqvist")
    assert bo.fire("sync") == [], "it is kept no longer"


def test_an_answer_that_waited_too_long_takes_nothing(tonight: Night, phones: dict[str, Phone]) -> None:
    bo = phones[BO]
    while bo.service.pushes.all(lambda push: bo.browser.endpoint.endswith(push.path))[bo._got :]:
        bo.next_push()
    alarm(tonight, "mail queue grows on mx3")
    told = {"kind": ""}
    while told["kind"] != "page.rung":
        _push, told = bo.next_push()
    bo.deliver(told)
    bo.worker.evaluate(
        "() => { self.there = self.fetch; self.fetch = async () => { throw new TypeError('no network'); } }"
    )
    bo.press(told["tag"], "acknowledge")
    bo.showing("No connection")
    bo.worker.evaluate(
        "() => { self.fetch = self.there; self.then = Date.now; Date.now = () => self.then() + 601000; }"
    )
    assert bo.fire("sync") == []
    bo.worker.evaluate("() => { Date.now = self.then; }")
    bo.showing("did not go in time")
    assert page_of(tonight, "mail queue grows on mx3") == ("triggered", None)


def test_page_of_ones_own_shows_the_phone_and_signing_out_there_ends_it(
    tonight: Night, phones: dict[str, Phone]
) -> None:
    al = phones[AL]
    al.page.goto(f"{tonight.stack.url}/people/me")
    al.page.get_by_role("heading", name="This device is notified").wait_for()
    assert al.page.get_by_text("Chrome on Linux").first.is_visible()
    al.page.goto(f"{tonight.stack.url}/account/logout/")
    al.page.get_by_role("button", name="Sign out").first.click()
    al.page.wait_for_url(lambda there: "/logout" not in there)
    left = tonight.stack.rows("SELECT count(*) FROM channels_device WHERE endpoint = %s", al.browser.endpoint)
    assert left == [(0,)]


def test_chromium_would_install_it(tonight: Night, phones: dict[str, Phone], tmp_path: Path) -> None:
    chromium_itself = phones[BO].page.context.browser
    assert chromium_itself is not None
    kept = chromium_itself.browser_type.launch_persistent_context(
        tmp_path, executable_path=str(find_part("chromium")), args=list(FLAGS)
    )
    with kept:  # in a private window, as the others are, nothing can be installed
        page = kept.new_page()
        page.goto(f"{tonight.stack.url}/account/login/")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        devtools = kept.new_cdp_session(page)
        assert devtools.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
        assert devtools.send("Page.getAppManifest")["errors"] == []
