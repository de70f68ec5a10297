"""What mails to an integration mean: its rules, in a form, and what they would make of the last mails."""

from typing import Any, cast

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, within
from nightdesk.mailroom.queries import address_for
from nightdesk.paging.actions import save_mail_rules
from nightdesk.paging.formats.email_rules import Condition, Does, How, Rule, Where, problems_of
from nightdesk.paging.models import Integration
from nightdesk.paging.queries import Tried, mail_rules, try_mail_rules

MORE_RULES, LEAST_CONDITIONS = 2, 2
WHERE = [("subject", gettext_lazy("subject")), ("from", gettext_lazy("sender")), ("to", gettext_lazy("recipient")),
         ("body", gettext_lazy("text"))]  # fmt: skip
HOW = [("contains", gettext_lazy("contains")), ("is", gettext_lazy("is")), ("matches", gettext_lazy("matches"))]
DOES = [("auto", gettext_lazy("page, or end by its subject")), ("trigger", gettext_lazy("page")),
        ("resolve", gettext_lazy("end the alarm")), ("ignore", gettext_lazy("nothing"))]  # fmt: skip
SEVERITIES = [("", gettext_lazy("as it says")), ("critical", gettext_lazy("critical")), ("error", gettext_lazy("error")),
              ("warning", gettext_lazy("warning")), ("info", gettext_lazy("info"))]  # fmt: skip
SAYS = {"trigger": gettext_lazy("pages"), "resolve": gettext_lazy("ends its alarm")}


class RuleForm(forms.Form):
    """One rule. Conditions without a value count for nothing, a rule without any is left out."""

    place = forms.IntegerField(label=gettext_lazy("Place"), min_value=1, max_value=99)
    does = forms.ChoiceField(label=gettext_lazy("Then"), choices=DOES)
    severity = forms.ChoiceField(label=gettext_lazy("Severity"), choices=SEVERITIES, required=False)

    def __init__(self, *args: Any, conditions: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(conditions):
            self.fields[f"where{number}"] = forms.ChoiceField(
                label=_("If the") if not number else _("and the"), choices=WHERE
            )
            self.fields[f"how{number}"] = forms.ChoiceField(label=_("how"), choices=HOW)
            self.fields[f"value{number}"] = forms.CharField(label=_("this"), max_length=300, required=False)
        self.conditions = conditions

    def bound(self) -> list[list[forms.BoundField]]:
        """The conditions' fields, in threes, for the template."""
        return [[self[f"{name}{number}"] for name in ("where", "how", "value")] for number in range(self.conditions)]

    def rule(self) -> Rule | None:
        """What was given; None for an empty one."""
        given = self.cleaned_data
        conditions = tuple(
            Condition(cast(Where, given[f"where{n}"]), cast(How, given[f"how{n}"]), given[f"value{n}"])
            for n in range(self.conditions)
            if given.get(f"value{n}")
        )
        return Rule(conditions, cast(Does, given["does"]), given["severity"]) if conditions else None


@form_page("save_mail_rules")
def rules_of(request: StaffRequest, integration_id: int) -> HttpResponse:
    """The rules of an integration; `do=try` shows what they would make of the last mails, and saves nothing."""
    rows = Integration.objects.filter(within(request.brands), id=integration_id)
    integration = found(rows, _("You asked for an integration."))
    kept = mail_rules(integration.id)
    size = max([LEAST_CONDITIONS, *(len(rule.conditions) for rule in kept)])
    count = int(request.POST.get("count") or 0) if request.POST.get("count", "").isdecimal() else len(kept) + MORE_RULES
    made = [_form(request, number, kept, size) for number in range(max(1, min(count, 52)))]
    problems: list[str] = []
    wanted = kept
    if request.method == "POST" and all(form.is_valid() for form in made):
        placed = sorted(made, key=lambda form: int(form.cleaned_data["place"]))
        wanted = tuple(rule for form in placed if (rule := form.rule()) is not None)
        problems = problems_of(wanted)
        if not problems and request.POST.get("do") != "try":
            save_mail_rules(integration_id=integration.id, rules=wanted, by=request.actor, via=Door.WEB, at=request.at)
            return done(request, _("Mails to {name} mean that now.").format(name=integration.name), "console:mail_rules",
                        integration.id)  # fmt: skip
    tried = [] if problems else try_mail_rules(integration.id, wanted)
    ours = address_for("alarm", "KEY", integration.brand_id)
    context = {
        "here": "settings",
        "heading": _("What mails to {name} mean").format(name=integration.name),
        "crumbs": [
            {"url": reverse("console:settings"), "label": _("Settings")},
            {"url": reverse("console:integrations"), "label": _("Alarms in")},
        ],
        "address": ours.replace("key@", "KEY@"),
        "mailboxes_url": reverse("console:mailboxes"),
        "forms": made,
        "count": len(made),
        "problems": problems,
        "tried": [_told(each) for each in tried],
    }
    return render(request, "console/mail_rules.html", context)


def _form(request: StaffRequest, number: int, kept: tuple[Rule, ...], size: int) -> RuleForm:
    initial: dict[str, Any] = {"place": number + 1, "does": "auto"}
    if number < len(kept):
        rule = kept[number]
        initial |= {"does": rule.does, "severity": rule.severity}
        for place, one in enumerate(rule.conditions):
            initial |= {f"where{place}": one.where, f"how{place}": one.how, f"value{place}": one.value}
    return RuleForm(request.POST or None, initial=initial, prefix=f"rule{number}", conditions=size)


def _told(one: Tried) -> dict[str, Any]:
    """What parts/list_row.html draws of a mail and what it would do."""
    verdict = one.verdict
    by = _("rule {number}").format(number=verdict.rule + 1) if verdict.rule is not None else _("no rule")
    signal = verdict.signal
    details = [one.from_address, by]
    if signal is not None:
        details += [signal.severity or _("no severity"), signal.source, signal.component]
    says = str(SAYS[signal.action]) if signal is not None else _("does nothing")
    return {
        "at": one.at,
        "title": one.subject or _("Without a subject"),
        "detail": " · ".join(str(part) for part in details if part),
        "tags": [
            {"text": says, "tone": {"trigger": "fire", "resolve": "calm"}.get(signal.action, "") if signal else ""}
        ],
    }
