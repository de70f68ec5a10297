"""Every screen can be read and used: at three widths, in both themes, with nothing, with a night's worth and with long words.

axe-core's rules for WCAG 2.2 AA, and what they do not see: a page that scrolls sideways, an error on the console, a rule of
the content security policy broken, a page with no heading of its own or with two. By default every pair of screen, width,
theme and content of the screens of the night is looked at; `NIGHTDESK_FACES=once` looks at each of the others once as well,
and `all` at all there is. The demo's sign-ins and all three contents stand in one Nightdesk, each content in a brand of its own.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from tests.peers.push_service import Browser as PushedBrowser
from tests.requires import requires
from tests.system.brands import PASSWORD
from tests.system.browser import chromium, sign_in, window
from tests.system.phone import SUBSCRIBES_HERE
from tests.system.stack import ROOT, Stack, demo_log_ins, stack, until
from tools.system_parts import find_part

pytestmark = requires("chromium", "axe")

WIDTHS = (375, 768, 1280)
THEMES = ("night", "day")
CONTENTS = ("nothing", "demo", "long")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
NO_ID = 0
NO_UUID = "00000000-0000-7000-8000-000000000000"

OF_THE_NIGHT = {
    "tonight": "/",
    "tickets": "/tickets/?view=open",
    "ticket": "/tickets/{ticket}",
    "story": "/pages/{page}",
    "next": "/next/",
    "journal": "/journal/",
    "person": "/people/{person}",
    "rota": "/rota/{rota}",
    "pocket": "/pocket/",
    "message": "/messages/{delivery}",
    "answer": "/a/{token}",
    "outage room": "/outages/{outage}",
    "tell customers": "/outages/{outage}/tell",
}
OTHERS = {
    "pages": "/pages/",
    "walk the line": "/calls/walk",
    "walked line": "/calls/walk?line=1&at=2026-08-15T03:00&says=silent",
    "entry": "/journal/{entry}",
    "a night": "/journal/night",
    "coming on": "/journal/now",
    "incident reports": "/incidents/",
    "incident report": "/incidents/{incident}/",
    "incident report's words": "/incidents/{incident}/edit",
    "how incidents are reported": "/incidents/rules/{brand}",
    "people": "/people/",
    "messages": "/messages/",
    "providers": "/providers/",
    "public hours": "/hours/{slug}/",
    "mail in": "/mail/",
    "log-in": "/account/login/",
    "code by mail": "/account/login/code/",
    "forgotten password": "/account/password/reset/",
    "how you sign in": "/account/2fa/",
    "page somebody": "/pages/new",
    "rotas": "/rota/",
    "handovers": "/handover/",
    "handover": "/handover/{seat}/",
    "past handovers": "/handover/{seat}/past",
    "working time": "/rota/working-time",
    "load": "/load?first=2026-01-01&last=2026-12-31",
    "pay": "/pay",
    "figures": "/figures?first=2026-01-01&last=2026-12-31",
    "figure": "/figures/of/time_to_resolve?first=2026-11-01&last=2026-11-30",
    "desks side by side": "/figures/desks?first=2026-01-01&last=2026-12-31",
    "figures by mail": "/figures/mails",
    "line figures": "/calls/figures?first=2026-01-01&last=2026-12-31",
    "coverage": "/coverage/",
    "who knows what": "/skills/",
    "new skill": "/skills/new",
    "import skills": "/skills/import",
    "what one must know": "/skills/needs",
    "known by one": "/coverage/known-by-one",
    "newcomers": "/newcomers/",
    "newcomer": "/newcomers/{person}",
    "new rota": "/rota/new",
    "rota's week": "/rota/{rota}?week=2026-03-02",
    "rota's seats": "/rota/{rota}/settings",
    "turns from a file": "/rota/{rota}/import",
    "turns of a seat": "/rota/seat/{seat}/turns",
    "swap a turn": "/rota/seat/{seat}/swap",
    "plans": "/rota/{rota}/plans",
    "wishes for the plan": "/rota/wishes",
    "cover": "/rota/cover",
    "narrowed tickets": "/tickets/?view=all&priority=3&q=e",
    "who calls": "/tickets/new?q=e",
    "new ticket": "/tickets/new?customer={customer}",
    "access request": "/tickets/{access}",
    "desk": "/settings/desk/",
    "desk rules": "/settings/desk/rules/{brand}",
    "team rule": "/settings/desk/teams/{team}",
    "new queue": "/settings/desk/queues/new",
    "queue": "/settings/desk/queues/{queue}",
    "new macro": "/settings/desk/macros/new",
    "macro": "/settings/desk/macros/{macro}",
    "me": "/people/me",
    "new person": "/people/new",
    "let through": "/people/me/let-through",
    "my sessions": "/people/me/sessions",
    "my readings": "/people/me/readings",
    "settings": "/settings/",
    "integrations": "/settings/integrations/",
    "search tickets": "/tickets/search?q=line",
    "calls": "/calls/",
    "call": "/calls/{call}",
    "who rings": "/calls/ringing",
    "what callers left": "/calls/messages/",
    "what a caller left": "/calls/messages/{left}",
    "phone lines": "/settings/lines/",
    "phone line": "/settings/lines/{line}",
    "new phone line": "/settings/lines/new",
    "phone line from its start": "/settings/lines/new?brand={brand}&start=message",
    "change a phone line": "/settings/lines/{line}/change",
    "telephones": "/settings/telephones/",
    "telephone that registers": "/settings/telephones/{telephone}",
    "telephone to register": "/settings/telephones/new",
    "PIN of somebody": "/people/{person}/pin",
    "suppliers": "/settings/suppliers/",
    "new supplier": "/settings/suppliers/new",
    "time worked": "/worked/",
    "what customers thought": "/surveys/",
    "ticket clocks": "/tickets/{ticket}/clocks",
    "second site": "/settings/second-site/",
    "heartbeats": "/settings/heartbeats/",
    "heartbeat": "/settings/heartbeats/{heartbeat}",
    "new heartbeat": "/settings/heartbeats/new",
    "quiet": "/settings/quiet/",
    "new silence": "/settings/quiet/silence",
    "plan work": "/settings/quiet/planned",
    "shadow": "/settings/integrations/{integration}/shadow",
    "new integration": "/settings/integrations/new",
    "what came in": "/settings/came-in/",
    "one that came in": "/settings/came-in/{raw}",
    "mapping": "/settings/integrations/{json}/mapping",
    "rules": "/people/{person}/rules",
    "hours of somebody": "/people/{person}/hours",
    "terms": "/people/{person}/terms",
    "digest": "/people/{person}/digest",
    "mail": "/mail/{mail}",
    "rules for mail": "/settings/integrations/{integration}/rules",
    "mailboxes": "/settings/mail/",
    "mailbox": "/settings/mail/{mailbox}",
    "new mailbox": "/settings/mail/new",
    "new address": "/settings/mail/addresses/new",
    "mail server in front": "/settings/mail/in-front/lmtp",
    "policies": "/settings/policies/",
    "policy": "/settings/policies/{policy}",
    "new policy": "/settings/policies/new",
    "routes": "/settings/routes/",
    "new route": "/settings/routes/new/email",
    "new gateway": "/settings/routes/new/http_sms",
    "new telephone": "/settings/routes/new/twilio_voice",
    "new SMPP": "/settings/routes/new/smpp",
    "new chat": "/settings/routes/new/apprise",
    "new pager network": "/settings/routes/new/snpp",
    "new pager terminal": "/settings/routes/new/tap",
    "tokens": "/settings/tokens/",
    "sessions": "/settings/sessions/",
    "personal data": "/settings/keeping/personal?of=number:%2B441632960001",
    "safe-keeping": "/settings/keeping/",
    "new token": "/settings/tokens/new",
    "brands": "/settings/brands/",
    "brand": "/settings/brands/{brand}",
    "accounts": "/settings/accounts/",
    "account": "/settings/accounts/{user}",
    "customers": "/settings/customers/",
    "customer": "/settings/customers/{customer}",
    "new customer": "/settings/customers/new",
    "import": "/settings/customers/import",
    "all hours": "/settings/hours/",
    "hours": "/settings/hours/{hours}",
    "new hours": "/settings/hours/new",
    "procedures": "/knowledge/",
    "procedure": "/knowledge/procedures/{procedure}",
    "procedure version": "/knowledge/procedures/{procedure}/versions/2",
    "new procedure": "/knowledge/procedures/new",
    "change procedure": "/knowledge/procedures/{procedure}/change",
    "where it fits": "/knowledge/procedures/{procedure}/where",
    "propose a change": "/knowledge/procedures/{procedure}/propose",
    "proposal": "/knowledge/proposals/{proposal}",
    "kind of call": "/knowledge/calls/new",
    "what to say": "/knowledge/sayings/",
    "saying": "/knowledge/sayings/{saying}",
    "briefings": "/knowledge/briefings/",
    "briefing": "/knowledge/briefings/{briefing}",
    "new briefing": "/knowledge/briefings/new",
    "spares": "/knowledge/spares/",
    "spare": "/knowledge/spares/{spare}",
    "new spare": "/knowledge/spares/new",
    "templates": "/knowledge/templates/",
    "template": "/knowledge/templates/{template}",
    "phrase book": "/knowledge/phrases/",
    "phrase": "/knowledge/phrases/{phrase}",
    "new phrase": "/knowledge/phrases/new",
    "outages": "/outages/",
    "something has failed": "/outages/new",
    "who was told": "/outages/{outage}/told",
    "what is noted of an outage": "/outages/{outage}/change",
    "what fails": "/outages/{outage}/parts",
    "how outages are told": "/settings/outages/",
    "rules of outages": "/settings/outages/{brand}",
    "new statement": "/settings/outages/statements/new",
    "statement": "/settings/outages/statements/{statement}",
    "confirm by itself": "/settings/outages/confirm/new",
    "parts": "/settings/parts/",
    "part": "/settings/parts/{part}",
    "new part": "/settings/parts/new",
    "change part": "/settings/parts/{part}/change",
    "what a part needs": "/settings/parts/{part}/needs",
    "what services need": "/settings/parts/services/",
    "what a service needs": "/settings/parts/services/{service}",
    "what would happen if": "/settings/parts/what-if",
    "import tickets": "/settings/desk/import",
    "import parts": "/settings/parts/import",
    "parts from NetBox": "/settings/parts/import/netbox",
    "how they are reached": "/settings/customers/{customer}/reach",
    "work that customers hear of": "/maintenance/",
    "put work down": "/maintenance/new",
    "carriers": "/settings/carriers/",
    "what is agreed about work": "/settings/planned-work/",
    "bureau": "/bureau/",
    "bureau call": "/bureau/messages/{bureau_message}",
    "bureau messages": "/bureau/messages/",
    "bureau clients": "/bureau/clients/",
    "client of the bureau": "/bureau/clients/{bureau_client}",
    "new client of the bureau": "/bureau/clients/new",
    "client's ladder": "/bureau/clients/{bureau_client}/ladder",
    "script": "/bureau/scripts/{script}",
    "new version of a script": "/bureau/scripts/{script}/change",
    "bureau by month": "/bureau/counts",
    "approaches": "/choose/",
    "compare approaches": "/choose/new",
    "approaches side by side": "/choose/{comparison}",
    "change a comparison": "/choose/{comparison}/change",
    "not found": "/no/such/page",
    "refused link": "/a/no-such-link",
}
SCREENS = OF_THE_NIGHT | OTHERS
SIGNED_OUT = {"log-in", "code by mail", "forgotten password", "answer", "public hours", "refused link"}


@dataclass(frozen=True)
class Run:
    """One look at one screen."""

    screen: str
    width: int
    theme: str
    content: str

    def __str__(self) -> str:
        return f"{self.screen}-{self.width}-{self.theme}-{self.content}"

    def pairs(self) -> set[tuple[Any, ...]]:
        """Every two of its four values."""
        return set(combinations((self.screen, self.width, self.theme, self.content), 2))


def grid(screens: Any) -> list[Run]:
    return [Run(*values) for values in product(screens, WIDTHS, THEMES, CONTENTS)]


def runs() -> list[Run]:
    """Those to look at now."""
    if os.environ.get("NIGHTDESK_FACES") == "all":
        return grid(SCREENS)
    every_pair = [
        Run(screen, width, THEMES[(row + column) % 2], CONTENTS[(row + column) % 3])
        for row, screen in enumerate(OF_THE_NIGHT)
        for column, width in enumerate(WIDTHS)
    ]
    if os.environ.get("NIGHTDESK_FACES") != "once":
        return every_pair
    once = [
        Run(screen, WIDTHS[row % 3], THEMES[row % 2], CONTENTS[(row + row // 3) % 3])
        for row, screen in enumerate(OTHERS)
    ]
    return every_pair + once


@dataclass
class Faces:
    """The program with its three contents: what the addresses of each need, and a window of somebody who reads it."""

    stack: Stack
    browser: Browser
    contents: dict[str, dict[str, Any]]
    windows: dict[str, BrowserContext]
    """By content, and "" for somebody who is not signed in. One for all runs, as a browser keeps its style sheet."""

    def path(self, run: Run) -> str:
        """The address; where the content has nothing of the kind, of one that is not there, so that the refusal is seen."""
        missing = dict.fromkeys(
            (
                "page",
                "entry",
                "delivery",
                "mail",
                "raw",
                "ticket",
                "access",
                "outage",
                "incident",
                "call",
                "left",
                "bureau_message",
                "comparison",
            ),
            NO_UUID,
        ) | {
            "token": "none",
            "seat": "none",
        }
        numbered = (
            "person",
            "rota",
            "customer",
            "hours",
            "policy",
            "mailbox",
            "integration",
            "json",
            "heartbeat",
            "team",
            "queue",
            "macro",
            "line",
            "telephone",
        )
        numbered += (
            "procedure",
            "proposal",
            "saying",
            "briefing",
            "spare",
            "template",
            "statement",
            "phrase",
            "part",
            "service",
            "bureau_client",
            "script",
        )
        known: dict[str, Any] = missing | dict.fromkeys(numbered, NO_ID)
        return SCREENS[run.screen].format(**known | self.contents[run.content])

    @contextlib.contextmanager
    def opened(self, run: Run) -> Iterator[Page]:
        """An empty tab of the run's width and theme, in the window of whoever sees that screen."""
        theirs = self.windows["" if run.screen in SIGNED_OUT else run.content]
        theirs.add_cookies([{"name": "theme", "value": run.theme, "url": self.stack.url}])
        with theirs.new_page() as page:
            page.set_viewport_size({"width": run.width, "height": 900})
            page.emulate_media(color_scheme="light" if run.theme == "day" else "dark", reduced_motion="reduce")
            yield page


