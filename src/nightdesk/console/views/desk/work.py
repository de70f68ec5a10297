"""A ticket's work beside its words: what lies at suppliers and when they are chased, and the time that was spent."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Sum
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import Choices
from nightdesk.console.views.desk.shown import one
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting
from nightdesk.desk.actions import Words
from nightdesk.desk.models import Supplier, SupplierTicket, Ticket, TimeSpent
from nightdesk.desk.queries import with_merged
from nightdesk.desk.supplier_actions import (
    chase_supplier,
    close_supplier_ticket,
    note_supplier_answer,
    open_supplier_ticket,
)
from nightdesk.desk.time_actions import MOST_MINUTES, log_time, withdraw_time

TIME_SHOWN = 8


class AtSupplierForm(forms.Form):
    """Whom it is given to, and by which care level: each choice is "supplier id:level"."""

    supplier = forms.ChoiceField(label=gettext_lazy("Supplier and care level"))
    ref = forms.CharField(label=gettext_lazy("Their reference"), max_length=80, required=False)

    def __init__(self, *args: Any, choices: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["supplier"].choices = choices  # type: ignore[attr-defined]


class SupplierWordForm(forms.Form):
    """What became of a supplier's ticket."""

    what = forms.ChoiceField(
        label=gettext_lazy("What happened"),
        widget=forms.RadioSelect,
        initial="chased",
        choices=[
            ("chased", gettext_lazy("We chased them")),
            ("answered", gettext_lazy("They answered")),
            ("done", gettext_lazy("They are done")),
        ],
    )
    text = forms.CharField(label=gettext_lazy("What was said"), max_length=4000, required=False, widget=forms.Textarea)
    ref = forms.CharField(label=gettext_lazy("Their reference"), max_length=80, required=False)


