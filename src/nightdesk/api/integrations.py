"""Systems that send alarms, and the policies that say whom to ring."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field, model_validator

from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import one, readable
from nightdesk.api.values import Id, Name, Named
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.customers.priority import Priority
from nightdesk.paging import actions, decide, queries
from nightdesk.paging.formats import email_rules
from nightdesk.paging.models import Integration, Policy

router = Router(tags=["integrations"])

DAY = 24 * 60 * 60


class IntegrationIn(Schema):
    """`may_wake` and `hours_id` are its own rule for alarms without a customer: outside the hours only these priorities
    ring. `priorities` maps the sender's severities to priorities; `storm_limit` pages of one service may stand alone.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"brand_id": 1, "name": "Prometheus", "format": "alertmanager", "policy_id": 1}]
        },
    )
    brand_id: Id
    name: Name
    format: Literal["pagerduty_v2", "alertmanager", "generic", "email"]
    policy_id: Id
    team_id: Id | None = None
    service_id: Id | None = None
    hours_id: Id | None = None
    may_wake: list[Priority] = Field([], max_length=5)
    priorities: dict[str, Priority] = Field({}, max_length=50)
    storm_limit: int = Field(5, ge=1, le=1000)


class IntegrationOut(Schema):
    """`hint` is how its key begins."""

    id: int
    brand_id: int
    name: str
    format: str
    hint: str
    policy: Named
    team: Named | None
    service: Named | None
    hours: Named | None
    may_wake: list[str]
    priorities: dict[str, str]
    storm_limit: int
    created_at: datetime
    last_heard_at: datetime | None
    revoked_at: datetime | None


class IntegrationMade(IntegrationOut):
    """With the key, which is told only now."""

    key: str


class Target(Schema):
    """Whom a step means: `key` is a seat's key, or the number of a person or team; nothing for manager and everybody."""

    kind: Literal["seat", "person", "team", "manager", "everybody"]
    key: str = Field("", max_length=50)

    @model_validator(mode="after")
    def _names_somebody(self) -> "Target":
        fits = {
            "seat": bool(self.key),
            "person": self.key.isascii() and self.key.isdecimal() and len(self.key) <= 18,
            "team": self.key.isascii() and self.key.isdecimal() and len(self.key) <= 18,
        }
        if not fits.get(self.kind, not self.key):
            raise ValueError("key names a seat, is the number of a person or team, and is empty otherwise")
        return self


class Step(Schema):
    """`delay_seconds`: from the step before, of the first from the page's start."""

    delay_seconds: int = Field(ge=0, le=DAY)
    targets: list[Target] = Field(min_length=1, max_length=20)


class PolicyIn(Schema):
    """The steps are gone through `repeat` times more; then comes the manager, then everybody, again and again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "brand_id": 1,
                    "name": "Night",
                    "steps": [
                        {"delay_seconds": 0, "targets": [{"kind": "seat", "key": "primary"}]},
                        {"delay_seconds": 300, "targets": [{"kind": "seat", "key": "backup"}]},
                    ],
                }
            ]
        },
    )
    brand_id: Id
    name: Name
    steps: list[Step] = Field(max_length=20)
    repeat: int = Field(1, ge=0, le=20)
    again_after_seconds: int = Field(300, ge=0, le=DAY)
    nag_every_seconds: int = Field(600, ge=0, le=DAY)


class PolicyOut(Schema):
    """As it is now; a page keeps what its policy said when it started."""

    id: int
    brand_id: int
    name: str
    steps: list[Step]
    repeat: int
    again_after_seconds: int
    nag_every_seconds: int


@router.get("/integrations", response=Listing[IntegrationOut])
def list_integrations(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Every sender of alarms of the brands whose admin you are, revoked ones too."""
    rows = Integration.objects.select_related("policy", "team", "service", "hours")
    return list_rows(request, readable(request, "make_integration", rows), IntegrationOut, cut)


@router.post("/integrations", response={201: IntegrationMade})
def make_integration(request: HttpRequest, body: IntegrationIn) -> Any:
    """Let a system send alarms. Its key stands in the answer and is never shown again."""
    fields = body.dict()
    fields["may_wake"] = [priority.value for priority in body.may_wake]
    fields["priorities"] = {severity: priority.value for severity, priority in body.priorities.items()}
    made, key = actions.make_integration(**fields, by=actor_of(request), via=Door.API, at=clock.now())
    return {**IntegrationOut.from_orm(made).dict(), "key": key}


@router.delete("/integrations/{integration_id}", response=IntegrationOut)
def revoke_integration(request: HttpRequest, integration_id: Id) -> Any:
    """Its key opens nothing any more; its pages stay."""
    return actions.revoke_integration(integration_id=integration_id, by=actor_of(request), via=Door.API, at=clock.now())


class MailCondition(Schema):
    """`matches` takes a regular expression; its groups source, component, severity, summary and key are what the alarm says."""

    model_config = ConfigDict(extra="forbid")
    where: Literal["from", "to", "subject", "body"]
    how: Literal["contains", "is", "matches"]
    value: str = Field(min_length=1, max_length=300)


