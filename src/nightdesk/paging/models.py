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
    """A fault as its sender names it (`dedup_key`), from its first trigger to its resolve. Two open ones cannot be one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(Integration, models.PROTECT)
    dedup_key = models.CharField(max_length=255)
    page = models.ForeignKey(Page, models.PROTECT, related_name="alarms")
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
        indexes: ClassVar = [models.Index(fields=["page", "-last_at"], name="alarm_by_page")]
