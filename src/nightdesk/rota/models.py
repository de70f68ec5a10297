"""The plan as rows. `queries.load_rota` turns them into the values that `resolve` reads."""

from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from nightdesk.access.models import Brand
from nightdesk.people.models import Person, Team


class Rota(models.Model):
    """Seats that are planned together in one zone.

    `version` is new with every change of the plan. It is no counter: a change that was rolled back must not lend its
    number to another, since `queries` keeps plans in memory by it.
    """

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=50)
    version = models.UUIDField(default=uuid4)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Seat(models.Model):
    """A place that one person holds at a time. `acceptance_required`: duty passes only when the next holder accepts."""

    rota = models.ForeignKey(Rota, models.CASCADE, related_name="seats")
    key = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    acceptance_required = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["rota", "position", "id"]

    def __str__(self) -> str:
        return self.name


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
