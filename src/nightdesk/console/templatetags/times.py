"""How instants and ages stand on a page: the reader's zone, 24 hours, with a day where the hour alone would mislead.

`{% when instant %}` and `{% age instant %}` read `at`, the instant of the page, from the template's context. The script
of the page keeps ages current with the same words (see `skeleton.html`).
"""

from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

register = template.Library()

HALF_A_DAY = timedelta(hours=12)


@register.filter
def clock(instant: datetime, at: datetime | None = None) -> str:
    """`instant` in the reader's zone: "04:12"; "Tue 25 Nov 04:12" on another day more than 12 hours from `at`.

    The year stands there when it is not that of `at`; the zone's name ("BST") within 12 hours of a clock change.
    Without `at` the day is always named.
    """
    return " ".join(filter(None, _day_and_hour(instant, at, "%H:%M")))


def _day_and_hour(instant: datetime, at: datetime | None, hours: str) -> tuple[str, str]:
    """The day, "" where the hour alone does not mislead, and the hour."""
    zone = get_current_timezone()
    local = instant.astimezone(zone)
    hour, pattern = local.strftime(hours), _("D j M Y")
    if at is not None:
        page = _local(at, zone)
        if local.date() == page.date() or abs(instant - at) <= HALF_A_DAY:
            pattern = ""
        elif local.year == page.year:
            pattern = _("D j M")
    if _clocks_change(instant.replace(minute=0, second=0, microsecond=0), zone):
        hour = f"{hour} {local.tzname()}"
    return _day(local.date(), pattern, get_language()) if pattern else "", hour


@lru_cache(maxsize=64)
def _local(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone)


@lru_cache(maxsize=4096)
def _clocks_change(hour: datetime, zone: tzinfo) -> bool:
    """Whether they do within half a day of what lies in this hour."""
    return (hour - HALF_A_DAY).astimezone(zone).utcoffset() != (hour + HALF_A_DAY).astimezone(zone).utcoffset()


@lru_cache(maxsize=4096)
def _day(day: date, pattern: str, _language: str | None) -> str:
    return date_format(day, pattern)


def age_text(seconds: float) -> str:
    """How long that is, in the words of the page: "under 1 min", "4 min", "1 h 20 min", "3 days" (from two days on)."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return _("under 1 min")
    if minutes < 60:
        return _("{minutes} min").format(minutes=minutes)
    if minutes < 48 * 60:
        return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)
    return _("{days} days").format(days=minutes // (24 * 60))


@register.simple_tag(takes_context=True)
def when(context: dict[str, Any], instant: datetime, seconds: bool = False) -> SafeString:
    """A `<time>` that reads as `clock` does; with `seconds` to the second."""
    day, hour = _day_and_hour(instant, context.get("at"), "%H:%M:%S" if seconds else "%H:%M")
    # The day is a unit of its own: in a narrow column the line ends behind it, and not within it.
    marked = format_html('<span class="day">{}</span> {}', day, hour) if day else hour
    return format_html('<time datetime="{}">{}</time>', instant.isoformat(), marked)


@register.simple_tag(takes_context=True)
def age(context: dict[str, Any], instant: datetime) -> SafeString:
    """A `<time>` with how long ago `instant` was at the context's `at`; the page's script keeps it current."""
    text = age_text((context["at"] - instant).total_seconds())
    return format_html('<time datetime="{}" data-age>{}</time>', instant.isoformat(), text)
