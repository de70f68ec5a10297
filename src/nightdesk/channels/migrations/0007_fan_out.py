"""What a message to many says to each, who comes first, and an index for claiming such rows.

Nothing is locked for longer than it takes to note it: the columns have constant defaults, and the index is built beside the
running program, one partition after the other. Every step may be done again, should one be broken off.
"""

from django.db import migrations

COLUMNS = """
ALTER TABLE channels_delivery
    ADD COLUMN IF NOT EXISTS "values" jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS rank smallint NOT NULL DEFAULT 0;
"""
INDEX = "(channel, coalesce(brand_id, 0), rank, due_at) WHERE lane = 'bulk' AND ended_at IS NULL"


def build_index(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS delivery_bulk ON ONLY channels_delivery {INDEX}")
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'channels_delivery'::regclass "
            "AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_inherits a ON a.inhrelid = i.indexrelid "
            "WHERE i.indrelid = pg_inherits.inhrelid AND a.inhparent = 'delivery_bulk'::regclass)"
        )
        for (partition,) in cursor.fetchall():
            index = f"{partition}_bulk"
            cursor.execute(f"DROP INDEX IF EXISTS {index}")  # of a run that was broken off
            cursor.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} {INDEX}")
            cursor.execute(f"ALTER INDEX delivery_bulk ATTACH PARTITION {index}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("channels", "0006_message_mail")]
    operations = [
        migrations.RunSQL(COLUMNS, 'ALTER TABLE channels_delivery DROP COLUMN "values", DROP COLUMN rank'),
        migrations.RunPython(build_index, lambda _apps, editor: editor.execute("DROP INDEX delivery_bulk")),
    ]
