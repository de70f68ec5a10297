"""How tickets belong together, on the page: link, merge and split with the way back, major incidents, answers that return."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.console.views.checked import checked
from nightdesk.console.views.desk.forms import WhyForm
from nightdesk.console.views.desk.shown import keep_undo, one, state_words, when_and_words
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, within
from nightdesk.desk import decide
from nightdesk.desk.linking_actions import (
    accept_major,
    add_child,
    confirm_lesson,
    link_tickets,
    merge_ticket,
    propose_major,
    reject_major,
    rejoin_ticket,
    remove_child,
    return_answer,
    split_ticket,
    tell_children,
    unlink_tickets,
    unmerge_ticket,
)
from nightdesk.desk.models import Entry, Lesson, Link, Ticket
from nightdesk.desk.worklist import Wanted, chosen, number_in

SPLIT_SHOWN = 40
CHILDREN_SHOWN = 100
KINDS = [
    ("related", gettext_lazy("is related to it")),
    ("caused_by", gettext_lazy("was caused by it")),
    ("follows", gettext_lazy("goes on from it")),
]


class NumberForm(forms.Form):
    number = forms.CharField(
        label=gettext_lazy("Number of the other"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "placeholder": "#1042"}),
    )


class LinkForm(NumberForm):
    kind = forms.ChoiceField(label=gettext_lazy("This one"), choices=KINDS, widget=forms.RadioSelect)


class SplitForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("What the new one is about"), max_length=300)
    entries = forms.MultipleChoiceField(
        label=gettext_lazy("What goes with it"), widget=forms.CheckboxSelectMultiple(attrs={"class": "plain-box"})
    )

    def __init__(self, *args: Any, entries: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["entries"].choices = entries  # type: ignore[attr-defined]


class UnderForm(forms.Form):
    parent = forms.UUIDField(label=gettext_lazy("Under which"), widget=forms.Select)

    def __init__(self, *args: Any, majors: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].widget.choices = majors


class TellForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("What each of them reads"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("{name}, {number}, {service} and {title} stand for each one’s own."),
    )


class AnswerForm(forms.Form):
    answer = forms.CharField(
        label=gettext_lazy("What you found"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 4})
    )


def links_of(request: StaffRequest, ticket: Ticket, there: Collection[str]) -> list[dict[str, Any]]:
    """What the ticket belongs with, and the way to take each apart. `there`: see `queries.beside`."""
    rows: list[dict[str, Any]] = []
    linking, merging = may(request, "link_tickets", ticket.brand_id), may(request, "merge_ticket", ticket.brand_id)
    if "links" in there:
        rows += [
            _row(LINK_WORDS[link.kind][0], link.other, ticket, link.kind if linking else "")
            for link in Link.objects.filter(ticket=ticket).select_related("other")[:20]
        ]
        rows += [
            _row(LINK_WORDS[link.kind][1], link.ticket, ticket, "")
            for link in Link.objects.filter(other=ticket).select_related("ticket")[:20]
        ]
    merged = Ticket.objects.filter(merged_into=ticket).order_by("number")[:20] if "merged" in there else []
    for each in merged:
        undo = reverse("console:unmerge_ticket", args=[each.id]) if merging else ""
        rows.append({**_row(_("Merged into this"), each, ticket, ""), "undo": undo})
    if ticket.split_from_id is not None:
        source = Ticket.objects.get(id=ticket.split_from_id)
        splitting = may(request, "split_ticket", ticket.brand_id) and ticket.merged_into_id is None
        undo = reverse("console:rejoin_ticket", args=[ticket.id]) if splitting else ""
        rows.append({**_row(_("Split from"), source, ticket, ""), "undo": undo})
    return rows


LINK_WORDS = {
    "related": (gettext_lazy("Related to"), gettext_lazy("Related to")),
    "follows": (gettext_lazy("Goes on from"), gettext_lazy("Goes on in")),
    "caused_by": (gettext_lazy("Caused by"), gettext_lazy("Caused")),
}


def _row(how: Any, other: Ticket, ticket: Ticket, unlink: str) -> dict[str, Any]:
    return {
        "how": str(how),
        "text": f"#{other.number} {other.title}",
        "state": state_words(other),
        "url": reverse("console:ticket", args=[other.id]),
        "unlink_url": reverse("console:unlink_ticket", args=[ticket.id]) if unlink else "",
        "fields": {"other": str(other.id), "kind": unlink},
        "undo": "",
    }


def major_of(request: StaffRequest, ticket: Ticket) -> dict[str, Any] | None:
    """The tickets under a major incident, and what is decided about it."""
    if not (ticket.major or ticket.major_proposed):
        return None
    children = list(
        Ticket.objects.filter(parent=ticket).select_related("customer").order_by("-opened_at")[:CHILDREN_SHOWN]
    )
    decides = may(request, "accept_major", ticket.brand_id)
    text = ngettext("{count} ticket under it", "{count} tickets under it", len(children)).format(count=len(children))
    return {
        "accepted": ticket.major,
        "heading": text if ticket.major else _("It may be a major incident: {text}").format(text=text),
        "children": [
            {
                "text": f"#{each.number} {each.title}",
                "detail": each.customer.name if each.customer else each.requester_name,
                "state": state_words(each),
                "url": reverse("console:ticket", args=[each.id]),
                "leave_url": reverse("console:leave_major", args=[each.id])
                if may(request, "add_child", ticket.brand_id)
                else "",
            }
            for each in children
        ],
        "accept_url": reverse("console:accept_major", args=[ticket.id]) if decides and not ticket.major else "",
        "reject_url": reverse("console:reject_major", args=[ticket.id]) if decides else "",
        "reject_form": WhyForm(prefix="reject"),
        "tell_url": reverse("console:tell_children", args=[ticket.id])
        if children and may(request, "tell_children", ticket.brand_id)
        else "",
        "tell_form": TellForm(prefix="tell"),
    }


def lessons_for(request: StaffRequest, ticket: Ticket) -> list[Lesson]:
    """Answers of the second line that came back to the reader and wait for their word."""
    if request.person is None:
        return []
    return list(Lesson.objects.filter(ticket=ticket, person=request.person, confirmed_at=None))


def linking_folds(request: StaffRequest, ticket: Ticket, story: Sequence[Entry] | None) -> list[dict[str, Any]]:
    """Forms by which tickets come together: {"id", "title", "form", "url", "label"}, as the page's other forms. `story`: all
    of it, the newest first, where that is known.
    """
    shown: list[dict[str, Any]] = []

    def add(verb: str, view: str, title: str, form: forms.Form, label: str) -> None:
        if may(request, verb, ticket.brand_id):
            url = reverse(f"console:{view}", args=[ticket.id])
            shown.append({"id": view, "title": title, "form": form, "url": url, "label": label})

    add("link_tickets", "link_ticket", _("Link with another"), LinkForm(prefix="link"), _("Link them"))
    add("merge_ticket", "merge_ticket", _("Merge into another"), NumberForm(prefix="merge"), _("Merge it"))
    entries = _to_split(ticket, story)
    if len(entries) > 1 and decide.State(ticket.state) in decide.OPEN:
        add("split_ticket", "split_ticket", _("Split it"), SplitForm(prefix="split", entries=entries), _("Split it"))
    if ticket.is_open and not (ticket.major or ticket.major_proposed):
        if ticket.parent_id is None:
            majors = _majors(ticket)
            if majors:
                form_under = UnderForm(prefix="under", majors=majors)
                add("add_child", "join_major", _("It is part of a major incident"), form_under, _("Put it under it"))
            propose = WhyForm(prefix="propose")
            add("propose_major", "propose_major", _("It may be a major incident"), propose, _("Say so to the desk"))
        else:
            add(
                "add_child",
                "leave_major",
                _("It is about something else"),
                forms.Form(),
                _("Take it out of the major incident"),
            )
    return shown


def _to_split(ticket: Ticket, story: Sequence[Entry] | None = None) -> list[tuple[str, str]]:
    rows: Iterable[Entry]
    if story is None:
        rows = Entry.objects.filter(ticket=ticket, kind__in=Entry.SAID).order_by("-at", "-id")[:SPLIT_SHOWN]
    else:
        rows = [one for one in story if one.ticket_id == ticket.pk and one.kind in Entry.SAID][:SPLIT_SHOWN]
    return [(str(row.id), when_and_words(row)) for row in rows]


def _majors(ticket: Ticket) -> list[tuple[str, str]]:
    rows = Ticket.objects.filter(brand=ticket.brand_id, merged_into=None, state__one_of=decide.OPEN)
    rows = rows.filter(Q(major=True) | Q(major_proposed=True)).exclude(id=ticket.id)
    return [(str(pk), f"#{number} {title}") for pk, number, title in rows.values_list("id", "number", "title")[:50]]


# --- The doors -------------------------------------------------------------------------------------------------------


def _doing(request: StaffRequest) -> dict[str, Any]:
    return {"by": request.actor, "via": Door.WEB, "at": request.at}


def _other(ticket: Ticket, text: str) -> Ticket:
    """The ticket of that number in the same brand. Raises NotFound."""
    wanted = Wanted(view="all", q=str(number_in(text) or 0))
    return found(chosen(wanted, {ticket.brand_id}), _("You named ticket {number}.").format(number=text[:40]))


@posting("link_tickets")
def link(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """They belong together."""
    ticket = one(request, ticket_id)
    values = checked(LinkForm(request.POST, prefix="link"), _("You wanted to link two tickets."))
    other = _other(ticket, values["number"])
    link_tickets(ticket_id=ticket.id, other_id=other.id, kind=values["kind"], **_doing(request))
    return done(request, _("Linked with #{number}.").format(number=other.number), "console:ticket", ticket.id)


@posting("link_tickets")
def unlink(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """They do not."""
    ticket = one(request, ticket_id)
    rows = Link.objects.filter(ticket=ticket, kind=request.POST.get("kind", "")).select_related("other")
    row = found(rows.filter(other__in=_uuid(request.POST.get("other", ""))), _("You asked for a link."))
    unlink_tickets(ticket_id=ticket.id, other_id=row.other_id, kind=row.kind, **_doing(request))
    return done(request, _("No longer linked."), "console:ticket", ticket.id)


def _uuid(text: str) -> list[UUID]:
    try:
        return [UUID(text)]
    except ValueError:
        return []


@posting("merge_ticket")
def merge(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It goes on in the other."""
    ticket = one(request, ticket_id)
    values = checked(NumberForm(request.POST, prefix="merge"), _("You wanted to merge a ticket into another."))
    other = _other(ticket, values["number"])
    survivor = merge_ticket(ticket_id=ticket.id, into_id=other.id, **_doing(request))
    text = _("#{number} goes on in #{other}.").format(number=ticket.number, other=survivor.number)
    keep_undo(request, text, reverse("console:unmerge_ticket", args=[ticket.id]))
    return done(request, "", "console:ticket", survivor.id)


