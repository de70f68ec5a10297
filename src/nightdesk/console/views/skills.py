"""What people know and what one must know, newcomers, and whether every shift ahead knows what it answers for."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.choices import brand_choices, people_within
from nightdesk.console.views.lists import as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.month import day_ticks
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.customers.models import Customer, Service
from nightdesk.customers.need_actions import COLUMNS, import_skill_needs, set_skill_needs
from nightdesk.customers.need_queries import names_of, needs_of, needs_of_brand
from nightdesk.duty.coverage_queries import Covered, asks_of_shifts, coverage_of, is_alone, names_in, span_in_words
from nightdesk.people.models import Person, Skill
from nightdesk.people.skill_actions import import_person_skills, remove_skill, save_skill
from nightdesk.people.skill_list import Line, SkillList, read_skill_list
from nightdesk.people.skill_queries import levels, newcomers, skills_of, words_for
from nightdesk.rota.coverage import Hole
from nightdesk.rota.coverage_actions import set_seat_brands
from nightdesk.rota.coverage_queries import names_of_skills, scarce_skills
from nightdesk.rota.models import AnswersFor, Seat
from nightdesk.rota.resolve import instant_of

LEVELS = (
    ("0", gettext_lazy("–")),
    ("1", gettext_lazy("1 learns it")),
    ("2", gettext_lazy("2 alone")),
    ("3", gettext_lazy("3 teaches it")),
)
MAX_FILE_BYTES = 4 * 1024 * 1024
NAMED = 3
ROWS_SHOWN = 40


def tabs(request: StaffRequest, here: str) -> list[dict[str, Any]]:
    """The pages about who knows what, for parts/tabs.html."""
    pages = (
        ("coverage", "read_skills", _("Coverage")),
        ("skills", "read_skills", _("Who knows what")),
        ("skill_needs", "read_skills", _("What one must know")),
        ("newcomers", "read_skills", _("Newcomers")),
        ("scarce_skills", "read_scarce_skills", _("Known by one alone")),
    )
    return [
        {"url": reverse(f"console:{view}"), "label": label, "here": view == here, "count": None}
        for view, verb, label in pages
        if may_somewhere(request, verb)
    ]


def shown_brand(request: StaffRequest) -> tuple[Brand | None, list[dict[str, Any]]]:
    """The brand that the address asks for, else the first of the reader's; and the filter to choose another, where there is."""
    brands = list(Brand.objects.filter(within(request.brands, "id")).order_by("name"))
    wanted = asked(request, "brand")
    brand = next((each for each in brands if each.slug == wanted), brands[0] if brands else None)
    if len(brands) < 2 or brand is None:
        return brand, []
    options = {each.slug: each.name for each in brands}
    box = select("brand", _("Brand"), brand.slug, options, "")
    box["options"] = [option for option in box["options"] if option["value"]]
    return brand, [box]


# --- Coverage --------------------------------------------------------------------------------------------------------


@staff("read_skills")
def coverage(request: StaffRequest) -> HttpResponse:
    """The weeks ahead: what nobody on a shift knows, and who is new and on alone, in a picture and in words."""
    brand, filters = shown_brand(request)
    context: dict[str, Any] = {"here": "coverage", "tabs": tabs(request, "coverage"), "filters": filters}
    if brand is None or not asks_of_shifts(brand.pk):
        context |= {"heading": _("Nothing is asked of a shift yet"), "brand": brand}
        return render(request, "console/coverage.html", context)
    covered = coverage_of(brand, request.at)
    rows, pager = one_page(request, [_hole_row(covered, hole, names) for hole, names in _named(covered)])
    seats = Seat.objects.filter(rota__brand=brand).select_related("rota")
    also = AnswersFor.objects.filter(brand=brand).select_related("seat__rota")
    context |= {
        "brand": brand,
        "heading": _coverage_heading(covered),
        "until": covered.end,
        "picture": _picture(request, covered),
        "rows": rows,
        "pager": pager,
        "csv_url": csv_url(request, reverse("console:coverage_csv")),
        "seats": [
            {"name": f"{seat.rota.name}, {seat.name}", "url": reverse("console:seat_brands", args=[seat.key])}
            for seat in [*seats, *(row.seat for row in also)]
        ],
        "may_set": may(request, "set_seat_brands", brand.pk),
    }
    return render(request, "console/coverage.html", context)


