"""The picture of a month in a browser: people as rows, hours as bars, nights and holidays shaded, gaps in red with the reason."""

import mimetypes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse
from playwright.sync_api import Page, Route

from nightdesk.console.tests.company import Company
from nightdesk.people.models import Absence
from nightdesk.rota.actions import add_override
from tests.requires import requires
from tests.system.browser import chromium

HERE = "http://nightdesk.test"
PAINTED = """(each, of) => {
  const brush = new OffscreenCanvas(1, 1).getContext("2d")
  brush.fillStyle = getComputedStyle(each)[of]
  brush.fillRect(0, 0, 1, 1)
  return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3)
}"""


def stands(page: Page, html: str) -> None:
    """The browser shows the page as it was answered, with its own files."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        found = finders.find(path.removeprefix("/static/")) if path.startswith("/static/") else None
        if found:
            route.fulfill(body=Path(str(found)).read_bytes(), content_type=mimetypes.guess_type(path)[0] or "")
        elif path == "/":
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        else:
            route.fulfill(status=404)

    page.route("**/*", answer)
    page.goto(f"{HERE}/")


def colour(page: Page, what: str, of: str) -> tuple[int, int, int]:
    """Red, green and blue of a property of the first that `what` selects."""
    red, green, blue = page.eval_on_selector(what, PAINTED, of)
    return red, green, blue


@requires("chromium")
@pytest.mark.parametrize(("width", "theme"), [(375, "night"), (1280, "day")])
def test_the_month_has_people_as_rows_shades_nights_and_holidays_and_says_why_a_gap_is_red(
    company: Company, width: int, theme: str
) -> None:
    quay, day, monday = company.quay, timedelta(days=1), datetime(2026, 12, 7, 3, tzinfo=UTC)
    Absence.objects.create(
        person=quay.bo,
        kind=Absence.Kind.SICKNESS,
        note="slipped disc",
        starts_at=monday + 8 * day,
        ends_at=monday + 9 * day,
        recorded_at=company.at,
    )
    off = {"starts_at": monday, "ends_at": monday + day}
    add_override(seat_key=quay.seat_key, kind="remove", instead_of_id=quay.bo.pk, **off, **company.doing)
    client = company.client(company.reader("engineer"))
    client.cookies["theme"] = theme
    html = client.get(reverse("console:one_rota", args=[quay.rota.pk]), {"month": "2026-12-01"}).content.decode()
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900})
        stands(page, html)
        month = page.locator(".month")
        assert {"Bo Quay", "Nobody"} <= set(month.locator(".who").all_text_contents())
        bars = month.locator("li", has=page.locator(".who", has_text="Bo Quay")).first
        assert bars.locator("g rect").count() > 1
        gaps = {
            each.locator("title").text_content(): each.locator("rect.bar-gap").bounding_box()
            for each in month.locator("g", has=page.locator("rect.bar-gap")).all()
        }
        red, green, blue = colour(page, ".month rect.bar-gap", "stroke")
        assert red > max(green, blue) + 40, (red, green, blue)
        notes = page.locator("p.note").all_inner_texts()
        assert all(any(str(reason) in note for note in notes) for reason in gaps), "in words as well"
        (taken_off,) = gaps
        assert "Bo Quay was taken off, nobody came on" in str(taken_off)
        box, ground = gaps[taken_off], month.locator("rect.ground").first.bounding_box()
        assert box is not None
        assert ground is not None
        assert ground["width"] / 40 < box["width"] < ground["width"] / 20, "one day of a month"
        assert month.locator("li").nth(1).locator("rect.dark").count() >= 28, "each night is shaded"
        plain = colour(page, ".month rect.ground", "fill")
        assert colour(page, ".month rect.dark", "fill") != plain
        assert colour(page, ".month rect.holiday", "fill") != plain
        assert month.locator("rect.holiday title").first.text_content() == "Fri 25 Dec, bank holiday"
        assert month.locator("g", has=page.locator("rect.bar-away")).locator("title").first.text_content() == (
            "not available"
        )
        text = page.locator("body").inner_text().lower()
        assert "slipped" not in text
        assert "sick" not in text
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
