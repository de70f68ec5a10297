"""Debian's Nagios tells Nightdesk by `nightdesk-notify`: also about what happened while the server was killed."""

from collections.abc import Iterator

import pytest

from tests.requires import requires
from tests.system.nagios import Nagios, nagios
from tests.system.night import BO_PHONE, Night, night
from tests.system.stack import until

pytestmark = requires("nagios")


@pytest.fixture(scope="module")
def tonight() -> Iterator[Night]:
    with night() as staged:
        yield staged


@pytest.fixture
def monitor(tonight: Night) -> Iterator[Nagios]:
    with nagios(tonight.stack.url, tonight.staged["keys"]["generic"], "Uplink") as running:
        yield running


def pages(tonight: Night, words: str) -> list[tuple[str, str, int]]:
    """(title, state, how often its alarm came) of the pages about `words`, the oldest first."""
    return tonight.stack.rows(
        "SELECT p.title, p.state, a.count FROM paging_page p JOIN paging_alarm a ON a.page_id = p.id "
        "WHERE p.title LIKE %s ORDER BY p.started_at",
        f"%{words}%",
    )


def test_a_problem_pages_and_its_recovery_resolves_even_when_the_server_was_killed_in_between(
    tonight: Night, monitor: Nagios
) -> None:
    monitor.turn(2, "no route, a=1, b=2")
    until(lambda: pages(tonight, "no route"), 30, "Nagios' problem is a page")
    ((title, state, count),) = pages(tonight, "no route")
    assert (title, state, count) == ("Uplink on dock-street is CRITICAL: CRITICAL - no route, a=1, b=2", "triggered", 1)
    until(lambda: tonight.texts_to(BO_PHONE, "Uplink on dock-street"), 10, "whoever is on duty has the text")
    monitor.turn(0, "it answers")
    until(lambda: pages(tonight, "no route")[0][1] == "resolved", 30, "Nagios' recovery resolves it")
    until(lambda: monitor.waiting() == [], 30, "nothing waits in the spool")

    assert tonight.stack.process is not None
    tonight.stack.process.kill()
    tonight.stack.process.wait(20)
    until(lambda: not _answers(tonight), 20, "nobody answers")
    problems, recoveries = monitor.notified("CRITICAL"), monitor.notified("OK")
    for number in (1, 2):
        monitor.turn(2, f"fault {number}")
        until(lambda number=number: monitor.notified("CRITICAL") == problems + number, 30, "Nagios told of a fault")
        monitor.turn(0, "it answers")
        until(lambda number=number: monitor.notified("OK") == recoveries + number, 30, "Nagios told of its end")
    monitor.turn(2, "fault 3")
    until(lambda: len(monitor.waiting()) == 5, 30, "all of it is on disk")

    tonight.stack.start()
    monitor.flush()
    assert monitor.waiting() == []
    assert [(title.rpartition("- ")[2], state, count) for title, state, count in pages(tonight, "fault")] == [
        ("fault 1", "resolved", 1),
        ("fault 2", "resolved", 1),
        ("fault 3", "triggered", 1),
    ]


def _answers(tonight: Night) -> bool:
    try:
        tonight.stack.get("/healthz")
    except OSError:
        return False
    return True
