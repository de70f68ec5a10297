"""Mailboxes that are read, addresses that are ours, and every mail that came in, byte for byte."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7


class Mailbox(models.Model):
    """A mailbox that is read by IMAP. `password` is sealed; `certificate` (PEM) is trusted beside the usual ones.

    `after`: what becomes of a message there once it is kept here. Messages are known by `uid_validity` and UID; those
    below `first_uid` lay there before and are not ours to read (0: those from before `set_up_at`). `problem` says why it cannot
    be read since `problem_at`.

    `auth` other than by password is OAuth 2.0: `client_secret` and `refresh_token` are sealed too. `tenant` is Microsoft's,
    `token_url` and `scope` are for servers that we know nothing of. `authserv_id`: whose Authentication-Results are believed.
    """

    class Auth(models.TextChoices):
        PASSWORD = "password"  # noqa: S105, the name of a way and no secret
        MICROSOFT = "microsoft"
        GOOGLE = "google"
        OAUTH = "oauth"

    class Security(models.TextChoices):
        TLS = "tls"
        STARTTLS = "starttls"
        NONE = "none"

    class After(models.TextChoices):
        LEAVE = "leave"
        SEEN = "seen"
        MOVE = "move"

    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    name = models.CharField(max_length=60, unique=True)
    host = models.CharField(max_length=200)
    port = models.PositiveIntegerField(null=True)
    security = models.CharField(max_length=8, choices=Security, default=Security.TLS)
    user = models.CharField(max_length=200)
    auth = models.CharField(max_length=9, choices=Auth, default=Auth.PASSWORD)
    password = models.BinaryField(default=b"")
    tenant = models.CharField(max_length=100, default="")
    token_url = models.CharField(max_length=300, default="")
    client_id = models.CharField(max_length=300, default="")
    client_secret = models.BinaryField(default=b"")
    scope = models.CharField(max_length=300, default="")
    refresh_token = models.BinaryField(default=b"")
    authserv_id = models.CharField(max_length=200, default="")
    certificate = models.TextField(default="")
    folder = models.CharField(max_length=200, default="INBOX")
    after = models.CharField(max_length=5, choices=After, default=After.SEEN)
    move_to = models.CharField(max_length=200, default="")
    read_old = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    set_up_at = models.DateTimeField()
    uid_validity = models.BigIntegerField(null=True)
    first_uid = models.BigIntegerField(default=1)
    looked_at = models.DateTimeField(null=True)
    last_mail_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, default="")
    problem_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """An address of ours: `noc@example.net`, or `@example.net` for a whole domain whose mail comes to us.

    Answers, alarms and bounces are sent to it with a plus: `page+TOKEN@example.net`, `noc+page+TOKEN@example.net`. The
    brand's own comes first, then those of every brand; of several the lowest id.
    """

    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    address = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["address"]
        constraints: ClassVar = [models.UniqueConstraint(Lower("address"), name="one_address_of_ours")]

    def __str__(self) -> str:
        return self.address


class Front(models.Model):
    """The mail server in front of a way in: whose Authentication-Results are believed of mail that comes by it."""

    way = models.CharField(max_length=4, unique=True)
    authserv_id = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["way"]

    def __str__(self) -> str:
        return self.way


class Mail(models.Model):
    """A mail that came in. `raw` is as it came; of one above the limit only its head and the beginning (`cut`).

    `sender` and `recipients` are the envelope's: empty and [] where the way in has none (IMAP); a `sender` of None is
    unknown, "" is the null return path of a machine. What was read of it: `message_id` to `text`. `standing` says what
    became of it and `outcome` in which words; `subject_kind` and `subject_id` what it was about. `automatic` says why it is a
    machine's, `trust` whether the sender is who it says (see `trust.py`); both "" before it was read.
    """

    class Way(models.TextChoices):
        IMAP = "imap"
        SMTP = "smtp"
        LMTP = "lmtp"
        PIPE = "pipe"

    class Standing(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        KEPT = "kept"
        COPY = "copy"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    brand = models.ForeignKey(Brand, models.SET_NULL, null=True)
    way = models.CharField(max_length=4, choices=Way)
    mailbox = models.ForeignKey(Mailbox, models.SET_NULL, null=True)
    uid_validity = models.BigIntegerField(null=True)
    uid = models.BigIntegerField(null=True)
    sender = models.CharField(max_length=320, null=True)
    recipients = models.JSONField(default=list)
    peer = models.CharField(max_length=60, default="")
    raw = models.BinaryField()
    size = models.BigIntegerField()
    cut = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    message_id = models.CharField(max_length=300, default="")
    same = models.CharField(max_length=64, default="")
    """Stands for what it says and to which of our addresses; "" before it was read, or where nothing can be said."""
    from_address = models.CharField(max_length=320, default="")
    from_name = models.CharField(max_length=200, default="")
    title = models.CharField(max_length=300, default="")
    text = models.TextField(default="")
    automatic = models.CharField(max_length=200, default="")
    trust = models.CharField(max_length=10, default="")
    standing = models.CharField(max_length=7, choices=Standing, default=Standing.WAITING)
    outcome = models.CharField(max_length=300, default="")
    error = models.TextField(default="")
    subject_kind = models.CharField(max_length=30, default="")
    subject_id = models.CharField(max_length=60, default="")
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["mailbox", "uid_validity", "uid"],
                condition=Q(mailbox__isnull=False, uid__isnull=False),
                name="a_message_of_a_mailbox_comes_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-at", "-id"], name="mail_newest"),
            models.Index(fields=["same"], name="mail_same", condition=~Q(same="")),
            models.Index(fields=["message_id"], name="mail_message_id", condition=~Q(message_id="")),
            models.Index(fields=["standing", "-at"], name="mail_standing"),
        ]
