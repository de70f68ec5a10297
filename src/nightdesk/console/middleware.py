"""What stands around every view: whose clock and language it speaks, and how a refusal is answered."""

from collections.abc import Callable
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from nightdesk.access.models import User
from nightdesk.access.session_actions import note_session
from nightdesk.base import clock
from nightdesk.base.refusals import NotSignedIn, Refusal, SecondFactorNeeded
from nightdesk.people.models import Person

Answer = Callable[[HttpRequest], HttpResponse]
FOR_CUSTOMERS = ("/account/", "/join/", "/my/", "/shared/", "/sign-in/", "/status/", "/survey/", "/u/")
"""Below these lie pages that customers read who are not, or not yet, signed in."""


class SpeakTheirLanguage:
    """Customers who are not signed in are answered in the language that their browser asks for, everybody else, programs among
    them, in ours until it is known who reads.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        for_customers = request.path_info.startswith(FOR_CUSTOMERS)
        language = translation.get_language_from_request(request) if for_customers else settings.LANGUAGE_CODE
        with translation.override(language):
            answer = self.answer(request)
        if for_customers:
            patch_vary_headers(answer, ("Accept-Language",))
        return answer


class KnowTheReader:
    """Gives the request `at`, the one instant it is answered for, and `person`, who reads (None: nobody of our staff).

    Times stand in the person's zone until the answer is written, and words in the one language of our own pages.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.at = clock.now()  # type: ignore[attr-defined]
        person = None
        if not isinstance(request.user, AnonymousUser) and request.user.is_authenticated:
            person = Person.objects.filter(user_id=request.user.pk).first()
        request.person = person  # type: ignore[attr-defined]
        if person is None:
            return self.answer(request)
        with timezone.override(ZoneInfo(person.zone)), translation.override(settings.LANGUAGE_CODE):
            return self.answer(request)


class KnowTheBrowser:
    """Keeps the list of sessions: in which browser, and from where, an account was seen last."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.answer(request)
        # Afterwards, as signing in and another password give the session another key. Whoever sent no cookie, and was
        # given none, has no session to look into.
        if request.session.session_key is not None and isinstance(request.user, User):
            note_session(
                user_id=request.user.pk,
                key=request.session.session_key,
                agent=request.headers.get("User-Agent", ""),
                address=str(request.META.get("REMOTE_ADDR", "")),
                at=request.at,  # type: ignore[attr-defined]
            )
        return answer


class AnswerRefusals:
    """Turns a `Refusal` into what its reader can use: a page, a toast (htmx), or an RFC 9457 problem (JSON)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to a refusal; None (Django's own answer) to anything else."""
        if not isinstance(exception, Refusal):
            return None
        answer = _answer_to(request, exception)
        retry_after = exception.extra.get("retry_after")
        if retry_after is not None:
            answer["Retry-After"] = str(int(retry_after))
        answer["Cache-Control"] = "no-store"
        return answer


def _answer_to(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if _wants_json(request):
        problem = JsonResponse(refusal.as_problem(), status=refusal.status)
        problem["Content-Type"] = "application/problem+json"
        return problem
    if request.headers.get("HX-Request"):
        toast = render(request, "console/refusal_toast.html", {"problem": refusal}, status=refusal.status)
        toast["HX-Retarget"], toast["HX-Reswap"] = "#toasts", "beforeend"
        return toast
    if isinstance(refusal, NotSignedIn):
        # What was asked by POST cannot be repeated by a redirect; the page that it came from can be shown again.
        back = request.get_full_path() if request.method == "GET" else "/"
        return HttpResponseRedirect(f"{resolve_url('account_login')}?{urlencode({'next': back})}")
    if isinstance(refusal, SecondFactorNeeded) and request.method == "GET":
        messages.warning(request, f"{refusal.so} {refusal.do}")
        return HttpResponseRedirect(resolve_url("mfa_index"))
    of_staff = request.user.is_authenticated and request.user.kind == User.Kind.STAFF
    template = "console/refusal.html" if of_staff else "console/refusal_alone.html"
    return render(request, template, {"problem": refusal}, status=refusal.status)


def _wants_json(request: HttpRequest) -> bool:
    """Whether JSON was asked for by name: a browser's `*/*` is not that."""
    accept = request.headers.get("Accept", "")
    return "json" in accept and "text/html" not in accept
