"""Another version of Nightdesk takes over the database: with a backup first, and back to it where that fails."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from nightdesk.base import clock
from nightdesk.keeping import places, programs, restoring, tasks


@dataclass(frozen=True)
class Upgraded:
    """What came of it. `backup`: the file, "" where nothing had to change. `failure`: what migrate said; "" where it worked.
    `aside`: the database that it left half-way, for a look; "" where none was put aside, and then `failure` has changed it.
    """

    migrations: int
    backup: str = ""
    failure: str = ""
    aside: str = ""


def upgrade(*, told: Callable[[str], None]) -> Upgraded:
    """Bring the database up to this version: back up, verify, migrate; where that fails, play the backup back.

    Nobody else may write meanwhile: whoever calls it holds `serve.lock`. Raises what `tasks.make_backup` does, and then nothing
    was changed.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        return Upgraded(0)
    url = tasks.database_url()
    admin_url = restoring.admin_url_of(Path(settings.STATE_DIR), url)
    name = tasks.make_unrecorded(told)  # the rows of backups may be of an earlier version
    told(f"{len(missing)} migrations")
    connection.close()
    done = subprocess.run(
        **programs.ourselves("migrate", "--verbosity", "0"),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode == 0:
        return Upgraded(len(missing), name)
    failure = " ".join(done.stdout.split())[-800:]
    if admin_url is None:
        return Upgraded(len(missing), name, failure)
    told("it failed: back to the backup")
    stamp = f"{clock.now():%Y%m%d%H%M%S}"
    restoring.restore(
        places.FOLDER / name, places.backup_key(), url=url, admin_url=admin_url, replace=True, at_stamp=stamp, told=told
    )
    return Upgraded(len(missing), name, failure, f"{restoring.BEFORE}{stamp}")
