"""Parts, outages and what was told of them. What the columns mean together is decided in `effect`, `audience` and `decide`."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.customers.models import Contact, Contract, Customer, Service, Subscription
from nightdesk.paging.models import Page, PlannedWork, Policy
from nightdesk.people.models import ContactMethod, Person, Team


class EffectChoices(models.IntegerChoices):
    """The numbers of `effect.Effect`, as they are stored."""

    WORKS = 0, "works"
    REDUCED = 1, "reduced"
    DEGRADED = 2, "degraded"
    DOWN = 3, "down"


class Severity(models.TextChoices):
    """How bad an outage is, as those who approve its statements see it."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


# --- What depends on what --------------------------------------------------------------------------------------------


class Part(models.Model):
    """Something of ours, or of a carrier's, that can fail. `key` is what lists and imports call it by, in small letters.

    `aliases` are the names that monitoring has for it, in small letters. `provider` and `provider_ref` are the carrier and
    the number that the carrier's notices call it by. A `public` one stands on the public status page as `public_name`, by
    `position`.
    """

    class Kind(models.TextChoices):
        SITE = "site"
        RACK = "rack"
        DEVICE = "device"
        CIRCUIT = "circuit"
        UPSTREAM = "upstream"
        SHARED = "shared"

    brand = models.ForeignKey(Brand, models.CASCADE)
    key = models.CharField(max_length=120)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind)
    aliases = ArrayField(models.CharField(max_length=200), default=list)
    provider = models.CharField(max_length=120, default="", blank=True)
    provider_ref = models.CharField(max_length=120, default="", blank=True)
    public = models.BooleanField(default=False)
    public_name = models.CharField(max_length=120, default="", blank=True)
    position = models.PositiveIntegerField(default=0)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "key"], name="one_part_a_key"),
            models.CheckConstraint(condition=Q(public=False) | ~Q(public_name=""), name="public_part_has_a_name"),
        ]
        indexes: ClassVar = [
            GinIndex(fields=["aliases"], name="part_aliases"),
            models.Index("brand", Lower("name"), name="part_name"),
            models.Index("brand", Lower("provider_ref"), condition=~Q(provider_ref=""), name="part_provider_ref"),
            # Every web process asks several times a second.
            models.Index(fields=["brand", "position"], condition=Q(public=True), name="part_public"),
        ]

    def __str__(self) -> str:
        return self.name


class Need(models.Model):
    """What its one owner needs: `at_least` of its members, None for all of them. An owner works while all its needs are met.

    A service's needs are those of everybody who buys it; a subscription's come on top.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    part = models.ForeignKey(Part, models.CASCADE, null=True, related_name="needs")
    service = models.ForeignKey(Service, models.CASCADE, null=True, related_name="needs")
    subscription = models.ForeignKey(Subscription, models.CASCADE, null=True, related_name="needs")
    at_least = models.PositiveSmallIntegerField(null=True)
    members = models.ManyToManyField(Part, through="Member", related_name="needed_by")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(part__isnull=False, service=None, subscription=None)
                | Q(part=None, service__isnull=False, subscription=None)
                | Q(part=None, service=None, subscription__isnull=False),
                name="need_has_one_owner",
            ),
            models.CheckConstraint(condition=Q(at_least=None) | Q(at_least__gte=1), name="need_of_one_or_more"),
        ]


class Member(models.Model):
    """`part` is one of those that the need is about."""

    need = models.ForeignKey(Need, models.CASCADE, related_name="of")
    part = models.ForeignKey(Part, models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["need", "part"], name="one_member_a_part")]


class Reach(models.Model):
    """A customer's `channel` (email, sms, voice) runs over a subscription of theirs: when that is down, it reaches nobody.

    Of one `contact`, or of all of the customer's where None.
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="reaches")
    contact = models.ForeignKey(Contact, models.CASCADE, null=True, related_name="+")
    channel = models.CharField(max_length=10)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "contact", "channel", "subscription"], name="one_reach", nulls_distinct=False
            )
        ]


class WayPart(models.Model):
    """A way to reach one of our own people runs over `part`: while that is down, it reaches nobody."""

    method = models.ForeignKey(ContactMethod, models.CASCADE, related_name="+")
    part = models.ForeignKey(Part, models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["method", "part"], name="one_way_a_part")]


