"""Policies: who is rung for a page, who next, after how long, and at which hours.

The editor needs no script: each button sends the whole form, and what it asks for ("one more step", "this one up") is done
to what was filled in, which is then shown again. Only "Save" saves.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.console.views.choices import brand_choices, people_within
from nightdesk.console.views.settings.sections import row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, staff, within
from nightdesk.customers.models import Hours
from nightdesk.customers.queries import support_hours
from nightdesk.paging.actions import save_policy
from nightdesk.paging.decide import Policy as Ladder
from nightdesk.paging.decide import Step, Target, When, hours_of, policy_from_json
from nightdesk.paging.models import Policy
from nightdesk.paging.queries import Foreseen, foresee
from nightdesk.people.models import Team
from nightdesk.rota.models import Seat
from nightdesk.rota.resolve import instant_of

MOST_STEPS = 12
BETWEEN, OUTSIDE = "between", "outside"


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
    hours = dict(Hours.objects.filter(brand=policy.brand_id).values_list("id", "name"))
    for step in policy_from_json(policy.stamp).steps:
        who = ", ".join(names.get(_key(target), _key(target)) for target in step.targets)
        if step.in_turn:
            who = _("one of {who} in turn").format(who=who)
        minutes = int(step.delay.total_seconds() // 60)
        told = _("after {count} min {who}").format(count=minutes, who=who) if minutes else who
        parts.append(told + (f" ({when_in_words(step.when, hours)})" if step.when is not None else ""))
    return "; ".join(parts)


def when_in_words(when: When, names: Mapping[int, str]) -> str:
    """A step's hours: "during Office", "outside Office", "22:00-07:00"."""
    if when.source is not None:
        name = names.get(when.source, _("hours that are gone"))
        return _("during {hours}").format(hours=name) if when.inside else _("outside {hours}").format(hours=name)
    windows = next((windows for windows in when.hours.week if windows), ())
    if not windows:
        return _("never")
    opens, closes = windows[0]
    span = f"{opens:%H:%M}-{closes:%H:%M}"
    return span if when.inside else _("outside {hours}").format(hours=span)


def _key(target: Target) -> str:
    return f"{target.kind}:{target.key}"


def _targets(brands: set[int] | None) -> list[tuple[str, str]]:
    """Whom a step can ring, as choices."""
    seats = Seat.objects.filter(within(brands, "rota__brand_id")).select_related("rota")
    teams = Team.objects.filter(within(brands))
    people = people_within(brands).filter(active=True)
    return [
        *((f"seat:{seat.key}", f"{seat.name} ({seat.rota.name})") for seat in seats),
        *((f"team:{team.id}", _("all of {team}").format(team=team)) for team in teams),
        ("manager:", _("the manager")),
        ("everybody:", _("everybody")),
        *((f"person:{person.id}", person.name) for person in people),
    ]


class PolicyForm(forms.Form):
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

    def __init__(self, *args: Any, request: StaffRequest, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "save_policy")  # type: ignore[attr-defined]
        if fixed:  # a policy is known by its brand and name
            for name in ("brand", "name"):
                self.fields[name].disabled = True


