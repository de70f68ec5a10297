"""The door behind List-Unsubscribe (RFC 8058): a mail program's one click, or the button of the page for a person.

Looking at it changes nothing, as scanners and previews open links too. It needs no log-in and knows no cookies: the token
proves that we sent the mail, and says from what. What is ended, and whom that takes, is decided by the room that it is of.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.base.words import in_our_language
from nightdesk.channels.answering import UNSUBSCRIBE, Unsubscriber
from nightdesk.channels.links import read_unsubscribe
from nightdesk.console.views.pacing import pace

TRIES_A_MINUTE = 300
"""From one address: the large mail providers click for all their users from a few. A token cannot be guessed at that pace."""


# A mail program has no session of ours, and whoever holds the mail may unsubscribe: there is nothing to borrow.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what would end, and a button; POST ends it, pressed twice as once."""
    try:
        shown = _unsubscribe(request, token)
    except Refusal as refusal:
        shown = render(request, "console/answer_refused.html", {"problem": refusal}, status=refusal.status)
        if "retry_after" in refusal.extra:
            shown["Retry-After"] = str(refusal.extra["retry_after"])
    shown["Cache-Control"] = "no-store"
    shown["Referrer-Policy"] = "no-referrer"
    shown["X-Robots-Tag"] = "noindex, nofollow"
    return shown


def _unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    pace(request, "unsubscribe", TRIES_A_MINUTE)
    kind, thing_id = read_unsubscribe(token)
    unsubscriber = _unsubscriber(kind)
    if request.method != "POST":
        return render(request, "console/unsubscribe.html", {"what": unsubscriber.what(thing_id)})
    at: datetime = request.at  # type: ignore[attr-defined]
    reader = Actor("caller", f"{kind}:{thing_id}"[:60], "A reader of our mail")
    said = in_our_language(unsubscriber.end, thing_id, reader, Door.LINK, at)
    if request.POST.get("List-Unsubscribe") == "One-Click":
        return HttpResponse(f"{said}\n", content_type="text/plain; charset=utf-8")
    return render(request, "console/unsubscribe.html", {"said": said})


def _unsubscriber(kind: str) -> Unsubscriber:
    found = UNSUBSCRIBE.get(kind)
    if found is None:
        raise NotFound(
            _("A link to unsubscribe was opened."), _("What it is about does not exist any more."), _("Write to us.")
        )
    return found
