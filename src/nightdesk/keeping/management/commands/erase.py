"""`nightdesk erase`: what is known of one person goes, as far as nothing obliges us to keep it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.keeping import tasks
from nightdesk.keeping.erasing import preview, stays
from nightdesk.keeping.erasing_actions import erase_person
from nightdesk.keeping.programs import say_on_one_line
from nightdesk.keeping.traces import subject_of


class Command(BaseCommand):
    help = (
        "Show what would go and what stays, and why; with --yes do it. Of person:7 (who has left), contact:12, "
        "number:+441632960001 (a caller) or address:bo@north.example. --waiting: erase what was asked for by page or API."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("whom", metavar="WHOM", nargs="?")
        parser.add_argument("--yes", action="store_true", help="do it; it cannot be undone")
        parser.add_argument("--waiting", action="store_true", help="as a worker has it done, beside none that does")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["waiting"]:
            self.stdout.write(f"{tasks.erase_waiting()} erasures were tried.")
            return
        if not options["whom"]:
            raise CommandError("Say of whom, or --waiting.")
        subject = subject_of(options["whom"])
        if options["yes"]:
            told = say_on_one_line(self.stderr)
            gone = erase_person(subject=subject, told=told, by=OPERATOR, via=Door.CLI, at=clock.now())
            told("")
        else:
            gone = preview(subject)
        self.stdout.write(f"{'Gone' if options['yes'] else 'Goes'}, of {subject.name}:")
        for each in gone:
            self.stdout.write(f"{each.count:9}  {each.what}")
        self.stdout.write("Stays:")
        for what, why in stays(subject):
            self.stdout.write(f"           {what}: {why}")
        if not options["yes"]:
            self.stdout.write("Nothing has been changed. To do it: --yes")