class WayWarning(models.Model):
    """It was told, at `raised_at`, that somebody on duty cannot be reached by `method` because of an outage or of planned
    work (`cause_kind`, `cause_id`). Withdrawn when it can be used again, or they are not on any more.
    """

    method = models.ForeignKey(ContactMethod, models.CASCADE, related_name="+")
    cause_kind = models.CharField(max_length=12)
    cause_id = models.UUIDField()
    raised_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["method", "cause_id"], condition=Q(withdrawn_at=None), name="one_open_warning_a_way"
            ),
        ]


# --- Outages ---------------------------------------------------------------------------------------------------------


class Rules(models.Model):
    """How a brand speaks of outages. `approvers`: severity -> who may approve a statement, see `decide.APPROVERS`.

    `desk` is told, and its manager after it, when the voice of an outage is late. `policy`: who is paged when an outage is
    proposed; None: whoever is paged for its alarm. `update_every_minutes`: when the next update is due where nobody says.
    `preview_people`: with more than these in the audience, a rule proposes and does not confirm. `status_hosts`: names under
    which its public page stands at `/`.
    """

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="outage_rules")
    approvers = models.JSONField(default=dict)
    desk = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    policy = models.ForeignKey(Policy, models.SET_NULL, null=True, related_name="+")
    update_every_minutes = models.PositiveSmallIntegerField(default=30)
    preview_people = models.PositiveIntegerField(default=20_000)
    status_hosts = ArrayField(models.CharField(max_length=253), default=list)