@pytest.fixture(scope="module")
def faces() -> Iterator[Faces]:
    with stack(NIGHTDESK_DEMO="1") as running, chromium() as browser:
        until((running.state / "demo-log-ins.txt").exists, 600, "the demo company is loaded")
        contents = fill(running)
        windows = {"": window(browser, running.url, width=1280)}
        for name, content in contents.items():
            windows[name] = window(browser, running.url, width=1280)
            with windows[name].new_page() as page:
                sign_in(page, running.url, content["email"], PASSWORD)
        query = "SELECT 1 FROM channels_delivery WHERE state IN ('queued', 'sending') AND due_at < nightdesk_now()"
        until(lambda: not running.rows(query), 20, "what is due has gone to the outbox")
        yield Faces(running, browser, contents, windows)


def fill(running: Stack) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.brands"],
        env=running.environment | {"NIGHTDESK_DATABASE_URL": running.database_url()},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def axe() -> str:
    source = find_part("axe")
    assert source
    return source.read_text(encoding="utf-8")


WATCH = """
    window.refusedByPolicy = [];
    document.addEventListener("securitypolicyviolation", (event) =>
        refusedByPolicy.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
JUDGE = """(rules) => axe.run(document, {runOnly: {type: "tag", values: rules}}).then((result) =>
    result.violations.flatMap((broken) => broken.nodes.map((node) =>
        `${broken.id}: ${node.target.join(" ")}: ${node.failureSummary.split("\\n").slice(1).join("; ").trim()}`)))"""
WIDER = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.body.querySelectorAll("*")].filter((each) => each.getBoundingClientRect().right > room + 1)
        .map((each) => `${each.tagName.toLowerCase()}.${each.className}`);
}"""


