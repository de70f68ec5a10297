"""A new release migrates while processes of this one work on: they do not trip over what it has added."""

from tests.system.night import BO, BO_PHONE, Night, night
from tests.system.stack import until

TABLES = (
    "SELECT format('%I', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relkind IN ('r', 'p') AND NOT relispartition"
)
ADDED = "ALTER TABLE {} ADD COLUMN of_next_release text, ADD COLUMN wanted_by_it text NOT NULL DEFAULT 'so'"
"""What a migration may add while older processes run (`tools/old_workers.py`)."""


def alarm(here: Night, words: str) -> None:
    status, _ = here.stack.post(
        f"/hooks/generic/{here.staged['keys']['generic']}", {"summary": words, "dedup_key": words}
    )
    assert status == 202, here.stack.words()


def test_this_releases_processes_go_on_while_the_next_one_migrates() -> None:
    with night(step_s=24 * 3600, storm_limit=1000) as here:
        for number in range(8):  # often enough that every connection has prepared what it asks
            alarm(here, f"before {number}")
        until(lambda: here.texts_to(BO_PHONE, "before 7"), 20, "pages go out")
        workers = {here.stack.pid_of(name) for name in ("web", "worker")}
        with here.stack.database() as connection:
            connection.execute("SET lock_timeout = '10s'")
            for (table,) in connection.execute(TABLES.encode()).fetchall():
                connection.execute(ADDED.format(table).encode())
        for number in range(8):
            alarm(here, f"after {number}")
        for number in range(8):
            until(lambda: here.texts_to(BO_PHONE, f"after {number}"), 20, "pages still go out")  # noqa: B023
            until(lambda: here.mails_to(BO, f"after {number}"), 20, "mails too")  # noqa: B023
        assert here.stack.get(here.link_in(here.mails_to(BO, "after 7")[0]).removeprefix(here.stack.url))
        assert workers == {here.stack.pid_of(name) for name in ("web", "worker")}
        here.stack.cli("journal", "verify")
