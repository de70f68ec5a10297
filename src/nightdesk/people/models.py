"""Staff, teams, and the ways to reach a person."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Value

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
