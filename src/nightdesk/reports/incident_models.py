"""Reports of incidents, what is owed by them, and how a brand has it. What the columns mean is decided in `incident`,
`regulator` and `credit`.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.customers.models import Contract, Customer
from nightdesk.desk.models import Ticket
from nightdesk.outages.models import Outage
from nightdesk.people.models import Person


class IncidentRules(models.Model):
    """How a brand reports incidents. `customer_days`: within how many working days every customer touched has theirs, None
    where only contracts say so. `packs` are keys of rule packs, built in or among `own_packs` (as `regulator.read_pack`
    takes them). `credits` are rates as `credit.read_rates` takes them; `users`: service key -> how many use one subscription.
    """

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="incident_rules")
    customer_days = models.PositiveSmallIntegerField(null=True)
    packs = ArrayField(models.CharField(max_length=40), default=list)
    own_packs = models.JSONField(default=list)
    credits = models.JSONField(default=dict)
    users = models.JSONField(default=dict)


class ReportTerm(models.Model):
    """A contract promises its customer the report of what touched them within `working_days`."""

    contract = models.OneToOneField(Contract, models.CASCADE, related_name="report_term")
    working_days = models.PositiveSmallIntegerField()


class IncidentReport(models.Model):
    """What happened in an outage. `state` moves only in `incident_actions._move`.

    `drafted` is what the record says, see `incident_queries.record_of`: nobody edits it, it is drawn up anew. What people
    write stands in its versions. `stands_by`: it was promised by then. `said_yes`: packs whose question got a yes.
    """

    class State(models.TextChoices):
        GATHERING = "gathering"
        """the outage goes on"""
        DRAFT = "draft"
        APPROVED = "approved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    outage = models.OneToOneField(Outage, models.PROTECT, related_name="report")
    state = models.CharField(max_length=9, choices=State, default=State.GATHERING)
    drafted = models.JSONField(default=dict)
    drafted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    stands_by = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)
    said_yes = ArrayField(models.CharField(max_length=40), default=list)
    made_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["-made_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state="gathering") | Q(drafted_at__isnull=False, ended_at__isnull=False),
                name="report_of_what_has_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(approved_at__isnull=False), name="report_approved_at_some_instant"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["brand", "-made_at", "-id"], name="incident_report_newest")]


class ReportVersion(models.Model):
    """What people made of the report at one time; never changed. `words` has the parts of `incident_actions.PARTS`, `rows` other
    words for drafted lines by key, `hidden` keys of lines that are left out, `typed` lines whose time somebody gave.
    """

    report = models.ForeignKey(IncidentReport, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    words = models.JSONField(default=dict)
    rows = models.JSONField(default=dict)
    hidden = models.JSONField(default=list)
    typed = models.JSONField(default=list)
    written_at = models.DateTimeField()
    written_by = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["report", "number"], name="one_report_version_a_number")
        ]


class FollowUp(models.Model):
    """What is to be done so that it does not happen again: a ticket of the desk, whose it is, and until when."""

    report = models.ForeignKey(IncidentReport, models.CASCADE, related_name="follow_ups")
    ticket = models.OneToOneField(Ticket, models.PROTECT, related_name="+")
    owner = models.ForeignKey(Person, models.PROTECT, related_name="+")
    due_on = models.DateField()

    class Meta:
        ordering: ClassVar = ["due_on", "id"]


class CustomerEdition(models.Model):
    """What customers whom the outage touched may read of the report: no names, and nothing that is another's. `words` has the
    parts of `incident_actions.FOR_CUSTOMERS`; what was told, and what of theirs it touched, they have already.
    """

    report = models.OneToOneField(IncidentReport, models.CASCADE, related_name="edition")
    outage = models.OneToOneField(Outage, models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    words = models.JSONField()
    published_at = models.DateTimeField()


class ReportOwed(models.Model):
    """A customer was promised the report by `due_at`; `kept_at`: since when they can read it."""

    report = models.ForeignKey(IncidentReport, models.CASCADE, related_name="owed")
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    due_at = models.DateTimeField()
    kept_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["report", "customer"], name="report_owed_once")]
        indexes: ClassVar = [
            models.Index(fields=["report", "due_at"], condition=Q(kept_at=None), name="report_owed_open")
        ]


class RegulatorDuty(models.Model):
    """A rule pack wants `name` told to `to` by `due_at`, because of `why`. It is told (`done_at`), or a manager said why not."""

    report = models.ForeignKey(IncidentReport, models.CASCADE, related_name="duties")
    pack = models.CharField(max_length=40)
    step = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    to = models.CharField(max_length=80)
    law = models.CharField(max_length=200)
    why = models.CharField(max_length=300)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=120, default="")
    reference = models.CharField(max_length=200, default="")
    waived_why = models.CharField(max_length=300, default="")

    class Meta:
        ordering: ClassVar = ["due_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["report", "pack", "step"], name="one_regulator_duty_a_step")
        ]
