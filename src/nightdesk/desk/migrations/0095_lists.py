"""Customers' tickets are counted, and titles searched, in their indexes alone; nobody waits while they are built, and it may be
begun again.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

OF_CUSTOMER = models.Index(
    fields=["customer", "-opened_at", "-id"],
    include=["contact", "state", "merged_into"],
    name="ticket_of_customer",
)
OF_CUSTOMER_OPEN = models.Index(
    fields=["customer", "-opened_at", "-id"],
    include=["contact", "merged_into"],
    name="ticket_of_customer_open",
    condition=models.Q(state__in=["new", "assigned", "in_progress", "pending"]),
)
MAJOR = models.Index(
    fields=["brand"],
    name="ticket_major",
    condition=models.Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None)
    & (models.Q(major=True) | models.Q(major_proposed=True)),
)

# An index of all words would be asked for those that have weight A, and each row be read to see it. As in 0050 nothing but
# the index is offered to the planner.
TITLED = """
CREATE OR REPLACE FUNCTION desk_titled(wanted tsquery, most integer) RETURNS TABLE (ticket_id uuid, at timestamptz)
  LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
  SET jit = off SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  RETURN QUERY SELECT s.ticket_id, s.at FROM desk_searchable s WHERE ts_filter(s.words, '{a}') @@ wanted LIMIT most;
END $$;
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("desk", "0094_worklist")]
    operations = [
        migrations.RunSQL(
            "DROP INDEX IF EXISTS ticket_of_customer, ticket_of_customer_open, ticket_major", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(model_name="ticket", index=MAJOR),
        AddIndexConcurrently(model_name="ticket", index=OF_CUSTOMER),
        AddIndexConcurrently(model_name="ticket", index=OF_CUSTOMER_OPEN),
        RemoveIndexConcurrently(model_name="ticket", name="ticket_customer"),
        RemoveIndexConcurrently(model_name="ticket", name="ticket_customer_open"),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS searchable_titles", migrations.RunSQL.noop),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY searchable_titles ON desk_searchable USING gin (ts_filter(words, '{a}'))",
            "DROP INDEX CONCURRENTLY IF EXISTS searchable_titles",
        ),
        migrations.RunSQL(TITLED, "DROP FUNCTION IF EXISTS desk_titled"),
    ]
