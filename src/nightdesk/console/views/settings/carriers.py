"""Carriers whose notices are read, and what is agreed about planned work: notice, freezes, and who gets MAINTNOTE."""

from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.console.views.choices import brand_choices, pairs
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
from nightdesk.customers.models import Contact, Contract, Customer
from nightdesk.outages import carrier_actions, work_queries, work_rule_actions
from nightdesk.outages.foreign_formats import PARSERS, is_set_up
from nightdesk.outages.models import Carrier, Freeze, MaintnoteWish, WorkRules, WorkTerms
from nightdesk.people.models import Team


@staff("read_carriers")
def carriers(request: StaffRequest) -> HttpResponse:
    """Whose notices are read, and by whom."""
    rows = [
        row(
            one.name,
            reverse("console:carrier", args=[one.pk]) if may(request, "save_carrier", one.brand_id) else "",
            " · ".join(part for part in (one.brand.name, ", ".join(one.senders)) if part),
            [{"text": one.parser or "MAINTNOTE", "tone": "" if not one.parser or is_set_up() else "fire"}],
        )
        for one in Carrier.objects.filter(within(request.brands)).select_related("brand")
    ]
    news = []
    if may_somewhere(request, "save_carrier"):
        news.append({"url": reverse("console:new_carrier"), "label": _("New carrier")})
    count = ngettext("{count} carrier is read", "{count} carriers are read", len(rows)).format(count=len(rows))
    note = _("What a carrier announces by mail becomes planned work of ours, for somebody to decide on.")
    if any(one["tags"][0]["tone"] == "fire" for one in rows):
        note += " " + _("Their own formats are not read: NIGHTDESK_CARRIER_PARSER is not set.")
    return section_page(
        request,
        "carriers",
        count if rows else _("No carrier is read yet"),
        rows=rows,
        news=news,
        note=note,
        empty_text=_(
            "Add a carrier with the address that its notices come from. Circuits are matched by the carrier’s number."
        ),
    )