def complaints(page: Page, axe: str, address: str) -> dict[str, list[str]]:
    """What is wrong with the screen at `address`, by kind; kinds with nothing wrong are left out."""
    said: list[str] = []
    page.add_init_script(WATCH)
    page.on("pageerror", lambda error: said.append(str(error)))
    # The browser reports the status of a page that was not found as an error too; that page is what we look at.
    page.on("console", lambda it: it.type == "error" and it.location["url"] != address and said.append(it.text))
    page.goto(address)
    page.evaluate(axe)
    headings = page.locator("h1").all_inner_texts()
    found = {
        "axe": page.evaluate(JUDGE, RULES),
        "scrolls sideways": page.evaluate(WIDER),
        "console": said,
        "policy": page.evaluate("refusedByPolicy"),
        "headings": headings if len(headings) != 1 else [],
    }
    if len(headings) == 0:
        found["headings"] = ["there is none"]
    return {kind: what for kind, what in found.items() if what}


@pytest.mark.parametrize("run", runs(), ids=str)
def test_screen_can_be_read_and_used(faces: Faces, axe: str, run: Run) -> None:
    with faces.opened(run) as page:
        wrong = complaints(page, axe, faces.stack.url + faces.path(run))
        assert not wrong, "\n".join(f"{kind}: {each}" for kind, several in wrong.items() for each in several)


