"""Two columns of the watch that nothing ever read."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("standby", "0001_initial")]

    operations = [
        migrations.RemoveField(model_name="watchrow", name="answered_at"),
        migrations.RemoveField(model_name="watchrow", name="tests_since"),
    ]
