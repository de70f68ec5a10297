"""Backups: which there are, how old the newest proved one is, and one more. Their content is not handed out here."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from nightdesk.access.matrix import require
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.keeping import actions, queries

router = Router(tags=["safe-keeping"])


class BackupOut(Schema):
    """`size` in bytes. `ended_at` null: it waits, or is being made, and `done` says how far it is. `verified_at`: it was restored
    and compared. `removed_at`: later ones do for it, and its file is gone. `failure` says why it was not made, or not proved.
    """

    id: int
    asked_at: datetime
    asked_by: str
    begun_at: datetime | None
    ended_at: datetime | None
    verified_at: datetime | None
    removed_at: datetime | None
    file: str
    size: int
    rows: int
    files: int
    done: str
    failure: str


class KeepingOut(Schema):
    """`verified_age_s`: of what the newest proved backup holds; null: none was proved. `failure`: why the last one failed."""

    verified_age_s: float | None
    failure: str
    running: bool


@router.get("/backups", response=Listing[BackupOut])
def list_backups(request: HttpRequest, cut: Query[Cut]) -> Any:
    """Every backup that was asked for, the newest first. For admins of every brand."""
    require(actor_of(request), "read_backups", None)
    return list_rows(request, queries.backups(), BackupOut, cut, newest_first=True)


@router.get("/backups/standing", response=KeepingOut)
def read_backup_standing(request: HttpRequest) -> Any:
    """How backups stand now."""
    require(actor_of(request), "read_backups", None)
    how = queries.standing(clock.now())
    age = how.verified_for.total_seconds() if how.verified_for is not None else None
    return {"verified_age_s": age, "failure": how.failure, "running": how.running is not None}


@router.post("/backups", response={202: BackupOut})
def ask_backup(request: HttpRequest) -> Any:
    """One more is made and proved as soon as a worker is free to; while one waits, this answers with that one."""
    return Status(202, actions.ask_backup(by=actor_of(request), via=Door.API, at=clock.now()))
