"""The record's rows. The tables are made by the first migration in SQL, partitioned by month; the database itself
refuses to change or delete an entry, a seal, or the table as a whole (a month that is over may be dropped).
"""

from typing import ClassVar

from django.db import models


class Entry(models.Model):
    """One thing that happened. `facts` holds no personal text: that lies in `PersonalText`, under `commitment`.

    The table also has `xid`, the transaction that wrote it, which the sealer goes by.
    """

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=60)
    version = models.PositiveSmallIntegerField()
    by_kind = models.CharField(max_length=12)
    by_id = models.CharField(max_length=60)
    by_name = models.CharField(max_length=120)
    via = models.CharField(max_length=10)
    subject_kind = models.CharField(max_length=30)
    subject_id = models.CharField(max_length=60)
    brand_id = models.BigIntegerField(null=True)
    cause = models.UUIDField(null=True)
    facts = models.JSONField(default=dict)
    commitment = models.BinaryField(null=True)

    class Meta:
        managed = False
        db_table = "journal_entry"


class PersonalText(models.Model):
    """Words that may have to be erased. The entry keeps sha256(salt + text), which tells nothing once this is gone."""

    entry_id = models.UUIDField(primary_key=True)
    salt = models.BinaryField()
    text = models.TextField()


class Seal(models.Model):
    """Entries of one `month` written by transactions in [`from_xid`, `to_xid`), pinned by their `root`.

    A month's seals follow each other without a gap, from transaction 0. `digest` covers this seal and the one before it
    (of whichever month), so that nothing can be taken out between two of them.
    """

    id = models.BigAutoField(primary_key=True)
    month = models.DateField()
    from_xid = models.BigIntegerField()
    to_xid = models.BigIntegerField()
    count = models.PositiveIntegerField()
    root = models.BinaryField()
    previous = models.BinaryField()
    digest = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        managed = False  # made with the entries, so that tests which empty managed tables are not refused
        db_table = "journal_seal"
        ordering: ClassVar = ["id"]


class FeedLink(models.Model):
    """The secret address of one reader's feed, which `serial` is part of: another one revokes it. Without a row it is 1."""

    reader_kind = models.CharField(max_length=12)
    reader_id = models.CharField(max_length=60)
    serial = models.PositiveIntegerField(default=1)
    renewed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["reader_kind", "reader_id"], name="one_journal_feed")]
