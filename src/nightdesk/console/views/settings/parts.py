"""Parts: what can fail, what needs what, and what would happen if."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.checked import lines_of
from nightdesk.console.views.choices import brand_choices, pairs
from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    clear_url,
    counted_text,
    csv_url,
    one_page,
    search_box,
    select,
)
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
from nightdesk.customers.models import Customer, Service, Subscription
from nightdesk.outages import part_actions, part_queries
from nightdesk.outages.effect import PART, SERVICE, SUBSCRIPTION, Effect, Owner
from nightdesk.outages.models import FailedPart, Need, Outage, Part
from nightdesk.outages.needs_text import Unreadable, key_from, read_needs, write_needs

KINDS = {
    "site": gettext_lazy("Site"),
    "rack": gettext_lazy("Rack"),
    "device": gettext_lazy("Device"),
    "circuit": gettext_lazy("Circuit"),
    "upstream": gettext_lazy("Upstream"),
    "shared": gettext_lazy("Shared service"),
}
STATES = {
    "failing": gettext_lazy("In an open outage"),
    "unneeded": gettext_lazy("Nothing needs them"),
    "retired": gettext_lazy("Retired"),
}
EFFECTS = {
    Effect.DOWN: gettext_lazy("does not work"),
    Effect.DEGRADED: gettext_lazy("works badly"),
    Effect.REDUCED: gettext_lazy("works, with nothing to spare"),
}
SHOWN = 20
HOW_TO_NEED = gettext_lazy(
    "One need a line. Keys with spaces between: all of them. “any of up1 up2”: one is enough. “2 of mx1 mx2 mx3”: two are."
)


def _tag(effect: Effect) -> dict[str, str]:
    """How bad it would be, as a tag; without a colour, as it is not so."""
    return {"text": str(EFFECTS[effect]), "tone": ""}


def _count_words(effect: Effect, count: int) -> str:
    """So many of what customers buy are so."""
    words = {
        Effect.DOWN: ngettext("{count} does not work", "{count} do not work", count),
        Effect.DEGRADED: ngettext("{count} works badly", "{count} work badly", count),
        Effect.REDUCED: ngettext("{count} works, with nothing to spare", "{count} work, with nothing to spare", count),
    }
    return words[effect].format(count=counted_text(count))


def _all(request: StaffRequest) -> QuerySet[Part]:
    return Part.objects.filter(within(request.brands)).select_related("brand")


def _failing(request: StaffRequest) -> QuerySet[FailedPart]:
    return FailedPart.objects.filter(within(request.brands, "outage__brand_id"), outage__resolved_at=None)


def _chosen(request: StaffRequest) -> QuerySet[Part]:
    rows = _all(request)
    state = asked(request, "state", STATES)
    rows = rows.filter(retired_at__isnull=state != "retired")
    if state == "failing":
        rows = rows.filter(id__in=_failing(request).values("part"))
    elif state == "unneeded":
        rows = part_queries.unneeded(rows)
    if text := asked(request, "q"):
        named = Q(key__icontains=text) | Q(name__icontains=text) | Q(provider_ref__icontains=text)
        rows = rows.filter(named | Q(aliases__contains=[text.lower()]))
    if kind := asked(request, "kind", KINDS):
        rows = rows.filter(kind=kind)
    return rows.order_by("key", "id")


@staff("read_parts")
def parts(request: StaffRequest) -> HttpResponse:
    """What can fail, and what each needs."""
    chosen = _chosen(request)
    here, pager = one_page(request, chosen)
    failing = set(_failing(request).values_list("part_id", flat=True))
    needs = part_queries.needs_of(PART, [each.pk for each in here])
    filtered = clear_url(request)
    heading = _("No part is in an outage")
    if failing:
        text = ngettext("{count} part is in an open outage", "{count} parts are in an open outage", len(failing))
        heading = text.format(count=counted_text(len(failing)))
    if not here:
        heading = _("No part is like that") if filtered else _("No part is known yet")
    news = []
    if here or filtered:
        news.append({"url": reverse("console:what_if"), "label": _("What would happen if")})
        news.append({"url": reverse("console:service_needs_list"), "label": _("What services need")})
    if may_somewhere(request, "save_part"):
        news.append({"url": reverse("console:new_part"), "label": _("New part")})
    if may_somewhere(request, "apply_parts_import"):
        news.append({"url": reverse("console:import_parts"), "label": _("Import a file")})
        news.append({"url": reverse("console:import_netbox"), "label": _("From NetBox")})
    return section_page(
        request,
        "parts",
        heading,
        rows=[
            row(
                each.name if each.name.lower() == each.key else f"{each.name} · {each.key}",
                reverse("console:part", args=[each.pk]),
                _needs_words(needs.get(each.pk, ())),
                _tags(each, failing=each.pk in failing),
            )
            for each in here
        ],
        pager=pager,
        news=news,
        filters=[
            search_box(asked(request, "q"), _("Key, name, carrier's number")),
            select("kind", _("Kind"), asked(request, "kind", KINDS), _words(KINDS), _("Every kind")),
            select("state", _("State"), asked(request, "state", STATES), _words(STATES), _("In use")),
        ],
        clear_url=filtered,
        csv_url=csv_url(request, reverse("console:parts_csv")),
        empty_text=_(
            "Import a list of your sites, devices and circuits, or take them from NetBox. Then a failure says by itself which "
            "customers it touches."
        ),
    )


def _words(choices: Mapping[str, Any]) -> dict[str, str]:
    return {value: str(text) for value, text in choices.items()}


def _needs_words(needs: Sequence[Any]) -> str:
    return _("needs {what}").format(what=write_needs(needs)) if needs else ""


def _tags(each: Part, *, failing: bool) -> list[dict[str, str]]:
    tags = [{"text": str(KINDS[each.kind]), "tone": ""}]
    if each.public:
        tags.append({"text": _("public"), "tone": "sky"})
    if failing:
        tags.append({"text": _("in an outage"), "tone": "fire"})
    if each.retired_at is not None:
        tags.append({"text": _("retired"), "tone": ""})
    return tags


@staff("read_parts")
def parts_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file, as an import takes it."""
    header = [
        "key",
        "name",
        "kind",
        "aliases",
        "provider",
        "provider_ref",
        "public_name",
        "position",
        "needs",
        "retired",
    ]
    chosen = list(_chosen(request)[:EXPORTED])
    needs = part_queries.needs_of(PART, [each.pk for each in chosen])
    rows = (
        [
            each.key, each.name, each.kind, ";".join(each.aliases), each.provider, each.provider_ref,
            each.public_name, each.position, write_needs(needs.get(each.pk, ())), "yes" if each.retired_at else "no",
        ]
        for each in chosen
    )  # fmt: skip
    return as_csv("parts", header, rows)


