from django.apps import AppConfig


class CallsConfig(AppConfig):
    name = "nightdesk.calls"
    label = "calls"
