"""Which desk is a supplier's, and which reports of figures go out by mail."""

from datetime import time
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
from nightdesk.calls.models import Line
from nightdesk.console.views.lists import as_csv
from nightdesk.console.views.service_figures import tabs_of
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, posting, staff, within
from nightdesk.desk.models import Supplier
from nightdesk.people.models import Person, Team
from nightdesk.reports import figure_actions
from nightdesk.reports.figure_queries import may_read, next_mail
from nightdesk.reports.figure_wording import NAMES
from nightdesk.reports.models import DeskSupplier, FigureMail

EVERY = {
    FigureMail.Every.WEEK: gettext_lazy("Each Monday, about the week before"),
    FigureMail.Every.MONTH: gettext_lazy("On the 1st, about the month before"),
}


class DeskForm(forms.Form):
    supplier = forms.ModelChoiceField(
        Supplier.objects.none(),
        label=gettext_lazy("Run by"),
        required=False,
        empty_label=gettext_lazy("Ourselves"),
        help_text=gettext_lazy("Suppliers are entered in the settings of the desk."),
    )
    line = forms.ModelChoiceField(
        Line.objects.none(),
        label=gettext_lazy("Answers for the phone line"),
        required=False,
        empty_label=gettext_lazy("None"),
        help_text=gettext_lazy("Calls that this line passes to its outside answering service count for this desk."),
    )


