"""What was done at the second site since the main one last had it, put together for the hand-back."""

from datetime import datetime, timedelta
from typing import Any

from nightdesk.journal.models import Entry
from nightdesk.paging.models import Page
from nightdesk.standby import following, queries
from nightdesk.standby.models import WatchRow
from nightdesk.standby.sections import coming_back
from nightdesk.standby.snapshot import rows_where

OVERLAP = timedelta(seconds=30)
"""What was done so shortly before the last hand-back is told again: a transaction may have been slower than its clock."""


def batch_of(row: WatchRow) -> dict[str, Any]:
    """What was done here since the last hand-back, for the main site; {} where there is nothing."""
    since = (row.handed_until or row.since) - OVERLAP
    entries = Entry.objects.filter(at__gt=since)
    drill = dict(row.drill) if row.drill.get("report") else {}
    if not entries.exists() and not drill:
        return {}
    back = coming_back()
    pages = list(set(entries.filter(subject_kind="page").values_list("subject_id", flat=True)))
    outages = list(set(entries.filter(subject_kind="outage").values_list("subject_id", flat=True)))
    ids = [str(one) for one in entries.values_list("id", flat=True)]
    rows = {
        "journal.Entry": rows_where(back["journal.Entry"], "t.at > %s", [since]),
        "journal.PersonalText": rows_where(back["journal.PersonalText"], "t.entry_id::text = ANY(%s)", [ids]),
        "paging.RawAlarm": rows_where(back["paging.RawAlarm"], "t.at > %s", [since]),
        "channels.Message": rows_where(back["channels.Message"], "t.at > %s AND t.sealed = ''", [since]),
        "channels.Delivery": rows_where(
            back["channels.Delivery"], "t.ended_at > %s AND t.subject_kind <> 'account'", [since]
        ),
        "outages.Outage": rows_where(back["outages.Outage"], "t.id::text = ANY(%s)", [outages]),
        "outages.Update": rows_where(
            back["outages.Update"],
            "t.outage_id::text = ANY(%s) AND t.published_at > %s ORDER BY t.number",
            [outages, since],
        ),
        "calls.Message": rows_where(back["calls.Message"], "t.taken_at > %s", [since]),
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
    pages = list(Page.objects.filter(id__in=ids))
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
