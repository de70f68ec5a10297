"""Only the API's addresses, and those that its answers name, so that its tests stand on nothing else."""

from django.urls import include, path

from nightdesk.duty import api as duty

urlpatterns = [
    path("api/v1/", include("nightdesk.api.urls")),
    path("", include("nightdesk.api.cachet")),
    path("account/", include("allauth.urls")),
]
urlpatterns += duty.urlpatterns