@posting("merge_ticket")
def unmerge(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is one of its own again."""
    ticket = one(request, ticket_id)
    unmerge_ticket(ticket_id=ticket.id, **_doing(request))
    text = _("#{number} is one of its own again.").format(number=ticket.number)
    return done(request, text, "console:ticket", ticket.id)


@posting("split_ticket")
def split(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """Some of it is about something else."""
    ticket = one(request, ticket_id)
    form = SplitForm(request.POST, prefix="split", entries=_to_split(ticket))
    values = checked(form, _("You wanted to split a ticket."))
    ids = [UUID(text) for text in values["entries"]]
    new = split_ticket(ticket_id=ticket.id, entry_ids=ids, title=values["title"], **_doing(request))
    text = _("#{number} was split from #{other}.").format(number=new.number, other=ticket.number)
    keep_undo(request, text, reverse("console:rejoin_ticket", args=[new.id]))
    return done(request, "", "console:ticket", new.id)


@posting("split_ticket")
def rejoin(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It belongs together after all."""
    ticket = one(request, ticket_id)
    source = rejoin_ticket(ticket_id=ticket.id, **_doing(request))
    text = _("#{number} is part of #{other} again.").format(number=ticket.number, other=source.number)
    return done(request, text, "console:ticket", source.id)


@posting("propose_major")
def propose(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It may be more than one customer's trouble."""
    ticket = one(request, ticket_id)
    values = checked(WhyForm(request.POST, prefix="propose"), _("You wanted to propose a major incident."))
    propose_major(ticket_id=ticket.id, why=values["why"], **_doing(request))
    return done(request, _("The desk and its manager know."), "console:ticket", ticket.id)


@posting("accept_major")
def accept(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is one."""
    ticket = one(request, ticket_id)
    accept_major(ticket_id=ticket.id, **_doing(request))
    return done(
        request, _("It is a major incident: what becomes of it becomes of those under it."), "console:ticket", ticket.id
    )


@posting("accept_major")
def reject(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is none, or no more."""
    ticket = one(request, ticket_id)
    values = checked(WhyForm(request.POST, prefix="reject"), _("You wanted to end a major incident."))
    reject_major(ticket_id=ticket.id, why=values["why"], **_doing(request))
    return done(request, _("It is no major incident."), "console:ticket", ticket.id)


@posting("add_child")
def join(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is part of a greater trouble."""
    ticket = one(request, ticket_id)
    values = checked(
        UnderForm(request.POST, prefix="under", majors=_majors(ticket)), _("You wanted to put a ticket under another.")
    )
    rows = Ticket.objects.filter(within(request.brands), id=values["parent"])
    parent = found(rows, _("You named a major incident."))
    add_child(ticket_id=ticket.id, parent_id=parent.id, **_doing(request))
    return done(request, _("It is under #{number}.").format(number=parent.number), "console:ticket", ticket.id)


@posting("add_child")
def leave(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """It is about something else."""
    ticket = one(request, ticket_id)
    remove_child(ticket_id=ticket.id, **_doing(request))
    return done(request, _("#{number} is on its own.").format(number=ticket.number), "console:ticket", ticket.id)


@posting("tell_children")
def tell(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """One private update to each under it."""
    ticket = one(request, ticket_id)
    values = checked(TellForm(request.POST, prefix="tell"), _("You wanted to write to all under a major incident."))
    count = tell_children(ticket_id=ticket.id, text=values["text"], **_doing(request))
    text = ngettext("{count} was written to.", "{count} were written to, each for themselves.", count)
    return done(request, text.format(count=count), "console:ticket", ticket.id)


@posting("return_answer")
def give_back(request: StaffRequest, ticket_id: UUID) -> HttpResponse:
    """The desk has the answer, and tells the user."""
    ticket = one(request, ticket_id)
    values = checked(AnswerForm(request.POST, prefix="found"), _("You wanted to give an answer back."))
    return_answer(ticket_id=ticket.id, answer=values["answer"], **_doing(request))
    return done(request, _("It is back with whoever escalated it."), "console:ticket", ticket.id)


@posting("read_tickets")
def learned(request: StaffRequest, lesson_id: int) -> HttpResponse:
    """The reader knows it now."""
    me = request.person.id if request.person else 0
    rows = Lesson.objects.filter(within(request.brands, "ticket__brand_id"), person=me, id=lesson_id)
    lesson = found(rows, _("You asked for an answer that came back."))
    confirm_lesson(lesson_id=lesson.pk, **_doing(request))
    return done(request, _("Good to know."), "console:ticket", lesson.ticket_id)
