"""Customers, contracts and the services they buy. What the columns mean together is decided in `hours` and `promised`."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Upper

from nightdesk.access.models import Brand


class Hours(models.Model):
    """Support hours as a calendar. The JSON columns are described in `stored`."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=50)
    week = models.JSONField()
    nation = models.CharField(max_length=2, default="")
    subdivision = models.CharField(max_length=10, default="")
    exceptions = models.JSONField(default=dict)
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
    """Somebody at the customer. `phone` is E.164; an empty `language` or `zone` is the customer's."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=120)
    email = models.EmailField(default="", blank=True)
    phone = models.CharField(max_length=20, default="")
    role = models.CharField(max_length=40, default="")
    language = models.CharField(max_length=10, default="")
    zone = models.CharField(max_length=50, default="")

    class Meta:
        ordering: ClassVar = ["name"]
        # As `email__iexact` asks for it: every mail that comes in does.
        indexes: ClassVar = [models.Index(Upper("email"), name="contact_email")]


class Contract(models.Model):
    """What was promised to a customer, in force over [`valid_from`, `valid_until`) of local dates in the hours' zone.

    The JSON columns are described in `stored`; `not_at_night` lists work types. A customer has one contract at a time, so
    that what they are promised has one answer.
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

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_from__lt=F("valid_until")), name="contract_has_length"
            ),
            # The customer as a range of one, so that no extension is needed to compare it in this kind of index.
            ExclusionConstraint(
                name="one_contract_at_a_time",
                expressions=[
                    (Func("customer_id", "customer_id", Value("[]"), function="int8range"), RangeOperators.OVERLAPS),
                    (Func("valid_from", "valid_until", function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]


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

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer", "service", "label"], name="one_subscription_a_label"),
        ]


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
