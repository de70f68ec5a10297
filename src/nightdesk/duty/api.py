"""The duty calendar's door. Its address is its secret: whoever has it may read."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from nightdesk.base import clock
from nightdesk.duty import feed, queries


@require_safe
def duty_feed(request: HttpRequest, token: str) -> HttpResponseBase:
    """A person's or a rota's duty for the past month and the coming year; 304 where the caller has it already."""
    whose = feed.read_feed_token(token)
    at = clock.now()
    found = queries.feed_turns(*whose, at) if whose is not None else None
    if found is None:
        return HttpResponse(_("There is no such calendar."), status=404, content_type="text/plain; charset=utf-8")
    title, turns = found
    etag = feed.etag_of(title, turns)
    answer = get_conditional_response(request, etag=etag)
    if answer is None:
        answer = HttpResponse(feed.build_feed(title, turns, at), content_type="text/calendar; charset=utf-8")
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, max-age=300"
    return answer


urlpatterns = [path("feeds/duty/<str:token>.ics", duty_feed, name="duty_feed")]
