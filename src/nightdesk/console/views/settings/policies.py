"""Policies: who is rung for a page, who next, and after how long."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.choices import brand_choices, people_within
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, staff, within
from nightdesk.paging.actions import save_policy
from nightdesk.paging.decide import Policy as Ladder
from nightdesk.paging.decide import Step, Target, policy_from_json
from nightdesk.paging.models import Policy
from nightdesk.people.models import Team
from nightdesk.rota.models import Seat

MOST_STEPS = 6


@staff("save_policy")
def policies(request: StaffRequest) -> HttpResponse:
    """Every policy in a line."""
    names = dict(_targets(request.brands))
    rows = [
        row(each.name, reverse("console:policy", args=[each.id]), f"{each.brand.name} · {_told(each, names)}")
        for each in Policy.objects.filter(within(request.brands)).select_related("brand")
    ]
    heading = (
        ngettext("{count} policy says who is rung", "{count} policies say who is rung", len(rows)).format(
            count=len(rows)
        )
        if rows
        else _("No policy says who is rung")
    )
    new = {"url": reverse("console:new_policy"), "label": _("New policy")}
    empty = _("Without one a page rings the managers, then everybody.")
    return section_page(request, "policies", heading, rows=rows, new=new, empty_text=empty)


def _told(policy: Policy, names: dict[str, str]) -> str:
    """The ladder in one line: "Night seat, after 5 min Backup"."""
    parts = []
    for step in policy_from_json(policy.stamp).steps:
        who = ", ".join(names.get(_key(target), _key(target)) for target in step.targets)
        minutes = int(step.delay.total_seconds() // 60)
        parts.append(_("after {count} min {who}").format(count=minutes, who=who) if minutes else who)
    return "; ".join(parts)


def _key(target: Target) -> str:
    return f"{target.kind}:{target.key}"


def _targets(brands: set[int] | None) -> list[tuple[str, str]]:
    """Whom a step can ring, as choices."""
    seats = Seat.objects.filter(within(brands, "rota__brand_id")).select_related("rota")
    teams = Team.objects.filter(within(brands))
    people = people_within(brands).filter(active=True)
    return [
        *((f"seat:{seat.key}", f"{seat.name} ({seat.rota.name})") for seat in seats),
        *((f"team:{team.id}", str(team)) for team in teams),
        ("manager:", _("the manager")),
        ("everybody:", _("everybody")),
        *((f"person:{person.id}", person.name) for person in people),
    ]


class PolicyForm(forms.Form):
    """Steps that ring nobody are left out."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    repeat = forms.IntegerField(
        label=gettext_lazy("How often the steps are gone through again"), min_value=0, max_value=20, initial=1
    )
    again_after = forms.IntegerField(label=gettext_lazy("Minutes before that"), min_value=1, max_value=1440, initial=5)
    nag_every = forms.IntegerField(
        label=gettext_lazy("At the end everybody is rung every so many minutes"),
        min_value=1,
        max_value=1440,
        initial=10,
    )

    def __init__(self, *args: Any, request: StaffRequest, steps: int, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "save_policy")  # type: ignore[attr-defined]
        if fixed:  # a policy is known by its brand and name
            for name in ("brand", "name"):
                self.fields[name].disabled = True
        choices = _targets(request.brands)
        self.steps = steps
        for number in range(1, steps + 1):
            self.fields[f"targets-{number}"] = forms.MultipleChoiceField(
                label=_("Step {number}: who is rung").format(number=number),
                choices=choices,
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )
            self.fields[f"delay-{number}"] = forms.IntegerField(
                label=_("Step {number}: minutes after the one before").format(number=number),
                min_value=0,
                max_value=1440,
                initial=0 if number == 1 else 5,
            )

    def ladder(self) -> Ladder:
        """What was filled in."""
        values = self.cleaned_data
        steps = []
        for number in range(1, self.steps + 1):
            chosen = [target.partition(":") for target in values[f"targets-{number}"]]
            targets = tuple(Target(kind, key) for kind, _colon, key in chosen)
            if targets:
                steps.append(Step(timedelta(minutes=values[f"delay-{number}"]), targets))
        return Ladder(
            steps=tuple(steps),
            repeat=values["repeat"],
            again_after=timedelta(minutes=values["again_after"]),
            nag_every=timedelta(minutes=values["nag_every"]),
        )


@form_page("save_policy")
def new_policy(request: StaffRequest) -> HttpResponse:
    """A new ladder."""
    form = PolicyForm(request.POST or None, request=request, steps=3)
    return _save(request, form, _("New policy"))


@form_page("save_policy")
def policy(request: StaffRequest, policy_id: int) -> HttpResponse:
    """One ladder, to be changed; pages that have begun keep the one they began with."""
    shown = found(Policy.objects.filter(within(request.brands), id=policy_id), _("You asked for a policy."))
    ladder = policy_from_json(shown.stamp)
    initial: dict[str, Any] = {
        "brand": str(shown.brand_id),
        "name": shown.name,
        "repeat": ladder.repeat,
        "again_after": int(ladder.again_after.total_seconds() // 60),
        "nag_every": int(ladder.nag_every.total_seconds() // 60),
    }
    for number, step in enumerate(ladder.steps, start=1):
        initial[f"targets-{number}"] = [_key(target) for target in step.targets]
        initial[f"delay-{number}"] = int(step.delay.total_seconds() // 60)
    steps = max(len(ladder.steps), min(MOST_STEPS, len(ladder.steps) + 1))
    form = PolicyForm(request.POST or None, initial=initial, request=request, steps=steps, fixed=True)
    return _save(request, form, shown.name)


def _save(request: StaffRequest, form: PolicyForm, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        saved = save_policy(
            brand_id=int(values["brand"]),
            name=values["name"],
            policy=form.ladder(),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        text = _("{name} is saved; it holds for pages from now on.").format(name=saved.name)
        return done(request, text, "console:policies")
    return form_in(request, "policies", form, heading, _("Save"))
