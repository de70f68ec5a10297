"""Customers: who they are, what they buy, what they were promised; and many at once from a file."""

import base64
import binascii
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, Refusal
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import brand_choices, pairs
from nightdesk.console.views.desk.shown import ticket_row
from nightdesk.console.views.lists import asked, clear_url, one_page, search_box
from nightdesk.console.views.settings.carried import CarriedCsv
from nightdesk.console.views.settings.parts import reach_rows
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.customers.actions import (
    ImportResult,
    apply_import,
    edit_customer,
    make_contact,
    make_contract,
    make_customer,
    make_subscription,
)
from nightdesk.customers.contact_actions import (
    change_contact,
    confirm_contact,
    invite_contact,
    mark_contact_left,
    remove_mobile,
    set_company_rule,
)
from nightdesk.customers.csv_import import COLUMNS, ImportPlan, plan_import
from nightdesk.customers.models import Contact, Contract, Customer, Hours, IdentityProvider, Service
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Reason
from nightdesk.customers.queries import promised_now
from nightdesk.desk.worklist import Wanted, chosen, count, rows_of
from nightdesk.outages.effect import SUBSCRIPTION
from nightdesk.outages.models import UnsubscribeRequest
from nightdesk.outages.needs_text import write_needs
from nightdesk.outages.part_queries import needs_of
from nightdesk.outages.unsubscribe_actions import decide_unsubscribe
from nightdesk.people.models import Person
from nightdesk.reports.incident_models import ReportTerm

ERRORS_SHOWN = 50
TICKETS_SHOWN = 8

COVER_WORDS = {
    Contract.OutOfHours.NOTHING: gettext_lazy("nothing"),
    Contract.OutOfHours.EMAIL_ONLY: gettext_lazy("email only"),
    Contract.OutOfHours.FULL: gettext_lazy("everything, at any hour"),
}
STANDING_WORDS = {
    "viewer": gettext_lazy("reads"),
    "member": gettext_lazy("reads and writes"),
    "manager": gettext_lazy("keeps their people"),
}
RULE_WORDS = {
    "own": gettext_lazy("each their own"),
    "managers_all": gettext_lazy("who keeps their people sees all"),
    "all": gettext_lazy("everybody sees all"),
}
REASON_WORDS = {
    Reason.IN_HOURS: gettext_lazy("in hours: somebody is there"),
    Reason.OUT_OF_HOURS_COVERED: gettext_lazy("out of hours: an engineer is woken"),
    Reason.OUT_OF_HOURS_PRIORITY_WAITS: gettext_lazy("taken now, worked on in the morning"),
    Reason.OUT_OF_HOURS_EMAIL_ONLY: gettext_lazy("out of hours: email only, answered in the morning"),
    Reason.OUT_OF_HOURS_NOT_COVERED: gettext_lazy("out of hours: waits for the morning"),
    Reason.NOT_A_NIGHT_JOB: gettext_lazy("not done at night"),
    Reason.CONTRACT_NOT_VALID: gettext_lazy("the contract is not in force"),
    Reason.NO_CONTRACT: gettext_lazy("no contract: nothing is promised"),
}


@staff("read_customers")
def customers(request: StaffRequest) -> HttpResponse:
    """Every customer, by name."""
    known = Customer.objects.filter(within(request.brands)).select_related("brand").order_by("-active", "name")
    if text := asked(request, "q"):
        known = known.filter(Q(name__icontains=text) | Q(ref__icontains=text))
    here, pager = one_page(request, known)
    rows = [
        row(
            each.name,
            reverse("console:customer", args=[each.id]),
            f"{each.ref} · {each.brand.name}",
            [] if each.active else [{"text": _("no longer a customer"), "tone": ""}],
        )
        for each in here
    ]
    news = []
    if may_somewhere(request, "make_customer"):
        news.append({"url": reverse("console:new_customer"), "label": _("New customer")})
    if may_somewhere(request, "apply_import"):
        news.append({"url": reverse("console:import_customers"), "label": _("Import a file")})
    heading = _("Who you work for") if rows else _("No customer is known")
    return section_page(
        request,
        "customers",
        heading,
        rows=rows,
        news=news,
        pager=pager,
        filters=[search_box(asked(request, "q"), _("Name or number"))],
        clear_url=clear_url(request),
        empty_text=_("Import a file of them, or enter the first."),
    )


