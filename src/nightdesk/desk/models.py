"""Tickets and their stories. What the columns mean together is decided in `decide` and `clock`."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Lower

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.customers.models import Contact, Customer, Hours, Service, Subscription
from nightdesk.mailroom.models import Mail
from nightdesk.outages.models import Outage, Part
from nightdesk.paging.models import Page, Policy
from nightdesk.people.models import Person, Team


class Rules(models.Model):
    """How a brand's desk works. `priorities`: the brand's changes of the table impact x urgency, see `customers.priority`;
    `clocks`: those of how tickets' clocks run, see `clock_rules`.

    `owner` is the team that owns every ticket: the desk. Days are days of the calendar. `tickets_from_pages`: which pages of
    alarms become tickets; urgent is P1 to P3. `address` is what mails of tickets come from, "" for the queue's or the
    brand's first; `emergency_number` is told to those whom the contract lets ring at night. `signatures`: {language: text}
    below every mail, see `wording.signature_in`.
    """

    class FromPages(models.TextChoices):
        NONE = "none"
        URGENT = "urgent"
        ALL = "all"

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="desk_rules")
    owner = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+")
    priorities = models.JSONField(default=dict)
    reopens_within_days = models.PositiveSmallIntegerField(default=14)
    closes_after_days = models.PositiveSmallIntegerField(default=5)
    asks_again_after_days = models.PositiveSmallIntegerField(default=3)
    address = models.CharField(max_length=200, default="", db_default="")
    emergency_number = models.CharField(max_length=30, default="", db_default="")
    signatures = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    clocks = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    tickets_from_pages = models.CharField(
        max_length=6, choices=FromPages, default=FromPages.URGENT, db_default=FromPages.URGENT
    )
    surveys = models.BooleanField(default=False, db_default=False)
    """Whether customers are asked what they think once a ticket is closed."""
    surge_policy = models.ForeignKey(Policy, models.SET_NULL, null=True)
    """Who is paged when several customers ask at once about one service; None: the brand's first policy."""


class TeamRule(models.Model):
    """On which level a team works, and for what it may speak to users itself (`decide.ContactKind`)."""

    class Level(models.TextChoices):
        ONE = "1"
        TWO = "2"
        THREE = "3"

    team = models.OneToOneField(Team, models.CASCADE, related_name="desk_rule")
    level = models.CharField(max_length=1, choices=Level)
    contact_kinds = models.JSONField(default=list)


