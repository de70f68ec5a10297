"""One ticket: what has been said, by whom, what is promised, and what to do now."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.memory import remembering
from nightdesk.base.refusals import Refusal
from nightdesk.base.tickets import live_url
from nightdesk.console.context import TOPICS, own_topics
from nightdesk.console.templatetags.times import age_text, clock
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import Choices, pairs, people_choices
from nightdesk.console.views.clocks import shown_clocks
from nightdesk.console.views.desk.forms import (
    AssignForm,
    EditForm,
    EscalateForm,
    NoteForm,
    PartyForm,
    ProveForm,
    RaiseForm,
    ReplyForm,
    ResolveForm,
    StepForm,
    WaitForm,
    WhyForm,
    about_choices,
    about_now,
)
from nightdesk.console.views.desk.linking import AnswerForm, lessons_for, linking_folds, links_of, major_of
from nightdesk.console.views.desk.queue import macros_for
from nightdesk.console.views.desk.shown import (
    one,
    phone_text,
    state_tone,
    state_words,
    story_items,
    undo_of,
    who_has,
)
from nightdesk.console.views.desk.words import GRADES, KINDS, LEVEL_WORDS, TRUST_WORDS
from nightdesk.console.views.desk.work import suppliers_of, time_of, work_folds
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.knowledge.beside import beside
from nightdesk.console.views.outages.shown import said_to
from nightdesk.console.views.settings.customers import REASON_WORDS
from nightdesk.console.views.staff import StaffRequest, may, staff
from nightdesk.customers.models import Contact
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Cover
from nightdesk.customers.queries import numbers_on_record, promised_now
from nightdesk.desk import decide, queries
from nightdesk.desk.agent_actions import PRESENT_FOR, TYPES_FOR
from nightdesk.desk.decide import BEHIND_THE_DESK, State, Verb
from nightdesk.desk.mail_out import reader_of
from nightdesk.desk.models import Draft, Entry, Party, Presence, Queue, Ticket, Watch
from nightdesk.knowledge.models import Template
from nightdesk.knowledge.phrases import PLACEHOLDERS, languages_to_try, render
from nightdesk.knowledge.queries import call_kinds
from nightdesk.people.models import Team

STORY_SHOWN = 80
STORY_MOST = 2000


@staff("read_tickets")
def ticket(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """What has been said, what is promised, what to do now."""
    return ticket_page(request, one(request, ticket_id))


def ticket_page(
    request: StaffRequest,
    ticket: Ticket,
    *,
    problem: Refusal | None = None,
    bound: Mapping[str, forms.Form] | None = None,
) -> HttpResponse:
    """The page, or a part of it; with a `problem` the form that was refused (`bound`, by its name) keeps its words."""
    every = request.GET.get("story") == "all"
    entries = _story(ticket, STORY_MOST if every else STORY_SHOWN + 1)
    more = not every and len(entries) > STORY_SHOWN
    entries = entries if every else entries[:STORY_SHOWN]
    sees_mail = may(request, "read_mails", ticket.brand_id)
    newest = next((entry for entry in entries if entry.kind in Entry.SPOKEN and not entry.automatic), None)
    context: dict[str, Any] = {
        "here": "tickets",
        "ticket": ticket,
        "heading": ticket.title,
        "problem": problem,
        "newest": str(newest.id) if newest else "",
        "items": story_items(entries, ticket, sees_mail=sees_mail),
        "more": more,
        "told": _told(request, ticket),
        "others": others_here(request, ticket),
        "newer": _newer(request, ticket, newest),
        "here_url": reverse("console:ticket", args=[ticket.id]),
    }
    if request.GET.get("part") != "story":
        with remembering():
            context |= _around(request, ticket, newest, bound or {}, entries, whole=not more)
        shown = {"reply", "note", *(each["id"] for each in context["folds"])}
        for name, form in (bound or {}).items():
            if name not in shown and problem is None:
                # Its place on the page is gone, as somebody has moved the ticket: what is wrong is said all the same.
                checked(form, _("You wanted to change ticket #{number}.").format(number=ticket.number))
    topics = [*(topic for topic in TOPICS if topic != "ticket"), f"ticket:{ticket.id}", f"presence:{ticket.id}"]
    topics += own_topics(request)
    answer = page_or_part(
        request,
        "ticket",
        {"head", "story", "presence"},
        context | {"live_ticket_url": live_url(topics, at=request.at)},
    )
    if problem is not None:
        answer.status_code = problem.status
    return answer


def _story(ticket: Ticket, most: int) -> list[Entry]:
    """The newest entries, the newest first, each with the ticket that it was written on."""
    entries = list(queries.story_of(ticket).select_related(None).order_by("-at", "-id")[:most])
    merged = {entry.ticket_id for entry in entries} - {ticket.id}
    known = {ticket.id: ticket, **(Ticket.objects.only("number").in_bulk(merged) if merged else {})}
    for entry in entries:
        entry.ticket = known[entry.ticket_id]
    return entries


def _around(
    request: StaffRequest,
    ticket: Ticket,
    newest: Entry | None,
    bound: Mapping[str, forms.Form],
    entries: Sequence[Entry],
    *,
    whole: bool,
) -> dict[str, Any]:
    """All of the page but its story; `entries` are of it, the newest first, and all there are where it is `whole`."""
    buttons = _buttons(request, ticket)
    parties = list(ticket.parties.select_related("contact").order_by("id"))
    there = queries.beside(ticket)
    return {
        "facts": _facts(ticket),
        "said": said_to(request, ticket.customer_id if ticket.is_open else None, ticket.brand_id),
        "buttons": buttons,
        "composer": _composer(
            request,
            ticket,
            newest,
            bound,
            parties,
            main=not any(each.get("main") for each in buttons),
            drafts="drafts" in there,
        ),
        "folds": [*_folds(request, ticket, newest, bound, entries if whole else None), *work_folds(request, ticket)],
        "suppliers": suppliers_of(request, ticket) if "suppliers" in there else [],
        "time": time_of(request, ticket) if "time" in there else {"total": "", "rows": []},
        "clocks": shown_clocks(ticket, request.at),
        "more_folds": linking_folds(request, ticket, entries if whole else None)
        if ticket.merged_into_id is None
        else [],
        "proof": _proof(request, ticket),
        "parties": _parties(request, ticket, parties),
        "watchers": _watchers(request, ticket, there),
        "links": links_of(request, ticket, there),
        "major": major_of(request, ticket),
        "lessons": lessons_for(request, ticket) if "lessons" in there else [],
        "known": beside(
            request,
            ("ticket", ticket.id),
            service_id=ticket.service_id,
            kinds_of_call=_kinds_of_call(ticket, entries if whole else None),
            brand_id=ticket.brand_id,
            back=reverse("console:ticket", args=[ticket.id]),
        ),
        "macros": list(macros_for(request, ticket.brand_id)) if _may_change(request, ticket) else [],
        "undo": undo_of(request),
        "hints": HINTS,
    }


def _kinds_of_call(ticket: Ticket, story: Sequence[Entry] | None) -> set[str]:
    """As what procedures and sayings are looked for: what it is, how it came, and a kind of the brand's own that its work is.
    `story`: all of it, where that is known.
    """
    kinds = {ticket.kind, "access"} if ticket.needs_proof else {ticket.kind}
    if ticket.trust == Ticket.Trust.MACHINE:
        kinds.add("alarm")
    calls = Entry.objects.filter(ticket=ticket, kind=Entry.Kind.CALL)
    known = story is not None and any(one.kind == Entry.Kind.CALL and one.ticket_id == ticket.pk for one in story)
    if "phone" in ticket.tags or known or (story is None and calls.exists()):
        kinds.add("call")
    work = ticket.work_type.casefold()
    if not work:
        return kinds
    return kinds | {key for key, name in call_kinds([ticket.brand_id]).items() if work in (key, name.casefold())}


HINTS = [
    {"keys": ["r"], "text": gettext_lazy("answer")},
    {"keys": ["n"], "text": gettext_lazy("write a note")},
    {"keys": ["t"], "text": gettext_lazy("take it")},
    {"keys": ["a"], "text": gettext_lazy("give it to somebody")},
    {"keys": ["e"], "text": gettext_lazy("escalate to a team")},
    {"keys": ["w"], "text": gettext_lazy("wait")},
    {"keys": ["s"], "text": gettext_lazy("set the next step")},
    {"keys": ["d"], "text": gettext_lazy("resolve it: done")},
]


def _may_change(request: StaffRequest, ticket: Ticket) -> bool:
    return may(request, "change_tickets", ticket.brand_id) and ticket.merged_into_id is None


# --- What is so ------------------------------------------------------------------------------------------------------


def _told(request: StaffRequest, ticket: Ticket) -> dict[str, Any]:
    """The head: state, who has it, the next step, and what is promised, in one line each."""
    at = request.at
    late = ticket.is_open and ticket.next_step_at is not None and ticket.next_step_at < at
    return {
        "state": state_words(ticket),
        "tone": state_tone(ticket),
        "who": who_has(ticket),
        "mine": request.person is not None and ticket.assignee_id == request.person.id,
        "level": str(LEVEL_WORDS[ticket.level]) if ticket.level != Ticket.Level.ONE else "",
        "late": age_text((at - ticket.next_step_at).total_seconds()) if late and ticket.next_step_at else "",
        "promised": promised_line(ticket, at) if ticket.is_open else "",
        "doubt": ticket.trust == Ticket.Trust.UNVERIFIED,
        "merged_url": reverse("console:ticket", args=[ticket.merged_into_id]) if ticket.merged_into_id else "",
        "parent_url": reverse("console:ticket", args=[ticket.parent_id]) if ticket.parent_id else "",
    }


def promised_line(ticket: Ticket, at: datetime) -> str:
    """What is promised to its customer now: "In hours, until 17:30."; what is owed by when is the clocks' to say."""
    cover = promised_now(ticket.customer_id, Priority(f"P{ticket.priority}"), at, ticket.work_type or None)
    return cover_words(cover, at)


