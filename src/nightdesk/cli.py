"""The command `nightdesk`: Django's management commands behind a thin door.

Commands that need the database find it by themselves: NIGHTDESK_DATABASE_URL if set, else the PostgreSQL of this
installation, which is started for the time of the command when `nightdesk serve` does not run.
"""

import os
import sys
from contextlib import ExitStack

from nightdesk.base import env, postgres
from nightdesk.base.refusals import Refusal

WITHOUT_DATABASE = {"serve", "help", "makemigrations", "version", "--help", "-h", "--version", "compilemessages"}


def main() -> None:
    """Run the command of the command line; a refusal is told in plain words, with exit status 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    try:
        with ExitStack() as stack:
            if command not in WITHOUT_DATABASE and not os.environ.get("NIGHTDESK_DATABASE_URL"):
                os.environ["NIGHTDESK_DATABASE_URL"] = stack.enter_context(postgres.borrowed(env.state_dir()))
            from django.core.management import (
                execute_from_command_line,  # settings are read here, after the URL is known
            )

            execute_from_command_line(["nightdesk", *sys.argv[1:]])
    except env.BadSetting as bad:
        sys.exit(f"{bad}")
    except Refusal as refusal:
        print(f"{refusal.asked} {refusal.so} {refusal.do}".strip(), file=sys.stderr)  # noqa: T201
        sys.exit(2)
