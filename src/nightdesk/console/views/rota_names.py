"""A rota's rows as a reader may see them, and what its pages call members, months and spans of time."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.console.views.month import names_of
from nightdesk.console.views.staff import StaffRequest, found, within
from nightdesk.people.models import Person, Team
from nightdesk.rota.models import Rota, Seat
from nightdesk.rota.resolve import MemberKey, instant_of


def rota_of(request: StaffRequest, rota_id: int) -> Rota:
    """The rota, where it is of a brand of the reader's."""
    rows = Rota.objects.filter(within(request.brands), id=rota_id).select_related("brand")
    return found(rows, _("You asked for a rota."))


def seat_of(request: StaffRequest, seat_key: str) -> Seat:
    """The seat, likewise; one that was removed is not there."""
    rows = Seat.objects.filter(within(request.brands, "rota__brand_id"), key=seat_key, removed_at=None)
    return found(rows.select_related("rota__brand"), _("You asked for a seat of a rota."))


def all_names() -> Callable[[MemberKey], str]:
    """Members of plans to names."""
    return names_of(dict(Person.objects.values_list("id", "name")), dict(Team.objects.values_list("id", "name")))


def month_of(first: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants at which the month that begins on `first` starts and ends by clocks in `zone`."""
    following = (first + timedelta(days=32)).replace(day=1)
    return instant_of(datetime.combine(first, time()), zone), instant_of(datetime.combine(following, time()), zone)


def span_in_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """ "Tue 3 Mar 18:00 to Wed 08:00"; with GMT or BST where the clocks change between."""
    begin = date_format(start.astimezone(zone), "D j M H:i")
    if start.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset():
        begin = f"{begin} {start.astimezone(zone).tzname()}"
    return _("{start} to {end}").format(start=begin, end=end_in_words(start, end, zone))


def end_in_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """The end of a span whose start is told: "08:00" on the same day, else "Wed 08:00"; a week on, with its date."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    same_day = first.date() == last.date()
    far = last - first > timedelta(days=6)
    until = f"{last:%H:%M}" if same_day else date_format(last, "D j M H:i" if far else "D H:i")
    return until if first.utcoffset() == last.utcoffset() else f"{until} {last.tzname()}"