class MailRule(Schema):
    """All conditions must fit. `auto`: a page, or the end of its alarm where the subject begins with OK, RECOVERY or so."""

    model_config = ConfigDict(extra="forbid")
    conditions: list[MailCondition] = Field(min_length=1, max_length=8)
    does: Literal["auto", "trigger", "resolve", "ignore"] = "auto"
    severity: Literal["", "critical", "error", "warning", "info"] = ""
    name: str = Field("", max_length=80)


class MailRulesIn(Schema):
    """Tried in order; the first that fits decides. `dry_run` saves nothing and tells what they would make of the last mails."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "rules": [
                        {
                            "conditions": [{"where": "subject", "how": "contains", "value": "weekly report"}],
                            "does": "ignore",
                        }
                    ],
                    "dry_run": True,
                }
            ]
        },
    )
    rules: list[MailRule] = Field(max_length=50)
    dry_run: bool = False


class MailTried(Schema):
    """What rules make of one of the last mails. `rule` counts from 1; null: none fitted. `action` null: nothing."""

    at: datetime
    from_address: str
    subject: str
    rule: int | None
    action: str | None
    severity: str | None
    dedup_key: str | None


class MailRulesOut(Schema):
    rules: list[MailRule]
    tried: list[MailTried]


@router.get("/integrations/{integration_id}/mail-rules", response=MailRulesOut)
def read_mail_rules(request: HttpRequest, integration_id: Id) -> Any:
    """What mails to the integration mean, and what that makes of the last ones."""
    integration = one(readable(request, "make_integration", Integration.objects.all()), id=integration_id)
    return _mail_rules(integration, queries.mail_rules(integration.pk))


@router.put("/integrations/{integration_id}/mail-rules", response=MailRulesOut)
def save_mail_rules(request: HttpRequest, integration_id: Id, body: MailRulesIn) -> Any:
    """Say what mails to the integration mean, or with `dry_run` only try it on the last ones."""
    integration = one(readable(request, "save_mail_rules", Integration.objects.all()), id=integration_id)
    rules = tuple(
        email_rules.Rule(
            tuple(email_rules.Condition(each.where, each.how, each.value) for each in rule.conditions),
            rule.does,
            rule.severity,
            rule.name,
        )
        for rule in body.rules
    )
    if not body.dry_run:
        actions.save_mail_rules(
            integration_id=integration_id, rules=rules, by=actor_of(request), via=Door.API, at=clock.now()
        )
    elif problems := email_rules.problems_of(rules):
        raise Invalid("Rules for mails were to be tried.", " ".join(problems), "Put that right.")
    return _mail_rules(integration, rules)


def _mail_rules(integration: Integration, rules: Sequence[email_rules.Rule]) -> dict[str, Any]:
    tried = [
        {
            "at": each.at,
            "from_address": each.from_address,
            "subject": each.subject,
            "rule": None if each.verdict.rule is None else each.verdict.rule + 1,
            "action": each.verdict.signal.action if each.verdict.signal else None,
            "severity": each.verdict.signal.severity if each.verdict.signal else None,
            "dedup_key": each.verdict.signal.dedup_key if each.verdict.signal else None,
        }
        for each in queries.try_mail_rules(integration.pk, rules)
    ]
    kept = [
        {
            "conditions": [{"where": each.where, "how": each.how, "value": each.value} for each in rule.conditions],
            "does": rule.does,
            "severity": rule.severity,
            "name": rule.name,
        }
        for rule in rules
    ]
    return {"rules": kept, "tried": tried}


@router.get("/policies", response=Listing[PolicyOut])
def list_policies(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Escalation policies."""
    rows = readable(request, "read_pages", Policy.objects.all())
    return list_rows(request, rows, PolicyOut, cut, prepare=lambda part: [_told(policy) for policy in part])


@router.put("/policies", response=PolicyOut)
def save_policy(request: HttpRequest, body: PolicyIn) -> Any:
    """Make the brand's policy of that name, or replace it."""
    policy = decide.Policy(
        steps=tuple(
            decide.Step(
                timedelta(seconds=step.delay_seconds),
                tuple(decide.Target(target.kind, target.key) for target in step.targets),
            )
            for step in body.steps
        ),
        repeat=body.repeat,
        again_after=timedelta(seconds=body.again_after_seconds),
        nag_every=timedelta(seconds=body.nag_every_seconds),
    )
    saved = actions.save_policy(
        brand_id=body.brand_id, name=body.name, policy=policy, by=actor_of(request), via=Door.API, at=clock.now()
    )
    return _told(saved)


def _told(row: Policy) -> dict[str, Any]:
    policy = decide.policy_from_json(row.stamp)
    return {
        "id": row.pk,
        "brand_id": row.brand_id,
        "name": row.name,
        "steps": [
            {
                "delay_seconds": int(step.delay.total_seconds()),
                "targets": [{"kind": target.kind, "key": target.key} for target in step.targets],
            }
            for step in policy.steps
        ],
        "repeat": policy.repeat,
        "again_after_seconds": int(policy.again_after.total_seconds()),
        "nag_every_seconds": int(policy.nag_every.total_seconds()),
    }
