"""What happens next: promises and deliveries that are due, why each exists, and those that were given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.promise_verbs import retry_promise, void_promise
from nightdesk.base.actors import Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import HANDLERS, LANES
from nightdesk.channels.models import Delivery, Message
from nightdesk.channels.queries import words_to
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import (
    COUNTED,
    PAGE_ROWS,
    as_csv,
    asked,
    clear_url,
    counted_text,
    csv_url,
    one_page,
    page_number,
    select,
)
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff, within
from nightdesk.console.views.subjects import url_of
from nightdesk.people.models import Person

LATE_AFTER = timedelta(seconds=5)
"""A worker looks every 200 ms: what is this much past its time waits for a reason."""
DELIVERY = "delivery"
STATES = ("late", "dead")

WORDS = {
    "page.ring": gettext_lazy("Ring the next person"),
    "page.alive": gettext_lazy("See that its owner is still awake"),
    "page.follow_mailbox": gettext_lazy("Page for a mailbox that is not read, or end that page"),
    "mailbox.check": gettext_lazy("See whether a mailbox is still not read"),
    "page.unsnooze": gettext_lazy("End the quiet"),
    "standby.test_page": gettext_lazy("Raise and close a test page"),
    "page.close_notices": gettext_lazy("Tell phones that nobody need answer any more"),
    "duty.turn": gettext_lazy("Hand the duty over"),
    "duty.draft": gettext_lazy("Draft the handover note, and ask who is next to accept"),
    "duty.chase": gettext_lazy("Ask again who takes a duty that nobody has taken"),
    "duty.lapse": gettext_lazy("Say so, if a duty that was passed was not accepted"),
    "duty.back": gettext_lazy("Ring whoever was out of reach again, and tell them what happened"),
    "safety.watch": gettext_lazy("See whether somebody out on a site is well"),
    "safety.note_page": gettext_lazy("See what a page says of somebody out on a site"),
    "safety.note_call": gettext_lazy("Note that somebody out on a site answered a call"),
    "outages.bought_no_more": gettext_lazy("Let open outages and planned work go of what a customer buys no more"),
    "safety.follow_watch": gettext_lazy("Have the new holder watch who is out on a site"),
    "bureau.relay": gettext_lazy("Hand the bureau's message on to the next"),
    "bureau.page_taken": gettext_lazy("Show the bureau who has its message"),
    "call.hang_up": gettext_lazy("Stop a telephone that rings"),
    "calls.call_back_due": gettext_lazy("Remind whoever owes a call-back, then the backup, then the manager"),
    "calls.write": gettext_lazy("Write down what a call left"),
    "calls.delete_recording": gettext_lazy("Throw a recording away"),
    "beat.late": gettext_lazy("Page, if it is not heard by then"),
    "silence.end": gettext_lazy("End a silence"),
    "silence.release": gettext_lazy("Let ring what still fires"),
    "silence.soon": gettext_lazy("Say that a silence ends soon"),
    "work.begin": gettext_lazy("Begin planned work"),
    "work.overrun": gettext_lazy("See that planned work is done"),
    "shadow.compare": gettext_lazy("Compare with the old pager"),
    "shadow.sweep": gettext_lazy("Ring what was left on paper"),
    "duty.coverage": gettext_lazy("See that every shift ahead knows what it answers for"),
    "page.copy": gettext_lazy("Send newcomers a silent copy"),
    "outages.ways": gettext_lazy("See that no fault cuts off whoever is on"),
    "duty.tell_change": gettext_lazy("Tell people of a change of their duty"),
    "duty.tell_swap": gettext_lazy("Ask or tell people about a swap"),
    "rota.lapse_swap": gettext_lazy("End a swap that nobody settled"),
    "duty.reach": gettext_lazy("See that whoever is on can be woken"),
    "digest.send": gettext_lazy("Send a digest"),
    "person.end_quiet": gettext_lazy("End the quiet"),
    "ticket.next_step": gettext_lazy("Say so, if the next step is late"),
    "ticket.close": gettext_lazy("Close what was resolved"),
    "procedure.review": gettext_lazy("Ask its owner to look through a procedure"),
    "procedure.tell": gettext_lazy("Tell of a proposed change"),
    "outage.tell": gettext_lazy("Tell customers of an outage"),
    "outage.hold": gettext_lazy("Send the holding statement, if nobody has approved the update"),
    "outage.chase": gettext_lazy("Ask for the next update of an outage"),
    "incident.draft": gettext_lazy("Draft the report of an outage that is over"),
    "incident.stand": gettext_lazy("Have the report of an outage stand, and say so"),
    "incident.measure": gettext_lazy("Look whether a regulator must be told of an outage"),
    "incident.chase": gettext_lazy("Chase what a report owes to customers or a regulator"),
    "outage.confirm_by_rule": gettext_lazy("Confirm an outage, if its alarm still stands"),
    "briefing.joined": gettext_lazy("Tell whoever joined a team what there is to read"),
    "briefing.remind": gettext_lazy("Remind those who have not read a briefing"),
    "attachment.read": gettext_lazy("Read a file, so that it can be searched"),
    "attachment.scan": gettext_lazy("Have a file scanned"),
    "carrier.parse": gettext_lazy("Read a carrier's notice"),
    "channels.find_receipt": gettext_lazy("Look again for what a receipt is about"),
    "channels.join_pieces": gettext_lazy("Take a longer text as far as it came"),
    "contact.invite": gettext_lazy("Invite a contact"),
    "contact.lapse": gettext_lazy("Shut out who was not confirmed"),
    "contact.mobile_code": gettext_lazy("Send the code for a mobile"),
    "contact.review": gettext_lazy("Ask a company who still belongs to it"),
    "desk.ask_survey": gettext_lazy("Ask a customer what they think"),
    "desk.end_outage": gettext_lazy("Let the tickets follow their outage"),
    "desk.join_outage": gettext_lazy("See whether an outage touches a ticket"),
    "desk.look_for_surge": gettext_lazy("See whether several customers ask at once"),
    "desk.page_triggered": gettext_lazy("Open the ticket of a page"),
    "desk.page_acknowledged": gettext_lazy("Note on its ticket who has the page"),
    "desk.page_resolved": gettext_lazy("Note on its ticket that the page is over"),
    "digest.hand_over": gettext_lazy("Hand a digest to the next on duty"),
    "duty.note_holds": gettext_lazy("Put duties worked on record"),
    "duty.remind_cover": gettext_lazy("Remind who covers for a late start"),
    "paging.note_handled": gettext_lazy("Put work on a page on record"),
    "duty.replan": gettext_lazy("Follow a changed rota"),
    "duty.follow_plan": gettext_lazy("Follow a published plan"),
    "duty.tell_plan": gettext_lazy("Tell whoever a published plan touches"),
    "duty.seek_cover_for": gettext_lazy("See what an absence leaves open"),
    "cover.step": gettext_lazy("Ask the next one to stand in"),
    "mail.read": gettext_lazy("Read a mail that came in"),
    "outages.from_page": gettext_lazy("See whether an alarm is an outage"),
    "outages.page_taken": gettext_lazy("Note who fixes an outage"),
    "outages.page_over": gettext_lazy("See what a page's end means for its outage"),
    "planned-work.follow": gettext_lazy("Tell customers what becomes of planned work"),
    "planned-work.remind": gettext_lazy("Remind customers of planned work"),
    "planned-work.tell": gettext_lazy("Tell customers of planned work"),
    "planned-work.undecided": gettext_lazy("Ask what becomes of planned work"),
    "supplier.chase": gettext_lazy("Chase a supplier"),
    "ticket.breach": gettext_lazy("Page, if the customer was not answered in time"),
    "ticket.warn_clock": gettext_lazy("Warn that time runs out for a customer"),
    "ticket.check_sent": gettext_lazy("See that a reply has left"),
    "ticket.hand_over": gettext_lazy("Hand on what a contact had open"),
    "ticket.put_back": gettext_lazy("Put back what somebody who left had"),
    "ticket.manager_answers": gettext_lazy("See that a manager has answered"),
    "ticket.recount_clocks": gettext_lazy("Reckon the clocks of tickets anew"),
    "calls.twiml_due": gettext_lazy("A call goes on"),
    "calls.check_divert": gettext_lazy("Ring a line from outside"),
    "calls.ring_divert": gettext_lazy("Ring a line from outside"),
    "calls.hear_divert": gettext_lazy("Look for our greeting in what was heard outside"),
    "figures.mail": gettext_lazy("Send a report of figures by mail"),
    "calls.end_divert_check": gettext_lazy("Give up waiting for our greeting"),
}
"""Kinds of promises as things that the system will do."""

CHANNEL_WORDS = {
    "sms": gettext_lazy("Text {name}"),
    "voice": gettext_lazy("Ring {name}"),
    "email": gettext_lazy("Email {name}"),
    "pocket": gettext_lazy("Show {name} in their pocket page"),
    "push": gettext_lazy("Notify {name} on their phone"),
    "webhook": gettext_lazy("Call a webhook of {name}"),
    "pager": gettext_lazy("Ring {name}'s pager"),
    "chat": gettext_lazy("Write to {name} in chat"),
}


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that will be done by itself, or that was given up (`dead`)."""

    due_at: datetime
    kind: str
    lane: str
    what: str
    why: str
    attempt: int
    failure: str
    subject_kind: str
    subject_id: str
    promise_id: UUID | None
    brand_id: int | None
    dead: bool