class TimeForm(forms.Form):
    """Minutes of one day."""

    minutes = forms.IntegerField(label=gettext_lazy("Minutes"), min_value=0, max_value=MOST_MINUTES)
    on = forms.DateField(label=gettext_lazy("On"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    note = forms.CharField(label=gettext_lazy("For what"), max_length=300, required=False)
    call_out = forms.BooleanField(label=gettext_lazy("It was a call-out"), required=False)
    billable = forms.BooleanField(label=gettext_lazy("The customer pays for it"), required=False, initial=True)


def _doing(request: StaffRequest) -> dict[str, Any]:
    return {"by": request.actor, "via": Door.WEB, "at": request.at}


def work_folds(request: StaffRequest, ticket: Ticket) -> list[dict[str, Any]]:
    """The forms to give it to a supplier and to note time, as the page's other forms."""
    shown: list[dict[str, Any]] = []
    if ticket.merged_into_id is not None:
        return shown
    suppliers = _supplier_choices(ticket)
    if ticket.is_open and suppliers and may(request, "open_supplier_ticket", ticket.brand_id):
        form = AtSupplierForm(prefix="supplier", choices=suppliers)
        title, url = _("Open it at a supplier"), reverse("console:ask_supplier", args=[ticket.id])
        shown.append({"id": "ask_supplier", "title": title, "form": form, "url": url, "label": _("It is with them")})
    if request.person is not None and may(request, "log_time", ticket.brand_id):
        time = TimeForm(prefix="time", initial={"on": _today(request)})
        url = reverse("console:log_time", args=[ticket.id])
        shown.append({"id": "log_time", "title": _("Note time"), "form": time, "url": url, "label": _("Note it")})
    return shown


def suppliers_of(request: StaffRequest, ticket: Ticket) -> list[dict[str, Any]]:
    """Tickets at suppliers, the open ones first: {"name", "detail", "open", "form", "url"}."""
    rows = SupplierTicket.objects.filter(with_merged(ticket)).select_related("supplier")
    changes = may(request, "chase_supplier", ticket.brand_id)
    shown = []
    for row in sorted(rows, key=lambda each: (each.closed_at is not None, each.opened_at)):
        parts = [f"{_('care level')} {row.care_level}" if row.care_level else ""]
        if row.closed_at is not None:
            parts.append(_("done {time}").format(time=clock(row.closed_at, request.at)))
        else:
            parts.append(_("a fix is owed by {time}").format(time=clock(row.fix_by, request.at)) if row.fix_by else "")
            parts.append(ngettext("chased once", "chased {count} times", row.chased).format(count=row.chased))
            assert row.next_chase_at is not None  # a constraint: an open one is chased
            parts.append(_("next {time}").format(time=clock(row.next_chase_at, request.at)))
        open_here = row.closed_at is None and changes
        shown.append(
            {
                "id": row.pk,
                "name": " ".join(part for part in (row.supplier.name, row.ref) if part),
                "detail": " · ".join(part for part in parts if part),
                "form": SupplierWordForm(prefix=f"supplier-{row.pk}") if open_here else None,
                "url": reverse("console:supplier_word", args=[ticket.id, row.pk]),
            }
        )
    return shown


def time_of(request: StaffRequest, ticket: Ticket) -> dict[str, Any]:
    """The time that was spent: {"total", "rows": [{"text", "detail", "url"}]}, the newest first."""
    rows = TimeSpent.objects.filter(with_merged(ticket), withdrawn_at=None)
    shown = list(rows.select_related("person").order_by("-on", "-id")[: TIME_SHOWN + 1])
    more = len(shown) > TIME_SHOWN
    minutes = rows.aggregate(total=Sum("minutes"))["total"] if more else sum(row.minutes for row in shown)
    me = request.person.id if request.person else None
    anybodys = may(request, "save_prepaid", ticket.brand_id)
    return {
        "total": _("{hours}:{minutes} h").format(hours=minutes // 60, minutes=f"{minutes % 60:02d}") if minutes else "",
        "rows": [
            {
                "text": ngettext("{count} minute", "{count} minutes", row.minutes).format(count=row.minutes),
                "detail": " · ".join(
                    part
                    for part in (
                        row.person.name,
                        f"{row.on:%d %b}",
                        _("call-out") if row.call_out else "",
                        "" if row.billable else _("not charged"),
                        row.note,
                    )
                    if part
                ),
                "url": reverse("console:withdraw_time", args=[ticket.id, row.pk])
                if anybodys or row.person_id == me
                else "",
            }
            for row in shown[:TIME_SHOWN]
        ],
    }


def _supplier_choices(ticket: Ticket) -> Choices:
    choices: Choices = []
    for supplier in Supplier.objects.filter(brand=ticket.brand_id, active=True):
        choices += [(f"{supplier.pk}:{level}", f"{supplier.name}, {level}") for level in supplier.care_levels]
        if not supplier.care_levels:
            choices.append((f"{supplier.pk}:", supplier.name))
    return choices


def _today(request: StaffRequest) -> date:
    return localtime(request.at).date()


@posting("open_supplier_ticket")
def ask_supplier(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """A supplier has it, and chasing them is promised."""
    ticket = one(request, ticket_id)
    form = AtSupplierForm(request.POST, prefix="supplier", choices=_supplier_choices(ticket))
    values = checked(form, _("You wanted to open it at a supplier."))
    supplier, _colon, level = values["supplier"].partition(":")
    row = open_supplier_ticket(
        ticket_id=ticket.id, supplier_id=int(supplier), care_level=level, ref=values["ref"], **_doing(request)
    )
    told = _("It is with {name}; you are reminded to chase them.").format(name=row.supplier.name)
    return done(request, told, "console:ticket", ticket.id)


@posting("chase_supplier")
def supplier_word(request: StaffRequest, ticket_id: UUID, supplier_ticket_id: int) -> HttpResponse:
    """They were chased, have answered, or are done."""
    ticket = one(request, ticket_id)
    asked = _("You wanted to note what a supplier said.")
    row = found(SupplierTicket.objects.filter(with_merged(ticket), id=supplier_ticket_id), asked)
    values = checked(SupplierWordForm(request.POST, prefix=f"supplier-{row.pk}"), asked)
    about = {"supplier_ticket_id": row.pk, **_doing(request)}
    match values["what"]:
        case "answered":
            note_supplier_answer(words=Words(values["text"]), ref=values["ref"], **about)
        case "done":
            close_supplier_ticket(text=values["text"], **about)
        case _:
            chase_supplier(text=values["text"], **about)
    return done(request, _("It is noted."), "console:ticket", ticket.id)


@posting("log_time")
def note_time(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """Time of the reader's own."""
    ticket = one(request, ticket_id)
    values = checked(TimeForm(request.POST, prefix="time"), _("You wanted to note time."))
    log_time(ticket_id=ticket.id, **values, **_doing(request))
    return done(request, _("The time is noted."), "console:ticket", ticket.id)


@posting("log_time")
def no_time(request: StaffRequest, ticket_id: UUID, time_id: int) -> HttpResponse:
    """It counts no more."""
    ticket = one(request, ticket_id)
    rows = TimeSpent.objects.filter(with_merged(ticket), id=time_id)
    if not may(request, "save_prepaid", ticket.brand_id):
        rows = rows.filter(person=request.person)
    row = found(rows, _("You wanted to take time back."))
    withdraw_time(time_id=row.pk, **_doing(request))
    return done(request, _("It counts no more."), "console:ticket", ticket.id)
