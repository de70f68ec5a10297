"""The bureau's desk: who waits, what is in hand, what is delivered nowhere; and sitting down at it."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.calls import bureau_actions as actions
from nightdesk.calls import bureau_queries as queries
from nightdesk.calls.models import Call
from nightdesk.console.views.bureau.shown import message_row, tabs, takes_messages
from nightdesk.console.views.checked import checked
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff, within
from nightdesk.people.numbers import display

LAST = 5


class BeginForm(forms.Form):
    client = forms.ChoiceField(label=gettext_lazy("For"))
    number = forms.CharField(
        label=gettext_lazy("The caller's number"),
        max_length=30,
        required=False,
        help_text=gettext_lazy("As your telephone shows it."),
    )

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].choices = [  # type: ignore[attr-defined]
            (str(one.pk), one.brand.name)
            for one in queries.clients(request.brands).filter(active=True)
            if may(request, "open_bureau_message", one.brand_id)
        ]


@staff("read_bureau")
def bureau(request: StaffRequest) -> HttpResponse:
    """The one screen of somebody who takes messages."""
    takes = takes_messages(request)
    session = queries.session_of(request.person.pk if request.person else None) if takes else None
    waiting = list(queries.waiting_calls(request.brands)) if takes else []
    minded = queries.minders(request.brands, request.at)
    mine = queries.in_hand(request.person.pk) if takes and request.person else []
    proofs = queries.proofs(mine)
    form = BeginForm(request=request) if takes else None
    context = {
        "here": "bureau",
        "tabs": tabs(request, "bureau"),
        "heading": _heading(len(waiting), len(minded)),
        "takes": takes,
        "session": session,
        "waiting": [_waiting(request, call, free=session is not None) for call in waiting],
        "mine": [message_row(row, proofs[row.pk]) for row in mine],
        "minders": [message_row(row, proof) | {"at": row.saved_at, "late": True} for row, proof in minded],
        "form": form if form and form.fields["client"].choices else None,  # type: ignore[attr-defined]
        "no_clients": not queries.clients(request.brands).exists(),
        "notes": [
            {"name": one.brand.name, "text": note}
            for one in queries.clients(request.brands).filter(active=True)
            if (note := queries.note_now(one, request.at))
        ],
    }
    return page_or_part(request, "bureau", {"waiting"}, context)


def _heading(waiting: int, minded: int) -> str:
    if waiting:
        return ngettext("{count} caller waits", "{count} callers wait", waiting).format(count=waiting)
    if minded:
        return ngettext("{count} message has reached nobody", "{count} messages have reached nobody", minded).format(
            count=minded
        )
    return _("Nobody waits")


def _waiting(request: StaffRequest, call: Call, *, free: bool) -> dict[str, Any]:
    """A caller who waits, with the greeting that they will hear."""
    client = call.line.brand.bureau_client
    version = queries.version_at(client, request.at)
    number = display(call.number, call.line.brand.region) if call.number else _("number withheld")
    return {
        "client": call.line.brand.name,
        "since": call.came_at,
        "number": number,
        "greeting": version.greeting if version else _("No script is approved for this hour."),
        "action": {
            "label": _("Take it"),
            "url": reverse("console:bureau_take", args=[call.pk]),
            "main": True,
            "key": "t",
        }
        if version and free
        else None,
    }


@posting("sign_in_taker")
def sign_in(request: StaffRequest) -> HttpResponse:
    """Calls are given to the reader from now on."""
    actions.sign_in_taker(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You take calls now."), "console:bureau")


@posting("pause_taker")
def pause(request: StaffRequest) -> HttpResponse:
    """No new call for now."""
    actions.pause_taker(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You get no new call until you take calls again."), "console:bureau")


@posting("sign_in_taker")
def sign_out(request: StaffRequest) -> HttpResponse:
    """The end of a shift at the desk."""
    actions.sign_out_taker(by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("You take no more calls."), "console:bureau")


@posting("sign_in_taker")
def here(request: StaffRequest) -> HttpResponse:
    """The reader's desk is open; asked for by the page itself."""
    actions.note_taker_here(by=request.actor, via=Door.WEB, at=request.at)
    return HttpResponse(status=204)


@posting("take_desk_call")
def take(request: StaffRequest, call_id: UUID) -> HttpResponse:
    """The caller who waits is the reader's."""
    waits = Call.objects.filter(within(request.brands, "line__brand_id"), id=call_id)
    call = found(waits, _("You wanted to take a call."))
    row = actions.take_desk_call(call_id=call.pk, by=request.actor, via=Door.WEB, at=request.at)
    return HttpResponseRedirect(reverse("console:bureau_message", args=[row.pk]))


@posting("open_bureau_message")
def begin(request: StaffRequest) -> HttpResponse:
    """A call of another exchange is taken down."""
    values = checked(BeginForm(request.POST, request=request), _("You wanted to take a message."))
    row = actions.open_bureau_message(
        client_id=int(values["client"]),
        caller_number=values["number"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    return HttpResponseRedirect(reverse("console:bureau_message", args=[row.pk]))
