"""The rules of a brand's desk: who owns its tickets, what mails of it say, how its clocks run, and its table of priorities."""

from collections.abc import Mapping
from datetime import timedelta
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
from nightdesk.console.views.choices import LANGUAGES, pairs
from nightdesk.console.views.desk.words import GRADES, WAITING_WORDS
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, within
from nightdesk.customers.priority import ITIL_TABLE, Impact, Priority, Urgency, table_with
from nightdesk.desk import queries
from nightdesk.desk.actions import save_desk_rules
from nightdesk.desk.clock import PAUSES, UPDATE_EVERY, Which
from nightdesk.desk.clock_rules import clock_rules_from
from nightdesk.desk.models import Rules
from nightdesk.paging.models import Policy
from nightdesk.people.models import Team

DAYS = ("closes_after_days", "reopens_within_days", "asks_again_after_days")
TICKETS = ("owner", *DAYS, "tickets_from_pages", "surge_policy")
MAIL = ("address", "emergency_number", *(f"signature-{code}" for code, _name in LANGUAGES), "surveys")
NEWS = tuple(f"news-{priority}" for priority in Priority)
RESTS = {
    Which.RESPOND: gettext_lazy("The time for an answer rests while"),
    Which.UPDATE: gettext_lazy("The time for news rests while"),
    Which.FIX: gettext_lazy("The time for a fix rests while"),
}
CLOCKS = (*NEWS, *(f"rests-{which}" for which in RESTS))
MOST_MINUTES = 366 * 24 * 60


