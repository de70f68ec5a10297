"""What is known of backups: the list, and how old the newest is that was proved."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from nightdesk.keeping.models import Backup


@dataclass(frozen=True, slots=True)
class Standing:
    """How backups stand. `verified_for`: the age of what the newest verified one holds; None where none was. `failure`: why the
    last one was not made, "" where it was.
    """

    verified_for: timedelta | None
    verified: Backup | None
    failure: str
    running: Backup | None


def backups() -> QuerySet[Backup]:
    """Every backup that was asked for, the newest first."""
    return Backup.objects.order_by("-asked_at", "-id")


def standing(at: datetime) -> Standing:
    """How backups stand at `at`."""
    there = backups().filter(removed_at=None)
    verified = there.exclude(verified_at=None).first()
    last = there.exclude(ended_at=None).first()
    return Standing(
        verified_for=at - verified.begun_at if verified and verified.begun_at else None,
        verified=verified,
        failure=last.failure if last else "",
        running=there.filter(ended_at=None).first(),
    )
