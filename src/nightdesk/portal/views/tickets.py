"""What they have told us: raised, followed, answered, closed, opened again, and brought before a manager."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.customers.priority import Priority
from nightdesk.customers.queries import contract_facts, promised_now
from nightdesk.desk import actions, customer_actions
from nightdesk.desk import queries as desk
from nightdesk.desk.actions import File, Words
from nightdesk.desk.models import Attachment, Entry, Ticket
from nightdesk.portal import belt, wording
from nightdesk.portal.door import (
    CustomerRequest,
    attempt,
    doing,
    draw,
    form_page,
    found,
    gone_to,
    may,
    page,
    posting,
)
from nightdesk.portal.outage_queries import name_of, open_outages
from nightdesk.portal.policies import visible
from nightdesk.portal.queries import (
    OPEN,
    escalation_of,
    files_of,
    searched,
    services_of,
    story_of,
    tickets_of,
)
from nightdesk.portal.views.outages import card_of, language_of
from nightdesk.portal.views.people import as_file, cell

PAGE_ROWS = 25
COUNTED = 10_000
EXPORTED = 10_000
MOST_FILES, LARGEST_FILE = 10, 10 * 1024 * 1024
SHOWN_ELSEWHERE = 5
SAFE_TYPES = {"image/png", "image/jpeg", "image/gif", "application/pdf", "text/plain"}
"""What a browser may know the kind of; all else is bytes to it. In any case it is saved and not shown."""


# ---- Lists ----------------------------------------------------------------------------------------------------------


@page()
def tickets(request: CustomerRequest) -> HttpResponse:
    """What you have told us, newest first."""
    rows, which, text = _asked(request)
    total = rows.order_by()[: COUNTED + 1].count()
    number = _page_number(request)
    start = (number - 1) * PAGE_ROWS
    # Ids first, by the index alone: a plan that is made for any customer reads all of a large one's to put them in order.
    ids = list(rows.values_list("id", flat=True)[start : start + PAGE_ROWS + 1])
    loaded = rows.in_bulk(ids)
    here = [loaded[one] for one in ids if one in loaded]
    still_open = tickets_of(request.contact).filter(state__one_of=OPEN, merged_into=None)
    open_count = total if which == "open" and not text else still_open.order_by()[: COUNTED + 1].count()
    context = {
        "heading": ngettext("{count} ticket is open", "{count} tickets are open", open_count).format(count=open_count)
        if open_count
        else _("Nothing is open"),
        "tickets": [_row(each, request) for each in here[:PAGE_ROWS]],
        "which": which,
        "text": text,
        "total": f"{COUNTED:,}+" if total > COUNTED else f"{total:,}",
        "newer": _at_page(request, number - 1) if number > 1 else "",
        "older": _at_page(request, number + 1) if len(here) > PAGE_ROWS else "",
        "query": urlencode({"which": which, "q": text}),
        "may_open": may(request, "open_ticket"),
    }
    return draw(request, "portal/tickets.html", context, here="tickets")


def _asked(request: CustomerRequest) -> tuple[Any, str, str]:
    which = request.GET.get("which", "")
    which = which if which in ("open", "done", "all") else "open"
    text = request.GET.get("q", "").strip()[:200].replace("\0", "")
    rows = tickets_of(request.contact).filter(merged_into=None)
    if text:
        return searched(rows, request.contact, text), "all" if "which" not in request.GET else which, text
    if which == "open":
        rows = rows.filter(state__one_of=OPEN)
    elif which == "done":
        rows = rows.exclude(state__in=OPEN)
    return rows, which, text


def _page_number(request: CustomerRequest) -> int:
    text = request.GET.get("page", "")
    return max(1, min(int(text), COUNTED // PAGE_ROWS)) if text.isascii() and text.isdecimal() and len(text) < 6 else 1


def _at_page(request: CustomerRequest, number: int) -> str:
    asked_for = request.GET.copy()
    asked_for["page"] = str(number)
    return f"?{asked_for.urlencode()}"


def _row(ticket: Ticket, request: CustomerRequest) -> dict[str, Any]:
    return {
        "ticket": ticket,
        "state": wording.state_text(ticket.state, ticket.pending_reason),
        "tone": wording.state_tone(ticket.state, ticket.pending_reason),
        "late": ticket.next_step_at is not None and ticket.next_step_at < request.at,
    }


@page()
def tickets_csv(request: CustomerRequest) -> HttpResponse:
    """The same choice as a file; times in the reader's zone, with their offset."""
    rows, _which, _text = _asked(request)
    text = StringIO()
    lines = csv.writer(text)
    lines.writerow(["number", "title", "state", "service", "opened", "solved", "closed", "reported_by", "next_step_by"])
    for each in rows[:EXPORTED]:
        times = [_moment(one) for one in (each.opened_at, each.resolved_at, each.closed_at)]
        said = wording.state_text(each.state, each.pending_reason)
        service = each.service.name if each.service else ""
        cells = (each.title, said, service)
        lines.writerow([each.number, *map(cell, cells), *times, cell(each.requester_name), _moment(each.next_step_at)])
    return as_file(text.getvalue(), "tickets")