class RulesForm(forms.Form):
    owner = forms.TypedChoiceField(
        label=gettext_lazy("Who owns every ticket"),
        coerce=int,
        empty_value=None,
        required=False,
        help_text=gettext_lazy("The desk: it speaks with the user, whoever works on it."),
    )
    closes_after_days = forms.IntegerField(
        label=gettext_lazy("Closed so many days after it was resolved"), min_value=0, max_value=365
    )
    reopens_within_days = forms.IntegerField(
        label=gettext_lazy("Reopened within so many days after that"), min_value=0, max_value=365
    )
    asks_again_after_days = forms.IntegerField(
        label=gettext_lazy("An unanswered question is asked again after so many days"), min_value=1, max_value=365
    )

    tickets_from_pages = forms.ChoiceField(
        label=gettext_lazy("Which alarms become tickets"),
        choices=[
            (Rules.FromPages.NONE, gettext_lazy("None")),
            (Rules.FromPages.URGENT, gettext_lazy("Pages of P1 to P3")),
            (Rules.FromPages.ALL, gettext_lazy("Every page")),
        ],
        widget=forms.RadioSelect,
    )
    surge_policy = forms.TypedChoiceField(
        label=gettext_lazy("Who is paged when several customers ask at once about one service"),
        coerce=int,
        empty_value=None,
        required=False,
    )

    address = forms.CharField(
        label=gettext_lazy("Address that mails of tickets come from"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Where its queue has none. Empty: the brand’s first."),
    )
    emergency_number = forms.CharField(
        label=gettext_lazy("Number for the night"),
        max_length=30,
        required=False,
        help_text=gettext_lazy("Told in the automatic answer, to those alone whose contract lets them ring."),
    )
    surveys = forms.BooleanField(
        label=gettext_lazy("Ask customers what they think once a ticket is closed"), required=False
    )

    def __init__(self, *args: Any, brand_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.filter(brand=brand_id).order_by("name")
        policies = Policy.objects.filter(brand=brand_id).order_by("id")
        self.fields["owner"].choices = pairs(teams, _("Nobody yet"))  # type: ignore[attr-defined]
        self.fields["surge_policy"].choices = pairs(policies, _("The brand’s first policy"))  # type: ignore[attr-defined]
        for impact in Impact:
            for urgency in Urgency:
                self.fields[f"{impact}-{urgency}"] = forms.ChoiceField(
                    label=_("Impact {impact}, urgency {urgency}").format(impact=impact, urgency=urgency),
                    choices=[(priority.value, priority.value) for priority in Priority],
                )

        for code, language in LANGUAGES:
            self.fields[f"signature-{code}"] = forms.CharField(
                label=_("Below every mail in {language}").format(language=language),
                max_length=2000,
                required=False,
                widget=forms.Textarea(attrs={"rows": 2}),
            )
        for priority in Priority:
            self.fields[f"news-{priority}"] = forms.IntegerField(
                label=_("Minutes between news for {priority}").format(priority=priority),
                min_value=1,
                max_value=MOST_MINUTES,
                required=False,
            )
        for which, label in RESTS.items():
            self.fields[f"rests-{which}"] = forms.MultipleChoiceField(
                label=label,
                choices=list(WAITING_WORDS.items()),
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )

    def signatures(self, known: Mapping[str, str]) -> dict[str, str]:
        """By language; those of languages that have no field stay."""
        told = {code: self.cleaned_data[f"signature-{code}"].strip() for code, _name in LANGUAGES}
        return {code: text for code, text in {**known, **told}.items() if text}

    def clocks(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """What is another than usual, as `clock_rules` has it; when to warn stays."""
        news: dict[str, str] = {}
        for priority in Priority:
            usual, minutes = UPDATE_EVERY.get(priority), self.cleaned_data[f"news-{priority}"]
            if (usual.duration if usual else None) != (timedelta(minutes=minutes) if minutes else None):
                news[priority] = f"PT{minutes}M" if minutes else ""
        rests = {which: self.cleaned_data[f"rests-{which}"] for which in RESTS}
        changed = {
            which: sorted(chosen) for which, chosen in rests.items() if set(chosen) != PAUSES.get(which, frozenset())
        }
        told = {"update_every": news, "pauses": changed, "warn": known.get("warn")}
        return {name: value for name, value in told.items() if value}

    def table(self) -> list[dict[str, Any]]:
        """The nine priorities, for the template: one row for each impact."""
        words = dict(GRADES)
        return [
            {"impact": words[impact], "cells": [self[f"{impact}-{urgency}"] for urgency in Urgency]}
            for impact in Impact
        ]

    def changes(self) -> dict[str, dict[str, str]]:
        """What is another than the usual table."""
        told: dict[str, dict[str, str]] = {}
        for (impact, urgency), usual in ITIL_TABLE.items():
            chosen = self.cleaned_data[f"{impact}-{urgency}"]
            if chosen != usual:
                told.setdefault(impact, {})[urgency] = chosen
        return told


@form_page("save_desk_rules")
def desk_rules(request: StaffRequest, brand_id: int) -> HttpResponse:
    """A brand's rules, and its table of priorities."""
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))
    rules = queries.rules_of(brand.pk)
    form = RulesForm(request.POST or None, brand_id=brand.pk, initial=_initial(rules))
    problem: Refusal | None = None
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        names = (*DAYS, "tickets_from_pages", "emergency_number", "surveys")
        fields = {name: values[name] for name in names}
        fields |= {
            "owner_id": values["owner"],
            "surge_policy_id": values["surge_policy"],
            "priorities": form.changes(),
            "address": values["address"].strip().lower(),
            "signatures": form.signatures(rules.signatures),
            "clocks": form.clocks(rules.clocks),
        }
        try:
            save_desk_rules(brand_id=brand.pk, fields=fields, by=request.actor, via=Door.WEB, at=request.at)
        except Refusal as refusal:
            problem = refusal
        else:
            return done(request, _("Saved."), "console:desk_settings")
    context = {
        "here": "settings",
        "form": form,
        "problem": problem,
        "plain": [form[name] for name in TICKETS],
        "mail": [form[name] for name in MAIL],
        "clocks": [form[name] for name in CLOCKS],
        "urgencies": [word for _name, word in GRADES],
        "heading": _("Rules of {brand}").format(brand=brand.name),
        "crumbs": [
            {"url": reverse("console:settings"), "label": _("Settings")},
            {"url": reverse("console:desk_settings"), "label": _("Desk")},
        ],
        "cancel_url": reverse("console:desk_settings"),
    }
    return render(request, "console/desk_rules.html", context)


def _initial(rules: Rules) -> Mapping[str, Any]:
    table, clocks = table_with(rules.priorities), clock_rules_from(rules.clocks)
    return {
        "address": rules.address,
        "emergency_number": rules.emergency_number,
        "surveys": rules.surveys,
        **{f"signature-{code}": rules.signatures.get(code, "") for code, _name in LANGUAGES},
        **{f"news-{name}": int(target.duration.total_seconds()) // 60 for name, target in clocks.update_every.items()},
        **{f"rests-{which}": [str(reason) for reason in reasons] for which, reasons in clocks.pauses.items()},
        "owner": rules.owner_id or "",
        "closes_after_days": rules.closes_after_days,
        "reopens_within_days": rules.reopens_within_days,
        "asks_again_after_days": rules.asks_again_after_days,
        "tickets_from_pages": rules.tickets_from_pages,
        "surge_policy": rules.surge_policy_id or "",
        **{f"{impact}-{urgency}": priority.value for (impact, urgency), priority in table.items()},
    }