def cover_words(cover: Cover, at: datetime) -> str:
    """The reason in words, and until when it holds."""
    text = str(REASON_WORDS[cover.reason])
    text = text[:1].upper() + text[1:]
    until = _("until {time}").format(time=clock(cover.holds_until, at)) if cover.holds_until else ""
    return f"{text}, {until}." if until else f"{text}."


def _facts(ticket: Ticket) -> list[dict[str, str]]:
    """What is known, as label, value and address."""
    customer_url = reverse("console:customer", args=[ticket.customer_id]) if ticket.customer_id else ""
    name, address = ticket.requester_name, ticket.requester_address
    asker = f"{name} <{address}>" if name and address else name or address
    grades = {value: str(word).lower() for value, word in GRADES}
    facts = [
        (_("Customer"), ticket.customer.name if ticket.customer else "", customer_url),
        (_("Asked by"), asker, ""),
        (_("How sure that is"), str(TRUST_WORDS[ticket.trust]), ""),
        (_("Phone"), phone_text(ticket.contact.phone, ticket.brand.region) if ticket.contact else "", ""),
        (_("Service"), _about(ticket), ""),
        (_("Kind"), str(dict(KINDS)[ticket.kind]), ""),
        (
            _("Priority"),
            _("P{priority}: impact {impact}, urgency {urgency}").format(
                priority=ticket.priority, impact=grades[ticket.impact], urgency=grades[ticket.urgency]
            ),
            "",
        ),
        (_("Kind of work"), ticket.work_type, ""),
        (_("Queue"), ticket.queue.name if ticket.queue else "", _queue_url(ticket)),
        (_("Team"), ticket.team.name if ticket.team else "", ""),
        (_("Owner"), ticket.owner.name if ticket.owner else "", ""),
        (_("Quiet hour"), (ticket.night_why or _("yes")) if ticket.night_ok else "", ""),
        (_("Brand"), ticket.brand.name, ""),
    ]
    return [{"label": label, "value": value, "url": url} for label, value, url in facts if value]


