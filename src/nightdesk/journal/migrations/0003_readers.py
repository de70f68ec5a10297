"""Secret addresses of feeds, and indexes for whoever reads by person and by door."""

from django.db import migrations, models

INDEXES = """
CREATE INDEX journal_by ON journal_entry (by_kind, by_id, at DESC);
-- What people do by hand; machines' doors are most of the record, and whoever asks for them finds them anywhere.
CREATE INDEX journal_via ON journal_entry (via, at DESC) WHERE via <> 'worker' AND via <> 'hook';
"""


class Migration(migrations.Migration):
    dependencies = [("journal", "0002_entries")]
    operations = [
        migrations.CreateModel(
            name="FeedLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reader_kind", models.CharField(max_length=12)),
                ("reader_id", models.CharField(max_length=60)),
                ("serial", models.PositiveIntegerField(default=1)),
                ("renewed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("reader_kind", "reader_id"), name="one_journal_feed")]
            },
        ),
        migrations.RunSQL(INDEXES, "DROP INDEX journal_by, journal_via"),
    ]
