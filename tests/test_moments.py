"""Going back to a moment between two backups, as an operator does it: what came before is there, what came later is not."""

import json
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from nightdesk.base import binaries, postgres
from nightdesk.base.tests.places import open_folder
from nightdesk.keeping import moments
from tests import schema
from tests.system.stack import until
from tests.test_safe_keeping import Place

KEY = b"the key of these tests"
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
            moments.hand_out_now(server.superuser_url)
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


def segments(place: Place) -> list[Path]:
    return sorted((place.state / "backups" / "wal").glob("0*"))


def seal_all(place: Place) -> None:
    """What PostgreSQL handed out when it was stopped lies sealed beside the rest, as a worker leaves it."""
    moments.seal_waiting(postgres.Server(place.state).cluster.spool, place.state / "backups", KEY)


def test_a_segment_that_was_cut_or_is_missing_is_refused_by_name_and_the_database_stays(home):
    place, between = home
    seal_all(place)
    (base,) = moments.bases_in(place.state / "backups")
    first, second, *_ = (path for path in segments(place) if path.name >= base.first)
    back = ("restore", "--at", between.isoformat(), "--replace")
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    assert first.name in place.run(*back, status=2)
    first.write_bytes(whole)
    second.unlink()  # in which both brands were made
    assert f"segment {second.name} is missing" in place.run(*back, status=2)
    assert place.rows(BRANDS) == [("early",), ("late",)]
    assert not list(place.state.glob("verifying-*"))
    assert len(place.backups()) == 1


def test_a_machine_that_has_nothing_goes_back_by_the_folder_of_backups_and_its_key(home):
    place, between = home
    seal_all(place)
    with open_folder() as folder:
        shutil.move(place.state / "backups", folder / "backups")
        new = Place(folder / "state", NIGHTDESK_BACKUP_DIR=str(folder / "backups"), NIGHTDESK_BACKUP_WAL_DAYS="2")
        new.state.mkdir(mode=0o711)
        assert "Restored" in new.run("restore", "--at", between.isoformat())
        assert new.rows(BRANDS) == [("early",)]


def test_a_worker_seals_what_is_written_as_it_happens(home):
    place, _between = home
    server = postgres.Server(place.state, hands_out=True)
    server.start()
    worker = place.begin("worker")
    try:
        sealed = {path.name for path in segments(place)}
        moments.hand_out_now(server.superuser_url)
        until(lambda: {path.name for path in segments(place)} - sealed, 240, "what was handed out is sealed")
        until(lambda: not moments.waiting_in(server.cluster.spool), 60, "and lies nowhere else")
        said, _ = place.begin("doctor", "--json").communicate(timeout=300)  # it fails for want of providers
        (found,) = [one for one in json.loads(said) if one["about"] == "any moment"]
        assert found["state"] == "ok", found
    finally:
        worker.terminate()
        worker.communicate(timeout=60)
        server.stop()
