"""A message may go out with another to the same reader; an index finds what goes with one.

Nothing is locked for longer than it takes to note it, as in 0007, and every step may be done again.
"""

from django.db import migrations

COLUMN = "ALTER TABLE channels_delivery ADD COLUMN IF NOT EXISTS goes_with uuid"
INDEX = "(goes_with) WHERE goes_with IS NOT NULL"


def build_index(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS delivery_goes_with ON ONLY channels_delivery {INDEX}")
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'channels_delivery'::regclass "
            "AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_inherits a ON a.inhrelid = i.indexrelid "
            "WHERE i.indrelid = pg_inherits.inhrelid AND a.inhparent = 'delivery_goes_with'::regclass)"
        )
        for (partition,) in cursor.fetchall():
            index = f"{partition}_goes_with"
            cursor.execute(f"DROP INDEX IF EXISTS {index}")  # of a run that was broken off
            cursor.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} {INDEX}")
            cursor.execute(f"ALTER INDEX delivery_goes_with ATTACH PARTITION {index}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("channels", "0008_contact_endpoints")]
    operations = [
        migrations.RunSQL(COLUMN, "ALTER TABLE channels_delivery DROP COLUMN goes_with"),
        migrations.RunPython(build_index, lambda _apps, editor: editor.execute("DROP INDEX delivery_goes_with")),
    ]
