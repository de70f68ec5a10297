"""Who held each seat, when; and who said in advance that they will."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Func, Q

from nightdesk.duty.cover import Answer
from nightdesk.people.models import Person
from nightdesk.rota.models import Seat


class Hold(models.Model):
    """`person` held the seat over [`from_at`, `until_at`); None: still does. Two cannot hold one seat at once."""

    class How(models.TextChoices):
        SET = "set"
        """a manager said who holds it first"""
        ACCEPTED = "accepted"
        AUTOMATIC = "automatic"
        PASSED = "passed"
        TAKEN = "taken"

    seat = models.ForeignKey(Seat, models.PROTECT, related_name="holds")
    person = models.ForeignKey(Person, models.PROTECT)
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)
    how = models.CharField(max_length=10, choices=How)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seat"], condition=Q(until_at=None), name="one_holder_a_seat"),
            ExclusionConstraint(
                name="holds_do_not_overlap",
                expressions=[
                    (
                        Func(
                            "seat_id", "seat_id", function="int8range", template="%(function)s(seat_id, seat_id, '[]')"
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (Func("from_at", "until_at", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["seat", "-from_at"], name="hold_by_seat")]


class ReachWarning(models.Model):
    """`person` has, or is about to have, a seat, and nothing loud is known to wake them: told since `raised_at`.

    `turn_at` is when their turn begins (None: they are on already), `stage` how near it was when they were last told, in
    minutes. Withdrawn when it was mended or they are not on any more.
    """

    person = models.ForeignKey(Person, models.CASCADE)
    seat = models.ForeignKey(Seat, models.CASCADE)
    turn_at = models.DateTimeField(null=True)
    stage = models.PositiveIntegerField()
    raised_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "seat"], condition=Q(withdrawn_at=None), name="one_open_warning_a_seat"
            ),
        ]


class Acceptance(models.Model):
    """`person` takes the seat's turn that starts at `turn_at`; it holds from then on, or at once if the turn has begun."""

    seat = models.ForeignKey(Seat, models.CASCADE)
    turn_at = models.DateTimeField()
    person = models.ForeignKey(Person, models.PROTECT)
    accepted_at = models.DateTimeField()
    via = models.CharField(max_length=10)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seat", "turn_at"], name="a_turn_is_accepted_once"),
        ]


class CoverSearch(models.Model):
    """Somebody is sought who stands in for the seat over [`starts_at`, `ends_at`); the first who says yes has it.

    `instead_of` cannot. Those asked are asked together, or in order with `patience` between them, until `deadline_at`.
    """

    class State(models.TextChoices):
        ASKING = "asking"
        TAKEN = "taken"
        NOBODY = "nobody"
        """everybody declined, or the time was up: the manager was told"""
        CALLED_OFF = "called_off"

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="cover_searches")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    instead_of = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    together = models.BooleanField(default=False)
    patience = models.DurationField()
    deadline_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.ASKING)
    taken_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=120)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=models.F("ends_at")), name="cover_has_length"),
            models.CheckConstraint(
                condition=Q(state="taken", taken_by__isnull=False) | (~Q(state="taken") & Q(taken_by=None)),
                name="cover_is_taken_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["seat", "starts_at"], condition=Q(state="asking"), name="one_search_for_a_turn"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["seat", "-made_at"], name="cover_by_seat")]


class CoverAsk(models.Model):
    """`person` may stand in, and is asked in the order of `position`. `cost`: what it costs the plan, None: not known."""

    search = models.ForeignKey(CoverSearch, models.CASCADE, related_name="asks")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    cost = models.IntegerField(null=True)
    why = models.CharField(max_length=300, default="")
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=4, choices=[(each.value, each.value) for each in Answer], null=True)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["search", "person"], name="asked_once_a_search"),
            models.UniqueConstraint(fields=["search"], condition=Q(answer="yes"), name="one_yes_a_search"),
        ]
