"""What the old pager did beside what Nightdesk would have done, alarm by alarm; and the old pager's list, read from CSV."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo

from nightdesk.base.refusals import Invalid

SAME_ALARM = timedelta(minutes=30)
"""What bears the same name is the same alarm within so long."""
SAME_TIME = timedelta(minutes=1)
"""Rung within so long of each other counts as the same time."""
MOST_ROWS = 20_000

Difference: TypeAlias = Literal["same", "missed here", "missed there", "later here", "sooner here", "other person"]
DIFFERENCES: tuple[Difference, ...] = (
    "missed here",
    "later here",
    "other person",
    "missed there",
    "sooner here",
    "same",
)
"""The worst for whoever wants to move first."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "at": ("time", "at", "created_at", "created_on", "triggered_at", "date"),
    "alarm": ("alarm", "key", "alarm_key", "incident_key", "alias", "title", "description", "message", "summary"),
    "person": ("person", "paged", "who", "assigned_to", "assigned_to_user_names", "user", "owner"),
    "acknowledged_at": ("acknowledged_at", "acknowledged", "acked_at", "ack_time", "acknowledged_on"),
}


class BadList(Invalid):
    """The old pager's list cannot be read."""

    code: ClassVar[str] = "old-pages-not-readable"
    title: ClassVar[str] = "That list cannot be read"


@dataclass(frozen=True)
class Paged:
    """Somebody was paged, or would have been, about an alarm at `at`. `person` "": nobody knows who, or nobody was."""

    alarm: str
    at: datetime
    person: str = ""
    acknowledged_at: datetime | None = None


@dataclass(frozen=True)
class Here:
    """An alarm here: the names it goes by (its keys and its title), and who would have been rung, soonest first."""

    title: str
    names: tuple[str, ...]
    started_at: datetime
    rung: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True)
class Row:
    """One alarm in both: `there` and `here` are (when, who), None where that pager paged nobody."""

    alarm: str
    at: datetime
    there: tuple[datetime, str] | None
    here: tuple[datetime, str] | None
    acknowledged_at: datetime | None
    difference: Difference
    by: timedelta = timedelta(0)
    """How much later it would have rung here; negative: sooner."""


def compare(here: Sequence[Here], there: Sequence[Paged]) -> list[Row]:
    """Every alarm of either, once, in the order of time."""
    left = sorted(there, key=lambda one: one.at)
    rows = []
    for alarm in sorted(here, key=lambda one: one.started_at):
        theirs = [one for one in left if _is_same(alarm, one)]
        left = [one for one in left if one not in theirs]
        paged = next((one for one in theirs if one.person), theirs[0] if theirs else None)
        acknowledged = min((one.acknowledged_at for one in theirs if one.acknowledged_at), default=None)
        ours = alarm.rung[0] if alarm.rung else None
        difference, by = _difference(ours, paged, theirs, alarm)
        told = (paged.at, paged.person) if paged else None
        rows.append(Row(alarm.title, alarm.started_at, told, ours, acknowledged, difference, by))
    for (_alarm, _minute), group in _grouped(left).items():
        first = group[0]
        acknowledged = min((one.acknowledged_at for one in group if one.acknowledged_at), default=None)
        rows.append(Row(first.alarm, first.at, (first.at, first.person), None, acknowledged, "missed here"))
    return sorted(rows, key=lambda row: row.at)


def counts(rows: Iterable[Row]) -> dict[Difference, int]:
    """How many of each difference, the worst first; none left out."""
    found = Counter(row.difference for row in rows)
    return {difference: found[difference] for difference in DIFFERENCES}


def _is_same(alarm: Here, old: Paged) -> bool:
    return abs(old.at - alarm.started_at) <= SAME_ALARM and _plain(old.alarm) in {_plain(name) for name in alarm.names}


def _difference(
    ours: tuple[datetime, str] | None, paged: Paged | None, theirs: Sequence[Paged], alarm: Here
) -> tuple[Difference, timedelta]:
    if paged is None:
        return ("missed there", timedelta(0)) if ours else ("same", timedelta(0))
    if ours is None:
        return "missed here", timedelta(0)
    by = ours[0] - paged.at
    if by > SAME_TIME:
        return "later here", by
    known = {_plain(one.person) for one in theirs if one.person}
    first = {_plain(who) for at, who in alarm.rung if at - ours[0] <= SAME_TIME}
    if known and not known & first:
        return "other person", by
    return ("sooner here", by) if by < -SAME_TIME else ("same", by)


def _grouped(left: Sequence[Paged]) -> dict[tuple[str, datetime], list[Paged]]:
    """What nobody here knows, an alarm's pages together."""
    groups: dict[tuple[str, datetime], list[Paged]] = {}
    for one in left:
        name = _plain(one.alarm)
        near = next((key for key in groups if key[0] == name and one.at - key[1] <= SAME_ALARM), None)
        groups.setdefault(near or (name, one.at), []).append(one)
    return groups


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def read_old_pages(text: str, zone: ZoneInfo) -> list[Paged]:
    """The rows of a CSV file with a line of names: time, alarm, person, acknowledged_at, or what pagers call these.

    Times are ISO 8601; those without a zone are local in `zone`. Raises BadList, which names the line.
    """
    lines = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    try:
        names = [re.sub(r"\W+", "_", name.strip().casefold()) for name in next(lines, [])]
        places = {column: _place(names, known) for column, known in COLUMNS.items()}
        if places["at"] is None or places["alarm"] is None:
            so = f"Its first line names {', '.join(names)[:200] or 'nothing'}."
            raise BadList(_ASKED, so, "It needs at least the columns time and alarm; person and acknowledged_at help.")
        found = [_old_page(cells, places, zone, lines.line_num) for cells in lines if any(cells)]
    except csv.Error as error:
        raise BadList(_ASKED, f"Line {lines.line_num}: {error}.", "Save it as CSV in UTF-8.") from error
    if len(found) > MOST_ROWS:
        raise BadList(_ASKED, f"It has more than {MOST_ROWS} rows.", "Read it in a few days at a time.")
    return list(dict.fromkeys(found))


_ASKED = "The old pager's list was to be read in."


def _place(names: Sequence[str], known: Iterable[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _old_page(cells: Sequence[str], places: dict[str, int | None], zone: ZoneInfo, line: int) -> Paged:
    def cell(column: str) -> str:
        place = places[column]
        return " ".join(cells[place].replace("\0", "").split()) if place is not None and place < len(cells) else ""

    at = _instant(cell("at"), zone, line)
    if at is None or not cell("alarm"):
        raise BadList(_ASKED, f"Line {line} has no time, or names no alarm.", "Put it right, or take the line out.")
    acknowledged_at = _instant(cell("acknowledged_at"), zone, line)
    return Paged(cell("alarm")[:300], at, cell("person")[:120], acknowledged_at)


def _instant(text: str, zone: ZoneInfo, line: int) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else ""))
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as unreadable:
        do = "Write times as 2026-03-28T02:10:00+00:00."
        raise BadList(_ASKED, f"Line {line} has {text[:40]!r} for a time.", do) from unreadable
