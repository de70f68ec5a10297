"""A rota in a browser: turns are changed with their month before one's eyes, saved and undone; two who change them at once;
a swap asked at a desk and taken on a telephone.

The program as its users run it, with the demo company.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.requires import requires
from tests.system.browser import chromium, sign_in, window
from tests.system.stack import Stack, demo_log_ins, stack, until

pytestmark = requires("chromium")

MANAGER, ENGINEER = "ines@quayside.example", "priya@quayside.example"


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[Stack, Browser]]:
    with stack(NIGHTDESK_DEMO="1") as running, chromium() as browser:
        until((running.state / "demo-log-ins.txt").exists, 600, "the demo company is loaded")
        yield running, browser


def at_screen(office: tuple[Stack, Browser], who: str, width: int = 1280) -> Page:
    running, browser = office
    page = window(browser, running.url, width=width).new_page()
    sign_in(page, running.url, who, demo_log_ins(running)[who])
    return page


def turns_begin_at(page: Page, clock: str) -> None:
    page.get_by_label("at", exact=True).fill(clock)


def anchor(running: Stack) -> str:
    query = "SELECT anchor FROM rota_layer JOIN rota_seat seat ON seat.id = seat_id WHERE seat.key = 'night'"
    return str(running.rows(query)[0][0])[-5:]


def test_turns_are_seen_before_they_are_saved_and_undone_after(office: tuple[Stack, Browser]) -> None:
    running, _browser = office
    page = at_screen(office, MANAGER)
    page.goto(f"{running.url}/rota/seat/night/turns")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Nothing: everybody is on as before.")
    expect(preview.get_by_role("listitem").first).to_be_visible()
    turns_begin_at(page, "09:00")
    expect(preview).to_contain_text("instead of")
    assert anchor(running) == "08:00"
    page.get_by_role("button", name="Save the turns").click()
    expect(page.get_by_role("status").filter(has_text="The turns of Night duty are changed.")).to_be_visible()
    assert anchor(running) == "09:00"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The turns are as they were before.")).to_be_visible()
    assert anchor(running) == "08:00"


def test_the_later_of_two_keeps_what_they_typed_and_may_save_it_over_the_first(office: tuple[Stack, Browser]) -> None:
    running, _browser = office
    first, second = at_screen(office, MANAGER), at_screen(office, MANAGER)
    for page in (first, second):
        page.goto(f"{running.url}/rota/seat/night/turns")
    turns_begin_at(first, "10:00")
    first.get_by_role("button", name="Save the turns").click()
    expect(first.get_by_role("button", name="Undo")).to_be_visible()
    turns_begin_at(second, "11:00")
    second.get_by_role("button", name="Save the turns").click()
    expect(second.get_by_text("after you had opened them")).to_be_visible()
    expect(second.get_by_label("at", exact=True)).to_have_value("11:00")
    assert anchor(running) == "10:00"
    second.get_by_role("button", name="Save mine over theirs").click()
    expect(second.get_by_role("button", name="Undo")).to_be_visible()
    assert anchor(running) == "11:00"


def test_a_swap_is_asked_at_a_desk_and_taken_on_a_telephone(office: tuple[Stack, Browser]) -> None:
    running, _browser = office
    asker = at_screen(office, ENGINEER)
    asker.goto(f"{running.url}/rota/seat/desk/swap")
    asker.get_by_label("Whom you ask").select_option(label=name_of(running, MANAGER))
    asker.get_by_role("button", name="Ask", exact=True).click()
    expect(asker.get_by_text("is asked, and you are told what they say")).to_be_visible(timeout=60_000)
    rota_url = asker.url
    taker = at_screen(office, MANAGER, width=375)
    taker.goto(rota_url)
    taker.get_by_role("button", name="Take it", exact=True).click()
    expect(taker.get_by_text("The turn is yours.")).to_be_visible(timeout=60_000)
    ((state, overrides),) = running.rows(
        "SELECT state, (SELECT count(*) FROM rota_swap_overrides WHERE swap_id = swap.id) FROM rota_swap swap"
    )
    assert (state, overrides) == ("done", 1)


def test_a_draft_is_held_against_the_rota_and_published(office: tuple[Stack, Browser]) -> None:
    running, _browser = office
    ((rota, plan),) = running.rows("SELECT rota_id, id FROM rota_plan WHERE state = 'draft'")
    manager = at_screen(office, MANAGER)
    manager.goto(f"{running.url}/rota/{rota}/plans")
    manager.get_by_role("link", name="Plan 1").click()
    expect(manager.get_by_role("heading", name="What changes")).to_be_visible()
    changes = manager.locator("#changes details")
    changes.first.click()
    expect(changes.first.get_by_text("Gets").or_(changes.first.get_by_text("No longer has")).first).to_be_visible()
    reason = manager.get_by_label("Why it should stand all the same")
    if reason.count():
        reason.fill("It was agreed with everybody.")
    manager.get_by_role("button", name="Publish", exact=True).click()
    expect(manager.locator("h1 + small .tag")).to_have_text("published", timeout=60_000)
    query = "SELECT count(*), bool_and(published) FROM rota_plannedshift WHERE plan_id = %s"
    ((count, published),) = running.rows(query, plan)
    assert (count > 0, published) == (True, True)
    until(
        lambda: running.rows("SELECT 1 FROM channels_message WHERE kind = 'duty.plan'"),
        60,
        "whoever it touches is told",
    )


def name_of(running: Stack, email: str) -> str:
    query = "SELECT person.name FROM people_person person JOIN access_user u ON u.id = user_id WHERE u.email = %s"
    return str(running.rows(query, email)[0][0])
