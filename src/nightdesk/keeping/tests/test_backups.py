"""A backup is everything, proved by playing it back; and one that is not whole does nothing."""

import os
import random
import signal
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from nightdesk.access.actions import make_brand
from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import binaries, clock, files, postgres
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.promises import HANDLERS, promise
from nightdesk.base.tests.places import open_folder
from nightdesk.channels.actions import save_route
from nightdesk.journal.actions import record
from nightdesk.journal.models import Entry
from nightdesk.journal.tasks import seal_entries
from nightdesk.keeping import actions, places, programs, queries, restoring, tasks
from nightdesk.keeping.archive import NotABackup, tables_counted
from nightdesk.keeping.decide import name_at
from nightdesk.keeping.models import Backup
from nightdesk.keeping.restoring import NotEmpty

pytestmark = pytest.mark.django_db(transaction=True)
KEY = b"a key for tests"


@pytest.fixture
def kept(monkeypatch, settings):
    """Folders of this test's own for backups and files."""
    with open_folder() as folder:
        monkeypatch.setattr(places, "FOLDER", folder / "backups")
        monkeypatch.setattr(places, "_GIVEN", KEY.decode())
        settings.FILES_DIR = folder / "files"
        settings.STATE_DIR = folder / "state"
        yield folder


def fill(seed: int) -> list[bytes]:
    """Something of several rooms, with every kind of character; returns the files' bytes."""
    chance = random.Random(seed)
    words = "".join(
        chr(chance.choice([chance.randrange(1, 0xD800), chance.randrange(0xE000, 0x110000)])) for _ in range(400)
    )
    at = clock.now()
    brand = Brand.objects.first() or make_brand(name="North", slug="north", by=OPERATOR, via=Door.CLI, at=at)
    for number in range(20):
        record(
            "keeping.backup-failed",
            subject=("test", number),
            by=OPERATOR,
            via=Door.CLI,
            at=at,
            brand_id=brand.pk,
            facts={"words": words[number * 10 :][:30].replace("\x00", "")},
            text=words[number * 20 :][:60],
        )
        promise(min(HANDLERS), subject=("test", number), due_at=at + timedelta(days=1), why=words[:40], at=at)
    contents = [chance.randbytes(chance.randrange(200_000)) for _ in range(5)] + [b""]
    for content in contents:
        files.keep_file(content)
    return contents


def made(verified: bool = False) -> Backup:
    actions.ask_backup(by=OPERATOR, via=Door.CLI, at=clock.now())
    row = tasks.make_backup(by=OPERATOR, via=Door.CLI, verified=verified, told=lambda _words: None)
    assert row is not None
    return row


def everything(url: str) -> dict[str, list[bytes]]:
    """Every row of every table, as PostgreSQL writes it."""
    with psycopg.connect(url) as connection:
        rows = {}
        for name in tables_counted(connection):
            with connection.cursor().copy(sql.SQL("COPY public.{} TO STDOUT").format(sql.Identifier(name))) as copy:
                rows[name] = sorted(bytes(line) for line in copy)
    return rows


@pytest.fixture
def elsewhere(kept):
    """A PostgreSQL of another installation, empty."""
    server = postgres.Server(kept / "elsewhere", choice=binaries.found()[:1])
    server.start()
    yield server
    server.stop()


def play_back(row, server, *, replace=False, key=KEY):
    return restoring.restore(
        places.FOLDER / row.file, key, url=server.url, admin_url=server.superuser_url, replace=replace,
        at_stamp="20260101000000", told=lambda _words: None,
    )  # fmt: skip


def test_what_was_backed_up_comes_back_to_the_byte_and_nothing_less_is_taken(kept, elsewhere, settings):
    """One long story, since each step needs what the one before has made (and a PostgreSQL of its own takes a second)."""
    seed = os.getpid()  # another content in every run; a failure shows it
    contents = fill(seed)
    seal_entries(at=clock.now())
    route = save_route(
        channel="sms", driver="twilio", name="Texts", config={"account_sid": "AC1", "from": "+441632960000"},
        secrets={"auth_token": "the provider's password"}, by=OPERATOR, via=Door.CLI, at=clock.now(),
    )  # fmt: skip
    row = made()
    path = places.FOLDER / row.file
    there = everything(tasks.database_url())
    assert (row.files, row.rows > 100, row.size) == (len(set(contents)), True, path.stat().st_size)
    assert path.stat().st_mode & 0o077 == 0
    assert b"password" not in path.read_bytes()

    # Verified: its own PostgreSQL, the counts, the digests, the seals.
    tasks.verify_backup(row, by=OPERATOR, via=Door.CLI, told=lambda _words: None)
    assert queries.standing(clock.now()).verified == row
    assert not list((kept / "state").glob("verifying-*"))

    # Elsewhere, from nothing: every row and every file, to the byte.
    settings.FILES_DIR = kept / "files elsewhere"
    play_back(row, elsewhere)
    back = everything(elsewhere.url)
    differing = {name for name in there if there[name] != back[name]}
    # What was written after the snapshot was taken, and no row besides: the backup's own end, and that it was made.
    assert {name.rstrip("0123456789_") for name in differing} <= {"keeping_backup", "journal_entry"}
    assert all(set(back[name]) <= set(there[name]) for name in differing - {"keeping_backup"})
    assert [files.read_file(files.digest_of(content)) for content in contents] == contents
    assert back["channels_route"] == there["channels_route"]
    assert route.secrets

    # What is there is not overwritten; with --replace it is put aside and not lost.
    with pytest.raises(NotEmpty):
        play_back(row, elsewhere)
    with psycopg.connect(elsewhere.url) as connection:
        connection.execute("DELETE FROM channels_route")
    play_back(row, elsewhere, replace=True)
    assert everything(elsewhere.url) == back
    assert "nightdesk_before_20260101000000" in databases(elsewhere)

    # A flipped bit, a cut and another key: refused, and what is there stays as it is.
    good = path.read_bytes()
    chance = random.Random(seed)
    flipped = bytearray(good)
    flipped[chance.randrange(len(good))] ^= 4
    for bad, key in ((bytes(flipped), KEY), (good[: chance.randrange(len(good))], KEY), (good, b"another key")):
        path.write_bytes(bad)
        with pytest.raises(NotABackup):
            play_back(row, elsewhere, replace=True, key=key)
    assert everything(elsewhere.url) == back
    assert restoring.SCRATCH not in databases(elsewhere)