def _about(ticket: Ticket) -> str:
    """The service, and which of them."""
    label = ticket.subscription.label if ticket.subscription else ""
    return f"{ticket.service.name} {label}".strip() if ticket.service else ""


def _queue_url(ticket: Ticket) -> str:
    return f"{reverse('console:tickets')}?view=open&queue={ticket.queue_id}" if ticket.queue_id else ""


def _proof(request: StaffRequest, ticket: Ticket) -> dict[str, Any] | None:
    """What must be proved before anything is changed, and how: the number on record, and who else may say yes."""
    if not ticket.needs_proof or not ticket.is_open:
        return None
    return {
        "proved_at": ticket.proved_at,
        "number": _on_record(ticket, ticket.contact, request.at) if ticket.contact else "",
        "name": ticket.contact.name if ticket.contact else "",
        "approvers": [
            f"{each.name}{f', {each.role}' if each.role else ''}: {number or _('no number that counts')}"
            for each in queries.approvers_of(ticket)
            for number in (_on_record(ticket, each, request.at),)
        ],
        "form": ProveForm(prefix="prove", approvers=approver_choices(ticket))
        if may(request, "prove_identity", ticket.brand_id)
        else None,
        "url": reverse("console:prove_identity", args=[ticket.id]),
    }


def _on_record(ticket: Ticket, contact: Contact, at: datetime) -> str:
    """The numbers that count for a call-back; "" where there is none."""
    numbers = [phone_text(number, ticket.brand.region) for number in numbers_on_record(contact, at)]
    return _(" or ").join(numbers)


