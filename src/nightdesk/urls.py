"""Every address of the program."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("nightdesk.base.health")),
    path("", include("nightdesk.console.installable")),
    path("", include("nightdesk.console.urls")),
    path("", include("nightdesk.portal.urls")),
    path("", include("nightdesk.paging.api")),
    path("", include("nightdesk.paging.beat_door")),
    path("", include("nightdesk.channels.api")),
    path("", include("nightdesk.calls.api")),
    path("", include("nightdesk.duty.api")),
    path("", include("nightdesk.journal.api")),
    path("", include("nightdesk.standby.api")),
    path("api/v1/", include("nightdesk.api.urls")),
    path("", include("nightdesk.api.cachet")),
    path("account/", include("allauth.urls")),
]
