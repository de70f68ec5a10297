"""What can be done about a ticket: each form, the verb that it calls, and where one is then."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext as _

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import people_choices
from nightdesk.console.views.desk.forms import (
    AssignForm,
    EscalateForm,
    NoteForm,
    PartyForm,
    ProveForm,
    RaiseForm,
    StepForm,
    WaitForm,
    WhyForm,
    about_now,
    about_of,
    as_files,
    mentioned,
    tags_in,
)
from nightdesk.console.views.desk.queue import macros_for, pressed
from nightdesk.console.views.desk.shown import one, who_has
from nightdesk.console.views.desk.ticket import (
    approver_choices,
    edit_form,
    reply_form,
    resolve_form,
    teams_of,
    ticket_page,
)
from nightdesk.console.views.staff import StaffRequest, done, found, posting
from nightdesk.desk.actions import (
    StoryMovedOn,
    Words,
    escalate_functionally,
    escalate_hierarchically,
    note_ticket,
    prove_identity,
    reopen_ticket,
    resolve_ticket,
    set_party,
    unwatch_ticket,
    watch_ticket,
)
from nightdesk.desk.agent_actions import answer_ticket, keep_draft
from nightdesk.desk.bulk_actions import apply_macro, change_tickets
from nightdesk.desk.models import Ticket


def _doing(request: StaffRequest) -> dict[str, Any]:
    return {"by": request.actor, "via": Door.WEB, "at": request.at}


def _kept(
    request: StaffRequest, ticket: Ticket, name: str, form: forms.Form, do: Callable[[], object]
) -> HttpResponse | None:
    """Do it; where the form does not hold or the verb refuses, the page again with the form as it was filled in."""
    if not form.is_valid():
        return ticket_page(request, ticket, bound={name: form})
    try:
        do()
    except Refusal as refusal:
        field = refusal.extra.get("field", "")
        if field in form.fields:
            form.add_error(field, refusal.so)
        if isinstance(refusal, StoryMovedOn):
            # What has come since stands on the page that is answered: sending again is with open eyes.
            form.data = {**form.data.dict(), form.add_prefix("seen_id"): refusal.extra["entry"]}  # type: ignore[attr-defined]
        return ticket_page(request, ticket, problem=refusal, bound={name: form})
    return None


# --- Words -----------------------------------------------------------------------------------------------------------


@posting("reply_to_customer")
def reply(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """The customer is answered."""
    ticket = one(request, ticket_id)
    form = reply_form(request, ticket, request.POST, request.FILES)
    if form is None:
        # The verb says why better than we could.
        answer_ticket(ticket_id=ticket.id, words=Words(request.POST.get("reply-text", "")), **_doing(request))
        return done(request, _("Sent."), "console:ticket", ticket.id)

    def send() -> None:
        values = form.cleaned_data
        answer_ticket(
            ticket_id=ticket.id,
            words=Words(values["text"].strip(), files=as_files(values["attached"])),
            then=values["then"],
            what_was_wrong=values["what_was_wrong"],
            what_was_done=values["what_was_done"],
            what_to_do=values["what_to_do"],
            contact_kind=values.get("contact_kind") or "",
            by_phone=values["by_phone"],
            why_now=values.get("why_now") or "",
            seen_id=values["seen_id"],
            **_doing(request),
        )

    refused = _kept(request, ticket, "reply", form, send)
    if refused is not None:
        return refused
    words = {"wait": _("Sent. It waits for their answer."), "resolve": _("Sent, and resolved.")}
    if form.cleaned_data["by_phone"]:
        words = {"wait": _("Kept. It waits for their answer."), "resolve": _("Kept, and resolved."), "": _("Kept.")}
    text = words.get(form.cleaned_data["then"], _("Sent."))
    return done(request, f"#{ticket.number}: {text}", "console:ticket", ticket.id)


@posting("note_ticket")
def note(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """Written among ourselves; whoever is named is told."""
    ticket = one(request, ticket_id)
    form = NoteForm(request.POST, request.FILES, prefix="note")
    told: list[int] = []

    def write() -> None:
        text = form.cleaned_data["text"].strip()
        told.extend(mentioned(text, people_choices(ticket.brand_id)))
        words = Words(text, files=as_files(form.cleaned_data["attached"]), public=False)
        note_ticket(ticket_id=ticket.id, words=words, mentions=told, **_doing(request))
        if request.person is not None:
            keep_draft(ticket_id=ticket.id, kind="note", text="", **_doing(request))

    refused = _kept(request, ticket, "note", form, write)
    if refused is not None:
        return refused
    return done(request, _("Noted, and told.") if told else _("Noted."), "console:ticket", ticket.id)


# --- Who works on it -------------------------------------------------------------------------------------------------


def _pressed(request: StaffRequest, ticket: Ticket, verb: str, values: dict[str, Any]) -> HttpResponse:
    """Done so that it can be undone."""
    bulk = change_tickets(ticket_ids=[ticket.id], verb=verb, values=values, **_doing(request))
    return pressed(request, bulk, "console:ticket", ticket.id)


@posting("assign_ticket")
def assign(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """Somebody else has it, or a team."""
    ticket = one(request, ticket_id)
    teams = [(str(team.pk), team.name) for team in teams_of(ticket)]
    form = AssignForm(request.POST, prefix="assign", people=people_choices(ticket.brand_id), teams=teams)
    kind, _colon, number = checked(form, _("You wanted to give a ticket to somebody."))["to"].partition(":")
    if kind == "person":
        return _pressed(request, ticket, "assign", {"person_id": int(number)})
    return _pressed(request, ticket, "assign", {"person_id": None, "team_id": int(number) if number else None})


@posting("escalate_functionally")
def escalate(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """A team that knows more works on it."""
    ticket = one(request, ticket_id)
    teams = [(str(team.pk), team.name) for team in teams_of(ticket)]
    form = EscalateForm(request.POST, prefix="escalate", teams=teams)

    def do() -> None:
        values = form.cleaned_data
        escalate_functionally(ticket_id=ticket.id, team_id=values["team"], why=values["why"], **_doing(request))

    refused = _kept(request, ticket, "escalate_ticket", form, do)
    if refused is not None:
        return refused
    ticket = one(request, ticket_id)
    text = _("{team} has it, and the story so far.").format(team=who_has(ticket))
    return done(request, text, "console:ticket", ticket.id)


@posting("escalate_hierarchically")
def bring_before(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """Somebody with more authority knows of it."""
    ticket = one(request, ticket_id)
    form = RaiseForm(request.POST, prefix="raise", people=people_choices(ticket.brand_id), manager="")

    def do() -> None:
        values = form.cleaned_data
        escalate_hierarchically(
            ticket_id=ticket.id, why=values["why"], person_id=values["person"] or None, **_doing(request)
        )

    refused = _kept(request, ticket, "raise_ticket", form, do)
    return refused or done(request, _("They know."), "console:ticket", ticket.id)


# --- States ----------------------------------------------------------------------------------------------------------


@posting("wait_ticket")
def wait(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It waits for somebody else."""
    ticket = one(request, ticket_id)
    form = WaitForm(request.POST, prefix="wait", at=request.at)
    if not form.is_valid():
        return ticket_page(request, ticket, bound={"wait_ticket": form})
    values = form.cleaned_data
    wanted = {"reason": values["reason"], "next_step": values["next_step"], "next_step_at": form.step_at()}
    return _pressed(request, ticket, "wait", wanted)