def approver_choices(ticket: Ticket) -> Choices:
    """Who of the customer may say yes."""
    return [(str(each.pk), each.name) for each in queries.approvers_of(ticket)]


def _parties(request: StaffRequest, ticket: Ticket, rows: Sequence[Party]) -> dict[str, Any]:
    editable = may(request, "set_party", ticket.brand_id) and ticket.merged_into_id is None
    return {
        "rows": [
            {
                "address": row.address,
                "name": row.name,
                "requester": row.role == Party.Role.REQUESTER,
                "removed": row.role == Party.Role.REMOVED,
            }
            for row in rows
        ],
        "form": PartyForm(prefix="party") if editable else None,
        "url": reverse("console:set_party", args=[ticket.id]),
    }


def _watchers(request: StaffRequest, ticket: Ticket, there: Collection[str]) -> dict[str, Any]:
    rows = Watch.objects.filter(ticket=ticket).values_list("person__name", "person_id").order_by("person__name")
    names = list(rows) if "watches" in there else []
    me = request.person.id if request.person else None
    return {
        "names": [name for name, _id in names],
        "mine": any(person_id == me for _name, person_id in names),
        "may": me is not None and may(request, "watch_ticket", ticket.brand_id),
        "url": reverse("console:watch_ticket", args=[ticket.id]),
    }


# --- Who else is here ------------------------------------------------------------------------------------------------


def others_here(request: StaffRequest, ticket: Ticket) -> list[dict[str, Any]]:
    """Who else has the ticket open: [{"name", "typing"}]; those who type first."""
    me = request.person.id if request.person else None
    rows = Presence.objects.filter(ticket=ticket, seen_at__gte=request.at - PRESENT_FOR).exclude(person=me)
    here = [
        {"name": name, "typing": typed_at is not None and typed_at >= request.at - TYPES_FOR}
        for name, typed_at in rows.order_by("person__name").values_list("person__name", "typed_at")
    ]
    return sorted(here, key=lambda each: not each["typing"])


def _newer(request: StaffRequest, ticket: Ticket, newest: Entry | None) -> dict[str, Any] | None:
    """What was said since `?seen=`, for whoever is writing meanwhile."""
    del ticket
    seen = request.GET.get("seen", "")
    if newest is None or not seen or str(newest.id) <= seen:
        return None
    return {"by": newest.by_name, "at": newest.at, "id": str(newest.id)}


# --- What to do now --------------------------------------------------------------------------------------------------


def _buttons(request: StaffRequest, ticket: Ticket) -> list[dict[str, Any]]:
    """What is done with one press."""
    buttons: list[dict[str, Any]] = []
    here = reverse("console:ticket", args=[ticket.id])
    if not _may_change(request, ticket):
        return buttons

    def add(press: str, label: str, **more: Any) -> None:
        fields = {"next": here, "ticket": str(ticket.id), "press": press}
        buttons.append({"label": label, "url": reverse("console:change_tickets"), "fields": fields, **more})

    me = request.person.id if request.person else None
    state = State(ticket.state)
    if ticket.is_open and me is not None and (ticket.assignee_id != me or decide.after(state, Verb.START)):
        label = _("Take it") if ticket.assignee_id != me else _("Go on with it")
        add("take", label, key="t", main=ticket.assignee_id is None and state is State.NEW)
    if decide.after(state, Verb.CLOSE):
        add("close", _("Close it"))
    return buttons


