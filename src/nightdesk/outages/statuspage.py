"""What is published, as Statuspage's API v2 says it: programs that read such pages read ours.

Beyond that schema an incident has `next_update_due_at` and `update_late`, which readers that know no such fields pass over.
Ids are twelve lower-case letters and digits, derived from our own; lists are newest first; times have milliseconds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.outages.published import (
    Effect,
    PublishedComponent,
    PublishedOutage,
    PublishedPage,
    PublishedUpdate,
    PublishedWork,
    changed_at,
    effect_now,
    in_works,
    is_late,
    short_id,
    work_ahead,
    work_now,
    worst_of,
)

MOST_INCIDENTS = 50
DESCRIPTIONS = {
    "none": "All Systems Operational",
    "minor": "Partially Degraded Service",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
    "maintenance": "Service Under Maintenance",
}
STATUS_OF: Mapping[Effect, str] = {
    "works": "operational",
    "reduced": "operational",
    "degraded": "degraded_performance",
    "down": "major_outage",
}
WORK_STATUS = {"planned": "scheduled", "started": "in_progress", "ended": "completed", "cancelled": "completed"}


def documents(page: PublishedPage, at: datetime) -> dict[str, dict[str, Any]]:
    """Each read endpoint's answer at `at` by its path below the page: "api/v2/summary.json" and so on."""
    teller = _Teller(page, at)
    ahead, now = work_ahead(page, at), work_now(page, at)
    newest_first = sorted(page.work, key=lambda each: each.announced_at, reverse=True)
    lists: dict[str, dict[str, Any]] = {
        "summary": {
            "components": teller.components(),
            "incidents": teller.incidents(page.open),
            "scheduled_maintenances": teller.works((*now, *ahead)),
            "status": teller.status(),
        },
        "status": {"status": teller.status()},
        "components": {"components": teller.components()},
        "incidents": {"incidents": teller.incidents(page.outages[:MOST_INCIDENTS])},
        "incidents/unresolved": {"incidents": teller.incidents(page.open)},
        "scheduled-maintenances": {"scheduled_maintenances": teller.works(newest_first[:MOST_INCIDENTS])},
        "scheduled-maintenances/upcoming": {"scheduled_maintenances": teller.works(ahead)},
        "scheduled-maintenances/active": {"scheduled_maintenances": teller.works(now)},
    }
    return {f"api/v2/{name}.json": {"page": teller.head()} | lists[name] for name in lists}