@staff("read_customers")
def customer(request: StaffRequest, customer_id: int) -> HttpResponse:
    """One customer: what is promised now, contracts, contacts, services."""
    shown = _customer(request, customer_id)
    promises = []
    for priority in (Priority.P1, Priority.P2, Priority.P3):
        cover = promised_now(shown.id, priority, request.at)
        until = _("until {time}").format(time=clock(cover.holds_until, request.at)) if cover.holds_until else ""
        promises.append((priority.value, str(REASON_WORDS[cover.reason]), until))
    contracts = [_contract(each) for each in shown.contracts.select_related("hours").order_by("-valid_from")]
    context = {
        "here": "settings",
        "customer": shown,
        "promises": promises,
        "contracts": contracts,
        "contacts": [_contact(each) for each in shown.contacts.select_related("pin")],
        "may_set_pin": may(request, "set_pin", shown.brand_id),
        "standings": list(STANDING_WORDS.items()),
        "may_invite": may(request, "invite_contact", shown.brand_id),
        "sees": shown.sees,
        "rules": list(RULE_WORDS.items()),
        "may_set_rule": may(request, "set_company_rule", shown.brand_id),
        "sign_in": IdentityProvider.objects.filter(customer=shown).first(),
        "may_set_sign_in": may(request, "set_identity_provider", shown.brand_id),
        "services": _services(shown),
        "reaches": reach_rows(shown),
        "unsubscribing": UnsubscribeRequest.objects.filter(contact__customer=shown, decided_at=None),
        "may_decide_unsubscribe": may(request, "decide_unsubscribe", shown.brand_id),
        "may_save_reach": may(request, "save_reach", shown.brand_id),
        "may_save_needs": may(request, "save_needs", shown.brand_id),
        "may_edit": may(request, "edit_customer", shown.brand_id),
        **_tickets(request, shown),
        "contact_form": ContactForm(prefix="contact") if may(request, "make_contact", shown.brand_id) else None,
        "contract_form": ContractForm(prefix="contract", customer=shown)
        if may(request, "make_contract", shown.brand_id)
        else None,
        "service_form": ServiceForm(prefix="service", customer=shown)
        if may(request, "make_subscription", shown.brand_id)
        else None,
    }
    return render(request, "console/customer.html", context)


def _services(shown: Customer) -> list[dict[str, Any]]:
    """What they buy, with what each needs on top of its service."""
    bought = list(shown.subscriptions.select_related("service").order_by("service__name", "label"))
    needs = needs_of(SUBSCRIPTION, [each.pk for each in bought])
    return [{"row": each, "needs": write_needs(needs[each.pk]) if each.pk in needs else ""} for each in bought]


def _contact(each: Contact) -> dict[str, Any]:
    """What stands in the list of contacts; see customer.html."""
    if each.left_at is not None:
        state, tone = _("has left"), ""
    elif each.user_id is not None:
        state, tone = str(STANDING_WORDS[each.standing]), "calm"
    elif each.invite:
        state, tone = _("invited"), "accent"
    else:
        state, tone = _("does not sign in"), ""
    can_be_invited = each.user_id is None and bool(each.email)
    return {
        "row": each,
        "state": state,
        "tone": tone,
        "can_be_invited": can_be_invited,
        "is_viewer": each.standing == "viewer",
        "has_pin": hasattr(each, "pin"),
    }


def _contact_id(shown: Customer, contact_id: int) -> int:
    """The id, if the contact is this customer's. Raises NotFound."""
    return found(Contact.objects.filter(id=contact_id, customer=shown), _("You asked for a contact.")).pk


