"""Who held each seat, when; and who said in advance that they will."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Func, Q

from nightdesk.people.models import Person
from nightdesk.rota.models import Rota, Seat


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


class FeedLink(models.Model):
    """The calendar of a person or a rota at its secret address, which `serial` is part of: another one revokes it.

    `given` is what whoever fetches it was last told: UID -> {"end", "said", "sequence", "off"}, so that a turn that has
    vanished can be called off, and what has changed gets the next number (RFC 5545).
    """

    person = models.OneToOneField(Person, models.CASCADE, null=True)
    rota = models.OneToOneField(Rota, models.CASCADE, null=True)
    serial = models.PositiveIntegerField(default=1)
    renewed_at = models.DateTimeField(null=True)
    given = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(person=None, rota__isnull=False) | Q(person__isnull=False, rota=None),
                name="feed_is_of_person_or_rota",
            ),
        ]