def test_every_pair_of_the_screens_of_the_night_is_looked_at() -> None:
    wanted = set().union(*(run.pairs() for run in grid(OF_THE_NIGHT)))
    seen = set().union(*(run.pairs() for run in runs()))
    assert wanted <= seen, sorted(map(str, wanted - seen))


DENIED = "Object.defineProperty(Notification, 'permission', {get: () => 'denied'})"
NO_PUSH = "delete window.PushManager"
IPHONE = "Object.defineProperty(navigator, 'userAgent', {get: () => 'Mozilla/5.0 (iPhone)'}); delete window.PushManager"
NOTICES = {
    "off": ("", "Texts and calls come all the same"),
    "denied": (DENIED, "are blocked here"),
    "unsupported": (NO_PUSH, "has no notifications"),
    "home-screen": (IPHONE, "Add to Home Screen"),
    "failed": ("", "did not answer"),
    "refused": (
        SUBSCRIBES_HERE % json.dumps(PushedBrowser("https://push.example.net/1").subscription),
        "NIGHTDESK_PUBLIC_URL",
    ),
}
"""States of "Notify this phone": what makes the browser so, and words that explain it."""


@pytest.mark.parametrize(("state", "theme"), [(state, THEMES[row % 2]) for row, state in enumerate(NOTICES)])
def test_each_state_of_the_notifications_is_explained(faces: Faces, axe: str, state: str, theme: str) -> None:
    script, words = NOTICES[state]
    run = Run("pocket", 375, theme, "long")  # whoever reads the others is not on the staff list, and has no pocket
    with faces.opened(run) as page:
        page.context.grant_permissions(["notifications"], origin=faces.stack.url)
        if script:
            page.add_init_script(script)
        page.goto(faces.stack.url + faces.path(run))
        if state in ("failed", "refused"):
            page.get_by_role("button", name="Notify this phone").click()
        page.get_by_text(words).wait_for()
        page.evaluate(axe)
        assert page.evaluate(JUDGE, RULES) == []
        assert page.evaluate(WIDER) == []
        buttons = page.locator("[data-push] .btn:visible")
        assert all(box["height"] >= 52 for button in buttons.all() if (box := button.bounding_box()))
        assert buttons.count() == (0 if state in ("denied", "unsupported", "home-screen") else 1)


