"""Sites, visits to them with what happened, and what is kept of a person for their safety."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from nightdesk.access.models import Brand
from nightdesk.base.ids import uuid7
from nightdesk.desk.models import Ticket
from nightdesk.paging.models import Page
from nightdesk.people.models import Person
from nightdesk.rota.models import Seat
from nightdesk.safety import decide


class Site(models.Model):
    """A place that our people go to. `security_number` is rung first when somebody there falls silent.

    `needs_two`: nobody goes there alone. The risk assessment was made `assessed_on` and is to be looked at anew `review_on`.
    """

    brand = models.ForeignKey(Brand, models.PROTECT)
    name = models.CharField(max_length=120)
    address = models.TextField()
    map_url = models.URLField(max_length=500, default="")
    know = models.TextField(default="")
    """What to know before one goes: hazards, whom to ask for."""
    access_notes = models.TextField(default="")
    assessment = models.TextField(default="")
    assessed_on = models.DateField(null=True)
    review_on = models.DateField(null=True)
    insurance = models.TextField(default="")
    security_name = models.CharField(max_length=120, default="")
    security_number = models.CharField(max_length=20, default="")
    needs_two = models.BooleanField(default=False)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "name"], condition=Q(retired_at=None), name="one_site_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Visit(models.Model):
    """Somebody away at a site, with who watches. `state` moves only in `actions._move`.

    `sign_at` is the last sign of life; `asked_at` to `taken_at` say what was done since then (`decide.Watch`). `alarm`: they
    asked for help or gave the duress word. `claimed_at`: under duress they said that they are back, which only they believe.
    """

    class State(models.TextChoices):
        PLANNED = "planned"
        OUT = "out"
        ENDED = "ended"
        CANCELLED = "cancelled"

    class Alarm(models.TextChoices):
        NONE = ""
        HELP = "help"
        DURESS = "duress"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT)
    site = models.ForeignKey(Site, models.PROTECT, related_name="visits")
    person = models.ForeignKey(Person, models.PROTECT, related_name="visits")
    companion = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    watcher = models.ForeignKey(Person, models.PROTECT, related_name="watched_visits")
    watcher_seat = models.ForeignKey(Seat, models.SET_NULL, null=True, related_name="+")
    """The seat by which the watcher was on duty: who has it when the alarm is raised is rung too."""
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    why = models.CharField(max_length=300)
    travel_minutes = models.PositiveSmallIntegerField()
    """There, and as long back again."""
    work_minutes = models.PositiveSmallIntegerField()
    every = models.DurationField()
    grace = models.DurationField()
    drill = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=State, default=State.PLANNED)
    declared_at = models.DateTimeField()
    declared_by = models.CharField(max_length=120)
    leaves_at = models.DateTimeField()
    back_by_at = models.DateTimeField()
    sign_at = models.DateTimeField(null=True)
    sign = models.CharField(max_length=12, default="")
    asked_at = models.DateTimeField(null=True)
    rang_at = models.DateTimeField(null=True)
    watcher_at = models.DateTimeField(null=True)
    manager_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    taken_by = models.CharField(max_length=120, default="")
    alarm = models.CharField(max_length=6, choices=Alarm, default=Alarm.NONE)
    claimed_at = models.DateTimeField(null=True)
    page = models.ForeignKey(Page, models.SET_NULL, null=True, related_name="+")
    manager_page = models.ForeignKey(Page, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=120, default="")

    class Meta:
        ordering: ClassVar = ["-leaves_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person"], condition=Q(state="out"), name="out_at_one_site"),
            models.CheckConstraint(condition=~Q(watcher=F("person")), name="nobody_watches_themselves"),
            models.CheckConstraint(condition=Q(back_by_at__gt=F("leaves_at")), name="visit_has_length"),
            models.CheckConstraint(condition=~Q(state="out") | Q(sign_at__isnull=False), name="who_is_out_was_seen"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["leaves_at"], name="visit_open", condition=Q(state__in=["planned", "out"])),
            models.Index(fields=["page"], name="visit_page", condition=Q(page__isnull=False)),
            models.Index(fields=["brand", "-leaves_at"], name="visit_brand"),
        ]

    def __str__(self) -> str:
        return f"{self.person.name}, {self.site.name}"

    @property
    def people(self) -> list[Person]:
        """Who is there: one, or two."""
        return [self.person] if self.companion is None else [self.person, self.companion]

    @property
    def people_ids(self) -> list[int]:
        """Their ids."""
        return [person_id for person_id in (self.person_id, self.companion_id) if person_id is not None]

    @property
    def watch(self) -> decide.Watch:
        """What `decide` goes by."""
        assert self.sign_at is not None  # a constraint: who is out was seen
        return decide.Watch(
            sign_at=self.sign_at,
            back_by_at=self.back_by_at,
            every=self.every,
            grace=self.grace,
            asked_at=self.asked_at,
            rang_at=self.rang_at,
            watcher_at=self.watcher_at,
            manager_at=self.manager_at,
            taken_at=self.taken_at,
            alarmed=self.alarm != "",
        )


class VisitEvent(models.Model):
    """Something that happened on a visit: a sign of life (`kind` as `decide.Sign`), or a step that was taken.

    `sign_at`: when the sign was given, where that is not when we heard of it. Where somebody was is personal, so these go with
    the visit.
    """

    visit = models.ForeignKey(Visit, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=16)
    by = models.CharField(max_length=120)
    via = models.CharField(max_length=10)
    words = models.CharField(max_length=300, default="")
    sign_at = models.DateTimeField(null=True)
    counted = models.BooleanField(default=True)
    """Whether the sign answered what was asked; one that does not count is shown all the same."""

    class Meta:
        ordering: ClassVar = ["at", "id"]
        indexes: ClassVar = [models.Index(fields=["visit", "at"], name="visit_story")]


class SafetyCard(models.Model):
    """What is kept of a person for their visits. Of the duress word only a digest (`duress.digest`).

    `badge` is what a door or a tracker calls them.
    """

    person = models.OneToOneField(Person, models.CASCADE, related_name="safety_card")
    duress_digest = models.BinaryField(default=b"")
    duress_set_at = models.DateTimeField(null=True)
    duress_used_at = models.DateTimeField(null=True)
    badge = models.CharField(max_length=80, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["badge"], condition=~Q(badge=""), name="one_person_a_badge"),
        ]
