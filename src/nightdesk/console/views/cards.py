"""A page as the card and the row that several views show (templates/console/parts)."""

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format, localize
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.console.views.staff import StaffRequest, may
from nightdesk.paging.models import Page
from nightdesk.paging.queries import ladder_of


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
        "alarm": nobody_takes(page),
        "waits": waits_until(page, request.at),
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
    """The page's state in the words of the screen: an acknowledged page may be snoozed, and one that nobody has may wait for
    the opening.
    """
    if page.state == Page.State.TRIGGERED and page.rings_from > at:
        return "waiting"
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
        case "waiting":
            return {"text": waits_until(page, at), "tone": ""}
        case "acknowledged":
            return {"text": _("Somebody has it"), "tone": "calm"}
        case "snoozed":
            return {"text": _("Quiet until {time}").format(time=f"{localtime(page.snoozed_until):%H:%M}"), "tone": ""}
    return {"text": _("Resolved"), "tone": "calm"}


def waits_until(page: Page, at: datetime) -> str:
    """ "Waits for the opening at 08:00", with the day where that is not within a day."""
    opens = localtime(page.rings_from)
    near = page.rings_from - at < timedelta(hours=20)
    return _("Waits for the opening at {time}").format(time=f"{opens:%H:%M}" if near else date_format(opens, "D H:i"))


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


def may_wait(page: Page, at: datetime) -> bool:
    """Whether the page can be left till morning: it is no P1, is not over, and does not wait already."""
    waits = page.state == Page.State.TRIGGERED and page.rings_from > at
    return page.state != Page.State.RESOLVED and page.priority > 1 and not waits


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
        if may_wait(page, request.at):
            add("defer_page", "defer", _("Leave it till morning"))
    elif page.state == Page.State.ACKNOWLEDGED and mine:
        if may(request, "resolve_page", page.brand_id):
            url = reverse("console:page", args=[page.id]) + "#resolve"
            actions.append({"label": _("It is fixed"), "url": url, "get": True})
        add("escalate_page", "escalate", _("Wake the backup"))
    return actions


def nobody_takes(page: Page) -> str:
    """What is said in red of a page for which everybody is rung by now; "" of any other."""
    if page.everybody_at is None or page.state != Page.State.TRIGGERED:
        return ""
    minutes = int(ladder_of(page).nag_every.total_seconds() // 60)
    return _("Nobody has taken this page; everybody is rung every {minutes} minutes since {time}.").format(
        minutes=minutes, time=f"{localtime(page.everybody_at):%H:%M}"
    )


def _about(page: Page) -> str:
    names = [
        page.service.name if page.service else "",
        _("part {name}").format(name=page.component) if page.component else "",
        _("for {name}").format(name=page.customer.name) if page.customer else "",
    ]
    return " · ".join(name for name in names if name)
