"""The list of outages, and the room of one: what do we know, who was told, what is due?"""

from typing import Any
from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.base.models import Promise
from nightdesk.base.tickets import live_url
from nightdesk.channels.fan_out_queries import LOST
from nightdesk.channels.models import Delivery
from nightdesk.console.context import TOPICS, own_topics
from nightdesk.console.templatetags.times import age_text, clock
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.outages.shown import (
    EFFECT_TONES,
    EFFECTS,
    KINDS,
    ROLES,
    SEVERITIES,
    TONES,
    counts_of,
    is_late,
    late_text,
    match,
    one,
    outage_row,
    outages_of,
    reach_text,
    sees_room,
    state_tag,
    statement_of,
    title_of,
    touched_text,
)
from nightdesk.console.views.staff import StaffRequest, found, may, may_somewhere, staff, within
from nightdesk.console.views.stories import STATE_WORDS, rail_events
from nightdesk.outages import actions, decide, queries, report, wording
from nightdesk.outages.models import Affected, FailedPart, Outage, Touched, Update
from nightdesk.outages.preview import preview_of_holding
from nightdesk.paging.queries import in_order, story_of

CUSTOMERS_SHOWN = 25
UNTOLD_SHOWN = 12
STORY_SHOWN = 60
OPEN = sorted(decide.OPEN)


def _chosen(request: StaffRequest) -> QuerySet[Outage]:
    """The outages that the address asks for: open ones first, then the newest."""
    rows = outages_of(request)
    inside = None if request.brands is None else {one for one in request.brands if sees_room(request, one)}
    if inside is not None and inside != request.brands:
        rows = rows.exclude(state="proposed")
    state = asked(request, "state", ["open", *decide.State])
    if state == "open":
        rows = rows.filter(state__in=OPEN)
    elif state:
        rows = rows.filter(state=state)
    if severity := asked(request, "severity", SEVERITIES):
        rows = rows.filter(severity=severity)
    if text := asked(request, "q"):
        rows = rows.filter(match(text))
    over = Case(When(state__in=OPEN, then=Value(0)), default=Value(1), output_field=IntegerField())
    return rows.order_by(over, "-began_at", "-id")


