"""A published page for tests: Quayside Networks on a bad night."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from nightdesk.outages.published import (
    PublishedComponent,
    PublishedOutage,
    PublishedPage,
    PublishedUpdate,
    PublishedWork,
)

NIGHT = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


def minutes(number: float) -> datetime:
    """That many minutes after four in the morning."""
    return NIGHT + timedelta(minutes=number)


def update(number: int, at: datetime, **more: Any) -> PublishedUpdate:
    given = {"kind": "update", "state": "investigating", "text": f"Update {number}", "published_at": at}
    return PublishedUpdate(id=f"u{number}", **(given | more))


def outage(**more: Any) -> PublishedOutage:
    """A fault since 04:08, told at 04:16, more promised by 04:45."""
    given: dict[str, Any] = {
        "id": "o1",
        "number": 1042,
        "title": "Fault at Dock Street",
        "state": "investigating",
        "severity": "major",
        "began_at": minutes(8),
        "resolved_at": None,
        "updates": (
            update(1, minutes(16), text="Sorry: internet lines at Dock Street are down. <b>&", next_at=minutes(45)),
        ),
        "touches": (("c1", "down"), ("c2", "reduced")),
        "next_at": minutes(45),
        "estimate_at": None,
    }
    return PublishedOutage(**(given | more))


def work(**more: Any) -> PublishedWork:
    given: dict[str, Any] = {
        "id": "w1",
        "number": 7,
        "title": "New power supplies at Mill Lane",
        "said": "No interruption is expected.",
        "state": "planned",
        "starts_at": minutes(1320),
        "ends_at": minutes(1440),
        "sequence": 0,
        "announced_at": minutes(-5000),
        "changed_at": minutes(-5000),
        "touches": (("c3", "reduced"),),
    }
    return PublishedWork(**(given | more))


def page(**more: Any) -> PublishedPage:
    given: dict[str, Any] = {
        "id": "1",
        "name": "Quayside Networks",
        "url": "https://status.quayside.example/",
        "zone": "Europe/London",
        "language": "en-gb",
        "components": tuple(
            PublishedComponent(f"c{n}", name, n, minutes(-100_000))
            for n, name in enumerate(("Internet at Dock Street", "Office phones", "Internet at Mill Lane"), 1)
        ),
        "outages": (outage(),),
        "work": (work(),),
    }
    return PublishedPage(**(given | more))


def resolved(**more: Any) -> PublishedOutage:
    """One that was over at 05:10, with three updates."""
    said = (
        update(3, minutes(70), state="resolved", kind="resolution", text="It works again. We watch it."),
        update(2, minutes(44), state="identified", text="A power supply has failed.", next_at=minutes(75)),
        update(1, minutes(16), next_at=minutes(45)),
    )
    return replace(outage(), state="resolved", resolved_at=minutes(70), updates=said, next_at=None, **more)
