"""What is paid for on-call work, which figures about people are reckoned, and approaches side by side,
and service figures added up by day."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.calls.models import Line
from nightdesk.desk.models import Supplier
from nightdesk.people.models import Person, Team


class PayRates(models.Model):
    """Rates of a brand, in the plain values of `pay.read_rates`."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="pay_rates")
    rates = models.JSONField(default=dict)


class FigureSwitches(models.Model):
    """The figures of `load.Figure`, and "pay", that are not reckoned of a brand's people."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="figure_switches")
    off = models.JSONField(default=list)


class DeskSupplier(models.Model):
    """`team` is a desk that a supplier runs for us; calls that `line` passes to its outside answering service are the team's."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="desk_supplier")
    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="desks")
    line = models.OneToOneField(Line, models.SET_NULL, null=True, related_name="desk_supplier")


class FigureDay(models.Model):
    """A `tally.Tally` of one figure, of one local day of the brand and one `value` of a `dimension` ("" and "": all of it).

    Written by `figure_actions` alone, a whole day at a time; in each bucket of
    `bucket_at` there were as many as stand in `bucket_count`.
    """

    id = models.BigAutoField(primary_key=True)
    brand = models.ForeignKey(Brand, models.CASCADE, db_index=False)
    figure = models.CharField(max_length=30)
    dimension = models.CharField(max_length=10, default="")
    value = models.CharField(max_length=70, default="")
    day = models.DateField()
    cases = models.BigIntegerField(default=0)
    hits = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    waiting = models.BigIntegerField(default=0)
    bucket_at = ArrayField(models.IntegerField(), default=list)
    bucket_count = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["brand", "figure", "dimension", "value", "day"],
                name="one_tally_a_cell",
                include=["cases", "hits", "total", "waiting"],
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "day"], name="figures_of_day"),
            # A list by customer reads a period, whoever is in it.
            models.Index(
                fields=["brand", "figure", "dimension", "day"],
                name="figures_of_period",
                include=["value", "cases", "hits", "total", "waiting"],
            ),
        ]


class FigureMonth(models.Model):
    """What the days of a month that is over add up to, of the same cell; `month` is its first. Of people there is none.

    Written by `figure_actions` alone, with its days: a long period is read by its months, however many customers had something
    on each of its days.
    """

    id = models.BigAutoField(primary_key=True)
    brand = models.ForeignKey(Brand, models.CASCADE, db_index=False)
    figure = models.CharField(max_length=30)
    dimension = models.CharField(max_length=10, default="")
    value = models.CharField(max_length=70, default="")
    month = models.DateField()
    cases = models.BigIntegerField(default=0)
    hits = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    waiting = models.BigIntegerField(default=0)
    bucket_at = ArrayField(models.IntegerField(), default=list)
    bucket_count = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["brand", "figure", "dimension", "value", "month"], name="one_tally_a_cell_and_month"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "figure", "dimension", "month"], name="figures_of_months"),
        ]


class Rolled(models.Model):
    """How far figures are added up: all days of the brand from `since` on, by journal entries of transactions below `to_xid`; and
    all months before `months_until`, the first of one, None where none is.
    """

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="rolled")
    since = models.DateField(null=True)
    months_until = models.DateField(null=True)
    to_xid = models.BigIntegerField(default=0)
    rolled_at = models.DateTimeField()


class FigureMail(models.Model):
    """A report of a brand's figures by mail to `people`: each week on Monday or each month on the 1st, at `at_minute` of the
    local day of the brand's clocks, about the one before. `figures` empty: all of them.
    """

    class Every(models.TextChoices):
        WEEK = "week"
        MONTH = "month"

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    every = models.CharField(max_length=5, choices=Every)
    at_minute = models.PositiveSmallIntegerField(default=480)
    people = models.ManyToManyField(Person, related_name="+")
    figures = ArrayField(models.CharField(max_length=30), default=list)
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "name"], name="one_figure_mail_a_name"),
            models.CheckConstraint(condition=models.Q(at_minute__lt=1440), name="figure_mail_within_a_day"),
        ]

    def __str__(self) -> str:
        return self.name


class Comparison(models.Model):
    """Approaches to out of hours, held side by side for a brand. `inputs` in the plain values of `choosing_stored`.

    `chosen` is the approach or combination that was taken, in force from `chosen_on`; "" while none is. `deleted_at`: it can be
    had back.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.CASCADE, related_name="comparisons")
    name = models.CharField(max_length=120)
    inputs = models.JSONField(default=dict)
    saved_at = models.DateTimeField()
    saved_by = models.CharField(max_length=120)
    chosen = models.CharField(max_length=60, default="")
    chosen_on = models.DateField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "brand", Lower("name"), name="one_comparison_a_name", condition=Q(deleted_at__isnull=True)
            ),
            models.CheckConstraint(
                name="comparison_chosen_has_its_day", condition=Q(chosen="") ^ Q(chosen_on__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


from nightdesk.reports import incident_models  # noqa: E402, F401 - they are tables of this room
