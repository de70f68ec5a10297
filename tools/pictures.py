"""The README's pictures, taken from the program itself: the demo company in the small hours, with one page unanswered.

    python -m tools.pictures          all of them, into docs/pictures
    python -m tools.pictures month    one of them

Starts a Nightdesk of its own on a new folder, and removes it afterwards. No test does this.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page

from tests.system.browser import chromium, sign_in, window
from tests.system.stack import Stack, stack, until

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
LONDON = ZoneInfo("Europe/London")
ASLEEP_FOR = timedelta(minutes=3, seconds=40)
"""The page is that old: the backup has been rung, and the whole team is next."""
TAKEN_BEFORE = timedelta(minutes=9)
"""Less than it takes until Amara is asked whether she is still awake."""
BEGINS_AT = time(4, 8)
AMARA = "amara@quayside.example"


@dataclass(frozen=True)
class Picture:
    """What is shown at `path` in a window of `width` by `height`."""

    path: str
    width: int
    height: int
    theme: str = "night"


def pictures(page_path: str, rota_path: str) -> dict[str, Picture]:
    """Every picture by its file's name; the paths are those of the page's story and of the night rota's month."""
    return {
        "tonight": Picture("/", 1280, 860),
        "pocket": Picture("/pocket/", 375, 740),
        "story": Picture(page_path, 1280, 1000),
        "month": Picture(rota_path, 1280, 860, theme="day"),
        "next": Picture("/next/", 1280, 760),
    }


def put_clock_on_to_the_night(running: Stack) -> None:
    """The clock of the whole installation reads `BEGINS_AT` in London, at its next occurrence."""
    here = datetime.now(UTC).astimezone(LONDON)
    there = datetime.combine(here.date(), BEGINS_AT, LONDON)
    running.jump((there if there > here else there + timedelta(days=1)) - here)


def set_the_scene(running: Stack, browser: Browser) -> tuple[str, str]:
    """One page that Amara took a while ago, one that nobody has answered: the path of its story, and of the rota."""
    put_clock_on_to_the_night(running)
    running.jump(-TAKEN_BEFORE)
    running.cli("demo", "load")
    running.cli("demo", "alarm", "Mail queue grows on mx3")
    with_amara(running, browser, lambda page: page.get_by_role("button", name="I've got it").first.click())
    running.jump(TAKEN_BEFORE)
    running.cli("demo", "alarm")
    running.jump(ASLEEP_FOR)
    until(
        lambda: running.rows(
            "SELECT 1 FROM channels_delivery d JOIN people_person p ON d.recipient_id = p.id::text"
            " WHERE d.subject_kind = 'page' AND p.name LIKE 'Jonas%%' AND d.accepted_at IS NOT NULL"
        ),
        20,
        "the backup has been rung",
    )
    (found,) = running.rows("SELECT id FROM paging_page WHERE state = 'triggered'")
    (rota,) = running.rows("SELECT id FROM rota_rota WHERE name = 'Out of hours'")
    return f"/pages/{found[0]}", f"/rota/{rota[0]}"


def with_amara(running: Stack, browser: Browser, act: Callable[[Page], None]) -> None:
    """Do something as Amara, in a window of her own."""
    with window(browser, running.url, width=1280) as context:
        page = context.new_page()
        sign_in(page, running.url, AMARA, password(running))
        act(page)
        page.wait_for_load_state()


def password(running: Stack) -> str:
    """Amara's, made up when the demo was loaded."""
    log_ins = dict(line.split() for line in (running.state / "demo-log-ins.txt").read_text().splitlines())
    return log_ins[AMARA]


def take(running: Stack, browser: Browser, name: str, picture: Picture) -> Path:
    """Draw one picture; its file."""
    file = FOLDER / f"{name}.png"
    with window(browser, running.url, width=picture.width, height=picture.height, theme=picture.theme) as context:
        page = context.new_page()
        sign_in(page, running.url, AMARA, password(running))
        page.goto(running.url + picture.path)
        page.wait_for_timeout(800)  # until the stream says "Live"
        page.screenshot(path=file)
    return file


def main(names: list[str]) -> int:
    """Take the pictures named, or all; 2 when there is no such picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = pictures("", "")
    if set(names) - known.keys():
        print(f"No such picture: {', '.join(sorted(set(names) - known.keys()))}. There are: {', '.join(known)}.")
        return 2
    with stack() as running, chromium() as browser:
        scene = pictures(*set_the_scene(running, browser))
        for name in names or known:
            file = take(running, browser, name, scene[name])
            print(f"{file.relative_to(Path.cwd())}  {file.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
