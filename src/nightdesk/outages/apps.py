from django.apps import AppConfig


class OutagesConfig(AppConfig):
    name = "nightdesk.outages"
    label = "outages"