class Queue(models.Model):
    """A heap of work with a name. Mail to `address` (one of ours, without case) lands in it; at night nobody is paged
    for what lies in one that `waits_for_day`. `work_type`: what kind of work it is, as contracts name it, "" for any.
    `needs_proof`: what comes in there changes who gets in.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=60)
    address = models.CharField(max_length=200, default="")
    team = models.ForeignKey(Team, models.SET_NULL, null=True)
    waits_for_day = models.BooleanField(default=False)
    work_type = models.CharField(max_length=60, default="", db_default="")
    needs_proof = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint("brand", Lower("name"), name="one_queue_a_name"),
            models.UniqueConstraint(Lower("address"), condition=~Q(address=""), name="one_queue_an_address"),
        ]

    def __str__(self) -> str:
        return self.name


class Ticket(models.Model):
    """An incident or a service request. `owner` is the desk, whoever works on it (`level`, `team`, `assignee`).

    `trust`: how sure it is that who seems to have asked did ask. `requester_address` and `requester_name` are as they
    wrote, known here or not. While it is open there is a next step and its time. `what_was_wrong`, `what_was_done` and
    `what_to_do` are told when it is resolved. `needs_proof`: it changes who gets in, and is not done before `proved_at`.
    `night_ok`: whoever is on at night may do it when nothing burns, because of `night_why`.
    `merged_into` is where its story goes on; `parent` the major incident that it is part of, `outage` the outage.
    `first_response_at`: the first words of a person of ours to the customer; `customer_wrote_at`, `we_wrote_at`: the last
    public words of each side.
    """

    class Kind(models.TextChoices):
        INCIDENT = "incident"
        REQUEST = "request"

    class State(models.TextChoices):
        NEW = "new"
        ASSIGNED = "assigned"
        IN_PROGRESS = "in_progress"
        PENDING = "pending"
        RESOLVED = "resolved"
        CLOSED = "closed"
        CANCELLED = "cancelled"

    class PendingReason(models.TextChoices):
        AWAITING_CALLER = "awaiting_caller"
        AWAITING_CHANGE = "awaiting_change"
        AWAITING_PROBLEM = "awaiting_problem"
        AWAITING_SUPPLIER = "awaiting_supplier"

    class Trust(models.TextChoices):
        VERIFIED = "verified"
        UNVERIFIED = "unverified"
        STAFF = "staff"
        MACHINE = "machine"

    class Level(models.TextChoices):
        ONE = "1"
        TWO = "2"
        THREE = "3"
        SUPPLIER = "supplier"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT, db_index=False)
    number = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=11, choices=State, default=State.NEW)
    pending_reason = models.CharField(max_length=17, choices=PendingReason, default="")
    title = models.CharField(max_length=300)
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, db_index=False)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, db_index=False)
    requester_address = models.CharField(max_length=320, default="")
    requester_name = models.CharField(max_length=200, default="")
    trust = models.CharField(max_length=10, choices=Trust, default=Trust.STAFF)
    service = models.ForeignKey(Service, models.PROTECT, null=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, null=True, related_name="+", db_index=False)
    """Which of the service's circuits it is about, where that is known."""
    work_type = models.CharField(max_length=60, default="")
    impact = models.CharField(max_length=6)
    urgency = models.CharField(max_length=6)
    priority = models.PositiveSmallIntegerField()
    owner = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+")
    level = models.CharField(max_length=8, choices=Level, default=Level.ONE)
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+")
    assignee = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    first_engineer = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    """Who had it when it was first escalated, so that what was found out comes back to them."""
    queue = models.ForeignKey(Queue, models.PROTECT, null=True)
    tags = ArrayField(models.CharField(max_length=40), default=list)
    major = models.BooleanField(default=False)
    major_proposed = models.BooleanField(default=False, db_default=False)
    """It may be a major incident, and nobody has decided yet: nothing of it follows in its children."""
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children", db_index=False)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, related_name="merged", db_index=False)
    outage = models.ForeignKey(Outage, models.PROTECT, null=True, related_name="tickets", db_index=False)
    split_from = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    next_step = models.CharField(max_length=300, default="")
    next_step_at = models.DateTimeField(null=True)
    night_ok = models.BooleanField(default=False, db_default=False)
    night_why = models.CharField(max_length=200, default="", db_default="")
    needs_proof = models.BooleanField(default=False)
    proved_at = models.DateTimeField(null=True)
    came_by = models.CharField(max_length=10)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    first_response_at = models.DateTimeField(null=True)
    customer_wrote_at = models.DateTimeField(null=True)
    contacted_at = models.DateTimeField(null=True)
    """When the customer last came to us of themselves: opened it, or spoke without being asked, see `decide.asks_anew`."""
    we_wrote_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    reopened = models.PositiveSmallIntegerField(default=0)
    what_was_wrong = models.TextField(default="")
    what_was_done = models.TextField(default="")
    what_to_do = models.TextField(default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "number"], name="one_ticket_a_number"),
            models.CheckConstraint(condition=Q(priority__range=(1, 5)), name="ticket_priority_is_p1_to_p5"),
            models.CheckConstraint(
                condition=Q(state__in=["resolved", "closed", "cancelled"])
                | Q(merged_into__isnull=False)
                | (~Q(next_step="") & Q(next_step_at__isnull=False)),
                name="open_ticket_has_a_next_step",
            ),
            models.CheckConstraint(
                condition=(Q(state="pending") & ~Q(pending_reason="")) | (~Q(state="pending") & Q(pending_reason="")),
                name="pending_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["resolved", "closed"])
                | Q(merged_into__isnull=False)
                | (~Q(what_was_wrong="") & ~Q(what_was_done="") & ~Q(what_to_do="")),
                name="resolved_ticket_says_what_it_was",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")), name="ticket_is_not_merged_into_itself"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "-opened_at", "-id"], name="ticket_newest"),
            models.Index(fields=["-opened_at", "-id"], name="ticket_newest_of_all"),
            models.Index(fields=["brand", "state", "-opened_at", "-id"], name="ticket_state"),
            models.Index(fields=["brand", "priority", "-opened_at", "-id"], name="ticket_priority"),
            models.Index(
                fields=["queue", "priority", "opened_at"],
                name="ticket_queue",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
            ),
            models.Index(
                fields=["team", "priority", "opened_at"],
                name="ticket_team",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
            ),
            models.Index(
                fields=["brand", "next_step_at"],
                # What a list is counted and put in order by, so that no ticket is read for it.
                include=[
                    "state",
                    "pending_reason",
                    "assignee",
                    "outage",
                    "customer_wrote_at",
                    "priority",
                    "opened_at",
                    "id",
                ],
                name="ticket_worklist",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
            ),
            models.Index(
                fields=["brand", "priority", "opened_at"],
                name="ticket_work",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
            ),
            models.Index(
                fields=["assignee", "priority", "opened_at"],
                name="ticket_mine",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
            ),
            models.Index(
                fields=["priority", "opened_at"],
                name="ticket_next",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
            ),
            models.Index(
                fields=["next_step_at"],
                name="ticket_due",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None),
            ),
            models.Index(
                fields=["brand", "priority", "opened_at"],
                name="ticket_quiet",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None, night_ok=True),
            ),
            models.Index(
                fields=["brand", "contacted_at"],
                name="ticket_contacted",
                condition=Q(
                    state__in=["new", "assigned", "in_progress", "pending"],
                    merged_into=None,
                    parent=None,
                    contacted_at__isnull=False,
                ),
            ),
            models.Index(
                fields=["brand"],
                name="ticket_major",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"], merged_into=None)
                & (Q(major=True) | Q(major_proposed=True)),
            ),
            # With what decides which of them a contact sees, so that those are counted without being read.
            models.Index(
                fields=["customer", "-opened_at", "-id"],
                include=["contact", "state", "merged_into"],
                name="ticket_of_customer",
            ),
            models.Index(
                fields=["customer", "-opened_at", "-id"],
                include=["contact", "merged_into"],
                name="ticket_of_customer_open",
                condition=Q(state__in=["new", "assigned", "in_progress", "pending"]),
            ),
            models.Index(fields=["contact", "-opened_at", "-id"], name="ticket_contact"),
            models.Index(fields=["number"], name="ticket_number"),
            models.Index(fields=["parent"], name="ticket_parent", condition=Q(parent__isnull=False)),
            models.Index(fields=["outage", "id"], name="ticket_outage", condition=Q(outage__isnull=False)),
            models.Index(fields=["merged_into"], name="ticket_merged", condition=Q(merged_into__isnull=False)),
            GinIndex(fields=["tags"], name="ticket_tags"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes something."""
        return self.state in ("new", "assigned", "in_progress", "pending") and self.merged_into_id is None

    @property
    def tag(self) -> str:
        """What stands in the subject of its mails; the brand must be loaded."""
        return f"[{self.brand.slug}#{self.number}]"


class Entry(models.Model):
    """One thing that was said or happened, never changed. A merge moves none: the survivor's story is read over both.

    `public`: the customer may see it. `moved` and `changed` carry what became of state, priority and the like in `facts`,
    and are the history that clocks are computed from. `automatic`: no person wrote it. `mail`: the mail that it came as.
    """

    class Kind(models.TextChoices):
        MESSAGE_IN = "message_in"
        MESSAGE_OUT = "message_out"
        NOTE = "note"
        CALL = "call"
        MOVED = "moved"
        CHANGED = "changed"
        LINKED = "linked"
        SYSTEM = "system"

    SPOKEN: ClassVar = (Kind.MESSAGE_IN, Kind.MESSAGE_OUT, Kind.CALL)
    """What was said to the customer or by them."""
    SAID: ClassVar = (*SPOKEN, Kind.NOTE)
    """That, and what was said among ourselves."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="entries", db_index=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=11, choices=Kind)
    public = models.BooleanField(default=False)
    by_kind = models.CharField(max_length=10)
    by_id = models.CharField(max_length=40)
    by_name = models.CharField(max_length=200)
    via = models.CharField(max_length=10)
    text = models.TextField(default="")
    html = models.TextField(default="")
    mail = models.ForeignKey(Mail, models.SET_NULL, null=True)
    contact_kind = models.CharField(max_length=14, default="")
    automatic = models.BooleanField(default=False)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["at", "id"]
        indexes: ClassVar = [models.Index(fields=["ticket", "at", "id"], name="entry_story")]
        constraints: ClassVar = [
            # Whatever else goes wrong: what is written among ourselves is never marked as the customer's to read.
            models.CheckConstraint(condition=~(Q(kind="note") & Q(public=True)), name="note_is_never_public"),
        ]


class Party(models.Model):
    """Somebody who is written to about a ticket. One who was removed stays so, whoever copies them in again by mail."""

    class Role(models.TextChoices):
        REQUESTER = "requester"
        CC = "cc"
        REMOVED = "removed"

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="parties", db_index=False)
    address = models.CharField(max_length=320)
    name = models.CharField(max_length=200, default="")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True)
    role = models.CharField(max_length=9, choices=Role)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint("ticket", Lower("address"), name="one_party_an_address"),
        ]
        indexes: ClassVar = [models.Index(Lower("address"), name="party_address")]


