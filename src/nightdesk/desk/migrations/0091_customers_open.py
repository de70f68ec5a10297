"""A customer's open tickets, the newest first, by an index; nobody waits while it is built, and it may be begun again."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

INDEX = models.Index(
    fields=["customer", "-opened_at", "-id"],
    name="ticket_customer_open",
    condition=models.Q(state__in=["new", "assigned", "in_progress", "pending"]),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("access", "0003_sessions"),
        ("customers", "0007_subscriptions_end"),
        ("desk", "0090_words_at_once"),
        ("outages", "0052_unsubscribing"),
        ("people", "0020_hours_known"),
    ]
    operations = [
        migrations.RunSQL("DROP INDEX IF EXISTS ticket_customer_open", migrations.RunSQL.noop),
        AddIndexConcurrently(model_name="ticket", index=INDEX),
    ]
