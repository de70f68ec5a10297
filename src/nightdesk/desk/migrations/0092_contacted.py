"""When a customer last came to us of themselves, with an index of the open tickets by it.

Nothing is locked for longer than it takes to note it, and every step may be done again, should one be broken off.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

INDEX = models.Index(
    fields=["brand", "contacted_at"],
    name="ticket_contacted",
    condition=models.Q(
        contacted_at__isnull=False,
        merged_into=None,
        parent=None,
        state__in=["new", "assigned", "in_progress", "pending"],
    ),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("desk", "0091_customers_open")]
    operations = [
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    "ALTER TABLE desk_ticket ADD COLUMN IF NOT EXISTS contacted_at timestamptz",
                    "ALTER TABLE desk_ticket DROP COLUMN contacted_at",
                )
            ],
            [migrations.AddField(model_name="ticket", name="contacted_at", field=models.DateTimeField(null=True))],
        ),
        migrations.RunSQL("DROP INDEX IF EXISTS ticket_contacted", migrations.RunSQL.noop),
        AddIndexConcurrently(model_name="ticket", index=INDEX),
    ]
