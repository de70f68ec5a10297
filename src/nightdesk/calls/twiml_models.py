"""Legs of calls that a telephony provider carries: what each is told, and when something is to be done there again."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from nightdesk.base.models import Leased
from nightdesk.calls.models import Call
from nightdesk.channels.models import Route


class TwimlLeg(Leased):
    """A leg at a provider. `program` is `lines.twiml.program.Leg` as JSON; it changes only under the call's lock.

    `due_at` is when the provider is told something, or asked how the leg stands, by whichever worker leases the row. `failures`
    counts what the provider refused since it last took something. `placing`: somebody has begun to place it.
    """

    call = models.ForeignKey(Call, models.CASCADE, related_name="twiml_legs")
    route = models.ForeignKey(Route, models.SET_NULL, null=True)
    name = models.CharField(max_length=8)
    sid = models.CharField(max_length=60, default="")
    program = models.JSONField(default=dict)
    failures = models.PositiveSmallIntegerField(default=0)
    placing = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "name"], name="one_twiml_leg_a_name"),
            models.UniqueConstraint(fields=["route", "sid"], condition=~Q(sid=""), name="one_twiml_leg_a_sid"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["lane", "due_at"], name="twiml_leg_due", condition=Q(ended_at=None)),
        ]
