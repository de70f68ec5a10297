"""What was backed up, and whether it was proved; and whose data was asked to be handed out, or to be erased."""

from django.db import models


class Backup(models.Model):
    """One backup: asked for, made, verified, and in the end thinned out. `ended_at` None: not made yet, or at it now.

    `done` says in words what it is at. The file itself stands in `places.FOLDER`; the row is only what is known of it.
    """

    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=120)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    file = models.CharField(max_length=120, default="")
    size = models.BigIntegerField(default=0, help_text="bytes of the file, sealed")
    rows = models.BigIntegerField(default=0)
    files = models.IntegerField(default=0)
    done = models.CharField(max_length=200, default="")
    failure = models.TextField(default="")

    class Meta:
        constraints = (
            # Two that nobody has begun would be the same backup twice.
            models.UniqueConstraint(
                fields=["begun_at"], condition=models.Q(begun_at=None, ended_at=None), nulls_distinct=False,
                name="one_backup_waits",
            ),
        )  # fmt: skip
        indexes = (models.Index(fields=["-asked_at"], name="backups_newest_first"),)


class Export(models.Model):
    """All that is known of one person, asked for as a zip. `ended_at` None: it waits, or is being written, and `done` says what
    it is at. Row and file (`places.export_file`) stay for a day; erasing the person takes them along.
    """

    of = models.CharField(max_length=300, help_text="whose, as traces.subject_of takes it")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=120)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0, help_text="bytes of the zip")
    rows = models.BigIntegerField(default=0)
    done = models.CharField(max_length=200, default="")
    failure = models.TextField(default="")

    class Meta:
        constraints = (
            # Whoever asks again meanwhile is given the one that is on its way.
            models.UniqueConstraint(fields=["of"], condition=models.Q(ended_at=None), name="one_export_on_its_way"),
        )


class Erasure(models.Model):
    """What is known of one person is to go. `ended_at` None: it waits, or goes just now, and `done` says what is at hand. Once
    it is done the row names nobody any more (`of` is empty) and stays for a day.
    """

    of = models.CharField(max_length=300, help_text="whose, as traces.subject_of takes it")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=120)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    done = models.CharField(max_length=200, default="")
    failure = models.TextField(default="")

    class Meta:
        constraints = (
            # Whoever asks again meanwhile is given the one that is on its way.
            models.UniqueConstraint(fields=["of"], condition=models.Q(ended_at=None), name="one_erasure_on_its_way"),
        )
