"""The sections of the settings, and the pages that they share."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.console.views.staff import StaffRequest, may, may_somewhere, staff

SECTIONS = (
    (
        "customers",
        "read_customers",
        gettext_lazy("Customers"),
        gettext_lazy("who they are and what they were promised"),
    ),
    ("parts", "read_parts", gettext_lazy("Parts"), gettext_lazy("what can fail, and what needs it")),
    ("desk_settings", "read_tickets", gettext_lazy("Desk"), gettext_lazy("rules, teams, queues and macros of tickets")),
    ("all_hours", "edit_hours", gettext_lazy("Support hours"), gettext_lazy("when somebody is there")),
    ("policies", "save_policy", gettext_lazy("Policies"), gettext_lazy("who is rung, and who next")),
    ("integrations", "make_integration", gettext_lazy("Alarms in"), gettext_lazy("what watches your services")),
    ("heartbeats", "read_heartbeats", gettext_lazy("Heartbeats"), gettext_lazy("what must be heard again and again")),
    ("quiet", "read_silences", gettext_lazy("Quiet"), gettext_lazy("silences and planned work")),
    ("raw_alarms", "read_alarms", gettext_lazy("What came in"), gettext_lazy("each request, and what became of it")),
    ("outage_rules", "read_outage_room", gettext_lazy("Outages"), gettext_lazy("who approves, and words for 4 AM")),
    ("carriers", "read_carriers", gettext_lazy("Carriers"), gettext_lazy("whose notices of work are read")),
    (
        "work_settings",
        "read_customers",
        gettext_lazy("Planned work"),
        gettext_lazy("notice, freezes, and who gets MAINTNOTE"),
    ),
    ("lines", "read_lines", gettext_lazy("Phone lines"), gettext_lazy("what callers hear, and whom they reach")),
    ("suppliers", "save_supplier", gettext_lazy("Suppliers"), gettext_lazy("of whom you buy, and whom to chase")),
    ("routes", "save_route", gettext_lazy("Providers"), gettext_lazy("by which ways messages leave")),
    ("mailboxes", "save_mailbox", gettext_lazy("Mail in"), gettext_lazy("which mail comes to Nightdesk, and how")),
    ("tokens", "make_token", gettext_lazy("API tokens"), gettext_lazy("for programs")),
    ("users", "make_user", gettext_lazy("Accounts"), gettext_lazy("who may sign in, and do what")),
    ("sessions", "read_sessions", gettext_lazy("Sessions"), gettext_lazy("who is signed in, where")),
    ("keeping", "read_backups", gettext_lazy("Safe-keeping"), gettext_lazy("backups, and how to go back to one")),
    ("second_site", "read_second_site", gettext_lazy("Second site"), gettext_lazy("who pages when this one is away")),
    ("brands", "edit_brand", gettext_lazy("Brands"), gettext_lazy("the companies that you speak as")),
)
"""URL name, the verb that opens it, its name, what it is for."""
OF_EVERY_BRAND = {"keeping"}
"""Opened only by who may in every brand."""


@staff("read_customers")
def settings(request: StaffRequest) -> HttpResponse:
    """The sections that the reader may open."""
    rows = [
        {"title": str(name), "url": reverse(f"console:{view}"), "detail": str(purpose), "tags": [], "actions": []}
        for view, verb, name, purpose in SECTIONS
        if _opens(request, view, verb)
    ]
    return render(
        request, "console/settings.html", {"here": "settings", "heading": _("What you can set"), "rows": rows}
    )


def section_page(request: StaffRequest, section: str, heading: str, **more: Any) -> HttpResponse:
    """A list within the settings: `rows` [{"title", "url", "detail", "tags", "actions"}], `new` {"url", "label"} or
    nothing, `empty_text` str, `note` str or nothing.
    """
    context = {"here": "settings", "heading": heading, "tabs": tabs_of(request, section), **more}
    return render(request, "console/settings_list.html", context)


def tabs_of(request: StaffRequest, section: str) -> list[dict[str, Any]]:
    """The sections that the reader may open, for parts/tabs.html; they are in `section`."""
    return [
        {"url": reverse(f"console:{view}"), "label": str(name), "here": view == section, "count": None}
        for view, verb, name, _purpose in SECTIONS
        if _opens(request, view, verb)
    ]


def _opens(request: StaffRequest, view: str, verb: str) -> bool:
    return may(request, verb, None) if view in OF_EVERY_BRAND else may_somewhere(request, verb)


def form_in(
    request: StaffRequest, section: str, form: forms.Form, heading: str, label: str, **more: Any
) -> HttpResponse:
    """A form within the settings, with the way back to its list."""
    name = next(str(name) for view, _verb, name, _purpose in SECTIONS if view == section)
    crumbs = [
        {"url": reverse("console:settings"), "label": _("Settings")},
        {"url": reverse(f"console:{section}"), "label": name},
    ]
    context = {"here": "settings", "form": form, "heading": heading, "label": label, "crumbs": crumbs, **more}
    context.setdefault("cancel_url", reverse(f"console:{section}"))
    return render(request, "console/form.html", context)


def shown_once(
    request: StaffRequest, section: str, heading: str, secret: str, text: str, back: str = ""
) -> HttpResponse:
    """The page that shows a new secret, with the way `back`, by default to the section. It is the answer to the form itself:
    the secret is kept nowhere, not even for the length of a redirect.
    """
    context = {
        "here": "settings",
        "heading": heading,
        "secret": secret,
        "text": text,
        "back": back or reverse(f"console:{section}"),
    }
    answer = render(request, "console/shown_once.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


def row(
    title: str, url: str = "", detail: str = "", tags: list[Any] | None = None, actions: Any = ()
) -> dict[str, Any]:
    """One row of `section_page`."""
    return {"title": title, "url": url, "detail": detail, "tags": tags or [], "actions": actions}
