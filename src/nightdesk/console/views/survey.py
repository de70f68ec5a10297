"""The page behind the link of a survey. It needs no log-in: whoever holds the link was asked.

Opening it changes nothing, as mail scanners open links too; in a browser it sends the score that was clicked by itself.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Refusal
from nightdesk.base.words import in_our_language
from nightdesk.console.views.pacing import pace
from nightdesk.desk.survey_actions import LONGEST_WORDS, answer_survey

TRIES_A_MINUTE = 30
SCORES = {
    5: gettext_lazy("Very well"),
    4: gettext_lazy("Well"),
    3: gettext_lazy("So-so"),
    2: gettext_lazy("Badly"),
    1: gettext_lazy("Very badly"),
}


# Whoever holds the link may answer, so there is nothing that another site could borrow.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def survey(request: HttpRequest, secret: str, score: int) -> HttpResponse:
    """GET asks, POST answers with a score, and with words where some are given."""
    try:
        shown = _survey(request, secret, score)
    except Refusal as refusal:
        shown = render(request, "console/answer_refused.html", {"problem": refusal}, status=refusal.status)
    shown["Cache-Control"] = "no-store"
    shown["Referrer-Policy"] = "no-referrer"
    shown["X-Robots-Tag"] = "noindex, nofollow"
    return shown


def _survey(request: HttpRequest, secret: str, score: int) -> HttpResponse:
    pace(request, "survey", TRIES_A_MINUTE)
    scores = [{"score": number, "label": label, "chosen": number == score} for number, label in SCORES.items()]
    context = {"scores": scores, "asked": request.method != "POST", "heading": _("How did we do?"), "said": False}
    if request.method == "POST":
        at: datetime = request.at  # type: ignore[attr-defined]
        given = request.POST.get("score", "")
        words = request.POST.get("words")
        number = int(given) if given.isascii() and given.isdecimal() and len(given) < 3 else score
        by = Actor("caller", "survey", "whoever was asked")
        done = in_our_language(
            answer_survey,
            secret=secret,
            score=number,
            words=words[:LONGEST_WORDS] if words is not None else None,
            by=by,
            via=Door.LINK,
            at=at,
        )
        scores = [{"score": n, "label": label, "chosen": n == done.score} for n, label in SCORES.items()]
        context |= {"scores": scores, "heading": _("Thank you"), "words": done.words, "said": words is not None}
    return render(request, "console/survey.html", context)
