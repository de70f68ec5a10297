"""Debian's Chromium as a reader sees it: a window of some width in a theme, signed in through the real page."""

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tools.system_parts import find_part

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Nothing that asks the network for anything by itself."""
LONGEST_MS = 60_000
"""How long a page is waited for, on a machine that does other work beside."""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_part("chromium")), args=list(FLAGS))
        expect.set_options(timeout=LONGEST_MS)
        try:
            yield browser
        finally:
            browser.close()


def window(browser: Browser, url: str, *, width: int, theme: str = "night", height: int = 900) -> BrowserContext:
    """A fresh window at `url`'s installation, in the `theme` that its reader chose: night, day or auto."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale="en-GB",
        timezone_id="Europe/London",
        reduced_motion="reduce",
        color_scheme="light" if theme == "day" else "dark",
    )
    context.set_default_timeout(LONGEST_MS)
    context.add_cookies([{"name": "theme", "value": theme, "url": url}])
    return context


def sign_in(page: Page, url: str, email: str, password: str) -> None:
    """Sign in at the log-in page, and arrive at Tonight. Raises playwright's TimeoutError where the page refuses."""
    page.goto(f"{url}/account/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda there: "/account/login" not in there)
