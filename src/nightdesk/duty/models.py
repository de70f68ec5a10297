"""Who held each seat, when; and who said in advance that they will."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from nightdesk.access.models import Brand
from nightdesk.duty.asking import Answer
from nightdesk.people.models import Person
from nightdesk.rota.models import Override, Rota, Seat


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


class CoverageCheck(models.Model):
    """How far the brand's coverage was looked at last. Its row is the lock of a check."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="+")
    checked_at = models.DateTimeField()
    looked_until = models.DateTimeField()


class CoverageHole(models.Model):
    """Over [`starts_at`, `ends_at`) nobody on the brand's shift knows the subject, as `rota.coverage.Hole` has it.

    `lacking` lists [skill, level], and nothing for a newcomer who is on alone. `told_as` is the subject of the message that
    told of it, "" for a piece of one that was. Withdrawn when it was mended, is over, or has become part of a larger one.
    """

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="+")
    subject_kind = models.CharField(max_length=8)
    subject_id = models.BigIntegerField()
    lacking = models.JSONField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    raised_at = models.DateTimeField()
    told_as = models.CharField(max_length=60, default="")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="coverage_hole_has_length"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["brand", "starts_at"], name="coverage_holes", condition=Q(withdrawn_at=None)),
        ]


class Pairing(models.Model):
    """`newcomer` is on beside `person`, or beside whoever has `seat`, over [`starts_at`, `ends_at`): they get copies of what
    those are sent, and answer nothing. Ended early at `ended_at`.
    """

    newcomer = models.ForeignKey(Person, models.CASCADE, related_name="pairings")
    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="+")
    seat = models.ForeignKey(Seat, models.CASCADE, null=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["starts_at", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="pairing_has_length"),
            models.CheckConstraint(
                condition=Q(person__isnull=False, seat=None) | Q(person=None, seat__isnull=False),
                name="paired_with_person_or_seat",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["ends_at"], name="pairing_open", condition=Q(ended_at=None))]


class HandoverRules(models.Model):
    """How a seat is handed over where it differs from the installation: `note_minutes` before a turn the note is drafted."""

    seat = models.OneToOneField(Seat, models.CASCADE, related_name="handover_rules")
    note_minutes = models.PositiveSmallIntegerField()


class Note(models.Model):
    """What goes with a seat from one holder to the next; one is open a seat, and closed when the token passes.

    Its sections are read afresh whenever somebody looks. What the holder adds is here until it was handed over: `words`,
    and `left_out`, the names of lines that need not be handed on. `copies` are the ids of the journal entries that hold
    the note as it was accepted, oldest first; the words lie there, where they can be erased, and are emptied here.
    """

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="notes")
    opened_at = models.DateTimeField()
    turn_at = models.DateTimeField(null=True)
    """The turn for which it was drafted, at `drafted_at`; None before."""
    drafted_at = models.DateTimeField(null=True)
    words = models.TextField(default="")
    left_out = models.JSONField(default=list)
    edited_at = models.DateTimeField(null=True)
    copied_at = models.DateTimeField(null=True)
    copies = models.JSONField(default=list)
    closed_at = models.DateTimeField(null=True)
    hold = models.OneToOneField(Hold, models.PROTECT, null=True, related_name="note")
    """The hold that it was handed over with."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seat"], condition=Q(closed_at=None), name="one_open_note_a_seat"),
            models.CheckConstraint(
                condition=Q(closed_at=None, hold=None) | Q(closed_at__isnull=False, words=""),
                name="a_closed_note_keeps_no_words",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["seat", "-closed_at"], name="note_by_seat")]


class WatchItem(models.Model):
    """Something that whoever has the seat keeps an eye on, until somebody ticks it off."""

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="watch_items")
    words = models.CharField(max_length=300)
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=120)
    ticked_at = models.DateTimeField(null=True)
    ticked_by = models.CharField(max_length=120, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["seat"], condition=Q(ticked_at=None), name="watch_items_open")]


class NotTaken(models.Model):
    """A turn that began and that nobody has taken. `rung` is the last on which somebody was asked ("": nobody yet), `asked`
    the ids of all who were. Ended when the token passed, or the turn was over.
    """

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="not_taken")
    turn_at = models.DateTimeField()
    rung = models.CharField(max_length=8, default="")
    asked = models.JSONField(default=list)
    asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seat"], condition=Q(ended_at=None), name="one_turn_not_taken_a_seat"),
        ]


class TurnRefused(models.Model):
    """`person` said that they will not take the turn of the seat that starts at `turn_at`; their reason is in the journal."""

    seat = models.ForeignKey(Seat, models.CASCADE)
    turn_at = models.DateTimeField()
    person = models.ForeignKey(Person, models.PROTECT)
    refused_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seat", "turn_at", "person"], name="a_turn_is_refused_once"),
        ]


class Offer(models.Model):
    """The holder passes the seat to `to`, who has not accepted: until then the holder keeps it."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"
        """the token passed otherwise, or somebody else was asked"""
        LAPSED = "lapsed"

    seat = models.ForeignKey(Seat, models.CASCADE, related_name="offers")
    giver = models.ForeignKey(Person, models.PROTECT, related_name="+")
    to = models.ForeignKey(Person, models.PROTECT, related_name="+")
    offered_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=9, choices=Outcome, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["seat"], condition=Q(ended_at=None), name="one_open_offer_a_seat"),
        ]


class Away(models.Model):
    """`person` is out of reach over [`from_at`, `until_at`): what rings their seats rings whoever stands behind them.

    `ended_at` is when they were back: by their own word, or `until_at`.
    """

    person = models.ForeignKey(Person, models.CASCADE, related_name="away")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person"], condition=Q(ended_at=None), name="away_once"),
            models.CheckConstraint(condition=Q(from_at__lt=F("until_at")), name="away_has_length"),
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
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="cover_has_length"),
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
