"""What clients of Opsgenie's Alert API read back: how a request went, one alert, a list of them, and how many there are.

A key sees the alarms of its own integration and no others.
"""

import re
from collections.abc import Callable, Mapping
from typing import cast
from uuid import UUID

from django.db.models import Q, QuerySet

from nightdesk.paging import queries
from nightdesk.paging.formats.opsgenie import (
    IDENTIFIERS,
    NO_ALERT,
    NO_ID,
    NO_REQUEST,
    PRIORITIES,
    Alert,
    alert_body,
    answer,
    refusal,
    request_body,
)
from nightdesk.paging.formats.signal import Answer, Json
from nightdesk.paging.models import Alarm, Integration, Page, RawAlarm

MOST = 100
DEEPEST = 20_000
"""As far as Opsgenie pages through a list."""

TERM = re.compile(r"\s*(\w+)\s*[:=]\s*(\"[^\"]*\"|[^\s\"]+)(?:\s+and\b|\s|$)\s*", re.IGNORECASE)
"""One condition of a search, and the AND behind it."""

Read = Callable[[Integration, Mapping[str, str]], Answer]


def request_status(integration: Integration, asked: Mapping[str, str]) -> Answer:
    """How the request with the id `request` went; 404 for one that is not this integration's."""
    row = None
    if (number := _uuid(asked["request"])) is not None:
        row = RawAlarm.objects.filter(id=number, integration=integration, format="opsgenie").first()
    if row is None:
        return NO_REQUEST
    (effect,) = row.effects or [{"dedup_key": "", "page": None}]
    alarm = queries.alarm_named(integration.id, "key", effect["dedup_key"])
    done = effect["page"] is not None or row.query.get("verb") == "create"
    body = request_body(
        row.query.get("verb", "create"),
        success=done,
        at=row.retried_at or row.at,
        integration_id=str(integration.id),
        why="" if done else "Alert does not exist",
        alert_id=str(alarm.id) if alarm is not None else "",
        alias=effect["dedup_key"],
    )
    return answer(200, {"data": body})


def one_alert(integration: Integration, asked: Mapping[str, str]) -> Answer:
    """The alert `alert`, named as `identifierType` says."""
    kind = IDENTIFIERS.get(asked.get("identifierType", "id").casefold())
    if kind is None:
        return refusal(422, "identifierType should be id, alias or tiny.")
    alarm = queries.alarm_named(integration.id, kind, asked["alert"])
    if alarm is None:
        return NO_ALERT
    return answer(200, {"data": alert_body(_told(alarm, integration), whole=True)})


def list_alerts(integration: Integration, asked: Mapping[str, str]) -> Answer:
    """The newest first. Of the search language `status:` `alias:` `message:` and `priority:` are understood; a word that
    is not is refused rather than answered with alerts that do not fit it.
    """
    rows = _asked_for(integration, asked)
    if rows is None:
        return refusal(422, "Of the search language Nightdesk knows status:, alias:, message: and priority:.")
    limit, offset = _number(asked, "limit", 20, MOST), _number(asked, "offset", 0, DEEPEST)
    order = "opened_at" if asked.get("order", "desc").casefold() == "asc" else "-opened_at"
    here = list(rows.select_related("page__owner").order_by(order, "id")[offset : offset + limit])
    data = [alert_body(_told(alarm, integration), whole=False) for alarm in here]
    return answer(200, {"data": cast("list[Json]", data), "paging": {}})


def count_alerts(integration: Integration, asked: Mapping[str, str]) -> Answer:
    """How many fit the search."""
    rows = _asked_for(integration, asked)
    if rows is None:
        return refusal(422, "Of the search language Nightdesk knows status:, alias:, message: and priority:.")
    return answer(200, {"data": {"count": rows.count()}})


def _asked_for(integration: Integration, asked: Mapping[str, str]) -> QuerySet[Alarm] | None:
    """The alarms that the search asks for; None where it cannot be understood."""
    rows = Alarm.objects.filter(integration=integration)
    text = asked.get("query", "").strip()
    at = 0
    while at < len(text):
        term = TERM.match(text, at)
        if term is None:
            return None
        at = term.end()
        name, value = term.group(1).casefold(), term.group(2).strip('"')
        match name:
            case "status" if value.casefold() in ("open", "closed"):
                rows = rows.filter(resolved_at__isnull=value.casefold() == "open")
            case "alias":
                rows = rows.filter(dedup_key=value)
            case "message":
                rows = rows.filter(summary__icontains=value)
            case "priority" if value.upper() in PRIORITIES:
                rows = rows.filter(_of_priority(value.upper()))
            case _:
                return None
    return rows


def _of_priority(priority: str) -> Q:
    severities = {"P1": ["critical", ""], "P2": ["error"], "P3": ["warning"], "P4": ["info"], "P5": []}
    return Q(severity__in=severities[priority])


def _told(alarm: Alarm, integration: Integration) -> Alert:
    page = alarm.page
    state = page.state if page is not None else ""  # none: a silence keeps it quiet
    is_open = alarm.resolved_at is None and state != Page.State.RESOLVED
    return Alert(
        id=alarm.id,
        code=page.code if page is not None else "",
        alias=alarm.dedup_key,
        message=alarm.summary,
        severity=alarm.severity,
        source=alarm.source,
        count=alarm.count,
        open=is_open,
        acknowledged=is_open and state == Page.State.ACKNOWLEDGED,
        snoozed=is_open and page is not None and page.snoozed_until is not None,
        owner=page.owner.name if page is not None and page.owner is not None else "",
        created_at=alarm.opened_at,
        last_at=alarm.last_at,
        updated_at=alarm.resolved_at or alarm.last_at,
        details=alarm.details,
        integration_id=str(integration.id),
        integration_name=integration.name,
    )


def _number(asked: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = asked.get(name, "")
    return min(int(text[:9]), most) if text.isascii() and text.isdecimal() else default


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text != NO_ID else None
    except ValueError:
        return None
