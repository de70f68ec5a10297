"""The customers' pages in a browser: a day of one contact at phone width, and every page by axe-core's rules."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.peers.push_service import PushService
from tests.requires import requires
from tests.system.browser import chromium, window
from tests.system.customer import PASSWORD, STATUS_HOST
from tests.system.phone import SUBSCRIBES_HERE, Phone
from tests.system.stack import ROOT, Stack, stack, until
from tests.test_faces import axe, complaints

__all__ = ["axe"]
pytestmark = requires("chromium", "axe")

SCREENS = (
    "/my/",
    "/my/tickets/",
    "/my/tickets/?q=nothing+like+it",
    "/my/tickets/new",
    "/my/tickets/{ticket}/",
    "/my/outages/",
    "/my/outages/{outage}/",
    "/my/outages/feeds",
    "/my/service/?first=2026-01-01&last=2026-12-31",
    "/status/{brand}/",
    "/status/{brand}/history/",
    "/status/{brand}/subscribe",
    "/my/contract/",
    "/my/people/",
    "/my/people/new",
    "/my/people/{person}/",
    "/my/people/{person}/change",
    "/my/you/",
    "/my/you/change",
    "/my/you/mobile",
    "/my/you/notices",
    "/my/you/notices/program",
    "/my/you/tokens/new",
    "/my/tickets/00000000-0000-7000-8000-000000000000/",
)
LOOKS = ((375, "day", ""), (1280, "night", ""), (375, "night", "de"), (1280, "day", "fr"))
"""Width, theme and language; "" is that of their company."""


@pytest.fixture(scope="module")
def company() -> Iterator[tuple[Stack, Browser, dict[str, Any]]]:
    with stack(NIGHTDESK_DEMO="1") as running, chromium() as browser:
        until((running.state / "demo-log-ins.txt").exists, 600, "the demo company is loaded")
        done = subprocess.run(
            [sys.executable, "-m", "tests.system.customer"],
            env=running.environment | {"NIGHTDESK_DATABASE_URL": running.database_url()},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield running, browser, json.loads(done.stdout)


def signed_in(running: Stack, browser: Browser, email: str, width: int) -> Any:
    context = window(browser, running.url, width=width)
    page = context.new_page()
    page.goto(f"{running.url}/account/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{running.url}/my/")
    page.close()
    return context


def test_every_page_can_be_read_and_used(company: Any, axe: str) -> None:
    running, browser, made = company
    wrong = {}
    for width, theme, language in LOOKS:
        with signed_in(running, browser, made["email"], width) as context:
            context.add_cookies([{"name": "theme", "value": theme, "url": running.url}])
            reads(context, running, language)
            for screen in SCREENS:
                with context.new_page() as page:
                    address = running.url + screen.format(**made)
                    if found := complaints(page, axe, address):
                        wrong[screen, width, theme, language] = found
                    if screen.startswith("/my/"):
                        assert page.locator("html").get_attribute("lang") == (language or "en-gb")
            reads(context, running, "")
    assert not wrong


def reads(context: Any, running: Stack, language: str) -> None:
    """The contact chooses a language, as they do it."""
    with context.new_page() as page:
        page.goto(f"{running.url}/my/you/change")
        page.locator("[name=language]").select_option(language)
        page.locator("main button.go").click()
        page.wait_for_url(f"{running.url}/my/you/")


AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
"""As a telephone has one, which says yes by itself."""


def test_a_customer_adds_a_passkey_and_comes_in_by_it_alone(company: Any) -> None:
    running, browser, made = company
    home = f"http://localhost:{running.port}"  # a passkey belongs to a name, and an address of numbers is none
    with window(browser, home, width=375) as context:
        page = context.new_page()
        device = context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        device.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page.goto(f"{home}/account/login/")
        # Of their own: once they have a passkey, the password alone opens nothing any more.
        page.get_by_label("Email").fill(made["with_passkey"])
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{home}/my/")
        page.goto(f"{home}/my/you/")
        page.get_by_role("link", name="Passkeys and second step").click()
        page.get_by_role("link", name="Add one").click()
        page.wait_for_url(lambda there: "/reauthenticate" in there or "/webauthn/add" in there)
        if "/reauthenticate" in page.url:
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
        page.get_by_label("Name").fill("Pia's telephone")
        page.get_by_label("Passwordless").check()
        page.get_by_role("button", name="Add it").click()
        page.wait_for_url(lambda there: "/webauthn/add" not in there)
        context.clear_cookies()
        page.goto(f"{home}/account/login/")
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(f"{home}/my/")
        page.get_by_role("heading", name="services").first.wait_for()


def test_a_customers_browser_is_notified_of_their_outage(company: Any) -> None:
    running, browser, made = company
    with PushService() as service, signed_in(running, browser, made["email"], 375) as context:
        mine = service.browser("kim")
        context.grant_permissions(["notifications"], origin=running.url)
        context.add_init_script(SUBSCRIBES_HERE % json.dumps(mine.subscription))
        kims = Phone(context.new_page(), service, mine, running.url)
        kims.add("/my/you/notices", "Notify this browser", "is notified since")
        running.cli("outages", "say", made["outage_name"], "A new switch is being put in.", "--brand", made["brand"])
        push, told = kims.next_push()
        assert push.headers["topic"], "a newer word takes its place"
        (shown,) = [one for one in kims.deliver(told) if one["tag"] == told["tag"]]
        assert "A new switch is being put in." in shown["body"]
        kims.page.get_by_role("button", name="Stop notifying it").click()
        kims.page.get_by_text("None is notified.").wait_for()


def test_a_day_of_a_customer_on_the_phone(company: Any) -> None:
    running, browser, made = company
    with window(browser, running.url, width=375) as context:
        page = context.new_page()
        page.goto(running.url + made["join"])
        page.get_by_label("A password").fill(PASSWORD)
        page.get_by_role("button", name="Come in").click()
        page.get_by_role("heading", name="1 of your 2 services is not working").wait_for()
        page.get_by_text("Sorry: internet lines at Dock Street are down.").wait_for()
        page.get_by_text("Next update by").first.wait_for()
        page.get_by_role("link", name="Something else is wrong").click()
        page.get_by_text("We know of this already").wait_for()
        page.get_by_label("In one line").fill("The card reader blinks red")
        page.get_by_label("What do you see, and since when?").fill("Since ten.")
        page.get_by_text("All of us, or our customers").click()
        page.get_by_label("Files").set_input_files(
            {"name": "reader.txt", "mimeType": "text/plain", "buffer": b"red, red, red"}
        )
        page.get_by_role("button", name="Send it").click()
        page.get_by_role("heading", name="The card reader blinks red").wait_for()
        page.get_by_text("What happens next").wait_for()
        with page.expect_download() as download:
            page.get_by_role("link", name="reader.txt").click()
        assert download.value.path().read_bytes() == b"red, red, red"
        page.get_by_label("Your answer").fill("Now it is dark.")
        page.get_by_role("button", name="Send it").click()
        page.get_by_text("Now it is dark.").wait_for()
        page.get_by_text("Escalate this").first.click()
        page.get_by_text("Ines Duarte will answer you by").wait_for()
        page.get_by_label("Why is it not going well?").fill("Nobody has called.")
        page.get_by_role("button", name="Escalate this").click()
        page.get_by_text("Brought before Ines Duarte").wait_for()
        page.goto(f"{running.url}/people/")
        page.get_by_role("heading", name="There is nothing at this address").wait_for()
        page.goto(f"{running.url}/")
        page.wait_for_url(f"{running.url}/my/")


@pytest.mark.parametrize("width", [375, 1280])
def test_a_customer_finds_closes_and_reopens_what_they_told_and_reads_their_colleagues(
    company: Any, width: int
) -> None:
    running, browser, made = company
    told = ("--wrong", "A loose wire.", "--done", "Fixed it.", "--do", "Nothing.")
    running.cli("tickets", "resolve", str(made["number"]), *told)
    with signed_in(running, browser, made["email"], width) as context:
        page = context.new_page()
        page.goto(f"{running.url}/my/tickets/")
        page.get_by_role(
            "link", name="The till at the pier stays dark"
        ).wait_for()  # a colleague's: Kim keeps their people
        for words in ("CRACKLES", f"#{made['number']}"):
            page.get_by_label("Search").fill(words)
            page.get_by_label("Search").press("Enter")
            page.get_by_role("link", name="Telephones crackle in the shop at Mill Lane").wait_for()
            assert page.get_by_role("link", name="The till at the pier stays dark").count() == 0
        page.get_by_role("link", name="Telephones crackle in the shop at Mill Lane").click()
        page.get_by_text("A loose wire.").first.wait_for()
        page.get_by_role("button", name="Yes, it works: close it").click()
        page.get_by_text("Thank you. It is closed.").wait_for()
        page.get_by_text("It is not solved").click()
        page.get_by_label("What do you still see?").fill("It crackles again.")
        page.get_by_role("button", name="Open it again", exact=True).click()
        page.get_by_text("It is open again.").wait_for()
        page.get_by_text("It crackles again.").first.wait_for()
    with signed_in(running, browser, made["member"], width) as context:
        page = context.new_page()
        page.goto(f"{running.url}/my/tickets/?which=all")
        page.get_by_role("link", name="The till at the pier stays dark").wait_for()
        assert page.get_by_role("link", name="Telephones crackle in the shop at Mill Lane").count() == 0
        answer = page.goto(f"{running.url}/my/tickets/{made['ticket']}/")
        assert answer is not None
        assert answer.status == 404


def test_a_customer_keeps_their_people_on_the_phone(company: Any) -> None:
    running, browser, made = company
    with (
        signed_in(running, browser, made["member"], 1280) as maxs,
        signed_in(running, browser, made["email"], 375) as kims,
    ):
        page = kims.new_page()
        page.goto(f"{running.url}/my/people/")
        page.get_by_role("link", name="Add a colleague").click()
        page.get_by_label("Name").fill("Ola Harbour")
        page.get_by_label("Email").fill("ola@harbour.example")
        page.get_by_text("Reads, reports and answers").click()
        page.get_by_role("button", name="Add and invite").click()
        page.get_by_text("Ola Harbour is invited.").wait_for()
        sent = "SELECT count(*) FROM channels_delivery WHERE address = 'ola@harbour.example'"
        until(lambda: running.rows(sent) == [(1,)], 60, "the link is on its way")
        page.get_by_role("link", name="Vera Harbour").click()
        page.get_by_role("button", name="Still works with us").click()
        page.get_by_text("Vera Harbour is confirmed for a year.").wait_for()
        page.get_by_text("Everybody sees everything").click()
        page.get_by_role("button", name="Save").click()
        theirs = maxs.new_page()
        theirs.goto(f"{running.url}/my/tickets/{made['ticket']}/")
        theirs.get_by_role("heading", name="Telephones crackle in the shop at Mill Lane").wait_for()
        page.goto(f"{running.url}/my/people/")
        page.get_by_role("link", name="Max Harbour").click()
        page.get_by_text("Max Harbour has left us").click()
        page.get_by_label("Who goes on with what they had open?").select_option(label="Kim Harbour")
        page.get_by_role("button", name="They have left").click()
        page.get_by_text("Max Harbour is let in no more, from now on.").wait_for()
        theirs.goto(f"{running.url}/my/tickets/{made['ticket']}/")
        theirs.wait_for_url("**/account/login/**")
        page.goto(f"{running.url}/my/tickets/{made['colleagues']}/")
        page.get_by_role("heading", name="The till at the pier stays dark").wait_for()


def test_everybody_reads_the_public_page_by_day_and_by_night_without_scripts(company: Any) -> None:
    running, browser, made = company
    grounds = {}
    for theme in ("light", "dark"):
        with browser.new_context(color_scheme=theme, java_script_enabled=False) as context:
            page = context.new_page()
            answer = page.goto(f"{running.url}/status/{made['brand']}/")
            assert answer is not None
            assert answer.header_value("content-security-policy") is not None
            page.get_by_role("heading", name="Fault at Dock Street").first.wait_for()
            page.get_by_text("Next update by").wait_for()
            page.get_by_text("Sorry: internet lines at Dock Street are down.").wait_for()
            grounds[theme] = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
            page.get_by_role("link", name="Past faults").click()
            page.get_by_text("Short cut in the power at Dock Street").first.click()
            page.get_by_text("It works again. We are sorry.").wait_for()
    assert grounds["light"] != grounds["dark"]


@contextlib.contextmanager
def elsewhere() -> Iterator[str]:
    """Another site, with an empty page; on loopback as ours is, as a browser lets no page of the Internet ask there."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<body></body>")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@requires("status-widget")
def test_statuspages_own_widget_reads_our_page_from_another_site(company: Any) -> None:
    running, browser, _made = company
    widget = (ROOT / "node_modules/@statuspage/status-widget/dist/src.77de5100.js").read_text()
    with browser.new_context() as context, elsewhere() as site:
        page = context.new_page()
        page.goto(site)
        page.add_script_tag(content=widget)
        page.evaluate(
            "src => { const made = document.createElement('statuspage-widget'); made.src = src;"
            " made.setAttribute('src', src); document.body.append(made) }",
            f"http://{STATUS_HOST}:{running.port}",
        )
        shown = "() => document.querySelector('statuspage-widget').shadowRoot?.textContent ?? ''"
        until(lambda: "Partial System Outage" in page.evaluate(shown), 20, "the widget shows our state")