def _coverage_heading(covered: Covered) -> str:
    if not covered.seats:
        return _("No seat answers for {brand}").format(brand=covered.brand.name)
    subjects = {hole.subject for hole in covered.holes}
    if not subjects:
        return _("Every shift knows what it answers for")
    alone = len({hole.subject for hole in covered.holes if is_alone(hole)})
    unknown = len(subjects) - alone
    told = []
    if unknown:
        text = ngettext(
            "{count} thing is known to nobody on some shift",
            "{count} things are known to nobody on some shift",
            unknown,
        )
        told.append(text.format(count=unknown))
    if alone:
        text = ngettext("{count} newcomer would be on alone", "{count} newcomers would be on alone", alone)
        told.append(text.format(count=alone))
    return ", ".join(told)


def _named(covered: Covered) -> list[tuple[Hole, Mapping[Any, str]]]:
    names = names_in(covered.holes)
    return [(hole, names) for hole in covered.holes]


def _hole_row(covered: Covered, hole: Hole, names: Mapping[Any, str]) -> dict[str, Any]:
    """One hole: what, when, which skills, who is on and who could be."""
    zone = ZoneInfo(str(get_current_timezone()))
    skills = names_of_skills({one.skill for one in hole.lacking})
    could = covered.could[hole][:NAMED]
    people = dict(Person.objects.filter(pk__in={*could, *hole.on}).values_list("pk", "name"))
    return {
        "name": names[hole.subject],
        "kind": KIND_NAMES[hole.subject[0]],
        "when": _when(covered, hole, zone),
        "lacking": _("somebody experienced")
        if is_alone(hole)
        else ", ".join(f"{skills.get(one.skill, '?')} ({one.level})" for one in hole.lacking),
        "on": ", ".join(sorted(people[id_] for id_ in hole.on)) or _("nobody"),
        "could": ", ".join(people[id_] for id_ in could) or _("nobody"),
    }


def _when(covered: Covered, hole: Hole, zone: ZoneInfo) -> str:
    if hole.end < covered.end:
        return span_in_words(hole.start, hole.end, zone)
    return _("from {start} on").format(start=date_format(hole.start.astimezone(zone), "D j M H:i"))


KIND_NAMES = {
    "brand": gettext_lazy("brand"),
    "customer": gettext_lazy("customer"),
    "service": gettext_lazy("service"),
    "newcomer": gettext_lazy("new, and on alone"),
}


def _picture(request: StaffRequest, covered: Covered) -> dict[str, Any] | None:
    """What month.html draws of the weeks ahead: things as rows, holes in red. None where there is no hole."""
    if not covered.holes:
        return None
    zone = ZoneInfo(covered.brand.zone)
    start = instant_of(datetime.combine(request.at.astimezone(zone).date(), time()), zone)
    whole = (covered.end - start).total_seconds()

    def across(instant: datetime) -> float:
        return round(100 * (instant - start).total_seconds() / whole, 3)

    names = names_in(covered.holes)
    rows: dict[Any, list[dict[str, Any]]] = {}
    for hole in covered.holes:
        left = across(hole.start)
        text = _("{span}: on alone") if is_alone(hole) else _("{span}: nobody knows it")
        text = text.format(span=span_in_words(hole.start, hole.end, zone))
        bar = {"from_pct": left, "width_pct": round(across(hole.end) - left, 3), "kind": "gap", "text": text}
        rows.setdefault(hole.subject, []).append(bar)
    return {
        "id": "coverage",
        "label": _("What is not covered, until {day}").format(day=date_format(covered.end, "j M")),
        "ticks": [{"at_pct": across(at), "text": text} for at, text in day_ticks(start, covered.end, zone, every=14)],
        "now_pct": across(request.at),
        "rows": [{"name": names[subject], "mine": False, "bars": bars} for subject, bars in rows.items()][:ROWS_SHOWN],
        "notes": [],
        "legend": False,
    }


@staff("read_skills")
def coverage_csv(request: StaffRequest) -> HttpResponse:
    """Every hole as a line."""
    brand, _filters = shown_brand(request)
    holes = _named(coverage_of(brand, request.at)) if brand is not None else []
    skills = names_of_skills({one.skill for hole, _names in holes for one in hole.lacking})
    rows = (
        [
            hole.subject[0],
            names[hole.subject],
            hole.start,
            hole.end,
            "; ".join(f"{skills.get(one.skill, '')} {one.level}" for one in hole.lacking),
        ]
        for hole, names in holes
    )
    return as_csv("coverage", ["kind", "name", "from", "until", "lacking"], rows)