@form_page("save_desk_supplier")
def desk_supplier(request: StaffRequest, team_id: int) -> HttpResponse:
    """Who runs a team's desk."""
    team = found(Team.objects.filter(within(request.brands), pk=team_id), _("You asked for a team."))
    row = DeskSupplier.objects.filter(team=team).first()
    form = DeskForm(
        request.POST or None,
        initial={"supplier": row.supplier_id if row else None, "line": row.line_id if row else None},
    )
    suppliers, lines = form.fields["supplier"], form.fields["line"]
    suppliers.queryset = Supplier.objects.filter(brand=team.brand_id, active=True)  # type: ignore[attr-defined]
    lines.queryset = Line.objects.filter(brand=team.brand_id, active=True)  # type: ignore[attr-defined]
    lines.label_from_instance = lambda line: line.name  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        supplier, line = form.cleaned_data["supplier"], form.cleaned_data["line"]
        try:
            figure_actions.save_desk_supplier(
                team_id=team.pk,
                supplier_id=supplier.pk if supplier else None,
                line_id=line.pk if line else None,
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
            return done(request, _("Saved. Days that are counted already stay as they were."), "console:desks_compared")
        except Refusal as refusal:
            form.add_error(None, f"{refusal.so} {refusal.do}")
    context = {
        "here": "service_figures",
        "form": form,
        "heading": _("Who runs the desk of {team}").format(team=team.name),
        "label": _("Save"),
        "crumbs": [{"url": reverse("console:desks_compared"), "label": _("Desks side by side")}],
    }
    return render(request, "console/form.html", context)


@staff("save_figure_mail")
def figure_mails(request: StaffRequest) -> HttpResponse:
    """The reports that go out, and when next."""
    rows = FigureMail.objects.filter(within(request.brands)).select_related("brand").prefetch_related("people")
    context = {
        "here": "service_figures",
        "heading": _("Figures by mail"),
        "tabs": tabs_of(request, "figure_mails"),
        "mails": [
            {
                "name": row.name,
                "brand": row.brand.name,
                "when": _("{every}, {time}").format(every=EVERY[FigureMail.Every(row.every)], time=_time(row)),
                "people": ", ".join(person.name for person in row.people.all()),
                "next_at": next_mail(row, request.at) if row.active else None,
                "url": reverse("console:figure_mail", args=[row.pk]),
                "send_url": reverse("console:send_figure_mail", args=[row.pk]),
            }
            for row in rows
        ],
        "new_url": reverse("console:new_figure_mail"),
        "csv_url": reverse("console:figure_mails_csv"),
    }
    return render(request, "console/figure_mails.html", context)


@staff("save_figure_mail")
def figure_mails_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    rows = FigureMail.objects.filter(within(request.brands)).select_related("brand").prefetch_related("people")
    cells = (
        [row.brand.slug, row.name, row.every, _time(row), row.active, ", ".join(one.name for one in row.people.all())]
        for row in rows
    )
    return as_csv("figure-mails", ["brand", "name", "every", "at", "active", "people"], cells)


class MailForm(forms.Form):
    brand = forms.ModelChoiceField(Brand.objects.none(), label=gettext_lazy("Brand"), empty_label=None)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    every = forms.ChoiceField(label=gettext_lazy("When"), choices=list(EVERY.items()))
    at_time = forms.TimeField(
        label=gettext_lazy("At"),
        initial=time(8),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("By the brand's clocks."),
    )
    people = forms.MultipleChoiceField(
        label=gettext_lazy("To"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Those whose role lets them read figures. Who loses it is sent nothing more."),
    )
    figures = forms.MultipleChoiceField(
        label=gettext_lazy("Figures"),
        choices=list(NAMES.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all of them."),
    )
    active = forms.BooleanField(label=gettext_lazy("It goes out"), required=False, initial=True)


@form_page("save_figure_mail")
def new_figure_mail(request: StaffRequest) -> HttpResponse:
    """A report that is to go out."""
    return _mail_form(request, None)


@form_page("save_figure_mail")
def figure_mail(request: StaffRequest, figure_mail_id: int) -> HttpResponse:
    """What a report holds, when it goes out and to whom."""
    return _mail_form(
        request,
        found(FigureMail.objects.filter(within(request.brands), pk=figure_mail_id), _("You asked for a report.")),
    )


@posting("send_figure_mail")
def send_mail_now(request: StaffRequest, figure_mail_id: int) -> HttpResponse:
    """It goes out now, beside its usual time."""
    row = found(FigureMail.objects.filter(within(request.brands), pk=figure_mail_id), _("You asked for a report."))
    told = figure_actions.send_figure_mail(mail_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, told, "console:figure_mails")


def _mail_form(request: StaffRequest, row: FigureMail | None) -> HttpResponse:
    initial: dict[str, Any] = {}
    if row is not None:
        initial = {
            "brand": row.brand_id,
            "name": row.name,
            "every": row.every,
            "at_time": time(*divmod(row.at_minute, 60)),
            "people": [str(pk) for pk in row.people.values_list("pk", flat=True)],
            "figures": row.figures,
            "active": row.active,
        }
    form = MailForm(request.POST or None, initial=initial)
    brands = Brand.objects.filter(within(request.brands, "id")).order_by("name")
    if row is not None:
        brands = brands.filter(pk=row.brand_id)
    form.fields["brand"].queryset = brands  # type: ignore[attr-defined]
    staff_rows = Person.objects.filter(active=True, user__isnull=False).select_related("user").order_by("name")
    ids = list(brands.values_list("pk", flat=True))
    form.fields["people"].choices = [  # type: ignore[attr-defined]
        (str(person.pk), person.name) for person in staff_rows if any(may_read(person, brand) for brand in ids)
    ]
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            figure_actions.save_figure_mail(
                brand_id=said["brand"].pk,
                name=said["name"],
                every=said["every"],
                at_minute=said["at_time"].hour * 60 + said["at_time"].minute,
                people=[int(pk) for pk in said["people"]],
                figures=said["figures"],
                active=said["active"],
                mail_id=row.pk if row else None,
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
            return done(request, _("Saved."), "console:figure_mails")
        except Refusal as refusal:
            form.add_error(None, f"{refusal.so} {refusal.do}")
    context = {
        "here": "service_figures",
        "form": form,
        "heading": row.name if row else _("New report of figures"),
        "label": _("Save"),
        "crumbs": [{"url": reverse("console:figure_mails"), "label": _("Figures by mail")}],
    }
    return render(request, "console/form.html", context)


def _time(row: FigureMail) -> str:
    return f"{row.at_minute // 60:02}:{row.at_minute % 60:02}"