FOCUS = """() => {
    const here = document.activeElement, style = getComputedStyle(here);
    return {text: here.innerText ?? "", name: here.name ?? "", seen: here === document.body || style.outlineStyle !== "none",
            card: here.closest("article")?.innerText ?? ""};
}"""


def walk(page: Page, arrived: Any, *, steps: int) -> dict[str, Any]:
    """Press Tab until `arrived` says yes to what has the focus; AssertionError after `steps` or where it cannot be seen."""
    for _ in range(steps):
        focus = page.evaluate(FOCUS)
        if arrived(focus):
            return dict(focus)
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["seen"], f"the focus cannot be seen on {focus}"
    raise AssertionError(f"not reached within {steps} tabs; last was {focus}")


def test_page_is_taken_from_the_log_in_on_with_the_keyboard_alone(faces: Faces) -> None:
    faces.stack.cli("demo", "alarm", "Only the keyboard is left")
    with window(faces.browser, faces.stack.url, width=1280) as context:
        page = context.new_page()
        page.goto(f"{faces.stack.url}/account/login/")
        walk(page, lambda focus: focus["name"] == "login", steps=8)
        page.keyboard.type("amara@quayside.example")
        walk(page, lambda focus: focus["name"] == "password", steps=4)
        page.keyboard.type(demo_log_ins(faces.stack)["amara@quayside.example"])
        page.keyboard.press("Enter")
        page.wait_for_url(f"{faces.stack.url}/")
        walk(
            page,
            lambda focus: focus["text"] == "I've got it" and "Only the keyboard is left" in focus["card"],
            steps=80,
        )
        page.keyboard.press("Enter")
        query = "SELECT state FROM paging_page WHERE title = 'Only the keyboard is left'"
        until(lambda: faces.stack.rows(query) == [("acknowledged",)], 10, "the page is taken")