class CarrierForm(forms.Form):
    """Who it is, and where its notices come from."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("As your circuits have it for their carrier."),
    )
    names = forms.CharField(
        label=gettext_lazy("Its other names"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One a line: what it was called before, or calls itself in notices."),
    )
    senders = forms.CharField(
        label=gettext_lazy("Its notices come from"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One a line: noc@carrier.example, or @carrier.example."),
    )
    parser = forms.ChoiceField(
        label=gettext_lazy("Their format"),
        required=False,
        choices=[("", gettext_lazy("MAINTNOTE, or none that is read")), *((one, one) for one in PARSERS)],
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "save_carrier")  # type: ignore[attr-defined]


@form_page("save_carrier")
def new_carrier(request: StaffRequest) -> HttpResponse:
    """One more whose notices are read."""
    return _save_carrier(request, CarrierForm(request.POST or None, request=request), None)


@form_page("save_carrier")
def carrier(request: StaffRequest, carrier_id: int) -> HttpResponse:
    """What is known of one, to be changed."""
    shown = found(Carrier.objects.filter(within(request.brands), id=carrier_id), _("You asked for a carrier."))
    initial = {
        "brand": str(shown.brand_id),
        "name": shown.name,
        "names": "\n".join(shown.names),
        "senders": "\n".join(shown.senders),
        "parser": shown.parser,
    }
    return _save_carrier(request, CarrierForm(request.POST or None, initial=initial, request=request), shown)


def _save_carrier(request: StaffRequest, form: CarrierForm, shown: Carrier | None) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        saved = carrier_actions.save_carrier(
            brand_id=int(values["brand"]),
            carrier_id=shown.pk if shown else None,
            name=values["name"],
            names=values["names"].splitlines(),
            senders=values["senders"].splitlines(),
            parser=values["parser"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{name} is read from now on.").format(name=saved.name), "console:carriers")
    return form_in(request, "carriers", form, shown.name if shown else _("New carrier"), _("Save"))


@posting("remove_carrier")
def remove_carrier(request: StaffRequest, carrier_id: int) -> HttpResponse:
    """Its mails are as anybody's."""
    shown = found(Carrier.objects.filter(within(request.brands), id=carrier_id), _("You asked for a carrier."))
    carrier_actions.remove_carrier(carrier_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is read no more.").format(name=shown.name), "console:carriers")


# --- What is agreed --------------------------------------------------------------------------------------------------


@staff("read_customers")
def work_settings(request: StaffRequest) -> HttpResponse:
    """Each brand's rules, the freezes, contracts with a notice of their own, and who gets MAINTNOTE."""
    mine = within(request.brands)
    rows = []
    for brand in Brand.objects.filter(within(request.brands, "id")).order_by("name"):
        rules = work_queries.work_rules_of(brand.pk)
        hours = ", ".join(str(one) for one in rules.remind_hours)
        detail = [
            ngettext("told {count} day before", "told {count} days before", rules.notice_days).format(
                count=rules.notice_days
            ),
            _("reminded {hours} h before").format(hours=hours) if hours else _("not reminded"),
            _("planned by {team}").format(team=rules.planners.name) if rules.planners else _("nobody plans it"),
        ]
        url = reverse("console:work_rules", args=[brand.pk]) if may(request, "save_work_rules", brand.pk) else ""
        rows.append(row(brand.name, url, " · ".join(detail), [{"text": _("rules"), "tone": ""}]))
    for freeze in Freeze.objects.filter(mine).select_related("customer", "brand"):
        whose = freeze.customer.name if freeze.customer else freeze.brand.name
        remove = []
        if may(request, "remove_freeze", freeze.brand_id):
            remove = [{"label": _("Remove"), "url": reverse("console:remove_freeze", args=[freeze.pk])}]
        days = f"{freeze.first_day:%a %d %b %Y} – {freeze.last_day:%a %d %b %Y}"
        rows.append(row(freeze.name, "", f"{whose} · {days}", [{"text": _("freeze"), "tone": "sky"}], remove))
    terms = WorkTerms.objects.filter(within(request.brands, "contract__customer__brand_id"))
    for one in terms.select_related("contract__customer").order_by("contract__customer__name"):
        told = ngettext("{count} day’s notice", "{count} days’ notice", one.notice_days).format(count=one.notice_days)
        url = reverse("console:customer", args=[one.contract.customer_id])
        rows.append(row(one.contract.customer.name, url, told, [{"text": _("contract"), "tone": ""}]))
    wishes = MaintnoteWish.objects.filter(within(request.brands, "contact__customer__brand_id"))
    for wish in wishes.select_related("contact__customer").order_by("contact__customer__name", "contact__name"):
        contact = wish.contact
        detail_text = f"{contact.customer.name} · {contact.email}" + (f" · {wish.method}" if wish.method else "")
        remove = []
        if may(request, "set_maintnote_wish", contact.customer.brand_id):
            remove = [{"label": _("No longer"), "url": reverse("console:no_maintnote", args=[contact.pk])}]
        rows.append(row(contact.name, "", detail_text, [{"text": "MAINTNOTE", "tone": "calm"}], remove))
    news = [
        {"url": reverse(f"console:{view}"), "label": label}
        for view, verb, label in (
            ("new_freeze", "save_freeze", _("Set a freeze")),
            ("set_notice", "save_work_terms", _("Set a contract’s notice")),
            ("give_maintnote", "set_maintnote_wish", _("Give somebody MAINTNOTE")),
        )
        if may_somewhere(request, verb)
    ]
    note = _("Work that clashes with a notice or a freeze is announced only with a reason.")
    return section_page(
        request, "work_settings", _("What is agreed about planned work"), rows=rows, news=news, note=note
    )


class RulesForm(forms.Form):
    """How a brand tells of planned work."""

    notice_days = forms.IntegerField(
        label=gettext_lazy("Days before that customers are told"),
        min_value=0,
        max_value=365,
        help_text=gettext_lazy("Where a contract says nothing else."),
    )
    remind_hours = forms.CharField(
        label=gettext_lazy("Reminders, in hours before"),
        required=False,
        help_text=gettext_lazy("With commas: 168, 24. Empty: none."),
    )
    planners = forms.ChoiceField(
        label=gettext_lazy("Who plans it"),
        required=False,
        help_text=gettext_lazy("This team hears of what carriers announce, and of what clashes."),
    )
    provider = forms.CharField(
        label=gettext_lazy("Our name in MAINTNOTE"),
        required=False,
        max_length=120,
        help_text=gettext_lazy("Usually our domain. Empty: that of our mail address."),
    )
    organizer = forms.EmailField(
        label=gettext_lazy("Whom it names to ask"),
        required=False,
        help_text=gettext_lazy("Empty: our mail address."),
    )

    def clean_remind_hours(self) -> list[int]:
        """Whole hours."""
        try:
            return [int(part) for part in str(self.cleaned_data["remind_hours"]).replace(",", " ").split()]
        except ValueError as wrong:
            raise forms.ValidationError(_("Give whole hours, with commas.")) from wrong


@form_page("save_work_rules")
def work_rules(request: StaffRequest, brand_id: int) -> HttpResponse:
    """How the brand tells of planned work."""
    brand = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))
    rules: WorkRules = work_queries.work_rules_of(brand.pk)
    initial = {
        "notice_days": rules.notice_days,
        "remind_hours": ", ".join(str(one) for one in rules.remind_hours),
        "planners": str(rules.planners_id or ""),
        "provider": rules.provider,
        "organizer": rules.organizer,
    }
    form = RulesForm(request.POST or None, initial=initial)
    form.fields["planners"].choices = pairs(Team.objects.filter(brand=brand), _("Nobody"))  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        work_rule_actions.save_work_rules(
            brand_id=brand.pk,
            provider=values["provider"],
            organizer=values["organizer"],
            notice_days=values["notice_days"],
            remind_hours=values["remind_hours"],
            planners_id=int(values["planners"]) if values["planners"] else None,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("So it is told from now on."), "console:work_settings")
    heading = _("How {brand} tells of planned work").format(brand=brand.name)
    return form_in(request, "work_settings", form, heading, _("Save"))


