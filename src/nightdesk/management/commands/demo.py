"""`nightdesk demo`: the demo company, to look at and to be paged by."""

import logging
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from nightdesk import demo
from nightdesk.base import clock
from nightdesk.base.worker import database_time

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Without a word: `serve` with the demo company. `load` it into an empty database; raise an `alarm` there."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", metavar="WHAT")
        what.add_parser("load", help="migrate, load the demo company unless it is there already, and print the log-ins")
        alarm = what.add_parser("alarm", help="raise an alarm, and watch a page happen")
        alarm.add_argument("title", nargs="?", help="what is wrong")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["what"] is None:
            call_command("serve", demo=True)
        elif options["what"] == "load":
            self._load()
        else:
            self._alarm(options["title"])

    def _load(self) -> None:
        call_command("migrate", verbosity=0)
        clock.follow(database_time())
        if not demo.is_loaded():
            log.info("Loading the demo company, with five weeks behind it.")
            _write(_log_ins(), "".join(f"{email}  {password}\n" for email, password in demo.load(clock.now()).items()))
        try:
            self.stdout.write(f"Log-ins of the demo company:\n{_log_ins().read_text()}")
        except FileNotFoundError:
            self.stdout.write("The demo company is there; its log-ins were printed when it was loaded.")

    def _alarm(self, title: str | None) -> None:
        if not demo.is_loaded():
            raise CommandError("The demo company is not loaded here. Run: nightdesk demo load")
        clock.follow(database_time())
        page = demo.alarm(clock.now(), title) if title else demo.alarm(clock.now())
        self.stdout.write(f"{page.code}  {page.title}\n{settings.PUBLIC_URL}/pages/{page.id}")


def _log_ins() -> Path:
    """Made-up passwords of made-up people, kept so that they can be printed at the next start too."""
    return Path(settings.STATE_DIR) / "demo-log-ins.txt"


def _write(file: Path, text: str) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as new:
        new.write(text)