def dead_promises(request: StaffRequest) -> QuerySet[Promise]:
    """Promises that were given up and that nobody has settled yet."""
    return Promise.objects.filter(within(request.brands), ended_as=Promise.Ending.DEAD)


def _promises(request: StaffRequest, state: str) -> QuerySet[Promise]:
    if state == "dead":
        return dead_promises(request).order_by("-ended_at")
    rows = Promise.objects.filter(within(request.brands), ended_at=None)
    return _late(rows, request, state).order_by("due_at")


def _deliveries(request: StaffRequest, state: str) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(within(request.brands))
    if state == "dead":
        return rows.filter(state=Delivery.State.FAILED).order_by("-due_at")
    return _late(rows.filter(ended_at=None), request, state).order_by("due_at")


def _late(rows: QuerySet[Any], request: StaffRequest, state: str) -> QuerySet[Any]:
    return rows.filter(due_at__lt=request.at - LATE_AFTER) if state == "late" else rows


def find_due(
    request: StaffRequest,
    *,
    state: str = "",
    kind: str = "",
    lane: str = "",
    leave_out: Sequence[str] = (),
    limit: int,
) -> list[Due]:
    """The first `limit` of what is due, soonest first; of what was given up, the latest first."""
    first: list[Due] = []
    promises, deliveries = _chosen_rows(request, state, kind, lane)
    if promises is not None:
        if leave_out:
            promises = promises.exclude(kind__in=leave_out)
        first += [_due_promise(row) for row in promises[:limit]]
    if deliveries is not None:
        first += _due_deliveries(list(deliveries[:limit]))
    first.sort(key=lambda due: due.due_at, reverse=state == "dead")
    return first[:limit]