class Outage(models.Model):
    """Something has failed, or may have. `state` moves only in `actions._move`.

    `title` and `cause` are for us; what customers read are the texts of its updates. `began_at` is when it failed, as well
    as that is known. `public`: it stands on the public page, as `public_title`. `next_update_at`: when the next word is due,
    None where none is owed; `estimate_at`: when it is hoped to work again. `page`: the alarm that it came from.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed"
        INVESTIGATING = "investigating"
        IDENTIFIED = "identified"
        MONITORING = "monitoring"
        RESOLVED = "resolved"
        WITHDRAWN = "withdrawn"

    class Origin(models.TextChoices):
        ALARM = "alarm"
        CONTACTS = "contacts"
        PERSON = "person"
        WORK = "work"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT)
    number = models.BigIntegerField()
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=13, choices=State)
    severity = models.CharField(max_length=8, choices=Severity)
    cause = models.TextField(default="")
    origin = models.CharField(max_length=8, choices=Origin)
    page = models.ForeignKey(Page, models.SET_NULL, null=True, related_name="outages")
    lead = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    fixer = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    voice = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    public = models.BooleanField(default=False)
    public_title = models.CharField(max_length=200, default="")
    began_at = models.DateTimeField()
    proposed_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    estimate_at = models.DateTimeField(null=True)
    next_update_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    """When what customers read of it last changed; the hot pages look at it."""

    class Meta:
        ordering: ClassVar = ["-began_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "number"], name="one_outage_a_number"),
            models.CheckConstraint(
                condition=Q(state="proposed", confirmed_at=None)
                | Q(state="withdrawn")
                | Q(state__in=["investigating", "identified", "monitoring", "resolved"], confirmed_at__isnull=False),
                name="confirmed_at_some_instant",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["resolved", "withdrawn"], resolved_at__isnull=False)
                | (~Q(state__in=["resolved", "withdrawn"]) & Q(resolved_at=None)),
                name="outage_over_at_some_instant",
            ),
            models.CheckConstraint(condition=Q(public=False) | ~Q(public_title=""), name="public_outage_has_a_title"),
            # One alarm leads to one outage, however often it is looked at.
            models.UniqueConstraint(fields=["page"], name="one_outage_a_page", condition=Q(page__isnull=False)),
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "-began_at", "-id"], name="outage_newest"),
            models.Index(
                fields=["brand", "-began_at"],
                name="outage_open",
                condition=Q(state__in=["proposed", "investigating", "identified", "monitoring"]),
            ),
            models.Index(fields=["brand", "-changed_at"], name="outage_changed"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.title}"

    @property
    def name(self) -> str:
        """How people call it: `O-1042`."""
        return f"O-{self.number}"

    @property
    def is_open(self) -> bool:
        """Whether it is not over; a proposed one is open."""
        return self.state not in ("resolved", "withdrawn")


class FailedPart(models.Model):
    """A part that the outage is about, and how badly it fails."""

    outage = models.ForeignKey(Outage, models.CASCADE, related_name="failed")
    part = models.ForeignKey(Part, models.PROTECT, related_name="+")
    effect = models.PositiveSmallIntegerField(choices=EffectChoices, default=EffectChoices.DOWN)

    class Meta:
        ordering: ClassVar = ["part__key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["outage", "part"], name="one_failure_a_part")]


class Touched(models.Model):
    """What the outage does to one subscription, from `since` on: `effect` is how it is now, WORKS from `until` on, and `worst`
    the worst that it was. `down_at`: the instants at which it went down and came up, by turns, the first one went down.
    """

    outage = models.ForeignKey(Outage, models.CASCADE, related_name="touched", db_index=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="touched")
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="touched", db_index=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    effect = models.PositiveSmallIntegerField(choices=EffectChoices)
    worst = models.PositiveSmallIntegerField(choices=EffectChoices)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    down_at = ArrayField(models.DateTimeField(), default=list, db_default=[])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["outage", "subscription"], name="touched_once"),
            models.CheckConstraint(condition=Q(worst__gte=1), name="touched_is_not_untouched"),
            models.CheckConstraint(
                condition=Q(effect=0, until__isnull=False) | Q(effect__gte=1, until=None), name="touched_until_it_works"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["customer", "outage"], name="touched_customer")]


class Affected(models.Model):
    """A customer that the outage touches, or touched: `effect` is the worst of theirs now, `worst` the worst it ever was,
    `effect_told` what they were told last, None before they were.

    `ticket_number`: their ticket about it, once there is one.
    """

    outage = models.ForeignKey(Outage, models.CASCADE, related_name="affected", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="affected")
    effect = models.PositiveSmallIntegerField(choices=EffectChoices)
    worst = models.PositiveSmallIntegerField(choices=EffectChoices)
    services = models.PositiveIntegerField()
    """How many of their subscriptions it touches, or touched."""
    since = models.DateTimeField()
    effect_told = models.PositiveSmallIntegerField(choices=EffectChoices, null=True)
    ticket_number = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["outage", "customer"], name="affected_once")]


class Update(models.Model):
    """What is told of an outage, once written and nowhere copied. One that was published is never changed.

    `texts`: {language: statement}; the brand's language is always there. `state`: where the outage goes with it. A `quiet`
    one is shown and sent to nobody. `next_at`: when it says that the next comes, None in the last one. `hold_at`: when the
    holding statement goes in its place, unless it is approved before. `corrects`: the update that it takes the place of.
    """

    class Kind(models.TextChoices):
        UPDATE = "update"
        HOLDING = "holding"
        CORRECTION = "correction"
        RESOLUTION = "resolution"
        WITHDRAWAL = "withdrawal"
        POST_INCIDENT = "post_incident"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    outage = models.ForeignKey(Outage, models.CASCADE, related_name="updates", db_index=False)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=13, choices=Kind)
    state = models.CharField(max_length=13, choices=Outage.State)
    texts = models.JSONField()
    quiet = models.BooleanField(default=False)
    next_at = models.DateTimeField(null=True)
    estimate_at = models.DateTimeField(null=True)
    template = models.ForeignKey("StatementTemplate", models.SET_NULL, null=True, related_name="+")
    corrects = models.ForeignKey("self", models.PROTECT, null=True, related_name="corrected_by")
    written_at = models.DateTimeField()
    written_by = models.CharField(max_length=120)
    written_by_id = models.CharField(max_length=60)
    hold_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=120, default="")
    published_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)
    """It was not approved, or something else took its place before it was."""
    people = models.PositiveIntegerField(default=0)
    """How many people it was sent to."""

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["outage", "number"], name="one_update_a_number"),
            models.CheckConstraint(
                condition=Q(published_at=None) | Q(approved_at__isnull=False), name="published_was_approved"
            ),
            models.CheckConstraint(
                condition=Q(published_at=None) | Q(dropped_at=None), name="published_was_not_dropped"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["outage", "-published_at"], name="update_published"),
            models.Index(fields=["outage"], name="update_waiting", condition=Q(published_at=None, dropped_at=None)),
        ]


class StatementTemplate(models.Model):
    """Words for 4 AM: `texts` {language: statement with the placeholders of `wording.PLACEHOLDERS`}, for updates that an outage
    `goes_to` a state by. What is made of one as it stands needs nobody's approval. `holding`: it may go by itself.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    goes_to = models.CharField(max_length=13, choices=Outage.State)
    texts = models.JSONField()
    holding = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)
    edited_by = models.CharField(max_length=120)
    edited_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["brand", "name"], condition=Q(removed_at=None), name="one_statement_template_a_name"
            )
        ]


