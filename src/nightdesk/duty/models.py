"""Who held each seat, when; and who said in advance that they will."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Func, Q

from nightdesk.access.models import Brand
from nightdesk.people.models import Person
from nightdesk.rota.models import Override, Seat


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


class LateStart(models.Model):
    """After a bad night `person` does not begin before `not_before`, and their turn on `seat` needs somebody from
    `starts_at` until `ends_at` (all None: they are on no seat then).

    `cover` stands in, by `override`: made by rule, or proposed until somebody confirms it.
    """

    class State(models.TextChoices):
        TOLD = "told"
        """nothing needs cover"""
        COVERED = "covered"
        PROPOSED = "proposed"
        OPEN = "open"
        """nobody was found who may"""
        DECLINED = "declined"
        """a manager had it otherwise"""

    person = models.ForeignKey(Person, models.CASCADE, related_name="late_starts")
    seat = models.ForeignKey(Seat, models.CASCADE, null=True)
    worked_until = models.DateTimeField()
    not_before = models.DateTimeField()
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    cover = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    override = models.ForeignKey(Override, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State)
    made_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["-not_before", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "seat", "starts_at"], name="one_late_start_a_turn", nulls_distinct=True
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["person", "-not_before"], name="late_start_of")]


class LateStartRule(models.Model):
    """Whether cover for a late start is put in the plan at once (`by_rule`), or proposed to the manager. None: it is put."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="late_start_rule")
    by_rule = models.BooleanField(default=True)
