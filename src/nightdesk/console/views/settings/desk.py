"""How the desk works: rules of each brand, what each team may do, queues, macros."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.console.views.choices import brand_choices, pairs, people_choices
from nightdesk.console.views.desk.forms import tags_in
from nightdesk.console.views.desk.words import CONTACT_WORDS, GRADES, LEVEL_WORDS
from nightdesk.console.views.settings.sections import form_in, row, tabs_of
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.desk import queries
from nightdesk.desk.actions import save_queue, save_team_rule
from nightdesk.desk.bulk_actions import remove_macro, save_macro
from nightdesk.desk.decide import ContactKind, Level
from nightdesk.desk.models import Macro, Queue, TeamRule
from nightdesk.people.models import Team


@staff("read_tickets")
def desk_settings(request: StaffRequest) -> HttpResponse:
    """All of it on one page."""
    mine = within(request.brands)
    sections = [
        {
            "title": _("Rules"),
            "rows": [_rules_row(request, brand) for brand in Brand.objects.filter(within(request.brands, "id"))],
            "empty": "",
            "new": None,
        },
        {
            "title": _("Teams"),
            "rows": [_team_row(request, team) for team in Team.objects.filter(mine).select_related("desk_rule")],
            "empty": _("There is no team yet."),
            "new": None,
        },
        {
            "title": _("Queues"),
            "rows": [_queue_row(request, queue) for queue in Queue.objects.filter(mine).select_related("team")],
            "empty": _("None. Without queues every ticket lies in one heap, which is fine for a small desk."),
            "new": {"url": reverse("console:new_queue"), "label": _("New queue")}
            if may_somewhere(request, "save_queue")
            else None,
        },
        {
            "title": _("Macros"),
            "rows": [_macro_row(request, macro) for macro in Macro.objects.filter(mine).select_related("team")],
            "empty": _("None. A macro does several things in one press: answer, tag, give away."),
            "new": {"url": reverse("console:new_macro"), "label": _("New macro")}
            if may_somewhere(request, "save_macro")
            else None,
        },
    ]
    if may_somewhere(request, "import_tickets"):
        sections.append(
            {
                "title": _("From another desk"),
                "rows": [],
                "empty": _("Tickets of another program, from a CSV file; their old numbers are found here too."),
                "new": {"url": reverse("console:import_old_tickets"), "label": _("Take them over")},
            }
        )
    context = {
        "here": "settings",
        "heading": _("How the desk works"),
        "tabs": tabs_of(request, "desk_settings"),
        "sections": sections,
    }
    return render(request, "console/desk_settings.html", context)


def _rules_row(request: StaffRequest, brand: Brand) -> dict[str, Any]:
    rules = queries.rules_of(brand.pk)
    owner = rules.owner.name if rules.owner else _("no team")
    detail = _("Owner: {owner}. Closed {days} days after it was resolved; reopened within {reopens}.").format(
        owner=owner, days=rules.closes_after_days, reopens=rules.reopens_within_days
    )
    tags = [{"text": _("nobody owns its tickets"), "tone": "accent"}] if rules.owner is None else []
    url = reverse("console:desk_rules", args=[brand.pk]) if may_somewhere(request, "save_desk_rules") else ""
    return row(brand.name, url, detail, tags)


def _team_row(request: StaffRequest, team: Team) -> dict[str, Any]:
    rule = getattr(team, "desk_rule", None)
    url = reverse("console:team_rule", args=[team.pk]) if may_somewhere(request, "save_team_rule") else ""
    if rule is None and queries.level_of_team(team.pk) == Level.ONE:
        return row(team.name, url, _("Nothing is said: it counts as the desk, and speaks to users itself."))
    if rule is None:
        return row(team.name, url, _("Nothing is said: it counts as level 2, and speaks to users through the desk."))
    if rule.level == TeamRule.Level.ONE:
        return row(team.name, url, str(LEVEL_WORDS["1"]).capitalize())
    kinds = ", ".join(str(CONTACT_WORDS[kind]).lower() for kind in rule.contact_kinds)
    speaks = _("speaks to users itself for: {kinds}").format(kinds=kinds) if kinds else _("speaks through the desk")
    return row(team.name, url, f"{str(LEVEL_WORDS[rule.level]).capitalize()}; {speaks}")


def _queue_row(request: StaffRequest, queue: Queue) -> dict[str, Any]:
    details = [queue.address, queue.team.name if queue.team else ""]
    tags = [{"text": _("waits for the day"), "tone": "sky"}] if queue.waits_for_day else []
    url = reverse("console:queue", args=[queue.pk]) if may_somewhere(request, "save_queue") else ""
    return row(queue.name, url, " · ".join(part for part in details if part), tags)


def _macro_row(request: StaffRequest, macro: Macro) -> dict[str, Any]:
    count = ngettext("{count} step", "{count} steps", len(macro.steps)).format(count=len(macro.steps))
    verbs = ", ".join(str(STEP_WORDS.get(step["verb"], step["verb"])) for step in macro.steps)
    details = [count, verbs, _("for {team}").format(team=macro.team.name) if macro.team else ""]
    url = reverse("console:macro", args=[macro.pk]) if may_somewhere(request, "save_macro") else ""
    return row(macro.name, url, " · ".join(part for part in details if part))


STEP_WORDS = {
    "take": gettext_lazy("take it"),
    "assign": gettext_lazy("give it away"),
    "edit": gettext_lazy("change what is known"),
    "tag": gettext_lazy("tag it"),
    "wait": gettext_lazy("wait"),
    "note": gettext_lazy("note"),
    "reply": gettext_lazy("answer"),
    "close": gettext_lazy("close"),
    "cancel": gettext_lazy("cancel"),
    "start": gettext_lazy("begin"),
    "next_step": gettext_lazy("set the next step"),
}


# --- Teams -----------------------------------------------------------------------------------------------------------


class TeamRuleForm(forms.Form):
    level = forms.ChoiceField(
        label=gettext_lazy("It works on"),
        choices=[(level, LEVEL_WORDS[level]) for level in TeamRule.Level.values],
        widget=forms.RadioSelect,
    )
    contact_kinds = forms.MultipleChoiceField(
        label=gettext_lazy("It may speak to users itself for"),
        choices=[(kind.value, CONTACT_WORDS[kind]) for kind in ContactKind],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Of level 2 and 3. It is always written to the ticket, and the desk is told."),
    )


@form_page("save_team_rule")
def team_rule(request: StaffRequest, team_id: int) -> HttpResponse:
    """On which level a team works, and for what it speaks to users."""
    team = found(Team.objects.filter(within(request.brands), id=team_id), _("You asked for a team."))
    rule = TeamRule.objects.filter(team=team).first() or TeamRule(team=team, level=TeamRule.Level.TWO)
    form = TeamRuleForm(request.POST or None, initial={"level": rule.level, "contact_kinds": rule.contact_kinds})
    if request.method == "POST" and form.is_valid():
        save_team_rule(team_id=team.pk, **form.cleaned_data, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:desk_settings")
    return form_in(request, "desk_settings", form, team.name, _("Save"))


# --- Queues ----------------------------------------------------------------------------------------------------------


class QueueForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    address = forms.EmailField(label=gettext_lazy("Mail to this address lands in it"), max_length=200, required=False)
    team = forms.TypedChoiceField(label=gettext_lazy("Whose it is"), coerce=int, empty_value=None, required=False)
    waits_for_day = forms.BooleanField(
        label=gettext_lazy("At night nobody is paged for what lies in it"), required=False
    )
    needs_proof = forms.BooleanField(
        label=gettext_lazy("What comes in changes who gets in"),
        required=False,
        help_text=gettext_lazy("Passwords, second factors, new users: nobody does it before it is sure who asks."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "save_queue")  # type: ignore[attr-defined]
        teams = Team.objects.filter(within(request.brands)).order_by("name")
        self.fields["team"].choices = pairs(teams, _("Nobody’s"))  # type: ignore[attr-defined]


@form_page("save_queue")
def new_queue(request: StaffRequest) -> HttpResponse:
    """One heap more."""
    return _queue_form(request, None)


@form_page("save_queue")
def queue(request: StaffRequest, queue_id: int) -> HttpResponse:
    """A queue, to be changed."""
    return _queue_form(
        request, found(Queue.objects.filter(within(request.brands), id=queue_id), _("You asked for a queue."))
    )


def _queue_form(request: StaffRequest, known: Queue | None) -> HttpResponse:
    initial: dict[str, Any] = {}
    if known is not None:
        names = ("name", "address", "waits_for_day", "needs_proof")
        initial = {"brand": known.brand_id, "team": known.team_id or "", **{n: getattr(known, n) for n in names}}
    form = QueueForm(request.POST or None, request=request, initial=initial)
    if known is not None:
        form.fields["brand"].disabled = True
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        save_queue(
            brand_id=known.brand_id if known else int(values["brand"]),
            queue_id=known.pk if known else None,
            name=values["name"],
            address=values["address"],
            team_id=values["team"],
            waits_for_day=values["waits_for_day"],
            needs_proof=values["needs_proof"],
            work_type=known.work_type if known else "",
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("Saved."), "console:desk_settings")
    heading = known.name if known else _("New queue")
    return form_in(request, "desk_settings", form, heading, _("Save"))


# --- Macros ----------------------------------------------------------------------------------------------------------


class MacroForm(forms.Form):
    """A macro's steps, each a field; they are done in this order."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    team = forms.TypedChoiceField(label=gettext_lazy("Offered to"), coerce=int, empty_value=None, required=False)
    grade = forms.ChoiceField(label=gettext_lazy("Priority becomes"), required=False)
    queue = forms.TypedChoiceField(
        label=gettext_lazy("It goes to the queue"), coerce=int, empty_value=None, required=False
    )
    tags = forms.CharField(
        label=gettext_lazy("Tags are put on"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("With commas between."),
    )
    needs_proof = forms.BooleanField(label=gettext_lazy("It changes who gets in"), required=False)
    to = forms.ChoiceField(label=gettext_lazy("It is given to"), required=False)
    words = forms.ChoiceField(
        label=gettext_lazy("Words"),
        required=False,
        widget=forms.RadioSelect,
        choices=[
            ("", gettext_lazy("None")),
            ("reply", gettext_lazy("An answer to the customer")),
            ("note", gettext_lazy("A note among us")),
        ],
        initial="",
    )
    text = forms.CharField(
        label=gettext_lazy("What they say"),
        max_length=20_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("{name}, {number}, {title} and {me} stand for the ticket’s. What is sent stays sent."),
    )
    waits = forms.BooleanField(label=gettext_lazy("Then it waits for the customer’s answer"), required=False)

    def __init__(self, *args: Any, request: StaffRequest, brand_id: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = within(request.brands)
        teams = Team.objects.filter(mine if brand_id is None else within({brand_id})).order_by("name")
        queues = Queue.objects.filter(mine if brand_id is None else within({brand_id}))
        chosen: dict[str, Any] = {
            "brand": brand_choices(request.actor, "save_macro"),
            "team": pairs(teams, _("Everybody")),
            "queue": pairs(queues, _("As it is")),
            "grade": [
                ("", _("As it is")),
                *(
                    (
                        f"{impact}:{urgency}",
                        _("impact {impact}, urgency {urgency}").format(
                            impact=str(impact_word).lower(), urgency=str(urgency_word).lower()
                        ),
                    )
                    for impact, impact_word in GRADES
                    for urgency, urgency_word in GRADES
                ),
            ],
            "to": [
                ("", _("As it is")),
                ("take", _("Whoever presses it")),
                (_("Teams"), [(f"team:{team.pk}", team.name) for team in teams]),
                (_("People"), [(f"person:{number}", name) for number, name in people_choices(brand_id)]),
            ],
        }
        for name, choices in chosen.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Words that are to be said must be there."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("words") and not values.get("text", "").strip():
            self.add_error("text", _("Write them."))
        return values

    def steps(self) -> list[dict[str, Any]]:
        """As `bulk_actions.STEPS` has them."""
        values = self.cleaned_data
        steps: list[dict[str, Any]] = []
        if values["grade"]:
            impact, _colon, urgency = values["grade"].partition(":")
            steps.append({"verb": "edit", "values": {"impact": impact, "urgency": urgency}})
        if values["queue"] is not None:
            steps.append({"verb": "edit", "values": {"queue_id": values["queue"]}})
        if values["needs_proof"]:
            steps.append({"verb": "edit", "values": {"needs_proof": True}})
        if values["tags"].strip():
            steps.append({"verb": "tag", "values": {"add": tags_in(values["tags"])}})
        kind, _colon, number = values["to"].partition(":")
        if kind == "take":
            steps.append({"verb": "take", "values": {}})
        elif kind == "team":
            steps.append({"verb": "assign", "values": {"person_id": None, "team_id": int(number)}})
        elif kind == "person":
            steps.append({"verb": "assign", "values": {"person_id": int(number)}})
        if values["words"] == "note":
            steps.append({"verb": "note", "values": {"text": values["text"]}})
        elif values["words"] == "reply":
            then = {"then": "wait"} if values["waits"] else {}
            steps.append({"verb": "reply", "values": {"text": values["text"], **then}})
        return steps


def _as_fields(macro: Macro) -> dict[str, Any]:
    """The macro as the form's fields."""
    fields: dict[str, Any] = {"brand": macro.brand_id, "name": macro.name, "team": macro.team_id or "", "words": ""}
    for step in macro.steps:
        values = step["values"]
        match step["verb"]:
            case "edit" if "impact" in values:
                fields["grade"] = f"{values['impact']}:{values['urgency']}"
            case "edit" if "queue_id" in values:
                fields["queue"] = values["queue_id"]
            case "edit" if "needs_proof" in values:
                fields["needs_proof"] = True
            case "tag":
                fields["tags"] = ", ".join(values.get("add", ()))
            case "take":
                fields["to"] = "take"
            case "assign":
                person = values.get("person_id")
                fields["to"] = f"person:{person}" if person else f"team:{values.get('team_id')}"
            case "note" | "reply":
                fields |= {"words": step["verb"], "text": values["text"], "waits": values.get("then") == "wait"}
    return fields


@form_page("save_macro")
def new_macro(request: StaffRequest) -> HttpResponse:
    """Several things in one press."""
    return _macro_form(request, None)


@form_page("save_macro")
def macro(request: StaffRequest, macro_id: int) -> HttpResponse:
    """A macro, to be changed."""
    return _macro_form(
        request, found(Macro.objects.filter(within(request.brands), id=macro_id), _("You asked for a macro."))
    )


def _macro_form(request: StaffRequest, known: Macro | None) -> HttpResponse:
    brands = request.brands
    only = next(iter(brands)) if brands is not None and len(brands) == 1 else None
    form = MacroForm(
        request.POST or None,
        request=request,
        brand_id=known.brand_id if known else only,
        initial=_as_fields(known) if known else {},
    )
    if known is not None:
        form.fields["brand"].disabled = True
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        if not form.steps():
            form.add_error(None, _("It does nothing yet: choose at least one thing."))
        else:
            save_macro(
                brand_id=known.brand_id if known else int(values["brand"]),
                macro_id=known.pk if known else None,
                name=values["name"],
                team_id=values["team"],
                steps=form.steps(),
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
            return done(request, _("Saved."), "console:desk_settings")
    heading = known.name if known else _("New macro")
    extra = {"extra": "console/desk_macro_extra.html", "macro": known} if known else {}
    return form_in(request, "desk_settings", form, heading, _("Save"), **extra)


@posting("remove_macro")
def no_macro(request: StaffRequest, macro_id: int) -> HttpResponse:
    """The macro is gone."""
    found(Macro.objects.filter(within(request.brands), id=macro_id), _("You asked for a macro."))
    remove_macro(macro_id=macro_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("That macro is gone."), "console:desk_settings")
