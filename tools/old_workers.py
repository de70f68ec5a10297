"""Migrations that processes of the release before live through: an upgrade goes machine by machine, and nothing waits for it.

    python -m tools.old_workers            what breaks the rule, if anything
    python -m tools.old_workers --release  what there is now is released: from here on only what comes is looked at

While a new release migrates, processes of the old one read and write. So nothing of theirs goes, what is new they need not know,
and tables that grow with each alarm, mail or call are locked for no longer than it takes to note a column.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RELEASED = Path(__file__).with_name("released.json")
LARGE = frozenset({
    "base_promise", "calls_call", "calls_event", "calls_leg", "channels_attempt", "channels_delivery", "channels_message",
    "desk_entry", "desk_ticket", "journal_entry", "mailroom_mail", "outages_told", "paging_alarm", "paging_page",
})  # fmt: skip
ALLOWED: dict[str, str] = {
    "desk.0090_words_at_once": "What updates stands in a function; a trigger is exchanged, which takes as long as a column.",
}
"""`app.migration` whose faults are meant, and why."""
_LOCKS = re.compile(
    r"LOCK\s+TABLE|CREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)|SET\s+NOT\s+NULL|\bTYPE\s|UPDATE\s", re.IGNORECASE
)


@dataclass(frozen=True)
class Fault:
    """What a migration may not do, and what does the same."""

    migration: str
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.what} {self.instead}"


def faults_of(name: str, migration: Any, state: Any) -> Iterator[Fault]:
    """Everything of the migration that breaks the rule. `state`: the models before it (a ProjectState), changed on the way."""
    app, made = migration.app_label, set[str]()
    for operation in _flat(migration.operations):
        for what, instead in _faults(app, operation, state, made, atomic=migration.atomic):
            yield Fault(name, what, instead)
        if type(operation).__name__ == "CreateModel":
            made.add(operation.name_lower)
        operation.state_forwards(app, state)


def _flat(operations: Iterable[Any]) -> Iterator[Any]:
    for operation in operations:
        if type(operation).__name__ == "SeparateDatabaseAndState":
            yield from _flat(operation.database_operations)
            yield from _flat(operation.state_operations)
        else:
            yield operation


def _faults(app: str, operation: Any, state: Any, made: set[str], *, atomic: bool) -> Iterator[tuple[str, str]]:
    kind = type(operation).__name__
    model = str(getattr(operation, "model_name_lower", getattr(operation, "name_lower", "")))
    if model in made:
        return
    table = f"{app}_{model}"
    match kind:
        case "RemoveField" | "DeleteModel" | "RenameField" | "RenameModel" | "AlterModelTable":
            yield (
                f"{kind} of {table}: older processes still use it.",
                "Stop using it in this release, and let the next one take it away (then list it in ALLOWED).",
            )
        case "AddField" if not _may_be_left_out(operation.field):
            yield (
                f"{table}.{operation.name} must be given, and older processes do not know it.",
                "Give it null=True or a db_default.",
            )
        case "AddField" if table in LARGE and getattr(operation.field, "db_index", False):
            yield (
                f"{table}.{operation.name} builds an index, and nobody writes meanwhile.",
                ("Use db_index=False, and AddIndexConcurrently in a migration with atomic = False."),
            )
        case "AddIndex" | "AddConstraint" if table in LARGE:
            yield (
                f"{kind} on {table}: nobody writes meanwhile.",
                ("Use AddIndexConcurrently or AddConstraintNotValid and ValidateConstraint, with atomic = False."),
            )
        case "AlterField":
            yield from _of_altered(table, operation, state.models[app, model].fields[operation.name])
        case "RunSQL":
            said = str(operation.sql)
            if (locked := [each for each in LARGE if re.search(rf"\b{each}\b", said)]) and _LOCKS.search(said):
                yield (
                    f"RunSQL locks or rewrites {', '.join(sorted(locked))}.",
                    "Do it in pieces, by a chore of the worker.",
                )
        case "RunPython" if atomic:
            yield (
                "RunPython in one transaction with the rest holds what the rest has locked.",
                ("Put it into a migration of its own with atomic = False, in pieces; or list it in ALLOWED."),
            )


def _may_be_left_out(field: Any) -> bool:
    from django.db.models import NOT_PROVIDED

    return bool(field.null or field.many_to_many or field.db_default is not NOT_PROVIDED or field.generated)


def _of_altered(table: str, operation: Any, before: Any) -> Iterator[tuple[str, str]]:
    after = operation.field
    if before.null and not after.null:
        yield (
            f"{table}.{operation.name} must be given from now on.",
            "Older processes may leave it empty: do it a release later.",
        )
    if table in LARGE and type(before) is not type(after):
        yield f"{table}.{operation.name} is written anew in every row.", "Add a column, and fill it in pieces."
    had, has = (getattr(each, "max_length", None) for each in (before, after))
    if had is not None and has is not None and has < had:
        yield f"{table}.{operation.name} becomes shorter than what older processes write.", "Do it a release later."


def examine() -> list[Fault]:
    """Of every migration that is not released."""
    loader, released = _loader(), json.loads(RELEASED.read_text())
    found: list[Fault] = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if _is_ours(migration) and f"{app}.{name}" not in ALLOWED and name[:4] > released.get(app, ""):
            state = loader.project_state((app, name), at_end=False)
            found += faults_of(f"{app}.{name}", migration, state)
    return found


def release() -> None:
    """What there is now is released."""
    newest: dict[str, str] = {}
    for (app, name), migration in _loader().disk_migrations.items():
        if _is_ours(migration):
            newest[app] = max(newest.get(app, ""), name[:4])
    RELEASED.write_text(json.dumps(newest, indent=2, sort_keys=True) + "\n")


def _is_ours(migration: Any) -> bool:
    return type(migration).__module__.startswith("nightdesk.")


def _loader() -> Any:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
    django.setup()
    from django.db.migrations.loader import MigrationLoader

    return MigrationLoader(None, ignore_no_migrations=True)


def main() -> int:
    """Say what breaks the rule; 1 where something does."""
    if "--release" in sys.argv[1:]:
        release()
        return 0
    found = examine()
    for fault in found:
        print(fault, file=sys.stderr)
    if not found:
        print("Migrations: processes of the release before live through them.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
