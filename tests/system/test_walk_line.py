"""The line walked in a browser, with the demo company: by day, by night, by who is known and who is not, without a telephone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.requires import requires
from tests.system.browser import chromium, sign_in, window
from tests.system.stack import Stack, demo_log_ins, stack, until

pytestmark = requires("chromium")

WHO = "ines@quayside.example"
DAY, NIGHT = "2026-11-24T10:30", "2026-11-24T03:00"


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[Stack, Browser]]:
    with stack(NIGHTDESK_DEMO="1") as running, chromium() as browser:
        until((running.state / "demo-log-ins.txt").exists, 600, "the demo company is loaded")
        yield running, browser


@pytest.fixture
def page(office: tuple[Stack, Browser]) -> Page:
    running, browser = office
    page = window(browser, running.url, width=1280).new_page()
    sign_in(page, running.url, WHO, demo_log_ins(running)[WHO])
    page.goto(f"{running.url}/calls/walk")
    return page


def walk(page: Page, at: str) -> None:
    page.get_by_label("When").fill(at)
    page.get_by_role("button", name="Walk it").click()
    expect(page.get_by_role("heading", name="What happens, and why")).to_be_visible()


def calls_in(running: Stack) -> int:
    return int(running.rows("SELECT count(*) FROM calls_call")[0][0])


def test_a_stranger_by_night_leaves_a_message_and_the_reasons_are_read(
    office: tuple[Stack, Browser], page: Page
) -> None:
    running, _browser = office
    before = calls_in(running)
    walk(page, NIGHT)
    expect(page.get_by_role("heading", level=1)).to_have_text("A message is left, and nobody is rung")
    story = page.locator(".walk-rail")
    expect(story).to_contain_text("Out of hours: a message first, so that nobody is woken to take it.")
    expect(story).to_contain_text("What you say is recorded.")
    assert calls_in(running) == before


def test_what_people_do_changes_what_happens(page: Page) -> None:
    walk(page, NIGHT)
    page.get_by_text("What people do").click()
    page.get_by_label("Asked for a message, they").select_option("silent")
    page.get_by_role("button", name="Walk it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A missed call is noted, and nobody is rung")
    expect(page.get_by_label("Asked for a message, they")).to_have_value("silent")


def test_a_customer_is_named_and_a_stranger_to_us_is_refused(office: tuple[Stack, Browser], page: Page) -> None:
    running, _browser = office
    name = str(running.rows("SELECT name FROM customers_customer ORDER BY id LIMIT 1")[0][0])
    page.get_by_label("Who rings").fill(name)
    walk(page, DAY)
    expect(page.get_by_text(f"{name} (a customer)").or_(page.get_by_text("(a customer)")).first).to_be_visible()
    page.get_by_label("Who rings").fill("Nobody of that name")
    page.get_by_role("button", name="Walk it").click()
    expect(page.get_by_text("Nobody is called so.")).to_be_visible()


def test_it_is_walked_by_keyboard_alone(page: Page) -> None:
    page.get_by_label("Who rings").focus()
    page.keyboard.type("020 7946 0000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What happens, and why")).to_be_visible()
