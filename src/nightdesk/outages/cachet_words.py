"""Cachet's API v1 in terms of ours: its numbers for what a component and an incident are, and how it writes them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nightdesk.outages.decide import State
from nightdesk.outages.effect import Effect

EFFECT_OF: Mapping[int, Effect] = {1: Effect.WORKS, 2: Effect.DEGRADED, 3: Effect.DEGRADED, 4: Effect.DOWN}
STATE_OF: Mapping[int, State] = {
    1: State.INVESTIGATING,
    2: State.IDENTIFIED,
    3: State.MONITORING,
    4: State.RESOLVED,
}
COMPONENT_NAMES = {1: "Operational", 2: "Performance Issues", 3: "Partial Outage", 4: "Major Outage"}
INCIDENT_NAMES = {1: "Investigating", 2: "Identified", 3: "Watching", 4: "Fixed"}
_STATUS_OF_EFFECT = {Effect.WORKS: 1, Effect.REDUCED: 1, Effect.DEGRADED: 2, Effect.DOWN: 4}
_STATUS_OF_STATE: Mapping[str, int] = {
    **{str(state): number for number, state in STATE_OF.items()},
    str(State.PROPOSED): 1,
    str(State.WITHDRAWN): 4,
}
MOST = 100
"""Things of a page."""


def component(id_: int, name: str, effect: Effect, made_at: datetime | None, position: int) -> dict[str, Any]:
    """One component as Cachet writes it."""
    status = _STATUS_OF_EFFECT[effect]
    return {
        "id": id_,
        "name": name,
        "description": "",
        "link": "",
        "status": status,
        "status_name": COMPONENT_NAMES[status],
        "order": position,
        "group_id": 0,
        "enabled": True,
        "created_at": _time(made_at),
        "updated_at": _time(made_at),
        "deleted_at": None,
        "tags": {},
    }


def incident(
    number: int,
    title: str,
    state: str,
    *,
    message: str,
    visible: bool,
    component_id: int,
    began_at: datetime,
    changed_at: datetime,
) -> dict[str, Any]:
    """One incident as Cachet writes it: its id is the outage's number."""
    status = _STATUS_OF_STATE[state]
    return {
        "id": number,
        "component_id": component_id,
        "name": title,
        "message": message,
        "status": status,
        "human_status": INCIDENT_NAMES[status],
        "latest_status": status,
        "latest_human_status": INCIDENT_NAMES[status],
        "is_resolved": status == 4,
        "visible": int(visible),
        "stickied": False,
        "occurred_at": _time(began_at),
        "created_at": _time(began_at),
        "updated_at": _time(changed_at),
        "deleted_at": None,
    }


def update(number: int, incident_id: int, state: str, message: str, said_at: datetime | None) -> dict[str, Any]:
    """One update of an incident; its id is its number within it."""
    status = _STATUS_OF_STATE[state]
    return {
        "id": number,
        "incident_id": incident_id,
        "status": status,
        "human_status": INCIDENT_NAMES[status],
        "message": message,
        "created_at": _time(said_at),
        "updated_at": _time(said_at),
    }


def listed(rows: Sequence[Mapping[str, Any]], total: int, page: int, per_page: int) -> dict[str, Any]:
    """A page of a list, with what Cachet says of pages."""
    return {
        "meta": {
            "pagination": {
                "total": total,
                "count": len(rows),
                "per_page": per_page,
                "current_page": page,
                "total_pages": max(1, -(-total // per_page)),
                "links": {"next_page": None, "previous_page": None},
            }
        },
        "data": list(rows),
    }


def _time(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if instant is not None else ""
