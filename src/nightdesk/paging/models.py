"""Pages, the alarms behind them, who sends alarms, and the policies that say whom to ring."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.customers.models import Customer, Hours, Service
from nightdesk.people.models import Person, Team


class Policy(models.Model):
    """An escalation policy; `stamp` is `decide.policy_as_json`. A page keeps the stamp it started with."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    stamp = models.JSONField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["brand", "name"], name="one_policy_a_name")]

    def __str__(self) -> str:
        return self.name


class Integration(models.Model):
    """A system that sends alarms. Its key is secret: only the SHA-256 is kept.

    `may_wake` and `hours` are its own rule for alarms without a customer: outside the hours only these priorities ring.
    `priorities` maps the sender's severities to priorities; `storm_limit` pages of one service may stand alone.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    format = models.CharField(max_length=20)
    hint = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    policy = models.ForeignKey(Policy, models.PROTECT)
    team = models.ForeignKey(Team, models.PROTECT, null=True)
    """Whose manager, and whose everybody, an unanswered page ends with."""
    service = models.ForeignKey(Service, models.PROTECT, null=True)
    hours = models.ForeignKey(Hours, models.PROTECT, null=True)
    may_wake = models.JSONField(default=list)
    priorities = models.JSONField(default=dict)
    storm_limit = models.PositiveIntegerField(default=5)
    created_at = models.DateTimeField()
    last_heard_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    shadow_since = models.DateTimeField(null=True)
    """Since then its alarms wake nobody here: the old pager still does, and the two are compared."""
    shadow_hour = models.PositiveSmallIntegerField(default=8)
    """The local hour of the brand at which the comparison of the day before goes out."""

    def __str__(self) -> str:
        return self.name


class MailRules(models.Model):
    """What mails to the integration mean: `formats.email_rules.rules_as_json`, tried in order."""

    integration = models.OneToOneField(Integration, models.CASCADE, related_name="mail_rules")
    rules = models.JSONField(default=list)


class RawAlarm(models.Model):
    """What came in at the door, byte for byte, before anybody read it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_index=True)
    integration = models.ForeignKey(Integration, models.SET_NULL, null=True)
    format = models.CharField(max_length=20)
    headers = models.JSONField(default=dict)
    query = models.JSONField(default=dict)
    body = models.BinaryField()
    status = models.PositiveSmallIntegerField()
    """What the sender was answered."""
    error = models.TextField(default="")


class StormGate(models.Model):
    """One row for each stream of alarms that may become a storm; its lock puts them in a queue."""

    integration = models.ForeignKey(Integration, models.CASCADE)
    key = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["integration", "key"], name="one_gate_a_stream")]


class Page(models.Model):
    """A call for a person. `state` moves only in `actions._move`. `code` is the short word people text back; unique among
    open pages. `policy` is the stamp taken at the start, `rung` the one that is rung next, `rings` how often it has rung.
    """

    class State(models.TextChoices):
        TRIGGERED = "triggered"
        ACKNOWLEDGED = "acknowledged"
        RESOLVED = "resolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT)
    code = models.CharField(max_length=8)
    state = models.CharField(max_length=12, choices=State, default=State.TRIGGERED)
    priority = models.PositiveSmallIntegerField()
    """1 to 5; P1 is 1."""
    urgency = models.CharField(max_length=4)
    title = models.CharField(max_length=300)
    details = models.JSONField(default=dict)
    integration = models.ForeignKey(Integration, models.PROTECT, null=True)
    service = models.ForeignKey(Service, models.PROTECT, null=True)
    customer = models.ForeignKey(Customer, models.PROTECT, null=True)
    team = models.ForeignKey(Team, models.PROTECT, null=True)
    component = models.CharField(max_length=200, default="")
    gate = models.ForeignKey(StormGate, models.PROTECT, null=True)
    policy = models.JSONField()
    rung = models.PositiveIntegerField(default=0)
    rings = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    rings_from = models.DateTimeField()
    """Later than `started_at` when it waits for the opening."""
    owner = models.ForeignKey(Person, models.PROTECT, null=True, related_name="owned_pages")
    acknowledged_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    last_sign_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolution = models.TextField(default="")
    folded_at = models.DateTimeField(null=True)
    folded_into = models.ForeignKey("self", models.PROTECT, null=True)
    alarm_count = models.PositiveIntegerField(default=0)
    unreached = models.BooleanField(default=False)
    """Nobody who was rung last can be woken: Tonight says so in red."""
    shadow = models.BooleanField(default=False)
    """Its ladder runs on paper (`PaperRing`): nothing leaves the house for it."""

    class Meta:
        ordering: ClassVar = ["-started_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code"], condition=~Q(state="resolved"), name="one_open_page_a_code"),
            models.CheckConstraint(
                condition=~Q(state="acknowledged") | Q(owner__isnull=False), name="somebody_has_what_is_acknowledged"
            ),
            models.CheckConstraint(
                condition=Q(state="resolved", resolved_at__isnull=False) | (~Q(state="resolved") & Q(resolved_at=None)),
                name="resolved_at_some_instant",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-started_at"], name="page_open", condition=~Q(state="resolved")),
            models.Index(fields=["gate", "-started_at"], name="page_gate", condition=~Q(state="resolved")),
            models.Index(fields=["brand", "-started_at"], name="page_brand"),
            models.Index(fields=["service", "component", "-resolved_at"], name="page_last_time"),
            models.Index(fields=["code", "-started_at"], name="page_code"),
        ]


