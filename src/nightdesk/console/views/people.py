"""People: who works here, how each is reached and in which order, and whether that works."""

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import User
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.channels.registry import LOUD
from nightdesk.console.contact_test import send_test
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import LANGUAGES, brand_choices, people_within
from nightdesk.console.views.lists import asked, clear_url, one_page, search_box
from nightdesk.console.views.push import push_state
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may_somewhere, posting, staff
from nightdesk.duty.feed import feed_token
from nightdesk.people.actions import (
    RuleWanted,
    add_contact_method,
    confirm_contact_method,
    deactivate_person,
    edit_person,
    make_person,
    reactivate_person,
    remove_contact_method,
    set_notify_rules,
)
from nightdesk.people.models import ContactMethod, NotifyRule, Person
from nightdesk.people.queries import contacts_and_rules

UNDO_FOR = timedelta(minutes=2)
CHANNEL_NAMES = {
    "sms": gettext_lazy("Text message"),
    "voice": gettext_lazy("Phone call"),
    "email": gettext_lazy("Email"),
    "pocket": gettext_lazy("Pocket page"),
    "pager": gettext_lazy("Pager"),
    "chat": gettext_lazy("Chat"),
    "push": gettext_lazy("Notification"),
    "webhook": gettext_lazy("Webhook"),
}
NO_ADDRESS = frozenset({"pocket", "push"})
"""Channels whose addresses say nothing to people."""
BY_HAND = {channel: name for channel, name in CHANNEL_NAMES.items() if channel != "push"}
"""Those that can be typed in; a phone that takes notifications is added on the phone."""
_MINUTES = re.compile(r"\s*\d{1,4}(\s*,\s*\d{1,4})*\s*")


@staff("read_people")
def people(request: StaffRequest) -> HttpResponse:
    """Who works here, and whom nothing loud reaches."""
    rows = people_within(request.brands).order_by("-active", "name").prefetch_related("teams")
    if text := asked(request, "q"):
        rows = rows.filter(name__icontains=text)
    here, pager = one_page(request, rows)
    known = contacts_and_rules([person.id for person in here])
    lines = []
    silent = 0
    for person in here:
        state = reach_of(known[person.id][0])
        silent += person.active and state["tone"] == "fire"
        tags = [state] if person.active else [{"text": _("no longer here"), "tone": ""}]
        lines.append({"person": person, "teams": ", ".join(str(team) for team in person.teams.all()), "tags": tags})
    context = {
        "here": "people",
        "heading": ngettext("{count} person cannot be woken", "{count} people cannot be woken", silent).format(
            count=silent
        )
        if silent
        else _("Everybody can be reached"),
        "people": lines,
        "pager": pager,
        "filters": [search_box(asked(request, "q"), _("Name"))],
        "clear_url": clear_url(request),
        "may_make": may_somewhere(request, "make_person"),
    }
    return render(request, "console/people.html", context)


def reach_of(methods: list[ContactMethod]) -> dict[str, str]:
    """Whether somebody with these can be woken, as a word in a colour."""
    loud = [method for method in methods if method.channel in LOUD and method.broken_at is None]
    if any(method.verified_at is not None for method in loud):
        return {"text": _("can be woken"), "tone": "calm"}
    if loud:
        return {"text": _("number not confirmed"), "tone": "accent"}
    return {"text": _("cannot be woken"), "tone": "fire"}


@staff("read_people")
def person(request: StaffRequest, person_id: int) -> HttpResponse:
    """One person: how they are reached, by which rules, in which teams."""
    return _shown(request, _person(request, person_id))


@staff("edit_own_contacts")
def me(request: StaffRequest) -> HttpResponse:
    """The reader's own page."""
    if request.person is None:
        raise NotFound(
            _("You asked for your own page."), _("You are not on the staff list."), _("Ask a manager to put you on it.")
        )
    return _shown(request, request.person)