@staff("read_outages")
def outages(request: StaffRequest) -> HttpResponse:
    """Every outage, what is open first."""
    here, pager = one_page(request, _chosen(request))
    counts = counts_of([row.id for row in here])
    latest = queries.latest_updates([row.id for row in here])
    still = outages_of(request).filter(state__in=OPEN).exclude(state="proposed").count()
    inside = may_somewhere(request, "read_outage_room")
    states = {"open": _("Open"), **{str(state): wording.state_words(state) for state in decide.State}}
    context = {
        "here": "outages",
        "heading": ngettext("{count} outage is open", "{count} outages are open", still).format(count=localize(still))
        if still
        else _("No outage is open"),
        "rows": [outage_row(request, row, counts.get(row.id, 0), latest.get(row.id)) for row in here],
        "pager": pager,
        "filters": [
            search_box(asked(request, "q"), _("Title or number")),
            select("state", _("State"), asked(request, "state"), states, _("Every state")),
            *(
                [
                    select(
                        "severity",
                        _("Severity"),
                        asked(request, "severity"),
                        {key: str(word) for key, word in SEVERITIES.items()},
                        _("Every severity"),
                    )
                ]
                if inside
                else []
            ),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:outages_csv")),
        "may_propose": may_somewhere(request, "propose_outage"),
    }
    return page_or_part(request, "outages", {"list"}, context)


@staff("read_outages")
def outages_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file; causes and our own titles only for those who may see the room."""
    header = [
        "number", "brand", "state", "severity", "title", "cause", "public_title", "began_at", "confirmed_at",
        "resolved_at", "next_update_at", "estimate_at", "lead", "fixer", "voice",
    ]  # fmt: skip

    def line(row: Outage) -> list[object]:
        inside = sees_room(request, row.brand_id)
        return [
            row.name, row.brand, row.state, row.severity if inside else "", title_of(request, row),
            row.cause if inside else "", row.public_title, row.began_at, row.confirmed_at, row.resolved_at,
            row.next_update_at, row.estimate_at, *([row.lead, row.fixer, row.voice] if inside else ["", "", ""]),
        ]  # fmt: skip

    return as_csv("outages", header, (line(row) for row in _chosen(request)[:EXPORTED].iterator()))


# ---- The room -------------------------------------------------------------------------------------------------------


@staff("read_outages")
def outage(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """What do we know, who was told, what is due? Whoever only answers calls sees what was approved, and no more."""
    shown = one(request, outage_id)
    inside = sees_room(request, shown.brand_id)
    updates = list(queries.updates_of(shown.pk))
    told = [each for each in updates if each.published_at is not None]
    context: dict[str, Any] = {
        "here": "outages",
        "outage": shown,
        "inside": inside,
        "title": title_of(request, shown),
        "heading": f"{shown.name} {title_of(request, shown)}",
        "tag": state_tag(shown),
        "tone": _tone(request, shown, told),
        "severity": SEVERITIES[shown.severity] if inside else "",
        "latest": _latest(told),
        "late": late_text(shown, request.at),
        "late_words": _late_words(request, shown),
        "here_url": reverse("console:outage", args=[shown.id]),
        "told": [_update(request, shown, each, {}) for each in told],
    }
    if inside:
        context |= _inside(request, shown, updates)
    topics = [*(topic for topic in TOPICS if topic != "outage"), f"outage:{shown.id}", *own_topics(request)]
    context["live_ticket_url"] = live_url(topics, at=request.at)
    return page_or_part(request, "outage", {"main", "side"}, context)


def _inside(request: StaffRequest, shown: Outage, updates: list[Update]) -> dict[str, Any]:
    """All that is ours alone."""
    progress = report.progress_of(shown.pk)
    waiting = [each for each in updates if each.published_at is None and each.dropped_at is None]
    customers = Affected.objects.filter(outage=shown).select_related("customer")
    services = Touched.objects.filter(outage=shown)
    counted = customers.count()
    reach = ""
    if shown.state == Outage.State.PROPOSED:
        reach = reach_text(preview_of_holding(shown, request.at))
    return {
        "buttons": _buttons(request, shown, bool(updates)),
        "reach": reach,
        "touched": touched_text(counted, services.count()) if counted else _("no customer"),
        "waiting": [_waits(request, shown, each) for each in waiting],
        "told": [_update(request, shown, each, progress) for each in updates if each.published_at is not None],
        "sending": sum(each.waiting for each in progress.values()),
        "roles": _roles(request, shown),
        "parts": [
            {
                "title": f"{each.part.name}",
                "detail": each.part.get_kind_display(),
                "tags": [{"text": str(EFFECTS[each.effect]), "tone": EFFECT_TONES[each.effect]}],
                "actions": [],
            }
            for each in FailedPart.objects.filter(outage=shown).select_related("part")
        ],
        "may_parts": shown.is_open and may(request, "set_failed_parts", shown.brand_id),
        "may_change": may(request, "edit_outage", shown.brand_id),
        "services": _services(shown),
        "customers": [
            _customer(request, shown, each)
            for each in customers.order_by("-effect", "-worst", "-services", "customer__name")[:CUSTOMERS_SHOWN]
        ],
        "more_customers": max(0, counted - CUSTOMERS_SHOWN),
        "untold": [
            {
                "title": each.customer.name,
                "url": reverse("console:customer", args=[each.customer_id])
                if may(request, "read_customers", shown.brand_id)
                else "",
                "detail": "",
                "tags": [],
                "actions": [],
            }
            for each in (report.untold(shown, request.at)[:UNTOLD_SHOWN] if shown.is_open else ())
        ],
        "estimates": _estimates(updates),
        "events": _events(request, shown, updates),
        "report_url": reverse("console:outage_report", args=[shown.id]),
        "has_report": bool(progress),
    }


def _tone(request: StaffRequest, shown: Outage, told: list[Update]) -> str:
    if is_late(shown, request.at):
        return "fire"
    return TONES[shown.state] if told or shown.state != "investigating" else "accent"


def _late_words(request: StaffRequest, shown: Outage) -> str:
    if shown.next_update_at is None or not is_late(shown, request.at):
        return ""
    return wording.late_words(shown.next_update_at, request.at, shown.brand.zone)


def _latest(told: list[Update]) -> dict[str, Any] | None:
    if not told:
        return None
    return {"text": statement_of(told[0]), "at": told[0].published_at, "number": told[0].number}


def _buttons(request: StaffRequest, shown: Outage, has_updates: bool) -> list[dict[str, Any]]:
    """What is done with one press, or on a page of its own."""
    buttons: list[dict[str, Any]] = []

    def add(verb: str, view: str, label: str, **more: Any) -> None:
        if may(request, verb, shown.brand_id):
            url = reverse(f"console:{view}", args=[shown.id])
            buttons.append({"label": label, "url": url, **more})

    if shown.state == Outage.State.WITHDRAWN:
        return buttons
    if shown.state == Outage.State.PROPOSED:
        add("confirm_outage", "confirm_outage", _("It is an outage"), main=True)
        add("withdraw_outage", "withdraw_outage", _("It is none"))
        return buttons
    if not shown.is_open:
        add("write_update", "tell", _("Tell what happened"), get=True)
        return buttons
    add("write_update", "tell", _("Tell customers"), get=True, main=True)
    if has_updates:
        said = clock(queries.usual_next(shown, request.at), request.at)
        label = _("No change, next update {time}").format(time=said)
        due = shown.next_update_at.isoformat() if shown.next_update_at else ""
        add("write_update", "say_no_change", label, fields={"due": due})
    if not has_updates:
        add("withdraw_outage", "withdraw_outage", _("It is none"))
    return buttons


def _waits(request: StaffRequest, shown: Outage, update: Update) -> dict[str, Any]:
    """A statement that nobody has approved yet."""
    approver = decide.approver_of(shown.severity, queries.rules_of(shown.brand_id).approvers)
    buttons = []
    if may(request, decide.APPROVE_VERB[approver], shown.brand_id):
        url = reverse("console:approve_update", args=[update.id])
        buttons.append({"label": _("Approve and send"), "url": url, "main": True})
    if may(request, "drop_update", shown.brand_id):
        buttons.append({"label": _("Drop it"), "url": reverse("console:drop_update", args=[update.id])})
    holds = Promise.objects.filter(
        kind=actions.HOLD, subject_kind="update", subject_id=str(update.pk), ended_at=None
    ).first()
    return {
        "id": update.id,
        "number": update.number,
        "state": wording.state_words(update.state),
        "text": statement_of(update),
        "others": sorted(set(update.texts) - {shown.brand.language}),
        "by": update.written_by,
        "at": update.written_at,
        "who": {
            decide.Approver.ANYBODY: _("anybody who may write one"),
            decide.Approver.DESK: _("the desk"),
            decide.Approver.MANAGER: _("a manager"),
        }[approver],
        "hold_at": holds.due_at if holds else None,
        "hold_in": age_text(max(0.0, (holds.due_at - request.at).total_seconds())) if holds else "",
        "actions": buttons,
    }


def _update(request: StaffRequest, shown: Outage, update: Update, progress: Any) -> dict[str, Any]:
    """One that was published, with how far it is."""
    far: report.Progress | None = progress.get(update.pk)
    said = []
    if update.quiet:
        said.append(_("shown only, sent to nobody"))
    elif far is not None and far.waiting:
        said.append(_("{done} of {count} messages are out").format(done=localize(far.done), count=localize(far.count)))
    elif update.people:
        said.append(wording.people(update.people))
    if far is not None and far.arrived:
        said.append(_("{count} arrived").format(count=localize(far.arrived)))
    if far is not None and far.replaced:
        text = ngettext("{count} replaced by a later one", "{count} replaced by later ones", far.replaced)
        said.append(text.format(count=localize(far.replaced)))
    approved = ""
    if sees_room(request, shown.brand_id):
        approved = (
            _("written by {name}").format(name=update.written_by)
            if update.approved_by == update.written_by
            else _("written by {name}, approved by {approver}").format(
                name=update.written_by, approver=update.approved_by
            )
        )
    correct = ""
    if shown.is_open and may(request, "write_update", shown.brand_id):
        correct = f"{reverse('console:tell', args=[shown.id])}?corrects={update.id}"
    return {
        "id": update.id,
        "number": update.number,
        "at": update.published_at,
        "tag": {"text": wording.state_words(update.state), "tone": TONES[update.state]},
        "kind": str(KINDS.get(update.kind, "")),
        "text": statement_of(update),
        "others": [
            (language, text) for language, text in sorted(update.texts.items()) if language != shown.brand.language
        ],
        "next_at": update.next_at,
        "estimate_at": update.estimate_at,
        "approved": approved,
        "said": " · ".join(said),
        "lost": ngettext("{count} did not arrive", "{count} did not arrive", far.lost).format(count=localize(far.lost))
        if far is not None and far.lost
        else "",
        "done": far.done if far is not None and far.waiting else None,
        "count": far.count if far is not None else 0,
        "correct_url": correct,
    }


def _roles(request: StaffRequest, shown: Outage) -> list[dict[str, Any]]:
    """The three, and the one press that makes one of them yours."""
    may_take = shown.is_open and may(request, "edit_outage", shown.brand_id) and request.person is not None
    mine = request.person.id if request.person else None
    labels = {"lead": _("I lead"), "fixer": _("I fix it"), "voice": _("I am the voice")}
    why = {
        "lead": _("decides"),
        "fixer": _("is left alone to fix it"),
        "voice": _("tells customers, and is asked when that is late"),
    }
    found = []
    for role, name in ROLES.items():
        person = getattr(shown, role)
        found.append(
            {
                "role": role,
                "name": str(name),
                "who": person.name if person else _("nobody yet"),
                "nobody": person is None,
                "why": why[role],
                "action": {
                    "label": labels[role],
                    "url": reverse("console:take_role", args=[shown.id]),
                    "fields": {"role": role},
                }
                if may_take and (person is None or person.id != mine)
                else None,
            }
        )
    return found


def _services(shown: Outage) -> list[dict[str, Any]]:
    """Each service that it touches, with how badly how many of those who have it."""
    counted: dict[str, dict[int, int]] = {}
    for name, effect in Touched.objects.filter(outage=shown).values_list("service__name", "effect"):
        counted.setdefault(name, {}).setdefault(effect, 0)
        counted[name][effect] += 1
    rows = []
    for name, effects in sorted(counted.items(), key=lambda item: (-max(item[1]), item[0])):
        tags = [
            {"text": f"{EFFECTS[effect]}: {localize(effects[effect])}", "tone": EFFECT_TONES[effect]}
            for effect in sorted(effects, reverse=True)
        ]
        rows.append({"title": name, "detail": "", "tags": tags, "actions": []})
    return rows


def _customer(request: StaffRequest, shown: Outage, each: Affected) -> dict[str, Any]:
    sees = may(request, "read_customers", shown.brand_id)
    services = ngettext("{count} service", "{count} services", each.services).format(count=localize(each.services))
    told = "" if each.effect_told is not None or not shown.is_open else _("not told yet")
    ticket = f"#{each.ticket_number}" if each.ticket_number else ""
    return {
        "title": each.customer.name,
        "url": reverse("console:customer", args=[each.customer_id]) if sees else "",
        "detail": " · ".join(part for part in (services, ticket, told) if part),
        "tags": [{"text": str(EFFECTS[each.effect]), "tone": EFFECT_TONES[each.effect]}],
        "actions": [],
    }


def _estimates(updates: list[Update]) -> list[dict[str, Any]]:
    """What was said of when it works again, and when the next word comes: the newest first, as far as it changed."""
    found: list[dict[str, Any]] = []
    before = None
    for update in sorted((row for row in updates if row.published_at), key=lambda row: row.number):
        said = (update.estimate_at, update.next_at)
        if said != before and any(said):
            found.append({"at": update.published_at, "number": update.number, "estimate": said[0], "next": said[1]})
        before = said
    return found[::-1]


def _events(request: StaffRequest, shown: Outage, updates: list[Update]) -> list[dict[str, Any]]:
    lines = story_of("outage", shown.pk)
    for update in updates:
        if update.dropped_at is None:
            lines += story_of("update", update.pk)
    return rail_events(in_order(lines)[:STORY_SHOWN], request.at)


@staff("read_outage_room")
def outage_update(request: StaffRequest, update_id: UUID) -> HttpResponse:
    """Where one update stands: in the room of its outage."""
    rows = Update.objects.filter(within(request.brands, "outage__brand_id"), id=update_id)
    shown = found(rows, _("You asked for an update of an outage."))
    return HttpResponseRedirect(f"{reverse('console:outage', args=[shown.outage_id])}#update-{shown.number}")


# ---- Who was told ---------------------------------------------------------------------------------------------------


@staff("read_outage_room")
def outage_report(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """Who was told what, when and by which route, and who could not be."""
    shown = one(request, outage_id)
    words, how = asked(request, "q"), asked(request, "how", ["waiting", "arrived", "lost"])
    start, size = _start(request), 50
    rows = list(report.told(shown.pk, words=words, how=how, start=start, most=size + 1))
    total = report.count_told(shown.pk, words=words, how=how)
    before: list[Any] = [None] * start
    here, pager = one_page(request, [*before, *rows], total=total)
    people = report.people_told(shown.pk)
    context = {
        "here": "outages",
        "outage": shown,
        "heading": _("{people} told of {name}").format(people=_people_were(people), name=shown.name)
        if people
        else _("Nobody was told of {name} yet").format(name=shown.name),
        "rows": [_told_row(each) for each in here],
        "pager": pager,
        "filters": [
            search_box(words, _("Name, company or address")),
            select(
                "how",
                _("What became of it"),
                how,
                {"waiting": _("Not out yet"), "arrived": _("Arrived"), "lost": _("Did not arrive")},
                _("Everything"),
            ),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:outage_report_csv", args=[shown.id])),
        "untold": report.untold(shown, request.at),
        "sees_customers": may(request, "read_customers", shown.brand_id),
        "back_url": reverse("console:outage", args=[shown.id]),
    }
    return page_or_part(request, "outage_report", {"list"}, context)


def _people_were(count: int) -> str:
    return ngettext("{count} person was", "{count} people were", count).format(count=localize(count))


def _start(request: StaffRequest) -> int:
    text = asked(request, "page")
    number = int(text) if text.isascii() and text.isdecimal() else 1
    return (max(1, min(number, 2000)) - 1) * 50


def _told_row(each: report.Told) -> dict[str, Any]:
    tone = "calm" if each.state in report.ARRIVED else "fire" if each.state in LOST else ""
    ways = {
        "email": _("mail to {address}"),
        "sms": _("text to {address}"),
        "push": _("their browser"),
        "webhook": _("their program"),
    }
    said = ways.get(each.channel, "{address}").format(address=each.address)
    route = _("by {route}").format(route=each.route) if each.route else ""
    return {
        "at": each.accepted_at or each.said_at,
        "seconds": True,
        "title": " · ".join(part for part in (each.customer, each.recipient) if part) or each.address,
        "detail": " · ".join(
            part for part in (_("update {number}").format(number=each.update), said, route, each.reason) if part
        ),
        "tags": [{"text": str(STATE_WORDS[Delivery.State(each.state)]), "tone": tone}],
    }


@staff("read_outage_room")
def outage_report_csv(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """The same as a file, and under it whom nobody could tell."""
    shown = one(request, outage_id)
    header = [
        "update", "kind", "customer", "recipient", "channel", "address", "state", "route", "reason", "published_at",
        "accepted_at", "ended_at",
    ]  # fmt: skip
    words, how = asked(request, "q"), asked(request, "how", ["waiting", "arrived", "lost"])
    told = (
        [
            each.update, each.kind, each.customer, each.recipient, each.channel, each.address, each.state, each.route,
            each.reason, each.said_at, each.accepted_at, each.ended_at,
        ]
        for each in report.told(shown.pk, words=words, how=how, most=EXPORTED)
    )  # fmt: skip
    missed = (
        ["", "", each.customer.name, "", "", "", "untold", "", _("no channel to them works"), "", "", ""]
        for each in (report.untold(shown, request.at) if not how else ())
    )
    return as_csv(f"{shown.name}-told", header, (row for rows in (told, missed) for row in rows))
