"""Going back to a moment between two backups, as an operator does it: what came before is there, what came later is not."""

import subprocess
import time
from datetime import UTC, datetime

import psycopg
import pytest

from nightdesk.base import binaries, postgres
from nightdesk.base.tests.places import open_folder
from tests import schema
from tests.test_safe_keeping import Place

BRANDS = "SELECT slug FROM access_brand ORDER BY slug"


@pytest.fixture(scope="module")
def kept():
    """An installation, stopped, that has kept what was written, and the instant between brands "early" and "late"."""
    with open_folder() as folder:
        place = Place(folder / "state", NIGHTDESK_BACKUP_WAL_DAYS="2")
        server = postgres.Server(place.state, choice=binaries.found()[:1], hands_out=True)
        try:
            schema.read_in(server.start())
            place.run("backup")
            add_brand(server, "early")
            between = datetime.now(UTC)
            time.sleep(0.01)
            add_brand(server, "late")
        finally:
            server.stop()
        yield place, between


@pytest.fixture
def home(kept):
    place, between = kept
    with open_folder() as folder:
        subprocess.run(["cp", "-a", place.state, folder / "state"], check=True)
        yield Place(folder / "state", NIGHTDESK_BACKUP_WAL_DAYS="2"), between


def add_brand(server: postgres.Server, slug: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO access_brand (name, slug, zone, language, region) VALUES (%s, %s, 'UTC', 'en-gb', 'GB')",
            (slug, slug),
        )


def test_what_came_before_the_moment_is_there_and_nothing_of_what_came_later(home):
    place, between = home
    assert place.rows(BRANDS) == [("early",), ("late",)]
    said = place.run("restore", "--at", between.isoformat(), "--replace")
    assert "Restored" in said
    assert place.rows(BRANDS) == [("early",)]
    place.run("journal", "verify")
    assert not list(place.state.glob("verifying-*"))
    assert "is not over" in place.run("restore", "--at", "2999-01-01T00:00", status=1)
    assert "earliest moment" in place.run("restore", "--at", "2020-01-01T00:00", status=2)
