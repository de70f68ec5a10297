"""A new ticket by hand, for somebody who calls: who it is, what they have, what is promised, and what is open already."""

from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.choices import brand_choices, pairs
from nightdesk.console.views.desk.forms import FilesField, ManyFiles, about_choices, about_of, as_files, tags_in
from nightdesk.console.views.desk.shown import phone_text, ticket_row
from nightdesk.console.views.desk.ticket import cover_words
from nightdesk.console.views.desk.words import GRADES, KINDS
from nightdesk.console.views.outages.shown import said_to
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, staff, within
from nightdesk.customers.models import Contact, Customer, Subscription
from nightdesk.customers.priority import Impact, Priority, Urgency, priority_of, table_with
from nightdesk.customers.promised import Cover
from nightdesk.customers.queries import promised_now
from nightdesk.desk import decide, queries
from nightdesk.desk.actions import Words, open_ticket
from nightdesk.desk.models import Queue, Ticket
from nightdesk.desk.worklist import Wanted, chosen, rows_of

FOUND = 8
SIMILAR = 6


class OpenForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("In one line"), max_length=300)
    text = forms.CharField(
        label=gettext_lazy("What they say"), max_length=200_000, widget=forms.Textarea(attrs={"rows": 6})
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=KINDS, initial="incident", widget=forms.RadioSelect)
    impact = forms.ChoiceField(
        label=gettext_lazy("Impact"),
        choices=GRADES,
        initial="medium",
        widget=forms.RadioSelect,
        help_text=gettext_lazy("How much of their work is touched."),
    )
    urgency = forms.ChoiceField(
        label=gettext_lazy("Urgency"),
        choices=GRADES,
        initial="medium",
        widget=forms.RadioSelect,
        help_text=gettext_lazy("How long putting it right can wait."),
    )
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    queue = forms.TypedChoiceField(label=gettext_lazy("Queue"), coerce=int, empty_value=None, required=False)
    work_type = forms.CharField(label=gettext_lazy("Kind of work"), max_length=60, required=False)
    tags = forms.CharField(
        label=gettext_lazy("Tags"), max_length=400, required=False, help_text=gettext_lazy("With commas between.")
    )
    needs_proof = forms.BooleanField(
        label=gettext_lazy("It changes who gets in: make sure first who asked"), required=False
    )
    attached = FilesField(label=gettext_lazy("Files"), required=False, widget=ManyFiles())

    def __init__(self, *args: Any, brand_id: int, customer: Customer | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about = about_choices(brand_id, customer.pk if customer is not None else None)
        self.fields["service"].choices = about  # type: ignore[attr-defined]
        self.fields["queue"].choices = pairs(Queue.objects.filter(brand=brand_id), _("None"))  # type: ignore[attr-defined]


class CallerForm(forms.Form):
    """Somebody whom we do not know."""

    caller = forms.CharField(label=gettext_lazy("Who calls"), max_length=200, required=False)
    address = forms.EmailField(
        label=gettext_lazy("Their email"),
        required=False,
        help_text=gettext_lazy("Without one they cannot be written to."),
    )


@form_page("open_ticket")
def new_ticket(request: StaffRequest) -> HttpResponse:
    """Somebody calls: the first page finds them, the second takes down what they say."""
    contact, customer = _who(request)
    brand_id = _brand(request, customer)
    if brand_id is None:
        return _ask_who(request)
    form = OpenForm(request.POST or None, request.FILES or None, brand_id=brand_id, customer=customer)
    caller = None if contact is not None else CallerForm(request.POST or None)
    problem: Refusal | None = None
    if request.method == "POST" and form.is_valid() and (caller is None or caller.is_valid()):
        values = form.cleaned_data
        about = about_of(values["service"])
        try:
            ticket = open_ticket(
                brand_id=brand_id,
                kind=values["kind"],
                title=values["title"],
                words=Words(values["text"].strip(), files=as_files(values["attached"])),
                customer_id=customer.pk if customer else None,
                contact_id=contact.pk if contact else None,
                requester_name=_caller_name(caller, customer),
                requester_address=caller.cleaned_data["address"] if caller else "",
                trust=Ticket.Trust.STAFF,
                service_id=about["service_id"],
                subscription_id=about["subscription_id"],
                work_type=values["work_type"],
                impact=values["impact"],
                urgency=values["urgency"],
                queue_id=values["queue"],
                tags=tags_in(values["tags"]),
                needs_proof=values["needs_proof"],
                by=request.actor,
                via=Door.WEB,
                at=request.at,
            )
        except Refusal as refusal:
            problem = refusal
        else:
            text = _("Ticket #{number} is open. Tell them the number.").format(number=ticket.number)
            to = "console:ticket" if may(request, "read_tickets", brand_id) else "console:new_ticket"
            return done(request, text, to, *([ticket.id] if to == "console:ticket" else []))
    context = {
        "here": "tickets",
        "form": form,
        "caller": caller,
        "problem": problem,
        "contact": contact,
        "phone": phone_text(contact.phone, customer.brand.region) if contact and customer else "",
        "customer": customer,
        "brand_id": brand_id,
        "promise": _promise(request, brand_id, customer, form.data or {}),
        "promise_url": reverse("console:promise"),
        "query": urlencode({"brand": brand_id, "customer": customer.pk if customer else ""}),
        "similar": _similar(request, customer, contact),
        "said": said_to(request, customer.pk if customer else None, brand_id),
        "heading": _("{name} calls").format(
            name=contact.name if contact else customer.name if customer else _("Somebody")
        ),
    }
    return render(request, "console/desk_new.html", context)


def _caller_name(caller: forms.Form | None, customer: Customer | None) -> str:
    """What somebody who is no contact is called; "" for a contact, who has a name."""
    if caller is None:
        return ""
    said = caller.cleaned_data
    unnamed = _("Somebody at {customer}").format(customer=customer.name) if customer and not said["address"] else ""
    return said["caller"] or unnamed


def _who(request: StaffRequest) -> tuple[Contact | None, Customer | None]:
    """The contact and customer that the address names, if they are of the reader's brands. Raises NotFound."""
    contact_id, customer_id = request.GET.get("contact", ""), request.GET.get("customer", "")
    if contact_id.isdecimal():
        rows = Contact.objects.filter(within(request.brands, "customer__brand_id"), id=int(contact_id), left_at=None)
        contact = found(rows.select_related("customer__brand"), _("You asked for a contact."))
        return contact, contact.customer
    if customer_id.isdecimal():
        return None, found(
            Customer.objects.filter(within(request.brands), id=int(customer_id)), _("You asked for a customer.")
        )
    return None, None


def _brand(request: StaffRequest, customer: Customer | None) -> int | None:
    """The brand of the new ticket; None where it is not known yet for whom it is."""
    if customer is not None:
        return customer.brand_id
    wanted = request.GET.get("brand", "")
    allowed = [number for number, _name in brand_choices(request.actor, "open_ticket")]
    return int(wanted) if wanted in allowed else None


def _ask_who(request: StaffRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:80]
    context = {
        "here": "tickets",
        "heading": _("Who calls?"),
        "q": text,
        "found": _found(request, text),
        "brands": brand_choices(request.actor, "open_ticket"),
        "who_url": reverse("console:who_calls"),
    }
    return render(request, "console/desk_who.html", context)


@staff("open_ticket")
def who_calls(request: StaffRequest) -> HttpResponse:
    """The customers and contacts that `?q=` may mean, as somebody types."""
    text = request.GET.get("q", "").strip()[:80]
    return render(request, "console/desk_found.html", {"found": _found(request, text), "q": text})


def _found(request: StaffRequest, text: str) -> list[dict[str, str]]:
    if not text:
        return []
    new = reverse("console:new_ticket")
    digits = "".join(letter for letter in text if letter.isdecimal()).lstrip("0")
    numbers = Q(phone__endswith=digits) if len(digits) >= 5 else Q(pk=None)
    there = {"customer__active": True, "left_at": None}
    contacts = Contact.objects.filter(within(request.brands, "customer__brand_id"), **there)
    contacts = contacts.filter(Q(name__icontains=text) | Q(email__icontains=text) | numbers).select_related("customer")
    rows = [
        {
            "title": each.name,
            "detail": " · ".join(part for part in (each.customer.name, each.role, each.email, each.phone) if part),
            "url": f"{new}?contact={each.pk}",
        }
        for each in contacts.order_by("name")[:FOUND]
    ]
    customers = Customer.objects.filter(within(request.brands), active=True)
    customers = customers.filter(Q(name__icontains=text) | Q(ref__istartswith=text))
    rows += [
        {
            "title": each.name,
            "detail": _("{ref} · somebody there").format(ref=each.ref),
            "url": f"{new}?customer={each.pk}",
        }
        for each in customers.order_by("name")[:FOUND]
    ]
    labels = Subscription.objects.filter(within(request.brands, "customer__brand_id"), label__icontains=text)
    rows += [
        {
            "title": each.label,
            "detail": f"{each.customer.name} · {each.service.name}",
            "url": f"{new}?customer={each.customer_id}",
        }
        for each in labels.select_related("customer", "service").order_by("label")[:FOUND]
    ]
    return rows[: FOUND * 2]


@staff("open_ticket")
def promise(request: StaffRequest) -> HttpResponse:
    """What would be promised for this impact and urgency, to be said before anything is saved."""
    customer_id = request.GET.get("customer", "")
    customer = None
    if customer_id.isdecimal():
        customer = found(
            Customer.objects.filter(within(request.brands), id=int(customer_id)), _("You asked for a customer.")
        )
    brand_id = _brand(request, customer)
    told = _promise(request, brand_id, customer, request.GET)
    return render(request, "console/desk_promise.html", {"promise": told})


def _promise(request: StaffRequest, brand_id: int | None, customer: Customer | None, typed: Any) -> dict[str, str]:
    """The priority of what is typed so far, and what to say of it."""
    grades = {name for name, _word in GRADES}
    impact, urgency = typed.get("impact", "medium"), typed.get("urgency", "medium")
    impact, urgency = (impact if impact in grades else "medium"), (urgency if urgency in grades else "medium")
    table = table_with(queries.rules_of(brand_id).priorities if brand_id is not None else {})
    priority = priority_of(Impact(impact), Urgency(urgency), table)
    work_type = str(typed.get("work_type", "")).strip() or None
    cover = promised_now(customer.pk if customer else None, priority, request.at, work_type)
    parts = []
    if cover.respond_by is not None:
        parts.append(_("an answer by {time}").format(time=clock(cover.respond_by, request.at)))
    if cover.fix_by is not None:
        parts.append(_("a fix by {time}").format(time=clock(cover.fix_by, request.at)))
    looked = ""
    if not parts and cover.answer_from is not None:
        looked = _("Somebody looks at it from {time}.").format(time=clock(cover.answer_from, request.at))
    return {
        "priority": priority.value,
        "cover": cover_words(cover, request.at),
        "say": _("You may promise {what}.").format(what=_(" and ").join(parts)) if parts else looked,
        "wakes": _("An engineer is paged when you save it.") if _wakes(cover, priority) else "",
    }


def _wakes(cover: Cover, priority: Priority) -> bool:
    return decide.wakes(
        int(priority[1:]),
        may_page_now=cover.may_page_now,
        open_now=cover.open_now,
        trusted=True,
        waits_for_day=False,
        automatic=False,
    )


def _similar(request: StaffRequest, customer: Customer | None, contact: Contact | None) -> list[dict[str, Any]]:
    """What is open for them already: the contact's own first."""
    if customer is None:
        return []
    wanted = Wanted(customer=str(customer.pk))
    rows = rows_of(chosen(wanted, {customer.brand_id})[: SIMILAR * 4])
    if contact is not None:
        rows.sort(key=lambda row: row.contact_id != contact.pk)
    return [ticket_row(row, request.at) for row in rows[:SIMILAR]]
