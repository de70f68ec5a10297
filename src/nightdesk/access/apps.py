from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "nightdesk.access"
    label = "access"