class Attachment(models.Model):
    """A file of an entry; its bytes lie in `base.files` under `digest`. `text` is what can be searched in it.

    `scan`: what the scanning hook said; without a hook it is "unscanned".
    """

    class Scan(models.TextChoices):
        UNSCANNED = "unscanned"
        WAITING = "waiting"
        CLEAN = "clean"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entry = models.ForeignKey(Entry, models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=127)
    size = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    content_id = models.CharField(max_length=300, default="")
    inline = models.BooleanField(default=False)
    scan = models.CharField(max_length=9, choices=Scan, default=Scan.UNSCANNED)
    scanned_as = models.CharField(max_length=200, default="")
    text = models.TextField(default="")

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["digest"], name="attachment_digest")]


class Watch(models.Model):
    """Somebody of ours who wants to hear of a ticket. `mentioned`: they were named in a note."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="watches")
    person = models.ForeignKey(Person, models.CASCADE)
    mentioned = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["ticket", "person"], name="one_watch_a_person")]


class Link(models.Model):
    """`ticket` is of this `kind` to `other`: "follows" it (after it was closed), is "related" to it, "caused_by" it."""

    class Kind(models.TextChoices):
        RELATED = "related"
        FOLLOWS = "follows"
        CAUSED_BY = "caused_by"

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="links")
    other = models.ForeignKey(Ticket, models.CASCADE, related_name="linked_from")
    kind = models.CharField(max_length=9, choices=Kind)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "other", "kind"], name="one_link_a_kind"),
            models.CheckConstraint(condition=~Q(ticket=F("other")), name="ticket_is_not_linked_to_itself"),
        ]


class OldNumber(models.Model):
    """A number that a ticket had where it was imported from: still found by mail and search."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    text = models.CharField(max_length=60)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="old_numbers")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("brand", Lower("text"), name="one_ticket_an_old_number")]


