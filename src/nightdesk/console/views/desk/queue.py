"""The desk's queue: what is next for me, and other ways to look at tickets."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.memory import remembering
from nightdesk.base.refusals import Invalid
from nightdesk.console.views.choices import Choices, pairs, people_choices
from nightdesk.console.views.desk.forms import tags_in
from nightdesk.console.views.desk.shown import outcome_of, state_words, ticket_row, undo_of
from nightdesk.console.views.desk.words import GRADES, STATE_WORDS
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import (
    EXPORTED,
    PAGE_ROWS,
    as_csv,
    csv_url,
    one_page,
    page_number,
    search_box,
    select,
)
from nightdesk.console.views.outages.shown import said_in_brands
from nightdesk.console.views.staff import StaffRequest, done, found, may_somewhere, posting, staff, within
from nightdesk.customers.models import Customer
from nightdesk.customers.priority import Impact, Urgency, priority_of, table_with
from nightdesk.desk import queries
from nightdesk.desk.agent_actions import remove_view, save_view
from nightdesk.desk.bulk_actions import MOST, apply_macro, change_tickets, undo_change
from nightdesk.desk.models import Bulk, Macro, Queue, SavedView
from nightdesk.desk.worklist import Row, Wanted, by_ids, chosen, counts, page_of, total_of
from nightdesk.outages.queries import names_told_to
from nightdesk.people.models import Team

TABS = {
    "mine": gettext_lazy("Mine"),
    "unassigned": gettext_lazy("Nobody’s"),
    "ours": gettext_lazy("Waiting on us"),
    "theirs": gettext_lazy("Waiting on the customer"),
    "waiting": gettext_lazy("Waiting on others"),
    "open": gettext_lazy("All open"),
    "all": gettext_lazy("All ever"),
}
COUNTED_TABS = ("mine", "unassigned", "ours", "theirs", "waiting")
ORDERS = {
    "next": gettext_lazy("What is next"),
    "oldest": gettext_lazy("Oldest first"),
    "newest": gettext_lazy("Newest first"),
    "changed": gettext_lazy("Changed last"),
}
SAID_SHOWN = 3
LESSONS_SHOWN = 5
PRIORITIES = {str(number): f"P{number}" for number in range(1, 6)}


@staff("read_tickets")
def tickets(request: StaffRequest) -> HttpResponse:
    """What is next for me."""
    wanted = _wanted(request)
    start = (page_number(request) - 1) * PAGE_ROWS
    told = counts(wanted, request.brands, request.at, COUNTED_TABS)
    plain = Wanted(view=wanted.view, order=wanted.order, person_id=wanted.person_id)
    same = wanted == plain and wanted.view in told
    with remembering():
        here = page_of(wanted, request.brands, request.at, start, PAGE_ROWS)
        total = told[wanted.view] if same else total_of(wanted, request.brands)
    rows, pager = _page(request, here, total)
    outages = names_told_to({each.customer_id for each in rows if each.customer_id is not None})
    may_change = may_somewhere(request, "change_tickets")
    # Asked for once: the filters offer them, and so does the bar below.
    teams = pairs(Team.objects.filter(within(request.brands)).order_by("name"))
    queues = pairs(Queue.objects.filter(within(request.brands)))
    context = {
        "here": "tickets",
        "heading": _heading(told, wanted),
        "view": wanted.view,
        "rows": [
            ticket_row(each, request.at) | {"outage": ", ".join(outages.get(each.customer_id or 0, ()))}
            for each in rows
        ],
        "said": said_in_brands(request)[:SAID_SHOWN],
        "pager": pager,
        "tabs": _tabs(request, wanted, told),
        "filters": _filters(request, wanted, teams, queues),
        "narrowed": wanted != plain,
        "clear_url": f"{request.path}?view={wanted.view}" if wanted != plain else "",
        "csv_url": csv_url(request, reverse("console:tickets_csv")),
        "saved": _saved(request, wanted),
        "wanted": wanted.as_query(),
        "my_teams": pairs(_my_teams(request), _("Only me")) if request.person else [],
        "may_save": request.person is not None,
        "may_open": may_somewhere(request, "open_ticket"),
        "may_change": may_change,
        "presses": _presses(request, teams, queues) if may_change else [],
        "undo": undo_of(request),
        "lessons": list(queries.lessons_of(request.person.id)[:LESSONS_SHOWN]) if request.person else [],
        "hints": HINTS,
    }
    return page_or_part(request, "tickets", {"list"}, context)


HINTS = [
    {"keys": ["x"], "text": gettext_lazy("choose this ticket, or not")},
    {"keys": ["r"], "text": gettext_lazy("answer")},
    {"keys": ["n"], "text": gettext_lazy("write a note")},
    {"keys": ["a"], "text": gettext_lazy("give it to somebody; of several chosen, all")},
    {"keys": ["e"], "text": gettext_lazy("escalate to a team")},
    {"keys": ["c"], "text": gettext_lazy("new ticket")},
]


def _wanted(request: StaffRequest) -> Wanted:
    """What the address asks for; without any, what is mine, or where nothing is, what waits on us."""
    person_id = request.person.id if request.person else None
    wanted = Wanted.from_query(request.GET, person_id)
    if "view" in request.GET or wanted.as_query():
        return wanted
    mine = Wanted(view="mine", person_id=person_id)
    view = "mine" if chosen(mine, request.brands).exists() else "ours"
    return Wanted(view=view, person_id=person_id)


def _page(request: StaffRequest, rows: list[Row], total: int) -> tuple[list[Any], dict[str, Any]]:
    """As `lists.one_page`, of rows that are this page's already."""
    start = (page_number(request) - 1) * PAGE_ROWS
    # one_page cuts its page out of a list that begins with the first row.
    before: list[Any] = [None] * start
    return one_page(request, [*before, *rows], total=total)


