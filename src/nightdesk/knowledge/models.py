"""Procedures and what else is known. Everything belongs to one brand."""

from collections.abc import Mapping
from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise as LazyText
from django.utils.translation import gettext_lazy

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.customers.models import Service
from nightdesk.people.models import Person, Team

CALL_KINDS: Mapping[str, str | LazyText] = {
    "alarm": gettext_lazy("Alarm"),
    "incident": gettext_lazy("Incident"),
    "request": gettext_lazy("Service request"),
    "call": gettext_lazy("Phone call"),
    "access": gettext_lazy("Access request"),
    "planned_work": gettext_lazy("Planned work"),
}
"""Kinds of call that every brand has; `CallKind` has those of its own."""


class CallKind(models.Model):
    """A kind of call that a brand has beside those of everybody."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    key = models.SlugField(max_length=20)
    name = models.CharField(max_length=60)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["brand", "key"], name="one_call_kind_a_key")]


class Fitted(models.Model):
    """Something written for services (none: for every one) and kinds of call (keys; none: for every one)."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    services = models.ManyToManyField(Service, related_name="+")
    calls = models.JSONField(default=list)

    class Meta:
        abstract = True


class Procedure(Fitted):
    """What to do for a service and a kind of call. Its words are those of its versions: `published` is what is shown, the
    latest may be a draft beyond it.

    `part` is a machine or part as alarms name it, with `*`. `owner` is asked to look through it at `review_at`.
    """

    title = models.CharField(max_length=200)
    """That of the published version, else of the latest."""
    part = models.CharField(max_length=200, default="")
    owner = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    published = models.OneToOneField("Version", models.PROTECT, null=True, related_name="+")
    latest = models.PositiveIntegerField(default=0)
    """The number of its latest version."""
    review_days = models.PositiveIntegerField(default=180)
    """How long after it was looked through it has to be again; 0: never."""
    review_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)
    words = SearchVectorField(null=True)
    """What is searched: the folded words of the published and of the latest version."""

    class Meta:
        ordering: ClassVar = ["title", "id"]
        indexes: ClassVar = [
            GinIndex(fields=["words"], name="procedure_words"),
            models.Index(fields=["brand"], condition=Q(retired_at=None), name="procedures_in_use"),
        ]

    def __str__(self) -> str:
        return self.title


class Version(models.Model):
    """The words of a procedure as somebody saved them; never changed afterwards."""

    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    body = models.TextField()
    why = models.CharField(max_length=300, default="")
    by_name = models.CharField(max_length=120)
    by_id = models.CharField(max_length=60)
    at = models.DateTimeField()
    restored_from = models.PositiveIntegerField(null=True)
    """The number of the older version whose words these are."""

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["procedure", "number"], name="one_version_a_number")]


class Reading(models.Model):
    """Somebody says that they have read this version."""

    version = models.ForeignKey(Version, models.CASCADE, related_name="readings")
    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["version", "person"], name="read_once")]


class Proposal(models.Model):
    """Other words for a procedure, by somebody who met it: `version` is what they had before them.

    `subject_kind` and `subject_id` are the page or ticket it came from. `accepted` None: nobody has said yet.
    """

    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="proposals")
    version = models.ForeignKey(Version, models.PROTECT, related_name="+")
    body = models.TextField()
    why = models.CharField(max_length=300)
    subject_kind = models.CharField(max_length=30, default="")
    subject_id = models.CharField(max_length=60, default="")
    by_name = models.CharField(max_length=120)
    by_person = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    accepted = models.BooleanField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=120, default="")
    word = models.CharField(max_length=300, default="")
    """What whoever decided said about it."""
    became = models.ForeignKey(Version, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["procedure"], condition=Q(accepted=None), name="proposals_open")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(accepted=None, decided_at=None) | Q(accepted__isnull=False, decided_at__isnull=False),
                name="decided_with_a_time",
            )
        ]


