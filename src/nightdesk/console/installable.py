"""What makes the staff pages installable on a phone: manifest, service worker, and the page for no network.

They stand at the root of the site, because a service worker rules only what lies below its own address.
"""

from django.urls import URLPattern, path
from django.views.decorators.cache import cache_control
from django.views.generic import TemplateView

_hourly = cache_control(max_age=3600)
_always_asked = cache_control(no_cache=True)

urlpatterns: list[URLPattern] = [
    path(
        "manifest.webmanifest",
        _hourly(
            TemplateView.as_view(
                template_name="console/manifest.webmanifest", content_type="application/manifest+json; charset=utf-8"
            )
        ),
        name="manifest",
    ),
    path(
        "service-worker.js",
        _always_asked(
            TemplateView.as_view(
                template_name="console/service-worker.js", content_type="text/javascript; charset=utf-8"
            )
        ),
        name="service-worker",
    ),
    path("offline", _hourly(TemplateView.as_view(template_name="console/offline.html")), name="offline"),
]