def _moment(instant: Any) -> str:
    return localtime(instant).isoformat(timespec="minutes") if instant is not None else ""


# ---- One ticket -----------------------------------------------------------------------------------------------------


class Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each not larger than we take."""

    widget = Files

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        several = data if isinstance(data, list | tuple) else [data] if data else []
        if len(several) > MOST_FILES:
            raise forms.ValidationError(_("At most {count} files at once.").format(count=MOST_FILES))
        for file in several:
            if file.size > LARGEST_FILE:
                raise forms.ValidationError(_("{name} has more than 10 MB.").format(name=file.name))
        return [super(FilesField, self).clean(one, initial) for one in several]


class ReplyForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("Your answer"), max_length=50_000, widget=forms.Textarea)
    attached = FilesField(label=gettext_lazy("Files"), required=False)


@page()
def ticket(request: CustomerRequest, ticket_id: UUID) -> HttpResponse:
    """What has been said, by whom, what is promised."""
    return _shown(request, ticket_id, ReplyForm())


def _shown(request: CustomerRequest, ticket_id: UUID, form: forms.Form, *, status: int = 200) -> HttpResponse:
    shown = _one(request, ticket_id)
    if shown.merged_into_id is not None:
        return HttpResponseRedirect(resolve_url("portal:ticket", shown.merged_into_id))
    entries = story_of(shown, request.at)
    files = files_of(entries)
    escalation = escalation_of(shown)
    answered = escalation is not None and any(
        one.kind == Entry.Kind.MESSAGE_OUT and not one.automatic and one.at > escalation.at for one in entries
    )
    is_open = shown.state in OPEN
    reopens = not is_open and belt.done(desk.may_reopen, shown, request.at)
    may_escalate = is_open and may(request, "ask_for_manager") and (escalation is None or answered)
    manager, answer_by = belt.done(desk.who_answers_escalated, shown, request.at) if may_escalate else (None, None)
    context = _row(shown, request) | {
        "story": [_said(one, files.get(one.pk, []), request) for one in entries],
        "is_open": is_open,
        "ending_told": any(one.kind == Entry.Kind.MESSAGE_OUT and one.at == shown.resolved_at for one in entries),
        "form": form if may(request, "take_message") and shown.state != Ticket.State.CANCELLED else None,
        "may_close": shown.state == Ticket.State.RESOLVED and may(request, "close_ticket"),
        "reopens": reopens,
        "may_reopen": reopens and may(request, "reopen_ticket"),
        "escalation": escalation if is_open else None,
        "answered": answered,
        "escalation_late": escalation is not None and escalation.answer_by < request.at,
        "may_escalate": may_escalate,
        "manager": manager.name if manager is not None else "",
        "answer_by": answer_by,
    }
    return draw(request, "portal/ticket.html", context, here="tickets", status=status)


def _one(request: CustomerRequest, ticket_id: UUID) -> Ticket:
    return found(tickets_of(request.contact).filter(pk=ticket_id))


def _said(entry: Entry, files: Sequence[Attachment], request: CustomerRequest) -> dict[str, Any]:
    ours = entry.kind == Entry.Kind.MESSAGE_OUT or entry.by_kind in ("person", "scheduler", "machine")
    mine = entry.by_kind == "contact" and entry.by_id == str(request.contact.pk)
    return {"entry": entry, "files": files, "ours": ours, "mine": mine}


def _words(form: forms.Form) -> Words:
    files = [
        File(file.name or "file", file.content_type or "application/octet-stream", file.read())
        for file in form.cleaned_data["attached"]
    ]
    return Words(form.cleaned_data["text"], files=files)


@posting("take_message")
def reply(request: CustomerRequest, ticket_id: UUID) -> HttpResponse:
    """Say something more."""
    shown = _one(request, ticket_id)
    form = ReplyForm(request.POST, request.FILES)
    if form.is_valid():
        words = _words(form)
        went_to = attempt(form, actions.take_message, ticket_id=shown.pk, words=words, **doing(request))
        if went_to is not None:
            return gone_to(request, _("We have it."), "portal:ticket", went_to.pk)
    return _shown(request, ticket_id, form, status=422)


@posting("close_ticket")
def close(request: CustomerRequest, ticket_id: UUID) -> HttpResponse:
    """It works: the ticket is over."""
    shown = _one(request, ticket_id)
    belt.done(actions.close_ticket, ticket_id=shown.pk, **doing(request))
    return gone_to(request, _("Thank you. It is closed."), "portal:ticket", shown.pk)


@posting("reopen_ticket")
def reopen(request: CustomerRequest, ticket_id: UUID) -> HttpResponse:
    """It is not over: the ticket is open again."""
    shown = _one(request, ticket_id)
    why = request.POST.get("why", "")[:20_000]
    belt.done(actions.reopen_ticket, ticket_id=shown.pk, why=why, **doing(request))
    return gone_to(request, _("It is open again."), "portal:ticket", shown.pk)


@posting("ask_for_manager")
def escalate(request: CustomerRequest, ticket_id: UUID) -> HttpResponse:
    """Somebody with more authority is to look at it, and answers by a time that is promised."""
    shown = _one(request, ticket_id)
    why = request.POST.get("why", "")[:20_000]
    row = belt.done(customer_actions.ask_for_manager, ticket_id=shown.pk, why=why, **doing(request))
    told = _("{name} knows of it now, and answers you by the time below.").format(name=row.manager_name)
    return gone_to(request, told, "portal:ticket", shown.pk)


@page()
def attachment(request: CustomerRequest, ticket_id: UUID, attachment_id: UUID) -> HttpResponse:
    """A file of the ticket, to be saved."""
    shown = _one(request, ticket_id)
    entries = story_of(shown, request.at)
    file = found(visible(Attachment).filter(pk=attachment_id, entry__in=[one.pk for one in entries]))
    kind = file.media_type if file.media_type in SAFE_TYPES else "application/octet-stream"
    answer = HttpResponse(desk.file_of(file), content_type=kind)
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file.name)
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


# ---- A new one ------------------------------------------------------------------------------------------------------


class NewTicketForm(forms.Form):
    what = forms.ChoiceField(label=gettext_lazy("What is it?"), widget=forms.RadioSelect, initial="broken")
    service = forms.ChoiceField(label=gettext_lazy("Which service is it about?"), required=False)
    title = forms.CharField(label=gettext_lazy("In one line"), max_length=200)
    text = forms.CharField(
        label=gettext_lazy("What do you see, and since when?"), max_length=50_000, widget=forms.Textarea
    )
    how_many = forms.ChoiceField(label=gettext_lazy("Who is touched?"), widget=forms.RadioSelect, initial="medium")
    how_soon = forms.ChoiceField(label=gettext_lazy("Can you go on?"), widget=forms.RadioSelect, initial="medium")
    attached = FilesField(label=gettext_lazy("Files"), required=False)

    def __init__(self, *args: Any, services: Sequence[tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        for name, words in (("what", wording.KINDS), ("how_many", wording.HOW_MANY), ("how_soon", wording.HOW_SOON)):
            self.fields[name].choices = wording.choices(words)  # type: ignore[attr-defined]
        self.fields["service"].choices = [("", _("Something else")), *services]  # type: ignore[attr-defined]


@form_page("open_ticket")
def new_ticket(request: CustomerRequest) -> HttpResponse:
    """Tell us something; what is known of your services stands above it."""
    services = list(services_of(request.contact))
    names = {str(each.pk): name_of(each) for each in services}
    chosen = request.GET.get("service", "")
    initial = {"service": chosen if chosen in names else ""}
    form = NewTicketForm(request.POST or None, request.FILES or None, initial=initial, services=list(names.items()))
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        made = attempt(
            form,
            actions.open_ticket,
            brand_id=request.customer.brand_id,
            kind="incident" if said["what"] == "broken" else "request",
            title=said["title"],
            words=_words(form),
            customer_id=request.customer.pk,
            contact_id=request.contact.pk,
            trust="verified",
            subscription_id=int(said["service"]) if said["service"] else None,
            impact=said["how_many"],
            urgency=said["how_soon"],
            needs_proof=said["what"] == "access",
            **doing(request),
        )
        if made is not None:
            told = _("We have it: #{number}.").format(number=made.number)
            return gone_to(request, told, "portal:ticket", made.pk)
    outages = open_outages(request.customer.pk, language_of(request), request.at)
    opened = tickets_of(request.contact).filter(state__one_of=OPEN, merged_into=None)
    contract = contract_facts(request.customer.pk, request.at)
    cover = promised_now(request.customer.pk, Priority.P3, request.at)
    context = {
        "heading": _("Tell us"),
        "form": form,
        "label": _("Send it"),
        "cards": [card_of(outage, request) for outage in outages],
        "opened": [_row(each, request) for each in opened[:SHOWN_ELSEWHERE]],
        "now": wording.now_text(cover, contract, ZoneInfo(contract.hours.zone if contract else request.customer.zone)),
        "open_now": cover.open_now,
    }
    return draw(request, "portal/new_ticket.html", context, here="tickets")
