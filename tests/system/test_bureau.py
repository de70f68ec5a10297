"""The bureau's desk in a browser: a call by its script with the keyboard alone, until the acknowledgement is seen; and what
somebody who takes messages never sees.

The program as its users run it, with the demo company; at the width of a desk and of a telephone.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.requires import requires
from tests.system.browser import chromium, sign_in, window
from tests.system.stack import Stack, demo_log_ins, stack, until

pytestmark = requires("chromium")

OPERATOR, ENGINEER, MANAGER = "ola@bureau.example", "amara@quayside.example", "ines@quayside.example"
SEEN_WITHIN_S = 5.0
ROOM = 6
"""So many times as long is allowed, on a machine that tests beside."""


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[Stack, Browser]]:
    with stack(NIGHTDESK_DEMO="1") as running, chromium() as browser:
        until((running.state / "demo-log-ins.txt").exists, 600, "the demo company is loaded")
        yield running, browser


@pytest.fixture
def signed_in(office: tuple[Stack, Browser]) -> Iterator[Any]:
    running, browser = office
    contexts = []

    def come(who: str, width: int = 1280) -> Page:
        contexts.append(window(browser, running.url, width=width))
        page = contexts[-1].new_page()
        sign_in(page, running.url, who, demo_log_ins(running)[who])
        return page

    yield come
    for context in contexts:
        context.close()


def begins(page: Page, url: str, client: str, number: str) -> None:
    page.goto(f"{url}/bureau/")
    if page.get_by_role("button", name="Take calls", exact=True).count():
        page.get_by_role("button", name="Take calls", exact=True).click()
        page.get_by_role("button", name="Pause").wait_for()
    page.keyboard.press("n")
    page.get_by_label("For", exact=True).select_option(label=client)
    page.get_by_label("The caller's number").fill(number)
    page.get_by_role("button", name="Take it down").click()
    page.wait_for_url(re.compile(r"/bureau/messages/"))


def asked(page: Page, label: str) -> None:
    """The script has come to that step, and the keyboard is in it."""
    expect(page.locator(".script .here")).to_contain_text(label)
    expect(page.locator(".script .here:focus, .script .here :focus")).to_have_count(1)


def by_the_script(page: Page) -> None:
    """The whole of the demo company's script, with the keyboard alone."""
    asked(page, "Name")
    page.keyboard.type("Sara Lindgren")
    page.keyboard.press("Enter")
    asked(page, "Number to call back")
    page.keyboard.press("Enter")  # it is the one that they ring from
    expect(page.locator(".script .here")).to_contain_text("zero two zero, seven nine four six, zero one one zero")
    expect(page.locator(":focus")).to_contain_text("They say it is right")
    page.keyboard.press("Enter")
    asked(page, "Account")
    page.keyboard.type("hf-100")
    page.keyboard.press("Enter")
    asked(page, "What is wrong")
    expect(page.get_by_text("Harbour Foods").first).to_be_visible()
    page.keyboard.type("The line at the warehouse is dark")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    asked(page, "Who notices it")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    asked(page, "Urgency")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    asked(page, "an engineer rings you back")
    page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_contain_text("Keep it, and pass it on")
    page.keyboard.press("Enter")


def test_a_call_is_taken_by_its_script_and_the_acknowledgement_is_seen_within_five_seconds(
    office: tuple[Stack, Browser], signed_in: Any
) -> None:
    running, _browser = office
    desk = signed_in(OPERATOR)
    begins(desk, running.url, "Quayside Networks", "020 7946 0110")
    expect(desk.get_by_role("heading", level=1)).to_contain_text("this is the night desk")
    by_the_script(desk)
    state = desk.locator("#became [role=status]")
    expect(state).to_be_visible()
    (page_id, ticket_id) = until(
        lambda: running.rows("SELECT page_id, ticket_id FROM calls_bureaumessage ORDER BY began_at DESC LIMIT 1"),
        60,
        "the message is kept",
    )[0]
    assert page_id is not None
    assert ticket_id is not None
    engineer = signed_in(ENGINEER)
    engineer.goto(f"{running.url}/pages/{page_id}")
    engineer.get_by_role("button", name="I've got it").first.click()
    began = time.monotonic()
    expect(desk.locator("#became")).to_contain_text("Amara Okafor has it", timeout=SEEN_WITHIN_S * ROOM * 1000)
    print(f"\nthe acknowledgement was seen after {time.monotonic() - began:.1f} s")
    desk.keyboard.press("w")
    expect(desk.get_by_text("The call is wrapped up.")).to_be_visible()
    promised = running.rows(
        "SELECT m.taken_by, m.call_back_by IS NOT NULL FROM calls_message m"
        " JOIN calls_bureaumessage b ON b.left_id = m.id WHERE b.page_id = %s",
        page_id,
    )
    assert promised == [("Ola Brandt", True)]


def test_a_version_is_tried_and_approved_before_it_is_read(office: tuple[Stack, Browser], signed_in: Any) -> None:
    running, _browser = office
    (script_id,) = running.rows("SELECT id FROM calls_script WHERE name = 'Bank holidays'")[0]
    page = signed_in(MANAGER)
    page.goto(f"{running.url}/bureau/scripts/{script_id}")
    assert not page.get_by_role("button", name="Approve it").count()
    page.get_by_role("button", name="Make a test call").click()
    expect(page.get_by_text("test call").first).to_be_visible()
    by_number = {"Name": "Kim", "What is wrong": "Nothing"}
    for label, said in (("Name", "Kim"), ("Number to call back", "020 7946 0000")):
        asked(page, label)
        page.keyboard.type(by_number.get(label, said))
        page.keyboard.press("Enter")
    page.get_by_role("button", name="They say it is right").click()
    page.get_by_role("button", name="Leave it out").click()
    asked(page, "What is wrong")
    page.keyboard.type("Nothing")
    page.get_by_role("button", name="Next").click()
    page.get_by_text("everybody", exact=True).click()
    page.get_by_role("button", name="Next").click()
    page.get_by_text("It can wait until the morning").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Said").click()
    page.get_by_role("button", name="End the test call").click()
    expect(page.get_by_text("nothing left the house")).to_be_visible()
    page.goto(f"{running.url}/bureau/scripts/{script_id}")
    page.get_by_role("button", name="Approve it").click()
    expect(page.get_by_text("approved", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [1280, 375])
def test_an_operator_is_shown_no_way_to_reach_anybody(
    office: tuple[Stack, Browser], signed_in: Any, width: int
) -> None:
    running, _browser = office
    page = signed_in(OPERATOR, width)
    addresses = [
        address for (address,) in running.rows("SELECT address FROM people_contactmethod WHERE length(address) > 5")
    ]
    ids = [str(one) for (one,) in running.rows("SELECT id FROM calls_bureauclient")]
    messages = [str(one) for (one,) in running.rows("SELECT id FROM calls_bureaumessage WHERE saved_at IS NOT NULL")]
    for path in (
        "/bureau/", "/bureau/messages/", "/bureau/clients/", "/bureau/counts",
        *(f"/bureau/clients/{one}" for one in ids), *(f"/bureau/messages/{one}" for one in messages),
    ):  # fmt: skip
        answer = page.goto(running.url + path)
        assert answer is not None
        assert answer.status == 200, path
        text = page.locator("body").inner_text()
        assert [one for one in addresses if one in text] == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