def _person(request: StaffRequest, person_id: int) -> Person:
    """The person, where the reader may see them: themselves, or somebody of their brands."""
    rows = Person.objects.all() if _is_me(request, person_id) else people_within(request.brands)
    return found(rows.filter(id=person_id), _("You asked for somebody's page."))


def _is_me(request: StaffRequest, person_id: int) -> bool:
    return request.person is not None and request.person.id == person_id


def _shown(request: StaffRequest, person: Person) -> HttpResponse:
    methods, rules = contacts_and_rules([person.id])[person.id]
    mine = _is_me(request, person.id)
    may_reach = mine or may_somewhere(request, "add_contact_method")
    back = request.path
    context = {
        "here": "people",
        "person": person,
        "mine": mine,
        "heading": _heading(person, reach_of(methods)),
        "methods": [_method_row(request, person, method, back) for method in methods],
        "teams": [str(team) for team in person.teams.select_related("brand")],
        "contact_form": ContactForm(prefix="contact") if may_reach else None,
        "rules_form": RulesForm(methods=methods, rules=rules) if may_reach and methods else None,
        "rules": rules,
        "may_edit": may_somewhere(request, "edit_person"),
        "may_deactivate": may_somewhere(request, "deactivate_person") and not mine,
        "calendar_url": reverse("duty_feed", args=[feed_token("person", person.id)]) if mine else "",
        "messages_url": f"{reverse('console:messages')}?to=person:{person.id}"
        if may_somewhere(request, "read_deliveries")
        else "",
        "push": push_state() if mine else None,
        "undo": _undo_of(request.session, person.id, request.at),
        "back": back,
    }
    return render(request, "console/person.html", context)


def _heading(person: Person, reach: dict[str, str]) -> str:
    if not person.active:
        return _("{name} is no longer here").format(name=person.name)
    if reach["tone"] == "calm":
        return _("{name} can be woken").format(name=person.name)
    return _("{name} cannot be woken for sure").format(name=person.name)


def _method_row(request: StaffRequest, person: Person, method: ContactMethod, back: str) -> dict[str, Any]:
    """A contact method with its state and what can be done about it."""
    if method.broken_at is not None:
        tag = {"text": _("broken"), "tone": "fire"}
    elif method.verified_at is not None:
        tag = {"text": _("confirmed"), "tone": "calm"}
    else:
        tag = {"text": _("not confirmed"), "tone": "accent"}
    actions = []

    def add(allowed: bool, view: str, label: str) -> None:
        if allowed:
            url = reverse(f"console:{view}", args=[person.id, method.id])
            actions.append({"label": label, "url": url, "fields": {"next": back}})

    mine = _is_me(request, person.id)
    manages = may_somewhere(request, "remove_contact_method")
    add(mine or manages, "test_contact", _("Send a test"))
    add(
        may_somewhere(request, "confirm_contact_method")
        and (method.verified_at is None or method.broken_at is not None),
        "confirm_contact",
        _("It works"),
    )
    add(mine or manages, "remove_contact", _("Remove"))
    return {
        "channel": str(CHANNEL_NAMES.get(method.channel, method.channel)),
        "address": "" if method.channel in NO_ADDRESS else method.address,
        "label": method.label,
        "why": method.broken_why if method.broken_at is not None else "",
        "tag": tag,
        "actions": actions,
    }


# ---- The staff list -------------------------------------------------------------------------------------------------


class PersonForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=50,
        initial="Europe/London",
        help_text=gettext_lazy("As in Europe/London: their times stand in it."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    account = forms.CharField(
        label=gettext_lazy("Account"),
        max_length=254,
        required=False,
        help_text=gettext_lazy("The email address that they sign in with. Without one they can be rung all the same."),
    )

    def clean_account(self) -> User | None:
        """The account of that address."""
        address = self.cleaned_data["account"].strip()
        if not address:
            return None
        account = User.objects.filter(email__iexact=address).first()
        if account is None:
            raise forms.ValidationError(_("No account has this address."))
        return account


class NewPersonForm(PersonForm):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))

    def __init__(self, *args: Any, brands: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brands  # type: ignore[attr-defined]


@form_page("make_person")
def new_person(request: StaffRequest) -> HttpResponse:
    """Somebody new on the staff list."""
    form = NewPersonForm(request.POST or None, brands=brand_choices(request.actor, "make_person"))
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        account = values["account"]
        made = make_person(
            name=values["name"],
            zone=values["zone"],
            language=values["language"],
            user_id=account.pk if account else None,
            brand_id=int(values["brand"]),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{name} is on the staff list.").format(name=made.name), "console:person", made.id)
    return render(request, "console/form.html", _form(form, _("Somebody new"), _("Put them on the staff list")))


@form_page("edit_person")
def change_person(request: StaffRequest, person_id: int) -> HttpResponse:
    """Their name, zone, language and account."""
    row = _person(request, person_id)
    initial = {
        "name": row.name,
        "zone": row.zone,
        "language": row.language,
        "account": row.user.email if row.user else "",
    }
    form = PersonForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        account = values["account"]
        changes = {
            "name": values["name"],
            "zone": values["zone"],
            "language": values["language"],
            "user_id": account.pk if account else None,
        }
        edit_person(person_id=row.id, changes=changes, by=request.actor, via=Door.WEB, at=request.at)  # type: ignore[arg-type]
        return done(request, _("Saved."), "console:person", row.id)
    return render(request, "console/form.html", _form(form, _("Change {name}").format(name=row.name), _("Save")))


def _form(form: forms.Form, heading: str, label: str) -> dict[str, Any]:
    crumbs = [{"url": reverse("console:people"), "label": _("People")}]
    return {"here": "people", "form": form, "heading": heading, "label": label, "crumbs": crumbs}


@posting("deactivate_person")
def leave(request: StaffRequest, person_id: int) -> HttpResponse:
    """They are rung no more."""
    row = _person(request, person_id)
    deactivate_person(person_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is off the staff list.").format(name=row.name), "console:person", row.id)


@posting("reactivate_person")
def come_back(request: StaffRequest, person_id: int) -> HttpResponse:
    """They are on the staff list again."""
    row = _person(request, person_id)
    reactivate_person(person_id=row.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("{name} is back.").format(name=row.name), "console:person", row.id)


# ---- How they are reached -------------------------------------------------------------------------------------------


class ContactForm(forms.Form):
    channel = forms.ChoiceField(
        label=gettext_lazy("How"), choices=list(BY_HAND.items()), initial="sms", widget=forms.RadioSelect
    )
    address = forms.CharField(
        label=gettext_lazy("Number or address"),
        max_length=320,
        required=False,
        help_text=gettext_lazy(
            "Nothing for the pocket page. Of a chat the service and whom it is for, such as slack:#noc. A phone that "
            "shall be notified is added on that phone."
        ),
    )
    label = forms.CharField(label=gettext_lazy("What it is"), max_length=40, required=False)


class RulesForm(forms.Form):
    """After how many minutes each method is used; several numbers with commas; empty: not by this rule."""

    def __init__(self, *args: Any, methods: list[ContactMethod], rules: list[NotifyRule], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.methods = methods
        for urgency, words in (("high", _("To be woken")), ("low", _("What can wait"))):
            for method in methods:
                if urgency == "low" and method.channel in LOUD:
                    continue
                waits = [
                    str(int(rule.after.total_seconds() // 60))
                    for rule in rules
                    if rule.urgency == urgency and rule.method_id == method.id
                ]
                name = str(CHANNEL_NAMES.get(method.channel, method.channel))
                self.fields[f"{urgency}-{method.id}"] = forms.RegexField(
                    _MINUTES,
                    label=f"{words}: {name} {method.label or ('' if method.channel in NO_ADDRESS else method.address)}".strip(),
                    required=False,
                    initial=", ".join(waits),
                    max_length=60,
                    error_messages={"invalid": _("Give minutes, such as 0 or 0, 5, 10.")},
                )

    def wanted(self) -> list[RuleWanted]:
        """The rules that were filled in."""
        found = []
        for method in self.methods:
            for urgency in ("high", "low"):
                for wait in re.findall(r"\d+", self.cleaned_data.get(f"{urgency}-{method.id}") or ""):
                    found.append(RuleWanted(urgency, method.id, timedelta(minutes=int(wait))))
        return found


@posting("edit_own_contacts")
def add_contact(request: StaffRequest, person_id: int) -> HttpResponse:
    """One more way to reach them."""
    row = _person(request, person_id)
    values = checked(ContactForm(request.POST, prefix="contact"), _("You wanted to add a way to reach somebody."))
    add_contact_method(person_id=row.id, **values, by=request.actor, via=Door.WEB, at=request.at)
    text = _("Added. Send a test, and confirm it by answering.")
    return done(request, text, "console:person", row.id)


@posting("edit_own_contacts")
def remove_contact(request: StaffRequest, person_id: int, method_id: int) -> HttpResponse:
    """It is gone; for a short while it can be had back."""
    method = _method(request, person_id, method_id)
    remove_contact_method(method_id=method.id, by=request.actor, via=Door.WEB, at=request.at)
    if method.channel in BY_HAND:
        request.session["removed-contact"] = {
            "person": person_id,
            "until": (request.at + UNDO_FOR).isoformat(),
            "contact": {"channel": method.channel, "address": method.address, "label": method.label},
        }
    return done(request, _("Removed."), "console:person", person_id)


def _undo_of(session: SessionBase, person_id: int, at: datetime) -> dict[str, Any] | None:
    """The way back from the last removal, for parts/undo.html, while it is fresh."""
    removed = session.get("removed-contact")
    if not removed or removed["person"] != person_id:
        return None
    until = datetime.fromisoformat(removed["until"])
    if until <= at:
        return None
    contact = removed["contact"]
    name = str(CHANNEL_NAMES.get(contact["channel"], contact["channel"]))
    return {
        "text": _("{channel} {address} was removed.").format(channel=name, address=contact["address"]),
        "url": reverse("console:add_contact", args=[person_id]),
        "until_at": until,
        "fields": {f"contact-{field}": value for field, value in contact.items()},
    }


@posting("edit_own_contacts")
def set_rules(request: StaffRequest, person_id: int) -> HttpResponse:
    """In which order they are reached."""
    row = _person(request, person_id)
    methods, rules = contacts_and_rules([row.id])[row.id]
    form = RulesForm(request.POST, methods=methods, rules=rules)
    checked(form, _("You wanted to set how somebody is reached."))
    set_notify_rules(person_id=row.id, rules=form.wanted(), by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Saved."), "console:person", row.id)


@posting("confirm_contact_method")
def confirm_contact(request: StaffRequest, person_id: int, method_id: int) -> HttpResponse:
    """A manager vouches for it."""
    method = _method(request, person_id, method_id)
    confirm_contact_method(method_id=method.id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It counts as working."), "console:person", person_id)


@posting("edit_own_contacts")
def test_contact(request: StaffRequest, person_id: int, method_id: int) -> HttpResponse:
    """A message that they answer, which confirms the address."""
    method = _method(request, person_id, method_id)
    send_test(method, by=request.actor, via=Door.WEB, at=request.at)
    return done(
        request, _("A test is on its way. Answer it, and the address is confirmed."), "console:person", person_id
    )


def _method(request: StaffRequest, person_id: int, method_id: int) -> ContactMethod:
    row = _person(request, person_id)
    return found(row.contact_methods.filter(id=method_id), _("You asked for a way to reach somebody."))
