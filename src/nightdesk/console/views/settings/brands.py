"""Brands, accounts, and which role each account has in which brand."""

from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.actions import edit_brand, grant_role, make_brand, make_user, revoke_role
from nightdesk.access.models import Brand, Grant, Role, User
from nightdesk.base.actors import Door
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import LANGUAGES, brand_choices
from nightdesk.console.views.settings.sections import form_in, row, section_page
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, posting, staff, within

ROLES = {
    Role.ENGINEER: gettext_lazy("Engineer"),
    Role.DESK: gettext_lazy("Desk"),
    Role.MANAGER: gettext_lazy("Manager"),
    Role.ADMIN: gettext_lazy("Administrator"),
    Role.BUREAU: gettext_lazy("Answering service"),
    Role.READ_ONLY: gettext_lazy("May read"),
}


# ---- Brands ---------------------------------------------------------------------------------------------------------


@staff("edit_brand")
def brands(request: StaffRequest) -> HttpResponse:
    """The companies that this installation speaks as."""
    rows = [
        row(
            each.name,
            reverse("console:brand", args=[each.id]),
            f"{each.slug} · {each.zone} · {each.region}",
            actions=[{"label": _("Its public hours"), "url": reverse("public_hours", args=[each.slug]), "get": True}],
        )
        for each in Brand.objects.filter(within(request.brands, "id")).order_by("name")
    ]
    heading = ngettext("You speak as {count} company", "You speak as {count} companies", len(rows)).format(
        count=len(rows)
    )
    new = {"url": reverse("console:new_brand"), "label": _("New brand")} if may(request, "make_brand", None) else None
    return section_page(request, "brands", heading, rows=rows, new=new, empty_text="")


class BrandForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    zone = forms.CharField(label=gettext_lazy("Time zone"), max_length=50, initial="Europe/London")
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    region = forms.CharField(
        label=gettext_lazy("Country"),
        min_length=2,
        max_length=2,
        initial="GB",
        help_text=gettext_lazy("Two letters: phone numbers without a country code are read as of there."),
    )


class NewBrandForm(BrandForm):
    slug = forms.SlugField(
        label=gettext_lazy("Short name"), max_length=50, help_text=gettext_lazy("Stands in addresses, and stays.")
    )


@form_page("make_brand", every_brand=True)
def new_brand(request: StaffRequest) -> HttpResponse:
    """One more company to speak as."""
    form = NewBrandForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = make_brand(**form.cleaned_data, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("You speak as {name} now.").format(name=made.name), "console:brands")
    return form_in(request, "brands", form, _("New brand"), _("Make it"))


@form_page("edit_brand")
def brand(request: StaffRequest, brand_id: int) -> HttpResponse:
    """Change a brand."""
    shown = found(Brand.objects.filter(within(request.brands, "id"), id=brand_id), _("You asked for a brand."))
    names = ("name", "zone", "language", "region")
    form = BrandForm(request.POST or None, initial={name: getattr(shown, name) for name in names})
    if request.method == "POST" and form.is_valid():
        changes: Any = form.cleaned_data
        edit_brand(brand_id=shown.id, changes=changes, by=request.actor, via=Door.WEB, at=request.at)
        return done(request, _("Saved."), "console:brands")
    return form_in(request, "brands", form, shown.name, _("Save"))


# ---- Accounts -------------------------------------------------------------------------------------------------------


def _users(request: StaffRequest) -> Any:
    """Accounts with a role in one of the reader's brands, or without any role yet."""
    if request.brands is None:
        return User.objects.filter(kind=User.Kind.STAFF)
    mine = Q(grants__brand__in=request.brands) | Q(grants__brand=None, grants__isnull=False) | Q(grants=None)
    return User.objects.filter(mine).distinct()


