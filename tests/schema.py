"""The migrated database as SQL: made once for a state of the migrations, and read in by everybody who tests.

Migrating from nothing takes ten seconds of a core, most of it Django's own arithmetic; reading in what came of it takes
two. `.schemas/` keeps it, named after all that it depends on. As a program (`python -m tests.schema`) it makes
it where it is missing: the processes that test wait for one of them.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from nightdesk.base import postgres
from nightdesk.base.binaries import Binaries, found

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".schemas"
DEPENDS_ON = ("requirements/run.txt", "src/nightdesk/*/migrations/*.py", "tests/schema.py")
"""What `migrate` does beside its migrations it does again in each test database."""

OTHER = bool(os.environ.get("NIGHTDESK_TEST_POSTGRES"))
"""Whether it is made for another PostgreSQL than the one that `nightdesk serve` starts by itself."""


def programs() -> Binaries:
    """The PostgreSQL that the suite runs on: NIGHTDESK_TEST_POSTGRES=15 asks for an installed one of that version."""
    major = os.environ.get("NIGHTDESK_TEST_POSTGRES")
    choice = [each for each in found() if not major or (each.wheel is None and each.major == int(major))]
    if not choice:
        raise SystemExit(f"There is no PostgreSQL {major or 'at all'} here.")
    return choice[0]


def read_in(url: str) -> None:
    """Make the empty database at `url` what migrations would."""
    file = made()
    how = ("--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--output", os.devnull)
    subprocess.run([programs().folder / "psql", *how, "--file", file, url], check=True)


def made() -> Path:
    """The file, made if need be; who comes meanwhile waits."""
    KEPT.mkdir(exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = KEPT / f"{_key()}.sql"
        if not file.exists():
            for old in sorted(KEPT.glob("*.sql"), key=lambda each: each.stat().st_mtime)[:-3]:
                old.unlink()
            _make(file)
    return file


def _key() -> str:
    """Changes with everything that a migrated database depends on, the month among it: `migrate` makes partitions."""
    digest = hashlib.sha256(f"{programs()} {datetime.now(UTC):%Y-%m}".encode())
    for pattern in DEPENDS_ON:
        for file in sorted(ROOT.glob(pattern)):
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _make(file: Path) -> None:
    state = Path(tempfile.mkdtemp(prefix="nightdesk-test-schema-"))
    state.chmod(0o711)
    server = postgres.Server(state, choice=[programs()])
    try:
        url = server.start()
        inside = {"NIGHTDESK_STATE_DIR": str(state), "NIGHTDESK_DATABASE_URL": url, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run(
            [sys.executable, "-m", "nightdesk", "migrate", "--verbosity", "0"], check=True, env=os.environ | inside
        )
        half = file.with_suffix(".half")
        subprocess.run([programs().folder / "pg_dump", "--file", half, url], check=True)
        half.rename(file)
    finally:
        server.stop()
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    print(made())
