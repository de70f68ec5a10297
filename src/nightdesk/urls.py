"""Every address of the program."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("nightdesk.base.health")),
    path("", include("nightdesk.journal.api")),
    path("", include("nightdesk.console.installable")),
    path("account/", include("allauth.urls")),
]