def count_due(request: StaffRequest, *, state: str = "", kind: str = "", lane: str = "") -> int:
    """How many there are, exact up to COUNTED."""
    rows = _chosen_rows(request, state, kind, lane)
    return sum(each[: COUNTED + 1].count() for each in rows if each is not None)


def _chosen_rows(
    request: StaffRequest, state: str, kind: str, lane: str
) -> tuple[QuerySet[Promise] | None, QuerySet[Delivery] | None]:
    """The promises and the deliveries that are asked for; None where that table is not."""
    promises = _promises(request, state) if kind != DELIVERY else None
    deliveries = _deliveries(request, state) if kind in ("", DELIVERY) else None
    if promises is not None and kind:
        promises = promises.filter(kind=kind)
    if lane:
        promises = promises.filter(lane=lane) if promises is not None else None
        deliveries = deliveries.filter(lane=lane) if deliveries is not None else None
    return promises, deliveries


def _due_promise(row: Promise) -> Due:
    return Due(
        due_at=row.due_at,
        kind=row.kind,
        lane=row.lane,
        what=str(WORDS.get(row.kind, row.kind)),
        why=row.why,
        attempt=row.attempt,
        failure=row.failure,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        promise_id=row.id,
        brand_id=row.brand_id,
        dead=row.ended_as == Promise.Ending.DEAD,
    )


def _due_deliveries(rows: Sequence[Delivery]) -> list[Due]:
    messages = Message.objects.in_bulk({row.message_id for row in rows})
    people = dict(
        Person.objects.filter(
            id__in={int(row.recipient_id) for row in rows if row.recipient_kind == "person"}
        ).values_list("id", "name")
    )
    due = []
    for row in rows:
        message = messages.get(row.message_id)
        name = people.get(int(row.recipient_id), row.address) if row.recipient_kind == "person" else row.address
        words = CHANNEL_WORDS.get(row.channel, gettext_lazy("Send to {name}"))
        due.append(
            Due(
                due_at=row.due_at,
                kind=DELIVERY,
                lane=row.lane,
                what=str(words).format(name=name),
                why=words_to(row, message)[0] if message else "",
                attempt=row.attempt,
                failure=row.reason,
                subject_kind=row.subject_kind,
                subject_id=row.subject_id,
                promise_id=None,
                brand_id=message.brand_id if message else None,
                dead=row.state == Delivery.State.FAILED,
            )
        )
    return due