class _Teller:
    """The page at one instant, in the other product's words."""

    def __init__(self, page: PublishedPage, at: datetime) -> None:
        self.page, self.at = page, at
        self.zone = ZoneInfo(page.zone)
        self.page_id = short_id("page", page.id)
        self.named = {each.id: each for each in page.components}

    def head(self) -> dict[str, Any]:
        return {
            "id": self.page_id,
            "name": self.page.name,
            "url": self.page.url,
            "time_zone": self.page.zone,
            "updated_at": self.time(self.touched_at()),
        }

    def touched_at(self) -> datetime:
        """When anything here last changed; it says nothing of when it was rendered."""
        known = [changed_at(each, self.at) for each in self.page.outages]
        known += [each.changed_at for each in self.page.work] + [each.made_at for each in self.page.components]
        return max(known, default=datetime.fromtimestamp(0, self.at.tzinfo))

    def status(self) -> dict[str, str]:
        worst = worst_of(self.page.outages)
        indicator: str = worst or ("maintenance" if work_now(self.page, self.at) else "none")
        return {"indicator": indicator, "description": DESCRIPTIONS[indicator]}

    def components(self) -> list[dict[str, Any]]:
        return [self.component(each) for each in self.page.components]

    def component(self, each: PublishedComponent) -> dict[str, Any]:
        status = STATUS_OF[effect_now(self.page, each.id)]
        if status == "operational" and in_works(self.page, each.id, self.at):
            status = "under_maintenance"
        moved = [changed_at(one, self.at) for one in self.page.outages if each.id in dict(one.touches)]
        return {
            "id": short_id("component", each.id),
            "name": each.name,
            "status": status,
            "created_at": self.time(each.made_at),
            "updated_at": self.time(max((each.made_at, *moved))),
            "position": each.position,
            "description": None,
            "showcase": True,
            "start_date": each.made_at.astimezone(self.zone).date().isoformat(),
            "group_id": None,
            "page_id": self.page_id,
            "group": False,
            "only_show_if_degraded": False,
        }

    def touched(self, touches: Sequence[tuple[str, Effect]]) -> list[dict[str, Any]]:
        return [self.component(self.named[id_]) for id_, _effect in touches if id_ in self.named]

    def incidents(self, outages: Sequence[PublishedOutage]) -> list[dict[str, Any]]:
        return [self.incident(each) for each in outages]

    def incident(self, outage: PublishedOutage) -> dict[str, Any]:
        id_ = short_id("outage", outage.id)
        watched = [each.published_at for each in outage.updates if each.state == "monitoring"]
        return {
            "id": id_,
            "name": outage.title,
            "status": self.status_of(outage.updates[0]),
            "created_at": self.time(outage.told_at),
            "updated_at": self.time(changed_at(outage, self.at)),
            "monitoring_at": self.time(watched[-1]) if watched else None,
            "resolved_at": self.time(outage.resolved_at or outage.newest.published_at) if outage.over else None,
            "impact": "none" if outage.state == "withdrawn" else outage.severity,
            "shortlink": f"{self.page.url}outages/{id_}/",
            "started_at": self.time(outage.began_at),
            "page_id": self.page_id,
            "incident_updates": [self.update(each, id_, outage.touches) for each in outage.updates],
            "components": self.touched(outage.touches),
            "reminder_intervals": None,
            "next_update_due_at": self.time(outage.next_at) if outage.next_at and not outage.over else None,
            "update_late": is_late(outage, self.at),
        }

    def update(
        self, update: PublishedUpdate, incident_id: str, touches: Sequence[tuple[str, Effect]]
    ) -> dict[str, Any]:
        said = self.time(update.published_at)
        new: Effect | None = "works" if update.state in ("resolved", "withdrawn") else None
        return {
            "id": short_id("update", update.id),
            "status": self.status_of(update),
            "body": update.text,
            "incident_id": incident_id,
            "created_at": said,
            "updated_at": said,
            "display_at": said,
            "affected_components": [
                {
                    "code": short_id("component", id_),
                    "name": self.named[id_].name,
                    "old_status": STATUS_OF[effect],
                    "new_status": STATUS_OF[new or effect],
                }
                for id_, effect in touches
                if id_ in self.named
            ]
            or None,
            "deliver_notifications": not update.quiet,
            "custom_tweet": None,
            "tweet_id": None,
        }

    def status_of(self, update: PublishedUpdate) -> str:
        if update.kind == "post_incident":
            return "postmortem"
        return "resolved" if update.state == "withdrawn" else update.state

    def works(self, works: Sequence[PublishedWork]) -> list[dict[str, Any]]:
        return [self.work(each) for each in works]

    def work(self, work: PublishedWork) -> dict[str, Any]:
        id_ = short_id("work", work.id)
        status = "in_progress" if work in work_now(self.page, self.at) else WORK_STATUS[work.state]
        return {
            "id": id_,
            "name": work.title,
            "status": status,
            "created_at": self.time(work.announced_at),
            "updated_at": self.time(work.changed_at),
            "monitoring_at": None,
            "resolved_at": self.time(work.changed_at) if work.over else None,
            "impact": "maintenance",
            "shortlink": f"{self.page.url}work/{id_}/",
            "started_at": self.time(work.starts_at),
            "page_id": self.page_id,
            "incident_updates": [
                {
                    "id": short_id("work-update", f"{work.id}:{work.sequence}"),
                    "status": status,
                    "body": work.said,
                    "incident_id": id_,
                    "created_at": self.time(work.changed_at),
                    "updated_at": self.time(work.changed_at),
                    "display_at": self.time(work.changed_at),
                    "affected_components": None,
                    "deliver_notifications": True,
                    "custom_tweet": None,
                    "tweet_id": None,
                }
            ],
            "components": self.touched(work.touches),
            "scheduled_for": self.time(work.starts_at),
            "scheduled_until": self.time(work.ends_at),
        }

    def time(self, instant: datetime) -> str:
        """The instant with milliseconds and the page's own offset, as such pages write it."""
        return instant.astimezone(self.zone).isoformat(timespec="milliseconds")