def _heading(told: dict[str, int], wanted: Wanted) -> str:
    """The state of the desk in a sentence."""
    if late := told["late"]:
        shown = _("{count} next step is late"), _("{count} next steps are late")
        return ngettext(*shown, late).format(count=f"{late:,}" if late <= 10_000 else "10,000+")
    if wanted.view == "mine" and not told["mine"]:
        return _("Nothing waits for you")
    if told["ours"]:
        text = ngettext("{count} ticket waits on us", "{count} tickets wait on us", told["ours"])
        return text.format(count=f"{told['ours']:,}" if told["ours"] <= 10_000 else "10,000+")
    return _("No ticket waits on us")


def _tabs(request: StaffRequest, wanted: Wanted, told: dict[str, int]) -> list[dict[str, Any]]:
    shown = {name: f"{number:,}" if number <= 10_000 else "10,000+" for name, number in told.items()}
    return [
        {
            "url": f"{request.path}?view={view}",
            "label": str(label),
            "here": wanted.view == view,
            "count": shown.get(view) if view in COUNTED_TABS else None,
        }
        for view, label in TABS.items()
        if view != "mine" or request.person is not None
    ]


def _filters(request: StaffRequest, wanted: Wanted, teams: Choices, queues: Choices) -> list[dict[str, Any]]:
    rows = [
        search_box(wanted.q, _("Words of the title, or a number")),
        select("priority", _("Priority"), wanted.priority, PRIORITIES, _("Every priority")),
        select(
            "state", _("State"), wanted.state, {name: str(word) for name, word in STATE_WORDS.items()}, _("Every state")
        ),
        select("queue", _("Queue"), wanted.queue, dict(queues), _("Every queue")),
        select("team", _("Team"), wanted.team, dict(teams), _("Every team")),
        {"name": "tag", "label": _("Tag"), "value": wanted.tag, "kind": "text"},
        select("order", _("Order"), wanted.order, {name: str(word) for name, word in ORDERS.items()}, ""),
    ]
    rows[-1]["options"] = rows[-1]["options"][1:]
    if wanted.customer:
        customer = Customer.objects.filter(within(request.brands), id=int(wanted.customer)).first()
        names = {wanted.customer: customer.name if customer else "–"}
        rows.append(select("customer", _("Customer"), wanted.customer, names, _("Every customer")))
    rows.append({"name": "view", "value": wanted.view, "kind": "hidden"})
    return rows


# --- Saved views -----------------------------------------------------------------------------------------------------


