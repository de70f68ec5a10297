"""`nightdesk restore FILE`: the installation as a backup has it."""

import subprocess
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock, vault
from nightdesk.base.actors import Door
from nightdesk.base.lock import Held, Lock
from nightdesk.keeping import actions, places, programs, restoring, tasks
from nightdesk.keeping.keys import keep_keys


def _instant(given: str) -> datetime:
    moment = datetime.fromisoformat(given)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = (
        "Restore a backup: database, files and keys. What is there is never overwritten unless --replace says so, and even then "
        "the old database stays under another name. --at goes back to a moment between two backups. Stop `nightdesk serve` first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("file", nargs="?", help="of the folder of backups, or a path")
        what.add_argument(
            "--at", type=_instant, metavar="TIME", help="as it was then: 2026-11-26T03:10, in UTC without an offset"
        )
        parser.add_argument("--replace", action="store_true", help="put it in the place of what is there")

    def handle(self, *_: Any, **options: Any) -> None:
        state = Path(settings.STATE_DIR)
        try:
            serving = Lock(state / "serve.lock")
        except Held:
            raise CommandError("nightdesk serve runs here. Stop it, restore, and start it again.") from None
        with serving:
            path = self._as_it_was(options["at"]) if options["at"] else places.file_named(options["file"])
            self._restore(path, state, replace=options["replace"])

    def _as_it_was(self, moment: datetime) -> Path:
        if moment >= clock.now():
            raise CommandError(f"{moment:%Y-%m-%d %H:%M:%S} UTC is not over. Ask for a moment in the past.")
        path = tasks.make_backup_of(moment, lambda words: self.stdout.write(f"  {words}"))
        self.stdout.write(f"{path.name} is a backup of what stood there at {moment:%Y-%m-%d %H:%M:%S} UTC.")
        return path

    def _restore(self, path: Path, state: Path, *, replace: bool) -> None:
        url = tasks.database_url()
        connection.close()
        stamp = f"{clock.now():%Y%m%d%H%M%S}"
        admin_url = restoring.admin_url_of(state, url)
        was_empty = not restoring.is_occupied(url)
        manifest, keys = restoring.restore(
            path,
            places.backup_key(),
            url=url,
            admin_url=admin_url,
            replace=replace,
            at_stamp=stamp,
            told=lambda words: self.stdout.write(f"  {words}"),
        )
        told = keep_keys(vault.read_keys(keys), fresh=was_empty)
        if told:
            self.stdout.write(told)
        elif not keys and not set(manifest.key_marks) & set(vault.key_marks()):
            self.stdout.write(
                "The secrets in it were sealed with a NIGHTDESK_SECRET_KEY that is not set here: set that, or enter them anew."
            )
        # In a process of its own, with the keys as they are now: what is newer than the backup is added to its tables.
        done = subprocess.run(**programs.ourselves("migrate", "--verbosity", "0"), check=False)
        if done.returncode:
            raise CommandError("It is restored, but could not be migrated: see above, then run nightdesk migrate.")
        aside = f"{restoring.BEFORE}{stamp}" if admin_url and not was_empty else ""
        actions.note_restored(
            made_at=manifest.made_at, file=path.name, aside=aside, by=OPERATOR, via=Door.CLI, at=clock.now()
        )
        self.stdout.write(f"Restored: {sum(manifest.counts.values())} rows as they were at {manifest.made_at}.")
        if aside:
            self.stdout.write(
                f"What was there before stays as the database {aside}; drop it when you no longer need it."
            )
