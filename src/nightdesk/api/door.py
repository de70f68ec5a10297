"""What every request to the API passes before it reaches an operation: limits, once-only keys, and plain text."""

import hashlib
from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from nightdesk.api import limits, problems
from nightdesk.api.auth import Caller, caller_of
from nightdesk.base import clock
from nightdesk.base.idempotency import Answer, answer_once
from nightdesk.base.refusals import Invalid, NotSignedIn
from nightdesk.portal import belt

View = Callable[..., HttpResponseBase]


def through_the_door(view: View) -> View:
    """`view` behind the door. Whatever is refused, here or by Django itself, comes back as a problem."""

    @wraps(view)
    def enter(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        asked_for_head = request.method == "HEAD"
        if asked_for_head:
            request.method = "GET"
        try:
            response = _let_in(request, lambda: view(request, *args, **kwargs))
            if isinstance(response, HttpResponseNotAllowed):
                response = _not_allowed(request, response)
        except problems.EXPECTED as error:
            response = problems.answer(error)
        if asked_for_head and isinstance(response, HttpResponse):
            response["Content-Length"] = str(len(response.content))
            response.content = b""
        response.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["Accept", "Authorization", "Cookie"])
        return response

    enter.csrf_exempt = True  # type: ignore[attr-defined] # sessions are asked for their CSRF token in `auth`
    return enter


def inside_the_belt(view: View) -> View:
    """`view`, an operation of customers: all that it reads, and the answer made of it, is its contact's own."""

    @wraps(view)
    def belted(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            contact = caller_of(request).contact
        except NotSignedIn:
            contact = None
        if contact is None:
            return view(request, *args, **kwargs)  # the operation itself refuses
        with belt.worn_for(contact, clock.now()):
            return view(request, *args, **kwargs)

    belted.of_a_customer = True  # type: ignore[attr-defined]
    return belted


def nothing_here(_request: HttpRequest, **_kwargs: object) -> HttpResponse:
    """Every address that no operation has."""
    return problems.answer(Http404())


def _let_in(request: HttpRequest, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    if "\0" in request.path or any("\0" in text for pair in request.GET.lists() for text in (pair[0], *pair[1])):
        raise problems.Unreadable(
            _("An address was asked."), _("It holds a NUL character."), _("Leave the character out.")
        )
    try:
        caller = caller_of(request)
    except NotSignedIn:
        limits.STRANGERS.take(request.META.get("REMOTE_ADDR", ""))
        return view()  # the operation itself refuses, unless it is for everybody
    limits.CALLERS.take(caller.key)
    key = request.headers.get("Idempotency-Key")
    if request.method == "POST" and key is not None:
        return _once(request, caller, key, view)
    return view()


def _once(request: HttpRequest, caller: Caller, key: str, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Invalid(
            _("A request came with an Idempotency-Key."),
            _("It is not 1 to 255 printable ASCII characters."),
            _("Use a UUID."),
        )
    said: list[HttpResponseBase] = []

    def do() -> Answer:
        response = view()
        said.append(response)
        return Answer(response.status_code, response.content if isinstance(response, HttpResponse) else b"")

    answer = answer_once(caller=caller.key, key=key, fingerprint=_fingerprint(request), at=clock.now(), do=do)
    if not answer.again:
        return said[0]
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json; charset=utf-8")
    response["Idempotent-Replayed"] = "true"
    return response


def _fingerprint(request: HttpRequest) -> str:
    """What makes two requests the same: address, query and body."""
    parts = (request.get_full_path().encode(), request.headers.get("Content-Type", "").encode(), request.body)
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _not_allowed(request: HttpRequest, response: HttpResponseNotAllowed) -> HttpResponse:
    allowed = response["Allow"]
    refused = problems.answer(
        problems.BadMethod(
            _("%(method)s was asked.") % {"method": request.method},
            _("This address takes %(allowed)s.") % {"allowed": allowed},
            _("Use one of those."),
        ),
    )
    refused["Allow"] = allowed
    return refused
