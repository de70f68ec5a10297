"""The short way to the doors of alarms and beats.

No sender of those has a session, reads a page or speaks a language: what stands around every other view is nothing to them,
and with the search through all the pages' addresses it costs an alarm a seventh of its time.
"""

from collections.abc import Callable
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RegexPattern
from django.utils import translation

from nightdesk.base.refusals import Refusal
from nightdesk.paging import api, beat_door


class StraightToTheDoor:
    """Answers what is for one of the machines' doors, and hands on everything else."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    @cached_property
    def doors(self) -> URLResolver:
        """Their addresses, and no others."""
        return URLResolver(RegexPattern(r"^/"), [*api.urlpatterns, *beat_door.urlpatterns])

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            view, places, names = self.doors.resolve(request.path_info)
        except Resolver404:
            return self.answer(request)
        with translation.override(settings.LANGUAGE_CODE):
            try:
                answer: HttpResponse = view(request, *places, **names)
            except Refusal as refusal:
                answer = JsonResponse(
                    refusal.as_problem(), status=refusal.status, content_type="application/problem+json"
                )
        answer.headers.setdefault("Content-Length", str(len(answer.content)))
        return answer
