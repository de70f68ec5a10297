"""The bureau: companies whose calls are answered at our desk by people who take messages, by a script, and what they took.

A client is a brand: its lines, customers and roles are those of that brand, so whoever may see the one sees the other.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.calls.models import Call, Message
from nightdesk.customers.models import Contact, Customer
from nightdesk.people.models import Person


class BureauClient(models.Model):
    """A company whose calls we answer. `relay`: its messages become ticket, page and call-back here ("page"), or go by its own
    ladder ("own"), which it has instead of a Nightdesk.

    `confirm`: its ladder goes on until somebody acknowledges, else until a message is delivered. After the last rung it begins
    again `again_s` seconds later. What is undelivered after `mind_s` seconds stands before the operators.
    """

    class Relay(models.TextChoices):
        PAGE = "page"
        OWN = "own"

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="bureau_client")
    active = models.BooleanField(default=True)
    relay = models.CharField(max_length=4, choices=Relay, default=Relay.PAGE)
    confirm = models.BooleanField(default=True)
    again_s = models.PositiveIntegerField(default=900)
    mind_s = models.PositiveIntegerField(default=300)
    note = models.CharField(max_length=600, default="")
    """The note of the day: what operators must know just now."""
    note_by = models.CharField(max_length=120, default="")
    note_at = models.DateTimeField(null=True)
    note_until = models.DateTimeField(null=True)
    last_number = models.PositiveIntegerField(default=0)
    """Of its messages, which are counted from 1."""

    class Meta:
        ordering: ClassVar = ["brand__name"]

    def __str__(self) -> str:
        return self.brand.name


class Script(models.Model):
    """What is said and asked for a client, at some times of the week. Its words are those of its versions."""

    client = models.ForeignKey(BureauClient, models.CASCADE, related_name="scripts")
    name = models.CharField(max_length=80)
    latest = models.PositiveIntegerField(default=0)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["client", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["client", "name"], name="one_script_a_name")]

    def __str__(self) -> str:
        return self.name


class ScriptVersion(models.Model):
    """The words of a script as somebody saved them; never changed afterwards. It is read from `starts_at` on, once it has been
    tried in a test call and then approved.

    `greeting` is read out before all else; `may_say` is what callers may be told; `instructions` are for the operator alone.
    `steps` see `scripts.Step`, `when` see `scripts.When`.
    """

    script = models.ForeignKey(Script, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    greeting = models.CharField(max_length=400)
    may_say = models.TextField(default="")
    instructions = models.TextField(default="")
    steps = models.JSONField(default=list)
    when = models.JSONField(default=dict)
    why = models.CharField(max_length=300, default="")
    starts_at = models.DateTimeField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=120)
    tested_at = models.DateTimeField(null=True)
    tested_by = models.CharField(max_length=120, default="")
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["script", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["script", "number"], name="one_script_version_a_number"),
            models.CheckConstraint(
                condition=Q(approved_at=None) | Q(tested_at__isnull=False), name="tested_before_it_is_approved"
            ),
        ]


class LadderRung(models.Model):
    """One way on a client's own ladder, in the order of `position`: a person of its brand, or an address alone; see
    `scripts.Rung` for the rest.
    """

    client = models.ForeignKey(BureauClient, models.CASCADE, related_name="ladder")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="+")
    channel = models.CharField(max_length=20)
    address = models.CharField(max_length=320)
    wait_s = models.PositiveIntegerField(default=300)
    urgent_only = models.BooleanField(default=False)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["client", "position", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(first_at=None) | Q(last_at=None) | Q(first_at__lt=F("last_at")), name="rung_has_length"
            ),
        ]


class TakerSession(models.Model):
    """Somebody takes messages, from their signing in to their signing out. `seen_at`: their desk was last open then."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person"], condition=Q(ended_at=None), name="one_session_a_taker")
        ]


class BureauMessage(models.Model):
    """One call as an operator took it, and the message that came of it. `state` moves only in `bureau_actions._move`.

    `answers` are {step's key: {"value", "sure", "skipped"}}, `text` what was handed on. Once it is delivered or acknowledged the
    text is locked. `test`: a test call, of which nothing leaves the house. `call` None: the call came by another exchange.
    `left` is the message of the phone line with its call-back, for clients with a Nightdesk. `rung`: how many rungs of the
    client's ladder have been told. `proof` is the secret of the code by which an engineer proves who they are.
    """

    class State(models.TextChoices):
        OPEN = "open"
        RELAYED = "relayed"
        UNDELIVERED = "undelivered"
        ACKNOWLEDGED = "acknowledged"
        CLOSED = "closed"

    class Outcome(models.TextChoices):
        NONE = ""
        MESSAGE = "message"
        TOLD = "told"
        PATCHED = "patched"
        WRONG_NUMBER = "wrong_number"
        HUNG_UP = "hung_up"
        NUISANCE = "nuisance"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(BureauClient, models.PROTECT, related_name="messages")
    number = models.PositiveIntegerField()
    version = models.ForeignKey(ScriptVersion, models.PROTECT, related_name="+")
    test = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    call = models.ForeignKey(Call, models.SET_NULL, null=True, related_name="taken_down")
    taker = models.ForeignKey(Person, models.PROTECT, related_name="+")
    began_at = models.DateTimeField()
    caller_number = models.CharField(max_length=20, default="")
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True)
    answers = models.JSONField(default=dict)
    corrected = models.PositiveSmallIntegerField(default=0)
    """How many answers were changed after they had been read back or handed on."""
    urgent = models.BooleanField(default=True)
    text = models.TextField(default="")
    saved_at = models.DateTimeField(null=True)
    left = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="taken_down")
    ticket_id = models.UUIDField(null=True)
    page_id = models.UUIDField(null=True)
    rung = models.PositiveIntegerField(default=0)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=120, default="")
    proof = models.CharField(max_length=32, default="")
    proof_of = models.CharField(max_length=120, default="")
    proof_until = models.DateTimeField(null=True)
    proof_tries = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.NONE, blank=True)
    remark = models.CharField(max_length=300, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-began_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["client", "number"], name="one_bureau_message_a_number"),
            models.UniqueConstraint(fields=["call"], condition=Q(ended_at=None), name="one_taker_a_call"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "closed"]) | Q(saved_at__isnull=False), name="relayed_is_saved"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-began_at", "-id"], name="bureau_newest"),
            models.Index(fields=["client", "-began_at"], name="bureau_client"),
            models.Index(fields=["client"], condition=~Q(state="closed"), name="bureau_open"),
            models.Index(fields=["page_id"], condition=Q(page_id__isnull=False), name="bureau_page"),
        ]


class RelayAttempt(models.Model):
    """The message was handed on to somebody: by the ledger (`message_id` is the ledger's), or by word of mouth (`channel` "")."""

    message = models.ForeignKey(BureauMessage, models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    by = models.CharField(max_length=120)
    name = models.CharField(max_length=120)
    channel = models.CharField(max_length=20, default="")
    ledger_id = models.UUIDField(null=True)
    again = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["at", "id"]
