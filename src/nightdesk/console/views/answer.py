"""The page behind the link in a message. It needs no log-in: the link proves who holds the message.

Opening it changes nothing and says nothing of a person: mail scanners, previews and other programs open links too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.channels.actions import take_answer
from nightdesk.channels.answering import SAYS, offered
from nightdesk.channels.links import read_link
from nightdesk.channels.models import Message
from nightdesk.channels.queries import delivery_of, pager_numbers, recipient_of
from nightdesk.console.contact_test import TEST
from nightdesk.console.views.cards import waits_until
from nightdesk.console.views.handover import state_of
from nightdesk.console.views.let_through import card_file
from nightdesk.console.views.pacing import pace
from nightdesk.duty import sections
from nightdesk.duty.models import CoverSearch
from nightdesk.duty.note import read_text
from nightdesk.duty.queries import Handing, handing, swap_in_words, swap_waits_for
from nightdesk.paging.models import Page
from nightdesk.rota.models import Seat
from nightdesk.safety import wording
from nightdesk.safety.queries import WE_NEVER_RING, as_seen_by, visits

TRIES_A_MINUTE = 30

LABELS = {
    "acknowledge": gettext_lazy("I've got it"),
    "escalate": gettext_lazy("I cannot: wake the next"),
    "morning": gettext_lazy("Leave it till morning"),
    "decline": gettext_lazy("No, I decline"),
}
"""Answers that the page offers, the main one first. Others are for texts: to resolve, one signs in and says how."""
COVER_LABELS = {"acknowledge": gettext_lazy("I take it"), "escalate": gettext_lazy("I cannot")}
DUTY_LABELS = {"acknowledge": gettext_lazy("I take it"), "escalate": gettext_lazy("I cannot: ask somebody else")}
CONFIRM_LABEL = gettext_lazy("It arrived")
SWAP_LABEL = gettext_lazy("Yes, I agree")


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand for whoever holds the link: a heading, a sentence, and the answers still worth giving."""

    heading: str
    text: str
    verbs: tuple[str, ...]
    tone: str


# Whoever holds the link may answer, so there is nothing that another site could borrow; and a phone whose mail program
# keeps no cookies must still be able to.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what the message is about, POST answers it as the person it was sent to."""
    try:
        shown = _answer(request, token)
    except Refusal as refusal:
        shown = render(request, "console/answer_refused.html", {"problem": refusal}, status=refusal.status)
        if "retry_after" in refusal.extra:
            shown["Retry-After"] = str(refusal.extra["retry_after"])
    shown["Cache-Control"] = "no-store"
    shown["Referrer-Policy"] = "no-referrer"
    shown["X-Robots-Tag"] = "noindex, nofollow"
    return shown


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    pace(request, "answer-link", TRIES_A_MINUTE)
    delivery_id, month = read_link(token)
    delivery, message = delivery_of(delivery_id, month)
    by = recipient_of(delivery)
    at: datetime = request.at  # type: ignore[attr-defined]
    if request.method == "POST":
        verb = request.POST.get("verb", "")
        said = take_answer(delivery_id=delivery_id, month=month, verb=verb, by=by, via=Door.LINK, at=at)
        messages.success(request, said)
        return HttpResponseRedirect(request.path)
    standing = _standing(message, by, at)
    context = {
        "message": message,
        "standing": standing,
        "answers": [_button(verb, message) for verb in standing.verbs],
        "name": by.name,
        "note": _note_for(message, standing, at),
        "at": at,
    }
    if message.kind == TEST:
        context |= {"numbers": _numbers_for(message), "card_url": f"{request.path}/card.vcf"}
    return render(request, "console/answer.html", context)


@require_http_methods(["GET", "HEAD"])
def answer_card(request: HttpRequest, token: str) -> HttpResponse:
    """The contact card, for the telephone on which the test arrived."""
    try:
        pace(request, "answer-link", TRIES_A_MINUTE)
        _delivery, message = delivery_of(*read_link(token))
    except Refusal as refusal:
        return render(request, "console/answer_refused.html", {"problem": refusal}, status=refusal.status)
    return card_file(_numbers_for(message))


def _numbers_for(message: Message) -> list[str]:
    return pager_numbers([message.brand_id] if message.brand_id is not None else [])


def _standing(message: Message, by: Actor, at: datetime) -> Standing:
    verbs = tuple(verb for verb in LABELS if verb in offered(message.answers))
    if message.subject_kind == "page":
        page = Page.objects.select_related("owner", "folded_into").filter(id=UUID(message.subject_id)).first()
        if page is None:
            raise NotFound(_("This link was opened."), _("Its page is gone."), _("Sign in to see what is open."))
        return _standing_of(page, verbs, by, at)
    if message.kind == "cover.ask":
        return _standing_of_cover(message, verbs, by)
    if message.kind == "duty.ask":
        return _standing_of_duty(message, verbs, by, at)
    if message.kind in SAYS:
        return _standing_of_visit(message, by)
    if message.valid_until is not None and message.valid_until <= at:
        return Standing(_("This message is out of date"), _("There is nothing left to answer."), (), "")
    if message.subject_kind == "swap":
        if not swap_waits_for(int(message.subject_id), by.person_id):
            return Standing(swap_in_words(int(message.subject_id)), _("There is nothing left to answer."), (), "calm")
        return Standing(message.title, message.body, verbs, "accent")
    return Standing(message.title.replace("{link}", "").strip(), "", verbs[:1], "accent")


