"""The addresses under test, whatever else the program has."""

from django.urls import include, path

urlpatterns = [
    path("", include("nightdesk.console.installable")),
    path("", include("nightdesk.console.urls")),
    path("", include("nightdesk.duty.api")),
    path("", include("nightdesk.journal.api")),
    path("account/", include("allauth.urls")),
]
