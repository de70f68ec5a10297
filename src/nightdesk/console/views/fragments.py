"""Parts of a page that the script asks for again when something changed."""

import hashlib
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_CHANGES_BY_ITSELF = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"|data-age>[^<]*<')
"""A CSRF token is another one in each rendering, and the script keeps ages current: neither is news."""


def page_or_part(request: HttpRequest, name: str, parts: set[str], context: dict[str, Any]) -> HttpResponse:
    """The page console/NAME.html, or, where `?part=` names one of `parts`, only console/NAME_PART.html with an ETag."""
    part = request.GET.get("part", "")
    if part not in parts:
        return render(request, f"console/{name}.html", context)
    answer = render(request, f"console/{name}_{part}.html", context)
    digest = hashlib.sha256(_CHANGES_BY_ITSELF.sub(b"", answer.content)).hexdigest()[:24]
    if request.headers.get("If-None-Match") == f'"{digest}"':
        answer = HttpResponse(status=304)
    answer["ETag"] = f'"{digest}"'
    return answer
