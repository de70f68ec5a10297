"""What was done at the second site since the main one last had it, put together for the hand-back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from nightdesk.journal.models import Entry
from nightdesk.paging.models import Page
from nightdesk.standby import following, queries
from nightdesk.standby.models import WatchRow
from nightdesk.standby.sections import coming_back
from nightdesk.standby.snapshot import rows_where

OVERLAP = timedelta(seconds=30)
"""What was done so shortly before the last hand-back is told again: a transaction may have been slower than its clock."""
MOST_ROWS = 500
"""Of one kind in a letter: the main site takes that in long before it would be thought silent."""
MOST_ALARM_BYTES = 4 * 1024 * 1024
"""Of raw alarms in a letter; a larger one goes alone."""
LAST = datetime(9999, 1, 1, tzinfo=UTC)

CUT = """
SELECT min(cut) FROM (
    (SELECT at AS cut FROM journal_entry WHERE at > %(since)s ORDER BY at OFFSET %(rows)s LIMIT 1)
    UNION ALL (SELECT at FROM channels_message WHERE at > %(since)s AND sealed = '' ORDER BY at OFFSET %(rows)s LIMIT 1)
    UNION ALL (
        SELECT ended_at FROM channels_delivery WHERE ended_at > %(since)s AND subject_kind <> 'account'
        ORDER BY ended_at OFFSET %(rows)s LIMIT 1
    )
    UNION ALL (
        SELECT at FROM (
            SELECT at, row_number() OVER told AS number, sum(octet_length(body)) OVER told AS bytes
            FROM paging_rawalarm WHERE at > %(since)s WINDOW told AS (ORDER BY at, id)
        ) raw WHERE number > %(rows)s OR (bytes > %(bytes)s AND number > 1) ORDER BY at LIMIT 1
    )
) cuts
"""
"""Where the first row stands that is too many for a letter."""


@dataclass(frozen=True, slots=True)
class Part:
    """One letter's worth of what was done here: all until `until_at`. `more`: something was done after that."""

    batch: dict[str, Any]
    until_at: datetime
    more: bool


def next_part(row: WatchRow, at: datetime, *, after: datetime | None = None) -> Part | None:
    """What was done here since the last hand-back, from the oldest on, as much as fits a letter; None where there is nothing.

    `at` is the present instant, `after` the end of the part before in the same look: nothing of that is told again.
    """
    since = after or (row.handed_until or row.since) - OVERLAP
    drill = dict(row.drill) if row.drill.get("report") else {}
    if not Entry.objects.filter(at__gt=since).exists() and not drill:
        return None
    until = _end_of_part(since)
    return Part(_batch(row, since, until or LAST, drill), until or at, until is not None)


def handed_until(part: Part, at: datetime) -> datetime:
    """What to note once the part is at the main site: the next one begins `OVERLAP` before it, and where the part ended long
    before `at`, at which it was read, just after it.
    """
    return min(part.until_at + OVERLAP, at) if part.more else part.until_at


def _end_of_part(since: datetime) -> datetime | None:
    """Up to which instant, itself included, a letter goes; None: all fits. What bears one instant is never parted."""
    with connection.cursor() as cursor:
        cursor.execute(CUT, {"since": since, "rows": MOST_ROWS, "bytes": MOST_ALARM_BYTES})
        (cut,) = cursor.fetchone()
    if cut is None:
        return None
    before: datetime = cut - timedelta(microseconds=1)
    return before if before > since else cut


def _batch(row: WatchRow, since: datetime, until: datetime, drill: dict[str, Any]) -> dict[str, Any]:
    entries = Entry.objects.filter(at__gt=since, at__lte=until)
    back = coming_back()
    pages = list(set(entries.filter(subject_kind="page").values_list("subject_id", flat=True)))
    outages = list(set(entries.filter(subject_kind="outage").values_list("subject_id", flat=True)))
    ids = [str(one) for one in entries.values_list("id", flat=True)]
    span = [since, until]
    rows = {
        "journal.Entry": rows_where(back["journal.Entry"], "t.at > %s AND t.at <= %s", span),
        "journal.PersonalText": rows_where(back["journal.PersonalText"], "t.entry_id::text = ANY(%s)", [ids]),
        "paging.RawAlarm": rows_where(back["paging.RawAlarm"], "t.at > %s AND t.at <= %s", span),
        "channels.Message": rows_where(back["channels.Message"], "t.at > %s AND t.at <= %s AND t.sealed = ''", span),
        "channels.Delivery": rows_where(
            back["channels.Delivery"], "t.ended_at > %s AND t.ended_at <= %s AND t.subject_kind <> 'account'", span
        ),
        "outages.Outage": rows_where(back["outages.Outage"], "t.id::text = ANY(%s)", [outages]),
        "outages.Update": rows_where(
            back["outages.Update"],
            "t.outage_id::text = ANY(%s) AND t.published_at > %s AND t.published_at <= %s ORDER BY t.number",
            [outages, *span],
        ),
        "calls.Message": rows_where(back["calls.Message"], "t.taken_at > %s AND t.taken_at <= %s", span),
    }
    sent = [row["id"] for row in rows["channels.Delivery"]]
    rows["channels.Attempt"] = rows_where(back["channels.Attempt"], "t.delivery_id::text = ANY(%s)", [sent])
    for label in ("outages.FailedPart", "outages.Touched", "outages.Affected"):
        rows[label] = rows_where(
            back[label], "t.outage_id::text = ANY(%s) AND t.id >= %s", [outages, following.OWN_IDS_FROM]
        )
    return {"rows": rows, "pages": _pages_back(pages, row), "drill": drill}


def _pages_back(ids: list[str], row: WatchRow) -> list[dict[str, Any]]:
    back = coming_back()
    # A drill is this site's own: at the main one it would ring whoever stands on the ladder.
    pages = list(Page.objects.filter(id__in=ids).exclude(details__contains=queries.DRILL))
    ids = [str(page.pk) for page in pages]
    changed, due = queries.changed_at(pages), queries.next_rings(pages)
    alarms = rows_where(back["paging.Alarm"], "t.page_id::text = ANY(%s)", [ids])
    told = []
    for page in rows_where(back["paging.Page"], "t.id::text = ANY(%s) ORDER BY t.started_at", [ids]):
        key = page["id"]
        # The main site may have changed it last: then that is what we know of it.
        before = row.open_pages.get(key, {}).get("changed_at")
        at = max(changed[key], datetime.fromisoformat(before)) if before else changed[key]
        told.append(
            {
                "row": page,
                "changed_at": at.isoformat(),
                "due_at": due[key].isoformat() if key in due else None,
                "alarms": [alarm for alarm in alarms if alarm["page_id"] == key],
            }
        )
    return told
