"""`nightdesk rotate_key`: another master key, while web and worker go on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.keeping.key_actions import drop_old_keys, rotate_keys
from nightdesk.keeping.resealing import reseal_all


class Command(BaseCommand):
    help = (
        "Make a new master key and seal every secret in the database with it; nothing needs to stop. Older keys still open, and "
        "what they signed is believed, until --drop-old. --reseal alone: the key was changed in the environment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--reseal", action="store_true", help="only seal anew, with the newest key there is")
        which.add_argument(
            "--drop-old",
            action="store_true",
            help="seal anew, then drop older keys: links, sign-ins and callers' PINs from before end",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if not options["reseal"] and not options["drop_old"]:
            rotate_keys(by=OPERATOR, via=Door.CLI, at=clock.now())
            self.stdout.write("A new master key seals from now on.")
        total = 0
        # Again for what was sealed meanwhile by somebody who had not noticed.
        while count := reseal_all(lambda words: self.stdout.write(f"  {words}")):
            total += count
        self.stdout.write(f"{total} secrets were sealed anew.")
        if options["drop_old"]:
            count = drop_old_keys(by=OPERATOR, via=Door.CLI, at=clock.now())
            self.stdout.write(f"{count} older keys are gone.")