def due_row(request: StaffRequest, due: Due, *, buttons: bool = False) -> dict[str, Any]:
    """What parts/list_row.html draws; `buttons`: retry and void, where it was given up and the reader may."""
    tags = []
    if due.dead:
        tags.append({"text": _("Given up"), "tone": "fire"})
    elif due.attempt > 1:
        text = ngettext("tried {count} time", "tried {count} times", due.attempt).format(count=due.attempt)
        tags.append({"text": text, "tone": "accent"})
    actions = []
    if buttons and due.dead and due.promise_id is not None:
        for verb, view, label in (
            ("retry_promise", "retry", _("Try again")),
            ("void_promise", "void", _("Let it go")),
        ):
            if may(request, verb, due.brand_id):
                url = reverse(f"console:{view}", args=[due.promise_id])
                actions.append({"label": label, "url": url, "fields": {"next": request.get_full_path()}})
    return {
        "at": due.due_at,
        "title": due.what,
        "url": url_of(due.subject_kind, due.subject_id),
        "detail": " · ".join(text for text in (due.why, due.failure) if text),
        "late": not due.dead and due.due_at < request.at - LATE_AFTER,
        "tags": tags,
        "actions": actions,
    }


def due_rows(request: StaffRequest, limit: int) -> list[dict[str, Any]]:
    """The next `limit` things that the system will do by itself; not that it waits for each of a thousand heartbeats, and
    for each ticket's next step: the desk's queue shows these.
    """
    left_out = ("beat.late", "ticket.next_step", "ticket.close")
    return [due_row(request, due) for due in find_due(request, limit=limit, leave_out=left_out)]


def _choice(request: StaffRequest) -> dict[str, str]:
    return {
        "state": asked(request, "state", STATES),
        "kind": asked(request, "kind", [DELIVERY, *HANDLERS]),
        "lane": asked(request, "lane", [*LANES, "urgent", "bulk"]),
    }


@staff("read_promises")
def next_up(request: StaffRequest) -> HttpResponse:
    """What the system will do by itself, when, and why; what was given up, with a way to settle it."""
    choice = _choice(request)
    total = count_due(request, **choice)
    due = find_due(request, **choice, limit=page_number(request) * PAGE_ROWS + 1)
    here, pager = one_page(request, due, total=total)
    late = count_due(request, **(choice | {"state": "late"})) if choice["state"] != "dead" else 0
    context = {
        "here": "next",
        "heading": _heading(total, late, choice["state"]),
        "rows": [due_row(request, each, buttons=True) for each in here],
        "pager": pager,
        "filters": [
            select(
                "state",
                _("Which"),
                choice["state"],
                {"late": _("Late"), "dead": _("Given up")},
                _("To come"),
            ),
            select(
                "kind",
                _("What"),
                choice["kind"],
                {DELIVERY: _("Messages"), **{kind: str(WORDS.get(kind, kind)) for kind in sorted(HANDLERS)}},
                _("Everything"),
            ),
            select(
                "lane", _("Lane"), choice["lane"], {lane: lane for lane in (*LANES, "urgent", "bulk")}, _("Every lane")
            ),
        ],
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:next_csv")),
        "dead_count": dead_promises(request).count(),
        "state": choice["state"],
    }
    return page_or_part(request, "next", {"list"}, context)


def _heading(count: int, late: int, state: str) -> str:
    if state == "dead":
        if not count:
            return _("Nothing was given up")
        return ngettext("{count} thing was given up", "{count} things were given up", count).format(
            count=counted_text(count)
        )
    if late:
        return ngettext("{count} thing is late", "{count} things are late", late).format(count=counted_text(late))
    if not count:
        return _("Nothing is promised")
    return ngettext("{count} thing is to come", "{count} things are to come", count).format(count=counted_text(count))


@staff("read_promises")
def next_csv(request: StaffRequest) -> HttpResponse:
    """The same rows as a file."""
    due = find_due(request, **_choice(request), limit=COUNTED)
    header = ["due_at", "kind", "lane", "what", "why", "attempt", "failure", "subject_kind", "subject_id", "state"]
    rows = (
        [
            each.due_at, each.kind, each.lane, each.what, each.why, each.attempt, each.failure,
            each.subject_kind, each.subject_id, "dead" if each.dead else "open",
        ]
        for each in due
    )  # fmt: skip
    return as_csv("what-happens-next", header, rows)


@posting("retry_promise")
def retry(request: StaffRequest, promise_id: UUID) -> HttpResponse:
    """Try again what was given up."""
    _given_up(request, promise_id)
    retry_promise(promise_id=promise_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It is tried again now."), "console:next")


@posting("void_promise")
def void(request: StaffRequest, promise_id: UUID) -> HttpResponse:
    """Let go of what was given up."""
    _given_up(request, promise_id)
    void_promise(promise_id=promise_id, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It was let go."), "console:next")


def _given_up(request: StaffRequest, promise_id: UUID) -> Promise:
    rows = Promise.objects.filter(within(request.brands), id=promise_id)
    return found(rows, _("You asked for something that was given up."))