class Alarm(models.Model):
    """A fault as its sender names it (`dedup_key`), from its first trigger to its resolve. Two open ones cannot be one.

    `page` None: it came under a silence, and nobody was told; `signal` is what a page needs that stands nowhere else here.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(Integration, models.PROTECT)
    dedup_key = models.CharField(max_length=255)
    page = models.ForeignKey(Page, models.PROTECT, null=True, related_name="alarms")
    silence = models.ForeignKey("Silence", models.PROTECT, null=True, related_name="alarms")
    """The last silence that kept it quiet, if any did."""
    signal = models.JSONField(default=dict)
    summary = models.TextField()
    severity = models.CharField(max_length=10, default="")
    source = models.CharField(max_length=300, default="")
    details = models.JSONField(default=dict)
    links = models.JSONField(default=list)
    count = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["integration", "dedup_key"], condition=Q(resolved_at=None), name="one_open_alarm_a_key"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["page", "-last_at"], name="alarm_by_page"),
            models.Index(fields=["silence"], name="alarm_by_silence", condition=Q(silence__isnull=False)),
        ]


class Heartbeat(models.Model):
    """Something that must be heard from again and again; an alarm of its `integration` when it stops. Its key is secret:
    only the SHA-256 is kept. Either `every` or `cron` (five fields, by the clocks of `zone`) says when.

    `heard_at`: from when the next beat is counted, which is its last beat or the moment at which it was set going.
    `expected_at` and `late_at` follow from that; `unheard_at` is set when a beat fell into an absence of ours.
    """

    class State(models.TextChoices):
        NEW = "new"
        WELL = "well"
        LATE = "late"
        PAUSED = "paused"

    brand = models.ForeignKey(Brand, models.CASCADE)
    integration = models.ForeignKey(Integration, models.PROTECT)
    name = models.CharField(max_length=80)
    hint = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    every = models.DurationField(null=True)
    cron = models.CharField(max_length=100, default="")
    zone = models.CharField(max_length=50, default="UTC")
    grace = models.DurationField()
    priority = models.PositiveSmallIntegerField(default=2)
    state = models.CharField(max_length=6, choices=State, default=State.NEW)
    failed = models.BooleanField(default=False)
    """It is late because it said itself that it failed."""
    heard_at = models.DateTimeField()
    last_beat_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    """When its present run began, where it says so."""
    expected_at = models.DateTimeField(null=True)
    late_at = models.DateTimeField(null=True)
    unheard_at = models.DateTimeField(null=True)
    beats = models.PositiveBigIntegerField(default=0)
    paused_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["brand", "name"], condition=Q(removed_at=None), name="one_heartbeat_a_name"
            ),
            models.CheckConstraint(
                condition=Q(every__isnull=False, cron="") | (Q(every=None) & ~Q(cron="")),
                name="heartbeat_every_or_by_schedule",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Beat(models.Model):
    """One of a heartbeat's last beats. `slot` goes round, so that a heartbeat never has more than so many rows."""

    heartbeat = models.ForeignKey(Heartbeat, models.CASCADE, related_name="log")
    slot = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    what = models.CharField(max_length=5)
    """ok, start or fail."""
    via = models.CharField(max_length=20)
    sender = models.CharField(max_length=200, default="")
    body = models.TextField(default="")
    took = models.DurationField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["heartbeat", "slot"], name="one_beat_a_slot")]


