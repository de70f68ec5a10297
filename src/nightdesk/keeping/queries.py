"""What is known of backups: the list, how old the newest is that was proved, and whether writes are sealed as they happen."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from nightdesk.base import postgres
from nightdesk.keeping import moments, places
from nightdesk.keeping.models import Backup, Erasure, Export


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


def exports() -> QuerySet[Export]:
    """What was asked for and lies ready, or is on its way, the newest first."""
    return Export.objects.order_by("-asked_at", "-id")


def erasures() -> QuerySet[Erasure]:
    """What was asked to be erased and is on its way, or came to its end within a day, the newest first."""
    return Erasure.objects.order_by("-asked_at", "-id")


@dataclass(frozen=True, slots=True)
class Writes:
    """How it is with going back to any moment. `since`: the earliest that can be reached, None: none. `behind`: for how long
    the oldest write has waited to be sealed. `failing`: PostgreSQL could not hand out its last one. `is_on`: it hands out at all.
    """

    is_on: bool
    since: datetime | None
    behind: timedelta
    failing: bool


def writes(at: datetime) -> Writes:
    """How it stands at `at`, where our own PostgreSQL is on this machine."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('archive_mode'),"
            " coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) FROM pg_stat_archiver"
        )
        mode, failing = cursor.fetchone()
    waiting = moments.waiting_in(postgres.Server(Path(settings.STATE_DIR)).cluster.spool)
    oldest = min((path.stat().st_mtime for path in waiting), default=None)
    return Writes(
        is_on=mode == "on",
        since=min((base.at for base in moments.bases_in(places.FOLDER)), default=None),
        behind=at - datetime.fromtimestamp(oldest, UTC) if oldest else timedelta(0),
        failing=bool(failing),
    )
