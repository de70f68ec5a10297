"""The duty calendar's door. Its address is its secret: whoever has it may read."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.base.buckets import Buckets
from nightdesk.duty import feed
from nightdesk.duty.feed_actions import give_feed

DOOR = Buckets(a_second=1, size=60)
"""By the address that asks."""
ANYBODY = Actor("caller", "", "calendar")
"""Whoever has the address."""


@require_safe
def duty_feed(request: HttpRequest, token: str) -> HttpResponseBase:
    """A person's or a rota's duty for the past month and the coming year; 304 where the caller has it already, 404 for an
    address that was revoked.
    """
    at = clock.now()
    DOOR.let_in(request, at)
    asked = feed.read_feed_token(token)
    found = None
    if asked is not None:
        whose, id_, serial = asked
        found = give_feed(whose=whose, id_=id_, serial=serial, by=ANYBODY, via=Door.WEB, at=at)
    if found is None:
        return HttpResponse(_("There is no such calendar."), status=404, content_type="text/plain; charset=utf-8")
    title, events = found
    etag = feed.etag_of(title, events)
    answer = get_conditional_response(request, etag=etag)
    if answer is None:
        answer = HttpResponse(feed.build_feed(title, events, at), content_type="text/calendar; charset=utf-8")
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, max-age=300"
    return answer


urlpatterns = [path("feeds/duty/<str:token>.ics", duty_feed, name="duty_feed")]