def _composer(
    request: StaffRequest,
    ticket: Ticket,
    newest: Entry | None,
    bound: Mapping[str, forms.Form],
    parties: Sequence[Party],
    *,
    main: bool,
    drafts: bool,
) -> dict[str, Any]:
    """The forms to answer and to note, with the words that were begun, where there are `drafts`."""
    composer: dict[str, Any] = {"reply": None, "note": None, "silent": "", "main": main}
    begun = {}
    if drafts and request.person is not None:
        begun = {draft.kind: draft for draft in Draft.objects.filter(ticket=ticket, person=request.person)}
    composer["open"] = "reply" in begun or "reply" in bound
    composer["restored"] = {kind: draft.changed_at for kind, draft in begun.items()}
    over = ticket.state in (Ticket.State.CLOSED, Ticket.State.CANCELLED) or ticket.merged_into_id is not None
    if may(request, "reply_to_customer", ticket.brand_id) and not over:
        reply = bound.get("reply")
        if reply is None:
            text = begun["reply"].text if "reply" in begun else ""
            initial = {"text": text, "then": "", "seen_id": newest.id if newest else None}
            reply = reply_form(request, ticket, initial=initial)
        if reply is not None:
            composer["reply"] = reply
        else:
            composer["silent"] = _("Your team does not speak to users itself: write a note, and the desk says it.")
    if may(request, "note_ticket", ticket.brand_id) and ticket.merged_into_id is None:
        text = begun["note"].text if "note" in begun else ""
        composer["note"] = bound.get("note") or NoteForm(prefix="note", initial={"text": text})
    written_to = [row for row in parties if row.role != Party.Role.REMOVED]
    composer["templates"] = _templates(request, ticket, written_to) if composer["reply"] else []
    composer["written_to"] = [row.name or row.address for row in written_to]
    return composer


def _templates(request: StaffRequest, ticket: Ticket, written_to: Sequence[Party]) -> list[dict[str, str]]:
    """Texts to begin with, in the language of the mail where there are, with what is known of the ticket put in."""
    language = reader_of(ticket, written_to).language
    uses = (Template.Use.REPLY, Template.Use.CLOSING)
    rows = list(Template.objects.filter(brand=ticket.brand_id, use__in=uses).order_by("name"))
    best: dict[str, Template] = {}
    wanted = languages_to_try(language)
    for row in rows:
        rank = wanted.index(row.language) if row.language in wanted else len(wanted)
        held = best.get(row.name)
        if held is None or rank < (wanted.index(held.language) if held.language in wanted else len(wanted)):
            best[row.name] = row
    values = dict.fromkeys(PLACEHOLDERS, "…") | {
        "brand": ticket.brand.name,
        "customer": ticket.customer.name if ticket.customer else "",
        "contact": ticket.requester_name,
        "ticket": f"#{ticket.number}",
        "title": ticket.title,
        "state": state_words(ticket),
        "priority": f"P{ticket.priority}",
        "service": ticket.service.name if ticket.service else "",
        "agent": request.actor.name,
        "next_step": ticket.next_step,
        "next_step_at": clock(ticket.next_step_at, request.at) if ticket.next_step_at else "…",
    }
    return [{"name": row.name, "text": render(row.body, values)} for row in best.values()]


def reply_form(request: StaffRequest, ticket: Ticket, *args: Any, **kwargs: Any) -> ReplyForm | None:
    """The form to answer with; None for whoever may speak to this user for no reason at all."""
    level, allowed = queries.speaks_as(request.actor, ticket)
    kinds = list(allowed) if level in BEHIND_THE_DESK else None
    if kinds is not None and not kinds:
        return None
    return ReplyForm(*args, prefix="reply", kinds=kinds, held=_held(request, ticket), **kwargs)


def resolve_form(request: StaffRequest, ticket: Ticket, *args: Any, newest: Entry | None = None) -> ResolveForm:
    """The form to resolve it with; `newest`: what was said last, as its reader has seen it."""
    seen = {"seen_id": newest.id} if newest else {}
    return ResolveForm(*args, prefix="resolve", held=_held(request, ticket), initial=seen)


def _held(request: StaffRequest, ticket: Ticket) -> str:
    """Until when what is written to the customer now would wait, in words; "" where it leaves at once."""
    send_at = queries.send_at(ticket, request.at)
    return clock(send_at, request.at) if send_at > request.at else ""


