"""What is asked of the pairing and the watch from more than one place."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from nightdesk.base import vault
from nightdesk.base.models import Promise
from nightdesk.paging.actions import MOVES, RING
from nightdesk.paging.models import Page
from nightdesk.standby.decide import Pulse, State, Watch
from nightdesk.standby.merge import Held
from nightdesk.standby.models import Drill, SecondSite, WatchRow

STALE_AFTER = timedelta(seconds=30)
"""A second site that has not pulled for so long is one that we do not count on."""

DRILL = {"drill": True}
"""What the details of a drill's page hold. To be asked by `contains`: an exclusion by the key alone leaves out every page that
has no such key.
"""


def is_second_site() -> bool:
    """Whether this installation is the second site."""
    return bool(settings.ROLE == "standby")


def pairing() -> SecondSite | None:
    """The second site that may pull from here; None: there is none."""
    return SecondSite.objects.filter(revoked_at=None).first()


def key_of(row: SecondSite) -> str:
    """The pairing key. Raises `vault.Unreadable` where the master key has changed."""
    return vault.open_(bytes(row.sealed)).decode()


OVERDUE = """
SELECT greatest(
    (SELECT max(%(at)s - due_at) FROM base_promise WHERE lane = 'page' AND ended_at IS NULL AND due_at < %(at)s),
    (SELECT max(%(at)s - due_at) FROM channels_delivery WHERE lane = 'urgent' AND ended_at IS NULL AND due_at < %(at)s)
)
"""


def pulse_of(row: SecondSite, at: datetime) -> Pulse:
    """How the main site does by itself: by what wakes people. A hundred thousand notices may well take minutes."""
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE, {"at": at})
        (late,) = cursor.fetchone()
    return Pulse(late.total_seconds() if late else 0.0, row.tested_at, row.test_problem)


def watch_row(at: datetime) -> WatchRow:
    """The watch of this second site; before its first look one that takes the main site for well."""
    return WatchRow.objects.filter(id=1).first() or WatchRow(id=1, since=at, heard_at=at, handed_until=at)


def watch_of(row: WatchRow) -> Watch:
    """As `decide` has it."""
    return Watch(State(row.state), row.since, row.heard_at)


def away_since() -> datetime | None:
    """Since when the main site has not been heard, where this is the second site and it speaks for itself; else None."""
    if not is_second_site():
        return None
    row = WatchRow.objects.filter(id=1).first()
    return row.heard_at if row is not None and row.state in (State.ALONE, State.RETURNING) else None


CHANGED = """
SELECT DISTINCT ON (subject_id) subject_id, at FROM journal_entry
WHERE subject_kind = 'page' AND subject_id = ANY(%s) AND kind = ANY(%s) ORDER BY subject_id, at DESC
"""


def changed_at(pages: Collection[Page]) -> dict[str, datetime]:
    """When each page's state last changed, as far as this site's journal knows; else when it was triggered."""
    told = {str(page.pk): page.started_at for page in pages}
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, [list(told), list(MOVES)])
        return told | dict(cursor.fetchall())


def next_rings(pages: Collection[Page]) -> dict[str, datetime]:
    """When each page rings next; those that do not are left out."""
    ids = [str(page.pk) for page in pages]
    rows = Promise.objects.filter(kind=RING, subject_kind="page", subject_id__in=ids, ended_at=None)
    return dict(rows.order_by("-due_at").values_list("subject_id", "due_at"))


def open_pages() -> dict[str, dict[str, str]]:
    """The main site's open pages, as the second one has to know them beside their rows."""
    pages = list(Page.objects.exclude(state=Page.State.RESOLVED).filter(shadow=False))
    changed, due = changed_at(pages), next_rings(pages)
    return {
        key: {"changed_at": changed[key].isoformat()} | ({"due_at": due[key].isoformat()} if key in due else {})
        for key in changed
    }


def held(page: Page, changed: datetime) -> Held:
    """The page as `merge` has it."""
    return Held(page.state, changed, page.owner_id, page.rung, page.rings, page.resolution)  # type: ignore[arg-type]


def wanted_drill() -> dict[str, Any]:
    """The drill that the second site is to do; {} where there is none."""
    drill = Drill.objects.filter(started_at__isnull=False, ended_at=None).first()
    return {"id": str(drill.pk), "person": drill.person_id} if drill is not None and drill.started_at else {}


def figures(at: datetime) -> Iterator[tuple[str, str, float, dict[str, str]]]:
    """(name, what it means, value, labels) of each metric, on either site."""
    if is_second_site():
        row = WatchRow.objects.filter(id=1).first()
        if row is not None:
            for state in State:
                what = "How this second site stands to the main one: 1 for the state it is in."
                yield "second_site_state", what, row.state == state, {"state": str(state)}
            age = (at - row.snapshot_at).total_seconds() if row.snapshot_at else -1.0
            yield (
                "second_site_snapshot_age_seconds",
                "How old what it knows of the main site is; -1: nothing yet.",
                age,
                {},
            )
        return
    row_ = pairing()
    if row_ is not None:
        since = (at - row_.heard_at).total_seconds() if row_.heard_at else -1.0
        yield (
            "second_site_pulled_seconds_ago",
            "Since when the second site has not pulled; -1: it never did.",
            since,
            {},
        )
        yield "second_site_alone", "Whether the second site speaks for this one.", row_.alone_since is not None, {}
        tested = (at - row_.tested_at).total_seconds() if row_.tested_at else -1.0
        yield "test_page_seconds_ago", "When the last test page was raised and closed; -1: never.", tested, {}
        yield "test_page_ms", "How long that took.", float(row_.test_ms or 0), {}


def standing(at: datetime) -> dict[str, Any]:
    """How the two sites stand to each other, as a person or a program reads it. "role" says which one tells."""
    if is_second_site():
        row = watch_row(at)
        return {
            "role": "standby",
            "main_site": settings.STANDBY_OF,
            "state": row.state,
            "since": row.since,
            "last_heard_at": row.heard_at,
            "snapshot_at": row.snapshot_at,
            "snapshot_bytes": row.snapshot_bytes,
            "silent_after_s": row.silent_after_s,
            "problem": row.problem,
        }
    paired = pairing()
    if paired is None:
        return {"role": "main", "second_site": None}
    return {
        "role": "main",
        "second_site": paired.name,
        "pulled_at": paired.heard_at,
        "pulls": paired.heard_at is not None and at - paired.heard_at <= STALE_AFTER,
        "state": paired.told.get("state"),
        "snapshot_age_s": paired.told.get("snapshot_age_s"),
        "problem": paired.told.get("problem", ""),
        "sent_bytes": paired.sent_bytes,
        "alone_since": paired.alone_since,
        "silent_after_s": paired.silent_after_s,
        "tested_at": paired.tested_at,
        "test_ms": paired.test_ms,
        "test_problem": paired.test_problem,
    }