def _views(request: StaffRequest) -> QuerySet[SavedView]:
    """The reader's own views, and those that somebody shares with a team of theirs."""
    me = request.person.id if request.person else 0
    return SavedView.objects.filter(Q(person=me) | Q(team__members=me)).select_related("person").distinct()


def _saved(request: StaffRequest, wanted: Wanted) -> list[dict[str, Any]]:
    now = wanted.as_query()
    return [
        {
            "name": view.name,
            "url": f"{request.path}?{urlencode({'view': 'open', **view.filters})}",
            "here": view.filters == now,
            "whose": "" if request.person and view.person_id == request.person.id else view.person.name,
            "remove_url": reverse("console:remove_view", args=[view.id])
            if request.person and view.person_id == request.person.id
            else "",
        }
        for view in _views(request)
    ]


def _my_teams(request: StaffRequest) -> QuerySet[Team]:
    return Team.objects.filter(within(request.brands), members=request.person).order_by("name")


@posting("save_view")
def keep_view(request: StaffRequest) -> HttpResponse:
    """What is shown now, under a name."""
    filters = Wanted.from_query(request.POST).as_query()
    team = request.POST.get("share", "")
    view = save_view(
        name=request.POST.get("name", ""),
        filters=filters,
        team_id=int(team) if team.isdecimal() else None,
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    url = f"{reverse('console:tickets')}?{urlencode({'view': 'open', **view.filters})}"
    return done(request, _("Kept as “{name}”.").format(name=view.name), url)


@posting("remove_view")
def no_view(request: StaffRequest, view_id: int) -> HttpResponse:
    """No longer kept."""
    remove_view(view_id=view_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("That view is gone."), "console:tickets")


# --- Many at once ----------------------------------------------------------------------------------------------------


def _presses(request: StaffRequest, teams: Choices, queues: Choices) -> list[tuple[str, list[tuple[str, str]]]]:
    """What may be done with the chosen tickets, in groups: [(group, [(value, label)])]."""
    brand_id = next(iter(request.brands)) if request.brands and len(request.brands) == 1 else None
    people = [(f"person:{number}", name) for number, name in people_choices(brand_id)]
    table = table_with(queries.rules_of(brand_id).priorities if brand_id else {})
    grades = [
        (
            f"grade:{impact}:{urgency}",
            _("{priority}: impact {impact}, urgency {urgency}").format(
                priority=priority_of(Impact(impact), Urgency(urgency), table),
                impact=str(impact_word).lower(),
                urgency=str(urgency_word).lower(),
            ),
        )
        for impact, impact_word in GRADES
        for urgency, urgency_word in GRADES
    ]
    macros = [(f"macro:{row.pk}", row.name) for row in macros_for(request)]
    first = [] if request.person is None else [("take", _("I take them"))]
    groups = [
        (_("Give them to"), [*first, *people, ("nobody", _("Nobody: back to the queue"))]),
        (_("A team"), [(f"team:{key}", name) for key, name in teams]),
        (_("A queue"), [(f"queue:{key}", name) for key, name in queues]),
        (_("A priority"), sorted(grades, key=lambda grade: grade[1])),
        (_("A tag"), [("tag", _("Put a tag on")), ("untag", _("Take a tag off"))]),
        (_("End them"), [("close", _("Close what is resolved")), ("cancel", _("Cancel, because"))]),
        (_("A macro"), macros),
        (_("The night"), [("night", _("Fit for a quiet hour, because")), ("day", _("Not for the night"))]),
    ]
    return [(name, choices) for name, choices in groups if choices]


def macros_for(request: StaffRequest, brand_id: int | None = None) -> QuerySet[Macro]:
    """The macros that the reader is offered: the brand's, and their teams'."""
    me = request.person.id if request.person else 0
    rows = Macro.objects.filter(within(request.brands)).filter(Q(team=None) | Q(team__members=me)).distinct()
    return rows if brand_id is None else rows.filter(brand_id=brand_id)


@posting("change_tickets")
def change_many(request: StaffRequest) -> HttpResponse:
    """One press, many tickets."""
    wanted = request.POST.getlist("ticket")[: MOST + 1]
    press = request.POST.get("press", "")
    asked_for = _("Tickets were to change.")
    if not wanted:
        raise Invalid(asked_for, _("None was chosen."), _("Choose some: the key x, or the boxes."))
    ids = [ticket.id for ticket in by_ids(_uuids(wanted), request.brands)]
    doing: dict[str, Any] = {"by": request.actor, "via": Door.WEB, "at": request.at}
    name, _colon, value = press.partition(":")
    if name == "macro" and value.isdecimal():
        found(macros_for(request).filter(id=int(value)), _("You asked for a macro."))
        bulk = apply_macro(ticket_ids=ids, macro_id=int(value), **doing)
    else:
        verb, values = read_press(name, value, request.POST.get("with", ""))
        bulk = change_tickets(ticket_ids=ids, verb=verb, values=values, **doing)
    return pressed(request, bulk, "console:tickets")


def pressed(request: StaffRequest, bulk: Bulk, to: str, *args: Any) -> HttpResponse:
    """After one press: the undo bar of the next page says what it did, and a line what it did not do."""
    if bulk.refused:
        return done(request, outcome_of(bulk), to, *args, level=messages.WARNING)
    return done(request, "" if bulk.person_id and bulk.rows else outcome_of(bulk), to, *args)


def read_press(name: str, value: str, words: str) -> tuple[str, dict[str, Any]]:
    """The verb of `bulk_actions` and its values. Raises Invalid for none."""
    number = int(value) if value.isdecimal() else None
    match name:
        case "take":
            return "take", {}
        case "nobody":
            return "assign", {"person_id": None, "team_id": None}
        case "person" if number is not None:
            return "assign", {"person_id": number}
        case "team" if number is not None:
            return "assign", {"team_id": number}
        case "queue" if number is not None:
            return "edit", {"queue_id": number}
        case "grade" if ":" in value:
            impact, _colon, urgency = value.partition(":")
            return "edit", {"impact": impact, "urgency": urgency}
        case "tag" | "untag":
            tags = tags_in(words)
            if not tags:
                raise Invalid(_("Tickets were to be tagged."), _("No tag was given."), _("Write it beside."))
            return "tag", {"add" if name == "tag" else "remove": tags}
        case "close":
            return "close", {}
        case "cancel":
            return "cancel", {"why": words}
        case "night":
            return "edit", {"night_ok": True, "night_why": words[:200]}
        case "day":
            return "edit", {"night_ok": False, "night_why": ""}
    raise Invalid(_("Tickets were to change."), _("It was not said how."), _("Choose what to do with them."))


def _uuids(texts: list[str]) -> Iterator[UUID]:

    for text in texts:
        try:
            yield UUID(text)
        except ValueError:
            continue


@posting("undo_change")
def undo(request: StaffRequest, bulk_id: UUID) -> HttpResponse:
    """As it was before."""
    bulk, left = undo_change(bulk_id=bulk_id, by=request.actor, via=Door.WEB, at=request.at)
    if not left:
        return done(request, _("Taken back: {what}.").format(what=bulk.what), "console:tickets")
    numbers = ", ".join(f"#{number}" for number in left)
    text = _("Taken back, but for {numbers}: somebody has changed them since.").format(numbers=numbers)
    return done(request, text, "console:tickets")


# --- As a file -------------------------------------------------------------------------------------------------------


@staff("read_tickets")
def tickets_csv(request: StaffRequest) -> HttpResponse:
    """The same tickets as a file."""
    header = [
        "id", "number", "kind", "priority", "state", "title", "brand", "customer", "contact", "service", "team",
        "assignee", "queue", "tags", "next_step", "next_step_at", "opened_at", "first_response_at", "resolved_at",
        "closed_at",
    ]  # fmt: skip
    wanted = _wanted(request)
    related = ("brand", "customer", "contact", "service", "team", "assignee", "queue")
    rows = chosen(wanted, request.brands).select_related(*related)
    lines = (
        [
            each.id, each.number, each.kind, f"P{each.priority}", state_words(each), each.title, each.brand,
            each.customer, each.requester_name, each.service, each.team, each.assignee, each.queue,
            " ".join(each.tags), each.next_step, each.next_step_at, each.opened_at, each.first_response_at,
            each.resolved_at, each.closed_at,
        ]
        for each in rows[:EXPORTED].iterator()
    )  # fmt: skip
    return as_csv("tickets", header, lines)
