"""`nightdesk backup`: everything in one sealed file, proved by restoring it."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.keeping import actions, places, restoring, tasks
from nightdesk.keeping.models import Backup


class Command(BaseCommand):
    help = (
        "Seal the database, the files and the keys of this installation into one file. --verify restores it into a PostgreSQL "
        "of its own and compares; --verify FILE does that with one that is there; --list shows what there is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--verify", nargs="?", const="", metavar="FILE", help="restore it elsewhere and compare")
        parser.add_argument("--list", action="store_true", help="the backups in the folder, oldest first")
        parser.add_argument("--waiting", action="store_true", help="make and verify the one that was asked for, if any")
        parser.add_argument("--thin", action="store_true", help="only remove those that later ones do for")
        parser.add_argument("--json", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        at, by = clock.now(), OPERATOR
        if options["list"]:
            self._list(options)
        elif options["thin"]:
            for name in tasks.thin_out(by=by, via=Door.CLI, at=at):
                self.stdout.write(f"{name} is removed.")
        elif options["verify"]:
            self._verify(places.file_named(options["verify"]))
        else:
            if not options["waiting"]:
                actions.ask_backup(by=by, via=Door.CLI, at=at)
            verified = options["waiting"] or options["verify"] is not None
            made = tasks.make_backup(by=by, via=Door.CLI, verified=verified, told=self._say(options))
            if made is not None:
                self._tell(made, options)

    def _verify(self, path: Path) -> None:
        known = Backup.objects.filter(file=path.name, removed_at=None).first() if path.parent == places.FOLDER else None
        if known is not None:
            tasks.verify_backup(known, by=OPERATOR, via=Door.CLI, told=self._say({}))
        else:
            restoring.verify(path, places.backup_key(), Path(settings.STATE_DIR), self._say({}))
        self.stdout.write(f"{path.name} was restored and compared: everything in it is as it should be.")

    def _say(self, options: dict[str, Any]) -> Any:
        return (lambda _words: None) if options.get("json") else (lambda words: self.stdout.write(f"  {words}"))

    def _tell(self, made: Backup, options: dict[str, Any]) -> None:
        path = places.FOLDER / made.file
        if options["json"]:
            facts = {"file": str(path), "size": made.size, "rows": made.rows, "files": made.files}
            self.stdout.write(json.dumps(facts | {"verified": made.verified_at is not None}))
            return
        self.stdout.write(f"{path}: {made.size / 1e6:.1f} MB, {made.rows} rows, {made.files} files.")
        self.stdout.write(
            "It was restored and compared." if made.verified_at else f"Prove it: nightdesk backup --verify {made.file}"
        )
        if not places.is_key_given():
            self.stdout.write(
                f"It opens only with the key in {places.key_file()}. Keep a copy of that at another place."
            )

    def _list(self, options: dict[str, Any]) -> None:
        there = sorted(tasks.files_there(), key=lambda each: each.at)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(each) for each in there], default=str))
            return
        for each in there:
            size = (places.FOLDER / each.name).stat().st_size / 1e6
            how = "verified" if each.verified else "not verified"
            self.stdout.write(f"{each.at:%Y-%m-%d %H:%M:%S}  {each.name}  {size:9.1f} MB  {how}")
        if not there:
            self.stdout.write(f"None in {places.FOLDER}.")