def test_customers_are_told_at_4_am_by_one_thumb_within_a_minute(faces: Faces) -> None:
    with faces.opened(Run("tonight", 375, "night", "demo")) as page:
        began = time.monotonic()
        page.goto(faces.stack.url)
        card = page.locator("article", has=page.get_by_role("link", name="Access switch sw3 at Dock Street is dark"))
        card.get_by_role("link", name="Tell customers").click()
        page.get_by_role("link", name="A part of ours").click()
        page.get_by_text("1 hour ·").click()
        page.get_by_text("will read").first.wait_for()
        send = page.locator("#send")
        assert "people" in send.inner_text()
        box = until(send.bounding_box, 5, "the button stands still")
        assert box["height"] >= 52
        send.click()
        page.get_by_text("It is a part of ours, and we are replacing it.").first.wait_for()
        assert time.monotonic() - began < 60
        said = (
            "SELECT 1 FROM outages_update WHERE published_at IS NOT NULL AND texts::text LIKE '%%we are replacing it%%'"
        )
        assert faces.stack.rows(said)


def test_a_manager_compares_approaches_on_a_phone_by_keyboard_and_thumb(faces: Faces, axe: str) -> None:
    with faces.opened(Run("compare approaches", 375, "day", "demo")) as page:
        page.goto(f"{faces.stack.url}/choose/new")
        page.get_by_label("Name").fill("Next spring")
        group = page.locator("details", has_text="Night shift").locator("summary")
        group.focus()
        page.keyboard.press("Enter")  # what is folded away opens by the keyboard
        page.get_by_label("Wage, an hour").fill("21.50")
        page.get_by_label("Calls an hour").fill("Mon-Fri 18-22 half")
        page.get_by_role("button", name="Compare").click()
        wrong = page.get_by_role("alert").get_by_role("link")
        assert wrong.all_inner_texts() == ["Calls an hour"]
        field = page.get_by_label("Calls an hour")
        assert (field.get_attribute("aria-invalid"), field.input_value()) == ("true", "Mon-Fri 18-22 half")
        said = page.locator(f"#{(field.get_attribute('aria-describedby') or '').split()[0]}, .errors").all_inner_texts()
        assert any("give the calls of an hour as a number" in text for text in said)
        field.fill("Mon-Fri 18-22 0.5\nSat, Sun 09-18 0.3")
        box = page.get_by_role("button", name="Compare").bounding_box()
        assert box is not None
        assert box["height"] >= 52
        page.get_by_role("button", name="Compare").click()
        page.get_by_role("heading", name="Next spring").wait_for()

        plots = page.locator("ul.plot")
        assert plots.count() == 3
        cost = plots.nth(1)
        bars = {
            row.locator(".who").inner_text(): (
                row.locator(".bar-day").evaluate("bar => bar.getBoundingClientRect().width"),
                row.locator(".value").inner_text(),
            )
            for row in cost.locator("li").all()
        }
        assert len(bars) == 6
        pounds = {name: float(value.strip("£").replace(",", "")) for name, (_width, value) in bars.items()}
        widths = {name: width for name, (width, _value) in bars.items()}
        dearest = max(pounds, key=lambda name: pounds[name])
        assert dearest == "Night shift of 2"
        for name, amount in pounds.items():
            assert abs(widths[name] - widths[dearest] * amount / pounds[dearest]) < 1.5
        assert all(text in page.locator("table").first.inner_text() for _width, text in bars.values())
        assert len(page.locator("ul.plot").first.screenshot()) > 2000
        page.evaluate(axe)
        assert page.evaluate(JUDGE, RULES) == []
        assert page.evaluate(WIDER) == []

        shift = page.locator("details", has_text="Night shift of 2")
        shift.locator("summary").click()
        assert "£21.50" in shift.inner_text()
        shift.get_by_role("button", name="This is what we do").click()
        page.get_by_text("Night shift is what you do.").first.wait_for()
        page.get_by_role("button", name="Copy").click()
        page.get_by_label("Name").wait_for()
        assert page.get_by_label("Name").input_value() == "Next spring (copy)"
        page.get_by_role("button", name="Compare").click()
        page.get_by_role("button", name="Delete").click()
        page.get_by_text("Next spring (copy) is deleted.").wait_for()
        page.keyboard.press("u")
        page.get_by_text("Next spring (copy) is back.").first.wait_for()


