"""The suite's own PostgreSQL: one a run, by the product's own supervisor, in memory where there is room.

Loaded by `-p tests.database`, before Django reads its settings. NIGHTDESK_TEST_POSTGRES=15 has the installed PostgreSQL of
that version run in place of the embedded one; NIGHTDESK_TEST_DATABASE_URL names another server altogether (its role must
be allowed to create databases).
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import psycopg

from nightdesk.base import postgres
from nightdesk.base.binaries import found


def _begin() -> None:
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 2 << 30
    state = Path(tempfile.mkdtemp(prefix="nightdesk-test-", dir=shm if roomy else None))
    state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    os.environ["NIGHTDESK_STATE_DIR"] = str(state)
    os.environ["NIGHTDESK_DEMO"] = "0"
    os.environ["NIGHTDESK_SECRET_KEY"] = "for tests only, and of no use to anybody"
    atexit.register(shutil.rmtree, state, ignore_errors=True)
    outside = os.environ.get("NIGHTDESK_TEST_DATABASE_URL")
    if outside:
        os.environ["NIGHTDESK_DATABASE_URL"] = outside
        return
    os.environ.pop("NIGHTDESK_DATABASE_URL", None)
    major = os.environ.get("NIGHTDESK_TEST_POSTGRES")
    choice = [one for one in found() if one.wheel is None and one.major == int(major)] if major else None
    server = postgres.Server(state, choice=choice)
    os.environ["NIGHTDESK_DATABASE_URL"] = server.start()
    atexit.register(server.stop)
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE nightdesk CREATEDB")


_begin()
