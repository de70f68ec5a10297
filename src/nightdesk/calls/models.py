"""Lines, calls and what callers left. What a call does next is decided in `flow`; its state lies in `Call.state`."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.customers.models import Contact, Customer, Hours, Peer
from nightdesk.outages.models import Outage
from nightdesk.people.models import Person, Skill


class Recording(models.Model):
    """Something that can be heard: a file of `base.files` by its digest, WAV, 8,000 samples a second, 16 bits.

    `kind`: a greeting of the operator's, what a caller left, a call that was recorded, the fall-back's. `delete_at`: when it
    is thrown away; None keeps it. `deleted_at`: the file has gone, the row says that there was one.
    """

    class Kind(models.TextChoices):
        PROMPT = "prompt"
        MESSAGE = "message"
        FALLBACK = "fallback"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.CASCADE)
    kind = models.CharField(max_length=8, choices=Kind)
    digest = models.CharField(max_length=64)
    seconds = models.FloatField()
    made_at = models.DateTimeField()
    delete_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)


class Line(models.Model):
    """A phone line of a brand. Times are in seconds; numbers are E.164.

    `numbers` are what callers ring; `shown_number` is shown to those whom we call back, and comes back to us;
    `pager_number` is what engineers' telephones show. `staff_number` goes straight to the duty engineer. `hours` None: the
    team answers round the clock. `day_seats` and `night_seats` are keys of seats of the rota in the order in which they are
    rung; `standby` whoever is signed in comes last. `joins_s` are when the next telephone joins the ringing in hours (the last
    one: all). `night`: what a caller gets out of hours whose contract buys no live answer. `bureau_number` is the outside
    answering service ("" none); `own_desk`: people at our web desk take messages. `consent`: how a country wants a caller to
    be asked about recording. `prompts` maps the name of a text of ours to the id of the operator's own recording; `menu` is
    [{"key", "says", "skill"}]. `divert_check_at` is the local time at which the line is rung from outside each evening.
    """

    class Night(models.TextChoices):
        MESSAGE = "message"
        LIVE = "live"

    class Consent(models.TextChoices):
        TOLD = "told"
        MAY_DECLINE = "may_decline"
        ASKED = "asked"

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    active = models.BooleanField(default=True)
    numbers = ArrayField(models.CharField(max_length=20))
    shown_number = models.CharField(max_length=20)
    pager_number = models.CharField(max_length=20)
    staff_number = models.CharField(max_length=20, default="")
    country = models.CharField(max_length=2, default="GB")
    language = models.CharField(max_length=10, default="en-gb")
    hours = models.ForeignKey(Hours, models.PROTECT, null=True)
    greeting = models.CharField(max_length=500, default="")
    danger = models.CharField(max_length=200, default="")
    menu = models.JSONField(default=list)
    prompts = models.JSONField(default=dict)
    day_seats = ArrayField(models.CharField(max_length=60), default=list)
    night_seats = ArrayField(models.CharField(max_length=60), default=list)
    night = models.CharField(max_length=8, choices=Night, default=Night.MESSAGE)
    joins_s = ArrayField(models.PositiveSmallIntegerField(), default=list)
    ring_s = models.PositiveSmallIntegerField(default=25)
    most_rung = models.PositiveSmallIntegerField(default=3)
    longest_hunt_s = models.PositiveSmallIntegerField(default=120)
    bureau_number = models.CharField(max_length=20, default="")
    own_desk = models.BooleanField(default=False)
    consent = models.CharField(max_length=12, choices=Consent, default=Consent.MAY_DECLINE)
    call_back_s = models.PositiveIntegerField(default=1800)
    call_out_price = models.CharField(max_length=60, default="")
    peer_skill = models.ForeignKey(Skill, models.SET_NULL, null=True)
    keep_days = models.PositiveSmallIntegerField(default=90)
    divert_check_at = models.TimeField(null=True)
    divert_from = models.CharField(max_length=20, default="")

    class Meta:
        ordering: ClassVar = ["brand", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["brand", "name"], name="one_line_a_name")]


class Telephone(models.Model):
    """A telephone that registers with our exchange, by its name there; a person's, or nobody's (a desk in the room).

    Outside numbers are people's contact methods of the channel `voice`.
    """

    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="telephones")
    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    name = models.SlugField(unique=True)
    label = models.CharField(max_length=60, default="")


class CallerPin(models.Model):
    """The PIN by which a contact or a member of staff says who they are; kept as a password hash.

    How many wrong ones there may be is said in `pins`. `lookup` finds the row without the PIN's text:
    an HMAC of the PIN under the installation's key, unique within the brand.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    contact = models.OneToOneField(Contact, models.CASCADE, null=True, related_name="pin")
    person = models.OneToOneField(Person, models.CASCADE, null=True, related_name="pin")
    lookup = models.CharField(max_length=64)
    set_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "lookup"], name="one_pin_a_caller"),
            models.CheckConstraint(condition=Q(contact=None) ^ Q(person=None), name="a_pin_is_somebody_s"),
        ]


