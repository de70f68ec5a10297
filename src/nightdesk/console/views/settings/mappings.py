"""How a sender's own JSON is read: the mapping of an integration, tried on what really came."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, posting, within
from nightdesk.paging import queries
from nightdesk.paging.actions import save_mapping
from nightdesk.paging.formats.mapping import (
    TEMPLATE_LENGTH,
    PayloadMapping,
    Unusable,
    mapping_from_json,
)
from nightdesk.paging.models import Integration

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "uptime-kuma": (
        "Uptime Kuma",
        {
            "summary": "{monitor.name}: {heartbeat.msg|msg}",
            "dedup_key": "{monitor.id}",
            "action": "{heartbeat.status}",
            "actions": {"0": "trigger", "1": "resolve", "2": "note", "3": "note"},
            "source": "{monitor.hostname|monitor.url|monitor.name}",
        },
    ),
}
"""Mappings for senders whose shape is known, by the word in the address."""
LINES = ("severities", "actions", "links", "details")


def _template(label: Any, help_text: Any = "", *, required: bool = False) -> forms.CharField:
    return forms.CharField(label=label, help_text=help_text, required=required, max_length=TEMPLATE_LENGTH)


def _lines(label: Any, help_text: Any) -> forms.CharField:
    field = forms.CharField(label=label, help_text=help_text, required=False, max_length=20_000)
    field.widget = forms.Textarea(attrs={"rows": 4})
    return field


class MappingForm(forms.Form):
    """The templates as text, and the lists as lines of "word = meaning"."""

    summary = _template(
        gettext_lazy("Summary"),
        gettext_lazy("What is wrong, in one line: text, with places in braces such as {host.name} or {title|message}."),
        required=True,
    )
    each = _template(
        gettext_lazy("Each"),
        gettext_lazy(
            "The path of a list whose entries are alarms of their own, such as data.events; else leave it out."
        ),
    )
    dedup_key = _template(
        gettext_lazy("Key"),
        gettext_lazy("What makes two requests the same alarm, and lets the end find its beginning: {id}."),
    )
    action = _template(
        gettext_lazy("Action"), gettext_lazy("Where the payload says whether it begins or ends: {status}.")
    )
    actions = _lines(
        gettext_lazy("What its words mean"),
        gettext_lazy(
            "A line each: OK = resolve. Known are trigger, acknowledge, resolve and note; * is any other word."
        ),
    )
    severity = _template(gettext_lazy("Severity"), gettext_lazy("Without one it may be the worst, and wakes."))
    severities = _lines(
        gettext_lazy("What its severities mean"),
        gettext_lazy("A line each: 5 = critical. Known are critical, error, warning and info; * is any other."),
    )
    source = _template(gettext_lazy("Source"), gettext_lazy("Which machine."))
    component = _template(gettext_lazy("Part"), gettext_lazy("Which part of it, or one of your services by its key."))
    group = _template(gettext_lazy("Group"))
    started_at = _template(gettext_lazy("Began at"), gettext_lazy("An ISO 8601 time."))
    links = _lines(gettext_lazy("Links"), gettext_lazy("A line each: Dashboard = {url}."))
    details = _lines(
        gettext_lazy("Details"), gettext_lazy("A line each: Rack = {host.rack}. Without any, the whole is kept.")
    )

    mapping: PayloadMapping

    def clean(self) -> dict[str, Any]:
        """Each fault stands by its own field."""
        values: dict[str, Any] = super().clean() or {}
        told: dict[str, Any] = {name: text.strip() for name, text in values.items() if name not in LINES}
        for name in LINES:
            told[name] = self._pairs(name, values.get(name, ""))
        if not self.errors:
            try:
                self.mapping = mapping_from_json({name: held for name, held in told.items() if held})
            except Unusable as unusable:
                for name, why in unusable.faults.items():
                    self.add_error(name if name in self.fields else None, why)
        return values

    def _pairs(self, name: str, text: str) -> dict[str, str]:
        pairs = {}
        for line in text.splitlines():
            word, equals, meaning = line.partition("=")
            if not line.strip():
                continue
            if not equals or not word.strip() or not meaning.strip():
                self.add_error(name, _("“{line}” should be a word, =, and what it means.").format(line=line[:60]))
                break
            pairs[word.strip()] = meaning.strip()
        return pairs


def _initial(mapping: dict[str, Any]) -> dict[str, str]:
    return {
        name: "\n".join(f"{word} = {meaning}" for word, meaning in held.items()) if isinstance(held, dict) else held
        for name, held in mapping.items()
    }


@form_page("save_mapping")
def mapping(request: StaffRequest, integration_id: int) -> HttpResponse:
    """The mapping, what it makes of the last payloads, and its saving."""
    row = found(
        Integration.objects.filter(within(request.brands), id=integration_id, format="generic"),
        _("You asked how an integration's JSON is read."),
    )
    preset = PRESETS.get(request.GET.get("preset", ""))
    initial = _initial(preset[1] if preset else row.mapping or {})
    form = MappingForm(request.POST or None, initial=initial)
    tried_on: PayloadMapping | None = None
    if request.method == "POST" and form.is_valid():
        if "try" not in request.POST:
            save_mapping(integration_id=row.id, mapping=form.mapping, by=request.actor, via=Door.WEB, at=request.at)
            return done(
                request, _("What {name} sends is read so from now on.").format(name=row.name), "console:integrations"
            )
        tried_on = form.mapping
    elif request.method != "POST" and initial:
        tried_on = mapping_from_json(preset[1] if preset else row.mapping)
    usable = request.method != "POST" or form.is_valid()
    context = {
        "here": "settings",
        "form": form,
        "integration": row,
        "heading": _("How the JSON of {name} is read").format(name=row.name),
        "tried": queries.tried(row.id, tried_on) if usable else [],
        "usable": usable,
        "with_mapping": tried_on is not None,
        "presets": [
            {"label": label, "url": f"?preset={word}"} for word, (label, _held) in PRESETS.items() if not row.mapping
        ],
        "crumbs": [
            {"url": reverse("console:settings"), "label": _("Settings")},
            {"url": reverse("console:integrations"), "label": _("Alarms in")},
        ],
    }
    return render(request, "console/mapping.html", context)


@posting("save_mapping")
def no_mapping(request: StaffRequest, integration_id: int) -> HttpResponse:
    """What it sends is read as the hook says again."""
    row = found(
        Integration.objects.filter(within(request.brands), id=integration_id), _("You asked for an integration.")
    )
    save_mapping(integration_id=row.id, mapping=None, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The mapping of {name} is taken away.").format(name=row.name), "console:integrations")