@staff("make_user")
def users(request: StaffRequest) -> HttpResponse:
    """Who may sign in, and as what."""
    rows = []
    for each in _users(request).order_by("name").prefetch_related("grants__brand"):
        roles = ", ".join(_role_words(grant) for grant in each.grants.all()) or _("no role")
        tags = [] if each.is_active else [{"text": _("closed"), "tone": ""}]
        rows.append(row(each.name, reverse("console:user", args=[each.pk]), f"{each.email} · {roles}", tags))
    heading = ngettext("{count} person may sign in", "{count} people may sign in", len(rows)).format(count=len(rows))
    new = {"url": reverse("console:new_user"), "label": _("New account")}
    return section_page(request, "users", heading, rows=rows, new=new, empty_text="")


def _role_words(grant: Grant) -> str:
    where = grant.brand.name if grant.brand else _("every brand")
    return f"{ROLES[Role(grant.role)]} ({where})"


class UserForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    email = forms.EmailField(label=gettext_lazy("Email"))
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=list(ROLES.items()))
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Empty: they sign in by a code that is mailed to them."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "make_user")  # type: ignore[attr-defined]


@form_page("make_user")
def new_user(request: StaffRequest) -> HttpResponse:
    """Somebody may sign in."""
    form = UserForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        brand_id = int(values["brand"])
        doing: Any = {"brand_id": brand_id, "by": request.actor, "via": Door.WEB, "at": request.at}
        with transaction.atomic():  # an account without its role would be of no use, and its address taken
            made = make_user(email=values["email"], name=values["name"], password=values["password"] or None, **doing)
            grant_role(user_id=made.pk, role=values["role"], **doing)
        return done(request, _("{name} may sign in.").format(name=made.name), "console:user", made.pk)
    return form_in(request, "users", form, _("New account"), _("Make it"))


class GrantForm(forms.Form):
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=list(ROLES.items()))
    brand = forms.ChoiceField(label=gettext_lazy("Brand"), required=False)

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brands = brand_choices(request.actor, "grant_role")
        if may(request, "grant_role", None):
            brands = [("", _("Every brand")), *brands]
        self.fields["brand"].choices = brands  # type: ignore[attr-defined]

    def brand_id(self) -> int | None:
        """The chosen brand; None for every one."""
        return int(self.cleaned_data["brand"]) if self.cleaned_data["brand"] else None


@staff("make_user")
def user(request: StaffRequest, user_id: int) -> HttpResponse:
    """One account and its roles."""
    shown = found(_users(request).filter(id=user_id), _("You asked for an account."))
    rows = []
    for grant in shown.grants.select_related("brand"):
        actions = []
        if may(request, "revoke_role", grant.brand_id):
            fields = {"role": grant.role, "brand": grant.brand_id or ""}
            url = reverse("console:revoke_role", args=[shown.pk])
            actions.append({"label": _("Take away"), "url": url, "fields": fields})
        rows.append(row(_role_words(grant), actions=actions))
    open_ = _("{name} may sign in") if shown.is_active else _("{name} may not sign in")
    extra = {
        "action": reverse("console:grant_role", args=[shown.pk]),
        "form": GrantForm(request=request),
        "label": _("Give it"),
    }
    return section_page(
        request,
        "users",
        open_.format(name=shown.name),
        rows=rows,
        empty_text=_("No role yet: they see nothing."),
        extra=extra,
        note=shown.email,
    )


def _account(request: StaffRequest, user_id: int) -> User:
    account: User = found(_users(request).filter(id=user_id), _("You asked for an account."))
    return account


@posting("grant_role")
def give_role(request: StaffRequest, user_id: int) -> HttpResponse:
    """One more role."""
    account = _account(request, user_id)
    form = GrantForm(request.POST, request=request)
    role = checked(form, _("You wanted to give a role."))["role"]
    grant_role(user_id=account.pk, role=role, brand_id=form.brand_id(), by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Given."), "console:user", account.pk)


@posting("revoke_role")
def take_role(request: StaffRequest, user_id: int) -> HttpResponse:
    """One role less."""
    account = _account(request, user_id)
    form = GrantForm(request.POST, request=request)
    role = checked(form, _("You wanted to take a role away."))["role"]
    revoke_role(user_id=account.pk, role=role, brand_id=form.brand_id(), by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Taken away."), "console:user", account.pk)