class Asking(models.Model):
    """Somebody of ours wants something of a call that another process runs: `event` is kept here until that one has heard it.

    With `exchange` and without events before it, it begins a call of ours: a call-back.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    exchange = models.CharField(max_length=40)
    call_id = models.UUIDField()
    event = models.JSONField()
    asked_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["exchange", "id"], condition=Q(heard_at=None), name="asking_waits")]


class Call(models.Model):
    """One caller's connection with us, or one call-back; `state` is `flow.State` as JSON, `step` its number.

    `exchange` names the driver and its set-up ("asterisk", "twiml:main"). `number` is the caller's, "" withheld. `answered_at`:
    when a human being of ours (`answered_by`: an engineer, a message taker) had them, else the recorder. `woken` people were rung
    out of hours for it. `ended_as` says in one word how it ended; `flow.ENDINGS` names them all.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    line = models.ForeignKey(Line, models.PROTECT, related_name="calls")
    exchange = models.CharField(max_length=40)
    number = models.CharField(max_length=20, default="")
    called = models.CharField(max_length=20)
    came_at = models.DateTimeField()
    step = models.PositiveIntegerField(default=0)
    state = models.JSONField(default=dict)
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True)
    peer = models.ForeignKey(Peer, models.SET_NULL, null=True)
    person = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="+")
    known_by = models.CharField(max_length=8, default="")
    ticket_id = models.UUIDField(null=True)
    outage_id = models.UUIDField(null=True)
    heard_outage_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.CharField(max_length=12, default="")
    answered_person = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="+")
    woken = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    ended_as = models.CharField(max_length=16, default="")
    calls_back = models.ForeignKey("Message", models.SET_NULL, null=True, related_name="calls")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-came_at", "-id"], name="call_newest"),
            models.Index(fields=["line", "-came_at"], name="call_line"),
            models.Index(fields=["customer", "-came_at"], name="call_customer"),
            models.Index(fields=["number", "-came_at"], name="call_number"),
            models.Index(fields=["came_at"], condition=Q(ended_at=None), name="call_running"),
            models.Index(
                fields=["answered_person", "-answered_at"],
                condition=Q(answered_person__isnull=False),
                name="call_answered_last",
            ),
        ]


class PinTry(models.Model):
    """A PIN was keyed, by whoever rang from `number` ("" withheld)."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    call = models.ForeignKey("Call", models.CASCADE, related_name="+")
    number = models.CharField(max_length=20, default="")
    at = models.DateTimeField()
    believed = models.BooleanField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["brand", "at"], condition=Q(believed=False), name="pin_tried_wrong")]


class CallEvent(models.Model):
    """What was heard of a call, kept before anything was made of it, and what was ordered then. `why` says it in words.

    `trouble`: it could not be understood; the call went on as if it had not come.
    """

    call = models.ForeignKey(Call, models.CASCADE, related_name="events")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    event = models.JSONField()
    orders = models.JSONField(default=list)
    why = models.JSONField(default=list)
    trouble = models.CharField(max_length=300, default="")
    once = models.CharField(max_length=80, default="", db_default="")
    """By what its reporter knows it, so that one reported twice is heard once; "" where it cannot be."""

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "number"], name="one_event_a_number"),
            models.UniqueConstraint(fields=["call", "once"], condition=~Q(once=""), name="one_event_a_report"),
        ]


class Leg(models.Model):
    """A telephone that was rung for a call. `person` None: the bureau, or the customer who is called back."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="legs")
    name = models.CharField(max_length=8)
    to = models.CharField(max_length=60)
    person = models.ForeignKey(Person, models.SET_NULL, null=True)
    ordered_at = models.DateTimeField()
    ringing_at = models.DateTimeField(null=True)
    picked_up_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=12, default="")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["call", "name"], name="one_leg_a_name")]
        # Every page of theirs asks who rings the reader.
        indexes: ClassVar = [
            models.Index(fields=["person"], condition=Q(ended_at=None, person__isnull=False), name="leg_rings")
        ]


