"""`nightdesk upgrade`: after installing another version, with a way back."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from nightdesk.base.lock import Held, Lock
from nightdesk.keeping.upgrading import upgrade


class Command(BaseCommand):
    help = (
        "Bring the database up to the version that is installed: back it up, prove the backup, migrate; where that fails, "
        "restore the backup. Stop `nightdesk serve` first and start it afterwards."
    )

    def handle(self, *_: Any, **_options: Any) -> None:
        try:
            serving = Lock(Path(settings.STATE_DIR) / "serve.lock")
        except Held:
            raise CommandError("nightdesk serve runs here. Stop it, upgrade, and start it again.") from None
        with serving:
            came = upgrade(told=lambda words: self.stdout.write(f"  {words}"))
        if not came.migrations:
            self.stdout.write("The database is of this version already.")
        elif not came.failure:
            self.stdout.write(
                f"Upgraded: {came.migrations} migrations. The way back: nightdesk restore {came.backup} --replace"
            )
        elif came.aside:
            raise CommandError(
                f"It could not be migrated: {came.failure}\nThe database is as it was before. Install the version that was "
                f"there, and start it. What the attempt left stays as the database {came.aside}."
            )
        else:
            raise CommandError(
                f"It could not be migrated: {came.failure}\nThe database is another server's and was not put back by us: restore "
                f"{came.backup} into an empty database of it, and name that in NIGHTDESK_DATABASE_URL."
            )
