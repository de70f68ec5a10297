"""The door of every page of a customer: who is there, in which company; and the belt around all that the page reads."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from nightdesk.access.models import User
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Forbidden, NotFound, Refusal
from nightdesk.customers import standing
from nightdesk.customers.models import Contact, Customer, IdentityLink
from nightdesk.customers.queries import actor_of_contact, contacts_of_user
from nightdesk.outages.published_queries import brand_at
from nightdesk.portal import belt

COMPANY = "company"
"""Under this name the session keeps as which contact somebody reads who speaks for several companies."""
LINK = "identity_link"
"""Under this name the session of somebody whom their company's own sign-in let in keeps by which link it did."""


class CustomerRequest(HttpRequest):
    """A request of a customer's contact. `by`: who acts; `others`: whether the same account speaks for more companies."""

    at: datetime
    contact: Contact
    customer: Customer
    by: Actor
    others: bool


View = Callable[..., HttpResponse]
Row = TypeVar("Row", bound=Model)
P = ParamSpec("P")
R = TypeVar("R")


def page(verb: str = "", *, methods: Iterable[str] = ("GET", "HEAD")) -> Callable[[View], View]:
    """A page of the contact's own: it runs inside the belt, in their zone and language, and is answered to nobody else.

    With `verb` only whose standing lets them do it about their company pass. Who is not signed in is asked to, staff are
    sent to their own pages, and a refusal becomes a page that says what to do.
    """
    allowed = tuple(methods)

    def decorate(view: View) -> View:
        @wraps(view)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                back = request.get_full_path() if request.method in ("GET", "HEAD") else resolve_url("portal:home")
                return HttpResponseRedirect(f"{resolve_url('account_login')}?{urlencode({'next': back})}")
            if request.user.kind != User.Kind.CUSTOMER:
                return HttpResponseRedirect("/")
            known = contacts_here(request, request.user)
            chosen = next((one for one in known if one.pk == request.session.get(COMPANY)), None)
            if chosen is None and len(known) > 1:
                return HttpResponseRedirect(resolve_url("portal:choose"))
            if not known:
                return alone(request, "portal/nobody.html", {}, status=403)
            answer = _answer(view, allowed, verb, _known(request, chosen or known[0], len(known) > 1), args, kwargs)
            answer["Cache-Control"] = "private, no-store"
            return answer

        door.verb = verb  # type: ignore[attr-defined]
        door.of_a_customer = True  # type: ignore[attr-defined]
        return door

    return decorate


def contacts_here(request: HttpRequest, user: User) -> list[Contact]:
    """For whom the account speaks where we were asked: under a brand's own name for that brand's customers alone.

    Whom a company's own sign-in let in speaks for that company alone, and for nobody once the link is gone: one company's
    administrators must not come in for another by an address that both know.
    """
    here = brand_at(request.get_host())
    known = [one for one in contacts_of_user(user) if here in (None, one.customer.brand_id)]
    if LINK in request.session:
        vouched = IdentityLink.objects.filter(pk=request.session[LINK]).values_list("contact_id", flat=True).first()
        known = [one for one in known if one.pk == vouched]
    return known


def posting(verb: str = "") -> Callable[[View], View]:
    """As `page`, for a view that only changes something."""
    return page(verb, methods=("POST",))


def form_page(verb: str = "") -> Callable[[View], View]:
    """As `page`, for a view that shows a form and takes it."""
    return page(verb, methods=("GET", "HEAD", "POST"))


def _known(request: HttpRequest, contact: Contact, others: bool) -> CustomerRequest:
    known = cast(CustomerRequest, request)
    known.contact, known.customer, known.others = contact, contact.customer, others
    known.by = actor_of_contact(contact)
    return known


def _answer(
    view: View, allowed: tuple[str, ...], verb: str, request: CustomerRequest, args: Any, kwargs: Any
) -> HttpResponse:
    zone = ZoneInfo(request.contact.zone or request.customer.zone)
    with timezone.override(zone), translation.override(request.contact.language or request.customer.language):
        if request.method not in allowed:
            return HttpResponseNotAllowed(allowed)
        try:
            if verb and not may(request, verb):
                raise Forbidden(
                    _("You opened a page of your company."),
                    _("Only those who keep its contacts may."),
                    _("Ask one of them; they are listed under People."),
                )
            with belt.worn_for(request.contact, request.at):
                answer = view(request, *args, **kwargs)
                if answer.streaming:
                    # What is read while it goes out would be read with the belt off.
                    raise RuntimeError(f"{request.path} streams; a customer's page is whole before it leaves the belt.")
                return answer
        except Refusal as refusal:
            answer = draw(request, "portal/refusal.html", {"problem": refusal}, status=refusal.status)
            if "retry_after" in refusal.extra:
                answer["Retry-After"] = str(int(refusal.extra["retry_after"]))
            return answer


def may(request: CustomerRequest, verb: str) -> bool:
    """Whether the reader may do `verb` about their company, so that a button for it makes sense."""
    return standing.may(request.contact.standing, verb, own=False)


def draw(
    request: CustomerRequest, template: str, context: dict[str, Any], *, here: str = "", status: int = 200
) -> HttpResponse:
    """The page. `here` names the entry of the navigation that it belongs to."""
    around = {
        "here": here,
        "brand": request.customer.brand,
        "customer": request.customer,
        "reader": request.contact,
        "others": request.others,
    }
    return render(request, template, around | context, status=status)


def alone(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page for somebody of whom it is not known for whom they speak."""
    answer = render(request, template, context, status=status)
    answer["Cache-Control"] = "private, no-store"
    # Not "no-referrer": browsers then send forms with the origin "null", which no check against forgery lets pass.
    answer["Referrer-Policy"] = "same-origin"
    return answer


def found(rows: QuerySet[Row]) -> Row:
    """The one row there. Raises NotFound, also where it is another company's."""
    row = rows.first()
    if row is None:
        raise NotFound(_("You asked for something."), _("It is not here, or no longer."), _("Go back and look again."))
    return row


def attempt(form: forms.Form, verb: Callable[P, R], *args: P.args, **given: P.kwargs) -> R | None:
    """What the verb returns, done by the reader; None where it refused, and the form says why."""
    try:
        return belt.done(verb, *args, **given)
    except Refusal as refusal:
        form.add_error(None, f"{refusal.so} {refusal.do}")
        return None


def doing(request: CustomerRequest) -> dict[str, Any]:
    """By whom, via which door and when a verb is done here."""
    return {"by": request.by, "via": Door.WEB, "at": request.at}


def gone_to(request: HttpRequest, text: str, to: str, *args: Any) -> HttpResponseRedirect:
    """After a change: says `text` on the next page, the view `to`."""
    messages.success(request, text)
    return HttpResponseRedirect(resolve_url(to, *args))
