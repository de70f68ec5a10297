"""The suite's own PostgreSQL: one for each process that tests, by the product's own supervisor, in memory where there is room.

Loaded by `-p tests.database`, before Django reads its settings. NIGHTDESK_TEST_POSTGRES=15 has the installed PostgreSQL of
that version run in place of the embedded one; NIGHTDESK_TEST_DATABASE_URL names another server altogether (its role must
be allowed to create databases). With `-n 2` each process has a server and a state folder of its own, so that no test sees
another's locks, notices or files.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from nightdesk.base import postgres
from tests import schema

OUTSIDE = bool(os.environ.get("NIGHTDESK_TEST_DATABASE_URL"))


def _begin() -> dict[str, str]:
    """A new state folder, and its server; what the process that uses them needs in its environment."""
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 2 << 30
    state = Path(tempfile.mkdtemp(prefix="nightdesk-test-", dir=shm if roomy else None))
    state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    atexit.register(shutil.rmtree, state, ignore_errors=True)
    environment = {
        "NIGHTDESK_STATE_DIR": str(state),
        "NIGHTDESK_DEMO": "0",
        "PYTHONPATH": str(schema.ROOT / "src"),  # for programs that tests start, however pytest was started
        "NIGHTDESK_SECRET_KEY": "for tests only, and of no use to anybody",
    }
    if OUTSIDE:
        return environment | {"NIGHTDESK_DATABASE_URL": os.environ["NIGHTDESK_TEST_DATABASE_URL"]}
    server = postgres.Server(state, choice=[schema.programs()])
    url = server.start()
    atexit.register(server.stop)
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE nightdesk CREATEDB")
    return environment | {"NIGHTDESK_DATABASE_URL": url}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """The first process gets what we have, each further one its own. What all will want is made while they start."""
    if not OUTSIDE:
        subprocess.Popen([sys.executable, "-m", "tests.schema"], cwd=schema.ROOT, stdout=subprocess.DEVNULL)
    for spec in specs[1:]:
        spec.env.update(_begin())


# Processes that xdist starts have theirs in the environment already.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ.update(_begin())
