"""Turns from a file and as a file, and the addresses of calendars."""

import base64
import binascii
import json
import zlib
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.csv_table import BadField
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.checked import lines_of
from nightdesk.console.views.choices import people_within
from nightdesk.console.views.lists import as_csv, asked_day
from nightdesk.console.views.rota_names import all_names, month_of, rota_of, span_in_words
from nightdesk.console.views.staff import StaffRequest, done, form_page, posting, staff
from nightdesk.duty.feed_actions import renew_feed
from nightdesk.rota.import_actions import import_turns
from nightdesk.rota.models import Rota
from nightdesk.rota.queries import load_rota, seats_on
from nightdesk.rota.resolve import turns
from nightdesk.rota.turn_file import COLUMNS, MAX_BYTES, read_aliases

SHOWN = 40
MAX_PACKED = 2 * 1024 * 1024
"""Of what the page that shows it carries to the next."""


class FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "A calendar (.ics) or a table (.csv). Nothing is written before you have seen what it would do."
        ),
        widget=forms.FileInput(attrs={"accept": ".ics,.csv,text/calendar,text/csv"}),
    )
    seat = forms.ChoiceField(label=gettext_lazy("For which seat"), required=False)
    aliases = forms.CharField(
        label=gettext_lazy("Whom it calls otherwise"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "akhan = Amara Khan"}),
        help_text=gettext_lazy("One a line: its name for them = ours."),
    )

    def clean_file(self) -> Any:
        """Not larger than we take."""
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("It has more than 4 MB. Split it."))
        return file


@form_page("import_turns")
def import_file(request: StaffRequest, rota_id: int) -> HttpResponse:
    """A file of turns, and then what it would do."""
    row = rota_of(request, rota_id)
    form = FileForm(request.POST or None, request.FILES or None)
    seats = [("", _("The file says so")), *((seat.key, seat.name) for seat in seats_on(row.id))]
    form.fields["seat"].choices = seats  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        people = {p.name: p.id for p in people_within(request.brands).filter(active=True)}
        try:
            aliases = read_aliases(lines_of(form.cleaned_data["aliases"]), people)
        except BadField as bad:
            form.add_error("aliases", f"“{bad.what}”: {bad.so} {bad.do}")
        else:
            how = {"only_seat": form.cleaned_data["seat"], "aliases": aliases}
            return _preview(request, row, form.cleaned_data["file"].read(), how)
    context = {
        "here": "rota",
        "heading": _("Turns from a file"),
        "crumbs": [
            {"url": reverse("console:rota"), "label": _("Rotas")},
            {"url": reverse("console:one_rota", args=[row.id]), "label": row.name},
        ],
        "lead": _(
            "From its first turn to its last, the seats have what the file says; their layers hold in the hours that it leaves "
            "out. A table's first line names its columns: {columns}."
        ).format(columns=", ".join(COLUMNS)),
        "form": form,
        "upload": True,
        "label": _("See what it would do"),
        "cancel_url": reverse("console:one_rota", args=[row.id]),
    }
    return render(request, "console/form.html", context)


def _preview(request: StaffRequest, row: Rota, content: bytes, how: dict[str, Any]) -> HttpResponse:
    result = import_turns(
        rota_id=row.id, content=content, dry_run=True, by=request.actor, via=Door.WEB, at=request.at, **how
    )
    packed = base64.b64encode(zlib.compress(content)).decode()
    if len(packed) > MAX_PACKED:
        raise Invalid(
            _("A file of turns was given."), _("It is too long for the browser."), _("Split it, or use nightdesk rota.")
        )
    names, zone = all_names(), ZoneInfo(row.zone)
    seats = {seat.key: seat.name for seat in seats_on(row.id)}
    if result.problems:
        text = ngettext("{count} line in it does not fit", "{count} lines in it do not fit", len(result.problems))
        heading = text.format(count=len(result.problems))
    elif not result.turns:
        heading = _("There is no turn to come in it")
    elif result.same:
        heading = _("Everything is so already")
    else:
        heading = ngettext("{count} turn fits", "{count} turns fit", result.turns).format(count=result.turns)
    context = {
        "here": "rota",
        "rota": row,
        "heading": heading,
        "result": result,
        "changes": [
            {
                "what": _("{seat}: {now} instead of {was}").format(
                    seat=seats[each.seat],
                    now=names(each.now) if each.now is not None else _("nobody"),
                    was=names(each.was) if each.was is not None else _("nobody"),
                ),
                "when": span_in_words(each.start, each.end, zone),
            }
            for each in result.changes[:SHOWN]
        ],
        "more_changes": max(0, len(result.changes) - SHOWN),
        "problems": result.problems[:SHOWN],
        "more_problems": max(0, len(result.problems) - SHOWN),
        "content": packed,
        "how": json.dumps(how),
        "ready": bool(result.turns) and not result.same,
    }
    return render(request, "console/rota_import.html", context)


@posting("import_turns")
def apply_file(request: StaffRequest, rota_id: int) -> HttpResponse:
    """The file that was shown is taken; lines that do not fit are left out, as was said."""
    row = rota_of(request, rota_id)
    try:
        packed = base64.b64decode(request.POST.get("content", ""), validate=True)
        content = zlib.decompressobj().decompress(packed, MAX_BYTES + 1)
        how = json.loads(request.POST.get("how", ""))
        aliases = {str(word): int(person) for word, person in how["aliases"].items()}
        only_seat = str(how["only_seat"])
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError, AttributeError):
        raise Invalid(
            _("You wanted to take turns from a file."),
            _("The file did not come with it."),
            _("Choose the file once more."),
        ) from None
    result = import_turns(
        rota_id=row.id,
        content=content,
        only_seat=only_seat,
        aliases=aliases,
        skip_problems=True,
        override_reason=request.POST.get("reason", ""),
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    text = ngettext("{count} turn is taken.", "{count} turns are taken.", result.turns).format(count=result.turns)
    return done(request, text, "console:one_rota", row.id)


@staff("read_rota")
def month_csv(request: StaffRequest, rota_id: int) -> HttpResponse:
    """The turns of a month, by seat and start, gaps with nobody's name: it can be read in again."""
    row = rota_of(request, rota_id)
    zone = ZoneInfo(row.zone)
    first = (asked_day(request, "month") or request.at.astimezone(zone).date()).replace(day=1)
    start, end = month_of(first, zone)
    plan, names = load_rota(row.id), all_names()
    rows = (
        (
            seat.key,
            names(turn.member) if turn.member is not None else "",
            turn.start.astimezone(zone),
            turn.end.astimezone(zone),
        )
        for seat in plan.seats
        for turn in turns(plan, seat.key, start, end)
    )
    return as_csv(f"rota-{row.id}-{first:%Y-%m}", ("seat", "person", "starts_at", "ends_at"), rows)


@posting("renew_feed")
def renew_rota(request: StaffRequest, rota_id: int) -> HttpResponse:
    """The rota's calendar has another address from now on."""
    row = rota_of(request, rota_id)
    renew_feed(whose="rota", id_=row.id, by=request.actor, via=Door.WEB, at=request.at)
    text = _("The calendar has a new address; nobody reads it by the old one any more.")
    return done(request, text, "console:one_rota", row.id)


@posting("edit_own_contacts")
def renew_mine(request: StaffRequest) -> HttpResponse:
    """My calendar has another address from now on."""
    if request.person is not None:
        renew_feed(whose="person", id_=request.person.id, by=request.actor, via=Door.WEB, at=request.at)
    text = _("Your calendar has a new address; nobody reads it by the old one any more.")
    return done(request, text, "console:me")
