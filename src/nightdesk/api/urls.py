"""The addresses under `/api/v1/`, each behind the door."""

from django.urls import URLPattern, path

from nightdesk.api.door import inside_the_belt, nothing_here, through_the_door
from nightdesk.api.v1 import api

app_name = "api"


def _behind_the_door() -> list[URLPattern]:
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern) and pattern.name != "api-root"]
    for pattern in patterns:
        of_customers = str(pattern.pattern).startswith("my/")
        pattern.callback = through_the_door(inside_the_belt(pattern.callback) if of_customers else pattern.callback)
    return patterns


urlpatterns = [
    *_behind_the_door(),
    path("", through_the_door(nothing_here)),
    path("<path:rest>", through_the_door(nothing_here)),
]
