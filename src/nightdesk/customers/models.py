"""Customers, contracts and the services they buy. What the columns mean together is decided in `hours` and `promised`."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from nightdesk.access.models import Brand


class Hours(models.Model):
    """Support hours as a calendar. `week` is seven lists (Monday first) of ["HH:MM", "HH:MM"] local windows."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=50)
    week = models.JSONField()
    nation = models.CharField(max_length=2, default="")
    subdivision = models.CharField(max_length=10, default="")
    exceptions = models.JSONField(default=dict)
    """ISO date -> list of windows, in place of that day's own."""
    public = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["brand", "name"], name="one_calendar_a_name")]

    def __str__(self) -> str:
        return self.name


class Customer(models.Model):
    """A company or person that buys from a brand. `ref` is the number that we and they call it by."""

    brand = models.ForeignKey(Brand, models.PROTECT)
    name = models.CharField(max_length=160)
    ref = models.CharField(max_length=40)
    language = models.CharField(max_length=10, default="en-gb")
    zone = models.CharField(max_length=50, default="Europe/London")
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint("brand", Lower("ref"), name="one_customer_a_ref"),
        ]

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """Somebody at the customer. `phone` is E.164."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=120)
    email = models.EmailField(default="", blank=True)
    phone = models.CharField(max_length=20, default="")
    role = models.CharField(max_length=40, default="")
    language = models.CharField(max_length=10, default="")

    class Meta:
        ordering: ClassVar = ["name"]


class Contract(models.Model):
    """What was promised to a customer, in force over [`valid_from`, `valid_until`) of local dates in the hours' zone.

    `may_wake` lists priorities; `targets` is {"P1": {"respond": "PT30M", "fix": "PT4H", "clock": "open"}} with ISO 8601
    durations, counted over open hours or the wall clock; `not_at_night` lists work types.
    """

    class OutOfHours(models.TextChoices):
        NOTHING = "nothing"
        EMAIL_ONLY = "email_only"
        FULL = "full"

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contracts")
    name = models.CharField(max_length=80)
    hours = models.ForeignKey(Hours, models.PROTECT)
    out_of_hours = models.CharField(max_length=10, choices=OutOfHours, default=OutOfHours.NOTHING)
    may_wake = models.JSONField(default=list)
    targets = models.JSONField(default=dict)
    not_at_night = models.JSONField(default=list)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True)


class Service(models.Model):
    """Something that a brand sells or runs. Alarms are about a service, and customers buy it."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    key = models.SlugField()
    name = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["brand", "key"], name="one_service_a_key")]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """`customer` buys `service`, known to them as `label` (a circuit number, an address)."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="subscriptions")
    service = models.ForeignKey(Service, models.PROTECT)
    label = models.CharField(max_length=120, default="")


class Peer(models.Model):
    """A network we exchange traffic with: reached at once about faults, without a contract."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=120)
    as_number = models.BigIntegerField()
    noc_email = models.EmailField(default="", blank=True)
    noc_phones = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "as_number"], name="one_peer_an_as"),
        ]