@posting("set_next_step")
def next_step(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """What happens next, and when."""
    ticket = one(request, ticket_id)
    form = StepForm(request.POST, prefix="step", at=request.at)
    if not form.is_valid():
        return ticket_page(request, ticket, bound={"set_next_step": form})
    wanted = {"next_step": form.cleaned_data["next_step"], "next_step_at": form.step_at()}
    return _pressed(request, ticket, "next_step", wanted)


@posting("resolve_ticket")
def resolve(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is solved, and the customer is told."""
    ticket = one(request, ticket_id)
    form = resolve_form(request, ticket, request.POST)
    refused = _kept(
        request,
        ticket,
        "resolve_ticket",
        form,
        lambda: resolve_ticket(ticket_id=ticket.id, **form.cleaned_data, **_doing(request)),
    )
    return refused or done(
        request, _("#{number} is resolved.").format(number=ticket.number), "console:ticket", ticket.id
    )


@posting("cancel_ticket")
def cancel(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It was none."""
    ticket = one(request, ticket_id)
    values = checked(WhyForm(request.POST, prefix="cancel"), _("You wanted to cancel a ticket."))
    return _pressed(request, ticket, "cancel", {"why": values["why"]})


@posting("reopen_ticket")
def reopen(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is in progress again."""
    ticket = one(request, ticket_id)
    form = WhyForm(request.POST, prefix="reopen")
    refused = _kept(
        request,
        ticket,
        "reopen_ticket",
        form,
        lambda: reopen_ticket(ticket_id=ticket.id, why=form.cleaned_data["why"], **_doing(request)),
    )
    return refused or done(
        request, _("#{number} is open again.").format(number=ticket.number), "console:ticket", ticket.id
    )


# --- What is known of it ---------------------------------------------------------------------------------------------


@posting("edit_ticket")
def edit(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """What is known of it is another."""
    ticket = one(request, ticket_id)
    form = edit_form(ticket, request.POST)
    if not form.is_valid():
        return ticket_page(request, ticket, bound={"edit_ticket": form})
    values = form.cleaned_data
    fields = {
        **{
            name: values[name]
            for name in ("title", "kind", "impact", "urgency", "work_type", "needs_proof", "night_ok", "night_why")
        },
        **(about_of(values["service"]) if values["service"] != about_now(ticket) else {}),
        "queue_id": values["queue"],
        "tags": tags_in(values["tags"]),
    }
    return _pressed(request, ticket, "edit", fields)


@posting("prove_identity")
def prove(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is sure who asked."""
    ticket = one(request, ticket_id)
    form = ProveForm(request.POST, prefix="prove", approvers=approver_choices(ticket))
    values = checked(form, _("You wanted to say that it is sure who asked."))
    approver_id = values.get("approver")
    prove_identity(
        ticket_id=ticket.id, how=values["how"], approver_id=approver_id, said=values["said"], **_doing(request)
    )
    return done(request, _("It is written down that you made sure."), "console:ticket", ticket.id)


@posting("set_party")
def party(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """One more is written to about it, or one less."""
    ticket = one(request, ticket_id)
    if removed := request.POST.get("remove", ""):
        set_party(ticket_id=ticket.id, address=removed, role="removed", **_doing(request))
        return done(request, _("They are no longer written to."), "console:ticket", ticket.id)
    values = checked(PartyForm(request.POST, prefix="party"), _("You wanted somebody to be written to."))
    set_party(ticket_id=ticket.id, address=values["address"], name=values["name"], role="cc", **_doing(request))
    return done(request, _("They are written to from now on."), "console:ticket", ticket.id)


@posting("watch_ticket")
def watch(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """The reader hears of what happens to it, or no more."""
    ticket = one(request, ticket_id)
    person_id = request.person.id if request.person else 0
    if request.POST.get("end"):
        unwatch_ticket(ticket_id=ticket.id, person_id=person_id, **_doing(request))
        return done(request, _("You no longer watch it."), "console:ticket", ticket.id)
    watch_ticket(ticket_id=ticket.id, person_id=person_id, **_doing(request))
    return done(request, _("You hear of what happens to it."), "console:ticket", ticket.id)


@posting("apply_macro")
def macro(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """Several things in one press."""
    ticket = one(request, ticket_id)
    number = request.POST.get("macro", "")
    chosen = found(
        macros_for(request, ticket.brand_id).filter(id=int(number) if number.isdecimal() else 0),
        _("You asked for a macro."),
    )
    bulk = apply_macro(ticket_ids=[ticket.id], macro_id=chosen.pk, **_doing(request))
    return pressed(request, bulk, "console:ticket", ticket.id)
