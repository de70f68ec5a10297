"""The command `nightdesk`: Django's management commands behind a thin door.

Commands that need the database find it by themselves: NIGHTDESK_DATABASE_URL if set, else the PostgreSQL of this
installation, which is started for the time of the command when `nightdesk serve` does not run.
"""

import os
import sys
from contextlib import ExitStack

from django.db import ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedFunction, UndefinedTable

from nightdesk import __version__
from nightdesk.base import env, postgres
from nightdesk.base.processes import AlreadyServed, StepFailed
from nightdesk.base.refusals import Refusal

WITHOUT_DATABASE = {
    "serve",
    "help",
    "bench",
    "makemigrations",
    "version",
    "--help",
    "-h",
    "--version",
    "compilemessages",
}
WITHOUT_DATABASE_BY_ITSELF = {"demo"}
"""Commands that need none unless a word follows: `nightdesk demo` is `serve`, `nightdesk demo load` is not."""

SECOND_SITE = ["standby", "serve"]
"""The words that make this installation the second site, whatever NIGHTDESK_ROLE says."""

NOT_MIGRATED = (UndefinedTable, UndefinedFunction, UndefinedColumn)

database_problem = ""
"""Why there is no database, for `nightdesk doctor`, which has to run without one too."""


def needs_database(words: list[str]) -> bool:
    """Whether a command line (without its first word, `nightdesk`) asks anything of the database."""
    command, *rest = words or ["help"]
    if command in WITHOUT_DATABASE or {"--help", "-h"} & set(rest):
        return False
    if words[:2] == SECOND_SITE:
        return False
    return not (command in WITHOUT_DATABASE_BY_ITSELF and all(word.startswith("-") for word in rest))


def main() -> None:
    """Run the command of the command line; a refusal is told in plain words, with exit status 2."""
    global database_problem  # noqa: PLW0603 - one command a process
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    words = sys.argv[1:]
    if words in (["version"], ["--version"]):
        print(__version__)  # noqa: T201 - Django would tell its own
        return
    if words[:2] == SECOND_SITE:
        os.environ["NIGHTDESK_ROLE"] = "standby"
    try:
        with ExitStack() as stack:
            if needs_database(words) and not _database_is_named():
                try:
                    os.environ["NIGHTDESK_DATABASE_URL"] = stack.enter_context(postgres.borrowed(env.state_dir()))
                except postgres.CannotStart as problem:
                    if words[0] != "doctor":
                        raise
                    database_problem = str(problem)
            from django.core.management import (
                execute_from_command_line,  # settings are read here, after the URL is known
            )

            try:
                execute_from_command_line(["nightdesk", *words])
            except ProgrammingError as error:
                if words[:1] == ["migrate"] or not isinstance(error.__cause__, NOT_MIGRATED):
                    raise
                sys.exit("The database has not been brought up to date. Run: nightdesk migrate")
    except (env.BadSetting, postgres.CannotStart, AlreadyServed, StepFailed) as problem:
        sys.exit(str(problem))
    except BrokenPipeError:  # whoever read it has seen enough: `nightdesk journal | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Refusal as refusal:
        print(f"{refusal.asked} {refusal.so} {refusal.do}".strip(), file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _database_is_named() -> bool:
    """Whether the environment says which database to use, directly or by a file."""
    return any(os.environ.get(name, "").strip() for name in ("NIGHTDESK_DATABASE_URL", "NIGHTDESK_DATABASE_URL_FILE"))