def _standing_of_visit(message: Message, by: Actor) -> Standing:
    """Whoever holds the link is out on a site. It never shows that the duress word was given."""
    visit = visits().filter(id=UUID(message.subject_id)).first()
    if visit is None or as_seen_by(visit, by.person_id).state != "out":
        return Standing(_("The visit is over"), _("There is nothing left to answer."), (), "calm")
    stands = wording.stands(as_seen_by(visit, by.person_id), visit.person)
    verbs = tuple(verb for verb in SAYS[message.kind] if verb in offered(message.answers) and verb != "status")
    return Standing(_("Are you well?"), f"{stands} {WE_NEVER_RING}", verbs, "accent")


def _standing_of_cover(message: Message, verbs: tuple[str, ...], by: Actor) -> Standing:
    search = CoverSearch.objects.select_related("taken_by").filter(id=int(message.subject_id)).first()
    if search is None or search.state == CoverSearch.State.CALLED_OFF:
        return Standing(_("Nobody is needed any more"), _("There is nothing left to answer."), (), "calm")
    if search.taken_by is not None and search.taken_by.id == by.person_id:
        return Standing(_("You cover it"), _("It stands in your calendar."), (), "calm")
    if search.taken_by is not None:
        return Standing(
            _("{name} covers it").format(name=search.taken_by.name), _("You need not answer. Thank you."), (), "calm"
        )
    answer = search.asks.filter(person=by.person_id).values_list("answer", flat=True).first()
    if answer is not None:
        return Standing(message.title, _("You said that you cannot. You may still take it."), verbs[:1], "")
    return Standing(message.title, _("The first who says yes has it."), verbs, "accent")


def _standing_of_duty(message: Message, verbs: tuple[str, ...], by: Actor, at: datetime) -> Standing:
    """A turn that somebody was asked to take: it may be theirs by now, somebody else's, or over."""
    seat = Seat.objects.select_related("rota").filter(id=int(message.subject_id)).first()
    if seat is None:
        raise NotFound(_("This link was opened."), _("Its seat is gone."), _("Nothing has to be done."))
    each = handing(seat, at)
    if each.hold is not None and each.hold.person_id == by.person_id:
        return Standing(
            _("You are on duty as {seat}").format(seat=seat.name), _("Nothing is left to do here."), (), "calm"
        )
    if each.accepted is not None and each.accepted.id == by.person_id:
        return Standing(_("You have accepted {seat}").format(seat=seat.name), state_of(each), verbs[1:], "calm")
    if not _is_asked(each, by.person_id):
        return Standing(_("You need not take {seat}").format(seat=seat.name), state_of(each), (), "")
    return Standing(message.title, state_of(each), verbs, "accent")


def _is_asked(each: Handing, person_id: int | None) -> bool:
    asked = {person.id for person in (*each.people, *each.asked)}
    if each.offer is not None:
        asked.add(each.offer.to_id)
    return person_id in asked


def _note_for(message: Message, standing: Standing, at: datetime) -> list[tuple[str, list[str]]]:
    """The note, for whoever may take the seat by this link; nothing once they may not."""
    if message.kind != "duty.ask" or "acknowledge" not in standing.verbs:
        return []
    seat = Seat.objects.select_related("rota").get(id=int(message.subject_id))
    each = handing(seat, at)
    return read_text(sections.copied(seat, each.note, each.hold, at))


def _standing_of(page: Page, verbs: tuple[str, ...], by: Actor, at: datetime) -> Standing:
    page = page.folded_into or page
    if page.state == Page.State.RESOLVED:
        return Standing(_("It is resolved"), _("Nothing is left to do. Sleep well."), (), "calm")
    if page.state == Page.State.TRIGGERED and page.rings_from > at:
        return Standing(
            waits_until(page, at), _("Nobody is rung for it before. Take it if you want to."), verbs[:1], ""
        )
    if page.state == Page.State.TRIGGERED:
        return Standing(_("Nobody has this page yet"), _("Take it, or have the next person woken."), verbs, "fire")
    owner = page.owner
    if owner is not None and owner.id == by.person_id:
        return Standing(_("You have this page"), _("Nobody else is rung for it."), verbs[1:], "calm")
    name = owner.name if owner else _("Somebody")
    return Standing(
        _("{name} has this page").format(name=name),
        _("You need not do anything. Ring them if you can help."),
        (),
        "calm",
    )


def _button(verb: str, message: Message) -> dict[str, Any]:
    if message.kind in SAYS:
        label = SAYS[message.kind][verb]
    elif message.kind == "cover.ask":
        label = COVER_LABELS[verb]
    elif message.subject_kind == "swap" and verb == "acknowledge":
        label = SWAP_LABEL
    elif message.kind == "duty.ask":
        label = DUTY_LABELS[verb]
    else:
        label = LABELS[verb] if message.subject_kind in ("page", "swap") else CONFIRM_LABEL
    return {"verb": verb, "label": str(label)}
