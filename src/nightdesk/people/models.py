"""Staff, teams, and the ways to reach a person."""

from datetime import timedelta
from typing import ClassVar

from django.db import models

from nightdesk.access.models import Brand, User


class Person(models.Model):
    """A member of staff. One who cannot log in (`user` None) may still be rung."""

    user = models.OneToOneField(User, models.PROTECT, null=True)
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=50, default="Europe/London")
    language = models.CharField(max_length=10, default="en-gb")
    active = models.BooleanField(default=True)
    last_sign_at = models.DateTimeField(null=True)
    """The last sign of life: a log-in, a note, an acknowledgement."""

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

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "channel", "address"], name="one_method_an_address"),
        ]


class NotifyRule(models.Model):
    """For pages of this `urgency`, use this method `after` the person is first rung."""

    class Urgency(models.TextChoices):
        HIGH = "high"
        LOW = "low"

    person = models.ForeignKey(Person, models.CASCADE, related_name="notify_rules")
    urgency = models.CharField(max_length=4, choices=Urgency, default=Urgency.HIGH)
    method = models.ForeignKey(ContactMethod, models.CASCADE)
    after = models.DurationField(default=timedelta(0))

    class Meta:
        ordering: ClassVar = ["after", "id"]
