"""People: who works here, how each is reached and in which order, and whether that works."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.matrix import forbidden
from nightdesk.access.models import User
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.calls.models import CallerPin
from nightdesk.channels.registry import LOUD
from nightdesk.console.contact_test import send_test
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import LANGUAGES, brand_choices, people_within
from nightdesk.console.views.lists import asked, clear_url, one_page, search_box
from nightdesk.console.views.pocket import quiet_action
from nightdesk.console.views.push import push_state
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may_somewhere, posting, staff
from nightdesk.duty.queries import feed_address
from nightdesk.outages.models import Part
from nightdesk.outages.way_queries import parts_of_methods
from nightdesk.paging.decide import Urgency
from nightdesk.paging.queries import would_be_sent
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
from nightdesk.people.queries import contacts_and_rules, cut_off
from nightdesk.rota.resolve import instant_of

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
WEEKDAYS = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
NO_ADDRESS = frozenset({"pocket", "push"})
"""Channels whose addresses say nothing to people."""
BY_HAND = {channel: name for channel, name in CHANNEL_NAMES.items() if channel != "push"}
"""Those that can be typed in; a phone that takes notifications is added on the phone."""


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
    cut, over = cut_off([person.id], request.at), parts_of_methods([method.pk for method in methods])
    mine = _is_me(request, person.id)
    may_reach = mine or may_somewhere(request, "add_contact_method")
    back = request.path
    context = {
        "here": "people",
        "person": person,
        "mine": mine,
        "heading": _heading(person, reach_of(methods)),
        "methods": [
            _method_row(request, person, method, back)
            | _runs_over(method, over.get(method.pk, ()), cut.get(method.pk, ""), may_change=may_reach)
            for method in methods
        ],
        "knows": [
            f"{row.skill.name} ({row.level})" for row in person.skills.select_related("skill").order_by("skill__name")
        ],
        "teams": [str(team) for team in person.teams.select_related("brand")],
        "contact_form": ContactForm(prefix="contact") if may_reach else None,
        "may_reach": may_reach,
        "rules": [_rule_row(request, person, rule, back, may_test=may_reach) for rule in rules],
        "foreseen": foreseen_of(person, request.at),
        "quiet_until": person.quiet_until if person.quiet_until and person.quiet_until > request.at else None,
        "quiet": quiet_action(person, request.at, back) if mine else None,
        "may_edit": may_somewhere(request, "edit_person"),
        "may_deactivate": may_somewhere(request, "deactivate_person") and not mine,
        "calendar_url": reverse("duty_feed", args=[feed_address("person", person.id)]) if mine else "",
        "messages_url": f"{reverse('console:messages')}?to=person:{person.id}"
        if may_somewhere(request, "read_deliveries")
        else "",
        "pin_url": reverse("console:person_pin", args=[person.id]) if mine or may_somewhere(request, "set_pin") else "",
        "has_pin": CallerPin.objects.filter(person=person).exists(),
        "push": push_state() if mine else None,
        "undo": _undo_of(request.session, person.id, request.at),
        "back": back,
    }
    return render(request, "console/person.html", context)


def _runs_over(method: ContactMethod, parts: Sequence[Part], cut: str, *, may_change: bool) -> dict[str, Any]:
    """What a way runs over, and whether a fault has cut it off."""
    told: dict[str, Any] = {
        "over": ", ".join(part.name for part in parts),
        "over_url": reverse("console:way_parts", args=[method.pk]) if may_change else "",
    }
    if cut:
        told |= {"tag": {"text": _("cut off"), "tone": "fire"}, "why": _("Cut off by {why}: not used.").format(why=cut)}
    return told


def _heading(person: Person, reach: dict[str, str]) -> str:
    if not person.active:
        return _("{name} is no longer here").format(name=person.name)
    if reach["tone"] == "calm":
        return _("{name} can be woken").format(name=person.name)
    return _("{name} cannot be woken for sure").format(name=person.name)


def _rule_row(request: StaffRequest, person: Person, rule: NotifyRule, back: str, *, may_test: bool) -> dict[str, Any]:
    """A notify rule with the state of its device and the button that tests it."""
    title, detail = rule_in_words(rule)
    if rule.urgency == NotifyRule.Urgency.LOW:
        detail = _("what can wait, {hours}").format(hours=detail)
    url = reverse("console:test_contact", args=[person.id, rule.method_id])
    return {
        "title": title,
        "detail": f"{detail} · {tested(rule.method)}",
        "tags": [_tag(rule.method, request.at)],
        "actions": [{"label": _("Send a test"), "url": url, "fields": {"next": back}}] if may_test else [],
    }


def tested(method: ContactMethod) -> str:
    """When it was last tested, and what came of it."""
    if method.tested_at is None and method.proved_at is None:
        return _("never tested")
    if method.tested_at is None or (method.proved_at is not None and method.proved_at >= method.tested_at):
        return _("worked {time}").format(time=date_format(localtime(method.proved_at), "j M H:i"))
    return _("tested {time}, not answered").format(time=date_format(localtime(method.tested_at), "j M H:i"))


def _tag(method: ContactMethod, at: datetime) -> dict[str, str]:
    if method.broken_at is not None:
        return {"text": _("broken"), "tone": "fire"}
    proof = method.proved_at or method.verified_at
    if proof is None:
        return {"text": _("not confirmed"), "tone": "accent"}
    if proof + settings.TESTED_WITHIN <= at:
        return {"text": _("tested long ago"), "tone": "accent"}
    return {"text": _("confirmed"), "tone": "calm"}


def _method_row(request: StaffRequest, person: Person, method: ContactMethod, back: str) -> dict[str, Any]:
    """A contact method with its state and what can be done about it."""
    tag = _tag(method, request.at)
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
        "tested": tested(method),
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


EVERY_DAY = {
    "0123456": gettext_lazy("every day"),
    "01234": gettext_lazy("Monday to Friday"),
    "56": gettext_lazy("weekends"),
}
SPARE_RULES, MOST_RULES = 2, 30


class RuleForm(forms.Form):
    """One notify rule; one without a way is left out."""

    method = forms.ChoiceField(label=gettext_lazy("By which way"), required=False)
    urgency = forms.ChoiceField(
        label=gettext_lazy("For what"),
        choices=[("high", gettext_lazy("To be woken")), ("low", gettext_lazy("What can wait"))],
        initial="high",
    )
    after = forms.IntegerField(
        label=gettext_lazy("After how many minutes"), min_value=0, max_value=1440, initial=0, required=False
    )
    opens = forms.TimeField(
        label=gettext_lazy("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    closes = forms.TimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    days = forms.ChoiceField(label=gettext_lazy("On which days"), initial="0123456", required=False)

    def __init__(self, *args: Any, methods: list[ContactMethod], days: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ways = [(str(method.id), way_in_words(method)) for method in methods]
        self.fields["method"].choices = [("", _("None")), *ways]  # type: ignore[attr-defined]
        known = dict(EVERY_DAY) | ({days: days_in_words(days)} if days else {})
        self.fields["days"].choices = list(known.items())  # type: ignore[attr-defined]

    def wanted(self) -> RuleWanted | None:
        """What was filled in; None without a way."""
        values = self.cleaned_data
        if not values["method"]:
            return None
        return RuleWanted(
            values["urgency"],
            int(values["method"]),
            timedelta(minutes=values["after"] or 0),
            tuple(int(day) for day in values["days"] or "0123456"),
            values["opens"],
            values["closes"],
        )


def way_in_words(method: ContactMethod) -> str:
    """A way to reach somebody: "Text message to +44 7700 900123"."""
    name = str(CHANNEL_NAMES.get(method.channel, method.channel))
    where = "" if method.channel == "pocket" else method.label or method.address
    return f"{name} {where}".strip()


def days_in_words(days: str) -> str:
    """Weekdays, "024", in words."""
    return str(EVERY_DAY.get(days) or ", ".join(str(WEEKDAYS[int(day)]) for day in days))


def rule_in_words(rule: NotifyRule) -> tuple[str, str]:
    """A rule as a line and a smaller one: "Text message at once", "22:00 to 07:00, weekends"."""
    minutes = int(rule.after.total_seconds() // 60)
    when = _("after {count} min").format(count=minutes) if minutes else _("at once")
    days = "".join(map(str, rule.weekdays))
    hours = [f"{rule.opens:%H:%M} - {rule.closes:%H:%M}"] if rule.opens and rule.closes else []
    hours += [days_in_words(days)] if days != "0123456" else []
    return f"{way_in_words(rule.method)}, {when}", ", ".join(hours) or _("at any hour")


def foreseen_of(person: Person, at: datetime) -> list[str]:
    """What they would be sent for a P1 now, and at three in the morning, in words."""
    zone = ZoneInfo(person.zone)
    night = instant_of(datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time(3)), zone)
    return [
        _("If a P1 came now: {told}").format(told=_sent_in_words(person, at)),
        _("At 03:00: {told}").format(told=_sent_in_words(person, night)),
    ]


def _sent_in_words(person: Person, at: datetime) -> str:
    parts = []
    for method, due_at in would_be_sent(person, Urgency.HIGH, at):
        minutes = int((due_at - at).total_seconds() // 60)
        parts.append(
            _("{way} after {count} min").format(way=way_in_words(method), count=minutes)
            if minutes
            else _("{way} at once").format(way=way_in_words(method))
        )
    return "; ".join(parts) + "." if parts else _("nothing: there is no way to reach them.")


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


@form_page("edit_own_contacts")
def set_rules(request: StaffRequest, person_id: int) -> HttpResponse:
    """Which device rings them, at which hour, for what."""
    row = _person(request, person_id)
    if not (_is_me(request, row.id) or may_somewhere(request, "set_notify_rules")):
        raise forbidden(request.actor, "set_notify_rules")
    methods, rules = contacts_and_rules([row.id])[row.id]
    problem: Invalid | None = None
    if request.method == "POST":
        count = request.POST.get("lines", "")
        lines = [
            RuleForm(
                request.POST, prefix=f"rule{number}", methods=methods, days=request.POST.get(f"rule{number}-days", "")
            )
            for number in range(1, min(int(count) if count.isdecimal() else 0, MOST_RULES) + 1)
        ]
        fits = [line.is_valid() for line in lines]  # each, so that each says what is wrong with it
        if all(fits):
            wanted = [rule for line in lines if (rule := line.wanted()) is not None]
            try:
                set_notify_rules(person_id=row.id, rules=wanted, by=request.actor, via=Door.WEB, at=request.at)
                return done(request, _("Saved."), "console:set_rules", row.id)
            except Invalid as refusal:
                problem = refusal
    else:
        lines = [_rule_line(number, methods, rule) for number, rule in enumerate([*rules, *[None] * SPARE_RULES], 1)]
    context = {
        "here": "people",
        "heading": _("When {name} is rung").format(name=row.name),
        "crumbs": [
            {"url": reverse("console:people"), "label": _("People")},
            {"url": reverse("console:person", args=[row.id]), "label": row.name},
        ],
        "lines": lines,
        "problem": problem,
        "foreseen": foreseen_of(row, request.at),
        "cancel_url": reverse("console:person", args=[row.id]),
    }
    return render(request, "console/rules.html", context)


def _rule_line(number: int, methods: list[ContactMethod], rule: NotifyRule | None) -> RuleForm:
    if rule is None:
        return RuleForm(prefix=f"rule{number}", methods=methods)
    days = "".join(map(str, rule.weekdays))
    initial = {
        "method": str(rule.method_id),
        "urgency": rule.urgency,
        "after": int(rule.after.total_seconds() // 60),
        "opens": rule.opens,
        "closes": rule.closes,
        "days": days,
    }
    return RuleForm(prefix=f"rule{number}", methods=methods, days=days, initial=initial)


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
