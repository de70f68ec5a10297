"""Staff, teams, and the ways to reach a person."""

from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q, Value

from nightdesk.access.models import Brand, User


def digest_times() -> list[str]:
    """When a digest is sent to somebody who said nothing of it."""
    return ["08:30", "16:30"]


def every_weekday() -> list[int]:
    """Monday to Sunday."""
    return list(range(7))


class Person(models.Model):
    """A member of staff. One who cannot log in (`user` None) may still be rung."""

    user = models.OneToOneField(User, models.PROTECT, null=True)
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=50, default="Europe/London")
    language = models.CharField(max_length=10, default="en-gb")
    active = models.BooleanField(default=True)
    last_sign_at = models.DateTimeField(null=True)
    """The last sign of life: a log-in, a note, an acknowledgement."""
    quiet_until = models.DateTimeField(null=True)
    """Until then only a P1 rings them: they asked for it after a page."""
    digest_at = models.JSONField(default=digest_times, db_default=Value(digest_times(), models.JSONField()))
    """Local times, "HH:MM", at which what was not loud is sent to them."""
    digest_resolved = models.BooleanField(default=True, db_default=True)
    """Whether their digest lists what was resolved before it went out."""

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        """One or two capitals for the round face."""
        words = self.name.split()
        return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper()


class Team(models.Model):
    """People who answer together for a brand. Its manager is who an unanswered page ends with."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    members = models.ManyToManyField(Person, related_name="teams")
    manager = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return self.name


class Skill(models.Model):
    """Something that one must know to help with a service or a customer. `brand` None: every brand's."""

    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    key = models.SlugField()
    name = models.CharField(max_length=80)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "key"], name="one_skill_a_key", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return self.name


class PersonSkill(models.Model):
    """How well `person` knows it: 1 learns it, 2 does it alone, 3 teaches it."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, models.CASCADE, related_name="people")
    level = models.PositiveSmallIntegerField(choices=[(1, "1"), (2, "2"), (3, "3")])
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "skill"], name="one_level_a_skill"),
        ]


class Absence(models.Model):
    """`person` cannot work over [`starts_at`, `ends_at`). Why is for themselves and their manager: others see that it is so."""

    class Kind(models.TextChoices):
        LEAVE = "leave"
        SICKNESS = "sickness"
        OTHER = "other"

    person = models.ForeignKey(Person, models.CASCADE, related_name="absences")
    kind = models.CharField(max_length=8, choices=Kind)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    note = models.CharField(max_length=200, default="")
    recorded_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["starts_at", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="absence_has_length"),
        ]
        indexes: ClassVar = [models.Index(fields=["person", "ends_at"], name="absence_by_person")]


class Restriction(models.Model):
    """What `person` cannot do from `starts_on` to `ends_on`, both included, by their own calendar; None: no end is known."""

    class Kind(models.TextChoices):
        NO_NIGHTS = "no_nights"
        NO_WEEKENDS = "no_weekends"
        NO_SITE_VISITS = "no_site_visits"
        NO_DUTY = "no_duty"

    person = models.ForeignKey(Person, models.CASCADE, related_name="restrictions")
    kind = models.CharField(max_length=14, choices=Kind)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)
    note = models.CharField(max_length=200, default="")
    recorded_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["starts_on", "id"]


class Terms(models.Model):
    """What the law and their contract say of one person's hours; somebody without a row has what is written here.

    `rule_pack` names one of `rota.law`. A `newcomer` is never alone, until somebody signs them off.
    """

    person = models.OneToOneField(Person, models.CASCADE, related_name="terms")
    rule_pack = models.CharField(max_length=8, default="GB")
    weekly_hours = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal(40))
    reference_weeks = models.PositiveSmallIntegerField(default=17)
    continuous_service = models.BooleanField(default=False)
    """Their work must not stop (regulation 21 in GB): rest may be made up for later."""
    opted_out_from = models.DateField(null=True)
    opted_out_until = models.DateField(null=True)
    under_18_until = models.DateField(null=True)
    night_assessed_on = models.DateField(null=True)
    employed_on = models.DateField(null=True)
    """Their first day here: averages of a new starter begin with it."""
    hours_known_since = models.DateField(null=True)
    """From this day on every hour that they worked is on record here; None: nobody has said so."""
    max_nights_a_month = models.PositiveSmallIntegerField(null=True)
    newcomer = models.BooleanField(default=False)
    signed_off_at = models.DateTimeField(null=True)
    signed_off_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")


class ContactMethod(models.Model):
    """One way to reach a person. `channel` names a file of the room `channels`."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="contact_methods")
    channel = models.CharField(max_length=20)
    address = models.CharField(max_length=320)
    label = models.CharField(max_length=40, default="")
    verified_at = models.DateTimeField(null=True)
    broken_at = models.DateTimeField(null=True)
    broken_why = models.CharField(max_length=200, default="")
    """Set when the carrier said that this address can no longer be reached (STOP, unknown number)."""
    tested_at = models.DateTimeField(null=True)
    """When a test message was last sent to it."""
    proved_at = models.DateTimeField(null=True)
    """When it was last known to work: a test was answered, or a manager vouched for it."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "channel", "address"], name="one_method_an_address"),
        ]


class NotifyRule(models.Model):
    """For pages of this `urgency`, use this method `after` the person is first rung.

    It counts when they are rung from `opens` to `closes` by their own clocks, on a day or in a night that began on one of
    `weekdays` (0 is Monday). Without the times it counts at any hour of those days.
    """

    class Urgency(models.TextChoices):
        HIGH = "high"
        LOW = "low"

    person = models.ForeignKey(Person, models.CASCADE, related_name="notify_rules")
    urgency = models.CharField(max_length=4, choices=Urgency, default=Urgency.HIGH)
    method = models.ForeignKey(ContactMethod, models.CASCADE)
    after = models.DurationField(default=timedelta(0))
    weekdays = models.JSONField(default=every_weekday, db_default=Value(every_weekday(), models.JSONField()))
    opens = models.TimeField(null=True)
    closes = models.TimeField(null=True)

    class Meta:
        ordering: ClassVar = ["after", "id"]
