"""How a desk works: its queues, what each team may do, and the rules of a brand."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from nightdesk.access.models import Brand
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.tickets import PendingReason
from nightdesk.api.values import Id, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.desk import actions, queries
from nightdesk.desk.models import Queue, TeamRule

router = Router(tags=["queues"])

Level = Literal["1", "2", "3"]
ContactKind = Literal["first_response", "question", "site_visit", "resolution"]
Word = Literal["high", "medium", "low"]
FromPages = Literal["none", "urgent", "all"]


class QueueOut(Schema):
    """A heap of tickets. Mail to `address` lands in it; at night nobody is paged for one that `waits_for_day`.

    `needs_proof`: what comes in there changes who gets in.
    """

    id: int
    brand_id: int
    name: str
    address: str
    team: Named | None
    waits_for_day: bool
    needs_proof: bool


class QueueFields(Schema):
    """What a queue is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "NOC", "address": "noc@example.net"}]}
    )
    name: str = Field(min_length=1, max_length=60)
    address: str = Field("", max_length=200)
    team_id: Id | None = None
    waits_for_day: bool = False
    needs_proof: bool = False


class QueueIn(QueueFields):
    """A new queue."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"brand_id": 1, "name": "NOC", "address": "noc@example.net"}]}
    )
    brand_id: Id


class TeamRuleFields(Schema):
    """On which level a team works, and for what it may speak to users itself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"level": "2", "contact_kinds": ["question", "site_visit"]}]}
    )
    level: Level
    contact_kinds: list[ContactKind] = []


class TeamRuleOut(TeamRuleFields):
    team: Named


class DeskRulesOut(Schema):
    """`owner_id`: the team that owns every ticket. `priorities`: what differs from the usual table, impact by urgency.

    `address`: what mails of tickets come from where their queue has none. `emergency_number`: told in the automatic answer to
    those whom their contract lets ring. `signatures`: below every mail, by language. `clocks`: what differs from usual, see
    docs/clocks.md. `tickets_from_pages`: which pages of alarms become tickets; urgent is P1 to P3. `surveys`: customers are
    asked what they think once a ticket is closed. `surge_policy_id`: who is paged when several customers ask at once.
    """

    brand_id: int
    owner_id: int | None
    priorities: dict[str, dict[str, str]]
    reopens_within_days: int
    closes_after_days: int
    asks_again_after_days: int
    address: str
    emergency_number: str
    signatures: dict[str, str]
    clocks: dict[str, Any]
    tickets_from_pages: FromPages
    surveys: bool
    surge_policy_id: int | None


class DeskWarning(Schema):
    """A warning comes once that much of the time is used up, or `lead` before it is late, whichever is first."""

    model_config = ConfigDict(extra="forbid")
    percent: int = Field(75, ge=50, le=99)
    lead: str = Field("PT15M", max_length=20)


class DeskClocks(Schema):
    """How a brand's clocks differ from usual: time between news by priority ("" for none), for which reasons to wait each clock
    rests, and when to warn.
    """

    model_config = ConfigDict(extra="forbid")
    update_every: dict[Literal["P1", "P2", "P3", "P4", "P5"], Annotated[str, Field(max_length=20)]] = {}
    pauses: dict[Literal["respond", "update", "fix"], list[PendingReason]] = {}
    warn: DeskWarning | None = None


class DeskRulesIn(Schema):
    """Only what is given changes."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"priorities": {"low": {"low": "P5"}}, "closes_after_days": 7}]}
    )
    owner_id: Id | None = None
    priorities: dict[Word, dict[Word, Literal["P1", "P2", "P3", "P4", "P5"]]] = {}
    reopens_within_days: int = Field(14, ge=0, le=365)
    closes_after_days: int = Field(5, ge=0, le=365)
    asks_again_after_days: int = Field(3, ge=1, le=365)
    address: str = Field("", max_length=200)
    emergency_number: str = Field("", max_length=30)
    signatures: dict[Annotated[str, Field(max_length=12)], Annotated[str, Field(max_length=2000)]] = {}
    clocks: DeskClocks | None = None
    tickets_from_pages: FromPages = "urgent"
    surveys: bool = False
    surge_policy_id: Id | None = None

    def fields(self) -> dict[str, Any]:
        """Those that are given, as `save_desk_rules` takes them."""
        given = self.dict(exclude_unset=True)
        return given | ({"clocks": given["clocks"] or {}} if "clocks" in given else {})


@router.get("/queues", response=Listing[QueueOut])
def list_queues(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Queues."""
    rows = readable(request, "read_tickets", Queue.objects.select_related("team"))
    return list_rows(request, rows, QueueOut, cut)


@router.post("/queues", response={201: QueueOut})
def make_queue(request: HttpRequest, body: QueueIn) -> Any:
    """Make a queue."""
    return Status(201, actions.save_queue(**body.dict(), by=actor_of(request), via=Door.API, at=clock.now()))


@router.put("/queues/{queue_id}", response=QueueOut)
def save_queue(request: HttpRequest, queue_id: Id, body: QueueFields) -> Any:
    """Change a queue."""
    queue = one(readable(request, "save_queue", Queue.objects.all()), id=queue_id)
    return actions.save_queue(
        brand_id=queue.brand_id, queue_id=queue.pk, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now()
    )


@router.get("/team-rules", response=Listing[TeamRuleOut])
def list_team_rules(request: HttpRequest, cut: Query[Cut]) -> Any:
    """What teams may do on tickets; one of which nothing is said stands on level 2 and writes to nobody."""
    rows = readable(request, "read_tickets", TeamRule.objects.select_related("team"), "team__brand_id")
    return list_rows(request, rows, TeamRuleOut, cut)


@router.put("/teams/{team_id}/desk-rule", response=TeamRuleOut)
def save_team_rule(request: HttpRequest, team_id: Id, body: TeamRuleFields) -> Any:
    """Say on which level a team works, and for what it may speak to users itself."""
    return actions.save_team_rule(team_id=team_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.get("/brands/{brand_id}/desk-rules", response=DeskRulesOut)
def read_desk_rules(request: HttpRequest, brand_id: Id) -> Any:
    """How a brand's desk works."""
    brand = one(readable(request, "read_tickets", Brand.objects.all(), "id"), id=brand_id)
    return queries.rules_of(brand.pk)


@router.put("/brands/{brand_id}/desk-rules", response=DeskRulesOut)
def save_desk_rules(request: HttpRequest, brand_id: Id, body: DeskRulesIn) -> Any:
    """Change how a brand's desk works."""
    brand = one(readable(request, "save_desk_rules", Brand.objects.all(), "id"), id=brand_id)
    return actions.save_desk_rules(
        brand_id=brand.pk, fields=body.fields(), by=actor_of(request), via=Door.API, at=clock.now()
    )
