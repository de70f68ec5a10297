"""Tonight: what is waiting, who is on call, what happens next."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nightdesk.access import matrix
from nightdesk.channels.models import Delivery, Route
from nightdesk.console.context import in_order_of_waking
from nightdesk.console.views.calls.shown import on_tonight
from nightdesk.console.views.cards import nobody_takes, page_card, page_row
from nightdesk.console.views.due import dead_promises, due_rows
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.handover import handover_warnings
from nightdesk.console.views.knowledge.briefings import waiting_for
from nightdesk.console.views.lists import counted_text
from nightdesk.console.views.month import hour_ticks, names_of, picture, stretches
from nightdesk.console.views.outages.shown import open_cards
from nightdesk.console.views.settings.quiet import silence_row, work_row
from nightdesk.console.views.staff import StaffRequest, may_somewhere, staff, within
from nightdesk.console.views.visits import out_now
from nightdesk.desk.worklist import Wanted, counts, for_a_quiet_hour
from nightdesk.duty.coverage_queries import hole_of, is_alone, names_in
from nightdesk.duty.models import CoverageHole
from nightdesk.duty.queries import OnDuty, open_warnings, silent, who_is_on
from nightdesk.knowledge.queries import reviews_due
from nightdesk.outages.way_queries import way_warnings, why_of_warning
from nightdesk.paging.models import Heartbeat, Integration, Page
from nightdesk.paging.queries import door_shut_since, kept_quiet, last_time, open_pages, silences_now, work_now
from nightdesk.people.models import Person, Team
from nightdesk.rota.models import Rota
from nightdesk.rota.queries import load_rotas

AHEAD = timedelta(hours=24)
CARDS, ROWS, NEXT_ROWS, QUIET_ROWS = 12, 20, 8, 5
FAILED_SINCE = timedelta(hours=24)
LONG_PAUSED = timedelta(days=7)


@staff("read_pages")
def tonight(request: StaffRequest) -> HttpResponse:
    """The one screen of somebody on duty."""
    pages = list(open_pages(request.brands))
    waiting = [page for page in pages if page.state == Page.State.TRIGGERED and page.rings_from > request.at]
    unanswered = [page for page in pages if page.state == Page.State.TRIGGERED and page.rings_from <= request.at]
    taken = [page for page in pages if page.state != Page.State.TRIGGERED]
    on_duty = in_order_of_waking(who_is_on(request.at, request.brands), request.brands)
    sees_next = may_somewhere(request, "read_promises")
    context = {
        "here": "tonight",
        "heading": heading(len(unanswered), len(taken)),
        "clock": f"{localtime(request.at):%H:%M}",
        "zone": _zone_name(),
        "cards": [page_card(request, page, last_time(page)) for page in unanswered[:CARDS]],
        "taken": [page_row(request, page) for page in taken[:ROWS]],
        "quiet": _kept_quiet(request) if may_somewhere(request, "read_silences") else [],
        "waiting": [page_row(request, page) for page in waiting[:ROWS]],
        "more": max(0, len(unanswered) - CARDS) + max(0, len(taken) - ROWS) + max(0, len(waiting) - ROWS),
        "visits_out": out_now(request),
        "outages": open_cards(request, CARDS),
        "warnings": warnings(request, pages, on_duty),
        **on_tonight(request, ROWS),
        **_desk(request, quiet=not unanswered),
        "on_duty": on_duty,
        "month": None if request.GET.get("part") else next_day(request),
        "sees_next": sees_next,
        "sees_people": may_somewhere(request, "read_people"),
        "next_rows": due_rows(request, limit=NEXT_ROWS) if sees_next else [],
    }
    return page_or_part(request, "tonight", {"waiting", "next"}, context)


def _desk(request: StaffRequest, *, quiet: bool) -> dict[str, Any]:
    """How the desk stands in one line; and in a quiet hour what may be done in one, with the reason."""
    brands = matrix.brands_for(request.actor, "read_tickets")
    if brands is not None and not brands:
        return {"desk_line": "", "quiet_work": []}
    told = counts(Wanted(), brands, request.at, ("ours",))
    waiting = ngettext("{count} ticket waits on us", "{count} tickets wait on us", told["ours"])
    late = ngettext("{count} next step is late", "{count} next steps are late", told["late"])
    rows = for_a_quiet_hour(brands, QUIET_ROWS) if quiet else []
    return {
        "desk_line": waiting.format(count=counted_text(told["ours"])) if told["ours"] else _("No ticket waits on us"),
        "desk_late": late.format(count=counted_text(told["late"])) if told["late"] else "",
        "quiet_work": [
            {
                "title": f"#{each.number} {each.title}",
                "url": reverse("console:ticket", args=[each.id]),
                "detail": " · ".join(
                    part for part in (each.night_why, each.customer.name if each.customer else "") if part
                ),
                "tags": [{"text": f"P{each.priority}", "tone": ""}],
            }
            for each in rows
        ],
    }


def heading(unanswered: int, taken: int) -> str:
    """The state of the world in a sentence."""
    if unanswered:
        return ngettext("{count} page unanswered", "{count} pages unanswered", unanswered).format(count=unanswered)
    if taken:
        return ngettext("{count} page, and somebody has it", "{count} pages, and somebody has each", taken).format(
            count=taken
        )
    return _("Nothing is waiting")


def _kept_quiet(request: StaffRequest) -> list[dict[str, Any]]:
    """What is kept quiet now, until when: silences, and planned work, which stands for its own."""
    brands = matrix.brands_for(request.actor, "read_silences")
    held = [each for each in silences_now(brands, request.at) if each.work_id is None]
    kept = kept_quiet([each.pk for each in held])
    rows = [silence_row(request, each, kept[each.pk]) for each in held]
    return [*(work_row(request, each) for each in work_now(brands, request.at)), *rows][:ROWS]


def _watched(request: StaffRequest) -> list[dict[str, Any]]:
    """Heartbeats that nobody watches for long, or that could not be heard; senders that wake nobody here."""
    if not may_somewhere(request, "read_heartbeats"):
        return []
    mine = Heartbeat.objects.filter(within(request.brands), removed_at=None)
    found: list[dict[str, Any]] = []
    url = reverse("console:heartbeats")

    def add(count: int, text: str, url: str) -> None:
        if count:
            found.append({"tone": "accent", "text": text.format(count=count), "url": url, "label": _("Look at it")})

    shut_since = door_shut_since(request.at)
    if shut_since is not None and mine.exists():
        text = _("Our own door is shut since {time}: no heartbeat can be heard.")
        add(1, text.format(time=f"{localtime(shut_since):%H:%M}"), url)
    paused = mine.filter(paused_at__lt=request.at - LONG_PAUSED).count()
    text = ngettext("{count} heartbeat is paused for a week", "{count} heartbeats are paused for a week", paused)
    add(paused, text, f"{url}?state=paused")
    unheard = mine.filter(unheard_at__isnull=False).count()
    text = ngettext(
        "{count} heartbeat may have come while our door was shut",
        "{count} heartbeats may have come while our door was shut",
        unheard,
    )
    add(unheard, text, url)
    shadows = Integration.objects.filter(within(request.brands), shadow_since__isnull=False, revoked_at=None)
    if names := list(shadows.values_list("name", flat=True)):
        text = _("In shadow mode, alarms of {names} wake nobody here.").format(names=", ".join(names))
        add(1, text.replace("{", "").replace("}", ""), reverse("console:integrations"))
    return found


def _to_read(request: StaffRequest) -> list[dict[str, Any]]:
    """In one line what the reader must have read and has not said so; in another what they should look through."""
    found: list[dict[str, Any]] = []
    if waiting := waiting_for(request):
        titles = ", ".join(f"“{each.title}”" for each in waiting[:3])
        text = ngettext("A briefing waits for you: {titles}", "{count} briefings wait for you: {titles}", len(waiting))
        text = text.replace("{count}", str(len(waiting))).replace("{titles}", titles)
        url = reverse("console:briefing", args=[waiting[0].pk])
        if len(waiting) > 1:
            url = reverse("console:briefings") + "?state=open"
        found.append({"tone": "", "text": text, "url": url, "label": _("Read it")})
    mine = reviews_due(request.person.id, request.at) if request.person is not None else []
    if mine and may_somewhere(request, "read_procedures"):
        text = ngettext(
            "You should look through {count} procedure", "You should look through {count} procedures", len(mine)
        )
        url = reverse("console:procedure", args=[mine[0].pk])
        if len(mine) > 1:
            url = reverse("console:procedures") + "?state=due"
        found.append({"tone": "", "text": text.format(count=len(mine)), "url": url, "label": _("Look at it")})
    return found


def _zone_name() -> str:
    return str(getattr(get_current_timezone(), "key", "UTC")).split("/")[-1].replace("_", " ")


def warnings(request: StaffRequest, pages: list[Page], on_duty: list[OnDuty]) -> list[dict[str, Any]]:
    """What could make this night go wrong: {"text", "url", "label", "tone"}, the worst first."""
    found: list[dict[str, Any]] = []
    for page in pages:
        if alarm := nobody_takes(page):
            url = reverse("console:page", args=[page.id])
            text = _("“{title}”: {alarm}").format(title=page.title, alarm=alarm)
            found.append({"tone": "fire", "text": text, "url": url, "label": _("That page's story")})
        if page.unreached:
            found.append(
                {
                    "tone": "fire",
                    "text": _("Nobody could be reached for “{title}”. Ring somebody yourself.").format(
                        title=page.title
                    ),
                    "url": reverse("console:page", args=[page.id]),
                    "label": _("That page's story"),
                }
            )
    if may_somewhere(request, "read_promises"):
        found += _given_up(request, pages)
    found += handover_warnings(request)
    found += _watched(request)
    found += _to_read(request)
    sees_people = may_somewhere(request, "read_people")
    for name, person_id in _silent(on_duty, request.at):
        found.append(
            {
                "tone": "accent",
                "text": _("{name} is on duty and has no working phone or text number.").format(name=name),
                "url": reverse("console:person", args=[person_id]) if sees_people else "",
                "label": _("Mend it"),
            }
        )
    found += _before_their_turn(request, sees_people)
    found += _cut_off(request, sees_people)
    found += _holes_ahead(request)
    found += _asked_for_quiet(request, on_duty, sees_people)
    for duty in on_duty:
        if duty.person_id is None:
            found.append(
                {
                    "tone": "accent",
                    "text": _("Nobody holds {seat}, {rota}.").format(seat=duty.seat_name, rota=duty.rota_name),
                    "url": reverse("console:rota"),
                    "label": _("Put somebody on"),
                }
            )
    resting = Route.objects.filter(within(request.brands, or_none=True), enabled=True, resting_until__gt=request.at)
    for route in resting:
        found.append(
            {
                "tone": "accent",
                "text": _("{route} failed and rests until {time}. The next route is used.").format(
                    route=route.name, time=f"{localtime(route.resting_until):%H:%M}"
                ),
                "url": "",
                "label": "",
            }
        )
    return found


def _given_up(request: StaffRequest, pages: list[Page]) -> list[dict[str, Any]]:
    """What the machinery did not manage: promises that were given up, messages that did not arrive."""
    found: list[dict[str, Any]] = []
    dead = dead_promises(request).count()
    if dead:
        found.append(
            {
                "tone": "fire",
                "text": ngettext("{count} promise was given up", "{count} promises were given up", dead).format(
                    count=dead
                ),
                "url": reverse("console:next") + "?state=dead",
                "label": _("Look at it"),
            }
        )
    failed = Delivery.objects.filter(
        state=Delivery.State.FAILED, due_at__gte=request.at - FAILED_SINCE, due_at__lte=request.at
    )
    failed = failed.filter(subject_kind="page", subject_id__in=[str(page.id) for page in pages])
    if count := failed.count():
        found.append(
            {
                "tone": "fire",
                "text": ngettext(
                    "{count} message about an open page did not arrive",
                    "{count} messages about open pages did not arrive",
                    count,
                ).format(count=count),
                "url": reverse("console:next") + "?state=dead",
                "label": _("Look at it"),
            }
        )
    return found


def _silent(on_duty: list[OnDuty], at: datetime) -> list[tuple[str, int]]:
    """Name and id of each person on duty whom nothing loud is known to wake."""
    people = {duty.person_id: duty.person_name for duty in on_duty if duty.person_id is not None}
    cannot = silent(list(people), at)
    return [(name, person_id) for person_id, name in people.items() if person_id in cannot]


def _before_their_turn(request: StaffRequest, sees_people: bool) -> list[dict[str, Any]]:
    """Whoever comes on within a day and nothing loud is known to wake."""
    return [
        {
            "tone": "accent",
            "text": _("{name} is {seat} from {time} on, and nothing loud is known to wake them.").format(
                name=row.person.name, seat=row.seat.name, time=f"{localtime(row.turn_at):%H:%M}"
            ),
            "url": reverse("console:person", args=[row.person_id]) if sees_people else "",
            "label": _("Mend it"),
        }
        for row in open_warnings(request.brands)
        if row.turn_at is not None and row.turn_at > request.at
    ]


def _cut_off(request: StaffRequest, sees_people: bool) -> list[dict[str, Any]]:
    """Whoever is on duty within a day and has a way that a known outage, or planned work, cuts off then."""
    found: list[dict[str, Any]] = []
    for row in way_warnings(request.brands):
        text = _("{name} cannot be reached by {way}, because of {why}. Another way is used.")
        told = {
            "name": row.method.person.name,
            "way": f"{row.method.channel} {row.method.address}".strip(),
            "why": why_of_warning(row),
        }
        url = reverse("console:person", args=[row.method.person_id]) if sees_people else ""
        found.append({"tone": "accent", "text": text.format(**told), "url": url, "label": row.method.person.name})
    return found


def _holes_ahead(request: StaffRequest) -> list[dict[str, Any]]:
    """What nobody on a shift of the next day knows, in one line; and in another, who is new and on alone."""
    if not may_somewhere(request, "read_skills"):
        return []
    holes = CoverageHole.objects.filter(within(request.brands), withdrawn_at=None, starts_at__lt=request.at + AHEAD)
    rows = [hole_of(row) for row in holes.filter(ends_at__gt=request.at).order_by("starts_at")]
    called = names_in(rows)
    alone = list(dict.fromkeys(called[hole.subject] for hole in rows if is_alone(hole)))
    names = list(dict.fromkeys(called[hole.subject] for hole in rows if not is_alone(hole)))
    told = []
    if names:
        text = _("Nobody who is on within a day knows {names}.").format(names=", ".join(names[:3]))
        if len(names) > 3:
            more = ngettext("and {count} more", "and {count} more", len(names) - 3).format(count=len(names) - 3)
            text = f"{text[:-1]} {more}."
        told.append(text)
    if alone:
        told.append(_("New, and on within a day with nobody experienced: {names}.").format(names=", ".join(alone)))
    url = reverse("console:coverage")
    return [{"tone": "accent", "text": text, "url": url, "label": _("Who could")} for text in told]


def _asked_for_quiet(request: StaffRequest, on_duty: list[OnDuty], sees_people: bool) -> list[dict[str, Any]]:
    """Whoever is on duty and asked that only a P1 rings them."""
    people = {duty.person_id for duty in on_duty if duty.person_id is not None}
    return [
        {
            "tone": "",
            "text": _("{name}: quiet until {time}, except for a P1. Other pages go to whoever is next.").format(
                name=person.name, time=f"{localtime(person.quiet_until):%H:%M}"
            ),
            "url": reverse("console:person", args=[person.id]) if sees_people else "",
            "label": person.name,
        }
        for person in Person.objects.filter(id__in=people, quiet_until__gt=request.at)
    ]


def next_day(request: StaffRequest) -> dict[str, Any] | None:
    """The picture of the next day; None where there is no rota."""
    start = request.at - timedelta(hours=2)
    start = start.replace(minute=0, second=0, microsecond=0)
    end = start + AHEAD
    found = []
    for rota in load_rotas(list(Rota.objects.filter(within(request.brands)).values_list("id", flat=True))).values():
        found += [(stretch, ZoneInfo(rota.zone)) for stretch in stretches(rota, start, end)]
    if not found:
        return None
    reader = get_current_timezone()
    return picture(
        name="next-day",
        label=_("Who is on, the next day"),
        found=found,
        start=start,
        end=end,
        ticks=hour_ticks(start, end, ZoneInfo(str(reader)), every=6),
        at=request.at,
        name_of=names_of(dict(Person.objects.values_list("id", "name")), dict(Team.objects.values_list("id", "name"))),
        mine=("person", request.person.id) if request.person else None,
        by_night=True,
    )