# ---- One part -------------------------------------------------------------------------------------------------------


def _one(request: StaffRequest, part_id: int) -> Part:
    return found(_all(request).filter(id=part_id), _("You asked for a part."))


@staff("read_parts")
def part(request: StaffRequest, part_id: int) -> HttpResponse:
    """One part: what it needs, what needs it, whom its failure touches, and the outages that are about it."""
    shown = _one(request, part_id)
    needing = part_queries.needed_by(shown.pk)
    supposed = part_queries.what_if(shown.brand_id, {shown.pk: Effect.DOWN})
    outages = Outage.objects.filter(failed__part=shown).order_by("-began_at")[:SHOWN]
    changes = may(request, "save_part", shown.brand_id)
    context = {
        "here": "settings",
        "crumbs": _crumbs(),
        "part": shown,
        "tags": _tags(shown, failing=any(outage.is_open for outage in outages)),
        "facts": [
            (label, value)
            for label, value in (
                (_("Key"), shown.key),
                (_("In monitoring"), ", ".join(shown.aliases)),
                (_("Carrier"), " · ".join(filter(None, [shown.provider, shown.provider_ref]))),
                (_("On the public page"), shown.public_name),
                (_("Brand"), shown.brand.name),
                (_("Retired"), date_format(shown.retired_at, "j M Y") if shown.retired_at else ""),
            )
            if value
        ],
        "needs": _shown_needs(shown.brand_id, part_queries.needs_of(PART, [shown.pk]).get(shown.pk, ())),
        "needing": [_owner_row(each) for each in needing[:SHOWN]],
        "more_needing": max(0, needing.count() - SHOWN),
        "supposed": _told(supposed, [shown.pk]),
        "what_if_url": f"{reverse('console:what_if')}?brand={shown.brand_id}&parts={shown.key}",
        "outages": [{"outage": each, "open": each.is_open} for each in outages],
        "buttons": [
            {"label": _("Change"), "url": reverse("console:change_part", args=[shown.pk]), "get": True},
            *(
                [{"label": _("Say what it needs"), "url": reverse("console:part_needs", args=[shown.pk]), "get": True}]
                if shown.retired_at is None
                else []
            ),
        ]
        if changes
        else [],
        "retire": {"label": _("Retire it"), "url": reverse("console:retire_part", args=[shown.pk]), "tone": "fire"}
        if shown.retired_at is None and may(request, "retire_part", shown.brand_id)
        else None,
    }
    return render(request, "console/part.html", context)