# --- An agent's own work on tickets ----------------------------------------------------------------------------------


class Draft(models.Model):
    """What somebody has begun to write on a ticket and not sent yet; theirs alone."""

    class Kind(models.TextChoices):
        REPLY = "reply"
        NOTE = "note"

    person = models.ForeignKey(Person, models.CASCADE)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="drafts")
    kind = models.CharField(max_length=5, choices=Kind)
    text = models.TextField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["person", "ticket", "kind"], name="one_draft_a_kind")]


class Presence(models.Model):
    """Somebody has the ticket open, as of `seen_at`, and last typed in it at `typed_at`. Rows soon mean nothing."""

    person = models.ForeignKey(Person, models.CASCADE)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="presences")
    seen_at = models.DateTimeField()
    typed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["ticket", "person"], name="one_presence_a_person")]
        indexes: ClassVar = [models.Index(fields=["seen_at"], name="presence_seen")]


class SavedView(models.Model):
    """A person's own way to look at tickets; with a `team`, its members see it too. `filters`: see `worklist.Wanted`."""

    person = models.ForeignKey(Person, models.CASCADE)
    team = models.ForeignKey(Team, models.SET_NULL, null=True)
    name = models.CharField(max_length=60)
    filters = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint("person", Lower("name"), name="one_view_a_name")]

    def __str__(self) -> str:
        return self.name