def edit_form(ticket: Ticket, *args: Any) -> EditForm:
    """What is known of the ticket, to be changed."""
    return EditForm(
        *args,
        prefix="edit",
        services=about_choices(ticket.brand_id, ticket.customer_id, ticket),
        queues=pairs(Queue.objects.filter(brand=ticket.brand_id), _("None")),
        initial={
            **{
                name: getattr(ticket, name)
                for name in ("title", "kind", "impact", "urgency", "work_type", "needs_proof", "night_ok", "night_why")
            },
            "service": about_now(ticket),
            "queue": ticket.queue_id or "",
            "tags": ", ".join(ticket.tags),
        },
    )


def teams_of(ticket: Ticket) -> QuerySet[Team]:
    """The brand's teams, by name."""
    return Team.objects.filter(brand=ticket.brand_id).order_by("name")


def _folds(
    request: StaffRequest,
    ticket: Ticket,
    newest: Entry | None,
    bound: Mapping[str, forms.Form],
    story: Sequence[Entry] | None,
) -> list[dict[str, Any]]:
    """What is done with a word or a choice: {"id", "key", "title", "form", "url", "label", "before"}."""
    shown: list[dict[str, Any]] = []
    if ticket.merged_into_id is not None:
        return shown
    state = State(ticket.state)
    at = request.at

    def add(verb: str, view: str, title: str, form: forms.Form, label: str, **more: Any) -> None:
        if may(request, verb, ticket.brand_id):
            url = reverse(f"console:{view}", args=[ticket.id])
            shown.append(
                {"id": view, "title": title, "form": bound.get(view, form), "url": url, "label": label, **more}
            )

    def can(verb: Verb) -> bool:
        return decide.after(state, verb) is not None

    people = people_choices(ticket.brand_id)
    teams = [(team.pk, team.name) for team in teams_of(ticket)]
    level, _allowed = queries.speaks_as(request.actor, ticket)
    if ticket.is_open and level in BEHIND_THE_DESK and ticket.first_engineer_id is not None:
        form = AnswerForm(prefix="found")
        add("return_answer", "return_answer", _("Give the answer back to the desk"), form, _("Give it back"))
    if ticket.is_open:
        step = {"next_step": ticket.next_step, "when": "at", "when_at": ticket.next_step_at}
        if ticket.next_step_at is not None and ticket.next_step_at <= at:
            step |= {"when": "1", "when_at": None}
        add(
            "set_next_step",
            "set_next_step",
            _("Set the next step"),
            StepForm(prefix="step", at=at, initial=step),
            _("Set it"),
            key="s",
        )
        assign = AssignForm(prefix="assign", people=people, teams=[(str(pk), name) for pk, name in teams])
        add("assign_ticket", "assign_ticket", _("Give it to somebody"), assign, _("Give it"), key="a")
        others = [(str(pk), name) for pk, name in teams if pk != ticket.owner_id]
        if others:
            add(
                "escalate_functionally",
                "escalate_ticket",
                _("Escalate to a team"),
                EscalateForm(prefix="escalate", teams=others),
                _("Escalate it"),
                key="e",
                before=queries.story_so_far(ticket, story),
                before_title=_("They are told the story so far"),
            )
        manager = queries.manager_for(ticket)
        add(
            "escalate_hierarchically",
            "raise_ticket",
            _("Bring it before a manager"),
            RaiseForm(prefix="raise", people=people, manager=manager.name if manager else ""),
            _("Tell them"),
        )
    if can(Verb.WAIT):
        wait = WaitForm(prefix="wait", at=at, initial={"reason": "awaiting_caller", "when": "morning"})
        add("wait_ticket", "wait_ticket", _("Wait"), wait, _("Let it wait"), key="w")
    if can(Verb.RESOLVE):
        add(
            "resolve_ticket",
            "resolve_ticket",
            _("It is resolved"),
            resolve_form(request, ticket, newest=newest),
            _("Resolve it"),
            key="d",
        )
    if can(Verb.REOPEN):
        add("reopen_ticket", "reopen_ticket", _("Reopen it"), WhyForm(prefix="reopen"), _("Reopen it"))
    add("edit_ticket", "edit_ticket", _("Change what is known"), edit_form(ticket), _("Save"))
    if can(Verb.CANCEL):
        add("cancel_ticket", "cancel_ticket", _("It was none: cancel it"), WhyForm(prefix="cancel"), _("Cancel it"))
    for each in shown:
        each["open"] = each["id"] in bound
    return shown