class Message(models.Model):
    """What a caller left, and the call-back promised for it. A missed call is one without words (`kind`).

    Without a call a message taker of our desk took it for somebody with an exchange of their own.
    `again` counts how often they rang after it. `call_back_by`: when they are rung at the latest, as they were told.
    `outcome` is what whoever rang them said at the end; `cancelled`: the caller found it themselves.
    """

    class Kind(models.TextChoices):
        MESSAGE = "message"
        MISSED = "missed"

    class State(models.TextChoices):
        WAITING = "waiting"
        CALLING = "calling"
        REACHED = "reached"
        CANCELLED = "cancelled"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.CASCADE)
    line = models.ForeignKey(Line, models.PROTECT, null=True)
    call = models.ForeignKey(Call, models.PROTECT, null=True, related_name="left")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True)
    peer = models.ForeignKey(Peer, models.SET_NULL, null=True)
    number = models.CharField(max_length=20, default="")
    recording = models.ForeignKey(Recording, models.SET_NULL, null=True)
    text = models.TextField(default="")
    taken_at = models.DateTimeField()
    taken_by = models.CharField(max_length=80, default="")
    call_back_by = models.DateTimeField(null=True)
    again = models.PositiveSmallIntegerField(default=0)
    ticket_id = models.UUIDField(null=True)
    page_id = models.UUIDField(null=True)
    outage_id = models.UUIDField(null=True)
    reached_at = models.DateTimeField(null=True)
    reached_by = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=300, default="")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-taken_at", "-id"], name="message_newest"),
            models.Index(fields=["number"], condition=Q(ended_at=None), name="message_waits"),
        ]


class CallOut(models.Model):
    """A caller pressed a key: they want an engineer now, and know what it costs. The consent lands in the export for invoices."""

    call = models.OneToOneField(Call, models.PROTECT)
    customer = models.ForeignKey(Customer, models.PROTECT, null=True)
    number = models.CharField(max_length=20, default="")
    at = models.DateTimeField()
    said = models.CharField(max_length=400)
    price = models.CharField(max_length=60)
    person = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="+")
    """Who came; from `logged_at` on it stands in the time of the ticket, and on the invoice."""
    logged_at = models.DateTimeField(null=True)


class TextWish(models.Model):
    """Whoever rang from `number` is texted each update of the outage, until it is over."""

    outage = models.ForeignKey(Outage, models.CASCADE, related_name="+")
    number = models.CharField(max_length=20)
    call = models.ForeignKey(Call, models.CASCADE, related_name="+")
    customer = models.ForeignKey(Customer, models.CASCADE)
    contact = models.ForeignKey(Contact, models.CASCADE, null=True)
    language = models.CharField(max_length=10)
    asked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["outage", "number"], name="one_text_wish_a_number")]


class DivertCheck(models.Model):
    """One ring of our own public number from outside. `heard`: our greeting came, with the sign of this check behind it.

    `trouble` says what came instead; `seen_at`: the ring came to us. `sign` is the digest of the recording that only this check
    knows, as `notes`; `sid` the outside provider's id of the ring, `recorded` that of what it heard. `tells`: whoever is on
    duty is told of trouble.
    """

    line = models.ForeignKey(Line, models.CASCADE, related_name="divert_checks")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    heard = models.BooleanField(null=True)
    trouble = models.CharField(max_length=300, default="")
    tells = models.BooleanField(default=False)
    notes = models.CharField(max_length=40, default="")
    sign = models.CharField(max_length=64, default="")
    sid = models.CharField(max_length=60, default="")
    recorded = models.CharField(max_length=60, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["line", "-at"], name="divert_check_newest")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["line"], condition=Q(ended_at=None), name="one_divert_check_at_a_time")
        ]


from nightdesk.calls import bureau_models, twiml_models  # noqa: E402, F401 - they are tables of this room