class ConfirmRule(models.Model):
    """An alarm about one of `parts` that still stands after `after_s` is an outage, without a person saying so, and the
    holding statement of `template` goes out.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    parts = models.ManyToManyField(Part, related_name="+")
    template = models.ForeignKey(StatementTemplate, models.PROTECT, related_name="+")
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.MAJOR)
    after_s = models.PositiveSmallIntegerField(default=15)
    public = models.BooleanField(default=False)
    public_title = models.CharField(max_length=200, default="")
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)


# --- Who wants to hear -----------------------------------------------------------------------------------------------


class Wish(models.Model):
    """How somebody wants to hear of outages: a `contact`, or a whole customer where None; of one service, or of every one.

    `channels` (email, sms, push, webhook): none of them means never. `min_effect`: nothing milder is told. Texts go out between
    `texts_from` and `texts_until` of their local day (minutes from 00:00, the end open, over midnight where it comes first; both
    None: at night as `Contact.texted_at_night` says; one instant twice: at any hour);
    outside of it what was to be a text is a mail.
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="wishes")
    contact = models.ForeignKey(Contact, models.CASCADE, null=True, related_name="wishes")
    service = models.ForeignKey(Service, models.CASCADE, null=True, related_name="+")
    channels = ArrayField(models.CharField(max_length=10), default=list)
    min_effect = models.PositiveSmallIntegerField(choices=EffectChoices, default=EffectChoices.REDUCED)
    texts_from = models.PositiveSmallIntegerField(null=True)
    texts_until = models.PositiveSmallIntegerField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "contact", "service"], name="one_wish_each", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(texts_from=None, texts_until=None) | Q(texts_from__lt=1440, texts_until__lte=1440),
                name="wish_hours_are_of_a_day",
            ),
        ]


class Subscriber(models.Model):
    """Somebody who asked, on a brand's public page, to hear of what stands there. Nothing is sent before `confirmed_at`.

    `secret` is behind the links that confirm and end it. `ended_at`: they want no more, or their address is dead.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    email = models.EmailField()
    language = models.CharField(max_length=10, default="en-gb")
    secret = models.CharField(max_length=40)
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_why = models.CharField(max_length=120, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("brand", Lower("email"), name="one_subscriber_an_address"),
            models.UniqueConstraint(fields=["secret"], name="one_subscriber_a_secret"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["brand"], name="subscribers_now", condition=Q(confirmed_at__isnull=False, ended_at=None)
            )
        ]


class UnsubscribeRequest(models.Model):
    """A reader of the contact's address wants no more there, and those who keep the company's contacts have to agree.

    `subscriber`: it is about that public subscription of the same address; None: about the contact's own notices. Until it is
    decided the address is told as before.
    """

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="unsubscribe_requests")
    subscriber = models.ForeignKey(Subscriber, models.CASCADE, null=True, related_name="+")
    address = models.EmailField()
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=120, default="")
    agreed = models.BooleanField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contact", "subscriber"],
                name="one_open_unsubscribe_request",
                condition=Q(decided_at=None),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, agreed=None) | Q(decided_at__isnull=False, agreed__isnull=False),
                name="unsubscribe_decided_one_way",
            ),
        ]


# --- Planned work ----------------------------------------------------------------------------------------------------


def a_day_before() -> list[int]:
    """When those touched are reminded, where a brand says nothing else."""
    return [24]


class WorkRules(models.Model):
    """How a brand speaks of planned work. `provider` and `organizer` are how MAINTNOTE names us; where empty, our mail address.

    `notice_days`: how long before customers are told whose contract says nothing else. `remind_hours` before it begins those
    touched are reminded. `planners` hear of what carriers announce and of what clashes.
    """

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="work_rules")
    provider = models.CharField(max_length=120, default="", blank=True)
    organizer = models.EmailField(default="", blank=True)
    notice_days = models.PositiveSmallIntegerField(default=10)
    remind_hours = ArrayField(models.PositiveSmallIntegerField(), default=a_day_before)
    planners = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")


class WorkTerms(models.Model):
    """How many days before planned work a contract wants its customer to be told."""

    contract = models.OneToOneField(Contract, models.CASCADE, related_name="work_terms")
    notice_days = models.PositiveSmallIntegerField()


class Freeze(models.Model):
    """No work from `first_day` to `last_day`, both included, by the clocks of the customer, or of the brand where None."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, related_name="freezes")
    name = models.CharField(max_length=120)
    first_day = models.DateField()
    last_day = models.DateField()

    class Meta:
        ordering: ClassVar = ["first_day", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(last_day__gte=models.F("first_day")), name="freeze_has_length")
        ]