DRAWN = """async (shot) => {
    const image = await createImageBitmap(await (await fetch("data:image/png;base64," + shot)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const seen = new Map();
    for (const dot of new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer))
        seen.set(dot, (seen.get(dot) ?? 0) + 1);
    return 1 - Math.max(...seen.values()) / (image.width * image.height);
}"""
"""The share of a picture that is not its commonest colour."""


def drawn(faces: Faces, part: Locator) -> float:
    """How much of the part is drawn on, by a picture of it."""
    shot = base64.b64encode(part.screenshot()).decode()
    with window(faces.browser, faces.stack.url, width=400) as context, context.new_page() as blank:
        return float(blank.evaluate(DRAWN, shot))


@pytest.mark.parametrize("theme", ["day", "night"])
def test_a_night_is_read_noted_in_and_searched(faces: Faces, theme: str) -> None:
    with faces.opened(Run("a night", 375, theme, "demo")) as page:
        page.goto(f"{faces.stack.url}/journal/night")
        note = f"The fan in rack 3 hums, {theme}"
        page.get_by_label("Note something").fill(note)
        page.keyboard.press("Enter")
        noted = page.locator("li", has_text=note)
        noted.wait_for()
        shifts = page.locator("section", has=page.locator("ul.list"))
        assert shifts.count() >= 1
        assert 0.02 < drawn(faces, noted) < 0.6, "it can be seen, on a ground that is one colour"
        noted.get_by_role("link").first.click()
        page.get_by_text(note).first.wait_for()
        assert "/journal/" in page.url, "an entry has an address of its own"
        page.goto(f"{faces.stack.url}/journal/?q=hums+{theme}")
        assert page.locator("ul.list li").count() == 1
        assert page.evaluate(WIDER) == []


