"""Who read what is private of the reader: hours, rest, load, pay, emergency notes, and exports of all of it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.lists import EXPORTED, as_csv, one_page
from nightdesk.console.views.settings.sections import row
from nightdesk.console.views.staff import StaffRequest, staff
from nightdesk.journal.models import Entry
from nightdesk.journal.queries import sentence
from nightdesk.people.queries import readings_of


@staff("read_own_readings")
def my_readings(request: StaffRequest) -> HttpResponse:
    """Who did, the last first."""
    here, pager = one_page(request, _of(request))
    context = {
        "here": "people",
        "heading": _("Who read about you") if here else _("Nobody has read about you"),
        "rows": [row(sentence(each), detail=clock(each.at, request.at)) for each in here],
        "pager": pager,
        "csv_url": reverse("console:my_readings_csv"),
        "on_the_list": request.person is not None,
    }
    return render(request, "console/my_readings.html", context)


@staff("read_own_readings")
def my_readings_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    lines = ((each.at, each.by_name, each.via, each.facts.get("what", each.kind)) for each in _of(request)[:EXPORTED])
    return as_csv("readings", ("at", "by", "via", "what"), lines)


def _of(request: StaffRequest) -> Any:
    return readings_of(request.person.id) if request.person is not None else Entry.objects.none()
