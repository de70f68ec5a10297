"""What lists are counted and put in order by stands in the index; nobody waits while it is built, and it may be begun again."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

INDEX = models.Index(
    fields=["brand", "next_step_at"],
    include=["state", "pending_reason", "assignee", "outage", "customer_wrote_at", "priority", "opened_at", "id"],
    name="ticket_worklist",
    condition=models.Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("desk", "0093_what_is_asked_for")]
    operations = [
        migrations.RunSQL("DROP INDEX IF EXISTS ticket_worklist", migrations.RunSQL.noop),
        AddIndexConcurrently(model_name="ticket", index=INDEX),
        RemoveIndexConcurrently(model_name="ticket", name="ticket_next_step"),
    ]
