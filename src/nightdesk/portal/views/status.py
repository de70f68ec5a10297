"""The public page's own addresses: where it is not in memory yet, and where somebody asks to follow it by mail."""

from datetime import datetime
from typing import cast

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.base.refusals import NotFound, Refusal, TooMany
from nightdesk.base.words import in_our_language
from nightdesk.outages.models import Subscriber
from nightdesk.outages.published import PublishedPage
from nightdesk.outages.published_queries import brand_at, published_page
from nightdesk.outages.subscriber_actions import CONFIRMED_WITHIN, ask_to_subscribe, confirm_subscriber
from nightdesk.portal.door import alone
from nightdesk.portal.hot_status import CACHE
from nightdesk.portal.status_page import files_of

ASKS = Buckets(a_second=1 / 60, size=5)
"""Mails that one address may have sent."""
TRIES = Buckets(a_second=1 / 6, size=20)
READERS = Buckets(a_second=5, size=200)
"""What stands ready in memory is no part of it: that costs nothing."""


@require_safe
def status(request: HttpRequest, slug: str, path: str = "") -> HttpResponse:
    """A file of the page, where the front does not have it in memory: in the first moment of a process."""
    at: datetime = request.at  # type: ignore[attr-defined]
    READERS.let_in(request, at)
    _brand, page = _known(request, slug, at)
    subscribe_url = f"{settings.PUBLIC_URL}/status/{slug}/subscribe"
    file = next((each for each in files_of(page, at, subscribe_url=subscribe_url) if each.path == path), None)
    if file is None:
        raise Http404(path)
    answer = HttpResponse(file.body, content_type=file.content_type)
    for name, value in file.headers.items():
        answer[name] = value
    answer["Cache-Control"] = CACHE
    return answer


class SubscribeForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("Your email address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask to be mailed what stands on the page; nothing is sent before the address was confirmed."""
    at: datetime = request.at  # type: ignore[attr-defined]
    READERS.let_in(request, at)
    brand, page = _known(request, slug, at)
    with translation.override(brand.language):
        form = SubscribeForm(request.POST if request.method == "POST" else None)
        context = {"brand": brand, "form": form, "page_url": page.url}
        if request.method == "POST" and form.is_valid():
            if not ASKS.take(request.META.get("REMOTE_ADDR", ""), at):
                return _refused(request, _too_many(_("You asked for our updates by email.")))
            email = form.cleaned_data["email"]
            in_our_language(
                ask_to_subscribe,
                brand_id=brand.pk,
                email=email,
                language=brand.language,
                by=_somebody(),
                via=Door.WEB,
                at=at,
            )
            context |= {"email": email, "hours": CONFIRMED_WITHIN.days}
            return alone(request, "portal/status_asked.html", context)
        return alone(request, "portal/status_subscribe.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    """The link of the mail; only its button confirms, as mail scanners open links too."""
    at: datetime = request.at  # type: ignore[attr-defined]
    if not TRIES.take(request.META.get("REMOTE_ADDR", ""), at):
        return _refused(request, _too_many(_("You followed a link.")))
    brand, page = _known(request, slug, at)
    with translation.override(brand.language):
        row = Subscriber.objects.filter(secret=secret, brand=brand).first()
        context = {"brand": brand, "page_url": page.url, "email": row.email if row else "", "done": False}
        if request.method == "POST":
            try:
                in_our_language(confirm_subscriber, secret=secret, by=_somebody(), via=Door.LINK, at=at)
            except NotFound as problem:
                return _refused(request, problem)
            context["done"] = True
        elif row is None:
            return _refused(request, _old_link())
        return alone(request, "portal/status_confirm.html", context)


def _known(request: HttpRequest, slug: str, at: datetime) -> tuple[Brand, PublishedPage]:
    """The brand and its page. Raises Http404 where there is none, nothing of it is public, or the name is another brand's."""
    brand = Brand.objects.filter(slug=slug).first()
    if brand is not None and brand_at(request.get_host()) not in (None, brand.pk):
        raise Http404(slug)
    page = published_page(brand.pk, at) if brand is not None else None
    if page is None:
        raise Http404(slug)
    return cast(Brand, brand), page


def _somebody() -> Actor:
    return Actor("caller", "status page", str(_("a reader of the status page")))


def _too_many(asked: str) -> TooMany:
    return TooMany(asked, _("Too many were sent from where you are."), _("Try again in a few minutes."), retry_after=60)


def _old_link() -> NotFound:
    return NotFound(
        _("You followed a link."), _("It was used already, or is too old."), _("Ask for our updates once more.")
    )


def _refused(request: HttpRequest, problem: Refusal) -> HttpResponse:
    return alone(request, "portal/refusal_alone.html", {"problem": problem}, status=problem.status)
