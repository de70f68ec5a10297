"""An empty database gets the same tables, indexes, constraints, triggers and policies as by Django's own way."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from nightdesk.base import postgres
from tests.schema import ROOT, programs

DJANGOS_OWN = (
    "from django.db.migrations.executor import MigrationExecutor; first_tables.FirstExecutor = MigrationExecutor; "
)
MIGRATE = "import sys; from nightdesk import cli; from nightdesk.base import first_tables; {}cli.main()"

ASKED = """
    SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, is_identity, generation_expression
        FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL, NULL, NULL
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), NULL, NULL, NULL, NULL
        FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'policy', tablename, policyname, qual, cmd, with_check, NULL, NULL FROM pg_policies
"""


def made_by(way: str) -> set[tuple[str | None, ...]]:
    """What stands in the catalogues of a database that was migrated from nothing."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-first-") as folder:
        state = Path(folder)
        state.chmod(0o711)
        server = postgres.Server(state, choice=[programs()])
        url = server.start()
        try:
            inside = {"NIGHTDESK_STATE_DIR": folder, "NIGHTDESK_DATABASE_URL": url, "PYTHONPATH": str(ROOT / "src")}
            command = [sys.executable, "-c", MIGRATE.format(way), "migrate", "--verbosity", "0"]
            subprocess.run(command, check=True, env=os.environ | inside, cwd=ROOT)
            with psycopg.connect(url) as opened:
                return set(opened.execute(ASKED).fetchall())
        finally:
            server.stop()


def test_an_empty_database_gets_the_same_tables_as_by_djangos_own_way():
    quick = made_by("")
    assert len([each for each in quick if each[0] == "column"]) > 1000
    assert quick ^ made_by(DJANGOS_OWN) == set()
