"""The room as a Django app."""

from django.apps import AppConfig


class StandbyConfig(AppConfig):
    name = "nightdesk.standby"