def test_a_report_is_read_written_on_and_taken_away_as_a_file(faces: Faces, axe: str) -> None:
    with faces.opened(Run("incident report", 1280, "day", "demo")) as page:
        address = faces.stack.url + SCREENS["incident report"].format(**faces.contents["demo"])
        page.goto(address)
        timeline = page.locator("section", has=page.get_by_role("heading", name="Timeline")).locator("table")
        lines = timeline.locator("tbody tr")
        count = lines.count()
        assert count >= 2
        assert 0.02 < drawn(faces, timeline) < 0.6
        when = [time.get_attribute("datetime") for time in timeline.locator("tbody time").all()]
        assert when == sorted(when, key=str), "oldest first"
        page.get_by_role("link", name="Write on it").click()
        assert page.locator("input[type=datetime-local]").count() == 1, "only a line of one's own has a time to type"
        page.get_by_label("Cause").fill("A fan had stopped.")
        page.get_by_role("button", name="Save a new version").click()
        page.get_by_text("A fan had stopped.").first.wait_for()
        assert lines.count() == count
        for name, begins in (("As PDF", b"%PDF"), ("As Markdown", b"# "), ("As HTML", b"<!doctype html>")):
            with page.expect_download() as taking:
                page.get_by_role("link", name=name).click()
            assert taking.value.path().read_bytes().lower().startswith(begins.lower()), name
        page.evaluate(axe)
        assert page.evaluate(JUDGE, RULES) == []


@pytest.mark.parametrize(("width", "theme"), [(375, "night"), (1280, "day")])
def test_a_figure_is_drawn_and_its_numbers_stand_beside(faces: Faces, width: int, theme: str) -> None:
    with faces.opened(Run("figure", width, theme, "demo")) as page:
        page.goto(f"{faces.stack.url}/figures/of/answered_12s")
        plot = page.locator("svg.bars")
        bars = plot.locator("g rect:first-of-type")
        heights = [bar.bounding_box()["height"] for bar in bars.all()]  # type: ignore[index]
        words = plot.locator("title").all_text_contents()
        rows = page.locator("section", has=page.get_by_role("heading", name="The same in numbers")).locator("tbody tr")
        table = {row.locator("th").inner_text(): row.locator("td").first.inner_text() for row in rows.all()}
        assert 2 <= len(words) <= len(table)
        whole = plot.bounding_box()
        assert whole is not None
        for height, text in zip(heights, words, strict=True):
            name, _colon, value = text.rpartition(": ")
            assert table[name] == value, "what is drawn is what stands in the table"
            share = float(value.removesuffix("%").strip()) / 100
            assert abs(height / whole["height"] - max(share, 0.03)) < 0.015
        assert 0.05 < drawn(faces, plot) < 0.95
        assert page.evaluate(WIDER) == []
