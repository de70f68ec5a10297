"""Rows of the floor: leased work, promises, workers, and the answers kept for repeated API calls."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from nightdesk.base.ids import uuid7


class Leased(models.Model):
    """Work that becomes due and is done by whichever worker leases it first.

    A row is open while `ended_at` is None. Open and `leased_by` None: anybody may claim it once `due_at` has come.
    `attempt` counts the leases and fences a late result: what attempt 2 says is ignored when attempt 3 has begun.
    `occurrence` names the one thing that this row stands for; two rows cannot stand for the same.
    """

    CLAIM_KEY: ClassVar[tuple[str, ...]] = ("id",)
    """Columns that find one row; a partitioned table adds its partition key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lane = models.CharField(max_length=20)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    leased_by = models.UUIDField(null=True)
    leased_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Promise(Leased):
    """Something that Nightdesk will do, written in the transaction of the change that made it.

    `kind` names the handler, (`subject_kind`, `subject_id`) what it is about, `why` is the sentence that *What happens
    next* shows, `facts` what the handler needs beyond the subject. It ends kept, void (no longer wanted) or dead (gave
    up, and on the dead-letter list until somebody looks).
    """

    class Ending(models.TextChoices):
        KEPT = "kept"
        VOID = "void"
        DEAD = "dead"

    kind = models.CharField(max_length=60)
    subject_kind = models.CharField(max_length=30)
    subject_id = models.CharField(max_length=60)
    brand_id = models.BigIntegerField(null=True)
    why = models.TextField()
    facts = models.JSONField(default=dict)
    occurrence = models.CharField(max_length=200, null=True)
    cause = models.UUIDField(null=True)
    ended_as = models.CharField(max_length=4, choices=Ending, null=True)
    failure = models.TextField(default="")
    outcome = models.TextField(default="")

    class Meta:
        indexes: ClassVar = [
            # No index knows `leased_by`: leasing a row is then an update that touches no index at all.
            models.Index(fields=["lane", "due_at"], name="promise_due", condition=Q(ended_at=None)),
            models.Index(fields=["subject_kind", "subject_id"], name="promise_subject", condition=Q(ended_at=None)),
            models.Index(fields=["ended_at"], name="promise_dead", condition=Q(ended_as="dead")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "occurrence"], condition=Q(occurrence__isnull=False), name="promise_occurs_once"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_as=None) | Q(ended_at__isnull=False, ended_as__isnull=False),
                name="promise_ends_as_something",
            ),
        ]


class Worker(models.Model):
    """A running worker process. Its leases hold while `beat_at` is fresh (see `base.leases`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()


class IdempotentAnswer(models.Model):
    """What an API caller was told for its `Idempotency-Key`, so that a repeat gets the same answer and does nothing."""

    caller = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller", "key"], name="one_answer_a_key"),
        ]
