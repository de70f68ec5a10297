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
LOADED_AT = time(20, 0)
"""On a Sunday, so that the night ends with a handover."""
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


def put_clock_on_to_sunday(running: Stack) -> None:
    """The clock of the whole installation reads `LOADED_AT` in London, on the next Sunday."""
    here = datetime.now(UTC).astimezone(LONDON)
    sunday = here.date() + timedelta(days=7 - here.isoweekday() % 7)
    running.jump(datetime.combine(sunday, LOADED_AT, LONDON) - here)


def set_the_scene(running: Stack, browser: Browser) -> tuple[str, str]:
    """One page that Amara took a while ago, one that nobody has answered: the path of its story, and of the rota."""
    put_clock_on_to_sunday(running)
    running.cli("demo", "load")
    running.jump(timedelta(hours=7, minutes=58))
    running.cli("demo", "alarm", "Mail queue grows on mx3")
    with_amara(running, browser, lambda page: page.get_by_role("button", name="I've got it").first.click())
    running.jump(timedelta(minutes=9))  # any later, and Amara would be asked whether she is still awake
    running.cli("demo", "alarm")
    wait_until_reached(running, "Amara%", "sms")
    running.jump(timedelta(seconds=61))
    wait_until_reached(running, "Amara%", "email")
    running.jump(timedelta(seconds=59))
    wait_until_reached(running, "Jonas%", "sms")
    running.jump(timedelta(seconds=45))
    (found,) = running.rows("SELECT id FROM paging_page WHERE state = 'triggered'")
    (rota,) = running.rows("SELECT id FROM rota_rota WHERE name = 'Out of hours'")
    return f"/pages/{found[0]}", f"/rota/{rota[0]}"


def wait_until_reached(running: Stack, name: str, channel: str) -> None:
    """Until the unanswered page was handed to a channel for the person whose name is like `name`."""
    query = (
        "SELECT 1 FROM channels_delivery d JOIN people_person p ON d.recipient_id = p.id::text"
        " JOIN paging_page g ON d.subject_id = g.id::text"
        " WHERE g.state = 'triggered' AND p.name LIKE %s AND d.channel = %s AND d.accepted_at IS NOT NULL"
    )
    until(lambda: running.rows(query, name, channel), 20, f"{name} is reached by {channel}")


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
