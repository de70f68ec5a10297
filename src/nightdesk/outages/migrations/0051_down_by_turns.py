"""When what an outage touches went down and came up, by turns; of what is on record already, down from its first to its last."""

import django.contrib.postgres.fields
from django.db import migrations, models

# What is less than down by now counted as down until now, and did not come up in figures: from here on it does.
KNOWN = """
UPDATE outages_touched
SET down_at = CASE WHEN effect = 3 THEN ARRAY[since] ELSE ARRAY[since, coalesce(until, nightdesk_now())] END
WHERE worst = 3
"""


class Migration(migrations.Migration):
    dependencies = [
        ("outages", "0050_ways"),
    ]

    operations = [
        migrations.AddField(
            model_name="touched",
            name="down_at",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DateTimeField(), db_default=[], default=list, size=None
            ),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
