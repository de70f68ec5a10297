"""A duty is accepted on a telephone's screen, at 375 pixels, through the real server; and its old holder sees it go."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.requires import requires
from tests.system.browser import chromium, sign_in, window
from tests.system.stack import Stack, demo_log_ins, stack, until

pytestmark = requires("chromium")

SOON = """
from datetime import timedelta
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.people.models import Person
from nightdesk.rota.actions import add_override
at = clock.now()
add_override(
    seat_key="desk", kind="add", starts_at=at + timedelta(minutes=20), ends_at=at + timedelta(hours=4),
    member_id=Person.objects.get(name__startswith="Jonas").id, by=SCHEDULER, via=Door.CLI, at=at,
)
"""
"""Jonas takes the desk in twenty minutes, whatever time it is."""


@pytest.fixture(scope="module")
def evening() -> Iterator[tuple[Stack, Browser]]:
    with stack(NIGHTDESK_DEMO="1") as running, chromium() as browser:
        until((running.state / "demo-log-ins.txt").exists, 600, "the demo company is loaded")
        running.cli("shell", "-c", SOON)
        drafted = (
            "SELECT n.id FROM duty_note n JOIN rota_seat s ON s.id = n.seat_id"
            " WHERE s.key = 'desk' AND n.drafted_at IS NOT NULL AND n.closed_at IS NULL"
        )
        until(lambda: running.rows(drafted), 60, "the note is drafted")
        yield running, browser


def signed_in(evening: tuple[Stack, Browser], who: str, width: int) -> Page:
    running, browser = evening
    page = window(browser, running.url, width=width, height=760).new_page()
    sign_in(page, running.url, who, demo_log_ins(running)[who])
    return page


def test_whoever_is_next_reads_the_note_and_takes_it_with_one_button(evening: tuple[Stack, Browser]) -> None:
    running, _browser = evening
    holder = signed_in(evening, "mikael@quayside.example", 1280)
    holder.goto(f"{running.url}/handover/desk/")
    holder.get_by_label("What they must know").fill("The printer sings. Leave it.")
    holder.get_by_role("button", name="Save the note").click()
    expect(holder.get_by_text("It stands in the note.")).to_be_visible()

    phone = signed_in(evening, "jonas@quayside.example", 375)
    phone.get_by_role("link", name="Read the note").first.click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("You take Desk queue at")
    expect(phone.get_by_text("The printer sings. Leave it.")).to_be_visible()
    button = phone.get_by_role("button", name="I take it")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 52
    assert box["y"] + box["height"] <= 760, "the button is on the screen without scrolling"
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    button.click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Desk queue is yours from")
    expect(phone.get_by_role("button", name="I take it")).to_have_count(0)

    holder.goto(f"{running.url}/handover/desk/")
    expect(holder.get_by_text("Accepted", exact=True)).to_be_visible()
    expect(holder.get_by_text(re.compile("Mikael .* has it until .*, then Jonas"))).to_be_visible()
