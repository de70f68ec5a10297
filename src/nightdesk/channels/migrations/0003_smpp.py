"""What a hand-over cost and how the provider calls its parts; pieces of long replies."""

from django.db import migrations, models

COST = """
ALTER TABLE channels_attempt
    ADD COLUMN parts smallint NOT NULL DEFAULT 0,
    ADD COLUMN price numeric(12, 6),
    ADD COLUMN currency varchar(3) NOT NULL DEFAULT '',
    ADD COLUMN part_ids varchar(65)[] NOT NULL DEFAULT '{}';
CREATE INDEX attempt_part_ids ON channels_attempt USING gin (part_ids) WHERE parts > 1;
"""


class Migration(migrations.Migration):
    dependencies = [("channels", "0002_ledger")]
    operations = [
        migrations.RunSQL(
            COST,
            "DROP INDEX attempt_part_ids; ALTER TABLE channels_attempt DROP COLUMN parts, DROP COLUMN price,"
            " DROP COLUMN currency, DROP COLUMN part_ids",
        ),
        migrations.AddField("inbound", "part", models.JSONField(default=dict)),
    ]
