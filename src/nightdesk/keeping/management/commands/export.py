"""`nightdesk export`: everything, or all that concerns one person, as one zip in open formats."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.keeping import tasks
from nightdesk.keeping.export_actions import export_data
from nightdesk.keeping.programs import say_on_one_line
from nightdesk.keeping.traces import subject_of


class Command(BaseCommand):
    help = (
        "Write a zip: tables as CSV, mails as .eml, recordings as .wav, the journal as JSON lines with its seals. --of person:7, "
        "contact:12, number:+441632960001 or address:bo@north.example: only what concerns them (a subject access request). "
        "--waiting: write those that were asked for by page or API."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", help="the zip to write; must not be there")
        parser.add_argument("--of", default="", metavar="WHOM")
        parser.add_argument("--waiting", action="store_true", help="as a worker has it done, beside none that does")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["waiting"]:
            self.stdout.write(f"{tasks.write_waiting()} exports were written.")
            return
        if not options["file"]:
            raise CommandError("Name the zip to write, or say --waiting.")
        subject = subject_of(options["of"]) if options["of"] else None
        told = say_on_one_line(self.stderr)
        counts = export_data(
            path=Path(options["file"]), subject=subject, told=told, by=OPERATOR, via=Door.CLI, at=clock.now()
        )
        told("")
        for name, count in counts.items():
            if count:
                self.stdout.write(f"{count:9}  {name}")
        self.stdout.write(f"{options['file']} is written.")
