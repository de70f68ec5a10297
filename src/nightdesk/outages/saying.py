"""What pages and feeds say of what is published beside its own text, in the words of `wording` where those of messages fit."""

from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.outages import wording
from nightdesk.outages.published import (
    PublishedOutage,
    PublishedPage,
    PublishedUpdate,
    Punctuality,
    heard_minutes_ago,
    is_late,
    work_now,
    worst_of,
)

WORK_STATES = {
    "planned": gettext_lazy("Planned"),
    "started": gettext_lazy("In progress"),
    "ended": gettext_lazy("Finished"),
    "cancelled": gettext_lazy("Cancelled"),
}
EFFECTS = {
    "works": gettext_lazy("Working"),
    "reduced": gettext_lazy("Working"),
    "degraded": gettext_lazy("Degraded"),
    "down": gettext_lazy("Down"),
}
SEVERITIES = {
    "minor": gettext_lazy("Minor"),
    "major": gettext_lazy("Major"),
    "critical": gettext_lazy("Critical"),
}
KINDS = {
    "correction": gettext_lazy("Correction"),
    "post_incident": gettext_lazy("What happened"),
}


def day_text(instant: datetime, zone: ZoneInfo) -> str:
    """The time with its day, whatever day it is now: "Tue 25 Nov 04:08 GMT"."""
    local = instant.astimezone(zone)
    return f"{date_format(local, _('D j M'))} {local:%H:%M} {local.tzname() or zone.key}"


def span_text(start: datetime, end: datetime, zone: tzinfo) -> str:
    """ "Tue 25 Nov 02:00–04:00 GMT"; both days and both names of the zone where they differ."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    one_zone = first.tzname() == last.tzname()
    begins = f"{date_format(first, _('D j M'))} {first:%H:%M}{'' if one_zone else f' {first.tzname()}'}"
    ends = f"{last:%H:%M} {last.tzname()}"
    if first.date() == last.date():
        return f"{begins}–{ends}"
    return f"{begins} – {date_format(last, _('D j M'))} {ends}"


def due_text(outage: PublishedOutage, zone: ZoneInfo, at: datetime) -> str:
    """When the next update comes, or that it should have come; "" where none is promised."""
    if outage.over or outage.next_at is None:
        return ""
    words = wording.late_words if is_late(outage, at) else wording.next_words
    return words(outage.next_at, at, zone.key)


def estimate_text(outage: PublishedOutage, zone: ZoneInfo, at: datetime) -> str:
    """By when it should work again; "" where nobody has said."""
    return "" if outage.over else wording.estimate_words(outage.estimate_at, at, zone.key)


def state_text(update: PublishedUpdate) -> str:
    """What an update is: its kind, where that says more than the state it led to."""
    kind = KINDS.get(update.kind)
    return str(kind) if kind is not None else wording.state_words(update.state)


def head_text(page: PublishedPage, at: datetime) -> str:
    """How all stands, in one line."""
    worst = worst_of(page.outages)
    if worst is None and page.last_heard_at is not None:
        return _("Our main site cannot be reached")
    if worst is None:
        return _("Work that was planned is going on") if work_now(page, at) else _("No faults are known")
    count = len(page.open)
    if count > 1:
        return ngettext("{count} fault is open", "{count} faults are open", count).format(count=count)
    return page.open[0].title


def last_heard_text(page: PublishedPage, at: datetime) -> str:
    """How old what the second site knows is, in one sentence; "" where the main site shows the page."""
    minutes = heard_minutes_ago(page, at)
    if minutes is None:
        return ""
    ago = ngettext("{count} minute ago", "{count} minutes ago", minutes).format(count=minutes)
    return _("This is our second site. It last heard from our main site {ago}; our engineers have been called.").format(
        ago=ago
    )


def punctuality_text(figures: Punctuality) -> str:
    """How punctual we were, in one sentence."""
    if not figures.outages:
        return _("No faults in the past year.")
    count = figures.outages
    said = [ngettext("{count} fault in the past year", "{count} faults in the past year", count).format(count=count)]
    if figures.first_after is not None:
        said.append(_("first update usually within {span}").format(span=minutes_text(figures.first_after)))
    if figures.promised:
        said.append(_("{kept} of {promised} updates on time").format(kept=figures.kept, promised=figures.promised))
    return f"{', '.join(said)}."


def minutes_text(span: timedelta) -> str:
    """A span in whole minutes, rounded up, or in hours and minutes from two hours on: "6 minutes", "2 h 5 min"."""
    minutes = max(1, -(-int(span.total_seconds()) // 60))
    if minutes < 120:
        return ngettext("{count} minute", "{count} minutes", minutes).format(count=minutes)
    return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)