def databases(server):
    with psycopg.connect(server.superuser_url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def verified_in(folder, row, told=lambda _words: None):
    return restoring.verify(places.FOLDER / row.file, KEY, folder / "state", told)


def test_told_to_end_while_it_verifies_it_leaves_no_postgresql_and_no_folder(kept):
    row = made()
    seen = []

    def end_it(words):
        if words == "playing it back":
            (place,) = (kept / "state").glob("verifying-*")
            seen.append(postgres.Server(place))
            assert seen[0]._running() is not None
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        verified_in(kept, row, end_it)
    assert ended.value.code == programs.ENDED
    assert seen[0]._running() is None
    assert not list((kept / "state").glob("verifying-*"))
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_killed_verification_left_is_taken_away_by_the_next(kept):
    row = made()
    stale = kept / "state" / "verifying-killed"
    stale.mkdir(parents=True)
    stale.chmod(0o711)
    server = postgres.Server(stale, choice=binaries.found()[:1])
    server.start()
    process = server._running()
    assert process is not None
    verified_in(kept, row)
    assert not process.alive()
    assert not list((kept / "state").glob("verifying-*"))


def test_one_that_did_not_stand_the_test_gives_way_to_one_that_did(kept):
    at = datetime(2026, 11, 26, 4, tzinfo=UTC)
    places.FOLDER.mkdir()
    proved, untried, failed = (datetime(2026, 5, 10, hour, tzinfo=UTC) for hour in (9, 10, 11))
    untried_too, failed_too = datetime(2026, 6, 10, 10, tzinfo=UTC), datetime(2026, 6, 10, 11, tzinfo=UTC)
    for each in (proved, untried, failed, untried_too, failed_too, at):
        (places.FOLDER / name_at(each)).touch()
        Backup.objects.create(
            asked_at=each, asked_by="x", begun_at=each, ended_at=each, file=name_at(each),
            verified_at=each if each == proved else None, failure="Rows differ." if each in (failed, failed_too) else "",
        )  # fmt: skip
    gone = tasks.thin_out(by=OPERATOR, via=Door.CLI, at=at)
    assert gone == [name_at(each) for each in (untried, failed, failed_too)]


def test_a_backup_whose_making_fails_leaves_no_file_and_says_why(kept, monkeypatch):
    monkeypatch.setattr(tasks, "database_url", lambda: "host=/nowhere dbname=nightdesk user=nightdesk")
    actions.ask_backup(by=OPERATOR, via=Door.CLI, at=clock.now())
    with pytest.raises(psycopg.OperationalError):
        tasks.make_backup(by=OPERATOR, via=Door.CLI, verified=False, told=lambda _words: None)
    assert [path.name for path in places.FOLDER.iterdir()] == ["backup.lock"]
    assert "nowhere" in queries.standing(clock.now()).failure


def test_one_that_was_cut_off_is_told_of_and_its_draft_goes(kept):
    places.FOLDER.mkdir()
    (places.FOLDER / "nightdesk-20260101T000000Z.backup.unfinished").write_bytes(b"half")
    at = clock.now()
    lost = Backup.objects.create(asked_at=at, asked_by="x", begun_at=at)
    row = made()
    lost.refresh_from_db()
    assert lost.failure
    assert lost.ended_at
    assert {path.name for path in places.FOLDER.iterdir()} == {"backup.lock", row.file}


def test_asking_twice_makes_one_and_old_ones_go(kept):
    at = clock.now()
    first = actions.ask_backup(by=OPERATOR, via=Door.CLI, at=at)
    assert actions.ask_backup(by=SCHEDULER, via=Door.WORKER, at=at) == first
    assert Entry.objects.filter(kind="keeping.backup-asked").count() == 1
    places.FOLDER.mkdir(parents=True)
    for name in ("nightdesk-20200101T000000Z.backup", "nightdesk-20200102T000000Z.backup"):
        (places.FOLDER / name).touch()
    row = made()
    assert [path.name for path in places.FOLDER.glob("*.backup")] == [row.file]