class MaintnoteWish(models.Model):
    """The contact's programs read MAINTNOTE: it comes with each notice. `method`: of its calendar, "" for none."""

    contact = models.OneToOneField(Contact, models.CASCADE, related_name="maintnote")
    method = models.CharField(max_length=10, default="", blank=True)


class Carrier(models.Model):
    """A provider of ours whose notices are read. `names`: what parts and notices call it besides `name`. `senders`: addresses in
    small letters, or `@domain`, that its notices come from. `parser`: who reads its own format, "" where it writes MAINTNOTE.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=120)
    names = ArrayField(models.CharField(max_length=120), default=list)
    senders = ArrayField(models.CharField(max_length=320), default=list)
    parser = models.CharField(max_length=40, default="", blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint("brand", Lower("name"), name="one_carrier_a_name")]

    def __str__(self) -> str:
        return self.name


class CarrierMail(models.Model):
    """A mail in a carrier's own format: `parsed` by another program, or `failed` with the reason; both empty while it is."""

    mail_id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="mails")
    at = models.DateTimeField()
    parsed = models.JSONField(null=True)
    failed = models.CharField(max_length=500, default="")


class Work(models.Model):
    """Planned work as customers hear of it. `state` moves only in `work_actions._move`, see `work_flow.TRANSITIONS`.

    `title` is for us; `texts` {language: words} is what customers read of it beside what it does to them. `planned` keeps the
    parts' alarms quiet meanwhile, and pages whoever does not say that it is done. `round` counts how often it was told of.

    Of a carrier's: `carrier_key`, `carrier_uid` and `carrier_ref` tell it from others; what the carrier said last follows.
    `change`: what it has said since, and nobody here has taken: {"status", "from_at", "until_at", "parts"}.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed"
        TENTATIVE = "tentative"
        ANNOUNCED = "announced"
        IN_PROGRESS = "in_progress"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        DISMISSED = "dismissed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT)
    number = models.BigIntegerField()
    title = models.CharField(max_length=200)
    texts = models.JSONField(default=dict)
    state = models.CharField(max_length=11, choices=State)
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    """Who does it, or sees to it."""
    policy = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="+")
    attended = models.BooleanField(default=True)
    planned = models.OneToOneField(PlannedWork, models.PROTECT, null=True, related_name="told_as")
    public = models.BooleanField(default=False)
    public_title = models.CharField(max_length=200, default="", blank=True)
    round = models.PositiveIntegerField(default=0)
    carrier = models.ForeignKey(Carrier, models.SET_NULL, null=True, related_name="work")
    carrier_key = models.CharField(max_length=130, default="", blank=True)
    carrier_uid = models.CharField(max_length=300, default="", blank=True)
    carrier_ref = models.CharField(max_length=200, default="", blank=True)
    carrier_status = models.CharField(max_length=12, default="", blank=True)
    carrier_sequence = models.IntegerField(null=True)
    carrier_stamped_at = models.DateTimeField(null=True)
    carrier_from_at = models.DateTimeField(null=True)
    carrier_until_at = models.DateTimeField(null=True)
    problems = models.JSONField(default=list)
    """What is wrong with what the carrier said, in sentences."""
    change = models.JSONField(null=True)
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField()
    announced_at = models.DateTimeField(null=True)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["from_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "number"], name="one_work_a_number"),
            models.CheckConstraint(
                condition=Q(until_at__gt=models.F("from_at")), name="told_work_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=Q(public=False) | ~Q(public_title=""), name="public_work_has_a_title"),
            models.CheckConstraint(
                condition=Q(state__in=["completed", "cancelled", "dismissed"], ended_at__isnull=False)
                | (~Q(state__in=["completed", "cancelled", "dismissed"]) & Q(ended_at=None)),
                name="work_over_at_some_instant",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "from_at"], name="work_to_come", condition=Q(ended_at=None)),
            models.Index(fields=["brand", "-from_at", "-id"], name="work_newest"),
            models.Index(fields=["brand", "carrier_key", "carrier_uid"], name="work_uid", condition=~Q(carrier_key="")),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.title}"

    @property
    def name(self) -> str:
        """How people call it: `W-12`."""
        return f"W-{self.number}"


class WorkPart(models.Model):
    """A part that the work is about, and how badly it fails meanwhile."""

    work = models.ForeignKey(Work, models.CASCADE, related_name="parts")
    part = models.ForeignKey(Part, models.PROTECT, related_name="+")
    effect = models.PositiveSmallIntegerField(choices=EffectChoices, default=EffectChoices.DOWN)

    class Meta:
        ordering: ClassVar = ["part__key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["work", "part"], name="one_work_part")]


class WorkTouched(models.Model):
    """What the work does to one subscription."""

    work = models.ForeignKey(Work, models.CASCADE, related_name="touched", db_index=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="+")
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="work_touched", db_index=False)
    effect = models.PositiveSmallIntegerField(choices=EffectChoices)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["work", "subscription"], name="work_touches_once")]
        indexes: ClassVar = [models.Index(fields=["customer", "work"], name="work_touched_customer")]


class WorkNotice(models.Model):
    """What one customer was told of the work, never changed. `sequence` is its MAINTNOTE's, from 0; `round` the work's.

    `objects_told`: [{"name", "called", "effect", "service"}]. `digest`: the file. `people`: to how many contacts it went.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    work = models.ForeignKey(Work, models.CASCADE, related_name="notices", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="work_notices")
    round = models.PositiveIntegerField()
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=10)
    status = models.CharField(max_length=12)
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    objects_told = models.JSONField(default=list)
    digest = models.CharField(max_length=64, default="")
    people = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["work", "customer", "round"], name="told_once_a_round"),
            models.UniqueConstraint(fields=["work", "customer", "sequence"], name="one_notice_a_sequence"),
        ]


