"""Suppliers: who they are, what care was bought, and whom to chase there."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, staff, within
from nightdesk.customers.models import Hours
from nightdesk.customers.stored import duration_from
from nightdesk.desk.models import Supplier
from nightdesk.desk.supplier_actions import save_supplier

_SPAN = re.compile(r"(?:(\d{1,4})\s*h)?\s*(?:(\d{1,5})\s*m(?:in)?)?", re.IGNORECASE)


class SupplierForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=20, required=False)
    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        required=False,
        help_text=gettext_lazy(
            "What is mailed from this domain, and quotes their reference, joins our ticket as a note."
        ),
    )
    hours = forms.ChoiceField(
        label=gettext_lazy("Their hours"),
        required=False,
        help_text=gettext_lazy("What they owe counts in these; without them every minute counts."),
    )
    care_levels = forms.CharField(
        label=gettext_lazy("Care levels"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line: name | answers within | fixes within. For example: Care 4 | 1h | 6h"),
    )
    ladder = forms.CharField(
        label=gettext_lazy("Whom to chase"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One a line, in order: who | number or address | minutes until then."),
    )
    active = forms.BooleanField(label=gettext_lazy("We buy from them"), required=False, initial=True)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "save_supplier")  # type: ignore[attr-defined]
        hours = Hours.objects.filter(within(request.brands)).order_by("name")
        choices = [("", _("Every minute")), *((str(one.pk), one.name) for one in hours)]
        self.fields["hours"].choices = choices  # type: ignore[attr-defined]


def _suppliers(request: StaffRequest) -> Any:
    return Supplier.objects.filter(within(request.brands)).select_related("brand")


@staff("save_supplier")
def suppliers(request: StaffRequest) -> HttpResponse:
    """Whom we buy from."""
    rows = [
        row(
            one.name,
            reverse("console:supplier", args=[one.pk]),
            " · ".join(part for part in (one.brand.name, one.phone, ", ".join(one.care_levels)) if part),
            [] if one.active else [{"text": _("no longer"), "tone": ""}],
        )
        for one in _suppliers(request)
    ]
    count = ngettext("{count} supplier", "{count} suppliers", len(rows)).format(count=len(rows))
    return section_page(
        request,
        "suppliers",
        count if rows else _("No supplier is known"),
        rows=rows,
        new={"url": reverse("console:new_supplier"), "label": _("New supplier")},
        empty_text=_("Add those whose tickets you wait for; chasing them is then promised, and never forgotten."),
    )


@form_page("save_supplier")
def new_supplier(request: StaffRequest) -> HttpResponse:
    """One more of whom we buy."""
    return _save(request, SupplierForm(request.POST or None, request=request), None, _("New supplier"))


@form_page("save_supplier")
def supplier(request: StaffRequest, supplier_id: int) -> HttpResponse:
    """What is known of one, to be changed."""
    shown: Supplier = found(_suppliers(request).filter(id=supplier_id), _("You asked for a supplier."))
    levels = [
        f"{name} | {_as_span(said.get('respond'))} | {_as_span(said.get('fix'))}"
        for name, said in shown.care_levels.items()
    ]
    initial = {
        "brand": str(shown.brand_id),
        "name": shown.name,
        "phone": shown.phone,
        "email": shown.email,
        "hours": str(shown.hours_id or ""),
        "care_levels": "\n".join(levels),
        "ladder": "\n".join(f"{one['who']} | {one['how']} | {one['after_minutes']}" for one in shown.ladder),
        "active": shown.active,
    }
    form = SupplierForm(request.POST or None, initial=initial, request=request)
    return _save(request, form, shown, shown.name)


def _save(request: StaffRequest, form: SupplierForm, shown: Supplier | None, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        saved = save_supplier(
            brand_id=int(values["brand"]),
            supplier_id=shown.pk if shown else None,
            name=values["name"],
            email=values["email"],
            phone=values["phone"],
            hours_id=int(values["hours"]) if values["hours"] else None,
            care_levels=_levels(values["care_levels"]),
            ladder=_ladder(values["ladder"]),
            active=values["active"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{name} is kept.").format(name=saved.name), "console:suppliers")
    return form_in(request, "suppliers", form, heading, _("Save"))


def _levels(text: str) -> dict[str, dict[str, str | None]]:
    levels: dict[str, dict[str, str | None]] = {}
    for parts in _lines(text, _("care level")):
        name, respond, fix = (*parts, "", "")[:3]
        levels[name] = {"respond": _iso(respond), "fix": _iso(fix)}
    return levels


def _ladder(text: str) -> list[dict[str, Any]]:
    rungs = []
    for parts in _lines(text, _("rung")):
        who, how, after = (*parts, "", "")[:3]
        if after and not (after.isascii() and after.isdecimal()):
            raise Invalid(_("A ladder was given."), _("{text} is no number of minutes.").format(text=after), "")
        rungs.append({"who": who, "how": how, "after_minutes": int(after or 60)})
    return rungs


def _lines(text: str, what: str) -> list[list[str]]:
    found = [[part.strip() for part in line.split("|")] for line in text.splitlines() if line.strip()]
    for parts in found:
        if len(parts) > 3 or not parts[0]:
            raise Invalid(
                _("A {what} was given.").format(what=what),
                _("The line {line} has not two bars at most, or no name.").format(line=" | ".join(parts)[:80]),
                _("Write it as the example does."),
            )
    return found


def _iso(span: str) -> str | None:
    """ "1h 30m" as an ISO 8601 duration; None for nothing."""
    if not span:
        return None
    hours, minutes = matched.groups() if (matched := _SPAN.fullmatch(span)) else (None, None)
    if not (hours or minutes):
        raise Invalid(_("A time was given."), _("{text} is none.").format(text=span), _("Write 30m, 4h or 1h 30m."))
    return f"PT{f'{hours}H' if hours else ''}{f'{minutes}M' if minutes else ''}"


def _as_span(iso: str | None) -> str:
    """The other way."""
    if not iso:
        return ""
    lasts = duration_from(iso, "")
    hours, rest = divmod(lasts, timedelta(hours=1))
    minutes = int(rest.total_seconds() // 60)
    return " ".join(part for part in (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "") if part)
