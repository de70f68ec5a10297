"""A PostgreSQL of the benchmark's own, on disk with fsync as in production, migrated, with Django ready."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightdesk.base import postgres


@contextmanager
def database() -> Iterator[str]:
    """The URL of a new, migrated database; it is gone afterwards."""
    state = Path(tempfile.mkdtemp(prefix="nightdesk-bench-", dir="/var/tmp"))
    state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    server = postgres.Server(state)
    try:
        os.environ |= {
            "NIGHTDESK_STATE_DIR": str(state),
            "NIGHTDESK_DATABASE_URL": server.start(),
            "DJANGO_SETTINGS_MODULE": "nightdesk.settings",
            "NIGHTDESK_LOG_LEVEL": "WARNING",
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield os.environ["NIGHTDESK_DATABASE_URL"]
    finally:
        logging.disable(logging.CRITICAL)
        server.stop()
        shutil.rmtree(state, ignore_errors=True)
