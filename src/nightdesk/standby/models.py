"""What each site keeps of the other. At the main site: the pairing, what was handed back, drills. At the second: the watch."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from nightdesk.base.ids import uuid7
from nightdesk.people.models import Person


class SecondSite(models.Model):
    """The second site that may pull from this one. Its key is sealed with our master key, as both sites need it whole.

    `heard_at`: when it last pulled; `told` what it said of itself then: {"state", "since", "snapshot_age_s", "problem"}.
    `alone_since`: since when, as far as we know, it pages for us. `tested_at`: when the last test page came to its end, which
    took `test_ms`; `test_problem`: whom it would not have reached; `tests_since`: from when they have been asked for.
    """

    name = models.CharField(max_length=80)
    hint = models.CharField(max_length=12)
    sealed = models.BinaryField()
    silent_after_s = models.PositiveIntegerField(default=60)
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    told = models.JSONField(default=dict)
    sent_bytes = models.PositiveBigIntegerField(default=0)
    """Of the last answer."""
    alone_since = models.DateTimeField(null=True)
    tests_since = models.DateTimeField(null=True)
    tested_at = models.DateTimeField(null=True)
    test_ms = models.PositiveIntegerField(null=True)
    test_problem = models.CharField(max_length=300, default="")
    held_until = models.DateTimeField(null=True)
    """Pages wait here until then for what the second site has done about them."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["revoked_at"], name="one_second_site", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return self.name


class HandedBack(models.Model):
    """What the second site handed back, kept as it came, before anything is made of it. `problems`: what could not be.

    It holds people's words and addresses a second time, so it is forgotten after `actions.HANDED_BACK_KEPT`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    pairing = models.ForeignKey(SecondSite, models.CASCADE, related_name="handed_back")
    at = models.DateTimeField()
    body = models.JSONField()
    entries = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-at"]


class Drill(models.Model):
    """The second site pages one person who agreed to it, by its own providers. `report` is what it told of that:
    {"tried": [{"channel", "route", "took_ms", "state"}], "acknowledged_ms"}.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-agreed_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ended_at"], name="one_drill_at_a_time", nulls_distinct=False),
        ]


class WatchRow(models.Model):
    """How this second site stands to the main one: one row. `decide.Watch`, and what it needs beside that.

    `open_pages` are the main site's as last told: {page id: {"due_at", "changed_at"}}. `handed_until`: what was done here until
    then is at the main site. `page_id`: the page that says that Nightdesk is away.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    state = models.CharField(max_length=10, default="following")
    since = models.DateTimeField()
    heard_at = models.DateTimeField()
    snapshot_at = models.DateTimeField(null=True)
    snapshot_bytes = models.PositiveBigIntegerField(default=0)
    asked_test_at = models.DateTimeField(null=True)
    silent_after_s = models.PositiveIntegerField(default=60)
    open_pages = models.JSONField(default=dict)
    handed_until = models.DateTimeField(null=True)
    page_id = models.UUIDField(null=True)
    drill = models.JSONField(default=dict)
    problem = models.CharField(max_length=300, default="")

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="one_watch")]


class Copied(models.Model):
    """A part of a table that was taken over from the main site: how it was marked there, and which rows came."""

    section = models.CharField(max_length=60)
    bucket = models.CharField(max_length=20)
    mark = models.CharField(max_length=40)
    ids = ArrayField(models.CharField(max_length=40), default=list)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["section", "bucket"], name="copied_once")]
