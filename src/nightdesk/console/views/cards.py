"""A page as the card and the row that several views show (templates/console/parts)."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import localize
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.console.views.staff import StaffRequest, may
from nightdesk.paging.models import Page


def page_card(request: StaffRequest, page: Page, before: Page | None = None) -> dict[str, Any]:
    """What parts/page_card.html draws; `before` is the last page of this part. `page.service` etc. should be loaded."""
    return {
        "id": page.id,
        "title": page.title,
        "url": reverse("console:page", args=[page.id]),
        "priority": f"P{page.priority}",
        "state": shown_state(page, request.at),
        "raised_at": page.started_at,
        "owner": page.owner.name if page.owner else "",
        "until_at": page.snoozed_until,
        "source": source_of(page),
        "detail": _about(page),
        "before": before_of(before),
        "actions": actions_for(request, page),
    }


def page_row(request: StaffRequest, page: Page) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    details = [page.code, source_of(page)]
    if page.owner and page.state != Page.State.TRIGGERED:
        details.insert(0, page.owner.name)
    return {
        "at": page.started_at,
        "title": page.title,
        "url": reverse("console:page", args=[page.id]),
        "detail": " · ".join(text for text in details if text),
        "tags": [
            {"text": f"P{page.priority}", "tone": ""},
            *([{"text": _("Shadow"), "tone": "sky"}] if page.shadow else []),
            state_tag(page, request.at),
        ],
    }


def shown_state(page: Page, at: datetime) -> str:
    """The page's state in the words of the screen: an acknowledged page may be snoozed."""
    if page.state == Page.State.ACKNOWLEDGED and page.snoozed_until and page.snoozed_until > at:
        return "snoozed"
    return page.state


def state_tag(page: Page, at: datetime) -> dict[str, str]:
    """The state as a word in a colour."""
    match shown_state(page, at):
        case "triggered" if page.shadow:
            return {"text": _("On paper"), "tone": ""}
        case "triggered":
            return {"text": _("Unanswered"), "tone": "fire"}
        case "acknowledged":
            return {"text": _("Somebody has it"), "tone": "calm"}
        case "snoozed":
            return {"text": _("Quiet until {time}").format(time=f"{localtime(page.snoozed_until):%H:%M}"), "tone": ""}
    return {"text": _("Resolved"), "tone": "calm"}


def source_of(page: Page) -> str:
    """Where it came from, and how much is folded into it."""
    parts = [_("shadow: nobody was told")] if page.shadow else []
    parts += [_("from {name}").format(name=page.integration.name) if page.integration else _("raised by hand")]
    if page.alarm_count > 1:
        parts.append(
            ngettext("{count} alarm folded", "{count} alarms folded", page.alarm_count).format(
                count=localize(page.alarm_count)
            )
        )
    return " · ".join(parts)


def before_of(before: Page | None) -> dict[str, Any] | None:
    """The last time this part failed, where it is known what fixed it or when it was over."""
    if before is None or before.resolved_at is None:
        return None
    return {
        "at": before.started_at,
        "fixed_by": before.resolution or _("no note of what fixed it"),
        "url": reverse("console:page", args=[before.id]),
    }


def actions_for(request: StaffRequest, page: Page) -> list[dict[str, Any]]:
    """The buttons of a card: what this reader may do about the page in its present state."""
    back = request.get_full_path() if not request.GET.get("part") else request.path
    mine = request.person is not None and page.owner_id == request.person.id
    actions: list[dict[str, Any]] = []

    def add(right: str, view: str, label: str, **more: Any) -> None:
        if may(request, right, page.brand_id):
            url = reverse(f"console:{view}", args=[page.id])
            actions.append({"label": label, "url": url, "fields": {"next": back}, **more})

    if page.state == Page.State.TRIGGERED:
        if request.person is not None:
            add("acknowledge_page", "acknowledge", _("I've got it"), verb="acknowledge", main=True)
        add("escalate_page", "escalate", _("Wake the backup"))
    elif page.state == Page.State.ACKNOWLEDGED and mine:
        if may(request, "resolve_page", page.brand_id):
            url = reverse("console:page", args=[page.id]) + "#resolve"
            actions.append({"label": _("It is fixed"), "url": url, "get": True})
        add("escalate_page", "escalate", _("Wake the backup"))
    return actions


def _about(page: Page) -> str:
    names = [
        page.service.name if page.service else "",
        _("part {name}").format(name=page.component) if page.component else "",
        _("for {name}").format(name=page.customer.name) if page.customer else "",
    ]
    return " · ".join(name for name in names if name)
