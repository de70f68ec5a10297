from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "nightdesk.keeping"
    label = "keeping"
