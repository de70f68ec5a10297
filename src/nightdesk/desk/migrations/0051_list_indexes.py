"""Each list of tickets has an index that gives it its order; those that only repeat the beginning of another go."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

OPEN = Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None)


def _plain(model, field, to, on_delete, **more):
    deleting = getattr(django.db.models.deletion, on_delete)
    return migrations.AlterField(model, field, models.ForeignKey(to=to, on_delete=deleting, db_index=False, **more))


class Migration(migrations.Migration):
    dependencies = [("desk", "0050_search")]

    operations = [
        migrations.AddIndex("ticket", models.Index(fields=["-opened_at", "-id"], name="ticket_newest_of_all")),
        migrations.AddIndex(
            "ticket", models.Index(fields=["brand", "state", "-opened_at", "-id"], name="ticket_state")
        ),
        migrations.AddIndex(
            "ticket", models.Index(fields=["brand", "priority", "-opened_at", "-id"], name="ticket_priority")
        ),
        migrations.AddIndex(
            "ticket", models.Index(fields=["queue", "priority", "opened_at"], name="ticket_queue", condition=OPEN)
        ),
        migrations.AddIndex(
            "ticket", models.Index(fields=["team", "priority", "opened_at"], name="ticket_team", condition=OPEN)
        ),
        migrations.AddIndex(
            "ticket", models.Index(fields=["brand", "next_step_at"], name="ticket_next_step", condition=OPEN)
        ),
        _plain("entry", "ticket", "desk.ticket", "CASCADE", related_name="entries"),
        _plain("party", "ticket", "desk.ticket", "CASCADE", related_name="parties"),
        _plain("ticket", "brand", "access.brand", "PROTECT"),
        _plain("ticket", "contact", "customers.contact", "SET_NULL", null=True),
        _plain("ticket", "customer", "customers.customer", "PROTECT", null=True),
        _plain("ticket", "merged_into", "desk.ticket", "PROTECT", null=True, related_name="merged"),
        _plain("ticket", "parent", "desk.ticket", "PROTECT", null=True, related_name="children"),
    ]
