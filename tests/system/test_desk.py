"""The desk's day in a browser: the queue by keyboard, an answer, the second line, resolving, many at once and back, a draft
that survives its tab, and two who write to the same customer.

The program as its users run it, with the demo company; at the width of a desk and of a telephone.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.requires import requires
from tests.system.browser import chromium, sign_in, window
from tests.system.stack import Stack, demo_log_ins, stack, until

pytestmark = requires("chromium")

AGENT, MANAGER, SECOND_LINE = "mikael@quayside.example", "ines@quayside.example", "priya@quayside.example"
SLOW = "Internet at the cold store crawls since this morning"
OLD = (
    b"Case;Headline;Opened on;Status;Requester\r\n"
    b"4711;The old line was cut;14/07/2025 09:00;closed;sara@harbour.example\r\n"
    b"4712;A mailbox for Dev;15/07/2025 10:00;open;dev@harbour.example\r\n"
    b"4713;Nobody knows when;yesterday;open;\r\n"
)
"""Tickets of another desk, whose columns are called as nobody would guess."""
BOUNCE = "Order confirmations do not arrive at gmail.com"
FLAP = "LON-1187 drops for a minute, four times a day"
WIDTHS = (1280, 375)


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[Stack, Browser]]:
    with stack(NIGHTDESK_DEMO="1") as running, chromium() as browser:
        until((running.state / "demo-log-ins.txt").exists, 600, "the demo company is loaded")
        yield running, browser


class Desk:
    """Somebody of the demo company at their screen."""

    def __init__(self, running: Stack, browser: Browser, who: str, width: int = 1280) -> None:
        self.stack = running
        self.context = window(browser, running.url, width=width)
        self.page = self.context.new_page()
        sign_in(self.page, running.url, who, demo_log_ins(running)[who])

    def opens(self, path: str) -> Page:
        self.page.goto(self.stack.url + path)
        return self.page

    def opens_ticket(self, title: str) -> Page:
        (found,) = self.stack.rows("SELECT id FROM desk_ticket WHERE title = %s", title)
        return self.opens(f"/tickets/{found[0]}")

    def another_tab(self) -> None:
        self.page = self.context.new_page()


@pytest.fixture
def at_desk(office: tuple[Stack, Browser]) -> Iterator[Any]:
    seats: list[Desk] = []

    def sit_down(who: str, width: int = 1280) -> Desk:
        seats.append(Desk(*office, who, width))
        return seats[-1]

    yield sit_down
    for seat in seats:
        seat.context.close()


def ticket(running: Stack, title: str, columns: str) -> tuple[Any, ...]:
    return running.rows(f"SELECT {columns} FROM desk_ticket WHERE title = %s", title)[0]


def test_the_next_ticket_is_taken_answered_and_resolved_with_the_keyboard_alone(at_desk: Any) -> None:
    agent = at_desk(AGENT)
    page = agent.opens("/tickets/?view=unassigned")
    page.locator("[data-item]").first.wait_for()
    # What is late by now stands before it, and that depends on the hour.
    for _ in range(page.locator("[data-item]").count()):
        page.keyboard.press("j")
        if SLOW in page.evaluate("document.activeElement.innerText"):
            break
    assert SLOW in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tickets/*-*")
    page.keyboard.press("t")
    expect(page.get_by_text("In progress").first).to_be_visible()
    assert ticket(agent.stack, SLOW, "state") == ("in_progress",)
    page.keyboard.press("r")
    expect(page.get_by_role("textbox", name="Answer")).to_be_focused()
    page.keyboard.type("Hello Sara, we see errors on your port and change the optic within the hour.")
    page.get_by_text("Wait for their answer").click()
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text("Waiting on the customer").first).to_be_visible()
    expect(page.locator("#story")).to_contain_text("change the optic within the hour")
    page.keyboard.press("r")
    box = page.locator("#reply")
    box.get_by_text("It is resolved").click()
    box.get_by_label("What was wrong").fill("An optic at Dock Street failed.")
    box.get_by_label("What was done").fill("We replaced it.")
    box.get_by_label("What they should do").fill("Nothing.")
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#head")).to_contain_text("Resolved")
    assert ticket(agent.stack, SLOW, "state, what_to_do") == ("resolved", "Nothing.")


def test_a_slash_goes_to_the_search_where_one_types_at_once(at_desk: Any) -> None:
    page = at_desk(AGENT).opens("/tickets/?view=all")
    page.locator("[data-item]").first.wait_for()
    page.keyboard.press("/")
    page.wait_for_url("**/search*")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("order confirmations")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=order*")
    expect(page.locator("[data-item]")).to_have_count(1)
    expect(page.locator("[data-item]")).to_contain_text(BOUNCE)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_second_line_sees_the_story_and_says_why_it_writes_itself(at_desk: Any, width: int) -> None:
    engineer = at_desk(SECOND_LINE, width)
    page = engineer.opens_ticket(FLAP)
    expect(page.locator("#story")).to_contain_text("The tunnels need five more minutes")
    page.locator("#reply > summary").click()
    words = f"Is it gone at the same minute on both tunnels? ({width})"
    page.get_by_role("textbox", name="Answer").fill(words)
    page.get_by_text("Question", exact=True).click()
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#story")).to_contain_text(words)
    expect(page.locator("#story")).to_contain_text("Question · level 2")
    kinds = engineer.stack.rows("SELECT contact_kind FROM desk_entry WHERE text = %s", words)
    assert kinds == [("question",)]


@pytest.mark.parametrize("width", WIDTHS)
def test_many_are_given_away_at_once_and_taken_back(at_desk: Any, width: int) -> None:
    manager = at_desk(MANAGER, width)
    mail = "assignee_id IS NULL AND merged_into_id IS NULL AND state IN ('new', 'assigned')"
    before = manager.stack.rows(f"SELECT count(*) FROM desk_ticket WHERE {mail}")[0][0]
    page = manager.opens("/tickets/?view=unassigned")
    rows = page.locator("[data-item]")
    rows.first.wait_for()
    if width > 760:
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.locator("[data-chosen]")).to_have_text("2 chosen")
        page.keyboard.press("a")
        expect(page.get_by_label("What to do with them")).to_be_focused()
    else:
        rows.nth(0).locator("label.pick").click()
        rows.nth(1).locator("label.pick").click()
    page.get_by_label("What to do with them").select_option(label="Amara Okafor")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".undo")).to_contain_text("2 tickets: given to Amara Okafor.")
    assert manager.stack.rows(f"SELECT count(*) FROM desk_ticket WHERE {mail}") == [(before - 2,)]
    if width > 760:
        page.keyboard.press("u")
    else:
        page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back: given to Amara Okafor.")).to_be_visible()
    assert manager.stack.rows(f"SELECT count(*) FROM desk_ticket WHERE {mail}") == [(before,)]


def test_a_draft_survives_its_tab(at_desk: Any) -> None:
    agent = at_desk(AGENT)
    page = agent.opens_ticket(BOUNCE)
    page.locator("#reply > summary").click()
    page.get_by_role("textbox", name="Answer").type("Hello Tom, we set the record for you")
    # Closed before the moment's pause after which it would be kept anyway.
    page.close()
    found = "SELECT text FROM desk_draft d JOIN desk_ticket t ON t.id = d.ticket_id WHERE t.title = %s"
    until(lambda: agent.stack.rows(found, BOUNCE), 10, "the draft is kept")
    agent.another_tab()
    page = agent.opens_ticket(BOUNCE)
    box = page.get_by_role("textbox", name="Answer")
    expect(box).to_have_value("Hello Tom, we set the record for you")
    expect(page.get_by_text(re.compile("Begun at .* and kept for you"))).to_be_visible()
    box.press("End")
    box.type(" today.")
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#story")).to_contain_text("we set the record for you today.")
    until(lambda: not agent.stack.rows(found, BOUNCE), 10, "what was sent is no draft")


def test_two_who_answer_the_same_customer_see_each_other_and_lose_no_words(at_desk: Any) -> None:
    one, other = at_desk(AGENT), at_desk(MANAGER, 375)
    title = "Fax number after the move"
    first, second = one.opens_ticket(title), other.opens_ticket(title)
    expect(first.get_by_text("Ines Duarte has this ticket open too.")).to_be_visible(timeout=60_000)
    second.locator("#reply > summary").click()
    second.get_by_role("textbox", name="Answer").type("Hello Iris, which day is it?")
    expect(first.get_by_text("Ines Duarte is writing here now.")).to_be_visible(timeout=60_000)
    first.locator("#reply > summary").click()
    first.get_by_role("textbox", name="Answer").fill("Hello Iris, the number stays yours.")
    second.get_by_role("button", name="Send it").click()
    expect(second.locator("#story")).to_contain_text("which day is it?")
    # Whoever still writes is told at once, and sending unread is refused with the words kept.
    expect(first.locator("#presence")).to_contain_text("while this was open", timeout=60_000)
    first.get_by_role("button", name="Send it").click()
    expect(first.get_by_role("alert").filter(has_text="Somebody has written meanwhile")).to_be_visible()
    expect(first.get_by_role("textbox", name="Answer")).to_have_value("Hello Iris, the number stays yours.")
    expect(first.locator("#story")).to_contain_text("which day is it?")
    first.get_by_role("button", name="Send it").click()
    expect(first.locator("#story")).to_contain_text("the number stays yours.")


def test_a_caller_is_found_as_one_types_and_told_what_is_promised(at_desk: Any) -> None:
    agent = at_desk(AGENT, 375)
    page = agent.opens("/tickets/new")
    page.get_by_role("searchbox").type("ruth")
    page.get_by_role("link", name="Ruth Abbott").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ruth Abbott calls")
    expect(page.get_by_text("Open for them already")).to_be_visible()
    promised = page.locator("#promised")
    expect(promised).to_contain_text("P3")
    impact = page.get_by_role("group", name="Impact")
    impact.get_by_text("High").click()
    page.get_by_role("group", name="Urgency").get_by_text("High").click()
    expect(promised).to_contain_text("P1", timeout=60_000)
    page.get_by_role("group", name="Urgency").get_by_text("Low").click()
    expect(promised).to_contain_text("P3", timeout=60_000)
    page.get_by_label("In one line").fill("The fax is dead")
    page.get_by_label("What they say").fill("Since this morning nothing comes in.")
    page.get_by_role("button", name="Open the ticket").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The fax is dead")
    assert ticket(agent.stack, "The fax is dead", "came_by, priority") == ("web", 3)


@pytest.mark.parametrize("width", WIDTHS)
def test_old_tickets_are_mapped_looked_at_and_taken_over(at_desk: Any, width: int) -> None:
    manager = at_desk(MANAGER, width)
    rows = OLD.replace(b"471", str(width).encode())
    page = manager.opens("/settings/desk/")
    page.get_by_role("link", name="Take them over").click()
    page.get_by_label("File").set_input_files({"name": "old.csv", "mimeType": "text/csv", "buffer": rows})
    page.get_by_role("button", name="See what it would do").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Say what its columns mean")
    expect(page.get_by_role("alert")).to_contain_text("Nothing says which column is its number")
    for meaning, column in (
        ("Its number there", "Case"),
        ("Title", "Headline"),
        ("When it was opened", "Opened on"),
        ("Email of whoever asked", "Requester"),
    ):
        page.get_by_label(meaning).select_option(column)
    page.get_by_role("button", name="See what it would do now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 tickets would be taken over, 1 line left out")
    expect(page.get_by_text("'yesterday' is no instant")).to_be_visible()
    first = page.locator("[data-item]").first
    expect(first).to_contain_text(f"{width}1 The old line was cut")
    expect(first).to_contain_text("Closed")
    counted = "SELECT count(*) FROM desk_oldnumber WHERE text LIKE %s"
    assert manager.stack.rows(counted, f"{width}_") == [(0,)], "a look writes nothing"
    page.get_by_role("button", name="Take them over").click()
    expect(page.get_by_text("Taken over: 2 new, 0 were here already, 1 lines left out.")).to_be_visible()
    assert manager.stack.rows(counted, f"{width}_") == [(2,)]
    page = manager.opens(f"/tickets/search?q={width}2")
    expect(page.locator("[data-item]")).to_have_count(1)
    expect(page.locator("[data-item]")).to_contain_text("A mailbox for Dev")


def test_what_the_second_line_found_comes_back_and_is_known_or_written_down(at_desk: Any) -> None:
    def finds(answer: str) -> None:
        page = at_desk(SECOND_LINE).opens_ticket(FLAP)
        page.locator("#return_answer > summary").click()
        page.get_by_label("What you found").fill(answer)
        page.get_by_role("button", name="Give it back").click()
        expect(page.get_by_text("It is back with whoever escalated it.")).to_be_visible()

    finds("The patch lead is bent. Push the connector in until it clicks.")
    agent = at_desk(AGENT, 375)
    page = agent.opens("/tickets/")
    page.get_by_role("link", name="Priya Nair found the answer to").click()
    card = page.locator("section", has=page.get_by_role("heading", name="Priya Nair found the answer"))
    expect(card).to_contain_text("Push the connector in until it clicks.")
    card.get_by_role("button", name="I know it now").click()
    expect(page.get_by_text("Good to know.")).to_be_visible()
    expect(card).to_have_count(0)
    learned = "SELECT confirmed_at IS NOT NULL, proposed FROM desk_lesson ORDER BY id"
    assert agent.stack.rows(learned) == [(True, "")]

    box = page.locator("#escalate_ticket")
    box.locator("> summary").click()
    box.get_by_label("To which team").select_option("Night engineers")
    box.get_by_label("What you need of them").fill("It is back.")
    box.get_by_role("button", name="Escalate it").click()
    finds("The other end was bent too.")
    page = agent.opens_ticket(FLAP)
    card = page.locator("section", has=page.get_by_role("heading", name="Priya Nair found the answer"))
    card.get_by_role("link", name="Write it into").first.click()
    text = page.get_by_label("What to do")
    text.fill(text.input_value() + "\n- [ ] Look at both ends of the patch lead\n")
    page.get_by_label("What should change, and why").fill("Both were bent.")
    page.get_by_role("button", name="Propose it").click()
    until(lambda: agent.stack.rows(learned)[1][1], 20, "the lesson knows where it went")
    proposed = "SELECT why, subject_kind FROM knowledge_proposal WHERE id = %s"
    assert agent.stack.rows(proposed, int(agent.stack.rows(learned)[1][1])) == [("Both were bent.", "ticket")]
