"""Only the API's addresses, so that its tests stand on nothing else."""

from django.urls import include, path

urlpatterns = [path("api/v1/", include("nightdesk.api.urls")), path("account/", include("allauth.urls"))]
