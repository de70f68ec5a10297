"""Newcomers: beside whom each is, what they have seen, and signing them off; and what the ways to reach somebody run over."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import pairs, people_within
from nightdesk.console.views.lists import as_csv, one_page
from nightdesk.console.views.skills import tabs
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may_somewhere, posting, staff, within
from nightdesk.desk.models import Ticket
from nightdesk.duty import pairings
from nightdesk.duty.models import Pairing
from nightdesk.duty.pairing_actions import end_pairing, pair_newcomer
from nightdesk.outages.models import Part
from nightdesk.outages.way_actions import save_way_parts
from nightdesk.outages.way_queries import parts_of_methods
from nightdesk.paging.models import Page
from nightdesk.people.models import ContactMethod, Person
from nightdesk.people.skill_actions import begin_as_newcomer, sign_off_newcomer
from nightdesk.people.skill_queries import newcomers as new_ones
from nightdesk.rota.models import Seat
from nightdesk.rota.resolve import instant_of

WHAT = {
    "page": gettext_lazy("page"),
    "ticket": gettext_lazy("ticket"),
    "handover": gettext_lazy("handover"),
}
SIGNED_OFF_SHOWN = 20


class NewcomerForm(forms.Form):
    person = forms.ChoiceField(label=gettext_lazy("Who is new"))

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = people_within(request.brands).filter(active=True).exclude(pk__in=new_ones()).order_by("name")
        self.fields["person"].choices = pairs(people)  # type: ignore[attr-defined]


class PairingForm(forms.Form):
    beside = forms.ChoiceField(
        label=gettext_lazy("Beside"), help_text=gettext_lazy("A person, or whoever has a seat then.")
    )
    first_day = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(label=gettext_lazy("Until the end of"), widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, request: StaffRequest, newcomer: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = people_within(request.brands).filter(active=True).exclude(pk__in={newcomer.pk, *new_ones()})
        seats = Seat.objects.filter(within(request.brands, "rota__brand_id")).select_related("rota")
        self.fields["beside"].choices = [  # type: ignore[attr-defined]
            (_("Whoever has"), [(f"seat:{seat.key}", f"{seat.rota.name}, {seat.name}") for seat in seats]),
            (_("People"), [(f"person:{person.pk}", person.name) for person in people.order_by("name")]),
        ]


@staff("read_skills")
def newcomers(request: StaffRequest) -> HttpResponse:
    """Who is new, beside whom, and who was signed off lately."""
    mine = people_within(request.brands).filter(active=True)
    new = list(mine.filter(terms__newcomer=True).order_by("name"))
    rows = [
        {
            "title": person.name,
            "url": reverse("console:newcomer", args=[person.pk]),
            "detail": _beside(person, request.at) or _("beside nobody: no page is copied to them"),
            "tags": [{"text": _("new"), "tone": "accent"}],
            "actions": [],
        }
        for person in new
    ]
    signed = mine.filter(terms__newcomer=False, terms__signed_off_at__isnull=False)
    for person in signed.select_related("terms__signed_off_by").order_by("-terms__signed_off_at")[:SIGNED_OFF_SHOWN]:
        rows.append(
            {
                "title": person.name,
                "url": reverse("console:newcomer", args=[person.pk]),
                "detail": _signed(person),
                "tags": [{"text": _("signed off"), "tone": "calm"}],
                "actions": [],
            }
        )
    heading = ngettext("{count} person is new", "{count} people are new", len(new)).format(count=len(new))
    context = {
        "here": "coverage",
        "tabs": tabs(request, "newcomers"),
        "heading": heading if new else _("Nobody is new"),
        "rows": rows,
        "empty_text": _("Say that somebody is new: they are then never on alone, and see what others are woken for."),
        "note": _("A newcomer is never on duty alone, answers no page by themselves, and does not count in coverage."),
        "tabs_title": _("Who knows what"),
        "extra": {
            "form": NewcomerForm(request=request),
            "action": reverse("console:begin_as_newcomer"),
            "label": _("They are new"),
        }
        if may_somewhere(request, "begin_as_newcomer")
        else None,
    }
    return render(request, "console/settings_list.html", context)


def _beside(person: Person, at: datetime) -> str:
    """Beside whom they are now, or will be."""
    told = []
    for row in Pairing.objects.filter(newcomer=person, ended_at=None, ends_at__gt=at).select_related("person", "seat"):
        until = date_format(localtime(row.ends_at), "j M")
        text = _("beside {name} until {day}") if row.starts_at <= at else _("soon beside {name}, until {day}")
        told.append(text.format(name=_name_of(row), day=until))
    return " · ".join(told)


def _name_of(row: Pairing) -> str:
    if row.person is not None:
        return row.person.name
    return _("whoever has {seat}").format(seat=row.seat.name if row.seat is not None else "")


def _signed(person: Person) -> str:
    terms = person.terms
    by = terms.signed_off_by.name if terms.signed_off_by is not None else _("an administrator")
    day = date_format(localtime(terms.signed_off_at), "j M Y H:i")
    return _("signed off by {name}, {day}").format(name=by, day=day)


@posting("begin_as_newcomer")
def begin(request: StaffRequest) -> HttpResponse:
    """Somebody is new."""
    form = NewcomerForm(request.POST, request=request)
    values = checked(form, _("Somebody was to be new."))
    begin_as_newcomer(person_id=int(values["person"]), by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("They are never on alone from now on."), "console:newcomer", int(values["person"]))


@staff("read_skills")
def newcomer(request: StaffRequest, person_id: int) -> HttpResponse:
    """One newcomer: beside whom, and, for managers and themselves, what they have seen."""
    person = _person(request, person_id)
    is_new = person.pk in new_ones([person.pk])
    sees = may_somewhere(request, "sign_off_newcomer") or request.person == person
    rows, pager = one_page(request, _seen_rows(person, request.at)) if sees else ([], None)
    listed = Pairing.objects.filter(newcomer=person).select_related("person", "seat").order_by("-starts_at")
    context = {
        "here": "coverage",
        "person": person,
        "crumbs": [{"url": reverse("console:newcomers"), "label": _("Newcomers")}],
        "heading": _("{name} is new").format(name=person.name)
        if is_new
        else _("{name} may be on alone").format(name=person.name),
        "detail": "" if is_new or not _has_terms(person) else _signed(person),
        "pairings": [_pairing_row(request, row) for row in listed],
        "pairing_form": PairingForm(request=request, newcomer=person, initial=_fortnight(request, person))
        if is_new and may_somewhere(request, "pair_newcomer")
        else None,
        "may_sign_off": is_new and may_somewhere(request, "sign_off_newcomer") and request.person != person,
        "sees": sees,
        "rows": rows,
        "pager": pager,
        "csv_url": reverse("console:seen_csv", args=[person.pk]),
    }
    return render(request, "console/newcomer.html", context)


def _has_terms(person: Person) -> bool:
    return hasattr(person, "terms") and person.terms.signed_off_at is not None


def _fortnight(request: StaffRequest, person: Person) -> dict[str, Any]:
    today = request.at.astimezone(ZoneInfo(person.zone)).date()
    return {"first_day": today, "last_day": today + timedelta(days=13)}


def _pairing_row(request: StaffRequest, row: Pairing) -> dict[str, Any]:
    running = row.ended_at is None and row.ends_at > request.at
    ends_at = row.ended_at or row.ends_at
    actions = []
    if running and may_somewhere(request, "end_pairing"):
        actions = [{"label": _("End it"), "url": reverse("console:end_pairing", args=[row.pk]), "fields": {}}]
    return {
        "title": _("Beside {name}").format(name=_name_of(row)),
        "url": "",
        "detail": _("{first} until {last}").format(
            first=date_format(localtime(row.starts_at), "j M Y H:i"), last=date_format(localtime(ends_at), "j M Y H:i")
        ),
        "tags": [{"text": _("now"), "tone": "calm"}] if running and row.starts_at <= request.at else [],
        "actions": actions,
    }


def _person(request: StaffRequest, person_id: int) -> Person:
    rows = people_within(request.brands).select_related("terms__signed_off_by")
    return found(rows.filter(pk=person_id), _("You asked for a newcomer."))


@posting("pair_newcomer")
def pair(request: StaffRequest, person_id: int) -> HttpResponse:
    """They are beside somebody for some days, by their own calendar."""
    person = _person(request, person_id)
    form = PairingForm(request.POST, request=request, newcomer=person)
    values = checked(form, _("A newcomer was to be on beside somebody."))
    kind, _sign, number = values["beside"].partition(":")
    zone = ZoneInfo(person.zone)
    pair_newcomer(
        newcomer_id=person.pk,
        person_id=int(number) if kind == "person" else None,
        seat_key=number if kind == "seat" else None,
        starts_at=instant_of(datetime.combine(values["first_day"], time()), zone),
        ends_at=instant_of(datetime.combine(values["last_day"] + timedelta(days=1), time()), zone),
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("Pages are copied to them, silently."), "console:newcomer", person.pk)


@posting("end_pairing")
def end(request: StaffRequest, pairing_id: int) -> HttpResponse:
    """They are beside them no longer."""
    rows = Pairing.objects.filter(newcomer__in=people_within(request.brands))
    row = found(rows.filter(pk=pairing_id), _("A pairing was to end."))
    end_pairing(pairing_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It has ended."), "console:newcomer", row.newcomer_id)


@posting("sign_off_newcomer")
def sign_off(request: StaffRequest, person_id: int) -> HttpResponse:
    """They may be on alone."""
    person = _person(request, person_id)
    sign_off_newcomer(person_id=person.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} may be on alone.").format(name=person.name), "console:newcomer", person.pk)


def _seen_rows(person: Person, at: datetime) -> list[dict[str, Any]]:
    seen = pairings.seen_by(person.pk, pairings.first_day(person.pk, at), at + datetime.resolution)
    ids = {what: [each.subject[1] for each in seen if each.what == what] for what in WHAT}
    pages = {str(row.pk): row.title for row in Page.objects.filter(pk__in=ids["page"])}
    tickets = {str(row.pk): f"#{row.number} {row.title}" for row in Ticket.objects.filter(pk__in=ids["ticket"])}
    rows = []
    for each in seen:
        title, url = str(each.entry.facts.get("seat", "")), ""
        if each.what == "page" and each.subject[1] in pages:
            title, url = pages[each.subject[1]], reverse("console:page", args=[each.subject[1]])
        elif each.what == "ticket" and each.subject[1] in tickets:
            title, url = tickets[each.subject[1]], reverse("console:ticket", args=[each.subject[1]])
        rows.append({"at": each.at, "what": WHAT[each.what], "title": title, "url": url})
    return rows


@staff("sign_off_newcomer")
def seen_csv(request: StaffRequest, person_id: int) -> HttpResponse:
    """What they have seen, as a file."""
    rows = _seen_rows(_person(request, person_id), request.at)
    return as_csv("seen", ["at", "what", "title"], ([row["at"], row["what"], row["title"]] for row in rows))


class WayForm(forms.Form):
    parts = forms.CharField(
        label=gettext_lazy("It runs over"),
        required=False,
        max_length=500,
        help_text=gettext_lazy(
            "Keys of parts, with commas or spaces between: a line of ours, a mobile operator. Empty: nothing that is known here."
        ),
    )


@form_page("edit_own_contacts")
def way_parts(request: StaffRequest, method_id: int) -> HttpResponse:
    """What a way to reach somebody runs over, so that it is not used while that is down."""
    rows = ContactMethod.objects.select_related("person")
    method = rows.filter(pk=method_id).first()
    mine = method is not None and request.person is not None and method.person_id == request.person.pk
    managed = may_somewhere(request, "save_way_parts") and people_within(request.brands)
    if method is None or not (mine or (managed and managed.filter(pk=method.person_id).exists())):
        raise NotFound(_("You asked for a way to reach somebody."), _("There is none."), _("Go back."))
    held = ", ".join(part.key for part in parts_of_methods([method.pk]).get(method.pk, []))
    form = WayForm(request.POST or None, initial={"parts": held})
    if request.method == "POST" and form.is_valid():
        ids = _parts_called(request, form.cleaned_data["parts"])
        save_way_parts(method_id=method.pk, part_ids=ids, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Kept."), "console:person", method.person_id)
    crumbs = [{"url": reverse("console:person", args=[method.person_id]), "label": method.person.name}]
    context = {
        "here": "people",
        "form": form,
        "heading": _("What {way} runs over").format(way=f"{method.channel} {method.address}".strip()),
        "lead": _("While one of these parts is down, by an outage or planned work, another way is used."),
        "label": _("Save"),
        "crumbs": crumbs,
        "cancel_url": crumbs[0]["url"],
    }
    return render(request, "console/form.html", context)


def _parts_called(request: StaffRequest, text: str) -> list[int]:
    """The numbers of the parts in use with these keys, of the reader's brands."""
    keys = [key.lower() for key in text.replace(",", " ").split()]
    rows = Part.objects.filter(within(request.brands), key__in=keys, retired_at=None)
    known = {row.key: row.pk for row in rows}
    if missing := [key for key in keys if key not in known]:
        raise Invalid(
            _("Parts were named."),
            _("There is no part {key} in use.").format(key=missing[0]),
            _("Look at the list of parts."),
        )
    return [known[key] for key in dict.fromkeys(keys)]