def _tickets(request: StaffRequest, shown: Customer) -> dict[str, Any]:
    """Their tickets, what is open first, for those who may read them."""
    if not may(request, "read_tickets", shown.brand_id):
        return {"sees_tickets": False}
    theirs = str(shown.pk)
    still_open = chosen(Wanted(customer=theirs), {shown.brand_id})
    rows = rows_of(still_open[:TICKETS_SHOWN])
    if len(rows) < TICKETS_SHOWN:
        ever = rows_of(chosen(Wanted(view="all", customer=theirs), {shown.brand_id})[:TICKETS_SHOWN])
        known = {row.id for row in rows}
        rows += [row for row in ever if row.id not in known][: TICKETS_SHOWN - len(rows)]
    return {
        "sees_tickets": True,
        "tickets": [ticket_row(each, request.at) for each in rows],
        "open_tickets": count(still_open),
        "tickets_url": f"{reverse('console:tickets')}?view=all&customer={shown.pk}",
        "new_ticket_url": f"{reverse('console:new_ticket')}?customer={shown.pk}"
        if may(request, "open_ticket", shown.brand_id)
        else "",
    }


def _customer(request: StaffRequest, customer_id: int) -> Customer:
    rows = Customer.objects.filter(within(request.brands), id=customer_id).select_related("brand")
    return found(rows, _("You asked for a customer."))


def _contract(each: Contract) -> dict[str, Any]:
    ends = date_format(each.valid_until, "j M Y") if each.valid_until else _("without end")
    term = ReportTerm.objects.filter(contract=each).values_list("working_days", flat=True).first()
    return {
        "id": each.pk,
        "report_days": term,
        "name": each.name,
        "hours": each.hours,
        "cover": str(COVER_WORDS[Contract.OutOfHours(each.out_of_hours)]),
        "wakes": ", ".join(each.may_wake) or _("nobody"),
        "not_at_night": ", ".join(each.not_at_night),
        "live_answer": each.live_answer,
        "valid": _("from {start}, {end}").format(start=date_format(each.valid_from, "j M Y"), end=ends),
        "targets": [
            (
                name,
                _("answer {respond}, fix {fix}").format(respond=_span(told.get("respond")), fix=_span(told.get("fix"))),
            )
            for name, told in sorted(each.targets.items())
        ],
    }


def _span(duration: str | None) -> str:
    """An ISO 8601 duration of hours and minutes as people say it; "–" for none."""
    if not duration:
        return "–"
    return duration.removeprefix("PT").replace("H", " h ").replace("M", " min").strip()


# ---- One customer ---------------------------------------------------------------------------------------------------


class CustomerForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=160)
    ref = forms.CharField(label=gettext_lazy("Number"), max_length=40)
    zone = forms.CharField(label=gettext_lazy("Time zone"), max_length=50, required=False)
    language = forms.CharField(label=gettext_lazy("Language"), max_length=10, required=False)


class NewCustomerForm(CustomerForm):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "make_customer")  # type: ignore[attr-defined]


@form_page("make_customer")
def new_customer(request: StaffRequest) -> HttpResponse:
    """Somebody new to work for."""
    form = NewCustomerForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        brand_id = int(values.pop("brand"))
        made = make_customer(brand_id=brand_id, **values, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("{name} is a customer.").format(name=made.name), "console:customer", made.id)
    return form_in(request, "customers", form, _("New customer"), _("Enter them"))


class ChangedCustomerForm(CustomerForm):
    service_manager_id = forms.TypedChoiceField(
        label=gettext_lazy("Service manager"),
        required=False,
        coerce=int,
        empty_value=None,
        help_text=gettext_lazy("Who of ours answers when they escalate something; they see the name."),
    )
    active = forms.BooleanField(label=gettext_lazy("Is a customer"), required=False)

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ours = Person.objects.filter(Q(teams__brand=customer.brand_id) | Q(id=customer.service_manager_id), active=True)
        self.fields["service_manager_id"].choices = [("", _("nobody")), *pairs(ours.distinct())]  # type: ignore[attr-defined]


