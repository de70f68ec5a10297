"""Digests: what could wait, gathered for one person, sent at their times."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.console.views.cards import page_row
from nightdesk.console.views.choices import people_within
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may_somewhere, posting, staff, within
from nightdesk.paging.actions import send_digest
from nightdesk.paging.decide import next_digest
from nightdesk.paging.models import DigestLine
from nightdesk.paging.queries import digest_times
from nightdesk.people.actions import set_digest
from nightdesk.people.models import Person

STATES = {"waiting": gettext_lazy("Waits"), "sent": gettext_lazy("Sent")}


class DigestForm(forms.Form):
    times = forms.CharField(
        label=gettext_lazy("At which times"),
        max_length=60,
        help_text=gettext_lazy("By their own clocks, with commas: 08:30, 16:30. Also when a duty passes to them."),
    )
    resolved = forms.BooleanField(label=gettext_lazy("List what is resolved by then, too"), required=False)

    def clean_times(self) -> list[time]:
        """The times, each once."""
        try:
            return [time.fromisoformat(text.strip().zfill(5)) for text in self.cleaned_data["times"].split(",")]
        except ValueError as unreadable:
            raise forms.ValidationError(_("Give times such as 08:30, 16:30.")) from unreadable


@staff("read_pages")
def my_digest(request: StaffRequest) -> HttpResponse:
    """The reader's own."""
    if request.person is None:
        raise NotFound(
            _("You asked for your digest."), _("You are not on the staff list."), _("Ask a manager to put you on it.")
        )
    return _shown(request, request.person, _form_of(request.person))


@form_page("read_pages")
def digest(request: StaffRequest, person_id: int) -> HttpResponse:
    """What waits in somebody's digest, what was sent, and when the next goes out."""
    person = _person(request, person_id)
    form = _form_of(person, request.POST or None)
    if request.method == "POST" and form.is_valid():
        set_digest(person_id=person.id, **form.cleaned_data, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:digest", person.id)
    return _shown(request, person, form)


def _form_of(person: Person, given: QueryDict | None = None) -> DigestForm:
    return DigestForm(given, initial={"times": ", ".join(person.digest_at), "resolved": person.digest_resolved})


def _shown(request: StaffRequest, person: Person, form: DigestForm) -> HttpResponse:
    mine = request.person is not None and request.person.id == person.id
    rows, pager = one_page(request, _lines(request, person))
    waiting = _of(request, person).filter(sent_at=None).count()
    next_at = next_digest(person.zone, digest_times(person), request.at)
    context = {
        "here": "people",
        "heading": _heading(person, waiting, next_at),
        "crumbs": [
            {"url": reverse("console:people"), "label": _("People")},
            {"url": reverse("console:person", args=[person.id]), "label": person.name},
        ],
        "rows": [_row(request, line) for line in rows],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Title or code")),
            select("state", _("State"), asked(request, "state"), {k: str(v) for k, v in STATES.items()}, _("All")),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:digest_csv", args=[person.id])),
        "form": form if mine or may_somewhere(request, "set_digest") else None,
        "form_url": reverse("console:digest", args=[person.id]),
        "send": {"label": _("Send it now"), "url": reverse("console:send_digest", args=[person.id])}
        if waiting and (mine or may_somewhere(request, "send_digest"))
        else None,
    }
    return render(request, "console/digest.html", context)


def _person(request: StaffRequest, person_id: int) -> Person:
    mine = request.person is not None and request.person.id == person_id
    rows = Person.objects.all() if mine else people_within(request.brands)
    return found(rows.filter(id=person_id), _("You asked for somebody's digest."))


def _of(request: StaffRequest, person: Person) -> QuerySet[DigestLine]:
    rows = DigestLine.objects.filter(within(request.brands, "page__brand_id"), person=person)
    return rows.select_related("page__owner", "page__integration").order_by("-added_at", "-id")


def _lines(request: StaffRequest, person: Person) -> QuerySet[DigestLine]:
    rows = _of(request, person)
    state = asked(request, "state", STATES)
    if state:
        rows = rows.filter(sent_at__isnull=state == "waiting")
    if text := asked(request, "q"):
        rows = rows.filter(page__title__icontains=text) | rows.filter(page__code__iexact=text)
    return rows


def _heading(person: Person, waiting: int, next_at: datetime) -> str:
    if not waiting:
        return _("Nothing waits for {name}").format(name=person.name)
    return ngettext(
        "{count} page waits for {name} until {time}", "{count} pages wait for {name} until {time}", waiting
    ).format(count=waiting, name=person.name, time=f"{localtime(next_at):%H:%M}")


def _row(request: StaffRequest, line: DigestLine) -> dict[str, Any]:
    row = page_row(request, line.page)
    sent = (
        {"text": _("sent {time}").format(time=f"{localtime(line.sent_at):%H:%M}"), "tone": "calm"}
        if line.sent_at is not None
        else {"text": _("waits"), "tone": ""}
    )
    return row | {"at": line.added_at, "tags": [*row["tags"], sent]}


@staff("read_pages")
def digest_csv(request: StaffRequest, person_id: int) -> HttpResponse:
    """The same lines as a file."""
    person = _person(request, person_id)
    rows = (
        [line.added_at, line.sent_at, line.page.code, f"P{line.page.priority}", line.page.state, line.page.title]
        for line in _lines(request, person)[:EXPORTED].iterator()
    )
    return as_csv("digest", ["added_at", "sent_at", "code", "priority", "state", "title"], rows)


@posting("read_pages")
def send(request: StaffRequest, person_id: int) -> HttpResponse:
    """What waits goes out now."""
    person = _person(request, person_id)
    said = send_digest(person_id=person.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, said, "console:digest", person.id)