class Macro(models.Model):
    """Several verbs in one press, for the brand or one team of it. `steps`: [{"verb", "values"}], see `bulk_actions`."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    team = models.ForeignKey(Team, models.CASCADE, null=True)
    name = models.CharField(max_length=60)
    steps = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint("brand", Lower("name"), name="one_macro_a_name")]

    def __str__(self) -> str:
        return self.name


class Bulk(models.Model):
    """One or many tickets that somebody changed at one press, and how they were before.

    `rows`: [{"ticket": id, "number": int, "columns": {column: [before, after]}}]; `refused`: [{"ticket", "number", "why"}].
    `person` is who may take it back, until `undone_at` says that they did.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(Person, models.CASCADE, null=True)
    at = models.DateTimeField()
    what = models.CharField(max_length=300)
    rows = models.JSONField(default=list)
    refused = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["person", "-at"], name="bulk_latest")]


class MessageId(models.Model):
    """An id of a mail that belongs to a ticket: of one that we sent, of one that came from outside, of a colleague's that
    nobody outside is to see, or of one that such a mail answers and that we have never seen ("named"), by which its brothers
    find each other. Case is kept, as it counts.
    """

    class Whose(models.TextChoices):
        OURS = "ours"
        THEIRS = "theirs"
        STAFF = "staff"
        NAMED = "named"

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="message_ids")
    entry = models.ForeignKey(Entry, models.CASCADE, null=True, related_name="message_ids")
    message_id = models.CharField(max_length=300)
    whose = models.CharField(max_length=6, choices=Whose)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message_id", "ticket"], name="one_ticket_a_message_id"),
        ]


class Acknowledgement(models.Model):
    """That a mail opened a ticket, and whether a machine answered it; `why` not, and the `brake` (`auto_reply.Brake`) that
    kept it, both "" where it was answered.
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="acknowledgements")
    address = models.CharField(max_length=320)
    at = models.DateTimeField()
    answered = models.BooleanField()
    why = models.CharField(max_length=200, default="")
    brake = models.CharField(max_length=5, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["address", "at"], name="acknowledged_address")]


class TicketPage(models.Model):
    """A page that a ticket came of, or that was raised for it."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="pages")
    page = models.OneToOneField(Page, models.CASCADE, related_name="ticket_page")


class Lesson(models.Model):
    """What somebody behind the desk found out, on its way back to the engineer who had escalated it (`person`).

    They confirm that they have learned it, or propose a change of a procedure (`proposed`: its id), to be known next time.
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="lessons")
    person = models.ForeignKey(Person, models.CASCADE)
    answered_by = models.CharField(max_length=120)
    answer = models.TextField()
    made_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    proposed = models.CharField(max_length=60, default="")
    """Which proposal to the procedures came of it; "" where none did."""

    class Meta:
        ordering: ClassVar = ["made_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "person", "made_at"], name="one_lesson_an_answer"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["person"], name="lesson_waits", condition=Q(confirmed_at=None)),
        ]


class Surge(models.Model):
    """Several customers asked at once about one service, or about what needs one part: `ticket` is the major incident that was
    proposed for it.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    service = models.ForeignKey(Service, models.CASCADE, null=True)
    part = models.ForeignKey(Part, models.CASCADE, null=True)
    ticket = models.OneToOneField(Ticket, models.CASCADE, related_name="surge")
    at = models.DateTimeField()