class Objection(models.Model):
    """A customer said that the work clashes with something of theirs."""

    work = models.ForeignKey(Work, models.CASCADE, related_name="objections")
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    by_name = models.CharField(max_length=120)
    words = models.TextField(default="")
    mail_id = models.UUIDField(null=True, unique=True)
    at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["-at"]


class CarrierNote(models.Model):
    """What a carrier said, as it was read, and what became of it."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    carrier = models.ForeignKey(Carrier, models.SET_NULL, null=True, related_name="notes")
    work = models.ForeignKey(Work, models.SET_NULL, null=True, related_name="notes")
    mail_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    provider = models.CharField(max_length=500, default="")
    ref = models.CharField(max_length=200, default="")
    status = models.CharField(max_length=12, default="")
    note = models.JSONField()
    problems = models.JSONField(default=list)
    unknown = models.JSONField(default=list)
    """Objects of the note that are no part of ours."""
    became = models.CharField(max_length=10)
    outcome = models.CharField(max_length=300)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        indexes: ClassVar = [models.Index(fields=["brand", "-at"], name="carrier_notes_newest")]


# --- Links to what is told -------------------------------------------------------------------------------------------


class FeedLink(models.Model):
    """The secret address of a contact's own feeds. A rise of `serial` shuts every address that was given out before."""

    contact = models.OneToOneField(Contact, models.CASCADE, related_name="feed_link")
    serial = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