def _crumbs() -> list[dict[str, str]]:
    return [
        {"url": reverse("console:settings"), "label": _("Settings")},
        {"url": reverse("console:parts"), "label": _("Parts")},
    ]


def _shown_needs(brand_id: int, needs: Sequence[Any]) -> list[dict[str, Any]]:
    """Each need: how many of its parts, and these."""
    keys = {key for need in needs for key in need.keys}
    rows = {each.key: each for each in Part.objects.filter(brand=brand_id, key__in=keys)}
    told = []
    for need in needs:
        words = _("all of these") if len(need.keys) > 1 else ""
        if need.at_least is not None:
            words = _("{count} of these {all}").format(count=need.at_least, all=len(need.keys))
        told.append({"words": words, "parts": [rows[key] for key in need.keys]})
    return told


def _owner_row(need: Need) -> dict[str, str]:
    if need.part is not None:
        return row(need.part.name, reverse("console:part", args=[need.part.pk]), need.part.key)
    if need.service is not None:
        return row(need.service.name, reverse("console:service_needs", args=[need.service.pk]), _("all who buy it"))
    bought = need.subscription
    if bought is None:
        return row("")
    detail = " · ".join(filter(None, [bought.service.name, bought.label]))
    return row(bought.customer.name, reverse("console:customer", args=[bought.customer_id]), detail)


def _told(supposed: part_queries.Supposed, failed: Collection[int]) -> dict[str, Any]:
    """What would happen, in words; see parts/supposed.html."""
    by_effect = [
        (_tag(effect), counted_text(list(supposed.customers.values()).count(effect)))
        for effect in sorted(set(supposed.customers.values()), reverse=True)
    ]
    others = [(each, effect) for each, effect in supposed.parts if each.pk not in failed]
    if supposed.customers:
        text = ngettext("{count} customer would feel it", "{count} customers would feel it", len(supposed.customers))
        heading = text.format(count=counted_text(len(supposed.customers)))
    else:
        heading = _("Nobody would feel it")
    return {
        "heading": heading,
        "customers": by_effect,
        "contacts": counted_text(supposed.contacts),
        "subscriptions": counted_text(supposed.subscriptions),
        "services": [
            {
                "name": each.service.name,
                "tag": _tag(each.effect),
                "words": each.words.text,
                "workaround": each.words.workaround,
                "counts": [_count_words(one, count) for one, count in each.subscriptions.items()],
                "customers": counted_text(each.customers),
            }
            for each in supposed.services
        ],
        "parts": [{"part": each, "tag": _tag(effect)} for each, effect in others[:SHOWN]],
        "more_parts": max(0, len(others) - SHOWN),
    }


class PartForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    key = forms.CharField(
        label=gettext_lazy("Key"),
        max_length=120,
        required=False,
        help_text=gettext_lazy(
            "What lists and imports call it: letters, digits and . _ : / + - Made from the name if empty."
        ),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=list(KINDS.items()))
    aliases = forms.CharField(
        label=gettext_lazy("Names in monitoring"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line. An alarm that names one of them is about this part."),
    )
    provider = forms.CharField(label=gettext_lazy("Carrier"), max_length=120, required=False)
    provider_ref = forms.CharField(
        label=gettext_lazy("Their number for it"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("As it stands in their notices of planned work."),
    )
    public_name = forms.CharField(
        label=gettext_lazy("Name on the public status page"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Empty: it does not stand there."),
    )
    position = forms.IntegerField(
        label=gettext_lazy("Place on that page"), min_value=0, max_value=999_999, required=False, initial=0
    )

    def __init__(self, *args: Any, request: StaffRequest, part: Part | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if part is None:
            self.fields["brand"].choices = brand_choices(request.actor, "save_part")  # type: ignore[attr-defined]
        else:
            del self.fields["brand"]


def _save(request: StaffRequest, form: PartForm, brand_id: int, part_id: int | None) -> Part | None:
    """The part; None where it was refused, which then stands in the form."""
    values = {name: value for name, value in form.cleaned_data.items() if name != "brand"}
    values["aliases"] = lines_of(values["aliases"])
    values["position"] = values["position"] or 0
    values["key"] = values["key"] or key_from(values["name"])
    try:
        return part_actions.save_part(
            brand_id=brand_id, part_id=part_id, **values, by=request.actor, via=Door.WEB, at=request.at
        )
    except Refusal as refusal:
        form.add_error(None, f"{refusal.so} {refusal.do}")
        return None


@form_page("save_part")
def new_part(request: StaffRequest) -> HttpResponse:
    """Something that can fail."""
    form = PartForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        made = _save(request, form, int(form.cleaned_data["brand"]), None)
        if made is not None:
            return done(request, _("It is on the list. Say what it needs."), "console:part_needs", made.pk)
    return form_in(request, "parts", form, _("New part"), _("Put it on the list"))


@form_page("save_part")
def change_part(request: StaffRequest, part_id: int) -> HttpResponse:
    """What it is called, and by whom."""
    shown = _one(request, part_id)
    names = ("name", "key", "kind", "provider", "provider_ref", "public_name", "position")
    initial = {name: getattr(shown, name) for name in names} | {"aliases": "\n".join(shown.aliases)}
    form = PartForm(request.POST or None, request=request, part=shown, initial=initial)
    if request.method == "POST" and form.is_valid() and _save(request, form, shown.brand_id, shown.pk) is not None:
        return done(request, _("Saved."), "console:part", shown.pk)
    label = _("Save it") if shown.retired_at is None else _("Take it into use again")
    return form_in(request, "parts", form, shown.name, label, cancel_url=reverse("console:part", args=[shown.pk]))


@posting("retire_part")
def retire_part(request: StaffRequest, part_id: int) -> HttpResponse:
    """It is in use no more."""
    shown = _one(request, part_id)
    part_actions.retire_part(part_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{name}” is retired.").format(name=shown.name), "console:parts")


# ---- Needs ----------------------------------------------------------------------------------------------------------


class NeedsForm(forms.Form):
    needs = forms.CharField(
        label=gettext_lazy("What it needs"),
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "none"}),
        help_text=HOW_TO_NEED,
    )


def _needs_form(
    request: StaffRequest, owner: Owner, heading: str, back: str, *args: Any, lead: str = "", may_change: bool = True
) -> HttpResponse:
    kind, number = owner
    standing = part_queries.needs_of(kind, [number]).get(number, ())
    form = NeedsForm(request.POST or None, initial={"needs": write_needs(standing, "\n") if standing else ""})
    if request.method == "POST" and form.is_valid():
        try:
            wanted = read_needs(form.cleaned_data["needs"].replace("\r", ""))
            part_actions.save_needs(owner=owner, needs=wanted, by=request.actor, via=Door.WEB, at=request.at)
            return done(request, _("Saved."), back, *args)
        except Unreadable as bad:
            form.add_error("needs", f"“{bad.what}”: {bad.so} {bad.do}")
        except Refusal as refusal:
            form.add_error("needs", f"{refusal.so} {refusal.do}")
    if not may_change:
        form.fields["needs"].disabled = True
    label = _("Save it") if may_change else ""
    return form_in(request, "parts", form, heading, label, lead=lead, cancel_url=reverse(back, args=args))


@form_page("save_needs")
def part_needs(request: StaffRequest, part_id: int) -> HttpResponse:
    """What a part needs to work."""
    shown = _one(request, part_id)
    heading = _("What {name} needs").format(name=shown.name)
    return _needs_form(request, (PART, shown.pk), heading, "console:part", shown.pk)


@staff("read_parts")
def service_needs_list(request: StaffRequest) -> HttpResponse:
    """What each service needs, for all who buy it."""
    services = Service.objects.filter(within(request.brands)).select_related("brand").order_by("name", "id")
    if text := asked(request, "q"):
        services = services.filter(Q(name__icontains=text) | Q(key__icontains=text))
    here, pager = one_page(request, services)
    needs = part_queries.needs_of(SERVICE, [each.pk for each in here])
    without = services.filter(needs=None).count()
    heading = _("Every service says what it needs")
    if without:
        text = ngettext(
            "{count} service does not say what it needs", "{count} services do not say what they need", without
        )
        heading = text.format(count=counted_text(without))
    if not here:
        heading = _("No service is like that") if clear_url(request) else _("No service is known yet")
    return section_page(
        request,
        "parts",
        heading,
        rows=[
            row(
                each.name,
                reverse("console:service_needs", args=[each.pk]),
                _needs_words(needs.get(each.pk, ()))
                or _("What each customer's own needs is said on the customer's page."),
                [] if each.pk in needs else [{"text": _("needs nothing yet"), "tone": "accent"}],
            )
            for each in here
        ],
        pager=pager,
        news=[{"url": reverse("console:parts"), "label": _("All parts")}],
        filters=[search_box(asked(request, "q"), _("Name or key"))],
        clear_url=clear_url(request),
        csv_url=csv_url(request, reverse("console:service_needs_csv")),
        empty_text=_("Services come with customers: enter one, or import a file of them."),
    )


@staff("read_parts")
def service_needs_csv(request: StaffRequest) -> HttpResponse:
    """What services and customers need as a file, as an import takes it."""
    services = list(Service.objects.filter(within(request.brands)).order_by("name", "id"))
    needs = part_queries.needs_of(SERVICE, [each.pk for each in services])
    bought = Subscription.objects.filter(within(request.brands, "customer__brand_id")).exclude(needs=None)
    rows = list(bought.select_related("customer", "service").order_by("customer__name", "id")[:EXPORTED])
    theirs = part_queries.needs_of(SUBSCRIPTION, [each.pk for each in rows])
    lines = [["", each.key, "", write_needs(needs.get(each.pk, ()))] for each in services]
    lines += [[each.customer.ref, each.service.key, each.label, write_needs(theirs[each.pk])] for each in rows]
    return as_csv("needs", ["customer", "service", "label", "needs"], lines)


@form_page("read_parts")
def service_needs(request: StaffRequest, service_id: int) -> HttpResponse:
    """What a service needs, for all who buy it."""
    shown = found(Service.objects.filter(within(request.brands), id=service_id), _("You asked for a service."))
    return _needs_form(
        request,
        (SERVICE, shown.pk),
        _("What {name} needs").format(name=shown.name),
        "console:service_needs_list",
        lead=_("For all who buy it. What one customer's own needs on top is said on the customer's page."),
        may_change=may(request, "save_needs", shown.brand_id),
    )


@form_page("save_needs")
def subscription_needs(request: StaffRequest, customer_id: int, subscription_id: int) -> HttpResponse:
    """What one customer's service needs on top."""
    rows = Subscription.objects.filter(within(request.brands, "customer__brand_id"), customer=customer_id)
    shown = found(
        rows.filter(id=subscription_id).select_related("customer", "service"), _("You asked for what they buy.")
    )
    return _needs_form(
        request,
        (SUBSCRIPTION, shown.pk),
        _("What {name} needs").format(name=part_queries.name_of_subscription(shown)),
        "console:customer",
        shown.customer_id,
        lead=_(
            "On top of what the service needs for everybody: the circuit, the switch, the rack that are theirs alone."
        ),
    )


# ---- Reach ----------------------------------------------------------------------------------------------------------

CHANNELS = {"email": gettext_lazy("Email"), "sms": gettext_lazy("Texts"), "voice": gettext_lazy("Calls")}


class ReachForm(forms.Form):
    channel = forms.ChoiceField(label=gettext_lazy("What"), choices=list(CHANNELS.items()))
    whose = forms.TypedChoiceField(label=gettext_lazy("Whose"), coerce=int, empty_value=None, required=False)
    over = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Runs over"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "While one of these is down, what is sent that way does not count as told. None chosen: over nothing of ours."
        ),
    )

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contacts = customer.contacts.filter(left_at=None)
        self.fields["whose"].choices = pairs(contacts, _("everybody there"))  # type: ignore[attr-defined]
        bought = customer.subscriptions.select_related("service").order_by("service__name", "label")
        names = [(each.pk, " ".join(filter(None, [each.service.name, each.label]))) for each in bought]
        self.fields["over"].choices = names  # type: ignore[attr-defined]


@form_page("save_reach")
def reach(request: StaffRequest, customer_id: int) -> HttpResponse:
    """Over which of what they buy of us we reach them."""
    shown = found(Customer.objects.filter(within(request.brands), id=customer_id), _("You asked for a customer."))
    form = ReachForm(request.POST or None, customer=shown)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        part_actions.save_reach(
            customer_id=shown.pk, contact_id=values["whose"], channel=values["channel"], subscription_ids=values["over"],
            by=request.actor, via=Door.WEB, at=request.at,
        )  # fmt: skip
        return done(request, _("Saved."), "console:customer", shown.pk)
    back = reverse("console:customer", args=[shown.pk])
    heading = _("How {name} is reached").format(name=shown.name)
    return form_in(request, "parts", form, heading, _("Save it"), cancel_url=back)


def reach_rows(customer: Customer) -> list[dict[str, str]]:
    """Over what each channel of the customer's runs, for the customer's page."""
    found_rows: dict[tuple[str, str], list[str]] = {}
    related = ("contact", "subscription__service")
    for each in customer.reaches.select_related(*related).order_by("contact__name", "channel", "id"):
        whose = each.contact.name if each.contact else _("everybody there")
        name = " ".join(filter(None, [each.subscription.service.name, each.subscription.label]))
        found_rows.setdefault((str(CHANNELS[each.channel]), whose), []).append(name)
    return [
        {"channel": channel, "whose": whose, "over": ", ".join(over)} for (channel, whose), over in found_rows.items()
    ]


# ---- What would happen if -------------------------------------------------------------------------------------------


@staff("read_parts")
def what_if(request: StaffRequest) -> HttpResponse:
    """Parts are chosen and how badly they fail; whom that would touch, and what they would read. Nothing is written."""
    brand = _brand(request)
    named, effect = asked(request, "parts"), asked(request, "effect", [name.name.lower() for name in EFFECTS]) or "down"
    supposed, refused = None, ""
    if brand is not None and named:
        try:
            failed = {each.pk: Effect[effect.upper()] for each in part_queries.parts_called(brand.pk, named)}
            supposed = _told(part_queries.what_if(brand.pk, failed), failed)
        except Refusal as refusal:
            refused = f"{refusal.so} {refusal.do}"
    weak = part_queries.weak_points(brand.pk)[:SHOWN] if brand is not None and supposed is None else []
    idle = brand is not None and supposed is None
    unneeded = part_queries.unneeded(_all(request).filter(brand=brand)) if idle else Part.objects.none()
    brands = {str(each.pk): each.name for each in Brand.objects.filter(within(request.brands, "id")).order_by("name")}
    effects = {name.name.lower(): str(words) for name, words in EFFECTS.items()}
    narrowing = [
        {"name": "parts", "label": _("If these parts"), "value": named, "kind": "search"},
        {
            "name": "effect",
            "label": _("Fail so"),
            "value": effect,
            "kind": "select",
            "options": [{"value": value, "label": label} for value, label in effects.items()],
        },
    ]
    if len(brands) > 1:
        choices = [{"value": value, "label": label} for value, label in brands.items()]
        value = str(brand.pk) if brand is not None else ""
        narrowing.append({"name": "brand", "label": _("Brand"), "value": value, "kind": "select", "options": choices})
    context = {
        "here": "settings",
        "crumbs": _crumbs(),
        "heading": supposed["heading"] if supposed else _("What would happen if"),
        "filters": narrowing,
        "clear_url": reverse("console:what_if") if named else "",
        "refused": refused,
        "supposed": supposed,
        "weak": [
            row(
                each.name,
                f"{reverse('console:what_if')}?brand={each.brand_id}&parts={each.key}",
                each.key,
                [{"text": _customers(lost.customers), "tone": "accent" if lost.customers else ""}],
            )
            for each, lost in weak
        ],
        "unneeded": [row(each.name, reverse("console:part", args=[each.pk]), each.key) for each in unneeded[:SHOWN]],
        "csv_url": f"{reverse('console:weak_points_csv')}?brand={brand.pk}" if brand is not None else "",
    }
    return render(request, "console/what_if.html", context)


def _customers(count: int) -> str:
    return ngettext("{count} customer", "{count} customers", count).format(count=counted_text(count))


def _brand(request: StaffRequest) -> Brand | None:
    """The brand that the address names, else the reader's first that has parts."""
    mine = Brand.objects.filter(within(request.brands, "id")).order_by("name")
    wanted = asked(request, "brand")
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19:
        return mine.filter(id=int(wanted)).first()
    return mine.exclude(part=None).distinct().first() or mine.first()


@staff("read_parts")
def weak_points_csv(request: StaffRequest) -> HttpResponse:
    """The parts whose loss alone takes something down, as a file."""
    brand = _brand(request)
    weak = part_queries.weak_points(brand.pk) if brand is not None else []
    header = ["key", "name", "kind", "customers", "subscriptions", "services"]
    rows = (
        [each.key, each.name, each.kind, lost.customers, lost.subscriptions, len(lost.services)] for each, lost in weak
    )
    return as_csv("weak-points", header, rows)