@form_page("edit_customer")
def change_customer(request: StaffRequest, customer_id: int) -> HttpResponse:
    """Change who they are."""
    shown = _customer(request, customer_id)
    names = ("name", "ref", "zone", "language", "service_manager_id", "active")
    initial = {name: getattr(shown, name) for name in names}
    form = ChangedCustomerForm(request.POST or None, initial=initial, customer=shown)
    if request.method == "POST" and form.is_valid():
        changes: Any = {name: value for name, value in form.cleaned_data.items() if value != ""}
        edit_customer(customer_id=shown.id, changes=changes, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:customer", shown.id)
    return form_in(request, "customers", form, shown.name, _("Save"))


class ContactForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    email = forms.EmailField(label=gettext_lazy("Email"), required=False)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=20, required=False)
    role = forms.CharField(label=gettext_lazy("What they do"), max_length=40, required=False)


@posting("make_contact")
def new_contact(request: StaffRequest, customer_id: int) -> HttpResponse:
    """Somebody who speaks for the customer."""
    shown = _customer(request, customer_id)
    values = checked(ContactForm(request.POST, prefix="contact"), _("You wanted to add a contact."))
    make_contact(customer_id=shown.id, **values, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Added."), "console:customer", shown.id)


@posting("invite_contact")
def invite(request: StaffRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """A contact is mailed a link that lets them in."""
    shown = _customer(request, customer_id)
    standing = request.POST.get("standing", "")
    chosen = standing if standing in STANDING_WORDS else "member"
    invite_contact(
        contact_id=_contact_id(shown, contact_id), standing=chosen, by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("A link is on its way to them."), "console:customer", shown.id)


@posting("mark_contact_left")
def contact_left(request: StaffRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """A contact speaks for the customer no more."""
    shown = _customer(request, customer_id)
    heir = request.POST.get("hand_to", "")
    mark_contact_left(
        contact_id=_contact_id(shown, contact_id),
        hand_to_id=int(heir) if heir.isascii() and heir.isdecimal() and len(heir) < 19 else None,
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("They are let in no more, from now on."), "console:customer", shown.id)


class ChangedContactForm(ContactForm):
    """Who a contact is, and what they may do."""

    standing = forms.ChoiceField(label=gettext_lazy("What they may do on their pages"), required=False)
    may_call = forms.BooleanField(
        label=gettext_lazy("May call at night"),
        required=False,
        help_text=gettext_lazy("Where the contract has an engineer woken for it."),
    )
    may_authorise = forms.BooleanField(label=gettext_lazy("May approve who gets in"), required=False)

    def __init__(self, *args: Any, contact: Contact, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if contact.standing:
            self.fields["standing"].choices = list(STANDING_WORDS.items())  # type: ignore[attr-defined]
        else:
            del self.fields["standing"]


@form_page("set_contact_standing")
def contact(request: StaffRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """Change who a contact is, and what they may do."""
    shown = _customer(request, customer_id)
    row = Contact.objects.get(id=_contact_id(shown, contact_id))
    known, rights = ("name", "email", "phone", "role"), ("standing", "may_call", "may_authorise")
    initial = {name: getattr(row, name) for name in (*known, *rights)}
    form = ChangedContactForm(request.POST or None, initial=initial, contact=row)
    if request.method == "POST" and form.is_valid():
        values: Any = form.cleaned_data
        by: Any = {"by": request.actor, "via": Door.WEB, "at": request.at}
        who: Any = {name: values[name] for name in known}
        may_do: Any = {name: values[name] for name in rights if name in values}
        try:
            change_contact(contact_id=row.pk, known=who, may_do=may_do, **by)
        except Refusal as refusal:
            field = refusal.extra.get("field")
            form.add_error(field if field in form.fields else None, f"{refusal.so} {refusal.do}")
        else:
            return done(request, _("Saved."), "console:customer", shown.id)
    return form_in(request, "customers", form, row.name, _("Save"))


@posting("confirm_contact")
def confirm_contact_here(request: StaffRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """Somebody told us that a contact still belongs there."""
    shown = _customer(request, customer_id)
    confirm_contact(contact_id=_contact_id(shown, contact_id), by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("They are confirmed for a year."), "console:customer", shown.id)


@posting("remove_mobile")
def no_mobile(request: StaffRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """The mobile is not theirs any more."""
    shown = _customer(request, customer_id)
    remove_mobile(contact_id=_contact_id(shown, contact_id), by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Nothing is texted there any more."), "console:customer", shown.id)


@posting("set_company_rule")
def company_rule(request: StaffRequest, customer_id: int) -> HttpResponse:
    """Whose tickets each of their contacts sees, where they ask us to set it."""
    shown = _customer(request, customer_id)
    sees = request.POST.get("sees", "")
    set_company_rule(customer_id=shown.id, sees=sees, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Saved."), "console:customer", shown.id)


@posting("decide_unsubscribe")
def settle_unsubscribe(request: StaffRequest, customer_id: int, request_id: int) -> HttpResponse:
    """What their owner told us about a reader of their address who wants no more notices."""
    shown = _customer(request, customer_id)
    row = found(
        UnsubscribeRequest.objects.filter(contact__customer=shown, id=request_id), _("You asked for a request.")
    )
    agreed = request.POST.get("agreed") == "yes"
    decide_unsubscribe(request_id=row.pk, agreed=agreed, by=request.actor, via=Door.WEB, at=request.at)
    said = _("No more notices go to {address}.") if agreed else _("{address} goes on getting notices.")
    return done(request, said.format(address=row.address), "console:customer", shown.id)


class ContractForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    hours = forms.ChoiceField(label=gettext_lazy("Support hours"))
    out_of_hours = forms.ChoiceField(label=gettext_lazy("Answered out of hours"), choices=list(COVER_WORDS.items()))
    may_wake = forms.MultipleChoiceField(
        label=gettext_lazy("May wake"),
        choices=[(f"P{number}", f"P{number}") for number in range(1, 5)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    not_at_night = forms.CharField(
        label=gettext_lazy("Work that is not done at night"),
        max_length=300,
        required=False,
        help_text=gettext_lazy(
            "Kinds of work, with commas between: install, move. They wait for the day at any priority."
        ),
    )
    live_answer = forms.BooleanField(
        label=gettext_lazy("Calls are answered live at night"),
        required=False,
        help_text=gettext_lazy("Without it a caller at night leaves a message, and is rung back."),
    )
    valid_from = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    valid_until = forms.DateField(
        label=gettext_lazy("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours = Hours.objects.filter(brand_id=customer.brand_id).order_by("name")
        self.fields["hours"].choices = pairs(hours)  # type: ignore[attr-defined]


@posting("make_contract")
def new_contract(request: StaffRequest, customer_id: int) -> HttpResponse:
    """What they are promised."""
    shown = _customer(request, customer_id)
    form = ContractForm(request.POST, prefix="contract", customer=shown)
    values = dict(checked(form, _("You wanted to add a contract.")))
    hours_id = int(values.pop("hours"))
    values["not_at_night"] = [word.strip() for word in values["not_at_night"].split(",") if word.strip()]
    make_contract(customer_id=shown.id, hours_id=hours_id, **values, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Added."), "console:customer", shown.id)


class ServiceForm(forms.Form):
    service = forms.ChoiceField(label=gettext_lazy("Service"))
    label = forms.CharField(
        label=gettext_lazy("Known to them as"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("A circuit number, an address."),
    )

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = Service.objects.filter(brand_id=customer.brand_id)
        self.fields["service"].choices = pairs(services)  # type: ignore[attr-defined]


@posting("make_subscription")
def new_subscription(request: StaffRequest, customer_id: int) -> HttpResponse:
    """They buy one more service."""
    shown = _customer(request, customer_id)
    values = checked(ServiceForm(request.POST, prefix="service", customer=shown), _("You wanted to add a service."))
    make_subscription(
        customer_id=shown.id,
        service_id=int(values["service"]),
        label=values["label"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return done(request, _("Added."), "console:customer", shown.id)


# ---- Many at once ---------------------------------------------------------------------------------------------------


class ImportForm(CarriedCsv):
    verb = "apply_import"
    command = "import"
    most_mb = 1


@form_page("apply_import")
def import_customers(request: StaffRequest) -> HttpResponse:
    """A file, and then what it would do."""
    form = ImportForm(request.POST or None, request.FILES or None, request=request)
    if request.method == "POST" and form.is_valid():
        content: bytes = form.cleaned_data["file"].read()
        return _preview(request, int(form.cleaned_data["brand"]), content)
    lead = _("The first line names the columns: {columns}.").format(columns=", ".join(COLUMNS))
    return form_in(request, "customers", form, _("Import customers"), _("See what it would do"), upload=True, lead=lead)


def _preview(request: StaffRequest, brand_id: int, content: bytes) -> HttpResponse:
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))
    plan = plan_import(content, brand.region)
    result = apply_import(brand_id=brand.id, plan=plan, dry_run=True, by=request.actor, via=Door.WEB, at=request.at)
    context = {
        "here": "settings",
        "brand": brand,
        "content": base64.b64encode(content).decode(),
        "lines": len(plan.rows),
        "ignored": ", ".join(plan.ignored_columns),
        "read_as": f"{plan.encoding}, {plan.delimiter}" if plan.delimiter != "\t" else f"{plan.encoding}, tab",
        "heading": _import_heading(plan, result),
        "counts": _counts(result),
        "errors": result.errors[:ERRORS_SHOWN],
        "more_errors": max(0, len(result.errors) - ERRORS_SHOWN),
    }
    return render(request, "console/import_preview.html", context)


def _import_heading(plan: ImportPlan, result: ImportResult) -> str:
    if not plan.rows:
        return _("Nothing in that file can be imported")
    if result.errors:
        return ngettext("{count} line would be left out", "{count} lines would be left out", len(result.errors)).format(
            count=len(result.errors)
        )
    return ngettext("{count} line fits", "All {count} lines fit", len(plan.rows)).format(count=len(plan.rows))


def _counts(result: ImportResult) -> list[tuple[str, int, int, int]]:
    words = {
        "customer": _("Customers"),
        "contact": _("Contacts"),
        "contract": _("Contracts"),
        "service": _("Services"),
        "subscription": _("Services bought"),
    }
    return [(words.get(kind, kind), counts.new, counts.changed, counts.same) for kind, counts in result.counts.items()]


@posting("apply_import")
def apply_customers(request: StaffRequest) -> HttpResponse:
    """The file that was shown is imported."""
    asked_for = _("You wanted to import customers.")
    try:
        content = base64.b64decode(request.POST.get("content", ""), validate=True)
        brand_id = int(request.POST.get("brand", ""))
    except (binascii.Error, ValueError):
        raise Invalid(asked_for, _("The file did not come with it."), _("Choose the file once more.")) from None
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), asked_for)
    result = apply_import(
        brand_id=brand.id, plan=plan_import(content, brand.region), by=request.actor, via=Door.WEB, at=request.at
    )
    new = sum(counts.new for counts in result.counts.values())
    changed = sum(counts.changed for counts in result.counts.values())
    text = _("Imported: {new} new, {changed} changed, {out} lines left out.")
    return done(request, text.format(new=new, changed=changed, out=len(result.errors)), "console:customers")