class SeatBrandsForm(forms.Form):
    brands = forms.MultipleChoiceField(
        label=gettext_lazy("It answers for these too"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, request: StaffRequest, seat: Seat, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = str(seat.rota.brand_id)
        choices = [each for each in brand_choices(request.actor, "set_seat_brands") if each[0] not in (own, "")]
        self.fields["brands"].choices = choices  # type: ignore[attr-defined]


@form_page("set_seat_brands")
def seat_brands(request: StaffRequest, seat_key: str) -> HttpResponse:
    """For which brands whoever has a seat answers, beside that of its rota."""
    rows = Seat.objects.filter(within(request.brands, "rota__brand_id"), key=seat_key).select_related("rota__brand")
    seat = found(rows, _("You asked for a seat."))
    held = [str(brand_id) for brand_id in seat.also_for.values_list("brand_id", flat=True)]
    form = SeatBrandsForm(request.POST or None, request=request, seat=seat, initial={"brands": held})
    if request.method == "POST" and form.is_valid():
        wanted = [int(number) for number in form.cleaned_data["brands"]]
        set_seat_brands(seat_key=seat.key, brand_ids=wanted, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Kept."), "console:coverage")
    lead = _(
        "Of {brand}. Coverage of a brand counts whoever has a seat that answers for it, and the standby behind."
    ).format(brand=seat.rota.brand.name)
    return _form(request, form, _("For whom {seat} answers").format(seat=seat.name), _("Save"), "coverage", lead=lead)


@staff("read_scarce_skills")
def scarce(request: StaffRequest) -> HttpResponse:
    """What one person alone knows, with what hangs on it."""
    brand, filters = shown_brand(request)
    rows = _scarce(brand)
    alone = sum(1 for each in rows if each["person"])
    heading = ngettext(
        "{count} skill is known by one person alone", "{count} skills are known by one person alone", alone
    )
    context = {
        "here": "coverage",
        "tabs": tabs(request, "scarce_skills"),
        "filters": filters,
        "heading": heading.format(count=alone) if rows else _("Nothing is known by one person alone"),
        "rows": rows,
        "csv_url": csv_url(request, reverse("console:scarce_csv")),
    }
    return render(request, "console/scarce_skills.html", context)


@staff("read_scarce_skills")
def scarce_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    brand, _filters = shown_brand(request)
    rows = ([row["skill"], row["level"], row["person"], "; ".join(row["needed_by"])] for row in _scarce(brand))
    return as_csv("known-by-one", ["skill", "level", "person", "needed_by"], rows)


def _scarce(brand: Brand | None) -> list[dict[str, Any]]:
    rows = scarce_skills(brand.pk) if brand is not None else []
    names = names_of({subject for each in rows for subject in each.subjects})
    skills = names_of_skills({each.skill for each in rows})
    people = dict(Person.objects.filter(pk__in=[each.person for each in rows]).values_list("pk", "name"))
    return [
        {
            "skill": skills[each.skill],
            "level": each.level,
            "person": people.get(each.person or 0, ""),
            "person_id": each.person,
            "needed_by": [names[subject] for subject in each.subjects if subject in names],
        }
        for each in rows
    ]


# --- Who knows what --------------------------------------------------------------------------------------------------


@staff("read_skills")
def skills(request: StaffRequest) -> HttpResponse:
    """People as rows, skills as columns; a manager changes the levels there."""
    brand, filters = shown_brand(request)
    columns = list(skills_of([brand.pk])) if brand is not None else []
    may_set = brand is not None and may(request, "set_person_skill", brand.pk)
    people = _people_of(request, brand)
    if text := asked(request, "q"):
        people = people.filter(name__icontains=text)
    here, pager = one_page(request, people)
    known, new = levels([person.pk for person in here]), newcomers([person.pk for person in here])
    rows = [
        {
            "person": person,
            "new": person.pk in new,
            "cells": [(skill, str(known.get(person.pk, {}).get(skill.pk, 0))) for skill in columns],
        }
        for person in here
    ]
    context = {
        "here": "coverage",
        "tabs": tabs(request, "skills"),
        "filters": [*filters, search_box(asked(request, "q"), _("Name"))],
        "clear_url": clear_url(request),
        "heading": _("Who knows what") if columns else _("No skill is named yet"),
        "brand": brand,
        "columns": columns,
        "rows": rows,
        "pager": pager,
        "levels": LEVELS,
        "may_set": may_set,
        "may_save": may_somewhere(request, "save_skill"),
        "csv_url": csv_url(request, reverse("console:skills_csv")),
        "back": request.get_full_path(),
    }
    return render(request, "console/skills.html", context)


def _people_of(request: StaffRequest, brand: Brand | None) -> Any:
    brands = {brand.pk} if brand is not None else request.brands
    return people_within(brands).filter(active=True).order_by("name", "id")


@posting("set_person_skill")
def set_skills(request: StaffRequest) -> HttpResponse:
    """The table as it was sent: each field is `level-PERSON-SKILL`."""
    known = {str(skill.pk): skill.pk for skill in _skills(request)}
    lines: dict[int, dict[int, int]] = {}
    for name, value in request.POST.items():
        if not name.startswith("level-"):
            continue
        _level, person, skill = (*name.split("-"), "", "")[:3]
        if not (person.isascii() and person.isdecimal() and skill in known and value in ("0", "1", "2", "3")):
            raise Invalid(_("Levels were given."), _("One of them cannot be read."), _("Go back, and try again."))
        lines.setdefault(int(person), {})[known[skill]] = int(value)
    listed = SkillList([Line(number, "", person, said) for number, (person, said) in enumerate(lines.items(), start=1)])
    result = import_person_skills(listed=listed, by=request.actor, via=Door.WEB, at=request.at)
    if result.errors:
        raise Invalid(_("Levels were given."), result.errors[0].so, _("Look at the list again."))
    count = len(result.changed)
    text = ngettext("{count} level is another now.", "{count} levels are others now.", count).format(count=count)
    return done(request, text, "console:skills")


@staff("read_skills")
def skills_csv(request: StaffRequest) -> HttpResponse:
    """The table as a file that can be changed and given back."""
    brand, _filters = shown_brand(request)
    columns = list(skills_of([brand.pk])) if brand is not None else []
    people = list(_people_of(request, brand))
    known = levels([person.pk for person in people])
    rows = ([person.pk, person.name, *(known[person.pk].get(skill.pk, "") for skill in columns)] for person in people)
    return as_csv("skills", ["person_id", "person", *(skill.key for skill in columns)], rows)


class SkillForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"), required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    key = forms.CharField(
        label=gettext_lazy("Key"), max_length=50, help_text=gettext_lazy("What files call it by, such as lift-phones.")
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = brand_choices(request.actor, "save_skill")
        every = [("", _("Every brand's"))] if may(request, "save_skill", None) else []
        self.fields["brand"].choices = [*every, *(each for each in choices if each[0])]  # type: ignore[attr-defined]


@form_page("save_skill")
def new_skill(request: StaffRequest) -> HttpResponse:
    """Something that one can know."""
    return _save_skill(request, SkillForm(request.POST or None, request=request), None, _("New skill"))


@form_page("save_skill")
def one_skill(request: StaffRequest, skill_id: int) -> HttpResponse:
    """A skill's names; and it can be removed."""
    row = found(_skills(request).filter(pk=skill_id), _("You asked for a skill."))
    initial = {"brand": str(row.brand_id or ""), "name": row.name, "key": row.key}
    return _save_skill(request, SkillForm(request.POST or None, request=request, initial=initial), row, row.name)


def _skills(request: StaffRequest) -> Any:
    return Skill.objects.filter(within(request.brands, or_none=True))


def _save_skill(request: StaffRequest, form: SkillForm, row: Skill | None, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        saved = save_skill(
            brand_id=int(values["brand"]) if values["brand"] else None,
            key=values["key"],
            name=values["name"],
            skill_id=row.pk if row else None,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{name} is kept.").format(name=saved.name), "console:skills")
    more = {"extra": "console/skill_extra.html", "skill": row} if row else {}
    return _form(request, form, heading, _("Save"), "skills", **more)


@posting("remove_skill")
def no_skill(request: StaffRequest, skill_id: int) -> HttpResponse:
    """Nobody has it any more."""
    row = found(_skills(request).filter(pk=skill_id), _("You asked for a skill."))
    remove_skill(skill_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is removed.").format(name=row.name), "console:skills")


class FileForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV. All of it is taken, or, where a line does not fit, nothing."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )
    dry_run = forms.BooleanField(label=gettext_lazy("Only say what it would do"), required=False, initial=True)

    def __init__(self, *args: Any, request: StaffRequest, verb: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, verb)  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        """Not larger than we take."""
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE_BYTES:
            raise forms.ValidationError(_("It has more than 4 MB. Split it."))
        return file


@form_page("set_person_skill")
def import_skills(request: StaffRequest) -> HttpResponse:
    """A file of people and skills."""
    form = FileForm(request.POST or None, request.FILES or None, request=request, verb="set_person_skill")
    lead = _("A line a person (person, or person_id), a column a skill by its key or name; the fields hold 0 to 3.")
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        words = words_for(list(skills_of([int(values["brand"])])))
        listed = read_skill_list(values["file"].read(), words)
        result = import_person_skills(
            listed=listed, dry_run=values["dry_run"], by=request.actor, via=Door.WEB, at=request.at
        )
        told = [
            _("{person}: {skill} from {was} to {now}").format(person=person, skill=skill, was=was, now=now)
            for person, skill, was, now in result.changed
        ]
        return _imported(request, form, told, result, lead, "skills", _("Import skills"))
    return _form(request, form, _("Import skills"), _("Read it"), "skills", upload=True, lead=lead)


def _imported(
    request: StaffRequest, form: FileForm, changed: list[str], result: Any, lead: str, view: str, heading: str
) -> HttpResponse:
    """What a file did, or would do; where it was taken, the list that it changed."""
    if not result.errors and not form.cleaned_data["dry_run"]:
        count = len(changed)
        text = ngettext("{count} thing is another now.", "{count} things are others now.", count).format(count=count)
        return done(request, text, f"console:{view}")
    more = {
        "extra": "console/skill_import_extra.html",
        "changed": changed[:ROWS_SHOWN],
        "more_changed": max(0, len(changed) - ROWS_SHOWN),
        "errors": result.errors[:ROWS_SHOWN],
        "more_errors": max(0, len(result.errors) - ROWS_SHOWN),
        "ignored": ", ".join(result.ignored),
        "nothing": not changed and not result.errors,
    }
    return _form(request, form, heading, _("Read it"), view, upload=True, lead=lead, **more)


# --- What one must know ----------------------------------------------------------------------------------------------


@staff("read_skills")
def skill_needs(request: StaffRequest) -> HttpResponse:
    """What the brand, its services and its customers need somebody to know."""
    brand, filters = shown_brand(request)
    needs = needs_of_brand(brand.pk) if brand is not None else {}
    skills_by_id = names_of_skills({skill_id for wanted in needs.values() for skill_id in wanted})
    text, kind = asked(request, "q"), asked(request, "kind", KIND_NAMES)
    rows = []
    for of, name in _all_of(brand):
        if (text and text.casefold() not in name.casefold()) or (kind and of[0] != kind):
            continue
        told = ", ".join(f"{skills_by_id[skill_id]} ({level})" for skill_id, level in needs.get(of, {}).items())
        rows.append({"kind": KIND_NAMES[of[0]], "name": name, "needs": told, "url": _need_url(of)})
    here, pager = one_page(request, rows)
    asking = ngettext("{count} thing asks for a skill", "{count} things ask for a skill", len(needs))
    options = {key: str(label) for key, label in KIND_NAMES.items()}
    context = {
        "here": "coverage",
        "tabs": tabs(request, "skill_needs"),
        "filters": [
            *filters,
            search_box(text, _("Name")),
            select("kind", _("Kind"), kind, options, _("All")),
        ],
        "clear_url": clear_url(request),
        "heading": asking.format(count=len(needs)) if needs else _("Nothing asks for a skill yet"),
        "rows": here,
        "pager": pager,
        "may_set": brand is not None and may(request, "set_skill_needs", brand.pk),
        "csv_url": csv_url(request, reverse("console:skill_needs_csv")),
    }
    return render(request, "console/skill_needs.html", context)


def _need_url(of: tuple[str, int]) -> str:
    return reverse("console:need", args=[of[0], of[1]])


def _all_of(brand: Brand | None) -> list[tuple[tuple[str, int], str]]:
    """The brand, its services and its customers."""
    if brand is None:
        return []
    services = Service.objects.filter(brand=brand).values_list("pk", "name")
    customers = Customer.objects.filter(brand=brand, active=True).values_list("pk", "name")
    return [
        (("brand", brand.pk), brand.name),
        *((("service", pk), name) for pk, name in services),
        *((("customer", pk), name) for pk, name in customers),
    ]


@staff("read_skills")
def skill_needs_csv(request: StaffRequest) -> HttpResponse:
    """All needs as a file that can be changed and given back."""
    brand, _filters = shown_brand(request)
    needs = needs_of_brand(brand.pk) if brand is not None else {}
    keys = dict(Skill.objects.values_list("pk", "key"))
    of_kind: dict[str, dict[int, str]] = {
        "brand": {brand.pk: brand.slug} if brand is not None else {},
        "service": dict(Service.objects.filter(brand=brand).values_list("pk", "key")),
        "customer": dict(Customer.objects.filter(brand=brand).values_list("pk", "ref")),
    }
    rows = (
        [kind, of_kind[kind][number], keys[skill_id], level]
        for (kind, number), wanted in sorted(needs.items())
        for skill_id, level in wanted.items()
    )
    return as_csv("skill-needs", COLUMNS, rows)


@form_page("set_skill_needs")
def need(request: StaffRequest, need_kind: str, need_id: int) -> HttpResponse:
    """What whoever helps with this must know."""
    kind, number = need_kind, need_id
    models: dict[str, Any] = {
        "brand": Brand.objects.filter(within(request.brands, "id")),
        "customer": Customer.objects.filter(within(request.brands)),
        "service": Service.objects.filter(within(request.brands)),
    }
    rows = models[kind if kind in models else "service"]
    row = found(rows.filter(pk=number if kind in models else 0), _("You asked what one must know."))
    brand_id = row.pk if kind == "brand" else row.brand_id
    columns = list(skills_of([brand_id]))
    of = (kind, row.pk)
    now = needs_of([of]).get(of, {})
    form = _needs_form(columns, now, request.POST or None)
    if request.method == "POST" and form.is_valid():
        wanted = {
            skill.pk: int(level)
            for skill in columns
            if (level := form.cleaned_data[f"skill-{skill.pk}"]) not in ("", "0")
        }
        set_skill_needs(of=of, needs=wanted, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Kept."), "console:skill_needs")
    lead = "" if columns else _("There is no skill yet: name one first.")
    heading = _("What one must know for {name}").format(name=row.name)
    return _form(request, form, heading, _("Save") if columns else "", "skill_needs", lead=lead)


def _needs_form(columns: Sequence[Skill], now: Mapping[int, int], sent: Any) -> forms.Form:
    """A choice of level for each skill."""
    form = forms.Form(sent)
    for skill in columns:
        form.fields[f"skill-{skill.pk}"] = forms.ChoiceField(
            label=skill.name, choices=LEVELS, required=False, initial=str(now.get(skill.pk, 0))
        )
    return form


@form_page("set_skill_needs")
def import_needs(request: StaffRequest) -> HttpResponse:
    """A file of what one must know."""
    form = FileForm(request.POST or None, request.FILES or None, request=request, verb="set_skill_needs")
    lead = _("The columns are {columns}. What a line names needs what its lines say, and nothing else.").format(
        columns=", ".join(COLUMNS)
    )
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        result = import_skill_needs(
            brand_id=int(values["brand"]),
            content=values["file"].read(),
            dry_run=values["dry_run"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return _imported(
            request, form, list(result.changed), result, lead, "skill_needs", _("Import what one must know")
        )
    return _form(request, form, _("Import what one must know"), _("Read it"), "skill_needs", upload=True, lead=lead)


def _form(request: StaffRequest, form: forms.Form, heading: str, label: str, view: str, **more: Any) -> HttpResponse:
    """A form with the way back to its list."""
    names = {each["url"]: each["label"] for each in tabs(request, view)}
    url = reverse(f"console:{view}")
    context = {"here": "coverage", "form": form, "heading": heading, "label": label, "cancel_url": url, **more}
    context["crumbs"] = [{"url": url, "label": names.get(url, "")}]
    return render(request, "console/form.html", context)
