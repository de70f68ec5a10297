"""The plan as rows. `queries.load_rota` turns them into the values that `resolve` reads."""

from typing import ClassVar
from uuid import uuid4

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Leased
from nightdesk.people.models import Person, Skill, Team


class Rota(models.Model):
    """Seats that are planned together in one zone.

    `version` is new with every change of the plan. It is no counter: a change that was rolled back must not lend its
    number to another, since `queries` keeps plans in memory by it.
    """

    class Swaps(models.TextChoices):
        FREE = "free"
        """none: what both want is done"""
        WARNED = "warned"
        """those that the rules warn of"""
        APPROVED = "approved"
        """every one"""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=50)
    version = models.UUIDField(default=uuid4)
    swaps = models.CharField(max_length=8, choices=Swaps, default=Swaps.WARNED, db_default=Swaps.WARNED)
    """Which swaps a manager approves, beside the two who swap."""

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Seat(models.Model):
    """A place that one person holds at a time. `acceptance_required`: duty passes only when the next holder accepts.

    `shifts` is what the planner fills, one person each, from `team`: a list of {"weekdays": [0..6], "opens": "HH:MM",
    "closes": "HH:MM"} as a layer's `restrict`; an empty one is planned by layers alone. `behind` is the seat that this
    one stands behind, as its standby or backup. `removed_at`: nobody is planned for it or holds it any more; its record stays.
    """

    class Counts(models.TextChoices):
        ALL = "all"
        """the whole duty is working time"""
        CALLED_ONLY = "called_only"
        """only what somebody was called for is"""

    rota = models.ForeignKey(Rota, models.CASCADE, related_name="seats")
    key = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    acceptance_required = models.BooleanField(default=False)
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+")
    behind = models.ForeignKey("self", models.SET_NULL, null=True, related_name="standbys")
    shifts = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    counts = models.CharField(max_length=11, choices=Counts, default=Counts.ALL, db_default=Counts.ALL)
    response_minutes = models.PositiveSmallIntegerField(null=True)
    """How soon whoever has it must be at work when called; None: nothing is agreed."""
    fixed_place = models.BooleanField(default=False, db_default=False)
    """Whoever has it must stay at a place that the employer names."""
    counts_at = models.DateTimeField(null=True)
    counts_by = models.CharField(max_length=120, default="", db_default="")
    counts_why = models.CharField(max_length=200, default="", db_default="")
    """Who said how its hours count, when, and why."""
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["rota", "position", "id"]

    def __str__(self) -> str:
        return self.name


class SeatSkill(models.Model):
    """Whoever has the seat must know `skill` at `level` or better; where it is not `hard`, they should."""

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, models.CASCADE, related_name="+")
    level = models.PositiveSmallIntegerField(default=2)
    hard = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["seat", "skill"], name="one_level_a_seat_skill")]


class AnswersFor(models.Model):
    """Whoever has the seat answers for this brand too, beside that of its rota."""

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="also_for")
    brand = models.ForeignKey(Brand, models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["seat", "brand"], name="one_answer_a_brand")]


class Layer(models.Model):
    """Columns as in `resolve.Layer`. `restrict` is a list of {"weekdays": [0..6], "opens": "HH:MM", "closes": "HH:MM"}."""

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="layers")
    position = models.PositiveSmallIntegerField(default=0)
    anchor = models.CharField(max_length=16)
    """Local date and time without a zone, "YYYY-MM-DDTHH:MM"."""
    turn = models.CharField(max_length=12)
    every = models.PositiveSmallIntegerField(default=1)
    restrict = models.JSONField(default=list)
    weekdays = models.JSONField(default=list)
    nation = models.CharField(max_length=2, default="")
    """Bank holidays of this nation (ISO 3166) are days off, as in `resolve.Layer`; empty: none are."""
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)

    class Meta:
        ordering: ClassVar = ["seat", "position", "id"]


class LayerMember(models.Model):
    """A person, or a team whose signed-in member accepts, taking turns in order of `position`."""

    layer = models.ForeignKey(Layer, models.CASCADE, related_name="members")
    position = models.PositiveSmallIntegerField()
    person = models.ForeignKey(Person, models.PROTECT, null=True)
    team = models.ForeignKey(Team, models.PROTECT, null=True)

    class Meta:
        ordering: ClassVar = ["layer", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["layer", "position"], name="one_member_a_position"),
            models.CheckConstraint(
                condition=Q(person=None, team__isnull=False) | Q(person__isnull=False, team=None),
                name="member_is_person_or_team",
            ),
        ]


class Override(models.Model):
    """A change over [`starts_at`, `ends_at`); `member` comes on, `instead_of` goes off. The id is the order.

    One that was cancelled before it began is in force never; later, until `ends_at`, which is then when it was cancelled.
    """

    class Kind(models.TextChoices):
        ADD = "add"
        REMOVE = "remove"
        REPLACE = "replace"

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="overrides")
    kind = models.CharField(max_length=7, choices=Kind)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    member = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    instead_of = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="override_has_length"),
        ]


class Exemption(models.Model):
    """Somebody with the right let stand what a rule blocks, and said why. `rules` are `law.Rule` values, gravest first."""

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="exemptions")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    rules = models.JSONField(default=list)
    reason = models.CharField(max_length=200)
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-made_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="exemption_says_why"),
        ]


