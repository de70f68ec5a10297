from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keeping", "0002_exports")]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("of", models.CharField(help_text="whose, as traces.subject_of takes it", max_length=300)),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=120)),
                ("begun_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("rows", models.BigIntegerField(default=0)),
                ("done", models.CharField(default="", max_length=200)),
                ("failure", models.TextField(default="")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("of",), name="one_erasure_on_its_way"
                    )
                ],
            },
        ),
    ]