class FreezeForm(forms.Form):
    """When nothing is done."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("What for"), max_length=120)
    first_day = forms.DateField(label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(label=gettext_lazy("Last day"), widget=forms.DateInput(attrs={"type": "date"}))
    customer = forms.CharField(
        label=gettext_lazy("Customer’s number"),
        required=False,
        max_length=40,
        help_text=gettext_lazy("Empty: it holds for all of the brand."),
    )


@form_page("save_freeze")
def new_freeze(request: StaffRequest) -> HttpResponse:
    """Days on which no work is done."""
    form = FreezeForm(request.POST or None)
    form.fields["brand"].choices = brand_choices(request.actor, "save_freeze")  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        brand_id = int(values["brand"])
        customer = _customer(values["customer"], Q(brand=brand_id)) if values["customer"] else None
        work_rule_actions.save_freeze(
            brand_id=brand_id,
            name=values["name"],
            first_day=values["first_day"],
            last_day=values["last_day"],
            customer_id=customer.pk if customer else None,
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("No work is announced there without a reason."), "console:work_settings")
    return form_in(request, "work_settings", form, _("Set a freeze"), _("Set it"))


@posting("remove_freeze")
def remove_freeze(request: StaffRequest, freeze_id: int) -> HttpResponse:
    """It is no more."""
    one = found(Freeze.objects.filter(within(request.brands), id=freeze_id), _("You asked for a freeze."))
    work_rule_actions.remove_freeze(freeze_id=one.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is removed.").format(name=one.name), "console:work_settings")


class NoticeForm(forms.Form):
    """A contract's own notice."""

    customer = forms.CharField(label=gettext_lazy("Customer’s number"), max_length=40)
    notice_days = forms.IntegerField(
        label=gettext_lazy("Days before"),
        required=False,
        min_value=0,
        max_value=365,
        help_text=gettext_lazy("Empty: as the brand’s rules say."),
    )


@form_page("save_work_terms")
def set_notice(request: StaffRequest) -> HttpResponse:
    """How long before planned work a customer is told, by their latest contract."""
    form = NoticeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        customer = _customer(form.cleaned_data["customer"], within(request.brands))
        contract = found(
            Contract.objects.filter(customer=customer).order_by("-valid_from"), _("A contract’s notice was to be set.")
        )
        days = form.cleaned_data["notice_days"]
        work_rule_actions.save_work_terms(
            contract_id=contract.pk, notice_days=days, by=request.actor, via=Door.WEB, at=request.at
        )
        return done(request, _("Set for {name}.").format(name=customer.name), "console:work_settings")
    return form_in(request, "work_settings", form, _("Set a contract’s notice"), _("Set it"))


class MaintnoteForm(forms.Form):
    """Who gets the file, and how."""

    email = forms.EmailField(label=gettext_lazy("The contact’s mail address"))
    method = forms.ChoiceField(
        label=gettext_lazy("Calendars"),
        required=False,
        choices=[
            ("", gettext_lazy("Leave it to be put in (as the standard asks)")),
            ("PUBLISH", gettext_lazy("Show it as an entry (PUBLISH)")),
            ("REQUEST", gettext_lazy("Ask whether they accept (REQUEST)")),
        ],
    )


@form_page("set_maintnote_wish")
def give_maintnote(request: StaffRequest) -> HttpResponse:
    """Somebody's programs read MAINTNOTE."""
    form = MaintnoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        contacts = Contact.objects.filter(
            within(request.brands, "customer__brand_id"), email__iexact=form.cleaned_data["email"], left_at=None
        )
        contact = found(contacts.order_by("id"), _("You asked for a contact."))
        work_rule_actions.set_maintnote_wish(
            contact_id=contact.pk, wanted=True, method=form.cleaned_data["method"], by=request.actor, via=Door.WEB,
            at=request.at,
        )  # fmt: skip
        return done(request, _("{name} gets it from now on.").format(name=contact.name), "console:work_settings")
    lead = _("It comes with each notice of planned work: one file, with that customer’s own objects only.")
    return form_in(request, "work_settings", form, _("Give somebody MAINTNOTE"), _("Give it"), lead=lead)


@posting("set_maintnote_wish")
def no_maintnote(request: StaffRequest, contact_id: int) -> HttpResponse:
    """Notices come without the file."""
    rows = Contact.objects.filter(within(request.brands, "customer__brand_id"), id=contact_id)
    contact = found(rows, _("You asked for a contact."))
    work_rule_actions.set_maintnote_wish(
        contact_id=contact.pk, wanted=False, by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("{name} gets none from now on.").format(name=contact.name), "console:work_settings")


def _customer(ref: str, brands: Q) -> Customer:
    customer = Customer.objects.filter(brands, ref__iexact=ref.strip()).order_by("id").first()
    if customer is None:
        raise NotFound(_("A customer was named."), _("Nobody has that number."), _("Look at the list of customers."))
    return customer
