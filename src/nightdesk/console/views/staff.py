"""The door of every staff page: who is there, what they may do, which brands' rows they may see."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from nightdesk.access import matrix
from nightdesk.access.models import User
from nightdesk.access.queries import require_second_factor
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import Forbidden, NotFound, NotSignedIn
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_as


class StaffRequest(HttpRequest):
    """A request whose sender is known. `brands`: those in which they may do the view's verb; None means every one."""

    at: datetime
    actor: Actor
    person: Person | None
    brands: set[int] | None


View = Callable[..., HttpResponse]
Row = TypeVar("Row", bound=Model)


def staff(verb: str, *, methods: Iterable[str] = ("GET", "HEAD"), every_brand: bool = False) -> Callable[[View], View]:
    """Lets in whoever may do `verb` in some brand; the view narrows what it shows to `request.brands`.

    `every_brand`: only who may in every one. Raises NotSignedIn and Forbidden; answers 405 to other methods.
    """
    allowed = tuple(methods)

    def decorate(view: View) -> View:
        @wraps(view)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                raise NotSignedIn(
                    _("This page is for our staff."), _("You are not signed in."), _("Sign in, then come back.")
                )
            if request.user.kind != User.Kind.STAFF:
                return _to_their_own_pages(request)
            known = cast(StaffRequest, request)
            require_second_factor(request.user)
            known.actor = actor_as(request.user, known.person)
            known.brands = matrix.brands_for(known.actor, verb)
            if known.brands is not None and (every_brand or not known.brands):
                raise Forbidden(
                    _("You asked for something that needs the right “{verb}”.").format(verb=verb.replace("_", " ")),
                    _("None of your roles has it."),
                    _("Ask an administrator for a role that may."),
                )
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            answer = view(known, *args, **kwargs)
            if not answer.has_header("Cache-Control"):
                patch_cache_control(answer, private=True, no_cache=True)
            return answer

        door.verb = verb  # type: ignore[attr-defined]
        return door

    return decorate


def _to_their_own_pages(request: HttpRequest) -> HttpResponse:
    """A customer's contact has come to the staff's front door, or to a page that does not exist for them."""
    if request.path == "/" and request.method in ("GET", "HEAD"):
        return HttpResponseRedirect(resolve_url("portal:home"))
    raise Http404


def posting(verb: str) -> Callable[[View], View]:
    """As `staff`, for a view that only changes something."""
    return staff(verb, methods=("POST",))


def form_page(verb: str, *, every_brand: bool = False) -> Callable[[View], View]:
    """As `staff`, for a view that shows a form and takes it."""
    return staff(verb, methods=("GET", "HEAD", "POST"), every_brand=every_brand)


def within(brands: set[int] | None, field: str = "brand_id", *, or_none: bool = False) -> Q:
    """The rows of `brands`, by the column `field`; with `or_none` also those that belong to no brand."""
    if brands is None:
        return Q()
    rows = Q(**{f"{field}__in": brands})
    return rows | Q(**{f"{field}__isnull": True}) if or_none else rows


def found(rows: QuerySet[Row], asked: str) -> Row:
    """The one row there. Raises NotFound, also where it exists but lies in a brand that is not the reader's."""
    row = rows.first()
    if row is None:
        raise NotFound(asked, _("It does not exist, or it belongs to a brand that you do not work for."), _("Go back."))
    return row


def may(request: StaffRequest, verb: str, brand_id: int | None) -> bool:
    """Whether the reader may do `verb` in the brand, so that a button for it makes sense."""
    return matrix.may(request.actor, verb, brand_id)


def done(request: HttpRequest, text: str, to: str, *args: Any, level: int = messages.SUCCESS) -> HttpResponseRedirect:
    """After a change: says `text`, if any, on the next page, which is the form's own `next` or else the view `to`."""
    if text:
        messages.add_message(request, level, text)
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return HttpResponseRedirect(wanted)
    return HttpResponseRedirect(resolve_url(to, *args))


def may_somewhere(request: StaffRequest, verb: str) -> bool:
    """Whether there is a brand in which the reader may do `verb`."""
    return matrix.brands_for(request.actor, verb) != set()