class StepForm(forms.Form):
    """One step; one that rings nobody is left out."""

    targets = forms.MultipleChoiceField(
        label=gettext_lazy("Who is rung"), required=False, widget=forms.CheckboxSelectMultiple
    )
    delay = forms.IntegerField(
        label=gettext_lazy("Minutes after the step before"), min_value=0, max_value=1440, initial=5
    )
    in_turn = forms.BooleanField(label=gettext_lazy("Only one of them, each time another (in turn)"), required=False)
    when = forms.ChoiceField(label=gettext_lazy("At which hours it counts"), required=False)
    opens = forms.TimeField(
        label=gettext_lazy("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    closes = forms.TimeField(
        label=gettext_lazy("Until"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def __init__(self, *args: Any, targets: list[tuple[str, str]], hours: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["targets"].choices = targets  # type: ignore[attr-defined]
        self.fields["when"].choices = hours  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Times of its own are both there."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("when") in (BETWEEN, OUTSIDE):
            for name in ("opens", "closes"):
                if values.get(name) is None:
                    self.add_error(name, _("Give both times, such as 22:00 and 07:00."))
        return values

    def step(self, rows: Mapping[int, Hours], zone: str) -> Step | None:
        """What was filled in; None where it rings nobody."""
        values = self.cleaned_data
        chosen = [target.partition(":") for target in values["targets"]]
        targets = tuple(Target(kind, key) for kind, _colon, key in chosen)
        if not targets:
            return None
        when = None
        if values["when"] in (BETWEEN, OUTSIDE):
            hours = hours_of(zone, range(7), values["opens"], values["closes"])
            when = When(hours, inside=values["when"] == BETWEEN)
        elif values["when"]:
            inside, _colon, number = values["when"].partition(":")
            when = When(support_hours(rows[int(number)]), inside == "in", int(number))
        return Step(timedelta(minutes=values["delay"]), targets, when, values["in_turn"])


class PreviewForm(forms.Form):
    """For which instant and priority it is shown what would happen."""

    at = forms.DateTimeField(
        label=gettext_lazy("If a page came at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    priority = forms.TypedChoiceField(
        label=gettext_lazy("How bad"), coerce=int, choices=[(1, "P1"), (2, "P2"), (3, "P3")], initial=1, required=False
    )


@form_page("save_policy")
def new_policy(request: StaffRequest) -> HttpResponse:
    """A new ladder."""
    return _editor(request, None)


@form_page("save_policy")
def policy(request: StaffRequest, policy_id: int) -> HttpResponse:
    """One ladder, to be changed; pages that have begun keep the one they began with."""
    rows = Policy.objects.filter(within(request.brands), id=policy_id).select_related("brand")
    return _editor(request, found(rows, _("You asked for a policy.")))


def _editor(request: StaffRequest, shown: Policy | None) -> HttpResponse:
    targets = _targets(request.brands)
    rows = {each.pk: each for each in Hours.objects.filter(within(request.brands)).order_by("name")}
    choices = _hours_choices(rows)
    asks = request.POST.get("do", "") if request.method == "POST" else ""
    if request.method == "POST":
        posted = _moved(request.POST, asks)
        form = PolicyForm(request.POST, initial=_initial(shown), request=request, fixed=shown is not None)
        steps = [
            StepForm(_as_data(each, number), prefix=f"step{number}", targets=targets, hours=choices)
            for number, each in enumerate(posted, start=1)
        ]
        preview = PreviewForm(request.POST, prefix="preview")
    else:
        form = PolicyForm(initial=_initial(shown), request=request, fixed=shown is not None)
        held = policy_from_json(shown.stamp).steps if shown is not None else (Step(timedelta(0), ()),)
        steps = [
            StepForm(initial=_step_initial(each), prefix=f"step{number}", targets=targets, hours=choices)
            for number, each in enumerate(held, start=1)
        ]
        preview = PreviewForm(
            prefix="preview", initial={"at": _next_sunday_night(request.at).replace(tzinfo=None), "priority": 1}
        )
    ladder: Ladder | None = None
    brand = shown.brand if shown is not None else None
    problem: Invalid | NotFound | None = None
    if request.method == "POST" and all([form.is_valid(), *(step.is_valid() for step in steps)]):
        brand = Brand.objects.get(id=int(form.cleaned_data["brand"]))
        try:
            ladder = _ladder(form, steps, rows, brand.zone)
            if asks in ("", "save"):
                saved = save_policy(
                    brand_id=brand.pk,
                    name=form.cleaned_data["name"],
                    policy=ladder,
                    by=request.actor,
                    via=Door.WEB,
                    at=request.at,
                )
                text = _("{name} is saved; it holds for pages from now on.").format(name=saved.name)
                return done(request, text, "console:policy", saved.pk)
        except (Invalid, NotFound) as refusal:
            problem = refusal
    elif shown is not None:
        ladder = policy_from_json(shown.stamp)
    context = {
        "here": "settings",
        "heading": shown.name if shown is not None else _("New policy"),
        "crumbs": [
            {"url": reverse("console:settings"), "label": _("Settings")},
            {"url": reverse("console:policies"), "label": _("Policies")},
        ],
        "form": form,
        "steps": steps,
        "last": len(steps),
        "may_add": len(steps) < MOST_STEPS,
        "problem": problem,
        "preview_form": preview,
        "foreseen": _foreseen(request, ladder, brand, preview),
        "cancel_url": reverse("console:policies"),
    }
    return render(request, "console/policy.html", context)


def _hours_choices(rows: Mapping[int, Hours]) -> list[tuple[str, str]]:
    return [
        ("", _("At any hour")),
        *((f"in:{number}", _("During {hours}").format(hours=each.name)) for number, each in rows.items()),
        *((f"out:{number}", _("Outside {hours}").format(hours=each.name)) for number, each in rows.items()),
        (BETWEEN, _("Between the times below")),
        (OUTSIDE, _("Outside the times below")),
    ]


def _initial(shown: Policy | None) -> dict[str, Any]:
    if shown is None:
        return {}
    ladder = policy_from_json(shown.stamp)
    return {
        "brand": str(shown.brand_id),
        "name": shown.name,
        "repeat": ladder.repeat,
        "again_after": int(ladder.again_after.total_seconds() // 60),
        "nag_every": int(ladder.nag_every.total_seconds() // 60),
    }


def _step_initial(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "targets": [_key(target) for target in step.targets],
        "delay": int(step.delay.total_seconds() // 60),
        "in_turn": step.in_turn,
    }
    if step.when is not None and step.when.source is not None:
        told["when"] = f"{'in' if step.when.inside else 'out'}:{step.when.source}"
    elif step.when is not None:
        window: tuple[time, time] = next((windows[0] for windows in step.when.hours.week if windows), (time(), time()))
        told |= {"when": BETWEEN if step.when.inside else OUTSIDE, "opens": window[0], "closes": window[1]}
    return told


def _moved(post: QueryDict, asks: str) -> list[dict[str, list[str]]]:
    """What was filled in of each step, after what the pressed button asks for: "add", "remove-2", "up-2", "down-2"."""
    count = int(post.get("steps", "0")) if post.get("steps", "0").isdecimal() else 0
    steps = [_one_step(post, number) for number in range(1, min(count, MOST_STEPS) + 1)]
    verb, _dash, digits = asks.partition("-")
    place = int(digits) - 1 if digits.isdecimal() and 0 < int(digits) <= len(steps) else -1
    if verb == "add" and len(steps) < MOST_STEPS:
        steps.append({"delay": ["5"]})
    elif verb == "remove" and place >= 0:
        del steps[place]
    elif verb == "up" and place > 0:
        steps[place - 1], steps[place] = steps[place], steps[place - 1]
    elif verb == "down" and 0 <= place < len(steps) - 1:
        steps[place + 1], steps[place] = steps[place], steps[place + 1]
    return steps


def _one_step(post: QueryDict, number: int) -> dict[str, list[str]]:
    """What was filled in of step `number`, by the names of StepForm's fields."""
    before = f"step{number}-"
    return {name.removeprefix(before): values for name, values in post.lists() if name.startswith(before)}


def _as_data(filled: Mapping[str, list[str]], number: int) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, values in filled.items():
        data.setlist(f"step{number}-{name}", values)
    return data


def _ladder(form: PolicyForm, steps: list[StepForm], rows: Mapping[int, Hours], zone: str) -> Ladder:
    values = form.cleaned_data
    found = (each.step(rows, zone) for each in steps)
    return Ladder(
        steps=tuple(step for step in found if step is not None),
        repeat=values["repeat"],
        again_after=timedelta(minutes=values["again_after"]),
        nag_every=timedelta(minutes=values["nag_every"]),
    )


def _next_sunday_night(at: datetime) -> datetime:
    """The next Sunday at three in the morning by the reader's clocks: the hour at which a policy must be right."""
    zone = ZoneInfo(str(get_current_timezone()))
    local = at.astimezone(zone)
    sunday = local.date() + timedelta(days=(6 - local.weekday()) % 7)
    found = instant_of(datetime.combine(sunday, time(3)), zone)
    if found <= at:
        found = instant_of(datetime.combine(sunday + timedelta(days=7), time(3)), zone)
    return found.astimezone(zone)


def _foreseen(
    request: StaffRequest, ladder: Ladder | None, brand: Brand | None, preview: PreviewForm
) -> list[dict[str, Any]]:
    """What parts/foreseen.html draws: the page that begins now, and the one that begins at the chosen instant."""
    if ladder is None or brand is None:
        return []
    chosen = _next_sunday_night(request.at)
    priority = 1
    if preview.is_bound and preview.is_valid():
        chosen = preview.cleaned_data["at"] or chosen
        priority = preview.cleaned_data["priority"] or 1
    return [
        {
            "at": at,
            "priority": priority,
            "now": at == request.at,
            "rows": _rows(foresee(ladder, brand.pk, priority, at)),
        }
        for at in (request.at, chosen)
    ]


def _rows(rings: list[Foreseen]) -> list[dict[str, Any]]:
    words = {"manager": _("the manager"), "everybody": _("everybody, again and again")}
    return [
        {
            "at": ring.at,
            "what": words.get(ring.what) or _("step {number}").format(number=ring.what),
            "who": ", ".join(person.name for person in ring.people) or _("nobody"),
            "reached": ring.reached,
        }
        for ring in rings
    ]
