"""The rule of migrations catches what would stop processes of the release before, and lets through what does not."""

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.state import ProjectState

from tools.old_workers import examine, faults_of

SHORT = models.Index(fields=["name"], name="by_name")


def faults(app, *operations, atomic=True):
    """Of a migration that meets a table `app_delivery` with a name and a note."""
    state = ProjectState()
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=80)),
        ("note", models.TextField(null=True)),
    ]
    migrations.CreateModel("Delivery", fields).state_forwards(app, state)
    migration = migrations.Migration("0002_next", app)
    migration.operations, migration.atomic = list(operations), atomic
    return list(faults_of(f"{app}.0002_next", migration, state))


GOOD = {
    "a column that may be empty": migrations.AddField("delivery", "why", models.TextField(null=True)),
    "a column that the database fills": migrations.AddField(
        "delivery", "why", models.TextField(default="", db_default="")
    ),
    "a table with an index": migrations.CreateModel(
        "New", [("id", models.BigAutoField(primary_key=True)), ("x", models.TextField(db_index=True))]
    ),
    "a longer text": migrations.AlterField("delivery", "name", models.CharField(max_length=200)),
}
BAD = {
    "a column that older processes do not fill": migrations.AddField("delivery", "why", models.TextField(default="")),
    "a column that is gone": migrations.RemoveField("delivery", "name"),
    "a column of another name": migrations.RenameField("delivery", "name", "title"),
    "a table that is gone": migrations.DeleteModel("Delivery"),
    "a text that no longer fits": migrations.AlterField("delivery", "name", models.CharField(max_length=20)),
    "what may no longer be empty": migrations.AlterField("delivery", "note", models.TextField()),
    "an index over all of a large table": migrations.AddIndex("delivery", SHORT),
    "a column with an index": migrations.AddField("delivery", "why", models.TextField(null=True, db_index=True)),
    "a rule that all rows are held against": migrations.AddConstraint(
        "delivery", models.CheckConstraint(condition=~models.Q(name=""), name="named")
    ),
    "another type in every row": migrations.AlterField("delivery", "name", models.TextField()),
    "every row of a large table": migrations.RunSQL("UPDATE channels_delivery SET name = ''"),
    "a program beside what is locked": migrations.RunPython(lambda _apps, _editor: None),
    "what hides in another": migrations.SeparateDatabaseAndState(
        database_operations=[migrations.AddIndex("delivery", SHORT)]
    ),
}


@pytest.mark.parametrize("what", GOOD)
def test_what_older_processes_do_not_notice_is_let_through(what):
    assert faults("channels", GOOD[what]) == []


@pytest.mark.parametrize("what", BAD)
def test_what_stops_older_processes_is_told_with_what_does_the_same(what):
    (fault,) = faults("channels", BAD[what])
    assert fault.instead
    assert "channels.0002_next" in str(fault)


def test_an_index_that_nobody_waits_for_and_one_of_a_small_table_are_let_through():
    assert faults("channels", AddIndexConcurrently("delivery", SHORT), atomic=False) == []
    assert faults("small", migrations.AddIndex("delivery", SHORT)) == []


def test_what_is_not_released_yet_keeps_the_rule():
    assert [str(fault) for fault in examine()] == []
