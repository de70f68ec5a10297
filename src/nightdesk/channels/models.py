"""The delivery ledger: a message, one row a recipient and way, every attempt; routes to providers; what came back.

`Delivery` and `Attempt` are partitioned by month (see the first migration). A row's `month` is the first day of the month
of its message's instant in UTC, so that the same message and way always meet in one partition and are unique there.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Leased
from nightdesk.customers.models import Contact
from nightdesk.people.models import ContactMethod


class Route(models.Model):
    """A provider for one channel. Of a channel's enabled routes the lowest `position` is tried first, then the next.

    `config` holds what its channel declares and may be shown; `secrets` the rest, encrypted with the master key.
    `resting_until`: it failed a little while ago; the next one is tried first.
    """

    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    channel = models.CharField(max_length=20)
    driver = models.CharField(max_length=20)
    """The file of this room that speaks to the provider; a channel may have several (sms: twilio, outbox)."""
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    config = models.JSONField(default=dict)
    secrets = models.BinaryField(default=b"")
    resting_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["channel", "position", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "name"], name="one_route_a_name")]

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """What is said, once for all its recipients. `answers` maps a word to [verb, subject kind, subject id].

    A private one (a log-in code) has an empty `body` and its words in `sealed`, which is emptied once it was sent. `mail`:
    how it looks as a mail, where that is more than its words (`driver.MailForm`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    brand_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=30)
    subject_id = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    body = models.TextField(default="")
    sealed = models.BinaryField(default=b"")
    code = models.CharField(max_length=8, default="")
    answers = models.JSONField(default=dict)
    valid_until = models.DateTimeField(null=True)
    cause = models.UUIDField(null=True)
    mail = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subject_kind", "subject_id"], name="message_subject")]


class Delivery(Leased):
    """One message to one address by one channel. `due_at` and the lease are those of `base.Leased`.

    `occurrence` is unique in its month: the same message goes to the same address once. `recipient_kind` and
    `recipient_id` name a person or a contact; of an account's own mail only the address is known. `routes_tried` lists
    [route id, what came of it], see `decide.Tried`. Accepted and still open: it waits for its receipt until `due_at`.
    `values` are put in the places `{{ name }}` of the message when it is sent. In the lane `bulk` what has the lowest
    `rank` goes first of all that is due. `goes_with`: the row in whose message it goes out, to the same reader by the same
    channel; it is never claimed itself, and what becomes of that row becomes of it.
    """

    CLAIM_KEY: ClassVar = ("id", "month")

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        ACCEPTED = "accepted"
        DELIVERED = "delivered"
        READ = "read"
        EXPIRED = "expired"
        FAILED_FOR_NOW = "failed_for_now"
        FAILED = "failed"
        SUPERSEDED = "superseded"

    month = models.DateField()
    message_id = models.UUIDField()
    brand_id = models.BigIntegerField(null=True)
    occurrence = models.CharField(max_length=200)
    subject_kind = models.CharField(max_length=30)
    subject_id = models.CharField(max_length=60)
    recipient_kind = models.CharField(max_length=10)
    recipient_id = models.CharField(max_length=40)
    channel = models.CharField(max_length=20)
    address = models.CharField(max_length=320)
    state = models.CharField(max_length=14, choices=State, default=State.QUEUED)
    route_id = models.BigIntegerField(null=True)
    routes_tried = models.JSONField(default=list)
    provider_id = models.CharField(max_length=200, default="")
    reason = models.CharField(max_length=300, default="")
    valid_until = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    values = models.JSONField(default=dict)
    rank = models.SmallIntegerField(default=0)
    goes_with = models.UUIDField(null=True)

    class Meta:
        managed = False
        db_table = "channels_delivery"


class Attempt(models.Model):
    """One try at one delivery: by which route, what came of it, and how long it took. Never changed.

    `is_receipt`: what the provider said later; `took_ms` then counts from when it accepted the message. `parts` are what
    this hand-over is paid for, at `price` in all (None: no price is known). `part_ids`: see `driver.Sent`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    month = models.DateField()
    delivery_id = models.UUIDField()
    number = models.PositiveIntegerField()
    is_receipt = models.BooleanField(default=False)
    route_id = models.BigIntegerField(null=True)
    route_name = models.CharField(max_length=60)
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    outcome = models.CharField(max_length=14)
    reason = models.CharField(max_length=300, default="")
    provider_id = models.CharField(max_length=200, default="")
    parts = models.PositiveSmallIntegerField(default=0)
    price = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    currency = models.CharField(max_length=3, default="")
    part_ids = ArrayField(models.CharField(max_length=65), default=list)

    class Meta:
        managed = False
        db_table = "channels_attempt"


class Inbound(models.Model):
    """A raw call from a provider (reply, receipt), stored before it is read. `error`: why it could not be.

    `occurrence` names the provider's own message where it must be acted on once, however often it is told. `part`: of a
    piece of a longer text {"key", "number", "total", "text", "to", "via"}, until it was handed on with the others.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_index=True)
    channel = models.CharField(max_length=20)
    route = models.ForeignKey(Route, models.SET_NULL, null=True)
    raw = models.BinaryField()
    headers = models.JSONField(default=dict)
    sender = models.CharField(max_length=320, default="")
    occurrence = models.CharField(max_length=200, null=True, unique=True)
    outcome = models.CharField(max_length=200, default="")
    error = models.TextField(default="")
    part = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["sender", "at"], name="inbound_sender")]


class PushKey(models.Model):
    """The key pair that signs our pushes (RFC 8292): the public half in base64url, the private one sealed.

    Every browser's subscription hangs on it, so there is one, and it stays until somebody replaces it on purpose.
    """

    public = models.CharField(max_length=90)
    sealed = models.BinaryField()
    made_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["replaced_at"], name="one_push_key", nulls_distinct=False),
        ]


class Device(models.Model):
    """A browser in which somebody asked for pushes. Its id is the address of its contact method, and goes with that.

    `seen_at`: it last showed or opened something of ours. `gone_at`: its push service said that it takes no more.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    method = models.OneToOneField(ContactMethod, models.CASCADE, related_name="device")
    endpoint = models.CharField(max_length=1000, unique=True)
    p256dh = models.CharField(max_length=100)
    auth = models.CharField(max_length=40)
    made_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)


class ContactEndpoint(models.Model):
    """Where a customer's contact is told besides mail and text: by `push` in a browser, or by a `webhook` at a program of theirs.

    Its id is the address in the ledger. `p256dh` and `auth` are the browser's keys; `sealed` is the secret that signs what the
    program gets. `gone_at`: it said that it takes no more.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="endpoints", db_index=False)
    channel = models.CharField(max_length=20)
    url = models.CharField(max_length=1000)
    p256dh = models.CharField(max_length=100, default="")
    auth = models.CharField(max_length=40, default="")
    sealed = models.BinaryField(default=b"")
    label = models.CharField(max_length=40, default="")
    made_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contact", "channel"], name="one_endpoint_a_contact_and_channel"),
            models.CheckConstraint(
                condition=models.Q(channel="push", sealed=b"") | (models.Q(channel="webhook") & ~models.Q(sealed=b"")),
                name="a_program_has_a_secret",
            ),
        ]