class Worked(models.Model):
    """`person` worked over [`starts_at`, `ends_at`): the record that the law and pay go by.

    `source` says what it was written from, so that it is written once: "page:<id>", "hold:<id>", "called:<id>". `off_duty`:
    they were rung for help while somebody else had the duty. One that was struck out counts no more, and stays.
    """

    class Kind(models.TextChoices):
        PLANNED = "planned"
        """a duty whose whole time counts"""
        STANDBY = "standby"
        """a duty of which only what they were called for counts"""
        PAGE = "page"
        CALLED = "called"
        MANUAL = "manual"

    person = models.ForeignKey(Person, models.PROTECT, related_name="worked")
    kind = models.CharField(max_length=8, choices=Kind)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    seat = models.ForeignKey(Seat, models.PROTECT, null=True, related_name="+")
    source = models.CharField(max_length=60, unique=True)
    off_duty = models.BooleanField(default=False)
    note = models.CharField(max_length=200, default="")
    noted_by = models.CharField(max_length=120)
    noted_at = models.DateTimeField()
    struck_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["starts_at", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="work_has_length"),
        ]
        indexes: ClassVar = [models.Index(fields=["person", "starts_at"], name="worked_by_person")]


class RestOwed(models.Model):
    """Rest that `person` has not had and is owed, in minutes, by `due_at`; `given_minutes` of it were given since.

    `rule` and [`starts_at`, `ends_at`) say for what, as in `law.Finding`.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="rest_owed")
    rule = models.CharField(max_length=20)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    minutes = models.PositiveIntegerField()
    given_minutes = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    noted_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["due_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "rule", "starts_at"], name="rest_is_owed_once"),
            models.CheckConstraint(condition=Q(given_minutes__lte=F("minutes")), name="no_more_rest_than_owed"),
        ]


class Plan(models.Model):
    """Who is on from `starts_on` until `ends_on` (not included), by the rota's clocks, as a planner or a person laid it out.

    `made_with` says how: engine, version, seed, budget, parameters; without `reproducible`, another run with them may
    give another plan. `cost`, `bound` (no plan costs less; None: not known), `gaps` and `lines` are the planner's own.
    """

    class State(models.TextChoices):
        MAKING = "making"
        DRAFT = "draft"
        PUBLISHED = "published"
        REPLACED = "replaced"
        """by a later one for all of its time"""
        DISCARDED = "discarded"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    rota = models.ForeignKey(Rota, models.CASCADE, related_name="plans")
    number = models.PositiveIntegerField()
    """Counts the plans of the rota, from 1."""
    starts_on = models.DateField()
    ends_on = models.DateField()
    state = models.CharField(max_length=9, choices=State)
    based_on = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=120)
    made_with = models.JSONField(default=dict)
    reproducible = models.BooleanField(default=True)
    cost = models.BigIntegerField(null=True)
    bound = models.BigIntegerField(null=True)
    gaps = models.JSONField(default=list)
    lines = models.JSONField(default=list)
    published_at = models.DateTimeField(null=True)
    published_by = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["rota", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rota", "number"], name="one_plan_a_number"),
            models.CheckConstraint(condition=Q(starts_on__lt=F("ends_on")), name="plan_has_length"),
        ]


class Drafting(Leased):
    """A plan is being made: leased by whichever worker runs the engine for it, in a child process.

    `problem` is all that the engine reads, in its own words, and `request` how it is asked (`do`, `seed`, `budget` ...): a
    worker that comes after one that was killed begins with the same. `progress` is what it last said; with `stop_at` the
    best so far is wanted.
    """

    LANE = "drafts"

    plan = models.OneToOneField(Plan, models.CASCADE, related_name="drafting")
    problem = models.JSONField()
    request = models.JSONField()
    progress = models.JSONField(default=dict)
    stop_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=500, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["due_at"], name="drafting_due", condition=Q(ended_at=None))]


class PlannedShift(models.Model):
    """The plan puts `person` on `seat` over [`starts_at`, `ends_at`).

    `published`: it is what `resolve` reads. A later plan takes the place of what has not begun, so a published plan may
    have shifts that are not in force any more.
    """

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="shifts")
    seat = models.ForeignKey(Seat, models.CASCADE, related_name="planned")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    published = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["starts_at", "seat", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="shift_has_length"),
            ExclusionConstraint(
                name="published_shifts_do_not_overlap",
                expressions=[
                    (
                        Func(
                            "seat_id", "seat_id", function="int8range", template="%(function)s(seat_id, seat_id, '[]')"
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (Func("starts_at", "ends_at", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(published=True),
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["seat", "starts_at"], name="shift_by_seat")]


class PlanWish(models.Model):
    """What `person` would like of the plan over [`starts_at`, `ends_at`), and how much (`weight`, 1 to 9)."""

    class Wants(models.TextChoices):
        PREFER = "prefer"
        AVOID = "avoid"

    person = models.ForeignKey(Person, models.CASCADE, related_name="wishes")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    wants = models.CharField(max_length=6, choices=Wants)
    weight = models.PositiveSmallIntegerField(default=3)
    note = models.CharField(max_length=200, default="")

    class Meta:
        ordering: ClassVar = ["starts_at", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="wish_has_length"),
        ]


class Swap(models.Model):
    """`asked_by` asks `asked` to take `seat` over [`starts_at`, `ends_at`), and gives `back_*` in return, or nothing.

    When it is done it is `overrides` of the seats, made in the transaction that settled it.
    """

    class State(models.TextChoices):
        ASKED = "asked"
        ACCEPTED = "accepted"
        """by the other; a manager has still to approve it"""
        DONE = "done"
        DECLINED = "declined"
        REFUSED = "refused"
        """by a manager, or by the rules"""
        CANCELLED = "cancelled"

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="swaps")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    back_seat = models.ForeignKey(Seat, models.CASCADE, null=True, related_name="+")
    back_starts_at = models.DateTimeField(null=True)
    back_ends_at = models.DateTimeField(null=True)
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked = models.ForeignKey(Person, models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=200, default="")
    overrides = models.ManyToManyField(Override)

    class Meta:
        ordering: ClassVar = ["-asked_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="swap_has_length"),
        ]