class Supplier(models.Model):
    """A company that we buy from. `ladder`: whom to chase there, in order, as [{"who", "how", "after_minutes"}].

    `care_levels`: what was bought, as {name: {"respond": ISO 8601 duration or null, "fix": the same}}; it counts every
    minute, or where `hours` are given the supplier's own.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=120)
    email = models.EmailField(default="", blank=True)
    phone = models.CharField(max_length=20, default="")
    hours = models.ForeignKey(Hours, models.PROTECT, null=True)
    care_levels = models.JSONField(default=dict)
    ladder = models.JSONField(default=list)
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint("brand", Lower("name"), name="one_supplier_a_name")]

    def __str__(self) -> str:
        return self.name


class SupplierTicket(models.Model):
    """A supplier's ticket inside ours: their reference, what they owe by when, and when we chase them next.

    `respond_by` and `fix_by` are owed by the care level from `opened_at` on; `step` is how far up the ladder we are.
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="supplier_tickets")
    supplier = models.ForeignKey(Supplier, models.PROTECT)
    ref = models.CharField(max_length=80, default="")
    care_level = models.CharField(max_length=60, default="")
    opened_at = models.DateTimeField()
    respond_by = models.DateTimeField(null=True)
    fix_by = models.DateTimeField(null=True)
    responded_at = models.DateTimeField(null=True)
    step = models.PositiveSmallIntegerField(default=0)
    chased = models.PositiveSmallIntegerField(default=0)
    next_chase_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["opened_at", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=False) | Q(next_chase_at__isnull=False), name="open_one_is_chased"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["ticket"], name="supplier_ticket_open", condition=Q(closed_at=None)),
            models.Index(Lower("ref"), name="supplier_ticket_ref"),
        ]


class TimeSpent(models.Model):
    """Minutes that somebody worked on a ticket; a call-out is one that a customer is charged for by itself."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="time_spent")
    person = models.ForeignKey(Person, models.PROTECT)
    on = models.DateField()
    minutes = models.PositiveIntegerField()
    call_out = models.BooleanField(default=False)
    billable = models.BooleanField(default=True)
    note = models.CharField(max_length=300, default="")
    made_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["on", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(minutes__gt=0) | Q(call_out=True), name="time_is_something"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["on"], name="time_by_day", condition=Q(withdrawn_at=None)),
            models.Index(fields=["ticket"], name="time_of_ticket"),
        ]


class Prepaid(models.Model):
    """Minutes that a customer has paid for beforehand, to be used from `valid_from` until before `valid_until`."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="prepaid")
    minutes = models.PositiveIntegerField()
    valid_from = models.DateField()
    valid_until = models.DateField(null=True)
    note = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["valid_from", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")), name="prepaid_has_length"
            ),
        ]


class Survey(models.Model):
    """What somebody is asked once their ticket is closed: `score` 1 (bad) to 5, then words. Only a digest of the link's
    secret is kept. `team` and `supplier` are whom it is counted for.
    """

    ticket = models.OneToOneField(Ticket, models.CASCADE, related_name="survey")
    brand = models.ForeignKey(Brand, models.CASCADE)
    address = models.CharField(max_length=320)
    digest = models.CharField(max_length=64, unique=True)
    team = models.ForeignKey(Team, models.SET_NULL, null=True)
    supplier = models.ForeignKey(Supplier, models.SET_NULL, null=True)
    asked_at = models.DateTimeField()
    score = models.PositiveSmallIntegerField(null=True)
    words = models.TextField(default="")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(score=None) | Q(score__range=(1, 5)), name="score_is_1_to_5"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "-asked_at"], name="survey_newest"),
            models.Index(Lower("address"), F("asked_at").desc(), name="survey_address"),
        ]


class Escalation(models.Model):
    """A customer's contact asked for somebody with more authority. `answer_by` is when they were told that they hear from
    `manager_name`; any public words of ours after `at` are that answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="escalations")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True)
    manager = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    manager_name = models.CharField(max_length=120)
    why = models.TextField()
    at = models.DateTimeField()
    answer_by = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["ticket", "-at"], name="escalation_of_ticket")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(answer_by__gt=F("at")), name="escalation_is_answered_later")
        ]


class Searchable(models.Model):
    """Every word of a ticket, and marks such as its brand's; written by triggers alone (migration 0050). `at`: opened."""

    ticket = models.OneToOneField(Ticket, models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField()
    words = SearchVectorField()

    class Meta:
        indexes: ClassVar = [
            GinIndex(fields=["words"], name="searchable_words"),
            models.Index(fields=["at"], name="searchable_at"),
        ]
