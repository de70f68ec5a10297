"""Making a rota from a starting point, what it is called, its rule for swaps, and its seats."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import brand_choices, people_within
from nightdesk.console.views.rota_names import rota_of, seat_of
from nightdesk.console.views.skills import LEVELS
from nightdesk.console.views.staff import StaffRequest, done, form_page, posting, within
from nightdesk.duty.seat_actions import remove_seat
from nightdesk.people.models import Skill, Team
from nightdesk.people.skill_queries import skills_of
from nightdesk.rota.models import Rota
from nightdesk.rota.queries import seats_on, skills_of_seat
from nightdesk.rota.seat_actions import add_seat, edit_rota, edit_seat, start_rota
from nightdesk.rota.starting_points import STARTING_POINTS

MOST_PLACES = 12
SWAP_RULES = {
    Rota.Swaps.FREE: gettext_lazy("Whatever both want is done"),
    Rota.Swaps.WARNED: gettext_lazy("A manager approves what the rules warn of"),
    Rota.Swaps.APPROVED: gettext_lazy("A manager approves every swap"),
}


class NewRotaForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=50,
        help_text=gettext_lazy("Turns are written in it, and keep their local time when its clocks change. It stays."),
    )
    begin_with = forms.ChoiceField(label=gettext_lazy("Start from"), widget=forms.RadioSelect)
    first_day = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    team = forms.ChoiceField(label=gettext_lazy("Team, for a team's seat"), required=False)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.filter(within(request.brands)).order_by("name")
        self.fields["brand"].choices = brand_choices(request.actor, "make_rota")  # type: ignore[attr-defined]
        self.fields["begin_with"].choices = [  # type: ignore[attr-defined]
            (key, f"{each.label}: {each.words}") for key, each in STARTING_POINTS.items()
        ]
        self.fields["team"].choices = [("", _("None")), *((str(team.id), team.name) for team in teams)]  # type: ignore[attr-defined]
        people = [
            ("", "–"),
            *((str(p.id), p.name) for p in people_within(request.brands).filter(active=True).order_by("name")),
        ]
        for place in range(1, MOST_PLACES + 1):
            self.fields[f"person{place}"] = forms.ChoiceField(
                label=_("Person {number}").format(number=place), choices=people, required=False
            )

    def person_ids(self) -> list[int]:
        """Those chosen, in order."""
        chosen = (self.cleaned_data[f"person{place}"] for place in range(1, MOST_PLACES + 1))
        return [int(person) for person in chosen if person]


@form_page("make_rota")
def new_rota(request: StaffRequest) -> HttpResponse:
    """A rota from a starting point, to be changed afterwards."""
    brands = Brand.objects.filter(within(request.brands, "id")).order_by("name")
    first = brands.first()
    initial = {"begin_with": "nights", "first_day": request.at.date(), "zone": first.zone if first else "UTC"}
    form = NewRotaForm(request.POST or None, initial=initial, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            rota = start_rota(
                brand_id=int(values["brand"]),
                name=values["name"],
                zone=values["zone"],
                begin_with=values["begin_with"],
                person_ids=form.person_ids(),
                team_id=int(values["team"]) if values["team"] else None,
                first_day=values["first_day"],
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
            text = _("The rota is made. Look at its turns, then say who has the duty first.")
            return done(request, text, "console:one_rota", rota.id)
        except Refusal as refusal:
            form.add_error(None, f"{refusal.so} {refusal.do}")
    context = {
        "here": "rota",
        "heading": _("A new rota"),
        "crumbs": [{"url": reverse("console:rota"), "label": _("Rotas")}],
        "form": form,
        "label": _("Make it"),
        "lead": _("Choose what is nearest to what you need; every turn of it can be changed afterwards."),
        "cancel_url": reverse("console:rota"),
    }
    return render(request, "console/form.html", context)


class RotaForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    swaps = forms.ChoiceField(label=gettext_lazy("Swaps"), choices=list(SWAP_RULES.items()), widget=forms.RadioSelect)


class SeatForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    acceptance_required = forms.BooleanField(
        label=gettext_lazy("The duty passes only when the next one accepts it"), required=False
    )


class NewSeatForm(SeatForm):
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=50,
        required=False,
        help_text=gettext_lazy("What policies and programs call it. It stays; empty: made from the names."),
    )


class PlacedSeatForm(SeatForm):
    """With a choice for each of the brand's skills: what whoever has the seat must know."""

    position = forms.IntegerField(label=gettext_lazy("Its place among the seats"), min_value=1, max_value=200)

    def __init__(self, *args: Any, skills: Sequence[Skill], now: Mapping[int, tuple[int, bool]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._skills = skills
        for skill in skills:
            level, hard = now.get(skill.pk, (0, True))
            choices = [("", _("need not know it"))]
            choices += [(f"{each}-must", _("must: {level}").format(level=words)) for each, words in LEVELS[1:]]
            choices += [(f"{each}-should", _("should: {level}").format(level=words)) for each, words in LEVELS[1:]]
            self.fields[f"skill-{skill.pk}"] = forms.ChoiceField(
                label=_("{skill}: whoever has the seat").format(skill=skill.name),
                choices=choices,
                required=False,
                initial=f"{level}-{'must' if hard else 'should'}" if level else "",
            )

    def changes(self) -> dict[str, Any]:
        """As `edit_seat` takes them."""
        chosen = {skill.pk: self.cleaned_data[f"skill-{skill.pk}"].partition("-") for skill in self._skills}
        return {
            "name": self.cleaned_data["name"],
            "acceptance_required": self.cleaned_data["acceptance_required"],
            "position": self.cleaned_data["position"] - 1,
            "skills": {
                skill_id: (int(level), how == "must") for skill_id, (level, _dash, how) in chosen.items() if level
            },
        }


@form_page("edit_rota")
def settings(request: StaffRequest, rota_id: int) -> HttpResponse:
    """What the rota is called, who approves swaps, and its seats."""
    row = rota_of(request, rota_id)
    form = RotaForm(request.POST or None, initial={"name": row.name, "swaps": row.swaps})
    if request.method == "POST" and form.is_valid():
        edit_rota(rota_id=row.id, changes=form.cleaned_data, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("The rota is changed."), "console:one_rota", row.id)
    context = {
        "here": "rota",
        "rota": row,
        "heading": _("{name}: its seats and rules").format(name=row.name),
        "form": form,
        "seats": seats_on(row.id),
        "new_seat": NewSeatForm(auto_id="new-%s"),
    }
    return render(request, "console/rota_settings.html", context)


@posting("add_seat")
def new_seat(request: StaffRequest, rota_id: int) -> HttpResponse:
    """One more seat."""
    row = rota_of(request, rota_id)
    values = checked(NewSeatForm(request.POST), _("You wanted one more seat."))
    seat = add_seat(rota_id=row.id, **values, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Now say whose turns it has."), "console:set_layers", seat.key)


@form_page("edit_seat")
def seat(request: StaffRequest, seat_key: str) -> HttpResponse:
    """What the seat is called, where it stands, and how its duty passes."""
    row = seat_of(request, seat_key)
    place = [each.id for each in seats_on(row.rota_id)].index(row.id) + 1
    initial = {"name": row.name, "acceptance_required": row.acceptance_required, "position": place}
    skills = list(skills_of([row.rota.brand_id]))
    form = PlacedSeatForm(request.POST or None, initial=initial, skills=skills, now=skills_of_seat(row))
    if request.method == "POST" and form.is_valid():
        edit_seat(seat_key=seat_key, changes=form.changes(), by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("The seat is changed."), "console:edit_rota", row.rota_id)
    context = {
        "here": "rota",
        "heading": row.name,
        "crumbs": [
            {"url": reverse("console:rota"), "label": _("Rotas")},
            {"url": reverse("console:edit_rota", args=[row.rota_id]), "label": row.rota.name},
        ],
        "lead": _("Its key is {key}, and stays.").format(key=row.key),
        "form": form,
        "label": _("Save"),
        "cancel_url": reverse("console:edit_rota", args=[row.rota_id]),
    }
    return render(request, "console/form.html", context)


@posting("remove_seat")
def no_seat(request: StaffRequest, seat_key: str) -> HttpResponse:
    """The seat goes; its record stays."""
    row = seat_of(request, seat_key)
    remove_seat(seat_key=seat_key, by=request.actor, via=Door.WEB, at=request.at)
    text = _("{seat} is removed. Who had it until now stays on record.").format(seat=row.name)
    return done(request, text, "console:edit_rota", row.rota_id)