class OpenDoor(models.Model):
    """The one row that web processes sign while they can take in what is sent: `seen_at` is the last time."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seen_at = models.DateTimeField()
    missed_at = models.DateTimeField(null=True)
    """Since when the worker has found it shut."""


class Absence(models.Model):
    """A time during which nobody could reach our door: what did not come then is not held against its sender."""

    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(db_index=True)


class PlannedWork(models.Model):
    """Work on parts that may raise alarms meanwhile: its silences hold from `from_at` to `until_at`, and only theirs.

    `attended`: somebody must say that it is done, and a page asks for it at the end; else it ends by itself. `weekly`:
    the next one is written when this one begins, at the same time by the clocks of `zone`; `series` is common to them.
    """

    class State(models.TextChoices):
        PLANNED = "planned"
        IN_PROGRESS = "in_progress"
        COMPLETED = "completed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    series = models.UUIDField(db_index=True)
    brand = models.ForeignKey(Brand, models.PROTECT)
    title = models.CharField(max_length=200)
    services = models.ManyToManyField(Service)
    parts = models.JSONField(default=list)
    """Machines and parts as alarms name them; `*` stands for anything."""
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    planned_until_at = models.DateTimeField()
    """Its end before anybody extended it: weekly work is planned by this."""
    state = models.CharField(max_length=11, choices=State, default=State.PLANNED)
    person = models.ForeignKey(Person, models.PROTECT, null=True)
    """Who does it."""
    policy = models.ForeignKey(Policy, models.PROTECT, null=True)
    attended = models.BooleanField(default=True)
    weekly = models.BooleanField(default=False)
    zone = models.CharField(max_length=50, default="UTC")
    extended = models.PositiveSmallIntegerField(default=0)
    overran_at = models.DateTimeField(null=True)
    page = models.ForeignKey(Page, models.PROTECT, null=True)
    """What was raised when it overran."""
    made_by = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["from_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(until_at__gt=models.F("from_at")), name="work_ends_after_it_begins")
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "from_at"], name="work_open", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return self.title


class Silence(models.Model):
    """Alarms that fit all that is named here are kept and counted, and ring nobody, in `[from_at, until_at)`.

    None and "" name nothing. `part` is a machine or part, `summary` stands somewhere in the alarm's words, `*` stands
    for anything; `priorities` empty: all of them. `work`: it belongs to planned work. `ended_at`: it holds no more, and
    what was still firing then has paged.
    """

    brand = models.ForeignKey(Brand, models.PROTECT)
    work = models.ForeignKey(PlannedWork, models.PROTECT, null=True, related_name="silences")
    integration = models.ForeignKey(Integration, models.PROTECT, null=True)
    service = models.ForeignKey(Service, models.PROTECT, null=True)
    part = models.CharField(max_length=200, default="")
    summary = models.CharField(max_length=200, default="")
    priorities = models.JSONField(default=list)
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    made_by = models.CharField(max_length=120)
    person = models.ForeignKey(Person, models.PROTECT, null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["until_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(until_at__gt=models.F("from_at")), name="silence_ends_after_it_begins")
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "from_at"], name="silence_in_force", condition=Q(ended_at=None)),
        ]


class PaperRing(models.Model):
    """What somebody would have been sent for a page in shadow mode."""

    page = models.ForeignKey(Page, models.CASCADE, related_name="paper")
    person = models.ForeignKey(Person, models.PROTECT)
    channel = models.CharField(max_length=20)
    due_at = models.DateTimeField()
    asking = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["due_at", "id"]


class OldPage(models.Model):
    """What the old pager did about an alarm: whom it paged when ("" unknown), and when they acknowledged."""

    integration = models.ForeignKey(Integration, models.CASCADE)
    at = models.DateTimeField()
    alarm = models.CharField(max_length=300)
    """The alarm's key, or its title."""
    person = models.CharField(max_length=120, default="")
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["integration", "at", "alarm", "person"], name="one_old_page_once"),
        ]