class Run(models.Model):
    """A procedure opened for a subject, step by step. It keeps the version that it began with."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    procedure = models.ForeignKey(Procedure, models.PROTECT, related_name="runs")
    version = models.ForeignKey(Version, models.PROTECT, related_name="runs")
    subject_kind = models.CharField(max_length=30)
    subject_id = models.CharField(max_length=60)
    by_name = models.CharField(max_length=120)
    at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    """When its last step was done or left out."""

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["subject_kind", "subject_id"], name="runs_about")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["procedure", "subject_kind", "subject_id"],
                condition=Q(finished_at=None),
                name="one_open_run_a_subject",
            )
        ]


class SettledStep(models.Model):
    """A check-step of a run that was done or left out."""

    class Outcome(models.TextChoices):
        DONE = "done"
        SKIPPED = "skipped"

    run = models.ForeignKey(Run, models.CASCADE, related_name="settled")
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=7, choices=Outcome)
    note = models.CharField(max_length=1000, default="")
    by_name = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "number"], name="one_outcome_a_step")]


class Saying(Fitted):
    """What the desk says for a service and a kind of call. Shown only while `approved_at` is set; new words take it away."""

    title = models.CharField(max_length=120)
    text = models.TextField()
    written_by = models.CharField(max_length=120)
    written_at = models.DateTimeField()
    approved_by = models.CharField(max_length=120, default="")
    approved_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["title", "id"]


class Template(models.Model):
    """A text with placeholders (see `phrases`) in one language, for one use."""

    class Use(models.TextChoices):
        REPLY = "reply"
        MACRO = "macro"
        AUTO_REPLY = "auto_reply"
        CLOSING = "closing"
        ACK = "ack"

    brand = models.ForeignKey(Brand, models.CASCADE)
    use = models.CharField(max_length=10, choices=Use)
    name = models.CharField(max_length=80)
    language = models.CharField(max_length=10, default="en-gb")
    subject = models.CharField(max_length=200, default="")
    body = models.TextField()
    edited_by = models.CharField(max_length=120)
    edited_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["use", "name", "language"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "use", "name", "language"], name="one_template_a_language")
        ]


class Spare(models.Model):
    """Things that lie ready at a site. `low_at`: with so few left somebody should get more; 0: never."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    site = models.CharField(max_length=120)
    what = models.CharField(max_length=160)
    place = models.CharField(max_length=160, default="")
    contact = models.CharField(max_length=200, default="")
    """Who opens the door, and how they are reached."""
    count = models.PositiveIntegerField(default=0)
    low_at = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)
    counted_by = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["site", "what"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "site", "what", "place"], name="one_row_a_spare"),
            models.CheckConstraint(condition=Q(count__gte=0), name="no_fewer_than_none"),
        ]

    @property
    def is_low(self) -> bool:
        """Whether somebody should get more."""
        return self.low_at > 0 and self.count <= self.low_at


class Briefing(models.Model):
    """What teams and persons have to have read: a new service, a new way. Whoever is in a team when asked must confirm it.

    `due_at`: until when all should have. Those who have not are reminded every `remind_days` (0: never) until it is closed.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    title = models.CharField(max_length=160)
    body = models.TextField()
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="+")
    teams = models.ManyToManyField(Team, related_name="+")
    persons = models.ManyToManyField(Person, related_name="+")
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    remind_days = models.PositiveIntegerField(default=2)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-made_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["brand"], condition=Q(closed_at=None), name="briefings_open")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(due_at__gt=F("made_at")), name="due_after_it_is_made")
        ]


class Confirmation(models.Model):
    """Somebody says that they have read a briefing and can work with it."""

    briefing = models.ForeignKey(Briefing, models.CASCADE, related_name="confirmations")
    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    via = models.CharField(max_length=10)

    class Meta:
        ordering: ClassVar = ["at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["briefing", "person"], name="confirmed_once")]


class Phrase(models.Model):
    """What customers are told of a service's `effect` (reduced, degraded, down), in one language: what stops working for them.

    `text` may name `{{ service }}`, what they call it; `workaround` is what helps meanwhile, "" for nothing. Without a service
    it is for those that have no phrase of their own.
    """

    class Effect(models.TextChoices):
        REDUCED = "reduced"
        DEGRADED = "degraded"
        DOWN = "down"

    brand = models.ForeignKey(Brand, models.CASCADE)
    service = models.ForeignKey(Service, models.CASCADE, null=True, related_name="+")
    effect = models.CharField(max_length=8, choices=Effect)
    language = models.CharField(max_length=10, default="en-gb")
    text = models.CharField(max_length=300)
    workaround = models.CharField(max_length=300, default="", blank=True)
    edited_by = models.CharField(max_length=120)
    edited_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["service__name", "-effect", "language"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["brand", "service", "effect", "language"], name="one_phrase_an_effect", nulls_distinct=False
            )
        ]
